//! Lists and values of the largest size, and one step beyond: the right answer or a named problem, in bounded time.

use crate::hostile::{assert_says, problems_of};
use mayuse_core::{Amount, Catalog, Code, Instant, Packed, Question, Reason, UsageEntry, decide};
use mayuse_document::{Check, Document, Tree};
use mayuse_tests::{compiled, instant};
use serde_json::{Value, json};
use std::time::{Duration, Instant as Clock};

/// The time that one step of a test may take. It is far above what a single pass takes, and far below what comparing
/// each item with each other takes.
const SOON: Duration = Duration::from_secs(10);

fn soon<T>(work: impl FnOnce() -> T) -> T {
    let begun = Clock::now();
    let done = work();
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    done
}

/// A catalog with one row, on the feature `x` of a customer `c`.
fn document(feature_type: &Value, value: &Value) -> Value {
    json!({
        "format": 1,
        "features": [{ "id": "feat_x", "code": "x", "feature_type": feature_type, "status": "ACTIVE" }],
        "customers": [{ "id": "c", "entitlements": [{ "id": "ent_x", "feature": "x", "value": value }] }],
    })
}

const PATH: &str = "customers[0].entitlements[0].value";

fn hour(interval: usize) -> Value {
    json!({ "type": "FIXED_WINDOW", "unit": "HOUR", "interval": interval })
}

fn capped(caps: &[Value]) -> Value {
    document(&json!({ "type": "METERED" }), &json!({ "type": "METERED", "limit": "1", "caps": caps }))
}

#[test]
fn caps_are_at_most_8() {
    let cap = |n: usize| json!({ "limit": "1", "reset_period": hour(n + 1) });
    compiled(&capped(&(0..8).map(cap).collect::<Vec<_>>()).to_string());
    for n in [9, 500, 50_000] {
        let text = capped(&(0..n).map(cap).collect::<Vec<_>>()).to_string();
        let problems = soon(|| problems_of(&text));
        assert_eq!(problems.list.len(), 1, "{problems}");
        let message = format!("expected at most 8 caps, found {n}");
        assert_says(&problems.list[0], Code::TooLarge, &format!("{PATH}.caps"), &message);
    }
}

#[test]
fn caps_of_fifty_thousand_time_zones_are_not_looked_up() {
    let cap = |n: usize| {
        let zone = format!("Europe/{}{n}", "Long".repeat(20));
        json!({ "limit": "1", "reset_period": { "type": "CALENDAR", "unit": "DAY", "interval": 1, "time_zone": zone } })
    };
    let text = capped(&(0..50_000).map(cap).collect::<Vec<_>>()).to_string();
    assert_says(&soon(|| problems_of(&text)).list[0], Code::TooLarge, &format!("{PATH}.caps"), "at most 8 caps");
}

#[test]
fn twenty_thousand_rows_may_name_a_time_zone_each() {
    let mut document = document(&json!({ "type": "METERED" }), &json!({ "type": "METERED" }));
    let row = |n: usize| {
        let zone = if n == 7 { "Europe/Berlin".to_owned() } else { format!("Nowhere/{n}") };
        let period = json!({ "type": "CALENDAR", "unit": "DAY", "interval": 1, "time_zone": zone });
        json!({
            "id": format!("c{n}"),
            "entitlements": [{ "feature": "x", "value": { "type": "METERED", "limit": "1", "reset_period": period } }],
        })
    };
    document["customers"] = (0..20_000).map(row).collect();
    let text = document.to_string();
    let (catalog, problems) = soon(|| {
        let mut document = Document::parse(&text).unwrap();
        document.with_zones(mayuse_zones::offsets);
        document.compile().unwrap()
    });
    assert_eq!(problems.list.len() + problems.n_more, 19_999);
    let message = "there is no time zone `Nowhere/0`";
    assert_says(&problems.list[0], Code::UnknownValue, "customers[0].entitlements[0].value", message);
    let ask = |customer: &str| {
        let question = Question { consumed: Some(Amount::ZERO), ..Question::new(customer, "x") };
        decide(&catalog, &question, instant("2026-06-15")).unwrap().reason
    };
    assert_eq!((ask("c7"), ask("c8")), (Reason::WithinLimit, Reason::NoActiveSubscription));
}

/// A clock that is put forward and back every second, by nearly a day.
fn restless(name: &str) -> Option<Vec<(Instant, i32)>> {
    let change = |n: i64| Some((Instant::from_millis(n * 1_000)?, if n % 2 == 0 { -86_399 } else { 86_399 }));
    (name == "Mars/Base").then(|| (0..100_000).filter_map(change).collect())
}

#[test]
fn a_time_zone_may_have_a_hundred_thousand_changes() {
    for unit in ["MINUTE", "HOUR", "DAY", "MONTH"] {
        let period = json!({ "type": "CALENDAR", "unit": unit, "interval": 7, "time_zone": "Mars/Base" });
        let value = json!({ "type": "METERED", "limit": "1", "reset_period": period });
        let mut document = Document::parse(&document(&json!({ "type": "METERED" }), &value).to_string()).unwrap();
        document.with_zones(restless);
        let (catalog, problems) = document.compile().unwrap();
        assert!(problems.list.is_empty(), "{problems}");
        let question = Question { consumed: Some(Amount::ZERO), ..Question::new("c", "x") };
        for at in ["1970-01-01", "1970-01-01T13:00:00Z", "1970-01-02T03:46:39Z", "1970-01-02T03:46:40Z", "2026-01-01"] {
            let decision = soon(|| decide(&catalog, &question, instant(at)).unwrap());
            let window = decision.metering.unwrap().period.unwrap().window;
            assert!(window.start <= instant(at) && window.end.unwrap() > instant(at), "{unit} {at}: {window:?}");
        }
    }
}

#[test]
fn a_packed_time_zone_of_a_hundred_thousand_changes_is_opened_whole_or_not_at_all() {
    let period = json!({ "type": "CALENDAR", "unit": "DAY", "interval": 1, "time_zone": "Mars/Base" });
    let value = json!({ "type": "METERED", "limit": "1", "reset_period": period });
    let mut document = document(&json!({ "type": "METERED" }), &value);
    document["plans"] =
        json!([{ "id": "p", "versions": [{ "id": "v", "entitlements": [{ "feature": "x", "value": value }] }] }]);
    let mut document = Document::parse(&document.to_string()).unwrap();
    document.with_zones(restless);
    let (packed, ..) = document.pack_definitions().unwrap();
    assert!(soon(|| Catalog::open(&packed)).is_ok());
    let text = packed.as_str();
    assert!(500_000 < text.len(), "{} bytes", text.len());
    for n in (1..1_000).map(|n| text.floor_char_boundary(text.len() / 1_000 * n)).step_by(97) {
        assert!(soon(|| Catalog::open(&Packed::from(text[..n].to_owned()))).is_err(), "{n} bytes");
    }
}

/// A row with a JSON value.
fn configured(json: &str) -> String {
    let document = document(
        &json!({ "type": "CONFIG", "value_type": "JSON" }),
        &json!({ "type": "CONFIG", "value": { "kind": "JSON", "value": "@" } }),
    );
    document.to_string().replace("\"@\"", json)
}

#[test]
fn a_json_value_has_16_kib_and_32_levels() {
    let of_size = |n: usize| format!("[{}]", "1".repeat(n - 2));
    let of_depth = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
    let spaced = format!("[{}1]", " ".repeat(1_000_000));
    for good in [of_size(16 * 1_024), of_depth(32), format!("{}1{}", "{\"a\":".repeat(32), "}".repeat(32)), spaced] {
        let catalog = soon(|| compiled(&configured(&good)));
        let decision = decide(&catalog, &Question::new("c", "x"), instant("2026-01-01")).unwrap();
        assert_eq!(decision.reason, Reason::Configured);
    }
    let path = format!("{PATH}.value.value");
    let check = |bad: &str, message: &str| {
        let problems = soon(|| problems_of(&configured(bad)));
        assert_says(&problems.list[0], Code::TooLarge, &path, message);
    };
    check(&of_size(16 * 1_024 + 1), "at most 16 KiB");
    check(&of_size(8 << 20), "at most 16 KiB");
    check(&of_depth(33), "at most 32 levels");
    check(&format!("{}1{}", "{\"a\":".repeat(33), "}".repeat(33)), "at most 32 levels");
    check(&of_depth(100), "at most 32 levels");
    let deep = soon(|| Document::parse(&configured(&of_depth(100_000)))).unwrap_err();
    assert!(deep.to_string().contains("recursion limit exceeded"), "{deep}");
}

#[test]
fn a_text_has_16_kib() {
    let text = |n: usize| {
        let value = json!({ "type": "CONFIG", "value": { "kind": "TEXT", "value": "\u{e9}".repeat(n / 2) } });
        document(&json!({ "type": "CONFIG", "value_type": "TEXT" }), &value).to_string()
    };
    compiled(&text(16 * 1_024));
    let problems = problems_of(&text(16 * 1_024 + 2));
    assert_says(&problems.list[0], Code::TooLarge, &format!("{PATH}.value.value"), "at most 16 KiB");
}

#[test]
fn options_are_at_most_1000() {
    let select = |n: usize| {
        let options: Vec<String> = (0..n).map(|n| format!("option {n}")).collect();
        let value = json!({ "type": "CONFIG", "value": { "kind": "TEXT", "value": "option 999" } });
        document(&json!({ "type": "CONFIG", "value_type": "SELECT", "options": options }), &value).to_string()
    };
    let catalog = soon(|| compiled(&select(1_000)));
    let decision = decide(&catalog, &Question::new("c", "x"), instant("2026-01-01")).unwrap();
    assert_eq!(decision.reason, Reason::Configured);
    for n in [1_001, 300_000] {
        let text = select(n);
        let problems = soon(|| problems_of(&text));
        let message = format!("expected at most 1000 options, found {n}");
        assert_says(&problems.list[0], Code::TooLarge, "features[0].feature_type.options", &message);
    }
}

/// A question with so many entries of usage, each about another start of a row.
fn usage(n: usize) -> Value {
    let from = instant("2020-01-01").millis();
    let entry = |n: usize| {
        let starts_at = Instant::from_millis(from + i64::try_from(n).unwrap() * 86_400_000).unwrap().to_string();
        json!({ "origin": "add_x", "starts_at": starts_at, "consumed": "1" })
    };
    json!({ "customer": "c", "feature": "x", "usage": (0..n).map(entry).collect::<Vec<_>>() })
}

#[test]
fn entries_of_usage_are_at_most_1000() {
    let read = |n: usize| soon(|| Check::read(&serde_json::from_value::<Tree>(usage(n)).unwrap()));
    assert!(read(1_000).is_ok());
    for n in [1_001, 100_000] {
        let message = format!("expected at most 1000 entries, found {n}");
        assert_says(&read(n).unwrap_err().list[0], Code::TooLarge, "usage", &message);
    }
}

#[test]
fn a_thousand_entries_of_usage_about_ten_thousand_packs() {
    let metered = json!({ "type": "METERED", "limit": "2" });
    let mut document = document(&json!({ "type": "METERED" }), &metered);
    document["customers"] = json!([{ "id": "c" }]);
    document["plans"] = json!([{ "id": "p", "versions": [{ "id": "v" }] }]);
    document["add_ons"] = json!([{ "id": "add_x", "entitlements": [{ "feature": "x", "value": metered }] }]);
    let starts: Vec<Value> =
        usage(10_000)["usage"].as_array().unwrap().iter().map(|entry| entry["starts_at"].clone()).collect();
    let held = |starts_at: &Value| json!({ "add_on_id": "add_x", "starts_at": starts_at });
    document["subscriptions"] = json!([{
        "id": "s", "customer_id": "c", "plan_id": "p", "plan_version_id": "v", "status": "ACTIVE",
        "start_date": "2019-01-01", "period": "MONTHLY", "billing_day_anchor": 1, "current_period_start": "2025-06-01",
        "add_ons": starts.iter().map(held).collect::<Vec<_>>(),
    }]);
    let catalog = compiled(&document.to_string());
    let check = Check::read(&serde_json::from_value::<Tree>(usage(1_000)).unwrap()).unwrap();
    let decision = soon(|| decide(&catalog, &check.question(), instant("2060-01-01")).unwrap());
    // A thousand packs have one unit left, nine thousand have two.
    assert_eq!(
        (decision.reason, decision.available.map(|n| n.to_string())),
        (Reason::WithinLimit, Some("19000".to_owned()))
    );

    // The same in one entry for all of them, each of which matches it.
    let one = UsageEntry {
        origin: "add_x".into(),
        subscription_id: None,
        starts_at: None,
        period: None,
        zone: None,
        consumed: Amount::ZERO,
        reserved: Amount::ZERO,
    };
    let entries = [one];
    let question = Question { usage: Some(&entries), ..Question::new("c", "x") };
    let decision = soon(|| decide(&catalog, &question, instant("2060-01-01")).unwrap());
    assert_eq!(decision.available.map(|n| n.to_string()), Some("20000".to_owned()));
}

#[test]
fn a_hundred_thousand_changes_of_a_status() {
    let at = |n: i64| Instant::from_millis(n * 86_400_000).unwrap().to_string();
    let change = |n: i64| json!({ "status": if n % 2 == 0 { "PAUSED" } else { "ACTIVE" }, "at": at(n) });
    let subscription = json!({
        "id": "s", "customer_id": "c", "plan_id": "p", "plan_version_id": "v", "status": "ACTIVE",
        "start_date": "1970-01-01", "period": "MONTHLY", "billing_day_anchor": 1, "current_period_start": "2025-06-01",
        "status_changes": (0..100_000).rev().map(change).collect::<Vec<_>>(),
    });
    let document = json!({
        "format": 1,
        "features": [{
            "id": "feat_x", "code": "x", "feature_type": { "type": "BOOLEAN" }, "status": "ACTIVE",
            "entitlement": { "value": { "type": "BOOLEAN", "enabled": true } },
        }],
        "plans": [{ "id": "p", "versions": [{ "id": "v" }] }],
        "customers": [{ "id": "c" }],
        "subscriptions": [subscription],
    });
    let text = document.to_string();
    let catalog = soon(|| compiled(&text));
    for n in [0, 1, 50_000, 99_999] {
        let decision = soon(|| decide(&catalog, &Question::new("c", "x"), instant(&at(n))).unwrap());
        let reason = if n % 2 == 0 { Reason::SubscriptionPaused } else { Reason::Enabled };
        assert_eq!(decision.reason, reason, "day {n}");
    }
}
