//! Lists the entitlements of add-ons, plan versions, products, customers and subscriptions.
//!
//! The core resolves the rows; this module only formats the result in Meteroid's shapes.

use super::shapes::{Products, feature_ref, metered, metric_of, not_found, put, some_text, terms};
use crate::admit::tree;
use crate::customers::{catalog_for, compiled};
use crate::failure::ApiError;
use crate::json::json;
use crate::kind::Kind;
use crate::request::{Context, Outcome};
use crate::route::Call;
use crate::store::{Entity, Store, items, product_of, text, versions};
use crate::strict;
use mayuse_core::{
    Amount, Decision, FullCatalog, Instant, Level, Origin, Question, Reason, SortedMap, ValueType, WriteJson, decide,
};
use serde_json::{Map, Value};

/// The entitlements of an add-on alone: the defaults of its product's features, and its own rows
/// that apply to a customer with nothing else.
pub(crate) fn of_add_on(call: &Call<'_>, context: &mut Context) -> Result<Outcome, ApiError> {
    let (id, store) = (call.param(0), call.store);
    let add_on = store.get(Kind::AddOn, id)?.ok_or_else(not_found)?.body;
    let product = some_text(&add_on, "product_id");
    let features = features(store, &|feature| match product_of(feature) {
        None => row_on(&add_on, feature).is_some(),
        of => of == product,
    })?;
    let holder =
        holder(None, &json!({"add_ons": vec![json!({"add_on_id": id, "quantity": 1_u32})]}), store, context.now)?;
    list(&holder, HOLDER, None, &features, Form::Resolved, store, context.now)
}

/// The entitlements of a plan version, without add-ons.
pub(crate) fn of_plan_version(call: &Call<'_>, context: &mut Context) -> Result<Outcome, ApiError> {
    let (id, store) = (call.param(0), call.store);
    let plan = store.plan_of_version(id)?.ok_or_else(not_found)?.body;
    let version = version_of(&plan, id).ok_or_else(not_found)?;
    let products: Vec<&str> = items(version, "product_ids").iter().filter_map(Value::as_str).collect();
    let features = features(store, &|feature| product_of(feature).is_none_or(|product| products.contains(&product)))?;
    let holder = holder(Some((text(&plan, "id"), id)), &json!({}), store, context.now)?;
    list(&holder, HOLDER, None, &features, Form::Resolved, store, context.now)
}

/// The defaults of a product's features. The product itself need not be stored.
pub(crate) fn of_product(call: &Call<'_>, context: &mut Context) -> Result<Outcome, ApiError> {
    let (id, store) = (call.param(0), call.store);
    let features = features(store, &|feature| product_of(feature) == Some(id))?;
    if features.is_empty() && store.get(Kind::Product, id)?.is_none() {
        return Err(not_found());
    }
    let holder = holder(None, &json!({"components": vec![json!({"product_id": id})]}), store, context.now)?;
    list(&holder, HOLDER, None, &features, Form::Resolved, store, context.now)
}

pub(crate) fn of_customer(call: &Call<'_>, context: &mut Context) -> Result<Outcome, ApiError> {
    let customer = call.store.customer(call.param(0))?.ok_or_else(not_found)?;
    effective(&customer.id, None, call.store, context.now)
}

/// As a check that names the subscription: empty while the subscription grants no access.
pub(crate) fn of_subscription(call: &Call<'_>, context: &mut Context) -> Result<Outcome, ApiError> {
    let (id, store) = (call.param(0), call.store);
    let subscription = store.get(Kind::Subscription, id)?.ok_or_else(not_found)?;
    effective(text(&subscription.body, "customer_id"), Some(id), store, context.now)
}

/// An owner's row for a feature, which the row names by id or code.
fn row_on<'b>(owner: &'b Value, feature: &Value) -> Option<&'b Value> {
    let is_on = |row: &&Value| match some_text(row, "feature_id") {
        Some(id) => id == text(feature, "id"),
        None => text(row, "feature") == text(feature, "code"),
    };
    items(owner, "entitlements").iter().find(is_on)
}

fn version_of<'b>(plan: &'b Value, id: &str) -> Option<&'b Value> {
    versions(plan).into_iter().find(|(known, _)| *known == id).map(|(_, version)| version)
}

/// Finds a feature by id, else by code.
fn feature_named<'f>(features: &'f [Entity], key: &str) -> Option<&'f Value> {
    let by_code = || features.iter().find(|feature| text(&feature.body, "code") == key);
    features.iter().find(|feature| feature.id == key).or_else(by_code).map(|feature| &feature.body)
}

/// Metered terms, preceded by their metric.
fn with_metric(metric: String, terms: Map<String, Value>) -> Map<String, Value> {
    let mut shown = Map::from_iter([("metric_id".to_owned(), Value::from(metric))]);
    shown.extend(terms);
    shown
}

/// The active features that match `wanted`.
fn features(store: &dyn Store, wanted: &dyn Fn(&Value) -> bool) -> Result<Vec<Entity>, ApiError> {
    let mut features = store.all(Kind::Feature)?;
    features.retain(|feature| text(&feature.body, "status") == "ACTIVE" && wanted(&feature.body));
    Ok(features)
}

/// The id of a customer and a subscription that are not stored.
const HOLDER: &str = "~";

/// A catalog with one customer and one subscription, which has the given `fields` and plan version
/// (plan and version id), or an empty plan.
fn holder(
    plan: Option<(&str, &str)>,
    fields: &Value,
    store: &dyn Store,
    now: Instant,
) -> Result<FullCatalog, ApiError> {
    let mut id = HOLDER.to_owned();
    while plan.is_none() && (store.get(Kind::Plan, &id)?.is_some() || store.plan_of_version(&id)?.is_some()) {
        id.push_str(HOLDER);
    }
    let (plan_id, version_id) = plan.unwrap_or((&id, &id));
    // Yearly, since a monthly billing cycle would merge with its own months.
    let mut subscription = json!({"id": HOLDER, "customer_id": HOLDER, "plan_id": plan_id,
        "plan_version_id": version_id, "status": "ACTIVE", "start_date": "1970-01-01", "period": "ANNUAL",
        "billing_day_anchor": 1_u32, "current_period_start": "1970-01-01"});
    if let (Some(subscription), Some(fields)) = (subscription.as_object_mut(), fields.as_object()) {
        subscription.extend(fields.clone());
    }
    let empty_plan = json!({"id": plan_id, "versions": vec![json!({"id": version_id})]});
    let mut document = store.definitions()?;
    document.set("access_statuses", &tree(&Value::from(vec!["ACTIVE"])));
    if plan.is_none() {
        document.add("plans", 0, &tree(&empty_plan));
    }
    document.add("customers", 0, &tree(&json!({"id": HOLDER})));
    document.add("subscriptions", 0, &tree(&subscription));
    compiled(document, store, now)
}

fn to_value(value: &impl WriteJson) -> Result<Value, ApiError> {
    strict::from_slice(value.to_json().as_bytes()).map_err(|error| ApiError::internal(error.to_string()))
}

/// The entitlements of a stored customer, from one subscription or all.
fn effective(customer: &str, subscription: Option<&str>, store: &dyn Store, now: Instant) -> Result<Outcome, ApiError> {
    let full = catalog_for(store, &[customer], now)?;
    list(&full, customer, subscription, &store.all(Kind::Feature)?, Form::Effective, store, now)
}

/// The shape of a listed entitlement.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// The grant of an owner.
    Resolved,
    /// The entitlement of a customer, with its usage.
    Effective,
}

/// Lists a customer's entitlements by asking a check per feature, with zero consumed and zero
/// requested. Usage is not known here, so the list does not show it.
fn list(
    full: &FullCatalog,
    customer: &str,
    subscription: Option<&str>,
    features: &[Entity],
    form: Form,
    store: &dyn Store,
    now: Instant,
) -> Result<Outcome, ApiError> {
    let ask = |feature| {
        let mut question = Question::new(customer, feature);
        question.subscription_id = subscription;
        (question.requested, question.consumed) = (Some(Amount::ZERO), Some(Amount::ZERO));
        // A sum of limits that overflows grants nothing, as in a check.
        decide(full, &question, now).ok()
    };
    let products = Products::new(store);
    let mut owners = Owners::default();
    let mut data = Vec::new();
    for feature in features {
        let Some(decision) = ask(&feature.id) else { continue };
        let Some(origin) = decision.origin else { continue };
        let value = if decision.value_type == Some(ValueType::Boolean) {
            json!({"type": "BOOLEAN", "enabled": decision.allowed})
        } else {
            // The row is needed only if the decision does not hold its terms.
            let tells = decision.metering.is_some() && decision.value_type == Some(ValueType::Metered);
            let row = if tells { None } else { row_of(origin, &feature.body, &mut owners, store)? }.unwrap_or_default();
            let pool = feature_named(features, text(&row, "pool_feature_id"));
            let metric = metric_of(pool.unwrap_or(&feature.body));
            match form {
                Form::Effective => {
                    let (terms, usage) = shown(&decision, decision.allowed, &row)?;
                    json!({"type": "METERED", "spec": with_metric(metric, terms), "usage": usage})
                }
                // The limit is the pool's, if it comes from the same owner.
                Form::Resolved => {
                    let is_off = |pool| ask(text(pool, "id")).is_some_and(|d| d.reason == Reason::EntitlementDisabled);
                    let enabled = decision.enabled && !pool.is_some_and(is_off);
                    let terms =
                        if tells || pool.is_some() { shown(&decision, enabled, &row)?.0 } else { terms(&row, enabled) };
                    let mut value = Map::from_iter([("type".to_owned(), "METERED".into())]);
                    value.extend(with_metric(metric, terms));
                    Value::Object(value)
                }
            }
        };
        data.push(json!({"feature": feature_ref(&feature.body, &products)?, "value": value}));
    }
    Ok(Outcome::read(json!({"data": data})))
}

/// Fields of an answer.
type Fields = Map<String, Value>;

/// The terms and the usage of a decision about a metered feature. `row` decided: a disabled
/// entitlement shows its own terms.
fn shown(decision: &Decision<'_>, enabled: bool, row: &Value) -> Result<(Fields, Fields), ApiError> {
    let mut usage = Map::new();
    let Some(metering) = decision.metering else { return Ok((terms(row, false), usage)) };
    let limit = metering.limit.map(|limit| limit.to_string().into());
    let rule = metering.period.map(|period| to_value(&period.named())).transpose()?;
    let reset_at = metering.period.and_then(|period| period.window.reset_at());
    put(&mut usage, "reset_at", reset_at.map(|at| at.to_string().into()));
    Ok((metered(limit, rule, enabled), usage))
}

/// A cache of the owners of rows, to read each from the store once.
type Owners = SortedMap<(&'static str, String), Option<Value>>;

/// The value of the row that decided.
fn row_of(
    origin: Origin<'_>,
    feature: &Value,
    owners: &mut Owners,
    store: &dyn Store,
) -> Result<Option<Value>, ApiError> {
    let (level, id) = (origin.level(), origin.id());
    let kind = match level {
        Level::Feature => return Ok(feature.get("entitlement").and_then(|row| row.get("value").cloned())),
        Level::Plan | Level::PlanVersion => Kind::Plan,
        Level::AddOn => Kind::AddOn,
        Level::Subscription => Kind::Subscription,
        Level::Customer => Kind::Customer,
    };
    let key = (level.name(), id.to_owned());
    if !owners.contains_key(&key) {
        let found = if level == Level::PlanVersion { store.plan_of_version(id)? } else { store.get(kind, id)? };
        owners.insert(key.clone(), found.map(|found| found.body));
    }
    let owner = owners.get(&key).and_then(Option::as_ref);
    let owner = if level == Level::PlanVersion { owner.and_then(|plan| version_of(plan, id)) } else { owner };
    Ok(owner.and_then(|owner| row_on(owner, feature)?.get("value").cloned()))
}
