//! Check requests: one question, a batch, or all features of a customer.

use crate::http::Answer;
use crate::js;
use mayuse_core::{Decision, FullCatalog, Instant, Problem, Problems, Question, Reason, SnapshotMeta, WriteJson};
use mayuse_core::{decide, sort_by, undecided};
use mayuse_dialects::{ApiError, CheckForm, Dialect, JsonValue, Request, Store, catalog_for};
use mayuse_document::Check;
use mayuse_snapshot::Asking;

/// The maximum number of questions in a batch.
const MAX_BATCH: usize = 1_000;

/// The number of questions that the Durable Object answers before it yields to other requests.
const SLICE: usize = 100;

/// The number of batched questions that the rate limit counts as one request.
const PER_COUNT: usize = 50;

/// The questions of a request.
#[derive(Debug)]
pub enum CheckRequest {
    /// One question.
    One(Check),
    /// A batch. A malformed question gets its error as its answer and does not affect the others.
    Many(Vec<Result<Check, Problems>>),
    /// Every feature of one customer.
    All(Check),
}

impl CheckRequest {
    /// Reads a request in one of the check forms. `customer` is the path parameter.
    ///
    /// # Errors
    /// The problems of the question, or of the batch as a whole.
    pub fn read(form: CheckForm, request: &Request<'_>, customer: &str) -> Result<CheckRequest, ApiError> {
        let query = request.parameters();
        let pairs = query.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        Ok(match form {
            CheckForm::Query => CheckRequest::One(Check::from_pairs(pairs)?),
            CheckForm::Body => CheckRequest::One(Check::read(&request.tree()?)?),
            CheckForm::Batch => CheckRequest::Many(Check::read_batch(&request.tree()?, MAX_BATCH)?),
            CheckForm::Customer => {
                let others = pairs.filter(|(name, _)| *name != "customer");
                CheckRequest::All(Check::for_all_from_pairs(std::iter::once(("customer", customer)).chain(others))?)
            }
        })
    }

    /// The well-formed questions.
    pub fn checks(&self) -> impl Iterator<Item = &Check> {
        let (one, many) = match self {
            CheckRequest::One(check) | CheckRequest::All(check) => (Some(check), [].as_slice()),
            CheckRequest::Many(checks) => (None, checks.as_slice()),
        };
        one.into_iter().chain(many.iter().flatten())
    }

    /// The number of requests that the rate limit counts if the isolate cannot answer.
    pub fn weight(&self) -> usize {
        match self {
            CheckRequest::Many(checks) => checks.len().div_ceil(PER_COUNT).max(1),
            CheckRequest::One(_) | CheckRequest::All(_) => 1,
        }
    }

    /// Starts the reader's task that answers this request.
    pub fn asking(&self, now: Instant) -> Asking<'_, Decided> {
        match self {
            CheckRequest::All(check) => {
                Asking::all(check.question(), |question, decision| item(decision, question.feature), now)
            }
            CheckRequest::One(_) | CheckRequest::Many(_) => {
                Asking::each(self.checks().map(Check::question), |_, decision| plain(decision), now)
            }
        }
    }

    /// Combines the decisions into one response.
    ///
    /// # Errors
    /// The problems of a single question.
    pub fn answer(&self, answers: Vec<Decided>) -> Result<Answer, ApiError> {
        let n_items = answers.len();
        let mut answers = answers.into_iter();
        let mut next = || answers.next().unwrap_or_else(|| Ok(Vec::new()));
        let (before, n_items) = match self {
            CheckRequest::One(_) => return Ok(Answer::written(200, next()?)),
            CheckRequest::Many(checks) => ("{\"results\":[", checks.len()),
            CheckRequest::All(_) => ("{\"data\":[", n_items),
        };
        let mut body = before.as_bytes().to_vec();
        for n in 0..n_items {
            if n != 0 {
                body.push(b',');
            }
            match self {
                CheckRequest::Many(checks) => {
                    let malformed = checks.get(n).and_then(|check| check.as_ref().err().cloned());
                    match malformed.map_or_else(&mut next, Err) {
                        Ok(mut decision) => body.append(&mut decision),
                        Err(problems) => refused(problems, &mut body),
                    }
                }
                CheckRequest::One(_) | CheckRequest::All(_) => body.append(&mut next()?),
            }
        }
        body.extend_from_slice(b"]}");
        Ok(Answer::written(200, body))
    }
}

/// A decision as JSON, or the problems of its question.
pub type Decided = Result<Vec<u8>, Problems>;

fn refused(problems: Problems, body: &mut Vec<u8>) {
    JsonValue(&Dialect::Native.refuse(&problems.into()).body.unwrap_or_default()).write_json(body);
}

/// A buffer size that fits most decisions.
const USUAL_BYTES: usize = 1024;

/// Writes a decision as JSON.
pub fn written(decision: &Decision<'_>) -> Vec<u8> {
    let mut body = Vec::with_capacity(USUAL_BYTES);
    decision.write_json(&mut body);
    body
}

/// The result of one question.
fn plain(decision: Result<Decision<'_>, Problem>) -> Decided {
    Ok(written(&decision?))
}

/// The result of one of all features. An inexact amount is reported in place of its feature, and the others are
/// answered. A problem of the question itself fails the whole request.
fn item(decision: Result<Decision<'_>, Problem>, code: &str) -> Decided {
    match decision {
        Ok(decision) => Ok(written(&decision)),
        Err(problem) if problem.place.is_whole() => {
            let mut body = Vec::with_capacity(USUAL_BYTES);
            refused(Problem { place: code.into(), ..problem }.into(), &mut body);
            Ok(body)
        }
        Err(problem) => Err(problem.into()),
    }
}

/// Answers a request from the database. A batch yields to other requests between slices, so each answer names its
/// version.
pub async fn answer(asked: CheckRequest, store: &dyn Store, now: Instant) -> Result<Answer, ApiError> {
    match asked {
        CheckRequest::Many(checks) => many(checks, store, now).await,
        asked => from_store(&asked, store, now),
    }
}

async fn many(checks: Vec<Result<Check, Problems>>, store: &dyn Store, now: Instant) -> Result<Answer, ApiError> {
    let mut decided = Vec::with_capacity(checks.len());
    for (n, slice) in checks.chunks(SLICE).enumerate() {
        if n != 0 {
            js::turn().await;
        }
        let customers = slice.iter().flatten().map(Check::customer).collect();
        let catalog = read(customers, store, now)?;
        decided.extend(slice.iter().flatten().map(|check| plain(decision(catalog.as_ref(), &check.question(), now))));
    }
    CheckRequest::Many(checks).answer(decided)
}

/// Loads a catalog with these customers, or `None` if nothing was ever written.
fn read(mut customers: Vec<&str>, store: &dyn Store, now: Instant) -> Result<Option<FullCatalog>, ApiError> {
    sort_by(&mut customers, Ord::cmp);
    customers.dedup();
    if store.version()? == 0 { Ok(None) } else { catalog_for(store, &customers, now).map(Some) }
}

fn decision<'c>(
    catalog: Option<&'c FullCatalog>,
    question: &Question<'c>,
    now: Instant,
) -> Result<Decision<'c>, Problem> {
    match catalog {
        Some(catalog) => decide(catalog, question, now),
        None => undecided(question, Reason::SnapshotMissing, &SnapshotMeta::default(), now),
    }
}

fn from_store(asked: &CheckRequest, store: &dyn Store, now: Instant) -> Result<Answer, ApiError> {
    let catalog = read(asked.checks().map(Check::customer).collect(), store, now)?;
    let catalog = catalog.as_ref();
    let answers = match asked {
        CheckRequest::All(check) => {
            let codes = catalog.into_iter().flat_map(|full| full.catalog.feature_codes());
            codes.map(|code| item(decision(catalog, &check.question_on(code), now), code)).collect()
        }
        CheckRequest::One(check) => vec![plain(decision(catalog, &check.question(), now))],
        CheckRequest::Many(_) => Vec::new(),
    };
    asked.answer(answers)
}
