//! `POST /api/v1/subscriptions`: bodies that are refused, each with the field that is wrong.

use crate::memory::Memory;
use crate::meteroid_subscriptions::{TODAY, body, shop};
use mayuse_dialects::{Kind, Store};
use serde_json::{Value, json};

fn refused(m: &mut Memory, body: &Value, expected: u16, path: &str) {
    let version = m.version;
    let (status, answer) = m.post("/api/v1/subscriptions", body);
    let code = if expected == 404 { "NOT_FOUND" } else { "BAD_REQUEST" };
    assert_eq!((status, &answer["code"]), (expected, &json!(code)), "{body}: {answer}");
    let message = answer["message"].as_str().unwrap();
    assert!(message.starts_with(&format!("{path}: ")), "{body}: `{message}` does not begin with `{path}`");
    assert_eq!(m.version, version, "{body}: something was written");
    assert!(m.all(Kind::Subscription).unwrap().is_empty());
}

#[test]
fn required_fields_are_required() {
    let mut m = shop();
    for name in ["plan_id", "customer_id_or_alias", "start_date", "activation_condition"] {
        let mut without = body(json!({}));
        without.as_object_mut().unwrap().remove(name);
        refused(&mut m, &without, 400, name);
        refused(&mut m, &body(json!({name: null})), 400, name);
    }
    for text in ["", "{", "[]", "null", "\"x\"", "1"] {
        let (status, answer) = m.ask_text("POST", "/api/v1/subscriptions", text);
        assert_eq!((status, &answer["code"]), (400, &json!("BAD_REQUEST")), "{text}: {answer}");
    }
    let twice = body(json!({})).to_string().replacen('{', "{\"plan_id\": \"x\",", 1);
    let (status, answer) = m.ask_text("POST", "/api/v1/subscriptions", &twice);
    assert_eq!((status, answer["message"].as_str().unwrap()), (400, "plan_id: the field is written twice"));
}

#[test]
fn fields_have_their_types_and_ranges() {
    let mut m = shop();
    let texts = [json!(1), json!(true), json!([]), json!({})];
    let numbers = [json!("1"), json!(1.5), json!(true), json!([]), json!(9e99)];
    let switches = [json!("true"), json!(0), json!([])];
    let lists = [json!("x"), json!({}), json!(1)];
    let objects = [json!("x"), json!([]), json!(1)];
    let fields: [(&str, &[Value]); 18] = [
        ("plan_id", &texts),
        ("customer_id_or_alias", &texts),
        ("start_date", &texts),
        ("end_date", &texts),
        ("activation_condition", &texts),
        ("invoice_memo", &texts),
        ("purchase_order", &texts),
        ("version", &numbers),
        ("trial_days", &numbers),
        ("net_terms", &numbers),
        ("billing_day_anchor", &numbers),
        ("skip_past_invoices", &switches),
        ("auto_advance_invoices", &switches),
        ("charge_automatically", &switches),
        ("coupon_codes", &lists),
        ("add_ons", &lists),
        ("price_components", &objects),
        ("payment_methods_config", &objects),
    ];
    for (name, wrong) in fields {
        for value in wrong {
            refused(&mut m, &body(json!({name: value})), 400, name);
        }
    }
    let ranges = [
        ("plan_id", json!("")),
        ("plan_id", json!("a b")),
        ("plan_id", json!("x".repeat(129))),
        ("customer_id_or_alias", json!("")),
        ("start_date", json!("2026-02-29")),
        ("start_date", json!("21.11.2026")),
        ("start_date", json!("2026-11-21T00:00:00Z")),
        ("end_date", json!(TODAY)),
        ("end_date", json!("2026-11-20")),
        ("activation_condition", json!("on_start")),
        ("version", json!(2_147_483_648_i64)),
        ("trial_days", json!(-1)),
        ("trial_days", json!(2_147_483_648_i64)),
        ("net_terms", json!(-1)),
        ("net_terms", json!(2_147_483_648_i64)),
        ("billing_day_anchor", json!(0)),
        ("billing_day_anchor", json!(-1)),
        ("billing_day_anchor", json!(32_768)),
    ];
    for (name, value) in ranges {
        refused(&mut m, &body(json!({name: value})), 400, name);
    }
}

#[test]
fn what_is_inside_is_checked_too() {
    let mut m = shop();
    let rate = json!({"type": "RATE", "rate": "1"});
    let entry = |fields: Value| {
        let mut entry = json!({"type": "NEW", "cadence": "MONTHLY", "currency": "USD", "pricing": rate});
        entry.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        entry
    };
    let add_on = |fields: Value| {
        let mut add_on = json!({"add_on_id": "add_sso"});
        add_on.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        json!({"add_ons": [add_on]})
    };
    let over = |entry: Value| add_on(json!({"customization": {"type": "PRICE_OVERRIDE", "price_entry": entry}}));
    let pricing = |pricing: Value| over(entry(json!({"pricing": pricing})));
    let tune = |fields: Value| {
        let mut customization = json!({"type": "PARAMETERIZATION"});
        customization.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        add_on(json!({"customization": customization}))
    };
    let components = |fields: Value| json!({"plan_id": "plan_pro", "price_components": fields});
    let product = |product: Value| json!({"price_components": {"extra_components": [{"name": "E", "product_ref": product, "price_entry": entry(json!({}))}]}});
    let new = |fee_type: &str, structure: Value| {
        product(json!({"type": "NEW", "name": "N", "fee_type": fee_type, "fee_structure": structure}))
    };
    let pay = |config: Value| json!({"payment_methods_config": config});
    let model = |model: Value| pricing(json!({"type": "USAGE", "model": model}));
    let tier = |fields: Value| {
        let mut tier = json!({"first_unit": 0, "rate": "1", "flat_fee": "0", "flat_cap": "0"});
        tier.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        model(json!({"type": "TIERED", "tiers": [tier]}))
    };
    let e = "add_ons[0].customization.price_entry";
    let of = |path: &str| format!("{e}.pricing.{path}");
    let x = |path: &str| format!("price_components.extra_components[0].{path}");
    let cases: Vec<(Value, String)> = vec![
        (json!({"add_ons": [1]}), "add_ons[0]".into()),
        (json!({"add_ons": [{}]}), "add_ons[0].add_on_id".into()),
        (json!({"coupon_codes": ["TEN", 1]}), "coupon_codes[1]".into()),
        (add_on(json!({"add_on_id": 1})), "add_ons[0].add_on_id".into()),
        (add_on(json!({"quantity": 0})), "add_ons[0].quantity".into()),
        (add_on(json!({"quantity": -1})), "add_ons[0].quantity".into()),
        (add_on(json!({"quantity": "1"})), "add_ons[0].quantity".into()),
        (add_on(json!({"quantity": 2_147_483_648_i64})), "add_ons[0].quantity".into()),
        (add_on(json!({"quantity": 4})), "add_ons[0].quantity".into()),
        (
            json!({"add_ons": [{"add_on_id": "add_sso", "quantity": 2}, {"add_on_id": "add_sso", "quantity": 2}]}),
            "add_ons[1].quantity".into(),
        ),
        (add_on(json!({"customization": 1})), "add_ons[0].customization".into()),
        (add_on(json!({"customization": {}})), "add_ons[0].customization.type".into()),
        (add_on(json!({"customization": {"type": "OTHER"}})), "add_ons[0].customization.type".into()),
        (add_on(json!({"customization": {"type": "PRICE_OVERRIDE"}})), e.into()),
        (
            add_on(json!({"customization": {"type": "PRICE_OVERRIDE", "name": 1, "price_entry": entry(json!({}))}})),
            "add_ons[0].customization.name".into(),
        ),
        (over(json!({})), format!("{e}.type")),
        (over(json!({"type": "OLD"})), format!("{e}.type")),
        (over(json!({"type": "EXISTING"})), format!("{e}.id")),
        (over(entry(json!({"cadence": null}))), format!("{e}.cadence")),
        (over(entry(json!({"cadence": "WEEKLY"}))), format!("{e}.cadence")),
        (over(entry(json!({"currency": null}))), format!("{e}.currency")),
        (over(entry(json!({"currency": "usd"}))), format!("{e}.currency")),
        (over(entry(json!({"pricing": null}))), format!("{e}.pricing")),
        (pricing(json!({})), of("type")),
        (pricing(json!({"type": "FLAT"})), of("type")),
        (pricing(json!({"type": "RATE"})), of("rate")),
        (pricing(json!({"type": "RATE", "rate": 1})), of("rate")),
        (pricing(json!({"type": "RATE", "rate": "-1"})), of("rate")),
        (pricing(json!({"type": "RATE", "rate": "1e3"})), of("rate")),
        (pricing(json!({"type": "RATE", "rate": "0.12345678901234567890123456789"})), of("rate")),
        (pricing(json!({"type": "SLOT"})), of("unit_rate")),
        (pricing(json!({"type": "SLOT", "unit_rate": "1", "min_slots": -1})), of("min_slots")),
        (pricing(json!({"type": "CAPACITY", "included": 1, "overage_rate": "1"})), of("rate")),
        (pricing(json!({"type": "CAPACITY", "rate": "1", "overage_rate": "1"})), of("included")),
        (pricing(json!({"type": "CAPACITY", "rate": "1", "included": -1, "overage_rate": "1"})), of("included")),
        (pricing(json!({"type": "CAPACITY", "rate": "1", "included": 1})), of("overage_rate")),
        (pricing(json!({"type": "EXTRA_RECURRING", "quantity": 1})), of("unit_price")),
        (pricing(json!({"type": "EXTRA_RECURRING", "unit_price": "1"})), of("quantity")),
        (pricing(json!({"type": "ONE_TIME", "unit_price": "1", "quantity": "1"})), of("quantity")),
        (pricing(json!({"type": "USAGE"})), of("model")),
        (model(json!({})), of("model.type")),
        (model(json!({"type": "PER_UNIT"})), of("model.rate")),
        (model(json!({"type": "PACKAGE", "rate": "1"})), of("model.block_size")),
        (model(json!({"type": "PACKAGE", "rate": "1", "block_size": -1})), of("model.block_size")),
        (model(json!({"type": "VOLUME"})), of("model.tiers")),
        (model(json!({"type": "VOLUME", "tiers": [], "block_size": "1"})), of("model.block_size")),
        (model(json!({"type": "MATRIX"})), of("model.rates")),
        (model(json!({"type": "MATRIX", "rates": [{"per_unit_price": "1"}]})), of("model.rates[0].dimension1")),
        (
            model(json!({"type": "MATRIX", "rates": [{"dimension1": {"key": "k"}, "per_unit_price": "1"}]})),
            of("model.rates[0].dimension1.value"),
        ),
        (
            model(json!({"type": "MATRIX", "rates": [{"dimension1": {"key": "k", "value": "v"}}]})),
            of("model.rates[0].per_unit_price"),
        ),
        (tier(json!({"first_unit": null})), of("model.tiers[0].first_unit")),
        (tier(json!({"rate": null})), of("model.tiers[0].rate")),
        (tier(json!({"flat_fee": null})), of("model.tiers[0].flat_fee")),
        (tier(json!({"flat_cap": null})), of("model.tiers[0].flat_cap")),
        (tune(json!({"initial_slot_count": -1})), "add_ons[0].customization.initial_slot_count".into()),
        (tune(json!({"billing_period": "ONE_TIME"})), "add_ons[0].customization.billing_period".into()),
        (tune(json!({"committed_capacity": -1})), "add_ons[0].customization.committed_capacity".into()),
        (components(json!({"extra_components": [{}]})), x("name")),
        (components(json!({"extra_components": {}})), "price_components.extra_components".into()),
        (product(json!({"type": "EXISTING"})), x("product_ref.id")),
        (product(json!({"type": "NEW", "fee_type": "RATE", "fee_structure": {"type": "RATE"}})), x("product_ref.name")),
        (product(json!({"type": "NEW", "name": "N", "fee_structure": {"type": "RATE"}})), x("product_ref.fee_type")),
        (product(json!({"type": "NEW", "name": "N", "fee_type": "RATE"})), x("product_ref.fee_structure")),
        (new("RATE", json!({})), x("product_ref.fee_structure.type")),
        (new("SLOT", json!({"type": "RATE"})), x("product_ref")),
        (
            new("SLOT", json!({"type": "SLOT", "slot_unit_name": "s", "downgrade_policy": "REMOVE_AT_END_OF_PERIOD"})),
            x("product_ref.fee_structure.upgrade_policy"),
        ),
        (
            new("SLOT", json!({"type": "SLOT", "slot_unit_name": "s", "upgrade_policy": "PRORATED"})),
            x("product_ref.fee_structure.downgrade_policy"),
        ),
        (
            new(
                "SLOT",
                json!({"type": "SLOT", "upgrade_policy": "PRORATED", "downgrade_policy": "REMOVE_AT_END_OF_PERIOD"}),
            ),
            x("product_ref.fee_structure.slot_unit_name"),
        ),
        (new("CAPACITY", json!({"type": "CAPACITY"})), x("product_ref.fee_structure.metric_id")),
        (new("USAGE", json!({"type": "USAGE", "metric_id": "bm_1"})), x("product_ref.fee_structure.model")),
        (new("EXTRA_RECURRING", json!({"type": "EXTRA_RECURRING"})), x("product_ref.fee_structure.billing_type")),
        (new("ONE_TIME", json!({"type": "ONE_TIME"})), x("price_entry")),
        (
            components(json!({"overridden_components": [{"name": "O", "price_entry": entry(json!({}))}]})),
            "price_components.overridden_components[0].component_id".into(),
        ),
        (
            components(
                json!({"overridden_components": [{"component_id": "price_base", "price_entry": entry(json!({}))}]}),
            ),
            "price_components.overridden_components[0].name".into(),
        ),
        (
            components(json!({"overridden_components": [{"component_id": "price_base", "name": "O"}]})),
            "price_components.overridden_components[0].price_entry".into(),
        ),
        (
            components(
                json!({"overridden_components": [{"component_id": "price_x", "name": "O", "price_entry": entry(json!({}))}]}),
            ),
            "price_components.overridden_components[0].component_id".into(),
        ),
        (
            components(json!({"parameterized_components": [{"parameters": {}}]})),
            "price_components.parameterized_components[0].component_id".into(),
        ),
        (
            components(json!({"parameterized_components": [{"component_id": "price_base"}]})),
            "price_components.parameterized_components[0].parameters".into(),
        ),
        (
            components(json!({"parameterized_components": [{"component_id": "price_old", "parameters": {}}]})),
            "price_components.parameterized_components[0].component_id".into(),
        ),
        (
            components(json!({"remove_components": ["price_base", "price_base"]})),
            "price_components.remove_components[1]".into(),
        ),
        (
            components(json!({"remove_components": ["price_base", "price_x"]})),
            "price_components.remove_components[1]".into(),
        ),
        (components(json!({"remove_components": [1]})), "price_components.remove_components[0]".into()),
        (pay(json!({})), "payment_methods_config.type".into()),
        (pay(json!({"type": "ONLINE"})), "payment_methods_config.type".into()),
        (pay(json!({"type": "online", "config": 1})), "payment_methods_config.config".into()),
        (pay(json!({"type": "online", "config": {"card": {}}})), "payment_methods_config.config.card.enabled".into()),
        (
            pay(json!({"type": "online", "config": {"direct_debit": {"enabled": 1}}})),
            "payment_methods_config.config.direct_debit.enabled".into(),
        ),
        (pay(json!({"type": "bank_transfer", "account_id": 1})), "payment_methods_config.account_id".into()),
    ];
    for (fields, path) in &cases {
        refused(&mut m, &body(fields.clone()), 400, path);
    }
}

#[test]
fn lists_have_an_end() {
    let mut m = shop();
    let many = |item: Value, n: usize| Value::Array(vec![item; n]);
    for (name, item) in [("add_ons", json!({"add_on_id": "add_free"})), ("coupon_codes", json!("TEN"))] {
        refused(&mut m, &body(json!({name: many(item.clone(), 101)})), 400, &format!("{name}[100]"));
        let (status, _) = m.post("/api/v1/subscriptions", &body(json!({name: many(item, 100)})));
        assert_eq!(status, 201, "{name}");
        m = shop();
    }
    let entry = json!({"type": "EXISTING", "id": "pri_sso"});
    for name in ["extra_components", "overridden_components", "parameterized_components", "remove_components"] {
        let item = |id: String| match name {
            "extra_components" => json!({"name": id, "product_ref": entry, "price_entry": entry}),
            "overridden_components" => json!({"component_id": id, "name": id, "price_entry": entry}),
            "parameterized_components" => json!({"component_id": id, "parameters": {}}),
            _ => json!(id),
        };
        let items: Vec<Value> = (0..101).map(|n| item(format!("price_{n}"))).collect();
        let fields = body(json!({"price_components": {name: items}}));
        refused(&mut m, &fields, 400, &format!("price_components.{name}[100]"));
        let (_, answer) = m.post("/api/v1/subscriptions", &fields);
        assert!(answer["message"].as_str().unwrap().ends_with(": the list takes 100 items at most"), "{answer}");
    }
}

#[test]
fn what_is_not_there_or_archived_is_refused() {
    let mut m = shop();
    let cases = [
        (json!({"plan_id": "plan_x"}), 404, "plan_id"),
        (json!({"plan_id": "plan_none"}), 400, "plan_id"),
        (json!({"plan_id": "plan_draft"}), 404, "version"),
        (json!({"plan_id": "plan_pro", "version": 9}), 404, "version"),
        (json!({"plan_id": "plan_pro", "version": 3}), 404, "version"),
        (json!({"plan_id": "plan_pro", "version": -1}), 404, "version"),
        (json!({"customer_id_or_alias": "cus_x"}), 404, "customer_id_or_alias"),
        (json!({"customer_id_or_alias": "nobody at all"}), 404, "customer_id_or_alias"),
        (json!({"customer_id_or_alias": "cus_gone"}), 400, "customer_id_or_alias"),
        (json!({"add_ons": [{"add_on_id": "add_sso"}, {"add_on_id": "add_x"}]}), 404, "add_ons[1].add_on_id"),
        (json!({"add_ons": [{"add_on_id": "add_old"}]}), 400, "add_ons[0].add_on_id"),
        (json!({"coupon_codes": ["TEN", "nope"]}), 400, "coupon_codes[1]"),
    ];
    for (fields, status, path) in cases {
        refused(&mut m, &body(fields), status, path);
    }
}

#[test]
fn payment_methods_are_answered_as_asked() {
    for config in [
        json!({"type": "online"}),
        json!({"type": "online", "config": {}}),
        json!({"type": "online", "config": {"card": {"enabled": false}}}),
        json!({"type": "bank_transfer"}),
        json!({"type": "bank_transfer", "account_id": "ba_1"}),
        json!({"type": "external"}),
    ] {
        let (status, answer) = shop().post("/api/v1/subscriptions", &body(json!({"payment_methods_config": config})));
        assert_eq!((status, &answer["payment_methods_config"]), (201, &config));
    }
}

#[test]
fn add_ons_that_are_tied_to_plans_stay_with_them() {
    let mut m = shop();
    m.put(
        "add_ons",
        "add_tied",
        &json!({"id": "add_tied", "associate_plans": "selected_plans", "plans_array": ["plan_pro"]}),
    );
    refused(&mut m, &body(json!({"add_ons": [{"add_on_id": "add_tied"}]})), 400, "add_ons[0].add_on_id");
}
