//! The usage that a question states, by allowance: which of its entries count.
//!
//! The rules are in section 8 of docs/semantics.md.

use crate::allowance::Overflow;
use crate::amount::Amount;
use crate::applied_grant::AppliedGrant;
use crate::evaluation::EvaluationContext;
use crate::ladder::AcrossSubscriptions;
use crate::numbers::UsageRequest;
use crate::reset::ResetPeriod;
use crate::usage::UsageEntry;
use crate::value::Grant;

/// The usage that a question states.
pub(crate) struct Stated<'q> {
    pub entries: &'q [UsageEntry],
    /// The amounts for an allowance that no entry matches.
    pub otherwise: UsageRequest,
    pub matched: Vec<bool>,
}

/// A row, and the id of the subscription of its allowance.
pub(crate) type Held<'c> = (AppliedGrant<'c>, Option<&'c str>);

impl Stated<'_> {
    /// The consumed and reserved amounts that entries state for a reset period of an allowance of these rows; None if
    /// no entry does. Of several entries that match a row, the most specific one counts.
    pub fn sum(
        &mut self,
        context: &EvaluationContext<'_, '_>,
        rows: &[Held<'_>],
        rule: ResetPeriod,
        zone: Option<&str>,
        is_same: &dyn Fn(ResetPeriod) -> bool,
    ) -> Result<Option<(Amount, Amount)>, Overflow> {
        let rank = |entry: &UsageEntry, (row, subscription): &Held<'_>| {
            if !context.has_usage_of(&entry.origin, row, *subscription) {
                return None;
            }
            let period = match entry.period {
                Some(_) if entry.zone.as_deref() != zone => return None,
                Some(period) if period.with_zone(rule.zone()).is_equivalent(rule) => 8,
                Some(period) if is_same(period) => 4,
                Some(_) => return None,
                None => 0_u8,
            };
            let by_subscription = match entry.subscription_id.as_deref() {
                named @ Some(id) if named == *subscription || context.reaches_through(id, row.grant) => 2,
                Some(_) => return None,
                None => 0_u8,
            };
            let by_start = match entry.starts_at {
                Some(_) if entry.starts_at == row.starts_at => 1_u8,
                Some(_) => return None,
                None => 0,
            };
            Some(period | by_subscription | by_start)
        };
        let mut total = None;
        for (entry, matched) in self.entries.iter().zip(&mut self.matched) {
            let mut counts = false;
            for row in rows {
                let Some(own) = rank(entry, row) else { continue };
                *matched = true;
                counts |= !self.entries.iter().any(|other| rank(other, row).is_some_and(|other| own < other));
            }
            if counts {
                let (consumed, reserved) = total.unwrap_or((Amount::ZERO, Amount::ZERO));
                let consumed = Amount::plus(consumed, entry.consumed).ok_or(Overflow)?;
                total = Some((consumed, Amount::plus(reserved, entry.reserved).ok_or(Overflow)?));
            }
        }
        Ok(total)
    }
}

impl EvaluationContext<'_, '_> {
    /// Whether a row of the chain of all granting subscriptions reaches the customer through the one with this id.
    fn reaches_through(&self, id: &str, row: &Grant) -> bool {
        let Some(feature) = self.catalog.feature(row.feature) else { return false };
        let mut reaches = false;
        let mut granting = self.granting();
        while let Some(subscription) = granting.next() {
            if subscription.id == id && self.catalog.ladder.across == AcrossSubscriptions::Chain {
                self.each_row(row.feature, feature, subscription, true, &mut |own| {
                    reaches |= std::ptr::eq(own.grant, row);
                });
            }
        }
        reaches
    }
}
