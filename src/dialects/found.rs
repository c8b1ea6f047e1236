//! Looks a request up in the table of routes, and explains a request without a route.

use crate::access::Scope;
use crate::admit::{admit, show_warnings};
use crate::dialect::Dialect;
use crate::failure::{ApiError, ErrorKind};
use crate::methods::Methods;
use crate::request::{Context, Outcome, Request};
use crate::route::{Call, Handler, RateClass, Route, fits, param};
use crate::routes::ROUTES;
use crate::store::{Change, Store};
use crate::{meteroid, own};
use serde_json::Value;

/// The default limit of a body, in bytes.
const USUAL_BODY: u32 = 1024 * 1024;

/// The scope a request needs, or `None` if it needs no key. A method that the path does not accept needs the scope of a
/// write to it. A path that is not in the table, or is spelled differently, needs the widest scope.
pub fn scope_of(method: &str, path: &str) -> Option<Scope> {
    let method = if method == "HEAD" { "GET" } else { method };
    let mut scope = Some(Scope::Catalog);
    for route in ROUTES {
        if fits(route.path, &mut path.split('/')) {
            match route.method {
                found if found == method => return route.scope,
                "GET" => {}
                _ => scope = route.scope,
            }
        }
    }
    scope
}

/// The result of looking a request up in the table.
#[derive(Debug)]
pub struct Found {
    /// The dialect of the response.
    pub dialect: Dialect,
    /// The route, or `None` if the path is unknown or accepts only other methods.
    pub route: Option<&'static Route>,
    /// A route that writes to the same path.
    write: Option<&'static Route>,
    methods: Methods,
    /// The path, decoded.
    segments: Vec<String>,
}

impl Found {
    /// Looks a request up. The caller passes `HEAD` as `GET`.
    ///
    /// # Errors
    /// The path is not percent-encoded UTF-8, or the query of a route of mayuse's own.
    pub fn of(request: &Request<'_>) -> Result<Found, ApiError> {
        let dialect = Dialect::of(request.path, request.presented);
        let segments = request.segments()?;
        if dialect == Dialect::Native {
            request.has_text_in_query()?;
        }
        let mut found = Found { dialect, route: None, write: None, methods: Methods::default(), segments };
        for route in ROUTES.iter().filter(|route| route.dialect == dialect) {
            if matches!(route.handler, Handler::Nowhere) || !found.is_at(route.path) {
                continue;
            }
            found.methods.add(route.method);
            if route.method == request.method {
                found.route = Some(route);
            }
            if route.method != "GET" {
                found.write = Some(route);
            }
        }
        Ok(found)
    }

    fn is_at(&self, pattern: &str) -> bool {
        fits(pattern, &mut std::iter::once("").chain(self.segments.iter().map(String::as_str)))
    }

    /// The route's handler.
    pub fn handler(&self) -> Option<Handler> {
        self.route.map(|route| route.handler)
    }

    /// The class in which the request counts against rate limits.
    pub fn rate(&self) -> RateClass {
        self.route.map_or(RateClass::Key, |route| route.rate)
    }

    /// The most bytes of the body. A method that the path does not accept has the limit of a write to it.
    pub fn body_limit(&self) -> usize {
        let limit = self.route.or(self.write).map_or(USUAL_BODY, |route| route.body_limit);
        usize::try_from(limit).unwrap_or_default()
    }

    /// Whether the request transfers the whole catalog, and therefore has no deadline.
    pub fn is_whole(&self) -> bool {
        match self.handler() {
            Some(Handler::Export | Handler::Import) => true,
            Some(Handler::Catalog(_)) => USUAL_BODY < self.route.map_or(0, |route| route.body_limit),
            _ => false,
        }
    }

    /// The path's value for the n-th name in braces.
    pub fn param(&self, n: usize) -> &str {
        param(self.pattern(), &self.segments, n)
    }

    fn pattern(&self) -> &'static str {
        self.route.map_or("", |route| route.path)
    }

    /// Calls the handler of the request's route.
    ///
    /// # Errors
    /// The errors of the handler; 405, 404 or 501 if there is no route.
    pub fn call(&self, request: &Request<'_>, store: &dyn Store, context: &mut Context) -> Result<Outcome, ApiError> {
        match self.handler() {
            Some(Handler::Catalog(answer)) => {
                let call = Call { request, store, pattern: self.pattern(), segments: &self.segments };
                let (is_read, preconditions) = (request.method == "GET", request.preconditions);
                if let Some(target) = self.route.and_then(|route| route.target)
                    && !is_read
                    && !preconditions.is_empty()
                {
                    call.check_preconditions(target)?;
                }
                let mut done = answer(&call, context)?;
                // What another API shows of an entity depends on other entities too, so it is always sent.
                if is_read
                    && self.dialect == Dialect::Native
                    && done.reply.etag.is_some_and(|tag| preconditions.has_seen(tag))
                {
                    (done.reply.status, done.reply.body) = (304, None);
                }
                Ok(done)
            }
            _ => Err(self.refusal(request.method)),
        }
    }

    /// The error for a request without a route.
    pub fn refusal(&self, method: &str) -> ApiError {
        if self.dialect == Dialect::Meteroid && meteroid::is_elsewhere(method, &|pattern| self.is_at(pattern)) {
            let message = "mayuse does not have this route of Meteroid's API; what is in its catalog is read and \
                           written under /v1/catalog";
            return ApiError::new(ErrorKind::NotImplemented, message);
        }
        match (self.methods, self.dialect) {
            (methods, Dialect::Native) if methods.is_empty() => own::nowhere(&self.segments),
            (methods, _) if methods.is_empty() => ApiError::not_found("there is no such path; nothing was looked up"),
            (methods, _) => ApiError::new(ErrorKind::MethodNotAllowed(methods), format!("this path takes {methods}")),
        }
    }
}

/// Answers a request about the catalog. The changes are checked but not stored: the caller stores
/// them in one transaction before it sends the response.
///
/// Pure: the same request, catalog, instant and seed give the same answer.
pub fn answer(request: &Request<'_>, store: &dyn Store, context: &mut Context) -> Outcome {
    let done = Found::of(request).and_then(|found| found.call(request, store, context)).and_then(|mut done| {
        let warnings = admit(&done.changes, store)?;
        if done.changes.iter().any(|change| matches!(change, Change::Clear))
            && let Some(Value::Object(fields)) = &mut done.reply.body
        {
            show_warnings(fields, &warnings);
        }
        Ok(done)
    });
    done.unwrap_or_else(|failure| Outcome {
        reply: Dialect::of(request.path, request.presented).refuse(&failure),
        changes: Vec::new(),
    })
}
