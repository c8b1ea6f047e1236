//! Customers: what they refer to must be there, and fit.

use crate::diagnostics::Diagnostics;
use crate::entities::{self, RawCustomer, RawSubscription};
use crate::references::{Reporting, resolved};
use crate::tree::{Node, Path, Tree};
use mayuse_core::{BlockBuilder, Catalog, Code, CustomerEntry, Place, Problems, SubscriptionEntry, SymbolTable};

/// Adds one element of the lists `customers` and `subscriptions` to those who are packed; `n` is its
/// number there. Gives what is wrong with it in ways that do not keep it from being
/// used.
///
/// # Errors
/// All its problems, if any of them does.
pub fn add_element(
    pile: &mut BlockBuilder<'_>,
    list: &'static str,
    n: usize,
    element: &Tree,
) -> Result<Problems, Problems> {
    let (sink, at) = (Diagnostics::default(), pile.numbered(list, n));
    let node = Node { tree: element, path: &Path::Element(at), sink: &sink };
    let customer = if list == "customers" { entities::customer(node, at) } else { None };
    let subscription = if list == "subscriptions" { entities::subscription(node, at) } else { None };
    check_people(pile.catalog(), customer.as_slice(), subscription.as_slice(), None, &sink);
    let problems = sink.into_usable()?;
    pile_up(pile, customer.as_slice(), subscription.as_slice());
    Ok(problems)
}

/// Adds customers who were checked.
pub(crate) fn pile_up(pile: &mut BlockBuilder<'_>, customers: &[RawCustomer], subscriptions: &[RawSubscription]) {
    let symbols = pile.catalog().symbols();
    customers.iter().for_each(|raw| pile.add_customer(customer_entry(raw, symbols)));
    subscriptions
        .iter()
        .filter_map(|raw| subscription_entry(raw, symbols))
        .for_each(|subscription| pile.add_subscription(subscription));
}

fn customer_entry<'r>(raw: &'r RawCustomer, symbols: &SymbolTable) -> CustomerEntry<'r> {
    CustomerEntry {
        n: raw.at.number(),
        id: &raw.id,
        alias: raw.alias.as_deref(),
        name: &raw.name,
        archived_at: raw.archived_at,
        grants: resolved(symbols, &raw.grants),
    }
}

/// Nothing for one whose billing could not be read.
fn subscription_entry<'r>(raw: &'r RawSubscription, symbols: &SymbolTable) -> Option<SubscriptionEntry<'r>> {
    Some(SubscriptionEntry {
        n: raw.at.number(),
        id: &raw.id,
        customer: &raw.customer,
        version: &raw.version,
        status: raw.status,
        start: raw.start,
        end: raw.end,
        trial_end: raw.trial_end,
        activated_at: raw.activated_at,
        billing: raw.billing?,
        products: raw.products.iter().map(String::as_str).collect(),
        add_ons: raw.add_ons.iter().map(|(_, id, quantity)| (id.as_str(), *quantity)).collect(),
        grants: resolved(symbols, &raw.grants),
    })
}

/// Reports what customers and subscriptions refer to and is not there, and rows that do not fit.
/// `known` are the customers there are, sorted by id, where they are all here.
pub(crate) fn check_people(
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
        for (row, id, _) in &raw.add_ons {
            if names.symbols.add_on(id).is_none() {
                names.broken(place("add_ons").item(*row).field("add_on_id"), "add-on", id);
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
            let message = format!("`{}` is not a version of `{}`", raw.version, raw.plan);
            names.sink.error(Code::BrokenReference, place("plan_version_id"), message);
        }
        _ => {}
    }
}
