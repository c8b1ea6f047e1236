//! What a change does: pairs of catalogs, and the differences between them.

use crate::cutting::{Cut, cut, published};
use mayuse_core::{Amount, Instant, Source};
use mayuse_snapshot::{Change, Difference, Policies, Replica, diff};
use serde_json::{Value, json};

fn switch(enabled: bool) -> Value {
    json!({ "id": "ent_s", "feature": "s", "value": { "type": "BOOLEAN", "enabled": enabled } })
}

fn meter(limit: Option<&str>, rule: &str) -> Value {
    let rule = match rule {
        "NEVER" => json!({ "type": "NEVER" }),
        unit => json!({ "type": "CALENDAR", "unit": unit, "interval": 1 }),
    };
    json!({ "id": "ent_m", "feature": "m", "value": { "type": "METERED", "limit": limit, "reset_period": rule } })
}

/// Two customers: `cus_a`, called `a`, has a switch and ten a month; `cus_b` has nothing.
fn document() -> Value {
    let feature = |id: &str, code: &str, kind: &str| json!({ "id": id, "code": code, "feature_type": { "type": kind }, "status": "ACTIVE" });
    json!({
        "format": 1,
        "features": [feature("feat_s", "s", "BOOLEAN"), feature("feat_m", "m", "METERED")],
        "plans": [{ "id": "plan_p", "versions": [{ "id": "plv_p" }], "entitlements": [switch(true), meter(Some("10"), "MONTH")] }],
        "customers": [{ "id": "cus_a", "alias": "a" }, { "id": "cus_b" }],
        "subscriptions": [{
            "id": "sub_a", "customer_id": "cus_a", "plan_id": "plan_p", "plan_version_id": "plv_p", "status": "ACTIVE",
            "start_date": "2025-01-01", "billing_day_anchor": 1, "period": "MONTHLY",
            "current_period_start": "2025-06-01", "current_period_end": "2025-07-01",
        }],
    })
}

/// `cus_a s lost ENABLED → NOT_ENTITLED`, and the limits where there are any.
fn line(difference: &Difference<'_>) -> String {
    let Difference { customer, feature, change, before, after, limits } = difference;
    let limit = |limit: Option<Amount>| limit.map_or("-".to_owned(), |limit| limit.to_string());
    let limits = match limits {
        (None, None) => String::new(),
        (a, b) => format!(", {} → {}", limit(*a), limit(*b)),
    };
    format!("{customer} {feature} {} {before} → {after}{limits}", change.name())
}

/// All differences, and how many customers were asked about.
fn differences(before: &mut Replica, after: &mut Replica) -> (Vec<String>, usize) {
    let (mut lines, mut n_asked) = (Vec::new(), 0);
    let now = Instant::parse("2025-06-15").unwrap();
    diff(before, after, now, |difference| lines.push(line(&difference)), || n_asked += 1);
    lines.sort();
    (lines, n_asked)
}

#[track_caller]
fn check(change: impl FnOnce(&mut Value), expected: &[&str]) {
    let mut changed = document();
    change(&mut changed);
    for bits in [0, 1, 3] {
        let (mut before, mut after) = (cut(&document(), bits).replica(), cut(&changed, bits).replica());
        assert_eq!(differences(&mut before, &mut after).0, expected, "{bits} bits");
        let mut other_bits = cut(&changed, 2).replica();
        assert_eq!(differences(&mut before, &mut other_bits).0, expected, "{bits} bits, then 2");
    }
}

fn rows(document: &mut Value) -> &mut Value {
    &mut document["plans"][0]["entitlements"]
}

#[test]
fn what_plans_grant() {
    check(|_| {}, &[]);
    check(|d| rows(d)[0] = switch(false), &["cus_a s lost ENABLED → ENTITLEMENT_DISABLED"]);
    check(|d| *rows(d) = json!([meter(Some("10"), "MONTH")]), &["cus_a s lost ENABLED → NOT_ENTITLED"]);
    check(|d| rows(d)[1] = meter(Some("11"), "MONTH"), &["cus_a m raised WITHIN_LIMIT → WITHIN_LIMIT, 10 → 11"]);
    check(|d| rows(d)[1] = meter(Some("9"), "MONTH"), &["cus_a m lowered WITHIN_LIMIT → WITHIN_LIMIT, 10 → 9"]);
    check(|d| rows(d)[1] = meter(None, "MONTH"), &["cus_a m raised WITHIN_LIMIT → UNLIMITED, 10 → -"]);
    check(|d| rows(d)[1] = meter(Some("0"), "MONTH"), &["cus_a m lost WITHIN_LIMIT → LIMIT_REACHED, 10 → 0"]);
    check(|d| rows(d)[1] = meter(Some("10"), "DAY"), &["cus_a m altered WITHIN_LIMIT → WITHIN_LIMIT, 10 → 10"]);
    check(|d| rows(d)[1] = meter(Some("10.0"), "MONTH"), &[]);
    let overage = json!({ "behavior": "ALLOW" });
    check(|d| rows(d)[1]["value"]["overage"] = overage, &["cus_a m altered WITHIN_LIMIT → WITHIN_LIMIT, 10 → 10"]);
    let grace = json!({ "behavior": "BLOCK", "grace_pct": "50" });
    check(|d| rows(d)[1]["value"]["overage"] = grace, &["cus_a m altered WITHIN_LIMIT → WITHIN_LIMIT, 10 → 10"]);
    check(|d| rows(d)[0]["id"] = json!("ent_other"), &[]);
}

#[test]
fn what_is_paid_from_a_pool() {
    let feature = json!({ "id": "feat_c", "code": "c", "feature_type": { "type": "METERED" }, "status": "ACTIVE" });
    let credits = |cost: &str| {
        let value = json!({ "type": "CREDITS", "enabled": true, "pool_feature_id": "feat_m", "cost": cost });
        json!({ "id": "ent_c", "feature": "c", "value": value })
    };
    let priced = |cost: &str| {
        let mut document = document();
        document["features"].as_array_mut().unwrap().push(feature.clone());
        rows(&mut document).as_array_mut().unwrap().push(credits(cost));
        cut(&document, 1).replica()
    };
    assert_eq!(differences(&mut priced("2"), &mut priced("2.0")).0, [""; 0]);
    let too_dear = "cus_a c lost WITHIN_LIMIT → INSUFFICIENT_CREDITS, 10 → 10";
    assert_eq!(differences(&mut priced("2"), &mut priced("11")).0, [too_dear]);
}

#[test]
fn what_customers_have() {
    check(
        |d| d["subscriptions"][0]["status"] = json!("PAUSED"),
        &["cus_a m lost WITHIN_LIMIT → SUBSCRIPTION_PAUSED, 10 → -", "cus_a s lost ENABLED → SUBSCRIPTION_PAUSED"],
    );
    check(
        |d| d["subscriptions"][0]["customer_id"] = json!("cus_b"),
        &[
            "cus_a m lost WITHIN_LIMIT → NO_ACTIVE_SUBSCRIPTION, 10 → -",
            "cus_a s lost ENABLED → NO_ACTIVE_SUBSCRIPTION",
            "cus_b m gained NO_ACTIVE_SUBSCRIPTION → WITHIN_LIMIT, - → 10",
            "cus_b s gained NO_ACTIVE_SUBSCRIPTION → ENABLED",
        ],
    );
    let own = |limit| json!([meter(Some(limit), "MONTH")]);
    check(|d| d["customers"][0]["entitlements"] = own("12"), &["cus_a m raised WITHIN_LIMIT → WITHIN_LIMIT, 10 → 12"]);
    check(
        |d| d["customers"][0]["archived_at"] = json!("2025-01-01T00:00:00Z"),
        &["cus_a m lost WITHIN_LIMIT → CUSTOMER_ARCHIVED, 10 → -", "cus_a s lost ENABLED → CUSTOMER_ARCHIVED"],
    );
    check(|d| d["customers"][1]["name"] = json!("Another name"), &[]);
}

#[test]
fn who_comes_and_goes() {
    let gone = ["cus_a m lost WITHIN_LIMIT → CUSTOMER_NOT_FOUND, 10 → -", "cus_a s lost ENABLED → CUSTOMER_NOT_FOUND"];
    let without_a = |d: &mut Value| {
        d["customers"].as_array_mut().unwrap().remove(0);
        d["subscriptions"] = json!([]);
    };
    check(without_a, &gone);
    check(
        |d| d["customers"].as_array_mut().unwrap().push(json!({ "id": "cus_c", "entitlements": [switch(true)] })),
        &["cus_c s gained CUSTOMER_NOT_FOUND → ENABLED"],
    );
    check(|d| drop(d["customers"].as_array_mut().unwrap().remove(1)), &[]);
    // Aliases are other names of customers, who are told apart by their ids.
    check(|d| d["customers"][0]["alias"] = json!("other"), &[]);
    check(|d| (d["customers"][0]["alias"], d["customers"][1]["alias"]) = (Value::Null, json!("a")), &[]);
    // The id of one who is gone is now another's alias: whoever asks by it gets another's answers.
    let inherits =
        ["cus_a m lost WITHIN_LIMIT → NO_ACTIVE_SUBSCRIPTION, 10 → -", "cus_a s lost ENABLED → NO_ACTIVE_SUBSCRIPTION"];
    check(
        |d| {
            without_a(d);
            d["customers"][0]["alias"] = json!("cus_a");
        },
        &inherits,
    );
}

#[test]
fn features_that_come_and_go() {
    check(
        |d| {
            d["features"].as_array_mut().unwrap().remove(0);
            *rows(d) = json!([meter(Some("10"), "MONTH")]);
        },
        &["cus_a s lost ENABLED → FEATURE_NOT_FOUND"],
    );
    check(|d| d["features"][0]["status"] = json!("DISABLED"), &["cus_a s lost ENABLED → FEATURE_DISABLED"]);
    let feature = json!({
        "id": "feat_n", "code": "n", "feature_type": { "type": "BOOLEAN" }, "status": "ACTIVE",
        "entitlement": { "value": { "type": "BOOLEAN", "enabled": true } },
    });
    check(|d| d["features"].as_array_mut().unwrap().push(feature), &["cus_a n gained FEATURE_NOT_FOUND → ENABLED"]);
}

#[test]
fn only_what_changed_is_asked_about() {
    let customers: Vec<Value> = (0..64).map(|n| json!({ "id": format!("cus_{n}") })).collect();
    let mut document = document();
    document["customers"].as_array_mut().unwrap().extend(customers);
    let between = |before: &Cut, after: &Cut| differences(&mut before.replica(), &mut after.replica());
    let before = cut(&document, 3);
    assert_eq!(between(&before, &before), (vec![], 0));
    document["customers"][10]["entitlements"] = json!([switch(true)]);
    let after = cut(&document, 3);
    let changed = before.table.shards.iter().zip(&after.table.shards).find(|(a, b)| a != b).unwrap().1;
    let id = document["customers"][10]["id"].as_str().unwrap();
    let gained = format!("{id} s gained NO_ACTIVE_SUBSCRIPTION → ENABLED");
    assert_eq!(between(&before, &after), (vec![gained], changed.n as usize));
    rows(&mut document)[1] = meter(Some("11"), "MONTH");
    assert_eq!(between(&after, &cut(&document, 3)).1, 66, "with other definitions, everybody");
}

/// How old a snapshot may get is no part of what it says.
#[test]
fn snapshots_of_the_past_are_compared_as_well() {
    let mut changed = document();
    rows(&mut changed)[0] = switch(false);
    let replica = |document: &Value, version, at: &str| {
        let cut = cut(document, 1);
        let policies = Policies { max_age_ms: Some(60_000), stale_after_ms: Some(1), ..Policies::default() };
        let mut manifest = cut.manifest(version);
        (manifest.policies, manifest.generated_at) = (policies, Instant::parse(at).unwrap());
        let mut replica = Replica::new(usize::MAX, 0);
        let fresh = (0..).zip(cut.blocks.clone()).collect();
        assert_eq!(replica.accept(published(&manifest), Some(&cut.catalog_object), fresh, Source::Snapshot), Ok(true));
        replica
    };
    let mut before = replica(&document(), 1, "2025-01-01T00:00:00Z");
    let mut after = replica(&changed, 2, "2025-06-14T23:59:59Z");
    let made = |replica: &Replica| replica.catalog().unwrap().snapshot.generated_at;
    let dates = (made(&before), made(&after));
    assert_eq!(differences(&mut before, &mut after).0, ["cus_a s lost ENABLED → ENTITLEMENT_DISABLED"]);
    assert_eq!((made(&before), made(&after)), dates, "both are as old as they were");
}

#[test]
fn every_change_has_a_name_of_its_own() {
    let names: std::collections::BTreeSet<&str> = Change::ALL.iter().map(|change| change.name()).collect();
    assert_eq!(names.len(), Change::ALL.len());
}
