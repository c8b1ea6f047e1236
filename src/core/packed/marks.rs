//! Marks on customers: from a day on, the holding of a customer is the holding with this number, for ever.
//!
//! Most customers have one subscription without an end. Once such a customer was asked about, a question need read
//! neither the directory of the block nor the subscription again: the hash of the customer's id leads to its mark, and
//! the mark to its record. Marks are only a memory: without a mark, the record says the same.

use crate::time::Instant;
#[cfg(feature = "lookup")]
use {
    crate::time::MS_PER_DAY,
    std::sync::OnceLock,
    std::sync::atomic::{AtomicU64, Ordering},
};

/// No marks, in a build without the look-up.
#[cfg(not(feature = "lookup"))]
#[derive(Clone, Debug, Default)]
pub(crate) struct Marks;

#[cfg(not(feature = "lookup"))]
impl Marks {
    pub fn new(_: u32) -> Marks {
        Marks
    }

    pub fn n_bytes(&self) -> usize {
        0
    }

    pub fn find<T>(&self, _: u64, _: impl FnMut(Mark) -> Option<T>) -> Option<T> {
        None
    }

    pub fn set(&self, _: u64, _: usize, _: u32, _: Instant) {}
}

/// The marks of a block, in slots that are found by hash. Zero is a free slot.
#[cfg(feature = "lookup")]
#[derive(Debug, Default)]
pub(crate) struct Marks {
    n_slots: usize,
    /// Made when the first mark is set.
    slots: OnceLock<Box<[AtomicU64]>>,
}

/// A mark: the position of a record, the number of a holding and one more, the first day, and bits of the hash.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark(u64);

/// The numbers in marks are those of one catalog; a copy of the block may be read with another one.
#[cfg(feature = "lookup")]
impl Clone for Marks {
    fn clone(&self) -> Self {
        Marks { n_slots: self.n_slots, slots: OnceLock::new() }
    }
}

/// The number of slots in which a mark may lie. A customer who finds them taken has no mark.
#[cfg(feature = "lookup")]
const PROBES: usize = 8;

#[cfg(feature = "lookup")]
impl Mark {
    const AT: u64 = (1 << 28) - 1;
    const NUMBER: u64 = (1 << 12) - 1;
    const NUMBER_FROM: u32 = 28;
    const DAY: u64 = (1 << 15) - 1;
    const DAY_FROM: u32 = 40;
    const TAG_FROM: u32 = 55;

    /// None if a part does not fit. The first day is the day after `from`, unless that is a midnight.
    fn new(hash: u64, at: usize, number: u32, from: Instant) -> Option<Mark> {
        let day = from.millis().saturating_add(MS_PER_DAY - 1).div_euclid(MS_PER_DAY).max(0);
        let at = u64::try_from(at).ok().filter(|at| *at <= Self::AT)?;
        let number = u64::from(number).checked_add(1).filter(|number| *number <= Self::NUMBER)?;
        let day = u64::try_from(day).ok().filter(|day| *day <= Self::DAY)?;
        Some(Mark(at | (number << Self::NUMBER_FROM) | (day << Self::DAY_FROM) | Self::tag(hash)))
    }

    /// The bits of a hash by which marks are told apart. The slot depends on other bits.
    fn tag(hash: u64) -> u64 {
        hash >> 32 << Self::TAG_FROM
    }

    fn is_of(self, hash: u64) -> bool {
        (self.0 ^ Self::tag(hash)) >> Self::TAG_FROM == 0
    }

    /// The position of the record.
    pub fn at(self) -> usize {
        usize::try_from(self.0 & Self::AT).unwrap_or(usize::MAX)
    }

    /// The number of the holding, if it stands at `now`.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub fn number(self, now: Instant) -> Option<u32> {
        let from = i64::try_from((self.0 >> Self::DAY_FROM) & Self::DAY).ok()?.wrapping_mul(MS_PER_DAY);
        let number = u32::try_from((self.0 >> Self::NUMBER_FROM) & Self::NUMBER).ok()?;
        if from <= now.millis() { number.checked_sub(1) } else { None }
    }
}

#[cfg(not(feature = "lookup"))]
impl Mark {
    pub fn at(self) -> usize {
        usize::MAX
    }

    pub fn number(self, _: Instant) -> Option<u32> {
        None
    }
}

#[cfg(feature = "lookup")]
impl Marks {
    /// Room for the marks of so many customers: five slots for four of them, so that most marks lie where their hash
    /// leads, and slots to probe for the last.
    pub fn new(n_customers: u32) -> Marks {
        let n = usize::try_from(n_customers).unwrap_or(usize::MAX);
        Marks { n_slots: n.saturating_add(n / 4).saturating_add(PROBES), slots: OnceLock::new() }
    }

    /// The memory in bytes once a mark is set.
    pub fn n_bytes(&self) -> usize {
        self.n_slots.saturating_mul(size_of::<AtomicU64>())
    }

    /// What `read` finds at one of the marks with this hash. Several hashes may have equal marks.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub fn find<T>(&self, hash: u64, mut read: impl FnMut(Mark) -> Option<T>) -> Option<T> {
        for slot in probed(self.slots.get()?, hash)? {
            let mark = Mark(slot.load(Ordering::Relaxed));
            if mark.0 == 0 {
                return None;
            }
            if mark.is_of(hash) {
                let found = read(mark);
                if found.is_some() {
                    return found;
                }
            }
        }
        None
    }

    /// Marks the customer with this hash: the holding of the record at a position stands from an instant on. A mark
    /// begins with a day, and is not set if it does not fit.
    #[cold]
    #[inline(never)]
    pub fn set(&self, hash: u64, at: usize, number: u32, from: Instant) {
        let Some(mark) = Mark::new(hash, at, number, from) else { return };
        let slots = self.slots.get_or_init(|| std::iter::repeat_with(AtomicU64::default).take(self.n_slots).collect());
        let mut probed = probed(slots, hash).into_iter().flatten();
        // Of two threads that take one slot, the later one stays, and the mark of the other is lost.
        let free = probed.find(|slot| {
            let held = Mark(slot.load(Ordering::Relaxed));
            held.0 == 0 || held.at() == mark.at()
        });
        if let Some(slot) = free {
            slot.store(mark.0, Ordering::Relaxed);
        }
    }
}

/// The slots in which the mark of a hash may lie.
#[cfg(feature = "lookup")]
#[cfg_attr(not(feature = "small"), inline(always))]
fn probed(slots: &[AtomicU64], hash: u64) -> Option<&[AtomicU64]> {
    // The upper bits are those of the shard, which its customers share.
    let n = u64::try_from(slots.len().checked_sub(PROBES)?).ok()?;
    let from = usize::try_from((hash & 0xffff_ffff).checked_mul(n)? >> 32).ok()?;
    slots.get(from..from.checked_add(PROBES)?)
}

#[cfg(test)]
#[cfg(feature = "lookup")]
mod tests {
    use super::*;

    fn instant(text: &str) -> Instant {
        Instant::parse(text).unwrap()
    }

    /// The number that a customer at a position is marked with.
    fn found(marks: &Marks, hash: u64, at: usize, now: Instant) -> Option<u32> {
        marks.find(hash, |mark| (mark.at() == at).then_some(mark))?.number(now)
    }

    /// A mark holds for its record alone, from the first midnight on.
    #[test]
    fn a_mark_holds_from_the_next_midnight_on() {
        let marks = Marks::new(100);
        assert_eq!(found(&marks, 3, 70, Instant::MAX), None);
        marks.set(3, 70, 9, instant("2026-01-31T10:00:00Z"));
        assert_eq!(found(&marks, 3, 70, instant("2026-01-31T23:59:59.999Z")), None);
        assert_eq!(found(&marks, 3, 70, instant("2026-02-01")), Some(9));
        assert_eq!(found(&marks, 3, 70, Instant::MAX), Some(9));
        for (hash, at) in [(3, 69), (1 << 32 | 3, 70), (u64::MAX, 70)] {
            assert_eq!(found(&marks, hash, at, Instant::MAX), None, "{hash} at {at}");
        }
        // A record is marked once, whatever it was marked with before.
        marks.set(3, 70, 4_094, instant("2026-02-01"));
        assert_eq!(found(&marks, 3, 70, instant("2026-02-01")), Some(4_094));
        assert_eq!(found(&marks.clone(), 3, 70, Instant::MAX), None);
    }

    /// A mark that does not fit is not set: no bits of it run into others.
    #[test]
    fn a_mark_that_does_not_fit_is_not_set() {
        let marks = Marks::new(100);
        for (number, from) in [(4_095, "2026-01-01"), (u32::MAX, "2026-01-01"), (1, "2059-09-19"), (1, "9999-12-31")] {
            marks.set(0, 0, number, instant(from));
            assert_eq!(found(&marks, 0, 0, Instant::MAX), None, "{number} from {from}");
        }
        marks.set(0, 1 << 28, 1, Instant::EPOCH);
        assert_eq!(found(&marks, 0, 1 << 28, Instant::MAX), None);
        marks.set(0, 0, 1, instant("2059-09-18"));
        assert_eq!(found(&marks, 0, 0, instant("2059-09-18")), Some(1));
        marks.set(u64::MAX, (1 << 28) - 1, 1, Instant::MIN);
        assert_eq!(found(&marks, u64::MAX, (1 << 28) - 1, Instant::EPOCH), Some(1));
        assert_eq!(found(&marks, u64::MAX, (1 << 28) - 1, Instant::MIN), None);
    }

    /// Customers whose hashes lead to one slot have marks as long as there is room; the others have no mark.
    #[test]
    fn marks_of_one_slot_stand_beside_each_other() {
        let marks = Marks::new(0);
        for n in 0..20 {
            marks.set(0, n, 5, Instant::EPOCH);
        }
        let n = (0..20).filter(|at| found(&marks, 0, *at, Instant::MAX) == Some(5)).count();
        assert_eq!(n, PROBES);
    }
}
