//! Requests of a reader: several questions, all features, aliases in little memory, and the fallback.

use crate::cutting::{Cut, cut, key};
use crate::reader::{Kept, REFRESH_MS, Store, at, keep, settings, world};
use mayuse_core::{Decision, Packed, Policy, Problem, Question, Reason, Source};
use mayuse_snapshot::{Asking, Command, Event, Fallback, Look, Missing, Reader, ReaderSettings, join};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const N: usize = 40;

fn switch(code: &str) -> Value {
    let row = json!({ "value": { "type": "BOOLEAN", "enabled": true } });
    json!({
        "id": code, "code": code, "name": code, "feature_type": { "type": "BOOLEAN" }, "status": "ACTIVE", "entitlement": row,
    })
}

/// Customers with aliases in sixteen shards, and two features of which nobody may use the second.
fn crowd() -> Cut {
    let customers: Vec<Value> =
        (0..N).map(|n| json!({ "id": format!("cus_{n}"), "name": "C", "alias": format!("name_{n}") })).collect();
    let mut second = switch("second");
    second["status"] = json!("DISABLED");
    cut(&json!({ "format": 1, "features": [switch("first"), second], "customers": customers }), 4)
}

fn file(store: &Store) -> Vec<u8> {
    let objects = [&store.cut.catalog_object].into_iter().chain(&store.cut.blocks);
    join(&store.manifest, objects.map(Packed::as_slice))
}

/// Carries a request out, and gives its answers.
fn answers(
    store: &mut Store,
    reader: &mut Reader,
    now: &mut i64,
    mut asking: Asking<'_, Kept, impl Fn(&Question<'_>, Result<Decision<'_>, Problem>) -> Kept>,
) -> Vec<Kept> {
    store.carry(reader, now, &mut |reader, event, now| asking.step(reader, event, now));
    asking.into_answers()
}

#[test]
fn all_features_are_answered_in_the_order_of_the_catalog() {
    let (mut store, mut reader, mut now) = (Store::new(crowd()), Reader::new(settings(), Fallback::Absent), 0);
    for key in ["cus_1", "name_1"] {
        let asking = Asking::all(Question::new(key, ""), keep, at(now));
        let of = |reason| (false, reason, Source::Snapshot, Some(1));
        let expected = [of(Reason::NoActiveSubscription), of(Reason::FeatureDisabled)];
        assert_eq!(answers(&mut store, &mut reader, &mut now, asking), expected);
    }
}

#[test]
fn at_most_six_shards_are_read_at_once_and_each_of_them_once() {
    let (mut store, mut reader, mut now) = (Store::new(crowd()), Reader::new(settings(), Fallback::Absent), 0);
    let keys: Vec<String> = (0..N).map(|n| format!("cus_{n}")).collect();
    let questions = || keys.iter().map(|key| Question::new(key, "first"));
    let mut asking = Asking::each(questions(), keep, at(now));
    let mut asked = Vec::new();
    store.carry(&mut reader, &mut now, &mut |reader, event, now| {
        let command = asking.step(reader, event, now);
        if let Command::ReadObjects { hashes, .. } = &command {
            asked.push(hashes.clone());
        }
        command
    });
    let found = asking.into_answers();
    assert_eq!(found, vec![(false, Reason::NoActiveSubscription, Source::Snapshot, Some(1)); N]);
    // The catalog object, and then the shards of these customers.
    let sizes: Vec<usize> = asked.iter().skip(1).map(Vec::len).collect();
    let (last, full) = sizes.split_last().unwrap();
    assert!(full.len() > 1 && full.iter().all(|size| *size == 6) && *last <= 6, "{sizes:?}");
    let hashes: Vec<_> = asked.concat();
    assert_eq!(hashes.iter().collect::<BTreeSet<_>>().len(), hashes.len(), "an object is read twice");
}

/// The shard of the customer takes the place of that of the alias.
#[test]
fn an_alias_is_answered_where_only_one_shard_fits() {
    let mut n_apart = 0;
    for n in 0..N {
        let (mut store, mut now) = (Store::new(crowd()), 0);
        let mut reader = Reader::new(ReaderSettings { max_bytes: 0, ..settings() }, Fallback::Absent);
        let (id, alias) = (format!("cus_{n}"), format!("name_{n}"));
        let yes = (false, Reason::NoActiveSubscription, Source::Snapshot, Some(1));
        assert_eq!(store.ask(&mut reader, Question::new(&alias, "first"), &mut now), yes, "{alias}");
        assert!(reader.replica().customer(&id).is_ok(), "the customer's own shard is held");
        let is_apart = matches!(reader.replica().customer(&alias), Err(Missing::Shard(..)));
        // The manifest, the catalog object, and each of the shards once.
        assert_eq!(store.reads.len(), if is_apart { 4 } else { 3 }, "{alias}");
        n_apart += usize::from(is_apart);
    }
    assert!(n_apart > N / 2, "{n_apart} aliases lie in other shards than their customers");
}

#[test]
fn with_nothing_held_the_setting_of_the_reader_says_what_an_answer_comes_to() {
    for (on_indeterminate, allowed) in [(Policy::Allow, true), (Policy::Deny, false)] {
        let (mut store, mut now) = (Store::new(world()), 0);
        store.is_down = true;
        let mut reader = Reader::new(ReaderSettings { on_indeterminate, ..settings() }, Fallback::Absent);
        let (found, reason, _, version) = store.ask(&mut reader, Question::new("acme", "f"), &mut now);
        assert_eq!((found, reason, version), (allowed, Reason::SnapshotMissing, None));
    }
}

/// The first look verifies the fallback. A request that comes meanwhile does not wait for the look.
#[test]
fn a_request_verifies_the_fallback_where_the_first_look_has_not_done_so_yet() {
    let mut store = Store::new(world());
    let mut reader = Reader::new(settings(), Fallback::of(file(&store)));
    let mut look = Look::new(at(0));
    assert!(matches!(look.step(&mut reader, Event::Begin, at(0)), Command::Verify { .. }));
    let asking = Asking::each(std::iter::once(Question::new("acme", "f")), keep, at(0));
    let mut now = 0;
    let found = answers(&mut store, &mut reader, &mut now, asking);
    assert_eq!(found, [(true, Reason::Enabled, Source::Embedded, Some(1))]);
    assert!(store.reads.is_empty());
}

#[test]
fn a_fallback_is_usable_from_min_version_on() {
    for (min_version, status, version) in [(0, "USABLE", Some(1)), (1, "USABLE", Some(1)), (2, "REFUSED", None)] {
        let (mut store, mut now) = (Store::new(world()), 0);
        let file = file(&store);
        store.is_down = true;
        let mut reader = Reader::new(ReaderSettings { min_version, ..settings() }, Fallback::of(file));
        assert_eq!((reader.fallback().status(), reader.fallback().version()), ("UNCHECKED", None));
        store.look(&mut reader, &mut now);
        assert_eq!((reader.fallback().status(), reader.fallback().version()), (status, version));
        let is_refused = status == "REFUSED";
        let problem = if is_refused { "its version is below MIN_VERSION" } else { "" };
        assert_eq!(reader.fallback().problem(), problem);
        // The store is down, which is a failure as well.
        assert_eq!(reader.n_failed, 1 + u64::from(is_refused));
        // Open, it is as usable.
        let (allowed, ..) = store.ask(&mut reader, Question::new("acme", "f"), &mut now);
        assert_eq!((allowed, reader.fallback().status()), (!is_refused, status));
        assert_eq!(reader.fallback().version(), version);
    }
}

#[test]
fn a_fallback_that_cannot_be_used_is_said_once_and_why() {
    let store = Store::new(world());
    let good = file(&store);
    let mut other = Reader::new(ReaderSettings { audience: Some("other".to_owned()), ..settings() }, Fallback::Absent);
    for (bytes, why) in [
        (b"nothing".to_vec(), "not a snapshot file"),
        (vec![0xff; 9], "not a snapshot file"),
        (good.clone(), "for the audience tests"),
        (good[..good.len() - 1].to_vec(), "for the audience tests"),
    ] {
        let (mut store, mut now) = (Store::new(world()), 0);
        other = Reader::new(other.settings.clone(), Fallback::of(bytes));
        store.look(&mut other, &mut now);
        assert_eq!(other.fallback().status(), "REFUSED");
        assert!(other.fallback().problem().contains(why), "{}", other.fallback().problem());
    }
    // Damage to an object shows when the fallback is opened.
    let (mut store, mut now) = (Store::new(world()), 0);
    store.is_down = true;
    let mut reader = Reader::new(settings(), Fallback::of(good[..good.len() - 1].to_vec()));
    store.look(&mut reader, &mut now);
    assert_eq!((reader.fallback().status(), reader.n_failed), ("USABLE", 1));
    for _ in 0..2 {
        let (allowed, reason, ..) = store.ask(&mut reader, Question::new("acme", "f"), &mut now);
        assert_eq!((allowed, reason), (false, Reason::SnapshotMissing));
        assert_eq!((reader.fallback().status(), reader.n_failed), ("REFUSED", 2));
        assert!(reader.last_failure.contains("the fallback in the bundle cannot be used: "), "{}", reader.last_failure);
        assert!(reader.last_failure.contains("ends early"), "{}", reader.last_failure);
    }
    // Empty bytes are no fallback, which is no failure.
    let (mut store, mut now) = (Store::new(world()), 0);
    let mut reader = Reader::new(settings(), Fallback::of(Vec::new()));
    store.look(&mut reader, &mut now);
    assert_eq!((reader.fallback().status(), reader.fallback().problem(), reader.n_failed), ("NONE", "", 0));
}

/// Of what is held and the fallback, the newer one answers where nobody can be asked.
#[test]
fn the_fallback_answers_only_while_nothing_newer_is_held() {
    for (held, source) in [(6, Source::Embedded), (7, Source::Embedded), (8, Source::Snapshot)] {
        let (mut store, mut now) = (Store::new(world()), 0);
        store.manifest = store.cut.manifest(7).sign(&key());
        let mut reader = Reader::new(settings(), Fallback::of(file(&store)));
        store.manifest = store.cut.manifest(held).sign(&key());
        store.ask(&mut reader, Question::new("acme", "f"), &mut now);
        // A newer version than either is wanted, so the origin is asked, which is down.
        now += REFRESH_MS;
        let wanted = Question { min_version: Some(9), ..Question::new("acme", "f") };
        let (_, reason, found, version) = store.ask(&mut reader, wanted, &mut now);
        assert_eq!((reason, found, version), (Reason::SnapshotBehind, source, Some(held.max(7))));
    }
}

/// Where the origin is down, each feature has an answer of its own, from what is held or from the fallback.
#[test]
fn all_features_are_answered_where_nobody_can_be_asked() {
    for (file_of, source) in [(true, Source::Embedded), (false, Source::Snapshot)] {
        let (mut store, mut now) = (Store::new(crowd()), 0);
        let bytes = if file_of { file(&store) } else { Vec::new() };
        store.is_down = file_of;
        let mut reader = Reader::new(settings(), Fallback::of(bytes));
        store.look(&mut reader, &mut now);
        for (key, min_version, reasons) in [
            ("cus_1", None, [Reason::NoActiveSubscription, Reason::FeatureDisabled]),
            ("nobody", None, [Reason::CustomerNotFound, Reason::FeatureDisabled]),
            ("cus_1", Some(2), [Reason::SnapshotBehind; 2]),
        ] {
            let asking = Asking::all(Question { min_version, ..Question::new(key, "") }, keep, at(now));
            let found = answers(&mut store, &mut reader, &mut now, asking);
            assert_eq!(found, reasons.map(|reason| (false, reason, source, Some(1))), "{key}");
        }
    }
}
