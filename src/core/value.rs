//! Entitlement rows and their values.

use crate::amount::Amount;
use crate::idx::FeatureIdx;
use crate::json::{WriteJson, end, object};
use crate::reset::{NamedPeriod, ResetPeriod};
use crate::time::Instant;
use crate::zone::ZoneIdx;

/// An entitlement row: the value of one owner for one feature.
#[derive(Clone, Debug)]
pub struct Grant {
    pub(crate) feature: FeatureIdx,
    /// The id; may be empty.
    pub id: Box<str>,
    /// The instant of its creation. Rows without one come first.
    pub created_at: Option<Instant>,
    /// The instant from which on the row is there.
    pub starts_at: Option<Instant>,
    /// The instant from which on the row is not there any more.
    pub expires_at: Option<Instant>,
    /// The value.
    pub value: Value,
}

impl Grant {
    /// Whether the row has a start or an end.
    #[inline]
    pub(crate) fn is_dated(&self) -> bool {
        self.starts_at.is_some() || self.expires_at.is_some()
    }
}

/// Whether a row that starts at `starts_at` is there at an instant at which a row is that starts no later and ends at
/// `expires_at`.
pub(crate) fn overlaps(starts_at: Option<Instant>, expires_at: Option<Instant>) -> bool {
    match (starts_at, expires_at) {
        (Some(starts_at), Some(expires_at)) => starts_at < expires_at,
        (None, _) | (_, None) => true,
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
    /// A value that is only told.
    Config(Config),
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
            Value::Config(config) => !config.enabled,
            Value::TypeMismatch => false,
        }
    }

    /// Whether resolution skips the value.
    #[inline]
    pub(crate) fn is_mismatch(&self) -> bool {
        matches!(self, Value::TypeMismatch)
    }

    /// Whether usage is counted by the billing cycle, be it for a cap.
    pub(crate) fn follows_cycle(&self) -> bool {
        let Value::Metered(metered) = self else { return false };
        metered.reset_period.is_by_cycle() || metered.caps.iter().any(|cap| cap.reset_period.is_by_cycle())
    }
}

/// A limit in each window.
#[derive(Clone, PartialEq, Debug)]
pub struct Metered {
    /// The switch.
    pub enabled: bool,
    /// The limit in units; None is unlimited.
    pub limit: Option<Amount>,
    /// When the usage starts again from zero.
    pub reset_period: ResetPeriod,
    /// Whether usage above the limit and the grace is blocked or allowed.
    pub overage: Behavior,
    /// The same during a trial, if it differs then.
    pub in_trial: Option<Behavior>,
    /// The grace in per cent of the limit.
    pub grace_pct: Amount,
    /// The threshold of the warning in per cent of the limit.
    pub warning_threshold_pct: Option<Amount>,
    /// Whether limit and caps count for each seat.
    pub per_seat: bool,
    /// Further limits, which must all hold: at most [`MAX_CAPS`], each with another reset period.
    pub caps: Box<[Cap]>,
}

impl Metered {
    /// Whether the limit or a cap counts from the start of the row or the activation.
    #[inline]
    pub(crate) fn counts_from_start(&self) -> bool {
        self.reset_period.counts_from_start() || self.caps.iter().any(|cap| cap.reset_period.counts_from_start())
    }
}

/// The largest number of caps of a limit.
pub const MAX_CAPS: usize = 8;

/// A further limit of a [`Metered`] value, which has a window of its own.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Cap {
    /// The limit in units.
    pub limit: Amount,
    /// When the usage starts again from zero.
    pub reset_period: ResetPeriod,
}

/// A cap with the name of its time zone.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct NamedCap<'c> {
    limit: Amount,
    reset_period: NamedPeriod<'c>,
}

impl<'c> NamedCap<'c> {
    pub fn new(cap: Cap, zone: Option<&'c str>) -> NamedCap<'c> {
        NamedCap { limit: cap.limit, reset_period: NamedPeriod::new(cap.reset_period, zone) }
    }
}

impl WriteJson for NamedCap<'_> {
    fn write_json(&self, out: &mut Vec<u8>) {
        object!(out, "limit": self.limit, "reset_period": self.reset_period);
        end(out);
    }
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

/// A value that is only told.
#[derive(Clone, PartialEq, Debug)]
pub struct Config {
    /// The switch.
    pub enabled: bool,
    /// Whether a number counts for each seat.
    pub per_seat: bool,
    /// The value.
    pub value: ConfigValue,
}

/// The largest text of a CONFIG value in bytes.
pub const MAX_CONFIG_TEXT: usize = 16 * 1024;

/// The content of a CONFIG value.
#[derive(Clone, PartialEq, Debug)]
pub enum ConfigValue {
    /// A number of at least zero.
    Number(Amount),
    /// A boolean.
    Boolean(bool),
    /// A text, or an option of a SELECT.
    Text(Box<str>),
    /// JSON without white space between its parts.
    Json(Box<str>),
}

/// The type of a feature.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FeatureType {
    /// A switch.
    Boolean,
    /// Counted against a limit.
    Metered,
    /// Values that are only told.
    Config(ConfigType),
    /// A type that this version does not know: no row fits.
    Unknown,
}

/// The type of the values of a CONFIG feature.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ConfigType {
    /// A number.
    Number,
    /// A boolean.
    Boolean,
    /// A text.
    Text,
    /// One of these options, the weakest first.
    Select(Box<[Box<str>]>),
    /// A JSON object.
    Map,
    /// Any JSON.
    Json,
}

impl FeatureType {
    /// Whether the feature is metered.
    #[inline]
    pub fn is_metered(&self) -> bool {
        matches!(self, FeatureType::Metered)
    }
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
    /// The instant from which on the row is there.
    pub starts_at: Option<Instant>,
    /// The instant from which on the row is not there any more.
    pub expires_at: Option<Instant>,
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
    /// A value that is only told.
    Config(Config),
    /// A value with a word that this version does not know. It fits no feature.
    Unknown,
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
            UncheckedValue::Config(config) => UncheckedValue::Config(config),
            UncheckedValue::Unknown => UncheckedValue::Unknown,
        })
    }

    /// Converts the positions of time zones with `find`. Returns whether all are found.
    pub fn convert_zones(&mut self, find: &mut dyn FnMut(ZoneIdx) -> Option<ZoneIdx>) -> bool {
        let UncheckedValue::Metered(metered) = self else { return true };
        let caps = metered.caps.iter_mut().map(|cap| &mut cap.reset_period);
        for period in [&mut metered.reset_period].into_iter().chain(caps) {
            if let Some(zone) = period.zone() {
                let Some(found) = find(zone) else { return false };
                *period = period.with_zone(Some(found));
            }
        }
        true
    }

    /// Whether the value grants units of its feature (METERED: true, CREDITS: false); None for other values.
    pub fn has_units(&self) -> Option<bool> {
        match self {
            UncheckedValue::Boolean { .. } | UncheckedValue::Config(_) => None,
            // A later version may know it for units, so rows that take from them are no mismatch.
            UncheckedValue::Unknown => Some(true),
            UncheckedValue::Metered(_) => Some(true),
            UncheckedValue::Credits { .. } => Some(false),
        }
    }
}

impl<'a, F> UncheckedGrant<'a, F> {
    /// Whether the row is there at an instant at which `earlier` is, which starts no later.
    pub fn overlaps(&self, earlier: &UncheckedGrant<'_, F>) -> bool {
        overlaps(self.starts_at, earlier.expires_at)
    }

    /// Converts the time zones with `find`. A zone for which `find` gives None is not known, so the value is not.
    pub(crate) fn with_zones(mut self, find: &mut dyn FnMut(ZoneIdx) -> Option<ZoneIdx>) -> UncheckedGrant<'a, F> {
        if !self.value.convert_zones(find) {
            self.value = UncheckedValue::Unknown;
        }
        self
    }

    /// Converts the references to the feature and the pool with `find`. None if `find` gives None.
    pub(crate) fn with_features<G>(self, find: &mut dyn FnMut(F) -> Option<G>) -> Option<UncheckedGrant<'a, G>> {
        Some(UncheckedGrant {
            feature: find(self.feature)?,
            id: self.id,
            created_at: self.created_at,
            starts_at: self.starts_at,
            expires_at: self.expires_at,
            value: self.value.with_pool(find)?,
        })
    }
}
