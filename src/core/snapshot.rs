//! The source of a catalog, its age limits and its failure policy.

use crate::time::Instant;

/// The source of a catalog.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Source {
    /// A replicated snapshot.
    Snapshot,
    /// A cached copy. Not given yet.
    Cache,
    /// A copy in the bundle or the package.
    Embedded,
    /// The catalog itself, where writes go.
    Origin,
    /// A last resort. Not given yet.
    Fallback,
}

/// The freshness of a catalog, and its failure policy.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SnapshotMeta {
    /// The source.
    pub source: Source,
    /// The version, if it has one. Versions only grow.
    pub version: Option<u64>,
    /// The instant at which this version was made.
    pub generated_at: Option<Instant>,
    /// The age in milliseconds from which on the catalog is stale.
    pub stale_after_ms: Option<u64>,
    /// The age in milliseconds from which on the catalog may not answer.
    pub max_age_ms: Option<u64>,
    /// The failure policy where neither question nor feature states one.
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

/// The failure policy: what `allowed` is in an indeterminate answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Policy {
    /// `allowed` is true.
    Allow,
    /// `allowed` is false. The default everywhere.
    Deny,
}
