//! What Commet's dialect refuses, and how it says so.

use crate::commet::{all, boolean, seeded, stored_value, with};
use crate::memory::{Memory, hostile_values};
use mayuse_dialects::{Kind, text};
use serde_json::json;

#[test]
fn every_wrong_field_is_named() {
    let too_large = 9_007_199_254_740_992_i64;
    let cases = [
        (json!({"name": null}), "name", "a required field is missing"),
        (json!({"name": ""}), "name", "expected 1 to 100 characters, found 0"),
        (json!({"name": "n".repeat(101)}), "name", "expected 1 to 100 characters, found 101"),
        (json!({"name": 5}), "name", "expected a string, found a number"),
        (json!({"description": "d".repeat(256)}), "description", "expected 0 to 255 characters, found 256"),
        (json!({"description": []}), "description", "expected a string, found an array"),
        (json!({"basePrice": null}), "basePrice", "a required field is missing"),
        (json!({"basePrice": -1}), "basePrice", "expected 0 to 9007199254740991, found -1"),
        (json!({"basePrice": too_large}), "basePrice", "expected 0 to 9007199254740991, found 9007199254740992"),
        (
            json!({"basePrice": 10.5}),
            "basePrice",
            "expected a whole number, found a number that is not a whole one of 64 bits",
        ),
        (json!({"basePrice": "10"}), "basePrice", "expected a whole number, found a string"),
        (json!({"basePrice": true}), "basePrice", "expected a whole number, found a boolean"),
        (json!({"featureId": null}), "featureId", "a required field is missing"),
        (json!({"featureId": ""}), "featureId", "expected 1 to 128 visible ASCII characters"),
        (json!({"featureId": 7}), "featureId", "expected a string, found a number"),
        (json!({"consumptionModel": null}), "consumptionModel", "a required field is missing"),
        (
            json!({"consumptionModel": "BOOLEAN"}),
            "consumptionModel",
            "expected one of boolean, metered, credits, balance, found `BOOLEAN`",
        ),
        (json!({"includedUnits": -1}), "includedUnits", "expected 0 to 9007199254740991, found -1"),
        (json!({"overageRate": "1"}), "overageRate", "expected a whole number, found a string"),
        (
            json!({"creditCost": 0.5}),
            "creditCost",
            "expected a whole number, found a number that is not a whole one of 64 bits",
        ),
        (json!({"consumptionModel": "credits"}), "creditCost", "a required field is missing"),
        (json!({"consumptionModel": "balance"}), "overageRate", "a required field is missing"),
        (json!({"consumptionModel": "balance", "creditCost": 1}), "overageRate", "a required field is missing"),
    ];
    for (changes, param, message) in cases {
        let mut memory = seeded();
        let before = memory.version;
        let (status, answer) = memory.post("/addons", &with(&boolean(), changes.clone()));
        assert_eq!(status, 400, "{changes} {answer}");
        let expected = json!({"success": false, "error": {
            "type": "validation_error", "code": "validation_error", "message": format!("{param}: {message}"),
            "param": param, "details": [{"field": param, "message": message}],
        }});
        assert_eq!(answer, expected, "{changes}");
        assert_eq!(memory.version, before);
    }
}

#[test]
fn all_wrong_fields_are_reported_at_once() {
    let (status, answer) = seeded().post("/addons", &json!({"basePrice": "1", "consumptionModel": "credits"}));
    let fields: Vec<&str> =
        answer["error"]["details"].as_array().unwrap().iter().map(|detail| text(detail, "field")).collect();
    assert_eq!((status, fields), (400, vec!["name", "basePrice", "featureId", "creditCost"]));
}

#[test]
fn a_body_that_is_no_object_is_refused() {
    for (body, code) in [
        ("", "invalid_json"),
        ("{", "invalid_json"),
        ("{\"name\": NaN}", "invalid_json"),
        ("[]", "validation_error"),
        ("null", "validation_error"),
        ("\"name\"", "validation_error"),
        ("{\"name\": \"a\", \"name\": \"b\"}", "validation_error"),
    ] {
        let (status, answer) = seeded().ask_text("POST", "/addons", body);
        assert_eq!((status, text(&answer["error"], "code")), (400, code), "{body}");
    }
}

#[test]
fn an_unknown_feature_is_not_found() {
    let (status, answer) = seeded().post("/addons", &with(&boolean(), json!({"featureId": "nothing"})));
    assert_eq!(status, 404);
    let expected = json!({"success": false, "error": {
        "type": "not_found_error", "code": "feature_not_found", "param": "featureId",
        "message": "featureId: there is no feature with the id or code `nothing`",
    }});
    assert_eq!(answer, expected);
}

#[test]
fn the_model_fits_the_type_of_the_feature() {
    for (feature, model) in [("sso", "metered"), ("sso", "credits"), ("sso", "balance"), ("emails", "boolean")] {
        let changes = json!({"featureId": feature, "consumptionModel": model, "creditCost": 1, "overageRate": 1});
        let (status, answer) = seeded().post("/addons", &with(&boolean(), changes));
        assert_eq!((status, text(&answer["error"], "param")), (400, "consumptionModel"), "{feature} {model}");
        assert_eq!(answer["error"]["type"], "validation_error");
    }
}

#[test]
fn a_feature_has_one_add_on_of_commets() {
    let mut memory = seeded();
    let meteroid =
        json!({"name": "SSO", "entitlements": [{"feature": "sso", "value": {"type": "BOOLEAN", "enabled": true}}]});
    memory.put("add_ons", "add_other", &meteroid);
    assert_eq!(memory.post("/addons", &boolean()).0, 201, "an add-on of another system is none of Commet's");
    let before = memory.version;
    for feature in ["sso", "feat_sso"] {
        let (status, answer) =
            memory.post("/addons", &with(&boolean(), json!({"name": "Again", "featureId": feature})));
        let error = &answer["error"];
        assert_eq!(status, 409, "{answer}");
        assert_eq!((text(error, "type"), text(error, "code")), ("conflict_error", "feature_already_exists"));
        assert_eq!(text(error, "param"), "featureId");
    }
    assert_eq!(memory.version, before);

    // Once it is gone, the feature is free again.
    let id = all(&memory, Kind::AddOn)
        .iter()
        .find(|body| body.get("commet").is_some())
        .map(|body| text(body, "id").to_owned());
    assert_eq!(memory.ask_text("DELETE", &format!("/v1/catalog/add_ons/{}", id.unwrap()), "").0, 200);
    assert_eq!(memory.post("/addons", &boolean()).0, 201);
}

#[test]
fn a_pool_is_metered_and_another_feature() {
    let credits = json!({"name": "Images", "basePrice": 1, "featureId": "images", "consumptionModel": "credits", "creditCost": 5});
    let mut memory = seeded();
    memory.put(
        "features",
        "feat_c",
        &json!({"code": "credits", "feature_type": {"type": "BOOLEAN"}, "status": "ACTIVE"}),
    );
    let (status, answer) = memory.post("/addons", &credits);
    assert_eq!((status, text(&answer["error"], "type")), (409, "conflict_error"));
    assert!(text(&answer["error"], "message").contains("feature `credits`, which is BOOLEAN"), "{answer}");

    let mut memory = seeded();
    memory.put(
        "features",
        "feat_c",
        &json!({"code": "credits", "feature_type": {"type": "METERED"}, "status": "ACTIVE"}),
    );
    let (status, answer) = memory.post("/addons", &with(&credits, json!({"featureId": "credits"})));
    assert_eq!((status, text(&answer["error"], "param")), (400, "featureId"));
    assert_eq!(memory.post("/addons", &credits).0, 201);
    assert_eq!(stored_value(&memory)["pool_feature_id"], "feat_c");

    // The pool that would be made is not yet there: then there is no such feature.
    assert_eq!(seeded().post("/addons", &with(&credits, json!({"featureId": "credits"}))).0, 404);
}

#[test]
fn other_methods_and_paths() {
    let mut memory = seeded();
    for method in ["GET", "PUT", "DELETE", "PATCH"] {
        let (status, answer) = memory.ask_text(method, "/addons", "");
        assert_eq!((status, text(&answer["error"], "type")), (405, "not_found_error"));
        assert_eq!(answer["success"], false);
    }
    for path in ["/addons/", "/addons/add_1", "/addons/add_1/activate"] {
        assert_eq!(memory.post(path, &boolean()).0, 404, "{path}");
    }
}

#[test]
fn nothing_that_is_sent_is_a_fault_of_ours() {
    let hostile = hostile_values(&[
        json!("sso"),
        json!("emails"),
        json!({"type": "x"}),
        json!("__proto__"),
        json!("credits"),
        json!("balance"),
    ]);
    let fields = [
        "name",
        "description",
        "basePrice",
        "featureId",
        "consumptionModel",
        "includedUnits",
        "overageRate",
        "creditCost",
    ];
    // Whatever the catalog says about features and other add-ons.
    let mut memory = seeded();
    let odd =
        json!({"code": "odd", "name": null, "product": {}, "feature_type": {"type": "BOOLEAN"}, "status": "ARCHIVED"});
    memory.put("features", "feat_odd", &odd);
    for (n, commet) in [json!(5), json!({"slug": 5}), json!([])].into_iter().enumerate() {
        memory.put("add_ons", &format!("add_odd_{n}"), &json!({"commet": commet, "entitlements": []}));
    }
    for base in [boolean(), with(&boolean(), json!({"featureId": "odd"}))] {
        for field in fields {
            for value in &hostile {
                let mut body = base.clone();
                body[field] = value.clone();
                let mut memory = Memory { entities: memory.entities.clone(), ..Memory::new() };
                let (status, answer) = memory.post("/addons", &body);
                assert!([201, 400, 404].contains(&status), "{status} {body} {answer}");
                assert_eq!(answer["success"], status == 201, "{answer}");
            }
        }
    }
    assert_eq!(memory.post("/addons", &with(&boolean(), json!({"featureId": "odd"}))).0, 201);
}
