//! Numbers in what is kept: the text they came as, whatever it is, and at the cost of its length.

use crate::memory::Memory;
use mayuse_core::WriteJson;
use mayuse_dialects::{Batch, Change, JsonValue, from_slice};
use mayuse_document::{Tree, read};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Numbers that a binary fraction does not hold, or holds at a price.
fn worst() -> Vec<String> {
    let fixed = [
        "5e-324",
        "-5E-324",
        "1e999",
        "1E5",
        "1e5",
        "1e+5",
        "1e-99999999999999999999",
        "2.2250738585072011e-308",
        "0.1",
        "29.00",
        "-0",
        "-0.0",
        "0e0",
        "9007199254740993",
        "18446744073709551615",
        "18446744073709551616",
        "-9223372036854775809",
        "123456789012345678901234567890.123456789012345678901234567890",
    ];
    let long = ["7".repeat(30_000), format!("0.{}1", "0".repeat(30_000)), format!("1e{}", "9".repeat(30_000))];
    fixed.into_iter().map(str::to_owned).chain(long).collect()
}

fn written(json: &str) -> String {
    JsonValue(&from_slice(json.as_bytes()).unwrap()).to_json()
}

#[test]
fn a_number_is_written_as_it_was_read() {
    for number in worst() {
        let json = format!(r#"{{"n":{number},"list":[{number},[{number}]]}}"#);
        assert_eq!(written(&json), json);
        assert_eq!(written(&number), number);
    }
}

/// A mebibyte of one number after another.
fn mebibyte_of(number: &str) -> String {
    let n = (1024 * 1024 - 300) / (number.len() + 1);
    let list = vec![number; n].join(",");
    format!("[{list}]")
}

#[test]
fn a_mebibyte_of_the_worst_numbers_is_kept_by_every_route_that_keeps_what_it_does_not_know() {
    for number in ["5e-324", "-1.7976931348623157e-308", &"9".repeat(30_000), "1e-30000", "0"] {
        let list = mebibyte_of(number);
        let mut memory = Memory::new();
        let body = format!(r#"{{"id":"cus_1","name":"A","figures":{list}}}"#);
        let (status, answer) = memory.ask_text("PUT", "/v1/catalog/customers/cus_1", &body);
        assert_eq!(status, 201, "{number}: {answer}");
        let shown = JsonValue(&memory.get("/v1/catalog/customers/cus_1").1).to_json();
        assert!(shown.contains(&body), "{number}");

        // As a line, and in a document.
        let mut batch = Batch::default();
        batch.add(1, format!(r#"{{"kind":"customer",{}"#, &body[1..]).as_bytes()).unwrap();
        let changes = batch.changes();
        let [Change::Put { body: kept, .. }] = changes.as_slice() else { panic!("one line is one write") };
        assert_eq!(JsonValue(kept).to_json(), body);
        let document = format!(r#"{{"format":1,"customers":[{body}]}}"#);
        let mut memory = Memory::new();
        let (status, answer) = memory.ask_text("PUT", "/v1/catalog", &document);
        assert_eq!(status, 200, "{number}: {answer}");
        assert!(JsonValue(&memory.get("/v1/catalog/customers/cus_1").1).to_json().contains(&body));
    }
}

#[test]
fn other_dialects_pass_over_numbers_that_they_do_not_know() {
    let list = mebibyte_of("5e-324");
    let mut memory = Memory::new();
    for (path, known) in [
        ("/api/v1/addons", r#""name":"A","product_id":"prod_1","price_id":"price_1""#),
        ("/api/v1/subscriptions", r#""plan_id":"plan_1""#),
        ("/addons", r#""name":"A","basePrice":1,"featureId":"f","consumptionModel":"boolean""#),
        ("/api/v1/addon/prod_1", r#""name":"A""#),
    ] {
        let (status, answer) = memory.ask_text("POST", path, &format!(r#"{{{known},"figures":{list}}}"#));
        assert!(matches!(status, 400 | 404), "{path}: {status} {answer}");
    }
}

#[test]
fn a_number_where_a_whole_one_is_wanted_is_told_from_a_whole_one() {
    for (number, is_whole) in
        [("1", true), ("1.0", true), ("1.00", true), ("1.01", false), ("1e0", false), ("1E0", false), ("1e999", false)]
    {
        let text = format!(r#"{{"n":{number}}}"#);
        let tree = Tree::parse(&text).unwrap();
        assert_eq!(tree, Tree::Object(vec![("n".into(), Tree::Number(number.into()))]));
        let read = read(&tree, |o| o.get("n")?.integer());
        assert_eq!(read.ok(), is_whole.then_some(1), "{number}");
        let mut memory = Memory::new();
        let body = format!(r#"{{"id":"coupon","percent":{number},"status":"x"}}"#);
        assert_eq!(memory.ask_text("PUT", "/v1/catalog/coupons/coupon", &body).0, 201, "{number}");
    }
    // What `serde_json` hands on a number as, said by somebody else.
    let disguised = r#"{"$serde_json::private::Number":"1, \"x\": 2"}"#;
    assert_eq!(written(disguised), disguised);
}

/// The library's reader and ours take the same texts, and read the same from them but for numbers.
fn check(text: &[u8]) {
    let (ours, theirs) = (from_slice(text), serde_json::from_slice::<Value>(text));
    let shown = String::from_utf8_lossy(text);
    match (ours, theirs) {
        (Ok(ours), Ok(theirs)) => {
            let again: Value = serde_json::from_str(&JsonValue(&ours).to_json()).unwrap();
            assert_eq!(again, theirs, "{shown}");
        }
        (Err(ours), theirs) => {
            assert!(theirs.is_err() || ours.to_string().contains("is written twice"), "{shown}: {ours}");
        }
        (Ok(_), Err(error)) => panic!("{shown}: {error}"),
    }
}

#[test]
fn what_is_no_json_is_refused_as_ever_and_said_where() {
    for text in [
        "",
        " ",
        "{",
        "[",
        "[1",
        "[1,",
        "[1,]",
        "[,1]",
        "[1 2]",
        "{\"a\"",
        "{\"a\":",
        "{\"a\":1",
        "{\"a\":1,",
        "{\"a\":1,}",
        "{,}",
        "{a:1}",
        "{1:1}",
        "{\"a\" 1}",
        "[}",
        "{]",
        "nul",
        "nulll",
        "null null",
        "True",
        "\"",
        "\"\\",
        "\"\\\"",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\ud800\"",
        "\"\\ud83d\\ude00\"",
        "\"\t\"",
        "\"\u{7f}\"",
        "01",
        "-",
        "+1",
        ".5",
        "1.",
        "1.e5",
        "1e",
        "1e+",
        "--1",
        "-a",
        "1a",
        "0x1",
        "1 1",
        "NaN",
        "Infinity",
        " \u{feff}1",
        "\u{feff}\u{feff}1",
        "[1]\n",
        "\r\n\t [ 1 , 2 ] ",
        "{\"a\":1,\"a\":2}",
    ] {
        check(text.as_bytes());
    }
    assert_eq!(from_slice("\u{feff}[1]".as_bytes()), from_slice(b"[1]"));
    for n in 126..=129 {
        check(format!("{}{}", "[".repeat(n), "]".repeat(n)).as_bytes());
        check(format!("{}1{}", "{\"a\":".repeat(n), "}".repeat(n)).as_bytes());
    }
    for bytes in [&b"\"\xff\""[..], b"[1,\xc3", b"\xff", b"{\"a\":\"\xed\xa0\x80\"}", b"[1] \xff", b"[ nul \xff"] {
        check(bytes);
    }
    let error = from_slice(b"{\n  \"a\": 1,\n  \"a\": 2}").unwrap_err();
    assert_eq!(error.to_string(), "the field `a` is written twice at line 3 column 6");
    let error = from_slice(b"[1,\n 2.]").unwrap_err();
    assert_eq!(error.to_string(), "invalid number at line 2 column 4");
}

proptest! {
    #[test]
    fn texts_that_look_like_json_are_read_alike(text in r#"[\[\]{}",:0-9eE+.\\ntu a-]{0,24}"#) {
        check(text.as_bytes());
    }

    #[test]
    fn a_byte_of_a_body_more_or_less_is_taken_alike(at in 0_usize..80, byte in any::<u8>(), cut in any::<bool>()) {
        let mut body = json!({"id": "cus_1", "n": [1.5, -2, 1e300], "text": "a\"\\\u{1F4A5}\n", "no": null}).to_string().into_bytes();
        let at = at.min(body.len() - 1);
        if cut { body.truncate(at) } else { body[at] = byte }
        check(&body);
    }
}
