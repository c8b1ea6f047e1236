//! The store as a reader sees it: late, lossy, spoilt, and full of what others put there.

use super::Tally;
use super::readers::Readers;
use mayuse_core::Packed;
use mayuse_snapshot::{Event, Fetched, Hash, Manifest, SigningKey};
use std::collections::BTreeMap;
use std::rc::Rc;

impl Readers {
    /// What was read arrives, or is given up.
    pub(super) fn arrive(
        &mut self,
        found: Vec<Fetched>,
        delay: i64,
        within_ms: u32,
        tally: &mut Tally,
    ) -> (Event, i64) {
        let within_ms = i64::from(within_ms);
        assert!((1..=3_000).contains(&within_ms), "a read that may take {within_ms} ms");
        if within_ms < delay {
            tally.note("a read that was given up");
            let late = found.iter().map(|_| Fetched::Failed("late".to_owned())).collect();
            return (Event::Read(late), within_ms);
        }
        if 1_000 < delay {
            tally.note("a read that was late");
        }
        (Event::Read(found), delay)
    }

    pub(super) fn manifest(&mut self, is_faulty: bool, tally: &mut Tally) -> Fetched {
        let Some((newest, signed)) = self.manifests.back() else { return Fetched::Absent };
        let (newest, signed) = (newest, Rc::clone(signed));
        match if is_faulty { self.random.next(24) } else { 99 } {
            0..=5 => {
                tally.note("an older manifest that the store gave");
                let n = usize::try_from(self.random.next(self.manifests.len() as u64)).unwrap();
                Fetched::Bytes(self.manifests[n].1.as_bytes().to_vec())
            }
            6 => {
                tally.note("a manifest that somebody else signed");
                let other = Manifest { version: newest.version + 1_000_000, ..newest.clone() };
                let forged = other.sign(&SigningKey::from_seed(&[8; 32]));
                let mut bytes = other.sign(&self.key).into_bytes();
                let n = bytes.len() - 128;
                bytes[n..].copy_from_slice(&forged.as_bytes()[n..]);
                Fetched::Bytes(bytes)
            }
            7 => {
                tally.note("a manifest for another deployment");
                let other =
                    Manifest { version: newest.version + 1_000_000, audience: "there".to_owned(), ..newest.clone() };
                Fetched::Bytes(other.sign(&self.key).into_bytes())
            }
            8 => {
                tally.note("a manifest that was spoilt");
                self.spoilt(signed.as_bytes())
            }
            9 | 10 => {
                tally.note("a manifest whose read failed");
                Fetched::Failed("down".to_owned())
            }
            11 => {
                tally.note("a manifest that was lost for a while");
                Fetched::Absent
            }
            _ => Fetched::Bytes(signed.as_bytes().to_vec()),
        }
    }

    pub(super) fn object(
        &mut self,
        hash: Hash,
        store: &BTreeMap<Hash, Packed>,
        is_faulty: bool,
        tally: &mut Tally,
    ) -> Fetched {
        let found = store.get(&hash);
        match if is_faulty { self.random.next(16) } else { 99 } {
            0 => {
                tally.note("an object that was lost for a while");
                Fetched::Absent
            }
            1 => {
                tally.note("an object that was spoilt");
                found.map_or(Fetched::Absent, |found| self.spoilt(found.as_slice()))
            }
            2 => {
                tally.note("an object under the key of another");
                let other = usize::try_from(self.random.next(store.len().max(1) as u64)).unwrap();
                let other = store.values().nth(other);
                other.map_or(Fetched::Absent, |other| Fetched::Bytes(other.as_slice().to_vec()))
            }
            3 => {
                tally.note("an object whose read failed");
                Fetched::Failed("down".to_owned())
            }
            _ => {
                if found.is_none() {
                    tally.note("an object that was taken away before a reader came");
                }
                found.map_or(Fetched::Absent, |found| Fetched::Bytes(found.as_slice().to_vec()))
            }
        }
    }

    fn spoilt(&mut self, bytes: &[u8]) -> Fetched {
        let mut bytes = bytes.to_vec();
        let at = usize::try_from(self.random.next(bytes.len().max(1) as u64)).unwrap();
        if self.random.one_in(3) {
            bytes.truncate(at);
        } else if let Some(byte) = bytes.get_mut(at) {
            *byte ^= 1;
        }
        Fetched::Bytes(bytes)
    }
}
