//! Pabbly's dialect: `POST /api/v1/addon/{product_id}`, with the key as the user of HTTP Basic, and
//! errors as `{status: "error", message}`.
//!
//! Pabbly has no features. An add-on grants the operator's mapping of its code, else the BOOLEAN
//! feature of the same code.

use crate::admit::tree;
use crate::failure::ApiError;
use crate::form;
use crate::ids::hex;
use crate::json::json;
use crate::kind::Kind;
use crate::request::{ApiResponse, Context, Outcome};
use crate::route::Call;
use crate::store::{Change, Entity, MAX_WHOLE, Store, product_of, text};
use mayuse_core::{BillingPeriod, Code, Instant, Interval, SortedSet, Unit};
use mayuse_document::{Document, Node, Object, Tree, read};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// The request.
struct CreateAddOn {
    billing_period: &'static str,
    billing_cycle: &'static str,
    status: bool,
    associate_plans: &'static str,
    billing_period_num: i64,
    category_array: Vec<String>,
    code: String,
    name: String,
    price: i64,
    /// As sent: in Pabbly's sample an empty name means none.
    plans_array: Vec<String>,
    description: Option<String>,
}

impl CreateAddOn {
    fn read(o: Object<'_>) -> Option<CreateAddOn> {
        let same = |word: &'static str| (word, word);
        let billing_period = o.required("billing_period", |n| n.word(&["m", "y", "w"].map(same)));
        let billing_cycle = o.required("billing_cycle", |n| n.word(&["lifetime", "onetime"].map(same)));
        let status = o.required("status", |n| match n.tree {
            Tree::Bool(status) => Some(*status),
            _ => n.word(&[("true", true), ("false", false)]),
        });
        // Requests say `all_plans`, responses `all`; a client may send the response's word back.
        let ways = [("all_plans", "all"), ("all", "all"), same("selected_plans")];
        let associate_plans = o.required("associate_plans", |n| n.word(&ways));
        let most = i64::from(Interval::MAX_INTERVAL);
        let billing_period_num = o.required("billing_period_num", |n| whole(&n, 1, most));
        let category_array = texts(o, "category_array");
        let code = o.required_id("code");
        let name = o.required("name", |n| not_empty(&n));
        let price = o.required("price", |n| whole(&n, 0, MAX_WHOLE));
        let plans_array = texts(o, "plans_array");
        if associate_plans == Some("selected_plans") && plans_array.iter().all(String::is_empty) {
            let message = "selected_plans needs at least one plan in `plans_array`";
            o.sink.error(Code::Missing, "plans_array".to_owned(), message);
        }
        Some(CreateAddOn {
            billing_period: billing_period?,
            billing_cycle: billing_cycle?,
            status: status?,
            associate_plans: associate_plans?,
            billing_period_num: billing_period_num?,
            category_array,
            code: code?,
            name: name?,
            price: price?,
            plans_array,
            description: o.text("description"),
        })
    }

    /// The billing period of the price: its name, or `{"unit", "interval"}`.
    fn cadence(&self) -> Value {
        let unit = match self.billing_period {
            "w" => Unit::Week,
            "y" => Unit::Year,
            _ => Unit::Month,
        };
        let period = BillingPeriod::new(unit, self.billing_period_num).unwrap_or(BillingPeriod::MONTHLY);
        match period.name() {
            Some(name) => name.into(),
            None => json!({"unit": unit.name(), "interval": self.billing_period_num}),
        }
    }

    fn pricing(&self) -> Value {
        let price = format!("{}.00", self.price);
        match self.billing_cycle {
            "onetime" => json!({"type": "ONE_TIME", "unit_price": price, "quantity": 1_u32}),
            _ => json!({"type": "RATE", "rate": price}),
        }
    }
}

pub(crate) fn create(call: &Call<'_>, context: &mut Context) -> Result<Outcome, ApiError> {
    let (product_id, request, store) = (call.param(0), call.request, call.store);
    let asked = read(&form::tree(request)?, CreateAddOn::read)?;
    // Applies the rule for ids to the path's id.
    let path = Tree::Object(vec![("product_id".into(), Tree::Text(product_id.into()))]);
    read(&path, |o| o.required_id("product_id"))?;
    let plans: Vec<&String> = asked.plans_array.iter().filter(|id| !id.is_empty()).collect();
    if asked.associate_plans == "selected_plans" {
        let mut seen: SortedSet<&str> = SortedSet::default();
        let named = asked.plans_array.iter().enumerate().filter(|(_, plan)| !plan.is_empty());
        for (n, plan) in named.filter(|(_, plan)| seen.insert(plan)) {
            if store.get(Kind::Plan, plan)?.is_none() {
                return Err(ApiError::field(format!("plans_array[{n}]"), "there is no plan of this id"));
            }
        }
    }
    for add_on in store.all(Kind::AddOn)? {
        if add_on.body.get("pabbly").is_some_and(|pabbly| text(pabbly, "code") == asked.code) {
            let message = format!("the code `{}` is already that of add-on `{}`", asked.code, add_on.id);
            return Err(ApiError::conflict(message).at("code"));
        }
    }
    let now = context.now.to_string();
    let mut changes = Vec::new();
    let (feature_id, value) = grant(&asked, product_id, store, context, &mut changes)?;

    let (id, price_id) = (context.ids.next_hex(), context.ids.next("pri_"));
    changes.push(Change::put(
        Kind::Price,
        json!({
            "id": price_id,
            "product_id": product_id,
            "currency": "USD",
            "cadence": asked.cadence(),
            "pricing": asked.pricing(),
        }),
    ));
    changes.push(Change::put(
        Kind::AddOn,
        json!({
            "id": id,
            "name": asked.name,
            "description": asked.description,
            "product_id": product_id,
            "price_id": price_id,
            "max_instances_per_subscription": Value::Null,
            "self_serviceable": false,
            // No longer sold; existing subscriptions keep it.
            "archived_at": (!asked.status).then_some(&now),
            "created_at": now,
            "associate_plans": asked.associate_plans,
            "plans_array": plans,
            "entitlements": [json!({
                "id": context.ids.next("ent_"),
                "feature_id": feature_id,
                "value": value,
                "created_at": now,
                "updated_at": now,
            })],
            "pabbly": json!({
                "code": asked.code,
                "price": asked.price,
                "billing_period": asked.billing_period,
                "billing_period_num": asked.billing_period_num,
                "billing_cycle": asked.billing_cycle,
                "status": asked.status,
                "category_array": asked.category_array,
                "plans_array": asked.plans_array,
            }),
        }),
    ));
    let at = with_milliseconds(context.now);
    let answer = json!({
        "status": "success",
        "message": "Addon Created Successfully",
        "data": json!({
            "billing_period": asked.billing_period,
            "category_array": asked.category_array,
            "createdAt": at,
            "updatedAt": at,
            "id": id,
            "product_id": product_id,
            "user_id": user_id(&context.by),
            "name": asked.name,
            "code": asked.code,
            "price": asked.price,
            "billing_cycle": asked.billing_cycle,
            "status": asked.status,
            "associate_plans": asked.associate_plans,
            "plans_array": asked.plans_array,
            "description": asked.description,
        }),
    });
    Ok(Outcome::wrote(ApiResponse::json(200, answer), changes))
}

/// The id of the feature that an add-on grants, and the granted value.
fn grant(
    asked: &CreateAddOn,
    product_id: &str,
    store: &dyn Store,
    context: &mut Context,
    changes: &mut Vec<Change>,
) -> Result<(String, Value), ApiError> {
    let code = &asked.code;
    if let Some(mapping) = store.get(Kind::AddOnMapping, code)? {
        let name = text(&mapping.body, "feature");
        let Some(feature) = store.feature(name)? else {
            return Err(ApiError::conflict(format!(
                "the mapping of `{code}` names the feature `{name}`, which is not there"
            )));
        };
        of_this_product(&feature, product_id, code)?;
        let mut value = mapping.body.get("value").cloned().unwrap_or_default();
        if text(&value, "type") == "METERED"
            && let Some(fields) = value.as_object_mut()
            && fields.get("reset_period").is_none_or(Value::is_null)
        {
            let reset = if asked.billing_cycle == "onetime" { "NEVER" } else { "BILLING_CYCLE" };
            fields.insert("reset_period".to_owned(), json!({"type": reset}));
        }
        return Ok((feature.id, value));
    }
    let value = json!({"type": "BOOLEAN", "enabled": true});
    if let Some(feature) = store.by_key(Kind::Feature, code)? {
        of_this_product(&feature, product_id, code)?;
        if feature.body.get("feature_type").map(|found| text(found, "type")) == Some("METERED") {
            let message = format!(
                "feature `{code}` is METERED, and the add-on does not say how much of it is granted; \
                 say so first: PUT /v1/catalog/add_on_mappings/{code}"
            );
            return Err(ApiError::field("code", message));
        }
        return Ok((feature.id, value));
    }
    let feature = json!({
        "id": context.ids.next("feat_"),
        "code": code,
        "name": asked.name,
        "feature_type": json!({"type": "BOOLEAN"}),
        "status": "ACTIVE",
        "created_at": context.now.to_string(),
    });
    // Only the code can be invalid, and the client chose it, so it is reported as a client error.
    let mut document = Document::default();
    document.add("features", 0, &tree(&feature));
    if let Err(problems) = document.compile() {
        let rule = problems.list.into_iter().next().map(|problem| problem.message).unwrap_or_default();
        let message = format!("{rule}; for another one, map it first: PUT /v1/catalog/add_on_mappings/CODE");
        return Err(ApiError::field("code", message));
    }
    let id = text(&feature, "id").to_owned();
    changes.push(Change::put(Kind::Feature, feature));
    Ok((id, value))
}

/// Refuses a feature of another product: where products limit a feature's scope, the add-on would
/// be sold and grant nothing.
fn of_this_product(feature: &Entity, product_id: &str, code: &str) -> Result<(), ApiError> {
    let body = &feature.body;
    let Some(of) = product_of(body).filter(|of| *of != product_id) else { return Ok(()) };
    let (id, feature) = (&feature.id, text(body, "code"));
    let message = format!(
        "feature `{feature}` is one of product `{of}`, not of `{product_id}`, so the add-on would grant nothing; \
         create it under /api/v1/addon/{of}, map its code to another feature: PUT /v1/catalog/add_on_mappings/{code}, \
         or take the product from the feature: PUT /v1/catalog/features/{id}"
    );
    Err(ApiError::field("code", message))
}

/// Reads an integer of `min` to `max`, or its digits as text, since form fields are texts.
fn whole(node: &Node<'_>, min: i64, max: i64) -> Option<i64> {
    let value = match node.tree {
        Tree::Text(digits) if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) => {
            // A number that overflows exceeds the maximum.
            digits.parse().unwrap_or(i64::MAX)
        }
        _ => node.integer()?,
    };
    if value < min || max < value {
        node.error(Code::OutOfRange, format!("expected {min} to {max}"));
        return None;
    }
    Some(value)
}

fn not_empty(node: &Node<'_>) -> Option<String> {
    let text = node.text()?;
    if text.trim().is_empty() {
        node.error(Code::Invalid, "must not be empty");
        return None;
    }
    Some(text.to_owned())
}

/// An optional list of texts.
fn texts(o: Object<'_>, field: &str) -> Vec<String> {
    let mut texts = Vec::new();
    o.each(field, |_, node| texts.extend(node.text().map(str::to_owned)));
    texts
}

/// The key as an account id in Pabbly's form: 24 hexadecimal digits, derived from its name.
fn user_id(by: &str) -> String {
    hex(&Sha256::digest(by.as_bytes())).chars().take(24).collect()
}

/// Pabbly always writes milliseconds.
fn with_milliseconds(at: Instant) -> String {
    let text = at.to_string();
    match text.strip_suffix('Z') {
        Some(seconds) if !seconds.contains('.') => format!("{seconds}.000Z"),
        _ => text,
    }
}
