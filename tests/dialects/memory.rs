//! A catalog in memory, behind the same trait as the database.

use mayuse_core::Instant;
use mayuse_dialects::{
    ApiError, ApiResponse, Change, Context, Entity, Ids, Kind, Preconditions, Presented, Referred, Request, Store,
    answer, key_of, read_definitions, references, text, versions,
};
use mayuse_document::{Document, ZoneSource};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Values that a field hardly takes, and those given.
pub fn hostile_values(more: &[Value]) -> Vec<Value> {
    let mut values = vec![
        json!(null),
        json!(true),
        json!(-1),
        json!(0),
        json!(i64::MIN),
        json!(u64::MAX),
        json!(0.5),
        json!(1e300),
        json!(""),
        json!(" "),
        json!("\u{0}"),
        json!("💥".repeat(1_000)),
        json!([]),
        json!([[]]),
        json!({}),
    ];
    values.extend_from_slice(more);
    values
}

#[derive(Clone)]
pub struct Memory {
    pub entities: BTreeMap<(Kind, String), Entity>,
    pub settings: Value,
    pub removed: BTreeMap<(Kind, String), Instant>,
    pub version: u64,
    pub now: Instant,
}

impl Memory {
    /// An empty catalog, at 2026-11-21T10:00:00Z.
    pub fn new() -> Memory {
        let now = Instant::parse("2026-11-21T10:00:00Z").unwrap();
        let (entities, removed) = (BTreeMap::new(), BTreeMap::new());
        Memory { entities, settings: Value::Object(Map::new()), removed, version: 0, now }
    }

    /// Asks, and stores what the answer wants stored.
    pub fn ask(&mut self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        self.ask_text(method, path, &body.to_string())
    }

    /// The same with a body that need not be JSON.
    pub fn ask_text(&mut self, method: &str, path: &str, body: &str) -> (u16, Value) {
        self.ask_as(method, path, Presented::Not, Some("application/json"), body.as_bytes())
    }

    /// The same with any body, of any kind, and a key in a header.
    pub fn ask_as(
        &mut self,
        method: &str,
        path: &str,
        presented: Presented,
        content_type: Option<&str>,
        body: &[u8],
    ) -> (u16, Value) {
        let reply = self.ask_if(method, path, presented, content_type, Preconditions::default(), body);
        (reply.status, reply.body.unwrap_or(Value::Null))
    }

    /// The same with preconditions; gives the whole answer.
    pub fn ask_if(
        &mut self,
        method: &str,
        path: &str,
        presented: Presented,
        content_type: Option<&str>,
        preconditions: Preconditions<'_>,
        body: &[u8],
    ) -> ApiResponse {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let request = Request { method, path, query, presented, content_type, preconditions, body };
        let seed = u128::from(self.version).wrapping_add(0x5eed << 64).to_be_bytes();
        let mut context = Context { now: self.now, ids: Ids::new(self.now, seed), by: "tester".to_owned() };
        let done = answer(&request, self, &mut context);
        self.apply(&done.changes);
        done.reply
    }

    pub fn get(&mut self, path: &str) -> (u16, Value) {
        self.ask_text("GET", path, "")
    }

    pub fn post(&mut self, path: &str, body: &Value) -> (u16, Value) {
        self.ask("POST", path, body)
    }

    /// Writes an entity through the own route, which must take it.
    pub fn put(&mut self, kind: &str, id: &str, body: &Value) {
        let (status, answer) = self.ask("PUT", &format!("/v1/catalog/{kind}/{id}"), body);
        assert!(status < 300, "{kind} {id}: {status} {answer}");
    }

    pub fn apply(&mut self, changes: &[Change]) {
        if changes.is_empty() {
            return;
        }
        self.version += 1;
        for change in changes {
            match change {
                Change::Put { kind, body } => {
                    let id = text(body, "id").to_owned();
                    let created_at = self.entities.get(&(*kind, id.clone())).map_or(self.now, |old| old.created_at);
                    let entity = Entity {
                        id: id.clone(),
                        body: body.clone(),
                        created_at,
                        updated_at: self.now,
                        updated_by: "tester".to_owned(),
                        version: self.version,
                    };
                    self.entities.insert((*kind, id), entity);
                }
                Change::Delete { kind, id } => {
                    self.entities.remove(&(*kind, id.clone()));
                }
                Change::Remember { kind, id, at } => {
                    self.removed.insert((*kind, id.clone()), *at);
                }
                Change::Settings(settings) => self.settings = settings.clone(),
                Change::Clear => {
                    self.entities.clear();
                    self.removed.clear();
                    self.settings = Value::Object(Map::new());
                }
            }
        }
    }

    fn of(&self, kind: Kind) -> impl Iterator<Item = &Entity> {
        self.entities.iter().filter(move |((found, _), _)| *found == kind).map(|(_, entity)| entity)
    }
}

impl Store for Memory {
    fn version(&self) -> Result<u64, ApiError> {
        Ok(self.version)
    }

    fn settings(&self) -> Result<Value, ApiError> {
        Ok(self.settings.clone())
    }

    fn get(&self, kind: Kind, id: &str) -> Result<Option<Entity>, ApiError> {
        Ok(self.entities.get(&(kind, id.to_owned())).cloned())
    }

    fn by_key(&self, kind: Kind, key: &str) -> Result<Option<Entity>, ApiError> {
        Ok(self.of(kind).find(|entity| key_of(kind, &entity.body) == Some(key)).cloned())
    }

    fn plan_of_version(&self, version_id: &str) -> Result<Option<Entity>, ApiError> {
        let has = |plan: &&Entity| versions(&plan.body).iter().any(|(id, _)| *id == version_id);
        Ok(self.of(Kind::Plan).find(has).cloned())
    }

    fn page(&self, kind: Kind, after: &str, limit: usize) -> Result<Vec<Entity>, ApiError> {
        Ok(self.of(kind).filter(|entity| entity.id.as_str() > after).take(limit).cloned().collect())
    }

    fn subscriptions_of(&self, customer_id: &str) -> Result<Vec<Entity>, ApiError> {
        let of_customer = |entity: &&Entity| text(&entity.body, "customer_id") == customer_id;
        Ok(self.of(Kind::Subscription).filter(of_customer).cloned().collect())
    }

    fn users_of(&self, what: Referred, id: &str) -> Result<(u64, Option<(Kind, String)>), ApiError> {
        let refers = |kind: Kind, entity: &&Entity| references(kind, &entity.body).contains(&(what, id.to_owned()));
        let mut users: Vec<(Kind, String)> = Vec::new();
        for kind in [Kind::Customer, Kind::Subscription] {
            let of_kind = self.of(kind).filter(|entity| refers(kind, entity));
            users.extend(of_kind.map(|entity| (kind, entity.id.clone())));
        }
        Ok((users.len() as u64, users.into_iter().next()))
    }

    fn removed(&self, kind: Kind, id: &str) -> Result<Option<Instant>, ApiError> {
        Ok(self.removed.get(&(kind, id.to_owned())).copied())
    }

    fn zones(&self) -> ZoneSource {
        mayuse_zones::offsets
    }

    fn named_zones(&self) -> Result<Vec<String>, ApiError> {
        let mut names: Vec<String> = Vec::new();
        for ((kind, _), entity) in &self.entities {
            let referred = references(*kind, &entity.body);
            names.extend(referred.iter().filter(|(what, _)| *what == Referred::TimeZone).map(|(_, name)| name.clone()));
        }
        names.sort();
        names.dedup();
        Ok(names)
    }

    fn definitions(&self) -> Result<Document, ApiError> {
        read_definitions(self)
    }
}
