//! Converts requests and answers between the platform and the routes.

use crate::js;
use mayuse_core::{Instant, WriteJson};
use mayuse_dialects::{ApiError, ApiResponse, Dialect, ErrorKind, JsonValue};
use std::pin::Pin;
use worker::wasm_bindgen::JsValue;
use worker::{Headers, Request, Response};

/// The header with the name of the authenticated key. The Worker replaces a client's value.
pub const BY: &str = "x-mayuse-key";

/// The header with the version that a write created.
pub const VERSION: &str = "x-snapshot-version";

/// The `retry-after` seconds for a body that did not fit into the memory budget.
const BUSY_S: u32 = 5;

/// An initial capacity that fits most answers, so that the buffer does not grow.
const USUAL: usize = 1024;

/// A response with its serialized body.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    /// A JSON response.
    pub fn json(status: u16, value: &impl WriteJson) -> Answer {
        let mut body = Vec::with_capacity(USUAL);
        value.write_json(&mut body);
        Answer::written(status, body)
    }

    /// A response whose body is already JSON.
    pub fn written(status: u16, body: Vec<u8>) -> Answer {
        Answer { status, headers: vec![("content-type", "application/json".to_owned())], body }
    }

    /// An error in the format of a dialect.
    pub fn refusal(dialect: Dialect, failure: &ApiError) -> Answer {
        Answer::from(dialect.refuse(failure))
    }

    /// Adds a header.
    pub fn with(mut self, name: &'static str, value: impl ToString) -> Answer {
        self.headers.push((name, value.to_string()));
        self
    }

    /// Converts this into the platform's response.
    pub fn respond(self, head: bool) -> worker::Result<Response> {
        let headers = Headers::new();
        headers.set("cache-control", "no-store")?;
        for (name, value) in self.headers {
            headers.set(name, &value)?;
        }
        let empty = head || self.body.is_empty();
        let response = if empty { Response::empty()? } else { Response::from_bytes(self.body)? };
        Ok(response.with_headers(headers).with_status(self.status))
    }
}

impl From<ApiResponse> for Answer {
    fn from(reply: ApiResponse) -> Self {
        let mut answer = match &reply.body {
            Some(body) => Answer::json(reply.status, &JsonValue(body)),
            None => Answer { status: reply.status, headers: Vec::new(), body: Vec::new() },
        };
        answer.headers.extend(reply.allow.map(|allow| ("allow", allow.to_string())));
        answer.headers.extend(reply.authenticate.map(|how| ("www-authenticate", how.to_owned())));
        answer.headers.extend(reply.etag.map(|version| ("etag", format!("\"{version}\""))));
        answer.headers.extend(reply.retry_after.map(|seconds| ("retry-after", seconds.to_string())));
        answer
    }
}

/// A boxed future. Boxing saves code size: a plain one is compiled again at each place that awaits it.
pub type Work<'w, T> = Pin<Box<dyn Future<Output = Result<T, ApiError>> + 'w>>;

/// A request body in JavaScript memory. It counts against the memory budget until it is dropped.
#[derive(Debug, Default)]
pub struct Body(JsValue);

impl Body {
    /// The bytes in JavaScript memory.
    pub fn shared(&self) -> JsValue {
        js::field(&self.0, "bytes")
    }

    /// A copy of the bytes in wasm memory.
    pub fn bytes(&self) -> Vec<u8> {
        if self.0.is_undefined() { Vec::new() } else { js::bytes(&self.shared()) }
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        if !self.0.is_undefined() {
            js::free_body(&self.0);
        }
    }
}

/// The memory budget that a body counts against.
#[derive(Clone, Copy, Debug)]
pub enum Room {
    Worker,
    Object,
}

/// Reads the body of a request by `who`. Stops reading beyond `limit`.
pub fn body<'w>(request: &'w Request, limit: usize, room: Room, who: &'w str) -> Work<'w, Body> {
    Box::pin(read_body(request, limit, room, who))
}

async fn read_body(request: &Request, limit: usize, room: Room, who: &str) -> Result<Body, ApiError> {
    if matches!(request.inner().method().as_str(), "GET" | "HEAD") {
        return Ok(Body::default());
    }
    let room = match room {
        Room::Worker => "worker",
        Room::Object => "object",
    };
    #[expect(clippy::cast_precision_loss, reason = "limits are a few megabytes")]
    let read = js::done(js::read_body(request.inner(), limit as f64, room, who)).await;
    let read = read.map_err(|said| ApiError::internal(format!("the body cannot be read: {said}")))?;
    match read.as_string().as_deref() {
        None => Ok(Body(read)),
        Some("large") => Err(ApiError::new(
            ErrorKind::TooLarge,
            format!("the body is larger than the {limit} bytes this path takes"),
        )),
        Some("busy") => Err(ApiError::new(
            ErrorKind::Busy(BUSY_S),
            "too many bodies are being read; send it again in a few seconds",
        )),
        Some("late") => {
            Err(ApiError::new(ErrorKind::RequestTimeout, "the body did not come within 30 seconds; send it again"))
        }
        Some(_) => Err(interrupted()),
    }
}

/// Refuses a body with a content encoding, because the Worker decodes none.
pub fn is_plain(request: &Request) -> Result<(), ApiError> {
    match request.headers().get("content-encoding").ok().flatten() {
        Some(encoding) if !encoding.trim().eq_ignore_ascii_case("identity") && !encoding.trim().is_empty() => {
            let message = "the body has a content-encoding, and none is taken; send it as it is";
            Err(ApiError::new(ErrorKind::UnsupportedMediaType, message))
        }
        _ => Ok(()),
    }
}

/// The error for a body that ends too early.
pub fn interrupted() -> ApiError {
    ApiError::new(ErrorKind::BadRequest, "the body ended before it was complete").code("BODY_INTERRUPTED")
}

/// Splits a URL into its path and its query.
pub fn path_and_query(url: &str) -> (&str, &str) {
    let after_scheme = url.split_once("://").map_or(url, |(_, rest)| rest);
    let after_host = after_scheme.find('/').and_then(|at| after_scheme.get(at..)).unwrap_or("/");
    let target = after_host.split_once('#').map_or(after_host, |(target, _)| target);
    target.split_once('?').unwrap_or((target, ""))
}

/// The current time. Read once per request, so that a request has one time.
pub fn now() -> Instant {
    #[expect(clippy::cast_possible_truncation, reason = "saturates, and 2^53 milliseconds are 285,000 years")]
    let ms = worker::js_sys::Date::now() as i64;
    Instant::from_millis(ms).unwrap_or(Instant::MAX)
}

/// Sixteen random bytes that seed the ids of a request.
pub fn seed() -> worker::Result<[u8; 16]> {
    use worker::js_sys::{Function, Reflect, Uint8Array, global};
    use worker::wasm_bindgen::JsCast;
    let crypto = Reflect::get(&global(), &"crypto".into())?;
    let fill: Function = Reflect::get(&crypto, &"getRandomValues".into())?.dyn_into()?;
    let bytes = Uint8Array::new_with_length(16);
    fill.call1(&crypto, &bytes)?;
    let mut seed = [0; 16];
    bytes.copy_to(&mut seed);
    Ok(seed)
}
