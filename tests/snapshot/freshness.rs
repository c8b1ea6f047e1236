//! How old a snapshot is, what that forbids, and whom it is for.

use crate::cutting::{Cut, MADE_AT, cut, key, published};
use mayuse_core::{Decision, Instant, Policy, Question, Reason, Source};
use mayuse_snapshot::{Manifest, ManifestError, Policies, Replica, Unverified};
use serde_json::{Value, json};

const SECOND: i64 = 1_000;

fn after(ms: i64) -> Instant {
    Instant::from_millis(Instant::parse(MADE_AT).unwrap().millis() + ms).unwrap()
}

/// One feature that says nothing, one that fails open, one that fails closed and one that has to be
/// fresh, and a customer who may use none of them.
fn features() -> Cut {
    let feature = |code: &str, more: Value| {
        let mut feature = json!({
            "id": code, "code": code, "name": code, "feature_type": {"type": "BOOLEAN"}, "status": "ACTIVE",
        });
        feature.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        feature
    };
    let document = json!({
        "format": 1,
        "features": [
            feature("unset", json!({})),
            feature("open", json!({"on_indeterminate": "ALLOW"})),
            feature("closed", json!({"on_indeterminate": "DENY"})),
            feature("fresh", json!({"max_age_ms": 0})),
        ],
        "customers": [{"id": "nobody", "name": "Nobody"}],
    });
    cut(&document, 0)
}

/// A replica of all of it, with limits of the manifest and of its own.
fn held(cut: &Cut, said: Policies, own: Policies, source: Source) -> Replica {
    let mut replica = Replica::new(usize::MAX, 0).with_own(own);
    let manifest = published(&Manifest { policies: said, ..cut.manifest(7) });
    let blocks = (0..).zip(cut.blocks.clone()).collect();
    assert_eq!(replica.accept(manifest, Some(&cut.catalog_object), blocks, source), Ok(true));
    replica
}

fn none(on_indeterminate: Policy) -> Policies {
    Policies { on_indeterminate, stale_after_ms: None, max_age_ms: None }
}

fn decided<'r>(replica: &'r Replica, question: &Question<'r>, now: Instant) -> Decision<'r> {
    replica.decide(question, now).unwrap().unwrap()
}

#[test]
fn the_stricter_policy_counts_and_the_deployments_only_where_nobody_speaks() {
    let (cut, policies) = (features(), [None, Some(Policy::Allow), Some(Policy::Deny)]);
    for of_deployment in [Policy::Allow, Policy::Deny] {
        let replica = held(&cut, none(of_deployment), none(Policy::Allow), Source::Snapshot);
        for (feature, of_feature) in [("unset", None), ("open", Some(Policy::Allow)), ("closed", Some(Policy::Deny))] {
            for on_indeterminate in policies {
                let question = Question { on_indeterminate, ..Question::new("nobody", feature) };
                let spoken = [of_feature, on_indeterminate];
                let allowed = match spoken.iter().flatten().count() {
                    0 => of_deployment == Policy::Allow,
                    _ => !spoken.contains(&Some(Policy::Deny)),
                };
                for (question, reason) in [
                    (Question { min_version: Some(8), ..question }, Reason::SnapshotBehind),
                    (Question { max_age_ms: Some(0), ..question }, Reason::SnapshotExpired),
                ] {
                    let decision = decided(&replica, &question, after(0));
                    assert_eq!((decision.reason, decision.allowed), (reason, allowed), "{question:?}");
                }
                let plain = decided(&replica, &question, after(0));
                assert_eq!((plain.reason, plain.allowed), (Reason::NoActiveSubscription, false));
            }
        }
    }
}

#[test]
fn the_origin_is_the_present() {
    let own = Policies { max_age_ms: Some(1), ..none(Policy::Allow) };
    let replica = held(&features(), none(Policy::Allow), own, Source::Origin);
    for feature in ["unset", "open", "fresh"] {
        let question = Question::new("nobody", feature);
        for question in [
            question,
            Question { min_version: Some(u64::MAX), ..question },
            Question { max_age_ms: Some(0), on_indeterminate: Some(Policy::Allow), ..question },
        ] {
            let decision = decided(&replica, &question, after(SECOND));
            assert_eq!((decision.reason, decision.allowed), (Reason::NoActiveSubscription, false), "{question:?}");
        }
    }
}

#[test]
fn an_age_is_by_the_clock_whatever_instant_is_asked_about() {
    let own = Policies { stale_after_ms: Some(1_000), max_age_ms: Some(2_000), ..none(Policy::Allow) };
    let replica = held(&features(), none(Policy::Deny), own, Source::Snapshot);
    let years = 365 * 24 * 3_600 * SECOND;
    for at in [None, Some(after(-years)), Some(after(years)), Some(Instant::MIN), Some(Instant::MAX)] {
        let question = Question { at, ..Question::new("nobody", "unset") };
        for (ms, stale, reason) in [
            (999, false, Reason::NoActiveSubscription),
            (1_000, true, Reason::NoActiveSubscription),
            (1_999, true, Reason::NoActiveSubscription),
            (2_000, true, Reason::SnapshotExpired),
        ] {
            let decision = decided(&replica, &question, after(ms));
            assert_eq!(
                (decision.freshness.age_ms, decision.freshness.stale),
                (u64::try_from(ms).ok(), stale),
                "{at:?}"
            );
            assert_eq!(decision.reason, reason, "{at:?} after {ms} ms");
            let deadline = (reason != Reason::SnapshotExpired).then(|| after(2_000));
            assert_eq!(decision.valid_until, deadline, "{at:?} after {ms} ms");
        }
    }
}

#[test]
fn a_feature_that_allows_no_age_is_never_decided_from_a_copy() {
    let replica = held(&features(), none(Policy::Deny), none(Policy::Allow), Source::Snapshot);
    assert_eq!(decided(&replica, &Question::new("nobody", "fresh"), after(0)).reason, Reason::SnapshotExpired);
}

#[test]
fn of_a_manifest_and_a_reader_the_stricter_limits_count() {
    let limits = |stale: Option<u64>, max: Option<u64>, on_indeterminate| Policies {
        on_indeterminate,
        stale_after_ms: stale,
        max_age_ms: max,
    };
    let (allow, deny) = (Policy::Allow, Policy::Deny);
    for (said, own, both) in [
        (limits(None, None, allow), limits(None, None, allow), limits(None, None, allow)),
        (limits(Some(5), None, allow), limits(None, Some(9), deny), limits(Some(5), Some(9), deny)),
        (limits(Some(5), Some(9), deny), limits(Some(7), Some(8), allow), limits(Some(5), Some(8), deny)),
    ] {
        assert_eq!(said.stricter(&own), both);
        assert_eq!(own.stricter(&said), both);
        for source in [Source::Snapshot, Source::Embedded] {
            let snapshot = held(&features(), said, own, source).catalog().unwrap().snapshot;
            assert_eq!((snapshot.stale_after_ms, snapshot.max_age_ms), (both.stale_after_ms, both.max_age_ms));
            assert_eq!(snapshot.on_indeterminate, both.on_indeterminate);
        }
    }
}

#[test]
fn a_manifest_is_for_one_deployment() {
    let manifest = published(&features().manifest(1));
    assert_eq!(manifest.is_for("tests"), Ok(()));
    let (expected, found) = ("other".to_owned(), "tests".to_owned());
    let error = manifest.is_for("other").unwrap_err();
    assert_eq!(error, ManifestError::WrongAudience { expected, found });
    assert!(error.to_string().contains("for the audience tests, and here is other: build it with --audience other"));
    for audience in ["Tests", "test", "tests ", ""] {
        assert!(manifest.is_for(audience).is_err(), "{audience:?}");
    }
    // It is signed with the rest.
    let other = Manifest { audience: "other".to_owned(), ..manifest.clone() };
    let signature = *Unverified::read(&manifest.sign(&key()).into()).unwrap().signature();
    let forged = Manifest::seal(other.unsigned(key().public().id()), &signature);
    let read = Unverified::read(&forged.into()).unwrap();
    assert!(matches!(read.verify(&[key().public()]), Err(ManifestError::WrongSignature(_))));
}

#[test]
fn a_manifest_of_the_first_format_is_for_nobody() {
    let signed = published(&features().manifest(1)).sign(&key());
    let old = signed.replacen("mym\u{2}\u{5}tests", "mym\u{1}", 1);
    assert_ne!(old, signed);
    let manifest = Unverified::read(&old.into()).unwrap().verified(true).unwrap();
    assert_eq!(manifest, Manifest { audience: String::new(), ..features().manifest(1) });
    assert!(manifest.is_for("tests").unwrap_err().to_string().starts_with("the manifest names no audience"));
}

#[test]
fn what_nobody_can_be_called_is_no_audience() {
    for audience in ["a b", "\u{1b}[2J", "ä", &"x".repeat(129)] {
        let manifest = Manifest { audience: audience.to_owned(), ..features().manifest(1) };
        assert!(
            matches!(Unverified::read(&manifest.sign(&key()).into()), Err(ManifestError::Damaged(_))),
            "{audience}"
        );
    }
}

#[test]
fn a_shard_is_laid_out_as_its_manifest_says() {
    let document = json!({"format": 1, "customers": [{"id": "cus_a", "name": "A"}]});
    for (made, said, is_fine) in [(0, 0, true), (0, 1, true), (1, 1, true), (1, 0, false)] {
        let cut = cut(&document, made);
        let mut manifest = published(&cut.manifest(1));
        manifest.table.bits = said;
        manifest.table.shards = vec![cut.table.shards[0]; 1 << said];
        let take = |manifest: Manifest| {
            let mut replica = Replica::new(usize::MAX, 0);
            replica.accept(manifest, Some(&cut.catalog_object), Vec::new(), Source::Snapshot).unwrap();
            replica.insert_shard(0, cut.table.shards[0].hash, cut.blocks[0].clone())
        };
        assert_eq!(take(manifest.clone()).is_ok(), is_fine, "{made} {said}");
        manifest.table.seed += 1;
        assert!(take(manifest).unwrap_err().to_string().contains("laid out for another snapshot"));
    }
}
