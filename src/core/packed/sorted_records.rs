//! Sorted records, from which blocks are cut.

use super::block::{MAGIC, MAX_BUCKET_BITS};
use super::bytes::Packed;
use super::format::{FORMAT, shard_of};
use super::record::{self, Naming, PackedCustomer, PackedSubscription, Record};
use super::wire::Reader;
use super::writer::Writer;

/// Names in the order in which they were first used.
#[derive(Debug, Default)]
pub(super) struct Names {
    pub texts: Vec<String>,
    /// The numbers of the names, in the order of their texts.
    pub sorted: Vec<u32>,
}

impl Names {
    /// The number of a name, which is added if it is new.
    pub fn number(&mut self, name: &str) -> u32 {
        match self.sorted.binary_search_by(|number| text(&self.texts, *number).cmp(name)) {
            Ok(at) => self.sorted.get(at).copied().unwrap_or_default(),
            Err(at) => {
                let number = u32::try_from(self.texts.len()).unwrap_or(u32::MAX);
                self.texts.push(name.to_owned());
                let mut last = number;
                self.sorted.iter_mut().skip(at).for_each(|held| last = std::mem::replace(held, last));
                self.sorted.push(last);
                number
            }
        }
    }
}

fn text(texts: &[String], number: u32) -> &str {
    usize::try_from(number).ok().and_then(|at| texts.get(at)).map(String::as_str).unwrap_or_default()
}

/// A record or subscription that was added: `at` is the offset in the bytes of its key, which its data follows.
#[derive(Clone, Copy, Debug)]
pub(super) struct PendingRecord {
    pub hash: u64,
    pub at: usize,
    /// The index of the element in its list, or `NOWHERE`.
    pub n: u32,
    pub kind: PendingKind,
}

/// The index of an element that came from a block.
pub(super) const NOWHERE: u32 = u32::MAX;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum PendingKind {
    // In the order of the records of one key.
    Customer,
    Subscription,
    Alias,
}

/// Customers, subscriptions and aliases in order, ready to be cut into blocks.
#[derive(Debug)]
pub struct SortedRecords {
    pub(super) seed: u64,
    pub(super) names: Names,
    pub(super) bytes: String,
    pub(super) pending: Vec<PendingRecord>,
}

impl SortedRecords {
    /// The approximate size of all blocks together in bytes.
    pub fn n_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The number of subscriptions.
    pub fn n_subscriptions(&self) -> u64 {
        let n = self.pending.iter().filter(|entry| entry.kind == PendingKind::Subscription).count();
        u64::try_from(n).unwrap_or(u64::MAX)
    }

    /// The seed of the hash of keys.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The block of shard `shard` of `2^bits`, and the number of its customers.
    pub fn block(&self, bits: u8, shard: u64) -> (Packed, u32) {
        let from = self.pending.partition_point(|entry| shard_of(entry.hash, bits) < shard);
        let to = self.pending.partition_point(|entry| shard_of(entry.hash, bits) <= shard);
        let pending = self.pending.get(from..to).unwrap_or_default();

        // Writes twice: first to learn which names the block needs, then with their final numbers.
        let mut numbers: Vec<Option<u32>> = vec![None; self.names.texts.len()];
        let place = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
        let mut records = Writer::default();
        self.write(pending, &mut records, &mut |_| {}, &mut |number| {
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

        let n_records = pending.iter().filter(|entry| entry.kind != PendingKind::Subscription).count();
        let bucket_bits = u8::try_from(n_records.checked_ilog2().unwrap_or_default()).unwrap_or(MAX_BUCKET_BITS);
        let bucket_bits = bucket_bits.min(MAX_BUCKET_BITS);
        let count = |kind| u32::try_from(pending.iter().filter(|entry| entry.kind == kind).count()).unwrap_or(u32::MAX);

        let mut block = Writer(String::with_capacity(records.0.len().saturating_mul(2)));
        block.0.push_str(MAGIC);
        block.number(FORMAT);
        block.number(self.seed);
        block.number(bits.into());
        block.number(bucket_bits.into());
        let n_customers = count(PendingKind::Customer);
        block.count(n_customers);
        block.count(count(PendingKind::Subscription));
        block.size(names.len());
        names.iter().for_each(|name| block.text(name));

        let mut records = Writer::default();
        let mut starts: Vec<(u64, usize)> = Vec::with_capacity(n_records);
        self.write(pending, &mut records, &mut |start| starts.push(start), &mut |number| {
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

    /// Writes records. Calls `start` with the hash and the offset of each.
    fn write(
        &self,
        pending: &[PendingRecord],
        records: &mut Writer,
        start: &mut dyn FnMut((u64, usize)),
        number: &mut dyn FnMut(u32) -> u32,
    ) {
        let mut naming = Naming { number, n_rows: 0 };
        let mut rest = pending;
        let mut body = Writer::default();
        while let Some((entry, after)) = rest.split_first() {
            let n = after.iter().take_while(|entry| entry.kind == PendingKind::Subscription).count();
            let (subscriptions, after) = after.split_at_checked(n).unwrap_or((after, &[]));
            rest = after;
            start((entry.hash, records.0.len()));
            body.0.clear();
            if self.record(entry, subscriptions, &mut body, &mut naming).is_some() {
                records.text(&body.0);
            }
        }
    }

    fn record(
        &self,
        entry: &PendingRecord,
        subscriptions: &[PendingRecord],
        body: &mut Writer,
        naming: &mut Naming<'_>,
    ) -> Option<()> {
        let mut reader = self.after_key(entry)?.1;
        let (flags, key) = record::key(&mut reader);
        match Record::read(&mut reader, flags)? {
            alias @ Record::Alias(_) => alias.write(body, key, naming),
            Record::Customer(customer) => {
                let n_subscriptions = u32::try_from(subscriptions.len()).ok()?;
                Record::Customer(PackedCustomer { n_subscriptions, ..customer }).write(body, key, naming);
            }
        }
        for entry in subscriptions {
            PackedSubscription::read(&mut self.after_key(entry)?.1)?.write(body, naming);
        }
        Some(())
    }

    fn after_key(&self, entry: &PendingRecord) -> Option<(&str, Reader<'_>)> {
        let mut reader = Reader::new(self.bytes.get(entry.at..)?);
        let key = reader.text();
        reader.whole((key, reader))
    }
}
