//! A catalog with all its customers.

use crate::catalog::Catalog;
use crate::packed::CustomerBlock;

/// A catalog with all its customers, as one document has them. A replica keeps the two apart, because it holds only
/// some customers.
#[derive(Debug)]
pub struct FullCatalog {
    /// Features, plans, add-ons and the ladder.
    pub catalog: Catalog,
    /// All customers with their subscriptions.
    pub customers: CustomerBlock,
}
