//! The statuses of a subscription.

use crate::time::Instant;

/// The status of a subscription, as replicated.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Status {
    /// Waits for its start.
    PendingActivation,
    /// Waits for its first payment.
    PendingCharge,
    /// In its trial.
    TrialActive,
    /// Runs.
    Active,
    /// The trial ended without an activation.
    TrialExpired,
    /// Paused.
    Paused,
    /// Suspended.
    Suspended,
    /// Cancelled.
    Cancelled,
    /// Ran to its end.
    Completed,
    /// Replaced by another subscription.
    Superseded,
    /// The billing system failed on it.
    Errored,
    /// Ended by the billing system.
    Aborted,
    /// A word that this version does not know. The word is kept beside it.
    Unknown,
}

impl Status {
    /// The known statuses with their names on the wire, in the order of their names.
    pub const NAMES: [(&str, Status); 12] = [
        ("ABORTED", Status::Aborted),
        ("ACTIVE", Status::Active),
        ("CANCELLED", Status::Cancelled),
        ("COMPLETED", Status::Completed),
        ("ERRORED", Status::Errored),
        ("PAUSED", Status::Paused),
        ("PENDING_ACTIVATION", Status::PendingActivation),
        ("PENDING_CHARGE", Status::PendingCharge),
        ("SUPERSEDED", Status::Superseded),
        ("SUSPENDED", Status::Suspended),
        ("TRIAL_ACTIVE", Status::TrialActive),
        ("TRIAL_EXPIRED", Status::TrialExpired),
    ];

    /// The name on the wire; empty for an unknown status.
    pub(crate) fn name(self) -> &'static str {
        Status::NAMES.iter().find(|(_, status)| *status == self).map_or("", |(name, _)| *name)
    }

    /// The status at `now`: from `trial_end` on, TRIAL_ACTIVE is ACTIVE if the subscription is activated, else
    /// TRIAL_EXPIRED.
    pub fn at(self, trial_end: Option<Instant>, is_activated: bool, now: Instant) -> Status {
        match (self, trial_end) {
            (Status::TrialActive, Some(end)) if end <= now => match is_activated {
                true => Status::Active,
                false => Status::TrialExpired,
            },
            (status, _) => status,
        }
    }
}

/// A set of statuses.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct StatusSet(u16);

impl StatusSet {
    /// The default of `access_statuses`: ACTIVE, TRIAL_ACTIVE and PENDING_CHARGE.
    pub fn granting() -> StatusSet {
        let mut set = StatusSet::default();
        set.insert(Status::Active);
        set.insert(Status::TrialActive);
        set.insert(Status::PendingCharge);
        set
    }

    pub(crate) fn bits(self) -> u16 {
        self.0
    }

    /// None if a bit stands for no known status.
    pub(crate) fn from_bits(bits: u16) -> Option<StatusSet> {
        (bits < Self::bit(Status::Unknown)).then_some(StatusSet(bits))
    }

    /// Adds a status.
    pub fn insert(&mut self, status: Status) {
        self.0 |= Self::bit(status);
    }

    /// Whether a status is in the set.
    pub fn contains(self, status: Status) -> bool {
        self.0 & Self::bit(status) != 0
    }

    fn bit(status: Status) -> u16 {
        1_u16.checked_shl(status as u32).unwrap_or_default()
    }
}

/// The end of a trial of `days` times 24 hours from `start`; None if `days` is 0.
pub fn trial_end(start: Instant, days: u32) -> Option<Instant> {
    if days == 0 { None } else { Some(start.plus_days(days)) }
}
