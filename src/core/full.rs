//! A catalog together with its customers.

use crate::catalog::Catalog;
use crate::packed::CustomerBlock;

/// A catalog and its customers, as one document holds both. A replica keeps them apart: it holds only some
/// of the customers.
#[derive(Debug)]
pub struct FullCatalog {
    /// Features, plans, add-ons and the ladder.
    pub catalog: Catalog,
    /// All customers with their subscriptions.
    pub customers: CustomerBlock,
}
