//! The methods that a path takes.

use std::fmt;

/// The methods a path takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Methods(u8);

impl Methods {
    const NAMES: [&str; 6] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];

    /// Whether it takes no method at all.
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
    /// As in the header `allow`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut names = Methods::NAMES.iter().enumerate().filter(|(n, _)| self.0 & (1 << n) != 0);
        names.try_fold("", |between, (_, name)| write!(f, "{between}{name}").map(|()| ", "))?;
        Ok(())
    }
}
