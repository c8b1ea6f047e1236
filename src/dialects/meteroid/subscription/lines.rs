//! The lines of a subscription: its price components and add-ons, each with its fee.

use super::fee::{Fee, FeeStructure};
use super::plan::{PlanVersion, unknown};
use super::pricing::{FeeType, Parameters, Price, is_price_period};
use super::reads::{Reads, Size, n_bytes, stored};
use super::request::{AddOnRequest, ComponentsRequest, Customization, PriceEntry, ProductRef};
use crate::failure::ApiError;
use crate::json::json;
use crate::kind::Kind;
use crate::meteroid::shapes::is_archived;
use crate::request::Context;
use crate::store::{Change, text};
use mayuse_core::{BillingPeriod, Instant, SortedMap};
use serde_json::{Map, Value};
use std::rc::Rc;

/// A price component or an add-on of a subscription.
pub(super) struct Line {
    /// The fields that identify it.
    pub ids: Vec<(&'static str, Value)>,
    pub name: String,
    /// The period of the price. None for an unknown price, which then has the period of the subscription.
    pub period: Option<BillingPeriod>,
    pub fee: Fee,
    /// The quantity; only add-ons have one.
    pub quantity: Option<u32>,
}

impl Line {
    pub(super) fn into_json(self, period: BillingPeriod) -> Value {
        // A price of another period is paid with the subscription.
        let period = self.period.filter(|period| is_price_period(*period)).unwrap_or(period);
        let period = if self.fee.is_one_time { "ONE_TIME" } else { period.name().unwrap_or_default() };
        let mut fields = Map::new();
        fields.extend(self.ids.into_iter().map(|(name, id)| (name.to_owned(), id)));
        fields.insert("name".to_owned(), self.name.into());
        fields.insert("period".to_owned(), period.into());
        fields.insert("fee".to_owned(), self.fee.json);
        fields.extend(self.quantity.map(|quantity| ("quantity".to_owned(), quantity.into())));
        Value::Object(fields)
    }
}

/// The shortest recurring period of the lines, of those that Meteroid has.
pub(super) fn shortest_period(lines: &[&Line]) -> BillingPeriod {
    let recurring = lines.iter().filter(|line| !line.fee.is_one_time);
    let shortest = recurring
        .filter_map(|line| line.period)
        .filter(|period| is_price_period(*period))
        .min_by_key(|period| period.months());
    shortest.unwrap_or(BillingPeriod::MONTHLY)
}

/// A requested add-on, from the catalog.
pub(super) struct AddOnOffer {
    name: String,
    product_id: Option<String>,
    pub price: Option<Rc<Price>>,
    structure: FeeStructure,
    max_instances: Option<u64>,
}

/// Loads each add-on once, and checks the requested quantities.
///
/// # Errors
/// An add-on is unknown, archived, or over its maximum quantity.
pub(super) fn offers(
    asked: &[AddOnRequest],
    reads: &mut Reads<'_>,
    now: Instant,
) -> Result<Vec<Rc<AddOnOffer>>, ApiError> {
    let mut known: SortedMap<&str, (Rc<AddOnOffer>, u64)> = SortedMap::default();
    let mut offers = Vec::with_capacity(asked.len());
    for (row, asked) in asked.iter().enumerate() {
        let id = asked.id.as_str();
        let (offer, n) = match known.get(id) {
            Some((offer, n)) => (offer.clone(), *n),
            None => (Rc::new(offer(id, &format!("add_ons[{row}].add_on_id"), reads, now)?), 0),
        };
        let n = n.saturating_add(asked.quantity.into());
        if let Some(max) = offer.max_instances.filter(|max| *max < n) {
            let message = format!("a subscription may hold add-on `{id}` {max} times, not {n}");
            return Err(ApiError::field(format!("add_ons[{row}].quantity"), message));
        }
        known.insert(id, (offer.clone(), n));
        offers.push(offer);
    }
    Ok(offers)
}

fn offer(id: &str, at: &str, reads: &mut Reads<'_>, now: Instant) -> Result<AddOnOffer, ApiError> {
    let Some(add_on) = reads.store.get(Kind::AddOn, id)? else {
        return Err(unknown(at, format!("there is no add-on `{id}`")));
    };
    reads.count(&add_on, at)?;
    let add_on = add_on.body;
    if is_archived(&add_on, now) {
        return Err(ApiError::field(at, format!("add-on `{id}` is archived")));
    }
    let [name, product, price_id] = ["name", "product_id", "price_id"].map(|field| text(&add_on, field));
    let price = if price_id.is_empty() { None } else { reads.price(price_id, at)? };
    // Without a price, the fee is unknown and needs no structure.
    let structure = match price {
        Some(_) => structure(&add_on, product, at, reads)?,
        None => FeeStructure::default(),
    };
    Ok(AddOnOffer {
        name: if name.is_empty() { id } else { name }.to_owned(),
        product_id: Some(product.to_owned()).filter(|product| !product.is_empty()),
        price,
        structure,
        max_instances: add_on.get("max_instances_per_subscription").and_then(Value::as_u64),
    })
}

fn structure(add_on: &Value, product: &str, at: &str, reads: &mut Reads<'_>) -> Result<FeeStructure, ApiError> {
    let own = stored(&format!("add-on `{}`", text(add_on, "id")), add_on, at, |o| Some(FeeStructure::read_stored(o)))?;
    let of_product = if product.is_empty() { None } else { reads.structure(product, at)? };
    Ok(own.or(of_product.unwrap_or_default()))
}

/// The bytes that a line has at least besides its name and its fee, for the names of its fields.
const MIN_LINE_BYTES: usize = 40;

/// Builds the lines. New products and prices are written together with the subscription.
pub(super) struct LineBuilder<'m, 's> {
    pub reads: &'m mut Reads<'s>,
    pub size: &'m mut Size,
    pub context: &'m mut Context,
    pub currency: &'m str,
    pub changes: Vec<Change>,
}

impl LineBuilder<'_, '_> {
    /// One line for each price component: the plan's, without the removed, then the extra components.
    ///
    /// # Errors
    /// A named component is not one of the plan, or a price is not available.
    pub(super) fn components(&mut self, plan: &PlanVersion, asked: &ComponentsRequest) -> Result<Vec<Line>, ApiError> {
        let overridden = asked.overridden.iter().map(|over| over.component_id.as_str());
        let parameterized = asked.parameterized.iter().map(|(id, _)| id.as_str());
        check_of_plan(plan, overridden, "overridden_components", ".component_id")?;
        check_of_plan(plan, parameterized, "parameterized_components", ".component_id")?;
        check_of_plan(plan, asked.removed.iter().map(String::as_str), "remove_components", "")?;
        let mut lines = Vec::new();
        for component in &plan.components {
            let product = component.product_id.as_deref();
            let parameterized = asked.parameterized.iter().enumerate().find(|(_, (id, _))| *id == component.id);
            let (at, parameters) = match parameterized {
                Some((n, (_, found))) => (format!("price_components.parameterized_components[{n}]"), *found),
                None => ("plan_id".to_owned(), Parameters::default()),
            };
            let over = asked.overridden.iter().enumerate().find(|(_, over)| over.component_id == component.id);
            let (name, price, at) = match over {
                Some((n, over)) => {
                    let at = format!("price_components.overridden_components[{n}].price_entry");
                    (&over.name, Some(self.price(&over.price, product, &at)?), at)
                }
                None if asked.removed.contains(&component.id) => continue,
                None => (&component.name, component.price(parameters, self.currency, &at)?, at),
            };
            let ids = vec![
                ("price_component_id", component.id.as_str().into()),
                ("product_id", component.product_id.clone().into()),
            ];
            let slots = parameters.initial_slot_count;
            lines.push(self.line(ids, name, price.as_deref(), &component.structure, slots, &at)?);
        }
        for (n, extra) in asked.extra.iter().enumerate() {
            let at = format!("price_components.extra_components[{n}]");
            let (product, structure) = self.product(&extra.product, &at)?;
            let at = format!("{at}.price_entry");
            let price = self.price(&extra.price, Some(&product), &at)?;
            let ids = vec![("price_component_id", Value::Null), ("product_id", product.into())];
            lines.push(self.line(ids, &extra.name, Some(&price), &structure, None, &at)?);
        }
        Ok(lines)
    }

    /// One line for each requested add-on.
    ///
    /// # Errors
    /// A price is not available.
    pub(super) fn add_ons(&mut self, asked: &[AddOnRequest], offers: &[Rc<AddOnOffer>]) -> Result<Vec<Line>, ApiError> {
        let mut lines = Vec::with_capacity(offers.len());
        for (row, (asked, offer)) in asked.iter().zip(offers).enumerate() {
            let mut at = format!("add_ons[{row}].add_on_id");
            let (mut name, mut price) = (offer.name.as_str(), offer.price.clone());
            let mut structure = offer.structure.clone();
            let mut parameters = Parameters::default();
            match &asked.customization {
                Customization::None => {}
                Customization::Parameterization(found) => parameters = *found,
                Customization::PriceOverride { name: other, price: entry } => {
                    at = format!("add_ons[{row}].customization.price_entry");
                    if price.is_none()
                        && let Some(product) = &offer.product_id
                    {
                        structure = self.reads.structure(product, &at)?.unwrap_or_default();
                    }
                    price = Some(self.price(entry, offer.product_id.as_deref(), &at)?);
                    name = other.as_deref().unwrap_or(name);
                }
            }
            let found = price.as_ref().and_then(|price| price.currency.as_deref());
            self.same_currency(found, &at)?;
            let id = self.context.ids.next("sub_add_");
            let ids = vec![("id", id.into()), ("add_on_id", asked.id.clone().into())];
            let mut line = self.line(ids, name, price.as_deref(), &structure, parameters.initial_slot_count, &at)?;
            // An add-on has one price, so a requested period changes the period of the line, not the price.
            line.period = parameters.billing_period.or(line.period);
            line.quantity = Some(asked.quantity);
            lines.push(line);
        }
        Ok(lines)
    }

    /// The id of the product of an extra component, and its fee structure.
    fn product(&mut self, asked: &ProductRef, at: &str) -> Result<(String, FeeStructure), ApiError> {
        match asked {
            ProductRef::Existing(id) => {
                let at = format!("{at}.product_ref.id");
                let found = self.reads.structure(id, &at)?;
                let found = found.ok_or_else(|| ApiError::field(at, format!("there is no product `{id}`")))?;
                Ok((id.clone(), found))
            }
            ProductRef::New { name, structure } => {
                let id = self.context.ids.next("prd_");
                let body = json!({
                    "id": id,
                    "name": name,
                    "fee_type": structure.fee_type.map(FeeType::name),
                    "fee_structure": structure.to_json(),
                    "catalog": false,
                    "created_at": self.context.now.to_string(),
                });
                self.changes.push(Change::put(Kind::Product, body));
                Ok((id, structure.clone()))
            }
        }
    }

    /// The price that an entry names or contains, checked against this product and the currency.
    fn price(&mut self, entry: &PriceEntry, product: Option<&str>, at: &str) -> Result<Rc<Price>, ApiError> {
        match entry {
            PriceEntry::Existing(id) => {
                let at = format!("{at}.id");
                let price = self.reads.price(id, &at)?;
                let price = price.ok_or_else(|| ApiError::field(at.as_str(), format!("there is no price `{id}`")))?;
                if let (Some(found), Some(product)) = (price.product_id.as_deref(), product)
                    && found != product
                {
                    let message = format!("price `{id}` is one of product `{found}`, not of `{product}`");
                    return Err(ApiError::field(at, message));
                }
                self.same_currency(price.currency.as_deref(), &at)?;
                Ok(price)
            }
            PriceEntry::New(price) => {
                self.same_currency(price.currency.as_deref(), &format!("{at}.currency"))?;
                let body = json!({
                    "id": self.context.ids.next("pri_"),
                    "product_id": product,
                    "cadence": price.cadence.name(),
                    "currency": price.currency,
                    "pricing": price.pricing.to_json(),
                    "catalog": false,
                    "created_at": self.context.now.to_string(),
                });
                self.changes.push(Change::put(Kind::Price, body));
                Ok(price.clone())
            }
        }
    }

    /// A line. Its bytes are counted before the next line is built.
    fn line(
        &mut self,
        ids: Vec<(&'static str, Value)>,
        name: &str,
        price: Option<&Price>,
        structure: &FeeStructure,
        slots: Option<u32>,
        at: &str,
    ) -> Result<Line, ApiError> {
        let fee = match price {
            None => Fee::unknown(),
            Some(price) => {
                let fee = Fee::new(&price.pricing, structure, slots);
                fee.map_err(|message| ApiError::field(at, format!("`{name}`: {message}")))?
            }
        };
        self.size.add(n_bytes(&fee.json).saturating_add(name.len()).saturating_add(MIN_LINE_BYTES), at)?;
        Ok(Line { ids, name: name.to_owned(), period: price.map(|price| price.cadence), fee, quantity: None })
    }

    fn same_currency(&self, found: Option<&str>, at: &str) -> Result<(), ApiError> {
        match found.filter(|found| *found != self.currency) {
            None => Ok(()),
            Some(found) => {
                let shown: String = found.chars().take(16).collect();
                Err(ApiError::field(at, format!("the price is in `{shown}`, the subscription in {}", self.currency)))
            }
        }
    }
}

fn check_of_plan<'i>(
    plan: &PlanVersion,
    ids: impl Iterator<Item = &'i str>,
    list: &str,
    field: &str,
) -> Result<(), ApiError> {
    for (n, id) in ids.enumerate() {
        if !plan.components.iter().any(|component| component.id == id) {
            let at = format!("price_components.{list}[{n}]{field}");
            let message =
                format!("`{id}` is not a price component of version {} of plan `{}`", plan.version, plan.plan_id);
            return Err(ApiError::field(at, message));
        }
    }
    Ok(())
}
