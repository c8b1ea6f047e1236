//! A row of the database.

use worker::SqlStorageValue;

/// The columns of a row, read from the left.
#[derive(Debug)]
pub struct Row(pub std::vec::IntoIter<SqlStorageValue>);

impl Row {
    pub fn text(&mut self) -> Option<String> {
        match self.0.next()? {
            SqlStorageValue::String(text) => Some(text),
            _ => None,
        }
    }

    /// A text that may be absent.
    pub fn optional_text(&mut self) -> Option<Option<String>> {
        match self.0.next()? {
            SqlStorageValue::String(text) => Some(Some(text)),
            SqlStorageValue::Null => Some(None),
            _ => None,
        }
    }

    pub fn integer(&mut self) -> Option<i64> {
        match self.0.next()? {
            SqlStorageValue::Integer(value) => Some(value),
            #[expect(clippy::cast_possible_truncation, reason = "every number that is stored is below 2^53")]
            SqlStorageValue::Float(value) => Some(value as i64),
            _ => None,
        }
    }

    /// A number that may be absent.
    pub fn optional_integer(&mut self) -> Option<Option<i64>> {
        match self.0.as_slice().first()? {
            SqlStorageValue::Null => self.0.next().map(|_| None),
            _ => self.integer().map(Some),
        }
    }

    pub fn blob(&mut self) -> Option<Vec<u8>> {
        match self.0.next()? {
            SqlStorageValue::Blob(bytes) => Some(bytes),
            _ => None,
        }
    }
}
