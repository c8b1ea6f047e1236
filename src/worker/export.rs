//! Exports the whole catalog as a stream, so that it need not fit into memory.

use crate::http::{Answer, VERSION};
use crate::js;
use crate::sql::Sql;
use futures_util::stream;
use mayuse_core::WriteJson;
use mayuse_dialects::{ApiError, DOCUMENT_FORMAT, Dialect, JsonValue, Kind, Store};
use std::rc::Rc;
use worker::{Headers, Response, Result};

/// The number of entities in one read.
const PAGE: usize = 200;

/// The format of an export.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// One JSON document.
    Document,
    /// One line for each entity, as an import reads them.
    Lines,
}

/// The position of an export in the catalog.
struct Export {
    store: Rc<Sql>,
    form: Form,
    version: u64,
    kinds: std::slice::Iter<'static, Kind>,
    kind: Option<Kind>,
    after: String,
}

static KINDS: [Kind; 10] = Kind::ALL;

/// Answers with the catalog: lines if the request accepts `application/x-ndjson`, else a document.
/// A concurrent write aborts the export, because it would mix two versions.
pub fn respond(store: &Rc<Sql>, accept: Option<&str>, head: bool) -> Result<Response> {
    let lines = accept.is_some_and(|accept| accept.contains("application/x-ndjson"));
    let form = if lines { Form::Lines } else { Form::Document };
    let version = match store.version() {
        Ok(version) => version,
        Err(failure) => return Answer::refusal(Dialect::Native, &failure).respond(head),
    };
    let headers = Headers::new();
    headers.set("content-type", if lines { "application/x-ndjson" } else { "application/json" })?;
    headers.set("cache-control", "no-store")?;
    headers.set(VERSION, &version.to_string())?;
    headers.set("etag", &format!("\"{version}\""))?;
    if head {
        return Ok(Response::empty()?.with_headers(headers));
    }
    let beginning = match beginning(store, form) {
        Ok(beginning) => beginning,
        Err(failure) => return Answer::refusal(Dialect::Native, &failure).respond(head),
    };
    let kinds = KINDS.iter();
    let export = Export { store: Rc::clone(store), form, version, kinds, kind: None, after: String::new() };
    let rest = stream::unfold(Some(export), |export| async move {
        let mut export = export?;
        // Otherwise a fast client would receive the whole export before any other request is answered.
        js::turn().await;
        match export.next() {
            Ok(Some(piece)) => Some((Ok(piece), Some(export))),
            Ok(None) if export.form == Form::Lines => None,
            Ok(None) => Some((Ok(b"}\n".to_vec()), None)),
            Err(failure) => Some((Err(worker::Error::RustError(failure.message.clone())), None)),
        }
    });
    let all = futures_util::StreamExt::chain(stream::iter([Ok(beginning)]), rest);
    Ok(Response::from_stream(all)?.with_headers(headers))
}

fn beginning(store: &Rc<Sql>, form: Form) -> std::result::Result<Vec<u8>, ApiError> {
    let (mut text, after) = match form {
        Form::Document => (format!("{{\"format\": {DOCUMENT_FORMAT}"), ""),
        Form::Lines => ("{\"kind\": \"settings\"".to_owned(), "}\n"),
    };
    for (name, value) in store.settings()?.as_object().into_iter().flatten() {
        text.push(',');
        text.push_str(if form == Form::Lines { " " } else { "\n" });
        text.push_str(&format!("\"{name}\": {}", JsonValue(value).to_json()));
    }
    text.push_str(after);
    Ok(text.into_bytes())
}

impl Export {
    /// The next chunk, or `None` after the last.
    fn next(&mut self) -> std::result::Result<Option<Vec<u8>>, ApiError> {
        if self.store.version()? != self.version {
            return Err(ApiError::conflict("the catalog was written while it was exported; export it again"));
        }
        let mut text = String::new();
        let Some(kind) = self.kind else {
            let Some(kind) = self.kinds.next() else { return Ok(None) };
            self.kind = Some(*kind);
            self.after.clear();
            if self.form == Form::Document {
                text = format!(",\n\"{}\": [", kind.list());
            }
            return Ok(Some(text.into_bytes()));
        };
        let page = self.store.page(kind, &self.after, PAGE)?;
        for entity in &page {
            match self.form {
                Form::Document => {
                    text.push_str(if self.after.is_empty() { "\n" } else { ",\n" });
                    text.push_str(&JsonValue(&entity.body).to_json());
                }
                Form::Lines => {
                    // The kind goes first, in place of the opening brace.
                    let body = JsonValue(&entity.body).to_json();
                    text.push_str(&format!("{{\"kind\":\"{}\",", kind.name()));
                    text.push_str(body.strip_prefix('{').unwrap_or_default());
                    text.push('\n');
                }
            }
            self.after.clone_from(&entity.id);
        }
        if page.is_empty() {
            self.kind = None;
            if self.form == Form::Document {
                text.push(']');
            }
        }
        Ok(Some(text.into_bytes()))
    }
}
