//! `mayuse conform`: runs vector files against the core.

use crate::input::{self, CliError};
use crate::style;
use mayuse_core::{
    Amount, FullCatalog, Instant, Policy, Problems, Question, Reason, SnapshotMeta, Source, WriteJson, decide,
    undecided,
};
use mayuse_document::{Check, Document, Tree, ask_billing_period, ask_resolution, ask_window, read_reset_period};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Which files.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  mayuse conform tests/vectors
  mayuse conform tests/vectors/01-windows.json")]
pub struct Args {
    /// Vector files, or folders of them
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<PathBuf>,
}

/// Runs every case, and prints each failure and then the counts.
pub fn run(args: &Args) -> Result<bool, CliError> {
    let paint = style::for_stdout();
    let (mut n_passed, mut n_failed) = (0_usize, 0_usize);
    for path in files(&args.paths)? {
        let failures_of = run_file(&path)?;
        for (id, failures) in failures_of {
            if failures.is_empty() {
                n_passed = n_passed.saturating_add(1);
                continue;
            }
            n_failed = n_failed.saturating_add(1);
            let lines: Vec<_> = failures.iter().map(|line| style::plain(line)).collect();
            let (name, id, lines) = (input::name(&path), style::plain(&id), lines.join("\n    "));
            input::print(&format!("{} {name} {id}\n    {lines}", paint.red("FAILED")))?;
        }
    }
    if n_passed == 0 && n_failed == 0 {
        let what = args.paths.iter().map(|path| input::name(path)).collect::<Vec<_>>().join(", ");
        return Err(CliError::Json { what, message: "there is no case in it".to_owned() });
    }
    let counts = format!("{n_passed} passed, {n_failed} failed");
    input::print(&if n_failed == 0 { paint.green(&counts) } else { paint.red(&counts) })?;
    Ok(n_failed == 0)
}

/// The named files, and all `.json` files of the named folders except their index.
fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, CliError> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let failed = |error: io::Error| CliError::Io { what: input::name(path), error };
        let mut found = Vec::new();
        for entry in fs::read_dir(path).map_err(failed)? {
            let file = entry.map_err(failed)?.path();
            let is_vectors =
                file.extension().is_some_and(|e| e == "json") && file.file_stem().is_some_and(|s| s != "index");
            if is_vectors && file.is_file() {
                found.push(file);
            }
        }
        found.sort();
        files.append(&mut found);
    }
    Ok(files)
}

/// Runs the cases of a file. Returns the id and the differences of each.
fn run_file(path: &Path) -> Result<Vec<(String, Vec<String>)>, CliError> {
    let invalid = |message: &str| CliError::Json { what: input::name(path), message: message.to_owned() };
    let file: Value = serde_json::from_slice(&input::read(path)?).map_err(|error| invalid(&error.to_string()))?;
    if !matches!(file.get("spec_version").and_then(Value::as_u64), Some(1 | 2)) {
        return Err(invalid("expected a vector file with \"spec_version\": 1 or 2"));
    }
    let cases = file.get("cases").and_then(Value::as_array).ok_or_else(|| invalid("expected \"cases\", an array"))?;
    let mut shared = file.get("catalog").map(compile);
    let mut results = Vec::with_capacity(cases.len());
    for case in cases {
        let id = case.get("id").and_then(Value::as_str).ok_or_else(|| invalid("a case without an \"id\""))?;
        let expect = case.get("expect").ok_or_else(|| invalid("a case without \"expect\""))?;
        let mut failures = Vec::new();
        compare("", expect, &answer(case, shared.as_mut()), &mut failures);
        results.push((id.to_owned(), failures));
    }
    Ok(results)
}

fn compile(catalog: &Value) -> Result<FullCatalog, String> {
    let mut document = Document::deserialize(catalog).map_err(|error| error.to_string())?;
    document.with_zones(mayuse_zones::offsets);
    document.compile().map(|(catalog, _)| catalog).map_err(|problems| problems.to_string())
}

/// The answer to a case, or `{"error": true, ...}` if it is refused.
fn answer(case: &Value, shared: Option<&mut Result<FullCatalog, String>>) -> Value {
    let refused = |message: String| json!({"error": true, "message": message});
    // The rest of a case is the question.
    let not_asked = ["id", "kind", "description", "expect", "catalog", "snapshot"];
    let fields = case.as_object().cloned().unwrap_or_default();
    let question: Map<String, Value> =
        fields.into_iter().filter(|(name, _)| !not_asked.contains(&name.as_str())).collect();
    let tree = match Tree::deserialize(question) {
        Ok(tree) => tree,
        Err(error) => return refused(error.to_string()),
    };
    match case.get("kind").and_then(Value::as_str) {
        Some("window") => shown(ask_window(&tree, mayuse_zones::offsets)),
        Some("billing_period") => shown(ask_billing_period(&tree)),
        Some("resolve") => shown(ask_resolution(&tree, mayuse_zones::offsets)),
        Some(kind @ ("check" | "suggest" | "snapshot_check")) => {
            let mut own = case.get("catalog").map(compile);
            let catalog = match own.as_mut().or(shared) {
                Some(Ok(catalog)) => catalog,
                Some(Err(message)) => return refused(message.clone()),
                None => return refused("a check without a catalog".to_owned()),
            };
            let check = match Check::read(&tree) {
                Ok(check) => check,
                Err(problems) => return refused(problems.to_string()),
            };
            let now = input::now();
            let copy = match (kind, case.get("snapshot")) {
                ("check" | "suggest", _) => Copy { snapshot: SnapshotMeta::default(), unusable: None },
                (_, snapshot) => match copy(snapshot.unwrap_or(&Value::Null), now) {
                    Ok(copy) => copy,
                    Err(message) => return refused(message),
                },
            };
            catalog.catalog.snapshot = copy.snapshot;
            let question = check.question();
            let question = Question { suggest: question.suggest || kind == "suggest", ..question };
            let decided = match copy.unusable {
                Some(reason) => undecided(&question, reason, &copy.snapshot, now),
                None => decide(catalog, &question, now),
            };
            match decided {
                Ok(decision) => shown(Ok(decision)),
                Err(problem) => refused(problem.to_string()),
            }
        }
        kind => refused(format!("unknown kind {kind:?}")),
    }
}

/// The catalog copy from which a `snapshot_check` is decided.
struct Copy {
    snapshot: SnapshotMeta,
    /// The reason if the copy is unusable.
    unusable: Option<Reason>,
}

/// Reads `{"source"?, "version"?, "age_ms"?, "stale_after_ms"?, "max_age_ms"?, "on_indeterminate"?, "unusable"?}`.
/// An unknown field is an error, because a misspelt field would change the case.
fn copy(value: &Value, now: Instant) -> Result<Copy, String> {
    let fields = value.as_object().ok_or("a snapshot_check without \"snapshot\", an object")?;
    let mut copy = Copy { snapshot: SnapshotMeta::default(), unusable: None };
    for (name, value) in fields {
        let wrong = || format!("snapshot.{name}: {value} is not expected");
        let number = || value.as_u64().ok_or_else(wrong);
        match (name.as_str(), value.as_str()) {
            ("source", Some("SNAPSHOT")) => copy.snapshot.source = Source::Snapshot,
            ("source", Some("EMBEDDED")) => copy.snapshot.source = Source::Embedded,
            ("source", Some("ORIGIN")) => copy.snapshot.source = Source::Origin,
            ("version", _) => copy.snapshot.version = Some(number()?),
            ("age_ms", _) => {
                let made = i64::try_from(number()?).ok().and_then(|age| now.millis().checked_sub(age));
                copy.snapshot.generated_at = Some(made.and_then(Instant::from_millis).ok_or_else(wrong)?);
            }
            ("stale_after_ms", _) => copy.snapshot.stale_after_ms = Some(number()?),
            ("max_age_ms", _) => copy.snapshot.max_age_ms = Some(number()?),
            ("on_indeterminate", Some("ALLOW")) => copy.snapshot.on_indeterminate = Policy::Allow,
            ("on_indeterminate", Some("DENY")) => copy.snapshot.on_indeterminate = Policy::Deny,
            ("unusable", Some("SNAPSHOT_MISSING")) => copy.unusable = Some(Reason::SnapshotMissing),
            ("unusable", Some("SNAPSHOT_INVALID")) => copy.unusable = Some(Reason::SnapshotInvalid),
            _ => return Err(wrong()),
        }
    }
    Ok(copy)
}

fn shown<T: WriteJson>(answer: Result<T, Problems>) -> Value {
    let refused = |message: String| json!({"error": true, "message": message});
    match answer {
        Ok(answer) => input::value_of(&answer).unwrap_or_else(|_| refused("the answer is no JSON".to_owned())),
        Err(problems) => refused(problems.to_string()),
    }
}

/// Records where `actual` differs from `expect`. Only the fields of `expect` are compared.
fn compare(path: &str, expect: &Value, actual: &Value, failures: &mut Vec<String>) {
    let same = match (expect, actual) {
        (Value::Object(expect), Value::Object(actual)) => return compare_fields(path, expect, actual, failures),
        (Value::Array(expect), Value::Array(actual)) => same_set(expect, actual),
        (Value::String(expect), Value::String(actual)) => same_text(expect, actual),
        (expect, actual) => expect == actual,
    };
    if !same {
        failures.push(format!("{path}: expected {expect}, found {actual}"));
    }
}

fn compare_fields(path: &str, expect: &Map<String, Value>, actual: &Map<String, Value>, failures: &mut Vec<String>) {
    if expect.get("error") != Some(&json!(true)) && actual.get("error") == Some(&json!(true)) {
        failures.push(format!("refused: {}", actual.get("message").unwrap_or(&Value::Null)));
        return;
    }
    for (name, expect) in expect {
        let actual = actual.get(name).unwrap_or(&Value::Null);
        // MONTH 12 equals YEAR 1.
        if name == "reset_period" && same_period(expect, actual) {
            continue;
        }
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        compare(&path, expect, actual, failures);
    }
}

/// Whether two lists have the same items in any order.
fn same_set(expect: &[Value], actual: &[Value]) -> bool {
    let mut left: Vec<&Value> = actual.iter().collect();
    // The most specific expectations match first, so that a vaguer one does not take their item.
    let mut expect: Vec<&Value> = expect.iter().collect();
    expect.sort_by_key(|expect| std::cmp::Reverse(expect.to_string().len()));
    let found = expect.into_iter().all(|expect| {
        let matches = |actual: &&Value| {
            let mut failures = Vec::new();
            compare("", expect, actual, &mut failures);
            failures.is_empty()
        };
        let at = left.iter().position(matches);
        at.map(|at| left.swap_remove(at)).is_some()
    });
    found && left.is_empty()
}

/// Compares decimals by value and instants by time.
fn same_text(expect: &str, actual: &str) -> bool {
    let amounts = || Some(Amount::parse(expect).ok()? == Amount::parse(actual).ok()?);
    let instants = || Some(Instant::parse(expect).ok()? == Instant::parse(actual).ok()?);
    expect == actual || amounts().or_else(instants).unwrap_or(false)
}

fn same_period(expect: &Value, actual: &Value) -> bool {
    let read = |value: &Value| read_reset_period(&Tree::deserialize(value).ok()?).ok();
    read(expect)
        .zip(read(actual))
        .is_some_and(|(expect, actual)| expect.1 == actual.1 && expect.0.is_equivalent(actual.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_vector_has_the_answer_it_expects() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors");
        let files = files(&[folder]).unwrap_or_else(|error| panic!("{error:?}"));
        assert!(!files.is_empty(), "there is no vector file");
        for path in files {
            let cases = run_file(&path).unwrap_or_else(|error| panic!("{}: {error:?}", path.display()));
            for (id, failures) in cases {
                assert!(failures.is_empty(), "{} {id}: {failures:?}", path.display());
            }
        }
    }
}
