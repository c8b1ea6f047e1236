//! `mayuse validate`

use crate::input::{self, CliError};
use crate::style;
use std::io;
use std::path::PathBuf;

/// What to validate.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Rows that do not fit their feature count as problems: they are refused when they are written.
Warnings do not, unless with --strict: what they speak of is accepted and has no effect. A value
that this version does not know is one: what it describes grants nothing.

Examples:
  mayuse validate demo/catalog.json
  mayuse validate --strict demo/catalog.json
  curl -s https://example.com/catalog.json | mayuse validate -")]
pub struct Args {
    /// Catalog document; - reads standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Take warnings for problems
    #[arg(long)]
    strict: bool,
}

/// Prints every problem.
pub fn run(args: &Args) -> Result<bool, CliError> {
    let what = input::name(&args.file);
    let (catalog, problems) = match input::document(&args.file)?.compile() {
        Ok((catalog, problems)) => (Some(catalog), problems),
        Err(problems) => (None, problems),
    };
    match catalog {
        Some(catalog) if problems.is_importable() && (!args.strict || problems.list.is_empty()) => {
            let _ = input::report_problems(&mut io::stderr().lock(), &style::for_stderr(), &what, &problems);
            let n_features = catalog.catalog.feature_codes().count();
            input::print(&format!(
                "{what}: valid; {n_features} features, {} customers",
                catalog.customers.n_customers()
            ))?;
            Ok(true)
        }
        _ => Err(CliError::Problems { what, problems }),
    }
}
