//! How a catalog came to where it is asked, and how old it may get.

use crate::time::Instant;

/// The way a catalog came to where it is asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Source {
    /// A replicated snapshot.
    Snapshot,
    /// A copy kept in a cache.
    Cache,
    /// Built into the program.
    Embedded,
    /// Read from the one writer itself.
    Origin,
    /// A last resort.
    Fallback,
}

/// How fresh a catalog is, and what to answer when it is not usable.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SnapshotMeta {
    /// Where it came from.
    pub source: Source,
    /// Its version, if it has one; only ever grows.
    pub version: Option<u64>,
    /// When it was made.
    pub generated_at: Option<Instant>,
    /// The age in milliseconds from which on it is stale.
    pub stale_after_ms: Option<u64>,
    /// The age in milliseconds from which on it may not be used.
    pub max_age_ms: Option<u64>,
    /// What an indeterminate answer allows, where neither question nor feature says.
    pub on_indeterminate: Policy,
}

impl Default for SnapshotMeta {
    fn default() -> Self {
        SnapshotMeta {
            source: Source::Snapshot,
            version: None,
            generated_at: None,
            stale_after_ms: None,
            max_age_ms: None,
            on_indeterminate: Policy::Deny,
        }
    }
}

/// What an indeterminate answer comes to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Policy {
    /// Let the customer through.
    Allow,
    /// Keep the customer out. The default everywhere.
    Deny,
}
