//! The decision: the fields of an answer, as section 9 of docs/semantics.md describes them.

use crate::amount::Amount;
use crate::configure::ConfigAnswer;
use crate::grant_source::Origin;
pub use crate::reason::{Reason, Verdict};
use crate::reset::{NamedPeriod, ResetPeriod};
use crate::snapshot::{Policy, Source};
use crate::time::Instant;
use crate::trace::Step;
use crate::value::Behavior;
use crate::window::Window;

/// The answer to *may this customer use this feature*, with reason, numbers, origin and freshness.
///
/// Borrows from the catalog; a boolean check allocates nothing. In JSON, `value_type` is `type`, and the numbers of
/// `metering` are fields of the decision.
#[derive(Clone, Debug)]
pub struct Decision<'c> {
    /// The answer. For an indeterminate decision, what the failure policy says.
    pub allowed: bool,
    /// ALLOW, DENY or INDETERMINATE.
    pub decision: Verdict,
    /// The reason, also of an ALLOW.
    pub reason: Reason,
    /// Whether asking again may help: exactly for INDETERMINATE.
    pub retryable: bool,
    /// The customer's id, also if the question named the alias. The name in the question if the customer is unknown.
    pub customer_id: &'c str,
    /// The id of the subscription that decided or explains the denial.
    pub subscription_id: Option<&'c str>,
    /// Whether the fallback plan stood in for a subscription that grants access.
    pub fallback: bool,
    /// The feature.
    pub feature: FeatureRef<'c>,
    /// The type of the value that decided; None for an unknown feature.
    pub value_type: Option<ValueType>,
    /// The configured switch alone, whatever the limit says.
    pub enabled: bool,
    /// The value of a CONFIG feature.
    pub value: Option<ConfigAnswer<'c>>,
    /// The numbers of the allowance that decided.
    pub metering: Option<Metering<'c>>,
    /// The units that would be admitted now, apart from overage; None if nothing bounds them, or usage is unknown.
    pub available: Option<Amount>,
    /// Every allowance, the one that decided first, each with its caps. Empty if there is one without caps.
    pub windows: Vec<WindowAnswer<'c>>,
    /// The row that decided.
    pub origin: Option<Origin<'c>>,
    /// How fresh the answer is.
    pub freshness: Freshness,
    /// The earliest future instant at which the answer may change by itself.
    pub valid_until: Option<Instant>,
    /// The entries of the question's usage that match no allowance.
    pub warnings: Vec<UnmatchedUsage>,
    /// What would allow the use; only if the question asks to suggest.
    pub suggestions: Option<Box<Suggestions<'c>>>,
    /// Each row that was considered; only if the question asks to explain.
    pub trace: Option<Vec<Step<'c>>>,
    /// Whether the trace leaves rows out, or the effect of some.
    pub trace_truncated: bool,
}

/// The feature of a decision.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FeatureRef<'c> {
    /// The id; None for an unknown feature.
    pub id: Option<&'c str>,
    /// The code; for an unknown feature, the name in the question.
    pub code: &'c str,
    /// The name; None for an unknown feature.
    pub name: Option<&'c str>,
}

/// The type of the value that decided.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ValueType {
    /// A switch.
    Boolean,
    /// A limit in each window.
    Metered,
    /// A cost in units of a pool.
    Credits,
    /// A value that is only told.
    Config,
}

impl ValueType {
    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            ValueType::Boolean => "BOOLEAN",
            ValueType::Metered => "METERED",
            ValueType::Credits => "CREDITS",
            ValueType::Config => "CONFIG",
        }
    }
}

/// The numbers of an allowance. For CREDITS, the pool's numbers, except `requested`.
#[derive(Clone, Copy, Debug)]
pub struct Metering<'c> {
    /// The requested amount, in units of the feature.
    pub requested: Amount,
    /// The limit in units; None if unlimited.
    pub limit: Option<Amount>,
    /// Whether there is no limit.
    pub unlimited: bool,
    /// The usage in the window; None if unknown.
    pub consumed: Option<Amount>,
    /// The amount held for requests under way.
    pub reserved: Amount,
    /// `max(limit - consumed - reserved, 0)`; None if unlimited or unknown.
    pub remaining: Option<Amount>,
    /// The terms above the limit.
    pub overage: Overage,
    /// The warning threshold.
    pub warning: Option<Warning>,
    /// The window; None for a pool that is not granted.
    pub period: Option<Period<'c>>,
}

/// The terms above a limit.
#[derive(Clone, Copy, Debug)]
pub struct Overage {
    /// Whether usage above the limit is blocked or allowed.
    pub behavior: Behavior,
    /// The tolerated units above the limit.
    pub grace: Amount,
    /// The units above the limit, the request included; None if unknown.
    pub units: Option<Amount>,
}

/// The warning threshold.
#[derive(Clone, Copy, Debug)]
pub struct Warning {
    /// The threshold in per cent of the limit.
    pub threshold_pct: Amount,
    /// Whether consumed and reserved reach the threshold; None if unknown.
    pub reached: Option<bool>,
}

/// A window and its reset period.
#[derive(Clone, Copy, Debug)]
pub struct Period<'c> {
    /// The reset period, without the position of its time zone.
    pub rule: ResetPeriod,
    /// The name of its time zone, if it has one.
    pub zone: Option<&'c str>,
    /// The window that holds the instant of the question.
    pub window: Window,
}

/// The answer of one allowance.
#[derive(Clone, Copy, Debug)]
pub struct WindowAnswer<'c> {
    /// METERED or CREDITS.
    pub value_type: ValueType,
    /// Whether the allowance admits the request.
    pub allowed: bool,
    /// The reason.
    pub reason: Reason,
    /// Whether the window is that of the limit or of a cap.
    pub role: Role,
    /// The numbers.
    pub metering: Metering<'c>,
    /// The units that the request takes from the allowance; only if it is admitted and usage is stated by allowance.
    pub drawn: Option<Amount>,
    /// The row that the allowance began with.
    pub origin: Origin<'c>,
    /// The id of the subscription that anchors the window.
    pub subscription_id: Option<&'c str>,
    /// The start of the row, or of the subscription's add-on row.
    pub starts_at: Option<Instant>,
}

/// An entry of the question's usage that matches no allowance.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UnmatchedUsage {
    /// The position of the entry in the list.
    pub entry: usize,
}

/// The role of a window in an allowance.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// The limit.
    Limit,
    /// A further limit that must hold.
    Cap,
}

/// A change that would allow the use.
#[derive(Clone, Copy, Debug)]
pub struct Suggestion<'c> {
    /// ADD_ON, QUANTITY or PLAN.
    pub kind: &'static str,
    /// The id of the add-on or the plan.
    pub id: &'c str,
    /// Its name.
    pub name: &'c str,
    /// For QUANTITY, how many more.
    pub quantity: Option<u32>,
    /// For PLAN, the version.
    pub version_id: Option<&'c str>,
    /// The reason of the answer after the change.
    pub reason: Reason,
}

/// The suggestions of an answer: at most 20, and whether there are more.
#[derive(Clone, Debug, Default)]
pub struct Suggestions<'c> {
    /// The suggestions.
    pub list: Vec<Suggestion<'c>>,
    /// Whether there are more.
    pub truncated: bool,
}

/// The freshness of an answer.
#[derive(Clone, Copy, Debug)]
pub struct Freshness {
    /// The source of the catalog.
    pub source: Source,
    /// The version of the catalog.
    pub snapshot_version: Option<u64>,
    /// When this version of the catalog was made.
    pub generated_at: Option<Instant>,
    /// The age of the catalog in milliseconds, by the clock.
    pub age_ms: Option<u64>,
    /// Whether the catalog is at least as old as the policy's `stale_after_ms`. Informs only.
    pub stale: bool,
    /// The instant up to which usage is known; None if the caller stated the usage.
    pub usage_as_of: Option<Instant>,
    /// Whether the usage is exact; None if the caller stated the usage.
    pub usage_exact: Option<bool>,
}

impl<'c> Period<'c> {
    /// The reset period, as JSON shows it.
    pub fn named(&self) -> NamedPeriod<'c> {
        NamedPeriod::new(self.rule, self.zone)
    }
}

impl<'c> Decision<'c> {
    /// Sets the reason and the fields that follow from it. `policy` decides what is indeterminate.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub(crate) fn settle(&mut self, reason: Reason, policy: impl FnOnce() -> Policy) {
        self.reason = reason;
        self.decision = reason.verdict();
        self.retryable = self.decision == Verdict::Indeterminate;
        self.allowed = match self.decision {
            Verdict::Allow => true,
            Verdict::Deny => false,
            Verdict::Indeterminate => policy() == Policy::Allow,
        };
    }

    /// Forgets the answer on a feature, so that the answer on another can be filled in.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub(crate) fn forget(&mut self) {
        let Decision {
            subscription_id,
            enabled,
            metering,
            available,
            windows,
            origin,
            // These are the same for all features, or set anew with each answer.
            allowed: _,
            decision: _,
            reason: _,
            retryable: _,
            customer_id: _,
            feature: _,
            value_type: _,
            freshness: _,
            valid_until: _,
            // A holding says nothing of these.
            fallback: _,
            value: _,
            warnings: _,
            suggestions: _,
            trace: _,
            trace_truncated: _,
        } = self;
        (*subscription_id, *enabled, *metering, *available, *origin) = (None, false, None, None, None);
        windows.clear();
    }

    /// A denial to be filled in, without a customer or a feature.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub(crate) fn undecided(freshness: Freshness) -> Decision<'c> {
        Decision {
            allowed: false,
            decision: Verdict::Deny,
            reason: Reason::NotEntitled,
            retryable: false,
            customer_id: "",
            subscription_id: None,
            fallback: false,
            feature: FeatureRef { id: None, code: "", name: None },
            value_type: None,
            enabled: false,
            value: None,
            metering: None,
            available: None,
            windows: Vec::new(),
            origin: None,
            freshness,
            valid_until: None,
            warnings: Vec::new(),
            suggestions: None,
            trace: None,
            trace_truncated: false,
        }
    }
}
