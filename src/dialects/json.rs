//! A macro for JSON objects, and the text of values.
//!
//! The macro of `serde_json` generates code for every field, which adds thirty kilobytes to the
//! Worker, or two after compression.

use mayuse_core::{WriteJson, write_list};
use serde_json::{Map, Value};

/// `json!({"id": id, "name": name})`. Each value is an expression.
macro_rules! json {
    ({ $($name:tt : $value:expr),* $(,)? }) => {
        $crate::json::object(&mut [$(($name, $crate::json::Json::json(&$value))),*].into_iter())
    };
}
pub(crate) use json;

/// An object with these fields, in this order.
#[inline(never)]
pub fn object(fields: &mut dyn Iterator<Item = (&'static str, Value)>) -> Value {
    let mut object = Map::new();
    for (name, value) in fields {
        object.insert(name.to_owned(), value);
    }
    Value::Object(object)
}

/// A type that converts to a field's value.
pub(crate) trait Json {
    /// Converts to JSON.
    fn json(&self) -> Value;
}

impl Json for Value {
    fn json(&self) -> Value {
        self.clone()
    }
}

impl Json for Map<String, Value> {
    fn json(&self) -> Value {
        Value::Object(self.clone())
    }
}

impl Json for str {
    fn json(&self) -> Value {
        Value::String(self.to_owned())
    }
}

impl Json for String {
    fn json(&self) -> Value {
        Value::String(self.clone())
    }
}

impl Json for bool {
    fn json(&self) -> Value {
        Value::Bool(*self)
    }
}

impl Json for u32 {
    fn json(&self) -> Value {
        u64::from(*self).into()
    }
}

impl Json for u64 {
    fn json(&self) -> Value {
        (*self).into()
    }
}

impl Json for i64 {
    fn json(&self) -> Value {
        (*self).into()
    }
}

impl Json for usize {
    fn json(&self) -> Value {
        (*self).into()
    }
}

impl<T: Json + ?Sized> Json for &T {
    fn json(&self) -> Value {
        (**self).json()
    }
}

impl<T: Json> Json for Option<T> {
    fn json(&self) -> Value {
        self.as_ref().map_or(Value::Null, Json::json)
    }
}

impl<T: Json> Json for [T] {
    fn json(&self) -> Value {
        self.iter().map(Json::json).collect()
    }
}

impl<T: Json> Json for Vec<T> {
    fn json(&self) -> Value {
        self.as_slice().json()
    }
}

impl<T: Json, const N: usize> Json for [T; N] {
    fn json(&self) -> Value {
        self.as_slice().json()
    }
}

/// A value for the core's JSON writer, so that the Worker has only one writer.
#[derive(Clone, Copy, Debug)]
pub struct JsonValue<'v>(pub &'v Value);

impl WriteJson for JsonValue<'_> {
    fn write_json(&self, out: &mut Vec<u8>) {
        match self.0 {
            Value::Null => out.extend_from_slice(b"null"),
            Value::Bool(value) => value.write_json(out),
            Value::Number(number) => out.extend_from_slice(number.as_str().as_bytes()),
            Value::String(text) => text.as_str().write_json(out),
            Value::Array(items) => write_list(out, items, |item, out| JsonValue(item).write_json(out)),
            Value::Object(fields) => {
                out.push(b'{');
                for (n, (name, value)) in fields.iter().enumerate() {
                    if n > 0 {
                        out.push(b',');
                    }
                    name.as_str().write_json(out);
                    out.push(b':');
                    JsonValue(value).write_json(out);
                }
                out.push(b'}');
            }
        }
    }
}
