//! The coupons of a subscription.

use super::reads::{Reads, Size, n_bytes, stored};
use crate::failure::ApiError;
use crate::json::json;
use crate::kind::{Kind, Referred};
use crate::meteroid::shapes::is_archived;
use crate::request::Context;
use crate::store::{Change, Store, items, text};
use mayuse_core::{Amount, Instant, SortedSet};
use mayuse_document::{Node, Object};
use serde_json::Value;

/// The subscription that a coupon applies to.
pub(super) struct Buyer<'b> {
    pub customer_id: &'b str,
    pub plan_id: &'b str,
    pub currency: &'b str,
}

struct Coupon {
    /// The API's shape.
    json: Value,
    /// The currency of a fixed discount.
    currency: Option<String>,
    expires_at: Option<Instant>,
    redemption_limit: Option<u32>,
    redemption_count: Option<u32>,
    reusable: bool,
    disabled: bool,
    plan_ids: Vec<String>,
}

/// Applies coupons by their codes. A repeated code applies once.
///
/// # Errors
/// The code is unknown, or the coupon is not valid for this customer or at all.
pub(super) fn apply(
    codes: &[String],
    buyer: &Buyer<'_>,
    reads: &mut Reads<'_>,
    size: &mut Size,
    context: &mut Context,
    changes: &mut Vec<Change>,
) -> Result<Vec<Value>, ApiError> {
    let store = reads.store;
    let mut used = None;
    let mut applied = Vec::new();
    let mut seen: SortedSet<&str> = SortedSet::default();
    for (n, code) in codes.iter().enumerate().filter(|(_, code)| seen.insert(code)) {
        let at = format!("coupon_codes[{n}]");
        let shown: String = code.chars().take(64).collect();
        let Some(entity) = store.by_key(Kind::Coupon, code)? else {
            return Err(ApiError::field(at, format!("there is no coupon `{shown}`")));
        };
        reads.count(&entity, &at)?;
        let coupon = stored(&format!("coupon `{shown}`"), &entity.body, &at, read)?;
        let n_users = store.users_of(Referred::Coupon, &entity.id)?.0;
        let n_redeemed = n_users.max(coupon.redemption_count.unwrap_or_default().into());
        let refused = if coupon.expires_at.is_some_and(|expires| expires <= context.now) {
            Some("is expired".to_owned())
        } else if is_archived(&entity.body, context.now) {
            Some("is archived".to_owned())
        } else if coupon.disabled {
            Some("is disabled".to_owned())
        } else if let Some(currency) = coupon.currency.as_deref().filter(|currency| *currency != buyer.currency) {
            Some(format!("is in {currency}, the subscription in {}", buyer.currency))
        } else if !coupon.plan_ids.is_empty() && !coupon.plan_ids.iter().any(|id| id == buyer.plan_id) {
            Some(format!("does not go with plan `{}`", buyer.plan_id))
        } else if coupon.redemption_limit.is_some_and(|limit| u64::from(limit) <= n_redeemed) {
            Some(format!("was used {n_redeemed} times already, as often as it may be"))
        } else if !coupon.reusable && was_used(&entity.id, buyer.customer_id, &mut used, store)? {
            Some(format!("is not reusable, and customer `{}` has used it", buyer.customer_id))
        } else {
            None
        };
        if let Some(why) = refused {
            return Err(ApiError::field(at, format!("coupon `{shown}` {why}")));
        }
        size.add(n_bytes(&coupon.json), &at)?;
        // Stored with the coupon, so that deleting a subscription does not lower it.
        let mut body = entity.body;
        if let Some(fields) = body.as_object_mut() {
            let count = n_redeemed.saturating_add(1).min(MAX_COUNT);
            fields.insert("redemption_count".to_owned(), count.into());
        }
        changes.push(Change::put(Kind::Coupon, body));
        let applied_coupon = json!({
            "id": context.ids.next("sub_cou_"),
            "coupon_id": entity.id,
            "is_active": true,
            "applied_amount": Value::Null,
            "applied_count": Value::Null,
            "last_applied_at": Value::Null,
            "created_at": context.now.to_string(),
        });
        applied.push(json!({"coupon": coupon.json, "applied_coupon": applied_coupon}));
    }
    Ok(applied)
}

/// The largest whole number of the API's 32 bits.
const MAX_COUNT: u64 = i32::MAX as u64;

/// Whether a customer holds this coupon. The customer's coupons are read once, on first use.
fn was_used(
    coupon_id: &str,
    customer_id: &str,
    used: &mut Option<SortedSet<String>>,
    store: &dyn Store,
) -> Result<bool, ApiError> {
    if used.is_none() {
        let held = store.subscriptions_of(customer_id)?;
        let applied = held.iter().flat_map(|held| items(&held.body, "applied_coupons"));
        let ids = applied.filter_map(|applied| applied.get("coupon").map(|coupon| text(coupon, "id").to_owned()));
        used.insert(SortedSet::default()).extend(ids);
    }
    Ok(used.as_ref().is_some_and(|used| used.contains(coupon_id)))
}

fn read(o: Object<'_>) -> Option<Coupon> {
    let id = o.required_id("id");
    let code = o.required("code", |n| n.text().map(str::to_owned));
    let discount = o.required("discount", discount);
    let expires_at = o.optional("expires_at", |n| n.instant());
    let count = |name| o.optional(name, |n| super::numbers::int32(&n, 0));
    let [limit, recurring, redeemed] = ["redemption_limit", "recurring_value", "redemption_count"].map(count);
    let flag = |name| o.optional(name, |n| n.bool()).unwrap_or_default();
    let [reusable, disabled] = ["reusable", "disabled"].map(flag);
    let mut plan_ids = Vec::new();
    o.each("plan_ids", |_, node| plan_ids.extend(node.text().map(str::to_owned)));
    let (discount, currency) = discount?;
    let json = json!({
        "id": id?,
        "code": code?,
        "description": o.text("description").unwrap_or_default(),
        "discount": discount,
        "expires_at": expires_at.map(|expires| expires.to_string()),
        "redemption_limit": limit,
        "recurring_value": recurring,
        "reusable": reusable,
        "disabled": disabled,
    });
    let (redemption_limit, redemption_count) = (limit, redeemed);
    Some(Coupon { json, currency, expires_at, redemption_limit, redemption_count, reusable, disabled, plan_ids })
}

/// A discount, and its currency if it has one.
fn discount(node: Node<'_>) -> Option<(Value, Option<String>)> {
    let o = node.object()?;
    let decimal = |name| o.required(name, |n| n.amount_not_negative()).map(Amount::as_written);
    if o.required("type", |n| n.word(&[("PERCENTAGE", true), ("FIXED", false)]))? {
        return Some((json!({"type": "PERCENTAGE", "percentage": decimal("percentage")?}), None));
    }
    let currency = o.required("currency", |n| n.text().map(str::to_owned));
    let (amount, currency) = (decimal("amount"), currency?);
    Some((json!({"type": "FIXED", "currency": currency, "amount": amount?}), Some(currency)))
}
