//! The questions: one, many, and all about one customer.

use crate::http::Answer;
use mayuse_core::{Catalog, Check, Decision, Instant, Problems, Reason, Snapshot, decide, sort_by, undecided};
use mayuse_dialects::{Dialect, Failure, Request, Store, catalog_for};
use serde::Serialize;
use serde_json::{Value, json};

/// The most questions of a batch.
const MAX_BATCH: usize = 1_000;

/// The most bytes the body of a path may have. For a question, or a batch of them, that is more than
/// ten times what makes sense.
pub fn body_limit(path: &str) -> usize {
    match path {
        "/v1/check" => 16 * 1024,
        "/v1/check/batch" => 1024 * 1024,
        _ => mayuse_dialects::body_limit(path),
    }
}

/// Whether a path is about questions.
pub fn takes(segments: &[&str]) -> bool {
    matches!(segments, ["v1", "check"] | ["v1", "check", "batch"] | ["v1", "customers", _, "entitlements"])
}

/// Answers a question from what is stored.
pub fn answer(request: &Request<'_>, segments: &[&str], store: &dyn Store, now: Instant) -> Answer {
    let answered = match (request.method, segments) {
        ("GET" | "POST", ["v1", "check"]) => check(request, store, now),
        ("POST", ["v1", "check", "batch"]) => batch(request, store, now),
        ("GET", ["v1", "customers", key, "entitlements"]) => entitlements(key, request, store, now),
        (_, ["v1", "check"]) => Err(Failure::method_not_allowed("GET, HEAD, POST")),
        (_, ["v1", "check", "batch"]) => Err(Failure::method_not_allowed("POST")),
        _ => Err(Failure::method_not_allowed("GET, HEAD")),
    };
    answered.unwrap_or_else(|failure| Answer::refusal(Dialect::Own, &failure))
}

/// What questions are answered from; nothing where nothing was ever written.
fn open(store: &dyn Store, customers: &[&str], now: Instant) -> Result<Option<Catalog>, Failure> {
    if store.version()? == 0 { Ok(None) } else { catalog_for(store, customers, now).map(Some) }
}

fn check(request: &Request<'_>, store: &dyn Store, now: Instant) -> Result<Answer, Failure> {
    let check = match request.method {
        "POST" => Check::read(&request.tree()?)?,
        _ => {
            let pairs = request.parameters();
            Check::from_pairs(pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())))?
        }
    };
    let catalog = open(store, &[check.customer()], now)?;
    Ok(Answer::json(200, &decided(&check, catalog.as_ref(), now)?))
}

fn decided<'c>(check: &'c Check, catalog: Option<&'c Catalog>, now: Instant) -> Result<Decision<'c>, Problems> {
    let (question, at) = (check.question(), check.at.unwrap_or(now));
    match catalog {
        Some(catalog) => decide(catalog, &question, at).map_err(Problems::from),
        None => undecided(&question, Reason::SnapshotMissing, &Snapshot::default(), at).map_err(Problems::from),
    }
}

/// Up to a thousand questions. A malformed one is answered with its error and leaves the others be.
fn batch(request: &Request<'_>, store: &dyn Store, now: Instant) -> Result<Answer, Failure> {
    let checks = Check::read_batch(&request.tree()?, MAX_BATCH)?;
    let mut customers: Vec<&str> = checks.iter().flatten().map(Check::customer).collect();
    sort_by(&mut customers, Ord::cmp);
    customers.dedup();
    let catalog = open(store, &customers, now)?;
    let results: Vec<BatchResult<'_>> = checks
        .iter()
        .map(|check| match check {
            Ok(check) => decided(check, catalog.as_ref(), now)
                .map_or_else(BatchResult::refused, |decision| BatchResult::Decided(Box::new(decision))),
            Err(problems) => BatchResult::refused(problems.clone()),
        })
        .collect();
    Ok(Answer::json(200, &Batch { results }))
}

#[derive(Serialize)]
struct Batch<'c> {
    results: Vec<BatchResult<'c>>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum BatchResult<'c> {
    Decided(Box<Decision<'c>>),
    Refused(Value),
}

impl BatchResult<'_> {
    fn refused(problems: Problems) -> Self {
        BatchResult::Refused(Dialect::Own.refuse(&problems.into()).body.unwrap_or_default())
    }
}

#[derive(Serialize)]
struct Entitlements<'c> {
    data: Vec<Decision<'c>>,
}

fn entitlements(key: &str, request: &Request<'_>, store: &dyn Store, now: Instant) -> Result<Answer, Failure> {
    let query = request.parameters();
    let others = query.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let pairs = std::iter::once(("customer", key)).chain(others.filter(|(name, _)| *name != "customer"));
    let check = Check::for_all_from_pairs(pairs)?;
    let at = check.at.unwrap_or(now);
    let Some(catalog) = open(store, &[key], now)? else {
        return Ok(Answer::json(200, &json!({"data": []})));
    };
    let decide = |code| decide(&catalog, &check.question_on(code), at);
    let data: Result<Vec<_>, _> = catalog.feature_codes().map(decide).collect();
    Ok(Answer::json(200, &Entitlements { data: data.map_err(Problems::from)? }))
}
