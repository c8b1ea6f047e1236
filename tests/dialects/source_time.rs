//! `source_updated_at`: late news of the billing system is not applied.

use crate::memory::Memory;
use mayuse_core::Instant;
use mayuse_dialects::{ApiError, Preconditions};
use mayuse_dialects::{Batch, Kind, Presented, Request, admit, applies_stale, text};
use serde_json::{Map, Value, json};

const CUSTOMER: &str = "/v1/catalog/customers/cus_a";

fn at(minute: u32) -> String {
    format!("2026-11-21T10:{minute:02}:00Z")
}

fn body(name: &str, minute: u32) -> Value {
    json!({"id": "cus_a", "name": name, "source_updated_at": at(minute)})
}

/// Writes, and gives whether it was applied.
fn put(memory: &mut Memory, body: &Value) -> Value {
    let (status, answer) = memory.ask("PUT", CUSTOMER, body);
    assert!([200, 201].contains(&status), "{answer}");
    assert_eq!(answer["snapshot_version"], memory.version);
    answer["applied"].clone()
}

fn name(memory: &mut Memory) -> Value {
    memory.get(CUSTOMER).1["entity"]["name"].clone()
}

#[test]
fn an_older_write_is_not_applied() {
    let mut memory = Memory::new();
    assert_eq!(put(&mut memory, &body("new", 5)), true);
    let (status, answer) = memory.ask("PUT", CUSTOMER, &body("old", 4));
    let said = json!({"kind": "customer", "id": "cus_a", "created": false, "applied": false, "snapshot_version": 1});
    assert_eq!((status, answer), (200, said));
    assert_eq!((name(&mut memory), memory.version), (json!("new"), 1));
    // A repetition and something newer are applied.
    assert_eq!(put(&mut memory, &body("same", 5)), true);
    assert_eq!(put(&mut memory, &body("newer", 6)), true);
    assert_eq!(name(&mut memory), "newer");
    // The same instant in other words.
    assert_eq!(put(&mut memory, &json!({"name": "same", "source_updated_at": "2026-11-21T12:06:00.000+02:00"})), true);
    assert_eq!(put(&mut memory, &json!({"name": "old", "source_updated_at": "2026-11-21"})), false);
    // What is late is not looked at any further.
    let late = json!({"alias": 5, "source_updated_at": at(0)});
    assert_eq!(put(&mut memory, &late), false);
}

#[test]
fn a_write_without_it_replaces_the_whole_entity() {
    let mut memory = Memory::new();
    put(&mut memory, &body("new", 5));
    for without in [json!({"name": "ours"}), json!({"name": "ours", "source_updated_at": null})] {
        assert_eq!(put(&mut memory, &without), json!(null), "there is nothing to say about it");
        assert_eq!(put(&mut memory, &body("old", 1)), true);
    }
}

#[test]
fn a_value_that_is_no_instant_is_refused() {
    for (value, message) in [
        (json!("yesterday"), "expected an instant"),
        (json!(""), "expected an instant"),
        (json!(1_780_000_000), "expected an instant as a string"),
        (json!("2026-02-30T10:00:00Z"), "expected an instant"),
        (json!(true), "expected an instant as a string"),
    ] {
        let mut memory = Memory::new();
        put(&mut memory, &body("new", 5));
        let entity = json!({"id": "cus_a", "source_updated_at": value});
        let line = json!({"kind": "customer", "id": "cus_a", "source_updated_at": value}).to_string();
        let document = json!({"format": 1, "customers": [entity]});
        let (status, one) = memory.ask("PUT", CUSTOMER, &entity);
        assert_eq!((status, text(&one["error"], "path")), (400, "source_updated_at"));
        let found = text(&one["error"], "message");
        assert!(found.contains(message) || found.contains("RFC 3339"), "{found}");
        let (_, whole) = memory.ask("PUT", "/v1/catalog", &document);
        assert_eq!(text(&whole["error"], "path"), "customers[0].source_updated_at");
        let mut batch = Batch::default();
        batch.add(7, line.as_bytes()).unwrap();
        batch.drop_stale(&memory).unwrap();
        let failure = batch.locate(admit(&batch.changes(), &memory).unwrap_err());
        assert_eq!(failure.place.to_string(), "line 7: source_updated_at");
    }
    for query in
        ["source_updated_at=x", "source_updated_at=", "source_updated_at=2026-11-21&source_updated_at=2026-11-22"]
    {
        let mut memory = Memory::new();
        put(&mut memory, &body("new", 5));
        let (status, answer) = memory.ask_text("DELETE", &format!("{CUSTOMER}?{query}"), "");
        assert_eq!((status, text(&answer["error"], "path")), (400, "source_updated_at"), "{query}");
    }
}

fn delete(memory: &mut Memory, minute: Option<u32>) -> (u16, Value, Value) {
    let query = minute.map(|minute| format!("?source_updated_at={}", at(minute))).unwrap_or_default();
    let (status, answer) = memory.ask_text("DELETE", &format!("{CUSTOMER}{query}"), "");
    (status, answer["deleted"].clone(), answer["applied"].clone())
}

#[test]
fn late_news_does_not_bring_a_deleted_entity_back() {
    let mut memory = Memory::new();
    put(&mut memory, &body("new", 5));
    assert_eq!(delete(&mut memory, None), (200, json!(true), json!(null)));
    assert_eq!(put(&mut memory, &body("late", 4)), false);
    assert_eq!(memory.get(CUSTOMER).0, 404);
    // It is what was deleted, so it may be restored from the source.
    assert_eq!(put(&mut memory, &body("again", 5)), true);

    // The deletion says when it happened.
    assert_eq!(delete(&mut memory, Some(8)), (200, json!(true), json!(true)));
    assert_eq!(put(&mut memory, &body("late", 7)), false);
    assert_eq!(put(&mut memory, &body("again", 8)), true);

    // A deletion may be late itself.
    let version = memory.version;
    assert_eq!(delete(&mut memory, Some(7)), (200, json!(false), json!(false)));
    assert_eq!((name(&mut memory), memory.version), (json!("again"), version));

    // An own write needs no permission of the source.
    assert_eq!(delete(&mut memory, Some(9)), (200, json!(true), json!(true)));
    assert_eq!(put(&mut memory, &json!({"name": "ours"})), json!(null));
    assert_eq!(put(&mut memory, &body("old", 1)), true);
}

#[test]
fn a_deletion_may_come_first_and_twice() {
    let mut memory = Memory::new();
    assert_eq!(delete(&mut memory, None).0, 404);
    assert_eq!(delete(&mut memory, Some(5)), (200, json!(false), json!(true)));
    let version = memory.version;
    assert_eq!(delete(&mut memory, Some(5)), (200, json!(false), json!(true)));
    assert_eq!(delete(&mut memory, Some(4)), (200, json!(false), json!(false)));
    assert_eq!(memory.version, version, "nothing new was said");
    assert_eq!(put(&mut memory, &body("late", 3)), false);
    assert_eq!(delete(&mut memory, None).0, 404);
    assert_eq!(put(&mut memory, &body("new", 6)), true);
    // It is about this customer alone.
    let other = json!({"source_updated_at": at(1)});
    assert_eq!(memory.ask("PUT", "/v1/catalog/products/cus_a", &other).0, 201);
    assert_eq!(memory.removed.len(), 1);
}

#[test]
fn what_names_no_source_leaves_nothing_behind() {
    let mut memory = Memory::new();
    put(&mut memory, &json!({"name": "ours"}));
    assert_eq!(delete(&mut memory, None), (200, json!(true), json!(null)));
    assert!(memory.removed.is_empty());
}

#[test]
fn a_whole_document_is_applied_whatever_its_instants() {
    let mut memory = Memory::new();
    put(&mut memory, &body("new", 5));
    memory.ask("PUT", "/v1/catalog/products/prd_a", &json!({"source_updated_at": at(5)}));
    memory.ask_text("DELETE", "/v1/catalog/products/prd_a", "");
    let document = json!({"format": 1, "customers": [body("old", 1)]});
    assert_eq!(memory.ask("PUT", "/v1/catalog", &document).0, 200);
    assert_eq!(name(&mut memory), "old");
    assert_eq!(memory.get(CUSTOMER).1["entity"], body("old", 1), "it is given back");
    assert!(memory.removed.is_empty(), "nothing is left of the catalog before");
    assert_eq!(put(&mut memory, &body("older", 0)), false);
}

/// Writes the lines as one batch. Gives the names of the customers that are there then, the number of stale lines, and
/// how many were written.
fn import(memory: &mut Memory, lines: &[Value]) -> Result<(String, u64, Value), ApiError> {
    let mut batch = Batch::default();
    for (line, n) in lines.iter().zip(1..) {
        batch.add(n, line.to_string().as_bytes())?;
    }
    batch.drop_stale(memory)?;
    let changes = batch.changes();
    admit(&changes, memory).map_err(|failure| batch.locate(failure))?;
    memory.apply(&changes);
    let mut counts = Map::new();
    batch.count(&mut counts);
    let customers = memory.entities.values().filter(|entity| entity.id.starts_with("cus_"));
    let names: Vec<&str> = customers.map(|entity| text(&entity.body, "name")).collect();
    Ok((names.join(" "), batch.n_stale(), Value::Object(counts)))
}

fn line(id: &str, name: &str, minute: Option<u32>) -> Value {
    json!({"kind": "customer", "id": id, "name": name, "source_updated_at": minute.map(at)})
}

#[test]
fn an_import_passes_over_stale_lines_and_counts_them() {
    let mut memory = Memory::new();
    let all = ["a", "b", "c"].map(|name| line(&format!("cus_{name}"), name, Some(5)));
    assert_eq!(import(&mut memory, &all).unwrap(), ("a b c".to_owned(), 0, json!({"customers": 3})));
    let version = memory.version;
    let again = [line("cus_a", "A", Some(4)), line("cus_b", "B", Some(5)), line("cus_c", "C", Some(6))];
    assert_eq!(import(&mut memory, &again).unwrap(), ("a B C".to_owned(), 1, json!({"customers": 2})));
    // A batch with nothing to write is no write.
    let version = {
        assert_eq!(memory.version, version + 1);
        memory.version
    };
    assert_eq!(import(&mut memory, &[line("cus_a", "A", Some(1))]).unwrap(), ("a B C".to_owned(), 1, json!({})));
    assert_eq!(memory.version, version);
    // Deleted customers stay away, and lines that name no source are applied.
    memory.ask_text("DELETE", "/v1/catalog/customers/cus_c", "");
    let mixed = [line("cus_c", "late", Some(2)), line("cus_a", "ours", None)];
    assert_eq!(import(&mut memory, &mixed).unwrap(), ("ours B".to_owned(), 1, json!({"customers": 1})));
}

#[test]
fn of_two_lines_of_a_batch_the_newer_counts() {
    let mut memory = Memory::new();
    let lines = [line("cus_a", "new", Some(5)), line("cus_a", "old", Some(4)), line("cus_b", "old", Some(1))];
    assert_eq!(import(&mut memory, &lines).unwrap(), ("new old".to_owned(), 1, json!({"customers": 2})));
    let lines = [line("cus_a", "first", Some(6)), line("cus_a", "second", Some(6)), line("cus_b", "x", None)];
    assert_eq!(import(&mut memory, &lines).unwrap().0, "second x");
    // As if each line were written by itself: the second takes the instant away.
    let lines = [line("cus_a", "first", Some(7)), line("cus_a", "ours", None), line("cus_a", "last", Some(3))];
    assert_eq!(import(&mut memory, &lines).unwrap(), ("last x".to_owned(), 0, json!({"customers": 1})));
    let lines = [line("cus_a", "first", Some(2)), line("cus_a", "second", Some(4)), line("cus_b", "y", Some(1))];
    assert_eq!(import(&mut memory, &lines).unwrap(), ("second y".to_owned(), 0, json!({"customers": 2})));
}

#[test]
fn places_are_those_of_the_lines_that_are_left() {
    let mut memory = Memory::new();
    import(&mut memory, &[line("cus_a", "a", Some(5))]).unwrap();
    let mut wrong = line("cus_b", "b", Some(5));
    wrong["alias"] = json!(7);
    let lines = [line("cus_a", "a", Some(1)), line("cus_c", "c", None), wrong];
    assert_eq!(import(&mut memory, &lines).unwrap_err().place.to_string(), "line 3: alias");
    assert_eq!(memory.entities.len(), 1);
}

#[test]
fn an_import_of_everything_may_apply_stale_lines() {
    let ask = |query| {
        let (presented, preconditions) = (Presented::Bearer, Preconditions::default());
        let path = "/v1/catalog/import";
        applies_stale(&Request { method: "POST", path, query, presented, content_type: None, preconditions, body: b"" })
    };
    assert_eq!(
        (ask("").unwrap(), ask("apply_stale=false").unwrap(), ask("apply_stale=true").unwrap()),
        (false, false, true)
    );
    for query in ["apply_stale=", "apply_stale=1", "apply_stale=true&apply_stale=true"] {
        assert_eq!(ask(query).unwrap_err().place.to_string(), "apply_stale", "{query}");
    }
}

#[test]
fn meteroids_patch_takes_it() {
    let mut memory = Memory::new();
    memory.put("add_ons", "add_a", &json!({"name": "A", "source_updated_at": at(5)}));
    let patch = |memory: &mut Memory, body: Value| {
        let (status, answer) = memory.ask("PATCH", "/api/v1/addons/add_a", &body);
        assert_eq!(status, 200, "{answer}");
        (text(&answer, "name").to_owned(), answer["applied"].clone())
    };
    let stored = |memory: &mut Memory| memory.get("/v1/catalog/add_ons/add_a").1["entity"]["source_updated_at"].clone();
    let late = json!({"name": "late", "source_updated_at": at(4)});
    assert_eq!(patch(&mut memory, late), ("A".to_owned(), json!(false)));
    assert_eq!(memory.version, 1);
    // A change that does not say it leaves it, as it leaves whatever it does not name.
    assert_eq!(patch(&mut memory, json!({"name": "B"})), ("B".to_owned(), json!(null)));
    assert_eq!(stored(&mut memory), at(5));
    assert_eq!(patch(&mut memory, json!({"source_updated_at": at(5)})), ("B".to_owned(), json!(true)));
    assert_eq!(memory.version, 2, "nothing is changed");
    let newer = json!({"name": "C", "source_updated_at": at(6)});
    assert_eq!(patch(&mut memory, newer), ("C".to_owned(), json!(true)));
    assert_eq!(stored(&mut memory), at(6));
    assert_eq!(patch(&mut memory, json!({"source_updated_at": null})).1, true);
    assert_eq!(stored(&mut memory), json!(null));
    let (status, answer) = memory.ask("PATCH", "/api/v1/addons/add_a", &json!({"source_updated_at": "soon"}));
    assert_eq!(status, 400, "{answer}");
    assert!(text(&answer, "message").starts_with("source_updated_at: "), "{answer}");
}

#[test]
fn equal_to_the_millisecond_is_equal() {
    let mut memory = Memory::new();
    let put = |memory: &mut Memory, fraction: &str| {
        put(memory, &json!({"source_updated_at": format!("2026-11-21T10:00:00{fraction}Z")}))
    };
    assert_eq!(put(&mut memory, ".123999"), true);
    assert_eq!(put(&mut memory, ".123001"), true);
    assert_eq!(put(&mut memory, ".122999"), false);
    let known = memory.entities[&(Kind::Customer, "cus_a".to_owned())].body["source_updated_at"].clone();
    assert_eq!(known, "2026-11-21T10:00:00.123001Z", "it is kept as it was written");
    assert_eq!(Instant::parse(known.as_str().unwrap()).unwrap().millis() % 1_000, 123);
}
