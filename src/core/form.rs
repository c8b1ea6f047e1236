//! The form of a question: its names, its amounts, and the parts of a decision that it asks for.

use crate::allowance::Overflow;
use crate::amount::Amount;
use crate::features;
use crate::id::{ALIAS_RULE, ID_RULE, is_alias, is_id};
use crate::problem::{Code, Problem};
use crate::question::Question;
use crate::usage::UsageEntry;

/// Why a question cannot be decided.
#[derive(Clone, Copy)]
pub(crate) enum Fault {
    /// A name that breaks the rule of its kind: the field, and the rule.
    Name(&'static str, &'static str),
    /// An amount that must not be negative: the field.
    Negative(&'static str),
    Overflow,
}

impl From<Overflow> for Fault {
    fn from(_: Overflow) -> Self {
        Fault::Overflow
    }
}

impl From<Fault> for Problem {
    #[cold]
    fn from(fault: Fault) -> Self {
        let (code, path, message) = match fault {
            Fault::Name(field, rule) => (Code::Invalid, field, rule),
            Fault::Negative(field) => (Code::OutOfRange, field, "must not be negative"),
            Fault::Overflow => {
                let message = "the amounts of this question and its limits have more digits than can be held exactly";
                (Code::OutOfRange, "", message)
            }
        };
        Problem::error(code, path, message)
    }
}

/// Validates the names of the question and the amounts that must not be negative. A name that was found is valid.
pub(crate) fn check_form(question: &Question<'_>, feature_found: bool, customer_found: bool) -> Result<(), Fault> {
    if question.requested.is_some_and(Amount::is_negative) {
        return Err(Fault::Negative("requested"));
    }
    if question.reserved.is_negative() {
        return Err(Fault::Negative("reserved"));
    }
    check_parts(question)?;
    if !feature_found && !is_id(question.feature) {
        return Err(Fault::Name("feature", ID_RULE));
    }
    if !customer_found && !is_alias(question.customer) {
        return Err(Fault::Name("customer", ALIAS_RULE));
    }
    match question.subscription_id {
        Some(id) if !is_id(id) => Err(Fault::Name("subscription_id", ID_RULE)),
        _ => Ok(()),
    }
}

/// Checks that this build has the parts of a decision that a question asks for, and its usage by allowance.
#[inline]
fn check_parts(question: &Question<'_>) -> Result<(), Fault> {
    const LEFT_OUT: &str = "this build of mayuse leaves it out";
    if !features::EXPLAIN && question.explain {
        return Err(Fault::Name("explain", LEFT_OUT));
    }
    if !features::SUGGEST && question.suggest {
        return Err(Fault::Name("suggest", LEFT_OUT));
    }
    match question.usage {
        None => Ok(()),
        Some(_) if !features::USAGE => Err(Fault::Name("usage", LEFT_OUT)),
        Some(entries) => check_usage(entries),
    }
}

/// Checks that no entry holds less than nothing, and that no two are equally specific about one allowance.
#[cold]
#[inline(never)]
fn check_usage(entries: &[UsageEntry]) -> Result<(), Fault> {
    const TWICE: &str = "two entries have the same origin, subscription, start and period";
    for (n, entry) in entries.iter().enumerate() {
        if entry.reserved.is_negative() {
            return Err(Fault::Negative("usage"));
        }
        if entries.iter().take(n).any(|before| before.is_about(entry)) {
            return Err(Fault::Name("usage", TWICE));
        }
    }
    Ok(())
}
