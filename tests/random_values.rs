//! Random values of entitlement rows, and the features that they are on.

use mayuse_core::Unit;
use proptest::option::{self, weighted};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

/// Which rules rows of a random catalog may have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rules {
    Any,
    NotSliding,
}

/// How large its amounts are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Amounts {
    /// Below a hundred, so that limits are met.
    Small,
    /// Some of them too large to be added up.
    Huge,
}

/// The features of every random catalog: a switch, a meter, a pool, something paid from it, and values: a number, an
/// option of a list, a text.
pub const CODES: [&str; 7] = ["switch", "meter", "pool", "paid", "number", "choice", "text"];

/// The type of a feature.
pub fn feature_type(feature: usize) -> Value {
    match CODES[feature] {
        "switch" => json!({ "type": "BOOLEAN" }),
        "number" => json!({ "type": "CONFIG", "value_type": "NUMBER" }),
        "choice" => json!({ "type": "CONFIG", "value_type": "SELECT", "options": ["small", "medium", "large"] }),
        "text" => json!({ "type": "CONFIG", "value_type": "TEXT" }),
        _ => json!({ "type": "METERED" }),
    }
}

fn rule(rules: Rules) -> BoxedStrategy<Value> {
    let word = |unit: Unit| unit.name();
    let every = |types: Vec<&'static str>| {
        (select(types), select(Unit::ALL.to_vec()), prop_oneof![3 => Just(1), 1 => 1..=12])
            .prop_map(move |(kind, unit, interval)| json!({ "type": kind, "unit": word(unit), "interval": interval }))
    };
    let bare = select(vec!["NEVER", "BILLING_CYCLE", "BILLING_CYCLE"]).prop_map(|kind| json!({ "type": kind }));
    match rules {
        Rules::Any => prop_oneof![2 => bare, 3 => every(vec!["CALENDAR", "FIXED_WINDOW", "SLIDING_WINDOW"])].boxed(),
        Rules::NotSliding => prop_oneof![2 => bare, 3 => every(vec!["CALENDAR", "FIXED_WINDOW"])].boxed(),
    }
}

pub fn amount(amounts: Amounts) -> BoxedStrategy<String> {
    let small = (0_i64..60).prop_map(|n| n.to_string());
    let half = (0_i64..600).prop_map(|n| format!("{}.{}", n / 10, n % 10));
    let huge = select(vec![
        "79228162514264337593543950335",
        "0.0000000000000000000000000001",
        "9999999999999999999999999999",
        "1234567890123.456789012345678",
    ]);
    match amounts {
        Amounts::Small => prop_oneof![3 => small, 1 => half].boxed(),
        Amounts::Huge => prop_oneof![1 => small, 1 => half, 1 => huge.prop_map(str::to_owned)].boxed(),
    }
}

fn metered(rules: Rules, amounts: Amounts) -> BoxedStrategy<Value> {
    let pct = || select(vec!["0", "10", "50", "33.3"]);
    let behavior = || select(vec!["BLOCK", "BLOCK", "ALLOW"]);
    let overage = (behavior(), option::of(pct()), weighted(0.3, behavior())).prop_map(
        |(behavior, grace, in_trial)| json!({ "behavior": behavior, "grace_pct": grace, "in_trial": in_trial }),
    );
    let limit = weighted(0.9, amount(amounts));
    // No row has a reset period that equals one of these.
    let cap = move |kind: &'static str, unit: &'static str, interval: u32| {
        weighted(0.2, amount(amounts)).prop_map(move |limit| {
            limit.map(
                |limit| json!({ "limit": limit, "reset_period": { "type": kind, "unit": unit, "interval": interval } }),
            )
        })
    };
    let caps = [cap("CALENDAR", "HOUR", 13).boxed(), cap("FIXED_WINDOW", "DAY", 15).boxed()];
    (any::<u8>(), limit, rule(rules), weighted(0.3, overage), weighted(0.3, pct()), caps)
        .prop_map(|(dice, limit, rule, overage, warning, caps)| {
            json!({
                "type": "METERED", "enabled": dice > 30, "limit": limit, "reset_period": rule, "overage": overage,
                "warning_threshold_pct": warning, "per_seat": dice % 5 == 0,
                "caps": caps.into_iter().flatten().collect::<Vec<_>>(),
            })
        })
        .boxed()
}

/// A CONFIG value of a kind.
fn config(kind: &'static str, value: BoxedStrategy<String>) -> BoxedStrategy<Value> {
    (any::<u8>(), value)
        .prop_map(move |(dice, value)| {
            json!({
                "type": "CONFIG", "enabled": dice > 30, "per_seat": kind == "NUMBER" && dice % 5 == 0,
                "value": { "kind": kind, "value": value },
            })
        })
        .boxed()
}

pub fn value(feature: usize, rules: Rules, amounts: Amounts) -> BoxedStrategy<Value> {
    let switch = any::<bool>().prop_map(|enabled| json!({ "type": "BOOLEAN", "enabled": enabled }));
    let cost = select(vec!["0", "0.5", "1", "3"]);
    let credits = (any::<u8>(), cost, select(vec!["feat_pool", "feat_pool", "feat_meter"])).prop_map(
        |(dice, cost, pool)| json!({ "type": "CREDITS", "enabled": dice > 30, "pool_feature_id": pool, "cost": cost }),
    );
    let metered = metered(rules, amounts);
    // Of each kind a few that do not fit: they are skipped.
    match CODES[feature] {
        "switch" => prop_oneof![20 => switch, 1 => metered].boxed(),
        "number" => prop_oneof![20 => config("NUMBER", amount(amounts)), 1 => switch].boxed(),
        "choice" => {
            let options = select(vec!["small", "medium", "large", "large", "huge"]).prop_map(str::to_owned);
            prop_oneof![20 => config("TEXT", options.boxed()), 1 => metered].boxed()
        }
        "text" => config("TEXT", "[a-c]".boxed()),
        "paid" => prop_oneof![3 => credits, 1 => metered].boxed(),
        _ => prop_oneof![20 => metered, 1 => switch, 1 => credits].boxed(),
    }
}
