//! Builds catalogs for decisions: all definitions, and the customers of the question.

use crate::admit::tree;
use crate::failure::ApiError;
use crate::kind::Kind;
use crate::store::Store;
use mayuse_core::{BlockBuilder, Element, FullCatalog, GrantUsage, Instant, Problems, SnapshotMeta, SortedSet, Source};
use mayuse_document::{Document, add_element};

/// The stored ladder, features, plans and add-ons, as a document to which customers are added.
///
/// # Errors
/// The store's errors.
pub fn read_definitions(store: &dyn Store) -> Result<Document, ApiError> {
    let mut document = Document::default();
    // A customer's decision does not depend on other customers.
    document.mark_as_part();
    document.with_zones(store.zones());
    document.with_external_grants(GrantUsage { zones: store.named_zones()?, ..GrantUsage::default() });
    for (name, value) in store.settings()?.as_object().into_iter().flatten() {
        document.set(name, &tree(value));
    }
    for kind in [Kind::Feature, Kind::Plan, Kind::AddOn] {
        for (n, entity) in store.all(kind)?.iter().enumerate() {
            document.add_at(kind.list(), Element::Stored(n), &tree(&entity.body));
        }
    }
    Ok(document)
}

/// A catalog of all features, plans and add-ons, and these customers with their subscriptions.
/// The customers are named by id or alias; unknown and repeated names are skipped. The catalog is
/// current, since it is read from the only writer.
///
/// # Errors
/// The store's errors; an inconsistent stored catalog, which admitted writes exclude.
pub fn catalog_for(store: &dyn Store, customers: &[&str], now: Instant) -> Result<FullCatalog, ApiError> {
    let mut document = store.definitions()?;
    let mut added: SortedSet<String> = SortedSet::default();
    let mut n_subscriptions = 0_usize;
    for key in customers {
        let Some(customer) = store.customer(key)? else { continue };
        if added.contains(&customer.id) {
            continue;
        }
        document.add("customers", added.len(), &tree(&customer.body));
        for subscription in store.subscriptions_of(&customer.id)? {
            document.add("subscriptions", n_subscriptions, &tree(&subscription.body));
            n_subscriptions = n_subscriptions.saturating_add(1);
        }
        added.insert(customer.id);
    }
    compiled(document, store, now)
}

/// Compiles a document into a catalog that is current at `now`.
pub(crate) fn compiled(document: Document, store: &dyn Store, now: Instant) -> Result<FullCatalog, ApiError> {
    let (mut full, _) = document.compile().map_err(|problems| broken(&problems))?;
    let version = Some(store.version()?);
    let snapshot = &mut full.catalog.snapshot;
    *snapshot = SnapshotMeta { source: Source::Origin, version, generated_at: Some(now), ..*snapshot };
    Ok(full)
}

/// Loads the stored customer with this id, and the customer with this alias, into the builder of a
/// shard.
///
/// # Errors
/// The store's errors; inconsistent stored customers, which admitted writes exclude.
pub fn load_into(store: &dyn Store, builder: &mut BlockBuilder<'_>, key: &str) -> Result<(), ApiError> {
    if let Some(customer) = store.get(Kind::Customer, key)? {
        add_element(builder, "customers", 0, &tree(&customer.body)).map_err(|problems| broken(&problems))?;
        for subscription in store.subscriptions_of(&customer.id)? {
            add_element(builder, "subscriptions", 0, &tree(&subscription.body))
                .map_err(|problems| broken(&problems))?;
        }
    }
    if let Some(id) = store.id_by_key(Kind::Customer, key)? {
        builder.alias(key, &id);
    }
    Ok(())
}

/// The first problem of the stored data, as a 500: it is not the client's fault.
fn broken(problems: &Problems) -> ApiError {
    let first = problems.list.first().map(ToString::to_string).unwrap_or_default();
    ApiError::internal(format!("the stored catalog does not hold together: {first}"))
}
