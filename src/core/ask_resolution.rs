//! The question what entitlement rows come to, in JSON, without a catalogue around them.

use crate::amount::Amount;
use crate::ask::read;
use crate::document::values::{self, RawValue};
use crate::json::{Word, WriteJson, end, fields, object};
use crate::ladder::{AcrossSubscriptions, Combine, Ladder, Level};
use crate::model::{Credits, Grant, Value};
use crate::owner::Owner;
use crate::problem::{Code, Problems};
use crate::reset::ResetPeriod;
use crate::resolve::{Allowance, Row, State, Terms, join, make_way, resolve as resolve_chain, resolve_switches};
use crate::sort::sort_by;
use crate::tree::{Object, Tree};
use std::cmp::Ordering;

/// What rows come to: `{"absent"}`, or the value that stands.
#[derive(Clone, PartialEq, Debug)]
pub struct Resolution {
    absent: bool,
    enabled: bool,
    limit: Option<Amount>,
    unlimited: bool,
    reset_period: Option<ResetPeriod>,
    origin: Option<OriginName>,
    allowances: Vec<ResolvedAllowance>,
}

#[derive(Clone, PartialEq, Debug)]
struct OriginName {
    entity_type: &'static str,
    entity_id: String,
}

#[derive(Clone, PartialEq, Debug)]
struct ResolvedAllowance {
    limit: Option<Amount>,
    reset_period: Option<ResetPeriod>,
    cost: Option<Amount>,
    origin: OriginName,
}

impl WriteJson for Resolution {
    fn write_json(&self, out: &mut Vec<u8>) {
        object!(
            out,
            "absent": self.absent,
            "enabled": self.enabled,
            "limit": self.limit,
            "unlimited": self.unlimited,
            "reset_period": self.reset_period,
            "origin": self.origin,
            "allowances": *self.allowances,
        );
        end(out);
    }
}

impl WriteJson for OriginName {
    fn write_json(&self, out: &mut Vec<u8>) {
        object!(out, "entity_type": Word(self.entity_type), "entity_id": *self.entity_id);
        end(out);
    }
}

impl WriteJson for ResolvedAllowance {
    fn write_json(&self, out: &mut Vec<u8>) {
        object!(out, "limit": self.limit, "reset_period": self.reset_period);
        if let Some(cost) = self.cost {
            fields!(out, "cost": cost);
        }
        fields!(out, "origin": self.origin);
        end(out);
    }
}

/// Answers `{"ladder", "grants": [{"level", "entity_id", "value", "created_at"?, "quantity"?,
/// "max_instances_per_subscription"?, "archived"?, "subscription"?}]}`: what the rows come to.
/// Rows that do not say when they were made were made in the order of the list; rows that name no
/// subscription are on one and the same.
///
/// # Errors
/// Every field that is missing or wrong.
pub fn ask_resolution(tree: &Tree) -> Result<Resolution, Problems> {
    read(tree, |o| {
        let ladder = o.required("ladder", values::ladder);
        let ladder = ladder?;
        let mut given: Vec<Given> = Vec::new();
        let mut pools: Vec<String> = Vec::new();
        o.required("grants", |n| {
            n.items(|n, node| given.extend(node.object().and_then(|o| read_given(o, n, &mut pools))));
            Some(())
        })?;
        if ladder.across == AcrossSubscriptions::Chain {
            given = each_once(given);
        }
        match resolve_given(&ladder, &given) {
            Some(resolution) => Some(resolution),
            None => {
                o.error(Code::OutOfRange, "the limits add up to more digits than can be held exactly");
                None
            }
        }
    })
}

/// A row of a resolution question.
struct Given {
    level: Level,
    entity_id: String,
    subscription: String,
    grant: Grant,
    quantity: u32,
    additive: bool,
}

impl Given {
    fn row(&self) -> Row<'_> {
        let owner = Owner::Named(self.level, &self.entity_id);
        Row { owner, grant: &self.grant, quantity: self.quantity, additive: self.additive, monthly: false }
    }
}

fn read_given(o: Object<'_>, n: usize, pools: &mut Vec<String>) -> Option<Given> {
    let level = o.required("level", |n| values::level(&n));
    let entity_id = o.required_id("entity_id");
    let value = o.required("value", values::entitlement_value);
    let created_at = o.optional("created_at", |n| n.instant());
    let quantity = o.optional("quantity", |n| n.count()).unwrap_or(1);
    let max_instances = o.optional("max_instances_per_subscription", |n| n.count());
    let archived = o.optional("archived", |n| n.bool()).unwrap_or_default();
    let level = level?;
    let value = match value? {
        RawValue::Boolean { enabled } => Value::Boolean { enabled },
        RawValue::Metered(metered) => Value::Metered(metered),
        RawValue::Credits { enabled, pool, cost } => {
            let at = pools.iter().position(|known| *known == pool).unwrap_or_else(|| {
                pools.push(pool);
                pools.len().saturating_sub(1)
            });
            Value::Credits(Credits { enabled, pool: u32::try_from(at).ok()?, cost })
        }
    };
    Some(Given {
        level,
        entity_id: entity_id?,
        subscription: o.text("subscription").unwrap_or_default(),
        // Rows that do not say when they were made, were made in the order of the list.
        grant: Grant {
            feature: 0,
            id: if created_at.is_none() { format!("{n:08}").into() } else { "".into() },
            created_at,
            value,
        },
        quantity,
        additive: level == Level::AddOn && !archived && max_instances.is_none_or(|max| 1 < max),
    })
}

/// A row that several subscriptions reach counts once, in the quantities of all of them.
fn each_once(given: Vec<Given>) -> Vec<Given> {
    let mut rows: Vec<Given> = Vec::new();
    for row in given {
        let same = |held: &&mut Given| {
            held.level == row.level && held.entity_id == row.entity_id && held.subscription != row.subscription
        };
        match rows.iter_mut().find(same) {
            Some(held) if row.level == Level::AddOn => held.quantity = held.quantity.saturating_add(row.quantity),
            Some(_) => {}
            None => rows.push(row),
        }
    }
    rows
}

/// What the rows come to; nothing if the amounts have too many digits.
fn resolve_given(ladder: &Ladder, given: &[Given]) -> Option<Resolution> {
    let listed = |row: &&Given| ladder.position(row.level).is_some() && 0 < row.quantity;
    let on_customer: Vec<&Given> = given.iter().filter(listed).filter(|row| row.level == Level::Customer).collect();
    let on_subscriptions: Vec<&Given> =
        given.iter().filter(listed).filter(|row| row.level != Level::Customer).collect();
    let mut chains: Vec<Vec<&Given>> = Vec::new();
    for row in on_subscriptions {
        let same = |chain: &Vec<&Given>| {
            ladder.across == AcrossSubscriptions::Chain
                || chain.first().is_some_and(|first| first.subscription == row.subscription)
        };
        match chains.iter_mut().find(|chain| same(chain)) {
            Some(chain) => chain.push(row),
            None => chains.push(vec![row]),
        }
    }
    let mut allowances: Vec<Allowance<'_>> = Vec::new();
    let mut on: Option<Row<'_>> = None;
    let mut off: Option<Row<'_>> = None;
    for chain in &chains {
        match resolve_rows(ladder, chain)? {
            State::Absent => {}
            State::Off(row) => off = lowest(off, row),
            State::On(row) => on = lowest(on, row),
            State::Allowances(more) => allowances.extend(more),
        }
    }
    if let Some(combine) = ladder.combine(Level::Customer).filter(|_| !on_customer.is_empty()) {
        let state = resolve_rows(ladder, &on_customer)?;
        if combine == Combine::Replace {
            (on, off) = (None, None);
            allowances.clear();
        }
        match state {
            State::Absent => {}
            State::Off(row) => off = off.or(Some(row)),
            State::On(row) => on = on.or(Some(row)),
            State::Allowances(more) => {
                for allowance in more {
                    let joined = match allowance.terms {
                        Terms::Metered(limits) if combine == Combine::Max => {
                            !make_way(&mut allowances, |held| held, limits)
                        }
                        Terms::Metered(limits) => join(combine, allowances.iter_mut(), allowance.row, limits).ok()?,
                        Terms::Credits(_) => false,
                    };
                    if !joined {
                        allowances.push(allowance);
                    }
                }
            }
        }
    }
    sort_by(&mut allowances, speaks_before);
    Some(describe(&allowances, on, off))
}

/// Of two rows of different chains, the one that is named.
fn lowest<'g>(held: Option<Row<'g>>, row: Row<'g>) -> Option<Row<'g>> {
    held.filter(|held| held.owner.id() <= row.owner.id()).or(Some(row))
}

fn resolve_rows<'g>(ladder: &Ladder, chain: &[&'g Given]) -> Option<State<'g>> {
    let rows: Vec<Row<'g>> = chain.iter().map(|given| given.row()).collect();
    let is_switch = |row: &Row<'_>| matches!(row.grant.value, Value::Boolean { .. });
    if rows.iter().all(is_switch) {
        return Some(resolve_switches(ladder, &rows).into());
    }
    let mut rows = rows.into_iter().filter(|row| !is_switch(row)).collect();
    resolve_chain(ladder, &mut rows).ok()
}

/// Unlimited first, then the larger limit, then the origin.
fn speaks_before(a: &Allowance<'_>, b: &Allowance<'_>) -> Ordering {
    let limit = |allowance: &Allowance<'_>| allowance.metered().map(|limits| (limits.limit.is_none(), limits.limit));
    limit(b).cmp(&limit(a)).then_with(|| a.row.owner.id().cmp(b.row.owner.id()))
}

fn describe(allowances: &[Allowance<'_>], on: Option<Row<'_>>, off: Option<Row<'_>>) -> Resolution {
    let name =
        |row: &Row<'_>| OriginName { entity_type: row.owner.level().name(), entity_id: row.owner.id().to_owned() };
    let resolved: Vec<ResolvedAllowance> = allowances
        .iter()
        .map(|allowance| {
            let (limit, reset_period, cost) = match &allowance.terms {
                Terms::Metered(limits) => (limits.limit, Some(limits.reset_period), None),
                Terms::Credits(credits) => (None, None, Some(credits.cost)),
            };
            ResolvedAllowance { limit, reset_period, cost, origin: name(&allowance.row) }
        })
        .collect();
    let first = resolved.first();
    // What is switched off still has its terms.
    let metered_off = off.and_then(|row| match row.grant.value {
        Value::Metered(metered) if first.is_none() => Some(metered),
        _ => None,
    });
    let is_unlimited = |first: &ResolvedAllowance| first.limit.is_none() && first.cost.is_none();
    Resolution {
        absent: first.is_none() && on.is_none() && off.is_none(),
        enabled: first.is_some() || on.is_some(),
        limit: first.map_or_else(|| metered_off?.limit, |first| first.limit),
        unlimited: first.map_or_else(|| metered_off.is_some_and(|off| off.limit.is_none()), is_unlimited),
        reset_period: first.map_or_else(|| Some(metered_off?.reset_period), |first| first.reset_period),
        origin: first.map(|first| first.origin.clone()).or(on.or(off).as_ref().map(name)),
        allowances: resolved,
    }
}
