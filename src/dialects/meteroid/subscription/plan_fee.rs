//! Reads the fee of a price component in the shape of a plan in Meteroid's API, which has all prices in one object.

use super::fee::{BILLING_TYPES, FeeStructure};
use super::numbers::{Source, int32, int64, money};
use super::pricing::{FeeType, Price, Pricing, price_period};
use super::usage::usage_model;
use mayuse_core::{Amount, BillingPeriod};
use mayuse_document::{Node, Object};
use std::rc::Rc;

/// Reads the fee structure and the alternative prices.
pub(super) fn read(node: Node<'_>) -> Option<(FeeStructure, Vec<Price>)> {
    let o = node.object()?;
    let fee_type = o.required("type", |n| n.word(&FeeType::WORDS))?;
    let mut structure = FeeStructure { fee_type: Some(fee_type), ..FeeStructure::default() };
    let cadence = || o.optional("cadence", price_period).unwrap_or(BillingPeriod::MONTHLY);
    let unit_price = || Some((money(o, "unit_price")?, o.required("quantity", |n| int32(&n, 0))?));
    let mut prices = Vec::new();
    let mut offer = |cadence, pricing| prices.push(Price { product_id: None, currency: None, cadence, pricing });
    match fee_type {
        FeeType::Rate => each_rate(o, &mut |term, rate| offer(term, Pricing::Rate { rate })),
        FeeType::Slot => {
            structure.slot_unit_name = o.text("slot_unit_name").map(Rc::from);
            let count = |name| o.optional(name, |n| int32(&n, 0));
            let (min_slots, max_slots) = (count("minimum_count"), count("quota"));
            each_rate(o, &mut |term, unit_rate| offer(term, Pricing::Slot { unit_rate, min_slots, max_slots }));
        }
        FeeType::Capacity => {
            structure.metric_id = o.optional_id("metric_id").map(Rc::from);
            let cadence = cadence();
            o.each("thresholds", |_, node| {
                let Some(o) = node.object() else { return };
                let included = o.required("included_amount", |n| int64(&n));
                let (rate, overage_rate) = (money(o, "price"), money(o, "per_unit_overage"));
                if let (Some(rate), Some(included), Some(overage_rate)) = (rate, included, overage_rate) {
                    offer(cadence, Pricing::Capacity { rate, included, overage_rate });
                }
            });
        }
        FeeType::Usage => {
            structure.metric_id = o.optional_id("metric_id").map(Rc::from);
            let model = o.required("pricing", |n| usage_model(n, Source::Catalog))?;
            offer(cadence(), Pricing::Usage { model });
        }
        FeeType::ExtraRecurring => {
            structure.billing_type = o.optional("billing_type", |n| n.word(&BILLING_TYPES));
            let (unit_price, quantity) = unit_price()?;
            offer(cadence(), Pricing::ExtraRecurring { unit_price, quantity });
        }
        FeeType::OneTime => {
            let (unit_price, quantity) = unit_price()?;
            offer(BillingPeriod::MONTHLY, Pricing::OneTime { unit_price, quantity });
        }
    }
    Some((structure, prices))
}

fn each_rate(o: Object<'_>, each: &mut dyn FnMut(BillingPeriod, Amount)) {
    o.each("rates", |_, node| {
        let Some(o) = node.object() else { return };
        let (term, price) = (o.required("term", price_period), money(o, "price"));
        if let (Some(term), Some(price)) = (term, price) {
            each(term, price);
        }
    });
}
