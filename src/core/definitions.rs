//! The definitions: a catalog without customers, before it is compiled.
//!
//! Documents and catalog objects are both read into definitions, and a [`Catalog`](crate::Catalog) is compiled from
//! them. Section 1 of docs/semantics.md lists the fields.

use crate::access::Access;
use crate::idx::FeatureIdx;
use crate::ladder::Ladder;
use crate::snapshot::Policy;
use crate::time::Instant;
use crate::value::{FeatureType, UncheckedGrant};
use crate::zone::Zone;

/// The entitlement rows of one owner: at most one for each feature at any instant, sorted by feature, then by start.
pub type Grants<'a> = Vec<UncheckedGrant<'a, FeatureIdx>>;

/// Features, plans and add-ons, each list sorted by id; the ladder; the statuses that grant access.
#[derive(Clone, Debug)]
pub struct Definitions<'a> {
    /// The ladder.
    pub ladder: Ladder,
    /// The statuses of a subscription that grant access.
    pub access: Access,
    /// The time zones that rows name, sorted by name.
    pub zones: Vec<Zone>,
    /// The id of the plan version that customers without a granting subscription hold.
    pub fallback_plan_version: Option<&'a str>,
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
    /// The type. None if it could not be read; rows of any type then fit.
    pub feature_type: Option<FeatureType>,
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
    /// The instant from which on the plan is archived.
    pub archived_at: Option<Instant>,
    /// The position among the plans of the document, from 0.
    pub position: u32,
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
    /// Whether customers may buy the add-on themselves.
    pub self_serviceable: bool,
    /// The largest quantity that a subscription may hold; None is unbounded.
    pub max_instances: Option<u32>,
    /// The plans with which the add-on is sold.
    pub sold_with: SoldWith<&'a str>,
    /// The instant from which on the add-on is archived.
    pub archived_at: Option<Instant>,
    /// The rows.
    pub grants: Grants<'a>,
}

impl AddOnDefinition<'_> {
    /// Whether a subscription may hold the add-on more than once.
    pub fn is_multi_instance(&self) -> bool {
        self.max_instances.is_none_or(|max| 1 < max)
    }
}

/// The plans with which an add-on is sold. Who holds it with another plan keeps it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SoldWith<P> {
    /// All plans.
    All,
    /// The plans of the add-on's product, and those without a product.
    ItsProduct,
    /// These plans, sorted.
    Plans(Vec<P>),
}
