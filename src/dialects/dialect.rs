//! The four dialects: each has its own routes, its own way to present a key, and its own shape
//! of errors.

use crate::failure::{ApiError, ErrorKind};
use crate::json::json;
use crate::request::{ApiResponse, Presented};
use serde_json::{Map, Value};

/// The API that a path belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Dialect {
    /// mayuse's own.
    Native,
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
            _ => Dialect::Native,
        }
    }

    /// How to present a key, for messages.
    pub fn how_to_authenticate(self) -> &'static str {
        match self {
            Dialect::Native => "authorization: Bearer KEY, or x-api-key: KEY",
            Dialect::Meteroid => "authorization: Bearer KEY",
            Dialect::Commet => "x-api-key: KEY",
            Dialect::Pabbly => "HTTP Basic, the key as the user name",
        }
    }

    /// Formats an error in the dialect's shape.
    pub fn refuse(self, failure: &ApiError) -> ApiResponse {
        let body = match self {
            Dialect::Native => own(failure),
            Dialect::Meteroid => json!({"code": meteroid_code(failure.kind), "message": failure.sentence()}),
            Dialect::Commet => commet(failure),
            // Pabbly's overview says `success` and `error`, its clients read `status` and `message`.
            Dialect::Pabbly => {
                let message = failure.sentence();
                json!({"status": "error", "success": false, "message": message, "error": message})
            }
        };
        ApiResponse {
            status: failure.kind.status(),
            body: Some(body),
            allow: match failure.kind {
                ErrorKind::MethodNotAllowed(allow) => Some(allow),
                _ => None,
            },
            retry_after: match failure.kind {
                ErrorKind::TooManyRequests(seconds) | ErrorKind::Busy(seconds) => Some(seconds),
                _ => None,
            },
            etag: match failure.kind {
                ErrorKind::PreconditionFailed(present) => present,
                _ => None,
            },
            authenticate: match (failure.kind, self) {
                (ErrorKind::Unauthorized, Dialect::Pabbly) => Some("Basic realm=\"mayuse\", charset=\"UTF-8\""),
                (ErrorKind::Unauthorized, _) => Some("Bearer realm=\"mayuse\""),
                _ => None,
            },
        }
    }
}

fn own(failure: &ApiError) -> Value {
    let mut error = Map::new();
    error.insert("code".to_owned(), failure.code.unwrap_or_else(|| own_code(failure.kind)).into());
    error.insert("message".to_owned(), failure.message.clone().into());
    if !failure.place.is_whole() {
        error.insert("path".to_owned(), failure.place.to_string().into());
    }
    if let ErrorKind::PreconditionFailed(present) = failure.kind {
        error.insert("snapshot_version".to_owned(), present.into());
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

fn own_code(why: ErrorKind) -> &'static str {
    match why {
        ErrorKind::BadRequest => "INVALID",
        ErrorKind::Unauthorized => "UNAUTHORIZED",
        ErrorKind::Forbidden => "FORBIDDEN",
        ErrorKind::NotFound => "NOT_FOUND",
        ErrorKind::MethodNotAllowed(_) => "METHOD_NOT_ALLOWED",
        ErrorKind::RequestTimeout => "REQUEST_TIMEOUT",
        ErrorKind::Conflict => "CONFLICT",
        ErrorKind::PreconditionFailed(_) => "PRECONDITION_FAILED",
        ErrorKind::TooLarge => "PAYLOAD_TOO_LARGE",
        ErrorKind::UnsupportedMediaType => "UNSUPPORTED_MEDIA_TYPE",
        ErrorKind::TooManyRequests(_) => "TOO_MANY_REQUESTS",
        ErrorKind::Internal | ErrorKind::NotImplemented => "INTERNAL",
        ErrorKind::Busy(_) | ErrorKind::Unavailable => "UNAVAILABLE",
    }
}

/// Meteroid has seven codes; other errors differ by status only.
fn meteroid_code(why: ErrorKind) -> &'static str {
    match why {
        ErrorKind::BadRequest | ErrorKind::RequestTimeout | ErrorKind::TooLarge | ErrorKind::UnsupportedMediaType => {
            "BAD_REQUEST"
        }
        ErrorKind::Unauthorized => "UNAUTHORIZED",
        ErrorKind::Forbidden => "FORBIDDEN",
        ErrorKind::NotFound | ErrorKind::MethodNotAllowed(_) => "NOT_FOUND",
        ErrorKind::Conflict | ErrorKind::PreconditionFailed(_) => "CONFLICT",
        ErrorKind::TooManyRequests(_) => "TOO_MANY_REQUESTS",
        ErrorKind::Internal | ErrorKind::NotImplemented | ErrorKind::Busy(_) | ErrorKind::Unavailable => {
            "INTERNAL_SERVER_ERROR"
        }
    }
}

fn commet(failure: &ApiError) -> Value {
    let (kind, code) = match failure.kind {
        ErrorKind::BadRequest if failure.code == Some("INVALID_JSON") => ("validation_error", "invalid_json"),
        ErrorKind::BadRequest | ErrorKind::RequestTimeout | ErrorKind::TooLarge | ErrorKind::UnsupportedMediaType => {
            ("validation_error", "validation_error")
        }
        ErrorKind::Unauthorized => ("authentication_error", "unauthorized"),
        ErrorKind::Forbidden => ("authentication_error", "forbidden"),
        ErrorKind::NotFound | ErrorKind::MethodNotAllowed(_) => ("not_found_error", "not_found"),
        ErrorKind::Conflict | ErrorKind::PreconditionFailed(_) => ("conflict_error", "duplicate"),
        ErrorKind::TooManyRequests(_) => ("rate_limit_error", "rate_limited"),
        ErrorKind::Internal | ErrorKind::NotImplemented | ErrorKind::Busy(_) | ErrorKind::Unavailable => {
            ("internal_error", "internal_error")
        }
    };
    // mayuse's own codes are in capitals; Commet's are not.
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
