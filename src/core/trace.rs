//! The trace: each row that was considered, in order, and its effect.
//!
//! The effects are found by resolving the chain again with one more row each time, so that the resolution itself
//! carries no tracing.

use crate::allowance::Overflow;
use crate::applied_grant::{AppliedGrant, ChainTerms, sort_rows};
use crate::catalog::{Catalog, Feature};
#[cfg(feature = "usage")]
use crate::compose::AnchoredAllowance;
use crate::compose::{Entitlement, created_at};
use crate::configure::{configured, resolve_config};
use crate::evaluation::EvaluationContext;
use crate::grant_source::Origin;
use crate::idx::FeatureIdx;
use crate::ladder::{AcrossSubscriptions, Combine, Level};
use crate::packed::Subscription;
use crate::resolve::{State, resolve};
use crate::sort::sort_by;
use crate::status_at::{StatusAt, status_at};
use crate::switches::resolve_switches;
use crate::time::Instant;
use crate::traced::{After, Traced, after, after_config, granted};
use crate::value::{FeatureType, Grant};

/// A row that was considered. In JSON: `{"subscription_id", "combine", "origin", "entitlement_id", "created_at",
/// "quantity", "value", "effect", "after", "anchors"}`.
#[derive(Clone, Debug)]
pub struct Step<'c> {
    /// The id of the subscription whose chain the row is in; None for the customer override.
    pub subscription_id: Option<&'c str>,
    /// How the level of the row combines with the levels below.
    pub(crate) combine: &'static str,
    pub(crate) origin: Origin<'c>,
    /// The id of the row; may be empty.
    pub entitlement_id: &'c str,
    pub(crate) created_at: Option<Instant>,
    pub(crate) quantity: u32,
    /// The start and the end of the row.
    pub(crate) dates: (Option<Instant>, Option<Instant>),
    pub(crate) value: Traced,
    /// The effect of the row.
    pub effect: Effect,
    /// The place of its allowance in the order in which a question that states usage draws from allowances, from 1.
    pub(crate) draw_order: Option<u32>,
    pub(crate) grant: &'c Grant,
    pub(crate) after: Option<After>,
    pub(crate) anchors: AnchorsUsed<'c>,
}

/// The effect of a row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Effect {
    /// The first row that counts.
    Set,
    /// It replaced the value from below.
    Replaced,
    /// It changed the value from below at a STACK or MAX level.
    Added,
    /// No effect.
    None,
    /// The feature is not in scope.
    OutOfScope,
    /// The value does not fit the feature.
    TypeMismatch,
    /// The row has not started.
    NotYet,
    /// The row has expired.
    Expired,
    /// The row counts, but its effect is not computed: it comes after 32 rows that count; or the rows up to it, unlike all
    /// rows, come to more digits than an amount holds.
    NotTraced,
}

impl Effect {
    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Effect::Set => "SET",
            Effect::Replaced => "REPLACED",
            Effect::Added => "ADDED",
            Effect::None => "NONE",
            Effect::OutOfScope => "OUT_OF_SCOPE",
            Effect::TypeMismatch => "TYPE_MISMATCH",
            Effect::NotYet => "NOT_YET",
            Effect::Expired => "EXPIRED",
            Effect::NotTraced => "NOT_TRACED",
        }
    }
}

/// The number of rows of a chain whose effect is computed. Each costs a resolution of all rows before it.
const MAX_TRACED: usize = 32;
/// The largest number of rows outside their dates that one chain shows.
const MAX_OUTSIDE: usize = 32;

/// The anchors of the windows, as shown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AnchorsUsed<'c> {
    pub(crate) activation: Instant,
    /// The start and end of the billing period that holds the instant of the question.
    pub(crate) billing_start: Option<Instant>,
    pub(crate) billing_end: Option<Instant>,
    /// The seats, and the status that changes with time; only for a subscription that has either.
    pub(crate) terms: Option<(u32, StatusAt<'c>)>,
}

/// The rows on a feature that the trace shows, in the order in which they count, and whether it leaves any out.
pub(crate) fn trace<'c>(
    context: &EvaluationContext<'_, 'c>,
    at: FeatureIdx,
    feature: &'c Feature,
) -> Result<(Vec<Step<'c>>, bool), Overflow> {
    let mut steps = Vec::new();
    let mut truncated = false;
    match context.catalog.ladder.across {
        AcrossSubscriptions::Union => {
            let mut granting = context.granting();
            while let Some(subscription) = granting.next() {
                let in_scope = context.in_scope(feature, subscription);
                let (mut rows, mut others) = (Vec::new(), Vec::new());
                context.subscription_rows(at, feature, subscription, true, &mut rows);
                context.rows_outside(at, feature, subscription, &mut others);
                truncated |= add_nearest(&mut rows, others, context.now);
                let terms = context.terms(subscription, feature);
                chain(context, feature, rows, in_scope, Some((*subscription, terms)), &mut steps);
            }
        }
        AcrossSubscriptions::Chain => {
            let (mut rows, mut others) = (Vec::new(), Vec::new());
            context.chain_rows(at, feature, true, &mut rows);
            let mut granting = context.granting();
            while let Some(subscription) = granting.next() {
                context.rows_outside(at, feature, subscription, &mut others);
            }
            truncated |= add_nearest(&mut rows, others, context.now);
            let anchored = context.chain_anchors(feature).map(|(subscription, _, terms)| (subscription, terms));
            chain(context, feature, rows, context.chain_in_scope(feature), anchored, &mut steps);
        }
    }
    if let Some((row, combine)) = context.override_row(at) {
        let anchors = alone(&row);
        let counts = |step: &Step<'_>| matches!(step.effect, Effect::Set | Effect::Replaced | Effect::Added);
        let effect = match combine {
            _ if row.is_mismatch() => Effect::TypeMismatch,
            _ if !steps.iter().any(counts) => Effect::Set,
            Combine::Replace => Effect::Replaced,
            Combine::Stack | Combine::Max if row.grant.value.is_off() => Effect::None,
            Combine::Stack | Combine::Max => Effect::Added,
        };
        let after = match (&feature.feature_type, context.entitlement(at, feature)?) {
            (FeatureType::Config(values), _) => after_config(configured(context, at, feature, values)?.0),
            (_, Entitlement::None | Entitlement::TypeMismatch) => after(context.catalog, &State::Absent),
            (_, Entitlement::Off(row, _)) => after(context.catalog, &State::Off(row)),
            (_, Entitlement::On(row, _)) => after(context.catalog, &State::On(row)),
            (_, Entitlement::Allowances(all)) => {
                after(context.catalog, &State::Allowances(all.into_iter().map(|anchored| anchored.allowance).collect()))
            }
        };
        steps.push(step(context.catalog, None, combine, row, effect, Some(after), anchors));
    }
    for (row, combine) in context.overrides_outside(at).into_iter().flatten() {
        let effect = outside(&row, context.now).unwrap_or(Effect::None);
        steps.push(step(context.catalog, None, combine, row, effect, None, alone(&row)));
    }
    truncated |= steps.iter().any(|step| step.effect == Effect::NotTraced);
    Ok((steps, truncated))
}

/// Adds the rows outside their dates that begin or ended nearest to `now`. Returns whether others are left out.
fn add_nearest<'c>(rows: &mut Vec<AppliedGrant<'c>>, mut others: Vec<AppliedGrant<'c>>, now: Instant) -> bool {
    let truncated = MAX_OUTSIDE < others.len();
    if truncated {
        let gap = |row: &AppliedGrant<'_>| match (row.starts_at, row.expires_at) {
            (Some(start), _) if now < start => start.millis().saturating_sub(now.millis()),
            (_, Some(end)) => now.millis().saturating_sub(end.millis()),
            _ => i64::MAX,
        };
        sort_by(&mut others, |a, b| gap(a).cmp(&gap(b)));
        others.truncate(MAX_OUTSIDE);
    }
    rows.append(&mut others);
    truncated
}

/// Shows the order in which allowances are drawn from. `order` has their positions.
#[cfg(feature = "usage")]
#[cold]
#[inline(never)]
pub(crate) fn show_draws(steps: &mut [Step<'_>], allowances: &[AnchoredAllowance<'_>], order: &[usize]) {
    let addr = |grant: &Grant| std::ptr::from_ref(grant).addr();
    let mut rows: Vec<(usize, u32, Option<&str>)> = Vec::new();
    let mut drawn = vec![false; allowances.len()];
    let mut place = 0_u32;
    for at in order {
        let (Some(anchored), Some(drawn)) = (allowances.get(*at), drawn.get_mut(*at)) else { continue };
        // CREDITS may draw from several allowances of their pool.
        if !std::mem::replace(drawn, true) {
            place = place.saturating_add(1);
            let allowance = &anchored.allowance;
            for row in allowance.joined().iter().chain([&allowance.row]) {
                rows.push((addr(row.grant), place, anchored.subscription));
            }
        }
    }
    sort_by(&mut rows, |a, b| (a.0, a.1).cmp(&(b.0, b.1)));
    for step in steps {
        let own = addr(step.grant);
        let from = rows.partition_point(|row| row.0 < own);
        let same = rows.iter().skip(from).take_while(|row| row.0 == own);
        let is_its =
            |row: &&(usize, u32, Option<&str>)| step.subscription_id.is_none() || step.subscription_id == row.2;
        // A row that is not traced counts, too; its effect alone is unknown.
        let counts = step.after.is_some() || step.effect == Effect::NotTraced;
        step.draw_order = same.filter(|_| counts).find(is_its).map(|row| row.1);
    }
}

/// The anchors of an override.
fn alone<'c>(row: &AppliedGrant<'_>) -> AnchorsUsed<'c> {
    let activation = row.starts_at.unwrap_or(created_at(row));
    AnchorsUsed { activation, billing_start: None, billing_end: None, terms: None }
}

/// The effect of a row outside its dates.
fn outside(row: &AppliedGrant<'_>, now: Instant) -> Option<Effect> {
    match (row.starts_at, row.expires_at) {
        (Some(start), _) if now < start => Some(Effect::NotYet),
        (_, Some(end)) if end <= now => Some(Effect::Expired),
        _ => None,
    }
}

fn chain<'c>(
    context: &EvaluationContext<'_, 'c>,
    feature: &Feature,
    mut rows: Vec<AppliedGrant<'c>>,
    in_scope: bool,
    anchored: Option<(Subscription<'c>, ChainTerms)>,
    steps: &mut Vec<Step<'c>>,
) {
    let Some((subscription, terms)) = anchored else { return };
    let ladder = &context.catalog.ladder;
    sort_rows(ladder, &mut rows);
    let billing = subscription.billing.period_at(context.now);
    let in_time = (!subscription.extras.is_empty())
        .then(|| (terms.seats, status_at(context.catalog, &subscription, context.now)));
    let anchors = AnchorsUsed {
        activation: terms.activation.unwrap_or(subscription.activation()),
        billing_start: Some(billing.start),
        billing_end: billing.end,
        terms: in_time,
    };
    let mut counted: Vec<AppliedGrant<'c>> = Vec::new();
    // None after a row that is not traced.
    let mut before = Some(after(context.catalog, &State::Absent));
    for row in rows {
        let combine = ladder.combine(row.source.level()).unwrap_or(Combine::Replace);
        let effect = if let Some(effect) = outside(&row, context.now) {
            effect
        } else if counted.len() == MAX_TRACED {
            steps.push(step(context.catalog, subscription.named(), combine, row, Effect::NotTraced, None, anchors));
            continue;
        } else if row.is_mismatch() {
            Effect::TypeMismatch
        } else if !in_scope && row.source.level() != Level::Subscription {
            Effect::OutOfScope
        } else {
            counted.push(row);
            let now = match &feature.feature_type {
                FeatureType::Config(values) => {
                    let (rows, named) = (&mut counted.clone(), subscription.named());
                    resolve_config(ladder, &terms, values, rows, named, subscription.start).map(after_config)
                }
                _ => state(context, feature, &terms, &counted).map(|state| after(context.catalog, &state)),
            };
            let now = now.ok();
            let effect = match combine {
                _ if now.is_none() => Effect::NotTraced,
                _ if now == before => Effect::None,
                _ if counted.len() == 1 => Effect::Set,
                Combine::Replace => Effect::Replaced,
                Combine::Stack | Combine::Max => Effect::Added,
            };
            before = now;
            effect
        };
        steps.push(step(context.catalog, subscription.named(), combine, row, effect, before.clone(), anchors));
    }
}

fn step<'c>(
    catalog: &'c Catalog,
    subscription_id: Option<&'c str>,
    combine: Combine,
    row: AppliedGrant<'c>,
    effect: Effect,
    after: Option<After>,
    anchors: AnchorsUsed<'c>,
) -> Step<'c> {
    Step {
        subscription_id,
        combine: combine.name(),
        origin: row.source.into(),
        entitlement_id: &row.grant.id,
        created_at: row.grant.created_at,
        quantity: row.quantity,
        dates: (row.starts_at, row.expires_at),
        value: granted(catalog, &row.grant.value),
        effect,
        draw_order: None,
        grant: row.grant,
        after,
        anchors,
    }
}

fn state<'c>(
    context: &EvaluationContext<'_, 'c>,
    feature: &Feature,
    terms: &ChainTerms,
    rows: &[AppliedGrant<'c>],
) -> Result<State<'c>, Overflow> {
    let ladder = &context.catalog.ladder;
    if feature.feature_type.is_metered() {
        return resolve(ladder, terms, &mut rows.to_vec());
    }
    Ok(resolve_switches(ladder, rows).into())
}
