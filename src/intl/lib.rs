//! The time zones of the world in JavaScript: the lists that `src/zones` makes natively, from `Intl`.

#![forbid(unsafe_code)]

use mayuse_core::Instant;
use wasm_bindgen::prelude::*;

#[wasm_bindgen(module = "/zones.mjs")]
extern "C" {
    /// Pairs of seconds since 1970 and seconds ahead of UTC; nothing for a name that is not known.
    #[wasm_bindgen(js_name = offsets)]
    fn pairs(name: &str) -> Vec<f64>;
}

/// The offsets of a zone in seconds, each with the instant from which on it counts, from 1970 to 2100. None for a name
/// that is not known, spelled exactly.
pub fn offsets(name: &str) -> Option<Vec<(Instant, i32)>> {
    let pairs = pairs(name);
    if pairs.is_empty() {
        return None;
    }
    let mut list = Vec::with_capacity(pairs.len() / 2);
    for [at, offset] in pairs.as_chunks().0 {
        #[expect(clippy::cast_possible_truncation, reason = "whole numbers, far below 2^31 and 2^53")]
        let (second, offset) = (*at as i64, *offset as i32);
        list.push((Instant::from_millis(second.checked_mul(1_000)?)?, offset));
    }
    Some(list)
}
