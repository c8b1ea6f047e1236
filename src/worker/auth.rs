//! Authentication: API keys, their scopes and their rate limits.

use crate::http::Work;
use crate::js;
use mayuse_dialects::{ApiError, Dialect, ErrorKind, Key, Keys, Scope, is_same_key};
use std::cell::{OnceCell, RefCell};
use worker::js_sys::futures::JsFuture;
use worker::js_sys::{Function, Object, Promise, Reflect};
use worker::wasm_bindgen::{JsCast, JsValue};
use worker::{Env, console_error};

/// The period of the rate limits in `wrangler.toml`, sent as `retry-after`.
const PERIOD_S: u32 = 10;

thread_local! {
    static GATE: OnceCell<Auth> = const { OnceCell::new() };
}

/// The header by which `scripts/front.mjs` proves that a request came through it.
const PASS: &str = "x-mayuse-local";

/// The headers of a request.
pub type Header<'h> = &'h dyn Fn(&str) -> Option<String>;

/// The rate class of requests without a valid key.
pub const ANONYMOUS: &str = "anonymous";

/// The part of the environment that the first request caches. The environment of a deployment does not
/// change, and a new deployment starts new isolates.
#[derive(Debug)]
struct Auth {
    keys: Result<Keys, String>,
    /// The same keys and the demo key, for local requests. Only present if `LOCAL_RUN` is set.
    local: Option<(Keys, String)>,
    /// Whether `PANIC_ROUTE` is bound: then a test can cause a panic by the query `panic`.
    may_panic: bool,
    /// The headers with which a request last was allowed to check. Hashing a key takes longer than a decision, and
    /// most requests to an isolate have the same key.
    last: RefCell<Option<Presented>>,
}

/// The headers that may have a key.
#[derive(Debug)]
struct Presented {
    authorization: Option<String>,
    x_api_key: Option<String>,
}

impl Presented {
    /// Whether a request has the same headers, told in a time that says nothing about where they differ.
    fn is(&self, authorization: Option<&str>, x_api_key: Option<&str>) -> bool {
        let is_same = |one: Option<&str>, other: Option<&str>| is_same_key(one.unwrap_or(""), other.unwrap_or(""));
        is_same(self.authorization.as_deref(), authorization) & is_same(self.x_api_key.as_deref(), x_api_key)
    }
}

impl Auth {
    fn of(env: &Env) -> Auth {
        let keys = read(env);
        let local = keys.as_ref().ok().zip(env.var("LOCAL_RUN").ok()).map(|(keys, pass)| {
            let mut local = keys.clone();
            local.extend(Keys::demo());
            (local, pass.to_string())
        });
        Auth { keys, local, may_panic: env.var("PANIC_ROUTE").is_ok(), last: RefCell::default() }
    }

    /// The keys that are valid for a request. The demo key is valid if `LOCAL_RUN` is set and the request is to this
    /// machine, not from another host's page. In a deployment the request is never local. A page can point its own
    /// host name at this machine, and a proxy can hide that name: so the proxy must present the value of `LOCAL_RUN`
    /// if that is not `1`.
    fn keys(&self, url: &str, header: Header<'_>) -> Result<&Keys, ApiError> {
        let is_absent_or_local = |name: &str| header(name).is_none_or(|found| is_local(&found));
        let is_from_here = |pass: &str| {
            is_local(url)
                && is_absent_or_local("host")
                && is_absent_or_local("origin")
                && header("mf-original-url").is_none()
                && (pass == "1" || header(PASS).as_deref() == Some(pass))
        };
        match &self.local {
            Some((local, pass)) if is_from_here(pass) => Ok(local),
            _ => self.keys.as_ref().map_err(|problem| ApiError::new(ErrorKind::Unavailable, problem.clone())),
        }
    }
}

/// Identifies the key of a request among those in the secret `API_KEYS`.
pub fn identify(
    env: &Env,
    url: &str,
    header: Header<'_>,
    dialect: Dialect,
    authorization: Option<&str>,
    x_api_key: Option<&str>,
) -> Result<Key, ApiError> {
    GATE.with(|gate| {
        gate.get_or_init(|| Auth::of(env)).keys(url, header)?.identify(dialect, authorization, x_api_key).cloned()
    })
}

/// Whether a request may check, judged by the cached environment. False until a first request has
/// filled that cache.
pub fn may_ask(url: &str, header: Header<'_>, authorization: Option<&str>, x_api_key: Option<&str>) -> bool {
    let may = |gate: &Auth| {
        // Which keys are valid differs between the requests of a local run.
        let is_known =
            gate.local.is_none() && gate.last.borrow().as_ref().is_some_and(|last| last.is(authorization, x_api_key));
        if is_known {
            return Some(());
        }
        let key = gate.keys(url, header).ok()?.identify(Dialect::Native, authorization, x_api_key).ok()?;
        key.require(Scope::Check).ok()?;
        let presented =
            Presented { authorization: authorization.map(str::to_owned), x_api_key: x_api_key.map(str::to_owned) };
        gate.last.replace(Some(presented));
        Some(())
    };
    GATE.with(|gate| gate.get().and_then(may).is_some())
}

/// Panics on the way of an answer from memory, if a test bound `PANIC_ROUTE`. Only a query that cannot be read
/// gets here, so no answer pays for it.
pub fn panic_if_asked(query: &str) {
    let may_panic = query == "panic" && GATE.with(|gate| gate.get().is_some_and(|gate| gate.may_panic));
    #[expect(clippy::panic, reason = "its only purpose")]
    if may_panic {
        panic!("asked to panic");
    }
}

fn read(env: &Env) -> Result<Keys, String> {
    let Ok(table) = env.var("API_KEYS") else { return Ok(Keys::default()) };
    Keys::read(&table.to_string()).map_err(|problems| {
        console_error!("API_KEYS cannot be used: {}", problems.to_string());
        "the table of keys cannot be used; the log says why".to_owned()
    })
}

/// Whether a URL, or a host with or without a port, names this machine.
fn is_local(url: &str) -> bool {
    let host = url.split_once("://").map_or(url, |(_, rest)| rest).split(['/', '?', '#']).next().unwrap_or_default();
    // In an IPv6 address without a port, the last colon belongs to the address.
    let is_port = |port: &&str| port.bytes().all(|byte| byte.is_ascii_digit());
    let name = host.rsplit_once(':').filter(|(_, port)| is_port(port)).map_or(host, |(name, _)| name);
    ["localhost", "127.0.0.1", "[::1]"].contains(&name)
}

/// Counts a request against the limit of its key's class. The binding is `RATE_LIMIT_` and the class
/// in capitals; a class without a binding is unlimited.
pub fn limit<'w>(env: &'w Env, class: &'w str, name: String) -> Work<'w, ()> {
    Box::pin(count(env, class, name))
}

async fn count(env: &Env, class: &str, name: String) -> Result<(), ApiError> {
    let binding = format!("RATE_LIMIT_{}", class.to_ascii_uppercase());
    let bound = Reflect::has(env, &JsValue::from_str(&binding)).unwrap_or_default();
    if !bound {
        return Ok(());
    }
    match is_within(env, &binding, &name).await {
        Ok(false) => {
            let message = format!("too many requests; try again in {PERIOD_S} seconds");
            Err(ApiError::new(ErrorKind::TooManyRequests(PERIOD_S), message))
        }
        Ok(true) => Ok(()),
        Err(error) => {
            // A limiter that is down must not stop answers.
            console_error!("{binding} does not answer: {}", js::said(&error));
            Ok(())
        }
    }
}

/// Counts one request as `n` requests, by its cost.
pub async fn limit_by(env: &Env, class: &str, name: &str, n: usize) -> Result<(), ApiError> {
    for _ in 0..n {
        limit(env, class, name.to_owned()).await?;
    }
    Ok(())
}

/// Asks a limiter directly: the `worker` crate would add a serializer and a deserializer for one field each.
async fn is_within(env: &Env, binding: &str, name: &str) -> Result<bool, JsValue> {
    let limiter = Reflect::get(env, &binding.into())?;
    let limit: Function = Reflect::get(&limiter, &"limit".into())?.dyn_into()?;
    let options = Object::new();
    Reflect::set(&options, &"key".into(), &name.into())?;
    let answer: Promise = limit.call1(&limiter, &options)?.dyn_into()?;
    let outcome = JsFuture::from(answer).await?;
    Reflect::get(&outcome, &"success".into())?.as_bool().ok_or(outcome)
}
