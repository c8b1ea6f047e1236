//! Reads the entities of a document, each by itself. References are still names.

use crate::details::{dates, positive, slots_of, sold_with, status, status_change};
use crate::node::{Node, Object};
use crate::tree::Tree;
use crate::values::{self, RawValue, ZoneNames};
use crate::{billing, config};
use mayuse_core::{
    ALIAS_RULE, Billing, Code, Element, FeatureType, Instant, Policy, Problem, Severity, SoldWith, Status,
    SubscriptionAddOn, is_alias, trial_end,
};

#[derive(Clone, Debug)]
pub(crate) struct RawFeature {
    /// The place, for problems that are found later.
    pub at: Element,
    pub id: String,
    pub code: String,
    pub name: String,
    /// None if the type could not be read; rows of any type then fit.
    pub feature_type: Option<FeatureType>,
    pub active: bool,
    pub product: Option<String>,
    pub default: Option<RawGrant>,
    pub on_indeterminate: Option<Policy>,
    pub max_age_ms: Option<u64>,
}

#[derive(Clone, Debug)]
pub(crate) struct RawPlan {
    pub at: Element,
    pub id: String,
    pub name: String,
    pub archived_at: Option<Instant>,
    pub grants: Vec<RawGrant>,
    pub versions: Vec<RawVersion>,
}

#[derive(Clone, Debug)]
pub(crate) struct RawVersion {
    /// The index in the list of the plan's versions. None if the plan is written as its only version.
    pub n: Option<usize>,
    pub id: String,
    pub version: u32,
    pub products: Vec<String>,
    pub grants: Vec<RawGrant>,
}

#[derive(Clone, Debug)]
pub(crate) struct RawAddOn {
    pub at: Element,
    pub id: String,
    pub name: String,
    pub product: Option<String>,
    pub self_serviceable: bool,
    pub max_instances: Option<u32>,
    pub sold_with: SoldWith<String>,
    pub archived_at: Option<Instant>,
    pub grants: Vec<RawGrant>,
}

#[derive(Clone, Debug)]
pub(crate) struct RawCustomer {
    pub at: Element,
    pub id: String,
    pub alias: Option<String>,
    pub name: String,
    pub archived_at: Option<Instant>,
    pub created_at: Option<Instant>,
    pub grants: Vec<RawGrant>,
}

#[derive(Clone, Debug)]
pub(crate) struct RawSubscription {
    pub at: Element,
    pub id: String,
    pub customer: String,
    pub plan: String,
    pub version: String,
    pub status: Status,
    /// The word of an unknown status.
    pub status_word: String,
    pub status_since: Option<Instant>,
    /// The status, the word of an unknown one, and from when on it counts.
    pub status_changes: Vec<(Status, String, Instant)>,
    pub start: Instant,
    pub end: Option<Instant>,
    pub activated_at: Option<Instant>,
    pub trial_end: Option<Instant>,
    pub billing: Option<Billing>,
    pub products: Vec<String>,
    pub seats: Option<u32>,
    /// The slots of price components: the product and the number.
    pub slots: Vec<(Option<String>, u32)>,
    /// The add-on rows, each with its index in the list.
    pub add_ons: Vec<(usize, SubscriptionAddOn<String>)>,
    pub grants: Vec<RawGrant>,
}

#[derive(Clone, Debug)]
pub(crate) struct RawGrant {
    pub n: usize,
    pub id: String,
    /// The feature by id or code. The default of a feature need not name it.
    pub feature: Option<FeatureName>,
    pub created_at: Option<Instant>,
    pub starts_at: Option<Instant>,
    pub expires_at: Option<Instant>,
    pub value: RawValue,
    /// The names of the time zones of the value, by their positions in it.
    pub zones: ZoneNames,
}

#[derive(Clone, Debug)]
pub(crate) enum FeatureName {
    Id(String),
    Code(String),
}

/// Checks a product, price or metric, of which only the id matters.
pub(crate) fn named_thing(node: Node<'_>) {
    if let Some(thing) = node.object() {
        thing.required_id("id");
    }
}

pub(crate) fn feature(node: Node<'_>, at: Element) -> Option<RawFeature> {
    let o = node.object()?;
    let id = o.required_id("id");
    let code = o.required("code", |node| {
        let code = node.text()?;
        if !is_code(code) {
            let rule = "a code is 1 to 128 of A-Z, a-z, 0-9 and . _ : / -, and starts with a letter or digit";
            node.error(Code::Invalid, rule);
            return None;
        }
        Some(code.to_owned())
    });
    let name = o.name();
    let feature_type = o.required("feature_type", config::feature_type);
    let states = [("ACTIVE", true), ("DISABLED", false), ("ARCHIVED", false)];
    let active = o.required_word("status", &states);
    // Without a type of its values, a CONFIG feature cannot be told: it counts as disabled.
    let active = active.filter(|_| feature_type.is_some());
    // A billing system may print the product itself instead of its id.
    let product = o.optional_id("product_id").or_else(|| o.optional("product", |n| n.object()?.optional_id("id")));
    let default = o.optional("entitlement", |node| grant(node, 0, true));
    // A policy that is not known may be a strict one.
    let on_indeterminate =
        o.optional("on_indeterminate", |n| Some(values::policy(&n, Severity::Skipped).unwrap_or(Policy::Deny)));
    let max_age_ms = o.unsigned("max_age_ms");
    let id = id?;
    Some(RawFeature {
        at,
        name: name.unwrap_or_else(|| id.clone()),
        // A unique stand-in if the code could not be read.
        code: code.unwrap_or_else(|| id.clone()),
        id,
        feature_type: Some(feature_type.unwrap_or(FeatureType::Unknown)),
        active: active.unwrap_or_default(),
        product,
        default,
        on_indeterminate,
        max_age_ms,
    })
}

pub(crate) fn plan(node: Node<'_>, at: Element) -> Option<RawPlan> {
    let o = node.object()?;
    let id = o.required_id("id");
    let name = o.name();
    let archived_at = o.instant("archived_at");
    // A billing system may print a status instead.
    let is_archived = o.optional("status", |n| Some(matches!(n.tree, Tree::Text(status) if status == "ARCHIVED")));
    let archived_at = archived_at.or(is_archived.unwrap_or_default().then_some(Instant::EPOCH));
    let mut versions = Vec::new();
    o.each("versions", |n, node| {
        versions.extend(node.object().and_then(|o| version(o, "id", Some(n))));
    });
    // A plan without versions may be written as its only one, and the rows are those of the version.
    let grants = if o.has("version_id") && !o.has("versions") {
        versions.extend(version(o, "version_id", None));
        Vec::new()
    } else {
        grants(o)
    };
    let id = id?;
    Some(RawPlan { at, name: name.unwrap_or_else(|| id.clone()), id, archived_at, grants, versions })
}

fn version(o: Object<'_>, id: &str, n: Option<usize>) -> Option<RawVersion> {
    let id = o.required_id(id);
    let version = o.count("version").unwrap_or_default();
    let mut products = Vec::new();
    o.each("product_ids", |_, node| products.extend(node.id().map(str::to_owned)));
    o.count("trial_duration");
    Some(RawVersion { n, id: id?, version, products, grants: grants(o) })
}

pub(crate) fn add_on(node: Node<'_>, at: Element) -> Option<RawAddOn> {
    let o = node.object()?;
    let id = o.required_id("id");
    let name = o.name();
    let product = o.optional_id("product_id");
    o.optional_id("price_id");
    let self_serviceable = o.flag("self_serviceable").unwrap_or_default();
    o.instant("created_at");
    let max_instances = o.count("max_instances_per_subscription");
    let archived_at = o.instant("archived_at");
    let sold_with = sold_with(o);
    let grants = grants(o);
    let id = id?;
    Some(RawAddOn {
        at,
        name: name.unwrap_or_else(|| id.clone()),
        id,
        product,
        self_serviceable,
        max_instances,
        sold_with,
        archived_at,
        grants,
    })
}

pub(crate) fn customer(node: Node<'_>, at: Element) -> Option<RawCustomer> {
    let o = node.object()?;
    let id = o.required_id("id");
    let alias = o.optional("alias", |node| {
        let alias = node.text()?;
        if !is_alias(alias) {
            node.error(Code::Invalid, ALIAS_RULE);
            return None;
        }
        Some(alias.to_owned())
    });
    let name = o.name();
    let archived_at = o.instant("archived_at");
    let created_at = o.instant("created_at");
    let grants = grants(o);
    let id = id?;
    Some(RawCustomer { at, name: name.unwrap_or_else(|| id.clone()), id, alias, archived_at, created_at, grants })
}

pub(crate) fn subscription(node: Node<'_>, at: Element) -> Option<RawSubscription> {
    let o = node.object()?;
    let id = o.required_id("id");
    let customer = o.required_id("customer_id");
    let plan = o.required_id("plan_id");
    let version = o.required_id("plan_version_id");
    let (status, status_word) = status(o).unwrap_or((Status::Errored, String::new()));
    let status_since = o.instant("status_since");
    let mut status_changes = Vec::new();
    o.each("status_changes", |_, node| status_changes.extend(status_change(node)));
    let start = o.required_instant("start_date");
    let end = o.instant("end_date");
    let activated_at = o.instant("activated_at");
    let trial_days = o.count("trial_duration").unwrap_or_default();
    let trial_end = start.and_then(|start| trial_end(start, trial_days));
    let billing = billing::billing(o, start, status, trial_end);
    let (mut products, mut slots) = (Vec::new(), Vec::new());
    o.each("components", |_, node| {
        let Some(component) = node.object() else { return };
        let product = component.optional_id("product_id");
        products.extend(product.clone());
        slots.extend(component.optional("fee", slots_of).map(|n| (product, n)));
    });
    let seats = o.optional("seats", |n| positive(&n));
    let mut add_ons = Vec::new();
    o.each("add_ons", |row, node| add_ons.extend(held(node, row)));
    let grants = grants(o);
    Some(RawSubscription {
        at,
        id: id?,
        customer: customer.unwrap_or_default(),
        plan: plan.unwrap_or_default(),
        version: version.unwrap_or_default(),
        status,
        status_word,
        status_since,
        status_changes,
        start: start.unwrap_or(Instant::EPOCH),
        end,
        activated_at,
        trial_end,
        billing,
        products,
        seats,
        slots,
        add_ons,
        grants,
    })
}

/// Reads an add-on row of a subscription, with its index.
fn held(node: Node<'_>, row: usize) -> Option<(usize, SubscriptionAddOn<String>)> {
    let o = node.object()?;
    let quantity = o.count("quantity").unwrap_or(1);
    if !o.has("add_on_id") {
        o.sink.push(Problem {
            code: Code::NoEffect,
            severity: Severity::Warning,
            place: o.path.place(),
            message: "an add-on without `add_on_id` grants nothing".to_owned(),
        });
        return None;
    }
    let (starts_at, expires_at) = dates(o);
    Some((row, SubscriptionAddOn { add_on: o.optional_id("add_on_id")?, starts_at, expires_at, quantity }))
}

fn grants(o: Object<'_>) -> Vec<RawGrant> {
    let mut grants = Vec::new();
    o.each("entitlements", |n, node| grants.extend(grant(node, n, false)));
    grants
}

fn grant(node: Node<'_>, n: usize, is_default: bool) -> Option<RawGrant> {
    let o = node.object()?;
    let id = o.optional_id("id");
    let feature = if o.has("feature_id") {
        o.optional_id("feature_id").map(FeatureName::Id)
    } else if o.has("feature") {
        o.text("feature").map(FeatureName::Code)
    } else {
        if !is_default {
            o.error(Code::Missing, "an entitlement names its feature by `feature_id`, or by `feature`, the code");
        }
        None
    };
    let created_at = o.instant("created_at");
    o.instant("updated_at");
    let (starts_at, expires_at) = dates(o);
    let mut zones = ZoneNames::new();
    // What cannot be read is reported, or has a word that this version does not know.
    let value = o.required("value", |n| values::entitlement_value(n, &mut zones)).unwrap_or(RawValue::Unknown);
    let id = id.unwrap_or_default();
    (is_default || feature.is_some()).then_some(RawGrant {
        n,
        id,
        feature,
        created_at,
        starts_at,
        expires_at,
        value,
        zones,
    })
}

fn is_code(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b':' | b'/' | b'-');
    text.len() <= 128
        && text.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric())
        && text.bytes().all(is_plain)
}
