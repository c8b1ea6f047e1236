//! Reset periods: when the usage of an allowance starts again from zero. Section 6 of docs/semantics.md has the
//! windows of each.

use crate::json::{Token, WriteJson, end, fields, object};
use crate::text::joined;
use crate::zone::ZoneIdx;
use std::fmt;

/// The rule by which the usage of a metered allowance starts again from zero. In JSON: `{"type", "sub_cycle"?,
/// "unit"?, "interval"?, "week_start"?, "time_zone"?}`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ResetPeriod {
    /// Never: all usage since the activation counts.
    Never,
    /// At each renewal of the subscription.
    BillingCycle,
    /// Monthly within the billing period, and at each renewal (BILLING_CYCLE with `sub_cycle` MONTHLY).
    BillingMonth,
    /// On calendar boundaries, the same for all customers.
    Calendar(CalendarInterval),
    /// At regular steps from the activation.
    FixedWindow(Interval),
    /// Continuously: only usage within the last interval counts.
    SlidingWindow(Interval),
}

/// A number of calendar units, such as 3 months.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Interval {
    /// The unit.
    pub unit: Unit,
    interval: u16,
}

/// The interval of a CALENDAR reset period, and the calendar that it is counted in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CalendarInterval {
    /// The interval.
    pub every: Interval,
    /// The day on which weeks begin.
    pub week_start: Weekday,
    /// The time zone whose clock counts; None for UTC.
    pub zone: Option<ZoneIdx>,
}

impl From<Interval> for CalendarInterval {
    /// Weeks begin on Mondays, days at midnight in UTC.
    fn from(every: Interval) -> Self {
        CalendarInterval { every, week_start: Weekday::Monday, zone: None }
    }
}

/// A day of the week.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Weekday {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

/// A unit of a reset period or a billing period.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Unit {
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Year,
}

impl Interval {
    /// The largest number of units.
    pub const MAX_INTERVAL: u16 = 10_000;

    /// An interval of `interval` units.
    ///
    /// # Errors
    /// [`IntervalError`] for a number outside 1 to 10,000. Zero would be a window without length.
    ///
    /// ```
    /// use mayuse_core::{Interval, Unit};
    /// assert!(Interval::new(Unit::Month, 1).is_ok());
    /// assert!(Interval::new(Unit::Month, 0).is_err());
    /// assert!(Interval::new(Unit::Day, 10_001).is_err());
    /// ```
    pub fn new(unit: Unit, interval: i64) -> Result<Interval, IntervalError> {
        match u16::try_from(interval) {
            Ok(interval) if 1 <= interval && interval <= Self::MAX_INTERVAL => Ok(Interval { unit, interval }),
            _ => Err(IntervalError { interval }),
        }
    }

    /// An interval that is known to be within bounds.
    pub(crate) const fn of(unit: Unit, interval: u16) -> Interval {
        Interval { unit, interval }
    }

    /// The number of units: 1 to 10,000.
    pub fn interval(self) -> u16 {
        self.interval
    }

    /// Whether the unit is a part of a day, which a clock that is put back may show twice.
    pub(crate) fn is_within_days(self) -> bool {
        matches!(self.unit, Unit::Minute | Unit::Hour)
    }

    pub(crate) fn step(self) -> Step {
        let n = i64::from(self.interval);
        let minutes = |each: i64| Step::Minutes(n.saturating_mul(each));
        match self.unit {
            Unit::Minute => minutes(1),
            Unit::Hour => minutes(60),
            Unit::Day => minutes(1_440),
            Unit::Week => minutes(10_080),
            Unit::Month => Step::Months(n),
            Unit::Year => Step::Months(n.saturating_mul(12)),
        }
    }
}

/// The length of an interval in minutes or months, so that DAY 7 and WEEK 1 compare equal.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Minutes(i64),
    Months(i64),
}

impl ResetPeriod {
    /// Whether both always reset at the same instants: MONTH 12 equals YEAR 1, HOUR 24 equals DAY 1, MINUTE 60 equals
    /// HOUR 1 and, except for CALENDAR, whose weeks begin on a day of the week, DAY 7 equals WEEK 1. In a time zone,
    /// whose days may be longer or shorter, HOUR 24 and DAY 1 differ. Both are of one catalog: their zones are compared by position.
    pub fn is_equivalent(self, other: ResetPeriod) -> bool {
        match (self, other) {
            (ResetPeriod::Never, ResetPeriod::Never)
            | (ResetPeriod::BillingCycle, ResetPeriod::BillingCycle)
            | (ResetPeriod::BillingMonth, ResetPeriod::BillingMonth) => true,
            (ResetPeriod::Calendar(a), ResetPeriod::Calendar(b)) => {
                let is_week = a.every.unit == Unit::Week;
                is_week == (b.every.unit == Unit::Week)
                    && a.every.step() == b.every.step()
                    && (!is_week || a.week_start == b.week_start)
                    && a.zone == b.zone
                    && (a.zone.is_none() || a.every.is_within_days() == b.every.is_within_days())
            }
            (ResetPeriod::FixedWindow(a), ResetPeriod::FixedWindow(b))
            | (ResetPeriod::SlidingWindow(a), ResetPeriod::SlidingWindow(b)) => a.step() == b.step(),
            _ => false,
        }
    }

    /// Whether the usage starts again with the billing period or its months.
    pub(crate) fn is_by_cycle(self) -> bool {
        matches!(self, ResetPeriod::BillingCycle | ResetPeriod::BillingMonth)
    }

    /// Whether windows count from the start of a row or the activation.
    pub(crate) fn counts_from_start(self) -> bool {
        matches!(self, ResetPeriod::Never | ResetPeriod::FixedWindow(_))
    }

    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            ResetPeriod::Never => "NEVER",
            ResetPeriod::BillingCycle | ResetPeriod::BillingMonth => "BILLING_CYCLE",
            ResetPeriod::Calendar(_) => "CALENDAR",
            ResetPeriod::FixedWindow(_) => "FIXED_WINDOW",
            ResetPeriod::SlidingWindow(_) => "SLIDING_WINDOW",
        }
    }

    /// The reset period of two rows that join: [`is_equivalent`](Self::is_equivalent) or, where billing is monthly,
    /// BILLING_CYCLE with and without `sub_cycle`. If either cuts the billing cycle, both together do. None if the
    /// rows do not join.
    pub(crate) fn joined(self, other: ResetPeriod, is_billed_monthly: bool) -> Option<ResetPeriod> {
        if is_billed_monthly && self.is_by_cycle() && other.is_by_cycle() {
            return Some(if self == other { self } else { ResetPeriod::BillingMonth });
        }
        self.is_equivalent(other).then_some(self)
    }

    /// The name of the parts of the billing cycle: `MONTHLY`, or None.
    pub fn sub_cycle(self) -> Option<&'static str> {
        (self == ResetPeriod::BillingMonth).then_some("MONTHLY")
    }

    /// The day on which weeks begin, if that is not Monday.
    pub fn week_start(self) -> Option<Weekday> {
        match self {
            ResetPeriod::Calendar(calendar) if calendar.week_start != Weekday::Monday => Some(calendar.week_start),
            _ => None,
        }
    }

    /// The position of the time zone, if there is one.
    pub fn zone(self) -> Option<ZoneIdx> {
        match self {
            ResetPeriod::Calendar(calendar) => calendar.zone,
            _ => None,
        }
    }

    /// The same with another time zone, if it is a CALENDAR reset period.
    #[must_use]
    pub fn with_zone(self, zone: Option<ZoneIdx>) -> ResetPeriod {
        match self {
            ResetPeriod::Calendar(calendar) => ResetPeriod::Calendar(CalendarInterval { zone, ..calendar }),
            other => other,
        }
    }

    /// The interval, if the reset period has one.
    pub fn every(self) -> Option<Interval> {
        match self {
            ResetPeriod::Never | ResetPeriod::BillingCycle | ResetPeriod::BillingMonth => None,
            ResetPeriod::Calendar(calendar) => Some(calendar.every),
            ResetPeriod::FixedWindow(every) | ResetPeriod::SlidingWindow(every) => Some(every),
        }
    }
}

/// A reset period with the name of its time zone, as JSON shows it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct NamedPeriod<'c> {
    /// The reset period, without the position of its zone.
    rule: ResetPeriod,
    zone: Option<&'c str>,
}

impl<'c> NamedPeriod<'c> {
    /// `zone` is the name of the time zone of `rule`.
    pub fn new(rule: ResetPeriod, zone: Option<&'c str>) -> NamedPeriod<'c> {
        NamedPeriod { rule: rule.with_zone(None), zone }
    }

    /// Writes the fields into an object that is begun.
    pub(crate) fn write_fields(&self, out: &mut Vec<u8>) {
        if let Some(week_start) = self.rule.week_start() {
            fields!(out, "week_start": Token(week_start.name()));
        }
        if let Some(zone) = self.zone {
            fields!(out, "time_zone": zone);
        }
    }
}

impl WriteJson for NamedPeriod<'_> {
    fn write_json(&self, out: &mut Vec<u8>) {
        object!(out, "type": Token(self.rule.name()));
        if let Some(sub_cycle) = self.rule.sub_cycle() {
            fields!(out, "sub_cycle": Token(sub_cycle));
        }
        if let Some(every) = self.rule.every() {
            fields!(out, "unit": Token(every.unit.name()), "interval": every.interval());
        }
        self.write_fields(out);
        end(out);
    }
}

impl Weekday {
    /// All days, from Monday.
    pub const ALL: [Weekday; 7] = [
        Weekday::Monday,
        Weekday::Tuesday,
        Weekday::Wednesday,
        Weekday::Thursday,
        Weekday::Friday,
        Weekday::Saturday,
        Weekday::Sunday,
    ];

    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Weekday::Monday => "MONDAY",
            Weekday::Tuesday => "TUESDAY",
            Weekday::Wednesday => "WEDNESDAY",
            Weekday::Thursday => "THURSDAY",
            Weekday::Friday => "FRIDAY",
            Weekday::Saturday => "SATURDAY",
            Weekday::Sunday => "SUNDAY",
        }
    }

    /// The last such day on or before 1970-01-01, a Thursday, in days since then.
    pub(crate) fn before_1970(self) -> i64 {
        match self {
            Weekday::Monday => -3,
            Weekday::Tuesday => -2,
            Weekday::Wednesday => -1,
            Weekday::Thursday => 0,
            Weekday::Friday => -6,
            Weekday::Saturday => -5,
            Weekday::Sunday => -4,
        }
    }
}

impl Unit {
    /// All units, from the shortest.
    pub const ALL: [Unit; 6] = [Unit::Minute, Unit::Hour, Unit::Day, Unit::Week, Unit::Month, Unit::Year];

    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Unit::Minute => "MINUTE",
            Unit::Hour => "HOUR",
            Unit::Day => "DAY",
            Unit::Week => "WEEK",
            Unit::Month => "MONTH",
            Unit::Year => "YEAR",
        }
    }
}

/// An interval outside 1 to 10,000.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IntervalError {
    interval: i64,
}

impl IntervalError {
    /// What `Display` shows.
    pub fn text(self) -> String {
        let (most, found) = (Interval::MAX_INTERVAL.to_json(), self.interval.to_json());
        joined(&["interval must be 1 to ", &most, ", found ", &found])
    }
}

impl fmt::Display for IntervalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

impl std::error::Error for IntervalError {}
