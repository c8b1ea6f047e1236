//! The question whether a customer may use a feature, and the table of its parameters.
//!
//! # How a parameter is added
//!
//! 1. Add a field to [`Question`], with its default in [`Question::new`]. A text goes into [`QuestionForm`] too:
//!    a question borrows its texts, and a form may own them.
//! 2. Add a row to [`QuestionForm::PARAMETERS`]: the name, and the slot for its value. JSON objects, query strings
//!    and lists of pairs read every parameter through this table.
//! 3. Add an option to `QuestionArgs` in `src/cli/question_args.rs` if the command offers it.
//!
//! Only a value of a new kind needs more: a variant of [`Slot`], a parser for text in `query.rs`, and a reader for
//! JSON in `src/document/ask.rs`. The compiler names both places.

use crate::amount::Amount;
use crate::snapshot::Policy;
use crate::time::Instant;
use crate::usage::UsageEntry;
use std::borrow::Cow;

/// A question: may this customer use this feature?
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Question<'q> {
    /// The customer, by id or alias.
    pub customer: &'q str,
    /// The feature, by id or code.
    pub feature: &'q str,
    /// Asks about this one of the customer's subscriptions alone.
    pub subscription_id: Option<&'q str>,
    /// How much is wanted; without it one. Zero asks whether the customer stands within the limit.
    pub requested: Option<Amount>,
    /// How much was used in the window; none if that is not known.
    pub consumed: Option<Amount>,
    /// How much is held for requests that are under way.
    pub reserved: Amount,
    /// How much was used of which allowance.
    pub usage: Option<&'q [UsageEntry]>,
    /// The instant it asks about; without one, now. How old the catalog is has nothing to do with it.
    pub at: Option<Instant>,
    /// Whether to list every row that was looked at.
    pub explain: bool,
    /// Whether to say what would allow a use that is denied.
    pub suggest: bool,
    /// What an indeterminate answer comes to.
    pub on_indeterminate: Option<Policy>,
    /// The oldest version of the catalog that may answer.
    pub min_version: Option<u64>,
    /// The age in milliseconds from which on the catalog may not answer; 0 lets nobody answer but the
    /// one writer.
    pub max_age_ms: Option<u64>,
}

impl<'q> Question<'q> {
    /// Whether this customer may use one unit of this feature, usage unknown.
    pub fn new(customer: &'q str, feature: &'q str) -> Question<'q> {
        Question {
            customer,
            feature,
            subscription_id: None,
            requested: None,
            consumed: None,
            reserved: Amount::ZERO,
            usage: None,
            at: None,
            explain: false,
            suggest: false,
            on_indeterminate: None,
            min_version: None,
            max_age_ms: None,
        }
    }
}

/// A field of a structure.
type Field<S, V> = for<'f> fn(&'f mut S) -> &'f mut V;

/// The value of a parameter: its kind, and the field that it fills in.
#[derive(Clone, Copy, Debug)]
pub enum Slot<'q> {
    /// A text that every question has.
    Key(Field<QuestionForm<'q>, Cow<'q, str>>),
    /// A text.
    Text(Field<QuestionForm<'q>, Option<Cow<'q, str>>>),
    /// An amount.
    Amount(Field<Question<'static>, Option<Amount>>),
    /// An amount of at least zero, which is zero if it is absent.
    Held(Field<Question<'static>, Amount>),
    /// A switch, which is off if it is absent.
    Switch(Field<Question<'static>, bool>),
    /// `ALLOW` or `DENY`.
    Policy(Field<Question<'static>, Option<Policy>>),
    /// A whole number of at least zero.
    Whole(Field<Question<'static>, Option<u64>>),
    /// An instant.
    Instant(Field<Question<'static>, Option<Instant>>),
    /// Usage by allowance: a list of objects, in a query string as JSON.
    Usage(Field<QuestionForm<'q>, Option<Vec<UsageEntry>>>),
}

/// A question that is filled in parameter by parameter. Its texts are borrowed unless they had to be decoded or
/// copied.
#[derive(Clone, PartialEq, Debug)]
pub struct QuestionForm<'q> {
    customer: Cow<'q, str>,
    feature: Cow<'q, str>,
    subscription_id: Option<Cow<'q, str>>,
    usage: Option<Vec<UsageEntry>>,
    /// All parameters that are neither texts nor lists.
    scalars: Question<'static>,
}

impl<'q> QuestionForm<'q> {
    /// The parameters of a question. Problems are reported in this order.
    pub const PARAMETERS: [(&'static str, Slot<'q>); 13] = [
        ("customer", Slot::Key(|form| &mut form.customer)),
        ("feature", Slot::Key(|form| &mut form.feature)),
        ("subscription_id", Slot::Text(|form| &mut form.subscription_id)),
        ("requested", Slot::Amount(|question| &mut question.requested)),
        ("consumed", Slot::Amount(|question| &mut question.consumed)),
        ("reserved", Slot::Held(|question| &mut question.reserved)),
        ("usage", Slot::Usage(|form| &mut form.usage)),
        ("explain", Slot::Switch(|question| &mut question.explain)),
        ("suggest", Slot::Switch(|question| &mut question.suggest)),
        ("on_indeterminate", Slot::Policy(|question| &mut question.on_indeterminate)),
        ("min_version", Slot::Whole(|question| &mut question.min_version)),
        ("max_age_ms", Slot::Whole(|question| &mut question.max_age_ms)),
        ("at", Slot::Instant(|question| &mut question.at)),
    ];

    /// A form in which nothing is filled in.
    pub fn empty() -> QuestionForm<'q> {
        QuestionForm {
            customer: Cow::Borrowed(""),
            feature: Cow::Borrowed(""),
            subscription_id: None,
            usage: None,
            scalars: Question::new("", ""),
        }
    }

    /// The parameters that are neither texts nor lists.
    pub fn scalars_mut(&mut self) -> &mut Question<'static> {
        &mut self.scalars
    }

    /// The question, ready to be decided.
    pub fn question(&self) -> Question<'_> {
        Question {
            customer: &self.customer,
            feature: &self.feature,
            subscription_id: self.subscription_id.as_deref(),
            usage: self.usage.as_deref(),
            ..self.scalars
        }
    }
}
