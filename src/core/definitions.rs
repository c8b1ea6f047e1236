//! The definitions: a catalog without customers, before it is compiled.
//!
//! Documents and catalog objects are both read into definitions, and a [`Catalog`](crate::Catalog) is compiled from
//! them. Section 1 of docs/semantics.md lists the fields.

use crate::idx::FeatureIdx;
use crate::ladder::Ladder;
use crate::snapshot::Policy;
use crate::status::StatusSet;
use crate::time::Instant;
use crate::value::UncheckedGrant;

/// The entitlement rows of one owner: at most one for each feature, sorted by feature.
pub type Grants<'a> = Vec<UncheckedGrant<'a, FeatureIdx>>;

/// Features, plans and add-ons, each list sorted by id; the ladder; the statuses that grant access.
#[derive(Clone, Debug)]
pub struct Definitions<'a> {
    /// The ladder.
    pub ladder: Ladder,
    /// The statuses of a subscription that grant access.
    pub access: StatusSet,
    /// The features.
    pub features: Vec<FeatureDefinition<'a>>,
    /// The plans with their versions.
    pub plans: Vec<PlanDefinition<'a>>,
    /// The add-ons.
    pub add_ons: Vec<AddOnDefinition<'a>>,
}

/// A feature.
#[derive(Clone, Debug)]
pub struct FeatureDefinition<'a> {
    /// The id.
    pub id: &'a str,
    /// The code.
    pub code: &'a str,
    /// The name.
    pub name: &'a str,
    /// Whether the feature is metered. None if its type could not be read; rows of any type then fit.
    pub metered: Option<bool>,
    /// Whether the status is ACTIVE.
    pub active: bool,
    /// The id of the product that a subscription must carry for the feature to be in scope.
    pub product: Option<&'a str>,
    /// The row that all customers in scope start from.
    pub default: Option<UncheckedGrant<'a, FeatureIdx>>,
    /// The failure policy of the feature.
    pub on_indeterminate: Option<Policy>,
    /// The age in milliseconds from which on a catalog may not answer about the feature.
    pub max_age_ms: Option<u64>,
    /// Whether the feature cannot be a pool: it has CREDITS rows and no METERED rows.
    pub has_no_units: bool,
}

/// A plan.
#[derive(Clone, Debug)]
pub struct PlanDefinition<'a> {
    /// The id.
    pub id: &'a str,
    /// The name.
    pub name: &'a str,
    /// The rows of the plan, for all its versions.
    pub grants: Grants<'a>,
    /// The versions, sorted by id.
    pub versions: Vec<VersionDefinition<'a>>,
}

/// A version of a plan.
#[derive(Clone, Debug)]
pub struct VersionDefinition<'a> {
    /// The id.
    pub id: &'a str,
    /// The version number, for names in answers.
    pub version: u32,
    /// The ids of the products.
    pub products: Vec<&'a str>,
    /// The rows.
    pub grants: Grants<'a>,
}

/// An add-on.
#[derive(Clone, Debug)]
pub struct AddOnDefinition<'a> {
    /// The id.
    pub id: &'a str,
    /// The name.
    pub name: &'a str,
    /// The id of the product.
    pub product: Option<&'a str>,
    /// Whether a subscription may hold the add-on more than once.
    pub multi_instance: bool,
    /// The instant from which on the add-on is archived.
    pub archived_at: Option<Instant>,
    /// The rows.
    pub grants: Grants<'a>,
}
