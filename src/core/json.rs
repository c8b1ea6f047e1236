//! Answers as JSON, written without `serde`.
//!
//! Every request writes decisions. A derived serialiser takes several times the code and the time.

/// A value that can be written as JSON, without blanks.
///
/// ```
/// use mayuse_core::{Instant, WriteJson};
/// let mut out = b"[".to_vec();
/// Instant::EPOCH.write_json(&mut out);
/// assert_eq!(out, br#"["1970-01-01T00:00:00Z""#);
/// ```
pub trait WriteJson {
    /// Appends the JSON to a buffer, which the caller may reuse.
    fn write_json(&self, out: &mut Vec<u8>);

    /// The JSON as a new text.
    fn to_json(&self) -> String {
        let mut out = Vec::with_capacity(USUAL);
        self.write_json(&mut out);
        // Only whole texts are written, so the bytes are always UTF-8.
        String::from_utf8(out).unwrap_or_default()
    }
}

/// The initial capacity in bytes. Most decisions are shorter.
const USUAL: usize = 1024;

/// `object!(out, "a": x, "b": y)` begins an object: `{"a":x,"b":y`. `fields!` adds to it, `end` closes it.
macro_rules! object {
    ($out:ident, $first:literal: $value:expr $(, $name:literal: $more:expr)* $(,)?) => {
        $crate::json::name($out, concat!("{\"", $first, "\":"));
        $crate::json::WriteJson::write_json(&$value, $out);
        $crate::json::fields!($out $(, $name: $more)*);
    };
}
pub(crate) use object;

/// `fields!(out, "c": z)` adds to an object: `,"c":z`.
macro_rules! fields {
    ($out:ident $(, $name:literal: $value:expr)* $(,)?) => {
        $(
            $crate::json::name($out, concat!(",\"", $name, "\":"));
            $crate::json::WriteJson::write_json(&$value, $out);
        )*
    };
}
pub(crate) use fields;

/// Closes an object.
#[cfg_attr(feature = "small", inline(never))]
pub(crate) fn end(out: &mut Vec<u8>) {
    out.push(b'}');
}

/// Appends the name of a field, with the characters around it. JavaScript has `resetAt` for `reset_at`.
#[cfg_attr(feature = "small", inline(never))]
#[cfg_attr(not(feature = "small"), inline)]
pub(crate) fn name(out: &mut Vec<u8>, name: &str) {
    if cfg!(not(feature = "camel")) {
        return put(out, name);
    }
    let mut begins = false;
    for byte in name.bytes() {
        if byte != b'_' {
            out.push(if begins { byte.to_ascii_uppercase() } else { byte });
        }
        begins = byte == b'_';
    }
}

/// Appends JSON as it is.
#[cfg_attr(feature = "small", inline(never))]
pub(crate) fn put(out: &mut Vec<u8>, json: &str) {
    out.extend_from_slice(json.as_bytes());
}

/// A word of ours that needs no escapes.
pub(crate) struct Token(pub &'static str);

impl WriteJson for Token {
    fn write_json(&self, out: &mut Vec<u8>) {
        out.push(b'"');
        put(out, self.0);
        out.push(b'"');
    }
}

impl WriteJson for bool {
    fn write_json(&self, out: &mut Vec<u8>) {
        put(out, if *self { "true" } else { "false" });
    }
}

impl WriteJson for u64 {
    fn write_json(&self, out: &mut Vec<u8>) {
        let mut digits = [0; 20];
        let (mut n, mut from) = (*self, digits.len());
        for place in digits.iter_mut().rev() {
            *place = digit(n);
            from = from.saturating_sub(1);
            n /= 10;
            if n == 0 {
                break;
            }
        }
        out.extend_from_slice(digits.get(from..).unwrap_or_default());
    }
}

impl WriteJson for i64 {
    fn write_json(&self, out: &mut Vec<u8>) {
        if *self < 0 {
            out.push(b'-');
        }
        self.unsigned_abs().write_json(out);
    }
}

impl WriteJson for u32 {
    fn write_json(&self, out: &mut Vec<u8>) {
        u64::from(*self).write_json(out);
    }
}

impl WriteJson for u16 {
    fn write_json(&self, out: &mut Vec<u8>) {
        u64::from(*self).write_json(out);
    }
}

impl WriteJson for str {
    fn write_json(&self, out: &mut Vec<u8>) {
        out.push(b'"');
        escape(self, out);
        out.push(b'"');
    }
}

impl<T: WriteJson + ?Sized> WriteJson for &T {
    fn write_json(&self, out: &mut Vec<u8>) {
        (**self).write_json(out);
    }
}

impl<T: WriteJson> WriteJson for Option<T> {
    fn write_json(&self, out: &mut Vec<u8>) {
        match self {
            Some(value) => value.write_json(out),
            None => put(out, "null"),
        }
    }
}

impl<T: WriteJson> WriteJson for [T] {
    fn write_json(&self, out: &mut Vec<u8>) {
        write_list(out, self, |item, out| item.write_json(out));
    }
}

/// Writes an array; `write` writes each item.
pub fn write_list<T>(out: &mut Vec<u8>, items: impl IntoIterator<Item = T>, mut write: impl FnMut(T, &mut Vec<u8>)) {
    out.push(b'[');
    for (n, item) in items.into_iter().enumerate() {
        if n > 0 {
            out.push(b',');
        }
        write(item, out);
    }
    out.push(b']');
}

/// The last decimal digit of a number, in ASCII.
pub(crate) fn digit(n: u64) -> u8 {
    b'0' | (n % 10) as u8
}

/// Appends a text with escapes, without its quotes.
pub(crate) fn escape(text: &str, out: &mut Vec<u8>) {
    let mut rest = text.as_bytes();
    let is_special = |byte: &u8| *byte < b' ' || *byte == b'"' || *byte == b'\\';
    while let Some(at) = rest.iter().position(is_special) {
        let Some((plain, [special, after @ ..])) = rest.split_at_checked(at) else { return };
        out.extend_from_slice(plain);
        match special {
            b'"' => put(out, "\\\""),
            b'\\' => put(out, "\\\\"),
            b'\n' => put(out, "\\n"),
            b'\r' => put(out, "\\r"),
            b'\t' => put(out, "\\t"),
            0x08 => put(out, "\\b"),
            0x0c => put(out, "\\f"),
            control => {
                let low = control & 0xf;
                put(out, if *control < 0x10 { "\\u000" } else { "\\u001" });
                out.push(if low < 10 { b'0' | low } else { b'a'.saturating_add(low).saturating_sub(10) });
            }
        }
        rest = after;
    }
    out.extend_from_slice(rest);
}
