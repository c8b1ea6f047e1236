//! Everything but the people, packed: features, plans with their versions, add-ons, and the ladder.
//!
//! It is read into the same elements as a document, and linked by the same rules.

use super::rows::PackedRow;
use super::wire::{Flags, Packed, Reader, Writer};
use super::{FORMAT, Unreadable, head};
use crate::document::{Names, RawAddOn, RawFeature, RawGrant, RawPlan, RawValue, RawVersion, RawWhole};
use crate::ladder::{AcrossSubscriptions, Combine, Ladder, Level};
use crate::model::{Catalog, Policy, StatusSet};

const MAGIC: &str = "myd";
const WHAT: &str = "a catalogue object";

/// No features, plans and add-ons take more.
const MAX_BYTES: usize = 64 * 1024 * 1024;

const METERED: u8 = 1;
const ACTIVE: u8 = 2;
const PRODUCT: u8 = 4;
const DEFAULT: u8 = 8;
const ALLOW: u8 = 16;
const DENY: u8 = 32;
const NO_UNITS: u8 = 64;
const MAX_AGE: u8 = 128;

const MULTI_INSTANCE: u8 = 1;
const ARCHIVED: u8 = 2;

const LEVELS: [Level; 6] =
    [Level::Feature, Level::Plan, Level::PlanVersion, Level::AddOn, Level::Subscription, Level::Customer];
const COMBINES: [Combine; 3] = [Combine::Replace, Combine::Stack, Combine::Max];

impl Catalog {
    /// Opens a catalogue object: features, plans, add-ons and the ladder, without anybody.
    ///
    /// # Errors
    /// Bytes that are none, that a later program wrote, or that are damaged.
    pub fn open(bytes: &Packed) -> Result<Catalog, Unreadable> {
        let mut reader = Reader::new(bytes.as_str());
        head(&mut reader, MAGIC, WHAT)?;
        if MAX_BYTES < bytes.as_str().len() {
            return Err(Unreadable::broken(WHAT, "it is larger than there can be"));
        }
        let whole = read(&mut reader).filter(|_| reader.is_at_end());
        let whole = whole.ok_or_else(|| Unreadable::broken(WHAT, "an element cannot be read"))?;
        whole.link().ok_or_else(|| Unreadable::broken(WHAT, "its elements do not hold together"))
    }
}

/// The elements, sorted by id. `names` are what they resolve to.
pub(crate) fn pack(whole: &RawWhole, names: &Names) -> Packed {
    let mut writer = Writer::default();
    writer.0.push_str(MAGIC);
    writer.number(FORMAT);
    write_ladder(&mut writer, &whole.ladder);
    writer.number(whole.access.bits().into());
    let rows = |writer: &mut Writer, rows: &[RawGrant]| write_rows(writer, rows, names);
    writer.size(whole.features.len());
    for (feature, at) in whole.features.iter().zip(0..) {
        let flags = Flags::default()
            .with(METERED, feature.metered == Some(true))
            .with(ACTIVE, feature.active)
            .with(PRODUCT, feature.product.is_some())
            .with(DEFAULT, feature.default.is_some())
            .with(ALLOW, feature.on_indeterminate == Some(Policy::Allow))
            .with(DENY, feature.on_indeterminate == Some(Policy::Deny))
            .with(NO_UNITS, names.has_no_units(at))
            .with(MAX_AGE, feature.max_age_ms.is_some());
        writer.flags(flags);
        [&feature.id, &feature.code, &feature.name].into_iter().for_each(|text| writer.text(text));
        feature.product.iter().for_each(|product| writer.text(product));
        feature.max_age_ms.into_iter().for_each(|ms| writer.number(ms));
    }
    // After all features, since a pool is one of them.
    for (feature, at) in whole.features.iter().zip(0..) {
        feature.default.iter().for_each(|row| write_row(&mut writer, row, at, names));
    }
    writer.size(whole.plans.len());
    for plan in &whole.plans {
        writer.text(&plan.id);
        writer.text(&plan.name);
        rows(&mut writer, &plan.grants);
        writer.size(plan.versions.len());
        for version in &plan.versions {
            writer.text(&version.id);
            writer.count(version.version);
            writer.size(version.products.len());
            version.products.iter().for_each(|product| writer.text(product));
            rows(&mut writer, &version.grants);
        }
    }
    writer.size(whole.add_ons.len());
    for add_on in &whole.add_ons {
        let flags = Flags::default()
            .with(MULTI_INSTANCE, add_on.multi_instance)
            .with(ARCHIVED, add_on.archived_at.is_some())
            .with(PRODUCT, add_on.product.is_some());
        writer.flags(flags);
        writer.text(&add_on.id);
        writer.text(&add_on.name);
        add_on.product.iter().for_each(|product| writer.text(product));
        add_on.archived_at.into_iter().for_each(|archived_at| writer.instant(archived_at));
        rows(&mut writer, &add_on.grants);
    }
    Packed::from(writer.0)
}

fn write_rows(writer: &mut Writer, rows: &[RawGrant], names: &Names) {
    let mut placed: Vec<(u32, &RawGrant)> = Vec::with_capacity(rows.len());
    placed.extend(rows.iter().filter_map(|row| Some((names.feature(row.feature.as_ref()?)?, row))));
    crate::sort::sort_by(&mut placed, |a, b| a.0.cmp(&b.0));
    writer.size(placed.len());
    placed.into_iter().for_each(|(feature, row)| write_row(writer, row, feature, names));
}

fn write_row(writer: &mut Writer, row: &RawGrant, feature: u32, names: &Names) {
    let pool = match &row.value {
        RawValue::Credits { pool, .. } => names.pool(pool).unwrap_or_default(),
        _ => 0,
    };
    PackedRow::of(row, feature, pool).write(writer, &mut |number| number);
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

fn read(reader: &mut Reader<'_>) -> Option<RawWhole> {
    let ladder = read_ladder(reader)?;
    let access = StatusSet::from_bits(u16::try_from(reader.number()?).ok()?);
    let mut features: Vec<RawFeature> = Vec::new();
    let mut defaults = Vec::new();
    for n in 0..reader.items()? {
        let flags = reader.flags()?;
        let text = |reader: &mut Reader<'_>| reader.text().map(str::to_owned);
        features.push(RawFeature {
            n,
            metered: Some(flags.has(METERED)),
            active: flags.has(ACTIVE),
            id: text(reader)?,
            code: text(reader)?,
            name: text(reader)?,
            product: if flags.has(PRODUCT) { Some(text(reader)?) } else { None },
            default: None,
            on_indeterminate: match (flags.has(ALLOW), flags.has(DENY)) {
                (true, _) => Some(Policy::Allow),
                (_, true) => Some(Policy::Deny),
                _ => None,
            },
            max_age_ms: if flags.has(MAX_AGE) { Some(reader.number()?) } else { None },
            has_no_units: flags.has(NO_UNITS),
        });
        defaults.push(flags.has(DEFAULT));
    }
    let mut rows_of_features = Vec::new();
    for has_default in defaults {
        rows_of_features.push(if has_default { Some(read_row(reader, 0, &features)?) } else { None });
    }
    let plans = read_plans(reader, &features)?;
    let add_ons = read_add_ons(reader, &features)?;
    for (feature, row) in features.iter_mut().zip(rows_of_features) {
        feature.default = row;
    }
    Some(RawWhole { ladder, access, features, plans, add_ons })
}

fn read_plans(reader: &mut Reader<'_>, features: &[RawFeature]) -> Option<Vec<RawPlan>> {
    let mut plans = Vec::new();
    for n in 0..reader.items()? {
        let (id, name) = (reader.text()?.to_owned(), reader.text()?.to_owned());
        let grants = read_rows(reader, features)?;
        let mut versions = Vec::new();
        for n in 0..reader.items()? {
            let (id, version) = (reader.text()?.to_owned(), reader.count()?);
            let mut products = Vec::new();
            for _ in 0..reader.items()? {
                products.push(reader.text()?.to_owned());
            }
            versions.push(RawVersion { n, id, version, products, grants: read_rows(reader, features)? });
        }
        plans.push(RawPlan { n, id, name, grants, versions });
    }
    Some(plans)
}

fn read_add_ons(reader: &mut Reader<'_>, features: &[RawFeature]) -> Option<Vec<RawAddOn>> {
    let mut add_ons = Vec::new();
    for n in 0..reader.items()? {
        let flags = reader.flags()?;
        add_ons.push(RawAddOn {
            n,
            id: reader.text()?.to_owned(),
            name: reader.text()?.to_owned(),
            product: if flags.has(PRODUCT) { Some(reader.text()?.to_owned()) } else { None },
            multi_instance: flags.has(MULTI_INSTANCE),
            archived_at: if flags.has(ARCHIVED) { Some(reader.instant()?) } else { None },
            grants: read_rows(reader, features)?,
        });
    }
    Some(add_ons)
}

fn read_rows(reader: &mut Reader<'_>, features: &[RawFeature]) -> Option<Vec<RawGrant>> {
    let mut rows = Vec::new();
    for n in 0..reader.items()? {
        rows.push(read_row(reader, n, features)?);
    }
    Some(rows)
}

fn read_row(reader: &mut Reader<'_>, n: usize, features: &[RawFeature]) -> Option<RawGrant> {
    let name = |number| Some(features.get(usize::try_from(number).ok()?)?.id.as_str());
    PackedRow::read(reader)?.raw(n, &name)
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
