//! A catalog as it travels: immutable objects named by their hashes, and a signed manifest that
//! names them.
//!
//! [`cut`] makes one [`SnapshotIndex`] of objects of a catalog and its customers, [`patch`] the next one of
//! what changed. A [`Manifest`] puts a version and an instant to a table and is signed; a
//! [`Replica`] holds a verified one with as many of its shards as it may, and decides from them.
//! It never gives way to an older one. A [`Reader`] says what to fetch for it and when, a [`Publisher`]
//! what to publish next: state machines, which a shell carries.
//!
//! # What this crate does not do
//!
//! It has no clock, no randomness, no storage and no network: instants and seeds are arguments, and
//! objects are fetched and kept by whoever calls.

#![forbid(unsafe_code)]

mod hash;
mod keys;
mod manifest;
mod cut;
mod patch;
mod ledger;
mod limits;
mod publisher;
mod taken;
mod file;
mod replica;
mod fetched;
mod fallback;
mod reader;
mod look;
mod asking;
mod diff;

pub use asking::Asking;
pub use cut::{ObjectRef, SHARD_BYTES, SnapshotIndex, bits_for, cut};
pub use diff::{Change, Difference, diff, diff_one};
pub use fallback::Fallback;
pub use fetched::{Fetched, ObjectError};
pub use file::{Contents, FileError, HashFn, contents, is_file, join, open_file};
pub use hash::Hash;
pub use keys::{KeyError, KeyId, PublicKey, SigningKey};
pub use ledger::{Definitions, Failing, Health, Ledger, Shard, State, health, slot_of};
pub use limits::Limits;
pub use look::Look;
pub use manifest::{MANIFEST_FORMAT, Manifest, ManifestError, Policies, Unverified, is_audience};
pub use patch::{Patched, empty_shard, patch, split};
pub use publisher::{Load, Publisher, Step};
pub use reader::{Command, Event, Reader, ReaderSettings};
pub use replica::{ManifestOrder, Missing, Replica};
pub use taken::{NotTaken, Taken};
