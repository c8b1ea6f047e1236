//! A manifest that was built elsewhere and is put where readers look.

use crate::hash::Hash;

/// How long a manifest from elsewhere may be on its way: longer than the store is waited for.
const ON_ITS_WAY_MS: i64 = 30_000;

/// The manifest that was taken last from elsewhere. It is recorded before it is put where readers look, so
/// that no older version is put there after it, whatever becomes of the request.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Taken {
    /// Its version.
    pub version: u64,
    /// Its hash.
    pub manifest: String,
    /// Until when it may be on its way, in milliseconds since 1970; 0 once that is known to be over.
    pub until: i64,
}

/// Why a manifest from elsewhere is not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NotTaken {
    /// Another manifest may still arrive after it.
    OnItsWay,
    /// This version, or a newer one, is published or on its way.
    NotAbove(u64),
}

impl Taken {
    /// Whether it may still arrive where readers look. A clock that went backward holds nothing up.
    pub fn is_on_its_way(&self, now: i64) -> bool {
        now < self.until && self.until <= now.saturating_add(ON_ITS_WAY_MS)
    }

    /// The record of the next manifest, to be kept in the transaction in which this one was read. The same
    /// manifest may be sent again as long as it is not published.
    ///
    /// # Errors
    /// A manifest that may not be taken.
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
        // While it may be on its way, nothing is taken; a clock that went backward holds nothing up.
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
