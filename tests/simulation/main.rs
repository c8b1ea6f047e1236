//! Simulates a publisher: `mayuse-simulate STEPS [SEED [RUNS]]`.

use mayuse_tests::simulation::Simulation;
use std::process::ExitCode;

/// What has to have happened for a run to have shown anything.
const SOMETIMES: [&str; 16] = [
    "a publication",
    "a whole table",
    "a table with a shard withheld",
    "a table amid a split",
    "a crash",
    "a clock that jumped",
    "a database that was down",
    "a put that failed",
    "a put that was done and not heard of",
    "a manifest that failed",
    "a manifest that was put and not heard of",
    "a delete",
    "a delete that failed",
    "a customer too large for any shard",
    "other definitions",
    "a shard withheld for a reason",
];

fn main() -> ExitCode {
    let mut numbers = std::env::args().skip(1).map(|text| text.parse::<u64>().ok());
    let (Some(Some(n_steps)), seed, runs) = (numbers.next(), numbers.next(), numbers.next()) else {
        eprintln!("mayuse-simulate STEPS [SEED [RUNS]]");
        return ExitCode::from(2);
    };
    let seed = seed.flatten().unwrap_or(1);
    for seed in seed..seed.saturating_add(runs.flatten().unwrap_or(1)) {
        println!("seed {seed}, {n_steps} steps");
        let mut simulation = Simulation::new(seed);
        simulation.run(n_steps);
        for what in SOMETIMES {
            let n = simulation.tally.of(what);
            println!("  {n:>8}  {what}");
            if n == 0 && 100_000 <= n_steps {
                eprintln!("seed {seed}: there was never {what}, so the run shows nothing about it");
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}
