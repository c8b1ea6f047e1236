//! Holders: customers whose plain subscriptions are looked up by their holdings, instead of resolving their rows.
//!
//! The answers are those of the long way, which all other customers and questions take.

use crate::admission::{Admission, AllowanceResult, Asked, UsageRequest, available, measure, metering, numbers};
use crate::admit::by_priority;
use crate::amount::Amount;
use crate::catalog::{Catalog, Feature};
use crate::compose::{AnchoredAllowance, Entitlement};
use crate::decision::{Metering, Reason, WindowAnswer};
use crate::evaluation::EvaluationContext;
use crate::grant_source::Origin;
use crate::held::{AnchorsOfTwo, Held};
use crate::holding::{Outcome, OutcomeKind, SharedLimit, SharedOwner};
use crate::idx::FeatureIdx;
use crate::ladder::AcrossSubscriptions;
use crate::packed::{CustomerRecord, PlainHead};
use crate::question::Question;
use crate::shared_owner::{owner_of, source};
use crate::time::Instant;
use crate::valid_until::ValidUntil;
use crate::value::{FeatureType, Grant, Value};
use crate::windowing::Anchors;

/// A customer at an instant, whose one or two granting subscriptions are plain.
#[derive(Debug)]
pub(crate) struct Holder<'r, 'c> {
    catalog: &'c Catalog,
    record: &'r CustomerRecord<'c>,
    /// The rows of the customer.
    rows: &'c [Grant],
    now: Instant,
    first: Held<'r, 'c>,
    second: Option<Held<'r, 'c>>,
    /// The next change of whether a subscription grants access.
    pub change: Option<Instant>,
}

/// What the holding of a customer answers.
#[derive(Debug)]
pub(crate) struct Answer<'c> {
    pub reason: Reason,
    pub subscription: Option<&'c str>,
    pub origin: Option<Origin<'c>>,
    /// The numbers of the limit that decided.
    pub metering: Option<Metering<'c>>,
    pub available: Option<Amount>,
    /// The windows of all limits, if there are two.
    pub windows: Vec<WindowAnswer<'c>>,
}

impl<'c> Answer<'c> {
    fn of(reason: Reason) -> Answer<'c> {
        Answer { reason, subscription: None, origin: None, metering: None, available: None, windows: Vec::new() }
    }
}

impl<'r, 'c> Holder<'r, 'c> {
    /// None if the customer takes the long way: see [`read`](Self::read).
    pub fn of(catalog: &'c Catalog, record: &'r CustomerRecord<'c>, now: Instant) -> Option<Holder<'r, 'c>> {
        Holder::marked(catalog, record, now).or_else(|| Holder::read(catalog, record, now))
    }

    /// None if the customer is not marked, or its holding is not kept for this instant.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub fn marked(catalog: &'c Catalog, record: &'r CustomerRecord<'c>, now: Instant) -> Option<Holder<'r, 'c>> {
        let (number, mut records) = record.marked(now)?;
        let holding = catalog.holdings.numbered(number, catalog.eras.at(now))?;
        let first = Held { subscription: PlainHead::read(&mut records)?, holding, rows: &[], anchors: None };
        Some(Holder { catalog, record, rows: &[], now, first, second: None, change: None })
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
    ///
    /// None if the customer takes the long way: an archived customer, with a subscription that is not plain, no or more
    /// than two subscriptions that grant access, two that are one chain, or a holding that is not kept; and in a catalog
    /// whose statuses grant access on conditions.
    #[inline(never)]
    pub fn read(catalog: &'c Catalog, record: &'r CustomerRecord<'c>, now: Instant) -> Option<Holder<'r, 'c>> {
        let customer = record.read();
        if customer.archived_at.is_some() || !catalog.access.others.is_empty() {
            return None;
        }
        let mut records = customer.records();
        let mut changes = ValidUntil::new(now);
        let (mut first, mut second) = (None, None);
        for _ in 0..customer.n_subscriptions {
            let subscription = customer.plain(&mut records)?;
            let Some(held) = Held::of(catalog, subscription, &mut changes)? else { continue };
            if first.is_none() {
                let is_alone = customer.n_subscriptions == 1 && customer.rows.is_empty();
                if is_alone && subscription.rows.is_empty() && subscription.is_for_ever() {
                    record.mark(held.holding.number(), subscription.start);
                }
                first = Some(held);
            } else if second.is_none() && catalog.ladder.across == AcrossSubscriptions::Union {
                second = Some(held);
            } else {
                return None;
            }
        }
        Some(Holder { catalog, record, rows: customer.rows, now, first: first?, second, change: changes.earliest })
    }

    /// The answer on a feature; None if this question takes the long way.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub fn answer(
        &self,
        at: FeatureIdx,
        feature: &'c Feature,
        question: &Question<'c>,
        valid_until: &mut ValidUntil,
    ) -> Option<Answer<'c>> {
        valid_until.at(self.change);
        // Rows of the customer and of its subscriptions reach no other customer, whatever their dates.
        if has_row(self.rows, at) || has_row(self.first.rows, at) {
            return None;
        }
        if self.second.is_some() {
            // What is downloaded resolves the rows of two subscriptions for each question.
            return if cfg!(feature = "small") { None } else { self.answer_of_two(at, feature, question, valid_until) };
        }
        let outcome = self.outcome(&self.first, at, feature)?;
        valid_until.at(outcome.change);
        self.settle(&self.first, outcome, question, valid_until)
    }

    /// Whether the holding of the first subscription says all: there is no second, and no row of the customer.
    pub fn is_alone(&self) -> bool {
        self.second.is_none() && self.rows.is_empty() && self.first.rows.is_empty()
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
        held: &Held<'r, 'c>,
        outcome: &Outcome,
        question: &Question<'c>,
        valid_until: &mut ValidUntil,
    ) -> Option<Answer<'c>> {
        let (owner, reason) = match &outcome.kind {
            OutcomeKind::Absent => return Some(Answer::of(Reason::NotEntitled)),
            OutcomeKind::TypeMismatch => return Some(Answer::of(Reason::TypeMismatch)),
            OutcomeKind::Off(owner) => (owner, Reason::EntitlementDisabled),
            OutcomeKind::On(owner) => (owner, Reason::Enabled),
            OutcomeKind::Limit(limit) => return self.measured(held, limit, question, valid_until),
        };
        let origin = Some(source(*owner, self.catalog)?.into());
        Some(Answer { origin, subscription: Some(held.subscription.id()), ..Answer::of(reason) })
    }

    /// The numbers of a limit.
    #[cfg_attr(not(feature = "small"), inline(always))]
    fn measured(
        &self,
        held: &Held<'r, 'c>,
        limit: &SharedLimit,
        question: &Question<'c>,
        valid_until: &mut ValidUntil,
    ) -> Option<Answer<'c>> {
        let anchors = held.anchors(limit)?;
        let asked = self.asked(held, limit, &anchors)?;
        let request = request(question);
        let numbers = numbers(&limit.limits, &request).ok()?;
        Some(Answer {
            reason: match numbers.admission {
                Admission::Unknown => Reason::UsageUnavailable,
                Admission::Admitted | Admission::Refused => numbers.reason,
            },
            subscription: asked.subscription,
            origin: Some(asked.origin),
            available: numbers.available,
            metering: Some(metering(&asked, &limit.limits, &request, &numbers, valid_until)),
            windows: Vec::new(),
        })
    }

    #[cfg_attr(not(feature = "small"), inline(always))]
    fn asked<'a>(&self, held: &Held<'r, 'c>, limit: &SharedLimit, anchors: &'a Anchors) -> Option<Asked<'a, 'c>> {
        let origin = source(limit.owner, self.catalog)?.into();
        let subscription = Some(held.subscription.id());
        Some(Asked { catalog: self.catalog, now: self.now, anchors, origin, subscription, starts_at: None })
    }

    /// Two subscriptions: the stronger switch counts, and limits stand side by side.
    #[inline(never)]
    fn answer_of_two(
        &self,
        at: FeatureIdx,
        feature: &'c Feature,
        question: &Question<'c>,
        valid_until: &mut ValidUntil,
    ) -> Option<Answer<'c>> {
        let second = self.second.as_ref().filter(|second| !has_row(second.rows, at))?;
        let (one, other) = (self.outcome(&self.first, at, feature)?, self.outcome(second, at, feature)?);
        valid_until.at(one.change);
        valid_until.at(other.change);
        if let (OutcomeKind::Limit(a), OutcomeKind::Limit(b)) = (&one.kind, &other.kind) {
            let mut measured = |held: &Held<'r, 'c>, limit| {
                let anchors = held.anchors(limit)?;
                measure(&self.asked(held, limit, &anchors)?, limit.limits, request(question), valid_until).ok()
            };
            let results = [measured(&self.first, a)?, measured(second, b)?];
            let available = available(&results);
            let [a, b] = &results;
            let (first, other) = if by_priority(a, b).is_le() { (a, b) } else { (b, a) };
            let answer = &first.answer;
            return Some(Answer {
                reason: reason_of(first),
                subscription: answer.subscription_id,
                origin: Some(answer.origin),
                metering: Some(answer.metering),
                available,
                windows: vec![*answer, other.answer],
            });
        }
        let (a, b) = (self.rank(one), self.rank(other));
        // Of equals, the row of the lower origin is named; then the lower subscription, which is the first.
        if a.0 > b.0 || (a.0 == b.0 && a.1 <= b.1) {
            self.settle(&self.first, one, question, valid_until)
        } else {
            self.settle(second, other, question, valid_until)
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
        let customer = self.record.read();
        let subscriptions = customer.subscriptions().only(subscription);
        let context = EvaluationContext::new(self.catalog, &customer, &subscriptions, self.now);
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
    let customer = record.read();
    if !customer.rows.is_empty() || customer.archived_at.is_some() {
        return false;
    }
    if !catalog.access.others.is_empty() || catalog.fallback.is_some() {
        return false;
    }
    let mut records = customer.records();
    (0..customer.n_subscriptions).all(|_| {
        let subscription = customer.plain(&mut records);
        subscription.is_some_and(|subscription| matches!(Held::of(catalog, subscription, changes), Some(None)))
    })
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

/// Whether a row of these is on a feature.
#[cfg_attr(not(feature = "small"), inline(always))]
fn has_row(rows: &[Grant], at: FeatureIdx) -> bool {
    !rows.is_empty() && rows.binary_search_by_key(&at, |row| row.feature).is_ok()
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
