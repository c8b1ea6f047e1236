//! New ids. The instant and the seed are arguments: equal arguments give equal ids.

use mayuse_core::Instant;
use sha2::{Digest, Sha256};

/// The ids of one request.
///
/// ```
/// use mayuse_core::Instant;
/// use mayuse_dialects::Ids;
/// let mut ids = Ids::new(Instant::EPOCH, [7; 16]);
/// let (first, second) = (ids.next("add_"), ids.next("add_"));
/// assert!(first.starts_with("add_") && first != second);
/// ```
#[derive(Debug)]
pub struct Ids {
    now: Instant,
    seed: [u8; 16],
    n_made: u64,
}

impl Ids {
    /// Ids for an instant, different for every seed.
    pub fn new(now: Instant, seed: [u8; 16]) -> Ids {
        Ids { now, seed, n_made: 0 }
    }

    /// An id in Meteroid's form: the prefix and a UUID of version 7, turned by 67 bits, in base 62.
    pub fn next(&mut self, prefix: &str) -> String {
        let uuid = self.uuid();
        format!("{prefix}{}", base62(uuid.rotate_left(67)))
    }

    /// An id in Pabbly's form: 24 hexadecimal digits, of which the first eight are the second.
    pub fn next_hex(&mut self) -> String {
        let seconds = self.now.millis().div_euclid(1_000).rem_euclid(1 << 32);
        let random = self.random() >> 64;
        format!("{seconds:08x}{random:016x}")
    }

    fn uuid(&mut self) -> u128 {
        let random = self.random();
        let ms = u128::try_from(self.now.millis()).unwrap_or_default() & 0xffff_ffff_ffff;
        let (rand_a, rand_b) = ((random >> 116) & 0xfff, random & 0x3fff_ffff_ffff_ffff);
        ms << 80 | 0x7 << 76 | rand_a << 64 | 0b10 << 62 | rand_b
    }

    fn random(&mut self) -> u128 {
        let digest = Sha256::new().chain_update(self.seed).chain_update(self.n_made.to_be_bytes()).finalize();
        self.n_made = self.n_made.wrapping_add(1);
        digest.iter().take(16).fold(0, |value, byte| value << 8 | u128::from(*byte))
    }
}

/// A stable id for an object that was stored without an id, such as an entitlement row. Equal
/// names give equal ids.
pub fn derived(prefix: &str, names: &[&str]) -> String {
    let mut hash = Sha256::new();
    for name in names {
        hash.update(name.as_bytes());
        hash.update([0]);
    }
    let value = hash.finalize().iter().take(16).fold(0_u128, |value, byte| value << 8 | u128::from(*byte));
    format!("{prefix}{}", base62(value))
}

fn base62(mut value: u128) -> String {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut digits = Vec::with_capacity(22);
    loop {
        let digit = usize::try_from(value.rem_euclid(62)).unwrap_or_default();
        digits.push(DIGITS.get(digit).copied().unwrap_or(b'0'));
        value = value.div_euclid(62);
        if value == 0 {
            break;
        }
    }
    digits.iter().rev().map(|digit| char::from(*digit)).collect()
}

/// Bytes in hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_uuid_is_written_as_meteroid_writes_it() {
        assert_eq!(base62(u128::MAX), "7n42DGM5Tflk9n8mt7Fhc7");
        assert_eq!(base62(0), "0");
    }

    #[test]
    fn an_id_holds_its_instant_version_and_variant() {
        let now = Instant::parse("2026-11-21T10:00:00.123Z").unwrap();
        let uuid = Ids::new(now, [1; 16]).uuid();
        assert_eq!(uuid >> 80, u128::try_from(now.millis()).unwrap());
        assert_eq!((uuid >> 76) & 0xf, 7);
        assert_eq!((uuid >> 62) & 0b11, 0b10);
    }
}
