//! Positions in the lists of a catalog, with a type for each list, so that the compiler tells them apart.

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
    /// The position of a plan version among the versions of all plans.
    VersionIdx,
    /// The position of an add-on.
    AddOnIdx,
    /// The number of a product. A catalog keeps no list of products: decisions only compare their numbers.
    ProductIdx,
}

/// The position that stands for a name that the catalog does not have.
pub(crate) const UNRESOLVED: u32 = u32::MAX;

/// The item at a position, or None past the end.
pub(crate) fn item<T>(list: &[T], at: u32) -> Option<&T> {
    list.get(usize::try_from(at).ok()?)
}
