//! Rebuilds changed shards: a changed customer affects its own shard, and an alias affects the shard
//! of its hash.

use crate::cut::ObjectRef;
use mayuse_core::{BlockBuilder, Catalog, Packed, Problem, Problems, SortedSet, Unreadable, key_hash, shard_of};

/// A rebuilt shard.
#[derive(Clone, Debug)]
pub struct Patched {
    /// Its number.
    pub shard: u64,
    /// Its new object.
    pub part: ObjectRef,
    /// Its new content.
    pub block: Packed,
}

/// Rebuilds a shard. Removes the records of `keys`, the changed ids and aliases, from the old block, and
/// adds the records that `add` puts on the builder and that belong to this shard.
///
/// # Errors
/// An unreadable old block; inconsistent customers; the errors of `add`.
pub fn patch<E: From<Problems>>(
    catalog: &Catalog,
    old: &Packed,
    (seed, bits, shard): (u64, u8, u64),
    keys: &SortedSet<String>,
    add: impl FnOnce(&mut BlockBuilder<'_>) -> Result<(), E>,
) -> Result<Patched, E> {
    let mut pile = BlockBuilder::new(catalog, seed);
    pile.add_block(old, |key| !keys.contains(key)).map_err(damaged)?;
    add(&mut pile)?;
    pile.keep(|key| shard_of(key_hash(seed, key), bits) == shard);
    let (block, n) = pile.sorted()?.block(bits, shard);
    Ok(Patched { shard, part: ObjectRef::of(&block, n), block })
}

/// An empty shard.
pub fn empty_shard(catalog: &Catalog, (seed, bits, shard): (u64, u8, u64)) -> Result<Patched, Problems> {
    let (block, n) = BlockBuilder::new(catalog, seed).sorted()?.block(bits, shard);
    Ok(Patched { shard, part: ObjectRef::of(&block, n), block })
}

/// Splits a shard into its two halves.
///
/// # Errors
/// An unreadable old block.
pub fn split(catalog: &Catalog, old: &Packed, (seed, bits, shard): (u64, u8, u64)) -> Result<[Patched; 2], Problems> {
    let mut pile = BlockBuilder::new(catalog, seed);
    pile.add_block(old, |_| true).map_err(damaged)?;
    let sorted = pile.sorted()?;
    let halves = [shard.saturating_mul(2), shard.saturating_mul(2).saturating_add(1)];
    Ok(halves.map(|shard| {
        let (block, n) = sorted.block(bits.saturating_add(1), shard);
        Patched { shard, part: ObjectRef::of(&block, n), block }
    }))
}

fn damaged(error: Unreadable) -> Problems {
    Problem::error(mayuse_core::Code::Invalid, String::new(), error.to_string()).into()
}
