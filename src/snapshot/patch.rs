//! The next table of what changed: a changed customer touches one shard, and an alias the one it
//! lies in.

use crate::cut::ObjectRef;
use mayuse_core::{BlockBuilder, Catalog, Packed, Problem, Problems, SortedSet, Unreadable, key_hash, shard_of};

/// A shard, anew.
#[derive(Clone, Debug)]
pub struct Patched {
    /// Which one.
    pub shard: u64,
    /// What it is called now.
    pub part: ObjectRef,
    /// What it holds now.
    pub block: Packed,
}

/// Makes a shard anew. `keys` are the ids and aliases that changed: whatever the old block holds
/// under them goes, and what `add` puts on the builder comes, as far as it lies in this shard.
///
/// # Errors
/// An old block that is none; customers who do not hold together; those of `add`.
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

/// A shard nobody is in.
pub fn empty_shard(catalog: &Catalog, (seed, bits, shard): (u64, u8, u64)) -> Result<Patched, Problems> {
    let (block, n) = BlockBuilder::new(catalog, seed).sorted()?.block(bits, shard);
    Ok(Patched { shard, part: ObjectRef::of(&block, n), block })
}

/// The two halves of a shard, where there are twice as many from now on.
///
/// # Errors
/// An old block that is none.
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
