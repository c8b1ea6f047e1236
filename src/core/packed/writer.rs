//! Writing what [`wire`](super::wire) reads.

use super::number::{BITS, MORE};
use super::wire::Flags;
use crate::amount::Amount;
use crate::time::Instant;

/// Writes the packed form that a [`Reader`](super::wire::Reader) reads.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packed::wire::Reader;

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
        // A letter within an amount.
        assert_failed("\0ä\0", |reader| reader.amount());
        assert_failed("\0\u{7f}ä\0", |reader| reader.amount());
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
