//! How much may be stored: what could not be published is refused in the transaction that would write it.

use crate::sql::Sql;
use mayuse_core::{Element, SortedSet};
use mayuse_dialects::{ApiError, Change, ErrorKind, Kind, text};
use worker::SqlStorageValue;

/// The most bytes of a customer with all its subscriptions, as they are stored: what is packed of them
/// is less, and fits into a shard.
const MAX_CUSTOMER: u64 = 4 * 1024 * 1024;

/// The most bytes of all features, plans and add-ons, as they are stored: every isolate holds them.
const MAX_DEFINITIONS: u64 = 8 * 1024 * 1024;

impl Sql {
    /// Refuses what could not be published: customers with too much.
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

    /// Refuses what could not be published: more definitions than an isolate can hold.
    pub(crate) fn check_definitions(&self, changes: &[Change]) -> Result<(), ApiError> {
        // What only takes away is let through, or nothing could be made smaller that once was too large.
        if !changes.iter().any(|change| matches!(change, Change::Put { kind, .. } if kind.is_definition())) {
            return Ok(());
        }
        let sum = |kind: Kind| format!("coalesce((SELECT sum(length(CAST(body AS BLOB))) FROM {}), 0)", kind.list());
        let statement = ["SELECT ", &sum(Kind::Feature), " + ", &sum(Kind::Plan), " + ", &sum(Kind::AddOn)].concat();
        let what = || "features, plans and add-ons together".to_owned();
        self.check_size(&statement, Vec::new(), MAX_DEFINITIONS, what).map_err(|failure| {
            // The last of them is what makes them too many.
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
