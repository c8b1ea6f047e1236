//! The common parts of packed objects: their head, the hash of keys, and their errors.

use super::wire::Reader;
use crate::text::{decimal, joined};
use std::fmt;

/// The format that this version writes.
///
/// Format 2 has tags and flags that format 1 does not use, so one decoder reads both.
pub const FORMAT: u64 = 2;

/// The oldest format that this version reads.
pub const OLDEST_FORMAT: u64 = 1;

/// The hash of an id or alias, by which records are laid out in shards and buckets.
pub fn key_hash(seed: u64, key: &str) -> u64 {
    crate::index::hash(seed, key)
}

/// The shard of a hash among `2^bits` shards, from 0: the upper `bits` bits of the hash.
pub fn shard_of(hash: u64, bits: u8) -> u64 {
    hash.checked_shr(64_u32.saturating_sub(u32::from(bits))).unwrap_or_default()
}

/// Why a packed object cannot be read. The message says why.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unreadable {
    kind: UnreadableKind,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum UnreadableKind {
    /// Not an object of this kind: it has another magic.
    NotOne(&'static str),
    /// An object of another format.
    Newer(&'static str, u64),
    /// A damaged object, and the reason.
    Broken(&'static str, &'static str),
}

impl Unreadable {
    pub(crate) fn broken(what: &'static str, why: &'static str) -> Unreadable {
        Unreadable { kind: UnreadableKind::Broken(what, why) }
    }

    /// Whether the object has a format that only another version of this program reads.
    pub fn is_newer(&self) -> bool {
        matches!(self.kind, UnreadableKind::Newer(..))
    }

    /// What `Display` shows.
    pub fn text(&self) -> String {
        match &self.kind {
            UnreadableKind::NotOne(what) => joined(&["not ", what]),
            UnreadableKind::Newer(what, format) => {
                let [newer, oldest, ours] = [*format, OLDEST_FORMAT, FORMAT].map(decimal);
                let reads = ", and this program reads formats ";
                joined(&[what, " of format ", &newer, reads, &oldest, " to ", &ours, ": update it"])
            }
            UnreadableKind::Broken(what, why) => joined(&[what, " is damaged: ", why]),
        }
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

impl std::error::Error for Unreadable {}

/// Reads the magic and the format.
pub(super) fn head(reader: &mut Reader<'_>, magic: &str, what: &'static str) -> Result<(), Unreadable> {
    if reader.take(magic.len()) != magic {
        return Err(Unreadable { kind: UnreadableKind::NotOne(what) });
    }
    match reader.number() {
        _ if !reader.is_ok() => Err(Unreadable::broken(what, "it ends early")),
        OLDEST_FORMAT..=FORMAT => Ok(()),
        newer => Err(Unreadable { kind: UnreadableKind::Newer(what, newer) }),
    }
}
