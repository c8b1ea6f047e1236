//! A block of people: opened once, then looked up in.

use super::person::{Customer, Person, Subscriptions};
use super::record::{self, OwnRows, Record, SubscriptionRecord};
use super::rows::PackedRow;
use super::wire::{FIXED, Packed, Reader, fixed};
use super::{Unreadable, head, key_hash, shard_of};
use crate::document::Names;
use crate::model::{Catalog, Grant, Product};

pub(super) const MAGIC: &str = "myp";
const WHAT: &str = "a block of customers";

/// Customers with their subscriptions, packed, and tied to a catalogue.
#[derive(Clone, Debug)]
pub struct People {
    bytes: Packed,
    layout: Layout,
    /// What each name of the block is in the catalogue.
    links: Box<[Link]>,
    /// The rows of all customers and subscriptions of the block.
    rows: Box<[Grant]>,
}

/// Where everything lies.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Layout {
    pub seed: u64,
    pub shard_bits: u8,
    bucket_bits: u8,
    pub n_customers: u32,
    n_subscriptions: u32,
    names: usize,
    buckets: usize,
    records: usize,
}

/// What a name is in a catalogue: positions, each [`NOTHING`] where it is none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Link {
    pub version: u32,
    pub add_on: u32,
    pub product: Product,
}

pub(crate) const NOTHING: u32 = u32::MAX;

/// What a key leads to.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly everything found is a person, and a box is an allocation")]
pub enum Found<'b> {
    /// A customer with this id.
    Person(Person<'b>),
    /// An alias; the id of the customer it belongs to, who may be in another block.
    Alias(&'b str),
}

/// The most bits that number the buckets of a block: a hundred thousand customers need 16.
pub(super) const MAX_BUCKET_BITS: u8 = 24;

impl Layout {
    pub(super) fn read(bytes: &str) -> Result<Layout, Unreadable> {
        let mut reader = Reader::new(bytes);
        head(&mut reader, MAGIC, WHAT)?;
        let short = || Unreadable::broken(WHAT, "its head is not whole");
        let mut numbers = || {
            let (seed, shard_bits, bucket_bits) = (reader.number()?, reader.flags()?, reader.flags()?);
            Some((seed, shard_bits.0, bucket_bits.0, reader.count()?, reader.count()?))
        };
        let (seed, shard_bits, bucket_bits, n_customers, n_subscriptions) = numbers().ok_or_else(short)?;
        if 32 < shard_bits || MAX_BUCKET_BITS < bucket_bits {
            return Err(Unreadable::broken(WHAT, "it has more buckets than there can be"));
        }
        let names = reader.at();
        let n_names = reader.items().ok_or_else(short)?;
        for _ in 0..n_names {
            reader.text().ok_or_else(|| Unreadable::broken(WHAT, "a name is not whole"))?;
        }
        let buckets = reader.at();
        let n_offsets = 1_usize.checked_shl(bucket_bits.into()).unwrap_or_default().saturating_add(1);
        let directory = n_offsets.saturating_mul(FIXED);
        reader.take(directory).ok_or_else(|| Unreadable::broken(WHAT, "its buckets are not whole"))?;
        let records = reader.at();
        Ok(Layout { seed, shard_bits, bucket_bits, n_customers, n_subscriptions, names, buckets, records })
    }

    fn n_buckets(&self) -> usize {
        1_usize.checked_shl(self.bucket_bits.into()).unwrap_or_default()
    }

    /// The bucket of a hash: the bits below those that chose the shard.
    #[inline]
    fn bucket(&self, hash: u64) -> usize {
        let below = hash.checked_shl(self.shard_bits.into()).unwrap_or_default();
        usize::try_from(shard_of(below, self.bucket_bits)).unwrap_or_default()
    }

    /// The records of a bucket.
    #[inline]
    fn records<'b>(&self, bytes: &'b str, bucket: usize) -> Option<&'b str> {
        let at = self.buckets.checked_add(bucket.checked_mul(FIXED)?)?;
        let (from, rest) = bytes.as_bytes().get(at..)?.split_first_chunk::<FIXED>()?;
        let to = rest.first_chunk::<FIXED>()?;
        bytes.get(self.records.checked_add(fixed(from))?..self.records.checked_add(fixed(to))?)
    }

    /// The names, in their order.
    pub(super) fn names<'b>(&self, bytes: &'b str) -> Vec<&'b str> {
        let mut reader = Reader::new(bytes.get(self.names..self.buckets).unwrap_or_default());
        let n = reader.items().unwrap_or_default();
        (0..n).map_while(|_| reader.text()).collect()
    }
}

impl People {
    /// Opens a block: checks all of it, and ties its names to a catalogue.
    ///
    /// # Errors
    /// Bytes that are no block, that a later program wrote, or that are damaged; names that the
    /// catalogue does not have.
    pub fn open(bytes: Packed, catalog: &Catalog) -> Result<People, Unreadable> {
        People::open_with(bytes, &catalog.names)
    }

    pub(crate) fn open_with(bytes: Packed, names: &Names) -> Result<People, Unreadable> {
        let all = bytes.as_str();
        let layout = Layout::read(all)?;
        let links: Box<[Link]> = layout.names(all).into_iter().map(|name| names.link(name)).collect();
        let mut opening = Opening { names, texts: layout.names(all), links: &links, rows: Vec::new(), counted: (0, 0) };
        opening.check(&layout, all)?;
        let rows = opening.rows.into();
        Ok(People { bytes, layout, links, rows })
    }

    /// Nobody.
    pub fn none() -> People {
        People { bytes: Packed::default(), layout: Layout::default(), links: Box::default(), rows: Box::default() }
    }

    /// What a key leads to; `hash` is its [`key_hash`]. An id goes before an alias.
    pub fn find(&self, key: &str, hash: u64) -> Option<Found<'_>> {
        let mut records = Reader::new(self.layout.records(self.bytes.as_str(), self.layout.bucket(hash))?);
        loop {
            let mut record = Reader::new(records.text()?);
            let (flags, found) = record::key(&mut record)?;
            // Customers come before aliases, so of an id and an alias that are the same, the id is met first.
            if found == key {
                return match Record::read(&mut record, flags)? {
                    Record::Alias(id) => Some(Found::Alias(id)),
                    Record::Customer(customer) => {
                        let customer = Customer {
                            id: found,
                            name: customer.name.unwrap_or(found),
                            archived_at: customer.archived_at,
                            rows: self.rows_of(&customer.rows),
                            n_subscriptions: customer.n_subscriptions,
                        };
                        Some(Found::Person(Person {
                            customer,
                            subscriptions: Subscriptions::read(self, &customer, record),
                        }))
                    }
                };
            }
        }
    }

    /// The customer with this id or alias, where both are in this block.
    pub(crate) fn person(&self, key: &str) -> Option<Person<'_>> {
        match self.find(key, key_hash(self.layout.seed, key))? {
            Found::Person(person) => Some(person),
            Found::Alias(id) => match self.find(id, key_hash(self.layout.seed, id))? {
                Found::Person(person) => Some(person),
                Found::Alias(_) => None,
            },
        }
    }

    pub(super) fn rows_of(&self, rows: &OwnRows<'_>) -> &[Grant] {
        let (Ok(first), Ok(n)) = (usize::try_from(rows.first), usize::try_from(rows.n)) else { return &[] };
        self.rows.get(first..first.saturating_add(n)).unwrap_or_default()
    }

    pub(super) fn links(&self) -> &[Link] {
        &self.links
    }

    /// How many customers there are.
    pub fn n_customers(&self) -> usize {
        usize::try_from(self.layout.n_customers).unwrap_or_default()
    }

    /// How many subscriptions there are.
    pub fn n_subscriptions(&self) -> usize {
        usize::try_from(self.layout.n_subscriptions).unwrap_or_default()
    }

    /// How much memory it takes, about: its bytes, and what opening it made of them.
    pub fn n_bytes(&self) -> usize {
        let links = self.links.len().saturating_mul(size_of::<Link>());
        let rows = self.rows.len().saturating_mul(size_of::<Grant>());
        self.bytes.as_slice().len().saturating_add(links).saturating_add(rows).saturating_add(size_of::<People>())
    }

    /// The bytes it was opened from.
    pub fn bytes(&self) -> &Packed {
        &self.bytes
    }

    /// The ids of all customers, in no order that means anything.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        records(&self.layout, self.bytes.as_str()).filter_map(|mut record| {
            let (flags, key) = record::key(&mut record)?;
            (!record::is_alias(flags)).then_some(key)
        })
    }
}

/// All records of a block, one after the other.
pub(super) fn records<'b>(layout: &Layout, bytes: &'b str) -> impl Iterator<Item = Reader<'b>> + use<'b> {
    let mut rest = Reader::new(bytes.get(layout.records..).unwrap_or_default());
    std::iter::from_fn(move || rest.text().map(Reader::new))
}

/// A block while it is checked.
struct Opening<'o> {
    names: &'o Names,
    texts: Vec<&'o str>,
    links: &'o [Link],
    rows: Vec<Grant>,
    /// Customers and subscriptions so far.
    counted: (u32, u32),
}

impl Opening<'_> {
    fn check(&mut self, layout: &Layout, bytes: &str) -> Result<(), Unreadable> {
        let broken = |why| Unreadable::broken(WHAT, why);
        if !self.texts.is_sorted_by(|a, b| a < b) {
            return Err(broken("its names are not sorted"));
        }
        let mut n_bytes = 0_usize;
        for bucket in 0..layout.n_buckets() {
            // Offsets that overlap or leave something out do not add up to all of it.
            let records = layout.records(bytes, bucket).ok_or_else(|| broken("a bucket ends before it begins"))?;
            n_bytes = n_bytes.saturating_add(records.len());
            let mut records = Reader::new(records);
            while !records.is_at_end() {
                let record = records.text().ok_or_else(|| broken("a record is not whole"))?;
                self.record(Reader::new(record)).ok_or_else(|| broken("a record cannot be read"))?;
            }
        }
        if layout.records.saturating_add(n_bytes) != bytes.len() {
            return Err(broken("its buckets do not hold all of it"));
        }
        if self.counted != (layout.n_customers, layout.n_subscriptions) {
            return Err(broken("it does not hold as many as it says"));
        }
        Ok(())
    }

    fn record(&mut self, mut record: Reader<'_>) -> Option<()> {
        let (flags, key) = record::key(&mut record)?;
        if key.is_empty() {
            return None;
        }
        match Record::read(&mut record, flags)? {
            Record::Alias("") => return None,
            Record::Alias(_) => {}
            Record::Customer(customer) => {
                self.counted.0 = self.counted.0.checked_add(1)?;
                self.counted.1 = self.counted.1.checked_add(customer.n_subscriptions)?;
                self.own_rows(&customer.rows)?;
                let mut last = "";
                for _ in 0..customer.n_subscriptions {
                    let subscription = SubscriptionRecord::read(&mut record)?;
                    if subscription.id <= last {
                        return None;
                    }
                    last = subscription.id;
                    self.subscription(&subscription)?;
                }
            }
        }
        record.is_at_end().then_some(())
    }

    fn subscription(&mut self, subscription: &SubscriptionRecord<'_>) -> Option<()> {
        if self.link(subscription.version)?.version == NOTHING {
            return None;
        }
        let mut add_ons = Reader::new(subscription.add_ons.0);
        while !add_ons.is_at_end() {
            let (add_on, quantity) = (add_ons.count()?, add_ons.count()?);
            if self.link(add_on)?.add_on == NOTHING || quantity == 0 {
                return None;
            }
        }
        let mut products = Reader::new(subscription.products.0);
        while !products.is_at_end() {
            self.link(products.count()?)?;
        }
        self.own_rows(&subscription.rows)
    }

    fn own_rows(&mut self, own: &OwnRows<'_>) -> Option<()> {
        let first = self.rows.len();
        if own.n != 0 && usize::try_from(own.first).ok()? != first {
            return None;
        }
        let mut rows = Reader::new(own.items.0);
        let mut last = None;
        while !rows.is_at_end() {
            let text = |number| self.texts.get(usize::try_from(number).ok()?).copied();
            let grant = self.names.linked(PackedRow::read(&mut rows)?.raw(0, &text)?)?;
            if last.is_some_and(|last| grant.feature <= last) {
                return None;
            }
            last = Some(grant.feature);
            self.rows.push(grant);
        }
        (self.rows.len().checked_sub(first)? == usize::try_from(own.n).ok()?).then_some(())
    }

    fn link(&self, number: u32) -> Option<&Link> {
        self.links.get(usize::try_from(number).ok()?)
    }
}
