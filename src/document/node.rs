//! Typed reading of a tree, which reports every problem with its place.
//!
//! A derived deserialiser would stop at the first problem, without its place.

use crate::diagnostics::{Diagnostics, shown};
use crate::tree::{Path, Tree, whole};
use mayuse_core::{
    Amount, AmountError, Code, Date, ID_RULE, Instant, MAX_VERSION, Problem, Severity, TimeError, WriteJson, counted,
    decimal, is_id, is_longer, joined,
};
use std::borrow::Cow;

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
        let at = self.position(&|at| words.get(at).map(|(word, _)| *word), severity)?;
        words.get(at).map(|(_, value)| *value)
    }

    /// As [`Node::known_word`], of words that have no values.
    pub(crate) fn known_name<'w>(&self, names: &[&'w str]) -> Option<&'w str> {
        let at = self.position(&|at| names.get(at).copied(), Severity::Skipped)?;
        names.get(at).copied()
    }

    /// The position of this node's word among words. Compiled once for the words of all types.
    #[inline(never)]
    fn position<'w>(&self, words: &dyn Fn(usize) -> Option<&'w str>, severity: Severity) -> Option<usize> {
        let text = self.text()?;
        let found = (0..).map_while(words).position(|word| word == text);
        if found.is_some() {
            return found;
        }
        let mut message = "expected one of ".to_owned();
        for (at, word) in (0..).map_while(words).enumerate() {
            message.push_str(if at == 0 { "" } else { ", " });
            message.push_str(word);
        }
        message += &joined(&[", found `", &shown(text), "`"]);
        self.sink.push(Problem { code: Code::UnknownValue, severity, place: self.path.place(), message });
        None
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

    /// Whether a list has at most so many items. Reports a longer one.
    #[inline(never)]
    pub fn has_at_most(&self, max: usize, items: &str) -> bool {
        let Tree::List(list) = self.tree else { return true };
        if max < list.len() {
            let message = joined(&["expected at most ", &counted(max), items, ", found ", &counted(list.len())]);
            self.error(Code::TooLarge, message);
        }
        list.len() <= max
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

    /// A required field: one of these words, with the value of the word. Another word is skipped.
    pub(crate) fn required_word<T: Copy>(&self, name: &str, words: &[(&str, T)]) -> Option<T> {
        self.need(name)?.known_word(words)
    }

    /// A required field: one of these words. Another word is skipped.
    #[inline(never)]
    pub(crate) fn required_name<'w>(&self, name: &str, names: &[&'w str]) -> Option<&'w str> {
        self.need(name)?.known_name(names)
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
    pub fn each(&self, name: &str, mut each: impl FnMut(usize, Node<'_>)) {
        self.each_dyn(name, &mut each);
    }

    #[inline(never)]
    fn each_dyn(&self, name: &str, each: &mut dyn FnMut(usize, Node<'_>)) {
        if let Some(node) = self.get(name) {
            node.items(each);
        }
    }

    // One call for each field: a function that is compiled once, instead of a closure where it is read.

    /// An optional field: instant.
    #[inline(never)]
    pub fn instant(&self, name: &str) -> Option<Instant> {
        self.get(name)?.instant()
    }

    /// A required field: instant.
    #[inline(never)]
    pub fn required_instant(&self, name: &str) -> Option<Instant> {
        self.need(name)?.instant()
    }

    /// An optional field: whole number from 0 to 2^32 - 1.
    #[inline(never)]
    pub fn count(&self, name: &str) -> Option<u32> {
        self.get(name)?.count()
    }

    /// An optional field: boolean.
    #[inline(never)]
    pub fn flag(&self, name: &str) -> Option<bool> {
        self.get(name)?.bool()
    }

    /// A required field: boolean.
    #[inline(never)]
    pub fn required_flag(&self, name: &str) -> Option<bool> {
        self.need(name)?.bool()
    }

    /// An optional field: whole number from 0 to 2^53 - 1.
    #[inline(never)]
    pub fn unsigned(&self, name: &str) -> Option<u64> {
        self.get(name)?.unsigned()
    }

    /// An optional field: amount.
    #[inline(never)]
    pub fn amount(&self, name: &str) -> Option<Amount> {
        self.get(name)?.amount()
    }

    /// A required field: amount.
    #[inline(never)]
    pub fn required_amount(&self, name: &str) -> Option<Amount> {
        self.need(name)?.amount()
    }

    /// An optional field: amount of at least 0.
    #[inline(never)]
    pub fn amount_not_negative(&self, name: &str) -> Option<Amount> {
        self.get(name)?.amount_not_negative()
    }

    /// A required field: amount of at least 0.
    #[inline(never)]
    pub fn required_amount_not_negative(&self, name: &str) -> Option<Amount> {
        self.need(name)?.amount_not_negative()
    }

    /// An optional string.
    #[inline(never)]
    pub fn text(&self, name: &str) -> Option<String> {
        self.get(name)?.text().map(str::to_owned)
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
    #[inline(never)]
    pub fn required_id(&self, name: &str) -> Option<String> {
        self.need(name)?.id().map(str::to_owned)
    }

    /// An optional id.
    #[inline(never)]
    pub fn optional_id(&self, name: &str) -> Option<String> {
        self.get(name)?.id().map(str::to_owned)
    }

    /// Reports a problem of the object as a whole.
    pub fn error(&self, code: Code, message: impl Into<String>) {
        self.sink.error(code, self.path.place(), message);
    }
}
