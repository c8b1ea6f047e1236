//! Meteroid's routes that read features.

use super::shapes::{Products, StoredEntity, is_found, metric_of, name_of, not_found, page, product_ref, put, search};
use crate::failure::ApiError;
use crate::kind::Kind;
use crate::request::{Context, Outcome};
use crate::route::Call;
use crate::store::{Entity, product_of, text};
use serde_json::{Map, Value};

const STATUSES: [&str; 3] = ["ACTIVE", "DISABLED", "ARCHIVED"];

pub(crate) fn list(call: &Call<'_>, _: &mut Context) -> Result<Outcome, ApiError> {
    let (request, store) = (call.request, call.store);
    let parameters = request.parameters();
    let statuses: Vec<&str> =
        parameters.iter().filter(|(name, _)| name == "statuses").map(|(_, value)| value.as_str()).collect();
    if !statuses.iter().all(|status| STATUSES.contains(status)) {
        return Err(ApiError::field("statuses", format!("expected one of {}", STATUSES.join(", "))));
    }
    let product = request.parameter("product_id");
    let search = search(request, store);
    let mut list = store.all(Kind::Feature)?;
    list.retain(|feature| {
        (statuses.is_empty() || statuses.contains(&text(&feature.body, "status")))
            && (product.is_none() || product_of(&feature.body) == product.as_deref())
            && is_found(&feature.body, &search, store)
    });
    let keyed = list.into_iter().map(|feature| ((0, name_of(&feature.body).to_owned()), feature));
    let products = Products::new(store);
    page(request, keyed.collect(), false, &|feature| show(feature, &products))
}

pub(crate) fn get(call: &Call<'_>, _: &mut Context) -> Result<Outcome, ApiError> {
    let store = call.store;
    let feature = store.feature(call.param(0))?.ok_or_else(not_found)?;
    Ok(Outcome::read(show(&feature, &Products::new(store))?).of_version(feature.version))
}

fn show(feature: &Entity, products: &Products<'_>) -> Result<Value, ApiError> {
    let written = StoredEntity::from(feature);
    let body = written.body;
    let stored_type = body.get("feature_type").unwrap_or(&Value::Null);
    let mut feature_type = Map::from_iter([("type".to_owned(), text(stored_type, "type").into())]);
    if text(stored_type, "type") == "METERED" {
        feature_type.insert("metric_id".to_owned(), metric_of(body).into());
    }
    if text(stored_type, "type") == "CONFIG" {
        for field in ["value_type", "options"] {
            put(&mut feature_type, field, stored_type.get(field).cloned());
        }
    }
    let default = body.get("entitlement").filter(|row| row.is_object());

    let mut shown = Map::new();
    shown.insert("id".to_owned(), text(body, "id").into());
    shown.insert("name".to_owned(), name_of(body).into());
    shown.insert("code".to_owned(), text(body, "code").into());
    put(&mut shown, "description", body.get("description").filter(|said| said.is_string()).cloned());
    shown.insert("feature_type".to_owned(), feature_type.into());
    shown.insert("status".to_owned(), text(body, "status").into());
    put(&mut shown, "product", product_ref(body, products)?);
    shown.insert("created_at".to_owned(), written.made().to_string().into());
    put(&mut shown, "entitlement", default.map(|row| written.row(row, text(body, "id"))));
    Ok(Value::Object(shown))
}
