//! The fallback: a snapshot that is deployed with a program. It answers if neither the store nor the origin can.

use crate::file::Contents;
use crate::manifest::Manifest;
use crate::replica::Replica;
use mayuse_core::Packed;

/// A fallback and the state of its checks. The first look verifies its manifest, so that an unusable fallback is
/// reported before it is needed. Its objects are opened when it is needed.
#[derive(Debug, Default)]
pub enum Fallback {
    /// There is no fallback.
    #[default]
    Absent,
    /// Its bytes are not read yet.
    Unchecked(Packed),
    /// Its manifest is verified.
    Usable(Contents, Box<Manifest>),
    /// Its objects are open.
    Open(Box<Replica>),
    /// It is unusable; the text says why.
    Refused(String),
}

impl Fallback {
    /// The fallback in these bytes. Empty bytes mean no fallback.
    pub fn of(bytes: Vec<u8>) -> Fallback {
        match bytes.is_empty() {
            true => Fallback::Absent,
            // Bytes that are not text are read as an empty file, which is refused.
            false => Fallback::Unchecked(Packed::new(bytes).unwrap_or_default()),
        }
    }

    /// Its version, once its manifest is verified.
    pub fn version(&self) -> Option<u64> {
        match self {
            Fallback::Usable(_, manifest) => Some(manifest.version),
            Fallback::Open(replica) => replica.manifest().map(|manifest| manifest.version),
            Fallback::Absent | Fallback::Unchecked(_) | Fallback::Refused(_) => None,
        }
    }

    /// Its state in one word, for operators.
    pub fn status(&self) -> &'static str {
        match self {
            Fallback::Absent => "NONE",
            Fallback::Unchecked(_) => "UNCHECKED",
            Fallback::Usable(..) | Fallback::Open(_) => "USABLE",
            Fallback::Refused(_) => "REFUSED",
        }
    }

    /// Why the fallback is refused; empty if it is not.
    pub fn problem(&self) -> &str {
        match self {
            Fallback::Refused(problem) => problem,
            _ => "",
        }
    }
}
