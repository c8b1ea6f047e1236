//! Previews a change before it is published: which customers gain or lose which features.

use crate::replica::Replica;
use mayuse_core::{Amount, Decision, Instant, NamedPeriod, Question, Reason, SortedSet};

/// A customer and a feature on which two snapshots differ.
#[derive(Clone, PartialEq, Debug)]
pub struct Difference<'d> {
    /// The customer's id.
    pub customer: &'d str,
    /// The feature's code.
    pub feature: &'d str,
    /// The change.
    pub change: Change,
    /// The reason before.
    pub before: &'static str,
    /// The reason after.
    pub after: &'static str,
    /// The limits before and after, in units; None means unlimited or not metered.
    pub limits: (Option<Amount>, Option<Amount>),
}

/// The change of a customer's access to a feature.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Change {
    /// The customer may use the feature, and could not before.
    Gained,
    /// The customer may no longer use the feature.
    Lost,
    /// The limit is larger.
    Raised,
    /// The limit is smaller.
    Lowered,
    /// The limit is the same; the windows or terms differ.
    Altered,
}

impl Change {
    /// All changes.
    pub const ALL: [Change; 5] = [Change::Gained, Change::Lost, Change::Raised, Change::Lowered, Change::Altered];

    /// The name in a table.
    pub fn name(self) -> &'static str {
        match self {
            Change::Gained => "gained",
            Change::Lost => "lost",
            Change::Raised => "raised",
            Change::Lowered => "lowered",
            Change::Altered => "altered",
        }
    }
}

/// Compares two replicas that hold all shards, at an instant and with no usage. Calls `each` with every difference,
/// and `progress` for every compared customer.
///
/// Customers of equal shards under equal definitions are not compared. Both snapshots count as new, so their age
/// changes no answer. A changed cost of credits is a difference only if the pool no longer covers it, because a
/// decision does not have the cost.
pub fn diff(
    before: &mut Replica,
    after: &mut Replica,
    now: Instant,
    each: impl FnMut(Difference<'_>),
    progress: impl FnMut(),
) {
    let made = [before.redate(Some(now)), after.redate(Some(now))];
    diff_as_of(before, after, now, each, progress);
    let [made_before, made_after] = made;
    before.redate(made_before);
    after.redate(made_after);
}

fn diff_as_of(
    before: &Replica,
    after: &Replica,
    now: Instant,
    mut each: impl FnMut(Difference<'_>),
    mut progress: impl FnMut(),
) {
    let codes = codes(before, after);
    for (number, customers) in after.customers() {
        if !is_same(before, after, number) {
            for customer in customers.ids() {
                progress();
                compare(before, after, customer, &codes, now, &mut each);
            }
        }
    }
    for (number, customers) in before.customers() {
        if !is_same(after, before, number) {
            // A deleted id may be the alias of another customer now; then the answers are about that customer.
            for customer in customers.ids().filter(|id| after.is_id(id) == Ok(false)) {
                progress();
                compare(before, after, customer, &codes, now, &mut each);
            }
        }
    }
}

/// Compares one customer, by id or alias. Both replicas must hold the customer's shards.
pub fn diff_one(before: &Replica, after: &Replica, customer: &str, now: Instant, mut each: impl FnMut(Difference<'_>)) {
    compare(before, after, customer, &codes(before, after), now, &mut each);
}

/// The feature codes of both catalogs.
fn codes(before: &Replica, after: &Replica) -> SortedSet<String> {
    let catalogs = [before, after].into_iter().filter_map(Replica::catalog);
    catalogs.flat_map(|catalog| catalog.feature_codes()).map(str::to_owned).collect()
}

/// Whether both replicas have equal definitions and an equal shard at this place.
fn is_same(a: &Replica, b: &Replica, shard: u64) -> bool {
    let (Some(a), Some(b)) = (a.manifest(), b.manifest()) else { return false };
    let (a, b) = (&a.table, &b.table);
    let part = |shards: &[crate::cut::ObjectRef]| usize::try_from(shard).ok().and_then(|at| shards.get(at)).copied();
    a.catalog_object.hash == b.catalog_object.hash
        && (a.seed, a.bits) == (b.seed, b.bits)
        && part(&a.shards).map(|part| part.hash) == part(&b.shards).map(|part| part.hash)
}

fn compare(
    before: &Replica,
    after: &Replica,
    customer: &str,
    codes: &SortedSet<String>,
    now: Instant,
    each: &mut impl FnMut(Difference<'_>),
) {
    for feature in codes.iter() {
        let question = Question { consumed: Some(Amount::ZERO), ..Question::new(customer, feature) };
        let (Ok(Ok(old)), Ok(Ok(new))) = (before.decide(&question, now), after.decide(&question, now)) else {
            continue;
        };
        if let Some(change) = change(&old, &new) {
            let limit = |decision: &Decision<'_>| decision.metering.and_then(|metering| metering.limit);
            let limits = (limit(&old), limit(&new));
            // Report the id. A key that is an id in either snapshot stays, even if it is an alias in the other.
            let is_id =
                |found: &Decision<'_>| found.customer_id == customer && found.reason != Reason::CustomerNotFound;
            let customer = match (is_id(&old) || is_id(&new), new.customer_id == customer) {
                (true, _) => customer,
                (false, true) => old.customer_id,
                (false, false) => new.customer_id,
            };
            each(Difference { customer, feature, change, before: old.reason.name(), after: new.reason.name(), limits });
        }
    }
}

fn change(old: &Decision<'_>, new: &Decision<'_>) -> Option<Change> {
    match (old.allowed, new.allowed) {
        (false, true) => return Some(Change::Gained),
        (true, false) => return Some(Change::Lost),
        (false, false) => return None,
        (true, true) => {}
    }
    let (Some(a), Some(b)) = (old.metering, new.metering) else {
        return (old.metering.is_some() != new.metering.is_some()).then_some(Change::Altered);
    };
    match (a.limit, b.limit) {
        (Some(_), None) => return Some(Change::Raised),
        (None, Some(_)) => return Some(Change::Lowered),
        (Some(a), Some(b)) if a < b => return Some(Change::Raised),
        (Some(a), Some(b)) if b < a => return Some(Change::Lowered),
        _ => {}
    }
    let terms = (a.overage.behavior, a.overage.grace) != (b.overage.behavior, b.overage.grace);
    (terms || rules(old) != rules(new)).then_some(Change::Altered)
}

/// The limits and reset periods of a decision.
fn rules<'c>(decision: &Decision<'c>) -> Vec<(Option<Amount>, Option<NamedPeriod<'c>>)> {
    let windows = decision.windows.iter().map(|window| window.metering);
    let all = decision.metering.into_iter().chain(windows);
    all.map(|metering| (metering.limit, metering.period.map(|period| period.named()))).collect()
}
