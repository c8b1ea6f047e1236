//! Rows in time: which of them are there at an instant, and when that changes.

use crate::idx::FeatureIdx;
use crate::time::Instant;
use crate::value::Grant;
use std::cell::Cell;

/// Finds the rows that are there at an instant, and notes the next change of what it was asked for.
#[derive(Debug)]
pub(crate) struct Dates {
    now: Instant,
    change: Cell<Option<Instant>>,
}

impl Dates {
    pub fn new(now: Instant) -> Dates {
        Dates { now, change: Cell::new(None) }
    }

    /// The earliest change noted so far; None if nothing that was asked for has dates to come.
    pub fn change(&self) -> Option<Instant> {
        self.change.get()
    }

    /// The row of an owner on a feature. The rows are sorted by feature, then by start, and do not overlap.
    pub fn row_on<'g>(&self, rows: &'g [Grant], feature: FeatureIdx) -> Option<&'g Grant> {
        // The fast path: most customers and subscriptions have no rows.
        if rows.is_empty() {
            return None;
        }
        let at = rows.binary_search_by_key(&feature, |grant| grant.feature).ok()?;
        let grant = rows.get(at)?;
        // A row without dates is the only one on its feature.
        if grant.is_dated() { self.row_in_time(rows, feature) } else { Some(grant) }
    }

    /// Whether a row that stands alone is there.
    pub fn has(&self, grant: &Grant) -> bool {
        !grant.is_dated() || self.hold(grant.starts_at, grant.expires_at)
    }

    /// Whether `[starts_at, expires_at)` holds the instant.
    #[cold]
    #[inline(never)]
    pub fn hold(&self, starts_at: Option<Instant>, expires_at: Option<Instant>) -> bool {
        self.note(starts_at);
        self.note(expires_at);
        starts_at.is_none_or(|start| start <= self.now) && expires_at.is_none_or(|end| self.now < end)
    }

    /// The row of an add-on on a feature, if it and the add-on row with these dates are there.
    pub fn row_held_on<'g>(
        &self,
        rows: &'g [Grant],
        feature: FeatureIdx,
        starts_at: Option<Instant>,
        expires_at: Option<Instant>,
    ) -> Option<&'g Grant> {
        let is_held = |at: Instant| expires_at.is_none_or(|end| at < end);
        if !is_held(self.now) {
            return None;
        }
        let from = starts_at.map_or(self.now, |start| start.max(self.now));
        let then = Dates::new(from);
        let row = then.row_on(rows, feature);
        if from == self.now && row.is_some() {
            self.note(then.change());
            self.note(expires_at);
            return row;
        }
        // Dates of the one matter only while the other is there.
        let first = if row.is_some() { Some(from) } else { then.change() };
        self.note(first.filter(|first| is_held(*first)));
        None
    }

    #[cold]
    #[inline(never)]
    fn row_in_time<'g>(&self, rows: &'g [Grant], feature: FeatureIdx) -> Option<&'g Grant> {
        let on = |grant: &&Grant| grant.feature == feature;
        let next = rows.partition_point(|grant| (grant.feature, grant.starts_at) <= (feature, Some(self.now)));
        self.note(rows.get(next).filter(on).and_then(|grant| grant.starts_at));
        let started = rows.get(next.checked_sub(1)?).filter(on)?;
        self.note(started.expires_at);
        started.expires_at.is_none_or(|end| self.now < end).then_some(started)
    }

    /// The rows of an owner on a feature that are not there: the one that expired last, and the one that starts next.
    pub fn outside<'g>(&self, rows: &'g [Grant], feature: FeatureIdx) -> [Option<&'g Grant>; 2] {
        let on = |grant: &&Grant| grant.feature == feature;
        let next = rows.partition_point(|grant| (grant.feature, grant.starts_at) <= (feature, Some(self.now)));
        let before = |back: usize| next.checked_sub(back).and_then(|at| rows.get(at)).filter(on);
        let expired = |grant: &&Grant| grant.expires_at.is_some_and(|end| end <= self.now);
        [before(1).filter(expired).or_else(|| before(2).filter(expired)), rows.get(next).filter(on)]
    }

    /// Notes a change, if it is to come.
    fn note(&self, at: Option<Instant>) {
        if let Some(at) = at.filter(|at| self.now < *at) {
            self.change.set(Some(self.change.get().map_or(at, |earliest| earliest.min(at))));
        }
    }
}
