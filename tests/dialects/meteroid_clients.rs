//! What Meteroid's released clients want of an answer beyond the documents that describe it, and what they send.

use crate::memory::Memory;
use crate::meteroid_subscriptions::{TODAY, create, shop, stored};
use mayuse_core::WriteJson;
use mayuse_dialects::JsonValue;
use serde_json::{Value, json};

const METERED: &str = "METERED";

#[test]
fn a_metered_feature_has_one_metric_wherever_it_is_shown() {
    let mut m = shop();
    let row = json!([{"feature": "calls", "value": {"type": METERED, "limit": "5"}}]);
    let feature = |id: &str, code: &str| {
        json!({"id": id, "code": code, "name": code, "status": "ACTIVE", "feature_type": {"type": METERED}, "product_id": "prd_base",
            "entitlement": {"value": {"type": METERED, "limit": "1"}}})
    };
    m.put("features", "feat_calls", &feature("feat_calls", "calls"));
    m.put("features", "feat_mails", &feature("feat_mails", "mails"));
    let add_on = json!({"name": "A", "product_id": "prd_base", "price_id": "pri_sso", "entitlements": row});
    m.put("add_ons", "add_calls", &add_on);
    m.put(
        "plans",
        "plan_calls",
        &json!({"name": "P", "versions":
        [{"id": "plv_calls", "version": 1, "product_ids": ["prd_base"], "entitlements": row}]}),
    );
    let body = json!({"plan_id": "plan_calls"});
    let subscription = create(&mut m, body)["id"].as_str().unwrap().to_owned();

    let mut metrics = Vec::new();
    let listed = m.get("/api/v1/features").1;
    let one = m.get("/api/v1/features/calls").1;
    let all = listed["data"].as_array().unwrap();
    metrics.extend(all.iter().filter(|f| f["code"] == "calls").map(|f| f["feature_type"]["metric_id"].clone()));
    metrics.push(one["feature_type"]["metric_id"].clone());
    for path in ["addons/add_calls", "plan-versions/plv_calls", "products/prd_base", "customers/acme"] {
        metrics.push(metric_at(&mut m, path));
    }
    metrics.push(metric_at(&mut m, &format!("subscriptions/{subscription}")));
    assert_eq!(metrics.len(), 7);
    let first = metrics[0].as_str().unwrap().to_owned();
    assert!(first.starts_with("bm_") && metrics.iter().all(|metric| *metric == first), "{metrics:?}");
    // Another feature, another metric; one that is stored stays what it is; a switch has none.
    let of = |m: &mut Memory, code: &str| m.get(&format!("/api/v1/features/{code}")).1["feature_type"].clone();
    assert_ne!(of(&mut m, "mails")["metric_id"], first);
    let mut known = feature("feat_mails", "mails");
    known["feature_type"]["metric_id"] = json!("bm_mails");
    m.put("features", "feat_mails", &known);
    assert_eq!(of(&mut m, "mails")["metric_id"], "bm_mails");
    assert_eq!(of(&mut m, "sso"), json!({"type": "BOOLEAN"}));
}

/// The metric of `calls` among what is granted.
fn metric_at(m: &mut Memory, path: &str) -> Value {
    let (status, answer) = m.get(&format!("/api/v1/{path}/entitlements"));
    let found = answer["data"].as_array().unwrap().iter().find(|row| row["feature"]["code"] == "calls").unwrap();
    assert_eq!(status, 200, "{path}");
    found["value"].get("spec").unwrap_or(&found["value"])["metric_id"].clone()
}

#[test]
fn custom_properties_are_kept_as_given() {
    let mut m = shop();
    let given = r#"{"n":1E5,"price":29.00,"id":123456789012345678901234567890,"list":[null,{"":""}],"kind":"x"}"#;
    let body = format!(
        r#"{{"plan_id":"plan_plain","customer_id_or_alias":"acme","start_date":"{TODAY}","activation_condition":"ON_START",
            "custom_properties":{given},"backdate_invoices":true}}"#
    );
    let (status, answer) = m.ask_text("POST", "/api/v1/subscriptions", &body);
    assert_eq!(status, 201, "{answer}");
    assert_eq!(JsonValue(&answer["custom_properties"]).to_json(), given);
    let kept = stored(&m, &answer);
    assert_eq!(JsonValue(&kept["custom_properties"]).to_json(), given);
    // What is for invoices is kept, and is no field of a subscription.
    assert_eq!((&kept["backdate_invoices"], answer.get("backdate_invoices")), (&json!(true), None));
    for (fields, what) in [
        (json!({"custom_properties": [1]}), "custom_properties: expected an object"),
        (json!({"custom_properties": "x"}), "custom_properties: expected an object"),
        (json!({"backdate_invoices": "yes"}), "backdate_invoices: expected true or false"),
    ] {
        let (status, answer) = m.post("/api/v1/subscriptions", &crate::meteroid_subscriptions::body(fields));
        assert_eq!((status, answer["message"].as_str().unwrap().starts_with(what)), (400, true), "{answer}");
    }
    assert_eq!(create(&mut m, json!({"custom_properties": null}))["custom_properties"], json!({}));
    let big = json!({"custom_properties": {"text": "x".repeat(600_000)}});
    assert_eq!(m.post("/api/v1/subscriptions", &crate::meteroid_subscriptions::body(big)).0, 400);
}

#[test]
fn whether_prices_are_with_tax_is_what_the_plan_says() {
    for (plan, version, expected) in [
        (json!(null), json!(null), false),
        (json!(true), json!(null), true),
        (json!(true), json!(false), false),
        (json!(null), json!(true), true),
    ] {
        let mut m = shop();
        let body = json!({"name": "T", "tax_inclusive": plan, "versions": [{"id": "plv_t", "version": 1, "tax_inclusive": version}]});
        m.put("plans", "plan_t", &body);
        let answer = create(&mut m, json!({"plan_id": "plan_t"}));
        assert_eq!(answer["tax_inclusive"], expected, "{body}");
    }
}

#[test]
fn routes_that_are_not_here_are_told_from_things_that_are_not_there() {
    let mut m = shop();
    let here = [("GET", "addons/none"), ("GET", "features/none"), ("GET", "customers/none/entitlements")];
    for (method, path) in here {
        let (status, answer) = m.ask_text(method, &format!("/api/v1/{path}"), "");
        assert_eq!((status, &answer["message"]), (404, &json!("Resource not found")), "{path}");
    }
    for (method, path) in [
        ("GET", "subscriptions"),
        ("GET", "subscriptions/sub_1"),
        ("POST", "subscriptions/sub_1/cancel"),
        ("PATCH", "features/sso"),
        ("POST", "features"),
        ("POST", "addons/add_1/entitlements"),
        ("GET", "plans/plan_plain"),
        ("DELETE", "customers/acme"),
        ("PUT", "plans/versions/plv_1/minimum"),
        ("GET", "usage/summary"),
        ("GET", "webhooks/endpoints/x/secret"),
    ] {
        let (status, answer) = m.ask_text(method, &format!("/api/v1/{path}"), "");
        let expected = json!({"code": "INTERNAL_SERVER_ERROR", "message": "mayuse does not have this route of Meteroid's API; \
            what is in its catalog is read and written under /v1/catalog"});
        assert_eq!((status, answer), (501, expected), "{method} {path}");
    }
    for (method, path, status, message) in [
        ("GET", "nothing", 404, "there is no such path; nothing was looked up"),
        ("GET", "plans/plan_plain/nothing", 404, "there is no such path; nothing was looked up"),
        ("GET", "", 404, "there is no such path; nothing was looked up"),
        ("PUT", "usage/summary", 404, "there is no such path; nothing was looked up"),
        ("DELETE", "addons/add_1", 405, "this path takes GET, HEAD, PATCH"),
    ] {
        let (found, answer) = m.ask_text(method, &format!("/api/v1/{path}"), "");
        assert_eq!((found, &answer["message"]), (status, &json!(message)), "{method} {path}");
    }
}

#[test]
fn an_empty_description_is_one() {
    let mut m = shop();
    let fields = json!({"name": "A", "description": "", "product_id": "prd_base", "price_id": "pri_sso"});
    let (status, answer) = m.post("/api/v1/addons", &fields);
    assert_eq!((status, &answer["description"]), (201, &json!("")), "{answer}");
    let path = format!("/api/v1/addons/{}", answer["id"].as_str().unwrap());
    assert_eq!(m.get(&path).1["description"], "");
    assert_eq!(m.ask("PATCH", &path, &json!({"description": null})).1.get("description"), None);
}
