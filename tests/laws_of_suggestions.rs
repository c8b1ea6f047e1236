//! Every suggestion, applied, allows the use; and the search for suggestions is bounded.

use crate::laws::{answer, each};
use crate::random::{Amounts, Rules, cases, catalog, ladder, question};
use crate::random_time::now;
use mayuse_core::{Amount, Instant, Question, Reason, decide};
use mayuse_tests::{compiled, instant};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::time::{Duration, Instant as Clock};

/// The document and the question after a change.
fn applied(document: &Value, question: &Value, suggestion: &Value, now: Instant) -> (Value, Value) {
    let (mut document, mut question) = (document.clone(), question.clone());
    let id = suggestion["id"].as_str().unwrap();
    // The customer of a question may be named by its alias.
    let customer = format!("cus_{}", question["customer"].as_str().unwrap().trim_start_matches("cus_"));
    let version = suggestion["version_id"].as_str().unwrap_or_default().to_owned();
    let held = document["subscriptions"].as_array_mut().unwrap();
    match (suggestion["type"].as_str().unwrap(), held.first_mut()) {
        ("ADD_ON", Some(held)) => {
            held["add_ons"].as_array_mut().unwrap().push(json!({ "add_on_id": id }));
            question["usage"] = json!([{ "origin": id, "consumed": "0" }]);
        }
        ("QUANTITY", Some(held)) => {
            let row = json!({ "add_on_id": id, "quantity": suggestion["quantity"] });
            held["add_ons"].as_array_mut().unwrap().push(row);
        }
        ("PLAN", held) => {
            let (day, now) = (now.to_string()[8..10].parse::<u8>().unwrap(), now.to_string());
            let new = json!({
                "id": "sub_new", "customer_id": customer, "plan_id": id, "plan_version_id": version,
                "status": "ACTIVE", "start_date": now, "current_period_start": now, "period": "MONTHLY",
                "billing_day_anchor": day,
            });
            match held.filter(|held| held["is_changed"] == true) {
                Some(held) => {
                    held["plan_id"] = json!(id);
                    held["plan_version_id"] = json!(version);
                }
                None => document["subscriptions"].as_array_mut().unwrap().push(new),
            }
        }
        _ => panic!("{suggestion}"),
    }
    (document, question)
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn every_suggestion_allows(
        document in catalog(ladder(), 1, Rules::Any, Amounts::Small),
        question in question(Amounts::Small),
        instants in [now(), now()],
    ) {
        let catalog = compiled(&document.to_string());
        let mut probed = document.clone();
        probed["features"].as_array_mut().unwrap().push(json!({
            "id": "feat_probe", "code": "probe", "feature_type": { "type": "BOOLEAN" }, "status": "ACTIVE",
        }));
        let probed = compiled(&probed.to_string());
        for (question, now) in each(&question, false).iter().flat_map(|question| instants.map(|now| (question, now))) {
            let mut question = question.clone();
            question["suggest"] = json!(true);
            let told = answer(&catalog, &question, now);
            // Whether the subscription grants: then its plan is the one in whose place another is tried. Nobody has
            // the feature, so the answer is about the subscription.
            let mut probe = json!({ "customer": question["customer"], "feature": "probe", "subscription_id": "sub_0" });
            probe["at"] = question["at"].clone();
            let grants = answer(&probed, &probe, now)["reason"] == "NOT_ENTITLED";
            for suggestion in told["suggestions"].as_array().into_iter().flatten() {
                let mut document = document.clone();
                if let Some(held) = document["subscriptions"].get_mut(0) {
                    held["is_changed"] = json!(grants || question["subscription_id"].is_string());
                }
                let (document, question) = applied(&document, &question, suggestion, now);
                let after = answer(&compiled(&document.to_string()), &question, now);
                prop_assert_eq!(&after["decision"], "ALLOW", "{:#}\nof {:#}\n{:#}", suggestion, told, after);
            }
        }
    }
}

#[test]
fn five_hundred_add_ons_are_tried_in_bounded_time() {
    let row = json!({ "feature": "m", "value": { "type": "METERED", "limit": "1" } });
    let add_on =
        |n: usize| json!({ "id": format!("add_{n:03}"), "self_serviceable": true, "entitlements": [row.clone()] });
    for is_held in [false, true] {
        let held = |n: usize| json!({ "add_on_id": format!("add_{n:03}") });
        let document = json!({
            "format": 1,
            "features": [{ "id": "feat_m", "code": "m", "feature_type": { "type": "METERED" }, "status": "ACTIVE" }],
            "plans": [{ "id": "plan_p", "versions": [{ "id": "plv_p" }] }],
            "add_ons": (0..500).map(add_on).collect::<Vec<_>>(),
            "customers": [{ "id": "c" }],
            "subscriptions": [{
                "id": "s", "customer_id": "c", "plan_id": "plan_p", "plan_version_id": "plv_p", "status": "ACTIVE",
                "start_date": "2025-01-01", "period": "MONTHLY", "billing_day_anchor": 1,
                "current_period_start": "2025-06-01", "current_period_end": "2025-07-01",
                "add_ons": if is_held { (0..500).map(held).collect() } else { Vec::new() },
            }],
        });
        let catalog = compiled(&document.to_string());
        for (requested, found) in [(if is_held { 510 } else { 1 }, 20), (10_000, 0)] {
            let requested = Some(Amount::from(requested));
            let question =
                Question { consumed: Some(Amount::ZERO), requested, suggest: true, ..Question::new("c", "m") };
            let begun = Clock::now();
            let decision = decide(&catalog, &question, instant("2025-06-15")).unwrap();
            assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
            assert_ne!(decision.reason, Reason::WithinLimit);
            let suggestions = decision.suggestions.unwrap();
            assert_eq!((suggestions.list.len(), suggestions.truncated), (found, 0 < found), "{is_held}");
        }
    }
}
