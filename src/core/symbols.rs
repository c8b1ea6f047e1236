//! The symbol table: the position of each id and code of a catalog, and whether a value fits its feature.

use crate::definitions::Definitions;
use crate::idx::{AddOnIdx, FeatureIdx, ProductIdx, UNRESOLVED, VersionIdx, item};
use crate::index::Index;
use crate::reset::ResetPeriod;
use crate::value::{
    Config, ConfigType, ConfigValue, Credits, FeatureType, Grant, Metered, UncheckedGrant, UncheckedValue, Value,
};
use crate::zone::{Zone, ZoneIdx};

/// The names of a catalog with their positions.
#[derive(Debug, Default)]
pub struct SymbolTable {
    /// The features by id and by code.
    feature_keys: Index,
    features: Index,
    codes: Index,
    facts: Vec<FeatureFacts>,
    add_ons: Index,
    versions: Index,
    products: Index,
    zones: Index,
    n_zones: u32,
}

/// The facts by which a value fits a feature or not.
#[derive(Clone, Debug, Default)]
struct FeatureFacts {
    feature_type: Option<FeatureType>,
    has_metered_rows: bool,
    has_credits_rows: bool,
    /// Declared in the definitions, whose rows are not all of the catalog's rows.
    has_no_units: bool,
}

/// Why a value does not fit its feature, as messages state it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TypeMismatch(pub &'static str);

/// The positions that a name of a block resolves to. Each is `UNRESOLVED` if no such entity has the name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ResolvedRefs {
    pub feature: FeatureIdx,
    pub version: VersionIdx,
    pub add_on: AddOnIdx,
    pub product: ProductIdx,
    pub zone: Option<ZoneIdx>,
}

/// The names of definitions, in their order. Of products, only those matter that the definitions name; a product's
/// position is that of its first mention.
#[derive(Debug, Default)]
pub(crate) struct Names<'a> {
    pub features: Vec<&'a str>,
    pub codes: Vec<&'a str>,
    /// The versions of all plans, in the order of the plans.
    pub versions: Vec<&'a str>,
    pub add_ons: Vec<&'a str>,
    pub products: Vec<&'a str>,
    /// The plan version that customers without a granting subscription hold.
    pub fallback: Option<&'a str>,
}

impl SymbolTable {
    /// The symbol table of definitions.
    pub fn new(definitions: &Definitions<'_>) -> SymbolTable {
        let mut names = Names::default();
        let mut symbols = SymbolTable::default();
        for feature in &definitions.features {
            names.features.push(feature.id);
            names.codes.push(feature.code);
            names.products.extend(feature.product);
            symbols.add_facts(feature.feature_type.clone(), feature.has_no_units);
        }
        for version in definitions.plans.iter().flat_map(|plan| &plan.versions) {
            names.versions.push(version.id);
            names.products.extend(&version.products);
        }
        for add_on in &definitions.add_ons {
            names.add_ons.push(add_on.id);
            names.products.extend(add_on.product);
        }
        symbols.index_zones(&definitions.zones);
        symbols.index(&names);
        symbols
    }

    /// Gives each time zone its position. To be called before rows are checked.
    pub(crate) fn index_zones(&mut self, zones: &[Zone]) {
        let mut names: Vec<&str> = Vec::new();
        names.extend(zones.iter().map(|zone| &*zone.name));
        self.zones.fill(&[&names]);
        self.n_zones = u32::try_from(names.len()).unwrap_or_default();
    }

    /// Adds what rows of the next feature must fit.
    pub(crate) fn add_facts(&mut self, feature_type: Option<FeatureType>, has_no_units: bool) {
        self.facts.push(FeatureFacts { feature_type, has_no_units, ..FeatureFacts::default() });
    }

    /// Gives each other name its position.
    pub(crate) fn index(&mut self, names: &Names<'_>) {
        self.feature_keys.fill(&[&names.features, &names.codes]);
        self.features.fill(&[&names.features]);
        self.codes.fill(&[&names.codes]);
        self.versions.fill(&[&names.versions]);
        self.add_ons.fill(&[&names.add_ons]);
        self.products.fill(&[&names.products]);
    }

    /// Notes a METERED row (`has_units`) or a CREDITS row on a feature. Whether a feature can be a pool depends on the
    /// rows of all owners.
    pub fn count_row(&mut self, feature: FeatureIdx, has_units: bool) {
        let facts = usize::try_from(feature.0).ok().and_then(|at| self.facts.get_mut(at));
        let may_have_units =
            |facts: &&mut FeatureFacts| facts.feature_type.as_ref().is_none_or(FeatureType::is_metered);
        if let Some(facts) = facts.filter(may_have_units) {
            facts.has_metered_rows |= has_units;
            facts.has_credits_rows |= !has_units;
        }
    }

    /// Marks the features that cannot be a pool: they have CREDITS rows and no METERED row. To be called once all rows
    /// are counted.
    pub fn finish_pool_check(&mut self) {
        for facts in &mut self.facts {
            facts.has_no_units |= facts.has_credits_rows && !facts.has_metered_rows;
        }
    }

    /// Whether a feature cannot be a pool, because it has no units of its own.
    pub fn has_no_units(&self, feature: FeatureIdx) -> bool {
        item(&self.facts, feature.0).is_some_and(|facts| facts.has_no_units)
    }

    /// The position of the feature with this id or code. An id goes before a code.
    pub(crate) fn feature_by_key(&self, key: &str) -> Option<FeatureIdx> {
        self.feature_keys.get(key).map(FeatureIdx)
    }

    /// The position of the feature with this id.
    pub fn feature(&self, id: &str) -> Option<FeatureIdx> {
        self.features.get(id).map(FeatureIdx)
    }

    /// The position of the feature with this code.
    pub fn feature_by_code(&self, code: &str) -> Option<FeatureIdx> {
        self.codes.get(code).map(FeatureIdx)
    }

    /// The position of the plan version with this id.
    pub fn version(&self, id: &str) -> Option<VersionIdx> {
        self.versions.get(id).map(VersionIdx)
    }

    /// The position of the add-on with this id.
    pub fn add_on(&self, id: &str) -> Option<AddOnIdx> {
        self.add_ons.get(id).map(AddOnIdx)
    }

    pub(crate) fn product(&self, id: &str) -> Option<ProductIdx> {
        self.products.get(id).map(ProductIdx)
    }

    /// The position of the time zone with this name.
    pub fn zone(&self, name: &str) -> Option<ZoneIdx> {
        self.zones.get(name).map(ZoneIdx::new)
    }

    /// Resolves a name of a block.
    pub(crate) fn resolve(&self, name: &str) -> ResolvedRefs {
        ResolvedRefs {
            feature: self.feature(name).unwrap_or(FeatureIdx(UNRESOLVED)),
            version: self.version(name).unwrap_or(VersionIdx(UNRESOLVED)),
            add_on: self.add_on(name).unwrap_or(AddOnIdx(UNRESOLVED)),
            product: self.product(name).unwrap_or(ProductIdx(UNRESOLVED)),
            zone: self.zone(name),
        }
    }

    /// Checks a value against its feature.
    ///
    /// # Errors
    /// The reason of a type mismatch.
    pub fn check(&self, value: UncheckedValue<FeatureIdx>, feature: FeatureIdx) -> Result<Value, TypeMismatch> {
        let type_of = |at: FeatureIdx| item(&self.facts, at.0).and_then(|facts| facts.feature_type.as_ref());
        let expected = type_of(feature);
        Err(TypeMismatch(match (value, expected) {
            (UncheckedValue::Unknown, _) => "the value has a word that is not known",
            (UncheckedValue::Metered(metered), _) if !self.has_zones_of(&metered) => "the time zone is not known",
            (_, Some(FeatureType::Unknown)) => "the type of the feature is not known",
            (UncheckedValue::Boolean { enabled }, None | Some(FeatureType::Boolean)) => {
                return Ok(Value::Boolean { enabled });
            }
            (UncheckedValue::Metered(metered), None | Some(FeatureType::Metered)) => {
                return Ok(Value::Metered(metered));
            }
            (UncheckedValue::Config(config), None) => return Ok(Value::Config(config)),
            (UncheckedValue::Config(config), Some(FeatureType::Config(expected))) => match misfit(&config, expected) {
                None => return Ok(Value::Config(config)),
                Some(why) => why,
            },
            (UncheckedValue::Boolean { .. }, Some(FeatureType::Metered)) => "BOOLEAN does not fit a METERED feature",
            (UncheckedValue::Boolean { .. }, _) => "BOOLEAN does not fit a CONFIG feature",
            (UncheckedValue::Metered(_), Some(FeatureType::Boolean)) => "METERED does not fit a BOOLEAN feature",
            (UncheckedValue::Metered(_), _) => "METERED does not fit a CONFIG feature",
            (UncheckedValue::Config(_), Some(FeatureType::Boolean)) => "CONFIG does not fit a BOOLEAN feature",
            (UncheckedValue::Config(_), _) => "CONFIG does not fit a METERED feature",
            (UncheckedValue::Credits { .. }, Some(FeatureType::Boolean)) => "CREDITS do not fit a BOOLEAN feature",
            (UncheckedValue::Credits { .. }, Some(FeatureType::Config(_))) => "CREDITS do not fit a CONFIG feature",
            (UncheckedValue::Credits { enabled, pool, cost }, _) => match type_of(pool) {
                _ if pool == feature => "a feature cannot be its own pool",
                Some(FeatureType::Boolean) => "the pool is a BOOLEAN feature",
                Some(FeatureType::Config(_)) => "the pool is a CONFIG feature",
                Some(FeatureType::Unknown) => "the type of the pool is not known",
                _ if self.has_no_units(pool) => "the pool has no units of its own, only CREDITS rows",
                _ => return Ok(Value::Credits(Credits { enabled, pool, cost })),
            },
        }))
    }

    /// Whether a value does not fit because of a word that is reported where it stands: in the value itself, as the type
    /// of the feature, or as that of the pool.
    pub fn is_of_unknown_type(&self, value: &UncheckedValue<FeatureIdx>, feature: FeatureIdx) -> bool {
        let is_unknown = |at: FeatureIdx| {
            item(&self.facts, at.0).is_some_and(|facts| matches!(facts.feature_type, Some(FeatureType::Unknown)))
        };
        let pool_is_unknown = matches!(value, UncheckedValue::Credits { pool, .. } if is_unknown(*pool));
        matches!(value, UncheckedValue::Unknown) || is_unknown(feature) || pool_is_unknown
    }

    /// Whether all positions of time zones lie in the list of zones.
    fn has_zones_of(&self, metered: &Metered) -> bool {
        let is_known = |period: ResetPeriod| period.zone().is_none_or(|zone| zone.at() < self.n_zones);
        is_known(metered.reset_period) && metered.caps.iter().all(|cap| is_known(cap.reset_period))
    }

    /// The checked row. A type mismatch becomes [`Value::TypeMismatch`], which resolution skips.
    pub(crate) fn grant(&self, row: UncheckedGrant<'_, FeatureIdx>) -> Grant {
        let value = self.check(row.value, row.feature).unwrap_or(Value::TypeMismatch);
        Grant {
            feature: row.feature,
            id: row.id.into(),
            created_at: row.created_at,
            starts_at: row.starts_at,
            expires_at: row.expires_at,
            value,
        }
    }
}

/// Why a CONFIG value does not fit a feature of this type of value.
fn misfit(config: &Config, expected: &ConfigType) -> Option<&'static str> {
    match (expected, &config.value) {
        (ConfigType::Number, ConfigValue::Number(_))
        | (ConfigType::Boolean, ConfigValue::Boolean(_))
        | (ConfigType::Text, ConfigValue::Text(_))
        | (ConfigType::Json, ConfigValue::Json(_)) => None,
        (ConfigType::Select(options), ConfigValue::Text(text)) if options.contains(text) => None,
        (ConfigType::Map, ConfigValue::Json(json)) if json.starts_with('{') => None,
        (ConfigType::Number, _) => Some("the feature takes a value of kind NUMBER"),
        (ConfigType::Boolean, _) => Some("the feature takes a value of kind BOOLEAN"),
        (ConfigType::Text, _) => Some("the feature takes a value of kind TEXT"),
        (ConfigType::Select(_), ConfigValue::Text(_)) => Some("the text is none of the options of the feature"),
        (ConfigType::Select(_), _) => Some("the feature takes a value of kind TEXT, one of its options"),
        (ConfigType::Map, _) => Some("the feature takes a value of kind JSON that is an object"),
        (ConfigType::Json, _) => Some("the feature takes a value of kind JSON"),
    }
}
