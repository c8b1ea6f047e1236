//! Amounts: exact decimals, their texts and their arithmetic. Every operation gives the exact result or refuses; no operation rounds.

pub use crate::decimal::Amount;
use crate::decimal::divide_by_ten;
use crate::json::{WriteJson, digit, put};
use crate::text::cut;
use std::cmp::Ordering;
use std::fmt;

/// The longest text that is read: 29 digits, a sign, a point, and room for redundant zeros.
const MAX_TEXT: usize = 64;

impl Amount {
    /// Reads digits with an optional sign and an optional fraction: `12`, `-0.50`. No exponent.
    ///
    /// # Errors
    /// [`AmountError::Malformed`] for any other text, [`AmountError::TooManyDigits`] for digits that 96 bits and 28
    /// decimal places cannot hold.
    pub fn parse(text: &str) -> Result<Amount, AmountError> {
        // The fast path: most amounts are a few digits.
        if let Some(value) = few_digits(text) {
            return Ok(Amount::of_whole(value));
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
        Written::new(self).as_str().to_owned()
    }

    /// What `Display` shows: the shortest exact form, so that equal amounts print alike.
    pub fn text(self) -> String {
        Written::new(self.normalized()).as_str().to_owned()
    }

    /// The exact sum, or None if it has too many digits.
    pub fn plus(self, other: Amount) -> Option<Amount> {
        if let (Some(a), Some(b)) = (self.small_whole(), other.small_whole()) {
            return a.checked_add(b).map(Amount::of_whole);
        }
        let (a, b, scale) = self.aligned(other)?;
        fit(a.checked_add(b)?, scale)
    }

    /// The exact difference, or None if it has too many digits.
    pub fn minus(self, other: Amount) -> Option<Amount> {
        if let (Some(a), Some(b)) = (self.small_whole(), other.small_whole()) {
            return a.checked_sub(b).map(Amount::of_whole);
        }
        let (a, b, scale) = self.aligned(other)?;
        fit(a.checked_sub(b)?, scale)
    }

    /// The exact product, or None if it has too many digits.
    pub fn times(self, other: Amount) -> Option<Amount> {
        let product =
            |a: Amount, b: Amount| fit(a.mantissa().checked_mul(b.mantissa())?, a.scale().checked_add(b.scale())?);
        product(self, other).or_else(|| product(self.normalized(), other.normalized()))
    }

    /// `self` per cent of `other`, or None if it has too many digits.
    pub fn percent_of(self, other: Amount) -> Option<Amount> {
        self.times(Amount::HUNDREDTH)?.times(other)
    }

    /// Both mantissas at a common scale, and that scale.
    fn aligned(self, other: Amount) -> Option<(i128, i128, u32)> {
        let (a, b) = (self.normalized(), other.normalized());
        let scale = a.scale().max(b.scale());
        Some((raised(a, scale)?, raised(b, scale)?, scale))
    }
}

/// The value of a text of one to eighteen digits.
fn few_digits(text: &str) -> Option<i64> {
    let digit = |value: i64, byte: u8| {
        let digit = i64::from(byte.wrapping_sub(b'0'));
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
    Amount::of(mantissa, u32::try_from(fraction.len()).ok()?)
}

/// Both values are raised to the larger scale; a value that is too large for that scale is larger than the other value,
/// which has it.
#[inline(never)]
fn compare(a: Amount, b: Amount) -> Ordering {
    let scale = a.scale().max(b.scale());
    let sign = |value: Amount| value.mantissa().cmp(&0);
    match (raised(a, scale), raised(b, scale)) {
        (Some(a), Some(b)) => a.cmp(&b),
        (None, _) => sign(a),
        (_, None) => sign(b).reverse(),
    }
}

fn raised(value: Amount, scale: u32) -> Option<i128> {
    match scale.saturating_sub(value.scale()) {
        0 => Some(value.mantissa()),
        by => value.mantissa().checked_mul(10_i128.checked_pow(by)?),
    }
}

/// The amount `mantissa / 10^scale`, if 96 bits and 28 decimal places hold it, if need be without trailing zeros.
fn fit(mantissa: i128, mut scale: u32) -> Option<Amount> {
    if let Some(amount) = Amount::of(mantissa, scale) {
        return Some(amount);
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
    Amount::of(mantissa, scale)
}

impl From<u32> for Amount {
    fn from(n: u32) -> Self {
        Amount::of_whole(n.into())
    }
}

// Equal by value: "2.50" is "2.5".
impl PartialEq for Amount {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
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
            _ => compare(*self, *other),
        }
    }
}

impl fmt::Debug for Amount {
    /// As it is displayed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
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
            None => put(out, Written::new(self.normalized()).as_str()),
        }
        put(out, "\"");
    }
}

/// A decimal in plain digits, right-aligned in a buffer.
pub(crate) struct Written {
    text: [u8; 32],
    from: usize,
}

impl Written {
    pub(crate) fn new(value: Amount) -> Written {
        let (mut words, mut scale) = (value.words(), value.scale());
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
        if value.has_sign() {
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
    use crate::decimal::tests::{amounts, decimal};

    #[test]
    fn trailing_zeros_make_room() {
        let mantissa = 79_228_162_514_264_337_593_543_950_335_i128;
        for zeros in 0..=9 {
            for sign in [1, -1] {
                let fitting = fit(sign * mantissa * 10_i128.pow(zeros), zeros + 3);
                assert_eq!(fitting, Amount::of(sign * mantissa, 3));
                assert_eq!(fit(sign * mantissa * 10_i128.pow(zeros) + sign, zeros), None);
            }
        }
        assert_eq!((fit(i128::MIN, 28), fit(i128::MAX, 28), fit(mantissa * 10, 0)), (None, None, None));
    }

    #[test]
    fn an_amount_is_written_as_the_library_writes_it_and_read_again() {
        for amount in amounts() {
            let text = decimal(amount).to_string();
            let read = Amount::parse(&text).unwrap();
            assert_eq!((Written::new(amount).as_str(), read, read.scale()), (&*text, amount, amount.scale()));
        }
    }

    #[test]
    fn a_comparison_is_that_of_the_library() {
        for a in amounts() {
            for b in amounts() {
                let expected = decimal(a).cmp(&decimal(b));
                assert_eq!((compare(a, b), a.cmp(&b), a == b), (expected, expected, expected.is_eq()), "{a} and {b}");
            }
        }
    }
}
