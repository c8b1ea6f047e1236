//! Add-ons: create, change, archive, read.

use super::shapes::{StoredEntity, instant, is_archived, is_found, name_of, not_found, page, put, search, some_text};
use crate::failure::ApiError;
use crate::ids::derived;
use crate::kind::Kind;
use crate::request::{ApiResponse, Context, Outcome};
use crate::route::Call;
use crate::source_time::{self, FIELD};
use crate::store::{Change, Entity, Store, text};
use mayuse_core::{Code, Problem, Problems};
use mayuse_document::{Node, Object, Tree, read};
use serde_json::{Map, Value};

/// The fields that can be cleared with `null`.
const CLEARABLE: [&str; 3] = ["description", "max_instances_per_subscription", FIELD];

const FEE_TYPES: [&str; 6] = ["RATE", "SLOT", "CAPACITY", "USAGE", "EXTRA_RECURRING", "ONE_TIME"];

pub(crate) fn list(call: &Call<'_>, context: &mut Context) -> Result<Outcome, ApiError> {
    let (request, store) = (call.request, call.store);
    let with_archived = match request.parameter("include_archived").as_deref() {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(ApiError::field("include_archived", "expected true or false")),
    };
    let currency = request.parameter("currency");
    if currency.as_ref().is_some_and(|code| code.len() != 3 || !code.bytes().all(|b| b.is_ascii_alphabetic())) {
        return Err(ApiError::field("currency", "expected a currency of three letters, such as EUR"));
    }
    let order_by = request.parameter("order_by");
    let (by_name, descending) = match order_by.as_deref() {
        Some("name.asc") => (true, false),
        Some("name.desc") => (true, true),
        Some("created_at.asc") => (false, false),
        None | Some("created_at.desc") => (false, true),
        Some(_) => {
            let message = "expected name.asc, name.desc, created_at.asc or created_at.desc";
            return Err(ApiError::field("order_by", message));
        }
    };
    let search = search(request, store);
    let mut list = Vec::new();
    for add_on in store.all(Kind::AddOn)? {
        let body = &add_on.body;
        let is_hidden = !with_archived && is_archived(body, context.now);
        if is_hidden || !is_found(body, &search, store) || !is_in_currency(body, currency.as_deref(), store)? {
            continue;
        }
        let made = StoredEntity::from(&add_on).made().millis();
        let key = if by_name { (0, name_of(body).to_owned()) } else { (made, String::new()) };
        list.push((key, add_on));
    }
    page(request, list, descending, &|add_on| show(add_on.into(), store))
}

fn is_in_currency(add_on: &Value, currency: Option<&str>, store: &dyn Store) -> Result<bool, ApiError> {
    let Some(currency) = currency else { return Ok(true) };
    let price = store.get(Kind::Price, text(add_on, "price_id"))?;
    Ok(price.is_some_and(|price| text(&price.body, "currency").eq_ignore_ascii_case(currency)))
}

pub(crate) fn get(call: &Call<'_>, _: &mut Context) -> Result<Outcome, ApiError> {
    let add_on = find(call)?;
    Ok(Outcome::read(show((&add_on).into(), call.store)?).of_version(add_on.version))
}

fn find(call: &Call<'_>) -> Result<Entity, ApiError> {
    call.store.get(Kind::AddOn, call.param(0))?.ok_or_else(not_found)
}

pub(crate) fn create(call: &Call<'_>, context: &mut Context) -> Result<Outcome, ApiError> {
    let (request, store) = (call.request, call.store);
    let mut body = Map::from_iter([("id".to_owned(), context.ids.next("add_").into())]);
    let (product, price) = read(&request.tree()?, |o| {
        o.required("name", |_| Some(()));
        let product = o.required_id("product_id");
        let price = o.required_id("price_id");
        read_fields(o, &mut body);
        Some((product?, price?))
    })?;
    let mut problems = Problems::default();
    if store.get(Kind::Product, &product)?.is_none() {
        problems.push(unknown(Kind::Product, &product));
    }
    price_problem(&price, Some(&product), None, store)?.into_iter().for_each(|problem| problems.push(problem));
    if !problems.list.is_empty() {
        return Err(problems.into());
    }
    body.insert("product_id".to_owned(), product.into());
    body.entry("self_serviceable").or_insert(Value::Bool(false));
    body.insert("created_at".to_owned(), context.now.to_string().into());
    let body = Value::Object(body);
    let written = StoredEntity { body: &body, created_at: context.now, updated_at: context.now };
    let reply = ApiResponse::json(201, show(written, store)?);
    Ok(Outcome::wrote(reply, vec![Change::put(Kind::AddOn, body)]))
}

pub(crate) fn change(call: &Call<'_>, context: &mut Context) -> Result<Outcome, ApiError> {
    let (request, store) = (call.request, call.store);
    let add_on = find(call)?;
    let mut body = add_on.body.as_object().cloned().unwrap_or_default();
    let tree = request.tree()?;
    read(&tree, |o| {
        read_fields(o, &mut body);
        Some(())
    })?;
    for field in CLEARABLE.into_iter().filter(|field| is_null(&tree, field)) {
        body.shift_remove(field);
    }
    let body = Value::Object(body);
    let stated = matches!(&tree, Tree::Object(fields) if fields.iter().any(|(name, _)| name == FIELD));
    if stated && source_time::is_stale(source_time::stated(&body), source_time::stated(&add_on.body)) {
        return Ok(applied(get(call, context)?, false));
    }
    let (old, new) = (text(&add_on.body, "price_id"), text(&body, "price_id"));
    // An unchanged value is not checked: another API may have set it.
    if old != new
        && let Some(problem) = price_problem(new, some_text(&body, "product_id"), Some(old), store)?
    {
        return Err(Problems::from(problem).into());
    }
    if body == add_on.body {
        let done = get(call, context)?;
        return Ok(if stated { applied(done, true) } else { done });
    }
    let written = StoredEntity { body: &body, created_at: add_on.created_at, updated_at: context.now };
    let reply = ApiResponse::json(200, show(written, store)?);
    let done = Outcome::wrote(reply, vec![Change::put(Kind::AddOn, body)]).of_version(store.next_version()?);
    Ok(if stated { applied(done, true) } else { done })
}

/// Says whether a change that states the instant of its source is applied.
fn applied(mut done: Outcome, applied: bool) -> Outcome {
    if let Some(Value::Object(shown)) = &mut done.reply.body {
        shown.insert("applied".to_owned(), applied.into());
    }
    done
}

fn is_null(tree: &Tree, field: &str) -> bool {
    matches!(tree, Tree::Object(fields) if fields.iter().any(|(name, value)| name == field && *value == Tree::Null))
}

/// Reads the fields that create and update share into the stored body.
fn read_fields(o: Object<'_>, body: &mut Map<String, Value>) {
    put(body, "name", o.optional("name", |n| name(&n)).map(Value::from));
    put(body, "description", o.text("description").map(Value::from));
    put(body, FIELD, o.optional(FIELD, |n| n.instant().and(n.text()).map(Value::from)));
    put(body, "price_id", o.optional_id("price_id").map(Value::from));
    put(body, "self_serviceable", o.optional("self_serviceable", |n| n.bool()).map(Value::from));
    let max_instances = o.optional("max_instances_per_subscription", |n| {
        let found = n.integer()?;
        let in_range = 1 <= found && found <= i64::from(i32::MAX);
        if !in_range {
            let message = format!("expected 1 to {}, or null for any number, found {found}", i32::MAX);
            n.error(Code::OutOfRange, message);
        }
        in_range.then_some(found)
    });
    put(body, "max_instances_per_subscription", max_instances.map(Value::from));
}

fn name(node: &Node<'_>) -> Option<String> {
    let name = node.text()?;
    let n_chars = name.chars().count();
    if name.trim().is_empty() || 255 < n_chars {
        node.error(Code::Invalid, format!("expected a name of 1 to 255 characters, found {n_chars}"));
        return None;
    }
    Some(name.to_owned())
}

fn unknown(kind: Kind, id: &str) -> Problem {
    let (name, list) = (kind.name(), kind.list());
    let message = format!("there is no {name} `{id}`; PUT /v1/catalog/{list}/{id} makes one");
    Problem::error(Code::BrokenReference, format!("{name}_id"), message)
}

/// The reason why this price cannot replace the add-on's price.
fn price_problem(
    price: &str,
    product: Option<&str>,
    old: Option<&str>,
    store: &dyn Store,
) -> Result<Option<Problem>, ApiError> {
    let Some(new) = store.get(Kind::Price, price)? else { return Ok(Some(unknown(Kind::Price, price))) };
    let refuse = |message| Ok(Some(Problem::error(Code::Invalid, "price_id".to_owned(), message)));
    let of = text(&new.body, "product_id");
    if let Some(product) = product.filter(|product| *product != of) {
        return refuse(format!("price `{price}` belongs to product `{of}`, not `{product}`"));
    }
    let old = old.map(|old| store.get(Kind::Price, old)).transpose()?.flatten();
    let (is, was) = (text(&new.body, "currency"), old.as_ref().map(|old| text(&old.body, "currency")));
    if let Some(was) = was.filter(|was| !was.eq_ignore_ascii_case(is)) {
        return refuse(format!("price `{price}` is in `{is}`, and the add-on in `{was}`"));
    }
    Ok(None)
}

pub(crate) fn archive(call: &Call<'_>, context: &mut Context) -> Result<Outcome, ApiError> {
    let add_on = find(call)?;
    // A repeated request keeps the first archival instant.
    let archived_at = Some(context.now.to_string().into()).filter(|_| !is_archived(&add_on.body, context.now));
    Ok(set_archived(add_on, archived_at))
}

pub(crate) fn unarchive(call: &Call<'_>, _: &mut Context) -> Result<Outcome, ApiError> {
    let add_on = find(call)?;
    let cleared = add_on.body.get("archived_at").filter(|archived| !archived.is_null()).map(|_| Value::Null);
    Ok(set_archived(add_on, cleared))
}

/// Writes the field if it has a value.
fn set_archived(add_on: Entity, archived_at: Option<Value>) -> Outcome {
    let mut body = add_on.body;
    let changed = body.as_object_mut().zip(archived_at).map(|(body, archived_at)| {
        body.shift_remove("archived_at");
        put(body, "archived_at", Some(archived_at));
    });
    Outcome::wrote(ApiResponse::empty(), changed.map(|()| Change::put(Kind::AddOn, body)).into_iter().collect())
}

/// An add-on in Meteroid's shape. An add-on from another API may have no product or price; clients
/// require their ids, so stable ids are derived.
fn show(add_on: StoredEntity<'_>, store: &dyn Store) -> Result<Value, ApiError> {
    let body = add_on.body;
    let id = text(body, "id");
    let reference =
        |field: &str, prefix: &str| some_text(body, field).map_or_else(|| derived(prefix, &[id, field]), str::to_owned);
    let rows = add_on.rows(store)?;
    let mut shown = Map::new();
    shown.insert("id".to_owned(), id.into());
    shown.insert("name".to_owned(), name_of(body).into());
    put(&mut shown, "description", body.get("description").filter(|said| said.is_string()).cloned());
    shown.insert("product_id".to_owned(), reference("product_id", "prd_").into());
    shown.insert("price_id".to_owned(), reference("price_id", "pri_").into());
    put(&mut shown, "fee_type", fee_type(body, store)?.map(Value::from));
    shown.insert("self_serviceable".to_owned(), (body.get("self_serviceable") == Some(&Value::Bool(true))).into());
    put(&mut shown, "max_instances_per_subscription", body.get("max_instances_per_subscription").cloned());
    shown.insert("created_at".to_owned(), add_on.made().to_string().into());
    put(&mut shown, "archived_at", instant(body, "archived_at").map(|at| at.to_string().into()));
    put(&mut shown, "entitlements", Some(rows).filter(|rows| !rows.is_empty()).map(Value::from));
    Ok(Value::Object(shown))
}

/// The fee type of an add-on's product, else the one the add-on was imported with.
fn fee_type(add_on: &Value, store: &dyn Store) -> Result<Option<&'static str>, ApiError> {
    let product = store.get(Kind::Product, text(add_on, "product_id"))?.map(|product| product.body);
    let said = |body: &Value| FEE_TYPES.into_iter().find(|known| *known == text(body, "fee_type"));
    let of_product = product.as_ref().and_then(|product| said(product).or_else(|| said(product.get("fee_structure")?)));
    Ok(of_product.or_else(|| said(add_on)))
}
