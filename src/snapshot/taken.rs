//! Accepts manifests that were built elsewhere and uploads them for the readers.

use crate::hash::Hash;

/// How long an upload may take to arrive: longer than the time limit of the store.
const ON_ITS_WAY_MS: i64 = 30_000;

/// The last accepted manifest. It is recorded before its upload, so that no older version is uploaded
/// after it, even if the request fails.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Taken {
    /// Its version.
    pub version: u64,
    /// Its hash.
    pub manifest: String,
    /// The latest time at which its upload may arrive, in milliseconds since 1970; 0 once it is over.
    pub until: i64,
}

/// Why a manifest is not accepted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NotTaken {
    /// The upload of another manifest may still arrive after it.
    OnItsWay,
    /// This version or a newer version is published or being uploaded.
    NotAbove(u64),
}

impl Taken {
    /// Whether its upload may still arrive. A clock that went backward does not block uploads.
    pub fn is_on_its_way(&self, now: i64) -> bool {
        now < self.until && self.until <= now.saturating_add(ON_ITS_WAY_MS)
    }

    /// The record of the next manifest, to be stored in the transaction that read this record. The same
    /// manifest may be sent again until it is published.
    ///
    /// # Errors
    /// A manifest that is not accepted.
    pub fn next(&self, published: u64, version: u64, manifest: Hash, now: i64) -> Result<Taken, NotTaken> {
        if self.is_on_its_way(now) {
            return Err(NotTaken::OnItsWay);
        }
        let (newest, manifest) = (published.max(self.version), manifest.to_string());
        if version <= newest && (version <= published || self.manifest != manifest) {
            return Err(NotTaken::NotAbove(newest));
        }
        Ok(Taken { version, manifest, until: now.saturating_add(ON_ITS_WAY_MS) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_manifests_only_a_newer_one_or_the_same_again_is_taken() {
        let [one, two] = [Hash::of(b"one"), Hash::of(b"two")];
        let first = Taken::default().next(4, 5, one, 1_000).unwrap();
        assert_eq!(first, Taken { version: 5, manifest: one.to_string(), until: 31_000 });
        // No manifest is accepted during an upload; a clock that went backward blocks nothing.
        assert_eq!(first.next(4, 6, two, 30_999), Err(NotTaken::OnItsWay));
        assert!(first.next(4, 6, two, 31_000).is_ok() && first.next(4, 6, two, 999).is_ok());
        let over = Taken { until: 0, ..first };
        for (published, version, hash, expected) in [
            (4, 4, two, Some(5)),
            (4, 5, two, Some(5)),
            (4, 5, one, None),
            (5, 5, one, Some(5)),
            (7, 6, two, Some(7)),
            (7, 8, two, None),
        ] {
            let found = over.next(published, version, hash, 1_000).err();
            assert_eq!(found, expected.map(NotTaken::NotAbove), "{published} {version}");
        }
    }
}
