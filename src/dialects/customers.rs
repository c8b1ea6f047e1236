//! Catalogs to decide from: what is defined for everybody, and the few customers a question is about.

use crate::admit::tree;
use crate::failure::ApiError;
use crate::kind::Kind;
use crate::store::Store;
use mayuse_core::{BlockBuilder, Element, FullCatalog, Instant, Problems, SnapshotMeta, SortedSet, Source};
use mayuse_document::{Document, add_element};

/// Ladder, features, plans and add-ons as they are stored, read and ready to have customers added.
///
/// # Errors
/// The store's own.
pub fn read_definitions(store: &dyn Store) -> Result<Document, ApiError> {
    let mut document = Document::default();
    // Nobody is judged by whom else is there.
    document.mark_as_part();
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

/// A catalog of all features, plans and add-ons, and of these customers with all that they
/// subscribe to. They are named by id or alias; of one that is not known there is nothing in it,
/// and nobody is in it twice. It is as fresh as can be: read from the one writer, now.
///
/// # Errors
/// The store's own; a stored catalog that does not hold together, which no write leaves behind.
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

/// A document as a catalog that is as fresh as can be.
pub(crate) fn compiled(document: Document, store: &dyn Store, now: Instant) -> Result<FullCatalog, ApiError> {
    let (mut full, _) = document.compile().map_err(|problems| broken(&problems))?;
    let version = Some(store.version()?);
    let snapshot = &mut full.catalog.snapshot;
    *snapshot = SnapshotMeta { source: Source::Origin, version, generated_at: Some(now), ..*snapshot };
    Ok(full)
}

/// Loads the customer behind an id, and the alias of whoever has this one, into the builder of a
/// shard, as they are stored now.
///
/// # Errors
/// The store's own; stored customers who do not hold together, which no write leaves behind.
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

/// The first problem of what is stored. None of them is the asker's fault.
fn broken(problems: &Problems) -> ApiError {
    let first = problems.list.first().map(ToString::to_string).unwrap_or_default();
    ApiError::internal(format!("the stored catalog does not hold together: {first}"))
}
