//! Laws of holdings: what is looked up is what the rows come to, whenever and in whatever order questions are asked.

use crate::counting::allocations;
use crate::json::as_value;
use crate::laws::{answer, each};
use crate::random::{Amounts, Rules, cases, catalog, ladder, question};
use crate::random_time::{any_instant, now};
use mayuse_core::{Amount, Bound, FullCatalog, Instant, Outlook, Question, SnapshotMeta, Source, decide, decide_all};
use mayuse_document::{Check, Tree};
use mayuse_tests::compiled;
use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::HashMap;

/// The answer of the long way, which a question takes that asks for its trace.
fn long_way(catalog: &FullCatalog, question: &Value, now: Instant) -> Value {
    let mut explained = question.clone();
    explained["explain"] = Value::Bool(true);
    let mut told = answer(catalog, &explained, now);
    if let Some(told) = told.as_object_mut() {
        told.remove("trace");
        told.remove("trace_truncated");
    }
    told
}

/// The answers on every feature, decided at once.
fn answers(catalog: &FullCatalog, question: &Value, now: Instant) -> Vec<(String, Value)> {
    let check = Check::read(&serde_json::from_value::<Tree>(question.clone()).unwrap()).unwrap();
    let question = check.question();
    let (record, mut told) = (catalog.customers.customer(question.customer), Vec::new());
    decide_all(&catalog.catalog, record.as_ref(), &question, now, |question, decided| {
        if let Ok(decision) = &decided {
            // JSON leaves it out without a limit.
            assert!(decision.metering.is_some() || decision.available.is_none());
        }
        let answer = decided.map_or_else(|problem| json!({ "error": problem.to_string() }), as_value);
        told.push((question.feature.to_owned(), answer));
    });
    told
}

/// The ids of the customers of a catalog document.
fn customers(document: &Value) -> Vec<Value> {
    document["customers"].as_array().unwrap().iter().map(|customer| customer["id"].clone()).collect()
}

/// Whether a question is about a switch or a limit, of which a holding may say what they come to.
fn is_short(question: &Value) -> bool {
    let on = |codes: &[&str]| codes.iter().any(|code| question["feature"] == *code);
    on(&["switch"]) && question["consumed"].is_null()
        || on(&["meter", "pool"]) && [Value::Null, json!("12"), json!("55.5")].contains(&question["consumed"])
}

/// Makes the rows within a document simple: limits without caps, which differ during a trial. Calendar windows go by the
/// clock of a time zone, if one is given.
fn simplify(value: &mut Value, zone: Option<&str>) {
    match value {
        Value::Object(object) => {
            object.remove("caps");
            if let Some(zone) = zone.filter(|_| object.get("type") == Some(&json!("CALENDAR"))) {
                object.insert("time_zone".into(), json!(zone));
            }
            if let Some(overage) = object.get_mut("overage").filter(|overage| overage["behavior"] == "BLOCK") {
                overage["in_trial"] = json!("ALLOW");
            }
            object.values_mut().for_each(|value| simplify(value, zone));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| simplify(item, zone)),
        _ => {}
    }
}

/// A catalog in which many customers hold nearly the same: each subscription is made plain, and has twins that differ
/// from it in one thing each. Two customers have two of them.
fn crowd(n_subscriptions: usize) -> impl Strategy<Value = Value> {
    let zones = ["America/New_York", "Australia/Lord_Howe", "America/Sao_Paulo", "Africa/Monrovia", "Pacific/Apia"];
    let zones = prop::sample::select(zones.to_vec());
    let catalogs = catalog(ladder(), n_subscriptions, Rules::Any, Amounts::Small);
    (catalogs, weighted(0.2, Just(())), weighted(0.5, zones)).prop_map(|(mut document, kept, zone)| {
        if kept.is_none() {
            simplify(&mut document, zone);
            document["access_statuses"] = Value::Null;
            document["customers"].as_array_mut().unwrap().truncate(0);
        }
        let mut subscriptions = Vec::new();
        for mut plain in std::mem::take(document["subscriptions"].as_array_mut().unwrap()) {
            let own_rows = plain["entitlements"].take();
            for field in ["status_since", "status_changes", "seats"] {
                plain[field] = Value::Null;
            }
            let mut held: Vec<Value> = plain["add_ons"].as_array().unwrap().clone();
            for add_on in &mut held {
                (add_on["starts_at"], add_on["expires_at"]) = (Value::Null, Value::Null);
            }
            plain["add_ons"] = json!(held);
            let twin = |field: &str, value: Value| {
                let mut twin = plain.clone();
                twin[field] = value;
                twin
            };
            let one_more = held.iter().map(|add_on| json!({ "add_on_id": add_on["add_on_id"], "quantity": add_on["quantity"].as_u64().unwrap() + 1 }));
            subscriptions.extend([
                twin("status", json!("ACTIVE")),
                twin("status", json!("TRIAL_ACTIVE")),
                twin("period", json!("MONTHLY")),
                twin("period", json!("ANNUAL")),
                twin("activated_at", json!("2024-02-29T11:00:00Z")),
                twin("add_ons", one_more.collect()),
                twin("entitlements", own_rows.clone()),
                twin("components", json!([{ "name": "Seat", "product_id": "prd_a" }])),
                twin("entitlements", own_rows),
                plain,
            ]);
        }
        let customers = document["customers"].as_array_mut().unwrap();
        for (n, subscription) in subscriptions.iter_mut().enumerate() {
            let owner = format!("cus_{}", if n == 5 { 6 } else { n });
            (subscription["id"], subscription["customer_id"]) = (json!(format!("sub_{n}")), json!(owner));
            customers.push(json!({ "id": format!("cus_{n}"), "name": "Twin" }));
        }
        document["subscriptions"] = json!(subscriptions);
        document
    })
}

proptest! {
    #![proptest_config(cases(100))]

    #[test]
    fn a_look_up_answers_as_the_rows_do(
        document in prop_oneof![1 => catalog(ladder(), 3, Rules::Any, Amounts::Small).boxed(), 3 => crowd(3).boxed()],
        question in question(Amounts::Small),
        instants in vec(prop_oneof![6 => now(), 1 => any_instant()], 4),
        consumed in prop::sample::select(vec![Value::Null, json!("12"), json!("55.5")]),
    ) {
        let catalog = compiled(&document.to_string());
        // Time goes forward and back, and other customers ask first about the same holding.
        for now in &instants {
            for customer in customers(&document) {
                for mut question in each(&question, false).into_iter().filter(is_short) {
                    question["customer"] = customer.clone();
                    question["subscription_id"] = Value::Null;
                    let told = answer(&catalog, &question, *now);
                    prop_assert_eq!(&told, &long_way(&catalog, &question, *now), "{} at {}", question, now);
                    if question["feature"] != "meter" || question["consumed"] != consumed {
                        continue;
                    }
                    // On every feature at once, each answer leaves nothing for the next.
                    for (feature, told) in answers(&catalog, &question, *now) {
                        question["feature"] = json!(feature);
                        prop_assert_eq!(&told, &long_way(&catalog, &question, *now), "{} at {}", question, now);
                    }
                }
            }
        }
    }

    #[test]
    fn an_outlook_stands_as_long_as_it_says(
        document in crowd(2),
        instants in vec(now(), 6),
        later in 1_i64..1_000,
    ) {
        let catalog = compiled(&document.to_string());
        let codes: Vec<&str> = catalog.catalog.feature_codes().collect();
        // The bounds of a holding, by its number: they are those of all customers that hold it.
        let mut bounds: HashMap<Option<u32>, Vec<Bound>> = HashMap::new();
        for (customer, now) in customers(&document).iter().flat_map(|customer| instants.iter().map(move |now| (customer, now))) {
            let customer = customer.as_str().unwrap();
            let record = catalog.customers.customer(customer);
            let Some(outlook) = record.as_ref().and_then(|record| Outlook::of(&catalog.catalog, record, *now)) else {
                continue;
            };
            let bound = |code: &&str| outlook.bound(catalog.catalog.feature_at(code).unwrap());
            bounds.entry(outlook.holding()).or_insert_with(|| codes.iter().map(bound).collect());
            let until = outlook.until().unwrap_or(Instant::MAX);
            prop_assert!(*now < until);
            let span = until.millis() - now.millis();
            let then = [now.millis(), now.millis() + span / 1_000 * later, until.millis() - 1].map(|ms| Instant::from_millis(ms).unwrap());
            for (code, then) in codes.iter().flat_map(|code| then.iter().map(move |then| (code, then))) {
                let bound = bounds.get(&outlook.holding()).unwrap()[codes.iter().position(|other| other == code).unwrap()];
                for used in [-3_i64, 0, 1, 12, 30, 55, 1_000_000] {
                    let used = Amount::parse(&used.to_string()).unwrap();
                    let question = Question { consumed: Some(used), ..Question::new(customer, code) };
                    let allowed = decide(&catalog, &question, *then).unwrap().allowed;
                    let said = match bound {
                        Bound::Ask => continue,
                        Bound::Denied => false,
                        Bound::Allowed => true,
                        Bound::UpTo(most) => used.plus(Amount::ONE).unwrap() <= most,
                    };
                    prop_assert_eq!(said, allowed, "{} {} at {} with {}: {:?}", customer, code, then, used, bound);
                }
                if matches!(bound, Bound::Denied | Bound::Allowed) {
                    let allowed = decide(&catalog, &Question::new(customer, code), *then).unwrap().allowed;
                    prop_assert_eq!(bound == Bound::Allowed, allowed);
                }
            }
        }
    }
}

/// An outlook says nothing where a decision finds the snapshot too old, or amounts without an exact sum.
#[test]
fn an_outlook_says_no_more_than_a_decision() {
    let limit = json!({ "type": "METERED", "limit": "0.0000000000000000000000000001", "reset_period": { "type": "NEVER" }, "overage": { "behavior": "ALLOW" } });
    let feature = |code: &str, kind: &str| json!({ "id": code, "code": code, "feature_type": { "type": kind }, "status": "ACTIVE" });
    let document = json!({
        "format": 1, "features": [feature("calls", "METERED"), feature("sso", "BOOLEAN")],
        "plans": [{ "id": "plan_p", "name": "P", "versions": [{ "id": "plv_p", "version": 1, "entitlements": [
            { "feature": "calls", "value": limit }, { "feature": "sso", "value": { "type": "BOOLEAN", "enabled": true } },
        ] }] }],
        "customers": [{ "id": "cus_a", "name": "A" }],
        "subscriptions": [{
            "id": "sub_a", "customer_id": "cus_a", "plan_id": "plan_p", "plan_version_id": "plv_p", "status": "ACTIVE",
            "start_date": "2025-01-01", "period": "MONTHLY", "billing_day_anchor": 1, "current_period_start": "2025-06-01",
            "current_period_end": "2025-07-01", "add_ons": [],
        }],
    });
    let mut catalog = compiled(&document.to_string());
    let made = Instant::parse("2025-06-10").unwrap();
    let bounds = |catalog: &FullCatalog, now: Instant| {
        let record = catalog.customers.customer("cus_a").unwrap();
        let outlook = Outlook::of(&catalog.catalog, &record, now)?;
        Some(["calls", "sso"].map(|code| outlook.bound(catalog.catalog.feature_at(code).unwrap())))
    };
    assert_eq!(bounds(&catalog, made), Some([Bound::Ask, Bound::Allowed]));
    let question = Question { consumed: Some(Amount::parse("12").unwrap()), ..Question::new("cus_a", "calls") };
    assert!(decide(&catalog, &question, made).is_err());

    catalog.catalog.snapshot = SnapshotMeta {
        generated_at: Some(made),
        max_age_ms: Some(0),
        source: Source::Snapshot,
        ..catalog.catalog.snapshot
    };
    for ms in [-5, 0, 5] {
        let now = Instant::from_millis(made.millis() + ms).unwrap();
        assert!(!decide(&catalog, &Question::new("cus_a", "sso"), now).unwrap().allowed);
        assert_eq!(bounds(&catalog, now), None, "{ms}");
    }
}

/// Two customers who hold the same, but for one thing, get each its own answer, whoever asks first.
#[test]
fn customers_with_nearly_the_same_holding_are_told_apart() {
    let row = |feature: &str, value: Value| json!({ "feature": feature, "value": value });
    let limit = |n: &str, period: Value| json!({ "type": "METERED", "limit": n, "reset_period": period });
    let months = json!({ "type": "BILLING_CYCLE", "sub_cycle": "MONTHLY" });
    let days = json!({ "type": "FIXED_WINDOW", "unit": "DAY", "interval": 10 });
    let mut started = row("hits", limit("7", days.clone()));
    started["starts_at"] = json!("2025-01-05T00:00:00Z");
    let feature = |code: &str, kind: &str| json!({ "id": format!("feat_{code}"), "code": code, "feature_type": { "type": kind }, "status": "ACTIVE" });
    let on = json!({ "type": "BOOLEAN", "enabled": true });
    let subscription = |id: &str, customer: &str, version: &str, period: &str, start: &str, add_on: &str| {
        json!({
            "id": id, "customer_id": customer, "plan_version_id": version, "plan_id": "plan_p", "status": "ACTIVE",
            "start_date": start, "period": period, "billing_day_anchor": 1, "current_period_start": "2025-06-01",
            "current_period_end": "2025-07-01", "add_ons": [{ "add_on_id": add_on, "quantity": 1 }],
        })
    };
    let document = json!({
        "format": 1, "features": [feature("calls", "METERED"), feature("hits", "METERED"), feature("sso", "BOOLEAN")],
        "plans": [{ "id": "plan_p", "name": "P", "versions": [
            { "id": "plv_p", "version": 1, "entitlements": [row("calls", limit("10", json!({ "type": "BILLING_CYCLE" }))), row("hits", limit("1", days))] },
            { "id": "plv_a", "version": 2, "entitlements": [row("sso", on.clone())] },
        ] }],
        "add_ons": [
            { "id": "add_x", "name": "X", "entitlements": [row("calls", limit("5", months)), started] },
            { "id": "add_z", "name": "Z", "entitlements": [row("sso", on)] },
        ],
        "customers": (["cus_month", "cus_year", "cus_row", "cus_two"]).map(|id| json!({ "id": id, "name": id })),
        "subscriptions": [
            subscription("sub_1", "cus_month", "plv_p", "MONTHLY", "2025-01-01", "add_x"),
            subscription("sub_2", "cus_year", "plv_p", "ANNUAL", "2025-01-01", "add_x"),
            subscription("sub_3", "cus_row", "plv_p", "MONTHLY", "2025-01-05", "add_x"),
            subscription("sub_4", "cus_two", "plv_a", "MONTHLY", "2025-01-01", "add_x"),
            subscription("sub_5", "cus_two", "plv_p", "MONTHLY", "2025-01-01", "add_z"),
        ],
    });
    let mut order = customers(&document);
    let now = Instant::parse("2025-06-15T12:00:00Z").unwrap();
    for _ in 0..order.len() {
        let catalog = compiled(&document.to_string());
        for (customer, feature) in
            order.iter().flat_map(|customer| ["calls", "hits", "sso"].map(|feature| (customer, feature)))
        {
            let question = json!({ "customer": customer, "feature": feature, "consumed": "3" });
            assert_eq!(answer(&catalog, &question, now), long_way(&catalog, &question, now), "{question}");
        }
        order.rotate_left(1);
    }
}

/// A catalog keeps a bounded number of holdings, and answers about the others all the same.
#[test]
fn more_holdings_than_are_kept() {
    let n_customers = 6_000;
    let subscription = |n: usize| {
        json!({
            "id": format!("sub_{n}"), "customer_id": format!("cus_{n}"), "plan_id": "plan_p", "plan_version_id": "plv_p",
            "status": "ACTIVE", "start_date": "2025-01-01", "period": "MONTHLY", "billing_day_anchor": 1,
            "current_period_start": "2025-06-01", "add_ons": [{ "add_on_id": "add_x", "quantity": n + 1 }],
        })
    };
    let limit = json!({ "feature": "calls", "value": { "type": "METERED", "limit": "2" } });
    let document = json!({
        "format": 1,
        "features": [{ "id": "feat_calls", "code": "calls", "feature_type": { "type": "METERED" }, "status": "ACTIVE" }],
        "plans": [{ "id": "plan_p", "name": "P", "versions": [{ "id": "plv_p", "version": 1 }] }],
        "add_ons": [{ "id": "add_x", "name": "X", "entitlements": [limit] }],
        "customers": (0..n_customers).map(|n| json!({ "id": format!("cus_{n}"), "name": "N" })).collect::<Vec<_>>(),
        "subscriptions": (0..n_customers).map(subscription).collect::<Vec<_>>(),
    });
    let catalog = compiled(&document.to_string());
    let now = Instant::parse("2025-06-15T12:00:00Z").unwrap();
    let consumed = Some(Amount::ONE);
    let ask = |n: usize| {
        let customer = format!("cus_{n}");
        let question = Question { consumed, ..Question::new(&customer, "calls") };
        let limit = decide(&catalog, &question, now).unwrap().metering.unwrap().limit;
        assert_eq!(limit, Amount::parse(&(2 * (n + 1)).to_string()).ok());
        allocations(|| drop(decide(&catalog, &question, now))).0
    };
    // What is kept needs no memory the second time.
    let kept = (0..n_customers).filter(|n| ask(*n) == 0).count();
    assert!(3_900 < kept && kept <= 4_096, "{kept}");
    assert!(0 < ask(n_customers - 1) && ask(0) == 0);
}
