//! A JSON reader: a text becomes a [`Tree`].
//!
//! Strings without escapes are borrowed, and numbers stay as they are written, so that nothing is rounded and the memory
//! is in proportion to the text.

use crate::tree::Tree;
use mayuse_core::{counted, joined};
use std::borrow::Cow;
use std::fmt;

/// The nesting limit.
const MAX_DEPTH: usize = 127;

/// A text that is not JSON, and the place where this shows.
///
/// ```
/// use mayuse_document::Tree;
/// let error = Tree::parse("{\n  \"id\" 7}").unwrap_err();
/// assert_eq!(error.to_string(), "expected `:` at line 2 column 8");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SyntaxError {
    message: &'static str,
    /// The line, from 1.
    pub line: usize,
    /// The column in bytes, from 1.
    pub column: usize,
}

impl SyntaxError {
    /// What `Display` shows.
    pub fn text(&self) -> String {
        joined(&[self.message, " at line ", &counted(self.line), " column ", &counted(self.column)])
    }
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

impl std::error::Error for SyntaxError {}

impl<'t> Tree<'t> {
    /// Reads a JSON text.
    ///
    /// # Errors
    /// The text is not JSON.
    ///
    /// ```
    /// use mayuse_document::Tree;
    /// assert_eq!(Tree::parse(" [1e400] "), Ok(Tree::List(vec![Tree::Number("1e400".into())])));
    /// ```
    pub fn parse(json: &'t str) -> Result<Tree<'t>, SyntaxError> {
        Reader::of_text(json).all(Reader::value)
    }

    /// Reads bytes that should be JSON in UTF-8.
    ///
    /// # Errors
    /// They are not.
    pub fn parse_bytes(json: &'t [u8]) -> Result<Tree<'t>, SyntaxError> {
        Reader::of_bytes(json).all(Reader::value)
    }
}

/// What is wrong at the position of the reader.
type Wrong = &'static str;

/// Reads the value of a field, or an item of an array, whose name is empty.
type Each<'e, 't> = dyn FnMut(&mut Reader<'t>, Cow<'t, str>) -> Result<(), Wrong> + 'e;

pub(crate) struct Reader<'t> {
    text: &'t str,
    at: usize,
    /// The number of objects and arrays that the caller has entered.
    depth: usize,
    /// Whether bytes that are not UTF-8 follow the text.
    is_cut: bool,
}

impl<'t> Reader<'t> {
    pub fn of_text(text: &'t str) -> Reader<'t> {
        let mut reader = Reader { text, at: 0, depth: 0, is_cut: false };
        if text.starts_with('\u{feff}') {
            reader.skip('\u{feff}'.len_utf8());
        }
        reader
    }

    /// Reads the part before the first byte that is not UTF-8, so that the first mistake is reported.
    pub fn of_bytes(bytes: &'t [u8]) -> Reader<'t> {
        match str::from_utf8(bytes) {
            Ok(text) => Reader::of_text(text),
            Err(error) => {
                let good = bytes.get(..error.valid_up_to()).unwrap_or_default();
                Reader { is_cut: true, ..Reader::of_text(str::from_utf8(good).unwrap_or_default()) }
            }
        }
    }

    /// Reads the whole text by `read`. Nothing but white space may follow.
    pub fn all<T>(mut self, read: impl FnOnce(&mut Self) -> Result<T, Wrong>) -> Result<T, SyntaxError> {
        match read(&mut self).and_then(|value| self.ends().map(|()| value)) {
            Ok(value) => Ok(value),
            Err(message) => Err(self.failed(message)),
        }
    }

    fn ends(&mut self) -> Result<(), Wrong> {
        self.peek();
        if self.is_at_end() && !self.is_cut { Ok(()) } else { Err("trailing characters") }
    }

    #[cold]
    #[inline(never)]
    fn failed(&self, message: Wrong) -> SyntaxError {
        let message = if self.is_cut && self.is_at_end() { "the text is not UTF-8" } else { message };
        let (mut line, mut column) = (1_usize, 0_usize);
        for byte in self.text.as_bytes().iter().take(self.at.saturating_add(1)) {
            column = column.saturating_add(1);
            if *byte == b'\n' {
                (line, column) = (line.saturating_add(1), 0);
            }
        }
        SyntaxError { message, line, column }
    }

    fn byte(&self) -> u8 {
        self.text.as_bytes().get(self.at).copied().unwrap_or_default()
    }

    fn is_at_end(&self) -> bool {
        self.text.len() <= self.at
    }

    fn skip(&mut self, n: usize) {
        self.at = self.at.saturating_add(n);
    }

    /// Skips white space and returns the next byte, which is 0 at the end of the text.
    pub fn peek(&mut self) -> u8 {
        while let b' ' | b'\n' | b'\r' | b'\t' = self.byte() {
            self.skip(1);
        }
        self.byte()
    }

    /// Skips this byte, which may have white space before it, or reports `wrong`.
    fn expect(&mut self, byte: u8, wrong: Wrong) -> Result<(), Wrong> {
        let found = self.peek();
        if found != byte {
            return Err(self.or_end(wrong));
        }
        self.skip(1);
        Ok(())
    }

    fn or_end(&self, wrong: Wrong) -> Wrong {
        if self.is_at_end() { "the text ends too early" } else { wrong }
    }

    /// Reads an object or an array, which begins with the next byte: `each` reads every value.
    pub fn each(&mut self, each: &mut Each<'_, 't>) -> Result<(), Wrong> {
        let closer = closer_of(self.peek());
        self.depth = self.depth.saturating_add(1);
        self.skip(1);
        let mut goes_on = self.peek() != closer;
        if !goes_on {
            self.skip(1);
        }
        while goes_on {
            let name = if closer == b'}' { self.name()? } else { Cow::Borrowed("") };
            each(self, name)?;
            goes_on = self.goes_on(closer)?;
        }
        self.depth = self.depth.saturating_sub(1);
        Ok(())
    }

    /// Skips a comma or the end of an object or array, and returns whether it was a comma.
    fn goes_on(&mut self, closer: u8) -> Result<bool, Wrong> {
        if self.peek() == b',' {
            self.skip(1);
            return Ok(true);
        }
        self.expect(closer, if closer == b']' { "expected `,` or `]`" } else { "expected `,` or `}`" })?;
        Ok(false)
    }

    /// Reads the name of a field and its colon.
    fn name(&mut self) -> Result<Cow<'t, str>, Wrong> {
        if self.peek() != b'"' {
            return Err(self.or_end("a field begins with its name in quotes"));
        }
        let name = self.string()?;
        self.expect(b':', "expected `:`")?;
        Ok(name)
    }

    /// Reads a value.
    pub fn value(&mut self) -> Result<Tree<'t>, Wrong> {
        self.read(true)
    }

    /// Checks a value of any depth and keeps nothing of it.
    pub fn pass_over(&mut self) -> Result<(), Wrong> {
        self.read(false).map(|_| ())
    }

    fn read(&mut self, keeps: bool) -> Result<Tree<'t>, Wrong> {
        // A loop instead of recursion: the depth of what is passed over is not limited.
        let mut closers: Vec<u8> = Vec::new();
        let mut open: Vec<Tree<'t>> = Vec::new();
        'values: loop {
            let first = self.peek();
            let mut value = if first == b'{' || first == b'[' {
                if keeps && closers.len().saturating_add(self.depth) >= MAX_DEPTH {
                    return Err("recursion limit exceeded");
                }
                let closer = closer_of(first);
                self.skip(1);
                let empty = if first == b'{' { Tree::Object(Vec::new()) } else { Tree::List(Vec::new()) };
                if self.peek() != closer {
                    closers.push(closer);
                    if keeps {
                        open.push(empty);
                    }
                    self.begin(closer, &mut open)?;
                    continue;
                }
                self.skip(1);
                empty
            } else {
                self.scalar(first)?
            };
            // The value may be the last one of its object or array, and that of the next.
            while let Some(closer) = closers.last().copied() {
                match open.last_mut() {
                    Some(Tree::List(items)) => items.push(value),
                    Some(Tree::Object(fields)) => {
                        if let Some((_, field)) = fields.last_mut() {
                            *field = value;
                        }
                    }
                    _ => {}
                }
                if self.goes_on(closer)? {
                    self.begin(closer, &mut open)?;
                    continue 'values;
                }
                closers.pop();
                value = open.pop().unwrap_or(Tree::Null);
            }
            return Ok(value);
        }
    }

    /// Before a value of an object, reads the name of its field.
    fn begin(&mut self, closer: u8, open: &mut [Tree<'t>]) -> Result<(), Wrong> {
        if closer == b'}' {
            let name = self.name()?;
            if let Some(Tree::Object(fields)) = open.last_mut() {
                fields.push((name, Tree::Null));
            }
        }
        Ok(())
    }

    fn scalar(&mut self, first: u8) -> Result<Tree<'t>, Wrong> {
        match first {
            b'"' => self.string().map(Tree::Text),
            b'-' | b'0'..=b'9' => self.number(),
            _ => {
                let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
                let words = [("null", Tree::Null), ("true", Tree::Bool(true)), ("false", Tree::Bool(false))];
                for (word, value) in words {
                    if rest.starts_with(word.as_bytes()) {
                        self.skip(word.len());
                        return Ok(value);
                    }
                }
                Err(self.or_end("expected a value"))
            }
        }
    }

    fn digits(&mut self) -> usize {
        let from = self.at;
        while self.byte().is_ascii_digit() {
            self.skip(1);
        }
        self.at.saturating_sub(from)
    }

    fn number(&mut self) -> Result<Tree<'t>, Wrong> {
        let from = self.at;
        if self.byte() == b'-' {
            self.skip(1);
        }
        let starts_with_zero = self.byte() == b'0';
        let n_digits = self.digits();
        let mut is_valid = n_digits == 1 || (n_digits > 1 && !starts_with_zero);
        if is_valid && self.byte() == b'.' {
            self.skip(1);
            is_valid = self.digits() > 0;
        }
        if is_valid && self.byte() | 0x20 == b'e' {
            self.skip(1);
            if matches!(self.byte(), b'+' | b'-') {
                self.skip(1);
            }
            is_valid = self.digits() > 0;
        }
        if !is_valid {
            return Err(self.or_end("invalid number"));
        }
        Ok(Tree::Number(Cow::Borrowed(self.since(from))))
    }

    /// The text from a position to the reader's.
    fn since(&self, from: usize) -> &'t str {
        self.text.get(from..self.at).unwrap_or_default()
    }

    fn string(&mut self) -> Result<Cow<'t, str>, Wrong> {
        self.skip(1);
        let mut from = self.at;
        // The part up to the last escape. Every escape stands for at least one byte.
        let mut unescaped = String::new();
        loop {
            match self.byte() {
                b'"' => {
                    let rest = self.since(from);
                    self.skip(1);
                    if unescaped.is_empty() {
                        return Ok(Cow::Borrowed(rest));
                    }
                    unescaped.push_str(rest);
                    return Ok(Cow::Owned(unescaped));
                }
                b'\\' => {
                    unescaped.push_str(self.since(from));
                    self.skip(1);
                    unescaped.push(self.escape()?);
                    from = self.at;
                }
                0..b' ' => return Err(self.or_end("control character (\\u0000-\\u001F) found while parsing a string")),
                _ => self.skip(1),
            }
        }
    }

    fn escape(&mut self) -> Result<char, Wrong> {
        let c = match self.byte() {
            found @ (b'"' | b'\\' | b'/') => char::from(found),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode(),
            _ => return Err(self.or_end("invalid escape in a string")),
        };
        self.skip(1);
        Ok(c)
    }

    /// Reads `uXXXX`, or two of them for a character beyond 16 bits.
    fn unicode(&mut self) -> Result<char, Wrong> {
        let unit = self.hex()?;
        let is_high = unit & 0xfc00 == 0xd800;
        let code = if is_high && self.text.as_bytes().get(self.at..).is_some_and(|rest| rest.starts_with(b"\\u")) {
            self.skip(1);
            let low = self.hex()?;
            if low & 0xfc00 == 0xdc00 { ((unit & 0x3ff) << 10 | low & 0x3ff).saturating_add(0x1_0000) } else { unit }
        } else {
            unit
        };
        char::from_u32(code).ok_or("lone surrogate in a string")
    }

    fn hex(&mut self) -> Result<u32, Wrong> {
        self.skip(1);
        let mut unit = 0;
        for _ in 0..4 {
            let digit =
                char::from(self.byte()).to_digit(16).ok_or_else(|| self.or_end("invalid escape in a string"))?;
            unit = unit << 4 | digit;
            self.skip(1);
        }
        Ok(unit)
    }
}

/// The end of what begins with `{` or `[`.
fn closer_of(opener: u8) -> u8 {
    if opener == b'{' { b'}' } else { b']' }
}
