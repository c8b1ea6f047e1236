//! Attributed usage: a question that states the usage of each allowance draws from them one after another.
//!
//! The rules are in section 8 of docs/semantics.md.

use crate::admission::{AllowanceResult, admit_caps, admit_metered};
use crate::admit;
use crate::allowance::{Overflow, Terms};
use crate::amount::Amount;
use crate::applied_grant::AppliedGrant;
use crate::compose::AnchoredAllowance;
use crate::decision::Reason;
use crate::evaluation::EvaluationContext;
use crate::ladder::Level;
use crate::limits::Limits;
use crate::numbers::{Admission, UsageRequest};
use crate::reset::ResetPeriod;
use crate::sort::sort_by;
use crate::stated::{Held, Stated};
use crate::time::Instant;
use crate::usage::UsageEntry;
use crate::valid_until::ValidUntil;
use crate::value::{Behavior, Credits};
use crate::windowing::window;
use std::cmp::Ordering;

/// The answer to an attributed question.
#[derive(Debug)]
pub(crate) struct Drawn<'c> {
    /// The results of all allowances; the one that is described is first.
    pub results: Vec<AllowanceResult<'c>>,
    pub reason: Reason,
    /// The units that would be admitted, apart from overage; None if nothing bounds them.
    pub available: Option<Amount>,
    /// Whether each entry matches an allowance.
    pub matched: Vec<bool>,
    /// The positions of the allowances, in the order in which they are drawn from.
    pub order: Vec<usize>,
}

/// An allowance to draw from.
struct Draw<'c> {
    /// The position of the allowance.
    at: usize,
    result: AllowanceResult<'c>,
    /// The row of the limit. For CREDITS, the row of the pool.
    row: AppliedGrant<'c>,
    /// For CREDITS: the row, and which allowance of which pool it draws from.
    credits: Option<(AppliedGrant<'c>, Credits, usize)>,
    /// When the units are gone.
    end: Option<Instant>,
    /// The units that are left within the limit and the caps; None if nothing bounds them. For CREDITS, units of the
    /// pool, until [`to_one_unit`] makes all of them equal.
    within: Option<Amount>,
    /// The same with the grace.
    graced: Option<Amount>,
    /// The units that the caps admit.
    capped: Option<Amount>,
    /// Whether it takes part.
    draws: bool,
    drawn: Amount,
}

/// Answers an attributed question.
#[cold]
#[inline(never)]
pub(crate) fn draw<'c>(
    context: &EvaluationContext<'_, 'c>,
    allowances: &[AnchoredAllowance<'c>],
    entries: &[UsageEntry],
    request: UsageRequest,
    valid_until: &mut ValidUntil,
) -> Result<Drawn<'c>, Overflow> {
    let requested = request.requested;
    let otherwise = UsageRequest { consumed: request.consumed.or(Some(Amount::ZERO)), ..request };
    let mut stated = Stated { entries, otherwise, matched: vec![false; entries.len()] };
    let mut draws = collect(context, allowances, &mut stated, valid_until)?;
    one_window_of_an_override(context, &mut draws);
    sort_by(&mut draws, by_end);
    cheapest_of_a_pool(&mut draws);

    let order = draws.iter().filter(|draw| draw.draws).map(|draw| draw.at).collect();
    let scale = to_one_unit(&mut draws)?;
    let total = requested.times(scale).ok_or(Overflow)?;
    let (mut within, mut graced) = (Some(Amount::ZERO), Some(Amount::ZERO));
    for draw in draws.iter().filter(|draw| draw.draws) {
        within = both(within, draw.within, Amount::plus_down);
        graced = both(graced, draw.graced, Amount::plus_down);
    }
    let reason = if requested.is_zero() { None } else { share_out(&mut draws, total, within, graced) };
    let describes = draws.iter().position(|draw| !draw.drawn.is_zero());
    for draw in &mut draws {
        draw.result.answer.drawn = draw.drawn.divided_down(scale).filter(|_| reason.is_some());
    }
    let mut results: Vec<AllowanceResult<'c>> = draws.into_iter().map(|draw| draw.result).collect();
    let reason = match (reason, describes) {
        (Some(reason), Some(first)) => {
            if let Some(front) = results.get_mut(..=first) {
                front.rotate_right(1);
            }
            // A cap that alone would refuse refuses nothing here.
            if let Some(described) = results.first_mut()
                && let Some(capped) = &described.capped
            {
                described.answer.metering.period = capped.limit.metering.period;
            }
            reason
        }
        _ => {
            sort_by(&mut results, admit::by_priority);
            let Some(first) = results.first_mut() else { return Err(Overflow) };
            match first.answer.reason {
                reason if first.admission == Admission::Admitted => reason,
                Reason::LimitReached if graced != Some(Amount::ZERO) => Reason::RequestedExceedsRemaining,
                reason => reason,
            }
        }
    };
    let available = graced.and_then(|graced| graced.divided_down(scale));
    Ok(Drawn { results, reason, available, matched: stated.matched, order })
}

/// The allowances with their usage, each pool allowance once for each CREDITS row.
fn collect<'c>(
    context: &EvaluationContext<'_, 'c>,
    allowances: &[AnchoredAllowance<'c>],
    stated: &mut Stated<'_>,
    valid_until: &mut ValidUntil,
) -> Result<Vec<Draw<'c>>, Overflow> {
    let mut draws = Vec::new();
    for (at, anchored) in allowances.iter().enumerate() {
        let credits = match anchored.allowance.terms {
            Terms::Metered(limits) => {
                draws.push(stated.draw(context, at, anchored, limits, &[], valid_until)?);
                continue;
            }
            Terms::Credits(credits) => credits,
        };
        // Usage that no row of the pool has is that of the rows which draw from it.
        let priced: Vec<Held<'c>> = allowances
            .iter()
            .filter(|other| matches!(other.allowance.terms, Terms::Credits(c) if c.pool == credits.pool))
            .map(|other| (other.allowance.row, other.subscription))
            .collect();
        let cost = stated.otherwise.requested.times(credits.cost).ok_or(Overflow)?;
        let pools = admit::pool_allowances(context, credits.pool, valid_until)?;
        for (n, pool) in pools.iter().enumerate() {
            let Terms::Metered(limits) = pool.allowance.terms else { continue };
            let requested = std::mem::replace(&mut stated.otherwise.requested, cost);
            let draw = stated.draw(context, at, pool, limits, &priced, valid_until);
            stated.otherwise.requested = requested;
            draws.push(draw?.through(anchored.allowance.row, credits, n, requested));
        }
        if pools.is_empty() {
            let result = admit::without_pool(anchored, stated.otherwise, cost);
            let nothing = Some(Amount::ZERO);
            let (within, graced, capped) = (nothing, nothing, nothing);
            let (row, drawn) = (anchored.allowance.row, Amount::ZERO);
            draws.push(Draw { at, result, row, credits: None, end: None, within, graced, capped, draws: false, drawn });
        }
    }
    Ok(draws)
}

impl Stated<'_> {
    /// An allowance with its usage. `priced` are the CREDITS rows for which a pool is asked.
    fn draw<'c>(
        &mut self,
        context: &EvaluationContext<'_, 'c>,
        at: usize,
        anchored: &AnchoredAllowance<'c>,
        limits: Limits,
        priced: &[Held<'c>],
        valid_until: &mut ValidUntil,
    ) -> Result<Draw<'c>, Overflow> {
        let row = anchored.allowance.row;
        let mut rows: Vec<Held<'c>> = vec![(row, anchored.subscription)];
        rows.extend(anchored.allowance.joined().iter().map(|row| (*row, anchored.subscription)));
        let is_unused = context.is_unused(&anchored.allowance);
        let mut usage = |rule: ResetPeriod| {
            if is_unused {
                return Ok(self.otherwise.of(context, &anchored.allowance));
            }
            let (zones, now) = (&context.catalog.zones, context.now);
            let window = window(rule, &anchored.anchors, zones, now);
            // Months that do not cut the billing period are the billing period, and months of a monthly one equal it.
            let is_monthly = anchored.anchors.billing.is_some_and(|billing| billing.is_monthly());
            let is_same = |stated: ResetPeriod| {
                stated.is_by_cycle()
                    && rule.is_by_cycle()
                    && (is_monthly || self::window(stated, &anchored.anchors, zones, now) == window)
            };
            let zone = context.catalog.zone_name(rule);
            let own = self.sum(context, &rows, rule, zone, &is_same)?;
            let priced = self.sum(context, priced, rule, zone, &is_same)?;
            let Some((consumed, reserved)) = own.or(priced) else {
                return Ok(self.otherwise.of(context, &anchored.allowance));
            };
            // Entries that hold nothing leave what the question holds.
            let reserved = if reserved.is_zero() { self.otherwise.reserved } else { reserved };
            Ok(UsageRequest { consumed: Some(consumed), reserved, ..self.otherwise })
        };
        let request = usage(limits.reset_period)?;
        let mut result = admit_metered(context, anchored, limits, request, valid_until)?;
        let end = result.answer.metering.period.and_then(|period| period.window.reset_at());
        if !anchored.allowance.caps().is_empty() {
            admit_caps(context, anchored, &mut result, &mut usage, valid_until)?;
        }
        Ok(Draw {
            at,
            row,
            credits: None,
            end: earlier(end, limits.expires_at),
            within: result.answer.metering.remaining,
            graced: result.available,
            capped: result.caps_left(),
            draws: true,
            drawn: Amount::ZERO,
            result,
        })
    }
}

impl<'c> Draw<'c> {
    /// The allowance of a pool as one from which a CREDITS row draws.
    fn through(self, row: AppliedGrant<'c>, credits: Credits, n: usize, requested: Amount) -> Draw<'c> {
        let is_admitted = self.result.admission == Admission::Admitted;
        let reason = self.result.answer.reason;
        let within = admit::bounded(
            self.within,
            credits,
            is_admitted && matches!(reason, Reason::Unlimited | Reason::WithinLimit),
        );
        let graced = admit::bounded(self.graced, credits, is_admitted && reason != Reason::OverageAllowed);
        let capped = admit::bounded(self.capped, credits, is_admitted);
        Draw {
            result: self.result.through(row.source.into(), requested),
            credits: Some((row, credits, n)),
            end: earlier(self.end, row.expires_at),
            within,
            graced,
            capped,
            ..self
        }
    }
}

/// Of the windows that one override row has through several subscriptions, only the one with most left draws; of
/// equals, that of the subscription that started last.
fn one_window_of_an_override(context: &EvaluationContext<'_, '_>, draws: &mut [Draw<'_>]) {
    let started = |id: Option<&str>| {
        let mut granting = context.granting();
        while let Some(subscription) = granting.next() {
            if Some(subscription.id) == id {
                return Some((subscription.start, subscription.id));
            }
        }
        None
    };
    for later in 1..draws.len() {
        let (before, rest) = draws.split_at_mut(later);
        let Some(draw) = rest.first_mut().filter(|draw| draw.row.source.level() == Level::Customer) else { continue };
        let by = |draw: &Draw<'_>| draw.credits.map(|(row, ..)| std::ptr::from_ref(row.grant));
        let same =
            |held: &&mut Draw<'_>| held.draws && std::ptr::eq(held.row.grant, draw.row.grant) && by(held) == by(draw);
        let Some(held) = before.iter_mut().find(same) else { continue };
        let key = |draw: &Draw<'_>| (draw.graced.is_none(), draw.graced);
        let order = key(held).cmp(&key(draw)).then_with(|| {
            started(held.result.answer.subscription_id).cmp(&started(draw.result.answer.subscription_id))
        });
        let loser = if order == Ordering::Less { held } else { draw };
        loser.draws = false;
    }
}

/// The order in which allowances are drawn from.
fn by_end(a: &Draw<'_>, b: &Draw<'_>) -> Ordering {
    let key = |draw: &Draw<'_>| (draw.end.is_none(), draw.end);
    let (x, y) = (&a.result.answer, &b.result.answer);
    key(a)
        .cmp(&key(b))
        .then_with(|| x.origin.id().cmp(y.origin.id()))
        .then_with(|| x.subscription_id.cmp(&y.subscription_id))
        .then_with(|| x.starts_at.cmp(&y.starts_at))
}

/// Of the CREDITS rows that draw from one allowance of a pool, the cheapest takes the place of the first, and leaves
/// nothing to the others.
fn cheapest_of_a_pool(draws: &mut Vec<Draw<'_>>) {
    let mut first = 0;
    while first < draws.len() {
        let pool = |draw: &Draw<'_>| draw.credits.filter(|_| draw.draws).map(|(_, credits, n)| (credits.pool, n));
        let Some(own) = draws.get(first).and_then(pool) else {
            first = first.saturating_add(1);
            continue;
        };
        let cost = |draw: &Draw<'_>| draw.credits.map(|(_, credits, _)| credits.cost);
        let alike = |draw: &Draw<'_>| pool(draw) == Some(own);
        let cheapest = draws.iter().filter(|draw| alike(draw)).map(cost).min().flatten();
        let at = draws.iter().position(|draw| alike(draw) && cost(draw) == cheapest).unwrap_or(first);
        if let Some(between) = draws.get_mut(first..=at) {
            between.rotate_right(1);
        }
        first = first.saturating_add(1);
        for draw in draws.iter_mut().skip(first).filter(|draw| alike(draw)) {
            draw.draws = false;
        }
    }
}

/// Multiplies the units of all allowances so that they are parts of one unit of the feature, without a rest: one unit
/// is as many parts as is returned. So a cost of 3 adds up exactly.
fn to_one_unit(draws: &mut [Draw<'_>]) -> Result<Amount, Overflow> {
    let costs = |draw: &Draw<'_>| draw.credits.map(|(_, credits, _)| credits.cost).filter(|cost| !cost.is_zero());
    let parts = |scale: Amount, cost: Amount| scale.divided_down(cost).filter(|parts| parts.times(cost) == Some(scale));
    let mut scale = Amount::ONE;
    for cost in draws.iter().filter_map(costs) {
        if parts(scale, cost).is_none() {
            scale = scale.times(cost).ok_or(Overflow)?;
        }
    }
    for draw in draws {
        let parts = match costs(draw) {
            Some(cost) => parts(scale, cost).ok_or(Overflow)?,
            None => scale,
        };
        if parts != Amount::ONE {
            for room in [&mut draw.within, &mut draw.graced, &mut draw.capped].into_iter().flatten() {
                *room = room.times(parts).ok_or(Overflow)?;
            }
        }
    }
    Ok(scale)
}

/// Draws a request. Returns the reason; None if the request is refused.
fn share_out(
    draws: &mut [Draw<'_>],
    requested: Amount,
    within: Option<Amount>,
    graced: Option<Amount>,
) -> Option<Reason> {
    let fits = |room: Option<Amount>| room.is_none_or(|room| requested <= room);
    let unlimited = |draw: &&mut Draw<'_>| draw.draws && draw.result.answer.metering.unlimited && fits(draw.capped);
    if let Some(draw) = draws.iter_mut().find(unlimited) {
        draw.drawn = requested;
        return Some(Reason::Unlimited);
    }
    let mut rest = requested;
    let mut take = |draws: &mut [Draw<'_>], room: fn(&Draw<'_>) -> Option<Amount>| {
        for draw in draws.iter_mut().filter(|draw| draw.draws) {
            let more = room(draw).map_or(rest, |room| room.minus_about(draw.drawn).min(rest));
            draw.drawn = draw.drawn.plus_down(more);
            rest = rest.minus_about(more);
        }
        rest
    };
    take(draws, |draw| draw.within);
    if fits(within) {
        return Some(Reason::WithinLimit);
    }
    take(draws, |draw| draw.graced);
    if fits(graced) {
        return Some(Reason::WithinGrace);
    }
    let rest = graced.map_or(Amount::ZERO, |graced| requested.minus_about(graced));
    let over = |draw: &&mut Draw<'_>| {
        draw.draws
            && draw.result.answer.metering.overage.behavior == Behavior::Allow
            && draw.capped.is_none_or(|capped| draw.drawn.plus(rest).is_some_and(|all| all <= capped))
    };
    match draws.iter_mut().find(over) {
        Some(draw) => {
            draw.drawn = draw.drawn.plus_down(rest);
            Some(Reason::OverageAllowed)
        }
        None => {
            for draw in draws {
                draw.drawn = Amount::ZERO;
            }
            None
        }
    }
}

/// Joins two bounds; None is no bound.
fn both(a: Option<Amount>, b: Option<Amount>, join: fn(Amount, Amount) -> Amount) -> Option<Amount> {
    Some(join(a?, b?))
}

fn earlier(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}
