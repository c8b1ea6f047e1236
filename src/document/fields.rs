//! Fields that are not known where they stand: which of them were meant for known ones.

use crate::diagnostics::shown;
use crate::node::Object;
use crate::tree::{Path, Tree};
use mayuse_core::{Code, Problem, Severity, joined};

impl Object<'_> {
    /// Reports the fields that are not in `known`. A near miss of a known field is an error, because ignoring it could
    /// open access; another field is a warning. A known field that is not in `used` has no effect here, and is a
    /// warning too.
    #[inline(never)]
    pub fn warn_of_others(&self, used: &[&str], known: &[&str]) {
        for (name, tree) in self.fields {
            let name: &str = name;
            if *tree == Tree::Null || used.contains(&name) {
                continue;
            }
            if known.contains(&name) {
                self.warn(name, Code::NoEffect, "the field has no effect here");
            } else if let Some(near) = known.iter().find(|known| is_near_miss(known, name)) {
                self.unknown(name, &["there is no such field here: did you mean `", near, "`?"]);
            } else {
                self.warn(name, Code::UnknownField, "there is no such field here; it is ignored");
            }
        }
    }

    /// Reports every field that is not in `known` as an error that says which known one is nearest.
    #[inline(never)]
    pub fn refuse_others(&self, known: &[&str]) {
        for (name, _) in self.fields {
            let name: &str = name;
            if !known.contains(&name) {
                let nearest = known.iter().min_by_key(|known| (!is_near_miss(known, name), distance(known, name)));
                let nearest = nearest.copied().unwrap_or_default();
                self.unknown(name, &["there is no such field; the nearest one is `", nearest, "`"]);
            }
        }
    }

    fn unknown(&self, name: &str, message: &[&str]) {
        self.sink.error(Code::UnknownField, Path::Field(&self.path, &shown(name)).place(), joined(message));
    }

    /// Reports a problem of a field that leaves the input usable.
    #[inline(never)]
    pub fn warn(&self, name: &str, code: Code, message: &str) {
        let place = Path::Field(&self.path, &shown(name)).place();
        self.sink.push(Problem { code, severity: Severity::Warning, place, message: message.to_owned() });
    }
}

/// The longest name that is compared, in bytes.
const MAX_NAME: usize = 64;

/// Whether a name was probably meant for a known one: one edit away, or two if the known name has at least six letters,
/// or written with other case, `_` and `-`.
fn is_near_miss(known: &str, name: &str) -> bool {
    const LONG: usize = 6;
    let edits = if known.len() < LONG { 1 } else { 2 };
    name.len() <= MAX_NAME && (distance(known, name) <= edits || letters(known).eq(letters(name)))
}

fn letters(name: &str) -> impl Iterator<Item = u8> {
    name.bytes().filter(|byte| !matches!(byte, b'_' | b'-')).map(|byte| byte.to_ascii_lowercase())
}

/// The number of bytes to insert, delete or replace to make one name the other.
fn distance(known: &str, name: &str) -> usize {
    // For each prefix of the known name but the empty one, its distance from the part of the name that was read.
    let mut row: Vec<usize> = (1..=known.len()).collect();
    for (n, byte) in name.bytes().take(MAX_NAME).enumerate() {
        let (mut before, mut left) = (n, n.saturating_add(1));
        for (cell, known) in row.iter_mut().zip(known.bytes()) {
            let replaced = before.saturating_add(usize::from(known != byte));
            before = *cell;
            left = replaced.min(left.min(before).saturating_add(1));
            *cell = left;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{distance, is_near_miss};

    #[track_caller]
    fn check(known: &str, name: &str, edits: usize, is_near: bool) {
        assert_eq!((distance(known, name), is_near_miss(known, name)), (edits, is_near), "{known}, {name}");
    }

    #[test]
    fn names_are_compared() {
        check("limit", "limit", 0, true);
        check("limit", "limt", 1, true);
        check("limit", "limits", 1, true);
        check("limit", "lmiit", 2, false);
        check("unit", "Unit", 1, true);
        check("unit", "UNIT", 4, true);
        check("reset_period", "resetPeriod", 2, true);
        check("reset_period", "RESET-PERIOD", 12, true);
        check("reset_period", "reset_periodicity", 5, false);
        check("enabled", "enable", 1, true);
        check("enabled", "endbled", 1, true);
        check("enabled", "able", 3, false);
        check("behavior", "behaviour", 1, true);
        check("subscription_id", "subscription", 3, false);
        check("cost", "", 4, false);
        check("cost", &"x".repeat(1_000), 64, false);
    }
}
