//! Checks answered from memory, without waiting for anything.
//!
//! `shim.mjs` asks here first. Whatever is not plainly a good question with a good key gets no
//! answer here: it takes the way of every other request, which also says what is wrong with it.

use crate::auth;
use crate::http;
use crate::isolate;
use crate::js;
use mayuse_core::QueryCheck;
use worker::wasm_bindgen::{self, JsValue, prelude::wasm_bindgen};

/// The body of the answer to `GET /v1/check?…`, status 200, or nothing.
///
/// The texts are read in here: a `&str` would be copied into the memory of an instance that may be
/// found dead, and replaced, before the call. The answer is a copy for a like reason: a view of
/// memory changes as that memory does.
#[wasm_bindgen(js_name = checkNow)]
pub fn check_now(url: &JsValue, authorization: &JsValue, x_api_key: &JsValue, headers: &JsValue) -> Option<Vec<u8>> {
    let url = url.as_string()?;
    let (path, query) = http::path_and_query(&url);
    if path != "/v1/check" {
        return None;
    }
    let (authorization, x_api_key) = (authorization.as_string(), x_api_key.as_string());
    let header = |name: &str| js::call(headers, "get", &name.into()).ok()?.as_string();
    if !auth::may_ask(&url, &header, authorization.as_deref(), x_api_key.as_deref()) {
        return None;
    }
    let check = QueryCheck::from_query(query)?;
    auth::panic_if_asked(check.question().customer);
    isolate::answer_now(&check.question(), http::now())
}
