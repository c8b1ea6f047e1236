//! The name of an object: the SHA-256 of its bytes.

use sha2::{Digest, Sha256};
use std::fmt;

/// A SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash([u8; 32]);

impl Hash {
    /// The placeholder for a missing object.
    pub(crate) const ZERO: Hash = Hash([0; 32]);

    /// Hashes bytes.
    pub fn of(bytes: &[u8]) -> Hash {
        Hash(Sha256::digest(bytes).into())
    }

    /// Wraps a hash that the shell computed, which is faster.
    pub fn from_bytes(bytes: [u8; 32]) -> Hash {
        Hash(bytes)
    }

    /// Reads 64 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Hash> {
        let mut bytes = [0; 32];
        from_hex(text, &mut bytes)?;
        Some(Hash(bytes))
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// What `Display` shows: 64 hexadecimal digits.
    pub fn digits(&self) -> String {
        hex(&self.0)
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.digits())
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    // Ten letters before `a`.
    const LETTERS: u8 = b'a' - 10;
    let digit = |value: u8| value.wrapping_add(if value < 10 { b'0' } else { LETTERS });
    let mut digits = Vec::with_capacity(bytes.len().saturating_mul(2));
    for byte in bytes {
        digits.push(digit(byte >> 4));
        digits.push(digit(byte & 15));
    }
    String::from_utf8(digits).unwrap_or_default()
}

/// Reads exactly as many lower-case hexadecimal digits as fill `bytes`: one thing has one name.
pub(crate) fn from_hex(text: &str, bytes: &mut [u8]) -> Option<()> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() || pairs.len() != bytes.len() {
        return None;
    }
    let value = |digit: u8| match digit {
        b'0'..=b'9' | b'a'..=b'f' => char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok()),
        _ => None,
    };
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = value(*high)? << 4 | value(*low)?;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_have_one_name() {
        let hash = Hash::of(b"abc");
        assert_eq!(hash.to_string(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(Hash::parse(&hash.to_string()), Some(hash));
        for other in ["", "ba", &hash.to_string().to_uppercase(), &format!("{hash}00"), &"g".repeat(64)] {
            assert_eq!(Hash::parse(other), None, "{other}");
        }
    }
}
