//! Translates HTTP requests in four dialects (mayuse's own, Meteroid's, Commet's and Pabbly's) into
//! reads and writes of one catalog.
//!
//! [`answer`] takes a request and a [`Store`] and returns the response together with the
//! [`Change`]s that must be stored before the response is sent. One set of rules checks the
//! writes of every dialect: the reader of catalog documents.
//!
//! # What this crate does not do
//!
//! It has no clock, no randomness, no database and no network: instants and seeds are arguments,
//! storage is a trait, and decisions are the core's.

#![forbid(unsafe_code)]

mod json;
mod methods;
mod failure;
mod kind;
mod store;
mod ids;
mod strict;
mod preconditions;
mod request;
mod source_time;
mod form;

mod dialect;
mod access;
mod admit;
mod plan_restrictions;
mod customers;
mod idempotency;
mod import;

mod route;
mod commet;
mod meteroid;
mod own;
mod pabbly;
mod routes;
mod found;

pub use access::{DEMO_KEY, Key, Keys, Scope, is_same_key};
pub use admit::{admit, admit_import, show_warnings};
pub use customers::{catalog_for, load_into, read_definitions};
pub use dialect::Dialect;
pub use failure::{ApiError, ErrorDetails, ErrorKind};
pub use found::{Found, answer, scope_of};
pub use idempotency::{Recorded, fingerprint, has_key, replay};
pub use ids::{Ids, hex};
pub use import::{Batch, MAX_LINE, Progress, applies_stale};
pub use json::{JsonValue, object};
pub use kind::{Kind, Referred};
pub use methods::Methods;
pub use own::DOCUMENT_FORMAT;
pub use preconditions::Preconditions;
pub use request::{ApiResponse, Context, Outcome, Presented, Request};
pub use route::{Call, CheckForm, Handler, Program, RateClass, Route};
pub use routes::{ROUTES, SMALL};
pub use store::{Change, Entity, Store, items, key_of, references, text, versions};
pub use strict::{NotJson, from_slice};
