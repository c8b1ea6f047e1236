//! What a request comes to within one limit: whether it is admitted, and the numbers of the answer.
//!
//! The rules are section 8 of docs/semantics.md.

use crate::allowance::{Allowance, Overflow};
use crate::amount::Amount;
use crate::decision::{Reason, Warning};
use crate::evaluation::EvaluationContext;
use crate::limits::{Limits, SmallLimit};
use crate::value::Behavior;

/// The amounts of a question: requested, consumed and reserved.
#[derive(Clone, Copy, Debug)]
pub(crate) struct UsageRequest {
    pub requested: Amount,
    /// None if the usage is unknown.
    pub consumed: Option<Amount>,
    pub reserved: Amount,
}

impl UsageRequest {
    /// The request to an allowance: nothing was used of an add-on that is only tried. What is held stays held.
    #[inline]
    pub fn of(self, context: &EvaluationContext<'_, '_>, allowance: &Allowance<'_>) -> UsageRequest {
        if context.is_unused(allowance) { UsageRequest { consumed: Some(Amount::ZERO), ..self } } else { self }
    }
}

/// The amounts of a request that are whole and not large, as nearly always.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SmallUsage {
    /// Consumed and reserved.
    used: i64,
    /// Consumed, reserved and requested.
    total: i64,
}

impl SmallUsage {
    #[inline]
    pub fn of(request: &UsageRequest) -> Option<SmallUsage> {
        let used = request.consumed?.small_whole()?.checked_add(request.reserved.small_whole()?)?;
        Some(SmallUsage { used, total: used.checked_add(request.requested.small_whole()?)? })
    }
}

/// A request, also in its small form.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Amounts {
    pub request: UsageRequest,
    pub small: Option<SmallUsage>,
}

impl Amounts {
    #[inline]
    pub fn of(request: UsageRequest) -> Amounts {
        Amounts { request, small: SmallUsage::of(&request) }
    }
}

/// Whether an allowance admits a request.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Admission {
    // In the order of priority.
    Admitted,
    Unknown,
    Refused,
}

/// What a request comes to within a limit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Numbers {
    pub admission: Admission,
    pub reason: Reason,
    pub remaining: Option<Amount>,
    /// The units above the limit.
    pub units: Option<Amount>,
    /// The units that would be admitted, apart from overage.
    pub available: Option<Amount>,
    pub warning: Option<Warning>,
}

/// Judges a request by a limit.
#[cfg_attr(not(feature = "small"), inline(always))]
pub(crate) fn numbers(
    limits: &Limits,
    request: &UsageRequest,
    small: Option<(SmallLimit, SmallUsage)>,
) -> Result<Numbers, Overflow> {
    // What is downloaded works with amounts alone.
    let small = small.filter(|_| !cfg!(feature = "small"));
    let mut numbers = match small.and_then(|(limit, usage)| small_numbers(limits, limit, usage)) {
        Some(numbers) => numbers,
        None => any_numbers(limits, request)?,
    };
    if limits.warning_threshold_pct.is_some() {
        numbers.warning = warning(limits, request, small);
    }
    Ok(numbers)
}

/// The numbers where all amounts are whole and not large.
#[inline(always)]
fn small_numbers(limits: &Limits, limit: SmallLimit, usage: SmallUsage) -> Option<Numbers> {
    let (SmallLimit { limit, grace, headroom_ends }, SmallUsage { used, total }) = (limit, usage);
    let (admission, reason) = judged(limits, total <= limit, total <= headroom_ends, headroom_ends <= used);
    let above = |limit: i64, amount: i64| Some(Amount::whole(amount.checked_sub(limit)?.max(0)));
    let remaining = above(used, limit);
    remaining?;
    let units = above(limit, total);
    units?;
    let available = if grace == 0 { remaining } else { above(used, headroom_ends) };
    available?;
    Some(Numbers { admission, reason, remaining, units, available, warning: None })
}

#[cfg_attr(not(feature = "small"), inline(never))]
fn any_numbers(limits: &Limits, request: &UsageRequest) -> Result<Numbers, Overflow> {
    let UsageRequest { requested, consumed, reserved } = *request;
    let used = match consumed {
        Some(consumed) => Some(consumed.plus(reserved).ok_or(Overflow)?),
        None => None,
    };
    let total = match used {
        Some(used) => Some(used.plus(requested).ok_or(Overflow)?),
        None => None,
    };
    let (admission, reason) = admit(limits, used, total)?;
    let above = |limit: Amount, amount: Amount| -> Result<Amount, Overflow> {
        let over = amount.minus(limit).ok_or(Overflow)?;
        Ok(if over.is_negative() { Amount::ZERO } else { over })
    };
    let (remaining, units) = match (limits.limit, used, total) {
        (Some(limit), Some(used), Some(total)) => (Some(above(used, limit)?), Some(above(limit, total)?)),
        (None, ..) => (None, Some(Amount::ZERO)),
        _ => (None, None),
    };
    let available = match (limits.limit, used) {
        (Some(limit), Some(used)) if !limits.grace.is_zero() => {
            let headroom = limit.plus(limits.grace).ok_or(Overflow)?;
            Some(headroom.minus(used).ok_or(Overflow)?.max(Amount::ZERO))
        }
        _ => remaining,
    };
    Ok(Numbers { admission, reason, remaining, units, available, warning: None })
}

#[cold]
#[cfg_attr(not(feature = "small"), inline(never))]
fn warning(limits: &Limits, request: &UsageRequest, small: Option<(SmallLimit, SmallUsage)>) -> Option<Warning> {
    let threshold_pct = limits.warning_threshold_pct?;
    let of_small = || {
        let (SmallLimit { limit, .. }, SmallUsage { used, .. }) = small?;
        Some(threshold_pct.small_whole()?.checked_mul(limit)? <= used.checked_mul(100)?)
    };
    if let Some(reached) = of_small() {
        return Some(Warning { threshold_pct, reached: Some(reached) });
    }
    let reached = match (limits.limit, request.consumed.and_then(|consumed| consumed.plus(request.reserved))) {
        // A threshold with too many digits leaves `reached` unknown; the answer does not need it.
        (Some(limit), Some(used)) => threshold_pct.percent_of(limit).map(|threshold| threshold <= used),
        (None, _) => Some(false),
        (_, None) => None,
    };
    Some(Warning { threshold_pct, reached })
}

/// The rule of admission: the first line of its table that holds. `used` is consumed plus reserved; `total` is
/// `used` plus requested. Both are None if the usage is unknown.
#[inline]
fn admit(limits: &Limits, used: Option<Amount>, total: Option<Amount>) -> Result<(Admission, Reason), Overflow> {
    use Admission::{Admitted, Unknown};
    let Some(limit) = limits.limit else { return Ok((Admitted, Reason::Unlimited)) };
    let (Some(used), Some(total)) = (used, total) else {
        return Ok(match limits.overage {
            // No usage could change the outcome.
            Behavior::Allow => (Admitted, Reason::OverageAllowed),
            Behavior::Block => (Unknown, Reason::UsageUnavailable),
        });
    };
    let headroom_ends = limit.plus(limits.grace).ok_or(Overflow)?;
    Ok(judged(limits, total <= limit, total <= headroom_ends, headroom_ends <= used))
}

/// The rule of admission where usage and limit are known. `is_used_up` says that limit and grace were used before.
#[inline(always)]
fn judged(limits: &Limits, is_within: bool, is_within_grace: bool, is_used_up: bool) -> (Admission, Reason) {
    use Admission::{Admitted, Refused};
    if is_within {
        (Admitted, Reason::WithinLimit)
    } else if is_within_grace {
        (Admitted, Reason::WithinGrace)
    } else if limits.overage == Behavior::Allow {
        (Admitted, Reason::OverageAllowed)
    } else if is_used_up {
        (Refused, Reason::LimitReached)
    } else {
        (Refused, Reason::RequestedExceedsRemaining)
    }
}
