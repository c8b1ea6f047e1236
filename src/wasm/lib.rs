//! JavaScript bindings of the core. Every function converts its arguments, makes one call, and converts back.
//!
//! Texts are JSON in both directions, to cross the boundary once each way. `pkg/` wraps this
//! in the public API. The feature `full` reads documents and decides from them; `reader` opens snapshots and decides.

#![forbid(unsafe_code)]

#[cfg(feature = "full")]
mod document;
#[cfg(feature = "reader")]
mod snapshot;

use mayuse_core::{Instant, Problems, WriteJson, write_list};

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

/// Problems as a JSON array, which `pkg/` turns into an error.
fn shown(problems: &Problems) -> String {
    let mut list = Vec::new();
    for problem in &problems.list {
        list.push((problem.code.name(), problem.place.text(), problem.message.as_str()));
    }
    listed(&list)
}

/// Problems (code, path, message) as a JSON array.
fn listed(problems: &[(&str, String, &str)]) -> String {
    let mut out = Vec::new();
    write_list(&mut out, problems, |(code, path, message), out| {
        for (name, value) in [("{\"code\":", *code), (",\"path\":", path.as_str()), (",\"message\":", *message)] {
            out.extend_from_slice(name.as_bytes());
            value.write_json(out);
        }
        out.push(b'}');
    });
    String::from_utf8(out).unwrap_or_default()
}
