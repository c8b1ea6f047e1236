//! The records of the simulated writer, in memory, and a database that can fail.

use super::{LIMITS, SEED};
use mayuse_core::{BlockBuilder, Instant, Packed, Problems, key_hash};
use mayuse_document::{Tree, add_element};
use mayuse_snapshot::{Definitions, Hash, Ledger, Manifest, Shard, SnapshotIndex, State};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

#[derive(Clone, Debug)]
pub struct Person {
    pub alias: Option<String>,
    pub customer: Tree<'static>,
    pub subscriptions: Vec<Tree<'static>>,
    /// The plan versions of the subscriptions.
    pub plans: BTreeSet<usize>,
    /// Whether no shard with it can be made.
    pub is_poison: bool,
}

pub type People = BTreeMap<String, Rc<Person>>;

#[derive(Clone, Debug)]
pub struct Object {
    pub bytes: Packed,
    /// 1 once it is where readers look, 2 while it is taken away there, 3 where that may have failed and
    /// it is in use again.
    pub put: u8,
    pub in_cut: bool,
    pub dropped_at: Option<i64>,
    /// 1 once a cut was kept without it, 2 once that was published.
    pub gone: u8,
}

/// All that is durable at the writer.
#[derive(Clone, Debug, Default)]
pub struct Records {
    pub state: State,
    pub cut: Option<Rc<Manifest>>,
    pub people: Rc<People>,
    pub aliases: Rc<BTreeMap<String, String>>,
    pub dirty: BTreeSet<(u64, String)>,
    pub shards: BTreeMap<u64, Shard>,
    pub objects: BTreeMap<Hash, Object>,
    pub definitions: usize,
    /// What a transaction that is going on has changed, as it was before.
    before: Option<Before>,
}

/// What to give back if a transaction fails, in the order of the changes. A copy of all records would be simpler and
/// take a third of the simulation's time.
#[derive(Clone, Debug, Default)]
struct Before {
    state: State,
    cut: Option<Rc<Manifest>>,
    dirty: Vec<((u64, String), bool)>,
    shards: Vec<(u64, Option<Shard>)>,
    objects: Vec<(Hash, Option<Object>)>,
}

impl Records {
    fn begin(&mut self) {
        assert!(self.before.is_none(), "a transaction inside a transaction");
        self.before = Some(Before { state: self.state.clone(), cut: self.cut.clone(), ..Before::default() });
    }

    fn commit(&mut self) {
        self.before = None;
    }

    fn roll_back(&mut self) {
        let before = self.before.take().expect("a transaction is going on");
        (self.state, self.cut) = (before.state, before.cut);
        for (key, was_dirty) in before.dirty.into_iter().rev() {
            let _ = if was_dirty { self.dirty.insert(key) } else { self.dirty.remove(&key) };
        }
        before.shards.into_iter().rev().for_each(|(slot, shard)| restore(&mut self.shards, slot, shard));
        before.objects.into_iter().rev().for_each(|(hash, object)| restore(&mut self.objects, hash, object));
    }

    /// The dirty keys, to change the given one.
    fn dirty_of(&mut self, key: &(u64, String)) -> &mut BTreeSet<(u64, String)> {
        if let Some(before) = &mut self.before {
            before.dirty.push((key.clone(), self.dirty.contains(key)));
        }
        &mut self.dirty
    }

    /// The shards, to change that of the given slot.
    fn shards_of(&mut self, slot: u64) -> &mut BTreeMap<u64, Shard> {
        if let Some(before) = &mut self.before {
            before.shards.push((slot, self.shards.get(&slot).cloned()));
        }
        &mut self.shards
    }

    /// The objects, to change the given one.
    fn objects_of(&mut self, hash: Hash) -> &mut BTreeMap<Hash, Object> {
        if let Some(before) = &mut self.before {
            before.objects.push((hash, self.objects.get(&hash).cloned()));
        }
        &mut self.objects
    }

    /// The objects, to change any of them.
    fn all_objects(&mut self) -> &mut BTreeMap<Hash, Object> {
        if let Some(before) = &mut self.before {
            before.objects.extend(self.objects.iter().map(|(hash, object)| (*hash, Some(object.clone()))));
        }
        &mut self.objects
    }
}

fn restore<K: Ord, V>(map: &mut BTreeMap<K, V>, key: K, value: Option<V>) {
    match value {
        Some(value) => map.insert(key, value),
        None => map.remove(&key),
    };
}

/// What a simulated ledger says when it fails.
#[derive(Debug)]
pub enum Trouble {
    /// The database is down.
    Down,
    /// A customer cannot be put into a shard.
    Poison,
    /// The core refuses it.
    Problems(String),
}

impl From<Problems> for Trouble {
    fn from(problems: Problems) -> Self {
        Trouble::Problems(problems.to_string())
    }
}

#[derive(Debug)]
pub struct Memory {
    pub records: RefCell<Records>,
    pub definitions: Vec<Rc<Definitions>>,
    /// After so many operations in transactions the database fails, once.
    pub fails_after: Cell<Option<u64>>,
    /// Why shards were withheld in this step.
    pub withheld: RefCell<Vec<&'static str>>,
}

/// For which reasons a shard may be withheld: nothing else is wrong with what is written.
pub const REASONS: [&str; 3] = ["the database is down", "a customer cannot be packed", "would be larger than"];

impl Memory {
    fn op(&self) -> Result<(), Trouble> {
        match self.fails_after.get() {
            Some(0) => {
                self.fails_after.set(None);
                Err(Trouble::Down)
            }
            left => {
                self.fails_after.set(left.map(|left| left - 1));
                Ok(())
            }
        }
    }

    fn change(&self, change: impl FnOnce(&mut Records)) -> Result<(), Trouble> {
        self.op()?;
        change(&mut self.records.borrow_mut());
        Ok(())
    }

    pub fn load(
        people: &People,
        aliases: &BTreeMap<String, String>,
        pile: &mut BlockBuilder<'_>,
        key: &str,
    ) -> Result<(), Trouble> {
        if let Some(person) = people.get(key) {
            if person.is_poison {
                return Err(Trouble::Poison);
            }
            add_element(pile, "customers", 0, &person.customer)?;
            for subscription in &person.subscriptions {
                add_element(pile, "subscriptions", 0, subscription)?;
            }
        }
        if let Some(id) = aliases.get(key) {
            pile.alias(key, id);
        }
        Ok(())
    }
}

impl Ledger for Memory {
    type Error = Trouble;

    fn transaction(&self, write: &mut dyn FnMut() -> Result<(), Trouble>) -> Result<(), Trouble> {
        self.records.borrow_mut().begin();
        let outcome = write();
        let mut records = self.records.borrow_mut();
        if outcome.is_ok() {
            records.commit()
        } else {
            records.roll_back()
        }
        outcome
    }

    fn describe(error: &Trouble) -> String {
        match error {
            Trouble::Down => "the database is down".to_owned(),
            Trouble::Poison => "a customer cannot be packed".to_owned(),
            Trouble::Problems(why) => why.clone(),
        }
    }

    fn seed(&self) -> u64 {
        SEED
    }

    fn state(&self) -> Result<State, Trouble> {
        let records = self.records.borrow();
        let parts = || records.shards.values().map(|shard| shard.part);
        Ok(State {
            n_dirty: records.dirty.len(),
            n_shards: parts().count() as u64,
            n_bytes: parts().map(|part| u64::from(part.size)).sum(),
            n_customers: parts().map(|part| u64::from(part.n)).sum(),
            ..records.state.clone()
        })
    }

    fn definitions(&self) -> Result<Rc<Definitions>, Trouble> {
        Ok(Rc::clone(&self.definitions[self.records.borrow().definitions]))
    }

    fn n_customers(&self) -> Result<u64, Trouble> {
        Ok(self.records.borrow().people.len() as u64)
    }

    fn load_into(&self, builder: &mut BlockBuilder<'_>, key: &str) -> Result<(), Trouble> {
        self.op()?;
        let records = self.records.borrow();
        Memory::load(&records.people, &records.aliases, builder, key)
    }

    fn scan(&self, after: &str, limit: usize) -> Result<(), Trouble> {
        self.change(|records| {
            let page: Vec<(String, Rc<Person>)> = records
                .people
                .range(after.to_owned()..)
                .filter(|(id, _)| id.as_str() != after)
                .take(limit)
                .map(|(id, person)| (id.clone(), Rc::clone(person)))
                .collect();
            for (id, person) in &page {
                [Some(id), person.alias.as_ref()].into_iter().flatten().for_each(|key| mark(records, key));
            }
            records.state.scanned = page.last().map(|(id, _)| id.clone());
        })
    }

    fn dirty(&self, from: u64, to: Option<u64>, limit: usize) -> Result<Vec<(u64, String)>, Trouble> {
        let records = self.records.borrow();
        let dirty = records.dirty.range((from, String::new())..);
        Ok(dirty.take_while(|(hash, _)| to.is_none_or(|to| *hash < to)).take(limit).cloned().collect())
    }

    fn clear_dirty(&self, hash: u64, key: &str) -> Result<(), Trouble> {
        self.change(|records| {
            let key = (hash, key.to_owned());
            records.dirty_of(&key).remove(&key);
        })
    }

    fn set_bits(&self, bits: u8) -> Result<(), Trouble> {
        self.change(|records| {
            assert!(records.state.bits < bits && bits <= SnapshotIndex::MAX_BITS);
            records.state.bits = bits;
        })
    }

    fn set_catalog(&self, hash: Hash) -> Result<(), Trouble> {
        self.change(|records| (records.state.catalog, records.state.touched) = (Some(hash), true))
    }

    fn shard(&self, slot: u64) -> Result<Option<Shard>, Trouble> {
        Ok(self.records.borrow().shards.range(..=slot).next_back().map(|(_, shard)| shard.clone()))
    }

    fn coarse_shard(&self, bits: u8) -> Result<Option<Shard>, Trouble> {
        let records = self.records.borrow();
        Ok(records.shards.values().find(|shard| shard.bits < bits && shard.failing.is_none()).cloned())
    }

    fn shards(&self) -> Result<Vec<Shard>, Trouble> {
        Ok(self.records.borrow().shards.values().cloned().collect())
    }

    fn put_shard(&self, shard: &Shard) -> Result<(), Trouble> {
        if let Some(failing) = &shard.failing {
            let reason = REASONS.into_iter().find(|reason| failing.why.contains(reason));
            self.withheld.borrow_mut().push(
                reason.unwrap_or_else(|| panic!("a shard is withheld although all of it can be made: {shard:?}")),
            );
        }
        self.change(|records| {
            let before = records.shards_of(shard.slot).insert(shard.slot, shard.clone());
            records.state.touched |= before.is_none_or(|before| before.failing.is_none() || shard.failing.is_none());
        })
    }

    fn is_named(&self, hash: Hash) -> Result<bool, Trouble> {
        Ok(self.records.borrow().shards.values().any(|shard| shard.part.hash == hash))
    }

    fn object(&self, hash: Hash) -> Result<Option<Packed>, Trouble> {
        Ok(self.records.borrow().objects.get(&hash).map(|object| object.bytes.clone()))
    }

    fn put_object(&self, hash: Hash, bytes: &Packed) -> Result<(), Trouble> {
        assert!(bytes.as_slice().len() <= LIMITS.max_shard, "an object is above its bound");
        self.change(|records| {
            let new = || Object { bytes: bytes.clone(), put: 0, in_cut: false, dropped_at: None, gone: 0 };
            let object = records.objects_of(hash).entry(hash).or_insert_with(new);
            (object.dropped_at, object.gone) = (None, 0);
            object.put = if object.put == 2 { 3 } else { object.put };
        })
    }

    fn drop_object(&self, hash: Hash, now: Instant) -> Result<(), Trouble> {
        self.change(|records| {
            if let Some(object) = records.objects_of(hash).get_mut(&hash) {
                object.dropped_at = Some(now.millis());
                if object.put == 0 && !object.in_cut {
                    records.objects_of(hash).remove(&hash);
                }
            }
        })
    }

    fn set_cut(&self, cut: &Manifest) -> Result<(), Trouble> {
        self.change(|records| {
            records.all_objects().retain(|_, object| object.put != 0 || object.in_cut || object.dropped_at.is_none());
            for object in records.all_objects().values_mut() {
                if matches!(object.put, 0 | 3) {
                    object.in_cut = object.dropped_at.is_none();
                    object.put = if object.in_cut { object.put } else { 3 };
                }
                object.gone = if object.dropped_at.is_some() { object.gone.max(1) } else { 0 };
            }
            records.cut = Some(Rc::new(cut.clone()));
            records.state.cut = Some((cut.version, cut.generated_at.millis()));
            records.state.touched = false;
        })
    }

    fn waiting(&self, limit: usize) -> Result<Vec<Hash>, Trouble> {
        let records = self.records.borrow();
        let waiting = records.objects.iter().filter(|(_, object)| matches!(object.put, 0 | 3) && object.in_cut);
        Ok(waiting.take(limit).map(|(hash, _)| *hash).collect())
    }

    fn cut(&self) -> Result<Option<Manifest>, Trouble> {
        Ok(self.records.borrow().cut.as_ref().map(|cut| Manifest::clone(cut)))
    }

    fn mark_put(&self, hash: Hash) -> Result<(), Trouble> {
        self.change(|records| {
            records.objects_of(hash).entry(hash).and_modify(|object| (object.put, object.in_cut) = (1, false));
        })
    }

    fn record_publication(&self, cut: &Manifest, manifest: Hash, now: Instant) -> Result<(), Trouble> {
        self.change(|records| {
            let state = &mut records.state;
            (state.published, state.published_as_of) = (cut.version, cut.generated_at.millis());
            (state.published_at, state.manifest, state.cut) = (now.millis(), Some(manifest), None);
            records.cut = None;
            records.state.has_failed = false;
            records.all_objects().values_mut().for_each(|object| object.gone = if object.gone == 0 { 0 } else { 2 });
        })
    }

    fn garbage(&self, before: i64, limit: usize) -> Result<Vec<Hash>, Trouble> {
        let records = self.records.borrow();
        let is_old = |object: &Object| object.gone == 2 && object.dropped_at.is_some_and(|at| at < before);
        Ok(records.objects.iter().filter(|(_, object)| is_old(object)).take(limit).map(|(hash, _)| *hash).collect())
    }

    fn mark_deleting(&self, hash: Hash) -> Result<(), Trouble> {
        self.change(|records| {
            records.objects_of(hash).entry(hash).and_modify(|object| object.put = 2);
        })
    }

    fn forget_object(&self, hash: Hash) -> Result<(), Trouble> {
        self.change(|records| {
            if records.objects.get(&hash).is_some_and(|object| object.dropped_at.is_some()) {
                records.objects_of(hash).remove(&hash);
            }
        })
    }
}

pub fn mark(records: &mut Records, key: &str) {
    let key = (key_hash(SEED, key), key.to_owned());
    records.dirty_of(&key).insert(key);
}
