//! The rules of ids, aliases and versions.

/// The greatest version of a catalog: above it, JavaScript numbers are not exact.
pub const MAX_VERSION: u64 = (1 << 53) - 1;

/// The rule of ids, as messages state it.
pub const ID_RULE: &str = "expected 1 to 128 visible ASCII characters";

/// The rule of aliases, as messages state it.
pub const ALIAS_RULE: &str = "expected 1 to 128 characters without spaces and control characters";

/// Whether a text is a valid id: 1 to 128 visible ASCII characters.
pub fn is_id(text: &str) -> bool {
    !text.is_empty() && text.len() <= 128 && text.bytes().all(|b| b.is_ascii_graphic())
}

/// Whether a text is a valid alias of a customer. People choose aliases, so any script is allowed.
pub fn is_alias(text: &str) -> bool {
    if text.bytes().all(|b| b.is_ascii_graphic()) {
        return !text.is_empty() && text.len() <= 128;
    }
    !is_longer(text, 128) && text.chars().all(|c| !c.is_whitespace() && !c.is_control())
}

/// Whether a text has more than `max` characters (Unicode code points).
#[inline(never)]
pub fn is_longer(text: &str, max: usize) -> bool {
    // Bytes that only continue a character do not count.
    max < text.bytes().filter(|byte| byte & 0xc0 != 0x80).count()
}
