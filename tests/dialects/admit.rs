//! What may be written, whichever way it comes.

use crate::memory::Memory;
use mayuse_dialects::{Change, Kind, admit, text};
use serde_json::{Value, json};

pub fn feature(code: &str, kind: &str) -> Value {
    json!({"code": code, "feature_type": {"type": kind}, "status": "ACTIVE"})
}

pub fn row(feature: &str, kind: &str) -> Value {
    let value = match kind {
        "BOOLEAN" => json!({"type": "BOOLEAN", "enabled": true}),
        _ => json!({"type": "METERED", "limit": "5"}),
    };
    json!([{"feature": feature, "value": value}])
}

pub fn subscription(customer: &str) -> Value {
    json!({
        "customer_id": customer, "plan_id": "plan_a", "plan_version_id": "plv_a", "status": "ACTIVE",
        "start_date": "2026-11-01", "period": "MONTHLY", "billing_day_anchor": 1,
        "current_period_start": "2026-11-01", "current_period_end": "2026-12-01",
    })
}

pub fn with(body: &Value, changes: Value) -> Value {
    let mut body = body.clone();
    for (name, value) in changes.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

/// A subscription with a row and an add-on of its own, a customer with a row, and a spare of each.
pub fn seeded() -> Memory {
    let mut memory = Memory::new();
    for (code, kind) in [
        ("planned", "BOOLEAN"),
        ("default", "BOOLEAN"),
        ("added", "METERED"),
        ("mapped", "METERED"),
        ("given", "METERED"),
        ("sold", "BOOLEAN"),
        ("pool", "METERED"),
        ("unused", "BOOLEAN"),
    ] {
        memory.put("features", &format!("feat_{code}"), &feature(code, kind));
    }
    let versions = json!([{"id": "plv_a", "version": 1}, {"id": "plv_b", "version": 2}]);
    memory.put("plans", "plan_a", &json!({"entitlements": row("planned", "BOOLEAN"), "versions": versions}));
    memory.put("plans", "plan_b", &json!({"versions": [{"id": "plv_c", "version": 1}]}));
    memory.put("add_ons", "add_a", &json!({"entitlements": row("added", "METERED")}));
    memory.put("add_ons", "add_b", &json!({}));
    memory.put("coupons", "cou_a", &json!({"code": "EARLY"}));
    memory.put("coupons", "cou_b", &json!({"code": "LATE"}));
    let mapping = json!({"feature": "feat_mapped", "value": {"type": "METERED", "limit": "1"}});
    memory.put("add_on_mappings", "Extra!", &mapping);
    memory.put("customers", "cus_a", &json!({"alias": "a", "entitlements": row("given", "METERED")}));
    memory.put("customers", "cus_b", &json!({"alias": "b"}));
    let credits = json!({"type": "CREDITS", "pool_feature_id": "feat_pool", "cost": "2"});
    let rows = json!([row("sold", "BOOLEAN")[0], {"feature_id": "feat_added", "value": credits}]);
    let held = json!({
        "add_ons": [{"add_on_id": "add_a", "quantity": 2}],
        "applied_coupons": [{"coupon": {"id": "cou_a"}}],
        "entitlements": rows,
    });
    memory.put("subscriptions", "sub_a", &with(&subscription("cus_a"), held));
    memory
}

/// Asks for a write that is refused, and gives status, path and message.
fn refused(memory: &mut Memory, method: &str, path: &str, body: &Value) -> (u16, String, String) {
    let before = (memory.version, memory.entities.clone());
    let (status, answer) = memory.ask(method, &format!("/v1/catalog/{path}"), body);
    assert!(400 <= status, "{method} {path} {body} is accepted");
    assert_eq!((memory.version, &memory.entities), (before.0, &before.1));
    let error = &answer["error"];
    (status, text(error, "path").to_owned(), text(error, "message").to_owned())
}

#[test]
fn keys_that_others_have_are_taken() {
    for (path, body, message) in [
        ("features/feat_x", feature("sold", "BOOLEAN"), "the code `sold` is already that of feature `feat_sold`"),
        ("features/feat_unused", feature("sold", "BOOLEAN"), "the code `sold` is already that of feature `feat_sold`"),
        ("customers/cus_x", json!({"alias": "a"}), "the alias `a` is already that of customer `cus_a`"),
        ("customers/cus_b", json!({"alias": "a"}), "the alias `a` is already that of customer `cus_a`"),
        ("coupons/cou_x", json!({"code": "EARLY"}), "the code `EARLY` is already that of coupon `cou_a`"),
        (
            "plans/plan_x",
            json!({"versions": [{"id": "plv_x"}, {"id": "plv_b"}]}),
            "the version `plv_b` is already that of plan `plan_a`",
        ),
    ] {
        assert_eq!(refused(&mut seeded(), "PUT", path, &body), (409, String::new(), message.to_owned()));
    }
    // Its own key is nobody else's.
    let mut memory = seeded();
    memory.put("features", "feat_sold", &feature("sold", "BOOLEAN"));
    memory.put("customers", "cus_b", &json!({"alias": "b"}));
    memory.put("coupons", "cou_a", &json!({"code": "EARLY", "x": 1}));
    memory.put("plans", "plan_b", &json!({"versions": [{"id": "plv_c"}]}));
    // And a key that was given up is free.
    memory.put("customers", "cus_b", &json!({"alias": "c"}));
    memory.put("customers", "cus_c", &json!({"alias": "b"}));
}

#[test]
fn what_is_referred_to_does_not_go() {
    let cases = [
        (
            "features/feat_planned",
            "plan `plan_a`.entitlements[0].feature would be broken: there is no feature `planned`",
        ),
        ("features/feat_mapped", "add_on_mapping `Extra!`.feature would be broken: there is no feature `feat_mapped`"),
        ("features/feat_given", "feature `given` cannot be deleted: customer `cus_a` refers to it (1 in all)"),
        ("features/feat_sold", "feature `sold` cannot be deleted: subscription `sub_a` refers to it (1 in all)"),
        ("features/feat_pool", "feature `feat_pool` cannot be deleted: subscription `sub_a` refers to it (1 in all)"),
        ("plans/plan_a", "plan version `plv_a` cannot be deleted: subscription `sub_a` refers to it (1 in all)"),
        ("add_ons/add_a", "add-on `add_a` cannot be deleted: subscription `sub_a` refers to it (1 in all)"),
        ("coupons/cou_a", "coupon `cou_a` cannot be deleted: subscription `sub_a` refers to it (1 in all)"),
        ("customers/cus_a", "customer `cus_a` cannot be deleted: subscription `sub_a` is its own"),
    ];
    for (path, message) in cases {
        let (status, _, found) = refused(&mut seeded(), "DELETE", path, &Value::Null);
        assert_eq!((status, found.as_str()), (409, message));
    }
    for path in [
        "features/feat_unused",
        "plans/plan_b",
        "add_ons/add_b",
        "coupons/cou_b",
        "customers/cus_b",
        "subscriptions/sub_a",
    ] {
        assert_eq!(seeded().ask_text("DELETE", &format!("/v1/catalog/{path}"), "").0, 200, "{path}");
    }
    // Without its subscription, a customer may go, and so may all that the subscription held.
    let mut memory = seeded();
    for path in [
        "subscriptions/sub_a",
        "customers/cus_a",
        "plans/plan_a",
        "add_ons/add_a",
        "coupons/cou_a",
        "features/feat_sold",
    ] {
        assert_eq!(memory.ask_text("DELETE", &format!("/v1/catalog/{path}"), "").0, 200, "{path}");
    }
}

#[test]
fn versions_stay_while_somebody_is_on_them() {
    let mut memory = seeded();
    let versions = |ids: &[&str]| json!({"versions": ids.iter().map(|id| json!({"id": id})).collect::<Vec<_>>()});
    let (status, _, message) = refused(&mut memory, "PUT", "plans/plan_a", &versions(&["plv_b"]));
    assert_eq!(
        (status, message.as_str()),
        (409, "plan version `plv_a` cannot be deleted: subscription `sub_a` refers to it (1 in all)")
    );
    memory.put("plans", "plan_a", &versions(&["plv_a", "plv_new"]));
    // It cannot move to another plan either, even in one write.
    let moved = [
        Change::put(Kind::Plan, with(&versions(&["plv_new"]), json!({"id": "plan_a"}))),
        Change::put(Kind::Plan, with(&versions(&["plv_a", "plv_c"]), json!({"id": "plan_b"}))),
    ];
    let refused = admit(&moved, &memory).unwrap_err();
    assert_eq!(refused.kind.status(), 409);
}

#[test]
fn a_feature_in_use_keeps_its_type_and_its_code() {
    let cases = [
        (
            "planned",
            "METERED",
            "planned",
            "plan `plan_a`.entitlements[0].value would be broken: BOOLEAN does not fit a METERED feature",
        ),
        (
            "mapped",
            "BOOLEAN",
            "mapped",
            "add_on_mapping `Extra!`.value would be broken: METERED does not fit a BOOLEAN feature",
        ),
        (
            "given",
            "BOOLEAN",
            "given",
            "feature `given` cannot change its type: customer `cus_a` refers to it (1 in all)",
        ),
        (
            "sold",
            "METERED",
            "sold",
            "feature `sold` cannot change its type: subscription `sub_a` refers to it (1 in all)",
        ),
        (
            "pool",
            "BOOLEAN",
            "pool",
            "feature `feat_pool` cannot change its type: subscription `sub_a` refers to it (1 in all)",
        ),
        (
            "planned",
            "BOOLEAN",
            "new",
            "plan `plan_a`.entitlements[0].feature would be broken: there is no feature `planned`",
        ),
        (
            "sold",
            "BOOLEAN",
            "new",
            "feature `sold` cannot change its code: subscription `sub_a` refers to it (1 in all)",
        ),
    ];
    for (id, kind, code, message) in cases {
        let (status, _, found) = refused(&mut seeded(), "PUT", &format!("features/feat_{id}"), &feature(code, kind));
        assert_eq!((status, found.as_str()), (409, message));
    }
    let mut memory = seeded();
    memory.put("features", "feat_unused", &feature("used_soon", "METERED"));
    // The mapping and the pool are referred to by id.
    memory.put("features", "feat_mapped", &feature("mapped_2", "METERED"));
    memory.put("features", "feat_pool", &feature("pool_2", "METERED"));
    memory.put("features", "feat_sold", &with(&feature("sold", "BOOLEAN"), json!({"status": "DISABLED"})));
}

#[test]
fn the_mistakes_of_a_write_go_before_what_it_would_break() {
    let mut memory = seeded();
    for (body, path) in [
        (json!({"code": "planned", "status": "ACTIVE"}), "feature_type"),
        (json!({"code": "PLAN NED", "feature_type": {"type": "BOOLEAN"}, "status": "ACTIVE"}), "code"),
        (json!({"code": "planned", "feature_type": {"type": "BOTH"}, "status": "ACTIVE"}), "feature_type.type"),
    ] {
        let (status, found, message) = refused(&mut memory, "PUT", "features/feat_planned", &body);
        assert_eq!((status, found.as_str()), (400, path), "{message}");
    }
}

#[test]
fn broken_references_are_named_by_their_place_in_the_entity() {
    let no_such = |what: &str, id: &str| {
        let versions = "; versions stand in the `versions` of a plan, each with its `id`, or are the `version_id` of a plan without";
        format!("there is no {what} `{id}`{}", if what == "plan version" { versions } else { "" })
    };
    let one = |field: &str, value: Value| with(&subscription("cus_a"), json!({field: value}));
    let cases = [
        (
            "customers/cus_b",
            json!({"entitlements": row("none", "BOOLEAN")}),
            "entitlements[0].feature",
            no_such("feature", "none"),
        ),
        (
            "customers/cus_b",
            json!({"entitlements": row("sold", "METERED")}),
            "entitlements[0].value",
            "METERED does not fit a BOOLEAN feature".to_owned(),
        ),
        (
            "customers/cus_b",
            json!({"entitlements": row("given", "BOOLEAN")}),
            "entitlements[0].value",
            "BOOLEAN does not fit a METERED feature".to_owned(),
        ),
        (
            "customers/cus_b",
            json!({"alias": "a b"}),
            "alias",
            "expected 1 to 128 characters without spaces and control characters".to_owned(),
        ),
        ("subscriptions/sub_b", subscription("cus_none"), "customer_id", no_such("customer", "cus_none")),
        ("subscriptions/sub_b", subscription("a"), "customer_id", no_such("customer", "a")),
        ("subscriptions/sub_b", one("plan_id", json!("plan_none")), "plan_id", no_such("plan", "plan_none")),
        (
            "subscriptions/sub_b",
            one("plan_version_id", json!("plv_none")),
            "plan_version_id",
            no_such("plan version", "plv_none"),
        ),
        (
            "subscriptions/sub_b",
            one("plan_version_id", json!("plv_c")),
            "plan_version_id",
            "`plv_c` is not a version of `plan_a`".to_owned(),
        ),
        (
            "subscriptions/sub_b",
            one("add_ons", json!([{"add_on_id": "add_none"}])),
            "add_ons[0].add_on_id",
            no_such("add-on", "add_none"),
        ),
        (
            "subscriptions/sub_b",
            one("entitlements", row("none", "BOOLEAN")),
            "entitlements[0].feature",
            no_such("feature", "none"),
        ),
        ("subscriptions/sub_b", one("status", json!("GONE")), "status", String::new()),
        ("subscriptions/sub_b", one("start_date", json!("2026-02-30")), "start_date", String::new()),
        (
            "plans/plan_b",
            json!({"versions": [{"id": "plv_c", "entitlements": row("none", "BOOLEAN")}]}),
            "versions[0].entitlements[0].feature",
            no_such("feature", "none"),
        ),
        (
            "add_ons/add_b",
            json!({"entitlements": row("sold", "METERED")}),
            "entitlements[0].value",
            "METERED does not fit a BOOLEAN feature".to_owned(),
        ),
        (
            "features/feat_unused",
            with(&feature("unused", "BOOLEAN"), json!({"entitlement": {"value": {"type": "METERED"}}})),
            "entitlement.value",
            "METERED does not fit a BOOLEAN feature".to_owned(),
        ),
        (
            "add_on_mappings/x",
            json!({"feature": "none", "value": {"type": "METERED"}}),
            "feature",
            no_such("feature", "none"),
        ),
        (
            "add_on_mappings/x",
            json!({"feature": "feat_sold", "value": {"type": "METERED"}}),
            "value",
            "METERED does not fit a BOOLEAN feature".to_owned(),
        ),
        ("add_on_mappings/x", json!({"feature": "given"}), "value", "a required field is missing".to_owned()),
        (
            "add_on_mappings/x",
            json!({"feature": "given", "value": {"type": "METERED", "limit": 5}}),
            "value.limit",
            String::new(),
        ),
        ("add_on_mappings/x", json!({"value": {"type": "METERED"}}), "", String::new()),
    ];
    for (path, body, place, message) in cases {
        let (status, found, said) = refused(&mut seeded(), "PUT", path, &body);
        assert_eq!((status, found.as_str()), (400, place), "{path} {body} {said}");
        assert!(message.is_empty() || said == message, "{said}");
    }
}
