//! Any JSON value as a tree, and the path of a node in it.

use mayuse_core::{Element, Place, WriteJson, cut};
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
    pub(crate) fn kind(&self) -> &'static str {
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
pub(crate) fn whole(digits: &str) -> Option<i64> {
    let whole = match cut(digits, b'.') {
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
