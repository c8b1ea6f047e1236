//! People on their way into blocks: packed as they come, in any order, and sorted once.
//!
//! Millions of them fit: each takes little more here than in its block.

use super::block::{self, Layout, MAGIC, MAX_BUCKET_BITS};
use super::record::{self, CustomerRecord, Items, Naming, OwnRows, Record, SubscriptionRecord};
use super::rows::PackedRow;
use super::wire::{Packed, Reader, Writer};
use super::{FORMAT, Unreadable, key_hash, shard_of};
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
}

/// Names in the order in which they came.
#[derive(Debug, Default)]
struct Names {
    texts: Vec<String>,
    /// Their numbers, in the order of the texts.
    sorted: Vec<u32>,
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

fn text(texts: &[String], number: u32) -> &str {
    usize::try_from(number).ok().and_then(|at| texts.get(at)).map(String::as_str).unwrap_or_default()
}

/// Where something lies in the bytes: a key, then a record or a subscription.
#[derive(Clone, Copy, Debug)]
struct Piece {
    hash: u64,
    at: usize,
    kind: PieceKind,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum PieceKind {
    // In the order in which those of one key follow each other.
    Customer,
    Subscription,
    Alias,
}

impl<'c> Pile<'c> {
    /// Nobody yet. All blocks of a catalogue are laid out with the same seed, and whoever does not
    /// know it cannot choose keys that crowd together.
    pub fn new(catalog: &'c Catalog, seed: u64) -> Pile<'c> {
        Pile { catalog, seed, names: Names::default(), bytes: String::new(), pieces: Vec::new() }
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
        self.piece(PieceKind::Customer, &raw.id, |writer| write_as_is(&record, &raw.id, writer));
        if let Some(alias) = alias {
            self.alias(alias, &raw.id);
        }
    }

    /// Adds an alias and the id it stands for. That of a customer comes with it; the same again is no
    /// mistake.
    pub fn alias(&mut self, alias: &str, id: &str) {
        self.piece(PieceKind::Alias, alias, |writer| write_as_is(&Record::Alias(id), alias, writer));
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
        self.piece(PieceKind::Subscription, &raw.customer, |writer| {
            record.write(writer, &mut Naming { number: &mut |number| number, n_rows: 0 });
        });
    }

    /// Adds everybody of a block, but for ids and aliases that `is_wanted` turns down.
    ///
    /// # Errors
    /// Bytes that are no block.
    pub fn add_block(&mut self, block: &Packed, is_wanted: impl Fn(&str) -> bool) -> Result<(), Unreadable> {
        let bytes = block.as_str();
        let layout = Layout::read(bytes)?;
        let numbers: Vec<u32> = layout.names(bytes).into_iter().map(|name| self.names.number(name)).collect();
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
                        self.piece(PieceKind::Customer, key, |writer| alone.write(writer, key, naming));
                        for _ in 0..customer.n_subscriptions {
                            let subscription = SubscriptionRecord::read(&mut reader)?;
                            let naming = &mut Naming { number: &mut number, n_rows: 0 };
                            self.piece(PieceKind::Subscription, key, |writer| subscription.write(writer, naming));
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

    fn piece(&mut self, kind: PieceKind, key: &str, write: impl FnOnce(&mut Writer)) {
        let at = self.bytes.len();
        let mut writer = Writer(std::mem::take(&mut self.bytes));
        writer.text(key);
        write(&mut writer);
        self.bytes = writer.0;
        self.pieces.push(Piece { hash: key_hash(self.seed, key), at, kind });
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
            let (name, kind) = match piece.kind {
                PieceKind::Customer => (key(piece).0, "customer"),
                PieceKind::Subscription => (id(piece), "subscription"),
                PieceKind::Alias => (key(piece).0, "alias"),
            };
            let shown = || name.to_owned();
            let before = n.checked_sub(1).and_then(|n| pieces.get(n));
            if before.is_some_and(|before| compare(before, piece) == Ordering::Equal) {
                problems.push(Problem::error(Code::Duplicate, shown(), format!("the {kind} comes twice")));
            }
            match piece.kind {
                PieceKind::Customer => customer = key(piece).0,
                PieceKind::Subscription if key(piece).0 != customer => {
                    let message = format!("there is no customer `{}`", key(piece).0);
                    problems.push(Problem::error(Code::BrokenReference, shown(), message));
                }
                PieceKind::Subscription | PieceKind::Alias => {}
            }
        }
        if problems.is_usable() {
            Ok(Sorted { seed: self.seed, names: self.names, bytes, pieces })
        } else {
            Err(problems)
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

/// People in order, ready to be cut into blocks.
#[derive(Debug)]
pub struct Sorted {
    seed: u64,
    names: Names,
    bytes: String,
    pieces: Vec<Piece>,
}

impl Sorted {
    /// How many bytes all blocks will take together, about.
    pub fn n_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// With what keys are hashed.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The block of one of `2^bits` shards, and how many customers are in it.
    pub fn block(&self, bits: u8, shard: u64) -> (Packed, u32) {
        let from = self.pieces.partition_point(|piece| shard_of(piece.hash, bits) < shard);
        let to = self.pieces.partition_point(|piece| shard_of(piece.hash, bits) <= shard);
        let pieces = self.pieces.get(from..to).unwrap_or_default();

        // Once to learn which names it needs, and once to write.
        let mut numbers: Vec<Option<u32>> = vec![None; self.names.texts.len()];
        let place = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
        let mut records = Writer::default();
        self.write(pieces, &mut records, &mut |_| {}, &mut |number| {
            numbers.get_mut(place(number)).into_iter().for_each(|needed| *needed = Some(0));
            number
        });
        let mut names: Vec<&str> = Vec::new();
        for number in &self.names.sorted {
            if let Some(Some(needed)) = numbers.get_mut(place(*number)) {
                *needed = u32::try_from(names.len()).unwrap_or(u32::MAX);
                names.push(text(&self.names.texts, *number));
            }
        }

        let n_records = pieces.iter().filter(|piece| piece.kind != PieceKind::Subscription).count();
        let bucket_bits = u8::try_from(n_records.checked_ilog2().unwrap_or_default()).unwrap_or(MAX_BUCKET_BITS);
        let bucket_bits = bucket_bits.min(MAX_BUCKET_BITS);
        let count = |kind| u32::try_from(pieces.iter().filter(|piece| piece.kind == kind).count()).unwrap_or(u32::MAX);

        let mut block = Writer(String::with_capacity(records.0.len().saturating_mul(2)));
        block.0.push_str(MAGIC);
        block.number(FORMAT);
        block.number(self.seed);
        block.number(bits.into());
        block.number(bucket_bits.into());
        let n_customers = count(PieceKind::Customer);
        block.count(n_customers);
        block.count(count(PieceKind::Subscription));
        block.size(names.len());
        names.iter().for_each(|name| block.text(name));

        let mut records = Writer::default();
        let mut starts: Vec<(u64, usize)> = Vec::with_capacity(n_records);
        self.write(pieces, &mut records, &mut |start| starts.push(start), &mut |number| {
            numbers.get(place(number)).copied().flatten().unwrap_or_default()
        });
        let mut starts = starts.into_iter().peekable();
        let n_buckets = 1_u64.checked_shl(bucket_bits.into()).unwrap_or_default();
        for bucket in 0..n_buckets {
            let of = |hash: u64| shard_of(hash.checked_shl(bits.into()).unwrap_or_default(), bucket_bits);
            while starts.next_if(|(hash, _)| of(*hash) < bucket).is_some() {}
            let start = starts.peek().map_or(records.0.len(), |(_, start)| *start);
            block.fixed(start);
        }
        block.fixed(records.0.len());
        block.0.push_str(&records.0);
        (Packed::from(block.0), n_customers)
    }

    /// Writes records; `start` is told the hash and the place of each.
    fn write(
        &self,
        pieces: &[Piece],
        records: &mut Writer,
        start: &mut dyn FnMut((u64, usize)),
        number: &mut dyn FnMut(u32) -> u32,
    ) {
        let mut naming = Naming { number, n_rows: 0 };
        let mut rest = pieces;
        let mut body = Writer::default();
        while let Some((piece, after)) = rest.split_first() {
            let n = after.iter().take_while(|piece| piece.kind == PieceKind::Subscription).count();
            let (subscriptions, after) = after.split_at_checked(n).unwrap_or((after, &[]));
            rest = after;
            start((piece.hash, records.0.len()));
            body.0.clear();
            if self.record(piece, subscriptions, &mut body, &mut naming).is_some() {
                records.text(&body.0);
            }
        }
    }

    fn record(&self, piece: &Piece, subscriptions: &[Piece], body: &mut Writer, naming: &mut Naming<'_>) -> Option<()> {
        let mut reader = self.after_key(piece)?.1;
        let (flags, key) = record::key(&mut reader)?;
        match Record::read(&mut reader, flags)? {
            alias @ Record::Alias(_) => alias.write(body, key, naming),
            Record::Customer(customer) => {
                let n_subscriptions = u32::try_from(subscriptions.len()).ok()?;
                Record::Customer(CustomerRecord { n_subscriptions, ..customer }).write(body, key, naming);
            }
        }
        for piece in subscriptions {
            SubscriptionRecord::read(&mut self.after_key(piece)?.1)?.write(body, naming);
        }
        Some(())
    }

    fn after_key(&self, piece: &Piece) -> Option<(&str, Reader<'_>)> {
        let mut reader = Reader::new(self.bytes.get(piece.at..)?);
        Some((reader.text()?, reader))
    }
}
