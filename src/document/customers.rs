//! Customers and subscriptions: checks their references and rows, and packs them.

use crate::diagnostics::Diagnostics;
use crate::entities::{self, RawCustomer, RawSubscription};
use crate::node::Node;
use crate::references::{Reporting, resolved};
use crate::tree::{Path, Tree};
use mayuse_core::{
    BlockBuilder, Catalog, Code, CustomerEntry, Place, Problems, StatusChange, SubscriptionAddOn, SubscriptionEntry,
    SymbolTable, joined,
};

/// Adds an element of the lists `customers` or `subscriptions` to a builder. `n` is its index in the list, or its
/// line. Returns the problems that leave it usable.
///
/// # Errors
/// All problems of the element, if one of them is an error. The element is then not added.
pub fn add_element(
    builder: &mut BlockBuilder<'_>,
    list: &'static str,
    n: usize,
    element: &Tree<'_>,
) -> Result<Problems, Problems> {
    let (sink, at) = (Diagnostics::default(), builder.numbered(list, n));
    let node = Node { tree: element, path: Path::Element(at), sink: &sink };
    let customer = if list == "customers" { entities::customer(node, at) } else { None };
    let subscription = if list == "subscriptions" { entities::subscription(node, at) } else { None };
    check_customers(builder.catalog(), customer.as_slice(), subscription.as_slice(), None, &sink);
    let problems = sink.into_usable()?;
    add_checked(builder, customer.as_slice(), subscription.as_slice());
    Ok(problems)
}

/// Adds checked customers and subscriptions to a builder.
pub(crate) fn add_checked(
    builder: &mut BlockBuilder<'_>,
    customers: &[RawCustomer],
    subscriptions: &[RawSubscription],
) {
    let symbols = builder.catalog().symbols();
    customers.iter().for_each(|raw| builder.add_customer(customer_entry(raw, symbols)));
    subscriptions
        .iter()
        .filter_map(|raw| subscription_entry(raw, symbols))
        .for_each(|subscription| builder.add_subscription(subscription));
}

fn customer_entry<'r>(raw: &'r RawCustomer, symbols: &SymbolTable) -> CustomerEntry<'r> {
    CustomerEntry {
        n: raw.at.number(),
        id: &raw.id,
        alias: raw.alias.as_deref(),
        name: &raw.name,
        archived_at: raw.archived_at,
        created_at: raw.created_at,
        grants: resolved(symbols, &raw.grants),
    }
}

/// None if the billing data could not be read.
fn subscription_entry<'r>(raw: &'r RawSubscription, symbols: &SymbolTable) -> Option<SubscriptionEntry<'r>> {
    Some(SubscriptionEntry {
        n: raw.at.number(),
        id: &raw.id,
        customer: &raw.customer,
        version: &raw.version,
        status: raw.status,
        status_word: &raw.status_word,
        status_since: raw.status_since,
        status_changes: raw
            .status_changes
            .iter()
            .map(|(status, word, at)| StatusChange { at: *at, status: *status, word })
            .collect(),
        start: raw.start,
        end: raw.end,
        trial_end: raw.trial_end,
        activated_at: raw.activated_at,
        billing: raw.billing?,
        products: raw.products.iter().map(String::as_str).collect(),
        seats: raw.seats,
        slots: raw.slots.iter().map(|(product, n)| (product.as_deref(), *n)).collect(),
        add_ons: raw.add_ons.iter().map(|(_, row)| add_on_row(row)).collect(),
        grants: resolved(symbols, &raw.grants),
    })
}

fn add_on_row(row: &SubscriptionAddOn<String>) -> SubscriptionAddOn<&str> {
    let SubscriptionAddOn { add_on, starts_at, expires_at, quantity } = row;
    SubscriptionAddOn { add_on, starts_at: *starts_at, expires_at: *expires_at, quantity: *quantity }
}

/// Reports broken references and type mismatches of customers and subscriptions. `known` has all customers of the
/// catalog, sorted by id, if the document has all of them.
pub(crate) fn check_customers(
    catalog: &Catalog,
    customers: &[RawCustomer],
    subscriptions: &[RawSubscription],
    known: Option<&[RawCustomer]>,
    sink: &Diagnostics,
) {
    let names = Reporting { symbols: catalog.symbols(), sink };
    for customer in customers {
        names.check(&customer.grants, customer.at);
    }
    for raw in subscriptions {
        let place = |field: &str| Place::from(raw.at).field(field);
        if known.is_some_and(|known| known.binary_search_by(|customer| customer.id.cmp(&raw.customer)).is_err()) {
            names.broken(place("customer_id"), "customer", &raw.customer);
        }
        check_plan(catalog, raw, names, place);
        for (row, held) in &raw.add_ons {
            if names.symbols.add_on(&held.add_on).is_none() {
                names.broken(place("add_ons").item(*row).field("add_on_id"), "add-on", &held.add_on);
            }
        }
        names.check(&raw.grants, raw.at);
    }
}

fn check_plan(catalog: &Catalog, raw: &RawSubscription, names: Reporting<'_>, place: impl Fn(&str) -> Place) {
    let version = names.symbols.version(&raw.version);
    if version.is_none() {
        names.broken(place("plan_version_id"), "plan version", &raw.version);
    }
    match (catalog.plan_at(&raw.plan), version) {
        (None, _) => names.broken(place("plan_id"), "plan", &raw.plan),
        (Some(plan), Some(version)) if catalog.plan_of(version) != Some(plan) => {
            let message = joined(&["`", &raw.version, "` is not a version of `", &raw.plan, "`"]);
            names.sink.error(Code::BrokenReference, place("plan_version_id"), message);
        }
        _ => {}
    }
}
