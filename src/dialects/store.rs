//! The catalog as it is stored: what can be read of it, and what a write comes to.

use crate::failure::ApiError;
use crate::kind::{Kind, Referred};
use mayuse_core::{Instant, SortedSet};
use mayuse_document::Document;
use serde_json::Value;

/// An entity as it is stored: its body in the shape of a catalog document, and who wrote it when.
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
    /// The name of the key it was last written with.
    pub updated_by: String,
    /// The version of the catalog that wrote it.
    pub version: u64,
}

/// Reads of the stored catalog. All of one request see the same version.
pub trait Store {
    /// The version: how many writes there were. 0 is an empty catalog.
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

    /// The entity with this second unique key: a feature's code, a customer's alias, a coupon's code.
    fn by_key(&self, kind: Kind, key: &str) -> Result<Option<Entity>, ApiError>;

    /// Only the id of that entity.
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

    /// How many customers and subscriptions refer to this, and the id of one of them.
    fn users_of(&self, what: Referred, id: &str) -> Result<(u64, Option<String>), ApiError>;

    /// Ladder, features, plans and add-ons, read and ready to have customers added.
    fn definitions(&self) -> Result<Document, ApiError>;

    /// A text in lower case, to search in whatever case. The tables of it weigh: a shell may have others.
    fn lower(&self, text: &str) -> String {
        text.to_lowercase()
    }

    /// All entities of a kind of which there are few.
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

    /// The customer with this id or alias; an id goes before an alias.
    fn customer(&self, id_or_alias: &str) -> Result<Option<Entity>, ApiError> {
        match self.get(Kind::Customer, id_or_alias)? {
            Some(customer) => Ok(Some(customer)),
            None => self.by_key(Kind::Customer, id_or_alias),
        }
    }

    /// The feature with this id or code; an id goes before a code.
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
    /// Writes an entity whole, whether or not there was one with its id.
    Put {
        /// Its kind.
        kind: Kind,
        /// Its body, with an `id`.
        body: Value,
    },
    /// Takes an entity away.
    Delete {
        /// Its kind.
        kind: Kind,
        /// Its id.
        id: String,
    },
    /// Replaces the settings.
    Settings(Value),
    /// Takes everything away: the first step of a whole new catalog.
    Clear,
}

impl Change {
    /// An entity to be written.
    pub fn put(kind: Kind, body: Value) -> Change {
        Change::Put { kind, body }
    }
}

/// Fields of a document that are not lists of entities, as far as they are kept.
pub(crate) const SETTINGS: [&str; 2] = ["ladder", "access_statuses"];

/// The largest whole number that every JSON reader keeps exactly.
pub(crate) const MAX_WHOLE: i64 = (1 << 53) - 1;

/// The text in a field of an object, or the empty one.
pub fn text<'b>(body: &'b Value, field: &str) -> &'b str {
    body.get(field).and_then(Value::as_str).unwrap_or_default()
}

/// The items of an array in a field of an object, or none.
pub fn items<'b>(body: &'b Value, field: &str) -> &'b [Value] {
    body.get(field).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// The product of a feature, by id or as the billing system prints it.
pub(crate) fn product_of(feature: &Value) -> Option<&str> {
    let printed = feature.get("product").map(|product| text(product, "id")).unwrap_or_default();
    [text(feature, "product_id"), printed].into_iter().find(|id| !id.is_empty())
}

/// The second unique key of an entity, where its kind has one.
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
        add(Referred::Feature, row.get("value").map(|value| text(value, "pool_feature_id")).unwrap_or_default());
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
