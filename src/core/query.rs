//! Questions in a query string, read without an allocation.
//!
//! `mayuse_document::Check::from_pairs` copies every text and lists every problem. Where
//! a question is answered from memory, those copies take longer than the decision.

use crate::amount::Amount;
use crate::id::MAX_VERSION;
use crate::question::Question;
use crate::snapshot::Policy;
use crate::time::Instant;
use std::borrow::Cow;

/// A check whose texts lie where they were read, unless they had to be decoded.
///
/// ```
/// use mayuse_core::QueryCheck;
/// let check = QueryCheck::from_query("customer=acme&feature=sso&explain=true").unwrap();
/// assert!(check.question().explain);
/// // What is wrong with this one, `Check::from_pairs` says.
/// assert!(QueryCheck::from_query("customer=acme&feature=sso&consumed=few").is_none());
/// ```
#[derive(Clone, PartialEq, Debug, Default)]
pub struct QueryCheck<'q> {
    customer: Option<Cow<'q, str>>,
    feature: Option<Cow<'q, str>>,
    subscription_id: Option<Cow<'q, str>>,
    requested: Option<Amount>,
    consumed: Option<Amount>,
    reserved: Option<Amount>,
    explain: Option<bool>,
    on_indeterminate: Option<Policy>,
    min_version: Option<u64>,
    max_age_ms: Option<u64>,
    /// The instant it asks about; without one, now.
    pub at: Option<Instant>,
}

impl<'q> QueryCheck<'q> {
    /// Reads what `mayuse_document::Check::from_pairs` reads from the pairs of a query,
    /// to the same question. Where that finds a problem, this gives nothing: it does not say which.
    pub fn from_query(query: &'q str) -> Option<QueryCheck<'q>> {
        let mut check = QueryCheck::default();
        for pair in query.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            check.take(&decoded(name), decoded(value))?;
        }
        (check.customer.is_some() && check.feature.is_some()).then_some(check)
    }

    /// Takes one parameter; nothing for a wrong value. Those of other names mean nothing here.
    fn take(&mut self, name: &str, value: Cow<'q, str>) -> Option<()> {
        match name {
            "customer" => once(&mut self.customer, Some(value)),
            "feature" => once(&mut self.feature, Some(value)),
            "consumed" => once(&mut self.consumed, Amount::parse(&value).ok()),
            "requested" => once(&mut self.requested, Amount::parse(&value).ok()),
            "reserved" => {
                let reserved = Amount::parse(&value).ok();
                once(&mut self.reserved, reserved.filter(|amount| !amount.is_negative()))
            }
            "subscription_id" => once(&mut self.subscription_id, Some(value)),
            "explain" => once(&mut self.explain, switch(&value)),
            "on_indeterminate" => once(&mut self.on_indeterminate, policy(&value)),
            "min_version" => once(&mut self.min_version, unsigned(&value)),
            "max_age_ms" => once(&mut self.max_age_ms, unsigned(&value)),
            "at" => once(&mut self.at, Instant::parse(&value).ok()),
            _ => Some(()),
        }
    }

    /// The question, ready to be decided.
    pub fn question(&self) -> Question<'_> {
        Question {
            customer: self.customer.as_deref().unwrap_or_default(),
            feature: self.feature.as_deref().unwrap_or_default(),
            subscription_id: self.subscription_id.as_deref(),
            requested: self.requested,
            consumed: self.consumed,
            reserved: self.reserved.unwrap_or(Amount::ZERO),
            at: self.at,
            explain: self.explain.unwrap_or_default(),
            on_indeterminate: self.on_indeterminate,
            min_version: self.min_version,
            max_age_ms: self.max_age_ms,
        }
    }
}

/// Fills in a field; nothing for a wrong value, or for a second one.
fn once<T>(field: &mut Option<T>, value: Option<T>) -> Option<()> {
    let is_first = field.is_none();
    *field = Some(value?);
    is_first.then_some(())
}

fn switch(value: &str) -> Option<bool> {
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
/// What is no such thing stands for itself.
fn decoded(text: &str) -> Cow<'_, str> {
    if !text.bytes().any(|byte| matches!(byte, b'+' | b'%')) {
        return Cow::Borrowed(text);
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
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}
