//! Windowing: which window of a reset period holds an instant, as section 6 of docs/semantics.md says.
//!
//! Every bound is computed in closed form: no function here loops over windows.

use crate::billing::Billing;
use crate::reset::{CalendarInterval, Interval, ResetPeriod, Step, Unit};
use crate::time::{Instant, MS_PER_DAY, MS_PER_MINUTE, civil, day_in_month};
use crate::window::Window;
use crate::zone::Zone;

/// The anchors from which windows are stepped.
#[derive(Clone, Copy, Debug)]
pub struct Anchors {
    /// The start of FIXED_WINDOW and NEVER windows.
    pub activation: Instant,
    /// The billing data for BILLING_CYCLE. Without it, a BILLING_CYCLE window is open from the activation.
    pub billing: Option<Billing>,
}

/// The window of a reset period that holds `now`. `zones` is the list in which its time zone has its position.
///
/// A bound outside years 1 to 9999 is clamped to that range.
///
/// # Example: monthly from the 31st, always stepped from the activation
///
/// ```
/// use mayuse_core::{Anchors, Interval, Instant, ResetPeriod, Unit, window};
/// let monthly = ResetPeriod::FixedWindow(Interval::new(Unit::Month, 1).unwrap());
/// let anchors = Anchors { activation: Instant::parse("2025-01-31").unwrap(), billing: None };
/// let w = window(monthly, &anchors, &[], Instant::parse("2025-02-28").unwrap());
/// assert_eq!(w.start.to_string(), "2025-02-28T00:00:00Z");
/// assert_eq!(w.end.unwrap().to_string(), "2025-03-31T00:00:00Z");
/// ```
///
/// # Example: weeks start on Monday, unless `week_start` says otherwise
///
/// ```
/// # use mayuse_core::{Anchors, Interval, Instant, ResetPeriod, Unit, window};
/// let weekly = ResetPeriod::Calendar(Interval::new(Unit::Week, 1).unwrap().into());
/// let anchors = Anchors { activation: Instant::EPOCH, billing: None };
/// let w = window(weekly, &anchors, &[], Instant::parse("2025-06-15T23:59:59Z").unwrap());
/// assert_eq!(w.start.to_string(), "2025-06-09T00:00:00Z");
/// assert_eq!(w.reset_at(), w.end);
/// ```
///
/// # Example: a sliding month ends now and has no reset
///
/// ```
/// # use mayuse_core::{Anchors, Interval, Instant, ResetPeriod, Unit, window};
/// let sliding = ResetPeriod::SlidingWindow(Interval::new(Unit::Month, 1).unwrap());
/// let anchors = Anchors { activation: Instant::EPOCH, billing: None };
/// let w = window(sliding, &anchors, &[], Instant::parse("2024-03-31T08:00:00Z").unwrap());
/// assert_eq!(w.start.to_string(), "2024-02-29T08:00:00Z");
/// assert_eq!(w.reset_at(), None);
/// ```
pub fn window(rule: ResetPeriod, anchors: &Anchors, zones: &[Zone], now: Instant) -> Window {
    match rule {
        ResetPeriod::Never => Window::open(anchors.activation),
        ResetPeriod::BillingCycle => match anchors.billing {
            Some(billing) => billing.period_at(now),
            None => Window::open(anchors.activation),
        },
        ResetPeriod::BillingMonth => match anchors.billing {
            Some(billing) => billing.month_at(now),
            None => Window::open(anchors.activation),
        },
        ResetPeriod::Calendar(rule) => match rule.zone {
            None => {
                let (start, end) = bounds(rule, now.millis());
                Window::closed(start, end)
            }
            Some(zone) => local(rule, zone.item(zones), now),
        },
        ResetPeriod::FixedWindow(every) => fixed(every, anchors.activation, now),
        ResetPeriod::SlidingWindow(every) => {
            let start = Steps::new(now, every).instant(-1);
            Window { slides: true, ..Window::closed(start, now.millis()) }
        }
    }
}

/// A window by the clock of a time zone. A zone that is not in its list, as in no catalog, counts as UTC.
#[cold]
#[inline(never)]
fn local(rule: CalendarInterval, zone: Option<&Zone>, now: Instant) -> Window {
    let bounds = &|reading| bounds(rule, reading);
    let (start, end) = match zone {
        None => bounds(now.millis()),
        Some(zone) if rule.every.is_within_days() => zone.unit_that_may_repeat(now.millis(), bounds),
        Some(zone) => zone.unit_that_begins_once(now.millis(), bounds),
    };
    Window::closed(start, end)
}

/// The start and the end of the calendar interval that holds a reading of a clock, all in milliseconds since 1970.
fn bounds(CalendarInterval { every, week_start, .. }: CalendarInterval, reading: i64) -> (i64, i64) {
    let origin = match every.unit {
        Unit::Week => MS_PER_DAY.saturating_mul(week_start.before_1970()),
        _ => 0,
    };
    match every.step() {
        Step::Minutes(minutes) => {
            let step = minutes.saturating_mul(MS_PER_MINUTE);
            let start = floor(reading.saturating_sub(origin), step).saturating_add(origin);
            (start, start.saturating_add(step))
        }
        // Months are counted from the year 0, so years start at multiples of twelve.
        Step::Months(months) => {
            let first = floor(i64::from(civil(reading.div_euclid(MS_PER_DAY)).month_index), months);
            let first_of = |month: i64| day_in_month(month, 1).saturating_mul(MS_PER_DAY);
            (first_of(first), first_of(first.saturating_add(months)))
        }
    }
}

fn fixed(every: Interval, activation: Instant, now: Instant) -> Window {
    let steps = Steps::new(activation, every);
    // An instant before the activation is in the first window.
    let k = steps.n_until(now).max(0);
    Window::closed(steps.instant(k), steps.instant(k.saturating_add(1)))
}

/// Steps of one length from an instant. Steps of months clamp the day and keep the time of day.
enum Steps {
    /// All in milliseconds.
    OfTime { from: i64, length: i64 },
    /// The month is counted from the year 0; the time of day is in milliseconds.
    OfMonths { month: i64, day: u32, time: i64, length: i64 },
}

impl Steps {
    fn new(from: Instant, every: Interval) -> Steps {
        match every.step() {
            Step::Minutes(minutes) => {
                Steps::OfTime { from: from.millis(), length: minutes.saturating_mul(MS_PER_MINUTE) }
            }
            Step::Months(length) => {
                let civil = from.date().civil();
                Steps::OfMonths { month: civil.month_index.into(), day: civil.day, time: from.time_of_day(), length }
            }
        }
    }

    /// The instant after `k` steps, in milliseconds since 1970.
    fn instant(&self, k: i64) -> i64 {
        match *self {
            Steps::OfTime { from, length } => from.saturating_add(k.saturating_mul(length)),
            Steps::OfMonths { month, day, time, length } => {
                let day = day_in_month(month.saturating_add(k.saturating_mul(length)), day);
                day.saturating_mul(MS_PER_DAY).saturating_add(time)
            }
        }
    }

    /// The number of whole steps until an instant.
    fn n_until(&self, now: Instant) -> i64 {
        match *self {
            Steps::OfTime { from, length } => now.millis().saturating_sub(from).div_euclid(length),
            Steps::OfMonths { month, length, .. } => {
                let k = i64::from(now.date().civil().month_index).saturating_sub(month).div_euclid(length);
                // The step may end later in the month of `now`.
                if now.millis() < self.instant(k) { k.saturating_sub(1) } else { k }
            }
        }
    }
}

/// The greatest multiple of `step` that is at most `n`.
fn floor(n: i64, step: i64) -> i64 {
    n.div_euclid(step).saturating_mul(step)
}
