//! The decision core of mayuse: *may this customer use this feature?*
//!
//! A [`Document`] is read once into a [`Catalog`]; [`decide`] answers a [`Question`] from it at an
//! instant. Everything is pure: time is an argument, amounts are exact decimals, and the same
//! catalogue, question and instant give the same answer everywhere.
//!
//! # What this crate does not do
//!
//! It has no clock, no I/O, no randomness, no global state and no knowledge of JavaScript. It does
//! not count usage, bill, or store anything.

#![forbid(unsafe_code)]

mod json;
mod amount;
mod time;

mod reset;
mod window;
mod billing;
mod windowing;

mod ladder;
mod model;
mod index;
mod sort;
mod sorted;
mod problem;
mod tree;
mod document;
mod packed;

mod owner;
mod resolve;
mod until;
mod scene;
mod entitle;
mod trace;
mod decision;
mod decision_json;
mod admit;
mod freshness;
mod decide;
mod ask;
mod ask_query;
mod ask_resolution;

pub use amount::{Amount, AmountError};
pub use ask::{Check, WindowBounds, ask_billing_period, ask_window, read, read_reset_period};
pub use ask_query::QueryCheck;
pub use ask_resolution::{Resolution, ask_resolution};
pub use billing::{Billing, BillingError, BillingPeriod, Rhythm};
pub use decide::{Question, decide, decide_for, undecided, undecided_in};
pub use decision::{
    Decision, FeatureRef, Freshness, Metering, Overage, Period, Reason, ValueType, Verdict, Warning, WindowAnswer,
};
pub use document::Document;
pub use freshness::too_old;
pub use json::{WriteJson, write_list};
pub use ladder::{AcrossSubscriptions, Combine, Ladder, Level};
pub use model::{Behavior, Catalog, Policy, Snapshot, Source};
pub use owner::Origin;
pub use packed::{
    FORMAT, Found, Packed, People, Person, Pile, Reader, Seen, Sorted, Unreadable, Writer, key_hash, shard_of,
};
pub use problem::{Code, Problem, Problems, Severity, Sink};
pub use reset::{Every, IntervalError, ResetPeriod, Unit};
pub use sort::sort_by;
pub use sorted::{SortedMap, SortedSet};
pub use time::{Date, Instant, TimeError};
pub use trace::{Effect, Step};
pub use tree::{MAX_VERSION, Node, Object, Path, Tree};
pub use window::Window;
pub use windowing::{Anchors, window};
