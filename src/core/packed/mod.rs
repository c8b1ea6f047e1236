//! The packed form: a catalogue as bytes that are checked once and then read where they lie.
//!
//! [`People`] are customers with their subscriptions: one block, or, in a snapshot, as many as there
//! are shards. A block names what it refers to (plan versions, add-ons, features, products) by id,
//! in a table of its own, so it stays as it is when others are added; opening it ties the table to
//! a catalogue. [`Definitions`](definitions) are everything else. A [`Pile`] makes both.
//!
//! ```text
//! block     MAGIC format  seed  shard bits, bucket bits  n customers, n subscriptions
//!           names: n, text*            (sorted; records say 3 for the fourth)
//!           buckets: offset*           (fixed width; where the records of each begin, and the end)
//!           records: sorted by hash    (a bucket is a stretch of hashes)
//! record    length  flags  key  ...    (a customer, or an alias and whose it is)
//! ```
//!
//! A look-up hashes the key, reads two offsets and compares the few keys between them: two places
//! in memory, however many customers there are.

mod number;
mod wire;
mod rows;
mod record;
mod block;
mod pile;
mod sorted;
mod definitions;
mod person;

pub use block::{Found, People};
pub(crate) use block::{Link, NOTHING};
pub(crate) use definitions::pack as pack_definitions;
pub use person::Person;
pub(crate) use person::{Customer, Others, Subscription, Subscriptions};
pub use pile::{Pile, Seen};
pub use sorted::Sorted;
pub use wire::{Packed, Reader, Writer};

use std::fmt;

/// The format this program writes, and the only one it reads.
pub const FORMAT: u64 = 1;

/// The hash by which people are laid out in shards and buckets.
pub fn key_hash(seed: u64, key: &str) -> u64 {
    crate::index::hash(seed, key)
}

/// Which of `2^bits` shards a hash belongs to: its upper bits.
pub fn shard_of(hash: u64, bits: u8) -> u64 {
    hash.checked_shr(64_u32.saturating_sub(u32::from(bits))).unwrap_or_default()
}

/// Why bytes are not what they should be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unreadable {
    kind: UnreadableKind,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum UnreadableKind {
    /// It does not begin as one does.
    NotOne(&'static str),
    /// A later program wrote it.
    Newer(&'static str, u64),
    /// Something in it cannot be.
    Broken(&'static str, &'static str),
}

impl Unreadable {
    pub(crate) fn broken(what: &'static str, why: &'static str) -> Unreadable {
        Unreadable { kind: UnreadableKind::Broken(what, why) }
    }

    /// Whether a later version of this program wrote it.
    pub fn is_newer(&self) -> bool {
        matches!(self.kind, UnreadableKind::Newer(..))
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            UnreadableKind::NotOne(what) => write!(f, "not {what}"),
            UnreadableKind::Newer(what, format) => {
                write!(f, "{what} of format {format}, and this program reads format {FORMAT}: update it")
            }
            UnreadableKind::Broken(what, why) => write!(f, "{what} is damaged: {why}"),
        }
    }
}

impl std::error::Error for Unreadable {}

/// Reads what it is, and the format.
fn head(reader: &mut Reader<'_>, magic: &str, what: &'static str) -> Result<(), Unreadable> {
    if reader.take(magic.len()) != Some(magic) {
        return Err(Unreadable { kind: UnreadableKind::NotOne(what) });
    }
    match reader.number() {
        Some(FORMAT) => Ok(()),
        Some(newer) => Err(Unreadable { kind: UnreadableKind::Newer(what, newer) }),
        None => Err(Unreadable::broken(what, "it ends early")),
    }
}
