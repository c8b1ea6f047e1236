//! Laws of usage by allowance and of caps, for random catalogs and questions.

use crate::laws::{answer, more};
use crate::random::{Amounts, Rules, cases, catalog, ladder};
use crate::random_time::now;
use mayuse_core::{Amount, FullCatalog, Instant};
use mayuse_tests::compiled;
use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

/// The owners of rows in random catalogs.
const OWNERS: [&str; 12] = [
    "plan_0",
    "plan_1",
    "plv_0_1",
    "plv_0_2",
    "plv_1_1",
    "plv_1_2",
    "add_0",
    "add_1",
    "add_2",
    "cus_a",
    "sub_0",
    "feat_meter",
];

/// Entries about different owners.
fn usage() -> impl Strategy<Value = Value> {
    let amount =
        || prop_oneof![4 => (0_u32..70).prop_map(|n| n.to_string()), 1 => (0_u32..99).prop_map(|n| format!("{n}.5"))];
    let of_a_cap = json!({ "type": "CALENDAR", "unit": "HOUR", "interval": 13 });
    let entry = (amount(), weighted(0.2, amount()), weighted(0.2, Just(of_a_cap)), weighted(0.2, Just("sub_0")));
    vec((select(OWNERS.to_vec()), entry), 0..8).prop_map(|entries| {
        let mut owners = Vec::new();
        let mut list = Vec::new();
        for (owner, (consumed, reserved, period, subscription)) in entries {
            if owners.contains(&owner) {
                continue;
            }
            owners.push(owner);
            list.push(json!({
                "origin": owner, "consumed": consumed, "reserved": reserved, "period": period, "subscription_id": subscription,
            }));
        }
        Value::Array(list)
    })
}

fn question(feature: &str, usage: &Value, consumed: &Option<u32>, requested: &str) -> Value {
    let consumed = consumed.map(|consumed| consumed.to_string());
    json!({ "customer": "cus_a", "feature": feature, "usage": usage, "consumed": consumed, "requested": requested })
}

fn amount(value: &Value) -> Option<Amount> {
    value.as_str().map(|text| Amount::parse(text).unwrap())
}

fn ask(catalog: &FullCatalog, question: &Value, now: Instant) -> Value {
    let told = answer(catalog, question, now);
    assert!(told.get("error").is_none(), "{told}");
    told
}

proptest! {
    #![proptest_config(cases(150))]

    #[test]
    fn what_is_available_is_admitted_and_one_more_is_not(
        document in catalog(ladder(), 3, Rules::Any, Amounts::Small),
        usage in usage(),
        consumed in weighted(0.4, 0_u32..60),
        instants in [now(), now(), now()],
        is_attributed in any::<bool>(),
    ) {
        let catalog = compiled(&document.to_string());
        let usage = if is_attributed { usage } else { Value::Null };
        for (feature, now) in ["meter", "pool", "paid"].into_iter().flat_map(|feature| instants.map(|now| (feature, now))) {
            let told = ask(&catalog, &question(feature, &usage, &consumed, "1"), now);
            let Some(available) = amount(&told["available"]) else { continue };
            prop_assert!(!available.is_negative());
            prop_assert!(told["allowed"] == false || told["reason"] == "OVERAGE_ALLOWED" || Amount::ONE <= available, "{:#}", told);
            // With 28 digits, the sums of a question would not fit.
            let text = available.to_string();
            let text = text.split_once('.').map_or(text.clone(), |(whole, places)| format!("{whole}.{places:.6}"));
            let available = Amount::parse(&text).unwrap();
            if !available.is_zero() {
                let told = ask(&catalog, &question(feature, &usage, &consumed, &text), now);
                prop_assert!(told["allowed"] == true && told["reason"] != "OVERAGE_ALLOWED", "{} of {:#}", available, told);
            }
            let more = available.plus(Amount::ONE).unwrap();
            let told = ask(&catalog, &question(feature, &usage, &consumed, &more.to_string()), now);
            prop_assert!(told["allowed"] == false || told["reason"] == "OVERAGE_ALLOWED", "{} of {:#}", more, told);
        }
    }

    #[test]
    fn nothing_is_drawn_beyond_a_cap_and_all_of_a_request_is_drawn(
        document in catalog(ladder(), 3, Rules::Any, Amounts::Small),
        usage in usage(),
        requested in 1_u32..150,
        instants in [now(), now(), now()],
    ) {
        let catalog = compiled(&document.to_string());
        for (feature, now) in ["meter", "pool"].into_iter().flat_map(|feature| instants.map(|now| (feature, now))) {
            let told = ask(&catalog, &question(feature, &usage, &None, &requested.to_string()), now);
            let Some(windows) = told["windows"].as_array() else { continue };
            let (mut total, mut drawn) = (Amount::ZERO, Amount::ZERO);
            for window in windows {
                let own = amount(&window["drawn"]).unwrap_or(Amount::ZERO);
                if window["role"] == "LIMIT" {
                    drawn = own;
                    total = total.plus(own).unwrap();
                } else {
                    prop_assert!(drawn.is_zero() || drawn <= amount(&window["remaining"]).unwrap(), "{:#}", told);
                }
            }
            let expected = if told["allowed"] == true { Amount::from(requested) } else { Amount::ZERO };
            prop_assert_eq!(total, expected, "{:#}", told);
        }
    }

    #[test]
    fn each_cap_admits_what_is_admitted(
        document in catalog(ladder(), 1, Rules::Any, Amounts::Small),
        consumed in 0_u32..60,
        requested in 1_u32..40,
        instants in [now(), now(), now()],
    ) {
        let catalog = compiled(&document.to_string());
        for (feature, now) in ["meter", "pool"].into_iter().flat_map(|feature| instants.map(|now| (feature, now))) {
            let told = ask(&catalog, &question(feature, &Value::Null, &Some(consumed), &requested.to_string()), now);
            let Some(windows) = told["windows"].as_array().filter(|_| told["allowed"] == true) else { continue };
            // The first allowance is the one that admits.
            let caps = windows.iter().skip(1).take_while(|window| window["role"] == "CAP");
            for cap in caps {
                prop_assert!(Amount::from(requested) <= amount(&cap["remaining"]).unwrap(), "{:#}", told);
            }
        }
    }

    #[test]
    fn more_never_takes_access_away_where_usage_adds_up(
        document in catalog(Just(json!("STANDARD")), 3, Rules::Any, Amounts::Small),
        usage in usage(),
        requested in 0_u32..120,
        instants in [now(), now(), now()],
        more in more(),
    ) {
        let Some(with_more) = more.added_to(&document) else { return Ok(()) };
        let (before, after) = (compiled(&document.to_string()), compiled(&with_more.to_string()));
        for (feature, now) in ["meter", "pool", "paid"].into_iter().flat_map(|feature| instants.map(|now| (feature, now))) {
            let requested = requested.to_string();
            // What is added has used nothing yet: only entries that are about something held are stated.
            let told = ask(&before, &question(feature, &usage, &None, &requested), now);
            let unmatched: Vec<&str> =
                told["warnings"].as_array().into_iter().flatten().filter_map(|warning| warning["path"].as_str()).collect();
            let entries = usage.as_array().unwrap().iter().enumerate();
            let held: Vec<&Value> =
                entries.filter(|(n, _)| !unmatched.contains(&&*format!("usage[{n}]"))).map(|(_, entry)| entry).collect();
            let question = question(feature, &json!(held), &None, &requested);
            let (before, after) = (ask(&before, &question, now), ask(&after, &question, now));
            if before["fallback"] == true && after["fallback"] != true {
                continue;
            }
            prop_assert!(before["allowed"] != true || after["allowed"] == true, "{:#}\nand with {:?}\n{:#}", before, more, after);
        }
    }
}
