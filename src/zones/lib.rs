//! The time zones of the world, for programs that run natively: from the IANA database that is compiled in.
//!
//! The core only looks offsets up. This crate makes the list of a zone: the instants from 1970 to 2100 from which on
//! its local clock is ahead of UTC by a number of seconds. JavaScript has its own database, and makes the same list.

#![forbid(unsafe_code)]

use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use mayuse_core::Instant;

/// 1970-01-01 and 2101-01-01 in seconds since 1970: the first and the last instant of a list, exclusive.
const FROM: i64 = 0;
const TO: i64 = 4_133_980_800;

/// The offsets of a zone in seconds, each with the instant from which on it counts, from 1970 to 2100. None for a name
/// that is not one of the database, spelled exactly.
///
/// # Example: an hour ahead in winter
///
/// ```
/// let berlin = mayuse_zones::offsets("Europe/Berlin").unwrap();
/// assert_eq!((berlin[0].0.to_string().as_str(), berlin[0].1), ("1970-01-01T00:00:00Z", 3_600));
/// assert!(mayuse_zones::offsets("europe/berlin").is_none());
/// ```
pub fn offsets(name: &str) -> Option<Vec<(Instant, i32)>> {
    let database = TimeZoneDatabase::bundled();
    let zone = database.get(name).ok()?;
    // The database finds names in any case.
    if zone.iana_name() == Some(name) && is_place(name) { list(&zone) } else { None }
}

/// The names of all zones of the database, sorted.
pub fn names() -> Vec<String> {
    let mut names: Vec<String> = TimeZoneDatabase::bundled().available().map(|name| name.to_string()).collect();
    names.retain(|name| is_place(name));
    names.sort_unstable();
    names
}

/// The database has a name for a clock that nobody set.
fn is_place(name: &str) -> bool {
    name != "Factory"
}

fn list(zone: &TimeZone) -> Option<Vec<(Instant, i32)>> {
    let first = Timestamp::from_second(FROM).ok()?;
    let mut offset = zone.to_offset(first).seconds();
    let mut list = vec![(instant(FROM)?, offset)];
    for change in zone.following(first) {
        let at = change.timestamp().as_second();
        if TO <= at {
            break;
        }
        // A change of the name alone changes nothing.
        if change.offset().seconds() != offset {
            offset = change.offset().seconds();
            list.push((instant(at)?, offset));
        }
    }
    Some(list)
}

fn instant(second: i64) -> Option<Instant> {
    Instant::from_millis(second.checked_mul(1_000)?)
}
