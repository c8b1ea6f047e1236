//! Documents are true as far as reading them can tell: links lead somewhere, guarantees name a test that exists.
//!
//! A guarantee is an item of a list under the heading "Guarantees" of a file in `docs`. It ends with the test that would
//! fail without it, by its file and its name: ``- No answer is older than ... (`tests/x.rs`: `the_name_of_the_test`)``.

use super::{read, root};
use std::fs;

/// Documents that must guarantee something.
const WITH_GUARANTEES: [&str; 2] = ["docs/bounds.md", "docs/replication.md"];

/// Every document of ours, by its path from the root.
fn documents() -> Vec<String> {
    let mut found = Vec::new();
    for folder in ["", "docs", "demo", "pkg", "tests", "src", "fuzz"] {
        for entry in fs::read_dir(root().join(folder)).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "md") {
                found.push(path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    assert!(8 < found.len(), "{found:?}");
    found
}

/// The lines of a document without its blocks of code.
fn prose(text: &str) -> Vec<&str> {
    let mut in_code = false;
    let is_prose = |line: &&str| {
        let is_fence = line.trim_start().starts_with("```");
        in_code ^= is_fence;
        !in_code && !is_fence
    };
    text.lines().filter(is_prose).collect()
}

/// The anchor that a heading gets.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().to_lowercase();
    let kept = kept.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[test]
fn links_lead_somewhere() {
    for path in documents() {
        let text = read(&path);
        for line in prose(&text) {
            for link in line.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
                if link.contains("://") || link.starts_with("mailto:") {
                    continue;
                }
                let (file, fragment) = link.split_once('#').unwrap_or((link, ""));
                let folder = root().join(&path).parent().unwrap().to_owned();
                let target = if file.is_empty() { root().join(&path) } else { folder.join(file) };
                assert!(target.exists(), "{path}: `{link}` leads nowhere");
                if !fragment.is_empty() {
                    let there = fs::read_to_string(&target).unwrap();
                    let is_there = prose(&there)
                        .iter()
                        .filter(|line| line.starts_with('#'))
                        .any(|line| anchor(line.trim_start_matches('#')) == fragment);
                    assert!(is_there, "{path}: `{link}`: there is no such heading");
                }
            }
        }
    }
}

/// Every guarantee of a document, each in one line.
fn guarantees(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut is_inside = false;
    for line in prose(text) {
        if line.starts_with('#') {
            is_inside = line.trim_start_matches('#').trim() == "Guarantees";
        } else if is_inside && (line.starts_with("- ") || line.starts_with("* ")) {
            found.push(line[2..].to_owned());
        } else if is_inside && line.starts_with(' ') {
            let last = found.last_mut().unwrap_or_else(|| panic!("`{line}` belongs to no guarantee"));
            last.push_str(&format!(" {}", line.trim()));
        }
    }
    found
}

#[test]
fn every_guarantee_names_a_test_that_exists() {
    for path in documents().iter().filter(|path| path.starts_with("docs/")) {
        let found = guarantees(&read(path));
        assert!(!WITH_GUARANTEES.contains(&path.as_str()) || !found.is_empty(), "{path} guarantees nothing");
        for guarantee in found {
            let named = guarantee.strip_suffix("`)").and_then(|text| text.rsplit_once("(`"));
            let named = named.and_then(|(_, named)| named.split_once("`: `"));
            let (file, name) =
                named.unwrap_or_else(|| panic!("{path}: no (`file`: `test`) at the end of: {guarantee}"));
            let text = fs::read_to_string(root().join(file)).unwrap_or_else(|_| panic!("{path}: there is no {file}"));
            let is_there = if file.ends_with(".rs") {
                text.contains(&format!("#[test]\nfn {name}()")) || text.contains(&format!("    fn {name}("))
            } else {
                text.contains(&format!("test(\"{name}\"")) || text.contains(&format!("test(`{name}`"))
            };
            assert!(is_there, "{path}: {file} has no test `{name}`");
        }
    }
}

/// The blocks of code in this language, without the lines that rustdoc hides.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    let blocks = text.split(&fence).skip(1).filter_map(|rest| rest.split("```").next());
    let shown = |block: &str| block.lines().filter(|line| !line.starts_with("# ")).collect::<Vec<_>>().join("\n");
    blocks.map(shown).collect()
}

#[test]
fn the_rust_of_the_readme_is_an_example_that_is_run() {
    let found = blocks(&read("README.md"), "rust");
    let docs: String = read("src/mayuse/lib.rs")
        .lines()
        .filter_map(|line| line.strip_prefix("//!"))
        .map(|line| format!("{}\n", line.strip_prefix(' ').unwrap_or(line)))
        .collect();
    // A documentation test runs this block, which has no language.
    let example = docs.split("# Example: a snapshot file\n\n").nth(1).unwrap();
    assert_eq!(found, [blocks(example, "").remove(0)]);
}

#[test]
fn the_readme_is_short() {
    assert!(read("README.md").lines().count() <= 90, "README.md has more than 90 lines");
}

#[test]
fn rules_live_where_architecture_says() {
    let text = read("ARCHITECTURE.md");
    let table = text.split("## Where the rules live").nth(1).unwrap().split("\n## ").next().unwrap();
    let mut n_places = 0;
    for row in table.lines().filter(|line| line.contains("`src/")) {
        let words: Vec<&str> = row.split('`').collect();
        for (at, file) in words.iter().enumerate().filter(|(_, word)| word.starts_with("src/")) {
            let name = words[at + 2];
            assert!(read(file).contains(&format!("fn {name}")), "{file} has no function `{name}`");
            n_places += 1;
        }
    }
    assert!(12 < n_places, "only {n_places} places");
}
