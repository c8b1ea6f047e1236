//! Time zones: the lists against another library, and local windows against a clock that is read minute by minute.

use crate::random::{cases, week_start};
use crate::random_time::{any_instant, at};
use chrono::{DateTime, Offset, TimeZone, Utc};
use mayuse_core::{
    Anchors, CalendarInterval, Instant, Interval, ResetPeriod, Unit, Weekday, Window, Zone, ZoneIdx, window,
};
use proptest::prelude::*;
use proptest::sample::select;
use std::sync::OnceLock;

/// All zones of the database.
pub fn zones() -> &'static [Zone] {
    static ZONES: OnceLock<Vec<Zone>> = OnceLock::new();
    let zone = |name: String| Zone { offsets: mayuse_zones::offsets(&name).unwrap(), name: name.into() };
    ZONES.get_or_init(|| mayuse_zones::names().into_iter().map(zone).collect())
}

/// A reset period by the clock of a zone, and the position of that.
fn local(unit: Unit, interval: i64, week_start: Weekday, zone: usize) -> ResetPeriod {
    let zone = Some(ZoneIdx::new(u32::try_from(zone).unwrap()));
    let every = Interval::new(unit, interval).unwrap();
    ResetPeriod::Calendar(CalendarInterval { every, week_start, zone })
}

fn held(rule: ResetPeriod, now: Instant) -> Window {
    window(rule, &Anchors { activation: Instant::EPOCH, billing: None }, zones(), now)
}

fn position(name: &str) -> usize {
    zones().iter().position(|zone| &*zone.name == name).unwrap_or_else(|| panic!("there is no zone {name}"))
}

/// Zones of which the database was corrected or went on since the other library was made.
const CORRECTED: [&str; 24] = [
    "Africa/Casablanca",
    "Africa/El_Aaiun",
    "America/Bogota",
    "America/Edmonton",
    "America/Ensenada",
    "America/Havana",
    "America/Inuvik",
    "America/Rainy_River",
    "America/Santa_Isabel",
    "America/Tijuana",
    "America/Vancouver",
    "America/Winnipeg",
    "America/Yellowknife",
    "Asia/Tehran",
    "Canada/Central",
    "Canada/Mountain",
    "Canada/Pacific",
    "Cuba",
    "EET",
    "Europe/Chisinau",
    "Europe/Tiraspol",
    "Iran",
    "Mexico/BajaNorte",
    "WET",
];

/// Every zone, in every month from 1970 to 2037: the offset at its beginning, and the local month that holds it.
#[test]
fn every_zone_agrees_with_another_library_in_every_month() {
    let mut n_compared = 0;
    for (at_zone, zone) in zones().iter().enumerate() {
        let Ok(other) = zone.name.parse::<chrono_tz::Tz>() else { panic!("{}: not in the other library", zone.name) };
        if CORRECTED.contains(&&*zone.name) {
            continue;
        }
        n_compared += 1;
        for month in 0..12 * 68 {
            let (year, month) = (1970 + month / 12, u32::try_from(month % 12 + 1).unwrap());
            let first = Utc.with_ymd_and_hms(year, month, 1, 0, 0, 0).unwrap();
            let now = at(first.timestamp_millis());
            let offset = other.offset_from_utc_datetime(&first.naive_utc()).fix().local_minus_utc();
            let mine = zone.offsets.iter().rev().find(|(from, _)| *from <= now).map(|(_, offset)| *offset);
            assert_eq!(mine, Some(offset), "{} at {now}", zone.name);
            let window = held(local(Unit::Month, 1, Weekday::Monday, at_zone), now);
            let reading = first.with_timezone(&other).naive_local().and_utc();
            let months = |k: i32| {
                i32::try_from(12 * i64::from(chrono::Datelike::year(&reading))).unwrap()
                    + i32::try_from(chrono::Datelike::month0(&reading)).unwrap()
                    + k
            };
            for (bound, k) in [(window.start, 0), (window.end.unwrap(), 1)] {
                let index = months(k);
                let month = u32::try_from(index % 12 + 1).unwrap();
                assert_eq!(bound, first_of(other, index / 12, month), "{} at {now}", zone.name);
            }
        }
    }
    assert!(500 < n_compared, "{n_compared} zones");
}

/// When the local clock first shows the beginning of a month, or a later reading.
fn first_of(zone: chrono_tz::Tz, year: i32, month: u32) -> Instant {
    let reading = chrono::NaiveDate::from_ymd_opt(year, month, 1).unwrap().and_hms_opt(0, 0, 0).unwrap();
    if let Some(first) = zone.from_local_datetime(&reading).earliest() {
        return at(first.timestamp_millis());
    }
    // In a gap: the first later reading that there is, to the second.
    let mut later = reading;
    loop {
        later += chrono::TimeDelta::seconds(1);
        if let Some(first) = zone.from_local_datetime(&later).earliest() {
            let first: DateTime<chrono_tz::Tz> = first;
            return at(first.timestamp_millis());
        }
    }
}

/// The instants at which windows begin, from one instant to another, by reading the local clock every minute.
fn begins(zone: &Zone, unit: Unit, interval: i64, from: i64, to: i64) -> Vec<i64> {
    const MINUTE: i64 = 60_000;
    let reading = |ms: i64| {
        let offset = zone.offsets.iter().rev().find(|(from, _)| from.millis() <= ms).or(zone.offsets.first());
        ms + i64::from(offset.map_or(0, |(_, seconds)| *seconds)) * 1_000
    };
    // The number of the unit that a reading lies in.
    let unit_of = |reading: i64| {
        let utc = ResetPeriod::Calendar(Interval::new(unit, interval).unwrap().into());
        window(utc, &Anchors { activation: Instant::EPOCH, billing: None }, &[], at(reading)).start.millis()
    };
    let may_repeat = matches!(unit, Unit::Minute | Unit::Hour);
    let mut found = Vec::new();
    // Days before count for units that begin once.
    let mut latest = i64::MIN;
    for ms in ((from - 3 * 24 * 60 * MINUTE)..to).step_by(60_000) {
        let (before, now) = (reading(ms - MINUTE), reading(ms));
        let is_beginning = if may_repeat {
            // It shows a beginning, or has skipped one.
            unit_of(now) == now || (before < now && unit_of(before) != unit_of(now))
        } else {
            latest < unit_of(now) && latest != i64::MIN
        };
        latest = latest.max(unit_of(now));
        if from <= ms && is_beginning {
            found.push(ms);
        }
    }
    found
}

#[test]
fn local_windows_begin_where_the_clock_says() {
    let places = [
        // A gap and a fold of an hour, at night; of half an hour; at midnight.
        ("Europe/Berlin", "2026-03-29"),
        ("Europe/Berlin", "2026-10-25"),
        ("Australia/Lord_Howe", "2026-04-04"),
        ("Australia/Lord_Howe", "2026-10-03"),
        ("America/Santiago", "2026-04-05"),
        ("America/Santiago", "2026-09-06"),
        ("Asia/Beirut", "2022-03-26"),
        ("Asia/Beirut", "2022-10-29"),
        ("Atlantic/Azores", "2024-10-27"),
        // A fold over midnight, a day that was skipped, and one that was shown twice.
        ("America/Scoresbysund", "2023-10-29"),
        ("Pacific/Apia", "2011-12-30"),
        ("Pacific/Kwajalein", "1993-08-21"),
        ("America/St_Johns", "1988-10-30"),
        ("America/St_Johns", "2010-11-07"),
        ("Antarctica/Casey", "2010-03-05"),
        ("Antarctica/Troll", "2026-03-29"),
        ("Asia/Kathmandu", "1985-12-31"),
        ("Africa/Cairo", "2026-10-30"),
    ];
    let units = [
        (Unit::Minute, 15),
        (Unit::Minute, 45),
        (Unit::Hour, 1),
        (Unit::Hour, 6),
        (Unit::Hour, 24),
        (Unit::Hour, 5),
        (Unit::Day, 1),
        (Unit::Day, 2),
        (Unit::Week, 1),
        (Unit::Month, 1),
        (Unit::Year, 1),
    ];
    for (name, day) in places {
        let zone = position(name);
        let day = Instant::parse(day).unwrap().millis();
        let (from, to) = (day - 3 * 86_400_000, day + 4 * 86_400_000);
        for (unit, interval) in units {
            let mut expected = begins(&zones()[zone], unit, interval, from, to);
            let rule = local(unit, interval, Weekday::Monday, zone);
            let mut found = Vec::new();
            let mut held_now = held(rule, at(from));
            if held_now.start.millis() == from {
                found.push(from);
            }
            while let Some(end) = held_now.end.filter(|end| end.millis() < to) {
                found.push(end.millis());
                held_now = held(rule, end);
                assert_eq!(held_now.start, end, "{name} {interval} {unit:?}");
            }
            expected.dedup();
            assert_eq!(
                found.iter().map(|ms| at(*ms)).collect::<Vec<_>>(),
                expected.iter().map(|ms| at(*ms)).collect::<Vec<_>>(),
                "{name} {interval} {unit:?}"
            );
        }
    }
}

proptest! {
    #![proptest_config(cases(4_000))]

    #[test]
    fn local_windows_tile_time(
        zone in 0..zones().len(),
        unit in select(Unit::ALL.to_vec()),
        interval in prop_oneof![6 => 1_i64..=14, 2 => 1_i64..=400, 1 => 1_i64..=10_000],
        week_start in week_start(),
        near in prop_oneof![3 => Just(true), 1 => Just(false)],
        which in any::<prop::sample::Index>(),
        by in -200_000_000_i64..200_000_000,
        anywhere in any_instant(),
    ) {
        // Mostly near a change of the clock.
        let changes = &zones()[zone].offsets;
        let now = if near { at(which.get(changes).0.millis() + by) } else { anywhere };
        let rule = local(unit, interval, week_start, zone);
        let window = held(rule, now);
        let end = window.end.unwrap();
        prop_assert!(window.start <= now && (now < end || end == Instant::MAX), "{window:?} at {now}");
        if end < Instant::MAX {
            prop_assert_eq!(held(rule, end).start, end);
            prop_assert_eq!(held(rule, at(end.millis() - 1)), window);
        }
        prop_assert_eq!(held(rule, window.start), window);
        if Instant::MIN < window.start {
            prop_assert_eq!(held(rule, at(window.start.millis() - 1)).end, Some(window.start));
        }
    }
}

#[test]
fn a_name_is_spelled_as_in_the_database() {
    let misspelt = ["europe/berlin", "Europe/berlin", "EUROPE/BERLIN"];
    for name in misspelt.into_iter().chain(["Europe/Atlantis", "", "+01:00", "Factory", "BST", "PST"]) {
        assert!(mayuse_zones::offsets(name).is_none(), "{name}");
    }
}
