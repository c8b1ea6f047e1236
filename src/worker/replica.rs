//! The replica of this isolate: what it holds, where it gets more, and what it answers when it cannot.
//!
//! A request that finds everything here does no I/O. Nobody waits for a manifest once one is held:
//! the first request after a while goes on looking for another one when it has been answered. No
//! request waits for what another one fetches, since the platform ends that with the other request.

use crate::checks::{Asked, item, written};
use crate::crypto;
use crate::fallback::Fallback;
use crate::http::Answer;
use crate::js;
use crate::kv::{self, Kv, ObjectError};
use crate::open::{Need, Open, is_refused};
use crate::settings::Settings;
use mayuse_core::{Instant, Packed, Question, Reason, Snapshot, Source};
use mayuse_core::{undecided, undecided_in};
use mayuse_dialects::{Failure, object};
use mayuse_snapshot::{Hash, Judgement, Manifest, Needs, Part, Replica, Unverified, contents};
use serde_json::Value;
use std::cell::{Cell, OnceCell, RefCell};
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use worker::{Env, console_error};

/// Where the shim leaves the bytes of the fallback.
const EMBEDDED: &str = "MAYUSE_FALLBACK_SNAPSHOT";

/// How many objects are fetched at the same time.
const AT_ONCE: usize = 6;

/// How many shards are fetched before a manifest is taken, so that nobody waits for them after.
const AHEAD: usize = 60;

/// For how long a question waits for a newer manifest in an isolate that was quiet.
const LOOK_WITHIN_MS: u32 = 500;

/// What is in this isolate.
struct Held {
    replica: RefCell<Replica>,
    /// The fallback that was deployed with the program, once it was needed.
    embedded: RefCell<Replica>,
    settings: Settings,
    kv: Kv,
    counters: Counters,
}

impl Held {
    /// Whether what is held is older than it should be.
    fn is_stale(&self, now: Instant) -> bool {
        self.replica.borrow().manifest().is_some_and(|manifest| {
            let age = now.millis().saturating_sub(manifest.generated_at.millis());
            manifest.policies.stale_after_ms.is_some_and(|after| u64::try_from(age).is_ok_and(|age| after <= age))
        })
    }

    fn is_due(&self, now: Instant) -> bool {
        let since = |then: i64| now.millis().saturating_sub(then);
        // A clock that went backward says nothing of how long it was.
        self.counters.looked_at.get().is_none_or(|then| since(then) < 0 || self.settings.refresh_ms <= since(then))
    }

    /// Whether what is held may long have been overtaken, since nobody asked and so nobody looked. One
    /// that has just looked is not quiet, however old what it found is.
    fn is_quiet(&self, now: Instant) -> bool {
        let since = |then: i64| now.millis().saturating_sub(then);
        let bound = self.settings.refresh_ms.saturating_mul(2).max(self.settings.heartbeat_ms);
        let done_at = self.counters.done_at.get();
        let is_older = |than: i64| done_at.is_none_or(|then| than <= since(then));
        let Ok(replica) = self.replica.try_borrow() else { return false };
        let made_at = replica.manifest().map(|manifest| manifest.generated_at.millis());
        made_at.is_some_and(|made| is_older(self.settings.refresh_ms) && (bound <= since(made) || is_older(bound)))
    }
}

struct Counters {
    /// When the store was last asked for a manifest, in milliseconds since 1970.
    looked_at: Cell<Option<i64>>,
    /// When the last look began that came to an end.
    done_at: Cell<Option<i64>>,
    /// Manifests that were not taken.
    refused: Cell<u64>,
    /// Objects and manifests that could not be had.
    failed: Cell<u64>,
    last_failure: RefCell<String>,
    fallback: Fallback,
}

thread_local! {
    static HELD: OnceCell<Option<Held>> = const { OnceCell::new() };
}

/// Does something with the replica, if this Worker has one.
fn with<T>(env: &Env, work: impl FnOnce(&Held) -> T) -> Option<T> {
    HELD.with(|held| {
        let held = held.get_or_init(|| {
            let kv = Kv::of(env)?;
            let (settings, problems) = Settings::read(env);
            problems.iter().for_each(|problem| console_error!("{problem}"));
            let replica = Replica::new(settings.max_bytes, settings.min_version).with_own(settings.own);
            let replica = RefCell::new(replica);
            let embedded = js::field(&worker::js_sys::global(), EMBEDDED);
            let embedded = if embedded.is_undefined() { Vec::new() } else { js::bytes(&embedded) };
            let counters = Counters {
                looked_at: Cell::new(None),
                done_at: Cell::new(None),
                refused: Cell::new(0),
                failed: Cell::new(0),
                last_failure: RefCell::default(),
                fallback: Fallback::of(embedded),
            };
            Some(Held { replica, embedded: RefCell::new(Replica::new(usize::MAX, 0)), settings, kv, counters })
        });
        held.as_ref().map(work)
    })
}

/// The same, where the replica was opened before.
fn opened<T>(work: impl FnOnce(&Held) -> T) -> Option<T> {
    HELD.with(|held| held.get().and_then(Option::as_ref).map(work))
}

/// Why a question is asked of the catalogue itself, and what it comes to when that fails too.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Elsewhere(Reason);

/// Answers a question at once, or not at all: what has to be fetched, what a newer version is wanted
/// for, and once in a while one that then looks for a newer manifest, take the longer way.
pub fn answer_now(question: &Question<'_>, now: Instant) -> Option<Vec<u8>> {
    opened(|held| {
        if held.is_due(now) || held.is_quiet(now) {
            return None;
        }
        let replica = held.replica.try_borrow().ok()?;
        // What is wrong with a question is said on the longer way.
        let decision = replica.decide(question, now).ok()?.ok()?;
        // The catalogue itself is asked first.
        (!is_refused(&decision)).then(|| written(&decision))
    })
    .flatten()
}

/// Answers a request at once from what is held, if all of it is.
pub fn answer_held(asked: &Asked, now: Instant) -> Option<Result<Answer, Failure>> {
    let mut open = Open::new(asked, now);
    let needs = opened(|held| (!held.is_quiet(now)).then(|| open.step(&held.replica.borrow())))??;
    needs.is_empty().then(|| open.answer())
}

/// Whether it is time to look for another manifest.
pub fn is_due(now: Instant) -> bool {
    opened(|held| held.is_due(now)).unwrap_or_default()
}

/// Answers a request from what is held, and fetches what is not; or says why to ask elsewhere.
pub async fn answer(asked: &Asked, env: &Env, now: Instant) -> Result<Result<Answer, Failure>, Elsewhere> {
    let missing = Elsewhere(Reason::SnapshotMissing);
    let (is_empty, is_due) =
        with(env, |held| (held.replica.borrow().manifest().is_none(), held.is_due(now))).ok_or(missing)?;
    if is_empty && is_due {
        refresh(now).await;
    } else if opened(|held| held.is_quiet(now)) == Some(true) {
        look_soon(now).await;
    }
    let mut open = Open::new(asked, now);
    // An alias leads to a second shard; more rounds than that mean that shards push each other out.
    let mut rounds = open.n_questions().saturating_mul(2).saturating_add(4);
    loop {
        let needs = opened(|held| open.step(&held.replica.borrow())).ok_or(missing)?;
        if needs.is_empty() {
            return Ok(open.answer());
        }
        rounds = rounds.checked_sub(1).ok_or(missing)?;
        let mut shards: Vec<(u64, Part)> = Vec::new();
        for need in needs {
            match need {
                Need::Newer(reason) => return Err(Elsewhere(reason)),
                Need::Replica(Needs::Manifest | Needs::Origin) => return Err(missing),
                Need::Replica(Needs::Tie(shard)) => {
                    let tied = opened(|held| held.replica.borrow_mut().tie(shard));
                    if let Some(Err(error)) = tied {
                        fail(&error.to_string());
                        return Err(Elsewhere(Reason::SnapshotInvalid));
                    }
                }
                Need::Replica(Needs::Shard(shard, part)) if shards.len() < AT_ONCE => {
                    if !shards.iter().any(|(other, _)| *other == shard) {
                        shards.push((shard, part));
                    }
                }
                Need::Replica(Needs::Shard(..)) => {}
            }
        }
        let blocks = fetch(&shards).await?;
        for ((shard, part), block) in shards.into_iter().zip(blocks) {
            let held = opened(|held| held.replica.borrow_mut().hold(shard, part.hash, block));
            if let Some(Err(error)) = held {
                fail(&format!("the shard {}: {error}", part.hash));
                return Err(Elsewhere(Reason::SnapshotInvalid));
            }
            // What it was fetched for is answered before another one takes its place.
            opened(|held| open.step(&held.replica.borrow()));
        }
    }
}

/// Fetches shards, all at the same time.
async fn fetch(shards: &[(u64, Part)]) -> Result<Vec<Packed>, Elsewhere> {
    let Some(kv) = opened(|held| held.kv.clone()) else { return Ok(Vec::new()) };
    let hashes: Vec<Hash> = shards.iter().map(|(_, part)| part.hash).collect();
    kv.objects(&hashes).await.map_err(|error| {
        fail(&error.to_string());
        Elsewhere(error.reason())
    })
}

fn fail(message: &str) {
    console_error!("the replica: {message}");
    opened(|held| {
        held.counters.failed.set(held.counters.failed.get().saturating_add(1));
        message.clone_into(&mut held.counters.last_failure.borrow_mut());
    });
}

/// What is answered where nobody can be asked: from the fallback that was deployed with the program,
/// if nothing newer was ever held here; else that it cannot be said.
pub async fn last_resort(asked: &Asked, why: Elsewhere, now: Instant) -> Option<Result<Answer, Failure>> {
    read_fallback(true).await;
    opened(|held| {
        let (replica, embedded) = (held.replica.borrow(), held.embedded.borrow());
        let version = |replica: &Replica| replica.manifest().map_or(0, |manifest| manifest.version);
        let source = if version(&replica) <= version(&embedded) { &*embedded } else { &*replica };
        let decide = |question: &Question<'_>, code: Option<&str>| {
            let decision = match (source.decide(question, now), source.catalog()) {
                (Ok(decision), _) => decision,
                (Err(_), Some(catalog)) => undecided_in(catalog, question, why.0, now),
                (Err(_), None) => {
                    let on_indeterminate = held.settings.policies.on_indeterminate;
                    undecided(question, why.0, &Snapshot { on_indeterminate, ..Snapshot::default() }, now)
                }
            };
            match code {
                Some(code) => item(decision, code),
                None => Ok(written(&decision?)),
            }
        };
        let codes: Vec<&str> = source.catalog().into_iter().flat_map(|catalog| catalog.feature_codes()).collect();
        let mut question = |n: usize| match asked {
            Asked::One(check) => decide(&check.question(), None),
            Asked::All(check) => {
                let code = codes.get(n).copied().unwrap_or_default();
                decide(&check.question_on(code), Some(code))
            }
            Asked::Many(checks) => match checks.get(n) {
                Some(Ok(check)) => decide(&check.question(), None),
                _ => Ok(Vec::new()),
            },
        };
        asked.answer(codes.len(), &mut question)
    })
}

/// Reads the fallback that was deployed with the program, once to learn whether it could be used, before
/// anybody needs it, and once to open it. Its objects are looked at when it is opened.
async fn read_fallback(opens: bool) {
    let found = opened(|held| Some((held.settings.clone(), held.counters.fallback.file(opens)?)));
    let Some((settings, file)) = found.flatten() else { return };
    let read = async {
        let contents = contents(&file).map_err(|error| error.to_string())?;
        let manifest = verified(Unverified::read(&contents.manifest).map_err(|e| e.to_string())?, &settings).await?;
        let version = manifest.version;
        if version < settings.min_version {
            return Err("its version is below MIN_VERSION".to_owned());
        }
        if !opens {
            return Ok((version, None));
        }
        let (catalogue, shards) = contents.objects(&manifest, Some(Hash::of)).map_err(|error| error.to_string())?;
        let fresh = shards.into_iter().zip(0..).map(|(block, shard)| (shard, block)).collect();
        let mut embedded = Replica::new(usize::MAX, settings.min_version).with_own(settings.own);
        embedded.take(manifest, Some(&catalogue), fresh, Source::Embedded).map_err(|error| error.to_string())?;
        Ok::<_, String>((version, Some(embedded)))
    };
    let found = read.await.map(|(version, embedded)| {
        opened(|held| embedded.map(|embedded| held.embedded.replace(embedded)));
        version
    });
    if let Err(error) = &found {
        fail(&format!("the fallback in the bundle cannot be used: {error}"));
    }
    opened(|held| held.counters.fallback.note(found));
}

/// Looks for a newer manifest, and takes it together with what it changes of what is held.
pub async fn refresh(now: Instant) {
    read_fallback(false).await;
    if let Err(error) = look(now).await {
        fail(&error);
    }
    opened(|held| held.counters.done_at.set(Some(now.millis())));
}

/// The same for a question that waits for it, but not for long.
async fn look_soon(now: Instant) {
    let (mut look, mut late) = (pin!(refresh(now)), pin!(js::pause(LOOK_WITHIN_MS)));
    let is_done = poll_fn(|context| {
        if look.as_mut().poll(context).is_ready() {
            return Poll::Ready(true);
        }
        late.as_mut().poll(context).map(|()| false)
    });
    if !is_done.await {
        // Whoever comes next does not wait, and the look is begun anew once this question is answered.
        opened(|held| {
            held.counters.done_at.set(Some(now.millis()));
            held.counters.looked_at.set(None);
        });
    }
}

async fn look(now: Instant) -> Result<(), String> {
    let Some((kv, settings)) = opened(|held| {
        held.counters.looked_at.set(Some(now.millis()));
        (held.kv.clone(), held.settings.clone())
    }) else {
        return Ok(());
    };
    let Some(bytes) = kv.manifest().await? else { return Ok(()) };
    let bytes = Packed::new(bytes).ok_or("the manifest is not in the packed form")?;
    let unverified = Unverified::read(&bytes).map_err(|error| error.to_string())?;
    let judgement = opened(|held| held.replica.borrow().judge(unverified.claims()));
    match judgement {
        Some(Judgement::Newer) => {}
        Some(Judgement::Older) => return refuse(),
        Some(Judgement::Same) | None => return Ok(()),
    }
    let manifest = verified(unverified, &settings).await?;
    let catalogue = match opened(|held| held.replica.borrow().wants_catalogue(&manifest)) {
        Some(true) => Some(kv.object(manifest.table.catalogue.hash).await.map_err(|error| error.to_string())?),
        _ => None,
    };
    let mut wanted = opened(|held| held.replica.borrow().wants(&manifest)).unwrap_or_default();
    wanted.truncate(AHEAD);
    let is_stale = opened(|held| held.is_stale(now)).unwrap_or_default();
    let mut fresh: Vec<(u64, Packed)> = Vec::with_capacity(wanted.len());
    for some in wanted.chunks(AT_ONCE) {
        let hashes: Vec<Hash> = some.iter().map(|(_, part)| part.hash).collect();
        match kv.objects(&hashes).await {
            Ok(blocks) => fresh.extend(some.iter().map(|(shard, _)| *shard).zip(blocks)),
            // It may be on its way, so what is held serves on; but not when that has become stale, or one object
            // that never comes would keep everybody from everything that is newer.
            Err(error @ (ObjectError::Absent(_) | ObjectError::Damaged(_))) if is_stale => {
                fail(&format!("a newer manifest is taken all the same: {error}"));
                break;
            }
            Err(error) => return Err(error.to_string()),
        }
    }
    // Somebody else may have taken one meanwhile; then this one is judged again, by that.
    let taken = opened(|held| held.replica.borrow_mut().take(manifest, catalogue.as_ref(), fresh, Source::Snapshot));
    taken.map_or(Ok(()), |taken| taken.map(|_| ()).map_err(|error| error.to_string()))
}

fn refuse() -> Result<(), String> {
    opened(|held| held.counters.refused.set(held.counters.refused.get().saturating_add(1)));
    Ok(())
}

/// Believes a manifest, if one of the keys signed it.
async fn verified(unverified: Unverified, settings: &Settings) -> Result<Manifest, String> {
    let keys = crypto::trusted(settings).await;
    let Some(key) = keys.iter().find(|key| key.id() == unverified.key()) else {
        refuse()?;
        return Err(format!("the manifest is signed with key {}, which is not known here", unverified.key()));
    };
    let is_signed = crypto::verifies(key, unverified.signed(), unverified.signature()).await;
    let manifest = unverified.verified(is_signed?);
    manifest.and_then(|manifest| manifest.is_for(&settings.audience).map(|()| manifest)).map_err(|error| {
        let _ = refuse();
        error.to_string()
    })
}

/// How much memory the program has, which never becomes less.
#[cfg(target_arch = "wasm32")]
fn memory_bytes() -> usize {
    core::arch::wasm32::memory_size::<0>().saturating_mul(65_536)
}

/// Elsewhere it is only linted.
#[cfg(not(target_arch = "wasm32"))]
fn memory_bytes() -> usize {
    0
}

/// How the replica of this isolate is.
pub fn status(env: &Env, now: Instant) -> Option<Value> {
    with(env, |held| {
        let (replica, counters) = (held.replica.borrow(), &held.counters);
        let manifest = replica.manifest();
        let age = |manifest: &Manifest| now.millis().saturating_sub(manifest.generated_at.millis()).max(0);
        let fields = [
            ("audience", held.settings.audience.as_str().into()),
            ("snapshot_version", manifest.map(|manifest| manifest.version).into()),
            ("generated_at", manifest.map(|manifest| manifest.generated_at.to_string()).into()),
            ("age_ms", manifest.map(age).into()),
            ("shards", manifest.map_or(0, |manifest| manifest.table.shards.len()).into()),
            ("shards_held", replica.n_shards().into()),
            ("bytes_held", replica.n_bytes().into()),
            ("memory_bytes", memory_bytes().into()),
            ("reads", kv::n_reads().into()),
            ("manifests_refused", counters.refused.get().into()),
            ("failures", counters.failed.get().into()),
            ("last_failure", counters.last_failure.borrow().clone().into()),
            ("fallback", counters.fallback.status()),
        ];
        object(&mut fields.into_iter())
    })
}
