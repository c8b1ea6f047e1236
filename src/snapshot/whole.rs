//! A snapshot that is held whole and never changes: what a program reads that opens a file and follows nothing.
//!
//! The npm package holds snapshots like this, and so does without a [`Replica`](crate::Replica), which compares
//! manifests, fetches shards one by one and lets old ones go.

use crate::manifest::Manifest;
use mayuse_core::{
    Catalog, CustomerBlock, CustomerRecord, Decision, Found, Instant, Packed, Problem, Question, Source, Unreadable,
    decide_for, key_hash, shard_of,
};

/// A catalog with the customers of all shards.
#[derive(Debug)]
pub struct WholeSnapshot {
    catalog: Catalog,
    seed: u64,
    bits: u8,
    /// The customers of each range of hashes: a position in `blocks`, because one shard may fill several ranges.
    ranges: Vec<usize>,
    blocks: Vec<CustomerBlock>,
}

impl WholeSnapshot {
    /// Opens the objects that a manifest names, in its order. The caller has compared their hashes.
    ///
    /// # Errors
    /// [`Unreadable`] if an object is not what the manifest says.
    pub fn open(
        manifest: &Manifest,
        catalog_object: &Packed,
        shards: &[Packed],
        source: Source,
    ) -> Result<WholeSnapshot, Unreadable> {
        let table = &manifest.table;
        let mut catalog = Catalog::open(catalog_object)?;
        catalog.snapshot = manifest.meta(&manifest.policies, source);
        let (mut ranges, mut blocks) = (Vec::new(), Vec::new());
        let mut before = None;
        for (part, shard) in table.shards.iter().zip(shards) {
            if before != Some(part.hash) {
                blocks.push(CustomerBlock::open(shard.clone(), &catalog)?.laid_out(table.seed, table.bits)?);
                before = Some(part.hash);
            }
            ranges.push(blocks.len().saturating_sub(1));
        }
        Ok(WholeSnapshot { catalog, seed: table.seed, bits: table.bits, ranges, blocks })
    }

    /// Decides a question.
    ///
    /// # Errors
    /// The problem of a question that cannot be decided.
    pub fn decide<'c>(&'c self, question: &Question<'c>, now: Instant) -> Result<Decision<'c>, Problem> {
        decide_for(&self.catalog, self.customer(question.customer).as_ref(), question, now)
    }

    /// The customer with this id or alias.
    pub fn customer(&self, key: &str) -> Option<CustomerRecord<'_>> {
        let found = match self.find(key)? {
            Found::Alias(id) => self.find(id)?,
            found => found,
        };
        match found {
            Found::Customer(record) => Some(record),
            Found::Alias(_) => None,
        }
    }

    fn find(&self, key: &str) -> Option<Found<'_>> {
        let hash = key_hash(self.seed, key);
        let range = usize::try_from(shard_of(hash, self.bits)).ok()?;
        self.blocks.get(*self.ranges.get(range)?)?.find(key, hash)
    }
}
