//! A window: a stretch of time.

use crate::time::Instant;

/// A half-open stretch of time, `start <= t && t < end`.
///
/// A sliding window ends now and counts `start < t && t <= end` instead.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Window {
    /// The first instant.
    pub start: Instant,
    /// The first instant after it; none when it is open.
    pub end: Option<Instant>,
    /// Whether it was computed beyond the replicated billing period.
    pub projected: bool,
    /// Whether it moves with the clock.
    pub(crate) slides: bool,
}

impl Window {
    /// When the count starts again from zero; none for an open and for a sliding window.
    pub fn reset_at(&self) -> Option<Instant> {
        if self.slides { None } else { self.end }
    }
}

impl Window {
    /// From `start` on, for ever.
    pub(crate) fn open(start: Instant) -> Window {
        Window { start, end: None, projected: false, slides: false }
    }

    /// Between two instants in milliseconds, each moved into years 1 to 9999.
    pub(crate) fn closed(start: i64, end: i64) -> Window {
        Window { start: Instant::clamped(start), end: Some(Instant::clamped(end)), projected: false, slides: false }
    }
}
