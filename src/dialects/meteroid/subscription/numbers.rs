//! Reads the numbers of Meteroid's API within its bounds.

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

/// The amount as it was written, with trailing zeros.
pub(super) fn decimal(amount: Amount) -> Value {
    amount.as_written().into()
}

/// A whole number from `from` to 2^31 - 1, the API's int32.
pub(super) fn int32(node: &Node<'_>, from: i64) -> Option<u32> {
    let found = node.integer()?;
    let fits = u32::try_from(found).ok().filter(|_| from <= found && found <= i64::from(i32::MAX));
    if fits.is_none() {
        node.error(Code::OutOfRange, format!("expected {from} to {}, found {found}", i32::MAX));
    }
    fits
}

/// A whole number from 0 to 2^63 - 1, the API's int64.
pub(super) fn int64(node: &Node<'_>) -> Option<u64> {
    let found = node.integer()?;
    let fits = u64::try_from(found).ok();
    if fits.is_none() {
        node.error(Code::OutOfRange, format!("must not be negative, found {found}"));
    }
    fits
}
