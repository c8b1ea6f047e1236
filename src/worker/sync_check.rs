//! Answers checks from memory, without awaiting anything.
//!
//! `shim.mjs` calls this first. Only a valid question with a valid key is answered here. Every other
//! request takes the asynchronous path, which also reports errors.

use crate::auth;
use crate::http;
use crate::isolate;
use crate::js;
use mayuse_core::QuestionForm;
use worker::wasm_bindgen::{self, JsValue, prelude::wasm_bindgen};

/// The body of the 200 response to `GET /v1/check?…`, or `None` if the asynchronous path must answer.
///
/// Parameters are `JsValue`s because a `&str` would be copied into an instance that may turn out dead
/// and be replaced before the call. The body is a text, which is a copy: a view of wasm memory changes
/// with it. The platform makes a response of a text in less time than one of bytes.
#[wasm_bindgen(js_name = checkNow)]
pub fn check_now(url: &JsValue, authorization: &JsValue, x_api_key: &JsValue, headers: &JsValue) -> Option<String> {
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
    let Some(check) = QuestionForm::from_query(query) else {
        auth::panic_if_asked(query);
        return None;
    };
    isolate::answer_now(&check.question(), http::now())
}

/// The same of a question through a service binding, which has no key. The question is a query string.
#[wasm_bindgen(js_name = checkBound)]
pub fn check_bound(query: &JsValue) -> Option<String> {
    let query = query.as_string()?;
    let check = QuestionForm::from_query(&query)?;
    isolate::answer_now(&check.question(), http::now())
}
