//! Any bytes as a catalog object, and as a block of customers of the demo. Lengths and numbers hold an
//! object together, so few bytes are nearly one: the first of them says whether the others are
//! the object, or changes of a good one.

#![no_main]

mod demo;

use demo::{Demo, SEED, ask};
use libfuzzer_sys::fuzz_target;
use mayuse_core::{BlockBuilder, Catalog, CustomerBlock, Packed};
use mayuse_snapshot::split;
use std::sync::LazyLock;

static DEMO: LazyLock<Demo> = LazyLock::new(Demo::new);

/// A good object, changed: each four bytes are where, how and to what.
fn changed(good: &Packed, changes: &[u8]) -> Vec<u8> {
    let mut bytes = good.as_slice().to_vec();
    for change in changes.as_chunks::<4>().0.iter().take(16) {
        let [low, high, how, value] = *change;
        let at = usize::from(u16::from_le_bytes([low, high])) % bytes.len();
        match how % 4 {
            0 => bytes[at] = value & 0x7f,
            1 => bytes[at] = bytes[at].wrapping_add(1) & 0x7f,
            2 => drop(bytes.remove(at)),
            _ => bytes.insert(at, value & 0x7f),
        }
        if bytes.is_empty() {
            break;
        }
    }
    bytes
}

fuzz_target!(|bytes: &[u8]| {
    let Some((how, rest)) = bytes.split_first() else { return };
    let bytes = match how {
        0 => changed(&DEMO.block, rest),
        1 => changed(&DEMO.object, rest),
        _ => bytes.to_vec(),
    };
    let Some(bytes) = Packed::new(bytes) else { return };
    if let Ok(catalog) = Catalog::open(&bytes) {
        ask(&catalog, &CustomerBlock::empty());
        if let Ok(people) = CustomerBlock::open(DEMO.block.clone(), &catalog) {
            ask(&catalog, &people);
        }
    }
    let opened = CustomerBlock::open(bytes.clone(), &DEMO.catalog);
    if let Ok(people) = &opened {
        ask(&DEMO.catalog, people);
        let _ = split(&DEMO.catalog, &bytes, (SEED, 0, 0));
    }
    // A builder reads blocks that nobody has checked.
    let mut pile = BlockBuilder::new(&DEMO.catalog, SEED);
    if pile.add_block(&bytes, |_| true).is_ok()
        && let Ok(sorted) = pile.sorted()
    {
        let (block, _) = sorted.block(0, 0);
        // What was good stays good when it is packed anew.
        assert!(opened.is_err() || CustomerBlock::open(block, &DEMO.catalog).is_ok());
    }
});
