//! Looks of a reader for a newer manifest: when, how long, and what of it is read.

use crate::cutting::{Cut, cut, key};
use crate::reader::{HEARTBEAT_MS, REFRESH_MS, Store, at, held, keep, settings, world};
use mayuse_core::{Question, Reason, Source};
use mayuse_snapshot::{
    Asking, Command, Event, Fallback, Fetched, Hash, Look, Manifest, Policies, Reader, ReaderSettings,
};
use serde_json::{Value, json};

const YES: (bool, Reason, Source, Option<u64>) = (true, Reason::Enabled, Source::Snapshot, Some(1));

fn question() -> Question<'static> {
    Question::new("acme", "f")
}

fn is_answered_now(reader: &Reader, now: i64) -> bool {
    Asking::each(std::iter::once(question()), keep, at(now)).is_answered_now(reader)
}

/// It looked a moment ago, and found nothing newer than a minute.
#[test]
fn a_reader_whose_manifest_is_old_looks_before_it_answers_though_it_looked_a_moment_ago() {
    let (mut store, mut reader, mut now) = (Store::new(world()), Reader::new(settings(), Fallback::Absent), 0);
    assert_eq!(store.ask(&mut reader, question(), &mut now), YES);
    now = HEARTBEAT_MS - REFRESH_MS;
    store.look(&mut reader, &mut now);
    assert!(is_answered_now(&reader, HEARTBEAT_MS - 1));
    assert!(!is_answered_now(&reader, HEARTBEAT_MS));
    store.reads.clear();
    now = HEARTBEAT_MS;
    assert_eq!(store.ask(&mut reader, question(), &mut now), YES);
    assert_eq!(store.reads, [(1, 500)]);
    // Until the next look is due no question waits again.
    assert!(is_answered_now(&reader, now + REFRESH_MS - 1));
    assert!(!is_answered_now(&reader, now + REFRESH_MS));
}

#[test]
fn chance_shortens_a_wait_by_up_to_a_quarter_of_what_it_grew() {
    // The wait has grown from 5,000 to 10,000 ms.
    for (chance, wait) in [(0, 10_000), (64, 9_688), (256 + 64, 9_688), (255, 8_755), (u64::MAX, 8_755)] {
        let (mut store, mut now) = (Store::new(world()), 0);
        let mut reader = Reader::new(ReaderSettings { chance, ..settings() }, Fallback::Absent);
        store.look(&mut reader, &mut now);
        store.is_down = true;
        for _ in 0..2 {
            now += REFRESH_MS;
            store.look(&mut reader, &mut now);
        }
        assert!(!reader.is_due(at(now + wait - 1)), "{chance}");
        assert!(reader.is_due(at(now + wait)), "{chance}");
    }
}

/// The world in which one more customer has come.
fn changed(world: &Cut) -> Cut {
    let mut changed = world.clone();
    let customers: Vec<Value> =
        ["acme", "other", "third", "new"].iter().map(|id| json!({ "id": id, "name": id })).collect();
    let features = json!([
        { "id": "f", "code": "f", "name": "F", "feature_type": { "type": "BOOLEAN" }, "status": "ACTIVE" },
    ]);
    let next = cut(&json!({ "format": 1, "features": features, "customers": customers }), 2);
    changed.blocks = next.blocks;
    changed.table.shards = next.table.shards;
    changed
}

fn stale_after(ms: u64, cut: &Cut, version: u64) -> String {
    let policies = Policies { stale_after_ms: Some(ms), ..Policies::default() };
    Manifest { policies, ..cut.manifest(version) }.sign(&key())
}

/// A shard of it is not there: until what is held is stale the reader waits for it.
#[test]
fn a_manifest_whose_shard_is_lost_is_taken_once_the_held_one_is_stale() {
    const STALE_MS: i64 = 20_000;
    for (now, version) in [(STALE_MS - 1, 1), (STALE_MS, 2), (STALE_MS + 1, 2)] {
        let (mut store, mut began) = (Store::new(world()), 0);
        let mut reader = Reader::new(settings(), Fallback::Absent);
        store.manifest = stale_after(STALE_MS as u64, &store.cut, 1);
        assert_eq!(store.ask(&mut reader, question(), &mut began), YES);
        store.cut = changed(&store.cut);
        store.manifest = stale_after(STALE_MS as u64, &store.cut, 2);
        store.lacks_objects = true;
        began = now;
        store.look(&mut reader, &mut began);
        assert_eq!((held(&reader), reader.n_failed), (Some(version), 1), "after {now} ms");
        let is_taken = reader.last_failure.starts_with("a newer manifest is taken all the same: the object ");
        assert_eq!(is_taken, version == 2, "{}", reader.last_failure);
    }
}

#[test]
fn a_manifest_that_never_grows_stale_waits_for_its_shards() {
    let (mut store, mut reader, mut now) = (Store::new(world()), Reader::new(settings(), Fallback::Absent), 0);
    assert_eq!(store.ask(&mut reader, question(), &mut now), YES);
    store.cut = changed(&store.cut);
    store.manifest = store.cut.manifest(2).sign(&key());
    store.lacks_objects = true;
    now = 10 * HEARTBEAT_MS;
    store.look(&mut reader, &mut now);
    assert_eq!(held(&reader), Some(1));
    // Once they are there, they are read, and nothing is asked for a second time.
    store.lacks_objects = false;
    store.reads.clear();
    store.look(&mut reader, &mut now);
    assert_eq!((held(&reader), reader.replica().n_shards()), (Some(2), 1));
    assert_eq!(store.reads, [(1, 3_000), (1, 3_000)]);
}

#[test]
fn an_outcome_that_no_command_asked_for_ends_a_look() {
    let mut reader = Reader::new(settings(), Fallback::Absent);
    let mut look = Look::new(at(0));
    assert!(matches!(look.step(&mut reader, Event::Begin, at(0)), Command::ReadManifest { within_ms: 3_000 }));
    assert!(matches!(look.step(&mut reader, Event::Verified(Ok(true)), at(0)), Command::Done));
    let mut look = Look::new(at(0));
    look.step(&mut reader, Event::Begin, at(0));
    assert!(matches!(look.step(&mut reader, Event::Read(vec![Fetched::Absent]), at(0)), Command::Done));
    assert_eq!((reader.n_failed, reader.n_refused, held(&reader)), (0, 0, None));
}

#[test]
fn an_object_is_the_bytes_of_its_hash_or_says_why_not() {
    let hash = Hash::of(b"object");
    let text = |found: Fetched, hash: Hash| {
        let error = found.object(hash).unwrap_err();
        (error.to_string(), error.reason())
    };
    assert_eq!(Fetched::Bytes(b"object".to_vec()).object(hash).unwrap().as_slice(), b"object");
    let damaged = format!("the object {hash} is damaged: it is not what its name says");
    assert_eq!(text(Fetched::Bytes(b"another".to_vec()), hash), (damaged, Reason::SnapshotInvalid));
    // Right as the hash may be, an object is a text.
    let binary = Hash::of(&[0xff]);
    let damaged = format!("the object {binary} is damaged: it is not what its name says");
    assert_eq!(text(Fetched::Bytes(vec![0xff]), binary), (damaged, Reason::SnapshotInvalid));
    assert_eq!(text(Fetched::Absent, hash), (format!("the object {hash} is not there"), Reason::SnapshotMissing));
    assert_eq!(text(Fetched::Failed("no answer".to_owned()), hash), ("no answer".to_owned(), Reason::SnapshotMissing));
}
