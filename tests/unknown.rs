//! Every word of a document, replaced by one that is not known, one at a time: only what it describes changes.

use mayuse_core::{Amount, Code, FullCatalog, Question, Severity, decide};
use mayuse_document::Document;
use mayuse_tests::{compiled, instant};
use serde_json::{Value, json};

const GOLDEN: &str = include_str!("unknown.txt");

/// A catalog that uses every kind of word.
fn document() -> Value {
    let feature = |code: &str, kind: Value| json!({ "id": format!("feat_{code}"), "code": code, "feature_type": kind, "status": "ACTIVE" });
    let row = |code: &str, value: Value| json!({ "feature": code, "value": value });
    let metered = |period: Value| json!({ "type": "METERED", "limit": "10", "reset_period": period });
    let month = json!({ "type": "CALENDAR", "unit": "MONTH", "interval": 1 });
    let mut overage = metered(month.clone());
    overage["overage"] = json!({ "behavior": "ALLOW", "in_trial": "BLOCK" });
    let mut capped = metered(month);
    capped["caps"] =
        json!([{ "limit": "5", "reset_period": { "type": "FIXED_WINDOW", "unit": "DAY", "interval": 1 } }]);
    let subscription = |id: &str, customer: &str, status: &str, period: &str| {
        json!({
            "id": id, "customer_id": customer, "plan_id": "plan_p", "plan_version_id": "plv_p", "status": status,
            "start_date": "2025-01-01", "period": period, "billing_day_anchor": 1,
            "current_period_start": "2025-06-01", "current_period_end": "2025-07-01",
        })
    };
    let mut in_time = subscription("sub_d", "d", "PENDING_ACTIVATION", "WEEKLY");
    in_time["current_period_end"] = json!("2025-06-11");
    in_time["period"] = json!({ "unit": "DAY", "interval": 10 });
    in_time["status_changes"] = json!([{ "status": "ACTIVE", "at": "2025-06-10" }]);
    json!({
        "format": 1,
        "access_statuses": ["ACTIVE", { "status": "CANCELLED", "until": "END_DATE" }],
        "ladder": {
            "levels": [
                { "level": "FEATURE", "combine": "REPLACE" }, { "level": "PLAN", "combine": "REPLACE" }, { "level": "SUBSCRIPTION", "combine": "STACK" },
                { "level": "CUSTOMER", "combine": "REPLACE" },
            ],
            "across_subscriptions": "UNION",
        },
        "features": [
            feature("sso", json!({ "type": "BOOLEAN" })),
            feature("calls", json!({ "type": "METERED" })),
            feature("paid", json!({ "type": "METERED" })),
            feature("capped", json!({ "type": "METERED" })),
            feature("weekly", json!({ "type": "METERED" })),
            feature("cycle", json!({ "type": "METERED" })),
            feature("monthly", json!({ "type": "METERED" })),
            feature("seats", json!({ "type": "CONFIG", "value_type": "NUMBER" })),
            json!({
                "id": "feat_chosen", "code": "chosen", "status": "ACTIVE", "on_indeterminate": "DENY",
                "feature_type": { "type": "CONFIG", "value_type": "SELECT", "options": ["a", "b"] },
                "entitlement": { "value": { "type": "CONFIG", "value": { "kind": "TEXT", "value": "b" } } },
            }),
        ],
        "plans": [{
            "id": "plan_p", "versions": [{ "id": "plv_p" }],
            "entitlements": [
                row("sso", json!({ "type": "BOOLEAN", "enabled": true })),
                row("calls", overage),
                row("paid", json!({ "type": "CREDITS", "pool_feature_id": "feat_calls", "cost": "2" })),
                row("capped", capped),
                row("weekly", metered(json!({ "type": "CALENDAR", "unit": "WEEK", "interval": 1, "week_start": "SUNDAY" }))),
                row("cycle", metered(json!({ "type": "BILLING_CYCLE" }))),
                row("monthly", metered(json!({ "type": "BILLING_CYCLE", "sub_cycle": "MONTHLY" }))),
                row("seats", json!({ "type": "CONFIG", "value": { "kind": "NUMBER", "value": "3" } })),
            ],
        }],
        "customers": [
            { "id": "a" }, { "id": "b" }, { "id": "d" },
            { "id": "c", "entitlements": [row("monthly", metered(json!({ "type": "BILLING_CYCLE" })))] },
        ],
        "subscriptions": [
            subscription("sub_a", "a", "ACTIVE", "MONTHLY"), subscription("sub_b", "b", "ACTIVE", "ANNUAL"),
            subscription("sub_c", "c", "ACTIVE", "QUARTERLY"), in_time,
        ],
    })
}

fn answers(catalog: &FullCatalog) -> Vec<(String, String)> {
    let mut answers = Vec::new();
    for customer in ["a", "b", "c", "d"] {
        for code in ["sso", "calls", "paid", "capped", "weekly", "cycle", "monthly", "seats", "chosen"] {
            let question = Question { consumed: Some(Amount::ZERO), ..Question::new(customer, code) };
            let decision = decide(catalog, &question, instant("2025-06-15T12:00:00Z")).unwrap();
            answers.push((format!("{customer} {code}"), decision.reason.name().to_owned()));
        }
    }
    answers
}

/// The pointers to all words: texts in capitals.
fn words(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::String(text) if text.bytes().all(|b| b.is_ascii_uppercase() || b == b'_') => found.push(at.to_owned()),
        Value::Array(items) => items.iter().enumerate().for_each(|(n, item)| words(item, &format!("{at}/{n}"), found)),
        Value::Object(fields) => fields.iter().for_each(|(name, field)| words(field, &format!("{at}/{name}"), found)),
        _ => {}
    }
}

/// What an unknown word at a place does: the answers that change, or the error.
fn effect(at: &str, before: &[(String, String)]) -> String {
    let mut changed = document();
    *changed.pointer_mut(at).unwrap() = json!("UNHEARD_OF");
    let (catalog, problems) = match Document::parse(&changed.to_string()).unwrap().compile() {
        Ok(compiled) => compiled,
        Err(problems) => return format!("error: {problems}"),
    };
    let [warning] = problems.list.as_slice() else { panic!("{at}: {problems}") };
    assert_eq!(warning.code, Code::UnknownValue);
    let expected = if at.starts_with("/access_statuses") && !at.ends_with("until") {
        Severity::Warning
    } else {
        Severity::Skipped
    };
    assert_eq!(warning.severity, expected, "{at}");
    let path = at.trim_start_matches('/').split('/').map(|part| match part.parse::<usize>() {
        Ok(n) => format!("[{n}]"),
        Err(_) => format!(".{part}"),
    });
    assert_eq!(format!(".{}", warning.place), path.collect::<String>());
    let after = answers(&catalog);
    let differ = before.iter().zip(&after).filter(|(before, after)| before != after);
    let list: Vec<String> = differ.map(|(_, (what, reason))| format!("{what} {reason}")).collect();
    if list.is_empty() { "nothing".to_owned() } else { list.join(", ") }
}

#[test]
fn an_unknown_word_costs_only_what_it_describes() {
    let before = answers(&compiled(&document().to_string()));
    let mut places = Vec::new();
    words(&document(), "", &mut places);
    let table: String = places.iter().map(|at| format!("{at}: {}\n", effect(at, &before))).collect();
    assert_eq!(table, GOLDEN, "the table is now:\n{table}");
}
