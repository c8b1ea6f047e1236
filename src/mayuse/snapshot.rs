//! A snapshot in one file, held whole in memory.

use crate::error::Error;
use crate::options::Options;
use mayuse_core::{Catalog, Decision, Instant, Packed, Question, Source};
use mayuse_snapshot::{PublicKey, Replica, open_file};

/// A verified snapshot, held whole: every check is answered from memory.
///
/// # Example: a file that another key signed
///
/// ```
#[doc = include_str!("setup.txt")]
/// use mayuse::{Options, PublicKey, Snapshot};
///
/// let other = PublicKey::from_bytes([1; 32]);
/// let error = Snapshot::open(file, &[other], &Options::default()).unwrap_err();
/// assert_eq!(error.code(), "UNKNOWN_KEY");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Snapshot {
    replica: Replica,
}

impl Snapshot {
    /// Opens a file that `mayuse build --file` wrote, if one of the keys signed it.
    ///
    /// # Errors
    /// Bytes that are not a snapshot, or a snapshot that the keys or the options do not accept.
    pub fn open(file: impl Into<Vec<u8>>, keys: &[PublicKey], options: &Options) -> Result<Snapshot, Error> {
        let file = Packed::new(file.into()).ok_or_else(|| Error::new("NOT_A_SNAPSHOT", "not a snapshot file"))?;
        let (manifest, catalog, shards) = open_file(&file, keys, true, options.audience.as_deref())?;
        let (version, least) = (manifest.version, options.min_version);
        let mut replica = Replica::new(usize::MAX, least).with_own(options.own());
        if !replica.accept(manifest, Some(&catalog), (0..).zip(shards).collect(), Source::Snapshot)? {
            let message = format!("the snapshot is version {version}, and {least} is the oldest that is accepted");
            return Err(Error::new("TOO_OLD", message));
        }
        Ok(Snapshot { replica })
    }

    /// Decides whether a customer may use a feature. The age of the snapshot is measured at `now`, which is also
    /// the instant that is asked about unless the question names another.
    ///
    /// # Errors
    /// A question with an impossible name or amount, or whose amounts and limits have more digits than can be held
    /// exactly.
    pub fn check<'s>(&'s self, question: &Question<'s>, now: Instant) -> Result<Decision<'s>, Error> {
        // Every shard is held.
        let decided = self.replica.decide(question, now);
        Ok(decided.map_err(|_| Error::new("INCOMPLETE", "the snapshot lacks the customer's shard"))??)
    }

    /// Decides about every feature of a customer, in the order of the features' ids. The usage is unknown here:
    /// pass it to [`check`](Snapshot::check).
    ///
    /// # Errors
    /// An impossible name of a customer.
    pub fn entitlements<'s>(&'s self, customer: &'s str, now: Instant) -> Result<Vec<Decision<'s>>, Error> {
        self.features().map(|feature| self.check(&Question::new(customer, feature), now)).collect()
    }

    /// The codes of all features.
    pub fn features(&self) -> impl Iterator<Item = &str> {
        self.replica.catalog().into_iter().flat_map(Catalog::feature_codes)
    }

    /// The version of the catalog.
    pub fn version(&self) -> u64 {
        self.replica.manifest().map_or(0, |manifest| manifest.version)
    }

    /// The instant at which this was the newest version.
    pub fn generated_at(&self) -> Option<Instant> {
        self.replica.manifest().map(|manifest| manifest.generated_at)
    }
}
