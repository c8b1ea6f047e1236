//! Resolution: resolves the rows of one chain by a ladder, as section 5 of docs/semantics.md says.
//!
//! A chain is the rows of one subscription (UNION) or of all granting subscriptions (CHAIN). Its rows are collected,
//! and its windows anchored, in `entitle`.

use crate::amount::Amount;
use crate::grant_source::GrantSource;
use crate::ladder::{Combine, Ladder};
use crate::reset::ResetPeriod;
use crate::sort::sort_by;
use crate::value::{Behavior, Credits, Grant, Metered, Value};

/// An entitlement row in a chain.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AppliedGrant<'c> {
    pub source: GrantSource<'c>,
    pub grant: &'c Grant,
    /// The quantity of the add-on; 1 for other rows.
    pub quantity: u32,
    /// Whether the limit adds to the other limits of its level, if that is a REPLACE level: the row belongs to an
    /// add-on that may be held more than once and is not archived.
    pub additive: bool,
    /// Whether the billing cycle of its windows is monthly, so that BILLING_CYCLE with and without `sub_cycle` join.
    /// Not set for switches, which have no windows.
    pub monthly: bool,
}

/// The result of a chain.
#[derive(Clone, Debug)]
pub(crate) enum State<'c> {
    /// No row.
    Absent,
    /// Only disabled rows; the row that is named.
    Off(AppliedGrant<'c>),
    /// A switch that is on; the row that turned it on.
    On(AppliedGrant<'c>),
    /// At least one METERED or CREDITS allowance.
    Allowances(Vec<Allowance<'c>>),
}

/// A limit in each window, or a cost in units of a pool.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Allowance<'c> {
    /// The row that the allowance began with.
    pub row: AppliedGrant<'c>,
    pub terms: Terms,
}

impl Allowance<'_> {
    /// The limits; None for CREDITS.
    pub fn metered(&self) -> Option<&Limits> {
        match &self.terms {
            Terms::Metered(limits) => Some(limits),
            Terms::Credits(_) => None,
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Terms {
    Metered(Limits),
    Credits(Credits),
}

/// The terms of a metered allowance.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// The limit in units; None is unlimited.
    pub limit: Option<Amount>,
    pub reset_period: ResetPeriod,
    pub overage: Behavior,
    /// The tolerated units above the limit.
    pub grace: Amount,
    pub warning_threshold_pct: Option<Amount>,
}

/// A result with more digits than an amount holds exactly.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Overflow;

impl AppliedGrant<'_> {
    /// The order within a level: rows without a creation come first.
    fn is_before(&self, other: &AppliedGrant<'_>) -> bool {
        self.key() < other.key()
    }

    pub fn key(&self) -> impl Ord {
        (self.grant.created_at, &*self.grant.id, self.source.id())
    }
}

/// The switches of one level, added in any order: the first row, and the first row that is on.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Switch<'c> {
    first: Option<AppliedGrant<'c>>,
    on: Option<AppliedGrant<'c>>,
}

impl<'c> Switch<'c> {
    /// Whether the level has no row.
    pub fn is_silent(&self) -> bool {
        self.first.is_none()
    }

    pub fn add(&mut self, row: AppliedGrant<'c>, enabled: bool) {
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
    Off(AppliedGrant<'c>),
    /// On; the row that turned it on.
    On(AppliedGrant<'c>),
}

impl<'c> From<Switched<'c>> for State<'c> {
    fn from(switched: Switched<'c>) -> Self {
        match switched {
            Switched::Absent => State::Absent,
            Switched::Off(row) => State::Off(row),
            Switched::On(row) => State::On(row),
        }
    }
}

/// Resolves the switches of a chain, in any order.
pub(crate) fn resolve_switches<'c>(ladder: &Ladder, rows: &[AppliedGrant<'c>]) -> Switched<'c> {
    let mut state = Switched::Absent;
    for (level, combine) in ladder.levels() {
        let mut switch = Switch::default();
        for row in rows.iter().filter(|row| row.source.level() == *level) {
            if let Value::Boolean { enabled } = row.grant.value {
                switch.add(*row, enabled);
            }
        }
        state = switch.on_top_of(state, *combine);
    }
    state
}

/// Resolves a chain of metered and credits rows, in any order.
pub(crate) fn resolve<'c>(ladder: &Ladder, rows: &mut Vec<AppliedGrant<'c>>) -> Result<State<'c>, Overflow> {
    sort_rows(ladder, rows);
    let mut state = State::Absent;
    for level in rows.chunk_by(|a, b| a.source.level() == b.source.level()) {
        let Some(first) = level.first() else { continue };
        if let Some(combine) = ladder.combine(first.source.level()) {
            state = apply(ladder, combine, state, *first, level)?;
        }
    }
    Ok(state)
}

/// Sorts rows by level, then by creation and ids.
pub(crate) fn sort_rows(ladder: &Ladder, rows: &mut Vec<AppliedGrant<'_>>) {
    sort_by(rows, |a, b| {
        let position = |row: &AppliedGrant<'_>| ladder.position(row.source.level());
        position(a).cmp(&position(b)).then_with(|| a.key().cmp(&b.key()))
    });
}

/// Combines one level with the state from below. `first` is the first row of `rows`.
fn apply<'c>(
    ladder: &Ladder,
    combine: Combine,
    below: State<'c>,
    first: AppliedGrant<'c>,
    rows: &[AppliedGrant<'c>],
) -> Result<State<'c>, Overflow> {
    let (mut allowances, mut off) = match below {
        State::Allowances(below) => (below, first),
        State::Off(row) if combine != Combine::Replace => (Vec::new(), row),
        State::Off(_) | State::On(_) | State::Absent => (Vec::new(), first),
    };
    if combine == Combine::Replace {
        allowances.clear();
        if let Some(merged) = merge(ladder, rows)? {
            off = merged.row;
            if merged.enabled {
                // It is often the only allowance.
                allowances.reserve_exact(1);
                allowances.push(merged.allowance()?);
            }
        }
    } else {
        for row in rows {
            let Value::Metered(metered) = &row.grant.value else { continue };
            if metered.enabled {
                let limits = limits(ladder, row, metered)?;
                if !merge_into(combine, allowances.iter_mut(), *row, limits)? {
                    allowances.push(Allowance { row: *row, terms: Terms::Metered(limits) });
                }
            }
        }
    }
    if rows.iter().any(|row| matches!(row.grant.value, Value::Credits(_))) {
        allowances.extend(cheapest_per_pool(rows));
    }
    Ok(if allowances.is_empty() { State::Off(off) } else { State::Allowances(allowances) })
}

/// Merges a row into every allowance with an equal reset period. Returns whether there was one.
pub(crate) fn merge_into<'a, 'c: 'a>(
    combine: Combine,
    allowances: impl Iterator<Item = &'a mut Allowance<'c>>,
    row: AppliedGrant<'c>,
    added: Limits,
) -> Result<bool, Overflow> {
    let mut joined = false;
    for allowance in allowances {
        let Terms::Metered(held) = &mut allowance.terms else { continue };
        // An override joins the allowances of a subscription: the billing of that subscription counts.
        let monthly = allowance.row.monthly || row.monthly;
        let Some(reset_period) = held.reset_period.joined(added.reset_period, monthly) else { continue };
        joined = true;
        match combine {
            Combine::Max if is_larger(added.limit, held.limit) => {
                *allowance = Allowance { row, terms: Terms::Metered(added) }
            }
            Combine::Max => {}
            Combine::Stack | Combine::Replace => {
                held.reset_period = reset_period;
                held.limit = match (held.limit, added.limit) {
                    (Some(a), Some(b)) => Some(a.plus(b).ok_or(Overflow)?),
                    _ => None,
                };
                held.grace = held.grace.plus(added.grace).ok_or(Overflow)?;
                held.overage = match (held.overage, added.overage) {
                    (Behavior::Block, Behavior::Block) => Behavior::Block,
                    _ => Behavior::Allow,
                };
                held.warning_threshold_pct = match (held.warning_threshold_pct, added.warning_threshold_pct) {
                    (Some(a), Some(b)) => Some(a.min(b)),
                    (a, b) => a.or(b),
                };
            }
        }
    }
    Ok(joined)
}

/// Removes smaller allowances with the same reset period. Returns whether the caller adds `larger`: it
/// replaced an allowance, or no allowance has that reset period.
pub(crate) fn evict_smaller<'c, A>(list: &mut Vec<A>, of: impl Fn(&A) -> &Allowance<'c>, larger: Limits) -> bool {
    let alike = |item: &A| {
        let joins = |held: &&Limits| held.reset_period.joined(larger.reset_period, of(item).row.monthly).is_some();
        of(item).metered().filter(joins).copied()
    };
    let none_alike = list.iter().all(|item| alike(item).is_none());
    let before = list.len();
    list.retain(|item| alike(item).is_none_or(|held| !is_larger(larger.limit, held.limit)));
    none_alike || list.len() < before
}

/// The limits of a metered row, for the quantity held.
pub(crate) fn limits(ladder: &Ladder, row: &AppliedGrant<'_>, metered: &Metered) -> Result<Limits, Overflow> {
    let limit = limit(ladder, row, metered)?;
    Ok(Limits {
        limit,
        reset_period: metered.reset_period,
        overage: metered.overage,
        grace: grace(metered.grace_pct, limit)?,
        warning_threshold_pct: metered.warning_threshold_pct,
    })
}

fn limit(ladder: &Ladder, row: &AppliedGrant<'_>, metered: &Metered) -> Result<Option<Amount>, Overflow> {
    match metered.limit {
        Some(limit) if ladder.multiply_quantity && row.quantity != 1 => {
            Ok(Some(limit.times(Amount::from(row.quantity)).ok_or(Overflow)?))
        }
        limit => Ok(limit),
    }
}

fn grace(pct: Amount, limit: Option<Amount>) -> Result<Amount, Overflow> {
    match limit {
        Some(limit) if !pct.is_zero() => pct.percent_of(limit).ok_or(Overflow),
        _ => Ok(Amount::ZERO),
    }
}

/// The metered rows of one REPLACE level, merged.
#[derive(Clone, Copy)]
struct Merged<'c> {
    enabled: bool,
    /// The row that supplied the limit.
    row: AppliedGrant<'c>,
    limit: Option<Amount>,
    /// The last row: its reset period, overage, grace and warning count.
    last: &'c Metered,
}

fn merge<'c>(ladder: &Ladder, rows: &[AppliedGrant<'c>]) -> Result<Option<Merged<'c>>, Overflow> {
    let mut merged: Option<Merged<'c>> = None;
    for row in rows {
        let Value::Metered(metered) = &row.grant.value else { continue };
        let limit = limit(ladder, row, metered)?;
        merged = Some(match merged {
            None => Merged { enabled: metered.enabled, row: *row, limit, last: metered },
            Some(held) => {
                let (limit, from) = match (held.limit, limit) {
                    (Some(a), Some(b)) if row.additive => (Some(a.plus(b).ok_or(Overflow)?), held.row),
                    (_, None) | (None, _) if row.additive => (None, held.row),
                    (a, b) if is_larger(b, a) => (b, *row),
                    (a, _) => (a, held.row),
                };
                Merged { enabled: held.enabled || metered.enabled, row: from, limit, last: metered }
            }
        });
    }
    Ok(merged)
}

impl<'c> Merged<'c> {
    fn allowance(self) -> Result<Allowance<'c>, Overflow> {
        let limits = Limits {
            limit: self.limit,
            reset_period: self.last.reset_period,
            overage: self.last.overage,
            grace: grace(self.last.grace_pct, self.limit)?,
            warning_threshold_pct: self.last.warning_threshold_pct,
        };
        Ok(Allowance { row: self.row, terms: Terms::Metered(limits) })
    }
}

/// The cheapest enabled CREDITS row of one level for each pool; of equals, the earlier.
fn cheapest_per_pool<'c>(rows: &[AppliedGrant<'c>]) -> Vec<Allowance<'c>> {
    let mut cheapest: Vec<(Credits, AppliedGrant<'c>)> = Vec::new();
    for row in rows {
        let Value::Credits(credits) = row.grant.value else { continue };
        if !credits.enabled {
            continue;
        }
        match cheapest.iter_mut().find(|(held, _)| held.pool == credits.pool) {
            Some(held) if credits.cost < held.0.cost => *held = (credits, *row),
            Some(_) => {}
            None => cheapest.push((credits, *row)),
        }
    }
    cheapest.into_iter().map(|(credits, row)| Allowance { row, terms: Terms::Credits(credits) }).collect()
}

/// Whether limit `a` is larger than `b`; None is unlimited.
fn is_larger(a: Option<Amount>, b: Option<Amount>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => b < a,
        (None, Some(_)) => true,
        (_, None) => false,
    }
}
