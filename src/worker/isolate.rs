//! The replica of this isolate: executes the commands of the reader of `mayuse-snapshot`.
//!
//! No request awaits another request's fetch, because the platform cancels a fetch with its request.

use crate::checks::{CheckRequest, Decided, written};
use crate::crypto;
use crate::http;
use crate::js;
use crate::kv::{self, Kv};
use crate::settings::Settings;
use mayuse_core::{Instant, Question};
use mayuse_dialects::object;
use mayuse_snapshot::{Asking, Command, Event, Fallback, Look, Manifest, Reader};
use serde_json::Value;
use std::cell::{OnceCell, RefCell};
use worker::{Env, console_error};

/// The global variable in which the shim passes the fallback.
const EMBEDDED: &str = "MAYUSE_FALLBACK_SNAPSHOT";

/// The state of this isolate.
struct IsolateState {
    reader: RefCell<Reader>,
    settings: Settings,
    kv: Kv,
}

thread_local! {
    static HELD: OnceCell<Option<IsolateState>> = const { OnceCell::new() };
}

/// Runs `work` on the state, and opens it first if necessary. `None` without a replica.
fn with<T>(env: &Env, work: impl FnOnce(&IsolateState) -> T) -> Option<T> {
    HELD.with(|held| {
        let held = held.get_or_init(|| {
            let kv = Kv::of(env)?;
            let (settings, problems) = Settings::read(env);
            problems.iter().for_each(|problem| console_error!("{problem}"));
            let embedded = js::field(&worker::js_sys::global(), EMBEDDED);
            let embedded = if embedded.is_undefined() { Vec::new() } else { js::bytes(&embedded) };
            let reader = Reader::new(settings.reader(), Fallback::of(embedded));
            Some(IsolateState { reader: RefCell::new(reader), settings, kv })
        });
        held.as_ref().map(work)
    })
}

/// Runs `work` on the state if it is open.
fn opened<T>(work: impl FnOnce(&IsolateState) -> T) -> Option<T> {
    HELD.with(|held| held.get().and_then(Option::as_ref).map(work))
}

/// Answers a question from memory, or returns `None`.
pub fn answer_now(question: &Question<'_>, now: Instant) -> Option<String> {
    let answer = |held: &IsolateState| Some(written(&held.reader.try_borrow().ok()?.answer_now(question, now)?));
    String::from_utf8(opened(answer).flatten()?).ok()
}

/// Starts a request. The second value is whether memory alone answers it.
pub fn ask(asked: &CheckRequest, now: Instant) -> (Asking<'_, Decided>, bool) {
    let mut asking = asked.asking(now);
    let is_answered = opened(|held| asking.is_answered_now(&held.reader.borrow())).unwrap_or_default();
    (asking, is_answered)
}

/// Whether it is time to look for a newer manifest.
pub fn is_due(now: Instant) -> bool {
    opened(|held| held.reader.borrow().is_due(now)).unwrap_or_default()
}

/// Looks for a newer manifest.
pub async fn refresh(now: Instant) {
    let mut look = Look::new(now);
    carry(&mut |reader, event, now| look.step(reader, event, now), Event::Begin).await;
}

/// The state in which a request leaves the reader.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// All questions are answered.
    Answered,
    /// The Durable Object must answer. If it fails, the reader continues.
    AskOrigin,
    /// This Worker has no replica.
    NoReplica,
}

/// Continues a request until it is answered or needs the Durable Object.
pub async fn answer(asking: &mut Asking<'_, Decided>, env: &Env, event: Event) -> Outcome {
    if with(env, |_| ()).is_none() {
        return Outcome::NoReplica;
    }
    carry(&mut |reader, event, now| asking.step(reader, event, now), event).await
}

/// A task of the reader.
type Step<'s> = dyn FnMut(&mut Reader, Event, Instant) -> Command + 's;

/// Executes the commands of a task until it is done or needs the Durable Object.
async fn carry(step: &mut Step<'_>, mut event: Event) -> Outcome {
    let derive = opened(|held| held.reader.borrow().settings.keys.is_empty().then(|| held.settings.clone()));
    if let Some(settings) = derive.flatten() {
        let keys = crypto::trusted(&settings).await;
        opened(|held| held.reader.borrow_mut().settings.keys = keys);
    }
    loop {
        let next = opened(|held| {
            let mut reader = held.reader.borrow_mut();
            let n_failed = reader.n_failed;
            let command = step(&mut reader, event, http::now());
            if reader.n_failed != n_failed {
                console_error!("the replica: {}", reader.last_failure);
            }
            (command, held.kv.clone())
        });
        let Some((command, kv)) = next else { return Outcome::NoReplica };
        event = match command {
            Command::Done => return Outcome::Answered,
            Command::AskOrigin(_) => return Outcome::AskOrigin,
            Command::ReadManifest { within_ms } => Event::Read(kv.read(None, within_ms).await),
            Command::ReadObjects { hashes, within_ms } => Event::Read(kv.read(Some(&hashes), within_ms).await),
            Command::Verify { key, message, signature } => {
                Event::Verified(crypto::verifies(&key, message.as_slice(), &signature).await)
            }
        };
    }
}

/// The wasm memory in bytes. It never shrinks.
#[cfg(target_arch = "wasm32")]
fn memory_bytes() -> usize {
    core::arch::wasm32::memory_size::<0>().saturating_mul(65_536)
}

/// Other targets only lint this crate.
#[cfg(not(target_arch = "wasm32"))]
fn memory_bytes() -> usize {
    0
}

/// The status of this isolate's replica.
pub fn status(env: &Env, now: Instant) -> Option<Value> {
    with(env, |held| {
        let reader = held.reader.borrow();
        let (replica, fallback) = (reader.replica(), reader.fallback());
        let manifest = replica.manifest();
        let age = |manifest: &Manifest| now.millis().saturating_sub(manifest.generated_at.millis()).max(0);
        let of_fallback = [
            ("status", fallback.status().into()),
            ("version", fallback.version().into()),
            ("problem", fallback.problem().into()),
        ];
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
            ("manifests_refused", reader.n_refused.into()),
            ("failures", reader.n_failed.into()),
            ("last_failure", reader.last_failure.as_str().into()),
            ("fallback", object(&mut of_fallback.into_iter())),
        ];
        object(&mut fields.into_iter())
    })
}
