//! The reader of snapshots: a replica, the times of its looks for a newer manifest, and the checks of every answer.
//!
//! A reader does no I/O and has no clock. Two kinds of tasks run on it: a [`Look`](crate::Look) for a newer manifest,
//! and an [`Asking`](crate::Asking) for each request. A task takes an [`Event`] and returns the next [`Command`]. A
//! shell carries the command out and returns its outcome as the next event. Several tasks may run at the same time;
//! no task waits for another.

use crate::fallback::Fallback;
use crate::fetched::Fetched;
use crate::file::contents;
use crate::hash::Hash;
use crate::keys::PublicKey;
use crate::manifest::{Manifest, ManifestError, Policies, Unverified};
use crate::replica::{Missing, Replica};
use mayuse_core::decide_for;
use mayuse_core::{CustomerRecord, Decision, Instant, Packed, Policy, Problem, Question, Reason, Source};

/// The time limit of one read of the store. A request has other ways to an answer.
pub(crate) const READ_WITHIN_MS: i64 = 3_000;

/// A command for the shell. Its outcome is the next event of the task.
#[derive(Clone, Debug)]
pub enum Command {
    /// Read the manifest. Outcome: [`Event::Read`] of one.
    ReadManifest {
        /// The time limit in milliseconds.
        within_ms: u32,
    },
    /// Read these objects at the same time. Outcome: [`Event::Read`] of as many, in this order.
    ReadObjects {
        /// The hashes, which are the names of the objects.
        hashes: Vec<Hash>,
        /// The time limit of each read in milliseconds.
        within_ms: u32,
    },
    /// Verify a signature (Ed25519). Outcome: [`Event::Verified`].
    Verify {
        /// The key.
        key: PublicKey,
        /// The message.
        message: Packed,
        /// The signature.
        signature: [u8; 64],
    },
    /// Ask the origin. Its answer ends the task. If it does not answer: [`Event::Unanswered`]. The reason says why the
    /// reader itself cannot answer.
    AskOrigin(Reason),
    /// The task is over.
    Done,
}

/// The outcome of a command, which the shell reports to the task.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// The task begins.
    Begin,
    /// The outcomes of the reads.
    Read(Vec<Fetched>),
    /// Whether the signature is valid, or why the shell cannot verify it.
    Verified(Result<bool, String>),
    /// The origin does not answer.
    Unanswered,
}

/// The settings of a reader.
#[derive(Clone, Debug)]
pub struct ReaderSettings {
    /// The trusted keys. Manifests of other keys are refused.
    pub keys: Vec<PublicKey>,
    /// The audience: the deployment whose manifests are accepted. None accepts manifests of every deployment.
    pub audience: Option<String>,
    /// The lowest version that is accepted.
    pub min_version: u64,
    /// The reader's own policies. The stricter of these and the manifest's count.
    pub own: Policies,
    /// The failure policy while no manifest is held.
    pub on_indeterminate: Policy,
    /// The bound of the held shards in bytes.
    pub max_bytes: usize,
    /// The time between two looks in milliseconds.
    pub refresh_ms: i64,
    /// The heartbeat of the writer in milliseconds.
    pub heartbeat_ms: i64,
    /// A random number, so that readers do not return all at the same time after an outage.
    pub chance: u64,
}

impl ReaderSettings {
    /// The time without a look, in milliseconds, from which on a question waits for a look.
    fn quiet_ms(&self) -> i64 {
        self.refresh_ms.saturating_mul(2).max(self.heartbeat_ms)
    }
}

/// Why a question cannot be decided from the replica.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Obstacle {
    /// The replica is behind `min_version` or has expired. Fetching a shard would not help.
    TooOld(Reason),
    /// The manifest or an object is not held.
    Needs(Missing),
}

/// The state of a reader.
#[derive(Debug)]
pub struct Reader {
    /// The settings.
    pub settings: ReaderSettings,
    /// The number of refused manifests.
    pub n_refused: u64,
    /// The number of reads, objects and manifests that were not usable.
    pub n_failed: u64,
    /// The last failure.
    pub last_failure: String,
    replica: Replica,
    fallback: Fallback,
    /// The begin of the last look, in milliseconds since 1970.
    looked_at: Option<i64>,
    /// The begin of the last look that has ended, in milliseconds since 1970.
    ended_at: Option<i64>,
    /// The time from the begin of a look until the next look is due, in milliseconds.
    wait_ms: i64,
    /// The number of looks in a row in which the store failed.
    n_outages: u32,
}

impl Reader {
    /// A reader with an empty replica.
    pub fn new(settings: ReaderSettings, fallback: Fallback) -> Reader {
        let replica = Replica::new(settings.max_bytes, settings.min_version).with_own(settings.own);
        Reader {
            replica,
            fallback,
            wait_ms: settings.refresh_ms,
            settings,
            n_refused: 0,
            n_failed: 0,
            last_failure: String::new(),
            looked_at: None,
            ended_at: None,
            n_outages: 0,
        }
    }

    /// The replica.
    pub fn replica(&self) -> &Replica {
        &self.replica
    }

    pub(crate) fn replica_mut(&mut self) -> &mut Replica {
        &mut self.replica
    }

    /// The fallback.
    pub fn fallback(&self) -> &Fallback {
        &self.fallback
    }

    /// Whether a look is due.
    pub fn is_due(&self, now: Instant) -> bool {
        // After a clock that went backward, the elapsed time is unknown.
        self.looked_at.is_none_or(|then| now.millis() < then || self.wait_ms <= now.millis().saturating_sub(then))
    }

    /// Whether the last look is so long ago that a question must wait for a new look, for a short time.
    /// After a look no question waits until the next look is due, however old the manifest is.
    pub(crate) fn is_quiet(&self, now: Instant) -> bool {
        let is_past = |then: i64, ms: i64| ms <= now.millis().saturating_sub(then);
        let quiet_ms = self.settings.quiet_ms();
        let has_not_looked_for = |ms: i64| self.ended_at.is_none_or(|then| is_past(then, ms));
        let made_at = self.replica.manifest().map(|manifest| manifest.generated_at.millis());
        made_at.is_some_and(|made| {
            has_not_looked_for(self.wait_ms) && (is_past(made, quiet_ms) || has_not_looked_for(quiet_ms))
        })
    }

    /// Whether the replica is stale by its policies.
    pub(crate) fn is_stale(&self, now: Instant) -> bool {
        self.replica.manifest().is_some_and(|manifest| {
            let age = now.millis().saturating_sub(manifest.generated_at.millis());
            manifest.policies.stale_after_ms.is_some_and(|after| u64::try_from(age).is_ok_and(|age| after <= age))
        })
    }

    /// Answers at once from the replica, or returns None. A question needs an [`Asking`](crate::Asking) if an object is
    /// not held, if the replica is too old for it, if a look is due, or if the question is malformed.
    pub fn answer_now<'c>(&'c self, question: &Question<'c>, now: Instant) -> Option<Decision<'c>> {
        if self.is_due(now) || self.is_quiet(now) {
            return None;
        }
        decide(&self.replica, question, question.customer, now).ok()?.ok()
    }

    pub(crate) fn begin_look(&mut self, now: Instant) {
        self.looked_at = Some(now.millis());
    }

    /// Ends a look. From the second failure in a row on, each failure doubles the wait for the next look, up to
    /// `quiet_ms`; so once the store is back, an answer is no older than after a quiet time. A random part of up to a
    /// quarter of the added wait is taken off.
    pub(crate) fn end_look(&mut self, began: Instant, is_outage: bool) {
        self.ended_at = Some(began.millis());
        self.n_outages = if is_outage { self.n_outages.saturating_add(1) } else { 0 };
        let refresh_ms = self.settings.refresh_ms;
        let growth = 1_i64.checked_shl(self.n_outages.saturating_sub(1).min(20)).unwrap_or(1);
        let grown = refresh_ms.saturating_mul(growth).min(self.settings.quiet_ms()).saturating_sub(refresh_ms);
        let part = i64::try_from(self.settings.chance % 256).unwrap_or_default();
        let taken_off = grown.saturating_mul(part).checked_div(1024).unwrap_or_default();
        self.wait_ms = refresh_ms.saturating_add(grown).saturating_sub(taken_off);
    }

    /// Ends a look that took too long for the question that waited for it. The next questions do not wait, and a new
    /// look begins after the answer.
    pub(crate) fn postpone_look(&mut self, now: Instant) {
        self.ended_at = Some(now.millis());
        self.looked_at = None;
    }

    /// Records a failure.
    pub(crate) fn fail(&mut self, failure: String) {
        self.n_failed = self.n_failed.saturating_add(1);
        self.last_failure = failure;
    }

    /// The command that verifies a manifest. An unknown key is refused.
    pub(crate) fn verify(&mut self, read: &Unverified) -> Result<Command, String> {
        let Some(key) = self.settings.keys.iter().find(|key| key.id() == read.key()) else {
            self.refuse();
            return Err(ManifestError::UnknownKey(read.key()).to_string());
        };
        Ok(Command::Verify { key: *key, message: read.message(), signature: *read.signature() })
    }

    /// Returns the manifest if its signature is valid and it is for this deployment. Otherwise the refusal is counted.
    pub(crate) fn verified(&mut self, read: Unverified, outcome: Result<bool, String>) -> Result<Manifest, String> {
        let manifest = read.verified(outcome?).and_then(|manifest| match &self.settings.audience {
            Some(audience) => manifest.is_for(audience).map(|()| manifest),
            None => Ok(manifest),
        });
        manifest.map_err(|error| {
            self.refuse();
            error.to_string()
        })
    }

    pub(crate) fn refuse(&mut self) {
        self.n_refused = self.n_refused.saturating_add(1);
    }

    /// The command that verifies the fallback, and its unverified manifest. None if there is no unchecked fallback, or
    /// if its bytes are refused.
    pub(crate) fn check_fallback(&mut self) -> Option<(Command, Unverified)> {
        let Fallback::Unchecked(file) = &self.fallback else { return None };
        let read = contents(file).map_err(|error| error.to_string());
        let read = read.and_then(|held| Unverified::read(&held.manifest).map_err(|error| error.to_string()));
        let command = read.and_then(|read| Ok((self.verify(&read)?, read)));
        command.map_err(|why| self.refuse_fallback(&why)).ok()
    }

    /// Records whether the fallback is usable.
    pub(crate) fn note_fallback(&mut self, read: Unverified, outcome: Result<bool, String>) {
        // Another task may have recorded it meanwhile.
        let Fallback::Unchecked(file) = &self.fallback else { return };
        let held = contents(file).map_err(|error| error.to_string());
        let found = held.and_then(|held| Ok((held, self.verified(read, outcome)?)));
        match found {
            Ok((_, manifest)) if manifest.version < self.settings.min_version => {
                self.refuse_fallback("its version is below MIN_VERSION");
            }
            Ok((held, manifest)) => self.fallback = Fallback::Usable(held, Box::new(manifest)),
            Err(why) => self.refuse_fallback(&why),
        }
    }

    fn refuse_fallback(&mut self, why: &str) {
        self.fail(format!("the fallback in the bundle cannot be used: {why}"));
        self.fallback = Fallback::Refused(why.to_owned());
    }

    /// Opens the objects of a usable fallback.
    pub(crate) fn open_fallback(&mut self) {
        let Fallback::Usable(held, manifest) = &self.fallback else { return };
        let mut replica = Replica::new(usize::MAX, self.settings.min_version).with_own(self.settings.own);
        let objects = held.objects(manifest, Some(Hash::of)).map_err(|error| error.to_string());
        let opened = objects.and_then(|(catalog_object, shards)| {
            let shards = (0..).zip(shards).collect();
            let taken = replica.accept(Manifest::clone(manifest), Some(&catalog_object), shards, Source::Embedded);
            taken.map_err(|error| error.to_string())
        });
        match opened {
            Ok(_) => self.fallback = Fallback::Open(Box::new(replica)),
            Err(why) => self.refuse_fallback(&why),
        }
    }

    /// The replica that answers if neither store nor origin can: the fallback, unless the reader's own is newer.
    pub(crate) fn last_resort(&self) -> &Replica {
        let version = |replica: &Replica| replica.manifest().map_or(0, |manifest| manifest.version);
        match &self.fallback {
            Fallback::Open(fallback) if version(&self.replica) <= version(fallback) => fallback,
            _ => &self.replica,
        }
    }
}

/// Decides a question from the replica, about the customer with this id or alias.
pub(crate) fn decide<'c>(
    replica: &'c Replica,
    question: &Question<'c>,
    key: &'c str,
    now: Instant,
) -> Result<Result<Decision<'c>, Problem>, Obstacle> {
    let customer = record(replica, question, key, now)?;
    decide_about(replica, customer.as_ref(), question, now)
}

/// The customer with this id or alias, or None if the customer does not exist.
pub(crate) fn record<'c>(
    replica: &'c Replica,
    question: &Question<'_>,
    key: &str,
    now: Instant,
) -> Result<Option<CustomerRecord<'c>>, Obstacle> {
    // If the catalog is too old for the question, fetching a shard does not help.
    let expired = || replica.catalog().and_then(|catalog| mayuse_core::too_old(catalog, question, now));
    replica.customer(key).map_err(|needs| expired().map_or(Obstacle::Needs(needs), Obstacle::TooOld))
}

/// Decides a question about a customer.
fn decide_about<'c>(
    replica: &'c Replica,
    customer: Option<&CustomerRecord<'c>>,
    question: &Question<'c>,
    now: Instant,
) -> Result<Result<Decision<'c>, Problem>, Obstacle> {
    let catalog = replica.catalog().ok_or(Obstacle::Needs(Missing::Manifest))?;
    let decided = decide_for(catalog, customer, question, now);
    match decided.as_ref().ok().and_then(too_old) {
        Some(obstacle) => Err(obstacle),
        None => Ok(decided),
    }
}

/// The obstacle to a decision by a catalog that is too old. Every answer of a reader passes here, so this is the one
/// place where SNAPSHOT_BEHIND and SNAPSHOT_EXPIRED, as the core decides them, become an obstacle.
pub(crate) fn too_old(decision: &Decision<'_>) -> Option<Obstacle> {
    match decision.reason {
        reason @ (Reason::SnapshotBehind | Reason::SnapshotExpired) => Some(Obstacle::TooOld(reason)),
        _ => None,
    }
}
