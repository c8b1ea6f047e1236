//! Random questions, rules and small catalogs, for laws that hold for all of them.
//!
//! Catalogs are made as JSON, since that is what comes in. They are small and their numbers are
//! close together, so that rows meet each other, limits are just reached, and edges are hit.
//! Their parts are boxed: nested as they are, they would be too large for the stack of a test.

use crate::random_time::{FIRST_DAY, MS_PER_DAY, N_DAYS, STATUSES, access, at, dated, dates, instant};
pub use crate::random_values::{Amounts, CODES, Rules};
use crate::random_values::{amount, feature_type, value};
use mayuse_core::{Billing, BillingPeriod, BillingSchedule, CalendarInterval, Interval, ResetPeriod, Unit, Weekday};
use proptest::collection::vec;
use proptest::option::{self, weighted};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::RngSeed;
use serde_json::{Value, json};

/// So many cases, the same ones in every run. `PROPTEST_CASES` and `PROPTEST_RNG_SEED` say otherwise.
pub fn cases(n: u32) -> ProptestConfig {
    let asked = ProptestConfig::default();
    let is_set = |name: &str| std::env::var_os(name).is_some();
    ProptestConfig {
        cases: if is_set("PROPTEST_CASES") { asked.cases } else { n },
        rng_seed: if is_set("PROPTEST_RNG_SEED") { asked.rng_seed } else { RngSeed::Fixed(20_261_120) },
        failure_persistence: None,
        ..asked
    }
}

/// `YYYY-MM-DD` of a day counted from 1970.
pub fn day_text(day: i64) -> String {
    at(day * MS_PER_DAY).to_string()[..10].to_owned()
}

/// An instant as documents may give it: a date, if it is a midnight.
pub fn time_text(ms: i64) -> String {
    if ms % MS_PER_DAY == 0 { day_text(ms / MS_PER_DAY) } else { at(ms).to_string() }
}

pub fn unit() -> impl Strategy<Value = Unit> {
    select(Unit::ALL.to_vec())
}

fn every() -> impl Strategy<Value = Interval> {
    let interval = prop_oneof![6 => 1_i64..=14, 2 => 1_i64..=400, 1 => 1_i64..=10_000];
    (unit(), interval).prop_map(|(unit, interval)| Interval::new(unit, interval).unwrap())
}

/// Every type of reset period but the sliding ones.
pub fn resetting_rule() -> impl Strategy<Value = ResetPeriod> {
    prop_oneof![
        1 => Just(ResetPeriod::Never),
        4 => Just(ResetPeriod::BillingCycle),
        3 => Just(ResetPeriod::BillingMonth),
        3 => (every(), week_start())
            .prop_map(|(every, week_start)| ResetPeriod::Calendar(CalendarInterval { every, week_start, zone: None })),
        3 => every().prop_map(ResetPeriod::FixedWindow),
    ]
}

pub fn week_start() -> impl Strategy<Value = Weekday> {
    select(Weekday::ALL.to_vec())
}

pub fn sliding_rule() -> impl Strategy<Value = ResetPeriod> {
    every().prop_map(ResetPeriod::SlidingWindow)
}

/// Any rhythm of billing.
pub fn rhythm() -> impl Strategy<Value = (BillingPeriod, i64)> {
    let anchor = prop_oneof![6 => 1_i64..=31, 1 => 1_i64..=32_767];
    let named = select(BillingPeriod::NAMED.to_vec()).prop_map(|(_, period)| period);
    let other = (select(BillingPeriod::UNITS.to_vec()), 1_i64..=40)
        .prop_map(|(unit, interval)| BillingPeriod::new(unit, interval).unwrap());
    (prop_oneof![3 => named, 1 => other], anchor)
}

/// What is replicated of a subscription's billing, whether it makes sense or not.
#[derive(Clone, Copy, Debug)]
pub struct RandomBilling {
    pub period: BillingPeriod,
    pub anchor: i64,
    /// Milliseconds since 1970, as all of these.
    pub from: i64,
    pub to: Option<i64>,
    pub start: Option<i64>,
    pub billing_start: Option<i64>,
}

impl RandomBilling {
    pub fn built(&self) -> Billing {
        let rhythm = BillingSchedule::new(self.period, self.anchor).unwrap();
        let [to, start, billing_start] = [self.to, self.start, self.billing_start].map(|ms| ms.map(at));
        Billing::new(rhythm, at(self.from), to, start, billing_start).unwrap()
    }

    /// The period as documents give it.
    fn period_json(&self) -> Value {
        let every = self.period.every();
        let other = || json!({ "unit": every.unit.name(), "interval": every.interval() });
        self.period.name().map_or_else(other, Value::from)
    }
}

pub fn billing() -> BoxedStrategy<RandomBilling> {
    let length = prop_oneof![select(vec![28_i64, 29, 30, 31, 90, 181, 365, 366]), 1_i64..=800];
    let earlier = || option::of(-40_i64..2_000);
    // Mostly dates, else a time of day of each.
    let clocks = prop_oneof![2 => Just([0; 4]), 1 => prop::array::uniform4(prop_oneof![Just(0), 0..MS_PER_DAY])];
    (rhythm(), FIRST_DAY..FIRST_DAY + N_DAYS, weighted(0.8, length), earlier(), earlier(), clocks)
        .prop_map(|((period, anchor), from, length, start, billing_start, clocks)| RandomBilling {
            period,
            anchor,
            from: from * MS_PER_DAY + clocks[0],
            to: length.map(|length| (from + length) * MS_PER_DAY + clocks[1]),
            start: start.map(|by| (from - by) * MS_PER_DAY + clocks[2]),
            billing_start: billing_start.map(|by| (from - by) * MS_PER_DAY + clocks[3]),
        })
        .boxed()
}

pub const N_ADD_ONS: usize = 3;
pub const N_PLANS: usize = 2;

fn created_at() -> impl Strategy<Value = Option<&'static str>> {
    option::of(select(vec!["2024-01-01T00:00:00Z", "2024-06-30T10:00:00Z", "2025-01-31T23:59:59.999Z"]))
}

/// The rows of an owner on one feature: one without dates, one with dates, or two that follow each other.
fn rows_on(feature: usize, rules: Rules, amounts: Amounts) -> BoxedStrategy<Vec<Value>> {
    let row = || row(feature, rules, amounts);
    let one = row().prop_map(|row| vec![row]);
    let in_time = (row(), dates()).prop_map(|(mut row, dates)| {
        dated(&mut row, dates);
        vec![row]
    });
    let two = (row(), row(), instant(), prop_oneof![Just(0), 0..40 * MS_PER_DAY]).prop_map(
        |(mut first, mut second, end, gap)| {
            dated(&mut first, (None, Some(end)));
            dated(&mut second, (Some(end + gap), None));
            vec![second, first]
        },
    );
    prop_oneof![6 => one, 2 => in_time, 1 => two].boxed()
}

fn row(feature: usize, rules: Rules, amounts: Amounts) -> BoxedStrategy<Value> {
    (value(feature, rules, amounts), created_at(), 0..3, any::<bool>())
        .prop_map(move |(value, created_at, id, by_code)| {
            let (name, feature) = match by_code {
                true => ("feature", CODES[feature].to_owned()),
                false => ("feature_id", format!("feat_{}", CODES[feature])),
            };
            json!({ "id": format!("ent_{id}"), name: feature, "value": value, "created_at": created_at })
        })
        .boxed()
}

/// The rows of one owner, on each feature with this probability.
fn rows(p: f64, rules: Rules, amounts: Amounts) -> BoxedStrategy<Value> {
    let on = move |feature| weighted(p, rows_on(feature, rules, amounts));
    (0..CODES.len()).map(on).collect::<Vec<_>>().prop_map(|rows| rows.into_iter().flatten().flatten().collect()).boxed()
}

fn product() -> impl Strategy<Value = Option<&'static str>> {
    weighted(0.2, select(vec!["prd_a", "prd_b"]))
}

fn feature(n: usize, rules: Rules, amounts: Amounts) -> BoxedStrategy<Value> {
    let status = prop_oneof![15 => Just("ACTIVE"), 1 => Just("DISABLED")];
    let policy = weighted(0.1, select(vec!["ALLOW", "DENY"]));
    let default = (row(n, rules, amounts), weighted(0.2, dates())).prop_map(|(mut row, dates)| {
        dated(&mut row, dates.unwrap_or_default());
        row
    });
    (status, product(), weighted(0.3, default), policy)
        .prop_map(move |(status, product, default, policy)| {
            json!({
                "id": format!("feat_{}", CODES[n]), "code": CODES[n], "feature_type": feature_type(n), "status": status,
                "product_id": product, "entitlement": default, "on_indeterminate": policy,
            })
        })
        .boxed()
}

fn plan(n: usize, rules: Rules, amounts: Amounts) -> BoxedStrategy<Value> {
    let version = move |v: usize| {
        (rows(0.4, rules, amounts), product()).prop_map(move |(rows, product)| {
            let products: Vec<&str> = product.into_iter().collect();
            json!({ "id": format!("plv_{n}_{v}"), "version": v, "entitlements": rows, "product_ids": products })
        })
    };
    (rows(0.5, rules, amounts), version(1), version(2)).prop_map(move |(rows, v1, v2)| {
        json!({ "id": format!("plan_{n}"), "name": format!("Plan {n}"), "entitlements": rows, "versions": [v1, v2] })
    }).boxed()
}

fn add_on(n: usize, rules: Rules, amounts: Amounts) -> BoxedStrategy<Value> {
    let archived = weighted(0.2, select(vec!["2024-03-01T00:00:00Z", "2025-08-01T12:00:00Z"]));
    (rows(0.6, rules, amounts), product(), option::of(0..3), archived)
        .prop_map(move |(rows, product, max, archived)| {
            json!({
                "id": format!("add_{n}"), "name": format!("Add-on {n}"), "product_id": product, "entitlements": rows,
                "max_instances_per_subscription": max, "archived_at": archived, "self_serviceable": n != 1,
            })
        })
        .boxed()
}

fn customer(name: &'static str, rules: Rules, amounts: Amounts) -> BoxedStrategy<Value> {
    let archived = weighted(0.05, select(vec!["2024-09-01T00:00:00Z", "2026-01-01T00:00:00Z"]));
    (rows(0.1, rules, amounts), archived, weighted(0.5, instant()))
        .prop_map(move |(rows, archived, created)| {
            json!({
                "id": format!("cus_{name}"), "alias": name, "name": name, "entitlements": rows, "archived_at": archived,
                "created_at": created.map(|ms| at(ms).to_string()),
            })
        })
        .boxed()
}

/// A subscription that is not yet named: [`catalog`] numbers them.
pub fn subscription(rules: Rules, amounts: Amounts) -> BoxedStrategy<Value> {
    let status = prop_oneof![
        8 => Just("ACTIVE"),
        2 => Just("TRIAL_ACTIVE"),
        2 => select(vec!["PENDING_CHARGE", "PENDING_ACTIVATION", "TRIAL_EXPIRED", "PAUSED", "SUSPENDED", "CANCELLED"]),
    ];
    let in_time = weighted(0.3, crate::random_time::dates());
    let held = (0..N_ADD_ONS, 0..4, in_time).prop_map(|(n, quantity, dates)| {
        let mut held = json!({ "add_on_id": format!("add_{n}"), "quantity": quantity });
        dated(&mut held, dates.unwrap_or_default());
        held
    });
    let change = (select(STATUSES.to_vec()), instant())
        .prop_map(|(status, ms)| json!({ "status": status, "at": at(ms).to_string() }));
    let changes = weighted(0.3, vec(change, 1..4));
    let statuses = (weighted(0.3, instant()), changes, weighted(0.3, 1..9_u32));
    let dates =
        (0_i64..500, weighted(0.2, 1_i64..1_200), option::of((-10_i64..40, 0..MS_PER_DAY)), option::of(0_u32..700));
    let owner = prop_oneof![5 => Just("cus_a"), 1 => Just("cus_b")];
    let sold = (0..N_PLANS, 1..=2, owner, vec(held, 0..4), product());
    (status, billing(), dates, sold, rows(0.15, rules, amounts), statuses).prop_map(
        |(status, billing, (start, length, activated, trial), (plan, version, owner, held, product), rows, statuses)| {
            let (since, changes, seats) = statuses;
            let start = FIRST_DAY + start;
            let clock = billing.from.rem_euclid(MS_PER_DAY);
            let time = |day: i64| time_text(day * MS_PER_DAY + clock);
            let instant = |(by, ms): (i64, i64)| at((start + by) * MS_PER_DAY + ms).to_string();
            json!({
                "customer_id": owner, "plan_id": format!("plan_{plan}"), "plan_version_id": format!("plv_{plan}_{version}"),
                "status": status, "start_date": time(start), "end_date": length.map(|days| time(start + days)),
                "activated_at": activated.map(instant), "trial_duration": trial, "period": billing.period_json(),
                "billing_day_anchor": billing.anchor, "current_period_start": time_text(billing.from),
                "current_period_end": billing.to.map(time_text),
                "billing_start_date": billing.billing_start.map(time_text),
                "add_ons": held, "entitlements": rows, "components": [{ "name": "Seat", "product_id": product }],
                "status_since": since.map(|ms| at(ms).to_string()), "status_changes": changes, "seats": seats,
            })
        },
    ).boxed()
}

/// The two presets, and ladders spelled out.
pub fn ladder() -> impl Strategy<Value = Value> {
    let names = ["FEATURE", "PLAN", "PLAN_VERSION", "ADD_ON", "SUBSCRIPTION", "CUSTOMER"];
    let order = Just(names.to_vec()).prop_shuffle();
    let combine = || select(vec!["REPLACE", "STACK", "MAX"]);
    let spelled = (order, vec(combine(), 6), 3_usize..=6, select(vec!["UNION", "CHAIN"]), any::<bool>()).prop_map(
        |(order, combines, n, across, multiply)| {
            let level = |(level, combine)| json!({ "level": level, "combine": combine });
            let levels: Vec<Value> = order.into_iter().zip(combines).take(n).map(level).collect();
            json!({ "levels": levels, "across_subscriptions": across, "multiply_quantity": multiply })
        },
    );
    prop_oneof![3 => Just(json!("STANDARD")), 3 => Just(json!("METEROID")), 2 => spelled]
}

/// A small catalog with up to so many subscriptions.
pub fn catalog(
    ladder: impl Strategy<Value = Value> + 'static,
    n_subscriptions: usize,
    rules: Rules,
    amounts: Amounts,
) -> BoxedStrategy<Value> {
    let feature = |n| feature(n, rules, amounts);
    let plan = |n| plan(n, rules, amounts);
    let add_on = |n| add_on(n, rules, amounts);
    let customer = |name| customer(name, rules, amounts);
    (
        ladder,
        (0..CODES.len()).map(feature).collect::<Vec<_>>(),
        [plan(0), plan(1)],
        [add_on(0), add_on(1), add_on(2)],
        [customer("a"), customer("b")],
        vec(subscription(rules, amounts), 0..=n_subscriptions),
        (access(), weighted(0.3, select(vec!["plv_0_1", "plv_1_2"]))),
    )
        .prop_map(|(ladder, features, plans, add_ons, customers, mut subscriptions, (access, fallback))| {
            for (n, subscription) in subscriptions.iter_mut().enumerate() {
                subscription["id"] = json!(format!("sub_{n}"));
            }
            json!({
                "format": 1, "ladder": ladder, "features": features, "plans": plans, "add_ons": add_ons,
                "customers": customers, "subscriptions": subscriptions, "access_statuses": access,
                "fallback_plan_version_id": fallback,
            })
        })
        .boxed()
}

/// A question about a random catalog, as it is asked in JSON.
pub fn question(amounts: Amounts) -> BoxedStrategy<Value> {
    let feature = prop_oneof![30 => select(CODES.to_vec()), 1 => Just("feat_pool"), 1 => Just("nothing")];
    let customer = prop_oneof![20 => Just("cus_a"), 2 => Just("a"), 2 => Just("cus_b"), 1 => Just("nobody")];
    let subscription = weighted(0.15, select(vec!["sub_0", "sub_1", "sub_9"]));
    let consumed = prop_oneof![4 => amount(amounts), 1 => (1..30).prop_map(|n| format!("-{n}"))];
    let policy = weighted(0.1, select(vec!["ALLOW", "DENY"]));
    let amounts = (option::of(amount(amounts)), weighted(0.9, consumed), weighted(0.2, amount(amounts)));
    (feature, customer, subscription, amounts, policy)
        .prop_map(|(feature, customer, subscription, (requested, consumed, reserved), policy)| {
            json!({
                "feature": feature, "customer": customer, "subscription_id": subscription, "requested": requested,
                "consumed": consumed, "reserved": reserved, "explain": true, "on_indeterminate": policy,
            })
        })
        .boxed()
}
