//! Time zones: when the local clock of a zone is ahead of UTC, and by how much.

use crate::time::Instant;

/// A time zone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Zone {
    /// The IANA name.
    pub name: Box<str>,
    /// The instants from which on the local clock is ahead of UTC by a number of seconds, sorted. Before the first,
    /// the first counts.
    pub offsets: Vec<(Instant, i32)>,
}
