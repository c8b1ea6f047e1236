//! `POST /api/v1/subscriptions`: what is answered, what is stored, and what that grants.

use crate::memory::Memory;
use mayuse_core::{Instant, Question, decide};
use mayuse_dialects::{Kind, Store};
use mayuse_document::{Document, Tree};
use serde::Deserialize;
use serde_json::{Value, json};

/// The demo clock stands at 2026-11-21T10:00:00Z.
pub const TODAY: &str = "2026-11-21";

/// A catalog to subscribe in.
pub fn shop() -> Memory {
    let mut m = Memory::new();
    let sso = json!([{"feature": "sso", "value": {"type": "BOOLEAN", "enabled": true}}]);
    let rate = |rate: &str, cadence: &str| json!({"cadence": cadence, "currency": "USD", "pricing": {"type": "RATE", "rate": rate}});
    let entities = [
        ("products", json!({"id": "prd_base", "name": "Base", "fee_type": "RATE", "fee_structure": {"type": "RATE"}})),
        (
            "products",
            json!({"id": "prd_api", "name": "API", "fee_structure": {"fee_type": "USAGE", "metric_id": "bm_calls", "model": "PER_UNIT"}}),
        ),
        (
            "prices",
            json!({"id": "pri_sso", "product_id": "prd_base", "cadence": "MONTHLY", "currency": "USD", "pricing": {"type": "RATE", "rate": "29.00"}}),
        ),
        (
            "prices",
            json!({"id": "pri_year", "product_id": "prd_base", "cadence": "ANNUAL", "currency": "USD", "pricing": {"type": "RATE", "rate": "120"}}),
        ),
        (
            "prices",
            json!({"id": "pri_euro", "product_id": "prd_base", "cadence": "MONTHLY", "currency": "EUR", "pricing": {"type": "RATE", "rate": "5"}}),
        ),
        (
            "prices",
            json!({"id": "pri_broken", "product_id": "prd_base", "cadence": "DAILY", "pricing": {"type": "RATE", "rate": 5}}),
        ),
        (
            "features",
            json!({"id": "feat_sso", "code": "sso", "name": "SSO", "feature_type": {"type": "BOOLEAN"}, "status": "ACTIVE"}),
        ),
        (
            "features",
            json!({"id": "feat_new", "code": "new", "name": "New", "feature_type": {"type": "BOOLEAN"}, "status": "ACTIVE", "product_id": "prd_base",
            "entitlement": {"value": {"type": "BOOLEAN", "enabled": true}}}),
        ),
        ("plans", json!({"id": "plan_plain", "name": "Plain", "entitlements": sso, "versions": [{"id": "plv_plain"}]})),
        ("plans", json!({"id": "plan_none", "name": "None", "versions": []})),
        (
            "plans",
            json!({"id": "plan_draft", "name": "Draft", "versions": [{"id": "plv_draft", "version": 1, "is_draft": true}]}),
        ),
        (
            "plans",
            json!({"id": "plan_trial", "name": "Trial", "entitlements": sso, "versions": [{"id": "plv_trial", "version": 1, "trial_duration": 14}]}),
        ),
        (
            "plans",
            json!({"id": "plan_paid_trial", "name": "Paid trial", "versions": [
            {"id": "plv_paid_trial", "version": 1, "trial": {"duration_days": 14, "is_free": false}}]}),
        ),
        (
            "plans",
            json!({"id": "plan_pro", "name": "Pro", "currency": "USD", "versions": [
            {"id": "plv_pro_1", "version": 1, "price_components": [{"id": "price_old", "name": "Old", "prices": [rate("10", "MONTHLY")]}]},
            {"id": "plv_pro_2", "version": 2, "net_terms": 30,
             "minimum_commitment": {"amount": "100.00", "scope": {"type": "products", "product_ids": ["prd_base"]}},
             "price_components": [
                {"id": "price_base", "name": "Base", "product_id": "prd_base", "prices": [rate("99.00", "MONTHLY"), rate("999.00", "ANNUAL")]},
                {"id": "price_seats", "name": "Seats", "fee_structure": {"type": "SLOT", "slot_unit_name": "seat"},
                 "prices": [{"cadence": "MONTHLY", "currency": "USD", "pricing": {"type": "SLOT", "unit_rate": "10", "min_slots": 2, "max_slots": 50}}]},
                {"id": "price_calls", "name": "Calls", "product_id": "prd_api",
                 "prices": [{"cadence": "MONTHLY", "pricing": {"type": "USAGE", "model": {"type": "PER_UNIT", "rate": "0.010"}}}]}]},
            {"id": "plv_pro_3", "version": 3, "is_draft": true}]}),
        ),
        (
            "add_ons",
            json!({"id": "add_sso", "name": "Single sign-on", "product_id": "prd_base", "price_id": "pri_sso", "max_instances_per_subscription": 3, "entitlements": sso}),
        ),
        ("add_ons", json!({"id": "add_free", "name": "Free"})),
        ("add_ons", json!({"id": "add_lost", "name": "Lost", "price_id": "pri_nowhere"})),
        ("add_ons", json!({"id": "add_euro", "name": "Euro", "price_id": "pri_euro"})),
        ("add_ons", json!({"id": "add_broken", "name": "Broken", "price_id": "pri_broken"})),
        ("add_ons", json!({"id": "add_old", "name": "Old", "archived_at": "2026-11-21T10:00:00Z"})),
        ("customers", json!({"id": "cus_acme", "alias": "acme", "name": "Acme"})),
        ("customers", json!({"id": "cus_bare"})),
        ("customers", json!({"id": "cus_gone", "archived_at": "2026-01-01T00:00:00Z"})),
        (
            "coupons",
            json!({"id": "cou_ten", "code": "TEN", "description": "Ten per cent", "discount": {"type": "PERCENTAGE", "percentage": "10.0"}, "reusable": true, "disabled": false}),
        ),
        (
            "coupons",
            json!({"id": "cou_once", "code": "ONCE", "discount": {"type": "FIXED", "currency": "USD", "amount": "5.00"}, "reusable": false, "redemption_limit": 2, "redemption_count": 0}),
        ),
        (
            "coupons",
            json!({"id": "cou_euro", "code": "EURO", "discount": {"type": "FIXED", "currency": "EUR", "amount": "5"}}),
        ),
        (
            "coupons",
            json!({"id": "cou_late", "code": "LATE", "discount": {"type": "PERCENTAGE", "percentage": "5"}, "expires_at": "2026-11-21T10:00:00Z"}),
        ),
        (
            "coupons",
            json!({"id": "cou_off", "code": "OFF", "discount": {"type": "PERCENTAGE", "percentage": "5"}, "disabled": true}),
        ),
        (
            "coupons",
            json!({"id": "cou_away", "code": "AWAY", "discount": {"type": "PERCENTAGE", "percentage": "5"}, "archived_at": "2026-01-01T00:00:00Z"}),
        ),
        (
            "coupons",
            json!({"id": "cou_pro", "code": "PRO", "discount": {"type": "PERCENTAGE", "percentage": "5"}, "plan_ids": ["plan_pro"]}),
        ),
        ("coupons", json!({"id": "cou_broken", "code": "BROKEN", "discount": {"type": "HALF"}})),
    ];
    for (kind, body) in entities {
        m.put(kind, body["id"].as_str().unwrap(), &body);
    }
    m
}

/// A body with these fields beside the required ones.
pub fn body(fields: Value) -> Value {
    let mut body = json!({
        "plan_id": "plan_plain", "customer_id_or_alias": "acme", "start_date": TODAY, "activation_condition": "ON_START",
    });
    for (name, value) in fields.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

/// Creates a subscription, which must succeed.
pub fn create(m: &mut Memory, fields: Value) -> Value {
    let (status, answer) = m.post("/api/v1/subscriptions", &body(fields.clone()));
    assert_eq!(status, 201, "{fields}: {answer}");
    answer
}

/// What is stored of the subscription that was answered.
pub fn stored(m: &Memory, answer: &Value) -> Value {
    m.get(Kind::Subscription, answer["id"].as_str().unwrap()).unwrap().unwrap().body
}

/// The reason of a decision about Acme at an instant.
pub fn reason(m: &Memory, feature: &str, at: &str) -> String {
    let mut document: Document = Store::definitions(m).unwrap();
    for kind in [Kind::Customer, Kind::Subscription] {
        for (n, entity) in m.all(kind).unwrap().iter().enumerate() {
            document.add(kind.list(), n, &Tree::deserialize(&entity.body).unwrap());
        }
    }
    let (catalog, problems) = document.compile().unwrap();
    assert!(problems.is_writable(), "{problems}");
    let decision = decide(&catalog, &Question::new("acme", feature), Instant::parse(at).unwrap()).unwrap();
    decision.reason.name().to_owned()
}

#[test]
fn required_fields_are_enough() {
    let mut m = shop();
    let answer = create(&mut m, json!({}));
    let id = answer["id"].as_str().unwrap().to_owned();
    assert!(id.starts_with("sub_"), "{id}");
    let expected = json!({
        "id": id, "customer_id": "cus_acme", "customer_alias": "acme", "customer_name": "Acme",
        "plan_id": "plan_plain", "plan_name": "Plain", "plan_version_id": "plv_plain", "plan_version": 0,
        "status": "ACTIVE", "start_date": TODAY, "end_date": null, "activated_at": "2026-11-21T00:00:00Z",
        "billing_start_date": TODAY, "trial_duration": null, "period": "MONTHLY", "billing_day_anchor": 21,
        "current_period_start": TODAY, "current_period_end": "2026-12-21", "cycle_index": 0,
        "created_at": "2026-11-21T10:00:00Z", "currency": "USD", "mrr_cents": 0, "net_terms": 0, "minimum_commitment": null, "invoice_memo": null,
        "purchase_order": null, "auto_advance_invoices": true, "charge_automatically": true,
        "payment_methods_config": null, "checkout_url": null, "components": [], "add_ons": [], "applied_coupons": [],
        "tax_inclusive": false, "custom_properties": {},
    });
    assert_eq!(answer, expected);
    let kept = stored(&m, &answer);
    assert_eq!(kept["activation_condition"], "ON_START");
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&kept[name], value, "{name}");
    }
    assert_eq!(reason(&m, "sso", "2026-11-21T10:00:00Z"), "ENABLED");
    assert_eq!(reason(&m, "sso", "2026-11-20T23:59:59Z"), "SUBSCRIPTION_PENDING");
}

#[test]
fn every_field_at_once() {
    let mut m = shop();
    let new_price = |rate: &str| json!({"type": "NEW", "cadence": "QUARTERLY", "currency": "USD", "pricing": {"type": "RATE", "rate": rate}});
    let answer = create(
        &mut m,
        json!({
            "plan_id": "plan_pro", "customer_id_or_alias": "cus_acme", "version": 2, "end_date": "2027-11-21",
            "billing_day_anchor": 32767, "trial_days": 0, "skip_past_invoices": false, "net_terms": 45,
            "invoice_memo": "Thank you", "purchase_order": "PO-1", "auto_advance_invoices": false,
            "charge_automatically": false, "coupon_codes": ["TEN", "ONCE", "TEN"],
            "payment_methods_config": {"type": "online", "config": {"card": {"enabled": true}, "direct_debit": {"enabled": false}}},
            "price_components": {
                "parameterized_components": [{"component_id": "price_base", "parameters": {"billing_period": "ANNUAL"}}],
                "overridden_components": [{"component_id": "price_seats", "name": "Cheap seats", "price_entry":
                    {"type": "NEW", "cadence": "MONTHLY", "currency": "USD", "pricing": {"type": "SLOT", "unit_rate": "8.50", "min_slots": 4}}}],
                "remove_components": ["price_calls"],
                "extra_components": [
                    {"name": "Support", "product_ref": {"type": "NEW", "name": "Support", "fee_type": "RATE", "fee_structure": {"type": "RATE"}},
                     "price_entry": new_price("300.00")},
                    {"name": "More", "product_ref": {"type": "EXISTING", "id": "prd_base"}, "price_entry": {"type": "EXISTING", "id": "pri_year"}}]},
            "add_ons": [
                {"add_on_id": "add_sso", "quantity": 2, "customization": null},
                {"add_on_id": "add_sso", "customization": {"type": "PRICE_OVERRIDE", "name": "SSO, special", "price_entry": new_price("3")}},
                {"add_on_id": "add_free", "customization": {"type": "PARAMETERIZATION", "initial_slot_count": 3, "billing_period": "ANNUAL", "committed_capacity": 7}}],
            "custom_properties": {"tier": "gold", "seats": 12, "deep": [{"none": null}]}, "backdate_invoices": true,
        }),
    );
    let fields = [
        ("plan_version", json!(2)),
        ("plan_version_id", json!("plv_pro_2")),
        ("end_date", json!("2027-11-21")),
        ("billing_day_anchor", json!(32767)),
        ("period", json!("MONTHLY")),
        ("current_period_end", json!("2026-11-30")),
        ("net_terms", json!(45)),
        ("invoice_memo", json!("Thank you")),
        ("purchase_order", json!("PO-1")),
        ("custom_properties", json!({"tier": "gold", "seats": 12, "deep": [{"none": null}]})),
        ("tax_inclusive", json!(false)),
        ("auto_advance_invoices", json!(false)),
        ("charge_automatically", json!(false)),
        ("minimum_commitment", json!({"amount": "100.00", "scope": {"type": "products", "product_ids": ["prd_base"]}})),
        (
            "payment_methods_config",
            json!({"type": "online", "config": {"card": {"enabled": true}, "direct_debit": {"enabled": false}}}),
        ),
        // 999/12 + 4 * 8.50 + 300/3 + 120/12 + 2 * 29 + 3/3, in cents
        ("mrr_cents", json!(8325 + 3400 + 10_000 + 1_000 + 5_800 + 100)),
    ];
    for (name, value) in fields {
        assert_eq!(answer[name], value, "{name}");
    }
    let mut components = answer["components"].clone();
    let support = components[2]["product_id"].take();
    assert!(support.as_str().unwrap().starts_with("prd_"));
    assert_eq!(
        components,
        json!([
            {"price_component_id": "price_base", "product_id": "prd_base", "name": "Base", "period": "ANNUAL", "fee": {"type": "RATE", "rate": "999.00"}},
            {"price_component_id": "price_seats", "product_id": null, "name": "Cheap seats", "period": "MONTHLY", "fee":
                {"type": "SLOT", "unit": "seat", "unit_rate": "8.50", "min_slots": 4, "max_slots": null, "initial_slots": 4}},
            {"price_component_id": null, "product_id": null, "name": "Support", "period": "QUARTERLY", "fee": {"type": "RATE", "rate": "300.00"}},
            {"price_component_id": null, "product_id": "prd_base", "name": "More", "period": "ANNUAL", "fee": {"type": "RATE", "rate": "120"}},
        ])
    );
    let add_ons = answer["add_ons"].as_array().unwrap();
    assert!(add_ons.iter().all(|row| row["id"].as_str().unwrap().starts_with("sub_add_")));
    let shown: Vec<Value> = add_ons
        .iter()
        .map(|row| json!([row["add_on_id"], row["name"], row["period"], row["fee"], row["quantity"]]))
        .collect();
    assert_eq!(
        shown,
        [
            json!(["add_sso", "Single sign-on", "MONTHLY", {"type": "RATE", "rate": "29.00"}, 2]),
            json!(["add_sso", "SSO, special", "QUARTERLY", {"type": "RATE", "rate": "3"}, 1]),
            json!(["add_free", "Free", "ANNUAL", {"type": "RATE", "rate": "0"}, 1]),
        ]
    );
    let product = m.get(Kind::Product, support.as_str().unwrap()).unwrap().unwrap().body;
    assert_eq!(product["fee_structure"], json!({"type": "RATE"}));
    let new_prices: Vec<Value> = m
        .all(Kind::Price)
        .unwrap()
        .into_iter()
        .map(|price| price.body)
        .filter(|body| body["catalog"] == false)
        .collect();
    assert_eq!(new_prices.len(), 3);
    assert!(
        new_prices.iter().any(
            |price| price["product_id"] == support && price["pricing"] == json!({"type": "RATE", "rate": "300.00"})
        )
    );
    let codes: Vec<&Value> =
        answer["applied_coupons"].as_array().unwrap().iter().map(|applied| &applied["coupon"]["code"]).collect();
    assert_eq!(codes, ["TEN", "ONCE"]);
    // A feature of the product that the extra component brings.
    assert_eq!(reason(&m, "new", "2026-12-01T00:00:00Z"), "ENABLED");
    assert_eq!(reason(&m, "new", "2027-11-21T00:00:00Z"), "SUBSCRIPTION_ENDED");
}

#[test]
fn what_was_created_can_be_read_and_written_again() {
    let mut m = shop();
    let answer = create(&mut m, json!({"add_ons": [{"add_on_id": "add_sso"}], "coupon_codes": ["TEN"]}));
    let id = answer["id"].as_str().unwrap();
    let (status, read) = Memory::get(&mut m, &format!("/v1/catalog/subscriptions/{id}"));
    assert_eq!((status, &read["entity"]["add_ons"]), (200, &answer["add_ons"]));
    m.put("subscriptions", id, &read["entity"]);
    // The answer itself is a subscription that a catalog takes.
    m.put("subscriptions", id, &answer);
    assert_eq!(reason(&m, "sso", "2026-11-21T10:00:00Z"), "ENABLED");
}

#[test]
fn names_fall_back_to_ids_and_currency_to_the_customer() {
    let mut m = shop();
    m.put("customers", "cus_bare", &json!({"id": "cus_bare", "currency": "JPY"}));
    m.put("plans", "plan_bare", &json!({"id": "plan_bare", "versions": [{"id": "plv_bare"}]}));
    let answer = create(&mut m, json!({"plan_id": "plan_bare", "customer_id_or_alias": "cus_bare"}));
    let shown = ["customer_name", "customer_alias", "plan_name", "currency"].map(|field| answer[field].clone());
    assert_eq!(shown, [json!("cus_bare"), Value::Null, json!("plan_bare"), json!("JPY")]);
    let answer = create(&mut m, json!({"add_ons": [{"add_on_id": "add_euro"}]}));
    assert_eq!((&answer["currency"], &answer["mrr_cents"]), (&json!("EUR"), &json!(500)));
}

#[test]
fn the_latest_version_that_is_no_draft_unless_one_is_named() {
    let mut m = shop();
    let price = json!({"parameterized_components": [{"component_id": "price_base", "parameters": {"billing_period": "MONTHLY"}}]});
    let answer = create(&mut m, json!({"plan_id": "plan_pro", "price_components": price}));
    assert_eq!((&answer["plan_version"], &answer["net_terms"]), (&json!(2), &json!(30)));
    let answer = create(&mut m, json!({"plan_id": "plan_pro", "version": 1}));
    assert_eq!((&answer["plan_version_id"], &answer["mrr_cents"]), (&json!("plv_pro_1"), &json!(1_000)));
}

#[test]
fn coupons_are_applied_once_and_within_their_limits() {
    let mut m = shop();
    m.put("customers", "cus_other", &json!({"id": "cus_other"}));
    m.put("customers", "cus_third", &json!({"id": "cus_third"}));
    let answer = create(&mut m, json!({"coupon_codes": ["ONCE"]}));
    let applied = &answer["applied_coupons"][0];
    assert!(applied["applied_coupon"]["id"].as_str().unwrap().starts_with("sub_cou_"));
    assert_eq!(
        applied["coupon"],
        json!({
            "id": "cou_once", "code": "ONCE", "description": "", "discount": {"type": "FIXED", "currency": "USD", "amount": "5.00"},
            "expires_at": null, "redemption_limit": 2, "recurring_value": null, "reusable": false, "disabled": false,
        })
    );
    let mut of_subscription = applied["applied_coupon"].clone();
    of_subscription["id"].take();
    assert_eq!(
        of_subscription,
        json!({
            "id": null, "coupon_id": "cou_once", "is_active": true, "applied_amount": null, "applied_count": null,
            "last_applied_at": null, "created_at": "2026-11-21T10:00:00Z",
        })
    );
    let count = |m: &Memory| Store::get(m, Kind::Coupon, "cou_once").unwrap().unwrap().body["redemption_count"].clone();
    assert_eq!(count(&m), 1);
    let refused = |m: &mut Memory, fields: Value, words: &str| {
        let (status, answer) = m.post("/api/v1/subscriptions", &body(fields));
        assert!(status == 400 && answer["message"].as_str().unwrap().contains(words), "{status} {answer}");
    };
    refused(&mut m, json!({"coupon_codes": ["ONCE"]}), "not reusable");
    create(&mut m, json!({"customer_id_or_alias": "cus_other", "coupon_codes": ["ONCE"]}));
    refused(
        &mut m,
        json!({"customer_id_or_alias": "cus_third", "coupon_codes": ["TEN", "ONCE"]}),
        "coupon_codes[1]: coupon `ONCE` was used 2 times",
    );
    assert_eq!(count(&m), 2);
    create(&mut m, json!({"coupon_codes": ["TEN"]}));
    create(&mut m, json!({"coupon_codes": ["TEN"]}));
    let refusals = [
        ("NOPE", "there is no coupon `NOPE`"),
        ("EURO", "is in EUR"),
        ("LATE", "is expired"),
        ("OFF", "is disabled"),
        ("AWAY", "is archived"),
        ("PRO", "does not go with plan"),
        ("BROKEN", "discount.type"),
    ];
    for (code, words) in refusals {
        refused(&mut m, json!({"coupon_codes": [code]}), words);
    }
}
