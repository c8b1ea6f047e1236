//! Compiles a catalog, as a document or as lines, into objects.

use crate::input::{self, CliError};
use crate::upload::{self, Shape, Upload};
use mayuse_core::{BlockBuilder, Code, Element, GrantUsage, Packed, Problem, Problems, SortedRecords};
use mayuse_dialects::{Kind, MAX_LINE};
use mayuse_document::{Document, SETTINGS, Tree, add_element};
use serde::Deserialize;
use std::borrow::Cow;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

/// A compiled catalog, ready to be split into shards.
#[derive(Debug)]
pub struct Compiled {
    /// Features, plans, add-ons and the ladder.
    pub object: Packed,
    pub customers: SortedRecords,
    /// Problems that do not prevent its use.
    pub problems: Problems,
}

/// The reason why a catalog is refused.
enum Refused {
    Io(io::Error),
    Json(String),
    Problems(Problems),
}

impl From<io::Error> for Refused {
    fn from(error: io::Error) -> Refused {
        Refused::Io(error)
    }
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Refused {
        Refused::Problems(problem.into())
    }
}

/// Compiles a catalog. Lines are read one by one, and only their packed form is kept.
pub fn compile(path: &Path, seed: u64) -> Result<Compiled, CliError> {
    let what = input::name(path);
    let io = |error| CliError::Io { what: what.clone(), error };
    let (shape, mut upload) = Upload::open(path).map_err(io)?;
    upload.progress = upload.progress.reads();
    let compiled = match shape {
        Shape::Document => document(&mut upload, seed),
        Shape::Lines => lines(&mut upload, seed),
    };
    upload.progress.clear();
    compiled.map_err(|refused| match refused {
        Refused::Io(error) => CliError::Io { what, error },
        Refused::Json(message) => CliError::Json { what, message },
        Refused::Problems(problems) => CliError::Problems { what, problems },
    })
}

fn document(upload: &mut Upload, seed: u64) -> Result<Compiled, Refused> {
    let mut json = serde_json::Deserializer::from_reader(BufReader::with_capacity(1 << 16, upload));
    let document = Document::deserialize(&mut json).and_then(|document| json.end().map(|()| document));
    let mut document = document.map_err(|error| match error.io_error_kind() {
        Some(_) => Refused::Io(error.into()),
        None => Refused::Json(error.to_string()),
    })?;
    document.with_zones(mayuse_zones::offsets);
    let (object, customers, problems) = document.pack(seed).map_err(Refused::Problems)?;
    Ok(Compiled { object, customers, problems })
}

fn lines(upload: &mut Upload, seed: u64) -> Result<Compiled, Refused> {
    let mut lines = Lines::new(upload);
    let mut problems = Problems::default();
    let mut document = Document::default();
    document.with_zones(mayuse_zones::offsets);
    let mut first = None;
    while let Some(line) = lines.next(&mut problems)? {
        if line.is_person() {
            first = Some(line);
            break;
        }
        line.define(&mut document);
    }
    if !problems.is_usable() {
        return Err(Refused::Problems(problems));
    }
    // Customers are checked against the definitions and every time zone. Whether a pool has units, and which time zones
    // there are, is known only after all are read.
    let mut part = document.clone();
    part.mark_as_part();
    part.with_external_grants(GrantUsage { zones: mayuse_zones::names(), ..GrantUsage::default() });
    let (_, catalog, _) = part.pack_definitions().map_err(Refused::Problems)?;
    let mut pile = BlockBuilder::new(&catalog, seed).of_lines();
    let first_at = first.as_ref().map(|line| line.number).unwrap_or_default();
    let mut next = first;
    while let Some(line) = next {
        match line.kind {
            Some(kind) if line.is_person() => match add_element(&mut pile, kind.list(), line.number, &line.fields) {
                Ok(found) | Err(found) => extend(&mut problems, found),
            },
            Some(kind) if kind.is_definition() => {
                let message = format!(
                    "a {} after customers: features, plans and add-ons must come first, and line {first_at} is a \
                     customer or subscription already",
                    kind.name().replace('_', "-")
                );
                return Err(Problem::error(Code::Invalid, line.at(), message).into());
            }
            _ => line.define(&mut document),
        }
        next = lines.next(&mut problems)?;
    }
    if !problems.is_usable() {
        return Err(Refused::Problems(problems));
    }
    if lines.n_entities == 0 {
        return Err(upload::no_entity(lines.n_read).into());
    }
    document.with_external_grants(pile.seen());
    let (object, _, found) = document.pack_definitions().map_err(Refused::Problems)?;
    let customers = pile.sorted().map_err(Refused::Problems)?;
    extend(&mut problems, found);
    Ok(Compiled { object, customers, problems })
}

fn extend(problems: &mut Problems, more: Problems) {
    more.list.into_iter().for_each(|problem| problems.push(problem));
    problems.n_more = problems.n_more.saturating_add(more.n_more);
}

/// A reader of lines.
struct Lines<'u> {
    input: BufReader<&'u mut Upload>,
    number: usize,
    bytes: Vec<u8>,
    /// The number of lines read, without blank lines, and of those that are entities.
    n_read: u64,
    n_entities: u64,
}

/// A parsed line: an entity or the settings.
struct Line {
    number: usize,
    kind: Option<Kind>,
    fields: Tree<'static>,
}

impl<'u> Lines<'u> {
    fn new(upload: &'u mut Upload) -> Lines<'u> {
        Lines {
            input: BufReader::with_capacity(1 << 18, upload),
            number: 0,
            bytes: Vec::new(),
            n_read: 0,
            n_entities: 0,
        }
    }

    /// The next valid line. Problems of invalid lines before it are recorded.
    fn next(&mut self, problems: &mut Problems) -> io::Result<Option<Line>> {
        loop {
            self.bytes.clear();
            // Two bytes above the maximum (a line break and one more) show that a line is too long.
            let limit = u64::try_from(MAX_LINE).unwrap_or(u64::MAX).saturating_add(2);
            let n = (&mut self.input).take(limit).read_until(b'\n', &mut self.bytes)?;
            if n == 0 {
                return Ok(None);
            }
            self.number = self.number.saturating_add(1);
            let error = |code, message: String| Problem::error(code, Element::Line(self.number), message);
            if MAX_LINE < self.bytes.trim_ascii_end().len() {
                // The bytes that follow belong to this line, so reading ends.
                let message = format!("it is longer than the {MAX_LINE} bytes that a line may have");
                problems.push(error(Code::OutOfRange, message));
                return Ok(None);
            }
            if self.bytes.trim_ascii().is_empty() {
                continue;
            }
            match Line::read(self.number, &self.bytes) {
                Ok(line) => {
                    self.n_read = self.n_read.saturating_add(1);
                    self.n_entities = self.n_entities.saturating_add(line.kind.is_some().into());
                    return Ok(Some(line));
                }
                Err((code, message)) => problems.push(error(code, message)),
            }
        }
    }
}

impl Line {
    fn read(number: usize, bytes: &[u8]) -> Result<Line, (Code, String)> {
        let tree: Tree = serde_json::from_slice(bytes).map_err(|error| {
            // The parser's line number is always 1 here.
            let message = error.to_string().replace("at line 1 ", "at ");
            let hint = if number == 1 { "; a catalog document says \"format\": 1" } else { "" };
            (Code::Invalid, format!("cannot be read: {message}{hint}"))
        })?;
        let Tree::Object(mut fields) = tree else {
            return Err((Code::WrongType, "expected an object".to_owned()));
        };
        let is_kind = |field: &(Cow<'_, str>, Tree<'_>)| field.0 == "kind";
        let at = fields.iter().position(is_kind);
        let kind = match at.map(|at| fields.remove(at).1) {
            Some(Tree::Text(kind)) => kind,
            _ => return Err((Code::Missing, "kind: expected what the line is: \"customer\", for example".to_owned())),
        };
        if fields.iter().any(is_kind) {
            return Err((Code::Duplicate, "kind: the field is written twice".to_owned()));
        }
        let kind = match kind.as_ref() {
            "settings" => None,
            name => {
                let shown: String = name.chars().take(64).flat_map(char::escape_debug).collect();
                let unknown = || (Code::UnknownValue, format!("kind: there is no kind `{shown}`"));
                Some(Kind::parse(name).ok_or_else(unknown)?)
            }
        };
        Ok(Line { number, kind, fields: Tree::Object(fields) })
    }

    fn at(&self) -> Element {
        Element::Line(self.number)
    }

    fn is_person(&self) -> bool {
        matches!(self.kind, Some(Kind::Customer | Kind::Subscription))
    }

    /// Adds the line to the definitions. Kinds that decisions do not use are ignored.
    fn define(&self, document: &mut Document) {
        match (self.kind, &self.fields) {
            (Some(Kind::Coupon | Kind::AddOnMapping), _) => {}
            (Some(kind), fields) => document.add_at(kind.list(), self.at(), fields),
            (None, Tree::Object(fields)) => {
                let settings = fields.iter().filter(|(name, _)| SETTINGS.contains(&&**name));
                settings.for_each(|(name, value)| document.set(name, value));
            }
            (None, _) => {}
        }
    }
}
