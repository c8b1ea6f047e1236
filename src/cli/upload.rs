//! An uploaded file: its format and its progress.

use crate::input::{self, BYTE_ORDER_MARK};
use crate::server::Server;
use crate::style::Progress;
use mayuse_core::{Code, Problem};
use mayuse_dialects::MAX_LINE;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;
use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, Cursor, Read};
use std::path::Path;

/// The format of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shape {
    /// One entity per line.
    Lines,
    /// A catalog document.
    Document,
}

/// The problem of lines without an entity. A command that failed before a pipe gives such input; taken for a catalog,
/// it would deny everything to everybody. A document says by its format that an empty catalog is meant.
pub fn no_entity(n_lines: u64) -> Problem {
    let message = format!(
        "no line has a feature, plan, add-on, customer or subscription (lines read: {n_lines}), so the catalog would \
         be empty; if that is meant, give the document {{\"format\": 1}}"
    );
    Problem::error(Code::Missing, String::new(), message)
}

/// A file that is streamed once and never held whole.
pub struct Upload {
    input: Box<dyn Read>,
    pub name: String,
    /// The size, if it is known in advance.
    pub total: Option<u64>,
    pub n_bytes: u64,
    pub n_lines: u64,
    /// The error of reading, if it failed.
    pub failed: Option<io::Error>,
    pub progress: Progress,
    counts_lines: bool,
}

impl Upload {
    /// Opens a file and detects its format.
    pub fn open(path: &Path) -> io::Result<(Shape, Upload)> {
        let (mut input, mut total): (Box<dyn Read>, Option<u64>) = if path.as_os_str() == "-" {
            (Box::new(io::stdin().lock()), None)
        } else {
            let file = File::open(path)?;
            let about = file.metadata()?;
            (Box::new(file), about.is_file().then_some(about.len()))
        };
        let mut first = Vec::new();
        (&mut input).take(count(BYTE_ORDER_MARK.len())).read_to_end(&mut first)?;
        if first == BYTE_ORDER_MARK {
            first.clear();
            total = total.map(|total| total.saturating_sub(count(BYTE_ORDER_MARK.len())));
        }
        let mut input = Cursor::new(first).chain(input);
        let (shape, head) = look(&mut input)?;
        let input = Cursor::new(head).chain(input);
        // Bytes appended to the file from now on are not sent.
        let input: Box<dyn Read> = match total {
            Some(total) => Box::new(input.take(total)),
            None => Box::new(input),
        };
        let upload = Upload {
            input,
            name: input::name(path),
            total,
            n_bytes: 0,
            n_lines: 0,
            failed: None,
            progress: Progress::new(true, total),
            counts_lines: shape == Shape::Lines,
        };
        Ok((shape, upload))
    }

    /// Uploads bytes in memory.
    pub fn of(name: String, bytes: Vec<u8>, shape: Shape) -> Upload {
        let total = Some(count(bytes.len()));
        Upload {
            input: Box::new(Cursor::new(bytes)),
            name,
            total,
            n_bytes: 0,
            n_lines: 0,
            failed: None,
            progress: Progress::new(true, total),
            counts_lines: shape == Shape::Lines,
        }
    }
}

impl Read for Upload {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.input.read(buffer)?;
        if n == 0 && !buffer.is_empty() && self.total.is_some_and(|total| self.n_bytes < total) {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file became shorter while it was read"));
        }
        self.n_bytes = self.n_bytes.saturating_add(count(n));
        if self.counts_lines {
            let breaks = buffer.iter().take(n).filter(|byte| **byte == b'\n');
            self.n_lines = self.n_lines.saturating_add(count(breaks.count()));
        }
        self.progress.show(self.n_bytes, self.counts_lines.then_some(self.n_lines));
        Ok(n)
    }
}

fn count(n: usize) -> u64 {
    n.try_into().unwrap_or(u64::MAX)
}

/// The body of a request, read from an upload.
pub struct Sending<'u> {
    pub upload: &'u mut Upload,
    pub server: &'u Server,
    /// The bytes of padding sent after the server stopped reading.
    n_padded: u64,
}

impl<'u> Sending<'u> {
    pub fn new(upload: &'u mut Upload, server: &'u Server) -> Sending<'u> {
        Sending { upload, server, n_padded: 0 }
    }
}

impl Read for Sending<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.server.is_gone() {
            // The file is not read further. A body with an announced length is padded instead.
            let n_sent = self.upload.n_bytes.saturating_add(self.n_padded);
            let left = self.upload.total.unwrap_or_default().saturating_sub(n_sent);
            let n = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
            self.n_padded = self.n_padded.saturating_add(count(n));
            return Ok(n);
        }
        self.upload.read(buffer).map_err(|error| {
            let reported = io::Error::new(error.kind(), error.to_string());
            self.upload.failed = Some(error);
            reported
        })
    }
}

/// Detects the format of an input. Returns the bytes read to find out, too.
///
/// The first field `kind` or `format` in the first object decides. An object longer than the maximum line
/// is a document. The server refuses an input that is not an object, and names the line.
fn look(input: &mut dyn Read) -> io::Result<(Shape, Vec<u8>)> {
    let mut head = Recorded { input, bytes: Vec::new(), failed: None };
    let mut found = None;
    let limit = count(MAX_LINE).saturating_add(2);
    let mut json = serde_json::Deserializer::from_reader(BufReader::new((&mut head).take(limit)));
    let read = json.deserialize_map(Look(&mut found));
    drop(json);
    let is_cut = read.is_err_and(|error| error.is_eof()) && limit <= count(head.bytes.len());
    match (head.failed, found) {
        (Some(error), _) => Err(error),
        (None, Some(shape)) => Ok((shape, head.bytes)),
        (None, None) if is_cut => Ok((Shape::Document, head.bytes)),
        (None, None) => Ok((Shape::Lines, head.bytes)),
    }
}

/// A reader that records all bytes.
struct Recorded<'i> {
    input: &'i mut dyn Read,
    bytes: Vec<u8>,
    failed: Option<io::Error>,
}

impl Read for Recorded<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.input.read(buffer).or_else(|error| match error.kind() {
            io::ErrorKind::Interrupted => Err(error),
            _ => {
                self.failed = Some(error);
                Ok(0)
            }
        })?;
        self.bytes.extend(buffer.iter().take(n));
        Ok(n)
    }
}

struct Look<'f>(&'f mut Option<Shape>);

impl<'de> Visitor<'de> for Look<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<String>()? {
            if name == "kind" {
                *self.0 = Some(Shape::Lines);
                return Ok(());
            }
            if name == "format" && map.next_value::<Value>()?.is_number() {
                *self.0 = Some(Shape::Document);
                return Ok(());
            } else if name != "format" {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}
