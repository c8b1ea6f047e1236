//! Size limits: a write whose result could not be published fails in its own transaction.

use crate::sql::Sql;
use mayuse_core::{Element, SortedSet};
use mayuse_dialects::{ApiError, Change, ErrorKind, Kind, text};
use worker::SqlStorageValue;

/// The maximum stored size of a customer with all its subscriptions. Their packed form is smaller and
/// fits into a shard.
const MAX_CUSTOMER: u64 = 4 * 1024 * 1024;

/// The maximum stored size of all features, plans and add-ons, since every isolate holds them.
const MAX_DEFINITIONS: u64 = 8 * 1024 * 1024;

impl Sql {
    /// Refuses changes that make a customer too large to publish.
    pub(crate) fn check_customers(&self, changes: &[Change]) -> Result<(), ApiError> {
        let mut checked: SortedSet<&str> = SortedSet::default();
        let (mut n_customers, mut n_subscriptions) = (0_usize, 0_usize);
        for change in changes {
            let Change::Put { kind, body } = change else { continue };
            let (n, field) = match kind {
                Kind::Customer => (&mut n_customers, "id"),
                Kind::Subscription => (&mut n_subscriptions, "customer_id"),
                _ => continue,
            };
            let place = Element::Listed(kind.list(), *n);
            *n = n.saturating_add(1);
            let id = text(body, field);
            if checked.contains(id) {
                continue;
            }
            checked.insert(id);
            let statement = "SELECT coalesce((SELECT length(CAST(body AS BLOB)) FROM customers WHERE id = ?), 0)
                + coalesce((SELECT sum(length(CAST(body AS BLOB))) FROM subscriptions WHERE customer_id = ?), 0)";
            let what = || format!("customer `{id}` with all its subscriptions");
            self.check_size(statement, vec![id.into(), id.into()], MAX_CUSTOMER, what)
                .map_err(|failure| failure.at(place))?;
        }
        Ok(())
    }

    /// Refuses changes that make the definitions too large for an isolate.
    pub(crate) fn check_definitions(&self, changes: &[Change]) -> Result<(), ApiError> {
        // Deletions always pass. Otherwise a catalog that is too large could not shrink.
        if !changes.iter().any(|change| matches!(change, Change::Put { kind, .. } if kind.is_definition())) {
            return Ok(());
        }
        let sum = |kind: Kind| format!("coalesce((SELECT sum(length(CAST(body AS BLOB))) FROM {}), 0)", kind.list());
        let statement = ["SELECT ", &sum(Kind::Feature), " + ", &sum(Kind::Plan), " + ", &sum(Kind::AddOn)].concat();
        let what = || "features, plans and add-ons together".to_owned();
        self.check_size(&statement, Vec::new(), MAX_DEFINITIONS, what).map_err(|failure| {
            // The last definition written is the one that exceeds the limit.
            let mut kinds = changes.iter().filter_map(|change| match change {
                Change::Put { kind, .. } if kind.is_definition() => Some(*kind),
                _ => None,
            });
            let last = kinds.clone().next_back();
            let place = last.map(|last| (last.list(), kinds.by_ref().filter(|kind| *kind == last).count()));
            failure.at(place.map(|(list, n)| Element::Listed(list, n.saturating_sub(1))).unwrap_or_default())
        })
    }

    fn check_size(
        &self,
        statement: &str,
        bindings: Vec<SqlStorageValue>,
        max: u64,
        what: impl FnOnce() -> String,
    ) -> Result<(), ApiError> {
        let size = self.whole(statement, bindings)?;
        if size <= max {
            return Ok(());
        }
        Err(ApiError::new(ErrorKind::TooLarge, format!("{} would take {size} bytes, more than {max}", what())))
    }
}
