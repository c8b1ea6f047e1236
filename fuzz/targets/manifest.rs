//! Any bytes as a manifest. Most are refused for their signature, so what they claim is looked at, too.

#![no_main]

mod demo;

use demo::{Demo, key};
use libfuzzer_sys::fuzz_target;
use mayuse_core::{Packed, Source};
use mayuse_snapshot::{Manifest, Replica, Unverified};
use std::sync::LazyLock;

static DEMO: LazyLock<Demo> = LazyLock::new(Demo::new);

fuzz_target!(|bytes: &[u8]| {
    let Some(bytes) = Packed::new(bytes.to_vec()) else { return };
    let Ok(read) = Unverified::read(&bytes) else { return };
    let again = Manifest::seal(read.claims().unsigned(read.key()), read.signature());
    let same = Unverified::read(&Packed::from(again)).unwrap();
    assert_eq!(same.claims(), read.claims());
    let mut replica = Replica::new(1 << 20, 2);
    let fresh = vec![(0, DEMO.block.clone())];
    replica.accept(DEMO.manifest.clone(), Some(&DEMO.object), fresh, Source::Snapshot).unwrap();
    let claims = read.claims().clone();
    let (judged, _) = (replica.compare(&claims), replica.wants(&claims));
    let _ = replica.accept(claims, Some(&DEMO.object), Vec::new(), Source::Snapshot);
    let _ = (judged, replica.customer("acme").is_ok());
    // Nobody has the key but the demo, so nothing but its own manifests is believed.
    if let Ok(manifest) = read.verify(&[key().public()]) {
        assert_eq!(manifest, DEMO.manifest);
    }
});
