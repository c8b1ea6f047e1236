//! Answers as JSON are what `serde_json` would write of them, byte for byte.
//!
//! The laws look at every decision they make in the same way.

use crate::counting::allocations;
use crate::random::cases;
use crate::random_time::any_instant;
use mayuse_core::{Amount, FullCatalog, Instant, Question, SnapshotMeta, WriteJson, decide};
use mayuse_document::{Tree, ask_resolution, ask_window};
use mayuse_tests::{compiled, instant};
use proptest::prelude::*;
use serde_json::{Value, json};

/// An answer as a value. `serde_json` keeps the order of fields and would write the same text again.
pub fn as_value(answer: &impl WriteJson) -> Value {
    let text = answer.to_json();
    let value: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in {text}"));
    assert_eq!(value.to_string(), text);
    value
}

const AT: &str = "2025-06-15T12:00:00.250Z";

/// One customer with a switch, a meter of two windows, and a feature that is paid from a pool. Names
/// are full of what has to be escaped.
fn catalog_document() -> FullCatalog {
    let metered = |limit: &str, unit: &str| {
        let reset_period = json!({ "type": "CALENDAR", "unit": unit, "interval": 1 });
        json!({
            "type": "METERED", "limit": limit, "reset_period": reset_period,
            "overage": { "behavior": "BLOCK", "grace_pct": "5" }, "warning_threshold_pct": "80",
        })
    };
    let row = |id: &str, feature: &str, value: Value| json!({ "id": id, "feature": feature, "value": value });
    let feature = |code: &str, kind: &str| {
        json!({
            "id": format!("feat_{code}"), "code": code, "name": format!("\"{code}\"\n"),
            "feature_type": { "type": kind }, "status": "ACTIVE",
        })
    };
    let document = json!({
        "format": 1,
        "features": [feature("sso", "BOOLEAN"), feature("calls", "METERED"), feature("pool", "METERED"), feature("paid", "METERED")],
        "plans": [{
            "id": "plan_p", "name": "Größe \\ \u{1}",
            "entitlements": [
                row("ent_pool", "pool", metered("100.5", "YEAR")),
                row("ent_paid", "paid", json!({ "type": "CREDITS", "pool_feature_id": "feat_pool", "cost": "0.5" })),
            ],
            "versions": [{
                "id": "plv_p", "version": 3,
                "entitlements": [
                    row("ent_sso", "sso", json!({ "type": "BOOLEAN", "enabled": true })),
                    row("ent_calls", "calls", metered("20", "MONTH")),
                ],
            }],
        }],
        "add_ons": [{ "id": "add_a", "name": "Day", "entitlements": [row("ent_day", "calls", metered("3", "DAY"))] }],
        "customers": [{ "id": "cus_a", "alias": "a" }],
        "subscriptions": [{
            "id": "sub_a", "customer_id": "cus_a", "plan_id": "plan_p", "plan_version_id": "plv_p",
            "status": "ACTIVE", "start_date": "2025-01-01", "billing_day_anchor": 1, "period": "MONTHLY",
            "current_period_start": "2025-06-01", "current_period_end": "2025-07-01",
            "add_ons": [{ "add_on_id": "add_a" }],
        }],
    });
    let mut full = compiled(&document.to_string());
    let generated_at = Some(instant("2025-06-15T12:00:00Z"));
    full.catalog.snapshot = SnapshotMeta { version: Some(u64::MAX), generated_at, ..full.catalog.snapshot };
    full
}

fn check(feature: &str, explain: bool, json: &str) {
    let catalog = catalog_document();
    let question = Question { consumed: Some(Amount::ONE), explain, ..Question::new("a", feature) };
    let decision = decide(&catalog, &question, instant(AT)).unwrap();
    // Written here over several lines, and in truth without a blank between fields.
    let json: String = json.lines().map(str::trim_start).collect();
    assert_eq!(decision.to_json(), json);
    as_value(&decision);
}

#[test]
fn a_switch_is_written_as_ever() {
    check(
        "sso",
        false,
        r#"{"allowed":true,"decision":"ALLOW","reason":"ENABLED","retryable":false,"customer_id":"cus_a",
        "subscription_id":"sub_a","feature":{"id":"feat_sso","code":"sso","name":"\"sso\"\n"},"type":"BOOLEAN",
        "enabled":true,"origin":{"entity_type":"PLAN_VERSION","entity_id":"plv_p","name":"Größe \\ \u0001 v3"},
        "freshness":{"source":"SNAPSHOT","snapshot_version":18446744073709551615,
        "generated_at":"2025-06-15T12:00:00Z","age_ms":250,"stale":false,"usage_as_of":null,"usage_exact":null},
        "valid_until":null}"#,
    );
    check(
        "nothing",
        false,
        r#"{"allowed":false,"decision":"DENY","reason":"FEATURE_NOT_FOUND","retryable":false,"customer_id":"cus_a",
        "subscription_id":null,"feature":{"id":null,"code":"nothing","name":null},"type":null,"enabled":false,
        "origin":null,"freshness":{"source":"SNAPSHOT","snapshot_version":18446744073709551615,
        "generated_at":"2025-06-15T12:00:00Z","age_ms":250,"stale":false,"usage_as_of":null,"usage_exact":null},
        "valid_until":null}"#,
    );
}

#[test]
fn windows_are_written_as_ever() {
    check(
        "calls",
        false,
        r#"{"allowed":true,"decision":"ALLOW","reason":"WITHIN_LIMIT","retryable":false,"customer_id":"cus_a",
        "subscription_id":"sub_a","feature":{"id":"feat_calls","code":"calls","name":"\"calls\"\n"},"type":"METERED",
        "enabled":true,"requested":"1","limit":"20","unlimited":false,"consumed":"1","reserved":"0","remaining":"19",
        "overage":{"behavior":"BLOCK","grace":"1","units":"0"},"warning":{"threshold_pct":"80","reached":false},
        "period":{"type":"CALENDAR","unit":"MONTH","interval":1,"start":"2025-06-01T00:00:00Z",
        "end":"2025-07-01T00:00:00Z","reset_at":"2025-07-01T00:00:00Z","projected":false},
        "windows":[{"type":"METERED","allowed":true,"reason":"WITHIN_LIMIT","requested":"1","limit":"20",
        "unlimited":false,"consumed":"1","reserved":"0","remaining":"19",
        "overage":{"behavior":"BLOCK","grace":"1","units":"0"},"warning":{"threshold_pct":"80","reached":false},
        "period":{"type":"CALENDAR","unit":"MONTH","interval":1,"start":"2025-06-01T00:00:00Z",
        "end":"2025-07-01T00:00:00Z","reset_at":"2025-07-01T00:00:00Z","projected":false},
        "origin":{"entity_type":"PLAN_VERSION","entity_id":"plv_p","name":"Größe \\ \u0001 v3"},
        "subscription_id":"sub_a"},{"type":"METERED","allowed":true,"reason":"WITHIN_LIMIT","requested":"1",
        "limit":"3","unlimited":false,"consumed":"1","reserved":"0","remaining":"2",
        "overage":{"behavior":"BLOCK","grace":"0.15","units":"0"},"warning":{"threshold_pct":"80","reached":false},
        "period":{"type":"CALENDAR","unit":"DAY","interval":1,"start":"2025-06-15T00:00:00Z",
        "end":"2025-06-16T00:00:00Z","reset_at":"2025-06-16T00:00:00Z","projected":false},
        "origin":{"entity_type":"ADD_ON","entity_id":"add_a","name":"Day"},"subscription_id":"sub_a"}],
        "origin":{"entity_type":"PLAN_VERSION","entity_id":"plv_p","name":"Größe \\ \u0001 v3"},
        "freshness":{"source":"SNAPSHOT","snapshot_version":18446744073709551615,
        "generated_at":"2025-06-15T12:00:00Z","age_ms":250,"stale":false,"usage_as_of":null,"usage_exact":null},
        "valid_until":"2025-06-16T00:00:00Z"}"#,
    );
}

#[test]
fn a_trace_is_written_as_ever() {
    check(
        "paid",
        true,
        r#"{"allowed":true,"decision":"ALLOW","reason":"WITHIN_LIMIT","retryable":false,"customer_id":"cus_a",
        "subscription_id":"sub_a","feature":{"id":"feat_paid","code":"paid","name":"\"paid\"\n"},"type":"CREDITS",
        "enabled":true,"requested":"1","limit":"100.5","unlimited":false,"consumed":"1","reserved":"0",
        "remaining":"99.5","overage":{"behavior":"BLOCK","grace":"5.025","units":"0"},
        "warning":{"threshold_pct":"80","reached":false},"period":{"type":"CALENDAR","unit":"YEAR","interval":1,
        "start":"2025-01-01T00:00:00Z","end":"2026-01-01T00:00:00Z","reset_at":"2026-01-01T00:00:00Z",
        "projected":false},"origin":{"entity_type":"PLAN","entity_id":"plan_p","name":"Größe \\ \u0001"},
        "freshness":{"source":"SNAPSHOT","snapshot_version":18446744073709551615,
        "generated_at":"2025-06-15T12:00:00Z","age_ms":250,"stale":false,"usage_as_of":null,"usage_exact":null},
        "valid_until":"2026-01-01T00:00:00Z","trace":[{"subscription_id":"sub_a","combine":"REPLACE",
        "origin":{"entity_type":"PLAN","entity_id":"plan_p","name":"Größe \\ \u0001"},"entitlement_id":"ent_paid",
        "created_at":null,"quantity":1,"value":{"enabled":true,"cost":"0.5"},"effect":"SET","after":{"enabled":true,
        "allowances":[{"limit":null,"reset_period":null,"cost":"0.5"}]},
        "anchors":{"activation":"2025-01-01T00:00:00Z","billing_start":"2025-06-01T00:00:00Z",
        "billing_end":"2025-07-01T00:00:00Z"}}]}"#,
    );
}

#[test]
fn windows_and_resolutions_are_written_as_ever() {
    let tree = |value: Value| serde_json::from_value::<Tree>(value).unwrap();
    let cycle = json!({ "type": "BILLING_CYCLE", "sub_cycle": "MONTHLY" });
    let billing = json!({ "period": "ANNUAL", "billing_day_anchor": 1, "current_period_start": "2025-01-01" });
    let window =
        ask_window(&tree(json!({ "rule": cycle, "at": "2025-06-15", "billing": billing })), mayuse_zones::offsets)
            .unwrap();
    assert_eq!(
        as_value(&window).to_string(),
        r#"{"start":"2025-06-01T00:00:00Z","end":"2025-07-01T00:00:00Z","reset_at":"2025-07-01T00:00:00Z","projected":false}"#
    );
    let value = json!({ "type": "METERED", "limit": "2.50", "reset_period": cycle });
    let grants = json!([{ "level": "PLAN", "entity_id": "plan_p", "value": value }]);
    let resolution =
        ask_resolution(&tree(json!({ "ladder": "STANDARD", "grants": grants })), mayuse_zones::offsets).unwrap();
    assert_eq!(
        as_value(&resolution).to_string(),
        r#"{"absent":false,"enabled":true,"limit":"2.5","unlimited":false,"reset_period":{"type":"BILLING_CYCLE","sub_cycle":"MONTHLY"},"origin":{"entity_type":"PLAN","entity_id":"plan_p"},"allowances":[{"limit":"2.5","reset_period":{"type":"BILLING_CYCLE","sub_cycle":"MONTHLY"},"origin":{"entity_type":"PLAN","entity_id":"plan_p"}}]}"#
    );
}

#[test]
fn writing_into_a_used_buffer_allocates_nothing() {
    let catalog = catalog_document();
    for feature in ["sso", "calls", "paid"] {
        let question = Question { consumed: Some(Amount::ONE), explain: true, ..Question::new("a", feature) };
        let decision = decide(&catalog, &question, instant(AT)).unwrap();
        let mut out = Vec::with_capacity(16 * 1024);
        let (n, ()) = allocations(|| decision.write_json(&mut out));
        assert_eq!(n, 0, "{feature}");
        assert_eq!(out, decision.to_json().into_bytes());
    }
}

#[test]
fn every_character_is_escaped_as_it_must_be() {
    for c in (0..0x3000).chain(0x1_f600..0x1_f680).filter_map(char::from_u32) {
        let text = format!("{c}a{c}{c}");
        assert_eq!(text.as_str().to_json(), serde_json::to_string(&text).unwrap());
    }
}

proptest! {
    #![proptest_config(cases(2_000))]

    #[test]
    fn texts_are_escaped_as_they_must_be(text in any::<String>()) {
        prop_assert_eq!(text.as_str().to_json(), serde_json::to_string(&text).unwrap());
    }

    #[test]
    fn numbers_are_written_as_ever(n in any::<u64>(), shift in 0_u32..64) {
        let n = n >> shift;
        prop_assert_eq!(n.to_json(), n.to_string());
        prop_assert_eq!(n.cast_signed().to_json(), n.cast_signed().to_string());
    }

    #[test]
    fn amounts_are_written_as_they_are_displayed(n in any::<i64>(), shift in 0_u32..64, places in 0_u32..20) {
        let n = i128::from(n >> shift);
        let (whole, rest) = (n / 10_i128.pow(places), n.unsigned_abs() % 10_u128.pow(places));
        let fraction = if places == 0 { String::new() } else { format!(".{rest:0>width$}", width = places as usize) };
        let sign = if n < 0 && whole == 0 { "-" } else { "" };
        let amount = Amount::parse(&format!("{sign}{whole}{fraction}")).unwrap();
        prop_assert_eq!(amount.to_json(), format!("\"{amount}\""));
        prop_assert_eq!(Amount::parse(&amount.to_string()).unwrap(), amount);
    }

    #[test]
    fn instants_are_written_as_they_are_displayed(at in any_instant()) {
        prop_assert_eq!(at.to_json(), format!("\"{at}\""));
        prop_assert_eq!(Instant::parse(&at.to_string()).unwrap(), at);
        // The other library ends a few hours earlier.
        if let Ok(by) = jiff::Timestamp::from_millisecond(at.millis()) {
            let is_whole = at.millis() % 1_000 == 0;
            prop_assert_eq!(at.to_string(), if is_whole { format!("{by:.0}") } else { format!("{by:.3}") });
        }
    }
}
