//! Places in an input, for problems.

use crate::text::{counted, indexed, joined};
use std::fmt;

/// A place in an input: an element, and a field of that element.
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
    /// The element of the input.
    pub element: Element,
    /// The path within the element, such as `entitlements[0].value`. Empty for the whole element.
    pub fields: String,
}

/// An element of an input.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Element {
    /// The whole input.
    #[default]
    Whole,
    /// An item of a list of a document, by its index from 0.
    Listed(&'static str, usize),
    /// A line of a file, by its number from 1.
    Line(usize),
    /// A stored entity, by its index in a list that the caller keeps.
    Stored(usize),
}

impl Element {
    /// The order of elements of one list: stored entities come after the input.
    pub fn rank(self) -> (bool, usize) {
        (matches!(self, Element::Stored(_)), self.number())
    }

    /// The index or line number; 0 for the whole input.
    pub fn number(self) -> usize {
        match self {
            Element::Whole => 0,
            Element::Listed(_, n) | Element::Line(n) | Element::Stored(n) => n,
        }
    }

    fn text(self) -> String {
        match self {
            Element::Whole => String::new(),
            Element::Listed(list, n) => indexed(list, n),
            Element::Line(n) => joined(&["line ", &counted(n)]),
            Element::Stored(n) => indexed("stored", n),
        }
    }
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

impl Place {
    /// Whether the place is the whole input.
    pub fn is_whole(&self) -> bool {
        self.element == Element::Whole && self.fields.is_empty()
    }

    /// The place of a field within this place.
    #[must_use]
    pub fn field(mut self, name: &str) -> Place {
        if !self.fields.is_empty() {
            self.fields.push('.');
        }
        self.fields.push_str(name);
        self
    }

    /// The place of item `n` within this place.
    #[must_use]
    pub fn item(mut self, n: usize) -> Place {
        self.fields.push_str(&indexed("", n));
        self
    }

    /// What `Display` shows.
    pub fn text(&self) -> String {
        let between = match self.element {
            Element::Whole => "",
            _ if self.fields.is_empty() => "",
            Element::Line(_) => ": ",
            Element::Listed(..) | Element::Stored(_) => ".",
        };
        joined(&[&self.element.text(), between, &self.fields])
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
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
