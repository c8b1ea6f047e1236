//! Freshness: the age of a catalog, whether the catalog may answer at that age, and the failure policy.
//!
//! Ages count by the clock, whatever instant a question is about. The rules are in section 9 of docs/semantics.md.

use crate::catalog::{Catalog, Feature};
use crate::decision::{Freshness, Reason};
use crate::question::Question;
use crate::snapshot::{Policy, SnapshotMeta, Source};
use crate::time::Instant;

/// The age of a catalog in milliseconds; None if it has no date.
fn age_ms(snapshot: &SnapshotMeta, now: Instant) -> Option<u64> {
    // A clock that went backward gives the age 0.
    snapshot.generated_at.map(|made| u64::try_from(now.millis().saturating_sub(made.millis())).unwrap_or(0))
}

pub(crate) fn freshness(snapshot: &SnapshotMeta, now: Instant) -> Freshness {
    let age_ms = age_ms(snapshot, now);
    Freshness {
        source: snapshot.source,
        snapshot_version: snapshot.version,
        generated_at: snapshot.generated_at,
        age_ms,
        stale: snapshot.stale_after_ms.is_some_and(|stale| age_ms.is_none_or(|age| stale <= age)),
        usage_as_of: None,
        usage_exact: None,
    }
}

/// The instant `ms` milliseconds later, or None after the year 9999.
pub(crate) fn later(instant: Instant, ms: u64) -> Option<Instant> {
    Instant::from_millis(instant.millis().saturating_add_unsigned(ms))
}

/// Why this catalog is too old to answer a question at `now` by the clock: SNAPSHOT_BEHIND or SNAPSHOT_EXPIRED. None
/// if it may answer. This needs no data of the customer.
pub fn too_old(catalog: &Catalog, question: &Question<'_>, now: Instant) -> Option<Reason> {
    let feature = catalog.feature_at(question.feature).and_then(|at| catalog.feature(at));
    let max_age = max_age(&catalog.snapshot, question, feature);
    outdated(&catalog.snapshot, question, max_age, age_ms(&catalog.snapshot, now))
}

/// The maximum age in milliseconds: the smallest of the question's, the feature's and the deployment's.
fn max_age(snapshot: &SnapshotMeta, question: &Question<'_>, feature: Option<&Feature>) -> Option<u64> {
    let of_feature = feature.and_then(|feature| feature.max_age_ms);
    least(least(question.max_age_ms, of_feature), snapshot.max_age_ms)
}

fn least(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// SNAPSHOT_BEHIND if the version is below `min_version`, SNAPSHOT_EXPIRED if the age has reached `max_age`.
fn outdated(
    snapshot: &SnapshotMeta,
    question: &Question<'_>,
    max_age: Option<u64>,
    age_ms: Option<u64>,
) -> Option<Reason> {
    // The origin is the present, so it meets every demand.
    if snapshot.source == Source::Origin {
        return None;
    }
    if question.min_version.is_some_and(|min| snapshot.version.is_none_or(|held| held < min)) {
        return Some(Reason::SnapshotBehind);
    }
    max_age.is_some_and(|max| age_ms.is_none_or(|age| max <= age)).then_some(Reason::SnapshotExpired)
}

/// What the age of a catalog means to a question.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Age {
    /// Why the catalog is too old to answer.
    pub outdated: Option<Reason>,
    /// The instant at which the catalog is too old to answer, if that is to come. The catalog expires by the clock,
    /// whatever instant the question is about.
    pub deadline: Option<Instant>,
}

impl Age {
    /// `feature` is that of the question; None stands for all features without a maximum age of their own.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub fn of(
        snapshot: &SnapshotMeta,
        freshness: &Freshness,
        question: &Question<'_>,
        feature: Option<&Feature>,
        clock: Instant,
    ) -> Age {
        let max_age = max_age(snapshot, question, feature);
        let expires = || later(freshness.generated_at?, max_age?).filter(|deadline| clock < *deadline);
        Age { outdated: outdated(snapshot, question, max_age, freshness.age_ms), deadline: expires() }
    }
}

/// The failure policy: the stricter of the question's and the feature's, or the deployment's where neither states
/// one.
pub(crate) fn policy(snapshot: &SnapshotMeta, question: &Question<'_>, feature: Option<&Feature>) -> Policy {
    let of_feature = feature.and_then(|feature| feature.on_indeterminate);
    match (question.on_indeterminate, of_feature) {
        (Some(Policy::Deny), _) | (_, Some(Policy::Deny)) => Policy::Deny,
        (Some(Policy::Allow), _) | (_, Some(Policy::Allow)) => Policy::Allow,
        (None, None) => snapshot.on_indeterminate,
    }
}
