//! The vector files are whole: all listed, every case told apart and explained.
//!
//! Whether the core gives the answers they expect is asked by `mayuse conform tests/vectors`, with
//! the program that users run; the package and the Worker read the same files.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const KINDS: [&str; 6] = ["window", "billing_period", "resolve", "check", "suggest", "snapshot_check"];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors")
}

fn read(name: &str) -> Value {
    let text = fs::read_to_string(folder().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn listed() -> Vec<String> {
    let files = read("index.json")["files"].as_array().expect("a list of files").clone();
    files.iter().map(|name| name.as_str().expect("a name").to_owned()).collect()
}

#[test]
fn the_index_lists_every_file_once() {
    let listed = listed();
    let names = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let there: BTreeSet<String> = names.filter(|name| name.ends_with(".json") && name != "index.json").collect();
    assert_eq!(listed.iter().cloned().collect::<BTreeSet<_>>(), there);
    assert_eq!(listed.len(), there.len(), "a file is listed twice");
}

#[test]
fn every_case_is_told_apart_and_explained() {
    let mut seen: BTreeMap<String, String> = BTreeMap::new();
    for name in listed() {
        let file = read(&name);
        assert_eq!(file["spec_version"], 1, "{name}");
        assert_eq!(file["name"].as_str(), name.strip_suffix(".json"), "{name}");
        let cases = file["cases"].as_array().unwrap_or_else(|| panic!("{name}: no cases"));
        assert!(!cases.is_empty(), "{name}: no cases");
        for case in cases {
            let id = case["id"].as_str().unwrap_or_else(|| panic!("{name}: a case without an id: {case}"));
            let kind = case["kind"].as_str().unwrap_or_default();
            assert!(KINDS.contains(&kind), "{name}: {id} is of the kind `{kind}`");
            assert!(!case["description"].as_str().unwrap_or_default().is_empty(), "{name}: {id} is not described");
            let expect = case["expect"].as_object();
            assert!(expect.is_some_and(|expect| !expect.is_empty()), "{name}: {id} expects nothing");
            if let Some(other) = seen.insert(id.to_owned(), name.clone()) {
                panic!("{name}: {id} is already in {other}");
            }
        }
    }
}
