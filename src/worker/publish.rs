//! Publishing: what changed is made anew, objects are put where readers look for them, and last the
//! manifest that names them.
//!
//! Each step is kept before the next begins, so after a crash at any point it goes on. Nothing is
//! queued but the keys that changed: where the store refuses, they wait, and come together later.

use crate::crypto::Signer;
use crate::js;
use crate::kv::{self, Kv};
use crate::settings::Settings;
use crate::sql::Sql;
use crate::sql_snapshot::ShardTable;
use crate::transaction::Storage;
use mayuse_core::{Catalog, Instant, Packed, Pile, SortedSet, shard_of, sort_by};
use mayuse_dialects::{Failure, Store, pile_up};
use mayuse_snapshot::{Hash, Manifest, Part, Patched, Table, bits_for, empty, patch, split};
use worker::console_error;

/// How many keys are made anew at once: nobody else is answered meanwhile.
const KEYS: usize = 300;

/// How many slices there are beside those of the keys: halving ten thousand shards takes so many.
const EXTRA_SLICES: usize = 700;

/// How many shards are halved at once.
const HALVED: usize = 16;

/// How many customers of an older catalogue are looked at, at once.
const SCANNED: usize = 500;

/// How many objects one alarm puts and takes away; the platform lets an invocation make a thousand calls.
const PUSHED: usize = 400;

/// How many at the same time: the platform opens no more connections.
const AT_ONCE: usize = 6;

/// The store takes a key once a second.
const MANIFEST_EVERY_MS: i64 = 1_000;

/// What publishing works with.
#[derive(Debug)]
pub struct Publisher<'p> {
    pub storage: &'p Storage,
    pub store: &'p Sql,
    pub kv: &'p Kv,
    pub signer: &'p Signer,
    pub settings: &'p Settings,
}

impl Publisher<'_> {
    /// Publishes what there is to publish. Gives the instant at which to come again.
    pub async fn run(&self, now: Instant) -> Result<i64, Failure> {
        if self.store.version()? == 0 {
            return Ok(self.heartbeat(now.millis()));
        }
        // What is written meanwhile is for the next time: while a large import runs, shards are not made
        // anew for each few of its lines.
        let mut slices = (self.store.n_dirty()? / KEYS).saturating_add(EXTRA_SLICES);
        while self.prepare(now)? {
            if slices == 0 {
                return Ok(now.millis().saturating_add(MANIFEST_EVERY_MS));
            }
            slices = slices.saturating_sub(1);
            // Requests get their turn.
            js::turn().await;
        }
        let publication = self.store.publication()?;
        let version = self.store.version()?;
        let is_due =
            publication.version != version || publication.at.saturating_add(self.settings.heartbeat_ms) <= now.millis();
        let next_manifest = publication.at.saturating_add(MANIFEST_EVERY_MS);
        // A clock that went backward says nothing of how long it was.
        if is_due && (publication.at..next_manifest).contains(&now.millis()) {
            return Ok(next_manifest);
        }
        if is_due {
            let table = self.table(publication.bits, &publication.catalogue)?;
            if !self.push(&table).await? {
                return Ok(now.millis());
            }
            self.publish(table, version, &publication.manifest, now).await?;
        }
        let has_more = self.collect(now).await?;
        if has_more || self.store.version()? != version { Ok(now.millis()) } else { Ok(self.heartbeat(now.millis())) }
    }

    fn heartbeat(&self, now: i64) -> i64 {
        now.saturating_add(self.settings.heartbeat_ms)
    }

    /// Does a slice of what has to be done before there is a table to publish. Whether there is more.
    fn prepare(&self, now: Instant) -> Result<bool, Failure> {
        let publication = self.store.publication()?;
        if let Some(after) = &publication.scanned {
            self.storage.transaction(|| self.store.scan(after, SCANNED))?;
            return Ok(true);
        }
        let (object, catalog, _) = self.store.definitions()?.pack_definitions().map_err(Failure::from)?;
        let part = Part::of(&object, 0);
        if publication.catalogue != part.hash.to_string() {
            self.storage.transaction(|| self.store.set_catalogue(&publication.catalogue, part.hash, &object, now))?;
        }
        let halves = self.store.shards(ShardTable::Halves)?;
        if !halves.is_empty() {
            return self.halve(&catalog, publication.bits, halves.len(), now).map(|()| true);
        }
        let dirty = self.store.dirty(KEYS)?;
        if !dirty.is_empty() {
            self.storage.transaction(|| self.make_anew(&catalog, publication.bits, &dirty, now))?;
            return Ok(true);
        }
        let shards = self.store.shards(ShardTable::Shards)?;
        if shards.is_empty() {
            let made = empty(&catalog, (self.store.seed(), 0, 0)).map_err(Failure::from)?;
            self.storage.transaction(|| self.store.set_shard(ShardTable::Shards, &made, now))?;
            return Ok(true);
        }
        let n_bytes = shards.iter().map(|(_, part)| u64::from(part.size)).sum();
        if publication.bits < bits_for(n_bytes) {
            return self.halve(&catalog, publication.bits, 0, now).map(|()| true);
        }
        Ok(false)
    }

    /// Makes the shards of some keys anew.
    fn make_anew(&self, catalog: &Catalog, bits: u8, dirty: &[(u64, String)], now: Instant) -> Result<(), Failure> {
        let seed = self.store.seed();
        for of_shard in dirty.chunk_by(|a, b| shard_of(a.0, bits) == shard_of(b.0, bits)) {
            let Some((hash, _)) = of_shard.first() else { continue };
            let shard = shard_of(*hash, bits);
            let keys: SortedSet<String> = of_shard.iter().map(|(_, key)| key.clone()).collect();
            let old = match self.store.shard(shard)? {
                Some(part) => self.block(part.hash)?,
                None => empty(catalog, (seed, bits, shard)).map_err(Failure::from)?.block,
            };
            let add = |pile: &mut Pile<'_>| pile_up(self.store, pile, &keys);
            let made: Patched = patch(catalog, &old, (seed, bits, shard), &keys, add)?;
            self.store.set_shard(ShardTable::Shards, &made, now)?;
            of_shard.iter().try_for_each(|(hash, key)| self.store.is_clean(*hash, key))?;
        }
        Ok(())
    }

    /// Halves some more shards; once it was the last one, their number doubles.
    fn halve(&self, catalog: &Catalog, bits: u8, n_halves: usize, now: Instant) -> Result<(), Failure> {
        let (seed, shards) = (self.store.seed(), self.store.shards(ShardTable::Shards)?);
        let done = n_halves / 2;
        self.storage.transaction(|| {
            for (shard, part) in shards.iter().skip(done).take(HALVED) {
                let old = self.block(part.hash)?;
                for half in split(catalog, &old, (seed, bits, *shard)).map_err(Failure::from)? {
                    self.store.set_shard(ShardTable::Halves, &half, now)?;
                }
            }
            if shards.len() <= done.saturating_add(HALVED) {
                self.store.set_doubled(bits.saturating_add(1), now)?;
            }
            Ok(())
        })
    }

    fn block(&self, hash: Hash) -> Result<Packed, Failure> {
        self.store.object(hash)?.and_then(Packed::new).ok_or_else(|| unreadable(hash))
    }

    /// The objects as they are now.
    fn table(&self, bits: u8, catalogue: &str) -> Result<Table, Failure> {
        let none = || Failure::internal("there is no catalogue object");
        let hash = Hash::parse(catalogue).ok_or_else(none)?;
        let size = self.store.object(hash)?.ok_or_else(|| unreadable(hash))?.len();
        let catalogue = Part { hash, size: u32::try_from(size).unwrap_or(u32::MAX), n: 0 };
        let shards = self.store.shards(ShardTable::Shards)?.into_iter().map(|(_, part)| part).collect();
        Ok(Table { seed: self.store.seed(), catalogue, bits, shards })
    }

    /// Puts the objects of a table that are not yet there. Whether that was all.
    async fn push(&self, table: &Table) -> Result<bool, Failure> {
        let mut waiting = self.store.unpushed()?;
        let mut all: Vec<Hash> = table.shards.iter().chain([&table.catalogue]).map(|part| part.hash).collect();
        sort_by(&mut all, Ord::cmp);
        waiting.retain(|hash| all.binary_search(hash).is_ok());
        let n_waiting = waiting.len();
        waiting.truncate(PUSHED);
        for some in waiting.chunks(AT_ONCE) {
            let bytes = some.iter().map(|hash| self.store.object(*hash)?.ok_or_else(|| unreadable(*hash)));
            let bytes = bytes.collect::<Result<Vec<Vec<u8>>, Failure>>()?;
            let values: Vec<&[u8]> = bytes.iter().map(Vec::as_slice).collect();
            self.kv
                .put(some.iter().map(|hash| kv::key_of(*hash)).collect(), &values)
                .await
                .map_err(|said| refused(&said))?;
            some.iter().try_for_each(|hash| self.store.is_pushed(*hash))?;
        }
        Ok(n_waiting <= PUSHED)
    }

    /// Puts the manifest, which is what publishes.
    async fn publish(&self, table: Table, version: u64, previous: &str, now: Instant) -> Result<(), Failure> {
        let (policies, previous) = (self.settings.policies, Hash::parse(previous));
        let audience = self.settings.audience.clone();
        let manifest = Manifest { version, audience, generated_at: now, policies, table, previous };
        let unsigned = manifest.unsigned(self.signer.id());
        let signature = self.signer.sign(unsigned.as_bytes()).await.map_err(|said| refused(&said))?;
        let manifest = Manifest::seal(unsigned, &signature);
        self.kv.put(vec![kv::MANIFEST.to_owned()], &[manifest.as_bytes()]).await.map_err(|said| refused(&said))?;
        self.store.is_published(version, now, Hash::of(manifest.as_bytes()))
    }

    /// Takes away objects that no manifest has named for as long as a reader may still hold one that
    /// does. Whether there are more.
    async fn collect(&self, now: Instant) -> Result<bool, Failure> {
        let garbage = self.store.garbage(now.millis().saturating_sub(self.settings.grace_ms), PUSHED)?;
        for some in garbage.chunks(AT_ONCE) {
            let pushed = some.iter().filter(|(_, is_pushed)| *is_pushed);
            let keys = pushed.clone().map(|(hash, _)| kv::key_of(*hash)).collect();
            pushed.into_iter().try_for_each(|(hash, _)| self.store.is_going(*hash))?;
            self.kv.delete(keys).await.map_err(|said| refused(&said))?;
            some.iter().try_for_each(|(hash, _)| self.store.forget_object(*hash))?;
        }
        Ok(garbage.len() == PUSHED)
    }
}

fn unreadable(hash: Hash) -> Failure {
    Failure::internal(format!("the object {hash} cannot be read"))
}

fn refused(said: &str) -> Failure {
    console_error!("publishing: {said}");
    Failure::internal("publishing waits for the store")
}
