//! The dialects, natively, over a catalog in memory.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    reason = "a test may fail by panicking"
)]

mod memory;

mod access;
mod admit;
mod admit_parts;
mod admit_steps;
mod bounds;
mod commet;
mod commet_refusals;
mod forms;
mod meteroid_add_ons;
mod meteroid_clients;
mod meteroid_features;
mod meteroid_reads;
mod meteroid_subscription_bodies;
mod meteroid_subscription_hostile;
mod meteroid_subscription_limits;
mod meteroid_subscription_prices;
mod meteroid_subscription_terms;
mod meteroid_subscriptions;
mod numbers;
mod own;
mod pabbly;
mod pabbly_refusals;
mod preconditions;
mod source_time;
mod table;
mod unknown;
