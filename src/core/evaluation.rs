//! The context of a question: the customer, the subscriptions it is about, and which of them grant access.
//!
//! Cursors lend subscriptions one by one, because copying a subscription costs more than reading it, and nearly every
//! customer has one.

use crate::applied_grant::ChainTerms;
use crate::catalog::{Catalog, Feature};
use crate::dates::Dates;
use crate::idx::ProductIdx;
use crate::packed::{Customer, HeldAddOn, Subscription, SubscriptionIter, Subscriptions};
use crate::status_at::{grants_access, is_in_trial};
use crate::time::Instant;
use crate::windowing::Anchors;

/// The data for a question about one customer at one instant.
#[derive(Debug)]
pub(crate) struct EvaluationContext<'s, 'c> {
    pub catalog: &'c Catalog,
    pub customer: &'s Customer<'c>,
    /// The subscriptions the question is about.
    pub subscriptions: &'s Subscriptions<'c>,
    pub now: Instant,
    /// The dates of the rows that were asked for.
    pub dates: Dates,
    /// The subscription to the fallback plan, in place of one that grants access.
    pub fallback: Option<&'s Subscription<'c>>,
    /// Whether allowances keep the rows that join them, because the question names rows.
    pub keeps_rows: bool,
    /// Whether the first subscription grants access at `now`.
    first_grants: bool,
}

/// A cursor that lends subscriptions one by one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SubscriptionCursor<'s, 'c> {
    first: Option<&'s Subscription<'c>>,
    others: SubscriptionIter<'c>,
    /// The catalog and the instant, if only granting subscriptions are wanted.
    granting: Option<(&'c Catalog, Instant)>,
}

impl<'s, 'c> SubscriptionCursor<'s, 'c> {
    #[inline]
    pub fn next(&mut self) -> Option<&Subscription<'c>> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        // Nearly every customer has one subscription.
        if self.others.n() == 0 { None } else { self.other() }
    }

    #[inline(never)]
    fn other(&mut self) -> Option<&Subscription<'c>> {
        loop {
            let other = self.others.next()?;
            let wanted = self.granting.is_none_or(|(catalog, now)| grants_access(catalog, other, now));
            if wanted {
                break;
            }
        }
        self.others.held()
    }
}

impl<'s, 'c> EvaluationContext<'s, 'c> {
    pub fn new(
        catalog: &'c Catalog,
        customer: &'s Customer<'c>,
        subscriptions: &'s Subscriptions<'c>,
        now: Instant,
    ) -> EvaluationContext<'s, 'c> {
        let first_grants = subscriptions.first.as_ref().is_some_and(|first| grants_access(catalog, first, now));
        let dates = Dates::new(now);
        EvaluationContext {
            catalog,
            customer,
            subscriptions,
            now,
            dates,
            fallback: None,
            keeps_rows: false,
            first_grants,
        }
    }

    /// All subscriptions that the question is about, in the order of their ids.
    #[inline]
    pub fn all(&self) -> SubscriptionCursor<'s, 'c> {
        SubscriptionCursor {
            first: self.subscriptions.first.as_ref(),
            others: self.subscriptions.iter(),
            granting: None,
        }
    }

    /// The subscriptions that grant access at `now`, in the order of their ids.
    #[inline]
    pub fn granting(&self) -> SubscriptionCursor<'s, 'c> {
        let first = if self.first_grants { self.subscriptions.first.as_ref() } else { self.fallback };
        SubscriptionCursor { first, others: self.subscriptions.iter(), granting: Some((self.catalog, self.now)) }
    }
}

impl<'c> EvaluationContext<'_, 'c> {
    /// Whether a feature is in scope of a subscription: it names no product, or the subscription carries the product.
    pub fn in_scope(&self, feature: &Feature, subscription: &Subscription<'_>) -> bool {
        feature.product.is_none_or(|product| self.has_product(subscription, product))
    }

    /// Whether a feature is in scope of any granting subscription.
    pub fn chain_in_scope(&self, feature: &Feature) -> bool {
        let mut granting = self.granting();
        while let Some(subscription) = granting.next() {
            if self.in_scope(feature, subscription) {
                return true;
            }
        }
        false
    }

    fn has_product(&self, subscription: &Subscription<'_>, product: ProductIdx) -> bool {
        let version = self.catalog.version(subscription.version);
        version.is_some_and(|version| version.products.contains(&product))
            || subscription.products().any(|held| held == product)
            || subscription.add_ons().any(|held| self.sells(held, product))
            || (subscription.extras.has_dated_add_ons() && self.has_dated_product(subscription, product))
    }

    fn sells(&self, held: HeldAddOn, product: ProductIdx) -> bool {
        self.catalog.add_on(held.add_on).is_some_and(|add_on| add_on.product == Some(product))
    }

    /// Whether an add-on row with dates that hold carries a product.
    #[cold]
    #[inline(never)]
    fn has_dated_product(&self, subscription: &Subscription<'_>, product: ProductIdx) -> bool {
        subscription
            .dated_add_ons()
            .any(|row| self.sells(row.held, product) && self.dates.hold(row.starts_at, row.expires_at))
    }

    /// The subscription whose billing cycle the chain of all granting subscriptions follows: the one with the latest
    /// current period, of equals the one with the greater id; a known period goes before an unknown one.
    pub fn chain_billing(&self) -> Option<Subscription<'c>> {
        let key = |subscription: &Subscription<'c>| {
            (subscription.billing.is_known(), subscription.billing.current_start, subscription.id)
        };
        let mut latest: Option<Subscription<'c>> = None;
        let mut granting = self.granting();
        while let Some(subscription) = granting.next() {
            if latest.is_none_or(|latest| key(&latest) <= key(subscription)) {
                latest = Some(*subscription);
            }
        }
        latest
    }

    /// The subscription of [`chain_billing`](Self::chain_billing), the anchors of the chain, and its terms. The
    /// billing cycle, the seats and the trial are those of the subscription; the activation is the earliest of all
    /// granting subscriptions.
    pub fn chain_anchors(&self, feature: &Feature) -> Option<(Subscription<'c>, Anchors, ChainTerms)> {
        let subscription = self.chain_billing()?;
        let mut activation = subscription.activation();
        let mut granting = self.granting();
        while let Some(subscription) = granting.next() {
            activation = activation.min(subscription.activation());
        }
        let anchors = Anchors { activation, billing: Some(subscription.billing) };
        Some((subscription, anchors, ChainTerms { activation: Some(activation), ..self.terms(&subscription, feature) }))
    }

    /// The terms of a subscription for a feature.
    pub fn terms(&self, subscription: &Subscription<'c>, feature: &Feature) -> ChainTerms {
        ChainTerms {
            activation: Some(subscription.activation()),
            seats: if subscription.extras.is_empty() { 1 } else { subscription.seats(feature.product) },
            in_trial: is_in_trial(self.catalog, subscription, self.now),
            keeps_rows: self.keeps_rows,
        }
    }
}
