//! The problems that reading an input collects.

use mayuse_core::{Code, Place, Problem, Problems, sort_by};
use std::cell::RefCell;

/// Collects the problems of an input. Readers share it by reference.
#[derive(Clone, Debug, Default)]
pub struct Diagnostics(RefCell<Problems>);

impl Diagnostics {
    /// Adds a problem.
    pub fn push(&self, problem: Problem) {
        // No borrow lives longer than a call, so this succeeds always.
        if let Ok(mut problems) = self.0.try_borrow_mut() {
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
        let mut problems = self.0.into_inner();
        sort_by(&mut problems.list, |a, b| a.severity.cmp(&b.severity));
        problems
    }
}
