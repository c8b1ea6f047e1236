//! Imports large catalogs as NDJSON, in batches. Each batch is written in one transaction.

use crate::failure::{ApiError, ErrorKind};
use crate::kind::Kind;
use crate::request::Request;
use crate::source_time;
use crate::store::{Change, SETTINGS, Store, text};
use crate::strict;
use mayuse_core::{Element, Instant, Place, Problems, SortedMap};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::cell::RefCell;

/// The most customers and subscriptions in a batch, and the most bytes of such a batch.
const MAX_PEOPLE: usize = 500;
const MAX_BYTES: usize = 1024 * 1024;

/// The most bytes of a batch of definitions only. Definitions refer to each other in any order, so
/// a batch keeps as many together as memory allows.
const MAX_DEFINITIONS: usize = 8 * 1024 * 1024;

/// The memory limit of a batch, in bytes; its last line may exceed it.
const MAX_ROOM: usize = 24 * 1024 * 1024;

/// The most bytes of one line.
pub const MAX_LINE: usize = 1024 * 1024;

/// The progress of an import, to resume it later with the same file.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Progress {
    /// The number of lines written, including blank lines.
    pub lines: u64,
    /// A chained hash of those lines.
    pub digest: [u8; 32],
}

impl Progress {
    /// Counts a line.
    pub fn advance(&mut self, line: &[u8]) {
        self.digest = Sha256::new().chain_update(self.digest).chain_update(line).finalize().into();
        self.lines = self.lines.saturating_add(1);
    }
}

/// Lines that are written in one transaction.
#[derive(Debug, Default)]
pub struct Batch {
    /// The line of each entity, by kind and id. A later line replaces an earlier one.
    entities: SortedMap<(Kind, String), Line>,
    settings: Option<Value>,
    /// The lines that are older than an earlier line or than what is stored.
    n_stale: u64,
    n_people: usize,
    n_bytes: usize,
    room: usize,
}

/// A line of a batch.
#[derive(Debug)]
struct Line {
    at: Element,
    body: RefCell<Value>,
    /// Whether an earlier line on the same entity states no instant, so that whatever comes after it is newer.
    is_free: bool,
}

impl Line {
    fn stated(&self) -> Option<Instant> {
        source_time::stated(&self.body.borrow())
    }
}

impl Batch {
    /// Adds a line `{"kind": "subscription", ...}`. Lines are numbered from 1. A blank line is
    /// skipped, and so is one that is older than an earlier line by its `source_updated_at`. A line of the kind `settings` has the ladder and the access statuses.
    ///
    /// # Errors
    /// The line is not a JSON object, its kind is unknown, or it has no id.
    pub fn add(&mut self, number: u64, line: &[u8]) -> Result<(), ApiError> {
        self.n_bytes = self.n_bytes.saturating_add(line.len());
        if line.trim_ascii().is_empty() {
            return Ok(());
        }
        let its_line = Element::Line(usize::try_from(number).unwrap_or(usize::MAX));
        let at = |field: &str| Place::from(its_line).field(field);
        let (value, room) = strict::weighed_from_slice(line).map_err(|error| {
            // The reader sees one line, so its line number is always 1.
            let message = format!("cannot be read: {}", error.to_string().replace("at line 1 ", "at "));
            let failure = match error.is_too_large {
                true => ApiError::new(ErrorKind::TooLarge, message),
                false => ApiError::new(ErrorKind::BadRequest, message).code("INVALID_JSON"),
            };
            failure.at(at(""))
        })?;
        self.room = self.room.saturating_add(room);
        let Value::Object(mut fields) = value else {
            return Err(ApiError::field(at(""), "expected an object"));
        };
        let kind = match fields.shift_remove("kind") {
            Some(Value::String(kind)) => kind,
            _ => return Err(ApiError::field(at("kind"), "expected what the line is: \"customer\", for example")),
        };
        if kind == "settings" {
            fields.retain(|name, _| SETTINGS.contains(&name.as_str()));
            self.settings = Some(Value::Object(fields));
            return Ok(());
        }
        let kind =
            Kind::parse(&kind).ok_or_else(|| ApiError::field(at("kind"), format!("there is no kind `{kind}`")))?;
        let body = Value::Object(fields);
        let id = text(&body, "id").to_owned();
        if id.is_empty() {
            return Err(ApiError::field(at("id"), "expected an id"));
        }
        if matches!(kind, Kind::Customer | Kind::Subscription) {
            self.n_people = self.n_people.saturating_add(1);
        }
        let key = (kind, id);
        let earlier = self.entities.get(&key);
        if source_time::is_stale(source_time::stated(&body), earlier.and_then(Line::stated)) {
            self.n_stale = self.n_stale.saturating_add(1);
            return Ok(());
        }
        let is_free = earlier.is_some_and(|earlier| earlier.is_free || earlier.stated().is_none());
        self.entities.insert(key, Line { at: its_line, body: RefCell::new(body), is_free });
        Ok(())
    }

    /// Whether the batch must be written before more lines are added.
    pub fn is_full(&self) -> bool {
        let max = if self.n_people == 0 { MAX_DEFINITIONS } else { MAX_BYTES };
        MAX_PEOPLE <= self.n_people || max <= self.n_bytes || MAX_ROOM <= self.room
    }

    /// Removes the lines that are older than what is stored by their `source_updated_at`.
    ///
    /// # Errors
    /// The store's errors.
    pub fn drop_stale(&mut self, store: &dyn Store) -> Result<(), ApiError> {
        let is_asked = |line: &Line| !line.is_free && line.stated().is_some();
        if !self.entities.iter().any(|(_, line)| is_asked(line)) {
            return Ok(());
        }
        let all = std::mem::take(&mut self.entities);
        for ((kind, id), line) in all.iter() {
            if is_asked(line) {
                let stored = store.get(*kind, id)?;
                let known = source_time::known(*kind, id, stored.as_ref(), store)?;
                if source_time::is_stale(line.stated(), known) {
                    self.n_stale = self.n_stale.saturating_add(1);
                    continue;
                }
            }
            let kept = Line { at: line.at, body: RefCell::new(line.body.take()), is_free: line.is_free };
            self.entities.insert((*kind, id.clone()), kept);
        }
        Ok(())
    }

    /// The number of lines that were not applied, because they were older.
    pub fn n_stale(&self) -> u64 {
        self.n_stale
    }

    /// Adds the number of entities of each kind to `counts`.
    pub fn count(&self, counts: &mut Map<String, Value>) {
        for ((kind, _), _) in self.entities.iter() {
            let count = counts.entry(kind.list()).or_insert_with(|| 0.into());
            *count = count.as_u64().unwrap_or_default().saturating_add(1).into();
        }
    }

    /// The batch as a write. Moves the bodies out; the batch keeps their line numbers.
    pub fn changes(&self) -> Vec<Change> {
        let settings = self.settings.iter().map(|settings| Change::Settings(settings.clone()));
        let puts = self.entities.iter().map(|((kind, _), line)| Change::put(*kind, line.body.take()));
        settings.chain(puts).collect()
    }

    /// Replaces places such as `customers[3]` in an error by line numbers.
    pub fn locate(&self, mut failure: ApiError) -> ApiError {
        self.locate_all(&mut std::iter::once(&mut failure.place));
        self.locate_all(&mut failure.problems.iter_mut().map(|problem| &mut problem.place));
        failure
    }

    /// The same in warnings.
    pub fn locate_warnings(&self, warnings: &mut Problems) {
        self.locate_all(&mut warnings.list.iter_mut().map(|problem| &mut problem.place));
    }

    fn locate_all(&self, places: &mut dyn Iterator<Item = &mut Place>) {
        let only = if self.entities.len() == 1 { self.entities.iter().map(|(_, line)| line.at).next() } else { None };
        for place in places {
            let line = match place.element {
                Element::Listed(list, n) => {
                    let of_list = self.entities.iter().filter(|((kind, _), _)| kind.list() == list);
                    of_list.map(|(_, line)| line.at).nth(n)
                }
                _ => only,
            };
            place.element = line.unwrap_or(place.element);
        }
    }
}

/// Whether an import applies lines that are older than what is stored: `?apply_stale=true`, for a catalog that is
/// restored.
///
/// # Errors
/// Another value.
pub fn applies_stale(request: &Request<'_>) -> Result<bool, ApiError> {
    match request.single_parameter("apply_stale")?.as_deref() {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(ApiError::field("apply_stale", "expected true or false")),
    }
}
