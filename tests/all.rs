//! Every test of the workspace that is not next to the code it tests, as one program.

// forbid(unsafe_code) is impossible here: counting allocations takes an allocator (`counting`).
#![deny(unsafe_code)]
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests fail as tests do")]
#![expect(
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "an index out of range fails the test, as it should"
)]
#![expect(clippy::arithmetic_side_effects, reason = "so does an overflow; tests are built with checks")]

mod random_time;
mod random_values;
mod random;
mod zones;
mod rewriting;
mod laws;
mod laws_of_holdings;
mod laws_of_usage;
mod laws_of_suggestions;
mod laws_of_windows;
mod calendar;

mod edges;
mod json;

mod counting;
mod hot_path;
mod queries;
mod reader;

mod workload;

mod hostile;
mod hostile_lists;
mod unknown;
mod rows_in_time;
mod traces;
mod vectors;
mod tidy;
