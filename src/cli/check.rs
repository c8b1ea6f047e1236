//! `mayuse check`

use crate::answers::{self, Answers};
use crate::input::{self, CliError};
use crate::question_args::QuestionArgs;
use mayuse_document::Check;
use std::path::PathBuf;

/// What a check is asked with.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  mayuse check --catalog demo/catalog.json --customer acme --feature sso && echo yes
  mayuse check --catalog - --customer acme --feature api_calls --consumed 199999 < demo/catalog.json
  mayuse check --catalog demo/catalog.json --customer acme --feature exports --at 2026-12-31T00:00:00Z --explain

Exit status: 0 allowed, 1 not allowed or not decidable (INDETERMINATE), 2 a bad question or file.")]
pub struct Args {
    /// Catalog document, or a snapshot: its folder or file; - reads a document from standard input
    #[arg(long, value_name = "FILE")]
    catalog: PathBuf,
    /// Feature, by id or code
    #[arg(long)]
    feature: String,
    #[command(flatten)]
    question: QuestionArgs,
    /// How much is wanted (a decimal; 1 if not given, 0 asks whether the customer stands within the limit)
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    requested: Option<String>,
    /// List every row that was looked at and what it changed
    #[arg(long)]
    explain: bool,
    /// Say what would allow a denied use: add-ons, larger quantities, plans
    #[arg(long)]
    suggest: bool,
}

/// Prints the decision.
pub fn run(args: &Args) -> Result<bool, CliError> {
    let mut pairs: Vec<_> = args.question.pairs().collect();
    pairs.push(("feature", &args.feature));
    pairs.extend(args.requested.as_deref().map(|requested| ("requested", requested)));
    if args.explain {
        pairs.push(("explain", "true"));
    }
    if args.suggest {
        pairs.push(("suggest", "true"));
    }
    let check = Check::from_pairs(pairs.into_iter())
        .map_err(|problems| CliError::Problems { what: "the question".to_owned(), problems })?;
    let answers = Answers::open(&args.catalog, &args.question.customer)?;
    let decision = answers.decide(&check.question(), input::now())?;
    input::print_answer(&decision)?;
    answers::hint_at_usage(std::slice::from_ref(&decision));
    answers::hint_at_unmatched(&check.question(), &decision);
    Ok(decision.allowed)
}
