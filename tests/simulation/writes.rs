//! What is written in the simulated world: customers that come, change, move their aliases and leave.

use super::memory::{Person, Records, mark};
use super::{LIMITS, Random, SEED, Simulation, Tally, tree};
use mayuse_core::key_hash;
use mayuse_snapshot::slot_of;
use serde_json::json;
use std::rc::Rc;

/// How many aliases look like addresses.
pub const N_MAILS: u64 = 64;

impl Simulation {
    pub(super) fn write(&mut self) {
        let n_writes = if self.importing { 1 + self.random.next(12) } else { 1 };
        let mut records = self.memory.records.borrow_mut();
        let records = &mut *records;
        records.state.version += 1;
        for _ in 0..n_writes {
            // Phases in which there are many customers, and few.
            let n_people = [12, 60, 200][usize::try_from(records.state.version / 4_000 % 3).unwrap()];
            let id = format!("cus_{}", self.random.next(n_people));
            mark(records, &id);
            let before = records.people.get(&id).cloned();
            if let Some(alias) = before.as_ref().and_then(|before| before.alias.as_ref()) {
                mark(records, alias);
                Rc::make_mut(&mut records.aliases).remove(alias);
            }
            if self.random.one_in(12) {
                Rc::make_mut(&mut records.people).remove(&id);
                self.tally.note("a customer that left");
                continue;
            }
            // Some aliases are ids of others.
            let alias = match self.random.next(4) {
                0 => None,
                1 => Some(format!("cus_{}", self.random.next(n_people))),
                _ => Some(format!("{}@example.com", self.random.next(N_MAILS))),
            };
            // Who has it loses it: both are made anew, and so is the alias.
            if let Some(other) = alias.as_ref().and_then(|alias| records.aliases.get(alias).cloned()) {
                take_alias(records, &other);
            }
            if let Some(alias) = &alias {
                mark(records, alias);
                Rc::make_mut(&mut records.aliases).insert(alias.clone(), id.clone());
            }
            let n_subscriptions = match self.random.next(160) {
                0 => 90,
                1..=16 => 12,
                n => n % 3,
            };
            if n_subscriptions == 90 {
                self.tally.note("a customer too large for any shard");
            }
            let first = records.state.version;
            let plan_of = |n: u64| (first + n) % 2;
            let subscription = |n: u64| {
                tree(json!({
                    "id": format!("sub_{id}_{}_{n}", "x".repeat(60)), "customer_id": id, "plan_id": "p",
                    "plan_version_id": format!("v{}", plan_of(n)), "status": "ACTIVE", "start_date": "2025-01-01",
                    "billing_day_anchor": 1, "period": "MONTHLY", "current_period_start": "2025-06-01",
                    "current_period_end": "2025-07-01",
                }))
            };
            let person = Person {
                customer: tree(json!({ "id": id, "alias": alias, "name": format!("N {}", records.state.version) })),
                subscriptions: (0..n_subscriptions).map(subscription).collect(),
                plans: (0..n_subscriptions).map(|n| usize::try_from(plan_of(n)).unwrap()).collect(),
                is_poison: self.random.one_in(600),
                alias,
            };
            if person.is_poison {
                self.tally.note("a customer that cannot be packed");
            }
            Rc::make_mut(&mut records.people).insert(id, Rc::new(person));
        }
        if self.random.one_in(20) {
            rotate(records, &mut self.random, &mut self.tally);
        }
        if self.random.one_in(60) {
            records.definitions = (records.definitions + 1) % 3;
            self.tally.note("other definitions");
        }
        if self.random.one_in(1_500) {
            // The catalog is replaced as a whole.
            self.tally.note("a catalog that was replaced");
            let now = self.now;
            records.objects.values_mut().for_each(|object| object.dropped_at = object.dropped_at.or(Some(now)));
            records.shards.clear();
            records.dirty.clear();
            (records.state.bits, records.state.catalog) = (0, None);
            let keys: Vec<String> = records.people.keys().chain(records.aliases.keys()).cloned().collect();
            keys.iter().for_each(|key| mark(records, key));
        }
        let as_it_is = (Rc::clone(&records.people), Rc::clone(&records.aliases), records.definitions, self.now);
        self.versions.insert(records.state.version, as_it_is);
        self.wakes_at = self.wakes_at.min(self.now + 100);
    }
}

/// Customers of one shard get aliases that lie in it, each from another, so that it cannot be made from a part of
/// its dirty keys unless all of them leave it first. Where it has too few, aliases move between shards.
fn rotate(records: &mut Records, random: &mut Random, tally: &mut Tally) {
    let slot = |key: &str| {
        let slot = slot_of(key_hash(SEED, key));
        records.shards.range(..=slot).next_back().map(|(first, _)| *first)
    };
    let n = usize::try_from(random.next(records.people.len().max(1) as u64)).unwrap();
    let Some(shard) = records.people.keys().nth(n).map(|id| slot(id)) else { return };
    let mails = (0..N_MAILS).map(|n| format!("{n}@example.com"));
    let inside: Vec<String> = mails.filter(|alias| slot(alias) == shard).take(4).collect();
    let ids: Vec<String> = records.people.keys().filter(|id| slot(id) == shard).take(inside.len()).cloned().collect();
    let is_inside = 1 < ids.len();
    let (aliases, ids) = match is_inside {
        true => (inside, ids),
        false => records.aliases.iter().map(|(alias, id)| (alias.clone(), id.clone())).take(10).unzip(),
    };
    let turn = usize::try_from(random.next(3)).unwrap();
    for (alias, id) in aliases.iter().zip(ids.iter().cycle().skip(turn)).take(ids.len()) {
        take_alias(records, id);
        if let Some(other) = records.aliases.get(alias).cloned() {
            take_alias(records, &other);
        }
        let before = Person::clone(&records.people[id]);
        let customer = tree(json!({ "id": id, "alias": alias, "name": "N" }));
        let person = Person { alias: Some(alias.clone()), customer, ..before };
        Rc::make_mut(&mut records.people).insert(id.clone(), Rc::new(person));
        Rc::make_mut(&mut records.aliases).insert(alias.clone(), id.clone());
        mark(records, id);
        mark(records, alias);
    }
    let of_slot = |hash: u64| records.shards.range(..=slot_of(hash)).next_back().map(|(first, _)| *first);
    let n_dirty = records.dirty.iter().filter(|(hash, _)| of_slot(*hash) == shard).count();
    tally.note(match (is_inside, LIMITS.keys < n_dirty) {
        (true, true) => "aliases that moved inside a shard with more dirty keys than are made anew at once",
        (true, false) => "aliases that moved inside a shard",
        (false, _) => "aliases that moved between shards",
    });
}

/// A customer loses its alias, if it has one.
fn take_alias(records: &mut Records, id: &str) {
    let person = &records.people[id];
    let Some(alias) = person.alias.clone() else { return };
    let customer = tree(json!({ "id": id, "name": "N" }));
    let person = Person { alias: None, customer, ..Person::clone(person) };
    Rc::make_mut(&mut records.people).insert(id.to_owned(), Rc::new(person));
    Rc::make_mut(&mut records.aliases).remove(&alias);
    mark(records, id);
    mark(records, &alias);
}
