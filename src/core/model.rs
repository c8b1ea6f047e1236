//! The catalogue, compiled: types that cannot be wrong, ready to be looked up in.
//!
//! References are positions, rows are sorted, ids are indexed. Only [`crate::Document`] makes one.

use crate::amount::Amount;
use crate::document::Names;
use crate::index::Index;
use crate::ladder::Ladder;
use crate::packed::{People, Person};
use crate::reset::ResetPeriod;
use crate::time::{Date, Instant};

/// Everything a decision is made from: features, plans, add-ons, customers and subscriptions.
#[derive(Debug)]
pub struct Catalog {
    pub(crate) ladder: Ladder,
    pub(crate) access: StatusSet,
    pub(crate) features: Vec<Feature>,
    pub(crate) feature_index: Index,
    pub(crate) plans: Vec<Plan>,
    pub(crate) versions: Vec<PlanVersion>,
    pub(crate) add_ons: Vec<AddOn>,
    /// What the names of all these resolve to, for people who are read later.
    pub(crate) names: Names,
    /// Customers with their subscriptions. A replica keeps them apart, and here there are none.
    pub(crate) people: People,
    /// Where this catalogue came from and how old it may get. The shells set it.
    pub snapshot: Snapshot,
}

/// The way a catalogue came to where it is asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Source {
    /// A replicated snapshot.
    Snapshot,
    /// A copy kept in a cache.
    Cache,
    /// Built into the program.
    Embedded,
    /// Read from the one writer itself.
    Origin,
    /// A last resort.
    Fallback,
}

/// How fresh a catalogue is, and what to answer when it is not usable.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Snapshot {
    /// Where it came from.
    pub source: Source,
    /// Its version, if it has one; only ever grows.
    pub version: Option<u64>,
    /// When it was made.
    pub generated_at: Option<Instant>,
    /// The age in milliseconds from which on it is stale.
    pub stale_after_ms: Option<u64>,
    /// The age in milliseconds from which on it may not be used.
    pub max_age_ms: Option<u64>,
    /// What an indeterminate answer allows, where neither question nor feature says.
    pub on_indeterminate: Policy,
}

impl Default for Snapshot {
    fn default() -> Self {
        Snapshot {
            source: Source::Snapshot,
            version: None,
            generated_at: None,
            stale_after_ms: None,
            max_age_ms: None,
            on_indeterminate: Policy::Deny,
        }
    }
}

/// What an indeterminate answer comes to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Policy {
    /// Let the customer through.
    Allow,
    /// Keep the customer out. The default everywhere.
    Deny,
}

#[derive(Debug)]
pub(crate) struct Feature {
    pub id: Box<str>,
    pub code: Box<str>,
    pub name: Box<str>,
    pub metered: bool,
    pub active: bool,
    pub product: Option<Product>,
    pub default: Option<Grant>,
    pub on_indeterminate: Option<Policy>,
    pub max_age_ms: Option<u64>,
}

/// A product, by a number of the catalogue's own: decisions only compare them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Product(pub u32);

#[derive(Debug)]
pub(crate) struct Plan {
    pub id: Box<str>,
    pub name: Box<str>,
    pub grants: SharedGrants,
}

#[derive(Debug)]
pub(crate) struct PlanVersion {
    pub id: Box<str>,
    pub plan: u32,
    pub version: u32,
    pub products: Box<[Product]>,
    pub grants: SharedGrants,
}

#[derive(Debug)]
pub(crate) struct AddOn {
    pub id: Box<str>,
    pub name: Box<str>,
    pub product: Option<Product>,
    /// Whether a subscription may hold it more than once.
    pub multi_instance: bool,
    pub archived_at: Option<Instant>,
    pub grants: SharedGrants,
}

/// An add-on a subscription holds, once per add-on, at least one of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Held {
    pub add_on: u32,
    pub quantity: u32,
}

/// The rows of one owner, at most one per feature, sorted by feature.
#[derive(Debug, Default)]
pub(crate) struct Grants(pub Box<[Grant]>);

/// The row on a feature among the rows of one owner, at most one per feature, sorted by feature.
pub(crate) fn row_on(rows: &[Grant], feature: u32) -> Option<&Grant> {
    // Most customers and subscriptions have none.
    if rows.is_empty() {
        return None;
    }
    match rows.binary_search_by_key(&feature, |grant| grant.feature) {
        Ok(at) => rows.get(at),
        Err(_) => None,
    }
}

/// The same for plans, versions and add-ons, which have many rows and are asked on every decision.
#[derive(Debug)]
pub(crate) struct SharedGrants {
    /// A bit for each feature with a row, modulo 64. Most owners have none on the feature asked.
    mask: u64,
    rows: Grants,
}

impl SharedGrants {
    pub fn new(rows: Grants) -> SharedGrants {
        SharedGrants { mask: rows.0.iter().fold(0, |mask, grant| mask | Self::bit(grant.feature)), rows }
    }

    pub fn on(&self, feature: u32) -> Option<&Grant> {
        if self.mask & Self::bit(feature) == 0 { None } else { row_on(&self.rows.0, feature) }
    }

    fn bit(feature: u32) -> u64 {
        1_u64.checked_shl(feature & 63).unwrap_or_default()
    }
}

/// An entitlement row: what one owner grants of one feature.
#[derive(Clone, Debug)]
pub struct Grant {
    pub(crate) feature: u32,
    /// Its id; may be empty.
    pub id: Box<str>,
    /// When it was made; rows that do not say come first.
    pub created_at: Option<Instant>,
    /// What it grants.
    pub value: Value,
}

/// What an entitlement row grants.
#[derive(Clone, PartialEq, Debug)]
pub enum Value {
    /// A switch.
    Boolean {
        /// On or off.
        enabled: bool,
    },
    /// So much in each window.
    Metered(Metered),
    /// A price in units of a shared pool.
    Credits(Credits),
    /// A value of a type that its feature cannot have. Skipped, and remembered as skipped.
    Misfit,
}

impl Value {
    /// Whether it is switched off.
    pub(crate) fn is_off(&self) -> bool {
        match self {
            Value::Boolean { enabled } => !enabled,
            Value::Metered(metered) => !metered.enabled,
            Value::Credits(credits) => !credits.enabled,
            Value::Misfit => false,
        }
    }
}

/// So much in each window.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Metered {
    /// The switch.
    pub enabled: bool,
    /// How much; none is unlimited.
    pub limit: Option<Amount>,
    /// When the count starts again.
    pub reset_period: ResetPeriod,
    /// What happens above the limit.
    pub overage: Behavior,
    /// How many per cent above the limit are tolerated.
    pub grace_pct: Amount,
    /// From how many per cent of the limit on to warn.
    pub warning_threshold_pct: Option<Amount>,
}

/// What happens above a limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Behavior {
    /// It ends there.
    Block,
    /// It goes on, and costs.
    Allow,
}

/// A price in units of a shared pool.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Credits {
    /// The switch.
    pub enabled: bool,
    /// The pool: a metered feature, by its position.
    pub(crate) pool: u32,
    /// What one unit takes from the pool.
    pub cost: Amount,
}

/// The state of a subscription, as replicated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Status {
    PendingActivation,
    PendingCharge,
    TrialActive,
    Active,
    TrialExpired,
    Paused,
    Suspended,
    Cancelled,
    Completed,
    Superseded,
    Errored,
}

/// A set of subscription states.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct StatusSet(u16);

impl StatusSet {
    /// The states that grant access where the catalogue does not say.
    pub fn granting() -> StatusSet {
        let mut set = StatusSet::default();
        set.insert(Status::Active);
        set.insert(Status::TrialActive);
        set.insert(Status::PendingCharge);
        set
    }

    pub fn bits(self) -> u16 {
        self.0
    }

    pub fn from_bits(bits: u16) -> StatusSet {
        StatusSet(bits)
    }

    pub fn insert(&mut self, status: Status) {
        self.0 |= Self::bit(status);
    }

    pub fn contains(self, status: Status) -> bool {
        self.0 & Self::bit(status) != 0
    }

    fn bit(status: Status) -> u16 {
        1_u16.checked_shl(status as u32).unwrap_or_default()
    }
}

impl Catalog {
    /// The customer with this id or alias, and its subscriptions; an id goes before an alias.
    pub fn person(&self, key: &str) -> Option<Person<'_>> {
        self.people.person(key)
    }

    /// The position of the feature with this id or code; an id goes before a code.
    pub(crate) fn feature_at(&self, key: &str) -> Option<u32> {
        self.feature_index.get(key)
    }

    pub(crate) fn feature(&self, at: u32) -> Option<&Feature> {
        self.features.get(usize::try_from(at).ok()?)
    }

    pub(crate) fn version(&self, at: u32) -> Option<&PlanVersion> {
        self.versions.get(usize::try_from(at).ok()?)
    }

    pub(crate) fn plan(&self, at: u32) -> Option<&Plan> {
        self.plans.get(usize::try_from(at).ok()?)
    }

    pub(crate) fn add_on(&self, at: u32) -> Option<&AddOn> {
        self.add_ons.get(usize::try_from(at).ok()?)
    }

    /// How many customers there are.
    pub fn n_customers(&self) -> usize {
        self.people.n_customers()
    }

    /// How many plans there are.
    pub fn n_plans(&self) -> usize {
        self.plans.len()
    }

    /// How many versions all plans have together.
    pub fn n_versions(&self) -> usize {
        self.versions.len()
    }

    /// How many add-ons there are.
    pub fn n_add_ons(&self) -> usize {
        self.add_ons.len()
    }

    /// The codes of all features, in the order of their ids.
    pub fn feature_codes(&self) -> impl Iterator<Item = &str> {
        self.features.iter().map(|feature| &*feature.code)
    }

    /// The ladder rows are resolved by.
    pub fn ladder(&self) -> &Ladder {
        &self.ladder
    }
}

/// The end of a trial that began on a day and lasts so many days; none for a trial of no days.
pub(crate) fn trial_end(start: Date, days: u32) -> Option<Date> {
    if days == 0 { None } else { Some(start.plus_days(days)) }
}
