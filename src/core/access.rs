//! The statuses that grant access: always, on a condition, or by a word that this version does not know.

use crate::sort::sort_by;
use crate::status::{Status, StatusSet};

/// The statuses of a subscription that grant access (`access_statuses`).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Access {
    /// The known statuses that always grant.
    pub(crate) always: StatusSet,
    /// All other entries: conditions, and unknown words. Sorted, each once.
    pub(crate) others: Vec<AccessEntry>,
}

/// An entry of `access_statuses`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct AccessEntry {
    /// The status.
    pub status: Status,
    /// The word of an unknown status; else empty.
    pub word: Box<str>,
    /// When the status grants.
    pub condition: AccessCondition,
}

/// The condition on which a status grants access.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum AccessCondition {
    /// The status grants always.
    Always,
    /// The status grants while an `end_date` is set and to come.
    UntilEndDate,
    /// The status grants for this number of days from `status_since` on.
    ForDays(u32),
}

impl Access {
    /// The default: ACTIVE, TRIAL_ACTIVE and PENDING_CHARGE always grant.
    pub fn granting() -> Access {
        Access { always: StatusSet::granting(), others: Vec::new() }
    }

    /// The access of these entries, in any order. A condition on a status that always grants has no effect.
    pub fn new(entries: Vec<AccessEntry>) -> Access {
        let mut always = StatusSet::default();
        let is_known = |entry: &AccessEntry| entry.status != Status::Unknown;
        for entry in entries.iter().filter(|entry| is_known(entry) && entry.condition == AccessCondition::Always) {
            always.insert(entry.status);
        }
        let mut others = entries;
        others.retain(|entry| !is_known(entry) || !always.contains(entry.status));
        sort_by(&mut others, Ord::cmp);
        // The condition Always is the first of a word.
        others.dedup_by(|b, a| {
            a == b || (a.status == b.status && a.word == b.word && a.condition == AccessCondition::Always)
        });
        Access { always, others }
    }

    /// The entries for a status besides the known statuses that always grant.
    pub(crate) fn entries_of<'a>(&'a self, status: Status, word: &str) -> impl Iterator<Item = &'a AccessEntry> {
        self.others.iter().filter(move |entry| entry.status == status && *entry.word == *word)
    }
}
