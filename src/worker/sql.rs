//! The catalog in the database of a Durable Object: one table per kind of entity.

use crate::sql_row::Row;
use crate::sql_schema;
use crate::transaction::Storage;
use mayuse_core::{Instant, MAX_VERSION, WriteJson};
use mayuse_dialects::{ApiError, Change, Entity, ErrorKind, JsonValue, Kind, Progress, Referred, Store};
use mayuse_dialects::{from_slice, key_of, read_definitions, references, text};
use mayuse_document::{Document, ZoneSource};
use mayuse_snapshot::{Definitions, ObjectRef};
use serde_json::Value;
use std::cell::RefCell;
use std::rc::Rc;
use worker::js_sys::JsString;
use worker::{SqlStorage, SqlStorageValue, console_error};

/// The deletion of an entity that a billing system keeps is remembered for thirty days, as long as any of them repeats
/// a notification, and the latest hundred thousand of them.
const REMOVED_MS: i64 = 30 * 24 * 60 * 60 * 1_000;
const MAX_REMOVED: i64 = 100_000;

/// A page ends once it has this many bytes, because bodies may be large and memory is limited.
const MAX_PAGE_BYTES: usize = 4 * 1024 * 1024;

/// The maximum size of a stored body. The platform limits a row to 2 MB.
const MAX_BODY: usize = 1_900_000;

/// The database.
#[derive(Debug)]
pub struct Sql {
    sql: SqlStorage,
    storage: Storage,
    /// The definitions, cached until one is written.
    definitions: RefCell<Option<Document>>,
    /// The same, packed.
    packed: RefCell<Option<Rc<Definitions>>>,
    /// The seed of the hash that assigns keys to shards.
    seed: u64,
}

/// The stored state of an import.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Import {
    /// The lines that are written.
    pub progress: Progress,
    /// Whether the whole file is written.
    pub done: bool,
    /// The version that its last batch created.
    pub version: u64,
}

impl Sql {
    /// Opens the database, and creates its tables if it is new.
    pub fn open(sql: SqlStorage, storage: Storage) -> worker::Result<Sql> {
        let seed = sql_schema::create(&sql)?;
        Ok(Sql { sql, storage, definitions: RefCell::new(None), packed: RefCell::new(None), seed })
    }

    /// Runs a statement and reads its rows, up to `limit` of them.
    pub(crate) fn rows<T>(
        &self,
        statement: &str,
        bindings: Vec<SqlStorageValue>,
        read: impl Fn(&mut Row) -> Option<T>,
    ) -> Result<Vec<T>, ApiError> {
        let cursor = self.sql.exec(statement, bindings).map_err(failed)?;
        let mut rows = Vec::new();
        for row in cursor.raw() {
            let mut row = Row(row.map_err(failed)?.into_iter());
            rows.push(read(&mut row).ok_or_else(unreadable)?);
        }
        Ok(rows)
    }

    /// The integer that a statement returns, or 0 if it returns no row.
    pub(crate) fn whole(&self, statement: &str, bindings: Vec<SqlStorageValue>) -> Result<u64, ApiError> {
        let found = self.rows(statement, bindings, Row::integer)?.pop().unwrap_or_default();
        u64::try_from(found).map_err(|_| unreadable())
    }

    pub(crate) fn run(&self, statement: &str, bindings: Vec<SqlStorageValue>) -> Result<(), ApiError> {
        self.sql.exec(statement, bindings).map(|_| ()).map_err(failed)
    }

    /// Applies admitted changes and returns the new version. The caller opens the transaction.
    pub fn apply(&self, changes: &[Change], now: Instant, by: &str) -> Result<u64, ApiError> {
        let version = self.next_version()?;
        self.run("UPDATE catalog SET version = ?", vec![number(version)?])?;
        for change in changes {
            match change {
                Change::Put { kind, body } => self.put(*kind, body, version, now, by)?,
                Change::Delete { kind, id } => {
                    self.forget(*kind, id)?;
                    self.touch(*kind, id, None)?;
                    self.run(&format!("DELETE FROM {} WHERE id = ?", kind.list()), vec![id.as_str().into()])?;
                }
                Change::Remember { kind, id, at } => self.remember(*kind, id, *at, now)?,
                Change::Settings(settings) => {
                    // Only with a fallback plan do records of customers have their `created_at`.
                    if has_fallback(&self.settings()?) != has_fallback(settings) {
                        self.run("UPDATE publishing SET scanned = ''", Vec::new())?;
                    }
                    self.run("UPDATE catalog SET settings = ?", vec![JsonValue(settings).to_json().into()])?;
                }
                Change::Clear => {
                    for kind in Kind::ALL {
                        self.run(&format!("DELETE FROM {}", kind.list()), Vec::new())?;
                    }
                    self.run("DELETE FROM plan_versions", Vec::new())?;
                    self.run("DELETE FROM refers", Vec::new())?;
                    self.run("DELETE FROM removed", Vec::new())?;
                    // Their lines are gone, so no import can be resumed.
                    self.run("DELETE FROM imports", Vec::new())?;
                    self.run("UPDATE catalog SET settings = '{}'", Vec::new())?;
                    self.drop_shards(now)?;
                }
            }
        }
        let of_people = |change: &Change| match change {
            Change::Put { kind, .. } | Change::Delete { kind, .. } => !kind.is_definition(),
            Change::Remember { .. } => true,
            Change::Settings(_) | Change::Clear => false,
        };
        if !changes.iter().all(of_people) {
            self.definitions.replace(None);
            self.packed.replace(None);
            self.check_definitions(changes)?;
        }
        self.check_customers(changes)?;
        Ok(version)
    }

    pub(crate) fn storage(&self) -> &Storage {
        &self.storage
    }

    /// The packed definitions, cached until a definition is written.
    pub(crate) fn packed_definitions(&self) -> Result<Rc<Definitions>, ApiError> {
        if let Some(packed) = &*self.packed.borrow() {
            return Ok(Rc::clone(packed));
        }
        let (object, catalog, _) = self.definitions()?.pack_definitions().map_err(ApiError::from)?;
        let packed = Rc::new(Definitions { part: ObjectRef::of(&object, 0), object, catalog });
        self.packed.replace(Some(Rc::clone(&packed)));
        Ok(packed)
    }

    fn put(&self, kind: Kind, body: &Value, version: u64, now: Instant, by: &str) -> Result<(), ApiError> {
        let (id, table, key) = (text(body, "id"), kind.list(), key_of(kind, body));
        let written = JsonValue(body).to_json();
        if MAX_BODY < written.len() {
            let message = format!("{} `{id}` takes {} bytes, more than {MAX_BODY}", kind.name(), written.len());
            return Err(ApiError::new(ErrorKind::TooLarge, message));
        }
        self.forget(kind, id)?;
        self.touch(kind, id, Some(body))?;
        if let Some(key) = key {
            // The same write also stores the key's previous owner with another key.
            let statement = format!("UPDATE {table} SET key = NULL WHERE key = ? AND id <> ?");
            self.run(&statement, vec![key.into(), id.into()])?;
        }
        let mut bindings: Vec<SqlStorageValue> = vec![
            id.into(),
            key.map_or(SqlStorageValue::Null, SqlStorageValue::from),
            written.into(),
            number(version)?,
            SqlStorageValue::Integer(now.millis()),
            SqlStorageValue::Integer(now.millis()),
            by.into(),
        ];
        let customer = if kind == Kind::Subscription {
            bindings.push(text(body, "customer_id").into());
            (", customer_id", ", ?", ", customer_id = excluded.customer_id")
        } else {
            ("", "", "")
        };
        let statement = format!(
            "INSERT INTO {table} (id, key, body, version, created_at, updated_at, updated_by{})
             VALUES (?, ?, ?, ?, ?, ?, ?{})
             ON CONFLICT (id) DO UPDATE SET key = excluded.key, body = excluded.body, version = excluded.version,
             updated_at = excluded.updated_at, updated_by = excluded.updated_by{}",
            customer.0, customer.1, customer.2
        );
        self.run(&statement, bindings)?;
        if kind == Kind::Plan {
            for (plan_version, _) in mayuse_dialects::versions(body) {
                let bindings = vec![plan_version.into(), id.into()];
                self.run("INSERT OR REPLACE INTO plan_versions VALUES (?, ?)", bindings)?;
            }
        }
        for (what, referred) in references(kind, body).iter() {
            self.forget_zones(*what);
            let bindings = vec![what.name().into(), referred.as_str().into(), kind.name().into(), id.into()];
            self.run("INSERT INTO refers VALUES (?, ?, ?, ?)", bindings)?;
        }
        Ok(())
    }

    /// Remembers the newest `source_updated_at` of a deleted entity, and forgets the oldest deletions.
    fn remember(&self, kind: Kind, id: &str, at: Instant, now: Instant) -> Result<(), ApiError> {
        let oldest = now.millis().saturating_sub(REMOVED_MS);
        let statement = "DELETE FROM removed WHERE removed_at < ? OR n <= (SELECT max(n) FROM removed) - ?";
        self.run(statement, vec![SqlStorageValue::Integer(oldest), SqlStorageValue::Integer(MAX_REMOVED)])?;
        let statement = "INSERT OR REPLACE INTO removed (kind, id, source_updated_at, removed_at) VALUES (?, ?, ?, ?)";
        let (at, now) = (SqlStorageValue::Integer(at.millis()), SqlStorageValue::Integer(now.millis()));
        self.run(statement, vec![kind.name().into(), id.into(), at, now])
    }

    /// Deletes the plan versions or references of an entity.
    fn forget(&self, kind: Kind, id: &str) -> Result<(), ApiError> {
        match kind {
            Kind::Plan => self.run("DELETE FROM plan_versions WHERE plan_id = ?", vec![id.into()]),
            Kind::Customer | Kind::Subscription => {
                let Some(stored) = self.get(kind, id)? else { return Ok(()) };
                for (what, referred) in references(kind, &stored.body).iter() {
                    self.forget_zones(*what);
                    let bindings = vec![what.name().into(), referred.as_str().into(), kind.name().into(), id.into()];
                    let statement = "DELETE FROM refers WHERE what = ? AND id = ? AND user_kind = ? AND user_id = ?";
                    self.run(statement, bindings)?;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Drops the cached definitions, which have the time zones that customers and subscriptions name.
    fn forget_zones(&self, what: Referred) {
        if what == Referred::TimeZone {
            self.definitions.replace(None);
            self.packed.replace(None);
        }
    }

    /// The seed of the hash that assigns keys to shards.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    fn one(&self, table: &str, column: &str, value: &str) -> Result<Option<Entity>, ApiError> {
        let statement = format!("SELECT {COLUMNS} FROM {table} WHERE {column} = ?");
        Ok(self.rows(&statement, vec![value.into()], entity)?.pop())
    }
}

const COLUMNS: &str = "id, body, created_at, updated_at, updated_by, version";

fn entity(row: &mut Row) -> Option<Entity> {
    Some(Entity {
        id: row.text()?,
        body: from_slice(row.text()?.as_bytes()).ok()?,
        created_at: Instant::from_millis(row.integer()?)?,
        updated_at: Instant::from_millis(row.integer()?)?,
        updated_by: row.text()?,
        version: u64::try_from(row.integer()?).ok()?,
    })
}

impl Store for Sql {
    fn version(&self) -> Result<u64, ApiError> {
        self.whole("SELECT version FROM catalog", Vec::new())
    }

    fn next_version(&self) -> Result<u64, ApiError> {
        let before = self.version()?.max(self.published_version()?).max(self.taken()?.version);
        if MAX_VERSION <= before {
            return Err(ApiError::conflict(format!("version {before} is the last one there can be")));
        }
        Ok(before.saturating_add(1))
    }

    fn settings(&self) -> Result<Value, ApiError> {
        let read = |row: &mut Row| from_slice(row.text()?.as_bytes()).ok();
        Ok(self.rows("SELECT settings FROM catalog", Vec::new(), read)?.pop().unwrap_or_default())
    }

    fn get(&self, kind: Kind, id: &str) -> Result<Option<Entity>, ApiError> {
        self.one(kind.list(), "id", id)
    }

    fn by_key(&self, kind: Kind, key: &str) -> Result<Option<Entity>, ApiError> {
        self.one(kind.list(), "key", key)
    }

    fn id_by_key(&self, kind: Kind, key: &str) -> Result<Option<String>, ApiError> {
        let statement = format!("SELECT id FROM {} WHERE key = ?", kind.list());
        Ok(self.rows(&statement, vec![key.into()], Row::text)?.pop())
    }

    fn plan_of_version(&self, version_id: &str) -> Result<Option<Entity>, ApiError> {
        let statement = "SELECT plan_id FROM plan_versions WHERE id = ?";
        match self.rows(statement, vec![version_id.into()], Row::text)?.pop() {
            Some(plan) => self.get(Kind::Plan, &plan),
            None => Ok(None),
        }
    }

    fn page(&self, kind: Kind, after: &str, limit: usize) -> Result<Vec<Entity>, ApiError> {
        let statement = format!("SELECT {COLUMNS} FROM {} WHERE id > ? ORDER BY id LIMIT ?", kind.list());
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let cursor = self.sql.exec(&statement, vec![after.into(), SqlStorageValue::Integer(limit)]).map_err(failed)?;
        let (mut page, mut n_bytes) = (Vec::new(), 0_usize);
        for row in cursor.raw() {
            let row = row.map_err(failed)?;
            n_bytes = row.iter().fold(n_bytes, |n, value| match value {
                SqlStorageValue::String(text) => n.saturating_add(text.len()),
                _ => n,
            });
            page.push(entity(&mut Row(row.into_iter())).ok_or_else(unreadable)?);
            if MAX_PAGE_BYTES <= n_bytes {
                break;
            }
        }
        Ok(page)
    }

    fn subscriptions_of(&self, customer_id: &str) -> Result<Vec<Entity>, ApiError> {
        let statement = format!("SELECT {COLUMNS} FROM subscriptions WHERE customer_id = ? ORDER BY id");
        self.rows(&statement, vec![customer_id.into()], entity)
    }

    fn users_of(&self, what: Referred, id: &str) -> Result<(u64, Option<(Kind, String)>), ApiError> {
        // SQLite takes `user_kind` from the row that has the minimum.
        let statement = "SELECT count(*), min(user_id), user_kind FROM refers WHERE what = ? AND id = ?";
        let read = |row: &mut Row| {
            let n = u64::try_from(row.integer()?).ok()?;
            let (user, kind) = (row.text(), row.text());
            Some((n, kind.and_then(|kind| Kind::parse(&kind)).zip(user)))
        };
        Ok(self.rows(statement, vec![what.name().into(), id.into()], read)?.pop().unwrap_or_default())
    }

    fn removed(&self, kind: Kind, id: &str) -> Result<Option<Instant>, ApiError> {
        let statement = "SELECT source_updated_at FROM removed WHERE kind = ? AND id = ?";
        let read = |row: &mut Row| Instant::from_millis(row.integer()?);
        Ok(self.rows(statement, vec![kind.name().into(), id.into()], read)?.pop())
    }

    fn lower(&self, text: &str) -> String {
        JsString::from(text).to_lower_case().into()
    }

    fn zones(&self) -> ZoneSource {
        mayuse_intl::offsets
    }

    fn named_zones(&self) -> Result<Vec<String>, ApiError> {
        let statement = "SELECT DISTINCT id FROM refers WHERE what = ? ORDER BY id";
        self.rows(statement, vec![Referred::TimeZone.name().into()], Row::text)
    }

    fn definitions(&self) -> Result<Document, ApiError> {
        if let Some(document) = &*self.definitions.borrow() {
            return Ok(document.clone());
        }
        let document = read_definitions(self)?;
        self.definitions.replace(Some(document.clone()));
        Ok(document)
    }
}

pub(crate) fn number(value: u64) -> Result<SqlStorageValue, ApiError> {
    let whole = i64::try_from(value).map_err(|_| ApiError::internal("a number is too large for the database"))?;
    Ok(SqlStorageValue::Integer(whole))
}

fn unreadable() -> ApiError {
    ApiError::internal("the database holds a row that cannot be read")
}

/// Logs the database's error, so that the client does not see it.
fn failed(error: worker::Error) -> ApiError {
    console_error!("the database refused: {}", error.to_string());
    ApiError::internal("the catalog could not be read or written; nothing of this request was kept")
}

fn has_fallback(settings: &Value) -> bool {
    settings.get("fallback_plan_version_id").is_some_and(|id| !id.is_null())
}
