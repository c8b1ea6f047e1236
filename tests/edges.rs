//! Edges that laws with random input seldom reach: the last that fits, and the first that does not.

use mayuse_core::{
    Amount, AmountError, BillingPeriod, BillingSchedule, CalendarInterval, Date, FullCatalog, Instant, Interval,
    Question, Reason, ResetPeriod, SnapshotMeta, Source, Unit, Weekday, WriteJson, ZoneIdx, decide, decide_all,
};
use mayuse_document::{Check, Tree};
use mayuse_tests::{compiled, instant};
use serde_json::{Value, json};

fn amount(text: &str) -> Amount {
    Amount::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn an_amount_is_read_up_to_64_characters() {
    let one = |n_zeros: usize| format!("{}1", "0".repeat(n_zeros));
    assert_eq!(Amount::parse(&one(63)), Ok(Amount::ONE));
    assert_eq!(Amount::parse(&one(64)), Err(AmountError::TooManyDigits));
    for digits in ["1".repeat(70), format!("-{}", "1".repeat(70)), format!("{}.{}", "1".repeat(40), "1".repeat(40))] {
        assert_eq!(Amount::parse(&digits), Err(AmountError::TooManyDigits), "{digits}");
    }
    for words in ["x".repeat(70), format!("{}e5", "1".repeat(70))] {
        assert_eq!(Amount::parse(&words), Err(AmountError::Malformed), "{words}");
    }
    for malformed in ["", ":", "1:", "/", "+1", "1.", "-1.", "-", ".5", "1.5.", "1234567890123456789."] {
        assert_eq!(Amount::parse(malformed), Err(AmountError::Malformed), "{malformed}");
    }
}

#[test]
fn what_is_wrong_with_an_amount_is_said() {
    let messages = [
        (AmountError::Malformed, "expected a decimal in plain digits, such as \"10.50\""),
        (AmountError::TooManyDigits, "the decimal has more than the 28 digits that can be held exactly"),
    ];
    for (error, message) in messages {
        assert_eq!(error.to_string(), message);
    }
}

#[test]
fn an_amount_keeps_its_zeros_only_as_it_was_written() {
    assert_eq!((amount("29.00").as_written(), amount("29.00").to_string()), ("29.00".to_owned(), "29".to_owned()));
}

/// Whole numbers around each power of two, where a machine word ends, against the arithmetic of 128 bits.
#[test]
fn whole_amounts_are_those_of_128_bits() {
    let near = |power: u32| (-1..=1_i128).map(move |by| (1_i128 << power) + by);
    let positive: Vec<i128> =
        [0, 10, 1_000].into_iter().chain([31, 32, 33, 61, 62, 63, 64, 65, 90].into_iter().flat_map(near)).collect();
    let numbers: Vec<i128> = positive.iter().flat_map(|n| [*n, -n]).collect();
    let of = |n: i128| amount(&n.to_string());
    let json = |n: i128| of(n).to_json();
    for a in &numbers {
        assert_eq!((of(*a).to_string(), json(*a)), (a.to_string(), format!("\"{a}\"")));
        assert_eq!((of(*a).is_negative(), of(*a).is_zero()), (*a < 0, *a == 0), "{a}");
        for b in &numbers {
            assert_eq!(of(*a).plus(of(*b)).map(|sum| sum.to_string()), Some((a + b).to_string()), "{a} + {b}");
            assert_eq!(of(*a).minus(of(*b)).map(|rest| rest.to_string()), Some((a - b).to_string()), "{a} - {b}");
            assert_eq!((of(*a).cmp(&of(*b)), of(*a) == of(*b)), (a.cmp(b), a == b), "{a}, {b}");
        }
    }
}

#[test]
fn an_instant_is_read_to_the_last_digit() {
    let ms = |text: &str| Instant::parse(text).ok().map(Instant::millis);
    let good = [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01 23:59:59z", 86_399_000),
        ("1970-01-01t23:59:60Z", 86_400_000),
        ("1970-01-01T00:00:00.1Z", 100),
        ("1970-01-01T00:00:00.1239Z", 123),
        ("1970-01-01T00:00:00.0000000000000000000000000000000000000000Z", 0),
        ("1970-01-01T23:59:00+23:59", 0),
        ("1970-01-01T00:00:00-23:59", 86_340_000),
        ("1970-01-02T00:00:00", 86_400_000),
        ("2024-02-29", 1_709_164_800_000),
    ];
    for (text, expected) in good {
        assert_eq!(ms(text), Some(expected), "{text}");
    }
    let bad = [
        "1970-01-01T24:00:00Z",
        "1970-01-01T00:60:00Z",
        "1970-01-01T00:00:61Z",
        "1970-01-01T00:00:00.Z",
        "1970-01-01T00:00:00+24:00",
        "1970-01-01T00:00:00+00:60",
        "1970-01-01T00:00:00+00:00Z",
        "1970-01-01T00:00:00Z ",
        "1970-01-01T00:00Z",
        "1970-01-01X00:00:00Z",
        "2023-02-29",
        "1970-00-01",
        "1970-13-01",
        "1970-01-00",
        "1970-01-32",
        "1970-1-1",
        "0000-12-31",
        "",
    ];
    for text in bad {
        assert_eq!(ms(text), None, "{text}");
    }
    for (from, to) in [("0001-01-01T00:00:00Z", Instant::MIN), ("9999-12-31T23:59:59.999Z", Instant::MAX)] {
        assert_eq!((Instant::parse(from), to.to_string()), (Ok(to), from.to_owned()));
        assert_eq!(format!("{to:?}"), to.to_string());
        assert_eq!(Instant::from_millis(to.millis()), Some(to));
    }
    assert_eq!(Instant::from_millis(Instant::MIN.millis() - 1), None);
    assert_eq!(Instant::from_millis(Instant::MAX.millis() + 1), None);
    let refused = [
        (Instant::parse("x").unwrap_err(), "expected an instant such as 2025-06-15T10:30:00Z, in years 1 to 9999"),
        (Date::parse("x").unwrap_err(), "expected a date such as 2025-06-15, in years 1 to 9999"),
        (Instant::parse("0001-01-01T00:00:00+00:01").unwrap_err(), "the instant lies outside years 1 to 9999"),
    ];
    for (error, message) in refused {
        assert_eq!(error.to_string(), message);
    }
}

#[test]
fn a_billing_day_is_1_to_32_767() {
    for anchor in [1, 32_767] {
        assert!(BillingSchedule::new(BillingPeriod::MONTHLY, anchor).is_ok(), "{anchor}");
    }
    for anchor in [i64::MIN, -1, 0, 32_768, 65_537, i64::MAX] {
        let error = BillingSchedule::new(BillingPeriod::MONTHLY, anchor).unwrap_err();
        assert_eq!(error.to_string(), format!("billing_day_anchor must be 1 to 32767, found {anchor}"));
    }
}

#[test]
fn an_interval_is_1_to_10_000() {
    for interval in [1, 10_000] {
        assert_eq!(i64::from(Interval::new(Unit::Day, interval).unwrap().interval()), interval);
    }
    for interval in [i64::MIN, -1, 0, 10_001, 65_537, i64::MAX] {
        let error = Interval::new(Unit::Day, interval).unwrap_err();
        assert_eq!(error.to_string(), format!("interval must be 1 to 10000, found {interval}"));
    }
}

/// Reset periods that are the same, in groups; two of different groups are not.
#[test]
fn reset_periods_are_the_same_where_they_reset_at_the_same_instants() {
    use ResetPeriod::{BillingCycle, BillingMonth, Calendar, FixedWindow, Never, SlidingWindow};
    let every = |unit, interval| Interval::new(unit, interval).unwrap();
    let calendar = |unit, interval| Calendar(every(unit, interval).into());
    let weeks_of = |interval, week_start| {
        Calendar(CalendarInterval { every: every(Unit::Week, interval), week_start, zone: None })
    };
    let local = |unit, interval, zone| calendar(unit, interval).with_zone(Some(ZoneIdx::new(zone)));
    let (minute, hour, day) = (Unit::Minute, Unit::Hour, Unit::Day);
    let (week, month, year) = (Unit::Week, Unit::Month, Unit::Year);
    let groups = [
        vec![Never],
        vec![BillingCycle],
        vec![BillingMonth],
        vec![calendar(minute, 60), calendar(hour, 1)],
        vec![calendar(minute, 1_440), calendar(hour, 24), calendar(day, 1)],
        vec![calendar(hour, 168), calendar(day, 7)],
        // It begins on Mondays.
        vec![calendar(week, 1), weeks_of(1, Weekday::Monday)],
        vec![weeks_of(1, Weekday::Sunday)],
        // Of no other unit does it matter on which day weeks begin.
        vec![
            calendar(day, 2),
            Calendar(CalendarInterval { every: every(day, 2), week_start: Weekday::Sunday, zone: None }),
        ],
        // In a time zone, a day may be longer or shorter than 24 hours.
        vec![local(hour, 24, 0), local(minute, 1_440, 0)],
        vec![local(day, 1, 0)],
        vec![local(day, 1, 1)],
        vec![local(month, 12, 1), local(year, 1, 1)],
        vec![calendar(week, 2)],
        vec![calendar(month, 12), calendar(year, 1)],
        vec![calendar(month, 1)],
        vec![FixedWindow(every(minute, 90))],
        vec![FixedWindow(every(hour, 168)), FixedWindow(every(day, 7)), FixedWindow(every(week, 1))],
        vec![FixedWindow(every(month, 24)), FixedWindow(every(year, 2))],
        vec![SlidingWindow(every(hour, 168)), SlidingWindow(every(day, 7)), SlidingWindow(every(week, 1))],
        vec![SlidingWindow(every(month, 24)), SlidingWindow(every(year, 2))],
    ];
    for (n, group) in groups.iter().enumerate() {
        for (m, other) in groups.iter().enumerate() {
            for (a, b) in group.iter().flat_map(|a| other.iter().map(move |b| (*a, *b))) {
                assert_eq!(a.is_equivalent(b), n == m, "{a:?}, {b:?}");
            }
        }
    }
}

/// A product or a sum that is exact only without the zeros at its end, and those that are not exact at all.
#[test]
fn zeros_at_the_end_make_room() {
    let large = "79228162514264337593543950335";
    let times = |a: &str, b: &str| amount(a).times(amount(b)).map(|product| product.to_string());
    assert_eq!(times("0.000000000000005", "0.00000000000002"), Some(format!("0.{}1", "0".repeat(27))));
    assert_eq!(times("39614081257132168796771975168", "0.5").as_deref(), Some("19807040628566084398385987584"));
    assert_eq!(times(large, "0.1").as_deref(), Some("7922816251426433759354395033.5"));
    assert_eq!((times("0.000000000000005", "0.00000000000003"), times(large, "1.1")), (None, None));
    assert_eq!((times(large, "10"), times("79228162514264337593543950330", "1000")), (None, None));
    assert_eq!((amount(large).plus(amount("0.1")), amount(large).plus(amount("1"))), (None, None));
    assert_eq!(amount("-0.1").minus(amount(large)), None);
    assert_eq!(amount("12.5").percent_of(amount("80")), Some(amount("10")));
}

/// A trace works out the effect of 32 rows of a chain.
#[test]
fn a_trace_works_out_32_rows() {
    for (n_add_ons, n_untraced) in [(30, 0), (31, 0), (32, 1), (35, 4)] {
        let row = |n: usize| json!([{ "id": format!("ent_{n}"), "feature": "m", "value": { "type": "METERED", "limit": "1" } }]);
        let add_ons: Vec<Value> =
            (0..n_add_ons).map(|n| json!({ "id": format!("add_{n:02}"), "entitlements": row(n) })).collect();
        let held: Vec<Value> =
            (0..n_add_ons).map(|n| json!({ "add_on_id": format!("add_{n:02}"), "quantity": 1 })).collect();
        let document = json!({
            "format": 1,
            "features": [{ "id": "feat_m", "code": "m", "feature_type": { "type": "METERED" }, "status": "ACTIVE" }],
            "plans": [{ "id": "plan_p", "versions": [{ "id": "plv_p" }], "entitlements": row(99) }],
            "add_ons": add_ons,
            "customers": [{ "id": "c" }],
            "subscriptions": [{
                "id": "sub_s", "customer_id": "c", "plan_id": "plan_p", "plan_version_id": "plv_p", "status": "ACTIVE",
                "start_date": "2025-01-01", "billing_day_anchor": 1, "period": "MONTHLY",
                "current_period_start": "2025-06-01", "current_period_end": "2025-07-01", "add_ons": held,
            }],
        });
        let catalog = compiled(&document.to_string());
        let question = Question { explain: true, consumed: Some(Amount::ZERO), ..Question::new("c", "m") };
        let answer = decide(&catalog, &question, instant("2025-06-15")).unwrap().to_json();
        assert_eq!(answer.matches("\"effect\"").count(), n_add_ons + 1, "{n_add_ons}");
        assert_eq!(answer.matches("NOT_TRACED").count(), n_untraced, "{n_add_ons}");
    }
}

#[test]
fn a_batch_takes_the_last_question_that_fits() {
    let batch = |n: usize| -> Tree {
        serde_json::from_value(json!({ "questions": vec![json!({ "customer": "c", "feature": "f" }); n] })).unwrap()
    };
    assert_eq!(Check::read_batch(&batch(500), 500).unwrap().len(), 500);
    let refused = Check::read_batch(&batch(501), 500).unwrap_err();
    assert_eq!(refused.list.len(), 1, "{refused}");
    assert_eq!(refused.list[0].message, "at most 500 questions at once, found 501");
    assert_eq!(Check::read_batch(&batch(501), 501).unwrap().len(), 501);
}

/// A catalog of a customer `c` with some features, whose rows are in `plan`.
fn of_features(features: &Value, plan: &Value) -> FullCatalog {
    let document = json!({
        "format": 1,
        "features": features,
        "plans": [{ "id": "plan_p", "versions": [{ "id": "plv_p" }], "entitlements": plan }],
        "customers": [{ "id": "c" }],
        "subscriptions": [{
            "id": "sub_s", "customer_id": "c", "plan_id": "plan_p", "plan_version_id": "plv_p", "status": "ACTIVE",
            "start_date": "2025-01-01", "billing_day_anchor": 1, "period": "MONTHLY",
            "current_period_start": "2025-06-01", "current_period_end": "2025-07-01",
        }],
    });
    compiled(&document.to_string())
}

#[test]
fn a_warning_is_reached_at_its_threshold() {
    // The threshold, the limit, and an amount that is just below it, and one that reaches it.
    let all = [
        ("80", "100", "79", "80"),
        ("80", "1", "0", "1"),
        ("12.5", "8", "0", "1"),
        ("12.5", "100", "12.4", "12.5"),
        ("80", "4611686018427387900", "3689348814741910319", "3689348814741910320"),
        ("0", "100", "-1", "0"),
    ];
    for (threshold, limit, below, at) in all {
        let value = json!({ "type": "METERED", "limit": limit, "warning_threshold_pct": threshold });
        let catalog = of_features(
            &json!([{ "id": "feat_m", "code": "m", "feature_type": { "type": "METERED" }, "status": "ACTIVE" }]),
            &json!([{ "id": "ent_m", "feature": "m", "value": value }]),
        );
        for (consumed, expected) in [(below, false), (at, true)] {
            for explain in [false, true] {
                let question = Question { consumed: Some(amount(consumed)), explain, ..Question::new("c", "m") };
                let decision = decide(&catalog, &question, instant("2025-06-15")).unwrap();
                let reached = decision.metering.unwrap().warning.unwrap().reached;
                assert_eq!(reached, Some(expected), "{threshold} per cent of {limit}: {consumed}");
            }
        }
    }
}

#[test]
fn each_feature_heeds_its_own_maximum_age() {
    let feature = |code: &str, max_age_ms: Value| {
        json!({
            "id": format!("feat_{code}"), "code": code, "feature_type": { "type": "BOOLEAN" }, "status": "ACTIVE",
            "max_age_ms": max_age_ms,
        })
    };
    let row = |code: &str| json!({ "id": format!("ent_{code}"), "feature": code, "value": { "type": "BOOLEAN", "enabled": true } });
    let mut catalog = of_features(
        &json!([feature("long", json!(2_000)), feature("short", json!(1_000)), feature("sso", Value::Null)]),
        &json!([row("long"), row("short"), row("sso")]),
    );
    let made = instant("2025-06-15");
    catalog.catalog.snapshot =
        SnapshotMeta { generated_at: Some(made), source: Source::Snapshot, ..catalog.catalog.snapshot };
    let (on, old) = (Reason::Enabled, Reason::SnapshotExpired);
    let all = [
        (999, None, [on, on, on]),
        (1_000, None, [on, old, on]),
        (2_000, None, [old, old, on]),
        (499, Some(500), [on, on, on]),
        (500, Some(500), [old, old, old]),
        (1_500, Some(1_800), [on, old, on]),
    ];
    for (age, max_age_ms, expected) in all {
        let now = Instant::from_millis(made.millis() + age).unwrap();
        let question = Question { max_age_ms, ..Question::new("c", "sso") };
        let record = catalog.customers.customer("c");
        let (mut reasons, mut ends) = (Vec::new(), Vec::new());
        decide_all(&catalog.catalog, record.as_ref(), &question, now, |question, decided| {
            let decision = decided.unwrap();
            reasons.push(decision.reason);
            ends.push(decision.valid_until);
            let alone = decide(&catalog, question, now).unwrap();
            assert_eq!((alone.reason, alone.valid_until), (decision.reason, decision.valid_until), "{age}");
        });
        assert_eq!(reasons, expected, "{age}");
        // What may answer holds until it is too old.
        let least = |own: Option<u64>| [own, max_age_ms].into_iter().flatten().min();
        let end = |own, reason| {
            least(own).filter(|_| reason == on).map(|ms| Instant::from_millis(made.millis() + ms as i64).unwrap())
        };
        let expected: Vec<Option<Instant>> =
            [Some(2_000), Some(1_000), None].into_iter().zip(expected).map(|(own, reason)| end(own, reason)).collect();
        assert_eq!(ends, expected, "{age}");
    }
}

#[test]
fn a_negative_request_is_an_error_whatever_is_known_of_the_customer() {
    let feature = |code: &str, kind: &str| json!({ "id": format!("feat_{code}"), "code": code, "feature_type": { "type": kind }, "status": "ACTIVE" });
    let catalog = of_features(
        &json!([feature("calls", "METERED"), feature("sso", "BOOLEAN")]),
        &json!([
            { "id": "ent_calls", "feature": "calls", "value": { "type": "METERED", "limit": "5" } },
            { "id": "ent_sso", "feature": "sso", "value": { "type": "BOOLEAN", "enabled": true } },
        ]),
    );
    let (now, below) = (instant("2025-06-15"), amount("-0.5"));
    for code in ["calls", "sso"] {
        let fine = Question { consumed: Some(Amount::ZERO), ..Question::new("c", code) };
        // The second question is looked up.
        for _ in 0..2 {
            assert!(decide(&catalog, &fine, now).unwrap().allowed, "{code}");
            let (requested, reserved) =
                (Question { requested: Some(below), ..fine }, Question { reserved: below, ..fine });
            for (question, field) in [(requested, "requested"), (reserved, "reserved")] {
                let told = format!("{field}: must not be negative");
                let error = decide(&catalog, &question, now).unwrap_err().to_string();
                assert!(error.contains(&told), "{code}: {error}");
                let record = catalog.customers.customer("c");
                decide_all(&catalog.catalog, record.as_ref(), &question, now, |_, decided| {
                    let error = decided.unwrap_err().to_string();
                    assert!(error.contains(&told), "{code}: {error}");
                });
            }
        }
    }
}

/// The position of a zone in its catalog is no business of an answer, which names the zone.
#[test]
fn a_reset_period_in_an_answer_names_its_zone() {
    let month = json!({ "type": "CALENDAR", "unit": "MONTH", "interval": 1, "time_zone": "Asia/Tokyo" });
    let catalog = of_features(
        &json!([{ "id": "feat_m", "code": "m", "feature_type": { "type": "METERED" }, "status": "ACTIVE" }]),
        &json!([{ "id": "ent_m", "feature": "m", "value": { "type": "METERED", "limit": "5", "reset_period": month } }]),
    );
    for explain in [false, false, true] {
        let question = Question { explain, ..Question::new("c", "m") };
        let period = decide(&catalog, &question, instant("2025-06-15")).unwrap().metering.unwrap().period.unwrap();
        assert_eq!((period.rule.zone(), period.zone), (None, Some("Asia/Tokyo")));
        assert_eq!(period.window.start, instant("2025-05-31T15:00:00Z"));
    }
}
