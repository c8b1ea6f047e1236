//! mayuse's own catalog routes: single entities, lists, and the whole document.

use crate::failure::ApiError;
use crate::json::json;
use crate::kind::Kind;
use crate::request::{ApiResponse, Context, Outcome};
use crate::route::{Call, Program};
use crate::source_time;
use crate::store::{Change, Entity, SETTINGS, Store, text};
use mayuse_core::{Element, ID_RULE, Place, is_id};
use serde_json::{Map, Value};

/// The format number of catalog documents.
pub const DOCUMENT_FORMAT: u64 = 1;

/// Reports that the program runs.
pub(crate) fn health(_: &Program) -> Value {
    json!({"status": "ok"})
}

/// The version of the program, and the format numbers that it writes.
pub(crate) fn version(program: &Program) -> Value {
    let (block, manifest) = (mayuse_core::FORMAT, program.manifest_format);
    let formats = json!({"document": DOCUMENT_FORMAT, "block": block, "manifest": manifest});
    json!({"version": env!("CARGO_PKG_VERSION"), "formats": formats})
}

/// 404 for a path that is not in the table.
pub(crate) fn nowhere(segments: &[String]) -> ApiError {
    let kind = match segments {
        [v1, catalog, name] | [v1, catalog, name, _] if v1 == "v1" && catalog == "catalog" => kind_named(name).err(),
        _ => None,
    };
    kind.unwrap_or_else(|| ApiError::not_found("there is no such path; /openapi.json lists those there are"))
}

fn kind_named(name: &str) -> Result<Kind, ApiError> {
    Kind::parse(name).ok_or_else(|| {
        let kinds: Vec<&str> = Kind::ALL.iter().map(|kind| kind.list()).collect();
        ApiError::not_found(format!("there is no kind `{name}`; there are {}", kinds.join(", ")))
    })
}

pub(crate) fn get(call: &Call<'_>, _: &mut Context) -> Result<Outcome, ApiError> {
    let (kind, id) = (kind_named(call.param(0))?, call.param(1));
    let entity = call.store.get(kind, id)?.ok_or_else(|| no_such(kind, id))?;
    Ok(Outcome::read(shown(kind, &entity)).of_version(entity.version))
}

fn no_such(kind: Kind, id: &str) -> ApiError {
    ApiError::not_found(format!("there is no {} `{id}`", kind.name()))
}

/// An entity with its metadata.
fn shown(kind: Kind, entity: &Entity) -> Value {
    json!({
        "kind": kind.name(),
        "id": entity.id,
        "entity": entity.body,
        "created_at": entity.created_at.to_string(),
        "updated_at": entity.updated_at.to_string(),
        "updated_by": entity.updated_by,
        "snapshot_version": entity.version,
    })
}

/// `?limit=` (1 to 1,000, by default 100) and `?cursor=`, from the previous page.
pub(crate) fn list(call: &Call<'_>, _: &mut Context) -> Result<Outcome, ApiError> {
    let (kind, request, store) = (kind_named(call.param(0))?, call.request, call.store);
    let limit = match request.single_parameter("limit")? {
        None => 100,
        Some(text) => {
            let limit = text.parse::<usize>().ok().filter(|limit| 1 <= *limit && *limit <= 1_000);
            limit.ok_or_else(|| ApiError::field("limit", "expected 1 to 1000"))?
        }
    };
    let after = request.single_parameter("cursor")?.unwrap_or_default();
    if !after.is_empty() && !is_id(&after) {
        return Err(ApiError::field("cursor", ID_RULE));
    }
    let page = store.page(kind, &after, limit)?;
    let last = page.last().map(|entity| entity.id.clone()).unwrap_or_default();
    let has_more = !page.is_empty() && !store.page(kind, &last, 1)?.is_empty();
    let next = has_more.then_some(last);
    let data: Vec<Value> = page.iter().map(|entity| shown(kind, entity)).collect();
    Ok(Outcome::read(json!({"data": data, "next_cursor": next, "snapshot_version": store.version()?})))
}

pub(crate) fn put(call: &Call<'_>, _: &mut Context) -> Result<Outcome, ApiError> {
    let (kind, id, store) = (kind_named(call.param(0))?, call.param(1), call.store);
    let Value::Object(mut body) = call.request.value()? else {
        return Err(ApiError::field("", "expected an object"));
    };
    without_kind(kind, &mut body)?;
    match body.get("id") {
        None => {
            let mut with_id = Map::from_iter([("id".to_owned(), Value::from(id))]);
            with_id.append(&mut body);
            body = with_id;
        }
        Some(found) if found.as_str() == Some(id) => {}
        Some(_) => return Err(ApiError::field("id", format!("expected `{id}`, as in the path"))),
    }
    let (stored, body) = (store.get(kind, id)?, Value::Object(body));
    let stated = source_time::stated(&body);
    // Looked up only if it matters.
    let known = if stated.is_some() { source_time::known(kind, id, stored.as_ref(), store)? } else { None };
    let applied = !source_time::is_stale(stated, known);
    let created = applied && stored.is_none();
    let answer = json!({"kind": kind.name(), "id": id, "created": created});
    let reply =
        ApiResponse::json(if created { 201 } else { 200 }, written(answer, stated.map(|_| applied), applied, store)?);
    Ok(Outcome::wrote(reply, if applied { vec![Change::put(kind, body)] } else { Vec::new() }))
}

/// Adds whether a write is applied, if it states the instant of its source, and the version that it makes or leaves.
fn written(mut answer: Value, applied: Option<bool>, is_write: bool, store: &dyn Store) -> Result<Value, ApiError> {
    let version = if is_write { store.next_version()? } else { store.version()? };
    if let Some(fields) = answer.as_object_mut() {
        fields.extend(applied.map(|applied| ("applied".to_owned(), applied.into())));
        fields.insert("snapshot_version".to_owned(), version.into());
    }
    Ok(answer)
}

/// Removes `kind` from a body: it labels a line of an import, and is not part of the entity.
fn without_kind(kind: Kind, body: &mut Map<String, Value>) -> Result<(), ApiError> {
    match body.shift_remove("kind") {
        None => Ok(()),
        Some(found) if found.as_str() == Some(kind.name()) => Ok(()),
        Some(_) => Err(ApiError::field("kind", format!("expected `{}`, or nothing", kind.name()))),
    }
}

/// Deletes an entity. With `?source_updated_at=`, the deletion may arrive late, early or twice, as other writes may.
pub(crate) fn delete(call: &Call<'_>, _: &mut Context) -> Result<Outcome, ApiError> {
    let (kind, id, store) = (kind_named(call.param(0))?, call.param(1), call.store);
    let stated = source_time::parameter(call.request)?;
    let stored = store.get(kind, id)?;
    if stored.is_none() && stated.is_none() {
        return Err(no_such(kind, id));
    }
    let known = source_time::known(kind, id, stored.as_ref(), store)?;
    let applied = !source_time::is_stale(stated, known);
    let deleted = applied && stored.is_some();
    let mut changes = Vec::new();
    if deleted {
        changes.push(Change::Delete { kind, id: id.to_owned() });
    }
    // A repeated deletion says nothing new.
    if let Some(at) = stated.max(known)
        && applied
        && (deleted || known != Some(at))
    {
        changes.push(Change::Remember { kind, id: id.to_owned(), at });
    }
    let answer = json!({"kind": kind.name(), "id": id, "deleted": deleted});
    let answer = written(answer, stated.map(|_| applied), !changes.is_empty(), store)?;
    Ok(Outcome::wrote(ApiResponse::json(200, answer), changes))
}

/// Replaces the whole catalog.
pub(crate) fn put_document(call: &Call<'_>, _: &mut Context) -> Result<Outcome, ApiError> {
    let (request, store) = (call.request, call.store);
    let is_known =
        |name: &str| name == "format" || SETTINGS.contains(&name) || Kind::ALL.iter().any(|kind| kind.list() == name);
    let Value::Object(mut document) = request.fields(&is_known)? else {
        return Err(ApiError::field("", "expected a catalog document, which is an object"));
    };
    match document.get("format").map(Value::as_u64) {
        Some(Some(DOCUMENT_FORMAT)) => {}
        Some(_) => return Err(ApiError::field("format", "expected 1")),
        None => return Err(ApiError::field("format", "a catalog document says \"format\": 1")),
    }
    let mut changes = vec![Change::Clear];
    let settings = SETTINGS.iter().filter_map(|name| Some(((*name).to_owned(), document.get(*name)?.clone())));
    changes.push(Change::Settings(Value::Object(settings.collect())));
    let mut counts = Map::new();
    for kind in Kind::ALL {
        // Moved, not copied: a document may be large.
        let list = match document.shift_remove(kind.list()) {
            None | Some(Value::Null) => continue,
            Some(Value::Array(list)) => list,
            Some(_) => return Err(ApiError::field(kind.list(), "expected an array")),
        };
        counts.insert(kind.list().to_owned(), list.len().into());
        for (n, mut entity) in list.into_iter().enumerate() {
            let place = |field: &str| Place::from(Element::Listed(kind.list(), n)).field(field);
            if let Value::Object(body) = &mut entity {
                without_kind(kind, body).map_err(|failure| ApiError::field(place("kind"), failure.message.clone()))?;
            }
            if text(&entity, "id").is_empty() {
                return Err(ApiError::field(place("id"), "a required field is missing"));
            }
            changes.push(Change::put(kind, entity));
        }
    }
    let answer = json!({"entities": counts, "snapshot_version": store.next_version()?});
    Ok(Outcome::wrote(ApiResponse::json(200, answer), changes))
}
