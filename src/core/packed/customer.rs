//! A customer with its subscriptions, read in place for a decision.

use super::extras::Extras;
use super::marks::Mark;
use super::plain::PlainSubscription;
use super::record::{Items, PackedCustomer, PackedSubscription, is_alias};
use super::tables::Tables;
use super::wire::{Flags, Reader};
use crate::billing::Billing;
use crate::idx::{AddOnIdx, ProductIdx, UNRESOLVED, VersionIdx, item};
use crate::status::Status;
use crate::time::Instant;
use crate::value::Grant;

/// An add-on that a subscription holds, with a quantity of at least 1. Each add-on occurs once without dates, and in
/// any number of rows with dates.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HeldAddOn {
    pub add_on: AddOnIdx,
    pub quantity: u32,
}

/// A row of an add-on that has dates.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DatedAddOn {
    pub held: HeldAddOn,
    pub starts_at: Option<Instant>,
    pub expires_at: Option<Instant>,
}

/// The record of a customer, which is found by its id. It is read only if the answer is not known without.
#[derive(Clone, Copy, Debug)]
pub struct CustomerRecord<'b> {
    pub(super) tables: &'b Tables,
    /// The hash of the key.
    pub(super) hash: u64,
    /// The position of the record.
    pub(super) at: usize,
    pub(super) flags: Flags,
    pub(super) key: &'b str,
    /// Behind the key.
    pub(super) rest: Reader<'b>,
    /// What an earlier question found out.
    pub(super) mark: Option<Mark>,
}

impl<'b> CustomerRecord<'b> {
    /// The id of the customer.
    pub(crate) fn id(&self) -> &'b str {
        self.key
    }

    /// If the record is an alias, the id of its customer.
    pub(super) fn alias(&self) -> Option<Option<&'b str>> {
        if !is_alias(self.flags) {
            return None;
        }
        let mut rest = self.rest;
        let id = rest.text();
        Some(rest.whole(id))
    }

    /// Reads the customer. A record that is not whole has no subscriptions; opening the block refuses it.
    #[cfg_attr(not(feature = "small"), inline(never))]
    pub(crate) fn read(&self) -> Customer<'b> {
        let (tables, mut records) = (self.tables, self.rest);
        let record = PackedCustomer::read(&mut records, self.flags).unwrap_or_default();
        Customer {
            id: self.key,
            name: record.name.unwrap_or(self.key),
            archived_at: record.archived_at,
            created_at: record.created_at,
            rows: tables.rows_of(&record.rows),
            tables,
            n_subscriptions: record.n_subscriptions,
            records,
        }
    }

    /// The number of the holding of the customer, if it is known and stands at `now`; and its only subscription.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub(crate) fn marked(&self, now: Instant) -> Option<(u32, Reader<'b>)> {
        let number = self.mark?.number(now)?;
        let mut records = self.rest;
        PackedCustomer::read(&mut records, self.flags)?;
        Some((number, records))
    }

    /// Where the record is in memory, which is another place for each customer of a snapshot.
    pub fn place(&self) -> usize {
        self.key.as_ptr().addr()
    }

    /// Notes that the holding of the customer is the holding with this number from an instant on. Only for a customer
    /// with one subscription, without rows and without an end.
    pub(crate) fn mark(&self, number: u32, from: Instant) {
        self.tables.marks.set(self.hash, self.at, number, from);
    }
}

/// A customer with its subscriptions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Customer<'b> {
    pub id: &'b str,
    pub name: &'b str,
    pub archived_at: Option<Instant>,
    pub created_at: Option<Instant>,
    pub rows: &'b [Grant],
    tables: &'b Tables,
    pub n_subscriptions: u32,
    /// From the first subscription on.
    records: Reader<'b>,
}

impl<'b> Customer<'b> {
    /// The subscriptions, the first of them read.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub fn subscriptions(&self) -> Subscriptions<'b> {
        Subscriptions::read(self.tables, self.n_subscriptions, self.records)
    }

    /// Reads the subscription at which `records` is, and passes over it. None if it is not plain.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub fn plain(&self, records: &mut Reader<'b>) -> Option<PlainSubscription<'b>> {
        PlainSubscription::read(self.tables, records)
    }

    /// A reader of the subscriptions.
    pub fn records(&self) -> Reader<'b> {
        self.records
    }
}

/// The subscriptions of a customer, in the order of their ids.
///
/// Nearly every customer has one subscription, so the first is read once; the others are read anew each time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subscriptions<'b> {
    tables: &'b Tables,
    pub first: Option<Subscription<'b>>,
    rest: Reader<'b>,
    n_rest: u32,
}

impl<'b> Subscriptions<'b> {
    #[cfg_attr(not(feature = "small"), inline(always))]
    fn read(tables: &'b Tables, n: u32, mut records: Reader<'b>) -> Subscriptions<'b> {
        let first = if n == 0 { None } else { PackedSubscription::read_here(&mut records) };
        let first = first.map(|record| Subscription::of(tables, record));
        Subscriptions { tables, first, rest: records, n_rest: n.saturating_sub(1) }
    }

    /// The subscriptions after the first.
    pub fn iter(&self) -> SubscriptionIter<'b> {
        SubscriptionIter { tables: self.tables, rest: self.rest, n: self.n_rest, held: None }
    }

    /// An active subscription that is not among these and has no id.
    pub fn stand_in(&self, version: VersionIdx, start: Instant, billing: Billing) -> Subscription<'b> {
        Subscription {
            id: "",
            version,
            status: Status::Active,
            start,
            end: None,
            trial_end: None,
            activated_at: None,
            billing,
            rows: &[],
            extras: Extras::default(),
            tried: None,
            add_ons: Items::default(),
            products: Items::default(),
            tables: self.tables,
        }
    }

    /// These subscriptions with another in place of the first.
    pub fn with_first(&self, first: Subscription<'b>) -> Subscriptions<'b> {
        Subscriptions { first: Some(first), ..*self }
    }

    /// Only the subscription with this id, or no subscription.
    pub fn only(&self, id: &str) -> Subscriptions<'b> {
        let mut first = self.first.filter(|subscription| subscription.id == id);
        let mut others = self.iter();
        while let (None, Some(subscription)) = (first, others.next()) {
            first = Some(*subscription).filter(|subscription| subscription.id == id);
        }
        Subscriptions { first, n_rest: 0, ..*self }
    }
}

/// Reads subscriptions one by one, and lends each, because copying a subscription costs more than reading it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SubscriptionIter<'b> {
    tables: &'b Tables,
    rest: Reader<'b>,
    n: u32,
    held: Option<Subscription<'b>>,
}

impl<'b> SubscriptionIter<'b> {
    /// The number of subscriptions that are left.
    pub fn n(&self) -> u32 {
        self.n
    }

    /// The subscription that was read last.
    pub fn held(&self) -> Option<&Subscription<'b>> {
        self.held.as_ref()
    }

    pub fn next(&mut self) -> Option<&Subscription<'b>> {
        self.n = self.n.checked_sub(1)?;
        self.held = PackedSubscription::read(&mut self.rest).map(|record| Subscription::of(self.tables, record));
        self.held.as_ref()
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Subscription<'b> {
    pub id: &'b str,
    /// The position of the plan version.
    pub version: VersionIdx,
    pub status: Status,
    pub start: Instant,
    pub end: Option<Instant>,
    pub trial_end: Option<Instant>,
    pub activated_at: Option<Instant>,
    pub billing: Billing,
    pub rows: &'b [Grant],
    /// Seats, changes of the status, add-ons with dates, the word of an unknown status.
    pub extras: Extras<'b>,
    /// An add-on of which it is tried what it would change.
    tried: Option<HeldAddOn>,
    add_ons: Items<'b>,
    products: Items<'b>,
    tables: &'b Tables,
}

impl<'b> Subscription<'b> {
    #[cfg_attr(not(feature = "small"), inline(always))]
    fn of(tables: &'b Tables, record: PackedSubscription<'b>) -> Subscription<'b> {
        Subscription {
            id: record.id,
            version: item(&tables.refs, record.version).map_or(VersionIdx(UNRESOLVED), |refs| refs.version),
            status: record.status,
            start: record.start,
            end: record.end,
            trial_end: record.trial_end,
            activated_at: record.activated_at,
            billing: record.billing,
            rows: tables.rows_of(&record.rows),
            extras: record.extras,
            tried: None,
            add_ons: record.add_ons,
            products: record.products,
            tables,
        }
    }

    /// The id; None for the fallback plan, which nobody subscribed to.
    pub fn named(&self) -> Option<&'b str> {
        Some(self.id).filter(|id| !id.is_empty())
    }

    /// The activation, from which FIXED_WINDOW and NEVER windows start: `activated_at`, else the start.
    pub fn activation(&self) -> Instant {
        self.activated_at.unwrap_or(self.start)
    }

    /// Whether there are rows in [`dated_add_ons`](Self::dated_add_ons).
    #[inline]
    pub fn has_dated_add_ons(&self) -> bool {
        self.tried().is_some() || self.extras.has_dated_add_ons()
    }

    /// The add-on that is tried. A build without suggestions tries no add-on, and leaves out what depends on it.
    #[inline(always)]
    fn tried(&self) -> Option<HeldAddOn> {
        self.tried.filter(|_| cfg!(feature = "suggest"))
    }

    /// The subscription with an add-on of which it is tried what it would change.
    pub fn with_add_on(mut self, tried: HeldAddOn) -> Subscription<'b> {
        self.tried = Some(tried);
        self
    }

    /// The add-on rows with dates, and the add-on that is tried.
    pub fn dated_add_ons(&self) -> impl Iterator<Item = DatedAddOn> + use<'b> {
        let refs = &self.tables.refs;
        let rows = self.extras.parts().add_ons().filter_map(move |row| {
            let held = HeldAddOn { add_on: item(refs, row.add_on)?.add_on, quantity: row.quantity };
            Some(DatedAddOn { held, starts_at: row.starts_at, expires_at: row.expires_at })
        });
        rows.chain(self.tried().map(|held| DatedAddOn { held, starts_at: None, expires_at: None }))
    }

    /// The seats that count for a feature of a product: `seats`, else the slots of the price components of that
    /// product, else the slots of all, else 1.
    pub fn seats(&self, product: Option<ProductIdx>) -> u32 {
        let parts = self.extras.parts();
        let (mut of_product, mut of_all) = (0_u32, 0_u32);
        for (name, n) in parts.slots() {
            of_all = of_all.saturating_add(n);
            let owner = name.and_then(|name| item(&self.tables.refs, name)).map(|refs| refs.product);
            if product.is_some() && owner == product {
                of_product = of_product.saturating_add(n);
            }
        }
        let slots = if of_product == 0 { of_all } else { of_product };
        parts.seats.unwrap_or(slots.max(1))
    }

    /// The add-ons without dates, in the order of their ids.
    #[inline]
    pub fn add_ons(&self) -> impl Iterator<Item = HeldAddOn> + Clone + use<'b> {
        let refs = &self.tables.refs;
        let held = move |(name, quantity)| item(refs, name).map(|refs| HeldAddOn { add_on: refs.add_on, quantity });
        self.add_ons.pairs().filter_map(held)
    }

    /// The products of the price components.
    pub fn products(&self) -> impl Iterator<Item = ProductIdx> + use<'b> {
        let refs = &self.tables.refs;
        self.products.numbers().filter_map(move |name| item(refs, name).map(|refs| refs.product))
    }
}
