//! What is wrong with an input, and where.

use crate::place::Place;
use std::fmt;

/// One thing that is wrong with a document or a question.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// What kind of problem it is.
    pub code: Code,
    /// How bad it is.
    pub severity: Severity,
    /// Where.
    pub place: Place,
    /// What, in one sentence.
    pub message: String,
}

/// The kinds of problems. Append-only.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Code {
    /// A field that must be there is not.
    Missing,
    /// A value of another JSON type than the field takes.
    WrongType,
    /// A text that is none of the values the field knows.
    UnknownValue,
    /// A value of the right type that the field does not take.
    Invalid,
    /// A number, instant or amount outside the range that can be held.
    OutOfRange,
    /// Something that may be there once, twice.
    Duplicate,
    /// The name of something that is not in the document.
    BrokenReference,
    /// An entitlement value that its feature cannot have.
    TypeMismatch,
    /// Something that is accepted but grants nothing.
    NoEffect,
    /// A text that is longer than what goes into snapshots may be.
    TooLarge,
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
        }
    }
}

/// How bad a problem is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Severity {
    /// The input cannot be used.
    Error,
    /// A row that is refused when it is written, and skipped in a snapshot that holds it.
    Skipped,
    /// Accepted as it is.
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
    /// A problem that keeps the input from being used.
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

/// All problems of one input: as many as are kept, and how many more there were.
#[derive(Clone, Debug, Default)]
pub struct Problems {
    /// The first ones: errors, then rows that are skipped, then warnings, each as they came.
    pub list: Vec<Problem>,
    /// How many more there were.
    pub n_more: usize,
    n_errors: usize,
    n_skipped: usize,
}

impl Problems {
    /// Enough to mend a file by, and a bound on what a hostile one can make us hold.
    const MAX_KEPT: usize = 200;

    /// Whether the input can be used in spite of them.
    pub fn is_usable(&self) -> bool {
        self.n_errors == 0
    }

    /// Whether the input may be written: nothing in it would be skipped.
    pub fn is_writable(&self) -> bool {
        self.is_usable() && self.n_skipped == 0
    }

    /// Adds a problem; of more than two hundred, those that matter most are kept.
    pub fn push(&mut self, problem: Problem) {
        match problem.severity {
            Severity::Error => self.n_errors = self.n_errors.saturating_add(1),
            Severity::Skipped => self.n_skipped = self.n_skipped.saturating_add(1),
            Severity::Warning => {}
        }
        if self.list.len() < Self::MAX_KEPT {
            return self.list.push(problem);
        }
        self.n_more = self.n_more.saturating_add(1);
        // What matters more is not left out for what matters less.
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
