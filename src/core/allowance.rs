//! Allowances: limits in each window, with their caps, and how a row joins an allowance, as section 5 of
//! docs/semantics.md says.

use crate::amount::Amount;
use crate::applied_grant::AppliedGrant;
use crate::limits::Limits;
use crate::time::Instant;
use crate::value::{Behavior, Cap, Credits};

/// A limit in each window, or a cost in units of a pool.
#[derive(Clone, Debug)]
pub(crate) struct Allowance<'c> {
    /// The row that the allowance began with.
    pub row: AppliedGrant<'c>,
    pub terms: Terms,
    /// What few allowances have.
    pub more: Option<Box<More<'c>>>,
}

/// What few allowances have.
#[derive(Clone, Debug, Default)]
pub(crate) struct More<'c> {
    /// Further limits that must hold.
    pub caps: Vec<Cap>,
    /// The rows that joined the first one, if the question asks for them.
    pub joined: Vec<AppliedGrant<'c>>,
}

impl<'c> Allowance<'c> {
    /// The further limits that must hold.
    #[inline]
    pub fn caps(&self) -> &[Cap] {
        self.more.as_ref().map_or(&[], |more| &more.caps)
    }

    /// The rows that joined the first one.
    pub fn joined(&self) -> &[AppliedGrant<'c>] {
        self.more.as_ref().map_or(&[], |more| &more.joined)
    }

    /// What must be equal for two allowances to join, besides their reset periods.
    pub fn dates(&self) -> (Option<Instant>, Option<Instant>) {
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

/// A result with more digits than an amount holds exactly.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Overflow;

/// Adds a row to an allowance with an equal reset period, equal dates and caps of equal reset periods. Returns whether
/// it did. `same_start` says that both count from one instant, whatever their starts.
#[cfg_attr(not(feature = "small"), inline(always))]
pub(crate) fn merge_into<'c>(
    allowance: &mut Allowance<'c>,
    added: &Allowance<'c>,
    same_start: bool,
    keeps_rows: bool,
) -> Result<bool, Overflow> {
    let (Terms::Metered(held), Terms::Metered(limits)) = (&mut allowance.terms, &added.terms) else {
        return Ok(false);
    };
    // An override joins the allowances of a subscription: the billing of that subscription counts.
    let monthly = allowance.row.monthly || added.row.monthly;
    let Some(reset_period) = held.reset_period.joined(limits.reset_period, monthly) else { return Ok(false) };
    if held.expires_at != limits.expires_at || (!same_start && held.dates() != limits.dates()) {
        return Ok(false);
    }
    if (allowance.more.is_some() || added.more.is_some() || keeps_rows)
        && !merge_more(&mut allowance.more, added, monthly, keeps_rows)?
    {
        return Ok(false);
    }
    held.reset_period = reset_period;
    held.limit = match (held.limit, limits.limit) {
        (Some(a), Some(b)) => Some(a.plus(b).ok_or(Overflow)?),
        _ => None,
    };
    held.grace = held.grace.plus(limits.grace).ok_or(Overflow)?;
    held.overage = match (held.overage, limits.overage) {
        (Behavior::Block, Behavior::Block) => Behavior::Block,
        _ => Behavior::Allow,
    };
    held.warning_threshold_pct = match (held.warning_threshold_pct, limits.warning_threshold_pct) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    };
    Ok(true)
}

/// Adds the caps of a row to those of an allowance, and notes the row if it is kept. Returns false, and changes nothing,
/// if the caps have other reset periods.
#[cold]
#[inline(never)]
fn merge_more<'c>(
    held: &mut Option<Box<More<'c>>>,
    added: &Allowance<'c>,
    monthly: bool,
    keeps_rows: bool,
) -> Result<bool, Overflow> {
    let mut caps = held.as_ref().map_or(Vec::new(), |held| held.caps.clone());
    if caps.len() != added.caps().len() {
        return Ok(false);
    }
    for cap in added.caps() {
        let joined = |own: &Cap| own.reset_period.joined(cap.reset_period, monthly);
        let Some(own) = caps.iter_mut().find(|own| joined(own).is_some()) else { return Ok(false) };
        own.reset_period = joined(own).unwrap_or(own.reset_period);
        own.limit = own.limit.plus(cap.limit).ok_or(Overflow)?;
    }
    let held = held.get_or_insert_default();
    held.caps = caps;
    if keeps_rows {
        held.joined.push(added.row);
        held.joined.extend(added.joined());
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

/// Whether limit `a` is larger than `b`; None is unlimited.
pub(crate) fn is_larger(a: Option<Amount>, b: Option<Amount>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => b < a,
        (None, Some(_)) => true,
        (_, None) => false,
    }
}
