//! What a route is, and how a request finds its own.

use crate::access::Scope;
use crate::dialect::Dialect;
use crate::failure::{Failure, Why};
use crate::kind::Kind;
use crate::request::{Context, Done, Request};
use crate::routes::ROUTES;
use crate::store::Store;
use crate::{meteroid, own};
use serde_json::Value;
use std::fmt;

/// The most bytes a body may have, where its route says nothing else.
const USUAL_BODY: u32 = 1024 * 1024;

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
    /// A function that reads the catalogue and says what is to be written to it.
    Catalog(fn(&Call<'_>, &mut Context) -> Result<Done, Failure>),
    /// A function that needs to know the program alone.
    Program(fn(&Program) -> Value),
    /// The description of the API.
    Description,
    /// How the catalogue and its publication are.
    Readiness,
    /// A question, or many.
    Check(CheckForm),
    /// Sends the whole catalogue.
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

/// A request to the catalogue, on its way to the function of its route.
#[derive(Clone, Copy)]
pub struct Call<'c> {
    /// The request.
    pub request: &'c Request<'c>,
    /// The catalogue.
    pub store: &'c dyn Store,
    found: &'c Found,
}

impl Call<'_> {
    /// What stands in the path for the n-th name in braces.
    pub fn param(&self, n: usize) -> &str {
        self.found.param(n)
    }
}

impl fmt::Debug for Call<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("request", &self.request).finish_non_exhaustive()
    }
}

/// The methods a path takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Methods(u8);

impl Methods {
    const NAMES: [&str; 6] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];

    fn add(&mut self, method: &str) {
        for (n, name) in Methods::NAMES.iter().enumerate() {
            if *name == method || (*name == "HEAD" && method == "GET") {
                self.0 |= 1 << n;
            }
        }
    }
}

impl fmt::Display for Methods {
    /// As in the header `allow`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut names = Methods::NAMES.iter().enumerate().filter(|(n, _)| self.0 & (1 << n) != 0);
        names.try_fold("", |between, (_, name)| write!(f, "{between}{name}").map(|()| ", "))?;
        Ok(())
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
    pub fn of(request: &Request<'_>) -> Result<Found, Failure> {
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

    /// Whether the catalogue comes or goes as a whole, which takes as long as it takes.
    pub fn is_whole(&self) -> bool {
        match self.handler() {
            Some(Handler::Export | Handler::Import) => true,
            Some(Handler::Catalog(_)) => USUAL_BODY < self.route.map_or(0, |route| route.body_limit),
            _ => false,
        }
    }

    /// What stands in the path for the n-th name in braces.
    pub fn param(&self, n: usize) -> &str {
        let pattern = self.route.map_or("", |route| route.path);
        // A path begins with a slash, so nothing stands before its first segment.
        let mut parts = pattern.split('/').zip(0_usize..).filter(|(part, _)| part.starts_with('{'));
        let at = parts.nth(n).and_then(|(_, at)| at.checked_sub(1));
        at.and_then(|at| self.segments.get(at)).map_or("", String::as_str)
    }

    /// Hands the request to the function of its route.
    ///
    /// # Errors
    /// That function's; 405, 404 or 501 where the table has none.
    pub fn call(&self, request: &Request<'_>, store: &dyn Store, context: &mut Context) -> Result<Done, Failure> {
        match self.handler() {
            Some(Handler::Catalog(answer)) => answer(&Call { request, store, found: self }, context),
            _ => Err(self.refusal(request.method)),
        }
    }

    /// Why there is no row for the request.
    pub fn refusal(&self, method: &str) -> Failure {
        if self.dialect == Dialect::Meteroid && meteroid::is_elsewhere(method, &|pattern| self.is_at(pattern)) {
            let message = "mayuse does not have this route of Meteroid's API; what is in its catalogue is read and \
                           written under /v1/catalog";
            return Failure::new(Why::NotImplemented, message);
        }
        match (self.methods, self.dialect) {
            (Methods(0), Dialect::Own) => own::nowhere(&self.segments),
            (Methods(0), _) => Failure::not_found("there is no such path; nothing was looked up"),
            (methods, _) => Failure::new(Why::MethodNotAllowed(methods), format!("this path takes {methods}")),
        }
    }
}
