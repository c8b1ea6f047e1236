//! The catalog object: the packed definitions (features, plans with their versions, add-ons, the ladder).

use super::bytes::Packed;
use super::feature_type::{is_plain, read_type, write_type};
use super::format::{FORMAT, Unreadable, head};
use super::rows::{read_row, write_row};
use super::settings::{Settings, read_settings, write_settings};
use super::wire::{Flags, Reader};
use super::writer::Writer;
use crate::catalog::{AddOn, Catalog, Eras, Feature, Plan, PlanVersion, SharedGrants};
use crate::definitions::{AddOnDefinition, Definitions, Grants, SoldWith};
use crate::holding::Holdings;
use crate::idx::{FeatureIdx, PlanIdx, ProductIdx, UNRESOLVED, VersionIdx, item};
use crate::ladder::{AcrossSubscriptions, Combine, Ladder, Level};
use crate::snapshot::{Policy, SnapshotMeta};
use crate::symbols::{Names, SymbolTable};
use crate::value::{FeatureType, Grant, UncheckedGrant, overlaps};

const MAGIC: &str = "myd";
const WHAT: &str = "a catalog object";

/// The largest catalog object in bytes.
const MAX_BYTES: usize = 64 * 1024 * 1024;

const METERED: u8 = 1;
const ACTIVE: u8 = 2;
const PRODUCT: u8 = 4;
const DEFAULT: u8 = 8;
const ALLOW: u8 = 16;
const DENY: u8 = 32;
const NO_UNITS: u8 = 64;
const MAX_AGE: u8 = 128;
/// The flag, in the number of a feature's flags, for a type besides BOOLEAN and METERED.
const OTHER_TYPE: u64 = 256;

const MULTI_INSTANCE: u8 = 1;
const ARCHIVED: u8 = 2;
const SELF_SERVICEABLE: u8 = 8;
const MAX_INSTANCES: u8 = 16;
const ITS_PRODUCT: u8 = 32;
const SOME_PLANS: u8 = 64;

const LEVELS: [Level; 6] =
    [Level::Feature, Level::Plan, Level::PlanVersion, Level::AddOn, Level::Subscription, Level::Customer];
const COMBINES: [Combine; 3] = [Combine::Replace, Combine::Stack, Combine::Max];

impl Catalog {
    /// Opens a catalog object, and compiles its definitions.
    ///
    /// # Errors
    /// [`Unreadable`] for bytes that are not a catalog object, have another format or are damaged.
    pub fn open(bytes: &Packed) -> Result<Catalog, Unreadable> {
        let mut reader = Reader::new(bytes.as_str());
        head(&mut reader, MAGIC, WHAT)?;
        if MAX_BYTES < bytes.as_str().len() {
            return Err(Unreadable::broken(WHAT, "it is larger than there can be"));
        }
        let mut opening = Opening::read(reader).ok_or_else(|| Unreadable::broken(WHAT, "an element cannot be read"))?;
        if opening.finish() {
            Ok(opening.catalog)
        } else {
            Err(Unreadable::broken(WHAT, "its elements do not hold together"))
        }
    }
}

impl Definitions<'_> {
    /// Packs the definitions into a catalog object.
    pub fn pack(&self) -> Packed {
        let mut writer = Writer::default();
        writer.0.push_str(MAGIC);
        writer.number(FORMAT);
        write_ladder(&mut writer, &self.ladder);
        write_settings(&mut writer, self);
        writer.size(self.features.len());
        for feature in &self.features {
            let flags = Flags::default()
                .with(METERED, feature.feature_type == Some(FeatureType::Metered))
                .with(ACTIVE, feature.active)
                .with(PRODUCT, feature.product.is_some())
                .with(DEFAULT, feature.default.is_some())
                .with(ALLOW, feature.on_indeterminate == Some(Policy::Allow))
                .with(DENY, feature.on_indeterminate == Some(Policy::Deny))
                .with(NO_UNITS, feature.has_no_units)
                .with(MAX_AGE, feature.max_age_ms.is_some());
            let other_type = feature.feature_type.as_ref().filter(|feature_type| !is_plain(feature_type));
            writer.number(u64::from(flags.0) | if other_type.is_some() { OTHER_TYPE } else { 0 });
            [feature.id, feature.code, feature.name].into_iter().for_each(|text| writer.text(text));
            feature.product.iter().for_each(|product| writer.text(product));
            feature.max_age_ms.into_iter().for_each(|ms| writer.number(ms));
            other_type.into_iter().for_each(|other| write_type(&mut writer, other));
        }
        // The defaults follow all features, because a default may refer to any feature as its pool.
        self.features.iter().flat_map(|feature| &feature.default).for_each(|row| write_grant(&mut writer, row));
        writer.size(self.plans.len());
        for plan in &self.plans {
            writer.text(plan.id);
            writer.text(plan.name);
            write_grants(&mut writer, &plan.grants);
            writer.size(plan.versions.len());
            for version in &plan.versions {
                writer.text(version.id);
                writer.count(version.version);
                writer.size(version.products.len());
                version.products.iter().for_each(|product| writer.text(product));
                write_grants(&mut writer, &version.grants);
            }
        }
        writer.size(self.add_ons.len());
        for add_on in &self.add_ons {
            let flags = Flags::default()
                .with(MULTI_INSTANCE, add_on.is_multi_instance())
                .with(ARCHIVED, add_on.archived_at.is_some())
                .with(PRODUCT, add_on.product.is_some())
                .with(SELF_SERVICEABLE, add_on.self_serviceable)
                .with(MAX_INSTANCES, max_instances(add_on).is_some())
                .with(ITS_PRODUCT, add_on.sold_with == SoldWith::ItsProduct)
                .with(SOME_PLANS, matches!(add_on.sold_with, SoldWith::Plans(_)));
            writer.flags(flags);
            writer.text(add_on.id);
            writer.text(add_on.name);
            add_on.product.iter().for_each(|product| writer.text(product));
            add_on.archived_at.into_iter().for_each(|archived_at| writer.instant(archived_at));
            max_instances(add_on).into_iter().for_each(|max| writer.count(max));
            if let SoldWith::Plans(plans) = &add_on.sold_with {
                writer.size(plans.len());
                plans.iter().for_each(|plan| writer.text(plan));
            }
            write_grants(&mut writer, &add_on.grants);
        }
        Packed::from(writer.0)
    }
}

/// The largest quantity of an add-on, where MULTI_INSTANCE does not say it: that flag alone is unbounded, and none is 1.
fn max_instances(add_on: &AddOnDefinition<'_>) -> Option<u32> {
    add_on.max_instances.filter(|max| *max != 1)
}

fn write_grants(writer: &mut Writer, rows: &Grants<'_>) {
    writer.size(rows.len());
    rows.iter().for_each(|row| write_grant(writer, row));
}

fn write_grant(writer: &mut Writer, row: &UncheckedGrant<'_, FeatureIdx>) {
    // Features are packed as their positions.
    let row = row.clone().with_features(&mut |feature| Some(feature.0));
    row.iter().for_each(|row| write_row(writer, row));
}

fn write_ladder(writer: &mut Writer, ladder: &Ladder) {
    writer.number((ladder.across == AcrossSubscriptions::Chain).into());
    writer.number(ladder.multiply_quantity.into());
    writer.size(ladder.levels().len());
    for (level, combine) in ladder.levels() {
        writer.size(LEVELS.iter().position(|other| other == level).unwrap_or_default());
        writer.size(COMBINES.iter().position(|other| other == combine).unwrap_or_default());
    }
}

/// The reading of a catalog object, element by element, straight into a catalog.
struct Opening<'b> {
    reader: Reader<'b>,
    /// Its symbols have what rows must fit: all features are read before the first row.
    catalog: Catalog,
    names: Names<'b>,
    /// Whether all lists of rows and of versions are sorted.
    holds_together: bool,
}

impl<'b> Opening<'b> {
    /// Reads all elements. Products are still positions in the list of their names.
    fn read(mut reader: Reader<'b>) -> Option<Opening<'b>> {
        let ladder = read_ladder(&mut reader)?;
        let Settings { access, zones, fallback_plan_version, positions, archived } = read_settings(&mut reader)?;
        let catalog = Catalog {
            ladder,
            access,
            zones,
            fallback: None,
            features: Vec::new(),
            plans: Vec::new(),
            versions: Vec::new(),
            add_ons: Vec::new(),
            symbols: SymbolTable::default(),
            eras: Eras::default(),
            holdings: Holdings::default(),
            snapshot: SnapshotMeta::default(),
        };
        let names = Names { fallback: fallback_plan_version, ..Names::default() };
        let mut opening = Opening { reader, catalog, names, holds_together: true };
        opening.catalog.symbols.index_zones(&opening.catalog.zones);
        opening.features()?;
        opening.plans()?;
        let plans = &mut opening.catalog.plans;
        if !positions.is_empty() && positions.len() != plans.len() {
            return None;
        }
        for (plan, position) in plans.iter_mut().zip(positions) {
            plan.position = position;
        }
        for (at, archived_at) in archived {
            plans.get_mut(at)?.archived_at = Some(archived_at);
        }
        opening.add_ons()?;
        opening.reader.is_at_end().then_some(opening)
    }

    /// Indexes the names. Returns false if a list is not sorted, or an id or a code occurs twice.
    fn finish(&mut self) -> bool {
        let Opening { catalog, names, .. } = self;
        catalog.symbols.index(names);
        let Catalog { symbols, features, plans, versions, add_ons, zones, fallback, .. } = catalog;
        let ascends = |names: &[&str]| names.is_sorted_by(|a, b| a < b);
        let mut holds_together = self.holds_together && ascends(&names.features) && ascends(&names.add_ons);
        holds_together &= plans.is_sorted_by(|a, b| a.id < b.id);
        holds_together &= zones.is_sorted_by(|a, b| a.name < b.name);
        if let Some(id) = names.fallback {
            *fallback = symbols.version(id);
            holds_together &= fallback.is_some();
        }
        for (code, at) in names.codes.iter().zip(0..) {
            holds_together &= symbols.feature_by_code(code) == Some(FeatureIdx(at));
        }
        for (version, at) in names.versions.iter().zip(0..) {
            holds_together &= symbols.version(version) == Some(VersionIdx(at));
        }
        // Of several mentions of a product, the first counts.
        let resolve = |product: &mut ProductIdx| {
            let name = item(&names.products, product.0).copied().unwrap_or_default();
            *product = symbols.product(name).unwrap_or(ProductIdx(UNRESOLVED));
        };
        features.iter_mut().flat_map(|feature| &mut feature.product).for_each(resolve);
        versions.iter_mut().flat_map(|version| &mut version.products).for_each(resolve);
        add_ons.iter_mut().flat_map(|add_on| &mut add_on.product).for_each(resolve);
        catalog.note_eras();
        holds_together
    }

    fn features(&mut self) -> Option<()> {
        let mut with_default = Vec::new();
        for at in 0..self.reader.items() {
            let all_flags = self.reader.number();
            let flags = Flags(u8::try_from(all_flags & !OTHER_TYPE).ok()?);
            let (id, code, name) = (self.reader.text(), self.reader.text(), self.reader.text());
            self.reader.whole(())?;
            self.names.features.push(id);
            self.names.codes.push(code);
            if flags.has(DEFAULT) {
                with_default.push(at);
            }
            let product = self.product_if(flags.has(PRODUCT))?;
            let max_age_ms = if flags.has(MAX_AGE) { Some(self.reader.number()) } else { None };
            let feature_type = match flags.has(METERED) {
                _ if all_flags & OTHER_TYPE != 0 => read_type(&mut self.reader)?,
                true => FeatureType::Metered,
                false => FeatureType::Boolean,
            };
            self.catalog.symbols.add_facts(Some(feature_type.clone()), flags.has(NO_UNITS));
            self.catalog.features.push(Feature {
                id: id.into(),
                code: code.into(),
                name: name.into(),
                feature_type,
                active: flags.has(ACTIVE),
                product,
                default: None,
                on_indeterminate: match (flags.has(ALLOW), flags.has(DENY)) {
                    (true, _) => Some(Policy::Allow),
                    (_, true) => Some(Policy::Deny),
                    _ => None,
                },
                max_age_ms,
            });
        }
        for at in with_default {
            let row = self.row()?;
            // The default of a feature is on that feature itself.
            self.holds_together &= usize::try_from(row.feature.0) == Ok(at);
            self.catalog.features.get_mut(at)?.default = Some(row);
        }
        Some(())
    }

    fn plans(&mut self) -> Option<()> {
        for at in 0..self.reader.items() {
            let (id, name) = (self.reader.text().into(), self.reader.text().into());
            self.reader.whole(())?;
            let position = u32::try_from(at).ok()?;
            let grants = self.rows()?;
            self.catalog.plans.push(Plan { id, name, archived_at: None, position, grants });
            let plan = PlanIdx(position);
            let mut before = None;
            for _ in 0..self.reader.items() {
                let (id, version) = (self.reader.text(), self.reader.count());
                self.reader.whole(())?;
                self.holds_together &= before.is_none_or(|before| before < id);
                before = Some(id);
                self.names.versions.push(id);
                let mut products = Vec::new();
                for _ in 0..self.reader.items() {
                    products.extend(self.product_if(true)?);
                }
                let (id, products) = (id.into(), products.into());
                let grants = self.rows()?;
                self.catalog.versions.push(PlanVersion { id, plan, version, products, grants });
            }
        }
        Some(())
    }

    fn add_ons(&mut self) -> Option<()> {
        for _ in 0..self.reader.items() {
            let flags = self.reader.flags();
            let (id, name) = (self.reader.text(), self.reader.text());
            self.reader.whole(())?;
            self.names.add_ons.push(id);
            let product = self.product_if(flags.has(PRODUCT))?;
            let archived_at = self.reader.instant_if(flags.has(ARCHIVED));
            let max_instances = match (flags.has(MAX_INSTANCES), flags.has(MULTI_INSTANCE)) {
                (true, _) => Some(self.reader.count()),
                (false, true) => None,
                (false, false) => Some(1),
            };
            let sold_with = match (flags.has(ITS_PRODUCT), flags.has(SOME_PLANS)) {
                (false, false) => SoldWith::All,
                (true, _) => SoldWith::ItsProduct,
                (false, true) => SoldWith::Plans(self.known_plans()?),
            };
            let grants = self.rows()?;
            self.catalog.add_ons.push(AddOn {
                id: id.into(),
                name: name.into(),
                product,
                multi_instance: max_instances.is_none_or(|max| 1 < max),
                self_serviceable: flags.has(SELF_SERVICEABLE),
                max_instances,
                sold_with,
                archived_at,
                grants,
            });
        }
        Some(())
    }

    /// Reads ids of plans. A plan that is not there, as after its deletion, is passed over.
    #[cold]
    #[inline(never)]
    fn known_plans(&mut self) -> Option<Vec<PlanIdx>> {
        let mut known = Vec::new();
        for _ in 0..self.reader.items() {
            let id = self.reader.text();
            self.reader.whole(())?;
            // Only suggestions ask for which plans an add-on is sold.
            if cfg!(feature = "suggest")
                && let Ok(at) = self.catalog.plans.binary_search_by(|plan| (*plan.id).cmp(id))
            {
                known.push(PlanIdx(u32::try_from(at).ok()?));
            }
        }
        Some(known)
    }

    /// The next product, if there is one: its position in the list of names. None if it cannot be read.
    fn product_if(&mut self, is_there: bool) -> Option<Option<ProductIdx>> {
        if !is_there {
            return Some(None);
        }
        let at = u32::try_from(self.names.products.len()).ok()?;
        let id = self.reader.text();
        self.names.products.push(Some(id).filter(|id| !id.is_empty())?);
        Some(Some(ProductIdx(at)))
    }

    fn rows(&mut self) -> Option<SharedGrants> {
        let mut rows: Vec<Grant> = Vec::new();
        for _ in 0..self.reader.items() {
            let row = self.row()?;
            self.holds_together &= rows.last().is_none_or(|last| {
                last.feature < row.feature || (last.feature == row.feature && !overlaps(row.starts_at, last.expires_at))
            });
            rows.push(row);
        }
        Some(SharedGrants::new(rows))
    }

    fn row(&mut self) -> Option<Grant> {
        let n_features = self.names.features.len();
        let is_one = |at: u32| usize::try_from(at).is_ok_and(|at| at < n_features);
        let row = read_row(&mut self.reader)?.with_features(&mut |at| is_one(at).then_some(FeatureIdx(at)))?;
        Some(self.catalog.symbols.grant(row))
    }
}

fn read_ladder(reader: &mut Reader<'_>) -> Option<Ladder> {
    let across = match reader.number() {
        0 => AcrossSubscriptions::Union,
        1 => AcrossSubscriptions::Chain,
        _ => return None,
    };
    let multiply_quantity = reader.number() == 1;
    let mut levels: Vec<(Level, Combine)> = Vec::new();
    for _ in 0..reader.items() {
        let level = *LEVELS.get(reader.size())?;
        if levels.iter().any(|(listed, _)| *listed == level) {
            return None;
        }
        levels.push((level, *COMBINES.get(reader.size())?));
    }
    Some(Ladder::new(levels, across, multiply_quantity))
}
