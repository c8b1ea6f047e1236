//! The reasons of decisions, and the verdicts that they imply.

/// Yes, no or indeterminate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Yes.
    Allow,
    /// No.
    Deny,
    /// Not known; the failure policy decides.
    Indeterminate,
}

/// The reason of a decision. Codes are append-only.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Reason {
    /// The switch is on.
    Enabled,
    /// Usage and request together are within the limit.
    WithinLimit,
    /// There is no limit.
    Unlimited,
    /// Above the limit, within the grace.
    WithinGrace,
    /// Above limit and grace, as overage.
    OverageAllowed,
    /// The value is told, and is at least the requested number.
    Configured,
    /// The catalog has no such feature.
    FeatureNotFound,
    /// The feature is disabled or archived.
    FeatureDisabled,
    /// Only disabled rows reach the customer.
    EntitlementDisabled,
    /// No row in scope grants the feature.
    NotEntitled,
    /// The allowance is used up.
    LimitReached,
    /// The allowance has less left than the requested amount.
    RequestedExceedsRemaining,
    /// The pool has less left than the cost, or is disabled or not granted.
    InsufficientCredits,
    /// The value is a number below the requested one.
    ExceedsValue,
    /// The customer is unknown.
    CustomerNotFound,
    /// The customer is archived.
    CustomerArchived,
    /// No subscription grants access, for no more specific reason.
    NoActiveSubscription,
    /// The subscription has not started, or waits for its activation.
    SubscriptionPending,
    /// The subscription is paused.
    SubscriptionPaused,
    /// The subscription is suspended.
    SubscriptionSuspended,
    /// The subscription has ended.
    SubscriptionEnded,
    /// The trial is over.
    TrialExpired,
    /// Only type mismatches reach the customer.
    TypeMismatch,
    /// No snapshot is held.
    SnapshotMissing,
    /// The snapshot is older than the maximum age.
    SnapshotExpired,
    /// The snapshot is older than the question's `min_version`.
    SnapshotBehind,
    /// The snapshot cannot be used.
    SnapshotInvalid,
    /// The answer depends on usage that is unknown.
    UsageUnavailable,
    /// Reserved for reservations; not given yet.
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
            R::Configured => "CONFIGURED",
            R::FeatureNotFound => "FEATURE_NOT_FOUND",
            R::FeatureDisabled => "FEATURE_DISABLED",
            R::EntitlementDisabled => "ENTITLEMENT_DISABLED",
            R::NotEntitled => "NOT_ENTITLED",
            R::LimitReached => "LIMIT_REACHED",
            R::RequestedExceedsRemaining => "REQUESTED_EXCEEDS_REMAINING",
            R::InsufficientCredits => "INSUFFICIENT_CREDITS",
            R::ExceedsValue => "EXCEEDS_VALUE",
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

    /// The verdict that the reason implies.
    pub fn verdict(self) -> Verdict {
        use Reason as R;
        match self {
            R::Enabled | R::WithinLimit | R::Unlimited | R::WithinGrace | R::OverageAllowed | R::Configured => {
                Verdict::Allow
            }
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
