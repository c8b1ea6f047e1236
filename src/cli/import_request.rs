//! The requests that `mayuse import` sends, with and without `--replace`.

use crate::input::{self, CliError};
use crate::server::{self, Answer, Server};
use crate::style;
use crate::upload::{Sending, Upload};
use serde_json::{Map, Value};
use std::io::{self, Write};
use std::path::PathBuf;
use ureq::SendBody;

/// The content type of lines.
pub const LINES: &str = "application/x-ndjson";

/// The warnings that are printed.
const MAX_WARNINGS: usize = 10;

/// The server's summary of an import.
pub type Summary = Map<String, Value>;

/// What to import, and where to.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
FILE has one entity per line: {\"kind\": \"customer\", \"id\": \"acme\", ...}. It is sent as a stream and
written in batches, each whole or not at all; what is there already and not in FILE stays. If that
is cut short, the command says how to go on: with a resume token, nothing is written twice. Give a
token of your own from the beginning where the message might be lost. A line whose source_updated_at
is older than that of what is stored is not applied, and counted.

With --replace, what is not in FILE goes. A catalog document (`mayuse export` makes one) of up to
8 MiB is one write: readers see what was there or what is in FILE, and nothing in between. A larger
one, and a file of lines, is written in batches first; once all of it is there, what is not in FILE
is removed, one write each. Until the command ends, readers may see both, and a failure leaves both;
the same command given again ends it. Whatever others write meanwhile and is not in FILE goes too.
Lines without an entity replace nothing: the document {\"format\": 1} says that an empty catalog is meant.

Examples:
  mayuse import catalog.ndjson --url http://localhost:8787 --key mayuse_demo_key
  export MAYUSE_KEY=...; zcat dump.gz | mayuse import - --url https://mayuse.example.com --resume nightly-42
  mayuse import catalog.ndjson --replace --url http://localhost:8787 --key mayuse_demo_key
  mayuse import demo/catalog.json --replace --url http://localhost:8787 --key mayuse_demo_key

Exit status: 0 imported, 1 the server refused or was not reached, 2 a bad question or file.")]
pub struct Args {
    /// Lines of JSON, or a catalog document; - reads standard input
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    #[command(flatten)]
    pub server: server::Args,
    /// Go on with an import of the same file that was cut short
    #[arg(long, value_name = "TOKEN")]
    pub resume: Option<String>,
    /// Replace the whole catalog
    #[arg(long, conflicts_with = "resume")]
    pub replace: bool,
    /// Print the server's answer as JSON
    #[arg(long)]
    pub json: bool,
}

/// Replaces the catalog by a document.
pub fn put(args: &Args, server: &Server, mut upload: Upload) -> Result<bool, CliError> {
    let answer = send(server, "PUT", "/v1/catalog", "application/json", None, &mut upload);
    let (failure, body) = match answer {
        Ok(answer) => match (answer.is_ok(), answer.object()) {
            (true, Some(body)) => {
                report(args, &body, "replaced the catalog")?;
                return Ok(true);
            }
            (_, body) => (answer.refusal(), body),
        },
        Err(failure) => {
            (failure.hint("A document is written whole or not at all; the same command may be given again."), None)
        }
    };
    fail(args, failure, body, None)
}

/// Writes lines that replace everything. Returns the summary, or the error with the server's answer.
pub fn post(
    server: &Server,
    mut upload: Upload,
    token: &str,
) -> Result<Result<Summary, (CliError, Option<Summary>)>, CliError> {
    // The file is the whole catalog from now on, even if its entities are older than the stored ones.
    let path = "/v1/catalog/import?apply_stale=true";
    let answer = match send(server, "POST", path, LINES, Some(token), &mut upload) {
        Ok(answer) => answer,
        Err(failure @ CliError::Server { .. }) => return Ok(Err((failure, None))),
        Err(failure) => return Err(failure),
    };
    Ok(match answer.object() {
        Some(body) if answer.is_ok() && body.get("done") == Some(&Value::Bool(true)) => Ok(body),
        Some(body) if body.contains_key("resume_token") => Err((written(answer.refusal(), &body), Some(body))),
        body => Err((answer.refusal(), body)),
    })
}

/// Sends a request with the file as its body.
pub fn send(
    server: &Server,
    method: &str,
    path: &str,
    content_type: &str,
    token: Option<&str>,
    upload: &mut Upload,
) -> Result<Answer, CliError> {
    let length = upload.total.map(|total| total.to_string());
    let mut headers = vec![("content-type", content_type)];
    headers.extend(length.as_deref().map(|length| ("content-length", length)));
    headers.extend(token.map(|token| ("idempotency-key", token)));
    let asked = format!("{method} {}{path}", server.url);
    let mut reader = Sending::new(upload, server);
    let sent = server.send(method, path, &headers, SendBody::from_reader(&mut reader));
    let sent = sent.and_then(|response| Answer::read(response, &asked));
    upload.progress.clear();
    match (sent, upload.failed.take()) {
        (_, Some(error)) => Err(CliError::Io { what: upload.name.clone(), error }),
        (Ok(answer), None) => Ok(answer),
        (Err(error), None) if upload.n_bytes == 0 => Err(server.unreachable(&error)),
        (Err(error), None) => {
            let at = match upload.n_lines {
                0 => String::new(),
                n => format!(", line {n}"),
            };
            let sent = style::bytes(upload.n_bytes as f64);
            let message = format!("{asked}: the connection broke after {sent}{at}: {}", server::reason(&error));
            Err(CliError::server("CONNECTION_LOST", message))
        }
    }
}

/// Adds the progress of the import to a failure.
pub fn written(failure: CliError, body: &Map<String, Value>) -> CliError {
    let (lines, version) = (number(body, "lines"), number(body, "snapshot_version"));
    let first = match lines {
        1 => "The first line is".to_owned(),
        n => format!("The first {n} lines are"),
    };
    failure.hint(format!("{first} written; the snapshot version is {version}."))
}

/// A number in the server's answer, or 0 if it is missing.
pub fn number(body: &Map<String, Value>, name: &str) -> u64 {
    body.get(name).and_then(Value::as_u64).unwrap_or_default()
}

/// Returns the failure, and prints it as JSON too if `--json` is set.
pub fn fail(
    args: &Args,
    failure: CliError,
    body: Option<Map<String, Value>>,
    token: Option<&str>,
) -> Result<bool, CliError> {
    if args.json
        && let CliError::Server { problems, .. } = &failure
    {
        let (code, message) = problems.first().cloned().unwrap_or_default();
        let mut body = body.unwrap_or_else(|| server::as_json(&code, &message));
        if let Some(token) = token {
            body.entry("resume_token").or_insert_with(|| token.into());
            body.entry("done").or_insert(Value::Bool(false));
        }
        input::print_json(&body)?;
    }
    Err(failure)
}

/// Prints what was imported.
pub fn report(args: &Args, body: &Map<String, Value>, what: &str) -> Result<(), CliError> {
    if args.json {
        return input::print_json(body);
    }
    let warnings = body.get("warnings").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let paint = style::for_stderr();
    for warning in warnings.iter().take(MAX_WARNINGS) {
        let field = |name: &str| warning.get(name).and_then(Value::as_str).unwrap_or_default();
        // The import is done, so a skipped row is no more than a warning.
        let label = format!("warning[{}]", field("code"));
        let text = style::plain(&format!("{}: {}", field("path"), field("message"))).into_owned();
        // What cannot be printed to a closed pipe is in the answer, too.
        let _ = writeln!(io::stderr(), "{} {text}", paint.yellow(&label));
    }
    let n_more = number(body, "warning_count").saturating_sub(warnings.len().min(MAX_WARNINGS).try_into().unwrap_or(0));
    if 0 < n_more {
        let _ = writeln!(io::stderr(), "and {}; --json lists the first hundred", style::count(n_more, "more warning"));
    }
    let entities = body.get("entities").and_then(Value::as_object);
    let counts = entities.into_iter().flatten().map(|(kind, count)| [kind.clone(), count.to_string()]);
    let rows: Vec<[String; 2]> = counts.collect();
    let paint = style::for_stdout();
    if !rows.is_empty() {
        input::print(&style::table(["KIND", "WRITTEN"], &rows, &paint, |_, _, cell| cell.to_owned()))?;
    }
    match number(body, "stale") {
        0 => {}
        1 => input::print("1 line is older than what is stored by its source_updated_at, and was not applied")?,
        n => {
            input::print(&format!(
                "{n} lines are older than what is stored by their source_updated_at, and were not applied"
            ))?;
        }
    }
    let version = number(body, "snapshot_version");
    input::print(&paint.green(&format!("{what}; snapshot version {version}")))
}
