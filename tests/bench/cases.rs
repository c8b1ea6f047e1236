//! The decisions that are measured: lists of questions that all take the same way through the core.

#![expect(clippy::expect_used, clippy::arithmetic_side_effects, reason = "a bench that fails should say so and stop")]

use mayuse_core::{Amount, Decision, Effect, FullCatalog, Instant, Question, Reason, decide};
use mayuse_tests::{BENCH_AT, BENCH_BOOLEAN, BENCH_METERED};
use mayuse_tests::{bench_catalog, bench_customer_id, bench_features, compiled, instant};
use std::collections::HashMap;

/// The question of each customer for every feature in turn.
pub const ALL_FEATURES: &str = "all 20 features of one customer";
/// What one would write by hand: a limit in a map of maps.
pub const BY_HAND: &str = "HashMap of HashMaps, by hand";

/// Whose customers those two are asked about.
pub const ORDINARY: &Case = &CASES[3];

/// A kind of question.
pub struct Case {
    pub name: &'static str,
    features: &'static [&'static str],
    consumed: Option<u32>,
    /// Whether the decision, made with a trace, is of this kind.
    fits: fn(&Decision<'_>) -> bool,
}

pub const CASES: [Case; 6] = [
    Case {
        name: "boolean, enabled",
        features: &BENCH_BOOLEAN,
        consumed: None,
        fits: |decision| decision.reason == Reason::Enabled,
    },
    Case {
        name: "boolean, not entitled",
        features: &BENCH_BOOLEAN,
        consumed: None,
        fits: |decision| decision.reason == Reason::NotEntitled,
    },
    Case {
        name: "boolean, unknown customer",
        features: &BENCH_BOOLEAN,
        consumed: None,
        fits: |decision| decision.reason == Reason::CustomerNotFound,
    },
    Case {
        name: "metered, within limit",
        features: &BENCH_METERED,
        consumed: Some(5),
        fits: |decision| decision.reason == Reason::WithinLimit,
    },
    Case {
        name: "metered, limit reached",
        features: &BENCH_METERED,
        consumed: Some(10_000_000),
        fits: |decision| decision.reason == Reason::LimitReached,
    },
    Case {
        name: "metered, add-on held 3 times",
        features: &BENCH_METERED,
        consumed: Some(5),
        fits: |decision| {
            let mut steps = decision.trace.iter().flatten();
            decision.reason == Reason::WithinLimit
                && steps.any(|step| step.effect == Effect::Added && step.entitlement_id.starts_with("ent_add_"))
        },
    },
];

/// A question that owns its customer's id, as a request does.
pub struct Asked {
    pub customer: String,
    pub feature: &'static str,
    pub consumed: Option<Amount>,
}

impl Asked {
    pub fn question(&self) -> Question<'_> {
        Question { consumed: self.consumed, ..Question::new(&self.customer, self.feature) }
    }
}

impl Case {
    /// So many questions of this kind, about customers all over the catalog.
    pub fn questions(&self, catalog: &FullCatalog, n_questions: usize) -> Vec<Asked> {
        let (now, n_customers) = (instant(BENCH_AT), catalog.customers.n_customers());
        let consumed = self.consumed.map(Amount::from);
        // The ids that follow are nobody's.
        let first = if (self.fits)(&nobody(catalog, now)) { n_customers } else { 0 };
        scattered()
            .map(|n| {
                let feature = self.features.get(n % self.features.len()).expect("within the list");
                let customer = bench_customer_id(first + n / self.features.len() % n_customers);
                Asked { customer, feature, consumed }
            })
            .filter(|asked| {
                let question = Question { explain: true, ..asked.question() };
                decide(catalog, &question, now).is_ok_and(|decision| (self.fits)(&decision))
            })
            .take(n_questions)
            .collect()
    }
}

fn nobody(catalog: &FullCatalog, now: Instant) -> Decision<'_> {
    decide(catalog, &Question::new("nobody", "sso"), now).expect("a proper question")
}

/// The same large numbers in every run, in no order.
fn scattered() -> impl Iterator<Item = usize> {
    let next = |n: &u64| Some(n.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407));
    std::iter::successors(Some(1), next).map(|n| usize::try_from(n >> 33).expect("31 bits"))
}

/// The catalog that is asked: every add-on is held three times.
pub fn catalog(n_customers: usize) -> FullCatalog {
    compiled(&bench_catalog(n_customers).replace(r#""quantity":1"#, r#""quantity":3"#))
}

/// Whether a customer may use each feature; how many it may.
#[inline(never)]
pub fn decide_all(catalog: &FullCatalog, customer: &str, consumed: Option<Amount>, now: Instant) -> usize {
    let record = catalog.customers.customer(customer);
    let question = Question { consumed, ..Question::new(customer, "") };
    let mut n_allowed = 0;
    mayuse_core::decide_all(&catalog.catalog, record.as_ref(), &question, now, |_, decided| {
        n_allowed += usize::from(decided.is_ok_and(|decision| decision.allowed));
    });
    n_allowed
}

/// A limit for every customer and feature.
pub fn by_hand(n_customers: usize) -> HashMap<String, HashMap<String, u64>> {
    let limits = || bench_features().map(str::to_owned).zip(1..).collect();
    (0..n_customers).map(|n| (bench_customer_id(n), limits())).collect()
}

pub fn look_up(map: &HashMap<String, HashMap<String, u64>>, asked: &Asked) -> Option<u64> {
    map.get(&asked.customer)?.get(asked.feature).copied()
}
