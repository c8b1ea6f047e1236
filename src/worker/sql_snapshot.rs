//! What is published of the catalogue, in the same database: which keys changed, the shards as they
//! were last made, the objects, and how far publishing is.
//!
//! All of it is written in the transactions of what it follows from, so whenever the object ends, it
//! goes on from here.

use crate::http;
use crate::sql::{Row, Sql, number};
use mayuse_core::{Instant, Packed, key_hash};
use mayuse_dialects::{Failure, Kind, Store, key_of, text};
use mayuse_snapshot::{Hash, Part, Patched};
use serde_json::Value;
use std::collections::BTreeSet;
use worker::{SqlStorage, SqlStorageValue};

/// For how long a manifest from elsewhere may be on its way: longer than the store is waited for.
pub const TAKEN_WITHIN_MS: i64 = 30_000;

/// Makes the tables if they are new; gives the seed of the hash of keys, which is drawn once.
pub fn open(sql: &SqlStorage) -> worker::Result<u64> {
    for statement in [
        // Ids and aliases, in the order of their shards, whose records are to be made anew.
        "CREATE TABLE IF NOT EXISTS dirty (hash TEXT, key TEXT, PRIMARY KEY (hash, key)) WITHOUT ROWID",
        "CREATE TABLE IF NOT EXISTS shards (
            n INTEGER PRIMARY KEY, hash TEXT NOT NULL, size INTEGER NOT NULL, customers INTEGER NOT NULL)",
        // While their number doubles: the halves of those that are done.
        "CREATE TABLE IF NOT EXISTS halves (
            n INTEGER PRIMARY KEY, hash TEXT NOT NULL, size INTEGER NOT NULL, customers INTEGER NOT NULL)",
        // `pushed` is 1 once it is where readers look, and 2 once it is being taken away there.
        "CREATE TABLE IF NOT EXISTS objects (
            hash TEXT PRIMARY KEY, body BLOB NOT NULL, pushed INTEGER NOT NULL, dropped_at INTEGER)",
        "CREATE INDEX IF NOT EXISTS objects_dropped ON objects (dropped_at) WHERE dropped_at IS NOT NULL",
        "CREATE INDEX IF NOT EXISTS objects_to_push ON objects (pushed) WHERE pushed = 0",
        // `scanned` is up to which customer a catalogue that is older than these tables was looked through.
        "CREATE TABLE IF NOT EXISTS publication (
            only_row INTEGER PRIMARY KEY CHECK (only_row = 1), seed TEXT NOT NULL, bits INTEGER NOT NULL,
            scanned TEXT, catalogue TEXT NOT NULL, version INTEGER NOT NULL, at INTEGER NOT NULL, manifest TEXT NOT NULL)",
        // The manifest that was taken last from elsewhere, and until when it may still be on its way to readers.
        "CREATE TABLE IF NOT EXISTS taken (
            only_row INTEGER PRIMARY KEY CHECK (only_row = 1), version INTEGER NOT NULL, manifest TEXT NOT NULL,
            until INTEGER NOT NULL)",
    ] {
        sql.exec(statement, None)?;
    }
    let seed = http::seed()?;
    let seed = u64::from_le_bytes(seed.first_chunk().copied().unwrap_or_default());
    let insert = "INSERT OR IGNORE INTO publication VALUES (1, ?, 0, '', '', 0, 0, '')";
    sql.exec(insert, vec![SqlStorageValue::from(seed.to_string())])?;
    let found = sql.exec("SELECT seed FROM publication", None)?;
    let seed = found.raw().next().transpose()?.and_then(|row| match row.into_iter().next() {
        Some(SqlStorageValue::String(seed)) => seed.parse().ok(),
        _ => None,
    });
    seed.ok_or_else(|| worker::Error::RustError("the seed of the shards cannot be read".to_owned()))
}

/// How far publishing is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Publication {
    pub bits: u8,
    /// Up to which customer an old catalogue was looked through; none once it was.
    pub scanned: Option<String>,
    /// The hash of the catalogue object.
    pub catalogue: String,
    /// The version that was published last; 0 is none.
    pub version: u64,
    /// When, in milliseconds since 1970.
    pub at: i64,
    /// The hash of that manifest.
    pub manifest: String,
}

impl Sql {
    /// Notes that the records under an entity's keys are to be made anew. `body` is what it is going
    /// to be; what it was is still stored.
    pub fn touch(&self, kind: Kind, id: &str, body: Option<&Value>) -> Result<(), Failure> {
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

    fn mark(&self, key: &str) -> Result<(), Failure> {
        let hash = format!("{:016x}", key_hash(self.seed(), key));
        self.run("INSERT OR IGNORE INTO dirty VALUES (?, ?)", vec![hash.into(), key.into()])
    }

    /// Lets all shards go: the catalogue is replaced.
    pub fn drop_shards(&self, now: Instant) -> Result<(), Failure> {
        self.run("UPDATE objects SET dropped_at = ? WHERE dropped_at IS NULL", vec![integer(now.millis())])?;
        for table in ["shards", "halves", "dirty"] {
            self.run(&format!("DELETE FROM {table}"), Vec::new())?;
        }
        self.run("UPDATE publication SET bits = 0, scanned = NULL, catalogue = ''", Vec::new())
    }

    pub fn publication(&self) -> Result<Publication, Failure> {
        let read = |row: &mut Row| {
            Some(Publication {
                bits: u8::try_from(row.integer()?).ok()?,
                scanned: row.optional_text()?,
                catalogue: row.text()?,
                version: u64::try_from(row.integer()?).ok()?,
                at: row.integer()?,
                manifest: row.text()?,
            })
        };
        let statement = "SELECT bits, scanned, catalogue, version, at, manifest FROM publication";
        let found = self.rows(statement, Vec::new(), read)?.pop();
        found.ok_or_else(|| Failure::internal("how far publishing is cannot be read"))
    }

    /// Looks further through a catalogue that is older than the tables here: marks up to `limit`
    /// customers, and remembers where it stopped.
    pub fn scan(&self, after: &str, limit: usize) -> Result<(), Failure> {
        let page = self.page(Kind::Customer, after, limit)?;
        for customer in &page {
            self.mark(&customer.id)?;
            key_of(Kind::Customer, &customer.body).map_or(Ok(()), |alias| self.mark(alias))?;
        }
        let last = page.last().map_or(SqlStorageValue::Null, |customer| customer.id.as_str().into());
        self.run("UPDATE publication SET scanned = ?", vec![last])
    }

    /// Keys to be made anew, in the order of their shards.
    pub fn dirty(&self, limit: usize) -> Result<Vec<(u64, String)>, Failure> {
        let read = |row: &mut Row| Some((u64::from_str_radix(&row.text()?, 16).ok()?, row.text()?));
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.rows("SELECT hash, key FROM dirty ORDER BY hash, key LIMIT ?", vec![integer(limit)], read)
    }

    pub fn n_dirty(&self) -> Result<usize, Failure> {
        let read = |row: &mut Row| usize::try_from(row.integer()?).ok();
        Ok(self.rows("SELECT count(*) FROM dirty", Vec::new(), read)?.pop().unwrap_or_default())
    }

    pub fn is_clean(&self, hash: u64, key: &str) -> Result<(), Failure> {
        self.run("DELETE FROM dirty WHERE hash = ? AND key = ?", vec![format!("{hash:016x}").into(), key.into()])
    }

    /// The shards of one of the two tables, in their order.
    pub fn shards(&self, table: ShardTable) -> Result<Vec<(u64, Part)>, Failure> {
        let read = |row: &mut Row| Some((u64::try_from(row.integer()?).ok()?, part(row)?));
        self.rows(&format!("SELECT n, hash, size, customers FROM {} ORDER BY n", table.name()), Vec::new(), read)
    }

    pub fn shard(&self, shard: u64) -> Result<Option<Part>, Failure> {
        let statement = "SELECT hash, size, customers FROM shards WHERE n = ?";
        Ok(self.rows(statement, vec![number(shard)?], part)?.pop())
    }

    /// Keeps a shard that was made anew, and drops the one in its place.
    pub fn set_shard(&self, table: ShardTable, made: &Patched, now: Instant) -> Result<(), Failure> {
        let before = match table {
            ShardTable::Shards => self.shard(made.shard)?,
            ShardTable::Halves => None,
        };
        self.put_object(made.part.hash, &made.block)?;
        let row = vec![
            number(made.shard)?,
            made.part.hash.to_string().into(),
            number(made.part.size.into())?,
            number(made.part.n.into())?,
        ];
        self.run(&format!("INSERT OR REPLACE INTO {} VALUES (?, ?, ?, ?)", table.name()), row)?;
        match before.filter(|before| before.hash != made.part.hash) {
            // Shards that nobody is in are the same object, so others may still name it.
            Some(before) if before.n == 0 && self.is_named(before.hash)? => Ok(()),
            Some(before) => self.drop_object(before.hash, now),
            None => Ok(()),
        }
    }

    fn is_named(&self, hash: Hash) -> Result<bool, Failure> {
        let found =
            self.rows("SELECT n FROM shards WHERE hash = ? LIMIT 1", vec![hash.to_string().into()], Row::integer)?;
        Ok(!found.is_empty())
    }

    /// All shards are halved: their number doubles.
    pub fn set_doubled(&self, bits: u8, now: Instant) -> Result<(), Failure> {
        // A half may be as its whole was.
        let halves: BTreeSet<Hash> = self.shards(ShardTable::Halves)?.into_iter().map(|(_, part)| part.hash).collect();
        for (_, part) in self.shards(ShardTable::Shards)?.into_iter().filter(|(_, part)| !halves.contains(&part.hash)) {
            self.drop_object(part.hash, now)?;
        }
        self.run("DELETE FROM shards", Vec::new())?;
        self.run("INSERT INTO shards SELECT * FROM halves", Vec::new())?;
        self.run("DELETE FROM halves", Vec::new())?;
        self.run("UPDATE publication SET bits = ?", vec![integer(bits.into())])
    }

    pub fn object(&self, hash: Hash) -> Result<Option<Vec<u8>>, Failure> {
        let statement = "SELECT body FROM objects WHERE hash = ?";
        Ok(self.rows(statement, vec![hash.to_string().into()], Row::blob)?.pop())
    }

    fn put_object(&self, hash: Hash, bytes: &Packed) -> Result<(), Failure> {
        // One that was being taken away may be gone from where readers look.
        let statement = "INSERT INTO objects VALUES (?, ?, 0, NULL) ON CONFLICT (hash) DO UPDATE SET dropped_at = NULL,
             pushed = CASE pushed WHEN 2 THEN 0 ELSE pushed END";
        let body = SqlStorageValue::Blob(bytes.as_slice().to_vec());
        self.run(statement, vec![hash.to_string().into(), body])
    }

    /// Drops an object. One that readers may look for stays for a while; one that never was where they
    /// look goes at once, or all that a large import makes in between would pile up here.
    fn drop_object(&self, hash: Hash, now: Instant) -> Result<(), Failure> {
        self.run("DELETE FROM objects WHERE hash = ? AND pushed = 0", vec![hash.to_string().into()])?;
        let statement = "UPDATE objects SET dropped_at = ? WHERE hash = ?";
        self.run(statement, vec![integer(now.millis()), hash.to_string().into()])
    }

    /// Keeps the catalogue object, and drops the one before it.
    pub fn set_catalogue(&self, before: &str, hash: Hash, bytes: &Packed, now: Instant) -> Result<(), Failure> {
        if let Some(before) = Hash::parse(before) {
            self.drop_object(before, now)?;
        }
        self.put_object(hash, bytes)?;
        self.run("UPDATE publication SET catalogue = ?", vec![hash.to_string().into()])
    }

    /// Objects that are not yet where readers look for them.
    pub fn unpushed(&self) -> Result<Vec<Hash>, Failure> {
        self.rows("SELECT hash FROM objects WHERE pushed = 0", Vec::new(), |row| Hash::parse(&row.text()?))
    }

    pub fn is_pushed(&self, hash: Hash) -> Result<(), Failure> {
        self.run("UPDATE objects SET pushed = 1 WHERE hash = ?", vec![hash.to_string().into()])
    }

    /// Objects that nothing has named since before `before`, and whether each was pushed.
    pub fn garbage(&self, before: i64, limit: usize) -> Result<Vec<(Hash, bool)>, Failure> {
        let statement = "SELECT hash, pushed FROM objects WHERE dropped_at < ? LIMIT ?";
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let read = |row: &mut Row| Some((Hash::parse(&row.text()?)?, row.integer()? != 0));
        self.rows(statement, vec![integer(before), integer(limit)], read)
    }

    /// Notes that an object is about to be taken away from where readers look: whatever happens in
    /// between, it is not taken for one that is there.
    pub fn is_going(&self, hash: Hash) -> Result<(), Failure> {
        self.run("UPDATE objects SET pushed = 2 WHERE hash = ? AND pushed = 1", vec![hash.to_string().into()])
    }

    /// Forgets an object, unless it is in use again.
    pub fn forget_object(&self, hash: Hash) -> Result<(), Failure> {
        self.run("DELETE FROM objects WHERE hash = ? AND dropped_at IS NOT NULL", vec![hash.to_string().into()])
    }

    pub fn is_published(&self, version: u64, at: Instant, manifest: Hash) -> Result<(), Failure> {
        let values = vec![number(version)?, integer(at.millis()), manifest.to_string().into()];
        self.run("UPDATE publication SET version = ?, at = ?, manifest = ?", values)
    }
}

/// A manifest from elsewhere. It is noted before it is put where readers look, so that no lower version
/// is put there after it, whatever becomes of the request.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Taken {
    pub version: u64,
    /// Its hash.
    pub manifest: String,
    /// Until when it may be on its way, in milliseconds since 1970; 0 once that is known to be over.
    pub until: i64,
}

impl Taken {
    /// Whether it may still arrive where readers look. A clock that went backward does not hold anybody up.
    pub fn is_on_its_way(&self, now: i64) -> bool {
        now < self.until && self.until <= now.saturating_add(TAKEN_WITHIN_MS)
    }
}

impl Sql {
    pub fn taken(&self) -> Result<Taken, Failure> {
        let read = |row: &mut Row| {
            Some(Taken { version: u64::try_from(row.integer()?).ok()?, manifest: row.text()?, until: row.integer()? })
        };
        let found = self.rows("SELECT version, manifest, until FROM taken", Vec::new(), read)?.pop();
        Ok(found.unwrap_or_default())
    }

    /// Notes a manifest that is about to be put, or that was.
    pub fn set_taken(&self, taken: &Taken) -> Result<(), Failure> {
        let values = vec![number(taken.version)?, taken.manifest.as_str().into(), integer(taken.until)];
        self.run("INSERT OR REPLACE INTO taken VALUES (1, ?, ?, ?)", values)
    }
}

/// Where shards are noted.
#[derive(Clone, Copy, Debug)]
pub enum ShardTable {
    Shards,
    Halves,
}

impl ShardTable {
    fn name(self) -> &'static str {
        match self {
            ShardTable::Shards => "shards",
            ShardTable::Halves => "halves",
        }
    }
}

fn part(row: &mut Row) -> Option<Part> {
    let hash = Hash::parse(&row.text()?)?;
    let mut count = || u32::try_from(row.integer()?).ok();
    Some(Part { hash, size: count()?, n: count()? })
}

fn integer(value: i64) -> SqlStorageValue {
    SqlStorageValue::Integer(value)
}
