//! Why a request is refused, before it is known in which words.

use crate::methods::Methods;
use mayuse_core::{Place, Problem, Problems};
use std::ops::{Deref, DerefMut};

/// How many problems one text holds: more than anybody mends at once.
const MAX_SHOWN: usize = 20;

/// A refusal. Each dialect says it in its own shape. It is boxed: hundreds of places hand one on, and each would move all
/// of its fields.
#[derive(Clone, PartialEq, Debug)]
pub struct ApiError(Box<ErrorDetails>);

/// What is refused, and why.
#[derive(Clone, PartialEq, Debug)]
pub struct ErrorDetails {
    /// Which status it has.
    pub kind: ErrorKind,
    /// A code of the dialect's own, where one is more exact than the status.
    pub code: Option<&'static str>,
    /// What, and what to do about it.
    pub message: String,
    /// Where in the request, for a problem of one field.
    pub place: Place,
    /// All problems, where fields are wrong.
    pub problems: Vec<Problem>,
}

/// The statuses a request can be refused with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ErrorKind {
    /// 400: something in the request is wrong.
    BadRequest,
    /// 401: no key, or one that is not known.
    Unauthorized,
    /// 403: a key without the scope.
    Forbidden,
    /// 404: no such path, or nothing of that id.
    NotFound,
    /// 405: the path takes these methods.
    MethodNotAllowed(Methods),
    /// 408: the body does not come.
    RequestTimeout,
    /// 409: it contradicts what is stored.
    Conflict,
    /// 413: the body is larger than the path takes.
    TooLarge,
    /// 415: the body says it is something else.
    UnsupportedMediaType,
    /// 429: more requests than the key may make; try again after so many seconds.
    TooManyRequests(u32),
    /// 500: a fault of ours.
    Internal,
    /// 501: the API that is stood in for has it, and mayuse does not.
    NotImplemented,
    /// 503: too much at a time; try again after so many seconds.
    Busy(u32),
    /// 503: not now.
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
    /// A refusal without a place.
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

    /// With a code of the dialect's own.
    pub fn code(mut self, code: &'static str) -> ApiError {
        self.code = Some(code);
        self
    }

    /// With the place in the request.
    pub fn at(mut self, place: impl Into<Place>) -> ApiError {
        self.place = place.into();
        self
    }

    /// Where and what, for answers that have one text for all of it.
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
