//! The owners of rows that reach many customers, by their positions in the catalog.

use crate::catalog::Catalog;
use crate::grant_source::GrantSource;
use crate::holding::SharedOwner;
use crate::idx::{AddOnIdx, FeatureIdx, PlanIdx, VersionIdx};
use crate::ladder::Level;

/// The owner of a row; None if that is a subscription or a customer.
pub(crate) fn owner_of(source: GrantSource<'_>, catalog: &Catalog) -> Option<SharedOwner> {
    let at = match source {
        GrantSource::Feature(feature) => place(&catalog.features, feature),
        GrantSource::Plan(plan) => place(&catalog.plans, plan),
        GrantSource::PlanVersion(version, _) => place(&catalog.versions, version),
        GrantSource::AddOn(add_on) => place(&catalog.add_ons, add_on),
        GrantSource::Subscription(_) | GrantSource::Customer(..) | GrantSource::Named(..) => None,
    };
    Some(SharedOwner { level: source.level(), at: at? })
}

fn place<T>(list: &[T], wanted: &T) -> Option<u32> {
    list.iter().position(|item| std::ptr::eq(item, wanted)).and_then(|at| u32::try_from(at).ok())
}

#[cfg_attr(not(feature = "small"), inline(always))]
pub(crate) fn source(owner: SharedOwner, catalog: &Catalog) -> Option<GrantSource<'_>> {
    match owner.level {
        Level::Feature => catalog.feature(FeatureIdx(owner.at)).map(GrantSource::Feature),
        Level::Plan => catalog.plan(PlanIdx(owner.at)).map(GrantSource::Plan),
        Level::PlanVersion => {
            catalog.version(VersionIdx(owner.at)).map(|version| GrantSource::PlanVersion(version, catalog))
        }
        Level::AddOn => catalog.add_on(AddOnIdx(owner.at)).map(GrantSource::AddOn),
        Level::Subscription | Level::Customer => None,
    }
}
