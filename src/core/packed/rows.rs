//! Entitlement rows, packed: features and pools are numbers of a table of names.

use super::wire::{Flags, Reader, Writer};
use crate::amount::Amount;
use crate::document::{FeatureName, RawGrant, RawValue};
use crate::model::{Behavior, Metered};
use crate::reset::{Every, ResetPeriod, Unit};
use crate::time::Instant;

const CREATED_AT: u8 = 1;

/// A row as it lies in the bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PackedRow<'b> {
    pub feature: u32,
    id: &'b str,
    created_at: Option<Instant>,
    value: PackedValue,
}

#[derive(Clone, Copy, Debug)]
enum PackedValue {
    Boolean { enabled: bool },
    Metered(Metered),
    Credits { enabled: bool, pool: u32, cost: Amount },
}

const OFF: u64 = 0;
const ON: u64 = 1;
const METERED: u64 = 2;
const CREDITS: u64 = 3;

const ENABLED: u8 = 1;
const LIMITED: u8 = 2;
const OVERAGE: u8 = 4;
const GRACE: u8 = 8;
const WARNING: u8 = 16;

impl<'b> PackedRow<'b> {
    pub fn read(reader: &mut Reader<'b>) -> Option<PackedRow<'b>> {
        let flags = reader.flags()?;
        Some(PackedRow {
            feature: reader.count()?,
            id: reader.text()?,
            created_at: if flags.has(CREATED_AT) { Some(reader.instant()?) } else { None },
            value: read_value(reader)?,
        })
    }

    /// `number` gives the number that stands for a name from here on.
    pub fn write(&self, writer: &mut Writer, number: &mut dyn FnMut(u32) -> u32) {
        writer.flags(Flags::default().with(CREATED_AT, self.created_at.is_some()));
        writer.count(number(self.feature));
        writer.text(self.id);
        if let Some(created_at) = self.created_at {
            writer.instant(created_at);
        }
        match self.value {
            PackedValue::Boolean { enabled } => writer.number(if enabled { ON } else { OFF }),
            PackedValue::Metered(metered) => write_metered(writer, &metered),
            PackedValue::Credits { enabled, pool, cost } => {
                writer.number(CREDITS);
                writer.number(enabled.into());
                writer.count(number(pool));
                writer.amount(cost);
            }
        }
    }

    /// From a row of a document, whose feature and pool have these numbers.
    pub fn of(raw: &'b RawGrant, feature: u32, pool: u32) -> PackedRow<'b> {
        let value = match raw.value {
            RawValue::Boolean { enabled } => PackedValue::Boolean { enabled },
            RawValue::Metered(metered) => PackedValue::Metered(metered),
            RawValue::Credits { enabled, cost, .. } => PackedValue::Credits { enabled, pool, cost },
        };
        PackedRow { feature, id: &raw.id, created_at: raw.created_at, value }
    }

    /// Back to the row of a document. `name` gives the id that a number stands for.
    pub fn raw<'n>(&self, n: usize, name: &dyn Fn(u32) -> Option<&'n str>) -> Option<RawGrant> {
        let value = match self.value {
            PackedValue::Boolean { enabled } => RawValue::Boolean { enabled },
            PackedValue::Metered(metered) => RawValue::Metered(metered),
            PackedValue::Credits { enabled, pool, cost } => {
                RawValue::Credits { enabled, pool: name(pool)?.to_owned(), cost }
            }
        };
        let feature = Some(FeatureName::Id(name(self.feature)?.to_owned()));
        Some(RawGrant { n, id: self.id.to_owned(), feature, created_at: self.created_at, value })
    }
}

fn read_value(reader: &mut Reader<'_>) -> Option<PackedValue> {
    Some(match reader.number()? {
        OFF => PackedValue::Boolean { enabled: false },
        ON => PackedValue::Boolean { enabled: true },
        METERED => PackedValue::Metered(read_metered(reader)?),
        CREDITS => {
            let enabled = reader.number()? == 1;
            PackedValue::Credits { enabled, pool: reader.count()?, cost: not_negative(reader)? }
        }
        _ => return None,
    })
}

fn read_metered(reader: &mut Reader<'_>) -> Option<Metered> {
    let flags = reader.flags()?;
    let mut optional = |flag| if flags.has(flag) { not_negative(reader).map(Some) } else { Some(None) };
    let (limit, grace_pct, warning_threshold_pct) = (optional(LIMITED)?, optional(GRACE)?, optional(WARNING)?);
    Some(Metered {
        enabled: flags.has(ENABLED),
        limit,
        reset_period: read_reset_period(reader)?,
        overage: if flags.has(OVERAGE) { Behavior::Allow } else { Behavior::Block },
        grace_pct: grace_pct.unwrap_or(Amount::ZERO),
        warning_threshold_pct,
    })
}

fn write_metered(writer: &mut Writer, metered: &Metered) {
    let grace = Some(metered.grace_pct).filter(|grace| !grace.is_zero());
    writer.number(METERED);
    let flags = Flags::default()
        .with(ENABLED, metered.enabled)
        .with(LIMITED, metered.limit.is_some())
        .with(OVERAGE, metered.overage == Behavior::Allow)
        .with(GRACE, grace.is_some())
        .with(WARNING, metered.warning_threshold_pct.is_some());
    writer.flags(flags);
    for amount in [metered.limit, grace, metered.warning_threshold_pct].into_iter().flatten() {
        writer.amount(amount);
    }
    write_reset_period(writer, metered.reset_period);
}

/// No limit, cost or percentage is below zero, in a document or here.
fn not_negative(reader: &mut Reader<'_>) -> Option<Amount> {
    reader.amount().filter(|amount| !amount.is_negative())
}

const UNITS: [Unit; 5] = [Unit::Hour, Unit::Day, Unit::Week, Unit::Month, Unit::Year];

fn read_reset_period(reader: &mut Reader<'_>) -> Option<ResetPeriod> {
    let tag = reader.number()?;
    let of = match tag {
        0 => return Some(ResetPeriod::Never),
        1 => return Some(ResetPeriod::BillingCycle),
        2 => return Some(ResetPeriod::BillingMonth),
        3 => ResetPeriod::Calendar,
        4 => ResetPeriod::FixedWindow,
        5 => ResetPeriod::SlidingWindow,
        _ => return None,
    };
    let unit = UNITS.get(reader.size()?)?;
    Every::new(*unit, i64::from(reader.count()?)).ok().map(of)
}

fn write_reset_period(writer: &mut Writer, period: ResetPeriod) {
    writer.number(match period {
        ResetPeriod::Never => 0,
        ResetPeriod::BillingCycle => 1,
        ResetPeriod::BillingMonth => 2,
        ResetPeriod::Calendar(_) => 3,
        ResetPeriod::FixedWindow(_) => 4,
        ResetPeriod::SlidingWindow(_) => 5,
    });
    if let Some(every) = period.every() {
        writer.size(UNITS.iter().position(|unit| *unit == every.unit).unwrap_or_default());
        writer.count(every.interval().into());
    }
}
