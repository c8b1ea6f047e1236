//! `mayuse import`

use crate::input::{self, CliError};
use crate::key;
use crate::replace::{self, MAX_DOCUMENT};
use crate::server::{self, Answer, Server};
use crate::style;
use crate::upload::{Sending, Shape, Upload};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value};
use std::io::{self, Write};
use std::path::PathBuf;
use ureq::SendBody;

const LINES: &str = "application/x-ndjson";

/// What the server says of an import.
pub type Summary = Map<String, Value>;

/// The longest idempotency key that the Worker takes.
const MAX_TOKEN: usize = 255;

/// What to import, and where to.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
FILE has one entity per line: {\"kind\": \"customer\", \"id\": \"acme\", ...}. It is sent as a stream and
written in batches, each whole or not at all; what is there already and not in FILE stays. If that
is cut short, the command says how to go on: with a resume token, nothing is written twice. Give a
token of your own from the beginning where the message might be lost.

With --replace, what is not in FILE goes. A catalog document (`mayuse export` makes one) of up to
8 MiB is one write: readers see what was there or what is in FILE, and nothing in between. A larger
one, and a file of lines, is written in batches first; once all of it is there, what is not in FILE
is removed, one write each. Until the command ends, readers may see both, and a failure leaves both;
the same command given again ends it. Whatever others write meanwhile and is not in FILE goes too.

Examples:
  mayuse import catalog.ndjson --url http://localhost:8787 --key mayuse_demo_key
  export MAYUSE_KEY=...; zcat dump.gz | mayuse import - --url https://mayuse.example.com --resume nightly-42
  mayuse import catalog.ndjson --replace --url http://localhost:8787 --key mayuse_demo_key
  mayuse import demo/catalog.json --replace --url http://localhost:8787 --key mayuse_demo_key

Exit status: 0 imported, 1 the server refused or was not reached, 2 a bad question or file.")]
pub struct Args {
    /// Lines of JSON, or a catalog document; - reads standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    server: server::Args,
    /// Go on with an import of the same file that was cut short
    #[arg(long, value_name = "TOKEN")]
    resume: Option<String>,
    /// Replace the whole catalog
    #[arg(long, conflicts_with = "resume")]
    replace: bool,
    /// Print the server's answer as JSON
    #[arg(long)]
    json: bool,
}

/// Sends the file.
pub fn run(args: &Args) -> Result<bool, CliError> {
    let server = Server::new(&args.server)?;
    let what = input::name(&args.file);
    let usage = |message: String| CliError::Usage { message };
    let (shape, upload) = Upload::open(&args.file).map_err(|error| CliError::Io { what: what.clone(), error })?;
    match (shape, args.replace) {
        (Shape::Document, true) if upload.total.is_some_and(|n| n <= MAX_DOCUMENT) => put(args, &server, upload),
        (_, true) => replace::run(args, &server, shape, upload),
        (Shape::Lines, false) => {
            let token = match &args.resume {
                Some(token) if !server::is_header_value(token) || MAX_TOKEN < token.len() => {
                    let message = format!("--resume: expected 1 to {MAX_TOKEN} printable ASCII characters, no spaces");
                    return Err(usage(message));
                }
                Some(token) => token.clone(),
                None => format!("imp_{}", key::random_hex::<16>()?),
            };
            add(args, &server, upload, &token)
        }
        (Shape::Document, false) => {
            let message = "a catalog document replaces everything that is there; say --replace if that is meant";
            Err(usage(format!("{what}: {message}")))
        }
    }
}

/// Puts a document in the place of everything.
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

/// Writes lines that replace everything. The summary, or why not all of them are written and what the server said of that.
pub fn post(
    server: &Server,
    mut upload: Upload,
    token: &str,
) -> Result<Result<Summary, (CliError, Option<Summary>)>, CliError> {
    let answer = match send(server, "POST", "/v1/catalog/import", LINES, Some(token), &mut upload) {
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

/// Writes lines.
fn add(args: &Args, server: &Server, mut upload: Upload, token: &str) -> Result<bool, CliError> {
    let command = resume_command(args, token);
    if upload.progress.is_on() {
        // Whoever interrupts it can still go on.
        say(&style::for_stderr().dim(&format!("To go on if this is cut short: {command}")));
    }
    let answer = match send(server, "POST", "/v1/catalog/import", LINES, Some(token), &mut upload) {
        Ok(answer) => answer,
        // Nothing was sent, so the same command may be given again.
        Err(failure @ CliError::Server { .. }) if upload.n_bytes == 0 => return fail(args, failure, None, None),
        Err(failure @ CliError::Server { .. }) => {
            let failure = ask_how_far(server, failure, token);
            return fail(args, go_on(args, failure, "To go on", &command), None, Some(token));
        }
        Err(failure) => return Err(failure),
    };
    match answer.object() {
        Some(body) if answer.is_ok() && body.get("done") == Some(&Value::Bool(true)) => {
            report(args, &body, &format!("imported {} lines", number(&body, "lines")))?;
            Ok(true)
        }
        // It says itself how far it came.
        Some(body) if body.contains_key("resume_token") => {
            let mut failure =
                go_on(args, written(answer.refusal(), &body), "To go on once that is put right", &command);
            if args.resume.is_some() {
                failure = failure.hint("Without --resume, the import starts anew.");
            }
            fail(args, failure, Some(body), Some(token))
        }
        body if answer.is_fault() => {
            let failure = ask_how_far(server, answer.refusal(), token);
            fail(args, go_on(args, failure, "To go on", &command), body, Some(token))
        }
        body => fail(args, answer.refusal(), body, None),
    }
}

/// Sends a request with the file as its body.
fn send(
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

/// Asks the server how far an import came that was not answered.
fn ask_how_far(server: &Server, failure: CliError, token: &str) -> CliError {
    let path = format!("/v1/catalog/import/{}", utf8_percent_encode(token, NON_ALPHANUMERIC));
    let answer = server.get(&path, "application/json").and_then(|response| Answer::read(response, "GET"));
    match answer {
        Ok(answer) if answer.is_ok() => match answer.object() {
            Some(body) => written(failure, &body),
            None => failure,
        },
        Ok(answer) if answer.is_missing() => failure.hint("Nothing of it is written."),
        _ => failure.hint("The server does not say how much of it is written."),
    }
}

/// How far an import is written.
fn written(failure: CliError, body: &Map<String, Value>) -> CliError {
    let (lines, version) = (number(body, "lines"), number(body, "snapshot_version"));
    failure.hint(format!("The first {lines} lines are written; the snapshot version is {version}."))
}

pub fn number(body: &Map<String, Value>, name: &str) -> u64 {
    body.get(name).and_then(Value::as_u64).unwrap_or_default()
}

/// Says with which command to go on.
fn go_on(args: &Args, failure: CliError, when: &str, command: &str) -> CliError {
    let key = if args.server.key.is_some() { ", with the key as before" } else { "" };
    failure.hint(format!("{when}{key}:")).hint(format!("  {command}"))
}

/// Ends with a failure; in JSON too, if that is wanted.
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

/// The command that goes on. The key is not in it: it would end up in logs.
fn resume_command(args: &Args, token: &str) -> String {
    let file = args.file.display().to_string();
    let json = if args.json { " --json" } else { "" };
    let (file, url, token) = (input::quote(&file), input::quote(&args.server.url), input::quote(token));
    format!("mayuse import {file} --url {url} --resume {token}{json}")
}

/// Prints what was imported.
pub fn report(args: &Args, body: &Map<String, Value>, what: &str) -> Result<(), CliError> {
    if args.json {
        return input::print_json(body);
    }
    let entities = body.get("entities").and_then(Value::as_object);
    let counts = entities.into_iter().flatten().map(|(kind, count)| [kind.clone(), count.to_string()]);
    let rows: Vec<[String; 2]> = counts.collect();
    let paint = style::for_stdout();
    if !rows.is_empty() {
        input::print(&style::table(["KIND", "WRITTEN"], &rows, &paint, |_, _, cell| cell.to_owned()))?;
    }
    let version = number(body, "snapshot_version");
    input::print(&paint.green(&format!("{what}; snapshot version {version}")))
}

fn say(text: &str) {
    // Nothing is left to be told if standard error is gone.
    let _ = writeln!(io::stderr(), "{text}");
}
