//! A replica: the held snapshot, with as many shards as fit, and the rules for a newer one.
//!
//! A replica fetches nothing. It reports what is missing, and the caller hands the object over. So an
//! answer always comes from one manifest and the objects it lists.

use crate::cut::ObjectRef;
use crate::hash::Hash;
use crate::manifest::{Manifest, Policies};
use crate::view::{Customers, Shard, View, at, at_mut};
use mayuse_core::{
    Catalog, CustomerBlock, CustomerRecord, Decision, Found, Instant, Packed, Policy, Problem, Question, Source,
    Unreadable, decide_for, key_hash, shard_of,
};
use std::sync::atomic::{AtomicU64, Ordering};

/// The held snapshot.
#[derive(Debug)]
pub struct Replica {
    max_bytes: usize,
    /// Older versions are never accepted.
    floor: u64,
    /// The reader's own policies, which apply besides the manifest's.
    own: Policies,
    view: Option<View>,
    /// Counts look-ups, to find the least recently used shard.
    clock: AtomicU64,
}

/// How a manifest compares to the held one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ManifestOrder {
    /// It replaces the held manifest.
    Newer,
    /// It is the held manifest.
    Same,
    /// It is refused: a replica never rolls back.
    Older,
}

/// What is missing for an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Missing {
    /// A manifest.
    Manifest,
    /// A shard, to be given to [`Replica::insert_shard`].
    Shard(u64, ObjectRef),
    /// [`Replica::relink`]: the shard is not opened yet, or was opened with another catalog object.
    Relink(u64),
    /// The origin: the writer could not make the shard.
    Origin,
}

impl Replica {
    /// An empty replica, for shards of at most `max_bytes` in total and no version below `floor`.
    pub fn new(max_bytes: usize, floor: u64) -> Replica {
        // The manifest's policies alone apply.
        let own = Policies { on_indeterminate: Policy::Allow, stale_after_ms: None, max_age_ms: None };
        Replica { max_bytes, floor, own, view: None, clock: AtomicU64::new(0) }
    }

    /// Sets the reader's own policies. The stricter of these and the manifest's apply.
    #[must_use]
    pub fn with_own(self, own: Policies) -> Replica {
        Replica { own, ..self }
    }

    /// The held manifest.
    pub fn manifest(&self) -> Option<&Manifest> {
        self.view.as_ref().map(|view| &view.manifest)
    }

    /// The held catalog: everything but the customers.
    pub fn catalog(&self) -> Option<&Catalog> {
        self.view.as_ref().map(|view| &view.catalog)
    }

    /// The total size of the held shards, in bytes.
    pub fn n_bytes(&self) -> usize {
        self.view.as_ref().map_or(0, |view| view.n_bytes)
    }

    /// How many shards are held.
    pub fn n_shards(&self) -> usize {
        self.view.as_ref().map_or(0, |view| view.shards.iter().flatten().count())
    }

    /// Compares a manifest to the held one. Within a version, the later manifest is newer: it is a
    /// heartbeat or a new cut of the same catalog.
    pub fn compare(&self, manifest: &Manifest) -> ManifestOrder {
        let order = |manifest: &Manifest| (manifest.version, manifest.generated_at);
        match &self.view {
            _ if manifest.version < self.floor => ManifestOrder::Older,
            Some(view) if order(manifest) < order(&view.manifest) => ManifestOrder::Older,
            Some(view) if *manifest == view.manifest => ManifestOrder::Same,
            // Two different manifests claim the same instant: keep the held one.
            Some(view) if order(manifest) == order(&view.manifest) => ManifestOrder::Older,
            _ => ManifestOrder::Newer,
        }
    }

    /// The changed shards of a manifest that overlap held shards. Fetched before the manifest is
    /// accepted, they spare later questions the wait.
    #[inline(never)]
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

    /// Whether a shard of a manifest is held, at the same place.
    pub fn holds(&self, manifest: &Manifest, place: u64, part: ObjectRef) -> bool {
        self.view.as_ref().is_some_and(|view| view.same_as(part, place, manifest).is_some())
    }

    /// Whether a manifest needs its catalog object fetched before it can be accepted.
    pub fn wants_catalog_object(&self, manifest: &Manifest) -> bool {
        self.view
            .as_ref()
            .is_none_or(|view| view.manifest.table.catalog_object.hash != manifest.table.catalog_object.hash)
    }

    /// Accepts a verified manifest if it is newer than the held one. `catalog` is its catalog object, if
    /// that changed; `fresh` are its fetched shards. The caller has checked the objects' hashes.
    ///
    /// # Errors
    /// An object that cannot be opened. The replica is then unchanged.
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
        let catalog = match (&new_catalog, &self.view) {
            (Some(catalog), _) => catalog,
            (None, Some(view)) if !self.wants_catalog_object(&manifest) => &view.catalog,
            _ => return Ok(false),
        };
        for (shard, block) in fresh {
            opened.push((shard, open(block, catalog, &manifest)?));
        }
        self.renew(manifest, new_catalog, source);
        for (shard, customers) in opened {
            let place = self.view.as_ref().map_or(shard, |view| view.manifest.table.first_place(shard));
            self.put(place, customers);
        }
        Ok(true)
    }

    /// Accepts a verified manifest like [`accept`](Replica::accept), without shards.
    ///
    /// # Errors
    /// A catalog object that cannot be opened. The replica is then unchanged.
    pub fn accept_alone(
        &mut self,
        manifest: Manifest,
        catalog_object: Option<&Packed>,
        source: Source,
    ) -> Result<bool, Unreadable> {
        let misses_catalog = catalog_object.is_none() && self.wants_catalog_object(&manifest);
        if self.compare(&manifest) != ManifestOrder::Newer || misses_catalog {
            return Ok(false);
        }
        let new_catalog = catalog_object.map(Catalog::open).transpose()?;
        self.renew(manifest, new_catalog, source);
        Ok(true)
    }

    /// Replaces the held manifest and, if it changed, the catalog. Keeps the shards that stay.
    fn renew(&mut self, manifest: Manifest, new_catalog: Option<Catalog>, source: Source) {
        let n_shards = manifest.table.shards.len();
        match (&mut self.view, new_catalog) {
            (Some(view), new_catalog) => view.renew(manifest, new_catalog),
            (view, Some(catalog)) => {
                let shards = std::iter::repeat_with(|| None).take(n_shards).collect();
                *view = Some(View { manifest, catalog, generation: 0, shards, n_bytes: 0 });
            }
            (None, None) => {}
        }
        if let Some(view) = &mut self.view {
            view.n_bytes = view.shards.iter().flatten().map(Shard::n_bytes).sum();
            let policies = view.manifest.policies.stricter(&self.own);
            view.catalog.snapshot = view.manifest.meta(&policies, source);
        }
    }

    /// Inserts a shard of the held manifest; a shard of another manifest is dropped. The caller has
    /// checked its hash.
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

    /// Inserts a shard of the held manifest, which is opened when a question first needs it. The caller has checked
    /// its hash.
    pub fn insert_unopened(&mut self, shard: u64, bytes: Vec<u8>) {
        self.hold(shard, Customers::Unopened(bytes));
    }

    /// Opens a shard, or opens it again with the held catalog.
    ///
    /// # Errors
    /// A shard that cannot be read, or refers to definitions missing from the catalog: it is dropped.
    pub fn relink(&mut self, shard: u64) -> Result<(), Unreadable> {
        let Some(view) = &mut self.view else { return Ok(()) };
        let Some(slot) = at_mut(&mut view.shards, shard) else { return Ok(()) };
        let Some(held) = slot.take() else { return Ok(()) };
        view.n_bytes = view.n_bytes.saturating_sub(held.n_bytes());
        let bytes = match held.customers {
            // Bytes that are no text are no block either.
            Customers::Unopened(bytes) => Packed::new(bytes).unwrap_or_default(),
            Customers::Open(customers, _) => customers.bytes().clone(),
        };
        let customers = open(bytes, &view.catalog, &view.manifest)?;
        self.put(shard, customers);
        Ok(())
    }

    fn put(&mut self, shard: u64, customers: CustomerBlock) {
        let generation = self.view.as_ref().map_or(0, |view| view.generation);
        self.hold(shard, Customers::Open(customers, generation));
    }

    fn hold(&mut self, shard: u64, customers: Customers) {
        let used = AtomicU64::new(self.tick());
        let Some(view) = &mut self.view else { return };
        let Some(slot) = at_mut(&mut view.shards, shard) else { return };
        let before = slot.as_ref().map_or(0, Shard::n_bytes);
        let held = Shard { customers, used };
        view.n_bytes = view.n_bytes.saturating_sub(before).saturating_add(held.n_bytes());
        *slot = Some(held);
        // Keep the newest shard, however large: a question waits for it.
        while self.max_bytes < view.n_bytes {
            let held = view.shards.iter_mut().zip(0_u64..).filter(|(slot, at)| slot.is_some() && *at != shard);
            let oldest = held.min_by_key(|(slot, _)| slot.as_ref().map(|shard| shard.used.load(Ordering::Relaxed)));
            let Some((slot, _)) = oldest else { return };
            let let_go = slot.take().map_or(0, |shard| shard.n_bytes());
            view.n_bytes = view.n_bytes.saturating_sub(let_go);
        }
    }

    fn tick(&self) -> u64 {
        // Two threads may read the same number: it only orders shards by their last use.
        let now = self.clock.load(Ordering::Relaxed).saturating_add(1);
        self.clock.store(now, Ordering::Relaxed);
        now
    }

    /// The customer with this id or alias; `None` if no customer has it.
    ///
    /// # Errors
    /// What is missing for the look-up.
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

    /// Whether a key is the id of a customer, rather than an alias or unknown.
    pub(crate) fn is_id(&self, key: &str) -> Result<bool, Missing> {
        let view = self.view.as_ref().ok_or(Missing::Manifest)?;
        Ok(matches!(self.look_up(view, key)?, Some(Found::Customer(_))))
    }

    /// Sets the time of the held snapshot and returns the previous time.
    pub(crate) fn redate(&mut self, made: Option<Instant>) -> Option<Instant> {
        let view = self.view.as_mut()?;
        std::mem::replace(&mut view.catalog.snapshot.generated_at, made)
    }

    /// The id that an alias resolves to, if held. Needed where memory is so small that the customer's
    /// shard may evict the alias's shard.
    pub fn id_of(&self, alias: &str) -> Option<&str> {
        match self.look_up(self.view.as_ref()?, alias) {
            Ok(Some(Found::Alias(id))) => Some(id),
            _ => None,
        }
    }

    fn look_up<'v>(&self, view: &'v View, key: &str) -> Result<Option<Found<'v>>, Missing> {
        let table = &view.manifest.table;
        let hash = key_hash(table.seed, key);
        let place = shard_of(hash, table.bits);
        // A shard is held at its first place. Nearly every shard has one place.
        let (number, shard) = match at(&view.shards, place) {
            Some(Some(shard)) => (place, shard),
            _ => first_shard(view, place)?,
        };
        match &shard.customers {
            Customers::Open(customers, generation) if *generation == view.generation => {
                shard.used.store(self.tick(), Ordering::Relaxed);
                Ok(customers.find(key, hash))
            }
            _ => Err(Missing::Relink(number)),
        }
    }

    /// Decides a question.
    ///
    /// # Errors
    /// What is missing for the decision; the inner error is an invalid question.
    pub fn decide<'c>(
        &'c self,
        question: &Question<'c>,
        now: Instant,
    ) -> Result<Result<Decision<'c>, Problem>, Missing> {
        let view = self.view.as_ref().ok_or(Missing::Manifest)?;
        let person = self.customer(question.customer)?;
        Ok(decide_for(&view.catalog, person.as_ref(), question, now))
    }

    /// The customers of all opened shards.
    pub fn customers(&self) -> impl Iterator<Item = (u64, &CustomerBlock)> {
        let shards = self.view.iter().flat_map(|view| view.shards.iter().zip(0_u64..));
        shards.filter_map(|(shard, number)| match &shard.as_ref()?.customers {
            Customers::Open(customers, _) => Some((number, customers)),
            Customers::Unopened(_) => None,
        })
    }
}

/// The shard that a place shares with places before it, and the first of them.
#[inline(never)]
fn first_shard(view: &View, place: u64) -> Result<(u64, &Shard), Missing> {
    let table = &view.manifest.table;
    let first = table.first_place(place);
    match (at(&view.shards, first), at(&table.shards, first)) {
        (Some(Some(shard)), _) => Ok((first, shard)),
        (_, Some(part)) => Err(if part.is_withheld() { Missing::Origin } else { Missing::Shard(first, *part) }),
        (_, None) => Err(Missing::Manifest),
    }
}

/// Opens a shard of a manifest.
fn open(block: Packed, catalog: &Catalog, manifest: &Manifest) -> Result<CustomerBlock, Unreadable> {
    CustomerBlock::open(block, catalog)?.laid_out(manifest.table.seed, manifest.table.bits)
}
