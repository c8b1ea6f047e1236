//! Snapshots for tests and declarations: packs and signs a catalog document, and lists the features of a snapshot.

use crate::instant;
use crate::problems::{listed, shown};
use mayuse_core::{Catalog, Code, ConfigType, FeatureType, Packed, Problem, Problems, WriteJson, joined, write_list};
use mayuse_document::{Document, SyntaxError};
use mayuse_snapshot::{FileError, Manifest, Policies, SigningKey, SnapshotIndex, Unverified, contents, cut, join};
use std::convert::Infallible;
use wasm_bindgen::prelude::*;

/// A signed snapshot in one file.
#[wasm_bindgen]
#[derive(Debug)]
pub struct SignedFile {
    /// The file, or the problems of the document as JSON.
    file: Result<Vec<u8>, String>,
    public_key: String,
}

#[wasm_bindgen]
impl SignedFile {
    /// Packs a document as a version that was made at `generated_at`, in milliseconds since 1970. The key that signs it
    /// is made of 32 bytes.
    #[wasm_bindgen(constructor)]
    pub fn new(document: &str, seed: &[u8], version: u32, generated_at: f64, audience: String) -> SignedFile {
        let key = SigningKey::from_seed(seed.first_chunk().unwrap_or(&[0; 32]));
        let public_key = key.public().digits();
        let sign = |table| {
            let (version, generated_at, policies) = (version.into(), instant(generated_at), Policies::default());
            Manifest { version, audience, generated_at, policies, table, previous: None }.sign(&key)
        };
        SignedFile { file: packed(document, sign), public_key }
    }

    /// The bytes of the file; none if the document cannot be used.
    #[wasm_bindgen(getter)]
    pub fn bytes(&self) -> Option<Vec<u8>> {
        self.file.clone().ok()
    }

    /// The problems of a document that cannot be used, or `[]`.
    #[wasm_bindgen(getter)]
    pub fn problems(&self) -> String {
        match &self.file {
            Ok(_) => "[]".to_owned(),
            Err(problems) => problems.clone(),
        }
    }

    /// The public key, in hexadecimal.
    #[wasm_bindgen(getter, js_name = publicKey)]
    pub fn public_key(&self) -> String {
        self.public_key.clone()
    }
}

fn packed(document: &str, sign: impl FnOnce(SnapshotIndex) -> String) -> Result<Vec<u8>, String> {
    let unread = |error: SyntaxError| listed(&[("INVALID_JSON", String::new(), &error.text())]);
    let mut document = Document::parse(document).map_err(unread)?;
    document.with_zones(mayuse_intl::offsets);
    let (catalog_object, customers, _) = document.pack(0).map_err(|problems| shown(&problems))?;
    let mut objects = Vec::new();
    let Ok(table) = cut(&catalog_object, &customers, |_, object| -> Result<(), Infallible> {
        objects.push(object.clone());
        Ok(())
    });
    Ok(join(&sign(table), objects.iter().map(|object| object.as_slice())))
}

/// The features of a snapshot in one file, as a document has them, or its problems: JSON in both cases. Nothing is
/// verified, because nothing is decided.
#[wasm_bindgen(js_name = featuresOf)]
pub fn features_of(file: Vec<u8>) -> String {
    let broken = |why: String| shown(&Problems::from(Problem::error(Code::Invalid, String::new(), why)));
    match catalog_of(file) {
        Ok(catalog) => {
            let mut out = b"{\"features\":".to_vec();
            write_list(&mut out, catalog.feature_types(), |(code, feature_type), out| {
                out.extend_from_slice(b"{\"code\":");
                code.write_json(out);
                out.extend_from_slice(b",\"feature_type\":");
                write_type(feature_type, out);
                out.push(b'}');
            });
            out.push(b'}');
            String::from_utf8(out).unwrap_or_default()
        }
        Err(why) => joined(&["{\"problems\":", &broken(why), "}"]),
    }
}

/// The definitions of a snapshot in one file, or why it cannot be read.
fn catalog_of(file: Vec<u8>) -> Result<Catalog, String> {
    let refused = |error: FileError| error.text();
    let file = Packed::new(file).ok_or_else(|| FileError::NotOne.text())?;
    let contents = contents(&file).map_err(refused)?;
    let manifest = Unverified::read(&contents.manifest).map_err(|error| error.text())?;
    let (catalog_object, _) = contents.objects(manifest.claims(), None).map_err(refused)?;
    Catalog::open(&catalog_object).map_err(|error| error.text())
}

fn write_type(feature_type: &FeatureType, out: &mut Vec<u8>) {
    let (name, value_type) = match feature_type {
        FeatureType::Boolean => ("BOOLEAN", None),
        FeatureType::Metered => ("METERED", None),
        FeatureType::Config(config) => ("CONFIG", Some(config)),
        FeatureType::Unknown => ("UNKNOWN", None),
    };
    out.extend_from_slice(b"{\"type\":");
    name.write_json(out);
    if let Some(value_type) = value_type {
        let (name, options) = match value_type {
            ConfigType::Number => ("NUMBER", None),
            ConfigType::Boolean => ("BOOLEAN", None),
            ConfigType::Text => ("TEXT", None),
            ConfigType::Select(options) => ("SELECT", Some(options)),
            ConfigType::Map => ("MAP", None),
            ConfigType::Json => ("JSON", None),
        };
        out.extend_from_slice(b",\"value_type\":");
        name.write_json(out);
        if let Some(options) = options {
            out.extend_from_slice(b",\"options\":");
            write_list(out, options, |option, out| option.write_json(out));
        }
    }
    out.push(b'}');
}
