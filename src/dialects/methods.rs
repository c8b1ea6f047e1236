//! The HTTP methods that a path accepts.

use std::fmt;

/// The HTTP methods that a path accepts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Methods(u8);

impl Methods {
    const NAMES: [&str; 6] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];

    /// Whether the path accepts no method.
    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(crate) fn add(&mut self, method: &str) {
        for (n, name) in Methods::NAMES.iter().enumerate() {
            if *name == method || (*name == "HEAD" && method == "GET") {
                self.0 |= 1 << n;
            }
        }
    }
}

impl fmt::Display for Methods {
    /// The value of the header `allow`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut names = Methods::NAMES.iter().enumerate().filter(|(n, _)| self.0 & (1 << n) != 0);
        names.try_fold("", |between, (_, name)| write!(f, "{between}{name}").map(|()| ", "))?;
        Ok(())
    }
}
