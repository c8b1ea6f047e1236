//! The catalog's own routes.

use crate::memory::Memory;
use mayuse_dialects::{Context, Ids, Kind, Preconditions, Presented, Request, answer, text};
use serde_json::{Value, json};

fn document() -> Value {
    let on = json!({"type": "BOOLEAN", "enabled": true});
    json!({
        "format": 1,
        "ladder": "METEROID",
        "access_statuses": ["ACTIVE"],
        "products": [{"id": "prd_a"}],
        "prices": [{"id": "pri_a", "currency": "USD"}],
        "metrics": [{"id": "bm_a"}],
        "coupons": [{"id": "cou_a", "code": "EARLY"}],
        "add_on_mappings": [{"id": "seat", "feature": "sso", "value": on}],
        "features": [{"id": "feat_a", "code": "sso", "feature_type": {"type": "BOOLEAN"}, "status": "ACTIVE"}],
        "plans": [{"id": "plan_a", "versions": [{"id": "plv_a", "version": 1}]}],
        "add_ons": [{"id": "add_a", "entitlements": [{"feature": "sso", "value": on}]}],
        "customers": [{"id": "cus_a", "alias": "a"}],
        "subscriptions": [{
            "id": "sub_a", "customer_id": "cus_a", "plan_id": "plan_a", "plan_version_id": "plv_a", "status": "ACTIVE",
            "start_date": "2026-11-01", "period": "MONTHLY", "billing_day_anchor": 1,
            "current_period_start": "2026-11-01", "add_ons": [{"add_on_id": "add_a"}],
        }],
    })
}

fn loaded() -> Memory {
    let mut memory = Memory::new();
    let (status, answer) = memory.ask("PUT", "/v1/catalog", &document());
    assert_eq!(status, 200, "{answer}");
    memory
}

fn error(answer: &Value) -> (&str, &str, &str) {
    let error = &answer["error"];
    (text(error, "code"), text(error, "path"), text(error, "message"))
}

#[test]
fn every_kind_is_written_read_listed_and_deleted() {
    // Those that are referred to come first, so that deleting begins at the end.
    let document = document();
    let mut memory = Memory::new();
    for kind in Kind::ALL {
        let (list, name) = (kind.list(), kind.name());
        let entity = &document[list][0];
        let id = text(entity, "id");
        let path = format!("/v1/catalog/{list}/{id}");
        assert_eq!(memory.get(&path).0, 404);

        let version = memory.version + 1;
        let written = json!({"kind": name, "id": id, "created": true, "snapshot_version": version});
        assert_eq!(memory.ask("PUT", &path, entity), (201, written));
        let mut with_more = entity.clone();
        with_more["x_note"] = json!({"kept": [1, 2.5, "as it is"]});
        let again = json!({"kind": name, "id": id, "created": false, "snapshot_version": version + 1});
        // The name of one is as good as that of a list of them.
        assert_eq!(memory.ask("PUT", &format!("/v1/catalog/{name}/{id}"), &with_more), (200, again));

        let shown = json!({
            "kind": name, "id": id, "entity": with_more,
            "created_at": "2026-11-21T10:00:00Z", "updated_at": "2026-11-21T10:00:00Z",
            "updated_by": "tester", "snapshot_version": version + 1,
        });
        assert_eq!(memory.get(&path), (200, shown.clone()));
        let page = json!({"data": [shown], "next_cursor": null, "snapshot_version": version + 1});
        assert_eq!(memory.get(&format!("/v1/catalog/{list}")), (200, page));
    }
    for kind in Kind::ALL.iter().rev() {
        let id = text(&document[kind.list()][0], "id");
        let path = format!("/v1/catalog/{}/{id}", kind.list());
        let version = memory.version + 1;
        let deleted = json!({"kind": kind.name(), "id": id, "deleted": true, "snapshot_version": version});
        assert_eq!(memory.ask_text("DELETE", &path, ""), (200, deleted));
        assert_eq!(memory.get(&path).0, 404);
        let (status, answer) = memory.ask_text("DELETE", &path, "");
        let message = format!("there is no {} `{id}`", kind.name());
        assert_eq!((status, error(&answer)), (404, ("NOT_FOUND", "", message.as_str())));
    }
    assert!(memory.entities.is_empty());
}

#[test]
fn the_id_is_that_of_the_path() {
    let mut memory = Memory::new();
    assert_eq!(memory.ask("PUT", "/v1/catalog/products/prd%2Fx", &json!({"name": "X"})).0, 201);
    let (_, shown) = memory.get("/v1/catalog/products/prd%2Fx");
    assert_eq!(shown["entity"].to_string(), r#"{"id":"prd/x","name":"X"}"#, "the id goes first");
    for id in [json!("prd_y"), json!(5), json!(null), json!("")] {
        let (status, answer) = memory.ask("PUT", "/v1/catalog/products/prd_x", &json!({"id": id}));
        assert_eq!((status, error(&answer)), (400, ("INVALID", "id", "expected `prd_x`, as in the path")));
    }
    let long = "x".repeat(129);
    for (path, rule) in [("a%20b", true), ("%C3%A9", true), ("", true), (long.as_str(), true), ("%FF", false)] {
        let (status, answer) = memory.ask("PUT", &format!("/v1/catalog/products/{path}"), &json!({}));
        assert_eq!(status, 400, "{path}");
        if rule {
            assert_eq!(error(&answer), ("INVALID", "id", "expected 1 to 128 visible ASCII characters"), "{path}");
        }
    }
}

#[test]
fn lists_come_in_pages() {
    let mut memory = Memory::new();
    for n in 0..7 {
        memory.put("customers", &format!("cus_{n}"), &json!({}));
    }
    let page = |memory: &mut Memory, query: &str| {
        let (status, answer) = memory.get(&format!("/v1/catalog/customers?{query}"));
        assert_eq!(status, 200, "{answer}");
        let ids: Vec<String> =
            answer["data"].as_array().unwrap().iter().map(|shown| text(shown, "id").to_owned()).collect();
        (ids.join(" "), answer["next_cursor"].clone())
    };
    assert_eq!(page(&mut memory, "limit=3"), ("cus_0 cus_1 cus_2".to_owned(), json!("cus_2")));
    assert_eq!(page(&mut memory, "limit=3&cursor=cus_2"), ("cus_3 cus_4 cus_5".to_owned(), json!("cus_5")));
    assert_eq!(page(&mut memory, "limit=3&cursor=cus_5"), ("cus_6".to_owned(), json!(null)));
    assert_eq!(page(&mut memory, "limit=7").1, json!(null), "the last page is known for it");
    assert_eq!(page(&mut memory, "limit=1000").1, json!(null));
    assert_eq!(page(&mut memory, "cursor=cus_6"), (String::new(), json!(null)));
    assert_eq!(page(&mut memory, "limit=2&cursor=cus_3x").0, "cus_4 cus_5");
    assert_eq!(page(&mut memory, "limit=1&cursor=").0, "cus_0");
    for limit in ["0", "1001", "-1", "ten", "", "1.5", "99999999999999999999999"] {
        let (status, answer) = memory.get(&format!("/v1/catalog/customers?limit={limit}"));
        assert_eq!((status, error(&answer)), (400, ("INVALID", "limit", "expected 1 to 1000")), "{limit}");
    }
    for (query, expected) in [
        ("limit=5&limit=2", ("DUPLICATE", "limit", "the field is written twice")),
        ("cursor=cus_1&limit=2&cursor=", ("DUPLICATE", "cursor", "the field is written twice")),
        ("cursor=%00", ("INVALID", "cursor", "expected 1 to 128 visible ASCII characters")),
        ("cursor=%ff", ("INVALID", "", "the query is not UTF-8 in percent-encoding")),
        ("other=%C3", ("INVALID", "", "the query is not UTF-8 in percent-encoding")),
    ] {
        let (status, answer) = memory.get(&format!("/v1/catalog/customers?{query}"));
        assert_eq!((status, error(&answer)), (400, expected), "{query}");
    }
}

#[test]
fn a_list_without_a_limit_has_a_hundred() {
    let mut memory = Memory::new();
    for n in 0..101 {
        memory.put("products", &format!("prd_{n:03}"), &json!({}));
    }
    let (_, answer) = memory.get("/v1/catalog/products");
    assert_eq!((answer["data"].as_array().unwrap().len(), text(&answer, "next_cursor")), (100, "prd_099"));
}

#[test]
fn a_document_replaces_everything() {
    let mut memory = Memory::new();
    memory.put(
        "features",
        "feat_old",
        &json!({"code": "old", "feature_type": {"type": "BOOLEAN"}, "status": "ACTIVE"}),
    );
    memory.put("features", "feat_z", &json!({"code": "sso", "feature_type": {"type": "METERED"}, "status": "ACTIVE"}));
    let (status, answer) = memory.ask("PUT", "/v1/catalog", &document());
    assert_eq!((status, answer["snapshot_version"].as_u64()), (200, Some(3)));
    let counts: Vec<(&str, u64)> =
        answer["entities"].as_object().unwrap().iter().map(|(list, n)| (list.as_str(), n.as_u64().unwrap())).collect();
    assert_eq!(counts, Kind::ALL.map(|kind| (kind.list(), 1)));
    assert_eq!(memory.entities.len(), 10);
    assert_eq!(memory.settings, json!({"ladder": "METEROID", "access_statuses": ["ACTIVE"]}));
    assert_eq!(memory.get("/v1/catalog/features/feat_old").0, 404);

    // A shorter one takes away what it does not name, settings included.
    let (status, answer) = memory.ask("PUT", "/v1/catalog", &json!({"format": 1, "plans": null, "features": []}));
    assert_eq!((status, &answer["entities"]), (200, &json!({"features": 0})));
    assert!(memory.entities.is_empty());
    assert_eq!(memory.settings, json!({}));
}

#[test]
fn a_document_is_taken_whole_or_not_at_all() {
    type Edit = fn(&mut Value);
    let cases: [(&str, &str, Edit); 20] = [
        ("format", "a catalog document says \"format\": 1", |d| drop(d.as_object_mut().unwrap().remove("format"))),
        ("format", "expected 1", |d| d["format"] = json!(2)),
        ("format", "expected 1", |d| d["format"] = json!("1")),
        ("features", "expected an array", |d| d["features"] = json!({})),
        ("customers[1].id", "a required field is missing", |d| d["customers"][1] = json!({})),
        ("customers[1].id", "a required field is missing", |d| d["customers"][1] = json!({"id": 5})),
        ("customers[1].id", "a required field is missing", |d| d["customers"][1] = json!("cus")),
        ("features[0].status", "expected a string, found a number", |d| {
            d["features"][0]["status"] = json!(1);
        }),
        ("ladder", "expected one of STANDARD, METEROID, found `BOTH`", |d| d["ladder"] = json!("BOTH")),
        ("access_statuses[0]", "expected a string, found a number", |d| d["access_statuses"] = json!([1])),
        ("products[1].id", "the id `prd_a` is already that of products[0]", |d| {
            d["products"][1] = json!({"id": "prd_a"})
        }),
        ("coupons[1].code", "the code `EARLY` is already that of coupons[0]", |d| {
            d["coupons"][1] = json!({"id": "cou_b", "code": "EARLY"});
        }),
        ("add_ons[1].id", "the id `add_a` is already that of add_ons[0]", |d| d["add_ons"][1] = json!({"id": "add_a"})),
        ("customers[1].alias", "the alias `a` is already that of customers[0]", |d| {
            d["customers"][1] = json!({"id": "cus_b", "alias": "a"});
        }),
        ("plans[1].versions[0].id", "the id `plv_a` is already that of plans[0].versions[0]", |d| {
            d["plans"][1] = json!({"id": "plan_b", "versions": [{"id": "plv_a"}]});
        }),
        ("add_on_mappings[0].feature", "there is no feature `none`", |d| {
            d["add_on_mappings"][0]["feature"] = json!("none")
        }),
        ("add_on_mappings[0].value.type", "expected a string, found a number", |d| {
            d["add_on_mappings"][0]["value"]["type"] = json!(7);
        }),
        ("add_ons[0].entitlements[0].value", "METERED does not fit a BOOLEAN feature", |d| {
            d["add_ons"][0]["entitlements"][0]["value"] = json!({"type": "METERED"});
        }),
        ("subscriptions[0].customer_id", "there is no customer `cus_b`", |d| {
            d["subscriptions"][0]["customer_id"] = json!("cus_b");
        }),
        ("subscriptions[0].add_ons[0].add_on_id", "there is no add-on `add_b`", |d| {
            d["subscriptions"][0]["add_ons"][0]["add_on_id"] = json!("add_b");
        }),
    ];
    for (path, message, edit) in cases {
        let mut document = document();
        for list in ["customers", "products", "coupons", "add_ons", "plans"] {
            // Room for a second one.
            let first = document[list][0].clone();
            document[list] = json!([first, null]);
        }
        edit(&mut document);
        for kind in Kind::ALL {
            let kept = document[kind.list()].as_array().map(|list| list.iter().filter(|e| !e.is_null()).cloned());
            if let Some(kept) = kept.map(Iterator::collect) {
                document[kind.list()] = Value::Array(kept);
            }
        }
        let mut memory = loaded();
        let before = (memory.version, memory.entities.clone());
        let (status, answer) = memory.ask("PUT", "/v1/catalog", &document);
        assert_eq!((status, error(&answer).1, error(&answer).2), (400, path, message), "{answer}");
        assert_eq!((memory.version, memory.entities), before, "{path}");
    }
}

#[test]
fn a_document_of_one_entity_has_full_paths() {
    let document = json!({"format": 1, "features": [{"id": "feat_a", "code": "A b"}]});
    let (_, answer) = Memory::new().ask("PUT", "/v1/catalog", &document);
    let paths: Vec<&str> =
        answer["error"]["problems"].as_array().unwrap().iter().map(|problem| text(problem, "path")).collect();
    assert_eq!(paths, ["features[0].code", "features[0].feature_type", "features[0].status"]);
}

#[test]
fn a_document_that_is_none_is_refused() {
    for body in ["[]", "null", "1", "\"x\""] {
        let (status, answer) = Memory::new().ask_text("PUT", "/v1/catalog", body);
        let message = "expected a catalog document, which is an object";
        assert_eq!((status, error(&answer)), (400, ("INVALID", "", message)), "{body}");
    }
    for body in ["", "{", "{\"format\": 1}}", "\u{0}"] {
        let (status, answer) = Memory::new().ask_text("PUT", "/v1/catalog", body);
        assert_eq!((status, error(&answer).0), (400, "INVALID_JSON"), "{body}");
    }
    let (status, answer) = Memory::new().ask_text("PUT", "/v1/catalog/plans/plan_a", "[]");
    assert_eq!((status, error(&answer)), (400, ("INVALID", "", "expected an object")));
}

#[test]
fn a_body_says_that_it_is_json() {
    let memory = Memory::new();
    for (content_type, status) in [
        (Some("application/json"), 201),
        (Some("Application/JSON; charset=utf-8"), 201),
        (Some("text/json"), 415),
        (Some("application/jsonx"), 415),
        (None, 415),
    ] {
        let path = "/v1/catalog/products/prd_a";
        let preconditions = Preconditions::default();
        let request = Request {
            method: "PUT",
            path,
            query: "",
            presented: Presented::Not,
            content_type,
            preconditions,
            body: b"{}",
        };
        let mut context = Context { now: memory.now, ids: Ids::new(memory.now, [0; 16]), by: String::new() };
        assert_eq!(answer(&request, &memory, &mut context).reply.status, status, "{content_type:?}");
    }
}

#[test]
fn methods_and_paths_that_are_none() {
    let memory = loaded();
    let ask = |method: &str, path: &str| {
        let preconditions = Preconditions::default();
        let request = Request {
            method,
            path,
            query: "",
            presented: Presented::Not,
            content_type: None,
            preconditions,
            body: b"",
        };
        let mut context = Context { now: memory.now, ids: Ids::new(memory.now, [0; 16]), by: String::new() };
        answer(&request, &memory, &mut context).reply
    };
    for (method, path, allow) in [
        ("POST", "/v1/catalog", "GET, HEAD, PUT"),
        ("DELETE", "/v1/catalog", "GET, HEAD, PUT"),
        ("POST", "/v1/catalog/features", "GET, HEAD"),
        ("PUT", "/v1/catalog/features", "GET, HEAD"),
        ("POST", "/v1/catalog/features/feat_a", "GET, HEAD, PUT, DELETE"),
        ("GET", "/v1/catalog/import", "POST"),
        ("DELETE", "/v1/catalog/import", "POST"),
    ] {
        let reply = ask(method, path);
        let allowed = reply.allow.map(|methods| methods.to_string());
        assert_eq!((reply.status, allowed.as_deref()), (405, Some(allow)), "{method} {path}");
    }
    for (method, path) in [
        ("GET", "/v1/catalog/things"),
        ("POST", "/v1/catalog/things"),
        ("PUT", "/v1/catalog/things/x"),
        ("POST", "/v1/catalog/things/x"),
        ("GET", "/v1/catalog/features/x"),
        ("GET", "/v1/catalog/features/"),
        ("GET", "/v1/catalog/features/feat_a/x"),
        ("GET", "/v1"),
        ("GET", "/"),
        ("GET", ""),
    ] {
        assert_eq!(ask(method, path).status, 404, "{method} {path}");
    }
    let body = ask("GET", "/v1/catalog/things").body.unwrap();
    assert!(text(&body["error"], "message").starts_with("there is no kind `things`; there are products, prices"));
}
