//! What a trace shows of many rows, and of the order in which allowances are drawn from.

use mayuse_core::{Amount, Question, UsageEntry, WriteJson, decide};
use mayuse_tests::{compiled, instant};
use serde_json::{Value, json};

fn metered(limit: &str, reset_period: &Value) -> Value {
    json!({ "type": "METERED", "limit": limit, "reset_period": reset_period })
}

fn document(add_ons: &Value, held: &Value) -> Value {
    let feature = |code: &str| json!({ "id": format!("feat_{code}"), "code": code, "feature_type": { "type": "METERED" }, "status": "ACTIVE" });
    let month = json!({ "type": "CALENDAR", "unit": "MONTH", "interval": 1 });
    json!({
        "format": 1,
        "features": [feature("m"), feature("pool")],
        "plans": [{ "id": "plan_p", "versions": [{ "id": "plv_p", "entitlements": [
            { "id": "ent_m", "feature": "m", "value": metered("10", &month) },
            { "id": "ent_pool", "feature": "pool", "value": metered("10", &month) },
        ] }] }],
        "add_ons": add_ons,
        "customers": [{ "id": "c" }],
        "subscriptions": [{
            "id": "s", "customer_id": "c", "plan_id": "plan_p", "plan_version_id": "plv_p", "status": "ACTIVE",
            "start_date": "2020-01-01", "period": "MONTHLY", "billing_day_anchor": 1,
            "current_period_start": "2025-06-01", "current_period_end": "2025-07-01", "add_ons": held,
        }],
    })
}

fn explained(document: &Value, usage: Option<&[UsageEntry]>) -> Value {
    let catalog = compiled(&document.to_string());
    let question = Question { explain: true, consumed: Some(Amount::ZERO), usage, ..Question::new("c", "m") };
    let decision = decide(&catalog, &question, instant("2025-06-15T12:00:00Z")).unwrap();
    serde_json::from_str(&decision.to_json()).unwrap()
}

#[test]
fn rows_have_their_place_in_the_order_of_drawing() {
    let (day, never) = (json!({ "type": "CALENDAR", "unit": "DAY", "interval": 1 }), json!({ "type": "NEVER" }));
    let pack = |id: &str, value: Value| json!({ "id": id, "entitlements": [{ "id": format!("ent_{id}"), "feature": "m", "value": value }] });
    let credits = json!({ "type": "CREDITS", "pool_feature_id": "feat_pool", "cost": "2" });
    let month = json!({ "type": "CALENDAR", "unit": "MONTH", "interval": 1 });
    let add_ons = json!([
        pack("add_day", metered("1", &day)),
        pack("add_more", metered("5", &month)),
        pack("add_pack", metered("100", &never)),
        pack("add_credits", credits),
    ]);
    let held = json!(["add_day", "add_more", "add_pack", "add_credits"].map(|id| json!({ "add_on_id": id })));
    let document = document(&add_ons, &held);
    let places = |told: &Value| -> Vec<(String, Value)> {
        let of = |step: &Value| (step["entitlement_id"].as_str().unwrap().to_owned(), step["draw_order"].clone());
        let mut places: Vec<_> = told["trace"].as_array().unwrap().iter().map(of).collect();
        places.sort_by_key(|(id, _)| id.clone());
        places
    };
    let expected = [("ent_add_credits", 2), ("ent_add_day", 1), ("ent_add_more", 3), ("ent_add_pack", 4), ("ent_m", 3)];
    assert_eq!(places(&explained(&document, Some(&[]))), expected.map(|(id, n)| (id.to_owned(), json!(n))));
    // One number for all allowances is not drawn from any.
    assert_eq!(places(&explained(&document, None)), expected.map(|(id, _)| (id.to_owned(), Value::Null)));
}

#[test]
fn the_rows_nearest_to_the_instant_are_shown() {
    let value = metered("1", &json!({ "type": "NEVER" }));
    let add_ons: Vec<Value> = (0..40)
        .map(|n| json!({ "id": format!("add_{n:02}"), "entitlements": [{ "id": format!("ent_{n:02}"), "feature": "m", "value": value }] }))
        .collect();
    // Those with greater numbers ended later.
    let held: Vec<Value> = (0..40)
        .map(|n| json!({ "add_on_id": format!("add_{n:02}"), "starts_at": "2021-01-01", "expires_at": instant("2025-05-01").plus_days(n).to_string() }))
        .collect();
    let told = explained(&document(&json!(add_ons), &json!(held)), None);
    let trace = told["trace"].as_array().unwrap();
    let expired: Vec<&str> = trace
        .iter()
        .filter(|step| step["effect"] == "EXPIRED")
        .map(|step| step["entitlement_id"].as_str().unwrap())
        .collect();
    assert_eq!(expired, (8..40).map(|n| format!("ent_{n:02}")).collect::<Vec<_>>());
    assert_eq!(told["trace_truncated"], true);
    let few = explained(&document(&json!(add_ons[..32]), &json!(held[..32])), None);
    assert_eq!(few["trace"].as_array().unwrap().len(), 33);
    assert_eq!(few.get("trace_truncated"), None);
}

#[test]
fn a_row_up_to_which_the_digits_do_not_suffice_is_not_traced() {
    let month = json!({ "type": "CALENDAR", "unit": "MONTH", "interval": 1 });
    let pack = |id: &str, created: &str, mut value: Value, caps: &Value| {
        value["caps"] = caps.clone();
        json!({ "id": id, "entitlements": [{ "id": format!("ent_{id}"), "created_at": created, "feature": "m", "value": value }] })
    };
    // The caps of a level that replaces are those of its last row. That of the first row, times the quantity held, is
    // more than an amount holds.
    let caps = json!([{ "limit": "6".repeat(28) + "0", "reset_period": { "type": "NEVER" } }]);
    let add_ons = json!([
        pack("add_capped", "2025-01-01T00:00:00Z", metered("7", &month), &caps),
        pack("add_plain", "2025-01-02T00:00:00Z", metered("5", &month), &json!([])),
    ]);
    let held = json!([{ "add_on_id": "add_capped", "quantity": 2 }, { "add_on_id": "add_plain" }]);
    let mut document = document(&add_ons, &held);
    let levels = ["PLAN_VERSION", "ADD_ON"].map(|level| json!({ "level": level, "combine": "REPLACE" }));
    document["ladder"] = json!({ "levels": levels, "across": "CHAIN", "multiply_quantity": true });
    for across in ["CHAIN", "UNION"] {
        document["ladder"]["across"] = json!(across);
        let told = explained(&document, None);
        assert_eq!((&told["reason"], &told["trace_truncated"]), (&json!("WITHIN_LIMIT"), &json!(true)), "{told}");
        let effects: Vec<&Value> = told["trace"].as_array().unwrap().iter().map(|step| &step["effect"]).collect();
        assert_eq!(effects, ["SET", "NOT_TRACED", "REPLACED"]);
    }
}

/// A row whose effect is not computed is drawn from all the same.
#[test]
fn a_row_that_is_not_traced_has_its_place_in_the_order_of_drawing() {
    let month = json!({ "type": "CALENDAR", "unit": "MONTH", "interval": 1 });
    let ids: Vec<String> = (0..35).map(|n| format!("add_{n:02}")).collect();
    let pack = |id: &String| json!({ "id": id, "entitlements": [{ "id": format!("ent_{id}"), "feature": "m", "value": metered("1", &month) }] });
    let held: Vec<Value> = ids.iter().map(|id| json!({ "add_on_id": id })).collect();
    let document = document(&json!(ids.iter().map(pack).collect::<Vec<Value>>()), &json!(held));
    let told = explained(&document, Some(&[]));
    let steps = told["trace"].as_array().unwrap();
    let n_untraced = steps.iter().filter(|step| step["effect"] == "NOT_TRACED").count();
    assert_eq!((steps.len(), n_untraced), (36, 4));
    assert!(steps.iter().all(|step| step["draw_order"] == 1), "{told}");
}
