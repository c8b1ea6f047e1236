//! What the tests of the crate for Rust programs share: signed snapshots of the demo, a store and a clock.

use crate::cutting::{Cut, key};
use mayuse::{Instant, Options, Store};
use mayuse_core::Packed;
use mayuse_snapshot::{Hash, Manifest, SigningKey, join};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Barrier, Mutex, OnceLock};
use std::time::Duration;

pub const DEMO: &str = include_str!("../../demo/catalog.json");

/// When the snapshots here are made, and where their clock begins.
pub const MADE_AT: &str = "2026-11-20T12:00:00Z";

pub fn demo() -> Value {
    serde_json::from_str(DEMO).unwrap()
}

pub fn at(text: &str) -> Instant {
    Instant::parse(text).unwrap()
}

pub fn objects(cut: &Cut) -> impl Iterator<Item = &Packed> {
    [&cut.catalog_object].into_iter().chain(&cut.blocks)
}

pub fn manifest(cut: &Cut, version: u64) -> Manifest {
    Manifest { generated_at: at(MADE_AT), ..cut.manifest(version) }
}

pub fn file(cut: &Cut, version: u64, key: &SigningKey) -> Vec<u8> {
    join(&manifest(cut, version).sign(key), objects(cut).map(Packed::as_slice))
}

pub fn options() -> Options {
    Options { audience: Some("tests".to_owned()), ..Options::default() }
}

/// A store in memory, which can be down and can hold up those who read the manifest.
#[derive(Debug, Default)]
pub struct Shelf {
    pub held: Mutex<BTreeMap<String, Vec<u8>>>,
    pub is_down: Mutex<bool>,
    pub holds_up: OnceLock<Barrier>,
}

impl Shelf {
    pub fn publish(&self, cut: &Cut, version: u64) {
        let mut held = self.held.lock().unwrap();
        for object in objects(cut) {
            held.insert(Hash::of(object.as_slice()).to_string(), object.as_slice().to_vec());
        }
        held.insert("manifest".to_owned(), manifest(cut, version).sign(&key()).into_bytes());
    }

    fn read(&self, name: &str, within: Duration) -> io::Result<Option<Vec<u8>>> {
        assert!(!within.is_zero());
        if *self.is_down.lock().unwrap() {
            return Err(io::Error::other("the shelf fell down"));
        }
        Ok(self.held.lock().unwrap().get(name).cloned())
    }
}

impl Store for Shelf {
    fn manifest(&self, within: Duration) -> io::Result<Option<Vec<u8>>> {
        if let Some(barrier) = self.holds_up.get() {
            barrier.wait();
            barrier.wait();
        }
        self.read("manifest", within)
    }

    fn object(&self, name: &str, within: Duration) -> io::Result<Option<Vec<u8>>> {
        self.read(name, within)
    }
}

/// A clock that stands still until it is moved.
#[derive(Clone, Debug)]
pub struct Clock(Arc<AtomicI64>);

impl Clock {
    pub fn new() -> Clock {
        Clock(Arc::new(AtomicI64::new(at(MADE_AT).millis())))
    }

    pub fn pass(&self, ms: i64) {
        self.0.fetch_add(ms, Ordering::SeqCst);
    }

    pub fn read(&self) -> impl Fn() -> Instant + Send + Sync + 'static {
        let clock = Arc::clone(&self.0);
        move || Instant::from_millis(clock.load(Ordering::SeqCst)).unwrap()
    }
}
