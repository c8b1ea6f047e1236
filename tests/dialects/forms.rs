//! Pabbly's forms, of both kinds, beside JSON; and whose request it is, by how its key is presented.

use crate::memory::Memory;
use mayuse_dialects::{Kind, Presented, Store};
use serde_json::{Value, json};

const PATH: &str = "/api/v1/addon/5e3a95143c92e44b424b6d47";
const FIELDS: [(&str, &str); 9] = [
    ("name", "More \u{e9} & \"quotes\"\r\nof a text"),
    ("code", "more"),
    ("price", "10"),
    ("billing_cycle", "lifetime"),
    ("billing_period", "m"),
    ("billing_period_num", "1"),
    ("status", "true"),
    ("associate_plans", "selected_plans"),
    ("description", ""),
];
const LISTS: [(&str, &str); 4] = [
    ("plans_array[]", "plan_1"),
    ("category_array[0]", "one"),
    ("plans_array[]", "plan_2"),
    ("category_array[1]", "two"),
];

fn shop() -> Memory {
    let mut m = Memory::new();
    for id in ["plan_1", "plan_2"] {
        m.put("plans", id, &json!({"name": id, "versions": [{"id": format!("plv_{id}"), "version": 1}]}));
    }
    m
}

fn urlencoded(fields: &[(&str, &str)]) -> String {
    let percent = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
    let pairs: Vec<String> =
        fields.iter().map(|(name, value)| format!("{}={}", percent(name), percent(value))).collect();
    pairs.join("&")
}

fn multipart(fields: &[(&str, &str)], boundary: &str) -> String {
    let part = |(name, value): &(&str, &str)| {
        format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    fields.iter().map(part).collect::<String>() + &format!("--{boundary}--\r\n")
}

fn send(m: &mut Memory, content_type: &str, body: &[u8]) -> (u16, Value) {
    m.ask_as("POST", PATH, Presented::Basic, Some(content_type), body)
}

const URLENCODED: &str = "application/x-www-form-urlencoded";

#[test]
fn a_form_says_what_json_says() {
    let mut as_json: Value = json!({"plans_array": ["plan_1", "plan_2"], "category_array": ["one", "two"]});
    for (name, value) in FIELDS {
        as_json[name] = value.into();
    }
    let all = [&FIELDS[..], &LISTS[..]].concat();
    let expected = send(&mut shop(), "application/json", as_json.to_string().as_bytes());
    assert_eq!(expected.0, 200, "{}", expected.1);
    assert_eq!(expected.1["data"]["plans_array"], json!(["plan_1", "plan_2"]));
    let mut m = shop();
    assert_eq!(send(&mut m, URLENCODED, urlencoded(&all).as_bytes()), expected);
    assert_eq!(m.all(Kind::AddOn).unwrap().len(), 1);
    assert_eq!(
        send(&mut shop(), "Application/X-WWW-Form-Urlencoded; charset=utf-8", urlencoded(&all).as_bytes()),
        expected
    );
    for (content_type, boundary) in [
        ("multipart/form-data; boundary=x", "x"),
        ("multipart/form-data; charset=utf-8; boundary=\"--a b--\"", "--a b--"),
        ("Multipart/Form-Data;Boundary=----WebKitFormBoundary7MA4YWxkTrZu0gW", "----WebKitFormBoundary7MA4YWxkTrZu0gW"),
    ] {
        assert_eq!(send(&mut shop(), content_type, multipart(&all, boundary).as_bytes()), expected, "{content_type}");
        let framed = format!("a preamble\r\n{}an epilogue", multipart(&all, boundary));
        assert_eq!(send(&mut shop(), content_type, framed.as_bytes()), expected, "{content_type}");
    }
}

#[test]
fn a_list_of_one_empty_text_is_none() {
    let mut fields = FIELDS.to_vec();
    fields[7].1 = "all_plans";
    fields.push(("plans_array[]", ""));
    let (status, answer) = send(&mut shop(), URLENCODED, urlencoded(&fields).as_bytes());
    assert_eq!((status, &answer["data"]["plans_array"]), (200, &json!([""])), "{answer}");
}

#[test]
fn a_form_that_cannot_be_read_is_refused() {
    let whole = multipart(&FIELDS, "x");
    let of = |name: &str, rest: &str| format!("--x\r\nContent-Disposition: form-data{name}\r\n{rest}--x--");
    let [nameless, headless, file] =
        [("", "\r\n1\r\n"), ("; name=\"a\"", "no\r\n"), ("; name=\"a\"; filename=\"b\"", "\r\n1\r\n")]
            .map(|(name, rest)| of(name, rest));
    let many: Vec<(&str, &str)> = (0..1_001).map(|_| ("plans_array[]", "")).collect();
    let (many_parts, many_pairs) = (multipart(&many, "x"), urlencoded(&many));
    let cases: [(&str, &[u8], &str); 14] = [
        ("multipart/form-data", whole.as_bytes(), "no boundary"),
        ("multipart/form-data; boundary=", whole.as_bytes(), "no boundary"),
        ("multipart/form-data; boundary=\u{e9}", whole.as_bytes(), "no boundary"),
        ("multipart/form-data; boundary=y", whole.as_bytes(), "before its last boundary"),
        ("multipart/form-data; boundary=x", b"", "before its last boundary"),
        ("multipart/form-data; boundary=x", b"--x", "before its last boundary"),
        ("multipart/form-data; boundary=x", &whole.as_bytes()[..whole.len() - 6], "before its last boundary"),
        ("multipart/form-data; boundary=x", b"--x\r\n\xff\r\n--x--", "not UTF-8"),
        ("multipart/form-data; boundary=x", nameless.as_bytes(), "no name"),
        ("multipart/form-data; boundary=x", headless.as_bytes(), "no headers"),
        ("multipart/form-data; boundary=x", file.as_bytes(), "a file"),
        ("multipart/form-data; boundary=x", many_parts.as_bytes(), "more than 1000 fields"),
        (URLENCODED, many_pairs.as_bytes(), "more than 1000 fields"),
        (URLENCODED, b"name=a&name=b", "written twice"),
    ];
    for (content_type, body, message) in cases {
        let (status, answer) = send(&mut shop(), content_type, body);
        assert_eq!((status, &answer["status"]), (400, &json!("error")), "{content_type} {message}");
        assert!(answer["message"].as_str().unwrap().contains(message), "{message}: {answer}");
    }
    for content_type in ["text/plain", "multipart/mixed; boundary=x", ""] {
        assert_eq!(send(&mut shop(), content_type, whole.as_bytes()).0, 415, "{content_type}");
    }
    // Only Pabbly's clients send forms.
    for (presented, path) in [(Presented::Bearer, "/api/v1/addons"), (Presented::ApiKey, "/api/v1/addons")] {
        let status = shop().ask_as("POST", path, presented, Some(URLENCODED), b"name=a").0;
        assert_eq!(status, 415, "{presented:?}");
    }
}

#[test]
fn any_cut_of_a_form_and_any_other_byte_is_answered() {
    let body = multipart(&[&FIELDS[..], &LISTS[..]].concat(), "x").into_bytes();
    for n in 0..body.len() {
        let (status, _) = send(&mut shop(), "multipart/form-data; boundary=x", &body[..n]);
        assert!(status == 400 || n + 2 >= body.len(), "{n}: {status}");
        let mut other = body.clone();
        other[n] ^= 0x15;
        let (status, _) = send(&mut shop(), "multipart/form-data; boundary=x", &other);
        assert!(matches!(status, 200 | 400), "{n}: {status}");
    }
}

#[test]
fn one_path_is_three_apis_by_how_the_key_is_presented() {
    let mut m = shop();
    let feature = json!({"code": "sso", "name": "SSO", "status": "ACTIVE", "feature_type": {"type": "BOOLEAN"}});
    m.put("features", "feat_sso", &feature);
    let commet =
        json!({"name": "SSO", "basePrice": 900, "featureId": "sso", "consumptionModel": "boolean"}).to_string();
    let (status, answer) =
        m.ask_as("POST", "/api/v1/addons", Presented::ApiKey, Some("application/json"), commet.as_bytes());
    assert_eq!((status, &answer["data"]["object"]), (201, &json!("addon")), "{answer}");
    // The same add-on through Meteroid's way, on the same path.
    let (status, answer) = m.ask_as("GET", "/api/v1/addons", Presented::Bearer, None, b"");
    assert_eq!((status, &answer["pagination_meta"]["total_items"]), (200, &json!(1)), "{answer}");
    for (presented, path, keys) in [
        (Presented::Bearer, "/api/v1/addons/none", &["code", "message"][..]),
        (Presented::Bearer, "/api/v1/addon/x", &["code", "message"]),
        (Presented::ApiKey, "/api/v1/nothing", &["success", "error"]),
        (Presented::ApiKey, "/api/v1/addon/x", &["success", "error"]),
        (Presented::Basic, "/api/v1/nothing", &["status", "success", "message", "error"]),
        (Presented::Basic, "/api/v1/addons", &["status", "success", "message", "error"]),
        (Presented::Not, "/api/v1/addon/", &["status", "success", "message", "error"]),
    ] {
        let (status, answer) = m.ask_as("GET", path, presented, None, b"");
        let found: Vec<&str> = answer.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(found, keys, "{presented:?} {path}: {answer}");
        assert!(matches!(status, 404 | 405), "{presented:?} {path}: {status}");
    }
}
