//! Reads the body of the request.

use super::fee::FeeStructure;
use super::numbers::{Source, int32, int64};
use super::pricing::{FeeType, Parameters, Price, price_period};
use crate::failure::ApiError;
use crate::json::json;
use mayuse_core::{BillingPeriod, BillingSchedule, Code, Date, SortedSet};
use mayuse_document::{Node, Object, Tree};
use serde_json::{Map, Value};
use std::rc::Rc;

/// When a subscription is activated.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Activation {
    OnStart,
    OnCheckout,
    Manual,
}

impl Activation {
    const WORDS: [(&'static str, Activation); 3] =
        [("ON_START", Activation::OnStart), ("ON_CHECKOUT", Activation::OnCheckout), ("MANUAL", Activation::Manual)];

    pub(super) fn name(self) -> &'static str {
        Activation::WORDS.iter().find(|(_, found)| *found == self).map(|(name, _)| *name).unwrap_or_default()
    }
}

/// A request to create a subscription.
pub(super) struct CreateSubscription {
    pub plan_id: String,
    pub version: Option<i64>,
    pub customer: String,
    pub activation: Activation,
    pub start: Date,
    pub end: Option<Date>,
    pub trial_days: Option<u32>,
    pub billing_day_anchor: Option<i64>,
    pub skip_past_invoices: bool,
    pub backdate_invoices: bool,
    pub net_terms: Option<u32>,
    pub invoice_memo: Option<String>,
    pub purchase_order: Option<String>,
    pub auto_advance_invoices: bool,
    pub charge_automatically: bool,
    /// Whether the request has custom properties. They are stored as they were sent, so they are not read here.
    pub has_custom_properties: bool,
    /// The JSON of responses; null if the request has none.
    pub payment_methods_config: Value,
    pub coupon_codes: Vec<String>,
    pub add_ons: Vec<AddOnRequest>,
    pub components: ComponentsRequest,
}

pub(super) struct AddOnRequest {
    pub id: String,
    pub quantity: u32,
    pub customization: Customization,
}

pub(super) enum Customization {
    None,
    PriceOverride { name: Option<String>, price: PriceEntry },
    Parameterization(Parameters),
}

pub(super) enum PriceEntry {
    Existing(String),
    New(Rc<Price>),
}

pub(super) enum ProductRef {
    Existing(String),
    New { name: String, structure: FeeStructure },
}

/// How the price components differ from those of the plan.
#[derive(Default)]
pub(super) struct ComponentsRequest {
    pub extra: Vec<ExtraComponent>,
    pub overridden: Vec<ComponentOverride>,
    pub parameterized: Vec<(String, Parameters)>,
    pub removed: Vec<String>,
}

pub(super) struct ExtraComponent {
    pub name: String,
    pub product: ProductRef,
    pub price: PriceEntry,
}

pub(super) struct ComponentOverride {
    pub component_id: String,
    pub name: String,
    pub price: PriceEntry,
}

/// Reads the body.
///
/// # Errors
/// Every missing or invalid field.
pub(super) fn read(tree: &Tree) -> Result<CreateSubscription, ApiError> {
    Ok(mayuse_document::read(tree, asked)?)
}

fn asked(o: Object<'_>) -> Option<CreateSubscription> {
    let plan_id = o.required_id("plan_id");
    let customer = o.required("customer_id_or_alias", |node| {
        let found = node.text().filter(|text| !text.is_empty());
        if found.is_none() && node.text().is_some() {
            node.error(Code::Invalid, "expected the id or the alias of a customer");
        }
        found.map(str::to_owned)
    });
    let start = o.required("start_date", |n| n.date());
    let activation = o.required("activation_condition", |n| n.word(&Activation::WORDS));
    let end = o.optional("end_date", |node| {
        let end = node.date()?;
        if start.is_some_and(|start| end <= start) {
            node.error(Code::Invalid, "must be after `start_date`");
            return None;
        }
        Some(end)
    });
    let flag = |name, default| o.optional(name, |n| n.bool()).unwrap_or(default);
    let mut coupon_codes: Vec<String> = Vec::new();
    each(o, "coupon_codes", &mut |node| coupon_codes.extend(node.text().map(str::to_owned)));
    let mut add_ons = Vec::new();
    each(o, "add_ons", &mut |node| add_ons.extend(add_on(node)));
    let rest = CreateSubscription {
        plan_id: String::new(),
        version: o.optional("version", |node| {
            let found = node.integer()?;
            if i32::try_from(found).is_err() {
                node.error(Code::OutOfRange, format!("expected a whole number of 32 bits, found {found}"));
            }
            Some(found)
        }),
        customer: String::new(),
        activation: Activation::Manual,
        start: start?,
        end,
        trial_days: o.optional("trial_days", |n| int32(&n, 0)),
        billing_day_anchor: o.optional("billing_day_anchor", billing_day_anchor),
        skip_past_invoices: flag("skip_past_invoices", false),
        backdate_invoices: flag("backdate_invoices", false),
        net_terms: o.optional("net_terms", |n| int32(&n, 0)),
        invoice_memo: o.text("invoice_memo"),
        purchase_order: o.text("purchase_order"),
        auto_advance_invoices: flag("auto_advance_invoices", true),
        charge_automatically: flag("charge_automatically", true),
        has_custom_properties: o.optional("custom_properties", |n| n.object().map(|_| ())).is_some(),
        payment_methods_config: o.optional("payment_methods_config", payment_methods).unwrap_or_default(),
        coupon_codes,
        add_ons,
        components: o.optional("price_components", components).unwrap_or_default(),
    };
    Some(CreateSubscription { plan_id: plan_id?, customer: customer?, activation: activation?, ..rest })
}

/// The largest number of items of a list in a request.
const MAX_ITEMS: usize = 100;

fn each(o: Object<'_>, name: &str, each: &mut dyn FnMut(Node<'_>)) {
    o.each(name, |n, node| {
        if n < MAX_ITEMS {
            each(node);
        } else if n == MAX_ITEMS {
            node.error(Code::OutOfRange, format!("the list takes {MAX_ITEMS} items at most"));
        }
    });
}

/// The day of the month on which billing periods start.
pub(super) fn billing_day_anchor(node: Node<'_>) -> Option<i64> {
    let anchor = node.integer()?;
    match BillingSchedule::new(BillingPeriod::MONTHLY, anchor) {
        Ok(_) => Some(anchor),
        Err(_) => {
            node.error(Code::OutOfRange, format!("expected 1 to 32767, found {anchor}"));
            None
        }
    }
}

fn add_on(node: Node<'_>) -> Option<AddOnRequest> {
    let o = node.object()?;
    let id = o.required_id("add_on_id");
    let quantity = o.optional("quantity", |n| int32(&n, 1)).unwrap_or(1);
    let customization = o.optional("customization", |node| {
        let o = node.object()?;
        if o.required("type", |n| n.word(&[("PRICE_OVERRIDE", true), ("PARAMETERIZATION", false)]))? {
            let price = o.required("price_entry", price_entry);
            return Some(Customization::PriceOverride { name: o.text("name"), price: price? });
        }
        Some(Customization::Parameterization(parameters(o)))
    });
    Some(AddOnRequest { id: id?, quantity, customization: customization.unwrap_or(Customization::None) })
}

fn parameters(o: Object<'_>) -> Parameters {
    Parameters {
        initial_slot_count: o.optional("initial_slot_count", |n| int32(&n, 0)),
        billing_period: o.optional("billing_period", price_period),
        committed_capacity: o.optional("committed_capacity", |n| int64(&n)),
    }
}

const REFERENCES: [(&str, bool); 2] = [("EXISTING", true), ("NEW", false)];

fn price_entry(node: Node<'_>) -> Option<PriceEntry> {
    let o = node.object()?;
    if o.required("type", |n| n.word(&REFERENCES))? {
        return o.required_id("id").map(PriceEntry::Existing);
    }
    Price::read(node, Source::Request).map(|price| PriceEntry::New(Rc::new(price)))
}

fn product_ref(node: Node<'_>) -> Option<ProductRef> {
    let o = node.object()?;
    if o.required("type", |n| n.word(&REFERENCES))? {
        return o.required_id("id").map(ProductRef::Existing);
    }
    let name = text(o, "name");
    let fee_type = o.required("fee_type", |n| n.word(&FeeType::WORDS));
    let structure = o.required("fee_structure", FeeStructure::read);
    let (name, fee_type, structure) = (name?, fee_type?, structure?);
    if structure.fee_type != Some(fee_type) {
        o.error(Code::Invalid, "`fee_type` and the type of `fee_structure` must be the same");
        return None;
    }
    Some(ProductRef::New { name, structure })
}

fn text(o: Object<'_>, name: &str) -> Option<String> {
    o.required(name, |n| n.text().map(str::to_owned))
}

fn components(node: Node<'_>) -> Option<ComponentsRequest> {
    let o = node.object()?;
    let mut asked = ComponentsRequest::default();
    each(o, "extra_components", &mut |node| {
        asked.extra.extend(node.object().and_then(|o| {
            let (name, product) = (text(o, "name"), o.required("product_ref", product_ref));
            let price = o.required("price_entry", price_entry);
            Some(ExtraComponent { name: name?, product: product?, price: price? })
        }));
    });
    let mut seen = SortedSet::default();
    each(o, "overridden_components", &mut |node| {
        asked.overridden.extend(node.object().and_then(|o| {
            let component_id = o.required("component_id", |n| once(&n, &mut seen));
            let (name, price) = (text(o, "name"), o.required("price_entry", price_entry));
            Some(ComponentOverride { component_id: component_id?, name: name?, price: price? })
        }));
    });
    let mut seen = SortedSet::default();
    each(o, "parameterized_components", &mut |node| {
        asked.parameterized.extend(node.object().and_then(|o| {
            let component_id = o.required("component_id", |n| once(&n, &mut seen));
            let parameters = o.required("parameters", |n| n.object().map(parameters));
            Some((component_id?, parameters?))
        }));
    });
    let mut seen = SortedSet::default();
    each(o, "remove_components", &mut |node| asked.removed.extend(once(&node, &mut seen)));
    Some(asked)
}

/// Reads the id of a price component, and refuses a duplicate in the list.
fn once(node: &Node<'_>, seen: &mut SortedSet<String>) -> Option<String> {
    let id = node.id()?.to_owned();
    if !seen.insert(id.clone()) {
        node.error(Code::Duplicate, format!("the list names component `{id}` twice"));
        return None;
    }
    Some(id)
}

/// Validates the configuration and keeps it as it was sent.
fn payment_methods(node: Node<'_>) -> Option<Value> {
    let o = node.object()?;
    let kinds = ["online", "bank_transfer", "external"].map(|word| (word, word));
    let kind = o.required("type", |n| n.word(&kinds))?;
    let mut fields = Map::from_iter([("type".to_owned(), Value::from(kind))]);
    match kind {
        "online" => {
            let config = o.optional("config", |node| {
                let o = node.object()?;
                let mut methods = Map::new();
                for name in ["card", "direct_debit"] {
                    let enabled = o.optional(name, |n| n.object()?.required("enabled", |n| n.bool()));
                    methods.extend(enabled.map(|enabled| (name.to_owned(), json!({"enabled": enabled}))));
                }
                Some(Value::Object(methods))
            });
            fields.extend(config.map(|config| ("config".to_owned(), config)));
        }
        "bank_transfer" => {
            let account = o.optional_id("account_id");
            fields.extend(account.map(|account| ("account_id".to_owned(), account.into())));
        }
        _ => {}
    }
    Some(Value::Object(fields))
}
