//! What entities and versions may be called.

/// The greatest version of a catalog: beyond it, numbers of JavaScript are not exact.
pub const MAX_VERSION: u64 = (1 << 53) - 1;

/// What an id may look like, for messages.
pub const ID_RULE: &str = "expected 1 to 128 visible ASCII characters";

/// What an alias may look like, for messages.
pub const ALIAS_RULE: &str = "expected 1 to 128 characters without spaces and control characters";

/// Whether a text may be an id.
pub fn is_id(text: &str) -> bool {
    !text.is_empty() && text.len() <= 128 && text.bytes().all(|b| b.is_ascii_graphic())
}

/// Whether a text may be a customer's alias: less strict than an id, since customers choose it.
pub fn is_alias(text: &str) -> bool {
    if text.bytes().all(|b| b.is_ascii_graphic()) {
        return !text.is_empty() && text.len() <= 128;
    }
    !is_longer(text, 128) && text.chars().all(|c| !c.is_whitespace() && !c.is_control())
}

/// Whether a text has more characters than that.
#[inline(never)]
pub fn is_longer(text: &str, max: usize) -> bool {
    text.chars().nth(max).is_some()
}
