//! The JSON reader, beside that of `serde_json`: both take the same texts, and read the same from them.

use crate::random::cases;
use mayuse_document::{Document, Tree};
use mayuse_tests::compiled;
use proptest::prelude::*;
use std::time::{Duration, Instant};

fn theirs(text: &str) -> Result<Tree<'static>, serde_json::Error> {
    serde_json::from_str(text)
}

#[track_caller]
fn check(text: &str) {
    match (Tree::parse(text), theirs(text)) {
        (Ok(ours), Ok(theirs)) => assert_eq!(plain(ours), plain(theirs), "{text}"),
        (Err(_), Err(_)) => {}
        (ours, theirs) => panic!("{text:?}: {ours:?}, {theirs:?}"),
    }
}

/// Their numbers may be written in another way.
fn plain(tree: Tree<'_>) -> Tree<'_> {
    match tree {
        Tree::Number(digits) => Tree::Number(digits.parse::<f64>().unwrap().to_string().into()),
        Tree::List(items) => Tree::List(items.into_iter().map(plain).collect()),
        Tree::Object(fields) => Tree::Object(fields.into_iter().map(|(name, value)| (name, plain(value))).collect()),
        other => other,
    }
}

#[track_caller]
fn says(text: &str, message: &str) {
    assert_eq!(Tree::parse(text).unwrap_err().to_string(), message, "{text}");
    assert!(theirs(text).is_err(), "{text}");
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    says("", "the text ends too early at line 1 column 0");
    says("\n {\"a\": [1, 2", "the text ends too early at line 2 column 12");
    says("{\"a\" 1}", "expected `:` at line 1 column 6");
    says("{a: 1}", "a field begins with its name in quotes at line 1 column 2");
    says("{\"a\": 1,}", "a field begins with its name in quotes at line 1 column 9");
    says("[1 2]", "expected `,` or `]` at line 1 column 4");
    says("{\"a\": 1]", "expected `,` or `}` at line 1 column 8");
    says("[1,]", "expected a value at line 1 column 4");
    says("nul", "expected a value at line 1 column 1");
    says("[1]\n]", "trailing characters at line 2 column 1");
    says("[01]", "invalid number at line 1 column 4");
    says("[1.]", "invalid number at line 1 column 4");
    says("-", "the text ends too early at line 1 column 1");
    says("\"\\x\"", "invalid escape in a string at line 1 column 3");
    says("\"\\ud800\"", "lone surrogate in a string at line 1 column 8");
    says("\"\u{1}\"", "control character (\\u0000-\\u001F) found while parsing a string at line 1 column 2");
    says(&"[".repeat(128), "recursion limit exceeded at line 1 column 128");
    let not_utf8 = Tree::parse_bytes(b"[\"\xff\"]").unwrap_err();
    assert_eq!(not_utf8.to_string(), "the text is not UTF-8 at line 1 column 2");
    let list = Document::parse("[]").unwrap_err();
    assert_eq!(list.to_string(), "expected a catalog document, which is a JSON object at line 1 column 2");
}

#[test]
fn both_take_the_same_texts() {
    for text in [
        "null",
        " true ",
        "false",
        "0",
        "-0",
        "-1.50e+07",
        "1E5",
        "\"\"",
        "\"a\\u00e9\\ud83d\\ude00\\n\\/\"",
        "[]",
        "[[],{}]",
        "{}",
        "{\"a\":{\"b\":[null]},\"a\":1}",
        "\u{b}1",
        "+1",
        ".5",
        "1.e1",
        "1e",
        "--1",
        "00",
        "[,]",
        "{,}",
        "{\"a\":}",
        "\"",
        "\"\\",
        "\"\\u12",
        "\"\\u12g4\"",
        "\"\\udc00\"",
        "\"\\ud800\\u0041\"",
        "\"\\ud800\\n\"",
        "tru",
        "truex",
        "[1}",
        "{\"a\":1]",
        "\u{0}",
        "[\u{0}]",
        "\"\u{0}\"",
        "\"\u{7f}\u{2028}\"",
        "'a'",
        "[1],",
        "//",
        "NaN",
    ] {
        check(text);
    }
    for depth in [126, 127, 128] {
        check(&format!("{}{}", "[".repeat(depth), "]".repeat(depth)));
        check(&format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth)));
    }
}

#[test]
fn a_byte_order_mark_is_passed_over() {
    assert_eq!(Tree::parse("\u{feff}[1]"), Tree::parse("[1]"));
    assert_eq!(Tree::parse_bytes("\u{feff}[1]".as_bytes()), Tree::parse("[1]"));
    assert!(Document::parse("\u{feff}{\"format\": 1}").unwrap().compile().is_ok());
    assert!(Tree::parse("\u{feff}\u{feff}[1]").is_err());
    assert!(Tree::parse(" \u{feff}[1]").is_err());
}

#[test]
fn numbers_and_strings_of_any_length_take_their_own_memory() {
    for text in ["1e999999".to_owned(), "9".repeat(1_000_000), format!("\"{}\"", "x".repeat(1_000_000))] {
        let began = Instant::now();
        let tree = Tree::parse(&text).unwrap();
        match tree {
            Tree::Number(digits) => assert_eq!(digits.as_ptr(), text.as_ptr()),
            Tree::Text(x) => assert_eq!(x.len(), 1_000_000),
            other => panic!("{other:?}"),
        }
        assert!(began.elapsed() < Duration::from_secs(1));
    }
}

#[test]
fn deep_json_is_refused() {
    for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
        let deep = format!("{}1{}", open.repeat(10_000), close.repeat(10_000));
        for list in ["features", "products", "ladder"] {
            let text = format!(r#"{{"format": 1, "{list}": [{deep}]}}"#);
            let error = Document::parse(&text).unwrap_err().to_string();
            assert!(error.contains("recursion limit exceeded"), "{list}: {error}");
        }
        // What nobody asks for is read over, and needs no stack.
        compiled(&format!(r#"{{"format": 1, "unknown": {deep}}}"#));
        let error = Tree::parse(&deep).unwrap_err().to_string();
        assert!(error.contains("recursion limit exceeded"), "{error}");
    }
}

#[test]
fn ten_megabytes_of_garbage_are_refused() {
    const SIZE: usize = 10_000_000;
    let text = ["{\"format\": 1, \"features\": [", &"\u{1}\"\\{[,".repeat(SIZE / 6)].concat();
    assert!(Document::parse(&text).is_err());
    // One unknown field, of an endless text: read over.
    let text = format!(r#"{{"format": 1, "x": "{}"}}"#, "y".repeat(SIZE));
    compiled(&text);
}

/// Pieces of JSON, which together are sometimes JSON.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "{", "}", "[", "]", ":", ",", "\"", "\\", "\"a\"", "\"b\":", "1", "-", ".5", "e9", "null", "true", " ",
        "\\u00", "\\ud83d", "é", "\n",
    ]);
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<String>().prop_map(Into::into),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
            prop::collection::vec((any::<String>(), inner), 0..6)
                .prop_map(|fields| serde_json::Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(cases(2_000))]

    #[test]
    fn pieces_are_read_as_by_both(text in pieces()) {
        check(&text);
    }

    #[test]
    fn values_are_read_as_by_both(value in any_json()) {
        check(&value.to_string());
        check(&serde_json::to_string_pretty(&value).unwrap());
    }

    #[test]
    fn a_document_is_read_alike_as_a_text_and_as_a_stream(value in any_json(), name in prop::sample::select(vec!["features", "ladder", "format", "x"])) {
        let text = format!(r#"{{"format": 1, "{name}": {value}, "customers": null}}"#);
        let problems = |document: Document| document.compile().map(|(_, problems)| problems.to_string()).map_err(|problems| problems.to_string());
        let streamed: Document = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(problems(Document::parse(&text).unwrap()), problems(streamed));
    }
}
