//! Where the time zones of a document come from.

use mayuse_core::Instant;

/// The offsets of a time zone in seconds, each with the instant from which on it counts, from 1970 to 2100; None for a
/// name that is not known. The caller has the database: a native library, or that of JavaScript.
pub type ZoneSource = fn(&str) -> Option<Vec<(Instant, i32)>>;
