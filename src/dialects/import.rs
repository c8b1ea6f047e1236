//! Imports large catalogs as NDJSON, in batches. Each batch is written in one transaction.

use crate::failure::{ApiError, ErrorKind};
use crate::kind::Kind;
use crate::store::{Change, SETTINGS, text};
use crate::strict;
use mayuse_core::{Element, Place, Problems, SortedMap};
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
    entities: SortedMap<(Kind, String), (Element, RefCell<Value>)>,
    settings: Option<Value>,
    n_people: usize,
    n_bytes: usize,
    room: usize,
}

impl Batch {
    /// Adds a line `{"kind": "subscription", ...}`. Lines are numbered from 1. A blank line is
    /// skipped. A line of the kind `settings` has the ladder and the access statuses.
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
        self.entities.insert((kind, id), (its_line, RefCell::new(body)));
        Ok(())
    }

    /// Whether the batch must be written before more lines are added.
    pub fn is_full(&self) -> bool {
        let max = if self.n_people == 0 { MAX_DEFINITIONS } else { MAX_BYTES };
        MAX_PEOPLE <= self.n_people || max <= self.n_bytes || MAX_ROOM <= self.room
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
        let puts = self.entities.iter().map(|((kind, _), (_, body))| Change::put(*kind, body.take()));
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
        let only =
            if self.entities.len() == 1 { self.entities.iter().map(|(_, (line, _))| *line).next() } else { None };
        for place in places {
            let line = match place.element {
                Element::Listed(list, n) => {
                    let of_list = self.entities.iter().filter(|((kind, _), _)| kind.list() == list);
                    of_list.map(|(_, (line, _))| *line).nth(n)
                }
                _ => only,
            };
            place.element = line.unwrap_or(place.element);
        }
    }
}
