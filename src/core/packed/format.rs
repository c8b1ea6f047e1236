//! What all packed objects have in common: how they begin, how keys are hashed, and why one is refused.

use super::wire::Reader;
use std::fmt;

/// The format this program writes, and the only one it reads.
pub const FORMAT: u64 = 1;

/// The hash by which customers are laid out in shards and buckets.
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
pub(super) fn head(reader: &mut Reader<'_>, magic: &str, what: &'static str) -> Result<(), Unreadable> {
    if reader.take(magic.len()) != Some(magic) {
        return Err(Unreadable { kind: UnreadableKind::NotOne(what) });
    }
    match reader.number() {
        Some(FORMAT) => Ok(()),
        Some(newer) => Err(Unreadable { kind: UnreadableKind::Newer(what, newer) }),
        None => Err(Unreadable::broken(what, "it ends early")),
    }
}
