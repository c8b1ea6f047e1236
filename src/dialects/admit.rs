//! Admits writes by one set of rules for every dialect.
//!
//! A write and the entities it refers to are combined into a document. Compiling the document
//! checks shapes, references and value types. This module checks only what needs the store:
//! duplicate keys, and references that a delete would leave dangling.

use crate::failure::ApiError;
use crate::json::json;
use crate::kind::{Kind, Referred};
use crate::source_time;
use crate::store::{Change, Store, key_of, text, versions};
use mayuse_core::{Code, Element, Place, Problem, Problems, Severity, SortedMap, SortedSet};
use mayuse_document::{Document, Tree};
use serde_json::{Map, Value};

/// Documents have no mappings: a mapping's grant is compiled as this row of an add-on.
const ROW: &str = "entitlements[0]";

/// Checks a write. Returns the warnings of a document, which replaces the whole catalog.
///
/// # Errors
/// Every invalid field, with a path in the document (`features[3].code`), or in the entity if only
/// one is written; 409 for a conflict with stored data.
pub fn admit(changes: &[Change], store: &dyn Store) -> Result<Problems, ApiError> {
    let is_document = changes.iter().any(|change| matches!(change, Change::Clear));
    check(changes, store, is_document)
}

/// As [`admit`], for a part of an import. Values that this version does not know are warnings, as in a document.
///
/// # Errors
/// Those of [`admit`].
pub fn admit_import(changes: &[Change], store: &dyn Store) -> Result<Problems, ApiError> {
    check(changes, store, true)
}

fn check(changes: &[Change], store: &dyn Store, takes_unknown: bool) -> Result<Problems, ApiError> {
    if changes.is_empty() {
        return Ok(Problems::default());
    }
    let write = Write::new(changes);
    write.keys_are_free(store)?;
    let (mut document, stored) = write.document(store)?;
    if !write.clears {
        document.mark_as_part();
    }
    let mut problems = match document.compile() {
        Ok((_, problems)) | Err(problems) => problems,
    };
    write.nothing_is_there_twice(&mut problems);
    write.source_times(&mut problems);
    write.add_ons_go_with_their_plans(store, &mut problems)?;
    for place in problems.list.iter_mut().map(|problem| &mut problem.place) {
        let list = match place.element {
            Element::Listed(list, _) => list,
            Element::Stored(n) => stored.get(n).map(|(kind, _)| kind.list()).unwrap_or_default(),
            Element::Whole | Element::Line(_) => "",
        };
        if list == Kind::AddOnMapping.list()
            && let Some(rest) = place.fields.strip_prefix(ROW)
        {
            place.fields = rest.trim_start_matches('.').to_owned();
        }
    }
    let is_stored = |problem: &Problem| matches!(problem.place.element, Element::Stored(_));
    let mut warnings = Problems::default();
    problems.list.retain(|problem| {
        let is_unknown = problem.severity == Severity::Skipped && problem.code == Code::UnknownValue;
        let is_warning = problem.severity == Severity::Warning || (is_unknown && (takes_unknown || is_stored(problem)));
        if is_warning && takes_unknown && !is_stored(problem) {
            warnings.push(problem.clone());
        }
        !is_warning
    });
    let broken = problems.list.iter().find(|problem| is_stored(problem)).cloned();
    problems.list.retain(|problem| !is_stored(problem));
    if !problems.list.is_empty() {
        if let [(kind, _)] = write.puts.as_slice()
            && !write.clears
        {
            for place in problems.list.iter_mut().map(|problem| &mut problem.place) {
                if matches!(place.element, Element::Listed(list, _) if list == kind.list()) {
                    place.element = Element::Whole;
                }
            }
        }
        return Err(problems.into());
    }
    if let Some(Problem { place, message, .. }) = broken {
        let (kind, id) = stored.get(place.element.number()).cloned().unwrap_or((Kind::Feature, String::new()));
        let dot = if place.fields.is_empty() { "" } else { "." };
        let message = format!("{} `{id}`{dot}{} would be broken: {message}", kind.name(), place.fields);
        return Err(ApiError::conflict(message));
    }
    write.nothing_is_left_behind(store)?;
    // Beyond those that are kept, problems are only counted; without an error, all of them are warnings.
    warnings.n_more = problems.n_more;
    Ok(warnings)
}

/// Adds warnings to an answer: the first hundred, and the number of all.
pub fn show_warnings(fields: &mut Map<String, Value>, warnings: &Problems) {
    let shown = |problem: &Problem| {
        json!({
            "severity": problem.severity.name(),
            "code": problem.code.name(),
            "path": problem.place.to_string(),
            "message": problem.message,
        })
    };
    let list: Vec<Value> = warnings.list.iter().take(MAX_WARNINGS).map(shown).collect();
    fields.insert("warnings".to_owned(), Value::Array(list));
    fields.insert("warning_count".to_owned(), warnings.list.len().saturating_add(warnings.n_more).into());
}

const MAX_WARNINGS: usize = 100;

/// The steps of a write, grouped by kind of change.
pub(crate) struct Write<'w> {
    pub puts: Vec<(Kind, &'w Value)>,
    put_as: SortedMap<(Kind, &'w str), &'w Value>,
    deletes: SortedSet<(Kind, &'w str)>,
    settings: Option<&'w Value>,
    /// Whether the write deletes all stored entities first.
    clears: bool,
}

impl<'w> Write<'w> {
    fn new(changes: &'w [Change]) -> Write<'w> {
        let mut write = Write {
            puts: Vec::new(),
            put_as: SortedMap::default(),
            deletes: SortedSet::default(),
            settings: None,
            clears: false,
        };
        for change in changes {
            match change {
                Change::Put { kind, body } => {
                    write.puts.push((*kind, body));
                    write.put_as.insert((*kind, text(body, "id")), body);
                }
                Change::Delete { kind, id } => {
                    write.deletes.insert((*kind, id));
                }
                Change::Remember { .. } => {}
                Change::Settings(value) => write.settings = Some(value),
                Change::Clear => write.clears = true,
            }
        }
        write
    }

    fn touches_definitions(&self) -> bool {
        self.clears
            || self.settings.is_some()
            || self.puts.iter().any(|(kind, _)| kind.is_definition() || *kind == Kind::AddOnMapping)
            || self.deletes.iter().any(|(kind, _)| kind.is_definition())
    }

    /// Whether the write leaves the entity of this id unchanged.
    fn stays(&self, kind: Kind, id: &str) -> bool {
        !self.clears && !self.deletes.contains(&(kind, id)) && !self.put_as.contains_key(&(kind, id))
    }

    fn keys_are_free(&self, store: &dyn Store) -> Result<(), ApiError> {
        if self.clears {
            return Ok(());
        }
        let taken = |what: &str, key: &str, kind: Kind, id: &str| {
            Err(ApiError::conflict(format!("the {what} `{key}` is already that of {} `{id}`", kind.name())))
        };
        for (kind, body) in &self.puts {
            let id = text(body, "id");
            if let Some(key) = key_of(*kind, body)
                && let Some(other) = store.by_key(*kind, key)?
                && other.id != id
                && self.stays(*kind, &other.id)
            {
                let what = if *kind == Kind::Customer { "alias" } else { "code" };
                return taken(what, key, *kind, &other.id);
            }
            // What is looked up by id or key must not be two things.
            if matches!(kind, Kind::Feature | Kind::Customer) {
                let what = if *kind == Kind::Customer { "alias" } else { "code" };
                if let Some(other) = store.by_key(*kind, id)?
                    && other.id != id
                    && self.stays(*kind, &other.id)
                {
                    return taken(what, id, *kind, &other.id);
                }
                if let Some(key) = key_of(*kind, body)
                    && key != id
                    && store.get(*kind, key)?.is_some()
                    && self.stays(*kind, key)
                {
                    return taken("id", key, *kind, key);
                }
            }
            for (version, _) in if *kind == Kind::Plan { versions(body) } else { Vec::new() } {
                if let Some(other) = store.plan_of_version(version)?
                    && other.id != id
                    && self.stays(Kind::Plan, &other.id)
                {
                    return taken("version", version, Kind::Plan, &other.id);
                }
            }
        }
        Ok(())
    }

    /// Nothing goes, and no feature changes its type, while somebody refers to it.
    fn nothing_is_left_behind(&self, store: &dyn Store) -> Result<(), ApiError> {
        if self.clears {
            return Ok(());
        }
        let unused = |what: Referred, id: &str, verb: &str| match store.users_of(what, id)? {
            (n, Some((kind, user))) => {
                let (what, kind) = (what.title(), kind.name());
                Err(ApiError::conflict(format!(
                    "{what} `{id}` cannot {verb}: {kind} `{user}` refers to it ({n} in all)"
                )))
            }
            _ => Ok(()),
        };
        for (kind, id) in self.deletes.iter() {
            match (kind, store.get(*kind, id)?) {
                (_, None) => return Err(ApiError::not_found(format!("there is no {} `{id}`", kind.name()))),
                (Kind::Feature, Some(feature)) => {
                    unused(Referred::Feature, id, "be deleted")?;
                    unused(Referred::Feature, text(&feature.body, "code"), "be deleted")?;
                }
                (Kind::AddOn, _) => unused(Referred::AddOn, id, "be deleted")?,
                (Kind::Coupon, _) => unused(Referred::Coupon, id, "be deleted")?,
                (Kind::Plan, Some(plan)) => {
                    for (version, _) in versions(&plan.body) {
                        unused(Referred::PlanVersion, version, "be deleted")?;
                    }
                }
                (Kind::Customer, _) => {
                    let held = store.subscriptions_of(id)?;
                    if let Some(left) = held.iter().find(|held| self.stays(Kind::Subscription, &held.id)) {
                        let message =
                            format!("customer `{id}` cannot be deleted: subscription `{}` is its own", left.id);
                        return Err(ApiError::conflict(message));
                    }
                }
                _ => {}
            }
        }
        for (kind, body) in &self.puts {
            let id = text(body, "id");
            match (kind, if kind.is_definition() { store.get(*kind, id)? } else { None }) {
                (Kind::Plan, Some(stored)) => {
                    let mut kept: SortedSet<&str> = SortedSet::default();
                    kept.extend(versions(body).into_iter().map(|(version, _)| version));
                    for (version, _) in versions(&stored.body) {
                        if !kept.contains(version) {
                            unused(Referred::PlanVersion, version, "be deleted")?;
                        }
                    }
                }
                (Kind::Feature, Some(stored)) => {
                    let code = text(&stored.body, "code");
                    if code != text(body, "code") {
                        unused(Referred::Feature, code, "change its code")?;
                    }
                    let type_of = |body: &Value| {
                        let of = body.get("feature_type")?;
                        Some([text(of, "type").to_owned(), text(of, "value_type").to_owned()])
                    };
                    if type_of(&stored.body) != type_of(body) {
                        unused(Referred::Feature, id, "change its type")?;
                        unused(Referred::Feature, code, "change its type")?;
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The document that has to be right after the write, and what of it is stored already.
    fn document(&self, store: &dyn Store) -> Result<(Document, Vec<(Kind, String)>), ApiError> {
        let mut stored = Vec::new();
        let mut document =
            if self.touches_definitions() { self.definitions(store, &mut stored)? } else { store.definitions()? };
        let mut n_of: SortedMap<Kind, usize> = SortedMap::default();
        let mut customers: SortedSet<&str> = SortedSet::default();
        for (kind, body) in &self.puts {
            let n = n_of.get(kind).copied().unwrap_or_default();
            match kind {
                Kind::AddOnMapping => {
                    document.add(kind.list(), n, &tree(&json!({"id": body.get("id")})));
                    self.add_mapping(&mut document, Element::Listed(kind.list(), n), body, store)?;
                }
                _ => document.add(kind.list(), n, &tree(body)),
            }
            n_of.insert(*kind, n.saturating_add(1));
            if *kind == Kind::Customer {
                customers.insert(text(body, "id"));
            }
        }
        for (kind, body) in &self.puts {
            let customer = text(body, "customer_id");
            if *kind == Kind::Subscription && !self.clears && !customers.contains(customer) {
                customers.insert(customer);
                if store.get(Kind::Customer, customer)?.is_some() && self.stays(Kind::Customer, customer) {
                    document.add_at("customers", Element::Stored(stored.len()), &tree(&json!({"id": customer})));
                }
            }
        }
        Ok((document, stored))
    }

    fn definitions(&self, store: &dyn Store, stored: &mut Vec<(Kind, String)>) -> Result<Document, ApiError> {
        let mut document = Document::default();
        document.with_zones(store.zones());
        let settings = match self.settings {
            Some(settings) => settings.clone(),
            None if self.clears => Value::Null,
            None => store.settings()?,
        };
        for (name, value) in settings.as_object().into_iter().flatten() {
            document.set(name, &tree(value));
        }
        for kind in [Kind::Feature, Kind::Plan, Kind::AddOn, Kind::AddOnMapping] {
            for entity in if self.clears { Vec::new() } else { store.all(kind)? } {
                if self.stays(kind, &entity.id) {
                    let at = Element::Stored(stored.len());
                    match kind {
                        Kind::AddOnMapping => self.add_mapping(&mut document, at, &entity.body, store)?,
                        _ => document.add_at(kind.list(), at, &tree(&entity.body)),
                    }
                    stored.push((kind, entity.id));
                }
            }
        }
        Ok(document)
    }

    /// A mapping as an add-on with one row. It names its feature by id or by code.
    fn add_mapping(
        &self,
        document: &mut Document,
        at: Element,
        body: &Value,
        store: &dyn Store,
    ) -> Result<(), ApiError> {
        let feature = text(body, "feature");
        let is_id = self.after(Kind::Feature, feature, store)?.is_some();
        let (id, code) = if is_id { (body.get("feature"), None) } else { (None, body.get("feature")) };
        let row = json!({"feature_id": id, "feature": code, "value": body.get("value")});
        // Ids of their own, in the order of their places.
        let (is_written, n) = (matches!(at, Element::Listed(..)), at.number());
        let id = format!("add_on_mapping#{}{n:09}", u8::from(is_written));
        document.add_at(Kind::AddOn.list(), at, &tree(&json!({"id": id, "entitlements": [row]})));
        Ok(())
    }

    /// The core looks for twins among what it decides from; the rest is looked through here.
    fn nothing_is_there_twice(&self, problems: &mut Problems) {
        let mut n_of: SortedMap<Kind, usize> = SortedMap::default();
        let mut seen: SortedMap<(Kind, &str, &str), Element> = SortedMap::default();
        for (kind, body) in &self.puts {
            if kind.is_definition() || matches!(kind, Kind::Customer | Kind::Subscription) {
                continue;
            }
            let n = n_of.get(kind).copied().unwrap_or_default();
            let at = Element::Listed(kind.list(), n);
            for (field, value) in [("id", Some(text(body, "id"))), ("code", key_of(*kind, body))] {
                let Some(value) = value else { continue };
                if let Some(first) = seen.insert((*kind, field, value), at) {
                    let message = format!("the {field} `{value}` is already that of {first}");
                    problems.push(Problem::error(Code::Duplicate, Place::from(at).field(field), message));
                }
            }
            n_of.insert(*kind, n.saturating_add(1));
        }
    }

    /// Reports every `source_updated_at` that is not an instant.
    fn source_times(&self, problems: &mut Problems) {
        let mut n_of: SortedMap<Kind, usize> = SortedMap::default();
        for (kind, body) in &self.puts {
            let n = n_of.get(kind).copied().unwrap_or_default();
            source_time::check(body, Place::from(Element::Listed(kind.list(), n)), problems);
            n_of.insert(*kind, n.saturating_add(1));
        }
    }

    /// What has this id after the write.
    pub fn after(&self, kind: Kind, id: &str, store: &dyn Store) -> Result<Option<Value>, ApiError> {
        match self.put_as.get(&(kind, id)) {
            Some(body) => Ok(Some((*body).clone())),
            None if self.stays(kind, id) => Ok(store.get(kind, id)?.map(|entity| entity.body)),
            None => Ok(None),
        }
    }
}

/// A JSON value, ready to be read field by field.
pub(crate) fn tree(value: &Value) -> Tree<'_> {
    match value {
        Value::Null => Tree::Null,
        Value::Bool(value) => Tree::Bool(*value),
        Value::Number(number) => Tree::Number(number.as_str().into()),
        Value::String(text) => Tree::Text(text.into()),
        Value::Array(items) => Tree::List(items.iter().map(tree).collect()),
        Value::Object(fields) => Tree::Object(fields.iter().map(|(name, value)| (name.into(), tree(value))).collect()),
    }
}
