//! The demo catalog, cut, and questions about everything in it.

#![allow(dead_code, reason = "each target needs some of it")]

use mayuse_core::{
    Amount, BlockBuilder, Catalog, CustomerBlock, Found, Instant, Packed, Question, WriteJson, decide_for, key_hash,
};
use mayuse_document::{Document, Tree, add_element};
use mayuse_snapshot::{Manifest, ObjectRef, Policies, SigningKey, SnapshotIndex};
use serde_json::Value;

pub const SEED: u64 = 0x0123_4567_89ab_cdef;
pub const DEMO: &str = include_str!("../../demo/catalog.json");

pub fn key() -> SigningKey {
    SigningKey::from_seed(&[7; 32])
}

pub fn now() -> Instant {
    Instant::parse("2026-11-20").unwrap()
}

/// All objects of the demo, in one shard, and the catalog they are opened with.
pub struct Demo {
    pub object: Packed,
    pub catalog: Catalog,
    pub block: Packed,
    pub manifest: Manifest,
}

impl Demo {
    pub fn new() -> Demo {
        let document: Document = serde_json::from_str(DEMO).unwrap();
        let (object, catalog, _) = document.pack_definitions().unwrap();
        let mut pile = BlockBuilder::new(&catalog, SEED);
        let lists: Value = serde_json::from_str(DEMO).unwrap();
        for list in ["customers", "subscriptions"] {
            for (n, element) in lists[list].as_array().unwrap().iter().enumerate() {
                let tree: Tree = serde_json::from_value(element.clone()).unwrap();
                add_element(&mut pile, list, n, &tree).unwrap();
            }
        }
        let (block, n) = pile.sorted().unwrap().block(0, 0);
        let shards = vec![ObjectRef::of(&block, n)];
        let table = SnapshotIndex { seed: SEED, catalog_object: ObjectRef::of(&object, 0), bits: 0, shards };
        let policies = Policies::default();
        let manifest =
            Manifest { version: 3, audience: String::new(), generated_at: now(), policies, table, previous: None };
        Demo { object, catalog, block, manifest }
    }
}

/// Asks about some customers of a block, and everything about them. What is answered does not matter.
pub fn ask(catalog: &Catalog, people: &CustomerBlock) {
    let codes: Vec<&str> = catalog.feature_codes().take(16).collect();
    let keys: Vec<&str> = people.ids().take(8).chain(["acme", "nobody"]).collect();
    for key in keys {
        let person = match people.find(key, key_hash(SEED, key)) {
            Some(Found::Customer(person)) => Some(person),
            Some(Found::Alias(id)) => match people.find(id, key_hash(SEED, id)) {
                Some(Found::Customer(person)) => Some(person),
                _ => None,
            },
            None => None,
        };
        for code in &codes {
            for consumed in [None, Some(Amount::ONE)] {
                let question = Question { explain: consumed.is_some(), consumed, ..Question::new(key, code) };
                let _ = decide_for(catalog, person.as_ref(), &question, now()).map(|told| told.to_json());
            }
        }
    }
}
