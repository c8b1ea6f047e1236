//! What a program accepts, and how old an answer may be.

use mayuse_core::Policy;
use mayuse_snapshot::{Policies, PublicKey, ReaderSettings};

/// What a program accepts, and how old an answer may be.
///
/// A manifest limits ages too, and says whether a customer is let through if it cannot be said: the stricter of
/// the manifest and these options counts.
///
/// # Example: a day-old snapshot no longer answers
///
/// ```
/// let options = mayuse::Options { max_age_ms: Some(24 * 60 * 60 * 1000), ..Default::default() };
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Options {
    /// The deployment whose snapshots are accepted. `None` accepts those of every deployment.
    pub audience: Option<String>,
    /// The oldest version that is accepted.
    pub min_version: u64,
    /// The age from which an answer is marked as stale.
    pub stale_after_ms: Option<u64>,
    /// The age from which a snapshot no longer answers.
    pub max_age_ms: Option<u64>,
    /// Whether a customer is let through if it cannot be said. `None` leaves it to the manifest; without a
    /// manifest, `None` keeps the customer out.
    pub on_indeterminate: Option<Policy>,
    /// How often a [`Follower`](crate::Follower) looks for a newer manifest. A `Snapshot` uses neither this nor the
    /// options below.
    pub refresh_ms: u32,
    /// How often the publisher writes a manifest although nothing changed.
    pub heartbeat_ms: u32,
    /// How many bytes of shards a follower holds.
    pub max_bytes: usize,
    /// A random number, so that followers do not all return at the same moment after an outage.
    pub chance: u64,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            audience: None,
            min_version: 0,
            stale_after_ms: None,
            max_age_ms: None,
            on_indeterminate: None,
            refresh_ms: 5_000,
            heartbeat_ms: 60_000,
            max_bytes: usize::MAX,
            chance: 0,
        }
    }
}

impl Options {
    pub(crate) fn own(&self) -> Policies {
        Policies {
            // The most lenient, so that the manifest's counts.
            on_indeterminate: self.on_indeterminate.unwrap_or(Policy::Allow),
            stale_after_ms: self.stale_after_ms,
            max_age_ms: self.max_age_ms,
        }
    }

    pub(crate) fn reader(&self, keys: &[PublicKey]) -> ReaderSettings {
        ReaderSettings {
            keys: keys.to_vec(),
            audience: self.audience.clone(),
            min_version: self.min_version,
            own: self.own(),
            on_indeterminate: self.on_indeterminate.unwrap_or(Policy::Deny),
            max_bytes: self.max_bytes,
            refresh_ms: self.refresh_ms.into(),
            heartbeat_ms: self.heartbeat_ms.into(),
            chance: self.chance,
        }
    }
}
