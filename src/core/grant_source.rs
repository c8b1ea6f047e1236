//! The owner of an entitlement row, and its name in answers.

use crate::catalog::{AddOn, Catalog, Feature, Plan, PlanVersion};
use crate::json::{Token, WriteJson, end, escape, object, put};
use crate::ladder::Level;

/// The entity that owns a row.
#[derive(Clone, Copy, Debug)]
pub(crate) enum GrantSource<'c> {
    Feature(&'c Feature),
    Plan(&'c Plan),
    PlanVersion(&'c PlanVersion, &'c Catalog),
    AddOn(&'c AddOn),
    /// The id of the subscription.
    Subscription(&'c str),
    /// The id and the name of the customer.
    Customer(&'c str, &'c str),
    /// An entity of which only the level and the id are known.
    Named(Level, &'c str),
}

impl<'c> GrantSource<'c> {
    pub fn level(self) -> Level {
        match self {
            GrantSource::Feature(_) => Level::Feature,
            GrantSource::Plan(_) => Level::Plan,
            GrantSource::PlanVersion(..) => Level::PlanVersion,
            GrantSource::AddOn(_) => Level::AddOn,
            GrantSource::Subscription(_) => Level::Subscription,
            GrantSource::Customer(..) => Level::Customer,
            GrantSource::Named(level, _) => level,
        }
    }

    pub fn id(self) -> &'c str {
        match self {
            GrantSource::Feature(feature) => &feature.id,
            GrantSource::Plan(plan) => &plan.id,
            GrantSource::PlanVersion(version, _) => &version.id,
            GrantSource::AddOn(add_on) => &add_on.id,
            GrantSource::Subscription(id) | GrantSource::Customer(id, _) | GrantSource::Named(_, id) => id,
        }
    }

    pub fn name(self) -> Name<'c> {
        match self {
            GrantSource::Feature(feature) => Name::Plain(&feature.name),
            GrantSource::Plan(plan) => Name::Plain(&plan.name),
            GrantSource::PlanVersion(version, catalog) => match catalog.plan(version.plan) {
                Some(plan) => Name::PlanVersion { plan: &plan.name, version: version.version },
                None => Name::None,
            },
            GrantSource::AddOn(add_on) => Name::Plain(&add_on.name),
            GrantSource::Customer(_, name) => Name::Plain(name),
            GrantSource::Subscription(_) | GrantSource::Named(..) => Name::None,
        }
    }
}

/// The name of an entity in an answer.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Name<'c> {
    None,
    Plain(&'c str),
    PlanVersion { plan: &'c str, version: u32 },
}

/// The owner of the row that decided. In JSON: `{"entity_type", "entity_id", "name"}`.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'c>(GrantSource<'c>);

impl<'c> Origin<'c> {
    /// The level of the owner.
    pub fn level(&self) -> Level {
        self.0.level()
    }

    /// The id of the owner.
    pub fn id(&self) -> &'c str {
        self.0.id()
    }

    /// The name of the owner, if it has one. A plan version has the name of its plan and its number, which follows
    /// the name after ` v`.
    pub fn name(&self) -> (Option<&'c str>, Option<u32>) {
        match self.0.name() {
            Name::None => (None, None),
            Name::Plain(name) => (Some(name), None),
            Name::PlanVersion { plan, version } => (Some(plan), Some(version)),
        }
    }
}

impl<'c> From<GrantSource<'c>> for Origin<'c> {
    fn from(source: GrantSource<'c>) -> Self {
        Origin(source)
    }
}

impl WriteJson for Origin<'_> {
    fn write_json(&self, out: &mut Vec<u8>) {
        object!(out, "entity_type": Token(self.level().name()), "entity_id": self.id(), "name": self.0.name());
        end(out);
    }
}

impl WriteJson for Name<'_> {
    fn write_json(&self, out: &mut Vec<u8>) {
        match self {
            Name::None => put(out, "null"),
            Name::Plain(name) => name.write_json(out),
            Name::PlanVersion { plan, version } => {
                put(out, "\"");
                escape(plan, out);
                put(out, " v");
                version.write_json(out);
                put(out, "\"");
            }
        }
    }
}
