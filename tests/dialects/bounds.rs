//! How long texts may be that go into snapshots: at the bound they are taken, one character past it they are not,
//! whichever way they come in.

use crate::memory::Memory;
use crate::{commet, pabbly};
use mayuse_core::Code;
use mayuse_dialects::{ApiError, Batch, ErrorKind, admit, text};
use mayuse_document::Document;
use serde_json::{Value, json};

const MAX_NAME: usize = 500;
const MAX_ID: usize = 128;

/// A text of so many characters, some of which take four bytes.
fn name(n: usize) -> String {
    "n\u{1f4a5}".chars().cycle().take(n).collect()
}

fn id(n: usize) -> String {
    "i".repeat(n)
}

/// Entities of each kind whose names go into snapshots, by the lists they are in.
fn named(name: &str) -> [(&'static str, Value); 4] {
    let feature =
        json!({"id": "f", "code": "f", "name": name, "feature_type": {"type": "BOOLEAN"}, "status": "ACTIVE"});
    [
        ("features", feature),
        ("plans", json!({"id": "p", "name": name})),
        ("add_ons", json!({"id": "a", "name": name})),
        ("customers", json!({"id": "c", "name": name})),
    ]
}

/// Entities with one id, code or alias in them, and the place of it.
fn called(id: &str) -> Vec<(&'static str, Value, &'static str)> {
    let feature =
        |id: &str, code: &str| json!({"id": id, "code": code, "feature_type": {"type": "BOOLEAN"}, "status": "ACTIVE"});
    let in_feature = |field: &str| {
        let mut body = feature("f", "f");
        body[field] = json!(id);
        body
    };
    let row = |row: Value| json!({"id": "a", "entitlements": [row]});
    let value = json!({"type": "BOOLEAN", "enabled": true});
    vec![
        ("features", feature(id, "f"), "id"),
        ("features", feature("f", id), "code"),
        ("features", in_feature("product_id"), "product_id"),
        ("plans", json!({"id": id}), "id"),
        ("plans", json!({"id": "p", "versions": [{"id": id}]}), "versions[0].id"),
        ("plans", json!({"id": "p", "versions": [{"id": "v", "product_ids": [id]}]}), "versions[0].product_ids[0]"),
        ("add_ons", json!({"id": id}), "id"),
        ("add_ons", json!({"id": "a", "product_id": id}), "product_id"),
        ("add_ons", row(json!({"id": id, "feature": "sso", "value": value})), "entitlements[0].id"),
        ("customers", json!({"id": id}), "id"),
        ("customers", json!({"id": "c", "alias": id}), "alias"),
    ]
}

fn with_feature() -> Memory {
    let mut memory = Memory::new();
    memory.put(
        "features",
        "feat_sso",
        &json!({"code": "sso", "feature_type": {"type": "BOOLEAN"}, "status": "ACTIVE"}),
    );
    memory
}

/// The one problem of a refusal: its code and its path.
fn problem(answer: &Value) -> (&str, &str) {
    (text(&answer["error"], "code"), text(&answer["error"], "path"))
}

fn import(list: &str, entity: &Value, memory: &Memory) -> Result<(), ApiError> {
    let mut line = entity.clone();
    line["kind"] = json!(list.trim_end_matches('s'));
    let mut batch = Batch::default();
    batch.add(7, line.to_string().as_bytes())?;
    admit(&batch.changes(), memory).map(|_| ()).map_err(|failure| batch.locate(failure))
}

#[test]
fn a_name_has_at_most_500_characters_whichever_way_it_comes_in() {
    let (fits, too_long) = (name(MAX_NAME), name(MAX_NAME + 1));
    for ((list, short), (_, long)) in named(&fits).into_iter().zip(named(&too_long)) {
        let path = format!("/v1/catalog/{list}/{}", text(&short, "id"));
        let (status, answer) = with_feature().ask("PUT", &path, &short);
        assert_eq!(status, 201, "{list}: {answer}");
        let (status, answer) = with_feature().ask("PUT", &path, &long);
        assert_eq!((status, problem(&answer)), (413, ("TOO_LARGE", "name")), "{list}: {answer}");
        assert!(!answer.to_string().contains(&too_long), "it is not said again");

        let document = |entity: &Value| json!({"format": 1, list: [entity]});
        assert_eq!(Memory::new().ask("PUT", "/v1/catalog", &document(&short)).0, 200, "{list}");
        let (status, answer) = Memory::new().ask("PUT", "/v1/catalog", &document(&long));
        let place = format!("{list}[0].name");
        assert_eq!((status, problem(&answer)), (413, ("TOO_LARGE", place.as_str())), "{answer}");

        import(list, &short, &with_feature()).unwrap();
        let refused = import(list, &long, &with_feature()).unwrap_err();
        assert_eq!((refused.kind, refused.place.to_string().as_str()), (ErrorKind::TooLarge, "line 7: name"), "{list}");

        let read = |value: Value| serde_json::from_value::<Document>(value).unwrap().compile();
        assert!(read(document(&short)).is_ok(), "{list}");
        let problems = read(document(&long)).unwrap_err().list;
        assert_eq!((problems[0].code, problems[0].place.to_string().as_str()), (Code::TooLarge, place.as_str()));
        assert_eq!(problems[0].message, "expected at most 500 characters");
    }
}

#[test]
fn foreign_dialects_take_no_longer_names() {
    let (fits, too_long) = (name(MAX_NAME), name(MAX_NAME + 1));
    // Commet and Meteroid take shorter ones still.
    let of_commet =
        |name: String| commet::seeded().post("/addons", &commet::with(&commet::boolean(), json!({"name": name})));
    assert_eq!(of_commet(too_long.clone()).0 / 100, 4);
    let of_pabbly = |name: &str| {
        let mut memory = commet::seeded();
        memory.post(pabbly::PATH, &pabbly::with(json!({"name": name})))
    };
    let (status, answer) = of_pabbly(&too_long);
    assert_eq!(status / 100, 4, "{answer}");
    let shorter = [255, 128, 100].into_iter().find(|n| of_pabbly(&name(*n)).0 < 300);
    assert!(of_pabbly(&fits).0 < 300 || shorter.is_some());
    let of_meteroid = |n: usize| {
        let mut memory = with_feature();
        memory.put("products", "prd", &json!({"name": "A", "fee_type": "RATE"}));
        let price = json!({"product_id": "prd", "cadence": "MONTHLY", "currency": "USD", "pricing": {"type": "RATE", "rate": "1.00"}});
        memory.put("prices", "pri", &price);
        memory.post("/api/v1/addons", &json!({"name": name(n), "product_id": "prd", "price_id": "pri"}))
    };
    assert_eq!((of_meteroid(255).0, of_meteroid(256).0, of_meteroid(MAX_NAME + 1).0), (201, 400, 400));
}

#[test]
fn an_id_a_code_and_an_alias_have_at_most_128_characters() {
    for ((list, short, _), (_, long, place)) in called(&id(MAX_ID)).into_iter().zip(called(&id(MAX_ID + 1))) {
        let path = |entity: &Value| format!("/v1/catalog/{list}/{}", text(entity, "id"));
        let (status, answer) = with_feature().ask("PUT", &path(&short), &short);
        assert_eq!(status, 201, "{list} {place}: {answer}");
        let (status, answer) = with_feature().ask("PUT", &path(&long), &long);
        assert_eq!((status, problem(&answer)), (400, ("INVALID", place)), "{list}: {answer}");
        import(list, &short, &with_feature()).unwrap();
        let refused = import(list, &long, &with_feature()).unwrap_err();
        assert_eq!(
            (refused.kind, refused.place.to_string().as_str()),
            (ErrorKind::BadRequest, format!("line 7: {place}").as_str()),
            "{list}"
        );
    }
    // An alias is counted in characters: customers choose it.
    let customer = |n: usize| json!({"alias": "\u{e9}".repeat(n)});
    assert_eq!(with_feature().ask("PUT", "/v1/catalog/customers/c", &customer(MAX_ID)).0, 201);
    assert_eq!(with_feature().ask("PUT", "/v1/catalog/customers/c", &customer(MAX_ID + 1)).0, 400);
}

#[test]
fn what_is_wrong_besides_is_said_too() {
    let body = json!({"code": 7, "name": name(MAX_NAME + 1), "feature_type": {"type": "BOOLEAN"}, "status": "ACTIVE"});
    let (status, answer) = Memory::new().ask("PUT", "/v1/catalog/features/f", &body);
    assert!([400, 413].contains(&status));
    let codes: Vec<&str> = answer["error"]["problems"].as_array().unwrap().iter().map(|p| text(p, "code")).collect();
    assert_eq!(codes, ["WRONG_TYPE", "TOO_LARGE"]);
}
