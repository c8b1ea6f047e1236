//! **May this customer use feature X?** Answered from a signed snapshot, inside the process that asks.
//!
//! # Example: a snapshot file
//!
//! ```
#![doc = include_str!("setup.txt")]
//! use mayuse::{Options, Question, Snapshot};
//!
//! let snapshot = Snapshot::open(file, &keys, &Options::default())?;   // bytes that `mayuse build --file` wrote
//! let decision = snapshot.check(&Question::new("acme", "sso"), now)?;
//! println!("{} {}", decision.allowed, decision.reason.name());   // true ENABLED
//! # assert_eq!((decision.allowed, decision.reason.name()), (true, "ENABLED"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Example: usage, and an answer as JSON
//!
//! ```
#![doc = include_str!("setup.txt")]
//! # let snapshot = mayuse::Snapshot::open(file, &keys, &mayuse::Options::default())?;
//! use mayuse::{Amount, Question, WriteJson};
//!
//! let mut question = Question::new("acme", "api_calls");
//! question.consumed = Some(Amount::parse("199999")?);
//! let decision = snapshot.check(&question, now)?;
//! assert_eq!(decision.metering.and_then(|metering| metering.remaining), Some(Amount::ONE));
//! assert!(decision.to_json().starts_with(r#"{"allowed":true,"#));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Example: follow the newest version
//!
//! ```no_run
//! use mayuse::{Folder, Follower, Options, PublicKey, Question};
//! use std::{sync::Arc, thread, time::Duration};
//!
//! let keys = PublicKey::parse_list(&std::fs::read_to_string("snapshot.key.pub")?)?;
//! let follower = Arc::new(Follower::new(Folder::new("snapshot"), &keys, Options::default(), mayuse::now));
//! let looking = Arc::clone(&follower);
//! thread::spawn(move || {
//!     loop {
//!         looking.refresh();
//!         thread::sleep(Duration::from_secs(1));
//!     }
//! });
//! // Any number of threads may ask.
//! let is_allowed = follower.check(&Question::new("acme", "sso"), |decision| decision.allowed)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! To follow a bucket or a Worker, write a [`Store`]: two functions that read bytes.
//! `examples/follow.rs` is a whole program.
//!
//! # Features
//!
//! `document` adds `Catalog`, which answers from a catalog document in JSON. It is off by default.
//!
//! # What this crate does not do
//!
//! It has no rules of its own: it calls the crates that decide, read and replicate. It makes no snapshots;
//! `mayuse build` and the Worker do. It starts no thread and opens no connection.

#![forbid(unsafe_code)]

mod error;
mod options;
mod snapshot;
#[cfg(feature = "document")]
mod catalog;
mod store;
mod follower;
#[cfg(not(target_family = "wasm"))]
mod machine;

#[cfg(feature = "document")]
pub use catalog::Catalog;
pub use error::Error;
pub use follower::{Follower, Status};
#[cfg(not(target_family = "wasm"))]
pub use machine::{Folder, now};
pub use options::Options;
pub use snapshot::Snapshot;
pub use store::Store;

// The question and its parts.
pub use mayuse_core::{Amount, AmountError, Date, Instant, Policy, Question, TimeError, UsageEntry};
pub use mayuse_snapshot::{KeyError, KeyId, PublicKey};

// The decision and its parts.
pub use mayuse_core::{
    Behavior, ConfigAnswer, Decision, Effect, FeatureRef, Freshness, Level, Metering, Origin, Overage, Period, Reason,
    ResetPeriod, Role, Source, Step, UnmatchedUsage, ValueType, Verdict, Warning, Window, WindowAnswer, WriteJson,
};
