//! Colour in a terminal, and none in a pipe.

use std::env;
use std::io::{IsTerminal, stderr, stdout};

/// Paints text, or leaves it as it is.
#[derive(Debug)]
pub struct Paint {
    on: bool,
}

/// For standard output.
pub fn for_stdout() -> Paint {
    Paint { on: stdout().is_terminal() && wanted() }
}

/// For standard error.
pub fn for_stderr() -> Paint {
    Paint { on: stderr().is_terminal() && wanted() }
}

fn wanted() -> bool {
    env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
        && env::var_os("TERM").is_none_or(|term| term != "dumb")
}

impl Paint {
    pub fn red(&self, text: &str) -> String {
        self.with("31", text)
    }

    pub fn green(&self, text: &str) -> String {
        self.with("32", text)
    }

    pub fn yellow(&self, text: &str) -> String {
        self.with("33", text)
    }

    pub fn bold(&self, text: &str) -> String {
        self.with("1", text)
    }

    pub fn dim(&self, text: &str) -> String {
        self.with("2", text)
    }

    fn with(&self, code: &str, text: &str) -> String {
        if self.on { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}
