//! Each decision of the publisher by itself.

use crate::cutting::SEED;
use crate::desk::{Desk, LIMITS, PUBLISHED, hash, keys};
use mayuse_core::shard_of;
use mayuse_snapshot::{Failing, Hash, ObjectRef, Shard, SnapshotIndex, State, Step, bits_for, slot_of};
use std::cell::RefCell;

#[test]
fn an_empty_catalog_waits_and_an_old_one_is_scanned_first() {
    let desk = Desk::with(|state| state.version = 0);
    assert_eq!(desk.step(5_000), Step::Wait(65_000));
    let desk = Desk::with(|state| state.scanned = Some("cus_9".to_owned()));
    assert_eq!(desk.step(PUBLISHED), Step::Again);
    assert_eq!(*desk.done.borrow(), ["scan after cus_9, 500"]);
}

#[test]
fn a_heartbeat_is_cut_when_it_is_due_and_not_before() {
    for (now, is_due) in
        [(PUBLISHED, false), (PUBLISHED + 59_999, false), (PUBLISHED + 60_000, true), (PUBLISHED - 1, true)]
    {
        let desk = Desk::new(0);
        assert_eq!(desk.cuts(now), is_due, "{now}");
        assert!(is_due || desk.step(now) == Step::Wait(PUBLISHED + 60_000));
    }
    // What was deleted from no manifest goes while there is nothing else to do.
    let desk = Desk { garbage: vec![hash(1), hash(2)], ..Desk::new(0) };
    assert_eq!(desk.step(PUBLISHED + 10_000), Step::Delete(vec![hash(1), hash(2)]));
    assert_eq!(*desk.done.borrow(), [format!("garbage before {}, 24", PUBLISHED + 3_000)]);
}

#[test]
fn a_change_is_cut_a_second_after_the_last_cut_and_three_during_an_import() {
    let changes: [fn(&mut State); 2] = [|state| state.touched = true, |state| state.version = 8];
    for change in changes {
        for (importing, every) in [(false, 1_000), (true, 3_000)] {
            let of = |now: i64| {
                let desk = Desk::with(change);
                let step = desk.step_of(now, importing, now);
                (step, desk.did("cut"))
            };
            assert_eq!(of(PUBLISHED), (Step::Wait(PUBLISHED + every), 0));
            assert_eq!(of(PUBLISHED + every - 1), (Step::Wait(PUBLISHED + every), 0));
            assert_eq!(of(PUBLISHED + every), (Step::Again, 1));
            assert_eq!(of(PUBLISHED - 1), (Step::Again, 1), "a clock that went backward says nothing");
        }
    }
    let desk = Desk::with(|state| state.version = 8);
    assert!(desk.cuts(PUBLISHED + 1_000));
    let cut = desk.cut.borrow().clone().unwrap();
    assert_eq!((cut.version, cut.generated_at.millis(), cut.previous), (8, PUBLISHED + 1_000, Some(hash(99))));
    assert_eq!((cut.audience.as_str(), cut.table.shards), ("here", vec![desk.only().part]));
}

#[test]
fn during_an_import_nothing_is_built_before_it_can_be_cut_unless_much_waits() {
    for (n_dirty, is_built) in [(0, false), (30, false), (31, true)] {
        let desk = Desk { dirty: RefCell::new(keys(n_dirty)), ..Desk::new(0) };
        let step = desk.step_of(PUBLISHED + 500, true, PUBLISHED + 500);
        assert_eq!(desk.did("clear") != 0, is_built, "{n_dirty}");
        assert_eq!(step, if is_built { Step::Again } else { Step::Wait(PUBLISHED + 3_000) });
    }
}

#[test]
fn a_cut_is_put_object_by_object_and_then_published_a_second_after_the_last() {
    let waiting = vec![hash(1), hash(2), hash(3)];
    let pending = |waiting: Vec<Hash>| Desk { waiting, ..Desk::with(|state| state.cut = Some((7, PUBLISHED))) };
    assert_eq!(pending(waiting).step(PUBLISHED), Step::Put(vec![hash(1), hash(2)]));
    for (now, step) in [
        (PUBLISHED, Step::Wait(PUBLISHED + 1_000)),
        (PUBLISHED + 999, Step::Wait(PUBLISHED + 1_000)),
        (PUBLISHED + 1_000, Step::Publish),
        (PUBLISHED - 1, Step::Publish),
    ] {
        assert_eq!(pending(Vec::new()).step(now), step, "{now}");
    }
    // While it is put, shards are built where much waits.
    for (n_dirty, is_built) in [(30, false), (31, true)] {
        let desk = Desk { dirty: RefCell::new(keys(n_dirty)), ..pending(Vec::new()) };
        let step = desk.step(PUBLISHED + 1_000);
        assert_eq!((step, desk.did("clear") != 0), (if is_built { Step::Again } else { Step::Publish }, is_built));
    }
    // What waits for a shard that cannot be built holds up nothing.
    let desk = Desk { dirty: RefCell::new(keys(31)), ..pending(Vec::new()) };
    let failing = Failing { since: PUBLISHED, retry_at: PUBLISHED + 5_000, why: "?".to_owned() };
    desk.shelve(0, 0, Some(failing));
    assert_eq!((desk.step(PUBLISHED + 1_000), desk.did("clear")), (Step::Publish, 0));
}

#[test]
fn a_cut_that_the_store_refuses_for_two_heartbeats_gives_way_to_a_newer_version() {
    for (has_failed, of, now, is_given_up) in [
        (true, 6, PUBLISHED + 120_001, true),
        (true, 6, PUBLISHED + 120_000, false),
        (false, 6, PUBLISHED + 120_001, false),
        (true, 7, PUBLISHED + 120_001, false),
    ] {
        let desk = Desk::with(|state| (state.cut, state.has_failed) = (Some((of, PUBLISHED)), has_failed));
        assert_eq!(desk.cuts(now), is_given_up, "{has_failed}, version {of}, {now}");
        assert!(is_given_up || desk.step(now) == Step::Publish);
    }
}

#[test]
fn a_catalog_object_takes_the_place_of_the_one_before() {
    let part = Desk::new(0).definitions.part.hash;
    for (before, dropped) in [(None, vec![]), (Some(hash(5)), vec![format!("drop {} at {PUBLISHED}", hash(5))])] {
        let desk = Desk::with(|state| state.catalog = before);
        assert_eq!(desk.step(PUBLISHED), Step::Again);
        let kept = [format!("object {part}"), format!("catalog {part}")];
        assert_eq!(*desk.done.borrow(), dropped.into_iter().chain(kept).collect::<Vec<_>>());
    }
}

#[test]
fn without_a_shard_the_first_is_an_empty_one() {
    let desk = Desk::new(0);
    desk.shards.borrow_mut().clear();
    assert_eq!((desk.step(PUBLISHED), desk.did("shard 0 of 0 bits"), desk.did("object")), (Step::Again, 1, 1));
    assert_eq!(desk.only().part.n, 0);
}

/// The bits are enough for the shards as they are, and where much is to be built, for all customers.
#[test]
fn there_are_as_many_bits_as_the_bytes_take() {
    for (n_bytes, n_shown, n_dirty, n_customers, bits) in [
        (1_000, 10, 3, 1_000, 0),
        (1_001, 10, 3, 1_000, 1),
        // With few customers so far, each is thought to take 96 bytes.
        (1_000, 10, 4, 10, 0),
        (1_000, 10, 4, 20, 1),
        (1_000, 10, 4, 21, 2),
        (630, 63, 4, 21, 2),
        // Then the mean of them counts, rounded up.
        (640, 64, 4, 21, 0),
        (640, 64, 4, 200, 1),
        (640, 64, 4, 201, 2),
        (641, 64, 4, 182, 2),
        (641, 64, 4, 181, 1),
    ] {
        let mut desk = Desk::with(|state| {
            (state.n_bytes, state.n_customers, state.n_dirty) = (n_bytes, n_shown, n_dirty);
        });
        desk.limits.shard_bytes = 1_000;
        desk.n_customers = n_customers;
        desk.step(PUBLISHED);
        let expected: Vec<String> = (bits != 0).then(|| format!("bits {bits}")).into_iter().collect();
        let done: Vec<String> = desk.done.borrow().iter().filter(|done| done.starts_with("bits")).cloned().collect();
        assert_eq!(done, expected, "{n_bytes} bytes, {n_shown} customers, {n_dirty} dirty, {n_customers} stored");
    }
    assert_eq!([0, 1, 1_000, 1_001, 2_001, 4_000].map(|n| bits_for(n, 1_000)), [0, 0, 0, 1, 2, 2]);
    assert_eq!((bits_for(1 << 40, 1), bits_for(1 << 10, 0)), (SnapshotIndex::MAX_BITS, 10));
}

/// Sixteen shards in each of which something is to be done, of which one takes six of a slice.
#[test]
fn a_step_does_more_the_later_it_is() {
    let n_built = |late: i64, slice: usize, backlog: usize| {
        let mut desk = Desk::new(4);
        desk.state.borrow_mut().version = 8;
        (desk.limits.slice, desk.limits.backlog) = (slice, backlog);
        let mut seen = [false; 16];
        let is_first = |(hash, _): &(u64, String)| !std::mem::replace(&mut seen[shard_of(*hash, 4) as usize], true);
        *desk.dirty.borrow_mut() = keys(400).into_iter().filter(is_first).collect();
        assert_eq!(desk.dirty.borrow().len(), 16);
        let now = PUBLISHED + 30_000;
        assert_eq!(desk.step_of(now, false, now - 1_000 - late), Step::Again);
        assert_eq!(desk.did("clear"), desk.did("shard"));
        (desk.did("clear"), desk.did("cut"))
    };
    for (late, n) in [(-1_000, 2), (0, 2), (1_999, 2), (2_000, 7), (3_999, 7)] {
        assert_eq!(n_built(late, 10, 30), (n, 0), "{late}");
    }
    assert_eq!(n_built(0, 12, 30), (2, 0), "a slice that is used up to its end");
    assert_eq!(n_built(0, 13, 30), (3, 0));
    assert_eq!(n_built(0, 1_000, 30), (16, 0), "keys may have become dirty meanwhile");
    // Twice as late, it cuts as soon as nothing is left.
    assert_eq!(n_built(4_000, 10, 30), (16, 1));
    assert_eq!(n_built(4_000, 2, 20), (6, 0), "sixteen times the slice");
    assert_eq!(n_built(4_000, 1, 42), (7, 0), "at least the backlog");
}

#[test]
fn shards_that_are_too_coarse_are_split_slice_by_slice_unless_it_is_late() {
    let split = |slice: usize, late: i64| {
        let mut desk = Desk::new(2);
        desk.limits.slice = slice;
        desk.state.borrow_mut().bits = 3;
        let now = PUBLISHED + 70_000;
        let step = desk.step_of(now, false, now - 1_000 - late);
        assert_eq!(step, Step::Again);
        (desk.shards.borrow().len() - 4, desk.did("cut"))
    };
    for (slice, n) in [(10, 1), (11, 2), (20, 2), (30, 3), (31, 4)] {
        let is_all = slice == 31;
        assert_eq!(split(slice, 1_999), (n, usize::from(is_all)), "a slice of {slice}");
    }
    assert_eq!(split(10, 2_000), (0, 1));
}

#[test]
fn a_coarse_shard_is_split_before_it_is_built() {
    let mut desk = Desk::new(1);
    desk.limits.slice = 1;
    desk.state.borrow_mut().bits = 2;
    *desk.dirty.borrow_mut() = keys(20).into_iter().take(1).collect();
    assert_eq!((desk.step(PUBLISHED), desk.did("shard"), desk.did("clear")), (Step::Again, 2, 0));
    assert_eq!(desk.shards.borrow().values().map(|shard| shard.bits).collect::<Vec<_>>(), [2, 2, 1]);
    assert_eq!((desk.step(PUBLISHED), desk.did("shard"), desk.did("clear")), (Step::Again, 1, 1));
}

#[test]
fn a_table_has_a_place_for_each_part_of_a_coarse_shard() {
    let desk = Desk::new(1);
    desk.shards.borrow_mut().clear();
    desk.shelve(0, 1, None);
    desk.shelve(2, 2, None);
    desk.shelve(3, 2, Some(Failing { since: 0, retry_at: i64::MAX, why: "?".to_owned() }));
    assert!(desk.cuts(PUBLISHED + 60_000));
    let table = desk.cut.borrow().clone().unwrap().table;
    let [first, second, _] = desk.shards.borrow().values().map(|shard| shard.part).collect::<Vec<_>>()[..] else {
        panic!("there are three shards");
    };
    assert_eq!((table.bits, table.seed, table.catalog_object), (2, SEED, desk.definitions.part));
    assert_eq!(table.shards, [first, first, second, ObjectRef::WITHHELD]);
}

#[test]
fn a_shard_that_cannot_be_built_waits_longer_each_time_and_holds_up_no_other() {
    for (since, now, waited) in [
        (None, 0, 5_000),
        (Some(0), 4_000, 5_000),
        (Some(0), 10_000, 10_000),
        (Some(0), 299_999, 299_999),
        (Some(0), 900_000, 300_000),
    ] {
        let mut desk = Desk::new(1);
        desk.limits.max_shard = 300;
        let now = PUBLISHED + now;
        let failing = since.map(|since: i64| Failing { since: PUBLISHED + since, retry_at: now, why: "?".to_owned() });
        desk.shelve(0, 1, failing);
        desk.name = 500;
        let (first, second): (Vec<_>, Vec<_>) = keys(20).into_iter().partition(|(hash, _)| shard_of(*hash, 1) == 0);
        *desk.dirty.borrow_mut() = vec![first[0].clone()];
        desk.step(now);
        let failed = desk.only().failing.unwrap();
        assert_eq!((failed.since, failed.retry_at), (PUBLISHED + since.unwrap_or(now - PUBLISHED), now + waited));
        assert_eq!(failed.why, format!("the shard of `{}` would be larger than 300 bytes", first[0].1), "{failed:?}");
        // Until then it is passed over.
        (desk.limits.max_shard, desk.name) = (LIMITS.max_shard, 1);
        *desk.dirty.borrow_mut() = vec![first[0].clone(), second[0].clone()];
        desk.step(now + waited - 1);
        assert_eq!(*desk.dirty.borrow(), [first[0].clone()]);
        desk.step(now + waited);
        assert!(desk.dirty.borrow().is_empty() && desk.only().failing.is_none());
    }
}

#[test]
fn a_withheld_shard_is_tried_again_by_itself() {
    let failing = |retry_at: i64| Some(Failing { since: PUBLISHED, retry_at, why: "?".to_owned() });
    for (first, second, step) in [
        (30_000, 40_000, Step::Wait(PUBLISHED + 30_000)),
        (40_000, 30_000, Step::Wait(PUBLISHED + 30_000)),
        (70_000, 80_000, Step::Wait(PUBLISHED + 60_000)),
        (20_001, 80_000, Step::Wait(PUBLISHED + 20_001)),
        (20_000, 80_000, Step::Again),
    ] {
        let desk = Desk::new(1);
        desk.shelve(0, 1, failing(PUBLISHED + first));
        desk.shelve(1, 1, failing(PUBLISHED + second));
        assert_eq!(desk.step(PUBLISHED + 20_000), step);
        assert_eq!(desk.only().failing.is_none(), step == Step::Again);
    }
}

#[test]
fn a_shard_may_have_as_many_bytes_as_the_limit_says() {
    let built = |max_shard: usize| {
        let mut desk = Desk::new(0);
        desk.limits.max_shard = max_shard;
        *desk.dirty.borrow_mut() = keys(1);
        desk.step(PUBLISHED + 10_000);
        (desk.only().part.size as usize, desk.only().failing.is_some())
    };
    let (size, is_withheld) = built(LIMITS.max_shard);
    assert!(!is_withheld && !built(size).1 && built(size - 1).1);
}

/// Customers that do not fit into one shard together.
#[test]
fn keys_are_built_in_halves_until_they_fit_and_then_a_bit_is_added() {
    let built = |keys_at_once: usize, n_keys: usize, bits: u8, n_bytes: u64| {
        let mut desk = Desk::new(bits);
        (desk.limits.keys, desk.limits.max_shard, desk.limits.shard_bytes) = (keys_at_once, 1_400, 1_000);
        desk.limits.slice = 1;
        // The state says what the ledger counts; the bits were chosen before.
        desk.state.borrow_mut().n_bytes = n_bytes;
        desk.name = 500;
        let of_first = |(hash, _): &(u64, String)| shard_of(*hash, bits) == 0;
        *desk.dirty.borrow_mut() = keys(n_keys << (bits + 2)).into_iter().filter(of_first).take(n_keys).collect();
        desk.step(PUBLISHED + 10_000);
        let done = (desk.did("clear"), desk.did("bits"), desk.state.borrow().bits, desk.only().failing.is_some());
        (desk, done)
    };
    assert_eq!(built(2, 2, 0, 0).1, (2, 0, 0, false));
    assert_eq!(built(3, 3, 0, 0).1, (1, 0, 0, false), "a half of three is one");
    assert_eq!(built(4, 4, 0, 0).1, (2, 0, 0, false));
    assert_eq!(built(6, 6, 0, 0).1, (1, 0, 0, false));
    // A third does not fit to the two that are held.
    for (bits, n_bytes, added) in [(0, 0, 1), (3, 0, 1), (4, 0, 0), (4, 1_001, 1), (5, 1_001, 0)] {
        let (mut desk, done) = built(2, 2, bits, n_bytes);
        assert_eq!(done, (2, 0, bits, false));
        let third = keys(400).into_iter().rfind(|(hash, _)| shard_of(*hash, bits) == 0).unwrap();
        *desk.dirty.borrow_mut() = vec![third];
        desk.limits.keys = 2;
        desk.step(PUBLISHED + 10_000);
        assert_eq!((desk.did("clear"), desk.state.borrow().bits), (0, bits + added), "{bits} bits, {n_bytes} bytes");
        assert_eq!(desk.only().failing.is_some(), added == 0);
    }
}

#[test]
fn an_object_that_no_shard_names_any_more_is_dropped() {
    let desk = Desk::new(1);
    let both = desk.shards.borrow().values().map(|shard| shard.part.hash).collect::<Vec<_>>();
    let in_shard = |number: u64| keys(20).into_iter().find(|(hash, _)| shard_of(*hash, 1) == number).unwrap();
    let drops = |number: u64| {
        *desk.dirty.borrow_mut() = vec![in_shard(number)];
        desk.step(PUBLISHED + 10_000);
        desk.done.borrow().iter().filter(|done| done.starts_with("drop")).cloned().collect::<Vec<_>>()
    };
    assert_eq!(both[0], both[1], "empty shards are one object");
    assert_eq!(drops(0), [""; 0], "the other shard has it still");
    assert_eq!(drops(0), [""; 0], "nothing changed");
    assert_eq!(drops(1), [format!("drop {} at {}", both[1], PUBLISHED + 10_000)]);
}

#[test]
fn a_shard_knows_its_place_among_the_smallest() {
    for (slot, bits, number, slots) in [(0, 0, 0, 1 << 17), (1 << 16, 1, 1, 1 << 16), (5, 17, 5, 1), (12, 15, 3, 4)] {
        let shard = Shard { slot, bits, part: ObjectRef::WITHHELD, failing: None };
        assert_eq!((shard.number(), shard.slots()), (number, slots));
    }
    assert_eq!((slot_of(0), slot_of(1 << 47), slot_of(u64::MAX)), (0, 1, (1 << 17) - 1));
}
