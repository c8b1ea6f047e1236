//! A customer block: checked once when it is opened, then only read.

use super::bytes::Packed;
use super::customer::CustomerRecord;
use super::format::{Unreadable, head, key_hash, shard_of};
use super::marks::Marks;
use super::number::{FIXED, MORE, TWO_FIXED, fixed, fixed_two};
use super::record::{self, OwnRows, PackedCustomer, PackedSubscription};
use super::rows::read_row;
use super::tables::Tables;
use super::wire::{Flags, Reader, Span};
use crate::catalog::Catalog;
use crate::idx::{AddOnIdx, FeatureIdx, UNRESOLVED, VersionIdx, item};
use crate::status::Status;
use crate::symbols::{ResolvedRefs, SymbolTable};
use crate::time::Instant;
use crate::value::{Grant, overlaps};
use crate::zone::ZoneIdx;

pub(super) const MAGIC: &str = "myp";
const WHAT: &str = "a block of customers";

/// Packed customers with their subscriptions, resolved against a catalog.
#[derive(Clone, Debug)]
pub struct CustomerBlock {
    bytes: Packed,
    layout: Layout,
    tables: Tables,
}

/// The head of a block, and the offsets of its parts in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Layout {
    pub seed: u64,
    pub shard_bits: u8,
    bucket_bits: u8,
    pub n_customers: u32,
    n_subscriptions: u32,
    buckets: usize,
    records: usize,
}

/// The record of a key.
#[derive(Clone, Copy, Debug)]
pub enum Found<'b> {
    /// A customer with this id.
    Customer(CustomerRecord<'b>),
    /// An alias: the id of its customer, who may be in another block.
    Alias(&'b str),
}

/// The largest number of bucket bits. A hundred thousand customers need 16.
pub(super) const MAX_BUCKET_BITS: u8 = 24;

impl Layout {
    /// Reads the head of a block. Returns its layout and its names, in their order.
    pub(super) fn read(bytes: &str) -> Result<(Layout, Vec<&str>), Unreadable> {
        let mut reader = Reader::new(bytes);
        head(&mut reader, MAGIC, WHAT)?;
        let short = || Unreadable::broken(WHAT, "its head is not whole");
        let (seed, Flags(shard_bits), Flags(bucket_bits)) = (reader.number(), reader.flags(), reader.flags());
        let (n_customers, n_subscriptions) = (reader.count(), reader.count());
        reader.whole(()).ok_or_else(short)?;
        if 32 < shard_bits || MAX_BUCKET_BITS < bucket_bits {
            return Err(Unreadable::broken(WHAT, "it has more buckets than there can be"));
        }
        let n_names = reader.items();
        reader.whole(()).ok_or_else(short)?;
        let mut names = Vec::new();
        for _ in 0..n_names {
            let name = reader.text();
            names.push(reader.whole(name).ok_or_else(|| Unreadable::broken(WHAT, "a name is not whole"))?);
        }
        let buckets = reader.at();
        let n_offsets = 1_usize.checked_shl(bucket_bits.into()).unwrap_or_default().saturating_add(1);
        let directory = n_offsets.saturating_mul(FIXED);
        let digits = reader.take(directory).as_bytes();
        // Digits with further bits would be read in one way here, and in another way by a look-up.
        if !reader.is_ok() || digits.iter().any(|digit| MORE <= *digit) {
            return Err(Unreadable::broken(WHAT, "its buckets are not whole"));
        }
        let records = reader.at();
        Ok((Layout { seed, shard_bits, bucket_bits, n_customers, n_subscriptions, buckets, records }, names))
    }

    /// The bucket of a hash, from the bits below the shard bits.
    #[inline]
    fn bucket(&self, hash: u64) -> usize {
        let below = hash.checked_shl(self.shard_bits.into()).unwrap_or_default();
        usize::try_from(shard_of(below, self.bucket_bits)).unwrap_or_default()
    }

    /// The start of each bucket and the end of the last, in bytes from the first record.
    fn offsets<'b>(&self, bytes: &'b str) -> impl Iterator<Item = usize> + use<'b> {
        let offsets = bytes.as_bytes().get(self.buckets..self.records).unwrap_or_default();
        offsets.as_chunks::<FIXED>().0.iter().map(fixed)
    }

    /// The place of the records of a bucket.
    #[cfg_attr(not(feature = "small"), inline(always))]
    fn records(&self, bytes: &[u8], bucket: usize) -> Option<Span> {
        let at = self.buckets.checked_add(bucket.checked_mul(FIXED)?)?;
        let rest = bytes.get(at..)?;
        let (from, to) = match rest.first_chunk::<TWO_FIXED>() {
            Some(two) if cfg!(not(feature = "small")) => fixed_two(two),
            _ => {
                let (from, rest) = rest.split_first_chunk::<FIXED>()?;
                (fixed(from), fixed(rest.first_chunk::<FIXED>()?))
            }
        };
        Some(Span { from: self.records.wrapping_add(from), to: self.records.wrapping_add(to) })
    }
}

impl CustomerBlock {
    /// Opens a block: checks all of its bytes, and resolves its names against a catalog.
    ///
    /// # Errors
    /// [`Unreadable`] for bytes that are not a block, have another format or are damaged, and for a plan version, an
    /// add-on or a feature that the catalog does not have.
    pub fn open(bytes: Packed, catalog: &Catalog) -> Result<CustomerBlock, Unreadable> {
        let symbols = catalog.symbols();
        let all = bytes.as_str();
        let (layout, names) = Layout::read(all)?;
        let refs: Box<[ResolvedRefs]> = names.iter().map(|name| symbols.resolve(name)).collect();
        let mut opening = Opening { symbols, names, refs: &refs, rows: Vec::new(), counted: (0, 0) };
        opening.check(&layout, all)?;
        let rows = opening.rows.into();
        Ok(CustomerBlock { bytes, layout, tables: Tables { refs, rows, marks: Marks::new(layout.n_customers) } })
    }

    /// Returns the block if it fits a snapshot with this seed and `bits` shard bits. A block with fewer bits covers
    /// several of the `2^bits` ranges.
    ///
    /// # Errors
    /// [`Unreadable`] for another seed or more bits: look-ups would not find its customers.
    pub fn laid_out(self, seed: u64, bits: u8) -> Result<CustomerBlock, Unreadable> {
        if self.layout.seed == seed && self.layout.shard_bits <= bits {
            return Ok(self);
        }
        Err(Unreadable::broken(WHAT, "it is laid out for another snapshot: its seed or its shard bits are others"))
    }

    /// A block without customers.
    pub fn empty() -> CustomerBlock {
        CustomerBlock { bytes: Packed::default(), layout: Layout::default(), tables: Tables::default() }
    }

    /// The record of an id or an alias. `hash` is the [`key_hash`] of the key. An id goes before an alias.
    pub fn find(&self, key: &str, hash: u64) -> Option<Found<'_>> {
        if let Some(marked) = self.marked(key, hash) {
            return Some(Found::Customer(marked));
        }
        let found = self.locate(key, hash)?;
        match found.alias() {
            None => Some(Found::Customer(found)),
            Some(id) => id.map(Found::Alias),
        }
    }

    /// The customer with this id or alias. An alias is found only if its customer is in this block too.
    pub fn customer(&self, key: &str) -> Option<CustomerRecord<'_>> {
        let hash = key_hash(self.layout.seed, key);
        self.marked(key, hash).or_else(|| self.unmarked(key, hash))
    }

    #[inline(never)]
    fn unmarked(&self, key: &str, hash: u64) -> Option<CustomerRecord<'_>> {
        let found = self.locate(key, hash)?;
        let Some(id) = found.alias() else { return Some(found) };
        let id = id?;
        self.locate(id, key_hash(self.layout.seed, id)).filter(|found| found.alias().is_none())
    }

    /// The customer with this id, if it is marked.
    #[cfg_attr(not(feature = "small"), inline(always))]
    fn marked(&self, key: &str, hash: u64) -> Option<CustomerRecord<'_>> {
        let all = Reader::new(self.bytes.as_str());
        let (mark, flags, found, rest) = self.tables.marks.find(hash, |mark| {
            let mut rest = all.from(mark.at());
            let (flags, found) = (rest.flags(), rest.pass_text());
            all.is_at(found, key).then_some((mark, flags, found, rest))
        })?;
        let (tables, at, key) = (&self.tables, mark.at(), all.span(found)?);
        Some(CustomerRecord { tables, hash, at, flags, key, rest, mark: Some(mark) })
    }

    /// Finds the record of a key.
    #[inline(never)]
    fn locate(&self, key: &str, hash: u64) -> Option<CustomerRecord<'_>> {
        let all = Reader::new(self.bytes.as_str());
        let bucket = self.layout.records(all.bytes(), self.layout.bucket(hash))?;
        let mut at = bucket.from;
        while at < bucket.to {
            let mut rest = all.from(at);
            let record = rest.pass_record();
            rest = all.from(record.from);
            let flags = rest.flags();
            let found = rest.pass_text();
            // Records of one key are in the order customer, alias, so an id goes before an equal alias.
            if all.is_at(found, key) {
                let key = all.span(found)?;
                return Some(CustomerRecord {
                    tables: &self.tables,
                    hash,
                    at: record.from,
                    flags,
                    key,
                    rest,
                    mark: None,
                });
            }
            at = record.to;
        }
        None
    }

    /// The number of customers.
    pub fn n_customers(&self) -> usize {
        usize::try_from(self.layout.n_customers).unwrap_or_default()
    }

    /// The number of subscriptions.
    pub fn n_subscriptions(&self) -> usize {
        usize::try_from(self.layout.n_subscriptions).unwrap_or_default()
    }

    /// The approximate memory in bytes: the packed bytes, and the tables from opening the block.
    pub fn n_bytes(&self) -> usize {
        let refs = self.tables.refs.len().saturating_mul(size_of::<ResolvedRefs>());
        let rows = self.tables.rows.len().saturating_mul(size_of::<Grant>());
        self.bytes.as_slice().len().saturating_add(refs).saturating_add(rows).saturating_add(size_of::<CustomerBlock>())
    }

    /// The approximate memory in bytes once its customers are asked about: the marks that questions set, too.
    pub fn n_bytes_with_marks(&self) -> usize {
        self.n_bytes().saturating_add(self.tables.marks.n_bytes())
    }

    /// The packed bytes of the block.
    pub fn bytes(&self) -> &Packed {
        &self.bytes
    }

    /// The ids of all customers, in the order of their hashes.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        records(&self.layout, self.bytes.as_str()).filter_map(|mut record| {
            let (flags, key) = record::key(&mut record);
            (!record::is_alias(flags)).then_some(key)
        })
    }
}

/// All records of a block.
pub(super) fn records<'b>(layout: &Layout, bytes: &'b str) -> impl Iterator<Item = Reader<'b>> + use<'b> {
    let mut rest = Reader::new(bytes.get(layout.records..).unwrap_or_default());
    std::iter::from_fn(move || {
        let record = rest.text();
        rest.whole(Reader::new(record))
    })
}

/// A block that is being checked.
struct Opening<'o> {
    symbols: &'o SymbolTable,
    names: Vec<&'o str>,
    refs: &'o [ResolvedRefs],
    rows: Vec<Grant>,
    /// The numbers of customers and subscriptions so far.
    counted: (u32, u32),
}

impl Opening<'_> {
    fn check(&mut self, layout: &Layout, bytes: &str) -> Result<(), Unreadable> {
        let broken = |why| Unreadable::broken(WHAT, why);
        if !self.names.is_sorted_by(|a, b| a < b) {
            return Err(broken("its names are not sorted"));
        }
        let mut offsets = layout.offsets(bytes);
        // Buckets that overlap or leave a gap do not end where a record ends.
        if offsets.next() != Some(0) {
            return Err(broken("its buckets do not hold all of it"));
        }
        let mut records = Reader::new(bytes.get(layout.records..).unwrap_or_default());
        for end in offsets {
            while records.at() < end {
                let record = records.text();
                records.whole(()).ok_or_else(|| broken("a record is not whole"))?;
                self.record(Reader::new(record)).ok_or_else(|| broken("a record cannot be read"))?;
            }
            if records.at() != end {
                return Err(broken("a bucket ends within a record, or before it begins"));
            }
        }
        if !records.is_at_end() {
            return Err(broken("its buckets do not hold all of it"));
        }
        if self.counted != (layout.n_customers, layout.n_subscriptions) {
            return Err(broken("it does not hold as many as it says"));
        }
        Ok(())
    }

    fn record(&mut self, mut record: Reader<'_>) -> Option<()> {
        let (flags, key) = record::key(&mut record);
        if key.is_empty() {
            return None;
        }
        if record::is_alias(flags) {
            return (!record.text().is_empty() && record.is_at_end()).then_some(());
        }
        let customer = PackedCustomer::read(&mut record, flags)?;
        self.counted.0 = self.counted.0.checked_add(1)?;
        self.counted.1 = self.counted.1.checked_add(customer.n_subscriptions)?;
        self.own_rows(&customer.rows)?;
        let mut last = "";
        for _ in 0..customer.n_subscriptions {
            let subscription = PackedSubscription::read_here(&mut record)?;
            // Saves the comparison for the first subscription; nearly every customer has only one.
            if subscription.id.is_empty() || (!last.is_empty() && subscription.id <= last) {
                return None;
            }
            last = subscription.id;
            self.subscription(&subscription)?;
        }
        record.is_at_end().then_some(())
    }

    fn subscription(&mut self, subscription: &PackedSubscription<'_>) -> Option<()> {
        if self.refs_of(subscription.version)?.version == VersionIdx(UNRESOLVED) {
            return None;
        }
        let mut add_ons = Reader::new(subscription.add_ons.0);
        while add_ons.has_more() {
            let (add_on, quantity) = (add_ons.count(), add_ons.count());
            if self.refs_of(add_on)?.add_on == AddOnIdx(UNRESOLVED) || quantity == 0 {
                return None;
            }
        }
        let mut products = Reader::new(subscription.products.0);
        while products.has_more() {
            let product = products.count();
            self.refs_of(products.whole(product)?)?;
        }
        if !subscription.extras.is_empty() || subscription.status == Status::Unknown {
            self.extras(subscription)?;
        }
        self.own_rows(&subscription.rows)
    }

    #[cold]
    #[inline(never)]
    fn extras(&self, subscription: &PackedSubscription<'_>) -> Option<()> {
        let mut add_on = |name| (self.refs_of(name)?.add_on != AddOnIdx(UNRESOLVED)).then_some(());
        let mut product = |name| self.refs_of(name).map(|_| ());
        subscription.extras.check(subscription.status, &mut add_on, &mut product)
    }

    #[inline]
    fn own_rows(&mut self, own: &OwnRows<'_>) -> Option<()> {
        if own.n == 0 && own.items.0.is_empty() { Some(()) } else { self.some_rows(own) }
    }

    #[inline(never)]
    fn some_rows(&mut self, own: &OwnRows<'_>) -> Option<()> {
        let first = self.rows.len();
        if own.n != 0 && usize::try_from(own.first).ok()? != first {
            return None;
        }
        let mut rows = Reader::new(own.items.0);
        let mut last: Option<(FeatureIdx, Option<Instant>)> = None;
        while rows.has_more() {
            let resolved = |feature: &FeatureIdx| *feature != FeatureIdx(UNRESOLVED);
            let mut feature = |name| self.refs_of(name).map(|refs| refs.feature).filter(resolved);
            let row = read_row(&mut rows)?.with_features(&mut feature)?;
            let mut zone = |zone: ZoneIdx| self.refs_of(zone.at()).and_then(|refs| refs.zone);
            let grant = self.symbols.grant(row.with_zones(&mut zone));
            if let Some((feature, expires_at)) = last
                && (grant.feature < feature || (grant.feature == feature && overlaps(grant.starts_at, expires_at)))
            {
                return None;
            }
            last = Some((grant.feature, grant.expires_at));
            self.rows.push(grant);
        }
        (self.rows.len().checked_sub(first)? == usize::try_from(own.n).ok()?).then_some(())
    }

    fn refs_of(&self, name: u32) -> Option<&ResolvedRefs> {
        item(self.refs, name)
    }
}
