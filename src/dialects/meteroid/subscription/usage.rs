//! The models that price usage: by unit, tier, volume, package or matrix.

use super::numbers::{Source, decimal, int64, money};
use crate::json::json;
use mayuse_core::Amount;
use mayuse_document::{Node, Object};
use serde_json::Value;

/// The names of the models.
pub(super) const USAGE_MODELS: [(&str, &str); 5] = [
    ("PER_UNIT", "PER_UNIT"),
    ("TIERED", "TIERED"),
    ("VOLUME", "VOLUME"),
    ("PACKAGE", "PACKAGE"),
    ("MATRIX", "MATRIX"),
];

/// Reads a usage model. Returns its stored form.
pub(super) fn usage_model(node: Node<'_>, source: Source) -> Option<Value> {
    let o = node.object()?;
    match o.required("type", |n| n.word(&USAGE_MODELS))? {
        "PER_UNIT" => Some(json!({"type": "PER_UNIT", "rate": decimal(money(o, "rate")?)})),
        "PACKAGE" => {
            let (block_size, rate) = (o.required("block_size", |n| int64(&n)), money(o, "rate"));
            Some(json!({"type": "PACKAGE", "block_size": block_size?, "rate": decimal(rate?)}))
        }
        "MATRIX" => Some(json!({"type": "MATRIX", "rates": rows(o, "rates", &matrix_row)?})),
        // TIERED or VOLUME.
        kind => {
            let block_size = o.optional("block_size", |n| int64(&n));
            let tiers = rows(o, "tiers", &|n| tier_row(n, source));
            Some(json!({"type": kind, "tiers": tiers?, "block_size": block_size}))
        }
    }
}

fn rows(o: Object<'_>, name: &str, row: &dyn Fn(Node<'_>) -> Option<Value>) -> Option<Vec<Value>> {
    o.required(name, |node| {
        let mut found = Vec::new();
        node.items(|_, node| found.extend(row(node)));
        Some(found)
    })
}

fn tier_row(node: Node<'_>, source: Source) -> Option<Value> {
    let o = node.object()?;
    let first_unit = o.required("first_unit", |n| int64(&n));
    let rate = o.required("rate", |n| n.amount_not_negative());
    // Meteroid itself prints null for a tier without a flat fee or cap.
    let flat = |name| match source {
        Source::Request => o.required(name, |n| n.amount_not_negative()),
        Source::Catalog => o.optional(name, |n| n.amount_not_negative()),
    };
    // The schema of responses requires both, so an absent one is zero.
    let [flat_fee, flat_cap] = ["flat_fee", "flat_cap"].map(|name| decimal(flat(name).unwrap_or(Amount::ZERO)));
    Some(json!({"first_unit": first_unit?, "rate": decimal(rate?), "flat_fee": flat_fee, "flat_cap": flat_cap}))
}

fn matrix_row(node: Node<'_>) -> Option<Value> {
    let o = node.object()?;
    let dimension = |node: Node<'_>| {
        let o = node.object()?;
        let text = |name| o.required(name, |n| n.text().map(str::to_owned));
        let (key, value) = (text("key"), text("value"));
        Some(json!({"key": key?, "value": value?}))
    };
    let (first, second) = (o.required("dimension1", dimension), o.optional("dimension2", dimension));
    let price = money(o, "per_unit_price");
    Some(json!({"dimension1": first?, "dimension2": second, "per_unit_price": decimal(price?)}))
}
