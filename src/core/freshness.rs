//! How old a catalog is, whether that lets it answer, and what is answered where it does not.
//!
//! All of it goes by the real clock, whatever instant a question is about.

use crate::catalog::{Catalog, Feature};
use crate::decision::{Freshness, Reason};
use crate::question::Question;
use crate::snapshot::{Policy, SnapshotMeta, Source};
use crate::time::Instant;

fn age_ms(snapshot: &SnapshotMeta, now: Instant) -> Option<u64> {
    // A clock that went backward makes nothing younger than new.
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

pub(crate) fn later(instant: Instant, ms: u64) -> Option<Instant> {
    Instant::from_millis(instant.millis().saturating_add_unsigned(ms))
}

/// Why this catalog may not answer a question at this instant of the real clock, if it may not:
/// SNAPSHOT_BEHIND or SNAPSHOT_EXPIRED. This needs no data of the customer.
pub fn too_old(catalog: &Catalog, question: &Question<'_>, now: Instant) -> Option<Reason> {
    let feature = catalog.feature_at(question.feature).and_then(|at| catalog.feature(at));
    let max_age = max_age(&catalog.snapshot, question, feature);
    outdated(&catalog.snapshot, question, max_age, age_ms(&catalog.snapshot, now))
}

/// The least of the ages that question, feature and deployment allow.
pub(crate) fn max_age(snapshot: &SnapshotMeta, question: &Question<'_>, feature: Option<&Feature>) -> Option<u64> {
    let of_feature = feature.and_then(|feature| feature.max_age_ms);
    least(least(question.max_age_ms, of_feature), snapshot.max_age_ms)
}

fn least(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

pub(crate) fn outdated(
    snapshot: &SnapshotMeta,
    question: &Question<'_>,
    max_age: Option<u64>,
    age_ms: Option<u64>,
) -> Option<Reason> {
    // The origin is the present: nothing is newer.
    if snapshot.source == Source::Origin {
        return None;
    }
    if question.min_version.is_some_and(|min| snapshot.version.is_none_or(|held| held < min)) {
        return Some(Reason::SnapshotBehind);
    }
    max_age.is_some_and(|max| age_ms.is_none_or(|age| max <= age)).then_some(Reason::SnapshotExpired)
}

/// What an indeterminate answer comes to: as the question and the feature say, the stricter of the
/// two; as everywhere, where neither says.
pub(crate) fn policy(catalog: &Catalog, question: &Question<'_>, feature: Option<&Feature>) -> Policy {
    let of_feature = feature.and_then(|feature| feature.on_indeterminate);
    match (question.on_indeterminate, of_feature) {
        (Some(Policy::Deny), _) | (_, Some(Policy::Deny)) => Policy::Deny,
        (Some(Policy::Allow), _) | (_, Some(Policy::Allow)) => Policy::Allow,
        (None, None) => catalog.snapshot.on_indeterminate,
    }
}
