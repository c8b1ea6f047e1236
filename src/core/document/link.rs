//! Resolves the names of a document: entities become positions, rows are sorted, ids are indexed.
//!
//! Everything is sorted by id first, so the order of a document never matters.

use super::entities::{RawAddOn, RawCustomer, RawFeature, RawPlan, RawSubscription, RawVersion};
use super::fit::{Names, to_usize};
use crate::index::Index;
use crate::ladder::Ladder;
use crate::model::{
    AddOn, Catalog, Customer, CustomerPlace, Feature, Grants, Held, HeldAddOns, Plan, PlanVersion, SharedGrants,
    Snapshot, StatusSet, Subscription,
};
use crate::problem::{Code, Sink};
use crate::sort::sort_by;

pub(super) fn link(
    mut features: Vec<RawFeature>,
    mut plans: Vec<RawPlan>,
    mut add_ons: Vec<RawAddOn>,
    mut customers: Vec<RawCustomer>,
    mut subscriptions: Vec<RawSubscription>,
    is_part: bool,
    sink: &Sink,
) -> Catalog {
    sort_by_id(&mut features, |f| (&f.id, f.n), "features", sink);
    sort_by_id(&mut plans, |p| (&p.id, p.n), "plans", sink);
    sort_by_id(&mut add_ons, |a| (&a.id, a.n), "add_ons", sink);
    sort_by_id(&mut customers, |c| (&c.id, c.n), "customers", sink);
    sort_by_id(&mut subscriptions, |s| (&s.id, s.n), "subscriptions", sink);
    report_twice("code", "features", features.iter().map(|f| (f.code.as_str(), f.n)), sink);
    let aliases = customers.iter().filter_map(|c| Some((c.alias.as_deref()?, c.n)));
    report_twice("alias", "customers", aliases, sink);

    let mut names = Names::new(&features, &plans, &add_ons, &customers, &subscriptions, sink);
    if is_part {
        names.assume_pools_have_units();
    }
    let (plans, versions) = link_plans(plans, &names);
    let add_ons = add_ons.into_iter().map(|raw| link_add_on(raw, &names)).collect();
    let customer_ids = customers.iter().zip(0..).map(|(c, at)| (c.id.as_str(), at));
    let aliases = customers.iter().zip(0..).filter_map(|(c, at)| Some((c.alias.as_deref()?, at)));
    let linker = Linker {
        names: &names,
        plans: &plans,
        versions: &versions,
        version_at: Index::new(versions.iter().zip(0..).map(|(version, at)| (&*version.id, at))),
        customer_at: Index::new(customer_ids.clone()),
    };
    let (subscriptions, ranges) = linker.subscriptions(subscriptions, customers.len());
    let place = |(key, at)| {
        let subscriptions = ranges.get(to_usize(at)).copied().unwrap_or_default();
        (key, CustomerPlace { at, subscriptions })
    };
    // An id goes before an alias: of equal keys the first stands.
    let customer_index = Index::new(customer_ids.chain(aliases).map(place));
    let customers = customers.into_iter().map(|raw| link_customer(raw, &names)).collect();
    let feature_ids = features.iter().zip(0..).map(|(f, at)| (f.id.as_str(), at));
    let feature_codes = features.iter().zip(0..).map(|(f, at)| (f.code.as_str(), at));
    let feature_index = Index::new(feature_ids.chain(feature_codes));
    let features = features.into_iter().map(|raw| link_feature(raw, &names)).collect();
    Catalog {
        ladder: Ladder::standard(),
        access: StatusSet::granting(),
        features,
        feature_index,
        plans,
        versions,
        add_ons,
        customers,
        customer_index,
        subscriptions,
        snapshot: Snapshot::default(),
    }
}

/// Sorts by id and reports the second and later ones of equal ids.
fn sort_by_id<T>(list: &mut Vec<T>, key: impl Fn(&T) -> (&String, usize), name: &str, sink: &Sink) {
    sort_by(list, |a, b| key(a).cmp(&key(b)));
    report_adjacent("id", name, list.iter().map(|item| (key(item).0.as_str(), key(item).1)), sink);
}

/// Reports the second and later ones of equal texts.
fn report_twice<'t>(field: &str, list: &str, texts: impl Iterator<Item = (&'t str, usize)>, sink: &Sink) {
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

fn link_feature(raw: RawFeature, names: &Names<'_>) -> Feature {
    let path = format!("features[{}].entitlement", raw.n);
    Feature {
        product: names.product(raw.product.as_deref()),
        default: raw.default.and_then(|grant| names.grant(grant, &path, Some(&raw.id))),
        id: raw.id.into(),
        code: raw.code.into(),
        name: raw.name.into(),
        metered: raw.metered.unwrap_or_default(),
        active: raw.active,
        on_indeterminate: raw.on_indeterminate,
    }
}

fn link_plans(plans: Vec<RawPlan>, names: &Names<'_>) -> (Vec<Plan>, Vec<PlanVersion>) {
    let mut linked = Vec::with_capacity(plans.len());
    let mut versions: Vec<PlanVersion> = Vec::new();
    let mut paths: Vec<(String, String)> = Vec::new();
    for (plan, at) in plans.into_iter().zip(0_u32..) {
        let path = format!("plans[{}]", plan.n);
        for RawVersion { n, id, version, products, grants } in plan.versions {
            let path = format!("{path}.versions[{n}]");
            let (products, grants) = (names.products(&products), SharedGrants::new(names.grants(grants, &path)));
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

fn link_add_on(raw: RawAddOn, names: &Names<'_>) -> AddOn {
    AddOn {
        product: names.product(raw.product.as_deref()),
        grants: SharedGrants::new(names.grants(raw.grants, &format!("add_ons[{}]", raw.n))),
        id: raw.id.into(),
        name: raw.name.into(),
        multi_instance: raw.multi_instance,
        archived_at: raw.archived_at,
    }
}

fn link_customer(raw: RawCustomer, names: &Names<'_>) -> Customer {
    Customer {
        grants: own_grants(raw.grants, "customers", raw.n, names),
        id: raw.id.into(),
        name: raw.name.into(),
        archived_at: raw.archived_at,
    }
}

/// The rows of a customer or subscription, of which most have none.
fn own_grants(grants: Vec<super::entities::RawGrant>, list: &str, n: usize, names: &Names<'_>) -> Grants {
    if grants.is_empty() { Grants::default() } else { names.grants(grants, &format!("{list}[{n}]")) }
}

struct Linker<'n, 's> {
    names: &'n Names<'s>,
    plans: &'n [Plan],
    versions: &'n [PlanVersion],
    version_at: Index,
    customer_at: Index,
}

impl Linker<'_, '_> {
    /// Links subscriptions and groups them by customer; gives the range of each customer's.
    fn subscriptions(&self, raw: Vec<RawSubscription>, n_customers: usize) -> (Vec<Subscription>, Vec<(u32, u32)>) {
        let mut linked: Vec<(u32, Subscription)> = Vec::with_capacity(raw.len());
        for raw in raw {
            let customer = self.customer_at.get(&raw.customer);
            let version = self.version_at.get(&raw.version);
            self.report_broken(&raw, customer, version);
            let subscription = self.subscription(raw, version);
            if let (Some(customer), Some(subscription)) = (customer, subscription) {
                linked.push((customer, subscription));
            }
        }
        // Stable, so that they stay sorted by id within a customer.
        sort_by(&mut linked, |a, b| a.0.cmp(&b.0));
        let mut ranges = vec![(0, 0); n_customers];
        for ((customer, _), at) in linked.iter().zip(0_u32..) {
            if let Some((from, to)) = ranges.get_mut(to_usize(*customer)) {
                *from = if from == to { at } else { *from };
                *to = at.saturating_add(1);
            }
        }
        (linked.into_iter().map(|(_, subscription)| subscription).collect(), ranges)
    }

    fn subscription(&self, raw: RawSubscription, version: Option<u32>) -> Option<Subscription> {
        // All three are linked before any is given up, so that all their problems are reported.
        let add_ons = self.held(&raw.add_ons, raw.n);
        let grants = own_grants(raw.grants, "subscriptions", raw.n, self.names);
        let products = self.names.products(&raw.products);
        Some(Subscription {
            id: raw.id.into(),
            version: version?,
            status: raw.status,
            start: raw.start,
            end: raw.end,
            activated_at: raw.activated_at,
            trial_end: raw.trial_end,
            billing: raw.billing?,
            products,
            add_ons,
            grants,
        })
    }

    fn report_broken(&self, raw: &RawSubscription, customer: Option<u32>, version: Option<u32>) {
        let path = |field: &str| format!("subscriptions[{}].{field}", raw.n);
        if customer.is_none() {
            self.names.broken(path("customer_id"), "customer", &raw.customer);
        }
        let version = version.and_then(|at| self.versions.get(to_usize(at)));
        if version.is_none() {
            self.names.broken(path("plan_version_id"), "plan version", &raw.version);
        }
        let plan = self.plans.binary_search_by(|plan| (*plan.id).cmp(&raw.plan)).ok();
        match (plan, version) {
            (None, _) => self.names.broken(path("plan_id"), "plan", &raw.plan),
            (Some(plan), Some(version)) if to_usize(version.plan) != plan => {
                let message = format!("`{}` is not a version of `{}`", raw.version, raw.plan);
                self.names.sink.error(Code::BrokenReference, path("plan_version_id"), message);
            }
            _ => {}
        }
    }

    /// The add-ons held at least once, each named once.
    fn held(&self, rows: &[(usize, String, u32)], subscription: usize) -> HeldAddOns {
        let mut held: Vec<Held> = Vec::with_capacity(rows.len());
        for (row, id, quantity) in rows {
            match self.names.add_ons.get(id) {
                Some(add_on) => held.push(Held { add_on, quantity: *quantity }),
                None => {
                    let path = format!("subscriptions[{subscription}].add_ons[{row}].add_on_id");
                    self.names.broken(path, "add-on", id);
                }
            }
        }
        sort_by(&mut held, |a, b| a.add_on.cmp(&b.add_on));
        held.dedup_by(|row, kept| {
            let same = row.add_on == kept.add_on;
            if same {
                kept.quantity = kept.quantity.saturating_add(row.quantity);
            }
            same
        });
        held.retain(|held| 0 < held.quantity);
        HeldAddOns::new(held)
    }
}
