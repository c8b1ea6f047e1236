//! Simulates a publisher and its readers: `mayuse-simulate STEPS [SEED [RUNS]]`, or `mayuse-simulate noticed` for
//! the seeds at which a fault was noticed once.

use mayuse_tests::simulation::Simulation;
use mayuse_tests::simulation::seeds::NOTICED;
use mayuse_tests::simulation::sometimes::SOMETIMES;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

/// A run of so many steps or more has to have seen all that happens sometimes.
const ALL_AFTER: u64 = 500_000;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments == ["noticed"] {
        let fails = |(seed, n_steps, what): &(u64, u64, &str)| {
            println!("seed {seed}, {n_steps} steps: {what}");
            run(*seed, *n_steps).is_none()
        };
        return if NOTICED.iter().any(fails) { ExitCode::FAILURE } else { ExitCode::SUCCESS };
    }
    let mut numbers = arguments.iter().map(|text| text.parse::<u64>().ok());
    let (Some(Some(n_steps)), seed, runs) = (numbers.next(), numbers.next(), numbers.next()) else {
        eprintln!("mayuse-simulate STEPS [SEED [RUNS]]\nmayuse-simulate noticed");
        return ExitCode::from(2);
    };
    let seed = seed.flatten().unwrap_or(1);
    for seed in seed..seed.saturating_add(runs.flatten().unwrap_or(1)) {
        println!("seed {seed}, {n_steps} steps");
        let Some(simulation) = run(seed, n_steps) else { return ExitCode::FAILURE };
        let mut is_complete = true;
        for (what, reasons) in SOMETIMES {
            for reason in *reasons {
                let n = simulation.tally.of(what, reason);
                let name = [*what, *reason].join(" ");
                println!("  {n:>8}  {}", name.trim_end());
                if n == 0 && ALL_AFTER <= n_steps {
                    eprintln!("seed {seed}: there was never {}, so the run shows nothing about it", name.trim_end());
                    is_complete = false;
                }
            }
        }
        if !is_complete {
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

/// One run. Nothing if it found a fault, which it says with the seed and the step.
fn run(seed: u64, n_steps: u64) -> Option<Simulation> {
    let mut simulation = Simulation::new(seed);
    // What is left of the world after a fault is only counted.
    if catch_unwind(AssertUnwindSafe(|| simulation.run(n_steps))).is_err() {
        let at = simulation.n_steps;
        eprintln!("seed {seed}: a fault in step {at}. It comes again with `mayuse-simulate {at} {seed}`; once it is");
        eprintln!("mended, add the seed and the step to tests/simulation/seeds.rs.");
        return None;
    }
    Some(simulation)
}
