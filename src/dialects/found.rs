//! How a request finds its row in the table of routes, and what is said where there is none.

use crate::access::Scope;
use crate::admit::admit;
use crate::dialect::Dialect;
use crate::failure::{ApiError, ErrorKind};
use crate::methods::Methods;
use crate::request::{Context, Outcome, Request};
use crate::route::{Call, Handler, RateClass, Route, fits, param};
use crate::routes::ROUTES;
use crate::store::Store;
use crate::{meteroid, own};

/// The most bytes a body may have, where its route says nothing else.
const USUAL_BODY: u32 = 1024 * 1024;

/// The scope a request needs; nothing where no key is needed. A method that a path does not take needs what a write to
/// the path needs. A path that is not in the table, or is written in any other way than there, needs the widest scope.
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

/// What the table has for a request.
#[derive(Debug)]
pub struct Found {
    /// In whose words it is answered.
    pub dialect: Dialect,
    /// Its row; nothing where the path is not in the table, or takes other methods.
    pub route: Option<&'static Route>,
    /// A row that writes to the same path.
    write: Option<&'static Route>,
    methods: Methods,
    /// The path, decoded.
    segments: Vec<String>,
}

impl Found {
    /// Looks a request up. `HEAD` is to be asked as `GET`.
    ///
    /// # Errors
    /// A path that is not UTF-8 in percent-encoding.
    pub fn of(request: &Request<'_>) -> Result<Found, ApiError> {
        let dialect = Dialect::of(request.path, request.presented);
        let segments = request.segments()?;
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

    /// What is to answer the request.
    pub fn handler(&self) -> Option<Handler> {
        self.route.map(|route| route.handler)
    }

    /// How the request counts against the rate limits.
    pub fn rate(&self) -> RateClass {
        self.route.map_or(RateClass::Key, |route| route.rate)
    }

    /// The most bytes its body may have. A method that the path does not take is given what a write to it has.
    pub fn body_limit(&self) -> usize {
        let limit = self.route.or(self.write).map_or(USUAL_BODY, |route| route.body_limit);
        usize::try_from(limit).unwrap_or_default()
    }

    /// Whether the catalog comes or goes as a whole, which takes as long as it takes.
    pub fn is_whole(&self) -> bool {
        match self.handler() {
            Some(Handler::Export | Handler::Import) => true,
            Some(Handler::Catalog(_)) => USUAL_BODY < self.route.map_or(0, |route| route.body_limit),
            _ => false,
        }
    }

    /// What stands in the path for the n-th name in braces.
    pub fn param(&self, n: usize) -> &str {
        param(self.pattern(), &self.segments, n)
    }

    fn pattern(&self) -> &'static str {
        self.route.map_or("", |route| route.path)
    }

    /// Hands the request to the function of its route.
    ///
    /// # Errors
    /// That function's; 405, 404 or 501 where the table has none.
    pub fn call(&self, request: &Request<'_>, store: &dyn Store, context: &mut Context) -> Result<Outcome, ApiError> {
        match self.handler() {
            Some(Handler::Catalog(answer)) => {
                answer(&Call { request, store, pattern: self.pattern(), segments: &self.segments }, context)
            }
            _ => Err(self.refusal(request.method)),
        }
    }

    /// Why there is no row for the request.
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

/// Answers a request about the catalog. The changes are checked and not yet made: whoever calls
/// stores them in one transaction, and gives the answer only then.
///
/// Pure: the same request, catalog, instant and seed give the same answer.
pub fn answer(request: &Request<'_>, store: &dyn Store, context: &mut Context) -> Outcome {
    let done = Found::of(request).and_then(|found| found.call(request, store, context)).and_then(|done| {
        admit(&done.changes, store)?;
        Ok(done)
    });
    done.unwrap_or_else(|failure| Outcome {
        reply: Dialect::of(request.path, request.presented).refuse(&failure),
        changes: Vec::new(),
    })
}
