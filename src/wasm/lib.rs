//! JavaScript bindings of the core. Every function converts its arguments, makes one call, and converts back.
//!
//! `pkg/` wraps this in the public API. The feature `full` reads documents and decides from them; its texts are JSON in
//! both directions, to cross the boundary once each way. `reader` opens snapshots and decides; its answers are numbers,
//! because JSON would take longer than the decision. `testing` makes snapshots of documents.

#![forbid(unsafe_code)]

#[cfg(any(feature = "full", feature = "testing"))]
mod problems;
#[cfg(feature = "full")]
mod document;
#[cfg(feature = "reader")]
mod words;
#[cfg(feature = "reader")]
mod answer;
#[cfg(feature = "reader")]
mod shards;
#[cfg(feature = "reader")]
mod ask;
#[cfg(feature = "reader")]
mod outlooks;
#[cfg(feature = "reader")]
mod held;
#[cfg(feature = "testing")]
mod testing;

use mayuse_core::Instant;

/// Smaller than the allocator of Rust's library.
#[cfg(target_family = "wasm")]
#[global_allocator]
static ALLOCATOR: talc::wasm::WasmDynamicTalc = talc::wasm::new_wasm_dynamic_allocator();

/// Converts milliseconds of JavaScript's clock to an instant.
fn instant(ms: f64) -> Instant {
    #[expect(clippy::cast_possible_truncation, reason = "saturates, and 2^53 milliseconds are 285,000 years")]
    let ms = ms as i64;
    // A time outside the years 1 to 9999 is clamped.
    Instant::from_millis(ms).unwrap_or(if ms < 0 { Instant::MIN } else { Instant::MAX })
}
