//! Any bytes as a snapshot in one piece. Its manifest is signed here, since no fuzzer finds a
//! signature: the first byte says whether it is.

#![no_main]

mod demo;

use demo::{Demo, ask, key};
use libfuzzer_sys::fuzz_target;
use mayuse_core::{Catalog, CustomerBlock, Packed};
use mayuse_snapshot::{join, open_file};
use std::sync::LazyLock;

static DEMO: LazyLock<Demo> = LazyLock::new(Demo::new);
static SIGNED: LazyLock<String> = LazyLock::new(|| DEMO.manifest.sign(&key()));

fuzz_target!(|bytes: &[u8]| {
    let Some((how, bytes)) = bytes.split_first() else { return };
    let file = match how % 2 {
        0 => bytes.to_vec(),
        _ => join(&SIGNED, [bytes].into_iter()),
    };
    let Some(file) = Packed::new(file) else { return };
    for is_hashed in [true, false] {
        let Ok((manifest, catalog_object, shards)) = open_file(&file, &[key().public()], is_hashed, None) else {
            continue;
        };
        assert_eq!(manifest, DEMO.manifest);
        let Ok(catalog) = Catalog::open(&catalog_object) else { continue };
        for shard in shards {
            if let Ok(people) = CustomerBlock::open(shard, &catalog) {
                ask(&catalog, &people);
            }
        }
    }
});
