//! The Worker: serves the catalog and its checks over HTTP.
//!
//! The `mod` lines are the reading order. `isolate` decides from the replica, and `sync_check` is its fast path,
//! which `shim.mjs` calls first; `rpc.mjs` does for service bindings. `catalog` is the Durable Object, and the `sql` modules are its database.
//! `publish` and `sql_ledger` publish snapshots into `kv`. This file is the entry point.

#![forbid(unsafe_code)]

mod js;
mod http;
mod auth;
mod settings;
mod crypto;

mod checks;
mod kv;
mod isolate;
mod sync_check;

mod transaction;
mod sql_row;
mod sql_schema;
mod sql;
mod sql_requests;
mod sql_bounds;
mod sql_ledger;
mod sql_taken;
mod snapshots;
mod import;
mod export;
mod publish;
mod catalog;

use checks::{CheckRequest, Decided};
use http::{Answer, Body, Room};
use isolate::Outcome;
use mayuse_core::{Instant, WriteJson};
use mayuse_dialects::{
    ApiError, Dialect, ErrorKind, Found, Handler, Ids, JsonValue, Key, Preconditions, Presented, Program, RateClass,
    Request, SMALL, object, scope_of,
};
use mayuse_snapshot::{Asking, Event};
use settings::CATALOG;
use worker::wasm_bindgen::{self, JsCast, JsValue, prelude::wasm_bindgen};
use worker::worker_sys::{self, web_sys};
use worker::{Context, Env, Response, Result, console_error, console_log, event};

/// The facts that only this program can report.
const PROGRAM: Program = Program { manifest_format: mayuse_snapshot::MANIFEST_FORMAT };

/// The timeout for the Durable Object to answer a check or a write of one entity.
const ANSWER_WITHIN_MS: u32 = 20_000;

/// Authenticates a request, and answers it here or forwards it to the Durable Object.
#[event(fetch)]
async fn fetch(request: worker::Request, env: Env, context: Context) -> Result<Response> {
    handle(request, env, context, None).await
}

/// Answers a check that another Worker of the account asks through its service binding. `rpc.mjs` calls it: such a
/// request has no key, because only a binding reaches it.
///
/// # Errors
/// An error of the platform.
#[wasm_bindgen(
    js_name = fetchBound,
    js_sys = worker::js_sys,
    wasm_bindgen_futures = worker::wasm_bindgen_futures
)]
pub async fn fetch_bound(
    request: web_sys::Request,
    env: Env,
    context: worker_sys::Context,
) -> std::result::Result<web_sys::Response, JsValue> {
    let response = handle(request.into(), env, Context::new(context), Some(Key::of_binding())).await;
    Ok(response?.into())
}

/// Answers a request. `caller` is known already, or is identified by the request's key.
async fn handle(request: worker::Request, env: Env, context: Context, caller: Option<Key>) -> Result<Response> {
    let now = http::now();
    let arrived = IncomingRequest {
        // Not `request.method()`: that takes every method it does not know for GET.
        method: request.inner().method(),
        // Not `request.url()`: that parses with a library three times the size of all of this.
        url: request.inner().url(),
        id: id_of(&request, now),
        now,
    };
    let path = arrived.path();
    let (presented, mut by) = (presented(&request), String::new());
    let response = match arrived.serve(&request, &env, caller, &mut by).await {
        Ok(response) => Ok(response),
        Err(failure) => arrived.respond(Answer::refusal(Dialect::of(path, presented), &failure)),
    };
    if isolate::is_due(now) {
        // The refresh runs after the response.
        context.wait_until(isolate::refresh(now));
    }
    let ms = http::now().millis().saturating_sub(now.millis());
    let status = response.as_ref().map_or(500, Response::status_code);
    let line = object(
        &mut [
            ("request_id", arrived.id.as_str().into()),
            ("key", by.into()),
            ("method", arrived.method.as_str().into()),
            ("path", path.into()),
            ("status", u64::from(status).into()),
            ("ms", ms.into()),
        ]
        .into_iter(),
    );
    console_log!("{}", JsonValue(&line).to_json());
    response
}

/// The form in which a request presents its key.
fn presented(request: &worker::Request) -> Presented {
    let header = |name: &str| request.headers().get(name).ok().flatten();
    Presented::of(header("authorization").as_deref(), header("x-api-key").as_deref())
}

/// The id of a request in the log and in its response: the platform's, else a new one.
fn id_of(request: &worker::Request, now: Instant) -> String {
    let ray = request.headers().get("cf-ray").ok().flatten();
    // On other platforms the client chooses this header.
    let is_header = |ray: &String| (1..=64).contains(&ray.len()) && ray.bytes().all(|byte| byte.is_ascii_graphic());
    ray.filter(is_header).unwrap_or_else(|| Ids::new(now, http::seed().unwrap_or_default()).next("req_"))
}

/// An incoming request.
struct IncomingRequest {
    method: String,
    url: String,
    id: String,
    now: Instant,
}

impl IncomingRequest {
    fn path(&self) -> &str {
        http::path_and_query(&self.url).0
    }

    fn respond(&self, answer: Answer) -> Result<Response> {
        answer.with("x-request-id", &self.id).respond(self.method == "HEAD")
    }

    /// Answers the request and sets `by` to the name of its key. A request is counted before it
    /// reaches the Durable Object.
    async fn serve(
        &self,
        request: &worker::Request,
        env: &Env,
        caller: Option<Key>,
        by: &mut String,
    ) -> std::result::Result<Response, ApiError> {
        let path = self.path();
        let header = |name: &str| request.headers().get(name).ok().flatten();
        let address = || header("cf-connecting-ip").unwrap_or_default();
        let (content_type, presented) = (header("content-type"), presented(request));
        let found = Found::of(&self.request(presented, None, &[]));
        let rate = found.as_ref().map_or(RateClass::Key, Found::rate);
        if found.as_ref().is_ok_and(|found| found.route.is_none()) {
            panic_if_asked(path, env);
        }
        let Some(scope) = scope_of(&self.method, path) else {
            let found = found?;
            if rate == RateClass::Address {
                auth::limit(env, auth::ANONYMOUS, address()).await?;
            }
            let answer = match found.handler() {
                Some(Handler::Program(answer)) => Answer::json(200, &JsonValue(&answer(&PROGRAM))),
                Some(Handler::Description) => described(path, env).await?,
                _ => return self.ask(request, &found, None, env, by).await.map_err(|error| self.broken(&error)),
            };
            return self.respond(answer).map_err(|error| self.broken(&error));
        };
        let (authorization, x_api_key, address) = (header("authorization"), header("x-api-key"), address());
        let dialect = Dialect::of(path, presented);
        let identified = caller.map_or_else(
            || auth::identify(env, &self.url, &header, dialect, authorization.as_deref(), x_api_key.as_deref()),
            Ok,
        );
        let key = match identified {
            Ok(key) => key,
            Err(failure) => {
                // Guessing keys is limited by address.
                if failure.kind == ErrorKind::Unauthorized {
                    auth::limit(env, auth::ANONYMOUS, address).await?;
                }
                return Err(failure);
            }
        };
        by.clone_from(&key.name);
        let count = |n| auth::limit_by(env, &key.class, &key.name, n);
        let is_question = rate == RateClass::Question;
        // A check that memory answers costs other clients nothing, so it is not counted unless its body is large.
        // Every other request is counted before its body is read.
        let announced = || header("content-length").and_then(|n| n.parse::<usize>().ok());
        let is_small = self.is_read() || announced().is_some_and(|n| n <= SMALL as usize);
        let is_fine = key.require(scope).and_then(|()| if self.is_read() { Ok(()) } else { http::is_plain(request) });
        let mut n_counted = 0;
        if !is_question || !is_small || is_fine.is_err() {
            count(1).await?;
            n_counted = 1;
        }
        is_fine?;
        let found = found?;
        let Some(Handler::Check(form)) = found.handler() else {
            if let Some(answer) = snapshots::answer(&found, request, env, by, self.now).await? {
                return self.respond(answer).map_err(|error| self.broken(&error));
            }
            return self.forward(request, &found, env, by).await;
        };
        let asked = match http::body(request, found.body_limit(), Room::Worker, by).await {
            Ok(body) => {
                let bytes = body.bytes();
                let request = self.request(presented, content_type.as_deref(), &bytes);
                CheckRequest::read(form, &request, found.param(0)).map(|asked| (asked, body))
            }
            Err(failure) => Err(failure),
        };
        let (asked, body) = match asked {
            Ok(asked) => asked,
            Err(failure) => {
                count(1_usize.saturating_sub(n_counted)).await?;
                return Err(failure);
            }
        };
        let (asking, is_answered) = isolate::ask(&asked, self.now);
        let answers = if is_answered {
            asking.into_answers()
        } else {
            count(asked.weight().saturating_sub(n_counted)).await?;
            match self.answer(asking, &found, &body, request, env, by).await? {
                Ok(answers) => answers,
                Err(response) => return Ok(response),
            }
        };
        self.respond(asked.answer(answers)?).map_err(|error| self.broken(&error))
    }

    /// Answers questions from the replica, else from the Durable Object, else as indeterminate.
    async fn answer(
        &self,
        mut asking: Asking<'_, Decided>,
        found: &Found,
        body: &Body,
        request: &worker::Request,
        env: &Env,
        by: &str,
    ) -> std::result::Result<std::result::Result<Vec<Decided>, Response>, ApiError> {
        let outcome = isolate::answer(&mut asking, env, Event::Begin).await;
        if outcome == Outcome::Answered {
            return Ok(Ok(asking.into_answers()));
        }
        let body = (!self.is_read()).then_some(body);
        let answered = match self.ask(request, found, body, env, by).await {
            Ok(response) if response.status_code() < 500 => return Ok(Err(response)),
            answered => answered.map_err(|error| self.broken(&error)),
        };
        if outcome == Outcome::NoReplica {
            // The Durable Object's error says more than this isolate can.
            return answered.map(Err);
        }
        isolate::answer(&mut asking, env, Event::Unanswered).await;
        Ok(Ok(asking.into_answers()))
    }

    /// The request as the table of routes and the dialects read it.
    fn request<'r>(&'r self, presented: Presented, content_type: Option<&'r str>, body: &'r [u8]) -> Request<'r> {
        let (path, query) = http::path_and_query(&self.url);
        let preconditions = Preconditions::default();
        Request { method: self.method_read(), path, query, presented, content_type, preconditions, body }
    }

    fn method_read(&self) -> &str {
        if self.method == "HEAD" { "GET" } else { &self.method }
    }

    fn is_read(&self) -> bool {
        matches!(self.method.as_str(), "GET" | "HEAD")
    }

    /// Forwards the request to the Durable Object with the name of its key. The body is read here, except for an
    /// import, so that slow clients do not occupy the Durable Object.
    async fn forward(
        &self,
        request: &worker::Request,
        found: &Found,
        env: &Env,
        by: &str,
    ) -> std::result::Result<Response, ApiError> {
        let body = if self.is_read() || matches!(found.handler(), Some(Handler::Import)) {
            None
        } else {
            Some(http::body(request, found.body_limit(), Room::Worker, by).await?)
        };
        if found.route.is_none() {
            return Err(found.refusal(self.method_read()));
        }
        self.ask(request, found, body.as_ref(), env, by).await.map_err(|error| self.broken(&error))
    }

    async fn ask(
        &self,
        request: &worker::Request,
        found: &Found,
        body: Option<&Body>,
        env: &Env,
        by: &str,
    ) -> Result<Response> {
        // A panic of the Durable Object leaves requests unanswered, hence the timeout. Reading or replacing the whole
        // catalog has no limit.
        let ms = if found.is_whole() { 0 } else { ANSWER_WITHIN_MS };
        let body = body.map_or(JsValue::UNDEFINED, Body::shared);
        let answered = js::done(js::forward(env, CATALOG, request.inner(), http::BY, by, &self.id, &body, ms)).await;
        let response = answered.map_err(worker::Error::RustError)?;
        Ok(response.unchecked_into::<web_sys::Response>().into())
    }

    /// Logs the error and hides it from the client.
    fn broken(&self, error: &worker::Error) -> ApiError {
        console_error!("{}: the catalog does not answer: {}", self.id, error.to_string());
        let message = "the catalog does not answer; ask again, where something is created with the same \
                       Idempotency-Key";
        ApiError::new(ErrorKind::Unavailable, message)
    }
}

/// The description of the API. It is public.
async fn described(path: &str, env: &Env) -> std::result::Result<Answer, ApiError> {
    let asset = js::done(js::asset(env, path)).await.map_err(|said| {
        console_error!("{path}: {said}");
        ApiError::new(ErrorKind::Unavailable, "the description of the API cannot be read; ask again")
    })?;
    Ok(Answer::written(200, js::bytes(&asset)))
}

/// Panics if a test bound `PANIC_ROUTE`, so that recovery is tested on the shipped build. No deployment
/// binds it, and only a path without a route gets here.
fn panic_if_asked(path: &str, env: &Env) {
    #[expect(clippy::panic, reason = "its only purpose")]
    if path == "/panic" && env.var("PANIC_ROUTE").is_ok() {
        panic!("asked to panic");
    }
}
