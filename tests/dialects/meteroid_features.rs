//! Meteroid's features: one, and lists of them.

use crate::memory::Memory;
use serde_json::{Value, json};

const NOW: &str = "2026-11-21T10:00:00Z";

#[test]
fn a_feature_is_shown_whole() {
    let mut memory = Memory::new();
    let body = json!({"code": "whole", "name": "Whole", "description": "All of it", "status": "ARCHIVED",
        "feature_type": {"type": "METERED", "metric_id": "bm_1"}, "product": {"id": "prd_z", "name": "Z"},
        "created_at": "2020-02-02T02:02:02+02:00",
        "entitlement": {"id": "ent_1", "feature_id": "feat_whole", "created_at": "2021-01-01",
            "value": {"type": "METERED", "limit": "1"}}});
    memory.put("features", "feat_whole", &body);
    let expected = json!({"id": "feat_whole", "name": "Whole", "code": "whole", "description": "All of it",
        "feature_type": {"type": "METERED", "metric_id": "bm_1"}, "status": "ARCHIVED",
        "product": {"type": "EXISTING", "id": "prd_z", "name": "Z"}, "created_at": "2020-02-02T00:02:02Z",
        "entitlement": {"id": "ent_1", "feature_id": "feat_whole",
            "value": {"type": "METERED", "limit": "1", "reset_period": {"type": "NEVER"}, "enabled": true},
            "created_at": "2021-01-01T00:00:00Z", "updated_at": NOW}});
    assert_eq!(memory.get("/api/v1/features/feat_whole"), (200, expected.clone()));
    assert_eq!(memory.get("/api/v1/features/whole"), (200, expected));
    let small = json!({"code": "small", "status": "ACTIVE", "feature_type": {"type": "BOOLEAN"}, "product_id": "prd_1",
        "entitlement": {"value": {"type": "BOOLEAN", "enabled": false}}});
    memory.put("features", "feat_small", &small);
    memory.put("products", "prd_1", &json!({"name": "One"}));
    let (_, shown) = memory.get("/api/v1/features/small");
    let derived = shown["entitlement"]["id"].as_str().unwrap();
    assert!(derived.starts_with("ent_"), "{derived}");
    let expected = json!({"id": "feat_small", "name": "feat_small", "code": "small", "feature_type": {"type": "BOOLEAN"},
        "status": "ACTIVE", "product": {"type": "EXISTING", "id": "prd_1", "name": "One"}, "created_at": NOW,
        "entitlement": {"id": derived, "feature_id": "feat_small", "value": {"type": "BOOLEAN", "enabled": false},
            "created_at": NOW, "updated_at": NOW}});
    assert_eq!(shown, expected);
    let not_found = json!({"code": "NOT_FOUND", "message": "Resource not found"});
    for path in ["features/none", "features/", "features/%20"] {
        assert_eq!(memory.get(&format!("/api/v1/{path}")), (404, not_found.clone()), "{path}");
    }
}

#[test]
fn features_are_listed_by_name_and_filtered() {
    let mut memory = Memory::new();
    for (id, name, status, product) in [
        ("feat_3", "Beta", "ACTIVE", Some("prd_a")),
        ("feat_2", "Alpha", "DISABLED", None),
        ("feat_1", "Beta", "ARCHIVED", Some("prd_b")),
        ("feat_4", "gamma", "ACTIVE", Some("prd_a")),
    ] {
        let body = json!({"code": id, "name": name, "status": status, "feature_type": {"type": "BOOLEAN"},
            "product_id": product});
        memory.put("features", id, &body);
    }
    let cases = [
        ("", "feat_2 feat_1 feat_3 feat_4"),
        ("statuses=ACTIVE", "feat_3 feat_4"),
        ("statuses=ACTIVE&statuses=ARCHIVED", "feat_1 feat_3 feat_4"),
        ("product_id=prd_a", "feat_3 feat_4"),
        ("product_id=prd_x", ""),
        ("search=a", "feat_2 feat_1 feat_3 feat_4"),
        ("search=BE&statuses=ACTIVE", "feat_3"),
        ("search=GAM&product_id=prd_a", "feat_4"),
        ("per_page=3", "feat_2 feat_1 feat_3"),
        ("per_page=3&page=1", "feat_4"),
        ("page=2", ""),
    ];
    for (query, expected) in cases {
        let (status, answer) = memory.get(&format!("/api/v1/features?{query}"));
        assert_eq!(status, 200, "{query}: {answer}");
        let ids: Vec<&str> = answer["data"].as_array().unwrap().iter().map(|f| f["id"].as_str().unwrap()).collect();
        assert_eq!(ids.join(" "), expected, "{query}");
    }
    let meta = memory.get("/api/v1/features?per_page=3&page=1&search=a").1["pagination_meta"].take();
    assert_eq!(meta, json!({"page": 1, "per_page": 3, "total_items": 4, "total_pages": 2}));
    for (query, message) in [
        ("statuses=active", "statuses: expected one of ACTIVE, DISABLED, ARCHIVED"),
        ("statuses=ACTIVE&statuses=", "statuses: expected one of ACTIVE, DISABLED, ARCHIVED"),
        ("per_page=0", "per_page: expected 1 to 100"),
        ("page=1.5", "page: expected 0 to 4294967295"),
    ] {
        let expected = json!({"code": "BAD_REQUEST", "message": message});
        assert_eq!(memory.get(&format!("/api/v1/features?{query}")), (400, expected), "{query}");
    }
}

/// Many features of one product with a long name do not multiply it.
#[test]
fn of_a_long_product_name_only_the_beginning_is_shown() {
    let mut memory = Memory::new();
    memory.put("products", "prd_long", &json!({"name": "é".repeat(300_000)}));
    for n in 0..100 {
        let feature = json!({"code": format!("f{n}"), "status": "ACTIVE", "feature_type": {"type": "BOOLEAN"},
            "product_id": "prd_long", "entitlement": {"value": {"type": "BOOLEAN", "enabled": true}}});
        memory.put("features", &format!("feat_{n}"), &feature);
    }
    memory.put("customers", "cus_a", &json!({}));
    let paths = ["features?per_page=100", "products/prd_long/entitlements", "customers/cus_a/entitlements"];
    for path in paths {
        let (status, answer) = memory.get(&format!("/api/v1/{path}"));
        assert_eq!(status, 200);
        assert!(answer.to_string().len() < 200_000, "{path}");
        for shown in answer["data"].as_array().unwrap() {
            let shown = shown.get("feature").unwrap_or(shown);
            assert_eq!(shown["product"]["name"], "é".repeat(255), "{path}");
        }
    }
    assert_eq!(memory.get("/api/v1/features/f7").1["product"]["name"], "é".repeat(255));
}

#[test]
fn a_config_feature_and_its_values() {
    let mut memory = Memory::new();
    for (code, feature_type, value) in [
        (
            "region",
            json!({"type": "CONFIG", "value_type": "SELECT", "options": ["eu", "us"]}),
            json!({"kind": "TEXT", "value": "us"}),
        ),
        ("seats", json!({"type": "CONFIG", "value_type": "NUMBER"}), json!({"kind": "NUMBER", "value": "2.50"})),
        ("flags", json!({"type": "CONFIG", "value_type": "MAP"}), json!({"kind": "JSON", "value": {"a": [1.0, null]}})),
    ] {
        let row = json!({"value": {"type": "CONFIG", "value": value}});
        let body = json!({"code": code, "status": "ACTIVE", "feature_type": feature_type, "entitlement": row});
        memory.put("features", &format!("feat_{code}"), &body);
        let (status, shown) = memory.get(&format!("/api/v1/features/{code}"));
        assert_eq!((status, &shown["feature_type"]), (200, &feature_type));
        assert_eq!(shown["entitlement"]["value"], json!({"type": "CONFIG", "value": value}));
    }
    let off = json!({"type": "CONFIG", "value": {"kind": "NUMBER", "value": "1"}, "enabled": false});
    memory.put("add_ons", "add_off", &json!({"entitlements": [{"id": "ent_off", "feature": "seats", "value": off}]}));
    let (_, shown) = memory.get("/api/v1/addons/add_off");
    assert_eq!(shown["entitlements"][0]["value"], off);

    // Resolved, each feature has one value; what is switched off is left out.
    let resolved = |memory: &mut Memory, path: &str| {
        let (_, shown) = memory.get(path);
        let of = |row: &Value| (row["feature"]["code"].as_str().unwrap().to_owned(), row["value"].clone());
        shown["data"].as_array().unwrap().iter().map(of).collect::<Vec<_>>()
    };
    let value = |kind: &str, value: Value| json!({"type": "CONFIG", "value": {"kind": kind, "value": value}});
    let of_add_on = resolved(&mut memory, "/api/v1/addons/add_off/entitlements");
    // The larger value counts, and that is the feature's own.
    assert_eq!(of_add_on, [("seats".to_owned(), value("NUMBER", json!("2.5")))]);
    let boolean =
        json!({"code": "beta", "status": "ACTIVE", "feature_type": {"type": "CONFIG", "value_type": "BOOLEAN"}});
    memory.put("features", "feat_beta", &boolean);
    let rows = json!([{"feature": "seats", "value": value("NUMBER", json!("7"))}, {"feature": "region", "value": off_text()},
        {"feature": "beta", "value": value("BOOLEAN", json!(false))}]);
    memory.put("customers", "cus_a", &json!({"entitlements": rows}));
    let of_customer = resolved(&mut memory, "/api/v1/customers/cus_a/entitlements");
    let expected = [("beta", value("BOOLEAN", json!(false))), ("seats", value("NUMBER", json!("7")))];
    assert_eq!(of_customer, expected.map(|(code, value)| (code.to_owned(), value)));
}

#[test]
fn minutes_are_shown_as_hours() {
    let mut memory = Memory::new();
    for (minutes, hours) in [(1, 1), (59, 1), (60, 1), (61, 2), (10_000, 167)] {
        for kind in ["CALENDAR", "FIXED_WINDOW", "SLIDING_WINDOW"] {
            let period = |unit: &str, interval: u32| json!({"type": kind, "unit": unit, "interval": interval});
            let row = json!({"value": {"type": "METERED", "limit": "9", "reset_period": period("MINUTE", minutes)}});
            let body =
                json!({"code": "calls", "status": "ACTIVE", "feature_type": {"type": "METERED"}, "entitlement": row});
            memory.put("features", "feat_calls", &body);
            let (_, shown) = memory.get("/api/v1/features/calls");
            assert_eq!(shown["entitlement"]["value"]["reset_period"], period("HOUR", hours), "{minutes}");
            memory.put("customers", "cus_a", &json!({"entitlements": [{"feature": "calls", "value": row["value"]}]}));
            let (_, shown) = memory.get("/api/v1/customers/cus_a/entitlements");
            assert_eq!(shown["data"][0]["value"]["spec"]["reset_period"], period("HOUR", hours), "{shown}");
        }
    }
}

fn off_text() -> Value {
    json!({"type": "CONFIG", "value": {"kind": "TEXT", "value": "eu"}, "enabled": false})
}
