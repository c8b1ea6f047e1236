//! From a request to its answer, whatever the dialect.

use crate::admit::admit;
use crate::dialect::Dialect;
use crate::failure::Failure;
use crate::request::{Context, Done, Request};
use crate::store::Store;
use crate::{commet, meteroid, own, pabbly};

/// The most bytes the body of a path may have.
pub fn body_limit(path: &str) -> usize {
    match path {
        "/v1/catalog" => 8 * 1024 * 1024,
        _ => 1024 * 1024,
    }
}

/// Answers a request about the catalogue. The changes are checked and not yet made: whoever calls
/// stores them in one transaction, and gives the answer only then.
///
/// Pure: the same request, catalogue, instant and seed give the same answer.
pub fn answer(request: &Request<'_>, store: &dyn Store, context: &mut Context) -> Done {
    let dialect = Dialect::of(request.path, request.presented);
    let done = route(dialect, request, store, context).and_then(|done| {
        admit(&done.changes, store)?;
        Ok(done)
    });
    done.unwrap_or_else(|failure| Done { reply: dialect.refuse(&failure), changes: Vec::new() })
}

fn route(dialect: Dialect, request: &Request<'_>, store: &dyn Store, context: &mut Context) -> Result<Done, Failure> {
    let segments = request.segments()?;
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    match dialect {
        Dialect::Own => own::route(request, &segments, store, context),
        Dialect::Meteroid => meteroid::route(request, &segments, store, context),
        Dialect::Commet => commet::route(request, &segments, store, context),
        Dialect::Pabbly => pabbly::route(request, &segments, store, context),
    }
}
