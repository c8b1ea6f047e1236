//! People on their way into blocks: packed as they come, in any order, and sorted once.
//!
//! Millions of them fit: each takes little more here than in its block.

use super::block::{self, Layout};
use super::record::{self, CustomerRecord, Items, Naming, OwnRows, Record, SubscriptionRecord};
use super::rows::PackedRow;
use super::sorted::Sorted;
use super::wire::{Packed, Reader, Writer};
use super::{Unreadable, key_hash};
use crate::document::{FeatureName, RawCustomer, RawGrant, RawSubscription, RawValue, check_people, read_people};
use crate::model::Catalog;
use crate::problem::{Code, Problem, Problems, Sink};
use crate::sort::sort_by;
use crate::tree::Tree;
use std::cmp::Ordering;

/// Customers and subscriptions to be packed.
#[derive(Debug)]
pub struct Pile<'c> {
    catalog: &'c Catalog,
    seed: u64,
    names: Names,
    bytes: String,
    pieces: Vec<Piece>,
    seen: Seen,
}

/// Which features people have rows of their own on, by the type of the rows: whether a pool can be one
/// depends on the rows of all owners.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// One row of each feature and type.
    pub(crate) rows: Vec<RawGrant>,
    known: Vec<(u32, bool)>,
}

impl Seen {
    fn row(&mut self, feature: u32, row: &RawGrant) {
        let has_units = matches!(row.value, RawValue::Metered(_));
        let is_switch = matches!(row.value, RawValue::Boolean { .. });
        // There are few features that people have rows of their own on.
        if !is_switch && !self.known.contains(&(feature, has_units)) {
            self.known.push((feature, has_units));
            self.rows.push(row.clone());
        }
    }
}

/// Names in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Names {
    pub texts: Vec<String>,
    /// Their numbers, in the order of the texts.
    pub sorted: Vec<u32>,
}

impl Names {
    fn number(&mut self, name: &str) -> u32 {
        match self.sorted.binary_search_by(|number| text(&self.texts, *number).cmp(name)) {
            Ok(at) => self.sorted.get(at).copied().unwrap_or_default(),
            Err(at) => {
                let number = u32::try_from(self.texts.len()).unwrap_or(u32::MAX);
                self.texts.push(name.to_owned());
                self.sorted.insert(at, number);
                number
            }
        }
    }
}

pub(super) fn text(texts: &[String], number: u32) -> &str {
    usize::try_from(number).ok().and_then(|at| texts.get(at)).map(String::as_str).unwrap_or_default()
}

/// Where something lies in the bytes: a key, then a record or a subscription.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece {
    pub hash: u64,
    pub at: usize,
    /// Where the element stood in its list, if it is known.
    pub n: u32,
    pub kind: PieceKind,
}

/// The place of an element that came from a block.
const NOWHERE: u32 = u32::MAX;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum PieceKind {
    // In the order in which those of one key follow each other.
    Customer,
    Subscription,
    Alias,
}

impl<'c> Pile<'c> {
    /// Nobody yet. All blocks of a catalogue are laid out with the same seed. Whoever does not know it has
    /// a hard time to choose keys that crowd together; those that do make a bucket longer, and nothing else.
    pub fn new(catalog: &'c Catalog, seed: u64) -> Pile<'c> {
        let (names, bytes, pieces, seen) = (Names::default(), String::new(), Vec::new(), Seen::default());
        Pile { catalog, seed, names, bytes, pieces, seen }
    }

    /// How many bytes those who were added take, about.
    pub fn n_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// What rows those who were added have, for [`crate::Document::saw`].
    pub fn seen(&self) -> &Seen {
        &self.seen
    }

    /// Adds one element of the lists `customers` and `subscriptions`; `n` is where it stands in the
    /// paths of its problems. Gives what is wrong with it in ways that do not keep it from being used.
    ///
    /// # Errors
    /// All its problems, if any of them does.
    pub fn add(&mut self, list: &str, n: usize, element: &Tree) -> Result<Problems, Problems> {
        let sink = Sink::default();
        if let Some((customers, subscriptions)) = read_people(list, n, element, &sink) {
            check_people(self.catalog, &customers, &subscriptions, None, &sink);
            let problems = sink.into_inner();
            if !problems.is_usable() {
                return Err(problems);
            }
            customers.iter().for_each(|customer| self.add_customer(customer));
            subscriptions.iter().for_each(|subscription| self.add_subscription(subscription));
            return Ok(problems);
        }
        let problems = sink.into_inner();
        if problems.is_usable() { Ok(problems) } else { Err(problems) }
    }

    pub(crate) fn add_customer(&mut self, raw: &RawCustomer) {
        let rows = self.rows(&raw.grants);
        let alias = raw.alias.as_deref();
        let record = Record::Customer(CustomerRecord {
            alias,
            name: Some(raw.name.as_str()).filter(|name| *name != raw.id),
            archived_at: raw.archived_at,
            rows: rows.own_rows(),
            n_subscriptions: 0,
        });
        let n = u32::try_from(raw.n).unwrap_or(NOWHERE);
        self.piece(PieceKind::Customer, n, &raw.id, |writer| write_as_is(&record, &raw.id, writer));
        if let Some(alias) = alias {
            self.alias_from(n, alias, &raw.id);
        }
    }

    /// Adds an alias and the id it stands for. That of a customer comes with it; the same again is no
    /// mistake.
    pub fn alias(&mut self, alias: &str, id: &str) {
        self.alias_from(NOWHERE, alias, id);
    }

    fn alias_from(&mut self, n: u32, alias: &str, id: &str) {
        self.piece(PieceKind::Alias, n, alias, |writer| write_as_is(&Record::Alias(id), alias, writer));
    }

    pub(crate) fn add_subscription(&mut self, raw: &RawSubscription) {
        let Some(billing) = raw.billing else { return };
        let rows = self.rows(&raw.grants);
        let version = self.names.number(&raw.version);
        let mut held: Vec<(u32, u32)> = Vec::new();
        for (_, id, quantity) in &raw.add_ons {
            let add_on = self.names.number(id);
            match held.iter_mut().find(|(other, _)| *other == add_on) {
                Some((_, sum)) => *sum = sum.saturating_add(*quantity),
                None => held.push((add_on, *quantity)),
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
        for product in &raw.products {
            let number = self.names.number(product);
            products.item(|writer| writer.count(number));
        }
        let record = SubscriptionRecord {
            id: &raw.id,
            version,
            status: raw.status,
            start: raw.start,
            end: raw.end,
            trial_end: raw.trial_end,
            activated_at: raw.activated_at,
            billing,
            add_ons: add_ons.items(),
            products: products.items(),
            rows: rows.own_rows(),
        };
        let n = u32::try_from(raw.n).unwrap_or(NOWHERE);
        self.piece(PieceKind::Subscription, n, &raw.customer, |writer| {
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
                        let alone = Record::Customer(CustomerRecord { n_subscriptions: 0, ..customer });
                        let naming = &mut Naming { number: &mut number, n_rows: 0 };
                        self.piece(PieceKind::Customer, NOWHERE, key, |writer| alone.write(writer, key, naming));
                        for _ in 0..customer.n_subscriptions {
                            let subscription = SubscriptionRecord::read(&mut reader)?;
                            let naming = &mut Naming { number: &mut number, n_rows: 0 };
                            self.piece(PieceKind::Subscription, NOWHERE, key, |writer| {
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

    fn piece(&mut self, kind: PieceKind, n: u32, key: &str, write: impl FnOnce(&mut Writer)) {
        let at = self.bytes.len();
        let mut writer = Writer(std::mem::take(&mut self.bytes));
        writer.text(key);
        write(&mut writer);
        self.bytes = writer.0;
        self.pieces.push(Piece { hash: key_hash(self.seed, key), at, n, kind });
    }

    /// Rows with their names as numbers of the pile.
    fn rows(&mut self, raw: &[RawGrant]) -> Numbers {
        let mut rows = Numbers::default();
        for row in raw {
            let Some(feature) = row.feature.as_ref().and_then(|name| self.feature(name)) else { continue };
            let pool = match &row.value {
                RawValue::Credits { pool, .. } => self
                    .feature(&FeatureName::Id(pool.clone()))
                    .or_else(|| self.feature(&FeatureName::Code(pool.clone()))),
                _ => Some(0),
            };
            let Some(pool) = pool else { continue };
            if let Some(at) = row.feature.as_ref().and_then(|name| self.catalog.names.feature(name)) {
                self.seen.row(at, row);
            }
            rows.item(|writer| PackedRow::of(row, feature, pool).write(writer, &mut |number| number));
        }
        rows
    }

    /// The number of a feature, under its id: codes may change.
    fn feature(&mut self, name: &FeatureName) -> Option<u32> {
        let catalog = self.catalog;
        let feature = catalog.feature(catalog.names.feature(name)?)?;
        Some(self.names.number(&feature.id))
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
    pub fn sorted(mut self) -> Result<Sorted, Problems> {
        let bytes = std::mem::take(&mut self.bytes);
        let key = |piece: &Piece| {
            let mut reader = Reader::new(bytes.get(piece.at..).unwrap_or_default());
            (reader.text().unwrap_or_default(), reader)
        };
        let id = |piece: &Piece| match piece.kind {
            PieceKind::Subscription => key(piece).1.text().unwrap_or_default(),
            PieceKind::Customer | PieceKind::Alias => "",
        };
        let compare = |a: &Piece, b: &Piece| {
            a.hash
                .cmp(&b.hash)
                .then_with(|| key(a).0.cmp(key(b).0))
                .then_with(|| a.kind.cmp(&b.kind))
                .then_with(|| id(a).cmp(id(b)))
        };
        let mut pieces = std::mem::take(&mut self.pieces);
        sort_by(&mut pieces, compare);
        let whose = |piece: &Piece| {
            let mut reader = key(piece).1;
            record::key(&mut reader)?;
            reader.text()
        };
        pieces.dedup_by(|a, b| a.kind == PieceKind::Alias && compare(a, b) == Ordering::Equal && whose(a) == whose(b));
        let mut problems = Problems::default();
        let mut customer = "";
        for (n, piece) in pieces.iter().enumerate() {
            let (name, list, field, kind) = match piece.kind {
                PieceKind::Customer => (key(piece).0, "customers", "id", "id"),
                PieceKind::Subscription => (id(piece), "subscriptions", "id", "id"),
                PieceKind::Alias => (key(piece).0, "customers", "alias", "alias"),
            };
            // As a document says it, where the places are known.
            let path = |field: &str| match piece.n {
                NOWHERE => name.to_owned(),
                n => format!("{list}[{n}].{field}"),
            };
            let before = n.checked_sub(1).and_then(|n| pieces.get(n));
            if let Some(before) = before.filter(|before| compare(before, piece) == Ordering::Equal) {
                let message = match before.n {
                    NOWHERE => format!("the {kind} `{name}` comes twice"),
                    n => format!("the {kind} `{name}` is already that of {list}[{n}]"),
                };
                problems.push(Problem::error(Code::Duplicate, path(field), message));
            }
            match piece.kind {
                PieceKind::Customer => customer = key(piece).0,
                PieceKind::Subscription if key(piece).0 != customer => {
                    let message = format!("there is no customer `{}`", key(piece).0);
                    problems.push(Problem::error(Code::BrokenReference, path("customer_id"), message));
                }
                PieceKind::Subscription | PieceKind::Alias => {}
            }
        }
        report_ids(&pieces, id, self.seed, &mut problems);
        if problems.is_usable() {
            Ok(Sorted { seed: self.seed, names: self.names, bytes, pieces })
        } else {
            Err(problems)
        }
    }
}

/// Reports subscriptions that have the id of another customer's.
fn report_ids<'b>(pieces: &[Piece], id: impl Fn(&Piece) -> &'b str, seed: u64, problems: &mut Problems) {
    let mut ids: Vec<(u64, &Piece)> = Vec::new();
    let subscriptions = pieces.iter().filter(|piece| piece.kind == PieceKind::Subscription);
    ids.extend(subscriptions.map(|piece| (key_hash(seed, id(piece)), piece)));
    sort_by(&mut ids, |a, b| a.0.cmp(&b.0).then_with(|| a.1.n.cmp(&b.1.n)));
    for pair in ids.windows(2) {
        if let [(a, first), (b, second)] = pair
            && a == b
            && first.hash != second.hash
            && id(first) == id(second)
        {
            let message = match first.n {
                NOWHERE => format!("the id `{}` comes twice", id(first)),
                n => format!("the id `{}` is already that of subscriptions[{n}]", id(first)),
            };
            let path = match second.n {
                NOWHERE => id(second).to_owned(),
                n => format!("subscriptions[{n}].id"),
            };
            problems.push(Problem::error(Code::Duplicate, path, message));
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
