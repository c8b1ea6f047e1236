//! The decision: the questions it asks, in their order, and the answer.

use crate::admit::{self, Admission, Demand, Until};
use crate::amount::Amount;
use crate::decision::{Decision, FeatureRef, Freshness, Reason, ValueType, Verdict};
use crate::document::{ALIAS_RULE, is_alias};
use crate::entitle::{Entitlement, Scene, status_at};
use crate::ladder::{AcrossSubscriptions, Combine, Level};
use crate::model::{Catalog, Feature, Policy, Snapshot, Status, Subscription, Value};
use crate::problem::{Code, Problem};
use crate::resolve::{Overflow, Row};
use crate::time::Instant;
use crate::trace;
use crate::tree::{ID_RULE, is_id};

/// A question: may this customer use this feature?
#[derive(Clone, Copy, Debug)]
pub struct Question<'q> {
    /// The customer, by id or alias.
    pub customer: &'q str,
    /// The feature, by id or code.
    pub feature: &'q str,
    /// Asks about this one of the customer's subscriptions alone.
    pub subscription_id: Option<&'q str>,
    /// How much is wanted; without it one. Zero asks whether the customer stands within the limit.
    pub requested: Option<Amount>,
    /// How much was used in the window; none if that is not known.
    pub consumed: Option<Amount>,
    /// How much is held for requests that are under way.
    pub reserved: Amount,
    /// Whether to list every row that was looked at.
    pub explain: bool,
    /// What an indeterminate answer comes to.
    pub on_indeterminate: Option<Policy>,
    /// The oldest version of the catalogue that may answer.
    pub min_version: Option<u64>,
    /// The greatest age of the catalogue, in milliseconds.
    pub max_age_ms: Option<u64>,
}

impl<'q> Question<'q> {
    /// Whether this customer may use one unit of this feature, usage unknown.
    pub fn new(customer: &'q str, feature: &'q str) -> Question<'q> {
        Question {
            customer,
            feature,
            subscription_id: None,
            requested: None,
            consumed: None,
            reserved: Amount::ZERO,
            explain: false,
            on_indeterminate: None,
            min_version: None,
            max_age_ms: None,
        }
    }
}

/// Decides a question at an instant.
///
/// "No" is an answer. Only a malformed question is an error.
///
/// # Errors
/// A customer, feature or subscription that nothing can be called; a negative amount requested;
/// amounts that add up to more digits than can be held exactly.
///
/// # Example: a switch
///
/// ```
/// use mayuse_core::{Document, Instant, Question, Reason, decide};
/// let json = include_str!("../../demo/catalog.json");
/// let (catalog, _) = serde_json::from_str::<Document>(json).unwrap().compile().unwrap();
/// let now = Instant::parse("2026-11-20").unwrap();
/// let answer = decide(&catalog, &Question::new("acme", "sso"), now).unwrap();
/// assert!(answer.allowed);
/// assert_eq!(answer.reason, Reason::Enabled);
/// ```
///
/// # Example: a metered feature needs to know what was used
///
/// ```
/// # use mayuse_core::{Amount, Document, Instant, Question, Reason, decide};
/// # let json = include_str!("../../demo/catalog.json");
/// # let (catalog, _) = serde_json::from_str::<Document>(json).unwrap().compile().unwrap();
/// # let now = Instant::parse("2026-11-20").unwrap();
/// let mut question = Question::new("hobby", "exports");
/// assert_eq!(decide(&catalog, &question, now).unwrap().reason, Reason::UsageUnavailable);
/// question.consumed = Some(Amount::parse("3").unwrap());
/// assert_eq!(decide(&catalog, &question, now).unwrap().reason, Reason::LimitReached);
/// ```
pub fn decide<'c>(catalog: &'c Catalog, question: &Question<'c>, now: Instant) -> Result<Decision<'c>, Problem> {
    if question.requested.is_some_and(Amount::is_negative) {
        return Err(Problem::error(Code::OutOfRange, "requested".to_owned(), "must not be negative"));
    }
    decide_valid(catalog, question, now)?.map_err(|Overflow| {
        let message = "the amounts of this question and its limits have more digits than can be held exactly";
        Problem::error(Code::OutOfRange, String::new(), message)
    })
}

fn decide_valid<'c>(
    catalog: &'c Catalog,
    question: &Question<'c>,
    now: Instant,
) -> Result<Result<Decision<'c>, Overflow>, Problem> {
    let at = catalog.feature_at(question.feature);
    let feature = at.and_then(|at| catalog.feature(at));
    let customer = catalog.customer(question.customer);
    // What was found has a proper name already.
    if feature.is_none() && !is_id(question.feature) {
        return Err(Problem::error(Code::Invalid, "feature".to_owned(), ID_RULE));
    }
    if customer.is_none() && !is_alias(question.customer) {
        return Err(Problem::error(Code::Invalid, "customer".to_owned(), ALIAS_RULE));
    }
    if let Some(subscription) = question.subscription_id.filter(|id| !is_id(id)) {
        let message = if subscription.is_empty() { "must not be empty" } else { ID_RULE };
        return Err(Problem::error(Code::Invalid, "subscription_id".to_owned(), message));
    }

    let mut until = Until::new(now);
    let freshness = freshness(&catalog.snapshot, now);
    let max_age = question.max_age_ms.into_iter().chain(catalog.snapshot.max_age_ms).min();
    until.at(max_age.and_then(|age| later(freshness.generated_at?, age)));
    let policy = question
        .on_indeterminate
        .or(feature.and_then(|feature| feature.on_indeterminate))
        .unwrap_or(catalog.snapshot.on_indeterminate);
    let mut answer = Answer {
        policy,
        decision: Decision {
            customer_id: customer.map_or(question.customer, |customer| &customer.id),
            feature: feature_ref(question.feature, feature),
            value_type: feature.map(|f| if f.metered { ValueType::Metered } else { ValueType::Boolean }),
            valid_until: until.earliest,
            ..Decision::undecided(freshness)
        },
    };

    let behind = question.min_version.is_some_and(|min| catalog.snapshot.version.is_none_or(|held| held < min));
    if behind {
        return Ok(Ok(answer.because(Reason::SnapshotBehind)));
    }
    if max_age.is_some_and(|max| freshness.age_ms.is_none_or(|age| max <= age)) {
        return Ok(Ok(answer.because(Reason::SnapshotExpired)));
    }
    let (Some(at), Some(feature)) = (at, feature) else { return Ok(Ok(answer.because(Reason::FeatureNotFound))) };
    if !feature.active {
        return Ok(Ok(answer.because(Reason::FeatureDisabled)));
    }
    let Some(customer) = customer else { return Ok(Ok(answer.because(Reason::CustomerNotFound))) };
    if customer.archived_at.is_some_and(|archived| archived <= now) {
        return Ok(Ok(answer.because(Reason::CustomerArchived)));
    }
    until.at(customer.archived_at);

    let scene = Scene { catalog, customer, subscriptions: subscriptions_asked(catalog, customer, question), now };
    heed_subscriptions(&scene, at, &mut until);
    if question.explain {
        answer.decision.trace = match trace::trace(&scene, at, feature) {
            Ok(steps) => Some(steps),
            Err(overflow) => return Ok(Err(overflow)),
        };
    }
    answer.decision.valid_until = until.earliest;
    if scene.granting().next().is_none() && scene.customer_override(at).is_none() {
        let (reason, speaker) = why_none_grants(&scene);
        answer.decision.subscription_id = speaker.map(|subscription| &*subscription.id);
        return Ok(Ok(answer.because(reason)));
    }
    Ok(entitled(answer, &scene, at, feature, question, until))
}

/// The rest of the decision, once the customer has something that may grant.
fn entitled<'c>(
    mut answer: Answer<'c>,
    scene: &Scene<'c>,
    at: u32,
    feature: &'c Feature,
    question: &Question<'c>,
    mut until: Until,
) -> Result<Decision<'c>, Overflow> {
    let standing = match scene.entitlement(at, feature)? {
        Entitlement::None => return Ok(answer.because(Reason::NotEntitled)),
        Entitlement::Misfit => return Ok(answer.because(Reason::TypeMismatch)),
        Entitlement::Off(row, subscription) => {
            return Ok(answer.by(row, subscription).because(Reason::EntitlementDisabled));
        }
        Entitlement::On(row, subscription) => {
            answer.decision.enabled = true;
            return Ok(answer.by(row, subscription).because(Reason::Enabled));
        }
        Entitlement::Standing(standing) => standing,
    };
    answer.decision.enabled = true;
    let demand = Demand {
        requested: question.requested.unwrap_or(Amount::ONE),
        consumed: question.consumed,
        reserved: question.reserved,
    };
    let asked = admit::ask_all(scene, &standing, demand, &mut until)?;
    answer.decision.valid_until = until.earliest;
    let Some(speaker) = asked.first() else { return Ok(answer.because(Reason::NotEntitled)) };
    let reason = match speaker.admission {
        Admission::Unknown => Reason::UsageUnavailable,
        Admission::Admitted | Admission::Refused => speaker.answer.reason,
    };
    answer.decision.value_type = Some(speaker.answer.value_type);
    answer.decision.subscription_id = speaker.answer.subscription_id;
    answer.decision.origin = Some(speaker.answer.origin);
    answer.decision.metering = Some(speaker.answer.metering);
    if 1 < asked.len() {
        answer.decision.windows = asked.into_iter().map(|asked| asked.answer).collect();
    }
    Ok(answer.because(reason))
}

/// A decision under way.
struct Answer<'c> {
    policy: Policy,
    decision: Decision<'c>,
}

impl<'c> Answer<'c> {
    fn by(mut self, row: Row<'c>, subscription: Option<&'c Subscription>) -> Answer<'c> {
        self.decision.origin = Some(row.origin);
        self.decision.subscription_id = subscription.map(|subscription| &*subscription.id);
        self
    }

    fn because(self, reason: Reason) -> Decision<'c> {
        let decision = reason.verdict();
        Decision {
            reason,
            decision,
            retryable: decision == Verdict::Indeterminate,
            allowed: match decision {
                Verdict::Allow => true,
                Verdict::Deny => false,
                Verdict::Indeterminate => self.policy.allows(),
            },
            ..self.decision
        }
    }
}

fn feature_ref<'c>(asked: &'c str, feature: Option<&'c Feature>) -> FeatureRef<'c> {
    match feature {
        Some(feature) => FeatureRef { id: Some(&feature.id), code: &feature.code, name: Some(&feature.name) },
        None => FeatureRef { id: None, code: asked, name: None },
    }
}

fn freshness(snapshot: &Snapshot, now: Instant) -> Freshness {
    // A clock that went backward makes nothing younger than new.
    let age_ms =
        snapshot.generated_at.map(|made| u64::try_from(now.millis().saturating_sub(made.millis())).unwrap_or(0));
    Freshness {
        source: snapshot.source,
        snapshot_version: snapshot.version,
        generated_at: snapshot.generated_at,
        age_ms,
        stale: snapshot.stale_after_ms.is_some_and(|stale| age_ms.is_none_or(|age| stale <= age)),
        usage_as_of: None,
        usage_exact: None,
    }
}

fn later(instant: Instant, ms: u64) -> Option<Instant> {
    Instant::from_millis(instant.millis().saturating_add_unsigned(ms))
}

/// The subscriptions a question is about: all of the customer's, or the one it names. One that is
/// not the customer's is none.
fn subscriptions_asked<'c>(
    catalog: &'c Catalog,
    customer: &'c crate::model::Customer,
    question: &Question<'_>,
) -> &'c [Subscription] {
    let all = catalog.subscriptions_of(customer);
    match question.subscription_id {
        None => all,
        Some(id) => match all.binary_search_by(|subscription| (*subscription.id).cmp(id)) {
            Ok(at) => all.get(at..=at).unwrap_or_default(),
            Err(_) => &[],
        },
    }
}

/// Notes when subscriptions start and end, and when an add-on's archival changes how rows add up.
fn heed_subscriptions(scene: &Scene<'_>, feature: u32, until: &mut Until) {
    let ladder = &scene.catalog.ladder;
    let add_ons_merge =
        ladder.across == AcrossSubscriptions::Chain && ladder.combine(Level::AddOn) == Some(Combine::Replace);
    for subscription in scene.subscriptions {
        until.at(Some(subscription.start));
        until.at(subscription.end);
        if subscription.status == Status::TrialActive {
            until.at(subscription.trial_end);
        }
    }
    if add_ons_merge {
        for held in scene.granting().flat_map(|subscription| &subscription.add_ons) {
            let add_on = scene.catalog.add_on(held.add_on).filter(|add_on| {
                add_on.multi_instance && add_on.grants.on(feature).is_some_and(|grant| grant.value != Value::Misfit)
            });
            until.at(add_on.and_then(|add_on| add_on.archived_at));
        }
    }
}

/// Why no subscription grants access, and which one says so: the one that started last.
/// Subscriptions still to start speak only if none has.
fn why_none_grants<'c>(scene: &Scene<'c>) -> (Reason, Option<&'c Subscription>) {
    let speaker = scene.subscriptions.iter().max_by_key(|subscription| {
        let started = subscription.start <= scene.now;
        (started, subscription.start, &*subscription.id)
    });
    let Some(speaker) = speaker else { return (Reason::NoActiveSubscription, None) };
    let status = status_at(speaker, scene.now);
    let ended = speaker.end.is_some_and(|end| end <= scene.now);
    let to_start = scene.now < speaker.start;
    let reason = match status {
        _ if ended => Reason::SubscriptionEnded,
        // A state that grants access does not explain why there is none.
        _ if scene.catalog.access.contains(status) && to_start => Reason::SubscriptionPending,
        Status::Cancelled | Status::Completed | Status::Superseded => Reason::SubscriptionEnded,
        Status::TrialExpired => Reason::TrialExpired,
        Status::Paused => Reason::SubscriptionPaused,
        Status::Suspended | Status::Errored => Reason::SubscriptionSuspended,
        Status::PendingActivation => Reason::SubscriptionPending,
        _ if to_start => Reason::SubscriptionPending,
        Status::Active | Status::TrialActive | Status::PendingCharge => Reason::NoActiveSubscription,
    };
    (reason, Some(speaker))
}

/// The answer where there is no catalogue to decide from.
///
/// ```
/// use mayuse_core::{Instant, Question, Reason, Snapshot, Verdict, undecided};
/// let question = Question::new("acme", "sso");
/// let answer = undecided(&question, Reason::SnapshotMissing, &Snapshot::default(), Instant::EPOCH);
/// assert_eq!(answer.decision, Verdict::Indeterminate);
/// assert!(answer.retryable && !answer.allowed);
/// ```
pub fn undecided<'q>(question: &Question<'q>, reason: Reason, snapshot: &Snapshot, now: Instant) -> Decision<'q> {
    let policy = question.on_indeterminate.unwrap_or(snapshot.on_indeterminate);
    let decision = Decision {
        customer_id: question.customer,
        feature: feature_ref(question.feature, None),
        ..Decision::undecided(freshness(snapshot, now))
    };
    Answer { policy, decision }.because(reason)
}
