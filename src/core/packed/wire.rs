//! The smallest parts of the packed form: whole numbers, texts, days, instants, amounts.
//!
//! Numbers take seven bits a byte, the lowest first; the top bit says that more follow. Signed ones
//! are folded first, so that small ones stay short on both sides of zero.

use crate::amount::Amount;
use crate::time::{Date, Instant};
use std::sync::Arc;

/// Bytes that are shared, or a stretch of them.
#[derive(Clone, Debug)]
pub struct Bytes {
    all: Arc<Vec<u8>>,
    from: usize,
    to: usize,
}

impl Bytes {
    /// The bytes themselves.
    pub fn as_slice(&self) -> &[u8] {
        self.all.get(self.from..self.to).unwrap_or_default()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.as_slice().len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.as_slice().is_empty()
    }

    /// A stretch of them, which shares them; nothing if they end before.
    pub fn part(&self, from: usize, len: usize) -> Option<Bytes> {
        let from = self.from.checked_add(from)?;
        let to = from.checked_add(len)?;
        (to <= self.to).then(|| Bytes { all: Arc::clone(&self.all), from, to })
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes { from: 0, to: bytes.len(), all: Arc::new(bytes) }
    }
}

/// Reads from the left. Everything that is not there, or not well-formed, is nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'b>(pub &'b [u8]);

impl<'b> Reader<'b> {
    #[inline]
    pub fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*byte)
    }

    #[inline]
    pub fn number(&mut self) -> Option<u64> {
        match self.0.split_first()? {
            (byte, rest) if *byte < 0x80 => {
                self.0 = rest;
                Some(u64::from(*byte))
            }
            _ => self.long_number(),
        }
    }

    /// Two bytes are next to common: the days between two dates.
    #[inline]
    fn long_number(&mut self) -> Option<u64> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            // The tenth byte has room for one bit.
            if shift == 63 && 1 < bits {
                return None;
            }
            number |= bits.checked_shl(shift)?;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    #[inline]
    pub fn count(&mut self) -> Option<u32> {
        u32::try_from(self.number()?).ok()
    }

    #[inline]
    pub fn size(&mut self) -> Option<usize> {
        usize::try_from(self.number()?).ok()
    }

    #[inline]
    pub fn signed(&mut self) -> Option<i64> {
        let folded = self.number()?;
        let magnitude = (folded >> 1).cast_signed();
        Some(if folded & 1 == 0 { magnitude } else { !magnitude })
    }

    #[inline]
    pub fn bytes(&mut self, n: usize) -> Option<&'b [u8]> {
        let (bytes, rest) = self.0.split_at_checked(n)?;
        self.0 = rest;
        Some(bytes)
    }

    /// A text's bytes, which are not looked at.
    #[inline]
    pub fn raw_text(&mut self) -> Option<&'b [u8]> {
        let n = self.size()?;
        self.bytes(n)
    }

    #[inline]
    pub fn text(&mut self) -> Option<&'b str> {
        std::str::from_utf8(self.raw_text()?).ok()
    }

    /// So many 64 bits, the lowest byte first.
    pub fn fixed(&mut self) -> Option<u64> {
        let (bytes, rest) = self.0.split_first_chunk::<8>()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*bytes))
    }

    /// A day, as a distance from another.
    #[inline]
    pub fn day_from(&mut self, from: i64) -> Option<Date> {
        Date::from_days(from.checked_add(self.signed()?)?)
    }

    /// An instant, as a distance from another.
    #[inline]
    pub fn instant_from(&mut self, from: i64) -> Option<Instant> {
        Instant::from_millis(from.checked_add(self.signed()?)?)
    }

    pub fn instant(&mut self) -> Option<Instant> {
        self.instant_from(0)
    }

    pub fn amount(&mut self) -> Option<Amount> {
        let head = self.byte()?;
        let (is_negative, scale) = (head & 0x80 != 0, u32::from(head & 0x7f));
        let mut mantissa = 0_i128;
        for shift in (0..98).step_by(7) {
            let byte = self.byte()?;
            mantissa |= i128::from(byte & 0x7f).checked_shl(shift)?;
            if byte < 0x80 {
                let mantissa = if is_negative { mantissa.checked_neg()? } else { mantissa };
                return Amount::from_parts(mantissa, scale);
            }
        }
        None
    }

    /// How many items follow, of which each takes at least a byte: more than there are bytes are a lie,
    /// and nothing is reserved for them.
    pub fn items(&mut self) -> Option<usize> {
        self.size().filter(|n| *n <= self.0.len())
    }
}

/// Writes what a [`Reader`] reads.
#[derive(Debug, Default)]
pub(crate) struct Writer(pub Vec<u8>);

impl Writer {
    pub fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    pub fn number(&mut self, mut number: u64) {
        while 0x7f < number {
            self.0.push(low_bits(number) | 0x80);
            number >>= 7;
        }
        self.0.push(low_bits(number));
    }

    pub fn count(&mut self, count: u32) {
        self.number(u64::from(count));
    }

    pub fn size(&mut self, size: usize) {
        self.number(u64::try_from(size).unwrap_or(u64::MAX));
    }

    pub fn signed(&mut self, number: i64) {
        let sign = if number < 0 { u64::MAX } else { 0 };
        self.number((number.cast_unsigned() << 1) ^ sign);
    }

    pub fn text(&mut self, text: &str) {
        self.size(text.len());
        self.0.extend_from_slice(text.as_bytes());
    }

    pub fn fixed(&mut self, number: u64) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    pub fn day_from(&mut self, from: i64, day: Date) {
        self.signed(day.days().saturating_sub(from));
    }

    pub fn instant_from(&mut self, from: i64, instant: Instant) {
        self.signed(instant.millis().saturating_sub(from));
    }

    pub fn instant(&mut self, instant: Instant) {
        self.instant_from(0, instant);
    }

    pub fn amount(&mut self, amount: Amount) {
        let (mantissa, scale) = amount.parts();
        let scale = u8::try_from(scale).unwrap_or_default();
        self.byte(if mantissa < 0 { scale | 0x80 } else { scale });
        let mut rest = mantissa.unsigned_abs();
        while 0x7f < rest {
            self.0.push(u8::try_from(rest & 0x7f).unwrap_or_default() | 0x80);
            rest >>= 7;
        }
        self.0.push(u8::try_from(rest).unwrap_or_default());
    }
}

fn low_bits(number: u64) -> u8 {
    u8::try_from(number & 0x7f).unwrap_or_default()
}

/// A set of yes and no.
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

    #[track_caller]
    fn check<T: PartialEq + std::fmt::Debug + Copy>(
        values: &[T],
        write: impl Fn(&mut Writer, T),
        read: impl Fn(&mut Reader<'_>) -> Option<T>,
    ) {
        for value in values {
            let mut writer = Writer::default();
            write(&mut writer, *value);
            let mut reader = Reader(&writer.0);
            assert_eq!(read(&mut reader), Some(*value));
            assert!(reader.0.is_empty(), "{value:?}");
            for end in 0..writer.0.len() {
                assert_eq!(read(&mut Reader(&writer.0[..end])), None, "{value:?}, cut off after {end}");
            }
        }
    }

    #[test]
    fn everything_comes_back_and_nothing_half() {
        check(&[0, 1, 127, 128, 16_383, 16_384, u64::MAX >> 1, u64::MAX], Writer::number, |r| r.number());
        check(&[0, -1, 1, -64, 64, i64::MIN, i64::MAX], Writer::signed, |r| r.signed());
        check(&["", "a", "Ä Ö"], |w, t| w.text(t), |r| r.text().map(|text| &*text.to_owned().leak()));
        check(&[Instant::MIN, Instant::EPOCH, Instant::MAX], Writer::instant, |r| r.instant());
        let day = |text| Date::parse(text).unwrap();
        check(&[day("0001-01-01"), day("9999-12-31")], |w, d| w.day_from(20_000, d), |r| r.day_from(20_000));
    }

    #[test]
    fn amounts_keep_every_digit() {
        for text in ["0", "1", "-1", "0.0000000000000000000000000001", "79228162514264337593543950335", "-12.50"] {
            let amount = Amount::parse(text).unwrap();
            let mut writer = Writer::default();
            writer.amount(amount);
            assert_eq!(Reader(&writer.0).amount(), Some(amount), "{text}");
        }
    }

    #[test]
    fn numbers_that_are_none_are_refused() {
        assert_eq!(Reader(&[0xff; 10]).number(), None);
        assert_eq!(Reader(&[0xff; 20]).amount(), None);
        assert_eq!(Reader(&[0x9d, 0]).amount(), None, "a scale of 29");
        assert_eq!(Reader(&[2, 0xff, 0xff]).text(), None, "no UTF-8");
        assert_eq!(Reader(&[200]).items(), None);
    }
}
