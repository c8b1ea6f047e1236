//! Commet's dialect: `POST /addons`, also below `/api/v1`, with the key in `x-api-key`, and errors as
//! `{success: false, error: {type, code, message, param, details}}`.
//!
//! Commet bills in cents, and rates usage in ten-thousandths.

use crate::failure::{ApiError, ErrorKind};
use crate::json::json;
use crate::kind::Kind;
use crate::request::{ApiResponse, Context, Outcome};
use crate::route::Call;
use crate::store::{Change, Entity, MAX_WHOLE, Store, items, product_of, text};
use mayuse_core::{Code, SortedSet};
use mayuse_document::{Node, Object, read};
use rust_decimal::Decimal;
use serde_json::Value;

/// How an add-on is consumed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Model {
    Boolean,
    Metered,
    Credits,
    Balance,
}

impl Model {
    const WORDS: [(&'static str, Model); 4] = [
        ("boolean", Model::Boolean),
        ("metered", Model::Metered),
        ("credits", Model::Credits),
        ("balance", Model::Balance),
    ];

    fn name(self) -> &'static str {
        Model::WORDS.iter().find(|(_, model)| *model == self).map(|(name, _)| *name).unwrap_or_default()
    }

    /// The code and name of the shared pool that pays for usage.
    fn pool(self) -> Option<(&'static str, &'static str)> {
        match self {
            Model::Credits => Some(("credits", "Credits")),
            Model::Balance => Some(("balance", "Balance")),
            Model::Boolean | Model::Metered => None,
        }
    }
}

/// The request. Only the amounts that the model uses are set.
struct CreateAddOn {
    name: String,
    description: Option<String>,
    base_price: i64,
    feature: String,
    model: Model,
    included_units: Option<i64>,
    overage_rate: Option<i64>,
    credit_cost: Option<i64>,
}

impl CreateAddOn {
    fn read(o: Object<'_>) -> Option<CreateAddOn> {
        let name = o.required("name", |n| characters(&n, 1, 100));
        let description = o.optional("description", |n| characters(&n, 0, 255));
        let base_price = o.required("basePrice", |n| whole(&n));
        let feature = o.required_id("featureId");
        let model = o.required("consumptionModel", |n| n.word(&Model::WORDS));
        // Fields that the model does not use are read to report a wrong type, then dropped.
        let amount = |field: &str, is_used: bool, is_needed: bool| {
            let found = if is_needed { o.required(field, |n| whole(&n)) } else { o.optional(field, |n| whole(&n)) };
            found.filter(|_| is_used)
        };
        let (metered, credits, balance) =
            (model == Some(Model::Metered), model == Some(Model::Credits), model == Some(Model::Balance));
        let included_units = amount("includedUnits", metered, false);
        let overage_rate = amount("overageRate", metered || balance, balance);
        let credit_cost = amount("creditCost", credits, credits);
        Some(CreateAddOn {
            name: name?,
            description,
            base_price: base_price?,
            feature: feature?,
            model: model?,
            included_units,
            overage_rate,
            credit_cost,
        })
    }

    /// The add-on's grant.
    fn value(&self, pool: Option<&str>) -> Value {
        let rate = self.overage_rate.map(|rate| decimal(rate, 4));
        if let Some(pool) = pool {
            let cost = rate.unwrap_or_else(|| self.credit_cost.unwrap_or_default().to_string());
            return json!({"type": "CREDITS", "enabled": true, "pool_feature_id": pool, "cost": cost});
        }
        if self.model == Model::Boolean {
            return json!({"type": "BOOLEAN", "enabled": true});
        }
        // A rate alone includes zero units and bills all usage; with neither field, usage is unlimited.
        let limit = self.included_units.or(self.overage_rate.map(|_| 0)).map(|limit| limit.to_string());
        let overage = match rate {
            // Commet sells no overage in a trial.
            Some(rate) => json!({"behavior": "ALLOW", "in_trial": "BLOCK", "unit_price": rate}),
            None => json!({"behavior": "BLOCK"}),
        };
        json!({
            "type": "METERED",
            "enabled": true,
            "limit": limit,
            // Commet grants units per month, whatever the billing period.
            "reset_period": json!({"type": "BILLING_CYCLE", "sub_cycle": "MONTHLY"}),
            "overage": overage,
        })
    }
}

pub(crate) fn create(call: &Call<'_>, context: &mut Context) -> Result<Outcome, ApiError> {
    let (request, store) = (call.request, call.store);
    let asked = read(&request.tree()?, CreateAddOn::read)?;
    let feature = store.feature(&asked.feature)?.ok_or_else(|| {
        let message = format!("there is no feature with the id or code `{}`", asked.feature);
        refused(ErrorKind::NotFound, "featureId", message).code("feature_not_found")
    })?;
    let type_name = feature.body.get("feature_type").map(|found| text(found, "type")).unwrap_or_default();
    if (type_name == "BOOLEAN") != (asked.model == Model::Boolean) {
        let (model, id) = (asked.model.name(), &feature.id);
        let message = format!(
            "`{model}` does not fit feature `{id}`, which is {type_name}: \
             boolean goes with BOOLEAN, the others with METERED"
        );
        return Err(ApiError::field("consumptionModel", message));
    }
    let slug = slug(&asked, &feature, store)?;
    let now = context.now.to_string();
    let mut changes = Vec::new();
    let pool = match asked.model.pool() {
        Some((code, name)) => Some(pool(code, name, &feature, store, context, &mut changes)?),
        None => None,
    };

    let (id, price_id) = (context.ids.next("add_"), context.ids.next("pri_"));
    changes.push(Change::put(
        Kind::Price,
        json!({
            "id": price_id,
            "currency": "USD",
            "cadence": "MONTHLY",
            "pricing": json!({"type": "RATE", "rate": decimal_of_two_places(asked.base_price)}),
        }),
    ));
    changes.push(Change::put(
        Kind::AddOn,
        json!({
            "id": id,
            "name": asked.name,
            "description": asked.description,
            // Every holder of the add-on has its feature, so the add-on has the feature's product.
            "product_id": product_of(&feature.body),
            "price_id": price_id,
            "max_instances_per_subscription": 1_u32,
            "self_serviceable": true,
            "archived_at": Value::Null,
            "created_at": now,
            "entitlements": [json!({
                "id": context.ids.next("ent_"),
                "feature_id": feature.id,
                "value": asked.value(pool.as_deref()),
                "created_at": now,
                "updated_at": now,
            })],
            "commet": json!({
                "slug": slug,
                "base_price": asked.base_price,
                "consumption_model": asked.model.name(),
                "included_units": asked.included_units,
                "overage_rate": asked.overage_rate,
                "credit_cost": asked.credit_cost,
            }),
        }),
    ));
    let feature_name = Some(text(&feature.body, "name")).filter(|name| !name.is_empty()).unwrap_or(&feature.id);
    let add_on = json!({
            "id": id,
            "name": asked.name,
            "slug": slug,
            "description": asked.description,
            "basePrice": asked.base_price,
            "consumptionModel": asked.model.name(),
            "featureCode": text(&feature.body, "code"),
            "featureName": feature_name,
            "includedUnits": asked.included_units,
            "overageRate": asked.overage_rate,
            "creditCost": asked.credit_cost,
            "createdAt": now,
            "updatedAt": now,
            "object": "addon",
            "livemode": true,
    });
    // Older clients read the add-on from an envelope, newer ones from the top level: both find it.
    let mut answer = json!({"success": true, "data": add_on});
    if let (Some(answer), Value::Object(add_on)) = (answer.as_object_mut(), add_on) {
        answer.extend(add_on);
    }
    Ok(Outcome::wrote(ApiResponse::json(201, answer), changes))
}

fn refused(why: ErrorKind, param: &str, message: String) -> ApiError {
    ApiError::new(why, message).at(param)
}

/// A slug that is unique among Commet's add-ons. Refuses a feature that another of them has.
fn slug(asked: &CreateAddOn, feature: &Entity, store: &dyn Store) -> Result<String, ApiError> {
    let mut taken: SortedSet<String> = SortedSet::default();
    for add_on in store.all(Kind::AddOn)? {
        let Some(commet) = add_on.body.get("commet") else { continue };
        taken.insert(text(commet, "slug").to_owned());
        // A row that the operator wrote may name its feature by code.
        let is_same =
            |row: &Value| text(row, "feature_id") == feature.id || text(row, "feature") == text(&feature.body, "code");
        if items(&add_on.body, "entitlements").iter().any(is_same) {
            let message = format!("feature `{}` already has an add-on, `{}`", feature.id, add_on.id);
            return Err(refused(ErrorKind::Conflict, "featureId", message).code("feature_already_exists"));
        }
    }
    let mut base = String::new();
    for c in asked.name.chars() {
        match c.to_ascii_lowercase() {
            c if c.is_ascii_alphanumeric() => base.push(c),
            _ if base.is_empty() || base.ends_with('-') => {}
            _ => base.push('-'),
        }
    }
    let base = Some(base.trim_end_matches('-')).filter(|base| !base.is_empty()).unwrap_or("addon");
    let mut slug = base.to_owned();
    // One candidate more than there are taken slugs leaves a free slug.
    for n in 2..=taken.len().saturating_add(1) {
        if !taken.contains(&slug) {
            break;
        }
        slug = format!("{base}-{n}");
    }
    Ok(slug)
}

/// The id of the feature that represents a pool. The first add-on that draws on the pool creates
/// the feature; plans grant its units.
fn pool(
    code: &str,
    name: &str,
    feature: &Entity,
    store: &dyn Store,
    context: &mut Context,
    changes: &mut Vec<Change>,
) -> Result<String, ApiError> {
    let Some(pool) = store.by_key(Kind::Feature, code)? else {
        let id = context.ids.next("feat_");
        let body = json!({
            "id": id,
            "code": code,
            "name": name,
            "feature_type": json!({"type": "METERED"}),
            "status": "ACTIVE",
            "created_at": context.now.to_string(),
        });
        changes.push(Change::put(Kind::Feature, body));
        return Ok(id);
    };
    if pool.id == feature.id {
        let message = format!("feature `{}` is the pool itself, and cannot be paid from itself", pool.id);
        return Err(ApiError::field("featureId", message));
    }
    if pool.body.get("feature_type").map(|found| text(found, "type")) != Some("METERED") {
        let message = format!("usage would be paid from feature `{code}`, which is BOOLEAN; a pool is METERED");
        return Err(refused(ErrorKind::Conflict, "consumptionModel", message));
    }
    Ok(pool.id)
}

/// Reads a text with limits on its length.
fn characters(node: &Node<'_>, min: usize, max: usize) -> Option<String> {
    let text = node.text()?;
    let n = text.chars().count();
    if n < min || max < n {
        node.error(Code::OutOfRange, format!("expected {min} to {max} characters, found {n}"));
        return None;
    }
    Some(text.to_owned())
}

fn whole(node: &Node<'_>) -> Option<i64> {
    let value = node.integer()?;
    if value < 0 || MAX_WHOLE < value {
        node.error(Code::OutOfRange, format!("expected 0 to {MAX_WHOLE}, found {value}"));
        return None;
    }
    Some(value)
}

/// `value` / 10^`scale`, in the fewest digits.
fn decimal(value: i64, scale: u32) -> String {
    Decimal::new(value, scale).normalize().to_string()
}

/// Cents as currency units with two decimal places, the format of prices.
fn decimal_of_two_places(cents: i64) -> String {
    Decimal::new(cents, 2).to_string()
}
