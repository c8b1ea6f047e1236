//! Writes of several steps, which are checked as one.

use crate::admit::{feature, row, seeded, subscription, with};
use crate::memory::Memory;
use mayuse_dialects::{Change, Kind, admit};
use serde_json::{Value, json};

#[test]
fn keys_change_hands_in_one_write() {
    let memory = seeded();
    let swap = |first: Value, second: Value| {
        admit(&[Change::put(Kind::Customer, first), Change::put(Kind::Customer, second)], &memory)
    };
    let a = |alias: &str| json!({"id": "cus_a", "alias": alias});
    let b = |alias: &str| json!({"id": "cus_b", "alias": alias});
    swap(a("b"), b("a")).unwrap();
    swap(a("c"), b("a")).unwrap();
    let twice = swap(a("x"), b("x")).unwrap_err();
    assert_eq!((twice.kind.status(), twice.place.to_string().as_str()), (400, "customers[1].alias"));
    let coupon = |id: &str, code: &str| Change::put(Kind::Coupon, json!({"id": id, "code": code}));
    admit(&[coupon("cou_a", "LATE"), coupon("cou_b", "EARLY")], &memory).unwrap();
    let twice = admit(&[coupon("cou_a", "EARLY"), coupon("cou_b", "EARLY")], &memory).unwrap_err();
    assert_eq!((twice.kind.status(), twice.place.to_string().as_str()), (400, "coupons[1].code"));
    let gone = Change::Delete { kind: Kind::Coupon, id: "cou_b".to_owned() };
    admit(&[gone, coupon("cou_x", "LATE")], &memory).unwrap();
}

#[test]
fn a_customer_and_its_subscription_go_together() {
    let memory = seeded();
    let delete = |kind, id: &str| Change::Delete { kind, id: id.to_owned() };
    admit(&[delete(Kind::Customer, "cus_a"), delete(Kind::Subscription, "sub_a")], &memory).unwrap();
    admit(&[delete(Kind::Subscription, "sub_a"), delete(Kind::Customer, "cus_a")], &memory).unwrap();
    let missing = admit(&[delete(Kind::Customer, "cus_x")], &memory).unwrap_err();
    assert_eq!((missing.kind.status(), missing.message.as_str()), (404, "there is no customer `cus_x`"));
}

#[test]
fn several_writes_in_one_are_told_apart() {
    let memory = seeded();
    let put = |kind, id: &str, body: Value| Change::put(kind, with(&json!({"id": id}), body));
    let changes = [
        put(Kind::Feature, "feat_n", feature("n", "BOOLEAN")),
        put(Kind::AddOnMapping, "n", json!({"feature": "feat_n", "value": {"type": "BOOLEAN", "enabled": true}})),
        put(Kind::AddOnMapping, "m", json!({"feature": "n", "value": {"type": "METERED"}})),
        // Mappings have names of their own: this one is no twin of the mapping.
        put(Kind::AddOn, "n", json!({"entitlements": row("none", "BOOLEAN")})),
        put(Kind::Customer, "cus_n", json!({"alias": ""})),
        put(Kind::Subscription, "sub_n", subscription("cus_n")),
        put(Kind::Subscription, "sub_m", subscription("cus_m")),
    ];
    let failure = admit(&changes, &memory).unwrap_err();
    let mut paths: Vec<String> = failure.problems.iter().map(|problem| problem.place.to_string()).collect();
    paths.sort_unstable();
    let expected = [
        "add_on_mappings[1].value",
        "add_ons[0].entitlements[0].feature",
        "customers[0].alias",
        "subscriptions[1].customer_id",
    ];
    assert_eq!(paths, expected);
}

#[test]
fn a_write_may_hold_what_it_refers_to() {
    let memory = Memory::new();
    let put = |kind, id: &str, body: Value| Change::put(kind, with(&json!({"id": id}), body));
    let changes = [
        put(Kind::Subscription, "sub_a", subscription("cus_a")),
        put(Kind::Customer, "cus_a", json!({"entitlements": row("n", "BOOLEAN")})),
        put(Kind::Plan, "plan_a", json!({"versions": [{"id": "plv_a"}]})),
        put(Kind::Feature, "feat_n", feature("n", "BOOLEAN")),
    ];
    admit(&changes, &memory).unwrap();
    admit(&[], &memory).unwrap();
}

#[test]
fn settings_are_checked() {
    let memory = seeded();
    let failure = admit(&[Change::Settings(json!({"ladder": {"levels": [{"level": "ROOF"}]}}))], &memory).unwrap_err();
    assert_eq!((failure.kind.status(), failure.place.to_string().as_str()), (400, "ladder.levels[0].level"));
    // With one entity beside them their path stays whole.
    let changes = [
        Change::Settings(json!({"ladder": {"levels": [{"level": "ROOF"}]}})),
        Change::put(Kind::Product, json!({"id": "p"})),
    ];
    assert_eq!(admit(&changes, &memory).unwrap_err().place.to_string(), "ladder.levels[0].level");
    admit(&[Change::Settings(json!({"ladder": "METEROID", "access_statuses": ["ACTIVE"]}))], &memory).unwrap();
}
