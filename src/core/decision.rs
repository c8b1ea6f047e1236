//! The decision: what is answered.

use crate::amount::Amount;
use crate::grant_source::Origin;
use crate::reset::ResetPeriod;
use crate::snapshot::{Policy, Source};
use crate::time::Instant;
use crate::trace::Step;
use crate::value::Behavior;
use crate::window::Window;

/// The answer to *may this customer use this feature*, and everything one may want to know of it.
///
/// Borrows from the catalog. A switch is decided without a single allocation.
#[derive(Clone, Debug)]
pub struct Decision<'c> {
    /// The headline.
    pub allowed: bool,
    /// ALLOW, DENY, or that it cannot be said.
    pub decision: Verdict,
    /// Why; also on an allow.
    pub reason: Reason,
    /// Whether asking again may help: exactly when it could not be said.
    pub retryable: bool,
    /// The customer's id, also when it was asked for by alias.
    pub customer_id: &'c str,
    /// The subscription that decided.
    pub subscription_id: Option<&'c str>,
    /// The feature.
    pub feature: FeatureRef<'c>,
    /// What kind of value decided; none where nothing did.
    pub value_type: Option<ValueType>,
    /// The configured switch alone.
    pub enabled: bool,
    /// The numbers of the allowance that decided.
    pub metering: Option<Metering>,
    /// Every allowance, the one that decided first; only where there is more than one.
    pub windows: Vec<WindowAnswer<'c>>,
    /// The row that decided.
    pub origin: Option<Origin<'c>>,
    /// How fresh the answer is.
    pub freshness: Freshness,
    /// The earliest instant at which the answer may change by itself.
    pub valid_until: Option<Instant>,
    /// Each row that was looked at; only where it was asked for.
    pub trace: Option<Vec<Step<'c>>>,
}

/// Yes, no, or that it cannot be said.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Yes.
    Allow,
    /// No.
    Deny,
    /// It cannot be said; the failure policy decides.
    Indeterminate,
}

/// Why. Codes are append-only.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Reason {
    /// The switch is on.
    Enabled,
    /// What would be used is within the limit.
    WithinLimit,
    /// There is no limit.
    Unlimited,
    /// Above the limit, within the tolerated grace.
    WithinGrace,
    /// Above the limit, which costs.
    OverageAllowed,
    /// No such feature.
    FeatureNotFound,
    /// The feature is disabled or archived.
    FeatureDisabled,
    /// Granted, but switched off.
    EntitlementDisabled,
    /// Nothing grants it.
    NotEntitled,
    /// Nothing is left.
    LimitReached,
    /// Something is left, but less than was asked for.
    RequestedExceedsRemaining,
    /// The pool does not hold what it would cost.
    InsufficientCredits,
    /// No such customer.
    CustomerNotFound,
    /// The customer is archived.
    CustomerArchived,
    /// No subscription grants access, for no more specific reason.
    NoActiveSubscription,
    /// The subscription has not started.
    SubscriptionPending,
    /// The subscription is paused.
    SubscriptionPaused,
    /// The subscription is suspended.
    SubscriptionSuspended,
    /// The subscription has ended.
    SubscriptionEnded,
    /// The trial is over.
    TrialExpired,
    /// Only values that do not fit the feature.
    TypeMismatch,
    /// There is no snapshot.
    SnapshotMissing,
    /// The snapshot is older than allowed.
    SnapshotExpired,
    /// The snapshot is older than the version asked for.
    SnapshotBehind,
    /// The snapshot cannot be used.
    SnapshotInvalid,
    /// It depends on usage that cannot be had.
    UsageUnavailable,
    /// A reservation cannot be had.
    ReservationUnavailable,
}

impl Verdict {
    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Allow => "ALLOW",
            Verdict::Deny => "DENY",
            Verdict::Indeterminate => "INDETERMINATE",
        }
    }
}

impl Reason {
    /// The name on the wire.
    pub fn name(self) -> &'static str {
        use Reason as R;
        match self {
            R::Enabled => "ENABLED",
            R::WithinLimit => "WITHIN_LIMIT",
            R::Unlimited => "UNLIMITED",
            R::WithinGrace => "WITHIN_GRACE",
            R::OverageAllowed => "OVERAGE_ALLOWED",
            R::FeatureNotFound => "FEATURE_NOT_FOUND",
            R::FeatureDisabled => "FEATURE_DISABLED",
            R::EntitlementDisabled => "ENTITLEMENT_DISABLED",
            R::NotEntitled => "NOT_ENTITLED",
            R::LimitReached => "LIMIT_REACHED",
            R::RequestedExceedsRemaining => "REQUESTED_EXCEEDS_REMAINING",
            R::InsufficientCredits => "INSUFFICIENT_CREDITS",
            R::CustomerNotFound => "CUSTOMER_NOT_FOUND",
            R::CustomerArchived => "CUSTOMER_ARCHIVED",
            R::NoActiveSubscription => "NO_ACTIVE_SUBSCRIPTION",
            R::SubscriptionPending => "SUBSCRIPTION_PENDING",
            R::SubscriptionPaused => "SUBSCRIPTION_PAUSED",
            R::SubscriptionSuspended => "SUBSCRIPTION_SUSPENDED",
            R::SubscriptionEnded => "SUBSCRIPTION_ENDED",
            R::TrialExpired => "TRIAL_EXPIRED",
            R::TypeMismatch => "TYPE_MISMATCH",
            R::SnapshotMissing => "SNAPSHOT_MISSING",
            R::SnapshotExpired => "SNAPSHOT_EXPIRED",
            R::SnapshotBehind => "SNAPSHOT_BEHIND",
            R::SnapshotInvalid => "SNAPSHOT_INVALID",
            R::UsageUnavailable => "USAGE_UNAVAILABLE",
            R::ReservationUnavailable => "RESERVATION_UNAVAILABLE",
        }
    }

    /// What the reason comes to.
    pub fn verdict(self) -> Verdict {
        use Reason as R;
        match self {
            R::Enabled | R::WithinLimit | R::Unlimited | R::WithinGrace | R::OverageAllowed => Verdict::Allow,
            R::SnapshotMissing
            | R::SnapshotExpired
            | R::SnapshotBehind
            | R::SnapshotInvalid
            | R::UsageUnavailable
            | R::ReservationUnavailable => Verdict::Indeterminate,
            _ => Verdict::Deny,
        }
    }
}

/// A feature, as far as it is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FeatureRef<'c> {
    /// Its id; none for an unknown one.
    pub id: Option<&'c str>,
    /// Its code; what was asked for, for an unknown one.
    pub code: &'c str,
    /// Its name; none for an unknown one.
    pub name: Option<&'c str>,
}

/// The kind of value that decided.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ValueType {
    /// A switch.
    Boolean,
    /// So much in each window.
    Metered,
    /// So much of a pool.
    Credits,
}

impl ValueType {
    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            ValueType::Boolean => "BOOLEAN",
            ValueType::Metered => "METERED",
            ValueType::Credits => "CREDITS",
        }
    }
}

/// The numbers of an allowance. Those of a pool, where it is asked in credits.
#[derive(Clone, Copy, Debug)]
pub struct Metering {
    /// How much was asked for.
    pub requested: Amount,
    /// How much there is; none where that is unlimited.
    pub limit: Option<Amount>,
    /// Whether there is no limit.
    pub unlimited: bool,
    /// How much was used in the window; none if that cannot be had.
    pub consumed: Option<Amount>,
    /// How much is held for requests that are under way.
    pub reserved: Amount,
    /// What is left, never below zero; none where it is unlimited or cannot be said.
    pub remaining: Option<Amount>,
    /// What happens above the limit.
    pub overage: Overage,
    /// From where on to warn.
    pub warning: Option<Warning>,
    /// The window; none where there is none, as of a pool that is not granted.
    pub period: Option<Period>,
}

/// What happens above a limit.
#[derive(Clone, Copy, Debug)]
pub struct Overage {
    /// Whether it ends or costs.
    pub behavior: Behavior,
    /// What is tolerated above the limit, in units.
    pub grace: Amount,
    /// What would be used above the limit, the request included; none if that cannot be said.
    pub units: Option<Amount>,
}

/// From where on to warn.
#[derive(Clone, Copy, Debug)]
pub struct Warning {
    /// Per cent of the limit.
    pub threshold_pct: Amount,
    /// Whether it is reached; none if that cannot be said.
    pub reached: Option<bool>,
}

/// A window and the rule it comes from.
#[derive(Clone, Copy, Debug)]
pub struct Period {
    /// The rule.
    pub rule: ResetPeriod,
    /// The window that holds the instant of the question.
    pub window: Window,
}

/// One allowance's own answer.
#[derive(Clone, Copy, Debug)]
pub struct WindowAnswer<'c> {
    /// METERED or CREDITS.
    pub value_type: ValueType,
    /// Whether it admits the request.
    pub allowed: bool,
    /// Why.
    pub reason: Reason,
    /// Its numbers.
    pub metering: Metering,
    /// The row it began with.
    pub origin: Origin<'c>,
    /// The subscription its window is tied to.
    pub subscription_id: Option<&'c str>,
}

/// How fresh an answer is.
#[derive(Clone, Copy, Debug)]
pub struct Freshness {
    /// Where the catalog came from.
    pub source: Source,
    /// Its version.
    pub snapshot_version: Option<u64>,
    /// When it was made.
    pub generated_at: Option<Instant>,
    /// How old it is.
    pub age_ms: Option<u64>,
    /// Whether that is older than it should be.
    pub stale: bool,
    /// As of when usage is known; none where the caller said it, or none is.
    pub usage_as_of: Option<Instant>,
    /// Whether usage is exact; none where the caller said it, or none is.
    pub usage_exact: Option<bool>,
}

impl<'c> Decision<'c> {
    /// Says why, and what that comes to.
    pub(crate) fn settle(&mut self, reason: Reason, policy: Policy) {
        self.reason = reason;
        self.decision = reason.verdict();
        self.retryable = self.decision == Verdict::Indeterminate;
        self.allowed = match self.decision {
            Verdict::Allow => true,
            Verdict::Deny => false,
            Verdict::Indeterminate => policy == Policy::Allow,
        };
    }

    /// No answer yet, and about nobody.
    pub(crate) fn undecided(freshness: Freshness) -> Decision<'c> {
        Decision {
            allowed: false,
            decision: Verdict::Deny,
            reason: Reason::NotEntitled,
            retryable: false,
            customer_id: "",
            subscription_id: None,
            feature: FeatureRef { id: None, code: "", name: None },
            value_type: None,
            enabled: false,
            metering: None,
            windows: Vec::new(),
            origin: None,
            freshness,
            valid_until: None,
            trace: None,
        }
    }
}
