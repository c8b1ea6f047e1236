//! The same catalog gives the same objects, everywhere and however it is written.

use crate::cutting::{Cut, cut, key};
use crate::random::{Amounts, Rules, cases, catalog, ladder};
use crate::rewriting::{bytes, dice, rewritten, shuffle};
use mayuse_snapshot::Hash;
use proptest::prelude::*;
use serde_json::{Value, json};

#[track_caller]
fn check(one: &Value, other: &Value, what: &str) {
    let (one, other) = (cut(one, 1), cut(other, 1));
    assert_eq!(one.catalog_object.as_str(), other.catalog_object.as_str(), "{what}: the catalog object");
    for (one, other) in one.blocks.iter().zip(&other.blocks) {
        assert_eq!(one.as_str(), other.as_str(), "{what}: a block");
    }
}

proptest! {
    #![proptest_config(cases(40))]

    #[test]
    fn in_any_order(document in catalog(ladder(), 4, Rules::Any, Amounts::Small), bytes in bytes()) {
        let mut dice = dice(bytes);
        let mut shuffled = document.clone();
        shuffle(&mut shuffled, &mut dice);
        // The order of plans is that of suggestions, so a snapshot keeps it.
        shuffled["plans"].as_array_mut().unwrap().sort_by_key(|plan| plan["id"].to_string());
        check(&document, &shuffled, "shuffled");
        let rewritten: Value = serde_json::from_str(&rewritten(&document, &mut dice)).unwrap();
        check(&document, &rewritten, "rewritten");
    }
}

fn document() -> Value {
    let row = |limit: &str| {
        json!({
            "id": "ent_m", "feature_id": "feat_m", "created_at": "2025-01-01T00:00:00Z",
            "value": { "type": "METERED", "enabled": true, "limit": limit, "reset_period": { "type": "NEVER" } },
        })
    };
    json!({
        "format": 1,
        "features": [
            { "id": "feat_m", "code": "m", "name": "feat_m", "feature_type": { "type": "METERED" }, "status": "ACTIVE" },
            { "id": "feat_s", "code": "s", "name": "S", "feature_type": { "type": "BOOLEAN" }, "status": "ACTIVE" },
        ],
        "plans": [{ "id": "plan_p", "name": "plan_p", "entitlements": [row("10.5")], "versions": [
            { "id": "plv_1", "version": 1, "product_ids": ["prd_a", "prd_b"] }, { "id": "plv_2", "version": 2 },
        ] }],
        "add_ons": [{ "id": "add_a", "entitlements": [row("5")] }, { "id": "add_b" }],
        "customers": [{ "id": "cus_c", "alias": "c", "name": "cus_c" }, { "id": "cus_d", "entitlements": [row("1")] }],
        "subscriptions": [{
            "id": "sub_s", "customer_id": "cus_c", "plan_id": "plan_p", "plan_version_id": "plv_1", "status": "ACTIVE",
            "start_date": "2025-01-01", "billing_day_anchor": 1, "period": "MONTHLY",
            "current_period_start": "2025-06-01", "current_period_end": "2025-07-01",
            "add_ons": [{ "add_on_id": "add_a", "quantity": 3 }],
            "components": [{ "product_id": "prd_a" }, { "product_id": "prd_b" }],
        }],
    })
}

#[track_caller]
fn check_written(at: &str, value: Value) {
    let mut other = document();
    let (parent, name) = at.rsplit_once('/').unwrap();
    match other.pointer_mut(parent).unwrap() {
        Value::Array(items) => items[name.parse::<usize>().unwrap()] = value,
        object => object[name] = value,
    }
    assert_ne!(document(), other, "{at} changes nothing");
    check(&document(), &other, at);
}

#[test]
fn in_any_way_of_writing() {
    check_written("/ladder", json!("STANDARD"));
    check_written("/access_statuses", json!(["TRIAL_ACTIVE", "PENDING_CHARGE", "ACTIVE"]));
    check_written("/products", json!([{ "id": "prd_a" }]));
    check_written("/features/0/name", Value::Null);
    check_written("/plans/0/name", Value::Null);
    check_written("/plans/0/versions/0/product_ids", json!(["prd_b", "prd_a", "prd_b"]));
    let version = |n: u32| document()["plans"][0]["versions"][n as usize].clone();
    check_written("/plans/0/versions", json!([version(1), version(0)]));
    check_written("/plans/0/entitlements/0/value/limit", json!("10.500"));
    check_written("/plans/0/entitlements/0/value/overage", json!({ "behavior": "BLOCK", "grace_pct": "0.0" }));
    check_written("/plans/0/entitlements/0/created_at", json!("2025-01-01T02:00:00.000+02:00"));
    let mut by_code = document()["plans"][0]["entitlements"][0].clone();
    by_code.as_object_mut().unwrap().remove("feature_id");
    by_code["feature"] = json!("m");
    check_written("/plans/0/entitlements/0", by_code.clone());
    by_code["value"]["limit"] = json!("1");
    check_written("/customers/1/entitlements/0", by_code);
    check_written("/customers/0/name", Value::Null);
    check_written("/add_ons/0/max_instances_per_subscription", Value::Null);
    check_written("/add_ons/0/self_serviceable", json!(false));
    let held = |a, b| json!([{ "add_on_id": "add_a", "quantity": a }, { "add_on_id": "add_a", "quantity": b }]);
    check_written("/subscriptions/0/add_ons", held(1, 2));
    let with_none = json!([{ "add_on_id": "add_b", "quantity": 0 }, { "add_on_id": "add_a", "quantity": 3 }]);
    check_written("/subscriptions/0/add_ons", with_none);
    let products = json!([{ "product_id": "prd_b" }, { "product_id": "prd_a" }, { "product_id": "prd_b" }]);
    check_written("/subscriptions/0/components", products);
    check_written("/subscriptions/0/trial_duration", json!(0));
}

/// The proof across platforms: these hashes are the same wherever this test runs, in 64 bits and 32,
/// in debug and release builds. They change with the format, and with nothing else but the demo.
#[test]
fn on_every_platform() {
    let demo: Value = serde_json::from_str(include_str!("../../demo/catalog.json")).unwrap();
    let golden = |bits: u8| -> Vec<String> {
        let Cut { table, .. } = &cut(&demo, bits);
        let manifest = cut(&demo, bits).manifest(41).sign(&key());
        let parts = [table.catalog_object].into_iter().chain(table.shards.clone()).map(|part| part.hash);
        parts.chain([Hash::of(manifest.as_bytes())]).map(|hash| hash.to_string()).collect()
    };
    assert_eq!(golden(0), GOLDEN_WHOLE);
    assert_eq!(golden(1), GOLDEN_HALVES);
}

/// The catalog object, the shards, the manifest.
const GOLDEN_WHOLE: [&str; 3] = [
    "e73d2bd71a26f076d909dac4d139bd40f05770b6bb1bdb9edfc58b0f606e467b",
    "7e21a86c2cb74ad26575ee2cb25e358fce95c545f363bbcb7d32f8174879cc2b",
    "a7486063e28f281ce8f82a2618626b2a5d4b1bb6c5a1b797a022c86477407e8b",
];
const GOLDEN_HALVES: [&str; 4] = [
    "e73d2bd71a26f076d909dac4d139bd40f05770b6bb1bdb9edfc58b0f606e467b",
    "b1c1dbe562a53db4e519283ba42c0c8e493b7436441ee8fde673ff4575e20744",
    "fc142c2fc034ada28f345d677ca343900353680710807550cffc6ad80f876b95",
    "4ec5e9b4215911d56307041f767117940c7ccf68786098fd30ab32210438ef2c",
];
