//! The limits of a publisher: batch sizes and intervals.

use crate::cut::SHARD_BYTES;

/// The batch sizes, object sizes and intervals of a publisher.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The target size of a shard, in bytes.
    pub shard_bytes: usize,
    /// The maximum size of a shard. A larger shard is split, or withheld if splitting does not help.
    pub max_shard: usize,
    /// How many keys of one shard are rebuilt at once.
    pub keys: usize,
    /// The work of one step, in keys; rebuilding a shard counts as `shard_cost` keys.
    pub slice: usize,
    /// See `slice`.
    pub shard_cost: usize,
    /// With this many dirty keys, shards are rebuilt even during an import or an upload.
    pub backlog: usize,
    /// How many objects are uploaded at the same time: the platform limits connections.
    pub puts: usize,
    /// The minimum time between manifests: the store accepts one write a second to a key.
    pub manifest_every_ms: i64,
    /// How long a running import delays a cut.
    pub import_every_ms: i64,
    /// How late a publication may be before it skips optional waits.
    pub late_ms: i64,
    /// The interval of heartbeats.
    pub heartbeat_ms: i64,
    /// How long an object is kept after the last manifest that lists it.
    pub grace_ms: i64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            shard_bytes: SHARD_BYTES,
            max_shard: 8 * 1024 * 1024,
            keys: 500,
            slice: 1_000,
            shard_cost: 15,
            backlog: 20_000,
            puts: 6,
            manifest_every_ms: 1_000,
            import_every_ms: 3_000,
            late_ms: 2_000,
            heartbeat_ms: 60_000,
            grace_ms: 24 * 60 * 60 * 1_000,
        }
    }
}
