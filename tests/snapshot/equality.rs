//! A replica answers as the document does that it was cut from.

use crate::crowd::{Crowd, crowd};
use crate::cutting::{cut, shown, shown_by, tree, try_cut};
use crate::random::{Amounts, CODES, Rules, cases, catalog, ladder};
use crate::random_time::now;
use mayuse_core::{Instant, decide};
use mayuse_document::{Check, Document};
use mayuse_tests::compiled;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

/// What is compared: every customer key, every feature, and the ways to ask about it.
fn questions(keys: &[&str]) -> Vec<Value> {
    let codes = CODES.into_iter().chain(["feat_pool", "nothing", "no such thing"]);
    let mut questions = Vec::new();
    for (customer, feature) in keys.iter().flat_map(|key| codes.clone().map(move |code| (key, code))) {
        for (subscription, consumed) in [(None, Some("12")), (None, None), (Some("sub_1"), Some("0"))] {
            questions.push(json!({
                "customer": customer, "feature": feature, "subscription_id": subscription, "consumed": consumed,
                "explain": true, "min_version": (feature == "pool").then_some(1),
            }));
        }
    }
    questions
}

/// Both give the same answers, in as many shards as there are.
#[track_caller]
fn check(document: &Value, bits: &[u8], questions: &[Value], now: Instant) {
    let mut full = compiled(&document.to_string());
    for bits in bits {
        let replica = cut(document, *bits).replica();
        full.catalog.snapshot = replica.catalog().unwrap().snapshot;
        assert_eq!(
            replica.customers().map(|(_, people)| people.n_customers()).sum::<usize>(),
            full.customers.n_customers()
        );
        for question in questions {
            let check = Check::read(&tree(question)).unwrap();
            let told = shown_by(replica.decide(&check.question(), now));
            assert_eq!(shown(decide(&full, &check.question(), now)), told, "{bits} bits: {question} at {now}");
            // And about all features, as entitlements are listed.
            let codes: Vec<&str> = full.catalog.feature_codes().collect();
            assert!(replica.catalog().unwrap().feature_codes().eq(codes), "{bits} bits");
        }
    }
}

proptest! {
    #![proptest_config(cases(25))]

    #[test]
    fn of_random_catalogs(document in catalog(ladder(), 4, Rules::Any, Amounts::Small), now in now()) {
        check(&document, &[0, 1, 3], &questions(&["cus_a", "a", "cus_b", "b", "nobody", "no body"]), now);
    }

    #[test]
    fn of_amounts_as_large_as_they_get(document in catalog(ladder(), 2, Rules::Any, Amounts::Huge), now in now()) {
        match serde_json::from_value::<Document>(document.clone()).unwrap().compile() {
            Ok(_) => check(&document, &[1], &questions(&["cus_a"]), now),
            Err(_) => assert!(try_cut(&document, 1).is_err()),
        }
    }

    #[test]
    fn of_crowds(crowd in crowd(20), now in now()) {
        let keys = Crowd::keys();
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        check(&crowd.document(), &[0, 2], &questions(&keys), now);
    }
}

/// Every check of the vectors, from snapshots of their catalogs. Those of the catalogs that are
/// refused are refused here too.
#[test]
fn of_the_vectors() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors");
    let read = |name: &str| -> Value { serde_json::from_slice(&fs::read(folder.join(name)).unwrap()).unwrap() };
    let (mut n_checks, mut n_refused) = (0, 0);
    for name in read("index.json")["files"].as_array().unwrap() {
        let file = read(name.as_str().unwrap());
        for case in file["cases"].as_array().unwrap().iter().filter(|case| case["kind"] == "check") {
            let document = case.get("catalog").unwrap_or(&file["catalog"]);
            let mut case = case.clone();
            let question = case.as_object_mut().unwrap();
            question.retain(|name, _| !["id", "kind", "description", "expect", "catalog"].contains(&name.as_str()));
            let compiles = serde_json::from_value::<Document>(document.clone()).unwrap().compile().is_ok();
            assert_eq!(try_cut(document, 1).is_ok(), compiles, "{document}");
            if !compiles {
                n_refused += 1;
            } else if Check::read(&tree(&case)).is_ok() {
                let now = Instant::parse("2025-06-15").unwrap();
                let explained = json!({ "explain": true });
                let mut question = case.clone();
                question["explain"] = explained["explain"].clone();
                check(document, &[0, 1, 3], &[case.clone(), question], now);
                n_checks += 1;
            }
        }
    }
    assert!(200 < n_checks && 30 < n_refused, "{n_checks} checks, {n_refused} refused catalogs");
}
