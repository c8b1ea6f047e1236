//! Reset periods: when a count starts again from zero.

use crate::json::{Token, WriteJson, end, fields, object};
use std::fmt;

/// When a metered allowance starts again from zero.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ResetPeriod {
    /// Never: everything since the activation counts.
    Never,
    /// At each renewal of the subscription.
    BillingCycle,
    /// Monthly within the billing period, and at each renewal: a yearly subscription has twelve.
    BillingMonth,
    /// On calendar boundaries, the same for everyone.
    Calendar(Interval),
    /// At regular steps from the activation.
    FixedWindow(Interval),
    /// Always the last so much time; old usage drops off by itself.
    SlidingWindow(Interval),
}

/// So many units.
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
    /// The most units a period may have.
    pub const MAX_INTERVAL: u16 = 10_000;

    /// `interval` units.
    ///
    /// # Errors
    /// An interval outside 1 to 10,000. Zero would be a window without length.
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

    /// How many units: 1 to 10,000.
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

/// The length of a period: units that are always equally long come down to one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Hours(i64),
    Months(i64),
}

impl ResetPeriod {
    /// Whether both reset at the same instants: MONTH 12 is YEAR 1, HOUR 24 is DAY 1, and where
    /// windows are not tied to Mondays, DAY 7 is WEEK 1.
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

    /// The period where billing periods are months anyway.
    pub(crate) fn when_billed_monthly(self) -> ResetPeriod {
        if self == ResetPeriod::BillingMonth { ResetPeriod::BillingCycle } else { self }
    }

    /// How the billing cycle is cut into parts, where it is.
    pub fn sub_cycle(self) -> Option<&'static str> {
        (self == ResetPeriod::BillingMonth).then_some("MONTHLY")
    }

    /// The unit and interval, where the period has them.
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
