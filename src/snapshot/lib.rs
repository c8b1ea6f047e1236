//! The replicated form of a catalog: immutable objects named by their hashes, and a signed manifest
//! that lists them.
//!
//! [`cut`] packs a catalog and its customers into objects and a [`SnapshotIndex`]. [`patch`] rebuilds a
//! changed shard. A [`Manifest`] adds a version and an instant to the index, and is signed. A [`Replica`]
//! holds a verified manifest and as many of its shards as fit, and decides from them. It never rolls back.
//! A [`Reader`] says what to fetch and when; a [`Publisher`] says what to publish next. Both are state
//! machines, and a shell does their input and output.
//!
//! # What this crate does not do
//!
//! It has no clock, no randomness, no storage and no network: instants and seeds are arguments, and
//! the caller fetches and stores objects.

#![forbid(unsafe_code)]

mod hash;
mod keys;
mod cut;
mod manifest;
mod patch;
mod ledger;
mod limits;
mod publisher;
mod taken;
mod file;
mod view;
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
pub use file::{Contents, FILE_HEAD, FileError, HashFn, contents, is_file, join, manifest_range, open_file};
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
