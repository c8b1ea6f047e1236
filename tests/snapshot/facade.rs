//! The crate for Rust programs gives the core's answers, and opens only what it may trust.

use crate::cutting::{cut, key, shown};
use crate::shelf::{DEMO, MADE_AT, Shelf, at, demo, file, manifest, objects, options};
use mayuse::{
    Amount, Catalog, Decision, Error, Folder, Follower, Instant, Options, Policy, PublicKey, Question, Reason,
    Snapshot, WriteJson,
};
use mayuse_core::{Packed, decide};
use mayuse_snapshot::{SigningKey, join};
use mayuse_tests::compiled;
use serde_json::{Value, json};

fn opened(file: Vec<u8>, options: &Options) -> Result<Snapshot, Error> {
    Snapshot::open(file, &[key().public()], options)
}

/// Every customer of the demo and two that it lacks, with every feature.
fn asked(demo: &Value) -> Vec<(String, String)> {
    let named = |list: &str, field: &str| {
        demo[list].as_array().unwrap().iter().filter_map(|item| Some(item[field].as_str()?.to_owned())).collect()
    };
    let mut customers: Vec<String> = named("customers", "alias");
    customers.extend(["nobody".to_owned(), "no body".to_owned()]);
    let features: Vec<String> = named("features", "code");
    customers.iter().flat_map(|c| features.iter().map(move |f| (c.clone(), f.clone()))).collect()
}

fn without_freshness(mut answer: Value) -> Value {
    answer.as_object_mut().unwrap().remove("freshness");
    answer
}

fn told(decided: Result<Decision<'_>, Error>) -> Value {
    without_freshness(match decided {
        Ok(decision) => serde_json::from_str(&decision.to_json()).unwrap(),
        Err(error) => json!({ "error": error.to_string() }),
    })
}

#[test]
fn all_ways_to_an_answer_give_that_of_the_core() {
    let demo = demo();
    let now = at(MADE_AT);
    let (cut, full) = (cut(&demo, 2), compiled(DEMO));
    let snapshot = opened(file(&cut, 7, &key()), &options()).unwrap();
    let catalog = Catalog::parse(DEMO).unwrap();
    let shelf = Shelf::default();
    shelf.publish(&cut, 7);
    let follower = Follower::new(&shelf, &[key().public()], options(), move || now);
    let asked = asked(&demo);
    assert!(100 < asked.len());
    for (customer, feature) in &asked {
        let mut question = Question::new(customer, feature);
        question.consumed = Some(Amount::ONE);
        question.explain = true;
        let expected = without_freshness(shown(decide(&full, &question, now)));
        assert_eq!(told(snapshot.check(&question, now)), expected);
        assert_eq!(told(catalog.check(&question, now)), expected);
        let followed = follower.check(&question, |decision| serde_json::from_str(&decision.to_json()).unwrap());
        let followed = followed.unwrap_or_else(|error| json!({ "error": error.to_string() }));
        assert_eq!(without_freshness(followed), expected);
    }
    let reasons = |decisions: Vec<Decision<'_>>| decisions.iter().map(|d| d.reason).collect::<Vec<_>>();
    let expected: Vec<Reason> =
        snapshot.features().map(|f| decide(&full, &Question::new("acme", f), now).unwrap().reason).collect();
    assert_eq!(reasons(snapshot.entitlements("acme", now).unwrap()), expected);
    assert_eq!(reasons(catalog.entitlements("acme", now).unwrap()), expected);
    assert_eq!(follower.entitlements("acme", |decision| decision.reason).unwrap(), expected);
    for error in [
        snapshot.entitlements("no body", now).unwrap_err(),
        catalog.entitlements("no body", now).unwrap_err(),
        follower.entitlements("no body", |_| ()).unwrap_err(),
    ] {
        assert_eq!(error.code(), "INVALID");
        assert!(error.to_string().starts_with("customer: "), "{error}");
    }
    assert_eq!((snapshot.version(), snapshot.generated_at()), (7, Some(at(MADE_AT))));
    assert_eq!(catalog.features().collect::<Vec<_>>(), snapshot.features().collect::<Vec<_>>());
}

#[test]
fn no_way_to_an_answer_takes_a_negative_amount_but_for_usage() {
    let now = at(MADE_AT);
    let snapshot = opened(file(&cut(&demo(), 1), 7, &key()), &options()).unwrap();
    let catalog = Catalog::parse(DEMO).unwrap();
    let shelf = Shelf::default();
    let empty = Follower::new(&shelf, &[], options(), move || now);
    let less = Amount::parse("-1").unwrap();
    // Also of a switch, which ignores amounts, and of a feature that is not there.
    for feature in ["api_calls", "sso", "unknown"] {
        let asked = |change: fn(&mut Question<'_>, Amount)| {
            let mut question = Question::new("acme", feature);
            question.consumed = Some(Amount::ZERO);
            change(&mut question, less);
            [
                snapshot.check(&question, now).map(|_| ()),
                catalog.check(&question, now).map(|_| ()),
                empty.check(&question, |_| ()),
            ]
        };
        let refused = |field: &str, answers: [Result<(), Error>; 3]| {
            for answer in answers {
                let error = answer.unwrap_err();
                assert_eq!(
                    (error.code(), error.to_string()),
                    ("OUT_OF_RANGE", format!("{field}: must not be negative"))
                );
            }
        };
        refused("reserved", asked(|question, amount| question.reserved = amount));
        refused("requested", asked(|question, amount| question.requested = Some(amount)));
        // Corrections make usage negative.
        assert_eq!(asked(|question, amount| question.consumed = Some(amount)), [Ok(()), Ok(()), Ok(())]);
    }
}

#[track_caller]
fn refuses(file: Vec<u8>, keys: &[PublicKey], options: &Options, code: &str, message: &str) {
    let error = Snapshot::open(file, keys, options).unwrap_err();
    assert_eq!(error.code(), code, "{error}");
    assert!(error.to_string().contains(message), "{error}");
}

#[test]
fn a_file_is_opened_only_if_a_key_signed_it_and_the_options_accept_it() {
    let cut = cut(&demo(), 1);
    let whole = file(&cut, 7, &key());
    let (mine, other) = (key(), SigningKey::from_seed(&[8; 32]));
    let keys = [mine.public()];
    assert_eq!(opened(whole.clone(), &Options { min_version: 7, ..options() }).unwrap().version(), 7);
    assert!(Snapshot::open(whole.clone(), &[other.public(), mine.public()], &Options::default()).is_ok());
    refuses(whole.clone(), &[], &options(), "UNKNOWN_KEY", "not known here");
    refuses(whole.clone(), &[other.public()], &options(), "UNKNOWN_KEY", "not known here");
    let elsewhere = Options { audience: Some("elsewhere".to_owned()), ..options() };
    refuses(whole.clone(), &keys, &elsewhere, "WRONG_AUDIENCE", "build it with --audience elsewhere");
    let newer = Options { min_version: 8, ..options() };
    refuses(whole.clone(), &keys, &newer, "TOO_OLD", "version 7, and 8 is the oldest");
    refuses(whole[..whole.len() - 1].to_vec(), &keys, &options(), "DAMAGED", "ends early");
    let mut damaged = whole.clone();
    *damaged.last_mut().unwrap() ^= 1;
    refuses(damaged, &keys, &options(), "DAMAGED", "hashes to something else");
    refuses(Vec::new(), &keys, &options(), "NOT_A_SNAPSHOT", "not a snapshot file");
    refuses(vec![0xff], &keys, &options(), "NOT_A_SNAPSHOT", "not a snapshot file");
    refuses(b"myf99;".to_vec(), &keys, &options(), "NEWER_FORMAT", "update it");
    // The manifest of one key with the signature of another.
    let manifest = manifest(&cut, 7);
    let (signed, forged) = (manifest.sign(&mine), manifest.sign(&other));
    let swapped = format!("{}{}", &signed[..signed.len() - 128], &forged[forged.len() - 128..]);
    let swapped = join(&swapped, objects(&cut).map(Packed::as_slice));
    refuses(swapped, &keys, &options(), "WRONG_SIGNATURE", "not signed by key");
}

#[test]
fn the_options_make_a_snapshot_stricter() {
    let file = file(&cut(&demo(), 1), 7, &key());
    let question = Question::new("acme", "sso");
    let later = Instant::from_millis(at(MADE_AT).millis() + 60_000).unwrap();
    let answer = |options: Options| {
        let snapshot = opened(file.clone(), &options).unwrap();
        let decision = snapshot.check(&question, later).unwrap();
        (decision.allowed, decision.reason.name(), decision.freshness.stale)
    };
    let old = Options { max_age_ms: Some(60_000), ..options() };
    assert_eq!(answer(old.clone()), (false, "SNAPSHOT_EXPIRED", false));
    // The manifest denies, and an option cannot be more lenient.
    assert_eq!(answer(Options { on_indeterminate: Some(Policy::Allow), ..old }), (false, "SNAPSHOT_EXPIRED", false));
    assert!(answer(Options { stale_after_ms: Some(60_000), ..options() }).2);
    assert!(!answer(options()).2);
}

#[test]
fn a_document_that_cannot_be_used_says_where() {
    assert_eq!(Catalog::parse("{").unwrap_err().code(), "INVALID_JSON");
    let wrong = json!({ "format": 1, "features": [{ "id": "f", "code": "a b" }], "plans": 7 }).to_string();
    let error = Catalog::parse(&wrong).unwrap_err();
    assert!(error.to_string().contains("features[0].code: "), "{error}");
    assert!(error.to_string().contains("\nplans: "), "{error}");
    assert_eq!(Catalog::parse(DEMO).unwrap().warnings().count(), 0);
}

#[test]
fn what_a_server_shares_is_send_and_sync() {
    fn is_shared<T: Send + Sync + 'static>() {}
    is_shared::<Snapshot>();
    is_shared::<Follower<Folder>>();
    is_shared::<Catalog>();
    is_shared::<Error>();
    is_shared::<Options>();
}
