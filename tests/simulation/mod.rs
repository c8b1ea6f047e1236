//! A writer that publishes, simulated: writes, growth, a store that fails, crashes at every step.
//!
//! The publisher's own rules run here on records in memory. Everything that happens comes from one
//! seed. Whatever is published is compared with the catalog as it was in that version.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a simulation fails as tests do")]
#![expect(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "so do these")]
#![expect(clippy::panic, reason = "and this is how it says what it found")]
#![expect(clippy::missing_panics_doc, reason = "all of it panics where the publisher is wrong")]

mod checks;
mod faults;
mod memory;
mod readers;
pub mod seeds;
pub mod sometimes;
mod truth;
mod writes;

use checks::named;
use mayuse_core::{Instant, Packed};
use mayuse_document::{Document, Tree};
use mayuse_snapshot::{
    Definitions, Hash, Ledger, Limits, Load, Manifest, ObjectRef, Policies, Publisher, SnapshotIndex, Step,
};
use memory::{Memory, People, Trouble};
use serde_json::{Value, json};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

const SEED: u64 = 0x0123_4567_89ab_cdef;

/// Small, so that a few dozen customers are many shards, and one customer can be too large.
const LIMITS: Limits = Limits {
    shard_bytes: 1_024,
    max_shard: 8_000,
    keys: 3,
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

/// A version: its customers, whose each alias is, its definitions, and when it was written.
type AsItWas = (Rc<People>, Rc<BTreeMap<String, String>>, usize, i64);

fn tree(value: Value) -> Tree<'static> {
    serde_json::from_value(value).expect("a tree reads any value")
}

/// How often each thing happened: a run in which one never did has shown nothing.
#[derive(Clone, Debug, Default)]
pub struct Tally(BTreeMap<(&'static str, &'static str), u64>);

impl Tally {
    fn note(&mut self, what: &'static str) {
        self.note_for(what, "");
    }

    /// Notes that it happened for this reason.
    fn note_for(&mut self, what: &'static str, reason: &'static str) {
        *self.0.entry((what, reason)).or_default() += 1;
    }

    /// How often it happened, for this reason.
    pub fn of(&self, what: &'static str, reason: &'static str) -> u64 {
        self.0.get(&(what, reason)).copied().unwrap_or_default()
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
    readers: readers::Readers,
    /// How often each thing happened.
    pub tally: Tally,
    /// How many steps were begun.
    pub n_steps: u64,
}

/// Whether a plan version grants the feature, in some definitions.
fn grants(n: usize) -> [bool; 2] {
    [n != 1, n == 2]
}

fn definitions(n: usize) -> Rc<Definitions> {
    let version = |at: usize| {
        json!({
            "id": format!("v{at}"), "version": at + 1,
            "entitlements": [{ "feature": "f", "value": { "type": "BOOLEAN", "enabled": grants(n)[at] } }],
        })
    };
    let document = json!({
        "format": 1,
        "features": [{ "id": "f", "code": "f", "name": format!("F {n}"), "feature_type": { "type": "BOOLEAN" }, "status": "ACTIVE" }],
        "plans": [{ "id": "p", "name": "P", "versions": [version(0), version(1)] }],
    });
    let document: Document = serde_json::from_value(document).unwrap();
    let (object, catalog, _) = document.pack_definitions().unwrap();
    Rc::new(Definitions { part: ObjectRef::of(&object, 0), object, catalog })
}

impl Simulation {
    /// A writer that nothing was written to.
    pub fn new(seed: u64) -> Simulation {
        let memory = Memory {
            records: RefCell::default(),
            definitions: (0..3).map(definitions).collect(),
            fails_after: Cell::new(None),
            withheld: RefCell::default(),
        };
        let now = 1_767_225_600_000;
        let table = SnapshotIndex { seed: SEED, catalog_object: ObjectRef::WITHHELD, bits: 0, shards: Vec::new() };
        let generated_at = Instant::from_millis(now).unwrap();
        let policies = Policies { stale_after_ms: Some(4_000), ..Policies::default() };
        Simulation {
            random: Random(seed),
            memory,
            template: Manifest {
                version: 0,
                audience: "here".to_owned(),
                generated_at,
                policies,
                table,
                previous: None,
            },
            now,
            since: now,
            wakes_at: now,
            importing: false,
            store: BTreeMap::new(),
            published: None,
            versions: BTreeMap::new(),
            faults: true,
            possible_since: now,
            readers: readers::Readers::new(seed),
            tally: Tally::default(),
            n_steps: 0,
        }
    }

    /// Does so many steps, and comes to rest now and then.
    pub fn run(&mut self, n_steps: u64) {
        for n in 0..n_steps {
            self.n_steps += 1;
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
            let version = self.memory.records.borrow().state.version;
            self.readers.step(self.now, version, &self.store, self.faults, &mut self.tally);
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

    /// The process ends, and begins again.
    fn crash(&mut self, when: &'static str) {
        self.tally.note_for("a crash", when);
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
        self.memory.withheld.take().into_iter().for_each(|why| self.tally.note_for("a shard withheld since", why));
        if !is_faulty {
            self.memory.fails_after.set(None);
        }
        if is_faulty
            && self.random.one_in(60)
            && let Ok(step) = &step
        {
            // What was recorded stands; what the store was to be told is not told.
            return self.crash(match step {
                Step::Again => "after records were changed",
                Step::Put(_) => "before objects are put",
                Step::Publish => "before a manifest is put",
                Step::Delete(_) => "before objects are taken away",
                Step::Wait(_) => "while there is nothing to do",
            });
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
                self.since = self.now;
            }
            Ok(Step::Put(hashes)) => self.put(&hashes, is_faulty),
            Ok(Step::Publish) => self.put_manifest(now, is_faulty),
            Ok(Step::Delete(hashes)) => self.delete(&hashes, is_faulty),
            Err(Trouble::Down) => {
                self.tally.note_for("a database that was down", "in a step");
                self.wakes_at = self.now + 500;
            }
            Err(trouble) => panic!("one customer holds up everybody: {trouble:?}"),
        }
    }

    fn put(&mut self, hashes: &[Hash], is_faulty: bool) {
        for hash in hashes {
            if is_faulty && self.random.one_in(15) {
                self.tally.note("a put that failed");
                self.memory.records.borrow_mut().state.has_failed = true;
                self.wakes_at = self.now + 500;
                self.possible_since = self.now;
                return;
            }
            let bytes = self.memory.object(*hash).unwrap().expect("what is to be put is there");
            assert_eq!(Hash::of(bytes.as_slice()), *hash);
            self.store.insert(*hash, bytes);
            if is_faulty && self.random.one_in(40) {
                return self.crash("between the put of an object and its record");
            }
            if self.memory.mark_put(*hash).is_err() {
                self.tally.note_for("a database that was down", "when the put of an object was to be recorded");
                return;
            }
        }
    }

    fn put_manifest(&mut self, now: Instant, is_faulty: bool) {
        if is_faulty && self.random.one_in(6) {
            self.tally.note("a manifest that failed");
            self.memory.records.borrow_mut().state.has_failed = true;
            self.wakes_at = self.now + 500;
            self.possible_since = self.now;
            return;
        }
        let cut = self.memory.cut().unwrap().expect("there is a cut to publish");
        let before = self.published.as_ref().map_or(0, |published| published.version);
        let first = self.versions.range(before + 1..).next().map(|(_, (.., written_at))| *written_at);
        self.verify(&cut);
        let (people, aliases, n_definitions, _) = &self.versions[&cut.version];
        self.readers.publish(&cut, people, aliases, grants(*n_definitions), &self.store);
        self.published = Some(cut.clone());
        if is_faulty && self.random.one_in(12) {
            return self.crash("between the put of a manifest and its record");
        }
        let hash = Hash::of(format!("{cut:?}").as_bytes());
        if self.memory.record_publication(&cut, hash, now).is_err() {
            self.tally.note_for("a database that was down", "when the put of a manifest was to be recorded");
        } else {
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
                self.tally.note_for("a database that was down", "before objects were taken away");
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
                return self.crash("between a delete and its record");
            }
            if self.memory.forget_object(*hash).is_err() {
                self.tally.note_for("a database that was down", "when a delete was to be recorded");
                return;
            }
        }
    }
}
