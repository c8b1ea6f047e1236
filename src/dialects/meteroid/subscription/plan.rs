//! A plan version, with its terms and price components.
//!
//! The core reads what a plan grants. This module reads what it costs, from the same body, in this shape. All fields
//! but the ids are optional. A version without a field has the field of its plan.
//!
//! ```text
//! {id, name, currency?, net_terms?, tax_inclusive?, versions: [{
//!   id, version, is_draft?, currency?, net_terms?, tax_inclusive?, billing_day_anchor?,
//!   trial: {duration_days, is_free?}?            or trial_duration?, trial_is_free?
//!   minimum_commitment: {amount, scope}?,
//!   price_components: [{
//!     id, name, product_id?,
//!     fee                                        as in Meteroid's API: {type: "RATE", rates: [...]}
//!     or prices: [{cadence, currency, pricing}]  alternative prices of the component
//!     or price_ids: ["pri_..."]                  prices of the catalog
//!     fee_type?, fee_structure?                  default: those of the product
//!   }]
//! }]}
//! ```
//!
//! So a plan from Meteroid's API can be stored unchanged, with the additional field `versions`:
//! `[{"id": version_id, "version": version}]`. A trial is free by default.

use super::fee::FeeStructure;
use super::numbers::{Source, int32};
use super::plan_fee;
use super::pricing::{Parameters, Price};
use super::reads::{Reads, stored};
use super::request::billing_day_anchor;
use crate::failure::ApiError;
use crate::json::json;
use crate::kind::Kind;
use crate::meteroid::shapes::is_archived;
use crate::store::{text, versions};
use mayuse_core::{Code, Instant};
use mayuse_document::{Node, Object};
use serde_json::{Map, Value};
use std::rc::Rc;

/// The fields that a version inherits from its plan.
const INHERITED: [&str; 9] = [
    "currency",
    "net_terms",
    "tax_inclusive",
    "trial",
    "trial_duration",
    "trial_is_free",
    "billing_day_anchor",
    "minimum_commitment",
    "price_components",
];

/// The largest number of prices of a component.
const MAX_PRICES: usize = 100;

pub(super) struct PlanVersion {
    pub plan_id: String,
    pub plan_name: String,
    pub id: String,
    pub version: u32,
    pub currency: Option<String>,
    pub net_terms: u32,
    /// Whether prices include tax.
    pub tax_inclusive: bool,
    pub trial_days: Option<u32>,
    pub trial_is_free: bool,
    pub billing_day_anchor: Option<i64>,
    /// The JSON of responses; null if there is none.
    pub minimum_commitment: Value,
    pub components: Vec<Component>,
}

/// A price component of a plan.
pub(super) struct Component {
    pub id: String,
    pub name: String,
    pub product_id: Option<String>,
    pub structure: FeeStructure,
    /// The alternative prices; empty if they are unknown.
    pub prices: Vec<Rc<Price>>,
}

/// The requested version of a plan, or the latest version; of equal numbers, the last in the list. Drafts do not
/// count.
///
/// # Errors
/// The plan or version is unknown, archived or invalid.
pub(super) fn find(
    plan_id: &str,
    version: Option<i64>,
    reads: &mut Reads<'_>,
    now: Instant,
) -> Result<PlanVersion, ApiError> {
    let plan = reads.store.get(Kind::Plan, plan_id)?;
    let plan = plan.ok_or_else(|| unknown("plan_id", format!("there is no plan `{plan_id}`")))?.body;
    if is_archived(&plan, now) || text(&plan, "status") == "ARCHIVED" {
        return Err(ApiError::field("plan_id", format!("plan `{plan_id}` is archived")));
    }
    let number = |(_, version): &(&str, &Value)| version.get("version").and_then(Value::as_i64).unwrap_or_default();
    let versions = versions(&plan);
    if versions.is_empty() {
        return Err(ApiError::field(
            "plan_id",
            format!("plan `{plan_id}` has no versions, so nobody can subscribe to it"),
        ));
    }
    let is_draft = |(_, version): &(&str, &Value)| version.get("is_draft").and_then(Value::as_bool) == Some(true);
    let open = versions.iter().copied().filter(|version| !is_draft(version));
    let found = match version {
        Some(asked) => open.clone().rfind(|version| number(version) == asked),
        None => open.clone().max_by_key(number),
    };
    let Some((found_id, found)) = found else {
        let known: Vec<String> = open.map(|version| number(&version).to_string()).collect();
        let known = if known.is_empty() { "drafts only".to_owned() } else { known.join(", ") };
        let asked = version.map_or_else(|| "to subscribe to".to_owned(), |version| version.to_string());
        return Err(unknown("version", format!("plan `{plan_id}` has no version {asked}; it has {known}")));
    };
    let mut whole = with_inherited_fields(found, &plan);
    if let Some(fields) = whole.as_object_mut() {
        fields.insert("id".to_owned(), found_id.into());
    }
    let (mut version, unpriced) = stored(&format!("plan `{plan_id}`"), &whole, "plan_id", read)?;
    plan_id.clone_into(&mut version.plan_id);
    version.plan_name = Some(text(&plan, "name")).filter(|name| !name.is_empty()).unwrap_or(plan_id).to_owned();
    for (component, price_ids) in version.components.iter_mut().zip(unpriced) {
        for id in price_ids {
            component.prices.extend(reads.price(&id, "plan_id")?);
        }
        if let Some(id) = &component.product_id {
            let known = std::mem::take(&mut component.structure);
            component.structure = known.or(reads.structure(id, "plan_id")?.unwrap_or_default());
        }
    }
    Ok(version)
}

/// A version with the fields that it inherits from its plan. If the plan has a `version_id`, as in Meteroid's API,
/// other versions inherit only the currency, the net terms and the tax.
fn with_inherited_fields(version: &Value, plan: &Value) -> Value {
    let mut whole = version.as_object().cloned().unwrap_or_default();
    let named = text(plan, "version_id");
    let is_named = named.is_empty() || named == text(version, "id");
    for name in
        INHERITED.into_iter().filter(|name| is_named || matches!(*name, "currency" | "net_terms" | "tax_inclusive"))
    {
        let has_value = |fields: &Map<String, Value>| fields.get(name).is_some_and(|value| !value.is_null());
        let is_trial =
            name.starts_with("trial") && (whole.contains_key("trial") || whole.contains_key("trial_duration"));
        if let Some(value) = plan.get(name)
            && !has_value(&whole)
            && !is_trial
        {
            whole.insert(name.to_owned(), value.clone());
        }
    }
    Value::Object(whole)
}

/// Reads a version, and the ids of the prices of each component.
fn read(o: Object<'_>) -> Option<(PlanVersion, Vec<Vec<String>>)> {
    let trial = o.optional("trial", |node| {
        let o = node.object()?;
        let days = o.required("duration_days", |n| int32(&n, 0));
        let is_free = o.optional("is_free", |n| n.bool()).unwrap_or(true);
        Some((days?, is_free))
    });
    let days = o.optional("trial_duration", |n| int32(&n, 0));
    let is_free = o.optional("trial_is_free", |n| n.bool()).unwrap_or(true);
    let mut components = Vec::new();
    let mut price_ids = Vec::new();
    o.each("price_components", |_, node| {
        if let Some((component, ids)) = component(node) {
            components.push(component);
            price_ids.push(ids);
        }
    });
    let version = PlanVersion {
        plan_id: String::new(),
        plan_name: String::new(),
        id: o.required_id("id")?,
        version: o.optional("version", |n| int32(&n, 0)).unwrap_or_default(),
        currency: o.text("currency"),
        net_terms: o.optional("net_terms", |n| int32(&n, 0)).unwrap_or_default(),
        tax_inclusive: o.optional("tax_inclusive", |n| n.bool()).unwrap_or_default(),
        trial_days: trial.map(|(days, _)| days).or(days),
        trial_is_free: trial.map_or(is_free, |(_, is_free)| is_free),
        billing_day_anchor: o.optional("billing_day_anchor", billing_day_anchor),
        minimum_commitment: o.optional("minimum_commitment", minimum_commitment).unwrap_or_default(),
        components,
    };
    Some((version, price_ids))
}

fn minimum_commitment(node: Node<'_>) -> Option<Value> {
    let o = node.object()?;
    let amount = o.required("amount", |node| {
        node.amount_not_negative()?;
        node.text().map(str::to_owned)
    });
    let scope = o.required("scope", |node| {
        let o = node.object()?;
        if o.required("type", |n| n.word(&[("all_components", true), ("products", false)]))? {
            return Some(json!({"type": "all_components"}));
        }
        let mut products: Vec<String> = Vec::new();
        o.required("product_ids", |node| {
            node.items(|_, node| products.extend(node.text().map(str::to_owned)));
            Some(())
        })?;
        Some(json!({"type": "products", "product_ids": products}))
    });
    Some(json!({"amount": amount?, "scope": scope?}))
}

fn component(node: Node<'_>) -> Option<(Component, Vec<String>)> {
    let o = node.object()?;
    let id = o.required_id("id");
    let mut prices = Vec::new();
    let mut structure = FeeStructure::read_stored(o);
    if let Some((of_fee, ways)) = o.optional("fee", plan_fee::read) {
        structure = of_fee;
        prices = ways.into_iter().map(Rc::new).collect();
    }
    o.each("prices", |_, node| prices.extend(Price::read(node, Source::Catalog).map(Rc::new)));
    let mut price_ids: Vec<String> = Vec::new();
    let mut is_full = false;
    o.each("price_ids", |_, node| {
        let Some(id) = node.id().filter(|id| !is_full && !price_ids.iter().any(|known| known == id)) else { return };
        if price_ids.len() < MAX_PRICES {
            price_ids.push(id.to_owned());
        } else {
            is_full = true;
            node.error(Code::OutOfRange, format!("a price component has {MAX_PRICES} different prices at most"));
        }
    });
    let (name, product_id, id) = (o.text("name"), o.optional_id("product_id"), id?);
    let name = name.unwrap_or_else(|| id.clone());
    Some((Component { id, name, product_id, structure, prices }, price_ids))
}

impl Component {
    /// The only price in the currency of the subscription that fits the parameters. A single price in this currency is
    /// taken whatever the parameters are. None if the prices are unknown.
    ///
    /// # Errors
    /// No price or several prices are left.
    pub(super) fn price(
        &self,
        parameters: Parameters,
        currency: &str,
        at: &str,
    ) -> Result<Option<Rc<Price>>, ApiError> {
        let refuse = |message: String| Err(ApiError::field(at, message));
        let in_currency = |price: &&Rc<Price>| price.currency.as_deref().is_none_or(|found| found == currency);
        let mut left: Vec<&Rc<Price>> = self.prices.iter().filter(in_currency).collect();
        if left.is_empty() && !self.prices.is_empty() {
            return refuse(format!("component `{}` has no price in {currency}", self.id));
        }
        if 1 < left.len() {
            left.retain(|price| price.fits(parameters));
            match left.len() {
                0 => return refuse(format!("component `{}` has no price with these parameters", self.id)),
                1 => {}
                n => {
                    let message =
                        "say `billing_period` or `committed_capacity` in `price_components.parameterized_components`";
                    return refuse(format!("component `{}` has {n} prices that fit: {message}", self.id));
                }
            }
        }
        Ok(left.first().copied().cloned())
    }
}

/// The error for an unknown entity.
pub(super) fn unknown(path: &str, message: String) -> ApiError {
    ApiError::not_found(message).at(path)
}
