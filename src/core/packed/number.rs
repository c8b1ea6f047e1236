//! Whole numbers of more than one byte.

/// The bits of a number in each byte.
pub(super) const BITS: u32 = 6;
/// The flag for further bytes.
pub(super) const MORE: u8 = 1 << BITS;

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
