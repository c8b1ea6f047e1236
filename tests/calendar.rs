//! The calendar arithmetic against another library and another way: `jiff`, and periods counted
//! one by one, where the core computes them at once.

use crate::random::{MS_PER_DAY, RandomBilling, at, billing, cases, date, rhythm, unit};
use jiff::civil::{self, DateTime};
use jiff::{Span, ToSpan, Unit as Largest};
use mayuse_core::{Anchors, BillingPeriod, BillingSchedule, Instant, Interval, ResetPeriod, Unit, Window, window};
use proptest::prelude::*;

const EPOCH: DateTime = civil::date(1970, 1, 1).at(0, 0, 0, 0);

/// 1900 to 2200.
fn instants() -> impl Strategy<Value = Instant> {
    (-25_567_i64..84_006, prop_oneof![Just(0), Just(MS_PER_DAY - 1), 0..MS_PER_DAY])
        .prop_map(|(day, ms)| at(day * MS_PER_DAY + ms))
}

/// Days towards the ends of months, where clamping happens, more often than others.
fn month_ends() -> impl Strategy<Value = Instant> {
    (1900_i16..2200, 1_i8..=12, 28_i8..=31, 0..MS_PER_DAY).prop_map(|(year, month, day, ms)| {
        let last = civil::date(year, month, 1).days_in_month();
        let midnight = civil::date(year, month, day.min(last)).at(0, 0, 0, 0);
        at(ms_of(midnight) + ms)
    })
}

fn civil(instant: Instant) -> DateTime {
    EPOCH.checked_add(instant.millis().milliseconds()).unwrap()
}

fn ms_of(at: DateTime) -> i64 {
    at.since((Largest::Millisecond, EPOCH)).unwrap().get_milliseconds()
}

fn span(unit: Unit, n: i64) -> Span {
    match unit {
        Unit::Hour => n.hours(),
        Unit::Day => n.days(),
        Unit::Week => n.weeks(),
        Unit::Month => n.months(),
        Unit::Year => n.years(),
    }
}

fn anchored(rule: ResetPeriod, activation: Instant, now: Instant) -> Window {
    window(rule, &Anchors { activation, billing: None }, now)
}

fn check(held: Window, start: DateTime, end: Option<DateTime>) -> Result<(), TestCaseError> {
    prop_assert_eq!(civil(held.start), start, "start");
    prop_assert_eq!(held.end.map(civil), end, "end");
    Ok(())
}

/// The first instant of a calendar window, by stepping back unit by unit from the unit that holds
/// `now` until one is a multiple.
fn calendar_start(unit: Unit, n: i64, now: DateTime) -> DateTime {
    let midnight = now.date().at(0, 0, 0, 0);
    let first_of_month = now.date().first_of_month().at(0, 0, 0, 0);
    // The unit that holds `now`, and how many units lie before it.
    let (start, count) = match unit {
        Unit::Hour => {
            let hour = now.date().at(now.hour(), 0, 0, 0);
            (hour, ms_of(hour) / 3_600_000)
        }
        Unit::Day => (midnight, ms_of(midnight) / MS_PER_DAY),
        Unit::Week => {
            let since_monday = now.date().weekday().to_monday_zero_offset();
            let monday = midnight.checked_sub(i64::from(since_monday).days()).unwrap();
            let first_monday = civil::date(1969, 12, 29).at(0, 0, 0, 0);
            (monday, monday.since((Largest::Day, first_monday)).unwrap().get_days().into())
        }
        Unit::Month => (first_of_month, i64::from(now.year()) * 12 + i64::from(now.month()) - 1),
        Unit::Year => (civil::date(now.year(), 1, 1).at(0, 0, 0, 0), i64::from(now.year())),
    };
    let count = match unit {
        // Weeks were counted in days.
        Unit::Week => count / 7,
        _ => count,
    };
    let mut back = 0;
    while (count - back) % n != 0 {
        back += 1;
    }
    start.checked_sub(span(unit, back)).unwrap()
}

proptest! {
    #![proptest_config(cases(1_000))]

    #[test]
    fn calendar_windows(unit in unit(), n in prop_oneof![1_i64..=12, 1_i64..=1_000], now in instants()) {
        let rule = ResetPeriod::Calendar(Interval::new(unit, n).unwrap());
        let start = calendar_start(unit, n, civil(now));
        let end = start.checked_add(span(unit, n)).unwrap();
        check(anchored(rule, Instant::EPOCH, now), start, Some(end))?;
    }

    #[test]
    fn sliding_windows(
        unit in unit(),
        n in prop_oneof![1_i64..=12, 1_i64..=1_000],
        now in prop_oneof![instants(), month_ends()],
    ) {
        let rule = ResetPeriod::SlidingWindow(Interval::new(unit, n).unwrap());
        let start = civil(now).checked_sub(span(unit, n)).unwrap();
        check(anchored(rule, Instant::EPOCH, now), start, Some(civil(now)))?;
    }

    #[test]
    fn fixed_windows(
        unit in unit(),
        n in prop_oneof![3 => 1_i64..=12, 1 => 1_i64..=100],
        activation in prop_oneof![instants(), month_ends()],
        steps in -2_i64..60,
        hundredths in 0_i64..100,
    ) {
        // So many steps and a bit from the activation, where they are not too long.
        let from = civil(activation);
        let around = |k: i64| from.checked_add(span(unit, k * n)).map(ms_of).unwrap();
        let now = at(around(steps) + (around(steps + 1) - around(steps)) / 100 * hundredths);
        // Always from the activation, one step more each time.
        let mut k = 0;
        while around(k + 1) <= now.millis() {
            k += 1;
        }
        let end = civil(at(around(k + 1)));
        let rule = ResetPeriod::FixedWindow(Interval::new(unit, n).unwrap());
        let held = anchored(rule, activation, now);
        if is_in_range(end) {
            check(held, civil(at(around(k))), Some(end))?;
        }
    }

    #[test]
    fn fixed_windows_on_their_edges(unit in unit(), n in 1_i64..=12, activation in month_ends(), k in 1_i64..60) {
        let from = civil(activation);
        let edge = |k: i64| from.checked_add(span(unit, k * n)).unwrap();
        let rule = ResetPeriod::FixedWindow(Interval::new(unit, n).unwrap());
        let edge_ms = ms_of(edge(k));
        check(anchored(rule, activation, at(edge_ms)), edge(k), Some(edge(k + 1)))?;
        check(anchored(rule, activation, at(edge_ms - 1)), edge(k - 1), Some(edge(k)))?;
    }

    #[test]
    fn billing_periods((period, anchor) in rhythm(), from in -25_567_i64..70_000, days in -40_i64..3_000) {
        let now = at((from + days) * MS_PER_DAY);
        let rhythm = BillingSchedule::new(period, anchor).unwrap();
        let (start, end) = slow_period(period, anchor, day(from), day(from + days));
        check(rhythm.period_from(date(from), now), start.at(0, 0, 0, 0), Some(end.at(0, 0, 0, 0)))?;
    }

    #[test]
    fn billing_cycles(billing in billing(), days in -2_500_i64..2_500) {
        let now = billing.from + days;
        let (start, end, projected) = slow_cycle(&billing, day(now));
        let held = billing.built().period_at(at(now * MS_PER_DAY + 1));
        check(held, start.at(0, 0, 0, 0), end.map(|end| end.at(0, 0, 0, 0)))?;
        prop_assert_eq!(held.projected, projected);
    }
}

fn is_in_range(at: DateTime) -> bool {
    at.year() < 9_999
}

fn day(n: i64) -> civil::Date {
    EPOCH.date().checked_add(n.days()).unwrap()
}

fn months(period: BillingPeriod) -> i64 {
    match period {
        BillingPeriod::Monthly => 1,
        BillingPeriod::Quarterly => 3,
        BillingPeriod::Semiannual => 6,
        BillingPeriod::Annual => 12,
    }
}

/// `m` months later, or earlier, on the anchor: the last day where the month is shorter.
fn months_at_anchor(from: civil::Date, m: i64, anchor: i64) -> civil::Date {
    on_anchor(from.first_of_month().checked_add(m.months()).unwrap(), anchor)
}

fn on_anchor(month: civil::Date, anchor: i64) -> civil::Date {
    let day = anchor.min(month.days_in_month().into());
    civil::date(month.year(), month.month(), i8::try_from(day).unwrap())
}

/// The period that starts on a day: to the anchor of the same month, where that is still to come.
fn slow_end(period: BillingPeriod, anchor: i64, start: civil::Date) -> civil::Date {
    let anchor_day = on_anchor(start, anchor);
    if start < anchor_day { anchor_day } else { months_at_anchor(start, months(period), anchor) }
}

/// Period after period from a start until one holds the day, or already the first is later.
fn slow_period(period: BillingPeriod, anchor: i64, from: civil::Date, at: civil::Date) -> (civil::Date, civil::Date) {
    let mut start = from;
    loop {
        let end = slow_end(period, anchor, start);
        if at < end {
            return (start, end);
        }
        start = end;
    }
}

/// The billing cycle that holds a day, and whether it is not the one that is replicated.
fn slow_cycle(billing: &RandomBilling, at: civil::Date) -> (civil::Date, Option<civil::Date>, bool) {
    let RandomBilling { period, anchor, .. } = *billing;
    let (from, to) = (day(billing.from), billing.to.map(day));
    if let Some(to) = to.filter(|to| *to <= at) {
        let (start, end) = slow_period(period, anchor, to, at);
        return (start, Some(end), true);
    }
    if from <= at {
        return (from, to, false);
    }
    // The first period: from where billing began, which is never later than the current one.
    let begun = billing.start.map(day);
    let first = billing.billing_start.map(day).or(begun).map(|first| first.min(from));
    if let (Some(begun), Some(first)) = (begun, first)
        && at < first
        && begun < first
    {
        return (begun, Some(first), true);
    }
    let (mut start, mut end) = (from, to);
    while at < start && first.is_none_or(|first| first < start) {
        end = Some(start);
        start = months_at_anchor(start, -months(period), anchor);
        start = first.map_or(start, |first| first.max(start));
    }
    (start, end, true)
}
