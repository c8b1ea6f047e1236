//! Requests and answers, free of the platform.

use crate::snapshot::Unusable;
use mayuse_core::Problems;
use serde::Serialize;

/// A request, as far as any route looks at it.
#[derive(Clone, Copy, Debug)]
pub struct Request<'r> {
    pub method: &'r str,
    pub path: &'r str,
    pub query: &'r str,
    pub content_type: Option<&'r str>,
    pub body: &'r [u8],
}

/// What is answered.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub content_type: &'static str,
    /// The methods a path knows, where another one was used.
    pub allow: Option<&'static str>,
    pub body: Vec<u8>,
}

impl Answer {
    /// A value as JSON.
    pub fn json(status: u16, value: &impl Serialize) -> Answer {
        match serde_json::to_vec(value) {
            Ok(body) => Answer { status, content_type: "application/json", allow: None, body },
            Err(error) => Refusal::new(500, "INTERNAL", error.to_string()).into(),
        }
    }
}

/// Why a request is refused: `{"error": {"code", "message", "path"?, "problems"?}}`.
#[derive(Debug, Serialize)]
pub struct Refusal {
    #[serde(skip)]
    status: u16,
    #[serde(skip)]
    allow: Option<&'static str>,
    code: &'static str,
    message: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    path: String,
    /// All problems, where there is more than one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    problems: Vec<Shown>,
}

#[derive(Debug, Serialize)]
struct Shown {
    code: &'static str,
    path: String,
    message: String,
}

impl Refusal {
    pub fn new(status: u16, code: &'static str, message: impl Into<String>) -> Refusal {
        Refusal { status, allow: None, code, message: message.into(), path: String::new(), problems: Vec::new() }
    }

    pub fn not_json(error: &serde_json::Error) -> Refusal {
        Refusal::new(400, "INVALID_JSON", error.to_string())
    }

    pub fn too_large(limit: usize) -> Refusal {
        Refusal::new(413, "PAYLOAD_TOO_LARGE", format!("the body is larger than the {limit} bytes this path takes"))
    }

    pub fn interrupted() -> Refusal {
        Refusal::new(400, "BODY_INTERRUPTED", "the body ended before it was complete")
    }

    pub fn not_utf8() -> Refusal {
        Refusal::new(400, "INVALID", "the customer in the path is not UTF-8 in percent-encoding")
    }

    /// The catalogue cannot be used, and why.
    pub fn unusable(unusable: &Unusable) -> Refusal {
        let because = match unusable {
            Unusable::NotText => Refusal::new(503, "", "the binding CATALOG is not text"),
            Unusable::Json(error) => Refusal::new(503, "", error.to_string()),
            Unusable::Problems(problems) => Refusal::from(problems),
        };
        let separator = if because.path.is_empty() { "" } else { ": " };
        let message = format!("the catalogue cannot be used: {}{separator}{}", because.path, because.message);
        Refusal { status: 503, code: "SNAPSHOT_INVALID", message, ..because }
    }

    pub fn not_found() -> Refusal {
        Refusal::new(404, "NOT_FOUND", "there is no such path; /openapi.json lists those there are")
    }

    pub fn method_not_allowed(allow: &'static str) -> Refusal {
        let refusal = Refusal::new(405, "METHOD_NOT_ALLOWED", format!("this path takes {allow}"));
        Refusal { allow: Some(allow), ..refusal }
    }

    pub fn unsupported_media_type() -> Refusal {
        Refusal::new(415, "UNSUPPORTED_MEDIA_TYPE", "send JSON, and say so: content-type: application/json")
    }
}

impl From<Problems> for Refusal {
    fn from(problems: Problems) -> Self {
        Refusal::from(&problems)
    }
}

impl From<&Problems> for Refusal {
    fn from(problems: &Problems) -> Self {
        let shown = |problem: &mayuse_core::Problem| Shown {
            code: problem.code.name(),
            path: problem.path.clone(),
            message: problem.message.clone(),
        };
        let all: Vec<Shown> = problems.list.iter().map(shown).collect();
        match problems.list.first() {
            Some(first) => Refusal {
                status: 400,
                allow: None,
                code: first.code.name(),
                message: first.message.clone(),
                path: first.path.clone(),
                problems: if 1 < all.len() { all } else { Vec::new() },
            },
            None => Refusal::new(400, "INVALID", "the request cannot be read"),
        }
    }
}

impl From<Refusal> for Answer {
    fn from(refusal: Refusal) -> Self {
        #[derive(Serialize)]
        struct Body<'r> {
            error: &'r Refusal,
        }
        // Texts and lists of texts always serialise.
        let body = serde_json::to_vec(&Body { error: &refusal }).unwrap_or_default();
        Answer { status: refusal.status, content_type: "application/json", allow: refusal.allow, body }
    }
}

/// The path and the query of a URL.
pub fn path_and_query(url: &str) -> (&str, &str) {
    let after_scheme = url.split_once("://").map_or(url, |(_, rest)| rest);
    let after_host = after_scheme.find('/').and_then(|at| after_scheme.get(at..)).unwrap_or("/");
    let target = after_host.split_once('#').map_or(after_host, |(target, _)| target);
    target.split_once('?').unwrap_or((target, ""))
}
