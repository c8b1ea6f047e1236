//! The status of a subscription at an instant, and whether it grants access then.
//!
//! Nearly every subscription has its recorded status and nothing else; all that time changes is out of line.

use crate::access::AccessCondition;
use crate::catalog::Catalog;
use crate::json::{Token, WriteJson, end, fields, object};
use crate::packed::Subscription;
use crate::status::Status;
use crate::time::Instant;
use crate::valid_until::ValidUntil;

/// The status of a subscription at an instant.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StatusAt<'c> {
    pub status: Status,
    /// The word of a status that this version does not know; else empty.
    pub word: &'c str,
    /// The instant from which on the subscription has the status; None if it is not known.
    pub since: Option<Instant>,
    /// Whether it is a scheduled change.
    pub is_scheduled: bool,
}

impl<'c> StatusAt<'c> {
    /// The word on the wire.
    fn name(&self) -> &'c str {
        if self.status == Status::Unknown { self.word } else { self.status.name() }
    }
}

/// Whether a subscription grants access at an instant: its status, start and end say so.
#[cfg_attr(not(feature = "small"), inline(always))]
pub(crate) fn grants_access(catalog: &Catalog, subscription: &Subscription<'_>, now: Instant) -> bool {
    is_running(subscription, now)
        && if is_plain(catalog, subscription) {
            catalog.access.always.contains(recorded_at(subscription, now))
        } else {
            status_grants(catalog, subscription, &status_at(catalog, subscription, now), now)
        }
}

fn is_running(subscription: &Subscription<'_>, now: Instant) -> bool {
    subscription.start <= now && subscription.end.is_none_or(|end| now < end)
}

/// Whether the recorded status and the end of a trial are all there is to know.
#[inline]
fn is_plain(catalog: &Catalog, subscription: &Subscription<'_>) -> bool {
    subscription.extras.is_empty() && catalog.access.others.is_empty()
}

/// The recorded status, or what the clock made of a trial.
fn recorded_at(subscription: &Subscription<'_>, now: Instant) -> Status {
    subscription.status.at(subscription.trial_end, subscription.activated_at.is_some(), now)
}

/// Whether a subscription is in its trial.
#[inline]
pub(crate) fn is_in_trial(catalog: &Catalog, subscription: &Subscription<'_>, now: Instant) -> bool {
    if !subscription.extras.is_empty() {
        return status_at(catalog, subscription, now).status == Status::TrialActive;
    }
    subscription.status == Status::TrialActive && recorded_at(subscription, now) == Status::TrialActive
}

/// The status at an instant: the latest change that has come, else the recorded status; and a trial ends by the clock.
#[cold]
#[inline(never)]
pub(crate) fn status_at<'c>(catalog: &Catalog, subscription: &Subscription<'c>, now: Instant) -> StatusAt<'c> {
    let (parts, word) = (subscription.extras.parts(), subscription.extras.status_word());
    let recorded = parts.status_since;
    let mut held = StatusAt { status: subscription.status, word, since: recorded, is_scheduled: false };
    for change in parts.status_changes() {
        // A change before the recorded status is past.
        if now < change.at || recorded.is_some_and(|since| change.at < since) {
            continue;
        }
        let new = StatusAt { status: change.status, word: change.word, since: Some(change.at), is_scheduled: true };
        let wins = match held.since.filter(|_| held.is_scheduled) {
            Some(latest) if latest == change.at => strength(catalog, &new) < strength(catalog, &held),
            Some(latest) => latest < change.at,
            None => true,
        };
        if wins {
            held = new;
        }
    }
    let status = held.status.at(subscription.trial_end, subscription.activated_at.is_some(), now);
    if status != held.status {
        held = StatusAt { status, since: subscription.trial_end, ..held };
    }
    held
}

/// How much a status grants (nothing, on a condition, always), and its word.
fn strength<'a>(catalog: &Catalog, at: &StatusAt<'a>) -> (u8, &'a str) {
    let mut grants = if catalog.access.always.contains(at.status) { 2 } else { 0 };
    for entry in catalog.access.entries_of(at.status, at.word) {
        grants = grants.max(if entry.condition == AccessCondition::Always { 2 } else { 1 });
    }
    (grants, at.name())
}

/// Whether a status grants access while the subscription runs.
pub(crate) fn status_grants(
    catalog: &Catalog,
    subscription: &Subscription<'_>,
    at: &StatusAt<'_>,
    now: Instant,
) -> bool {
    catalog.access.always.contains(at.status)
        || catalog.access.entries_of(at.status, at.word).any(|entry| match entry.condition {
            AccessCondition::Always => true,
            AccessCondition::UntilEndDate => subscription.end.is_some(),
            AccessCondition::ForDays(days) => at.since.is_some_and(|since| since <= now && now < since.plus_days(days)),
        })
}

/// Tracks the start and the end of a subscription, the end of its trial, and the changes of its status: all that may
/// change whether it grants access.
#[inline]
pub(crate) fn track_status(
    catalog: &Catalog,
    subscription: &Subscription<'_>,
    now: Instant,
    valid_until: &mut ValidUntil,
) {
    if !subscription.end.is_some_and(|end| end <= now || end <= subscription.start) {
        track_reason(catalog, subscription, now, valid_until);
    }
}

/// [`track_status`] for a subscription that may grant nothing any more, or never, but be the reason of a denial.
pub(crate) fn track_reason(
    catalog: &Catalog,
    subscription: &Subscription<'_>,
    now: Instant,
    valid_until: &mut ValidUntil,
) {
    valid_until.at(Some(subscription.start));
    valid_until.at(subscription.end);
    if is_plain(catalog, subscription) {
        if subscription.status == Status::TrialActive {
            valid_until.at(subscription.trial_end);
        }
    } else {
        track_changes(catalog, subscription, now, valid_until);
    }
}

#[cold]
#[inline(never)]
fn track_changes(catalog: &Catalog, subscription: &Subscription<'_>, now: Instant, valid_until: &mut ValidUntil) {
    // After the end, no status changes an answer.
    if subscription.end.is_some_and(|end| end <= now) {
        return;
    }
    let at = status_at(catalog, subscription, now);
    if at.status == Status::TrialActive {
        valid_until.at(subscription.trial_end);
    }
    let parts = subscription.extras.parts();
    let recorded = parts.status_since;
    for change in parts.status_changes() {
        if recorded.is_none_or(|since| since <= change.at) {
            valid_until.at(Some(change.at));
        }
    }
    for entry in catalog.access.entries_of(at.status, at.word) {
        if let (AccessCondition::ForDays(days), Some(since)) = (entry.condition, at.since) {
            valid_until.at(Some(since));
            valid_until.at(Some(since.plus_days(days)));
        }
    }
}

impl WriteJson for StatusAt<'_> {
    fn write_json(&self, out: &mut Vec<u8>) {
        object!(out, "status": *self.name(), "since": self.since);
        if self.is_scheduled {
            fields!(out, "source": Token("BY_SCHEDULE"));
        }
        end(out);
    }
}
