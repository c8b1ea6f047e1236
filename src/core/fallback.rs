//! The fallback plan: what a customer holds while no subscription grants access.

use crate::billing::{Billing, BillingPeriod, BillingSchedule};
use crate::evaluation::EvaluationContext;
use crate::packed::Subscription;
use crate::time::Instant;
use crate::valid_until::ValidUntil;

/// The subscription to the fallback plan: monthly, from the midnight of the day on which the customer was created.
/// None before that instant itself.
#[cold]
#[inline(never)]
pub(crate) fn fallback<'c>(
    context: &EvaluationContext<'_, 'c>,
    valid_until: &mut ValidUntil,
) -> Option<Subscription<'c>> {
    let version = context.catalog.fallback?;
    let created_at = context.customer.created_at.unwrap_or(Instant::EPOCH);
    valid_until.at(Some(created_at));
    if context.now < created_at {
        return None;
    }
    let start = created_at.date().midnight();
    Some(context.subscriptions.stand_in(version, start, monthly_from(start, context.now)?))
}

/// The monthly billing of a subscription that starts at an instant. Nobody bills it, so the period at hand is no
/// projection of an earlier one.
pub(crate) fn monthly_from(start: Instant, now: Instant) -> Option<Billing> {
    let schedule = BillingSchedule::new(BillingPeriod::MONTHLY, start.date().civil().day.into()).ok()?;
    let period = schedule.period_from(start, now);
    Billing::new(schedule, period.start, period.end, Some(start), None).ok()
}
