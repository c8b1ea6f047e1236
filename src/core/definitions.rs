//! Everything but the customers, before names are looked up: what a document and a catalog object
//! both are read into, and what a [`Catalog`](crate::Catalog) is made of.

use crate::idx::FeatureIdx;
use crate::ladder::Ladder;
use crate::snapshot::Policy;
use crate::status::StatusSet;
use crate::time::Instant;
use crate::value::UncheckedGrant;

/// The rows of one owner, at most one per feature, sorted by feature.
pub type Grants<'a> = Vec<UncheckedGrant<'a, FeatureIdx>>;

/// Features, plans and add-ons, each list sorted by id, and the ladder.
#[derive(Clone, Debug)]
pub struct Definitions<'a> {
    /// Which rows win.
    pub ladder: Ladder,
    /// The states of a subscription that grant access.
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
    /// Its id.
    pub id: &'a str,
    /// Its code.
    pub code: &'a str,
    /// Its name.
    pub name: &'a str,
    /// Whether it is metered; nothing where that could not be read: then rows of any type fit.
    pub metered: Option<bool>,
    /// Whether it is active.
    pub active: bool,
    /// The id of the product whose subscriptions it is restricted to.
    pub product: Option<&'a str>,
    /// What everybody has of it.
    pub default: Option<UncheckedGrant<'a, FeatureIdx>>,
    /// What an indeterminate answer allows.
    pub on_indeterminate: Option<Policy>,
    /// The age in milliseconds from which on a catalog may not answer about it.
    pub max_age_ms: Option<u64>,
    /// That it cannot be a pool: rows on it cost units of another feature, and none grants units.
    pub has_no_units: bool,
}

/// A plan.
#[derive(Clone, Debug)]
pub struct PlanDefinition<'a> {
    /// Its id.
    pub id: &'a str,
    /// Its name.
    pub name: &'a str,
    /// What all its versions grant.
    pub grants: Grants<'a>,
    /// Its versions, sorted by id.
    pub versions: Vec<VersionDefinition<'a>>,
}

/// A version of a plan.
#[derive(Clone, Debug)]
pub struct VersionDefinition<'a> {
    /// Its id.
    pub id: &'a str,
    /// Its number.
    pub version: u32,
    /// The ids of its products.
    pub products: Vec<&'a str>,
    /// What it grants.
    pub grants: Grants<'a>,
}

/// An add-on.
#[derive(Clone, Debug)]
pub struct AddOnDefinition<'a> {
    /// Its id.
    pub id: &'a str,
    /// Its name.
    pub name: &'a str,
    /// The id of its product.
    pub product: Option<&'a str>,
    /// Whether a subscription may hold it more than once.
    pub multi_instance: bool,
    /// From when on it is archived.
    pub archived_at: Option<Instant>,
    /// What it grants.
    pub grants: Grants<'a>,
}
