//! A replica against a model of it: whatever comes in whatever order, an answer is that of the
//! catalog of the version that it names, and no version ever gives way to an older one.

use crate::crowd::{Crowd, crowd, event};
use crate::cutting::{Cut, cut, published, shown};
use crate::random::{Amounts, CODES, Rules, cases, catalog, ladder};
use mayuse_core::{FullCatalog, Instant, Question, Source, decide};
use mayuse_snapshot::{Manifest, ManifestOrder, Missing, ObjectRef, Replica, SnapshotIndex};
use mayuse_tests::compiled;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::Value;

/// What a writer does between two versions.
#[derive(Clone, Debug)]
enum Write {
    People(Vec<crate::crowd::Event>),
    Definitions(Value),
    /// The same, in as many shards.
    Bits(u8),
    /// The same, said again.
    Again,
}

/// What happens to a replica.
#[derive(Clone, Debug)]
enum Step {
    /// Another manifest is offered, with all, some or none of the shards that are wanted.
    Offer {
        which: Index,
        n_fresh: usize,
        with_catalog_object: bool,
    },
    /// A shard of some manifest is handed over, whether or not it is wanted any more.
    Hand {
        which: Index,
        shard: Index,
    },
    /// Somebody asks; what is needed is fetched, up to so many times.
    Ask {
        key: Index,
        n_fetches: usize,
    },
    Tie(Index),
}

fn write() -> BoxedStrategy<Write> {
    prop_oneof![
        4 => vec(event(), 1..3).prop_map(Write::People),
        1 => catalog(ladder(), 0, Rules::Any, Amounts::Small).prop_map(Write::Definitions),
        1 => (0_u8..4).prop_map(Write::Bits),
        1 => Just(Write::Again),
    ]
    .boxed()
}

fn step() -> BoxedStrategy<Step> {
    prop_oneof![
        3 => (any::<Index>(), 0..9_usize, any::<bool>())
            .prop_map(|(which, n_fresh, with_catalog_object)| Step::Offer { which, n_fresh, with_catalog_object }),
        3 => (any::<Index>(), any::<Index>()).prop_map(|(which, shard)| Step::Hand { which, shard }),
        8 => (any::<Index>(), 0..4_usize).prop_map(|(key, n_fetches)| Step::Ask { key, n_fetches }),
        1 => any::<Index>().prop_map(Step::Tie),
    ]
    .boxed()
}

/// One that was published, and the catalog that answers as it must.
struct Published {
    cut: Cut,
    manifest: Manifest,
    oracle: FullCatalog,
}

/// Versions 1, 2, and so on; those that are said again keep theirs and are a minute younger.
fn history(mut crowd: Crowd, writes: Vec<Write>) -> Vec<Published> {
    let mut bits = 2;
    let mut list: Vec<Published> = Vec::new();
    for write in [Write::Bits(bits)].into_iter().chain(writes) {
        let is_again = matches!(write, Write::Again);
        match write {
            Write::People(events) => events.iter().for_each(|event| crowd.happen(event)),
            Write::Definitions(definitions) => crowd.redefine(&definitions),
            Write::Bits(other) => bits = other,
            Write::Again => {}
        }
        let cut = cut(&crowd.document(), bits);
        let last = list.last().map(|last| (last.manifest.version, last.manifest.generated_at.millis()));
        let (version, made) = last.unwrap_or((0, 1_700_000_000_000));
        let mut manifest = cut.manifest(if is_again { version } else { version + 1 });
        manifest.generated_at = Instant::from_millis(made + 60_000).unwrap();
        list.push(Published { manifest: published(&manifest), oracle: compiled(&crowd.document().to_string()), cut });
    }
    list
}

struct Play {
    history: Vec<Published>,
    replica: Replica,
    floor: u64,
    max_bytes: usize,
    /// The last version that was held, and as of when.
    held: (u64, i64),
    n_answers: usize,
}

fn order(manifest: &Manifest) -> (u64, i64) {
    (manifest.version, manifest.generated_at.millis())
}

/// The first place of the shard that stands in this one.
fn first_place(table: &SnapshotIndex, place: u64) -> u64 {
    let is_same = |other: &u64| table.shards[*other as usize].hash == table.shards[place as usize].hash;
    (0..=place).rev().take_while(is_same).last().unwrap()
}

impl Play {
    fn offer(&mut self, which: &Index, n_fresh: usize, with_catalog_object: bool) {
        let offered = which.get(&self.history);
        let (manifest, cut) = (offered.manifest.clone(), offered.cut.clone());
        let is_newer = self.held < order(&manifest) && self.floor <= manifest.version;
        let judged = self.replica.compare(&manifest);
        assert_eq!(judged == ManifestOrder::Newer, is_newer);
        let is_same = self.held == order(&manifest) && self.floor <= manifest.version;
        assert_eq!(judged == ManifestOrder::Same, is_same);
        let wanted = self.replica.wants(&manifest);
        self.check_wanted(&manifest, &wanted);
        let wants_catalog_object = self.replica.wants_catalog_object(&manifest);
        let same_catalog_object =
            |held: &Manifest| held.table.catalog_object.hash == manifest.table.catalog_object.hash;
        assert_eq!(wants_catalog_object, !self.replica.manifest().is_some_and(same_catalog_object));
        let fresh: Vec<_> =
            wanted.iter().take(n_fresh).map(|(shard, _)| (*shard, cut.blocks[*shard as usize].clone())).collect();
        let catalog_object = (wants_catalog_object || with_catalog_object).then_some(&cut.catalog_object);
        let (before, old_bits) = (self.held_places(), self.replica.manifest().map(|held| held.table.bits));
        let fetched_all = wanted.len() <= n_fresh;
        let is_taken = self.replica.accept(manifest.clone(), catalog_object, fresh, Source::Snapshot).unwrap();
        assert_eq!(is_taken, is_newer);
        if is_taken {
            self.held = order(&manifest);
            if fetched_all && self.max_bytes == usize::MAX && old_bits == Some(cut.table.bits) {
                // Whoever did not have to wait before does not have to now.
                let now = self.held_places();
                assert!(before.iter().all(|place| now.contains(place)), "{before:?} before, {now:?} now");
            }
        }
    }

    /// The places whose customers are held. One shard may stand in several.
    fn held_places(&self) -> Vec<u64> {
        let Some(manifest) = self.replica.manifest() else { return Vec::new() };
        let held: Vec<u64> = self.replica.customers().map(|(shard, _)| shard).collect();
        let places = 0..manifest.table.shards.len() as u64;
        places.filter(|place| held.contains(&first_place(&manifest.table, *place))).collect()
    }

    /// It names each shard that shares hashes with one that is held, unless it is held already.
    fn check_wanted(&self, manifest: &Manifest, wanted: &[(u64, ObjectRef)]) {
        let Some(now) = self.replica.manifest() else { return assert!(wanted.is_empty()) };
        let held: Vec<u64> = self.replica.customers().map(|(shard, _)| shard).collect();
        let (bits, of) = (manifest.table.bits, now.table.bits);
        let shares = |shard: u64, other: u64| (shard << of) >> bits == other || shard == (other << bits) >> of;
        // One that stands in several places is held in the first of them.
        let is_held_at = |place: u64| held.contains(&first_place(&now.table, place));
        let expected: Vec<(u64, ObjectRef)> = (0..)
            .zip(manifest.table.shards.iter().copied())
            .filter(|(shard, _)| first_place(&manifest.table, *shard) == *shard)
            .filter(|(shard, part)| {
                let is_held = bits == of && is_held_at(*shard) && now.table.shards[*shard as usize] == *part;
                !is_held && (0..1 << of).any(|other| shares(*shard, other) && is_held_at(other))
            })
            .collect();
        assert_eq!(wanted, expected, "{bits} bits instead of {of}, {held:?} held");
    }

    fn hand(&mut self, which: &Index, shard: &Index) {
        let Published { cut, .. } = which.get(&self.history);
        let shard = shard.index(cut.blocks.len());
        let part = cut.table.shards[shard];
        let at = |held: &Manifest| held.table.shards.get(shard).is_some_and(|other| other.hash == part.hash);
        let fits = self.replica.manifest().is_some_and(at);
        assert_eq!(self.replica.insert_shard(shard as u64, part.hash, cut.blocks[shard].clone()), Ok(fits));
        let place = self.replica.manifest().filter(|_| fits).map(|held| first_place(&held.table, shard as u64));
        assert!(!fits || self.replica.customers().any(|(held, _)| Some(held) == place), "the one that came last stays");
    }

    fn ask(&mut self, key: &Index, n_fetches: usize) {
        let keys = Crowd::keys();
        let key = key.get(&keys);
        for _ in 0..=n_fetches {
            match self.replica.customer(key).map(drop) {
                Ok(()) => return self.answer(key),
                Err(Missing::Origin) => panic!("nothing here is withheld"),
                Err(Missing::Manifest) => return assert!(self.replica.manifest().is_none()),
                Err(Missing::Relink(shard)) => {
                    assert!(self.replica.customers().any(|(held, _)| held == shard));
                    self.replica.relink(shard).unwrap();
                }
                Err(Missing::Shard(shard, part)) => {
                    assert!(self.replica.customers().all(|(held, _)| held != shard), "{shard} is there");
                    let of = |published: &&Published| order(&published.manifest) == self.held;
                    let cut = &self.history.iter().find(of).unwrap().cut;
                    assert_eq!(cut.table.shards[shard as usize], part);
                    let block = cut.blocks[shard as usize].clone();
                    assert_eq!(self.replica.insert_shard(shard, part.hash, block), Ok(true));
                }
            }
        }
    }

    fn answer(&mut self, key: &str) {
        let now = Instant::from_millis(self.held.1 + 1_000).unwrap();
        let of = |published: &&mut Published| order(&published.manifest) == self.held;
        let oracle = &mut self.history.iter_mut().find(of).unwrap().oracle;
        oracle.catalog.snapshot = self.replica.catalog().unwrap().snapshot;
        for code in CODES {
            let question = Question { explain: true, min_version: Some(self.held.0), ..Question::new(key, code) };
            let decision = self.replica.decide(&question, now).unwrap();
            let version = decision.as_ref().unwrap().freshness.snapshot_version;
            assert_eq!(version, Some(self.held.0));
            assert_eq!(shown(decision), shown(decide(oracle, &question, now)), "{key}, {code}");
        }
        self.n_answers += 1;
    }

    fn play(&mut self, step: &Step) {
        match step {
            Step::Offer { which, n_fresh, with_catalog_object } => self.offer(which, *n_fresh, *with_catalog_object),
            Step::Hand { which, shard } => self.hand(which, shard),
            Step::Ask { key, n_fetches } => self.ask(key, *n_fetches),
            Step::Tie(shard) => {
                // One that is not there is no mistake.
                self.replica.relink(shard.index(9) as u64).unwrap();
            }
        }
        assert_eq!(self.replica.manifest().map_or((0, i64::MIN), order), self.held, "it is the newest that was taken");
        let sizes: Vec<usize> = self.replica.customers().map(|(_, people)| people.n_bytes_with_marks()).collect();
        assert_eq!((self.replica.n_bytes(), self.replica.n_shards()), (sizes.iter().sum(), sizes.len()));
        assert!(self.replica.n_bytes() <= self.max_bytes || sizes.len() == 1, "{sizes:?}, {} at most", self.max_bytes);
    }
}

proptest! {
    #![proptest_config(cases(60))]

    #[test]
    fn answers_are_those_of_one_version(
        crowd in crowd(12),
        writes in vec(write(), 3..7),
        steps in vec(step(), 40),
        floor in prop_oneof![3 => Just(0_u64), 1 => 1_u64..4],
        max_bytes in prop_oneof![2 => Just(usize::MAX), 1 => 0_usize..2_000, 2 => 1_000_usize..6_000],
    ) {
        let replica = Replica::new(max_bytes, floor);
        let history = history(crowd, writes);
        let mut play = Play { history, replica, floor, max_bytes, held: (0, i64::MIN), n_answers: 0 };
        steps.iter().for_each(|step| play.play(step));
    }
}

#[test]
fn of_two_manifests_that_claim_the_same_instant_the_held_one_stays() {
    let cut = cut(&serde_json::json!({ "format": 1 }), 0);
    let replica = cut.replica();
    let same = cut.manifest(1);
    let other = Manifest { previous: Some(cut.table.catalog_object.hash), ..same.clone() };
    assert_eq!([&same, &other].map(|manifest| replica.compare(manifest)), [ManifestOrder::Same, ManifestOrder::Older]);
}

#[test]
fn a_manifest_is_not_taken_without_its_catalog_object() {
    let definitions = |status: &str| {
        let feature =
            serde_json::json!({ "id": "f", "code": "f", "feature_type": { "type": "BOOLEAN" }, "status": status });
        let customer = serde_json::json!({ "id": "cus_a", "name": "A" });
        cut(&serde_json::json!({ "format": 1, "features": [feature], "customers": [customer] }), 0)
    };
    let (before, after) = (definitions("ACTIVE"), definitions("DISABLED"));
    let mut replica = before.replica();
    let next = after.manifest(2);
    assert!(replica.wants_catalog_object(&next));
    assert_eq!(replica.accept(next.clone(), None, Vec::new(), Source::Snapshot), Ok(false));
    assert_eq!(replica.accept_alone(next.clone(), None, Source::Snapshot), Ok(false));
    assert_eq!(replica.manifest().map(|held| held.version), Some(1));
    assert_eq!(replica.accept_alone(next.clone(), Some(&after.catalog_object), Source::Snapshot), Ok(true));
    assert_eq!(replica.accept_alone(next, Some(&after.catalog_object), Source::Snapshot), Ok(false));
    assert_eq!(replica.manifest().map(|held| held.version), Some(2));
    // Its shard did not change, but was opened with the catalog object before.
    assert_eq!(replica.customer("cus_a").map(drop), Err(Missing::Relink(0)));
    replica.relink(0).unwrap();
    assert!(replica.customer("cus_a").unwrap().is_some());
}

/// Shards in which nobody lies are all the same object, and each of them is held.
#[test]
fn nobody_is_held_as_well_as_anybody() {
    let demo: Value = serde_json::from_str(include_str!("../../demo/catalog.json")).unwrap();
    let cut = cut(&demo, 6);
    let mut hashes: Vec<_> = cut.table.shards.iter().map(|part| part.hash).collect();
    hashes.sort();
    hashes.dedup();
    assert!(hashes.len() + 2 < cut.blocks.len(), "several shards have nobody in them");
    let mut replica = cut.replica();
    let next = cut.manifest(2);
    assert!(replica.wants(&next).is_empty());
    assert_eq!(replica.accept(next, None, Vec::new(), Source::Snapshot), Ok(true));
    assert_eq!(replica.n_shards(), cut.table.distinct().count());
}

/// The shard that nobody looked into for the longest makes room, not the one that was fetched first.
#[test]
fn the_shard_looked_up_longest_ago_makes_room() {
    let customers: Vec<Value> = (0..32).map(|n| serde_json::json!({ "id": format!("cus_{n}"), "name": "C" })).collect();
    let cut = cut(&serde_json::json!({ "format": 1, "customers": customers }), 2);
    // Somebody in each of the first three shards.
    let taken = |max_bytes: usize| {
        let mut replica = Replica::new(max_bytes, 0);
        let manifest = published(&cut.manifest(1));
        assert_eq!(replica.accept(manifest, Some(&cut.catalog_object), Vec::new(), Source::Snapshot), Ok(true));
        replica
    };
    let asked = taken(usize::MAX);
    let in_shard = |shard: u64| {
        let lies_there = |key: &String| matches!(asked.customer(key), Err(Missing::Shard(found, _)) if found == shard);
        (0..32).map(|n| format!("cus_{n}")).find(lies_there).expect("somebody lies in each of four shards")
    };
    let keys: Vec<String> = (0..3).map(in_shard).collect();
    let whole = {
        let mut replica = taken(usize::MAX);
        (0..3).for_each(|shard| hold(&mut replica, &cut, shard));
        replica.n_bytes()
    };
    let mut exact = taken(whole);
    (0..3).for_each(|shard| hold(&mut exact, &cut, shard));
    assert_eq!(exact.n_shards(), 3, "as many bytes as may be held are held");
    // Each shard in turn is the one that nobody looks up again.
    for (looked_up, stays) in [(vec![], [1, 2]), (vec![0], [0, 2]), (vec![1, 0], [0, 2]), (vec![0, 1], [1, 2])] {
        let mut replica = taken(whole - 1);
        hold(&mut replica, &cut, 0);
        hold(&mut replica, &cut, 1);
        for shard in &looked_up {
            assert!(replica.customer(&keys[*shard]).unwrap().is_some());
        }
        hold(&mut replica, &cut, 2);
        let held: Vec<u64> = replica.customers().map(|(shard, _)| shard).collect();
        assert_eq!(held, stays, "{looked_up:?}");
    }
}

fn hold(replica: &mut Replica, cut: &Cut, shard: usize) {
    let held = replica.insert_shard(shard as u64, cut.table.shards[shard].hash, cut.blocks[shard].clone());
    assert_eq!(held, Ok(true));
}
