//! Any JSON value as a tree, and typed reading of the tree that reports every problem with its place.
//!
//! A derived deserialiser would stop at the first problem, without its place.

use crate::diagnostics::{Diagnostics, shown};
use mayuse_core::{
    Amount, AmountError, Code, Date, Element, ID_RULE, Instant, MAX_VERSION, Place, Problem, Severity, TimeError,
    WriteJson, decimal, is_id, is_longer, joined,
};
use std::borrow::Cow;

/// A JSON value. Texts may be borrowed from the input.
#[derive(Clone, PartialEq, Debug)]
pub enum Tree<'t> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number, as it is written.
    Number(Cow<'t, str>),
    /// A string.
    Text(Cow<'t, str>),
    /// An array.
    List(Vec<Tree<'t>>),
    /// An object, with its fields in the order of the input.
    Object(Vec<(Cow<'t, str>, Tree<'t>)>),
}

impl Tree<'_> {
    fn kind(&self) -> &'static str {
        match self {
            Tree::Null => "null",
            Tree::Bool(_) => "a boolean",
            Tree::Number(digits) if whole(digits).is_some() => "a number",
            Tree::Number(_) => "a number that is not a whole one of 64 bits",
            Tree::Text(_) => "a string",
            Tree::List(_) => "an array",
            Tree::Object(_) => "an object",
        }
    }
}

impl From<i64> for Tree<'_> {
    fn from(whole: i64) -> Self {
        Tree::Number(whole.to_json().into())
    }
}

/// The value of a whole number, which may be written as `3.0`.
fn whole(digits: &str) -> Option<i64> {
    let whole = match digits.split_once('.') {
        Some((whole, zeros)) if zeros.bytes().all(|digit| digit == b'0') => whole,
        _ => digits,
    };
    whole.parse().ok()
}

/// The path of a node, as a list from the inside out. It becomes a [`Place`] only for a problem.
#[derive(Clone, Copy, Debug)]
pub enum Path<'a> {
    /// The whole input.
    Root,
    /// An element of the input.
    Element(Element),
    /// A field of an object.
    Field(&'a Path<'a>, &'a str),
    /// An item of an array.
    Item(&'a Path<'a>, usize),
}

impl Path<'_> {
    /// The place of this path.
    pub fn place(&self) -> Place {
        match self {
            Path::Root => Place::default(),
            Path::Element(element) => Place::from(*element),
            Path::Field(parent, name) => parent.place().field(name),
            Path::Item(parent, n) => parent.place().item(*n),
        }
    }
}

/// A tree with its path and the diagnostics for its problems. Each reading method returns None after a problem.
#[derive(Clone, Copy, Debug)]
pub struct Node<'a> {
    /// The value.
    pub tree: &'a Tree<'a>,
    /// The path.
    pub path: Path<'a>,
    /// The diagnostics for its problems.
    pub sink: &'a Diagnostics,
}

impl<'a> Node<'a> {
    /// Reports a problem of this node.
    pub fn error(&self, code: Code, message: impl Into<String>) {
        self.sink.error(code, self.path.place(), message);
    }

    fn wrong_type(&self, expected: &str) {
        self.error(Code::WrongType, joined(&["expected ", expected, ", found ", self.tree.kind()]));
    }

    /// This node as an object.
    pub fn object(self) -> Option<Object<'a>> {
        match self.tree {
            Tree::Object(fields) => Some(Object { fields, path: self.path, sink: self.sink }),
            _ => {
                self.wrong_type("an object");
                None
            }
        }
    }

    /// This node as a string.
    pub fn text(&self) -> Option<&'a str> {
        match self.tree {
            Tree::Text(text) => Some(text),
            _ => {
                self.wrong_type("a string");
                None
            }
        }
    }

    /// This node as a boolean.
    pub fn bool(&self) -> Option<bool> {
        match self.tree {
            Tree::Bool(value) => Some(*value),
            _ => {
                self.wrong_type("true or false");
                None
            }
        }
    }

    /// This node as a whole number of 64 bits.
    pub fn integer(&self) -> Option<i64> {
        let found = if let Tree::Number(digits) = self.tree { whole(digits) } else { None };
        if found.is_none() {
            self.wrong_type("a whole number");
        }
        found
    }

    /// This node as a whole number from 0 to 2^53 - 1, which JavaScript holds exactly.
    pub fn unsigned(&self) -> Option<u64> {
        let whole = self.integer()?;
        let found = u64::try_from(whole).ok().filter(|n| *n <= MAX_VERSION);
        if found.is_none() {
            self.error(
                Code::OutOfRange,
                joined(&["expected 0 to ", &decimal(MAX_VERSION), ", found ", &whole.to_json()]),
            );
        }
        found
    }

    /// This node as a whole number from 0 to 2^32 - 1.
    pub fn count(&self) -> Option<u32> {
        let value = self.integer()?;
        let count = u32::try_from(value).ok();
        if count.is_none() {
            self.error(
                Code::OutOfRange,
                joined(&["expected 0 to ", &decimal(u32::MAX.into()), ", found ", &value.to_json()]),
            );
        }
        count
    }

    /// This node as an amount, a decimal in a string. JSON numbers are refused, because binary fractions are not exact.
    pub fn amount(&self) -> Option<Amount> {
        let Tree::Text(text) = self.tree else {
            self.wrong_type("a decimal as a string, such as \"10.50\"");
            return None;
        };
        match Amount::parse(text) {
            Ok(amount) => Some(amount),
            Err(error) => {
                let code = if error == AmountError::TooManyDigits { Code::OutOfRange } else { Code::Invalid };
                self.error(code, error.text());
                None
            }
        }
    }

    /// This node as an amount of at least 0.
    pub fn amount_not_negative(&self) -> Option<Amount> {
        let amount = self.amount()?;
        if amount.is_negative() {
            self.error(Code::OutOfRange, joined(&["must not be negative, found \"", &amount.text(), "\""]));
            return None;
        }
        Some(amount)
    }

    /// This node as an instant: RFC 3339 or a date.
    pub fn instant(&self) -> Option<Instant> {
        self.time(Instant::parse)
    }

    /// This node as a date: `YYYY-MM-DD`.
    pub fn date(&self) -> Option<Date> {
        self.time(Date::parse)
    }

    fn time<T>(&self, parse: impl Fn(&str) -> Result<T, TimeError>) -> Option<T> {
        match parse(self.text()?) {
            Ok(time) => Some(time),
            Err(error) => {
                let code = if error == TimeError::Range { Code::OutOfRange } else { Code::Invalid };
                self.error(code, error.text());
                None
            }
        }
    }

    /// This node as an id: 1 to 128 visible ASCII characters.
    pub fn id(&self) -> Option<&'a str> {
        let text = self.text()?;
        if !is_id(text) {
            self.error(Code::Invalid, ID_RULE);
            return None;
        }
        Some(text)
    }

    /// This node as one of these words, with the value of the word. Another word is an error.
    pub fn word<T: Copy>(&self, words: &[(&str, T)]) -> Option<T> {
        self.one_of(words, Severity::Error)
    }

    /// As [`Node::word`], but another word is skipped, with what it describes: a later version may know it.
    pub fn known_word<T: Copy>(&self, words: &[(&str, T)]) -> Option<T> {
        self.one_of(words, Severity::Skipped)
    }

    pub(crate) fn one_of<T: Copy>(&self, words: &[(&str, T)], severity: Severity) -> Option<T> {
        let text = self.text()?;
        let found = words.iter().find(|(word, _)| *word == text);
        if found.is_none() {
            self.unknown_word(text, &mut words.iter().map(|(word, _)| *word), severity);
        }
        found.map(|(_, value)| *value)
    }

    #[cold]
    #[inline(never)]
    fn unknown_word(&self, text: &str, known: &mut dyn Iterator<Item = &str>, severity: Severity) {
        let mut message = "expected one of ".to_owned();
        for (n, word) in known.enumerate() {
            message.push_str(if n == 0 { "" } else { ", " });
            message.push_str(word);
        }
        message += &joined(&[", found `", &shown(text), "`"]);
        self.sink.push(Problem { code: Code::UnknownValue, severity, place: self.path.place(), message });
    }

    /// Calls `each` with every item of an array and its index.
    pub fn items(&self, mut each: impl FnMut(usize, Node<'_>)) {
        let Tree::List(items) = self.tree else {
            return self.wrong_type("an array");
        };
        for (n, tree) in items.iter().enumerate() {
            each(n, Node { tree, path: Path::Item(&self.path, n), sink: self.sink });
        }
    }
}

/// The bound of a name in characters.
const MAX_NAME: usize = 500;

/// The fields of an object. Unknown fields are ignored; `null` is the same as absent.
#[derive(Clone, Copy, Debug)]
pub struct Object<'a> {
    pub(crate) fields: &'a [(Cow<'a, str>, Tree<'a>)],
    /// The path.
    pub path: Path<'a>,
    /// The diagnostics for its problems.
    pub sink: &'a Diagnostics,
}

impl<'a> Object<'a> {
    /// A field that is present and not `null`.
    #[inline(never)]
    pub fn get<'o>(&'o self, name: &'o str) -> Option<Node<'o>> {
        let mut found = self.fields.iter().filter(|(field, _)| field == name).map(|(_, tree)| tree);
        let tree = found.next()?;
        let path = Path::Field(&self.path, name);
        if found.next().is_some() {
            self.sink.error(Code::Duplicate, path.place(), "the field is written twice");
        }
        if *tree == Tree::Null { None } else { Some(Node { tree, path, sink: self.sink }) }
    }

    /// A field that must be present.
    #[inline(never)]
    pub fn need<'o>(&'o self, name: &'o str) -> Option<Node<'o>> {
        if !self.has(name) {
            let path = Path::Field(&self.path, name).place();
            self.sink.error(Code::Missing, path, "a required field is missing");
        }
        self.get(name)
    }

    /// Reads an optional field. None if it is absent, or if `read` reports a problem.
    pub fn optional<T>(&self, name: &str, read: impl FnOnce(Node<'_>) -> Option<T>) -> Option<T> {
        read(self.get(name)?)
    }

    /// Reads a required field.
    pub fn required<T>(&self, name: &str, read: impl FnOnce(Node<'_>) -> Option<T>) -> Option<T> {
        read(self.need(name)?)
    }

    /// Whether the field is present and not `null`.
    pub fn has(&self, name: &str) -> bool {
        self.fields.iter().any(|(field, tree)| field == name && *tree != Tree::Null)
    }

    /// Whether there are fields besides these.
    pub fn has_others(&self, known: &[&str]) -> bool {
        self.fields.iter().any(|(field, _)| !known.contains(&field.as_ref()))
    }

    /// Calls `each` with every item of an optional array field and its index.
    pub fn each(&self, name: &str, each: impl FnMut(usize, Node<'_>)) {
        self.optional(name, |node| {
            node.items(each);
            Some(())
        });
    }

    /// An optional string.
    pub fn text(&self, name: &str) -> Option<String> {
        self.optional(name, |node| node.text().map(str::to_owned))
    }

    /// The optional field `name`, of at most 500 characters.
    #[inline(never)]
    pub fn name(&self) -> Option<String> {
        let name = self.text("name")?;
        if is_longer(&name, MAX_NAME) {
            let path = Path::Field(&self.path, "name").place();
            self.sink.error(Code::TooLarge, path, "expected at most 500 characters");
            return None;
        }
        Some(name)
    }

    /// A required id.
    pub fn required_id(&self, name: &str) -> Option<String> {
        self.required(name, |node| node.id().map(str::to_owned))
    }

    /// An optional id.
    pub fn optional_id(&self, name: &str) -> Option<String> {
        self.optional(name, |node| node.id().map(str::to_owned))
    }

    /// Reports a problem of the object as a whole.
    pub fn error(&self, code: Code, message: impl Into<String>) {
        self.sink.error(code, self.path.place(), message);
    }
}
