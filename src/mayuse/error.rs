//! The error of this crate.

use mayuse_core::{Problem, Problems, Unreadable};
use mayuse_snapshot::{FileError, ManifestError};
use std::fmt;

/// Why a snapshot, a document or a question cannot be used.
///
/// A decision is never an error: "no" and "cannot be said" are answers with a reason.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Error {
    code: &'static str,
    message: String,
}

impl Error {
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Error {
        Error { code, message: message.into() }
    }

    /// A code for programs. Codes are append-only.
    ///
    /// | code | means |
    /// |---|---|
    /// | `NOT_A_SNAPSHOT` | the bytes are not a snapshot file |
    /// | `NEWER_FORMAT` | a later version of the program wrote the snapshot |
    /// | `DAMAGED` | the snapshot is cut short, or an object does not have its hash |
    /// | `UNKNOWN_KEY`, `WRONG_SIGNATURE` | none of the keys signed the manifest |
    /// | `WRONG_AUDIENCE` | the snapshot is for another deployment |
    /// | `TOO_OLD` | the snapshot is older than `min_version` |
    /// | `INCOMPLETE` | the publisher could not build a shard |
    /// | `INVALID_JSON` | the document is not JSON |
    /// | others, such as `INVALID` | the question or the document has a problem, as in the HTTP API |
    pub fn code(&self) -> &'static str {
        self.code
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Self {
        Error::new(problem.code.name(), problem.to_string())
    }
}

impl From<Problems> for Error {
    fn from(problems: Problems) -> Self {
        let code = problems.list.first().map_or("INVALID", |problem| problem.code.name());
        Error::new(code, problems.to_string())
    }
}

impl From<ManifestError> for Error {
    fn from(error: ManifestError) -> Self {
        let code = match error {
            ManifestError::NotOne => "NOT_A_SNAPSHOT",
            ManifestError::Newer(_) => "NEWER_FORMAT",
            ManifestError::UnknownKey(_) => "UNKNOWN_KEY",
            ManifestError::WrongSignature(_) => "WRONG_SIGNATURE",
            ManifestError::WrongAudience { .. } => "WRONG_AUDIENCE",
            _ => "DAMAGED",
        };
        Error::new(code, error.to_string())
    }
}

impl From<FileError> for Error {
    fn from(error: FileError) -> Self {
        let code = match error {
            FileError::Manifest(error) => return error.into(),
            FileError::NotOne => "NOT_A_SNAPSHOT",
            FileError::Newer(_) => "NEWER_FORMAT",
            FileError::Withheld => "INCOMPLETE",
            _ => "DAMAGED",
        };
        Error::new(code, error.to_string())
    }
}

impl From<Unreadable> for Error {
    fn from(error: Unreadable) -> Self {
        let code = if error.is_newer() { "NEWER_FORMAT" } else { "DAMAGED" };
        Error::new(code, error.to_string())
    }
}
