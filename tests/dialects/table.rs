//! The table of routes, and what openapi.json says of them.

use crate::memory::Memory;
use mayuse_dialects::{
    CheckForm, Context, Dialect, Found, Handler, Ids, Preconditions, Presented, ROUTES, RateClass, Request, Route,
    Scope, answer, scope_of,
};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// The scopes that open an operation, by dialect, method and path.
type Operations = BTreeMap<(String, String), BTreeSet<String>>;

fn openapi() -> Value {
    serde_json::from_str(include_str!("../../openapi.json")).unwrap()
}

/// Each operation with its scopes, and whether it takes a body.
fn described(openapi: &Value) -> Vec<((String, String), BTreeSet<String>, bool)> {
    let mut found = Vec::new();
    for (path, item) in openapi["paths"].as_object().unwrap() {
        let servers = item.get("servers").unwrap_or(&openapi["servers"]).as_array().unwrap();
        for server in servers {
            let prefix = server["url"].as_str().unwrap().trim_end_matches('/');
            for method in METHODS.iter().filter(|method| item.get(**method).is_some()) {
                let operation = &item[*method];
                let security = operation.get("security").unwrap_or(&openapi["security"]).as_array().unwrap();
                let scopes = security.iter().flat_map(|way| way.as_object().unwrap().values());
                let scopes = scopes.flat_map(|scopes| scopes.as_array().unwrap());
                let scopes = scopes.map(|scope| scope.as_str().unwrap().to_owned()).collect();
                let dialect = match operation["tags"][0].as_str().unwrap() {
                    tag @ ("Meteroid" | "Commet" | "Pabbly") => tag,
                    _ => "Native",
                };
                let name = (dialect.to_owned(), format!("{} {prefix}{path}", method.to_uppercase()));
                found.push((name, scopes, operation.get("requestBody").is_some()));
            }
        }
    }
    found
}

fn scopes_of(scope: Option<Scope>) -> BTreeSet<String> {
    let scopes = match scope {
        None => vec![],
        Some(Scope::Granted) => vec![Scope::Check, Scope::Catalog],
        Some(scope) => vec![scope],
    };
    scopes.into_iter().map(|scope| scope.name().to_owned()).collect()
}

#[test]
fn every_row_is_described_and_every_operation_is_a_row_with_the_same_scope() {
    let rows = ROUTES.iter().filter(|route| !matches!(route.handler, Handler::Nowhere));
    let rows: Operations = rows
        .map(|route| {
            let name = (format!("{:?}", route.dialect), format!("{} {}", route.method, route.path));
            (name, scopes_of(route.scope))
        })
        .collect();
    let described: Operations = described(&openapi()).into_iter().map(|(name, scopes, _)| (name, scopes)).collect();
    assert_eq!(rows, described);
}

#[test]
fn what_is_sent_has_room() {
    for ((dialect, name), _, has_body) in described(&openapi()) {
        let is_it = |route: &&Route| {
            format!("{:?}", route.dialect) == dialect && format!("{} {}", route.method, route.path) == name
        };
        let limit = ROUTES.iter().find(is_it).unwrap().body_limit;
        assert!(!has_body || 0 < limit, "{name} takes a body");
        assert_eq!(limit == 0, name.starts_with("GET "), "{name}");
    }
}

#[test]
fn rows_of_several_dialects_need_one_scope() {
    // The scope of a path is looked up before it is known whose client asks.
    for (n, route) in ROUTES.iter().enumerate() {
        for other in &ROUTES[..n] {
            if (route.method, route.path) == (other.method, other.path) {
                assert_ne!(route.dialect, other.dialect, "{} {} is there twice", route.method, route.path);
                assert_eq!(route.scope, other.scope, "{} {}", route.method, route.path);
            }
        }
        let foreign = route.path.starts_with("/api/") || route.path.starts_with("/addons");
        assert_eq!(route.dialect != Dialect::Native, foreign, "{}", route.path);
    }
}

fn request<'r>(method: &'r str, path: &'r str, dialect: Dialect) -> Request<'r> {
    let presented = match dialect {
        Dialect::Native | Dialect::Meteroid => Presented::Bearer,
        Dialect::Commet => Presented::ApiKey,
        Dialect::Pabbly => Presented::Basic,
    };
    let preconditions = Preconditions::default();
    Request { method, path, query: "", presented, content_type: None, preconditions, body: b"" }
}

/// A path of this form.
fn path_of(pattern: &str) -> String {
    let segments = pattern.split('/').map(|part| match part {
        "{kind}" => "features",
        _ if part.starts_with('{') => "x",
        _ => part,
    });
    segments.collect::<Vec<_>>().join("/")
}

#[test]
fn another_method_is_refused_with_those_of_all_rows_of_the_path() {
    let memory = Memory::new();
    for route in ROUTES.iter().filter(|route| !matches!(route.handler, Handler::Nowhere)) {
        let rows = ROUTES.iter().filter(|other| (other.dialect, other.path) == (route.dialect, route.path));
        let taken: Vec<&str> = rows.map(|row| row.method).collect();
        let allow = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];
        let is_taken = |method: &&&str| taken.contains(*method) || (**method == "HEAD" && taken.contains(&"GET"));
        let allow = allow.iter().filter(is_taken).copied().collect::<Vec<_>>().join(", ");
        let path = path_of(route.path);
        let mut context = Context { now: memory.now, ids: Ids::new(memory.now, [0; 16]), by: String::new() };
        let reply = answer(&request("LOCK", &path, route.dialect), &memory, &mut context).reply;
        let said = reply.allow.map(|methods| methods.to_string()).unwrap_or_default();
        assert_eq!((reply.status, said.as_str()), (405, allow.as_str()), "{} {path}", route.method);
        // It is taken for a write.
        let write = ROUTES.iter().find(|other| other.method != "GET" && other.path == route.path);
        assert_eq!(scope_of("LOCK", &path), write.map_or(Some(Scope::Catalog), |write| write.scope), "{path}");
    }
}

#[test]
fn every_row_is_found_by_its_path() {
    for route in ROUTES.iter().filter(|route| !matches!(route.handler, Handler::Nowhere)) {
        let path = path_of(route.path);
        let found = Found::of(&request(route.method, &path, route.dialect)).unwrap();
        let row = found.route.unwrap();
        assert_eq!((row.method, row.path), (route.method, route.path));
        assert_eq!(found.rate(), route.rate);
        assert_eq!(found.body_limit(), route.body_limit as usize);
        assert_eq!(scope_of(route.method, &path), route.scope, "{path}");
        assert_eq!(found.is_whole(), ["/v1/catalog", "/v1/catalog/import"].contains(&path.as_str()), "{path}");
    }
}

#[test]
fn a_path_in_other_letters_is_found_and_needs_the_widest_scope() {
    let own = |path| Found::of(&request("GET", path, Dialect::Native)).unwrap();
    let found = own("/v1/customers/a%2Fb/entitlements");
    assert!(matches!(found.handler(), Some(Handler::Check(CheckForm::Customer))));
    assert_eq!((found.param(0), found.param(1), found.rate()), ("a/b", "", RateClass::Question));
    assert_eq!(scope_of("GET", "/v1/customers/a%2Fb/entitlements"), Some(Scope::Check));
    let found = own("/v1/catalog/add_on/x%20y");
    assert_eq!((found.param(0), found.param(1)), ("add_on", "x y"));
    assert!(matches!(own("/v1/ch%65ck").handler(), Some(Handler::Check(CheckForm::Query))));
    assert_eq!(scope_of("GET", "/v1/ch%65ck"), Some(Scope::Catalog));
    assert_eq!(scope_of("GET", "/%68ealthz"), Some(Scope::Catalog));
    assert!(Found::of(&request("GET", "/v1/catalog/features/%ff", Dialect::Native)).is_err());
    for path in ["/v1/catalog/things", "/v1/catalog/things/x", "/v1/check/", "//v1/check", "/v1", ""] {
        let found = own(path);
        assert!(found.route.is_none() && found.rate() == RateClass::Key && !found.is_whole(), "{path}");
        assert_eq!(found.body_limit(), 1024 * 1024, "{path}");
    }
    // Another method may send what a write to the path may.
    let found = Found::of(&request("PATCH", "/v1/catalog", Dialect::Native)).unwrap();
    assert_eq!(found.body_limit(), 8 * 1024 * 1024);
}
