//! The table of all routes. It defines the scope, body limit, rate class, dialect and handler of each request, and the
//! errors for an unknown path or method.

use crate::access::Scope;
use crate::dialect::Dialect::{self, Commet, Meteroid, Native, Pabbly};
use crate::kind::Kind;
use crate::meteroid::{add_ons, entitlements, features, subscription};
use crate::route::CheckForm::{Batch, Body, Customer, Query};
use crate::route::Handler::{self, Catalog, Check, Program};
use crate::route::RateClass::{self, Address, Key, Question, Uncounted};
use crate::route::{Route, Target};
use crate::{commet, own, pabbly};

const OPEN: Option<Scope> = None;
const CHECK: Option<Scope> = Some(Scope::Check);
const SNAPSHOT: Option<Scope> = Some(Scope::Snapshot);
const CATALOG: Option<Scope> = Some(Scope::Catalog);
const GRANTED: Option<Scope> = Some(Scope::Granted);

/// A read has no body.
const NONE: u32 = 0;
/// More than ten times what makes sense of one question. A body that is no longer may be answered without being counted.
pub const SMALL: u32 = 16 * 1024;
const MIB: u32 = 1024 * 1024;

/// All routes. If several match a path, the first with its method applies.
#[rustfmt::skip]
pub static ROUTES: &[Route] = &[
    //   method, path, scope of the key, most bytes of the body, how it counts, dialect, what answers
    row("GET", "/v1/check", CHECK, NONE, Question, Native, Check(Query)),
    row("POST", "/v1/check", CHECK, SMALL, Question, Native, Check(Body)),
    row("POST", "/v1/check/batch", CHECK, MIB, Question, Native, Check(Batch)),
    row("GET", "/v1/customers/{id_or_alias}/entitlements", CHECK, NONE, Question, Native, Check(Customer)),

    row("GET", "/v1/catalog", CATALOG, NONE, Key, Native, Handler::Export),
    row("PUT", "/v1/catalog", CATALOG, 8 * MIB, Key, Native, Catalog(own::put_document)).about(Target::Whole),
    // Unlimited: the import reads line by line.
    row("POST", "/v1/catalog/import", CATALOG, u32::MAX, Key, Native, Handler::Import),
    row("GET", "/v1/catalog/import/{token}", CATALOG, NONE, Key, Native, Handler::ImportProgress),
    row("GET", "/v1/catalog/{kind}", CATALOG, NONE, Key, Native, Catalog(own::list)),
    row("GET", "/v1/catalog/{kind}/{id}", CATALOG, NONE, Key, Native, Catalog(own::get)),
    row("PUT", "/v1/catalog/{kind}/{id}", CATALOG, MIB, Key, Native, Catalog(own::put)).about(Target::Named),
    row("DELETE", "/v1/catalog/{kind}/{id}", CATALOG, MIB, Key, Native, Catalog(own::delete)).about(Target::Named),

    row("GET", "/v1/snapshot/manifest", SNAPSHOT, NONE, Key, Native, Handler::ReadManifest),
    // The largest manifest.
    row("PUT", "/v1/snapshot/manifest", CATALOG, 16 * MIB, Key, Native, Handler::PublishManifest),
    row("GET", "/v1/snapshot/objects/{hash}", SNAPSHOT, NONE, Key, Native, Handler::ReadObject),
    // The largest value of the store, less its metadata.
    row("PUT", "/v1/snapshot/objects/{hash}", CATALOG, 24 * MIB, Key, Native, Handler::PutObject),
    row("GET", "/v1/snapshot/status", SNAPSHOT, NONE, Key, Native, Handler::ReplicaStatus),

    row("GET", "/healthz", OPEN, NONE, Uncounted, Native, Program(own::health)),
    row("GET", "/v1/version", OPEN, NONE, Uncounted, Native, Program(own::version)),
    row("GET", "/readyz", OPEN, NONE, Address, Native, Handler::Readiness),
    row("GET", "/openapi.json", OPEN, NONE, Address, Native, Handler::Description),

    row("GET", "/api/v1/addons", CATALOG, NONE, Key, Meteroid, Catalog(add_ons::list)),
    row("POST", "/api/v1/addons", CATALOG, MIB, Key, Meteroid, Catalog(add_ons::create)),
    row("GET", "/api/v1/addons/{addon_id}", CATALOG, NONE, Key, Meteroid, Catalog(add_ons::get)),
    row("PATCH", "/api/v1/addons/{addon_id}", CATALOG, MIB, Key, Meteroid, Catalog(add_ons::change)).about(Target::Of(Kind::AddOn)),
    row("POST", "/api/v1/addons/{addon_id}/archive", CATALOG, MIB, Key, Meteroid, Catalog(add_ons::archive)).about(Target::Of(Kind::AddOn)),
    row("POST", "/api/v1/addons/{addon_id}/unarchive", CATALOG, MIB, Key, Meteroid, Catalog(add_ons::unarchive)).about(Target::Of(Kind::AddOn)),
    row("GET", "/api/v1/addons/{addon_id}/entitlements", GRANTED, NONE, Key, Meteroid, Catalog(entitlements::of_add_on)),
    row("GET", "/api/v1/plan-versions/{plan_version_id}/entitlements", GRANTED, NONE, Key, Meteroid, Catalog(entitlements::of_plan_version)),
    row("GET", "/api/v1/products/{product_id}/entitlements", GRANTED, NONE, Key, Meteroid, Catalog(entitlements::of_product)),
    row("GET", "/api/v1/customers/{id_or_alias}/entitlements", GRANTED, NONE, Key, Meteroid, Catalog(entitlements::of_customer)),
    row("GET", "/api/v1/subscriptions/{subscription_id}/entitlements", GRANTED, NONE, Key, Meteroid, Catalog(entitlements::of_subscription)),
    row("GET", "/api/v1/{list}/{id}/entitlements", GRANTED, NONE, Key, Meteroid, Handler::Nowhere),
    row("GET", "/api/v1/features", CATALOG, NONE, Key, Meteroid, Catalog(features::list)),
    row("GET", "/api/v1/features/{id_or_code}", CATALOG, NONE, Key, Meteroid, Catalog(features::get)),
    row("POST", "/api/v1/subscriptions", CATALOG, MIB, Key, Meteroid, Catalog(subscription::create)),

    row("POST", "/addons", CATALOG, MIB, Key, Commet, Catalog(commet::create)),
    row("POST", "/api/v1/addons", CATALOG, MIB, Key, Commet, Catalog(commet::create)),

    row("POST", "/api/v1/addon/{product_id}", CATALOG, MIB, Key, Pabbly, Catalog(pabbly::create)),
];

const fn row(
    method: &'static str,
    path: &'static str,
    scope: Option<Scope>,
    body_limit: u32,
    rate: RateClass,
    dialect: Dialect,
    handler: Handler,
) -> Route {
    Route { method, path, scope, body_limit, rate, dialect, handler, target: None }
}

impl Route {
    /// Adds what the request writes.
    const fn about(mut self, target: Target) -> Route {
        self.target = Some(target);
        self
    }
}
