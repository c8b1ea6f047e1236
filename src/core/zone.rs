//! Time zones: by how much the local clock of a zone is ahead of UTC, and which local instants there are.
//!
//! A zone is a list that comes with the catalog; nothing here knows the rules of a zone. The clock of a zone may be
//! put forward, so that it skips readings (a gap), or back, so that it shows readings twice (a fold).

use crate::time::{Instant, MS_PER_DAY};
use std::num::NonZeroU32;

/// The position of a time zone in a list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ZoneIdx(
    // The position plus one, so that an `Option<ZoneIdx>` takes no more room.
    NonZeroU32,
);

impl ZoneIdx {
    /// The item at a position, from 0.
    pub fn new(at: u32) -> ZoneIdx {
        ZoneIdx(NonZeroU32::MIN.saturating_add(at))
    }

    /// The position, from 0.
    pub fn at(self) -> u32 {
        self.0.get().saturating_sub(1)
    }

    /// The item at this position of a list; None past its end.
    pub fn item<T>(self, list: &[T]) -> Option<&T> {
        list.get(usize::try_from(self.at()).ok()?)
    }
}

/// A time zone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Zone {
    /// The IANA name.
    pub name: Box<str>,
    /// The instants from which on the local clock is ahead of UTC by a number of seconds, sorted. Before the first,
    /// the first counts.
    pub offsets: Vec<(Instant, i32)>,
}

/// The times within which one offset counts, in milliseconds: `from <= t && t < to`.
#[derive(Clone, Copy)]
struct Segment {
    from: i64,
    to: i64,
    offset: i64,
}

/// The start and end of the interval of a calendar that holds a reading. Both are readings: milliseconds from
/// 1970-01-01T00:00 as a clock shows it.
pub(crate) type Bounds<'b> = &'b dyn Fn(i64) -> (i64, i64);

impl Zone {
    /// The position of the offset that counts at a time.
    fn at(&self, ms: i64) -> usize {
        self.offsets.partition_point(|(from, _)| from.millis() <= ms).saturating_sub(1)
    }

    /// The segment of an offset. A zone without offsets is UTC.
    fn segment(&self, at: usize) -> Segment {
        let start = |at: usize| self.offsets.get(at).map(|(from, _)| from.millis());
        Segment {
            from: if at == 0 { i64::MIN } else { start(at).unwrap_or(i64::MAX) },
            to: start(at.saturating_add(1)).unwrap_or(i64::MAX),
            offset: self.offsets.get(at).map_or(0, |(_, seconds)| i64::from(*seconds).saturating_mul(1_000)),
        }
    }

    /// The window of days or longer units that holds `now`: each unit begins once, where the clock first shows its
    /// start or a later reading. In milliseconds since 1970.
    pub(crate) fn unit_that_begins_once(&self, now: i64, bounds: Bounds<'_>) -> (i64, i64) {
        let mut at = self.at(now);
        let segment = self.segment(at);
        // The latest reading that the clock has shown: in a fold, one from before the clock was put back.
        let mut latest = now.saturating_add(segment.offset);
        let mut from = segment.from;
        // Offsets are shorter than a day, so a fold is over within two days.
        while now.saturating_sub(MS_PER_DAY.saturating_mul(2)) < from && 0 < at {
            at = at.saturating_sub(1);
            let before = self.segment(at);
            latest = latest.max(from.saturating_add(before.offset).saturating_sub(1));
            from = before.from;
        }
        let (start, end) = bounds(latest);
        (self.first(start), self.first(end))
    }

    /// The first time at which the clock shows a reading or a later one.
    fn first(&self, reading: i64) -> i64 {
        // Before this, no clock of the zone shows the reading.
        let mut at = self.at(reading.saturating_sub(MS_PER_DAY));
        loop {
            let segment = self.segment(at);
            let time = reading.saturating_sub(segment.offset).max(segment.from);
            if time < segment.to || segment.to == i64::MAX {
                return time;
            }
            at = at.saturating_add(1);
        }
    }

    /// The window of minutes or hours that holds `now`: a unit begins whenever the clock shows its start, and at the
    /// end of a gap that skips its start. In milliseconds since 1970.
    pub(crate) fn unit_that_may_repeat(&self, now: i64, bounds: Bounds<'_>) -> (i64, i64) {
        let at = self.at(now);
        let (start, end) = bounds(now.saturating_add(self.segment(at).offset));
        (self.last_start(at, start, bounds), self.next_start(at, end, bounds))
    }

    /// The last time at which a unit begins, up to a time in the segment at `at` whose unit starts at `reading`.
    fn last_start(&self, mut at: usize, mut reading: i64, bounds: Bounds<'_>) -> i64 {
        loop {
            let segment = self.segment(at);
            let time = reading.saturating_sub(segment.offset);
            if segment.from <= time || at == 0 {
                return time;
            }
            at = at.saturating_sub(1);
            let skipped_from = segment.from.saturating_add(self.segment(at).offset);
            if skipped_from <= reading {
                return segment.from;
            }
            reading = bounds(skipped_from.saturating_sub(1)).0;
        }
    }

    /// The first time at which a unit begins, after a time in the segment at `at` whose unit ends at `reading`.
    fn next_start(&self, mut at: usize, mut reading: i64, bounds: Bounds<'_>) -> i64 {
        loop {
            let segment = self.segment(at);
            let time = reading.saturating_sub(segment.offset);
            if time < segment.to || segment.to == i64::MAX {
                return time;
            }
            at = at.saturating_add(1);
            let resumed_at = segment.to.saturating_add(self.segment(at).offset);
            if reading <= resumed_at {
                return segment.to;
            }
            let (start, end) = bounds(resumed_at);
            reading = if start == resumed_at { start } else { end };
        }
    }
}
