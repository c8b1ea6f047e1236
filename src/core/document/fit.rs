//! Fits entitlement rows to their features.

use super::entities::{FeatureName, RawAddOn, RawFeature, RawGrant, RawPlan};
use super::values::RawValue;
use crate::index::Index;
use crate::model::{Credits, Grant, Grants, Product, Value};
use crate::packed::{Link, NOTHING};
use crate::problem::{Code, Problem, Severity, Sink};
use crate::sort::sort_by;

/// What names resolve to.
#[derive(Debug)]
pub(crate) struct Names {
    features: Index,
    codes: Index,
    facts: Vec<FeatureFacts>,
    add_ons: Index,
    versions: Index,
    products: Index,
}

/// What matters of a feature when a row is fitted to it.
#[derive(Clone, Copy, Debug, Default)]
struct FeatureFacts {
    metered: Option<bool>,
    has_metered_rows: bool,
    has_credits_rows: bool,
    /// Said of a feature whose rows are not all here.
    has_no_units: bool,
}

/// What fitting a value to its feature comes to.
pub(super) enum Fitted {
    Value(Value),
    /// Its feature cannot have it; why.
    Misfit(&'static str),
    /// Its pool is no feature.
    NoPool,
}

impl Names {
    /// The names of definitions; of products, those that definitions name, since nothing else asks for one.
    pub fn new(features: &[RawFeature], plans: &[RawPlan], add_ons: &[RawAddOn]) -> Names {
        let versions = || plans.iter().flat_map(|plan| &plan.versions);
        let mut products: Vec<&str> = Vec::new();
        products.extend(features.iter().filter_map(|feature| feature.product.as_deref()));
        products.extend(add_ons.iter().filter_map(|add_on| add_on.product.as_deref()));
        products.extend(versions().flat_map(|version| &version.products).map(String::as_str));
        let facts = |feature: &RawFeature| FeatureFacts {
            metered: feature.metered,
            has_no_units: feature.has_no_units,
            ..FeatureFacts::default()
        };
        Names {
            features: Index::new(features.iter().zip(0..).map(|(feature, at)| (feature.id.as_str(), at))),
            codes: Index::new(features.iter().zip(0..).map(|(feature, at)| (feature.code.as_str(), at))),
            facts: features.iter().map(facts).collect(),
            add_ons: Index::new(add_ons.iter().zip(0..).map(|(add_on, at)| (add_on.id.as_str(), at))),
            // Versions lie in the order of their plans.
            versions: Index::new(versions().zip(0..).map(|(version, at)| (version.id.as_str(), at))),
            products: Index::new(products.iter().zip(0..).map(|(product, at)| (*product, at))),
        }
    }

    /// Notes which features have rows that are units and rows that cost some: whether a pool can be
    /// one depends on the rows of all owners.
    pub fn count_rows(&mut self, rows: &[RawGrant], owner: Option<u32>) {
        for row in rows {
            let at = owner.or_else(|| self.feature(row.feature.as_ref()?));
            if let Some(facts) = at.and_then(|at| self.facts.get_mut(to_usize(at))) {
                facts.has_metered_rows |= facts.metered != Some(false) && matches!(row.value, RawValue::Metered(_));
                facts.has_credits_rows |= facts.metered != Some(false) && matches!(row.value, RawValue::Credits { .. });
            }
        }
    }

    /// Once all rows are counted: which features cannot be a pool, since they have rows that cost
    /// units of another one and no units of their own.
    pub fn settle_units(&mut self) {
        for facts in &mut self.facts {
            facts.has_no_units |= facts.has_credits_rows && !facts.has_metered_rows;
        }
    }

    pub fn has_no_units(&self, feature: u32) -> bool {
        self.facts.get(to_usize(feature)).is_some_and(|facts| facts.has_no_units)
    }

    pub fn feature(&self, name: &FeatureName) -> Option<u32> {
        match name {
            FeatureName::Id(id) => self.features.get(id),
            FeatureName::Code(code) => self.codes.get(code),
        }
    }

    /// The feature that is a pool, by id or code.
    pub fn pool(&self, name: &str) -> Option<u32> {
        self.features.get(name).or_else(|| self.codes.get(name))
    }

    pub fn version(&self, id: &str) -> Option<u32> {
        self.versions.get(id)
    }

    pub fn add_on(&self, id: &str) -> Option<u32> {
        self.add_ons.get(id)
    }

    pub fn product(&self, id: Option<&str>) -> Option<Product> {
        self.products.get(id?).map(Product)
    }

    pub fn products(&self, ids: &[String]) -> Box<[Product]> {
        ids.iter().filter_map(|id| self.product(Some(id))).collect()
    }

    /// What a name of a block of people is.
    pub fn link(&self, name: &str) -> Link {
        Link {
            version: self.versions.get(name).unwrap_or(NOTHING),
            add_on: self.add_ons.get(name).unwrap_or(NOTHING),
            product: self.product(Some(name)).unwrap_or(Product(NOTHING)),
        }
    }

    /// A row of a snapshot, which has nobody to report to: a value that does not fit is skipped.
    pub fn linked(&self, raw: RawGrant) -> Option<Grant> {
        let feature = self.feature(raw.feature.as_ref()?)?;
        let value = match self.fit(&raw.value, feature) {
            Fitted::Value(value) => value,
            Fitted::Misfit(_) => Value::Misfit,
            Fitted::NoPool => return None,
        };
        Some(Grant { feature, id: raw.id.into(), created_at: raw.created_at, value })
    }

    pub fn with<'n>(&'n self, sink: &'n Sink) -> Reporting<'n> {
        Reporting { names: self, sink }
    }

    /// The value, if its feature can have it.
    fn fit(&self, value: &RawValue, at: u32) -> Fitted {
        let facts = self.facts.get(to_usize(at)).copied().unwrap_or_default();
        match value {
            RawValue::Boolean { enabled } if facts.metered != Some(true) => {
                Fitted::Value(Value::Boolean { enabled: *enabled })
            }
            RawValue::Metered(metered) if facts.metered != Some(false) => Fitted::Value(Value::Metered(*metered)),
            RawValue::Credits { enabled, pool, cost } => {
                let Some(pool_at) = self.pool(pool) else { return Fitted::NoPool };
                let pool = self.facts.get(to_usize(pool_at)).copied().unwrap_or_default();
                if facts.metered == Some(false) {
                    Fitted::Misfit("CREDITS do not fit a BOOLEAN feature")
                } else if pool_at == at {
                    Fitted::Misfit("a feature cannot be its own pool")
                } else if pool.metered == Some(false) {
                    Fitted::Misfit("the pool is a BOOLEAN feature")
                } else if pool.has_no_units {
                    Fitted::Misfit("the pool has no units of its own, only CREDITS rows")
                } else {
                    Fitted::Value(Value::Credits(Credits { enabled: *enabled, pool: pool_at, cost: *cost }))
                }
            }
            RawValue::Boolean { .. } => Fitted::Misfit("BOOLEAN does not fit a METERED feature"),
            RawValue::Metered(_) => Fitted::Misfit("METERED does not fit a BOOLEAN feature"),
        }
    }
}

/// Names, and where the problems of what does not resolve are put.
#[derive(Clone, Copy)]
pub(crate) struct Reporting<'n> {
    pub names: &'n Names,
    pub sink: &'n Sink,
}

impl Reporting<'_> {
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
        let owner = owner.and_then(|id| self.names.features.get(id));
        let named = raw.feature.as_ref().map(|name| (name, self.names.feature(name)));
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
        let value = self.fit(&raw.value, at, path)?;
        Some(Grant { feature: at, id: raw.id.into(), created_at: raw.created_at, value })
    }

    /// The value, if its feature can have it; a misfit and a problem if not.
    fn fit(&self, value: &RawValue, at: u32, path: &str) -> Option<Value> {
        match (self.names.fit(value, at), value) {
            (Fitted::Value(value), _) => Some(value),
            (Fitted::Misfit(message), _) => {
                self.sink.push(Problem {
                    code: Code::TypeMismatch,
                    severity: Severity::Skipped,
                    path: format!("{path}.value"),
                    message: message.to_owned(),
                });
                Some(Value::Misfit)
            }
            (Fitted::NoPool, RawValue::Credits { pool, .. }) => {
                self.broken(format!("{path}.value.pool_feature_id"), "feature", pool);
                None
            }
            (Fitted::NoPool, _) => None,
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
