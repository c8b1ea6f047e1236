//! The catalog object: the packed definitions (features, plans with their versions, add-ons, the ladder).

use super::format::{FORMAT, Unreadable, head};
use super::rows::{read_row, write_row};
use super::settings::{Settings, read_settings, write_settings};
use super::wire::{Flags, Packed, Reader, Writer};
use crate::catalog::Catalog;
use crate::definitions::{
    AddOnDefinition, Definitions, FeatureDefinition, Grants, PlanDefinition, SoldWith, VersionDefinition,
};
use crate::idx::{FeatureIdx, VersionIdx};
use crate::ladder::{AcrossSubscriptions, Combine, Ladder, Level};
use crate::snapshot::Policy;
use crate::symbols::SymbolTable;
use crate::value::{ConfigType, FeatureType, UncheckedGrant};

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

const UNKNOWN: u64 = 0;
const NUMBER: u64 = 1;
const BOOLEAN: u64 = 2;
const TEXT: u64 = 3;
const SELECT: u64 = 4;
const MAP: u64 = 5;
const JSON: u64 = 6;

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
        let definitions = read(&mut reader).filter(|_| reader.is_at_end());
        let definitions = definitions.ok_or_else(|| Unreadable::broken(WHAT, "an element cannot be read"))?;
        let symbols = SymbolTable::new(&definitions);
        if !holds_together(&definitions, &symbols) {
            return Err(Unreadable::broken(WHAT, "its elements do not hold together"));
        }
        Ok(Catalog::new(&definitions, symbols))
    }
}

/// Whether all lists are sorted and no id and no code occurs twice.
fn holds_together(definitions: &Definitions<'_>, symbols: &SymbolTable) -> bool {
    let Definitions { features, plans, add_ons, .. } = definitions;
    let ascends = |rows: &Grants<'_>| {
        rows.is_sorted_by(|a, b| a.feature < b.feature || (a.feature == b.feature && !b.overlaps(a)))
    };
    let is_first = |(feature, at): (&FeatureDefinition<'_>, u32)| {
        let at = FeatureIdx(at);
        // The default of a feature is on that feature itself.
        symbols.feature_by_code(feature.code) == Some(at)
            && feature.default.as_ref().is_none_or(|row| row.feature == at)
    };
    let versions = || plans.iter().flat_map(|plan| &plan.versions);
    features.is_sorted_by(|a, b| a.id < b.id)
        && plans.is_sorted_by(|a, b| a.id < b.id)
        && add_ons.is_sorted_by(|a, b| a.id < b.id)
        && features.iter().zip(0..).all(is_first)
        && plans.iter().all(|plan| ascends(&plan.grants) && plan.versions.is_sorted_by(|a, b| a.id < b.id))
        && versions().zip(0..).all(|(version, at)| symbols.version(version.id) == Some(VersionIdx(at)))
        && versions().all(|version| ascends(&version.grants))
        && add_ons.iter().all(|add_on| ascends(&add_on.grants))
        && definitions.fallback_plan_version.is_none_or(|id| symbols.version(id).is_some())
        && definitions.zones.is_sorted_by(|a, b| a.name < b.name)
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

/// Whether the flag METERED says the type.
fn is_plain(feature_type: &FeatureType) -> bool {
    matches!(feature_type, FeatureType::Boolean | FeatureType::Metered)
}

#[cold]
fn write_type(writer: &mut Writer, feature_type: &FeatureType) {
    writer.number(match feature_type {
        FeatureType::Boolean | FeatureType::Metered | FeatureType::Unknown => UNKNOWN,
        FeatureType::Config(ConfigType::Number) => NUMBER,
        FeatureType::Config(ConfigType::Boolean) => BOOLEAN,
        FeatureType::Config(ConfigType::Text) => TEXT,
        FeatureType::Config(ConfigType::Select(_)) => SELECT,
        FeatureType::Config(ConfigType::Map) => MAP,
        FeatureType::Config(ConfigType::Json) => JSON,
    });
    if let FeatureType::Config(ConfigType::Select(options)) = feature_type {
        writer.size(options.len());
        options.iter().for_each(|option| writer.text(option));
    }
}

#[cold]
fn read_type(reader: &mut Reader<'_>) -> Option<FeatureType> {
    Some(FeatureType::Config(match reader.number()? {
        UNKNOWN => return Some(FeatureType::Unknown),
        NUMBER => ConfigType::Number,
        BOOLEAN => ConfigType::Boolean,
        TEXT => ConfigType::Text,
        SELECT => {
            let mut options: Vec<Box<str>> = Vec::new();
            for _ in 0..reader.items()? {
                options.push(reader.text()?.into());
            }
            ConfigType::Select(options.into())
        }
        MAP => ConfigType::Map,
        JSON => ConfigType::Json,
        _ => return None,
    }))
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

fn read<'b>(reader: &mut Reader<'b>) -> Option<Definitions<'b>> {
    let ladder = read_ladder(reader)?;
    let settings = read_settings(reader)?;
    let mut features: Vec<FeatureDefinition<'b>> = Vec::new();
    let mut defaults = Vec::new();
    for _ in 0..reader.items()? {
        let all_flags = reader.number()?;
        let flags = Flags(u8::try_from(all_flags & !OTHER_TYPE).ok()?);
        features.push(FeatureDefinition {
            active: flags.has(ACTIVE),
            id: reader.text()?,
            code: reader.text()?,
            name: reader.text()?,
            product: if flags.has(PRODUCT) { Some(reader.text()?) } else { None },
            default: None,
            on_indeterminate: match (flags.has(ALLOW), flags.has(DENY)) {
                (true, _) => Some(Policy::Allow),
                (_, true) => Some(Policy::Deny),
                _ => None,
            },
            max_age_ms: if flags.has(MAX_AGE) { Some(reader.number()?) } else { None },
            feature_type: Some(match flags.has(METERED) {
                _ if all_flags & OTHER_TYPE != 0 => read_type(reader)?,
                true => FeatureType::Metered,
                false => FeatureType::Boolean,
            }),
            has_no_units: flags.has(NO_UNITS),
        });
        defaults.push(flags.has(DEFAULT));
    }
    let n_features = features.len();
    for (feature, has_default) in features.iter_mut().zip(defaults) {
        if has_default {
            feature.default = Some(read_grant(reader, n_features)?);
        }
    }
    let Settings { access, zones, fallback_plan_version, positions, archived } = settings;
    let mut plans = read_plans(reader, n_features)?;
    if !positions.is_empty() && positions.len() != plans.len() {
        return None;
    }
    for (plan, position) in plans.iter_mut().zip(positions) {
        plan.position = position;
    }
    for (at, archived_at) in archived {
        plans.get_mut(at)?.archived_at = Some(archived_at);
    }
    let add_ons = read_add_ons(reader, n_features)?;
    Some(Definitions { ladder, access, zones, fallback_plan_version, features, plans, add_ons })
}

fn read_plans<'b>(reader: &mut Reader<'b>, n_features: usize) -> Option<Vec<PlanDefinition<'b>>> {
    let mut plans = Vec::new();
    for _ in 0..reader.items()? {
        let (id, name, grants) = (reader.text()?, reader.text()?, read_grants(reader, n_features)?);
        let mut versions = Vec::new();
        for _ in 0..reader.items()? {
            let (id, version) = (reader.text()?, reader.count()?);
            let mut products = Vec::new();
            for _ in 0..reader.items()? {
                products.push(reader.text()?);
            }
            versions.push(VersionDefinition { id, version, products, grants: read_grants(reader, n_features)? });
        }
        let position = u32::try_from(plans.len()).ok()?;
        plans.push(PlanDefinition { id, name, archived_at: None, position, grants, versions });
    }
    Some(plans)
}

fn read_add_ons<'b>(reader: &mut Reader<'b>, n_features: usize) -> Option<Vec<AddOnDefinition<'b>>> {
    let mut add_ons = Vec::new();
    for _ in 0..reader.items()? {
        let flags = reader.flags()?;
        add_ons.push(AddOnDefinition {
            id: reader.text()?,
            name: reader.text()?,
            product: if flags.has(PRODUCT) { Some(reader.text()?) } else { None },
            self_serviceable: flags.has(SELF_SERVICEABLE),
            archived_at: if flags.has(ARCHIVED) { Some(reader.instant()?) } else { None },
            max_instances: match (flags.has(MAX_INSTANCES), flags.has(MULTI_INSTANCE)) {
                (true, _) => Some(reader.count()?),
                (false, true) => None,
                (false, false) => Some(1),
            },
            sold_with: match (flags.has(ITS_PRODUCT), flags.has(SOME_PLANS)) {
                (false, false) => SoldWith::All,
                (true, _) => SoldWith::ItsProduct,
                (false, true) => {
                    let mut plans = Vec::new();
                    for _ in 0..reader.items()? {
                        plans.push(reader.text()?);
                    }
                    SoldWith::Plans(plans)
                }
            },
            grants: read_grants(reader, n_features)?,
        });
    }
    Some(add_ons)
}

fn read_grants<'b>(reader: &mut Reader<'b>, n_features: usize) -> Option<Grants<'b>> {
    let mut rows = Vec::new();
    for _ in 0..reader.items()? {
        rows.push(read_grant(reader, n_features)?);
    }
    Some(rows)
}

fn read_grant<'b>(reader: &mut Reader<'b>, n_features: usize) -> Option<UncheckedGrant<'b, FeatureIdx>> {
    let is_one = |at: u32| usize::try_from(at).is_ok_and(|at| at < n_features);
    read_row(reader)?.with_features(&mut |at| is_one(at).then_some(FeatureIdx(at)))
}

fn read_ladder(reader: &mut Reader<'_>) -> Option<Ladder> {
    let across = match reader.number()? {
        0 => AcrossSubscriptions::Union,
        1 => AcrossSubscriptions::Chain,
        _ => return None,
    };
    let multiply_quantity = reader.number()? == 1;
    let mut levels: Vec<(Level, Combine)> = Vec::new();
    for _ in 0..reader.items()? {
        let level = *LEVELS.get(reader.size()?)?;
        if levels.iter().any(|(listed, _)| *listed == level) {
            return None;
        }
        levels.push((level, *COMBINES.get(reader.size()?)?));
    }
    Some(Ladder::new(levels, across, multiply_quantity))
}
