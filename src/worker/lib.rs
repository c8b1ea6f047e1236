//! The Worker: the core behind HTTP.
//!
//! Reading order: `http` is what a request and an answer are here, `routes` which question a
//! request asks, `snapshot` what it is answered from. This file joins them to the platform.

#![forbid(unsafe_code)]

mod http;
mod routes;
mod snapshot;

use futures_util::StreamExt;
use http::{Answer, Refusal, Request};
use mayuse_core::Instant;
use worker::{Context, Env, Headers, Method, Response, Result, event};

/// Answers a request.
#[event(fetch)]
async fn fetch(mut request: worker::Request, env: Env, _: Context) -> Result<Response> {
    // The clock is read once, so that one request knows one time.
    let now = now();
    let method = request.method();
    // Not `request.url()`: that parses with a library three times the size of all of this.
    let url = request.inner().url();
    let (path, query) = http::path_and_query(&url);
    panic_if_asked(path, &env);
    let content_type = request.headers().get("content-type").ok().flatten();
    let answer = match body(&mut request, &method, path).await {
        Ok(body) => {
            let request = Request {
                method: if method == Method::Head { "GET" } else { method.as_ref() },
                path,
                query,
                content_type: content_type.as_deref(),
                body: &body,
            };
            snapshot::with(&env, |held| routes::answer(&request, held, now))
        }
        Err(refusal) => refusal.into(),
    };
    respond(answer, method == Method::Head)
}

/// The body, up to what its route takes. What is longer is not read to its end.
async fn body(request: &mut worker::Request, method: &Method, path: &str) -> std::result::Result<Vec<u8>, Refusal> {
    if *method != Method::Post {
        return Ok(Vec::new());
    }
    let limit = routes::body_limit(path);
    let announced = request.headers().get("content-length").ok().flatten().and_then(|n| n.parse::<usize>().ok());
    if announced.is_some_and(|n| limit < n) {
        return Err(Refusal::too_large(limit));
    }
    let mut body = Vec::with_capacity(announced.unwrap_or_default());
    // A request without a body has no stream.
    let Ok(mut stream) = request.stream() else { return Ok(body) };
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|_| Refusal::interrupted())?;
        if limit < body.len().saturating_add(chunk.len()) {
            return Err(Refusal::too_large(limit));
        }
        body.extend(chunk);
    }
    Ok(body)
}

fn respond(answer: Answer, head: bool) -> Result<Response> {
    let headers = Headers::new();
    headers.set("content-type", answer.content_type)?;
    headers.set("cache-control", "no-store")?;
    if let Some(allow) = answer.allow {
        headers.set("allow", allow)?;
    }
    let response = if head { Response::empty()? } else { Response::from_bytes(answer.body)? };
    Ok(response.with_headers(headers).with_status(answer.status))
}

fn now() -> Instant {
    #[expect(clippy::cast_possible_truncation, reason = "saturates, and 2^53 milliseconds are 285,000 years")]
    let ms = js_sys::Date::now() as i64;
    Instant::from_millis(ms).unwrap_or(Instant::MAX)
}

/// Panics where a test bound `PANIC_ROUTE`, so that recovery can be tested on what is shipped.
/// No deployment binds it.
fn panic_if_asked(path: &str, env: &Env) {
    #[expect(clippy::panic, reason = "its only purpose")]
    if path == "/panic" && env.var("PANIC_ROUTE").is_ok() {
        panic!("asked to panic");
    }
}
