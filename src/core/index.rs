//! A hash index from keys to positions, built once and then only read.
//!
//! All keys are in one text and all slots in one array, so a look-up touches two places in memory, whatever the size.
//! The seed is derived from all keys, so that a person who chooses a few of them cannot make them collide.

/// Positions by key.
#[derive(Debug, Default)]
pub(crate) struct Index {
    /// A power of two of slots, at most half of them taken.
    slots: Vec<Slot>,
    keys: String,
    seed: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    /// The upper half of the hash, which alone tells most other keys apart.
    tag: u32,
    /// The start and the length of the key in `keys`; the length is 0 in a free slot.
    key: (u32, u32),
    place: u32,
}

impl Index {
    /// Indexes lists, in place of what was indexed before: a key has its position in its own list. Of equal keys, the
    /// first counts.
    pub fn fill(&mut self, lists: &[&[&str]]) {
        let mut n_keys = 0_usize;
        self.seed = 0;
        for list in lists {
            n_keys = n_keys.saturating_add(list.len());
            for key in *list {
                self.seed = hash(self.seed, key);
            }
        }
        let n_slots = n_keys.saturating_mul(2).max(2).next_power_of_two();
        self.slots = vec![Slot::default(); n_slots];
        self.keys = String::new();
        for list in lists {
            for (key, place) in list.iter().zip(0..) {
                self.insert(key, place);
            }
        }
        self.keys.shrink_to_fit();
    }

    /// The position of a key.
    pub fn get(&self, key: &str) -> Option<u32> {
        let (tag, mut at) = self.home(key);
        // At most half of the slots are taken, so a free slot ends the search.
        while let Some(slot) = self.slots.get(at).filter(|slot| slot.key.1 != 0) {
            if slot.tag == tag && self.is(slot, key) {
                return Some(slot.place);
            }
            at = at.wrapping_add(1) & self.slots.len().wrapping_sub(1);
        }
        None
    }

    fn insert(&mut self, key: &str, place: u32) {
        let (Ok(start), Ok(len)) = (u32::try_from(self.keys.len()), u32::try_from(key.len())) else { return };
        if key.is_empty() || self.get(key).is_some() {
            return;
        }
        let (tag, from) = self.home(key);
        self.keys.push_str(key);
        let (before, after) = self.slots.split_at_mut(from);
        if let Some(free) = after.iter_mut().chain(before).find(|slot| slot.key.1 == 0) {
            *free = Slot { tag, key: (start, len), place };
        }
    }

    /// The tag of a key, and the first slot to probe.
    fn home(&self, key: &str) -> (u32, usize) {
        let hash = hash(self.seed, key);
        let mask = u64::try_from(self.slots.len()).unwrap_or_default().saturating_sub(1);
        let start = usize::try_from(hash & mask).unwrap_or_default();
        (u32::try_from(hash >> 32).unwrap_or_default(), start)
    }

    fn is(&self, slot: &Slot, key: &str) -> bool {
        let (Ok(start), Ok(len)) = (usize::try_from(slot.key.0), usize::try_from(slot.key.1)) else { return false };
        self.keys.as_bytes().get(start..start.saturating_add(len)).is_some_and(|text| is_same(text, key.as_bytes()))
    }
}

/// A multiplicative hash of eight bytes at a time. It never changes, because customer blocks are laid out by it.
pub(crate) fn hash(seed: u64, key: &str) -> u64 {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let mix = |state: u64, word: u64| {
        let mixed = (state ^ word).wrapping_mul(ODD);
        mixed ^ (mixed >> 29)
    };
    let length = u64::try_from(key.len()).unwrap_or_default();
    let (words, rest) = key.as_bytes().as_chunks::<8>();
    let state = words.iter().fold(mix(seed, length), |state, word| mix(state, u64::from_le_bytes(*word)));
    // The last eight bytes hold the rest; a shorter key is its own rest.
    let last = match key.as_bytes().last_chunk::<8>() {
        Some(last) => u64::from_le_bytes(*last),
        None => few(rest),
    };
    mix(mix(state, last), ODD)
}

/// Less than eight bytes as a number, the first byte the highest.
#[cfg_attr(not(feature = "small"), inline(always))]
fn few(bytes: &[u8]) -> u64 {
    if cfg!(not(feature = "small"))
        && let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>())
    {
        // Bytes of both parts are the same bits in both.
        let behind = u32::try_from(bytes.len()).unwrap_or_default().wrapping_sub(4).wrapping_mul(8);
        return u64::from(u32::from_be_bytes(*first)).wrapping_shl(behind) | u64::from(u32::from_be_bytes(*last));
    }
    bytes.iter().fold(0, |last, byte| (last << 8) | u64::from(*byte))
}

/// Whether texts are equal. Most keys have 8 to 16 bytes, for which a call of the library's comparison takes longer.
#[cfg_attr(not(feature = "small"), inline(always))]
pub(crate) fn is_same(a: &[u8], b: &[u8]) -> bool {
    if cfg!(not(feature = "small"))
        && a.len() == b.len()
        && a.len() <= 16
        && let (Some(from), Some(to)) = (ends(a), ends(b))
    {
        return from == to;
    }
    a == b
}

/// The first and the last eight bytes.
#[inline(always)]
fn ends(bytes: &[u8]) -> Option<(u64, u64)> {
    let number = |bytes: &[u8; 8]| u64::from_le_bytes(*bytes);
    Some((number(bytes.first_chunk()?), number(bytes.last_chunk()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_every_key_and_no_other() {
        let keys: Vec<String> = (0..5_000).map(|n| format!("cus_{n}")).collect();
        let listed: Vec<&str> = keys.iter().map(String::as_str).collect();
        let mut index = Index::default();
        index.fill(&[&listed]);
        for (key, n) in keys.iter().zip(0..) {
            assert_eq!(index.get(key), Some(n));
        }
        for missing in ["", "cus_", "cus_5000", "cus_00", "CUS_1"] {
            assert_eq!(index.get(missing), None, "{missing}");
        }
    }

    #[test]
    fn first_of_two_equal_keys_stands() {
        let mut index = Index::default();
        // What was indexed before is forgotten.
        index.fill(&[&["d"]]);
        index.fill(&[&["a", "b", "a"], &["b", "c"]]);
        assert_eq!(index.get("d"), None);
        assert_eq!((index.get("a"), index.get("b"), index.get("c")), (Some(0), Some(1), Some(1)));
    }
}
