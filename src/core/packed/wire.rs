//! The encoding of the packed form: whole numbers, texts, days, instants, amounts.
//!
//! A packed object is valid UTF-8 as a whole. This is checked once, so that its texts need no check of their own.
//! Numbers therefore take six bits of each byte, the lowest bits first; the seventh bit says that another byte
//! follows, and the eighth is never set. Signed numbers are folded (0, -1, 1, -2, ...), so that small numbers stay
//! short on both sides of zero.

use super::number::{BITS, MORE, long_number, number_len, short_number};
use crate::amount::Amount;
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
        self.text.as_bytes().get(span.from..span.to) == Some(text.as_bytes())
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
        let folded = self.number();
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
            if is_whole {
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

/// Writes the packed form that a [`Reader`] reads.
#[derive(Debug, Default)]
pub struct Writer(pub String);

impl Writer {
    /// Writes a whole number.
    pub fn number(&mut self, mut number: u64) {
        while u64::from(MORE) <= number {
            self.0.push(char::from(low_bits(number) | MORE));
            number >>= BITS;
        }
        self.0.push(char::from(low_bits(number)));
    }

    pub(crate) fn flags(&mut self, flags: Flags) {
        self.number(flags.0.into());
    }

    /// Writes a whole number of 32 bits.
    pub fn count(&mut self, count: u32) {
        self.number(u64::from(count));
    }

    /// Writes a size.
    pub fn size(&mut self, size: usize) {
        self.number(u64::try_from(size).unwrap_or(u64::MAX));
    }

    pub(crate) fn signed(&mut self, number: i64) {
        let sign = if number < 0 { u64::MAX } else { 0 };
        self.number((number.cast_unsigned() << 1) ^ sign);
    }

    /// Writes the length of a text in bytes, then the text.
    pub fn text(&mut self, text: &str) {
        self.size(text.len());
        self.0.push_str(text);
    }

    pub(crate) fn time_from(&mut self, from: i64, unit: i64, instant: Instant) {
        self.signed(instant.millis().saturating_sub(from).checked_div(unit).unwrap_or_default());
    }

    pub(crate) fn instant_from(&mut self, from: i64, instant: Instant) {
        self.signed(instant.millis().saturating_sub(from));
    }

    /// Writes an instant as milliseconds since 1970.
    pub fn instant(&mut self, instant: Instant) {
        self.instant_from(0, instant);
    }

    pub(crate) fn amount(&mut self, amount: Amount) {
        let (mantissa, scale) = amount.parts();
        self.count((scale << 1) | u32::from(mantissa < 0));
        let mut rest = mantissa.unsigned_abs();
        while u128::from(MORE) <= rest {
            let low = u8::try_from(rest & u128::from(MORE - 1)).unwrap_or_default();
            self.0.push(char::from(low | MORE));
            rest >>= BITS;
        }
        self.0.push(char::from(u8::try_from(rest).unwrap_or_default()));
    }

    /// Writes a number of 30 bits in a fixed width, so that it can be found without reading the numbers before it.
    pub(crate) fn fixed(&mut self, number: usize) {
        for shift in (0..30).step_by(6) {
            let bits = number.checked_shr(shift).unwrap_or_default() & usize::from(MORE - 1);
            self.0.push(char::from(u8::try_from(bits).unwrap_or_default()));
        }
    }
}

fn low_bits(number: u64) -> u8 {
    u8::try_from(number & u64::from(MORE - 1)).unwrap_or_default()
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

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Writer)) -> String {
        let mut writer = Writer::default();
        write(&mut writer);
        writer.0
    }

    #[track_caller]
    fn check<T: PartialEq + std::fmt::Debug + Copy>(
        values: &[T],
        write: impl Fn(&mut Writer, T),
        read: impl Fn(&mut Reader<'_>) -> T,
    ) {
        for value in values {
            let text = written(|writer| write(writer, *value));
            let mut reader = Reader::new(&text);
            assert_eq!(read(&mut reader), *value);
            assert!(reader.is_at_end() && reader.is_ok() && !reader.has_more(), "{value:?}");
            for end in (0..text.len()).filter(|end| text.is_char_boundary(*end)) {
                assert_failed(text.get(..end).unwrap(), &read);
            }
        }
    }

    /// What cannot be read is noted for good, whatever is read afterwards.
    #[track_caller]
    fn assert_failed<T>(text: &str, read: impl Fn(&mut Reader<'_>) -> T) {
        let mut reader = Reader::new(text);
        read(&mut reader);
        for _ in 0..2 {
            assert!(!reader.is_ok() && !reader.is_at_end() && !reader.has_more(), "{text:?}");
            assert_eq!(reader.whole(()), None, "{text:?}");
            reader.pass_number();
            reader.pass_text();
            assert_eq!((reader.number(), reader.text(), reader.items(), reader.four()), (0, "", 0, [0; 4]));
            assert_eq!((reader.instant(), reader.amount()), (Instant::EPOCH, Amount::ZERO));
        }
    }

    #[test]
    fn everything_comes_back_and_nothing_half() {
        check(&[0, 1, 63, 64, 4_095, 4_096, u64::MAX >> 1, u64::MAX], Writer::number, |r| r.number());
        check(&[0, -1, 1, -32, 32, i64::MIN, i64::MAX], Writer::signed, |r| r.signed());
        check(&["", "a", "Ä Ö"], |w, t| w.text(t), |r| &*r.text().to_owned().leak());
        check(&[Instant::MIN, Instant::EPOCH, Instant::MAX], Writer::instant, |r| r.instant());
        let day = |text| Instant::parse(text).unwrap();
        let unit = crate::time::MS_PER_DAY;
        let days = [day("0001-01-01"), day("9999-12-31")];
        check(&days, |w, d| w.time_from(20_000 * unit, unit, d), |r| r.time_from(20_000, true).1);
        check(&days, |w, d| w.time_from(20_000 * unit, 1, d), |r| r.time_from(20_000 * unit, false).1);
    }

    #[test]
    fn amounts_keep_every_digit() {
        let small = ["0", "1", "-1", "63", "64", "-64", "65", "4096", "409.6", "-12.50"];
        let large = ["0.0000000000000000000000000001", "79228162514264337593543950335"];
        for text in small.into_iter().chain(large) {
            let amount = Amount::parse(text).unwrap();
            let bytes = written(|writer| writer.amount(amount));
            let mut reader = Reader::new(&bytes);
            assert_eq!((reader.amount(), reader.is_at_end()), (amount, true), "{text}");
        }
        assert_eq!(written(|writer| writer.amount(Amount::ZERO)), "\0\0", "zero has no sign");
    }

    #[test]
    fn four_numbers_come_back_whatever_their_lengths() {
        let write = |writer: &mut Writer, four: [u64; 4]| four.into_iter().for_each(|number| writer.number(number));
        let lists = [[0, 1, 2, 63], [64, 1, 2, 3], [1, 64, 2, 3], [1, 2, 4_096, 3], [1, 2, 3, u64::MAX], [u64::MAX; 4]];
        check(&lists, write, |reader| reader.four());
        // Half a letter is no number.
        assert_failed("\0\0\0ä", |reader| reader.four());
    }

    #[test]
    fn numbers_that_are_none_are_refused() {
        let long = "\u{7f}".repeat(20);
        assert_failed(&long, |reader| reader.number());
        assert_failed(&long, |reader| reader.amount());
        // Half a letter.
        assert_failed("ä", |reader| reader.number());
        assert_failed("\u{7f}ä", |reader| reader.number());
        assert_failed("\u{1}ä", |reader| reader.text().len());
        // A scale of 29.
        assert_failed("\u{3a}\0", |reader| reader.amount());
        // 63 items in no bytes.
        assert_failed("\u{3f}", |reader| reader.items());
        // Too large for 8 and 32 bits.
        assert_failed(&written(|writer| writer.number(256)), |reader| reader.flags());
        assert_failed(&written(|writer| writer.number(1 << 32)), |reader| reader.count());
        // Instants that lie outside years 1 to 9999, or would if they did not wrap.
        for number in [i64::MIN, i64::MAX] {
            let text = written(|writer| writer.signed(number));
            assert_failed(&text, |reader| reader.instant_from(Instant::MAX.millis()));
            assert_failed(&text, |reader| reader.instant_from(Instant::MIN.millis()));
            assert_failed(&text, |reader| reader.time_from(2_932_896, true));
        }
    }
}
