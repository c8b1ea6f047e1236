//! Fits entitlement rows to their features.

use super::entities::{FeatureName, RawAddOn, RawCustomer, RawFeature, RawGrant, RawPlan, RawSubscription};
use super::values::RawValue;
use crate::index::Index;
use crate::model::{Credits, Grant, Grants, Product, Value};
use crate::problem::{Code, Problem, Severity, Sink};
use crate::sort::sort_by;

/// What names resolve to.
pub(super) struct Names<'s> {
    features: Index,
    codes: Index,
    facts: Vec<FeatureFacts>,
    pub add_ons: Index,
    products: Index,
    pub sink: &'s Sink,
}

/// What matters of a feature when a row is fitted to it.
#[derive(Clone, Copy, Default)]
struct FeatureFacts {
    metered: Option<bool>,
    has_metered_rows: bool,
    has_credits_rows: bool,
}

impl<'s> Names<'s> {
    pub fn new(
        features: &[RawFeature],
        plans: &[RawPlan],
        add_ons: &[RawAddOn],
        customers: &[RawCustomer],
        subscriptions: &[RawSubscription],
        sink: &'s Sink,
    ) -> Self {
        let versions = || plans.iter().flat_map(|plan| &plan.versions);
        let mut products: Vec<&str> = Vec::new();
        products.extend(features.iter().filter_map(|feature| feature.product.as_deref()));
        products.extend(add_ons.iter().filter_map(|add_on| add_on.product.as_deref()));
        products.extend(versions().flat_map(|version| &version.products).map(String::as_str));
        products.extend(subscriptions.iter().flat_map(|s| &s.products).map(String::as_str));
        let fact = |feature: &RawFeature| FeatureFacts { metered: feature.metered, ..FeatureFacts::default() };
        let mut names = Names {
            features: Index::new(features.iter().zip(0..).map(|(feature, at)| (feature.id.as_str(), at))),
            codes: Index::new(features.iter().zip(0..).map(|(feature, at)| (feature.code.as_str(), at))),
            facts: features.iter().map(fact).collect(),
            add_ons: Index::new(add_ons.iter().zip(0..).map(|(add_on, at)| (add_on.id.as_str(), at))),
            products: Index::new(products.iter().zip(0..).map(|(product, at)| (*product, at))),
            sink,
        };
        // Whether a pool can be one depends on the rows of all owners.
        for (feature, at) in features.iter().zip(0..) {
            names.count_rows(feature.default.as_slice(), Some(at));
        }
        plans.iter().for_each(|plan| names.count_rows(&plan.grants, None));
        versions().for_each(|version| names.count_rows(&version.grants, None));
        add_ons.iter().for_each(|add_on| names.count_rows(&add_on.grants, None));
        customers.iter().for_each(|customer| names.count_rows(&customer.grants, None));
        subscriptions.iter().for_each(|subscription| names.count_rows(&subscription.grants, None));
        names
    }

    /// For a part of a catalogue: units may hang on people who are not in it.
    pub fn assume_pools_have_units(&mut self) {
        self.facts.iter_mut().for_each(|facts| facts.has_metered_rows = true);
    }

    fn count_rows(&mut self, rows: &[RawGrant], owner: Option<u32>) {
        for row in rows {
            let at = owner.or_else(|| self.feature(row.feature.as_ref()?));
            if let Some(facts) = at.and_then(|at| self.facts.get_mut(to_usize(at))) {
                facts.has_metered_rows |= facts.metered != Some(false) && matches!(row.value, RawValue::Metered(_));
                facts.has_credits_rows |= facts.metered != Some(false) && matches!(row.value, RawValue::Credits { .. });
            }
        }
    }

    fn feature(&self, name: &FeatureName) -> Option<u32> {
        match name {
            FeatureName::Id(id) => self.features.get(id),
            FeatureName::Code(code) => self.codes.get(code),
        }
    }

    pub fn product(&self, id: Option<&str>) -> Option<Product> {
        self.products.get(id?).map(Product)
    }

    pub fn products(&self, ids: &[String]) -> Box<[Product]> {
        ids.iter().filter_map(|id| self.product(Some(id))).collect()
    }

    /// The rows of one owner, whose path is given.
    pub fn grants(&self, raw: Vec<RawGrant>, owner: &str) -> Grants {
        let mut grants: Vec<(usize, Grant)> = Vec::with_capacity(raw.len());
        for row in raw {
            let (n, path) = (row.n, format!("{owner}.entitlements[{}]", row.n));
            grants.extend(self.grant(row, &path, None).map(|grant| (n, grant)));
        }
        sort_by(&mut grants, |a, b| a.1.feature.cmp(&b.1.feature));
        for pair in grants.windows(2) {
            if let [(first, a), (n, b)] = pair
                && a.feature == b.feature
            {
                let message = format!("{owner}.entitlements[{first}] is already on the same feature");
                self.sink.error(Code::Duplicate, format!("{owner}.entitlements[{n}]"), message);
            }
        }
        Grants(grants.into_iter().map(|(_, grant)| grant).collect())
    }

    /// Links one row. `owner` is the feature whose default it is.
    pub fn grant(&self, raw: RawGrant, path: &str, owner: Option<&str>) -> Option<Grant> {
        let owner = owner.and_then(|id| self.features.get(id));
        let named = raw.feature.as_ref().map(|name| (name, self.feature(name)));
        let at = match named {
            Some((_, Some(at))) => at,
            Some((name, None)) => {
                let (field, text) = match name {
                    FeatureName::Id(id) => ("feature_id", id),
                    FeatureName::Code(code) => ("feature", code),
                };
                self.broken(format!("{path}.{field}"), "feature", text);
                return None;
            }
            None => owner?,
        };
        if owner.is_some_and(|owner| owner != at) {
            let message = "the default of a feature is on that feature itself";
            self.sink.error(Code::Invalid, path.to_owned(), message);
        }
        let value = self.fit(raw.value, at, path)?;
        Some(Grant { feature: at, id: raw.id.into(), created_at: raw.created_at, value })
    }

    /// The value, if its feature can have it; a misfit and a problem if not.
    fn fit(&self, value: RawValue, at: u32, path: &str) -> Option<Value> {
        let facts = self.facts.get(to_usize(at)).copied().unwrap_or_default();
        let misfit = |message: &str| {
            self.sink.push(Problem {
                code: Code::TypeMismatch,
                severity: Severity::Skipped,
                path: format!("{path}.value"),
                message: message.to_owned(),
            });
            Some(Value::Misfit)
        };
        match value {
            RawValue::Boolean { enabled } if facts.metered != Some(true) => Some(Value::Boolean { enabled }),
            RawValue::Metered(metered) if facts.metered != Some(false) => Some(Value::Metered(metered)),
            RawValue::Credits { enabled, pool, cost } => {
                let Some(pool_at) = self.features.get(&pool).or_else(|| self.codes.get(&pool)) else {
                    self.broken(format!("{path}.value.pool_feature_id"), "feature", &pool);
                    return None;
                };
                let pool = self.facts.get(to_usize(pool_at)).copied().unwrap_or_default();
                if facts.metered == Some(false) {
                    misfit("CREDITS do not fit a BOOLEAN feature")
                } else if pool_at == at {
                    misfit("a feature cannot be its own pool")
                } else if pool.metered == Some(false) {
                    misfit("the pool is a BOOLEAN feature")
                } else if pool.has_credits_rows && !pool.has_metered_rows {
                    misfit("the pool has no units of its own, only CREDITS rows")
                } else {
                    Some(Value::Credits(Credits { enabled, pool: pool_at, cost }))
                }
            }
            RawValue::Boolean { .. } => misfit("BOOLEAN does not fit a METERED feature"),
            RawValue::Metered(_) => misfit("METERED does not fit a BOOLEAN feature"),
        }
    }

    pub fn broken(&self, path: String, what: &str, id: &str) {
        // An empty name was already reported as missing.
        if !id.is_empty() {
            let shown: String = id.chars().take(128).flat_map(char::escape_debug).collect();
            self.sink.error(Code::BrokenReference, path, format!("there is no {what} `{shown}`"));
        }
    }
}

pub(super) fn to_usize(at: u32) -> usize {
    usize::try_from(at).unwrap_or(usize::MAX)
}
