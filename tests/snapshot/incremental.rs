//! Patched shards are those of a full cut, and nothing else changes.

use crate::crowd::{Crowd, crowd, event};
use crate::cutting::{Cut, SEED, cut, definitions, tree};
use crate::random::cases;
use mayuse_core::{Catalog, Problems, SortedSet, key_hash, shard_of};
use mayuse_document::add_element;
use mayuse_snapshot::{Patched, empty_shard, patch, split};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What a writer does: finds the keys that changed, and for each shard in which some lie, makes it
/// anew with whoever is under them now.
fn patched(catalog: &Catalog, old: &Cut, keys: &SortedSet<String>, now: &Crowd) -> BTreeMap<u64, Patched> {
    let bits = old.table.bits;
    let mut by_shard: BTreeMap<u64, SortedSet<String>> = BTreeMap::new();
    for key in keys.iter() {
        by_shard.entry(shard_of(key_hash(SEED, key), bits)).or_default().insert(key.clone());
    }
    let anew = |(shard, keys): (u64, SortedSet<String>)| {
        let patched: Result<Patched, Problems> =
            patch(catalog, &old.blocks[shard as usize], (SEED, bits, shard), &keys, |pile| {
                for key in keys.iter() {
                    if let Some(customer) = now.customers.get(key) {
                        add_element(pile, "customers", 0, &tree(customer))?;
                        for subscription in now.subscriptions_of(key) {
                            add_element(pile, "subscriptions", 0, &tree(subscription))?;
                        }
                    }
                    if let Some(id) = now.called(key) {
                        pile.alias(key, &id);
                    }
                }
                Ok(())
            });
        (shard, patched.unwrap())
    };
    by_shard.into_iter().map(anew).collect()
}

/// Every shard is that of the full cut: patched, where something changed, and else as it was.
#[track_caller]
fn check(before: &Crowd, after: &Crowd, bits: u8) -> usize {
    let (old, full) = (cut(&before.document(), bits), cut(&after.document(), bits));
    let catalog = definitions(&after.document()).unwrap().1;
    let patched = patched(&catalog, &old, &before.changed(after), after);
    for (shard, (was, is)) in (0..).zip(old.table.shards.iter().zip(&full.table.shards)) {
        match patched.get(&shard) {
            Some(patched) => {
                assert_eq!((patched.shard, patched.part), (shard, *is), "{bits} bits, shard {shard}");
                assert_eq!(patched.block.as_str(), full.blocks[shard as usize].as_str());
            }
            None => assert_eq!(was, is, "{bits} bits, shard {shard}"),
        }
    }
    old.table.shards.iter().zip(&full.table.shards).filter(|(was, is)| was != is).count()
}

proptest! {
    #![proptest_config(cases(20))]

    #[test]
    fn a_patch_is_a_full_cut(before in crowd(25), events in vec(event(), 1..6)) {
        let mut after = before.clone();
        events.iter().for_each(|event| after.happen(event));
        for bits in [0, 1, 3] {
            check(&before, &after, bits);
        }
    }

    #[test]
    fn patches_of_patches_are_a_full_cut(start in crowd(12), events in vec(event(), 8)) {
        let (mut crowd, mut held) = (start.clone(), cut(&start.document(), 2));
        for event in &events {
            let mut next = crowd.clone();
            next.happen(event);
            let catalog = definitions(&next.document()).unwrap().1;
            for (shard, patched) in patched(&catalog, &held, &crowd.changed(&next), &next) {
                held.table.shards[shard as usize] = patched.part;
                held.blocks[shard as usize] = patched.block;
            }
            crowd = next;
        }
        let full = cut(&crowd.document(), 2);
        prop_assert_eq!(held.table.shards, full.table.shards);
    }

    #[test]
    fn halves_are_a_full_cut(crowd in crowd(25), bits in 0_u8..4) {
        let (one, two) = (cut(&crowd.document(), bits), cut(&crowd.document(), bits + 1));
        let catalog = definitions(&crowd.document()).unwrap().1;
        for (shard, block) in (0..).zip(&one.blocks) {
            for half in split(&catalog, block, (SEED, bits, shard)).unwrap() {
                prop_assert_eq!(half.part, two.table.shards[half.shard as usize]);
                prop_assert_eq!(half.block.as_str(), two.blocks[half.shard as usize].as_str());
            }
        }
    }
}

/// A shard nobody is in is what a full cut makes where nobody lies.
#[test]
fn nobody_is_a_full_cut_of_nobody() {
    let nobody = Crowd::new(shop().document());
    let catalog = definitions(&nobody.document()).unwrap().1;
    for bits in [0, 1, 5] {
        let full = cut(&nobody.document(), bits);
        for (shard, part) in (0..).zip(full.table.shards) {
            assert_eq!(empty_shard(&catalog, (SEED, bits, shard)).unwrap().part, part);
        }
    }
}

/// Sixteen customers in eight shards, each with a subscription and some with an alias.
fn shop() -> Crowd {
    let definitions = json!({
        "format": 1,
        "features": [{ "id": "feat_s", "code": "switch", "feature_type": { "type": "BOOLEAN" }, "status": "ACTIVE" }],
        "plans": [{ "id": "plan_p", "versions": [{ "id": "plv_p" }, { "id": "plv_q" }] }],
    });
    let mut shop = Crowd::new(definitions);
    for n in 0..16 {
        let id = format!("cus_{n}");
        let alias = (n % 2 == 0).then(|| format!("name_{n}"));
        shop.customers.insert(id.clone(), json!({ "id": id, "alias": alias }));
        shop.subscriptions.insert(
            format!("sub_{n}"),
            json!({
                "id": format!("sub_{n}"), "customer_id": id, "plan_id": "plan_p", "plan_version_id": "plv_p",
                "status": "ACTIVE", "start_date": "2025-01-01", "billing_day_anchor": 1, "period": "MONTHLY",
                "current_period_start": "2025-06-01", "current_period_end": "2025-07-01",
            }),
        );
    }
    shop
}

fn alias(shop: &mut Crowd, id: &str, alias: Value) {
    shop.customers.get_mut(id).unwrap()["alias"] = alias;
}

/// How many of eight shards a change of the shop changes.
#[track_caller]
fn check_shop(n_shards: std::ops::RangeInclusive<usize>, change: impl FnOnce(&mut Crowd)) {
    let (before, mut after) = (shop(), shop());
    change(&mut after);
    let n = check(&before, &after, 3);
    assert!(n_shards.contains(&n), "{n} shards changed");
}

#[test]
fn a_change_touches_what_it_must() {
    check_shop(0..=0, |_| {});
    check_shop(1..=1, |shop| shop.subscriptions.get_mut("sub_3").unwrap()["status"] = json!("PAUSED"));
    check_shop(1..=1, |shop| shop.subscriptions.get_mut("sub_3").unwrap()["plan_version_id"] = json!("plv_q"));
    check_shop(1..=1, |shop| drop(shop.subscriptions.remove("sub_3")));
    check_shop(1..=2, |shop| shop.subscriptions.get_mut("sub_3").unwrap()["customer_id"] = json!("cus_4"));
    check_shop(1..=1, |shop| drop(shop.customers.insert("new".to_owned(), json!({ "id": "new" }))));
    check_shop(1..=2, |shop| alias(shop, "cus_1", json!("name_1")));
    check_shop(1..=2, |shop| alias(shop, "cus_2", Value::Null));
    check_shop(1..=3, |shop| alias(shop, "cus_2", json!("name_99")));
    // Moved, swapped, and those that are also the id of another.
    check_shop(1..=3, |shop| {
        alias(shop, "cus_2", Value::Null);
        alias(shop, "cus_3", json!("name_2"));
    });
    check_shop(1..=4, |shop| {
        alias(shop, "cus_2", json!("name_4"));
        alias(shop, "cus_4", json!("name_2"));
    });
    check_shop(1..=2, |shop| alias(shop, "cus_3", json!("cus_5")));
    check_shop(1..=3, |shop| {
        alias(shop, "cus_3", json!("cus_5"));
        shop.customers.remove("cus_5");
        shop.subscriptions.remove("sub_5");
    });
    check_shop(1..=2, |shop| alias(shop, "cus_3", json!("cus_3")));
    check_shop(1..=3, |shop| {
        shop.customers.remove("cus_6");
        shop.subscriptions.remove("sub_6");
        alias(shop, "cus_7", json!("name_6"));
    });
}
