//! A workload that other entitlement systems can be given as well: a catalog of any size, what is
//! asked of it, and the right answers, computed without mayuse.
//!
//! It was written in JavaScript first, and every number here is the one that comes out there. That
//! is why the random numbers are mulberry32 and are multiplied as binary fractions. Customers come
//! from one stream of them, in order: a smaller catalog is the beginning of a larger one.
//!
//! A customer has one plan and up to three add-ons; a switch is on if any of them turns it on, and
//! of their limits the highest counts. The settings say the same as a ladder.

#![expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "every index is below the length of a list that stands here, every product fits"
)]

use std::io::{self, Write};

/// The switches, by code.
pub const SWITCHES: [&str; 14] = [
    "sso",
    "audit-log",
    "custom-domain",
    "api-access",
    "webhooks",
    "white-label",
    "priority-support",
    "advanced-reports",
    "data-export",
    "ip-allowlist",
    "scim",
    "sandbox",
    "multi-region",
    "ai-assist",
];

/// The metered features, by code. All of them reset with the calendar month.
pub const METERS: [&str; 6] = ["api-calls", "seats", "storage-gb", "projects", "emails", "ai-tokens"];

const PLANS: [&str; 5] = ["free", "starter", "team", "business", "enterprise"];
/// A random number below the first of these makes a customer a free one, and so on.
const PLAN_SHARES: [f64; 5] = [0.40, 0.65, 0.85, 0.95, 1.0];
/// Each plan has the first so many switches.
const PLAN_SWITCHES: [usize; 5] = [2, 5, 8, 11, 14];
/// The limit of each metered feature in each plan.
const PLAN_LIMITS: [[Option<u32>; 5]; 6] = [
    [Some(1_000), Some(10_000), Some(100_000), Some(1_000_000), Some(10_000_000)],
    [Some(1), Some(5), Some(20), Some(100), Some(1_000)],
    [Some(1), Some(10), Some(100), Some(1_000), Some(10_000)],
    [None, Some(5), Some(20), Some(100), Some(1_000)],
    [None, Some(1_000), Some(10_000), Some(100_000), Some(1_000_000)],
    [None, None, Some(100_000), Some(1_000_000), Some(10_000_000)],
];
const N_ADD_ONS: usize = 10;

/// The highest limit counts, however many of an add-on are held.
const SETTINGS: &str = r#"{"kind":"settings","ladder":{"levels":[{"level":"PLAN_VERSION","combine":"REPLACE"},{"level":"ADD_ON","combine":"MAX"}],"across_subscriptions":"UNION","multiply_quantity":false}}"#;

/// What a plan or an add-on says about a feature.
#[derive(Clone, Copy, Debug)]
enum Grant {
    On,
    UpTo(u32),
}

impl Grant {
    fn admits(self, usage: u32) -> bool {
        match self {
            Grant::On => true,
            Grant::UpTo(limit) => usage < limit,
        }
    }
}

fn plan_grants(plan: usize) -> impl Iterator<Item = (&'static str, Grant)> {
    let switches = SWITCHES[..PLAN_SWITCHES[plan]].iter().map(|code| (*code, Grant::On));
    let limits = METERS.iter().zip(PLAN_LIMITS);
    switches.chain(limits.filter_map(move |(code, limits)| Some((*code, Grant::UpTo(limits[plan]?)))))
}

fn add_on_grants(add_on: usize) -> [(&'static str, Grant); 3] {
    let meter = add_on % METERS.len();
    let limit = PLAN_LIMITS[meter][3].unwrap_or_default() * if add_on < METERS.len() { 2 } else { 5 };
    [
        (SWITCHES[(add_on + 4) % SWITCHES.len()], Grant::On),
        (SWITCHES[(add_on * 3 + 7) % SWITCHES.len()], Grant::On),
        (METERS[meter], Grant::UpTo(limit)),
    ]
}

/// A customer and its subscription.
#[derive(Clone, Debug)]
pub struct Person {
    /// Which one, from 0 on.
    pub number: u32,
    /// Whether the subscription is active; it is cancelled if not.
    pub active: bool,
    plan: usize,
    add_ons: Vec<usize>,
    /// Days from 1 January 2026 to the start of the subscription.
    day: usize,
}

impl Person {
    /// The right answer: whether one more may be used after so much usage. A switch has none.
    pub fn may(&self, feature: &str, usage: u32) -> bool {
        let grants = plan_grants(self.plan).chain(self.add_ons.iter().copied().flat_map(add_on_grants));
        self.active && grants.into_iter().any(|(code, grant)| code == feature && grant.admits(usage))
    }

    /// One more add-on: the first that it does not hold.
    fn change(&mut self) {
        let free = (0..N_ADD_ONS).find(|add_on| !self.add_ons.contains(add_on));
        self.add_ons.extend(free);
    }

    fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let (id, plan, day) = (customer_id(self.number), PLANS[self.plan], self.day + 1);
        let status = if self.active { "ACTIVE" } else { "CANCELLED" };
        // Nothing depends on the time of day. It is there because real subscriptions have one.
        let second = Random(self.number ^ 0x5bd1_e995).below(24 * 60 * 60);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        writeln!(out, r#"{{"kind":"customer","id":"{id}"}}"#)?;
        write!(
            out,
            r#"{{"kind":"subscription","id":"{}","customer_id":"{id}","plan_id":"plan_{plan}","plan_version_id":"plv_{plan}_1","status":"{status}","#,
            subscription_id(self.number)
        )?;
        write!(
            out,
            r#""start_date":"2026-01-{day:02}","activated_at":"2026-01-{day:02}T{hour:02}:{minute:02}:{second:02}Z","billing_day_anchor":{day},"period":"ANNUAL","current_period_start":"2026-01-{day:02}","current_period_end":"2027-01-{day:02}","add_ons":["#
        )?;
        for (n, add_on) in self.add_ons.iter().enumerate() {
            write!(out, r#"{}{{"add_on_id":"add_{add_on}","quantity":1}}"#, comma(n))?;
        }
        out.write_all(b"]}\n")
    }
}

/// So many customers, in order.
pub fn people(n_customers: u32) -> impl Iterator<Item = Person> {
    let mut random = Random(42);
    (0..n_customers).map(move |number| {
        let share = random.fraction();
        let plan = PLAN_SHARES.iter().position(|upper| share < *upper).unwrap_or_default();
        let n_add_ons = random.below(4);
        let mut add_ons = Vec::new();
        while add_ons.len() < n_add_ons {
            let add_on = random.below(N_ADD_ONS);
            if !add_ons.contains(&add_on) {
                add_ons.push(add_on);
            }
        }
        let day = random.below(28);
        Person { number, active: random.fraction() < 0.95, plan, add_ons, day }
    })
}

/// Something to be asked.
#[derive(Clone, Copy, Debug)]
pub struct Query {
    /// The number of a customer.
    pub customer: u32,
    /// The code of a feature.
    pub feature: &'static str,
    /// How much of it is used already; of a switch, 0.
    pub usage: u32,
}

/// What is asked about so many customers, without end.
pub fn queries(n_customers: u32) -> impl Iterator<Item = Query> {
    let mut random = Random(7);
    std::iter::repeat_with(move || {
        let customer = (random.fraction() * f64::from(n_customers)) as u32;
        if random.fraction() < 0.7 {
            return Query { customer, feature: SWITCHES[random.below(SWITCHES.len())], usage: 0 };
        }
        let meter = random.below(METERS.len());
        // Around the limits, so that both answers are frequent.
        let share = random.fraction() * 1.5;
        let limits: Vec<u32> = PLAN_LIMITS[meter].into_iter().flatten().collect();
        let usage = (share * f64::from(limits[random.below(limits.len())])) as u32;
        Query { customer, feature: METERS[meter], usage }
    })
}

/// Writes the catalog as lines, each customer followed by its subscription. It is never held
/// whole. The subscription with the number `changed` has one more add-on.
///
/// # Errors
/// If it cannot be written.
pub fn write(out: &mut impl Write, n_customers: u32, changed: Option<u32>) -> io::Result<()> {
    writeln!(out, "{SETTINGS}")?;
    let switches = SWITCHES.iter().map(|code| (code, r#""type":"BOOLEAN""#.to_owned()));
    let meters = METERS.iter().map(|code| (code, format!(r#""type":"METERED","metric_id":"bm_{code}""#)));
    for (code, kind) in switches.chain(meters) {
        writeln!(
            out,
            r#"{{"kind":"feature","id":"feat_{code}","code":"{code}","feature_type":{{{kind}}},"status":"ACTIVE"}}"#
        )?;
    }
    for (n, plan) in PLANS.iter().enumerate() {
        write!(out, r#"{{"kind":"plan","id":"plan_{plan}","versions":[{{"id":"plv_{plan}_1","version":1,"#)?;
        write_grants(out, plan, plan_grants(n))?;
        writeln!(out, "}}]}}")?;
    }
    for n in 0..N_ADD_ONS {
        write!(out, r#"{{"kind":"add_on","id":"add_{n}","#)?;
        write_grants(out, &format!("add_{n}"), add_on_grants(n).into_iter())?;
        writeln!(out, "}}")?;
    }
    people(n_customers).try_for_each(|mut person| {
        if changed == Some(person.number) {
            person.change();
        }
        person.write(out)
    })
}

fn write_grants(
    out: &mut impl Write,
    owner: &str,
    grants: impl Iterator<Item = (&'static str, Grant)>,
) -> io::Result<()> {
    write!(out, r#""entitlements":["#)?;
    for (n, (code, grant)) in grants.enumerate() {
        write!(out, r#"{}{{"id":"ent_{owner}_{code}","feature_id":"feat_{code}","value":"#, comma(n))?;
        match grant {
            Grant::On => write!(out, r#"{{"type":"BOOLEAN","enabled":true}}}}"#)?,
            Grant::UpTo(limit) => write!(
                out,
                r#"{{"type":"METERED","limit":"{limit}","reset_period":{{"type":"CALENDAR","unit":"MONTH","interval":1}}}}}}"#
            )?,
        }
    }
    write!(out, "]")
}

fn comma(n: usize) -> &'static str {
    if n == 0 { "" } else { "," }
}

/// The id of a customer: six random characters and its number.
pub fn customer_id(number: u32) -> String {
    let mut random = Random(0x9e37_79b9 ^ number);
    let mut id = "cus_".to_owned();
    id.extend((0..6).map(|_| char::from(BASE_36[random.below(BASE_36.len())])));
    push_base_36(&mut id, number.into(), 4);
    id
}

/// The id of a subscription, which looks random and has nothing to do with that of its customer: a
/// store that sorts by it meets subscriptions in no order.
pub fn subscription_id(number: u32) -> String {
    const N_IDS: u64 = 36_u64.pow(10);
    const BITS: u64 = (1 << 52) - 1;
    // Each step can be undone, so that no two numbers give the same id. There are more numbers of 52
    // bits than ids: one that is too large goes on until it is not, which can be undone as well.
    let mut n = u64::from(number);
    loop {
        n = (n ^ 0x000a_5f35_7c91_e3b7) & BITS;
        for odd in [0x9e37_79b9_7f4a_7c15, 0xbf58_476d_1ce4_e5b9] {
            n ^= n >> 26;
            n = n.wrapping_mul(odd) & BITS;
        }
        n ^= n >> 26;
        if n < N_IDS {
            break;
        }
    }
    let mut id = "sub_".to_owned();
    push_base_36(&mut id, n, 10);
    id
}

const BASE_36: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";

/// Adds a number with at least so many digits.
fn push_base_36(text: &mut String, n: u64, n_digits: u32) {
    let more = n.checked_ilog(36).unwrap_or_default() + 1;
    for place in (0..n_digits.max(more)).rev() {
        let digit = usize::try_from(n / 36_u64.pow(place) % 36).unwrap_or_default();
        text.push(char::from(BASE_36[digit]));
    }
}

/// Mulberry32.
struct Random(u32);

impl Random {
    /// At least 0 and less than 1.
    fn fraction(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x6d2b_79f5);
        let mut t = self.0;
        t = (t ^ (t >> 15)).wrapping_mul(t | 1);
        t ^= t.wrapping_add((t ^ (t >> 7)).wrapping_mul(t | 61));
        f64::from(t ^ (t >> 14)) / 4_294_967_296.0
    }

    fn below(&mut self, n: usize) -> usize {
        (self.fraction() * n as f64) as usize
    }
}
