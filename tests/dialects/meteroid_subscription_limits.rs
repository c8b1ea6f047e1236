//! `POST /api/v1/subscriptions`: how large a subscription may be, what is not sold any more, and
//! how often a coupon is.

use crate::memory::Memory;
use crate::meteroid_subscriptions::{body, create, shop};
use mayuse_dialects::{Kind, Store};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

fn refused(m: &mut Memory, fields: &Value, status: u16, message: &str) {
    let before = m.version;
    let (found, answer) = m.post("/api/v1/subscriptions", &body(fields.clone()));
    let shown: String = answer.to_string().chars().take(500).collect();
    assert!(found == status && answer["message"].as_str().unwrap().contains(message), "{message}: {found} {shown}");
    assert_eq!(m.version, before);
}

/// A price of about this many bytes.
fn matrix(id: &str, n_bytes: usize) -> Value {
    let rate = json!({"dimension1": {"key": "k", "value": "v"}, "dimension2": null, "per_unit_price": "1"});
    let rates = vec![rate.clone(); n_bytes / rate.to_string().len()];
    json!({"id": id, "product_id": "prd_m", "currency": "USD", "cadence": "MONTHLY",
        "pricing": {"type": "USAGE", "model": {"type": "MATRIX", "rates": rates}}})
}

/// The shop, with a large price and an add-on that has it.
fn large(n_bytes: usize) -> Memory {
    let mut m = shop();
    m.put("products", "prd_m", &json!({"name": "M", "fee_structure": {"fee_type": "USAGE", "metric_id": "bm_1"}}));
    m.put("prices", "pri_m", &matrix("pri_m", n_bytes));
    m.put("add_ons", "add_m", &json!({"name": "M", "product_id": "prd_m", "price_id": "pri_m"}));
    m
}

const TOO_LARGE: &str = "the subscription would be larger than 512 KiB";

#[test]
fn a_large_price_named_often_is_refused_at_once() {
    let mut m = large(95_000);
    let add_ons = |n: usize| json!({"add_ons": vec![json!({"add_on_id": "add_m"}); n]});
    let answer = create(&mut m, add_ons(5));
    assert_eq!(answer["add_ons"][4]["fee"]["model"]["type"], "MATRIX");
    let start = Instant::now();
    refused(&mut m, &add_ons(100), 400, &format!("add_ons[5].add_on_id: {TOO_LARGE}"));
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());

    let entry = json!({"type": "EXISTING", "id": "pri_m"});
    let custom = json!({"type": "PRICE_OVERRIDE", "price_entry": entry});
    let rows = vec![json!({"add_on_id": "add_free", "customization": custom}); 100];
    // Without a product there is no metric, so a fee cannot be made at all.
    refused(&mut m, &json!({"add_ons": rows}), 400, "the metric of a USAGE price is not known");
    let rows = vec![json!({"add_on_id": "add_m", "customization": custom}); 100];
    refused(&mut m, &json!({"add_ons": rows}), 400, &format!("add_ons[5].customization.price_entry: {TOO_LARGE}"));
    let product = json!({"type": "EXISTING", "id": "prd_m"});
    let extra = vec![json!({"name": "E", "product_ref": product, "price_entry": entry}); 100];
    let fields = json!({"price_components": {"extra_components": extra}});
    refused(&mut m, &fields, 400, &format!("extra_components[5].price_entry: {TOO_LARGE}"));
    // Components and add-ons count together.
    let fields = json!({"price_components": {"extra_components": extra[..3]}, "add_ons": add_ons(3)["add_ons"]});
    refused(&mut m, &fields, 400, &format!("add_ons[2].add_on_id: {TOO_LARGE}"));

    // A plan says it once for each of its components.
    let component = |n: usize| json!({"id": format!("price_{n}"), "product_id": "prd_m", "price_ids": ["pri_m"]});
    let components: Vec<Value> = (0..1_000).map(component).collect();
    m.put("plans", "plan_m", &json!({"versions": [{"id": "plv_m", "version": 1, "price_components": components}]}));
    refused(&mut m, &json!({"plan_id": "plan_m"}), 400, &format!("plan_id: {TOO_LARGE}"));
}

#[test]
fn everything_else_of_a_subscription_counts_too() {
    let memo = |n: usize| json!({"invoice_memo": "m".repeat(n)});
    assert_eq!(create(&mut shop(), memo(500_000))["status"], "ACTIVE");
    refused(&mut shop(), &memo(530_000), 400, TOO_LARGE);
    let mut m = shop();
    // As many add-ons as it takes, with names as long as there are, are not too much.
    m.put("add_ons", "add_m", &json!({"name": "M".repeat(500)}));
    let add_ons = json!({"add_ons": vec![json!({"add_on_id": "add_m"}); 100]});
    assert_eq!(create(&mut m, add_ons)["status"], "ACTIVE");
    let codes: Vec<String> = (0..7).map(|n| format!("C{n}")).collect();
    for code in &codes {
        let description = "d".repeat(100_000);
        let discount = json!({"type": "PERCENTAGE", "percentage": "5"});
        m.put("coupons", code, &json!({"code": code, "description": description, "discount": discount}));
    }
    refused(&mut m, &json!({"coupon_codes": codes}), 400, &format!("coupon_codes[5]: {TOO_LARGE}"));
    // A product that is named by many components of a plan.
    let unit = json!({"fee_type": "SLOT", "slot_unit_name": "u".repeat(100_000)});
    m.put("products", "prd_u", &json!({"name": "U", "fee_structure": unit}));
    let component = |n: usize| json!({"id": format!("price_{n}"), "product_id": "prd_u"});
    let components: Vec<Value> = (0..10_000).map(component).collect();
    m.put("plans", "plan_u", &json!({"versions": [{"id": "plv_u", "version": 1, "price_components": components}]}));
    // A gigabyte, if each had its own; what is made of them without prices is small, but much.
    refused(&mut m, &json!({"plan_id": "plan_u"}), 400, TOO_LARGE);
}

#[test]
fn what_is_read_for_a_subscription_has_an_end() {
    let mut m = large(1_000);
    let ids: Vec<String> = (0..4).map(|n| format!("pri_{n}")).collect();
    for id in &ids {
        m.put("prices", id, &matrix(id, 600_000));
    }
    // Not one of them is taken.
    let component = json!({"id": "price_m", "product_id": "prd_m", "price_ids": ids, "currency": "USD"});
    let plan =
        |component: &Value| json!({"versions": [{"id": "plv_m", "version": 1, "price_components": [component]}]});
    m.put("plans", "plan_m", &plan(&component));
    refused(&mut m, &json!({"plan_id": "plan_m"}), 400, "plan_id: the prices, products, add-ons and coupons");
    // One that is named again and again is read once, and is one way to pay.
    let component = json!({"id": "price_m", "product_id": "prd_m", "price_ids": vec!["pri_m"; 10_000]});
    m.put("plans", "plan_m", &plan(&component));
    assert_eq!(create(&mut m, json!({"plan_id": "plan_m"}))["components"].as_array().unwrap().len(), 1);
    let ids: Vec<String> = (0..101).map(|n| format!("pri_none_{n}")).collect();
    let component = |n: usize| json!({"id": "price_m", "product_id": "prd_m", "price_ids": ids[..n]});
    m.put("plans", "plan_m", &plan(&component(100)));
    create(&mut m, json!({"plan_id": "plan_m"}));
    m.put("plans", "plan_m", &plan(&component(101)));
    refused(&mut m, &json!({"plan_id": "plan_m"}), 400, "price_ids[100]: a price component has 100 different prices");
}

#[test]
fn an_archived_plan_is_not_sold() {
    let cases = [
        (json!({"archived_at": "2026-11-21T10:00:00Z"}), false),
        (json!({"archived_at": "2020-01-01T00:00:00Z", "status": "ACTIVE"}), false),
        (json!({"status": "ARCHIVED"}), false),
        (json!({"archived_at": "2026-11-21T10:00:01Z"}), true),
        (json!({"archived_at": null, "status": "ACTIVE"}), true),
    ];
    for (mut plan, is_sold) in cases {
        let mut m = shop();
        plan["versions"] = json!([{"id": "plv_a", "version": 1}]);
        m.put("plans", "plan_a", &plan);
        for fields in [json!({"plan_id": "plan_a"}), json!({"plan_id": "plan_a", "version": 1})] {
            if is_sold {
                create(&mut m, fields);
            } else {
                refused(&mut m, &fields, 400, "plan_id: plan `plan_a` is archived");
            }
        }
    }
}

#[test]
fn of_versions_with_one_number_it_is_the_last() {
    let version = |id: &str, number: u32, is_draft: bool| json!({"id": id, "version": number, "is_draft": is_draft});
    let [a, b] = [version("plv_a", 2, false), version("plv_b", 2, false)];
    let rest = [version("plv_old", 1, false), version("plv_v_draft", 2, true)];
    for (pair, last) in [([&a, &b], "plv_b"), ([&b, &a], "plv_a")] {
        let mut m = shop();
        m.put("plans", "plan_v", &json!({"versions": [pair[0], pair[1], rest[0], rest[1]]}));
        for fields in [json!({"plan_id": "plan_v"}), json!({"plan_id": "plan_v", "version": 2})] {
            assert_eq!(create(&mut m, fields.clone())["plan_version_id"], last, "{fields}");
        }
    }
}

#[test]
fn a_deleted_subscription_does_not_give_its_coupon_back() {
    let count = |m: &Memory, id: &str| m.get(Kind::Coupon, id).unwrap().unwrap().body["redemption_count"].clone();
    let discount = json!({"type": "PERCENTAGE", "percentage": "5"});
    let coupon = |more: Value| {
        let mut coupon = json!({"code": "TWICE", "discount": discount, "reusable": true, "redemption_limit": 2});
        coupon.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        coupon
    };
    let fields = json!({"coupon_codes": ["TWICE"]});
    for start in [json!({}), json!({"redemption_count": null}), json!({"redemption_count": 0})] {
        let mut m = shop();
        m.put("coupons", "cou_twice", &coupon(start.clone()));
        for n in 1..=2 {
            let answer = create(&mut m, fields.clone());
            assert_eq!(count(&m, "cou_twice"), n, "{start}");
            let path = format!("/v1/catalog/subscriptions/{}", answer["id"].as_str().unwrap());
            assert!(m.ask_text("DELETE", &path, "").0 < 300);
        }
        refused(&mut m, &fields, 400, "coupon_codes[0]: coupon `TWICE` was used 2 times already");
    }
    // Those who hold it count where there are more of them: written without their coupon's count.
    let mut m = shop();
    m.put("coupons", "cou_twice", &coupon(json!({})));
    create(&mut m, fields.clone());
    m.put("coupons", "cou_twice", &coupon(json!({})));
    create(&mut m, fields.clone());
    assert_eq!(count(&m, "cou_twice"), 2);
    // Beyond the numbers of the API it stays readable.
    m.put("coupons", "cou_twice", &coupon(json!({"redemption_count": i32::MAX, "redemption_limit": null})));
    create(&mut m, fields.clone());
    create(&mut m, fields);
    assert_eq!(count(&m, "cou_twice"), i32::MAX);
}
