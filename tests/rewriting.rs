//! The same catalog, written in another order or another way.

use proptest::prelude::*;
use serde_json::{Value, json};

/// Puts the elements of every list in another order, except where the order is the meaning.
pub fn shuffle(value: &mut Value, dice: &mut impl FnMut(usize) -> usize) {
    match value {
        Value::Array(items) => {
            for n in (1..items.len()).rev() {
                items.swap(n, dice(n + 1));
            }
            items.iter_mut().for_each(|item| shuffle(item, dice));
        }
        Value::Object(fields) => {
            let fields = fields.iter_mut().filter(|(name, _)| !["levels", "options"].contains(&name.as_str()));
            fields.for_each(|(_, field)| shuffle(field, dice));
        }
        _ => {}
    }
}

/// JSON with the fields of every object in another order, and with spaces.
pub fn rewritten(value: &Value, dice: &mut impl FnMut(usize) -> usize) -> String {
    match value {
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(|item| rewritten(item, dice)).collect();
            format!("[ {} ]", items.join(",\n"))
        }
        Value::Object(fields) => {
            let write = |(name, field): (&String, &Value)| format!("{} : {}", json!(name), rewritten(field, dice));
            let mut fields: Vec<String> = fields.iter().map(write).collect();
            for n in (1..fields.len()).rev() {
                fields.swap(n, dice(n + 1));
            }
            format!("{{\t{} }}", fields.join(" , "))
        }
        scalar => scalar.to_string(),
    }
}

/// A source of small numbers, from a few random bytes used over and over.
pub fn dice(bytes: Vec<u8>) -> impl FnMut(usize) -> usize {
    let mut bytes = bytes.into_iter().cycle();
    move |below| usize::from(bytes.next().unwrap_or_default()) % below
}

pub fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 31)
}
