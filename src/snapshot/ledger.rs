//! The records of a writer, from which it publishes: what changed, the shards and objects as they were
//! last made, and how far publishing is.

use crate::cut::{ObjectRef, SnapshotIndex};
use crate::hash::Hash;
use crate::manifest::Manifest;
use mayuse_core::{BlockBuilder, Catalog, Instant, Packed, Problems, shard_of};
use std::rc::Rc;

/// A shard as it was last made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shard {
    /// The first of the hashes in it, in units of the smallest shard there can be: see [`Shard::slots`].
    pub slot: u64,
    /// It is one of `2^bits`.
    pub bits: u8,
    /// Its object.
    pub part: ObjectRef,
    /// Why it is withheld, where it could not be made.
    pub failing: Option<Failing>,
}

/// Why a shard is withheld.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failing {
    /// Since when, in milliseconds since 1970.
    pub since: i64,
    /// When it is tried again.
    pub retry_at: i64,
    /// What went wrong the last time.
    pub why: String,
}

impl Shard {
    /// Its number among `2^bits`.
    pub fn number(&self) -> u64 {
        self.slot.checked_shr(u32::from(SnapshotIndex::MAX_BITS.saturating_sub(self.bits))).unwrap_or_default()
    }

    /// How many of the smallest shards there can be it is.
    pub fn slots(&self) -> u64 {
        1_u64.checked_shl(u32::from(SnapshotIndex::MAX_BITS.saturating_sub(self.bits))).unwrap_or(1)
    }

    /// The first hash in it.
    pub(crate) fn start(&self) -> u64 {
        first_hash(self.slot)
    }

    /// The first hash after it; nothing after the last.
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

/// How far publishing is.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct State {
    /// The version of the catalog; 0 is an empty one.
    pub version: u64,
    /// How many bits number the places of the table.
    pub bits: u8,
    /// Up to which customer an old catalog was looked through; nothing once all of it was.
    pub scanned: Option<String>,
    /// The catalog object.
    pub catalog: Option<Hash>,
    /// Whether a shard or the catalog object changed since the last cut.
    pub touched: bool,
    /// The version and the instant of the cut that is being put, if one is.
    pub cut: Option<(u64, i64)>,
    /// Whether the last attempt to publish failed.
    pub has_failed: bool,
    /// The version that was published last; 0 is none.
    pub published: u64,
    /// As of when that was the newest, in milliseconds since 1970.
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
    /// What shards are made with.
    pub catalog: Catalog,
}

/// The records of a writer: what changed, the shards and objects as they were last made, and how far
/// publishing is.
pub trait Ledger {
    /// What can go wrong with them.
    type Error: From<Problems>;

    /// Runs `write`: all of it stands or, after a failure, none of it.
    fn transaction(&self, write: &mut dyn FnMut() -> Result<(), Self::Error>) -> Result<(), Self::Error>;
    /// What an error says, for whoever operates this.
    fn describe(error: &Self::Error) -> String;
    /// With what keys are hashed.
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
    /// Notes that the record under a key is made anew.
    fn clear_dirty(&self, hash: u64, key: &str) -> Result<(), Self::Error>;

    /// Sets how many bits number the places of the table.
    fn set_bits(&self, bits: u8) -> Result<(), Self::Error>;
    /// Keeps the catalog object in place of another.
    fn set_catalog(&self, hash: Hash) -> Result<(), Self::Error>;
    /// The shard with the greatest slot up to this one.
    fn shard(&self, slot: u64) -> Result<Option<Shard>, Self::Error>;
    /// A shard with fewer bits that is not failing.
    fn coarse_shard(&self, bits: u8) -> Result<Option<Shard>, Self::Error>;
    /// All shards, in the order of their slots.
    fn shards(&self) -> Result<Vec<Shard>, Self::Error>;
    /// Keeps a shard, in place of the one with its slot. Unless it was failing and still is, that
    /// touches the table.
    fn put_shard(&self, shard: &Shard) -> Result<(), Self::Error>;
    /// Whether any shard has this object.
    fn is_named(&self, hash: Hash) -> Result<bool, Self::Error>;

    /// An object.
    fn object(&self, hash: Hash) -> Result<Option<Packed>, Self::Error>;
    /// Keeps an object that is in use from now on.
    fn put_object(&self, hash: Hash, bytes: &Packed) -> Result<(), Self::Error>;
    /// Notes that an object is not in use any more. One that was never put and that no cut waits for
    /// goes at once.
    fn drop_object(&self, hash: Hash, now: Instant) -> Result<(), Self::Error>;
    /// Keeps a cut. Objects in use that are not put yet are those it waits for; of others that were
    /// never put, those not in use go. Objects not in use are garbage once this cut is published.
    fn set_cut(&self, cut: &Manifest) -> Result<(), Self::Error>;
    /// Objects the cut waits for, up to `limit` of them.
    fn waiting(&self, limit: usize) -> Result<Vec<Hash>, Self::Error>;
    /// The cut that was kept last.
    fn cut(&self) -> Result<Option<Manifest>, Self::Error>;
    /// Notes that an object is where readers look for it.
    fn mark_put(&self, hash: Hash) -> Result<(), Self::Error>;
    /// Notes that the cut is published.
    fn record_publication(&self, cut: &Manifest, manifest: Hash, now: Instant) -> Result<(), Self::Error>;

    /// Objects not in use since before `before`, and not when the cut was kept that was published last.
    /// The clock alone does not tell: it may have gone backward.
    fn garbage(&self, before: i64, limit: usize) -> Result<Vec<Hash>, Self::Error>;
    /// Notes that an object is about to be taken away from where readers look: whatever happens in
    /// between, it is not taken for one that is there.
    fn mark_deleting(&self, hash: Hash) -> Result<(), Self::Error>;
    /// Forgets an object that was taken away, unless it is in use again.
    fn forget_object(&self, hash: Hash) -> Result<(), Self::Error>;
}

/// How publishing is, for whoever operates it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Health {
    /// Everything that is written gets to the readers.
    Ok,
    /// Something does not, since this instant in milliseconds since 1970.
    Degraded(i64),
}

/// How publishing is: degraded once nothing was published, or a shard was withheld, for more than two
/// heartbeats. `failing` is since when the shard is withheld that has been for the longest.
pub fn health(state: &State, failing: Option<i64>, heartbeat_ms: i64, now: i64) -> Health {
    let patience = heartbeat_ms.saturating_mul(2);
    let quiet = (state.version != 0).then_some(state.published_at);
    let since = quiet.into_iter().chain(failing).filter(|since| patience < now.saturating_sub(*since)).min();
    since.map_or(Health::Ok, Health::Degraded)
}
