//! Publishing: executes the steps of the publisher of `mayuse-snapshot`.

use crate::crypto::Signer;
use crate::http;
use crate::js;
use crate::kv::{self, Kv};
use crate::settings::Settings;
use crate::sql::Sql;
use crate::transaction::Storage;
use mayuse_core::{Instant, Packed};
use mayuse_dialects::ApiError;
use mayuse_snapshot::{Hash, Ledger, Limits, Load, Manifest, ObjectRef, Publisher, SnapshotIndex, Step};
use std::cell::Cell;
use worker::console_error;

/// The KV calls of one alarm. The platform allows a thousand for each invocation.
const CALLS: usize = 800;

/// The maximum number of bytes put concurrently.
const MAX_PUT: usize = 8 * 1024 * 1024;

/// The resources of a publishing run.
#[derive(Debug)]
pub struct Publishing<'p> {
    pub storage: &'p Storage,
    pub store: &'p Sql,
    pub kv: &'p Kv,
    pub signer: &'p Signer,
    pub settings: &'p Settings,
    /// The number of running imports.
    pub imports: &'p Cell<u32>,
    /// Whether imports must pause.
    pub holds: &'p Cell<bool>,
    /// The time of the oldest unpublished write.
    pub since: &'p Cell<i64>,
}

impl Publishing<'_> {
    /// Publishes all pending changes and returns the time of the next run.
    pub async fn run(&self) -> Result<i64, ApiError> {
        let template = self.template();
        let limits =
            Limits { heartbeat_ms: self.settings.heartbeat_ms, grace_ms: self.settings.grace_ms, ..Limits::default() };
        let publisher = Publisher { ledger: self.store, limits, template: &template };
        let mut calls = 0_usize;
        while calls < CALLS {
            let now = http::now();
            let importing = self.imports.get() != 0;
            let step = publisher.step(now, Load { importing, since: self.since.get() })?;
            self.holds.set(importing && step == Step::Again);
            match step {
                // Other requests run first.
                Step::Again => js::turn().await,
                Step::Put(hashes) => calls = calls.saturating_add(self.put(&hashes).await?),
                Step::Publish => {
                    self.publish().await?;
                    self.since.set(http::now().millis());
                    calls = calls.saturating_add(1);
                }
                Step::Delete(hashes) => calls = calls.saturating_add(self.delete(&hashes).await?),
                Step::Wait(at) => {
                    self.since.set(now.millis());
                    return Ok(at);
                }
            }
        }
        Ok(http::now().millis())
    }

    /// The manifest fields that are the same in every version.
    fn template(&self) -> Manifest {
        let table =
            SnapshotIndex { seed: self.store.seed(), catalog_object: ObjectRef::WITHHELD, bits: 0, shards: Vec::new() };
        let policies = self.settings.policies;
        let audience = self.settings.audience.clone();
        Manifest { version: 0, audience, generated_at: Instant::EPOCH, policies, table, previous: None }
    }

    /// Stores objects in KV, up to `MAX_PUT` bytes concurrently. Returns their number.
    async fn put(&self, hashes: &[Hash]) -> Result<usize, ApiError> {
        let (mut some, mut n_bytes) = (Vec::new(), 0_usize);
        for hash in hashes {
            let object = self.store.object(*hash)?.ok_or_else(|| unreadable(*hash))?;
            n_bytes = n_bytes.saturating_add(object.as_slice().len());
            if MAX_PUT < n_bytes && !some.is_empty() {
                break;
            }
            some.push((*hash, object));
        }
        let keys = some.iter().map(|(hash, _)| kv::key_of(*hash)).collect();
        let values: Vec<&[u8]> = some.iter().map(|(_, object): &(Hash, Packed)| object.as_slice()).collect();
        self.kv.put(keys, &values).await.map_err(|said| refused(&said))?;
        self.note(|| some.iter().try_for_each(|(hash, _)| self.store.mark_put(*hash)))?;
        Ok(some.len())
    }

    /// Signs the cut and stores it as the manifest. This publishes it.
    async fn publish(&self) -> Result<(), ApiError> {
        let cut = self.store.cut()?.ok_or_else(|| ApiError::internal("the cut cannot be read"))?;
        // Settings may have changed since the cut.
        let Manifest { audience, policies, .. } = self.template();
        let cut = Manifest { audience, policies, ..cut };
        let unsigned = cut.unsigned(self.signer.id());
        let signature = self.signer.sign(unsigned.as_bytes()).await.map_err(|said| refused(&said))?;
        let manifest = Manifest::seal(unsigned, &signature);
        self.kv.put(vec![kv::MANIFEST.to_owned()], &[manifest.as_bytes()]).await.map_err(|said| refused(&said))?;
        let (hash, now) = (Hash::of(manifest.as_bytes()), http::now());
        self.note(|| self.store.record_publication(&cut, hash, now))
    }

    async fn delete(&self, hashes: &[Hash]) -> Result<usize, ApiError> {
        self.note(|| hashes.iter().try_for_each(|hash| self.store.mark_deleting(*hash)))?;
        let keys = hashes.iter().map(|hash| kv::key_of(*hash)).collect();
        self.kv.delete(keys).await.map_err(|said| refused(&said))?;
        self.note(|| hashes.iter().try_for_each(|hash| self.store.forget_object(*hash)))?;
        Ok(hashes.len())
    }

    fn note(&self, write: impl Fn() -> Result<(), ApiError>) -> Result<(), ApiError> {
        self.storage.transaction(write)
    }
}

fn unreadable(hash: Hash) -> ApiError {
    ApiError::internal(format!("the object {hash} cannot be read"))
}

fn refused(said: &str) -> ApiError {
    console_error!("publishing: the store of snapshots: {said}");
    ApiError::internal(format!("the store of snapshots does not take it: {said}"))
}
