//! What is held against what: a publication against the catalog in its version, and what a writer that
//! is left alone comes to.

use super::memory::{Memory, People, Person};
use super::{LIMITS, SEED, Simulation};
use mayuse_core::{BlockBuilder, key_hash};
use mayuse_snapshot::{Hash, Ledger, Manifest, Shard, SnapshotIndex, slot_of};
use std::collections::BTreeSet;
use std::rc::Rc;

impl Simulation {
    /// What is about to be published is the catalog in that version, and all of it is there.
    pub(super) fn verify(&mut self, cut: &Manifest) {
        if let Some(before) = &self.published {
            assert!(before.version <= cut.version, "an older version comes after a newer one");
        }
        self.versions.retain(|version, _| cut.version <= *version);
        let (people, aliases, n_definitions, _) = self.versions.get(&cut.version).expect("it is a version").clone();
        let definitions = &self.memory.definitions[n_definitions];
        assert_eq!(cut.table.catalog_object, definitions.part);
        let mut pile = BlockBuilder::new(&definitions.catalog, SEED);
        for key in people.keys().chain(aliases.keys()).collect::<BTreeSet<_>>() {
            let made = people.get(key).map(|person| Person { is_poison: false, ..Person::clone(person) });
            let alone: People = made.into_iter().map(|person| (key.clone(), Rc::new(person))).collect();
            Memory::load(&alone, &aliases, &mut pile, key).expect("it can be packed");
        }
        let sorted = pile.sorted().expect("they hold together");
        let bits = cut.table.bits;
        assert_eq!(cut.table.shards.len(), 1 << bits);
        let mut n_places = 0_u64;
        let withheld = cut.table.shards.iter().filter(|part| part.is_withheld()).count() as u64;
        for (place, part) in cut.table.distinct() {
            let block = self.store.get(&part.hash).expect("objects are put before the manifest");
            assert!(block.as_slice().len() <= LIMITS.max_shard);
            // Its head says of how many it is one: the same shard, made from nothing, is the same bytes.
            let run =
                cut.table.shards[usize::try_from(place).unwrap()..].iter().take_while(|p| p.hash == part.hash).count()
                    as u64;
            let fits = (0..=bits).rev().any(|own| {
                let shift = u32::from(bits - own);
                let (expected, n) = sorted.block(own, place >> shift);
                place & ((1 << shift) - 1) == 0
                    && expected.as_slice() == block.as_slice()
                    && n == part.n
                    && (run == 1 << shift || n == 0)
            });
            assert!(fits, "place {place} of {} is not what version {} says", cut.table.shards.len(), cut.version);
            n_places += run;
        }
        assert_eq!(n_places + withheld, 1 << bits);
        self.tally.note(if withheld == 0 { "a whole table" } else { "a table with a shard withheld" });
        if cut.table.distinct().any(|(place, part)| {
            part.n != 0
                && cut.table.shards.get(usize::try_from(place).unwrap() + 1).is_some_and(|next| next.hash == part.hash)
        }) {
            self.tally.note("a table amid a split");
        }
    }

    /// Nothing is written and nothing fails: sooner or later everything is published and tidy.
    pub(super) fn rest(&mut self) {
        (self.faults, self.importing) = (false, false);
        self.memory.fails_after.set(None);
        let mut left = 20_000;
        let is_tidy = |simulation: &Simulation| {
            let records = simulation.memory.records.borrow();
            let state = &records.state;
            let waits = |key: &(u64, String)| {
                let shard = records.shards.range(..=slot_of(key.0)).next_back();
                shard.is_some_and(|(_, shard)| shard.failing.is_some())
            };
            // What is withheld may be there as it was.
            let kept = records.shards.values().filter(|shard| shard.failing.is_some()).map(|shard| shard.part.hash);
            let kept: BTreeSet<Hash> = kept.collect();
            let published = simulation.published.iter();
            let names: BTreeSet<Hash> = published.flat_map(|published| named(&published.table)).collect();
            state.published == state.version
                && state.cut.is_none()
                && !state.touched
                && records.dirty.iter().all(waits)
                && records.shards.values().all(|shard| shard.bits == state.bits || shard.failing.is_some())
                && names.iter().all(|hash| simulation.store.contains_key(hash))
                && simulation.store.keys().all(|hash| names.contains(hash) || kept.contains(hash))
        };
        let version = self.memory.records.borrow().state.version;
        while version != 0 && !is_tidy(self) {
            left -= 1;
            assert!(left != 0, "it never comes to rest: {:?}", self.memory.state());
            self.now = self.now.max(self.wakes_at) + 10;
            self.publish(false);
        }
        // Whoever is still withheld is so for a reason.
        let failing: Vec<Shard> =
            self.memory.records.borrow().shards.values().filter(|shard| shard.failing.is_some()).cloned().collect();
        for shard in failing {
            self.now += 400_000;
            for _ in 0..200 {
                self.now += 50;
                self.publish(false);
            }
            let records = self.memory.records.borrow();
            let Some(still) = records.shards.get(&shard.slot).filter(|still| still.failing.is_some()) else { continue };
            let own = |key: &String| {
                records
                    .shards
                    .range(..=slot_of(key_hash(SEED, key)))
                    .next_back()
                    .is_some_and(|(slot, _)| *slot == still.slot)
            };
            let has_reason = records
                .people
                .iter()
                .any(|(id, person)| own(id) && (person.is_poison || person.subscriptions.len() > 30));
            assert!(has_reason, "a shard is withheld for no reason: {still:?}");
            self.tally.note("a shard that stays withheld");
        }
        self.tally.note("a rest");
        self.readers.rest(&mut self.now, version, &self.store, &mut self.tally);
        (self.faults, self.possible_since) = (true, self.now);
    }
}

pub(super) fn named(table: &SnapshotIndex) -> Vec<Hash> {
    table.distinct().map(|(_, part)| part.hash).chain([table.catalog_object.hash]).collect()
}
