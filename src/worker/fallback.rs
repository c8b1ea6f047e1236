//! The snapshot that was deployed with the program, and what is known of it before anybody needs it.

use mayuse_core::Packed;
use mayuse_dialects::object;
use serde_json::Value;
use std::cell::RefCell;

/// The fallback of this isolate.
#[derive(Debug, Default)]
pub struct Fallback {
    /// Its bytes, until they were opened.
    file: RefCell<Option<Packed>>,
    /// Its version, or what is wrong with it; none until somebody looked.
    found: RefCell<Option<Result<u64, String>>>,
}

impl Fallback {
    /// The fallback of these bytes; empty ones are none. What is no text at all cannot be read, and is told to be so.
    pub fn of(bytes: Vec<u8>) -> Fallback {
        let file = (!bytes.is_empty()).then(|| Packed::new(bytes).unwrap_or_default());
        Fallback { file: RefCell::new(file), found: RefCell::new(None) }
    }

    /// Its bytes: to be looked at, if nobody did yet, or to be opened, which is done once.
    pub fn file(&self, opens: bool) -> Option<Packed> {
        if opens {
            return self.file.take();
        }
        if self.found.borrow().is_some() { None } else { self.file.borrow().clone() }
    }

    /// Notes what looking at it came to.
    pub fn note(&self, found: Result<u64, String>) {
        self.found.replace(Some(found));
    }

    /// What is known of it.
    pub fn status(&self) -> Value {
        let found = self.found.borrow();
        let (status, version, problem) = match &*found {
            Some(Ok(version)) => ("USABLE", Some(*version), ""),
            Some(Err(problem)) => ("REFUSED", None, problem.as_str()),
            None if self.file.borrow().is_some() => ("UNCHECKED", None, ""),
            None => ("NONE", None, ""),
        };
        object(&mut [("status", status.into()), ("version", version.into()), ("problem", problem.into())].into_iter())
    }
}
