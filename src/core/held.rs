//! A plain subscription that grants access, with its holding.

use crate::catalog::Catalog;
use crate::holding::{Holding, Key};
use crate::limits::Limits;
use crate::packed::{PlainHead, PlainSubscription};
use crate::reset::ResetPeriod;
use crate::status::Status;
use crate::time::Instant;
use crate::valid_until::ValidUntil;
use crate::value::Grant;
use crate::windowing::Anchors;
use std::cell::OnceCell;

/// The activation and the billing data of a subscription, once they are read.
pub(crate) type KeptAnchors = OnceCell<Option<Anchors>>;

/// Calendar and sliding windows have no anchors.
const NO_ANCHORS: &Anchors = &Anchors { activation: Instant::EPOCH, billing: None };

/// A granting subscription and its holding.
#[derive(Debug)]
pub(crate) struct Held<'c> {
    pub subscription: PlainHead<'c>,
    pub holding: &'c Holding,
    /// The rows of the subscription itself.
    pub rows: &'c [Grant],
    pub anchors: KeptAnchors,
}

impl<'c> Held<'c> {
    /// None within if the subscription does not grant access; None if its holding is not kept. Notes when it may change
    /// whether the subscription grants access.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub fn of(
        catalog: &'c Catalog,
        subscription: PlainSubscription<'c>,
        changes: &mut ValidUntil,
    ) -> Option<Option<Held<'c>>> {
        let now = changes.now;
        let PlainSubscription { head, status, start, end, trial_end, .. } = subscription;
        if end.is_none_or(|end| now < end && start < end) {
            changes.at(Some(start));
            changes.at(end);
            if status == Status::TrialActive {
                changes.at(trial_end);
            }
        }
        let status = status.at(trial_end, head.is_activated(), now);
        let runs = start <= now && end.is_none_or(|end| now < end);
        if !runs || !catalog.access.always.contains(status) {
            return Some(None);
        }
        let key = key(catalog, &subscription, status, now)?;
        let holding = catalog.holdings.find(&key, catalog.features.len())?;
        Some(Some(Held { subscription: head, holding, rows: subscription.rows, anchors: KeptAnchors::new() }))
    }

    /// The anchors of the windows of a limit.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub fn anchors(&self, limits: &Limits) -> Option<&Anchors> {
        if let ResetPeriod::Calendar(_) | ResetPeriod::SlidingWindow(_) = limits.reset_period {
            return Some(NO_ANCHORS);
        }
        let read = || {
            let (activation, billing) = self.subscription.anchors()?;
            Some(Anchors { activation, billing: Some(billing) })
        };
        self.anchors.get_or_init(read).as_ref()
    }
}

/// The holding of a subscription. Its rows come to the same for all with an equal key.
#[cfg_attr(not(feature = "small"), inline(always))]
fn key(catalog: &Catalog, subscription: &PlainSubscription<'_>, status: Status, now: Instant) -> Option<Key> {
    let mut key = Key::of(catalog.eras.at(now));
    key.push(subscription.version.0);
    let mut n_add_ons = 0_u32;
    subscription.each_add_on(|add_on, quantity| {
        key.push(add_on.0);
        key.push(quantity);
        n_add_ons = n_add_ons.wrapping_add(1);
    })?;
    subscription.each_product(|product| key.push(product.0))?;
    // The number of add-ons tells them from products.
    let terms = u32::from(subscription.head.is_monthly()) | (u32::from(status == Status::TrialActive) << 1);
    key.push(terms | (n_add_ons << 2));
    Some(key)
}
