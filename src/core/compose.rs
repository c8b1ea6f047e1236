//! Composition: joins the resolved chains of a customer, and applies the customer override.
//!
//! Checks, traces and `resolve_rows` all compose here. The rules are in section 5 of docs/semantics.md.

use crate::allowance::{Allowance, Overflow, Terms, evict_smaller, merge_into};
use crate::applied_grant::{AppliedGrant, NamedRow};
use crate::ladder::Combine;
use crate::resolve::State;
use crate::time::Instant;
use crate::value::Value;
use crate::windowing::Anchors;

/// A customer's entitlement to one feature.
#[derive(Clone, Debug, Default)]
pub(crate) enum Entitlement<'c> {
    /// No row reaches the customer.
    #[default]
    None,
    /// Only type mismatches reach the customer.
    TypeMismatch,
    /// Only disabled rows reach the customer: the row that is named, and its subscription.
    Off(NamedRow<'c>, Option<&'c str>),
    /// A switch that is on: the row that turned it on, and its subscription.
    On(NamedRow<'c>, Option<&'c str>),
    /// At least one allowance.
    Allowances(Vec<AnchoredAllowance<'c>>),
}

/// An allowance with the anchors of its window.
#[derive(Clone, Debug)]
pub(crate) struct AnchoredAllowance<'c> {
    pub allowance: Allowance<'c>,
    pub anchors: Anchors,
    /// The id of the subscription; None for an override without a billing cycle.
    pub subscription: Option<&'c str>,
}

impl<'c> Entitlement<'c> {
    /// The entitlement from a chain without allowances. `mismatch` says that type mismatches were left out of it.
    pub fn of(state: State<'c>, mismatch: bool, subscription: Option<&'c str>) -> Entitlement<'c> {
        match state {
            State::On(row) => Entitlement::On(row, subscription),
            State::Off(row) => Entitlement::Off(row, subscription),
            State::Absent | State::Allowances(_) if mismatch => Entitlement::TypeMismatch,
            State::Absent | State::Allowances(_) => Entitlement::None,
        }
    }

    /// The stronger of two entitlements; of equals, the one with the lower origin id, then the lower subscription id.
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

    /// Applies the customer override to a switch.
    pub fn override_switch(self, combine: Combine, row: NamedRow<'c>) -> Entitlement<'c> {
        let enabled = row.grant.value == Value::Boolean { enabled: true };
        match (combine, &self) {
            (Combine::Stack | Combine::Max, Entitlement::On(..)) => self,
            (_, _) if enabled => Entitlement::On(row, None),
            (Combine::Stack | Combine::Max, Entitlement::Off(..)) => self,
            _ => Entitlement::Off(row, None),
        }
    }
}

/// The allowances of all chains of a metered feature, side by side.
#[derive(Debug, Default)]
pub(crate) struct Composition<'c> {
    allowances: Vec<AnchoredAllowance<'c>>,
    /// The strongest entitlement of the chains without allowances.
    other: Entitlement<'c>,
}

impl<'c> Composition<'c> {
    /// Adds an allowance of a chain.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub fn add_allowance(&mut self, allowance: Allowance<'c>, anchors: Anchors, subscription: Option<&'c str>) {
        let anchors = Anchors { activation: allowance.starts_at().unwrap_or(anchors.activation), ..anchors };
        self.allowances.push(AnchoredAllowance { allowance, anchors, subscription });
    }

    /// Adds a resolved chain.
    pub fn add(&mut self, state: State<'c>, mismatch: bool, anchors: Anchors, subscription: Option<&'c str>) {
        if let State::Allowances(allowances) = state {
            self.allowances.reserve_exact(allowances.len());
            for allowance in allowances {
                self.add_allowance(allowance, anchors, subscription);
            }
        } else {
            let found = Entitlement::of(state, mismatch, subscription);
            self.other = std::mem::take(&mut self.other).or_stronger(found);
        }
    }

    /// The entitlement without a customer override.
    pub fn entitlement(self) -> Entitlement<'c> {
        if self.allowances.is_empty() { self.other } else { Entitlement::Allowances(self.allowances) }
    }

    /// The entitlement with the customer override, which is resolved in `own`. `anchor` adds an allowance of the
    /// override with its anchors; `keeps_rows` says that allowances keep the rows that join them. An override that
    /// merges into an allowance shares the window of that allowance.
    ///
    /// # Errors
    /// A sum of limits with more digits than an amount holds exactly.
    pub fn override_with(
        mut self,
        combine: Combine,
        own: State<'c>,
        keeps_rows: bool,
        anchor: &mut dyn FnMut(&mut Vec<AnchoredAllowance<'c>>, Allowance<'c>),
    ) -> Result<Entitlement<'c>, Overflow> {
        if combine == Combine::Replace {
            self.allowances.clear();
        }
        let row = match own {
            State::Allowances(own) => {
                for allowance in own {
                    let has_place = match allowance.terms {
                        // The allowance with the larger limit stays whole, with its own windows.
                        Terms::Metered(limits) if combine == Combine::Max => {
                            !evict_smaller(&mut self.allowances, |anchored| &anchored.allowance, limits)
                        }
                        Terms::Metered(limits) => {
                            let mut joined = false;
                            for held in &mut self.allowances {
                                // Only a start of a row keeps them apart, not the creation of the override.
                                let same_start = match (held.allowance.starts_at(), limits.starts_at) {
                                    (None, None) => true,
                                    (_, start) => {
                                        start.unwrap_or(created_at(&allowance.row)) == held.anchors.activation
                                    }
                                };
                                joined |= merge_into(&mut held.allowance, &allowance, same_start, keeps_rows)?;
                                // Where allowances add up, a row counts once.
                                if joined && keeps_rows {
                                    break;
                                }
                            }
                            joined
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

/// Removes the type mismatches. Returns whether there were any.
pub(crate) fn drop_mismatches(rows: &mut Vec<AppliedGrant<'_>>) -> bool {
    let before = rows.len();
    rows.retain(|row| !row.is_mismatch());
    rows.len() < before
}

/// The creation of an override, from which its windows count if it has no start.
pub(crate) fn created_at(row: &AppliedGrant<'_>) -> Instant {
    row.grant.created_at.unwrap_or(Instant::EPOCH)
}
