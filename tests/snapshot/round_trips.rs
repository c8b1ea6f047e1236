//! What the second edition of the model adds comes back from packed bytes as it was.

use crate::cutting::{SEED, cut, definitions, sorted};
use mayuse_core::{
    Access, AccessCondition, AccessEntry, Billing, BillingPeriod, BillingSchedule, BlockBuilder, Catalog,
    CustomerBlock, CustomerEntry, Definitions, FeatureDefinition, FeatureIdx, FeatureType, FullCatalog, Instant,
    Ladder, Packed, PlanDefinition, Question, Reason, Status, SubscriptionEntry, SymbolTable, UncheckedGrant,
    UncheckedValue, VersionDefinition, Zone, decide,
};
use serde_json::{Value, json};

fn feature(id: &str, feature_type: Value) -> Value {
    json!({ "id": id, "code": id, "feature_type": feature_type, "status": "ACTIVE" })
}

fn config(id: &str, value_type: &str) -> Value {
    feature(id, json!({ "type": "CONFIG", "value_type": value_type, "options": ["bronze", "silver", "gold"] }))
}

fn row(id: &str, feature: &str, value: Value) -> Value {
    json!({ "id": id, "feature": feature, "value": value })
}

/// A catalog with everything that format 2 adds.
fn document() -> Value {
    let told = |kind: &str, value: Value| json!({ "type": "CONFIG", "value": { "kind": kind, "value": value } });
    let mut number = told("NUMBER", json!("12.5"));
    number["per_seat"] = json!(true);
    number["enabled"] = json!(false);
    let metered = json!({
        "type": "METERED", "limit": "100", "reset_period": { "type": "CALENDAR", "unit": "MONTH", "interval": 1 },
        "overage": { "behavior": "ALLOW", "in_trial": "BLOCK" }, "per_seat": true,
        "caps": [
            { "limit": "10", "reset_period": { "type": "FIXED_WINDOW", "unit": "HOUR", "interval": 5 } },
            { "limit": "40", "reset_period": { "type": "CALENDAR", "unit": "WEEK", "interval": 1 } },
        ],
    });
    let mut first = row("ent_1", "m", metered.clone());
    first["expires_at"] = json!("2026-03-01");
    let mut second = row("ent_2", "m", metered);
    second["starts_at"] = json!("2026-03-01T00:00:00Z");
    json!({
        "format": 1,
        "access_statuses": [
            "ACTIVE", { "status": "CANCELLED", "until": "END_DATE" }, { "status": "SUSPENDED", "for_days": 7 },
            "ABORTED", { "status": "ACTIVE", "for_days": 1 },
        ],
        "fallback_plan_version_id": "plv_b",
        "features": [
            feature("m", json!({ "type": "METERED" })), config("number", "NUMBER"), config("bool", "BOOLEAN"),
            config("text", "TEXT"), config("select", "SELECT"), config("map", "MAP"), config("json", "JSON"),
        ],
        "plans": [
            { "id": "plan_b", "status": "ARCHIVED", "versions": [{ "id": "plv_b", "entitlements": [
                row("ent_3", "number", number),
                row("ent_4", "bool", told("BOOLEAN", json!(true))),
                row("ent_5", "text", told("TEXT", json!("Grüß dich"))),
                row("ent_6", "select", told("TEXT", json!("gold"))),
                row("ent_7", "map", told("JSON", json!({ "a": [1, null, "b\n"], "c": {} }))),
                row("ent_8", "json", told("JSON", json!([1.5]))),
            ] }] },
            { "id": "plan_a", "archived_at": "2026-01-01", "versions": [{ "id": "plv_a" }], "entitlements": [second, first] },
        ],
        "add_ons": [
            { "id": "add_a", "self_serviceable": true, "max_instances_per_subscription": 7 },
            { "id": "add_b", "max_instances_per_subscription": 0, "associate_plans": "all_plans" },
            { "id": "add_c", "associate_plans": "selected_plans", "plans_array": ["plan_b", "plan_a", "gone"] },
        ],
        "customers": [{ "id": "cus_a", "created_at": "2026-01-02T03:04:05Z" }],
        "subscriptions": [{
            "id": "sub_a", "customer_id": "cus_a", "plan_id": "plan_a", "plan_version_id": "plv_a", "status": "ABORTED",
            "start_date": "2025-01-01", "billing_day_anchor": 1, "period": "MONTHLY",
            "current_period_start": "2025-06-01", "seats": 5, "status_since": "2026-01-05T00:00:00Z",
            "status_changes": [
                { "status": "ACTIVE", "at": "2026-03-01T00:00:00Z" }, { "status": "PAUSED", "at": "2026-02-01" },
            ],
            "components": [
                { "product_id": "prd_a", "fee": { "type": "SLOT", "initial_slots": 3 } },
                { "fee": { "type": "SLOT", "initial_slots": 2 } }, { "fee": { "type": "RATE" } },
            ],
            "add_ons": [
                { "add_on_id": "add_b", "quantity": 2, "starts_at": "2026-01-01", "expires_at": "2026-02-01" },
                { "add_on_id": "add_b", "quantity": 2 },
                { "add_on_id": "add_b", "quantity": 1, "starts_at": "2026-02-01" },
                { "add_on_id": "add_a" },
            ],
        }],
    })
}

/// The catalog as text, without the counts of rows, which only a document has.
fn shown(catalog: &Catalog) -> String {
    format!("{catalog:#?}").replace("_rows: true", "_rows: false")
}

#[test]
fn the_catalog() {
    let (object, catalog) = definitions(&document()).unwrap();
    let opened = Catalog::open(&object).unwrap();
    assert_eq!(shown(&opened), shown(&catalog));
    let text = shown(&opened);
    for part in ["UntilEndDate", "ForDays(\n", "Json(\n", "Select(\n", "in_trial: Some", "position: 1", "ItsProduct"] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    assert!(text.contains(r#""{\"a\":[1,null,\"b\\n\"],\"c\":{}}""#), "{text}");
    // A status that always grants needs no condition.
    assert!(!text.contains("ForDays(\n                    1,"), "{text}");
    for end in (0..object.as_str().len()).filter(|end| object.as_str().is_char_boundary(*end)) {
        assert!(Catalog::open(&Packed::from(object.as_str()[..end].to_owned())).is_err(), "cut off after {end}");
    }
}

#[test]
fn customers_and_subscriptions() {
    let document = document();
    let (_, catalog) = definitions(&document).unwrap();
    let block = sorted(&catalog, &document, SEED).unwrap().block(0, 0).0;
    CustomerBlock::open(block.clone(), &catalog).unwrap();
    let mut builder = BlockBuilder::new(&catalog, SEED);
    builder.add_block(&block, |_| true).unwrap();
    assert_eq!(builder.sorted().unwrap().block(0, 0).0.as_str(), block.as_str());
    for end in (0..block.as_str().len()).filter(|end| block.as_str().is_char_boundary(*end)) {
        let cut = Packed::from(block.as_str()[..end].to_owned());
        assert!(CustomerBlock::open(cut, &catalog).is_err(), "cut off after {end}");
    }
}

#[test]
fn the_order_of_writing_does_not_matter() {
    let turned = |at: &str| {
        let mut other = document();
        other.pointer_mut(at).unwrap().as_array_mut().unwrap().reverse();
        let (one, other) = (cut(&document(), 0), cut(&other, 0));
        assert_eq!(one.catalog_object.as_str(), other.catalog_object.as_str(), "{at}");
        assert_eq!(one.blocks[0].as_str(), other.blocks[0].as_str(), "{at}");
    };
    turned("/access_statuses");
    turned("/features");
    turned("/plans/1/entitlements");
    turned("/plans/1/entitlements/0/value/caps");
    turned("/add_ons/2/plans_array");
    turned("/subscriptions/0/status_changes");
    turned("/subscriptions/0/components");
    turned("/subscriptions/0/add_ons");
}

/// A status that this version does not know grants if `access_statuses` has that very word.
#[test]
fn words_that_are_not_known() {
    let at = |text: &str| Instant::parse(text).unwrap();
    let listed = ["ON_HOLD", "ZZZ"].map(|word| AccessEntry {
        status: Status::Unknown,
        word: word.into(),
        condition: AccessCondition::Always,
    });
    let feature_type = |id, feature_type| FeatureDefinition {
        id,
        code: id,
        name: id,
        feature_type: Some(feature_type),
        active: true,
        product: None,
        default: Some(UncheckedGrant {
            feature: FeatureIdx::from(0),
            id: "ent",
            created_at: None,
            starts_at: None,
            expires_at: None,
            value: UncheckedValue::Boolean { enabled: true },
        }),
        on_indeterminate: None,
        max_age_ms: None,
        has_no_units: false,
    };
    let mut unread = feature_type("f_unread", FeatureType::Boolean);
    unread.default.iter_mut().for_each(|row| (row.feature, row.value) = (1.into(), UncheckedValue::Unknown));
    let mut untyped = feature_type("g_untyped", FeatureType::Unknown);
    untyped.default.iter_mut().for_each(|row| row.feature = 2.into());
    let definitions = Definitions {
        ladder: Ladder::standard(),
        access: Access::new(listed.to_vec()),
        zones: vec![Zone {
            name: "Europe/Berlin".into(),
            offsets: vec![(Instant::EPOCH, 3_600), (at("1980-04-06"), 7_200)],
        }],
        fallback_plan_version: None,
        features: vec![feature_type("a_switch", FeatureType::Boolean), unread, untyped],
        plans: vec![PlanDefinition {
            id: "plan",
            name: "plan",
            archived_at: None,
            position: 0,
            grants: Vec::new(),
            versions: vec![VersionDefinition { id: "plv", version: 1, products: Vec::new(), grants: Vec::new() }],
        }],
        add_ons: Vec::new(),
    };
    let compiled = Catalog::new(&definitions, SymbolTable::new(&definitions));
    let catalog = Catalog::open(&definitions.pack()).unwrap();
    assert_eq!(shown(&catalog), shown(&compiled));
    let schedule = BillingSchedule::new(BillingPeriod::MONTHLY, 1).unwrap();
    let mut builder = BlockBuilder::new(&catalog, SEED);
    for (n, word) in ["ON_HOLD", "ON_HOLDS", "on_hold"].into_iter().enumerate() {
        let id = format!("c{n}");
        builder.add_customer(CustomerEntry {
            n,
            id: &id,
            alias: None,
            name: &id,
            archived_at: None,
            created_at: None,
            grants: Vec::new(),
        });
        builder.add_subscription(SubscriptionEntry {
            n,
            id: &id,
            customer: &id,
            version: "plv",
            status: Status::Unknown,
            status_word: word,
            status_since: None,
            status_changes: Vec::new(),
            start: at("2025-01-01"),
            end: None,
            trial_end: None,
            activated_at: None,
            billing: Billing::new(schedule, at("2025-06-01"), None, None, None).unwrap(),
            products: Vec::new(),
            seats: None,
            slots: Vec::new(),
            add_ons: Vec::new(),
            grants: Vec::new(),
        });
    }
    let block = builder.sorted().unwrap().block(0, 0).0;
    let customers = CustomerBlock::open(block, &catalog).unwrap();
    let full = FullCatalog { catalog, customers };
    let reason = |customer, feature| decide(&full, &Question::new(customer, feature), at("2026-01-01")).unwrap().reason;
    assert_eq!(reason("c0", "a_switch"), Reason::Enabled);
    assert_eq!(reason("c1", "a_switch"), Reason::NoActiveSubscription);
    assert_eq!(reason("c2", "a_switch"), Reason::NoActiveSubscription);
    assert_eq!(reason("c0", "f_unread"), Reason::TypeMismatch);
    assert_eq!(reason("c0", "g_untyped"), Reason::TypeMismatch);
}

/// The problem of a document with this value at this place.
#[track_caller]
fn check_refused(at: &str, value: Value, expected: &str) {
    let mut other = document();
    let (parent, name) = at.rsplit_once('/').unwrap();
    match other.pointer_mut(parent).unwrap() {
        Value::Array(items) => items[name.parse::<usize>().unwrap()] = value,
        object => object[name] = value,
    }
    let refused = definitions(&other).and_then(|(_, catalog)| sorted(&catalog, &other, SEED).map(drop));
    let message = refused.expect_err(expected);
    assert!(message.contains(expected), "`{message}` instead of `{expected}`");
}

#[test]
fn documents_that_are_refused() {
    let cap =
        |unit: &str| json!({ "limit": "1", "reset_period": { "type": "FIXED_WINDOW", "unit": unit, "interval": 1 } });
    let value = "/plans/1/entitlements/0/value";
    check_refused(&format!("{value}/caps"), json!([cap("HOUR"), cap("HOUR")]), "differ from each other");
    let own = json!({ "limit": "1", "reset_period": { "type": "CALENDAR", "unit": "MONTH", "interval": 1 } });
    check_refused(&format!("{value}/caps"), json!([own]), "differ from each other");
    check_refused(&format!("{value}/caps"), json!(vec![cap("HOUR"); 9]), "at most 8 caps, found 9");
    check_refused(&format!("{value}/caps"), json!([{ "limit": "1" }]), "caps[0].reset_period");
    check_refused("/plans/1/entitlements/0/starts_at", json!("2026-02-28"), "is already on the same feature");
    check_refused("/plans/1/entitlements/1/starts_at", json!("2026-03-01"), "must come after");
    let on = |value: Value| row("ent_9", "m", value);
    let credits = json!({ "type": "CREDITS", "pool_feature_id": "m", "cost": "1", "per_seat": true });
    check_refused("/plans/1/entitlements", json!([on(credits)]), "`per_seat` is for METERED values");
    let switch = json!({ "type": "BOOLEAN", "enabled": true, "caps": [] });
    check_refused("/plans/1/entitlements", json!([on(switch)]), "`caps` is for METERED values");
    let told = "/plans/0/versions/0/entitlements";
    check_refused(&format!("{told}/0/value/caps"), json!([]), "`caps` is for METERED values");
    check_refused(&format!("{told}/1/value/per_seat"), json!(true), "`per_seat` is for numbers");
    check_refused(&format!("{told}/0/value/value/value"), json!("-1"), "must not be negative");
    check_refused(&format!("{told}/2/value/value/value"), json!("x".repeat(16_385)), "at most 16 KiB");
    check_refused(&format!("{told}/5/value/value/value"), json!(["x".repeat(16_384)]), "at most 16 KiB");
    let deep = (0..33).fold(json!(1), |inner, _| json!([inner]));
    check_refused(&format!("{told}/5/value/value/value"), deep, "at most 32 levels");
    check_refused("/features/4/feature_type/options", json!([]), "at least one option");
    check_refused("/features/4/feature_type/options", json!(["a", "a"]), "listed twice");
    check_refused("/fallback_plan_version_id", json!("plv_c"), "there is no plan version `plv_c`");
    check_refused("/subscriptions/0/seats", json!(0), "at least 1");
    let both = json!([{ "status": "ACTIVE", "until": "END_DATE", "for_days": 1 }]);
    check_refused("/access_statuses", both, "not both");
}

/// CONFIG rows that do not fit their feature are type mismatches.
#[test]
fn config_values_fit_their_feature() {
    let check = |value_type: &str, kind: &str, value: Value, expected: Option<&str>| {
        let told = json!({ "type": "CONFIG", "value": { "kind": kind, "value": value } });
        let document = json!({
            "format": 1, "features": [config("f", value_type)],
            "plans": [{ "id": "p", "entitlements": [row("ent", "f", told)] }],
        });
        let document: mayuse_document::Document = serde_json::from_value(document).unwrap();
        let (_, _, problems) = document.pack_definitions().unwrap();
        let messages: Vec<&str> = problems.list.iter().map(|problem| &*problem.message).collect();
        assert_eq!(messages, expected.as_slice(), "{value_type} {kind}");
    };
    check("NUMBER", "NUMBER", json!("0"), None);
    check("NUMBER", "TEXT", json!("0"), Some("the feature takes a value of kind NUMBER"));
    check("BOOLEAN", "BOOLEAN", json!(false), None);
    check("BOOLEAN", "JSON", json!(false), Some("the feature takes a value of kind BOOLEAN"));
    check("TEXT", "TEXT", json!(""), None);
    check("TEXT", "JSON", json!("a"), Some("the feature takes a value of kind TEXT"));
    check("SELECT", "TEXT", json!("silver"), None);
    check("SELECT", "TEXT", json!("Silver"), Some("the text is none of the options of the feature"));
    check("SELECT", "NUMBER", json!("1"), Some("the feature takes a value of kind TEXT, one of its options"));
    check("MAP", "JSON", json!({}), None);
    check("MAP", "JSON", json!([]), Some("the feature takes a value of kind JSON that is an object"));
    check("JSON", "JSON", json!([]), None);
    check("JSON", "BOOLEAN", json!(true), Some("the feature takes a value of kind JSON"));
}
