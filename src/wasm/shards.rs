//! The held snapshot, with shards that are opened when a question first needs one of their customers.
//!
//! JavaScript has compared every object with its hash, which is signed, before it gives the object here. Opening checks
//! the form of a shard; a shard that cannot be opened answers no question.

use mayuse_core::{Packed, Reason, Source, Unreadable, sort_by};
use mayuse_snapshot::{Hash, Manifest, Missing, ObjectRef, Replica};

/// A replica and its unopened shards.
#[derive(Debug)]
pub struct Shards {
    pub replica: Replica,
    /// The bytes of the shards that are not opened yet, sorted by their hashes. Those of an opened shard are empty.
    unopened: Vec<(Hash, Vec<u8>)>,
    /// The shards that cannot be opened.
    broken: Vec<Hash>,
    source: Source,
    /// Whether nobody can give a shard that is missing.
    pub gives_up: bool,
}

/// What stands between a question and its answer.
pub enum Obstacle {
    /// The shard with this place and reference is needed.
    Needs(u64, ObjectRef),
    /// Nothing helps: the reason of the answer.
    For(Reason),
}

impl Shards {
    pub fn new(replica: Replica, source: Source) -> Shards {
        Shards { replica, unopened: Vec::new(), broken: Vec::new(), source, gives_up: false }
    }

    /// Whether a shard of a manifest is here, opened or not.
    pub fn has(&self, manifest: &Manifest, place: u64, part: ObjectRef) -> bool {
        self.replica.holds(manifest, place, part) || self.find(part.hash).is_some()
    }

    fn find(&self, hash: Hash) -> Option<usize> {
        let at = self.unopened.binary_search_by(|(held, _)| held.cmp(&hash)).ok()?;
        self.unopened.get(at).is_some_and(|(_, bytes)| !bytes.is_empty()).then_some(at)
    }

    /// Accepts a verified manifest with its catalog object, if that changed, and its fetched shards.
    ///
    /// # Errors
    /// A catalog object that cannot be opened. Nothing has changed then.
    pub fn accept(
        &mut self,
        manifest: Manifest,
        catalog_object: Option<&Packed>,
        fresh: Vec<(Hash, Vec<u8>)>,
    ) -> Result<bool, Unreadable> {
        if !self.replica.accept(manifest, catalog_object, Vec::new(), self.source)? {
            return Ok(false);
        }
        let named = match self.replica.manifest() {
            Some(manifest) => sorted(manifest.table.distinct().map(|(_, part)| (part.hash, ())).collect()),
            None => Vec::new(),
        };
        let mut kept = fresh;
        for (hash, bytes) in std::mem::take(&mut self.unopened) {
            if !bytes.is_empty() && named.binary_search_by(|(name, ())| name.cmp(&hash)).is_ok() {
                kept.push((hash, bytes));
            }
        }
        self.unopened = sorted(kept);
        self.broken.clear();
        Ok(true)
    }

    /// Removes what the replica misses for an answer.
    ///
    /// # Errors
    /// What is missing still.
    pub fn provide(&mut self, missing: Missing) -> Result<(), Obstacle> {
        match missing {
            Missing::Shard(place, part) => {
                if self.broken.contains(&part.hash) {
                    return Err(Obstacle::For(Reason::SnapshotInvalid));
                }
                let found = self.find(part.hash).and_then(|at| self.unopened.get_mut(at));
                let Some((_, bytes)) = found else {
                    let reason = Obstacle::For(Reason::SnapshotMissing);
                    return Err(if self.gives_up { reason } else { Obstacle::Needs(place, part) });
                };
                let bytes = std::mem::take(bytes);
                self.open(part.hash, bytes)
            }
            Missing::Relink(place) => {
                let place_of = usize::try_from(place).unwrap_or(usize::MAX);
                let hash = self.replica.manifest().and_then(|manifest| Some(manifest.table.shards.get(place_of)?.hash));
                if self.replica.relink(place).is_err() {
                    self.broken.extend(hash);
                }
                Ok(())
            }
            Missing::Manifest | Missing::Origin => Err(Obstacle::For(Reason::SnapshotMissing)),
        }
    }

    /// Opens a shard, at each of its places: all shards without customers are the same object.
    pub fn open(&mut self, hash: Hash, bytes: Vec<u8>) -> Result<(), Obstacle> {
        let places: Vec<u64> = match self.replica.manifest() {
            Some(manifest) => {
                manifest.table.distinct().filter(|(_, part)| part.hash == hash).map(|(place, _)| place).collect()
            }
            None => Vec::new(),
        };
        let opened = Packed::new(bytes).is_some_and(|block| {
            places.into_iter().all(|place| self.replica.insert_shard(place, hash, block.clone()).is_ok())
        });
        if opened {
            return Ok(());
        }
        self.broken.push(hash);
        Err(Obstacle::For(Reason::SnapshotInvalid))
    }
}

fn sorted<T>(mut list: Vec<(Hash, T)>) -> Vec<(Hash, T)> {
    sort_by(&mut list, |(a, _), (b, _)| a.cmp(b));
    list
}
