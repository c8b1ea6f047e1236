//! Meteroid's add-ons: create, change, archive, list.

use crate::memory::Memory;
use mayuse_core::Instant;
use serde_json::{Value, json};

const NOW: &str = "2026-11-21T10:00:00Z";

/// Two products with a price each, and a second price of the first in another currency.
fn memory() -> Memory {
    let mut memory = Memory::new();
    memory.put("products", "prd_a", &json!({"name": "A", "fee_type": "RATE"}));
    memory.put("products", "prd_b", &json!({"name": "B", "fee_structure": {"fee_type": "USAGE"}}));
    for (id, product, currency) in [
        ("pri_a", "prd_a", "USD"),
        ("pri_a2", "prd_a", "USD"),
        ("pri_a_eur", "prd_a", "EUR"),
        ("pri_b", "prd_b", "USD"),
    ] {
        let body = json!({"product_id": product, "cadence": "MONTHLY", "currency": currency,
            "pricing": {"type": "RATE", "rate": "1.00"}});
        memory.put("prices", id, &body);
    }
    memory
}

fn smallest() -> Value {
    json!({"name": "Boost", "product_id": "prd_a", "price_id": "pri_a"})
}

/// An object with some fields set, each in the place of what was there.
fn with(base: &Value, fields: &Value) -> Value {
    let mut object = base.as_object().unwrap().clone();
    object.extend(fields.as_object().unwrap().clone());
    Value::Object(object)
}

fn create(memory: &mut Memory, body: &Value) -> String {
    let (status, answer) = memory.post("/api/v1/addons", body);
    assert_eq!(status, 201, "{answer}");
    answer["id"].as_str().unwrap().to_owned()
}

/// Asserts a refusal in Meteroid's shape: these two fields and no other.
fn assert_refused(answer: &(u16, Value), status: u16, code: &str, message: &str) {
    assert_eq!(answer.0, status, "{}", answer.1);
    assert_eq!(answer.1, json!({"code": code, "message": message}));
}

#[test]
fn the_smallest_add_on_gets_its_defaults() {
    let mut memory = memory();
    let (status, answer) = memory.post("/api/v1/addons", &smallest());
    let id = answer["id"].as_str().unwrap().to_owned();
    assert!(id.starts_with("add_"), "{id}");
    let expected = json!({"id": id, "name": "Boost", "product_id": "prd_a", "price_id": "pri_a", "fee_type": "RATE",
        "self_serviceable": false, "created_at": NOW});
    assert_eq!((status, &answer), (201, &expected));
    assert_eq!(memory.get(&format!("/api/v1/addons/{id}")), (200, expected));
}

#[test]
fn every_field_is_kept_and_what_is_unknown_is_not() {
    let mut memory = memory();
    let fields = json!({"description": "Ümläut", "max_instances_per_subscription": 2_147_483_647,
        "self_serviceable": true, "product_id": "prd_b", "price_id": "pri_b", "id": "add_mine", "created_at": "1999-01-01",
        "entitlements": [{"feature": "none", "value": {"type": "BOOLEAN", "enabled": true}}], "fee_type": "SLOT"});
    let (status, mut answer) = memory.post("/api/v1/addons", &with(&smallest(), &fields));
    assert_eq!(status, 201, "{answer}");
    assert_ne!(answer["id"], "add_mine");
    answer.as_object_mut().unwrap().remove("id");
    let expected = json!({"name": "Boost", "description": "Ümläut", "product_id": "prd_b", "price_id": "pri_b",
        "fee_type": "USAGE", "self_serviceable": true, "max_instances_per_subscription": 2_147_483_647,
        "created_at": NOW});
    assert_eq!(answer, expected);
    let nulls = json!({"description": null, "max_instances_per_subscription": null, "self_serviceable": null});
    let (status, answer) = memory.post("/api/v1/addons", &with(&smallest(), &nulls));
    assert_eq!((status, answer.as_object().unwrap().len()), (201, 7), "{answer}");
}

#[test]
fn names_may_be_as_long_as_they_may_be() {
    let mut memory = memory();
    for (name, status) in [("ß".repeat(255), 201), ("x".repeat(256), 400), ("x".into(), 201), (" \t".into(), 400)] {
        let (found, answer) = memory.post("/api/v1/addons", &with(&smallest(), &json!({"name": name})));
        assert_eq!(found, status, "{answer}");
    }
}

#[test]
fn each_wrong_field_is_refused_by_name() {
    let long = "x".repeat(129);
    let id_rule = "expected 1 to 128 visible ASCII characters";
    let missing = "a required field is missing";
    let range = "expected 1 to 2147483647, or null for any number, found";
    let cases = [
        (json!({"name": null}), format!("name: {missing}")),
        (json!({"product_id": null}), format!("product_id: {missing}")),
        (json!({"price_id": null}), format!("price_id: {missing}")),
        (json!({"name": 7}), "name: expected a string, found a number".to_owned()),
        (json!({"name": ""}), "name: expected a name of 1 to 255 characters, found 0".to_owned()),
        (json!({"product_id": []}), "product_id: expected a string, found an array".to_owned()),
        (json!({"product_id": ""}), format!("product_id: {id_rule}")),
        (json!({"product_id": "a b"}), format!("product_id: {id_rule}")),
        (json!({"price_id": long}), format!("price_id: {id_rule}")),
        (json!({"price_id": true}), "price_id: expected a string, found a boolean".to_owned()),
        (json!({"description": {}}), "description: expected a string, found an object".to_owned()),
        (json!({"self_serviceable": "true"}), "self_serviceable: expected true or false, found a string".to_owned()),
        (json!({"max_instances_per_subscription": 0}), format!("max_instances_per_subscription: {range} 0")),
        (json!({"max_instances_per_subscription": -1}), format!("max_instances_per_subscription: {range} -1")),
        (
            json!({"max_instances_per_subscription": 2_147_483_648_u64}),
            format!("max_instances_per_subscription: {range} 2147483648"),
        ),
        (
            json!({"max_instances_per_subscription": 1.5}),
            "max_instances_per_subscription: expected a whole number, found a number that is not a whole one of 64 bits"
                .to_owned(),
        ),
        (
            json!({"max_instances_per_subscription": "1"}),
            "max_instances_per_subscription: expected a whole number, found a string".to_owned(),
        ),
        (
            json!({"product_id": "prd_x"}),
            "product_id: there is no product `prd_x`; PUT /v1/catalog/products/prd_x makes one; \
             price_id: price `pri_a` belongs to product `prd_a`, not `prd_x`"
                .to_owned(),
        ),
        (
            json!({"price_id": "pri_x"}),
            "price_id: there is no price `pri_x`; PUT /v1/catalog/prices/pri_x makes one".to_owned(),
        ),
        (json!({"price_id": "pri_b"}), "price_id: price `pri_b` belongs to product `prd_b`, not `prd_a`".to_owned()),
    ];
    let mut memory = memory();
    for (fields, message) in cases {
        let answer = memory.post("/api/v1/addons", &with(&smallest(), &fields));
        assert_refused(&answer, 400, "BAD_REQUEST", &message);
    }
    assert_eq!(memory.get("/api/v1/addons").1["data"], json!([]));
}

#[test]
fn what_is_no_object_is_refused() {
    let mut memory = memory();
    for body in
        ["", "{", "null", "[]", "7", "\"x\"", r#"{"name":"a","name":"b","product_id":"prd_a","price_id":"pri_a"}"#]
    {
        let (status, answer) = memory.ask_text("POST", "/api/v1/addons", body);
        assert_eq!((status, &answer["code"]), (400, &json!("BAD_REQUEST")), "{body}: {answer}");
    }
}

#[test]
fn what_is_not_there_is_not_found() {
    let mut memory = memory();
    for id in ["add_x", "a%20b", "%00", "", "add_x%2Fy"] {
        for (method, path) in [
            ("GET", format!("/api/v1/addons/{id}")),
            ("PATCH", format!("/api/v1/addons/{id}")),
            ("POST", format!("/api/v1/addons/{id}/archive")),
            ("POST", format!("/api/v1/addons/{id}/unarchive")),
        ] {
            let answer = memory.ask(method, &path, &json!({}));
            assert_refused(&answer, 404, "NOT_FOUND", "Resource not found");
        }
    }
}

#[test]
fn a_change_changes_what_it_names() {
    let mut memory = memory();
    let rich = json!({"description": "d", "max_instances_per_subscription": 3, "self_serviceable": true});
    let id = create(&mut memory, &with(&smallest(), &rich));
    let path = format!("/api/v1/addons/{id}");
    let before = memory.get(&path).1;
    let version = memory.version;
    let without = |fields: &[&str]| {
        let mut object = before.clone();
        fields.iter().for_each(|field| drop(object.as_object_mut().unwrap().remove(*field)));
        object
    };
    let cases = [
        (json!({}), before.clone()),
        // What has no null stays as it is.
        (json!({"name": null, "price_id": null, "self_serviceable": null}), before.clone()),
        (json!({"name": "New"}), with(&before, &json!({"name": "New"}))),
        (json!({"name": "Boost", "price_id": "pri_a2"}), with(&before, &json!({"price_id": "pri_a2"}))),
        (json!({"price_id": "pri_a", "product_id": "prd_b", "id": "x"}), before.clone()),
        (json!({"description": null}), without(&["description"])),
        (json!({"max_instances_per_subscription": null}), without(&["description", "max_instances_per_subscription"])),
        (json!({"description": "d", "max_instances_per_subscription": 3}), before.clone()),
        (json!({"self_serviceable": false}), with(&before, &json!({"self_serviceable": false}))),
    ];
    for (body, expected) in cases {
        assert_eq!(memory.ask("PATCH", &path, &body), (200, expected.clone()), "{body}");
        assert_eq!(memory.get(&path).1, expected, "{body}");
    }
    // The first two changed nothing, and so wrote nothing.
    assert_eq!(memory.version, version + 7);
}

#[test]
fn a_change_is_checked_as_a_creation_is() {
    let mut memory = memory();
    let id = create(&mut memory, &smallest());
    let path = format!("/api/v1/addons/{id}");
    let before = memory.get(&path).1;
    let cases = [
        (json!({"name": ""}), "name: expected a name of 1 to 255 characters, found 0"),
        (json!({"description": 1}), "description: expected a string, found a number"),
        (json!({"self_serviceable": 1}), "self_serviceable: expected true or false, found a number"),
        (json!({"price_id": "pri_x"}), "price_id: there is no price `pri_x`; PUT /v1/catalog/prices/pri_x makes one"),
        (json!({"price_id": "pri_b"}), "price_id: price `pri_b` belongs to product `prd_b`, not `prd_a`"),
        (json!({"price_id": "pri_a_eur"}), "price_id: price `pri_a_eur` is in `EUR`, and the add-on in `USD`"),
        (
            json!({"max_instances_per_subscription": 0, "name": "ok"}),
            "max_instances_per_subscription: expected 1 to 2147483647, or null for any number, found 0",
        ),
    ];
    for (body, message) in cases {
        assert_refused(&memory.ask("PATCH", &path, &body), 400, "BAD_REQUEST", message);
        assert_eq!(memory.get(&path).1, before);
    }
    assert_eq!(memory.ask_text("PATCH", &path, "[]").0, 400);
}

#[test]
fn a_price_of_elsewhere_may_stay() {
    let mut memory = memory();
    memory.put("add_ons", "add_1", &json!({"name": "Old", "product_id": "prd_z", "price_id": "pri_z"}));
    let whole = memory.get("/api/v1/addons/add_1").1;
    let (status, answer) = memory.ask("PATCH", "/api/v1/addons/add_1", &with(&whole, &json!({"name": "New"})));
    assert_eq!((status, &answer["name"], &answer["price_id"]), (200, &json!("New"), &json!("pri_z")), "{answer}");
}

#[test]
fn archiving_is_done_once_and_undone() {
    let mut memory = memory();
    let id = create(&mut memory, &smallest());
    let path = format!("/api/v1/addons/{id}");
    let before = memory.get(&path).1;
    let nothing = json!({});
    assert_eq!(memory.post(&format!("{path}/unarchive"), &nothing), (204, Value::Null));
    assert_eq!(memory.get(&path).1, before);
    assert_eq!(memory.post(&format!("{path}/archive"), &nothing), (204, Value::Null));
    memory.now = Instant::parse("2026-11-22T00:00:00Z").unwrap();
    // Without a body, and again: it stays archived since when it was.
    assert_eq!(memory.ask_text("POST", &format!("{path}/archive"), ""), (204, Value::Null));
    assert_eq!(memory.get(&path).1, with(&before, &json!({"archived_at": NOW})));
    assert_eq!(memory.post(&format!("{path}/unarchive"), &nothing), (204, Value::Null));
    assert_eq!(memory.get(&path).1, before);
    // One that would be archived some day is archived now.
    memory.put("add_ons", "add_2", &json!({"archived_at": "2027-01-01T00:00:00Z"}));
    memory.post("/api/v1/addons/add_2/archive", &nothing);
    assert_eq!(memory.get("/api/v1/addons/add_2").1["archived_at"], "2026-11-22T00:00:00Z");
}

/// The names on the page that a query gives.
fn names(memory: &mut Memory, query: &str) -> String {
    let (status, answer) = memory.get(&format!("/api/v1/addons?{query}"));
    assert_eq!(status, 200, "{query}: {answer}");
    let names = answer["data"].as_array().unwrap().iter().map(|add_on| add_on["name"].as_str().unwrap());
    names.collect::<Vec<_>>().join(" ")
}

#[test]
fn lists_are_filtered_and_ordered() {
    let mut memory = memory();
    for (id, name, price, created_at, archived_at) in [
        ("add_1", "Alpha", "pri_a", "2026-01-03", Value::Null),
        ("add_2", "beta", "pri_a_eur", "2026-01-01T00:00:00.5Z", Value::Null),
        ("add_3", "Gamma", "pri_gone", "2026-01-01T00:00:00Z", Value::Null),
        ("add_4", "ÉTÉ", "pri_b", "2026-01-02", json!("2026-11-21T10:00:00Z")),
        ("add_5", "ete", "pri_b", "2026-01-02", json!("2026-11-21T10:00:00.001Z")),
    ] {
        let body = json!({"name": name, "price_id": price, "created_at": created_at, "archived_at": archived_at});
        memory.put("add_ons", id, &body);
    }
    let cases = [
        ("", "Alpha ete beta Gamma"),
        ("include_archived=false", "Alpha ete beta Gamma"),
        ("include_archived=true", "Alpha ete ÉTÉ beta Gamma"),
        ("order_by=created_at.asc&include_archived=true", "Gamma beta ÉTÉ ete Alpha"),
        ("order_by=created_at.desc", "Alpha ete beta Gamma"),
        ("order_by=name.asc", "Alpha Gamma beta ete"),
        ("order_by=name.desc", "ete beta Gamma Alpha"),
        ("search=MA", "Gamma"),
        ("search=%C3%A9t&include_archived=true", "ÉTÉ"),
        ("search=", "Alpha ete beta Gamma"),
        ("search=nothing", ""),
        ("currency=USD", "Alpha ete"),
        ("currency=eur", "beta"),
        ("currency=GBP", ""),
        ("per_page=2", "Alpha ete"),
        ("per_page=2&page=1", "beta Gamma"),
        ("per_page=2&page=2", ""),
        ("page=4294967295&per_page=100", ""),
        ("page=1&page=0&per_page=1", "Alpha"),
        ("unknown=1", "Alpha ete beta Gamma"),
    ];
    for (query, expected) in cases {
        assert_eq!(names(&mut memory, query), expected, "{query}");
    }
}

#[test]
fn pages_say_how_many_there_are() {
    let mut memory = memory();
    let meta =
        |memory: &mut Memory, query: &str| memory.get(&format!("/api/v1/addons?{query}")).1["pagination_meta"].take();
    let none = json!({"page": 0, "per_page": 10, "total_items": 0, "total_pages": 0});
    assert_eq!(meta(&mut memory, ""), none);
    (0..11).for_each(|n| memory.put("add_ons", &format!("add_{n:02}"), &json!({"name": format!("n{n:02}")})));
    for (query, page, per_page, pages) in
        [("", 0, 10, 2), ("page=1", 1, 10, 2), ("per_page=11", 0, 11, 1), ("per_page=1&page=10", 10, 1, 11)]
    {
        let expected = json!({"page": page, "per_page": per_page, "total_items": 11, "total_pages": pages});
        assert_eq!(meta(&mut memory, query), expected, "{query}");
    }
    assert_eq!(names(&mut memory, "page=1&order_by=name.asc"), "n10");
    assert_eq!(names(&mut memory, "page=1"), "n00");
}

#[test]
fn a_query_that_makes_no_sense_is_refused() {
    let mut memory = memory();
    for (query, message) in [
        ("page=-1", "page: expected 0 to 4294967295"),
        ("page=x", "page: expected 0 to 4294967295"),
        ("page=", "page: expected 0 to 4294967295"),
        ("page=4294967296", "page: expected 0 to 4294967295"),
        ("per_page=0", "per_page: expected 1 to 100"),
        ("per_page=101", "per_page: expected 1 to 100"),
        ("include_archived=yes", "include_archived: expected true or false"),
        ("currency=EURO", "currency: expected a currency of three letters, such as EUR"),
        ("currency=%E2%82%AC", "currency: expected a currency of three letters, such as EUR"),
        ("order_by=name", "order_by: expected name.asc, name.desc, created_at.asc or created_at.desc"),
        ("order_by=id.asc", "order_by: expected name.asc, name.desc, created_at.asc or created_at.desc"),
    ] {
        assert_refused(&memory.get(&format!("/api/v1/addons?{query}")), 400, "BAD_REQUEST", message);
    }
}

#[test]
fn an_add_on_of_elsewhere_has_every_field_that_clients_need() {
    let mut memory = memory();
    memory.put("add_ons", "add_1", &json!({"fee_type": "SLOT"}));
    let (_, answer) = memory.get("/api/v1/addons/add_1");
    for (field, prefix) in [("product_id", "prd_"), ("price_id", "pri_")] {
        assert!(answer[field].as_str().unwrap().starts_with(prefix), "{answer}");
    }
    assert_eq!(answer, memory.get("/api/v1/addons?per_page=1").1["data"][0]);
    assert_eq!(
        (&answer["name"], &answer["fee_type"], &answer["self_serviceable"], &answer["created_at"]),
        (&json!("add_1"), &json!("SLOT"), &json!(false), &json!(NOW))
    );
    // A fee type that is none is not passed on.
    memory.put("add_ons", "add_1", &json!({"fee_type": "FREE"}));
    assert_eq!(memory.get("/api/v1/addons/add_1").1.get("fee_type"), None);
}
