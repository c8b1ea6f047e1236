//! Writes that are judged by a part of the catalog, and must not be judged wrongly for it.

use crate::memory::Memory;
use mayuse_dialects::{Batch, Change};
use serde_json::{Value, json};

fn metered(id: &str) -> Value {
    json!({"id": id, "code": id, "feature_type": {"type": "METERED"}, "status": "ACTIVE"})
}

fn credits(feature: &str, pool: &str) -> Value {
    json!({"feature": feature, "value": {"type": "CREDITS", "pool_feature_id": pool, "cost": "1"}})
}

fn units(feature: &str) -> Value {
    json!({"feature": feature, "value": {"type": "METERED", "limit": "10"}})
}

fn subscription(id: &str, add_ons: &Value) -> Value {
    json!({"id": id, "customer_id": "c1", "plan_id": "plan_a", "plan_version_id": "plv_a", "status": "ACTIVE",
        "start_date": "2026-01-01", "billing_day_anchor": 1, "period": "MONTHLY",
        "current_period_start": "2026-11-01", "current_period_end": "2026-12-01", "add_ons": add_ons})
}

fn plan(id: &str, version: &str, rows: Value) -> Value {
    json!({"id": id, "versions": [{"id": version, "version": 1, "entitlements": rows}]})
}

/// A pool whose units hang on one customer: whether it has any shows only the whole.
#[test]
fn a_pool_may_have_its_units_from_people_who_are_not_looked_at() {
    let mut memory = Memory::new();
    let document = json!({"format": 1, "features": [metered("f"), metered("p"), metered("q")],
        "plans": [plan("plan_a", "plv_a", json!([credits("f", "p")]))],
        "add_ons": [{"id": "add_q", "entitlements": [credits("p", "q")]}],
        "customers": [{"id": "c1", "entitlements": [units("p")]}]});
    let (status, answer) = memory.ask("PUT", "/v1/catalog", &document);
    assert_eq!(status, 200, "{answer}");
    memory.put("customers", "c2", &json!({}));
    memory.put("products", "prd", &json!({}));
    memory.put("features", "g", &metered("g"));
    assert_eq!(memory.ask("DELETE", "/v1/catalog/customers/c1", &Value::Null).0, 200);
    // A whole document still must hold together.
    let mut alone = document;
    alone["customers"] = json!([]);
    let (status, answer) = memory.ask("PUT", "/v1/catalog", &alone);
    assert_eq!((status, &answer["error"]["code"]), (400, &json!("TYPE_MISMATCH")), "{answer}");
}

#[test]
fn who_holds_an_add_on_keeps_it_whatever_becomes_of_its_association() {
    let mut memory = Memory::new();
    memory.put("plans", "plan_a", &plan("plan_a", "plv_a", json!([])));
    memory.put("plans", "plan_b", &plan("plan_b", "plv_b", json!([])));
    memory.put("customers", "c1", &json!({}));
    let tied = |plans: &[&str]| json!({"associate_plans": "selected_plans", "plans_array": plans});
    memory.put("add_ons", "add_t", &tied(&["plan_a"]));
    memory.put("add_ons", "add_u", &tied(&["plan_b"]));
    let held = json!([{"add_on_id": "add_t", "quantity": 1}]);
    memory.put("subscriptions", "sub_x", &subscription("sub_x", &held));
    memory.put("add_ons", "add_t", &tied(&["plan_b"]));
    let mut cancelled = subscription("sub_x", &held);
    cancelled["status"] = json!("CANCELLED");
    memory.put("subscriptions", "sub_x", &cancelled);
    // Nobody else is given it, and nobody another that is not for the plan.
    for (id, add_ons, status) in [
        ("sub_y", held.clone(), 400),
        ("sub_x", json!([{"add_on_id": "add_u"}]), 400),
        ("sub_y", json!([{"add_on_id": "add_t", "quantity": 0}]), 201),
    ] {
        let path = format!("/v1/catalog/subscriptions/{id}");
        let (found, answer) = memory.ask("PUT", &path, &subscription(id, &add_ons));
        assert_eq!(found, status, "{answer}");
    }
}

#[test]
fn a_field_that_is_written_twice_is_refused_and_nothing_is_lost() {
    let mut memory = Memory::new();
    let twice = r#"{"format": 1, "customers": [{"id": "a"}], "customers": [{"id": "b"}]}"#;
    let status = r#"{"code": "f", "feature_type": {"type": "BOOLEAN"}, "status": "DISABLED", "status": "ACTIVE"}"#;
    for (path, body, field) in [("/v1/catalog", twice, "customers"), ("/v1/catalog/features/f", status, "status")] {
        let (found, answer) = memory.ask_text("PUT", path, body);
        assert_eq!((found, &answer["error"]["code"]), (400, &json!("INVALID_JSON")), "{answer}");
        let message = answer["error"]["message"].as_str().unwrap();
        assert!(message.contains(&format!("the field `{field}` is written twice")), "{message}");
    }
    assert_eq!(memory.version, 0);
    let mut batch = Batch::default();
    let failure = batch.add(7, br#"{"kind": "customer", "id": "a", "id": "b"}"#).unwrap_err();
    assert!(failure.sentence().starts_with("line 7: ") && failure.sentence().contains("`id` is written twice"));
}

#[test]
fn the_kind_of_a_line_is_no_part_of_the_entity() {
    let mut memory = Memory::new();
    memory.put("products", "p", &json!({"kind": "product", "name": "P"}));
    let (_, answer) = memory.get("/v1/catalog/products/p");
    assert_eq!(answer["entity"], json!({"id": "p", "name": "P"}));
    let (status, answer) = memory.ask("PUT", "/v1/catalog/products/p", &json!({"kind": "price"}));
    assert_eq!((status, &answer["error"]["path"]), (400, &json!("kind")), "{answer}");
    let document = json!({"format": 1, "products": [{"id": "p"}, {"id": "q", "kind": "price"}]});
    let (status, answer) = memory.ask("PUT", "/v1/catalog", &document);
    assert_eq!((status, &answer["error"]["path"]), (400, &json!("products[1].kind")), "{answer}");
}

#[test]
fn only_settings_are_settings() {
    let mut batch = Batch::default();
    batch.add(1, br#"{"kind": "settings", "ladder": "METEROID", "features": [1], "we\"ird": 1}"#).unwrap();
    assert_eq!(batch.changes(), [Change::Settings(json!({"ladder": "METEROID"}))]);
}

#[test]
fn an_id_is_nobody_elses_code_or_alias() {
    let mut memory = Memory::new();
    memory.put(
        "features",
        "feat_pool",
        &json!({"code": "pool", "feature_type": {"type": "METERED"}, "status": "ACTIVE"}),
    );
    memory.put("customers", "cus_a", &json!({"alias": "acme"}));
    let feature = |code: &str| json!({"code": code, "feature_type": {"type": "BOOLEAN"}, "status": "ACTIVE"});
    for (path, body) in [
        ("/v1/catalog/features/pool", feature("unrelated")),
        ("/v1/catalog/features/other", feature("feat_pool")),
        ("/v1/catalog/customers/acme", json!({})),
        ("/v1/catalog/customers/cus_b", json!({"alias": "cus_a"})),
    ] {
        let (status, answer) = memory.ask("PUT", path, &body);
        assert_eq!(status, 409, "{path}: {answer}");
    }
    // One's own is no clash.
    memory.put("customers", "cus_c", &json!({"alias": "cus_c"}));
    memory.put("features", "same", &feature("same"));
}
