//! Reads the billing data of a subscription: its period, its schedule, its current period.

use crate::node::{Node, Object};
use crate::tree::Tree;
use crate::values::every;
use mayuse_core::{Billing, BillingPeriod, BillingSchedule, Code, Instant, Problem, Severity, Status};

/// Reads a billing period: its name, or `{"unit", "interval"}`.
pub fn billing_period(node: Node<'_>) -> Option<BillingPeriod> {
    let Tree::Object(_) = node.tree else { return node.known_word(&BillingPeriod::NAMED) };
    let every = every(node.object()?, &BillingPeriod::UNITS)?;
    BillingPeriod::new(every.unit, every.interval().into()).ok()
}

/// The billing data of a subscription.
pub(crate) fn billing(
    o: Object<'_>,
    start: Option<Instant>,
    status: Status,
    trial_end: Option<Instant>,
) -> Option<Billing> {
    // What cannot be read is reported, or is a word that this version does not know.
    let period = o.need("period").map(|n| billing_period(n).unwrap_or(BillingPeriod::UNKNOWN));
    let schedule = rhythm(o, period);
    let from = o.required_instant("current_period_start");
    let to = o.instant("current_period_end");
    // Meteroid stores a pending subscription, which has no period yet, with an end that is the start.
    let to = to.filter(|_| status != Status::PendingActivation || to != from);
    let billing_start = o.instant("billing_start_date");
    let billing = current_period(o, schedule?, from?, to, start, billing_start)?;
    // The trial of a subscription is a period of its own.
    if to != trial_end && billing.is_stretched() {
        o.sink.push(Problem {
            code: Code::Invalid,
            severity: Severity::Warning,
            place: o.path.place().field("current_period_end"),
            message: "the current period is longer than `period` says".to_owned(),
        });
    }
    Some(billing)
}

/// Reads the billing schedule of an object with `billing_day_anchor`, which periods of days and weeks do not need.
pub(crate) fn rhythm(o: Object<'_>, period: Option<BillingPeriod>) -> Option<BillingSchedule> {
    let checked = |n: Node<'_>| {
        let schedule = BillingSchedule::new(period.unwrap_or(BillingPeriod::MONTHLY), n.integer()?);
        schedule.map_err(|error| n.error(Code::OutOfRange, error.text())).ok()
    };
    match period {
        Some(period) if period.months().is_none() && !o.has("billing_day_anchor") => {
            BillingSchedule::new(period, 1).ok()
        }
        _ => period.and(o.required("billing_day_anchor", checked)),
    }
}

/// The billing data of an object; an empty current period is reported.
pub(crate) fn current_period(
    o: Object<'_>,
    schedule: BillingSchedule,
    from: Instant,
    to: Option<Instant>,
    start: Option<Instant>,
    billing_start: Option<Instant>,
) -> Option<Billing> {
    let billing = Billing::new(schedule, from, to, start, billing_start);
    billing.map_err(|error| o.error(Code::Invalid, error.text())).ok()
}
