//! The packed form: a catalog as bytes that are checked once and then read where they lie.
//!
//! [`CustomerBlock`] are customers with their subscriptions: one block, or, in a snapshot, as many as there
//! are shards. A block names what it refers to (plan versions, add-ons, features, products) by id,
//! in a table of its own, so it stays as it is when others are added; opening it looks the names up in
//! the symbol table of a catalog. A [`BlockBuilder`] makes blocks. The catalog object is everything else.
//!
//! ```text
//! block     MAGIC format  seed  shard bits, bucket bits  n customers, n subscriptions
//!           names: n, text*            (sorted; records say 3 for the fourth)
//!           buckets: offset*           (fixed width; where the records of each begin, and the end)
//!           records: sorted by hash    (a bucket is a stretch of hashes)
//! record    length  flags  key  ...    (a customer, or an alias and whose it is)
//! ```
//!
//! A look-up hashes the key, reads two offsets and compares the few keys between them: two places
//! in memory, however many customers there are.

mod number;
mod wire;
mod format;
mod rows;
mod record;
mod customer;
mod block;
mod sorted_records;
mod block_builder;
mod catalog_object;

pub use block::{CustomerBlock, Found};
pub use block_builder::{BlockBuilder, CustomerEntry, GrantUsage, SubscriptionEntry};
pub use customer::CustomerRecord;
pub(crate) use customer::{Customer, Subscription, SubscriptionIter, Subscriptions};
pub use format::{FORMAT, Unreadable, key_hash, shard_of};
pub use sorted_records::SortedRecords;
pub use wire::{Packed, Reader, Writer};
