//! A publisher's desk: a ledger whose records say what is the case, and that notes what is done.

use crate::cutting::{SEED, definitions, tree};
use mayuse_core::{BlockBuilder, Instant, Packed, Problems, key_hash};
use mayuse_document::add_element;
use mayuse_snapshot::{
    Definitions, Failing, Hash, Ledger, Limits, Load, Manifest, ObjectRef, Policies, Publisher, Shard, SnapshotIndex,
    State, Step, empty_shard,
};
use serde_json::json;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

/// When the last manifest was published, of the instant at which it was published.
pub const PUBLISHED: i64 = 100_000;

pub const LIMITS: Limits = Limits {
    shard_bytes: 1 << 20,
    max_shard: 1 << 20,
    keys: 3,
    slice: 10,
    shard_cost: 5,
    backlog: 30,
    puts: 2,
    manifest_every_ms: 1_000,
    import_every_ms: 3_000,
    late_ms: 2_000,
    heartbeat_ms: 60_000,
    grace_ms: 7_000,
};

pub struct Desk {
    pub limits: Limits,
    pub state: RefCell<State>,
    pub definitions: Rc<Definitions>,
    pub shards: RefCell<BTreeMap<u64, Shard>>,
    pub objects: RefCell<BTreeMap<Hash, Packed>>,
    pub dirty: RefCell<Vec<(u64, String)>>,
    pub waiting: Vec<Hash>,
    pub garbage: Vec<Hash>,
    pub n_customers: u64,
    /// How many bytes the name of each customer has.
    pub name: usize,
    pub cut: RefCell<Option<Manifest>>,
    pub done: RefCell<Vec<String>>,
}

pub fn hash(n: u8) -> Hash {
    Hash::of(&[n])
}

/// So many customers, in the order of their hashes.
pub fn keys(n: usize) -> Vec<(u64, String)> {
    let mut keys: Vec<_> = (0..n).map(|n| format!("cus_{n}")).map(|key| (key_hash(SEED, &key), key)).collect();
    keys.sort();
    keys
}

impl Desk {
    /// Everything that was written was published at `PUBLISHED`: there are `2^bits` empty shards.
    pub fn new(bits: u8) -> Desk {
        let (object, catalog) = definitions(&json!({ "format": 1 })).unwrap();
        let definitions = Rc::new(Definitions { part: ObjectRef::of(&object, 0), object, catalog });
        let state = State {
            version: 7,
            bits,
            catalog: Some(definitions.part.hash),
            published: 7,
            published_as_of: PUBLISHED,
            published_at: PUBLISHED,
            manifest: Some(hash(99)),
            ..State::default()
        };
        let desk = Desk {
            limits: LIMITS,
            state: RefCell::new(state),
            definitions,
            shards: RefCell::default(),
            objects: RefCell::default(),
            dirty: RefCell::default(),
            waiting: Vec::new(),
            garbage: Vec::new(),
            n_customers: 0,
            name: 1,
            cut: RefCell::default(),
            done: RefCell::default(),
        };
        (0..1 << bits).for_each(|number| desk.shelve(number, bits, None));
        desk.done.borrow_mut().clear();
        desk
    }

    /// Stores an empty shard.
    pub fn shelve(&self, number: u64, bits: u8, failing: Option<Failing>) {
        let made = empty_shard(&self.definitions.catalog, (SEED, bits, number)).unwrap();
        self.objects.borrow_mut().insert(made.part.hash, made.block);
        let slot = number << (SnapshotIndex::MAX_BITS - bits);
        self.shards.borrow_mut().insert(slot, Shard { slot, bits, part: made.part, failing });
    }

    pub fn with(change: impl FnOnce(&mut State)) -> Desk {
        let desk = Desk::new(0);
        change(&mut desk.state.borrow_mut());
        desk
    }

    fn note(&self, what: String) -> Result<(), Problems> {
        self.done.borrow_mut().push(what);
        Ok(())
    }

    /// The next step, where nothing is late.
    pub fn step(&self, now: i64) -> Step {
        self.step_of(now, false, now)
    }

    pub fn step_of(&self, now: i64, importing: bool, since: i64) -> Step {
        self.done.borrow_mut().clear();
        let table = SnapshotIndex { seed: SEED, catalog_object: ObjectRef::WITHHELD, bits: 0, shards: Vec::new() };
        let template = Manifest {
            version: 0,
            audience: "here".to_owned(),
            generated_at: Instant::EPOCH,
            policies: Policies::default(),
            table,
            previous: None,
        };
        let publisher = Publisher { ledger: self, limits: self.limits, template: &template };
        publisher.step(Instant::from_millis(now).unwrap(), Load { importing, since }).unwrap()
    }

    pub fn did(&self, what: &str) -> usize {
        self.done.borrow().iter().filter(|done| done.starts_with(what)).count()
    }

    /// Whether a step made a cut.
    pub fn cuts(&self, now: i64) -> bool {
        self.step(now) == Step::Again && self.did("cut") == 1
    }

    pub fn only(&self) -> Shard {
        self.shards.borrow()[&0].clone()
    }
}

impl Ledger for Desk {
    type Error = Problems;

    fn transaction(&self, write: &mut dyn FnMut() -> Result<(), Problems>) -> Result<(), Problems> {
        write()
    }
    fn describe(error: &Problems) -> String {
        error.to_string()
    }
    fn seed(&self) -> u64 {
        SEED
    }
    fn state(&self) -> Result<State, Problems> {
        let (state, shards) = (self.state.borrow().clone(), self.shards.borrow());
        let n_dirty = state.n_dirty.max(self.dirty.borrow().len());
        Ok(State { n_dirty, n_shards: shards.len() as u64, ..state })
    }
    fn definitions(&self) -> Result<Rc<Definitions>, Problems> {
        Ok(Rc::clone(&self.definitions))
    }
    fn n_customers(&self) -> Result<u64, Problems> {
        Ok(self.n_customers)
    }
    fn load_into(&self, builder: &mut BlockBuilder<'_>, key: &str) -> Result<(), Problems> {
        let customer = json!({ "id": key, "name": "n".repeat(self.name) });
        add_element(builder, "customers", 0, &tree(&customer)).map(drop)
    }
    fn scan(&self, after: &str, limit: usize) -> Result<(), Problems> {
        self.note(format!("scan after {after}, {limit}"))
    }
    fn dirty(&self, from: u64, to: Option<u64>, limit: usize) -> Result<Vec<(u64, String)>, Problems> {
        let is_in = |(hash, _): &&(u64, String)| from <= *hash && to.is_none_or(|to| *hash < to);
        Ok(self.dirty.borrow().iter().filter(is_in).take(limit).cloned().collect())
    }
    fn clear_dirty(&self, hash: u64, key: &str) -> Result<(), Problems> {
        self.dirty.borrow_mut().retain(|other| *other != (hash, key.to_owned()));
        self.note(format!("clear {key}"))
    }
    fn set_bits(&self, bits: u8) -> Result<(), Problems> {
        self.state.borrow_mut().bits = bits;
        self.note(format!("bits {bits}"))
    }
    fn set_catalog(&self, hash: Hash) -> Result<(), Problems> {
        self.note(format!("catalog {hash}"))
    }
    fn shard(&self, slot: u64) -> Result<Option<Shard>, Problems> {
        Ok(self.shards.borrow().range(..=slot).next_back().map(|(_, shard)| shard.clone()))
    }
    fn coarse_shard(&self, bits: u8) -> Result<Option<Shard>, Problems> {
        let shards = self.shards.borrow();
        Ok(shards.values().find(|shard| shard.bits < bits && shard.failing.is_none()).cloned())
    }
    fn shards(&self) -> Result<Vec<Shard>, Problems> {
        Ok(self.shards.borrow().values().cloned().collect())
    }
    fn put_shard(&self, shard: &Shard) -> Result<(), Problems> {
        self.shards.borrow_mut().insert(shard.slot, shard.clone());
        self.note(format!("shard {} of {} bits{}", shard.number(), shard.bits, {
            shard.failing.as_ref().map_or_else(String::new, |failing| format!(", failing: {}", failing.why))
        }))
    }
    fn is_named(&self, hash: Hash) -> Result<bool, Problems> {
        Ok(self.shards.borrow().values().any(|shard| shard.part.hash == hash))
    }
    fn object(&self, hash: Hash) -> Result<Option<Packed>, Problems> {
        Ok(self.objects.borrow().get(&hash).cloned())
    }
    fn put_object(&self, hash: Hash, bytes: &Packed) -> Result<(), Problems> {
        self.objects.borrow_mut().insert(hash, bytes.clone());
        self.note(format!("object {hash}"))
    }
    fn drop_object(&self, hash: Hash, now: Instant) -> Result<(), Problems> {
        self.note(format!("drop {hash} at {}", now.millis()))
    }
    fn set_cut(&self, cut: &Manifest) -> Result<(), Problems> {
        *self.cut.borrow_mut() = Some(cut.clone());
        self.note("cut".to_owned())
    }
    fn waiting(&self, limit: usize) -> Result<Vec<Hash>, Problems> {
        Ok(self.waiting.iter().take(limit).copied().collect())
    }
    fn cut(&self) -> Result<Option<Manifest>, Problems> {
        Ok(self.cut.borrow().clone())
    }
    fn mark_put(&self, _: Hash) -> Result<(), Problems> {
        panic!("the caller of a publisher marks it")
    }
    fn record_publication(&self, _: &Manifest, _: Hash, _: Instant) -> Result<(), Problems> {
        panic!("the caller of a publisher records it")
    }
    fn garbage(&self, before: i64, limit: usize) -> Result<Vec<Hash>, Problems> {
        self.note(format!("garbage before {before}, {limit}"))?;
        Ok(self.garbage.clone())
    }
    fn mark_deleting(&self, _: Hash) -> Result<(), Problems> {
        panic!("the caller of a publisher marks it")
    }
    fn forget_object(&self, _: Hash) -> Result<(), Problems> {
        panic!("the caller of a publisher forgets it")
    }
}
