//! The types of the table of routes.

use crate::access::Scope;
use crate::dialect::Dialect;
use crate::failure::ApiError;
use crate::kind::Kind;
use crate::request::{Context, Outcome, Request};
use crate::store::Store;
use serde_json::Value;
use std::fmt;

/// A row of the table of routes.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    /// `GET`, which includes `HEAD`, `POST` and so on.
    pub method: &'static str,
    /// `/v1/catalog/{kind}/{id}`: braces match any segment, `{kind}` the name of a kind.
    pub path: &'static str,
    /// The scope that the key needs; `None` if no key is needed.
    pub scope: Option<Scope>,
    /// The most bytes of the body. A read has no body.
    pub body_limit: u32,
    /// How a request counts against the rate limits.
    pub rate: RateClass,
    /// The dialect of the route.
    pub dialect: Dialect,
    /// The handler of a request.
    pub handler: Handler,
    /// What the request reads or writes, if it is a thing with a version.
    pub target: Option<Target>,
}

/// What the preconditions of a write are about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Target {
    /// The whole catalog.
    Whole,
    /// The entity of the kind and id in the path.
    Named,
    /// The entity of this kind whose id is first in the path.
    Of(Kind),
}

/// How a request counts against the rate limits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RateClass {
    /// Not limited: the answer is cheap.
    Uncounted,
    /// By the client's address, before any other work.
    Address,
    /// By the key, before the body is read.
    Key,
    /// By the key, when the request leaves the isolate. A batch counts as several requests.
    Question,
}

/// The handler of a request.
#[derive(Clone, Copy, Debug)]
pub enum Handler {
    /// A function that reads the catalog and returns the changes to store.
    Catalog(fn(&Call<'_>, &mut Context) -> Result<Outcome, ApiError>),
    /// A function that needs only the program.
    Program(fn(&Program) -> Value),
    /// The description of the API.
    Description,
    /// The state of the catalog and its publication.
    Readiness,
    /// A check of one or many questions.
    Check(CheckForm),
    /// Sends the whole catalog.
    Export,
    /// Imports lines.
    Import,
    /// The progress of an import.
    ImportProgress,
    /// The state of the isolate.
    ReplicaStatus,
    /// Sends the newest manifest.
    ReadManifest,
    /// Publishes a manifest that another machine built.
    PublishManifest,
    /// Sends an object of a snapshot.
    ReadObject,
    /// Stores an object of a snapshot.
    PutObject,
    /// An unknown path: 404 for a key with the scope.
    Nowhere,
}

/// The forms of a check request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CheckForm {
    /// One question in the query.
    Query,
    /// One question in the body.
    Body,
    /// Many questions in the body.
    Batch,
    /// All features of the customer in the path.
    Customer,
}

/// Facts about the program that only the shell knows.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    /// The format number of its manifests.
    pub manifest_format: u64,
}

/// A request to the catalog, as its handler sees it.
#[derive(Clone, Copy)]
pub struct Call<'c> {
    /// The request.
    pub request: &'c Request<'c>,
    /// The catalog.
    pub store: &'c dyn Store,
    pub(crate) pattern: &'static str,
    pub(crate) segments: &'c [String],
}

impl Call<'_> {
    /// The path's value for the n-th name in braces.
    pub fn param(&self, n: usize) -> &str {
        param(self.pattern, self.segments, n)
    }

    /// Checks the preconditions of a write against its target. What does not exist is left to the handler, unless
    /// the write would create it.
    pub(crate) fn check_preconditions(&self, target: Target) -> Result<(), ApiError> {
        let (kind, id) = match target {
            Target::Whole => {
                let present = Some(self.store.version()?).filter(|version| *version != 0);
                return self.request.preconditions.check("the catalog", present);
            }
            Target::Named => (Kind::parse(self.param(0)), self.param(1)),
            Target::Of(kind) => (Some(kind), self.param(0)),
        };
        let Some(kind) = kind else { return Ok(()) };
        let present = self.store.get(kind, id)?.map(|entity| entity.version);
        if present.is_none() && self.request.method != "PUT" {
            return Ok(());
        }
        self.request.preconditions.check(&format!("{} `{id}`", kind.name()), present)
    }
}

impl fmt::Debug for Call<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("request", &self.request).finish_non_exhaustive()
    }
}

/// Whether a path matches a pattern. Both are split at slashes.
pub(crate) fn fits(pattern: &str, segments: &mut dyn Iterator<Item = &str>) -> bool {
    let fits = |part: &str, segment: &str| match part {
        "{kind}" => Kind::parse(segment).is_some(),
        _ => part == segment || part.starts_with('{'),
    };
    pattern.split('/').all(|part| segments.next().is_some_and(|segment| fits(part, segment)))
        && segments.next().is_none()
}

/// The value for the n-th name in braces, from a path that is split at slashes and decoded.
pub(crate) fn param<'s>(pattern: &str, segments: &'s [String], n: usize) -> &'s str {
    // A path begins with a slash, so the pattern's first part is empty.
    let mut parts = pattern.split('/').zip(0_usize..).filter(|(part, _)| part.starts_with('{'));
    let at = parts.nth(n).and_then(|(_, at)| at.checked_sub(1));
    at.and_then(|at| segments.get(at)).map_or("", String::as_str)
}
