//! More customers than random catalogs have, and what happens to them.

use crate::random::{Amounts, Rules, catalog, ladder, subscription};
use mayuse_core::SortedSet;
use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// So many customers there may be.
const N: usize = 10;

/// A catalog whose customers come and go.
#[derive(Clone, Debug)]
pub struct Crowd {
    definitions: Value,
    pub customers: BTreeMap<String, Value>,
    pub subscriptions: BTreeMap<String, Value>,
}

/// Something that happens.
#[derive(Clone, Debug)]
pub enum Event {
    /// A customer comes, or is changed; an alias that is another's is taken from it.
    Customer(usize, Option<String>, Value),
    Leave(usize),
    Swap(usize, usize),
    /// A subscription is made, or changed, or goes to another customer.
    Subscribe(usize, usize, Value),
    Unsubscribe(usize),
}

fn id(n: usize) -> String {
    format!("cus_{n}")
}

fn alias() -> BoxedStrategy<Option<String>> {
    // Some of them are ids of others, or of nobody.
    let name = prop_oneof![3 => (0..N).prop_map(|n| format!("name_{n}")), 1 => (0..N + 2).prop_map(id)];
    weighted(0.7, name).boxed()
}

pub fn event() -> BoxedStrategy<Event> {
    let rows = weighted(0.3, any::<bool>()).prop_map(|switch| {
        let row = |on| json!([{ "id": "own", "feature": "switch", "value": { "type": "BOOLEAN", "enabled": on } }]);
        switch.map_or(json!([]), row)
    });
    prop_oneof![
        4 => (0..N, alias(), rows).prop_map(|(n, alias, rows)| Event::Customer(n, alias, rows)),
        1 => (0..N).prop_map(Event::Leave),
        1 => (0..N, 0..N).prop_map(|(a, b)| Event::Swap(a, b)),
        4 => (0..2 * N, 0..N, subscription(Rules::Any, Amounts::Small)).prop_map(|(n, of, s)| Event::Subscribe(n, of, s)),
        1 => (0..2 * N).prop_map(Event::Unsubscribe),
    ]
    .boxed()
}

/// A catalog, and so many events that have happened to it.
pub fn crowd(n_events: usize) -> BoxedStrategy<Crowd> {
    let definitions = catalog(ladder(), 0, Rules::Any, Amounts::Small);
    (definitions, vec(event(), n_events))
        .prop_map(|(definitions, events)| {
            let mut crowd = Crowd::new(definitions);
            events.iter().for_each(|event| crowd.happen(event));
            crowd
        })
        .boxed()
}

impl Crowd {
    /// Nobody yet.
    pub fn new(mut definitions: Value) -> Crowd {
        definitions["customers"] = json!([]);
        definitions["subscriptions"] = json!([]);
        Crowd { definitions, customers: BTreeMap::new(), subscriptions: BTreeMap::new() }
    }

    pub fn document(&self) -> Value {
        let mut document = self.definitions.clone();
        document["customers"] = self.customers.values().cloned().collect();
        document["subscriptions"] = self.subscriptions.values().cloned().collect();
        document
    }

    /// Other definitions, on which everybody stays as they are.
    pub fn redefine(&mut self, definitions: &Value) {
        *self = Crowd { definitions: Crowd::new(definitions.clone()).definitions, ..self.clone() };
    }

    pub fn happen(&mut self, event: &Event) {
        match event {
            Event::Customer(n, alias, rows) => {
                let customer = json!({ "id": id(*n), "name": "Somebody", "entitlements": rows });
                self.customers.insert(id(*n), customer);
                self.call(&id(*n), alias.as_deref());
            }
            Event::Leave(n) => {
                self.customers.remove(&id(*n));
                self.subscriptions.retain(|_, subscription| subscription["customer_id"] != id(*n).as_str());
            }
            Event::Swap(a, b) => {
                let (a, b) = (id(*a), id(*b));
                if self.customers.contains_key(&a) && self.customers.contains_key(&b) {
                    let (of_a, of_b) = (self.alias(&a), self.alias(&b));
                    self.call(&a, of_b.as_deref());
                    self.call(&b, of_a.as_deref());
                }
            }
            Event::Subscribe(n, of, subscription) if self.customers.contains_key(&id(*of)) => {
                let mut subscription = subscription.clone();
                subscription["id"] = json!(format!("sub_{n}"));
                subscription["customer_id"] = json!(id(*of));
                self.subscriptions.insert(format!("sub_{n}"), subscription);
            }
            Event::Subscribe(..) => {}
            Event::Unsubscribe(n) => {
                self.subscriptions.remove(&format!("sub_{n}"));
            }
        }
    }

    fn alias(&self, id: &str) -> Option<String> {
        self.customers[id]["alias"].as_str().map(str::to_owned)
    }

    fn call(&mut self, id: &str, alias: Option<&str>) {
        if let Some(alias) = alias
            && let Some(other) = self.called(alias)
        {
            self.customers.get_mut(&other).unwrap()["alias"] = Value::Null;
        }
        self.customers.get_mut(id).unwrap()["alias"] = json!(alias);
    }

    /// Whose alias it is.
    pub fn called(&self, alias: &str) -> Option<String> {
        let has = |(_, customer): &(&String, &Value)| customer["alias"] == alias;
        self.customers.iter().find(has).map(|(id, _)| id.clone())
    }

    pub fn subscriptions_of(&self, id: &str) -> Vec<&Value> {
        self.subscriptions.values().filter(|subscription| subscription["customer_id"] == id).collect()
    }

    /// Everything under an id.
    fn person(&self, id: &str) -> (Option<&Map<String, Value>>, Vec<&Value>) {
        (self.customers.get(id).and_then(Value::as_object), self.subscriptions_of(id))
    }

    /// The ids and aliases under which this and another crowd differ, old and new ones.
    pub fn changed(&self, other: &Crowd) -> SortedSet<String> {
        let ids: BTreeSet<&String> = self.customers.keys().chain(other.customers.keys()).collect();
        let mut keys = SortedSet::default();
        for id in ids.into_iter().filter(|id| self.person(id) != other.person(id)) {
            let alias = |crowd: &Crowd| crowd.customers.contains_key(id).then(|| crowd.alias(id)).flatten();
            keys.extend([Some(id.clone()), alias(self), alias(other)].into_iter().flatten());
        }
        keys
    }

    /// Every key there could be a question about.
    pub fn keys() -> Vec<String> {
        (0..N).flat_map(|n| [id(n), format!("name_{n}")]).collect()
    }
}
