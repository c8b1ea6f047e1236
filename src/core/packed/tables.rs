//! What opening a block finds out about its names and rows.

use super::marks::Marks;
use super::record::OwnRows;
use crate::symbols::ResolvedRefs;
use crate::value::Grant;

/// The tables from opening a block, which reading its records needs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tables {
    /// The positions in the catalog for each name of the block.
    pub refs: Box<[ResolvedRefs]>,
    /// The rows of all customers and subscriptions of the block.
    pub rows: Box<[Grant]>,
    /// The holdings of customers that were asked about.
    pub marks: Marks,
}

impl Tables {
    #[inline]
    pub(super) fn rows_of(&self, rows: &OwnRows<'_>) -> &[Grant] {
        // The fast path: few customers and subscriptions have rows.
        if rows.n == 0 {
            return &[];
        }
        let (Ok(first), Ok(n)) = (usize::try_from(rows.first), usize::try_from(rows.n)) else { return &[] };
        self.rows.get(first..first.saturating_add(n)).unwrap_or_default()
    }
}
