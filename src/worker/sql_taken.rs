//! The record of a manifest built elsewhere, written before the manifest goes into KV.

use crate::sql::{Sql, number};
use crate::sql_row::Row;
use mayuse_dialects::ApiError;
use mayuse_snapshot::Taken;
use worker::SqlStorageValue;

impl Sql {
    pub fn taken(&self) -> Result<Taken, ApiError> {
        let read = |row: &mut Row| {
            Some(Taken { version: u64::try_from(row.integer()?).ok()?, manifest: row.text()?, until: row.integer()? })
        };
        let found = self.rows("SELECT version, manifest, until FROM taken", Vec::new(), read)?.pop();
        Ok(found.unwrap_or_default())
    }

    /// Records a manifest before and after its write to KV.
    pub fn set_taken(&self, taken: &Taken) -> Result<(), ApiError> {
        let values =
            vec![number(taken.version)?, taken.manifest.as_str().into(), SqlStorageValue::Integer(taken.until)];
        self.run("INSERT OR REPLACE INTO taken VALUES (1, ?, ?, ?)", values)
    }
}
