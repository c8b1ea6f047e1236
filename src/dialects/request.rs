//! Requests and responses, independent of a platform.

use crate::failure::{ApiError, ErrorKind};
use crate::ids::Ids;
use crate::methods::Methods;
use crate::preconditions::Preconditions;
use crate::store::Change;
use crate::strict;
use mayuse_core::{Code, Instant, Problem, Problems};
use mayuse_document::Tree;
use percent_encoding::percent_decode_str;
use serde_json::Value;

/// The header in which a request presents its key, which hints at the client's dialect.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Presented {
    /// No key.
    #[default]
    Not,
    /// `authorization: Bearer`
    Bearer,
    /// `authorization: Basic`
    Basic,
    /// `x-api-key`
    ApiKey,
}

impl Presented {
    /// Reads the two headers. `authorization` has priority over `x-api-key`.
    pub fn of(authorization: Option<&str>, x_api_key: Option<&str>) -> Presented {
        let scheme = authorization.and_then(|text| text.trim().split(' ').next()).unwrap_or_default();
        match x_api_key {
            _ if scheme.eq_ignore_ascii_case("Bearer") => Presented::Bearer,
            _ if scheme.eq_ignore_ascii_case("Basic") => Presented::Basic,
            Some(_) => Presented::ApiKey,
            None => Presented::Not,
        }
    }
}

/// The parts of a request that routes use.
#[derive(Clone, Debug)]
pub struct Request<'r> {
    /// `GET`, `POST` and so on.
    pub method: &'r str,
    /// The path as it was sent, with its leading slash.
    pub path: &'r str,
    /// The query as it was sent, without its question mark.
    pub query: &'r str,
    /// The header of its key.
    pub presented: Presented,
    /// The header `content-type`.
    pub content_type: Option<&'r str>,
    /// The headers `if-match` and `if-none-match`.
    pub preconditions: Preconditions<'r>,
    /// The body.
    pub body: &'r [u8],
}

impl Request<'_> {
    /// The segments of the path, decoded.
    ///
    /// # Errors
    /// A segment is not percent-encoded UTF-8.
    pub fn segments(&self) -> Result<Vec<String>, ApiError> {
        let decoded = |segment: &str| {
            let text = percent_decode_str(segment).decode_utf8();
            text.map(|text| text.into_owned())
                .map_err(|_| ApiError::new(ErrorKind::BadRequest, "the path is not UTF-8 in percent-encoding"))
        };
        self.path.strip_prefix('/').unwrap_or_default().split('/').map(decoded).collect()
    }

    /// Checks that the query is text. In place of other bytes, [`parameters`](Request::parameters) has a sign that
    /// replaces them, so two different names could be read as one.
    ///
    /// # Errors
    /// The query is not percent-encoded UTF-8.
    pub fn has_text_in_query(&self) -> Result<(), ApiError> {
        // Separators are ASCII, so the parts are UTF-8 if and only if the whole is.
        let text = percent_decode_str(self.query).decode_utf8();
        text.map(|_| ()).map_err(|_| ApiError::new(ErrorKind::BadRequest, "the query is not UTF-8 in percent-encoding"))
    }

    /// The decoded parameters of the query, in order.
    pub fn parameters(&self) -> Vec<(String, String)> {
        form_urlencoded::parse(self.query.as_bytes()).into_owned().collect()
    }

    /// The value of a parameter that may be given once.
    ///
    /// # Errors
    /// It is given twice.
    pub fn single_parameter(&self, name: &str) -> Result<Option<String>, ApiError> {
        let mut found = self.parameters().into_iter().filter(|(given, _)| given == name).map(|(_, value)| value);
        let value = found.next();
        match found.next() {
            None => Ok(value),
            Some(_) => {
                let problem = Problem::error(Code::Duplicate, name.to_owned(), "the field is written twice");
                Err(Problems::from(problem).into())
            }
        }
    }

    /// The last value of a parameter.
    pub fn parameter(&self, name: &str) -> Option<String> {
        self.parameters().into_iter().rev().find(|(found, _)| found == name).map(|(_, value)| value)
    }

    /// The body as JSON, to be read field by field.
    ///
    /// # Errors
    /// The content type is another, or the body is not JSON.
    pub fn tree(&self) -> Result<Tree<'_>, ApiError> {
        self.says_json()?;
        Tree::parse_bytes(self.body).map_err(|error| not_json(&error))
    }

    /// The body as JSON, to be stored.
    ///
    /// # Errors
    /// The content type is another, the body is not JSON, or an object repeats a field.
    pub fn value(&self) -> Result<Value, ApiError> {
        self.says_json()?;
        strict::from_slice(self.body).map_err(|error| not_kept(&error))
    }

    /// The body as a JSON object with only the known fields. Other fields take no memory.
    ///
    /// # Errors
    /// The content type is another, the body is not JSON, or an object repeats a field.
    pub fn fields(&self, known: &dyn Fn(&str) -> bool) -> Result<Value, ApiError> {
        self.says_json()?;
        strict::fields_from_slice(self.body, known).map_err(|error| not_kept(&error))
    }

    fn says_json(&self) -> Result<(), ApiError> {
        let essence = self.content_type.and_then(|text| text.split(';').next()).unwrap_or_default();
        if essence.trim().eq_ignore_ascii_case("application/json") {
            return Ok(());
        }
        let message = "send JSON, and say so: content-type: application/json";
        Err(ApiError::new(ErrorKind::UnsupportedMediaType, message))
    }
}

fn not_kept(error: &strict::NotJson) -> ApiError {
    let failure = not_json(error);
    if error.is_too_large { ApiError::new(ErrorKind::TooLarge, failure.message.as_str()) } else { failure }
}

fn not_json(error: &dyn std::fmt::Display) -> ApiError {
    ApiError::new(ErrorKind::BadRequest, format!("the body cannot be read: {error}")).code("INVALID_JSON")
}

/// The inputs of a handler besides the request and the catalog.
#[derive(Debug)]
pub struct Context {
    /// The instant of the request, the only clock of a handler.
    pub now: Instant,
    /// The source of new ids.
    pub ids: Ids,
    /// The name of the request's key.
    pub by: String,
}

/// A response.
#[derive(Clone, PartialEq, Debug)]
pub struct ApiResponse {
    /// The HTTP status.
    pub status: u16,
    /// The JSON body; `None` for 204.
    pub body: Option<Value>,
    /// The header `allow`, for 405.
    pub allow: Option<Methods>,
    /// The seconds until a retry.
    pub retry_after: Option<u32>,
    /// The scheme to authenticate with, for 401.
    pub authenticate: Option<&'static str>,
    /// The version of the entity's last write: the header `etag`.
    pub etag: Option<u64>,
}

impl ApiResponse {
    /// A JSON body.
    pub fn json(status: u16, body: Value) -> ApiResponse {
        ApiResponse { status, body: Some(body), allow: None, retry_after: None, authenticate: None, etag: None }
    }

    /// 204.
    pub fn empty() -> ApiResponse {
        ApiResponse { body: None, ..ApiResponse::json(204, Value::Null) }
    }
}

/// The response to a request, and the changes to store before it is sent.
#[derive(Clone, PartialEq, Debug)]
pub struct Outcome {
    /// The response.
    pub reply: ApiResponse,
    /// The changes, as one transaction; empty for a read.
    pub changes: Vec<Change>,
}

impl Outcome {
    /// A read.
    pub fn read(body: Value) -> Outcome {
        Outcome { reply: ApiResponse::json(200, body), changes: Vec::new() }
    }

    /// Adds the version of the entity that the response shows.
    pub fn of_version(mut self, version: u64) -> Outcome {
        self.reply.etag = Some(version);
        self
    }

    /// A write.
    pub fn wrote(reply: ApiResponse, changes: Vec<Change>) -> Outcome {
        Outcome { reply, changes }
    }
}
