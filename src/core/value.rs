//! What a grant may say.

use crate::amount::Amount;
use crate::idx::FeatureIdx;
use crate::reset::ResetPeriod;
use crate::time::Instant;

/// An entitlement row: what one owner grants of one feature.
#[derive(Clone, Debug)]
pub struct Grant {
    pub(crate) feature: FeatureIdx,
    /// Its id; may be empty.
    pub id: Box<str>,
    /// When it was made; rows that do not say come first.
    pub created_at: Option<Instant>,
    /// What it grants.
    pub value: Value,
}

/// The row on a feature among the rows of one owner, at most one per feature, sorted by feature.
pub(crate) fn row_on(rows: &[Grant], feature: FeatureIdx) -> Option<&Grant> {
    // Most customers and subscriptions have none.
    if rows.is_empty() {
        return None;
    }
    match rows.binary_search_by_key(&feature, |grant| grant.feature) {
        Ok(at) => rows.get(at),
        Err(_) => None,
    }
}

/// What an entitlement row grants.
#[derive(Clone, PartialEq, Debug)]
pub enum Value {
    /// A switch.
    Boolean {
        /// On or off.
        enabled: bool,
    },
    /// So much in each window.
    Metered(Metered),
    /// A price in units of a shared pool.
    Credits(Credits),
    /// A value of a type that its feature cannot have. Skipped, and remembered as skipped.
    TypeMismatch,
}

impl Value {
    /// Whether it is switched off.
    pub(crate) fn is_off(&self) -> bool {
        match self {
            Value::Boolean { enabled } => !enabled,
            Value::Metered(metered) => !metered.enabled,
            Value::Credits(credits) => !credits.enabled,
            Value::TypeMismatch => false,
        }
    }
}

/// So much in each window.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Metered {
    /// The switch.
    pub enabled: bool,
    /// How much; none is unlimited.
    pub limit: Option<Amount>,
    /// When the count starts again.
    pub reset_period: ResetPeriod,
    /// What happens above the limit.
    pub overage: Behavior,
    /// How many per cent above the limit are tolerated.
    pub grace_pct: Amount,
    /// From how many per cent of the limit on to warn.
    pub warning_threshold_pct: Option<Amount>,
}

/// What happens above a limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Behavior {
    /// It ends there.
    Block,
    /// It goes on, and costs.
    Allow,
}

/// A price in units of a shared pool.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Credits {
    /// The switch.
    pub enabled: bool,
    /// The pool: a metered feature, by its position.
    pub(crate) pool: FeatureIdx,
    /// What one unit takes from the pool.
    pub cost: Amount,
}

/// An entitlement row before its value is checked against its feature. `F` says which feature: a name
/// as long as it is not looked up, a number of a block's own, or a position in the catalog.
#[derive(Clone, Debug)]
pub struct UncheckedGrant<'a, F> {
    /// The feature it is on.
    pub feature: F,
    /// Its id; may be empty.
    pub id: &'a str,
    /// When it was made.
    pub created_at: Option<Instant>,
    /// What it grants, if its feature can have it.
    pub value: UncheckedValue<F>,
}

/// A value before it is checked against its feature.
#[derive(Clone, PartialEq, Debug)]
pub enum UncheckedValue<F> {
    /// A switch.
    Boolean {
        /// On or off.
        enabled: bool,
    },
    /// So much in each window.
    Metered(Metered),
    /// A price in units of a shared pool.
    Credits {
        /// The switch.
        enabled: bool,
        /// The feature that is the pool.
        pool: F,
        /// What one unit takes from the pool.
        cost: Amount,
    },
}

impl<F> UncheckedValue<F> {
    /// The same value with its pool said in another way; nothing where that cannot be said.
    pub fn with_pool<G>(self, find: impl FnOnce(F) -> Option<G>) -> Option<UncheckedValue<G>> {
        Some(match self {
            UncheckedValue::Boolean { enabled } => UncheckedValue::Boolean { enabled },
            UncheckedValue::Metered(metered) => UncheckedValue::Metered(metered),
            UncheckedValue::Credits { enabled, pool, cost } => {
                UncheckedValue::Credits { enabled, pool: find(pool)?, cost }
            }
        })
    }

    /// Whether it is an allowance in units of the feature itself, or costs units of another; nothing for a switch.
    pub fn has_units(&self) -> Option<bool> {
        match self {
            UncheckedValue::Boolean { .. } => None,
            UncheckedValue::Metered(_) => Some(true),
            UncheckedValue::Credits { .. } => Some(false),
        }
    }
}

impl<'a, F> UncheckedGrant<'a, F> {
    /// The same row with its features said in another way; nothing where one of them cannot be said.
    pub(crate) fn with_features<G>(self, find: &mut dyn FnMut(F) -> Option<G>) -> Option<UncheckedGrant<'a, G>> {
        Some(UncheckedGrant {
            feature: find(self.feature)?,
            id: self.id,
            created_at: self.created_at,
            value: self.value.with_pool(find)?,
        })
    }
}
