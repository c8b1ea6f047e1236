//! `mayuse import`

use crate::import_request::{Args, LINES, fail, number, put, report, send, written};
use crate::input::{self, CliError};
use crate::key;
use crate::replace::{self, MAX_DOCUMENT};
use crate::server::{self, Answer, Server};
use crate::style;
use crate::upload::{Shape, Upload};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use std::io::{self, Write};

/// The longest idempotency key that the Worker accepts.
const MAX_TOKEN: usize = 255;

/// Imports the file.
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

/// Imports lines into the existing catalog.
fn add(args: &Args, server: &Server, mut upload: Upload, token: &str) -> Result<bool, CliError> {
    let command = resume_command(args, token);
    if upload.progress.is_on() {
        // A user who interrupts the import can still resume it.
        say(&style::for_stderr().dim(&format!("To go on if this is cut short: {command}")));
    }
    let answer = match send(server, "POST", "/v1/catalog/import", LINES, Some(token), &mut upload) {
        Ok(answer) => answer,
        // Nothing was sent, so the user can run the same command again.
        Err(failure @ CliError::Server { .. }) if upload.n_bytes == 0 => return fail(args, failure, None, None),
        Err(failure @ CliError::Server { .. }) => {
            let failure = ask_how_far(server, failure, token);
            return fail(args, go_on(args, failure, "To go on", &command), None, Some(token));
        }
        Err(failure) => return Err(failure),
    };
    match answer.object() {
        Some(body) if answer.is_ok() && body.get("done") == Some(&Value::Bool(true)) => {
            report(args, &body, &format!("imported {}", style::count(number(&body, "lines"), "line")))?;
            Ok(true)
        }
        // The answer contains the progress.
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

/// Asks the server for the progress of an import that got no answer.
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

/// Adds the command that resumes the import.
fn go_on(args: &Args, failure: CliError, when: &str, command: &str) -> CliError {
    let key = if args.server.key.is_some() { ", with the key as before" } else { "" };
    failure.hint(format!("{when}{key}:")).hint(format!("  {command}"))
}

/// The command that resumes the import. It omits the key, which would end up in logs.
fn resume_command(args: &Args, token: &str) -> String {
    let file = args.file.display().to_string();
    let json = if args.json { " --json" } else { "" };
    let (file, url, token) = (input::quote(&file), input::quote(&args.server.url), input::quote(token));
    format!("mayuse import {file} --url {url} --resume {token}{json}")
}

fn say(text: &str) {
    // A closed standard error leaves no place to report to.
    let _ = writeln!(io::stderr(), "{text}");
}
