//! The store that replicates: objects under `o/` and their hash, and the manifest.

use crate::js;
use mayuse_core::{Packed, Reason};
use mayuse_snapshot::Hash;
use std::cell::Cell;
use std::fmt;
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

/// For how long a read may be waited for. A request has other ways to an answer.
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
    /// The store, if there is one: without, everything is asked of the catalogue itself.
    pub fn of(env: &Env) -> Option<Kv> {
        let binding = js::field(env, BINDING);
        binding.is_object().then_some(Kv(binding))
    }

    /// The manifest; none if there is none.
    pub async fn manifest(&self) -> Result<Option<Vec<u8>>, String> {
        count(1);
        let found = js::done(js::read(&self.0, MANIFEST, MANIFEST_TTL_S, READ_WITHIN_MS)).await?;
        Ok((!found.is_null()).then(|| js::bytes(&found)))
    }

    /// Objects, all at the same time, each if it is what its name says.
    pub async fn objects(&self, hashes: &[Hash]) -> Result<Vec<Packed>, ObjectError> {
        count(hashes.len());
        let keys = hashes.iter().map(|hash| key_of(*hash)).collect();
        let found = js::done(js::read_all(&self.0, keys, OBJECT_TTL_S, READ_WITHIN_MS)).await;
        let found = js::items(found.map_err(ObjectError::Store)?);
        hashes.iter().zip(found).map(|(hash, found)| object(*hash, &found)).collect()
    }

    /// One object.
    pub async fn object(&self, hash: Hash) -> Result<Packed, ObjectError> {
        self.objects(&[hash]).await?.pop().ok_or(ObjectError::Absent(hash))
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

fn object(hash: Hash, found: &JsValue) -> Result<Packed, ObjectError> {
    if let Some(said) = found.as_string() {
        return Err(ObjectError::Store(said));
    }
    if found.is_null() {
        return Err(ObjectError::Absent(hash));
    }
    let bytes = js::bytes(found);
    if Hash::of(&bytes) != hash {
        return Err(ObjectError::Damaged(hash));
    }
    Packed::new(bytes).ok_or(ObjectError::Damaged(hash))
}

/// Why an object cannot be had.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ObjectError {
    /// The store does not answer; what it says.
    Store(String),
    /// It is not there.
    Absent(Hash),
    /// It is not what its name says.
    Damaged(Hash),
}

impl ObjectError {
    /// What a question comes to that hangs on it.
    pub fn reason(&self) -> Reason {
        match self {
            ObjectError::Store(_) | ObjectError::Absent(_) => Reason::SnapshotMissing,
            ObjectError::Damaged(_) => Reason::SnapshotInvalid,
        }
    }
}

impl fmt::Display for ObjectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ObjectError::Store(said) => f.write_str(said),
            ObjectError::Absent(hash) => write!(f, "the object {hash} is not there"),
            ObjectError::Damaged(hash) => write!(f, "the object {hash} is damaged: it is not what its name says"),
        }
    }
}

/// The key of an object.
pub fn key_of(hash: Hash) -> String {
    format!("o/{hash}")
}
