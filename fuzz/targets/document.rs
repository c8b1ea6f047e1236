//! Any text as a catalog document. What compiles is packed as well, and answers the same.

#![no_main]

mod demo;

use demo::SEED;
use libfuzzer_sys::fuzz_target;
use mayuse_core::{
    Amount, BlockBuilder, Catalog, CustomerBlock, Found, Question, WriteJson, decide, decide_for, key_hash,
};
use mayuse_document::{Document, Tree, add_element};

fuzz_target!(|bytes: &[u8]| {
    let Ok(document) = Document::parse_bytes(bytes) else { return };
    let packed = document.clone().pack_definitions();
    let compiled = document.compile();
    let Ok((full, _)) = compiled else { return };
    let Ok((object, _, _)) = packed else { panic!("it compiles and cannot be packed") };
    let Ok(opened) = Catalog::open(&object) else { panic!("what was packed cannot be opened") };
    assert!(full.catalog.feature_codes().eq(opened.feature_codes()));
    // Fields that nobody looks at may be nested deeper than a tree may.
    let Ok(Tree::Object(lists)) = Tree::parse_bytes(bytes) else { return };
    let mut pile = BlockBuilder::new(&opened, SEED);
    for list in ["customers", "subscriptions"] {
        let Some((_, Tree::List(elements))) = lists.iter().find(|(name, _)| name == list) else { continue };
        for (n, element) in elements.iter().enumerate() {
            assert!(add_element(&mut pile, list, n, element).is_ok(), "it compiles and cannot be piled up");
        }
    }
    let (block, _) = pile.sorted().unwrap().block(0, 0);
    let people = CustomerBlock::open(block, &opened).unwrap();
    assert_eq!(people.n_customers(), full.customers.n_customers());
    let keys: Vec<String> = people.ids().take(8).map(str::to_owned).collect();
    for key in &keys {
        for code in full.catalog.feature_codes().take(16) {
            let question = Question { explain: true, consumed: Some(Amount::ONE), ..Question::new(key, code) };
            let Some(Found::Customer(person)) = people.find(key, key_hash(SEED, key)) else { panic!("{key} is lost") };
            let one = decide(&full, &question, demo::now()).map(|told| told.to_json());
            let other = decide_for(&opened, Some(&person), &question, demo::now());
            let other = other.map(|told| told.to_json());
            assert_eq!(one.map_err(|error| error.to_string()), other.map_err(|error| error.to_string()));
        }
    }
});
