//! Admission: whether one allowance and its caps have room for a request.
//!
//! The rules are section 8 of docs/semantics.md.

use crate::allowance::{Allowance, Overflow, Terms};
use crate::amount::Amount;
use crate::catalog::Catalog;
use crate::compose::AnchoredAllowance;
use crate::decision::{Metering, Overage, Period, Reason, Role, ValueType, Warning, WindowAnswer};
use crate::evaluation::EvaluationContext;
use crate::grant_source::Origin;
use crate::limits::Limits;
use crate::reset::ResetPeriod;
use crate::sort::sort_by;
use crate::time::Instant;
use crate::valid_until::ValidUntil;
use crate::value::{Behavior, Cap};
use crate::window::Window;
use crate::windowing::{Anchors, window};
use std::cmp::Ordering;

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
    /// The units that the allowance would admit, apart from overage; None if nothing bounds them, or unknown.
    pub available: Option<Amount>,
    /// Whether the limit and the caps are at least the requested amount.
    pub is_large_enough: bool,
    pub capped: Option<Box<Capped<'c>>>,
}

/// An allowance with caps.
#[derive(Clone, Debug)]
pub(crate) struct Capped<'c> {
    /// The answer of the limit alone.
    pub limit: WindowAnswer<'c>,
    /// The answers of the caps, those of the shortest windows first.
    pub caps: Vec<WindowAnswer<'c>>,
}

impl<'c> AllowanceResult<'c> {
    /// The answers of the limit and the caps, each of its own.
    pub fn into_windows(self, windows: &mut Vec<WindowAnswer<'c>>) {
        match self.capped {
            Some(capped) => {
                windows.push(WindowAnswer { drawn: self.answer.drawn, ..capped.limit });
                windows.extend(capped.caps);
            }
            None => windows.push(self.answer),
        }
    }

    /// The units that the caps leave; None without caps.
    #[cfg(feature = "usage")]
    pub fn caps_left(&self) -> Option<Amount> {
        self.capped.as_ref()?.caps.iter().filter_map(|cap| cap.metering.remaining).min()
    }

    /// Whether the allowance has caps.
    #[inline]
    pub fn is_capped(&self) -> bool {
        self.capped.is_some()
    }
}

/// The units that the allowances would admit, each by itself; None if one of them is not bounded, or unknown.
#[inline]
pub(crate) fn available(results: &[AllowanceResult<'_>]) -> Option<Amount> {
    // Most customers have one allowance.
    if let [result] = results { result.available } else { most_available(results) }
}

#[inline(never)]
fn most_available(results: &[AllowanceResult<'_>]) -> Option<Amount> {
    let mut most = Amount::ZERO;
    for result in results {
        most = most.max(result.available?);
    }
    Some(most)
}

/// What a limit is asked for besides its amounts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a, 'c> {
    pub catalog: &'c Catalog,
    pub now: Instant,
    pub anchors: &'a Anchors,
    pub origin: Origin<'c>,
    pub subscription: Option<&'c str>,
    /// The start of the row.
    pub starts_at: Option<Instant>,
}

/// Asks the limit of an allowance alone.
#[cfg_attr(not(feature = "small"), inline(always))]
pub(crate) fn admit_metered<'c>(
    context: &EvaluationContext<'_, 'c>,
    anchored: &AnchoredAllowance<'c>,
    limits: Limits,
    request: UsageRequest,
    valid_until: &mut ValidUntil,
) -> Result<AllowanceResult<'c>, Overflow> {
    let row = &anchored.allowance.row;
    let asked = Asked {
        catalog: context.catalog,
        now: context.now,
        anchors: &anchored.anchors,
        origin: row.source.into(),
        subscription: anchored.subscription,
        starts_at: row.starts_at,
    };
    measure(&asked, limits, request, valid_until)
}

/// Asks a limit.
#[cfg_attr(not(feature = "small"), inline(never))]
pub(crate) fn measure<'c>(
    asked: &Asked<'_, 'c>,
    limits: Limits,
    request: UsageRequest,
    valid_until: &mut ValidUntil,
) -> Result<AllowanceResult<'c>, Overflow> {
    let numbers = numbers(&limits, &request)?;
    let metering = metering(asked, &limits, &request, &numbers, valid_until);
    let Asked { origin, subscription, starts_at, .. } = *asked;
    Ok(AllowanceResult {
        admission: numbers.admission,
        available: numbers.available,
        is_large_enough: limits.limit.is_none_or(|limit| request.requested <= limit),
        capped: None,
        answer: WindowAnswer {
            value_type: ValueType::Metered,
            role: Role::Limit,
            allowed: numbers.admission == Admission::Admitted,
            reason: numbers.reason,
            metering,
            drawn: None,
            origin,
            subscription_id: subscription,
            starts_at,
        },
    })
}

/// The numbers of a limit and a request in an answer.
#[cfg_attr(not(feature = "small"), inline(always))]
pub(crate) fn metering<'c>(
    asked: &Asked<'_, 'c>,
    limits: &Limits,
    request: &UsageRequest,
    numbers: &Numbers,
    valid_until: &mut ValidUntil,
) -> Metering<'c> {
    let Asked { catalog, now, anchors, .. } = *asked;
    let window = window(limits.reset_period, anchors, &catalog.zones, now);
    valid_until.window(&window, request.consumed);
    Metering {
        requested: request.requested,
        limit: limits.limit,
        unlimited: limits.limit.is_none(),
        consumed: request.consumed,
        reserved: request.reserved,
        remaining: numbers.remaining,
        overage: Overage { behavior: limits.overage, grace: limits.grace, units: numbers.units },
        warning: numbers.warning,
        period: Some(Period {
            rule: shown(limits.reset_period.with_zone(None), anchors, &window, now),
            zone: catalog.zone_name(limits.reset_period),
            window,
        }),
    }
}

/// What a request comes to within a limit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Numbers {
    pub admission: Admission,
    pub reason: Reason,
    remaining: Option<Amount>,
    /// The units above the limit.
    units: Option<Amount>,
    /// The units that would be admitted, apart from overage.
    pub available: Option<Amount>,
    warning: Option<Warning>,
}

/// Judges a request by a limit.
#[cfg_attr(not(feature = "small"), inline(always))]
pub(crate) fn numbers(limits: &Limits, request: &UsageRequest) -> Result<Numbers, Overflow> {
    let small = if cfg!(feature = "small") { None } else { small_numbers(limits, request) };
    let mut numbers = match small {
        Some(numbers) => numbers,
        None => any_numbers(limits, request)?,
    };
    if limits.warning_threshold_pct.is_some() {
        numbers.warning = warning(limits, request);
    }
    Ok(numbers)
}

/// The numbers where all are whole and not large, as nearly always.
#[inline(always)]
fn small_numbers(limits: &Limits, request: &UsageRequest) -> Option<Numbers> {
    let (limit, grace) = (limits.limit?.small_whole()?, limits.grace.small_whole()?);
    let used = request.consumed?.small_whole()?.checked_add(request.reserved.small_whole()?)?;
    let total = used.checked_add(request.requested.small_whole()?)?;
    let headroom_ends = limit.checked_add(grace)?;
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
fn warning(limits: &Limits, request: &UsageRequest) -> Option<Warning> {
    let threshold_pct = limits.warning_threshold_pct?;
    let reached = match (limits.limit, request.consumed.and_then(|consumed| consumed.plus(request.reserved))) {
        // A threshold with too many digits leaves `reached` unknown; the answer does not need it.
        (Some(limit), Some(used)) => threshold_pct.percent_of(limit).map(|threshold| threshold <= used),
        (None, _) => Some(false),
        (_, None) => None,
    };
    Some(Warning { threshold_pct, reached })
}

/// Asks the caps of an allowance, too. `request` gives the amounts for a reset period.
#[cold]
#[inline(never)]
pub(crate) fn admit_caps<'c>(
    context: &EvaluationContext<'_, 'c>,
    anchored: &AnchoredAllowance<'c>,
    result: &mut AllowanceResult<'c>,
    request: &mut dyn FnMut(ResetPeriod) -> Result<UsageRequest, Overflow>,
    valid_until: &mut ValidUntil,
) -> Result<(), Overflow> {
    let Terms::Metered(limits) = anchored.allowance.terms else { return Ok(()) };
    let mut caps = Vec::with_capacity(anchored.allowance.caps().len());
    for Cap { limit, reset_period } in anchored.allowance.caps() {
        let limits = Limits {
            limit: Some(*limit),
            reset_period: *reset_period,
            overage: Behavior::Block,
            grace: Amount::ZERO,
            warning_threshold_pct: None,
            ..limits
        };
        caps.push(admit_metered(context, anchored, limits, request(*reset_period)?, valid_until)?);
    }
    sort_by(&mut caps, by_length);
    let limit = result.answer;
    let metering = &mut result.answer.metering;
    for cap in &caps {
        let own = &cap.answer.metering;
        if result.admission == Admission::Admitted && cap.admission != Admission::Admitted {
            // The first that refuses speaks.
            (result.admission, result.answer.reason, result.answer.allowed) = (cap.admission, cap.answer.reason, false);
            metering.period = own.period;
        }
        metering.remaining = match metering.remaining {
            // Nothing is said of usage that is unknown.
            Some(least) => own.remaining.map(|remaining| remaining.min(least)),
            None => own.remaining,
        };
        result.available = match result.available {
            Some(least) => own.remaining.map(|remaining| remaining.min(least)),
            None => own.remaining,
        };
        result.is_large_enough &= cap.is_large_enough;
    }
    let caps = caps.into_iter().map(|cap| WindowAnswer { role: Role::Cap, ..cap.answer }).collect();
    result.capped = Some(Box::new(Capped { limit, caps }));
    Ok(())
}

/// The order of caps: the shortest window at hand first, then by the name of the reset period.
fn by_length(a: &AllowanceResult<'_>, b: &AllowanceResult<'_>) -> Ordering {
    let (Some(a), Some(b)) = (a.answer.metering.period, b.answer.metering.period) else { return Ordering::Equal };
    let length =
        |window: &Window| window.end.map_or(i64::MAX, |end| end.millis().saturating_sub(window.start.millis()));
    let every = |rule: ResetPeriod| rule.every().map(|every| (every.unit.name(), every.interval()));
    length(&a.window)
        .cmp(&length(&b.window))
        .then_with(|| a.rule.name().cmp(b.rule.name()))
        .then_with(|| a.rule.sub_cycle().cmp(&b.rule.sub_cycle()))
        .then_with(|| every(a.rule).cmp(&every(b.rule)))
        .then_with(|| a.zone.cmp(&b.zone))
}

/// The reset period that an answer shows: months that do not cut the billing period are the billing cycle.
fn shown(rule: ResetPeriod, anchors: &Anchors, window: &Window, now: Instant) -> ResetPeriod {
    let is_cut = || self::window(ResetPeriod::BillingCycle, anchors, &[], now) != *window;
    if rule == ResetPeriod::BillingMonth && !is_cut() { ResetPeriod::BillingCycle } else { rule }
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
