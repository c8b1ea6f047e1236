//! The rows on a feature that reach a customer: collected from its subscriptions, level by level.

use crate::applied_grant::{AppliedGrant, each_once};
use crate::catalog::{AddOn, Feature};
use crate::evaluation::EvaluationContext;
use crate::grant_source::GrantSource;
use crate::idx::FeatureIdx;
use crate::ladder::Level;
use crate::packed::{HeldAddOn, Subscription};
use crate::value::Grant;

impl<'c> EvaluationContext<'_, 'c> {
    /// Collects the rows on a feature that reach the customer through a subscription, each once.
    pub fn subscription_rows(
        &self,
        at: FeatureIdx,
        feature: &'c Feature,
        subscription: &Subscription<'c>,
        in_scope: bool,
        rows: &mut Vec<AppliedGrant<'c>>,
    ) {
        if cfg!(feature = "small") {
            self.each_row(at, feature, subscription, in_scope, &mut |row| rows.push(row));
        } else {
            let (monthly, no_cycle) = (subscription.billing.is_monthly(), !subscription.billing.is_known());
            for (level, _) in self.catalog.ladder.levels() {
                let each = &mut |row| rows.push(AppliedGrant { monthly, no_cycle, ..row });
                self.rows_at(*level, at, feature, subscription, in_scope, each);
            }
        }
        if subscription.has_dated_add_ons() {
            each_once(&self.catalog.ladder, rows);
        }
    }

    /// Calls `each` with the rows on a feature that reach the customer through a subscription, weakest level first.
    pub fn each_row(
        &self,
        at: FeatureIdx,
        feature: &'c Feature,
        subscription: &Subscription<'c>,
        in_scope: bool,
        each: &mut dyn FnMut(AppliedGrant<'c>),
    ) {
        let (monthly, no_cycle) = (subscription.billing.is_monthly(), !subscription.billing.is_known());
        for (level, _) in self.catalog.ladder.levels() {
            let each = &mut |row| each(AppliedGrant { monthly, no_cycle, ..row });
            self.each_row_at(*level, at, feature, subscription, in_scope, each);
        }
    }

    /// [`each_row`](Self::each_row) for one level. Rows of the subscription itself need no scope: they were granted on
    /// purpose.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub fn each_row_at(
        &self,
        level: Level,
        at: FeatureIdx,
        feature: &'c Feature,
        subscription: &Subscription<'c>,
        in_scope: bool,
        each: &mut impl FnMut(AppliedGrant<'c>),
    ) {
        if cfg!(feature = "small") {
            self.rows_at_by_call(level, at, feature, subscription, in_scope, each);
        } else {
            self.rows_at(level, at, feature, subscription, in_scope, each);
        }
    }

    /// What is downloaded has this code once, instead of once for each kind of `each`.
    #[inline(never)]
    fn rows_at_by_call(
        &self,
        level: Level,
        at: FeatureIdx,
        feature: &'c Feature,
        subscription: &Subscription<'c>,
        in_scope: bool,
        each: &mut dyn FnMut(AppliedGrant<'c>),
    ) {
        self.rows_at(level, at, feature, subscription, in_scope, &mut |row| each(row));
    }

    #[inline(always)]
    fn rows_at(
        &self,
        level: Level,
        at: FeatureIdx,
        feature: &'c Feature,
        subscription: &Subscription<'c>,
        in_scope: bool,
        each: &mut impl FnMut(AppliedGrant<'c>),
    ) {
        let catalog = self.catalog;
        let mut emit = |source, grant: Option<&'c Grant>| {
            if let Some(grant) = grant {
                each(AppliedGrant::new(source, grant));
            }
        };
        match level {
            _ if !in_scope && level != Level::Subscription => {}
            Level::Feature => {
                let default = feature.default.as_ref().filter(|grant| self.dates.has(grant));
                emit(GrantSource::Feature(feature), default);
            }
            Level::Plan => {
                let plan = catalog.version(subscription.version).and_then(|version| catalog.plan(version.plan));
                if let Some(plan) = plan {
                    emit(GrantSource::Plan(plan), plan.grants.on(at, &self.dates));
                }
            }
            Level::PlanVersion => {
                if let Some(version) = catalog.version(subscription.version) {
                    emit(GrantSource::PlanVersion(version, catalog), version.grants.on(at, &self.dates));
                }
            }
            Level::AddOn => {
                for held in subscription.add_ons() {
                    if let Some(row) = self.held_row(at, held) {
                        each(row);
                    }
                }
                if subscription.has_dated_add_ons() {
                    self.dated_rows(at, subscription).into_iter().for_each(each);
                }
            }
            Level::Subscription => {
                emit(GrantSource::Subscription(subscription.id), self.dates.row_on(subscription.rows, at));
            }
            // The customer override is applied once, over all subscriptions.
            Level::Customer => {}
        }
    }

    /// The row of an add-on.
    #[cfg_attr(not(feature = "small"), inline(always))]
    fn held_row(&self, at: FeatureIdx, held: HeldAddOn) -> Option<AppliedGrant<'c>> {
        let add_on = self.catalog.add_on(held.add_on)?;
        Some(self.row_of_add_on(add_on, add_on.grants.on(at, &self.dates)?, held.quantity))
    }

    #[cfg_attr(not(feature = "small"), inline(always))]
    fn row_of_add_on(&self, add_on: &'c AddOn, grant: &'c Grant, quantity: u32) -> AppliedGrant<'c> {
        let archived = add_on.archived_at.is_some_and(|archived| archived <= self.now);
        let additive = add_on.multi_instance && !archived;
        let row = AppliedGrant::new(GrantSource::AddOn(add_on), grant);
        AppliedGrant { quantity, additive, ..row }
    }

    /// The rows of the add-ons that a subscription holds for a time. A list, because a call for each row would cost
    /// those that have no such add-ons.
    #[cold]
    #[inline(never)]
    fn dated_rows(&self, at: FeatureIdx, subscription: &Subscription<'c>) -> Vec<AppliedGrant<'c>> {
        let mut rows = Vec::new();
        for dated in subscription.dated_add_ons() {
            let (start, end) = (dated.starts_at, dated.expires_at);
            if let Some(add_on) = self.catalog.add_on(dated.held.add_on)
                && let Some(grant) = self.dates.row_held_on(add_on.grants.rows(), at, start, end)
            {
                rows.push(self.row_of_add_on(add_on, grant, dated.held.quantity).held(start, end));
            }
        }
        rows
    }

    /// Calls `each` with the rows of one level of all granting subscriptions.
    #[inline(never)]
    pub fn each_granted_row_at(
        &self,
        level: Level,
        at: FeatureIdx,
        feature: &'c Feature,
        in_scope: bool,
        each: &mut dyn FnMut(AppliedGrant<'c>),
    ) {
        let mut granting = self.granting();
        while let Some(subscription) = granting.next() {
            self.each_row_at(level, at, feature, subscription, in_scope, &mut |row| each(row));
        }
    }

    /// Collects the rows of all granting subscriptions into one chain, each once, with quantities summed.
    pub fn chain_rows(&self, at: FeatureIdx, feature: &'c Feature, in_scope: bool, rows: &mut Vec<AppliedGrant<'c>>) {
        // All windows of a chain follow one billing cycle, whichever subscription a row came through.
        let billing = self.chain_billing().map(|subscription| subscription.billing);
        let monthly = billing.is_some_and(|billing| billing.is_monthly());
        let no_cycle = billing.is_some_and(|billing| !billing.is_known());
        // Rows with dates may be many: they are sorted, not searched for.
        let mut in_time: Vec<AppliedGrant<'c>> = Vec::new();
        let mut granting = self.granting();
        while let Some(subscription) = granting.next() {
            self.each_row(at, feature, subscription, in_scope, &mut |row| {
                if row.starts_at.is_some() || row.expires_at.is_some() {
                    return in_time.push(AppliedGrant { monthly, no_cycle, ..row });
                }
                match rows.iter_mut().find(|held| std::ptr::eq(held.grant, row.grant)) {
                    Some(held) if row.source.level() == Level::AddOn => {
                        held.quantity = held.quantity.saturating_add(row.quantity);
                    }
                    Some(_) => {}
                    None => rows.push(AppliedGrant { monthly, no_cycle, ..row }),
                }
            });
        }
        if !in_time.is_empty() {
            rows.append(&mut in_time);
            each_once(&self.catalog.ladder, rows);
        }
    }
}
