//! Any bytes as a catalogue object, and as a block of people of the demo.

#![no_main]

mod demo;

use demo::{Demo, SEED, ask};
use libfuzzer_sys::fuzz_target;
use mayuse_core::{Catalog, Packed, People, Pile};
use mayuse_snapshot::split;
use std::sync::LazyLock;

static DEMO: LazyLock<Demo> = LazyLock::new(Demo::new);

fuzz_target!(|bytes: &[u8]| {
    let Some(bytes) = Packed::new(bytes.to_vec()) else { return };
    if let Ok(catalog) = Catalog::open(&bytes) {
        ask(&catalog, &People::none());
        if let Ok(people) = People::open(DEMO.block.clone(), &catalog) {
            ask(&catalog, &people);
        }
    }
    let opened = People::open(bytes.clone(), &DEMO.catalog);
    if let Ok(people) = &opened {
        ask(&DEMO.catalog, people);
        let _ = split(&DEMO.catalog, &bytes, (SEED, 0, 0));
    }
    // A pile reads blocks that nobody has checked.
    let mut pile = Pile::new(&DEMO.catalog, SEED);
    if pile.add_block(&bytes, |_| true).is_ok()
        && let Ok(sorted) = pile.sorted()
    {
        let (block, _) = sorted.block(0, 0);
        // What was good stays good when it is packed anew.
        assert!(opened.is_err() || People::open(block, &DEMO.catalog).is_ok());
    }
});
