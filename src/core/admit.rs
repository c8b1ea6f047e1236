//! Admission: does an allowance let a request through, and which of several speaks for them.

use crate::amount::Amount;
use crate::compose::{AnchoredAllowance, Entitlement};
use crate::decision::{Metering, Overage, Period, Reason, ValueType, Warning, WindowAnswer};
use crate::evaluation::EvaluationContext;
use crate::resolve::{Limits, Overflow, Terms};
use crate::sort::sort_by;
use crate::time::Instant;
use crate::valid_until::ValidUntil;
use crate::value::{Behavior, Credits};
use crate::windowing::window;
use std::cmp::{Ordering, Reverse};

/// How much is asked for, and what is known to be used.
#[derive(Clone, Copy, Debug)]
pub(crate) struct UsageRequest {
    pub requested: Amount,
    /// None if it cannot be had.
    pub consumed: Option<Amount>,
    pub reserved: Amount,
}

/// Whether an allowance lets a request through.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Admission {
    // In the order in which they speak for all.
    Admitted,
    Unknown,
    Refused,
}

/// An allowance that was asked.
#[derive(Clone, Debug)]
pub(crate) struct AllowanceResult<'c> {
    pub admission: Admission,
    pub answer: WindowAnswer<'c>,
    is_large_enough: bool,
}

/// All allowances, the one that speaks for them first.
pub(crate) fn admit_all<'c>(
    context: &EvaluationContext<'_, 'c>,
    allowances: &[AnchoredAllowance<'c>],
    demand: UsageRequest,
    valid_until: &mut ValidUntil,
) -> Result<Vec<AllowanceResult<'c>>, Overflow> {
    let mut asked = Vec::with_capacity(allowances.len());
    for anchored in allowances {
        asked.push(match anchored.allowance.terms {
            Terms::Metered(limits) => admit_metered(context.now, anchored, limits, demand, valid_until)?,
            Terms::Credits(credits) => admit_pool(context, anchored, credits, demand, valid_until)?,
        });
    }
    sort_by(&mut asked, by_priority);
    Ok(asked)
}

fn admit_metered<'c>(
    now: Instant,
    anchored: &AnchoredAllowance<'c>,
    limits: Limits,
    demand: UsageRequest,
    valid_until: &mut ValidUntil,
) -> Result<AllowanceResult<'c>, Overflow> {
    let window = window(limits.reset_period, &anchored.anchors, now);
    valid_until.window(&window, demand.consumed);
    let UsageRequest { requested, consumed, reserved } = demand;
    let used = match consumed {
        Some(consumed) => Some(consumed.plus(reserved).ok_or(Overflow)?),
        None => None,
    };
    let total = match used {
        Some(used) => Some(used.plus(requested).ok_or(Overflow)?),
        None => None,
    };
    let (admission, reason) = admit(&limits, used, total)?;
    let above = |limit: Amount, amount: Amount| -> Result<Amount, Overflow> {
        let over = amount.minus(limit).ok_or(Overflow)?;
        Ok(if over.is_negative() { Amount::ZERO } else { over })
    };
    let (remaining, units) = match (limits.limit, used, total) {
        (Some(limit), Some(used), Some(total)) => (Some(above(used, limit)?), Some(above(limit, total)?)),
        (None, ..) => (None, Some(Amount::ZERO)),
        _ => (None, None),
    };
    let warning = match limits.warning_threshold_pct {
        None => None,
        Some(threshold_pct) => {
            let reached = match (limits.limit, used) {
                // Where the threshold itself has too many digits, nobody is kept from an answer by it.
                (Some(limit), Some(used)) => threshold_pct.percent_of(limit).map(|threshold| threshold <= used),
                (None, _) => Some(false),
                (_, None) => None,
            };
            Some(Warning { threshold_pct, reached })
        }
    };
    Ok(AllowanceResult {
        admission,
        is_large_enough: limits.limit.is_none_or(|limit| requested <= limit),
        answer: WindowAnswer {
            value_type: ValueType::Metered,
            allowed: admission == Admission::Admitted,
            reason,
            metering: Metering {
                requested,
                limit: limits.limit,
                unlimited: limits.limit.is_none(),
                consumed,
                reserved,
                remaining,
                overage: Overage { behavior: limits.overage, grace: limits.grace, units },
                warning,
                period: Some(Period { rule: limits.reset_period, window }),
            },
            origin: anchored.allowance.row.source.into(),
            subscription_id: anchored.subscription,
        },
    })
}

/// The rule of admission. `used` is what is consumed and reserved, `total` that and the request.
fn admit(limits: &Limits, used: Option<Amount>, total: Option<Amount>) -> Result<(Admission, Reason), Overflow> {
    use Admission::{Admitted, Refused, Unknown};
    let Some(limit) = limits.limit else { return Ok((Admitted, Reason::Unlimited)) };
    let (Some(used), Some(total)) = (used, total) else {
        return Ok(match limits.overage {
            // Whatever was used, it goes on.
            Behavior::Allow => (Admitted, Reason::OverageAllowed),
            Behavior::Block => (Unknown, Reason::UsageUnavailable),
        });
    };
    let headroom_ends = limit.plus(limits.grace).ok_or(Overflow)?;
    Ok(if total <= limit {
        (Admitted, Reason::WithinLimit)
    } else if total <= headroom_ends {
        (Admitted, Reason::WithinGrace)
    } else if limits.overage == Behavior::Allow {
        (Admitted, Reason::OverageAllowed)
    } else if headroom_ends <= used {
        (Refused, Reason::LimitReached)
    } else {
        (Refused, Reason::RequestedExceedsRemaining)
    })
}

/// Puts what a credits allowance costs to the pool's allowances. It reports the pool's numbers
/// under its own name.
fn admit_pool<'c>(
    context: &EvaluationContext<'_, 'c>,
    anchored: &AnchoredAllowance<'c>,
    credits: Credits,
    demand: UsageRequest,
    valid_until: &mut ValidUntil,
) -> Result<AllowanceResult<'c>, Overflow> {
    let cost = demand.requested.times(credits.cost).ok_or(Overflow)?;
    let origin = anchored.allowance.row.source.into();
    let subscription_id = anchored.subscription;
    let pool = context.catalog.feature(credits.pool).filter(|pool| pool.active);
    let mut pools = match pool {
        Some(pool) => match context.entitlement(credits.pool, pool)? {
            Entitlement::Allowances(allowances) => allowances,
            _ => Vec::new(),
        },
        None => Vec::new(),
    };
    context.track_add_ons(credits.pool, valid_until);
    // A pool of a pool is none.
    pools.retain(|pool| matches!(pool.allowance.terms, Terms::Metered(_)));
    let pools = admit_all(context, &pools, UsageRequest { requested: cost, ..demand }, valid_until)?;
    let Some(AllowanceResult { admission, answer, is_large_enough }) = pools.into_iter().next() else {
        return Ok(AllowanceResult {
            admission: Admission::Refused,
            is_large_enough: cost.is_zero(),
            answer: WindowAnswer {
                value_type: ValueType::Credits,
                allowed: false,
                reason: Reason::InsufficientCredits,
                metering: nothing(demand),
                origin,
                subscription_id,
            },
        });
    };
    let reason = if admission == Admission::Refused { Reason::InsufficientCredits } else { answer.reason };
    Ok(AllowanceResult {
        admission,
        is_large_enough,
        answer: WindowAnswer {
            value_type: ValueType::Credits,
            reason,
            metering: Metering { requested: demand.requested, ..answer.metering },
            origin,
            ..answer
        },
    })
}

/// The order in which allowances speak for all of them.
///
/// One that admits before one that does not. Of those that admit, the best reason; of those that
/// do not, those large enough for the request, then the earliest reset. Then the larger remaining,
/// the origin and the subscription.
fn by_priority(a: &AllowanceResult<'_>, b: &AllowanceResult<'_>) -> Ordering {
    let by_kind = |asked: &AllowanceResult<'_>| match asked.admission {
        Admission::Admitted => (reason_rank(asked.answer.reason), Reverse(true), Instant::MIN),
        _ => (0, Reverse(asked.is_large_enough), reset_at(asked).unwrap_or(Instant::MAX)),
    };
    let never = |asked: &AllowanceResult<'_>| asked.admission != Admission::Admitted && reset_at(asked).is_none();
    a.admission
        .cmp(&b.admission)
        .then_with(|| by_kind(a).cmp(&by_kind(b)))
        .then_with(|| never(a).cmp(&never(b)))
        .then_with(|| remaining(b).cmp(&remaining(a)))
        .then_with(|| a.answer.origin.id().cmp(b.answer.origin.id()))
        .then_with(|| a.answer.subscription_id.cmp(&b.answer.subscription_id))
}

fn reason_rank(reason: Reason) -> u8 {
    match reason {
        Reason::Unlimited => 0,
        Reason::WithinLimit => 1,
        Reason::WithinGrace => 2,
        _ => 3,
    }
}

fn reset_at(asked: &AllowanceResult<'_>) -> Option<Instant> {
    asked.answer.metering.period.and_then(|period| period.window.reset_at())
}

/// Unlimited is more than any amount, unknown less.
fn remaining(asked: &AllowanceResult<'_>) -> (bool, Option<Amount>) {
    (asked.answer.metering.unlimited, asked.answer.metering.remaining)
}

/// The numbers of an allowance of nothing.
fn nothing(demand: UsageRequest) -> Metering {
    Metering {
        requested: demand.requested,
        limit: Some(Amount::ZERO),
        unlimited: false,
        consumed: demand.consumed,
        reserved: demand.reserved,
        remaining: Some(Amount::ZERO),
        overage: Overage { behavior: Behavior::Block, grace: Amount::ZERO, units: None },
        warning: None,
        period: None,
    }
}
