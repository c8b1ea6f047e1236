//! Meteroid's reads: what entities grant, what customers and subscriptions have.

use crate::memory::Memory;
use mayuse_core::Instant;
use mayuse_dialects::catalog_for;
use serde_json::{Map, Value, json};

const NOW: &str = "2026-11-21T10:00:00Z";
const MONTH: &str = r#"{"type": "CALENDAR", "unit": "MONTH", "interval": 1}"#;

fn feature(kind: &str, product: Option<&str>, default: Value) -> Value {
    json!({"name": "A feature", "status": "ACTIVE", "feature_type": {"type": kind}, "product_id": product,
        "entitlement": default})
}

fn on(feature: &str, value: &Value) -> Value {
    json!({"feature": feature, "value": value})
}

fn metered(limit: Value, reset: &str) -> Value {
    json!({"type": "METERED", "limit": limit, "reset_period": {"type": reset}})
}

fn switch(enabled: bool) -> Value {
    json!({"type": "BOOLEAN", "enabled": enabled})
}

/// A plan version of product A with an add-on, held twice by Ada.
fn memory(ladder: &str) -> Memory {
    let mut memory = Memory::new();
    memory.settings = json!({"ladder": ladder});
    memory.put("products", "prd_a", &json!({"name": "Product A"}));
    let default = |value: Value| json!({"value": value});
    for (code, kind, product, row) in [
        ("sso", "BOOLEAN", None, default(switch(false))),
        ("api", "METERED", None, default(metered(json!("10"), "BILLING_CYCLE"))),
        ("logs", "BOOLEAN", Some("prd_a"), default(switch(true))),
        ("seats", "METERED", Some("prd_a"), Value::Null),
        ("credits", "METERED", Some("prd_a"), Value::Null),
        ("images", "METERED", None, Value::Null),
        ("other", "BOOLEAN", Some("prd_b"), default(switch(true))),
        ("gone", "BOOLEAN", None, default(switch(true))),
    ] {
        let mut body = feature(kind, product, row);
        body["code"] = code.into();
        if code == "api" || code == "credits" {
            body["feature_type"]["metric_id"] = format!("bm_{code}").into();
        }
        if code == "gone" {
            body["status"] = "DISABLED".into();
        }
        memory.put("features", &format!("feat_{code}"), &body);
    }
    let version = json!({"id": "plv_1", "version": 1, "product_ids": ["prd_a"],
        "entitlements": [on("api", &metered(json!("1000"), "BILLING_CYCLE")), on("seats", &metered(Value::Null, "NEVER"))]});
    let plan = json!({"name": "Pro", "versions": [version],
        "entitlements": [on("sso", &switch(true)), on("api", &metered(json!("100"), "NEVER"))]});
    memory.put("plans", "plan_1", &plan);
    let credits = json!({"type": "CREDITS", "pool_feature_id": "feat_credits", "cost": "2"});
    let rows = [
        on("sso", &switch(true)),
        json!({"feature_id": "feat_api", "value": metered(json!("500.0"), "BILLING_CYCLE")}),
        on("logs", &switch(false)),
        on("seats", &json!({"type": "METERED", "limit": "5"})),
        on("credits", &metered(json!("50"), "NEVER")),
        on("images", &credits),
        on("other", &switch(true)),
        on("gone", &switch(true)),
    ];
    memory.put("add_ons", "add_1", &json!({"product_id": "prd_a", "entitlements": rows}));
    memory.put(
        "add_ons",
        "add_alone",
        &json!({"entitlements": [on("images", &credits), on("seats", &switch_off_seats())]}),
    );
    memory.put("customers", "cus_ada", &json!({"alias": "ada", "name": "Ada"}));
    memory.put("subscriptions", "sub_1", &subscription(&json!({"add_ons": [{"add_on_id": "add_1", "quantity": 2}]})));
    memory
}

fn switch_off_seats() -> Value {
    json!({"type": "METERED", "limit": "9", "enabled": false, "reset_period": serde_json::from_str::<Value>(MONTH).unwrap()})
}

fn subscription(fields: &Value) -> Value {
    let mut body = json!({"customer_id": "cus_ada", "plan_id": "plan_1", "plan_version_id": "plv_1", "status": "ACTIVE",
        "start_date": "2026-11-01", "activated_at": "2026-11-01T00:00:00Z", "period": "MONTHLY", "billing_day_anchor": 1,
        "current_period_start": "2026-11-01", "current_period_end": "2026-12-01"});
    body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    body
}

/// The values of an entitlement list by the code of their feature.
fn values(memory: &mut Memory, path: &str) -> Value {
    let (status, answer) = memory.get(&format!("/api/v1/{path}/entitlements"));
    assert_eq!(status, 200, "{path}: {answer}");
    assert_eq!(answer.as_object().unwrap().len(), 1, "{answer}");
    let mut found = Map::new();
    for item in answer["data"].as_array().unwrap() {
        let (feature, value) = (&item["feature"], item["value"].clone());
        assert_eq!(feature["id"], format!("feat_{}", feature["code"].as_str().unwrap()));
        assert!(found.insert(feature["code"].as_str().unwrap().to_owned(), value).is_none(), "{answer}");
    }
    Value::Object(found)
}

/// The metrics of features that were stored without one, made from their ids.
const SEATS: &str = "bm_6hKAe5dIvrjn5A1qgJqTsL";
const IMAGES: &str = "bm_7X2d3aybljmGKmiDzv5WJT";

fn resolved(metric: &str, limit: &str, reset: &str, enabled: bool) -> Value {
    let mut value = json!({"type": "METERED", "metric_id": metric, "limit": limit, "reset_period": {"type": reset},
        "enabled": enabled});
    if limit == "unlimited" {
        value.as_object_mut().unwrap().remove("limit");
    }
    value
}

#[test]
fn an_add_on_grants_what_its_ladder_makes_of_it() {
    for (ladder, api, logs) in [("STANDARD", "510", true), ("METEROID", "500", false)] {
        let expected = json!({
            "sso": switch(true),
            "api": resolved("bm_api", api, "BILLING_CYCLE", true),
            "logs": switch(logs),
            "seats": resolved(SEATS, "5", "NEVER", true),
            "credits": resolved("bm_credits", "50", "NEVER", true),
            "images": resolved("bm_credits", "50", "NEVER", true),
        });
        assert_eq!(values(&mut memory(ladder), "addons/add_1"), expected, "{ladder}");
    }
}

#[test]
fn credits_without_their_pool_have_no_units() {
    let mut memory = memory("STANDARD");
    // A row on a feature of a product that is not the add-on's reaches nobody by itself.
    let expected = json!({"images": resolved(IMAGES, "0", "NEVER", true)});
    assert_eq!(values(&mut memory, "addons/add_alone"), expected);
    memory.put("add_ons", "add_alone", &json!({"product_id": "prd_a", "entitlements": [
        on("images", &json!({"type": "CREDITS", "pool_feature_id": "credits", "cost": "2"})), on("seats", &switch_off_seats())]}));
    let mut seats = resolved(SEATS, "9", "", false);
    seats["reset_period"] = serde_json::from_str(MONTH).unwrap();
    let expected = json!({"images": resolved("bm_credits", "0", "NEVER", true), "logs": switch(true), "seats": seats});
    assert_eq!(values(&mut memory, "addons/add_alone"), expected);
    // So it is where the add-on is held, and no pool is.
    memory.put("subscriptions", "sub_1", &subscription(&json!({"add_ons": [{"add_on_id": "add_alone"}]})));
    let found = values(&mut memory, "customers/ada");
    let spec = json!({"metric_id": "bm_credits", "limit": "0", "reset_period": {"type": "NEVER"}, "enabled": false});
    assert_eq!(found["images"], json!({"type": "METERED", "spec": spec, "usage": {}}));
}

#[test]
fn a_plan_version_grants_what_the_plan_and_the_version_do() {
    for ladder in ["STANDARD", "METEROID"] {
        let expected = json!({
            "sso": switch(true),
            "api": resolved("bm_api", "1000", "BILLING_CYCLE", true),
            "logs": switch(true),
            "seats": resolved(SEATS, "unlimited", "NEVER", true),
        });
        assert_eq!(values(&mut memory(ladder), "plan-versions/plv_1"), expected, "{ladder}");
    }
}

#[test]
fn a_product_grants_the_defaults_of_its_own_features() {
    let mut memory = memory("STANDARD");
    assert_eq!(values(&mut memory, "products/prd_a"), json!({"logs": switch(true)}));
    // Known by a feature of it alone.
    assert_eq!(values(&mut memory, "products/prd_b"), json!({"other": switch(true)}));
    memory.put("products", "prd_c", &json!({}));
    assert_eq!(values(&mut memory, "products/prd_c"), json!({}));
}

#[test]
fn an_archived_add_on_still_says_what_it_grants() {
    let mut memory = memory("METEROID");
    let before = values(&mut memory, "addons/add_1");
    assert_eq!(memory.ask_text("POST", "/api/v1/addons/add_1/archive", "").0, 204);
    assert_eq!(values(&mut memory, "addons/add_1"), before);
}

#[test]
fn features_are_referred_to_with_their_product() {
    let (_, answer) = memory("STANDARD").get("/api/v1/addons/add_1/entitlements");
    let reference = |code: &str| {
        let items = answer["data"].as_array().unwrap();
        items.iter().map(|item| &item["feature"]).find(|feature| feature["code"] == code).unwrap().clone()
    };
    let product = json!({"type": "EXISTING", "id": "prd_a", "name": "Product A"});
    assert_eq!(reference("api"), json!({"id": "feat_api", "name": "A feature", "code": "api"}));
    assert_eq!(reference("logs"), json!({"id": "feat_logs", "name": "A feature", "code": "logs", "product": product}));
}

#[test]
fn an_add_on_made_here_is_given_its_rows_through_the_catalog() {
    let mut memory = memory("STANDARD");
    memory.put("prices", "pri_a", &json!({"product_id": "prd_a", "currency": "USD"}));
    let body = json!({"name": "More", "product_id": "prd_a", "price_id": "pri_a"});
    let (_, made) = memory.post("/api/v1/addons", &body);
    let id = made["id"].as_str().unwrap().to_owned();
    assert_eq!(values(&mut memory, &format!("addons/{id}")), json!({"logs": switch(true)}));
    let mut whole = memory.get(&format!("/v1/catalog/add_ons/{id}")).1["entity"].take();
    whole["entitlements"] = json!([
        on("seats", &json!({"type": "METERED", "limit": "2.50", "overage": {"behavior": "ALLOW"}})),
        {"id": "ent_mine", "feature_id": "feat_images", "created_at": "2026-11-20", "updated_at": "2026-11-20T01:00:00+01:00",
            "value": {"type": "CREDITS", "pool_feature_id": "credits", "cost": "1", "enabled": false}},
    ]);
    memory.now = Instant::parse("2026-11-22").unwrap();
    memory.put("add_ons", &id, &whole);
    let (_, shown) = memory.get(&format!("/api/v1/addons/{id}"));
    let rows = shown["entitlements"].as_array().unwrap();
    let derived = rows[0]["id"].as_str().unwrap();
    assert!(derived.starts_with("ent_") && derived.len() > 20, "{derived}");
    let never = json!({"type": "NEVER"});
    let expected = json!([
        {"id": derived, "feature_id": "feat_seats",
            "value": {"type": "METERED", "limit": "2.50", "reset_period": never, "enabled": true},
            "created_at": NOW, "updated_at": "2026-11-22T00:00:00Z"},
        {"id": "ent_mine", "feature_id": "feat_images",
            "value": {"type": "METERED", "limit": "0", "reset_period": never, "enabled": false},
            "created_at": "2026-11-20T00:00:00Z", "updated_at": "2026-11-20T00:00:00Z"},
    ]);
    assert_eq!(shown["entitlements"], expected);
    let resolved_now = json!({"logs": switch(true), "seats": resolved(SEATS, "2.5", "NEVER", true),
        "images": resolved("bm_credits", "0", "NEVER", false)});
    assert_eq!(values(&mut memory, &format!("addons/{id}")), resolved_now);
    // A change through Meteroid's API leaves the rows alone, and so it does their ids.
    let (_, renamed) = memory.ask("PATCH", &format!("/api/v1/addons/{id}"), &json!({"name": "Less"}));
    assert_eq!((&renamed["name"], &renamed["entitlements"][0]["id"]), (&json!("Less"), &rows[0]["id"]));
    assert_eq!(values(&mut memory, &format!("addons/{id}")), resolved_now);
}

/// An effective metered value of the current month.
fn effective(metric: &str, limit: &str, reset: &str) -> Value {
    let mut spec = resolved(metric, limit, reset, true);
    spec.as_object_mut().unwrap().remove("type");
    let usage = if reset == "BILLING_CYCLE" { json!({"reset_at": "2026-12-01T00:00:00Z"}) } else { json!({}) };
    json!({"type": "METERED", "spec": spec, "usage": usage})
}

#[test]
fn a_customer_has_what_a_check_would_say() {
    for (ladder, api, seats, logs, credits) in
        [("STANDARD", "2000", "unlimited", true, "100"), ("METEROID", "1000", "unlimited", false, "50")]
    {
        let expected = json!({
            "sso": switch(true),
            "api": effective("bm_api", api, "BILLING_CYCLE"),
            "logs": switch(logs),
            "seats": effective(SEATS, seats, "NEVER"),
            "credits": effective("bm_credits", credits, "NEVER"),
            "images": effective("bm_credits", credits, "NEVER"),
        });
        let mut memory = memory(ladder);
        for path in ["customers/cus_ada", "customers/ada", "subscriptions/sub_1"] {
            assert_eq!(values(&mut memory, path), expected, "{ladder} {path}");
        }
    }
}

#[test]
fn a_subscription_that_grants_nothing_now_has_nothing() {
    for fields in [
        json!({"status": "CANCELLED"}),
        json!({"status": "PENDING_ACTIVATION"}),
        json!({"end_date": "2026-11-21"}),
        json!({"start_date": "2026-11-22"}),
    ] {
        let mut memory = memory("STANDARD");
        memory.put("subscriptions", "sub_1", &subscription(&fields));
        memory.put("subscriptions", "sub_2", &subscription(&json!({})));
        assert_eq!(values(&mut memory, "subscriptions/sub_1"), json!({}), "{fields}");
        assert_eq!(values(&mut memory, "subscriptions/sub_2")["api"], effective("bm_api", "1000", "BILLING_CYCLE"));
        assert_eq!(values(&mut memory, "customers/ada")["sso"], switch(true));
    }
}

#[test]
fn a_customer_without_a_subscription_has_its_own_rows_alone() {
    let mut memory = memory("STANDARD");
    memory.put("customers", "cus_bob", &json!({"alias": "bob"}));
    assert_eq!(values(&mut memory, "customers/bob"), json!({}));
    let rows = [on("seats", &metered(json!("3"), "NEVER")), on("logs", &switch(false))];
    memory.put("customers", "cus_bob", &json!({"alias": "bob", "entitlements": rows}));
    let expected = json!({"seats": effective(SEATS, "3", "NEVER"), "logs": switch(false)});
    assert_eq!(values(&mut memory, "customers/bob"), expected);
    memory.put("customers", "cus_bob", &json!({"alias": "bob", "entitlements": rows, "archived_at": NOW}));
    assert_eq!(values(&mut memory, "customers/bob"), json!({}));
}

#[test]
fn of_several_allowances_the_largest_is_shown() {
    let mut memory = memory("STANDARD");
    // Other reset periods than the 10 and the 1,000 of a billing cycle below them.
    for (limit, expected_limit, reset) in [("11", "11", "NEVER"), ("9", "10", "BILLING_CYCLE")] {
        memory.put("add_ons", "add_1", &json!({"entitlements": [on("api", &metered(json!(limit), "NEVER"))]}));
        assert_eq!(values(&mut memory, "addons/add_1")["api"], resolved("bm_api", expected_limit, reset, true));
    }
    for (limit, expected_limit, reset) in [("501", "1002", "NEVER"), ("499", "1000", "BILLING_CYCLE")] {
        memory.put("add_ons", "add_1", &json!({"entitlements": [on("api", &metered(json!(limit), "NEVER"))]}));
        assert_eq!(values(&mut memory, "customers/ada")["api"], effective("bm_api", expected_limit, reset));
    }
}

#[test]
fn what_is_switched_off_keeps_its_terms() {
    let mut memory = memory("STANDARD");
    let calendar: Value = serde_json::from_str(MONTH).unwrap();
    let off = json!({"type": "METERED", "limit": "4", "enabled": false, "reset_period": calendar});
    let spec = json!({"metric_id": SEATS, "limit": "4", "reset_period": calendar, "enabled": false});
    let expected = json!({"type": "METERED", "spec": spec, "usage": {}});
    memory.put("subscriptions", "sub_1", &subscription(&json!({"entitlements": [on("seats", &off)]})));
    assert_eq!(values(&mut memory, "customers/ada")["seats"], expected);
    let plan = json!({"versions": [{"id": "plv_1", "product_ids": ["prd_a"], "entitlements": [on("seats", &off)]}]});
    memory.put("subscriptions", "sub_1", &subscription(&json!({})));
    memory.put("plans", "plan_1", &plan);
    assert_eq!(values(&mut memory, "subscriptions/sub_1")["seats"], expected);
    assert_eq!(values(&mut memory, "plan-versions/plv_1")["seats"]["enabled"], json!(false));
    // An override of credits, switched off: the pool's metric, and nothing of it.
    let credits = json!({"type": "CREDITS", "enabled": false, "pool_feature_id": "credits", "cost": "1"});
    memory.put("customers", "cus_ada", &json!({"alias": "ada", "entitlements": [on("images", &credits)]}));
    let spec = json!({"metric_id": "bm_credits", "limit": "0", "reset_period": {"type": "NEVER"}, "enabled": false});
    assert_eq!(values(&mut memory, "customers/ada")["images"], json!({"type": "METERED", "spec": spec, "usage": {}}));
}

#[test]
fn limits_that_cannot_be_added_take_only_their_own_feature_away() {
    let mut memory = memory("STANDARD");
    let huge = metered(json!("79228162514264337593543950335"), "BILLING_CYCLE");
    memory.put("add_ons", "add_1", &json!({"entitlements": [on("api", &huge)]}));
    for path in ["addons/add_1", "customers/ada"] {
        let found = values(&mut memory, path);
        assert_eq!(found.get("api"), None, "{path}");
    }
    assert_eq!(values(&mut memory, "customers/ada")["sso"], switch(true));
}

#[test]
fn what_is_unknown_is_not_found() {
    let mut memory = memory("STANDARD");
    for path in [
        "addons/add_x/entitlements",
        "plan-versions/plan_1/entitlements",
        "products/prd_x/entitlements",
        "customers/bob/entitlements",
        "customers//entitlements",
        "customers/%20/entitlements",
        "subscriptions/sub_x/entitlements",
    ] {
        let expected = json!({"code": "NOT_FOUND", "message": "Resource not found"});
        assert_eq!(memory.get(&format!("/api/v1/{path}")), (404, expected), "{path}");
    }
}

#[test]
fn a_catalog_for_some_has_each_of_them_once() {
    let mut memory = memory("STANDARD");
    memory.put("customers", "cus_eve", &json!({"alias": "eve"}));
    let now = memory.now;
    for (asked, n) in [
        (vec![], 0),
        (vec!["nobody"], 0),
        (vec!["ada"], 1),
        (vec!["cus_ada", "ada", "cus_ada", "nobody"], 1),
        (vec!["cus_eve", "ada"], 2),
    ] {
        let full = catalog_for(&memory, &asked, now).unwrap();
        assert_eq!(full.customers.n_customers(), n, "{asked:?}");
        assert_eq!(
            (full.catalog.snapshot.version, full.catalog.snapshot.generated_at),
            (Some(memory.version), Some(now))
        );
    }
}
