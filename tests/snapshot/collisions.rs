//! Keys whose hashes are equal: for half of all seeds these two are, whoever knows that may have both of them.
//! Each is found all the same, and neither is taken for the other.

use crate::cutting::{Cut, published};
use mayuse_core::{Instant, Question, Reason, SortedSet, Source, key_hash};
use mayuse_document::Document;
use mayuse_snapshot::{ObjectRef, Replica, SnapshotIndex, empty_shard, patch};
use serde_json::{Value, json};

const KEYS: [&str; 2] = ["cus_001100110011tail0001", "cus_001q0011201qtail0001"];
const N_SEEDS: u64 = 200;

/// The first may use `first`, the second `second`; each of them is called as it says.
fn document(customers: &[(&str, Option<&str>, &str)]) -> Value {
    let feature =
        |code: &str| json!({"id": code, "code": code, "feature_type": {"type": "BOOLEAN"}, "status": "ACTIVE"});
    let row = |code: &str| json!({"feature": code, "value": {"type": "BOOLEAN", "enabled": true}});
    let customer =
        |(id, alias, code): &(&str, Option<&str>, &str)| json!({"id": id, "alias": alias, "entitlements": [row(code)]});
    let customers: Vec<Value> = customers.iter().map(customer).collect();
    json!({"format": 1, "features": [feature("first"), feature("second")], "customers": customers})
}

fn cut(document: &Value, seed: u64, bits: u8) -> Cut {
    let read: Document = serde_json::from_value(document.clone()).unwrap();
    let (catalog_object, sorted, _) = read.pack(seed).unwrap();
    let cut: Vec<_> = (0..1_u64 << bits).map(|shard| sorted.block(bits, shard)).collect();
    let shards = cut.iter().map(|(block, n)| ObjectRef::of(block, *n)).collect();
    let table = SnapshotIndex { seed, catalog_object: ObjectRef::of(&catalog_object, 0), bits, shards };
    Cut { catalog_object, blocks: cut.into_iter().map(|(block, _)| block).collect(), table }
}

fn says(replica: &Replica, customer: &str) -> [(bool, Reason); 2] {
    ["first", "second"].map(|feature| {
        let decision =
            replica.decide(&Question::new(customer, feature), Instant::parse("2026-01-01T00:00:00Z").unwrap());
        let decision = decision.unwrap().unwrap();
        (decision.allowed, decision.reason)
    })
}

const FIRST: [(bool, Reason); 2] = [(true, Reason::Enabled), (false, Reason::NoActiveSubscription)];
const SECOND: [(bool, Reason); 2] = [(false, Reason::NoActiveSubscription), (true, Reason::Enabled)];
const NOBODY: [(bool, Reason); 2] = [(false, Reason::CustomerNotFound); 2];

#[test]
fn ids_of_one_hash_are_both_found() {
    let [a, b] = KEYS;
    let mut n_equal = 0;
    for seed in 0..N_SEEDS {
        n_equal += usize::from(key_hash(seed, a) == key_hash(seed, b));
        for bits in 0..2 {
            let both = cut(&document(&[(a, None, "first"), (b, None, "second")]), seed, bits).replica();
            assert_eq!([says(&both, a), says(&both, b)], [FIRST, SECOND], "seed {seed}, {bits} bits");
            let one = cut(&document(&[(b, None, "second")]), seed, bits).replica();
            assert_eq!([says(&one, a), says(&one, b)], [NOBODY, SECOND], "seed {seed}, {bits} bits");
            // An alias that has the hash of an id leads to its own customer.
            let called = cut(&document(&[("other", Some(a), "first"), (b, None, "second")]), seed, bits).replica();
            assert_eq!([says(&called, a), says(&called, b), says(&called, "other")], [FIRST, SECOND, FIRST]);
        }
    }
    assert!(n_equal > 0, "a better hash: these two no longer say anything");
}

#[test]
fn what_is_made_anew_of_one_leaves_the_other() {
    let [a, b] = KEYS;
    let both = document(&[(a, None, "first"), (b, None, "second")]);
    for seed in 0..N_SEEDS {
        let before = cut(&both, seed, 0);
        let (_, catalog, _) = serde_json::from_value::<Document>(both.clone()).unwrap().pack_definitions().unwrap();
        let mut keys = SortedSet::default();
        keys.insert(a.to_owned());
        let gone = patch(&catalog, &before.blocks[0], (seed, 0, 0), &keys, |_| Ok::<(), mayuse_core::Problems>(()));
        let gone = gone.unwrap();
        assert_eq!(gone.part.n, 1);
        let table = SnapshotIndex { shards: vec![gone.part], ..before.table.clone() };
        let after = Cut { blocks: vec![gone.block], table, ..before };
        let mut replica = Replica::new(usize::MAX, 0);
        replica
            .accept(published(&after.manifest(2)), Some(&after.catalog_object), Vec::new(), Source::Snapshot)
            .unwrap();
        replica.insert_shard(0, after.table.shards[0].hash, after.blocks[0].clone()).unwrap();
        assert_eq!([says(&replica, a), says(&replica, b)], [NOBODY, SECOND], "seed {seed}");
        assert_ne!(empty_shard(&catalog, (seed, 0, 0)).unwrap().part.hash, after.table.shards[0].hash);
    }
}
