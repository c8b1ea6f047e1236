//! Reads catalogs and questions in JSON.
//!
//! A [`Document`] is compiled to a catalog, or packed to the objects of a snapshot. All problems of an input are
//! reported at once, each with its place.
//!
//! # Example: a switch
//!
//! ```
//! use mayuse_core::{Instant, Question, Reason, decide};
//! use mayuse_document::Document;
//! let json = include_str!("../../demo/catalog.json");
//! let (catalog, _) = Document::parse(json).unwrap().compile().unwrap();
//! let now = Instant::parse("2026-11-20").unwrap();
//! let answer = decide(&catalog, &Question::new("acme", "sso"), now).unwrap();
//! assert!(answer.allowed);
//! assert_eq!(answer.reason, Reason::Enabled);
//! ```
//!
//! # Example: a check of a metered feature needs the usage
//!
//! ```
//! # use mayuse_core::{Amount, Instant, Question, Reason, decide};
//! # use mayuse_document::Document;
//! # let json = include_str!("../../demo/catalog.json");
//! # let (catalog, _) = Document::parse(json).unwrap().compile().unwrap();
//! # let now = Instant::parse("2026-11-20").unwrap();
//! let mut question = Question::new("hobby", "exports");
//! assert_eq!(decide(&catalog, &question, now).unwrap().reason, Reason::UsageUnavailable);
//! question.consumed = Some(Amount::parse("3").unwrap());
//! assert_eq!(decide(&catalog, &question, now).unwrap().reason, Reason::LimitReached);
//! ```
//!
//! # What this crate does not do
//!
//! It does not decide, and has no clock and no I/O. Its feature `serde` reads the same from a deserialiser, such as one
//! of a file that does not fit in memory.

#![forbid(unsafe_code)]

mod zones;
mod diagnostics;
mod tree;
mod node;
mod fields;
mod reader;
mod config;
mod values;
mod billing;
mod details;
mod entities;
mod references;
mod definitions;
mod customers;
mod document;
#[cfg(feature = "serde")]
mod serde;
mod ask;

pub use ask::{Check, ask_billing_period, ask_resolution, ask_window, read, read_reset_period};
pub use billing::billing_period;
pub use customers::add_element;
pub use diagnostics::Diagnostics;
pub use document::{Document, SETTINGS};
pub use node::{Node, Object};
pub use reader::SyntaxError;
pub use tree::{Path, Tree};
pub use zones::ZoneSource;
