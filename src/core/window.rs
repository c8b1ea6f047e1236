//! A window: a stretch of time.

use crate::json::{WriteJson, end, object};
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

/// A window: `{"start", "end", "reset_at", "projected"}`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct WindowBounds {
    /// The first instant.
    pub start: Instant,
    /// The first instant after it; none when it is open.
    pub end: Option<Instant>,
    /// When the count starts again from zero.
    pub reset_at: Option<Instant>,
    /// Whether it was computed beyond the replicated billing period.
    pub projected: bool,
}

impl From<Window> for WindowBounds {
    fn from(window: Window) -> Self {
        WindowBounds { start: window.start, end: window.end, reset_at: window.reset_at(), projected: window.projected }
    }
}

impl WriteJson for WindowBounds {
    fn write_json(&self, out: &mut Vec<u8>) {
        object!(
            out,
            "start": self.start,
            "end": self.end,
            "reset_at": self.reset_at,
            "projected": self.projected,
        );
        end(out);
    }
}
