//! The bytes that a shell read for a reader, and the check of an object against its hash.

use crate::hash::Hash;
use mayuse_core::{Packed, Reason};
use std::fmt;

/// The outcome of one read of the store.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fetched {
    /// The value.
    Bytes(Vec<u8>),
    /// The store has no such value.
    Absent,
    /// The store did not answer, or answered with an error. The text says why.
    Failed(String),
}

impl Fetched {
    /// The object with this hash.
    ///
    /// # Errors
    /// [`ObjectError`] for a failed read, an absent object, and bytes with another hash.
    pub fn object(self, hash: Hash) -> Result<Packed, ObjectError> {
        match self {
            Fetched::Failed(why) => Err(ObjectError::Store(why)),
            Fetched::Absent => Err(ObjectError::Absent(hash)),
            Fetched::Bytes(bytes) if Hash::of(&bytes) == hash => Packed::new(bytes).ok_or(ObjectError::Damaged(hash)),
            Fetched::Bytes(_) => Err(ObjectError::Damaged(hash)),
        }
    }
}

/// Why an object could not be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ObjectError {
    /// The store failed; the text says why.
    Store(String),
    /// The store does not have the object.
    Absent(Hash),
    /// The store has other bytes under this name.
    Damaged(Hash),
}

impl ObjectError {
    /// The reason of an answer that needs the object.
    pub fn reason(&self) -> Reason {
        match self {
            ObjectError::Store(_) | ObjectError::Absent(_) => Reason::SnapshotMissing,
            ObjectError::Damaged(_) => Reason::SnapshotInvalid,
        }
    }
}

impl fmt::Display for ObjectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ObjectError::Store(why) => f.write_str(why),
            ObjectError::Absent(hash) => write!(f, "the object {hash} is not there"),
            ObjectError::Damaged(hash) => write!(f, "the object {hash} is damaged: it is not what its name says"),
        }
    }
}

impl std::error::Error for ObjectError {}
