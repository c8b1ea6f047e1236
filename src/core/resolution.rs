//! Resolves entitlement rows that are given without a catalog, for vectors and tools.

use crate::allowance::{Allowance, Overflow, Terms};
use crate::applied_grant::{AppliedGrant, ChainTerms, NamedRow};
use crate::compose::{AnchoredAllowance, Composition, Entitlement};
use crate::configure::{ConfigAnswer, better, overridden, resolve_config};
use crate::grant_source::GrantSource;
use crate::idx::{FeatureIdx, UNRESOLVED};
use crate::json::{Token, WriteJson, end, fields, object, put, write_list};
use crate::ladder::{AcrossSubscriptions, Combine, Ladder, Level};
use crate::reset::{NamedPeriod, ResetPeriod};
use crate::resolve::{State, resolve};
use crate::sort::sort_by;
use crate::switches::resolve_switches;
use crate::text::{counted, joined};
use crate::time::Instant;
use crate::value::{ConfigType, Credits, Grant, NamedCap, UncheckedValue, Value};
use crate::windowing::Anchors;
use std::cmp::Ordering;

/// The result of [`resolve_rows`] as JSON: `{"absent", "enabled", "limit", "unlimited", "reset_period", "origin",
/// "allowances"}`, for CONFIG rows also `value`. Without rows that count, `absent` is true.
#[derive(Clone, PartialEq, Debug)]
pub struct Resolution {
    json: Vec<u8>,
}

impl WriteJson for Resolution {
    fn write_json(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.json);
    }
}

/// The owner of a row.
struct Owner<'g>(GrantSource<'g>);

impl WriteJson for Owner<'_> {
    fn write_json(&self, out: &mut Vec<u8>) {
        object!(out, "entity_type": Token(self.0.level().name()), "entity_id": self.0.id());
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
    Some(describe(&entitlement, None, zones))
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
        None => describe(&Entitlement::None, None, &[]),
        Some(found) if !found.enabled => describe(&Entitlement::Off(NamedRow::of(&found.row), None), None, &[]),
        Some(found) => describe(&Entitlement::On(NamedRow::of(&found.row), None), Some(found.value), &[]),
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

fn describe(entitlement: &Entitlement<'_>, value: Option<ConfigAnswer<'_>>, zones: &[String]) -> Resolution {
    let (mut allowances, mut switch) = (Vec::new(), None);
    match entitlement {
        Entitlement::None | Entitlement::TypeMismatch => {}
        Entitlement::Off(row, _) => switch = Some((row, false)),
        Entitlement::On(row, _) => switch = Some((row, true)),
        Entitlement::Allowances(anchored) => {
            anchored.iter().for_each(|anchored| allowances.push(&anchored.allowance));
            sort_by(&mut allowances, |a, b| by_size(a, b));
        }
    }
    let first = allowances.first();
    let terms = match (first.map(|first| &first.terms), switch) {
        (Some(Terms::Metered(limits)), _) => Some((limits.limit, limits.reset_period)),
        // A disabled row still shows its terms.
        (None, Some((row, false))) => match &row.grant.value {
            Value::Metered(metered) => Some((metered.limit, metered.reset_period)),
            _ => None,
        },
        _ => None,
    };
    let origin = first.map(|first| first.row.source).or(switch.map(|(row, _)| row.source));
    let mut json = Vec::new();
    let out = &mut json;
    object!(
        out,
        "absent": origin.is_none(),
        "enabled": first.is_some() || matches!(switch, Some((_, true))),
        "limit": terms.and_then(|(limit, _)| limit),
        "unlimited": matches!(terms, Some((None, _))),
        "reset_period": terms.map(|(_, period)| named(period, zones)),
        "origin": origin.map(Owner),
    );
    put(out, ",\"allowances\":");
    write_list(out, allowances, |allowance, out| write_allowance(out, allowance, zones));
    if let Some(value) = value {
        fields!(out, "value": value);
    }
    end(out);
    Resolution { json }
}

fn write_allowance(out: &mut Vec<u8>, allowance: &Allowance<'_>, zones: &[String]) {
    let (limit, reset_period, cost) = match &allowance.terms {
        Terms::Metered(limits) => (limits.limit, Some(limits.reset_period), None),
        Terms::Credits(credits) => (None, None, Some(credits.cost)),
    };
    object!(out, "limit": limit, "reset_period": reset_period.map(|period| named(period, zones)));
    if let Some(cost) = cost {
        fields!(out, "cost": cost);
    }
    if !allowance.caps().is_empty() {
        put(out, ",\"caps\":");
        write_list(out, allowance.caps(), |cap, out| {
            NamedCap::new(*cap, zone_of(cap.reset_period, zones)).write_json(out);
        });
    }
    fields!(out, "origin": Owner(allowance.row.source));
    end(out);
}

fn named(period: ResetPeriod, zones: &[String]) -> NamedPeriod<'_> {
    NamedPeriod::new(period, zone_of(period, zones))
}

fn zone_of(period: ResetPeriod, zones: &[String]) -> Option<&str> {
    period.zone()?.item(zones).map(String::as_str)
}
