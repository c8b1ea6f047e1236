//! Features, plans, add-ons and the ladder of a document, on their way into a catalogue.
//!
//! Everything is sorted by id first, so the order of a document never matters.

use crate::entities::{RawAddOn, RawFeature, RawPlan, RawVersion};
use crate::references::{Reporting, count_rows};
use crate::sink::Sink;
use mayuse_core::{
    AddOnDefinition, Code, Definitions, FeatureDefinition, FeatureIdx, Ladder, PlanDefinition, StatusSet, SymbolTable,
    VersionDefinition, sort_by,
};

/// Everything but the people.
#[derive(Clone, Debug)]
pub(crate) struct RawDefinitions {
    pub ladder: Ladder,
    pub access: StatusSet,
    pub features: Vec<RawFeature>,
    pub plans: Vec<RawPlan>,
    pub add_ons: Vec<RawAddOn>,
}

impl RawDefinitions {
    /// Sorts all of it, and reports ids and codes that are there twice.
    pub fn sort(&mut self, sink: &Sink) {
        for plan in &mut self.plans {
            sort_by(&mut plan.versions, |a, b| (&a.id, a.n).cmp(&(&b.id, b.n)));
            for version in &mut plan.versions {
                sort_by(&mut version.products, Ord::cmp);
                version.products.dedup();
            }
        }
        sort_by_id(&mut self.features, |f| (&f.id, f.n), "features", sink);
        sort_by_id(&mut self.plans, |p| (&p.id, p.n), "plans", sink);
        sort_by_id(&mut self.add_ons, |a| (&a.id, a.n), "add_ons", sink);
        report_twice("code", "features", self.features.iter().map(|f| (f.code.as_str(), f.n)), sink);
    }

    /// What it declares. Rows refer to that, so they come later: see [`RawDefinitions::fill`].
    pub fn declared(&self) -> Definitions<'_> {
        Definitions {
            ladder: self.ladder.clone(),
            access: self.access,
            features: self.features.iter().map(feature).collect(),
            plans: self.plans.iter().map(plan).collect(),
            add_ons: self.add_ons.iter().map(add_on).collect(),
        }
    }

    /// Counts its rows.
    pub fn count_rows(&self, symbols: &mut SymbolTable) {
        for (feature, at) in self.features.iter().zip(0..) {
            count_rows(symbols, feature.default.as_slice(), Some(FeatureIdx::from(at)));
        }
        self.plans.iter().for_each(|plan| count_rows(symbols, &plan.grants, None));
        let versions = self.plans.iter().flat_map(|plan| &plan.versions);
        versions.for_each(|version| count_rows(symbols, &version.grants, None));
        self.add_ons.iter().for_each(|add_on| count_rows(symbols, &add_on.grants, None));
    }

    /// Puts its rows into what it declares, and reports those that refer to nothing or do not fit.
    pub fn fill<'r>(&'r self, definitions: &mut Definitions<'r>, names: Reporting<'_>) {
        let mut paths: Vec<(&str, String)> = Vec::new();
        for (raw, plan) in self.plans.iter().zip(&mut definitions.plans) {
            let path = format!("plans[{}]", raw.n);
            for (raw, version) in raw.versions.iter().zip(&mut plan.versions) {
                let path = format!("{path}.versions[{}]", raw.n);
                version.grants = names.grants(&raw.grants, &path);
                paths.push((&raw.id, path));
            }
            plan.grants = names.grants(&raw.grants, &path);
        }
        sort_by(&mut paths, |a, b| a.0.cmp(b.0));
        for pair in paths.windows(2) {
            if let [(id, first), (other, path)] = pair
                && id == other
            {
                let message = format!("the id `{id}` is already that of {first}");
                names.sink.error(Code::Duplicate, format!("{path}.id"), message);
            }
        }
        for (raw, add_on) in self.add_ons.iter().zip(&mut definitions.add_ons) {
            add_on.grants = names.grants(&raw.grants, &format!("add_ons[{}]", raw.n));
        }
        for ((raw, feature), at) in self.features.iter().zip(&mut definitions.features).zip(0..) {
            let path = format!("features[{}].entitlement", raw.n);
            feature.default = raw.default.as_ref().and_then(|row| names.grant(row, &path, Some(&raw.id)));
            feature.has_no_units = names.symbols.has_no_units(FeatureIdx::from(at));
        }
    }
}

fn feature(raw: &RawFeature) -> FeatureDefinition<'_> {
    FeatureDefinition {
        id: &raw.id,
        code: &raw.code,
        name: &raw.name,
        metered: raw.metered,
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
    PlanDefinition { id: &raw.id, name: &raw.name, grants: Vec::new(), versions }
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
        multi_instance: raw.multi_instance,
        archived_at: raw.archived_at,
        grants: Vec::new(),
    }
}

/// Sorts by id and reports the second and later ones of equal ids.
pub(crate) fn sort_by_id<T>(list: &mut [T], key: impl Fn(&T) -> (&String, usize), name: &str, sink: &Sink) {
    sort_by(list, |a, b| key(a).cmp(&key(b)));
    report_adjacent("id", name, list.iter().map(|item| (key(item).0.as_str(), key(item).1)), sink);
}

/// Reports the second and later ones of equal texts.
pub(crate) fn report_twice<'t>(field: &str, list: &str, texts: impl Iterator<Item = (&'t str, usize)>, sink: &Sink) {
    let mut texts: Vec<(&str, usize)> = texts.collect();
    sort_by(&mut texts, Ord::cmp);
    report_adjacent(field, list, texts.into_iter(), sink);
}

fn report_adjacent<'t>(field: &str, list: &str, texts: impl Iterator<Item = (&'t str, usize)>, sink: &Sink) {
    let mut first: Option<(&str, usize)> = None;
    for (text, n) in texts {
        match first {
            Some((held, at)) if held == text => {
                let message = format!("the {field} `{text}` is already that of {list}[{at}]");
                sink.error(Code::Duplicate, format!("{list}[{n}].{field}"), message);
            }
            _ => first = Some((text, n)),
        }
    }
}
