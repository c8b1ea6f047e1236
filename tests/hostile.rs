//! Hostile and broken input: every problem is named, with its place, and none of it does harm.

use mayuse_core::{Amount, Code, Instant, Problem, Problems, Question, Severity, WriteJson, decide};
use mayuse_document::{Check, Document, Tree, ask_window};
use mayuse_tests::{compiled, instant};
use serde_json::{Value, json};

/// A small catalog without a fault.
fn catalog_document() -> Value {
    json!({
        "format": 1,
        "features": [
            { "id": "feat_s", "code": "s", "feature_type": { "type": "BOOLEAN" }, "status": "ACTIVE" },
            { "id": "feat_m", "code": "m", "feature_type": { "type": "METERED" }, "status": "ACTIVE" },
        ],
        "plans": [{ "id": "plan_p", "versions": [{ "id": "plv_p" }], "entitlements": [metered("10")] }],
        "add_ons": [{ "id": "add_a", "entitlements": [metered("5")] }],
        "customers": [{ "id": "cus_c", "alias": "c" }],
        "subscriptions": [{
            "id": "sub_s", "customer_id": "cus_c", "plan_id": "plan_p", "plan_version_id": "plv_p", "status": "ACTIVE",
            "start_date": "2025-01-01", "billing_day_anchor": 1, "period": "MONTHLY",
            "current_period_start": "2025-06-01", "current_period_end": "2025-07-01",
            "add_ons": [{ "add_on_id": "add_a", "quantity": 1 }],
        }],
    })
}

fn metered(limit: &str) -> Value {
    let rule = json!({ "type": "CALENDAR", "unit": "MONTH", "interval": 1 });
    json!({ "id": "ent_m", "feature": "m", "value": { "type": "METERED", "limit": limit, "reset_period": rule } })
}

pub fn problems_of(text: &str) -> Problems {
    let document = Document::parse(text).unwrap();
    document.compile().expect_err("a document with a fault")
}

#[track_caller]
pub fn assert_says(found: &Problem, code: Code, path: &str, message: &str) {
    assert_eq!((found.code, found.place.to_string().as_str()), (code, path), "{found}");
    assert!(found.message.contains(message), "expected `{message}` in `{}`", found.message);
}

/// The catalog with `value` at the JSON pointer `at` has this one problem.
#[track_caller]
fn check(at: &str, value: Value, code: Code, path: &str, message: &str) {
    let mut document = catalog_document();
    // The last part of the pointer may name a field that is not there yet, or, as `-`, a further element.
    let (parent, name) = at.rsplit_once('/').unwrap();
    match document.pointer_mut(parent).unwrap_or_else(|| panic!("{at} leads nowhere")) {
        Value::Array(items) if name == "-" => items.push(value),
        Value::Array(items) => items[name.parse::<usize>().unwrap()] = value,
        parent => parent[name] = value,
    }
    let problems = problems_of(&document.to_string());
    assert_eq!(problems.list.len(), 1, "{problems}");
    assert_says(&problems.list[0], code, path, message);
}

/// The same, of a text where JSON values cannot say it.
#[track_caller]
fn check_text(from: &str, to: &str, code: Code, path: &str, message: &str) {
    let text = catalog_document().to_string();
    assert_eq!(text.matches(from).count(), 1, "`{from}` is not in the document once");
    let problems = problems_of(&text.replace(from, to));
    assert_says(&problems.list[0], code, path, message);
}

const RULE: &str = "/plans/0/entitlements/0/value/reset_period";
const RULE_PATH: &str = "plans[0].entitlements[0].value.reset_period";
const LIMIT: &str = "/plans/0/entitlements/0/value/limit";
const LIMIT_PATH: &str = "plans[0].entitlements[0].value.limit";

#[test]
fn the_catalog_is_without_a_fault() {
    let document: Document = serde_json::from_value(catalog_document()).unwrap();
    let (_, problems) = document.compile().unwrap();
    assert!(problems.list.is_empty(), "{problems}");
}

#[test]
fn intervals_are_1_to_10000() {
    for interval in [0, 10_001, -1, i64::MAX, i64::MIN] {
        let message = format!("interval must be 1 to 10000, found {interval}");
        check(
            &format!("{RULE}/interval"),
            json!(interval),
            Code::OutOfRange,
            &format!("{RULE_PATH}.interval"),
            &message,
        );
    }
    check(&format!("{RULE}/interval"), json!(1.5), Code::WrongType, &format!("{RULE_PATH}.interval"), "a whole number");
    let question =
        r#"{"rule": {"type": "SLIDING_WINDOW", "unit": "YEAR", "interval": 0}, "at": "2025-01-01T00:00:00Z"}"#;
    let problems = ask_window(&Tree::parse(question).unwrap(), mayuse_zones::offsets).unwrap_err();
    assert_says(&problems.list[0], Code::OutOfRange, "rule.interval", "found 0");
}

#[test]
fn anchors_are_1_to_32767() {
    let anchor = "/subscriptions/0/billing_day_anchor";
    for found in [0, 32_768, -1] {
        let message = format!("billing_day_anchor must be 1 to 32767, found {found}");
        check(anchor, json!(found), Code::OutOfRange, "subscriptions[0].billing_day_anchor", &message);
    }
    let mut document = catalog_document();
    document["subscriptions"][0]["billing_day_anchor"] = json!(32_767);
    compiled(&document.to_string());
}

#[test]
fn only_what_waits_for_its_activation_has_a_period_without_a_day() {
    let (at, path) = ("/subscriptions/0/current_period_end", "subscriptions[0]");
    for end in ["2025-06-01", "2025-05-31"] {
        check(at, json!(end), Code::Invalid, path, "must be later than");
    }
    let mut document = catalog_document();
    let subscription = &mut document["subscriptions"][0];
    subscription["status"] = json!("PENDING_ACTIVATION");
    subscription["current_period_end"] = subscription["current_period_start"].clone();
    compiled(&document.to_string());
    document["subscriptions"][0]["current_period_end"] = json!("2025-05-31");
    assert_says(&problems_of(&document.to_string()).list[0], Code::Invalid, path, "must be later than");
}

#[test]
fn years_are_1_to_9999() {
    let end = "subscriptions[0].current_period_end";
    check("/subscriptions/0/current_period_end", json!("10000-01-01"), Code::Invalid, end, "in years 1 to 9999");
    check("/subscriptions/0/current_period_end", json!("0000-01-01"), Code::OutOfRange, end, "years 1 to 9999");
    check(
        "/customers/0/archived_at",
        json!("10000-01-01T00:00:00Z"),
        Code::Invalid,
        "customers[0].archived_at",
        "in years 1 to 9999",
    );
    assert_eq!(Instant::from_millis(Instant::MAX.millis() + 1), None);

    let mut document = catalog_document();
    document["plans"][0]["entitlements"][0]["value"]["reset_period"]["unit"] = json!("YEAR");
    document["plans"][0]["entitlements"][0]["value"]["reset_period"]["interval"] = json!(10_000);
    document["add_ons"][0]["entitlements"] = json!([]);
    let catalog = compiled(&document.to_string());
    let mut question = Question::new("c", "m");
    question.consumed = Some(Amount::ZERO);
    let decision = decide(&catalog, &question, instant("9999-06-01")).unwrap();
    let window = decision.metering.unwrap().period.unwrap().window;
    // From year 0 to year 10,000, as far as there are years.
    assert_eq!((window.start, window.end), (Instant::MIN, Some(Instant::MAX)));
    assert!(decision.allowed);
}

#[test]
fn amounts_are_exact_decimals_as_strings() {
    let expected = "expected a decimal as a string";
    check(LIMIT, json!(10), Code::WrongType, LIMIT_PATH, expected);
    check(LIMIT, json!(10.5), Code::WrongType, LIMIT_PATH, expected);
    check(LIMIT, json!("1".repeat(40)), Code::OutOfRange, LIMIT_PATH, "more than the 28 digits");
    check(LIMIT, json!("1".repeat(1_000_000)), Code::OutOfRange, LIMIT_PATH, "more than the 28 digits");
    check(LIMIT, json!("-1"), Code::OutOfRange, LIMIT_PATH, "must not be negative, found \"-1\"");
    for malformed in ["", "1e3", "+1", ".5", "1.", "1,000", " 1", "NaN", "0x10", "١"] {
        check(LIMIT, json!(malformed), Code::Invalid, LIMIT_PATH, "expected a decimal in plain digits");
    }
}

#[test]
fn ids_are_1_to_128_visible_characters() {
    for id in [String::new(), "x".repeat(129), "a b".to_owned(), "a\u{0}".to_owned(), "é".to_owned()] {
        check("/products", json!([{ "id": id }]), Code::Invalid, "products[0].id", "1 to 128 visible ASCII");
    }
    for code in ["", ".s", "s t", "s\u{e9}", "s@t"] {
        check("/features/0/code", json!(code), Code::Invalid, "features[0].code", "a code is 1 to 128");
    }
    for code in ["S", "0", "Oil-Slick", "chat.file_upload", "a:b/c"] {
        let mut document = catalog_document();
        document["features"][0]["code"] = json!(code);
        assert!(compiled(&document.to_string()).catalog.feature_codes().any(|known| known == code));
    }
    check("/features/0/code", json!("s".repeat(129)), Code::Invalid, "features[0].code", "a code is 1 to 128");
    check("/customers/0/alias", json!(""), Code::Invalid, "customers[0].alias", "1 to 128 characters");
    check("/customers/0/alias", json!("a\tb"), Code::Invalid, "customers[0].alias", "without spaces and control");
    check("/features/0/id", Value::Null, Code::Missing, "features[0].id", "missing");
}

#[test]
fn what_may_be_there_once_is_not_there_twice() {
    let twice = "the field is written twice";
    check_text(r#""format":1"#, r#""format":1,"format":1"#, Code::Duplicate, "format", twice);
    check_text(r#""customers":["#, r#""customers":[],"customers":["#, Code::Duplicate, "customers", twice);
    check_text(r#""alias":"c""#, r#""alias":"c","alias":"d""#, Code::Duplicate, "customers[0].alias", twice);
    check_text(r#""limit":"10""#, r#""limit":"10","limit":"11""#, Code::Duplicate, LIMIT_PATH, twice);

    let one_more = |list: &str, change: Value| {
        let mut more = catalog_document()[list][0].clone();
        change.as_object().unwrap().iter().for_each(|(name, value)| more[name] = value.clone());
        more
    };
    let check_more = |list: &str, change: Value, path: &str, message: &str| {
        check(&format!("/{list}/-"), one_more(list, change), Code::Duplicate, path, message);
    };
    check_more("features", json!({ "code": "t" }), "features[2].id", "the id `feat_s` is already that of features[0]");
    check_more(
        "features",
        json!({ "id": "feat_t" }),
        "features[2].code",
        "the code `s` is already that of features[0]",
    );
    check_more("plans", json!({ "id": "plan_q" }), "plans[1].versions[0].id", "already that of plans[0].versions[0]");
    check_more("add_ons", json!({}), "add_ons[1].id", "already that of add_ons[0]");
    check_more("customers", json!({ "alias": "d" }), "customers[1].id", "already that of customers[0]");
    check_more(
        "customers",
        json!({ "id": "cus_d" }),
        "customers[1].alias",
        "the alias `c` is already that of customers[0]",
    );
    check_more("subscriptions", json!({}), "subscriptions[1].id", "already that of subscriptions[0]");
    let two_plans = json!([{ "id": "plan_q" }, { "id": "plan_q" }]);
    let problems = problems_of(&json!({ "format": 1, "plans": two_plans }).to_string());
    assert_says(&problems.list[0], Code::Duplicate, "plans[1].id", "already that of plans[0]");
    let on_the_same = "plans[0].entitlements[0] is already on the same feature";
    check("/plans/0/entitlements/-", metered("1"), Code::Duplicate, "plans[0].entitlements[1]", on_the_same);
    let levels = json!({ "levels": [{ "level": "PLAN" }, { "level": "PLAN" }] });
    check("/ladder", levels, Code::Duplicate, "ladder.levels[1]", "PLAN is listed twice");
}

#[test]
fn references_lead_somewhere() {
    let broken =
        |at: &str, value: Value, path: &str, message: &str| check(at, value, Code::BrokenReference, path, message);
    broken("/subscriptions/0/customer_id", json!("x"), "subscriptions[0].customer_id", "no customer `x`");
    broken("/subscriptions/0/plan_id", json!("x"), "subscriptions[0].plan_id", "no plan `x`");
    broken("/subscriptions/0/plan_version_id", json!("x"), "subscriptions[0].plan_version_id", "no plan version `x`");
    broken(
        "/subscriptions/0/add_ons/0/add_on_id",
        json!("x"),
        "subscriptions[0].add_ons[0].add_on_id",
        "no add-on `x`",
    );
    let on = |name: &str| json!([{ name: "x", "value": { "type": "BOOLEAN", "enabled": true } }]);
    for list in ["add_ons", "customers", "subscriptions", "plans"] {
        for name in ["feature", "feature_id"] {
            let path = format!("{list}[0].entitlements[0].{name}");
            broken(&format!("/{list}/0/entitlements"), on(name), &path, "no feature `x`");
        }
    }
    let path = "plans[0].versions[0].entitlements[0].feature_id";
    broken("/plans/0/versions/0/entitlements", on("feature_id"), path, "no feature `x`");
    broken("/features/0/entitlement", on("feature")[0].clone(), "features[0].entitlement.feature", "no feature `x`");
    let credits = json!({ "feature": "m", "value": { "type": "CREDITS", "pool_feature_id": "x", "cost": "1" } });
    let path = "customers[0].entitlements[0].value.pool_feature_id";
    broken("/customers/0/entitlements", json!([credits]), path, "no feature `x`");

    let mut document = catalog_document();
    document["plans"].as_array_mut().unwrap().push(json!({ "id": "plan_q", "versions": [{ "id": "plv_q" }] }));
    document["subscriptions"][0]["plan_version_id"] = json!("plv_q");
    let problems = problems_of(&document.to_string());
    let message = "`plv_q` is not a version of `plan_p`";
    assert_says(&problems.list[0], Code::BrokenReference, "subscriptions[0].plan_version_id", message);
}

#[test]
fn a_value_that_does_not_fit_is_skipped() {
    let mut document = catalog_document();
    document["customers"][0]["entitlements"] = json!([{ "feature": "s", "value": { "type": "METERED" } }]);
    let (_, problems) = serde_json::from_value::<Document>(document).unwrap().compile().unwrap();
    assert_eq!(problems.list[0].severity, Severity::Skipped);
    assert_says(&problems.list[0], Code::TypeMismatch, "customers[0].entitlements[0].value", "METERED does not fit");
}

#[test]
fn unknown_words_are_shown_harmless() {
    let hostile = format!("\u{1b}[31m\n{}", "x".repeat(10_000));
    let path = "subscriptions[0].status";
    check("/subscriptions/0/status", json!(hostile), Code::UnknownValue, path, "found `\\u{1b}[31m\\nxxx");
    check("/format", json!(2), Code::UnknownValue, "format", "expected format 1, found 2");
    check("/products", json!({}), Code::WrongType, "products", "expected an array");
}

#[test]
fn ten_megabytes_of_problems_are_not_all_kept() {
    const N: usize = 300_000;
    let problems =
        problems_of(&format!(r#"{{"format": 1, "features": [{}{{}}]}}"#, r#"{"id": 7, "x": "........"},"#.repeat(N)));
    assert_eq!(problems.list.len(), 200);
    assert!(N < problems.n_more, "{}", problems.n_more);
    assert!(problems.to_string().ends_with(&format!("and {} more", problems.n_more)));
    assert_says(&problems.list[0], Code::WrongType, "features[0].id", "expected a string, found a number");
}

/// The question with these fields is an error that says so.
#[track_caller]
fn check_question(change: Value, code: Code, path: &str, message: &str) {
    let mut question = json!({ "customer": "c", "feature": "m", "consumed": "0" });
    change.as_object().unwrap().iter().for_each(|(name, value)| question[name] = value.clone());
    let tree: Tree = serde_json::from_value(question).unwrap();
    let catalog = compiled(&catalog_document().to_string());
    let refused =
        |check: Check| decide(&catalog, &check.question(), instant("2025-06-15")).map(|_| ()).map_err(Problems::from);
    let problems = Check::read(&tree).and_then(refused).unwrap_err();
    assert_says(&problems.list[0], code, path, message);
}

#[test]
fn malformed_questions_are_errors() {
    let rule = "1 to 128 characters without spaces and control characters";
    check_question(json!({ "customer": "" }), Code::Invalid, "customer", rule);
    check_question(json!({ "customer": "\u{0}\u{7}\u{1b}[2J" }), Code::Invalid, "customer", rule);
    check_question(json!({ "customer": "c".repeat(129) }), Code::Invalid, "customer", rule);
    check_question(json!({ "customer": null }), Code::Missing, "customer", "missing");
    check_question(json!({ "feature": "" }), Code::Invalid, "feature", "1 to 128 visible ASCII");
    check_question(json!({ "feature": "f".repeat(129) }), Code::Invalid, "feature", "1 to 128 visible ASCII");
    check_question(
        json!({ "subscription_id": "" }),
        Code::Invalid,
        "subscription_id",
        "expected 1 to 128 visible ASCII characters",
    );
    check_question(json!({ "subscription_id": "a b" }), Code::Invalid, "subscription_id", "visible ASCII");
    check_question(json!({ "requested": "-1" }), Code::OutOfRange, "requested", "must not be negative");
    check_question(json!({ "requested": "-1", "feature": "s" }), Code::OutOfRange, "requested", "must not be negative");
    check_question(json!({ "requested": 1 }), Code::WrongType, "requested", "a decimal as a string");
    check_question(json!({ "reserved": "-1" }), Code::OutOfRange, "reserved", "must not be negative");
    check_question(json!({ "at": "10000-01-01T00:00:00Z" }), Code::Invalid, "at", "in years 1 to 9999");
    check_question(
        json!({ "max_age_ms": -1 }),
        Code::OutOfRange,
        "max_age_ms",
        "expected 0 to 9007199254740991, found -1",
    );
    check_question(json!({ "explain": "yes" }), Code::WrongType, "explain", "true or false");
}

#[test]
fn sums_of_too_many_digits_are_errors() {
    let largest = "79228162514264337593543950335";
    let message = "more digits than can be held exactly";
    check_question(json!({ "consumed": largest, "requested": "0.1" }), Code::OutOfRange, "", message);
    check_question(json!({ "consumed": largest, "reserved": largest }), Code::OutOfRange, "", message);
    check_question(json!({ "consumed": format!("-{largest}") }), Code::OutOfRange, "", message);

    let mut document = catalog_document();
    document["plans"][0]["entitlements"][0]["value"]["limit"] = json!(largest);
    let catalog = compiled(&document.to_string());
    let mut question = Question::new("c", "m");
    for explain in [false, true] {
        question.explain = explain;
        let problem = decide(&catalog, &question, instant("2025-06-15")).unwrap_err();
        assert_says(&problem, Code::OutOfRange, "", message);
    }
    // It takes nothing else down.
    assert!(decide(&catalog, &Question::new("c", "s"), instant("2025-06-15")).is_ok());
}

#[test]
fn a_ladder_of_any_length_is_refused_and_no_harm() {
    let ladder = json!({ "levels": vec![json!({ "level": "PLAN" }); 300] });
    let problems = problems_of(&json!({ "format": 1, "ladder": ladder }).to_string());
    assert_says(&problems.list[0], Code::Duplicate, "ladder.levels[1]", "listed twice");
}

#[test]
fn errors_come_before_warnings_and_are_kept_for_them() {
    let mut document = catalog_document();
    document["subscriptions"][0]["add_ons"] = json!(vec![json!({ "quantity": 1 }); 500]);
    document["plans"][0]["entitlements"][0]["feature"] = json!("nothing");
    let problems = problems_of(&document.to_string());
    assert_says(&problems.list[0], Code::BrokenReference, "plans[0].entitlements[0].feature", "nothing");
    assert!(problems.list[1..].iter().all(|problem| problem.severity == Severity::Warning));

    // A row that would be skipped is not lost behind them either.
    document["plans"][0]["entitlements"][0] =
        json!({ "feature": "m", "value": { "type": "BOOLEAN", "enabled": true } });
    let document = Document::parse(&document.to_string()).unwrap();
    let (_, warnings) = document.compile().expect("usable");
    assert!(!warnings.is_writable());
    assert_eq!(warnings.list[0].severity, Severity::Skipped);
}

#[test]
fn a_limit_whose_grace_cannot_be_held_is_refused_where_it_stands() {
    let value = json!({ "type": "METERED", "limit": "9".repeat(28), "overage": { "grace_pct": "900" } });
    let (at, path) = ("/plans/0/entitlements/0/value", "plans[0].entitlements[0].value");
    check(at, value, Code::OutOfRange, path, "more digits");
}

#[test]
fn a_trace_of_many_rows_stays_small() {
    let mut document = catalog_document();
    let add_on = |n: usize| json!({ "id": format!("add_{n}"), "entitlements": [metered("1")] });
    document["add_ons"] = (0..200).map(add_on).collect();
    document["subscriptions"][0]["add_ons"] = (0..200).map(|n| json!({ "add_on_id": format!("add_{n}") })).collect();
    let catalog = compiled(&document.to_string());
    let question = Question { explain: true, consumed: Some(Amount::ZERO), ..Question::new("c", "m") };
    let json = decide(&catalog, &question, instant("2025-06-15")).unwrap().to_json();
    assert_eq!(json.matches("\"effect\"").count(), 201);
    assert!(json.matches("NOT_TRACED").count() > 150 && json.len() < 200_000, "{}", json.len());
}
