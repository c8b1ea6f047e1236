//! What would allow a denied use: add-ons, larger quantities and plans, each tried by deciding with the changed
//! holding. The rules are in section 9 of docs/semantics.md.

use crate::allowance::Terms;
use crate::answer::entitled;
use crate::catalog::{AddOn, Catalog, Feature, Plan, PlanVersion};
use crate::compose::Entitlement;
use crate::decision::{Decision, Reason, Suggestion, Suggestions, Verdict};
use crate::definitions::SoldWith;
use crate::evaluation::{EvaluationContext, Tried};
use crate::fallback::monthly_from;
use crate::features;
use crate::freshness::freshness;
use crate::idx::{AddOnIdx, FeatureIdx, PlanIdx, VersionIdx};
use crate::ladder::{Combine, Level};
use crate::packed::{HeldAddOn, Subscription};
use crate::question::Question;
use crate::sort::sort_by;
use crate::status_at::grants_access;
use crate::valid_until::ValidUntil;

/// The largest number of suggestions of an answer.
const MAX_SUGGESTIONS: usize = 20;
/// The largest number by which a quantity is raised.
const MAX_MORE: u32 = 10;
/// The largest number of changes that are tried for an answer.
const MAX_TRIES: usize = 2_000;

/// Whether a change of the holding may turn a denial for this reason.
pub(crate) fn may_turn(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::NotEntitled
            | Reason::EntitlementDisabled
            | Reason::LimitReached
            | Reason::RequestedExceedsRemaining
            | Reason::InsufficientCredits
            | Reason::ExceedsValue
            | Reason::NoActiveSubscription
            | Reason::SubscriptionPending
            | Reason::SubscriptionPaused
            | Reason::SubscriptionSuspended
            | Reason::SubscriptionEnded
            | Reason::TrialExpired
    )
}

/// A search for suggestions.
struct Search<'s, 'c> {
    context: &'s EvaluationContext<'s, 'c>,
    /// The subscription that is changed.
    target: Option<Subscription<'c>>,
    valid_until: &'s mut ValidUntil,
    at: FeatureIdx,
    feature: &'c Feature,
    question: &'s Question<'c>,
    tries: usize,
    found: Suggestions<'c>,
}

/// The suggestions for a denied question.
#[cold]
#[inline(never)]
pub(crate) fn suggest<'c>(
    context: &EvaluationContext<'_, 'c>,
    at: FeatureIdx,
    feature: &'c Feature,
    question: &Question<'c>,
    valid_until: &mut ValidUntil,
) -> Suggestions<'c> {
    let is_named = question.subscription_id.is_some();
    let target = if is_named { context.subscriptions.first } else { started_last(context) };
    let found = Suggestions::default();
    let mut search = Search { context, target, valid_until, at, feature, question, tries: 0, found };
    if let Some(target) = target {
        let features = features(context, at, feature);
        search.add_ons(&target, &features);
    }
    search.plans(is_named);
    search.found
}

/// The granting subscription that started last, of equals the greater id.
fn started_last<'c>(context: &EvaluationContext<'_, 'c>) -> Option<Subscription<'c>> {
    let mut last: Option<Subscription<'c>> = None;
    let mut granting = context.granting();
    while let Some(subscription) = granting.next() {
        let is_later = last.is_none_or(|last| (last.start, last.id) <= (subscription.start, subscription.id));
        if is_later && subscription.named().is_some() {
            last = Some(*subscription);
        }
    }
    last
}

/// The feature, and the pools from which it is paid.
fn features<'c>(
    context: &EvaluationContext<'_, 'c>,
    at: FeatureIdx,
    feature: &'c Feature,
) -> Vec<(FeatureIdx, &'c Feature)> {
    let mut features = vec![(at, feature)];
    if let Ok(Entitlement::Allowances(allowances)) = context.entitlement(at, feature) {
        for anchored in &allowances {
            if let Terms::Credits(credits) = anchored.allowance.terms
                && !features.iter().any(|(known, _)| *known == credits.pool)
            {
                features.extend(context.catalog.feature(credits.pool).map(|pool| (credits.pool, pool)));
            }
        }
    }
    features
}

impl<'c> Search<'_, 'c> {
    /// Tries the add-ons that can matter: those that are not held, then more of those that are.
    fn add_ons(&mut self, target: &Subscription<'c>, features: &[(FeatureIdx, &'c Feature)]) {
        let catalog = self.context.catalog;
        let held: Vec<HeldAddOn> = self.context.held_add_ons(target);
        let Some(plan) = catalog.plan_of(target.version) else { return };
        for raises in [false, true] {
            for (add_on, at) in catalog.add_ons().iter().zip(0..) {
                if self.is_full() {
                    return;
                }
                let add_on_at = AddOnIdx(at);
                let matters = features.iter().any(|(at, feature)| {
                    add_on.grants.on(*at, &self.context.dates).is_some()
                        || (add_on.product.is_some() && add_on.product == feature.product)
                });
                if !matters || !is_sold(catalog, add_on, plan) {
                    continue;
                }
                self.valid_until.at(add_on.archived_at);
                if add_on.archived_at.is_some_and(|archived| archived <= self.context.now) {
                    continue;
                }
                let mut quantity = 0_u32;
                for row in held.iter().filter(|row| row.add_on == add_on_at) {
                    quantity = quantity.saturating_add(row.quantity);
                }
                if raises == (quantity == 0) {
                    continue;
                }
                let room = add_on.max_instances.map_or(u32::MAX, |max| max.saturating_sub(quantity));
                if raises {
                    self.raise(target, add_on, add_on_at, room.min(MAX_MORE));
                } else if 0 < room
                    && let Some(reason) = self.with_add_on(target, add_on_at, 1, true)
                {
                    self.add("ADD_ON", (&add_on.id, &add_on.name), None, None, reason);
                }
            }
        }
    }

    /// Looks for the least number of more units that is enough. More never gives less, so the most is tried first.
    fn raise(&mut self, target: &Subscription<'c>, add_on: &'c AddOn, at: AddOnIdx, most: u32) {
        // More units have used nothing where they stand beside the rows with dates that are held, and join no row.
        let joins = target.add_ons().any(|held| held.add_on == at)
            || self.context.catalog.ladder.combine(Level::AddOn) != Some(Combine::Stack);
        if most == 0 || self.with_add_on(target, at, most, !joins).is_none() {
            return;
        }
        for more in 1..=most {
            if let Some(reason) = self.with_add_on(target, at, more, !joins) {
                return self.add("QUANTITY", (&add_on.id, &add_on.name), Some(more), None, reason);
            }
        }
    }

    fn with_add_on(
        &mut self,
        target: &Subscription<'c>,
        add_on: AddOnIdx,
        quantity: u32,
        is_unused: bool,
    ) -> Option<Reason> {
        let changed = target.with_add_on(HeldAddOn { add_on, quantity });
        self.with(&changed, Some(add_on).filter(|_| is_unused))
    }

    /// Tries the latest version of each plan, in the order of the document.
    fn plans(&mut self, is_named: bool) {
        let catalog = self.context.catalog;
        let mut latest: Vec<(&'c Plan, &'c PlanVersion, VersionIdx)> = Vec::new();
        for (version, at) in catalog.versions().iter().zip(0..) {
            let Some(plan) = catalog.plan(version.plan) else { continue };
            let found = (plan, version, VersionIdx(at));
            // Versions are in the order of their plans, and of their ids.
            match latest.last_mut() {
                Some(last) if last.1.plan != version.plan => latest.push(found),
                Some(last) if last.1.version <= version.version => *last = found,
                Some(_) => {}
                None => latest.push(found),
            }
        }
        catalog.plans().iter().for_each(|plan| self.valid_until.at(plan.archived_at));
        sort_by(&mut latest, |a, b| a.0.position.cmp(&b.0.position));
        for (plan, version, at) in latest {
            if plan.archived_at.is_some_and(|archived| archived <= self.context.now) {
                continue;
            }
            if self.is_full() {
                return;
            }
            let reason = match self.target {
                Some(mut changed) => {
                    changed.version = at;
                    self.with(&changed, None)
                }
                // The new subscription is not the one that the question names.
                None if is_named => None,
                None => self.with_new(at),
            };
            if let Some(reason) = reason {
                self.add("PLAN", (&plan.id, &plan.name), None, Some(&version.id), reason);
            }
        }
    }

    /// Decides with one subscription changed. `unused` is an add-on that has used nothing.
    fn with(&mut self, changed: &Subscription<'c>, unused: Option<AddOnIdx>) -> Option<Reason> {
        let EvaluationContext { catalog, customer, subscriptions, now, .. } = *self.context;
        let is_first = subscriptions.first.is_some_and(|first| first.id == changed.id);
        let replaced = if is_first { subscriptions.with_first(*changed) } else { *subscriptions };
        let mut context = EvaluationContext::new(catalog, customer, &replaced, now);
        let tried = Tried {
            replaced: Some(*changed).filter(|_| !is_first),
            unused,
            // Only usage by allowance names plans.
            in_place: self.target.filter(|before| features::USAGE && before.version != changed.version),
        };
        context.tried = Some(&tried);
        self.decide(context)
    }

    /// Decides with a new subscription from now.
    fn with_new(&mut self, version: VersionIdx) -> Option<Reason> {
        let EvaluationContext { catalog, customer, subscriptions, now, .. } = *self.context;
        let new = subscriptions.stand_in(version, now, monthly_from(now, now)?);
        if !grants_access(catalog, &new, now) {
            return None;
        }
        let mut context = EvaluationContext::new(catalog, customer, subscriptions, now);
        context.fallback = Some(&new);
        self.decide(context)
    }

    /// The reason of the answer to the question with a changed holding, if it is ALLOW.
    fn decide(&mut self, mut changed: EvaluationContext<'_, 'c>) -> Option<Reason> {
        self.tries = self.tries.saturating_add(1);
        changed.keeps_rows = changed.tried.is_some_and(|tried| tried.unused.is_some()) || self.context.keeps_rows;
        let mut decision = Decision::undecided(freshness(&changed.catalog.snapshot, changed.now));
        let reason = entitled(&mut decision, &changed, self.at, self.feature, self.question, self.valid_until).ok();
        self.valid_until.at(changed.dates.change());
        reason.filter(|reason| reason.verdict() == Verdict::Allow)
    }

    /// Whether no more suggestions are looked for.
    fn is_full(&mut self) -> bool {
        self.found.truncated |= MAX_TRIES <= self.tries;
        self.found.truncated
    }

    fn add(
        &mut self,
        kind: &'static str,
        (id, name): (&'c str, &'c str),
        quantity: Option<u32>,
        version_id: Option<&'c str>,
        reason: Reason,
    ) {
        if self.found.list.len() == MAX_SUGGESTIONS {
            self.found.truncated = true;
        } else {
            self.found.list.push(Suggestion { kind, id, name, quantity, version_id, reason });
        }
    }
}

/// Whether customers with a plan may buy an add-on themselves.
fn is_sold(catalog: &Catalog, add_on: &AddOn, plan: PlanIdx) -> bool {
    let with_plan = match &add_on.sold_with {
        SoldWith::All => true,
        SoldWith::Plans(plans) => plans.contains(&plan),
        SoldWith::ItsProduct => {
            let (mut has_products, mut has_its) = (false, false);
            for version in catalog.versions().iter().filter(|version| version.plan == plan) {
                has_products |= !version.products.is_empty();
                has_its |= add_on.product.is_some_and(|product| version.products.contains(&product));
            }
            has_its || !has_products
        }
    };
    add_on.self_serviceable && with_plan
}
