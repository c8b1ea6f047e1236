//! Snapshots: cut, signed, opened, held, patched and compared, and what hostile bytes do to them.

// forbid(unsafe_code) is impossible here: counting allocations takes an allocator (`counting`).
#![deny(unsafe_code)]
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests fail as tests do")]
#![expect(
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "an index out of range fails the test, as it should"
)]
#![expect(clippy::arithmetic_side_effects, reason = "so does an overflow; tests are built with checks")]

#[path = "../counting.rs"]
mod counting;
#[expect(dead_code, reason = "some of it is for other laws")]
#[path = "../random_time.rs"]
mod random_time;
#[expect(dead_code, reason = "some of it is for other laws")]
#[path = "../random_values.rs"]
mod random_values;
#[expect(dead_code, reason = "some of it is for other laws")]
#[path = "../random.rs"]
mod random;
#[path = "../rewriting.rs"]
mod rewriting;

mod crowd;
mod cutting;
mod shelf;

mod equality;
mod determinism;
mod incremental;
mod manifest;
mod edges;
mod format_1;
mod round_trips;
mod freshness;
mod file;
mod hot_path;
mod publishing;
mod desk;
mod steps;
mod records;
mod replica;
mod reader;
mod asking;
mod looking;
mod hostile;
mod crafted;
mod collisions;
mod facade;
mod following;
mod diff;
