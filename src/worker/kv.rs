//! The KV namespace that replicates snapshots: objects under `o/<hash>`, and the manifest.

use crate::js;
use mayuse_snapshot::{Fetched, Hash};
use std::cell::Cell;
use worker::Env;
use worker::js_sys::Uint8Array;
use worker::wasm_bindgen::JsValue;

const BINDING: &str = "SNAPSHOTS";

/// The key of the manifest.
pub const MANIFEST: &str = "manifest";

/// The shortest cache time that the platform allows. A manifest may be outdated for this long.
const MANIFEST_TTL_S: u32 = 30;

/// Objects never change, but the platform also caches that an object is absent for this long.
const OBJECT_TTL_S: u32 = 10 * 60;

/// The timeout of a read for an HTTP request.
const READ_WITHIN_MS: u32 = 3_000;

/// The timeout of a write. It is longer because no request waits for it.
pub const WRITE_WITHIN_MS: u32 = 20_000;

thread_local! {
    static N_READS: Cell<u64> = const { Cell::new(0) };
}

/// The number of reads of this isolate.
pub fn n_reads() -> u64 {
    N_READS.with(Cell::get)
}

/// The KV namespace.
#[derive(Clone, Debug)]
pub struct Kv(JsValue);

impl Kv {
    /// The bound namespace. Without it the Durable Object answers everything.
    pub fn of(env: &Env) -> Option<Kv> {
        let binding = js::field(env, BINDING);
        binding.is_object().then_some(Kv(binding))
    }

    /// Reads objects concurrently, or the manifest if `objects` is `None`.
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

    /// Reads the object with this hash, or the manifest.
    pub async fn one(&self, hash: Option<Hash>) -> Fetched {
        let found = self.read(hash.as_ref().map(std::slice::from_ref), READ_WITHIN_MS).await;
        found.into_iter().next().unwrap_or(Fetched::Absent)
    }

    /// Stores values under keys, concurrently.
    pub async fn put(&self, keys: Vec<String>, values: &[&[u8]]) -> Result<(), String> {
        let values = values.iter().map(|value| Uint8Array::from(*value)).collect();
        js::done(js::write(&self.0, keys, Some(values), WRITE_WITHIN_MS)).await.map(|_| ())
    }

    /// Stores a JavaScript value under a key without copying it into wasm.
    pub async fn put_shared(&self, key: String, value: JsValue) -> Result<(), String> {
        js::done(js::write(&self.0, vec![key], Some(vec![value.into()]), WRITE_WITHIN_MS)).await.map(|_| ())
    }

    /// Deletes keys, concurrently.
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
