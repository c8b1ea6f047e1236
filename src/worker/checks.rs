//! The questions: one, many, and all about one customer.

use crate::http::Answer;
use mayuse_core::{Catalog, Check, Decision, Instant, Problems, Reason, Snapshot, WriteJson};
use mayuse_core::{decide, sort_by, undecided};
use mayuse_dialects::{Dialect, Failure, Request, Store, Written, catalog_for};

/// The most questions of a batch.
const MAX_BATCH: usize = 1_000;

/// The most bytes the body of a path may have. For a question, or a batch of them, that is more than
/// ten times what makes sense.
pub fn body_limit(path: &str) -> usize {
    match path {
        "/v1/check" => 16 * 1024,
        "/v1/check/batch" => 1024 * 1024,
        // As large as a manifest can be.
        "/v1/snapshot/manifest" => 16 * 1024 * 1024,
        _ => mayuse_dialects::body_limit(path),
    }
}

/// Whether a path is about questions.
pub fn takes(segments: &[&str]) -> bool {
    matches!(segments, ["v1", "check"] | ["v1", "check", "batch"] | ["v1", "customers", _, "entitlements"])
}

/// What was asked.
#[derive(Debug)]
pub enum Asked {
    /// One question.
    One(Check),
    /// Up to a thousand. A malformed one is answered with its error and leaves the others be.
    Many(Vec<Result<Check, Problems>>),
    /// Every feature of one customer.
    All(Check),
}

impl Asked {
    /// Reads a request whose path [`takes`].
    ///
    /// # Errors
    /// A question that is none, another method.
    pub fn read(request: &Request<'_>, segments: &[&str]) -> Result<Asked, Failure> {
        match (request.method, segments) {
            ("POST", ["v1", "check"]) => Ok(Asked::One(Check::read(&request.tree()?)?)),
            ("GET", ["v1", "check"]) => {
                let pairs = request.parameters();
                let pairs = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()));
                Ok(Asked::One(Check::from_pairs(pairs)?))
            }
            ("POST", ["v1", "check", "batch"]) => Ok(Asked::Many(Check::read_batch(&request.tree()?, MAX_BATCH)?)),
            ("GET", ["v1", "customers", key, "entitlements"]) => {
                let query = request.parameters();
                let others = query.iter().map(|(name, value)| (name.as_str(), value.as_str()));
                let pairs = std::iter::once(("customer", *key)).chain(others.filter(|(name, _)| *name != "customer"));
                Ok(Asked::All(Check::for_all_from_pairs(pairs)?))
            }
            (_, ["v1", "check"]) => Err(Failure::method_not_allowed("GET, HEAD, POST")),
            (_, ["v1", "check", "batch"]) => Err(Failure::method_not_allowed("POST")),
            _ => Err(Failure::method_not_allowed("GET, HEAD")),
        }
    }

    /// The questions, as far as they are some.
    pub fn checks(&self) -> impl Iterator<Item = &Check> {
        let (one, many) = match self {
            Asked::One(check) | Asked::All(check) => (Some(check), [].as_slice()),
            Asked::Many(checks) => (None, checks.as_slice()),
        };
        one.into_iter().chain(many.iter().flatten())
    }

    /// The customers it is about, each once.
    fn customers(&self) -> Vec<&str> {
        let mut customers: Vec<&str> = self.checks().map(Check::customer).collect();
        sort_by(&mut customers, Ord::cmp);
        customers.dedup();
        customers
    }

    /// The answer, put together from those to its questions: `decided` says what is answered to a
    /// question, by its number. All features of a customer are `n_features`.
    ///
    /// # Errors
    /// Those of a single question.
    pub fn answer(
        &self,
        n_features: usize,
        mut decided: impl FnMut(usize) -> Result<Vec<u8>, Problems>,
    ) -> Result<Answer, Failure> {
        let (before, n_items) = match self {
            Asked::One(_) => return Ok(Answer::written(200, decided(0)?)),
            Asked::Many(checks) => ("{\"results\":[", checks.len()),
            Asked::All(_) => ("{\"data\":[", n_features),
        };
        let mut body = before.as_bytes().to_vec();
        for n in 0..n_items {
            if n != 0 {
                body.push(b',');
            }
            match self {
                Asked::Many(checks) => {
                    let malformed = checks.get(n).and_then(|check| check.as_ref().err().cloned());
                    match malformed.map_or_else(|| decided(n), Err) {
                        Ok(mut decision) => body.append(&mut decision),
                        Err(problems) => refused(problems, &mut body),
                    }
                }
                Asked::One(_) | Asked::All(_) => body.append(&mut decided(n)?),
            }
        }
        body.extend_from_slice(b"]}");
        Ok(Answer::written(200, body))
    }
}

fn refused(problems: Problems, body: &mut Vec<u8>) {
    Written(&Dialect::Own.refuse(&problems.into()).body.unwrap_or_default()).write_json(body);
}

/// Most answers fit.
const USUAL_BYTES: usize = 1024;

/// A decision in JSON.
pub fn written(decision: &Decision<'_>) -> Vec<u8> {
    let mut body = Vec::with_capacity(USUAL_BYTES);
    decision.write_json(&mut body);
    body
}

/// Answers a question from what is stored.
pub fn answer(request: &Request<'_>, segments: &[&str], store: &dyn Store, now: Instant) -> Answer {
    let answered = Asked::read(request, segments).and_then(|asked| from_store(&asked, store, now));
    answered.unwrap_or_else(|failure| Answer::refusal(Dialect::Own, &failure))
}

fn from_store(asked: &Asked, store: &dyn Store, now: Instant) -> Result<Answer, Failure> {
    // Nothing where nothing was ever written.
    let catalog = if store.version()? == 0 { None } else { Some(catalog_for(store, &asked.customers(), now)?) };
    let codes: Vec<&str> = catalog.iter().flat_map(Catalog::feature_codes).collect();
    asked.answer(codes.len(), |n| {
        let question = match asked {
            Asked::One(check) => check.question(),
            Asked::All(check) => check.question_on(codes.get(n).copied().unwrap_or_default()),
            Asked::Many(checks) => match checks.get(n) {
                Some(Ok(check)) => check.question(),
                _ => return Ok(Vec::new()),
            },
        };
        let decision = match &catalog {
            Some(catalog) => decide(catalog, &question, now)?,
            None => undecided(&question, Reason::SnapshotMissing, &Snapshot::default(), now)?,
        };
        Ok(written(&decision))
    })
}
