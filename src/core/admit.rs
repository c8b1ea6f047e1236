//! Admission: whether an allowance has room for a request, and which of several allowances represents the others.
//!
//! The rules are section 8 of docs/semantics.md.

use crate::amount::Amount;
use crate::compose::{AnchoredAllowance, Entitlement};
use crate::decision::{Metering, Overage, Period, Reason, ValueType, Warning, WindowAnswer};
use crate::evaluation::EvaluationContext;
use crate::reset::ResetPeriod;
use crate::resolve::{Limits, Overflow, Terms};
use crate::sort::sort_by;
use crate::time::Instant;
use crate::valid_until::ValidUntil;
use crate::value::{Behavior, Credits};
use crate::window::Window;
use crate::windowing::{Anchors, window};
use std::cmp::{Ordering, Reverse};

/// The amounts of a question: requested, consumed and reserved.
#[derive(Clone, Copy, Debug)]
pub(crate) struct UsageRequest {
    pub requested: Amount,
    /// None if the usage is unknown.
    pub consumed: Option<Amount>,
    pub reserved: Amount,
}

/// Whether an allowance admits a request.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Admission {
    // In the order of priority.
    Admitted,
    Unknown,
    Refused,
}

/// The answer of one allowance.
#[derive(Clone, Debug)]
pub(crate) struct AllowanceResult<'c> {
    pub admission: Admission,
    pub answer: WindowAnswer<'c>,
    /// Whether the limit is at least the requested amount.
    is_large_enough: bool,
}

/// The results of all allowances; the representative is first.
pub(crate) fn admit_all<'c>(
    context: &EvaluationContext<'_, 'c>,
    allowances: &[AnchoredAllowance<'c>],
    request: UsageRequest,
    valid_until: &mut ValidUntil,
) -> Result<Vec<AllowanceResult<'c>>, Overflow> {
    let mut results = Vec::with_capacity(allowances.len());
    for anchored in allowances {
        results.push(match anchored.allowance.terms {
            Terms::Metered(limits) => admit_metered(context, anchored, limits, request, valid_until)?,
            Terms::Credits(credits) => admit_pool(context, anchored, credits, request, valid_until)?,
        });
    }
    sort_by(&mut results, by_priority);
    Ok(results)
}

fn admit_metered<'c>(
    context: &EvaluationContext<'_, 'c>,
    anchored: &AnchoredAllowance<'c>,
    limits: Limits,
    request: UsageRequest,
    valid_until: &mut ValidUntil,
) -> Result<AllowanceResult<'c>, Overflow> {
    let (now, zones) = (context.now, &context.catalog.zones);
    let window = window(limits.reset_period, &anchored.anchors, zones, now);
    valid_until.window(&window, request.consumed);
    let UsageRequest { requested, consumed, reserved } = request;
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
                // A threshold with too many digits leaves `reached` unknown; the answer does not need it.
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
                period: Some(Period {
                    rule: shown(limits.reset_period.with_zone(None), &anchored.anchors, &window, now),
                    zone: context.catalog.zone_name(limits.reset_period),
                    window,
                }),
            },
            origin: anchored.allowance.row.source.into(),
            subscription_id: anchored.subscription,
        },
    })
}

/// The reset period that an answer shows: months that do not cut the billing period are the billing cycle.
fn shown(rule: ResetPeriod, anchors: &Anchors, window: &Window, now: Instant) -> ResetPeriod {
    let is_cut = || self::window(ResetPeriod::BillingCycle, anchors, &[], now) != *window;
    if rule == ResetPeriod::BillingMonth && !is_cut() { ResetPeriod::BillingCycle } else { rule }
}

/// The rule of admission: the first line of its table that holds. `used` is consumed plus reserved; `total` is
/// `used` plus requested. Both are None if the usage is unknown.
fn admit(limits: &Limits, used: Option<Amount>, total: Option<Amount>) -> Result<(Admission, Reason), Overflow> {
    use Admission::{Admitted, Refused, Unknown};
    let Some(limit) = limits.limit else { return Ok((Admitted, Reason::Unlimited)) };
    let (Some(used), Some(total)) = (used, total) else {
        return Ok(match limits.overage {
            // No usage could change the outcome.
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

/// Asks the pool's allowances for the cost of a request. The result has the origin of the CREDITS row, and the
/// numbers and the subscription of the pool.
fn admit_pool<'c>(
    context: &EvaluationContext<'_, 'c>,
    anchored: &AnchoredAllowance<'c>,
    credits: Credits,
    request: UsageRequest,
    valid_until: &mut ValidUntil,
) -> Result<AllowanceResult<'c>, Overflow> {
    let cost = request.requested.times(credits.cost).ok_or(Overflow)?;
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
    // CREDITS rows of the pool are never followed.
    pools.retain(|pool| matches!(pool.allowance.terms, Terms::Metered(_)));
    let pools = admit_all(context, &pools, UsageRequest { requested: cost, ..request }, valid_until)?;
    let Some(AllowanceResult { admission, answer, is_large_enough }) = pools.into_iter().next() else {
        return Ok(AllowanceResult {
            admission: Admission::Refused,
            is_large_enough: cost.is_zero(),
            answer: WindowAnswer {
                value_type: ValueType::Credits,
                allowed: false,
                reason: Reason::InsufficientCredits,
                metering: nothing(request),
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
            metering: Metering { requested: request.requested, ..answer.metering },
            origin,
            ..answer
        },
    })
}

/// The priority of allowances: the first represents the others.
///
/// An allowance that admits comes first. Among these, the best reason comes first; among the others, a limit that
/// is large enough for the request, then the earliest reset. Ties go to the larger remaining amount, then to the
/// lower origin id, then to the lower subscription id.
fn by_priority(a: &AllowanceResult<'_>, b: &AllowanceResult<'_>) -> Ordering {
    let by_kind = |result: &AllowanceResult<'_>| match result.admission {
        Admission::Admitted => (reason_rank(result.answer.reason), Reverse(true), Instant::MIN),
        _ => (0, Reverse(result.is_large_enough), reset_at(result).unwrap_or(Instant::MAX)),
    };
    let never = |result: &AllowanceResult<'_>| result.admission != Admission::Admitted && reset_at(result).is_none();
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

fn reset_at(result: &AllowanceResult<'_>) -> Option<Instant> {
    result.answer.metering.period.and_then(|period| period.window.reset_at())
}

/// The remaining amount as a sort key: unlimited is more than any amount, unknown is less.
fn remaining(result: &AllowanceResult<'_>) -> (bool, Option<Amount>) {
    (result.answer.metering.unlimited, result.answer.metering.remaining)
}

/// The numbers of a pool that is not granted: a limit of zero and no period.
fn nothing(request: UsageRequest) -> Metering<'static> {
    Metering {
        requested: request.requested,
        limit: Some(Amount::ZERO),
        unlimited: false,
        consumed: request.consumed,
        reserved: request.reserved,
        remaining: Some(Amount::ZERO),
        overage: Overage { behavior: Behavior::Block, grace: Amount::ZERO, units: None },
        warning: None,
        period: None,
    }
}
