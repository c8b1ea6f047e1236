//! `mayuse export`

use crate::input::{self, CliError};
use crate::server::{self, Answer, Server};
use crate::style::{self, Progress};
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::fs::{self, File};
use std::io::{self, BufReader, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

const JSON: &str = "application/json";
const NDJSON: &str = "application/x-ndjson";

/// The maximum number of retries of an interrupted export.
const MAX_RETRIES: u32 = 3;

/// Of which server, and where to.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The catalog is written as one document, as `mayuse import --replace` takes it, or as lines. If it is changed
meanwhile, the Worker breaks off: half of one version and half of the next would be neither.
With -o the export is begun again then, and FILE is there only once it is whole.

Examples:
  mayuse export --url http://localhost:8787 --key mayuse_demo_key -o catalog.json
  mayuse export --url http://localhost:8787 --key mayuse_demo_key --lines -o catalog.ndjson
  MAYUSE_KEY=... mayuse export --url https://mayuse.example.com | jq '.customers | length'

Exit status: 0 exported, 1 the server refused, was not reached or broke off, 2 a bad question or file.")]
pub struct Args {
    #[command(flatten)]
    server: server::Args,
    /// Lines, as `mayuse import` takes them, instead of one document: for catalogs of any size
    #[arg(long)]
    lines: bool,
    /// Write to this file; standard output if not given
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// The failure of an attempt.
enum Broken {
    /// Another attempt may succeed.
    Stream(CliError),
    /// A retry cannot succeed.
    ForGood(CliError),
}

/// Exports the catalog.
pub fn run(args: &Args) -> Result<bool, CliError> {
    let server = Server::new(&args.server)?;
    let output = args.output.as_deref().filter(|path| path.as_os_str() != "-");
    let Some(path) = output else {
        let on = !io::stdout().is_terminal();
        let version =
            copy(&server, args.lines, &mut io::stdout().lock(), "standard output", on).map_err(Broken::failure)?;
        eprint_line(&format!("snapshot version {version}"));
        return Ok(true);
    };
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let mut n_retries: u32 = 0;
    let version = loop {
        match to_file(&server, args.lines, &part, path) {
            Ok(version) => break version,
            Err(Broken::Stream(failure)) if n_retries < MAX_RETRIES => {
                n_retries = n_retries.saturating_add(1);
                failure.report();
                eprint_line(&format!("Again ({n_retries} of {MAX_RETRIES})."));
                thread::sleep(Duration::from_millis(300));
            }
            Err(broken) => return Err(broken.failure()),
        }
    };
    eprint_line(&format!("{}: snapshot version {version}", input::name(path)));
    Ok(true)
}

/// Writes a temporary file and renames it to `path`.
fn to_file(server: &Server, lines: bool, part: &Path, path: &Path) -> Result<String, Broken> {
    let failed = |path: &Path| {
        let what = input::name(path);
        |error| Broken::ForGood(CliError::Io { what, error })
    };
    let mut file = File::create(part).map_err(failed(part))?;
    let copied = copy(server, lines, &mut file, &input::name(part), true).and_then(|version| {
        file.sync_all().map_err(failed(part))?;
        fs::rename(part, path).map_err(failed(path))?;
        Ok(version)
    });
    if copied.is_err() {
        // Half a document is useless. If it cannot be removed, its name shows that it is temporary.
        let _ = fs::remove_file(part);
    }
    copied
}

/// Copies the document and returns its version.
fn copy(server: &Server, lines: bool, out: &mut dyn Write, what: &str, on: bool) -> Result<String, Broken> {
    let response = server
        .get("/v1/catalog", if lines { NDJSON } else { JSON })
        .map_err(|error| Broken::ForGood(server.unreachable(&error)))?;
    let version = response.headers().get("x-snapshot-version").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let asked = format!("GET {}/v1/catalog", server.url);
    let (true, Some(version)) = (response.status().is_success(), version) else {
        let answer = Answer::read(response, &asked).map_err(|error| Broken::ForGood(server.unreachable(&error)))?;
        return Err(Broken::ForGood(answer.refusal()));
    };
    let body = response.into_body().into_reader();
    let mut copying = Copying { body, out, n_bytes: 0, written: Ok(()), progress: Progress::new(on, None) };
    // Only parsing shows that the document is complete, because not every transfer encoding marks the end.
    let mut document = serde_json::Deserializer::from_reader(BufReader::with_capacity(1 << 16, &mut copying));
    let read = if lines {
        document.into_iter::<IgnoredAny>().try_for_each(|line| line.map(|_| ()))
    } else {
        IgnoredAny::deserialize(&mut document).and_then(|_| document.end())
    };
    copying.progress.clear();
    let written = copying.written.and_then(|()| copying.out.flush());
    written.map_err(|error| {
        Broken::ForGood(match error.kind() {
            io::ErrorKind::BrokenPipe => CliError::PipeClosed,
            _ => CliError::Io { what: what.to_owned(), error },
        })
    })?;
    read.map_err(|error| {
        if error.is_syntax() {
            return Broken::ForGood(CliError::server("INVALID_JSON", format!("{asked}: no catalog document: {error}")));
        }
        let message = format!(
            "{asked}: broke off after {}: the catalog was written meanwhile, or the connection was lost",
            style::bytes(copying.n_bytes as f64)
        );
        Broken::Stream(CliError::server("BROKEN_OFF", message))
    })?;
    Ok(version)
}

impl Broken {
    fn failure(self) -> CliError {
        match self {
            Broken::Stream(failure) | Broken::ForGood(failure) => failure,
        }
    }
}

/// A reader that copies all bytes to a writer.
struct Copying<'o, R> {
    body: R,
    out: &'o mut dyn Write,
    n_bytes: u64,
    written: io::Result<()>,
    progress: Progress,
}

impl<R: Read> Read for Copying<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.written.is_err() {
            return Ok(0);
        }
        let n = self.body.read(buffer)?;
        self.written = self.out.write_all(buffer.get(..n).unwrap_or_default());
        if self.written.is_err() {
            return Ok(0);
        }
        self.n_bytes = self.n_bytes.saturating_add(n.try_into().unwrap_or_default());
        self.progress.show(self.n_bytes, None);
        Ok(n)
    }
}

/// Prints a message on standard error.
fn eprint_line(text: &str) {
    // A closed standard error leaves no place to report to.
    let _ = writeln!(io::stderr(), "{text}");
}
