//! Windows: the intervals in which usage counts.

use crate::json::{WriteJson, end, object};
use crate::time::Instant;

/// A half-open interval, `start <= t && t < end`, in which usage counts.
///
/// A sliding window ends at the instant of the question and counts `start < t && t <= end` instead.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Window {
    /// The start.
    pub start: Instant,
    /// The end; None for an open window.
    pub end: Option<Instant>,
    /// Whether it comes from a billing period that is computed, not replicated.
    pub projected: bool,
    /// Whether it is a sliding window.
    pub(crate) slides: bool,
}

impl Window {
    /// The instant at which usage starts again from zero; None for open and sliding windows.
    pub fn reset_at(&self) -> Option<Instant> {
        if self.slides { None } else { self.end }
    }
}

impl Window {
    /// A window from `start` on without an end.
    pub(crate) fn open(start: Instant) -> Window {
        Window { start, end: None, projected: false, slides: false }
    }

    /// A window between two instants in milliseconds since 1970, each clamped to years 1 to 9999.
    pub(crate) fn closed(start: i64, end: i64) -> Window {
        Window { start: Instant::clamped(start), end: Some(Instant::clamped(end)), projected: false, slides: false }
    }
}

/// A window as JSON: `{"start", "end", "reset_at", "projected"}`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct WindowBounds {
    /// The start.
    pub start: Instant,
    /// The end; None for an open window.
    pub end: Option<Instant>,
    /// The instant at which usage starts again from zero.
    pub reset_at: Option<Instant>,
    /// Whether it comes from a billing period that is computed, not replicated.
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
