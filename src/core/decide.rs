//! The decision: its steps, in the order of section 9 of docs/semantics.md.

use crate::allowance::Overflow;
use crate::amount::Amount;
use crate::answer::entitled;
use crate::catalog::{Catalog, Feature};
use crate::dates::Dates;
use crate::decision::{Decision, FeatureRef, Reason, ValueType};
use crate::evaluation::EvaluationContext;
use crate::fallback::fallback;
use crate::features;
use crate::freshness::{freshness, later, max_age, outdated, policy, too_old};
use crate::full::FullCatalog;
use crate::holder::{AnchorsOfTwo, Holder};
use crate::id::{ALIAS_RULE, ID_RULE, is_alias, is_id};
use crate::idx::FeatureIdx;
use crate::packed::CustomerRecord;
use crate::problem::{Code, Problem};
use crate::question::Question;
use crate::snapshot::{Policy, SnapshotMeta};
use crate::status_at::track_status;
use crate::time::Instant;
use crate::trace;
use crate::usage::UsageEntry;
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
    let mut decision = Decision::undecided(freshness(&catalog.snapshot, now));
    let at = catalog.feature_at(question.feature);
    match fill(&mut decision, catalog, record, at, question, now, None) {
        Ok((reason, policy)) => {
            decision.settle(reason, policy);
            Ok(decision)
        }
        Err(fault) => Err(fault.into()),
    }
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
    each: &mut dyn FnMut(&Question<'c>, Result<&Decision<'c>, Problem>),
) {
    let anchors = AnchorsOfTwo::default();
    let holder = record
        .filter(|_| is_plain(question))
        .and_then(|record| Holder::of(catalog, record, question.at.unwrap_or(now)))
        .map(|holder| holder.with_anchors(&anchors));
    let freshness = freshness(&catalog.snapshot, now);
    let form = check_form(question, true, record.is_some());
    for (feature, at) in catalog.features.iter().zip(0..) {
        let question = Question { feature: &feature.code, ..*question };
        let mut decision = Decision::undecided(freshness);
        let filled = match form {
            Ok(()) => fill(&mut decision, catalog, record, Some(FeatureIdx(at)), &question, now, Some(holder.as_ref())),
            Err(fault) => Err(fault),
        };
        match filled {
            Ok((reason, policy)) => {
                decision.settle(reason, policy);
                each(&question, Ok(&decision));
            }
            Err(fault) => each(&question, Err(fault.into())),
        }
    }
}

/// Why a question cannot be decided.
#[derive(Clone, Copy)]
enum Fault {
    /// A name that breaks the rule of its kind: the field, and the rule.
    Name(&'static str, &'static str),
    /// An amount that must not be negative: the field.
    Negative(&'static str),
    Overflow,
}

impl From<Overflow> for Fault {
    fn from(_: Overflow) -> Self {
        Fault::Overflow
    }
}

impl From<Fault> for Problem {
    #[cold]
    fn from(fault: Fault) -> Self {
        let (code, path, message) = match fault {
            Fault::Name(field, rule) => (Code::Invalid, field, rule),
            Fault::Negative(field) => (Code::OutOfRange, field, "must not be negative"),
            Fault::Overflow => {
                let message = "the amounts of this question and its limits have more digits than can be held exactly";
                (Code::OutOfRange, "", message)
            }
        };
        Problem::error(code, path, message)
    }
}

/// Fills in a decision on the feature at a position. Returns its reason, and the policy for an indeterminate answer.
/// `known` is what [`Holder::of`] returned, if it was called; then the form of the question was checked, too.
#[cfg_attr(not(feature = "small"), inline(never))]
fn fill<'c>(
    decision: &mut Decision<'c>,
    catalog: &'c Catalog,
    record: Option<&CustomerRecord<'c>>,
    at: Option<FeatureIdx>,
    question: &Question<'c>,
    clock: Instant,
    known: Option<Option<&Holder<'_, 'c>>>,
) -> Result<(Reason, Policy), Fault> {
    let now = question.at.unwrap_or(clock);
    let feature = at.and_then(|at| catalog.feature(at));
    if known.is_none() {
        check_form(question, feature.is_some(), record.is_some())?;
    }
    decision.customer_id = record.map_or(question.customer, |record| record.customer.id);
    decision.feature = feature_ref(question.feature, feature);
    decision.value_type = feature.and_then(value_type);
    let policy = policy(&catalog.snapshot, question, feature);
    let because = |reason| Ok((reason, policy));

    let mut valid_until = ValidUntil::new(now);
    let max_age = max_age(&catalog.snapshot, question, feature);
    // The catalog expires by the clock, whatever instant the question is about.
    let deadline = max_age.and_then(|age| later(decision.freshness.generated_at?, age));
    valid_until.earliest = deadline.filter(|deadline| clock < *deadline);
    decision.valid_until = valid_until.earliest;
    if let Some(reason) = outdated(&catalog.snapshot, question, max_age, decision.freshness.age_ms) {
        return because(reason);
    }
    let (Some(at), Some(feature)) = (at, feature) else { return because(Reason::FeatureNotFound) };
    if !feature.active {
        return because(Reason::FeatureDisabled);
    }
    let Some(record) = record else { return because(Reason::CustomerNotFound) };
    let customer = &record.customer;
    if customer.archived_at.is_some_and(|archived| archived <= now) {
        return because(Reason::CustomerArchived);
    }

    valid_until.at(customer.archived_at);
    let own;
    let holder = match known {
        Some(known) => known,
        None => {
            own = if is_plain(question) { Holder::of(catalog, record, now) } else { None };
            own.as_ref()
        }
    };
    if let Some(holder) = holder
        && let Some(reason) = holder.answer(decision, at, feature, question, &mut valid_until)?
    {
        valid_until.at(holder.change);
        decision.valid_until = valid_until.earliest;
        return because(reason);
    }
    let reason = resolve(decision, catalog, record, at, feature, question, valid_until)?;
    because(reason)
}

/// Whether a holding can answer a question: it asks for the answer alone, about all subscriptions.
#[inline]
fn is_plain(question: &Question<'_>) -> bool {
    features::LOOKUP
        && question.subscription_id.is_none()
        && question.usage.is_none()
        && !question.explain
        && !question.suggest
}

/// The long way: resolves the rows that reach the customer.
#[cfg_attr(not(feature = "small"), inline(never))]
fn resolve<'c>(
    decision: &mut Decision<'c>,
    catalog: &'c Catalog,
    record: &CustomerRecord<'c>,
    at: FeatureIdx,
    feature: &'c Feature,
    question: &Question<'c>,
    mut valid_until: ValidUntil,
) -> Result<Reason, Fault> {
    let (now, customer) = (valid_until.now, &record.customer);
    // A subscription of another customer counts as no subscription.
    let subscriptions = record.subscriptions();
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

/// Validates the names of the question and the amounts that must not be negative. A name that was found is valid.
fn check_form(question: &Question<'_>, feature_found: bool, customer_found: bool) -> Result<(), Fault> {
    if question.requested.is_some_and(Amount::is_negative) {
        return Err(Fault::Negative("requested"));
    }
    if question.reserved.is_negative() {
        return Err(Fault::Negative("reserved"));
    }
    check_parts(question)?;
    if !feature_found && !is_id(question.feature) {
        return Err(Fault::Name("feature", ID_RULE));
    }
    if !customer_found && !is_alias(question.customer) {
        return Err(Fault::Name("customer", ALIAS_RULE));
    }
    match question.subscription_id {
        Some(id) if !is_id(id) => Err(Fault::Name("subscription_id", ID_RULE)),
        _ => Ok(()),
    }
}

/// Checks that this build has the parts of a decision that a question asks for, and its usage by allowance.
#[inline]
fn check_parts(question: &Question<'_>) -> Result<(), Fault> {
    const LEFT_OUT: &str = "this build of mayuse leaves it out";
    if !features::EXPLAIN && question.explain {
        return Err(Fault::Name("explain", LEFT_OUT));
    }
    if !features::SUGGEST && question.suggest {
        return Err(Fault::Name("suggest", LEFT_OUT));
    }
    match question.usage {
        None => Ok(()),
        Some(_) if !features::USAGE => Err(Fault::Name("usage", LEFT_OUT)),
        Some(entries) => check_usage(entries),
    }
}

/// Checks that no entry holds less than nothing, and that no two are equally specific about one allowance.
#[cold]
#[inline(never)]
fn check_usage(entries: &[UsageEntry]) -> Result<(), Fault> {
    const TWICE: &str = "two entries have the same origin, subscription, start and period";
    for (n, entry) in entries.iter().enumerate() {
        if entry.reserved.is_negative() {
            return Err(Fault::Negative("usage"));
        }
        if entries.iter().take(n).any(|before| before.is_about(entry)) {
            return Err(Fault::Name("usage", TWICE));
        }
    }
    Ok(())
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
    let feature = catalog.and_then(|catalog| catalog.feature(catalog.feature_at(question.feature)?));
    check_form(question, feature.is_some(), false)?;
    let mut decision = Decision::undecided(freshness(snapshot, now));
    decision.customer_id = question.customer;
    decision.feature = feature_ref(question.feature, feature);
    decision.value_type = feature.and_then(value_type);
    // SNAPSHOT_BEHIND and SNAPSHOT_EXPIRED go before the missing shard.
    let reason = catalog.and_then(|catalog| too_old(catalog, question, now)).unwrap_or(reason);
    decision.settle(reason, policy(snapshot, question, feature));
    Ok(decision)
}
