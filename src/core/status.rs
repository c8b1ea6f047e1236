//! The states of a subscription.

use crate::time::{Date, Instant};

/// The state of a subscription, as replicated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    /// It waits for its start.
    PendingActivation,
    /// It waits for its first payment.
    PendingCharge,
    /// It is in its trial.
    TrialActive,
    /// It runs.
    Active,
    /// Its trial ended without a payment.
    TrialExpired,
    /// It is paused.
    Paused,
    /// It is suspended.
    Suspended,
    /// It was cancelled.
    Cancelled,
    /// It ran to its end.
    Completed,
    /// Another one took its place.
    Superseded,
    /// The billing system failed on it.
    Errored,
}

impl Status {
    /// The state once the clock has had its say: a trial that is over is none.
    pub fn at(self, trial_end: Option<Date>, is_activated: bool, now: Instant) -> Status {
        match (self, trial_end) {
            (Status::TrialActive, Some(end)) if end.midnight() <= now => match is_activated {
                true => Status::Active,
                false => Status::TrialExpired,
            },
            (status, _) => status,
        }
    }
}

/// A set of subscription states.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct StatusSet(u16);

impl StatusSet {
    /// The states that grant access where the catalog does not say.
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

    pub(crate) fn from_bits(bits: u16) -> StatusSet {
        StatusSet(bits)
    }

    /// Adds a state.
    pub fn insert(&mut self, status: Status) {
        self.0 |= Self::bit(status);
    }

    /// Whether a state is in the set.
    pub fn contains(self, status: Status) -> bool {
        self.0 & Self::bit(status) != 0
    }

    fn bit(status: Status) -> u16 {
        1_u16.checked_shl(status as u32).unwrap_or_default()
    }
}

/// The end of a trial that began on a day and lasts so many days; none for a trial of no days.
pub fn trial_end(start: Date, days: u32) -> Option<Date> {
    if days == 0 { None } else { Some(start.plus_days(days)) }
}
