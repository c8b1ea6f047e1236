//! A reader: what it holds, when it looks for a newer manifest, and the checks that all its answers share.
//!
//! It does no I/O and has no clock. Two kinds of tasks run on it: a [`Look`](crate::Look) for a newer
//! manifest and an [`Asking`](crate::Asking) for each request. A task takes an [`Event`] and gives the
//! next [`Command`]; a shell carries the command out and hands its outcome back as the next event.
//! Several tasks may run at the same time: none of them waits for another.

use crate::fallback::Fallback;
use crate::fetched::Fetched;
use crate::file::contents;
use crate::hash::Hash;
use crate::keys::PublicKey;
use crate::manifest::{Manifest, ManifestError, Policies, Unverified};
use crate::replica::{Missing, Replica};
use mayuse_core::{CustomerRecord, Decision, Instant, Packed, Policy, Problem, Question, Reason, Source};
use mayuse_core::{decide_for, too_old};

/// How long one read of the store may take. A request has other ways to an answer.
pub(crate) const READ_WITHIN_MS: i64 = 3_000;

/// What a shell does for a task. Its outcome is the next event.
#[derive(Clone, Debug)]
pub enum Command {
    /// Read the manifest, within so many milliseconds: [`Event::Read`] of one.
    ReadManifest {
        /// How long the shell waits for it.
        within_ms: u32,
    },
    /// Read these objects at the same time: [`Event::Read`] of as many, in this order.
    ReadObjects {
        /// Their names.
        hashes: Vec<Hash>,
        /// How long the shell waits for each.
        within_ms: u32,
    },
    /// Say whether this key signed this message: [`Event::Verified`].
    Verify {
        /// The key.
        key: PublicKey,
        /// The message.
        message: Packed,
        /// The signature.
        signature: [u8; 64],
    },
    /// Ask the origin. Its answer ends the task; where it does not answer, [`Event::Unanswered`]. The
    /// reason says why the reader itself cannot answer.
    AskOrigin(Reason),
    /// The task is over.
    Done,
}

/// What a shell reports to a task.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// Begin.
    Begin,
    /// The outcomes of reads.
    Read(Vec<Fetched>),
    /// Whether the signature is right, or why the shell cannot say.
    Verified(Result<bool, String>),
    /// The origin does not answer.
    Unanswered,
}

/// The settings of a reader.
#[derive(Clone, Debug)]
pub struct ReaderSettings {
    /// The keys whose manifests are taken.
    pub keys: Vec<PublicKey>,
    /// The deployment whose manifests are taken; nothing takes those of all.
    pub audience: Option<String>,
    /// The oldest version that is taken.
    pub min_version: u64,
    /// Limits of the reader's own: the stricter of these and a manifest's count.
    pub own: Policies,
    /// What an indeterminate answer comes to while no manifest is held.
    pub on_indeterminate: Policy,
    /// How many bytes of shards are held.
    pub max_bytes: usize,
    /// How often the reader looks for another manifest.
    pub refresh_ms: i64,
    /// How often the writer publishes a manifest although nothing changed.
    pub heartbeat_ms: i64,
    /// A random number, so that not all readers come back at the same time after an outage.
    pub chance: u64,
}

impl ReaderSettings {
    /// The longest time without a look after which a reader still answers without one.
    fn quiet_ms(&self) -> i64 {
        self.refresh_ms.saturating_mul(2).max(self.heartbeat_ms)
    }
}

/// Why a question cannot be decided from what is held.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Obstacle {
    /// What is held is behind `min_version` or has expired. Fetching a shard of it would not help.
    TooOld(Reason),
    /// Something is not held.
    Needs(Missing),
}

/// What a reader holds and what it remembers.
#[derive(Debug)]
pub struct Reader {
    /// Its settings.
    pub settings: ReaderSettings,
    /// How many manifests were refused.
    pub n_refused: u64,
    /// How many reads, objects and manifests were not usable.
    pub n_failed: u64,
    /// The last failure.
    pub last_failure: String,
    replica: Replica,
    fallback: Fallback,
    /// When the last look began.
    looked_at: Option<i64>,
    /// When the last look began that has ended.
    ended_at: Option<i64>,
    /// How long after a look the next one is due.
    wait_ms: i64,
    /// In how many looks in a row the store failed.
    n_outages: u32,
}

impl Reader {
    /// A reader that holds nothing yet.
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

    /// What it holds.
    pub fn replica(&self) -> &Replica {
        &self.replica
    }

    pub(crate) fn replica_mut(&mut self) -> &mut Replica {
        &mut self.replica
    }

    /// The snapshot that was deployed with the program.
    pub fn fallback(&self) -> &Fallback {
        &self.fallback
    }

    /// Whether a look is due.
    pub fn is_due(&self, now: Instant) -> bool {
        // A clock that went backward does not say how long it was.
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

    /// Whether what is held is older than it should be.
    pub(crate) fn is_stale(&self, now: Instant) -> bool {
        self.replica.manifest().is_some_and(|manifest| {
            let age = now.millis().saturating_sub(manifest.generated_at.millis());
            manifest.policies.stale_after_ms.is_some_and(|after| u64::try_from(age).is_ok_and(|age| after <= age))
        })
    }

    /// Answers at once, or not at all. A question goes the longer way if something is not held, if a newer
    /// version is wanted, if a look is due, and if anything is wrong with it.
    pub fn answer_now<'c>(&'c self, question: &Question<'c>, now: Instant) -> Option<Decision<'c>> {
        if self.is_due(now) || self.is_quiet(now) {
            return None;
        }
        decide(&self.replica, question, question.customer, now).ok()?.ok()
    }

    pub(crate) fn begin_look(&mut self, now: Instant) {
        self.looked_at = Some(now.millis());
    }

    /// Ends a look. Each failure in a row doubles the wait for the next look, up to `quiet_ms`: so once the
    /// store is back, an answer is no older than after a quiet time. Chance takes off up to a quarter.
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

    /// Ends a look that a question waited for and that took too long: the next questions do not wait, and
    /// the look begins anew after the answer.
    pub(crate) fn postpone_look(&mut self, now: Instant) {
        self.ended_at = Some(now.millis());
        self.looked_at = None;
    }

    /// Counts a failure.
    pub(crate) fn fail(&mut self, failure: String) {
        self.n_failed = self.n_failed.saturating_add(1);
        self.last_failure = failure;
    }

    /// The command that verifies a manifest.
    pub(crate) fn verify(&mut self, read: &Unverified) -> Result<Command, String> {
        let Some(key) = self.settings.keys.iter().find(|key| key.id() == read.key()) else {
            self.refuse();
            return Err(ManifestError::UnknownKey(read.key()).to_string());
        };
        Ok(Command::Verify { key: *key, message: read.message(), signature: *read.signature() })
    }

    /// Takes a manifest for true, if its signature is right and it is for this deployment.
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

    /// The command that verifies the fallback, and what it is about; nothing if there is nothing to verify.
    pub(crate) fn check_fallback(&mut self) -> Option<(Command, Unverified)> {
        let Fallback::Unchecked(file) = &self.fallback else { return None };
        let read = contents(file).map_err(|error| error.to_string());
        let read = read.and_then(|held| Unverified::read(&held.manifest).map_err(|error| error.to_string()));
        let command = read.and_then(|read| Ok((self.verify(&read)?, read)));
        command.map_err(|why| self.refuse_fallback(&why)).ok()
    }

    /// Notes whether the fallback can be used.
    pub(crate) fn note_fallback(&mut self, read: Unverified, outcome: Result<bool, String>) {
        // Another task may have noted it meanwhile.
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

    /// Opens the fallback, once it is needed.
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

    /// What answers where nobody can be asked: the fallback, unless something newer was held here.
    pub(crate) fn last_resort(&self) -> &Replica {
        let version = |replica: &Replica| replica.manifest().map_or(0, |manifest| manifest.version);
        match &self.fallback {
            Fallback::Open(fallback) if version(&self.replica) <= version(fallback) => fallback,
            _ => &self.replica,
        }
    }
}

/// Decides a question from what is held, about the customer of this id or alias.
pub(crate) fn decide<'c>(
    replica: &'c Replica,
    question: &Question<'c>,
    key: &'c str,
    now: Instant,
) -> Result<Result<Decision<'c>, Problem>, Obstacle> {
    let customer = record(replica, question, key, now)?;
    decide_about(replica, customer.as_ref(), question, now)
}

/// The customer of an id or alias, if there is one.
pub(crate) fn record<'c>(
    replica: &'c Replica,
    question: &Question<'_>,
    key: &str,
    now: Instant,
) -> Result<Option<CustomerRecord<'c>>, Obstacle> {
    // Where all of it is too old, nothing that is fetched helps.
    let too_old = || replica.catalog().and_then(|catalog| too_old(catalog, question, now));
    replica.customer(key).map_err(|needs| too_old().map_or(Obstacle::Needs(needs), Obstacle::TooOld))
}

/// Decides a question about a customer. All ways to an answer lead through here, so `min_version` and the
/// ages are kept in this one place, by what the core says.
pub(crate) fn decide_about<'c>(
    replica: &'c Replica,
    customer: Option<&CustomerRecord<'c>>,
    question: &Question<'c>,
    now: Instant,
) -> Result<Result<Decision<'c>, Problem>, Obstacle> {
    let catalog = replica.catalog().ok_or(Obstacle::Needs(Missing::Manifest))?;
    let decided = decide_for(catalog, customer, question, now);
    match &decided {
        Ok(Decision { reason: reason @ (Reason::SnapshotBehind | Reason::SnapshotExpired), .. }) => {
            Err(Obstacle::TooOld(*reason))
        }
        _ => Ok(decided),
    }
}
