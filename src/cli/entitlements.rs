//! `mayuse entitlements`

use crate::answers::{self, Answers};
use crate::input::{self, CliError};
use crate::question_args::QuestionArgs;
use crate::style::{self, Paint};
use mayuse_core::{Amount, ConfigAnswer, Decision, Instant, Role, Verdict};
use mayuse_document::Check;
use std::path::PathBuf;

/// Whose entitlements.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  mayuse entitlements --catalog demo/catalog.json --customer acme
  mayuse entitlements --catalog demo/catalog.json --customer acme --json | jq '.[] | select(.allowed) | .feature.code'")]
pub struct Args {
    /// Catalog document, or a snapshot: its folder or file; - reads a document from standard input
    #[arg(long, value_name = "FILE")]
    catalog: PathBuf,
    #[command(flatten)]
    question: QuestionArgs,
    /// Print the decisions as a JSON array
    #[arg(long)]
    json: bool,
}

/// Prints every feature's decision.
pub fn run(args: &Args) -> Result<bool, CliError> {
    let check = Check::for_all_from_pairs(args.question.pairs())
        .map_err(|problems| CliError::Problems { what: "the question".to_owned(), problems })?;
    let answers = Answers::open(&args.catalog, &args.question.customer)?;
    let decisions = decide_all(&answers, &check, input::now())?;
    if args.json {
        input::print_answer(&decisions.as_slice())?;
    } else {
        input::print(&table(&decisions, &style::for_stdout()))?;
    }
    answers::hint_at_usage(&decisions);
    Ok(true)
}

/// Every feature's decision.
pub fn decide_all<'c>(answers: &'c Answers, check: &'c Check, now: Instant) -> Result<Vec<Decision<'c>>, CliError> {
    answers.feature_codes().map(|code| answers.decide(&check.question_on(code), now)).collect()
}

const HEADINGS: [&str; 7] = ["FEATURE", "ALLOWED", "REASON", "LIMIT", "RESETS", "FROM", "VALID UNTIL"];

/// The decisions in a table.
pub fn table(decisions: &[Decision<'_>], paint: &Paint) -> String {
    let rows: Vec<[String; 7]> = decisions.iter().map(row).collect();
    style::table(HEADINGS, &rows, paint, |row, column, cell| {
        match (column, decisions.get(row).map(|decision| decision.decision)) {
            (1, Some(Verdict::Allow)) => paint.green(cell),
            (1, Some(Verdict::Deny)) => paint.red(cell),
            (1, Some(Verdict::Indeterminate)) => paint.yellow(cell),
            (6, _) => paint.dim(cell),
            _ => cell.to_owned(),
        }
    })
}

/// A CONFIG value in a cell: a long one is cut.
fn told(value: &ConfigAnswer<'_>) -> String {
    const WIDTH: usize = 24;
    let text = match value {
        ConfigAnswer::Number(number) => number.to_string(),
        ConfigAnswer::Boolean(on) => on.to_string(),
        ConfigAnswer::Text(text) | ConfigAnswer::Json(text) => style::plain(text).to_string(),
    };
    if text.chars().count() <= WIDTH {
        return text;
    }
    text.chars().take(WIDTH.saturating_sub(1)).chain(['…']).collect()
}

fn row(decision: &Decision<'_>) -> [String; 7] {
    let metering = decision.metering.as_ref();
    let mut limit = match (metering, decision.value) {
        (Some(metering), _) if metering.unlimited => "unlimited".to_owned(),
        (Some(metering), _) => metering.limit.as_ref().map(Amount::to_string).unwrap_or_default(),
        (None, Some(value)) => told(&value),
        (None, None) => String::new(),
    };
    // The caps of the allowance that the line is about follow its limit.
    for cap in decision.windows.iter().skip(1).take_while(|window| window.role == Role::Cap) {
        let every = cap.metering.period.map(|period| match period.rule.every() {
            Some(every) if every.interval() == 1 => every.unit.name().to_lowercase(),
            Some(every) => format!("{} {}", every.interval(), every.unit.name().to_lowercase()),
            None => period.rule.name().to_lowercase().replace('_', " "),
        });
        let cap = cap.metering.limit.as_ref().map(Amount::to_string);
        limit.push_str(&format!(", {}/{}", cap.unwrap_or_default(), every.unwrap_or_default()));
    }
    let resets = metering.and_then(|metering| metering.period).map(|period| match period.window.reset_at() {
        Some(at) => at.to_string(),
        None => period.rule.name().to_lowercase().replace('_', " "),
    });
    [
        decision.feature.code.to_owned(),
        match decision.decision {
            Verdict::Allow => "yes",
            Verdict::Deny => "no",
            Verdict::Indeterminate => "unknown",
        }
        .to_owned(),
        decision.reason.name().to_owned(),
        limit,
        resets.unwrap_or_default(),
        decision
            .origin
            .map(|origin| format!("{} {}", origin.level().name().to_lowercase().replace('_', " "), origin.id()))
            .unwrap_or_default(),
        decision.valid_until.map(|at| at.to_string()).unwrap_or_default(),
    ]
}
