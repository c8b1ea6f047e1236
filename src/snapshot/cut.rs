//! Cuts a catalog into objects.

use crate::hash::Hash;
use mayuse_core::{Packed, SortedRecords};

/// The size in bytes near which shards stay. Large enough that reading one is not mostly overhead, small enough that
/// a change of one customer writes little.
pub const SHARD_BYTES: usize = 64 * 1024;

/// A reference to an object.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ObjectRef {
    /// The hash, which is the name of the object.
    pub hash: Hash,
    /// The size in bytes.
    pub size: u32,
    /// The number of customers.
    pub n: u32,
}

impl ObjectRef {
    /// Stands for a withheld shard: readers ask the origin about its customers.
    pub const WITHHELD: ObjectRef = ObjectRef { hash: Hash::ZERO, size: 0, n: 0 };

    /// Whether this stands for a withheld shard.
    pub fn is_withheld(&self) -> bool {
        self.hash == Hash::ZERO
    }

    /// The reference to an object with these bytes.
    pub fn of(bytes: &Packed, n: u32) -> ObjectRef {
        let size = u32::try_from(bytes.as_slice().len()).unwrap_or(u32::MAX);
        ObjectRef { hash: Hash::of(bytes.as_slice()), size, n }
    }
}

/// The index of a snapshot: its objects and their layout.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SnapshotIndex {
    /// The seed of the key hashes.
    pub seed: u64,
    /// The catalog object.
    pub catalog_object: ObjectRef,
    /// The shard bits: there are `2^bits` places for shards.
    pub bits: u8,
    /// The shards by the upper bits of the hash of an id or alias. A shard that is not split yet fills all
    /// places of its range, one after the other.
    pub shards: Vec<ObjectRef>,
}

impl SnapshotIndex {
    /// The largest number of shard bits. A hundred million customers need 17.
    pub const MAX_BITS: u8 = 17;

    /// The total size of all shards, in bytes.
    pub fn n_bytes(&self) -> u64 {
        self.distinct().map(|(_, shard)| u64::from(shard.size)).sum()
    }

    /// The number of customers, without those of withheld shards.
    pub fn n_customers(&self) -> u64 {
        self.distinct().map(|(_, shard)| u64::from(shard.n)).sum()
    }

    /// The shards that are not withheld, each once, with the first of its places.
    pub fn distinct(&self) -> impl Iterator<Item = (u64, ObjectRef)> + '_ {
        let mut before = ObjectRef::WITHHELD.hash;
        let first = move |(place, part): (u64, &ObjectRef)| {
            let is_first = part.hash != std::mem::replace(&mut before, part.hash);
            (is_first && !part.is_withheld()).then_some((place, *part))
        };
        (0..).zip(&self.shards).filter_map(first)
    }

    /// The first place of the shard at `place`.
    pub(crate) fn first_place(&self, place: u64) -> u64 {
        let at = usize::try_from(place).unwrap_or(usize::MAX);
        let up_to_here = self.shards.get(..=at).unwrap_or_default();
        let hash = up_to_here.last().map(|part| part.hash);
        let others = up_to_here.iter().rev().take_while(|part| Some(part.hash) == hash).count();
        place.saturating_sub(u64::try_from(others.saturating_sub(1)).unwrap_or_default())
    }

    /// Whether no shard is withheld, so that the snapshot has every customer.
    pub fn is_whole(&self) -> bool {
        !self.shards.iter().any(ObjectRef::is_withheld)
    }
}

/// The shard bits for customers of `n_bytes` in all, so that shards have at most `shard_bytes` in the mean.
pub fn bits_for(n_bytes: u64, shard_bytes: usize) -> u8 {
    let n_shards = n_bytes.div_ceil(u64::try_from(shard_bytes).unwrap_or(u64::MAX).max(1)).max(1).next_power_of_two();
    u8::try_from(n_shards.trailing_zeros()).unwrap_or(SnapshotIndex::MAX_BITS).min(SnapshotIndex::MAX_BITS)
}

/// Cuts customers into shards. Calls `write` with each object, the catalog object first.
///
/// # Errors
/// The errors of `write`.
pub fn cut<E>(
    catalog_object: &Packed,
    customers: &SortedRecords,
    mut write: impl FnMut(&ObjectRef, &Packed) -> Result<(), E>,
) -> Result<SnapshotIndex, E> {
    let whole = ObjectRef::of(catalog_object, 0);
    write(&whole, catalog_object)?;
    let bits = bits_for(u64::try_from(customers.n_bytes()).unwrap_or(u64::MAX), SHARD_BYTES);
    let mut shards = Vec::new();
    for shard in 0..1_u64.checked_shl(bits.into()).unwrap_or_default() {
        let (block, n) = customers.block(bits, shard);
        let part = ObjectRef::of(&block, n);
        write(&part, &block)?;
        shards.push(part);
    }
    Ok(SnapshotIndex { seed: customers.seed(), catalog_object: whole, bits, shards })
}
