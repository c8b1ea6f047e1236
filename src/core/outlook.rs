//! Outlooks: what a customer may use by its holding, until an instant. A caller that keeps them saves the decisions.

use crate::amount::Amount;
use crate::catalog::Catalog;
use crate::features::LOOKUP;
use crate::freshness::later;
use crate::holder::{Holder, holds_nothing};
use crate::holding::OutcomeKind;
use crate::idx::FeatureIdx;
use crate::packed::CustomerRecord;
use crate::snapshot::Source;
use crate::time::Instant;
use crate::valid_until::ValidUntil;
use crate::value::Behavior;

/// The outlook of a customer at an instant, for questions without `at`, limits of age and versions.
#[derive(Debug)]
pub struct Outlook<'r, 'c> {
    catalog: &'c Catalog,
    /// None if no subscription grants access.
    holder: Option<Holder<'r, 'c>>,
    until: Option<Instant>,
}

/// Whether a use of one unit is allowed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bound {
    /// It is denied, whatever was used.
    Denied,
    /// It is allowed, whatever was used.
    Allowed,
    /// It is allowed if the amount after the use is at most this one. If the usage is unknown, only a decision can say.
    UpTo(Amount),
    /// Only a decision can say.
    Ask,
}

impl<'r, 'c> Outlook<'r, 'c> {
    /// None if only decisions can say what the customer may use.
    pub fn of(catalog: &'c Catalog, record: &'r CustomerRecord<'c>, now: Instant) -> Option<Outlook<'r, 'c>> {
        if !LOOKUP {
            return None;
        }
        let mut until = ValidUntil::new(now);
        if let Some(max_age) = catalog.snapshot.max_age_ms
            && catalog.snapshot.source != Source::Origin
        {
            let expires = later(catalog.snapshot.generated_at?, max_age);
            // An age of 0 is reached at once, also by a clock that is behind.
            if max_age == 0 || expires.is_some_and(|expires| expires <= now) {
                return None;
            }
            until.at(expires);
        }
        let holder = Holder::of(catalog, record, now);
        match &holder {
            Some(holder) if holder.is_alone() => until.at(holder.change),
            None if holds_nothing(catalog, record, &mut until) => {}
            _ => return None,
        }
        until.at(catalog.eras.end(now));
        Some(Outlook { catalog, holder, until: until.earliest })
    }

    /// The number of the holding in its catalog; None if no subscription grants access. Customers with the same number
    /// have the same bounds while their outlooks stand.
    pub fn holding(&self) -> Option<u32> {
        self.holder.as_ref().map(Holder::number)
    }

    /// The instant until which the outlook stands; None if nothing ends it.
    pub fn until(&self) -> Option<Instant> {
        self.until
    }

    /// Whether a use of one unit of a feature is allowed.
    pub fn bound(&self, at: FeatureIdx) -> Bound {
        self.found(at).unwrap_or(Bound::Ask)
    }

    fn found(&self, at: FeatureIdx) -> Option<Bound> {
        let feature = self.catalog.feature(at).filter(|feature| feature.max_age_ms.is_none())?;
        let Some(holder) = self.holder.as_ref().filter(|_| feature.active) else { return Some(Bound::Denied) };
        match &holder.only_outcome(at, feature)?.kind {
            OutcomeKind::Absent | OutcomeKind::TypeMismatch | OutcomeKind::Off(_) => Some(Bound::Denied),
            OutcomeKind::On(_) => Some(Bound::Allowed),
            OutcomeKind::Limit(kept) => match (kept.limit.limits.limit, kept.limit.limits.overage) {
                (None, _) => Some(Bound::Allowed),
                // The units above a limit with many digits may be no amount, which only the decision says.
                (Some(amount), Behavior::Allow) => {
                    amount.small_whole().and(kept.limit.limits.grace.small_whole()).map(|_| Bound::Allowed)
                }
                (Some(amount), Behavior::Block) => amount.plus(kept.limit.limits.grace).map(Bound::UpTo),
            },
        }
    }
}
