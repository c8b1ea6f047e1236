//! The store that replicates: objects under `o/` and their hash, and the manifest.

use crate::js;
use mayuse_snapshot::{Fetched, Hash};
use std::cell::Cell;
use worker::Env;
use worker::js_sys::Uint8Array;
use worker::wasm_bindgen::JsValue;

/// The name of the binding.
const BINDING: &str = "SNAPSHOTS";

/// The key of the manifest.
pub const MANIFEST: &str = "manifest";

/// The least seconds the platform keeps a value near by: for so long a manifest may be the one before.
const MANIFEST_TTL_S: u32 = 30;

/// Objects never change, but the platform may also remember for so long that one was not there yet.
const OBJECT_TTL_S: u32 = 10 * 60;

/// How long a read may take that somebody asks for over HTTP.
const READ_WITHIN_MS: u32 = 3_000;

/// Writes are waited for longer: nobody waits for them.
pub const WRITE_WITHIN_MS: u32 = 20_000;

thread_local! {
    static N_READS: Cell<u64> = const { Cell::new(0) };
}

/// How often this isolate read.
pub fn n_reads() -> u64 {
    N_READS.with(Cell::get)
}

/// The store.
#[derive(Clone, Debug)]
pub struct Kv(JsValue);

impl Kv {
    /// The store, if there is one: without, everything is asked of the catalog itself.
    pub fn of(env: &Env) -> Option<Kv> {
        let binding = js::field(env, BINDING);
        binding.is_object().then_some(Kv(binding))
    }

    /// Reads objects at the same time, or the manifest.
    pub async fn read(&self, objects: Option<&[Hash]>, within_ms: u32) -> Vec<Fetched> {
        let (keys, ttl_s) = match objects {
            Some(hashes) => (hashes.iter().map(|hash| key_of(*hash)).collect(), OBJECT_TTL_S),
            None => (vec![MANIFEST.to_owned()], MANIFEST_TTL_S),
        };
        count(keys.len());
        match js::done(js::read_all(&self.0, keys, ttl_s, within_ms)).await {
            Ok(found) => js::items(found).iter().map(fetched).collect(),
            Err(why) => vec![Fetched::Failed(why)],
        }
    }

    /// The manifest, or the object of a hash.
    pub async fn one(&self, hash: Option<Hash>) -> Fetched {
        let found = self.read(hash.as_ref().map(std::slice::from_ref), READ_WITHIN_MS).await;
        found.into_iter().next().unwrap_or(Fetched::Absent)
    }

    /// Puts bytes under keys, a few at the same time.
    pub async fn put(&self, keys: Vec<String>, values: &[&[u8]]) -> Result<(), String> {
        let values = values.iter().map(|value| Uint8Array::from(*value)).collect();
        js::done(js::write(&self.0, keys, Some(values), WRITE_WITHIN_MS)).await.map(|_| ())
    }

    /// Puts bytes that the platform holds under a key.
    pub async fn put_shared(&self, key: String, value: JsValue) -> Result<(), String> {
        js::done(js::write(&self.0, vec![key], Some(vec![value.into()]), WRITE_WITHIN_MS)).await.map(|_| ())
    }

    /// Takes keys away, a few at the same time.
    pub async fn delete(&self, keys: Vec<String>) -> Result<(), String> {
        js::done(js::write(&self.0, keys, None, WRITE_WITHIN_MS)).await.map(|_| ())
    }
}

fn count(n: usize) {
    N_READS.with(|reads| reads.set(reads.get().saturating_add(u64::try_from(n).unwrap_or_default())));
}

fn fetched(found: &JsValue) -> Fetched {
    match found.as_string() {
        Some(why) => Fetched::Failed(why),
        None if found.is_null() => Fetched::Absent,
        None => Fetched::Bytes(js::bytes(found)),
    }
}

/// The key of an object.
pub fn key_of(hash: Hash) -> String {
    format!("o/{hash}")
}
