//! Reads the smaller values of a document: entitlement values, reset periods, ladders, statuses.

use crate::config::config;
use crate::node::{Node, Object};
use crate::tree::Tree;
use mayuse_core::{
    Access, AccessCondition, AccessEntry, AcrossSubscriptions, Amount, Behavior, CalendarInterval, Cap, Code, Combine,
    Interval, Ladder, Level, MAX_CAPS, Metered, NamedPeriod, Policy, ResetPeriod, Severity, Status, UncheckedValue,
    Unit, Weekday, WriteJson, ZoneIdx, joined, sort_by,
};

/// An entitlement value whose pool is still a name.
pub(crate) type RawValue = UncheckedValue<String>;

/// Reads a value. Its time zones are positions in `zones`, to which their names are added.
pub(crate) fn entitlement_value(node: Node<'_>, zones: &mut ZoneNames) -> Option<RawValue> {
    #[derive(Clone, Copy)]
    enum Type {
        Boolean,
        Metered,
        Credits,
        Config,
    }
    let value = node.object()?;
    let types =
        [("BOOLEAN", Type::Boolean), ("METERED", Type::Metered), ("CREDITS", Type::Credits), ("CONFIG", Type::Config)];
    let enabled_or_true = || value.flag("enabled").unwrap_or(true);
    let kind = value.required_word("type", &types)?;
    let used: &[&str] = match kind {
        Type::Boolean => &["type", "enabled"],
        Type::Metered => {
            &["type", "enabled", "limit", "reset_period", "overage", "warning_threshold_pct", "per_seat", "caps"]
        }
        Type::Credits => &["type", "enabled", "pool_feature_id", "cost"],
        Type::Config => &["type", "enabled", "value", "per_seat"],
    };
    for name in ["caps", "per_seat"].into_iter().filter(|name| !used.contains(name) && value.has(name)) {
        value.error(Code::Invalid, joined(&["`", name, "` is for METERED values"]));
    }
    value.warn_of_others(used, &VALUE);
    Some(match kind {
        Type::Config => RawValue::Config(config(value, enabled_or_true())?),
        Type::Boolean => RawValue::Boolean { enabled: value.required_flag("enabled")? },
        Type::Metered => RawValue::Metered(metered(value, enabled_or_true(), zones)?),
        Type::Credits => {
            let pool = value.required_id("pool_feature_id");
            let cost = value.required_amount_not_negative("cost");
            RawValue::Credits { enabled: enabled_or_true(), pool: pool?, cost: cost? }
        }
    })
}

/// The fields of entitlement values of every type.
const VALUE: [&str; 11] = [
    "type",
    "enabled",
    "limit",
    "reset_period",
    "overage",
    "warning_threshold_pct",
    "per_seat",
    "caps",
    "pool_feature_id",
    "cost",
    "value",
];

fn metered(value: Object<'_>, enabled: bool, zones: &mut ZoneNames) -> Option<Metered> {
    let limit = amount_field(value, "limit");
    let reset_period = field(value, "reset_period", |n| reset_period(n, zones));
    let overage = field(value, "overage", |node| {
        let overage = node.object()?;
        let known = ["behavior", "in_trial", "grace_pct", "unit_price"];
        overage.warn_of_others(&known, &known);
        let behavior = behavior_field(overage, "behavior");
        let in_trial = behavior_field(overage, "in_trial");
        let grace_pct = amount_field(overage, "grace_pct");
        // `unit_price` changes no decision, but a malformed one is still a mistake in the document.
        amount_field(overage, "unit_price")?;
        Some((behavior?.unwrap_or(Behavior::Block), in_trial?, grace_pct?.unwrap_or(Amount::ZERO)))
    });
    let warning_threshold_pct = amount_field(value, "warning_threshold_pct");
    let per_seat = field(value, "per_seat", |n| n.bool());
    let caps = field(value, "caps", |n| caps(n, zones));
    let (overage, in_trial, grace_pct) = overage?.unwrap_or((Behavior::Block, None, Amount::ZERO));
    let (limit, warning_threshold_pct) = (limit?, warning_threshold_pct?);
    if let Some(limit) = limit {
        // Refused here, where the place names the row, so that no decision fails on it.
        let grace = grace_pct.percent_of(limit).and_then(|grace| limit.plus(grace));
        if grace.is_none() {
            value.error(Code::OutOfRange, "the limit with its grace has more digits than can be held exactly");
        }
    }
    let reset_period = reset_period?.unwrap_or(ResetPeriod::Never);
    let caps = caps?.unwrap_or_default();
    let periods = || [reset_period].into_iter().chain(caps.iter().map(|cap| cap.reset_period));
    let is_twice = |(n, period): (usize, ResetPeriod)| periods().take(n).any(|before| before.is_equivalent(period));
    if periods().enumerate().any(is_twice) {
        value.error(Code::Invalid, "the reset periods of a limit and its caps differ from each other");
    }
    Some(Metered {
        enabled,
        limit,
        reset_period,
        overage,
        in_trial,
        grace_pct,
        warning_threshold_pct,
        per_seat: per_seat?.unwrap_or_default(),
        caps: caps.into(),
    })
}

fn caps(node: Node<'_>, zones: &mut ZoneNames) -> Option<Vec<Cap>> {
    if !node.has_at_most(MAX_CAPS, " caps") {
        return None;
    }
    let (mut caps, mut n_items) = (Vec::new(), 0_usize);
    node.items(|_, item| {
        n_items = n_items.saturating_add(1);
        let Some(cap) = item.object() else { return };
        cap.warn_of_others(&["limit", "reset_period"], &["limit", "reset_period"]);
        let limit = cap.required_amount_not_negative("limit");
        let reset_period = cap.required("reset_period", |n| reset_period(n, zones));
        if let (Some(limit), Some(reset_period)) = (limit, reset_period) {
            caps.push(Cap { limit, reset_period });
        }
    });
    // The order in which they are written changes nothing.
    let key = |cap: &Cap| {
        let zone = cap.reset_period.zone().and_then(|zone| zone.item(zones)).map(String::as_str);
        NamedPeriod::new(cap.reset_period, zone).to_json()
    };
    sort_by(&mut caps, |a: &Cap, b: &Cap| key(a).cmp(&key(b)));
    // A cap that cannot be read must not be taken for an absent cap.
    (caps.len() == n_items).then_some(caps)
}

/// An optional field: None if it has a problem, `Some(None)` if it is absent.
///
/// An absent limit is unlimited, so a malformed limit must not be taken for an absent one.
fn field<T>(object: Object<'_>, name: &str, read: impl FnOnce(Node<'_>) -> Option<T>) -> Option<Option<T>> {
    if object.has(name) { object.optional(name, read).map(Some) } else { Some(None) }
}

#[inline(never)]
fn amount_field(object: Object<'_>, name: &str) -> Option<Option<Amount>> {
    field(object, name, |n| n.amount_not_negative())
}

#[inline(never)]
fn behavior_field(object: Object<'_>, name: &str) -> Option<Option<Behavior>> {
    field(object, name, |n| n.known_word(&[("BLOCK", Behavior::Block), ("ALLOW", Behavior::Allow)]))
}

/// The names of time zones, by their positions in the values that are read.
pub(crate) type ZoneNames = Vec<String>;

/// The names of UTC. A reset period with one of them has no time zone.
const UTC: [&str; 8] = ["UTC", "Etc/UTC", "Etc/UCT", "Etc/Universal", "Etc/Zulu", "UCT", "Universal", "Zulu"];

pub(crate) fn reset_period(node: Node<'_>, zones: &mut ZoneNames) -> Option<ResetPeriod> {
    let period = node.object()?;
    let types = ["NEVER", "BILLING_CYCLE", "CALENDAR", "FIXED_WINDOW", "SLIDING_WINDOW"];
    let name = period.required_name("type", &types)?;
    let used: &[&str] = match name {
        "NEVER" => &["type"],
        "BILLING_CYCLE" => &["type", "sub_cycle"],
        "CALENDAR" => &["type", "unit", "interval", "week_start", "time_zone"],
        _ => &["type", "unit", "interval"],
    };
    period.warn_of_others(used, &["type", "sub_cycle", "unit", "interval", "week_start", "time_zone"]);
    Some(match name {
        "NEVER" => ResetPeriod::Never,
        "BILLING_CYCLE" if period.has("sub_cycle") => {
            period.optional("sub_cycle", |n| n.known_word(&[("MONTHLY", ResetPeriod::BillingMonth)]))?
        }
        "BILLING_CYCLE" => ResetPeriod::BillingCycle,
        "CALENDAR" => {
            let every = every(period, &Unit::ALL);
            let days = Weekday::ALL.map(|day| (day.name(), day));
            let week_start = field(period, "week_start", |n| n.known_word(&days));
            let zone = field(period, "time_zone", |n| Some(zone(n.text()?, zones)));
            let (every, week_start) = (every?, week_start?.unwrap_or(Weekday::Monday));
            if every.unit != Unit::Week && period.has("week_start") {
                period.warn("week_start", Code::NoEffect, "the field has no effect here: only weeks begin on a day");
            }
            let week_start = if every.unit == Unit::Week { week_start } else { Weekday::Monday };
            ResetPeriod::Calendar(CalendarInterval { every, week_start, zone: zone?.flatten() })
        }
        "FIXED_WINDOW" => ResetPeriod::FixedWindow(every(period, &Unit::ALL)?),
        _ => ResetPeriod::SlidingWindow(every(period, &Unit::ALL)?),
    })
}

/// The position of the time zone with this name; None for UTC.
fn zone(name: &str, zones: &mut ZoneNames) -> Option<ZoneIdx> {
    if UTC.contains(&name) {
        return None;
    }
    let at = zones.iter().position(|known| known == name).unwrap_or_else(|| {
        zones.push(name.to_owned());
        zones.len().saturating_sub(1)
    });
    u32::try_from(at).ok().map(ZoneIdx::new)
}

/// Reads `unit`, one of these, and `interval`.
pub(crate) fn every(object: Object<'_>, units: &[Unit]) -> Option<Interval> {
    let words: Vec<(&str, Unit)> = units.iter().map(|unit| (unit.name(), *unit)).collect();
    let unit = object.required_word("unit", &words);
    let checked = |n: Node<'_>| {
        let every = Interval::new(unit.unwrap_or(Unit::Day), n.integer()?);
        every.map_err(|error| n.error(Code::OutOfRange, error.text())).ok()
    };
    let every = object.required("interval", checked);
    unit.and(every)
}

pub(crate) fn ladder(node: Node<'_>) -> Option<Ladder> {
    if let Tree::Text(_) = node.tree {
        let presets = [("STANDARD", Ladder::standard as fn() -> Ladder), ("METEROID", Ladder::meteroid)];
        return node.word(&presets).map(|preset| preset());
    }
    let spelled = node.object()?;
    let known = ["levels", "across_subscriptions", "multiply_quantity"];
    spelled.warn_of_others(&known, &known);
    let combines = [Combine::Replace, Combine::Stack, Combine::Max].map(|combine| (combine.name(), combine));
    let mut levels: Vec<(Level, Combine)> = Vec::new();
    spelled.required("levels", |list| {
        list.items(|_, item| {
            let Some(entry) = item.object() else { return };
            entry.warn_of_others(&["level", "combine"], &["level", "combine"]);
            let level = entry.required("level", |n| level(&n));
            let combine = entry.optional("combine", |n| n.word(&combines)).unwrap_or(Combine::Replace);
            let Some(level) = level else { return };
            if levels.iter().any(|(listed, _)| *listed == level) {
                return item.error(Code::Duplicate, joined(&["the level ", level.name(), " is listed twice"]));
            }
            levels.push((level, combine));
        });
        Some(())
    });
    let ways = [("UNION", AcrossSubscriptions::Union), ("CHAIN", AcrossSubscriptions::Chain)];
    let across = spelled.optional("across_subscriptions", |n| n.word(&ways)).unwrap_or(AcrossSubscriptions::Union);
    let multiply = spelled.flag("multiply_quantity").unwrap_or(true);
    Some(Ladder::new(levels, across, multiply))
}

pub(crate) fn level(node: &Node<'_>) -> Option<Level> {
    use Level::{AddOn, Customer, Feature, Plan, PlanVersion, Subscription};
    node.word(&[Feature, Plan, PlanVersion, AddOn, Subscription, Customer].map(|level| (level.name(), level)))
}

pub(crate) fn access_statuses(node: Node<'_>) -> Access {
    let mut entries: Vec<AccessEntry> = Vec::new();
    node.items(|_, item| {
        entries.extend(match item.tree {
            Tree::Object(_) => item.object().and_then(access_condition),
            _ => listed_status(&item, AccessCondition::Always),
        });
    });
    Access::new(entries)
}

/// Reads `{"status", "until": "END_DATE"}` or `{"status", "for_days"}`.
fn access_condition(entry: Object<'_>) -> Option<AccessEntry> {
    let known = ["status", "until", "for_days"];
    entry.warn_of_others(&known, &known);
    let listed = entry.required("status", |n| listed_status(&n, AccessCondition::Always));
    let until = field(entry, "until", |n| n.known_word(&[("END_DATE", AccessCondition::UntilEndDate)]));
    let for_days = field(entry, "for_days", |n| n.count().map(AccessCondition::ForDays));
    let (listed, until, for_days) = (listed?, until?, for_days?);
    if until.is_some() && for_days.is_some() {
        entry.error(Code::Invalid, "an entry has `until` or `for_days`, not both");
    }
    Some(AccessEntry { condition: until.or(for_days).unwrap_or(AccessCondition::Always), ..listed })
}

/// A status in `access_statuses`. A word that this version does not know counts for subscriptions that have it.
fn listed_status(node: &Node<'_>, condition: AccessCondition) -> Option<AccessEntry> {
    let (status, word) = status(node, Severity::Warning)?;
    Some(AccessEntry { status, word: word.into(), condition })
}

/// The longest word of a status that is kept, in bytes.
const MAX_STATUS: usize = 128;

/// A status and, if this version does not know it, its word, which is then reported with this severity.
pub(crate) fn status<'n>(node: &Node<'n>, severity: Severity) -> Option<(Status, &'n str)> {
    let text = node.text()?;
    let is_word = !text.is_empty() && text.len() <= MAX_STATUS;
    match node.one_of(&Status::NAMES, if is_word { severity } else { Severity::Error }) {
        Some(status) => Some((status, "")),
        None => is_word.then_some((Status::Unknown, text)),
    }
}

pub(crate) fn policy(node: &Node<'_>, severity: Severity) -> Option<Policy> {
    node.one_of(&[("ALLOW", Policy::Allow), ("DENY", Policy::Deny)], severity)
}
