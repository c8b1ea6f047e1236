//! Snapshots of format 1, the one before: they are opened, and what they hold is packed to the same bytes.
//!
//! `format-1/snapshot` was made from `format-1/document.json` by the last version that wrote format 1.

use crate::cutting::{SEED, cut, key, shown};
use mayuse_core::{
    Amount, BlockBuilder, Catalog, CustomerBlock, FORMAT, FullCatalog, Instant, OLDEST_FORMAT, Packed, Question, decide,
};
use mayuse_snapshot::open_file;
use mayuse_tests::compiled;
use serde_json::Value;

const DOCUMENT: &str = include_str!("format-1/document.json");

/// The objects of the file: the catalog object, and the two shards.
fn objects() -> Vec<Packed> {
    let file = Packed::new(include_bytes!("format-1/snapshot").to_vec()).unwrap();
    let (_, catalog_object, shards) = open_file(&file, &[key().public()], true, Some("tests")).unwrap();
    [vec![catalog_object], shards].concat()
}

/// An object with the number of this format in place of its own.
fn renumbered(object: &Packed) -> String {
    let (magic, rest) = object.as_str().split_at(3);
    let rest = rest.strip_prefix(char::from(u8::try_from(OLDEST_FORMAT).unwrap())).unwrap();
    format!("{magic}{}{rest}", char::from(u8::try_from(FORMAT).unwrap()))
}

#[test]
fn packs_to_the_same_bytes() {
    let document: Value = serde_json::from_str(DOCUMENT).unwrap();
    let cut = cut(&document, 1);
    let now = [&cut.catalog_object].into_iter().chain(&cut.blocks);
    let before = objects();
    assert_eq!(before.len(), 3);
    for (now, before) in now.zip(&before) {
        assert_eq!(now.as_str(), renumbered(before));
    }
}

#[test]
fn shards_are_handed_on_as_they_are() {
    let [catalog_object, shards @ ..] = &*objects() else { panic!("no catalog object") };
    let catalog = Catalog::open(catalog_object).unwrap();
    let mut builder = BlockBuilder::new(&catalog, SEED);
    for shard in shards {
        builder.add_block(shard, |_| true).unwrap();
    }
    let sorted = builder.sorted().unwrap();
    for (n, shard) in (0..).zip(shards) {
        assert_eq!(sorted.block(1, n).0.as_str(), renumbered(shard));
    }
}

#[test]
fn answers_as_its_document_does() {
    let [catalog_object, shards @ ..] = &*objects() else { panic!("no catalog object") };
    let full = compiled(DOCUMENT);
    let document: Value = serde_json::from_str(DOCUMENT).unwrap();
    let ids = |list: &str| -> Vec<String> {
        document[list].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
    };
    let now = Instant::parse("2026-11-20T12:00:00Z").unwrap();
    let mut n_found = 0;
    for shard in shards {
        let catalog = Catalog::open(catalog_object).unwrap();
        let customers = CustomerBlock::open(shard.clone(), &catalog).unwrap();
        n_found += customers.n_customers();
        let held: Vec<String> = customers.ids().map(str::to_owned).collect();
        let opened = FullCatalog { catalog, customers };
        for (customer, feature) in
            held.iter().flat_map(|customer| ids("features").into_iter().map(move |f| (customer, f)))
        {
            let mut question = Question::new(customer, &feature);
            question.explain = true;
            question.consumed = Some(Amount::ONE);
            assert_eq!(shown(decide(&opened, &question, now)), shown(decide(&full, &question, now)));
        }
    }
    assert_eq!(n_found, ids("customers").len());
}
