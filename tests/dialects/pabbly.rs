//! Pabbly's dialect.

use crate::memory::Memory;
use mayuse_core::{Amount, Question, decide};
use mayuse_dialects::{Context, Ids, Kind, Preconditions, Presented, Request, answer, catalog_for, text};
use serde_json::{Value, json};

pub const PATH: &str = "/api/v1/addon/5e3a95143c92e44b424b6d47";

/// The request that Pabbly's documentation shows.
pub fn sample() -> Value {
    json!({
        "billing_period": "m",
        "billing_cycle": "lifetime",
        "status": "true",
        "associate_plans": "all_plans",
        "billing_period_num": 1,
        "category_array": ["5e3aac233c92e44b424b6dfb"],
        "code": "extra-5gb-data",
        "name": "Extra 5GB Data",
        "price": 10,
        "plans_array": [""],
        "description": "By adding this addon, you'll get extra 5GB data"
    })
}

pub fn with(changes: Value) -> Value {
    let mut body = sample().as_object().unwrap().clone();
    for (name, value) in changes.as_object().unwrap() {
        body.insert(name.clone(), value.clone());
    }
    Value::Object(body)
}

pub fn without(field: &str) -> Value {
    let mut body = sample().as_object().unwrap().clone();
    body.shift_remove(field).unwrap();
    Value::Object(body)
}

/// Two plans of two products, one of none, and a customer.
pub fn seeded() -> Memory {
    let mut memory = Memory::new();
    for (id, products) in [
        ("plan_mine", json!(["5e3a95143c92e44b424b6d47"])),
        ("plan_other", json!(["5e3a95143c92e44b424b6d48"])),
        ("plan_any", json!([])),
    ] {
        let version = json!({"id": format!("plv_{id}"), "version": 1, "product_ids": products});
        memory.put("plans", id, &json!({"name": id, "versions": [version]}));
    }
    memory.put("customers", "cus_a", &json!({"name": "A"}));
    memory
}

fn subscription(plan: &str, add_ons: &[&str]) -> Value {
    let add_ons: Vec<Value> = add_ons.iter().map(|id| json!({"add_on_id": id, "quantity": 1})).collect();
    json!({
        "customer_id": "cus_a", "plan_id": plan, "plan_version_id": format!("plv_{plan}"), "status": "ACTIVE",
        "start_date": "2026-11-01", "activated_at": "2026-11-01T00:00:00Z", "period": "MONTHLY",
        "billing_day_anchor": 1, "current_period_start": "2026-11-01", "current_period_end": "2026-12-01",
        "add_ons": add_ons,
    })
}

fn subscribe(memory: &mut Memory, plan: &str, add_ons: &[&str]) -> (u16, Value) {
    memory.ask("PUT", "/v1/catalog/subscriptions/sub_a", &subscription(plan, add_ons))
}

fn reason(memory: &Memory, feature: &str, consumed: &str) -> String {
    let catalog = catalog_for(memory, &["cus_a"], memory.now).unwrap();
    let question = Question { consumed: Some(Amount::parse(consumed).unwrap()), ..Question::new("cus_a", feature) };
    let decision = decide(&catalog, &question, memory.now).unwrap();
    decision.reason.name().to_owned()
}

/// Creates an add-on and gives what is stored of it.
pub fn create(memory: &mut Memory, body: &Value) -> Value {
    let (status, answer) = memory.post(PATH, body);
    assert_eq!(status, 200, "{answer}");
    memory.get(&format!("/v1/catalog/add_ons/{}", text(&answer["data"], "id"))).1["entity"].clone()
}

#[test]
fn the_sample_is_answered_as_in_the_documentation() {
    let mut memory = seeded();
    let (status, answer) = memory.post(PATH, &sample());
    assert_eq!(status, 200, "{answer}");
    let (id, user) = (text(&answer["data"], "id").to_owned(), text(&answer["data"], "user_id").to_owned());
    for hex in [&id, &user] {
        assert!(hex.len() == 24 && hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)), "{hex}");
    }
    let expected = json!({
        "status": "success",
        "message": "Addon Created Successfully",
        "data": {
            "billing_period": "m",
            "category_array": ["5e3aac233c92e44b424b6dfb"],
            "createdAt": "2026-11-21T10:00:00.000Z",
            "updatedAt": "2026-11-21T10:00:00.000Z",
            "id": id,
            "product_id": "5e3a95143c92e44b424b6d47",
            "user_id": user,
            "name": "Extra 5GB Data",
            "code": "extra-5gb-data",
            "price": 10,
            "billing_cycle": "lifetime",
            "status": true,
            "associate_plans": "all",
            "plans_array": [""],
            "description": "By adding this addon, you'll get extra 5GB data"
        }
    });
    assert_eq!(answer.to_string(), expected.to_string(), "also in the order of its fields");

    // Another add-on of the same key: the same user.
    let (_, second) = memory.post(PATH, &with(json!({"code": "other"})));
    assert_eq!(text(&second["data"], "user_id"), user);
    assert_ne!(text(&second["data"], "id"), id);
}

#[test]
fn milliseconds_are_always_written_and_the_user_is_the_key() {
    let memory = seeded();
    let body = sample().to_string();
    let mut users = Vec::new();
    for (now, by, shown) in [
        ("2020-03-04T08:31:40.457Z", "one", "2020-03-04T08:31:40.457Z"),
        ("2020-03-04T08:31:40.050Z", "two", "2020-03-04T08:31:40.050Z"),
        ("2020-03-04T08:31:40Z", "one", "2020-03-04T08:31:40.000Z"),
    ] {
        let now = mayuse_core::Instant::parse(now).unwrap();
        let content_type = Some("application/json; charset=utf-8");
        let request = Request {
            method: "POST",
            path: PATH,
            query: "",
            presented: Presented::Not,
            content_type,
            preconditions: Preconditions::default(),
            body: body.as_bytes(),
        };
        let mut context = Context { now, ids: Ids::new(now, [3; 16]), by: by.to_owned() };
        let done = answer(&request, &memory, &mut context);
        let data = done.reply.body.unwrap()["data"].clone();
        assert_eq!((text(&data, "createdAt"), text(&data, "updatedAt")), (shown, shown));
        assert!(text(&data, "id").starts_with("5e5f676c"), "the sample's second");
        users.push(text(&data, "user_id").to_owned());
    }
    assert_eq!(users[0], users[2]);
    assert_ne!(users[0], users[1]);
}

#[test]
fn without_a_mapping_the_feature_of_the_code_is_granted_and_made_where_it_is_missing() {
    let mut memory = seeded();
    let add_on = create(&mut memory, &sample());
    let (_, list) = memory.get("/v1/catalog/features");
    let feature = &list["data"][0]["entity"];
    assert_eq!((text(feature, "code"), text(feature, "name")), ("extra-5gb-data", "Extra 5GB Data"));
    assert_eq!((&feature["feature_type"]["type"], &feature["status"]), (&json!("BOOLEAN"), &json!("ACTIVE")));
    let row = &add_on["entitlements"][0];
    assert_eq!(row["feature_id"], feature["id"]);
    assert_eq!(row["value"], json!({"type": "BOOLEAN", "enabled": true}));
    let id = text(&add_on, "id").to_owned();
    assert_eq!(subscribe(&mut memory, "plan_mine", &[&id]).0, 201);
    assert_eq!(reason(&memory, "extra-5gb-data", "0"), "ENABLED");

    // One that is there is taken.
    let mut memory = seeded();
    memory.put("features", "feat_x", &json!({"code": "x", "feature_type": {"type": "BOOLEAN"}, "status": "ACTIVE"}));
    let add_on = create(&mut memory, &with(json!({"code": "x"})));
    assert_eq!(add_on["entitlements"][0]["feature_id"], "feat_x");
    assert_eq!(memory.get("/v1/catalog/features").1["data"].as_array().unwrap().len(), 1);
}

#[test]
fn what_is_stored() {
    let mut memory = seeded();
    let add_on = create(&mut memory, &sample());
    assert_eq!(add_on["product_id"], "5e3a95143c92e44b424b6d47");
    assert_eq!(add_on["self_serviceable"], false);
    assert_eq!(add_on["max_instances_per_subscription"], Value::Null);
    assert_eq!(add_on["archived_at"], Value::Null);
    assert_eq!((&add_on["associate_plans"], &add_on["plans_array"]), (&json!("all"), &json!([])));
    let kept = json!({
        "code": "extra-5gb-data", "price": 10, "billing_period": "m", "billing_period_num": 1,
        "billing_cycle": "lifetime", "status": true, "category_array": ["5e3aac233c92e44b424b6dfb"], "plans_array": [""],
    });
    assert_eq!(add_on["pabbly"], kept);
}

#[test]
fn prices() {
    let rate = |price: &str| json!({"type": "RATE", "rate": price});
    let cases = [
        (json!({}), "MONTHLY", rate("10.00")),
        (json!({"billing_period": "y", "price": 0}), "ANNUAL", rate("0.00")),
        (json!({"billing_period": "w"}), "WEEKLY", rate("10.00")),
        (json!({"billing_period_num": 3}), "QUARTERLY", rate("10.00")),
        (json!({"billing_period_num": "6"}), "SEMIANNUAL", rate("10.00")),
        (json!({"billing_period_num": 12, "price": "25"}), "ANNUAL", rate("25.00")),
        (
            json!({"billing_cycle": "onetime"}),
            "MONTHLY",
            json!({"type": "ONE_TIME", "unit_price": "10.00", "quantity": 1}),
        ),
        (json!({"price": 9_007_199_254_740_991_i64}), "MONTHLY", rate("9007199254740991.00")),
    ];
    let cases = cases.map(|(changes, cadence, pricing)| (changes, json!(cadence), pricing));
    let every = |unit: &str, interval: u32| json!({"unit": unit, "interval": interval});
    let others = [
        (json!({"billing_period_num": 5}), every("MONTH", 5), rate("10.00")),
        (json!({"billing_period": "w", "billing_period_num": 2}), every("WEEK", 2), rate("10.00")),
        (json!({"billing_period": "y", "billing_period_num": "10000"}), every("YEAR", 10_000), rate("10.00")),
    ];
    for (changes, cadence, pricing) in cases.into_iter().chain(others) {
        let mut memory = seeded();
        let add_on = create(&mut memory, &with(changes.clone()));
        let (_, price) = memory.get(&format!("/v1/catalog/prices/{}", text(&add_on, "price_id")));
        let price = &price["entity"];
        assert_eq!((&price["cadence"], &price["pricing"]), (&cadence, &pricing), "{changes}");
        assert_eq!((&price["currency"], &price["product_id"]), (&json!("USD"), &add_on["product_id"]));
    }
}

#[test]
fn forms_that_mean_the_same() {
    for (changes, field, shown) in [
        (json!({"status": true}), "status", json!(true)),
        (json!({"status": "false"}), "status", json!(false)),
        (json!({"associate_plans": "all"}), "associate_plans", json!("all")),
        (json!({"price": "007"}), "price", json!(7)),
        (json!({"plans_array": null}), "plans_array", json!([])),
        (json!({"plans_array": ["", ""]}), "plans_array", json!(["", ""])),
        (json!({"category_array": null}), "category_array", json!([])),
        (json!({"description": null}), "description", Value::Null),
    ] {
        let (status, answer) = seeded().post(PATH, &with(changes.clone()));
        assert_eq!((status, &answer["data"][field]), (200, &shown), "{changes} {answer}");
    }
    for field in ["category_array", "plans_array", "description"] {
        assert_eq!(seeded().post(PATH, &without(field)).0, 200, "{field}");
    }
}

#[test]
fn one_that_is_not_active_is_not_sold_and_still_grants() {
    for status in [json!("false"), json!(false)] {
        let mut memory = seeded();
        let add_on = create(&mut memory, &with(json!({"status": status})));
        assert_eq!(add_on["archived_at"], "2026-11-21T10:00:00Z");
        let id = text(&add_on, "id").to_owned();
        assert_eq!(subscribe(&mut memory, "plan_mine", &[&id]).0, 201);
        assert_eq!(reason(&memory, "extra-5gb-data", "0"), "ENABLED");
    }
}

#[test]
fn a_code_is_that_of_a_feature_or_mapped() {
    for code in ["_extra", "-x", "a@b"] {
        let mut memory = seeded();
        let (status, answer) = memory.post(PATH, &with(json!({"code": code})));
        assert_eq!(status, 400);
        let message = text(&answer, "message");
        assert!(
            message.starts_with("code: a code is 1 to 128 of A-Z") && message.contains("map it first"),
            "{message}"
        );

        memory.put(
            "features",
            "feat_data",
            &json!({"code": "data", "feature_type": {"type": "BOOLEAN"}, "status": "ACTIVE"}),
        );
        let mapping = json!({"feature": "data", "value": {"type": "BOOLEAN", "enabled": true}});
        memory.put("add_on_mappings", code, &mapping);
        let add_on = create(&mut memory, &with(json!({"code": code})));
        assert_eq!(add_on["entitlements"][0]["feature_id"], "feat_data");
        assert_eq!(add_on["pabbly"]["code"], code);
    }
}

#[test]
fn a_metered_feature_takes_a_mapping() {
    let mut memory = seeded();
    memory.put(
        "features",
        "feat_data",
        &json!({"code": "data", "feature_type": {"type": "METERED"}, "status": "ACTIVE"}),
    );
    let (status, answer) = memory.post(PATH, &with(json!({"code": "data"})));
    assert_eq!(status, 400);
    assert!(text(&answer, "message").contains("PUT /v1/catalog/add_on_mappings/data"), "{answer}");

    let calendar = json!({"type": "CALENDAR", "unit": "DAY", "interval": 1});
    for (feature, cycle, given, reset) in [
        ("data", "lifetime", Value::Null, json!({"type": "BILLING_CYCLE"})),
        ("feat_data", "onetime", Value::Null, json!({"type": "NEVER"})),
        ("feat_data", "onetime", calendar.clone(), calendar),
    ] {
        let mut memory = seeded();
        let feature_body = json!({"code": "data", "feature_type": {"type": "METERED"}, "status": "ACTIVE"});
        memory.put("features", "feat_data", &feature_body);
        let value = json!({"type": "METERED", "limit": "5", "reset_period": given});
        memory.put("add_on_mappings", "data", &json!({"feature": feature, "value": value}));
        let add_on = create(&mut memory, &with(json!({"code": "data", "billing_cycle": cycle})));
        let row = &add_on["entitlements"][0];
        assert_eq!((&row["feature_id"], &row["value"]["limit"]), (&json!("feat_data"), &json!("5")));
        assert_eq!(row["value"]["reset_period"], reset);
        let id = text(&add_on, "id").to_owned();
        assert_eq!(subscribe(&mut memory, "plan_mine", &[&id]).0, 201);
        assert_eq!(reason(&memory, "data", "4"), "WITHIN_LIMIT");
        assert_eq!(reason(&memory, "data", "5"), "LIMIT_REACHED");
    }
}

#[test]
fn selected_plans_are_enforced_where_a_subscription_is_written() {
    let mut memory = seeded();
    let body = with(json!({"associate_plans": "selected_plans", "plans_array": ["plan_other", ""]}));
    let (_, answer) = memory.post(PATH, &body);
    assert_eq!(answer["data"]["associate_plans"], "selected_plans");
    assert_eq!(answer["data"]["plans_array"], json!(["plan_other", ""]));
    let id = text(&answer["data"], "id").to_owned();
    let (_, shown) = memory.get(&format!("/v1/catalog/add_ons/{id}"));
    assert_eq!(shown["entity"]["plans_array"], json!(["plan_other"]));

    let (status, answer) = subscribe(&mut memory, "plan_mine", &[&id]);
    assert_eq!((status, text(&answer["error"], "path")), (400, "add_ons[0].add_on_id"));
    let message = format!("add-on `{id}` is not for plan `plan_mine`: its `plans_array` does not name it");
    assert_eq!(text(&answer["error"], "message"), message);
    assert_eq!(subscribe(&mut memory, "plan_other", &[&id]).0, 201);
    // An add-on of another system beside it is not asked.
    memory.put("add_ons", "add_free", &json!({"name": "Free"}));
    assert_eq!(subscribe(&mut memory, "plan_other", &["add_free", &id]).0, 200);
    assert_eq!(subscribe(&mut memory, "plan_any", &["add_free"]).0, 200);
    let (_, answer) = subscribe(&mut memory, "plan_any", &["add_free", &id, &id]);
    let problems = answer["error"]["problems"].as_array().unwrap();
    let paths: Vec<&str> = problems.iter().map(|problem| text(problem, "path")).collect();
    assert_eq!(paths, ["add_ons[1].add_on_id", "add_ons[2].add_on_id"]);
}

#[test]
fn all_plans_are_those_of_the_product() {
    let mut memory = seeded();
    let add_on = create(&mut memory, &sample());
    let id = text(&add_on, "id").to_owned();
    assert_eq!(subscribe(&mut memory, "plan_mine", &[&id]).0, 201);
    assert_eq!(subscribe(&mut memory, "plan_any", &[&id]).0, 200, "it says nothing of products");
    let (status, answer) = subscribe(&mut memory, "plan_other", &[&id]);
    assert_eq!((status, text(&answer["error"], "path")), (400, "add_ons[0].add_on_id"));
    assert!(text(&answer["error"], "message").contains("for plans of product `5e3a95143c92e44b424b6d47`"));
}

/// In a document the plan is that of the document, whatever was stored under its id before.
#[test]
fn the_rule_looks_at_the_plan_that_is_written_with_the_subscription() {
    let mut memory = seeded();
    let add_on = create(&mut memory, &sample());
    let id = text(&add_on, "id").to_owned();
    let mut held = subscription("plan_mine", &[&id]);
    held["id"] = json!("sub_a");
    let document = |product: &str| {
        let version = json!({"id": "plv_plan_mine", "version": 1, "product_ids": [product]});
        json!({
            "format": 1,
            "features": memory.entities.values().filter(|e| text(&e.body, "code") == "extra-5gb-data")
                .map(|e| e.body.clone()).collect::<Vec<_>>(),
            "plans": [{"id": "plan_mine", "versions": [version]}],
            "add_ons": [add_on],
            "customers": [{"id": "cus_a"}],
            "subscriptions": [held],
        })
    };
    let (right, wrong) = (document("5e3a95143c92e44b424b6d47"), document("prd_other"));
    let (status, answer) = memory.ask("PUT", "/v1/catalog", &wrong);
    assert_eq!((status, text(&answer["error"], "path")), (400, "subscriptions[0].add_ons[0].add_on_id"), "{answer}");
    assert_eq!(memory.ask("PUT", "/v1/catalog", &right).0, 200);
    // And of the stored one, where only the subscription is written.
    assert_eq!(memory.ask("PUT", "/v1/catalog/subscriptions/sub_a", &held).0, 200);
}

#[test]
fn the_demo_request_is_accepted() {
    let read = |path: &str| -> Value {
        let path = format!("{}/../demo/{path}", env!("CARGO_MANIFEST_DIR"));
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
    };
    let mut memory = Memory::new();
    assert_eq!(memory.ask("PUT", "/v1/catalog", &read("catalog.json")).0, 200);
    for body in read("pabbly-add-ons.json").as_array().unwrap() {
        let (status, answer) = memory.post("/api/v1/addon/6964aa003c92e44b424b6d47", body);
        // The demo's own copy may be known as Pabbly's, too.
        assert!(status == 200 || status == 409, "{status} {answer}");
        if status == 200 {
            let id = text(&answer["data"], "id").to_owned();
            let stored = &memory.entities[&(Kind::AddOn, id)].body;
            assert_eq!(stored["entitlements"][0]["feature_id"], "feat_priority_support");
        }
    }
}
