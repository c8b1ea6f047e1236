//! Who is let in: keys, their scopes, and how much each may ask.

use mayuse_dialects::{Dialect, Failure, Key, Keys, Why};
use std::cell::OnceCell;
use worker::wasm_bindgen::JsValue;
use worker::{Env, console_error};

/// After how many seconds to try again: the period of the rate limits in `wrangler.toml`.
const PERIOD_S: u32 = 10;

thread_local! {
    static KEYS: OnceCell<Result<Keys, String>> = const { OnceCell::new() };
}

/// What counts requests without a known key.
pub const ANONYMOUS: &str = "anonymous";

/// The key of a request.
///
/// The table is the secret `API_KEYS`. The demo key is added where the variable `LOCAL_RUN` is set
/// and the host is this machine: in a deployment the second is never true.
pub fn identify(
    env: &Env,
    url: &str,
    dialect: Dialect,
    authorization: Option<&str>,
    x_api_key: Option<&str>,
) -> Result<Key, Failure> {
    KEYS.with(|keys| {
        let keys = keys.get_or_init(|| read(env)).as_ref();
        let keys = keys.map_err(|problem| Failure::new(Why::Unavailable, problem.clone()))?;
        if is_local(env, url) {
            let mut keys = keys.clone();
            keys.extend(Keys::demo());
            return keys.identify(dialect, authorization, x_api_key).cloned();
        }
        keys.identify(dialect, authorization, x_api_key).cloned()
    })
}

fn read(env: &Env) -> Result<Keys, String> {
    let Ok(table) = env.var("API_KEYS") else { return Ok(Keys::default()) };
    Keys::read(&table.to_string()).map_err(|problems| {
        console_error!("API_KEYS cannot be used: {}", problems.to_string());
        "the table of keys cannot be used; the log says why".to_owned()
    })
}

fn is_local(env: &Env, url: &str) -> bool {
    let host = url.split_once("://").map_or(url, |(_, rest)| rest).split(['/', '?', '#']).next().unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    env.var("LOCAL_RUN").is_ok() && ["localhost", "127.0.0.1", "[::1]"].contains(&name)
}

/// Counts a request against the limit of its key's class: the binding `RATE_LIMIT_` and the class
/// in capitals. A class without a binding has no limit.
pub async fn limit(env: &Env, class: &str, name: String) -> Result<(), Failure> {
    let binding = format!("RATE_LIMIT_{}", class.to_ascii_uppercase());
    let bound = worker::js_sys::Reflect::has(env, &JsValue::from_str(&binding)).unwrap_or_default();
    if !bound {
        return Ok(());
    }
    let outcome = match env.rate_limiter(&binding) {
        Ok(limiter) => limiter.limit(name).await,
        Err(error) => Err(error),
    };
    match outcome {
        Ok(outcome) if !outcome.success => {
            let message = format!("too many requests; try again in {PERIOD_S} seconds");
            Err(Failure::new(Why::TooManyRequests(PERIOD_S), message))
        }
        Ok(_) => Ok(()),
        Err(error) => {
            // A limiter that is down must not take the answers down with it.
            console_error!("{binding} does not answer: {}", error.to_string());
            Ok(())
        }
    }
}
