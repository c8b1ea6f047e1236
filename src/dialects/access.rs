//! Authentication: the table of API keys, and how each dialect's requests present a key.
//!
//! The table holds only hashes. A key is compared with all of them, each in constant time.

use crate::dialect::Dialect;
use crate::failure::{ApiError, ErrorKind};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use mayuse_core::{Code, Problems};
use mayuse_document::{Node, Tree, read};
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use subtle::ConstantTimeEq;

/// The key of the local run. It is public, so deployments refuse it.
pub const DEMO_KEY: &str = "mayuse_demo_key";

/// A permission of a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scope {
    /// Ask for decisions.
    Check,
    /// Record usage.
    Usage,
    /// Read snapshots, which hold the whole catalog.
    Snapshot,
    /// Read and write the catalog, also as snapshots.
    Catalog,
    /// Read entitlements in the dialects. Not a scope in the table: `check` and `catalog` both include it.
    Granted,
}

impl Scope {
    const WORDS: [(&'static str, Scope); 4] =
        [("check", Scope::Check), ("usage", Scope::Usage), ("snapshot", Scope::Snapshot), ("catalog", Scope::Catalog)];

    /// All scope names of the table.
    pub fn names() -> impl Iterator<Item = &'static str> {
        Scope::WORDS.iter().map(|(name, _)| *name)
    }

    /// The scope's name in the table.
    pub fn name(self) -> &'static str {
        let found = Scope::WORDS.iter().find(|(_, scope)| *scope == self).map(|(name, _)| *name);
        found.unwrap_or("check` or `catalog")
    }
}

/// A row of the table of keys. It holds the key's hash, not the key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Key {
    /// The key's holder. It appears in logs, beside stored writes and in a header.
    pub name: String,
    /// The key's permissions.
    pub scopes: Vec<Scope>,
    /// The rate limit that applies.
    pub class: String,
    hash: [u8; 32],
}

impl Key {
    /// What another Worker of the account may do through its service binding: ask. The platform lets no one else
    /// reach that, so there is no secret.
    pub fn of_binding() -> Key {
        let name = "service binding".to_owned();
        Key { name, scopes: vec![Scope::Check], class: "binding".to_owned(), hash: [0; 32] }
    }

    /// Checks that the key has a scope.
    ///
    /// # Errors
    /// 403 if it does not.
    pub fn require(&self, scope: Scope) -> Result<(), ApiError> {
        let may = |scope| self.scopes.contains(&scope);
        // A key that reads and writes the catalog may read what a part or a copy of it says.
        let is_included = match scope {
            Scope::Granted => may(Scope::Check) || may(Scope::Catalog),
            Scope::Snapshot => may(Scope::Catalog),
            Scope::Check | Scope::Usage | Scope::Catalog => false,
        };
        if may(scope) || is_included {
            return Ok(());
        }
        Err(ApiError::new(ErrorKind::Forbidden, format!("the key `{}` has no scope `{}`", self.name, scope.name())))
    }
}

/// The table of keys.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Keys(Vec<Key>);

impl Keys {
    /// Reads `[{"name", "sha256", "scopes", "class"?}]`, where `sha256` is the hash of the key in
    /// hexadecimal digits. Refuses the hash of the demo key, unknown fields, and duplicate names or
    /// hashes: equal names would mix up two keys' writes, and of two rows for one key only one would
    /// apply.
    ///
    /// # Errors
    /// All problems of the table. Messages quote no values: they go into a log, and the operator may
    /// have written the key itself in place of its hash.
    pub fn read(json: &str) -> Result<Keys, Problems> {
        let tree = Tree::parse(json).map_err(|error| {
            let message = format!("the table of keys is not JSON: line {}, column {}", error.line, error.column);
            Problems::from(mayuse_core::Problem::error(Code::Invalid, String::new(), message))
        })?;
        // The reader expects an object, and the table is a list.
        let wrapped = Tree::Object(vec![("keys".into(), tree)]);
        read(&wrapped, |o| {
            let (mut keys, mut seen) = (Vec::new(), Seen::default());
            o.each("keys", |_, node| keys.extend(key(node, &mut seen)));
            Some(Keys(keys))
        })
    }

    /// The table of the local run: the demo key, with every scope.
    pub fn demo() -> Keys {
        let scopes = Scope::WORDS.iter().map(|(_, scope)| *scope).collect();
        Keys(vec![Key { name: "demo".to_owned(), scopes, class: "demo".to_owned(), hash: hash_of(DEMO_KEY) }])
    }

    /// Adds the keys of another table.
    pub fn extend(&mut self, other: Keys) {
        self.0.extend(other.0);
    }

    /// Finds a presented key. Compares all keys, to take the same time wherever the match is.
    pub fn find(&self, presented: &str) -> Option<&Key> {
        let hash = hash_of(presented);
        self.0.iter().fold(None, |found, key| if bool::from(key.hash.ct_eq(&hash)) { Some(key) } else { found })
    }

    /// Authenticates a request.
    ///
    /// # Errors
    /// 401 if the key is missing or unknown.
    pub fn identify(
        &self,
        dialect: Dialect,
        authorization: Option<&str>,
        x_api_key: Option<&str>,
    ) -> Result<&Key, ApiError> {
        let unauthorized = |what: &str| {
            let message = format!("{what}; send {}", dialect.how_to_authenticate());
            ApiError::new(ErrorKind::Unauthorized, message)
        };
        let presented = presented(dialect, authorization, x_api_key);
        let presented = presented.ok_or_else(|| unauthorized("the request has no key"))?;
        self.find(&presented).ok_or_else(|| unauthorized("the key is not known"))
    }
}

/// Whether two keys are the same, in constant time for keys of one length.
pub fn is_same_key(one: &str, other: &str) -> bool {
    bool::from(one.as_bytes().ct_eq(other.as_bytes()))
}

/// The names and hashes of earlier rows.
#[derive(Default)]
struct Seen {
    names: Vec<String>,
    hashes: Vec<[u8; 32]>,
}

/// The fields of a row.
const FIELDS: [&str; 4] = ["name", "sha256", "scopes", "class"];

/// Reads a row of the table.
fn key(node: Node<'_>, seen: &mut Seen) -> Option<Key> {
    let o = node.object()?;
    if o.has_others(&FIELDS) {
        o.error(Code::Invalid, "it has a field that is not known; a row has name, sha256, scopes and class");
    }
    let name = o.required("name", |node| {
        let name = node.text()?;
        if !is_name(name) {
            node.error(Code::Invalid, "expected 1 to 64 visible ASCII characters, with spaces only between them");
        } else if seen.names.iter().any(|before| before == name) {
            node.error(Code::Duplicate, "an earlier row has the same name");
        }
        seen.names.push(name.to_owned());
        Some(name.to_owned())
    });
    let class = o.optional("class", |n| {
        let class = n.text()?;
        if !is_class(class) {
            n.error(Code::Invalid, "expected 1 to 32 of a to z, 0 to 9 and _");
        }
        Some(class.to_owned())
    });
    let class = class.unwrap_or_else(|| "standard".to_owned());
    let hash = o.required("sha256", |node| {
        let Some(hash) = hash_from_hex(node.text()?) else {
            node.error(Code::Invalid, "expected 64 hexadecimal digits: the SHA-256 of the key");
            return None;
        };
        if hash == hash_of(DEMO_KEY) {
            node.error(Code::Invalid, "this is the demo key, which everybody knows");
            return None;
        }
        if seen.hashes.contains(&hash) {
            node.error(Code::Duplicate, "an earlier row is of the same key");
        }
        seen.hashes.push(hash);
        Some(hash)
    });
    let mut scopes = Vec::new();
    if o.required("scopes", |_| Some(())).is_some() {
        o.each("scopes", |_, node| {
            let word = node.text();
            let scope = Scope::WORDS.iter().find(|(name, _)| word == Some(*name));
            if word.is_some() && scope.is_none() {
                node.error(Code::UnknownValue, "expected one of check, usage, snapshot, catalog");
            }
            scopes.extend(scope.map(|(_, scope)| *scope));
        });
    }
    Some(Key { name: name?, scopes, class, hash: hash? })
}

/// A name goes into a header, which accepts only these characters and trims spaces.
fn is_name(name: &str) -> bool {
    let visible = |byte: u8| byte.is_ascii_graphic() || byte == b' ';
    (1..=64).contains(&name.len()) && name.bytes().all(visible) && name.trim_ascii() == name
}

/// A class becomes part of a binding's name, in capitals.
fn is_class(class: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    (1..=32).contains(&class.len()) && class.bytes().all(word)
}

fn hash_of(key: &str) -> [u8; 32] {
    Sha256::digest(key.as_bytes()).into()
}

fn hash_from_hex(text: &str) -> Option<[u8; 32]> {
    let mut hash = [0; 32];
    let digits: Vec<u8> =
        text.chars().map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok())).collect::<Option<_>>()?;
    if digits.len() != 64 {
        return None;
    }
    for (byte, pair) in hash.iter_mut().zip(digits.chunks(2)) {
        *byte = pair.iter().fold(0, |value, digit| value << 4 | digit);
    }
    Some(hash)
}

/// Reads the key from the header that the dialect uses.
fn presented<'h>(dialect: Dialect, authorization: Option<&'h str>, x_api_key: Option<&'h str>) -> Option<Cow<'h, str>> {
    let scheme = |name: &str| {
        let (scheme, rest) = authorization?.trim().split_once(' ')?;
        scheme.eq_ignore_ascii_case(name).then(|| Cow::Borrowed(rest.trim()))
    };
    let x_api_key = || x_api_key.map(|key| Cow::Borrowed(key.trim()));
    let found = match dialect {
        Dialect::Native => scheme("Bearer").or_else(x_api_key),
        Dialect::Meteroid => scheme("Bearer"),
        Dialect::Commet => x_api_key(),
        Dialect::Pabbly => {
            let decoded = String::from_utf8(BASE64.decode(scheme("Basic")?.as_bytes()).ok()?).ok()?;
            decoded.split_once(':').map(|(user, _)| Cow::Owned(user.to_owned()))
        }
    };
    found.filter(|key| !key.is_empty())
}
