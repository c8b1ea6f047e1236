//! Rows outside their dates, which the trace shows beside those that count.

use crate::applied_grant::AppliedGrant;
use crate::catalog::Feature;
use crate::dates::Dates;
use crate::evaluation::EvaluationContext;
use crate::grant_source::GrantSource;
use crate::idx::FeatureIdx;
use crate::ladder::{Combine, Level};
use crate::packed::{HeldAddOn, Subscription};
use crate::time::Instant;
use crate::value::Grant;

/// The dates of an add-on row.
type Held = (Option<Instant>, Option<Instant>);

impl<'c> EvaluationContext<'_, 'c> {
    /// Adds the rows on a feature that reach the customer through a subscription at other times: of each owner the one
    /// that expired last and the one that starts next.
    pub fn rows_outside(
        &self,
        at: FeatureIdx,
        feature: &'c Feature,
        subscription: &Subscription<'c>,
        rows: &mut Vec<AppliedGrant<'c>>,
    ) {
        let mut add = |row: AppliedGrant<'c>, held: Held| {
            let starts_at = row.starts_at.max(held.0);
            rows.push(AppliedGrant { starts_at, ..row.held(held.0, held.1) });
        };
        let version = self.catalog.version(subscription.version);
        let plan = version.and_then(|version| self.catalog.plan(version.plan));
        for (level, _) in self.catalog.ladder.levels() {
            let (source, owned): (GrantSource<'c>, &'c [Grant]) = match (level, plan, version) {
                (Level::Feature, ..) => (GrantSource::Feature(feature), feature.default.as_slice()),
                (Level::Plan, Some(plan), _) => (GrantSource::Plan(plan), plan.grants.rows()),
                (Level::PlanVersion, _, Some(version)) => {
                    (GrantSource::PlanVersion(version, self.catalog), version.grants.rows())
                }
                (Level::Subscription, ..) => (GrantSource::Subscription(subscription.id), subscription.rows),
                (Level::AddOn, ..) => {
                    for held in subscription.add_ons() {
                        self.add_on_outside(at, held, (None, None), &mut add);
                    }
                    for dated in subscription.dated_add_ons() {
                        self.add_on_outside(at, dated.held, (dated.starts_at, dated.expires_at), &mut add);
                    }
                    continue;
                }
                _ => continue,
            };
            for grant in self.dates.outside(owned, at).into_iter().flatten() {
                add(AppliedGrant::new(source, grant), (None, None));
            }
        }
    }

    fn add_on_outside(
        &self,
        at: FeatureIdx,
        held: HeldAddOn,
        dates: Held,
        add: &mut dyn FnMut(AppliedGrant<'c>, Held),
    ) {
        let Some(add_on) = self.catalog.add_on(held.add_on) else { return };
        let (rows, own) = (add_on.grants.rows(), Dates::new(self.now));
        // A row that is there by its own dates is outside those of the add-on row.
        let there = own.row_on(rows, at).filter(|_| !own.hold(dates.0, dates.1));
        for grant in own.outside(rows, at).into_iter().chain([there]).flatten() {
            let row = AppliedGrant::new(GrantSource::AddOn(add_on), grant);
            add(AppliedGrant { quantity: held.quantity, ..row }, dates);
        }
    }

    /// The rows of the customer on a feature that are outside their dates: the one that expired last, and the one that
    /// starts next.
    pub fn overrides_outside(&self, at: FeatureIdx) -> [Option<(AppliedGrant<'c>, Combine)>; 2] {
        let combine = self.catalog.ladder.combine(Level::Customer);
        let row = |grant| Some((self.override_of(grant), combine?));
        self.dates.outside(self.customer.rows, at).map(|grant| grant.and_then(row))
    }
}
