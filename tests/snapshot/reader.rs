//! What a reader does, step by step, without a store and without a clock.

use crate::cutting::{Cut, MADE_AT, cut, key};
use mayuse_core::{Decision, Instant, Policy, Problem, Question, Reason, Source};
use mayuse_snapshot::{
    Asking, Command, Event, Fallback, Fetched, Look, Manifest, Policies, Reader, ReaderSettings, SigningKey, join,
};
use serde_json::json;

pub const REFRESH_MS: i64 = 5_000;
pub const HEARTBEAT_MS: i64 = 60_000;
const NEVER: &str = "none";

pub fn settings() -> ReaderSettings {
    ReaderSettings {
        keys: vec![key().public()],
        audience: Some("tests".to_owned()),
        min_version: 0,
        own: Policies { on_indeterminate: Policy::Allow, ..Policies::default() },
        on_indeterminate: Policy::Deny,
        max_bytes: usize::MAX,
        refresh_ms: REFRESH_MS,
        heartbeat_ms: HEARTBEAT_MS,
        chance: 0,
    }
}

pub fn at(ms: i64) -> Instant {
    Instant::from_millis(Instant::parse(MADE_AT).unwrap().millis() + ms).unwrap()
}

/// Some customers of whom `acme` alone may use the feature.
pub fn world() -> Cut {
    let customers: Vec<_> = ["acme", "other", "third"].iter().map(|id| json!({ "id": id, "name": id })).collect();
    cut(
        &json!({
            "format": 1,
            "features": [{ "id": "f", "code": "f", "name": "F", "feature_type": { "type": "BOOLEAN" }, "status": "ACTIVE" }],
            "plans": [{ "id": "p", "name": "P", "versions": [{
                "id": "v", "version": 1,
                "entitlements": [{ "feature": "f", "value": { "type": "BOOLEAN", "enabled": true } }],
            }] }],
            "customers": customers,
            "subscriptions": [{
                "id": "s", "customer_id": "acme", "plan_id": "p", "plan_version_id": "v", "status": "ACTIVE",
                "start_date": "2024-01-01", "billing_day_anchor": 1, "period": "MONTHLY",
                "current_period_start": "2024-06-01", "current_period_end": "2024-07-01",
            }],
        }),
        2,
    )
}

pub type Kept = (bool, Reason, Source, Option<u64>);

pub fn keep(_: &Question<'_>, decided: Result<Decision<'_>, Problem>) -> Kept {
    let decision = decided.unwrap();
    (decision.allowed, decision.reason, decision.freshness.source, decision.freshness.snapshot_version)
}

/// A store that gives what it has, and notes what was read.
pub struct Store {
    pub cut: Cut,
    pub manifest: String,
    pub is_down: bool,
    pub lacks_objects: bool,
    pub reads: Vec<(usize, u32)>,
    /// How long each read takes.
    pub ms: i64,
}

impl Store {
    pub fn new(cut: Cut) -> Store {
        let manifest = cut.manifest(1).sign(&key());
        Store { cut, manifest, is_down: false, lacks_objects: false, reads: Vec::new(), ms: 0 }
    }

    fn get(&self, hash: mayuse_snapshot::Hash) -> Fetched {
        let named = std::iter::once((self.cut.table.catalog_object, &self.cut.catalog_object));
        let mut all = named.chain(self.cut.table.shards.iter().copied().zip(&self.cut.blocks));
        match all.find(|(part, _)| part.hash == hash) {
            Some((_, object)) if !self.lacks_objects => Fetched::Bytes(object.as_slice().to_vec()),
            _ => Fetched::Absent,
        }
    }

    /// Carries out the commands of a task, with the origin down.
    pub fn carry(
        &mut self,
        reader: &mut Reader,
        now: &mut i64,
        step: &mut dyn FnMut(&mut Reader, Event, Instant) -> Command,
    ) {
        let mut event = Event::Begin;
        for _ in 0..1_000 {
            event = match step(reader, event, at(*now)) {
                Command::Done => return,
                Command::AskOrigin(_) => Event::Unanswered,
                Command::Verify { key, message, signature } => {
                    Event::Verified(Ok(key.verifies(message.as_slice(), &signature)))
                }
                Command::ReadManifest { within_ms } => {
                    let found = Fetched::Bytes(self.manifest.as_bytes().to_vec());
                    self.read(vec![found], within_ms, now)
                }
                Command::ReadObjects { hashes, within_ms } => {
                    let found = hashes.iter().map(|hash| self.get(*hash)).collect();
                    self.read(found, within_ms, now)
                }
            };
        }
        panic!("it never ends: {event:?}");
    }

    fn read(&mut self, found: Vec<Fetched>, within_ms: u32, now: &mut i64) -> Event {
        self.reads.push((found.len(), within_ms));
        *now += self.ms.min(within_ms.into());
        let is_lost = self.is_down || i64::from(within_ms) < self.ms;
        let lost = |found| if is_lost { Fetched::Failed("down".to_owned()) } else { found };
        Event::Read(found.into_iter().map(lost).collect())
    }

    pub fn look(&mut self, reader: &mut Reader, now: &mut i64) {
        let mut look = Look::new(at(*now));
        self.carry(reader, now, &mut |reader, event, now| look.step(reader, event, now));
    }

    pub fn ask(&mut self, reader: &mut Reader, question: Question<'_>, now: &mut i64) -> Kept {
        let mut asking = Asking::each(std::iter::once(question), keep, at(*now));
        self.carry(reader, now, &mut |reader, event, now| asking.step(reader, event, now));
        asking.into_answers().pop().unwrap()
    }
}

pub fn held(reader: &Reader) -> Option<u64> {
    reader.replica().manifest().map(|manifest| manifest.version)
}

#[test]
fn a_new_reader_reads_the_manifest_the_catalog_object_and_one_shard() {
    let (mut store, mut reader, mut now) = (Store::new(world()), Reader::new(settings(), Fallback::Absent), 0);
    let yes = (true, Reason::Enabled, Source::Snapshot, Some(1));
    assert_eq!(store.ask(&mut reader, Question::new("acme", "f"), &mut now), yes);
    assert_eq!(store.reads.iter().map(|(n, _)| *n).collect::<Vec<_>>(), [1, 1, 1]);
    // From now on it answers at once, until a look is due.
    let question = Question::new("acme", "f");
    assert!(reader.answer_now(&question, at(REFRESH_MS - 1)).is_some_and(|decision| decision.allowed));
    assert!(reader.answer_now(&question, at(REFRESH_MS)).is_none());
    // A clock that went backward says nothing of how long it was.
    assert!(reader.answer_now(&question, at(-1)).is_none());
}

#[test]
fn min_version_is_kept_on_every_way_to_an_answer() {
    let (mut store, mut now) = (Store::new(world()), 0);
    let file =
        join(&store.manifest, [&store.cut.catalog_object].into_iter().chain(&store.cut.blocks).map(|o| o.as_slice()));
    for (fallback, is_down) in [(Vec::new(), false), (file, true)] {
        let mut reader = Reader::new(settings(), Fallback::of(fallback));
        store.is_down = is_down;
        let new = Question { min_version: Some(2), ..Question::new("acme", "f") };
        let old = Question { min_version: Some(1), ..new };
        for question in [new, Question { customer: "nobody", ..new }] {
            let (allowed, reason, _, version) = store.ask(&mut reader, question, &mut now);
            assert_eq!((allowed, reason, version), (false, Reason::SnapshotBehind, Some(1)));
            assert!(reader.answer_now(&question, at(now)).is_none());
            let mut asking = Asking::all(question, keep, at(now));
            assert!(!asking.is_answered_now(&reader));
            store.carry(&mut reader, &mut now, &mut |reader, event, now| asking.step(reader, event, now));
            assert_eq!(asking.into_answers().first().map(|kept| kept.1), Some(Reason::SnapshotBehind));
        }
        let source = if is_down { Source::Embedded } else { Source::Snapshot };
        assert_eq!(store.ask(&mut reader, old, &mut now), (true, Reason::Enabled, source, Some(1)));
    }
}

#[test]
fn while_the_store_fails_looks_are_further_and_further_apart_and_never_further_than_a_quiet_reader_may_be() {
    for chance in [0, 255] {
        let (mut store, mut now) = (Store::new(world()), 0);
        let mut reader = Reader::new(ReaderSettings { chance, ..settings() }, Fallback::Absent);
        store.look(&mut reader, &mut now);
        store.is_down = true;
        let mut waits = Vec::new();
        for _ in 0..8 {
            let began = now;
            while !reader.is_due(at(now)) {
                now += 50;
            }
            waits.push(now - began);
            store.look(&mut reader, &mut now);
        }
        assert_eq!(waits[..2], [REFRESH_MS, REFRESH_MS], "one failure changes nothing");
        assert!(waits.is_sorted() && waits[2] > REFRESH_MS, "{waits:?}");
        let last = *waits.last().unwrap();
        assert!(last <= HEARTBEAT_MS && HEARTBEAT_MS * 3 / 4 <= last, "{waits:?}");
        // Once the store is back, one look makes it as before.
        store.is_down = false;
        now += last + 50;
        store.manifest = store.cut.manifest(2).sign(&key());
        store.look(&mut reader, &mut now);
        assert_eq!(held(&reader), Some(2));
        assert!(!reader.is_due(at(now + REFRESH_MS - 1)) && reader.is_due(at(now + REFRESH_MS)));
    }
}

#[test]
fn an_object_that_is_not_there_yet_is_no_outage() {
    let (mut store, mut reader, mut now) = (Store::new(world()), Reader::new(settings(), Fallback::Absent), 0);
    store.lacks_objects = true;
    for n in 1..5 {
        store.look(&mut reader, &mut now);
        assert_eq!((held(&reader), reader.n_failed), (None, n));
        assert!(!reader.is_due(at(now + REFRESH_MS - 1)) && reader.is_due(at(now + REFRESH_MS)));
        now += REFRESH_MS;
    }
}

#[test]
fn a_request_waits_for_the_store_no_longer_than_its_deadline_in_all_rounds() {
    let (mut store, mut reader, mut now) = (Store::new(world()), Reader::new(settings(), Fallback::Absent), 0);
    store.ms = 2_500;
    // The manifest, the catalog object, and what is left of the time for the shard.
    assert_eq!(store.ask(&mut reader, Question::new("acme", "f"), &mut now).1, Reason::SnapshotMissing);
    assert_eq!(store.reads, [(1, 3_000), (1, 3_000), (1, 1_000)]);
    assert_eq!(now, 6_000);
}

#[test]
fn a_quiet_reader_looks_before_it_answers_but_not_for_long() {
    let (mut store, mut reader, mut now) = (Store::new(world()), Reader::new(settings(), Fallback::Absent), 0);
    store.ask(&mut reader, Question::new("acme", "f"), &mut now);
    store.manifest = store.cut.manifest(2).sign(&key());
    now += HEARTBEAT_MS;
    assert_eq!(store.ask(&mut reader, Question::new("acme", "f"), &mut now).3, Some(2));
    // Where the store is slow, it goes on with what it holds, and looks after the answer.
    now += HEARTBEAT_MS;
    (store.ms, store.reads) = (2_000, Vec::new());
    let began = now;
    assert_eq!(store.ask(&mut reader, Question::new("acme", "f"), &mut now).3, Some(2));
    assert_eq!((now - began, store.reads.as_slice()), (500, [(1, 500)].as_slice()));
    assert_eq!(reader.n_failed, 0);
    assert!(reader.is_due(at(now)));
    assert!(Asking::each(std::iter::once(Question::new("acme", "f")), keep, at(now)).is_answered_now(&reader));
}

#[test]
fn manifests_that_are_older_foreign_or_forged_are_refused_and_counted() {
    let (mut store, mut now) = (Store::new(world()), 0);
    let mut reader = Reader::new(ReaderSettings { min_version: 3, ..settings() }, Fallback::Absent);
    let good = |version| store.cut.manifest(version);
    let forged = good(9).sign(&SigningKey::from_seed(&[8; 32]));
    let foreign = Manifest { audience: "elsewhere".to_owned(), ..good(9) }.sign(&key());
    let mut spoilt = good(9).sign(&key());
    let last = if spoilt.ends_with('0') { "1" } else { "0" };
    spoilt.replace_range(spoilt.len() - 1.., last);
    let [below, first, older] = [2, 4, 3].map(|version| good(version).sign(&key()));
    for (manifest, expected, failure) in [
        (below, None, NEVER),
        (first, Some(4), NEVER),
        (older, Some(4), NEVER),
        (forged, Some(4), "which is not known here"),
        (foreign, Some(4), "for the audience elsewhere"),
        (spoilt, Some(4), "is not signed by key"),
    ] {
        store.manifest = manifest;
        store.look(&mut reader, &mut now);
        assert_eq!(held(&reader), expected);
        assert!(failure == NEVER || reader.last_failure.contains(failure), "{}", reader.last_failure);
    }
    assert_eq!(reader.n_refused, 5);
}
