//! Arrows between crates point down, shells do not see each other, and pure crates have no clock.

use super::{code_of, pure_crates, read, root, sources, toml_section};
use std::collections::BTreeSet;

/// Each crate by its folder in `src`, and which others it may depend on. From the bottom up.
const MAY_NEED: [(&str, &[&str]); 10] = [
    ("core", &[]),
    ("zones", &["core"]),
    ("intl", &["core"]),
    ("document", &["core"]),
    ("snapshot", &["core"]),
    ("dialects", &["core", "document"]),
    ("mayuse", &["core", "zones", "document", "snapshot"]),
    ("wasm", &["core", "intl", "document", "snapshot"]),
    ("worker", &["core", "intl", "document", "snapshot", "dialects"]),
    ("cli", &["core", "zones", "document", "snapshot", "dialects"]),
];

/// What no pure crate may contain: clocks, chance, the machine, JavaScript.
const NOT_IN_PURE: [&str; 13] = [
    "SystemTime",
    "Instant::now",
    "Utc::now",
    "Local::now",
    "Date.now",
    "std::time",
    "std::env",
    "std::fs",
    "std::net",
    "std::thread",
    "getrandom",
    "wasm_bindgen",
    "js_sys",
];

#[test]
fn arrows_between_crates_point_down() {
    let mut folders = BTreeSet::new();
    for entry in std::fs::read_dir(root().join("src")).unwrap() {
        let path = entry.unwrap().path();
        if path.join("Cargo.toml").is_file() {
            folders.insert(path.file_name().unwrap().to_str().unwrap().to_owned());
        }
    }
    assert_eq!(folders, MAY_NEED.iter().map(|(name, _)| (*name).to_owned()).collect(), "the table of crates");
    for folder in &folders {
        let (_, may) = MAY_NEED
            .iter()
            .find(|(name, _)| name == folder)
            .unwrap_or_else(|| panic!("src/{folder} is not in the table of crates"));
        let manifest = read(&format!("src/{folder}/Cargo.toml"));
        assert!(!manifest.contains("[dependencies."), "src/{folder}: one line for each dependency");
        assert!(!manifest.contains("[target."), "src/{folder}: dependencies of one platform are dependencies too");
        for section in ["dependencies", "build-dependencies"] {
            for line in toml_section(&manifest, section) {
                let name = line.split(['.', ' ', '=']).next().unwrap();
                if let Some(other) = name.strip_prefix("mayuse-").or_else(|| (name == "mayuse").then_some(name)) {
                    assert!(may.contains(&other), "src/{folder} depends on src/{other}: arrows point down");
                }
            }
        }
    }
}

/// Where the crate for Rust programs meets the machine: the rest of it is pure.
const ON_THE_MACHINE: [&str; 2] = ["src/mayuse/machine.rs", "src/mayuse/examples/"];

#[test]
fn pure_crates_have_no_clock_and_no_machine() {
    for krate in pure_crates() {
        let is_in = |path: &&String| path.starts_with(&format!("{krate}/"));
        let is_pure = |path: &&String| !ON_THE_MACHINE.iter().any(|place| path.starts_with(place));
        for path in sources().iter().filter(is_in).filter(is_pure) {
            let code = code_of(path);
            for word in NOT_IN_PURE {
                assert!(!code.contains(word), "{path} contains `{word}`");
            }
        }
    }
}

#[test]
fn every_rust_file_begins_with_what_it_is() {
    for path in sources().iter().filter(|path| path.ends_with(".rs")) {
        assert!(read(path).starts_with("//!"), "{path} does not begin with `//!`");
    }
}
