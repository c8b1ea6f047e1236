//! Writes a catalog of any size as lines, as `mayuse import` takes them:
//! `mayuse-generate 1000000 > catalog.ndjson`.
//!
//! `mayuse-generate 1000000 --changed 7` writes the same, but for one more add-on of the subscription
//! of customer 7, where the first is 0: the same catalog after one write.

use mayuse_tests::workload;
use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (n_customers, changed) = match arguments.as_slice() {
        [n] => (n.parse().ok(), None),
        [n, "--changed", changed] => (n.parse().ok(), Some(changed.parse().ok())),
        _ => (None, None),
    };
    let (Some(n_customers), None | Some(Some(_))) = (n_customers, changed) else {
        return usage("usage: mayuse-generate CUSTOMERS [--changed SUBSCRIPTION]");
    };
    let changed = changed.flatten();
    if changed.is_some_and(|changed| n_customers <= changed) {
        return usage("there is no subscription of that number; the first is 0");
    }
    let mut out = BufWriter::with_capacity(1 << 18, io::stdout().lock());
    match workload::write(&mut out, n_customers, changed).and_then(|()| out.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("standard output: {error}");
            ExitCode::FAILURE
        }
    }
}

fn usage(message: &str) -> ExitCode {
    eprintln!("{message}");
    ExitCode::from(2)
}
