//! The dates of a new subscription: status, trial, billing start, current period.
//!
//! Decisions apply the clock to stored subscriptions: it starts and ends them and their trials, and
//! rolls periods forward. So a subscription with ON_START is stored as started, even for a later date.

use super::plan::PlanVersion;
use super::request::{Activation, CreateSubscription};
use crate::failure::ApiError;
use mayuse_core::{BillingPeriod, BillingSchedule, Date, Instant, trial_end};

pub(super) struct Terms {
    pub status: &'static str,
    pub activated_at: Option<Instant>,
    pub trial_days: Option<u32>,
    pub billing_start: Date,
    pub billing_day_anchor: i64,
    pub period_start: Date,
    /// None while the activation date is unknown.
    pub period_end: Option<Date>,
    /// The number of the current period, from 0; None while the activation date is unknown.
    pub cycle_index: Option<i64>,
}

/// Computes the terms of a requested subscription.
///
/// # Errors
/// `skip_past_invoices` where there is no past, or dates beyond the year 9999.
pub(super) fn terms(
    asked: &CreateSubscription,
    plan: &PlanVersion,
    period: BillingPeriod,
    now: Instant,
) -> Result<Terms, ApiError> {
    let (start, today) = (asked.start, now.date());
    if asked.skip_past_invoices {
        let refuse = |message: &str| Err(ApiError::field("skip_past_invoices", message));
        if asked.activation != Activation::OnStart {
            return refuse("goes with `activation_condition` ON_START only");
        }
        if today <= start {
            return refuse("goes with a `start_date` in the past only");
        }
    }
    let trial_days = asked.trial_days.or(plan.trial_days).filter(|days| *days != 0);
    let trial_end = trial_days.map(|days| end_of_trial(start, days)).transpose()?;
    let free_trial_end = trial_end.filter(|_| plan.trial_is_free);
    // A paid trial is billed from its first day.
    let billing_start = free_trial_end.unwrap_or(start);
    let anchor = asked.billing_day_anchor.or(plan.billing_day_anchor).unwrap_or(month_and_day(billing_start).1);
    let rhythm = BillingSchedule::new(period, anchor)
        .map_err(|error| ApiError::field("billing_day_anchor", error.to_string()))?;
    let in_trial = trial_end.is_some_and(|end| today < end);
    let on_trial = match asked.activation {
        Activation::OnStart => in_trial,
        Activation::OnCheckout => free_trial_end.is_some(),
        Activation::Manual => false,
    };
    let status = match asked.activation {
        _ if on_trial => "TRIAL_ACTIVE",
        Activation::OnStart => "ACTIVE",
        Activation::OnCheckout | Activation::Manual => "PENDING_ACTIVATION",
    };
    let terms = Terms {
        status,
        activated_at: Some(start.midnight()).filter(|_| asked.activation == Activation::OnStart),
        trial_days,
        billing_start,
        billing_day_anchor: anchor,
        period_start: start,
        period_end: None,
        cycle_index: None,
    };
    if status == "PENDING_ACTIVATION" {
        return Ok(terms);
    }
    let at = match (asked.skip_past_invoices, asked.end) {
        (true, Some(end)) if end <= today => before(end),
        (true, _) => now,
        (false, _) if on_trial => start.midnight(),
        (false, _) => billing_start.midnight(),
    };
    let (period_start, period_end, cycle_index) = match free_trial_end {
        Some(end) if at < end.midnight() => (start, end, 0),
        _ => {
            let found = rhythm.period_from(billing_start.midnight(), at);
            let first = rhythm.period_from(billing_start.midnight(), billing_start.midnight());
            let [from, to, first_end] =
                [Some(found.start), found.end, first.end].map(|at| at.unwrap_or(Instant::MAX).date());
            let months = month_and_day(from).0.saturating_sub(month_and_day(first_end).0);
            let whole = months.checked_div_euclid(period.months().unwrap_or(1)).unwrap_or_default();
            (from, to, if from < first_end { 0 } else { whole.saturating_add(1) })
        }
    };
    // An ended subscription cuts its last period short.
    let period_end = match asked.end {
        Some(end) if asked.skip_past_invoices && end <= today => period_end.min(end),
        _ => period_end,
    };
    if period_end <= period_start {
        return Err(ApiError::field("start_date", "the first billing period would end after the year 9999"));
    }
    Ok(Terms { period_start, period_end: Some(period_end), cycle_index: Some(cycle_index), ..terms })
}

fn end_of_trial(start: Date, days: u32) -> Result<Date, ApiError> {
    let end = trial_end(start.midnight(), days).map_or(start, Instant::date);
    // `trial_end` saturates at the year 9999.
    let elapsed = end.midnight().millis().saturating_sub(start.midnight().millis());
    if elapsed == i64::from(days).saturating_mul(86_400_000) {
        return Ok(end);
    }
    Err(ApiError::field("trial_days", "the trial would end after the year 9999"))
}

/// The last instant before a day.
fn before(day: Date) -> Instant {
    Instant::from_millis(day.midnight().millis().saturating_sub(1)).unwrap_or(Instant::MIN)
}

/// The month of a day, counted from the year 0, and the day of the month.
fn month_and_day(date: Date) -> (i64, i64) {
    let text = date.to_string();
    let mut parts = text.split('-').map(|part| part.parse::<i64>().unwrap_or_default());
    let mut next = || parts.next().unwrap_or_default();
    let (year, month, day) = (next(), next(), next());
    (year.saturating_mul(12).saturating_add(month), day)
}
