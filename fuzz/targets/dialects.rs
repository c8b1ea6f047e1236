//! Any request: a line with a method and a path, then a body. It is asked of a catalog in memory
//! that holds the demo, and a write that is taken leaves a catalog to decide from. Lines that begin with a blank, or
//! several, present their key in another way; bodies that look like a form are said to be one.

#![no_main]

mod demo;
#[path = "../../tests/dialects/memory.rs"]
#[allow(dead_code, reason = "some of it is for tests")]
mod memory;

use libfuzzer_sys::fuzz_target;
use mayuse_core::decide;
use mayuse_dialects::{Presented, catalog_for};
use mayuse_document::{Check, Tree};
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
    let request = line.trim_start_matches(' ');
    let Some((method, path)) = request.split_once(' ') else { return };
    let ways = [Presented::Not, Presented::Bearer, Presented::Basic, Presented::ApiKey];
    let content_type = match body.as_bytes() {
        [b'-', b'-', ..] => "multipart/form-data; boundary=x",
        [b'a'..=b'z', ..] => "application/x-www-form-urlencoded",
        _ => "application/json",
    };
    let mut memory = DEMO.clone();
    let presented = ways[(line.len() - request.len()) % ways.len()];
    let (status, answer) = memory.ask_as(method, path, presented, Some(content_type), body.as_bytes());
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
