//! Imports a catalog of any size: reads a stream of lines and writes it in batches.

use crate::http::{self, Answer, VERSION};
use crate::js;
use crate::sql::{Import, Sql};
use crate::transaction::Storage;
use mayuse_core::{Element, Instant, Problems};
use mayuse_dialects::{ApiError, Batch, Dialect, ErrorKind, Ids, JsonValue, MAX_LINE, Progress, Store};
use mayuse_dialects::{admit_import, object, show_warnings};
use serde_json::{Map, Value};
use std::fmt;
use std::rc::Rc;

/// The number of lines read before other requests run.
const LINES_A_TURN: u32 = 1_000;

/// The longest pause of an import while the batches so far are published.
const MAX_HOLD_MS: i64 = 10_000;

/// The resources of an import.
pub struct Writer<'w> {
    pub storage: &'w Storage,
    pub store: &'w Rc<Sql>,
    pub now: Instant,
    pub by: &'w str,
    /// Whether lines are applied that are older than what is stored.
    pub applies_stale: bool,
    /// Called after each batch.
    pub written: &'w dyn Fn(),
    /// Whether the next batch must wait, because the publisher needs a cut.
    pub holds: &'w dyn Fn() -> bool,
}

impl fmt::Debug for Writer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("by", &self.by).finish_non_exhaustive()
    }
}

/// A running import.
struct Run {
    token: String,
    /// The part of the file that an earlier request wrote.
    before: Progress,
    /// The part of the file that this request has read.
    read: Progress,
    /// The stored state.
    written: Import,
    /// Whether an earlier request wrote the whole file.
    was_done: bool,
    n_batches: u64,
    counts: Map<String, Value>,
    warnings: Problems,
    /// The number of lines that were older than what is stored.
    n_stale: u64,
    batch: Batch,
}

impl Writer<'_> {
    /// Runs an import request. Its idempotency key is the resume token: sent again with the same file, the
    /// import resumes.
    pub async fn take(&self, request: &mut worker::Request, key: Option<String>) -> worker::Result<Answer> {
        let token = match key {
            Some(key) => key,
            None => Ids::new(self.now, http::seed()?).next("imp_"),
        };
        let mut run = match self.begin(token) {
            Ok(run) => run,
            Err(failure) => return Ok(Answer::refusal(Dialect::Native, &failure)),
        };
        let outcome = self.read(request, &mut run).await.and_then(|()| self.finish(&mut run));
        let mut summary = object(
            &mut [
                ("lines", run.written.progress.lines.into()),
                ("batches", run.n_batches.into()),
                ("entities", std::mem::take(&mut run.counts).into()),
                ("stale", run.n_stale.into()),
                ("snapshot_version", run.written.version.into()),
                ("resume_token", run.token.as_str().into()),
                ("done", run.written.done.into()),
            ]
            .into_iter(),
        );
        if let Value::Object(fields) = &mut summary {
            show_warnings(fields, &run.warnings);
        }
        let Err(failure) = outcome else {
            let answer = Answer::json(200, &JsonValue(&summary)).with(VERSION, run.written.version);
            // An earlier request wrote the whole file.
            return Ok(if run.was_done && run.n_batches == 0 {
                answer.with("idempotent-replayed", true)
            } else {
                answer
            });
        };
        // The batches before the refused one are written, and the answer reports them.
        let mut reply = Dialect::Native.refuse(&failure);
        if let (Some(Value::Object(body)), Value::Object(summary)) = (&mut reply.body, summary) {
            body.extend(summary);
        }
        Ok(Answer::from(reply).with(VERSION, run.written.version))
    }

    fn begin(&self, token: String) -> Result<Run, ApiError> {
        if token.is_empty() || 255 < token.len() {
            return Err(ApiError::field("Idempotency-Key", "expected 1 to 255 characters"));
        }
        let written = match self.store.import(&token)? {
            Some(import) => import,
            None => Import { version: self.store.version()?, ..Import::default() },
        };
        Ok(Run {
            token,
            before: written.progress.clone(),
            was_done: written.done,
            read: Progress::default(),
            written,
            n_batches: 0,
            counts: Map::new(),
            warnings: Problems::default(),
            n_stale: 0,
            batch: Batch::default(),
        })
    }

    async fn read(&self, request: &mut worker::Request, run: &mut Run) -> Result<(), ApiError> {
        let content_type = request.headers().get("content-type").ok().flatten().unwrap_or_default();
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        if !["application/x-ndjson", "application/ndjson", "application/jsonl"].contains(&essence) {
            let message = "send lines of JSON, and say so: content-type: application/x-ndjson";
            return Err(ApiError::new(ErrorKind::UnsupportedMediaType, message));
        }
        let reader = js::reader(request.inner());
        let mut rest: Vec<u8> = Vec::new();
        loop {
            let chunk = js::done(js::chunk(&reader)).await.map_err(|_| http::interrupted())?;
            if chunk.is_null() {
                break;
            }
            let chunk = js::bytes(&chunk);
            let n_batches = run.n_batches;
            let mut n_lines = 0_u32;
            let mut lines = chunk.split(|byte| *byte == b'\n');
            // The last part is an incomplete line, and is empty after a line break.
            let last = lines.next_back().unwrap_or_default();
            for line in lines {
                // Lines outside a batch, such as blank lines, take time too.
                n_lines = n_lines.saturating_add(1);
                if n_lines.is_multiple_of(LINES_A_TURN) {
                    js::turn().await;
                }
                if rest.is_empty() {
                    self.line(line, run)?;
                } else {
                    rest.extend_from_slice(line);
                    self.line(&rest, run)?;
                    rest.clear();
                }
            }
            rest.extend_from_slice(last);
            if MAX_LINE < rest.len() {
                return Err(too_long(run));
            }
            if n_batches != run.n_batches {
                // Lines that are already buffered would otherwise be read without a pause, and checks would wait.
                js::turn().await;
                self.hold().await;
            }
        }
        if rest.is_empty() { Ok(()) } else { self.line(&rest, run) }
    }

    /// Waits while the publisher holds imports, up to `MAX_HOLD_MS`.
    async fn hold(&self) {
        let until = http::now().millis().saturating_add(MAX_HOLD_MS);
        while (self.holds)() && http::now().millis() < until {
            js::turn().await;
        }
    }

    fn line(&self, line: &[u8], run: &mut Run) -> Result<(), ApiError> {
        if MAX_LINE < line.len() {
            return Err(too_long(run));
        }
        run.read.advance(line);
        if run.read.lines <= run.before.lines {
            if run.read.lines == run.before.lines && run.read != run.before {
                let message = format!(
                    "the first {} lines differ from those that were imported under this resume token; without \
                     `Idempotency-Key` the import starts anew",
                    run.before.lines
                );
                return Err(ApiError::conflict(message));
            }
            return Ok(());
        }
        run.batch.add(run.read.lines, line)?;
        if run.batch.is_full() { self.flush(run, false) } else { Ok(()) }
    }

    fn finish(&self, run: &mut Run) -> Result<(), ApiError> {
        if run.read.lines < run.before.lines {
            let message = format!("the file ends before line {}, up to which it was imported", run.before.lines);
            return Err(ApiError::conflict(message));
        }
        self.flush(run, true)
    }

    /// Writes the batch and the state of the import in one transaction.
    fn flush(&self, run: &mut Run, done: bool) -> Result<(), ApiError> {
        let mut batch = std::mem::take(&mut run.batch);
        if !self.applies_stale {
            batch.drop_stale(self.store.as_ref())?;
        }
        let changes = batch.changes();
        let admitted = admit_import(&changes, self.store.as_ref());
        let mut warnings = admitted.map_err(|failure| batch.locate(failure))?;
        batch.locate_warnings(&mut warnings);
        let written = self.storage.transaction(|| {
            let stored = self.store.import(&run.token)?.map(|import| import.progress).unwrap_or_default();
            if stored == Progress::default() && stored != run.written.progress {
                // The state of an import is deleted only together with its entities.
                let message = "the catalog was replaced meanwhile, and nothing of this import is there any more; \
                               send it again from the beginning";
                run.written = Import { version: self.store.version()?, ..Import::default() };
                return Err(ApiError::conflict(message));
            }
            if stored != run.written.progress {
                let message = "another request imports under this resume token; send it again when that has ended";
                return Err(ApiError::conflict(message));
            }
            let version = match changes.as_slice() {
                [] => run.written.version,
                changes => self.store.apply(changes, self.now, self.by)?,
            };
            let import = Import { progress: run.read.clone(), done, version };
            self.store.set_import(&run.token, &import, self.now)?;
            Ok(import)
        });
        run.written = written.map_err(|failure| batch.locate(failure))?;
        batch.count(&mut run.counts);
        warnings.list.into_iter().for_each(|warning| run.warnings.push(warning));
        run.warnings.n_more = run.warnings.n_more.saturating_add(warnings.n_more);
        run.n_stale = run.n_stale.saturating_add(batch.n_stale());
        if !changes.is_empty() {
            (self.written)();
            run.n_batches = run.n_batches.saturating_add(1);
        }
        Ok(())
    }
}

fn too_long(run: &Run) -> ApiError {
    let line = usize::try_from(run.read.lines.saturating_add(1)).unwrap_or(usize::MAX);
    ApiError::new(ErrorKind::TooLarge, format!("a line is longer than {MAX_LINE} bytes")).at(Element::Line(line))
}

/// Answers with the progress of an import.
pub fn state(token: &str, store: &Rc<Sql>) -> Answer {
    let found = store
        .import(token)
        .and_then(|import| import.ok_or_else(|| ApiError::not_found(format!("there is no import `{token}`"))));
    match found {
        Ok(Import { progress, done, version }) => {
            let fields =
                [("lines", progress.lines.into()), ("done", done.into()), ("snapshot_version", version.into())];
            let state = object(&mut fields.into_iter());
            Answer::json(200, &JsonValue(&state))
        }
        Err(failure) => Answer::refusal(Dialect::Native, &failure),
    }
}
