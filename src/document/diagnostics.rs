//! The problems that reading an input collects.

use mayuse_core::{Code, Place, Problem, Problems, Severity, sort_by};
use std::cell::RefCell;

/// Collects the problems of an input. Readers share it by reference.
#[derive(Clone, Debug, Default)]
pub struct Diagnostics {
    problems: RefCell<Problems>,
    is_of_question: bool,
}

impl Diagnostics {
    /// The diagnostics of a question. It is not pasted from anywhere, so what is not known in it is an error.
    pub fn of_question() -> Diagnostics {
        Diagnostics { is_of_question: true, ..Diagnostics::default() }
    }

    /// Adds a problem.
    pub fn push(&self, mut problem: Problem) {
        if self.is_of_question && matches!(problem.code, Code::UnknownField | Code::UnknownValue) {
            problem.severity = Severity::Error;
        }
        // No borrow lives longer than a call, so this succeeds always.
        if let Ok(mut problems) = self.problems.try_borrow_mut() {
            problems.push(problem);
        }
    }

    /// Adds a problem of severity ERROR.
    pub fn error(&self, code: Code, place: impl Into<Place>, message: impl Into<String>) {
        self.push(Problem::error(code, place, message));
    }

    /// The problems, if the input is usable.
    ///
    /// # Errors
    /// The problems, if one of them is an error.
    pub fn into_usable(self) -> Result<Problems, Problems> {
        let problems = self.into_inner();
        if problems.is_usable() { Ok(problems) } else { Err(problems) }
    }

    /// The problems, sorted by severity: errors, skipped rows, warnings.
    pub fn into_inner(self) -> Problems {
        let mut problems = self.problems.into_inner();
        sort_by(&mut problems.list, |a, b| a.severity.cmp(&b.severity));
        problems
    }
}

/// A text from the input that is safe to print: bounded, and without control characters.
pub(crate) fn shown(text: &str) -> String {
    mayuse_core::shown(text, 64)
}
