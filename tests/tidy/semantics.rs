//! The tables of docs/semantics.md say what the code says, and vectors or tests give every code in them.

use super::{read, root, sources};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

/// Words in capitals: codes.
fn codes(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_uppercase() && c != '_');
    words.filter(|word| 3 < word.len() && !word.starts_with('_')).map(str::to_owned).collect()
}

/// The rows of the table that follows a text, without its head.
fn table<'t>(text: &'t str, after: &str) -> Vec<&'t str> {
    let (_, rest) = text.split_once(after).unwrap_or_else(|| panic!("docs/semantics.md has no `{after}`"));
    let rows = rest.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
    rows.skip(2).collect()
}

/// The last cell of a row.
fn last(row: &str) -> &str {
    row.trim_end_matches('|').rsplit('|').next().unwrap()
}

/// The names that an enum of the core has on the wire: what its arms give.
fn names_in_code(of: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for path in sources().iter().filter(|path| path.starts_with("src/core/")) {
        for line in read(path).lines() {
            if let Some((arm, text)) = line.trim().split_once(" => \"").filter(|(arm, _)| arm.starts_with(of)) {
                assert!(!arm.contains('|'), "{path}: two arms in a line: {line}");
                found.insert(text.trim_end_matches(['"', ',']).to_owned());
            }
        }
    }
    assert!(2 < found.len(), "no names of {of} were read");
    found
}

/// What is said to be reserved, and so is given by nothing.
fn reserved(text: &str) -> BTreeSet<String> {
    let lines = text.lines().filter(|line| line.contains(" is reserved: ") || line.contains("| reserved: "));
    lines.flat_map(codes).collect()
}

/// Every answer or part of one that a vector expects.
fn expected() -> Vec<Value> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root().join("tests/vectors")).unwrap() {
        let file: Value = serde_json::from_slice(&fs::read(entry.unwrap().path()).unwrap()).unwrap();
        for case in file["cases"].as_array().into_iter().flatten() {
            found.push(case["expect"].clone());
            found.extend(case["expect"]["windows"].as_array().into_iter().flatten().cloned());
        }
    }
    found
}

#[test]
fn every_reason_is_in_the_document_in_the_code_and_in_a_vector() {
    let text = read("docs/semantics.md");
    let rows = table(&text, "The first question that is answered with no ends the search:");
    let documented: BTreeSet<String> = rows.iter().flat_map(|row| codes(last(row))).collect();
    assert_eq!(documented, names_in_code("R::"), "the table of reasons, and `Reason`");
    let given: BTreeSet<String> =
        expected().iter().filter_map(|expect| expect["reason"].as_str()).map(str::to_owned).collect();
    let reserved = reserved(&text);
    let missing: Vec<_> = documented.difference(&given).filter(|code| !reserved.contains(*code)).collect();
    assert!(missing.is_empty(), "no vector gives {missing:?}");
    let both: Vec<_> = given.intersection(&reserved).collect();
    assert!(both.is_empty(), "said to be reserved, and given: {both:?}");

    // The reasons of a subscription that does not grant are among them.
    let of_statuses = table(&text, "Its reason is the first that matches:");
    let of_statuses: BTreeSet<String> = of_statuses.iter().flat_map(|row| codes(last(row))).collect();
    assert!(of_statuses.is_subset(&documented), "{of_statuses:?}");
    // And so are those of an allowance.
    let of_allowances = table(&text, "one allowance answers with the first line that holds:");
    let of_allowances: BTreeSet<String> = of_allowances.iter().flat_map(|row| codes(last(row))).collect();
    assert!(of_allowances.is_subset(&documented), "{of_allowances:?}");
}

#[test]
fn a_reason_has_the_verdict_that_the_document_says() {
    let text = read("docs/semantics.md");
    let rows = table(&text, "The first question that is answered with no ends the search:");
    let allow = codes(last(rows.last().unwrap()));
    let verdict = |reason: &str| {
        if reason.starts_with("SNAPSHOT_") || reason.ends_with("_UNAVAILABLE") {
            "INDETERMINATE"
        } else if allow.contains(reason) {
            "ALLOW"
        } else {
            "DENY"
        }
    };
    let mut given: BTreeMap<&str, usize> = BTreeMap::new();
    let expected = expected();
    for expect in &expected {
        let Some(reason) = expect["reason"].as_str() else { continue };
        let verdict = verdict(reason);
        *given.entry(verdict).or_default() += 1;
        if let Some(decision) = expect["decision"].as_str() {
            assert_eq!(decision, verdict, "{expect}");
        }
        if let Some(allowed) = expect["allowed"].as_bool().filter(|_| verdict != "INDETERMINATE") {
            assert_eq!(allowed, verdict == "ALLOW", "{expect}");
        }
    }
    assert_eq!(given.len(), 3, "{given:?}");
}

#[test]
fn every_source_is_in_the_document_in_the_code_and_in_a_test() {
    let text = read("docs/semantics.md");
    let rows = table(&text, "`freshness` holds `source`");
    let documented: BTreeSet<String> = rows.iter().flat_map(|row| codes(row.split('|').nth(1).unwrap())).collect();
    assert_eq!(documented, names_in_code("Source::"), "the table of sources, and `Source`");
    let reserved = reserved(&text);
    let expected = expected();
    let given: BTreeSet<&str> = expected.iter().filter_map(|expect| expect["freshness"]["source"].as_str()).collect();
    for source in documented {
        let is_given = given.contains(source.as_str());
        assert_eq!(is_given, !reserved.contains(&source), "{source}: given by a vector, or said to be reserved");
    }
}
