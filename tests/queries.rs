//! A question in a query string is the same whichever of the two readers reads it.

use crate::counting::allocations;
use crate::random::cases;
use mayuse_core::{Amount, QuestionForm};
use mayuse_dialects::{Found, Preconditions, Presented, Request};
use mayuse_document::Check;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// What the slow reader makes of a query: the question and the instant it asks about.
fn read(query: &str) -> Option<String> {
    let (presented, preconditions) = (Presented::Not, Preconditions::default());
    let request =
        Request { method: "GET", path: "/v1/check", query, presented, content_type: None, preconditions, body: &[] };
    Found::of(&request).ok()?;
    let pairs = request.parameters();
    let check = Check::from_pairs(pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()))).ok()?;
    Some(format!("{:?} {:?}", check.question(), check.question().at))
}

fn agree(query: &str) {
    let quick =
        QuestionForm::from_query(query).map(|check| format!("{:?} {:?}", check.question(), check.question().at));
    assert_eq!(quick, read(query), "{query:?}");
}

/// Names and values, many of them known, some coded, some broken.
fn part() -> impl Strategy<Value = String> {
    const KNOWN: [&str; 27] = [
        "customer",
        "feature",
        "subscription_id",
        "requested",
        "consumed",
        "reserved",
        "explain",
        "at",
        "on_indeterminate",
        "min_version",
        "max_age_ms",
        "Customer",
        "custom%65r",
        "featur%65",
        "",
        "x",
        "acme",
        "a%40b.example",
        "a@b",
        "caf%C3%A9",
        "caf\u{e9}",
        "%ff",
        "%e2%82",
        "%",
        "%4",
        "%zz",
        "%%41",
    ];
    prop_oneof![
        6 => select(KNOWN.to_vec()).prop_map(str::to_owned),
        2 => select(vec!["0", "1", "007", "-0", "-1", "+5", "5+", "%2B5", "1.50", "1.", ".5", "12345678901234567890"])
            .prop_map(str::to_owned),
        1 => select(vec!["true", "false", "ALLOW", "DENY", "allow", "2026-11-20T12:00:00Z", "2026-11-20", "1e3"])
            .prop_map(str::to_owned),
        1 => "[a-c0-9%+=&#\u{e9}\u{0} .-]{0,12}",
        1 => any::<String>(),
    ]
}

proptest! {
    #![proptest_config(cases(4_000))]

    #[test]
    fn both_readers_read_the_same(pairs in vec((part(), part(), any::<bool>()), 0..8), good in any::<bool>()) {
        let mut query: String = if good { "customer=acme&feature=sso".to_owned() } else { String::new() };
        for (name, value, is_pair) in pairs {
            query = query + "&" + &name + if is_pair { "=" } else { "" } + &value;
        }
        agree(&query);
    }

    #[test]
    fn few_digits_are_read_like_many(text in "[0-9]{1,20}") {
        // With a fraction, all the digits are looked at.
        let (short, long) = (Amount::parse(&text).unwrap(), Amount::parse(&format!("{text}.0")).unwrap());
        prop_assert_eq!((short, short.to_string()), (long, long.to_string()));
    }
}

#[test]
fn each_parameter_is_read_the_same_way() {
    let of = [
        ("subscription_id", &["sub_1", "", "%20"][..]),
        ("requested", &["1", "0", "-1", "1.5", "x", "", "999999999999999999", "1000000000000000000"]),
        ("consumed", &["1", "-1", "00", "", "79228162514264337593543950336"]),
        ("reserved", &["1", "-1", "-0", "0"]),
        ("explain", &["", "1", "true", "0", "false", "TRUE", "2"]),
        ("on_indeterminate", &["ALLOW", "DENY", "allow", ""]),
        (
            "min_version",
            &[
                "0",
                "7",
                "-1",
                "+7",
                "%2B7",
                "9007199254740991",
                "9007199254740992",
                "9223372036854775807",
                "9223372036854775808",
                "x",
                "",
            ],
        ),
        ("max_age_ms", &["0", "7", "-1", "1.0", ""]),
        ("at", &["2026-11-20T12:00:00Z", "2026-11-20T12%3A00%3A00%2B02%3A00", "2026-11-20T12:00:00+02:00", "now", ""]),
    ];
    for (name, values) in of {
        for value in values {
            let query = format!("customer=a&feature=b&{name}={value}");
            agree(&query);
            agree(&format!("{query}&{name}={value}"));
            agree(&format!("{name}&{query}"));
        }
    }
    for query in [
        "",
        "&",
        "=",
        "customer=a",
        "feature=b",
        "customer&feature",
        "customer=a=b&feature=c",
        "customer=a&&feature=b&",
    ] {
        agree(query);
    }
}

#[test]
fn what_needs_no_decoding_is_not_copied() {
    let (n_allocations, ()) = allocations(|| {
        let check = QuestionForm::from_query("customer=acme&feature=sso&consumed=5&at=2026-11-20").unwrap();
        assert_eq!(check.question().customer, "acme");
    });
    assert_eq!(n_allocations, 0);
}
