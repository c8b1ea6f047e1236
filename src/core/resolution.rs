//! Resolves entitlement rows that are given without a catalog, for vectors and tools.

use crate::allowance::{Allowance, Overflow, Terms};
use crate::amount::Amount;
use crate::applied_grant::{AppliedGrant, ChainTerms};
use crate::compose::{AnchoredAllowance, Composition, Entitlement};
use crate::configure::{ConfigAnswer, better, overridden, resolve_config};
use crate::grant_source::GrantSource;
use crate::idx::{FeatureIdx, UNRESOLVED};
use crate::json::{Token, WriteJson, end, fields, object};
use crate::ladder::{AcrossSubscriptions, Combine, Ladder, Level};
use crate::reset::{NamedPeriod, ResetPeriod};
use crate::resolve::{State, resolve};
use crate::sort::sort_by;
use crate::switches::resolve_switches;
use crate::text::{counted, joined};
use crate::time::Instant;
use crate::value::{Cap, ConfigType, ConfigValue, Credits, Grant, NamedCap, UncheckedValue, Value};
use crate::windowing::Anchors;
use std::cmp::Ordering;

/// The result of [`resolve_rows`], in JSON: `{"absent", "enabled", "limit", "unlimited", "reset_period", "origin",
/// "allowances"}`, for CONFIG rows also `value`. Without rows that count, `absent` is true.
#[derive(Clone, PartialEq, Debug)]
pub struct Resolution {
    absent: bool,
    enabled: bool,
    limit: Option<Amount>,
    unlimited: bool,
    reset_period: Option<ResetPeriod>,
    zone: Option<Box<str>>,
    origin: Option<OriginName>,
    allowances: Vec<ResolvedAllowance>,
    /// The value of CONFIG rows.
    value: Option<ConfigValue>,
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
    zone: Option<Box<str>>,
    cost: Option<Amount>,
    caps: Vec<(Cap, Option<Box<str>>)>,
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
            "reset_period": self.reset_period.map(|period| NamedPeriod::new(period, self.zone.as_deref())),
            "origin": self.origin,
            "allowances": *self.allowances,
        );
        if let Some(value) = &self.value {
            fields!(out, "value": ConfigAnswer::from(value));
        }
        end(out);
    }
}

impl WriteJson for OriginName {
    fn write_json(&self, out: &mut Vec<u8>) {
        object!(out, "entity_type": Token(self.entity_type), "entity_id": *self.entity_id);
        end(out);
    }
}

impl WriteJson for ResolvedAllowance {
    fn write_json(&self, out: &mut Vec<u8>) {
        object!(out, "limit": self.limit, "reset_period": self.reset_period.map(|period| NamedPeriod::new(period, self.zone.as_deref())));
        if let Some(cost) = self.cost {
            fields!(out, "cost": cost);
        }
        if !self.caps.is_empty() {
            let caps: Vec<NamedCap<'_>> =
                self.caps.iter().map(|(cap, zone)| NamedCap::new(*cap, zone.as_deref())).collect();
            fields!(out, "caps": *caps);
        }
        fields!(out, "origin": self.origin);
        end(out);
    }
}

/// A row to resolve.
#[derive(Clone, Debug)]
pub struct GivenRow {
    /// The level of the row.
    pub level: Level,
    /// The id of the owner.
    pub entity_id: String,
    /// The id of the subscription through which the row reaches the customer.
    pub subscription: String,
    /// The instant of its creation. Rows without one count as created in the order of the list.
    pub created_at: Option<Instant>,
    /// The value. A pool may have any number that tells it from other pools.
    pub value: UncheckedValue<FeatureIdx>,
    /// The quantity of the add-on; 1 for other rows.
    pub quantity: u32,
    /// Whether a subscription may hold the add-on more than once.
    pub multi_instance: bool,
    /// Whether the add-on is archived.
    pub archived: bool,
}

/// Resolves rows by a ladder. `zones` are the names of the time zones, by their positions in the rows. None if a sum of
/// limits has more digits than an amount holds exactly.
pub fn resolve_rows(ladder: &Ladder, rows: Vec<GivenRow>, zones: &[String]) -> Option<Resolution> {
    let mut given: Vec<Given> = rows.into_iter().enumerate().map(|(n, row)| Given::new(n, row)).collect();
    if ladder.across == AcrossSubscriptions::Chain {
        given = each_once(given);
    }
    resolve_given(ladder, &given, zones)
}

/// A given row with its grant, as a chain needs it.
struct Given {
    level: Level,
    entity_id: String,
    subscription: String,
    grant: Grant,
    quantity: u32,
    additive: bool,
}

/// A number, with zeros in front, so that the order of texts is that of numbers.
fn eight_digits(n: usize) -> String {
    let digits = counted(n);
    let zeros = "00000000".get(digits.len()..).unwrap_or_default();
    joined(&[zeros, &digits])
}

impl Given {
    fn new(n: usize, row: GivenRow) -> Given {
        let value = match row.value {
            UncheckedValue::Boolean { enabled } => Value::Boolean { enabled },
            UncheckedValue::Metered(metered) => Value::Metered(metered),
            UncheckedValue::Credits { enabled, pool, cost } => Value::Credits(Credits { enabled, pool, cost }),
            UncheckedValue::Config(config) => Value::Config(config),
            UncheckedValue::Unknown => Value::TypeMismatch,
        };
        // Rows with equal creation are ordered by id, so a row without creation gets its position as its id.
        let id = if row.created_at.is_none() { eight_digits(n).into() } else { "".into() };
        Given {
            level: row.level,
            entity_id: row.entity_id,
            subscription: row.subscription,
            grant: Grant {
                feature: FeatureIdx(UNRESOLVED),
                id,
                created_at: row.created_at,
                starts_at: None,
                expires_at: None,
                value,
            },
            quantity: row.quantity,
            additive: row.level == Level::AddOn && !row.archived && row.multi_instance,
        }
    }

    fn row(&self) -> AppliedGrant<'_> {
        let source = GrantSource::Named(self.level, &self.entity_id);
        let row = AppliedGrant::new(source, &self.grant);
        AppliedGrant { quantity: self.quantity, additive: self.additive, ..row }
    }
}

/// Keeps a row that several subscriptions reach once, with their quantities summed.
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

/// Resolves the rows; None if a sum has too many digits.
fn resolve_given(ladder: &Ladder, given: &[Given], zones: &[String]) -> Option<Resolution> {
    let listed = |row: &&Given| ladder.position(row.level).is_some() && 0 < row.quantity;
    let (own, shared): (Vec<&Given>, Vec<&Given>) =
        given.iter().filter(listed).partition(|row| row.level == Level::Customer);
    let mut chains: Vec<Vec<&Given>> = Vec::new();
    for row in shared {
        let same = |chain: &Vec<&Given>| {
            ladder.across == AcrossSubscriptions::Chain
                || chain.first().is_some_and(|first| first.subscription == row.subscription)
        };
        match chains.iter_mut().find(|chain| same(chain)) {
            Some(chain) => chain.push(row),
            None => chains.push(vec![row]),
        }
    }
    let own = ladder.combine(Level::Customer).filter(|_| !own.is_empty()).map(|combine| (combine, own));
    if given.iter().filter(listed).any(|row| matches!(row.grant.value, Value::Config(_))) {
        return config(ladder, &chains, own).ok();
    }
    let is_switch = given.iter().filter(listed).all(|row| matches!(row.grant.value, Value::Boolean { .. }));
    let entitlement = if is_switch { switch(ladder, &chains, own) } else { metered(ladder, &chains, own).ok()? };
    Some(describe(entitlement, zones))
}

/// The rows of the customer override, and how they combine.
type Own<'g> = Option<(Combine, Vec<&'g Given>)>;

fn switch<'g>(ladder: &Ladder, chains: &[Vec<&'g Given>], own: Own<'g>) -> Entitlement<'g> {
    let state = |rows: &[&'g Given]| {
        let rows: Vec<AppliedGrant<'g>> = rows.iter().map(|given| given.row()).collect();
        State::from(resolve_switches(ladder, &rows))
    };
    let mut result = Entitlement::None;
    for chain in chains {
        result = result.or_stronger(Entitlement::of(state(chain), false, None));
    }
    match own.map(|(combine, rows)| (combine, state(&rows))) {
        Some((combine, State::On(row) | State::Off(row))) => result.override_switch(combine, row),
        _ => result,
    }
}

/// Resolves CONFIG rows. Their feature is not given, so a text is no option of a SELECT.
fn config<'g>(ladder: &Ladder, chains: &[Vec<&'g Given>], own: Own<'g>) -> Result<Resolution, Overflow> {
    let rows = |rows: &[&'g Given]| rows.iter().map(|given| given.row()).collect::<Vec<AppliedGrant<'g>>>();
    let values = ConfigType::Text;
    let mut best = None;
    for chain in chains {
        let subscription = chain.first().map(|first| &*first.subscription);
        let found =
            resolve_config(ladder, &ChainTerms::ALONE, &values, &mut rows(chain), subscription, Instant::EPOCH)?;
        best = better(&values, best, found);
    }
    if let Some((combine, own)) = own {
        best = overridden(ladder, &values, combine, best, &mut rows(&own))?;
    }
    Ok(match best {
        None => describe(Entitlement::None, &[]),
        Some(found) if !found.enabled => describe(Entitlement::Off(found.row, None), &[]),
        Some(found) => {
            Resolution { value: Some(found.value.into()), ..describe(Entitlement::On(found.row, None), &[]) }
        }
    })
}

fn metered<'g>(ladder: &Ladder, chains: &[Vec<&'g Given>], own: Own<'g>) -> Result<Entitlement<'g>, Overflow> {
    let state = |rows: &[&'g Given]| {
        let fits = |row: &AppliedGrant<'_>| matches!(row.grant.value, Value::Metered(_) | Value::Credits(_));
        let mut rows: Vec<AppliedGrant<'g>> = rows.iter().map(|given| given.row()).filter(fits).collect();
        resolve(ladder, &ChainTerms::ALONE, &mut rows)
    };
    // A resolution has no windows, so any anchors will do.
    let anchors = Anchors { activation: Instant::EPOCH, billing: None };
    let mut composition = Composition::default();
    for chain in chains {
        composition.add(state(chain)?, false, anchors, None);
    }
    match own {
        Some((combine, rows)) => {
            composition.override_with(combine, state(&rows)?, false, &mut |allowances, allowance| {
                allowances.push(AnchoredAllowance { allowance, anchors, subscription: None });
            })
        }
        None => Ok(composition.entitlement()),
    }
}

/// Unlimited first, then the larger limit, then the origin.
fn by_size(a: &Allowance<'_>, b: &Allowance<'_>) -> Ordering {
    let limit = |allowance: &Allowance<'_>| allowance.metered().map(|limits| (limits.limit.is_none(), limits.limit));
    limit(b).cmp(&limit(a)).then_with(|| a.row.source.id().cmp(b.row.source.id()))
}

fn describe(entitlement: Entitlement<'_>, zones: &[String]) -> Resolution {
    let zone_of = |period: Option<ResetPeriod>| Some(period?.zone()?.item(zones)?.as_str().into());
    let name = |row: &AppliedGrant<'_>| OriginName {
        entity_type: row.source.level().name(),
        entity_id: row.source.id().to_owned(),
    };
    let (mut allowances, mut on, mut off) = (Vec::new(), None, None);
    match entitlement {
        Entitlement::None | Entitlement::TypeMismatch => {}
        Entitlement::Off(row, _) => off = Some(row),
        Entitlement::On(row, _) => on = Some(row),
        Entitlement::Allowances(anchored) => {
            allowances.extend(anchored.into_iter().map(|anchored| anchored.allowance));
            sort_by(&mut allowances, by_size);
        }
    }
    let resolved: Vec<ResolvedAllowance> = allowances
        .iter()
        .map(|allowance| {
            let (limit, reset_period, cost) = match &allowance.terms {
                Terms::Metered(limits) => (limits.limit, Some(limits.reset_period), None),
                Terms::Credits(credits) => (None, None, Some(credits.cost)),
            };
            let zone = zone_of(reset_period);
            let caps = allowance.caps().iter().map(|cap| (*cap, zone_of(Some(cap.reset_period)))).collect();
            ResolvedAllowance { limit, reset_period, zone, cost, caps, origin: name(&allowance.row) }
        })
        .collect();
    let first = resolved.first();
    // A disabled row still shows its terms.
    let metered_off = off.and_then(|row| match &row.grant.value {
        Value::Metered(metered) if first.is_none() => Some(metered),
        _ => None,
    });
    let is_unlimited = |first: &ResolvedAllowance| first.limit.is_none() && first.cost.is_none();
    let reset_period = first.map_or_else(|| Some(metered_off?.reset_period), |first| first.reset_period);
    Resolution {
        absent: first.is_none() && on.is_none() && off.is_none(),
        enabled: first.is_some() || on.is_some(),
        limit: first.map_or_else(|| metered_off?.limit, |first| first.limit),
        unlimited: first.map_or_else(|| metered_off.is_some_and(|off| off.limit.is_none()), is_unlimited),
        reset_period,
        zone: zone_of(reset_period),
        origin: first.map(|first| first.origin.clone()).or(on.or(off).as_ref().map(name)),
        allowances: resolved,
        value: None,
    }
}
