//! Formats a stored subscription for responses.

use crate::store::text;
use mayuse_core::{Instant, Status, trial_end};
use serde_json::{Map, Value};

/// Stored fields that responses omit. `cycle_index` is shown although Meteroid omits it, because a migration needs it.
const INTERNAL: [&str; 2] = ["activation_condition", "backdate_invoices"];

/// A stored subscription's state at an instant. It is stored as started even before its start, and
/// the end of a trial or subscription writes nothing, so the status follows from the clock.
pub(super) fn shown_at(body: &Value, now: Instant) -> Value {
    let time = |field: &str| Instant::parse(text(body, field)).ok();
    let mut shown: Map<String, Value> = body.as_object().cloned().unwrap_or_default();
    shown.retain(|name, _| !INTERNAL.contains(&name.as_str()));
    let status = text(body, "status");
    if !matches!(status, "ACTIVE" | "TRIAL_ACTIVE" | "PENDING_ACTIVATION") {
        return Value::Object(shown);
    }
    let mut set = |field: &str, value: Value| {
        shown.insert(field.to_owned(), value);
    };
    let days = body.get("trial_duration").and_then(Value::as_u64).and_then(|days| u32::try_from(days).ok());
    let trial_end = || trial_end(time("start_date")?, days.unwrap_or_default());
    if time("end_date").is_some_and(|end| end <= now) {
        set("status", "COMPLETED".into());
    } else if status == "PENDING_ACTIVATION" {
        // An action activates it, not a date.
    } else if time("start_date").is_some_and(|start| now < start) {
        set("status", "PENDING_ACTIVATION".into());
        set("activated_at", Value::Null);
    } else if status == "TRIAL_ACTIVE" {
        match Status::TrialActive.at(trial_end(), !text(body, "activated_at").is_empty(), now) {
            Status::Active => set("status", "ACTIVE".into()),
            Status::TrialExpired => set("status", "TRIAL_EXPIRED".into()),
            _ => {}
        }
    }
    Value::Object(shown)
}
