//! A request and its answer, free of any platform.

use crate::failure::{ApiError, ErrorKind};
use crate::ids::Ids;
use crate::methods::Methods;
use crate::store::Change;
use crate::strict;
use mayuse_core::Instant;
use mayuse_document::Tree;
use percent_encoding::percent_decode_str;
use serde_json::Value;

/// How a request presents its key, which says what kind of client it comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Presented {
    /// It does not.
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
    /// How these two headers present one. `authorization` goes before `x-api-key`.
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

/// A request, as far as any route looks at it.
#[derive(Clone, Debug)]
pub struct Request<'r> {
    /// `GET`, `POST` and so on.
    pub method: &'r str,
    /// The path as it was sent, with its leading slash.
    pub path: &'r str,
    /// The query as it was sent, without its question mark.
    pub query: &'r str,
    /// How its key was presented.
    pub presented: Presented,
    /// The header `content-type`.
    pub content_type: Option<&'r str>,
    /// The body.
    pub body: &'r [u8],
}

impl Request<'_> {
    /// The segments of the path, decoded.
    ///
    /// # Errors
    /// One that is not UTF-8 in percent-encoding.
    pub fn segments(&self) -> Result<Vec<String>, ApiError> {
        let decoded = |segment: &str| {
            let text = percent_decode_str(segment).decode_utf8();
            text.map(|text| text.into_owned())
                .map_err(|_| ApiError::new(ErrorKind::BadRequest, "the path is not UTF-8 in percent-encoding"))
        };
        self.path.strip_prefix('/').unwrap_or_default().split('/').map(decoded).collect()
    }

    /// The parameters of the query, decoded, in their order.
    pub fn parameters(&self) -> Vec<(String, String)> {
        form_urlencoded::parse(self.query.as_bytes()).into_owned().collect()
    }

    /// The last value of a parameter.
    pub fn parameter(&self, name: &str) -> Option<String> {
        self.parameters().into_iter().rev().find(|(found, _)| found == name).map(|(_, value)| value)
    }

    /// The body as JSON to be read field by field.
    ///
    /// # Errors
    /// Another content type, or no JSON.
    pub fn tree(&self) -> Result<Tree, ApiError> {
        self.says_json()?;
        serde_json::from_slice(self.body).map_err(|error| not_json(&error))
    }

    /// The body as JSON to be kept.
    ///
    /// # Errors
    /// Another content type, no JSON, or an object with a field written twice.
    pub fn value(&self) -> Result<Value, ApiError> {
        self.says_json()?;
        strict::from_slice(self.body).map_err(|error| not_kept(&error))
    }

    /// The body as a JSON object of which only these fields are kept. The others take no memory.
    ///
    /// # Errors
    /// Another content type, no JSON, or an object with a field written twice.
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

/// What a route may use besides the request and the catalog.
#[derive(Debug)]
pub struct Context {
    /// The instant of the request. There is no other.
    pub now: Instant,
    /// Where new ids come from.
    pub ids: Ids,
    /// The name of the key the request came with.
    pub by: String,
}

/// What is answered.
#[derive(Clone, PartialEq, Debug)]
pub struct ApiResponse {
    /// The HTTP status.
    pub status: u16,
    /// The body, JSON; none for 204.
    pub body: Option<Value>,
    /// The methods a path knows, where another one was used.
    pub allow: Option<Methods>,
    /// After how many seconds to try again.
    pub retry_after: Option<u32>,
    /// How to present a key, where one is missing.
    pub authenticate: Option<&'static str>,
}

impl ApiResponse {
    /// A JSON body.
    pub fn json(status: u16, body: Value) -> ApiResponse {
        ApiResponse { status, body: Some(body), allow: None, retry_after: None, authenticate: None }
    }

    /// 204.
    pub fn empty() -> ApiResponse {
        ApiResponse { status: 204, body: None, allow: None, retry_after: None, authenticate: None }
    }
}

/// The answer to a request, and what is to be written before it may be given.
#[derive(Clone, PartialEq, Debug)]
pub struct Outcome {
    /// The answer.
    pub reply: ApiResponse,
    /// The write, as one transaction; nothing for a read.
    pub changes: Vec<Change>,
}

impl Outcome {
    /// A read.
    pub fn read(body: Value) -> Outcome {
        Outcome { reply: ApiResponse::json(200, body), changes: Vec::new() }
    }

    /// A write.
    pub fn wrote(reply: ApiResponse, changes: Vec<Change>) -> Outcome {
        Outcome { reply, changes }
    }
}
