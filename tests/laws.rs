//! Laws of decisions, for random catalogs and questions.

use crate::json::as_value;
use crate::random::{Amounts, CODES, N_ADD_ONS, Rules, cases, catalog, ladder, question, subscription};
use crate::random_time::{any_instant, at, dates_text, now};
use crate::rewriting::{bytes, dice, rewritten, shuffle};
use mayuse_core::{FullCatalog, Instant, decide};
use mayuse_document::{Check, Document, Tree};
use mayuse_tests::compiled;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Map, Value, json};

/// The decision as it is sent.
pub fn answer(catalog: &FullCatalog, question: &Value, now: Instant) -> Value {
    let tree: Tree = serde_json::from_value(question.clone()).unwrap();
    let check = Check::read(&tree).unwrap();
    match decide(catalog, &check.question(), now) {
        Ok(decision) => as_value(&decision),
        Err(problem) => json!({ "error": problem.to_string() }),
    }
}

pub fn answer_of(document: &Value, question: &Value, now: Instant) -> Value {
    answer(&compiled(&document.to_string()), question, now)
}

/// The same question on every feature, at several amounts used: a catalog takes longer to make
/// up than to ask.
pub fn each(question: &Value, explain: bool) -> Vec<Value> {
    let used = [Value::Null, json!("-5"), json!("0"), json!("12"), json!("30"), json!("55.5")];
    let ask = |code: &str, consumed: &Value| {
        let mut question = question.clone();
        question["feature"] = json!(code);
        question["consumed"] = consumed.clone();
        question["explain"] = json!(explain);
        question
    };
    CODES.iter().flat_map(|code| used.iter().map(move |consumed| ask(code, consumed))).collect()
}

fn standard() -> Just<Value> {
    Just(json!("STANDARD"))
}

/// What a customer can do to have more.
#[derive(Clone, Debug)]
pub enum More {
    AddOn { subscription: Index, add_on: usize, quantity: u32, dates: Option<(Value, Value)> },
    Quantity { subscription: Index, held: Index, by: u32 },
    Subscription(Value),
}

impl More {
    /// The document with it, if there is what it is added to.
    pub fn added_to(&self, document: &Value) -> Option<Value> {
        let mut document = document.clone();
        let subscriptions = document["subscriptions"].as_array_mut().unwrap();
        match self {
            More::Subscription(subscription) => {
                let mut subscription = subscription.clone();
                subscription["id"] = json!("sub_more");
                subscriptions.push(subscription);
            }
            _ if subscriptions.is_empty() => return None,
            More::AddOn { subscription, add_on, quantity, dates } => {
                let held = subscription.get_mut(subscriptions)["add_ons"].as_array_mut().unwrap();
                let mut row = json!({ "add_on_id": format!("add_{add_on}"), "quantity": quantity });
                if let Some((starts_at, expires_at)) = dates {
                    row["starts_at"] = starts_at.clone();
                    row["expires_at"] = expires_at.clone();
                }
                held.push(row);
            }
            More::Quantity { subscription, held, by } => {
                let rows = subscription.get_mut(subscriptions)["add_ons"].as_array_mut().unwrap();
                if rows.is_empty() {
                    return None;
                }
                let quantity = &mut held.get_mut(rows)["quantity"];
                *quantity = json!(quantity.as_u64().unwrap() + u64::from(*by));
            }
        }
        Some(document)
    }
}

pub fn more() -> impl Strategy<Value = More> {
    prop_oneof![
        4 => (any::<Index>(), 0..N_ADD_ONS, 1..4_u32, proptest::option::of(dates_text()))
            .prop_map(|(subscription, add_on, quantity, dates)| More::AddOn { subscription, add_on, quantity, dates }),
        2 => (any::<Index>(), any::<Index>(), 1..4_u32)
            .prop_map(|(subscription, held, by)| More::Quantity { subscription, held, by }),
        3 => subscription(Rules::Any, Amounts::Small).prop_map(More::Subscription),
    ]
}

proptest! {
    #![proptest_config(cases(250))]

    #[test]
    fn more_never_takes_access_away(
        document in catalog(standard(), 3, Rules::Any, Amounts::Small),
        question in question(Amounts::Small),
        instants in [now(), now(), now()],
        more in more(),
    ) {
        let Some(with_more) = more.added_to(&document) else { return Ok(()) };
        let (before, after) = (compiled(&document.to_string()), compiled(&with_more.to_string()));
        for (question, now) in each(&question, false).iter().flat_map(|question| instants.map(|now| (question, now))) {
            let (before, after) = (answer(&before, question, now), answer(&after, question, now));
            // The first subscription ends the fallback plan, even if it grants less.
            if before["fallback"] == true && after["fallback"] != true {
                continue;
            }
            prop_assert!(before["allowed"] != true || after["allowed"] == true, "{:#}\nand with {:?}\n{:#}", before, more, after);
        }
    }

    #[test]
    fn order_does_not_matter(
        document in catalog(ladder(), 4, Rules::Any, Amounts::Small),
        question in question(Amounts::Small),
        now in now(),
        bytes in bytes(),
    ) {
        let mut shuffled = document.clone();
        shuffle(&mut shuffled, &mut dice(bytes));
        let (first, second) = (compiled(&document.to_string()), compiled(&shuffled.to_string()));
        for question in each(&question, true) {
            prop_assert_eq!(answer(&first, &question, now), answer(&second, &question, now));
        }
    }

    #[test]
    fn the_way_it_is_written_does_not_matter(
        document in catalog(ladder(), 3, Rules::Any, Amounts::Small),
        question in question(Amounts::Small),
        now in now(),
        bytes in bytes(),
    ) {
        let told = answer_of(&document, &question, now);
        let again: Value = serde_json::from_str(&document.to_string()).unwrap();
        prop_assert_eq!(&told, &answer_of(&again, &question, now));
        let direct: Document = serde_json::from_value(document.clone()).unwrap();
        prop_assert_eq!(&told, &answer(&direct.compile().unwrap().0, &question, now));
        let rewritten = rewritten(&document, &mut dice(bytes));
        prop_assert_eq!(&told, &answer(&compiled(&rewritten), &question, now));
    }

    #[test]
    fn nothing_panics(
        document in catalog(ladder(), 4, Rules::Any, Amounts::Huge),
        question in question(Amounts::Huge),
        now in prop_oneof![now(), any_instant()],
    ) {
        // Some limits cannot be held with their grace: such a document is refused, which is no panic either.
        let read: Document = serde_json::from_value(document.clone()).unwrap();
        if let Err(problems) = read.compile() {
            prop_assert!(problems.list[0].message.contains("digits"), "{}", problems);
            return Ok(());
        }
        let told = answer_of(&document, &question, now);
        if told.get("error").is_some() {
            prop_assert!(told["error"].as_str().unwrap().contains("digits"), "{}", told);
        } else {
            consistent(told.as_object().unwrap())?;
        }
    }

    #[test]
    fn an_answer_stands_as_long_as_it_says(
        document in catalog(ladder(), 3, Rules::NotSliding, Amounts::Small),
        question in question(Amounts::Small),
        instants in [now(), now(), now()],
        thousandths in 1_i64..1_000,
    ) {
        let catalog = compiled(&document.to_string());
        for (question, now) in each(&question, false).iter().flat_map(|question| instants.map(|now| (question, now))) {
            let told = answer(&catalog, question, now);
            // Without an end it stands for ever.
            let until = told["valid_until"].as_str().map_or(Instant::MAX, |until| Instant::parse(until).unwrap());
            prop_assert!(now < until, "{} is over at {}", told, now);
            let span = until.millis() - now.millis();
            for later in [now.millis() + 1, now.millis() + span / 1_000 * thousandths, until.millis() - 1] {
                let later = at(later.min(until.millis() - 1));
                let then = answer(&catalog, question, later);
                let fields = ["allowed", "reason", "limit", "period", "remaining", "origin", "overage", "fallback", "windows", "available", "value"];
                for field in fields.into_iter().chain(["subscription_id", "valid_until"]) {
                    prop_assert_eq!(&told[field], &then[field], "{} at {}:\n{:#}\n{:#}", field, later, told, then);
                }
            }
        }
    }
}

/// What is true of every decision, whatever it says.
fn consistent(told: &Map<String, Value>) -> Result<(), TestCaseError> {
    let verdict = told["decision"].as_str().unwrap();
    prop_assert_eq!(told["retryable"].as_bool().unwrap(), verdict == "INDETERMINATE");
    prop_assert!(verdict == "INDETERMINATE" || told["allowed"] == (verdict == "ALLOW"), "{:?}", told);
    prop_assert!(told["reason"].is_string());
    if let Some(remaining) = told.get("remaining").and_then(Value::as_str) {
        prop_assert!(!remaining.starts_with('-'), "{:?}", told);
    }
    if let Some(windows) = told.get("windows").and_then(Value::as_array) {
        prop_assert!(1 < windows.len(), "one window is not listed");
        // An allowance admits if its limit and all its caps do.
        let mut admits: Vec<bool> = Vec::new();
        for window in windows {
            let allowed = window["allowed"] == true;
            match admits.last_mut().filter(|_| window["role"] == "CAP") {
                Some(admits) => *admits &= allowed,
                None => admits.push(allowed),
            }
        }
        let any = admits.contains(&true);
        prop_assert!(verdict == "INDETERMINATE" || any == (verdict == "ALLOW"), "{:?}", told);
    }
    Ok(())
}

/// Found by the law above: where rows of add-ons merge, one that is archived no longer adds. That
/// depends on the level's combination alone, not on how subscriptions come together.
#[test]
fn an_add_on_to_be_archived_ends_an_answer() {
    let row = |limit: &str| json!([{ "feature": "m", "value": { "type": "METERED", "limit": limit } }]);
    for across in ["CHAIN", "UNION"] {
        let ladder = json!({ "levels": [{ "level": "ADD_ON", "combine": "REPLACE" }], "across_subscriptions": across });
        let document = json!({
            "format": 1, "ladder": ladder,
            "features": [{ "id": "feat_m", "code": "m", "feature_type": { "type": "METERED" }, "status": "ACTIVE" }],
            "plans": [{ "id": "plan_p", "versions": [{ "id": "plv_p" }] }],
            "add_ons": [
                { "id": "add_a", "entitlements": row("10") },
                { "id": "add_b", "entitlements": row("5"), "archived_at": "2025-07-01T00:00:00Z" },
            ],
            "customers": [{ "id": "cus_a" }],
            "subscriptions": [{
                "id": "sub_s", "customer_id": "cus_a", "plan_id": "plan_p", "plan_version_id": "plv_p",
                "status": "ACTIVE", "start_date": "2025-01-01", "billing_day_anchor": 1, "period": "MONTHLY",
                "current_period_start": "2025-06-01", "current_period_end": "2025-07-01",
                "add_ons": [{ "add_on_id": "add_a" }, { "add_on_id": "add_b" }],
            }],
        });
        let question = json!({ "customer": "cus_a", "feature": "m", "consumed": "12" });
        let ask = |at: &str| answer_of(&document, &question, Instant::parse(at).unwrap());
        let (before, after) = (ask("2025-06-15"), ask("2025-07-01"));
        assert_eq!((&before["limit"], &before["allowed"]), (&json!("15"), &json!(true)), "{across}");
        assert_eq!((&after["limit"], &after["allowed"]), (&json!("10"), &json!(false)), "{across}");
        assert_eq!(before["valid_until"], "2025-07-01T00:00:00Z", "{across}");
    }
}
