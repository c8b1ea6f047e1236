//! Amounts that are rounded down, where a number is shown or compared and nobody is billed by it.

use crate::amount::{Amount, Written};

impl Amount {
    /// The quotient of two amounts of at least zero, rounded down to 28 significant digits and 28 decimal places. None
    /// for a divisor of zero. A quotient that is too large is the largest amount.
    pub(crate) fn divided_down(self, by: Amount) -> Option<Amount> {
        // 28 digits.
        const ENOUGH: i128 = 1_000_000_000_000_000_000_000_000_000;
        let (a, b) = (self.normalized(), by.normalized());
        let divisor = b.mantissa();
        if divisor == 0 {
            return None;
        }
        // Digit by digit, because the division of 128 bits is a kilobyte of wasm.
        let (mut quotient, mut rest) = (0_i128, 0_i128);
        let mut divide = |digit: u8| {
            rest = rest.saturating_mul(10).saturating_add(digit.into());
            quotient = quotient.saturating_mul(10);
            while divisor <= rest {
                rest = rest.saturating_sub(divisor);
                quotient = quotient.saturating_add(1);
            }
            (quotient, rest != 0)
        };
        let mut found = (0, false);
        for digit in Written::new(a).as_str().bytes().filter(u8::is_ascii_digit) {
            found = divide(digit.wrapping_sub(b'0'));
        }
        let mut scale = i64::from(a.scale()).saturating_sub(i64::from(b.scale()));
        while scale < 0 || (found.1 && found.0 < ENOUGH && scale < 28) {
            found = divide(0);
            scale = scale.saturating_add(1);
        }
        let scale = u32::try_from(scale).unwrap_or_default();
        Some(Amount::of(found.0, scale).unwrap_or(Amount::MAX))
    }

    /// The sum of two amounts of at least zero. Decimal places that do not fit are dropped.
    #[cfg(feature = "usage")]
    pub(crate) fn plus_down(self, other: Amount) -> Amount {
        let (mut a, mut b) = (self.normalized(), other.normalized());
        loop {
            if let Some(sum) = a.plus(b) {
                return sum;
            }
            let longer = if a.scale() < b.scale() { &mut b } else { &mut a };
            let Some((shorter, _)) = longer.shorter() else { return Amount::MAX };
            *longer = shorter;
        }
    }

    /// What is left of an amount after `other`, which is at most as large. Decimal places of `other` that do not fit
    /// are dropped.
    #[cfg(feature = "usage")]
    pub(crate) fn minus_about(self, other: Amount) -> Amount {
        let mut other = other.normalized();
        loop {
            if let Some(rest) = self.minus(other) {
                return rest;
            }
            let Some((shorter, _)) = other.shorter() else { return self };
            other = shorter;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quotient_is_rounded_down() {
        let cases = [
            ("10", "4", "2.5"),
            ("10", "3", "3.333333333333333333333333333"),
            ("20", "3", "6.666666666666666666666666666"),
            ("0", "7", "0"),
            ("1", "0.0000000000000000000000000001", "10000000000000000000000000000"),
            ("79228162514264337593543950335", "0.1", "79228162514264337593543950335"),
            ("0.0000000000000000000000000001", "3", "0"),
            ("0.7", "0.07", "10"),
            ("1", "300", "0.0033333333333333333333333333"),
        ];
        for (a, b, quotient) in cases {
            let amount = |text: &str| Amount::parse(text).unwrap();
            assert_eq!(amount(a).divided_down(amount(b)), Some(amount(quotient)), "{a} / {b}");
            assert_eq!(amount(a).divided_down(Amount::ZERO), None);
        }
        let amount = |text: &str| Amount::parse(text).unwrap();
        let third = amount("10").divided_down(amount("3")).unwrap();
        assert_eq!(third.plus_down(amount("1000")), amount("1003.3333333333333333333333333"));
        assert_eq!(amount("1000").minus_about(third), amount("996.6666666666666666666666667"));
    }
}
