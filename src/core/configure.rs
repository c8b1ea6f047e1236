//! CONFIG values: what the rows of a feature come to, within a chain, across subscriptions and under an override.
//!
//! The rules are in section 5 of docs/semantics.md.

use crate::allowance::Overflow;
use crate::amount::Amount;
use crate::applied_grant::{AppliedGrant, ChainTerms, sort_rows};
use crate::catalog::Feature;
use crate::compose::drop_mismatches;
use crate::evaluation::EvaluationContext;
use crate::idx::FeatureIdx;
use crate::json::{Token, WriteJson, end, object, put};
use crate::ladder::{AcrossSubscriptions, Combine, Ladder};
use crate::time::Instant;
use crate::value::{ConfigType, ConfigValue, Value};

/// The value of a CONFIG feature. In JSON: `{"kind", "value"}`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum ConfigAnswer<'c> {
    /// A number.
    Number(Amount),
    /// A boolean.
    Boolean(bool),
    /// A text, or an option of a SELECT.
    Text(&'c str),
    /// JSON.
    Json(&'c str),
}

impl<'c> From<&'c ConfigValue> for ConfigAnswer<'c> {
    fn from(value: &'c ConfigValue) -> Self {
        match value {
            ConfigValue::Number(number) => ConfigAnswer::Number(*number),
            ConfigValue::Boolean(on) => ConfigAnswer::Boolean(*on),
            ConfigValue::Text(text) => ConfigAnswer::Text(text),
            ConfigValue::Json(json) => ConfigAnswer::Json(json),
        }
    }
}

impl From<ConfigAnswer<'_>> for ConfigValue {
    fn from(value: ConfigAnswer<'_>) -> Self {
        match value {
            ConfigAnswer::Number(number) => ConfigValue::Number(number),
            ConfigAnswer::Boolean(on) => ConfigValue::Boolean(on),
            ConfigAnswer::Text(text) => ConfigValue::Text(text.into()),
            ConfigAnswer::Json(json) => ConfigValue::Json(json.into()),
        }
    }
}

impl WriteJson for ConfigAnswer<'_> {
    fn write_json(&self, out: &mut Vec<u8>) {
        let kind = match self {
            ConfigAnswer::Number(_) => "NUMBER",
            ConfigAnswer::Boolean(_) => "BOOLEAN",
            ConfigAnswer::Text(_) => "TEXT",
            ConfigAnswer::Json(_) => "JSON",
        };
        object!(out, "kind": Token(kind));
        put(out, ",\"value\":");
        match self {
            ConfigAnswer::Number(number) => number.write_json(out),
            ConfigAnswer::Boolean(on) => on.write_json(out),
            ConfigAnswer::Text(text) => text.write_json(out),
            ConfigAnswer::Json(json) => put(out, json),
        }
        end(out);
    }
}

/// A CONFIG value of a chain or a customer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Configured<'c> {
    /// The row that supplied the value.
    pub row: AppliedGrant<'c>,
    /// The id of the subscription; None for an override.
    pub subscription: Option<&'c str>,
    pub enabled: bool,
    pub value: ConfigAnswer<'c>,
    /// The start of the subscription.
    started: Instant,
}

/// The CONFIG value of a customer, over all subscriptions that the question is about. With it, whether a type mismatch
/// reaches the customer.
pub(crate) fn configured<'c>(
    context: &EvaluationContext<'_, 'c>,
    at: FeatureIdx,
    feature: &'c Feature,
    values: &ConfigType,
) -> Result<(Option<Configured<'c>>, bool), Overflow> {
    let ladder = &context.catalog.ladder;
    let mut rows: Vec<AppliedGrant<'c>> = Vec::new();
    let (mut best, mut mismatch) = (None, false);
    if ladder.across == AcrossSubscriptions::Chain {
        context.chain_rows(at, feature, context.chain_in_scope(feature), &mut rows);
        mismatch = drop_mismatches(&mut rows);
        if let Some((named, _, terms)) = context.chain_anchors(feature) {
            best = resolve_config(ladder, &terms, values, &mut rows, named.named(), named.start)?;
        }
    } else {
        let mut granting = context.granting();
        while let Some(subscription) = granting.next() {
            rows.clear();
            let in_scope = context.in_scope(feature, subscription);
            context.subscription_rows(at, feature, subscription, in_scope, &mut rows);
            mismatch |= drop_mismatches(&mut rows);
            let terms = context.terms(subscription, feature);
            let found = resolve_config(ladder, &terms, values, &mut rows, subscription.named(), subscription.start)?;
            best = better(values, best, found);
        }
    }
    if let Some((row, combine)) = context.customer_override(at) {
        best = overridden(ladder, values, combine, best, &mut vec![row])?;
    }
    Ok((best, mismatch))
}

/// Applies the customer override.
pub(crate) fn overridden<'c>(
    ladder: &Ladder,
    values: &ConfigType,
    combine: Combine,
    below: Option<Configured<'c>>,
    rows: &mut Vec<AppliedGrant<'c>>,
) -> Result<Option<Configured<'c>>, Overflow> {
    match resolve_config(ladder, &ChainTerms::ALONE, values, rows, None, Instant::EPOCH)? {
        Some(own) => combined(values, combine, below, own).map(Some),
        None => Ok(below),
    }
}

/// Resolves the CONFIG rows of a chain, in any order.
pub(crate) fn resolve_config<'c>(
    ladder: &Ladder,
    terms: &ChainTerms,
    values: &ConfigType,
    rows: &mut Vec<AppliedGrant<'c>>,
    subscription: Option<&'c str>,
    started: Instant,
) -> Result<Option<Configured<'c>>, Overflow> {
    sort_rows(ladder, rows);
    let mut state = None;
    for level in rows.chunk_by(|a, b| a.source.level() == b.source.level()) {
        let mut below = None;
        for row in level {
            let (Some(combine), Some(own)) =
                (ladder.combine(row.source.level()), applied(ladder, terms, *row, subscription, started)?)
            else {
                continue;
            };
            if combine == Combine::Replace {
                // Rows of one level merge, and together replace the levels below.
                let joins = if row.additive { Combine::Stack } else { Combine::Max };
                below = Some(combined(values, joins, below, own)?);
                state = below;
            } else {
                state = Some(combined(values, combine, state, own)?);
            }
        }
    }
    Ok(state)
}

/// The value of one row, for the quantity and the seats that it counts for. None for another value than CONFIG.
fn applied<'c>(
    ladder: &Ladder,
    terms: &ChainTerms,
    row: AppliedGrant<'c>,
    subscription: Option<&'c str>,
    started: Instant,
) -> Result<Option<Configured<'c>>, Overflow> {
    let Value::Config(config) = &row.grant.value else { return Ok(None) };
    let value = match &config.value {
        ConfigValue::Number(number) => {
            let times = terms.times(ladder, &row, config.per_seat);
            ConfigAnswer::Number(times.map_or(Some(*number), |times| number.times(times)).ok_or(Overflow)?)
        }
        other => other.into(),
    };
    Ok(Some(Configured { row, subscription, enabled: config.enabled, value, started }))
}

/// Combines a value with the value from below. A disabled value changes nothing unless it replaces.
fn combined<'c>(
    values: &ConfigType,
    combine: Combine,
    below: Option<Configured<'c>>,
    own: Configured<'c>,
) -> Result<Configured<'c>, Overflow> {
    let Some(below) = below.filter(|_| combine != Combine::Replace) else { return Ok(own) };
    if !below.enabled || !own.enabled {
        return Ok(if own.enabled { own } else { below });
    }
    match (below.value, own.value) {
        (ConfigAnswer::Number(a), ConfigAnswer::Number(b)) if combine == Combine::Stack => {
            Ok(Configured { value: ConfigAnswer::Number(a.plus(b).ok_or(Overflow)?), ..below })
        }
        _ => Ok(match strength(values, &below.value) {
            Some(held) if strength(values, &own.value) <= Some(held) => below,
            _ => own,
        }),
    }
}

/// A sort key of values that can be compared; None for texts and JSON, of which the later counts.
fn strength(values: &ConfigType, value: &ConfigAnswer<'_>) -> Option<Amount> {
    let rank = match (values, value) {
        (_, ConfigAnswer::Number(number)) => return Some(*number),
        (_, ConfigAnswer::Boolean(on)) => usize::from(*on),
        (ConfigType::Select(options), ConfigAnswer::Text(text)) => {
            options.iter().position(|option| **option == **text).unwrap_or_default()
        }
        _ => return None,
    };
    Some(Amount::from(u32::try_from(rank).unwrap_or(u32::MAX)))
}

/// The better of the values of two subscriptions: an enabled one, then the stronger one, of values that cannot be
/// compared that of the subscription that started last. Ties go to the lower ids.
pub(crate) fn better<'c>(
    values: &ConfigType,
    a: Option<Configured<'c>>,
    b: Option<Configured<'c>>,
) -> Option<Configured<'c>> {
    let (Some(x), Some(y)) = (a, b) else { return a.or(b) };
    let by_ids = || (x.row.source.id(), x.subscription) <= (y.row.source.id(), y.subscription);
    let keeps = match (strength(values, &x.value), strength(values, &y.value)) {
        _ if x.enabled != y.enabled => x.enabled,
        _ if !x.enabled => by_ids(),
        (None, None) => (y.started, y.subscription) < (x.started, x.subscription),
        (p, q) => q < p || (p == q && by_ids()),
    };
    if keeps { a } else { b }
}
