//! The client of a Worker: its address, its key and its answers.

use crate::connection::{self, Gone};
use crate::input::CliError;
use crate::style;
use serde_json::{Map, Value, json};
use std::env;
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use ureq::http::{Request, Response, Uri, header};
use ureq::{Agent, Body, Error, SendBody};

/// The maximum size of an answer, except of an export.
const MAX_ANSWER_BYTES: u64 = 4 << 20;

/// The maximum number of characters shown of an answer that is not JSON.
const MAX_EXCERPT: usize = 300;

const SAY_SO: &str = " Say so with --url.";

/// Which server, and as whom.
#[derive(Debug, clap::Args)]
// Flattened into the arguments of commands, which are a group of the same name.
#[group(skip)]
pub struct Args {
    /// Where the Worker is: http[s]://host[:port][/prefix]
    #[arg(long, value_name = "URL")]
    pub url: String,
    /// Key of the scope `catalog`; the environment variable MAYUSE_KEY if not given
    #[arg(long, value_name = "KEY")]
    pub key: Option<String>,
}

/// A configured server.
#[derive(Debug)]
pub struct Server {
    agent: Agent,
    gone: Gone,
    /// The base URL without a trailing slash.
    pub url: String,
    key: String,
}

/// A complete answer.
#[derive(Debug)]
pub struct Answer {
    status: u16,
    /// The request and the start of the answer, for messages.
    what: String,
    hint: Option<String>,
    retry_after: Option<u64>,
    text: String,
}

impl Server {
    /// Configures the server of the arguments. Sends nothing.
    pub fn new(args: &Args) -> Result<Server, CliError> {
        let server = Server::open(&args.url, args.key.as_deref())?;
        if !server.has_key() {
            let message = "no key: pass --key KEY, or set the environment variable MAYUSE_KEY".to_owned();
            return Err(CliError::Usage { message });
        }
        Ok(server)
    }

    /// Configures a server with an optional key.
    pub fn open(url: &str, key: Option<&str>) -> Result<Server, CliError> {
        let from_environment = || env::var("MAYUSE_KEY").ok();
        let key = key.map(str::to_owned).or_else(from_environment).map(|key| key.trim().to_owned());
        Server::with(url, key.unwrap_or_default())
    }

    /// Configures a server with this key, which may be empty.
    pub fn with(url: &str, key: String) -> Result<Server, CliError> {
        let refuse = |why: &str| CliError::Usage { message: format!("--url {url}: {why}") };
        let uri: Uri = url.parse().map_err(|_| refuse("expected http[s]://host[:port][/prefix]"))?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.host().is_none_or(str::is_empty) {
            return Err(refuse("expected http[s]://host[:port][/prefix]"));
        }
        if uri.query().is_some() || url.contains('#') {
            return Err(refuse("expected no query and no fragment"));
        }
        if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return Err(refuse("a key goes into --key, or the environment variable MAYUSE_KEY"));
        }
        if !key.is_empty() && !is_header_value(&key) {
            return Err(CliError::Usage { message: "the key has characters that no key has".to_owned() });
        }
        let gone = Arc::new(AtomicBool::new(false));
        let url = url.trim_end_matches('/').to_owned();
        Ok(Server { agent: connection::agent(&gone)?, gone, url, key })
    }

    /// Whether there is a key to send.
    pub fn has_key(&self) -> bool {
        !self.key.is_empty()
    }

    /// Whether the server stopped reading the request's body.
    pub fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Relaxed)
    }

    /// Sends a request.
    pub fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: SendBody<'_>,
    ) -> Result<Response<Body>, Error> {
        let request = Request::builder().method(method).uri(format!("{}{path}", self.url));
        let request = match self.key.as_str() {
            "" => request,
            key => request.header(header::AUTHORIZATION, format!("Bearer {key}")),
        };
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        self.agent.run(request.body(body)?)
    }

    /// Sends a GET request.
    pub fn get(&self, path: &str, accept: &str) -> Result<Response<Body>, Error> {
        self.send("GET", path, &[("accept", accept)], SendBody::none())
    }

    /// The error for a request without an answer.
    pub fn unreachable(&self, error: &Error) -> CliError {
        let why = reason(error);
        let is_unknown = why.contains("certificate");
        let failure = CliError::server("UNREACHABLE", format!("{}: {why}", self.url));
        let hint = "If a certificate of your own vouches for it, name its file in SSL_CERT_FILE.";
        if is_unknown { failure.hint(hint) } else { failure }
    }
}

impl Answer {
    /// Reads a complete answer.
    pub fn read(mut response: Response<Body>, asked: &str) -> Result<Answer, Error> {
        let status = response.status();
        let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
        let hint = match status.as_u16() {
            300..=399 => header("location").map(|to| format!("It is elsewhere: {}.{SAY_SO}", clean(to))),
            401 => Some("Pass the key with --key, or set the environment variable MAYUSE_KEY.".to_owned()),
            404 => Some("Is --url the place where the Worker is?".to_owned()),
            _ => header("retry-after").map(|seconds| format!("Try again after {} seconds.", clean(seconds))),
        };
        let retry_after = header("retry-after").and_then(|seconds| seconds.trim().parse().ok());
        let what = format!("{asked} answered {} {}", status.as_str(), status.canonical_reason().unwrap_or_default());
        let mut bytes = Vec::new();
        response.body_mut().as_reader().take(MAX_ANSWER_BYTES).read_to_end(&mut bytes)?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Ok(Answer { status: status.as_u16(), what: what.trim_end().to_owned(), hint, retry_after, text })
    }

    /// Whether the request succeeded.
    pub fn is_ok(&self) -> bool {
        200 <= self.status && self.status < 300
    }

    /// Whether the server or a proxy failed: the same request may succeed later.
    pub fn is_fault(&self) -> bool {
        500 <= self.status || self.status == 429
    }

    /// The status.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Whether the server is busy: the same request may succeed soon.
    pub fn is_busy(&self) -> bool {
        self.status == 429 || self.status == 503
    }

    /// Whether the key is refused.
    pub fn is_refused(&self) -> bool {
        self.status == 401 || self.status == 403
    }

    /// The delay that the server asks for.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after.map(Duration::from_secs)
    }

    /// Whether the resource does not exist.
    pub fn is_missing(&self) -> bool {
        self.status == 404
    }

    /// The body, if it is a JSON object.
    pub fn object(&self) -> Option<Map<String, Value>> {
        serde_json::from_str(&self.text).ok()
    }

    /// The refusal as an error, with every problem in any dialect's shape, and the status.
    pub fn refusal(&self) -> CliError {
        let body = Value::Object(self.object().unwrap_or_default());
        let error = body.get("error").filter(|error| error.is_object()).unwrap_or(&body);
        let mut problems: Vec<(String, String)> = Vec::new();
        for list in ["problems", "details"].iter().filter_map(|name| error.get(name)?.as_array()) {
            problems.extend(list.iter().filter_map(|problem| self.problem(problem)));
        }
        if problems.is_empty() {
            problems.extend(self.problem(error));
        }
        if problems.is_empty() {
            problems.push((self.code(), format!("{}: {}", self.what, excerpt(&self.text))));
            return CliError::Server { problems, hints: self.hint.iter().cloned().collect() };
        }
        let hints = [Some(format!("{}.", self.what)), self.hint.clone()];
        CliError::Server { problems, hints: hints.into_iter().flatten().collect() }
    }

    /// The refusal in a command without `--url` and `--key`: the address is its argument.
    pub fn refusal_without_options(&self) -> CliError {
        let mut failure = self.refusal();
        if let CliError::Server { hints, .. } = &mut failure {
            hints.iter_mut().for_each(|hint| *hint = hint.replace(SAY_SO, ""));
            hints.retain(|hint| !hint.contains("--url") && !hint.contains("--key"));
        }
        let hint = "Set the environment variable MAYUSE_KEY to a key of the scope `snapshot` or `catalog`.";
        if self.status == 401 { failure.hint(hint) } else { failure }
    }

    fn code(&self) -> String {
        format!("HTTP_{}", self.status)
    }

    /// Code, place and message of a problem.
    fn problem(&self, problem: &Value) -> Option<(String, String)> {
        let text = |names: &[&str]| names.iter().find_map(|name| problem.get(name)?.as_str()).map(clean);
        let message = text(&["message", "error"])?;
        let sentence = match text(&["path", "param", "field"]) {
            Some(path) if !path.is_empty() => format!("{path}: {message}"),
            _ => message,
        };
        Some((text(&["code"]).unwrap_or_else(|| self.code()), sentence))
    }
}

/// The reason of a transport error, without the HTTP library's prefix.
pub fn reason(error: &Error) -> String {
    match error {
        Error::Io(error) => match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
            Some(inner) => reason(inner),
            None => error.to_string(),
        },
        Error::Timeout(_) => "it does not answer".to_owned(),
        Error::HostNotFound => "there is no such host".to_owned(),
        error => error.to_string(),
    }
}

/// A failure in the server's JSON form.
pub fn as_json(code: &str, message: &str) -> Map<String, Value> {
    Map::from_iter([("error".to_owned(), json!({"code": code, "message": message}))])
}

/// Whether a text is a valid header value.
pub fn is_header_value(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Puts a server's text on one line and escapes control characters.
fn clean(text: &str) -> String {
    let lines = text.chars().map(|c| if c.is_whitespace() { ' ' } else { c });
    style::plain(&lines.collect::<String>()).into_owned()
}

/// The beginning of a text, or of the visible text of an HTML page.
fn excerpt(text: &str) -> String {
    let title = || {
        let (_, after) = text.split_once("<title>")?;
        Some(after.split_once("</title>")?.0)
    };
    let is_page = text.trim_start().starts_with('<');
    let mut shown = String::new();
    let mut in_tag = false;
    for c in title().filter(|_| is_page).unwrap_or(text).chars() {
        match c {
            '<' if is_page => in_tag = true,
            '>' if in_tag => {
                in_tag = false;
                shown.push(' ');
            }
            c if !in_tag => shown.push(c),
            _ => {}
        }
    }
    let words = clean(&shown).split_whitespace().collect::<Vec<_>>().join(" ");
    match words.char_indices().nth(MAX_EXCERPT) {
        Some((at, _)) => format!("{}…", words.get(..at).unwrap_or_default()),
        None if words.is_empty() => "nothing more was said".to_owned(),
        None => words,
    }
}
