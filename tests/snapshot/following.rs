//! A follower takes what is newer, trusts no bytes of its store, never rolls back, and is shared between threads.

use crate::cutting::{Cut, cut, key};
use crate::shelf::{Clock, Shelf, demo, file, manifest, objects, options};
use mayuse::{Decision, Folder, Follower, Question, Reason, Store};
use mayuse_snapshot::{Hash, SigningKey};
use std::path::{Path, PathBuf};
use std::sync::Barrier;

#[path = "../../src/mayuse/examples/follow.rs"]
#[expect(dead_code, reason = "its `main` runs until it is stopped")]
mod follow;

/// The demo, in which acme has or does not have single sign-on.
fn with_sso(enabled: bool) -> Cut {
    let mut demo = demo();
    let feature = demo["features"].as_array_mut().unwrap().iter_mut().find(|f| f["code"] == "sso").unwrap();
    feature["status"] = if enabled { "ACTIVE" } else { "DISABLED" }.into();
    cut(&demo, 2)
}

fn seen<S: Store>(follower: &Follower<S>) -> (bool, &'static str, Option<u64>) {
    let keep =
        |decision: &Decision<'_>| (decision.allowed, decision.reason.name(), decision.freshness.snapshot_version);
    follower.check(&Question::new("acme", "sso"), keep).unwrap()
}

#[test]
fn a_follower_takes_what_is_newer_and_never_rolls_back() {
    let (shelf, clock) = (Shelf::default(), Clock::new());
    let (yes, no) = (with_sso(true), with_sso(false));
    let follower = Follower::new(&shelf, &[key().public()], options(), clock.read());
    assert_eq!(seen(&follower), (false, "SNAPSHOT_MISSING", None));
    assert_eq!(follower.entitlements("acme", |_| ()).unwrap(), []);
    shelf.publish(&yes, 2);
    clock.pass(5_000);
    follower.refresh();
    assert_eq!(seen(&follower), (true, "ENABLED", Some(2)));

    shelf.publish(&no, 1);
    clock.pass(5_000);
    follower.refresh();
    assert_eq!(seen(&follower), (true, "ENABLED", Some(2)));
    assert_eq!(follower.status().n_refused, 1);

    shelf.publish(&no, 3);
    follower.refresh();
    assert_eq!(seen(&follower), (true, "ENABLED", Some(2)), "no look is due yet");
    clock.pass(5_000);
    *shelf.is_down.lock().unwrap() = true;
    follower.refresh();
    assert_eq!(seen(&follower), (true, "ENABLED", Some(2)), "what is held answers on");
    assert_eq!(follower.status().last_failure.as_deref(), Some("the shelf fell down"));
    *shelf.is_down.lock().unwrap() = false;
    clock.pass(5_000);
    follower.refresh();
    assert_eq!(seen(&follower), (false, "FEATURE_DISABLED", Some(3)));
    let status = follower.status();
    assert_eq!((status.version, status.n_failed), (Some(3), 1));
    assert!(status.n_bytes != 0);

    // A question that requires a version is not answered from an older one.
    let mut question = Question::new("acme", "sso");
    question.min_version = Some(4);
    assert_eq!(follower.check(&question, |decision| decision.reason).unwrap(), Reason::SnapshotBehind);
}

#[test]
fn a_check_looks_if_no_look_was_made_for_a_heartbeat() {
    let (shelf, clock) = (Shelf::default(), Clock::new());
    shelf.publish(&with_sso(true), 1);
    let follower = Follower::new(&shelf, &[key().public()], options(), clock.read());
    assert_eq!(seen(&follower), (true, "ENABLED", Some(1)));
    shelf.publish(&with_sso(false), 2);
    clock.pass(30_000);
    assert_eq!(seen(&follower), (true, "ENABLED", Some(1)));
    clock.pass(30_000);
    assert_eq!(seen(&follower), (false, "FEATURE_DISABLED", Some(2)));
}

#[test]
fn a_follower_believes_no_byte_of_its_store() {
    let (shelf, clock) = (Shelf::default(), Clock::new());
    shelf.publish(&with_sso(true), 1);
    let strange = SigningKey::from_seed(&[8; 32]).public();
    let follower = Follower::new(&shelf, &[strange], options(), clock.read());
    assert_eq!(seen(&follower), (false, "SNAPSHOT_MISSING", None));
    assert_eq!(follower.status().n_refused, 1);
    shelf
        .held
        .lock()
        .unwrap()
        .iter_mut()
        .filter(|(name, _)| *name != "manifest")
        .for_each(|(_, object)| object.push(0));
    let follower = Follower::new(&shelf, &[key().public()], options(), clock.read());
    assert_eq!(seen(&follower), (false, "SNAPSHOT_MISSING", None));
    let failure = follower.status().last_failure.unwrap();
    assert!(failure.contains("damaged"), "{failure}");
}

#[test]
fn a_fallback_answers_while_the_store_does_not() {
    let (shelf, clock) = (Shelf::default(), Clock::new());
    *shelf.is_down.lock().unwrap() = true;
    let fallback = file(&with_sso(true), 1, &key());
    let follower = Follower::new(&shelf, &[key().public()], options(), clock.read()).with_fallback(fallback);
    assert_eq!(seen(&follower), (true, "ENABLED", Some(1)));
    assert_eq!(follower.status().version, None);
    *shelf.is_down.lock().unwrap() = false;
    shelf.publish(&with_sso(false), 2);
    clock.pass(60_000);
    follower.refresh();
    assert_eq!(seen(&follower), (false, "FEATURE_DISABLED", Some(2)));
}

#[test]
fn no_check_waits_for_a_later_look_of_another_thread() {
    let (shelf, clock) = (Shelf::default(), Clock::new());
    shelf.publish(&with_sso(true), 1);
    let follower = Follower::new(&shelf, &[key().public()], options(), clock.read());
    assert_eq!(seen(&follower), (true, "ENABLED", Some(1)));
    clock.pass(5_000);
    let barrier = shelf.holds_up.get_or_init(|| Barrier::new(2));
    std::thread::scope(|scope| {
        let look = scope.spawn(|| follower.refresh());
        // The look reads the store, which holds it up until the answer is given.
        barrier.wait();
        let answer = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| seen(&follower)));
        // Assertions come after this: a failed one would leave the look waiting for ever.
        barrier.wait();
        look.join().unwrap();
        assert_eq!(answer.unwrap(), (true, "ENABLED", Some(1)));
    });
}

#[test]
fn every_thread_waits_for_the_first_look() {
    type Ask = fn(&Follower<&Shelf>) -> bool;
    let check: Ask = |follower| seen(follower).0;
    let entitlements: Ask = |follower| !follower.entitlements("acme", |_| ()).unwrap().is_empty();
    let refresh: Ask = |follower| {
        follower.refresh();
        follower.status().version.is_some()
    };
    for first in [check, entitlements, refresh] {
        let (shelf, clock) = (Shelf::default(), Clock::new());
        shelf.publish(&with_sso(true), 1);
        let follower = &Follower::new(&shelf, &[key().public()], options(), clock.read());
        let barrier = shelf.holds_up.get_or_init(|| Barrier::new(2));
        std::thread::scope(|scope| {
            let first = scope.spawn(move || first(follower));
            // The first look reads the store, which holds it up while the others ask.
            barrier.wait();
            let others = [check, entitlements].map(|ask| scope.spawn(move || ask(follower)));
            std::thread::sleep(std::time::Duration::from_millis(50));
            barrier.wait();
            assert!(first.join().unwrap());
            assert_eq!(others.map(|other| other.join().unwrap()), [true; 2]);
        });
    }
}

/// A folder that is removed when the test ends.
struct Place(PathBuf);

impl Drop for Place {
    fn drop(&mut self) {
        // A folder that stays behind is in the temporary folder.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn write(folder: &Path, cut: &Cut, version: u64) {
    std::fs::create_dir_all(folder.join("o")).unwrap();
    for object in objects(cut) {
        let name = Hash::of(object.as_slice()).to_string();
        std::fs::write(folder.join("o").join(name), object.as_slice()).unwrap();
    }
    std::fs::write(folder.join("manifest"), manifest(cut, version).sign(&key())).unwrap();
}

#[test]
fn the_example_follows_a_folder() {
    let place = Place(std::env::temp_dir().join(format!("mayuse-follow-{}", std::process::id())));
    let clock = Clock::new();
    let follower = Follower::new(Folder::new(&place.0), &[key().public()], options(), clock.read());
    let answer = || {
        clock.pass(5_000);
        follow::answer(&follower, "acme", "sso").unwrap()
    };
    assert_eq!(answer(), "version 0: false SNAPSHOT_MISSING");
    let status = follower.status();
    assert_eq!((status.n_failed, status.last_failure), (1, Some(format!("no folder {}", place.0.display()))));
    std::fs::create_dir(&place.0).unwrap();
    assert_eq!(answer(), "version 0: false SNAPSHOT_MISSING");
    assert_eq!(follower.status().n_failed, 1, "an empty folder waits for its first snapshot");
    write(&place.0, &with_sso(true), 1);
    assert_eq!(answer(), "version 1: true ENABLED");
    write(&place.0, &with_sso(false), 2);
    assert_eq!(answer(), "version 2: false FEATURE_DISABLED");
}

#[test]
fn threads_share_a_follower_and_see_no_version_after_a_newer_one() {
    const VERSIONS: u64 = 50;
    let (shelf, clock) = (Shelf::default(), Clock::new());
    // Even versions say yes, odd versions say no.
    let cuts = [with_sso(true), with_sso(false)];
    let publish = |version: u64| shelf.publish(&cuts[usize::try_from(version % 2).unwrap()], version);
    publish(1);
    let follower = Follower::new(&shelf, &[key().public()], options(), clock.read());
    follower.refresh();
    std::thread::scope(|scope| {
        let ask = || {
            let mut newest = 0;
            // The bound ends a thread that would never see the last version.
            for _ in 0..10_000_000 {
                let (allowed, reason, version) = seen(&follower);
                let version = version.unwrap();
                // A question whose every round met a newer manifest cannot be answered, and says so.
                if reason.starts_with("SNAPSHOT_") {
                    assert!(!allowed);
                    continue;
                }
                assert!(newest <= version, "version {version} after {newest}");
                assert_eq!(allowed, version % 2 == 0, "version {version}");
                newest = version;
                if newest == VERSIONS {
                    break;
                }
            }
            newest
        };
        let threads = [(); 3].map(|()| scope.spawn(ask));
        for version in 2..=VERSIONS {
            publish(version);
            clock.pass(5_000);
            follower.refresh();
        }
        assert_eq!(threads.map(|thread| thread.join().unwrap()), [VERSIONS; 3]);
    });
}
