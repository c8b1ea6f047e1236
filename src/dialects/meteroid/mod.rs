//! Meteroid's dialect: `/api/v1/...`, with a bearer key, and errors as `{code, message}`.

mod add_ons;
mod elsewhere;
mod entitlements;
mod features;
mod shapes;
mod subscription;

use crate::failure::{Failure, Why};
use crate::request::{Context, Done, Request};
use crate::store::Store;

pub(crate) fn route(
    request: &Request<'_>,
    segments: &[&str],
    store: &dyn Store,
    context: &mut Context,
) -> Result<Done, Failure> {
    let segments = segments.strip_prefix(["api", "v1"].as_slice()).unwrap_or_default();
    match (request.method, segments) {
        ("GET", ["addons"]) => add_ons::list(request, store, context),
        ("POST", ["addons"]) => add_ons::create(request, store, context),
        ("GET", ["addons", id]) => add_ons::get(id, store),
        ("PATCH", ["addons", id]) => add_ons::change(id, request, store, context),
        ("POST", ["addons", id, "archive"]) => add_ons::archive(id, store, context),
        ("POST", ["addons", id, "unarchive"]) => add_ons::unarchive(id, store),
        ("GET", ["addons", id, "entitlements"]) => entitlements::of_add_on(id, store),
        ("GET", ["plan-versions", id, "entitlements"]) => entitlements::of_plan_version(id, store),
        ("GET", ["products", id, "entitlements"]) => entitlements::of_product(id, store),
        ("GET", ["customers", key, "entitlements"]) => entitlements::of_customer(key, store, context),
        ("GET", ["subscriptions", id, "entitlements"]) => entitlements::of_subscription(id, store, context),
        ("GET", ["features"]) => features::list(request, store),
        ("GET", ["features", key]) => features::get(key, store),
        ("POST", ["subscriptions"]) => subscription::create(request, store, context),
        (method, path) if elsewhere::has(method, path) => {
            let message = "mayuse does not have this route of Meteroid's API; what is in its catalogue is read and \
                           written under /v1/catalog";
            Err(Failure::new(Why::NotImplemented, message))
        }
        (_, path) => Err(match methods(path) {
            Some(allow) => Failure::method_not_allowed(allow),
            None => Failure::not_found("there is no such path; nothing was looked up"),
        }),
    }
}

/// What a path takes, where it is one.
fn methods(path: &[&str]) -> Option<&'static str> {
    match path {
        ["addons"] => Some("GET, HEAD, POST"),
        ["addons", _] => Some("GET, HEAD, PATCH"),
        ["addons", _, "archive" | "unarchive"] | ["subscriptions"] => Some("POST"),
        ["addons" | "plan-versions" | "products" | "customers" | "subscriptions", _, "entitlements"]
        | ["features"]
        | ["features", _] => Some("GET, HEAD"),
        _ => None,
    }
}
