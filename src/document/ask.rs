//! Questions in JSON: a check, a window, a billing period, a resolution.
//!
//! Every shell reads its questions here, so that each means the same and fails the same everywhere.

use crate::billing;
use crate::diagnostics::Diagnostics;
use crate::node::{Node, Object};
use crate::tree::{Path, Tree};
use crate::values::{self, ZoneNames};
use crate::zones::ZoneSource;
use mayuse_core::{
    Amount, Anchors, Code, FeatureIdx, GivenRow, Instant, Problem, Problems, Question, QuestionForm, ResetPeriod,
    Resolution, Severity, Slot, UncheckedValue, UsageEntry, WindowBounds, Zone, counted, joined, resolve_rows, switch,
    window as window_at,
};
use std::borrow::Cow;

/// A check as it was asked, in JSON, in a query string or on a command line.
///
/// ```
/// use mayuse_document::Check;
/// let pairs = [("customer", "acme"), ("feature", "sso"), ("explain", "true")];
/// let check = Check::from_pairs(pairs.into_iter()).unwrap();
/// assert!(check.question().explain);
/// assert!(Check::from_pairs([("feature", "sso")].into_iter()).is_err());
/// ```
#[derive(Clone, PartialEq, Debug)]
pub struct Check {
    form: QuestionForm<'static>,
}

impl Check {
    /// Reads an object of the parameters in [`QuestionForm::PARAMETERS`]: `{"customer", "feature",
    /// "subscription_id"?, …}`.
    ///
    /// # Errors
    /// Every field that is missing or wrong.
    pub fn read(tree: &Tree<'_>) -> Result<Check, Problems> {
        Check::read_without("", tree)
    }

    /// Reads the same without a `feature`: the question about all of them.
    ///
    /// # Errors
    /// Every field that is missing or wrong.
    pub fn read_for_all(tree: &Tree<'_>) -> Result<Check, Problems> {
        Check::read_without("feature", tree)
    }

    /// Reads all parameters but one.
    fn read_without(ignored: &str, tree: &Tree<'_>) -> Result<Check, Problems> {
        read(tree, |o| {
            let mut form = QuestionForm::empty();
            let mut known = Vec::new();
            for (name, _) in QuestionForm::PARAMETERS.iter().filter(|(name, _)| *name != ignored) {
                known.push(*name);
            }
            o.refuse_others(&known);
            for (name, slot) in QuestionForm::PARAMETERS.iter().filter(|(name, _)| *name != ignored) {
                let fill = |node: Node<'_>| fill(&mut form, slot, &node);
                // A problem is noted in the diagnostics, and the other parameters are read.
                let _ = match slot {
                    Slot::Key(_) => o.required(name, fill),
                    _ => o.optional(name, fill),
                };
            }
            Some(Check { form })
        })
    }

    /// Reads `{"questions": [...]}`, at most `max` of them. A question that is wrong is an error of
    /// its own and leaves the others be.
    ///
    /// # Errors
    /// A body that is none, or holds too many questions.
    pub fn read_batch(tree: &Tree<'_>, max: usize) -> Result<Vec<Result<Check, Problems>>, Problems> {
        read(tree, |o| {
            o.refuse_others(&["questions"]);
            o.required("questions", |list| {
                let mut checks = Vec::new();
                let mut n_questions = 0_usize;
                list.items(|n, question| {
                    n_questions = n.saturating_add(1);
                    if n < max {
                        checks.push(Check::read(question.tree));
                    }
                });
                if max < n_questions {
                    list.error(
                        Code::OutOfRange,
                        joined(&["at most ", &counted(max), " questions at once, found ", &counted(n_questions)]),
                    );
                }
                Some(checks)
            })
        })
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

    /// The id or alias of the customer it asks about.
    pub fn customer(&self) -> &str {
        self.question().customer
    }

    /// The question, ready to be decided.
    pub fn question(&self) -> Question<'_> {
        self.form.question()
    }

    /// The same question on another feature.
    pub fn question_on<'q>(&'q self, feature: &'q str) -> Question<'q> {
        Question { feature, ..self.question() }
    }
}

/// The largest number of entries of `usage`: each is compared with each.
const MAX_USAGE: usize = 1_000;

/// Fills in one parameter from its JSON value.
fn fill(form: &mut QuestionForm<'static>, slot: &Slot<'static>, node: &Node<'_>) -> Option<()> {
    match slot {
        Slot::Key(field) => *field(form) = node.text()?.to_owned().into(),
        Slot::Text(field) => *field(form) = Some(node.text()?.to_owned().into()),
        Slot::Amount(field) => *field(form.scalars_mut()) = Some(node.amount()?),
        Slot::Held(field) => *field(form.scalars_mut()) = node.amount_not_negative()?,
        Slot::Switch(field) => *field(form.scalars_mut()) = node.bool()?,
        Slot::Policy(field) => *field(form.scalars_mut()) = Some(values::policy(node, Severity::Error)?),
        Slot::Whole(field) => *field(form.scalars_mut()) = Some(node.unsigned()?),
        Slot::Instant(field) => *field(form.scalars_mut()) = Some(node.instant()?),
        // A build without it refuses it by its name, whatever it states.
        Slot::Usage(field) if !mayuse_core::USAGE => *field(form) = Some(Vec::new()),
        Slot::Usage(field) => {
            if !node.has_at_most(MAX_USAGE, " entries") {
                return None;
            }
            let mut entries = Vec::new();
            node.items(|_, entry| entries.extend(usage_entry(entry)));
            *field(form) = Some(entries);
        }
    }
    Some(())
}

fn usage_entry(node: Node<'_>) -> Option<UsageEntry> {
    let o = node.object()?;
    let known = ["origin", "subscription_id", "starts_at", "period", "consumed", "reserved"];
    o.refuse_others(&known);
    let origin = o.required_id("origin");
    let subscription_id = o.optional_id("subscription_id");
    let starts_at = o.instant("starts_at");
    let mut zones = ZoneNames::new();
    let period = o.optional("period", |n| values::reset_period(n, &mut zones)).map(|period| period.with_zone(None));
    let zone = zones.pop().map(String::into_boxed_str);
    if period.is_none() && o.has("period") {
        // In a catalog, a period that is not known is skipped; a question means the known ones.
        o.error(Code::UnknownValue, "the period cannot be read");
    }
    let consumed = o.required_amount("consumed");
    let reserved = o.amount_not_negative("reserved").unwrap_or(Amount::ZERO);
    let (origin, subscription_id) = (origin?.into(), subscription_id.map(String::into_boxed_str));
    Some(UsageEntry { origin, subscription_id, starts_at, period, zone, consumed: consumed?, reserved })
}

/// Pairs as the object they stand for: switches and whole numbers are such, the rest is text.
fn object_of<'p>(pairs: impl Iterator<Item = (&'p str, &'p str)>) -> Tree<'p> {
    let field = |(name, value): (&'p str, &'p str)| {
        let row = QuestionForm::PARAMETERS.iter().find(|(known, _)| *known == name);
        let tree = match row {
            Some((_, Slot::Switch(_))) => switch(value).map(Tree::Bool),
            Some((_, Slot::Whole(_))) => value.parse::<i64>().ok().map(Tree::from),
            Some((_, Slot::Usage(_))) => Tree::parse(value).ok(),
            _ => None,
        };
        (Cow::Borrowed(name), tree.unwrap_or(Tree::Text(Cow::Borrowed(value))))
    };
    Tree::Object(pairs.map(field).collect())
}

/// Answers `{"rule", "at", "activated_at"?, "billing"?}`: the window of a reset period. `billing`
/// is `{"period", "billing_day_anchor", "current_period_start", "current_period_end"?,
/// "start_date"?, "billing_start_date"?}`. `source` has the time zones.
///
/// # Errors
/// Every field that is missing or wrong; an anchor the rule needs and the question does not have.
pub fn ask_window(tree: &Tree<'_>, source: ZoneSource) -> Result<WindowBounds, Problems> {
    read(tree, |o| {
        o.refuse_others(&["rule", "at", "activated_at", "billing"]);
        let mut names = ZoneNames::new();
        let rule = o.required("rule", |n| values::reset_period(n, &mut names));
        let mut zones: Vec<Zone> = Vec::new();
        for name in names {
            match source(&name) {
                Some(offsets) => zones.push(Zone { name: name.into(), offsets }),
                None => {
                    o.sink.error(Code::UnknownValue, "rule.time_zone", "there is no such time zone");
                    return None;
                }
            }
        }
        let at = o.required_instant("at");
        let activated_at = o.instant("activated_at");
        let mut start_date = None;
        let billing = o.optional("billing", |n| {
            let billing = n.object()?;
            billing.refuse_others(&BILLING);
            start_date = billing.instant("start_date");
            let period = billing.required("period", billing::billing_period);
            let rhythm = billing::rhythm(billing, period);
            let from = billing.required_instant("current_period_start");
            let to = billing.instant("current_period_end");
            let billing_start = billing.instant("billing_start_date");
            billing::current_period(billing, rhythm?, from?, to, start_date, billing_start)
        });
        let activation = activated_at.or(start_date);
        let (rule, at) = (rule?, at?);
        let missing = match rule {
            ResetPeriod::Never | ResetPeriod::FixedWindow(_) if activation.is_none() => Some("activated_at"),
            ResetPeriod::BillingCycle | ResetPeriod::BillingMonth if !o.has("billing") => Some("billing"),
            _ => None,
        };
        if let Some(field) = missing {
            o.sink.error(Code::Missing, field.to_owned(), joined(&["a ", rule.name(), " window is tied to it"]));
            return None;
        }
        let anchors = Anchors { activation: activation.unwrap_or(Instant::EPOCH), billing };
        Some(window_at(rule, &anchors, &zones, at).into())
    })
}

const BILLING: [&str; 6] =
    ["period", "billing_day_anchor", "current_period_start", "current_period_end", "start_date", "billing_start_date"];

/// Reads a reset period: `{"type", "unit"?, "interval"?, "week_start"?, "time_zone"?}`.
/// Returns it without its time zone, and the name of that.
///
/// # Errors
/// Every field that is missing or wrong.
pub fn read_reset_period(tree: &Tree<'_>) -> Result<(ResetPeriod, Option<String>), Problems> {
    read(tree, |o| {
        let mut zones = ZoneNames::new();
        let period = values::reset_period(Node { tree, path: o.path, sink: o.sink }, &mut zones)?;
        Some((period.with_zone(None), zones.pop()))
    })
}

/// Answers `{"period", "billing_day_anchor", "start_date", "at"}`: the billing period that holds
/// an instant.
///
/// # Errors
/// Every field that is missing or wrong.
pub fn ask_billing_period(tree: &Tree<'_>) -> Result<WindowBounds, Problems> {
    read(tree, |o| {
        o.refuse_others(&["period", "billing_day_anchor", "start_date", "at"]);
        let period = o.required("period", billing::billing_period);
        let rhythm = billing::rhythm(o, period);
        let start = o.required_instant("start_date");
        let at = o.required_instant("at");
        Some(rhythm?.period_from(start?, at?).into())
    })
}

/// Answers `{"ladder", "grants": [{"level", "entity_id", "value", "created_at"?, "quantity"?,
/// "max_instances_per_subscription"?, "archived"?, "subscription"?}]}`: what the rows come to.
/// Rows that do not say when they were made were made in the order of the list; rows that name no
/// subscription are on one and the same. `source` has the time zones.
///
/// # Errors
/// Every field that is missing or wrong.
pub fn ask_resolution(tree: &Tree<'_>, source: ZoneSource) -> Result<Resolution, Problems> {
    read(tree, |o| {
        o.refuse_others(&["ladder", "grants"]);
        let ladder = o.required("ladder", values::ladder)?;
        let mut rows: Vec<GivenRow> = Vec::new();
        let (mut pools, mut zones) = (Vec::new(), ZoneNames::new());
        o.required("grants", |n| {
            n.items(|_, node| rows.extend(node.object().and_then(|o| given_row(o, &mut pools, &mut zones))));
            Some(())
        })?;
        let is_known: Vec<bool> = zones.iter().map(|zone| source(zone).is_some()).collect();
        for row in &mut rows {
            if !row.value.convert_zones(&mut |zone| zone.item(&is_known).filter(|known| **known).map(|_| zone)) {
                row.value = UncheckedValue::Unknown;
            }
        }
        let resolution = resolve_rows(&ladder, rows, &zones);
        if resolution.is_none() {
            o.error(Code::OutOfRange, "the limits add up to more digits than can be held exactly");
        }
        resolution
    })
}

const GIVEN_ROW: [&str; 8] = [
    "level",
    "entity_id",
    "value",
    "created_at",
    "quantity",
    "max_instances_per_subscription",
    "archived",
    "subscription",
];

fn given_row(o: Object<'_>, pools: &mut Vec<String>, zones: &mut ZoneNames) -> Option<GivenRow> {
    o.refuse_others(&GIVEN_ROW);
    let level = o.required("level", |n| values::level(&n));
    let entity_id = o.required_id("entity_id");
    let value = o.required("value", |n| values::entitlement_value(n, zones));
    let created_at = o.instant("created_at");
    let quantity = o.count("quantity").unwrap_or(1);
    let max_instances = o.count("max_instances_per_subscription");
    let archived = o.flag("archived").unwrap_or_default();
    let level = level?;
    let value = value?.with_pool(|pool| {
        let at = pools.iter().position(|known| *known == pool).unwrap_or_else(|| {
            pools.push(pool);
            pools.len().saturating_sub(1)
        });
        u32::try_from(at).ok().map(FeatureIdx::from)
    })?;
    Some(GivenRow {
        level,
        entity_id: entity_id?,
        subscription: o.text("subscription").unwrap_or_default(),
        created_at,
        value,
        quantity,
        multi_instance: max_instances.is_none_or(|max| 1 < max),
        archived,
    })
}

/// Reads a tree as an object. Nothing read, or any problem, is an error.
///
/// # Errors
/// Every problem that reading found.
///
/// # Example: every problem, with its path
///
/// ```
/// use mayuse_document::{Tree, read};
/// let tree = Tree::parse(r#"{"name": 7}"#).unwrap();
/// let name = read(&tree, |o| o.required("name", |node| node.text().map(str::to_owned)));
/// assert_eq!(name.unwrap_err().to_string(), "name: expected a string, found a number");
/// ```
pub fn read<T>(tree: &Tree<'_>, read: impl FnOnce(Object<'_>) -> Option<T>) -> Result<T, Problems> {
    let (mut read, mut found) = (Some(read), None);
    let problems = read_once(tree, &mut |o| {
        found = read.take().and_then(|read| read(o));
        found.is_some()
    });
    found.filter(|_| problems.is_usable()).ok_or(problems)
}

/// Calls `read`, which says whether it read something. Returns the problems; without anything read, there is one.
#[inline(never)]
fn read_once(tree: &Tree<'_>, read: &mut dyn FnMut(Object<'_>) -> bool) -> Problems {
    let sink = Diagnostics::of_question();
    let node = Node { tree, path: Path::Root, sink: &sink };
    let is_read = node.object().is_some_and(read);
    let mut problems = sink.into_inner();
    if !is_read && problems.is_usable() {
        problems.push(Problem::error(Code::Invalid, String::new(), "the question cannot be read"));
    }
    problems
}
