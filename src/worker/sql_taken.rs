//! A manifest that was made elsewhere, and is noted before it is put where readers look.

use crate::sql::{Sql, number};
use crate::sql_row::Row;
use mayuse_dialects::Failure;
use worker::SqlStorageValue;

/// For how long a manifest from elsewhere may be on its way: longer than the store is waited for.
pub const TAKEN_WITHIN_MS: i64 = 30_000;

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
        let values =
            vec![number(taken.version)?, taken.manifest.as_str().into(), SqlStorageValue::Integer(taken.until)];
        self.run("INSERT OR REPLACE INTO taken VALUES (1, ?, ?, ?)", values)
    }
}
