//! The values of rows and the results of chains, as the trace shows them: JSON from the start, because a trace only
//! compares and shows them.

use crate::allowance::{Allowance, Terms};
use crate::amount::Amount;
use crate::catalog::Catalog;
use crate::configure::{ConfigAnswer, Configured};
use crate::json::{WriteJson, end, fields, object, put, write_list};
use crate::reset::{NamedPeriod, ResetPeriod};
use crate::resolve::State;
use crate::value::{Cap, NamedCap, Value};

/// A part of a trace, written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Traced(String);

impl Traced {
    fn of(json: Vec<u8>) -> Traced {
        Traced(String::from_utf8(json).unwrap_or_default())
    }
}

impl WriteJson for Traced {
    fn write_json(&self, out: &mut Vec<u8>) {
        put(out, &self.0);
    }
}

/// The result of a chain up to and including a row.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct After {
    /// Tells whether a row changed the origin; not shown.
    origins: String,
    pub(crate) json: Traced,
}

/// The value of a row.
pub(crate) fn granted(catalog: &Catalog, value: &Value) -> Traced {
    let enabled = match value {
        Value::Boolean { enabled } => Some(*enabled),
        Value::Metered(metered) => Some(metered.enabled),
        Value::Credits(credits) => Some(credits.enabled),
        Value::Config(config) => Some(config.enabled),
        Value::TypeMismatch => None,
    };
    let out = &mut Vec::new();
    object!(out, "enabled": enabled);
    match value {
        Value::Metered(metered) => {
            put(out, ",");
            write_limit(out, catalog, metered.limit, metered.reset_period, &metered.caps);
        }
        Value::Credits(credits) => {
            fields!(out, "cost": credits.cost);
        }
        Value::Config(config) => {
            fields!(out, "value": ConfigAnswer::from(&config.value));
        }
        Value::Boolean { .. } | Value::TypeMismatch => {}
    }
    end(out);
    Traced::of(std::mem::take(out))
}

/// The result of rows of switches or limits.
pub(crate) fn after(catalog: &Catalog, state: &State<'_>) -> After {
    let mut origins = String::new();
    let out = &mut Vec::new();
    object!(out, "enabled": matches!(state, State::On(_) | State::Allowances(_)));
    match state {
        State::Absent => {}
        State::Off(row) | State::On(row) => origins.push_str(row.source.id()),
        State::Allowances(all) => {
            for allowance in all {
                origins.push_str(allowance.row.source.id());
                origins.push('\n');
            }
            if !all.is_empty() {
                put(out, ",\"allowances\":");
                write_list(out, all, |allowance, out| write_allowance(out, catalog, allowance));
            }
        }
    }
    end(out);
    After { origins, json: Traced::of(std::mem::take(out)) }
}

/// The result of CONFIG rows.
pub(crate) fn after_config(found: Option<Configured<'_>>) -> After {
    let out = &mut Vec::new();
    object!(out, "enabled": found.is_some_and(|found| found.enabled));
    if let Some(found) = found.filter(|found| found.enabled) {
        fields!(out, "value": found.value);
    }
    end(out);
    let origins = found.map_or_else(String::new, |found| found.row.source.id().to_owned());
    After { origins, json: Traced::of(std::mem::take(out)) }
}

fn write_allowance(out: &mut Vec<u8>, catalog: &Catalog, allowance: &Allowance<'_>) {
    match &allowance.terms {
        Terms::Metered(limits) => {
            put(out, "{");
            write_limit(out, catalog, limits.limit, limits.reset_period, allowance.caps());
        }
        Terms::Credits(credits) => {
            object!(out, "limit": None::<Amount>, "reset_period": None::<Amount>, "cost": credits.cost);
        }
    }
    end(out);
}

#[cfg_attr(feature = "small", inline(never))]
fn write_limit(out: &mut Vec<u8>, catalog: &Catalog, limit: Option<Amount>, period: ResetPeriod, caps: &[Cap]) {
    put(out, "\"limit\":");
    limit.write_json(out);
    fields!(out, "reset_period": NamedPeriod::new(period, catalog.zone_name(period)));
    if !caps.is_empty() {
        put(out, ",\"caps\":");
        write_list(out, caps, |cap, out| {
            NamedCap::new(*cap, catalog.zone_name(cap.reset_period)).write_json(out);
        });
    }
}
