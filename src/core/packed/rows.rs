//! Packed entitlement rows: features and pools are numbers.

use super::wire::{Flags, Reader, Writer};
use crate::amount::Amount;
use crate::reset::{CalendarInterval, Interval, ResetPeriod, Unit, Weekday};
use crate::value::{Behavior, Metered, UncheckedGrant, UncheckedValue};

/// A packed row. Features are numbers: indices of a block's names, or positions in a catalog object.
pub(crate) type PackedRow<'b> = UncheckedGrant<'b, u32>;

const CREATED_AT: u8 = 1;

const OFF: u64 = 0;
const ON: u64 = 1;
const METERED: u64 = 2;
const CREDITS: u64 = 3;

const ENABLED: u8 = 1;
const LIMITED: u8 = 2;
const OVERAGE: u8 = 4;
const GRACE: u8 = 8;
const WARNING: u8 = 16;

pub(crate) fn read_row<'b>(reader: &mut Reader<'b>) -> Option<PackedRow<'b>> {
    let flags = reader.flags()?;
    Some(UncheckedGrant {
        feature: reader.count()?,
        id: reader.text()?,
        created_at: if flags.has(CREATED_AT) { Some(reader.instant()?) } else { None },
        value: read_value(reader)?,
    })
}

pub(crate) fn write_row(writer: &mut Writer, row: &PackedRow<'_>) {
    writer.flags(Flags::default().with(CREATED_AT, row.created_at.is_some()));
    writer.count(row.feature);
    writer.text(row.id);
    if let Some(created_at) = row.created_at {
        writer.instant(created_at);
    }
    match row.value {
        UncheckedValue::Boolean { enabled } => writer.number(if enabled { ON } else { OFF }),
        UncheckedValue::Metered(metered) => write_metered(writer, &metered),
        UncheckedValue::Credits { enabled, pool, cost } => {
            writer.number(CREDITS);
            writer.number(enabled.into());
            writer.count(pool);
            writer.amount(cost);
        }
    }
}

fn read_value(reader: &mut Reader<'_>) -> Option<UncheckedValue<u32>> {
    Some(match reader.number()? {
        OFF => UncheckedValue::Boolean { enabled: false },
        ON => UncheckedValue::Boolean { enabled: true },
        METERED => UncheckedValue::Metered(read_metered(reader)?),
        CREDITS => {
            let enabled = reader.number()? == 1;
            UncheckedValue::Credits { enabled, pool: reader.count()?, cost: not_negative(reader)? }
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

/// Reads an amount that may not be negative, as documents demand for limits, costs and percentages.
fn not_negative(reader: &mut Reader<'_>) -> Option<Amount> {
    reader.amount().filter(|amount| !amount.is_negative())
}

/// The numbers of units in the packed form: their positions here, which never change.
const UNITS: [Unit; 6] = [Unit::Hour, Unit::Day, Unit::Week, Unit::Month, Unit::Year, Unit::Minute];

/// A CALENDAR period with a day on which weeks begin.
const CALENDAR_OF: u64 = 6;

fn read_reset_period(reader: &mut Reader<'_>) -> Option<ResetPeriod> {
    let tag = reader.number()?;
    let of = match tag {
        0 => return Some(ResetPeriod::Never),
        1 => return Some(ResetPeriod::BillingCycle),
        2 => return Some(ResetPeriod::BillingMonth),
        3 | CALENDAR_OF => |every: Interval| ResetPeriod::Calendar(every.into()),
        4 => ResetPeriod::FixedWindow,
        5 => ResetPeriod::SlidingWindow,
        _ => return None,
    };
    let unit = UNITS.get(reader.size()?)?;
    let every = Interval::new(*unit, i64::from(reader.count()?)).ok()?;
    if tag != CALENDAR_OF {
        return Some(of(every));
    }
    let week_start = *Weekday::ALL.get(reader.size()?)?;
    Some(ResetPeriod::Calendar(CalendarInterval { every, week_start }))
}

fn write_reset_period(writer: &mut Writer, period: ResetPeriod) {
    writer.number(match period {
        ResetPeriod::Never => 0,
        ResetPeriod::BillingCycle => 1,
        ResetPeriod::BillingMonth => 2,
        ResetPeriod::Calendar(calendar) if calendar == calendar.every.into() => 3,
        ResetPeriod::Calendar(_) => CALENDAR_OF,
        ResetPeriod::FixedWindow(_) => 4,
        ResetPeriod::SlidingWindow(_) => 5,
    });
    if let Some(every) = period.every() {
        writer.size(UNITS.iter().position(|unit| *unit == every.unit).unwrap_or_default());
        writer.count(every.interval().into());
    }
    if let ResetPeriod::Calendar(calendar) = period
        && calendar != calendar.every.into()
    {
        writer.size(Weekday::ALL.iter().position(|day| *day == calendar.week_start).unwrap_or_default());
    }
}
