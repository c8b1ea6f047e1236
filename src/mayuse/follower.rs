//! A reader that follows the newest version in a store.

use crate::error::Error;
use crate::options::Options;
use crate::store::Store;
use core::time::Duration;
use mayuse_core::{Decision, Instant, Question};
use mayuse_snapshot::{Asking, Command, Event, Fallback, Fetched, Look, PublicKey, Reader};
use std::fmt;
use std::io;
use std::sync::{OnceLock, PoisonError, RwLock};

/// Answers checks from the newest version in a store. It never rolls back, and no answer mixes two versions.
///
/// The first check or refresh reads the store, and checks of other threads wait for it: nothing could be answered yet.
/// From then on checks are answered from memory. A check reads the store only for a shard that is not held, and for a
/// manifest if no look was made for a whole heartbeat. Call [`refresh`](Follower::refresh) regularly, such as once a
/// second on its own thread: it looks for a newer version if a look is due. No check waits for such a later look,
/// because nothing is locked while the store is read.
///
/// # Example: nothing to follow yet
///
/// ```
/// use mayuse::{Folder, Follower, Options, Question};
/// let follower = Follower::new(Folder::new("snapshot"), &[], Options::default(), mayuse::now);
/// // There is no such folder. The answer says so, and `on_indeterminate` says what it comes to.
/// let question = Question::new("acme", "sso");
/// let (allowed, reason) = follower.check(&question, |decision| (decision.allowed, decision.reason))?;
/// assert_eq!((allowed, reason.name()), (false, "SNAPSHOT_MISSING"));
/// assert_eq!(follower.status().last_failure.as_deref(), Some("no folder snapshot"));
/// # Ok::<(), mayuse::Error>(())
/// ```
pub struct Follower<S> {
    reader: RwLock<Reader>,
    /// Set once the first task has ended, which makes the first look.
    begun: OnceLock<()>,
    store: S,
    clock: Box<dyn Fn() -> Instant + Send + Sync>,
}

/// What a follower holds, for operators.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Status {
    /// The version that is held.
    pub version: Option<u64>,
    /// The instant at which that version was the newest.
    pub generated_at: Option<Instant>,
    /// How many bytes of shards are held.
    pub n_bytes: usize,
    /// How many manifests were refused: they are older, for another deployment, or of an unknown key.
    pub n_refused: u64,
    /// How many reads failed or gave bytes that cannot be used.
    pub n_failed: u64,
    /// The last failure. It stays here after the store is back.
    pub last_failure: Option<String>,
}

impl<S: Store> Follower<S> {
    /// Follows a store, which is not read yet. In a program `clock` is [`now`](crate::now).
    pub fn new(
        store: S,
        keys: &[PublicKey],
        options: Options,
        clock: impl Fn() -> Instant + Send + Sync + 'static,
    ) -> Follower<S> {
        let reader = Reader::new(options.reader(keys), Fallback::Absent);
        Follower { reader: RwLock::new(reader), begun: OnceLock::new(), store, clock: Box::new(clock) }
    }

    /// Adds a snapshot file that answers while the store gives no version.
    #[must_use]
    pub fn with_fallback(self, file: impl Into<Vec<u8>>) -> Follower<S> {
        let settings = self.with(|reader| reader.settings.clone());
        let reader = RwLock::new(Reader::new(settings, Fallback::of(file.into())));
        Follower { reader, ..self }
    }

    /// Decides whether a customer may use a feature. The decision borrows from memory that a later version
    /// replaces, so `keep` copies out what is needed. `keep` must not call the follower, which may be locked.
    ///
    /// # Errors
    /// A question with an impossible name or amount, or whose amounts and limits have more digits than can be held
    /// exactly. A missing, old or unusable snapshot is no error, but an answer with a reason.
    pub fn check<T>(&self, question: &Question<'_>, keep: impl Fn(&Decision<'_>) -> T) -> Result<T, Error> {
        let now = (self.clock)();
        if let Some(kept) = self.with(|reader| reader.answer_now(question, now).map(|decision| keep(&decision))) {
            return Ok(kept);
        }
        let each = std::iter::once(*question);
        let mut asking = Asking::each(each, |_, decided| decided.map(|decision| keep(&decision)), now);
        self.run(|reader, event, now| asking.step(reader, event, now));
        match asking.into_answers().pop() {
            Some(answer) => Ok(answer?),
            None => Err(Error::new("INCOMPLETE", "the question was not answered")),
        }
    }

    /// Decides about every feature of a customer, from one version and in the order of the features' ids. Empty if
    /// no version is held.
    ///
    /// # Errors
    /// An impossible name of a customer.
    pub fn entitlements<T>(&self, customer: &str, keep: impl Fn(&Decision<'_>) -> T) -> Result<Vec<T>, Error> {
        let question = Question::new(customer, "");
        let mut asking = Asking::all(question, |_, decided| decided.map(|decision| keep(&decision)), (self.clock)());
        self.run(|reader, event, now| asking.step(reader, event, now));
        asking.into_answers().into_iter().map(|answer| Ok(answer?)).collect()
    }

    /// Looks for a newer version if a look is due.
    pub fn refresh(&self) {
        let now = (self.clock)();
        if self.with(|reader| reader.is_due(now)) {
            let mut look = Look::new(now);
            self.run(|reader, event, now| look.step(reader, event, now));
        }
    }

    /// What is held, and what failed.
    pub fn status(&self) -> Status {
        self.with(|reader| Status {
            version: reader.replica().manifest().map(|manifest| manifest.version),
            generated_at: reader.replica().manifest().map(|manifest| manifest.generated_at),
            n_bytes: reader.replica().n_bytes(),
            n_refused: reader.n_refused,
            n_failed: reader.n_failed,
            last_failure: Some(reader.last_failure.clone()).filter(|failure| !failure.is_empty()),
        })
    }

    /// Carries out a task. The first task looks for a version, and every other waits until it has ended: without a
    /// version it would deny a customer who has paid. If the first task panics, the next is the first.
    fn run(&self, mut step: impl FnMut(&mut Reader, Event, Instant) -> Command) {
        let mut is_first = false;
        self.begun.get_or_init(|| {
            is_first = true;
            self.carry_out(&mut step);
        });
        if !is_first {
            self.carry_out(&mut step);
        }
    }

    /// Carries out the commands of a task until it is done. The reader is locked only while the task decides.
    fn carry_out(&self, step: &mut impl FnMut(&mut Reader, Event, Instant) -> Command) {
        let mut event = Event::Begin;
        loop {
            let command = {
                let mut reader = self.reader.write().unwrap_or_else(PoisonError::into_inner);
                step(&mut reader, event, (self.clock)())
            };
            event = match command {
                Command::Done => return,
                // There is no origin to ask here.
                Command::AskOrigin(_) => Event::Unanswered,
                Command::Verify { key, message, signature } => {
                    Event::Verified(Ok(key.verifies(message.as_slice(), &signature)))
                }
                Command::ReadManifest { within_ms } => {
                    Event::Read(vec![fetched(self.store.manifest(Duration::from_millis(within_ms.into())))])
                }
                Command::ReadObjects { hashes, within_ms } => {
                    let within = Duration::from_millis(within_ms.into());
                    let read = |hash: &mayuse_snapshot::Hash| fetched(self.store.object(&hash.to_string(), within));
                    Event::Read(hashes.iter().map(read).collect())
                }
            };
        }
    }

    fn with<T>(&self, work: impl FnOnce(&Reader) -> T) -> T {
        work(&self.reader.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<S: fmt::Debug> fmt::Debug for Follower<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Follower").field("store", &self.store).finish_non_exhaustive()
    }
}

fn fetched(read: io::Result<Option<Vec<u8>>>) -> Fetched {
    match read {
        Ok(Some(bytes)) => Fetched::Bytes(bytes),
        Ok(None) => Fetched::Absent,
        Err(error) => Fetched::Failed(error.to_string()),
    }
}
