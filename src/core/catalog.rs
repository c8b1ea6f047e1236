//! The compiled catalog: checked once, then only read.
//!
//! References are positions, rows are sorted, ids are indexed. Customers are kept apart, in customer blocks that are
//! opened with a catalog.

use crate::access::Access;
use crate::dates::Dates;
use crate::definitions::{
    AddOnDefinition, Definitions, FeatureDefinition, PlanDefinition, SoldWith, VersionDefinition,
};
use crate::holding::Holdings;
use crate::idx::{AddOnIdx, FeatureIdx, PlanIdx, ProductIdx, VersionIdx, item};
use crate::ladder::Ladder;
use crate::reset::ResetPeriod;
use crate::snapshot::{Policy, SnapshotMeta};
use crate::sort::sort_by;
use crate::symbols::SymbolTable;
use crate::time::Instant;
use crate::value::{FeatureType, Grant, UncheckedGrant};
use crate::zone::Zone;

/// The definitions that decisions about all customers share: features, plans, add-ons and the ladder.
#[derive(Debug)]
pub struct Catalog {
    pub(crate) ladder: Ladder,
    pub(crate) access: Access,
    /// The time zones that rows name, sorted by name.
    pub(crate) zones: Vec<Zone>,
    /// The plan version that customers without a granting subscription hold.
    pub(crate) fallback: Option<VersionIdx>,
    pub(crate) features: Vec<Feature>,
    pub(crate) plans: Vec<Plan>,
    pub(crate) versions: Vec<PlanVersion>,
    pub(crate) add_ons: Vec<AddOn>,
    /// The symbols, for customer blocks that are opened with this catalog.
    pub(crate) symbols: SymbolTable,
    /// When the rows change that customers share.
    pub(crate) eras: Eras,
    /// What rows come to for the holdings that were asked about.
    pub(crate) holdings: Holdings,
    /// The source of this catalog and its age limits. The shells set it.
    pub snapshot: SnapshotMeta,
}

/// No eras, in a build without the look-up.
#[cfg(not(feature = "lookup"))]
#[derive(Debug, Default)]
pub(crate) struct Eras;

#[cfg(not(feature = "lookup"))]
impl Eras {
    pub fn at(&self, _: Instant) -> Option<u32> {
        None
    }

    pub fn end(&self, _: Instant) -> Option<Instant> {
        None
    }

    pub fn has_start(&self, _: FeatureIdx) -> bool {
        false
    }
}

/// The times between two changes of the rows that customers share: of features, plans, versions and add-ons.
#[cfg(feature = "lookup")]
#[derive(Debug, Default)]
pub(crate) struct Eras {
    /// The instants at which such a row starts or expires, or an add-on is archived. Sorted, each once.
    changes: Box<[Instant]>,
    /// The features on which such a row has a start.
    with_starts: Box<[FeatureIdx]>,
}

#[cfg(feature = "lookup")]
impl Eras {
    /// The number of the era that holds an instant; None if there is only one era.
    #[inline]
    pub fn at(&self, now: Instant) -> Option<u32> {
        if self.changes.is_empty() { None } else { Some(self.number(now)) }
    }

    #[inline(never)]
    fn number(&self, now: Instant) -> u32 {
        u32::try_from(self.changes.partition_point(|change| *change <= now)).unwrap_or(u32::MAX)
    }

    /// The end of the era that holds an instant.
    pub fn end(&self, now: Instant) -> Option<Instant> {
        self.changes.get(self.changes.partition_point(|change| *change <= now)).copied()
    }

    /// Whether a row on a feature has a start.
    pub fn has_start(&self, feature: FeatureIdx) -> bool {
        self.with_starts.contains(&feature)
    }
}

#[derive(Debug)]
pub(crate) struct Feature {
    pub id: Box<str>,
    pub code: Box<str>,
    pub name: Box<str>,
    pub feature_type: FeatureType,
    pub active: bool,
    pub product: Option<ProductIdx>,
    pub default: Option<Grant>,
    pub on_indeterminate: Option<Policy>,
    pub max_age_ms: Option<u64>,
}

#[derive(Debug)]
pub(crate) struct Plan {
    pub id: Box<str>,
    pub name: Box<str>,
    pub archived_at: Option<Instant>,
    /// The position among the plans of the document.
    pub position: u32,
    pub grants: SharedGrants,
}

#[derive(Debug)]
pub(crate) struct PlanVersion {
    pub id: Box<str>,
    pub plan: PlanIdx,
    pub version: u32,
    pub products: Box<[ProductIdx]>,
    pub grants: SharedGrants,
}

#[derive(Debug)]
pub(crate) struct AddOn {
    pub id: Box<str>,
    pub name: Box<str>,
    pub product: Option<ProductIdx>,
    /// Whether a subscription may hold it more than once.
    pub multi_instance: bool,
    pub self_serviceable: bool,
    /// The largest quantity that a subscription may hold.
    pub max_instances: Option<u32>,
    pub sold_with: SoldWith<PlanIdx>,
    pub archived_at: Option<Instant>,
    pub grants: SharedGrants,
}

/// The rows of a plan, a version or an add-on, sorted by feature. Every decision looks into several of them.
#[derive(Debug)]
pub(crate) struct SharedGrants {
    /// A bit for each feature with a row, modulo 64: a quick no for owners without a row on the feature.
    mask: u64,
    rows: Box<[Grant]>,
}

impl SharedGrants {
    fn checked(rows: &[UncheckedGrant<'_, FeatureIdx>], symbols: &SymbolTable) -> SharedGrants {
        SharedGrants::new(rows.iter().map(|row| symbols.grant(row.clone())).collect())
    }

    pub fn new(rows: Vec<Grant>) -> SharedGrants {
        SharedGrants { mask: rows.iter().fold(0, |mask, row| mask | Self::bit(row.feature)), rows: rows.into() }
    }

    pub fn on(&self, feature: FeatureIdx, dates: &Dates) -> Option<&Grant> {
        if self.mask & Self::bit(feature) == 0 { None } else { dates.row_on(&self.rows, feature) }
    }

    pub fn rows(&self) -> &[Grant] {
        &self.rows
    }

    fn bit(feature: FeatureIdx) -> u64 {
        1_u64.checked_shl(feature.0 & 63).unwrap_or_default()
    }
}

impl Catalog {
    /// Compiles definitions, with the symbol table of their names.
    pub fn new(definitions: &Definitions<'_>, symbols: SymbolTable) -> Catalog {
        let Definitions { ladder, access, zones, fallback_plan_version, features, plans, add_ons } = definitions;
        let versions = plans.iter().zip(0..).flat_map(|(plan, at)| plan.versions.iter().map(move |v| (v, PlanIdx(at))));
        let mut catalog = Catalog {
            ladder: ladder.clone(),
            access: access.clone(),
            zones: zones.clone(),
            fallback: fallback_plan_version.and_then(|id| symbols.version(id)),
            features: features.iter().map(|definition| feature(definition, &symbols)).collect(),
            plans: plans.iter().map(|definition| plan(definition, &symbols)).collect(),
            versions: versions.map(|(definition, plan)| version(definition, plan, &symbols)).collect(),
            add_ons: add_ons.iter().map(|definition| add_on(definition, plans, &symbols)).collect(),
            symbols,
            eras: Eras::default(),
            holdings: Holdings::default(),
            snapshot: SnapshotMeta::default(),
        };
        catalog.note_eras();
        catalog
    }

    /// Notes when the rows change that customers share.
    pub(crate) fn note_eras(&mut self) {
        #[cfg(feature = "lookup")]
        {
            self.eras = self.find_eras();
        }
    }

    /// Finds when the rows change that customers share.
    #[cfg(feature = "lookup")]
    fn find_eras(&self) -> Eras {
        let Catalog { features, plans, versions, add_ons, .. } = self;
        let (mut changes, mut with_starts) = (Vec::new(), Vec::new());
        let defaults = features.iter().filter_map(|feature| feature.default.as_ref());
        let rows = defaults
            .chain(plans.iter().flat_map(|plan| plan.grants.rows()))
            .chain(versions.iter().flat_map(|version| version.grants.rows()))
            .chain(add_ons.iter().flat_map(|add_on| add_on.grants.rows()));
        for row in rows.filter(|row| row.is_dated()) {
            changes.extend(row.starts_at);
            changes.extend(row.expires_at);
            with_starts.extend(row.starts_at.map(|_| row.feature));
        }
        changes.extend(add_ons.iter().filter_map(|add_on| add_on.archived_at));
        sort_by(&mut changes, Ord::cmp);
        changes.dedup();
        Eras { changes: changes.into(), with_starts: with_starts.into() }
    }

    /// The symbol table of the catalog's names.
    pub fn symbols(&self) -> &SymbolTable {
        &self.symbols
    }

    /// The position of the feature with this id or code. An id goes before a code.
    pub fn feature_at(&self, key: &str) -> Option<FeatureIdx> {
        self.symbols.feature_by_key(key)
    }

    pub(crate) fn feature(&self, at: FeatureIdx) -> Option<&Feature> {
        item(&self.features, at.0)
    }

    pub(crate) fn version(&self, at: VersionIdx) -> Option<&PlanVersion> {
        item(&self.versions, at.0)
    }

    pub(crate) fn plan(&self, at: PlanIdx) -> Option<&Plan> {
        item(&self.plans, at.0)
    }

    pub(crate) fn add_on(&self, at: AddOnIdx) -> Option<&AddOn> {
        item(&self.add_ons, at.0)
    }

    /// The position of the plan with this id.
    pub fn plan_at(&self, id: &str) -> Option<PlanIdx> {
        let at = self.plans.binary_search_by(|plan| (*plan.id).cmp(id)).ok()?;
        u32::try_from(at).ok().map(PlanIdx)
    }

    pub(crate) fn plans(&self) -> &[Plan] {
        &self.plans
    }

    /// The versions of all plans, in the order of the plans.
    pub(crate) fn versions(&self) -> &[PlanVersion] {
        &self.versions
    }

    pub(crate) fn add_ons(&self) -> &[AddOn] {
        &self.add_ons
    }

    /// The plan of a version.
    pub fn plan_of(&self, version: VersionIdx) -> Option<PlanIdx> {
        self.version(version).map(|version| version.plan)
    }

    /// The number of plans.
    pub fn n_plans(&self) -> usize {
        self.plans.len()
    }

    /// The number of versions of all plans.
    pub fn n_versions(&self) -> usize {
        self.versions.len()
    }

    /// The number of add-ons.
    pub fn n_add_ons(&self) -> usize {
        self.add_ons.len()
    }

    /// The id, the code and the name of each feature, in the order of their positions.
    pub fn feature_names(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        self.features.iter().map(|feature| (&*feature.id, &*feature.code, &*feature.name))
    }

    /// The codes of all features, in the order of their ids.
    pub fn feature_codes(&self) -> impl Iterator<Item = &str> {
        self.features.iter().map(|feature| &*feature.code)
    }

    /// The codes and types of all features, in the order of their ids.
    pub fn feature_types(&self) -> impl Iterator<Item = (&str, &FeatureType)> {
        self.features.iter().map(|feature| (&*feature.code, &feature.feature_type))
    }

    /// The name of the time zone of a reset period, if it has one.
    pub(crate) fn zone_name(&self, period: ResetPeriod) -> Option<&str> {
        // Few reset periods have a time zone.
        match period.zone() {
            None => None,
            Some(zone) => zone.item(&self.zones).map(|zone| &*zone.name),
        }
    }

    /// The ladder by which rows are resolved.
    pub fn ladder(&self) -> &Ladder {
        &self.ladder
    }
}

fn feature(definition: &FeatureDefinition<'_>, symbols: &SymbolTable) -> Feature {
    Feature {
        id: definition.id.into(),
        code: definition.code.into(),
        name: definition.name.into(),
        feature_type: definition.feature_type.clone().unwrap_or(FeatureType::Boolean),
        active: definition.active,
        product: definition.product.and_then(|id| symbols.product(id)),
        default: definition.default.clone().map(|row| symbols.grant(row)),
        on_indeterminate: definition.on_indeterminate,
        max_age_ms: definition.max_age_ms,
    }
}

fn plan(definition: &PlanDefinition<'_>, symbols: &SymbolTable) -> Plan {
    Plan {
        id: definition.id.into(),
        name: definition.name.into(),
        archived_at: definition.archived_at,
        position: definition.position,
        grants: SharedGrants::checked(&definition.grants, symbols),
    }
}

fn version(definition: &VersionDefinition<'_>, plan: PlanIdx, symbols: &SymbolTable) -> PlanVersion {
    PlanVersion {
        id: definition.id.into(),
        plan,
        version: definition.version,
        products: definition.products.iter().filter_map(|id| symbols.product(id)).collect(),
        grants: SharedGrants::checked(&definition.grants, symbols),
    }
}

fn add_on(definition: &AddOnDefinition<'_>, plans: &[PlanDefinition<'_>], symbols: &SymbolTable) -> AddOn {
    AddOn {
        id: definition.id.into(),
        name: definition.name.into(),
        product: definition.product.and_then(|id| symbols.product(id)),
        multi_instance: definition.is_multi_instance(),
        self_serviceable: definition.self_serviceable,
        max_instances: definition.max_instances,
        sold_with: match &definition.sold_with {
            SoldWith::All => SoldWith::All,
            SoldWith::ItsProduct => SoldWith::ItsProduct,
            SoldWith::Plans(ids) => SoldWith::Plans(ids.iter().filter_map(|id| plan_at(plans, id)).collect()),
        },
        archived_at: definition.archived_at,
        grants: SharedGrants::checked(&definition.grants, symbols),
    }
}

/// The position of the plan with this id; None if there is none, as after its deletion.
fn plan_at(plans: &[PlanDefinition<'_>], id: &str) -> Option<PlanIdx> {
    let at = plans.binary_search_by(|plan| plan.id.cmp(id)).ok()?;
    u32::try_from(at).ok().map(PlanIdx)
}
