//! Admission: the answer of one allowance with its window and its caps.
//!
//! The rules are section 8 of docs/semantics.md.

use crate::allowance::{Overflow, Terms};
use crate::amount::Amount;
use crate::catalog::Catalog;
use crate::compose::AnchoredAllowance;
use crate::decision::{Metering, Overage, Period, Role, ValueType, WindowAnswer};
use crate::evaluation::EvaluationContext;
use crate::grant_source::Origin;
use crate::limits::{Limits, SmallLimit};
use crate::numbers::{Admission, Numbers, SmallUsage, UsageRequest, numbers};
use crate::reset::ResetPeriod;
use crate::sort::sort_by;
use crate::time::Instant;
use crate::valid_until::ValidUntil;
use crate::value::{Behavior, Cap};
use crate::window::Window;
use crate::windowing::{Anchors, window};
use std::cmp::Ordering;

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

impl Asked<'_, '_> {
    /// The window of a limit.
    pub fn window(&self, limits: &Limits) -> Window {
        window(limits.reset_period, self.anchors, &self.catalog.zones, self.now)
    }
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
    let measured = Measured {
        limits: &limits,
        request: &request,
        rule: &limits.reset_period.with_zone(None),
        window: asked.window(&limits),
        numbers: numbers(&limits, &request, SmallLimit::of(&limits).zip(SmallUsage::of(&request)))?,
    };
    Ok(measured.result(&asked, valid_until))
}

/// What a limit comes to for a request.
#[derive(Debug)]
pub(crate) struct Measured<'a> {
    pub limits: &'a Limits,
    pub request: &'a UsageRequest,
    /// The reset period without the position of its zone.
    pub rule: &'a ResetPeriod,
    pub window: Window,
    pub numbers: Numbers,
}

impl Measured<'_> {
    /// The answer of the limit.
    #[cfg_attr(not(feature = "small"), inline(never))]
    pub fn result<'c>(&self, asked: &Asked<'_, 'c>, valid_until: &mut ValidUntil) -> AllowanceResult<'c> {
        let Numbers { admission, reason, available, .. } = self.numbers;
        let Asked { origin, subscription, starts_at, .. } = *asked;
        AllowanceResult {
            admission,
            available,
            is_large_enough: self.limits.limit.is_none_or(|limit| self.request.requested <= limit),
            capped: None,
            answer: WindowAnswer {
                value_type: ValueType::Metered,
                role: Role::Limit,
                allowed: admission == Admission::Admitted,
                reason,
                metering: self.metering(asked, valid_until),
                drawn: None,
                origin,
                subscription_id: subscription,
                starts_at,
            },
        }
    }

    /// The numbers of the answer.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub fn metering<'c>(&self, asked: &Asked<'_, 'c>, valid_until: &mut ValidUntil) -> Metering<'c> {
        let Measured { limits, request, rule, window, numbers } = *self;
        valid_until.window(&window, request.consumed);
        let rule = shown(rule, asked, &window);
        Metering {
            requested: request.requested,
            limit: limits.limit,
            unlimited: limits.limit.is_none(),
            consumed: request.consumed,
            reserved: request.reserved,
            remaining: numbers.remaining,
            overage: Overage { behavior: limits.overage, grace: limits.grace, units: numbers.units },
            warning: numbers.warning,
            period: Some(Period { rule: *rule, zone: asked.catalog.zone_name(limits.reset_period), window }),
        }
    }
}

/// The reset period that an answer shows: months that do not cut the billing period are the billing cycle. By reference,
/// because the compiler would put a chosen value together byte by byte.
#[inline]
fn shown<'a>(rule: &'a ResetPeriod, asked: &Asked<'_, '_>, window: &Window) -> &'a ResetPeriod {
    if *rule == ResetPeriod::BillingMonth && !is_cut(asked, window) { &ResetPeriod::BillingCycle } else { rule }
}

#[inline(never)]
fn is_cut(asked: &Asked<'_, '_>, month: &Window) -> bool {
    window(ResetPeriod::BillingCycle, asked.anchors, &[], asked.now) != *month
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
