//! Simulates a publisher and its readers: `mayuse-simulate STEPS [SEED [RUNS]]`.

use mayuse_tests::simulation::Simulation;
use std::process::ExitCode;

/// What has to have happened for a run to have shown anything.
const SOMETIMES: &[&str] = &[
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
    "aliases that all moved at once",
    "a delete that was done and not heard of",
    "a manifest that a reader took",
    "a manifest that a reader refused",
    "an older manifest that the store gave",
    "a manifest that somebody else signed",
    "a manifest for another deployment",
    "a manifest taken without a shard, since what was held was stale",
    "an object that was lost for a while",
    "an object that was spoilt",
    "an object under the key of another",
    "an object that was taken away before a reader came",
    "a read that failed",
    "a read that was late",
    "a read that was given up",
    "a shard that a reader evicted",
    "a reader that began anew",
    "a reader's clock that jumped",
    "a question for the origin",
    "an answer of a reader",
    "an answer from the fallback",
    "an answer that would be behind",
    "an answer that would be too old",
    "an answer that hung on a spoilt object",
    "an answer that could not be given",
    "a rest in which all readers reach the newest version",
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
