//! The context of a question: the customer, the subscriptions it is about, and which of them grant access.
//!
//! Cursors lend subscriptions one by one, because copying a subscription costs more than reading it, and nearly every
//! customer has one.

use crate::allowance::Allowance;
use crate::applied_grant::{AppliedGrant, ChainTerms};
use crate::catalog::{AddOn, Catalog, Feature};
use crate::dates::Dates;
use crate::grant_source::GrantSource;
use crate::idx::{AddOnIdx, ProductIdx};
use crate::ladder::Level;
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
    /// A change of the holding that is tried.
    pub tried: Option<&'s Tried<'c>>,
    /// Whether allowances keep the rows that join them, because the question names rows.
    pub keeps_rows: bool,
    /// Whether the first subscription grants access at `now`.
    first_grants: bool,
}

/// A change of the holding that is tried, to say what would allow a denied use.
#[derive(Debug)]
pub(crate) struct Tried<'c> {
    /// A subscription in place of the one with its id, which is not the first.
    pub replaced: Option<Subscription<'c>>,
    /// An add-on that is tried and has used nothing.
    pub unused: Option<AddOnIdx>,
    /// The subscription as it is, while another plan is tried in place of its plan.
    pub in_place: Option<Subscription<'c>>,
}

/// A cursor that lends subscriptions one by one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SubscriptionCursor<'s, 'c> {
    first: Option<&'s Subscription<'c>>,
    others: SubscriptionIter<'c>,
    tried: Option<&'s Tried<'c>>,
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
            let replaced = self.tried.and_then(|tried| tried.replaced.as_ref());
            if let Some(replaced) = replaced.filter(|replaced| replaced.id == other.id) {
                let wanted = self.granting.is_none_or(|(catalog, now)| grants_access(catalog, replaced, now));
                if wanted {
                    return Some(replaced);
                }
                continue;
            }
            let wanted = self.granting.is_none_or(|(catalog, now)| grants_access(catalog, other, now));
            if wanted {
                break;
            }
        }
        self.others.held()
    }
}

impl<'s, 'c> EvaluationContext<'s, 'c> {
    #[cfg_attr(not(feature = "small"), inline(always))]
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
            tried: None,
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
            tried: self.tried(),
            granting: None,
        }
    }

    /// Whether any subscription grants access at `now`.
    #[inline]
    pub fn is_granted(&self) -> bool {
        // Nearly every customer has one subscription.
        self.first_grants || self.granting().next().is_some()
    }

    /// The subscriptions that grant access at `now`, in the order of their ids.
    #[inline]
    pub fn granting(&self) -> SubscriptionCursor<'s, 'c> {
        let first = if self.first_grants { self.subscriptions.first.as_ref() } else { self.fallback };
        let (others, tried) = (self.subscriptions.iter(), self.tried());
        SubscriptionCursor { first, others, tried, granting: Some((self.catalog, self.now)) }
    }

    /// The change that is tried. A build without suggestions tries no change, and leaves out what depends on it.
    #[inline(always)]
    fn tried(&self) -> Option<&'s Tried<'c>> {
        self.tried.filter(|_| cfg!(feature = "suggest"))
    }
}

impl<'c> EvaluationContext<'_, 'c> {
    /// Whether a feature is in scope of a subscription: it names no product, or the subscription carries the product.
    #[inline]
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

    #[inline(never)]
    fn has_product(&self, subscription: &Subscription<'_>, product: ProductIdx) -> bool {
        let version = self.catalog.version(subscription.version);
        version.is_some_and(|version| version.products.contains(&product))
            || subscription.products().any(|held| held == product)
            || subscription.add_ons().any(|held| self.sells(held, product))
            || (subscription.has_dated_add_ons() && self.has_dated_product(subscription, product))
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

    /// Whether nothing was used of an allowance, because it is that of an add-on that is only tried.
    #[inline]
    pub fn is_unused(&self, allowance: &Allowance<'_>) -> bool {
        let unused = self.tried().and_then(|tried| tried.unused);
        unused.is_some_and(|add_on| self.is_only_of(add_on, allowance))
    }

    /// Whether all rows of an allowance are of units of an add-on that are only tried.
    #[cold]
    #[inline(never)]
    fn is_only_of(&self, add_on: AddOnIdx, allowance: &Allowance<'_>) -> bool {
        let is_its = |row: &AppliedGrant<'_>| self.is_of(add_on, row);
        is_its(&allowance.row) && allowance.joined().iter().all(is_its)
    }

    /// Whether a row is of units of an add-on that are only tried. Units that are held and that these do not join have
    /// dates of their own.
    fn is_of(&self, add_on: AddOnIdx, row: &AppliedGrant<'_>) -> bool {
        let is_its = |add_on: &AddOn| row.source.level() == Level::AddOn && *add_on.id == *row.source.id();
        let own_dates = (row.grant.starts_at, row.grant.expires_at);
        (row.starts_at, row.expires_at) == own_dates && self.catalog.add_on(add_on).is_some_and(is_its)
    }

    /// Whether usage of the owner with this id is that of a row: of the owner, or of the plan in place of it.
    pub fn has_usage_of(&self, origin: &str, row: &AppliedGrant<'_>, subscription: Option<&str>) -> bool {
        // An add-on that is only tried has used nothing, whatever is stated.
        if let Some(add_on) = self.tried().and_then(|tried| tried.unused)
            && self.is_of(add_on, row)
        {
            return false;
        }
        let before = self.tried().and_then(|tried| tried.in_place.as_ref());
        origin == row.source.id()
            || before
                .is_some_and(|before| before.named() == subscription && self.is_in_place(before, origin, row.source))
    }

    #[cold]
    #[inline(never)]
    fn is_in_place(&self, before: &Subscription<'c>, origin: &str, source: GrantSource<'_>) -> bool {
        let version = self.catalog.version(before.version);
        let id = match source {
            GrantSource::PlanVersion(..) => version.map(|version| &*version.id),
            GrantSource::Plan(_) => version.and_then(|version| self.catalog.plan(version.plan)).map(|plan| &*plan.id),
            _ => None,
        };
        id == Some(origin)
    }

    /// The add-ons that a subscription holds at the instant, each in any number of rows.
    pub fn held_add_ons(&self, subscription: &Subscription<'c>) -> Vec<HeldAddOn> {
        let mut held: Vec<HeldAddOn> = subscription.add_ons().collect();
        for row in subscription.dated_add_ons() {
            if self.dates.hold(row.starts_at, row.expires_at) {
                held.push(row.held);
            }
        }
        held
    }

    /// The terms of a subscription for a feature.
    #[inline]
    pub fn terms(&self, subscription: &Subscription<'c>, feature: &Feature) -> ChainTerms {
        ChainTerms {
            activation: Some(subscription.activation()),
            seats: if subscription.extras.is_empty() { 1 } else { subscription.seats(feature.product) },
            in_trial: is_in_trial(self.catalog, subscription, self.now),
            keeps_rows: self.keeps_rows,
        }
    }
}
