//! Many rows in time on one customer: bounded time, and the answers that one row would give.

use mayuse_core::{Amount, FullCatalog, Instant, Question, Reason, decide};
use mayuse_tests::{compiled, instant};
use serde_json::{Value, json};
use std::time::{Duration, Instant as Clock};

const N: usize = 10_000;
const MS_PER_DAY: i64 = 86_400_000;

fn day(n: usize) -> String {
    let from = instant("2020-01-01").millis();
    Instant::from_millis(from + i64::try_from(n).unwrap() * MS_PER_DAY).unwrap().to_string()
}

fn document() -> Value {
    json!({
        "format": 1,
        "features": [
            { "id": "feat_b", "code": "b", "feature_type": { "type": "BOOLEAN" }, "status": "ACTIVE" },
            { "id": "feat_m", "code": "m", "feature_type": { "type": "METERED" }, "status": "ACTIVE" },
        ],
        "plans": [{ "id": "plan_p", "versions": [{ "id": "plv_p" }] }],
        "add_ons": [{ "id": "add_m", "entitlements": [
            { "feature": "m", "value": { "type": "METERED", "limit": "1" } },
            { "feature": "b", "value": { "type": "BOOLEAN", "enabled": true } },
        ] }],
        "customers": [{ "id": "c" }],
        "subscriptions": [{
            "id": "s", "customer_id": "c", "plan_id": "plan_p", "plan_version_id": "plv_p", "status": "ACTIVE",
            "start_date": "2019-01-01", "period": "MONTHLY", "billing_day_anchor": 1,
            "current_period_start": "2025-06-01", "current_period_end": "2025-07-01",
        }],
    })
}

/// Decides quickly: the bound is far above what a search or a single pass takes, and far below what each row with
/// each other would take.
fn ask(catalog: &FullCatalog, feature: &str, at: &str) -> (Reason, Option<Instant>, usize) {
    let question = Question { consumed: Some(Amount::ZERO), ..Question::new("c", feature) };
    let begun = Clock::now();
    let decision = decide(catalog, &question, instant(at)).unwrap();
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    (decision.reason, decision.valid_until, decision.windows.len())
}

#[test]
fn ten_thousand_overrides_that_follow_each_other() {
    let mut document = document();
    let row = |n: usize| {
        json!({
            "id": format!("ent_{n}"), "feature": "b", "starts_at": day(n), "expires_at": day(n + 1),
            "value": { "type": "BOOLEAN", "enabled": n.is_multiple_of(2) },
        })
    };
    document["customers"][0]["entitlements"] = (0..N).rev().map(row).collect();
    let catalog = compiled(&document.to_string());
    for n in [0, 1, 4_999, N - 1] {
        let reason = if n.is_multiple_of(2) { Reason::Enabled } else { Reason::EntitlementDisabled };
        assert_eq!(ask(&catalog, "b", &day(n)), (reason, Some(instant(&day(n + 1))), 0), "day {n}");
    }
    assert_eq!(ask(&catalog, "b", &day(N)), (Reason::NotEntitled, None, 0));
}

#[test]
fn ten_thousand_packs_that_all_end_at_instants_of_their_own() {
    let mut document = document();
    let row = |n: usize| json!({ "add_on_id": "add_m", "starts_at": day(0), "expires_at": day(n + 1) });
    document["subscriptions"][0]["add_ons"] = (0..N).map(row).collect();
    let catalog = compiled(&document.to_string());
    assert_eq!(ask(&catalog, "b", &day(0)), (Reason::Enabled, Some(instant(&day(1))), 0));
    assert_eq!(ask(&catalog, "m", &day(0)), (Reason::WithinLimit, Some(instant(&day(1))), N));
    assert_eq!(ask(&catalog, "m", &day(N - 1)).2, 0, "one is left");
    assert_eq!(ask(&catalog, "m", &day(N)).0, Reason::NotEntitled);
}

#[test]
fn ten_thousand_packs_that_all_start_at_instants_of_their_own() {
    let mut document = document();
    let row = |n: usize| json!({ "add_on_id": "add_m", "starts_at": day(n) });
    document["subscriptions"][0]["add_ons"] = (0..N).map(row).collect();
    for across in ["UNION", "CHAIN"] {
        document["ladder"] =
            json!({ "levels": [{ "level": "ADD_ON", "combine": "STACK" }], "across_subscriptions": across });
        let catalog = compiled(&document.to_string());
        assert_eq!(ask(&catalog, "m", &day(N)), (Reason::WithinLimit, None, N), "{across}");
    }
}

#[test]
fn ten_thousand_changes_of_a_status() {
    let mut document = document();
    let change = |n: usize| json!({ "status": if n.is_multiple_of(2) { "PAUSED" } else { "ACTIVE" }, "at": day(n) });
    document["subscriptions"][0]["status_changes"] = (0..N).rev().map(change).collect();
    document["subscriptions"][0]["add_ons"] = json!([{ "add_on_id": "add_m" }]);
    let catalog = compiled(&document.to_string());
    assert_eq!(ask(&catalog, "b", &day(6)), (Reason::SubscriptionPaused, Some(instant(&day(7))), 0));
    assert_eq!(ask(&catalog, "b", &day(7)), (Reason::Enabled, Some(instant(&day(8))), 0));
}
