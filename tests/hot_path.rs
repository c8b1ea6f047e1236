//! Deciding a switch allocates nothing, whatever the answer and however many subscriptions there are, but for the first
//! question about a holding.

use crate::counting::{allocations, bytes};
use mayuse_core::{Amount, Question, Reason, decide};
use mayuse_document::Document;
use mayuse_tests::{BENCH_AT, BENCH_BOOLEAN, BENCH_METERED, bench_catalog, bench_customer_id, compiled, instant};
use serde_json::{Value, json};

/// Everything that can happen to a switch. Rows on a meter lie between, as they do in real catalogs.
fn catalog_document(ladder: &str) -> Value {
    let row = |feature: &str, enabled: bool| {
        json!({
            "id": format!("ent_{feature}"), "feature": feature, "created_at": "2025-01-01T00:00:00Z",
            "value": { "type": "BOOLEAN", "enabled": enabled },
        })
    };
    let meter = json!({ "feature": "calls", "value": { "type": "METERED", "limit": "10" } });
    let feature = |code: &str, kind: &str| json!({ "id": format!("feat_{code}"), "code": code, "feature_type": { "type": kind }, "status": "ACTIVE" });
    let mut scoped = feature("scoped", "BOOLEAN");
    scoped["product_id"] = json!("prd_other");
    scoped["entitlement"] = row("scoped", true);
    let mut retired = feature("retired", "BOOLEAN");
    retired["status"] = json!("DISABLED");
    let features = [
        feature("on", "BOOLEAN"),
        feature("off", "BOOLEAN"),
        feature("extra", "BOOLEAN"),
        feature("unsold", "BOOLEAN"),
        feature("calls", "METERED"),
        scoped,
        retired,
    ];
    let subscription = |id: &str, customer: &str, status: &str| {
        json!({
            "id": id, "customer_id": customer, "plan_id": "plan_p", "plan_version_id": "plv_p", "status": status,
            "start_date": "2025-01-01", "period": "MONTHLY", "billing_day_anchor": 1,
            "current_period_start": "2025-06-01", "current_period_end": "2025-07-01",
            "add_ons": [{ "add_on_id": "add_x", "quantity": 2 }, { "add_on_id": "add_y", "quantity": 1 }],
            "entitlements": [row("extra", id != "sub_3")],
        })
    };
    json!({
        "format": 1, "ladder": ladder, "features": features,
        "plans": [{
            "id": "plan_p", "name": "Plan", "entitlements": [row("on", true), meter],
            "versions": [{ "id": "plv_p", "version": 1, "entitlements": [row("off", false)], "product_ids": ["prd_p"] }],
        }],
        "add_ons": [
            { "id": "add_x", "name": "X", "entitlements": [row("extra", true), row("on", true)] },
            { "id": "add_y", "name": "Y", "entitlements": [row("extra", false)], "archived_at": "2025-02-01T00:00:00Z" },
        ],
        "customers": [
            { "id": "cus_one", "alias": "one" }, { "id": "cus_many" }, { "id": "cus_none" }, { "id": "cus_paused" },
            { "id": "cus_own", "entitlements": [row("on", false), row("unsold", true)] },
            { "id": "cus_gone", "archived_at": "2025-02-01T00:00:00Z" },
        ],
        "subscriptions": [
            subscription("sub_1", "cus_one", "ACTIVE"), subscription("sub_2", "cus_many", "ACTIVE"),
            subscription("sub_3", "cus_many", "TRIAL_ACTIVE"), subscription("sub_4", "cus_many", "CANCELLED"),
            subscription("sub_5", "cus_own", "ACTIVE"), subscription("sub_6", "cus_paused", "PAUSED"),
        ],
    })
}

#[track_caller]
fn check(ladder: &str, customer: &str, feature: &str, reason: Reason) {
    let catalog = serde_json::from_value::<Document>(catalog_document(ladder)).unwrap().compile().unwrap().0;
    let now = instant("2025-06-15T12:00:00Z");
    let mut question = Question::new(customer, feature);
    let named = [None, Some("sub_2"), Some("sub_unknown")];
    for subscription_id in named {
        question.subscription_id = subscription_id;
        // The first question on a holding keeps what its rows come to.
        drop(decide(&catalog, &question, now));
        let (n, decision) = allocations(|| decide(&catalog, &question, now));
        let found = decision.unwrap().reason;
        assert_eq!(n, 0, "{ladder}: allocations for {customer}, {feature}, {subscription_id:?}: {found:?}");
        if subscription_id.is_none() {
            assert_eq!(found, reason, "{ladder}: {customer}, {feature}");
        }
    }
}

#[test]
fn a_switch_is_decided_without_allocating() {
    for ladder in ["STANDARD", "METEROID"] {
        check(ladder, "cus_one", "on", Reason::Enabled);
        check(ladder, "one", "feat_on", Reason::Enabled);
        check(ladder, "cus_one", "off", Reason::EntitlementDisabled);
        check(ladder, "cus_one", "unsold", Reason::NotEntitled);
        check(ladder, "cus_one", "scoped", Reason::NotEntitled);
        check(ladder, "cus_one", "retired", Reason::FeatureDisabled);
        check(ladder, "cus_one", "nothing", Reason::FeatureNotFound);
        check(ladder, "nobody", "on", Reason::CustomerNotFound);
        check(ladder, "cus_gone", "on", Reason::CustomerArchived);
        check(ladder, "cus_none", "on", Reason::NoActiveSubscription);
        check(ladder, "cus_paused", "on", Reason::SubscriptionPaused);
        check(ladder, "cus_many", "on", Reason::Enabled);
        check(ladder, "cus_many", "extra", Reason::Enabled);
        check(ladder, "cus_many", "off", Reason::EntitlementDisabled);
    }
    check("STANDARD", "cus_own", "on", Reason::EntitlementDisabled);
    check("STANDARD", "cus_own", "unsold", Reason::Enabled);
    check("METEROID", "cus_own", "on", Reason::Enabled);
}

#[test]
fn nor_in_a_large_catalog() {
    let catalog = compiled(&bench_catalog(500));
    let now = instant(BENCH_AT);
    let (mut n_allowed, mut n_denied) = (0, 0);
    for customer in (0..500).map(bench_customer_id) {
        for code in BENCH_BOOLEAN {
            let question = Question::new(&customer, code);
            drop(decide(&catalog, &question, now));
            let (n, decision) = allocations(|| decide(&catalog, &question, now));
            assert_eq!(n, 0, "{customer}, {code}");
            let counter = if decision.unwrap().allowed { &mut n_allowed } else { &mut n_denied };
            *counter += 1;
        }
    }
    // A measurement of nothing but refusals would measure nothing.
    assert!(1_000 < n_allowed && 1_000 < n_denied, "{n_allowed} allowed, {n_denied} denied");
}

#[test]
fn nor_a_limit_without_windows_in_the_answer() {
    let catalog = compiled(&bench_catalog(500));
    let now = instant(BENCH_AT);
    let (mut n_limits, mut n_free) = (0, 0);
    for customer in (0..500).map(bench_customer_id) {
        for code in BENCH_METERED {
            let question = Question { consumed: Some(Amount::ONE), ..Question::new(&customer, code) };
            drop(decide(&catalog, &question, now));
            let (n, decision) = allocations(|| decide(&catalog, &question, now));
            let decision = decision.unwrap();
            if decision.metering.is_some() && decision.windows.is_empty() {
                n_limits += 1;
                n_free += usize::from(n == 0);
            }
        }
    }
    // Customers with an override take the long way.
    assert!(500 < n_limits && n_limits * 9 / 10 < n_free, "{n_free} of {n_limits} limits");
}

#[test]
fn counting_counts() {
    let (n, _) = allocations(|| vec![0_u8; 64]);
    assert_eq!(n, 1);
    assert_eq!(bytes(|| vec![0_u8; 64]).0, 64);
    let (n, _) = allocations(|| std::thread::spawn(|| vec![0_u8; 64]).join());
    assert!(0 < n, "starting a thread allocates on this one");
}
