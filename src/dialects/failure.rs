//! API errors, before a dialect gives them its shape.

use crate::methods::Methods;
use mayuse_core::{Place, Problem, Problems};
use std::ops::{Deref, DerefMut};

/// The most problems listed in one message.
const MAX_SHOWN: usize = 20;

/// An API error. Each dialect formats it in its own shape. Boxed to keep `Result` small: it is propagated in
/// hundreds of places.
#[derive(Clone, PartialEq, Debug)]
pub struct ApiError(Box<ErrorDetails>);

/// The fields of an API error.
#[derive(Clone, PartialEq, Debug)]
pub struct ErrorDetails {
    /// Decides the HTTP status.
    pub kind: ErrorKind,
    /// A code of the dialect, where it is more exact than the status.
    pub code: Option<&'static str>,
    /// What is wrong, and the next step.
    pub message: String,
    /// The field of the request, if one field is wrong.
    pub place: Place,
    /// All problems of the request's fields.
    pub problems: Vec<Problem>,
}

/// The kinds of API errors, by HTTP status.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ErrorKind {
    /// 400: the request is invalid.
    BadRequest,
    /// 401: the key is missing or unknown.
    Unauthorized,
    /// 403: the key does not have the scope.
    Forbidden,
    /// 404: the path or the id does not exist.
    NotFound,
    /// 405: the path accepts only these methods.
    MethodNotAllowed(Methods),
    /// 408: the body does not arrive in time.
    RequestTimeout,
    /// 409: the request conflicts with stored data.
    Conflict,
    /// 412: the entity is not the one that the client has seen; holds the version of its last write.
    PreconditionFailed(Option<u64>),
    /// 413: the body exceeds the path's limit.
    TooLarge,
    /// 415: the body has another content type.
    UnsupportedMediaType,
    /// 429: the key is over its rate limit; holds the seconds to wait.
    TooManyRequests(u32),
    /// 500: a fault of mayuse.
    Internal,
    /// 501: the emulated API has this route, and mayuse does not.
    NotImplemented,
    /// 503: the server is overloaded; holds the seconds to wait.
    Busy(u32),
    /// 503: the service is unavailable.
    Unavailable,
}

impl ErrorKind {
    /// The HTTP status.
    pub fn status(self) -> u16 {
        match self {
            ErrorKind::BadRequest => 400,
            ErrorKind::Unauthorized => 401,
            ErrorKind::Forbidden => 403,
            ErrorKind::NotFound => 404,
            ErrorKind::MethodNotAllowed(_) => 405,
            ErrorKind::RequestTimeout => 408,
            ErrorKind::Conflict => 409,
            ErrorKind::PreconditionFailed(_) => 412,
            ErrorKind::TooLarge => 413,
            ErrorKind::UnsupportedMediaType => 415,
            ErrorKind::TooManyRequests(_) => 429,
            ErrorKind::Internal => 500,
            ErrorKind::NotImplemented => 501,
            ErrorKind::Busy(_) | ErrorKind::Unavailable => 503,
        }
    }
}

impl ApiError {
    /// An error without a place.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> ApiError {
        ApiError::refused(kind, message.into())
    }

    #[inline(never)]
    fn refused(kind: ErrorKind, message: String) -> ApiError {
        ApiError(Box::new(ErrorDetails { kind, code: None, message, place: Place::default(), problems: Vec::new() }))
    }

    /// 400 for one field.
    pub fn field(place: impl Into<Place>, message: impl Into<String>) -> ApiError {
        ApiError::of_field(place.into(), message.into())
    }

    #[inline(never)]
    fn of_field(place: Place, message: String) -> ApiError {
        let problem = Problem::error(mayuse_core::Code::Invalid, place.clone(), message.clone());
        let mut failure = ApiError::refused(ErrorKind::BadRequest, message).at(place);
        failure.problems.push(problem);
        failure
    }

    /// 404.
    pub fn not_found(message: impl Into<String>) -> ApiError {
        ApiError::new(ErrorKind::NotFound, message)
    }

    /// 409.
    pub fn conflict(message: impl Into<String>) -> ApiError {
        ApiError::new(ErrorKind::Conflict, message)
    }

    /// 500.
    pub fn internal(message: impl Into<String>) -> ApiError {
        ApiError::new(ErrorKind::Internal, message)
    }

    /// Adds a code of the dialect.
    pub fn code(mut self, code: &'static str) -> ApiError {
        self.code = Some(code);
        self
    }

    /// Adds the place in the request.
    pub fn at(mut self, place: impl Into<Place>) -> ApiError {
        self.place = place.into();
        self
    }

    /// The places and messages as one text, for dialects that have one field for both.
    pub fn sentence(&self) -> String {
        match self.problems.as_slice() {
            [_, _, ..] => {
                let mut shown: Vec<String> = self.problems.iter().take(MAX_SHOWN).map(ToString::to_string).collect();
                // A field that is read twice is reported twice.
                shown.dedup();
                shown.join("; ")
            }
            _ if self.place.is_whole() => self.message.clone(),
            _ => format!("{}: {}", self.place, self.message),
        }
    }
}

impl Deref for ApiError {
    type Target = ErrorDetails;

    fn deref(&self) -> &ErrorDetails {
        &self.0
    }
}

impl DerefMut for ApiError {
    fn deref_mut(&mut self) -> &mut ErrorDetails {
        &mut self.0
    }
}

impl From<Problems> for ApiError {
    fn from(problems: Problems) -> Self {
        let first = problems.list.first();
        let is_too_large = first.is_some_and(|problem| problem.code == mayuse_core::Code::TooLarge);
        ApiError(Box::new(ErrorDetails {
            kind: if is_too_large { ErrorKind::TooLarge } else { ErrorKind::BadRequest },
            code: first.map(|problem| problem.code.name()),
            message: first.map_or_else(|| "the request cannot be read".to_owned(), |problem| problem.message.clone()),
            place: first.map(|problem| problem.place.clone()).unwrap_or_default(),
            problems: problems.list,
        }))
    }
}
