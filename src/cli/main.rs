//! The `mayuse` command: asks the core at a prompt.
//!
//! Exit status: 0 yes or done, 1 no, not decidable or failed, 2 a bad question or file.

#![forbid(unsafe_code)]

mod style;
mod input;
mod key;
mod keygen;
mod connection;
mod server;
mod upload;
mod folder;
mod snapshot;
mod answers;

mod question_args;
mod check;
mod entitlements;
mod window;
mod advice;
mod validate;
mod conform;

mod compile;
mod build;
mod inspect;
mod diff;
mod publication;
mod kv;
mod push;
mod publish;

mod import_request;
mod replace;
mod import;
mod export;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// May this customer use this feature?
#[derive(Debug, Parser)]
#[command(
    name = "mayuse",
    version,
    about = "May this customer use this feature?",
    max_term_width = 100,
    after_help = "\
Examples:
  mayuse check --catalog demo/catalog.json --customer acme --feature sso
  mayuse entitlements --catalog demo/catalog.json --customer acme
  mayuse window --rule '{\"type\":\"CALENDAR\",\"unit\":\"MONTH\",\"interval\":1}' --at 2025-06-15T00:00:00Z
  mayuse validate demo/catalog.json
  mayuse import catalog.ndjson --url http://localhost:8787 --key mayuse_demo_key
  mayuse build demo/catalog.json -o snapshot --key snapshot.key

Exit status: 0 allowed or done, 1 not allowed, not decidable (INDETERMINATE), or failed, 2 a bad
question or file."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Decide one question; prints the decision as JSON
    Check(check::Args),
    /// Decide every feature of a customer; prints a table, or JSON
    Entitlements(entitlements::Args),
    /// Print the window of a reset period that holds an instant
    Window(window::Args),
    /// Print every problem of a catalog document with its path
    Validate(validate::Args),
    /// Run vector files and print each failure
    Conform(conform::Args),
    /// Write a file of lines, or a whole catalog, into a running Worker
    Import(import_request::Args),
    /// Read the whole catalog out of a running Worker
    Export(export::Args),
    /// Make a key, and the row for the Worker's table of keys
    Key(key::Args),
    /// Make a pair of keys, to sign snapshots with and to verify them
    Keygen(keygen::Args),
    /// Build a snapshot of a catalog: objects, and a signed manifest
    Build(build::Args),
    /// Show what is in a snapshot, and whether it is whole and who signed it
    Inspect(inspect::Args),
    /// Compare two snapshots or catalogs: who may use what from now on, and who no longer
    Diff(diff::Args),
    /// Bring a snapshot to a Worker, or into a file for its KV namespace
    Publish(publish::Args),
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Check(args) => check::run(&args),
        Command::Entitlements(args) => entitlements::run(&args),
        Command::Window(args) => window::run(&args),
        Command::Validate(args) => validate::run(&args),
        Command::Conform(args) => conform::run(&args),
        Command::Import(args) => import::run(&args),
        Command::Export(args) => export::run(&args),
        Command::Key(args) => key::run(&args),
        Command::Keygen(args) => keygen::run(&args),
        Command::Build(args) => build::run(&args),
        Command::Inspect(args) => inspect::run(&args),
        Command::Diff(args) => diff::run(&args),
        Command::Publish(args) => publish::run(&args),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(failure) => {
            failure.report();
            ExitCode::from(failure.status())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_is_well_defined() {
        Cli::command().debug_assert();
    }
}
