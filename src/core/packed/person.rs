//! One customer with its subscriptions, as it is decided about: read where it lies.

use super::block::{Link, NOTHING, People};
use super::record::{Items, SubscriptionRecord};
use super::wire::Reader;
use crate::billing::Billing;
use crate::model::{Grant, Held, Product, Status};
use crate::time::{Date, Instant};

/// A customer with its subscriptions.
#[derive(Clone, Copy, Debug)]
pub struct Person<'b> {
    pub(crate) customer: Customer<'b>,
    pub(crate) subscriptions: Subscriptions<'b>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Customer<'b> {
    pub id: &'b str,
    pub name: &'b str,
    pub archived_at: Option<Instant>,
    pub rows: &'b [Grant],
}

/// The subscriptions of a customer, in the order of their ids.
///
/// Nearly everybody has one, so the first is read once; others are read anew each time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subscriptions<'b> {
    people: &'b People,
    pub first: Option<Subscription<'b>>,
    rest: Reader<'b>,
    n_rest: u32,
}

impl<'b> Subscriptions<'b> {
    #[inline(always)]
    pub(super) fn read(people: &'b People, n: u32, mut records: Reader<'b>) -> Subscriptions<'b> {
        let first = if n == 0 { None } else { SubscriptionRecord::read_here(&mut records) };
        let first = first.map(|record| Subscription::of(people, record));
        Subscriptions { people, first, rest: records, n_rest: n.saturating_sub(1) }
    }

    /// Those after the first.
    pub fn others(&self) -> Others<'b> {
        Others { people: self.people, rest: self.rest, n: self.n_rest, held: None }
    }

    /// The one with this id, or none.
    pub fn only(&self, id: &str) -> Subscriptions<'b> {
        let mut first = self.first.filter(|subscription| subscription.id == id);
        let mut others = self.others();
        while let (None, Some(subscription)) = (first, others.next()) {
            first = Some(*subscription).filter(|subscription| subscription.id == id);
        }
        Subscriptions { first, n_rest: 0, ..*self }
    }
}

/// Reads subscriptions one by one. It lends each of them, since copying one costs more than looking at it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Others<'b> {
    people: &'b People,
    rest: Reader<'b>,
    n: u32,
    held: Option<Subscription<'b>>,
}

impl<'b> Others<'b> {
    /// How many are left.
    pub fn n(&self) -> u32 {
        self.n
    }

    /// The one that was read last.
    pub fn held(&self) -> Option<&Subscription<'b>> {
        self.held.as_ref()
    }

    pub fn next(&mut self) -> Option<&Subscription<'b>> {
        self.n = self.n.checked_sub(1)?;
        self.held = SubscriptionRecord::read(&mut self.rest).map(|record| Subscription::of(self.people, record));
        self.held.as_ref()
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Subscription<'b> {
    pub id: &'b str,
    /// The position of its plan version.
    pub version: u32,
    pub status: Status,
    pub start: Date,
    pub end: Option<Date>,
    pub trial_end: Option<Date>,
    pub activated_at: Option<Instant>,
    pub billing: Billing,
    pub rows: &'b [Grant],
    add_ons: Items<'b>,
    products: Items<'b>,
    people: &'b People,
}

impl<'b> Subscription<'b> {
    #[inline(always)]
    fn of(people: &'b People, record: SubscriptionRecord<'b>) -> Subscription<'b> {
        let links = people.links();
        Subscription {
            id: record.id,
            version: link(links, record.version).map_or(NOTHING, |link| link.version),
            status: record.status,
            start: record.start,
            end: record.end,
            trial_end: record.trial_end,
            activated_at: record.activated_at,
            billing: record.billing,
            rows: people.rows_of(&record.rows),
            add_ons: record.add_ons,
            products: record.products,
            people,
        }
    }

    /// Where its fixed windows start.
    pub fn activation(&self) -> Instant {
        self.activated_at.unwrap_or(self.start.midnight())
    }

    /// The add-ons it holds, in the order of their ids.
    #[inline]
    pub fn add_ons(&self) -> impl Iterator<Item = Held> + Clone + use<'b> {
        let links = self.people.links();
        let held = move |(number, quantity)| link(links, number).map(|link| Held { add_on: link.add_on, quantity });
        self.add_ons.pairs().filter_map(held)
    }

    /// Products of its price components.
    pub fn products(&self) -> impl Iterator<Item = Product> + use<'b> {
        let links = self.people.links();
        self.products.numbers().filter_map(move |number| link(links, number).map(|link| link.product))
    }
}

fn link(links: &[Link], number: u32) -> Option<&Link> {
    links.get(usize::try_from(number).ok()?)
}
