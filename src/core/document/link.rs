//! Resolves the names of a document: entities become positions, rows are sorted, ids are indexed.
//!
//! Everything is sorted by id first, so the order of a document never matters.

use super::entities::{FeatureName, RawAddOn, RawCustomer, RawFeature, RawGrant, RawPlan, RawSubscription, RawVersion};
use super::values::RawValue;
use crate::index::Index;
use crate::ladder::Ladder;
use crate::model::{
    AddOn, Catalog, Credits, Customer, Feature, Grant, Grants, Held, Plan, PlanVersion, Product, Snapshot, StatusSet,
    Subscription, Value,
};
use crate::problem::{Code, Problem, Severity, Sink};
use std::collections::BTreeMap;

pub(super) fn link(
    mut features: Vec<RawFeature>,
    mut plans: Vec<RawPlan>,
    mut add_ons: Vec<RawAddOn>,
    mut customers: Vec<RawCustomer>,
    mut subscriptions: Vec<RawSubscription>,
    sink: &Sink,
) -> Catalog {
    sort_by_id(&mut features, |f| (&f.id, f.n), "features", sink);
    sort_by_id(&mut plans, |p| (&p.id, p.n), "plans", sink);
    sort_by_id(&mut add_ons, |a| (&a.id, a.n), "add_ons", sink);
    sort_by_id(&mut customers, |c| (&c.id, c.n), "customers", sink);
    sort_by_id(&mut subscriptions, |s| (&s.id, s.n), "subscriptions", sink);
    report_duplicate_codes(&features, sink);
    report_duplicate_aliases(&customers, sink);

    let mut linker = Linker::new(&features, &plans, &add_ons, &customers, &subscriptions, sink);
    let (plans, versions) = linker.plans(plans);
    let add_ons = linker.add_ons(add_ons);
    let customer_index = Index::new(keys(&customers, |c| &c.id).chain(aliases(&customers)));
    let customer_at: BTreeMap<String, u32> = positions(&customers, |c| &c.id);
    let mut customers = linker.customers(customers);
    let subscriptions = linker.subscriptions(subscriptions, &plans, &versions, &customer_at, &mut customers);
    let feature_index = Index::new(keys(&features, |f| &f.id).chain(keys(&features, |f| &f.code)));
    let features = linker.features(features);
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

fn keys<T>(list: &[T], key: impl Fn(&T) -> &String + Clone) -> impl Iterator<Item = (&str, u32)> + Clone {
    list.iter().zip(0_u32..).map(move |(item, at)| (key(item).as_str(), at))
}

fn aliases(customers: &[RawCustomer]) -> impl Iterator<Item = (&str, u32)> + Clone {
    customers.iter().zip(0_u32..).filter_map(|(customer, at)| Some((customer.alias.as_deref()?, at)))
}

fn positions<T>(list: &[T], key: impl Fn(&T) -> &String) -> BTreeMap<String, u32> {
    list.iter().zip(0_u32..).map(|(item, at)| (key(item).clone(), at)).collect()
}

/// Sorts by id and reports the second and later ones of equal ids.
fn sort_by_id<T>(list: &mut [T], key: impl Fn(&T) -> (&String, usize), name: &str, sink: &Sink) {
    list.sort_by(|a, b| key(a).cmp(&key(b)));
    for pair in list.windows(2) {
        if let [first, second] = pair {
            let ((id, at), (other, n)) = (key(first), key(second));
            if id == other {
                let message = format!("the id `{id}` is already that of {name}[{at}]");
                sink.error(Code::Duplicate, format!("{name}[{n}].id"), message);
            }
        }
    }
}

fn report_duplicate_codes(features: &[RawFeature], sink: &Sink) {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    let mut in_order: Vec<&RawFeature> = features.iter().collect();
    in_order.sort_by_key(|feature| feature.n);
    for feature in in_order {
        let RawFeature { n, code, .. } = feature;
        if let Some(at) = seen.insert(code, *n) {
            let message = format!("the code `{code}` is already that of features[{at}]");
            sink.error(Code::Duplicate, format!("features[{n}].code"), message);
        }
    }
}

fn report_duplicate_aliases(customers: &[RawCustomer], sink: &Sink) {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for customer in customers {
        let RawCustomer { n, alias: Some(alias), .. } = customer else { continue };
        if let Some(at) = seen.insert(alias, *n) {
            let message = format!("the alias `{alias}` is already that of customers[{at}]");
            sink.error(Code::Duplicate, format!("customers[{n}].alias"), message);
        }
    }
}

fn to_usize(at: u32) -> usize {
    usize::try_from(at).unwrap_or(usize::MAX)
}

/// What names resolve to.
struct Linker<'s> {
    features: BTreeMap<String, FeatureFacts>,
    codes: BTreeMap<String, String>,
    add_ons: BTreeMap<String, u32>,
    products: BTreeMap<String, Product>,
    sink: &'s Sink,
}

/// What matters of a feature when a row is fitted to it.
#[derive(Clone, Copy)]
struct FeatureFacts {
    at: u32,
    metered: bool,
    has_metered_rows: bool,
    has_credits_rows: bool,
}

impl<'s> Linker<'s> {
    fn new(
        features: &[RawFeature],
        plans: &[RawPlan],
        add_ons: &[RawAddOn],
        customers: &[RawCustomer],
        subscriptions: &[RawSubscription],
        sink: &'s Sink,
    ) -> Self {
        let facts = |(feature, at): (&RawFeature, u32)| {
            let facts = FeatureFacts { at, metered: feature.metered, has_metered_rows: false, has_credits_rows: false };
            (feature.id.clone(), facts)
        };
        let mut linker = Linker {
            features: features.iter().zip(0_u32..).map(facts).collect(),
            codes: features.iter().map(|feature| (feature.code.clone(), feature.id.clone())).collect(),
            add_ons: positions(add_ons, |a| &a.id),
            products: BTreeMap::new(),
            sink,
        };
        // Whether a pool can be one depends on the rows of all owners.
        for feature in features {
            if let Some(default) = &feature.default {
                linker.count_row(Some(&feature.id), default);
            }
        }
        let versions = plans.iter().flat_map(|plan| plan.versions.iter().map(|version| &version.grants));
        let owners = plans.iter().map(|plan| &plan.grants).chain(versions);
        let owners = owners.chain(add_ons.iter().map(|add_on| &add_on.grants));
        let owners = owners.chain(customers.iter().map(|customer| &customer.grants));
        for grant in owners.chain(subscriptions.iter().map(|subscription| &subscription.grants)).flatten() {
            linker.count_row(None, grant);
        }
        linker
    }

    fn count_row(&mut self, owner: Option<&str>, grant: &RawGrant) {
        let id = match (&grant.feature, owner) {
            (_, Some(owner)) => owner,
            (Some(FeatureName::Id(id)), None) => id,
            (Some(FeatureName::Code(code)), None) => match self.codes.get(code) {
                Some(id) => id,
                None => return,
            },
            (None, None) => return,
        };
        if let Some(facts) = self.features.get_mut(id) {
            match grant.value {
                RawValue::Boolean { .. } => {}
                RawValue::Metered(_) => facts.has_metered_rows |= facts.metered,
                RawValue::Credits { .. } => facts.has_credits_rows |= facts.metered,
            }
        }
    }

    fn product(&mut self, id: &str) -> Product {
        let next = Product(u32::try_from(self.products.len()).unwrap_or(u32::MAX));
        *self.products.entry(id.to_owned()).or_insert(next)
    }

    fn products(&mut self, ids: &[String]) -> Box<[Product]> {
        let mut products: Vec<Product> = ids.iter().map(|id| self.product(id)).collect();
        products.sort_unstable();
        products.dedup();
        products.into()
    }

    fn features(&mut self, features: Vec<RawFeature>) -> Vec<Feature> {
        let link = |raw: RawFeature| {
            let path = format!("features[{}].entitlement", raw.n);
            let default = raw.default.and_then(|grant| self.grant(grant, &path, Some(&raw.id)));
            Feature {
                product: raw.product.map(|id| self.product(&id)),
                id: raw.id.into(),
                code: raw.code.into(),
                name: raw.name.into(),
                metered: raw.metered,
                active: raw.active,
                default,
                on_indeterminate: raw.on_indeterminate,
            }
        };
        features.into_iter().map(link).collect()
    }

    fn plans(&mut self, plans: Vec<RawPlan>) -> (Vec<Plan>, Vec<PlanVersion>) {
        let mut linked = Vec::with_capacity(plans.len());
        let mut versions: Vec<PlanVersion> = Vec::new();
        let mut seen: BTreeMap<String, String> = BTreeMap::new();
        for (plan, at) in plans.into_iter().zip(0_u32..) {
            let path = format!("plans[{}]", plan.n);
            for RawVersion { n, id, version, products, grants } in plan.versions {
                let path = format!("{path}.versions[{n}]");
                if let Some(first) = seen.insert(id.clone(), path.clone()) {
                    let message = format!("the id `{id}` is already that of {first}");
                    self.sink.error(Code::Duplicate, format!("{path}.id"), message);
                }
                let (products, grants) = (self.products(&products), self.grants(grants, &path));
                versions.push(PlanVersion { id: id.into(), plan: at, version, products, grants });
            }
            let grants = self.grants(plan.grants, &path);
            linked.push(Plan { id: plan.id.into(), name: plan.name.into(), grants });
        }
        (linked, versions)
    }

    fn add_ons(&mut self, add_ons: Vec<RawAddOn>) -> Vec<AddOn> {
        let link = |raw: RawAddOn| AddOn {
            product: raw.product.map(|id| self.product(&id)),
            grants: self.grants(raw.grants, &format!("add_ons[{}]", raw.n)),
            id: raw.id.into(),
            name: raw.name.into(),
            multi_instance: raw.multi_instance,
            archived_at: raw.archived_at,
        };
        add_ons.into_iter().map(link).collect()
    }

    fn customers(&mut self, customers: Vec<RawCustomer>) -> Vec<Customer> {
        let link = |raw: RawCustomer| Customer {
            grants: if raw.grants.is_empty() {
                Grants::default()
            } else {
                self.grants(raw.grants, &format!("customers[{}]", raw.n))
            },
            id: raw.id.into(),
            name: raw.name.into(),
            archived_at: raw.archived_at,
            subscriptions: (0, 0),
        };
        customers.into_iter().map(link).collect()
    }

    /// Links subscriptions and groups them by customer.
    fn subscriptions(
        &mut self,
        raw: Vec<RawSubscription>,
        plans: &[Plan],
        versions: &[PlanVersion],
        customer_at: &BTreeMap<String, u32>,
        customers: &mut [Customer],
    ) -> Vec<Subscription> {
        let version_at: BTreeMap<&str, u32> = versions.iter().zip(0_u32..).map(|(v, at)| (&*v.id, at)).collect();
        let mut linked: Vec<(u32, Subscription)> = Vec::with_capacity(raw.len());
        for raw in raw {
            let path = |field: &str| format!("subscriptions[{}].{field}", raw.n);
            let customer = customer_at.get(&raw.customer).copied();
            if customer.is_none() {
                self.broken(path("customer_id"), "customer", &raw.customer);
            }
            let version = version_at.get(raw.version.as_str()).copied();
            if version.is_none() {
                self.broken(path("plan_version_id"), "plan version", &raw.version);
            }
            let plan = plans.binary_search_by(|plan| (*plan.id).cmp(&raw.plan)).ok();
            match (plan.and_then(|at| u32::try_from(at).ok()), version.and_then(|at| versions.get(to_usize(at)))) {
                (None, _) => self.broken(path("plan_id"), "plan", &raw.plan),
                (Some(plan), Some(version)) if version.plan != plan => {
                    let message = format!("`{}` is not a version of `{}`", raw.version, raw.plan);
                    self.sink.error(Code::BrokenReference, path("plan_version_id"), message);
                }
                _ => {}
            }
            let add_ons = self.held(&raw.add_ons, raw.n);
            let grants = if raw.grants.is_empty() {
                Grants::default()
            } else {
                self.grants(raw.grants, &format!("subscriptions[{}]", raw.n))
            };
            let products = self.products(&raw.products);
            let (Some(customer), Some(version), Some(billing)) = (customer, version, raw.billing) else { continue };
            let subscription = Subscription {
                id: raw.id.into(),
                version,
                status: raw.status,
                start: raw.start.midnight(),
                end: raw.end.map(crate::time::Date::midnight),
                activated_at: raw.activated_at,
                trial_end: raw.trial_end,
                billing,
                products,
                add_ons,
                grants,
            };
            linked.push((customer, subscription));
        }
        // Stable, so that they stay sorted by id within a customer.
        linked.sort_by_key(|(customer, _)| *customer);
        for ((customer, _), at) in linked.iter().zip(0_u32..) {
            if let Some(Customer { subscriptions: (from, to), .. }) = customers.get_mut(to_usize(*customer)) {
                *from = if from == to { at } else { *from };
                *to = at.saturating_add(1);
            }
        }
        linked.into_iter().map(|(_, subscription)| subscription).collect()
    }

    /// The add-ons held at least once, each named once.
    fn held(&self, rows: &[(usize, String, u32)], subscription: usize) -> Box<[Held]> {
        let mut quantities: BTreeMap<u32, u32> = BTreeMap::new();
        for (row, id, quantity) in rows {
            match self.add_ons.get(id) {
                Some(add_on) => {
                    let total = quantities.entry(*add_on).or_default();
                    *total = total.saturating_add(*quantity);
                }
                None => {
                    let path = format!("subscriptions[{subscription}].add_ons[{row}].add_on_id");
                    self.broken(path, "add-on", id);
                }
            }
        }
        let held = quantities.into_iter().filter(|(_, quantity)| 0 < *quantity);
        held.map(|(add_on, quantity)| Held { add_on, quantity }).collect()
    }

    fn grants(&self, raw: Vec<RawGrant>, owner: &str) -> Grants {
        let mut seen: BTreeMap<u32, usize> = BTreeMap::new();
        let mut grants = Vec::with_capacity(raw.len());
        for row in raw {
            let (n, path) = (row.n, format!("{owner}.entitlements[{}]", row.n));
            let Some(grant) = self.grant(row, &path, None) else { continue };
            if let Some(first) = seen.insert(grant.feature, n) {
                let message = format!("{owner}.entitlements[{first}] is already on the same feature");
                self.sink.error(Code::Duplicate, path, message);
            }
            grants.push(grant);
        }
        grants.sort_by_key(|grant| grant.feature);
        Grants(grants.into())
    }

    /// Links one row. `owner` is the feature whose default it is.
    fn grant(&self, raw: RawGrant, path: &str, owner: Option<&str>) -> Option<Grant> {
        let (field, name) = match (&raw.feature, owner) {
            (Some(FeatureName::Id(id)), _) => ("feature_id", Some(id)),
            (Some(FeatureName::Code(code)), _) => ("feature", self.codes.get(code)),
            (None, _) => ("feature_id", None),
        };
        let id = name.map(String::as_str).or(owner.filter(|_| raw.feature.is_none()));
        let facts = id.and_then(|id| self.features.get(id));
        let (Some(facts), Some(id)) = (facts, id) else {
            let asked = match &raw.feature {
                Some(FeatureName::Id(text) | FeatureName::Code(text)) => text,
                None => "",
            };
            self.broken(format!("{path}.{field}"), "feature", asked);
            return None;
        };
        if owner.is_some_and(|owner| owner != id) {
            let message = "the default of a feature is on that feature itself";
            self.sink.error(Code::Invalid, format!("{path}.{field}"), message);
        }
        let value = self.fit(raw.value, id, *facts, path)?;
        Some(Grant { feature: facts.at, id: raw.id.into(), created_at: raw.created_at, value })
    }

    /// The value, if its feature can have it; a misfit and a problem if not.
    fn fit(&self, value: RawValue, feature: &str, facts: FeatureFacts, path: &str) -> Option<Value> {
        let misfit = |message: String| {
            self.sink.push(Problem {
                code: Code::TypeMismatch,
                severity: Severity::Skipped,
                path: format!("{path}.value"),
                message,
            });
            Some(Value::Misfit)
        };
        match value {
            RawValue::Boolean { enabled } if !facts.metered => Some(Value::Boolean { enabled }),
            RawValue::Metered(metered) if facts.metered => Some(Value::Metered(metered)),
            RawValue::Credits { enabled, pool, cost } => {
                let found = self.features.get(&pool).or_else(|| self.features.get(self.codes.get(&pool)?));
                let Some(pool_facts) = found else {
                    self.broken(format!("{path}.value.pool_feature_id"), "feature", &pool);
                    return None;
                };
                if !facts.metered {
                    misfit(format!("CREDITS do not fit `{feature}`, a BOOLEAN feature"))
                } else if pool_facts.at == facts.at {
                    misfit(format!("`{feature}` cannot be its own pool"))
                } else if !pool_facts.metered {
                    misfit(format!("the pool `{pool}` is a BOOLEAN feature"))
                } else if pool_facts.has_credits_rows && !pool_facts.has_metered_rows {
                    misfit(format!("the pool `{pool}` has no units of its own, only CREDITS rows"))
                } else {
                    Some(Value::Credits(Credits { enabled, pool: pool_facts.at, cost }))
                }
            }
            RawValue::Boolean { .. } => misfit(format!("BOOLEAN does not fit `{feature}`, a METERED feature")),
            RawValue::Metered(_) => misfit(format!("METERED does not fit `{feature}`, a BOOLEAN feature")),
        }
    }

    fn broken(&self, path: String, what: &str, id: &str) {
        // An empty name was already reported as missing.
        if !id.is_empty() {
            let shown: String = id.chars().take(128).flat_map(char::escape_debug).collect();
            self.sink.error(Code::BrokenReference, path, format!("there is no {what} `{shown}` in the document"));
        }
    }
}
