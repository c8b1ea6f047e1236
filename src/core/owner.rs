//! Owners: the entities rows hang on, and how they are named in answers.

use crate::catalog::{AddOn, Catalog, Feature, Plan, PlanVersion};
use crate::json::{Word, WriteJson, end, escape, object, put};
use crate::ladder::Level;

/// The entity a row hangs on.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Owner<'c> {
    Feature(&'c Feature),
    Plan(&'c Plan),
    PlanVersion(&'c PlanVersion, &'c Catalog),
    AddOn(&'c AddOn),
    /// By its id.
    Subscription(&'c str),
    /// By its id and name.
    Customer(&'c str, &'c str),
    /// One that is known by nothing but its id.
    Named(Level, &'c str),
}

impl<'c> Owner<'c> {
    pub fn level(self) -> Level {
        match self {
            Owner::Feature(_) => Level::Feature,
            Owner::Plan(_) => Level::Plan,
            Owner::PlanVersion(..) => Level::PlanVersion,
            Owner::AddOn(_) => Level::AddOn,
            Owner::Subscription(_) => Level::Subscription,
            Owner::Customer(..) => Level::Customer,
            Owner::Named(level, _) => level,
        }
    }

    pub fn id(self) -> &'c str {
        match self {
            Owner::Feature(feature) => &feature.id,
            Owner::Plan(plan) => &plan.id,
            Owner::PlanVersion(version, _) => &version.id,
            Owner::AddOn(add_on) => &add_on.id,
            Owner::Subscription(id) | Owner::Customer(id, _) | Owner::Named(_, id) => id,
        }
    }

    pub fn name(self) -> Name<'c> {
        match self {
            Owner::Feature(feature) => Name::Plain(&feature.name),
            Owner::Plan(plan) => Name::Plain(&plan.name),
            Owner::PlanVersion(version, catalog) => match catalog.plan(version.plan) {
                Some(plan) => Name::PlanVersion { plan: &plan.name, version: version.version },
                None => Name::None,
            },
            Owner::AddOn(add_on) => Name::Plain(&add_on.name),
            Owner::Customer(_, name) => Name::Plain(name),
            Owner::Subscription(_) | Owner::Named(..) => Name::None,
        }
    }
}

/// The name of an entity.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Name<'c> {
    None,
    Plain(&'c str),
    PlanVersion { plan: &'c str, version: u32 },
}

/// The row that decided, by the entity it hangs on.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'c>(Owner<'c>);

impl<'c> Origin<'c> {
    /// FEATURE, PLAN, PLAN_VERSION, ADD_ON, SUBSCRIPTION or CUSTOMER.
    pub fn level(&self) -> Level {
        self.0.level()
    }

    /// The entity's id.
    pub fn id(&self) -> &'c str {
        self.0.id()
    }
}

impl<'c> From<Owner<'c>> for Origin<'c> {
    fn from(owner: Owner<'c>) -> Self {
        Origin(owner)
    }
}

impl WriteJson for Origin<'_> {
    fn write_json(&self, out: &mut Vec<u8>) {
        object!(out, "entity_type": Word(self.level().name()), "entity_id": self.id(), "name": self.0.name());
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
