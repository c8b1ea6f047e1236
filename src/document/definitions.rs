//! Turns the features, plans, add-ons and ladder of a document into definitions.
//!
//! All lists are sorted by id first, so the order of a document never matters.

use crate::diagnostics::Diagnostics;
use crate::entities::{RawAddOn, RawFeature, RawGrant, RawPlan, RawVersion};
use crate::references::Reporting;
use mayuse_core::{
    Access, AddOnDefinition, Code, Definitions, Element, FeatureDefinition, FeatureIdx, Ladder, Place, PlanDefinition,
    SoldWith, VersionDefinition, Zone, arrange, joined, sort_by, sorted_positions,
};

/// The definitions of a document, with names that are not resolved yet.
#[derive(Clone, Debug)]
pub(crate) struct RawDefinitions {
    pub ladder: Ladder,
    pub access: Access,
    pub fallback_plan_version: Option<String>,
    pub features: Vec<RawFeature>,
    pub plans: Vec<RawPlan>,
    pub add_ons: Vec<RawAddOn>,
}

impl RawDefinitions {
    /// Sorts all lists, and reports duplicate ids and codes.
    pub fn sort(&mut self, sink: &Diagnostics) {
        for plan in &mut self.plans {
            sort_by(&mut plan.versions, |a, b| (&a.id, a.n).cmp(&(&b.id, b.n)));
            for version in &mut plan.versions {
                sort_by(&mut version.products, Ord::cmp);
                version.products.dedup();
            }
        }
        sort_by_id(&mut self.features, |f| (&f.id, f.at), sink);
        sort_by_id(&mut self.plans, |p| (&p.id, p.at), sink);
        sort_by_id(&mut self.add_ons, |a| (&a.id, a.at), sink);
        let codes: Vec<(&str, Element)> = self.features.iter().map(|f| (f.code.as_str(), f.at)).collect();
        report_twice("code", &codes, sink);
    }

    /// The definitions without their rows. Rows refer to these, so [`RawDefinitions::fill`] adds them later.
    pub fn declared(&self, zones: Vec<Zone>) -> Definitions<'_> {
        Definitions {
            ladder: self.ladder.clone(),
            access: self.access.clone(),
            zones,
            fallback_plan_version: self.fallback_plan_version.as_deref(),
            features: self.features.iter().map(feature).collect(),
            plans: self.plans(),
            add_ons: self.add_ons.iter().map(add_on).collect(),
        }
    }

    /// The plans, with their positions in the document.
    fn plans(&self) -> Vec<PlanDefinition<'_>> {
        let mut plans: Vec<PlanDefinition<'_>> = self.plans.iter().map(plan).collect();
        let mut order: Vec<usize> = (0..plans.len()).collect();
        let rank = |at: &usize| self.plans.get(*at).map(|plan| plan.at.rank());
        sort_by(&mut order, |a, b| rank(a).cmp(&rank(b)));
        for (at, position) in order.into_iter().zip(0..) {
            plans.get_mut(at).into_iter().for_each(|plan| plan.position = position);
        }
        plans
    }

    /// Calls `each` with the rows of every owner, and with the feature whose default they are.
    pub fn each_rows<'r>(&'r self, each: &mut dyn FnMut(&'r [RawGrant], Option<FeatureIdx>)) {
        for (feature, at) in self.features.iter().zip(0..) {
            each(feature.default.as_slice(), Some(FeatureIdx::from(at)));
        }
        for plan in &self.plans {
            each(&plan.grants, None);
            plan.versions.iter().for_each(|version| each(&version.grants, None));
        }
        self.add_ons.iter().for_each(|add_on| each(&add_on.grants, None));
    }

    /// Adds the rows to the definitions, and reports broken references, duplicates and type mismatches.
    pub fn fill<'r>(&'r self, definitions: &mut Definitions<'r>, names: Reporting<'_>) {
        if let Some(id) = &self.fallback_plan_version
            && names.symbols.version(id).is_none()
        {
            names.broken("fallback_plan_version_id".into(), "plan version", id);
        }
        let mut places: Vec<(&str, Place, &str)> = Vec::new();
        for (raw, plan) in self.plans.iter().zip(&mut definitions.plans) {
            let place = Place::from(raw.at);
            for (raw, version) in raw.versions.iter().zip(&mut plan.versions) {
                let place = match raw.n {
                    Some(n) => place.clone().field("versions").item(n),
                    None => place.clone(),
                };
                version.grants = names.grants(&raw.grants, &place);
                places.push((&raw.id, place, if raw.n.is_some() { "id" } else { "version_id" }));
            }
            plan.grants = names.grants(&raw.grants, &place);
        }
        sort_by(&mut places, |a, b| a.0.cmp(b.0));
        for pair in places.windows(2) {
            if let [(id, first, _), (other, place, field)] = pair
                && id == other
            {
                let mut first = first.clone();
                if let Element::Line(_) = first.element {
                    first.fields.clear();
                }
                let message = joined(&["the id `", id, "` is already that of ", &first.text()]);
                names.sink.error(Code::Duplicate, place.clone().field(field), message);
            }
        }
        for (raw, add_on) in self.add_ons.iter().zip(&mut definitions.add_ons) {
            add_on.grants = names.grants(&raw.grants, &raw.at.into());
        }
        for ((raw, feature), at) in self.features.iter().zip(&mut definitions.features).zip(0..) {
            let place = Place::from(raw.at).field("entitlement");
            feature.default = raw.default.as_ref().and_then(|row| names.grant(row, &place, Some(&raw.id)));
            feature.has_no_units = names.symbols.has_no_units(FeatureIdx::from(at));
        }
    }
}

fn feature(raw: &RawFeature) -> FeatureDefinition<'_> {
    FeatureDefinition {
        id: &raw.id,
        code: &raw.code,
        name: &raw.name,
        feature_type: raw.feature_type.clone(),
        active: raw.active,
        product: raw.product.as_deref(),
        default: None,
        on_indeterminate: raw.on_indeterminate,
        max_age_ms: raw.max_age_ms,
        has_no_units: false,
    }
}

fn plan(raw: &RawPlan) -> PlanDefinition<'_> {
    let versions = raw.versions.iter().map(version).collect();
    let (archived_at, position) = (raw.archived_at, 0);
    PlanDefinition { id: &raw.id, name: &raw.name, archived_at, position, grants: Vec::new(), versions }
}

fn version(raw: &RawVersion) -> VersionDefinition<'_> {
    let products = raw.products.iter().map(String::as_str).collect();
    VersionDefinition { id: &raw.id, version: raw.version, products, grants: Vec::new() }
}

fn add_on(raw: &RawAddOn) -> AddOnDefinition<'_> {
    AddOnDefinition {
        id: &raw.id,
        name: &raw.name,
        product: raw.product.as_deref(),
        self_serviceable: raw.self_serviceable,
        max_instances: raw.max_instances,
        sold_with: match &raw.sold_with {
            SoldWith::All => SoldWith::All,
            SoldWith::ItsProduct => SoldWith::ItsProduct,
            SoldWith::Plans(plans) => SoldWith::Plans(plans.iter().map(String::as_str).collect()),
        },
        archived_at: raw.archived_at,
        grants: Vec::new(),
    }
}

/// Sorts by id, and reports all but the first of equal ids.
pub(crate) fn sort_by_id<T>(list: &mut [T], key: impl Fn(&T) -> (&String, Element), sink: &Diagnostics) {
    let mut ids: Vec<(&str, Element)> = Vec::new();
    for item in list.iter() {
        let (id, at) = key(item);
        ids.push((id, at));
    }
    let order = report_twice("id", &ids, sink);
    arrange(list, order);
}

/// Reports all but the first of equal texts. Returns the positions of the texts in their order.
pub(crate) fn report_twice(field: &str, texts: &[(&str, Element)], sink: &Diagnostics) -> Vec<usize> {
    let in_order = |a: &(&str, Element), b: &(&str, Element)| (a.0, a.1.rank()) < (b.0, b.1.rank());
    let is_before = |a, b| matches!((texts.get(a), texts.get(b)), (Some(a), Some(b)) if in_order(a, b));
    let order = sorted_positions(texts.len(), &is_before);
    let mut first: Option<(&str, Element)> = None;
    for (text, at) in order.iter().filter_map(|at| texts.get(*at)).copied() {
        match first {
            Some((held, other)) if held == text => {
                let message = joined(&["the ", field, " `", text, "` is already that of ", &Place::from(other).text()]);
                sink.error(Code::Duplicate, Place::from(at).field(field), message);
            }
            _ => first = Some((text, at)),
        }
    }
    order
}
