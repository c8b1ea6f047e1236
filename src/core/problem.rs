//! Problems of an input, with their places.

use crate::place::Place;
use std::fmt;

/// A problem of a document or a question.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// The kind of problem.
    pub code: Code,
    /// The severity.
    pub severity: Severity,
    /// The place in the input.
    pub place: Place,
    /// The message, in one sentence.
    pub message: String,
}

/// The kinds of problems. Append-only.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Code {
    /// A required field is absent.
    Missing,
    /// A value of another JSON type than the field takes.
    WrongType,
    /// A text that is not a value of the field's enumeration.
    UnknownValue,
    /// A value of the right type that breaks the rule of the field.
    Invalid,
    /// A number, instant or amount outside the range of the field.
    OutOfRange,
    /// A name, field or row that occurs twice and may occur once.
    Duplicate,
    /// A reference to an entity that the document does not have.
    BrokenReference,
    /// An entitlement value that does not fit its feature.
    TypeMismatch,
    /// An accepted part that has no effect.
    NoEffect,
    /// A text or input that is longer than its bound.
    TooLarge,
    /// A field that is not known where it stands.
    UnknownField,
}

impl Code {
    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Code::Missing => "MISSING",
            Code::WrongType => "WRONG_TYPE",
            Code::UnknownValue => "UNKNOWN_VALUE",
            Code::Invalid => "INVALID",
            Code::OutOfRange => "OUT_OF_RANGE",
            Code::Duplicate => "DUPLICATE",
            Code::BrokenReference => "BROKEN_REFERENCE",
            Code::TypeMismatch => "TYPE_MISMATCH",
            Code::NoEffect => "NO_EFFECT",
            Code::TooLarge => "TOO_LARGE",
            Code::UnknownField => "UNKNOWN_FIELD",
        }
    }
}

/// The severity of a problem.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Severity {
    /// The input is unusable.
    Error,
    /// A part that is refused in the write of one entity, and skipped in a document.
    Skipped,
    /// The input is accepted.
    Warning,
}

impl Severity {
    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Error => "ERROR",
            Severity::Skipped => "SKIPPED",
            Severity::Warning => "WARNING",
        }
    }
}

impl Problem {
    /// A problem of severity ERROR.
    pub fn error(code: Code, place: impl Into<Place>, message: impl Into<String>) -> Problem {
        Problem { code, severity: Severity::Error, place: place.into(), message: message.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.place.is_whole() { f.write_str(&self.message) } else { write!(f, "{}: {}", self.place, self.message) }
    }
}

impl std::error::Error for Problem {}

/// The problems of one input: a bounded list, and the number of further problems.
#[derive(Clone, Debug, Default)]
pub struct Problems {
    /// The kept problems. Those of a document are sorted by severity, errors first.
    pub list: Vec<Problem>,
    /// The number of problems that were not kept.
    pub n_more: usize,
    n_errors: usize,
    n_misfits: usize,
    n_unknown: usize,
}

impl Problems {
    /// Enough to repair a file by, and a bound on the memory that a hostile file takes.
    const MAX_KEPT: usize = 200;

    /// Whether the input is usable: there is no error.
    pub fn is_usable(&self) -> bool {
        self.n_errors == 0
    }

    /// Whether a document or an import may be written: there is no error, and nothing is skipped but what has a value
    /// that this version does not know.
    pub fn is_importable(&self) -> bool {
        self.is_usable() && self.n_misfits == 0
    }

    /// Whether an entity may be written by itself: there is no error, and nothing is skipped.
    pub fn is_writable(&self) -> bool {
        self.is_importable() && self.n_unknown == 0
    }

    /// Adds a problem. Beyond 200, the most severe problems are kept.
    pub fn push(&mut self, problem: Problem) {
        match problem.severity {
            Severity::Error => self.n_errors = self.n_errors.saturating_add(1),
            Severity::Skipped if problem.code == Code::UnknownValue => {
                self.n_unknown = self.n_unknown.saturating_add(1)
            }
            Severity::Skipped => self.n_misfits = self.n_misfits.saturating_add(1),
            Severity::Warning => {}
        }
        if self.list.len() < Self::MAX_KEPT {
            return self.list.push(problem);
        }
        self.n_more = self.n_more.saturating_add(1);
        // A more severe problem takes the place of a lesser one.
        if let Some(lesser) = self.list.iter_mut().rev().find(|held| problem.severity < held.severity) {
            *lesser = problem;
        }
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        let mut problems = Problems::default();
        problems.push(problem);
        problems
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, problem) in self.list.iter().enumerate() {
            if n > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        if self.n_more > 0 {
            write!(f, "\nand {} more", self.n_more)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}
