//! What a command reads: files, standard input, the clock; and how it fails.

use crate::style;
use mayuse_core::{FullCatalog, Instant, Problem, Problems, WriteJson};
use mayuse_document::Document;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// The most a file may hold. A catalog of a million customers has about half of it.
const MAX_FILE_BYTES: u64 = 2 << 30;

/// Why a command could not be carried out.
#[derive(Debug)]
pub enum CliError {
    /// Something that cannot be read or written.
    Io { what: String, error: io::Error },
    /// A file that is not the JSON it should be.
    Json { what: String, message: String },
    /// A document or question that is wrong.
    Problems { what: String, problems: Problems },
    /// A snapshot that is wrong, or is none.
    Snapshot { what: String, message: String },
    /// It was said already.
    Told,
    /// A command that does not say what it needs to.
    Usage { message: String },
    /// A server that refuses, or cannot be reached: codes and what they are about, and what to do.
    Server { problems: Vec<(String, String)>, hints: Vec<String> },
    /// Nobody reads the output any more.
    PipeClosed,
}

impl CliError {
    /// Says on standard error what is wrong, where, and what to do about it.
    pub fn report(&self) {
        let mut out = io::stderr().lock();
        let paint = style::for_stderr();
        let mut line = |label: &str, parts: &[&str]| {
            let parts: Vec<_> = parts.iter().map(|part| style::plain(part)).collect();
            writeln!(out, "{} {}", paint.red(&format!("error[{}]", style::plain(label))), parts.join(": "))
        };
        // Nothing is left to be told if standard error is gone.
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

    /// The same without colour, in one text.
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

    /// One problem with a server.
    pub fn server(code: &str, text: impl Into<String>) -> CliError {
        CliError::Server { problems: vec![(code.to_owned(), text.into())], hints: Vec::new() }
    }

    /// The same with one more line of advice.
    pub fn hint(mut self, hint: impl Into<String>) -> CliError {
        if let CliError::Server { hints, .. } = &mut self {
            hints.push(hint.into());
        }
        self
    }

    /// One problem of a question.
    pub fn question(problem: Problem) -> CliError {
        CliError::Problems { what: "the question".to_owned(), problems: problem.into() }
    }
}

/// Prints problems, one per line: `error[CODE] path: message`.
pub fn report_problems(out: &mut impl Write, paint: &style::Paint, what: &str, problems: &Problems) -> io::Result<()> {
    for problem in &problems.list {
        let label = format!("{}[{}]", problem.severity.name().to_lowercase(), problem.code.name());
        let label = match problem.severity {
            mayuse_core::Severity::Error => paint.red(&label),
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
        Ok(n) if u64::try_from(n).is_ok_and(|n| n < MAX_FILE_BYTES) => Ok(bytes),
        Ok(_) => {
            let message = format!("the file is larger than the {MAX_FILE_BYTES} bytes that are read");
            Err(CliError::Io { what, error: io::Error::other(message) })
        }
        Err(error) => Err(CliError::Io { what, error }),
    }
}

/// Reads a catalog document. What is merely skipped in it is not spoken of here: `validate` is
/// the command for that.
pub fn catalog(path: &Path) -> Result<FullCatalog, CliError> {
    let (catalog, _) =
        document(path)?.compile().map_err(|problems| CliError::Problems { what: name(path), problems })?;
    Ok(catalog)
}

/// Reads a document without resolving its names.
pub fn document(path: &Path) -> Result<Document, CliError> {
    let bytes = read(path)?;
    serde_json::from_slice(&bytes).map_err(|error| CliError::Json { what: name(path), message: error.to_string() })
}

/// How a path is called in messages.
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

/// Prints a text to standard output. A reader that went away is no error.
pub fn print(text: &str) -> Result<(), CliError> {
    let mut out = io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush());
    written.map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => CliError::PipeClosed,
        _ => CliError::Io { what: "standard output".to_owned(), error },
    })
}

/// A word of a command line, so that a shell takes it as it is.
pub fn quote(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./:@%+=,".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    if style::plain(word) == word {
        return format!("'{}'", word.replace('\'', r"'\''"));
    }
    // Escaped, as bash, zsh and ksh read it: what a terminal would take for a command is not printed.
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

/// An answer of the core, to be looked into.
pub fn value_of(answer: &impl WriteJson) -> Result<serde_json::Value, CliError> {
    serde_json::from_str(&answer.to_json()).map_err(no_json)
}

fn no_json(error: serde_json::Error) -> CliError {
    CliError::Json { what: "the answer".to_owned(), message: error.to_string() }
}
