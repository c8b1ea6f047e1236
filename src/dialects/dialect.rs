//! The four ways to speak to the catalogue: whose routes, whose way to present a key, whose words
//! for a refusal.

use crate::failure::{Failure, Why};
use crate::json::json;
use crate::request::{Presented, Reply};
use serde_json::{Map, Value};

/// Whose API a path belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Dialect {
    /// mayuse's own.
    Own,
    /// Meteroid's.
    Meteroid,
    /// Commet's.
    Commet,
    /// Pabbly's.
    Pabbly,
}

impl Dialect {
    /// The dialect of a request. All three foreign ones have paths under `/api/v1`, and clients that present their key
    /// each in its own way; a request without a key goes by its path. What belongs to nobody is answered in our own words.
    pub fn of(path: &str, presented: Presented) -> Dialect {
        let mut segments = path.strip_prefix('/').unwrap_or_default().split('/');
        match (segments.next(), segments.next(), segments.next()) {
            (Some("api"), Some("v1"), third) => match presented {
                Presented::Bearer => Dialect::Meteroid,
                Presented::Basic => Dialect::Pabbly,
                Presented::ApiKey => Dialect::Commet,
                Presented::Not if third == Some("addon") => Dialect::Pabbly,
                Presented::Not => Dialect::Meteroid,
            },
            (Some("api"), ..) => Dialect::Meteroid,
            (Some("addons"), ..) => Dialect::Commet,
            _ => Dialect::Own,
        }
    }

    /// How a key is presented, for messages.
    pub fn how_to_authenticate(self) -> &'static str {
        match self {
            Dialect::Own => "authorization: Bearer KEY, or x-api-key: KEY",
            Dialect::Meteroid => "authorization: Bearer KEY",
            Dialect::Commet => "x-api-key: KEY",
            Dialect::Pabbly => "HTTP Basic, the key as the user name",
        }
    }

    /// A refusal in this dialect's words.
    pub fn refuse(self, failure: &Failure) -> Reply {
        let body = match self {
            Dialect::Own => own(failure),
            Dialect::Meteroid => json!({"code": meteroid_code(failure.why), "message": failure.sentence()}),
            Dialect::Commet => commet(failure),
            // Pabbly's overview says `success` and `error`, its clients read `status` and `message`.
            Dialect::Pabbly => {
                let message = failure.sentence();
                json!({"status": "error", "success": false, "message": message, "error": message})
            }
        };
        Reply {
            status: failure.why.status(),
            body: Some(body),
            allow: match failure.why {
                Why::MethodNotAllowed(allow) => Some(allow),
                _ => None,
            },
            retry_after: match failure.why {
                Why::TooManyRequests(seconds) | Why::Busy(seconds) => Some(seconds),
                _ => None,
            },
            authenticate: match (failure.why, self) {
                (Why::Unauthorized, Dialect::Pabbly) => Some("Basic realm=\"mayuse\", charset=\"UTF-8\""),
                (Why::Unauthorized, _) => Some("Bearer realm=\"mayuse\""),
                _ => None,
            },
        }
    }
}

fn own(failure: &Failure) -> Value {
    let mut error = Map::new();
    error.insert("code".to_owned(), failure.code.unwrap_or_else(|| own_code(failure.why)).into());
    error.insert("message".to_owned(), failure.message.clone().into());
    if !failure.place.is_whole() {
        error.insert("path".to_owned(), failure.place.to_string().into());
    }
    if 1 < failure.problems.len() {
        let shown = failure
            .problems
            .iter()
            .map(|problem| json!({"code": problem.code.name(), "path": problem.place.to_string(), "message": problem.message}));
        error.insert("problems".to_owned(), shown.collect());
    }
    json!({"error": error})
}

fn own_code(why: Why) -> &'static str {
    match why {
        Why::BadRequest => "INVALID",
        Why::Unauthorized => "UNAUTHORIZED",
        Why::Forbidden => "FORBIDDEN",
        Why::NotFound => "NOT_FOUND",
        Why::MethodNotAllowed(_) => "METHOD_NOT_ALLOWED",
        Why::RequestTimeout => "REQUEST_TIMEOUT",
        Why::Conflict => "CONFLICT",
        Why::TooLarge => "PAYLOAD_TOO_LARGE",
        Why::UnsupportedMediaType => "UNSUPPORTED_MEDIA_TYPE",
        Why::TooManyRequests(_) => "TOO_MANY_REQUESTS",
        Why::Internal | Why::NotImplemented => "INTERNAL",
        Why::Busy(_) | Why::Unavailable => "UNAVAILABLE",
    }
}

/// Meteroid's list of codes has seven; the status says the rest.
fn meteroid_code(why: Why) -> &'static str {
    match why {
        Why::BadRequest | Why::RequestTimeout | Why::TooLarge | Why::UnsupportedMediaType => "BAD_REQUEST",
        Why::Unauthorized => "UNAUTHORIZED",
        Why::Forbidden => "FORBIDDEN",
        Why::NotFound | Why::MethodNotAllowed(_) => "NOT_FOUND",
        Why::Conflict => "CONFLICT",
        Why::TooManyRequests(_) => "TOO_MANY_REQUESTS",
        Why::Internal | Why::NotImplemented | Why::Busy(_) | Why::Unavailable => "INTERNAL_SERVER_ERROR",
    }
}

fn commet(failure: &Failure) -> Value {
    let (kind, code) = match failure.why {
        Why::BadRequest if failure.code == Some("INVALID_JSON") => ("validation_error", "invalid_json"),
        Why::BadRequest | Why::RequestTimeout | Why::TooLarge | Why::UnsupportedMediaType => {
            ("validation_error", "validation_error")
        }
        Why::Unauthorized => ("authentication_error", "unauthorized"),
        Why::Forbidden => ("authentication_error", "forbidden"),
        Why::NotFound | Why::MethodNotAllowed(_) => ("not_found_error", "not_found"),
        Why::Conflict => ("conflict_error", "duplicate"),
        Why::TooManyRequests(_) => ("rate_limit_error", "rate_limited"),
        Why::Internal | Why::NotImplemented | Why::Busy(_) | Why::Unavailable => ("internal_error", "internal_error"),
    };
    // Codes of our own are in capitals; Commet's are not.
    let code = failure.code.filter(|code| code.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')).unwrap_or(code);
    let mut error = Map::new();
    error.insert("type".to_owned(), kind.into());
    error.insert("code".to_owned(), code.into());
    error.insert("message".to_owned(), failure.sentence().into());
    if !failure.place.is_whole() {
        error.insert("param".to_owned(), failure.place.to_string().into());
    }
    if !failure.problems.is_empty() {
        let detail =
            |problem: &mayuse_core::Problem| json!({"field": problem.place.to_string(), "message": problem.message});
        error.insert("details".to_owned(), failure.problems.iter().map(detail).collect());
    }
    json!({"success": false, "error": error})
}
