//! The publisher's records, in the same database as the catalog: the dirty keys, the shards as last
//! built, the objects, and the progress of publishing.
//!
//! Each record is written in the transaction that causes it, so publishing resumes after a crash of the
//! Durable Object.

use crate::sql::{Sql, number};
use crate::sql_row::Row;
use mayuse_core::{BlockBuilder, Instant, Packed, key_hash};
use mayuse_dialects::{ApiError, Kind, Store, key_of, load_into, text};
use mayuse_snapshot::{Definitions, Failing, Hash, Ledger, Manifest, ObjectRef, Shard, State};
use serde_json::Value;
use std::rc::Rc;
use worker::SqlStorageValue;

/// The size of the chunks of a stored object. The platform limits a row to 2 MB.
const CHUNK: usize = 1_000_000;

/// The name of the cut among the objects.
const CUT: &str = "cut";

impl Sql {
    /// Marks the keys of an entity dirty, old and new. `body` is the new entity; the old one must still be
    /// stored.
    pub fn touch(&self, kind: Kind, id: &str, body: Option<&Value>) -> Result<(), ApiError> {
        match kind {
            Kind::Customer => {
                let before = self.get(kind, id)?;
                let alias = |body: &Value| key_of(Kind::Customer, body).map(str::to_owned);
                self.mark(id)?;
                let aliases = [before.and_then(|before| alias(&before.body)), body.and_then(alias)];
                aliases.iter().flatten().try_for_each(|alias| self.mark(alias))
            }
            Kind::Subscription => {
                let before = self.get(kind, id)?;
                let customers = [
                    before.as_ref().map(|before| text(&before.body, "customer_id")),
                    body.map(|body| text(body, "customer_id")),
                ];
                customers.into_iter().flatten().try_for_each(|customer| self.mark(customer))
            }
            _ => Ok(()),
        }
    }

    fn mark(&self, key: &str) -> Result<(), ApiError> {
        let hash = hex(key_hash(self.seed(), key));
        self.run("INSERT OR IGNORE INTO dirty VALUES (?, ?)", vec![hash, key.into()])
    }

    /// Drops all shards, because the catalog is replaced.
    pub fn drop_shards(&self, now: Instant) -> Result<(), ApiError> {
        let statement = "UPDATE published_objects SET dropped_at = ? WHERE dropped_at IS NULL";
        self.run(statement, vec![integer(now.millis())])?;
        self.run("DELETE FROM published_shards", Vec::new())?;
        self.run("DELETE FROM dirty", Vec::new())?;
        self.run("UPDATE publishing SET bits = 0, scanned = NULL, catalog = ''", Vec::new())
    }

    /// The last published version.
    pub fn published_version(&self) -> Result<u64, ApiError> {
        self.whole("SELECT version FROM publishing", Vec::new())
    }

    /// Records the publication of a manifest built elsewhere.
    pub fn record_published(&self, version: u64, at: Instant, manifest: Hash) -> Result<(), ApiError> {
        let at = at.millis();
        let values = vec![number(version)?, integer(at), integer(at), manifest.to_string().into()];
        self.run("UPDATE publishing SET version = ?, as_of = ?, at = ?, manifest = ?", values)
    }

    /// Records why publishing fails, until it succeeds.
    pub fn record_failure(&self, why: &str) -> Result<(), ApiError> {
        self.run("UPDATE publishing SET failure = ? WHERE failure IS NOT ?", vec![why.into(), why.into()])
    }

    /// The reason of the last attempt to publish, if it failed.
    pub fn failure(&self) -> Result<Option<String>, ApiError> {
        let found = self.rows("SELECT failure FROM publishing", Vec::new(), Row::optional_text)?;
        Ok(found.into_iter().next().flatten())
    }

    /// The number of withheld shards, and the start and reason of the longest.
    pub fn failing(&self) -> Result<(u64, Option<(i64, String)>), ApiError> {
        let statement = "SELECT count(*) OVER (), since,
            'shard ' || (slot >> (17 - bits)) || ' of ' || (1 << bits) || ': ' || why
            FROM published_shards WHERE why IS NOT NULL ORDER BY since LIMIT 1";
        let read = |row: &mut Row| Some((u64::try_from(row.integer()?).ok()?, (row.integer()?, row.text()?)));
        let found = self.rows(statement, Vec::new(), read)?.pop();
        Ok(found.map_or((0, None), |(n, first)| (n, Some(first))))
    }

    fn some_shards(&self, which: &str, bindings: Vec<SqlStorageValue>) -> Result<Vec<Shard>, ApiError> {
        let statement =
            format!("SELECT slot, bits, hash, size, customers, why, since, retry_at FROM published_shards {which}");
        self.rows(&statement, bindings, shard)
    }

    fn set_chunks(&self, name: &str, bytes: &[u8]) -> Result<(), ApiError> {
        for (chunk, n) in bytes.chunks(CHUNK).zip(0..) {
            let row = vec![name.into(), integer(n), SqlStorageValue::Blob(chunk.to_vec())];
            self.run("INSERT OR REPLACE INTO chunks VALUES (?, ?, ?)", row)?;
        }
        Ok(())
    }

    fn chunks(&self, name: &str) -> Result<Vec<u8>, ApiError> {
        let mut chunks =
            self.rows("SELECT body FROM chunks WHERE hash = ? ORDER BY n", vec![name.into()], Row::blob)?;
        // Nearly all objects have one chunk.
        Ok(if chunks.len() == 1 { chunks.pop().unwrap_or_default() } else { chunks.concat() })
    }

    /// Deletes objects and their chunks.
    fn forget_objects(&self, which: &str, bindings: Vec<SqlStorageValue>) -> Result<(), ApiError> {
        let statement = format!("DELETE FROM published_objects WHERE {which} RETURNING hash");
        let gone = self.rows(&statement, bindings, Row::text)?;
        gone.into_iter().try_for_each(|hash| self.run("DELETE FROM chunks WHERE hash = ?", vec![hash.into()]))
    }
}

impl Ledger for Sql {
    type Error = ApiError;

    fn transaction(&self, write: &mut dyn FnMut() -> Result<(), ApiError>) -> Result<(), ApiError> {
        self.storage().transaction(write)
    }

    fn describe(error: &ApiError) -> String {
        error.sentence()
    }

    fn seed(&self) -> u64 {
        Sql::seed(self)
    }

    fn state(&self) -> Result<State, ApiError> {
        let read = |row: &mut Row| {
            let bits = u8::try_from(row.integer()?).ok()?;
            let scanned = row.optional_text()?;
            let (catalog, touched) = (Hash::parse(&row.text()?), row.integer()? != 0);
            let (cut_version, cut_at) = (row.optional_integer()?, row.optional_integer()?);
            let mut whole = || u64::try_from(row.integer()?).ok();
            let (published, published_as_of, published_at) = (whole()?, row.integer()?, row.integer()?);
            let (manifest, has_failed) = (Hash::parse(&row.text()?), row.integer()? != 0);
            let mut whole = || u64::try_from(row.integer()?).ok();
            Some(State {
                version: whole()?,
                bits,
                scanned,
                catalog,
                touched,
                cut: cut_version.and_then(|version| Some((u64::try_from(version).ok()?, cut_at?))),
                published,
                published_as_of,
                published_at,
                manifest,
                has_failed,
                n_dirty: usize::try_from(whole()?).ok()?,
                n_shards: whole()?,
                n_bytes: whole()?,
                n_customers: whole()?,
            })
        };
        let statement = "SELECT bits, scanned, p.catalog, touched, cut_version, cut_at, p.version, as_of, at, manifest,
            failure IS NOT NULL, c.version, (SELECT count(*) FROM dirty), n, bytes, people
            FROM publishing AS p, catalog AS c, (SELECT count(*) AS n, coalesce(sum(size), 0) AS bytes,
            coalesce(sum(customers), 0) AS people FROM published_shards)";
        let found = self.rows(statement, Vec::new(), read)?.pop();
        found.ok_or_else(|| ApiError::internal("how far publishing is cannot be read"))
    }

    fn definitions(&self) -> Result<Rc<Definitions>, ApiError> {
        self.packed_definitions()
    }

    fn n_customers(&self) -> Result<u64, ApiError> {
        self.whole("SELECT count(*) FROM customers", Vec::new())
    }

    fn load_into(&self, builder: &mut BlockBuilder<'_>, key: &str) -> Result<(), ApiError> {
        load_into(self, builder, key)
    }

    fn scan(&self, after: &str, limit: usize) -> Result<(), ApiError> {
        let page = self.page(Kind::Customer, after, limit)?;
        for customer in &page {
            self.mark(&customer.id)?;
            key_of(Kind::Customer, &customer.body).map_or(Ok(()), |alias| self.mark(alias))?;
        }
        let last = page.last().map_or(SqlStorageValue::Null, |customer| customer.id.as_str().into());
        self.run("UPDATE publishing SET scanned = ?", vec![last])
    }

    fn dirty(&self, from: u64, to: Option<u64>, limit: usize) -> Result<Vec<(u64, String)>, ApiError> {
        let read = |row: &mut Row| Some((u64::from_str_radix(&row.text()?, 16).ok()?, row.text()?));
        // `g` sorts above every hash, which is 16 hexadecimal digits.
        let to = to.map_or_else(|| SqlStorageValue::from("g"), hex);
        let statement = "SELECT hash, key FROM dirty WHERE ? <= hash AND hash < ? ORDER BY hash, key LIMIT ?";
        self.rows(statement, vec![hex(from), to, count(limit)], read)
    }

    fn clear_dirty(&self, hash: u64, key: &str) -> Result<(), ApiError> {
        self.run("DELETE FROM dirty WHERE hash = ? AND key = ?", vec![hex(hash), key.into()])
    }

    fn set_bits(&self, bits: u8) -> Result<(), ApiError> {
        self.run("UPDATE publishing SET bits = ?", vec![integer(bits.into())])
    }

    fn set_catalog(&self, hash: Hash) -> Result<(), ApiError> {
        self.run("UPDATE publishing SET catalog = ?, touched = 1", vec![name(hash)])
    }

    fn shard(&self, slot: u64) -> Result<Option<Shard>, ApiError> {
        Ok(self.some_shards("WHERE slot <= ? ORDER BY slot DESC LIMIT 1", vec![number(slot)?])?.pop())
    }

    fn coarse_shard(&self, bits: u8) -> Result<Option<Shard>, ApiError> {
        let which = "WHERE bits < ? AND why IS NULL ORDER BY slot LIMIT 1";
        Ok(self.some_shards(which, vec![integer(bits.into())])?.pop())
    }

    fn shards(&self) -> Result<Vec<Shard>, ApiError> {
        self.some_shards("ORDER BY slot", Vec::new())
    }

    fn put_shard(&self, shard: &Shard) -> Result<(), ApiError> {
        let slot = number(shard.slot)?;
        let was_failing = "SELECT slot FROM published_shards WHERE slot = ? AND why IS NOT NULL";
        let was_failing = !self.rows(was_failing, vec![slot.clone()], Row::integer)?.is_empty();
        let none = SqlStorageValue::Null;
        let (why, since, retry_at) = match &shard.failing {
            Some(failing) => (failing.why.as_str().into(), integer(failing.since), integer(failing.retry_at)),
            None => (none.clone(), none.clone(), none),
        };
        let row = vec![
            slot,
            integer(shard.bits.into()),
            name(shard.part.hash),
            number(shard.part.size.into())?,
            number(shard.part.n.into())?,
            why,
            since,
            retry_at,
        ];
        self.run("INSERT OR REPLACE INTO published_shards VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)?;
        if was_failing && shard.failing.is_some() {
            return Ok(());
        }
        self.run("UPDATE publishing SET touched = 1 WHERE touched = 0", Vec::new())
    }

    fn is_named(&self, hash: Hash) -> Result<bool, ApiError> {
        let statement = "SELECT slot FROM published_shards WHERE hash = ? LIMIT 1";
        Ok(!self.rows(statement, vec![name(hash)], Row::integer)?.is_empty())
    }

    fn object(&self, hash: Hash) -> Result<Option<Packed>, ApiError> {
        Ok(Packed::new(self.chunks(&hash.to_string())?).filter(|object| !object.as_slice().is_empty()))
    }

    fn put_object(&self, hash: Hash, bytes: &Packed) -> Result<(), ApiError> {
        let statement = "INSERT INTO published_objects VALUES (?, 0, 0, 0, NULL) ON CONFLICT (hash) DO UPDATE SET
            dropped_at = NULL, gone = 0, put = CASE put WHEN 2 THEN 3 ELSE put END";
        self.run(statement, vec![name(hash)])?;
        self.set_chunks(&hash.to_string(), bytes.as_slice())
    }

    fn drop_object(&self, hash: Hash, now: Instant) -> Result<(), ApiError> {
        let statement = "UPDATE published_objects SET dropped_at = ? WHERE hash = ?";
        self.run(statement, vec![integer(now.millis()), name(hash)])?;
        self.forget_objects("hash = ? AND put = 0 AND in_cut = 0", vec![name(hash)])
    }

    fn set_cut(&self, cut: &Manifest) -> Result<(), ApiError> {
        self.forget_objects("put = 0 AND in_cut = 0 AND dropped_at IS NOT NULL", Vec::new())?;
        // Objects of an abandoned cut may already be in KV.
        let statement = "UPDATE published_objects SET in_cut = dropped_at IS NULL,
            put = CASE WHEN dropped_at IS NULL THEN put ELSE 3 END WHERE put IN (0, 3)";
        self.run(statement, Vec::new())?;
        self.run("UPDATE published_objects SET gone = 1 WHERE dropped_at IS NOT NULL AND gone = 0", Vec::new())?;
        self.run("DELETE FROM chunks WHERE hash = ?", vec![CUT.into()])?;
        self.set_chunks(CUT, cut.pack().as_bytes())?;
        let values = vec![number(cut.version)?, integer(cut.generated_at.millis())];
        self.run("UPDATE publishing SET cut_version = ?, cut_at = ?, touched = 0", values)
    }

    fn waiting(&self, limit: usize) -> Result<Vec<Hash>, ApiError> {
        let statement = "SELECT hash FROM published_objects WHERE put IN (0, 3) AND in_cut = 1 LIMIT ?";
        self.rows(statement, vec![count(limit)], |row| Hash::parse(&row.text()?))
    }

    fn cut(&self) -> Result<Option<Manifest>, ApiError> {
        Ok(Packed::new(self.chunks(CUT)?).and_then(|packed| Manifest::unpack(&packed)))
    }

    fn mark_put(&self, hash: Hash) -> Result<(), ApiError> {
        self.run("UPDATE published_objects SET put = 1, in_cut = 0 WHERE hash = ?", vec![name(hash)])
    }

    fn record_publication(&self, cut: &Manifest, manifest: Hash, now: Instant) -> Result<(), ApiError> {
        let (version, as_of) = (number(cut.version)?, integer(cut.generated_at.millis()));
        let statement = "UPDATE publishing SET version = ?, as_of = ?, at = ?, manifest = ?, cut_version = NULL,
            cut_at = NULL, failure = NULL";
        self.run(statement, vec![version, as_of, integer(now.millis()), name(manifest)])?;
        let statement = "UPDATE published_objects SET gone = 2 WHERE dropped_at IS NOT NULL AND gone = 1";
        self.run(statement, Vec::new())
    }

    fn garbage(&self, before: i64, limit: usize) -> Result<Vec<Hash>, ApiError> {
        let statement = "SELECT hash FROM published_objects WHERE dropped_at < ? AND gone = 2 LIMIT ?";
        self.rows(statement, vec![integer(before), count(limit)], |row| Hash::parse(&row.text()?))
    }

    fn mark_deleting(&self, hash: Hash) -> Result<(), ApiError> {
        self.run("UPDATE published_objects SET put = 2 WHERE hash = ?", vec![name(hash)])
    }

    fn forget_object(&self, hash: Hash) -> Result<(), ApiError> {
        self.forget_objects("hash = ? AND dropped_at IS NOT NULL", vec![name(hash)])
    }
}

fn shard(row: &mut Row) -> Option<Shard> {
    let (slot, bits) = (u64::try_from(row.integer()?).ok()?, u8::try_from(row.integer()?).ok()?);
    let hash = Hash::parse(&row.text()?)?;
    let mut count = || u32::try_from(row.integer()?).ok();
    let part = ObjectRef { hash, size: count()?, n: count()? };
    let failing = match row.optional_text()? {
        Some(why) => Some(Failing { why, since: row.integer()?, retry_at: row.integer()? }),
        None => None,
    };
    Some(Shard { slot, bits, part, failing })
}

fn name(hash: Hash) -> SqlStorageValue {
    hash.to_string().into()
}

fn hex(hash: u64) -> SqlStorageValue {
    format!("{hash:016x}").into()
}

fn integer(value: i64) -> SqlStorageValue {
    SqlStorageValue::Integer(value)
}

fn count(limit: usize) -> SqlStorageValue {
    integer(i64::try_from(limit).unwrap_or(i64::MAX))
}
