//! The packed form: a catalog as bytes that are checked once and then read in place.
//!
//! A [`CustomerBlock`] holds customers with their subscriptions: all of them, or those of one shard of a snapshot. A
//! block has a table of the ids that it refers to (plan versions, add-ons, features, products), so it does not
//! change when the catalog grows. Opening a block looks these names up in the symbol table of a catalog. A
//! [`BlockBuilder`] builds blocks. The catalog object holds the definitions.
//!
//! ```text
//! block     MAGIC format  seed  shard bits, bucket bits  n customers, n subscriptions
//!           names: n, text*            (sorted; a record refers to a name by its index)
//!           buckets: offset*           (fixed width; the start of each bucket's records, and the end)
//!           records: sorted by hash    (a bucket holds one range of hashes)
//! record    length  flags  key  ...    (a customer, or an alias with the id of its customer)
//! ```
//!
//! A look-up hashes the key, reads two offsets and compares the few keys between them: two places in memory, however
//! many customers there are. A mark takes the place of the offsets for customers who were asked about before.

mod number;
mod bytes;
mod wire;
mod writer;
mod format;
mod rows;
mod statuses;
mod entries;
mod extras;
mod record;
mod marks;
mod tables;
mod plain;
mod customer;
mod block;
mod sorted_records;
mod block_builder;
mod settings;
mod feature_type;
mod catalog_object;

pub use block::{CustomerBlock, Found};
pub use block_builder::{BlockBuilder, GrantUsage};
pub use bytes::Packed;
pub use customer::CustomerRecord;
pub(crate) use customer::{Customer, HeldAddOn, Subscription, SubscriptionIter, Subscriptions};
pub use entries::{CustomerEntry, StatusChange, SubscriptionAddOn, SubscriptionEntry};
pub use format::{FORMAT, OLDEST_FORMAT, Unreadable, key_hash, shard_of};
pub(crate) use plain::{PlainHead, PlainSubscription};
pub use sorted_records::SortedRecords;
pub use wire::Reader;
pub use writer::Writer;
