//! Billing periods: which period holds an instant, however far the replicated period is behind or ahead.
//!
//! Every boundary is computed from one fixed date, never from the boundary before it. So a day that is clamped in a
//! short month comes back in the next long month. The rules are in section 6 of docs/semantics.md.

use crate::time::{Civil, Date, Instant, day_in_month, days_in_month};
use crate::window::Window;
use std::fmt;

/// The length of a billing period.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BillingPeriod {
    /// One month.
    Monthly,
    /// Three months.
    Quarterly,
    /// Six months.
    Semiannual,
    /// Twelve months.
    Annual,
}

impl BillingPeriod {
    /// All lengths, from the shortest.
    pub const ALL: [BillingPeriod; 4] =
        [BillingPeriod::Monthly, BillingPeriod::Quarterly, BillingPeriod::Semiannual, BillingPeriod::Annual];

    /// The number of months.
    pub fn months(self) -> i64 {
        match self {
            BillingPeriod::Monthly => 1,
            BillingPeriod::Quarterly => 3,
            BillingPeriod::Semiannual => 6,
            BillingPeriod::Annual => 12,
        }
    }

    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            BillingPeriod::Monthly => "MONTHLY",
            BillingPeriod::Quarterly => "QUARTERLY",
            BillingPeriod::Semiannual => "SEMIANNUAL",
            BillingPeriod::Annual => "ANNUAL",
        }
    }
}

/// The billing schedule of a subscription: the length of a period, and the day of the month on which periods start.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BillingSchedule {
    period: BillingPeriod,
    /// The day of the month, 1 to 32,767; in a shorter month, the last day.
    anchor: u16,
}

impl BillingSchedule {
    /// A schedule of periods that start on day `anchor` of a month.
    ///
    /// # Errors
    /// [`BillingError::Anchor`] for an anchor outside 1 to 32,767.
    pub fn new(period: BillingPeriod, anchor: i64) -> Result<BillingSchedule, BillingError> {
        match u16::try_from(anchor) {
            Ok(anchor) if 1 <= anchor && anchor <= 32_767 => Ok(BillingSchedule { period, anchor }),
            _ => Err(BillingError::Anchor(anchor)),
        }
    }

    /// The period that holds `now`, if the first period starts on `from`.
    /// An instant before `from` lies in the first period.
    ///
    /// # Example: the 31st becomes the last day of February, and comes back in March
    ///
    /// ```
    /// use mayuse_core::{BillingPeriod, Date, Instant, BillingSchedule};
    /// let schedule = BillingSchedule::new(BillingPeriod::Monthly, 31).unwrap();
    /// let from = Date::parse("2025-01-31").unwrap();
    /// let w = schedule.period_from(from, Instant::parse("2025-03-01").unwrap());
    /// assert_eq!(w.start.to_string(), "2025-02-28T00:00:00Z");
    /// assert_eq!(w.end.unwrap().to_string(), "2025-03-31T00:00:00Z");
    /// ```
    ///
    /// # Example: a start off the anchor makes a short first period, a stub
    ///
    /// ```
    /// # use mayuse_core::{BillingPeriod, Date, Instant, BillingSchedule};
    /// let schedule = BillingSchedule::new(BillingPeriod::Annual, 10).unwrap();
    /// let from = Date::parse("2025-01-01").unwrap();
    /// let w = schedule.period_from(from, Instant::parse("2025-01-05").unwrap());
    /// assert_eq!(w.end.unwrap().to_string(), "2025-01-10T00:00:00Z");
    /// ```
    pub fn period_from(self, from: Date, now: Instant) -> Window {
        let (start, end) = self.forward(from.days(), now.date().days());
        window(start, Some(end), false)
    }

    pub(crate) fn period(self) -> BillingPeriod {
        self.period
    }

    pub(crate) fn anchor(self) -> u16 {
        self.anchor
    }

    /// The period that holds `day`, if the first period starts on `from`; the first if `day` is earlier. In days.
    fn forward(self, from: i64, day: i64) -> (i64, i64) {
        let origin = civil(from);
        let months = self.period.months();
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
        let months = self.period.months();
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

/// The replicated billing data of a subscription.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Billing {
    schedule: BillingSchedule,
    /// The start of the current period.
    pub(crate) current_start: Date,
    /// The renewal date, exclusive; None while paused.
    current_end: Option<Date>,
    start_date: Option<Date>,
    billing_start_date: Option<Date>,
}

impl Billing {
    /// The billing data of a subscription with this schedule and the current period `[current_start, current_end)`.
    /// `start_date` and `billing_start_date` bound how far periods reach into the past.
    ///
    /// # Errors
    /// [`BillingError::EmptyPeriod`] for a current period that ends at or before its start.
    pub fn new(
        schedule: BillingSchedule,
        current_start: Date,
        current_end: Option<Date>,
        start_date: Option<Date>,
        billing_start_date: Option<Date>,
    ) -> Result<Billing, BillingError> {
        match current_end {
            Some(end) if end <= current_start => Err(BillingError::EmptyPeriod),
            _ => Ok(Billing { schedule, current_start, current_end, start_date, billing_start_date }),
        }
    }

    /// The schedule, the end of the current period, and the billing start date.
    pub(crate) fn parts(&self) -> (BillingSchedule, Option<Date>, Option<Date>) {
        (self.schedule, self.current_end, self.billing_start_date)
    }

    /// The billing period that holds `now`.
    ///
    /// From the renewal date on, periods roll forward; before the current period, they roll backward. Both are marked
    /// `projected`. A current period without an end holds every instant from its start on.
    pub fn period_at(&self, now: Instant) -> Window {
        let day = now.date().days();
        let start = self.current_start.days();
        match self.current_end.map(Date::days) {
            Some(end) if end <= day => {
                let (start, end) = self.schedule.forward(end, day);
                window(start, Some(end), true)
            }
            end if start <= day => window(start, end, false),
            end => self.past_period_at(day, start, end),
        }
    }

    /// The month, within its billing period, that holds `now`. Months are stepped from the start of the period at its
    /// anchor; the last month ends with the period.
    ///
    /// # Example: a year from 31 January has twelve months
    ///
    /// ```
    /// use mayuse_core::{Billing, BillingPeriod, Date, Instant, BillingSchedule};
    /// let date = |text| Date::parse(text).unwrap();
    /// let yearly = BillingSchedule::new(BillingPeriod::Annual, 31).unwrap();
    /// let billing = Billing::new(yearly, date("2025-01-31"), Some(date("2026-01-31")), None, None).unwrap();
    /// let month = billing.month_at(Instant::parse("2025-03-01").unwrap());
    /// assert_eq!(month.start.to_string(), "2025-02-28T00:00:00Z");
    /// assert_eq!(month.end.unwrap().to_string(), "2025-03-31T00:00:00Z");
    /// ```
    pub fn month_at(&self, now: Instant) -> Window {
        let whole = self.period_at(now);
        let monthly = BillingSchedule { period: BillingPeriod::Monthly, ..self.schedule };
        let (start, end) = monthly.forward(whole.start.date().days(), now.date().days());
        let month = window(start, Some(end), whole.projected);
        Window { end: month.end.map(|end| whole.end.map_or(end, |last| last.min(end))), ..month }
    }

    /// Whether the billing periods are months.
    pub(crate) fn is_monthly(&self) -> bool {
        self.schedule.period == BillingPeriod::Monthly
    }

    /// The period that holds `day`, which is earlier than the current period `[start, end)`.
    fn past_period_at(&self, day: i64, start: i64, end: Option<i64>) -> Window {
        let Some(first) = self.billing_start_date.or(self.start_date).map(|d| d.days().min(start)) else {
            let (from, to) = self.schedule.backward(start, day);
            return window(from, Some(to), true);
        };
        match self.start_date.map(Date::days) {
            // From the subscription's start to the start of billing.
            Some(begun) if day < first && begun < first => window(begun, Some(first), true),
            _ if first == start => window(start, end, true),
            _ => {
                let (from, to) = self.schedule.backward(start, day.max(first));
                window(from.max(first), Some(to), true)
            }
        }
    }
}

fn civil(day: i64) -> Civil {
    Date::clamped(day).civil()
}

fn window(start: i64, end: Option<i64>, projected: bool) -> Window {
    // A bound past the last day becomes the last instant, not the midnight before it.
    let bound = |day: i64| Instant::clamped(day.saturating_mul(crate::time::MS_PER_DAY));
    Window { start: bound(start), end: end.map(bound), projected, slides: false }
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

impl fmt::Display for BillingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BillingError::Anchor(found) => write!(f, "billing_day_anchor must be 1 to 32767, found {found}"),
            BillingError::EmptyPeriod => f.write_str("current_period_end must be later than current_period_start"),
        }
    }
}

impl std::error::Error for BillingError {}
