//! The terms of a limit.

use crate::amount::Amount;
use crate::reset::ResetPeriod;
use crate::time::Instant;
use crate::value::Behavior;

/// The terms of a metered allowance.
#[derive(Clone, Copy, PartialEq, Debug)]
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
    /// Whether the limit or a cap counts from the start.
    pub counts_from_start: bool,
}

impl Limits {
    /// What must be equal for two allowances to join, besides their reset periods: the end and, where windows count
    /// from it, the start.
    pub fn dates(&self) -> (Option<Instant>, Option<Instant>) {
        (self.expires_at, self.starts_at.filter(|_| self.counts_from_start))
    }
}

/// A limit and its grace, if they are whole and not large, as nearly always.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SmallLimit {
    pub limit: i64,
    pub grace: i64,
    /// Their sum.
    pub headroom_ends: i64,
}

impl SmallLimit {
    #[inline]
    pub fn of(limits: &Limits) -> Option<SmallLimit> {
        let (limit, grace) = (limits.limit?.small_whole()?, limits.grace.small_whole()?);
        Some(SmallLimit { limit, grace, headroom_ends: limit.checked_add(grace)? })
    }
}
