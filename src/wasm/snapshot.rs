//! JavaScript bindings of snapshots: opens a snapshot in place and decides from it.
//!
//! JavaScript hashes and verifies, because its built-in functions are faster. A question is a query
//! string, which needs no JSON reader. Not in the published package yet.

use crate::{instant, shown};
use mayuse_core::{Code, Packed, Problem, Problems, QuestionForm, Source, WriteJson, cut};
use mayuse_snapshot::{Contents, WholeSnapshot, contents};
use wasm_bindgen::prelude::*;

/// A snapshot file whose signature is not verified yet.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Unverified {
    contents: Contents,
    manifest: mayuse_snapshot::Unverified,
}

#[wasm_bindgen]
impl Unverified {
    /// Reads the one-file form of a snapshot.
    ///
    /// # Errors
    /// A text of the problems, as JSON.
    #[wasm_bindgen(constructor)]
    pub fn new(bytes: Vec<u8>) -> Result<Unverified, JsValue> {
        let file = Packed::new(bytes).ok_or_else(|| broken("not a snapshot file".to_owned()))?;
        let contents = contents(&file).map_err(|error| broken(error.text()))?;
        let manifest = mayuse_snapshot::Unverified::read(&contents.manifest).map_err(|error| broken(error.text()))?;
        Ok(Unverified { contents, manifest })
    }

    /// The id of the claimed signing key: the first 16 digits of the key's hash.
    #[wasm_bindgen(getter)]
    pub fn key(&self) -> String {
        self.manifest.key().digits()
    }

    /// The deployment that may read it; empty if not restricted.
    #[wasm_bindgen(getter)]
    pub fn audience(&self) -> String {
        self.manifest.claims().audience.clone()
    }

    /// The signed bytes.
    #[wasm_bindgen(getter)]
    pub fn signed(&self) -> Vec<u8> {
        self.manifest.signed().to_vec()
    }

    /// The signature.
    #[wasm_bindgen(getter)]
    pub fn signature(&self) -> Vec<u8> {
        self.manifest.signature().to_vec()
    }

    /// The size of each object in bytes. The objects are at the end of the file, in this order.
    #[wasm_bindgen(getter)]
    pub fn sizes(&self) -> Vec<u32> {
        let table = &self.manifest.claims().table;
        let mut sizes = vec![table.catalog_object.size];
        table.shards.iter().for_each(|part| sizes.push(part.size));
        sizes
    }

    /// The expected hashes of the objects, concatenated.
    #[wasm_bindgen(getter)]
    pub fn hashes(&self) -> Vec<u8> {
        let table = &self.manifest.claims().table;
        let mut hashes = table.catalog_object.hash.as_bytes().to_vec();
        table.shards.iter().for_each(|part| hashes.extend_from_slice(part.hash.as_bytes()));
        hashes
    }

    /// Opens the snapshot. The caller has compared the hashes and reports whether the signature is valid.
    /// If an audience is given, a snapshot for another audience is refused.
    ///
    /// # Errors
    /// A text of the problems, as JSON.
    pub fn open(self, is_signed: bool, audience: Option<String>) -> Result<Snapshot, JsValue> {
        let manifest = self.manifest.verified(is_signed).map_err(|error| broken(error.text()))?;
        audience.map_or(Ok(()), |audience| manifest.is_for(&audience)).map_err(|error| broken(error.text()))?;
        let (catalog_object, shards) = self.contents.objects(&manifest, None).map_err(|error| broken(error.text()))?;
        let inner = WholeSnapshot::open(&manifest, &catalog_object, &shards, Source::Snapshot)
            .map_err(|error| broken(error.text()))?;
        Ok(Snapshot { inner })
    }
}

/// A verified snapshot that answers questions.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Snapshot {
    inner: WholeSnapshot,
}

#[wasm_bindgen]
impl Snapshot {
    /// Decides a question, given as a query string and answered as JSON. `now` is in milliseconds since 1970.
    ///
    /// # Errors
    /// A text of the problems, as JSON.
    pub fn check(&self, question: &str, now: f64) -> Result<String, JsValue> {
        let check = QuestionForm::from_query(question).ok_or_else(|| unread(question))?;
        match self.inner.decide(&check.question(), instant(now)) {
            Ok(decision) => Ok(decision.to_json()),
            Err(problem) => Err(refused(problem)),
        }
    }
}

const NOT_A_QUESTION: &str = "the question cannot be read: it names a customer and a feature, each field once, \
     amounts in plain digits and instants in RFC 3339";

/// Why a question cannot be read: names a parameter that is not one.
#[cold]
#[inline(never)]
fn unread(question: &str) -> JsValue {
    let mut rest = Some(question);
    while let Some(text) = rest {
        let (pair, after) = cut(text, b'&').map_or((text, None), |(pair, after)| (pair, Some(after)));
        rest = after;
        let name = cut(pair, b'=').map_or(pair, |(name, _)| name);
        if !name.is_empty() && !QuestionForm::PARAMETERS.iter().any(|(known, _)| *known == name) {
            return refused(Problem::error(Code::UnknownField, name, NOT_A_PARAMETER));
        }
    }
    broken(NOT_A_QUESTION.to_owned())
}

const NOT_A_PARAMETER: &str = "a question has no such parameter";

fn broken(why: String) -> JsValue {
    refused(Problem::error(Code::Invalid, String::new(), why))
}

#[inline(never)]
fn refused(problem: Problem) -> JsValue {
    JsValue::from_str(&shown(&Problems::from(problem)))
}
