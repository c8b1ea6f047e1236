//! A request in progress: which questions are decided, and what the others need.

use crate::cut::ObjectRef;
use crate::fetched::Fetched;
use crate::look::{AT_ONCE, Look};
use crate::manifest::Unverified;
use crate::reader::{Command, Event, Obstacle, READ_WITHIN_MS, Reader, decide, record, too_old};
use crate::replica::{Missing, Replica};
use mayuse_core::{Decision, Instant, Problem, Question, Reason, SnapshotMeta, decide_all, undecided, undecided_in};

/// The time limit for all store reads of a request. After it, the request goes to the origin.
const WITHIN_MS: i64 = 2 * READ_WITHIN_MS;

/// Copies an answer out of the replica, which may change while other questions wait.
type Keep<T> = fn(&Question<'_>, Result<Decision<'_>, Problem>) -> T;

/// A request: one or more questions, or all features of one customer.
#[derive(Debug)]
pub struct Asking<'q, T, K = Keep<T>> {
    questions: Vec<Pending<'q, T>>,
    /// Set if the request asks about all features of a customer: their answers, empty until decided.
    features: Option<Vec<T>>,
    keep: K,
    began: Instant,
    /// The version and time of the manifest that resolved the aliases to ids.
    ids_of: Option<(u64, Instant)>,
    /// The rounds left. An alias needs a second shard; more rounds mean that shards evict each other.
    rounds: usize,
    waits_for: Awaited,
}

#[derive(Debug)]
struct Pending<'q, T> {
    question: Question<'q>,
    /// The customer id that the alias resolved to. Remembered because the customer's shard may evict the
    /// alias's shard when only one fits.
    id: Option<String>,
    answer: Option<T>,
}

/// The outcome that the next event reports.
#[derive(Debug)]
enum Awaited {
    Begin,
    Look(Box<Look>),
    Shards(Vec<(u64, ObjectRef)>),
    Origin(Reason),
    FallbackSignature(Reason, Box<Unverified>),
    Nothing,
}

impl<'q, T, K: Fn(&Question<'_>, Result<Decision<'_>, Problem>) -> T> Asking<'q, T, K> {
    /// Starts a request with these questions.
    pub fn each(questions: impl Iterator<Item = Question<'q>>, keep: K, now: Instant) -> Self {
        let questions: Vec<_> = questions.map(|question| Pending { question, id: None, answer: None }).collect();
        let rounds = questions.len().saturating_mul(2).saturating_add(4);
        let waits_for = Awaited::Begin;
        Asking { questions, features: None, keep, began: now, ids_of: None, rounds, waits_for }
    }

    /// Starts a request for all features of one customer, answered from one version.
    pub fn all(question: Question<'q>, keep: K, now: Instant) -> Self {
        Asking { features: Some(Vec::new()), ..Asking::each(std::iter::once(question), keep, now) }
    }

    /// Decides the questions that need no fetch. Returns whether all are decided.
    pub fn is_answered_now(&mut self, reader: &Reader) -> bool {
        !reader.is_quiet(self.began) && self.decide(reader.replica()).is_empty()
    }

    /// Returns the answers in the order of the questions, or of the features.
    pub fn into_answers(self) -> Vec<T> {
        let each = self.questions.into_iter().filter_map(|pending| pending.answer);
        self.features.unwrap_or_default().into_iter().chain(each).collect()
    }

    /// Processes the outcome of the last command and returns the next command.
    pub fn step(&mut self, reader: &mut Reader, event: Event, now: Instant) -> Command {
        match (std::mem::replace(&mut self.waits_for, Awaited::Nothing), event) {
            (Awaited::Begin, Event::Begin) => {
                let is_empty = reader.replica().manifest().is_none();
                if is_empty && reader.is_due(now) {
                    self.look(Box::new(Look::new(now)), reader, Event::Begin, now)
                } else if reader.is_quiet(now) {
                    self.look(Box::new(Look::soon(now)), reader, Event::Begin, now)
                } else {
                    self.proceed(reader, now)
                }
            }
            (Awaited::Look(look), event) => self.look(look, reader, event, now),
            (Awaited::Shards(asked), Event::Read(found)) => {
                let mut found = found.into_iter();
                for (shard, part) in asked {
                    let object = found.next().unwrap_or(Fetched::Absent).object(part.hash);
                    let reason = match object {
                        Err(error) => {
                            reader.fail(error.to_string());
                            error.reason()
                        }
                        Ok(object) => match reader.replica_mut().insert_shard(shard, part.hash, object) {
                            Ok(_) => {
                                // Decide now, before the next shard evicts this one.
                                self.decide(reader.replica());
                                continue;
                            }
                            Err(error) => {
                                reader.fail(format!("the shard {}: {error}", part.hash));
                                Reason::SnapshotInvalid
                            }
                        },
                    };
                    return self.ask_origin(reason);
                }
                self.proceed(reader, now)
            }
            (Awaited::Origin(reason), Event::Unanswered) => match reader.check_fallback() {
                Some((verify, read)) => {
                    self.waits_for = Awaited::FallbackSignature(reason, Box::new(read));
                    verify
                }
                None => self.answer_anyhow(reader, reason),
            },
            (Awaited::FallbackSignature(reason, read), Event::Verified(outcome)) => {
                reader.note_fallback(*read, outcome);
                self.answer_anyhow(reader, reason)
            }
            // The event does not match the last command.
            _ => self.ask_origin(Reason::SnapshotMissing),
        }
    }

    fn look(&mut self, mut look: Box<Look>, reader: &mut Reader, event: Event, now: Instant) -> Command {
        match look.step(reader, event, now) {
            Command::Done => self.proceed(reader, now),
            command => {
                self.waits_for = Awaited::Look(look);
                command
            }
        }
    }

    fn ask_origin(&mut self, reason: Reason) -> Command {
        self.waits_for = Awaited::Origin(reason);
        Command::AskOrigin(reason)
    }

    /// Decides what it can. Then finishes, reads shards, or asks the origin.
    fn proceed(&mut self, reader: &mut Reader, now: Instant) -> Command {
        loop {
            let obstacles = self.decide(reader.replica());
            if obstacles.is_empty() {
                return Command::Done;
            }
            let Some(rounds) = self.rounds.checked_sub(1) else { return self.ask_origin(Reason::SnapshotMissing) };
            self.rounds = rounds;
            let mut shards: Vec<(u64, ObjectRef)> = Vec::new();
            for obstacle in obstacles {
                match obstacle {
                    Obstacle::TooOld(reason) => return self.ask_origin(reason),
                    Obstacle::Needs(Missing::Manifest | Missing::Origin) => {
                        return self.ask_origin(Reason::SnapshotMissing);
                    }
                    Obstacle::Needs(Missing::Relink(shard)) => {
                        if let Err(error) = reader.replica_mut().relink(shard) {
                            reader.fail(error.to_string());
                            return self.ask_origin(Reason::SnapshotInvalid);
                        }
                    }
                    Obstacle::Needs(Missing::Shard(shard, part)) => {
                        if shards.len() < AT_ONCE && !shards.iter().any(|(other, _)| *other == shard) {
                            shards.push((shard, part));
                        }
                    }
                }
            }
            if shards.is_empty() {
                continue;
            }
            // If the clock went backward, the elapsed time is unknown; the rounds still bound the request.
            let past = now.millis().saturating_sub(self.began.millis()).max(0);
            let left = WITHIN_MS.saturating_sub(past).min(READ_WITHIN_MS);
            let Some(within_ms) = u32::try_from(left).ok().filter(|left| *left != 0) else {
                reader.fail(format!("a request was not answered from the store within {WITHIN_MS} ms"));
                return self.ask_origin(Reason::SnapshotMissing);
            };
            let hashes = shards.iter().map(|(_, part)| part.hash).collect();
            self.waits_for = Awaited::Shards(shards);
            return Command::ReadObjects { hashes, within_ms };
        }
    }

    /// Decides what it can now. Returns the obstacles of the other questions.
    fn decide(&mut self, replica: &Replica) -> Vec<Obstacle> {
        let held = replica.manifest().map(|manifest| (manifest.version, manifest.generated_at));
        let is_same = self.ids_of == held;
        self.ids_of = held;
        let mut obstacles = Vec::new();
        for pending in &mut self.questions {
            if !is_same {
                // In a new manifest, the alias may belong to another customer.
                pending.id = None;
            }
            if pending.answer.is_some() {
                continue;
            }
            let id = pending.id.take();
            let customer = id.as_deref().unwrap_or(pending.question.customer);
            let decided = match &mut self.features {
                Some(features) if features.is_empty() => {
                    decide_features(replica, &pending.question, customer, &self.keep, self.began)
                        .map(|all| *features = all)
                }
                Some(_) => Ok(()),
                None => decide(replica, &pending.question, customer, self.began)
                    .map(|decided| pending.answer = Some((self.keep)(&pending.question, decided))),
            };
            if let Err(obstacle) = decided {
                obstacles.push(obstacle);
                pending.id = replica.id_of(customer).map(str::to_owned).or(id);
            }
        }
        obstacles
    }

    /// Answers when the origin cannot be reached: from the fallback or a newer replica, or else
    /// indeterminate.
    fn answer_anyhow(&mut self, reader: &mut Reader, reason: Reason) -> Command {
        reader.open_fallback();
        let (source, now) = (reader.last_resort(), self.began);
        let answer = |question: &Question<'_>| {
            let decided = match (source.decide(question, now), source.catalog()) {
                (Ok(decided), _) => decided,
                (Err(_), Some(catalog)) => undecided_in(catalog, question, reason, now),
                (Err(_), None) => {
                    let on_indeterminate = reader.settings.on_indeterminate;
                    undecided(question, reason, &SnapshotMeta { on_indeterminate, ..SnapshotMeta::default() }, now)
                }
            };
            (self.keep)(question, decided)
        };
        for pending in &mut self.questions {
            match &mut self.features {
                Some(features) => {
                    let codes = source.catalog().into_iter().flat_map(|catalog| catalog.feature_codes());
                    *features = codes.map(|feature| answer(&Question { feature, ..pending.question })).collect();
                }
                None => pending.answer = Some(answer(&pending.question)),
            }
        }
        Command::Done
    }
}

/// Decides every feature of one customer from one version.
fn decide_features<T>(
    replica: &Replica,
    question: &Question<'_>,
    customer: &str,
    keep: impl Fn(&Question<'_>, Result<Decision<'_>, Problem>) -> T,
    now: Instant,
) -> Result<Vec<T>, Obstacle> {
    let record = record(replica, question, customer, now)?;
    let catalog = replica.catalog().ok_or(Obstacle::Needs(Missing::Manifest))?;
    let (mut all, mut obstacle) = (Vec::new(), None);
    decide_all(catalog, record.as_ref(), question, now, |question, decided| {
        if let Some(found) = decided.as_ref().ok().and_then(|decision| too_old(decision)) {
            obstacle.get_or_insert(found);
        }
        all.push(keep(question, decided.cloned()));
    });
    obstacle.map_or(Ok(all), Err)
}
