//! Until when an answer holds.

use crate::amount::Amount;
use crate::time::Instant;
use crate::window::Window;

/// The earliest instant at which an answer may change by itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ValidUntil {
    now: Instant,
    pub earliest: Option<Instant>,
}

impl ValidUntil {
    pub fn new(now: Instant) -> ValidUntil {
        ValidUntil { now, earliest: None }
    }

    /// Something changes at `instant`, if that is still to come.
    pub fn at(&mut self, instant: Option<Instant>) {
        if let Some(instant) = instant.filter(|instant| self.now < *instant) {
            self.earliest = Some(self.earliest.map_or(instant, |earliest| earliest.min(instant)));
        }
    }

    /// What a window's end, or usage that drops out of it, changes.
    pub fn window(&mut self, window: &Window, consumed: Option<Amount>) {
        if !window.slides {
            self.at(window.end);
        } else if consumed.is_some_and(|consumed| !consumed.is_zero()) {
            // Usage may drop out at any moment.
            self.earliest = Some(self.now);
        }
    }
}
