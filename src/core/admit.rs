//! Admission by several allowances and by pools, and which allowance represents the others.
//!
//! The rules are section 8 of docs/semantics.md.

use crate::admission::{AllowanceResult, admit_caps, admit_metered, available};
use crate::allowance::{Overflow, Terms};
use crate::amount::Amount;
use crate::compose::{AnchoredAllowance, Entitlement};
use crate::decision::{Metering, Overage, Reason, Role, ValueType, Verdict, WindowAnswer};
use crate::evaluation::EvaluationContext;
use crate::grant_source::Origin;
use crate::idx::FeatureIdx;
use crate::numbers::{Admission, UsageRequest};
use crate::sort::sort_by;
use crate::time::Instant;
use crate::valid_until::ValidUntil;
use crate::value::{Behavior, Credits};
use std::cmp::{Ordering, Reverse};

/// The results of all allowances; the representative is first.
pub(crate) fn admit_all<'c>(
    context: &EvaluationContext<'_, 'c>,
    allowances: &[AnchoredAllowance<'c>],
    request: UsageRequest,
    valid_until: &mut ValidUntil,
) -> Result<Vec<AllowanceResult<'c>>, Overflow> {
    let mut results = Vec::with_capacity(allowances.len());
    for anchored in allowances {
        match anchored.allowance.terms {
            Terms::Metered(limits) => {
                let request = request.of(context, &anchored.allowance);
                results.push(admit_metered(context, anchored, limits, request, valid_until)?);
                if !anchored.allowance.caps().is_empty()
                    && let Some(result) = results.last_mut()
                {
                    admit_caps(context, anchored, result, &mut |_| Ok(request), valid_until)?;
                }
            }
            Terms::Credits(credits) => results.push(admit_pool(context, anchored, credits, request, valid_until)?),
        }
    }
    sort_by(&mut results, by_priority);
    Ok(results)
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
    let pools = pool_allowances(context, credits.pool, valid_until)?;
    let pools = admit_all(context, &pools, UsageRequest { requested: cost, ..request }, valid_until)?;
    let available = available(&pools);
    let Some(mut result) = pools.into_iter().next() else { return Ok(without_pool(anchored, request, cost)) };
    let stands = result.admission == Admission::Admitted && result.answer.reason != Reason::OverageAllowed;
    result.available = units(available, credits, stands);
    Ok(result.through(anchored.allowance.row.source.into(), request.requested))
}

/// The units of a feature that an amount of its pool pays for. Without a cost they are not bounded while the pool
/// stands.
fn units(amount: Option<Amount>, credits: Credits, stands: bool) -> Option<Amount> {
    let amount = bounded(amount, credits, stands)?;
    if credits.cost.is_zero() { Some(amount) } else { amount.divided_down(credits.cost) }
}

/// An amount of a pool as a bound of what it pays for.
pub(crate) fn bounded(amount: Option<Amount>, credits: Credits, stands: bool) -> Option<Amount> {
    if credits.cost.is_zero() { amount.map(|_| Amount::ZERO).filter(|_| !stands) } else { amount }
}

/// The allowances of a pool; none if it is not granted, disabled or not active.
pub(crate) fn pool_allowances<'c>(
    context: &EvaluationContext<'_, 'c>,
    at: FeatureIdx,
    valid_until: &mut ValidUntil,
) -> Result<Vec<AnchoredAllowance<'c>>, Overflow> {
    let pool = context.catalog.feature(at).filter(|pool| pool.active);
    let mut pools = match pool {
        Some(pool) => match context.entitlement(at, pool)? {
            Entitlement::Allowances(allowances) => allowances,
            _ => Vec::new(),
        },
        None => Vec::new(),
    };
    context.track_add_ons(at, valid_until);
    // CREDITS rows of the pool are never followed.
    pools.retain(|pool| matches!(pool.allowance.terms, Terms::Metered(_)));
    Ok(pools)
}

/// The answer of a CREDITS allowance whose pool has no allowance.
pub(crate) fn without_pool<'c>(
    anchored: &AnchoredAllowance<'c>,
    request: UsageRequest,
    cost: Amount,
) -> AllowanceResult<'c> {
    AllowanceResult {
        admission: Admission::Refused,
        available: Some(Amount::ZERO),
        is_large_enough: cost.is_zero(),
        capped: None,
        answer: WindowAnswer {
            value_type: ValueType::Credits,
            role: Role::Limit,
            allowed: false,
            reason: Reason::InsufficientCredits,
            metering: nothing(request),
            drawn: None,
            origin: anchored.allowance.row.source.into(),
            subscription_id: anchored.subscription,
            starts_at: anchored.allowance.row.starts_at,
        },
    }
}

impl<'c> AllowanceResult<'c> {
    /// The answer of a pool as that of a CREDITS row of this origin: the numbers and the subscription are the pool's.
    pub fn through(mut self, origin: Origin<'c>, requested: Amount) -> AllowanceResult<'c> {
        let price = |answer: &mut WindowAnswer<'c>| {
            answer.value_type = ValueType::Credits;
            answer.origin = origin;
            answer.metering.requested = requested;
            if answer.reason.verdict() == Verdict::Deny {
                answer.reason = Reason::InsufficientCredits;
            }
        };
        price(&mut self.answer);
        if let Some(capped) = &mut self.capped {
            price(&mut capped.limit);
            capped.caps.iter_mut().for_each(price);
        }
        self
    }
}

/// The priority of allowances: the first represents the others.
///
/// An allowance that admits comes first. Among these, the best reason comes first; among the others, a limit that
/// is large enough for the request, then the earliest reset. Ties go to the larger remaining amount, then to the
/// lower origin id, then to the lower subscription id.
pub(crate) fn by_priority(a: &AllowanceResult<'_>, b: &AllowanceResult<'_>) -> Ordering {
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

/// The instant at which the allowance may have room again: the latest reset of its windows that refuse.
fn reset_at(result: &AllowanceResult<'_>) -> Option<Instant> {
    let reset_at = |answer: &WindowAnswer<'_>| answer.metering.period.and_then(|period| period.window.reset_at());
    let Some(capped) = &result.capped else { return reset_at(&result.answer) };
    let mut latest = None;
    for answer in capped.caps.iter().chain([&capped.limit]).filter(|answer| !answer.allowed) {
        latest = latest.max(Some(reset_at(answer)?));
    }
    latest
}

/// The remaining amount as a sort key: what nothing bounds is more than any amount, unknown is less.
fn remaining(result: &AllowanceResult<'_>) -> (bool, Option<Amount>) {
    let metering = &result.answer.metering;
    (metering.unlimited && metering.remaining.is_none(), metering.remaining)
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
