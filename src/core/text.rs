//! Texts of errors and places, put together without `core::fmt`: its code would be a twentieth of the npm builds.
//!
//! What is shown has a function that returns its text; `Display` only passes that on.

use crate::json::WriteJson;

/// Texts joined to one.
#[inline(never)]
pub fn joined(parts: &[&str]) -> String {
    let mut text = String::new();
    for part in parts {
        text.push_str(part);
    }
    text
}

/// A number in decimal digits.
pub fn decimal(number: u64) -> String {
    number.to_json()
}

/// The name of an item of a list, such as `add_ons[3]`.
pub(crate) fn indexed(list: &str, n: usize) -> String {
    joined(&[list, "[", &decimal(u64::try_from(n).unwrap_or(u64::MAX)), "]"])
}
