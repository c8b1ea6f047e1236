//! Documents and questions in JSON.

use crate::{instant, refused, shown, thrown};
use mayuse_core::{FullCatalog, Problems, Source, WriteJson, decide};
use mayuse_document::{Check, Document, SyntaxError, Tree, ask_billing_period, ask_resolution, ask_window};
use wasm_bindgen::prelude::*;

/// A catalog that answers questions.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Engine {
    inner: FullCatalog,
}

#[wasm_bindgen]
impl Engine {
    /// Reads a catalog document.
    ///
    /// # Errors
    /// A text of the problems, as JSON.
    #[wasm_bindgen(constructor)]
    pub fn new(document: &str) -> Result<Engine, JsValue> {
        let mut document = Document::parse(document).map_err(|error| not_json(&error))?;
        document.with_zones(mayuse_intl::offsets);
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

/// Returns the window of a reset period that contains an instant.
///
/// # Errors
/// A text of the problems, as JSON.
#[wasm_bindgen]
pub fn window(question: &str) -> Result<String, JsValue> {
    shown(ask_window(&tree(question)?, mayuse_intl::offsets))
}

/// Returns the billing period that contains an instant.
///
/// # Errors
/// A text of the problems, as JSON.
#[wasm_bindgen(js_name = billingPeriod)]
pub fn billing_period(question: &str) -> Result<String, JsValue> {
    shown(ask_billing_period(&tree(question)?))
}

/// Resolves entitlement rows.
///
/// # Errors
/// A text of the problems, as JSON.
#[wasm_bindgen]
pub fn resolve(question: &str) -> Result<String, JsValue> {
    shown(ask_resolution(&tree(question)?, mayuse_intl::offsets))
}

fn tree(json: &str) -> Result<Tree<'_>, JsValue> {
    Tree::parse(json).map_err(|error| not_json(&error))
}

fn not_json(error: &SyntaxError) -> JsValue {
    thrown(&[("INVALID_JSON", String::new(), &error.text())])
}
