//! The tables of the Durable Object's database, and the migration from an earlier version of the program.

use crate::http;
use mayuse_dialects::Kind;
use worker::{SqlStorage, SqlStorageValue};

/// Creates missing tables. Returns the seed of the key hash, which is drawn once.
pub fn create(sql: &SqlStorage) -> worker::Result<u64> {
    entities(sql)?;
    publication(sql)
}

/// Creates the tables of entities, requests and imports.
fn entities(sql: &SqlStorage) -> worker::Result<()> {
    for kind in Kind::ALL {
        let customer = if kind == Kind::Subscription { "customer_id TEXT NOT NULL," } else { "" };
        let table = kind.list();
        let statement = format!(
            "CREATE TABLE IF NOT EXISTS {table} (
                id TEXT PRIMARY KEY, key TEXT UNIQUE, {customer} body TEXT NOT NULL, version INTEGER NOT NULL,
                created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, updated_by TEXT NOT NULL)"
        );
        sql.exec(&statement, None)?;
    }
    for statement in [
        "CREATE INDEX IF NOT EXISTS subscriptions_of ON subscriptions (customer_id, id)",
        "CREATE TABLE IF NOT EXISTS plan_versions (id TEXT PRIMARY KEY, plan_id TEXT NOT NULL) WITHOUT ROWID",
        // The entities that customers and subscriptions refer to.
        "CREATE TABLE IF NOT EXISTS refers (what TEXT, id TEXT, user_kind TEXT, user_id TEXT,
            PRIMARY KEY (what, id, user_kind, user_id)) WITHOUT ROWID",
        "CREATE TABLE IF NOT EXISTS catalog (
            only_row INTEGER PRIMARY KEY CHECK (only_row = 1), version INTEGER NOT NULL, settings TEXT NOT NULL)",
        "INSERT OR IGNORE INTO catalog VALUES (1, 0, '{}')",
        "CREATE TABLE IF NOT EXISTS idempotency (made_by TEXT, key TEXT, fingerprint TEXT NOT NULL,
            status INTEGER NOT NULL, body TEXT NOT NULL, created_at INTEGER NOT NULL, PRIMARY KEY (made_by, key))",
        "CREATE INDEX IF NOT EXISTS idempotency_age ON idempotency (created_at)",
        // The newest `source_updated_at` of deleted entities, the latest deletions last.
        "CREATE TABLE IF NOT EXISTS removed (
            n INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, id TEXT NOT NULL, source_updated_at INTEGER NOT NULL,
            removed_at INTEGER NOT NULL, UNIQUE (kind, id))",
        "CREATE INDEX IF NOT EXISTS removed_age ON removed (removed_at)",
        "CREATE TABLE IF NOT EXISTS imports (token TEXT PRIMARY KEY, lines INTEGER NOT NULL, digest BLOB NOT NULL,
            done INTEGER NOT NULL, version INTEGER NOT NULL, updated_at INTEGER NOT NULL)",
    ] {
        sql.exec(statement, None)?;
    }
    Ok(())
}

/// Creates the tables of the publisher. Returns the seed.
fn publication(sql: &SqlStorage) -> worker::Result<u64> {
    for statement in [
        // The dirty keys (ids and aliases), in the order of their shards.
        "CREATE TABLE IF NOT EXISTS dirty (hash TEXT, key TEXT, PRIMARY KEY (hash, key)) WITHOUT ROWID",
        // A withheld shard has a reason, the time since when, and the time of the next attempt.
        "CREATE TABLE IF NOT EXISTS published_shards (
            slot INTEGER PRIMARY KEY, bits INTEGER NOT NULL, hash TEXT NOT NULL, size INTEGER NOT NULL,
            customers INTEGER NOT NULL, why TEXT, since INTEGER, retry_at INTEGER)",
        "CREATE INDEX IF NOT EXISTS published_shards_hash ON published_shards (hash)",
        // `put` is 1 if an object is in KV, 2 while it is being deleted, and 3 if it may be deleted but is in use
        // again. `gone` is 1 after a cut without the object is frozen, and 2 after that cut is published.
        "CREATE TABLE IF NOT EXISTS published_objects (
            hash TEXT PRIMARY KEY, put INTEGER NOT NULL, in_cut INTEGER NOT NULL, gone INTEGER NOT NULL,
            dropped_at INTEGER)",
        "CREATE INDEX IF NOT EXISTS published_objects_dropped ON published_objects (dropped_at)
            WHERE dropped_at IS NOT NULL",
        "CREATE INDEX IF NOT EXISTS published_objects_waiting ON published_objects (put) WHERE put IN (0, 3)",
        "CREATE TABLE IF NOT EXISTS chunks (hash TEXT, n INTEGER, body BLOB NOT NULL, PRIMARY KEY (hash, n))",
        "CREATE TABLE IF NOT EXISTS publishing (
            only_row INTEGER PRIMARY KEY CHECK (only_row = 1), seed TEXT NOT NULL, bits INTEGER NOT NULL DEFAULT 0,
            scanned TEXT DEFAULT '', catalog TEXT NOT NULL DEFAULT '', touched INTEGER NOT NULL DEFAULT 0,
            cut_version INTEGER, cut_at INTEGER, version INTEGER NOT NULL DEFAULT 0, as_of INTEGER NOT NULL DEFAULT 0,
            at INTEGER NOT NULL DEFAULT 0, manifest TEXT NOT NULL DEFAULT '', failure TEXT)",
        // The last manifest accepted from elsewhere, and the time until which its write may still be in flight.
        "CREATE TABLE IF NOT EXISTS taken (
            only_row INTEGER PRIMARY KEY CHECK (only_row = 1), version INTEGER NOT NULL, manifest TEXT NOT NULL,
            until INTEGER NOT NULL)",
    ] {
        sql.exec(statement, None)?;
    }
    let seed = http::seed()?;
    let seed = u64::from_le_bytes(seed.first_chunk().copied().unwrap_or_default());
    let insert = "INSERT OR IGNORE INTO publishing (only_row, seed) VALUES (1, ?)";
    sql.exec(insert, vec![SqlStorageValue::from(seed.to_string())])?;
    take_over(sql)?;
    let found = sql.exec("SELECT seed FROM publishing", None)?;
    let seed = found.raw().next().transpose()?.and_then(|row| match row.into_iter().next() {
        Some(SqlStorageValue::String(seed)) => seed.parse().ok(),
        _ => None,
    });
    seed.ok_or_else(|| worker::Error::RustError("the seed of the shards cannot be read".to_owned()))
}

/// Migrates the publication of an earlier version of this program. All shards are rebuilt.
fn take_over(sql: &SqlStorage) -> worker::Result<()> {
    let found = sql.exec("SELECT name FROM sqlite_master WHERE type = 'table' AND name = 'publication'", None)?;
    if found.raw().next().is_none() {
        return Ok(());
    }
    for statement in [
        "UPDATE publishing SET (version, as_of, at, manifest) = (SELECT version, at, at, manifest FROM publication)",
        "INSERT OR IGNORE INTO published_objects
            SELECT hash, 1, 0, 1, (SELECT at FROM publication) FROM objects WHERE pushed <> 0",
        "DELETE FROM dirty",
        "DROP TABLE shards",
        "DROP TABLE halves",
        "DROP TABLE objects",
        "DROP TABLE publication",
    ] {
        sql.exec(statement, None)?;
    }
    Ok(())
}
