//! The calendar window that holds the present, kept for the next question: it is the same for all customers.

use crate::time::Instant;
use crate::window::Window;
use std::sync::atomic::{AtomicU64, Ordering};

/// The last calendar window of a limit, in one word: its start and its length in seconds, or zero.
#[derive(Debug, Default)]
pub(crate) struct KeptWindow(AtomicU64);

/// The bits of the length. The start has the other 34, which the year 2514 exceeds.
const LENGTH: u32 = 30;
const MS_PER_SECOND: i64 = 1_000;

impl KeptWindow {
    /// The kept window, if it holds `now`; else the one that `find` finds.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub fn at(&self, now: Instant, find: impl FnOnce() -> Window) -> Window {
        let word = self.0.load(Ordering::Relaxed);
        let millis = |seconds: u64| i64::try_from(seconds).unwrap_or_default().wrapping_mul(MS_PER_SECOND);
        let (start, length) = (millis(word >> LENGTH), millis(word & ((1 << LENGTH) - 1)));
        let since = now.millis().wrapping_sub(start);
        if 0 <= since && since < length {
            return Window::closed(start, start.wrapping_add(length));
        }
        let window = find();
        if let Some(word) = word_of(&window) {
            // The word is whole by itself, so it needs no order with other memory.
            self.0.store(word, Ordering::Relaxed);
        }
        window
    }
}

/// The word of a window that fits: it begins and ends with a second, begins from 1970 to 2514, and is shorter than 2^30
/// seconds, which are 34 years.
#[cold]
#[inline(never)]
fn word_of(window: &Window) -> Option<u64> {
    let seconds = |ms: i64| u64::try_from(ms.checked_div(MS_PER_SECOND).filter(|_| ms % MS_PER_SECOND == 0)?).ok();
    let start = window.start.millis();
    let length = seconds(window.end?.millis().checked_sub(start)?)?;
    let start = seconds(start)?;
    (start >> (u64::BITS - LENGTH) == 0 && length >> LENGTH == 0).then_some(start << LENGTH | length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instant(text: &str) -> Instant {
        Instant::parse(text).unwrap()
    }

    fn window(start: &str, end: &str) -> Window {
        Window::closed(instant(start).millis(), instant(end).millis())
    }

    /// The window at an instant, and whether it was kept.
    fn at(kept: &KeptWindow, now: &str, found: Window) -> (Window, bool) {
        let mut asked = false;
        let window = kept.at(instant(now), || {
            asked = true;
            found
        });
        (window, !asked)
    }

    #[test]
    fn a_window_is_kept_for_the_instants_within() {
        let kept = KeptWindow::default();
        let (march, april) = (window("2026-03-01", "2026-04-01"), window("2026-04-01", "2026-05-01"));
        assert_eq!(at(&kept, "2026-03-15", march), (march, false));
        for now in ["2026-03-01", "2026-03-31T23:59:59.999Z"] {
            assert_eq!(at(&kept, now, april), (march, true), "{now}");
        }
        assert_eq!(at(&kept, "2026-04-01", april), (april, false));
        assert_eq!(at(&kept, "2026-03-31T23:59:59.999Z", march), (march, false));
    }

    /// Nothing of a window that does not fit is kept.
    #[test]
    fn a_window_that_does_not_fit_is_found_anew() {
        let all = [
            ("1969-12-01", "1970-01-01", "1969-12-31"),
            ("1969-12-29", "1970-01-05", "1970-01-01"),
            ("2026-01-01T00:00:00.001Z", "2026-01-02", "2026-01-01T12:00:00Z"),
            ("2026-01-01", "2026-01-01T23:59:59.999Z", "2026-01-01T12:00:00Z"),
            ("2000-01-01", "2040-01-01", "2026-01-01"),
            ("2514-06-01", "2514-07-01", "2514-06-02"),
            ("9999-12-01", "9999-12-31T23:59:59Z", "9999-12-31"),
        ];
        for (start, end, now) in all {
            let (kept, window) = (KeptWindow::default(), window(start, end));
            assert_eq!(at(&kept, now, window), (window, false));
            assert_eq!(at(&kept, now, window), (window, false), "{start}");
        }
        let (kept, last) = (KeptWindow::default(), window("2514-05-01", "2514-06-01"));
        assert_eq!(at(&kept, "2514-05-30", last), (last, false));
        assert_eq!(at(&kept, "2514-05-31T23:59:59.999Z", last), (last, true));
    }
}
