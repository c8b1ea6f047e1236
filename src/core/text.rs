//! Texts of errors and places, put together without `core::fmt`: its code would be a twentieth of the npm builds.
//!
//! What is shown has a function that returns its text; `Display` only passes that on.

use crate::json::WriteJson;

/// Texts joined to one.
#[inline(never)]
pub fn joined(parts: &[&str]) -> String {
    let mut text = String::new();
    for part in parts {
        text.push_str(part);
    }
    text
}

/// What a text has before and after the first such ASCII byte. The library's search for characters takes a kilobyte of
/// wasm, because it may panic.
pub fn cut(text: &str, byte: u8) -> Option<(&str, &str)> {
    let at = text.bytes().position(|found| found == byte)?;
    Some((text.get(..at)?, text.get(at.checked_add(1)?..)?))
}

/// A text of the input as messages show it: at most so many characters, none of which a terminal would obey or hide.
pub fn shown(text: &str, most: usize) -> String {
    let mut shown = String::new();
    for char in text.chars().take(most) {
        match char {
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            '"' | '\'' | '\\' => shown.extend(['\\', char]),
            // Control characters, and the invisible ones that change the direction of what follows.
            '\0'..' '
            | '\x7f'..='\u{9f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}' => shown.push_str(&joined(&["\\u{", &hexadecimal(char.into()), "}"])),
            _ => shown.push(char),
        }
    }
    shown
}

fn hexadecimal(number: u32) -> String {
    let mut digits = String::new();
    for shift in [12, 8, 4, 0] {
        let rest = number >> shift;
        if rest != 0 || shift == 0 {
            digits.extend(char::from_digit(rest & 15, 16));
        }
    }
    digits
}

/// A number in decimal digits.
pub fn decimal(number: u64) -> String {
    number.to_json()
}

/// A count in decimal digits.
pub fn counted(n: usize) -> String {
    decimal(u64::try_from(n).unwrap_or(u64::MAX))
}

/// The name of an item of a list, such as `add_ons[3]`.
pub(crate) fn indexed(list: &str, n: usize) -> String {
    joined(&[list, "[", &counted(n), "]"])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_at_the_first_byte() {
        assert_eq!(cut("1.2.3", b'.'), Some(("1", "2.3")));
        assert_eq!(cut("\u{e9}.", b'.'), Some(("\u{e9}", "")));
        assert_eq!(cut("\u{e9}1", b'.'), None);
    }

    #[test]
    fn what_is_shown_has_no_characters_that_hide_or_command() {
        assert_eq!(shown("plan_1 \u{e9} \u{65e5}\u{672c}", 64), "plan_1 \u{e9} \u{65e5}\u{672c}");
        assert_eq!(shown("a\"b'c\\d\n\r\t", 64), "a\\\"b\\'c\\\\d\\n\\r\\t");
        assert_eq!(shown("\0\u{1b}[2J\u{9b}\u{202e}\u{feff}", 64), "\\u{0}\\u{1b}[2J\\u{9b}\\u{202e}\\u{feff}");
        assert_eq!(shown("abcdef", 3), "abc");
    }
}
