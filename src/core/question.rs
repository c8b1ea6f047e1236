//! The question whether a customer may use a feature.

use crate::amount::Amount;
use crate::snapshot::Policy;
use crate::time::Instant;

/// A question: may this customer use this feature?
#[derive(Clone, Copy, Debug)]
pub struct Question<'q> {
    /// The customer, by id or alias.
    pub customer: &'q str,
    /// The feature, by id or code.
    pub feature: &'q str,
    /// Asks about this one of the customer's subscriptions alone.
    pub subscription_id: Option<&'q str>,
    /// How much is wanted; without it one. Zero asks whether the customer stands within the limit.
    pub requested: Option<Amount>,
    /// How much was used in the window; none if that is not known.
    pub consumed: Option<Amount>,
    /// How much is held for requests that are under way.
    pub reserved: Amount,
    /// The instant it asks about; without one, now. How old the catalog is has nothing to do with it.
    pub at: Option<Instant>,
    /// Whether to list every row that was looked at.
    pub explain: bool,
    /// What an indeterminate answer comes to.
    pub on_indeterminate: Option<Policy>,
    /// The oldest version of the catalog that may answer.
    pub min_version: Option<u64>,
    /// The age in milliseconds from which on the catalog may not answer; 0 lets nobody answer but the
    /// one writer.
    pub max_age_ms: Option<u64>,
}

impl<'q> Question<'q> {
    /// Whether this customer may use one unit of this feature, usage unknown.
    pub fn new(customer: &'q str, feature: &'q str) -> Question<'q> {
        Question {
            customer,
            feature,
            subscription_id: None,
            requested: None,
            consumed: None,
            reserved: Amount::ZERO,
            at: None,
            explain: false,
            on_indeterminate: None,
            min_version: None,
            max_age_ms: None,
        }
    }
}
