//! Calls into JavaScript: `platform.mjs`, and the few that `worker` does not support.

use worker::js_sys::{Array, Function, Promise, Reflect, Uint8Array};
use worker::wasm_bindgen;
use worker::wasm_bindgen::prelude::*;
use worker::wasm_bindgen_futures::JsFuture;

#[wasm_bindgen(module = "/platform.mjs")]
extern "C" {
    #[wasm_bindgen(js_name = readAll)]
    pub fn read_all(kv: &JsValue, keys: Vec<String>, cache_ttl: u32, ms: u32) -> Promise;
    pub fn write(kv: &JsValue, keys: Vec<String>, values: Option<Vec<Uint8Array>>, ms: u32) -> Promise;
    #[wasm_bindgen(js_name = pause)]
    fn begin_pause(ms: u32) -> Promise;
    pub fn reader(request: &JsValue) -> JsValue;
    pub fn chunk(reader: &JsValue) -> Promise;
    pub fn forward(
        env: &JsValue,
        name: &str,
        request: &JsValue,
        asker: &str,
        by: &str,
        id: &str,
        body: &JsValue,
        ms: u32,
    ) -> Promise;
    pub fn readiness(env: &JsValue, name: &str) -> Promise;
    pub fn verifies(key: &[u8], message: &[u8], signature: &[u8]) -> Promise;
    pub fn signer(seed: &[u8]) -> Promise;
    #[wasm_bindgen(js_name = readBody)]
    pub fn read_body(request: &JsValue, limit: f64, room: &str, who: &str) -> Promise;
    #[wasm_bindgen(js_name = freeBody)]
    pub fn free_body(body: &JsValue);
    #[wasm_bindgen(js_name = notObject)]
    pub fn not_object(bytes: &JsValue, hash: &str) -> Promise;
    pub fn asset(env: &JsValue, path: &str) -> Promise;
}

/// Awaits a promise. An exception becomes its message.
pub async fn done(promise: Promise) -> Result<JsValue, String> {
    JsFuture::from(promise).await.map_err(|thrown| said(&thrown))
}

/// Yields to other requests.
pub async fn turn() {
    pause(0).await;
}

/// Waits for a time.
pub async fn pause(ms: u32) {
    // The promise never rejects.
    let _ = JsFuture::from(begin_pause(ms)).await;
}

/// Calls a method of an object.
pub fn call(object: &JsValue, method: &str, argument: &JsValue) -> Result<JsValue, JsValue> {
    let function: Function = Reflect::get(object, &method.into())?.dyn_into()?;
    function.call1(object, argument)
}

/// A field of an object, `undefined` if it is missing.
pub fn field(object: &JsValue, name: &str) -> JsValue {
    Reflect::get(object, &name.into()).unwrap_or(JsValue::UNDEFINED)
}

/// Copies a `Uint8Array`.
pub fn bytes(value: &JsValue) -> Vec<u8> {
    Uint8Array::new(value).to_vec()
}

/// The items of a JavaScript array.
pub fn items(value: JsValue) -> Vec<JsValue> {
    Array::from(&value).iter().collect()
}

/// The message of an exception.
pub fn said(thrown: &JsValue) -> String {
    let message = field(thrown, "message").as_string();
    message.or_else(|| thrown.as_string()).unwrap_or_else(|| "something was thrown".to_owned())
}
