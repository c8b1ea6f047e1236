//! The answer from the customer's entitlement: its value, or whether its allowances admit the request.

use crate::admission::{AllowanceResult, available};
use crate::admit::admit_all;
use crate::allowance::Overflow;
use crate::amount::Amount;
use crate::applied_grant::NamedRow;
use crate::catalog::Feature;
use crate::compose::Entitlement;
use crate::configure::{ConfigAnswer, configured};
#[cfg(feature = "usage")]
use crate::decision::UnmatchedUsage;
use crate::decision::{Decision, Reason, ValueType};
#[cfg(feature = "usage")]
use crate::draw::{Drawn, draw};
use crate::evaluation::EvaluationContext;
use crate::idx::FeatureIdx;
use crate::numbers::{Admission, UsageRequest};
use crate::packed::Subscription;
use crate::question::Question;
use crate::status::Status;
use crate::status_at::{status_at, status_grants, track_reason};
#[cfg(feature = "usage")]
use crate::trace::show_draws;
use crate::valid_until::ValidUntil;
use crate::value::{ConfigType, FeatureType, Value};

/// Finds the customer's entitlement and whether it admits the request.
#[cfg_attr(not(feature = "small"), inline(always))]
pub(crate) fn entitled<'c>(
    decision: &mut Decision<'c>,
    context: &EvaluationContext<'_, 'c>,
    at: FeatureIdx,
    feature: &'c Feature,
    question: &Question<'c>,
    valid_until: &mut ValidUntil,
) -> Result<Reason, Overflow> {
    let mut by = |row: NamedRow<'c>, subscription: Option<&'c str>| {
        decision.origin = Some(row.source.into());
        decision.subscription_id = subscription;
    };
    context.track_add_ons(at, valid_until);
    if let FeatureType::Config(values) = &feature.feature_type {
        return told(decision, context, at, feature, values, question.requested, valid_until);
    }
    let allowances = match context.entitlement(at, feature)? {
        Entitlement::None => return Ok(not_entitled(decision, context, valid_until)),
        Entitlement::TypeMismatch => return Ok(Reason::TypeMismatch),
        Entitlement::Off(row, subscription) => {
            by(row, subscription);
            if let Value::Credits(_) = row.grant.value {
                decision.value_type = Some(ValueType::Credits);
            }
            return Ok(Reason::EntitlementDisabled);
        }
        Entitlement::On(row, subscription) => {
            by(row, subscription);
            decision.enabled = true;
            return Ok(Reason::Enabled);
        }
        Entitlement::Allowances(allowances) => allowances,
    };
    decision.enabled = true;
    let request = UsageRequest {
        requested: question.requested.unwrap_or(Amount::ONE),
        consumed: question.consumed,
        reserved: question.reserved,
    };
    #[cfg(feature = "usage")]
    if let Some(entries) = question.usage {
        let Drawn { results, reason, available: left, matched, order } =
            draw(context, &allowances, entries, request, valid_until)?;
        if let Some(trace) = decision.trace.as_mut().filter(|_| cfg!(feature = "explain")) {
            show_draws(trace, &allowances, &order);
        }
        describe(decision, results);
        decision.available = left;
        let unmatched = matched.into_iter().enumerate().filter(|(_, matched)| !matched);
        decision.warnings = unmatched.map(|(entry, _)| UnmatchedUsage { entry }).collect();
        return Ok(reason);
    }
    let results = admit_all(context, &allowances, request, valid_until)?;
    let Some(representative) = results.first() else { return Ok(Reason::NotEntitled) };
    let reason = match representative.admission {
        Admission::Unknown => Reason::UsageUnavailable,
        Admission::Admitted | Admission::Refused => representative.answer.reason,
    };
    decision.available = available(&results);
    describe(decision, results);
    Ok(reason)
}

/// Fills in the numbers of the first result, and the windows of all.
#[cfg_attr(not(feature = "small"), inline(always))]
pub(crate) fn describe<'c>(decision: &mut Decision<'c>, results: Vec<AllowanceResult<'c>>) {
    let Some(first) = results.first() else { return };
    decision.value_type = Some(first.answer.value_type);
    decision.subscription_id = first.answer.subscription_id;
    decision.origin = Some(first.answer.origin);
    decision.metering = Some(first.answer.metering);
    if 1 < results.len() || first.is_capped() {
        for result in results {
            result.into_windows(&mut decision.windows);
        }
    }
}

/// The reason if no row reaches the customer.
#[inline]
fn not_entitled<'c>(
    decision: &mut Decision<'c>,
    context: &EvaluationContext<'_, 'c>,
    valid_until: &mut ValidUntil,
) -> Reason {
    // What the fallback plan does not have, a subscription that granted access might have.
    if context.fallback.is_none() && context.is_granted() {
        return Reason::NotEntitled;
    }
    explained(decision, context, valid_until)
}

/// The reason if no subscription grants access, for what the fallback plan does not have.
#[cold]
#[inline(never)]
fn explained<'c>(
    decision: &mut Decision<'c>,
    context: &EvaluationContext<'_, 'c>,
    valid_until: &mut ValidUntil,
) -> Reason {
    // Without a granting subscription, only the customer override could grant.
    let (reason, representative) = why_none_grants(context);
    if context.fallback.is_some() && representative.is_none() {
        return Reason::NotEntitled;
    }
    let mut all = context.all();
    while let Some(subscription) = all.next() {
        if subscription.end.is_some_and(|end| end <= subscription.start) {
            track_reason(context.catalog, subscription, context.now, valid_until);
        }
    }
    decision.fallback = false;
    decision.subscription_id = representative;
    reason
}

/// Finds the customer's CONFIG value, and whether it is at least the requested number.
#[cold]
#[inline(never)]
fn told<'c>(
    decision: &mut Decision<'c>,
    context: &EvaluationContext<'_, 'c>,
    at: FeatureIdx,
    feature: &'c Feature,
    values: &ConfigType,
    requested: Option<Amount>,
    valid_until: &mut ValidUntil,
) -> Result<Reason, Overflow> {
    let (found, mismatch) = configured(context, at, feature, values)?;
    let Some(found) = found else {
        return Ok(if mismatch { Reason::TypeMismatch } else { not_entitled(decision, context, valid_until) });
    };
    decision.origin = Some(found.row.source.into());
    decision.subscription_id = found.subscription;
    if !found.enabled {
        return Ok(Reason::EntitlementDisabled);
    }
    decision.value = Some(found.value);
    decision.enabled = found.value != ConfigAnswer::Boolean(false);
    Ok(match (found.value, requested) {
        (ConfigAnswer::Boolean(false), _) => Reason::EntitlementDisabled,
        (ConfigAnswer::Number(number), Some(requested)) if number < requested => Reason::ExceedsValue,
        _ => Reason::Configured,
    })
}

/// Why no subscription grants access, and the id of the subscription that represents the others: the one that
/// started last. A subscription that has yet to start represents them only if none has started.
fn why_none_grants<'c>(context: &EvaluationContext<'_, 'c>) -> (Reason, Option<&'c str>) {
    let key = |subscription: &Subscription<'c>| {
        let started = subscription.start <= context.now;
        (started, subscription.start, subscription.id)
    };
    let mut representative: Option<Subscription<'c>> = None;
    let mut all = context.all();
    while let Some(subscription) = all.next() {
        if representative.is_none_or(|representative| key(&representative) <= key(subscription)) {
            representative = Some(*subscription);
        }
    }
    let Some(representative) = representative else { return (Reason::NoActiveSubscription, None) };
    let at = status_at(context.catalog, &representative, context.now);
    let ended = representative.end.is_some_and(|end| end <= context.now);
    let to_start = context.now < representative.start;
    let grants = || status_grants(context.catalog, &representative, &at, context.now);
    let reason = match at.status {
        _ if ended => Reason::SubscriptionEnded,
        // A status that grants access does not explain a denial; the future start does.
        _ if to_start && grants() => Reason::SubscriptionPending,
        Status::Cancelled | Status::Completed | Status::Superseded | Status::Aborted => Reason::SubscriptionEnded,
        Status::TrialExpired => Reason::TrialExpired,
        Status::Paused => Reason::SubscriptionPaused,
        Status::Suspended | Status::Errored => Reason::SubscriptionSuspended,
        Status::PendingActivation => Reason::SubscriptionPending,
        Status::Unknown => Reason::NoActiveSubscription,
        _ if to_start => Reason::SubscriptionPending,
        Status::Active | Status::TrialActive | Status::PendingCharge => Reason::NoActiveSubscription,
    };
    (reason, Some(representative.id))
}
