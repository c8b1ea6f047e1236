//! Amounts: exact decimals. Every operation gives the exact result or refuses; no operation rounds.

use crate::json::{WriteJson, digit, put};
use crate::text::cut;
use rust_decimal::Decimal;
use std::cmp::Ordering;
use std::fmt;

/// An exact decimal of at most 28 significant digits.
///
/// ```
/// use mayuse_core::Amount;
/// let a = Amount::parse("0.1").unwrap();
/// let b = Amount::parse("0.20").unwrap();
/// assert_eq!(a.plus(b).unwrap().to_string(), "0.3");
/// ```
///
/// # Example: an amount with too many digits is refused, not rounded
///
/// ```
/// use mayuse_core::Amount;
/// assert!(Amount::parse("1234567890123456789012345678901234567890").is_err());
/// let large = Amount::parse("79228162514264337593543950335").unwrap();
/// assert_eq!(large.plus(Amount::parse("0.1").unwrap()), None);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Amount(pub(crate) Decimal);

/// The longest text that is read: 29 digits, a sign, a point, and room for redundant zeros.
const MAX_TEXT: usize = 64;

impl Amount {
    /// Zero.
    pub const ZERO: Amount = Amount(Decimal::ZERO);
    /// One: the requested amount of a question that does not state it.
    pub const ONE: Amount = Amount(Decimal::ONE);

    /// Reads digits with an optional sign and an optional fraction: `12`, `-0.50`. No exponent.
    ///
    /// # Errors
    /// [`AmountError::Malformed`] for any other text, [`AmountError::TooManyDigits`] for digits that 96 bits and 28
    /// decimal places cannot hold.
    pub fn parse(text: &str) -> Result<Amount, AmountError> {
        // The fast path: most amounts are a few digits.
        if let Some(value) = few_digits(text) {
            return Ok(Amount(Decimal::from(value)));
        }
        if text.len() > MAX_TEXT {
            return Err(if text.bytes().all(|b| b.is_ascii_digit() || b == b'.' || b == b'-') {
                AmountError::TooManyDigits
            } else {
                AmountError::Malformed
            });
        }
        let unsigned = text.strip_prefix('-').unwrap_or(text);
        let (whole, fraction) = match cut(unsigned, b'.') {
            Some((whole, fraction)) if !fraction.is_empty() => (whole, fraction),
            Some(_) => return Err(AmountError::Malformed),
            None => (unsigned, ""),
        };
        let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || !digits(whole) || !digits(fraction) {
            return Err(AmountError::Malformed);
        }
        let is_negative = unsigned.len() < text.len();
        // Trailing zeros of a fraction must not count against the digits.
        let value = from_digits(is_negative, whole, fraction).or_else(|| {
            let zeros = fraction.bytes().rev().take_while(|digit| *digit == b'0').count();
            from_digits(is_negative, whole, fraction.get(..fraction.len().saturating_sub(zeros))?)
        });
        value.ok_or(AmountError::TooManyDigits)
    }

    /// The text with the trailing zeros that were read: "29.00". All other output has the fewest digits.
    pub fn as_written(self) -> String {
        Written::new(self.0).as_str().to_owned()
    }

    /// What `Display` shows: the shortest exact form, so that equal amounts print alike.
    pub fn text(self) -> String {
        Written::new(self.0.normalize()).as_str().to_owned()
    }

    /// Whether the amount is below zero.
    pub fn is_negative(self) -> bool {
        self.0.is_sign_negative() && !self.0.is_zero()
    }

    /// Whether the amount is zero.
    pub fn is_zero(self) -> bool {
        self.0.is_zero()
    }

    /// The exact sum, or None if it has too many digits.
    pub fn plus(self, other: Amount) -> Option<Amount> {
        if let (Some(a), Some(b)) = (self.small_whole(), other.small_whole()) {
            return a.checked_add(b).map(|sum| Amount(Decimal::from(sum)));
        }
        let (a, b, scale) = self.aligned(other)?;
        fit(a.checked_add(b)?, scale)
    }

    /// The exact difference, or None if it has too many digits.
    pub fn minus(self, other: Amount) -> Option<Amount> {
        if let (Some(a), Some(b)) = (self.small_whole(), other.small_whole()) {
            return a.checked_sub(b).map(|difference| Amount(Decimal::from(difference)));
        }
        let (a, b, scale) = self.aligned(other)?;
        fit(a.checked_sub(b)?, scale)
    }

    /// The exact product, or None if it has too many digits.
    pub fn times(self, other: Amount) -> Option<Amount> {
        let product =
            |a: Decimal, b: Decimal| fit(a.mantissa().checked_mul(b.mantissa())?, a.scale().checked_add(b.scale())?);
        product(self.0, other.0).or_else(|| product(self.0.normalize(), other.0.normalize()))
    }

    /// `self` per cent of `other`, or None if it has too many digits.
    pub fn percent_of(self, other: Amount) -> Option<Amount> {
        self.times(Amount(Decimal::new(1, 2)))?.times(other)
    }

    /// The amount of a whole number.
    pub fn of_whole(number: i64) -> Amount {
        Amount(Decimal::from(number))
    }

    /// The amount as a whole number of 53 bits, which JavaScript holds exactly. None also for a whole number that was
    /// written with a fraction, such as `1.0`.
    pub fn safe_whole(self) -> Option<i64> {
        self.small_whole().filter(|whole| whole.unsigned_abs() >> 53 == 0)
    }

    /// A whole number.
    #[inline]
    pub(crate) fn whole(n: i64) -> Amount {
        Amount(Decimal::from(n))
    }

    /// The amount as a whole number of 62 bits, if it is one. The sum of two such numbers fits 64 bits.
    #[inline]
    pub(crate) fn small_whole(self) -> Option<i64> {
        let parts = self.0.unpack();
        if parts.scale != 0 || parts.hi != 0 || parts.mid >> 30 != 0 {
            return None;
        }
        let whole = (i64::from(parts.mid) << 32) | i64::from(parts.lo);
        Some(if parts.negative { whole.wrapping_neg() } else { whole })
    }

    /// The amount `mantissa / 10^scale`, if 96 bits and 28 decimal places hold it.
    pub(crate) fn from_parts(mantissa: i128, scale: u32) -> Option<Amount> {
        Decimal::try_from_i128_with_scale(mantissa, scale).ok().map(|value| Amount(value.normalize()))
    }

    /// The smallest mantissa and scale of the amount.
    pub(crate) fn parts(self) -> (i128, u32) {
        let value = self.0.normalize();
        (value.mantissa(), value.scale())
    }

    /// Both mantissas at a common scale, and that scale.
    fn aligned(self, other: Amount) -> Option<(i128, i128, u32)> {
        let (a, b) = (self.0.normalize(), other.0.normalize());
        let scale = a.scale().max(b.scale());
        Some((raised(a, scale)?, raised(b, scale)?, scale))
    }
}

/// The value of a text of one to eighteen digits.
fn few_digits(text: &str) -> Option<u64> {
    let digit = |value: u64, byte: u8| {
        let digit = u64::from(byte.wrapping_sub(b'0'));
        value.checked_mul(10)?.checked_add(digit).filter(|_| digit < 10)
    };
    if !(1..=18).contains(&text.len()) {
        return None;
    }
    text.bytes().try_fold(0, digit)
}

/// The amount with these digits, if 96 bits and 28 decimal places hold it.
fn from_digits(is_negative: bool, whole: &str, fraction: &str) -> Option<Amount> {
    let digit = |value: i128, digit: u8| value.checked_mul(10)?.checked_add(i128::from(digit.wrapping_sub(b'0')));
    let mantissa = whole.bytes().chain(fraction.bytes()).try_fold(0, digit)?;
    let mantissa = if is_negative { mantissa.checked_neg()? } else { mantissa };
    Decimal::try_from_i128_with_scale(mantissa, u32::try_from(fraction.len()).ok()?).ok().map(Amount)
}

/// Compares as the library does, whose comparison is faster, takes more code, and may panic. Both values are raised to
/// the larger scale; a value that is too large for that scale is larger than the other value, which has it.
#[inline(never)]
fn compare(a: Decimal, b: Decimal) -> Ordering {
    let scale = a.scale().max(b.scale());
    let sign = |value: Decimal| value.mantissa().cmp(&0);
    match (raised(a, scale), raised(b, scale)) {
        (Some(a), Some(b)) => a.cmp(&b),
        (None, _) => sign(a),
        (_, None) => sign(b).reverse(),
    }
}

fn raised(value: Decimal, scale: u32) -> Option<i128> {
    match scale.saturating_sub(value.scale()) {
        0 => Some(value.mantissa()),
        by => value.mantissa().checked_mul(10_i128.checked_pow(by)?),
    }
}

/// The amount `mantissa / 10^scale`, if 96 bits and 28 decimal places hold it, if need be without trailing zeros.
fn fit(mantissa: i128, mut scale: u32) -> Option<Amount> {
    if let Ok(value) = Decimal::try_from_i128_with_scale(mantissa, scale) {
        return Some(Amount(value));
    }
    let digits = mantissa.unsigned_abs();
    let mut words = [96_u32, 64, 32, 0].map(|shift| (digits >> shift) as u32);
    while let Some(fewer) = scale.checked_sub(1) {
        let mut tenth = words;
        if divide_by_ten(&mut tenth) != 0 {
            break;
        }
        (words, scale) = (tenth, fewer);
    }
    let digits = words.iter().fold(0_u128, |digits, word| digits << 32 | u128::from(*word));
    let digits = i128::try_from(digits).ok()?;
    let mantissa = if mantissa < 0 { digits.checked_neg()? } else { digits };
    Decimal::try_from_i128_with_scale(mantissa, scale).ok().map(Amount)
}

/// Divides a number in words, the highest first, and returns the rest. The division of 128 bits is a kilobyte of wasm.
pub(crate) fn divide_by_ten(words: &mut [u32]) -> u32 {
    let mut rest = 0;
    for word in words {
        let dividend = u64::from(rest) << 32 | u64::from(*word);
        (*word, rest) = ((dividend / 10) as u32, (dividend % 10) as u32);
    }
    rest
}

impl From<u32> for Amount {
    fn from(n: u32) -> Self {
        Amount(Decimal::from(n))
    }
}

// Equal by value: "2.50" is "2.5".
impl PartialEq for Amount {
    fn eq(&self, other: &Self) -> bool {
        if cfg!(feature = "small") { self.cmp(other) == Ordering::Equal } else { self.0 == other.0 }
    }
}

impl Eq for Amount {}

impl PartialOrd for Amount {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Amount {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.small_whole(), other.small_whole()) {
            (Some(a), Some(b)) => a.cmp(&b),
            _ if cfg!(feature = "small") => compare(self.0, other.0),
            _ => self.0.cmp(&other.0),
        }
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text())
    }
}

impl WriteJson for Amount {
    fn write_json(&self, out: &mut Vec<u8>) {
        put(out, "\"");
        match self.small_whole() {
            Some(whole) => whole.write_json(out),
            None => put(out, Written::new(self.0.normalize()).as_str()),
        }
        put(out, "\"");
    }
}

/// A decimal in plain digits, right-aligned in a buffer. The library prints the same text with five times the code.
pub(crate) struct Written {
    text: [u8; 32],
    from: usize,
}

impl Written {
    pub(crate) fn new(value: Decimal) -> Written {
        let parts = value.unpack();
        let (mut words, mut scale) = ([parts.hi, parts.mid, parts.lo], parts.scale);
        let mut written = Written { text: [0; 32], from: 32 };
        loop {
            written.prepend(digit(divide_by_ten(&mut words).into()));
            if scale == 1 {
                written.prepend(b'.');
            } else if scale == 0 && words == [0; 3] {
                break;
            }
            scale = scale.saturating_sub(1);
        }
        if parts.negative {
            written.prepend(b'-');
        }
        written
    }

    fn prepend(&mut self, byte: u8) {
        self.from = self.from.saturating_sub(1);
        if let Some(place) = self.text.get_mut(self.from) {
            *place = byte;
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        str::from_utf8(self.text.get(self.from..).unwrap_or_default()).unwrap_or_default()
    }
}

/// Why a text is not an amount.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum AmountError {
    /// Not a decimal number in plain digits.
    Malformed,
    /// More digits than an amount holds exactly.
    TooManyDigits,
}

impl AmountError {
    /// What `Display` shows.
    pub fn text(self) -> &'static str {
        match self {
            AmountError::Malformed => "expected a decimal in plain digits, such as \"10.50\"",
            AmountError::TooManyDigits => "the decimal has more than the 28 digits that can be held exactly",
        }
    }
}

impl fmt::Display for AmountError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl std::error::Error for AmountError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trailing_zeros_make_room() {
        let mantissa = 79_228_162_514_264_337_593_543_950_335_i128;
        for zeros in 0..=9 {
            for sign in [1, -1] {
                let fitting = fit(sign * mantissa * 10_i128.pow(zeros), zeros + 3);
                assert_eq!(fitting, Some(Amount(Decimal::from_i128_with_scale(sign * mantissa, 3))));
                assert_eq!(fit(sign * mantissa * 10_i128.pow(zeros) + sign, zeros), None);
            }
        }
        assert_eq!((fit(i128::MIN, 28), fit(i128::MAX, 28), fit(mantissa * 10, 0)), (None, None, None));
    }

    #[test]
    fn a_comparison_is_that_of_the_library() {
        let texts =
            ["0", "0.00", "1", "1.0", "1.5", "-1.5", "0.0000000000000000000000000001", "79228162514264337593543950335"];
        let values: Vec<Decimal> =
            texts.iter().flat_map(|text| [Amount::parse(text).unwrap().0, -Amount::parse(text).unwrap().0]).collect();
        for a in &values {
            for b in &values {
                assert_eq!(compare(*a, *b), a.cmp(b), "{a} and {b}");
            }
        }
    }

    #[test]
    fn a_decimal_is_written_as_its_library_writes_it() {
        for mantissa in [0, 1, 9, 10, 100, 4_294_967_296, 12_345_678_901_234_567_890, Decimal::MAX.mantissa()] {
            for scale in [0, 1, 2, 9, 19, 27, 28] {
                for sign in [1, -1] {
                    let value = Decimal::from_i128_with_scale(sign * mantissa, scale);
                    assert_eq!(Written::new(value).as_str(), value.to_string());
                }
            }
        }
        let nothing = -Decimal::new(0, 2);
        assert_eq!(Written::new(nothing).as_str(), nothing.to_string());
    }
}
