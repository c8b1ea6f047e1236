//! Questions in JSON: a check, a window, a billing period, a resolution.
//!
//! Every shell reads its questions here, so that each means the same and fails the same everywhere.

use crate::amount::Amount;
use crate::decide::Question;
use crate::document::entities;
use crate::document::values::{self, RawValue};
use crate::ladder::{AcrossSubscriptions, Combine, Ladder, Level};
use crate::model::{Credits, Grant, Policy, Value};
use crate::problem::{Code, Problem, Problems, Sink};
use crate::reset::ResetPeriod;
use crate::resolve::{Allowance, Name, Origin, Row, State, Switches, Terms, join, resolve as resolve_chain};
use crate::time::Instant;
use crate::tree::{Node, Object, Path, Tree};
use crate::window::{Anchors, Window, window as window_at};
use serde::Serialize;

/// A check as it was asked, in JSON, in a query string or on a command line.
///
/// ```
/// use mayuse_core::Check;
/// let pairs = [("customer", "acme"), ("feature", "sso"), ("explain", "true")];
/// let check = Check::from_pairs(pairs.into_iter()).unwrap();
/// assert!(check.question().explain);
/// assert!(Check::from_pairs([("feature", "sso")].into_iter()).is_err());
/// ```
#[derive(Clone, PartialEq, Debug)]
pub struct Check {
    customer: String,
    feature: String,
    subscription_id: Option<String>,
    requested: Option<Amount>,
    consumed: Option<Amount>,
    reserved: Option<Amount>,
    explain: bool,
    on_indeterminate: Option<Policy>,
    min_version: Option<u64>,
    max_age_ms: Option<u64>,
    /// The instant it asks about; without one, now.
    pub at: Option<Instant>,
}

impl Check {
    /// Reads `{"customer", "feature", "subscription_id"?, "requested"?, "consumed"?, "reserved"?,
    /// "at"?, "explain"?, "on_indeterminate"?, "min_version"?, "max_age_ms"?}`.
    ///
    /// # Errors
    /// Every field that is missing or wrong.
    pub fn read(tree: &Tree) -> Result<Check, Problems> {
        read(tree, |o| {
            let check = Check::read_common(o);
            Some(Check {
                customer: o.required("customer", |n| n.text().map(str::to_owned))?,
                feature: o.required("feature", |n| n.text().map(str::to_owned))?,
                ..check
            })
        })
    }

    /// Reads the same without a `feature`: the question about all of them.
    ///
    /// # Errors
    /// Every field that is missing or wrong.
    pub fn read_for_all(tree: &Tree) -> Result<Check, Problems> {
        read(tree, |o| {
            let check = Check::read_common(o);
            Some(Check { customer: o.required("customer", |n| n.text().map(str::to_owned))?, ..check })
        })
    }

    fn read_common(o: Object<'_>) -> Check {
        let unsigned = |n: Node<'_>| {
            let whole = n.whole()?;
            let found = u64::try_from(whole).ok();
            if found.is_none() {
                n.error(Code::OutOfRange, format!("must not be negative, found {whole}"));
            }
            found
        };
        Check {
            customer: String::new(),
            feature: String::new(),
            subscription_id: o.text("subscription_id"),
            requested: o.optional("requested", |n| n.amount()),
            consumed: o.optional("consumed", |n| n.amount()),
            reserved: o.optional("reserved", |n| n.amount_not_negative()),
            explain: o.optional("explain", |n| n.bool()).unwrap_or_default(),
            on_indeterminate: o.optional("on_indeterminate", |n| values::policy(&n)),
            min_version: o.optional("min_version", unsigned),
            max_age_ms: o.optional("max_age_ms", unsigned),
            at: o.optional("at", |n| n.instant()),
        }
    }

    /// Reads name and value pairs, as of a query string.
    ///
    /// # Errors
    /// Every field that is missing or wrong.
    pub fn from_pairs<'p>(pairs: impl Iterator<Item = (&'p str, &'p str)>) -> Result<Check, Problems> {
        Check::read(&object_of(pairs))
    }

    /// Reads name and value pairs of the question about all features.
    ///
    /// # Errors
    /// Every field that is missing or wrong.
    pub fn for_all_from_pairs<'p>(pairs: impl Iterator<Item = (&'p str, &'p str)>) -> Result<Check, Problems> {
        Check::read_for_all(&object_of(pairs))
    }

    /// The question, ready to be decided.
    pub fn question(&self) -> Question<'_> {
        self.question_on(&self.feature)
    }

    /// The same question on another feature.
    pub fn question_on<'q>(&'q self, feature: &'q str) -> Question<'q> {
        Question {
            customer: &self.customer,
            feature,
            subscription_id: self.subscription_id.as_deref(),
            requested: self.requested,
            consumed: self.consumed,
            reserved: self.reserved.unwrap_or(Amount::ZERO),
            explain: self.explain,
            on_indeterminate: self.on_indeterminate,
            min_version: self.min_version,
            max_age_ms: self.max_age_ms,
        }
    }
}

/// Pairs as the object they stand for: switches and whole numbers are such, the rest is text.
fn object_of<'p>(pairs: impl Iterator<Item = (&'p str, &'p str)>) -> Tree {
    let field = |(name, value): (&'p str, &'p str)| {
        let tree = match name {
            "explain" => match value {
                "" | "1" | "true" => Some(Tree::Bool(true)),
                "0" | "false" => Some(Tree::Bool(false)),
                _ => None,
            },
            "min_version" | "max_age_ms" => value.parse().ok().map(Tree::Whole),
            _ => None,
        };
        (name.to_owned(), tree.unwrap_or_else(|| Tree::Text(value.to_owned())))
    };
    Tree::Object(pairs.map(field).collect())
}

/// A window: `{"start", "end", "reset_at", "projected"}`.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct WindowBounds {
    /// The first instant.
    pub start: Instant,
    /// The first instant after it; none when it is open.
    pub end: Option<Instant>,
    /// When the count starts again from zero.
    pub reset_at: Option<Instant>,
    /// Whether it was computed beyond the replicated billing period.
    pub projected: bool,
}

impl From<Window> for WindowBounds {
    fn from(window: Window) -> Self {
        WindowBounds { start: window.start, end: window.end, reset_at: window.reset_at(), projected: window.projected }
    }
}

/// Answers `{"rule", "at", "activated_at"?, "billing"?}`: the window of a reset period. `billing`
/// is `{"period", "billing_day_anchor", "current_period_start", "current_period_end"?,
/// "start_date"?, "billing_start_date"?}`.
///
/// # Errors
/// Every field that is missing or wrong; an anchor the rule needs and the question does not have.
pub fn ask_window(tree: &Tree) -> Result<WindowBounds, Problems> {
    read(tree, |o| {
        let rule = o.required("rule", values::reset_period);
        let at = o.required("at", |n| n.instant());
        let activated_at = o.optional("activated_at", |n| n.instant());
        let mut start_date = None;
        let billing = o.optional("billing", |n| {
            let billing = n.object()?;
            start_date = billing.optional("start_date", |n| n.date());
            let period = billing.required("period", |n| values::billing_period(&n));
            let rhythm = entities::rhythm(billing, period);
            let from = billing.required("current_period_start", |n| n.date());
            let to = billing.optional("current_period_end", |n| n.date());
            let billing_start = billing.optional("billing_start_date", |n| n.date());
            entities::current_period(billing, rhythm?, from?, to, start_date, billing_start)
        });
        let activation = activated_at.or(start_date.map(|date| date.midnight()));
        let (rule, at) = (rule?, at?);
        let missing = match rule {
            ResetPeriod::Never | ResetPeriod::FixedWindow(_) if activation.is_none() => Some("activated_at"),
            ResetPeriod::BillingCycle if !o.has("billing") => Some("billing"),
            _ => None,
        };
        if let Some(field) = missing {
            o.sink.error(Code::Missing, field.to_owned(), format!("a {} window is tied to it", rule.name()));
            return None;
        }
        let anchors = Anchors { activation: activation.unwrap_or(Instant::EPOCH), billing: billing.as_ref() };
        Some(window_at(rule, &anchors, at).into())
    })
}

/// Answers `{"period", "billing_day_anchor", "start_date", "at"}`: the billing period that holds
/// an instant.
///
/// # Errors
/// Every field that is missing or wrong.
pub fn ask_billing_period(tree: &Tree) -> Result<WindowBounds, Problems> {
    read(tree, |o| {
        let period = o.required("period", |n| values::billing_period(&n));
        let rhythm = entities::rhythm(o, period);
        let start = o.required("start_date", |n| n.date());
        let at = o.required("at", |n| n.instant());
        Some(rhythm?.period_from(start?, at?).into())
    })
}

/// What rows come to: `{"absent"}`, or the value that stands.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Resolution {
    absent: bool,
    enabled: bool,
    limit: Option<Amount>,
    unlimited: bool,
    reset_period: Option<ResetPeriod>,
    origin: Option<OriginName>,
    allowances: Vec<ResolvedAllowance>,
}

#[derive(Clone, PartialEq, Debug, Serialize)]
struct OriginName {
    entity_type: &'static str,
    entity_id: String,
}

#[derive(Clone, PartialEq, Debug, Serialize)]
struct ResolvedAllowance {
    limit: Option<Amount>,
    reset_period: Option<ResetPeriod>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cost: Option<Amount>,
    origin: OriginName,
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
        let mut given: Vec<Given> = Vec::new();
        let mut pools: Vec<String> = Vec::new();
        o.required("grants", |n| {
            n.items(|n, node| given.extend(node.object().and_then(|o| read_given(o, n, &mut pools))));
            Some(())
        })?;
        match resolve_given(&ladder?, &given) {
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
        let origin = Origin { level: self.level, id: &self.entity_id, name: Name::None };
        Row { origin, grant: &self.grant, quantity: self.quantity, additive: self.additive }
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
        // Of rows made at the same time, the earlier in the list comes first.
        grant: Grant { feature: 0, id: format!("{n:08}").into(), created_at, value },
        quantity,
        additive: level == Level::AddOn && !archived && max_instances.is_none_or(|max| 1 < max),
    })
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
            State::Off(row) => off = off.or(Some(row)),
            State::On(row) => on = on.or(Some(row)),
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
    Some(describe(&allowances, on, off))
}

fn resolve_rows<'g>(ladder: &Ladder, chain: &[&'g Given]) -> Option<State<'g>> {
    let mut switches = Switches::default();
    let mut rows: Vec<Row<'g>> = Vec::new();
    for given in chain {
        match given.grant.value {
            Value::Boolean { .. } => switches.add(given.row()),
            _ => rows.push(given.row()),
        }
    }
    if rows.is_empty() { Some(switches.resolve(ladder)) } else { resolve_chain(ladder, &mut rows).ok() }
}

fn describe(allowances: &[Allowance<'_>], on: Option<Row<'_>>, off: Option<Row<'_>>) -> Resolution {
    let name = |row: &Row<'_>| OriginName { entity_type: row.origin.level.name(), entity_id: row.origin.id.to_owned() };
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
    Resolution {
        absent: first.is_none() && on.is_none() && off.is_none(),
        enabled: first.is_some() || on.is_some(),
        limit: first.and_then(|first| first.limit),
        unlimited: first.is_some_and(|first| first.limit.is_none() && first.cost.is_none()),
        reset_period: first.and_then(|first| first.reset_period),
        origin: first.map(|first| first.origin.clone()).or(on.or(off).as_ref().map(name)),
        allowances: resolved,
    }
}

/// Reads a tree as an object. Nothing read, or any problem, is an error.
fn read<T>(tree: &Tree, read: impl FnOnce(Object<'_>) -> Option<T>) -> Result<T, Problems> {
    let sink = Sink::default();
    let node = Node { tree, path: &Path::Root, sink: &sink };
    let found = node.object().and_then(read);
    let mut problems = sink.into_inner();
    match found {
        Some(found) if problems.is_usable() => Ok(found),
        _ => {
            if problems.is_usable() {
                problems.push(Problem::error(Code::Invalid, String::new(), "the question cannot be read"));
            }
            Err(problems)
        }
    }
}
