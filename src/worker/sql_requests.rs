//! What requests left behind: recorded answers of idempotency keys, and the state of imports.

use crate::sql::{Import, Sql, number};
use crate::sql_row::Row;
use mayuse_core::{Instant, WriteJson};
use mayuse_dialects::{ApiError, ApiResponse, JsonValue, Progress, Recorded, from_slice};
use serde_json::Value;
use worker::SqlStorageValue;

/// The answer to an idempotency key is kept for a day.
const REMEMBERED_MS: i64 = 24 * 60 * 60 * 1_000;

/// An import can be resumed for thirty days.
const RESUMABLE_MS: i64 = 30 * 24 * 60 * 60 * 1_000;

impl Sql {
    /// The recorded answer to a request with this API key and idempotency key.
    pub fn recorded(&self, by: &str, key: &str) -> Result<Option<Recorded>, ApiError> {
        let statement = "SELECT fingerprint, status, body FROM idempotency WHERE made_by = ? AND key = ?";
        let read = |row: &mut Row| {
            let fingerprint = row.text()?;
            let status = u16::try_from(row.integer()?).ok()?;
            let body = from_slice(row.text()?.as_bytes()).ok()?;
            let reply = if status == 204 { ApiResponse::empty() } else { ApiResponse::json(status, body) };
            Some(Recorded { fingerprint, reply })
        };
        Ok(self.rows(statement, vec![by.into(), key.into()], read)?.pop())
    }

    /// Records an answer for a day, in the transaction of its write.
    pub fn record(&self, by: &str, key: &str, recorded: &Recorded, now: Instant) -> Result<(), ApiError> {
        let oldest = now.millis().saturating_sub(REMEMBERED_MS);
        self.run("DELETE FROM idempotency WHERE created_at < ?", vec![SqlStorageValue::Integer(oldest)])?;
        let answered = recorded.reply.body.as_ref().unwrap_or(&Value::Null);
        let bindings = vec![
            by.into(),
            key.into(),
            recorded.fingerprint.as_str().into(),
            SqlStorageValue::Integer(recorded.reply.status.into()),
            JsonValue(answered).to_json().into(),
            SqlStorageValue::Integer(now.millis()),
        ];
        self.run("INSERT OR REPLACE INTO idempotency VALUES (?, ?, ?, ?, ?, ?)", bindings)
    }

    /// The stored state of an import.
    pub fn import(&self, token: &str) -> Result<Option<Import>, ApiError> {
        let statement = "SELECT lines, digest, done, version FROM imports WHERE token = ?";
        let read = |row: &mut Row| {
            let lines = u64::try_from(row.integer()?).ok()?;
            let digest = row.blob()?.try_into().ok()?;
            let done = row.integer()? != 0;
            let version = u64::try_from(row.integer()?).ok()?;
            Some(Import { progress: Progress { lines, digest }, done, version })
        };
        Ok(self.rows(statement, vec![token.into()], read)?.pop())
    }

    /// Stores the state of an import, in the transaction of its batch.
    pub fn set_import(&self, token: &str, import: &Import, now: Instant) -> Result<(), ApiError> {
        let oldest = now.millis().saturating_sub(RESUMABLE_MS);
        self.run("DELETE FROM imports WHERE updated_at < ?", vec![SqlStorageValue::Integer(oldest)])?;
        let bindings = vec![
            token.into(),
            number(import.progress.lines)?,
            SqlStorageValue::Blob(import.progress.digest.to_vec()),
            SqlStorageValue::Integer(import.done.into()),
            number(import.version)?,
            SqlStorageValue::Integer(now.millis()),
        ];
        self.run("INSERT OR REPLACE INTO imports VALUES (?, ?, ?, ?, ?, ?)", bindings)
    }
}
