//! `POST /api/v1/subscriptions`: whatever is sent, and whatever the catalog holds, nothing is a
//! fault of ours, and what is written the core can read.

use crate::memory::Memory;
use crate::meteroid_subscriptions::{body, shop};
use serde_json::{Value, json};

fn hostile() -> Vec<Value> {
    vec![
        Value::Null,
        json!(true),
        json!(0),
        json!(-1),
        json!(i64::MIN),
        json!(u64::MAX),
        json!(1.5),
        json!(""),
        json!("\u{0}\u{1F600} x"),
        json!("79228162514264337593543950335"),
        json!("9999-12-31"),
        json!("0001-01-01"),
        json!([]),
        json!([[]]),
        json!({}),
        json!({"type": "NEW"}),
        json!({"type": "USAGE", "model": {"type": "TIERED", "tiers": []}}),
    ]
}

/// Calls `each` with the value, again and again, something else in one place of it.
fn mutate(whole: &Value, each: &mut dyn FnMut(Value)) {
    fn pointers(value: &Value, at: &str, found: &mut Vec<String>) {
        found.push(at.to_owned());
        match value {
            Value::Object(fields) => {
                fields.iter().for_each(|(name, value)| pointers(value, &format!("{at}/{name}"), found))
            }
            Value::Array(items) => {
                items.iter().enumerate().for_each(|(n, item)| pointers(item, &format!("{at}/{n}"), found))
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    pointers(whole, "", &mut found);
    for pointer in found {
        for value in hostile() {
            let mut other = whole.clone();
            *other.pointer_mut(&pointer).unwrap() = value;
            each(other);
        }
    }
}

fn everything() -> Value {
    let price = |pricing: Value| json!({"type": "NEW", "cadence": "MONTHLY", "currency": "USD", "pricing": pricing});
    body(json!({
        "plan_id": "plan_pro", "version": 2, "end_date": "2028-01-01", "billing_day_anchor": 31, "trial_days": 3, "start_date": "2026-10-31",
        "skip_past_invoices": true, "net_terms": 1, "invoice_memo": "m", "purchase_order": "p", "auto_advance_invoices": true,
        "charge_automatically": true, "coupon_codes": ["TEN"],
        "payment_methods_config": {"type": "online", "config": {"card": {"enabled": true}}},
        "price_components": {
            "parameterized_components": [{"component_id": "price_base", "parameters": {"billing_period": "ANNUAL", "initial_slot_count": 1, "committed_capacity": 1}}],
            "overridden_components": [{"component_id": "price_seats", "name": "S", "price_entry": price(json!({"type": "SLOT", "unit_rate": "1", "min_slots": 1, "max_slots": 2}))}],
            "remove_components": ["price_calls"],
            "extra_components": [{"name": "E", "product_ref": {"type": "NEW", "name": "N", "fee_type": "CAPACITY", "fee_structure": {"type": "CAPACITY", "metric_id": "bm_1"}},
                "price_entry": price(json!({"type": "CAPACITY", "rate": "1", "included": 1, "overage_rate": "1"}))}]},
        "add_ons": [
            {"add_on_id": "add_sso", "quantity": 2, "customization": {"type": "PRICE_OVERRIDE", "name": "O", "price_entry": {"type": "EXISTING", "id": "pri_year"}}},
            {"add_on_id": "add_free", "customization": {"type": "PARAMETERIZATION", "initial_slot_count": 1, "billing_period": "MONTHLY", "committed_capacity": 1}}],
    }))
}

#[test]
fn no_body_is_a_fault_of_ours() {
    let (status, answer) = shop().post("/api/v1/subscriptions", &everything());
    assert_eq!(status, 201, "{answer}");
    let (mut m, mut n_created, mut n_refused) = (shop(), 0, 0);
    mutate(&everything(), &mut |body| {
        let (status, answer) = m.post("/api/v1/subscriptions", &body);
        match status {
            201 => n_created += 1,
            400 | 404 => n_refused += 1,
            _ => panic!("{status} {answer} for {body}"),
        }
        if 50 < m.version {
            m = shop();
        }
    });
    assert!(50 < n_created && 500 < n_refused, "{n_created} created, {n_refused} refused");
}

#[test]
fn no_catalog_is_a_fault_of_ours() {
    let shop = shop();
    let entities = [
        ("plans", "plan_pro"),
        ("products", "prd_base"),
        ("prices", "pri_year"),
        ("prices", "pri_sso"),
        ("coupons", "cou_ten"),
        ("coupons", "cou_once"),
        ("add_ons", "add_sso"),
        ("customers", "cus_acme"),
    ];
    let mut asked = everything();
    asked["coupon_codes"] = json!(["TEN", "ONCE"]);
    let (mut n_stored, mut n_created) = (0, 0);
    for (kind, id) in entities {
        let mut m = Memory {
            entities: shop.entities.clone(),
            settings: shop.settings.clone(),
            removed: shop.removed.clone(),
            version: shop.version,
            now: shop.now,
        };
        let (_, whole) = Memory::get(&mut m, &format!("/v1/catalog/{kind}/{id}"));
        mutate(&whole["entity"], &mut |body| {
            m.entities = shop.entities.clone();
            let (status, _) = m.ask("PUT", &format!("/v1/catalog/{kind}/{id}"), &body);
            if status < 300 {
                n_stored += 1;
                let (status, answer) = m.post("/api/v1/subscriptions", &asked);
                assert!([201, 400, 404].contains(&status), "{status} {answer} for {kind} {body}");
                n_created += usize::from(status == 201);
            }
        });
    }
    assert!(500 < n_stored && 100 < n_created, "{n_stored} stored, {n_created} created");
}
