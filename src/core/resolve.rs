//! Resolution: resolves the rows of one chain by a ladder, as section 5 of docs/semantics.md says.
//!
//! A chain is the rows of one subscription (UNION) or of all granting subscriptions (CHAIN). Its rows are collected,
//! and its windows anchored, in `entitle`.

use crate::amount::Amount;
use crate::applied_grant::{AppliedGrant, ChainTerms, sort_rows};
use crate::ladder::{Combine, Ladder};
use crate::reset::ResetPeriod;
use crate::sort::sort_by;
use crate::switches::Switched;
use crate::time::Instant;
use crate::value::{Behavior, Credits, Metered, Value};

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
    /// What must be equal for two allowances to join, besides their reset periods.
    fn dates(&self) -> (Option<Instant>, Option<Instant>) {
        self.metered().map_or((None, None), Limits::dates)
    }

    /// The start of the row from which windows count; None for the activation.
    pub fn starts_at(&self) -> Option<Instant> {
        self.metered().and_then(|limits| limits.starts_at)
    }

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
    /// The start of the row from which FIXED_WINDOW and NEVER count; None for the activation.
    pub starts_at: Option<Instant>,
    /// The instant from which on the allowance is not there any more.
    pub expires_at: Option<Instant>,
}

impl Limits {
    /// What must be equal for two allowances to join, besides their reset periods: the end and, where windows count
    /// from it, the start.
    fn dates(&self) -> (Option<Instant>, Option<Instant>) {
        (self.expires_at, self.starts_at.filter(|_| self.reset_period.counts_from_start()))
    }
}

/// A result with more digits than an amount holds exactly.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Overflow;

impl<'c> From<Switched<'c>> for State<'c> {
    fn from(switched: Switched<'c>) -> Self {
        match switched {
            Switched::Absent => State::Absent,
            Switched::Off(row) => State::Off(row),
            Switched::On(row) => State::On(row),
        }
    }
}

/// Resolves a chain of metered and credits rows, in any order.
pub(crate) fn resolve<'c>(
    ladder: &Ladder,
    terms: &ChainTerms,
    rows: &mut Vec<AppliedGrant<'c>>,
) -> Result<State<'c>, Overflow> {
    sort_rows(ladder, rows);
    let mut state = State::Absent;
    for level in rows.chunk_by(|a, b| a.source.level() == b.source.level()) {
        let Some(first) = level.first() else { continue };
        if let Some(combine) = ladder.combine(first.source.level()) {
            state = apply(ladder, terms, combine, state, *first, level)?;
        }
    }
    Ok(state)
}

/// Combines one level with the state from below. `first` is the first row of `rows`.
fn apply<'c>(
    ladder: &Ladder,
    terms: &ChainTerms,
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
        if let Some(merged) = merge(ladder, terms, rows)? {
            off = merged.row;
            if merged.enabled {
                // It is often the only allowance.
                allowances.reserve_exact(1);
                allowances.push(merged.allowance(terms)?);
            }
        }
    } else {
        add_up(ladder, terms, combine, &mut allowances, rows)?;
    }
    if rows.iter().any(|row| matches!(row.grant.value, Value::Credits(_))) {
        allowances.extend(cheapest_per_pool(rows));
    }
    Ok(if allowances.is_empty() { State::Off(off) } else { State::Allowances(allowances) })
}

/// The number of rows of one level from which on they are sorted before they join, because each is compared with all
/// allowances before it.
const MANY: usize = 32;

/// Adds the rows of a STACK or MAX level to the allowances.
fn add_up<'c>(
    ladder: &Ladder,
    terms: &ChainTerms,
    combine: Combine,
    allowances: &mut Vec<Allowance<'c>>,
    rows: &[AppliedGrant<'c>],
) -> Result<(), Overflow> {
    let mut sorted: Vec<AppliedGrant<'c>> = Vec::new();
    let (mut rows, n_below) = (rows, allowances.len());
    let is_sorted = combine == Combine::Stack && MANY < rows.len();
    if is_sorted {
        // Rows join only where their dates are equal.
        let by_dates = |row: &AppliedGrant<'c>| match &row.grant.value {
            Value::Metered(metered) => row.dates(terms, metered),
            _ => (None, None),
        };
        sorted.extend(rows);
        sort_by(&mut sorted, |a, b| by_dates(a).cmp(&by_dates(b)));
        sort_by(allowances, |a, b| a.dates().cmp(&b.dates()));
        rows = &sorted;
    }
    let mut group = n_below;
    for row in rows {
        let Value::Metered(metered) = &row.grant.value else { continue };
        if !metered.enabled {
            continue;
        }
        let limits = limits(ladder, terms, row, metered)?;
        let mut joined = false;
        let (mut first, mut last) = (0, n_below);
        if is_sorted {
            let dates = limits.dates();
            let (below, added) = allowances.split_at(n_below);
            first = below.partition_point(|allowance| allowance.dates() < dates);
            last = below.partition_point(|allowance| allowance.dates() <= dates);
            if added.last().is_some_and(|allowance| allowance.dates() != dates) {
                group = allowances.len();
            }
        }
        for allowance in allowances.get_mut(first..last).unwrap_or_default() {
            joined |= merge_into(combine, allowance, *row, limits, false)?;
        }
        for allowance in allowances.get_mut(group..).unwrap_or_default() {
            joined |= merge_into(combine, allowance, *row, limits, false)?;
        }
        if !joined {
            allowances.push(Allowance { row: *row, terms: Terms::Metered(limits) });
        }
    }
    Ok(())
}

/// Merges a row into an allowance with an equal reset period and, under STACK, equal dates. Returns whether it did.
/// `same_start` says that both count from one instant, whatever their starts.
pub(crate) fn merge_into<'c>(
    combine: Combine,
    allowance: &mut Allowance<'c>,
    row: AppliedGrant<'c>,
    added: Limits,
    same_start: bool,
) -> Result<bool, Overflow> {
    let Terms::Metered(held) = &mut allowance.terms else { return Ok(false) };
    // An override joins the allowances of a subscription: the billing of that subscription counts.
    let monthly = allowance.row.monthly || row.monthly;
    let Some(reset_period) = held.reset_period.joined(added.reset_period, monthly) else { return Ok(false) };
    let same_dates = held.expires_at == added.expires_at && (same_start || held.dates() == added.dates());
    if combine != Combine::Max && !same_dates {
        return Ok(false);
    }
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
    Ok(true)
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
fn limits(ladder: &Ladder, terms: &ChainTerms, row: &AppliedGrant<'_>, metered: &Metered) -> Result<Limits, Overflow> {
    let limit = limit(ladder, terms, row, metered)?;
    Ok(Limits {
        limit,
        reset_period: metered.reset_period,
        overage: terms.overage(metered),
        grace: grace(metered.grace_pct, limit)?,
        warning_threshold_pct: metered.warning_threshold_pct,
        starts_at: row.counts_from(terms),
        expires_at: row.expires_at,
    })
}

fn limit(
    ladder: &Ladder,
    terms: &ChainTerms,
    row: &AppliedGrant<'_>,
    metered: &Metered,
) -> Result<Option<Amount>, Overflow> {
    match (metered.limit, terms.times(ladder, row, metered.per_seat)) {
        (Some(limit), Some(times)) => limit.times(times).map(Some).ok_or(Overflow),
        (limit, _) => Ok(limit),
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
    /// Its start and its end, which go with the reset period.
    dates: (Option<Instant>, Option<Instant>),
}

fn merge<'c>(ladder: &Ladder, terms: &ChainTerms, rows: &[AppliedGrant<'c>]) -> Result<Option<Merged<'c>>, Overflow> {
    let mut merged: Option<Merged<'c>> = None;
    for row in rows {
        let Value::Metered(metered) = &row.grant.value else { continue };
        let limit = limit(ladder, terms, row, metered)?;
        let dates = (row.counts_from(terms), row.expires_at);
        merged = Some(match merged {
            None => Merged { enabled: metered.enabled, row: *row, limit, last: metered, dates },
            Some(held) => {
                let (limit, from) = match (held.limit, limit) {
                    (Some(a), Some(b)) if row.additive => (Some(a.plus(b).ok_or(Overflow)?), held.row),
                    (_, None) | (None, _) if row.additive => (None, held.row),
                    (a, b) if is_larger(b, a) => (b, *row),
                    (a, _) => (a, held.row),
                };
                Merged { enabled: held.enabled || metered.enabled, row: from, limit, last: metered, dates }
            }
        });
    }
    Ok(merged)
}

impl<'c> Merged<'c> {
    fn allowance(self, terms: &ChainTerms) -> Result<Allowance<'c>, Overflow> {
        let limits = Limits {
            limit: self.limit,
            reset_period: self.last.reset_period,
            overage: terms.overage(self.last),
            grace: grace(self.last.grace_pct, self.limit)?,
            warning_threshold_pct: self.last.warning_threshold_pct,
            starts_at: self.dates.0,
            expires_at: self.dates.1,
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
