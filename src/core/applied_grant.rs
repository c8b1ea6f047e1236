//! Entitlement rows as they reach a customer: with the quantity and the dates of the add-on that brings them.

use crate::amount::Amount;
use crate::grant_source::GrantSource;
use crate::ladder::{Combine, Ladder, Level};
use crate::sort::sort_by;
use crate::time::Instant;
use crate::value::{Behavior, Grant, Metered, Value};
use std::cmp::Ordering;

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
    /// Whether its windows cannot follow a billing cycle, because the period of the subscription is not known.
    pub no_cycle: bool,
    /// The start of the row or, if it has none, of the subscription's add-on row: FIXED_WINDOW and NEVER count from it.
    pub starts_at: Option<Instant>,
    /// The end of the row or of the subscription's add-on row, whichever is earlier.
    pub expires_at: Option<Instant>,
}

/// A row as an answer names it: without a quantity and dates.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NamedRow<'c> {
    pub source: GrantSource<'c>,
    pub grant: &'c Grant,
}

impl<'c> NamedRow<'c> {
    #[inline]
    pub fn of(row: &AppliedGrant<'c>) -> NamedRow<'c> {
        NamedRow { source: row.source, grant: row.grant }
    }

    /// The order within a level: rows without a creation come first.
    pub fn is_before(&self, other: &NamedRow<'_>) -> bool {
        by_creation((&self.source, self.grant), (&other.source, other.grant)).is_lt()
    }
}

/// What all rows of a chain have in common.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ChainTerms {
    /// The instant from which FIXED_WINDOW and NEVER count where a row has no start of its own. A row that starts then
    /// counts like one without a start.
    pub activation: Option<Instant>,
    /// The seats by which a limit per seat is multiplied.
    pub seats: u32,
    /// Whether the subscription is in its trial.
    pub in_trial: bool,
    /// Whether allowances keep the rows that join them.
    pub keeps_rows: bool,
}

impl ChainTerms {
    /// The terms of rows that belong to no subscription.
    pub const ALONE: ChainTerms = ChainTerms { activation: None, seats: 1, in_trial: false, keeps_rows: false };

    /// How often a limit of a row counts: the quantity held, and the seats if it is per seat. None is once.
    pub fn times(&self, ladder: &Ladder, row: &AppliedGrant<'_>, per_seat: bool) -> Option<Amount> {
        let quantity = if ladder.multiply_quantity { row.quantity } else { 1 };
        let seats = if per_seat { self.seats } else { 1 };
        match (quantity, seats) {
            (1, 1) => None,
            (times, 1) | (1, times) => Some(Amount::from(times)),
            // A product of two numbers of 32 bits always fits.
            _ => Amount::from(quantity).times(Amount::from(seats)),
        }
    }

    pub fn overage(&self, metered: &Metered) -> Behavior {
        metered.in_trial.filter(|_| self.in_trial).unwrap_or(metered.overage)
    }
}

impl<'c> AppliedGrant<'c> {
    /// A row that is held once, for as long as it is there itself.
    #[inline]
    pub fn new(source: GrantSource<'c>, grant: &'c Grant) -> AppliedGrant<'c> {
        let Grant { starts_at, expires_at, .. } = *grant;
        let (monthly, no_cycle) = (false, false);
        AppliedGrant { source, grant, quantity: 1, additive: false, monthly, no_cycle, starts_at, expires_at }
    }

    /// Whether resolution skips the row.
    #[inline]
    pub fn is_mismatch(&self) -> bool {
        self.grant.value.is_mismatch() || (self.no_cycle && self.grant.value.follows_cycle())
    }

    /// The row as one that an add-on row with these dates holds.
    pub fn held(self, starts_at: Option<Instant>, expires_at: Option<Instant>) -> AppliedGrant<'c> {
        let expires_at = match (self.expires_at, expires_at) {
            (Some(own), Some(held)) => Some(own.min(held)),
            (own, held) => own.or(held),
        };
        AppliedGrant { starts_at: self.starts_at.or(starts_at), expires_at, ..self }
    }

    /// The start from which windows count; None if that is the activation.
    pub fn counts_from(&self, terms: &ChainTerms) -> Option<Instant> {
        self.starts_at.filter(|start| Some(*start) != terms.activation)
    }

    /// What must be equal for rows to join, besides their reset periods.
    pub fn dates(&self, terms: &ChainTerms, metered: &Metered) -> (Option<Instant>, Option<Instant>) {
        (self.expires_at, self.counts_from(terms).filter(|_| metered.counts_from_start()))
    }
}

/// The order of rows with their owners within a level.
#[cfg_attr(feature = "small", inline(never))]
fn by_creation(a: (&GrantSource<'_>, &Grant), b: (&GrantSource<'_>, &Grant)) -> Ordering {
    let ((a, of_a), (b, of_b)) = (a, b);
    (of_a.created_at, &*of_a.id, a.id()).cmp(&(of_b.created_at, &*of_b.id, b.id()))
}

/// Sorts rows by level, then by creation and ids.
pub(crate) fn sort_rows(ladder: &Ladder, rows: &mut Vec<AppliedGrant<'_>>) {
    sort_by(rows, |a, b| {
        let position = |row: &AppliedGrant<'_>| ladder.position(row.source.level());
        position(a).cmp(&position(b)).then_with(|| by_creation((&a.source, a.grant), (&b.source, b.grant)))
    });
}

/// Joins the rows that are one entitlement row, held several times: their quantities are summed. Under STACK, only
/// those join whose allowances would.
#[cold]
#[inline(never)]
pub(crate) fn each_once(ladder: &Ladder, rows: &mut Vec<AppliedGrant<'_>>) {
    let key = |row: &AppliedGrant<'_>| {
        let dates = match &row.grant.value {
            Value::Metered(metered) if ladder.combine(row.source.level()) == Some(Combine::Stack) => {
                (row.expires_at, row.starts_at.filter(|_| metered.counts_from_start()))
            }
            _ => (None, None),
        };
        (std::ptr::from_ref(row.grant).addr(), dates)
    };
    sort_by(rows, |a, b| key(a).cmp(&key(b)));
    rows.dedup_by(|b, a| {
        let is_same = key(a) == key(b);
        if is_same {
            // Where they do not tell rows apart, the dates are those of all of them.
            a.starts_at = a.starts_at.min(b.starts_at);
            a.expires_at = a.expires_at.zip(b.expires_at).map(|(a, b)| a.max(b));
            if a.source.level() == Level::AddOn {
                a.quantity = a.quantity.saturating_add(b.quantity);
            }
        }
        is_same
    });
}
