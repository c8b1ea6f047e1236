//! The numbers of Meteroid's API, read within its bounds.

use mayuse_core::{Amount, Code};
use mayuse_document::{Node, Object};
use serde_json::Value;

/// The source of a field. A request has all fields; a catalog may lack some.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    Request,
    Catalog,
}

/// A non-negative amount of money.
pub(super) fn money(o: Object<'_>, name: &str) -> Option<Amount> {
    o.required(name, |n| n.amount_not_negative())
}

/// As it was written, cents without value included.
pub(super) fn decimal(amount: Amount) -> Value {
    amount.as_written().into()
}

/// A whole number of the API's 32 bits, at least `from`.
pub(super) fn int32(node: &Node<'_>, from: i64) -> Option<u32> {
    let found = node.integer()?;
    let fits = u32::try_from(found).ok().filter(|_| from <= found && found <= i64::from(i32::MAX));
    if fits.is_none() {
        node.error(Code::OutOfRange, format!("expected {from} to {}, found {found}", i32::MAX));
    }
    fits
}

/// A whole number of the API's 64 bits, at least 0.
pub(super) fn int64(node: &Node<'_>) -> Option<u64> {
    let found = node.integer()?;
    let fits = u64::try_from(found).ok();
    if fits.is_none() {
        node.error(Code::OutOfRange, format!("must not be negative, found {found}"));
    }
    fits
}
