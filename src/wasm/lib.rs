//! The core, lent to JavaScript. Every function converts, makes one call, and converts back.
//!
//! Texts are JSON in both directions: one crossing of the border each way. `pkg/` wraps this for
//! people.

#![forbid(unsafe_code)]

#[cfg(feature = "snapshot")]
mod snapshot;

use mayuse_core::{FullCatalog, Instant, Problems, Source, WriteJson, decide};
use mayuse_document::{Check, Document, Tree, ask_billing_period, ask_resolution, ask_window};
use wasm_bindgen::prelude::*;

/// A catalogue, ready to be asked.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Engine {
    inner: FullCatalog,
}

#[wasm_bindgen]
impl Engine {
    /// Reads a catalogue document.
    ///
    /// # Errors
    /// A text of the problems, as JSON.
    #[wasm_bindgen(constructor)]
    pub fn new(document: &str) -> Result<Engine, JsValue> {
        let document: Document = serde_json::from_str(document).map_err(|error| not_json(&error))?;
        let (mut inner, _) = document.compile().map_err(|problems| refused(&problems))?;
        inner.catalog.snapshot.source = Source::Embedded;
        Ok(Engine { inner })
    }

    /// Decides a question, given and answered as JSON. `now` is in milliseconds since 1970.
    ///
    /// # Errors
    /// A text of the problems, as JSON.
    pub fn check(&self, question: &str, now: f64) -> Result<String, JsValue> {
        let check = Check::read(&tree(question)?).map_err(|problems| refused(&problems))?;
        let decision = decide(&self.inner, &check.question(), instant(now));
        shown(decision.map_err(Problems::from))
    }

    /// Decides every feature for one customer.
    ///
    /// # Errors
    /// A text of the problems, as JSON.
    pub fn entitlements(&self, question: &str, now: f64) -> Result<String, JsValue> {
        let check = Check::read_for_all(&tree(question)?).map_err(|problems| refused(&problems))?;
        let now = instant(now);
        let decide = |code| decide(&self.inner, &check.question_on(code), now);
        let decisions: Result<Vec<_>, _> = self.inner.catalog.feature_codes().map(decide).collect();
        decisions.map(|decisions| decisions.to_json()).map_err(|problem| refused(&problem.into()))
    }
}

/// Answers which window of a reset period holds an instant.
///
/// # Errors
/// A text of the problems, as JSON.
#[wasm_bindgen]
pub fn window(question: &str) -> Result<String, JsValue> {
    shown(ask_window(&tree(question)?))
}

/// Answers which billing period holds an instant.
///
/// # Errors
/// A text of the problems, as JSON.
#[wasm_bindgen(js_name = billingPeriod)]
pub fn billing_period(question: &str) -> Result<String, JsValue> {
    shown(ask_billing_period(&tree(question)?))
}

/// Answers what entitlement rows come to.
///
/// # Errors
/// A text of the problems, as JSON.
#[wasm_bindgen]
pub fn resolve(question: &str) -> Result<String, JsValue> {
    shown(ask_resolution(&tree(question)?))
}

fn tree(json: &str) -> Result<Tree, JsValue> {
    serde_json::from_str(json).map_err(|error| not_json(&error))
}

/// Milliseconds of JavaScript's clock as an instant.
fn instant(ms: f64) -> Instant {
    #[expect(clippy::cast_possible_truncation, reason = "saturates, and 2^53 milliseconds are 285,000 years")]
    let ms = ms as i64;
    // A clock outside years 1 to 9999 stands at the nearer end.
    Instant::from_millis(ms).unwrap_or(if ms < 0 { Instant::MIN } else { Instant::MAX })
}

fn shown<T: WriteJson>(answer: Result<T, Problems>) -> Result<String, JsValue> {
    answer.map(|answer| answer.to_json()).map_err(|problems| refused(&problems))
}

fn not_json(error: &serde_json::Error) -> JsValue {
    thrown([("INVALID_JSON", String::new(), error.to_string())].into_iter())
}

fn refused(problems: &Problems) -> JsValue {
    thrown(
        problems.list.iter().map(|problem| (problem.code.name(), problem.place.to_string(), problem.message.clone())),
    )
}

/// Problems as the JSON text that `pkg/` makes an error of.
fn thrown(problems: impl Iterator<Item = (&'static str, String, String)>) -> JsValue {
    struct Shown(&'static str, String, String);
    impl WriteJson for Shown {
        fn write_json(&self, out: &mut Vec<u8>) {
            let Shown(code, path, message) = self;
            for (name, value) in [("{\"code\":", *code), (",\"path\":", path), (",\"message\":", message)] {
                out.extend_from_slice(name.as_bytes());
                value.write_json(out);
            }
            out.push(b'}');
        }
    }
    let list: Vec<Shown> = problems.map(|(code, path, message)| Shown(code, path, message)).collect();
    JsValue::from_str(&list.to_json())
}
