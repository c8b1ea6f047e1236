//! Documents and questions in JSON.
//!
//! What is refused is answered too, as `{"problems": [...]}`: a thrown value would need a table that JavaScript and the
//! core share.

use crate::instant;
use crate::problems::{listed, shown};
use mayuse_core::{FullCatalog, Problem, Problems, Source, WriteJson, decide, joined};
use mayuse_document::{Check, Document, SyntaxError, Tree, ask_billing_period, ask_resolution, ask_window};
use wasm_bindgen::prelude::*;

/// A catalog that answers questions.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Engine {
    /// What is wrong with the document, if it cannot be used.
    inner: Result<FullCatalog, Refusal>,
}

#[wasm_bindgen]
impl Engine {
    /// Reads a catalog document. [`Engine::problems`] says whether it can be used.
    #[wasm_bindgen(constructor)]
    pub fn new(document: &str) -> Engine {
        Engine { inner: read(document) }
    }

    /// The problems of a document that cannot be used, or `null`.
    pub fn problems(&self) -> String {
        match &self.inner {
            Ok(_) => "null".to_owned(),
            Err(refusal) => refusal.0.clone(),
        }
    }

    /// Decides a question, given and answered as JSON. `now` is in milliseconds since 1970.
    pub fn check(&self, question: &str, now: f64) -> String {
        answered(question, &mut |tree, out| {
            let check = Check::read(tree)?;
            decide(self.inner.as_ref()?, &check.question(), instant(now))?.write_json(out);
            Ok(())
        })
    }

    /// Decides every feature for one customer.
    pub fn entitlements(&self, question: &str, now: f64) -> String {
        answered(question, &mut |tree, out| {
            let check = Check::read_for_all(tree)?;
            let catalog = self.inner.as_ref()?;
            for code in catalog.catalog.feature_codes() {
                out.push(if out.is_empty() { b'[' } else { b',' });
                decide(catalog, &check.question_on(code), instant(now))?.write_json(out);
            }
            out.extend_from_slice(if out.is_empty() { b"[]" } else { b"]" });
            Ok(())
        })
    }
}

/// The window of a reset period that contains an instant.
#[wasm_bindgen]
pub fn window(question: &str) -> String {
    answered(question, &mut |tree, out| {
        ask_window(tree, mayuse_intl::offsets)?.write_json(out);
        Ok(())
    })
}

/// The billing period that contains an instant.
#[wasm_bindgen(js_name = billingPeriod)]
pub fn billing_period(question: &str) -> String {
    answered(question, &mut |tree, out| {
        ask_billing_period(tree)?.write_json(out);
        Ok(())
    })
}

/// What entitlement rows come to.
#[wasm_bindgen]
pub fn resolve(question: &str) -> String {
    answered(question, &mut |tree, out| {
        ask_resolution(tree, mayuse_intl::offsets)?.write_json(out);
        Ok(())
    })
}

fn read(document: &str) -> Result<FullCatalog, Refusal> {
    let mut document = Document::parse(document)?;
    document.with_zones(mayuse_intl::offsets);
    let (mut full, _) = document.compile()?;
    full.catalog.snapshot.source = Source::Embedded;
    Ok(full)
}

/// Answers a question by appending JSON.
type Answer<'a> = dyn FnMut(&Tree<'_>, &mut Vec<u8>) -> Result<(), Refusal> + 'a;

/// Reads a question, and answers it by `answer`.
#[inline(never)]
fn answered(question: &str, answer: &mut Answer<'_>) -> String {
    let mut out = Vec::new();
    let answered = Tree::parse(question).map_err(Refusal::from).and_then(|tree| answer(&tree, &mut out));
    match answered {
        Ok(()) => String::from_utf8(out).unwrap_or_default(),
        Err(refusal) => refusal.0,
    }
}

/// Problems as JSON.
#[derive(Debug)]
struct Refusal(String);

impl Refusal {
    fn of(problems: &str) -> Refusal {
        Refusal(joined(&["{\"problems\":", problems, "}"]))
    }
}

impl From<SyntaxError> for Refusal {
    fn from(error: SyntaxError) -> Refusal {
        Refusal::of(&listed(&[("INVALID_JSON", String::new(), &error.text())]))
    }
}

impl From<Problems> for Refusal {
    fn from(problems: Problems) -> Refusal {
        Refusal::of(&shown(&problems))
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Refusal {
        Problems::from(problem).into()
    }
}

impl From<&Refusal> for Refusal {
    fn from(refusal: &Refusal) -> Refusal {
        Refusal(refusal.0.clone())
    }
}
