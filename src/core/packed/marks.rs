//! Marks on records: from a day on, the holding of a customer is the one with this number, for ever.
//!
//! Most customers have one subscription without an end. Once such a customer was asked about, a question need not read
//! the subscription again. A mark is a number of 32 bits for each 32 bytes of a block. It is only a memory: where there
//! is no mark, the record says the same.

use crate::time::Instant;
#[cfg(feature = "lookup")]
use {
    crate::time::MS_PER_DAY,
    std::sync::OnceLock,
    std::sync::atomic::{AtomicU32, Ordering},
};

/// No marks, in a build without the look-up.
#[cfg(not(feature = "lookup"))]
#[derive(Clone, Debug, Default)]
pub(crate) struct Marks;

#[cfg(not(feature = "lookup"))]
impl Marks {
    pub fn n_bytes(_: usize) -> usize {
        0
    }

    pub fn get(&self, _: usize, _: Instant) -> Option<u32> {
        None
    }

    pub fn set(&self, _: usize, _: usize, _: u32, _: Instant) {}
}

/// The bytes of a block for one mark. Nearly every record is longer; the others take turns.
#[cfg(feature = "lookup")]
const BYTES: usize = 32;

/// The marks of a block. Zero is no mark.
///
/// A mark holds the place of its record within those bytes, the number of a holding and one more, and the first day.
#[cfg(feature = "lookup")]
#[derive(Debug, Default)]
pub(crate) struct Marks {
    /// Made when the first mark is set.
    marks: OnceLock<Box<[AtomicU32]>>,
}

/// The numbers in marks are those of one catalog; a copy of the block may be read with another one.
#[cfg(feature = "lookup")]
impl Clone for Marks {
    fn clone(&self) -> Self {
        Marks::default()
    }
}

#[cfg(feature = "lookup")]
impl Marks {
    const PLACE: u32 = 31;
    const NUMBER: u32 = 4_095;
    /// The lowest bits of the number and of the day.
    const NUMBER_FROM: u32 = 5;
    const DAY_FROM: u32 = 17;
    /// The last day that a mark can hold, in 2059.
    const LAST_DAY: i64 = (1 << 15) - 1;

    /// The memory in bytes of the marks of a block with so many bytes.
    pub fn n_bytes(n_bytes: usize) -> usize {
        n_bytes.div_ceil(BYTES).saturating_mul(size_of::<AtomicU32>())
    }

    /// The number of the holding of the record at a position, if it stands at `now`.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub fn get(&self, at: usize, now: Instant) -> Option<u32> {
        let mark = self.marks.get()?.get(at.wrapping_div(BYTES))?.load(Ordering::Relaxed);
        let number = (mark >> Self::NUMBER_FROM) & Self::NUMBER;
        let from = i64::from(mark >> Self::DAY_FROM).wrapping_mul(MS_PER_DAY);
        if mark & Self::PLACE != Self::place(at) || now.millis() < from {
            return None;
        }
        number.checked_sub(1)
    }

    /// Marks the record at a position in a block with so many bytes: its holding stands from an instant on. A mark
    /// begins with a day, and is not set if it does not fit.
    #[cold]
    #[inline(never)]
    pub fn set(&self, at: usize, n_bytes: usize, number: u32, from: Instant) {
        let day = from.millis().saturating_add(MS_PER_DAY - 1).div_euclid(MS_PER_DAY).max(0);
        let number = number.saturating_add(1);
        let Ok(bits) = u32::try_from(day) else { return };
        if Self::LAST_DAY < day || Self::NUMBER < number {
            return;
        }
        let marks = self
            .marks
            .get_or_init(|| std::iter::repeat_with(AtomicU32::default).take(n_bytes.div_ceil(BYTES)).collect());
        if let Some(mark) = marks.get(at.wrapping_div(BYTES)) {
            mark.store(Self::place(at) | (number << Self::NUMBER_FROM) | (bits << Self::DAY_FROM), Ordering::Relaxed);
        }
    }

    fn place(at: usize) -> u32 {
        u32::try_from(at).unwrap_or_default() & Self::PLACE
    }
}

#[cfg(test)]
#[cfg(feature = "lookup")]
mod tests {
    use super::*;

    fn instant(text: &str) -> Instant {
        Instant::parse(text).unwrap()
    }

    /// A mark holds for its record alone, from the first midnight on.
    #[test]
    fn a_mark_holds_from_the_next_midnight_on() {
        let marks = Marks::default();
        assert_eq!(marks.get(70, Instant::MAX), None);
        marks.set(70, 100, 9, instant("2026-01-31T10:00:00Z"));
        assert_eq!(marks.get(70, instant("2026-01-31T23:59:59.999Z")), None);
        assert_eq!(marks.get(70, instant("2026-02-01")), Some(9));
        assert_eq!(marks.get(70, Instant::MAX), Some(9));
        for other in [0, 38, 69, 71, 102, 1_000] {
            assert_eq!(marks.get(other, Instant::MAX), None, "{other}");
        }
        marks.set(71, 100, 4_094, instant("2026-02-01"));
        assert_eq!((marks.get(70, Instant::MAX), marks.get(71, instant("2026-02-01"))), (None, Some(4_094)));
        assert_eq!(marks.clone().get(71, Instant::MAX), None);
    }

    /// A mark that does not fit is not set: no bits of it run into others.
    #[test]
    fn a_mark_that_does_not_fit_is_not_set() {
        let marks = Marks::default();
        for (number, from) in [(4_095, "2026-01-01"), (u32::MAX, "2026-01-01"), (1, "2059-09-19"), (1, "9999-12-31")] {
            marks.set(0, 100, number, instant(from));
            assert_eq!(marks.get(0, Instant::MAX), None, "{number} from {from}");
        }
        marks.set(0, 100, 1, instant("2059-09-18"));
        assert_eq!(marks.get(0, instant("2059-09-18")), Some(1));
        marks.set(0, 100, 1, Instant::MIN);
        assert_eq!((marks.get(0, Instant::EPOCH), marks.get(0, Instant::MIN)), (Some(1), None));
        marks.set(1_000, 100, 1, Instant::EPOCH);
    }
}
