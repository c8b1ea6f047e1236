//! `mayuse validate`

use crate::advice;
use crate::input::{self, CliError};
use crate::style;
use std::io;
use std::path::PathBuf;

/// What to validate.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Rows that do not fit their feature count as problems: they are refused when they are written.
Warnings do not, unless with --strict: what they speak of is accepted and has no effect.
An unknown value is a warning; the row that contains it grants nothing.

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
    let json = input::read(&args.file)?;
    let (catalog, mut problems) = match input::document_of(&json, &args.file)?.compile() {
        Ok((catalog, problems)) => (catalog, problems),
        Err(problems) => return Err(CliError::Problems { what, problems }),
    };
    advice::warn_of_omissions(&json, &mut problems);
    if !problems.is_importable() || (args.strict && !problems.list.is_empty()) {
        return Err(CliError::Problems { what, problems });
    }
    let _ = input::report_problems(&mut io::stderr().lock(), &style::for_stderr(), &what, &problems);
    let whole = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    let features = style::count(whole(catalog.catalog.feature_codes().count()), "feature");
    let customers = style::count(whole(catalog.customers.n_customers()), "customer");
    input::print(&match whole(problems.list.len().saturating_add(problems.n_more)) {
        0 => format!("{what}: valid; {features}, {customers}"),
        n => {
            let warnings = style::count(n, "warning");
            format!("{what}: {features}, {customers}; valid with {warnings}; --strict fails on warnings")
        }
    })?;
    Ok(true)
}
