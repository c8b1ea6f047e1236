//! Sends a snapshot to a Worker: the objects concurrently, then the manifest.

use crate::input::{self, CliError};
use crate::publication::Publication;
use crate::server::{Answer, Server};
use crate::snapshot;
use crate::style::{self, Progress};
use mayuse_snapshot::ObjectRef;
use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;
use ureq::SendBody;

const MANIFEST: &str = "/v1/snapshot/manifest";
const OBJECTS: &str = "/v1/snapshot/objects";
const BYTES: &str = "application/octet-stream";

/// The number of objects sent concurrently.
const N_THREADS: usize = 6;

/// The maximum number of retries of a request.
const MAX_RETRIES: u32 = 6;
/// The maximum number of retries without any answer.
const MAX_LOST: u32 = 3;
const WAIT: Duration = Duration::from_millis(250);
const MAX_WAIT: Duration = Duration::from_secs(30);

/// The progress of sending.
#[derive(Debug)]
struct State {
    progress: Progress,
    n_done: u64,
    n_sent: u64,
    bytes_sent: u64,
    failure: Option<CliError>,
}

/// Sends all missing objects, then the manifest.
pub fn push(server: &Server, publication: &Publication) -> Result<(), CliError> {
    let mut known = BTreeSet::new();
    let parts: Vec<ObjectRef> =
        snapshot::parts(&publication.opened.manifest).filter(|part| known.insert(part.hash)).collect();
    let progress = Progress::of("objects", u64::try_from(parts.len()).ok());
    let state = Mutex::new(State { progress, n_done: 0, n_sent: 0, bytes_sent: 0, failure: None });
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..N_THREADS.min(parts.len()) {
            scope.spawn(|| {
                while let Some(part) = parts.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let sent = push_object(server, publication, part);
                    let Ok(mut state) = state.lock() else { return };
                    match sent {
                        Ok(sent) => state.count(part, sent),
                        Err(failure) => {
                            // Other threads finish their object and start no other.
                            next.store(parts.len(), Ordering::Relaxed);
                            state.failure.get_or_insert(failure);
                        }
                    }
                }
            });
        }
    });
    let Ok(mut state) = state.into_inner() else {
        return Err(CliError::server("INTERNAL", "a thread of the upload broke off"));
    };
    state.progress.clear();
    if let Some(failure) = state.failure {
        let hint = format!(
            "{} of {} objects are there; nothing is published. The same command goes on from there.",
            state.n_done,
            parts.len()
        );
        return Err(failure.hint(hint));
    }
    push_manifest(server, publication)?;
    let what = format!(
        "published version {}: sent {} of {} objects, {}",
        publication.version,
        state.n_sent,
        parts.len(),
        style::bytes(state.bytes_sent as f64)
    );
    input::print(&style::for_stdout().green(&what))
}

impl State {
    fn count(&mut self, part: &ObjectRef, is_sent: bool) {
        self.n_done = self.n_done.saturating_add(1);
        if is_sent {
            self.n_sent = self.n_sent.saturating_add(1);
            self.bytes_sent = self.bytes_sent.saturating_add(part.size.into());
        }
        self.progress.show(self.n_done, None);
    }
}

/// Sends an object if it is missing. Returns whether it was sent.
fn push_object(server: &Server, publication: &Publication, part: &ObjectRef) -> Result<bool, CliError> {
    let path = format!("{OBJECTS}/{}", part.hash);
    let there = ask(server, "HEAD", &path, None)?;
    if there.is_ok() {
        return Ok(false);
    }
    if there.is_refused() {
        return Err(refusal(&there));
    }
    let object = publication.opened.object(part)?;
    let answer = ask(server, "PUT", &path, Some(object.as_slice()))?;
    if answer.is_ok() { Ok(true) } else { Err(refusal(&answer)) }
}

fn push_manifest(server: &Server, publication: &Publication) -> Result<(), CliError> {
    let answer = ask(server, "PUT", MANIFEST, Some(publication.manifest.as_slice()))?;
    match answer.status() {
        _ if answer.is_ok() => Ok(()),
        409 => {
            let version = publication.version;
            let hint = format!(
                "Its version is not older than {version}: build the next one with --previous, or publish this one \
                 again with --rollback. If it has version {version} itself, this may be published already."
            );
            Err(refusal(&answer).hint(hint))
        }
        // The folder was valid when it was read, so the Worker rejects its signer.
        400 => {
            let key = publication.opened.key;
            let hint = format!(
                "Is the public half of the key that signed it ({key} in the folder) among the Worker's SNAPSHOT_KEYS?"
            );
            Err(refusal(&answer).hint(hint))
        }
        _ => Err(refusal(&answer)),
    }
}

/// A refusal, with hints.
fn refusal(answer: &Answer) -> CliError {
    let mut failure = answer.refusal();
    if let CliError::Server { hints, .. } = &mut failure {
        // In this command `--key` is the signing key.
        hints.retain(|hint| !hint.contains("--key"));
    }
    match answer.status() {
        401 => failure.hint("Set the environment variable MAYUSE_KEY to a key of the scope `catalog`."),
        403 => failure.hint("Publishing takes a key of the scope `catalog`; `mayuse key --scope catalog` makes one."),
        404 => failure.hint("Or is it a Worker that takes no snapshots?"),
        _ => failure,
    }
}

/// Sends a request, and retries it while the server is busy or unreachable.
pub fn ask(server: &Server, method: &str, path: &str, body: Option<&[u8]>) -> Result<Answer, CliError> {
    let asked = format!("{method} {}{path}", server.url);
    let length = body.map(|body| body.len().to_string());
    let mut headers = Vec::new();
    if let Some(length) = &length {
        headers.extend([("content-type", BYTES), ("content-length", length.as_str())]);
    }
    let mut wait = WAIT;
    let mut n_retries = 0;
    loop {
        let sent = match body {
            Some(mut body) => server.send(method, path, &headers, SendBody::from_reader(&mut body)),
            None => server.send(method, path, &headers, SendBody::none()),
        };
        let answer = sent.and_then(|response| Answer::read(response, &asked));
        let is_last = MAX_RETRIES <= n_retries;
        let asked_to_wait = match answer {
            Ok(answer) if is_last || !answer.is_busy() => return Ok(answer),
            Ok(answer) => answer.retry_after(),
            Err(error) if MAX_LOST <= n_retries => return Err(server.unreachable(&error)),
            Err(_) => None,
        };
        thread::sleep(asked_to_wait.unwrap_or(wait).min(MAX_WAIT));
        wait = wait.saturating_mul(2);
        n_retries = n_retries.saturating_add(1);
    }
}
