//! `POST /api/v1/subscriptions`: fees of every kind, and what they come to in a month.

use crate::memory::Memory;
use crate::meteroid_subscriptions::{body, create, shop};
use serde_json::{Value, json};

/// A plan with these price components in this currency.
fn plan(m: &mut Memory, currency: &str, components: Value) {
    let versions = json!([{"id": "plv_p", "version": 1, "currency": currency, "price_components": components}]);
    m.put("plans", "plan_p", &json!({"id": "plan_p", "name": "P", "versions": versions}));
}

fn refuse(m: &mut Memory, fields: Value, words: &[&str]) {
    let (status, answer) = m.post("/api/v1/subscriptions", &body(fields.clone()));
    let message = answer["message"].as_str().unwrap_or_default();
    assert!(status == 400 && words.iter().all(|words| message.contains(words)), "{fields}: {status} {answer}");
}

/// Fee structure and pricing, then the fee, its period and its revenue in cents a month.
fn fees() -> [(Value, Value, Value, &'static str, i64); 11] {
    let usage = |model: Value| {
        let structure = json!({"type": "USAGE", "metric_id": "bm_1", "model": model["type"]});
        let fee = json!({"type": "USAGE", "metric_id": "bm_1", "model": model});
        (structure, json!({"type": "USAGE", "model": model}), fee, "QUARTERLY", 0)
    };
    let tiers = json!([{"first_unit": 0, "rate": "1", "flat_fee": "0", "flat_cap": "5"}, {"first_unit": 10, "rate": "0.5", "flat_fee": "2", "flat_cap": "9"}]);
    let dimension = |value: &str| json!({"key": "region", "value": value});
    [
        (
            json!({"type": "RATE"}),
            json!({"type": "RATE", "rate": "30.00"}),
            json!({"type": "RATE", "rate": "30.00"}),
            "QUARTERLY",
            1_000,
        ),
        (
            json!({"type": "SLOT", "slot_unit_name": "seat", "upgrade_policy": "PRORATED", "downgrade_policy": "REMOVE_AT_END_OF_PERIOD"}),
            json!({"type": "SLOT", "unit_rate": "3", "min_slots": 5, "max_slots": 9}),
            json!({"type": "SLOT", "unit": "seat", "unit_rate": "3", "min_slots": 5, "max_slots": 9, "initial_slots": 5}),
            "QUARTERLY",
            500,
        ),
        (
            json!({"type": "CAPACITY", "metric_id": "bm_1"}),
            json!({"type": "CAPACITY", "rate": "12.0", "included": 1_000, "overage_rate": "0.010"}),
            json!({"type": "CAPACITY", "rate": "12.0", "included": 1_000, "overage_rate": "0.010", "metric_id": "bm_1"}),
            "QUARTERLY",
            400,
        ),
        (
            json!({"type": "EXTRA_RECURRING", "billing_type": "ARREARS"}),
            json!({"type": "EXTRA_RECURRING", "unit_price": "1.50", "quantity": 4}),
            json!({"type": "RECURRING", "rate": "1.50", "quantity": 4, "billing_type": "ARREARS"}),
            "QUARTERLY",
            200,
        ),
        (
            json!({"type": "ONE_TIME"}),
            json!({"type": "ONE_TIME", "unit_price": "50", "quantity": 2}),
            json!({"type": "ONE_TIME", "rate": "50", "quantity": 2}),
            "ONE_TIME",
            0,
        ),
        usage(json!({"type": "PER_UNIT", "rate": "0.1"})),
        usage(json!({"type": "TIERED", "tiers": tiers, "block_size": null})),
        usage(json!({"type": "VOLUME", "tiers": tiers, "block_size": 10})),
        usage(json!({"type": "PACKAGE", "block_size": 100, "rate": "7"})),
        usage(
            json!({"type": "MATRIX", "rates": [{"dimension1": dimension("eu"), "dimension2": null, "per_unit_price": "1"}]}),
        ),
        usage(
            json!({"type": "MATRIX", "rates": [{"dimension1": dimension("eu"), "dimension2": dimension("us"), "per_unit_price": "0"}]}),
        ),
    ]
}

#[test]
fn every_kind_of_fee_in_a_plan_an_add_on_and_a_request() {
    for (structure, pricing, fee, period, cents) in fees() {
        let price = json!({"cadence": "QUARTERLY", "currency": "USD", "pricing": pricing});
        let mut m = shop();
        plan(&mut m, "USD", json!([{"id": "price_1", "name": "One", "fee_structure": structure, "prices": [price]}]));
        let line = create(&mut m, json!({"plan_id": "plan_p"}));
        assert_eq!((&line["components"][0]["fee"], &line["mrr_cents"]), (&fee, &json!(cents)));

        let mut known = price.clone();
        known["product_id"] = json!("prd_x");
        m.put("prices", "pri_x", &known);
        m.put("products", "prd_x", &json!({"id": "prd_x", "fee_type": structure["type"], "fee_structure": structure}));
        m.put("add_ons", "add_x", &json!({"id": "add_x", "product_id": "prd_x", "price_id": "pri_x"}));
        let answer = create(&mut m, json!({"add_ons": [{"add_on_id": "add_x", "quantity": 3}]}));
        let line = &answer["add_ons"][0];
        assert_eq!((&line["fee"], &line["period"], &line["quantity"]), (&fee, &json!(period), &json!(3)));
        assert_eq!(answer["mrr_cents"], cents * 3, "{fee}");
        assert_eq!(answer["period"], if period == "ONE_TIME" { "MONTHLY" } else { period });

        // The same from the prices of the catalog, and brought along.
        plan(
            &mut m,
            "USD",
            json!([{"id": "price_1", "name": "One", "product_id": "prd_x", "price_ids": ["pri_x", "pri_nowhere"]}]),
        );
        let mut entry = price.clone();
        entry["type"] = json!("NEW");
        let product = json!({"type": "NEW", "name": "New", "fee_type": structure["type"], "fee_structure": structure});
        let extra = json!([{"name": "Extra", "product_ref": product, "price_entry": entry}]);
        let answer = create(&mut m, json!({"plan_id": "plan_p", "price_components": {"extra_components": extra}}));
        assert_eq!((&answer["components"][0]["fee"], &answer["components"][1]["fee"]), (&fee, &fee));
        assert_eq!(answer["components"][1]["period"], period);
    }
}

#[test]
fn plans_as_meteroid_prints_them() {
    let monthly = |price: &str| json!({"term": "MONTHLY", "price": price});
    let mut m = shop();
    m.put("plans", "plan_m", &json!({
        "id": "plan_m", "name": "M", "plan_type": "STANDARD", "status": "ACTIVE", "product_family": {"id": "pf_1", "name": "F"},
        "version_id": "plv_m", "version": 4, "currency": "EUR", "net_terms": 7, "billing_cycles": null, "period_start_day": null,
        "trial": {"duration_days": 10, "is_free": true, "trialing_plan_id": null},
        "minimum_commitment": {"amount": "100.00", "scope": {"type": "all_components"}},
        "price_components": [
            {"id": "price_r", "name": "Rate", "product_id": "prd_base", "fee": {"type": "RATE", "rates": [monthly("20.00"), {"term": "ANNUAL", "price": "200"}]}},
            {"id": "price_s", "name": "Seats", "fee": {"type": "SLOT", "rates": [monthly("3")], "slot_unit_name": "seat", "minimum_count": 1, "quota": null}},
            {"id": "price_c", "name": "Capacity", "fee": {"type": "CAPACITY", "metric_id": "bm_1", "cadence": "MONTHLY", "thresholds": [
                {"included_amount": 10, "price": "1", "per_unit_overage": "0.2"}, {"included_amount": 50, "price": "4", "per_unit_overage": "0.1"}]}},
            {"id": "price_u", "name": "Usage", "fee": {"type": "USAGE", "metric_id": "bm_1", "cadence": "MONTHLY", "pricing":
                {"type": "TIERED", "tiers": [{"first_unit": 0, "rate": "1.0", "flat_fee": null, "flat_cap": null}], "block_size": null}}},
            {"id": "price_e", "name": "Extra", "fee": {"type": "EXTRA_RECURRING", "unit_price": "2", "quantity": 2, "billing_type": "ADVANCE", "cadence": "ANNUAL"}},
            {"id": "price_o", "name": "Setup", "fee": {"type": "ONE_TIME", "unit_price": "99", "quantity": 1}},
            {"id": "price_n", "name": "Nothing"}],
        "available_parameters": {"billing_periods": {"price_r": ["MONTHLY", "ANNUAL"]}},
        "versions": [{"id": "plv_m", "version": 4}, {"id": "plv_older", "version": 3}],
    }));
    let parameters = |period: &str, capacity: u32| {
        json!({"plan_id": "plan_m", "price_components": {"parameterized_components": [
        {"component_id": "price_r", "parameters": {"billing_period": period}},
        {"component_id": "price_c", "parameters": {"committed_capacity": capacity}},
        {"component_id": "price_s", "parameters": {"initial_slot_count": 6, "billing_period": "ANNUAL", "committed_capacity": 1}}]}})
    };
    let answer = create(&mut m, parameters("ANNUAL", 50));
    let fees: Vec<Value> =
        answer["components"].as_array().unwrap().iter().map(|line| json!([line["period"], line["fee"]])).collect();
    assert_eq!(
        fees,
        [
            json!(["ANNUAL", {"type": "RATE", "rate": "200"}]),
            json!(["MONTHLY", {"type": "SLOT", "unit": "seat", "unit_rate": "3", "min_slots": 1, "max_slots": null, "initial_slots": 6}]),
            json!(["MONTHLY", {"type": "CAPACITY", "rate": "4", "included": 50, "overage_rate": "0.1", "metric_id": "bm_1"}]),
            json!(["MONTHLY", {"type": "USAGE", "metric_id": "bm_1", "model": {"type": "TIERED", "tiers": [{"first_unit": 0, "rate": "1.0", "flat_fee": "0", "flat_cap": "0"}], "block_size": null}}]),
            json!(["ANNUAL", {"type": "RECURRING", "rate": "2", "quantity": 2, "billing_type": "ADVANCE"}]),
            json!(["ONE_TIME", {"type": "ONE_TIME", "rate": "99", "quantity": 1}]),
            json!(["MONTHLY", {"type": "RATE", "rate": "0"}]),
        ]
    );
    // 200/12 + 18 + 4 + 4/12 = 39.00
    let expected = [
        ("mrr_cents", json!(3_900)),
        ("currency", json!("EUR")),
        ("net_terms", json!(7)),
        ("trial_duration", json!(10)),
        ("plan_version", json!(4)),
        ("minimum_commitment", json!({"amount": "100.00", "scope": {"type": "all_components"}})),
    ];
    for (name, value) in expected {
        assert_eq!(answer[name], value, "{name}");
    }
    let refused = |m: &mut Memory, fields: Value, words: &str| refuse(m, fields, &[words]);
    refused(&mut m, json!({"plan_id": "plan_m"}), "plan_id: component `price_r` has 2 prices that fit");
    refused(
        &mut m,
        parameters("QUARTERLY", 50),
        "parameterized_components[0]: component `price_r` has no price with these parameters",
    );
    refused(
        &mut m,
        parameters("MONTHLY", 20),
        "parameterized_components[1]: component `price_c` has no price with these parameters",
    );
    // What is printed of one version is not that of another.
    let answer = create(&mut m, json!({"plan_id": "plan_m", "version": 3}));
    let shown = ["components", "trial_duration", "currency", "net_terms"].map(|field| answer[field].clone());
    assert_eq!(shown, [json!([]), Value::Null, json!("EUR"), json!(7)]);
}

/// Currency, rates with their cadence, and the revenue in the smaller unit.
type Revenue = (&'static str, &'static [(&'static str, &'static str)], i64);

#[test]
fn monthly_revenue_is_exact_and_rounded_once() {
    let cases: [Revenue; 12] = [
        (
            "USD",
            &[("10", "MONTHLY"), ("10", "QUARTERLY"), ("10", "SEMIANNUAL"), ("10", "ANNUAL")],
            1_000 + 333 + 167 + 83,
        ),
        // Three thirds of a cent are a cent.
        ("USD", &[("0.01", "QUARTERLY"), ("0.01", "QUARTERLY"), ("0.01", "QUARTERLY")], 1),
        ("USD", &[("0.03", "SEMIANNUAL")], 1),
        ("USD", &[("0.0299999999999999999999999999", "SEMIANNUAL")], 0),
        ("USD", &[("0.005", "MONTHLY")], 1),
        ("USD", &[("0.004999999999999999999999999", "MONTHLY")], 0),
        ("JPY", &[("1000", "MONTHLY"), ("100", "ANNUAL")], 1_008),
        ("JPY", &[("0.5", "MONTHLY")], 1),
        ("KRW", &[("6", "ANNUAL")], 1),
        ("BHD", &[("1.2345", "MONTHLY")], 1_235),
        ("KWD", &[("1", "QUARTERLY")], 333),
        ("USD", &[("92233720368547758.07", "MONTHLY")], i64::MAX),
    ];
    let components = |rates: &[(&str, &str)]| -> Value {
        let component = |(n, (rate, cadence)): (usize, &(&str, &str))| json!({"id": format!("price_{n}"), "prices": [{"cadence": cadence, "pricing": {"type": "RATE", "rate": rate}}]});
        rates.iter().enumerate().map(component).collect()
    };
    for (currency, rates, expected) in cases {
        let mut m = shop();
        plan(&mut m, currency, components(rates));
        assert_eq!(create(&mut m, json!({"plan_id": "plan_p"}))["mrr_cents"], expected, "{currency} {rates:?}");
    }
    let too_large: [&[(&str, &str)]; 3] = [
        &[("92233720368547758.08", "MONTHLY")],
        &[("79228162514264337593543950335", "MONTHLY")],
        &[("7922816251426433759354395033", "ANNUAL"), ("0.1", "ANNUAL")],
    ];
    for rates in too_large {
        let mut m = shop();
        plan(&mut m, "USD", components(rates));
        refuse(
            &mut m,
            json!({"plan_id": "plan_p"}),
            &["cannot be held exactly: it is too large, or takes more than 28 digits"],
        );
    }
}

#[test]
fn products_prices_and_currencies_must_go_together() {
    let entry = |id: &str| json!({"type": "EXISTING", "id": id});
    let extra = |product: &str, price: &str| {
        json!({"plan_id": "plan_plain", "price_components": {"extra_components":
        [{"name": "E", "product_ref": entry(product), "price_entry": entry(price)}]}})
    };
    let over = |price: Value| {
        json!({"plan_id": "plan_pro", "price_components": {"overridden_components":
        [{"component_id": "price_base", "name": "O", "price_entry": price}]}})
    };
    let add_on = |price: Value| json!({"add_ons": [{"add_on_id": "add_sso", "customization": {"type": "PRICE_OVERRIDE", "price_entry": price}}]});
    let yen = json!({"type": "NEW", "cadence": "MONTHLY", "currency": "JPY", "pricing": {"type": "RATE", "rate": "1"}});
    let once = json!({"type": "NEW", "cadence": "MONTHLY", "currency": "USD", "pricing": {"type": "ONE_TIME", "unit_price": "1", "quantity": 1}});
    let at = "price_components.extra_components[0]";
    let cases = [
        (extra("prd_nope", "pri_sso"), format!("{at}.product_ref.id: there is no product `prd_nope`")),
        (extra("prd_base", "pri_nope"), format!("{at}.price_entry.id: there is no price `pri_nope`")),
        (extra("prd_api", "pri_sso"), format!("{at}.price_entry.id: price `pri_sso` is one of product `prd_base`")),
        (extra("prd_base", "pri_euro"), format!("{at}.price_entry.id: the price is in `EUR`, the subscription in USD")),
        (extra("prd_base", "pri_broken"), format!("{at}.price_entry.id: price `pri_broken` cannot be used")),
        (over(entry("pri_nope")), "overridden_components[0].price_entry.id: there is no price".to_owned()),
        (over(yen.clone()), "overridden_components[0].price_entry.currency: the price is in `JPY`".to_owned()),
        (over(once), "the price is ONE_TIME, the fee structure of its product RATE".to_owned()),
        (add_on(entry("pri_nope")), "add_ons[0].customization.price_entry.id: there is no price".to_owned()),
        (add_on(yen), "add_ons[0].customization.price_entry.currency: ".to_owned()),
        (
            json!({"add_ons": [{"add_on_id": "add_broken"}]}),
            "add_ons[0].add_on_id: price `pri_broken` cannot be used".to_owned(),
        ),
        (
            json!({"plan_id": "plan_pro", "version": 1, "add_ons": [{"add_on_id": "add_euro"}]}),
            "add_ons[0].add_on_id: the price is in `EUR`".to_owned(),
        ),
    ];
    for (fields, words) in cases {
        refuse(&mut shop(), fields, &[&words]);
    }
    // A plan that is stored with a wrong price says where.
    let mut m = shop();
    plan(&mut m, "USD", json!([{"id": "price_1", "prices": [{"pricing": {"type": "RATE", "rate": 5}}]}]));
    refuse(
        &mut m,
        json!({"plan_id": "plan_p"}),
        &["plan_id: plan `plan_p`", "price_components[0].prices[0].pricing.rate"],
    );
    plan(&mut m, "XXX", json!([]));
    refuse(&mut m, json!({"plan_id": "plan_p"}), &["plan_id: the subscription would be in `XXX`"]);
    plan(
        &mut m,
        "USD",
        json!([{"id": "price_1", "prices": [{"currency": "EUR", "pricing": {"type": "RATE", "rate": "5"}}]}]),
    );
    refuse(&mut m, json!({"plan_id": "plan_p"}), &["component `price_1` has no price in USD"]);
    plan(
        &mut m,
        "USD",
        json!([{"id": "price_1", "prices": [{"pricing": {"type": "USAGE", "model": {"type": "PER_UNIT", "rate": "1"}}}]}]),
    );
    refuse(&mut m, json!({"plan_id": "plan_p"}), &["plan_id: ", "the metric of a USAGE price is not known"]);
}

#[test]
fn entitlements_do_not_hinge_on_prices() {
    let mut m = shop();
    let answer = create(
        &mut m,
        json!({"add_ons": [{"add_on_id": "add_free"}, {"add_on_id": "add_lost", "quantity": 2_147_483_647}]}),
    );
    for row in answer["add_ons"].as_array().unwrap() {
        assert_eq!((&row["fee"], &row["period"]), (&json!({"type": "RATE", "rate": "0"}), &json!("MONTHLY")));
    }
}

#[test]
fn the_demo_catalog_takes_subscriptions_with_all_its_add_ons() {
    let demo: Value = serde_json::from_str(include_str!("../../demo/catalog.json")).unwrap();
    let mut m = Memory::new();
    let (status, answer) = m.ask("PUT", "/v1/catalog", &demo);
    assert_eq!(status, 200, "{answer}");
    let currency_of = |add_on: &Value| {
        let prices = demo["prices"].as_array().unwrap();
        prices.iter().find(|price| price["id"] == add_on["price_id"]).unwrap()["currency"].clone()
    };
    for plan in demo["plans"].as_array().unwrap() {
        let currency = plan.get("currency").cloned().unwrap_or_else(|| "USD".into());
        let plan = &plan["id"];
        let add_ons = demo["add_ons"].as_array().unwrap().iter().filter(|add_on| {
            let tied = add_on["plans_array"].as_array();
            add_on["archived_at"].is_null()
                && currency_of(add_on) == currency
                && tied.is_none_or(|plans| plans.contains(plan))
        });
        let add_ons: Vec<Value> = add_ons.map(|add_on| json!({"add_on_id": add_on["id"]})).collect();
        assert!(!add_ons.is_empty());
        let answer = create(&mut m, json!({"plan_id": plan, "add_ons": add_ons}));
        assert_eq!(answer["add_ons"].as_array().unwrap().len(), add_ons.len());
    }
}

#[test]
fn prices_of_other_periods_count_with_their_own() {
    let mut m = shop();
    plan(
        &mut m,
        "USD",
        json!([{"id": "pc", "name": "Fee", "fee": {"type": "RATE", "rates": [{"term": "QUARTERLY", "price": "0"}]}}]),
    );
    // The cadence, and what 12 dollars at it are in cents a month.
    let every = |unit: &str, interval: u32| json!({"unit": unit, "interval": interval});
    let cases = [
        (json!("WEEKLY"), 5_200),
        (every("WEEK", 2), 2_600),
        (every("WEEK", 7), 743),
        (every("DAY", 1), 36_500),
        (every("MONTH", 5), 240),
        (every("MONTH", 12), 100),
        (every("YEAR", 2), 50),
    ];
    for (cadence, cents) in cases {
        let pricing = json!({"type": "RATE", "rate": "12.00"});
        m.put("prices", "pri_w", &json!({"id": "pri_w", "currency": "USD", "cadence": cadence, "pricing": pricing}));
        m.put("add_ons", "add_w", &json!({"id": "add_w", "name": "W", "price_id": "pri_w"}));
        let answer = create(&mut m, json!({"plan_id": "plan_p", "add_ons": [{"add_on_id": "add_w"}]}));
        assert_eq!(answer["mrr_cents"], cents, "{cadence}");
        let named = ["MONTHLY", "QUARTERLY", "SEMIANNUAL", "ANNUAL"];
        assert!(
            named.iter().any(|name| answer["period"] == *name && answer["add_ons"][0]["period"] != "WEEKLY"),
            "{answer}"
        );
    }
    m.put(
        "prices",
        "pri_w",
        &json!({"id": "pri_w", "currency": "USD", "cadence": "NEVER", "pricing": {"type": "RATE", "rate": "1"}}),
    );
    let (status, _) =
        m.post("/api/v1/subscriptions", &body(json!({"plan_id": "plan_p", "add_ons": [{"add_on_id": "add_w"}]})));
    assert_eq!(status, 400);
}
