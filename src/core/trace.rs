//! The trace: each row that was considered, in order, and its effect.
//!
//! The effects are found by resolving the chain again with one more row each time, so that the resolution itself
//! carries no tracing.

use crate::amount::Amount;
use crate::applied_grant::{AppliedGrant, ChainTerms, sort_rows};
use crate::catalog::{Catalog, Feature};
use crate::compose::{Entitlement, created_at};
use crate::evaluation::EvaluationContext;
use crate::grant_source::Origin;
use crate::idx::FeatureIdx;
use crate::json::{Token, WriteJson, end, fields, object};
use crate::ladder::{AcrossSubscriptions, Combine, Level};
use crate::packed::Subscription;
use crate::reset::{NamedPeriod, ResetPeriod};
use crate::resolve::{Overflow, State, Terms, resolve};
use crate::status_at::{StatusAt, status_at};
use crate::switches::resolve_switches;
use crate::time::Instant;
use crate::value::Value;

/// A row that was considered. In JSON: `{"subscription_id", "combine", "origin", "entitlement_id", "created_at",
/// "quantity", "value", "effect", "after", "anchors"}`.
#[derive(Clone, Debug)]
pub struct Step<'c> {
    /// The id of the subscription whose chain the row is in; None for the customer override.
    pub subscription_id: Option<&'c str>,
    /// How the level of the row combines with the levels below.
    combine: &'static str,
    origin: Origin<'c>,
    /// The id of the row; may be empty.
    pub entitlement_id: &'c str,
    created_at: Option<Instant>,
    quantity: u32,
    /// The start and the end of the row.
    dates: (Option<Instant>, Option<Instant>),
    value: Granted<'c>,
    /// The effect of the row.
    pub effect: Effect,
    after: Option<After<'c>>,
    anchors: AnchorsUsed<'c>,
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
    /// The row comes after 32 rows that count; its effect is not computed.
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

/// The value of a row.
#[derive(Clone, Copy, Debug)]
struct Granted<'c> {
    enabled: Option<bool>,
    limit: Option<Option<Amount>>,
    reset_period: Option<NamedPeriod<'c>>,
    cost: Option<Amount>,
}

/// The result of the chain up to and including this row.
#[derive(Clone, PartialEq, Debug)]
struct After<'c> {
    enabled: bool,
    allowances: Vec<AfterAllowance<'c>>,
    /// Tells whether a row changed the origin; not shown.
    origins: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Debug)]
struct AfterAllowance<'c> {
    limit: Option<Amount>,
    reset_period: Option<NamedPeriod<'c>>,
    cost: Option<Amount>,
}

/// The anchors of the windows, as shown.
#[derive(Clone, Copy, Debug)]
struct AnchorsUsed<'c> {
    activation: Instant,
    /// The start and end of the billing period that holds the instant of the question.
    billing_start: Option<Instant>,
    billing_end: Option<Instant>,
    /// The seats, and the status that changes with time; only for a subscription that has either.
    terms: Option<(u32, StatusAt<'c>)>,
}

/// The rows on a feature that the trace shows, in the order in which they count.
pub(crate) fn trace<'c>(
    context: &EvaluationContext<'_, 'c>,
    at: FeatureIdx,
    feature: &'c Feature,
) -> Result<Vec<Step<'c>>, Overflow> {
    let mut steps = Vec::new();
    match context.catalog.ladder.across {
        AcrossSubscriptions::Union => {
            let mut granting = context.granting();
            while let Some(subscription) = granting.next() {
                let in_scope = context.in_scope(feature, subscription);
                let mut rows = Vec::new();
                context.subscription_rows(at, feature, subscription, true, &mut rows);
                context.rows_outside(at, feature, subscription, &mut rows);
                let terms = context.terms(subscription, feature);
                chain(context, feature, rows, in_scope, Some((*subscription, terms)), &mut steps)?;
            }
        }
        AcrossSubscriptions::Chain => {
            let mut rows = Vec::new();
            context.chain_rows(at, feature, true, &mut rows);
            let mut granting = context.granting();
            while let Some(subscription) = granting.next() {
                context.rows_outside(at, feature, subscription, &mut rows);
            }
            let anchored = context.chain_anchors(feature).map(|(subscription, _, terms)| (subscription, terms));
            chain(context, feature, rows, context.chain_in_scope(feature), anchored, &mut steps)?;
        }
    }
    if let Some((row, combine)) = context.override_row(at) {
        let anchors = alone(&row);
        let counts = |step: &Step<'_>| matches!(step.effect, Effect::Set | Effect::Replaced | Effect::Added);
        let effect = match combine {
            _ if row.grant.value.is_mismatch() => Effect::TypeMismatch,
            _ if !steps.iter().any(counts) => Effect::Set,
            Combine::Replace => Effect::Replaced,
            Combine::Stack | Combine::Max if row.grant.value.is_off() => Effect::None,
            Combine::Stack | Combine::Max => Effect::Added,
        };
        let after = match context.entitlement(at, feature)? {
            Entitlement::None | Entitlement::TypeMismatch => after(context.catalog, &State::Absent),
            Entitlement::Off(row, _) => after(context.catalog, &State::Off(row)),
            Entitlement::On(row, _) => after(context.catalog, &State::On(row)),
            Entitlement::Allowances(all) => {
                after(context.catalog, &State::Allowances(all.into_iter().map(|anchored| anchored.allowance).collect()))
            }
        };
        steps.push(step(context.catalog, None, combine, row, effect, Some(after), anchors));
    }
    for (row, combine) in context.overrides_outside(at).into_iter().flatten() {
        let effect = outside(&row, context.now).unwrap_or(Effect::None);
        steps.push(step(context.catalog, None, combine, row, effect, None, alone(&row)));
    }
    Ok(steps)
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
) -> Result<(), Overflow> {
    let Some((subscription, terms)) = anchored else { return Ok(()) };
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
    let mut before = after(context.catalog, &State::Absent);
    for row in rows {
        let combine = ladder.combine(row.source.level()).unwrap_or(Combine::Replace);
        let effect = if let Some(effect) = outside(&row, context.now) {
            effect
        } else if counted.len() == MAX_TRACED {
            steps.push(step(context.catalog, subscription.named(), combine, row, Effect::NotTraced, None, anchors));
            continue;
        } else if row.grant.value.is_mismatch() {
            Effect::TypeMismatch
        } else if !in_scope && row.source.level() != Level::Subscription {
            Effect::OutOfScope
        } else {
            counted.push(row);
            let now = after(context.catalog, &state(context, feature, &terms, &counted)?);
            let effect = match combine {
                _ if now == before => Effect::None,
                _ if counted.len() == 1 => Effect::Set,
                Combine::Replace => Effect::Replaced,
                Combine::Stack | Combine::Max => Effect::Added,
            };
            before = now;
            effect
        };
        steps.push(step(context.catalog, subscription.named(), combine, row, effect, Some(before.clone()), anchors));
    }
    Ok(())
}

fn step<'c>(
    catalog: &'c Catalog,
    subscription_id: Option<&'c str>,
    combine: Combine,
    row: AppliedGrant<'c>,
    effect: Effect,
    after: Option<After<'c>>,
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

fn after<'c>(catalog: &'c Catalog, state: &State<'_>) -> After<'c> {
    match state {
        State::Absent => After { enabled: false, allowances: Vec::new(), origins: Vec::new() },
        State::Off(row) => After { enabled: false, allowances: Vec::new(), origins: vec![row.source.id().to_owned()] },
        State::On(row) => After { enabled: true, allowances: Vec::new(), origins: vec![row.source.id().to_owned()] },
        State::Allowances(allowances) => After {
            enabled: true,
            origins: allowances.iter().map(|allowance| allowance.row.source.id().to_owned()).collect(),
            allowances: allowances
                .iter()
                .map(|allowance| match &allowance.terms {
                    Terms::Metered(limits) => AfterAllowance {
                        limit: limits.limit,
                        reset_period: Some(named(catalog, limits.reset_period)),
                        cost: None,
                    },
                    Terms::Credits(credits) => {
                        AfterAllowance { limit: None, reset_period: None, cost: Some(credits.cost) }
                    }
                })
                .collect(),
        },
    }
}

fn named(catalog: &Catalog, period: ResetPeriod) -> NamedPeriod<'_> {
    NamedPeriod::new(period, catalog.zone_name(period))
}

fn granted<'c>(catalog: &'c Catalog, value: &Value) -> Granted<'c> {
    let nothing = Granted { enabled: None, limit: None, reset_period: None, cost: None };
    match value {
        Value::Boolean { enabled } => Granted { enabled: Some(*enabled), ..nothing },
        Value::Metered(metered) => Granted {
            enabled: Some(metered.enabled),
            limit: Some(metered.limit),
            reset_period: Some(named(catalog, metered.reset_period)),
            cost: None,
        },
        Value::Credits(credits) => Granted { enabled: Some(credits.enabled), cost: Some(credits.cost), ..nothing },
        Value::Config(config) => Granted { enabled: Some(config.enabled), ..nothing },
        Value::TypeMismatch => nothing,
    }
}

impl WriteJson for Step<'_> {
    fn write_json(&self, out: &mut Vec<u8>) {
        object!(
            out,
            "subscription_id": self.subscription_id,
            "combine": Token(self.combine),
            "origin": self.origin,
            "entitlement_id": self.entitlement_id,
            "created_at": self.created_at,
            "quantity": self.quantity,
        );
        if self.dates != (None, None) {
            fields!(out, "starts_at": self.dates.0, "expires_at": self.dates.1);
        }
        fields!(
            out,
            "value": self.value,
            "effect": Token(self.effect.name()),
            "after": self.after,
            "anchors": self.anchors,
        );
        end(out);
    }
}

impl WriteJson for Granted<'_> {
    fn write_json(&self, out: &mut Vec<u8>) {
        object!(out, "enabled": self.enabled);
        if let Some(limit) = self.limit {
            fields!(out, "limit": limit);
        }
        if let Some(reset_period) = self.reset_period {
            fields!(out, "reset_period": reset_period);
        }
        if let Some(cost) = self.cost {
            fields!(out, "cost": cost);
        }
        end(out);
    }
}

impl WriteJson for After<'_> {
    fn write_json(&self, out: &mut Vec<u8>) {
        object!(out, "enabled": self.enabled);
        if !self.allowances.is_empty() {
            fields!(out, "allowances": *self.allowances);
        }
        end(out);
    }
}

impl WriteJson for AfterAllowance<'_> {
    fn write_json(&self, out: &mut Vec<u8>) {
        object!(out, "limit": self.limit, "reset_period": self.reset_period);
        if let Some(cost) = self.cost {
            fields!(out, "cost": cost);
        }
        end(out);
    }
}

impl WriteJson for AnchorsUsed<'_> {
    fn write_json(&self, out: &mut Vec<u8>) {
        object!(
            out,
            "activation": self.activation,
            "billing_start": self.billing_start,
            "billing_end": self.billing_end,
        );
        if let Some((seats, status)) = &self.terms {
            fields!(out, "seats": *seats, "status": *status);
        }
        end(out);
    }
}
