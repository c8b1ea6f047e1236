//! The decision core of mayuse: *may this customer use this feature?*
//!
//! [`decide`] answers a [`Question`] from a [`Catalog`] and its customers at an instant. All functions are pure: time
//! is an argument, amounts are exact decimals, and the same catalog, question and instant give the same answer
//! everywhere. The rules are in docs/semantics.md.
//!
//! # What this crate does not do
//!
//! It has no clock, no I/O, no randomness, no global state and no knowledge of JavaScript. It reads only packed
//! catalogs; `mayuse-document` reads JSON. It does not count usage, bill or store.

#![forbid(unsafe_code)]

mod features;
mod json;
mod text;
mod decimal;
mod amount;
mod rounding;
mod time;
mod id;
mod place;
mod problem;
mod sort;
mod sorted;
mod index;

mod zone;
mod reset;
mod window;
mod billing;
mod windowing;
mod kept_window;

mod idx;
mod status;
mod access;
mod snapshot;
mod ladder;
mod value;
mod dates;
mod definitions;
mod symbols;
mod limits;
mod holding;
mod catalog;
mod packed;
mod full;

mod grant_source;
mod shared_owner;
mod applied_grant;
mod switches;
mod allowance;
mod resolve;
mod compose;
mod valid_until;
mod status_at;
mod evaluation;
mod fallback;
mod collect;
mod entitle;
mod configure;
mod resolution;
mod outside;
mod traced;
mod trace;
mod trace_json;
mod reason;
mod decision;
mod decision_json;
mod usage;
mod question;
mod query;
mod numbers;
mod admission;
mod admit;
#[cfg(feature = "usage")]
mod stated;
#[cfg(feature = "usage")]
mod draw;
mod freshness;
mod answer;
#[cfg(feature = "suggest")]
mod suggest;
mod held;
mod holder;
mod outlook;
mod form;
mod decide;

pub use access::{Access, AccessCondition, AccessEntry};
pub use amount::{Amount, AmountError};
pub use billing::{Billing, BillingError, BillingPeriod, BillingSchedule};
pub use catalog::Catalog;
pub use configure::ConfigAnswer;
pub use decide::{decide, decide_all, decide_for, undecided, undecided_in};
pub use decision::{
    Decision, FeatureRef, Freshness, Metering, Overage, Period, Reason, Role, Suggestion, Suggestions, UnmatchedUsage,
    ValueType, Verdict, Warning, WindowAnswer,
};
pub use definitions::{
    AddOnDefinition, Definitions, FeatureDefinition, Grants, PlanDefinition, SoldWith, VersionDefinition,
};
pub use features::{EXPLAIN, USAGE};
pub use freshness::too_old;
pub use full::FullCatalog;
pub use grant_source::Origin;
pub use id::{ALIAS_RULE, ID_RULE, MAX_VERSION, is_alias, is_id, is_longer};
pub use idx::{AddOnIdx, FeatureIdx, PlanIdx, ProductIdx, VersionIdx};
pub use json::{WriteJson, write_list};
pub use ladder::{AcrossSubscriptions, Combine, Ladder, Level};
pub use outlook::{Bound, Outlook};
pub use packed::{
    BlockBuilder, CustomerBlock, CustomerEntry, CustomerRecord, FORMAT, Found, GrantUsage, OLDEST_FORMAT, Packed,
    Reader, SortedRecords, StatusChange, SubscriptionAddOn, SubscriptionEntry, Unreadable, Writer, key_hash, shard_of,
};
pub use place::{Element, Place};
pub use problem::{Code, Problem, Problems, Severity};
pub use query::switch;
pub use question::{Question, QuestionForm, Slot};
pub use reset::{CalendarInterval, Interval, IntervalError, NamedPeriod, ResetPeriod, Unit, Weekday};
pub use resolution::{GivenRow, Resolution, resolve_rows};
pub use snapshot::{Policy, SnapshotMeta, Source};
pub use sort::{arrange, sort_by, sorted_positions};
pub use sorted::{SortedMap, SortedSet};
pub use status::{Status, StatusSet, trial_end};
pub use symbols::{SymbolTable, TypeMismatch};
pub use text::{counted, cut, decimal, joined, shown};
pub use time::{Date, Instant, TimeError};
pub use trace::{Effect, Step};
pub use usage::UsageEntry;
pub use value::{
    Behavior, Cap, Config, ConfigType, ConfigValue, Credits, FeatureType, MAX_CAPS, MAX_CONFIG_TEXT, Metered,
    UncheckedGrant, UncheckedValue,
};
pub use window::{Window, WindowBounds};
pub use windowing::{Anchors, window};
pub use zone::{Zone, ZoneIdx};
