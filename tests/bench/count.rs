//! Decides one kind of question so many times, for a tool that counts instructions:
//! `mayuse-count 'boolean, enabled' 1000`. Without arguments it lists the kinds.
//!
//! What it does before the first decision is the same for every number of times.

mod cases;

use cases::{ALL_FEATURES, Asked, BY_HAND, CASES, Case, ORDINARY};
use mayuse_core::{FullCatalog, decide};
use mayuse_tests::{BENCH_AT, instant};
use std::hint::black_box;
use std::process::ExitCode;

const N_CUSTOMERS: usize = 1_000;
const N_QUESTIONS: usize = 1_000;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let Some(name) = arguments.next() else {
        for name in CASES.iter().map(|case| case.name).chain([ALL_FEATURES, BY_HAND]) {
            println!("{name}");
        }
        return ExitCode::SUCCESS;
    };
    let times = arguments.next().and_then(|times| times.parse().ok());
    let case = match name.as_str() {
        ALL_FEATURES | BY_HAND => Some(ORDINARY),
        name => CASES.iter().find(|case| case.name == name),
    };
    let (Some(times), Some(case)) = (times, case) else {
        eprintln!("usage: mayuse-count CASE TIMES");
        return ExitCode::from(2);
    };
    run(&name, case, &cases::catalog(N_CUSTOMERS), times);
    ExitCode::SUCCESS
}

fn run(name: &str, case: &Case, catalog: &FullCatalog, times: usize) {
    let now = instant(BENCH_AT);
    let questions = case.questions(catalog, N_QUESTIONS);
    let asked = questions.iter().cycle().take(times);
    if name == ALL_FEATURES {
        for Asked { customer, consumed, .. } in asked {
            black_box(cases::decide_all(catalog, customer, *consumed, now));
        }
    } else if name == BY_HAND {
        let map = cases::by_hand(N_CUSTOMERS);
        for asked in asked {
            black_box(cases::look_up(&map, asked));
        }
    } else {
        for asked in asked {
            let decision = decide(catalog, &asked.question(), now);
            black_box(&decision);
        }
    }
}
