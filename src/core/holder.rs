//! Holders: customers whose plain subscriptions are looked up by their holdings, instead of resolving their rows.
//!
//! The answers are those of the long way, which all other customers and questions take.

use crate::admission::{Asked, Measured};
use crate::admit::by_priority;
use crate::amount::Amount;
use crate::catalog::{Catalog, Feature};
use crate::compose::{AnchoredAllowance, Entitlement};
use crate::decision::{Decision, Reason};
use crate::evaluation::EvaluationContext;
use crate::held::{Held, KeptAnchors};
use crate::holding::{KeptLimit, Outcome, OutcomeKind, SharedLimit, SharedOwner};
use crate::idx::FeatureIdx;
use crate::ladder::AcrossSubscriptions;
use crate::numbers::{Amounts, UsageRequest, numbers};
use crate::packed::{CustomerRecord, PlainHead};
use crate::question::Question;
use crate::shared_owner::{owner_of, source};
use crate::time::Instant;
use crate::valid_until::ValidUntil;
use crate::value::{FeatureType, Grant, Value};
use std::cell::OnceCell;

/// A customer at an instant, whose one or two granting subscriptions are plain.
#[derive(Debug)]
pub(crate) struct Holder<'r, 'c> {
    pub catalog: &'c Catalog,
    record: &'r CustomerRecord<'c>,
    /// The rows of the customer.
    rows: &'c [Grant],
    /// Whether the customer or the first subscription has rows.
    has_rows: bool,
    now: Instant,
    first: Held<'c>,
    second: Option<Held<'c>>,
    /// The next change of whether a subscription grants access.
    pub change: Option<Instant>,
    /// The amounts of the first question about a limit. A holder is for one question, or for the same on several features.
    amounts: OnceCell<Amounts>,
}

impl<'r, 'c> Holder<'r, 'c> {
    /// None if the customer takes the long way: see [`read`](Self::read).
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub fn of(catalog: &'c Catalog, record: &'r CustomerRecord<'c>, now: Instant) -> Option<Holder<'r, 'c>> {
        Holder::marked(catalog, record, now).or_else(|| Holder::read(catalog, record, now))
    }

    /// None if the customer is not marked, or its holding is not kept for this instant.
    #[cfg_attr(not(feature = "small"), inline(always))]
    fn marked(catalog: &'c Catalog, record: &'r CustomerRecord<'c>, now: Instant) -> Option<Holder<'r, 'c>> {
        let (number, mut records) = record.marked(now)?;
        let holding = catalog.holdings.numbered(number, catalog.eras.at(now))?;
        let first =
            Held { subscription: PlainHead::read(&mut records)?, holding, rows: &[], anchors: KeptAnchors::new() };
        Some(Holder {
            catalog,
            record,
            rows: &[],
            has_rows: false,
            now,
            first,
            second: None,
            change: None,
            amounts: OnceCell::new(),
        })
    }

    /// Reads the subscriptions, and marks the customer if its holding will stay.
    ///
    /// None if the customer takes the long way: an archived customer, with a subscription that is not plain, no or more
    /// than two subscriptions that grant access, two that are one chain, or a holding that is not kept; and in a catalog
    /// whose statuses grant access on conditions.
    #[inline(never)]
    fn read(catalog: &'c Catalog, record: &'r CustomerRecord<'c>, now: Instant) -> Option<Holder<'r, 'c>> {
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
        let (first, rows, change) = (first?, customer.rows, changes.earliest);
        let has_rows = !rows.is_empty() || !first.rows.is_empty();
        Some(Holder { catalog, record, rows, has_rows, now, first, second, change, amounts: OnceCell::new() })
    }

    /// Fills in the answer on a feature, in a decision that has none. Returns its reason; None if this question takes the
    /// long way.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub fn answer(
        &self,
        decision: &mut Decision<'c>,
        at: FeatureIdx,
        feature: &'c Feature,
        question: &Question<'c>,
        valid_until: &mut ValidUntil,
    ) -> Option<Reason> {
        valid_until.at(self.change);
        // Rows of the customer and of its subscriptions reach no other customer, whatever their dates.
        if self.has_rows && (has_row(self.rows, at) || has_row(self.first.rows, at)) {
            return None;
        }
        if self.second.is_some() {
            // What is downloaded resolves the rows of two subscriptions for each question.
            return if cfg!(feature = "small") {
                None
            } else {
                self.answer_of_two(decision, at, feature, question, valid_until)
            };
        }
        let outcome = self.outcome(&self.first, at, feature)?;
        valid_until.at(outcome.change);
        self.fill(decision, &self.first, outcome, question, valid_until)
    }

    /// Whether the holding of the first subscription says all: there is no second, and no row of the customer.
    pub fn is_alone(&self) -> bool {
        self.second.is_none() && !self.has_rows
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
    fn fill(
        &self,
        decision: &mut Decision<'c>,
        held: &Held<'c>,
        outcome: &Outcome,
        question: &Question<'c>,
        valid_until: &mut ValidUntil,
    ) -> Option<Reason> {
        let (owner, reason) = match &outcome.kind {
            OutcomeKind::Absent => return Some(Reason::NotEntitled),
            OutcomeKind::TypeMismatch => return Some(Reason::TypeMismatch),
            OutcomeKind::Off(owner) => (owner, Reason::EntitlementDisabled),
            OutcomeKind::On(owner) => (owner, Reason::Enabled),
            OutcomeKind::Limit(limit) => return self.fill_limit(decision, held, limit, question, valid_until),
        };
        decision.origin = Some(source(*owner, self.catalog)?.into());
        decision.subscription_id = Some(held.subscription.id);
        decision.enabled = reason == Reason::Enabled;
        Some(reason)
    }

    /// Fills in the numbers of a limit.
    #[inline(never)]
    fn fill_limit(
        &self,
        decision: &mut Decision<'c>,
        held: &Held<'c>,
        kept: &KeptLimit,
        question: &Question<'c>,
        valid_until: &mut ValidUntil,
    ) -> Option<Reason> {
        let asked = self.asked(held, kept)?;
        let measured = self.measured(&asked, kept, question)?;
        decision.subscription_id = asked.subscription;
        decision.origin = Some(asked.origin);
        decision.available = measured.numbers.available;
        decision.metering = Some(measured.metering(&asked, valid_until));
        decision.enabled = true;
        Some(measured.numbers.reason)
    }

    #[cfg_attr(not(feature = "small"), inline(always))]
    fn measured<'a>(
        &'a self,
        asked: &Asked<'_, 'c>,
        kept: &'a KeptLimit,
        question: &Question<'_>,
    ) -> Option<Measured<'a>> {
        let Amounts { request, small } = self.amounts.get_or_init(|| Amounts::of(request(question)));
        let limits = &kept.limit.limits;
        let numbers = numbers(limits, request, kept.small.zip(*small)).ok()?;
        let window = kept.window(self.now, || asked.window(limits));
        Some(Measured { limits, request, rule: &kept.rule, window, numbers })
    }

    #[cfg_attr(not(feature = "small"), inline(always))]
    fn asked<'a>(&self, held: &'a Held<'c>, kept: &KeptLimit) -> Option<Asked<'a, 'c>> {
        let SharedLimit { owner, limits } = &kept.limit;
        let anchors = held.anchors(limits)?;
        let origin = source(*owner, self.catalog)?.into();
        let subscription = Some(held.subscription.id);
        Some(Asked { catalog: self.catalog, now: self.now, anchors, origin, subscription, starts_at: None })
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
    ) -> Option<Reason> {
        let second = self.second.as_ref().filter(|second| !has_row(second.rows, at))?;
        let (one, other) = (self.outcome(&self.first, at, feature)?, self.outcome(second, at, feature)?);
        valid_until.at(one.change);
        valid_until.at(other.change);
        if let (OutcomeKind::Limit(a), OutcomeKind::Limit(b)) = (&one.kind, &other.kind) {
            let asked = self.asked(&self.first, a)?;
            // Results are large, and copied only into the decision.
            let a = &self.measured(&asked, a, question)?.result(&asked, valid_until);
            let asked = self.asked(second, b)?;
            let b = &self.measured(&asked, b, question)?.result(&asked, valid_until);
            decision.available = a.available.zip(b.available).map(|(a, b)| a.max(b));
            let (first, other) = if by_priority(a, b).is_le() { (a, b) } else { (b, a) };
            decision.subscription_id = first.answer.subscription_id;
            decision.origin = Some(first.answer.origin);
            decision.metering = Some(first.answer.metering);
            decision.enabled = true;
            decision.windows.reserve_exact(2);
            decision.windows.push(first.answer);
            decision.windows.push(other.answer);
            return Some(first.answer.reason);
        }
        let (a, b) = (self.rank(one), self.rank(other));
        // Of equals, the row of the lower origin is named; then the lower subscription, which is the first.
        if a.0 > b.0 || (a.0 == b.0 && a.1 <= b.1) {
            self.fill(decision, &self.first, one, question, valid_until)
        } else {
            self.fill(decision, second, other, question, valid_until)
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
    fn outcome(&self, held: &Held<'c>, at: FeatureIdx, feature: &'c Feature) -> Option<&'c Outcome> {
        held.holding.outcome(at, || self.resolved(held.subscription.id, at, feature))
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
