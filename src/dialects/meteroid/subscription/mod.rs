//! Creating a subscription.
//!
//! In reading order: prices, the request, reads of the catalog, the plan, the lines of the
//! subscription and their monthly total, its dates and status, its coupons, the response.

mod numbers;
mod usage;
mod pricing;
mod fee;
mod request;
mod plan_fee;
mod reads;
mod plan;
mod lines;
mod money;
mod terms;
mod coupons;
mod details;

use super::shapes::is_archived;
use crate::failure::ApiError;
use crate::json::json;
use crate::kind::Kind;
use crate::request::{ApiResponse, Context, Outcome, Request};
use crate::route::Call;
use crate::store::{Change, Entity, Store, text};
use coupons::Buyer;
use lines::{AddOnOffer, Line, LineBuilder};
use plan::PlanVersion;
use reads::{Reads, Size, n_bytes};
use serde_json::{Map, Value};
use std::rc::Rc;

/// Creates a subscription, and the new products and prices of the request.
pub(crate) fn create(call: &Call<'_>, context: &mut Context) -> Result<Outcome, ApiError> {
    let (request, store) = (call.request, call.store);
    let asked = request::read(&request.tree()?)?;
    let custom_properties = custom_properties(&asked, request)?;
    let customer = customer(&asked.customer, store, context)?;
    let (mut reads, mut size) = (Reads::new(store), Size::of_subscription());
    let plan = plan::find(&asked.plan_id, asked.version, &mut reads, context.now)?;
    let offers = lines::offers(&asked.add_ons, &mut reads, context.now)?;
    let currency = currency(&plan, &offers, &customer)?;
    let changes = Vec::new();
    let mut builder =
        LineBuilder { reads: &mut reads, size: &mut size, context: &mut *context, currency: &currency, changes };
    let components = builder.components(&plan, &asked.components)?;
    let add_ons = builder.add_ons(&asked.add_ons, &offers)?;
    let mut changes = builder.changes;
    let all: Vec<&Line> = components.iter().chain(&add_ons).collect();
    let period = lines::shortest_period(&all);
    let mrr_cents = money::mrr_cents(&all, period, &currency).ok_or_else(|| {
        let message = "the monthly revenue of these fees and quantities cannot be held exactly: it is too large, or \
                       takes more than 28 digits with its decimal places";
        ApiError::field("", message)
    })?;
    let terms = terms::terms(&asked, &plan, period, context.now)?;
    let buyer = Buyer { customer_id: &customer.id, plan_id: &plan.plan_id, currency: &currency };
    let applied_coupons = coupons::apply(&asked.coupon_codes, &buyer, &mut reads, &mut size, context, &mut changes)?;
    let shown = |lines: Vec<Line>| -> Value { lines.into_iter().map(|line| line.into_json(period)).collect() };
    let alias = Some(text(&customer.body, "alias")).filter(|alias| !alias.is_empty());
    let name = Some(text(&customer.body, "name")).filter(|name| !name.is_empty()).unwrap_or(&customer.id);
    let mut body = json!({
        "id": context.ids.next("sub_"),
        "customer_id": customer.id,
        "customer_alias": alias,
        "customer_name": name,
        "plan_id": plan.plan_id,
        "plan_name": plan.plan_name,
        "plan_version_id": plan.id,
        "plan_version": plan.version,
        "status": terms.status,
        "activation_condition": asked.activation.name(),
        "start_date": asked.start.to_string(),
        "end_date": asked.end.map(|end| end.to_string()),
        "activated_at": terms.activated_at.map(|at| at.to_string()),
        "billing_start_date": terms.billing_start.to_string(),
        "trial_duration": terms.trial_days,
        "period": period.name(),
        "billing_day_anchor": terms.billing_day_anchor,
        "current_period_start": terms.period_start.to_string(),
        "current_period_end": terms.period_end.map(|end| end.to_string()),
        "cycle_index": terms.cycle_index,
        "created_at": context.now.to_string(),
        "currency": currency,
        "mrr_cents": mrr_cents,
        "net_terms": asked.net_terms.unwrap_or(plan.net_terms),
        "minimum_commitment": plan.minimum_commitment,
        "tax_inclusive": plan.tax_inclusive,
        "invoice_memo": asked.invoice_memo,
        "purchase_order": asked.purchase_order,
        "auto_advance_invoices": asked.auto_advance_invoices,
        "charge_automatically": asked.charge_automatically,
        "backdate_invoices": asked.backdate_invoices,
        "payment_methods_config": asked.payment_methods_config,
        "checkout_url": Value::Null,
    });
    if let Some(fields) = body.as_object_mut() {
        // Moved, not copied: these can be large.
        fields.insert("components".to_owned(), shown(components));
        fields.insert("add_ons".to_owned(), shown(add_ons));
        fields.insert("applied_coupons".to_owned(), applied_coupons.into());
        fields.insert("custom_properties".to_owned(), custom_properties);
    }
    Size::of_subscription().add(n_bytes(&body), "")?;
    let reply = ApiResponse::json(201, details::shown_at(&body, context.now));
    changes.push(Change::put(Kind::Subscription, body));
    Ok(Outcome::wrote(reply, changes))
}

/// The `custom_properties` of the request, with every digit as it was sent; an empty object if there are none.
fn custom_properties(asked: &request::CreateSubscription, request: &Request<'_>) -> Result<Value, ApiError> {
    if !asked.has_custom_properties {
        return Ok(Value::Object(Map::new()));
    }
    let mut body = request.value()?;
    Ok(body.get_mut("custom_properties").map(Value::take).unwrap_or_default())
}

fn customer(key: &str, store: &dyn Store, context: &Context) -> Result<Entity, ApiError> {
    let at = "customer_id_or_alias";
    let Some(customer) = store.customer(key)? else {
        let shown: String = key.chars().take(128).collect();
        return Err(plan::unknown(at, format!("there is no customer with the id or alias `{shown}`")));
    };
    if is_archived(&customer.body, context.now) {
        return Err(ApiError::field(at, format!("customer `{}` is archived", customer.id)));
    }
    Ok(customer)
}

/// The currency of a subscription: the plan's, else that of the plan's prices, else that of the add-ons' prices, else
/// the customer's, else USD.
fn currency(plan: &PlanVersion, offers: &[Rc<AddOnOffer>], customer: &Entity) -> Result<String, ApiError> {
    let of_prices =
        || plan.components.iter().flat_map(|component| &component.prices).find_map(|price| price.currency.clone());
    let of_add_ons = || offers.iter().filter_map(|offer| offer.price.as_ref()).find_map(|price| price.currency.clone());
    let of_customer = || Some(text(&customer.body, "currency").to_owned()).filter(|currency| !currency.is_empty());
    let found = plan.currency.clone().or_else(of_prices).or_else(of_add_ons).or_else(of_customer);
    let found = found.unwrap_or_else(|| "USD".to_owned());
    if money::is_currency(&found) {
        return Ok(found);
    }
    let shown: String = found.chars().take(16).collect();
    Err(ApiError::field("plan_id", format!("the subscription would be in `{shown}`, which is no currency of this API")))
}
