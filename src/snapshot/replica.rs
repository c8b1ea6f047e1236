//! A replica: the snapshot that is held, as much of it as fits, and what to do with another one.
//!
//! It fetches nothing. What it needs it says, and whoever fetched it hands it over; so whatever
//! happens in between, an answer is made from one manifest and from objects that it names.

use crate::cut::ObjectRef;
use crate::hash::Hash;
use crate::manifest::{Manifest, Policies};
use mayuse_core::{
    Catalog, CustomerBlock, CustomerRecord, Decision, Found, Instant, Packed, Policy, Problem, Question, SnapshotMeta,
    Source, Unreadable, decide_for, key_hash, shard_of,
};
use std::cell::Cell;

/// The snapshot that is held.
#[derive(Debug)]
pub struct Replica {
    max_bytes: usize,
    /// Older versions are never taken.
    floor: u64,
    /// What this reader allows, whatever a manifest says.
    own: Policies,
    view: Option<View>,
    /// Counts look-ups, so that it is known what was looked up last.
    clock: Cell<u64>,
}

#[derive(Debug)]
struct View {
    manifest: Manifest,
    catalog: Catalog,
    /// Which catalog object it is, counted: shards opened with another one are tied anew.
    generation: u64,
    shards: Vec<Option<Shard>>,
    n_bytes: usize,
}

#[derive(Debug)]
struct Shard {
    customers: CustomerBlock,
    generation: u64,
    used: Cell<u64>,
}

/// What a manifest is to the one that is held.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ManifestOrder {
    /// It takes its place.
    Newer,
    /// It is that one.
    Same,
    /// It is refused: nothing ever rolls back.
    Older,
}

/// What it takes to answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Missing {
    /// A manifest.
    Manifest,
    /// A shard, to be given to [`Replica::insert_shard`].
    Shard(u64, ObjectRef),
    /// [`Replica::relink`]: the shard was opened with another catalog object.
    Relink(u64),
    /// The origin: the writer could not make the shard.
    Origin,
}

impl Replica {
    /// Holds nothing yet, shards of at most so many bytes together, and no version below `floor`.
    pub fn new(max_bytes: usize, floor: u64) -> Replica {
        // Nothing but what manifests say.
        let own = Policies { on_indeterminate: Policy::Allow, stale_after_ms: None, max_age_ms: None };
        Replica { max_bytes, floor, own, view: None, clock: Cell::new(0) }
    }

    /// The same with policies of the reader's own: the stricter of them and a manifest's count.
    #[must_use]
    pub fn with_own(self, own: Policies) -> Replica {
        Replica { own, ..self }
    }

    /// The manifest that is held.
    pub fn manifest(&self) -> Option<&Manifest> {
        self.view.as_ref().map(|view| &view.manifest)
    }

    /// The catalog that is held: everything but the customers.
    pub fn catalog(&self) -> Option<&Catalog> {
        self.view.as_ref().map(|view| &view.catalog)
    }

    /// How many bytes the shards that are held take.
    pub fn n_bytes(&self) -> usize {
        self.view.as_ref().map_or(0, |view| view.n_bytes)
    }

    /// How many shards are held.
    pub fn n_shards(&self) -> usize {
        self.view.as_ref().map_or(0, |view| view.shards.iter().flatten().count())
    }

    /// What a manifest is to the one that is held. Of one version, the one made later is newer: the
    /// writer says again that nothing changed, or cuts the same catalog anew.
    pub fn compare(&self, manifest: &Manifest) -> ManifestOrder {
        let order = |manifest: &Manifest| (manifest.version, manifest.generated_at);
        match &self.view {
            _ if manifest.version < self.floor => ManifestOrder::Older,
            Some(view) if order(manifest) < order(&view.manifest) => ManifestOrder::Older,
            Some(view) if *manifest == view.manifest => ManifestOrder::Same,
            // Two that differ and claim the same instant: the one that is held stays.
            Some(view) if order(manifest) == order(&view.manifest) => ManifestOrder::Older,
            _ => ManifestOrder::Newer,
        }
    }

    /// The shards of a manifest in which customers of the shards that are held lie, and that are not
    /// held as they are there: fetched before it is taken, they keep anybody from waiting for them.
    pub fn wants(&self, manifest: &Manifest) -> Vec<(u64, ObjectRef)> {
        let Some(view) = &self.view else { return Vec::new() };
        let held = |place: u64| {
            let (from, to) = view.places_of(place, manifest.table.bits);
            (from..to).any(|place| view.is_held(place))
        };
        let is_missing =
            |(place, part): &(u64, ObjectRef)| held(*place) && view.same_as(*part, *place, manifest).is_none();
        manifest.table.distinct().filter(is_missing).collect()
    }

    /// Whether the catalog object of a manifest has to be fetched before it can be taken.
    pub fn wants_catalog_object(&self, manifest: &Manifest) -> bool {
        self.view
            .as_ref()
            .is_none_or(|view| view.manifest.table.catalog_object.hash != manifest.table.catalog_object.hash)
    }

    /// Takes a verified manifest, if it is newer than the one that is held. `catalog` is its
    /// catalog object, where that is another one; `fresh` are shards of it. Objects have the
    /// hashes the manifest says: whoever fetched them has looked.
    ///
    /// # Errors
    /// An object that cannot be opened. Then everything stays as it was.
    pub fn accept(
        &mut self,
        manifest: Manifest,
        catalog_object: Option<&Packed>,
        fresh: Vec<(u64, Packed)>,
        source: Source,
    ) -> Result<bool, Unreadable> {
        if self.compare(&manifest) != ManifestOrder::Newer {
            return Ok(false);
        }
        let mut opened: Vec<(u64, CustomerBlock)> = Vec::with_capacity(fresh.len());
        let new_catalog = catalog_object.map(Catalog::open).transpose()?;
        {
            let catalog = match (&new_catalog, &self.view) {
                (Some(catalog), _) => catalog,
                (None, Some(view)) if !self.wants_catalog_object(&manifest) => &view.catalog,
                _ => return Ok(false),
            };
            for (shard, block) in fresh {
                opened.push((shard, open(block, catalog, &manifest)?));
            }
        }
        let n_shards = manifest.table.shards.len();
        let (old, generation) = match self.view.take() {
            Some(view) => {
                let generation = view.generation.saturating_add(new_catalog.is_some().into());
                (Some(view), generation)
            }
            None => (None, 0),
        };
        let mut view = match (old, new_catalog) {
            (Some(old), new_catalog) => {
                let kept = old.kept(&manifest);
                let mut held = old.shards;
                let mut shards: Vec<Option<Shard>> = std::iter::repeat_with(|| None).take(n_shards).collect();
                for (from, to) in kept {
                    if let (Some(from), Some(to)) = (at_mut(&mut held, from), at_mut(&mut shards, to)) {
                        *to = from.take();
                    }
                }
                View { manifest, catalog: new_catalog.unwrap_or(old.catalog), generation, shards, n_bytes: 0 }
            }
            (None, Some(catalog)) => {
                let shards = std::iter::repeat_with(|| None).take(n_shards).collect();
                View { manifest, catalog, generation, shards, n_bytes: 0 }
            }
            (None, None) => return Ok(false),
        };
        view.n_bytes = view.shards.iter().flatten().map(|shard| shard.customers.n_bytes()).sum();
        let policies = view.manifest.policies.stricter(&self.own);
        view.catalog.snapshot = SnapshotMeta {
            source,
            version: Some(view.manifest.version),
            generated_at: Some(view.manifest.generated_at),
            stale_after_ms: policies.stale_after_ms,
            max_age_ms: policies.max_age_ms,
            on_indeterminate: policies.on_indeterminate,
        };
        self.view = Some(view);
        for (shard, customers) in opened {
            let place = self.view.as_ref().map_or(shard, |view| view.manifest.table.first_place(shard));
            self.put(place, customers);
        }
        Ok(true)
    }

    /// Takes a shard of the manifest that is held; one of any other is let go. It has the hash that
    /// the manifest said: whoever fetched it has looked.
    ///
    /// # Errors
    /// A shard that cannot be opened.
    pub fn insert_shard(&mut self, shard: u64, hash: Hash, block: Packed) -> Result<bool, Unreadable> {
        let Some(view) = &self.view else { return Ok(false) };
        if at(&view.manifest.table.shards, shard).is_none_or(|part| part.hash != hash) {
            return Ok(false);
        }
        let shard = view.manifest.table.first_place(shard);
        let customers = open(block, &view.catalog, &view.manifest)?;
        self.put(shard, customers);
        Ok(true)
    }

    /// Ties a shard to the catalog that is held now.
    ///
    /// # Errors
    /// A shard that refers to what that catalog has not: it is let go.
    pub fn relink(&mut self, shard: u64) -> Result<(), Unreadable> {
        let Some(view) = &mut self.view else { return Ok(()) };
        let Some(slot) = at_mut(&mut view.shards, shard) else { return Ok(()) };
        let Some(held) = slot.take() else { return Ok(()) };
        view.n_bytes = view.n_bytes.saturating_sub(held.customers.n_bytes());
        let customers = open(held.customers.bytes().clone(), &view.catalog, &view.manifest)?;
        self.put(shard, customers);
        Ok(())
    }

    fn put(&mut self, shard: u64, customers: CustomerBlock) {
        let used = self.tick();
        let Some(view) = &mut self.view else { return };
        let generation = view.generation;
        let Some(slot) = at_mut(&mut view.shards, shard) else { return };
        let before = slot.as_ref().map_or(0, |shard| shard.customers.n_bytes());
        view.n_bytes = view.n_bytes.saturating_sub(before).saturating_add(customers.n_bytes());
        *slot = Some(Shard { customers, generation, used: Cell::new(used) });
        // The one that came last stays, however large it is: somebody is waiting for it.
        while self.max_bytes < view.n_bytes {
            let held = view.shards.iter_mut().zip(0_u64..).filter(|(slot, at)| slot.is_some() && *at != shard);
            let oldest = held.min_by_key(|(slot, _)| slot.as_ref().map(|shard| shard.used.get()));
            let Some((slot, _)) = oldest else { return };
            let let_go = slot.take().map_or(0, |shard| shard.customers.n_bytes());
            view.n_bytes = view.n_bytes.saturating_sub(let_go);
        }
    }

    fn tick(&self) -> u64 {
        let now = self.clock.get().saturating_add(1);
        self.clock.set(now);
        now
    }

    /// The customer with this id or alias, wherever it lies; none if there is none.
    ///
    /// # Errors
    /// What it takes to say.
    pub fn customer(&self, key: &str) -> Result<Option<CustomerRecord<'_>>, Missing> {
        let view = self.view.as_ref().ok_or(Missing::Manifest)?;
        match self.look_up(view, key)? {
            None => Ok(None),
            Some(Found::Customer(person)) => Ok(Some(person)),
            Some(Found::Alias(id)) => match self.look_up(view, id)? {
                Some(Found::Customer(person)) => Ok(Some(person)),
                _ => Ok(None),
            },
        }
    }

    /// Whether a key is the id of a customer, and not an alias or nothing at all.
    pub(crate) fn is_id(&self, key: &str) -> Result<bool, Missing> {
        let view = self.view.as_ref().ok_or(Missing::Manifest)?;
        Ok(matches!(self.look_up(view, key)?, Some(Found::Customer(_))))
    }

    /// Dates what is held, and gives the date it had.
    pub(crate) fn redate(&mut self, made: Option<Instant>) -> Option<Instant> {
        let view = self.view.as_mut()?;
        std::mem::replace(&mut view.catalog.snapshot.generated_at, made)
    }

    /// The id for which an alias stands, as far as that is held: for whoever holds so little that the
    /// shard of the one may push out that of the other.
    pub fn id_of(&self, alias: &str) -> Option<&str> {
        match self.look_up(self.view.as_ref()?, alias) {
            Ok(Some(Found::Alias(id))) => Some(id),
            _ => None,
        }
    }

    fn look_up<'v>(&self, view: &'v View, key: &str) -> Result<Option<Found<'v>>, Missing> {
        let table = &view.manifest.table;
        let hash = key_hash(table.seed, key);
        let number = table.first_place(shard_of(hash, table.bits));
        let part = at(&table.shards, number).copied().ok_or(Missing::Manifest)?;
        let Some(Some(shard)) = at(&view.shards, number) else {
            return Err(if part.is_withheld() { Missing::Origin } else { Missing::Shard(number, part) });
        };
        if shard.generation != view.generation {
            return Err(Missing::Relink(number));
        }
        shard.used.set(self.tick());
        Ok(shard.customers.find(key, hash))
    }

    /// Decides a question.
    ///
    /// # Errors
    /// What it takes to decide it; inside, a question that is none.
    pub fn decide<'c>(
        &'c self,
        question: &Question<'c>,
        now: Instant,
    ) -> Result<Result<Decision<'c>, Problem>, Missing> {
        let view = self.view.as_ref().ok_or(Missing::Manifest)?;
        let person = self.customer(question.customer)?;
        Ok(decide_for(&view.catalog, person.as_ref(), question, now))
    }

    /// The customers of all shards that are held.
    pub fn customers(&self) -> impl Iterator<Item = (u64, &CustomerBlock)> {
        let shards = self.view.iter().flat_map(|view| view.shards.iter().zip(0_u64..));
        shards.filter_map(|(shard, number)| Some((number, &shard.as_ref()?.customers)))
    }
}

impl View {
    fn is_held(&self, place: u64) -> bool {
        at(&self.shards, self.manifest.table.first_place(place)).is_some_and(Option::is_some)
    }

    /// The places here that share hashes with a place of a table with so many bits: from, and up to.
    fn places_of(&self, place: u64, bits: u8) -> (u64, u64) {
        let here = self.manifest.table.bits;
        if here <= bits {
            let one = place.checked_shr(u32::from(bits.saturating_sub(here))).unwrap_or_default();
            (one, one.saturating_add(1))
        } else {
            let by = u32::from(here.saturating_sub(bits));
            let first = place.checked_shl(by).unwrap_or_default();
            (first, first.saturating_add(1_u64.checked_shl(by).unwrap_or_default()))
        }
    }

    /// Where a shard of another table is held here, if it is. Its hash alone does not say that it is
    /// the same: shards without anybody are all one object.
    fn same_as(&self, part: ObjectRef, place: u64, other: &Manifest) -> Option<u64> {
        let (from, _) = self.places_of(place, other.table.bits);
        let here = self.manifest.table.first_place(from);
        let is_same = at(&self.manifest.table.shards, here).is_some_and(|held| held.hash == part.hash);
        (is_same && at(&self.shards, here).is_some_and(Option::is_some)).then_some(here)
    }

    /// What of this stays where another manifest is taken: from which place, to which.
    fn kept(&self, next: &Manifest) -> Vec<(u64, u64)> {
        let from = |(place, part): (u64, ObjectRef)| Some((self.same_as(part, place, next)?, place));
        next.table.distinct().filter_map(from).collect()
    }
}

/// Opens a shard of a manifest.
fn open(block: Packed, catalog: &Catalog, manifest: &Manifest) -> Result<CustomerBlock, Unreadable> {
    CustomerBlock::open(block, catalog)?.laid_out(manifest.table.seed, manifest.table.bits)
}

fn at<T>(list: &[T], number: u64) -> Option<&T> {
    list.get(usize::try_from(number).ok()?)
}

fn at_mut<T>(list: &mut [T], number: u64) -> Option<&mut T> {
    list.get_mut(usize::try_from(number).ok()?)
}
