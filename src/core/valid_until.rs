//! `valid_until`: until when an answer holds.

use crate::amount::Amount;
use crate::time::Instant;
use crate::window::Window;

/// Tracks the earliest instant after `now` at which an answer may change by itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ValidUntil {
    pub now: Instant,
    pub earliest: Option<Instant>,
}

impl ValidUntil {
    pub fn new(now: Instant) -> ValidUntil {
        ValidUntil { now, earliest: None }
    }

    /// Tracks a change at `instant`, if that is after `now`.
    pub fn at(&mut self, instant: Option<Instant>) {
        if let Some(instant) = instant.filter(|instant| self.now < *instant) {
            self.earliest = Some(self.earliest.map_or(instant, |earliest| earliest.min(instant)));
        }
    }

    /// Tracks the end of a window. A sliding window with usage may change at any moment, so `now` becomes the earliest.
    pub fn window(&mut self, window: &Window, consumed: Option<Amount>) {
        if !window.slides {
            self.at(window.end);
        } else if consumed.is_some_and(|consumed| !consumed.is_zero()) {
            // Usage may drop out of the window at any moment.
            self.earliest = Some(self.now);
        }
    }
}
