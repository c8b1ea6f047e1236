//! Readers of what the simulated writer publishes, through a store that is late, loses, spoils and swaps.
//!
//! The readers' own rules run here. Every answer is held against the catalog of the version that it names.

use super::memory::People;
use super::truth::{Kept, Truth, keep};
use super::writes::N_MAILS;
use super::{Random, Tally};
use mayuse_core::{Instant, Packed, Policy, Question, Reason, Source};
use mayuse_snapshot::{
    Asking, Command, Event, Fallback, Hash, Look, Manifest, Policies, Reader, ReaderSettings, SigningKey, join,
};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;

pub const REFRESH_MS: i64 = 1_000;
const HEARTBEAT_MS: i64 = 20_000;
/// How long after the last fault a reader that is asked may hold an older version: the longest wait after an
/// outage, a look, and the reads of both.
const BOUND_MS: i64 = HEARTBEAT_MS + REFRESH_MS + 3_000;
/// How many manifests a store may still give.
const N_OLD: usize = 12;
/// A look under way does not hold a manifest of so many versions ago.
const LONG_AGO: u64 = 2_000;
/// The reader that does not answer from what is older than so long.
const STRICT: usize = 3;
const MAX_AGE_MS: i64 = 60_000;

#[derive(Debug)]
enum Work {
    Look(Look),
    Ask(Box<Asking<'static, Kept>>, Request),
}

/// What is known of a request.
#[derive(Clone, Copy, Debug)]
struct Request {
    question: Question<'static>,
    /// The version that was held when it began.
    held: u64,
    began: Instant,
    has_read: bool,
    /// Why the origin was asked, which did not answer.
    unanswered: Option<Reason>,
}

/// A task, and the outcome that reaches it at an instant.
#[derive(Debug)]
struct Task {
    work: Work,
    at: i64,
    event: Event,
}

#[derive(Debug)]
struct Isolate {
    reader: Reader,
    /// How far its clock is from the writer's.
    clock_off: i64,
    tasks: Vec<Task>,
    held: (u64, i64),
}

/// All readers, and the store as they see it.
#[derive(Debug)]
pub struct Readers {
    pub(super) random: Random,
    pub(super) key: SigningKey,
    keys: Vec<&'static str>,
    isolates: Vec<Isolate>,
    /// The manifests that were put, the newest last.
    pub(super) manifests: VecDeque<(Manifest, Rc<String>)>,
    truths: BTreeMap<u64, Truth>,
    fallback: Option<(u64, Vec<u8>)>,
}

impl Readers {
    pub fn new(seed: u64) -> Readers {
        let keys = (0..200).map(|n| format!("cus_{n}")).chain((0..N_MAILS).map(|n| format!("{n}@example.com")));
        let keys: Vec<&'static str> = keys.map(|key| &*Box::leak(key.into_boxed_str())).collect();
        let mut readers = Readers {
            random: Random(seed ^ 0xdead_beef),
            key: SigningKey::from_seed(&[7; 32]),
            keys,
            isolates: Vec::new(),
            manifests: VecDeque::new(),
            truths: BTreeMap::new(),
            fallback: None,
        };
        readers.isolates = (0..4).map(|n| readers.isolate(n)).collect();
        readers
    }

    /// A reader that begins anew. The last two have little memory; the last one is strict about ages.
    fn isolate(&mut self, n: usize) -> Isolate {
        let own = Policies {
            on_indeterminate: Policy::Deny,
            stale_after_ms: None,
            max_age_ms: (n == STRICT).then_some(MAX_AGE_MS.unsigned_abs()),
        };
        let settings = ReaderSettings {
            keys: vec![self.key.public()],
            audience: Some("here".to_owned()),
            min_version: 0,
            own,
            on_indeterminate: Policy::Deny,
            max_bytes: if n < 2 { usize::MAX } else { 2_500 },
            refresh_ms: REFRESH_MS,
            heartbeat_ms: HEARTBEAT_MS,
            chance: self.random.next(256),
        };
        let has_fallback = n.is_multiple_of(2);
        let file = self.fallback.iter().filter(|_| has_fallback).map(|(_, file)| file.clone()).next();
        let reader = Reader::new(settings, Fallback::of(file.unwrap_or_default()));
        Isolate { reader, clock_off: 0, tasks: Vec::new(), held: (0, 0) }
    }

    /// A manifest is put where readers look.
    pub fn publish(
        &mut self,
        cut: &Manifest,
        people: &People,
        aliases: &Rc<BTreeMap<String, String>>,
        grants: [bool; 2],
        store: &BTreeMap<Hash, Packed>,
    ) {
        let may = |plans: &BTreeSet<usize>| plans.iter().any(|plan| grants[*plan]);
        let allowed = people.iter().map(|(id, person)| (id.clone(), may(&person.plans))).collect();
        self.truths.insert(cut.version, Truth { allowed, aliases: Rc::clone(aliases) });
        let signed = Rc::new(cut.sign(&self.key));
        if self.random.one_in(10) && cut.table.is_whole() {
            let named = std::iter::once(&cut.table.catalog_object).chain(&cut.table.shards);
            let objects: Option<Vec<&Packed>> = named.map(|part| store.get(&part.hash)).collect();
            let file = objects.map(|objects| join(&signed, objects.into_iter().map(Packed::as_slice)));
            self.fallback = file.map(|file| (cut.version, file));
        }
        self.manifests.push_back((cut.clone(), signed));
        if N_OLD < self.manifests.len() {
            self.manifests.pop_front();
        }
        if self.random.one_in(16) {
            let fallbacks = self.isolates.iter().filter_map(|isolate| isolate.reader.fallback().version());
            let held = self.isolates.iter().map(|isolate| isolate.held.0);
            let offered = self.manifests.iter().map(|(manifest, _)| manifest.version);
            let fallback = self.fallback.iter().map(|(version, _)| *version);
            let used: BTreeSet<u64> = fallbacks.chain(held).chain(offered).chain(fallback).collect();
            let has_unread = self.isolates.iter().any(|isolate| isolate.reader.fallback().status() == "UNCHECKED");
            let oldest = used.first().copied().unwrap_or_default();
            if !has_unread {
                self.truths.retain(|version, _| {
                    oldest <= *version && (used.contains(version) || cut.version <= version + LONG_AGO)
                });
            }
        }
    }

    /// One reader does something.
    pub fn step(&mut self, now: i64, version: u64, store: &BTreeMap<Hash, Packed>, is_faulty: bool, tally: &mut Tally) {
        let n = usize::try_from(self.random.next(4)).unwrap();
        if is_faulty && self.random.one_in(800) {
            tally.note("a reader that began anew");
            self.isolates[n] = self.isolate(n);
        }
        if is_faulty && self.random.one_in(2_000) {
            tally.note("a reader's clock that jumped");
            self.isolates[n].clock_off = [-600_000, -700, 30_000, 0][usize::try_from(self.random.next(4)).unwrap()];
        }
        let due =
            (0..self.isolates[n].tasks.len()).filter(|at| self.isolates[n].tasks[*at].at <= now).collect::<Vec<_>>();
        if due.is_empty() || (self.isolates[n].tasks.len() < 3 && self.random.one_in(3)) {
            return self.begin(n, now, version, tally);
        }
        let at = due[usize::try_from(self.random.next(due.len() as u64)).unwrap()];
        let task = self.isolates[n].tasks.swap_remove(at);
        self.advance(n, task, now, store, is_faulty, tally);
    }

    fn begin(&mut self, n: usize, now: i64, version: u64, tally: &mut Tally) {
        let key = self.keys[usize::try_from(self.random.next(self.keys.len() as u64)).unwrap()];
        let mut question = Question::new(key, "f");
        if self.random.one_in(4) {
            // Somebody who has just written, or nearly so.
            question.min_version = Some((version + 1).saturating_sub(self.random.next(120)));
        }
        let is_all = self.random.one_in(5);
        let isolate = &mut self.isolates[n];
        if 6 < isolate.tasks.len() {
            return;
        }
        let at = Instant::from_millis(now + isolate.clock_off).unwrap();
        if !is_all && let Some(decision) = isolate.reader.answer_now(&question, at) {
            let kept = keep(&question, Ok(decision));
            tally.note_for("an answer from memory", kept.reason.name());
            let request = Request { question, held: isolate.held.0, began: at, has_read: false, unanswered: None };
            return self.judge(n, kept, &request);
        }
        let asking: Asking<'static, Kept> = match is_all {
            true => Asking::all(question, keep, at),
            false => Asking::each(std::iter::once(question), keep, at),
        };
        let request = Request { question, held: isolate.held.0, began: at, has_read: false, unanswered: None };
        isolate.tasks.push(Task { work: Work::Ask(Box::new(asking), request), at: now, event: Event::Begin });
    }

    fn advance(
        &mut self,
        n: usize,
        mut task: Task,
        now: i64,
        store: &BTreeMap<Hash, Packed>,
        is_faulty: bool,
        tally: &mut Tally,
    ) {
        let isolate = &mut self.isolates[n];
        let at = Instant::from_millis(now + isolate.clock_off).unwrap();
        let before = (isolate.reader.n_refused, isolate.reader.replica().n_shards(), isolate.held);
        let n_read = if let Event::Read(found) = &task.event { found.len() } else { 0 };
        let event = std::mem::replace(&mut task.event, Event::Begin);
        let reader = &mut isolate.reader;
        let command = match &mut task.work {
            Work::Look(look) => look.step(reader, event, at),
            Work::Ask(asking, _) => asking.step(reader, event, at),
        };
        let held = reader.replica().manifest().map_or((0, 0), |held| (held.version, held.generated_at.millis()));
        assert!(isolate.held <= held, "reader {n} went back from {:?} to {held:?}", isolate.held);
        if held != isolate.held {
            tally.note("a manifest that a reader took");
        } else if n_read != 0 && reader.replica().n_shards() < before.1 + n_read && reader.settings.max_bytes < 1 << 20
        {
            tally.note("a shard that a reader evicted");
        }
        isolate.held = held;
        if before.0 != reader.n_refused {
            tally.note("a manifest that a reader refused");
        }
        if reader.last_failure.starts_with("a newer manifest is taken all the same") {
            reader.last_failure.clear();
            tally.note("a manifest taken without a shard, since what was held was stale");
        }
        let slowest = if is_faulty && self.random.one_in(8) { 4_000 } else { 40 };
        let delay = i64::try_from(self.random.next(slowest)).unwrap();
        let (event, delay) = match command {
            Command::Done => {
                if let Work::Ask(asking, request) = task.work {
                    let answers = asking.into_answers();
                    let versions: BTreeSet<u64> = answers.iter().map(|kept| kept.version).collect();
                    assert!(versions.len() <= 1, "one customer is answered from two versions");
                    for kept in answers {
                        let how = match (kept.is_known, kept.source, request.has_read) {
                            (false, ..) => "an answer that could not be given",
                            (true, Source::Embedded, _) => "an answer from the snapshot in the bundle",
                            (true, _, true) => "an answer from the store",
                            (true, _, false) => "an answer from memory",
                        };
                        tally.note_for(how, kept.reason.name());
                        self.judge(n, kept, &request);
                    }
                }
                let isolate = &mut self.isolates[n];
                if isolate.reader.is_due(at) {
                    isolate.tasks.push(Task { work: Work::Look(Look::new(at)), at: now, event: Event::Begin });
                }
                return;
            }
            Command::AskOrigin(reason) => {
                tally.note_for("a question for the origin", reason.name());
                let Work::Ask(_, request) = &mut task.work else { panic!("a look asks nobody") };
                assert!(
                    reason != Reason::SnapshotBehind || request.question.min_version.is_some(),
                    "the origin is asked for a newer version although {request:?} wants none"
                );
                if !is_faulty || self.random.one_in(2) {
                    return;
                }
                request.unanswered = Some(reason);
                (Event::Unanswered, delay)
            }
            Command::Verify { .. } if is_faulty && self.random.one_in(40) => {
                tally.note("a signature that could not be checked");
                (Event::Verified(Err("the platform cannot say".to_owned())), 0)
            }
            Command::Verify { key, message, signature } => {
                let is_signed = key.verifies(message.as_slice(), &signature);
                (Event::Verified(Ok(is_signed)), 0)
            }
            Command::ReadManifest { within_ms } => {
                let found = self.manifest(is_faulty, tally);
                self.arrive(vec![found], delay, within_ms, tally)
            }
            Command::ReadObjects { hashes, within_ms } => {
                if let Work::Ask(_, request) = &mut task.work {
                    request.has_read = true;
                }
                let found = hashes.iter().map(|hash| self.object(*hash, store, is_faulty, tally)).collect();
                self.arrive(found, delay, within_ms, tally)
            }
        };
        (task.event, task.at) = (event, now + delay);
        self.isolates[n].tasks.push(task);
    }

    /// An answer is what the version that it names says, or says why it is not known.
    fn judge(&self, n: usize, kept: Kept, request: &Request) {
        let Request { question, held, .. } = request;
        let wrong = || format!("a wrong answer of reader {n}: {kept:?} to {request:?}");
        let is_new_enough = question.min_version.is_none_or(|min| min <= kept.version);
        assert!(*held <= kept.version, "{}: something newer was held", wrong());
        if !kept.is_known {
            let of_itself = [Reason::SnapshotBehind, Reason::SnapshotExpired];
            assert!(request.unanswered.is_some(), "{}, although the origin can be asked", wrong());
            assert!(
                request.unanswered == Some(kept.reason) || of_itself.contains(&kept.reason),
                "{}, for another reason than there is",
                wrong()
            );
            assert!(!kept.allowed, "{}: a yes that nobody gave", wrong());
            let is_explained = is_new_enough || kept.reason == Reason::SnapshotBehind || kept.version == 0;
            return assert!(is_explained, "{}, although it is behind what was asked for", wrong());
        }
        assert!(is_new_enough, "{}: version {:?} was asked for", wrong(), question.min_version);
        let age = request.began.millis() - kept.made_at.map_or(0, Instant::millis);
        assert!(n != STRICT || age <= MAX_AGE_MS, "{}: it is {age} ms old", wrong());
        let truth = self.truths.get(&kept.version);
        let truth = truth.unwrap_or_else(|| panic!("{}: nobody published that version", wrong()));
        assert_eq!(kept.allowed, truth.may_use(question.customer), "{}: that version says otherwise", wrong());
    }

    /// Nothing fails any more: soon every reader that is asked holds the newest version.
    pub fn rest(&mut self, now: &mut i64, version: u64, store: &BTreeMap<Hash, Packed>, tally: &mut Tally) {
        let Some((newest, _)) = self.manifests.back() else { return };
        let newest = (newest.version, newest.generated_at.millis());
        let until = *now + BOUND_MS;
        let is_behind = |readers: &Readers| readers.isolates.iter().any(|isolate| isolate.held != newest);
        while is_behind(self) {
            assert!(
                *now <= until,
                "a reader holds an older version: {:?} {newest:?}",
                self.isolates.iter().map(|i| i.held).collect::<Vec<_>>()
            );
            *now += 10;
            for _ in 0..4 {
                self.step(*now, version, store, false, tally);
            }
        }
        tally.note("a rest in which all readers reach the newest version");
    }
}
