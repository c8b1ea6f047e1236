//! How much a publisher does at once, and how often.

use crate::cut::SHARD_BYTES;

/// How much is done at once, and how large what is made may become.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// What the size of a shard stays near.
    pub shard_bytes: usize,
    /// The largest shard. Beyond it a shard is split, or withheld where that does not help.
    pub max_shard: usize,
    /// How many keys of one shard are made anew at once.
    pub keys: usize,
    /// How much work one step does, in keys; a shard that is made anew counts as `shard_cost` keys.
    pub slice: usize,
    /// See `slice`.
    pub shard_cost: usize,
    /// From so many dirty keys on they are made anew although an import runs or a cut is being put.
    pub backlog: usize,
    /// How many objects are put at the same time: the platform opens no more connections.
    pub puts: usize,
    /// The store takes a key once a second.
    pub manifest_every_ms: i64,
    /// How long a cut is put off while an import runs.
    pub import_every_ms: i64,
    /// How late a publication may become before it stops waiting for what is merely tidy.
    pub late_ms: i64,
    /// How often a manifest is published although nothing changed.
    pub heartbeat_ms: i64,
    /// For how long objects stay that no manifest names any more.
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
