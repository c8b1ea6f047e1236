//! The calendar arithmetic against another library and another way: `jiff`, and periods counted
//! one by one, where the core computes them at once.

use crate::random::{RandomBilling, billing, cases, rhythm, unit, week_start};
use crate::random_time::{MS_PER_DAY, at};
use jiff::civil::{self, DateTime};
use jiff::{Span, ToSpan, Unit as Largest};
use mayuse_core::{
    Anchors, BillingPeriod, BillingSchedule, CalendarInterval, Instant, Interval, ResetPeriod, Unit, Weekday, Window,
    window,
};
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
        Unit::Minute => n.minutes(),
        Unit::Hour => n.hours(),
        Unit::Day => n.days(),
        Unit::Week => n.weeks(),
        Unit::Month => n.months(),
        Unit::Year => n.years(),
    }
}

fn anchored(rule: ResetPeriod, activation: Instant, now: Instant) -> Window {
    window(rule, &Anchors { activation, billing: None }, &[], now)
}

fn day_name(date: civil::Date) -> &'static str {
    let names = ["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"];
    names[usize::try_from(date.weekday().to_monday_zero_offset()).unwrap()]
}

fn check(held: Window, start: DateTime, end: Option<DateTime>) -> Result<(), TestCaseError> {
    prop_assert_eq!(civil(held.start), start, "start");
    prop_assert_eq!(held.end.map(civil), end, "end");
    Ok(())
}

/// The first instant of a calendar window, by stepping back unit by unit from the unit that holds
/// `now` until one is a multiple.
fn calendar_start(unit: Unit, n: i64, week_start: Weekday, now: DateTime) -> DateTime {
    let midnight = now.date().at(0, 0, 0, 0);
    let first_of_month = now.date().first_of_month().at(0, 0, 0, 0);
    // The unit that holds `now`, and how many units lie before it.
    let (start, count) = match unit {
        Unit::Minute => {
            let minute = now.date().at(now.hour(), now.minute(), 0, 0);
            (minute, ms_of(minute) / 60_000)
        }
        Unit::Hour => {
            let hour = now.date().at(now.hour(), 0, 0, 0);
            (hour, ms_of(hour) / 3_600_000)
        }
        Unit::Day => (midnight, ms_of(midnight) / MS_PER_DAY),
        Unit::Week => {
            let is_first = |date: &civil::Date| day_name(*date) == week_start.name();
            let back = |from: civil::Date| (0..7).map(|n| from.checked_sub(n.days()).unwrap()).find(is_first).unwrap();
            let (first, of_1970) = (back(now.date()), back(EPOCH.date()));
            let since = first.since((Largest::Day, of_1970)).unwrap().get_days();
            (first.at(0, 0, 0, 0), since.into())
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
    fn calendar_windows(
        unit in unit(),
        n in prop_oneof![1_i64..=12, 1_i64..=1_000],
        week_start in week_start(),
        now in instants(),
    ) {
        let rule = ResetPeriod::Calendar(CalendarInterval { every: Interval::new(unit, n).unwrap(), week_start, zone: None });
        let start = calendar_start(unit, n, week_start, civil(now));
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
    fn billing_periods(
        (period, anchor) in rhythm(),
        from in -25_567_i64..70_000,
        clock in prop_oneof![Just(0), 0..MS_PER_DAY],
        days in -40_i64..3_000,
        ms in 0..MS_PER_DAY,
    ) {
        let (from, now) = (at(from * MS_PER_DAY + clock), at((from + days) * MS_PER_DAY + ms));
        let rhythm = BillingSchedule::new(period, anchor).unwrap();
        let (start, end) = slow_period(period, anchor, civil(from), civil(from).time(), civil(now));
        check(rhythm.period_from(from, now), start, Some(end))?;
    }

    #[test]
    fn billing_cycles(billing in billing(), days in -2_500_i64..2_500, ms in 0..MS_PER_DAY) {
        let now = at(billing.from + days * MS_PER_DAY + ms);
        let (start, end, projected) = slow_cycle(&billing, civil(now));
        let held = billing.built().period_at(now);
        check(held, start, end)?;
        prop_assert_eq!(held.projected, projected);
    }

    #[test]
    fn billing_months(billing in billing(), days in -2_500_i64..2_500, ms in 0..MS_PER_DAY) {
        let now = at(billing.from + days * MS_PER_DAY + ms);
        let (start, end, projected) = slow_cycle(&billing, civil(now));
        let anchor = if billing.period.months().is_some() { billing.anchor } else { start.day().into() };
        let clock = civil(at(billing.from)).time();
        let (start, month_end) = slow_period(BillingPeriod::MONTHLY, anchor, start, clock, civil(now));
        let held = billing.built().month_at(now);
        check(held, start, Some(end.map_or(month_end, |end| end.min(month_end))))?;
        prop_assert_eq!(held.projected, projected);
    }
}

fn is_in_range(at: DateTime) -> bool {
    at.year() < 9_999
}

/// `m` months later, or earlier, on the anchor: the last day where the month is shorter.
fn months_at_anchor(from: civil::Date, m: i64, anchor: i64) -> civil::Date {
    on_anchor(from.first_of_month().checked_add(m.months()).unwrap(), anchor)
}

fn on_anchor(month: civil::Date, anchor: i64) -> civil::Date {
    let day = anchor.min(month.days_in_month().into());
    civil::date(month.year(), month.month(), i8::try_from(day).unwrap())
}

/// So many whole periods later, or earlier.
fn stepped(period: BillingPeriod, anchor: i64, from: civil::Date, n: i64) -> civil::Date {
    let (unit, every) = (period.every().unit, i64::from(period.every().interval()) * n);
    match unit {
        Unit::Month => months_at_anchor(from, every, anchor),
        Unit::Year => months_at_anchor(from, every * 12, anchor),
        unit => from.checked_add(span(unit, every)).unwrap(),
    }
}

/// The period that starts on a day: to the anchor of the same month, where that is still to come.
fn slow_end(period: BillingPeriod, anchor: i64, start: civil::Date) -> civil::Date {
    let anchor_day = on_anchor(start, anchor);
    let has_anchor = period.months().is_some();
    if has_anchor && start < anchor_day { anchor_day } else { stepped(period, anchor, start, 1) }
}

/// Period after period from a start until one holds the instant, or already the first is later. All but the first
/// start at the time of day `clock`.
fn slow_period(
    period: BillingPeriod,
    anchor: i64,
    from: DateTime,
    clock: civil::Time,
    at: DateTime,
) -> (DateTime, DateTime) {
    let mut start = from;
    loop {
        let end = slow_end(period, anchor, start.date()).to_datetime(clock);
        if at < end {
            return (start, end);
        }
        start = end;
    }
}

/// The billing cycle that holds an instant, and whether it is not the one that is replicated.
fn slow_cycle(billing: &RandomBilling, now: DateTime) -> (DateTime, Option<DateTime>, bool) {
    let RandomBilling { period, anchor, .. } = *billing;
    let time = |ms: i64| civil(at(ms));
    let (from, to) = (time(billing.from), billing.to.map(time));
    let clock = from.time();
    if let Some(to) = to.filter(|to| *to <= now) {
        let (start, end) = slow_period(period, anchor, to, clock, now);
        return (start, Some(end), true);
    }
    if from <= now {
        return (from, to, false);
    }
    // The first period: from where billing began, which is never later than the current one.
    let begun = billing.start.map(time);
    let first = billing.billing_start.map(time).or(begun).map(|first| first.min(from));
    if let (Some(begun), Some(first)) = (begun, first)
        && now < first
        && begun < first
    {
        return (begun, Some(first), true);
    }
    let (mut start, mut end) = (from, to);
    while now < start && first.is_none_or(|first| first < start) {
        end = Some(start);
        start = stepped(period, anchor, start.date(), -1).to_datetime(clock);
        start = first.map_or(start, |first| first.max(start));
    }
    (start, end, true)
}
