//! The options of a question that every command which asks one has.

use clap::Args;

/// A question's options. Each becomes a parameter of `QuestionForm::PARAMETERS` in `pairs`.
#[derive(Debug, Args)]
pub struct QuestionArgs {
    /// Customer, by id or alias
    #[arg(long)]
    pub customer: String,
    /// Ask about this one of the customer's subscriptions alone
    #[arg(long)]
    subscription: Option<String>,
    /// How much was used in the window; unknown if not given, and 0 only where 0 is written
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    consumed: Option<String>,
    /// How much is held for requests under way; 0 if not given
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    reserved: Option<String>,
    /// How much was used of each allowance: a JSON list of {"origin", "consumed", …}, as docs/semantics.md has it
    #[arg(long, value_name = "JSON")]
    usage: Option<String>,
    /// The instant asked about (RFC 3339); now if not given
    #[arg(long, value_name = "INSTANT")]
    at: Option<String>,
}

impl QuestionArgs {
    /// The parameters that were given.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        let optional = [
            ("subscription_id", &self.subscription),
            ("consumed", &self.consumed),
            ("reserved", &self.reserved),
            ("usage", &self.usage),
            ("at", &self.at),
        ];
        let optional = optional.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?)));
        std::iter::once(("customer", &*self.customer)).chain(optional)
    }
}
