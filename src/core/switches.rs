//! Switches: the rows of a BOOLEAN feature, resolved by a ladder.

use crate::applied_grant::{AppliedGrant, NamedRow};
use crate::ladder::{Combine, Ladder};
use crate::value::Value;

/// The switches of one level, added in any order: the first row, and the first row that is on.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Switch<'c> {
    first: Option<NamedRow<'c>>,
    on: Option<NamedRow<'c>>,
}

impl<'c> Switch<'c> {
    /// Whether the level has no row.
    pub fn is_silent(&self) -> bool {
        self.first.is_none()
    }

    /// Adds a row, if it is a switch. Returns whether it is.
    #[inline]
    pub fn add_row(&mut self, row: &AppliedGrant<'c>) -> bool {
        let Value::Boolean { enabled } = row.grant.value else { return false };
        self.add(NamedRow::of(row), enabled);
        true
    }

    fn add(&mut self, row: NamedRow<'c>, enabled: bool) {
        if self.first.is_none_or(|held| row.is_before(&held)) {
            self.first = Some(row);
        }
        if enabled && self.on.is_none_or(|held| row.is_before(&held)) {
            self.on = Some(row);
        }
    }

    /// Combines the level with the switch from below.
    pub fn on_top_of(&self, below: Switched<'c>, combine: Combine) -> Switched<'c> {
        let Some(first) = self.first else { return below };
        match (below, self.on, combine) {
            (Switched::On(_), _, Combine::Stack | Combine::Max) => below,
            (_, Some(on), _) => Switched::On(on),
            (Switched::Absent, None, _) | (_, None, Combine::Replace) => Switched::Off(first),
            (_, None, Combine::Stack | Combine::Max) => below,
        }
    }
}

/// The result of the switches of a chain.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Switched<'c> {
    /// No row.
    Absent,
    /// Only disabled rows; the row that is named.
    Off(NamedRow<'c>),
    /// On; the row that turned it on.
    On(NamedRow<'c>),
}

/// Resolves the switches of a chain, in any order.
pub(crate) fn resolve_switches<'c>(ladder: &Ladder, rows: &[AppliedGrant<'c>]) -> Switched<'c> {
    let mut state = Switched::Absent;
    for (level, combine) in ladder.levels() {
        let mut switch = Switch::default();
        for row in rows.iter().filter(|row| row.source.level() == *level) {
            switch.add_row(row);
        }
        state = switch.on_top_of(state, *combine);
    }
    state
}
