//! Resolves the names of a document: entities become positions, rows are sorted, ids are indexed.
//!
//! Everything is sorted by id first, so the order of a document never matters.

use super::entities::{RawAddOn, RawFeature, RawPlan, RawVersion};
use super::fit::{Names, Reporting};
use crate::index::Index;
use crate::ladder::Ladder;
use crate::model::{AddOn, Catalog, Feature, Plan, PlanVersion, SharedGrants, Snapshot, StatusSet};
use crate::packed::People;
use crate::problem::{Code, Sink};
use crate::sort::sort_by;

/// Everything but the people.
#[derive(Clone, Debug)]
pub(crate) struct RawWhole {
    pub ladder: Ladder,
    pub access: StatusSet,
    pub features: Vec<RawFeature>,
    pub plans: Vec<RawPlan>,
    pub add_ons: Vec<RawAddOn>,
}

impl RawWhole {
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

    /// What its names resolve to, its own rows counted.
    pub fn names(&self) -> Names {
        let mut names = Names::new(&self.features, &self.plans, &self.add_ons);
        for (feature, at) in self.features.iter().zip(0..) {
            names.count_rows(feature.default.as_slice(), Some(at));
        }
        let versions = self.plans.iter().flat_map(|plan| &plan.versions);
        self.plans.iter().for_each(|plan| names.count_rows(&plan.grants, None));
        versions.for_each(|version| names.count_rows(&version.grants, None));
        self.add_ons.iter().for_each(|add_on| names.count_rows(&add_on.grants, None));
        names
    }

    /// The catalogue of it, without anybody.
    pub fn link_with(self, names: Names, sink: &Sink) -> Catalog {
        let reporting = names.with(sink);
        let (plans, versions) = link_plans(self.plans, reporting);
        let add_ons = self.add_ons.into_iter().map(|raw| link_add_on(raw, reporting)).collect();
        let feature_ids = self.features.iter().zip(0..).map(|(f, at)| (f.id.as_str(), at));
        let feature_codes = self.features.iter().zip(0..).map(|(f, at)| (f.code.as_str(), at));
        let feature_index = Index::new(feature_ids.chain(feature_codes));
        let features = self.features.into_iter().map(|raw| link_feature(raw, reporting)).collect();
        Catalog {
            ladder: self.ladder,
            access: self.access,
            features,
            feature_index,
            plans,
            versions,
            add_ons,
            names,
            people: People::none(),
            snapshot: Snapshot::default(),
        }
    }

    /// The same, of a snapshot: sorted already, and with nobody to report to.
    pub fn link(mut self) -> Option<Catalog> {
        let sink = Sink::default();
        self.sort(&sink);
        // Which features are no pools is said of each.
        let names = Names::new(&self.features, &self.plans, &self.add_ons);
        let catalog = self.link_with(names, &sink);
        sink.into_inner().is_usable().then_some(catalog)
    }
}

/// Sorts by id and reports the second and later ones of equal ids.
pub(super) fn sort_by_id<T>(list: &mut [T], key: impl Fn(&T) -> (&String, usize), name: &str, sink: &Sink) {
    sort_by(list, |a, b| key(a).cmp(&key(b)));
    report_adjacent("id", name, list.iter().map(|item| (key(item).0.as_str(), key(item).1)), sink);
}

/// Reports the second and later ones of equal texts.
pub(super) fn report_twice<'t>(field: &str, list: &str, texts: impl Iterator<Item = (&'t str, usize)>, sink: &Sink) {
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

fn link_feature(raw: RawFeature, names: Reporting<'_>) -> Feature {
    let path = format!("features[{}].entitlement", raw.n);
    Feature {
        product: names.names.product(raw.product.as_deref()),
        default: raw.default.and_then(|grant| names.grant(grant, &path, Some(&raw.id))),
        id: raw.id.into(),
        code: raw.code.into(),
        name: raw.name.into(),
        metered: raw.metered.unwrap_or_default(),
        active: raw.active,
        on_indeterminate: raw.on_indeterminate,
        max_age_ms: raw.max_age_ms,
    }
}

fn link_plans(plans: Vec<RawPlan>, names: Reporting<'_>) -> (Vec<Plan>, Vec<PlanVersion>) {
    let mut linked = Vec::with_capacity(plans.len());
    let mut versions: Vec<PlanVersion> = Vec::new();
    let mut paths: Vec<(String, String)> = Vec::new();
    for (plan, at) in plans.into_iter().zip(0_u32..) {
        let path = format!("plans[{}]", plan.n);
        for RawVersion { n, id, version, products, grants } in plan.versions {
            let path = format!("{path}.versions[{n}]");
            let (products, grants) = (names.names.products(&products), SharedGrants::new(names.grants(grants, &path)));
            paths.push((id.clone(), path));
            versions.push(PlanVersion { id: id.into(), plan: at, version, products, grants });
        }
        let grants = SharedGrants::new(names.grants(plan.grants, &path));
        linked.push(Plan { id: plan.id.into(), name: plan.name.into(), grants });
    }
    sort_by(&mut paths, |a, b| a.0.cmp(&b.0));
    for pair in paths.windows(2) {
        if let [(id, first), (other, path)] = pair
            && id == other
        {
            let message = format!("the id `{id}` is already that of {first}");
            names.sink.error(Code::Duplicate, format!("{path}.id"), message);
        }
    }
    (linked, versions)
}

fn link_add_on(raw: RawAddOn, names: Reporting<'_>) -> AddOn {
    AddOn {
        product: names.names.product(raw.product.as_deref()),
        grants: SharedGrants::new(names.grants(raw.grants, &format!("add_ons[{}]", raw.n))),
        id: raw.id.into(),
        name: raw.name.into(),
        multi_instance: raw.multi_instance,
        archived_at: raw.archived_at,
    }
}
