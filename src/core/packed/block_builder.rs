//! Builds customer blocks: packs customers and subscriptions as they come, in any order, and sorts them once.
//!
//! Millions of customers fit into memory: each takes little more here than in its block.

use super::block::{self, Layout};
use super::bytes::Packed;
use super::entries::{CustomerEntry, SubscriptionAddOn, SubscriptionEntry};
use super::extras::{Extras, UnpackedExtras};
use super::format::{Unreadable, key_hash};
use super::record::{self, Items, Naming, OwnRows, PackedCustomer, PackedSubscription, Record};
use super::rows::write_row;
use super::sorted_records::{NOWHERE, Names, PendingKind, PendingRecord, SortedRecords};
use super::wire::Reader;
use super::writer::Writer;
use crate::catalog::Catalog;
use crate::idx::FeatureIdx;
use crate::place::{Element, Place};
use crate::problem::{Code, Problem, Problems};
use crate::sort::sort_by;
use crate::text::joined;
use crate::value::UncheckedGrant;
use crate::zone::ZoneIdx;
use std::cmp::Ordering;

/// A builder of customer blocks.
#[derive(Debug)]
pub struct BlockBuilder<'c> {
    catalog: &'c Catalog,
    seed: u64,
    /// Whether entries are numbered by their lines in a file, instead of by their indices in lists.
    is_of_lines: bool,
    names: Names,
    bytes: String,
    pending: Vec<PendingRecord>,
    /// The features with rows, each with [`has_units`](UncheckedValue::has_units) of its rows.
    seen: Vec<(FeatureIdx, bool)>,
    /// The time zones that rows name.
    seen_zones: Vec<ZoneIdx>,
}

/// What the definitions of a catalog take from the rows of customers and subscriptions.
#[derive(Clone, Debug, Default)]
pub struct GrantUsage {
    /// The features on which there are METERED or CREDITS rows, because whether a feature can be a pool depends on the
    /// rows of all owners: the id, and true for METERED and false for CREDITS rows. A feature may occur with both.
    pub rows: Vec<(String, bool)>,
    /// The names of the time zones of rows.
    pub zones: Vec<String>,
}

impl<'c> BlockBuilder<'c> {
    /// An empty builder. All blocks of a snapshot are laid out with the same seed. Without the seed it is hard to
    /// choose keys that collide; keys that do collide only make a bucket longer.
    pub fn new(catalog: &'c Catalog, seed: u64) -> BlockBuilder<'c> {
        let (names, bytes, pending, seen) = (Names::default(), String::new(), Vec::new(), Vec::new());
        BlockBuilder { catalog, seed, is_of_lines: false, names, bytes, pending, seen, seen_zones: Vec::new() }
    }

    /// Numbers entries by their lines in a file: places in problems then name lines.
    #[must_use]
    pub fn of_lines(mut self) -> BlockBuilder<'c> {
        self.is_of_lines = true;
        self
    }

    /// The approximate size of the added entries in bytes.
    pub fn n_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The features on which the added entries have rows, for a document that has only the definitions.
    pub fn seen(&self) -> GrantUsage {
        let named = |(feature, has_units): &(FeatureIdx, bool)| {
            self.catalog.feature(*feature).map(|feature| (String::from(&*feature.id), *has_units))
        };
        let zone = |zone: &ZoneIdx| zone.item(&self.catalog.zones).map(|zone| String::from(&*zone.name));
        GrantUsage {
            rows: self.seen.iter().filter_map(named).collect(),
            zones: self.seen_zones.iter().filter_map(zone).collect(),
        }
    }

    /// The catalog that the entries refer to.
    pub fn catalog(&self) -> &'c Catalog {
        self.catalog
    }

    /// Adds a customer with its alias.
    pub fn add_customer(&mut self, customer: CustomerEntry<'_>) {
        let CustomerEntry { n, id, alias, name, archived_at, created_at, grants } = customer;
        let rows = self.rows(grants);
        let name = Some(name).filter(|name| *name != id);
        let rows = rows.own_rows();
        // Only a fallback plan begins with it.
        let created_at = created_at.filter(|_| self.catalog.fallback.is_some());
        let customer = PackedCustomer { alias, name, archived_at, created_at, rows, n_subscriptions: 0 };
        let record = Record::Customer(customer);
        let n = u32::try_from(n).unwrap_or(NOWHERE);
        self.push(PendingKind::Customer, n, id, |writer| write_as_is(&record, id, writer));
        if let Some(alias) = alias {
            self.alias_from(n, alias, id);
        }
    }

    /// Adds an alias of the customer with this id. [`add_customer`](Self::add_customer) adds the alias of its customer;
    /// adding the same alias with the same id again is allowed.
    pub fn alias(&mut self, alias: &str, id: &str) {
        self.alias_from(NOWHERE, alias, id);
    }

    fn alias_from(&mut self, n: u32, alias: &str, id: &str) {
        self.push(PendingKind::Alias, n, alias, |writer| write_as_is(&Record::Alias(id), alias, writer));
    }

    /// Adds a subscription.
    pub fn add_subscription(&mut self, subscription: SubscriptionEntry<'_>) {
        let rows = self.rows(subscription.grants);
        let version = self.names.number(subscription.version);
        let mut held: Vec<(u32, u32)> = Vec::new();
        let mut extras = UnpackedExtras {
            seats: subscription.seats,
            status_since: subscription.status_since,
            changes: subscription.status_changes,
            word: subscription.status_word,
            ..UnpackedExtras::default()
        };
        for row in subscription.add_ons.into_iter().filter(|row| row.quantity != 0) {
            let (add_on, quantity) = (self.names.number(row.add_on), row.quantity);
            if row.is_dated() {
                let SubscriptionAddOn { starts_at, expires_at, .. } = row;
                extras.add_ons.push(SubscriptionAddOn { add_on, starts_at, expires_at, quantity });
                continue;
            }
            match held.iter_mut().find(|(other, _)| *other == add_on) {
                Some((_, sum)) => *sum = sum.saturating_add(quantity),
                None => held.push((add_on, quantity)),
            }
        }
        let mut add_ons = Numbers::default();
        for (add_on, quantity) in held {
            add_ons.item(|writer| {
                writer.count(add_on);
                writer.count(quantity);
            });
        }
        let mut products = Numbers::default();
        for product in subscription.products {
            let number = self.names.number(product);
            products.item(|writer| writer.count(number));
        }
        for (product, n) in subscription.slots.into_iter().filter(|(_, n)| *n != 0) {
            extras.slots.push((product.map(|product| self.names.number(product)), n));
        }
        let extras = extras.pack();
        let record = PackedSubscription {
            id: subscription.id,
            version,
            status: subscription.status,
            start: subscription.start,
            end: subscription.end,
            trial_end: subscription.trial_end,
            activated_at: subscription.activated_at,
            billing: subscription.billing,
            add_ons: add_ons.items(),
            products: products.items(),
            rows: rows.own_rows(),
            extras: Extras(&extras.0),
        };
        let n = u32::try_from(subscription.n).unwrap_or(NOWHERE);
        self.push(PendingKind::Subscription, n, subscription.customer, |writer| {
            record.write(writer, &mut Naming { number: &mut |number| number, n_rows: 0 });
        });
    }

    /// Adds the records of a block whose id or alias `is_wanted` accepts.
    ///
    /// # Errors
    /// [`Unreadable`] for bytes that are not a block or are damaged.
    pub fn add_block(&mut self, block: &Packed, is_wanted: impl Fn(&str) -> bool) -> Result<(), Unreadable> {
        let bytes = block.as_str();
        let (layout, names) = Layout::read(bytes)?;
        let numbers: Vec<u32> = names.into_iter().map(|name| self.names.number(name)).collect();
        let mut number =
            |local: u32| usize::try_from(local).ok().and_then(|at| numbers.get(at)).copied().unwrap_or(local);
        for mut reader in block::records(&layout, bytes) {
            let added = (|| {
                let (flags, key) = record::key(&mut reader);
                match Record::read(&mut reader, flags)? {
                    Record::Alias(id) if is_wanted(key) => self.alias(key, id),
                    Record::Customer(customer) if is_wanted(key) => {
                        let alone = Record::Customer(PackedCustomer { n_subscriptions: 0, ..customer });
                        let naming = &mut Naming { number: &mut number, n_rows: 0 };
                        self.push(PendingKind::Customer, NOWHERE, key, |writer| alone.write(writer, key, naming));
                        for _ in 0..customer.n_subscriptions {
                            let subscription = PackedSubscription::read(&mut reader)?;
                            let naming = &mut Naming { number: &mut number, n_rows: 0 };
                            self.push(PendingKind::Subscription, NOWHERE, key, |writer| {
                                subscription.write(writer, naming)
                            });
                        }
                    }
                    _ => {}
                }
                Some(())
            })();
            added.ok_or_else(|| Unreadable::broken("a block of customers", "a record cannot be read"))?;
        }
        Ok(())
    }

    fn push(&mut self, kind: PendingKind, n: u32, key: &str, write: impl FnOnce(&mut Writer)) {
        let at = self.bytes.len();
        let mut writer = Writer(std::mem::take(&mut self.bytes));
        writer.text(key);
        write(&mut writer);
        self.bytes = writer.0;
        self.pending.push(PendingRecord { hash: key_hash(self.seed, key), at, n, kind });
    }

    /// Packs rows. Features become numbers of their ids, because codes may change.
    fn rows(&mut self, grants: Vec<UncheckedGrant<'_, FeatureIdx>>) -> Numbers {
        let mut rows = Numbers::default();
        for grant in grants {
            let seen = grant.value.has_units().map(|has_units| (grant.feature, has_units));
            // A linear search is enough: customers have rows on few features.
            self.seen.extend(seen.filter(|seen| !self.seen.contains(seen)));
            let (catalog, names) = (self.catalog, &mut self.names);
            let mut number = |feature| catalog.feature(feature).map(|feature| names.number(&feature.id));
            let Some(row) = grant.with_features(&mut number) else { continue };
            let seen = &mut self.seen_zones;
            let row = row.with_zones(&mut |zone| {
                if !seen.contains(&zone) {
                    seen.push(zone);
                }
                Some(ZoneIdx::new(names.number(&zone.item(&catalog.zones)?.name)))
            });
            rows.item(|writer| write_row(writer, &row));
        }
        rows
    }

    /// Keeps only the entries whose id or alias `is_wanted` accepts. A subscription goes by the id of its customer.
    pub fn keep(&mut self, is_wanted: impl Fn(&str) -> bool) {
        let bytes = &self.bytes;
        self.pending.retain(|entry| {
            let key = bytes.get(entry.at..).map(|rest| Reader::new(rest).text());
            key.is_some_and(&is_wanted)
        });
    }

    /// Sorts the entries.
    ///
    /// # Errors
    /// DUPLICATE for a customer, alias or subscription that was added twice; BROKEN_REFERENCE for a subscription whose
    /// customer was not added.
    pub fn sorted(mut self) -> Result<SortedRecords, Problems> {
        self.sort();
        let entries = Entries(&self.bytes);
        let is_again = |a: &PendingRecord, b: &PendingRecord| {
            a.kind == PendingKind::Alias
                && entries.compare(a, b) == Ordering::Equal
                && entries.whose(a) == entries.whose(b)
        };
        self.pending.dedup_by(|a, b| is_again(a, b));
        let mut problems = Problems::default();
        let mut customer = "";
        for (n, entry) in self.pending.iter().enumerate() {
            let (name, list, field, kind) = match entry.kind {
                PendingKind::Customer => (entries.key(entry).0, "customers", "id", "id"),
                PendingKind::Subscription => (entries.id(entry), "subscriptions", "id", "id"),
                PendingKind::Alias => (entries.key(entry).0, "customers", "alias", "alias"),
            };
            // A known place is named as in a document.
            let place = |field: &str| match self.element(list, entry.n) {
                None => Place::from(name),
                Some(element) => Place::from(element).field(field),
            };
            let before = n.checked_sub(1).and_then(|n| self.pending.get(n));
            if let Some(before) = before.filter(|before| entries.compare(before, entry) == Ordering::Equal) {
                let message = match self.element(list, before.n) {
                    None => joined(&["the ", kind, " `", name, "` comes twice"]),
                    Some(first) => {
                        joined(&["the ", kind, " `", name, "` is already that of ", &Place::from(first).text()])
                    }
                };
                problems.push(Problem::error(Code::Duplicate, place(field), message));
            }
            match entry.kind {
                PendingKind::Customer => customer = entries.key(entry).0,
                PendingKind::Subscription if entries.key(entry).0 != customer => {
                    let message = joined(&["there is no customer `", entries.key(entry).0, "`"]);
                    problems.push(Problem::error(Code::BrokenReference, place("customer_id"), message));
                }
                PendingKind::Subscription | PendingKind::Alias => {}
            }
        }
        self.report_ids(entries, &mut problems);
        if problems.is_usable() {
            let BlockBuilder { seed, names, bytes, pending, .. } = self;
            Ok(SortedRecords { seed, names, bytes, pending })
        } else {
            Err(problems)
        }
    }

    /// Sorts the entries of a document that was checked: none was added twice, and all customers were.
    pub fn sorted_as_checked(mut self) -> SortedRecords {
        self.sort();
        let BlockBuilder { seed, names, bytes, pending, .. } = self;
        SortedRecords { seed, names, bytes, pending }
    }

    fn sort(&mut self) {
        let entries = Entries(&self.bytes);
        sort_by(&mut self.pending, |a, b| entries.compare(a, b));
    }

    /// The element of an entry, if its index is known.
    fn element(&self, list: &'static str, n: u32) -> Option<Element> {
        usize::try_from(n).ok().filter(|_| n != NOWHERE).map(|n| self.numbered(list, n))
    }

    /// The element of a list with this index, or the line with this number.
    pub fn numbered(&self, list: &'static str, n: usize) -> Element {
        if self.is_of_lines { Element::Line(n) } else { Element::Listed(list, n) }
    }

    /// Reports subscriptions of different customers with equal ids.
    fn report_ids(&self, entries: Entries<'_>, problems: &mut Problems) {
        let id = |entry: &PendingRecord| entries.id(entry);
        let mut ids: Vec<(u64, &PendingRecord)> = Vec::new();
        let subscriptions = self.pending.iter().filter(|entry| entry.kind == PendingKind::Subscription);
        ids.extend(subscriptions.map(|entry| (key_hash(self.seed, id(entry)), entry)));
        sort_by(&mut ids, |a, b| a.0.cmp(&b.0).then_with(|| a.1.n.cmp(&b.1.n)));
        for pair in ids.windows(2) {
            if let [(a, first), (b, second)] = pair
                && a == b
                && first.hash != second.hash
                && id(first) == id(second)
            {
                let message = match self.element("subscriptions", first.n) {
                    None => joined(&["the id `", id(first), "` comes twice"]),
                    Some(element) => {
                        joined(&["the id `", id(first), "` is already that of ", &Place::from(element).text()])
                    }
                };
                let place = match self.element("subscriptions", second.n) {
                    None => Place::from(id(second)),
                    Some(element) => Place::from(element).field("id"),
                };
                problems.push(Problem::error(Code::Duplicate, place, message));
            }
        }
    }
}

/// The bytes of added entries.
#[derive(Clone, Copy)]
struct Entries<'b>(&'b str);

impl<'b> Entries<'b> {
    /// The key of an entry, and what follows it.
    fn key(self, entry: &PendingRecord) -> (&'b str, Reader<'b>) {
        let mut reader = Reader::new(self.0.get(entry.at..).unwrap_or_default());
        (reader.text(), reader)
    }

    /// The id of a subscription.
    fn id(self, entry: &PendingRecord) -> &'b str {
        match entry.kind {
            PendingKind::Subscription => self.key(entry).1.text(),
            PendingKind::Customer | PendingKind::Alias => "",
        }
    }

    /// The id of an alias's customer.
    fn whose(self, entry: &PendingRecord) -> Option<&'b str> {
        let mut reader = self.key(entry).1;
        record::key(&mut reader);
        let id = reader.text();
        reader.whole(id)
    }

    fn compare(self, a: &PendingRecord, b: &PendingRecord) -> Ordering {
        a.hash
            .cmp(&b.hash)
            .then_with(|| self.key(a).0.cmp(self.key(b).0))
            .then_with(|| a.kind.cmp(&b.kind))
            .then_with(|| self.id(a).cmp(self.id(b)))
    }
}

fn write_as_is(record: &Record<'_>, key: &str, writer: &mut Writer) {
    record.write(writer, key, &mut Naming { number: &mut |number| number, n_rows: 0 });
}

/// A packed list under construction, and the number of its items.
#[derive(Default)]
struct Numbers {
    n: u32,
    bytes: Writer,
}

impl Numbers {
    fn item(&mut self, write: impl FnOnce(&mut Writer)) {
        write(&mut self.bytes);
        self.n = self.n.saturating_add(1);
    }

    fn items(&self) -> Items<'_> {
        Items(&self.bytes.0)
    }

    fn own_rows(&self) -> OwnRows<'_> {
        OwnRows { first: 0, n: self.n, items: self.items() }
    }
}
