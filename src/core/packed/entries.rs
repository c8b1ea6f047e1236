//! Customers and subscriptions as they are given to be packed.

use crate::billing::Billing;
use crate::idx::FeatureIdx;
use crate::status::Status;
use crate::time::Instant;
use crate::value::UncheckedGrant;

/// A customer to be packed.
#[derive(Clone, Debug)]
pub struct CustomerEntry<'a> {
    /// The index in its list, or the line.
    pub n: usize,
    /// The id.
    pub id: &'a str,
    /// The alias.
    pub alias: Option<&'a str>,
    /// The name; the id if the customer has none.
    pub name: &'a str,
    /// The instant from which on the customer is archived.
    pub archived_at: Option<Instant>,
    /// The instant of its creation.
    pub created_at: Option<Instant>,
    /// The rows of the override, at most one for each feature at any instant.
    pub grants: Vec<UncheckedGrant<'a, FeatureIdx>>,
}

/// A subscription to be packed.
#[derive(Clone, Debug)]
pub struct SubscriptionEntry<'a> {
    /// The index in its list, or the line.
    pub n: usize,
    /// The id.
    pub id: &'a str,
    /// The id of the customer.
    pub customer: &'a str,
    /// The id of the plan version.
    pub version: &'a str,
    /// The status.
    pub status: Status,
    /// The word of an unknown status; else empty.
    pub status_word: &'a str,
    /// The instant from which on the subscription has its status.
    pub status_since: Option<Instant>,
    /// The changes of the status, in any order.
    pub status_changes: Vec<StatusChange<'a>>,
    /// The start.
    pub start: Instant,
    /// The end.
    pub end: Option<Instant>,
    /// The end of the trial.
    pub trial_end: Option<Instant>,
    /// The instant of the activation.
    pub activated_at: Option<Instant>,
    /// The billing data.
    pub billing: Billing,
    /// The ids of the products of the price components.
    pub products: Vec<&'a str>,
    /// The number of seats, at least 1.
    pub seats: Option<u32>,
    /// The slots of price components: the id of the product, if there is one, and the number.
    pub slots: Vec<(Option<&'a str>, u32)>,
    /// The add-ons, by their ids. Quantities of rows without dates are summed for each add-on.
    pub add_ons: Vec<SubscriptionAddOn<&'a str>>,
    /// The rows of the override, at most one for each feature at any instant.
    pub grants: Vec<UncheckedGrant<'a, FeatureIdx>>,
}

/// A change of the status of a subscription.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StatusChange<'a> {
    /// The instant from which on the subscription has the status.
    pub at: Instant,
    /// The status.
    pub status: Status,
    /// The word of an unknown status; else empty.
    pub word: &'a str,
}

/// An add-on row of a subscription. `A` is the reference to the add-on: an id, or a number in a block's table of names.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct SubscriptionAddOn<A> {
    /// The add-on.
    pub add_on: A,
    /// The instant from which on the row is there.
    pub starts_at: Option<Instant>,
    /// The instant from which on the row is not there any more.
    pub expires_at: Option<Instant>,
    /// The quantity.
    pub quantity: u32,
}

impl<A> SubscriptionAddOn<A> {
    /// Whether the row has a start or an end.
    pub fn is_dated(&self) -> bool {
        self.starts_at.is_some() || self.expires_at.is_some()
    }
}
