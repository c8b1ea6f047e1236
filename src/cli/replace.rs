//! `mayuse import --replace` for a catalog that is too large for one request: writes all lines, then removes
//! every other entity.

use crate::import_request::{self, Args};
use crate::input::CliError;
use crate::key;
use crate::push;
use crate::server::{Answer, Server};
use crate::style::{self, Progress};
use crate::upload::{self, Shape, Upload};
use mayuse_dialects::Kind;
use mayuse_document::SETTINGS;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::BTreeSet;
use std::io::{BufReader, Read};

/// The largest document that the Worker accepts in one request.
pub const MAX_DOCUMENT: u64 = 8 << 20;

/// The maximum number of retries of reading the catalog after a concurrent write.
const MAX_RETRIES: u32 = 5;

/// The kind and id of a line or element. The Worker validates the rest.
#[derive(Deserialize)]
struct Head {
    kind: Option<String>,
    #[serde(default)]
    id: String,
}

/// A catalog as lines, and the entities in it.
#[derive(Default)]
struct Lines {
    bytes: Vec<u8>,
    holds: BTreeSet<(Kind, String)>,
    has_settings: bool,
    /// The number of lines of the file, or of elements of the document.
    n: u64,
}

/// Replaces the catalog by a file. The file is held in memory, because it is checked before anything is written.
pub fn run(args: &Args, server: &Server, shape: Shape, mut upload: Upload) -> Result<bool, CliError> {
    let what = upload.name.clone();
    let mut bytes = Vec::new();
    upload.read_to_end(&mut bytes).map_err(|error| CliError::Io { what: what.clone(), error })?;
    upload.progress.clear();
    if shape == Shape::Document && u64::try_from(bytes.len()).is_ok_and(|n| n <= MAX_DOCUMENT) {
        return import_request::put(args, server, Upload::of(what, bytes, shape));
    }
    let read = match shape {
        Shape::Document => Lines::of_document(&bytes),
        Shape::Lines => Lines::of_lines(&bytes),
    };
    drop(bytes);
    let lines = read.map_err(|message| CliError::Json { what: what.clone(), message })?;
    if shape == Shape::Lines && lines.holds.is_empty() {
        return Err(CliError::Problems { what, problems: upload::no_entity(lines.n).into() });
    }
    let token = format!("imp_{}", key::random_hex::<16>()?);
    let upload = Upload::of(what, lines.bytes, Shape::Lines);
    let mut summary = match import_request::post(server, upload, &token)? {
        Ok(summary) => summary,
        Err((failure, body)) => {
            let failure = failure
                .hint("What is in FILE is written as far as that, and nothing was removed yet.")
                .hint("Once that is put right, the same command may be given again.");
            return import_request::fail(args, failure, body, None);
        }
    };
    // The server counts settings that were added here, too.
    summary.insert("lines".to_owned(), lines.n.into());
    match remove_others(server, &lines.holds) {
        Ok((0, _)) => summary.insert("removed".to_owned(), 0.into()),
        Ok((n_removed, version)) => {
            summary.insert("snapshot_version".to_owned(), version.into());
            summary.insert("removed".to_owned(), n_removed.into())
        }
        Err(failure) => {
            let failure = failure
                .hint("All of FILE is written. What is not in it is not all removed.")
                .hint("Once that is put right, the same command may be given again.");
            return import_request::fail(args, failure, Some(summary), None);
        }
    };
    let what = format!(
        "replaced the catalog: imported {}, removed {}",
        style::count(import_request::number(&summary, "lines"), "line"),
        import_request::number(&summary, "removed")
    );
    import_request::report(args, &summary, &what)?;
    Ok(true)
}

impl Lines {
    fn add(&mut self, kind: Kind, id: &str, line: &[&[u8]]) {
        line.iter().for_each(|part| self.bytes.extend_from_slice(part));
        self.bytes.push(b'\n');
        self.holds.insert((kind, id.to_owned()));
        self.n = self.n.saturating_add(1);
    }

    /// Adds default settings, as a document without settings has.
    fn finish(mut self) -> Lines {
        if !self.has_settings {
            self.bytes.extend_from_slice(b"{\"kind\":\"settings\"}\n");
        }
        self
    }

    fn of_lines(bytes: &[u8]) -> Result<Lines, String> {
        let mut lines = Lines::default();
        for (line, n) in bytes.split(|byte| *byte == b'\n').zip(1_u64..) {
            if line.trim_ascii().is_empty() {
                continue;
            }
            let head: Head = serde_json::from_slice(line).map_err(|error| format!("line {n}: {error}"))?;
            match head.kind.as_deref() {
                Some("settings") => {
                    lines.has_settings = true;
                    lines.n = lines.n.saturating_add(1);
                    lines.bytes.extend_from_slice(line);
                    lines.bytes.push(b'\n');
                }
                kind => {
                    let kind = kind.and_then(Kind::parse);
                    let kind = kind.ok_or_else(|| format!("line {n}: kind: expected what the line is"))?;
                    lines.add(kind, &head.id, &[line]);
                }
            }
        }
        Ok(lines.finish())
    }

    /// Converts a document to lines. The text of each element is kept.
    fn of_document(bytes: &[u8]) -> Result<Lines, String> {
        let mut fields: Vec<(String, Box<RawValue>)> = Fields::deserialize(bytes)?;
        if !fields.iter().any(|(name, value)| name == "format" && value.get() == "1") {
            return Err("a catalog document says \"format\": 1".to_owned());
        }
        let mut lines = Lines { has_settings: true, ..Lines::default() };
        for kind in Kind::ALL {
            let Some(at) = fields.iter().position(|(name, _)| name == kind.list()) else { continue };
            let (name, list) = fields.swap_remove(at);
            if fields.iter().any(|(other, _)| *other == name) {
                return Err(format!("{name}: the field is written twice"));
            }
            let list: Option<Vec<&RawValue>> =
                serde_json::from_str(list.get()).map_err(|error| format!("{name}: {error}"))?;
            for (element, n) in list.into_iter().flatten().zip(0_u64..) {
                let wrong = |message: &str| format!("{name}[{n}]: {message}");
                let head: Head = serde_json::from_str(element.get()).map_err(|error| wrong(&error.to_string()))?;
                // Line breaks occur only between tokens: JSON strings escape them.
                let line = element.get().replace(['\n', '\r'], " ");
                let rest = line.strip_prefix('{').ok_or_else(|| wrong("expected an object"))?;
                match head.kind.as_deref() {
                    None => {
                        let kind_of = format!("{{\"kind\":\"{}\",", kind.name());
                        lines.add(kind, &head.id, &[kind_of.as_bytes(), rest.as_bytes()]);
                    }
                    Some(said) if said == kind.name() => lines.add(kind, &head.id, &[line.as_bytes()]),
                    Some(_) => return Err(wrong(&format!("kind: expected `{}`, or nothing", kind.name()))),
                }
                if head.id.is_empty() {
                    return Err(wrong("id: a required field is missing"));
                }
            }
        }
        let mut settings = "{\"kind\":\"settings\"".to_owned();
        for (name, value) in fields.iter().filter(|(name, _)| SETTINGS.contains(&&**name)) {
            let value = value.get().replace(['\n', '\r'], " ");
            settings.push_str(&format!(",\"{name}\":{value}"));
        }
        settings.push('}');
        lines.bytes.extend_from_slice(settings.as_bytes());
        lines.bytes.push(b'\n');
        Ok(lines)
    }
}

/// The fields of an object as raw JSON, in order.
struct Fields(Vec<(String, Box<RawValue>)>);

impl Fields {
    fn deserialize(bytes: &[u8]) -> Result<Vec<(String, Box<RawValue>)>, String> {
        serde_json::from_slice::<Fields>(bytes).map(|fields| fields.0).map_err(|error| error.to_string())
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Fields, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Fields;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a catalog document")
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}

/// Removes all entities that are not in `holds`. Returns their number and the new version.
fn remove_others(server: &Server, holds: &BTreeSet<(Kind, String)>) -> Result<(u64, u64), CliError> {
    let mut others = others(server, holds)?;
    // An entity is removed before the entities that it refers to.
    others.sort_by(|a, b| b.cmp(a));
    let mut progress = Progress::of("entities removed", u64::try_from(others.len()).ok());
    let (mut n_removed, mut version) = (0_u64, 0);
    for (kind, id) in &others {
        progress.show(n_removed, None);
        let id = utf8_percent_encode(id, NON_ALPHANUMERIC);
        let answer = push::ask(server, "DELETE", &format!("/v1/catalog/{}/{id}", kind.list()), None)?;
        if answer.is_ok() {
            n_removed = n_removed.saturating_add(1);
            version = answer.object().map_or(version, |body| import_request::number(&body, "snapshot_version"));
        } else if !answer.is_missing() {
            progress.clear();
            return Err(answer.refusal());
        }
    }
    progress.clear();
    Ok((n_removed, version))
}

/// The entities of one version that are not in `holds`.
fn others(server: &Server, holds: &BTreeSet<(Kind, String)>) -> Result<Vec<(Kind, String)>, CliError> {
    let asked = format!("GET {}/v1/catalog", server.url);
    let mut n_retries: u32 = 0;
    loop {
        let response = server.get("/v1/catalog", "application/x-ndjson").map_err(|error| server.unreachable(&error))?;
        if !response.status().is_success() {
            let answer = Answer::read(response, &asked).map_err(|error| server.unreachable(&error))?;
            return Err(answer.refusal());
        }
        let reader = BufReader::with_capacity(1 << 16, response.into_body().into_reader());
        let mut found = Vec::new();
        let read = serde_json::Deserializer::from_reader(reader).into_iter::<Head>().try_for_each(|head| {
            let Head { kind, id } = head?;
            if let Some(kind) = kind.as_deref().and_then(Kind::parse)
                && !holds.contains(&(kind, id.clone()))
            {
                found.push((kind, id));
            }
            Ok::<(), serde_json::Error>(())
        });
        match read {
            Ok(()) => return Ok(found),
            // A concurrent write aborts the export.
            Err(_) if n_retries < MAX_RETRIES => n_retries = n_retries.saturating_add(1),
            Err(error) => return Err(CliError::server("BROKEN_OFF", format!("{asked}: broke off: {error}"))),
        }
    }
}
