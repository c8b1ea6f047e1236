//! The inputs and outputs of a command: files, standard streams, the clock, and errors.

use crate::style;
use mayuse_core::{Code, FullCatalog, Instant, Problem, Problems, Severity, WriteJson};
use mayuse_document::Document;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// The maximum size of a file. A catalog of a million customers has about half of it.
const MAX_FILE_BYTES: u64 = 2 << 30;

/// What some programs begin a text in UTF-8 with. It is no part of the text.
pub const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The failure of a command.
#[derive(Debug)]
pub enum CliError {
    /// Something cannot be read or written.
    Io { what: String, error: io::Error },
    /// A file is not the expected JSON.
    Json { what: String, message: String },
    /// A document or question has problems.
    Problems { what: String, problems: Problems },
    /// A snapshot is invalid or missing.
    Snapshot { what: String, message: String },
    /// The failure is already reported.
    Told,
    /// An argument is missing or invalid.
    Usage { message: String },
    /// A server refuses or cannot be reached. A problem is a code and its text; hints say what to do.
    Server { problems: Vec<(String, String)>, hints: Vec<String> },
    /// The reader of the output closed the pipe.
    PipeClosed,
}

impl CliError {
    /// Prints the error, its place and the next step on standard error.
    pub fn report(&self) {
        let mut out = io::stderr().lock();
        let paint = style::for_stderr();
        let mut line = |label: &str, parts: &[&str]| {
            let parts: Vec<_> = parts.iter().map(|part| style::plain(part)).collect();
            writeln!(out, "{} {}", paint.red(&format!("error[{}]", style::plain(label))), parts.join(": "))
        };
        // A closed standard error leaves no place to report to.
        let _ = match self {
            CliError::Io { what, error } => line("IO", &[what, &error.to_string()]),
            CliError::Json { what, message } => line("INVALID_JSON", &[what, message]),
            CliError::Problems { what, problems } => report_problems(&mut out, &paint, what, problems),
            CliError::Usage { message } => line("USAGE", &[message]),
            CliError::Server { problems, hints } => problems
                .iter()
                .try_for_each(|(code, text)| line(code, &[text]))
                .and_then(|()| hints.iter().try_for_each(|hint| writeln!(out, "{}", style::plain(hint)))),
            CliError::Snapshot { what, message } => line("SNAPSHOT", &[what, message]),
            CliError::PipeClosed | CliError::Told => Ok(()),
        };
    }

    /// The error as plain text without colour.
    pub fn message(&self) -> String {
        match self {
            CliError::Io { what, error } => format!("{what}: {error}"),
            CliError::Json { what, message } | CliError::Snapshot { what, message } => format!("{what}: {message}"),
            CliError::Problems { what, problems } => format!("{what}: {problems}"),
            CliError::Usage { message } => message.clone(),
            CliError::Server { problems, .. } => {
                problems.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>().join("\n")
            }
            CliError::PipeClosed | CliError::Told => String::new(),
        }
    }

    /// The exit status.
    pub fn status(&self) -> u8 {
        match self {
            CliError::Server { .. } => 1,
            CliError::PipeClosed => 0,
            _ => 2,
        }
    }

    /// Creates an error with one problem of a server.
    pub fn server(code: &str, text: impl Into<String>) -> CliError {
        CliError::Server { problems: vec![(code.to_owned(), text.into())], hints: Vec::new() }
    }

    /// Adds a hint.
    pub fn hint(mut self, hint: impl Into<String>) -> CliError {
        if let CliError::Server { hints, .. } = &mut self {
            hints.push(hint.into());
        }
        self
    }

    /// Creates an error with one problem of a question.
    pub fn question(problem: Problem) -> CliError {
        CliError::Problems { what: "the question".to_owned(), problems: problem.into() }
    }
}

/// Prints problems, one per line: `error[CODE] path: message`.
pub fn report_problems(out: &mut impl Write, paint: &style::Paint, what: &str, problems: &Problems) -> io::Result<()> {
    for problem in &problems.list {
        let severity = match problem.severity {
            // What is skipped for a value that is not known yet is accepted with it, as for all warnings.
            Severity::Skipped if problem.code == Code::UnknownValue => Severity::Warning,
            severity => severity,
        };
        let label = format!("{}[{}]", severity.name().to_lowercase(), problem.code.name());
        let label = match problem.severity {
            Severity::Error => paint.red(&label),
            _ => paint.yellow(&label),
        };
        writeln!(out, "{label} {}: {}", style::plain(what), style::plain(&problem.to_string()))?;
    }
    if 0 < problems.n_more {
        writeln!(out, "and {} more problems in {}", problems.n_more, style::plain(what))?;
    }
    Ok(())
}

/// Reads a file, or standard input for `-`.
pub fn read(path: &Path) -> Result<Vec<u8>, CliError> {
    let what = name(path);
    let mut bytes = Vec::new();
    let result = if path.as_os_str() == "-" {
        io::stdin().lock().take(MAX_FILE_BYTES).read_to_end(&mut bytes)
    } else {
        File::open(path).and_then(|file| file.take(MAX_FILE_BYTES).read_to_end(&mut bytes))
    };
    match result {
        Ok(n) if u64::try_from(n).is_ok_and(|n| n < MAX_FILE_BYTES) => {
            if bytes.starts_with(BYTE_ORDER_MARK) {
                bytes.drain(..BYTE_ORDER_MARK.len());
            }
            Ok(bytes)
        }
        Ok(_) => {
            let message = format!("the file is larger than the {MAX_FILE_BYTES} bytes that are read");
            Err(CliError::Io { what, error: io::Error::other(message) })
        }
        Err(error) => Err(CliError::Io { what, error }),
    }
}

/// Reads a catalog document. Warnings are not reported here; `mayuse validate` reports them.
pub fn catalog(path: &Path) -> Result<FullCatalog, CliError> {
    let (catalog, _) =
        document(path)?.compile().map_err(|problems| CliError::Problems { what: name(path), problems })?;
    Ok(catalog)
}

/// Reads a document without resolving its names.
pub fn document(path: &Path) -> Result<Document, CliError> {
    document_of(&read(path)?, path)
}

/// As `document`, of the bytes of its file.
pub fn document_of(bytes: &[u8], path: &Path) -> Result<Document, CliError> {
    let mut document = Document::parse_bytes(bytes)
        .map_err(|error| CliError::Json { what: name(path), message: error.to_string() })?;
    document.with_zones(mayuse_zones::offsets);
    Ok(document)
}

/// The name of a path in messages.
pub fn name(path: &Path) -> String {
    if path.as_os_str() == "-" {
        "standard input".to_owned()
    } else {
        style::plain(&path.display().to_string()).into_owned()
    }
}

/// The clock, read once per command.
pub fn now() -> Instant {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_1970.as_millis()).ok().and_then(Instant::from_millis).unwrap_or(Instant::MAX)
}

/// Prints text to standard output. A closed pipe is not reported as an error.
pub fn print(text: &str) -> Result<(), CliError> {
    let mut out = io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush());
    written.map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => CliError::PipeClosed,
        _ => CliError::Io { what: "standard output".to_owned(), error },
    })
}

/// Quotes an argument for a shell.
pub fn quote(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./:@%+=,".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    if style::plain(word) == word {
        return format!("'{}'", word.replace('\'', r"'\''"));
    }
    // Control characters are escaped in the syntax of bash, zsh and ksh, so that no terminal executes them.
    let escaped = word.bytes().map(|byte| match byte {
        b'\'' | b'\\' => format!("\\{}", char::from(byte)),
        b' '..=b'~' => char::from(byte).to_string(),
        byte => format!("\\x{byte:02x}"),
    });
    format!("$'{}'", escaped.collect::<String>())
}

/// Prints a value as JSON.
pub fn print_json(value: &impl serde::Serialize) -> Result<(), CliError> {
    print(&style::plain_json(&serde_json::to_string_pretty(value).map_err(no_json)?))
}

/// Prints an answer of the core as JSON.
pub fn print_answer(answer: &impl WriteJson) -> Result<(), CliError> {
    print_json(&value_of(answer)?)
}

/// Converts an answer of the core into a JSON value.
pub fn value_of(answer: &impl WriteJson) -> Result<serde_json::Value, CliError> {
    serde_json::from_str(&answer.to_json()).map_err(no_json)
}

fn no_json(error: serde_json::Error) -> CliError {
    CliError::Json { what: "the answer".to_owned(), message: error.to_string() }
}
