//! The decision: its steps, in the order of section 9 of docs/semantics.md.

use crate::amount::Amount;
use crate::answer::entitled;
use crate::catalog::{Catalog, Feature};
use crate::dates::Dates;
use crate::decision::{Decision, FeatureRef, Freshness, Reason, ValueType};
use crate::evaluation::EvaluationContext;
use crate::fallback::fallback;
use crate::features;
use crate::form::{Fault, check_form};
use crate::freshness::{Age, freshness, policy, too_old};
use crate::full::FullCatalog;
use crate::holder::Holder;
use crate::idx::FeatureIdx;
use crate::packed::{Customer, CustomerRecord};
use crate::problem::Problem;
use crate::question::Question;
use crate::snapshot::{Policy, SnapshotMeta};
use crate::status_at::track_status;
use crate::time::Instant;
use crate::trace;
use crate::valid_until::ValidUntil;
use crate::value::FeatureType;

/// Decides a question. `now` is the present time of the clock: the age of the catalog counts by it, and a question
/// without `at` is about it.
///
/// "No" is an answer. Only a malformed question is an error.
///
/// # Errors
/// INVALID for a customer, feature or subscription name that breaks the rules of names; OUT_OF_RANGE for a negative
/// requested or reserved amount, and for sums with more digits than an amount holds exactly.
pub fn decide<'c>(full: &'c FullCatalog, question: &Question<'c>, now: Instant) -> Result<Decision<'c>, Problem> {
    decide_for(&full.catalog, full.customers.customer(question.customer).as_ref(), question, now)
}

/// Decides a question about a customer that the caller looked up, for example in the blocks of a snapshot. None is
/// an unknown customer.
///
/// # Errors
/// The errors of [`decide`].
pub fn decide_for<'c>(
    catalog: &'c Catalog,
    record: Option<&CustomerRecord<'c>>,
    question: &Question<'c>,
    now: Instant,
) -> Result<Decision<'c>, Problem> {
    let feature = feature_of(catalog, question);
    let freshness = freshness(&catalog.snapshot, now);
    if is_plain(question)
        && let (Some(record), Some((at, feature))) = (record, feature)
        && let Some(holder) = Holder::of(catalog, record, question.at.unwrap_or(now))
    {
        let mut decision = Decision { customer_id: record.id(), ..Decision::undecided(freshness) };
        let age = Age::of(&catalog.snapshot, &freshness, question, Some(feature), now);
        if age.outdated.is_none() && look_up(&mut decision, &holder, at, feature, question, age.deadline, now).is_some()
        {
            return Ok(decision);
        }
    }
    decide_slowly(catalog, record, feature, question, freshness, now)
}

/// A feature and its position.
type Placed<'c> = (FeatureIdx, &'c Feature);

fn feature_of<'c>(catalog: &'c Catalog, question: &Question<'_>) -> Option<Placed<'c>> {
    let at = catalog.feature_at(question.feature)?;
    Some((at, catalog.feature(at)?))
}

/// Decides a question on every feature of the catalog, in the order of their ids, whatever feature it names. Calls
/// `each` with the question and what [`decide_for`] would return.
///
/// The customer's subscriptions are read once.
pub fn decide_all<'c>(
    catalog: &'c Catalog,
    record: Option<&CustomerRecord<'c>>,
    question: &Question<'c>,
    now: Instant,
    mut each: impl FnMut(&Question<'c>, Result<&Decision<'c>, Problem>),
) {
    let holder = record
        .filter(|_| is_plain(question))
        .and_then(|record| Holder::of(catalog, record, question.at.unwrap_or(now)));
    let freshness = freshness(&catalog.snapshot, now);
    let age = Age::of(&catalog.snapshot, &freshness, question, None, now);
    // One decision for all features: each fills in anew all that differs.
    let mut decision = Decision::undecided(freshness);
    decision.customer_id = record.map_or("", CustomerRecord::id);
    let mut question = *question;
    for (feature, at) in catalog.features.iter().zip(0..) {
        let at = FeatureIdx(at);
        question.feature = &feature.code;
        let age = match feature.max_age_ms {
            None => age,
            Some(_) => Age::of(&catalog.snapshot, &freshness, &question, Some(feature), now),
        };
        let found = match &holder {
            Some(holder) if age.outdated.is_none() => {
                look_up(&mut decision, holder, at, feature, &question, age.deadline, now)
            }
            _ => None,
        };
        match found {
            Some(()) => each(&question, Ok(&decision)),
            None => {
                let decided = decide_slowly(catalog, record, Some((at, feature)), &question, freshness, now);
                each(&question, decided.as_ref().map_err(Problem::clone));
            }
        }
    }
}

/// Fills in the answer by the holding of a customer. The decision is on the same customer, whatever feature it was on. The
/// catalog is not too old for the question; it will be at `deadline`.
#[cfg_attr(not(feature = "small"), inline(always))]
fn look_up<'c>(
    decision: &mut Decision<'c>,
    holder: &Holder<'_, 'c>,
    at: FeatureIdx,
    feature: &'c Feature,
    question: &Question<'c>,
    deadline: Option<Instant>,
    clock: Instant,
) -> Option<()> {
    if !feature.active {
        return None;
    }
    let mut valid_until = ValidUntil { now: question.at.unwrap_or(clock), earliest: deadline };
    decision.forget();
    let reason = holder.answer(decision, at, feature, question, &mut valid_until)?;
    decision.feature = feature_ref("", Some(feature));
    decision.value_type = value_type(feature);
    decision.valid_until = valid_until.earliest;
    decision.settle(reason, || policy(&holder.catalog.snapshot, question, Some(feature)));
    Some(())
}

/// Decides by all steps, and by the rows that reach the customer.
#[inline(never)]
fn decide_slowly<'c>(
    catalog: &'c Catalog,
    record: Option<&CustomerRecord<'c>>,
    feature: Option<Placed<'c>>,
    question: &Question<'c>,
    freshness: Freshness,
    clock: Instant,
) -> Result<Decision<'c>, Problem> {
    let mut decision = Decision::undecided(freshness);
    let (reason, policy) = fill(&mut decision, catalog, record, feature, question, clock)?;
    decision.settle(reason, || policy);
    Ok(decision)
}

/// Fills in a decision. Returns its reason, and the policy for an indeterminate answer.
fn fill<'c>(
    decision: &mut Decision<'c>,
    catalog: &'c Catalog,
    record: Option<&CustomerRecord<'c>>,
    feature: Option<Placed<'c>>,
    question: &Question<'c>,
    clock: Instant,
) -> Result<(Reason, Policy), Fault> {
    let now = question.at.unwrap_or(clock);
    let (at, feature) = feature.unzip();
    check_form(question, feature.is_some(), record.is_some())?;
    decision.customer_id = record.map_or(question.customer, CustomerRecord::id);
    decision.feature = feature_ref(question.feature, feature);
    decision.value_type = feature.and_then(value_type);
    let policy = policy(&catalog.snapshot, question, feature);
    let because = |reason| Ok((reason, policy));

    let mut valid_until = ValidUntil::new(now);
    let age = Age::of(&catalog.snapshot, &decision.freshness, question, feature, clock);
    valid_until.earliest = age.deadline;
    decision.valid_until = age.deadline;
    if let Some(reason) = age.outdated {
        return because(reason);
    }
    let (Some(at), Some(feature)) = (at, feature) else { return because(Reason::FeatureNotFound) };
    if !feature.active {
        return because(Reason::FeatureDisabled);
    }
    let Some(record) = record else { return because(Reason::CustomerNotFound) };
    let customer = record.read();
    if customer.archived_at.is_some_and(|archived| archived <= now) {
        return because(Reason::CustomerArchived);
    }
    valid_until.at(customer.archived_at);
    because(resolve(decision, catalog, &customer, at, feature, question, valid_until)?)
}

/// Whether a holding can answer a question: it asks for the answer alone, about all subscriptions, and is well-formed.
#[inline]
fn is_plain(question: &Question<'_>) -> bool {
    features::LOOKUP
        && question.subscription_id.is_none()
        && question.usage.is_none()
        && !question.explain
        && !question.suggest
        && !question.requested.is_some_and(Amount::is_negative)
        && !question.reserved.is_negative()
}

/// The long way: resolves the rows that reach the customer.
#[cfg_attr(not(feature = "small"), inline(never))]
fn resolve<'c>(
    decision: &mut Decision<'c>,
    catalog: &'c Catalog,
    customer: &Customer<'c>,
    at: FeatureIdx,
    feature: &'c Feature,
    question: &Question<'c>,
    mut valid_until: ValidUntil,
) -> Result<Reason, Fault> {
    let now = valid_until.now;
    // A subscription of another customer counts as no subscription.
    let subscriptions = customer.subscriptions();
    let subscriptions = match question.subscription_id {
        Some(id) => subscriptions.only(id),
        None => subscriptions,
    };
    let stand_in;
    let mut context = EvaluationContext::new(catalog, customer, &subscriptions, now);
    context.keeps_rows = features::USAGE && question.usage.is_some();
    if catalog.fallback.is_some() && question.subscription_id.is_none() && !context.is_granted() {
        stand_in = fallback(&context, &mut valid_until);
        context.fallback = stand_in.as_ref();
        decision.fallback = stand_in.is_some();
    }
    let mut all = context.all();
    while let Some(subscription) = all.next() {
        track_status(catalog, subscription, now, &mut valid_until);
    }
    if features::EXPLAIN && question.explain {
        let (trace, truncated) = trace::trace(&context, at, feature)?;
        (decision.trace, decision.trace_truncated) = (Some(trace), truncated);
        // The trace looks at rows that do not matter to the answer.
        context.dates = Dates::new(now);
    }
    let reason = entitled(decision, &context, at, feature, question, &mut valid_until)?;
    valid_until.at(context.dates.change());
    #[cfg(feature = "suggest")]
    if question.suggest && crate::suggest::may_turn(reason) {
        let found = crate::suggest::suggest(&context, at, feature, question, &mut valid_until);
        decision.suggestions = Some(Box::new(found));
    }
    decision.valid_until = valid_until.earliest;
    Ok(reason)
}

fn value_type(feature: &Feature) -> Option<ValueType> {
    match feature.feature_type {
        FeatureType::Boolean => Some(ValueType::Boolean),
        FeatureType::Metered => Some(ValueType::Metered),
        FeatureType::Config(_) => Some(ValueType::Config),
        FeatureType::Unknown => None,
    }
}

fn feature_ref<'c>(asked: &'c str, feature: Option<&'c Feature>) -> FeatureRef<'c> {
    match feature {
        Some(feature) => FeatureRef { id: Some(&feature.id), code: &feature.code, name: Some(&feature.name) },
        None => FeatureRef { id: None, code: asked, name: None },
    }
}

/// The indeterminate answer where no catalog is held. `reason` says why.
///
/// ```
/// use mayuse_core::{Instant, Question, Reason, SnapshotMeta, Verdict, undecided};
/// let question = Question::new("acme", "sso");
/// let answer = undecided(&question, Reason::SnapshotMissing, &SnapshotMeta::default(), Instant::EPOCH).unwrap();
/// assert_eq!(answer.decision, Verdict::Indeterminate);
/// assert!(answer.retryable && !answer.allowed);
/// ```
///
/// # Errors
/// The errors of [`decide`] about names and negative amounts.
pub fn undecided<'q>(
    question: &Question<'q>,
    reason: Reason,
    snapshot: &SnapshotMeta,
    now: Instant,
) -> Result<Decision<'q>, Problem> {
    without_customer(None, question, reason, snapshot, now)
}

/// The indeterminate answer where the catalog is held, but the customer's shard is not. A catalog that is too old for
/// the question goes before `reason`.
///
/// # Errors
/// The errors of [`decide`] about names and negative amounts.
pub fn undecided_in<'c>(
    catalog: &'c Catalog,
    question: &Question<'c>,
    reason: Reason,
    now: Instant,
) -> Result<Decision<'c>, Problem> {
    without_customer(Some(catalog), question, reason, &catalog.snapshot, now)
}

#[inline(never)]
fn without_customer<'c>(
    catalog: Option<&'c Catalog>,
    question: &Question<'c>,
    reason: Reason,
    snapshot: &SnapshotMeta,
    now: Instant,
) -> Result<Decision<'c>, Problem> {
    let feature = catalog.and_then(|catalog| feature_of(catalog, question)).map(|(_, feature)| feature);
    check_form(question, feature.is_some(), false)?;
    let mut decision = Decision::undecided(freshness(snapshot, now));
    decision.customer_id = question.customer;
    decision.feature = feature_ref(question.feature, feature);
    decision.value_type = feature.and_then(value_type);
    // SNAPSHOT_BEHIND and SNAPSHOT_EXPIRED go before the missing shard.
    let reason = catalog.and_then(|catalog| too_old(catalog, question, now)).unwrap_or(reason);
    decision.settle(reason, || policy(snapshot, question, feature));
    Ok(decision)
}
