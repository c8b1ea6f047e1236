//! Random instants, and what changes in time: rows with dates, statuses that grant for a while.

use mayuse_core::Instant;
use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

pub const MS_PER_DAY: i64 = 86_400_000;
/// 2023-01-01, the first day of subscriptions in random catalogs.
pub const FIRST_DAY: i64 = 19_358;
pub const N_DAYS: i64 = 1_500;

pub fn at(ms: i64) -> Instant {
    Instant::from_millis(ms.clamp(Instant::MIN.millis(), Instant::MAX.millis())).unwrap()
}

/// Any instant; most in years that matter, many at midnight.
pub fn any_instant() -> impl Strategy<Value = Instant> {
    let usual = -25_567_i64..84_006;
    prop_oneof![
        4 => usual.clone().prop_map(|day| at(day * MS_PER_DAY)),
        8 => (usual, 0..MS_PER_DAY).prop_map(|(day, ms)| at(day * MS_PER_DAY + ms)),
        1 => (Instant::MIN.millis()..=Instant::MAX.millis()).prop_map(at),
        1 => select(vec![Instant::MIN, Instant::EPOCH, Instant::MAX]),
    ]
}

/// An instant about the time of random catalogs.
pub fn now() -> impl Strategy<Value = Instant> {
    // Mostly when subscriptions have started and trials may still last.
    let day = prop_oneof![1 => -30..N_DAYS, 3 => 200_i64..900].prop_map(|day| FIRST_DAY + day);
    (day, prop_oneof![Just(0), 0..MS_PER_DAY]).prop_map(|(day, ms)| at(day * MS_PER_DAY + ms))
}

/// An instant about the time of random catalogs, often midnight.
pub fn instant() -> impl Strategy<Value = i64> {
    let day = prop_oneof![1 => 0..N_DAYS, 2 => 200_i64..900].prop_map(|day| (FIRST_DAY + day) * MS_PER_DAY);
    (day, prop_oneof![Just(0), 0..MS_PER_DAY]).prop_map(|(day, ms)| day + ms)
}

/// The start and the end of a row in time; either may be missing.
pub fn dates() -> impl Strategy<Value = (Option<i64>, Option<i64>)> {
    (instant(), 1..400 * MS_PER_DAY, 0..3).prop_map(|(start, length, kind)| match kind {
        0 => (Some(start), None),
        1 => (None, Some(start)),
        _ => (Some(start), Some(start + length)),
    })
}

/// The dates of a row in time, as they are written.
pub fn dates_text() -> impl Strategy<Value = (Value, Value)> {
    let text = |ms: Option<i64>| json!(ms.map(|ms| at(ms).to_string()));
    dates().prop_map(move |(start, end)| (text(start), text(end)))
}

/// Puts dates on a row.
pub fn dated(row: &mut Value, (start, end): (Option<i64>, Option<i64>)) {
    row["starts_at"] = json!(start.map(|ms| at(ms).to_string()));
    row["expires_at"] = json!(end.map(|ms| at(ms).to_string()));
}

pub const STATUSES: [&str; 7] =
    ["ACTIVE", "TRIAL_ACTIVE", "PENDING_CHARGE", "TRIAL_EXPIRED", "PAUSED", "SUSPENDED", "CANCELLED"];

/// The statuses that grant: mostly the usual ones, some of them on a condition.
pub fn access() -> impl Strategy<Value = Option<Value>> {
    let entry = (select(STATUSES.to_vec()), 0..3, 0..90_u32).prop_map(|(status, kind, days)| match kind {
        0 => json!(status),
        1 => json!({ "status": status, "until": "END_DATE" }),
        _ => json!({ "status": status, "for_days": days }),
    });
    weighted(
        0.4,
        vec(entry, 0..5).prop_map(|mut entries| {
            entries.push(json!("ACTIVE"));
            json!(entries)
        }),
    )
}
