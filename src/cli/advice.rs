//! Warnings about what a document says by leaving something out.

use mayuse_core::{Code, Element, Place, Problem, Problems, Severity};
use serde::Deserialize;
use serde_json::Value;
use std::collections::HashSet;

/// Warns of subscriptions that a valid document most likely says too little about.
pub fn warn_of_omissions(json: &[u8], problems: &mut Problems) {
    // The document is valid; what this reading cannot make sense of has no advice.
    let Ok(document) = serde_json::from_slice::<Document>(json) else { return };
    let mut cycling: HashSet<&str> = HashSet::new();
    for plan in document.plans.iter().flatten() {
        let versions = plan.versions.iter().flatten().map(|version| (&version.id, version.entitlements));
        let only = plan.version_id.iter().map(|id| (id, Rows::default()));
        for (id, rows) in versions.chain(only) {
            if rows.cycle || plan.entitlements.cycle {
                cycling.insert(id);
            }
        }
    }
    let add_ons = document.add_ons.iter().flatten().filter(|add_on| add_on.entitlements.cycle);
    let add_ons: HashSet<&str> = add_ons.map(|add_on| &*add_on.id).collect();
    let is_cancelled = |status: &Value| status == "CANCELLED";
    let mut listed = document.access_statuses.iter().flatten();
    let always = document.access_statuses.iter().flatten().any(is_cancelled);
    let ends = |entry: &Value| {
        entry.get("status").is_some_and(is_cancelled) && entry.get("until").is_some_and(|until| until == "END_DATE")
    };
    let until_end = !always && listed.any(ends);
    for (n, subscription) in document.subscriptions.iter().flatten().enumerate() {
        let mut warn = |field: &str, message: &str| {
            problems.push(Problem {
                code: Code::Missing,
                severity: Severity::Warning,
                place: Place::from(Element::Listed("subscriptions", n)).field(field),
                message: message.to_owned(),
            });
        };
        let mut held = subscription.add_ons.iter().flatten().map(|held| &*held.add_on_id);
        let is_cycling = subscription.entitlements.cycle
            || cycling.contains(&*subscription.plan_version_id)
            || held.any(|add_on| add_ons.contains(add_on));
        if subscription.status == "ACTIVE" && subscription.current_period_end.is_none() && is_cycling {
            let message = "absent, so the billing period never ends and limits per billing cycle never reset";
            warn("current_period_end", message);
        }
        if subscription.status == "CANCELLED" && subscription.end_date.is_none() && until_end {
            let message = "absent, so CANCELLED, which `access_statuses` lists until END_DATE, grants nothing";
            warn("end_date", message);
        }
    }
}

#[derive(Deserialize)]
struct Document {
    access_statuses: Option<Vec<Value>>,
    plans: Option<Vec<Plan>>,
    add_ons: Option<Vec<Version>>,
    subscriptions: Option<Vec<Subscription>>,
}

#[derive(Deserialize)]
struct Plan {
    version_id: Option<String>,
    #[serde(default)]
    entitlements: Rows,
    versions: Option<Vec<Version>>,
}

/// A version of a plan, or an add-on.
#[derive(Deserialize)]
struct Version {
    id: String,
    #[serde(default)]
    entitlements: Rows,
}

#[derive(Deserialize)]
struct Subscription {
    status: String,
    plan_version_id: String,
    current_period_end: Option<Value>,
    end_date: Option<Value>,
    #[serde(default)]
    entitlements: Rows,
    add_ons: Option<Vec<Held>>,
}

#[derive(Deserialize)]
struct Held {
    add_on_id: String,
}

/// Of a list of rows, whether a limit or a cap resets at each renewal and not before.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(from = "Value")]
struct Rows {
    cycle: bool,
}

impl From<Value> for Rows {
    fn from(rows: Value) -> Rows {
        let cycles = |limit: &Value| {
            let period = limit.get("reset_period");
            let is = |name: &str| period.and_then(|period| period.get(name)).unwrap_or(&Value::Null);
            is("type") == "BILLING_CYCLE" && is("sub_cycle").is_null()
        };
        let rows = rows.as_array().map(Vec::as_slice).unwrap_or_default();
        let cycle = rows.iter().filter_map(|row| row.get("value")).any(|value| {
            let caps = value.get("caps").and_then(Value::as_array);
            cycles(value) || caps.into_iter().flatten().any(cycles)
        });
        Rows { cycle }
    }
}
