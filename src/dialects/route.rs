//! What a route is: a row of the table of routes.

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
    /// `GET`, which stands for `HEAD` too, `POST` and so on.
    pub method: &'static str,
    /// `/v1/catalog/{kind}/{id}`: what stands in braces takes any segment, `{kind}` the name of a kind.
    pub path: &'static str,
    /// The scope that a key needs; nothing where no key is needed.
    pub scope: Option<Scope>,
    /// The most bytes of a body. A read has no body.
    pub body_limit: u32,
    /// How a request counts against the rate limits.
    pub rate: RateClass,
    /// Whose route it is.
    pub dialect: Dialect,
    /// What answers a request.
    pub handler: Handler,
}

/// How a request counts against the rate limits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RateClass {
    /// It does not: the answer costs nobody else anything.
    Uncounted,
    /// By the address it comes from, before anything else is done.
    Address,
    /// By its key, before its body is read.
    Key,
    /// By its key, once it leaves the isolate; a batch as several.
    Question,
}

/// What answers a request.
#[derive(Clone, Copy, Debug)]
pub enum Handler {
    /// A function that reads the catalog and says what is to be written to it.
    Catalog(fn(&Call<'_>, &mut Context) -> Result<Outcome, ApiError>),
    /// A function that needs to know the program alone.
    Program(fn(&Program) -> Value),
    /// The description of the API.
    Description,
    /// How the catalog and its publication are.
    Readiness,
    /// A question, or many.
    Check(CheckForm),
    /// Sends the whole catalog.
    Export,
    /// Takes lines.
    Import,
    /// How far an import came.
    ImportProgress,
    /// What the isolate holds.
    ReplicaStatus,
    /// Sends the newest manifest.
    ReadManifest,
    /// Publishes a manifest that was made elsewhere.
    PublishManifest,
    /// Sends an object of a snapshot.
    ReadObject,
    /// Stores an object of a snapshot.
    PutObject,
    /// There is no such path, and whoever has the scope hears so.
    Nowhere,
}

/// The forms in which questions come.
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

/// The program as far as only the shell knows it.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    /// The format number of the manifests it writes.
    pub manifest_format: u64,
}

/// A request to the catalog, on its way to the function of its route.
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
    /// What stands in the path for the n-th name in braces.
    pub fn param(&self, n: usize) -> &str {
        param(self.pattern, self.segments, n)
    }
}

impl fmt::Debug for Call<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("request", &self.request).finish_non_exhaustive()
    }
}

/// Whether a path has the form of a pattern. Both are cut at slashes.
pub(crate) fn fits(pattern: &str, segments: &mut dyn Iterator<Item = &str>) -> bool {
    let fits = |part: &str, segment: &str| match part {
        "{kind}" => Kind::parse(segment).is_some(),
        _ => part == segment || part.starts_with('{'),
    };
    pattern.split('/').all(|part| segments.next().is_some_and(|segment| fits(part, segment)))
        && segments.next().is_none()
}

/// What stands in a path, cut at slashes and decoded, for the n-th name in braces.
pub(crate) fn param<'s>(pattern: &str, segments: &'s [String], n: usize) -> &'s str {
    // A path begins with a slash, so nothing stands before its first segment.
    let mut parts = pattern.split('/').zip(0_usize..).filter(|(part, _)| part.starts_with('{'));
    let at = parts.nth(n).and_then(|(_, at)| at.checked_sub(1));
    at.and_then(|at| segments.get(at)).map_or("", String::as_str)
}
