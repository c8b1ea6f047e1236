//! What add-ons, plan versions and products grant, and what customers and subscriptions have.
//!
//! What rows come to is the core's to say; here it is only put into Meteroid's shapes.

use super::shapes::{Products, feature_ref, metered, metric_of, not_found, put, some_text, terms};
use crate::admit::tree;
use crate::failure::Failure;
use crate::json::json;
use crate::kind::Kind;
use crate::people::catalog_for;
use crate::request::{Context, Done};
use crate::route::Call;
use crate::store::{Entity, Store, items, product_of, text};
use crate::strict;
use mayuse_core::{Amount, Decision, Instant, Level, Origin, Question, SortedMap, ValueType, WriteJson, decide};
use mayuse_document::ask_resolution;
use serde_json::{Map, Value};

/// What an add-on brings by itself: the defaults of its product's features, and its own rows, as
/// far as they reach those who hold nothing else.
pub(crate) fn of_add_on(call: &Call<'_>, _: &mut Context) -> Result<Done, Failure> {
    let (id, store) = (call.param(0), call.store);
    let add_on = store.get(Kind::AddOn, id)?.ok_or_else(not_found)?.body;
    let product = some_text(&add_on, "product_id");
    let mut granted = Granted::new(store, vec![(Level::AddOn, &add_on)])?;
    granted.features.retain(|feature| match product_of(&feature.body) {
        None => row_on(&add_on, &feature.body).is_some(),
        of => of == product,
    });
    granted.list(store)
}

/// What a plan version grants, without add-ons.
pub(crate) fn of_plan_version(call: &Call<'_>, _: &mut Context) -> Result<Done, Failure> {
    let (id, store) = (call.param(0), call.store);
    let plan = store.plan_of_version(id)?.ok_or_else(not_found)?.body;
    let version = version_of(&plan, id).ok_or_else(not_found)?;
    let products: Vec<&str> = items(version, "product_ids").iter().filter_map(Value::as_str).collect();
    let mut granted = Granted::new(store, vec![(Level::Plan, &plan), (Level::PlanVersion, version)])?;
    granted.features.retain(|feature| product_of(&feature.body).is_none_or(|product| products.contains(&product)));
    granted.list(store)
}

/// The defaults of a product's features. A product need not be stored to have some.
pub(crate) fn of_product(call: &Call<'_>, _: &mut Context) -> Result<Done, Failure> {
    let (id, store) = (call.param(0), call.store);
    let mut granted = Granted::new(store, Vec::new())?;
    granted.features.retain(|feature| product_of(&feature.body) == Some(id));
    if granted.features.is_empty() && store.get(Kind::Product, id)?.is_none() {
        return Err(not_found());
    }
    granted.list(store)
}

pub(crate) fn of_customer(call: &Call<'_>, context: &mut Context) -> Result<Done, Failure> {
    let customer = call.store.customer(call.param(0))?.ok_or_else(not_found)?;
    effective(&customer.id, None, call.store, context.now)
}

/// What a check that names the subscription would say: nothing while it grants no access.
pub(crate) fn of_subscription(call: &Call<'_>, context: &mut Context) -> Result<Done, Failure> {
    let (id, store) = (call.param(0), call.store);
    let subscription = store.get(Kind::Subscription, id)?.ok_or_else(not_found)?;
    effective(text(&subscription.body, "customer_id"), Some(id), store, context.now)
}

/// The row of an owner on a feature, which it names by id or by code.
fn row_on<'b>(owner: &'b Value, feature: &Value) -> Option<&'b Value> {
    let is_on = |row: &&Value| match some_text(row, "feature_id") {
        Some(id) => id == text(feature, "id"),
        None => text(row, "feature") == text(feature, "code"),
    };
    items(owner, "entitlements").iter().find(is_on)
}

fn version_of<'b>(plan: &'b Value, id: &str) -> Option<&'b Value> {
    items(plan, "versions").iter().find(|version| text(version, "id") == id)
}

/// A feature by id or code; an id goes before a code.
fn feature_named<'f>(features: &'f [Entity], key: &str) -> Option<&'f Value> {
    let by_code = || features.iter().find(|feature| text(&feature.body, "code") == key);
    features.iter().find(|feature| feature.id == key).or_else(by_code).map(|feature| &feature.body)
}

fn is_metered(feature: &Value) -> bool {
    feature.get("feature_type").is_some_and(|t| text(t, "type") == "METERED")
}

/// Metered terms, after the metric they are counted in.
fn with_metric(metric: String, terms: Map<String, Value>) -> Map<String, Value> {
    let mut shown = Map::from_iter([("metric_id".to_owned(), Value::from(metric))]);
    shown.extend(terms);
    shown
}

/// Rows of a few owners, to be resolved as if somebody held just these.
struct Granted<'b> {
    ladder: Value,
    owners: Vec<(Level, &'b Value)>,
    /// Those the rows reach.
    features: Vec<Entity>,
}

impl<'b> Granted<'b> {
    fn new(store: &dyn Store, owners: Vec<(Level, &'b Value)>) -> Result<Granted<'b>, Failure> {
        let ladder = store.settings()?.get("ladder").filter(|ladder| !ladder.is_null()).cloned();
        let mut features = store.all(Kind::Feature)?;
        features.retain(|feature| text(&feature.body, "status") == "ACTIVE");
        Ok(Granted { ladder: ladder.unwrap_or_else(|| "STANDARD".into()), owners, features })
    }

    fn list(&self, store: &dyn Store) -> Result<Done, Failure> {
        let products = Products::new(store);
        let mut data = Vec::new();
        for feature in &self.features {
            if let Some(value) = self.value(&feature.body)? {
                data.push(json!({"feature": feature_ref(&feature.body, &products)?, "value": value}));
            }
        }
        Ok(Done::read(json!({"data": data})))
    }

    fn value(&self, feature: &Value) -> Result<Option<Value>, Failure> {
        if !is_metered(feature) {
            let resolution = self.resolve(feature, &["BOOLEAN"])?;
            return Ok(resolution.map(|resolved| json!({"type": "BOOLEAN", "enabled": resolved.get("enabled")})));
        }
        let Some(resolved) = self.resolve(feature, &["METERED", "CREDITS"])? else { return Ok(None) };
        let mut metric = metric_of(feature);
        let mut found = terms_of(&resolved);
        if let Some(row) = self.credits_row(&resolved, feature) {
            let enabled = resolved.get("enabled") == Some(&Value::Bool(true));
            found = terms(row, enabled);
            // Its units are the pool's, as far as they come from the same owners.
            if let Some(pool) = feature_named(&self.features, text(row, "pool_feature_id")) {
                metric = metric_of(pool);
                if let Some(resolved) = self.resolve(pool, &["METERED"])? {
                    found = terms_of(&resolved);
                    let enabled = enabled && resolved.get("enabled") == Some(&Value::Bool(true));
                    found.insert("enabled".to_owned(), enabled.into());
                }
            }
        }
        let mut value = Map::from_iter([("type".to_owned(), "METERED".into())]);
        value.extend(with_metric(metric, found));
        Ok(Some(Value::Object(value)))
    }

    /// What the rows on a feature whose value is of one of these types come to; nothing if there
    /// are none, or if their limits add up to more than can be held, which grants nothing either.
    fn resolve(&self, feature: &Value, types: &[&str]) -> Result<Option<Value>, Failure> {
        let default = feature.get("entitlement").map(|row| (Level::Feature, feature, row));
        let own = self.owners.iter().filter_map(|(level, owner)| Some((*level, *owner, row_on(owner, feature)?)));
        let grants = default.into_iter().chain(own).filter_map(|(level, owner, row)| {
            let value = row.get("value").filter(|value| types.contains(&text(value, "type")))?;
            let (level, entity_id) = (level.name(), text(owner, "id"));
            Some(json!({"level": level, "entity_id": entity_id, "value": value, "created_at": row.get("created_at")}))
        });
        let question = json!({"ladder": self.ladder, "grants": grants.collect::<Vec<_>>()});
        let Ok(resolution) = ask_resolution(&tree(&question)) else { return Ok(None) };
        let resolution = to_value(&resolution)?;
        Ok(Some(resolution).filter(|resolution| resolution.get("absent") == Some(&Value::Bool(false))))
    }

    /// The value a resolution came from, where that is one of credits.
    fn credits_row(&self, resolution: &Value, feature: &'b Value) -> Option<&Value> {
        let origin = resolution.get("origin")?;
        let is_origin =
            |level: Level, id: &str| level.name() == text(origin, "entity_type") && id == text(origin, "entity_id");
        let row = if is_origin(Level::Feature, text(feature, "id")) {
            feature.get("entitlement")
        } else {
            let owner = self.owners.iter().find(|(level, owner)| is_origin(*level, text(owner, "id")));
            owner.and_then(|(_, owner)| row_on(owner, feature))
        };
        row?.get("value").filter(|value| text(value, "type") == "CREDITS")
    }
}

fn terms_of(resolution: &Value) -> Map<String, Value> {
    let field = |name| resolution.get(name).cloned();
    metered(field("limit"), field("reset_period"), resolution.get("enabled") == Some(&Value::Bool(true)))
}

fn to_value(value: &impl WriteJson) -> Result<Value, Failure> {
    strict::from_slice(value.to_json().as_bytes()).map_err(|error| Failure::internal(error.to_string()))
}

/// What a customer has, one feature after the other, as a check of somebody who has used nothing
/// yet and wants nothing says it. Usage is not known here, so the answers do not tell it.
fn effective(customer: &str, subscription: Option<&str>, store: &dyn Store, now: Instant) -> Result<Done, Failure> {
    let catalog = catalog_for(store, &[customer], now)?;
    let features = store.all(Kind::Feature)?;
    let products = Products::new(store);
    let mut owners = Owners::default();
    let mut data = Vec::new();
    for feature in &features {
        let mut question = Question::new(customer, &feature.id);
        question.subscription_id = subscription;
        (question.requested, question.consumed) = (Some(Amount::ZERO), Some(Amount::ZERO));
        // Limits that add up to more than can be held grant nothing, here as in a check.
        let Ok(decision) = decide(&catalog, &question, now) else { continue };
        let Some(origin) = decision.origin else { continue };
        let value = if decision.value_type == Some(ValueType::Boolean) {
            json!({"type": "BOOLEAN", "enabled": decision.allowed})
        } else {
            // The row is needed only where the decision does not tell its terms.
            let tells = decision.metering.is_some() && decision.value_type == Some(ValueType::Metered);
            let row = if tells { None } else { row_of(origin, &feature.body, &mut owners, store)? }.unwrap_or_default();
            let pool = feature_named(&features, text(&row, "pool_feature_id"));
            metered_decision(&decision, metric_of(pool.unwrap_or(&feature.body)), &row)?
        };
        data.push(json!({"feature": feature_ref(&feature.body, &products)?, "value": value}));
    }
    Ok(Done::read(json!({"data": data})))
}

/// The value of a decision about a metered feature. `row` is what decided: something that is
/// switched off has no terms but its own.
fn metered_decision(decision: &Decision<'_>, metric: String, row: &Value) -> Result<Value, Failure> {
    let mut usage = Map::new();
    let spec = match decision.metering {
        None => terms(row, false),
        Some(metering) => {
            let limit = metering.limit.map(|limit| limit.to_string().into());
            let rule = metering.period.map(|period| to_value(&period.rule)).transpose()?;
            let reset_at = metering.period.and_then(|period| period.window.reset_at());
            put(&mut usage, "reset_at", reset_at.map(|at| at.to_string().into()));
            metered(limit, rule, decision.allowed)
        }
    };
    Ok(json!({"type": "METERED", "spec": with_metric(metric, spec), "usage": usage}))
}

/// What rows are read from, each once: the few a customer has to do with.
type Owners = SortedMap<(&'static str, String), Option<Value>>;

/// The value of the row that decided about a feature.
fn row_of(
    origin: Origin<'_>,
    feature: &Value,
    owners: &mut Owners,
    store: &dyn Store,
) -> Result<Option<Value>, Failure> {
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
