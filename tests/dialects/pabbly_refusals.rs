//! What Pabbly's dialect refuses, and how it says so.

use crate::memory::{Memory, hostile_values};
use crate::pabbly::{PATH, create, sample, seeded, with, without};
use mayuse_dialects::{Context, Ids, Preconditions, Presented, Request, answer, text};
use serde_json::{Value, json};

#[test]
fn every_wrong_field_is_named() {
    let missing = "a required field is missing";
    let mut cases: Vec<(Value, String)> = Vec::new();
    for field in
        ["billing_period", "billing_cycle", "status", "associate_plans", "billing_period_num", "code", "name", "price"]
    {
        cases.push((without(field), format!("{field}: {missing}")));
        cases.push((with(json!({field: null})), format!("{field}: {missing}")));
        let (status, answer) = seeded().post(PATH, &with(json!({field: {}})));
        assert!(status == 400 && text(&answer, "message").starts_with(&format!("{field}: expected")), "{answer}");
    }
    let whole = |min: i64| format!("expected {min} to 9007199254740991");
    for (changes, message) in [
        (json!({"billing_period": "d"}), "billing_period: expected one of m, y, w, found `d`".to_owned()),
        (json!({"billing_period": "M"}), "billing_period: expected one of m, y, w, found `M`".to_owned()),
        (
            json!({"billing_cycle": "forever"}),
            "billing_cycle: expected one of lifetime, onetime, found `forever`".to_owned(),
        ),
        (json!({"status": "yes"}), "status: expected one of true, false, found `yes`".to_owned()),
        (json!({"status": 1}), "status: expected a string, found a number".to_owned()),
        (
            json!({"associate_plans": "some"}),
            "associate_plans: expected one of all_plans, all, selected_plans, found `some`".to_owned(),
        ),
        (json!({"billing_period_num": 0}), "billing_period_num: expected 1 to 10000".to_owned()),
        (json!({"billing_period_num": "0"}), "billing_period_num: expected 1 to 10000".to_owned()),
        (json!({"billing_period_num": 10_001}), "billing_period_num: expected 1 to 10000".to_owned()),
        (json!({"billing_period_num": ""}), "billing_period_num: expected a whole number, found a string".to_owned()),
        (
            json!({"billing_period_num": "1.5"}),
            "billing_period_num: expected a whole number, found a string".to_owned(),
        ),
        (json!({"price": -1}), format!("price: {}", whole(0))),
        (json!({"price": "-1"}), "price: expected a whole number, found a string".to_owned()),
        (json!({"price": 9_007_199_254_740_992_i64}), format!("price: {}", whole(0))),
        (json!({"price": "9".repeat(40)}), format!("price: {}", whole(0))),
        (
            json!({"price": 10.5}),
            "price: expected a whole number, found a number that is not a whole one of 64 bits".to_owned(),
        ),
        (json!({"category_array": "x"}), "category_array: expected an array, found a string".to_owned()),
        (json!({"category_array": ["x", 1]}), "category_array[1]: expected a string, found a number".to_owned()),
        (json!({"plans_array": {}}), "plans_array: expected an array, found an object".to_owned()),
        (json!({"plans_array": [null]}), "plans_array[0]: expected a string, found null".to_owned()),
        (json!({"description": 5}), "description: expected a string, found a number".to_owned()),
        (json!({"name": " "}), "name: must not be empty".to_owned()),
        (json!({"code": ""}), "code: expected 1 to 128 visible ASCII characters".to_owned()),
        (json!({"code": "a b"}), "code: expected 1 to 128 visible ASCII characters".to_owned()),
        (json!({"code": "a".repeat(129)}), "code: expected 1 to 128 visible ASCII characters".to_owned()),
    ] {
        cases.push((with(changes), message));
    }
    for (body, message) in cases {
        let mut memory = seeded();
        let before = memory.version;
        let (status, answer) = memory.post(PATH, &body);
        assert_eq!(status, 400, "{body} {answer}");
        assert_eq!(answer, json!({"status": "error", "success": false, "message": message, "error": message}));
        assert_eq!(memory.version, before);
    }
}

#[test]
fn a_code_is_taken_once() {
    let mut memory = seeded();
    create(&mut memory, &sample());
    let before = memory.version;
    let other_product = "/api/v1/addon/another";
    for path in [PATH, other_product] {
        let (status, answer) = memory.post(path, &with(json!({"name": "Again"})));
        assert_eq!((status, text(&answer, "status")), (409, "error"));
        assert!(text(&answer, "message").starts_with("code: the code `extra-5gb-data` is already that of add-on"));
    }
    assert_eq!(memory.version, before);
}

#[test]
fn plans_that_are_selected_are_there() {
    for plans in [json!([]), json!([""]), Value::Null] {
        let body = with(json!({"associate_plans": "selected_plans", "plans_array": plans}));
        let (status, answer) = seeded().post(PATH, &body);
        let message = "plans_array: selected_plans needs at least one plan in `plans_array`";
        assert_eq!((status, text(&answer, "message")), (400, message));
    }
    let body = with(json!({"associate_plans": "selected_plans", "plans_array": ["plan_mine", "", "plan_none"]}));
    let (status, answer) = seeded().post(PATH, &body);
    assert_eq!((status, text(&answer, "message")), (400, "plans_array[2]: there is no plan of this id"));
    // Where all plans are meant the list says nothing.
    assert_eq!(seeded().post(PATH, &with(json!({"plans_array": ["plan_none"]}))).0, 200);
}

#[test]
fn a_feature_of_another_product_is_not_granted() {
    let switch = json!({"type": "BOOLEAN"});
    let on = json!({"type": "BOOLEAN", "enabled": true});
    let of = "5e3a95143c92e44b424b6d47";
    for (product, is_sold) in [
        (json!({}), true),
        (json!({"product_id": null}), true),
        (json!({"product_id": of}), true),
        (json!({"product": {"id": of}}), true),
        (json!({"product_id": "prd_other"}), false),
        (json!({"product": {"id": "prd_other"}}), false),
        (json!({"product_id": "prd_other", "product": {"id": of}}), false),
    ] {
        for (code, is_mapped) in [("coded", false), ("mapped", true)] {
            let mut memory = seeded();
            let mut feature = json!({"code": "coded", "feature_type": switch, "status": "ACTIVE"});
            feature.as_object_mut().unwrap().extend(product.as_object().unwrap().clone());
            memory.put("features", "feat_a", &feature);
            if is_mapped {
                memory.put("add_on_mappings", "mapped", &json!({"feature": "coded", "value": on}));
            }
            let (status, answer) = memory.post(PATH, &with(json!({"code": code})));
            assert_eq!(status, if is_sold { 200 } else { 400 }, "{product} {code} {answer}");
            let words = format!("code: feature `coded` is one of product `prd_other`, not of `{of}`");
            assert!(is_sold || text(&answer, "message").starts_with(&words), "{answer}");
            if !is_sold {
                // As the message says.
                let (status, answer) = memory.post("/api/v1/addon/prd_other", &with(json!({"code": code})));
                assert_eq!(status, 200, "{product} {code} {answer}");
            }
        }
    }
}

#[test]
fn product_ids_are_those_of_the_path() {
    let mut memory = seeded();
    for (n, (path, id)) in [("prd_x", "prd_x"), ("a%2Fb", "a/b"), ("~", "~")].into_iter().enumerate() {
        let body = with(json!({"code": format!("c{n}")}));
        let (status, answer) = memory.post(&format!("/api/v1/addon/{path}"), &body);
        assert_eq!((status, text(&answer["data"], "product_id")), (200, id), "{answer}");
    }
    let long = "x".repeat(129);
    for path in ["a%20b", "%C3%A9", "", long.as_str()] {
        let (status, answer) = memory.post(&format!("/api/v1/addon/{path}"), &sample());
        let message = "product_id: expected 1 to 128 visible ASCII characters";
        assert_eq!((status, text(&answer, "message")), (400, message), "{path}");
    }
}

#[test]
fn other_methods_paths_and_bodies() {
    let mut memory = seeded();
    for method in ["GET", "PUT", "DELETE", "PATCH"] {
        let (status, answer) = memory.ask_text(method, PATH, "");
        assert_eq!((status, text(&answer, "status")), (405, "error"), "{method}");
    }
    for path in ["/api/v1/addon", "/api/v1/addon/a/b"] {
        let (status, answer) = memory.post(path, &sample());
        assert_eq!((status, text(&answer, "status")), (404, "error"), "{path}");
    }
    for body in ["", "{", "[]", "null", "{\"price\": 1e999}"] {
        let (status, answer) = memory.ask_text("POST", PATH, body);
        assert_eq!((status, text(&answer, "status")), (400, "error"), "{body}");
    }
    let request = Request {
        method: "POST",
        path: PATH,
        query: "",
        presented: Presented::Not,
        content_type: Some("text/plain"),
        preconditions: Preconditions::default(),
        body: b"{}",
    };
    let mut context = Context { now: memory.now, ids: Ids::new(memory.now, [0; 16]), by: String::new() };
    assert_eq!(answer(&request, &memory, &mut context).reply.status, 415);
}

#[test]
fn nothing_that_is_sent_is_a_fault_of_ours() {
    let hostile = hostile_values(&[
        json!("1"),
        json!("m"),
        json!(["plan_mine"]),
        json!([""]),
        json!("selected_plans"),
        json!("onetime"),
        json!("odd"),
    ]);
    let mut memory = seeded();
    for (n, pabbly) in [json!(5), json!({"code": 5}), json!([])].into_iter().enumerate() {
        memory.put("add_ons", &format!("add_odd_{n}"), &json!({"pabbly": pabbly, "entitlements": []}));
    }
    memory.put(
        "features",
        "feat_odd",
        &json!({"code": "odd", "feature_type": {"type": "METERED"}, "status": "ARCHIVED"}),
    );
    memory.put("add_on_mappings", "m", &json!({"feature": "odd", "value": {"type": "METERED", "reset_period": null}}));
    let sample = sample();
    for field in sample.as_object().unwrap().keys() {
        for value in &hostile {
            let body = with(json!({field: value}));
            let mut memory = Memory { entities: memory.entities.clone(), ..Memory::new() };
            let (status, answer) = memory.post(PATH, &body);
            assert!([200, 400].contains(&status), "{status} {body} {answer}");
            assert_eq!(text(&answer, "status"), if status == 200 { "success" } else { "error" }, "{answer}");
        }
    }
}
