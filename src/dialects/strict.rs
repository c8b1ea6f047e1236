//! A JSON reader for stored data. It refuses duplicate fields and keeps numbers as their original
//! text.
//!
//! A plain `Value` keeps the last of two equal fields and loses the first. A number parsed as a binary
//! float can change, and formatting it again takes a thousand steps; a text stays exact, at a cost
//! proportional to its length.

use mayuse_document::Tree;
use serde_json::map::Entry;
use serde_json::{Map, Number, Value};
use std::fmt;

/// The nesting limit of the reader of questions and documents.
const MAX_DEPTH: u32 = 127;

/// The memory limit of the parsed value, in bytes: a one-digit number takes forty times its text.
const MAX_ROOM: usize = 56 * 1024 * 1024;

/// The memory of a list item, an object's field, and an allocation that either points to.
const ITEM: usize = 48;
const FIELD: usize = 64;
const ALLOCATION: usize = 16;

/// Reads JSON that is to be stored, or was stored.
///
/// # Errors
/// The text is not JSON, or an object repeats a field.
pub fn from_slice(bytes: &[u8]) -> Result<Value, NotJson> {
    read(bytes, None).map(|(value, _)| value)
}

/// As [`from_slice`], with the memory of the value in bytes.
///
/// # Errors
/// Those of [`from_slice`].
pub(crate) fn weighed_from_slice(bytes: &[u8]) -> Result<(Value, usize), NotJson> {
    read(bytes, None)
}

/// Reads an object and keeps only the known fields. Other fields are checked, and take no memory.
///
/// # Errors
/// Those of [`from_slice`].
pub(crate) fn fields_from_slice(bytes: &[u8], known: &dyn Fn(&str) -> bool) -> Result<Value, NotJson> {
    read(bytes, Some(known)).map(|(value, _)| value)
}

/// What some programs begin a text in UTF-8 with. It is no part of the text.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

fn read(bytes: &[u8], known: Option<&dyn Fn(&str) -> bool>) -> Result<(Value, usize), NotJson> {
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    let (text, broken) = match str::from_utf8(bytes) {
        Ok(text) => (text, false),
        // The text before the first wrong byte is parsed, so that the first mistake is reported.
        Err(error) => {
            let good = bytes.get(..error.valid_up_to()).unwrap_or_default();
            (str::from_utf8(good).unwrap_or_default(), true)
        }
    };
    let mut reader = Reader { text, at: 0, depth: 0, known, passes_over: false, room: MAX_ROOM };
    let read = reader.value().and_then(|value| match reader.peek() {
        None => Ok(value),
        Some(_) => Err("trailing characters".to_owned()),
    });
    match read {
        Ok(value) if !broken => Ok((value, MAX_ROOM.saturating_sub(reader.room))),
        Err(message) if !broken || !reader.rest().is_empty() => Err(reader.failed(message)),
        _ => Err(reader.failed("the text is not UTF-8".to_owned())),
    }
}

/// A parse error with its place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NotJson {
    message: String,
    /// Whether the value would exceed the memory limit.
    pub(crate) is_too_large: bool,
    line: usize,
    column: usize,
}

impl fmt::Display for NotJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at line {} column {}", self.message, self.line, self.column)
    }
}

impl std::error::Error for NotJson {}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    depth: u32,
    /// Selects the fields of the outermost object to keep.
    known: Option<&'t dyn Fn(&str) -> bool>,
    /// Whether the current value is discarded.
    passes_over: bool,
    /// The memory left, in bytes.
    room: usize,
}

impl<'t> Reader<'t> {
    fn take_room(&mut self, bytes: usize) -> Result<(), String> {
        if self.passes_over {
            return Ok(());
        }
        // No memory left marks the error as too large.
        let left = self.room.checked_sub(bytes);
        self.room = left.unwrap_or_default();
        left.map(|_| ()).ok_or_else(|| "it has more values than there is memory for; send it in parts".to_owned())
    }

    /// Reserves memory for one more of `n` elements. A vector doubles its capacity as it grows.
    fn grow(&mut self, n: usize, each: usize) -> Result<(), String> {
        let grows = n == 0 || (4 <= n && n.is_power_of_two());
        if grows { self.take_room(n.max(4).saturating_mul(each)) } else { Ok(()) }
    }

    fn rest(&self) -> &'t [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    fn skip(&mut self, n: usize) {
        self.at = self.at.saturating_add(n);
    }

    /// Skips the next bytes that match, and returns their number.
    fn skip_all(&mut self, is: impl Fn(u8) -> bool) -> usize {
        let rest = self.rest();
        let n = rest.iter().position(|byte| !is(*byte)).unwrap_or(rest.len());
        self.skip(n);
        n
    }

    /// Skips white space and returns the next byte.
    fn peek(&mut self) -> Option<u8> {
        self.skip_all(|byte| matches!(byte, b' ' | b'\n' | b'\r' | b'\t'));
        self.rest().first().copied()
    }

    /// Skips the next byte if it equals `byte`, and returns whether it did.
    fn takes(&mut self, byte: u8) -> bool {
        let is_next = self.rest().first() == Some(&byte);
        if is_next {
            self.skip(1);
        }
        is_next
    }

    fn failed(&self, message: String) -> NotJson {
        let before = self.text.as_bytes().get(..self.at).unwrap_or(self.text.as_bytes());
        let line = before.iter().filter(|byte| **byte == b'\n').count().saturating_add(1);
        let column = before.iter().rev().take_while(|byte| **byte != b'\n').count().saturating_add(1);
        NotJson { message, is_too_large: self.room == 0, line, column }
    }

    fn value(&mut self) -> Result<Value, String> {
        match self.peek() {
            Some(b'{') => self.nested(Reader::object),
            Some(b'[') => self.nested(Reader::list),
            Some(b'"') => Ok(Value::String(self.string()?)),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(_) => self.word(),
            None => Err("EOF while parsing a value".to_owned()),
        }
    }

    fn nested(&mut self, read: impl FnOnce(&mut Self) -> Result<Value, String>) -> Result<Value, String> {
        if self.depth == MAX_DEPTH {
            return Err("recursion limit exceeded".to_owned());
        }
        self.depth = self.depth.saturating_add(1);
        self.skip(1);
        let value = read(self)?;
        self.depth = self.depth.saturating_sub(1);
        Ok(value)
    }

    /// Skips a comma or the end, and returns whether another item follows.
    fn goes_on(&mut self, is_first: bool, end: u8) -> Result<bool, String> {
        match self.peek() {
            Some(next) if next == end => {
                self.skip(1);
                Ok(false)
            }
            Some(b',') if !is_first => {
                self.skip(1);
                Ok(true)
            }
            Some(_) if is_first => Ok(true),
            Some(_) => Err(format!("expected `,` or `{}`", char::from(end))),
            None if end == b']' => Err("EOF while parsing a list".to_owned()),
            None => Err("EOF while parsing an object".to_owned()),
        }
    }

    fn list(&mut self) -> Result<Value, String> {
        let mut items = Vec::new();
        let mut is_first = true;
        while self.goes_on(is_first, b']')? {
            is_first = false;
            self.grow(items.len(), ITEM)?;
            let item = self.value()?;
            if !self.passes_over {
                items.push(item);
            }
        }
        Ok(Value::Array(items))
    }

    fn object(&mut self) -> Result<Value, String> {
        let mut fields = Map::new();
        let mut is_first = true;
        while self.goes_on(is_first, b'}')? {
            is_first = false;
            if self.peek() != Some(b'"') {
                return Err("a field begins with its name in quotes".to_owned());
            }
            let passed_over = self.passes_over;
            let name = self.string()?;
            if self.depth == 1 && self.known.is_some_and(|known| !known(&name)) {
                self.passes_over = true;
            }
            self.grow(fields.len(), FIELD)?;
            let colon = self.peek();
            let entry = match fields.entry(name) {
                Entry::Occupied(twice) => {
                    let shown: String = twice.key().chars().take(64).flat_map(char::escape_debug).collect();
                    return Err(format!("the field `{shown}` is written twice"));
                }
                Entry::Vacant(entry) => entry,
            };
            if colon != Some(b':') {
                return Err("expected `:`".to_owned());
            }
            self.skip(1);
            let value = self.value()?;
            if !self.passes_over {
                entry.insert(value);
            }
            self.passes_over = passed_over;
        }
        Ok(Value::Object(fields))
    }

    /// Escapes are rare: the reader of questions decodes them.
    fn string(&mut self) -> Result<String, String> {
        let from = self.at;
        self.skip(1);
        loop {
            self.skip_all(|byte| byte >= b' ' && byte != b'"' && byte != b'\\');
            match self.rest() {
                [b'"', ..] => break,
                [b'\\', _, ..] => self.skip(2),
                [b'\\'] | [] => return Err("EOF while parsing a string".to_owned()),
                _ => return Err("control character (\\u0000-\\u001F) found while parsing a string".to_owned()),
            }
        }
        self.skip(1);
        let quoted = self.text.get(from..self.at).unwrap_or_default();
        self.take_room(quoted.len().max(ALLOCATION))?;
        if quoted.contains('\\') {
            return match Tree::parse(quoted) {
                Ok(Tree::Text(text)) => Ok(text.into_owned()),
                _ => Err("invalid escape in a string".to_owned()),
            };
        }
        Ok(quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default().to_owned())
    }

    /// Keeps a number as it is written. The reader of the field checks its range.
    fn number(&mut self) -> Result<Value, String> {
        let from = self.at;
        let invalid = || Err("invalid number".to_owned());
        self.takes(b'-');
        let starts_with_zero = self.takes(b'0');
        let digits = self.skip_all(|byte| byte.is_ascii_digit());
        if starts_with_zero == (digits > 0) {
            return invalid();
        }
        if self.takes(b'.') && self.skip_all(|byte| byte.is_ascii_digit()) == 0 {
            return invalid();
        }
        if self.takes(b'e') || self.takes(b'E') {
            let _sign = self.takes(b'+') || self.takes(b'-');
            if self.skip_all(|byte| byte.is_ascii_digit()) == 0 {
                return invalid();
            }
        }
        let text = self.text.get(from..self.at).unwrap_or_default();
        self.take_room(text.len().max(ALLOCATION))?;
        // `Number`'s own parser would turn `1E5` into `1e+5`.
        Ok(Value::Number(Number::from_string_unchecked(text.to_owned())))
    }

    fn word(&mut self) -> Result<Value, String> {
        let words = [("null", Value::Null), ("true", Value::Bool(true)), ("false", Value::Bool(false))];
        for (word, value) in words {
            if self.rest().starts_with(word.as_bytes()) {
                self.skip(word.len());
                return Ok(value);
            }
        }
        Err("expected a value".to_owned())
    }
}
