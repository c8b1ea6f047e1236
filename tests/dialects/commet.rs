//! Commet's dialect.

use crate::memory::Memory;
use mayuse_core::{Amount, Question, WriteJson, decide};
use mayuse_dialects::{Kind, catalog_for, text};
use serde_json::{Value, json};

/// Two plans, a customer without a subscription, and a feature for every case.
pub fn seeded() -> Memory {
    let mut memory = Memory::new();
    for (code, kind) in [("sso", "BOOLEAN"), ("emails", "METERED"), ("images", "METERED"), ("calls", "METERED")] {
        let body =
            json!({"code": code, "name": code.to_uppercase(), "feature_type": {"type": kind}, "status": "ACTIVE"});
        memory.put("features", &format!("feat_{code}"), &body);
    }
    memory.put("plans", "plan_pro", &json!({"name": "Pro", "versions": [{"id": "plv_pro", "version": 1}]}));
    memory.put("customers", "cus_a", &json!({"name": "A"}));
    memory
}

pub fn boolean() -> Value {
    json!({"name": "Single sign-on", "basePrice": 1200, "featureId": "sso", "consumptionModel": "boolean"})
}

fn metered() -> Value {
    json!({"name": "E-mails", "basePrice": 0, "featureId": "feat_emails", "consumptionModel": "metered"})
}

/// A body with some fields set, `null` takes one away.
pub fn with(body: &Value, changes: Value) -> Value {
    let mut body = body.as_object().unwrap().clone();
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(body.shift_remove(name)),
            value => drop(body.insert(name.clone(), value.clone())),
        }
    }
    Value::Object(body)
}

pub fn all(memory: &Memory, kind: Kind) -> Vec<Value> {
    memory.entities.iter().filter(|((found, _), _)| *found == kind).map(|(_, entity)| entity.body.clone()).collect()
}

/// The one add-on's value.
pub fn stored_value(memory: &Memory) -> Value {
    all(memory, Kind::AddOn)[0]["entitlements"][0]["value"].clone()
}

/// Subscribes customer `cus_a` to the plan with these add-ons.
fn subscribe(memory: &mut Memory, add_ons: &[&str]) {
    let add_ons: Vec<Value> = add_ons.iter().map(|id| json!({"add_on_id": id, "quantity": 1})).collect();
    let subscription = json!({
        "customer_id": "cus_a", "plan_id": "plan_pro", "plan_version_id": "plv_pro", "status": "ACTIVE",
        "start_date": "2026-11-01", "activated_at": "2026-11-01T00:00:00Z", "period": "MONTHLY",
        "billing_day_anchor": 1, "current_period_start": "2026-11-01", "current_period_end": "2026-12-01",
        "add_ons": add_ons,
    });
    memory.put("subscriptions", "sub_a", &subscription);
}

fn reason(memory: &Memory, feature: &str, consumed: &str, requested: &str) -> String {
    let catalog = catalog_for(memory, &["cus_a"], memory.now).unwrap();
    let amount = |text: &str| Some(Amount::parse(text).unwrap());
    let question =
        Question { consumed: amount(consumed), requested: amount(requested), ..Question::new("cus_a", feature) };
    let decision = decide(&catalog, &question, memory.now).unwrap();
    decision.reason.name().to_owned()
}

#[test]
fn the_answer_has_every_field_in_its_place() {
    let mut memory = seeded();
    let (status, answer) = memory.post("/addons", &with(&boolean(), json!({"description": "Log in once"})));
    assert_eq!(status, 201, "{answer}");
    let id = answer["data"]["id"].as_str().unwrap().to_owned();
    assert!(id.starts_with("add_"));
    let add_on = json!({
        "id": id, "name": "Single sign-on", "slug": "single-sign-on", "description": "Log in once",
        "basePrice": 1200, "consumptionModel": "boolean", "featureCode": "sso", "featureName": "SSO",
        "includedUnits": null, "overageRate": null, "creditCost": null,
        "createdAt": "2026-11-21T10:00:00Z", "updatedAt": "2026-11-21T10:00:00Z",
        "object": "addon", "livemode": true,
    });
    // In the envelope of the first edition, and beside it, where newer clients look.
    let mut expected = json!({"success": true, "data": add_on});
    expected.as_object_mut().unwrap().extend(add_on.as_object().unwrap().clone());
    assert_eq!(answer.to_string(), expected.to_string());
}

#[test]
fn what_is_stored_can_be_decided_from_and_answered_again() {
    let mut memory = seeded();
    let (_, answer) = memory.post("/addons", &boolean());
    let id = text(&answer["data"], "id").to_owned();
    let (status, shown) = memory.get(&format!("/v1/catalog/add_ons/{id}"));
    assert_eq!(status, 200);
    let add_on = &shown["entity"];
    assert_eq!(add_on["max_instances_per_subscription"], 1);
    assert_eq!(add_on["self_serviceable"], true);
    assert_eq!(add_on["description"], Value::Null);
    let row = &add_on["entitlements"][0];
    assert_eq!(row["feature_id"], "feat_sso");
    assert!(text(row, "id").starts_with("ent_"));
    let commet = json!({
        "slug": "single-sign-on", "base_price": 1200, "consumption_model": "boolean",
        "included_units": null, "overage_rate": null, "credit_cost": null,
    });
    assert_eq!(add_on["commet"], commet);
    let (_, price) = memory.get(&format!("/v1/catalog/prices/{}", text(add_on, "price_id")));
    assert_eq!(price["entity"]["pricing"], json!({"type": "RATE", "rate": "12.00"}));
    assert_eq!((&price["entity"]["currency"], &price["entity"]["cadence"]), (&json!("USD"), &json!("MONTHLY")));

    subscribe(&mut memory, &[]);
    assert_eq!(reason(&memory, "sso", "0", "1"), "NOT_ENTITLED");
    subscribe(&mut memory, &[&id]);
    assert_eq!(reason(&memory, "sso", "0", "1"), "ENABLED");
}

#[test]
fn cents_become_exact_decimals() {
    for (cents, rate) in [(0, "0.00"), (1, "0.01"), (1999, "19.99"), (9_007_199_254_740_991_i64, "90071992547409.91")] {
        let mut memory = seeded();
        let (status, answer) = memory.post("/addons", &with(&boolean(), json!({"basePrice": cents})));
        assert_eq!((status, &answer["data"]["basePrice"]), (201, &json!(cents)));
        assert_eq!(all(&memory, Kind::Price)[0]["pricing"]["rate"], rate);
    }
}

#[test]
fn metered_says_four_things() {
    let reset = json!({"type": "BILLING_CYCLE", "sub_cycle": "MONTHLY"});
    let block = json!({"behavior": "BLOCK"});
    let allow = |price: &str| json!({"behavior": "ALLOW", "in_trial": "BLOCK", "unit_price": price});
    let cases = [
        (json!({}), Value::Null, block.clone(), "UNLIMITED"),
        (json!({"includedUnits": 5}), json!("5"), block.clone(), "LIMIT_REACHED"),
        (json!({"includedUnits": 0}), json!("0"), block, "LIMIT_REACHED"),
        (json!({"includedUnits": 5, "overageRate": 20}), json!("5"), allow("0.002"), "OVERAGE_ALLOWED"),
        (json!({"overageRate": 1}), json!("0"), allow("0.0001"), "OVERAGE_ALLOWED"),
        (json!({"overageRate": 0}), json!("0"), allow("0"), "OVERAGE_ALLOWED"),
        (json!({"overageRate": 9_007_199_254_740_991_i64}), json!("0"), allow("900719925474.0991"), "OVERAGE_ALLOWED"),
    ];
    for (fields, limit, overage, expected) in cases {
        let mut memory = seeded();
        let (status, answer) = memory.post("/addons", &with(&metered(), fields.clone()));
        assert_eq!(status, 201, "{fields} {answer}");
        for (field, value) in fields.as_object().unwrap() {
            assert_eq!(&answer["data"][field], value);
        }
        let value = stored_value(&memory);
        assert_eq!(
            (&value["limit"], &value["overage"], &value["reset_period"]),
            (&limit, &overage, &reset),
            "{fields}"
        );
        subscribe(&mut memory, &[text(&answer["data"], "id")]);
        assert_eq!(reason(&memory, "emails", "5", "1"), expected, "{fields}");
    }
}

#[test]
fn a_trial_ends_where_overage_begins() {
    let mut memory = seeded();
    let (_, answer) = memory.post("/addons", &with(&metered(), json!({"includedUnits": 5, "overageRate": 20})));
    subscribe(&mut memory, &[text(&answer["data"], "id")]);
    let (_, paid) = memory.get("/v1/catalog/subscriptions/sub_a");
    let mut trial = paid["entity"].clone();
    (trial["status"], trial["trial_duration"]) = (json!("TRIAL_ACTIVE"), json!(3_650));
    for (subscription, at_limit) in [(&trial, "LIMIT_REACHED"), (&paid["entity"], "OVERAGE_ALLOWED")] {
        memory.put("subscriptions", "sub_a", subscription);
        assert_eq!(reason(&memory, "emails", "4", "1"), "WITHIN_LIMIT");
        assert_eq!(reason(&memory, "emails", "5", "1"), at_limit);
    }
}

#[test]
fn units_come_by_the_month_on_a_yearly_plan_too() {
    let mut memory = seeded();
    let (_, answer) = memory.post("/addons", &with(&metered(), json!({"includedUnits": 5})));
    let yearly = json!({
        "customer_id": "cus_a", "plan_id": "plan_pro", "plan_version_id": "plv_pro", "status": "ACTIVE",
        "start_date": "2026-01-31", "period": "ANNUAL", "billing_day_anchor": 31,
        "current_period_start": "2026-01-31", "current_period_end": "2027-01-31",
        "add_ons": [{"add_on_id": answer["data"]["id"]}],
    });
    memory.put("subscriptions", "sub_a", &yearly);
    let catalog = catalog_for(&memory, &["cus_a"], memory.now).unwrap();
    let question = Question { consumed: Some(Amount::ZERO), ..Question::new("cus_a", "emails") };
    let decision = decide(&catalog, &question, memory.now).unwrap().to_json();
    let decision: Value = serde_json::from_str(&decision).unwrap();
    let period = &decision["period"];
    assert_eq!((text(period, "start"), text(period, "end")), ("2026-10-31T00:00:00Z", "2026-11-30T00:00:00Z"));
}

#[test]
fn credits_and_balance_are_paid_from_pools_that_are_made_when_they_are_missing() {
    let mut memory = seeded();
    let images = json!({"name": "Images", "basePrice": 1, "featureId": "images", "consumptionModel": "credits", "creditCost": 5});
    let (status, answer) = memory.post("/addons", &images);
    assert_eq!((status, &answer["data"]["creditCost"]), (201, &json!(5)));
    let pool = memory.get("/v1/catalog/features").1["data"]
        .as_array()
        .unwrap()
        .iter()
        .find_map(|shown| (shown["entity"]["code"] == "credits").then(|| shown["entity"].clone()));
    let pool = pool.unwrap();
    assert_eq!(
        (&pool["name"], &pool["status"], &pool["feature_type"]["type"]),
        (&json!("Credits"), &json!("ACTIVE"), &json!("METERED"))
    );
    assert_eq!(
        stored_value(&memory),
        json!({"type": "CREDITS", "enabled": true, "pool_feature_id": pool["id"], "cost": "5"})
    );

    // The second add-on draws on the same pool.
    let n_features = all(&memory, Kind::Feature).len();
    let calls = with(&images, json!({"name": "Calls", "featureId": "calls", "creditCost": 0}));
    assert_eq!(memory.post("/addons", &calls).0, 201);
    assert_eq!(all(&memory, Kind::Feature).len(), n_features);

    // And the units come from the plan.
    let held = text(&answer["data"], "id").to_owned();
    subscribe(&mut memory, &[&held]);
    assert_eq!(reason(&memory, "images", "0", "1"), "INSUFFICIENT_CREDITS");
    let units = json!([{"feature": "credits", "value": {"type": "METERED", "limit": "10", "reset_period": {"type": "BILLING_CYCLE"}}}]);
    let plan = json!({"name": "Pro", "versions": [{"id": "plv_pro", "version": 1, "entitlements": units}]});
    memory.put("plans", "plan_pro", &plan);
    assert_eq!(reason(&memory, "images", "0", "2"), "WITHIN_LIMIT");
    assert_eq!(reason(&memory, "images", "0", "3"), "INSUFFICIENT_CREDITS");

    let emails = with(&metered(), json!({"consumptionModel": "balance", "overageRate": 25}));
    let (status, answer) = memory.post("/addons", &emails);
    assert_eq!((status, &answer["data"]["overageRate"]), (201, &json!(25)));
    let (_, shown) = memory.get(&format!("/v1/catalog/add_ons/{}", text(&answer["data"], "id")));
    let value = &shown["entity"]["entitlements"][0]["value"];
    assert_eq!(value["cost"], "0.0025");
    let (_, pool) = memory.get(&format!("/v1/catalog/features/{}", text(value, "pool_feature_id")));
    assert_eq!((&pool["entity"]["code"], &pool["entity"]["name"]), (&json!("balance"), &json!("Balance")));
}

#[test]
fn what_a_model_has_no_use_for_is_left_out() {
    let extra = json!({"includedUnits": 1, "overageRate": 2, "creditCost": 3});
    let cases = [
        (with(&boolean(), extra.clone()), [Value::Null, Value::Null, Value::Null]),
        (with(&metered(), extra.clone()), [json!(1), json!(2), Value::Null]),
        (
            with(&with(&metered(), json!({"consumptionModel": "credits"})), extra.clone()),
            [Value::Null, Value::Null, json!(3)],
        ),
        (with(&with(&metered(), json!({"consumptionModel": "balance"})), extra), [Value::Null, json!(2), Value::Null]),
    ];
    for (body, expected) in cases {
        let (status, answer) = seeded().post("/addons", &body);
        assert_eq!(status, 201, "{answer}");
        let data = &answer["data"];
        assert_eq!([&data["includedUnits"], &data["overageRate"], &data["creditCost"]], expected.each_ref(), "{body}");
    }
}

#[test]
fn the_longest_and_the_shortest_are_accepted_in_characters() {
    let changes = json!({"name": "é".repeat(100), "description": "ü".repeat(255)});
    assert_eq!(seeded().post("/addons", &with(&boolean(), changes)).0, 201);
    assert_eq!(seeded().post("/addons", &with(&boolean(), json!({"name": "x", "description": ""}))).0, 201);
}

#[test]
fn slugs_are_made_of_names_and_unique() {
    let mut memory = seeded();
    let names = [
        ("Extra  Units!", "extra-units"),
        ("extra units", "extra-units-2"),
        ("-- Extra/Units --", "extra-units-3"),
        ("Extra units 2", "extra-units-2-2"),
        ("日本", "addon"),
        ("***", "addon-2"),
        ("10% more", "10-more"),
    ];
    for (n, (name, slug)) in names.iter().enumerate() {
        let code = format!("slug_{n}");
        let feature = json!({"code": code, "name": name, "feature_type": {"type": "BOOLEAN"}, "status": "ACTIVE"});
        memory.put("features", &format!("feat_{code}"), &feature);
        let (status, answer) = memory.post("/addons", &with(&boolean(), json!({"name": name, "featureId": code})));
        assert_eq!((status, text(&answer["data"], "slug")), (201, *slug), "{name}");
    }
}

#[test]
fn the_product_of_the_feature_comes_with_the_add_on() {
    let mut memory = seeded();
    for (id, product) in [("feat_p", json!({"product_id": "prd_x"})), ("feat_q", json!({"product": {"id": "prd_x"}}))] {
        let feature = json!({"code": &id[5..], "feature_type": {"type": "BOOLEAN"}, "status": "ACTIVE"});
        memory.put("features", id, &with(&feature, product));
        let (_, answer) = memory.post("/addons", &with(&boolean(), json!({"featureId": id})));
        assert_eq!(answer["data"]["featureName"], id, "without a name its id stands for it");
        let held = text(&answer["data"], "id").to_owned();
        subscribe(&mut memory, &[&held]);
        assert_eq!(reason(&memory, id, "0", "1"), "ENABLED");
    }
}

#[test]
fn the_demo_requests_are_accepted() {
    let read = |path: &str| -> Value {
        let path = format!("{}/../demo/{path}", env!("CARGO_MANIFEST_DIR"));
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
    };
    let mut memory = Memory::new();
    assert_eq!(memory.ask("PUT", "/v1/catalog", &read("catalog.json")).0, 200);
    for body in read("commet-add-ons.json").as_array().unwrap() {
        // The demo's own copies may be known as Commet's, too.
        let (status, answer) = memory.post("/addons", body);
        assert!(status == 201 || text(&answer["error"], "code") == "feature_already_exists", "{status} {answer}");
    }
}
