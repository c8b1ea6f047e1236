//! The form of amounts in memory: 96 bits of digits, a sign, and a scale of at most 28 decimal places.

use std::num::NonZeroU64;

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
#[derive(Clone, Copy)]
pub struct Amount {
    /// The lower 64 of the 96 bits of the digits.
    low: u64,
    /// The upper 32 bits of the digits, and below them the sign and the scale. The lowest bit is always set, so an
    /// `Option<Amount>` takes no more room.
    high: NonZeroU64,
}

/// The lowest bit of `high`.
const ALWAYS: NonZeroU64 = NonZeroU64::MIN;
/// The place of the scale in `high`, which takes five bits.
const SCALE: u32 = 1;
/// The bit of `high` for a negative amount.
const NEGATIVE: u64 = 1 << 6;
/// The place of the digits in `high`.
const DIGITS: u32 = 32;

/// The most decimal places.
const MAX_SCALE: u32 = 28;

impl Amount {
    /// Zero.
    pub const ZERO: Amount = Amount { low: 0, high: ALWAYS };
    /// One: the requested amount of a question that does not state it.
    pub const ONE: Amount = Amount { low: 1, high: ALWAYS };
    /// The largest amount.
    pub(crate) const MAX: Amount = Amount { low: u64::MAX, high: ALWAYS.saturating_add((u32::MAX as u64) << DIGITS) };
    /// A hundredth.
    pub(crate) const HUNDREDTH: Amount = Amount { low: 1, high: ALWAYS.saturating_add(2 << SCALE) };

    /// Whether the amount is below zero.
    pub fn is_negative(self) -> bool {
        self.has_sign() && !self.is_zero()
    }

    /// Whether the amount is zero.
    pub fn is_zero(self) -> bool {
        self.low == 0 && self.high.get() >> DIGITS == 0
    }

    /// The amount of a whole number.
    #[inline]
    pub fn of_whole(number: i64) -> Amount {
        let high = if number < 0 { ALWAYS | NEGATIVE } else { ALWAYS };
        Amount { low: number.unsigned_abs(), high }
    }

    /// The amount as a whole number of 53 bits, which JavaScript holds exactly. None also for a whole number that was
    /// written with a fraction, such as `1.0`.
    pub fn safe_whole(self) -> Option<i64> {
        self.small_whole().filter(|whole| whole.unsigned_abs() >> 53 == 0)
    }

    /// The amount of a whole number.
    #[inline]
    pub(crate) fn whole(number: i64) -> Amount {
        Amount::of_whole(number)
    }

    /// The amount as a whole number of 62 bits, if it is one. The sum of two such numbers fits 64 bits.
    #[inline]
    pub(crate) fn small_whole(self) -> Option<i64> {
        let is_small = self.high.get() & !NEGATIVE == ALWAYS.get() && self.low >> 62 == 0;
        let whole = self.low.cast_signed();
        is_small.then_some(if self.high == ALWAYS { whole } else { whole.wrapping_neg() })
    }

    /// The amount `mantissa / 10^scale`, if 96 bits and 28 decimal places hold it.
    pub(crate) fn of(mantissa: i128, scale: u32) -> Option<Amount> {
        let digits = mantissa.unsigned_abs();
        let upper = u32::try_from(digits >> 64).ok().filter(|_| scale <= MAX_SCALE)?;
        let sign = if mantissa < 0 { NEGATIVE } else { 0 };
        Some(Amount {
            low: digits as u64,
            high: ALWAYS | u64::from(upper) << DIGITS | u64::from(scale) << SCALE | sign,
        })
    }

    /// The same amount as that of [`of`](Amount::of), without trailing zeros.
    pub(crate) fn from_parts(mantissa: i128, scale: u32) -> Option<Amount> {
        Amount::of(mantissa, scale).map(Amount::normalized)
    }

    /// The smallest mantissa and scale of the amount.
    pub(crate) fn parts(self) -> (i128, u32) {
        let value = self.normalized();
        (value.mantissa(), value.scale())
    }

    /// The digits as a whole number, with the sign.
    pub(crate) fn mantissa(self) -> i128 {
        let digits = i128::from(self.high.get() >> DIGITS) << 64 | i128::from(self.low);
        if self.has_sign() { digits.wrapping_neg() } else { digits }
    }

    /// Whether the digits have a minus, which zero may have too.
    pub(crate) fn has_sign(self) -> bool {
        self.high.get() & NEGATIVE != 0
    }

    /// The number of decimal places.
    pub(crate) fn scale(self) -> u32 {
        (self.high.get() >> SCALE) as u32 & 31
    }

    /// The digits in words, the highest first.
    pub(crate) fn words(self) -> [u32; 3] {
        [(self.high.get() >> DIGITS) as u32, (self.low >> 32) as u32, self.low as u32]
    }

    /// The amount without trailing zeros; zero without a sign.
    pub(crate) fn normalized(mut self) -> Amount {
        if self.is_zero() {
            return Amount::ZERO;
        }
        while let Some(shorter) = self.shorter().filter(|(_, rest)| *rest == 0) {
            self = shorter.0;
        }
        self
    }

    /// The amount without its last decimal place, and the digit there. None for a whole number.
    pub(crate) fn shorter(self) -> Option<(Amount, u32)> {
        let scale = self.scale().checked_sub(1)?;
        let mut words = self.words();
        let digit = divide_by_ten(&mut words);
        let [upper, middle, lower] = words.map(u64::from);
        let sign = self.high.get() & NEGATIVE;
        let high = ALWAYS | upper << DIGITS | u64::from(scale) << SCALE | sign;
        Some((Amount { low: middle << 32 | lower, high }, digit))
    }
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

impl Default for Amount {
    fn default() -> Self {
        Amount::ZERO
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use rust_decimal::Decimal;

    /// The same value in a library of decimals.
    pub(crate) fn decimal(amount: Amount) -> Decimal {
        let [upper, middle, lower] = amount.words();
        Decimal::from_parts(lower, middle, upper, amount.high.get() & NEGATIVE != 0, amount.scale())
    }

    /// Amounts of all lengths and scales, with either sign.
    pub(crate) fn amounts() -> Vec<Amount> {
        let mut amounts = Vec::new();
        let (most, zeros) = (Amount::MAX.mantissa(), 10_i128.pow(28));
        for mantissa in [0, 1, 9, 10, 15, 100, 1_500, 4_294_967_296, 12_345_678_901_234_567_890, zeros, most] {
            for scale in [0, 1, 2, 3, 9, 19, 27, 28] {
                amounts
                    .extend([mantissa, mantissa.wrapping_neg()].map(|mantissa| Amount::of(mantissa, scale).unwrap()));
            }
        }
        amounts
    }

    #[test]
    fn an_amount_is_what_a_library_of_decimals_makes_of_it() {
        assert_eq!((decimal(Amount::ZERO), decimal(Amount::ONE)), (Decimal::ZERO, Decimal::ONE));
        assert_eq!((decimal(Amount::MAX), decimal(Amount::HUNDREDTH)), (Decimal::MAX, Decimal::new(1, 2)));
        assert_eq!(size_of::<Option<Amount>>(), size_of::<Amount>());
        for amount in amounts() {
            let same = decimal(amount);
            assert_eq!((amount.mantissa(), amount.scale()), (same.mantissa(), same.scale()));
            assert_eq!((amount.is_zero(), amount.is_negative()), (same.is_zero(), same < Decimal::ZERO));
            assert_eq!(decimal(amount.normalized()).unpack(), same.normalize().unpack(), "{same}");
            assert_eq!(amount.parts(), (same.normalize().mantissa(), same.normalize().scale()));
            let is_small = same.scale() == 0 && same.mantissa().unsigned_abs() < 1 << 62;
            assert_eq!(amount.small_whole().map(i128::from), is_small.then_some(same.mantissa()));
        }
        for (mantissa, scale) in [(1_i128 << 96, 0), (-(1_i128 << 96), 0), (i128::MIN, 0), (0, 29), (1, u32::MAX)] {
            assert_eq!((Amount::of(mantissa, scale), Amount::from_parts(mantissa, scale)), (None, None));
        }
        for whole in [0, 1, -1, i64::MAX, i64::MIN] {
            assert_eq!(decimal(Amount::of_whole(whole)), Decimal::from(whole));
        }
    }
}
