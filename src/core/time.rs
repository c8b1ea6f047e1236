//! Instants and dates: UTC, the proleptic Gregorian calendar, years 1 to 9999, millisecond precision.
//!
//! This module reads no clock: time is always an argument.

use crate::json::{WriteJson, digit, put};
use std::fmt;
use std::num::{NonZeroU32, NonZeroU64};

pub(crate) const MS_PER_MINUTE: i64 = 60_000;
pub(crate) const MS_PER_DAY: i64 = 86_400_000;

/// An instant: milliseconds since 1970-01-01T00:00:00Z, always within years 1 to 9999.
///
/// # Example: parsing and printing
///
/// ```
/// use mayuse_core::Instant;
/// let t = Instant::parse("2025-06-15T12:30:00+02:00").unwrap();
/// assert_eq!(t.to_string(), "2025-06-15T10:30:00Z");
/// // Without a zone it is read as UTC; a bare date is its midnight.
/// assert_eq!(Instant::parse("2025-06-15T10:30:00").unwrap(), t);
/// assert_eq!(Instant::parse("2025-06-15").unwrap().to_string(), "2025-06-15T00:00:00Z");
/// ```
///
/// # Example: the ends of time
///
/// ```
/// use mayuse_core::Instant;
/// assert!(Instant::parse("9999-12-31T23:59:59.999Z").is_ok());
/// assert!(Instant::parse("10000-01-01T00:00:00Z").is_err());
/// assert!(Instant::parse("0000-12-31T23:59:59Z").is_err());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(
    // Milliseconds from just before year 1. It is never zero, so an `Option<Instant>` takes no more room.
    NonZeroU64,
);

/// 0001-01-01T00:00:00Z in milliseconds since 1970.
const MIN_MS: i64 = -62_135_596_800_000;
/// 9999-12-31T23:59:59.999Z in milliseconds since 1970.
const MAX_MS: i64 = 253_402_300_799_999;

impl Instant {
    /// 0001-01-01T00:00:00Z, the earliest instant.
    pub const MIN: Instant = Instant::within(MIN_MS);
    /// 9999-12-31T23:59:59.999Z, the latest instant.
    pub const MAX: Instant = Instant::within(MAX_MS);
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Instant = Instant::within(0);

    /// The instant `ms` milliseconds after 1970, or None outside years 1 to 9999.
    pub const fn from_millis(ms: i64) -> Option<Instant> {
        if MIN_MS <= ms && ms <= MAX_MS { Some(Instant::within(ms)) } else { None }
    }

    /// Midnight of a day in days since 1970, or None outside years 1 to 9999.
    #[inline]
    pub(crate) fn from_days(days: i64) -> Option<Instant> {
        if (FIRST_DAY..=LAST_DAY).contains(&days) { Some(Instant::within(days.wrapping_mul(MS_PER_DAY))) } else { None }
    }

    /// The nearest instant within years 1 to 9999, for window bounds that lie outside.
    pub(crate) fn clamped(ms: i64) -> Instant {
        Instant::within(ms.clamp(MIN_MS, MAX_MS))
    }

    const fn within(ms: i64) -> Instant {
        match NonZeroU64::new(ms.wrapping_sub(MIN_MS).wrapping_add(1).cast_unsigned()) {
            Some(biased) => Instant(biased),
            None => Instant(NonZeroU64::MIN),
        }
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub const fn millis(self) -> i64 {
        self.0.get().cast_signed().wrapping_add(MIN_MS).wrapping_sub(1)
    }

    /// The day of this instant, in UTC.
    pub fn date(self) -> Date {
        Date::clamped(self.millis().div_euclid(MS_PER_DAY))
    }

    /// The instant `days` times 24 hours later, but at most that time of day on 9999-12-31.
    pub fn plus_days(self, days: u32) -> Instant {
        let day = Date::clamped(self.date().days().saturating_add(i64::from(days)));
        Instant::clamped(day.days().saturating_mul(MS_PER_DAY).saturating_add(self.time_of_day()))
    }

    /// Milliseconds since the midnight before.
    pub(crate) fn time_of_day(self) -> i64 {
        self.millis().rem_euclid(MS_PER_DAY)
    }

    /// Reads RFC 3339 (`2025-06-15T10:30:00Z`), RFC 3339 without a zone (read as UTC), or a date (its midnight).
    /// Digits beyond the millisecond are dropped.
    ///
    /// # Errors
    /// [`TimeError::Instant`] for any other text, [`TimeError::Range`] outside years 1 to 9999.
    pub fn parse(text: &str) -> Result<Instant, TimeError> {
        let mut rest = Scanner(text.as_bytes());
        let days = rest.date().ok_or(TimeError::Instant)?;
        let ms = match rest.0 {
            [] => 0,
            _ => rest.time_and_zone().ok_or(TimeError::Instant)?,
        };
        Instant::from_millis(days.saturating_mul(MS_PER_DAY).saturating_add(ms)).ok_or(TimeError::Range)
    }
}

impl Instant {
    /// RFC 3339 in UTC, and its length. Milliseconds are written only if they are not zero.
    fn rfc_3339(self) -> ([u8; 24], usize) {
        let (day, time) = (self.date().civil(), self.time_of_day().unsigned_abs());
        let (s, m, h) = (time / 1_000, time / 60_000, time / 3_600_000);
        let (year, month, day) = (u64::from(day.year()), u64::from(day.month()), u64::from(day.day));
        let is_whole = time % 1_000 == 0;
        #[rustfmt::skip]
        let text = [
            digit(year / 1_000), digit(year / 100), digit(year / 10), digit(year), b'-',
            digit(month / 10), digit(month), b'-',
            digit(day / 10), digit(day), b'T',
            digit(h / 10), digit(h), b':',
            digit(m % 60 / 10), digit(m), b':',
            digit(s % 60 / 10), digit(s), if is_whole { b'Z' } else { b'.' },
            digit(time / 100), digit(time / 10), digit(time), b'Z',
        ];
        (text, if is_whole { 20 } else { 24 })
    }
}

impl fmt::Display for Instant {
    /// RFC 3339 in UTC. Milliseconds are written only if they are not zero.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (text, length) = self.rfc_3339();
        f.write_str(str::from_utf8(text.get(..length).unwrap_or_default()).unwrap_or_default())
    }
}

impl fmt::Debug for Instant {
    /// As it is displayed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl WriteJson for Instant {
    fn write_json(&self, out: &mut Vec<u8>) {
        let (text, length) = self.rfc_3339();
        put(out, "\"");
        out.extend_from_slice(text.get(..length).unwrap_or_default());
        put(out, "\"");
    }
}

/// A calendar day in years 1 to 9999. As an instant it is its midnight in UTC.
///
/// ```
/// use mayuse_core::Date;
/// let leap = Date::parse("2024-02-29").unwrap();
/// assert_eq!(leap.midnight().to_string(), "2024-02-29T00:00:00Z");
/// assert!(Date::parse("2025-02-29").is_err());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Date(
    // Days from just before year 1, as for instants.
    NonZeroU32,
);

/// 0001-01-01 in days since 1970.
const FIRST_DAY: i64 = -719_162;
/// 9999-12-31 in days since 1970.
const LAST_DAY: i64 = 2_932_896;

impl Date {
    /// Reads `YYYY-MM-DD`.
    ///
    /// # Errors
    /// [`TimeError::Date`] for any other form and for a day that does not exist, [`TimeError::Range`] for the year 0.
    pub fn parse(text: &str) -> Result<Date, TimeError> {
        let mut rest = Scanner(text.as_bytes());
        let days = rest.date().filter(|_| rest.0.is_empty()).ok_or(TimeError::Date)?;
        if days < FIRST_DAY {
            return Err(TimeError::Range);
        }
        Ok(Date::clamped(days))
    }

    /// 00:00:00 UTC of this day.
    pub const fn midnight(self) -> Instant {
        Instant::within(self.days().saturating_mul(MS_PER_DAY))
    }

    pub(crate) fn civil(self) -> Civil {
        civil(self.days())
    }
}

/// The month and the day of a day that is given in days since 1970. It may lie outside years 1 to 9999.
pub(crate) fn civil(days: i64) -> Civil {
    // Years begin in March here, so that a leap day is the last day of its year. A cycle is 400 years.
    let days = days.wrapping_add(MARCH_0000);
    let (cycle, day) = (days.div_euclid(CYCLE), days.rem_euclid(CYCLE));
    let leaps = day.wrapping_sub(day / 1_460).wrapping_add(day / 36_524).wrapping_sub(day / 146_096);
    let year = leaps / 365;
    let day = day.wrapping_sub(days_of_years(year));
    // From March on, every five months have 153 days.
    let month = day.wrapping_mul(5).wrapping_add(2) / 153;
    let day = day.wrapping_sub(days_of_months(month)).wrapping_add(1);
    let march = cycle.wrapping_mul(400).wrapping_add(year).wrapping_mul(12).wrapping_add(2);
    Civil {
        month_index: i32::try_from(march.wrapping_add(month)).unwrap_or_default(),
        day: u32::try_from(day).unwrap_or_default(),
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let civil = self.civil();
        write!(f, "{:04}-{:02}-{:02}", civil.year(), civil.month(), civil.day)
    }
}

impl From<Date> for Instant {
    fn from(date: Date) -> Self {
        date.midnight()
    }
}

/// A day as a month, counted from year 0, and a day of that month. Months are added in this form.
#[derive(Clone, Copy)]
pub(crate) struct Civil {
    /// 12 · year + month − 1.
    pub month_index: i32,
    /// 1 to 31.
    pub day: u32,
}

impl Civil {
    fn year(self) -> u32 {
        u32::try_from(self.month_index.div_euclid(12)).unwrap_or_default()
    }

    /// 1 to 12.
    fn month(self) -> u32 {
        u32::try_from(self.month_index.rem_euclid(12)).unwrap_or_default().saturating_add(1)
    }
}

/// Days from the 1st of March of the year 0 to 1970-01-01.
const MARCH_0000: i64 = 719_468;

/// Days of 400 years, after which the calendar repeats.
const CYCLE: i64 = 146_097;

/// The number of days of the first `years` years of a cycle, each from March to February.
fn days_of_years(years: i64) -> i64 {
    years.wrapping_mul(365).wrapping_add(years / 4).wrapping_sub(years / 100)
}

/// The number of days of the first `months` months of a year that begins in March.
fn days_of_months(months: i64) -> i64 {
    months.wrapping_mul(153).wrapping_add(2) / 5
}

/// The first day of a month, in days since 1970. The month is counted from year 0.
fn first_of_month(month_index: i64) -> i64 {
    let from_march = month_index.saturating_sub(2);
    let (year, month) = (from_march.div_euclid(12), from_march.rem_euclid(12));
    let cycle = year.div_euclid(400).saturating_mul(CYCLE);
    let day = days_of_years(year.rem_euclid(400)).wrapping_add(days_of_months(month));
    cycle.saturating_add(day).saturating_sub(MARCH_0000)
}

/// A day of a month, in days since 1970. The day is clamped to the length of the month.
///
/// Takes months far outside years 1 to 9999, because a window bound may lie there.
pub(crate) fn day_in_month(month_index: i64, day: u32) -> i64 {
    let first = first_of_month(month_index);
    let days_later = i64::from(day).saturating_sub(1);
    // Every month has 28 days.
    if day <= 28 {
        return first.saturating_add(days_later);
    }
    let last = first_of_month(month_index.saturating_add(1)).saturating_sub(1);
    first.saturating_add(days_later).min(last.max(first))
}

/// The length of a month in days.
pub(crate) fn days_in_month(month_index: i32) -> u32 {
    let month_index = i64::from(month_index);
    let days = first_of_month(month_index.saturating_add(1)).saturating_sub(first_of_month(month_index));
    u32::try_from(days).unwrap_or_default()
}

impl Date {
    pub(crate) fn clamped(days: i64) -> Date {
        let biased = days.clamp(FIRST_DAY, LAST_DAY).saturating_sub(FIRST_DAY).saturating_add(1);
        Date(u32::try_from(biased).ok().and_then(NonZeroU32::new).unwrap_or(NonZeroU32::MIN))
    }

    pub(crate) const fn days(self) -> i64 {
        (self.0.get() as i64).saturating_add(FIRST_DAY).saturating_sub(1)
    }
}

/// Reads RFC 3339 from the front.
struct Scanner<'t>(&'t [u8]);

impl Scanner<'_> {
    /// `YYYY-MM-DD` as days since 1970; the day must exist.
    fn date(&mut self) -> Option<i64> {
        let year = self.digits(4)?;
        self.byte(b"-")?;
        let month = self.digits(2)?;
        self.byte(b"-")?;
        let day = self.digits(2)?;
        let month_index = year.checked_mul(12)?.checked_add(month)?.checked_sub(1)?;
        let length = i64::from(days_in_month(i32::try_from(month_index).ok()?));
        let exists = (1..=12).contains(&month) && (1..=length).contains(&day);
        exists.then(|| first_of_month(month_index).saturating_add(day).saturating_sub(1))
    }

    /// `THH:MM:SS[.fff][Z|+HH:MM]` to the end of the text, as milliseconds since midnight UTC.
    /// Second 60, a leap second, is the first second of the next minute.
    fn time_and_zone(&mut self) -> Option<i64> {
        self.byte(b"Tt ")?;
        let hours = self.digits(2).filter(|hours| *hours < 24)?;
        self.byte(b":")?;
        let minutes = self.digits(2).filter(|minutes| *minutes < 60)?;
        self.byte(b":")?;
        let seconds = self.digits(2).filter(|seconds| *seconds <= 60)?;
        let mut ms = hours.checked_mul(60)?.checked_add(minutes)?.checked_mul(60)?.checked_add(seconds)?;
        ms = ms.checked_mul(1_000)?;
        if self.byte(b".").is_some() {
            let (mut n_digits, mut weight) = (0_u32, 100_i64);
            while let Some(digit) = self.digits(1) {
                ms = ms.checked_add(digit.checked_mul(weight)?)?;
                weight = weight.checked_div(10)?;
                n_digits = n_digits.saturating_add(1);
            }
            if n_digits == 0 {
                return None;
            }
        }
        if self.0.is_empty() || self.byte(b"Zz").is_some() {
            return self.0.is_empty().then_some(ms);
        }
        let sign = self.byte(b"+-")?;
        let zone_hours = self.digits(2).filter(|hours| *hours < 24)?;
        self.byte(b":")?;
        let zone_minutes = self.digits(2).filter(|minutes| *minutes < 60)?;
        let zone = zone_hours.checked_mul(60)?.checked_add(zone_minutes)?.checked_mul(60_000)?;
        let utc = if sign == b'-' { ms.checked_add(zone)? } else { ms.checked_sub(zone)? };
        self.0.is_empty().then_some(utc)
    }

    /// The value of exactly `n` digits.
    fn digits(&mut self, n: usize) -> Option<i64> {
        let (digits, rest) = self.0.split_at_checked(n)?;
        let value = digits.iter().try_fold(0_i64, |value, digit| {
            let digit = char::from(*digit).to_digit(10)?;
            value.checked_mul(10)?.checked_add(i64::from(digit))
        })?;
        self.0 = rest;
        Some(value)
    }

    /// Reads one byte, if it is one of these.
    fn byte(&mut self, expected: &[u8]) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        expected.contains(first).then(|| self.0 = rest)?;
        Some(*first)
    }
}

/// Why a text is not an instant or a date.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum TimeError {
    /// Not an RFC 3339 instant.
    Instant,
    /// Not a `YYYY-MM-DD` date.
    Date,
    /// Outside years 1 to 9999.
    Range,
}

impl TimeError {
    /// What `Display` shows.
    pub fn text(self) -> &'static str {
        match self {
            TimeError::Instant => "expected an instant such as 2025-06-15T10:30:00Z, in years 1 to 9999",
            TimeError::Date => "expected a date such as 2025-06-15, in years 1 to 9999",
            TimeError::Range => "the instant lies outside years 1 to 9999",
        }
    }
}

impl fmt::Display for TimeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl std::error::Error for TimeError {}
