//! Shapes that several of Meteroid's routes share: rows, references, lists in pages.

use crate::failure::ApiError;
use crate::ids::derived;
use crate::json::json;
use crate::kind::Kind;
use crate::request::{Outcome, Request};
use crate::store::{Entity, Store, items, product_of, text};
use mayuse_core::{Instant, SortedMap, sort_by};
use serde_json::{Map, Value};
use std::cell::RefCell;

/// Meteroid's 404.
pub(super) fn not_found() -> ApiError {
    ApiError::not_found("Resource not found")
}

/// The instant in a field, if any.
pub(super) fn instant(body: &Value, field: &str) -> Option<Instant> {
    Instant::parse(text(body, field)).ok()
}

/// The text in a field, if it is one and not empty.
pub(super) fn some_text<'b>(body: &'b Value, field: &str) -> Option<&'b str> {
    Some(text(body, field)).filter(|text| !text.is_empty())
}

/// An entity's name, else its id.
pub(super) fn name_of(body: &Value) -> &str {
    some_text(body, "name").unwrap_or_else(|| text(body, "id"))
}

/// The metric of a metered feature. Meteroid's clients require a metric: if none is stored, its id is derived from the
/// feature's id.
pub(super) fn metric_of(feature: &Value) -> String {
    let stored = feature.get("feature_type").and_then(|of| some_text(of, "metric_id"));
    stored.map_or_else(|| derived("bm_", &[text(feature, "id"), "metric_id"]), str::to_owned)
}

/// A body, and the instants of its first and last write.
#[derive(Clone, Copy)]
pub(super) struct StoredEntity<'w> {
    pub body: &'w Value,
    pub created_at: Instant,
    pub updated_at: Instant,
}

impl<'w> From<&'w Entity> for StoredEntity<'w> {
    fn from(entity: &'w Entity) -> Self {
        StoredEntity { body: &entity.body, created_at: entity.created_at, updated_at: entity.updated_at }
    }
}

impl StoredEntity<'_> {
    /// The creation instant. The body's own has priority, since an import may be older than its copy.
    pub fn made(&self) -> Instant {
        instant(self.body, "created_at").unwrap_or(self.created_at)
    }

    /// Its own entitlement rows.
    pub fn rows(&self, store: &dyn Store) -> Result<Vec<Value>, ApiError> {
        let mut rows = Vec::new();
        for row in items(self.body, "entitlements") {
            let feature = match some_text(row, "feature_id") {
                Some(id) => Some(id.to_owned()),
                None => store.by_key(Kind::Feature, text(row, "feature"))?.map(|feature| feature.id),
            };
            rows.extend(feature.map(|feature| self.row(row, &feature)));
        }
        Ok(rows)
    }

    /// One of its rows. Missing fields have derived, stable values.
    pub fn row(&self, row: &Value, feature_id: &str) -> Value {
        let id = some_text(row, "id").map(str::to_owned);
        let id = id.unwrap_or_else(|| derived("ent_", &[text(self.body, "id"), feature_id]));
        let created_at = instant(row, "created_at").unwrap_or_else(|| self.made());
        json!({
            "id": id,
            "feature_id": feature_id,
            "value": row.get("value").map(value).unwrap_or_default(),
            "created_at": created_at.to_string(),
            "updated_at": instant(row, "updated_at").unwrap_or(self.updated_at).max(created_at).to_string(),
        })
    }
}

/// A stored value, in Meteroid's shape. Meteroid has no credits, so a credits row is shown as
/// metered without a limit of its own: its units are the pool's.
fn value(stored: &Value) -> Value {
    let enabled = stored.get("enabled") != Some(&Value::Bool(false));
    match text(stored, "type") {
        "BOOLEAN" => json!({"type": "BOOLEAN", "enabled": enabled}),
        "CONFIG" => {
            let mut value = Map::from_iter([("type".to_owned(), "CONFIG".into())]);
            put(&mut value, "value", stored.get("value").cloned());
            // Meteroid's are always enabled.
            put(&mut value, "enabled", (!enabled).then_some(false.into()));
            Value::Object(value)
        }
        _ => {
            let mut value = Map::from_iter([("type".to_owned(), "METERED".into())]);
            value.extend(terms(stored, enabled));
            Value::Object(value)
        }
    }
}

/// The terms of a stored metered or credits value.
pub(super) fn terms(stored: &Value, enabled: bool) -> Map<String, Value> {
    let limit = if text(stored, "type") == "CREDITS" { Some("0") } else { some_text(stored, "limit") };
    metered(limit.map(Value::from), stored.get("reset_period").cloned(), enabled)
}

/// Metered terms: a missing limit means unlimited, a missing reset period means never.
pub(super) fn metered(limit: Option<Value>, reset_period: Option<Value>, enabled: bool) -> Map<String, Value> {
    let mut terms = Map::new();
    put(&mut terms, "limit", limit);
    let reset_period = reset_period.filter(|period| !period.is_null()).map(in_hours);
    terms.insert("reset_period".to_owned(), reset_period.unwrap_or_else(|| json!({"type": "NEVER"})));
    terms.insert("enabled".to_owned(), enabled.into());
    terms
}

/// Minutes as hours, rounded up: Meteroid has none, and its clients refuse a whole list because of one.
fn in_hours(mut period: Value) -> Value {
    if text(&period, "unit") == "MINUTE"
        && let Some(fields) = period.as_object_mut()
    {
        let minutes = fields.get("interval").and_then(Value::as_u64).unwrap_or(1);
        fields.insert("unit".to_owned(), "HOUR".into());
        fields.insert("interval".to_owned(), minutes.div_ceil(60).into());
    }
    period
}

/// Adds a field that may be absent.
pub(super) fn put(object: &mut Map<String, Value>, field: &str, value: Option<Value>) {
    if let Some(value) = value.filter(|value| !value.is_null()) {
        object.insert(field.to_owned(), value);
    }
}

/// The most of a product's name to repeat beside each of its many features.
const MAX_NAME: usize = 255;

/// A cache of the products of listed features.
pub(super) struct Products<'s> {
    store: &'s dyn Store,
    names: RefCell<SortedMap<String, Option<String>>>,
}

impl<'s> Products<'s> {
    pub fn new(store: &'s dyn Store) -> Products<'s> {
        Products { store, names: RefCell::default() }
    }

    fn name(&self, id: &str) -> Result<Option<String>, ApiError> {
        if let Some(known) = self.names.borrow().get(id) {
            return Ok(known.clone());
        }
        let stored = self.store.get(Kind::Product, id)?;
        let name = stored.as_ref().and_then(|product| some_text(&product.body, "name"));
        let name: Option<String> = name.map(|name| name.chars().take(MAX_NAME).collect());
        self.names.borrow_mut().insert(id.to_owned(), name.clone());
        Ok(name)
    }
}

/// The product of a feature, as a reference.
pub(super) fn product_ref(feature: &Value, products: &Products<'_>) -> Result<Option<Value>, ApiError> {
    let Some(id) = product_of(feature) else { return Ok(None) };
    let name = products.name(id)?;
    let name = name.as_deref().or_else(|| some_text(feature.get("product")?, "name")).unwrap_or(id);
    Ok(Some(json!({"type": "EXISTING", "id": id, "name": name})))
}

/// A feature, as a reference.
pub(super) fn feature_ref(feature: &Value, products: &Products<'_>) -> Result<Value, ApiError> {
    let mut shown = Map::new();
    shown.insert("id".to_owned(), text(feature, "id").into());
    shown.insert("name".to_owned(), name_of(feature).into());
    shown.insert("code".to_owned(), text(feature, "code").into());
    put(&mut shown, "product", product_ref(feature, products)?);
    Ok(Value::Object(shown))
}

/// The sort key of a list, before the id: a number, then a text.
pub(super) type Key = (i64, String);

/// The page of a list that `page` and `per_page` select.
pub(super) fn page(
    request: &Request<'_>,
    mut list: Vec<(Key, Entity)>,
    descending: bool,
    show: &dyn Fn(&Entity) -> Result<Value, ApiError>,
) -> Result<Outcome, ApiError> {
    let page = number(request, "page", 0, u32::MAX, 0)?;
    let per_page = number(request, "per_page", 1, 100, 10)?;
    sort_by(&mut list, |(a_key, a), (b_key, b)| {
        let order = a_key.cmp(b_key).then_with(|| a.id.cmp(&b.id));
        if descending { order.reverse() } else { order }
    });
    let first = page.saturating_mul(per_page).min(list.len());
    let last = first.saturating_add(per_page).min(list.len());
    let shown = list.get(first..last).unwrap_or_default();
    let data: Vec<Value> = shown.iter().map(|(_, entity)| show(entity)).collect::<Result<_, _>>()?;
    let meta = json!({
        "page": page,
        "per_page": per_page,
        "total_items": list.len(),
        "total_pages": list.len().div_ceil(per_page.max(1)),
    });
    Ok(Outcome::read(json!({"data": data, "pagination_meta": meta})))
}

fn number(request: &Request<'_>, name: &str, min: u32, max: u32, default: u32) -> Result<usize, ApiError> {
    let found = match request.parameter(name) {
        None => Some(default),
        Some(text) => text.parse::<u32>().ok().filter(|n| min <= *n && *n <= max),
    };
    let found = found.and_then(|n| usize::try_from(n).ok());
    found.ok_or_else(|| ApiError::field(name, format!("expected {min} to {max}")))
}

/// The parameter `search`, in lower case.
pub(super) fn search(request: &Request<'_>, store: &dyn Store) -> String {
    store.lower(&request.parameter("search").unwrap_or_default())
}

/// Whether an entity's name contains the search text, ignoring case.
pub(super) fn is_found(body: &Value, search: &str, store: &dyn Store) -> bool {
    search.is_empty() || store.lower(name_of(body)).contains(search)
}

/// Whether a customer, plan, add-on or coupon is archived. Its own instant counts.
pub(super) fn is_archived(body: &Value, now: Instant) -> bool {
    instant(body, "archived_at").is_some_and(|archived| archived <= now)
}
