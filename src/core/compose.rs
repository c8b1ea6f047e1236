//! Composition: what the chains of a customer come to together, and what the customer's own row
//! makes of that.
//!
//! Checks, traces and questions about loose rows all compose here.

use crate::ladder::Combine;
use crate::resolve::{Allowance, AppliedGrant, Overflow, State, Terms, evict_smaller, merge_into};
use crate::value::Value;
use crate::windowing::Anchors;

/// What a customer is entitled to of one feature.
#[derive(Clone, Debug, Default)]
pub(crate) enum Entitlement<'c> {
    /// No row reaches the customer.
    #[default]
    None,
    /// Only rows whose value does not fit the feature.
    TypeMismatch,
    /// Rows, and all of them switched off; the subscription they come through.
    Off(AppliedGrant<'c>, Option<&'c str>),
    /// A switch that is on, and the subscription it is on through.
    On(AppliedGrant<'c>, Option<&'c str>),
    /// At least one allowance.
    Allowances(Vec<AnchoredAllowance<'c>>),
}

/// An allowance, and the anchors of its window.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AnchoredAllowance<'c> {
    pub allowance: Allowance<'c>,
    pub anchors: Anchors,
    /// The id of the subscription.
    pub subscription: Option<&'c str>,
}

impl<'c> Entitlement<'c> {
    /// What one chain comes to, where that is no allowance. `mismatch` says that rows were left out
    /// which do not fit the feature.
    pub fn of(state: State<'c>, mismatch: bool, subscription: &'c str) -> Entitlement<'c> {
        match state {
            State::On(row) => Entitlement::On(row, Some(subscription)),
            State::Off(row) => Entitlement::Off(row, Some(subscription)),
            State::Absent | State::Allowances(_) if mismatch => Entitlement::TypeMismatch,
            State::Absent | State::Allowances(_) => Entitlement::None,
        }
    }

    /// The stronger of two chains; of equals the chain with the lower origin id, then subscription id.
    pub fn or_stronger(self, other: Entitlement<'c>) -> Entitlement<'c> {
        let rank = |e: &Entitlement<'c>| match e {
            Entitlement::None => 0,
            Entitlement::TypeMismatch => 1,
            Entitlement::Off(..) => 2,
            Entitlement::On(..) => 3,
            Entitlement::Allowances(_) => 4,
        };
        let ids = |e: &Entitlement<'c>| match e {
            Entitlement::Off(row, subscription) | Entitlement::On(row, subscription) => {
                (row.source.id(), *subscription)
            }
            _ => ("", None),
        };
        let keeps = rank(&self) > rank(&other) || (rank(&self) == rank(&other) && ids(&self) <= ids(&other));
        if keeps { self } else { other }
    }

    /// A switch with the customer's own row on top.
    pub fn override_switch(self, combine: Combine, row: AppliedGrant<'c>) -> Entitlement<'c> {
        let enabled = row.grant.value == Value::Boolean { enabled: true };
        match (combine, &self) {
            (Combine::Stack | Combine::Max, Entitlement::On(..)) => self,
            (_, _) if enabled => Entitlement::On(row, None),
            (Combine::Stack | Combine::Max, Entitlement::Off(..)) => self,
            _ => Entitlement::Off(row, None),
        }
    }
}

/// The chains of a metered feature, side by side.
#[derive(Debug, Default)]
pub(crate) struct Composition<'c> {
    allowances: Vec<AnchoredAllowance<'c>>,
    /// What the chains without an allowance come to.
    other: Entitlement<'c>,
}

impl<'c> Composition<'c> {
    /// Adds a chain.
    pub fn add(&mut self, state: State<'c>, mismatch: bool, anchors: Anchors, subscription: &'c str) {
        if let State::Allowances(allowances) = state {
            let subscription = Some(subscription);
            self.allowances.extend(allowances.into_iter().map(|allowance| AnchoredAllowance {
                allowance,
                anchors,
                subscription,
            }));
        } else {
            let found = Entitlement::of(state, mismatch, subscription);
            self.other = std::mem::take(&mut self.other).or_stronger(found);
        }
    }

    /// The chains without the customer's own row.
    pub fn entitlement(self) -> Entitlement<'c> {
        if self.allowances.is_empty() { self.other } else { Entitlement::Allowances(self.allowances) }
    }

    /// The chains with the customer's own row on top. `anchor` adds an allowance of that row with its
    /// anchors; a row that joins an allowance shares the window of that allowance.
    ///
    /// # Errors
    /// Limits that add up to more digits than can be held exactly.
    pub fn override_with(
        mut self,
        combine: Combine,
        own: State<'c>,
        anchor: &mut dyn FnMut(&mut Vec<AnchoredAllowance<'c>>, Allowance<'c>),
    ) -> Result<Entitlement<'c>, Overflow> {
        if combine == Combine::Replace {
            self.allowances.clear();
        }
        let row = match own {
            State::Allowances(own) => {
                for allowance in own {
                    let has_place = match allowance.terms {
                        // The larger limit stands whole, with its own windows.
                        Terms::Metered(limits) if combine == Combine::Max => {
                            !evict_smaller(&mut self.allowances, |anchored| &anchored.allowance, limits)
                        }
                        Terms::Metered(limits) => {
                            let held = self.allowances.iter_mut().map(|anchored| &mut anchored.allowance);
                            merge_into(combine, held, allowance.row, limits)?
                        }
                        Terms::Credits(_) => false,
                    };
                    if !has_place {
                        anchor(&mut self.allowances, allowance);
                    }
                }
                return Ok(self.entitlement());
            }
            State::Off(row) | State::On(row) => row,
            State::Absent => return Ok(self.entitlement()),
        };
        Ok(match (self.allowances.is_empty(), combine, self.other) {
            (false, ..) => Entitlement::Allowances(self.allowances),
            (true, Combine::Stack | Combine::Max, off @ Entitlement::Off(..)) => off,
            (true, ..) => Entitlement::Off(row, None),
        })
    }
}

/// Takes out the rows whose value does not fit their feature. Whether there were any.
pub(crate) fn drop_mismatches(rows: &mut Vec<AppliedGrant<'_>>) -> bool {
    let before = rows.len();
    rows.retain(|row| row.grant.value != Value::TypeMismatch);
    rows.len() < before
}
