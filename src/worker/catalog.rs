//! The Durable Object: the only writer, and the source of answers that must be current.
//!
//! A request is handled without an await, so it sees one version, and its writes are one transaction.
//! The platform holds the response back until the writes before it are durable.

use crate::checks::{self, CheckRequest};
use crate::crypto::Signer;
use crate::export;
use crate::http::{self, Answer, BY, Room, VERSION};
use crate::import;
use crate::kv::Kv;
use crate::publish::Publishing;
use crate::settings::Settings;
use crate::snapshots;
use crate::sql::Sql;
use crate::transaction::Storage;
use mayuse_core::Instant;
use mayuse_dialects::{ApiError, Context, Dialect, Found, Handler, Ids, Outcome, Preconditions, Presented, Recorded};
use mayuse_dialects::{ErrorKind, JsonValue, Request, Store};
use mayuse_dialects::{answer, applies_stale, fingerprint, has_key, object, replay};
use mayuse_snapshot::{Health, Ledger, health};
use serde_json::Value;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use worker::wasm_bindgen;
use worker::{DurableObject, Env, Response, Result, SqlStorage, State, console_error, durable_object};

/// The delay from a write to its publication, so that writes are published together.
const PUBLISH_AFTER_MS: i64 = 100;

/// An alarm that is overdue by this is considered lost.
const OVERDUE_MS: i64 = 60_000;

/// The delay before a failed publication is retried.
const RETRY_MS: i64 = 5_000;

/// The Durable Object's state.
#[durable_object]
#[derive(Debug)]
pub struct Catalog {
    storage: Storage,
    sql: SqlStorage,
    env: Env,
    /// The time of the alarm in milliseconds since 1970, if this instance has set it.
    wakes_at: Cell<Option<i64>>,
    /// The database once it is open. A failure to open it is retried.
    store: RefCell<Option<Rc<Sql>>>,
    /// The number of running imports.
    imports: Cell<u32>,
    /// Whether imports must pause, so that the publisher reaches a cut.
    holds: Cell<bool>,
    /// The time of the oldest unpublished write, as far as this instance knows.
    since: Cell<i64>,
}

impl DurableObject for Catalog {
    fn new(state: State, env: Env) -> Self {
        let (storage, state) = Storage::of(state);
        let sql = state.storage().sql();
        Catalog {
            storage,
            sql,
            env,
            wakes_at: Cell::new(None),
            store: RefCell::new(None),
            imports: Cell::new(0),
            holds: Cell::new(false),
            since: Cell::new(http::now().millis()),
        }
    }

    /// Publishes, and sets the next alarm even after a failure.
    async fn alarm(&self) -> Result<Response> {
        self.wakes_at.set(None);
        let next = match self.publish().await {
            Ok(next) => next,
            Err(failure) => {
                console_error!("publishing: {}", failure.message);
                if let Some(Err(failure)) =
                    self.store.borrow().as_ref().map(|store| store.record_failure(&failure.message))
                {
                    console_error!("publishing: {}", failure.message);
                }
                Some(http::now().millis().saturating_add(RETRY_MS))
            }
        };
        self.holds.set(false);
        if let Some(next) = next {
            // An alarm in the past would fire at once and starve requests.
            let at = next.max(http::now().millis().saturating_add(PUBLISH_AFTER_MS));
            // The platform retries an alarm that fails.
            self.wake_at(at).map_err(|failure| worker::Error::RustError(failure.message.clone()))?;
        }
        Response::empty()
    }

    async fn fetch(&self, mut request: worker::Request) -> Result<Response> {
        let now = http::now();
        // Not `request.method()`: that takes every method it does not know for GET.
        let method = request.inner().method();
        let head = method == "HEAD";
        let url = request.inner().url();
        let (path, query) = http::path_and_query(&url);
        let header = |name: &str| request.headers().get(name).ok().flatten();
        let (content_type, by, key) =
            (header("content-type"), header(BY).unwrap_or_default(), header("idempotency-key"));
        let (if_match, if_none_match) = (header("if-match"), header("if-none-match"));
        let preconditions = Preconditions { if_match: if_match.as_deref(), if_none_match: if_none_match.as_deref() };
        let presented = Presented::of(header("authorization").as_deref(), header("x-api-key").as_deref());
        let dialect = Dialect::of(path, presented);
        let refuse = |failure: ApiError| Answer::refusal(dialect, &failure).respond(head);
        let store = match self.open() {
            Ok(store) => store,
            Err(failure) => return refuse(failure),
        };
        let store = &store;
        let asked = Request {
            method: if head { "GET" } else { &method },
            path,
            query,
            presented,
            content_type: content_type.as_deref(),
            preconditions,
            body: &[],
        };
        let found = match Found::of(&asked) {
            Ok(found) => found,
            Err(failure) => return refuse(failure),
        };
        match found.handler() {
            Some(Handler::Readiness) => {
                let answer = ready(store, &self.env, now);
                return answer.unwrap_or_else(|f| Answer::refusal(dialect, &f)).respond(head);
            }
            Some(Handler::Export) => return export::respond(store, header("accept").as_deref(), head),
            Some(Handler::Import) => {
                let (written, holds) = (|| self.written(), || self.holds.get());
                let applies_stale = match applies_stale(&asked) {
                    Ok(applies_stale) => applies_stale,
                    Err(failure) => return refuse(failure),
                };
                let writer = import::Writer {
                    storage: &self.storage,
                    store,
                    now,
                    by: &by,
                    applies_stale,
                    written: &written,
                    holds: &holds,
                };
                let _under_way = UnderWay::of(&self.imports);
                return writer.take(&mut request, key).await?.respond(false);
            }
            Some(Handler::ImportProgress) => return import::state(found.param(0), store).respond(head),
            _ => {}
        }
        // The Worker has already received the whole body.
        let body = match http::body(&request, found.body_limit(), Room::Object, &by).await {
            Ok(body) => body,
            Err(failure) => return refuse(failure),
        };
        let bytes = body.bytes();
        drop(body);
        let asked = Request { body: &bytes, ..asked };
        let answered = match found.handler() {
            Some(Handler::Check(form)) => match CheckRequest::read(form, &asked, found.param(0)) {
                Ok(checks) => checks::answer(checks, store.as_ref(), now).await,
                Err(failure) => Err(failure),
            },
            Some(Handler::PublishManifest) => Ok(snapshots::take_manifest(&self.env, store, &bytes, now).await),
            _ => {
                // Nothing is awaited from here on.
                let mut context = Context { now, ids: Ids::new(now, http::seed()?), by };
                self.write(&asked, key.as_deref(), store, &mut context)
            }
        };
        answered.unwrap_or_else(|f| Answer::refusal(dialect, &f)).respond(head)
    }
}

impl Catalog {
    /// The database, opened if necessary.
    fn open(&self) -> std::result::Result<Rc<Sql>, ApiError> {
        if let Some(store) = &*self.store.borrow() {
            return Ok(Rc::clone(store));
        }
        let store = Sql::open(self.sql.clone(), self.storage.clone()).map(Rc::new).map_err(|error| {
            console_error!("the database cannot be opened: {}", error.to_string());
            ApiError::new(ErrorKind::Unavailable, "the catalog cannot be opened; ask again")
        })?;
        self.store.replace(Some(Rc::clone(&store)));
        // The alarm may be lost: setting it failed, or an earlier deployment could not publish.
        if self.wakes_at.get().is_none() && store.version()? != 0 {
            self.written();
        }
        Ok(store)
    }

    /// Sets the alarm to publish a write. Called in the turn of the write, so both are stored or neither.
    fn written(&self) {
        if Kv::of(&self.env).is_some() {
            let woken = self.wake_at(http::now().millis().saturating_add(PUBLISH_AFTER_MS));
            if let Err(failure) = woken {
                console_error!("publishing: {}", failure.message);
            }
        }
    }

    fn wake_at(&self, at: i64) -> std::result::Result<(), ApiError> {
        // An overdue alarm may be lost: the platform gives up after a few failures.
        let overdue = http::now().millis().saturating_sub(OVERDUE_MS);
        if self.wakes_at.get().is_some_and(|earlier| earlier <= at && overdue < earlier) {
            return Ok(());
        }
        self.storage.wake_at(at)?;
        self.wakes_at.set(Some(at));
        Ok(())
    }

    /// Publishes pending changes and returns the time of the next run, or `None` without a KV namespace.
    async fn publish(&self) -> std::result::Result<Option<i64>, ApiError> {
        let Some(kv) = Kv::of(&self.env) else { return Ok(None) };
        let store = self.open()?;
        let (settings, _) = Settings::read(&self.env);
        let secret = settings.signing_key.as_deref();
        let secret = secret.ok_or_else(|| {
            ApiError::internal(
                "there is no SNAPSHOT_SIGNING_KEY; `mayuse keygen` makes one, `npx wrangler secret put` sets it",
            )
        })?;
        let signer =
            Signer::read(secret).await.map_err(|said| ApiError::internal(format!("SNAPSHOT_SIGNING_KEY: {said}")))?;
        let taken = store.taken()?;
        if taken.is_on_its_way(http::now().millis()) {
            // It could arrive after a manifest published here and replace it.
            return Ok(Some(taken.until));
        }
        let publishing = Publishing {
            storage: &self.storage,
            store: &store,
            kv: &kv,
            signer: &signer,
            settings: &settings,
            imports: &self.imports,
            holds: &self.holds,
            since: &self.since,
        };
        publishing.run().await.map(Some)
    }

    /// Answers a catalog request. Its changes are stored before the answer.
    fn write(
        &self,
        asked: &Request<'_>,
        key: Option<&str>,
        store: &Rc<Sql>,
        context: &mut Context,
    ) -> std::result::Result<Answer, ApiError> {
        let key = key.filter(|_| has_key(asked));
        if key.is_some_and(|key| key.is_empty() || 255 < key.len()) {
            return Err(ApiError::field("Idempotency-Key", "expected 1 to 255 characters"));
        }
        let print = key.map(|_| fingerprint(asked)).unwrap_or_default();
        if let Some(key) = key
            && let Some(recorded) = store.recorded(&context.by, key)?
        {
            let answer = Answer::from(replay(recorded, &print)?);
            return Ok(answer.with("idempotent-replayed", true).with(VERSION, store.version()?));
        }
        let Outcome { reply, changes } = answer(asked, store.as_ref(), context);
        let key = key.filter(|_| reply.status < 300);
        if changes.is_empty() && key.is_none() {
            return Ok(Answer::from(reply).with(VERSION, store.version()?));
        }
        let (now, by) = (context.now, context.by.as_str());
        let version = self.storage.transaction(|| {
            // An answer without changes, such as archiving an archived add-on, is recorded too.
            let version = if changes.is_empty() { store.version()? } else { store.apply(&changes, now, by)? };
            if let Some(key) = key {
                let recorded = Recorded { fingerprint: print.clone(), reply: reply.clone() };
                store.record(by, key, &recorded, now)?;
            }
            Ok(version)
        })?;
        if !changes.is_empty() {
            self.written();
        }
        Ok(Answer::from(reply).with(VERSION, version))
    }
}

/// Counts an import as running until it is dropped.
struct UnderWay<'c>(&'c Cell<u32>);

impl<'c> UnderWay<'c> {
    fn of(count: &'c Cell<u32>) -> UnderWay<'c> {
        count.set(count.get().saturating_add(1));
        UnderWay(count)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}

/// The readiness report: the stored version, the published version, and the reason for a delay.
fn ready(store: &Rc<Sql>, env: &Env, now: Instant) -> std::result::Result<Answer, ApiError> {
    let state = store.state()?;
    let mut fields: Vec<(&str, Value)> =
        vec![("snapshot_version", state.version.into()), ("published_version", state.published.into())];
    let mut status = "ok";
    if Kv::of(env).is_some() {
        let (n_failing, failing) = store.failing()?;
        let instant = |ms: i64| Value::from(Instant::from_millis(ms).filter(|_| ms != 0).map(|at| at.to_string()));
        fields.push(("published_at", instant(state.published_as_of)));
        fields.push(("waiting_keys", state.n_dirty.into()));
        fields.push(("failing_shards", n_failing.into()));
        let heartbeat_ms = Settings::read(env).0.heartbeat_ms;
        if let Health::Degraded(since) =
            health(&state, failing.as_ref().map(|failing| failing.0), heartbeat_ms, now.millis())
        {
            status = "degraded";
            let why = store.failure()?.or_else(|| failing.map(|failing| failing.1));
            fields.push(("since", instant(since)));
            fields.push(("reason", why.unwrap_or_else(|| "nothing was published".to_owned()).into()));
        }
    }
    Ok(Answer::json(200, &JsonValue(&object(&mut std::iter::once(("status", status.into())).chain(fields)))))
}
