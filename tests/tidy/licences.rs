//! What is depended on has a licence on the list of deny.toml, comes from crates.io, and comes in one version.
//!
//! It reads the same lists that cargo-deny reads, without cargo-deny, which takes minutes to build.

use super::{read, root, toml_section};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// Quoted texts of a list of deny.toml.
fn list(section: &str, name: &str) -> BTreeSet<String> {
    let text = toml_section(&read("deny.toml"), section).join("\n");
    let (_, rest) = text.split_once(&format!("{name} = [")).unwrap_or_else(|| panic!("deny.toml: no {name}"));
    let inside = rest.split("\n]").next().unwrap();
    let inside = if inside.starts_with('\n') { inside } else { rest.split(']').next().unwrap() };
    inside.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Whether an expression of SPDX can be met with these licences.
fn is_met(expression: &str, allowed: &BTreeSet<String>) -> bool {
    let text = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut at = 0;
    let met = any(&words, &mut at, allowed);
    assert_eq!(at, words.len(), "`{expression}` is not understood");
    met
}

fn any(words: &[&str], at: &mut usize, allowed: &BTreeSet<String>) -> bool {
    let mut met = all(words, at, allowed);
    while words.get(*at) == Some(&"OR") {
        *at += 1;
        met |= all(words, at, allowed);
    }
    met
}

fn all(words: &[&str], at: &mut usize, allowed: &BTreeSet<String>) -> bool {
    let mut met = one(words, at, allowed);
    while words.get(*at) == Some(&"AND") {
        *at += 1;
        met &= one(words, at, allowed);
    }
    met
}

fn one(words: &[&str], at: &mut usize, allowed: &BTreeSet<String>) -> bool {
    let word = words[*at];
    *at += 1;
    if word == "(" {
        let met = any(words, at, allowed);
        assert_eq!(words.get(*at), Some(&")"), "{words:?}");
        *at += 1;
        return met;
    }
    if words.get(*at) == Some(&"WITH") {
        // An exception takes nothing away, and is a licence of its own to cargo-deny.
        *at += 2;
        return allowed.contains(&format!("{word} WITH {}", words[*at - 1]));
    }
    allowed.contains(word)
}

#[test]
fn dependencies_are_licensed_and_come_from_one_place() {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    // Not offline: the packages of other platforms are in no cache that only builds have filled.
    let arguments = ["metadata", "--locked", "--format-version", "1", "--all-features"];
    let output = Command::new(cargo).args(arguments).current_dir(root()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let allowed = list("licenses", "allow");
    let registries = list("sources", "allow-registry");
    let mut used = BTreeSet::new();
    for package in metadata["packages"].as_array().unwrap() {
        let (name, licence) = (&package["name"], package["license"].as_str().unwrap_or_default());
        assert!(is_met(licence, &allowed), "{name}: the licence `{licence}` is not on the list of deny.toml");
        used.extend(allowed.iter().filter(|allowed| licence.contains(allowed.as_str())));
        if let Some(source) = package["source"].as_str() {
            let registry = source.strip_prefix("registry+").unwrap_or(source);
            assert!(registries.contains(registry), "{name} comes from {source}");
        }
    }
    let unused: Vec<_> = allowed.iter().filter(|licence| !used.contains(licence)).collect();
    assert!(unused.is_empty(), "on the list of deny.toml, and of no dependency: {unused:?}");
}

#[test]
fn a_dependency_comes_in_one_version_or_is_explained() {
    let lock = read("Cargo.lock");
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for package in lock.split("[[package]]").skip(1) {
        let field = |name: &str| package.split(&format!("\n{name} = \"")).nth(1)?.split('"').next();
        versions.entry(field("name").unwrap()).or_default().insert(field("version").unwrap());
    }
    // Every other text is the reason.
    let skipped: BTreeSet<String> = list("bans", "skip").into_iter().filter(|text| text.contains('@')).collect();
    let mut needed = BTreeSet::new();
    for (name, versions) in versions.iter().filter(|(_, versions)| 1 < versions.len()) {
        let explained: Vec<String> = versions.iter().map(|version| format!("{name}@{version}")).collect();
        let explained: Vec<_> = explained.into_iter().filter(|one| skipped.contains(one)).collect();
        assert_eq!(explained.len() + 1, versions.len(), "{name} comes as {versions:?}: deny.toml skips {explained:?}");
        needed.extend(explained);
    }
    assert_eq!(needed, skipped, "deny.toml skips what comes in one version");
}

#[test]
fn expressions_of_licences_are_read() {
    let allowed = BTreeSet::from(["MIT".to_owned(), "ISC".to_owned()]);
    for (expression, expected) in [
        ("MIT", true),
        ("GPL-3.0", false),
        ("Apache-2.0/MIT", true),
        ("MIT AND GPL-3.0", false),
        ("(MIT OR GPL-3.0) AND ISC", true),
        ("GPL-3.0 OR MIT AND ISC", true),
        ("Apache-2.0 WITH LLVM-exception", false),
        ("", false),
    ] {
        assert_eq!(!expression.is_empty() && is_met(expression, &allowed), expected, "{expression}");
    }
}
