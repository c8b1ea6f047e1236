//! Prices: what is charged (`pricing`) and how often (`cadence`).

use super::numbers::{Source, decimal, int32, int64, money};
use super::usage::usage_model;
use crate::json::json;
use mayuse_core::{Amount, BillingPeriod};
use mayuse_document::{Node, Object, billing_period};
use serde_json::Value;

/// The kinds of fees, as products and prices name them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum FeeType {
    Rate,
    Slot,
    Capacity,
    Usage,
    ExtraRecurring,
    OneTime,
}

impl FeeType {
    pub(super) const WORDS: [(&'static str, FeeType); 6] = [
        ("RATE", FeeType::Rate),
        ("SLOT", FeeType::Slot),
        ("CAPACITY", FeeType::Capacity),
        ("USAGE", FeeType::Usage),
        ("EXTRA_RECURRING", FeeType::ExtraRecurring),
        ("ONE_TIME", FeeType::OneTime),
    ];

    pub(super) fn name(self) -> &'static str {
        FeeType::WORDS.iter().find(|(_, found)| *found == self).map(|(name, _)| *name).unwrap_or_default()
    }
}

/// A price of the catalog or of a request.
pub(super) struct Price {
    pub product_id: Option<String>,
    /// None for a price of the catalog that fits any currency.
    pub currency: Option<String>,
    pub cadence: BillingPeriod,
    pub pricing: Pricing,
}

pub(super) enum Pricing {
    Rate { rate: Amount },
    Slot { unit_rate: Amount, min_slots: Option<u32>, max_slots: Option<u32> },
    Capacity { rate: Amount, included: u64, overage_rate: Amount },
    Usage { model: Value },
    ExtraRecurring { unit_price: Amount, quantity: u32 },
    OneTime { unit_price: Amount, quantity: u32 },
}

/// The parameters that choose among the prices of a component or an add-on.
#[derive(Clone, Copy, Default)]
pub(super) struct Parameters {
    pub initial_slot_count: Option<u32>,
    pub billing_period: Option<BillingPeriod>,
    pub committed_capacity: Option<u64>,
}

/// Whether Meteroid has a period, which are the named ones that are months.
pub(super) fn is_price_period(period: BillingPeriod) -> bool {
    BillingPeriod::NAMED.iter().take(4).any(|(_, known)| *known == period)
}

/// Reads the period of a price of Meteroid's.
pub(super) fn price_period(node: Node<'_>) -> Option<BillingPeriod> {
    node.word(BillingPeriod::NAMED.split_first_chunk::<4>()?.0)
}

impl Price {
    pub(super) fn read(node: Node<'_>, source: Source) -> Option<Price> {
        Price::read_fields(node.object()?, source)
    }

    pub(super) fn read_fields(o: Object<'_>, source: Source) -> Option<Price> {
        let is_asked = source == Source::Request;
        // Prices of other APIs are paid every week, or every five months.
        let cadence = match (is_asked, o.has("cadence")) {
            (true, _) => o.required("cadence", price_period),
            (false, true) => o.required("cadence", billing_period),
            (false, false) => Some(BillingPeriod::MONTHLY),
        };
        let currency = match is_asked {
            true => o.required("currency", |n| n.text().map(str::to_owned)),
            false => o.text("currency"),
        };
        let product_id = o.optional_id("product_id").filter(|_| !is_asked);
        let pricing = o.required("pricing", |n| Pricing::read(n, source));
        Some(Price { product_id, currency, cadence: cadence?, pricing: pricing? })
    }

    /// Whether the price fits the parameters. A committed capacity applies to prices of capacities only.
    pub(super) fn fits(&self, parameters: Parameters) -> bool {
        let fits_capacity = match (&self.pricing, parameters.committed_capacity) {
            (Pricing::Capacity { included, .. }, Some(committed)) => *included == committed,
            _ => true,
        };
        fits_capacity && parameters.billing_period.is_none_or(|period| period == self.cadence)
    }
}

impl Pricing {
    fn read(node: Node<'_>, source: Source) -> Option<Pricing> {
        let o = node.object()?;
        Some(match o.required("type", |n| n.word(&FeeType::WORDS))? {
            FeeType::Rate => Pricing::Rate { rate: money(o, "rate")? },
            FeeType::Slot => {
                let count = |name| o.optional(name, |n| int32(&n, 0));
                let (unit_rate, min_slots, max_slots) = (money(o, "unit_rate"), count("min_slots"), count("max_slots"));
                Pricing::Slot { unit_rate: unit_rate?, min_slots, max_slots }
            }
            FeeType::Capacity => {
                let (rate, overage_rate) = (money(o, "rate"), money(o, "overage_rate"));
                let included = o.required("included", |n| int64(&n));
                Pricing::Capacity { rate: rate?, included: included?, overage_rate: overage_rate? }
            }
            FeeType::Usage => Pricing::Usage { model: o.required("model", |n| usage_model(n, source))? },
            FeeType::ExtraRecurring => {
                let (unit_price, quantity) = (money(o, "unit_price"), o.required("quantity", |n| int32(&n, 0)));
                Pricing::ExtraRecurring { unit_price: unit_price?, quantity: quantity? }
            }
            FeeType::OneTime => {
                let (unit_price, quantity) = (money(o, "unit_price"), o.required("quantity", |n| int32(&n, 0)));
                Pricing::OneTime { unit_price: unit_price?, quantity: quantity? }
            }
        })
    }

    pub(super) fn fee_type(&self) -> FeeType {
        match self {
            Pricing::Rate { .. } => FeeType::Rate,
            Pricing::Slot { .. } => FeeType::Slot,
            Pricing::Capacity { .. } => FeeType::Capacity,
            Pricing::Usage { .. } => FeeType::Usage,
            Pricing::ExtraRecurring { .. } => FeeType::ExtraRecurring,
            Pricing::OneTime { .. } => FeeType::OneTime,
        }
    }

    /// The stored form.
    pub(super) fn to_json(&self) -> Value {
        let kind = self.fee_type().name();
        match self {
            Pricing::Rate { rate } => json!({"type": kind, "rate": decimal(*rate)}),
            Pricing::Slot { unit_rate, min_slots, max_slots } => {
                json!({"type": kind, "unit_rate": decimal(*unit_rate), "min_slots": min_slots, "max_slots": max_slots})
            }
            Pricing::Capacity { rate, included, overage_rate } => json!({
                "type": kind, "rate": decimal(*rate), "included": included, "overage_rate": decimal(*overage_rate),
            }),
            Pricing::Usage { model } => json!({"type": kind, "model": model}),
            Pricing::ExtraRecurring { unit_price, quantity } | Pricing::OneTime { unit_price, quantity } => {
                json!({"type": kind, "unit_price": decimal(*unit_price), "quantity": quantity})
            }
        }
    }
}
