//! Entitlement rows and their values.

use crate::amount::Amount;
use crate::idx::FeatureIdx;
use crate::reset::ResetPeriod;
use crate::time::Instant;

/// An entitlement row: the value of one owner for one feature.
#[derive(Clone, Debug)]
pub struct Grant {
    pub(crate) feature: FeatureIdx,
    /// The id; may be empty.
    pub id: Box<str>,
    /// The instant of its creation. Rows without one come first.
    pub created_at: Option<Instant>,
    /// The value.
    pub value: Value,
}

/// The row on a feature among the rows of one owner, which are sorted by feature, at most one for each.
pub(crate) fn row_on(rows: &[Grant], feature: FeatureIdx) -> Option<&Grant> {
    // The fast path: most customers and subscriptions have no rows.
    if rows.is_empty() {
        return None;
    }
    match rows.binary_search_by_key(&feature, |grant| grant.feature) {
        Ok(at) => rows.get(at),
        Err(_) => None,
    }
}

/// The checked value of an entitlement row.
#[derive(Clone, PartialEq, Debug)]
pub enum Value {
    /// A switch.
    Boolean {
        /// On or off.
        enabled: bool,
    },
    /// A limit in each window.
    Metered(Metered),
    /// A cost in units of a pool.
    Credits(Credits),
    /// A value that does not fit its feature. Resolution skips it; the trace shows it.
    TypeMismatch,
}

impl Value {
    /// Whether the value is disabled.
    pub(crate) fn is_off(&self) -> bool {
        match self {
            Value::Boolean { enabled } => !enabled,
            Value::Metered(metered) => !metered.enabled,
            Value::Credits(credits) => !credits.enabled,
            Value::TypeMismatch => false,
        }
    }
}

/// A limit in each window.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Metered {
    /// The switch.
    pub enabled: bool,
    /// The limit in units; None is unlimited.
    pub limit: Option<Amount>,
    /// When the usage starts again from zero.
    pub reset_period: ResetPeriod,
    /// Whether usage above the limit and the grace is blocked or allowed.
    pub overage: Behavior,
    /// The grace in per cent of the limit.
    pub grace_pct: Amount,
    /// The threshold of the warning in per cent of the limit.
    pub warning_threshold_pct: Option<Amount>,
}

/// Whether usage above a limit is blocked or allowed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Behavior {
    /// Requests are refused.
    Block,
    /// Requests are admitted, as overage.
    Allow,
}

/// A cost in units of a pool.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Credits {
    /// The switch.
    pub enabled: bool,
    /// The position of the pool, a metered feature.
    pub(crate) pool: FeatureIdx,
    /// The units of the pool that one unit of the feature takes.
    pub cost: Amount,
}

/// An entitlement row before its value is checked against its feature. `F` is the reference to a feature: a name, a
/// number in a block's table of names, or a position in the catalog.
#[derive(Clone, Debug)]
pub struct UncheckedGrant<'a, F> {
    /// The feature of the row.
    pub feature: F,
    /// The id; may be empty.
    pub id: &'a str,
    /// The instant of its creation.
    pub created_at: Option<Instant>,
    /// The value.
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
    /// A limit in each window.
    Metered(Metered),
    /// A cost in units of a pool.
    Credits {
        /// The switch.
        enabled: bool,
        /// The pool, a feature.
        pool: F,
        /// The units of the pool that one unit of the feature takes.
        cost: Amount,
    },
}

impl<F> UncheckedValue<F> {
    /// Converts the reference to the pool with `find`. None if `find` gives None.
    pub fn with_pool<G>(self, find: impl FnOnce(F) -> Option<G>) -> Option<UncheckedValue<G>> {
        Some(match self {
            UncheckedValue::Boolean { enabled } => UncheckedValue::Boolean { enabled },
            UncheckedValue::Metered(metered) => UncheckedValue::Metered(metered),
            UncheckedValue::Credits { enabled, pool, cost } => {
                UncheckedValue::Credits { enabled, pool: find(pool)?, cost }
            }
        })
    }

    /// Whether the value grants units of its feature (METERED: true, CREDITS: false); None for a switch.
    pub fn has_units(&self) -> Option<bool> {
        match self {
            UncheckedValue::Boolean { .. } => None,
            UncheckedValue::Metered(_) => Some(true),
            UncheckedValue::Credits { .. } => Some(false),
        }
    }
}

impl<'a, F> UncheckedGrant<'a, F> {
    /// Converts the references to the feature and the pool with `find`. None if `find` gives None.
    pub(crate) fn with_features<G>(self, find: &mut dyn FnMut(F) -> Option<G>) -> Option<UncheckedGrant<'a, G>> {
        Some(UncheckedGrant {
            feature: find(self.feature)?,
            id: self.id,
            created_at: self.created_at,
            value: self.value.with_pool(find)?,
        })
    }
}
