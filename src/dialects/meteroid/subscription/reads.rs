//! Reads the catalog for a new subscription, within size limits.
//!
//! A short request can name a large entity many times. So each price and product is read once, and the bytes that are
//! read and written are counted as they come.

use super::fee::FeeStructure;
use super::numbers::Source;
use super::pricing::Price;
use crate::admit::tree;
use crate::failure::ApiError;
use crate::json::JsonValue;
use crate::kind::Kind;
use crate::store::{Entity, Store};
use mayuse_core::{SortedMap, WriteJson};
use mayuse_document::Object;
use serde_json::Value;
use std::rc::Rc;

/// Counts bytes up to a limit.
pub(super) struct Size {
    left: usize,
    refusal: &'static str,
}

impl Size {
    /// The limit of a stored subscription.
    pub(super) fn of_subscription() -> Size {
        Size { left: 512 * 1024, refusal: "the subscription would be larger than 512 KiB" }
    }

    /// The limit of the prices, products, add-ons and coupons of a subscription together.
    fn of_reads() -> Size {
        Size {
            left: 2 * 1024 * 1024,
            refusal: "the prices, products, add-ons and coupons of this subscription are larger than 2 MiB together",
        }
    }

    /// Adds this many bytes.
    ///
    /// # Errors
    /// The limit is exceeded; the error is reported at `at`.
    pub(super) fn add(&mut self, n_bytes: usize, at: &str) -> Result<(), ApiError> {
        self.left = self.left.checked_sub(n_bytes).ok_or_else(|| ApiError::field(at, self.refusal))?;
        Ok(())
    }
}

/// The size of a value as JSON, in bytes.
pub(super) fn n_bytes(json: &Value) -> usize {
    JsonValue(json).to_json().len()
}

/// Reads the catalog for one request.
pub(super) struct Reads<'s> {
    pub store: &'s dyn Store,
    size: Size,
    prices: SortedMap<String, Option<Rc<Price>>>,
    structures: SortedMap<String, Option<FeeStructure>>,
}

impl<'s> Reads<'s> {
    pub(super) fn new(store: &'s dyn Store) -> Reads<'s> {
        Reads { store, size: Size::of_reads(), prices: SortedMap::default(), structures: SortedMap::default() }
    }

    /// Counts the bytes of an entity that was read.
    ///
    /// # Errors
    /// The limit of reads is exceeded.
    pub(super) fn count(&mut self, found: &Entity, at: &str) -> Result<(), ApiError> {
        self.size.add(n_bytes(&found.body), at)
    }

    /// A price of the catalog, if it exists.
    ///
    /// # Errors
    /// The stored entity is invalid, or the limit of reads is exceeded.
    pub(super) fn price(&mut self, id: &str, at: &str) -> Result<Option<Rc<Price>>, ApiError> {
        if let Some(known) = self.prices.get(id) {
            return Ok(known.clone());
        }
        let found = self.read(Kind::Price, id, at, |o| Price::read_fields(o, Source::Catalog))?.map(Rc::new);
        self.prices.insert(id.to_owned(), found.clone());
        Ok(found)
    }

    /// The fee structure of a product of the catalog, if it exists.
    ///
    /// # Errors
    /// The stored entity is invalid, or the limit of reads is exceeded.
    pub(super) fn structure(&mut self, id: &str, at: &str) -> Result<Option<FeeStructure>, ApiError> {
        if let Some(known) = self.structures.get(id) {
            return Ok(known.clone());
        }
        let found = self.read(Kind::Product, id, at, |o| Some(FeeStructure::read_stored(o)))?;
        self.structures.insert(id.to_owned(), found.clone());
        Ok(found)
    }

    fn read<T>(
        &mut self,
        kind: Kind,
        id: &str,
        at: &str,
        read: fn(Object<'_>) -> Option<T>,
    ) -> Result<Option<T>, ApiError> {
        let Some(found) = self.store.get(kind, id)? else { return Ok(None) };
        self.count(&found, at)?;
        stored(&format!("{} `{id}`", kind.name()), &found.body, at, read).map(Some)
    }
}

/// Reads an entity of the catalog. Its problems are reported at the field that names it.
pub(super) fn stored<T>(
    what: &str,
    body: &Value,
    at: &str,
    read: impl FnOnce(Object<'_>) -> Option<T>,
) -> Result<T, ApiError> {
    mayuse_document::read(&tree(body), read).map_err(|problems| {
        let first = problems.list.first().map(ToString::to_string).unwrap_or_default();
        ApiError::field(at, format!("{what} cannot be used as the catalog has it: {first}"))
    })
}
