//! `If-Match` and `If-None-Match`: a client that writes only what it has seen overwrites nobody else's write.
//!
//! The tag of an entity is the version of its last write, in quotation marks.

use crate::failure::{ApiError, ErrorKind};
use std::str::FromStr;

/// The two headers of a request, as they were sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Preconditions<'r> {
    /// The header `if-match`.
    pub if_match: Option<&'r str>,
    /// The header `if-none-match`.
    pub if_none_match: Option<&'r str>,
}

/// Whether a header names the present version.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Named {
    No,
    Yes,
    /// The header is not `*` or a list of tags.
    Malformed,
}

impl Preconditions<'_> {
    /// Whether the request has neither header.
    pub fn is_empty(self) -> bool {
        self.if_match.is_none() && self.if_none_match.is_none()
    }

    /// Checks a write of `what`, whose last write made the version `present`; `None` if it does not exist.
    ///
    /// # Errors
    /// 412 if a precondition fails, 400 if a header cannot be read.
    pub(crate) fn check(self, what: &str, present: Option<u64>) -> Result<(), ApiError> {
        for (name, header, expected) in
            [("If-Match", self.if_match, Named::Yes), ("If-None-Match", self.if_none_match, Named::No)]
        {
            let Some(header) = header else { continue };
            let found = named(header, present);
            if found == Named::Malformed {
                let message = "expected * or tags such as \"42\", with their quotation marks and between commas";
                return Err(ApiError::field(name, message));
            }
            if found != expected {
                let message = match present {
                    Some(version) => {
                        format!("{what} was last written by version {version}, so {name} forbids this write")
                    }
                    None => format!("{what} does not exist, so {name} forbids this write"),
                };
                return Err(ApiError::new(ErrorKind::PreconditionFailed(present), message));
            }
        }
        Ok(())
    }

    /// Whether a read need not be answered in full, because the client has this version.
    pub(crate) fn has_seen(self, present: u64) -> bool {
        self.if_none_match.is_some_and(|header| named(header, Some(present)) == Named::Yes)
    }
}

/// Reads a header: `*`, or a list of tags. A weak tag counts as a strong one: proxies weaken the tags of answers that
/// they compress, and a tag names a write, not the bytes of an answer.
fn named(header: &str, present: Option<u64>) -> Named {
    if header.trim() == "*" {
        return if present.is_some() { Named::Yes } else { Named::No };
    }
    let (mut rest, mut n_tags, mut found) = (header.trim(), 0_u32, Named::No);
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix(',') {
            rest = after.trim_start();
            continue;
        }
        let quoted = rest.strip_prefix("W/").unwrap_or(rest).strip_prefix('"');
        let Some((tag, after)) = quoted.and_then(|quoted| quoted.split_once('"')) else { return Named::Malformed };
        rest = after.trim_start();
        if !rest.is_empty() && !rest.starts_with(',') {
            return Named::Malformed;
        }
        // `+5` is a number too, but no tag that was ever given.
        let is_version = tag.bytes().all(|byte| byte.is_ascii_digit());
        if is_version && present.is_some() && u64::from_str(tag).ok() == present {
            found = Named::Yes;
        }
        n_tags = n_tags.saturating_add(1);
    }
    if n_tags == 0 { Named::Malformed } else { found }
}
