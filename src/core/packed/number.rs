//! Whole numbers of more than one byte.

/// The bits of a number in each byte.
pub(super) const BITS: u32 = 6;
/// The flag for further bytes.
pub(super) const MORE: u8 = 1 << BITS;

/// The length of the number at a position, if it is a valid one that ends within the eight bytes there.
#[inline(always)]
pub(super) fn number_len(bytes: &[u8], at: usize) -> Option<usize> {
    let word = u64::from_le_bytes(*bytes.get(at..)?.first_chunk::<8>()?);
    let ends = !word & 0x4040_4040_4040_4040;
    if ends == 0 {
        return None;
    }
    let n_more = usize::try_from(ends.trailing_zeros() >> 3).unwrap_or_default();
    Some(n_more.wrapping_add(1))
}

/// The number at a position, if it is one of two bytes.
#[inline(always)]
pub(super) fn short_number(bytes: &[u8], at: usize) -> Option<u64> {
    let [low, high] = *bytes.get(at..)?.first_chunk::<2>()?;
    let is_short = low & !(MORE - 1) == MORE && high < MORE;
    is_short.then(|| u64::from(low & (MORE - 1)) | (u64::from(high) << BITS))
}

/// The number at a position, if it is one of three bytes, as nearly all days are.
#[inline(always)]
pub(super) fn middle_number(bytes: &[u8], at: usize) -> Option<u64> {
    let [low, middle, high] = *bytes.get(at..)?.first_chunk::<3>()?;
    let is_middle = low & middle & MORE == MORE && (low | middle) < 2 * MORE && high < MORE;
    let bits = |byte: u8| u64::from(byte & (MORE - 1));
    is_middle.then(|| bits(low) | (bits(middle) << BITS) | (u64::from(high) << (2 * BITS)))
}

/// The number at a position and its length in bytes; the length is 0 if there is no valid number.
///
/// Reads eight bytes at once, because nearly every number ends within them.
#[inline(never)]
pub(super) fn long_number(bytes: &[u8], at: usize) -> (u64, usize) {
    const EIGHTH: u64 = 0x8080_8080_8080_8080;
    const SEVENTH: u64 = 0x4040_4040_4040_4040;
    let rest = bytes.get(at..).unwrap_or_default();
    let Some((chunk, _)) = rest.split_first_chunk::<8>() else { return last_number(rest) };
    let word = u64::from_le_bytes(*chunk);
    let ends = !word & SEVENTH;
    if ends == 0 {
        return last_number(rest);
    }
    // A mask of all bits up to the seventh bit of the number's last byte.
    let number = ends ^ ends.wrapping_sub(1);
    // A set eighth bit belongs to a text, not to a number.
    if word & EIGHTH & (number | (number << 1)) != 0 {
        return (0, 0);
    }
    // Joins six bits of each byte, then twelve bits of each pair, then twenty-four of each four bytes.
    let bits = word & number & !(EIGHTH | SEVENTH);
    let bits = (bits & 0x003f_003f_003f_003f) | ((bits & 0x3f00_3f00_3f00_3f00) >> 2);
    let bits = (bits & 0x0000_0fff_0000_0fff) | ((bits & 0x0fff_0000_0fff_0000) >> 4);
    let bits = (bits & 0x00ff_ffff) | ((bits & 0x00ff_ffff_0000_0000) >> 8);
    let n_more = usize::try_from(ends.trailing_zeros() >> 3).unwrap_or_default();
    (bits, n_more.wrapping_add(1))
}

/// Reads a number byte by byte: within the last eight bytes of the text, or of more than eight bytes.
fn last_number(bytes: &[u8]) -> (u64, usize) {
    let mut number = 0;
    for ((byte, shift), n_bytes) in bytes.iter().zip((0..64).step_by(6)).zip(1..) {
        let bits = u64::from(byte & (MORE - 1));
        // A set eighth bit belongs to a text; the eleventh byte holds the last four bits of 64.
        if byte & 0x80 != 0 || (shift == 60 && 15 < bits) {
            break;
        }
        number |= bits.checked_shl(shift).unwrap_or_default();
        if *byte < MORE {
            return (number, n_bytes);
        }
    }
    (0, 0)
}

/// The bytes of a number of fixed width.
pub(crate) const FIXED: usize = 5;

/// Reads a number of fixed width.
#[inline]
pub(crate) fn fixed(bytes: &[u8; FIXED]) -> usize {
    let [a, b, c, d, e] = bytes.map(usize::from);
    a | (b << 6) | (c << 12) | (d << 18) | (e << 24)
}

/// The bytes of two numbers of fixed width, and some that follow.
pub(crate) const TWO_FIXED: usize = 13;

/// Reads two numbers of fixed width at once.
#[inline(always)]
pub(crate) fn fixed_two(bytes: &[u8; TWO_FIXED]) -> (usize, usize) {
    let number = |from: usize| {
        let word = bytes.get(from..).and_then(|bytes| bytes.first_chunk()).map_or(0, |word| u64::from_le_bytes(*word));
        let bits = word & 0x3f_3f3f_3f3f;
        let bits = (bits & 0x3f_003f_003f) | ((bits & 0x3f00_3f00) >> 2);
        let bits = (bits & 0x3f_0000_0fff) | ((bits & 0x0fff_0000) >> 4);
        usize::try_from((bits & 0x00ff_ffff) | (bits >> 32 << 24)).unwrap_or_default()
    };
    (number(0), number(FIXED))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bytes of a number, the lowest bits first.
    fn written(mut number: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        while u64::from(MORE) <= number {
            bytes.push(u8::try_from(number & 63).unwrap() | MORE);
            number >>= BITS;
        }
        bytes.push(u8::try_from(number).unwrap());
        bytes
    }

    /// Numbers of each length, with many and with few bits.
    fn numbers() -> impl Iterator<Item = u64> {
        let patterns = [0, u64::MAX, 0x5555_5555_5555_5555, 0x0123_4567_89ab_cdef];
        (0_u32..64)
            .flat_map(move |bit| patterns.map(|pattern| (1 << bit) | pattern.unbounded_shr(63_u32.saturating_sub(bit))))
    }

    #[test]
    fn a_number_is_the_same_whatever_follows() {
        for number in numbers() {
            let bytes = written(number);
            let expected = (number, bytes.len());
            for follows in [0, 1, 0x3f, MORE, 0x7f, 0x80, 0xbf, 0xff] {
                for n in [0, 1, 7, 8, 20] {
                    let text = [bytes.clone(), vec![follows; n]].concat();
                    assert_eq!(long_number(&text, 0), expected, "{number:#x}, then {n} times {follows:#x}");
                    assert_eq!(last_number(&text), expected, "{number:#x}, then {n} times {follows:#x}");
                    assert_eq!(number_len(&text, 0).unwrap_or(expected.1), expected.1);
                    assert_eq!(short_number(&text, 0), (expected.1 == 2).then_some(number));
                    assert_eq!(middle_number(&text, 0), (expected.1 == 3).then_some(number));
                    let later = [&[0xff; 3], text.as_slice()].concat();
                    assert_eq!(long_number(&later, 3), expected);
                }
            }
        }
    }

    #[test]
    fn a_byte_of_a_text_is_no_part_of_a_number() {
        for number in numbers() {
            let bytes = written(number);
            for at in 0..bytes.len() {
                let mut spoilt = [bytes.clone(), vec![0; 8]].concat();
                *spoilt.get_mut(at).unwrap() |= 0x80;
                assert_eq!(long_number(&spoilt, 0), (0, 0), "{number:#x}, byte {at}");
                assert!(1 < at || short_number(&spoilt, 0).is_none());
                assert!(2 < at || middle_number(&spoilt, 0).is_none());
                spoilt.truncate(bytes.len());
                assert_eq!(long_number(&spoilt, 0), (0, 0), "{number:#x}, byte {at}, nothing after it");
            }
        }
    }

    #[test]
    fn a_number_that_has_no_end_or_too_many_bits_is_none() {
        for n in 0..20 {
            assert_eq!(long_number(&vec![0x7f; n], 0), (0, 0), "{n} bytes");
            assert_eq!(long_number(&[0; 4], 4 + n), (0, 0));
        }
        // Ten bytes hold sixty bits, and the eleventh four.
        let most = [vec![0x7f; 10], vec![15]].concat();
        assert_eq!(long_number(&most, 0), (u64::MAX, 11));
        for last in [16, 32, 63] {
            let more = [vec![0x7f; 10], vec![last, 0, 0]].concat();
            assert_eq!(long_number(&more, 0), (0, 0), "{last}");
        }
    }

    fn in_fixed_width(number: usize) -> Vec<u8> {
        (0..30).step_by(6).map(|shift| u8::try_from(number >> shift & 63).unwrap()).collect()
    }

    #[test]
    fn numbers_of_fixed_width_come_back() {
        for number in [0, 63, 64, 1 << 12, 1 << 18, 1 << 24, 0x1234_5678, (1 << 30) - 1] {
            let text = in_fixed_width(number);
            assert_eq!(fixed(text.first_chunk().unwrap()), number);
            let two = [in_fixed_width(number), in_fixed_width(0x2ead_beef), vec![0xff; 3]].concat();
            assert_eq!(fixed_two(two.first_chunk().unwrap()), (number, 0x2ead_beef));
        }
    }
}
