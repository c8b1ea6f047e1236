//! The records that a publisher works from: dirty keys, the shards and objects as last built, and the
//! progress of publishing.

use crate::cut::{ObjectRef, SnapshotIndex};
use crate::hash::Hash;
use crate::manifest::Manifest;
use mayuse_core::{BlockBuilder, Catalog, Instant, Packed, Problems, shard_of};
use std::rc::Rc;

/// A shard as it was last built.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shard {
    /// The first of the hashes in it, in units of the smallest shard there can be: see [`Shard::slots`].
    pub slot: u64,
    /// The shard is one of `2^bits`.
    pub bits: u8,
    /// Its object.
    pub part: ObjectRef,
    /// Why the shard is withheld, if it could not be built.
    pub failing: Option<Failing>,
}

/// Why a shard is withheld.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failing {
    /// When the failures began, in milliseconds since 1970.
    pub since: i64,
    /// The time of the next attempt.
    pub retry_at: i64,
    /// The last error.
    pub why: String,
}

impl Shard {
    /// Its number among `2^bits`.
    pub fn number(&self) -> u64 {
        self.slot.checked_shr(u32::from(SnapshotIndex::MAX_BITS.saturating_sub(self.bits))).unwrap_or_default()
    }

    /// The size of its range, in units of the smallest possible shard.
    pub fn slots(&self) -> u64 {
        1_u64.checked_shl(u32::from(SnapshotIndex::MAX_BITS.saturating_sub(self.bits))).unwrap_or(1)
    }

    /// The first hash in it.
    pub(crate) fn start(&self) -> u64 {
        first_hash(self.slot)
    }

    /// The first hash after its range; `None` for the last shard.
    pub(crate) fn end(&self) -> Option<u64> {
        let slot = self.slot.saturating_add(self.slots());
        (slot < 1 << SnapshotIndex::MAX_BITS).then(|| first_hash(slot))
    }

    pub(crate) fn at(number: u64, bits: u8, part: ObjectRef) -> Shard {
        let slot = number.checked_shl(u32::from(SnapshotIndex::MAX_BITS.saturating_sub(bits))).unwrap_or_default();
        Shard { slot, bits, part, failing: None }
    }

    pub(crate) fn is_waiting(&self, now: i64) -> bool {
        self.failing.as_ref().is_some_and(|failing| now < failing.retry_at)
    }
}

fn first_hash(slot: u64) -> u64 {
    slot.checked_shl(64_u32.saturating_sub(u32::from(SnapshotIndex::MAX_BITS))).unwrap_or_default()
}

/// The slot of a hash, by which its shard is found.
pub fn slot_of(hash: u64) -> u64 {
    shard_of(hash, SnapshotIndex::MAX_BITS)
}

/// The progress of publishing.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct State {
    /// The version of the catalog; 0 is an empty one.
    pub version: u64,
    /// The number of bits in a shard number.
    pub bits: u8,
    /// The last customer that the scan of an old catalog reached; `None` once the scan is complete.
    pub scanned: Option<String>,
    /// The catalog object.
    pub catalog: Option<Hash>,
    /// Whether a shard or the catalog object changed since the last cut.
    pub touched: bool,
    /// The version and instant of the cut that is being uploaded.
    pub cut: Option<(u64, i64)>,
    /// Whether the last attempt to publish failed.
    pub has_failed: bool,
    /// The last published version; 0 before the first.
    pub published: u64,
    /// The `generated_at` of that version, in milliseconds since 1970.
    pub published_as_of: i64,
    /// When it was published.
    pub published_at: i64,
    /// The hash of that manifest.
    pub manifest: Option<Hash>,
    /// How many keys are dirty.
    pub n_dirty: usize,
    /// How many shards there are, with how many bytes and customers.
    pub n_shards: u64,
    /// See `n_shards`.
    pub n_bytes: u64,
    /// See `n_shards`.
    pub n_customers: u64,
}

/// Features, plans and add-ons, packed.
#[derive(Debug)]
pub struct Definitions {
    /// The catalog object.
    pub object: Packed,
    /// Its name.
    pub part: ObjectRef,
    /// The catalog that shards are built against.
    pub catalog: Catalog,
}

/// The storage of a publisher's records.
pub trait Ledger {
    /// An error of the storage.
    type Error: From<Problems>;

    /// Runs `write` in a transaction, which rolls back if `write` fails.
    fn transaction(&self, write: &mut dyn FnMut() -> Result<(), Self::Error>) -> Result<(), Self::Error>;
    /// Formats an error for the operator.
    fn describe(error: &Self::Error) -> String;
    /// The seed of the key hashes.
    fn seed(&self) -> u64;
    /// How far publishing is.
    fn state(&self) -> Result<State, Self::Error>;
    /// The definitions as they are now.
    fn definitions(&self) -> Result<Rc<Definitions>, Self::Error>;
    /// How many customers are stored.
    fn n_customers(&self) -> Result<u64, Self::Error>;
    /// Loads the customers behind these ids and aliases into the builder of a shard.
    fn load_into(&self, builder: &mut BlockBuilder<'_>, key: &str) -> Result<(), Self::Error>;
    /// Marks up to `limit` customers after one as dirty, and remembers the last.
    fn scan(&self, after: &str, limit: usize) -> Result<(), Self::Error>;

    /// Dirty keys with `from <= hash` and `hash < to`, in the order of their hashes.
    fn dirty(&self, from: u64, to: Option<u64>, limit: usize) -> Result<Vec<(u64, String)>, Self::Error>;
    /// Removes a key from the dirty keys once its record is rebuilt.
    fn clear_dirty(&self, hash: u64, key: &str) -> Result<(), Self::Error>;

    /// Sets how many bits number the places of the table.
    fn set_bits(&self, bits: u8) -> Result<(), Self::Error>;
    /// Replaces the catalog object.
    fn set_catalog(&self, hash: Hash) -> Result<(), Self::Error>;
    /// The shard with the greatest slot up to this one.
    fn shard(&self, slot: u64) -> Result<Option<Shard>, Self::Error>;
    /// A shard with fewer bits that is not failing.
    fn coarse_shard(&self, bits: u8) -> Result<Option<Shard>, Self::Error>;
    /// All shards, in the order of their slots.
    fn shards(&self) -> Result<Vec<Shard>, Self::Error>;
    /// Stores a shard, replacing the shard at its slot. Sets `touched`, unless the shard was failing
    /// and still is.
    fn put_shard(&self, shard: &Shard) -> Result<(), Self::Error>;
    /// Whether any shard has this object.
    fn is_named(&self, hash: Hash) -> Result<bool, Self::Error>;

    /// An object.
    fn object(&self, hash: Hash) -> Result<Option<Packed>, Self::Error>;
    /// Stores an object and marks it as in use.
    fn put_object(&self, hash: Hash, bytes: &Packed) -> Result<(), Self::Error>;
    /// Marks an object as unused. Deletes it at once if it was never uploaded and no cut waits for it.
    fn drop_object(&self, hash: Hash, now: Instant) -> Result<(), Self::Error>;
    /// Stores a cut. It waits for the objects in use that are not uploaded yet. Unused objects that were
    /// never uploaded are deleted; the other unused objects become garbage once this cut is published.
    fn set_cut(&self, cut: &Manifest) -> Result<(), Self::Error>;
    /// Objects the cut waits for, up to `limit` of them.
    fn waiting(&self, limit: usize) -> Result<Vec<Hash>, Self::Error>;
    /// The last stored cut.
    fn cut(&self) -> Result<Option<Manifest>, Self::Error>;
    /// Records that an object is uploaded.
    fn mark_put(&self, hash: Hash) -> Result<(), Self::Error>;
    /// Records that the cut is published.
    fn record_publication(&self, cut: &Manifest, manifest: Hash, now: Instant) -> Result<(), Self::Error>;

    /// Objects unused since before `before` and also unused by the last published cut. The second
    /// condition is needed because the clock may go backward.
    fn garbage(&self, before: i64, limit: usize) -> Result<Vec<Hash>, Self::Error>;
    /// Records that an object is about to be deleted from the store. After a crash, it then does not
    /// count as uploaded.
    fn mark_deleting(&self, hash: Hash) -> Result<(), Self::Error>;
    /// Removes the record of a deleted object, unless it is in use again.
    fn forget_object(&self, hash: Hash) -> Result<(), Self::Error>;
}

/// The health of publishing, for the operator.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Health {
    /// All writes reach the readers.
    Ok,
    /// Some writes have not reached the readers since this instant, in milliseconds since 1970.
    Degraded(i64),
}

/// The health of publishing: degraded if nothing was published, or a shard was withheld, for more than
/// two heartbeats. `failing` is when the oldest withheld shard began to fail.
pub fn health(state: &State, failing: Option<i64>, heartbeat_ms: i64, now: i64) -> Health {
    let patience = heartbeat_ms.saturating_mul(2);
    let quiet = (state.version != 0).then_some(state.published_at);
    let since = quiet.into_iter().chain(failing).filter(|since| patience < now.saturating_sub(*since)).min();
    since.map_or(Health::Ok, Health::Degraded)
}
