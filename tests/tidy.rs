//! What is promised of the repository itself, and can be read off its files.

mod circles;
mod crates;
mod documents;
mod licences;
mod semantics;

use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// No source file is longer.
const MAX_LINES: usize = 420;

/// What a reader looks for first.
const DOCUMENTS: [&str; 5] = ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"];

/// What the core may not contain: clocks, shared state, concurrency, JavaScript, output.
const NOT_IN_CORE: [&str; 17] = [
    "SystemTime",
    "Instant::now",
    "Utc::now",
    "Local::now",
    "std::time",
    "std::env",
    "std::fs",
    "std::net",
    "std::thread",
    "static mut ",
    "static ",
    "async ",
    "wasm_bindgen",
    "js_sys",
    "print!",
    "println!",
    "dbg!",
];

/// What the npm builds do without: each would bring the machinery of `core::fmt`, or of the search for characters,
/// which are kilobytes of wasm. `text.rs` of the core has what takes their place.
const NOT_IN_WASM: [&str; 10] = [
    "format!(",
    "write!(",
    "writeln!(",
    ".to_string()",
    "escape_debug",
    "escape_default",
    ".split_once('",
    ".split('",
    ".trim_end_matches(",
    ".trim_start_matches(",
];

/// The modules of these crates that are not in the npm builds.
const NOT_IN_NPM: [&str; 7] = [
    "src/document/serde.rs",
    "src/snapshot/asking.rs",
    "src/snapshot/look.rs",
    "src/snapshot/patch.rs",
    "src/snapshot/publisher.rs",
    "src/snapshot/reader.rs",
    "src/snapshot/taken.rs",
];

// Written in two parts, so that this file does not find itself.
const NOT_ANYWHERE: [&str; 7] = [
    concat!("todo", "!"),
    concat!("unimplemented", "!"),
    concat!("#[ig", "nore"),
    concat!(".sk", "ip("),
    concat!("dbg", "!("),
    // Of a merge that was not finished.
    concat!("\n<<<", "<<<< "),
    concat!("\n>>>", ">>>> "),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn toml_section(text: &str, section: &str) -> Vec<String> {
    let lines = text.lines().skip_while(|line| *line != format!("[{section}]")).skip(1);
    let lines = lines.take_while(|line| !line.starts_with('['));
    lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned).collect()
}

/// The value of `name = "..."` in a section, or the `version` of `name = { ... }`.
fn toml_version(text: &str, section: &str, name: &str) -> String {
    let lines = toml_section(text, section);
    let line = lines.iter().find(|line| line.split([' ', '=']).next() == Some(name));
    let line = line.unwrap_or_else(|| panic!("no `{name}` in [{section}]"));
    let after = line.split_once("version").map_or(line.as_str(), |(_, after)| after);
    after.split('"').nth(1).unwrap_or_default().trim_start_matches('=').to_owned()
}

/// Every source file, by its path from the root. What is generated, and vectors, are none.
fn sources() -> Vec<String> {
    const EXTENSIONS: [&str; 5] = ["rs", "ts", "js", "mjs", "sh"];
    const NOT_OURS: [&str; 6] = ["build", "wasm", "node_modules", "target", "vectors", "generated"];
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = ["src", "tests", "fuzz", "scripts", "pkg"].map(|name| root().join(name)).to_vec();
    while let Some(folder) = folders.pop() {
        // `src/wasm` is ours, `pkg/wasm` is built.
        let is_ours =
            |path: &Path| path == root().join("src/wasm") || !NOT_OURS.iter().any(|name| path.ends_with(name));
        for entry in fs::read_dir(&folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            let extension = path.extension().unwrap_or_default().to_str().unwrap();
            if path.is_dir() && is_ours(&path) && !path.file_name().unwrap().to_str().unwrap().starts_with('.') {
                folders.push(path);
            } else if path.is_file() && EXTENSIONS.contains(&extension) {
                found.push(path.strip_prefix(root()).unwrap().to_str().unwrap().replace('\\', "/"));
            }
        }
    }
    assert!(30 < found.len(), "only {} source files", found.len());
    found.sort();
    found
}

/// The folders of the crates that decide, read, replicate, translate, and offer all this to Rust programs.
fn pure_crates() -> Vec<String> {
    ["core", "document", "snapshot", "dialects", "mayuse"].map(|name| format!("src/{name}")).to_vec()
}

/// The folders of all crates.
fn crates() -> Vec<String> {
    let folders = fs::read_dir(root().join("src")).unwrap().map(|entry| entry.unwrap().file_name());
    let mut folders: Vec<String> = folders.map(|name| format!("src/{}", name.to_str().unwrap())).collect();
    folders.sort();
    folders
}

/// The code of a Rust file, without comments.
fn code_of(path: &str) -> String {
    let text = read(path);
    let lines = text.lines().map(|line| line.split_once("//").map_or(line, |(code, _)| code));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_core_needs_no_crate_and_no_clock() {
    let manifest = read("src/core/Cargo.toml");
    let dependencies = toml_section(&manifest, "dependencies");
    assert!(dependencies.is_empty(), "{dependencies:?}");
    assert!(!manifest.contains("[target."), "dependencies of one platform are dependencies too");

    let workspace = read("Cargo.toml");
    let pinned = toml_section(&workspace, "workspace.dependencies");
    let line = pinned.iter().find(|line| line.starts_with("rust_decimal ")).unwrap();
    assert!(line.contains("default-features = false") && !line.contains("\"rand\""), "{line}");
}

#[test]
fn the_core_is_pure() {
    let in_core = |path: &&String| path.starts_with("src/core/") || path.starts_with("src/document/");
    for path in sources().iter().filter(in_core) {
        let code = code_of(path).replace("'static ", "");
        for word in NOT_IN_CORE {
            assert!(!code.contains(word), "{path} contains `{word}`");
        }
    }
}

#[test]
fn texts_are_put_together_without_formatting() {
    let in_npm = |path: &&String| {
        ["src/core/", "src/document/", "src/snapshot/"].iter().any(|folder| path.starts_with(folder))
            && !NOT_IN_NPM.contains(&path.as_str())
    };
    for path in sources().iter().filter(in_npm) {
        let code = code_of(path);
        // `Display` is for people who print, which the builds do not.
        let code = code.split("#[cfg(test)]").next().unwrap_or_default().replace("write!(f, ", "");
        for word in NOT_IN_WASM {
            assert!(!code.contains(word), "{path} contains `{word}`");
        }
    }
}

#[test]
fn unsafe_code_is_forbidden_or_explained() {
    for entry in fs::read_dir(root().join("src")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let roots = ["lib.rs", "main.rs"].map(|file| format!("src/{name}/{file}"));
        for path in roots.iter().filter(|path| root().join(path).is_file()) {
            let text = read(path);
            let says = |line: &str| {
                line == "#![forbid(unsafe_code)]" || line.starts_with("// forbid(unsafe_code) is impossible here:")
            };
            assert!(text.lines().any(says), "{path} neither forbids unsafe code nor says why it cannot");
        }
    }
}

#[test]
fn shells_for_wasm_are_nothing_else() {
    for shell in ["src/worker", "src/wasm"] {
        let manifest = read(&format!("{shell}/Cargo.toml"));
        assert!(toml_section(&manifest, "lib").contains(&r#"crate-type = ["cdylib"]"#.to_owned()), "{shell}");
    }
}

#[test]
fn source_files_are_short() {
    let n_lines = |path: &String| read(path).lines().count();
    let long: Vec<String> = sources().into_iter().filter(|path| MAX_LINES < n_lines(path)).collect();
    assert!(long.is_empty(), "longer than {MAX_LINES} lines: {long:?}");
}

#[test]
fn nothing_is_left_undone() {
    for path in sources() {
        let text = if path.ends_with(".rs") { code_of(&path) } else { read(&path) };
        for word in NOT_ANYWHERE {
            // Iterators have a method of that name.
            let is_iterator = word == NOT_ANYWHERE[3] && path.ends_with(".rs");
            assert!(is_iterator || !text.contains(word), "{path} contains `{word}`");
        }
    }
}

#[test]
fn scripts_can_be_read_by_bash() {
    for path in sources().iter().filter(|path| path.ends_with(".sh")) {
        let read = std::process::Command::new("bash").arg("-n").arg(root().join(path)).output().unwrap();
        assert!(read.status.success(), "{path}: {}", String::from_utf8_lossy(&read.stderr));
    }
}

#[test]
fn the_documents_are_there() {
    for name in DOCUMENTS {
        assert!(500 < read(name).len(), "{name} says next to nothing");
    }
}

#[test]
fn the_lock_file_names_no_registry() {
    // It would be that of whoever wrote it, and not everybody can reach it.
    assert!(!read("package-lock.json").contains("\"resolved\""), "package-lock.json records addresses");
}

#[test]
fn versions_agree() {
    let workspace = read("Cargo.toml");
    let version = toml_version(&workspace, "workspace.package", "version");
    assert_eq!(version.split('.').count(), 3, "{version}");
    if root().join("pkg/package.json").is_file() {
        let package: Value = serde_json::from_str(&read("pkg/package.json")).unwrap();
        assert_eq!(package["version"], version.as_str(), "pkg/package.json");
    }
    let tools = read("scripts/versions.env");
    let tool =
        |name: &str| tools.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('=')).unwrap().to_owned();
    let pinned = |name| toml_version(&workspace, "workspace.dependencies", name);
    assert_eq!(pinned("wasm-bindgen-cli-support"), pinned("wasm-bindgen"), "its format changes on patch releases");
    assert_eq!(tool("MIN_RUST"), toml_version(&workspace, "workspace.package", "rust-version"));
    let tools: Value = serde_json::from_str(&read("package.json")).unwrap();
    assert_eq!(tools["engines"]["node"], format!(">={}", tool("MIN_NODE")), "package.json");
}
