//! Fees of subscription lines.
//!
//! A fee combines a price with the fee structure of its product, such as the unit of a slot or the
//! metric of usage.

use super::numbers::decimal;
use super::pricing::{FeeType, Pricing};
use super::usage::USAGE_MODELS;
use crate::json::json;
use mayuse_core::Amount;
use mayuse_document::{Node, Object};
use serde_json::{Map, Value};
use std::rc::Rc;

/// The fee structure of a product, which a fee needs besides its price. Its texts are shared, because many components
/// may have one product.
#[derive(Clone, Default)]
pub(super) struct FeeStructure {
    pub fee_type: Option<FeeType>,
    pub slot_unit_name: Option<Rc<str>>,
    pub metric_id: Option<Rc<str>>,
    pub usage_model: Option<&'static str>,
    pub billing_type: Option<&'static str>,
}

impl FeeStructure {
    /// Reads `fee_type` and `fee_structure` of a product or price component in a catalog.
    pub(super) fn read_stored(o: Object<'_>) -> FeeStructure {
        let fee_type = o.optional("fee_type", |n| n.word(&FeeType::WORDS));
        let structure = o.optional("fee_structure", |node| {
            let o = node.object()?;
            let tag = if o.has("type") { "type" } else { "fee_type" };
            let fee_type = o.optional(tag, |n| n.word(&FeeType::WORDS));
            Some(FeeStructure { fee_type, ..FeeStructure::fields(o) })
        });
        let structure = structure.unwrap_or_default();
        FeeStructure { fee_type: structure.fee_type.or(fee_type), ..structure }
    }

    /// Reads the `fee_structure` of a new product.
    pub(super) fn read(node: Node<'_>) -> Option<FeeStructure> {
        let o = node.object()?;
        let fee_type = o.required("type", |n| n.word(&FeeType::WORDS))?;
        if fee_type == FeeType::Slot {
            o.required("upgrade_policy", |n| n.word(&[("PRORATED", ())]));
            o.required("downgrade_policy", |n| n.word(&[("REMOVE_AT_END_OF_PERIOD", ())]));
        }
        let needed: &[&str] = match fee_type {
            FeeType::Slot => &["slot_unit_name"],
            FeeType::Capacity => &["metric_id"],
            FeeType::Usage => &["metric_id", "model"],
            FeeType::ExtraRecurring => &["billing_type"],
            FeeType::Rate | FeeType::OneTime => &[],
        };
        for name in needed {
            o.required(name, |_| Some(()));
        }
        Some(FeeStructure { fee_type: Some(fee_type), ..FeeStructure::fields(o) })
    }

    fn fields(o: Object<'_>) -> FeeStructure {
        FeeStructure {
            fee_type: None,
            slot_unit_name: o.text("slot_unit_name").map(Rc::from),
            metric_id: o.optional_id("metric_id").map(Rc::from),
            usage_model: o.optional("model", |n| n.word(&USAGE_MODELS)),
            billing_type: o.optional("billing_type", |n| n.word(&BILLING_TYPES)),
        }
    }

    /// Fills missing fields from another structure.
    pub(super) fn or(self, other: FeeStructure) -> FeeStructure {
        FeeStructure {
            fee_type: self.fee_type.or(other.fee_type),
            slot_unit_name: self.slot_unit_name.or(other.slot_unit_name),
            metric_id: self.metric_id.or(other.metric_id),
            usage_model: self.usage_model.or(other.usage_model),
            billing_type: self.billing_type.or(other.billing_type),
        }
    }

    /// The stored form.
    pub(super) fn to_json(&self) -> Value {
        let mut fields = Map::new();
        let mut set = |name: &str, value: Option<&str>| {
            fields.extend(value.map(|value| (name.to_owned(), Value::from(value))));
        };
        set("type", self.fee_type.map(FeeType::name));
        set("slot_unit_name", self.slot_unit_name.as_deref());
        if self.fee_type == Some(FeeType::Slot) {
            set("upgrade_policy", Some("PRORATED"));
            set("downgrade_policy", Some("REMOVE_AT_END_OF_PERIOD"));
        }
        set("metric_id", self.metric_id.as_deref());
        set("model", self.usage_model);
        set("billing_type", self.billing_type);
        Value::Object(fields)
    }
}

pub(super) const BILLING_TYPES: [(&str, &str); 2] = [("ADVANCE", "ADVANCE"), ("ARREARS", "ARREARS")];

/// The fee of one subscription line.
pub(super) struct Fee {
    /// The API's shape.
    pub json: Value,
    /// The fixed amount per period, without usage and one-time payments.
    pub recurring: Amount,
    pub is_one_time: bool,
}

impl Fee {
    /// The fee for an unknown price. Entitlements do not depend on prices.
    pub(super) fn unknown() -> Fee {
        Fee { json: json!({"type": "RATE", "rate": "0"}), recurring: Amount::ZERO, is_one_time: false }
    }

    /// The fee of a price under a fee structure.
    ///
    /// # Errors
    /// A structure of another kind, one that lacks what the price needs, or an amount too large.
    pub(super) fn new(pricing: &Pricing, structure: &FeeStructure, slots: Option<u32>) -> Result<Fee, String> {
        let kind = pricing.fee_type();
        if let Some(other) = structure.fee_type.filter(|other| *other != kind) {
            return Err(format!("the price is {}, the fee structure of its product {}", kind.name(), other.name()));
        }
        let metric = || {
            let missing = || format!("the metric of a {} price is not known: give its product one", kind.name());
            structure.metric_id.as_deref().ok_or_else(missing)
        };
        let times = |price: Amount, n: u32| {
            price
                .times(n.into())
                .ok_or_else(|| format!("\"{price}\" times {n} has more digits than can be held exactly"))
        };
        let (json, recurring) = match pricing {
            Pricing::Rate { rate } => (json!({"type": "RATE", "rate": decimal(*rate)}), *rate),
            Pricing::OneTime { unit_price, quantity } => {
                (json!({"type": "ONE_TIME", "rate": decimal(*unit_price), "quantity": quantity}), Amount::ZERO)
            }
            Pricing::ExtraRecurring { unit_price, quantity } => {
                let billing_type = structure.billing_type.unwrap_or("ADVANCE");
                let json = json!({
                    "type": "RECURRING", "rate": decimal(*unit_price), "quantity": quantity, "billing_type": billing_type,
                });
                (json, times(*unit_price, *quantity)?)
            }
            Pricing::Capacity { rate, included, overage_rate } => {
                let json = json!({
                    "type": "CAPACITY", "rate": decimal(*rate), "included": included,
                    "overage_rate": decimal(*overage_rate), "metric_id": metric()?,
                });
                (json, *rate)
            }
            Pricing::Slot { unit_rate, min_slots, max_slots } => {
                let slots = slots.or(*min_slots).unwrap_or_default();
                let json = json!({
                    "type": "SLOT", "unit": structure.slot_unit_name.as_deref().unwrap_or("slot"),
                    "unit_rate": decimal(*unit_rate), "min_slots": min_slots, "max_slots": max_slots,
                    "initial_slots": slots,
                });
                (json, times(*unit_rate, slots)?)
            }
            Pricing::Usage { model } => {
                let found = model.get("type").and_then(Value::as_str).unwrap_or_default();
                if let Some(other) = structure.usage_model.filter(|other| *other != found) {
                    return Err(format!("the price is by {found}, the fee structure of its product by {other}"));
                }
                (json!({"type": "USAGE", "metric_id": metric()?, "model": model}), Amount::ZERO)
            }
        };
        Ok(Fee { json, recurring, is_one_time: kind == FeeType::OneTime })
    }
}
