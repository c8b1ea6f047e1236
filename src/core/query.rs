//! Questions in a query string, read without an allocation.
//!
//! `mayuse_document::Check::from_pairs` copies every text and lists every problem. Where
//! a question is answered from memory, those copies take longer than the decision.

use crate::amount::Amount;
use crate::features;
use crate::id::MAX_VERSION;
use crate::question::{QuestionForm, Slot};
use crate::snapshot::Policy;
use crate::text::cut;
use crate::time::Instant;
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
            form.fill(slot, decoded(value)?)?;
        }
        let mut rows = QuestionForm::PARAMETERS.iter().zip(given);
        rows.all(|((_, slot), is_given)| is_given || !matches!(slot, Slot::Key(_))).then_some(form)
    }

    /// Fills in one parameter; nothing for a wrong value.
    fn fill(&mut self, slot: &Slot<'q>, value: Cow<'q, str>) -> Option<()> {
        match slot {
            Slot::Key(field) => *field(self) = value,
            Slot::Text(field) => *field(self) = Some(value),
            Slot::Amount(field) => *field(self.scalars_mut()) = Some(Amount::parse(&value).ok()?),
            Slot::Held(field) => {
                let amount = Amount::parse(&value).ok()?;
                *field(self.scalars_mut()) = Some(amount).filter(|amount| !amount.is_negative())?;
            }
            Slot::Switch(field) => *field(self.scalars_mut()) = switch(&value)?,
            Slot::Policy(field) => *field(self.scalars_mut()) = Some(policy(&value)?),
            Slot::Whole(field) => *field(self.scalars_mut()) = Some(unsigned(&value)?),
            Slot::Instant(field) => *field(self.scalars_mut()) = Some(Instant::parse(&value).ok()?),
            // A build without it refuses it by its name, whatever it states.
            Slot::Usage(field) if !features::USAGE => *field(self) = Some(Vec::new()),
            // It is JSON, which is not read here.
            Slot::Usage(_) => return None,
        }
        Some(())
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
