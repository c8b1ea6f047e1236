//! `mayuse window`

use crate::input::{self, CliError};
use mayuse_document::{Tree, ask_window};
use std::borrow::Cow;

/// A reset period and an instant.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  mayuse window --rule '{\"type\":\"CALENDAR\",\"unit\":\"WEEK\",\"interval\":2}' --at 2025-06-11T00:00:00Z
  mayuse window --rule '{\"type\":\"FIXED_WINDOW\",\"unit\":\"MONTH\",\"interval\":1}' \\
      --at 2025-02-28T00:00:00Z --activated-at 2025-01-31T00:00:00Z
  mayuse window --rule '{\"type\":\"BILLING_CYCLE\"}' --at 2025-07-01T00:00:00Z --period MONTHLY \\
      --billing-day-anchor 31 --current-period-start 2025-05-31 --current-period-end 2025-06-30")]
pub struct Args {
    /// Reset period as JSON; - reads standard input
    #[arg(long, value_name = "JSON")]
    rule: String,
    /// The instant the window shall hold (RFC 3339)
    #[arg(long, value_name = "INSTANT")]
    at: String,
    /// Where FIXED_WINDOW and NEVER start (RFC 3339)
    #[arg(long, value_name = "INSTANT")]
    activated_at: Option<String>,
    /// Billing period: MONTHLY, QUARTERLY, SEMIANNUAL, ANNUAL, WEEKLY, or JSON {"unit", "interval"}
    #[arg(long, value_name = "P")]
    period: Option<String>,
    /// Day of the month on which billing periods start; not needed for days and weeks
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    billing_day_anchor: Option<i64>,
    /// Start of the current billing period (a date or RFC 3339)
    #[arg(long, value_name = "TIME")]
    current_period_start: Option<String>,
    /// Renewal: the end of the current billing period, exclusive
    #[arg(long, value_name = "TIME")]
    current_period_end: Option<String>,
    /// Start of the subscription
    #[arg(long, value_name = "TIME")]
    start_date: Option<String>,
    /// Start of billing, after a trial
    #[arg(long, value_name = "TIME")]
    billing_start_date: Option<String>,
}

/// Prints the window.
pub fn run(args: &Args) -> Result<bool, CliError> {
    let what = "--rule".to_owned();
    let json = match args.rule.as_str() {
        "-" => input::read("-".as_ref())?,
        rule => rule.as_bytes().to_vec(),
    };
    let rule = Tree::parse_bytes(&json).map_err(|error| CliError::Json { what, message: error.to_string() })?;
    let period = match args.period.as_deref() {
        Some(json) if json.starts_with('{') => Some(
            Tree::parse_bytes(json.as_bytes())
                .map_err(|error| CliError::Json { what: "--period".to_owned(), message: error.to_string() })?,
        ),
        name => name.map(|name| Tree::Text(name.into())),
    };
    let text =
        |name: &str, value: &Option<String>| Some((Cow::from(name.to_owned()), Tree::Text(value.clone()?.into())));
    let billing: Vec<(Cow<'_, str>, Tree<'_>)> = [
        period.map(|period| ("period".into(), period)),
        args.billing_day_anchor.map(|anchor| ("billing_day_anchor".into(), Tree::from(anchor))),
        text("current_period_start", &args.current_period_start),
        text("current_period_end", &args.current_period_end),
        text("start_date", &args.start_date),
        text("billing_start_date", &args.billing_start_date),
    ]
    .into_iter()
    .flatten()
    .collect();
    let mut question = vec![("rule".into(), rule), ("at".into(), Tree::Text(args.at.as_str().into()))];
    question.extend(text("activated_at", &args.activated_at));
    if !billing.is_empty() {
        question.push(("billing".into(), Tree::Object(billing)));
    }
    let bounds = ask_window(&Tree::Object(question), mayuse_zones::offsets)
        .map_err(|problems| CliError::Problems { what: "the question".to_owned(), problems })?;
    input::print_answer(&bounds)?;
    Ok(true)
}
