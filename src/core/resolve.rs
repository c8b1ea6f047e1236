//! Resolution: resolves the rows of one chain by a ladder, as section 5 of docs/semantics.md says.
//!
//! A chain is the rows of one subscription (UNION) or of all granting subscriptions (CHAIN). Its rows are collected
//! in `collect`, and its windows anchored in `entitle`.

use crate::allowance::{Allowance, More, Overflow, Terms, evict_smaller, is_larger, merge_into};
use crate::amount::Amount;
use crate::applied_grant::{AppliedGrant, ChainTerms, NamedRow, sort_rows};
use crate::ladder::{Combine, Ladder};
use crate::limits::Limits;
use crate::sort::sort_by;
use crate::switches::Switched;
use crate::time::Instant;
use crate::value::{Credits, Metered, Value};

/// The result of a chain.
#[derive(Clone, Debug)]
pub(crate) enum State<'c> {
    /// No row.
    Absent,
    /// Only disabled rows; the row that is named.
    Off(NamedRow<'c>),
    /// A switch that is on; the row that turned it on.
    On(NamedRow<'c>),
    /// At least one METERED or CREDITS allowance.
    Allowances(Vec<Allowance<'c>>),
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
            state = apply(ladder, terms, combine, state, NamedRow::of(first), level)?;
        }
    }
    Ok(state)
}

/// The allowance of a row that is the only one of its chain; None if the row is disabled.
#[cfg_attr(not(feature = "small"), inline(always))]
pub(crate) fn alone<'c>(
    ladder: &Ladder,
    terms: &ChainTerms,
    row: AppliedGrant<'c>,
) -> Result<Option<Allowance<'c>>, Overflow> {
    Ok(match &row.grant.value {
        Value::Metered(metered) if metered.enabled => {
            let limits = limits(ladder, terms, &row, metered)?;
            let more = if metered.caps.is_empty() { None } else { caps(ladder, terms, &row, metered)? };
            Some(Allowance { row, terms: Terms::Metered(limits), more })
        }
        Value::Credits(credits) if credits.enabled => {
            Some(Allowance { row, terms: Terms::Credits(*credits), more: None })
        }
        _ => None,
    })
}

/// Combines one level with the state from below. `first` is the first row of `rows`.
fn apply<'c>(
    ladder: &Ladder,
    terms: &ChainTerms,
    combine: Combine,
    below: State<'c>,
    first: NamedRow<'c>,
    rows: &[AppliedGrant<'c>],
) -> Result<State<'c>, Overflow> {
    let (mut allowances, mut off) = match below {
        State::Allowances(below) => (below, first),
        State::Off(row) if combine != Combine::Replace => (Vec::new(), row),
        State::Off(_) | State::On(_) | State::Absent => (Vec::new(), first),
    };
    if combine == Combine::Replace {
        allowances.clear();
        if cfg!(not(feature = "small"))
            && let [row] = rows
        {
            return Ok(match alone(ladder, terms, *row)? {
                Some(allowance) => State::Allowances(vec![allowance]),
                None => State::Off(first),
            });
        }
        if let Some(merged) = merge(ladder, terms, rows)? {
            off = NamedRow::of(merged.row);
            if merged.enabled {
                // It is often the only allowance.
                allowances.reserve_exact(1);
                allowances.push(merged.allowance(ladder, terms, rows)?);
            }
        }
    } else {
        add_up(ladder, terms, combine, &mut allowances, rows)?;
    }
    if rows.iter().any(|row| matches!(row.grant.value, Value::Credits(_))) {
        allowances.extend(cheapest_per_pool(rows, combine));
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
        let more = if metered.caps.is_empty() { None } else { caps(ladder, terms, row, metered)? };
        let added = Allowance { row: *row, terms: Terms::Metered(limits), more };
        if combine == Combine::Max {
            joined = !evict_smaller(allowances, |allowance| allowance, limits);
        } else {
            let (below, group) = allowances.split_at_mut(group);
            for allowance in below.get_mut(first..last).unwrap_or_default().iter_mut().chain(group) {
                joined |= merge_into(allowance, &added, false, terms.keeps_rows)?;
            }
        }
        if !joined {
            allowances.push(added);
        }
    }
    Ok(())
}

/// The limits of a metered row, for the quantity held.
#[cfg_attr(not(feature = "small"), inline(always))]
fn limits(ladder: &Ladder, terms: &ChainTerms, row: &AppliedGrant<'_>, metered: &Metered) -> Result<Limits, Overflow> {
    let dates = (row.counts_from(terms), row.expires_at);
    limits_of(terms, metered, limit(ladder, terms, row, metered)?, dates)
}

/// The terms of a metered value with this limit, which start and end at these dates.
#[cfg_attr(not(feature = "small"), inline(always))]
fn limits_of(
    terms: &ChainTerms,
    metered: &Metered,
    limit: Option<Amount>,
    (starts_at, expires_at): (Option<Instant>, Option<Instant>),
) -> Result<Limits, Overflow> {
    Ok(Limits {
        limit,
        reset_period: metered.reset_period,
        overage: terms.overage(metered),
        grace: grace(metered.grace_pct, limit)?,
        warning_threshold_pct: metered.warning_threshold_pct,
        starts_at,
        expires_at,
        counts_from_start: metered.counts_from_start(),
    })
}

/// The caps of a metered row, for the quantity held.
#[cold]
#[inline(never)]
fn caps<'c>(
    ladder: &Ladder,
    terms: &ChainTerms,
    row: &AppliedGrant<'c>,
    metered: &Metered,
) -> Result<Option<Box<More<'c>>>, Overflow> {
    let mut caps = metered.caps.to_vec();
    if let Some(times) = terms.times(ladder, row, metered.per_seat) {
        for cap in &mut caps {
            cap.limit = cap.limit.times(times).ok_or(Overflow)?;
        }
    }
    Ok(Some(Box::new(More { caps, joined: Vec::new() })))
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
        Some(limit) if !pct.is_zero() => {
            // Without trailing zeros it is whole for most, which takes the fast path of admission.
            pct.percent_of(limit).map(Amount::normalized).ok_or(Overflow)
        }
        _ => Ok(Amount::ZERO),
    }
}

/// The metered rows of one REPLACE level, merged.
#[derive(Clone, Copy)]
struct Merged<'r, 'c> {
    enabled: bool,
    /// The row that supplied the limit.
    row: &'r AppliedGrant<'c>,
    limit: Option<Amount>,
    /// The last row: its reset period, overage, grace and warning count.
    last: &'c Metered,
    /// Its start and its end, which go with the reset period.
    dates: (Option<Instant>, Option<Instant>),
}

fn merge<'r, 'c>(
    ladder: &Ladder,
    terms: &ChainTerms,
    rows: &'r [AppliedGrant<'c>],
) -> Result<Option<Merged<'r, 'c>>, Overflow> {
    let mut merged: Option<Merged<'r, 'c>> = None;
    for row in rows {
        let Value::Metered(metered) = &row.grant.value else { continue };
        let limit = limit(ladder, terms, row, metered)?;
        let dates = (row.counts_from(terms), row.expires_at);
        merged = Some(match merged {
            None => Merged { enabled: metered.enabled, row, limit, last: metered, dates },
            Some(held) => {
                let (limit, from) = match (held.limit, limit) {
                    (Some(a), Some(b)) if row.additive => (Some(a.plus(b).ok_or(Overflow)?), held.row),
                    (_, None) | (None, _) if row.additive => (None, held.row),
                    (a, b) if is_larger(b, a) => (b, row),
                    (a, _) => (a, held.row),
                };
                Merged { enabled: held.enabled || metered.enabled, row: from, limit, last: metered, dates }
            }
        });
    }
    Ok(merged)
}

impl<'c> Merged<'_, 'c> {
    /// The allowance of the rows that were merged.
    fn allowance(
        self,
        ladder: &Ladder,
        terms: &ChainTerms,
        rows: &[AppliedGrant<'c>],
    ) -> Result<Allowance<'c>, Overflow> {
        let limits = limits_of(terms, self.last, self.limit, self.dates)?;
        let has_more = !self.last.caps.is_empty() || (terms.keeps_rows && 1 < rows.len());
        let more = if has_more { self.more(ladder, terms, rows)? } else { None };
        Ok(Allowance { row: *self.row, terms: Terms::Metered(limits), more })
    }

    /// The caps of the last row, which go with its reset period, and the other rows, if they are kept.
    #[cold]
    #[inline(never)]
    fn more(
        &self,
        ladder: &Ladder,
        terms: &ChainTerms,
        rows: &[AppliedGrant<'c>],
    ) -> Result<Option<Box<More<'c>>>, Overflow> {
        let is_last =
            |row: &&AppliedGrant<'c>| matches!(&row.grant.value, Value::Metered(m) if std::ptr::eq(m, self.last));
        let Some(last) = rows.iter().rev().find(is_last) else { return Ok(None) };
        let mut more = caps(ladder, terms, last, self.last)?;
        if let Some(more) = more.as_mut().filter(|_| terms.keeps_rows) {
            let others = |row: &&AppliedGrant<'c>| matches!(row.grant.value, Value::Metered(_));
            more.joined.extend(rows.iter().filter(others));
        }
        Ok(more)
    }
}

/// The cheapest enabled CREDITS row of one level for each pool. Of equals, the earlier counts where rows of a level
/// merge; else that with the lower origin id, as of all allowances.
#[cfg_attr(feature = "small", inline(never))]
fn cheapest_per_pool<'c>(rows: &[AppliedGrant<'c>], combine: Combine) -> Vec<Allowance<'c>> {
    let mut cheapest: Vec<(&Credits, &AppliedGrant<'c>)> = Vec::new();
    for row in rows {
        let Value::Credits(credits) = &row.grant.value else { continue };
        if !credits.enabled {
            continue;
        }
        match cheapest.iter_mut().find(|(held, _)| held.pool == credits.pool) {
            Some(held) => {
                let id = |row: &AppliedGrant<'c>| if combine == Combine::Replace { "" } else { row.source.id() };
                if (credits.cost, id(row)) < (held.0.cost, id(held.1)) {
                    *held = (credits, row);
                }
            }
            None => cheapest.push((credits, row)),
        }
    }
    let allowance = |(credits, row): (&Credits, &AppliedGrant<'c>)| Allowance {
        row: *row,
        terms: Terms::Credits(*credits),
        more: None,
    };
    cheapest.into_iter().map(allowance).collect()
}
