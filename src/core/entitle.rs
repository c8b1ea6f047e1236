//! The entitlement of one customer: resolves each chain of the rows that reach the customer, and anchors its windows.

use crate::allowance::{Allowance, Overflow};
use crate::applied_grant::{AppliedGrant, ChainTerms, NamedRow};
use crate::catalog::Feature;
use crate::compose::{AnchoredAllowance, Composition, Entitlement, created_at, drop_mismatches};
use crate::dates::Dates;
use crate::evaluation::EvaluationContext;
use crate::grant_source::GrantSource;
use crate::idx::FeatureIdx;
use crate::ladder::{AcrossSubscriptions, Combine, Level};
use crate::packed::{HeldAddOn, Subscription};
use crate::resolve::{alone, resolve};
use crate::switches::{Switch, Switched};
use crate::valid_until::ValidUntil;
use crate::value::Grant;
use crate::windowing::Anchors;

impl<'c> EvaluationContext<'_, 'c> {
    /// The customer override on a feature, if the ladder lists CUSTOMER and the value fits the feature.
    pub fn customer_override(&self, feature: FeatureIdx) -> Option<(AppliedGrant<'c>, Combine)> {
        self.override_row(feature).filter(|(row, _)| !row.is_mismatch())
    }

    /// The customer override on a feature, if the ladder lists CUSTOMER. The value may be a type mismatch.
    pub fn override_row(&self, feature: FeatureIdx) -> Option<(AppliedGrant<'c>, Combine)> {
        if self.customer.rows.is_empty() {
            return None;
        }
        let combine = self.catalog.ladder.combine(Level::Customer)?;
        let grant = self.dates.row_on(self.customer.rows, feature)?;
        Some((self.override_of(grant), combine))
    }

    /// A row of the customer.
    pub fn override_of(&self, grant: &'c Grant) -> AppliedGrant<'c> {
        let row = AppliedGrant::new(GrantSource::Customer(self.customer.id, self.customer.name), grant);
        AppliedGrant { no_cycle: grant.value.follows_cycle() && self.has_no_cycle(), ..row }
    }

    /// Whether no granting subscription has a billing period that is known, and there is one.
    #[cold]
    #[inline(never)]
    fn has_no_cycle(&self) -> bool {
        let mut granting = self.granting();
        let mut found = false;
        while let Some(subscription) = granting.next() {
            if subscription.billing.is_known() {
                return false;
            }
            found = true;
        }
        found
    }

    /// The customer's entitlement to a feature, over all subscriptions that the question is about.
    pub fn entitlement(&self, at: FeatureIdx, feature: &'c Feature) -> Result<Entitlement<'c>, Overflow> {
        if feature.feature_type.is_metered() { self.metered(at, feature) } else { Ok(self.switch(at, feature)) }
    }

    fn switch(&self, at: FeatureIdx, feature: &'c Feature) -> Entitlement<'c> {
        let result = self.switch_of_subscriptions(at, feature);
        // The fast path: most customers have no override.
        if self.customer.rows.is_empty() {
            return result;
        }
        let Some((row, combine)) = self.customer_override(at) else { return result };
        result.override_switch(combine, NamedRow::of(&row))
    }

    fn switch_of_subscriptions(&self, at: FeatureIdx, feature: &'c Feature) -> Entitlement<'c> {
        if self.catalog.ladder.across == AcrossSubscriptions::Chain {
            return self.switch_of_all(at, feature);
        }
        let switch_of = |subscription: &Subscription<'c>| {
            let in_scope = self.in_scope(feature, subscription);
            self.switch_of_chain(at, feature, Some(subscription), in_scope, subscription.named())
        };
        let mut granting = self.granting();
        let Some(first) = granting.next() else { return Entitlement::None };
        // Nearly every customer has one subscription.
        let mut result = switch_of(first);
        while let Some(subscription) = granting.next() {
            result = result.or_stronger(switch_of(subscription));
        }
        result
    }

    /// The switch of all granting subscriptions as one chain.
    // What few catalogs need is a function of its own where the build is downloaded: a platform compiles a function as a
    // whole when it is first called.
    #[cfg_attr(feature = "small", inline(never))]
    fn switch_of_all(&self, at: FeatureIdx, feature: &'c Feature) -> Entitlement<'c> {
        let in_scope = self.chain_in_scope(feature);
        match self.chain_billing() {
            Some(named) => self.switch_of_chain(at, feature, None, in_scope, named.named()),
            None => Entitlement::None,
        }
    }

    /// The switch of one subscription or, if `only` is None, of all granting subscriptions as one chain. `named` is the
    /// subscription that the answer names. Reads each row once and collects none.
    fn switch_of_chain(
        &self,
        at: FeatureIdx,
        feature: &'c Feature,
        only: Option<&Subscription<'c>>,
        in_scope: bool,
        named: Option<&'c str>,
    ) -> Entitlement<'c> {
        let mut state = Switched::Absent;
        let mut mismatch = false;
        for (level, combine) in self.catalog.ladder.levels() {
            let mut switch = Switch::default();
            match only {
                Some(subscription) => self.each_row_at(*level, at, feature, subscription, in_scope, &mut |row| {
                    mismatch |= !switch.add_row(&row);
                }),
                None => self.each_granted_row_at(*level, at, feature, in_scope, &mut |row| {
                    mismatch |= !switch.add_row(&row);
                }),
            }
            // Most levels have no row.
            if !switch.is_silent() {
                state = switch.on_top_of(state, *combine);
            }
        }
        match state {
            Switched::On(row) => Entitlement::On(row, named),
            Switched::Off(row) => Entitlement::Off(row, named),
            Switched::Absent if mismatch => Entitlement::TypeMismatch,
            Switched::Absent => Entitlement::None,
        }
    }

    fn metered(&self, at: FeatureIdx, feature: &'c Feature) -> Result<Entitlement<'c>, Overflow> {
        let ladder = &self.catalog.ladder;
        let mut composition = Composition::default();
        let mut rows: Vec<AppliedGrant<'c>> = Vec::new();
        match ladder.across {
            AcrossSubscriptions::Union => {
                let mut granting = self.granting();
                while let Some(subscription) = granting.next() {
                    rows.clear();
                    let in_scope = self.in_scope(feature, subscription);
                    self.subscription_rows(at, feature, subscription, in_scope, &mut rows);
                    let mismatch = drop_mismatches(&mut rows);
                    let anchors =
                        Anchors { activation: subscription.activation(), billing: Some(subscription.billing) };
                    let (terms, named) = (self.terms(subscription, feature), subscription.named());
                    // Most chains have one row.
                    if cfg!(not(feature = "small"))
                        && let [row] = *rows
                        && let Some(allowance) = alone(ladder, &terms, row)?
                    {
                        composition.add_allowance(allowance, anchors, named);
                        continue;
                    }
                    composition.add(resolve(ladder, &terms, &mut rows)?, mismatch, anchors, named);
                }
            }
            AcrossSubscriptions::Chain => self.add_chain(at, feature, &mut composition)?,
        }
        match self.customer_override(at) {
            None => Ok(composition.entitlement()),
            Some((row, combine)) => self.overridden(composition, row, combine),
        }
    }

    /// Adds the allowances of all granting subscriptions as one chain.
    #[cfg_attr(feature = "small", inline(never))]
    fn add_chain(
        &self,
        at: FeatureIdx,
        feature: &'c Feature,
        composition: &mut Composition<'c>,
    ) -> Result<(), Overflow> {
        let mut rows: Vec<AppliedGrant<'c>> = Vec::new();
        self.chain_rows(at, feature, self.chain_in_scope(feature), &mut rows);
        let mismatch = drop_mismatches(&mut rows);
        if let Some((subscription, anchors, terms)) = self.chain_anchors(feature) {
            let state = resolve(&self.catalog.ladder, &terms, &mut rows)?;
            composition.add(state, mismatch, anchors, subscription.named());
        }
        Ok(())
    }

    #[cfg_attr(feature = "small", inline(never))]
    fn overridden(
        &self,
        composition: Composition<'c>,
        row: AppliedGrant<'c>,
        combine: Combine,
    ) -> Result<Entitlement<'c>, Overflow> {
        let own = resolve(&self.catalog.ladder, &ChainTerms::ALONE, &mut vec![row])?;
        composition.override_with(combine, own, self.keeps_rows, &mut |allowances, allowance| {
            self.anchor_override(allowances, &allowance);
        })
    }

    /// Tracks when an add-on with a row on the feature is archived, if ADD_ON is a REPLACE level: the limit of the
    /// add-on adds to the limits of the others only until then.
    pub fn track_add_ons(&self, feature: FeatureIdx, valid_until: &mut ValidUntil) {
        if self.catalog.ladder.combine(Level::AddOn) == Some(Combine::Replace) {
            self.track_all_add_ons(feature, valid_until);
        }
    }

    #[cfg_attr(feature = "small", inline(never))]
    fn track_all_add_ons(&self, feature: FeatureIdx, valid_until: &mut ValidUntil) {
        let mut granting = self.granting();
        while let Some(subscription) = granting.next() {
            for held in subscription.add_ons() {
                self.track_add_on(held, feature, valid_until);
            }
            if subscription.has_dated_add_ons() {
                let now = self.now;
                subscription
                    .dated_add_ons()
                    .filter(|row| row.starts_at.is_none_or(|at| at <= now) && row.expires_at.is_none_or(|at| now < at))
                    .for_each(|row| self.track_add_on(row.held, feature, valid_until));
            }
        }
    }

    fn track_add_on(&self, held: HeldAddOn, feature: FeatureIdx, valid_until: &mut ValidUntil) {
        let Some(add_on) = self.catalog.add_on(held.add_on).filter(|add_on| add_on.archived_at.is_some()) else {
            return;
        };
        // Its row may be out of scope: then its dates do not matter.
        let row = add_on.grants.on(feature, &Dates::new(self.now));
        if row.is_some_and(|grant| !grant.value.is_mismatch()) {
            valid_until.at(add_on.archived_at);
        }
    }

    /// Adds the allowances of an override with their anchors: the start or creation of the override and, for
    /// BILLING_CYCLE, the billing cycle of each granting subscription.
    fn anchor_override(&self, allowances: &mut Vec<AnchoredAllowance<'c>>, allowance: &Allowance<'c>) {
        let activation = allowance.starts_at().unwrap_or(created_at(&allowance.row));
        let by_cycle = allowance.metered().is_some_and(|limits| limits.reset_period.is_by_cycle())
            || allowance.caps().iter().any(|cap| cap.reset_period.is_by_cycle());
        let before = allowances.len();
        if by_cycle {
            let mut granting = self.granting();
            while let Some(subscription) = granting.next() {
                if !subscription.billing.is_known() {
                    continue;
                }
                allowances.push(AnchoredAllowance {
                    allowance: allowance.clone(),
                    anchors: Anchors { activation, billing: Some(subscription.billing) },
                    subscription: subscription.named(),
                });
            }
        }
        if allowances.len() == before {
            allowances.push(AnchoredAllowance {
                allowance: allowance.clone(),
                anchors: Anchors { activation, billing: None },
                subscription: None,
            });
        }
    }
}
