//! Where the catalogue comes from. The one place that knows.
//!
//! It is the demo catalogue built into the Worker, or the document that the binding `CATALOG`
//! holds. Whatever it is, it is read once per isolate and then only looked up in.

use js_sys::Reflect;
use mayuse_core::{Catalog, Document, Problems, Source};
use std::cell::OnceCell;
use worker::Env;
use worker::wasm_bindgen::JsValue;

const DEMO: &str = include_str!("../../demo/catalog.json");

/// What an isolate holds.
#[derive(Debug)]
pub enum Held {
    /// A catalogue to decide from.
    Catalog(Box<Catalog>),
    /// A document that cannot be used. Questions are answered, as indeterminate.
    Invalid(Unusable),
}

/// Why a document cannot be used.
#[derive(Debug)]
pub enum Unusable {
    /// The binding holds something else.
    NotText,
    /// It is not JSON.
    Json(serde_json::Error),
    /// It is wrong.
    Problems(Problems),
}

thread_local! {
    // Never awaited, never shared between requests: opening does no I/O.
    static HELD: OnceCell<Held> = const { OnceCell::new() };
}

/// Calls `ask` with what this isolate holds.
pub fn with<T>(env: &Env, ask: impl FnOnce(&Held) -> T) -> T {
    HELD.with(|held| {
        ask(held.get_or_init(|| {
            let bound = Reflect::get(env, &JsValue::from_str("CATALOG")).unwrap_or(JsValue::UNDEFINED);
            match bound.as_string() {
                Some(text) => open(&text),
                // Only an absent binding means the demo: a wrong one must not answer from it.
                None if bound.is_undefined() => open(DEMO),
                None => Held::Invalid(Unusable::NotText),
            }
        }))
    })
}

fn open(json: &str) -> Held {
    match serde_json::from_str::<Document>(json).map(Document::compile) {
        Ok(Ok((mut catalog, _))) => {
            catalog.snapshot.source = Source::Embedded;
            Held::Catalog(Box::new(catalog))
        }
        Ok(Err(problems)) => Held::Invalid(Unusable::Problems(problems)),
        Err(error) => Held::Invalid(Unusable::Json(error)),
    }
}
