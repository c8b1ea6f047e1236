//! The publisher: the next step of publishing, and its effect on the records of the writer.
//!
//! A writer keeps its records in a [`Ledger`] and calls [`Publisher::step`] again and again. The call itself does a
//! step on the records. It returns a step on the store of snapshots, for the caller to carry out and to record. Each
//! step is recorded before the next, so the next call after a crash resumes.
//!
//! ```text
//! write ─► dirty keys ─► shards rebuilt ─► cut: the table of one version ─► objects put ─► manifest put
//!                         ▲ split when there are more customers
//! ```
//!
//! A cut is taken when no key is dirty, but for those of withheld shards, so it is exactly one version. Writes
//! continue while its objects are put; the cut does not change.

use crate::cut::{ObjectRef, SnapshotIndex, bits_for};
use crate::hash::Hash;
use crate::ledger::{Definitions, Failing, Ledger, Shard, State, slot_of};
use crate::limits::Limits;
use crate::manifest::Manifest;
use crate::patch::{Patched, empty_shard, patch, split};
use mayuse_core::{Code, Instant, Packed, Problem, Problems, SortedSet};

/// The first wait until a withheld shard is tried again, in milliseconds. Later waits are as long as it has failed.
const RETRY_MS: i64 = 5_000;
const MAX_RETRY_MS: i64 = 5 * 60 * 1_000;

/// The number of bits above the needed bits to which shards are split, where large customers share a shard.
const EXTRA_BITS: u8 = 4;

/// The number of customers of an older catalog that one step scans.
const SCANNED: usize = 500;

/// The number of objects that one step deletes.
const DELETED: usize = 24;

/// The load of the writer, as the caller knows it.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Whether lines of an import are still coming.
    pub importing: bool,
    /// The instant since which there are changes to publish, or of the last publication, as far as the caller
    /// remembers, in milliseconds since 1970.
    pub since: i64,
}

/// The next step.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    /// Call again at once, after other requests had their turn.
    Again,
    /// Put these objects into the store, and record that they are put.
    Put(Vec<Hash>),
    /// Sign the cut and put it into the store as the manifest, then record that it is published.
    Publish,
    /// Record that these objects are being deleted, delete them from the store, and remove their records.
    Delete(Vec<Hash>),
    /// Call again at this instant, in milliseconds since 1970, or after a write.
    Wait(i64),
}

/// Why a shard cannot be built.
enum Trouble<E> {
    /// The shard would be larger than its bound.
    TooLarge,
    Other(E),
}

impl<E: From<Problems>> From<Problems> for Trouble<E> {
    fn from(problems: Problems) -> Self {
        Trouble::Other(problems.into())
    }
}

/// Publishes the catalog of a ledger.
#[derive(Debug)]
pub struct Publisher<'l, L> {
    /// The records.
    pub ledger: &'l L,
    /// The amounts of work of one step, and the intervals.
    pub limits: Limits,
    /// A manifest with the audience and the policies; the publisher sets the other fields.
    pub template: &'l Manifest,
}

impl<L: Ledger> Publisher<'_, L> {
    /// Does the next step on the ledger, or returns the step for the caller.
    ///
    /// # Errors
    /// The errors of the ledger. Nothing is lost; call again later.
    pub fn step(&self, now: Instant, load: Load) -> Result<Step, L::Error> {
        let (ledger, limits, at) = (self.ledger, &self.limits, now.millis());
        let state = ledger.state()?;
        if state.version == 0 {
            return Ok(Step::Wait(at.saturating_add(limits.heartbeat_ms)));
        }
        if let Some(after) = &state.scanned {
            ledger.transaction(&mut || ledger.scan(after, SCANNED))?;
            return Ok(Step::Again);
        }
        let has_backlog = limits.backlog < state.n_dirty;
        let every = if load.importing { limits.import_every_ms } else { limits.manifest_every_ms };
        let next_cut = state.published_as_of.saturating_add(every);
        // If the clock went backward, the elapsed time is unknown.
        let is_early = (state.published_as_of..next_cut).contains(&at);
        let pushes = state.cut.is_some() && !self.is_given_up(&state, at);
        if !has_backlog && pushes {
            return self.push(&state, at);
        }
        if !has_backlog && load.importing && is_early {
            return self.idle(next_cut, at);
        }
        let definitions = ledger.definitions()?;
        if state.catalog != Some(definitions.part.hash) {
            ledger.transaction(&mut || self.keep_catalog(&state, &definitions, now))?;
            return Ok(Step::Again);
        }
        if state.n_shards == 0 {
            ledger.transaction(&mut || self.begin(&definitions, now))?;
            return Ok(Step::Again);
        }
        let target = self.target_bits(&state)?;
        if state.bits < target {
            ledger.transaction(&mut || ledger.set_bits(target))?;
            return Ok(Step::Again);
        }
        let late = at.saturating_sub(load.since).saturating_sub(every);
        let must_cut = limits.late_ms.saturating_mul(2) <= late;
        let (has_more, n_keys) = self.rebuild(&definitions, state.bits, now, self.slice(late))?;
        if has_more || (!must_cut && n_keys != 0) {
            return Ok(Step::Again);
        }
        if pushes {
            return self.push(&state, at);
        }
        if late < limits.late_ms && self.tidy(&definitions, &state, now)? {
            return Ok(Step::Again);
        }
        let is_due = state.touched
            || state.published != state.version
            || state.published_at.saturating_add(limits.heartbeat_ms) <= at
            || at < state.published_at;
        if !is_due {
            let heartbeat = state.published_at.saturating_add(limits.heartbeat_ms);
            let failing = ledger.shards()?.into_iter().filter(|shard| shard.failing.is_some());
            let mut retry: Option<i64> = None;
            for shard in failing {
                if !shard.is_waiting(at) {
                    // No dirty key will cause a retry of this shard, so clear its failure: `tidy` splits it again.
                    ledger.transaction(&mut || ledger.put_shard(&Shard { failing: None, ..shard.clone() }))?;
                    return Ok(Step::Again);
                }
                let next = shard.failing.map(|failing| failing.retry_at);
                retry = retry.into_iter().chain(next).min();
            }
            return self.idle(retry.map_or(heartbeat, |retry| retry.min(heartbeat)), at);
        }
        if is_early {
            return self.idle(next_cut, at);
        }
        let table = self.table(&definitions, &state)?;
        let cut = Manifest {
            version: state.version,
            generated_at: now,
            table,
            previous: state.manifest,
            ..self.template.clone()
        };
        ledger.transaction(&mut || ledger.set_cut(&cut))?;
        Ok(Step::Again)
    }

    /// Whether the store has refused the cut for so long that a newer cut takes its place.
    fn is_given_up(&self, state: &State, now: i64) -> bool {
        let is_old = |at: i64| at.saturating_add(self.limits.heartbeat_ms.saturating_mul(2)) < now;
        state.has_failed && state.cut.is_some_and(|(version, at)| is_old(at) && version != state.version)
    }

    /// Returns the remaining work for the cut.
    fn push(&self, state: &State, now: i64) -> Result<Step, L::Error> {
        let waiting = self.ledger.waiting(self.limits.puts)?;
        if !waiting.is_empty() {
            return Ok(Step::Put(waiting));
        }
        let next = state.published_at.saturating_add(self.limits.manifest_every_ms);
        Ok(if (state.published_at..next).contains(&now) { Step::Wait(next) } else { Step::Publish })
    }

    /// Deletes unused objects, or waits.
    fn idle(&self, until: i64, now: i64) -> Result<Step, L::Error> {
        let garbage = self.ledger.garbage(now.saturating_sub(self.limits.grace_ms), DELETED)?;
        Ok(if garbage.is_empty() { Step::Wait(until) } else { Step::Delete(garbage) })
    }

    fn keep_catalog(&self, state: &State, definitions: &Definitions, now: Instant) -> Result<(), L::Error> {
        if let Some(before) = state.catalog {
            self.ledger.drop_object(before, now)?;
        }
        self.ledger.put_object(definitions.part.hash, &definitions.object)?;
        self.ledger.set_catalog(definitions.part.hash)
    }

    /// Stores a single empty shard.
    fn begin(&self, definitions: &Definitions, now: Instant) -> Result<(), L::Error> {
        let made = empty_shard(&definitions.catalog, (self.ledger.seed(), 0, 0))?;
        self.keep(&Shard::at(0, 0, made.part), &made.block, None, now)
    }

    /// The number of shard bits: enough for the built shards and, before a large rebuild, for all stored
    /// customers.
    fn target_bits(&self, state: &State) -> Result<u8, L::Error> {
        let mut n_bytes = state.n_bytes;
        if self.limits.keys < state.n_dirty {
            let mean = if state.n_customers < 64 { 96 } else { state.n_bytes.div_ceil(state.n_customers) };
            n_bytes = n_bytes.max(self.ledger.n_customers()?.saturating_mul(mean));
        }
        Ok(bits_for(n_bytes, self.limits.shard_bytes))
    }

    /// The work of one step. It grows with the delay, so that a cut is reached even under constant writes.
    fn slice(&self, late: i64) -> usize {
        let (slice, late_ms) = (self.limits.slice, self.limits.late_ms);
        if late < late_ms {
            slice
        } else if late < late_ms.saturating_mul(2) {
            slice.saturating_mul(4)
        } else {
            slice.saturating_mul(16).max(self.limits.backlog)
        }
    }

    /// Rebuilds the shards with dirty keys, in their order. Returns whether there are more, and the number of keys.
    fn rebuild(
        &self,
        definitions: &Definitions,
        mut bits: u8,
        now: Instant,
        slice: usize,
    ) -> Result<(bool, usize), L::Error> {
        let (ledger, mut spent, mut n_made, mut from) = (self.ledger, 0_usize, 0_usize, 0_u64);
        loop {
            let Some((hash, _)) = ledger.dirty(from, None, 1)?.pop() else { return Ok((false, n_made)) };
            let Some(shard) = ledger.shard(slot_of(hash))? else { return Ok((false, n_made)) };
            if shard.is_waiting(now.millis()) {
                let Some(end) = shard.end() else { return Ok((false, n_made)) };
                from = end;
                continue;
            }
            if slice <= spent {
                return Ok((true, n_made));
            }
            let keys = ledger.dirty(hash, shard.end(), self.limits.keys)?;
            let (mut n_keys, mut next_bits) = (0, bits);
            let made = ledger.transaction(&mut || {
                (n_keys, next_bits) = self.rebuild_shard(definitions, &shard, bits, &keys, now)?;
                Ok(())
            });
            if let Err(error) = made {
                (n_keys, next_bits) = (0, bits);
                ledger.transaction(&mut || self.withhold(&shard, L::describe(&error), now))?;
            }
            bits = next_bits;
            n_made = n_made.saturating_add(n_keys);
            spent = spent.saturating_add(n_keys).saturating_add(self.limits.shard_cost);
        }
    }

    /// Rebuilds a shard, or splits it first. Returns the number of keys that are rebuilt, and the new number of bits.
    fn rebuild_shard(
        &self,
        definitions: &Definitions,
        shard: &Shard,
        bits: u8,
        keys: &[(u64, String)],
        now: Instant,
    ) -> Result<(usize, u8), L::Error> {
        if shard.bits < bits {
            return self.split_shard(definitions, shard, now).map(|()| (0, bits));
        }
        let mut n = keys.len();
        loop {
            let some = keys.get(..n).unwrap_or(keys);
            match self.patched(definitions, shard, some) {
                Ok(made) => {
                    self.keep(&Shard::at(shard.number(), shard.bits, made.part), &made.block, Some(shard), now)?;
                    some.iter().try_for_each(|(hash, key)| self.ledger.clear_dirty(*hash, key))?;
                    return Ok((n, bits));
                }
                Err(Trouble::Other(error)) => return Err(error),
                Err(Trouble::TooLarge) if 1 < n => n /= 2,
                Err(Trouble::TooLarge) => {
                    let enough = bits_for(self.ledger.state()?.n_bytes, self.limits.shard_bytes);
                    let most = enough.saturating_add(EXTRA_BITS).min(SnapshotIndex::MAX_BITS);
                    if most <= bits || !self.fits_alone(definitions, shard, some)? {
                        return Err(self.too_large(keys));
                    }
                    // The shard has too many customers: add a bit, so that it is split.
                    let bits = bits.saturating_add(1);
                    self.ledger.set_bits(bits)?;
                    return Ok((0, bits));
                }
            }
        }
    }

    /// Whether a shard with only these keys is within the bound.
    fn fits_alone(&self, definitions: &Definitions, shard: &Shard, keys: &[(u64, String)]) -> Result<bool, L::Error> {
        let none = Shard { part: ObjectRef::WITHHELD, ..shard.clone() };
        match self.patched(definitions, &none, keys) {
            Ok(_) => Ok(true),
            Err(Trouble::TooLarge) => Ok(false),
            Err(Trouble::Other(error)) => Err(error),
        }
    }

    fn too_large(&self, keys: &[(u64, String)]) -> L::Error {
        let key = keys.first().map(|(_, key)| key.as_str()).unwrap_or_default();
        refusal(format!("the shard of `{key}` would be larger than {} bytes", self.limits.max_shard))
    }

    fn patched(
        &self,
        definitions: &Definitions,
        shard: &Shard,
        keys: &[(u64, String)],
    ) -> Result<Patched, Trouble<L::Error>> {
        let place = (self.ledger.seed(), shard.bits, shard.number());
        let old = self.block(definitions, shard).map_err(Trouble::Other)?;
        // Remove every dirty record, not only `keys`: an alias that moved to another customer would occur twice.
        let dirty = self.ledger.dirty(shard.start(), shard.end(), usize::MAX).map_err(Trouble::Other)?;
        let set: SortedSet<String> = dirty.into_iter().map(|(_, key)| key).collect();
        let max = self.limits.max_shard;
        let made = patch(&definitions.catalog, &old, place, &set, |builder| {
            for (_, key) in keys {
                self.ledger.load_into(builder, key).map_err(Trouble::Other)?;
                // The size of the builder is close to the size of the block.
                if max.saturating_mul(2) < builder.n_bytes() {
                    return Err(Trouble::TooLarge);
                }
            }
            Ok(())
        })?;
        if max < made.block.as_slice().len() { Err(Trouble::TooLarge) } else { Ok(made) }
    }

    fn block(&self, definitions: &Definitions, shard: &Shard) -> Result<Packed, L::Error> {
        if shard.part.is_withheld() {
            return Ok(empty_shard(&definitions.catalog, (self.ledger.seed(), shard.bits, shard.number()))?.block);
        }
        let lost = || format!("the object {} cannot be read", shard.part.hash);
        self.ledger.object(shard.part.hash)?.ok_or_else(|| refusal(lost()))
    }

    fn split_shard(&self, definitions: &Definitions, shard: &Shard, now: Instant) -> Result<(), L::Error> {
        let old = self.block(definitions, shard)?;
        let halves = split(&definitions.catalog, &old, (self.ledger.seed(), shard.bits, shard.number()))?;
        let bits = shard.bits.saturating_add(1);
        // The first half replaces the old shard.
        let mut before = Some(shard);
        for half in halves {
            self.keep(&Shard::at(half.shard, bits, half.part), &half.block, before.take(), now)?;
        }
        Ok(())
    }

    /// Stores a shard with its object, in place of another.
    fn keep(&self, shard: &Shard, block: &Packed, before: Option<&Shard>, now: Instant) -> Result<(), L::Error> {
        self.ledger.put_object(shard.part.hash, block)?;
        self.ledger.put_shard(shard)?;
        match before.filter(|before| before.part.hash != shard.part.hash) {
            // Equal blocks, such as empty shards, are one object, so another shard may still use it.
            Some(before) if !self.ledger.is_named(before.part.hash)? => self.ledger.drop_object(before.part.hash, now),
            _ => Ok(()),
        }
    }

    /// Withholds a shard that cannot be built, so that it does not block the others.
    fn withhold(&self, shard: &Shard, why: String, now: Instant) -> Result<(), L::Error> {
        let at = now.millis();
        let since = shard.failing.as_ref().map_or(at, |failing| failing.since);
        let waited = at.saturating_sub(since).clamp(RETRY_MS, MAX_RETRY_MS);
        let failing = Some(Failing { since, retry_at: at.saturating_add(waited), why });
        self.ledger.put_shard(&Shard { failing, ..shard.clone() })
    }

    /// Splits shards that have fewer bits than the table. Returns whether more such shards remain.
    fn tidy(&self, definitions: &Definitions, state: &State, now: Instant) -> Result<bool, L::Error> {
        let mut spent = 0_usize;
        while let Some(shard) = self.ledger.coarse_shard(state.bits)? {
            if self.limits.slice <= spent {
                return Ok(true);
            }
            let made = self.ledger.transaction(&mut || self.split_shard(definitions, &shard, now));
            if let Err(error) = made {
                self.ledger.transaction(&mut || self.withhold(&shard, L::describe(&error), now))?;
            }
            spent = spent.saturating_add(self.limits.shard_cost.saturating_mul(2));
        }
        Ok(false)
    }

    /// The table of the current objects.
    fn table(&self, definitions: &Definitions, state: &State) -> Result<SnapshotIndex, L::Error> {
        let shards = self.ledger.shards()?;
        let bits = shards.iter().map(|shard| shard.bits).max().unwrap_or_default().max(state.bits);
        let mut places = Vec::new();
        for shard in &shards {
            let n = 1_usize.checked_shl(u32::from(bits.saturating_sub(shard.bits))).unwrap_or(1);
            let part = if shard.failing.is_some() { ObjectRef::WITHHELD } else { shard.part };
            places.extend(std::iter::repeat_n(part, n));
        }
        Ok(SnapshotIndex { seed: self.ledger.seed(), catalog_object: definitions.part, bits, shards: places })
    }
}

fn refusal<E: From<Problems>>(message: String) -> E {
    Problems::from(Problem::error(Code::Invalid, String::new(), message)).into()
}
