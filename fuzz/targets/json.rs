//! Any bytes as JSON: our reader takes what that of `serde_json` takes, and reads the same but for numbers.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mayuse_document::{Document, Tree};

fuzz_target!(|bytes: &[u8]| {
    let _ = Document::parse_bytes(bytes).map(Document::compile);
    // Only our reader passes over a byte-order mark.
    if bytes.starts_with(b"\xef\xbb\xbf") {
        return;
    }
    let (ours, theirs) = (Tree::parse_bytes(bytes), serde_json::from_slice::<Tree>(bytes));
    match (ours, theirs) {
        (Err(_), Err(_)) => {}
        (Ok(ours), Ok(theirs)) => assert!(is_same(&ours, &theirs)),
        (Ok(_), Err(error)) => assert!(error.to_string().starts_with("number out of range"), "{error}"),
        (Err(error), Ok(_)) => panic!("{error}"),
    }
});

fn is_same(ours: &Tree<'_>, theirs: &Tree<'_>) -> bool {
    match (ours, theirs) {
        (Tree::Number(_), Tree::Number(_)) => true,
        (Tree::List(a), Tree::List(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_same(a, b)),
        (Tree::Object(a), Tree::Object(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.0 == b.0 && is_same(&a.1, &b.1))
        }
        (a, b) => a == b,
    }
}
