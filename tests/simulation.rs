//! A writer that publishes, simulated: writes, growth, a store that fails, crashes at every step.
//!
//! The publisher's own rules run here on records in memory. Everything that happens comes from one
//! seed. Whatever is published is compared with the catalogue as it was in that version.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a simulation fails as tests do")]
#![expect(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "so do these")]
#![expect(clippy::panic, reason = "and this is how it says what it found")]
#![expect(clippy::missing_panics_doc, reason = "all of it panics where the publisher is wrong")]

use mayuse_core::{Document, Instant, Packed, Pile, Problems, Tree, key_hash};
use mayuse_snapshot::{
    Definitions, Hash, Ledger, Limits, Load, Manifest, Part, Policies, Publisher, Shard, State, Step, Table, slot_of,
};
use serde_json::{Value, json};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

const SEED: u64 = 0x0123_4567_89ab_cdef;

/// Small, so that a few dozen customers are many shards, and one customer can be too large.
const LIMITS: Limits = Limits {
    shard_bytes: 1_024,
    max_shard: 8_000,
    keys: 8,
    slice: 24,
    shard_cost: 4,
    backlog: 60,
    puts: 3,
    manifest_every_ms: 1_000,
    import_every_ms: 3_000,
    late_ms: 2_000,
    heartbeat_ms: 20_000,
    grace_ms: 5_000,
};

/// A small generator: the same numbers for the same seed.
#[derive(Debug)]
pub struct Random(u64);

impl Random {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.next(n) == 0
    }
}

/// A customer with its subscriptions, as they are stored.
#[derive(Clone, Debug)]
struct Person {
    alias: Option<String>,
    customer: Tree,
    subscriptions: Vec<Tree>,
    /// Whether no shard with it can be made.
    is_poison: bool,
}

type People = BTreeMap<String, Rc<Person>>;
/// A version: its customers, whose each alias is, its definitions, and when it was written.
type AsItWas = (Rc<People>, Rc<BTreeMap<String, String>>, usize, i64);

#[derive(Clone, Debug)]
struct Object {
    bytes: Packed,
    /// 1 once it is where readers look, 2 while it is taken away there, 3 where that may have failed and
    /// it is in use again.
    put: u8,
    in_cut: bool,
    dropped_at: Option<i64>,
    /// 1 once a cut was kept without it, 2 once that was published.
    gone: u8,
}

/// All that is durable at the writer.
#[derive(Clone, Debug, Default)]
struct Records {
    state: State,
    cut: Option<Rc<Manifest>>,
    people: People,
    aliases: BTreeMap<String, String>,
    dirty: BTreeSet<(u64, String)>,
    shards: BTreeMap<u64, Shard>,
    objects: BTreeMap<Hash, Object>,
    definitions: usize,
}

/// What a simulated ledger says when it fails.
#[derive(Debug)]
pub enum Trouble {
    /// The database is down.
    Down,
    /// A customer cannot be put into a shard.
    Poison,
    /// The core refuses it.
    Problems(Problems),
}

impl From<Problems> for Trouble {
    fn from(problems: Problems) -> Self {
        Trouble::Problems(problems)
    }
}

#[derive(Debug)]
struct Memory {
    records: RefCell<Records>,
    definitions: Vec<Rc<Definitions>>,
    /// After so many operations in transactions the database fails, once.
    fails_after: Cell<Option<u64>>,
}

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

    fn load(
        people: &People,
        aliases: &BTreeMap<String, String>,
        pile: &mut Pile<'_>,
        key: &str,
    ) -> Result<(), Trouble> {
        if let Some(person) = people.get(key) {
            if person.is_poison {
                return Err(Trouble::Poison);
            }
            pile.add("customers", 0, &person.customer)?;
            for subscription in &person.subscriptions {
                pile.add("subscriptions", 0, subscription)?;
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
        let before = self.records.borrow().clone();
        let outcome = write();
        if outcome.is_err() {
            self.records.replace(before);
        }
        outcome
    }

    fn describe(error: &Trouble) -> String {
        format!("{error:?}")
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

    fn load_into(&self, builder: &mut Pile<'_>, key: &str) -> Result<(), Trouble> {
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
            records.dirty.remove(&(hash, key.to_owned()));
        })
    }

    fn set_bits(&self, bits: u8) -> Result<(), Trouble> {
        self.change(|records| {
            assert!(records.state.bits < bits && bits <= Table::MAX_BITS);
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
        self.change(|records| {
            let before = records.shards.insert(shard.slot, shard.clone());
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
            let object = records.objects.entry(hash).or_insert_with(new);
            (object.dropped_at, object.gone) = (None, 0);
            object.put = if object.put == 2 { 3 } else { object.put };
        })
    }

    fn drop_object(&self, hash: Hash, now: Instant) -> Result<(), Trouble> {
        self.change(|records| {
            if let Some(object) = records.objects.get_mut(&hash) {
                object.dropped_at = Some(now.millis());
                if object.put == 0 && !object.in_cut {
                    records.objects.remove(&hash);
                }
            }
        })
    }

    fn set_cut(&self, cut: &Manifest) -> Result<(), Trouble> {
        self.change(|records| {
            records.objects.retain(|_, object| object.put != 0 || object.dropped_at.is_none());
            for object in records.objects.values_mut() {
                object.in_cut = matches!(object.put, 0 | 3);
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
            records.objects.entry(hash).and_modify(|object| (object.put, object.in_cut) = (1, false));
        })
    }

    fn record_publication(&self, cut: &Manifest, manifest: Hash, now: Instant) -> Result<(), Trouble> {
        self.change(|records| {
            let state = &mut records.state;
            (state.published, state.published_as_of) = (cut.version, cut.generated_at.millis());
            (state.published_at, state.manifest, state.cut) = (now.millis(), Some(manifest), None);
            records.cut = None;
            records.objects.values_mut().for_each(|object| object.gone = if object.gone == 0 { 0 } else { 2 });
        })
    }

    fn garbage(&self, before: i64, limit: usize) -> Result<Vec<Hash>, Trouble> {
        let records = self.records.borrow();
        let is_old = |object: &Object| object.gone == 2 && object.dropped_at.is_some_and(|at| at < before);
        Ok(records.objects.iter().filter(|(_, object)| is_old(object)).take(limit).map(|(hash, _)| *hash).collect())
    }

    fn mark_deleting(&self, hash: Hash) -> Result<(), Trouble> {
        self.change(|records| {
            records.objects.entry(hash).and_modify(|object| object.put = 2);
        })
    }

    fn forget_object(&self, hash: Hash) -> Result<(), Trouble> {
        self.change(|records| {
            if records.objects.get(&hash).is_some_and(|object| object.dropped_at.is_some()) {
                records.objects.remove(&hash);
            }
        })
    }
}

fn mark(records: &mut Records, key: &str) {
    records.dirty.insert((key_hash(SEED, key), key.to_owned()));
}

fn tree(value: Value) -> Tree {
    serde_json::from_value(value).expect("a tree reads any value")
}

/// How often each thing happened: a run in which one never did has shown nothing.
#[derive(Clone, Debug, Default)]
pub struct Tally(BTreeMap<&'static str, u64>);

impl Tally {
    fn note(&mut self, what: &'static str) {
        *self.0.entry(what).or_default() += 1;
    }

    /// How often it happened.
    pub fn of(&self, what: &str) -> u64 {
        self.0.get(what).copied().unwrap_or_default()
    }
}

/// The writer, its store, and what is known about both.
#[derive(Debug)]
pub struct Simulation {
    random: Random,
    memory: Memory,
    template: Manifest,
    now: i64,
    /// What the process remembers: gone after a crash.
    since: i64,
    wakes_at: i64,
    importing: bool,
    /// Where readers look.
    store: BTreeMap<Hash, Packed>,
    published: Option<Manifest>,
    /// Each version that may still be published.
    versions: BTreeMap<u64, AsItWas>,
    faults: bool,
    /// Since when a publication would have been possible.
    possible_since: i64,
    /// How often each thing happened.
    pub tally: Tally,
}

fn definitions(n: usize) -> Rc<Definitions> {
    let document = json!({
        "format": 1,
        "features": [{ "id": "f", "code": "f", "name": format!("F {n}"), "feature_type": { "type": "BOOLEAN" }, "status": "ACTIVE" }],
        "plans": [{ "id": "p", "name": "P", "versions": [{ "id": "v0", "version": 1 }, { "id": "v1", "version": 2 }] }],
    });
    let document: Document = serde_json::from_value(document).unwrap();
    let (object, catalog, _) = document.pack_definitions().unwrap();
    Rc::new(Definitions { part: Part::of(&object, 0), object, catalog })
}

impl Simulation {
    /// A writer that nothing was written to.
    pub fn new(seed: u64) -> Simulation {
        let memory = Memory {
            records: RefCell::default(),
            definitions: (0..3).map(definitions).collect(),
            fails_after: Cell::new(None),
        };
        let now = 1_767_225_600_000;
        let table = Table { seed: SEED, catalogue: Part::WITHHELD, bits: 0, shards: Vec::new() };
        let generated_at = Instant::from_millis(now).unwrap();
        let policies = Policies::default();
        Simulation {
            random: Random(seed),
            memory,
            template: Manifest { version: 0, generated_at, policies, table, previous: None },
            now,
            since: now,
            wakes_at: now,
            importing: false,
            store: BTreeMap::new(),
            published: None,
            versions: BTreeMap::new(),
            faults: true,
            possible_since: now,
            tally: Tally::default(),
        }
    }

    /// Does so many steps, and comes to rest now and then.
    pub fn run(&mut self, n_steps: u64) {
        for n in 0..n_steps {
            self.now += i64::try_from(self.random.next(60)).unwrap();
            match self.random.next(10) {
                0..=2 => self.write(),
                3 if self.random.one_in(4) => {
                    self.importing = !self.importing;
                    self.possible_since = self.possible_since.max(self.now - 20_000);
                }
                _ => {
                    let is_faulty = self.faults;
                    self.publish(is_faulty);
                }
            }
            if self.random.one_in(700) {
                self.faults = !self.faults;
                self.possible_since = self.now;
            }
            if self.faults && self.random.one_in(500) {
                // Another clock.
                self.now += [-30_000, -500, 3_600_000, 30_000][usize::try_from(self.random.next(4)).unwrap()];
                self.tally.note("a clock that jumped");
                self.possible_since = self.now;
            }
            if n % 4_000 == 3_999 {
                self.rest();
            }
        }
        self.rest();
    }

    fn write(&mut self) {
        let n_writes = if self.importing { 1 + self.random.next(12) } else { 1 };
        let mut records = self.memory.records.borrow_mut();
        let records = &mut *records;
        records.state.version += 1;
        for _ in 0..n_writes {
            // Phases in which there are many people, and few.
            let n_people = [12, 60, 200][usize::try_from(records.state.version / 4_000 % 3).unwrap()];
            let id = format!("cus_{}", self.random.next(n_people));
            mark(records, &id);
            let before = records.people.get(&id).cloned();
            if let Some(alias) = before.as_ref().and_then(|before| before.alias.as_ref()) {
                mark(records, alias);
                records.aliases.remove(alias);
            }
            if self.random.one_in(12) {
                records.people.remove(&id);
                self.tally.note("a customer that left");
                continue;
            }
            // Some aliases are ids of others.
            let alias = match self.random.next(4) {
                0 => None,
                1 => Some(format!("cus_{}", self.random.next(n_people))),
                _ => Some(format!("{}@example.com", self.random.next(n_people))),
            };
            let alias = alias.filter(|alias| !records.aliases.contains_key(alias));
            if let Some(alias) = &alias {
                mark(records, alias);
                records.aliases.insert(alias.clone(), id.clone());
            }
            let n_subscriptions = match self.random.next(40) {
                0 => 90,
                1..=4 => 12,
                n => n % 3,
            };
            if n_subscriptions == 90 {
                self.tally.note("a customer too large for any shard");
            }
            let subscription = |n: u64| {
                tree(json!({
                    "id": format!("sub_{id}_{}_{n}", "x".repeat(60)), "customer_id": id, "plan_id": "p",
                    "plan_version_id": format!("v{}", n % 2), "status": "ACTIVE", "start_date": "2025-01-01",
                    "billing_day_anchor": 1, "period": "MONTHLY", "current_period_start": "2025-06-01",
                    "current_period_end": "2025-07-01",
                }))
            };
            let person = Person {
                customer: tree(json!({ "id": id, "alias": alias, "name": format!("N {}", records.state.version) })),
                subscriptions: (0..n_subscriptions).map(subscription).collect(),
                is_poison: self.random.one_in(150),
                alias,
            };
            if person.is_poison {
                self.tally.note("a customer that cannot be packed");
            }
            records.people.insert(id, Rc::new(person));
        }
        if self.random.one_in(60) {
            records.definitions = (records.definitions + 1) % 3;
            self.tally.note("other definitions");
        }
        if self.random.one_in(20_000) {
            // The catalogue is replaced as a whole.
            self.tally.note("a catalogue that was replaced");
            let now = self.now;
            records.objects.values_mut().for_each(|object| object.dropped_at = object.dropped_at.or(Some(now)));
            records.shards.clear();
            records.dirty.clear();
            (records.state.bits, records.state.catalog) = (0, None);
            let keys: Vec<String> = records.people.keys().chain(records.aliases.keys()).cloned().collect();
            keys.iter().for_each(|key| mark(records, key));
        }
        let as_it_is =
            (Rc::new(records.people.clone()), Rc::new(records.aliases.clone()), records.definitions, self.now);
        self.versions.insert(records.state.version, as_it_is);
        self.wakes_at = self.wakes_at.min(self.now + 100);
    }

    /// The process ends, and begins again.
    fn crash(&mut self) {
        self.tally.note("a crash");
        self.since = self.now;
        self.wakes_at = self.now;
        self.importing = false;
        self.possible_since = self.now;
    }

    fn publish(&mut self, is_faulty: bool) {
        if self.now < self.wakes_at {
            return;
        }
        if is_faulty && self.random.one_in(40) {
            self.memory.fails_after.set(Some(self.random.next(30)));
            self.possible_since = self.now;
        }
        let now = Instant::from_millis(self.now).unwrap();
        let publisher = Publisher { ledger: &self.memory, limits: LIMITS, template: &self.template };
        let step = publisher.step(now, Load { importing: self.importing, since: self.since });
        if !is_faulty {
            self.memory.fails_after.set(None);
        }
        match step {
            Ok(Step::Again) => {}
            Ok(Step::Wait(at)) => {
                assert!(
                    self.now < at || self.memory.records.borrow().state.version == 0,
                    "it would be asked without end"
                );
                assert!(at <= self.now + 3_700_000, "it would never be asked again");
                self.wakes_at = at;
            }
            Ok(Step::Put(hashes)) => self.put(&hashes, is_faulty),
            Ok(Step::Publish) => self.put_manifest(now, is_faulty),
            Ok(Step::Delete(hashes)) => self.delete(&hashes, is_faulty),
            Err(Trouble::Down) => {
                self.tally.note("a database that was down");
                self.wakes_at = self.now + 500;
            }
            Err(trouble) => panic!("one customer holds up everybody: {trouble:?}"),
        }
    }

    fn put(&mut self, hashes: &[Hash], is_faulty: bool) {
        for hash in hashes {
            if is_faulty && self.random.one_in(6) {
                self.tally.note("a put that failed");
                self.wakes_at = self.now + 500;
                self.possible_since = self.now;
                return;
            }
            let bytes = self.memory.object(*hash).unwrap().expect("what is to be put is there");
            assert_eq!(Hash::of(bytes.as_slice()), *hash);
            self.store.insert(*hash, bytes);
            if is_faulty && self.random.one_in(12) {
                self.tally.note("a put that was done and not heard of");
                return self.crash();
            }
            if self.memory.mark_put(*hash).is_err() {
                return;
            }
        }
    }

    fn put_manifest(&mut self, now: Instant, is_faulty: bool) {
        if is_faulty && self.random.one_in(6) {
            self.tally.note("a manifest that failed");
            self.wakes_at = self.now + 500;
            self.possible_since = self.now;
            return;
        }
        let cut = self.memory.cut().unwrap().expect("there is a cut to publish");
        let before = self.published.as_ref().map_or(0, |published| published.version);
        let first = self.versions.range(before + 1..).next().map(|(_, (.., written_at))| *written_at);
        self.verify(&cut);
        self.published = Some(cut.clone());
        if is_faulty && self.random.one_in(12) {
            self.tally.note("a manifest that was put and not heard of");
            return self.crash();
        }
        let hash = Hash::of(format!("{cut:?}").as_bytes());
        if self.memory.record_publication(&cut, hash, now).is_ok() {
            self.tally.note("a publication");
            if let Some(first) = first {
                let late = self.now - self.possible_since.max(self.since).max(first);
                assert!(late <= 10_000, "a version came {late} ms after it could have");
            }
            self.since = self.now;
            self.possible_since = self.now;
        }
    }

    fn delete(&mut self, hashes: &[Hash], is_faulty: bool) {
        for hash in hashes {
            if self.memory.mark_deleting(*hash).is_err() {
                return;
            }
        }
        for hash in hashes {
            if is_faulty && self.random.one_in(8) {
                self.tally.note("a delete that failed");
                self.wakes_at = self.now + 500;
                return;
            }
            let published = self.published.iter().flat_map(|published| named(&published.table));
            assert!(!published.into_iter().any(|named| named == *hash), "what readers need is taken away");
            self.store.remove(hash);
            self.tally.note("a delete");
            if is_faulty && self.random.one_in(12) {
                return self.crash();
            }
            if self.memory.forget_object(*hash).is_err() {
                return;
            }
        }
    }

    /// What is about to be published is the catalogue in that version, and all of it is there.
    fn verify(&mut self, cut: &Manifest) {
        if let Some(before) = &self.published {
            assert!(before.version <= cut.version, "an older version comes after a newer one");
        }
        self.versions.retain(|version, _| cut.version <= *version);
        let (people, aliases, n_definitions, _) = self.versions.get(&cut.version).expect("it is a version").clone();
        let definitions = &self.memory.definitions[n_definitions];
        assert_eq!(cut.table.catalogue, definitions.part);
        let mut pile = Pile::new(&definitions.catalog, SEED);
        for key in people.keys().chain(aliases.keys()).collect::<BTreeSet<_>>() {
            let made = people.get(key).map(|person| Person { is_poison: false, ..Person::clone(person) });
            let alone: People = made.into_iter().map(|person| (key.clone(), Rc::new(person))).collect();
            Memory::load(&alone, &aliases, &mut pile, key).expect("it can be packed");
        }
        let sorted = pile.sorted().expect("they hold together");
        let bits = cut.table.bits;
        assert_eq!(cut.table.shards.len(), 1 << bits);
        let mut n_places = 0_u64;
        let withheld = cut.table.shards.iter().filter(|part| part.is_withheld()).count() as u64;
        for (place, part) in cut.table.distinct() {
            let block = self.store.get(&part.hash).expect("objects are put before the manifest");
            assert!(block.as_slice().len() <= LIMITS.max_shard);
            // Its head says of how many it is one: the same shard, made from nothing, is the same bytes.
            let run =
                cut.table.shards[usize::try_from(place).unwrap()..].iter().take_while(|p| p.hash == part.hash).count()
                    as u64;
            let fits = (0..=bits).rev().any(|own| {
                let shift = u32::from(bits - own);
                let (expected, n) = sorted.block(own, place >> shift);
                place & ((1 << shift) - 1) == 0
                    && expected.as_slice() == block.as_slice()
                    && n == part.n
                    && (run == 1 << shift || n == 0)
            });
            assert!(fits, "place {place} of {} is not what version {} says", cut.table.shards.len(), cut.version);
            n_places += run;
        }
        assert_eq!(n_places + withheld, 1 << bits);
        self.tally.note(if withheld == 0 { "a whole table" } else { "a table with a shard withheld" });
        if cut.table.distinct().any(|(place, part)| {
            part.n != 0
                && cut.table.shards.get(usize::try_from(place).unwrap() + 1).is_some_and(|next| next.hash == part.hash)
        }) {
            self.tally.note("a table amid a split");
        }
    }

    /// Nothing is written and nothing fails: sooner or later everything is published and tidy.
    fn rest(&mut self) {
        (self.faults, self.importing) = (false, false);
        self.memory.fails_after.set(None);
        let mut left = 20_000;
        let is_tidy = |simulation: &Simulation| {
            let records = simulation.memory.records.borrow();
            let state = &records.state;
            let waits = |key: &(u64, String)| {
                let shard = records.shards.range(..=slot_of(key.0)).next_back();
                shard.is_some_and(|(_, shard)| shard.failing.is_some())
            };
            // What is withheld may be there as it was.
            let kept = records.shards.values().filter(|shard| shard.failing.is_some()).map(|shard| shard.part.hash);
            let kept: BTreeSet<Hash> = kept.collect();
            let published = simulation.published.iter();
            let names: BTreeSet<Hash> = published.flat_map(|published| named(&published.table)).collect();
            state.published == state.version
                && state.cut.is_none()
                && !state.touched
                && records.dirty.iter().all(waits)
                && records.shards.values().all(|shard| shard.bits == state.bits || shard.failing.is_some())
                && names.iter().all(|hash| simulation.store.contains_key(hash))
                && simulation.store.keys().all(|hash| names.contains(hash) || kept.contains(hash))
        };
        let version = self.memory.records.borrow().state.version;
        while version != 0 && !is_tidy(self) {
            left -= 1;
            assert!(left != 0, "it never comes to rest: {:?}", self.memory.state());
            self.now = self.now.max(self.wakes_at) + 10;
            self.publish(false);
        }
        // Whoever is still withheld is so for a reason.
        let failing: Vec<Shard> =
            self.memory.records.borrow().shards.values().filter(|shard| shard.failing.is_some()).cloned().collect();
        for shard in failing {
            self.now += 400_000;
            for _ in 0..200 {
                self.now += 50;
                self.publish(false);
            }
            let records = self.memory.records.borrow();
            let Some(still) = records.shards.get(&shard.slot).filter(|still| still.failing.is_some()) else { continue };
            let own = |key: &String| {
                records
                    .shards
                    .range(..=slot_of(key_hash(SEED, key)))
                    .next_back()
                    .is_some_and(|(slot, _)| *slot == still.slot)
            };
            let has_reason = records
                .people
                .iter()
                .any(|(id, person)| own(id) && (person.is_poison || person.subscriptions.len() > 30));
            assert!(has_reason, "a shard is withheld for no reason: {still:?}");
            self.tally.note("a shard withheld for a reason");
        }
        self.tally.note("a rest");
        (self.faults, self.possible_since) = (true, self.now);
    }
}

fn named(table: &Table) -> Vec<Hash> {
    table.distinct().map(|(_, part)| part.hash).chain([table.catalogue.hash]).collect()
}
