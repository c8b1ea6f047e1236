//! Which question a request asks.

use crate::http::{Answer, Refusal, Request};
use crate::snapshot::Held;
use mayuse_core::{Check, Decision, Instant, Problems, Reason, Snapshot, Tree, decide, undecided};
use percent_encoding::percent_decode_str;
use serde::Serialize;

/// What a question may take: more than ten times the longest one that makes sense.
const MAX_CHECK_BYTES: usize = 16 * 1024;
/// The most questions of a batch, and what they may take together.
const MAX_BATCH: usize = 1_000;
const MAX_BATCH_BYTES: usize = 1024 * 1024;

const OPENAPI: &str = include_str!("../../openapi.json");

/// The most bytes the body of a path may have.
pub fn body_limit(path: &str) -> usize {
    if path == "/v1/check/batch" { MAX_BATCH_BYTES } else { MAX_CHECK_BYTES }
}

/// Answers a request. Pure: the same request, catalogue and instant give the same answer.
pub fn answer(request: &Request<'_>, held: &Held, now: Instant) -> Answer {
    let segments: Vec<&str> = request.path.strip_prefix('/').unwrap_or_default().split('/').collect();
    let answered = match (request.method, segments.as_slice()) {
        ("GET" | "POST", ["v1", "check"]) => check(request, held, now),
        ("POST", ["v1", "check", "batch"]) => batch(request, held, now),
        ("GET", ["v1", "customers", key, "entitlements"]) => entitlements(key, request, held, now),
        ("GET", ["healthz"]) => Ok(Answer::json(200, &Health { status: "ok" })),
        ("GET", ["readyz"]) => Ok(ready(held)),
        ("GET", ["openapi.json"]) => {
            Ok(Answer { status: 200, content_type: "application/json", allow: None, body: OPENAPI.as_bytes().to_vec() })
        }
        (_, ["v1", "check"]) => Err(Refusal::method_not_allowed("GET, HEAD, POST")),
        (_, ["v1", "check", "batch"]) => Err(Refusal::method_not_allowed("POST")),
        (_, ["v1", "customers", _, "entitlements"] | ["healthz" | "readyz" | "openapi.json"]) => {
            Err(Refusal::method_not_allowed("GET, HEAD"))
        }
        _ => Err(Refusal::not_found()),
    };
    answered.unwrap_or_else(Answer::from)
}

#[derive(Serialize)]
struct Health {
    status: &'static str,
}

fn ready(held: &Held) -> Answer {
    match held {
        Held::Catalog(_) => Answer::json(200, &Health { status: "ok" }),
        Held::Invalid(unusable) => Refusal::unusable(unusable).into(),
    }
}

fn check(request: &Request<'_>, held: &Held, now: Instant) -> Result<Answer, Refusal> {
    let check = match request.method {
        "POST" => Check::read(&json(request)?)?,
        _ => {
            let pairs: Vec<_> = form_urlencoded::parse(request.query.as_bytes()).collect();
            Check::from_pairs(pairs.iter().map(|(name, value)| (name.as_ref(), value.as_ref())))?
        }
    };
    Ok(Answer::json(200, &decided(&check, held, now)?))
}

fn decided<'c>(check: &'c Check, held: &'c Held, now: Instant) -> Result<Decision<'c>, Problems> {
    let (question, at) = (check.question(), check.at.unwrap_or(now));
    match held {
        Held::Catalog(catalog) => decide(catalog, &question, at).map_err(Problems::from),
        Held::Invalid(_) => {
            undecided(&question, Reason::SnapshotInvalid, &Snapshot::default(), at).map_err(Problems::from)
        }
    }
}

/// Up to a thousand questions. A malformed one is answered with its error and leaves the others be.
fn batch(request: &Request<'_>, held: &Held, now: Instant) -> Result<Answer, Refusal> {
    let checks = Check::read_batch(&json(request)?, MAX_BATCH)?;
    let results: Vec<BatchResult<'_>> = checks
        .iter()
        .map(|check| match check {
            Ok(check) => decided(check, held, now).map_or_else(BatchResult::refused, BatchResult::decided),
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
    Refused { error: Refusal },
}

impl<'c> BatchResult<'c> {
    fn decided(decision: Decision<'c>) -> Self {
        BatchResult::Decided(Box::new(decision))
    }

    fn refused(problems: Problems) -> Self {
        BatchResult::Refused { error: problems.into() }
    }
}

#[derive(Serialize)]
struct Entitlements<'c> {
    data: Vec<Decision<'c>>,
}

fn entitlements(key: &str, request: &Request<'_>, held: &Held, now: Instant) -> Result<Answer, Refusal> {
    let customer = percent_decode_str(key).decode_utf8().map_err(|_| Refusal::not_utf8())?;
    let query: Vec<_> = form_urlencoded::parse(request.query.as_bytes()).collect();
    let others = query.iter().map(|(name, value)| (name.as_ref(), value.as_ref()));
    let pairs = std::iter::once(("customer", customer.as_ref())).chain(others.filter(|(name, _)| *name != "customer"));
    let check = Check::for_all_from_pairs(pairs)?;
    let at = check.at.unwrap_or(now);
    let Held::Catalog(catalog) = held else {
        return Err(Refusal::new(503, "SNAPSHOT_INVALID", "there is no usable catalogue; /readyz says why"));
    };
    let decide = |code| decide(catalog, &check.question_on(code), at);
    let data: Result<Vec<_>, _> = catalog.feature_codes().map(decide).collect();
    let data = data.map_err(Problems::from)?;
    Ok(Answer::json(200, &Entitlements { data }))
}

fn json(request: &Request<'_>) -> Result<Tree, Refusal> {
    let essence = request.content_type.and_then(|text| text.split(';').next()).unwrap_or_default();
    if !essence.trim().eq_ignore_ascii_case("application/json") {
        return Err(Refusal::unsupported_media_type());
    }
    serde_json::from_slice(request.body).map_err(|error| Refusal::not_json(&error))
}
