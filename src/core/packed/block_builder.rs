//! Customers on their way into blocks: packed as they come, in any order, and sorted once.
//!
//! Millions of them fit: each takes little more here than in its block.

use super::block::{self, Layout};
use super::format::{Unreadable, key_hash};
use super::record::{self, Items, Naming, OwnRows, PackedCustomer, PackedSubscription, Record};
use super::rows::write_row;
use super::sorted_records::{NOWHERE, Names, PendingKind, PendingRecord, SortedRecords};
use super::wire::{Packed, Reader, Writer};
use crate::billing::Billing;
use crate::catalog::Catalog;
use crate::idx::FeatureIdx;
use crate::place::{Element, Place};
use crate::problem::{Code, Problem, Problems};
use crate::sort::sort_by;
use crate::status::Status;
use crate::time::{Date, Instant};
use crate::value::UncheckedGrant;
use std::cmp::Ordering;

/// Customers and subscriptions to be packed.
#[derive(Debug)]
pub struct BlockBuilder<'c> {
    catalog: &'c Catalog,
    seed: u64,
    /// Whether those who are added are numbered by their lines in a file.
    is_of_lines: bool,
    names: Names,
    bytes: String,
    pieces: Vec<PendingRecord>,
    /// Features with rows, and whether those have units of their own.
    seen: Vec<(FeatureIdx, bool)>,
}

/// Which features customers have rows of their own on, by the type of the rows: whether a pool can be one
/// depends on the rows of all owners.
#[derive(Clone, Debug, Default)]
pub struct GrantUsage {
    /// The id of each feature, and whether the rows are in units of its own or cost units of another.
    pub rows: Vec<(String, bool)>,
}

/// A customer to be packed.
#[derive(Clone, Debug)]
pub struct CustomerEntry<'a> {
    /// Where it stood in its list.
    pub n: usize,
    /// Its id.
    pub id: &'a str,
    /// Its alias.
    pub alias: Option<&'a str>,
    /// Its name.
    pub name: &'a str,
    /// From when on it is archived.
    pub archived_at: Option<Instant>,
    /// Its own rows.
    pub grants: Vec<UncheckedGrant<'a, FeatureIdx>>,
}

/// A subscription to be packed.
#[derive(Clone, Debug)]
pub struct SubscriptionEntry<'a> {
    /// Where it stood in its list.
    pub n: usize,
    /// Its id.
    pub id: &'a str,
    /// The id of its customer.
    pub customer: &'a str,
    /// The id of its plan version.
    pub version: &'a str,
    /// Its state.
    pub status: Status,
    /// The day it starts.
    pub start: Date,
    /// The day it ends.
    pub end: Option<Date>,
    /// The day its trial ends.
    pub trial_end: Option<Date>,
    /// When it was activated.
    pub activated_at: Option<Instant>,
    /// How it is billed.
    pub billing: Billing,
    /// The ids of the products of its price components.
    pub products: Vec<&'a str>,
    /// The ids of its add-ons, and how many of each; the same one may come several times.
    pub add_ons: Vec<(&'a str, u32)>,
    /// Its own rows.
    pub grants: Vec<UncheckedGrant<'a, FeatureIdx>>,
}

impl<'c> BlockBuilder<'c> {
    /// Nobody yet. All blocks of a catalog are laid out with the same seed. Whoever does not know it has
    /// a hard time to choose keys that crowd together; those that do make a bucket longer, and nothing else.
    pub fn new(catalog: &'c Catalog, seed: u64) -> BlockBuilder<'c> {
        let (names, bytes, pieces, seen) = (Names::default(), String::new(), Vec::new(), Vec::new());
        BlockBuilder { catalog, seed, is_of_lines: false, names, bytes, pieces, seen }
    }

    /// Says that those who are added are numbered by their lines in a file.
    #[must_use]
    pub fn of_lines(mut self) -> BlockBuilder<'c> {
        self.is_of_lines = true;
        self
    }

    /// How many bytes those who were added take, about.
    pub fn n_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// What rows those who were added have: a document of the definitions alone is told.
    pub fn seen(&self) -> GrantUsage {
        let named = |(feature, has_units): &(FeatureIdx, bool)| {
            self.catalog.feature(*feature).map(|feature| (feature.id.to_string(), *has_units))
        };
        GrantUsage { rows: self.seen.iter().filter_map(named).collect() }
    }

    /// The catalog that those who are added refer to.
    pub fn catalog(&self) -> &'c Catalog {
        self.catalog
    }

    /// Adds a customer, and its alias.
    pub fn add_customer(&mut self, customer: CustomerEntry<'_>) {
        let CustomerEntry { n, id, alias, name, archived_at, grants } = customer;
        let rows = self.rows(grants);
        let name = Some(name).filter(|name| *name != id);
        let rows = rows.own_rows();
        let record = Record::Customer(PackedCustomer { alias, name, archived_at, rows, n_subscriptions: 0 });
        let n = u32::try_from(n).unwrap_or(NOWHERE);
        self.piece(PendingKind::Customer, n, id, |writer| write_as_is(&record, id, writer));
        if let Some(alias) = alias {
            self.alias_from(n, alias, id);
        }
    }

    /// Adds an alias and the id it stands for. That of a customer comes with it; the same again is no
    /// mistake.
    pub fn alias(&mut self, alias: &str, id: &str) {
        self.alias_from(NOWHERE, alias, id);
    }

    fn alias_from(&mut self, n: u32, alias: &str, id: &str) {
        self.piece(PendingKind::Alias, n, alias, |writer| write_as_is(&Record::Alias(id), alias, writer));
    }

    /// Adds a subscription.
    pub fn add_subscription(&mut self, subscription: SubscriptionEntry<'_>) {
        let rows = self.rows(subscription.grants);
        let version = self.names.number(subscription.version);
        let mut held: Vec<(u32, u32)> = Vec::new();
        for (id, quantity) in subscription.add_ons {
            let add_on = self.names.number(id);
            match held.iter_mut().find(|(other, _)| *other == add_on) {
                Some((_, sum)) => *sum = sum.saturating_add(quantity),
                None => held.push((add_on, quantity)),
            }
        }
        held.retain(|(_, quantity)| *quantity != 0);
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
        };
        let n = u32::try_from(subscription.n).unwrap_or(NOWHERE);
        self.piece(PendingKind::Subscription, n, subscription.customer, |writer| {
            record.write(writer, &mut Naming { number: &mut |number| number, n_rows: 0 });
        });
    }

    /// Adds everybody of a block, but for ids and aliases that `is_wanted` turns down.
    ///
    /// # Errors
    /// Bytes that are no block.
    pub fn add_block(&mut self, block: &Packed, is_wanted: impl Fn(&str) -> bool) -> Result<(), Unreadable> {
        let bytes = block.as_str();
        let (layout, names) = Layout::read(bytes)?;
        let numbers: Vec<u32> = names.into_iter().map(|name| self.names.number(name)).collect();
        let mut number =
            |local: u32| usize::try_from(local).ok().and_then(|at| numbers.get(at)).copied().unwrap_or(local);
        for mut reader in block::records(&layout, bytes) {
            let added = (|| {
                let (flags, key) = record::key(&mut reader)?;
                match Record::read(&mut reader, flags)? {
                    Record::Alias(id) if is_wanted(key) => self.alias(key, id),
                    Record::Customer(customer) if is_wanted(key) => {
                        let alone = Record::Customer(PackedCustomer { n_subscriptions: 0, ..customer });
                        let naming = &mut Naming { number: &mut number, n_rows: 0 };
                        self.piece(PendingKind::Customer, NOWHERE, key, |writer| alone.write(writer, key, naming));
                        for _ in 0..customer.n_subscriptions {
                            let subscription = PackedSubscription::read(&mut reader)?;
                            let naming = &mut Naming { number: &mut number, n_rows: 0 };
                            self.piece(PendingKind::Subscription, NOWHERE, key, |writer| {
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

    fn piece(&mut self, kind: PendingKind, n: u32, key: &str, write: impl FnOnce(&mut Writer)) {
        let at = self.bytes.len();
        let mut writer = Writer(std::mem::take(&mut self.bytes));
        writer.text(key);
        write(&mut writer);
        self.bytes = writer.0;
        self.pieces.push(PendingRecord { hash: key_hash(self.seed, key), at, n, kind });
    }

    /// Rows with their features as numbers of names, under their ids: codes may change.
    fn rows(&mut self, grants: Vec<UncheckedGrant<'_, FeatureIdx>>) -> Numbers {
        let mut rows = Numbers::default();
        for grant in grants {
            let seen = grant.value.has_units().map(|has_units| (grant.feature, has_units));
            // There are few features that customers have rows of their own on.
            self.seen.extend(seen.filter(|seen| !self.seen.contains(seen)));
            let (catalog, names) = (self.catalog, &mut self.names);
            let mut number = |feature| catalog.feature(feature).map(|feature| names.number(&feature.id));
            if let Some(row) = grant.with_features(&mut number) {
                rows.item(|writer| write_row(writer, &row));
            }
        }
        rows
    }

    /// Keeps those whose id, or alias, is wanted.
    pub fn keep(&mut self, is_wanted: impl Fn(&str) -> bool) {
        let bytes = &self.bytes;
        self.pieces.retain(|piece| {
            let key = bytes.get(piece.at..).and_then(|rest| Reader::new(rest).text());
            key.is_some_and(&is_wanted)
        });
    }

    /// Puts everybody in order.
    ///
    /// # Errors
    /// A customer, an alias or a subscription that came twice, a subscription whose customer did not come.
    pub fn sorted(mut self) -> Result<SortedRecords, Problems> {
        let bytes = std::mem::take(&mut self.bytes);
        let key = |piece: &PendingRecord| {
            let mut reader = Reader::new(bytes.get(piece.at..).unwrap_or_default());
            (reader.text().unwrap_or_default(), reader)
        };
        let id = |piece: &PendingRecord| match piece.kind {
            PendingKind::Subscription => key(piece).1.text().unwrap_or_default(),
            PendingKind::Customer | PendingKind::Alias => "",
        };
        let compare = |a: &PendingRecord, b: &PendingRecord| {
            a.hash
                .cmp(&b.hash)
                .then_with(|| key(a).0.cmp(key(b).0))
                .then_with(|| a.kind.cmp(&b.kind))
                .then_with(|| id(a).cmp(id(b)))
        };
        let mut pieces = std::mem::take(&mut self.pieces);
        sort_by(&mut pieces, compare);
        let whose = |piece: &PendingRecord| {
            let mut reader = key(piece).1;
            record::key(&mut reader)?;
            reader.text()
        };
        pieces
            .dedup_by(|a, b| a.kind == PendingKind::Alias && compare(a, b) == Ordering::Equal && whose(a) == whose(b));
        let mut problems = Problems::default();
        let mut customer = "";
        for (n, piece) in pieces.iter().enumerate() {
            let (name, list, field, kind) = match piece.kind {
                PendingKind::Customer => (key(piece).0, "customers", "id", "id"),
                PendingKind::Subscription => (id(piece), "subscriptions", "id", "id"),
                PendingKind::Alias => (key(piece).0, "customers", "alias", "alias"),
            };
            // As a document says it, where the places are known.
            let place = |field: &str| match self.element(list, piece.n) {
                None => Place::from(name),
                Some(element) => Place::from(element).field(field),
            };
            let before = n.checked_sub(1).and_then(|n| pieces.get(n));
            if let Some(before) = before.filter(|before| compare(before, piece) == Ordering::Equal) {
                let message = match self.element(list, before.n) {
                    None => format!("the {kind} `{name}` comes twice"),
                    Some(first) => format!("the {kind} `{name}` is already that of {first}"),
                };
                problems.push(Problem::error(Code::Duplicate, place(field), message));
            }
            match piece.kind {
                PendingKind::Customer => customer = key(piece).0,
                PendingKind::Subscription if key(piece).0 != customer => {
                    let message = format!("there is no customer `{}`", key(piece).0);
                    problems.push(Problem::error(Code::BrokenReference, place("customer_id"), message));
                }
                PendingKind::Subscription | PendingKind::Alias => {}
            }
        }
        self.report_ids(&pieces, id, &mut problems);
        if problems.is_usable() {
            Ok(SortedRecords { seed: self.seed, names: self.names, bytes, pieces })
        } else {
            Err(problems)
        }
    }

    /// Where a piece stood, if that is known.
    fn element(&self, list: &'static str, n: u32) -> Option<Element> {
        usize::try_from(n).ok().filter(|_| n != NOWHERE).map(|n| self.numbered(list, n))
    }

    /// The element of a list that has this number.
    pub fn numbered(&self, list: &'static str, n: usize) -> Element {
        if self.is_of_lines { Element::Line(n) } else { Element::Listed(list, n) }
    }

    /// Reports subscriptions that have the id of another customer's.
    fn report_ids<'b>(
        &self,
        pieces: &[PendingRecord],
        id: impl Fn(&PendingRecord) -> &'b str,
        problems: &mut Problems,
    ) {
        let mut ids: Vec<(u64, &PendingRecord)> = Vec::new();
        let subscriptions = pieces.iter().filter(|piece| piece.kind == PendingKind::Subscription);
        ids.extend(subscriptions.map(|piece| (key_hash(self.seed, id(piece)), piece)));
        sort_by(&mut ids, |a, b| a.0.cmp(&b.0).then_with(|| a.1.n.cmp(&b.1.n)));
        for pair in ids.windows(2) {
            if let [(a, first), (b, second)] = pair
                && a == b
                && first.hash != second.hash
                && id(first) == id(second)
            {
                let message = match self.element("subscriptions", first.n) {
                    None => format!("the id `{}` comes twice", id(first)),
                    Some(element) => format!("the id `{}` is already that of {element}", id(first)),
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

fn write_as_is(record: &Record<'_>, key: &str, writer: &mut Writer) {
    record.write(writer, key, &mut Naming { number: &mut |number| number, n_rows: 0 });
}

/// Items that are being written.
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
