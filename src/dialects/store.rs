//! The interface to the stored catalog: reads, and the changes of a write.

use crate::failure::ApiError;
use crate::kind::{Kind, Referred};
use mayuse_core::{Instant, SortedSet};
use mayuse_document::{Document, ZoneSource};
use serde_json::Value;

/// A stored entity: its body in the shape of a catalog document, and its last write.
#[derive(Clone, PartialEq, Debug)]
pub struct Entity {
    /// Unique within its kind.
    pub id: String,
    /// A JSON object with the same `id`.
    pub body: Value,
    /// When it was first written.
    pub created_at: Instant,
    /// When it was last written.
    pub updated_at: Instant,
    /// The name of the key that last wrote it.
    pub updated_by: String,
    /// The catalog version of its last write.
    pub version: u64,
}

/// Reads of the stored catalog. All reads of one request see the same version.
pub trait Store {
    /// The version, which counts the writes. 0 is an empty catalog.
    fn version(&self) -> Result<u64, ApiError>;

    /// The version that the next write makes. Where one that was built elsewhere is published already, it
    /// is above that: readers go back to no older one.
    fn next_version(&self) -> Result<u64, ApiError> {
        Ok(self.version()?.saturating_add(1))
    }

    /// The fields of the document that are not lists: an object with `ladder` and
    /// `access_statuses`, where they are set.
    fn settings(&self) -> Result<Value, ApiError>;

    /// The entity with this id.
    fn get(&self, kind: Kind, id: &str) -> Result<Option<Entity>, ApiError>;

    /// The entity with this unique key: a feature's code, a customer's alias, a coupon's code.
    fn by_key(&self, kind: Kind, key: &str) -> Result<Option<Entity>, ApiError>;

    /// The id of that entity.
    fn id_by_key(&self, kind: Kind, key: &str) -> Result<Option<String>, ApiError> {
        Ok(self.by_key(kind, key)?.map(|entity| entity.id))
    }

    /// The plan that has a version with this id.
    fn plan_of_version(&self, version_id: &str) -> Result<Option<Entity>, ApiError>;

    /// Entities in the order of their ids, those after `after`: at most `limit` of them, fewer where
    /// they are large, none only at the end.
    fn page(&self, kind: Kind, after: &str, limit: usize) -> Result<Vec<Entity>, ApiError>;

    /// The subscriptions of a customer, by the customer's id, in the order of their ids.
    fn subscriptions_of(&self, customer_id: &str) -> Result<Vec<Entity>, ApiError>;

    /// The number of customers and subscriptions that refer to the target, and the kind and id of one.
    fn users_of(&self, what: Referred, id: &str) -> Result<(u64, Option<(Kind, String)>), ApiError>;

    /// The newest `source_updated_at` remembered of a deleted entity.
    fn removed(&self, kind: Kind, id: &str) -> Result<Option<Instant>, ApiError>;

    /// Ladder, features, plans and add-ons, read and ready to have customers added.
    fn definitions(&self) -> Result<Document, ApiError>;

    /// Where time zones are found by name.
    fn zones(&self) -> ZoneSource;

    /// The names of the time zones that customers and subscriptions name, each once.
    fn named_zones(&self) -> Result<Vec<String>, ApiError>;

    /// A text in lower case, to search without case. A shell may use its platform's smaller tables.
    fn lower(&self, text: &str) -> String {
        text.to_lowercase()
    }

    /// All entities of a kind that has few.
    fn all(&self, kind: Kind) -> Result<Vec<Entity>, ApiError> {
        let mut all: Vec<Entity> = Vec::new();
        loop {
            let after = all.last().map(|entity| entity.id.clone()).unwrap_or_default();
            let page = self.page(kind, &after, 500)?;
            if page.is_empty() {
                return Ok(all);
            }
            all.extend(page);
        }
    }

    /// Finds a customer by id, else by alias.
    fn customer(&self, id_or_alias: &str) -> Result<Option<Entity>, ApiError> {
        match self.get(Kind::Customer, id_or_alias)? {
            Some(customer) => Ok(Some(customer)),
            None => self.by_key(Kind::Customer, id_or_alias),
        }
    }

    /// Finds a feature by id, else by code.
    fn feature(&self, id_or_code: &str) -> Result<Option<Entity>, ApiError> {
        match self.get(Kind::Feature, id_or_code)? {
            Some(feature) => Ok(Some(feature)),
            None => self.by_key(Kind::Feature, id_or_code),
        }
    }
}

/// One step of a write. All steps of a request are one transaction and one version.
#[derive(Clone, PartialEq, Debug)]
pub enum Change {
    /// Creates or replaces an entity.
    Put {
        /// Its kind.
        kind: Kind,
        /// Its body, with an `id`.
        body: Value,
    },
    /// Deletes an entity.
    Delete {
        /// Its kind.
        kind: Kind,
        /// Its id.
        id: String,
    },
    /// Remembers the newest `source_updated_at` of an entity that does not exist any more, so that a late write
    /// does not bring it back.
    Remember {
        /// Its kind.
        kind: Kind,
        /// Its id.
        id: String,
        /// The instant.
        at: Instant,
    },
    /// Replaces the settings.
    Settings(Value),
    /// Deletes everything: the first step of replacing the whole catalog.
    Clear,
}

impl Change {
    /// Creates or replaces an entity.
    pub fn put(kind: Kind, body: Value) -> Change {
        Change::Put { kind, body }
    }
}

/// The stored fields of a document that are not lists of entities.
pub(crate) use mayuse_document::SETTINGS;

/// The largest integer that every JSON reader keeps exactly.
pub(crate) const MAX_WHOLE: i64 = (1 << 53) - 1;

/// The text in a field of an object, or an empty text.
pub fn text<'b>(body: &'b Value, field: &str) -> &'b str {
    body.get(field).and_then(Value::as_str).unwrap_or_default()
}

/// The items of an array in a field of an object, or an empty slice.
pub fn items<'b>(body: &'b Value, field: &str) -> &'b [Value] {
    body.get(field).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// The versions of a plan, each with its id. A plan without `versions` may be written as its only version.
pub fn versions(plan: &Value) -> Vec<(&str, &Value)> {
    let flat = text(plan, "version_id");
    match items(plan, "versions") {
        [] if !flat.is_empty() && plan.get("versions").is_none_or(Value::is_null) => vec![(flat, plan)],
        list => list.iter().map(|version| (text(version, "id"), version)).collect(),
    }
}

/// The product of a feature, by id or as the billing system prints it.
pub(crate) fn product_of(feature: &Value) -> Option<&str> {
    let printed = feature.get("product").map(|product| text(product, "id")).unwrap_or_default();
    [text(feature, "product_id"), printed].into_iter().find(|id| !id.is_empty())
}

/// An entity's unique key besides its id, if its kind has one.
pub fn key_of(kind: Kind, body: &Value) -> Option<&str> {
    let field = match kind {
        Kind::Feature | Kind::Coupon => "code",
        Kind::Customer => "alias",
        _ => return None,
    };
    body.get(field).and_then(Value::as_str)
}

/// What a customer or subscription refers to and cannot be without. Others refer to nothing here:
/// definitions are checked together.
pub fn references(kind: Kind, body: &Value) -> SortedSet<(Referred, String)> {
    let mut found = SortedSet::default();
    if !matches!(kind, Kind::Customer | Kind::Subscription) {
        return found;
    }
    let mut add = |what, id: &str| {
        if !id.is_empty() {
            found.insert((what, id.to_owned()));
        }
    };
    for row in items(body, "entitlements") {
        add(Referred::Feature, text(row, "feature_id"));
        add(Referred::Feature, text(row, "feature"));
        let Some(value) = row.get("value") else { continue };
        add(Referred::Feature, text(value, "pool_feature_id"));
        for limit in [value].into_iter().chain(items(value, "caps")) {
            add(
                Referred::TimeZone,
                limit.get("reset_period").map(|period| text(period, "time_zone")).unwrap_or_default(),
            );
        }
    }
    if kind == Kind::Subscription {
        add(Referred::PlanVersion, text(body, "plan_version_id"));
        items(body, "add_ons").iter().for_each(|held| add(Referred::AddOn, text(held, "add_on_id")));
        for applied in items(body, "applied_coupons") {
            add(Referred::Coupon, applied.get("coupon").map(|coupon| text(coupon, "id")).unwrap_or_default());
        }
    }
    found
}
