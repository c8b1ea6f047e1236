//! Usage by allowance, as a question states it.

use crate::amount::Amount;
use crate::reset::ResetPeriod;
use crate::time::Instant;

/// The usage of an allowance.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct UsageEntry {
    /// The id of the owner of a row that is part of the allowance.
    pub origin: Box<str>,
    /// The subscription of the allowance.
    pub subscription_id: Option<Box<str>>,
    /// The start of the row.
    pub starts_at: Option<Instant>,
    /// The window, without the position of a time zone: that of the limit or of a cap. Without it, all of
    /// them have this usage.
    pub period: Option<ResetPeriod>,
    /// The name of the time zone of the window.
    pub zone: Option<Box<str>>,
    /// The amount that was used in the window.
    pub consumed: Amount,
    /// The amount that is held for requests under way.
    pub reserved: Amount,
}

impl UsageEntry {
    /// Whether both state the usage of the same allowances and windows, and one is as specific as the other.
    pub(crate) fn is_about(&self, other: &UsageEntry) -> bool {
        let same_period = match (self.period, other.period) {
            (Some(a), Some(b)) => a.is_equivalent(b),
            (a, b) => a.is_none() && b.is_none(),
        };
        same_period
            && self.zone == other.zone
            && self.origin == other.origin
            && self.subscription_id == other.subscription_id
            && self.starts_at == other.starts_at
    }
}
