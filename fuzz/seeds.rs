//! Writes the corpus that is in the repository, from the demo: `cargo run --bin seeds`, in this folder.

#[path = "targets/demo.rs"]
mod demo;

use demo::{DEMO, Demo, key};
use mayuse_snapshot::join;
use serde_json::{Value, json};
use std::fs;

fn main() {
    let demo = Demo::new();
    let signed = demo.manifest.sign(&key());
    let objects = [demo.object.as_slice(), demo.block.as_slice()];
    write("objects", "catalog", objects[0]);
    write("objects", "block", objects[1]);
    write("objects", "changed-block", &[0, 200, 1, 1, 0, 90, 2, 0, 3]);
    write("objects", "changed-catalog", &[1, 200, 1, 1, 0, 90, 2, 0, 3]);
    write("manifest", "demo", signed.as_bytes());
    write("file", "whole", &[b"\0".as_slice(), &join(&signed, objects.into_iter())].concat());
    write("file", "objects", &[b"\x01".as_slice(), &objects.concat()].concat());

    let document: Value = serde_json::from_str(DEMO).unwrap();
    write("document", "demo", document.to_string().as_bytes());
    let few: Value = serde_json::from_str(include_str!("../tests/vectors/09-checks-credits.json")).unwrap();
    write("document", "credits", few["catalog"].to_string().as_bytes());
    let few: Value = serde_json::from_str(include_str!("../tests/vectors/12-checks-meteroid.json")).unwrap();
    write("document", "meteroid", few["catalog"].to_string().as_bytes());
    write("json", "values", br#"{"a\u00e9\ud83d\ude00": [null, true, -1.50e+07, "\n\"\/", {}, []]}"#);
    write("document", "least", br#"{"format": 1}"#);

    for (n, (line, body)) in requests(&document).into_iter().enumerate() {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        write("dialects", &format!("{n:02}"), format!("{line}\n{body}").as_bytes());
    }
    // Bodies that are no JSON of this library's.
    let route = "POST /api/v1/addon/6964aa003c92e44b424b6d47";
    let fields = ["name=Extra", "code=extra", "price=10", "billing_cycle=lifetime", "billing_period=m", "status=true"];
    let more =
        ["billing_period_num=1", "associate_plans=selected_plans", "plans_array[]=plan_starter", "category_array[0]=a"];
    let fields = [&fields[..], &more[..]].concat();
    let parts = fields
        .iter()
        .filter_map(|field| field.split_once('='))
        .map(|(name, value)| format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"));
    write("dialects", "form", format!("{route}\n{}", fields.join("&")).as_bytes());
    write("dialects", "parts", format!("{route}\n{}--x--", parts.collect::<String>()).as_bytes());
    let numbers = r#"{"id":"cus_1","n":[5e-324,1E5,-0,1e999,29.00,12345678901234567890123,"\u00e9\ud83d\ude00"]}"#;
    write("dialects", "numbers", format!("PUT /v1/catalog/customers/cus_1\n{numbers}").as_bytes());
}

/// Each route once, and what the demo has to say to it.
fn requests(document: &Value) -> Vec<(String, Value)> {
    let mut requests: Vec<(String, Value)> = Vec::new();
    for kind in ["products", "prices", "features", "plans", "add_ons", "coupons", "customers", "subscriptions"] {
        // One that is there is written again, read, listed and taken away.
        if let Some(first) = document[kind].get(0) {
            let path = format!("/v1/catalog/{kind}/{}", first["id"].as_str().unwrap());
            requests.push((format!("PUT {path}"), first.clone()));
            requests.push((format!("GET {path}"), Value::Null));
            requests.push((format!("DELETE {path}"), Value::Null));
        }
    }
    requests.push(("GET /v1/catalog/features?limit=2&after=feat_a".to_owned(), Value::Null));
    requests.push(("PUT /v1/catalog".to_owned(), json!({ "format": 1, "features": document["features"] })));
    for body in serde_json::from_str::<Value>(include_str!("../demo/commet-add-ons.json")).unwrap().as_array().unwrap()
    {
        requests.push(("POST /addons".to_owned(), body.clone()));
    }
    for body in serde_json::from_str::<Value>(include_str!("../demo/pabbly-add-ons.json")).unwrap().as_array().unwrap()
    {
        requests.push(("POST /api/v1/addon/6964aa003c92e44b424b6d47".to_owned(), body.clone()));
    }
    let price = &document["prices"][0];
    let add_on = json!({ "name": "Boost", "product_id": price["product_id"], "price_id": price["id"],
        "self_serviceable": true, "max_instances_per_subscription": 2 });
    requests.push(("POST /api/v1/addons".to_owned(), add_on));
    let (add_on, feature) = (&document["add_ons"][0]["id"], &document["features"][0]["id"]);
    let (add_on, feature) = (add_on.as_str().unwrap(), feature.as_str().unwrap());
    requests.push((format!("PATCH /api/v1/addons/{add_on}"), json!({ "name": "Other", "self_serviceable": false })));
    requests.push((format!("POST /api/v1/addons/{add_on}/archive"), json!({})));
    requests.push((format!("POST /api/v1/addons/{add_on}/unarchive"), json!({})));
    requests.push((format!("GET /api/v1/addons/{add_on}/entitlements"), Value::Null));
    requests.push(("GET /api/v1/addons?page=0&per_page=5&search=a".to_owned(), Value::Null));
    requests.push((format!("GET /api/v1/features/{feature}"), Value::Null));
    let version = document["plans"][0]["versions"][0]["id"].as_str().unwrap();
    let subscription = json!({
        "customer_id_or_alias": "acme", "plan_version_id": version, "start_date": "2026-11-21", "billing_day_anchor": 5,
        "activation_condition": "ON_START", "trial_days": 14, "net_terms": 30, "invoice_memo": "memo", "end_date": "2027-11-21",
        "coupon_codes": ["WELCOME"], "add_ons": [{ "add_on_id": add_on, "quantity": 2 }],
        "payment_methods_config": { "type": "online" },
        "price_components": { "overridden_components": [], "extra_components": [], "remove_components": [] },
    });
    requests.push(("POST /api/v1/subscriptions".to_owned(), subscription));
    requests
}

fn write(target: &str, name: &str, bytes: &[u8]) {
    let folder = format!("{}/corpus/{target}", env!("CARGO_MANIFEST_DIR"));
    fs::create_dir_all(&folder).unwrap();
    fs::write(format!("{folder}/{name}"), bytes).unwrap();
}
