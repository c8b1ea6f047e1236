//! The encoding of the packed form: whole numbers, texts, days, instants, amounts.
//!
//! A packed object is valid UTF-8 as a whole. This is checked once, so that its texts need no check of their own.
//! Numbers therefore take six bits of each byte, the lowest bits first; the seventh bit says that another byte
//! follows, and the eighth is never set. Signed numbers are folded (0, -1, 1, -2, ...), so that small numbers stay
//! short on both sides of zero.

use super::number::{MORE, long_number, middle_number, number_len, short_number};
use crate::amount::Amount;
use crate::index::is_same;
use crate::time::Instant;

/// Reads packed bytes from the front.
///
/// Bytes that are absent or malformed are read as zero, or as a text without letters. The reader notes it and reads
/// nothing else from then on. So what was read counts only if [`Reader::is_ok`] says so afterwards.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'b> {
    text: &'b str,
    /// Behind the end of the text if something could not be read.
    at: usize,
}

/// The position of a reader that could not read something.
const FAILED: usize = usize::MAX;

impl<'b> Reader<'b> {
    /// A reader at the beginning of a text.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub fn new(text: &'b str) -> Reader<'b> {
        Reader { text, at: 0 }
    }

    /// The position in bytes.
    pub fn at(&self) -> usize {
        self.at
    }

    /// Whether everything was there and well-formed.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub fn is_ok(&self) -> bool {
        self.at <= self.text.len()
    }

    /// Whether everything was read, and well-formed.
    pub fn is_at_end(&self) -> bool {
        self.text.len() == self.at
    }

    /// Whether there is more to read: it is well-formed so far, and not at its end.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub fn has_more(&self) -> bool {
        self.at < self.text.len()
    }

    /// What was read, if it was there and well-formed.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub fn whole<T>(&self, read: T) -> Option<T> {
        if self.is_ok() { Some(read) } else { None }
    }

    /// The value, or `nothing` and a failure.
    #[cfg_attr(not(feature = "small"), inline(always))]
    fn or_fail<T>(&mut self, value: Option<T>, nothing: T) -> T {
        if value.is_none() {
            self.at = FAILED;
        }
        value.unwrap_or(nothing)
    }

    fn byte(&mut self) -> u8 {
        let byte = self.text.as_bytes().get(self.at).copied();
        self.at = self.at.wrapping_add(1);
        self.or_fail(byte, 0)
    }

    // Functions that are called from here take the position, not the reader, so that the reader stays in registers.

    /// A whole number of 64 bits.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub fn number(&mut self) -> u64 {
        if let Some(byte) = self.text.as_bytes().get(self.at)
            && *byte < MORE
        {
            self.at = self.at.wrapping_add(1);
            return (*byte).into();
        }
        let (number, n_bytes) = long_number(self.text.as_bytes(), self.at);
        self.at = if n_bytes == 0 { FAILED } else { self.at.wrapping_add(n_bytes) };
        number
    }

    /// Passes over a whole number.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub(crate) fn pass_number(&mut self) {
        match number_len(self.text.as_bytes(), self.at) {
            Some(n_bytes) => self.at = self.at.wrapping_add(n_bytes),
            None => {
                let _ = self.number();
            }
        }
    }

    /// Passes over a record, whose length nearly always takes two bytes.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub(crate) fn pass_record(&mut self) -> Span {
        let n = match short_number(self.text.as_bytes(), self.at) {
            Some(n) if cfg!(not(feature = "small")) => usize::try_from(n).unwrap_or(FAILED),
            _ => return self.pass_text(),
        };
        let from = self.at.wrapping_add(2);
        self.at = from.saturating_add(n);
        Span { from, to: self.at }
    }

    /// Passes over a text. Returns its place, which may reach behind the end.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub(crate) fn pass_text(&mut self) -> Span {
        let n = self.size();
        let from = self.at;
        self.at = from.saturating_add(n);
        Span { from, to: self.at }
    }

    /// The same bytes, from a position on.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub(crate) fn from(&self, at: usize) -> Reader<'b> {
        Reader { text: self.text, at }
    }

    /// All bytes.
    pub(crate) fn bytes(&self) -> &'b [u8] {
        self.text.as_bytes()
    }

    /// The text of a span.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub(crate) fn span(&self, span: Span) -> Option<&'b str> {
        self.text.get(span.from..span.to)
    }

    /// Whether the next bytes are those of a text.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub(crate) fn is_at(&self, span: Span, text: &str) -> bool {
        self.text.as_bytes().get(span.from..span.to).is_some_and(|bytes| is_same(bytes, text.as_bytes()))
    }

    /// Four whole numbers, each nearly always of one byte.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub(crate) fn four(&mut self) -> [u64; 4] {
        const MORE_OR_NONE: u32 = 0xc0c0_c0c0;
        if cfg!(not(feature = "small"))
            && let Some((bytes, _)) = self.text.as_bytes().get(self.at..).and_then(|rest| rest.split_first_chunk::<4>())
            && u32::from_le_bytes(*bytes) & MORE_OR_NONE == 0
        {
            self.at = self.at.wrapping_add(4);
            return bytes.map(u64::from);
        }
        let (numbers, at) = self.four_by_one();
        self.at = at;
        numbers
    }

    #[inline(never)]
    fn four_by_one(mut self) -> ([u64; 4], usize) {
        ([self.number(), self.number(), self.number(), self.number()], self.at)
    }

    #[cfg_attr(not(feature = "small"), inline(always))]
    pub(crate) fn flags(&mut self) -> Flags {
        let flags = u8::try_from(self.number()).ok();
        Flags(self.or_fail(flags, 0))
    }

    /// A whole number of 32 bits.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub fn count(&mut self) -> u32 {
        let count = u32::try_from(self.number()).ok();
        self.or_fail(count, 0)
    }

    /// A whole number that fits `usize`.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub fn size(&mut self) -> usize {
        let size = usize::try_from(self.number()).ok();
        self.or_fail(size, 0)
    }

    #[cfg_attr(not(feature = "small"), inline(always))]
    pub(crate) fn signed(&mut self) -> i64 {
        let folded = match middle_number(self.text.as_bytes(), self.at) {
            Some(number) if cfg!(not(feature = "small")) => {
                self.at = self.at.wrapping_add(3);
                number
            }
            _ => self.number(),
        };
        // All bits are inverted if the lowest bit is set.
        let turned = (folded & 1).wrapping_neg();
        ((folded >> 1) ^ turned).cast_signed()
    }

    /// The next `n` bytes.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub fn take(&mut self, n: usize) -> &'b str {
        let from = self.at;
        self.at = from.saturating_add(n);
        let text = self.text.get(from..self.at);
        self.or_fail(text, "")
    }

    /// A text, after its length in bytes.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub fn text(&mut self) -> &'b str {
        let n = self.size();
        self.take(n)
    }

    /// An instant, packed as the number of days or milliseconds from `from`; its own number since 1970, and itself.
    /// `from` is the number of an instant.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub(crate) fn time_from(&mut self, from: i64, in_days: bool) -> (i64, Instant) {
        // A sum that is too large for 64 bits becomes a number that is far from every instant.
        let number = from.wrapping_add(self.signed());
        let instant = if in_days { Instant::from_days(number) } else { Instant::from_millis(number) };
        (number, self.or_fail(instant, Instant::EPOCH))
    }

    /// An instant as in `time_from`, if one is packed here.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub(crate) fn time_if(&mut self, is_here: bool, from: i64, in_days: bool) -> Option<Instant> {
        if is_here { Some(self.time_from(from, in_days).1) } else { None }
    }

    /// An instant, packed as the number of milliseconds from `from`.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub(crate) fn instant_from(&mut self, from: i64) -> Instant {
        self.time_from(from, false).1
    }

    /// An instant, packed as milliseconds since 1970.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub fn instant(&mut self) -> Instant {
        self.instant_from(0)
    }

    /// An instant as in `instant`, if one is packed here.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub(crate) fn instant_if(&mut self, is_here: bool) -> Option<Instant> {
        self.time_if(is_here, 0, false)
    }

    /// A text, if one is packed here.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub(crate) fn text_if(&mut self, is_here: bool) -> Option<&'b str> {
        if is_here { Some(self.text()) } else { None }
    }

    pub(crate) fn amount(&mut self) -> Amount {
        let head = self.count();
        let (is_negative, scale) = (head & 1 != 0, head >> 1);
        let mut mantissa = 0_i128;
        let mut is_whole = false;
        for shift in (0..102).step_by(6) {
            let byte = self.byte();
            mantissa |= i128::from(byte & (MORE - 1)).checked_shl(shift).unwrap_or_default();
            is_whole = byte < MORE;
            // A set eighth bit belongs to a text.
            if byte & !(MORE - 1) != MORE {
                break;
            }
        }
        let mantissa = if is_negative { mantissa.wrapping_neg() } else { mantissa };
        let amount = Amount::from_parts(mantissa, scale).filter(|_| is_whole);
        self.or_fail(amount, Amount::ZERO)
    }

    /// The number of items that follow. Each takes at least a byte, so a number above the bytes left is malformed.
    pub(crate) fn items(&mut self) -> usize {
        let left = self.text.len().saturating_sub(self.at);
        let n = self.size();
        self.or_fail(Some(n).filter(|n| *n <= left), 0)
    }
}

/// The place of a text in packed bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Span {
    pub from: usize,
    pub to: usize,
}

/// Eight flags.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Flags(pub u8);

impl Flags {
    pub fn has(self, flag: u8) -> bool {
        self.0 & flag != 0
    }

    pub fn with(self, flag: u8, on: bool) -> Flags {
        Flags(if on { self.0 | flag } else { self.0 })
    }
}
