//! JSON objects, written as they look, and values as text.
//!
//! The macro of `serde_json` does the same, and compiles what it makes of a field anew for each:
//! thirty kilobytes of the Worker, two of them after compression.

use mayuse_core::{WriteJson, write_list};
use serde_json::{Map, Value};

/// `json!({"id": id, "name": name})`. Each value is an expression.
macro_rules! json {
    ({ $($name:tt : $value:expr),* $(,)? }) => {
        $crate::json::object(&mut [$(($name, $crate::json::Json::json(&$value))),*].into_iter())
    };
}
pub(crate) use json;

/// An object with these fields, in their order.
#[inline(never)]
pub fn object(fields: &mut dyn Iterator<Item = (&'static str, Value)>) -> Value {
    let mut object = Map::new();
    for (name, value) in fields {
        object.insert(name.to_owned(), value);
    }
    Value::Object(object)
}

/// What can stand in a field.
pub(crate) trait Json {
    /// It, as JSON.
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
        (*self).into()
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

/// A value, to be written as the core writes answers: one writer of JSON is enough.
#[derive(Clone, Copy, Debug)]
pub struct Written<'v>(pub &'v Value);

impl WriteJson for Written<'_> {
    fn write_json(&self, out: &mut Vec<u8>) {
        match self.0 {
            Value::Null => out.extend_from_slice(b"null"),
            Value::Bool(value) => value.write_json(out),
            Value::Number(number) => match (number.as_u64(), number.as_i64()) {
                (Some(whole), _) => whole.write_json(out),
                (None, Some(whole)) => whole.write_json(out),
                (None, None) => write_fraction(number.as_f64().unwrap_or_default(), out),
            },
            Value::String(text) => text.as_str().write_json(out),
            Value::Array(items) => write_list(out, items, |item, out| Written(item).write_json(out)),
            Value::Object(fields) => {
                out.push(b'{');
                for (n, (name, value)) in fields.iter().enumerate() {
                    if n > 0 {
                        out.push(b',');
                    }
                    name.as_str().write_json(out);
                    out.push(b':');
                    Written(value).write_json(out);
                }
                out.push(b'}');
            }
        }
    }
}

/// Writes a number that is not a whole one of 64 bits: as few digits as give it back where those are at
/// most seventeen places, else eighteen. The usual way to do it takes four kilobytes of tables.
fn write_fraction(value: f64, out: &mut Vec<u8>) {
    if value.is_sign_negative() {
        out.push(b'-');
    }
    let value = value.abs();
    let mut power = 1.0_f64;
    for places in 0..=17_usize {
        let scaled = (value * power).round();
        // Whole numbers up to here, and these powers of ten, are exact, so the quotient is the nearest there is.
        #[expect(clippy::float_cmp, reason = "the very number is looked for")]
        if scaled < 9_007_199_254_740_992.0 && scaled / power == value {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "it is below 2^53, and not negative"
            )]
            let digits = format!("{:0width$}", scaled as u64, width = places.saturating_add(1));
            let (whole, fraction) = digits.split_at_checked(digits.len().saturating_sub(places)).unwrap_or_default();
            out.extend_from_slice(whole.as_bytes());
            out.push(b'.');
            out.extend_from_slice(if fraction.is_empty() { b"0" } else { fraction.as_bytes() });
            return;
        }
        power *= 10.0;
    }
    write_exactly(value, out);
}

/// Writes a positive number by all of its digits, of which it is a whole number times a power of two.
fn write_exactly(value: f64, out: &mut Vec<u8>) {
    let bits = value.to_bits();
    let (exponent, fraction) = (i64::try_from(bits >> 52).unwrap_or_default(), bits & ((1 << 52) - 1));
    let (mantissa, exponent) = match exponent {
        0 => (fraction, -1_074),
        _ => (fraction | (1 << 52), exponent.saturating_sub(1_075)),
    };
    // Its digits, the lowest first.
    let mut digits: Vec<u8> = Vec::new();
    let mut rest = mantissa;
    while rest != 0 {
        digits.push(u8::try_from(rest % 10).unwrap_or_default());
        rest /= 10;
    }
    // A half is five tenths.
    let (factor, places) = if exponent < 0 { (5, exponent.unsigned_abs()) } else { (2, 0) };
    for _ in 0..exponent.unsigned_abs() {
        let mut carry = 0_u8;
        for digit in &mut digits {
            let product = digit.saturating_mul(factor).saturating_add(carry);
            (*digit, carry) = (product % 10, product / 10);
        }
        if carry != 0 {
            digits.push(carry);
        }
    }
    let point = i64::try_from(digits.len()).unwrap_or_default().saturating_sub(1).saturating_sub_unsigned(places);
    // Eighteen digits are more than a number of this kind can be told apart by.
    for (n, digit) in digits.iter().rev().take(18).enumerate() {
        if n == 1 {
            out.push(b'.');
        }
        out.push(b'0'.saturating_add(*digit));
    }
    out.push(b'e');
    out.extend_from_slice(point.to_string().as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_are_read_back_as_they_were() {
        let odd = [f64::MIN_POSITIVE, 5e-324, 1e300, 1.7976931348623157e308, 1e23, 0.1 + 0.2, 1e-7, 123456789.12345679];
        let usual = [3.5, 0.002, 19.99, 1e17, 18446744073709551616.0, -0.0, -12.25, 9007199254740993.0];
        for value in odd.into_iter().chain(usual) {
            let mut out = Vec::new();
            write_fraction(value, &mut out);
            let text = String::from_utf8(out).unwrap();
            assert_eq!(text.parse::<f64>().unwrap().to_bits(), value.to_bits(), "{value:e}: {text}");
            assert!(serde_json::from_str::<Value>(&text).is_ok(), "{text}");
        }
        for (value, text) in [(3.5, "3.5"), (0.002, "0.002"), (19.99, "19.99"), (1e300, "1.0")] {
            let mut out = Vec::new();
            write_fraction(value, &mut out);
            assert!(String::from_utf8(out).unwrap().starts_with(text), "{text}");
        }
    }
}
