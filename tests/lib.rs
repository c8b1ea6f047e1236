//! What tests and benches share: reading a catalog, and a large one made up for measuring.
//!
//! The made-up catalog is the same on every computer and in every run: it comes from a small
//! generator of its own, so that a measurement today can be compared with one of last year.

#![forbid(unsafe_code)]

#[path = "bench/workload.rs"]
pub mod workload;
pub mod simulation;

use mayuse_core::{FullCatalog, Instant};
use mayuse_dialects::Kind;
use mayuse_document::{Document, Tree};
use serde_json::{Value, json};
use std::io::BufRead;

/// The switches of [`bench_catalog`], by code.
pub const BENCH_BOOLEAN: [&str; 10] = [
    "sso",
    "audit_log",
    "custom_domains",
    "priority_support",
    "report_builder",
    "white_label",
    "api_access",
    "webhooks",
    "data_export",
    "beta_features",
];

/// The metered features of [`bench_catalog`], by code. Every type of reset period is among them.
pub const BENCH_METERED: [&str; 10] = [
    "api_calls",
    "projects",
    "emails",
    "exports",
    "requests",
    "ai_tokens",
    "storage_gb",
    "builds",
    "reports",
    "messages",
];

/// The instant [`bench_catalog`] is made for: most current billing periods hold it.
pub const BENCH_AT: &str = "2026-03-15T12:00:00Z";

const N_ADD_ONS: u64 = 12;
const PLANS: [&str; 4] = ["Free", "Starter", "Business", "Enterprise"];
const PRODUCTS: [&str; 2] = ["prd_core", "prd_ai"];

/// Reads and compiles a catalog that is known to be good.
///
/// # Panics
/// If it is not.
pub fn compiled(json: &str) -> FullCatalog {
    let mut document = match Document::parse(json) {
        Ok(document) => document,
        Err(error) => fail(&format!("{error} in {json:.2000}")),
    };
    document.with_zones(mayuse_zones::offsets);
    match document.compile() {
        Ok((catalog, _)) => catalog,
        Err(problems) => fail(&format!("{problems}\nin {json:.2000}")),
    }
}

/// Reads and compiles a catalog of lines that is known to be good, without holding their text.
///
/// # Panics
/// If it is not.
pub fn compiled_lines(lines: impl BufRead) -> FullCatalog {
    let mut document = Document::default();
    for (n, line) in lines.lines().enumerate() {
        let line = line.unwrap_or_else(|error| fail(&format!("line {n}: {error}")));
        let fields = match Tree::parse(&line) {
            Ok(Tree::Object(fields)) => fields,
            other => fail(&format!("line {n}: {other:?}")),
        };
        let kind = fields.iter().find(|(name, _)| name == "kind");
        match kind {
            Some((_, Tree::Text(kind))) if kind == "settings" => {
                fields.iter().for_each(|(name, value)| document.set(name, value));
            }
            Some((_, Tree::Text(kind))) => match Kind::parse(kind) {
                Some(kind) => document.add(kind.list(), n, &Tree::Object(fields)),
                None => fail(&format!("line {n}: there is no kind `{kind}`")),
            },
            _ => fail(&format!("line {n}: it has no kind")),
        }
    }
    document.with_zones(mayuse_zones::offsets);
    match document.compile() {
        Ok((catalog, _)) => catalog,
        Err(problems) => fail(&problems.to_string()),
    }
}

/// An instant that is known to be one.
///
/// # Panics
/// If it is not.
pub fn instant(text: &str) -> Instant {
    match Instant::parse(text) {
        Ok(instant) => instant,
        Err(error) => fail(&format!("`{text}`: {error}")),
    }
}

#[expect(clippy::panic, reason = "only tests and benches call it, and for them this is the way to fail")]
fn fail(message: &str) -> ! {
    panic!("{message}")
}

/// A catalog document with so many customers, 20 features, 4 plans and 12 add-ons.
///
/// Each customer has a subscription with 0 to 3 add-ons; some a negotiated override, a second
/// subscription, an override of their own, or an alias.
pub fn bench_catalog(n_customers: usize) -> String {
    let mut customers = Vec::with_capacity(n_customers);
    let mut subscriptions = Vec::with_capacity(n_customers);
    for n in 0..n_customers {
        let mut dice = Dice::new(number(n));
        customers.push(customer(n, &mut dice).to_string());
        subscriptions.push(subscription(n, 0, &mut dice).to_string());
        if dice.one_in(16) {
            subscriptions.push(subscription(n, 1, &mut dice).to_string());
        }
    }
    let list = |values: Vec<Value>| Value::Array(values).to_string();
    let products = PRODUCTS.iter().map(|id| json!({ "id": id, "name": id })).collect();
    // Customers and subscriptions are joined as text: as one value they would take gigabytes.
    [
        r#"{"format":1,"ladder":"STANDARD","products":"#,
        &list(products),
        r#","features":"#,
        &list(features()),
        r#","plans":"#,
        &list(plans()),
        r#","add_ons":"#,
        &list((0..N_ADD_ONS).map(add_on).collect()),
        r#","customers":["#,
        &customers.join(","),
        r#"],"subscriptions":["#,
        &subscriptions.join(","),
        "]}",
    ]
    .concat()
}

/// The id of the `n`th customer of [`bench_catalog`].
pub fn bench_customer_id(n: usize) -> String {
    id("cus_", number(n))
}

/// The alias of the `n`th customer of [`bench_catalog`], if it has one.
pub fn bench_customer_alias(n: usize) -> Option<String> {
    n.is_multiple_of(4).then(|| format!("tenant-{n}"))
}

/// The code of every feature of [`bench_catalog`], switches first.
pub fn bench_features() -> impl Iterator<Item = &'static str> {
    BENCH_BOOLEAN.into_iter().chain(BENCH_METERED)
}

/// Ids as billing systems make them, a UUIDv7 in base 62: neighbours begin alike, and differ late.
fn id(prefix: &str, n: u64) -> String {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    const N_DIGITS: usize = 22;
    let mut dice = Dice::new(n.wrapping_add(1).wrapping_mul(0x2545_f491_4f6c_dd1d));
    // Milliseconds since 1970, some time in 2025; a new one every seven milliseconds.
    let made = 1_740_000_000_000_u64.wrapping_add(n.wrapping_mul(7));
    let high = (made << 16) | 0x7000 | dice.below(0x1000);
    let mut uuid = (u128::from(high) << 64) | u128::from(dice.next() >> 2 | 1 << 63);
    let mut digits = [b'0'; N_DIGITS];
    for digit in digits.iter_mut().rev() {
        let at = usize::try_from(uuid % 62).unwrap_or_default();
        *digit = DIGITS.get(at).copied().unwrap_or(b'0');
        uuid /= 62;
    }
    format!("{prefix}{}", String::from_utf8_lossy(&digits))
}

fn number(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

/// Features are numbered switches first.
fn feature_id(code: &str) -> String {
    let at = bench_features().position(|known| known == code).unwrap_or_default();
    id("feat_", number(at))
}

fn features() -> Vec<Value> {
    let product = |code: &str| match code {
        "ai_tokens" | "beta_features" => Some("prd_ai"),
        _ => None,
    };
    let feature = |code: &str, kind: Value| {
        let mut feature = json!({
            "id": feature_id(code), "code": code, "name": code, "feature_type": kind, "status": "ACTIVE",
            "product_id": product(code),
        });
        // Everybody has these, unless something stronger says otherwise.
        if code == "api_access" || code == "requests" {
            merge(&mut feature, json!({ "entitlement": entitlement("ent_default_", code, 100) }));
        }
        feature
    };
    let switches = BENCH_BOOLEAN.iter().map(|code| feature(code, json!({ "type": "BOOLEAN" })));
    let metered =
        BENCH_METERED.iter().map(|code| feature(code, json!({ "type": "METERED", "metric_id": format!("bm_{code}") })));
    switches.chain(metered).collect()
}

fn reset_period(code: &str) -> Value {
    let every = |kind: &str, unit: &str, interval: u32| json!({ "type": kind, "unit": unit, "interval": interval });
    match code {
        "projects" | "storage_gb" => json!({ "type": "NEVER" }),
        "emails" => every("CALENDAR", "MONTH", 1),
        "exports" => every("CALENDAR", "DAY", 1),
        "requests" => every("SLIDING_WINDOW", "HOUR", 1),
        "ai_tokens" => every("FIXED_WINDOW", "MONTH", 1),
        "builds" => every("FIXED_WINDOW", "DAY", 7),
        "reports" => every("CALENDAR", "WEEK", 1),
        "messages" => every("SLIDING_WINDOW", "DAY", 30),
        _ => json!({ "type": "BILLING_CYCLE" }),
    }
}

/// A row that grants a feature, with this limit where it is metered.
fn entitlement(prefix: &str, code: &str, limit: u32) -> Value {
    let value = if BENCH_BOOLEAN.contains(&code) {
        json!({ "type": "BOOLEAN", "enabled": true })
    } else {
        let mut value = json!({ "type": "METERED", "limit": limit.to_string(), "reset_period": reset_period(code) });
        match code {
            "emails" => merge(&mut value, json!({ "overage": { "behavior": "ALLOW", "unit_price": "0.002" } })),
            "exports" => merge(&mut value, json!({ "overage": { "behavior": "BLOCK", "grace_pct": "10" } })),
            "api_calls" => merge(&mut value, json!({ "warning_threshold_pct": "80" })),
            _ => {}
        }
        value
    };
    json!({ "id": format!("{prefix}{code}"), "feature_id": feature_id(code), "value": value })
}

fn plans() -> Vec<Value> {
    let plan = |(at, name): (usize, &&str)| {
        // The larger the plan, the more switches and the higher the limits.
        let limit = [10, 100, 1_000, 10_000].get(at).copied().unwrap_or_default();
        let n_switches = at.saturating_mul(3);
        let rows = |version: u32, codes: &[&str]| {
            let grant = |code: &&str| entitlement(&format!("ent_{name}_{version}_"), code, limit);
            codes.iter().map(grant).collect::<Vec<Value>>()
        };
        let (on_plan, on_version) = BENCH_METERED.split_at(4);
        let versions: Vec<Value> = (1..=2_u32)
            .map(|version| {
                let mut entitlements = rows(version, on_version);
                // A later version gives one switch more.
                let n = n_switches.saturating_add(usize::from(version == 2));
                entitlements.extend(rows(version, BENCH_BOOLEAN.get(..n).unwrap_or_default()));
                json!({
                    "id": version_id(at, version), "version": version, "entitlements": entitlements,
                    "product_ids": if at < 2 { &PRODUCTS[..1] } else { &PRODUCTS[..] },
                })
            })
            .collect();
        json!({ "id": plan_id(at), "name": name, "entitlements": rows(0, on_plan), "versions": versions })
    };
    PLANS.iter().enumerate().map(plan).collect()
}

fn plan_id(plan: usize) -> String {
    id("plan_", number(plan))
}

fn version_id(plan: usize, version: u32) -> String {
    id("plv_", number(plan).wrapping_mul(2).wrapping_add(u64::from(version)))
}

/// Every other add-on is a switch, the rest add to a limit.
fn add_on(n: u64) -> Value {
    let at = usize::try_from(n).unwrap_or_default();
    let codes = if n.is_multiple_of(2) { BENCH_BOOLEAN } else { BENCH_METERED };
    let code = codes.iter().cycle().nth(at.wrapping_mul(7)).copied().unwrap_or_default();
    json!({
        "id": id("add_", n), "name": format!("Extra {code}"), "product_id": PRODUCTS[0], "price_id": format!("pri_{n}"),
        "self_serviceable": true, "max_instances_per_subscription": if n.is_multiple_of(2) { json!(1) } else { Value::Null },
        "created_at": "2025-01-01T00:00:00Z", "entitlements": [entitlement(&format!("ent_add_{n}_"), code, 500)],
    })
}

fn customer(n: usize, dice: &mut Dice) -> Value {
    let mut customer = json!({ "id": bench_customer_id(n), "name": format!("Customer {n}") });
    if let Some(alias) = bench_customer_alias(n) {
        merge(&mut customer, json!({ "alias": alias }));
    }
    if dice.one_in(50) {
        let code = dice.pick(&BENCH_METERED);
        merge(&mut customer, json!({ "entitlements": [entitlement(&format!("ent_cus_{n}_"), code, 50_000)] }));
    }
    customer
}

fn subscription(n: usize, which: u64, dice: &mut Dice) -> Value {
    let (plan, version) = (dice.index(PLANS.len()), if dice.one_in(3) { 1 } else { 2 });
    let (period, months) =
        dice.pick(&[("MONTHLY", 1), ("MONTHLY", 1), ("QUARTERLY", 3), ("SEMIANNUAL", 6), ("ANNUAL", 12)]);
    let day = dice.below(28).wrapping_add(1);
    // Months since January 2024; the period that holds the 15th of March 2026, or for some the one
    // before: a renewal that has not been replicated yet.
    let holds = if day <= 15 { 26 } else { 25 };
    let current = if dice.one_in(8) { 25_u64.wrapping_sub(months) } else { holds };
    let status =
        dice.pick(&["ACTIVE", "ACTIVE", "ACTIVE", "ACTIVE", "ACTIVE", "PENDING_CHARGE", "TRIAL_ACTIVE", "PAUSED"]);
    let start = dice.below(12);
    let n_add_ons = dice.below(4);
    let add_ons: Vec<Value> = (0..n_add_ons)
        // Different ones: every fifth of twelve, from a random one on.
        .scan(dice.below(N_ADD_ONS), |at, _| {
            *at = at.wrapping_add(5) % N_ADD_ONS;
            Some(*at)
        })
        .map(|at| json!({ "id": format!("sub_{}", id("add_", at)), "add_on_id": id("add_", at), "quantity": 1 }))
        .collect();
    let mut subscription = json!({
        "id": id("sub_", number(n).wrapping_mul(2).wrapping_add(which)), "customer_id": bench_customer_id(n),
        "plan_id": plan_id(plan), "plan_version_id": version_id(plan, version), "status": status,
        "start_date": date(start, day), "activated_at": format!("{}T09:30:00Z", date(start, day)),
        "billing_day_anchor": day, "period": period, "current_period_start": date(current, day),
        "current_period_end": date(current.wrapping_add(months), day), "add_ons": add_ons,
    });
    if dice.one_in(20) {
        let (switch, metered) = (dice.pick(&BENCH_BOOLEAN), dice.pick(&BENCH_METERED));
        let rows = [switch, metered].map(|code| entitlement(&format!("ent_sub_{n}_"), code, 25_000));
        merge(&mut subscription, json!({ "entitlements": rows }));
    }
    subscription
}

/// A day of a month counted from January 2024.
fn date(month: u64, day: u64) -> String {
    let (year, month) = ((month / 12).wrapping_add(2024), (month % 12).wrapping_add(1));
    format!("{year}-{month:02}-{day:02}")
}

fn merge(object: &mut Value, more: Value) {
    if let (Value::Object(object), Value::Object(more)) = (object, more) {
        object.extend(more);
    }
}

/// Numbers that look random and never change: xorshift.
struct Dice(u64);

impl Dice {
    fn new(seed: u64) -> Dice {
        // Seeds next to each other must not give the same beginnings, and zero gives only zeros.
        let spread = seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Dice((spread ^ (spread >> 29)) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, n: u64) -> u64 {
        // The upper bits are the better ones.
        (self.next() >> 32).checked_rem(n).unwrap_or_default()
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    fn index(&mut self, n: usize) -> usize {
        usize::try_from(self.below(number(n))).unwrap_or_default()
    }

    fn pick<T: Copy, const N: usize>(&mut self, of: &[T; N]) -> T {
        const { assert!(N > 0) };
        of.get(self.index(N)).copied().unwrap_or(of[0])
    }
}
