//! Where problems are put while an input is read.

use mayuse_core::{Code, Place, Problem, Problems, sort_by};
use std::cell::RefCell;

/// Where problems are put while an input is read.
#[derive(Clone, Debug, Default)]
pub struct Diagnostics(RefCell<Problems>);

impl Diagnostics {
    /// Takes a problem.
    pub fn push(&self, problem: Problem) {
        // Nothing holds a borrow across a call, so this is always free.
        if let Ok(mut problems) = self.0.try_borrow_mut() {
            problems.push(problem);
        }
    }

    /// Takes a problem that keeps the input from being used.
    pub fn error(&self, code: Code, place: impl Into<Place>, message: impl Into<String>) {
        self.push(Problem::error(code, place, message));
    }

    /// The problems, if the input can be used in spite of them.
    ///
    /// # Errors
    /// The same, if it cannot.
    pub fn into_usable(self) -> Result<Problems, Problems> {
        let problems = self.into_inner();
        if problems.is_usable() { Ok(problems) } else { Err(problems) }
    }

    /// The problems, errors first.
    pub fn into_inner(self) -> Problems {
        let mut problems = self.0.into_inner();
        sort_by(&mut problems.list, |a, b| a.severity.cmp(&b.severity));
        problems
    }
}
