//! Holders: customers whose plain subscriptions are looked up by their holdings, instead of resolving their rows.
//!
//! The answers are those of the long way, which all other customers and questions take.

use crate::admission::{Admission, AllowanceResult, Asked, UsageRequest, available, measure, metering, numbers};
use crate::admit::by_priority;
use crate::allowance::Overflow;
use crate::amount::Amount;
use crate::answer::describe;
use crate::catalog::{Catalog, Feature};
use crate::compose::{AnchoredAllowance, Entitlement};
use crate::decision::{Decision, Reason, ValueType};
use crate::evaluation::EvaluationContext;
use crate::holding::{Holding, Key, Outcome, OutcomeKind, SharedLimit, SharedOwner};
use crate::idx::FeatureIdx;
use crate::ladder::AcrossSubscriptions;
use crate::packed::{CustomerRecord, PlainHead, PlainSubscription};
use crate::question::Question;
use crate::reset::ResetPeriod;
use crate::shared_owner::{owner_of, source};
use crate::sort::sort_by;
use crate::status::Status;
use crate::time::Instant;
use crate::valid_until::ValidUntil;
use crate::value::{FeatureType, Value};
use crate::windowing::Anchors;
use std::cell::OnceCell;

/// A customer at an instant, whose one or two granting subscriptions are plain.
#[derive(Debug)]
pub(crate) struct Holder<'r, 'c> {
    catalog: &'c Catalog,
    record: &'r CustomerRecord<'c>,
    now: Instant,
    first: Held<'r, 'c>,
    second: Option<Held<'r, 'c>>,
    /// The next change of whether a subscription grants access.
    pub change: Option<Instant>,
}

/// Keeps the activation and the billing data of two subscriptions for the limits of several questions.
#[derive(Debug, Default)]
pub(crate) struct AnchorsOfTwo(OnceCell<Option<Anchors>>, OnceCell<Option<Anchors>>);

/// A granting subscription and its holding.
#[derive(Debug)]
struct Held<'r, 'c> {
    subscription: PlainHead<'c>,
    holding: &'c Holding,
    /// None where there is one question, which reads them for itself.
    anchors: Option<&'r OnceCell<Option<Anchors>>>,
}

impl<'c> Held<'_, 'c> {
    /// None within if the subscription does not grant access; None if its holding is not kept. Notes when it may change
    /// whether the subscription grants access.
    #[cfg_attr(not(feature = "small"), inline(always))]
    fn of(
        catalog: &'c Catalog,
        subscription: PlainSubscription<'c>,
        changes: &mut ValidUntil,
    ) -> Option<Option<Held<'static, 'c>>> {
        let now = changes.now;
        let PlainSubscription { head, status, start, end, trial_end, .. } = subscription;
        if end.is_none_or(|end| now < end && start < end) {
            changes.at(Some(start));
            changes.at(end);
            if status == Status::TrialActive {
                changes.at(trial_end);
            }
        }
        let status = status.at(trial_end, head.is_activated(), now);
        let runs = start <= now && end.is_none_or(|end| now < end);
        if !runs || !catalog.access.always.contains(status) {
            return Some(None);
        }
        let key = key(catalog, &subscription, status, now)?;
        let holding = catalog.holdings.find(&key, catalog.features.len())?;
        Some(Some(Held { subscription: head, holding, anchors: None }))
    }
}

impl<'r, 'c> Holder<'r, 'c> {
    /// None if the customer takes the long way: with a subscription that is not plain, no or more than two subscriptions
    /// that grant access, two that are one chain, or a holding that is not kept; and in a catalog whose statuses grant
    /// access on conditions.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub fn of(catalog: &'c Catalog, record: &'r CustomerRecord<'c>, now: Instant) -> Option<Holder<'r, 'c>> {
        if !catalog.access.others.is_empty() {
            return None;
        }
        if let Some(number) = record.marked(now)
            && let Some(holding) = catalog.holdings.numbered(number, catalog.eras.at(now))
        {
            let subscription = PlainHead::read(&mut record.records())?;
            let first = Held { subscription, holding, anchors: None };
            return Some(Holder { catalog, record, now, first, second: None, change: None });
        }
        Holder::read(catalog, record, now)
    }

    /// Keeps what several questions need of the subscriptions.
    pub fn with_anchors(mut self, anchors: &'r AnchorsOfTwo) -> Holder<'r, 'c> {
        self.first.anchors = Some(&anchors.0);
        if let Some(second) = &mut self.second {
            second.anchors = Some(&anchors.1);
        }
        self
    }

    /// Reads the subscriptions, and marks the customer if its holding will stay.
    #[inline(never)]
    fn read(catalog: &'c Catalog, record: &'r CustomerRecord<'c>, now: Instant) -> Option<Holder<'r, 'c>> {
        let mut records = record.records();
        let mut changes = ValidUntil::new(now);
        let (mut first, mut second) = (None, None);
        for _ in 0..record.n_subscriptions() {
            let subscription = record.plain(&mut records)?;
            let Some(held) = Held::of(catalog, subscription, &mut changes)? else { continue };
            if first.is_none() {
                if record.n_subscriptions() == 1 && subscription.is_for_ever() {
                    record.mark(held.holding.number(), subscription.start);
                }
                first = Some(held);
            } else if second.is_none() && catalog.ladder.across == AcrossSubscriptions::Union {
                second = Some(held);
            } else {
                return None;
            }
        }
        Some(Holder { catalog, record, now, first: first?, second, change: changes.earliest })
    }

    /// Fills in a decision. Returns its reason, or None if this question takes the long way.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub fn answer(
        &self,
        decision: &mut Decision<'c>,
        at: FeatureIdx,
        feature: &'c Feature,
        question: &Question<'c>,
        valid_until: &mut ValidUntil,
    ) -> Result<Option<Reason>, Overflow> {
        if self.is_overridden(at) {
            return Ok(None);
        }
        if self.second.is_some() {
            // What is downloaded resolves the rows of two subscriptions for each question.
            if cfg!(feature = "small") {
                return Ok(None);
            }
            return self.answer_of_two(decision, at, feature, question, valid_until);
        }
        let Some(outcome) = self.outcome(&self.first, at, feature) else { return Ok(None) };
        valid_until.at(outcome.change);
        self.settle(decision, &self.first, outcome, question, valid_until)
    }

    /// Whether the customer has a row of its own on a feature, whatever its dates.
    #[cfg_attr(not(feature = "small"), inline(always))]
    fn is_overridden(&self, at: FeatureIdx) -> bool {
        let rows = self.record.customer.rows;
        !rows.is_empty() && rows.binary_search_by_key(&at, |row| row.feature).is_ok()
    }

    /// Whether the holding of the first subscription says all: there is no second, and no row of the customer.
    pub fn is_alone(&self) -> bool {
        self.second.is_none() && self.record.customer.rows.is_empty()
    }

    /// The number of the holding of the first subscription.
    pub fn number(&self) -> u32 {
        self.first.holding.number()
    }

    /// What the rows on a feature come to for the first subscription.
    pub fn only_outcome(&self, at: FeatureIdx, feature: &'c Feature) -> Option<&'c Outcome> {
        self.outcome(&self.first, at, feature)
    }

    #[cfg_attr(not(feature = "small"), inline(always))]
    fn settle(
        &self,
        decision: &mut Decision<'c>,
        held: &Held<'r, 'c>,
        outcome: &Outcome,
        question: &Question<'c>,
        valid_until: &mut ValidUntil,
    ) -> Result<Option<Reason>, Overflow> {
        let (owner, reason) = match &outcome.kind {
            OutcomeKind::Absent => return Ok(Some(Reason::NotEntitled)),
            OutcomeKind::TypeMismatch => return Ok(Some(Reason::TypeMismatch)),
            OutcomeKind::Off(owner) => (owner, Reason::EntitlementDisabled),
            OutcomeKind::On(owner) => (owner, Reason::Enabled),
            OutcomeKind::Limit(limit) => {
                return self.describe(decision, held, limit, question, valid_until);
            }
        };
        let Some(source) = source(*owner, self.catalog) else { return Ok(None) };
        decision.origin = Some(source.into());
        decision.subscription_id = Some(held.subscription.id());
        decision.enabled = reason == Reason::Enabled;
        Ok(Some(reason))
    }

    /// Fills in the numbers of the only limit.
    #[cfg_attr(not(feature = "small"), inline(always))]
    fn describe(
        &self,
        decision: &mut Decision<'c>,
        held: &Held<'r, 'c>,
        limit: &SharedLimit,
        question: &Question<'c>,
        valid_until: &mut ValidUntil,
    ) -> Result<Option<Reason>, Overflow> {
        if cfg!(feature = "small") {
            let Some(result) = self.measured(held, limit, question, valid_until)? else { return Ok(None) };
            let reason = reason_of(&result);
            decision.available = result.available;
            describe(decision, vec![result]);
            decision.enabled = true;
            return Ok(Some(reason));
        }
        let Some(anchors) = anchors(held, limit) else { return Ok(None) };
        let Some(asked) = self.asked(held, limit, &anchors) else { return Ok(None) };
        let request = request(question);
        let numbers = numbers(&limit.limits, &request)?;
        decision.enabled = true;
        decision.value_type = Some(ValueType::Metered);
        decision.subscription_id = asked.subscription;
        decision.origin = Some(asked.origin);
        decision.available = numbers.available;
        decision.metering = Some(metering(&asked, &limit.limits, &request, &numbers, valid_until));
        Ok(Some(match numbers.admission {
            Admission::Unknown => Reason::UsageUnavailable,
            Admission::Admitted | Admission::Refused => numbers.reason,
        }))
    }

    #[cfg_attr(not(feature = "small"), inline(always))]
    fn asked<'a>(&self, held: &Held<'r, 'c>, limit: &SharedLimit, anchors: &'a Anchors) -> Option<Asked<'a, 'c>> {
        let origin = source(limit.owner, self.catalog)?.into();
        let subscription = Some(held.subscription.id());
        Some(Asked { catalog: self.catalog, now: self.now, anchors, origin, subscription, starts_at: None })
    }

    fn measured(
        &self,
        held: &Held<'r, 'c>,
        limit: &SharedLimit,
        question: &Question<'c>,
        valid_until: &mut ValidUntil,
    ) -> Result<Option<AllowanceResult<'c>>, Overflow> {
        let Some(anchors) = anchors(held, limit) else { return Ok(None) };
        let Some(asked) = self.asked(held, limit, &anchors) else { return Ok(None) };
        measure(&asked, limit.limits, request(question), valid_until).map(Some)
    }

    /// Two subscriptions: the stronger switch counts, and limits stand side by side.
    #[inline(never)]
    fn answer_of_two(
        &self,
        decision: &mut Decision<'c>,
        at: FeatureIdx,
        feature: &'c Feature,
        question: &Question<'c>,
        valid_until: &mut ValidUntil,
    ) -> Result<Option<Reason>, Overflow> {
        let Some(second) = &self.second else { return Ok(None) };
        let (Some(one), Some(other)) = (self.outcome(&self.first, at, feature), self.outcome(second, at, feature))
        else {
            return Ok(None);
        };
        valid_until.at(one.change);
        valid_until.at(other.change);
        if let (OutcomeKind::Limit(a), OutcomeKind::Limit(b)) = (&one.kind, &other.kind) {
            let mut results = Vec::with_capacity(2);
            for (held, limit) in [(&self.first, a), (second, b)] {
                let Some(result) = self.measured(held, limit, question, valid_until)? else { return Ok(None) };
                results.push(result);
            }
            sort_by(&mut results, by_priority);
            decision.enabled = true;
            decision.available = available(&results);
            let reason = results.first().map(reason_of);
            describe(decision, results);
            return Ok(reason);
        }
        let (a, b) = (self.rank(one), self.rank(other));
        // Of equals, the row of the lower origin is named; then the lower subscription, which is the first.
        if a.0 > b.0 || (a.0 == b.0 && a.1 <= b.1) {
            self.settle(decision, &self.first, one, question, valid_until)
        } else {
            self.settle(decision, second, other, question, valid_until)
        }
    }

    /// How strong an outcome is, and the id of its owner.
    fn rank(&self, outcome: &Outcome) -> (u8, &'c str) {
        let id = |owner: &SharedOwner| source(*owner, self.catalog).map_or("", |source| source.id());
        match &outcome.kind {
            OutcomeKind::Absent => (0, ""),
            OutcomeKind::TypeMismatch => (1, ""),
            OutcomeKind::Off(owner) => (2, id(owner)),
            OutcomeKind::On(owner) => (3, id(owner)),
            OutcomeKind::Limit(_) => (4, ""),
        }
    }

    #[cfg_attr(not(feature = "small"), inline(always))]
    fn outcome(&self, held: &Held<'r, 'c>, at: FeatureIdx, feature: &'c Feature) -> Option<&'c Outcome> {
        held.holding.outcome(at, || self.resolved(held.subscription.id(), at, feature))
    }

    /// Resolves the rows on a feature that reach the customer through one subscription.
    #[cold]
    #[inline(never)]
    fn resolved(&self, subscription: &str, at: FeatureIdx, feature: &'c Feature) -> Option<Outcome> {
        let subscriptions = self.record.subscriptions().only(subscription);
        let context = EvaluationContext::new(self.catalog, &self.record.customer, &subscriptions, self.now);
        let kind = outcome(&context, at, feature)?;
        let mut changes = ValidUntil::new(self.now);
        context.track_add_ons(at, &mut changes);
        changes.at(context.dates.change());
        Some(Outcome { kind, change: changes.earliest })
    }
}

/// Whether only a granting subscription could give the customer anything, and none grants access. Notes when that
/// changes.
pub(crate) fn holds_nothing<'c>(catalog: &'c Catalog, record: &CustomerRecord<'c>, changes: &mut ValidUntil) -> bool {
    if !record.customer.rows.is_empty() || !catalog.access.others.is_empty() || catalog.fallback.is_some() {
        return false;
    }
    let mut records = record.records();
    (0..record.n_subscriptions()).all(|_| {
        let subscription = record.plain(&mut records);
        subscription.is_some_and(|subscription| matches!(Held::of(catalog, subscription, changes), Some(None)))
    })
}

/// The holding of a subscription. Its rows come to the same for all with an equal key.
#[cfg_attr(not(feature = "small"), inline(always))]
fn key(catalog: &Catalog, subscription: &PlainSubscription<'_>, status: Status, now: Instant) -> Option<Key> {
    let mut key = Key::of(catalog.eras.at(now));
    key.push(subscription.version.0);
    let mut n_add_ons = 0_u32;
    subscription.each_add_on(|add_on, quantity| {
        key.push(add_on.0);
        key.push(quantity);
        n_add_ons = n_add_ons.wrapping_add(1);
    })?;
    subscription.each_product(|product| key.push(product.0))?;
    // The number of add-ons tells them from products.
    let terms = u32::from(subscription.head.is_monthly()) | (u32::from(status == Status::TrialActive) << 1);
    key.push(terms | (n_add_ons << 2));
    Some(key)
}

/// What rows come to, if the holding alone says so.
fn outcome<'c>(context: &EvaluationContext<'_, 'c>, at: FeatureIdx, feature: &'c Feature) -> Option<OutcomeKind> {
    let owner = |source| owner_of(source, context.catalog);
    // CONFIG values are resolved in another way. A start of a row may be that of a window, like the activation, which
    // the holding does not have.
    if matches!(feature.feature_type, FeatureType::Config(_))
        || (feature.feature_type.is_metered() && context.catalog.eras.has_start(at))
    {
        return None;
    }
    Some(match context.entitlement(at, feature).ok()? {
        Entitlement::None => OutcomeKind::Absent,
        Entitlement::TypeMismatch => OutcomeKind::TypeMismatch,
        Entitlement::Off(row, _) if matches!(row.grant.value, Value::Credits(_)) => return None,
        Entitlement::Off(row, _) => OutcomeKind::Off(owner(row.source)?),
        Entitlement::On(row, _) => OutcomeKind::On(owner(row.source)?),
        Entitlement::Allowances(allowances) => {
            let [AnchoredAllowance { allowance, .. }] = &*allowances else { return None };
            let limits = *allowance.metered()?;
            if allowance.more.is_some() || allowance.row.starts_at.is_some() {
                return None;
            }
            let limit = SharedLimit { owner: owner(allowance.row.source)?, limits };
            OutcomeKind::Limit(context.catalog.holdings.shared(limit))
        }
    })
}

fn request(question: &Question<'_>) -> UsageRequest {
    UsageRequest {
        requested: question.requested.unwrap_or(Amount::ONE),
        consumed: question.consumed,
        reserved: question.reserved,
    }
}

fn reason_of(result: &AllowanceResult<'_>) -> Reason {
    match result.admission {
        Admission::Unknown => Reason::UsageUnavailable,
        Admission::Admitted | Admission::Refused => result.answer.reason,
    }
}

/// The anchors of the windows of a limit; only those that its windows have.
#[cfg_attr(not(feature = "small"), inline(always))]
fn anchors(held: &Held<'_, '_>, limit: &SharedLimit) -> Option<Anchors> {
    if let ResetPeriod::Calendar(_) | ResetPeriod::SlidingWindow(_) = limit.limits.reset_period {
        return Some(Anchors { activation: held.subscription.start()?, billing: None });
    }
    let read = || {
        let (activation, billing) = held.subscription.anchors()?;
        Some(Anchors { activation, billing: Some(billing) })
    };
    match held.anchors {
        Some(kept) => *kept.get_or_init(read),
        None => read(),
    }
}
