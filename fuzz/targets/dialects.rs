//! Any request: a line with a method and a path, then a body. It is asked of a catalogue in memory
//! that holds the demo, and a write that is taken leaves a catalogue to decide from.

#![no_main]

mod demo;
#[path = "../../tests/dialects/memory.rs"]
#[allow(dead_code, reason = "some of it is for tests")]
mod memory;

use libfuzzer_sys::fuzz_target;
use mayuse_core::{Check, Tree, decide};
use mayuse_dialects::catalog_for;
use memory::Memory;
use std::sync::LazyLock;

static DEMO: LazyLock<Memory> = LazyLock::new(|| {
    let mut memory = Memory::new();
    let (status, answer) = memory.ask_text("PUT", "/v1/catalog", demo::DEMO);
    assert!(status < 300, "{answer}");
    memory
});

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (line, body) = text.split_once('\n').unwrap_or((text, ""));
    let Some((method, path)) = line.split_once(' ') else { return };
    let mut memory = DEMO.clone();
    let (status, answer) = memory.ask_text(method, path, body);
    assert!((200..600).contains(&status) && status != 500, "{status} {answer}");
    if memory.version == DEMO.version {
        return;
    }
    // Whatever was let in, everybody is still decided about.
    for (customer, feature) in [("acme", "sso"), ("globex", "api_calls"), ("hobby", "exports")] {
        let question = format!(r#"{{"customer": "{customer}", "feature": "{feature}", "consumed": "1"}}"#);
        let tree: Tree = serde_json::from_str(&question).unwrap();
        let check = Check::read(&tree).unwrap();
        let catalog = catalog_for(&memory, &[customer], memory.now);
        let _ = catalog.map(|catalog| decide(&catalog, &check.question(), demo::now()).is_ok());
    }
});
