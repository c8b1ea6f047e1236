//! Add-ons that are tied to plans: who may be given one.

use crate::admit::Write;
use crate::failure::ApiError;
use crate::kind::Kind;
use crate::store::{Store, items, text, versions};
use mayuse_core::{Code, Element, Place, Problem, Problems, SortedMap, SortedSet};
use serde_json::Value;

impl Write<'_> {
    /// Checks that add-ons restricted to some plans (Pabbly's `associate_plans`) are on such a plan.
    pub fn add_ons_go_with_their_plans(&self, store: &dyn Store, problems: &mut Problems) -> Result<(), ApiError> {
        let mut rules: SortedMap<&str, Option<Value>> = SortedMap::default();
        let subscriptions = self.puts.iter().filter(|(kind, _)| *kind == Kind::Subscription);
        for (n, (_, subscription)) in subscriptions.enumerate() {
            // A subscription keeps its add-ons when the restriction changes: it limits only new sales.
            let stored = store.get(Kind::Subscription, text(subscription, "id"))?.map(|entity| entity.body);
            let stored = stored.filter(|stored| text(stored, "plan_id") == text(subscription, "plan_id"));
            let held = stored.iter().flat_map(|stored| items(stored, "add_ons"));
            let mut before: SortedSet<&str> = SortedSet::default();
            before.extend(held.map(|held| text(held, "add_on_id")));
            for (row, held) in items(subscription, "add_ons").iter().enumerate() {
                let id = text(held, "add_on_id");
                if held.get("quantity").and_then(Value::as_u64) == Some(0) || before.contains(id) {
                    continue;
                }
                let tied = match rules.get(id) {
                    Some(known) => known.clone(),
                    None => {
                        self.after(Kind::AddOn, id, store)?.filter(|add_on| add_on.get("associate_plans").is_some())
                    }
                };
                if let Some(add_on) = &tied
                    && let Some(message) = self.refuses(add_on, subscription, store)?
                {
                    let place = Place::from(Element::Listed("subscriptions", n)).field("add_ons").item(row);
                    problems.push(Problem::error(Code::Invalid, place.field("add_on_id"), message));
                }
                rules.insert(id, tied);
            }
        }
        Ok(())
    }

    /// The message if an add-on is restricted to plans other than the subscription's.
    fn refuses(&self, add_on: &Value, subscription: &Value, store: &dyn Store) -> Result<Option<String>, ApiError> {
        let (id, plan) = (text(add_on, "id"), text(subscription, "plan_id"));
        if text(add_on, "associate_plans") == "selected_plans" {
            let named = items(add_on, "plans_array").iter().any(|listed| listed.as_str() == Some(plan));
            let message = || format!("add-on `{id}` is not for plan `{plan}`: its `plans_array` does not name it");
            return Ok((!named).then(message));
        }
        // The add-on is for all plans of its product. A plan without products counts as one of them.
        let product = text(add_on, "product_id");
        let Some(plan_body) = self.after(Kind::Plan, plan, store)? else { return Ok(None) };
        let versions = versions(&plan_body);
        let products: Vec<&str> =
            versions.iter().flat_map(|(_, version)| items(version, "product_ids")).filter_map(Value::as_str).collect();
        let fits = products.is_empty() || products.contains(&product);
        let message = || format!("add-on `{id}` is for plans of product `{product}`, and plan `{plan}` is of another");
        Ok((!fits).then(message))
    }
}
