//! The held snapshot, with shards that are opened when a question first needs one of their customers.
//!
//! JavaScript has compared every object with its hash, which is signed, before it gives the object here. Opening checks
//! the form of a shard; a shard that cannot be opened answers no question.

use mayuse_core::{Packed, Reason, Source, Unreadable};
use mayuse_snapshot::{Hash, Manifest, Missing, ObjectRef, Replica};

/// A replica, and what is to be done about a shard that is missing.
#[derive(Debug)]
pub struct Shards {
    pub replica: Replica,
    source: Source,
    /// Whether nobody can give a shard that is missing.
    pub gives_up: bool,
    /// The shards that cannot be opened.
    broken: Vec<Hash>,
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
        Shards { replica, source, gives_up: false, broken: Vec::new() }
    }

    /// Accepts a verified manifest with its catalog object, if that changed, and the shards that were missing, each
    /// with its place.
    ///
    /// # Errors
    /// A catalog object that cannot be opened. Nothing has changed then.
    pub fn accept(
        &mut self,
        manifest: Manifest,
        catalog_object: Option<&Packed>,
        fresh: Vec<(u64, Vec<u8>)>,
    ) -> Result<bool, Unreadable> {
        let accepted = self.replica.accept_alone(manifest, catalog_object, self.source)?;
        if accepted {
            self.broken.clear();
            for (place, bytes) in fresh {
                self.replica.insert_unopened(place, bytes);
            }
        }
        Ok(accepted)
    }

    /// Takes a shard that a question needed, at each of its places: all shards without customers are the same object.
    pub fn insert(&mut self, hash: Hash, bytes: &[u8]) {
        let places: Vec<u64> = match self.replica.manifest() {
            Some(manifest) => {
                manifest.table.distinct().filter(|(_, part)| part.hash == hash).map(|(place, _)| place).collect()
            }
            None => Vec::new(),
        };
        for place in places {
            self.replica.insert_unopened(place, bytes.to_vec());
        }
    }

    /// Opens what a question needs.
    ///
    /// # Errors
    /// What is missing still.
    pub fn provide(&mut self, missing: Missing) -> Result<(), Obstacle> {
        match missing {
            Missing::Relink(place) => {
                let at = usize::try_from(place).unwrap_or(usize::MAX);
                let part = self.replica.manifest().and_then(|manifest| manifest.table.shards.get(at).copied());
                self.replica.relink(place).map_err(|_| {
                    self.broken.extend(part.map(|part| part.hash));
                    Obstacle::For(Reason::SnapshotInvalid)
                })
            }
            Missing::Shard(_, part) if self.broken.contains(&part.hash) => Err(Obstacle::For(Reason::SnapshotInvalid)),
            Missing::Shard(place, part) if !self.gives_up => Err(Obstacle::Needs(place, part)),
            Missing::Shard(..) | Missing::Manifest | Missing::Origin => Err(Obstacle::For(Reason::SnapshotMissing)),
        }
    }
}
