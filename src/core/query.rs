//! Questions in a query string, read without an allocation.
//!
//! `mayuse_document::Check::from_pairs` copies every text and lists every problem. Where
//! a question is answered from memory, those copies take longer than the decision.

use crate::amount::{Amount, AmountError};
use crate::features;
use crate::id::MAX_VERSION;
use crate::problem::Code;
use crate::question::{QuestionForm, Slot};
use crate::snapshot::Policy;
use crate::text::cut;
use crate::time::{Instant, TimeError};
use std::borrow::Cow;

impl<'q> QuestionForm<'q> {
    /// Reads what `mayuse_document::Check::from_pairs` reads from the pairs of a query,
    /// to the same question. Where that finds a problem, this gives nothing: it does not say which.
    ///
    /// ```
    /// use mayuse_core::QuestionForm;
    /// let form = QuestionForm::from_query("customer=acme&feature=sso&explain=true").unwrap();
    /// assert!(form.question().explain);
    /// // What is wrong with this one, `Check::from_pairs` says.
    /// assert!(QuestionForm::from_query("customer=acme&feature=sso&consumed=few").is_none());
    /// ```
    pub fn from_query(query: &'q str) -> Option<QuestionForm<'q>> {
        let mut form = QuestionForm::empty();
        let mut given = [false; QuestionForm::PARAMETERS.len()];
        let mut rest = Some(query);
        while let Some(text) = rest {
            let (pair, after) = cut(text, b'&').map_or((text, None), |(pair, after)| (pair, Some(after)));
            rest = after;
            let (name, value) = cut(pair, b'=').unwrap_or((pair, ""));
            let name = decoded(name)?;
            let mut rows = QuestionForm::PARAMETERS.iter().zip(&mut given);
            let Some(((_, slot), is_given)) = rows.find(|((known, _), _)| *known == name) else {
                // A query may end with `&`.
                if pair.is_empty() {
                    continue;
                }
                return None;
            };
            if std::mem::replace(is_given, true) {
                return None;
            }
            form.fill(slot, decoded(value)?).ok()?;
        }
        let mut rows = QuestionForm::PARAMETERS.iter().zip(given);
        rows.all(|((_, slot), is_given)| is_given || !matches!(slot, Slot::Key(_))).then_some(form)
    }

    /// Fills in one parameter from a text.
    ///
    /// # Errors
    /// The kind of problem of a wrong value, and what is wrong with it.
    pub fn fill(&mut self, slot: &Slot<'q>, value: Cow<'q, str>) -> Result<(), (Code, &'static str)> {
        let amount = |value: &str| {
            Amount::parse(value).map_err(|error| {
                (if error == AmountError::TooManyDigits { Code::OutOfRange } else { Code::Invalid }, error.text())
            })
        };
        match slot {
            Slot::Key(field) => *field(self) = value,
            Slot::Text(field) => *field(self) = Some(value),
            Slot::Amount(field) => *field(self.scalars_mut()) = Some(amount(&value)?),
            Slot::Held(field) => {
                let held = amount(&value)?;
                if held.is_negative() {
                    return Err((Code::OutOfRange, "must not be negative"));
                }
                *field(self.scalars_mut()) = held;
            }
            Slot::Switch(field) => {
                let is_on = switch(&value).ok_or((Code::WrongType, "expected true or false"))?;
                *field(self.scalars_mut()) = is_on;
            }
            Slot::Policy(field) => {
                let policy = policy(&value).ok_or((Code::UnknownValue, "expected ALLOW or DENY"))?;
                *field(self.scalars_mut()) = Some(policy);
            }
            Slot::Whole(field) => {
                let whole = unsigned(&value).ok_or((Code::OutOfRange, "expected a whole number below 2^53"))?;
                *field(self.scalars_mut()) = Some(whole);
            }
            Slot::Instant(field) => {
                let at = Instant::parse(&value).map_err(|error| {
                    (if error == TimeError::Range { Code::OutOfRange } else { Code::Invalid }, error.text())
                })?;
                *field(self.scalars_mut()) = Some(at);
            }
            // A build without it refuses it by its name, whatever it states.
            Slot::Usage(field) if !features::USAGE => *field(self) = Some(Vec::new()),
            // It is JSON, which is not read here.
            Slot::Usage(_) => return Err((Code::WrongType, "expected a list")),
        }
        Ok(())
    }
}

/// Reads a switch from a text. A parameter without a value switches it on.
pub fn switch(value: &str) -> Option<bool> {
    match value {
        "" | "1" | "true" => Some(true),
        "0" | "false" => Some(false),
        _ => None,
    }
}

fn policy(value: &str) -> Option<Policy> {
    match value {
        "ALLOW" => Some(Policy::Allow),
        "DENY" => Some(Policy::Deny),
        _ => None,
    }
}

/// Whole numbers are 64 bits with a sign, as in JSON, of which JavaScript holds fewer.
fn unsigned(value: &str) -> Option<u64> {
    u64::try_from(value.parse::<i64>().ok()?).ok().filter(|n| *n <= MAX_VERSION)
}

/// A text as it was before it was written into a query: `+` is a space, `%` and two digits a byte.
/// What is no such thing stands for itself. Nothing if the bytes are not UTF-8.
fn decoded(text: &str) -> Option<Cow<'_, str>> {
    if !text.bytes().any(|byte| matches!(byte, b'+' | b'%')) {
        return Some(Cow::Borrowed(text));
    }
    let digit = |byte: Option<&u8>| char::from(*byte?).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        bytes.push(match first {
            b'+' => b' ',
            b'%' => match (digit(after.first()), digit(after.get(1))) {
                (Some(high), Some(low)) => {
                    rest = after.get(2..).unwrap_or_default();
                    high << 4 | low
                }
                _ => b'%',
            },
            other => *other,
        });
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
}
