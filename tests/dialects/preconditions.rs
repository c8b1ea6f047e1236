//! `ETag`, `If-Match` and `If-None-Match`: what a client has not seen, it does not overwrite.

use crate::memory::Memory;
use mayuse_dialects::{ApiResponse, Preconditions, Presented, Request, fingerprint, has_key, text};
use serde_json::{Value, json};

const CUSTOMER: &str = "/v1/catalog/customers/cus_a";

fn ask(memory: &mut Memory, method: &str, path: &str, preconditions: Preconditions<'_>, body: &Value) -> ApiResponse {
    let body = body.to_string();
    memory.ask_if(method, path, Presented::Not, Some("application/json"), preconditions, body.as_bytes())
}

fn if_match(tags: &str) -> Preconditions<'_> {
    Preconditions { if_match: Some(tags), if_none_match: None }
}

fn if_none_match(tags: &str) -> Preconditions<'_> {
    Preconditions { if_match: None, if_none_match: Some(tags) }
}

/// A catalog of version 3 whose customer was last written by version 2.
fn loaded() -> Memory {
    let mut memory = Memory::new();
    memory.put("customers", "cus_b", &json!({}));
    memory.put("customers", "cus_a", &json!({"name": "A"}));
    memory.put("customers", "cus_c", &json!({}));
    memory
}

#[test]
fn an_entity_is_read_with_the_version_of_its_last_write() {
    let mut memory = loaded();
    let read = |memory: &mut Memory| ask(memory, "GET", CUSTOMER, Preconditions::default(), &json!({}));
    assert_eq!(read(&mut memory).etag, Some(2));
    memory.put("customers", "cus_a", &json!({"name": "B"}));
    let shown = read(&mut memory);
    assert_eq!((shown.etag, &shown.body.unwrap()["snapshot_version"]), (Some(4), &json!(4)));
    let absent = ask(&mut memory, "GET", "/v1/catalog/customers/nobody", Preconditions::default(), &json!({}));
    assert_eq!((absent.status, absent.etag), (404, None));
}

#[test]
fn a_read_of_what_the_client_has_is_304() {
    let mut memory = loaded();
    for (tags, status) in [("\"2\"", 304), ("*", 304), ("\"1\", W/\"2\"", 304), ("\"1\"", 200), ("2", 200), ("", 200)] {
        let reply = ask(&mut memory, "GET", CUSTOMER, if_none_match(tags), &json!({}));
        assert_eq!((reply.status, reply.etag, reply.body.is_none()), (status, Some(2), status == 304), "{tags}");
    }
    let absent = ask(&mut memory, "GET", "/v1/catalog/customers/nobody", if_none_match("*"), &json!({}));
    assert_eq!(absent.status, 404);
}

#[test]
fn a_write_heeds_both_headers() {
    // The header, and the status for what is there in version 2 and for what is not there.
    let cases = [
        (if_match("\"2\""), 200, 412),
        (if_match(" \"2\" "), 200, 412),
        (if_match("*"), 200, 412),
        (if_match("\"1\", \"2\""), 200, 412),
        (if_match("\"1\",,\"2\","), 200, 412),
        (if_match("\"a,b\" , \"2\""), 200, 412),
        // A proxy that compresses an answer weakens its tag.
        (if_match("W/\"2\""), 200, 412),
        (if_match("\"3\""), 412, 412),
        (if_match("\"02x\""), 412, 412),
        (if_match("\"+2\""), 412, 412),
        (if_match("\"\""), 412, 412),
        (if_match("\"99999999999999999999\""), 412, 412),
        (if_match("2"), 400, 400),
        (if_match(""), 400, 400),
        (if_match(" , "), 400, 400),
        (if_match("\"2"), 400, 400),
        (if_match("\"2\" \"3\""), 400, 400),
        (if_match("*, \"2\""), 400, 400),
        (if_match("w/\"2\""), 400, 400),
        (if_none_match("*"), 412, 201),
        (if_none_match("\"2\""), 412, 201),
        (if_none_match("W/\"2\", \"7\""), 412, 201),
        (if_none_match("\"1\""), 200, 201),
        (if_none_match("none"), 400, 400),
        (Preconditions { if_match: Some("*"), if_none_match: Some("*") }, 412, 412),
        (Preconditions { if_match: Some("\"2\""), if_none_match: Some("\"3\"") }, 200, 412),
    ];
    for (preconditions, there, absent) in cases {
        for (path, status) in [(CUSTOMER, there), ("/v1/catalog/customers/cus_new", absent)] {
            let mut memory = loaded();
            let reply = ask(&mut memory, "PUT", path, preconditions, &json!({"name": "B"}));
            assert_eq!(reply.status, status, "{preconditions:?} {path}");
            assert_eq!(memory.version, if status < 300 { 4 } else { 3 });
            if status == 412 {
                let present = (path == CUSTOMER).then_some(2);
                let error = &reply.body.unwrap()["error"];
                assert_eq!(reply.etag, present);
                assert_eq!((text(error, "code"), &error["snapshot_version"]), ("PRECONDITION_FAILED", &json!(present)));
            }
        }
    }
}

#[test]
fn a_refusal_says_what_the_present_version_is() {
    let mut memory = loaded();
    let message = |reply: ApiResponse| text(&reply.body.unwrap()["error"], "message").to_owned();
    let said = ask(&mut memory, "DELETE", CUSTOMER, if_match("\"1\""), &json!({}));
    assert_eq!(message(said), "customer `cus_a` was last written by version 2, so If-Match forbids this write");
    let said = ask(&mut memory, "PUT", "/v1/catalog/plans/plan_a", if_match("*"), &json!({}));
    assert_eq!(message(said), "plan `plan_a` does not exist, so If-Match forbids this write");
    let said = ask(&mut memory, "PUT", CUSTOMER, if_match("2"), &json!({}));
    let body = said.body.unwrap();
    assert_eq!((text(&body["error"], "code"), text(&body["error"], "path")), ("INVALID", "If-Match"));
    // The precondition is checked before the body.
    assert_eq!(ask(&mut memory, "PUT", CUSTOMER, if_match("\"1\""), &json!([])).status, 412);
}

#[test]
fn what_does_not_exist_is_not_found_all_the_same() {
    let mut memory = loaded();
    for preconditions in [if_match("*"), if_match("\"2\""), if_none_match("*")] {
        for (method, path) in [("DELETE", "/v1/catalog/customers/nobody"), ("PATCH", "/api/v1/addons/add_x")] {
            assert_eq!(ask(&mut memory, method, path, preconditions, &json!({})).status, 404, "{method}");
        }
        assert_eq!(ask(&mut memory, "PUT", "/v1/catalog/things/x", preconditions, &json!({})).status, 404);
    }
    assert_eq!(ask(&mut memory, "DELETE", CUSTOMER, if_match("\"1\""), &json!({})).status, 412);
    assert_eq!(ask(&mut memory, "DELETE", CUSTOMER, if_match("\"2\""), &json!({})).status, 200);
}

#[test]
fn two_clients_that_read_the_same_do_not_both_write() {
    let mut memory = loaded();
    assert_eq!(ask(&mut memory, "PUT", CUSTOMER, if_match("\"2\""), &json!({"name": "first"})).status, 200);
    let second = ask(&mut memory, "PUT", CUSTOMER, if_match("\"2\""), &json!({"name": "second"}));
    assert_eq!((second.status, second.etag), (412, Some(4)));
    assert_eq!(memory.get(CUSTOMER).1["entity"]["name"], "first");
}

#[test]
fn the_whole_catalog_has_its_own_version_as_tag() {
    let document = json!({"format": 1});
    let mut memory = Memory::new();
    // For a catalog that was never written.
    assert_eq!(ask(&mut memory, "PUT", "/v1/catalog", if_match("*"), &document).status, 412);
    assert_eq!(ask(&mut memory, "PUT", "/v1/catalog", if_none_match("*"), &document).status, 200);
    let again = ask(&mut memory, "PUT", "/v1/catalog", if_none_match("*"), &document);
    assert_eq!((again.status, again.etag), (412, Some(1)));
    assert_eq!(ask(&mut memory, "PUT", "/v1/catalog", if_match("\"1\""), &document).status, 200);
    assert_eq!(ask(&mut memory, "PUT", "/v1/catalog", if_match("\"1\""), &document).status, 412);
}

#[test]
fn meteroids_routes_of_an_entity_have_tags_too() {
    let mut memory = Memory::new();
    memory.put("add_ons", "add_a", &json!({"name": "A"}));
    memory.put("features", "feat_a", &json!({"code": "a", "feature_type": {"type": "BOOLEAN"}, "status": "ACTIVE"}));
    let path = "/api/v1/addons/add_a";
    let read = |memory: &mut Memory, path: &str| ask(memory, "GET", path, if_none_match("*"), &json!({}));
    for (path, tag) in [(path, 1), ("/api/v1/features/a", 2), ("/api/v1/features/feat_a", 2)] {
        let reply = read(&mut memory, path);
        // Other entities are in it as well, so it is always sent.
        assert_eq!((reply.status, reply.etag, reply.body.is_some()), (200, Some(tag), true), "{path}");
    }
    for (method, end) in [("PATCH", ""), ("POST", "/archive"), ("POST", "/unarchive")] {
        let reply = ask(&mut memory, method, &format!("{path}{end}"), if_match("\"7\""), &json!({"name": "B"}));
        let body = reply.body.unwrap();
        let message = "add_on `add_a` was last written by version 1, so If-Match forbids this write";
        assert_eq!((reply.status, reply.etag, &body), (412, Some(1), &json!({"code": "CONFLICT", "message": message})));
    }
    let changed = ask(&mut memory, "PATCH", path, if_match("\"1\""), &json!({"name": "B"}));
    assert_eq!((changed.status, changed.etag), (200, Some(3)));
    assert_eq!(read(&mut memory, path).etag, Some(3));
    // A change that changes nothing is no write.
    let same = ask(&mut memory, "PATCH", path, if_match("\"3\""), &json!({"name": "B"}));
    assert_eq!((same.status, same.etag, memory.version), (200, Some(3), 3));
    assert_eq!(ask(&mut memory, "POST", &format!("{path}/archive"), if_match("\"3\""), &json!({})).status, 204);
}

#[test]
fn an_idempotency_key_covers_a_write_with_a_precondition() {
    let request = |method, preconditions, query| Request {
        method,
        path: CUSTOMER,
        query,
        presented: Presented::Bearer,
        content_type: None,
        preconditions,
        body: b"{}",
    };
    let none = Preconditions::default();
    for method in ["PUT", "PATCH", "DELETE"] {
        assert!(!has_key(&request(method, none, "")) && has_key(&request(method, if_match("*"), "")), "{method}");
    }
    assert!(has_key(&request("POST", none, "")) && !has_key(&request("GET", if_match("*"), "")));
    let print = |preconditions, query| fingerprint(&request("PUT", preconditions, query));
    let prints = [
        print(none, ""),
        print(if_match("\"1\""), ""),
        print(if_match("\"2\""), ""),
        print(if_none_match("\"1\""), ""),
        print(if_match("\"1\""), "x=1"),
    ];
    for (n, one) in prints.iter().enumerate() {
        assert!(!prints[..n].contains(one), "{n}");
    }
    assert_eq!(print(if_match("\"1\""), ""), prints[1]);
}
