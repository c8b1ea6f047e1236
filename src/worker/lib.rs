//! The Worker: the catalogue and the core behind HTTP.
//!
//! Reading order: `http` is what a request and an answer are here, `gate` who is let in, `catalog`
//! the object that holds everything, `transaction` and `sql` how it stores it, `checks` the
//! questions, `import` and `export` the catalogue as a whole. This file is the way in.

#![forbid(unsafe_code)]

mod http;
mod gate;
mod transaction;
mod sql;
mod catalog;
mod checks;
mod import;
mod export;

use http::Answer;
use mayuse_dialects::{Dialect, Failure, Ids, Key, Why, scope_of};
use serde_json::json;
use worker::{Context, Env, Method, Response, Result, console_error, console_log, event, js_sys, worker_sys::web_sys};

const OPENAPI: &str = include_str!("../../openapi.json");

/// The object's name: there is one catalogue.
const CATALOG: &str = "catalog";

/// For how long a question may wait for the catalogue, and a write of one entity.
const ANSWER_WITHIN_MS: u32 = 20_000;

/// Answers a request: lets it in, and hands it to the catalogue.
#[event(fetch)]
async fn fetch(request: worker::Request, env: Env, _: Context) -> Result<Response> {
    let now = http::now();
    let method = request.method();
    // Not `request.url()`: that parses with a library three times the size of all of this.
    let url = request.inner().url();
    let (path, _) = http::path_and_query(&url);
    panic_if_asked(path, &env);
    let request_id = match request.headers().get("cf-ray").ok().flatten() {
        Some(ray) => ray,
        None => Ids::new(now, http::seed()?).next("req_"),
    };
    let (response, by) = match let_in(&request, &env, &url, path).await {
        Ok(None) => (anonymous(&method, path, &env, request, &request_id).await?, String::new()),
        Ok(Some(key)) => (forward(&request, &env, &key.name, &request_id).await?, key.name),
        Err(failure) => {
            let answer = Answer::refusal(Dialect::of(path), &failure).with("x-request-id", &request_id);
            (answer.respond(method == Method::Head)?, String::new())
        }
    };
    let ms = js_sys::Date::now().max(0.0) - now.millis() as f64;
    let status = response.status_code();
    let line = json!({
        "request_id": request_id, "key": by, "method": method.as_ref(), "path": path, "status": status, "ms": ms,
    });
    console_log!("{line}");
    Ok(response)
}

/// The key of a request; none where everybody may read.
async fn let_in(
    request: &worker::Request,
    env: &Env,
    url: &str,
    path: &str,
) -> std::result::Result<Option<Key>, Failure> {
    let Some(scope) = scope_of(request.method().as_ref(), path) else { return Ok(None) };
    let header = |name: &str| request.headers().get(name).ok().flatten();
    let (authorization, x_api_key) = (header("authorization"), header("x-api-key"));
    let dialect = Dialect::of(path);
    match gate::admit(env, url, dialect, scope, authorization.as_deref(), x_api_key.as_deref()) {
        Ok(key) => {
            gate::limit(env, &key.class, key.name.clone()).await?;
            Ok(Some(key))
        }
        Err(failure) => {
            // Guessing is limited too, by where it comes from.
            if failure.why == Why::Unauthorized {
                gate::limit(env, "anonymous", header("cf-connecting-ip").unwrap_or_default()).await?;
            }
            Err(failure)
        }
    }
}

/// What needs no key.
async fn anonymous(
    method: &Method,
    path: &str,
    env: &Env,
    request: worker::Request,
    request_id: &str,
) -> Result<Response> {
    let answer = match path {
        "/readyz" => return forward(&request, env, "", request_id).await,
        "/openapi.json" => Answer {
            status: 200,
            headers: vec![("content-type", "application/json".to_owned())],
            body: OPENAPI.as_bytes().to_vec(),
        },
        _ => Answer::json(200, &json!({"status": "ok"})),
    };
    answer.with("x-request-id", request_id).respond(*method == Method::Head)
}

/// Hands a request to the catalogue, together with who asks.
async fn forward(request: &worker::Request, env: &Env, by: &str, request_id: &str) -> Result<Response> {
    let headers = web_sys::Headers::new_with_headers(&request.inner().headers())?;
    headers.set(http::BY, by)?;
    let init = web_sys::RequestInit::new();
    init.set_headers(&headers);
    let url = request.inner().url();
    let (path, _) = http::path_and_query(&url);
    // A panic over there leaves what it was busy with without an answer. The whole catalogue takes as long as it takes.
    if !matches!(path, "/v1/catalog" | "/v1/catalog/import") {
        init.set_signal(Some(&web_sys::AbortSignal::timeout_with_u32(ANSWER_WITHIN_MS)));
    }
    let method = request.method();
    let request = web_sys::Request::new_with_request_and_init(request.inner(), &init)?;
    let stub = env.durable_object("CATALOG")?.id_from_name(CATALOG)?.get_stub()?;
    let response = match stub.fetch_with_request(request.into()).await {
        Ok(response) => response,
        Err(error) => {
            console_error!("{request_id}: the catalogue does not answer: {}", error.to_string());
            let message = "the catalogue does not answer; ask again, where something is created with the same \
                           Idempotency-Key";
            let answer = Answer::refusal(Dialect::of(path), &Failure::new(Why::Unavailable, message));
            return answer.with("x-request-id", request_id).respond(method == Method::Head);
        }
    };
    // An answer of another Worker is read-only; its body is passed on as it is.
    let headers = response.headers().clone();
    headers.set("x-request-id", request_id)?;
    Ok(response.with_headers(headers))
}

/// Panics where a test bound `PANIC_ROUTE`, so that recovery can be tested on what is shipped.
/// No deployment binds it.
fn panic_if_asked(path: &str, env: &Env) {
    #[expect(clippy::panic, reason = "its only purpose")]
    if path == "/panic" && env.var("PANIC_ROUTE").is_ok() {
        panic!("asked to panic");
    }
}
