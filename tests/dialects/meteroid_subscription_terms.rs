//! `POST /api/v1/subscriptions`: status, trial, periods; now, and as the clock goes on.

use crate::meteroid_subscriptions::{TODAY, body, create, reason, shop, stored};
use serde_json::{Value, json};

const PAST: &str = "2026-10-15";
const FUTURE: &str = "2026-12-10";

/// Activation condition, start, trial days; then the answer's status and `activated_at`, the stored
/// status, the period, and the reasons of a decision now and in February.
type Case = (
    &'static str,
    &'static str,
    u32,
    &'static str,
    Option<&'static str>,
    &'static str,
    [&'static str; 2],
    [&'static str; 2],
);

#[test]
fn every_activation_start_and_trial() {
    const ON: &str = "ENABLED";
    const PENDING: &str = "SUBSCRIPTION_PENDING";
    let cases: [Case; 22] = [
        ("ON_START", PAST, 0, "ACTIVE", Some(PAST), "ACTIVE", [PAST, "2026-11-15"], [ON, ON]),
        ("ON_START", TODAY, 0, "ACTIVE", Some(TODAY), "ACTIVE", [TODAY, "2026-12-21"], [ON, ON]),
        ("ON_START", FUTURE, 0, "PENDING_ACTIVATION", None, "ACTIVE", [FUTURE, "2027-01-10"], [PENDING, ON]),
        ("ON_START", PAST, 14, "ACTIVE", Some(PAST), "ACTIVE", ["2026-10-29", "2026-11-29"], [ON, ON]),
        // The day on which the trial ends is none of the trial.
        ("ON_START", PAST, 37, "ACTIVE", Some(PAST), "ACTIVE", [TODAY, "2026-12-21"], [ON, ON]),
        ("ON_START", PAST, 38, "TRIAL_ACTIVE", Some(PAST), "TRIAL_ACTIVE", [PAST, "2026-11-22"], [ON, ON]),
        ("ON_START", TODAY, 14, "TRIAL_ACTIVE", Some(TODAY), "TRIAL_ACTIVE", [TODAY, "2026-12-05"], [ON, ON]),
        ("ON_START", FUTURE, 14, "PENDING_ACTIVATION", None, "TRIAL_ACTIVE", [FUTURE, "2026-12-24"], [PENDING, ON]),
        ("ON_CHECKOUT", PAST, 0, "PENDING_ACTIVATION", None, "PENDING_ACTIVATION", [PAST, ""], [PENDING, PENDING]),
        ("ON_CHECKOUT", TODAY, 0, "PENDING_ACTIVATION", None, "PENDING_ACTIVATION", [TODAY, ""], [PENDING, PENDING]),
        ("ON_CHECKOUT", FUTURE, 0, "PENDING_ACTIVATION", None, "PENDING_ACTIVATION", [FUTURE, ""], [PENDING, PENDING]),
        (
            "ON_CHECKOUT",
            PAST,
            14,
            "TRIAL_EXPIRED",
            None,
            "TRIAL_ACTIVE",
            [PAST, "2026-10-29"],
            ["TRIAL_EXPIRED", "TRIAL_EXPIRED"],
        ),
        (
            "ON_CHECKOUT",
            PAST,
            37,
            "TRIAL_EXPIRED",
            None,
            "TRIAL_ACTIVE",
            [PAST, TODAY],
            ["TRIAL_EXPIRED", "TRIAL_EXPIRED"],
        ),
        ("ON_CHECKOUT", PAST, 38, "TRIAL_ACTIVE", None, "TRIAL_ACTIVE", [PAST, "2026-11-22"], [ON, "TRIAL_EXPIRED"]),
        ("ON_CHECKOUT", TODAY, 14, "TRIAL_ACTIVE", None, "TRIAL_ACTIVE", [TODAY, "2026-12-05"], [ON, "TRIAL_EXPIRED"]),
        (
            "ON_CHECKOUT",
            FUTURE,
            14,
            "PENDING_ACTIVATION",
            None,
            "TRIAL_ACTIVE",
            [FUTURE, "2026-12-24"],
            [PENDING, "TRIAL_EXPIRED"],
        ),
        ("MANUAL", PAST, 0, "PENDING_ACTIVATION", None, "PENDING_ACTIVATION", [PAST, ""], [PENDING, PENDING]),
        ("MANUAL", TODAY, 0, "PENDING_ACTIVATION", None, "PENDING_ACTIVATION", [TODAY, ""], [PENDING, PENDING]),
        ("MANUAL", FUTURE, 0, "PENDING_ACTIVATION", None, "PENDING_ACTIVATION", [FUTURE, ""], [PENDING, PENDING]),
        ("MANUAL", PAST, 14, "PENDING_ACTIVATION", None, "PENDING_ACTIVATION", [PAST, ""], [PENDING, PENDING]),
        ("MANUAL", TODAY, 14, "PENDING_ACTIVATION", None, "PENDING_ACTIVATION", [TODAY, ""], [PENDING, PENDING]),
        ("MANUAL", FUTURE, 14, "PENDING_ACTIVATION", None, "PENDING_ACTIVATION", [FUTURE, ""], [PENDING, PENDING]),
    ];
    for (condition, start, days, shown, activated, kept, [from, to], [now, later]) in cases {
        let case = format!("{condition} {start} {days}");
        let mut m = shop();
        let fields = json!({"activation_condition": condition, "start_date": start, "trial_days": days});
        let answer = create(&mut m, fields);
        let activated = activated.map(|date| format!("{date}T00:00:00Z"));
        assert_eq!((&answer["status"], &answer["activated_at"]), (&json!(shown), &json!(activated)), "{case}");
        let stored = stored(&m, &answer);
        assert_eq!(stored["status"], kept, "{case}");
        assert_eq!(stored["activated_at"].is_null(), condition != "ON_START", "{case}");
        let to = Some(to).filter(|to| !to.is_empty());
        for body in [&answer, &stored] {
            assert_eq!(
                (&body["current_period_start"], &body["current_period_end"]),
                (&json!(from), &json!(to)),
                "{case}"
            );
        }
        assert_eq!(stored["cycle_index"].is_null(), kept == "PENDING_ACTIVATION", "{case}");
        assert_eq!(answer["trial_duration"], if days == 0 { Value::Null } else { json!(days) }, "{case}");
        assert_eq!(reason(&m, "sso", "2026-11-21T10:00:00Z"), now, "{case}");
        assert_eq!(reason(&m, "sso", "2027-02-01T00:00:00Z"), later, "{case}");
        assert_eq!(answer["cycle_index"], stored["cycle_index"], "{case}");
        assert!(answer.get("activation_condition").is_none(), "{case}");
    }
}

/// Fields of the request, and of the answer.
fn check(cases: &[(Value, Value)]) {
    for (fields, expected) in cases {
        let mut m = shop();
        let answer = create(&mut m, fields.clone());
        let stored = stored(&m, &answer);
        for (name, value) in expected.as_object().unwrap() {
            let found = if name == "cycle_index" { &stored[name] } else { &answer[name] };
            assert_eq!(found, value, "{fields}: {name}");
        }
    }
}

#[test]
fn a_trial_comes_from_the_plan_unless_the_request_says() {
    check(&[
        (
            json!({"plan_id": "plan_trial"}),
            json!({"trial_duration": 14, "status": "TRIAL_ACTIVE", "billing_start_date": "2026-12-05", "billing_day_anchor": 5}),
        ),
        (
            json!({"plan_id": "plan_trial", "trial_days": 0}),
            json!({"trial_duration": null, "status": "ACTIVE", "billing_start_date": TODAY}),
        ),
        (
            json!({"plan_id": "plan_trial", "trial_days": 3}),
            json!({"trial_duration": 3, "current_period_end": "2026-11-24"}),
        ),
        (
            json!({"plan_id": "plan_trial", "billing_day_anchor": 31}),
            json!({"billing_day_anchor": 31, "current_period_end": "2026-12-05"}),
        ),
        // A trial that is paid for is billed from its first day.
        (
            json!({"plan_id": "plan_paid_trial"}),
            json!({"trial_duration": 14, "status": "TRIAL_ACTIVE", "billing_start_date": TODAY, "billing_day_anchor": 21, "current_period_end": "2026-12-21"}),
        ),
        (
            json!({"plan_id": "plan_paid_trial", "activation_condition": "ON_CHECKOUT"}),
            json!({"trial_duration": 14, "status": "PENDING_ACTIVATION"}),
        ),
    ]);
}

#[test]
fn the_first_period_ends_at_the_anchor() {
    check(&[
        (json!({"start_date": "2026-11-21", "billing_day_anchor": 21}), json!({"current_period_end": "2026-12-21"})),
        (json!({"start_date": "2026-11-21", "billing_day_anchor": 1}), json!({"current_period_end": "2026-12-01"})),
        (json!({"start_date": "2026-11-21", "billing_day_anchor": 25}), json!({"current_period_end": "2026-11-25"})),
        (json!({"start_date": "2026-11-30", "billing_day_anchor": 31}), json!({"current_period_end": "2026-12-31"})),
        (json!({"start_date": "2028-02-29"}), json!({"billing_day_anchor": 29, "current_period_end": "2028-03-29"})),
    ]);
}

#[test]
fn skipping_past_invoices_goes_to_the_period_that_holds_today() {
    let skip = |start: &str, more: Value| {
        let mut fields = json!({"start_date": start, "skip_past_invoices": true});
        fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        fields
    };
    let at = |from: &str, to: &str, cycle: u32| json!({"status": "ACTIVE", "current_period_start": from, "current_period_end": to, "cycle_index": cycle});
    let (jan, yearly) = (
        "2026-01-31",
        json!({"plan_id": "plan_pro", "price_components": {"remove_components": ["price_seats", "price_calls"],
        "parameterized_components": [{"component_id": "price_base", "parameters": {"billing_period": "ANNUAL"}}]}}),
    );
    check(&[
        (skip(jan, json!({})), at("2026-10-31", "2026-11-30", 9)),
        (skip(jan, json!({"billing_day_anchor": 31})), at("2026-10-31", "2026-11-30", 9)),
        (skip("2026-02-28", json!({"billing_day_anchor": 31})), at("2026-10-31", "2026-11-30", 8)),
        // A short first period is the one with the number 0.
        (skip("2026-01-10", json!({"billing_day_anchor": 31})), at("2026-10-31", "2026-11-30", 10)),
        (skip("2026-11-10", json!({"billing_day_anchor": 31})), at("2026-11-10", "2026-11-30", 0)),
        // Renewed today.
        (skip("2026-10-21", json!({})), at("2026-11-21", "2026-12-21", 1)),
        (skip("2026-11-20", json!({})), at("2026-11-20", "2026-12-20", 0)),
        (skip("2023-11-21", yearly.clone()), at("2026-11-21", "2027-11-21", 3)),
        (skip("2023-11-22", yearly), at("2025-11-22", "2026-11-22", 2)),
        // Billing begins after the trial.
        (skip("2026-09-01", json!({"trial_days": 30})), at("2026-11-01", "2026-12-01", 1)),
        (
            skip("2026-11-20", json!({"trial_days": 30})),
            json!({"status": "TRIAL_ACTIVE", "current_period_start": "2026-11-20", "current_period_end": "2026-12-20", "cycle_index": 0}),
        ),
        // What is over stays in its last period.
        (
            skip("2026-01-01", json!({"end_date": "2026-03-11"})),
            json!({"status": "COMPLETED", "current_period_start": "2026-03-01", "current_period_end": "2026-03-11", "cycle_index": 2}),
        ),
        (
            skip("2026-01-01", json!({"end_date": "2026-03-01"})),
            json!({"status": "COMPLETED", "current_period_start": "2026-02-01", "current_period_end": "2026-03-01", "cycle_index": 1}),
        ),
    ]);
    for (start, condition) in [(TODAY, "ON_START"), (FUTURE, "ON_START"), (PAST, "MANUAL"), (PAST, "ON_CHECKOUT")] {
        let (status, answer) =
            shop().post("/api/v1/subscriptions", &body(skip(start, json!({"activation_condition": condition}))));
        let message = answer["message"].as_str().unwrap();
        assert!(
            status == 400 && message.starts_with("skip_past_invoices: "),
            "{start} {condition}: {status} {message}"
        );
    }
}

#[test]
fn the_end_is_kept_by_the_clock() {
    let mut m = shop();
    let answer = create(&mut m, json!({"end_date": "2026-12-01"}));
    assert_eq!((&answer["status"], &answer["end_date"]), (&json!("ACTIVE"), &json!("2026-12-01")));
    assert_eq!(reason(&m, "sso", "2026-11-30T23:59:59Z"), "ENABLED");
    assert_eq!(reason(&m, "sso", "2026-12-01T00:00:00Z"), "SUBSCRIPTION_ENDED");
    check(&[
        (json!({"start_date": PAST, "end_date": TODAY}), json!({"status": "COMPLETED", "end_date": TODAY})),
        // Nobody came to activate it.
        (
            json!({"start_date": PAST, "end_date": TODAY, "activation_condition": "MANUAL"}),
            json!({"status": "COMPLETED", "end_date": TODAY, "activated_at": null}),
        ),
        (
            json!({"start_date": PAST, "end_date": FUTURE, "activation_condition": "MANUAL"}),
            json!({"status": "PENDING_ACTIVATION", "end_date": FUTURE}),
        ),
    ]);
}

#[test]
fn dates_end_with_the_year_9999() {
    let ends = [
        (json!({"start_date": "9999-12-31"}), "start_date: "),
        (json!({"start_date": "9999-12-30", "trial_days": 2}), "trial_days: "),
        (json!({"trial_days": 2_147_483_647}), "trial_days: "),
    ];
    for (fields, words) in ends {
        let (status, answer) = shop().post("/api/v1/subscriptions", &body(fields.clone()));
        assert!(status == 400 && answer["message"].as_str().unwrap().starts_with(words), "{fields}: {status} {answer}");
    }
    check(&[
        (json!({"start_date": "9999-12-01"}), json!({"current_period_end": "9999-12-31"})),
        (json!({"start_date": "9999-12-30", "trial_days": 1}), json!({"current_period_end": "9999-12-31"})),
        (
            json!({"start_date": "0001-01-01", "skip_past_invoices": true}),
            json!({"current_period_start": "2026-11-01"}),
        ),
    ]);
}
