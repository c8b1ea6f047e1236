//! What a version does not know: refused where one entity is written, a warning in a document and an import.

use crate::memory::Memory;
use mayuse_dialects::{Batch, admit_import, text};
use serde_json::{Value, json};

fn features() -> Value {
    json!([
        { "id": "feat_m", "code": "m", "feature_type": { "type": "METERED" }, "status": "ACTIVE" },
        { "id": "feat_n", "code": "n", "feature_type": { "type": "METERED" }, "status": "ACTIVE" },
    ])
}

fn plan(change: impl FnOnce(&mut Value)) -> Value {
    let mut value = json!({ "type": "METERED", "limit": "5", "overage": { "behavior": "BLOCK" } });
    change(&mut value);
    json!({ "id": "plan_p", "entitlements": [{ "feature": "m", "value": value }], "versions": [{ "id": "plv_p" }] })
}

fn with_features() -> Memory {
    let mut memory = Memory::new();
    for feature in features().as_array().unwrap() {
        memory.put("features", text(feature, "id"), feature);
    }
    memory
}

fn paths(answer: &Value) -> Vec<(&str, &str, &str)> {
    let warnings = answer["warnings"].as_array().unwrap();
    assert_eq!(answer["warning_count"], json!(warnings.len()), "{answer}");
    warnings.iter().map(|w| (text(w, "severity"), text(w, "code"), text(w, "path"))).collect()
}

#[test]
fn an_unknown_value_is_refused_alone_and_a_warning_in_a_document() {
    let plan = plan(|value| value["overage"]["behavior"] = json!("AUCTION"));
    let (status, answer) = with_features().ask("PUT", "/v1/catalog/plans/plan_p", &plan);
    assert_eq!((status, text(&answer["error"], "code")), (400, "UNKNOWN_VALUE"), "{answer}");
    assert_eq!(text(&answer["error"], "path"), "entitlements[0].value.overage.behavior");

    let document = json!({ "format": 1, "features": features(), "plans": [plan] });
    let mut memory = Memory::new();
    let (status, answer) = memory.ask("PUT", "/v1/catalog", &document);
    assert_eq!(status, 200, "{answer}");
    let path = "plans[0].entitlements[0].value.overage.behavior";
    assert_eq!(paths(&answer), [("SKIPPED", "UNKNOWN_VALUE", path)]);
    // What is stored is no obstacle to other writes.
    memory.put("add_ons", "add_a", &json!({ "entitlements": [{ "feature": "m", "value": { "type": "METERED" } }] }));
    let metered = json!({ "code": "m", "name": "M", "feature_type": { "type": "METERED" }, "status": "ACTIVE" });
    memory.put("features", "feat_m", &metered);
}

#[test]
fn an_import_warns_with_the_line() {
    let mut batch = Batch::default();
    let plan = plan(|value| {
        value["overage"]["behavior"] = json!("AUCTION");
        value["colour"] = json!("red");
    });
    let mut line = plan;
    line["kind"] = json!("plan");
    batch.add(7, line.to_string().as_bytes()).unwrap();
    let mut warnings = admit_import(&batch.changes(), &with_features()).unwrap();
    batch.locate_warnings(&mut warnings);
    let mut found: Vec<String> = warnings.list.iter().map(|warning| warning.place.to_string()).collect();
    found.sort();
    let row = "line 7: entitlements[0].value";
    assert_eq!(found, [format!("{row}.colour"), format!("{row}.overage.behavior")]);
}

#[test]
fn a_near_miss_is_an_error_in_every_way_in() {
    let plan = plan(|value| value["limt"] = json!("7"));
    let said = "there is no such field here: did you mean `limit`?";
    let (status, answer) = with_features().ask("PUT", "/v1/catalog/plans/plan_p", &plan);
    assert_eq!((status, text(&answer["error"], "message")), (400, said), "{answer}");
    let document = json!({ "format": 1, "features": features(), "plans": [plan] });
    let (status, answer) = Memory::new().ask("PUT", "/v1/catalog", &document);
    assert_eq!((status, text(&answer["error"], "code")), (400, "UNKNOWN_FIELD"), "{answer}");
    let mut line = plan;
    line["kind"] = json!("plan");
    let mut batch = Batch::default();
    batch.add(1, line.to_string().as_bytes()).unwrap();
    assert!(admit_import(&batch.changes(), &with_features()).is_err());
}

#[test]
fn a_hundred_warnings_are_listed_and_all_are_counted() {
    let rows: Vec<Value> = (0..150)
        .map(|n| json!({ "id": format!("add_{n}"), "entitlements": [{ "feature": "m", "value": { "type": "METERED", "colour": "red" } }] }))
        .collect();
    let document = json!({ "format": 1, "features": features(), "add_ons": rows });
    let (status, answer) = Memory::new().ask("PUT", "/v1/catalog", &document);
    assert_eq!(status, 200, "{answer}");
    assert_eq!((answer["warnings"].as_array().unwrap().len(), &answer["warning_count"]), (100, &json!(150)));
    let none = json!({ "format": 1 });
    let (_, answer) = Memory::new().ask("PUT", "/v1/catalog", &none);
    assert_eq!(paths(&answer), []);
}
