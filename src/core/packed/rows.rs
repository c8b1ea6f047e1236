//! Packed entitlement rows: features, pools and time zones are numbers.

use super::wire::{Flags, Reader};
use super::writer::Writer;
use crate::amount::Amount;
use crate::reset::{CalendarInterval, Interval, ResetPeriod, Unit, Weekday};
use crate::time::Instant;
use crate::value::{
    Behavior, Cap, Config, ConfigValue, MAX_CAPS, MAX_CONFIG_TEXT, Metered, UncheckedGrant, UncheckedValue,
};
use crate::zone::ZoneIdx;

/// A packed row. Features and time zones are numbers: indices of a block's names, or positions in a catalog object.
pub(crate) type PackedRow<'b> = UncheckedGrant<'b, u32>;

const CREATED_AT: u8 = 1;
pub(super) const STARTS_AT: u8 = 2;
pub(super) const EXPIRES_AT: u8 = 4;

const OFF: u64 = 0;
const ON: u64 = 1;
const METERED: u64 = 2;
const CREDITS: u64 = 3;
const CONFIG: u64 = 4;
const UNKNOWN: u64 = 5;

const ENABLED: u8 = 1;
const LIMITED: u8 = 2;
const OVERAGE: u8 = 4;
const GRACE: u8 = 8;
const WARNING: u8 = 16;
const PER_SEAT: u8 = 32;
const CAPS: u8 = 64;
const IN_TRIAL: u8 = 128;

const NUMBER: u64 = 0;
const FALSE: u64 = 1;
const TRUE: u64 = 2;
const TEXT: u64 = 3;
const JSON: u64 = 4;

pub(crate) fn read_row<'b>(reader: &mut Reader<'b>) -> Option<PackedRow<'b>> {
    let flags = reader.flags();
    let (feature, id) = (reader.count(), reader.text());
    let created_at = reader.instant_if(flags.has(CREATED_AT));
    let (starts_at, expires_at) = read_dates(reader, flags)?;
    let value = read_value(reader)?;
    reader.whole(UncheckedGrant { feature, id, created_at, starts_at, expires_at, value })
}

/// Reads the start and the end of a row. The end may not come before the start.
pub(super) fn read_dates(reader: &mut Reader<'_>, flags: Flags) -> Option<(Option<Instant>, Option<Instant>)> {
    let (starts_at, expires_at) = (reader.instant_if(flags.has(STARTS_AT)), reader.instant_if(flags.has(EXPIRES_AT)));
    let is_empty = starts_at.zip(expires_at).is_some_and(|(starts_at, expires_at)| expires_at <= starts_at);
    if is_empty { None } else { Some((starts_at, expires_at)) }
}

pub(crate) fn write_row(writer: &mut Writer, row: &PackedRow<'_>) {
    let flags = Flags::default()
        .with(CREATED_AT, row.created_at.is_some())
        .with(STARTS_AT, row.starts_at.is_some())
        .with(EXPIRES_AT, row.expires_at.is_some());
    writer.flags(flags);
    writer.count(row.feature);
    writer.text(row.id);
    for at in [row.created_at, row.starts_at, row.expires_at].into_iter().flatten() {
        writer.instant(at);
    }
    match &row.value {
        UncheckedValue::Boolean { enabled } => writer.number(if *enabled { ON } else { OFF }),
        UncheckedValue::Metered(metered) => write_metered(writer, metered),
        UncheckedValue::Credits { enabled, pool, cost } => {
            writer.number(CREDITS);
            writer.number((*enabled).into());
            writer.count(*pool);
            writer.amount(*cost);
        }
        UncheckedValue::Config(config) => write_config(writer, config),
        UncheckedValue::Unknown => writer.number(UNKNOWN),
    }
}

fn read_value(reader: &mut Reader<'_>) -> Option<UncheckedValue<u32>> {
    Some(match reader.number() {
        OFF => UncheckedValue::Boolean { enabled: false },
        ON => UncheckedValue::Boolean { enabled: true },
        METERED => UncheckedValue::Metered(read_metered(reader)?),
        CREDITS => {
            let enabled = reader.number() == 1;
            UncheckedValue::Credits { enabled, pool: reader.count(), cost: not_negative(reader)? }
        }
        CONFIG => UncheckedValue::Config(read_config(reader)?),
        UNKNOWN => UncheckedValue::Unknown,
        _ => return None,
    })
}

fn read_metered(reader: &mut Reader<'_>) -> Option<Metered> {
    let flags = reader.flags();
    let mut optional = |flag| if flags.has(flag) { not_negative(reader).map(Some) } else { Some(None) };
    let (limit, grace_pct, warning_threshold_pct) = (optional(LIMITED)?, optional(GRACE)?, optional(WARNING)?);
    let behavior = |allows: bool| if allows { Behavior::Allow } else { Behavior::Block };
    Some(Metered {
        enabled: flags.has(ENABLED),
        limit,
        in_trial: if flags.has(IN_TRIAL) { Some(behavior(reader.number() == 1)) } else { None },
        reset_period: read_reset_period(reader)?,
        overage: behavior(flags.has(OVERAGE)),
        grace_pct: grace_pct.unwrap_or(Amount::ZERO),
        warning_threshold_pct,
        per_seat: flags.has(PER_SEAT),
        caps: if flags.has(CAPS) { read_caps(reader)? } else { Box::default() },
    })
}

/// Reads caps: at most [`MAX_CAPS`], and at least one.
#[cold]
#[inline(never)]
fn read_caps(reader: &mut Reader<'_>) -> Option<Box<[Cap]>> {
    let n = Some(reader.items()).filter(|n| (1..=MAX_CAPS).contains(n))?;
    let mut caps = Vec::with_capacity(n);
    for _ in 0..n {
        caps.push(Cap { limit: not_negative(reader)?, reset_period: read_reset_period(reader)? });
    }
    Some(caps.into())
}

#[cold]
fn write_caps(writer: &mut Writer, caps: &[Cap]) {
    writer.size(caps.len());
    for cap in caps {
        writer.amount(cap.limit);
        write_reset_period(writer, cap.reset_period);
    }
}

#[cold]
#[inline(never)]
fn read_config(reader: &mut Reader<'_>) -> Option<Config> {
    let (flags, kind) = (reader.flags(), reader.number());
    let value = match kind {
        NUMBER => ConfigValue::Number(not_negative(reader)?),
        FALSE | TRUE => ConfigValue::Boolean(kind == TRUE),
        TEXT | JSON => {
            let text = Some(reader.text()).filter(|text| text.len() <= MAX_CONFIG_TEXT)?;
            if kind == JSON { ConfigValue::Json(text.into()) } else { ConfigValue::Text(text.into()) }
        }
        _ => return None,
    };
    // Only numbers count for each seat.
    let per_seat = flags.has(PER_SEAT);
    (!per_seat || kind == NUMBER).then_some(Config { enabled: flags.has(ENABLED), per_seat, value })
}

#[cold]
fn write_config(writer: &mut Writer, config: &Config) {
    writer.number(CONFIG);
    writer.flags(Flags::default().with(ENABLED, config.enabled).with(PER_SEAT, config.per_seat));
    match &config.value {
        ConfigValue::Number(number) => {
            writer.number(NUMBER);
            writer.amount(*number);
        }
        ConfigValue::Boolean(value) => writer.number(if *value { TRUE } else { FALSE }),
        ConfigValue::Text(text) => {
            writer.number(TEXT);
            writer.text(text);
        }
        ConfigValue::Json(json) => {
            writer.number(JSON);
            writer.text(json);
        }
    }
}

fn write_metered(writer: &mut Writer, metered: &Metered) {
    let grace = Some(metered.grace_pct).filter(|grace| !grace.is_zero());
    writer.number(METERED);
    let flags = Flags::default()
        .with(ENABLED, metered.enabled)
        .with(LIMITED, metered.limit.is_some())
        .with(OVERAGE, metered.overage == Behavior::Allow)
        .with(GRACE, grace.is_some())
        .with(WARNING, metered.warning_threshold_pct.is_some())
        .with(PER_SEAT, metered.per_seat)
        .with(CAPS, !metered.caps.is_empty())
        .with(IN_TRIAL, metered.in_trial.is_some());
    writer.flags(flags);
    for amount in [metered.limit, grace, metered.warning_threshold_pct].into_iter().flatten() {
        writer.amount(amount);
    }
    if let Some(in_trial) = metered.in_trial {
        writer.number((in_trial == Behavior::Allow).into());
    }
    write_reset_period(writer, metered.reset_period);
    if !metered.caps.is_empty() {
        write_caps(writer, &metered.caps);
    }
}

/// Reads an amount that may not be negative, as documents demand for limits, costs and percentages.
fn not_negative(reader: &mut Reader<'_>) -> Option<Amount> {
    Some(reader.amount()).filter(|amount| !amount.is_negative())
}

/// The numbers of units in the packed form: their positions here, which never change.
const UNITS: [Unit; 6] = [Unit::Hour, Unit::Day, Unit::Week, Unit::Month, Unit::Year, Unit::Minute];

/// A CALENDAR period with a day on which weeks begin and, maybe, a time zone.
const CALENDAR_OF: u64 = 6;

fn read_reset_period(reader: &mut Reader<'_>) -> Option<ResetPeriod> {
    let tag = reader.number();
    let of = match tag {
        0 => return Some(ResetPeriod::Never),
        1 => return Some(ResetPeriod::BillingCycle),
        2 => return Some(ResetPeriod::BillingMonth),
        3 | CALENDAR_OF => |every: Interval| ResetPeriod::Calendar(every.into()),
        4 => ResetPeriod::FixedWindow,
        5 => ResetPeriod::SlidingWindow,
        _ => return None,
    };
    let unit = UNITS.get(reader.size())?;
    let every = Interval::new(*unit, i64::from(reader.count())).ok()?;
    if tag != CALENDAR_OF {
        return Some(of(every));
    }
    let week_start = *Weekday::ALL.get(reader.size())?;
    // The number of the zone plus one; 0 stands for UTC.
    let zone = reader.count().checked_sub(1).map(ZoneIdx::new);
    Some(ResetPeriod::Calendar(CalendarInterval { every, week_start, zone }))
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
        writer.count(calendar.zone.map_or(0, |zone| zone.at().saturating_add(1)));
    }
}
