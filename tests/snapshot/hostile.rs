//! Objects that were damaged: an error or another catalog, and never a panic, never much memory,
//! never much time.

use crate::counting;
use crate::crowd::Crowd;
use crate::cutting::{Cut, SEED, cut, key};
use mayuse_core::{
    BlockBuilder, Catalog, CustomerBlock, Found, Instant, Packed, Question, WriteJson, decide_for, key_hash,
};
use mayuse_snapshot::{ObjectRef, split};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngSeed, TestRunner};
use serde_json::Value;
use std::time::{Duration, Instant as Clock};

/// A source of numbers that is the same everywhere.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n
    }
}

fn demo() -> Cut {
    cut(&serde_json::from_str::<Value>(include_str!("../../demo/catalog.json")).unwrap(), 0)
}

/// A crowd with rows, aliases and subscriptions of all sorts, the same in every run.
fn a_crowd() -> Cut {
    let config = Config { rng_seed: RngSeed::Fixed(11), failure_persistence: None, ..Config::default() };
    let crowd: Crowd = crate::crowd::crowd(30).new_tree(&mut TestRunner::new(config)).unwrap().current();
    cut(&crowd.document(), 0)
}

/// Asks everything of everybody; what is answered does not matter.
fn ask(catalog: &Catalog, people: &CustomerBlock) {
    let now = Instant::parse("2026-11-20").unwrap();
    let ids: Vec<String> = people.ids().take(40).map(str::to_owned).collect();
    let codes: Vec<&str> = catalog.feature_codes().take(40).collect();
    for (key, code) in ids
        .iter()
        .map(String::as_str)
        .chain(["acme", "nobody"])
        .flat_map(|key| codes.iter().map(move |code| (key, code)))
    {
        let person = match people.find(key, key_hash(SEED, key)) {
            Some(Found::Customer(person)) => Some(person),
            Some(Found::Alias(_)) | None => None,
        };
        let question = Question { explain: true, ..Question::new(key, code) };
        let _ = decide_for(catalog, person.as_ref(), &question, now).map(|decision| decision.to_json());
    }
}

/// Opens what was a catalog object, and asks about nobody.
fn open_catalog_object(bytes: Packed) -> bool {
    let opened = Catalog::open(&bytes);
    if let Ok(catalog) = &opened {
        ask(catalog, &CustomerBlock::empty());
    }
    opened.is_ok()
}

/// Opens what was a block, asks about everybody, and puts them on a builder again.
fn open_block(bytes: Packed, catalog: &Catalog) -> bool {
    let opened = CustomerBlock::open(bytes.clone(), catalog);
    if let Ok(people) = &opened {
        ask(catalog, people);
        let _ = split(catalog, &bytes, (SEED, 0, 0));
    }
    // A builder reads blocks that nobody has checked.
    let mut pile = BlockBuilder::new(catalog, SEED);
    if pile.add_block(&bytes, |_| true).is_ok()
        && let Ok(sorted) = pile.sorted()
    {
        sorted.block(1, 1);
    }
    opened.is_ok()
}

/// Opening these bytes takes little more memory than they have, and little time.
#[track_caller]
fn check(bytes: Vec<u8>, open: &dyn Fn(Packed) -> bool) -> bool {
    let n = bytes.len();
    let Some(packed) = Packed::new(bytes) else { return false };
    let began = Clock::now();
    let (n_bytes, is_open) = counting::bytes(|| open(packed));
    assert!(is_open || n_bytes < 400 * n + 20_000, "{n_bytes} bytes are asked for to refuse {n}");
    assert!(began.elapsed() < Duration::from_secs(5), "it takes {:?}", began.elapsed());
    is_open
}

/// All beginnings, and so many mutations: of one byte to several, moved, doubled and left out.
fn check_all(object: &Packed, n: usize, open: &dyn Fn(Packed) -> bool) -> usize {
    let whole = object.as_slice();
    assert!(check(whole.to_vec(), open));
    for end in 0..whole.len() {
        assert!(!check(whole[..end].to_vec(), open), "its first {end} bytes are enough");
    }
    let mut dice = Dice(1);
    let mut n_open = 0;
    for _ in 0..n {
        let mut bytes = whole.to_vec();
        for _ in 0..=dice.below(3) {
            let at = dice.below(bytes.len());
            match dice.below(6) {
                0 => bytes[at] ^= 1 << dice.below(7),
                1 => bytes[at] = dice.below(128) as u8,
                // Where numbers are: small steps, and the largest.
                2 => bytes[at] = (bytes[at] + 1) % 128,
                3 => bytes[at] = 0x7f,
                4 => drop(bytes.remove(at)),
                _ => {
                    let from = dice.below(bytes.len());
                    let to = from + dice.below(bytes.len() - from).min(40);
                    let part = bytes[from..to].to_vec();
                    bytes.splice(at..at, part);
                }
            }
        }
        n_open += usize::from(check(bytes, open));
    }
    n_open
}

#[test]
fn damaged_catalog_objects() {
    for (cut, n) in [(demo(), 1_500), (a_crowd(), 1_500)] {
        let n_open = check_all(&cut.catalog_object, n, &open_catalog_object);
        // A mutation of a name is a catalog, too: what is not asked is not tested.
        assert!(20 < n_open, "{n_open} of {n} were opened");
    }
}

#[test]
fn damaged_blocks() {
    for (cut, n) in [(demo(), 1_500), (a_crowd(), 1_500)] {
        let catalog = Catalog::open(&cut.catalog_object).unwrap();
        let n_open = check_all(&cut.blocks[0], n, &|bytes| open_block(bytes, &catalog));
        assert!(20 < n_open, "{n_open} of {n} were opened");
    }
}

/// A block of one catalog and another one, which lacks most of what it names.
#[test]
fn blocks_of_other_catalogs() {
    let (one, other) = (demo(), a_crowd());
    let catalogs = [&one, &other].map(|cut| Catalog::open(&cut.catalog_object).unwrap());
    assert!(CustomerBlock::open(one.blocks[0].clone(), &catalogs[1]).is_err());
    assert!(CustomerBlock::open(other.blocks[0].clone(), &catalogs[0]).is_err());
    // One for the other, and for a manifest.
    assert!(CustomerBlock::open(one.catalog_object.clone(), &catalogs[0]).is_err());
    assert!(Catalog::open(&one.blocks[0]).is_err());
    let manifest = Packed::from(one.manifest(1).sign(&key()));
    assert!(Catalog::open(&manifest).is_err() && CustomerBlock::open(manifest, &catalogs[0]).is_err());
    assert_eq!(ObjectRef::of(&one.blocks[0], 14), one.table.shards[0]);
}
