//! Positions in the lists of a catalog: a type for each list, so that one is never taken for another.

macro_rules! positions {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
            pub struct $name(pub(crate) u32);

            impl From<u32> for $name {
                fn from(at: u32) -> Self {
                    $name(at)
                }
            }
        )*
    };
}

positions! {
    /// The position of a feature.
    FeatureIdx,
    /// The position of a plan.
    PlanIdx,
    /// The position of a plan version, among those of all plans.
    VersionIdx,
    /// The position of an add-on.
    AddOnIdx,
    /// The number of a product. A catalog keeps nothing of products: decisions only compare them.
    ProductIdx,
}

/// The position of a name that the catalog does not have.
pub(crate) const UNRESOLVED: u32 = u32::MAX;

/// The item at a position.
pub(crate) fn item<T>(list: &[T], at: u32) -> Option<&T> {
    list.get(usize::try_from(at).ok()?)
}
