//! Billing periods: which period holds an instant, however far the replicated period is behind or ahead.
//!
//! Every boundary is computed from one fixed date, never from the boundary before it. So a day that is clamped in a
//! short month comes back in the next long month. The rules are about dates; every boundary has the time of day at
//! which the current period starts. They are in section 6 of docs/semantics.md.

use crate::json::WriteJson;
use crate::reset::{Interval, IntervalError, Step, Unit};
use crate::text::joined;
use crate::time::{Civil, Date, Instant, MS_PER_DAY, day_in_month, days_in_month};
use crate::window::Window;
use std::fmt;

/// The length of a billing period: a number of days, weeks, months or years.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BillingPeriod {
    every: Interval,
}

impl BillingPeriod {
    /// One month.
    pub const MONTHLY: BillingPeriod = BillingPeriod::months_long(1);
    /// Three months.
    pub const QUARTERLY: BillingPeriod = BillingPeriod::months_long(3);
    /// Six months.
    pub const SEMIANNUAL: BillingPeriod = BillingPeriod::months_long(6);
    /// Twelve months.
    pub const ANNUAL: BillingPeriod = BillingPeriod { every: Interval::of(Unit::Year, 1) };
    /// Seven days.
    pub const WEEKLY: BillingPeriod = BillingPeriod { every: Interval::of(Unit::Week, 1) };

    /// A period of which this version does not know how long it is. Nothing is counted by it: a row that follows the
    /// billing cycle does not fit. Its number is beyond those that can be written.
    pub const UNKNOWN: BillingPeriod = BillingPeriod { every: Interval::of(Unit::Year, 10_001) };

    /// The periods that have names on the wire. The first four, which are months, are those of price lists.
    pub const NAMED: [(&str, BillingPeriod); 5] = [
        ("MONTHLY", BillingPeriod::MONTHLY),
        ("QUARTERLY", BillingPeriod::QUARTERLY),
        ("SEMIANNUAL", BillingPeriod::SEMIANNUAL),
        ("ANNUAL", BillingPeriod::ANNUAL),
        ("WEEKLY", BillingPeriod::WEEKLY),
    ];

    /// The units of a billing period.
    pub const UNITS: [Unit; 4] = [Unit::Day, Unit::Week, Unit::Month, Unit::Year];

    const fn months_long(months: u16) -> BillingPeriod {
        BillingPeriod { every: Interval::of(Unit::Month, months) }
    }

    /// A number of units. A unit that is none of [`UNITS`](Self::UNITS) counts as days.
    ///
    /// # Errors
    /// [`IntervalError`] for a number outside 1 to 10,000.
    pub fn new(unit: Unit, interval: i64) -> Result<BillingPeriod, IntervalError> {
        let unit = if BillingPeriod::UNITS.contains(&unit) { unit } else { Unit::Day };
        let every = Interval::new(unit, interval)?;
        // Equal periods have one form: 12 months are a year, 7 days are a week.
        let named = BillingPeriod::NAMED.iter().find(|(_, period)| period.every.step() == every.step());
        Ok(named.map_or(BillingPeriod { every }, |(_, period)| *period))
    }

    /// The number of units, such as 3 months.
    pub fn every(self) -> Interval {
        self.every
    }

    /// The number of months; None for days and weeks.
    pub fn months(self) -> Option<i64> {
        match self.every.step() {
            Step::Months(months) => Some(months),
            Step::Minutes(_) => None,
        }
    }

    /// The name on the wire, if it has one.
    pub fn name(self) -> Option<&'static str> {
        BillingPeriod::NAMED.iter().find(|(_, period)| *period == self).map(|(name, _)| *name)
    }

    /// Where a period ends that starts on a day, both in days since 1970, if no anchor cuts it short.
    fn end_after(self, from: i64) -> i64 {
        match self.every.step() {
            Step::Minutes(minutes) => from.saturating_add(days(minutes)),
            Step::Months(months) => {
                let start = civil(from);
                day_in_month(i64::from(start.month_index).saturating_add(months), start.day)
            }
        }
    }
}

fn days(minutes: i64) -> i64 {
    minutes / 1_440
}

/// The billing schedule of a subscription: the length of a period and, for months and years, the day of the month on
/// which periods start.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BillingSchedule {
    period: BillingPeriod,
    /// The day of the month, 1 to 32,767; in a shorter month, the last day. 1 for days and weeks.
    anchor: u16,
}

impl BillingSchedule {
    /// A schedule of periods that start on day `anchor` of a month. Days and weeks have no anchor: theirs is ignored.
    ///
    /// # Errors
    /// [`BillingError::Anchor`] for an anchor outside 1 to 32,767.
    pub fn new(period: BillingPeriod, anchor: i64) -> Result<BillingSchedule, BillingError> {
        match u16::try_from(anchor) {
            Ok(anchor) if 1 <= anchor && anchor <= 32_767 => {
                Ok(BillingSchedule { period, anchor: if period.months().is_some() { anchor } else { 1 } })
            }
            _ => Err(BillingError::Anchor(anchor)),
        }
    }

    /// The period that holds `now`, if the first period starts at `from`. Every boundary has the time of day of
    /// `from`. An instant before `from` lies in the first period.
    ///
    /// # Example: the 31st becomes the last day of February, and comes back in March
    ///
    /// ```
    /// use mayuse_core::{BillingPeriod, Instant, BillingSchedule};
    /// let schedule = BillingSchedule::new(BillingPeriod::MONTHLY, 31).unwrap();
    /// let from = Instant::parse("2025-01-31").unwrap();
    /// let w = schedule.period_from(from, Instant::parse("2025-03-01").unwrap());
    /// assert_eq!(w.start.to_string(), "2025-02-28T00:00:00Z");
    /// assert_eq!(w.end.unwrap().to_string(), "2025-03-31T00:00:00Z");
    /// ```
    ///
    /// # Example: a start off the anchor makes a short first period, a stub
    ///
    /// ```
    /// # use mayuse_core::{BillingPeriod, Instant, BillingSchedule};
    /// let schedule = BillingSchedule::new(BillingPeriod::ANNUAL, 10).unwrap();
    /// let from = Instant::parse("2025-01-01T14:33:00Z").unwrap();
    /// let w = schedule.period_from(from, Instant::parse("2025-01-05").unwrap());
    /// assert_eq!(w.end.unwrap().to_string(), "2025-01-10T14:33:00Z");
    /// ```
    pub fn period_from(self, from: Instant, now: Instant) -> Window {
        let clock = DayClock { starts_at: from.time_of_day() };
        let (start, end) = self.forward(from.date().days(), clock.day(now));
        Window { start: clock.instant(start), end: Some(clock.instant(end)), projected: false, slides: false }
    }

    pub(crate) fn period(self) -> BillingPeriod {
        self.period
    }

    pub(crate) fn anchor(self) -> u16 {
        self.anchor
    }

    /// The period that holds `day`, if the first period starts on `from`; the first if `day` is earlier. In days.
    fn forward(self, from: i64, day: i64) -> (i64, i64) {
        let months = match self.period.every.step() {
            Step::Months(months) => months,
            Step::Minutes(minutes) => return whole_steps(from, days(minutes), day.max(from)),
        };
        let origin = civil(from);
        let anchor = u32::from(self.anchor).min(days_in_month(origin.month_index));
        let first_month = i64::from(origin.month_index);
        // A start before the anchor day makes a stub that ends on the anchor of the same month.
        let first_month = if origin.day >= anchor { first_month.saturating_add(months) } else { first_month };
        let boundary = |k: i64| day_in_month(first_month.saturating_add(k.saturating_mul(months)), self.anchor.into());
        if day < boundary(0) {
            return (from, boundary(0));
        }
        let k = i64::from(civil(day).month_index).saturating_sub(first_month).div_euclid(months);
        let k = if day < boundary(k) { k.saturating_sub(1) } else { k };
        (boundary(k), boundary(k.saturating_add(1)))
    }

    /// The period that holds `day`, which is earlier than `before`, if a period starts on `before`. In days.
    fn backward(self, before: i64, day: i64) -> (i64, i64) {
        let months = match self.period.every.step() {
            Step::Months(months) => months,
            Step::Minutes(minutes) => return whole_steps(before, days(minutes), day),
        };
        let origin_month = i64::from(civil(before).month_index);
        let boundary = |k: i64| match k {
            0 => before,
            _ => day_in_month(origin_month.saturating_sub(k.saturating_mul(months)), self.anchor.into()),
        };
        let months_back = origin_month.saturating_sub(i64::from(civil(day).month_index));
        // Rounded up, so that the boundary does not lie in a later month than the day.
        let k = months_back.saturating_add(months).saturating_sub(1).div_euclid(months).max(1);
        let k = if day < boundary(k) { k.saturating_add(1) } else { k };
        (boundary(k), boundary(k.saturating_sub(1)))
    }
}

/// The step that holds `day`, among steps of `n_days` days counted from `origin`. In days.
fn whole_steps(origin: i64, n_days: i64, day: i64) -> (i64, i64) {
    let k = day.saturating_sub(origin).div_euclid(n_days.max(1));
    let start = origin.saturating_add(k.saturating_mul(n_days));
    (start, start.saturating_add(n_days))
}

/// Counts days that begin at a time of day.
#[derive(Clone, Copy)]
struct DayClock {
    /// Milliseconds since midnight.
    starts_at: i64,
}

impl DayClock {
    /// The day that holds an instant, in days since 1970.
    fn day(self, at: Instant) -> i64 {
        at.millis().saturating_sub(self.starts_at).div_euclid(MS_PER_DAY)
    }

    /// The beginning of a day. A day past the last becomes the last instant, not the midnight before it.
    fn instant(self, day: i64) -> Instant {
        Instant::clamped(day.saturating_mul(MS_PER_DAY).saturating_add(self.starts_at))
    }

    /// As [`instant`](Self::instant), but `known` itself on its own day, whatever its time of day.
    fn instant_or(self, known: Instant, day: i64) -> Instant {
        if day == known.date().days() { known } else { self.instant(day) }
    }
}

/// The replicated billing data of a subscription.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Billing {
    schedule: BillingSchedule,
    /// The start of the current period.
    pub(crate) current_start: Instant,
    /// The renewal, exclusive; None while paused.
    current_end: Option<Instant>,
    start_date: Option<Instant>,
    billing_start_date: Option<Instant>,
}

impl Billing {
    /// The billing data of a subscription with this schedule and the current period `[current_start, current_end)`.
    /// `start_date` and `billing_start_date` bound how far periods reach into the past.
    ///
    /// # Errors
    /// [`BillingError::EmptyPeriod`] for a current period that ends at or before its start.
    pub fn new(
        schedule: BillingSchedule,
        current_start: Instant,
        current_end: Option<Instant>,
        start_date: Option<Instant>,
        billing_start_date: Option<Instant>,
    ) -> Result<Billing, BillingError> {
        match current_end {
            Some(end) if end <= current_start => Err(BillingError::EmptyPeriod),
            _ => Ok(Billing { schedule, current_start, current_end, start_date, billing_start_date }),
        }
    }

    /// The schedule, the end of the current period, and the billing start date.
    pub(crate) fn parts(&self) -> (BillingSchedule, Option<Instant>, Option<Instant>) {
        (self.schedule, self.current_end, self.billing_start_date)
    }

    /// Whether the current period is more than a day longer than the schedule says.
    pub fn is_stretched(&self) -> bool {
        let Some(end) = self.current_end else { return false };
        let (clock, start) = (self.clock(), self.current_start.date().days());
        let (_, by_anchor) = self.schedule.forward(start, start);
        let longest = by_anchor.max(self.schedule.period.end_after(start));
        clock.instant(longest.saturating_add(1)) < end
    }

    /// Days that begin at the time of day at which the current period starts.
    fn clock(&self) -> DayClock {
        DayClock { starts_at: self.current_start.time_of_day() }
    }

    /// The billing period that holds `now`.
    ///
    /// From the renewal on, periods roll forward; before the current period, they roll backward. Both are marked
    /// `projected`. A current period without an end holds every instant from its start on.
    pub fn period_at(&self, now: Instant) -> Window {
        match self.current_end {
            Some(end) if end <= now => {
                let clock = self.clock();
                let (start, next) = self.schedule.forward(end.date().days(), clock.day(now));
                window(clock.instant_or(end, start), Some(clock.instant(next)), true)
            }
            end if self.current_start <= now => window(self.current_start, end, false),
            _ => self.past_period_at(now),
        }
    }

    /// The month, within its billing period, that holds `now`. Months are stepped from the start of the period at its
    /// anchor, in periods of days or weeks at the day of their start; the last month ends with the period.
    ///
    /// # Example: a year from 31 January has twelve months
    ///
    /// ```
    /// use mayuse_core::{Billing, BillingPeriod, Instant, BillingSchedule};
    /// let at = |text| Instant::parse(text).unwrap();
    /// let yearly = BillingSchedule::new(BillingPeriod::ANNUAL, 31).unwrap();
    /// let billing = Billing::new(yearly, at("2025-01-31"), Some(at("2026-01-31")), None, None).unwrap();
    /// let month = billing.month_at(at("2025-03-01"));
    /// assert_eq!(month.start.to_string(), "2025-02-28T00:00:00Z");
    /// assert_eq!(month.end.unwrap().to_string(), "2025-03-31T00:00:00Z");
    /// ```
    pub fn month_at(&self, now: Instant) -> Window {
        let (whole, clock) = (self.period_at(now), self.clock());
        let first = whole.start.date();
        let anchor = match self.schedule.period.months() {
            Some(_) => self.schedule.anchor,
            None => u16::try_from(first.civil().day).unwrap_or(1),
        };
        let monthly = BillingSchedule { period: BillingPeriod::MONTHLY, anchor };
        let (start, end) = monthly.forward(first.days(), clock.day(now));
        let end = clock.instant(end);
        Window {
            start: clock.instant_or(whole.start, start),
            end: Some(whole.end.map_or(end, |last| last.min(end))),
            ..whole
        }
    }

    /// Whether it is known how long a period is.
    pub(crate) fn is_known(&self) -> bool {
        self.schedule.period != BillingPeriod::UNKNOWN
    }

    /// Whether the billing periods are months.
    pub(crate) fn is_monthly(&self) -> bool {
        self.schedule.period == BillingPeriod::MONTHLY
    }

    /// The period that holds `now`, which is earlier than the current period.
    fn past_period_at(&self, now: Instant) -> Window {
        let (clock, start) = (self.clock(), self.current_start);
        let back = |now: Instant| self.schedule.backward(start.date().days(), clock.day(now));
        let Some(first) = self.billing_start_date.or(self.start_date).map(|first| first.min(start)) else {
            let (from, to) = back(now);
            return window(clock.instant(from), Some(clock.instant(to)), true);
        };
        match self.start_date {
            // From the subscription's start to the start of billing.
            Some(begun) if now < first && begun < first => window(begun, Some(first), true),
            _ if first == start => window(start, self.current_end, true),
            _ => {
                let (from, to) = back(now.max(first));
                window(clock.instant(from).max(first), Some(clock.instant(to)), true)
            }
        }
    }
}

fn civil(day: i64) -> Civil {
    Date::clamped(day).civil()
}

fn window(start: Instant, end: Option<Instant>, projected: bool) -> Window {
    Window { start, end, projected, slides: false }
}

/// Why a billing schedule or period is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum BillingError {
    /// The billing day anchor is outside 1 to 32,767.
    Anchor(i64),
    /// The current period ends before it starts, or when it starts.
    EmptyPeriod,
}

impl BillingError {
    /// What `Display` shows.
    pub fn text(self) -> String {
        match self {
            BillingError::Anchor(found) => joined(&["billing_day_anchor must be 1 to 32767, found ", &found.to_json()]),
            BillingError::EmptyPeriod => joined(&["current_period_end must be later than current_period_start"]),
        }
    }
}

impl fmt::Display for BillingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

impl std::error::Error for BillingError {}
