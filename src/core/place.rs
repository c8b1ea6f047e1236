//! Where in an input something stands.

use std::fmt;

/// A place in an input: an element of it, and a field inside of that.
///
/// # Example: the printed form
///
/// ```
/// use mayuse_core::{Element, Place};
/// let place = Place::from(Element::Listed("add_ons", 3)).field("entitlements").item(0).field("value");
/// assert_eq!(place.to_string(), "add_ons[3].entitlements[0].value");
/// assert_eq!(Place::from(Element::Line(7)).field("alias").to_string(), "line 7: alias");
/// assert_eq!(Place::from("limit").to_string(), "limit");
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Place {
    /// Which element of the input.
    pub element: Element,
    /// Where in the element: `entitlements[0].value`. Empty for the element as a whole.
    pub fields: String,
}

/// An element of an input.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Element {
    /// The input as a whole.
    #[default]
    Whole,
    /// An item of a list of a document, by its index.
    Listed(&'static str, usize),
    /// What stands on a line of a file; the first one is line 1.
    Line(usize),
    /// What is stored already, by its number in a list that the caller keeps.
    Stored(usize),
}

impl Element {
    /// How elements of one list are ordered: what is stored comes after the input.
    pub fn rank(self) -> (bool, usize) {
        (matches!(self, Element::Stored(_)), self.number())
    }

    /// Its number among those of its kind.
    pub fn number(self) -> usize {
        match self {
            Element::Whole => 0,
            Element::Listed(_, n) | Element::Line(n) | Element::Stored(n) => n,
        }
    }
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Element::Whole => Ok(()),
            Element::Listed(list, n) => write!(f, "{list}[{n}]"),
            Element::Line(n) => write!(f, "line {n}"),
            Element::Stored(n) => write!(f, "stored[{n}]"),
        }
    }
}

impl Place {
    /// Whether it is the input as a whole.
    pub fn is_whole(&self) -> bool {
        self.element == Element::Whole && self.fields.is_empty()
    }

    /// A field of it.
    #[must_use]
    pub fn field(mut self, name: &str) -> Place {
        if !self.fields.is_empty() {
            self.fields.push('.');
        }
        self.fields.push_str(name);
        self
    }

    /// An item of it.
    #[must_use]
    pub fn item(mut self, n: usize) -> Place {
        self.fields.push_str(&format!("[{n}]"));
        self
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.element.fmt(f)?;
        f.write_str(match self.element {
            Element::Whole => "",
            _ if self.fields.is_empty() => "",
            Element::Line(_) => ": ",
            Element::Listed(..) | Element::Stored(_) => ".",
        })?;
        f.write_str(&self.fields)
    }
}

impl From<Element> for Place {
    fn from(element: Element) -> Place {
        Place { element, fields: String::new() }
    }
}

impl From<String> for Place {
    fn from(fields: String) -> Place {
        Place { element: Element::Whole, fields }
    }
}

impl From<&str> for Place {
    fn from(fields: &str) -> Place {
        Place::from(fields.to_owned())
    }
}
