//! People: what they refer to must be there, and fit.

use super::entities::{self, RawCustomer, RawGrant, RawSubscription};
use super::fit::Reporting;
use crate::index::Index;
use crate::model::Catalog;
use crate::problem::{Code, Sink};
use crate::tree::{Node, Path, Tree};

/// Reads an element of the lists `customers` and `subscriptions`; nothing for one of another list.
pub(crate) fn read_people(
    list: &str,
    n: usize,
    element: &Tree,
    sink: &Sink,
) -> Option<(Vec<RawCustomer>, Vec<RawSubscription>)> {
    let list_path = Path::Field(&Path::Root, list);
    let node = Node { tree: element, path: &Path::Item(&list_path, n), sink };
    match list {
        "customers" => Some((entities::customer(node, n).into_iter().collect(), Vec::new())),
        "subscriptions" => Some((Vec::new(), entities::subscription(node, n).into_iter().collect())),
        _ => None,
    }
}

/// Reports what customers and subscriptions refer to and is not there, and rows that do not fit.
/// `known` are the customers there are, where they are all here.
pub(crate) fn check_people(
    catalog: &Catalog,
    customers: &[RawCustomer],
    subscriptions: &[RawSubscription],
    known: Option<&Index>,
    sink: &Sink,
) {
    let names = catalog.names.with(sink);
    for customer in customers {
        check_rows(&customer.grants, "customers", customer.n, names);
    }
    for raw in subscriptions {
        let path = |field: &str| format!("subscriptions[{}].{field}", raw.n);
        if known.is_some_and(|known| known.get(&raw.customer).is_none()) {
            names.broken(path("customer_id"), "customer", &raw.customer);
        }
        check_plan(catalog, raw, names, path);
        for (row, id, _) in &raw.add_ons {
            if catalog.names.add_on(id).is_none() {
                names.broken(format!("subscriptions[{}].add_ons[{row}].add_on_id", raw.n), "add-on", id);
            }
        }
        check_rows(&raw.grants, "subscriptions", raw.n, names);
    }
}

fn check_plan(catalog: &Catalog, raw: &RawSubscription, names: Reporting<'_>, path: impl Fn(&str) -> String) {
    let version = catalog.names.version(&raw.version).and_then(|at| catalog.version(at));
    if version.is_none() {
        names.broken(path("plan_version_id"), "plan version", &raw.version);
    }
    let plan = catalog.plans.binary_search_by(|plan| (*plan.id).cmp(&raw.plan)).ok();
    match (plan, version) {
        (None, _) => names.broken(path("plan_id"), "plan", &raw.plan),
        (Some(plan), Some(version)) if u32::try_from(plan).ok() != Some(version.plan) => {
            let message = format!("`{}` is not a version of `{}`", raw.version, raw.plan);
            names.sink.error(Code::BrokenReference, path("plan_version_id"), message);
        }
        _ => {}
    }
}

/// The rows of a customer or subscription, of which most have none.
fn check_rows(rows: &[RawGrant], list: &str, n: usize, names: Reporting<'_>) {
    if !rows.is_empty() {
        names.grants(rows.to_vec(), &format!("{list}[{n}]"));
    }
}
