//! Reads details of add-ons, subscriptions and rows.

use crate::node::{Node, Object};
use crate::tree::Tree;
use crate::values;
use mayuse_core::{Code, Instant, Severity, SoldWith, Status, sort_by};

/// The plans with which an add-on is sold: `associate_plans`, and `plans_array` if they are selected.
pub(crate) fn sold_with(o: Object<'_>) -> SoldWith<String> {
    let selected =
        o.optional("associate_plans", |n| Some(matches!(n.tree, Tree::Text(which) if which == "selected_plans")));
    match selected {
        None => SoldWith::All,
        Some(false) => SoldWith::ItsProduct,
        Some(true) => {
            let mut plans: Vec<String> = Vec::new();
            o.each("plans_array", |_, node| {
                if let Tree::Text(plan) = node.tree {
                    plans.push(plan.clone().into_owned());
                }
            });
            sort_by(&mut plans, Ord::cmp);
            plans.dedup();
            SoldWith::Plans(plans)
        }
    }
}

pub(crate) fn status_change(node: Node<'_>) -> Option<(Status, String, Instant)> {
    let o = node.object()?;
    let status = status(o);
    let at = o.required_instant("at");
    let (status, word) = status?;
    Some((status, word, at?))
}

/// The status of an object and, if this version does not know it, its word.
pub(crate) fn status(o: Object<'_>) -> Option<(Status, String)> {
    let node = o.need("status")?;
    values::status(&node, Severity::Skipped).map(|(status, word)| (status, word.to_owned()))
}

/// The slots of a price component's fee, if it is one for slots.
pub(crate) fn slots_of(fee: Node<'_>) -> Option<u32> {
    // Fees are the billing system's: what is no number of slots here changes no decision.
    let Tree::Object(fields) = fee.tree else { return None };
    let field = |name: &str| fields.iter().find(|(field, _)| field == name).map(|(_, value)| value);
    match (field("type"), field("initial_slots")) {
        (Some(Tree::Text(kind)), Some(Tree::Number(n))) if kind == "SLOT" => n.parse().ok(),
        _ => None,
    }
}

pub(crate) fn positive(node: &Node<'_>) -> Option<u32> {
    let count = node.count()?;
    if count == 0 {
        node.error(Code::OutOfRange, "expected at least 1, found 0");
        return None;
    }
    Some(count)
}

/// Reads `starts_at` and `expires_at`, between which a row is there.
pub(crate) fn dates(o: Object<'_>) -> (Option<Instant>, Option<Instant>) {
    let starts_at = o.instant("starts_at");
    let expires_at = o.instant("expires_at");
    if starts_at.zip(expires_at).is_some_and(|(starts_at, expires_at)| expires_at <= starts_at) {
        o.error(Code::Invalid, "`expires_at` must come after `starts_at`");
    }
    (starts_at, expires_at)
}
