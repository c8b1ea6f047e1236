//! Reset periods: when the usage of an allowance starts again from zero. Section 6 of docs/semantics.md has the
//! windows of each.

use crate::json::{Token, WriteJson, end, fields, object};
use std::fmt;

/// The rule by which the usage of a metered allowance starts again from zero. In JSON: `{"type", "sub_cycle"?,
/// "unit"?, "interval"?}`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ResetPeriod {
    /// Never: all usage since the activation counts.
    Never,
    /// At each renewal of the subscription.
    BillingCycle,
    /// Monthly within the billing period, and at each renewal (BILLING_CYCLE with `sub_cycle` MONTHLY).
    BillingMonth,
    /// On calendar boundaries, the same for all customers.
    Calendar(Interval),
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

/// A unit of a reset period.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Unit {
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

    /// The number of units: 1 to 10,000.
    pub fn interval(self) -> u16 {
        self.interval
    }

    pub(crate) fn step(self) -> Step {
        let n = i64::from(self.interval);
        let hours = |each: i64| Step::Hours(n.saturating_mul(each));
        match self.unit {
            Unit::Hour => hours(1),
            Unit::Day => hours(24),
            Unit::Week => hours(168),
            Unit::Month => Step::Months(n),
            Unit::Year => Step::Months(n.saturating_mul(12)),
        }
    }
}

/// The length of an interval in hours or months, so that DAY 7 and WEEK 1 compare equal.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Hours(i64),
    Months(i64),
}

impl ResetPeriod {
    /// Whether both always reset at the same instants: MONTH 12 equals YEAR 1, HOUR 24 equals DAY 1 and, except for
    /// CALENDAR, whose weeks begin on Mondays, DAY 7 equals WEEK 1.
    pub fn is_equivalent(self, other: ResetPeriod) -> bool {
        match (self, other) {
            (ResetPeriod::Never, ResetPeriod::Never)
            | (ResetPeriod::BillingCycle, ResetPeriod::BillingCycle)
            | (ResetPeriod::BillingMonth, ResetPeriod::BillingMonth) => true,
            (ResetPeriod::Calendar(a), ResetPeriod::Calendar(b)) => {
                (a.unit == Unit::Week) == (b.unit == Unit::Week) && a.step() == b.step()
            }
            (ResetPeriod::FixedWindow(a), ResetPeriod::FixedWindow(b))
            | (ResetPeriod::SlidingWindow(a), ResetPeriod::SlidingWindow(b)) => a.step() == b.step(),
            _ => false,
        }
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

    /// The same reset period on a subscription billed monthly, where a billing month is the billing cycle.
    pub(crate) fn when_billed_monthly(self) -> ResetPeriod {
        if self == ResetPeriod::BillingMonth { ResetPeriod::BillingCycle } else { self }
    }

    /// The name of the parts of the billing cycle: `MONTHLY`, or None.
    pub fn sub_cycle(self) -> Option<&'static str> {
        (self == ResetPeriod::BillingMonth).then_some("MONTHLY")
    }

    /// The interval, if the reset period has one.
    pub fn every(self) -> Option<Interval> {
        match self {
            ResetPeriod::Never | ResetPeriod::BillingCycle | ResetPeriod::BillingMonth => None,
            ResetPeriod::Calendar(e) | ResetPeriod::FixedWindow(e) | ResetPeriod::SlidingWindow(e) => Some(e),
        }
    }
}

impl WriteJson for ResetPeriod {
    fn write_json(&self, out: &mut Vec<u8>) {
        object!(out, "type": Token(self.name()));
        if let Some(sub_cycle) = self.sub_cycle() {
            fields!(out, "sub_cycle": Token(sub_cycle));
        }
        if let Some(every) = self.every() {
            fields!(out, "unit": Token(every.unit.name()), "interval": every.interval());
        }
        end(out);
    }
}

impl Unit {
    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
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

impl fmt::Display for IntervalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "interval must be 1 to {}, found {}", Interval::MAX_INTERVAL, self.interval)
    }
}

impl std::error::Error for IntervalError {}
