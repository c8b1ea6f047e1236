//! The decision in JSON. Fields are in the order of their declaration; an allowance's numbers are fields of the
//! object around them.

use crate::decision::{
    Decision, FeatureRef, Freshness, Metering, Overage, Period, Reason, Role, Suggestion, UnmatchedUsage, ValueType,
    Verdict, Warning, WindowAnswer,
};
use crate::json::{Token, WriteJson, end, fields, object, put};
use crate::snapshot::Source;
use crate::value::Behavior;

impl WriteJson for Decision<'_> {
    fn write_json(&self, out: &mut Vec<u8>) {
        object!(
            out,
            "allowed": self.allowed,
            "decision": self.decision,
            "reason": self.reason,
            "retryable": self.retryable,
            "customer_id": self.customer_id,
            "subscription_id": self.subscription_id,
        );
        if self.fallback {
            fields!(out, "fallback": true);
        }
        fields!(
            out,
            "feature": self.feature,
            "type": self.value_type,
            "enabled": self.enabled,
        );
        if let Some(value) = &self.value {
            fields!(out, "value": value);
        }
        if let Some(metering) = &self.metering {
            write_numbers(metering, out);
            fields!(out, "available": self.available);
        }
        if !self.windows.is_empty() {
            fields!(out, "windows": *self.windows);
        }
        fields!(out, "origin": self.origin, "freshness": self.freshness, "valid_until": self.valid_until);
        if !self.warnings.is_empty() {
            fields!(out, "warnings": *self.warnings);
        }
        self.write_extras(out);
        end(out);
    }
}

impl Decision<'_> {
    /// Writes the suggestions and the trace, if there are any, as fields of the open object.
    pub fn write_extras(&self, out: &mut Vec<u8>) {
        // A build without suggestions or traces leaves out how they are written.
        if let Some(suggestions) = self.suggestions.as_ref().filter(|_| cfg!(feature = "suggest")) {
            fields!(out, "suggestions": *suggestions.list, "suggestions_truncated": suggestions.truncated);
        }
        if let Some(trace) = self.trace.as_ref().filter(|_| cfg!(feature = "explain")) {
            fields!(out, "trace": **trace);
            if self.trace_truncated {
                fields!(out, "trace_truncated": true);
            }
        }
    }
}

/// Writes the numbers of an allowance as fields of the open object.
fn write_numbers(metering: &Metering<'_>, out: &mut Vec<u8>) {
    fields!(
        out,
        "requested": metering.requested,
        "limit": metering.limit,
        "unlimited": metering.unlimited,
        "consumed": metering.consumed,
        "reserved": metering.reserved,
        "remaining": metering.remaining,
        "overage": metering.overage,
        "warning": metering.warning,
        "period": metering.period,
    );
}

impl WriteJson for Verdict {
    fn write_json(&self, out: &mut Vec<u8>) {
        Token(self.name()).write_json(out);
    }
}

impl WriteJson for Reason {
    fn write_json(&self, out: &mut Vec<u8>) {
        Token(self.name()).write_json(out);
    }
}

impl WriteJson for FeatureRef<'_> {
    fn write_json(&self, out: &mut Vec<u8>) {
        object!(out, "id": self.id, "code": self.code, "name": self.name);
        end(out);
    }
}

impl WriteJson for ValueType {
    fn write_json(&self, out: &mut Vec<u8>) {
        Token(self.name()).write_json(out);
    }
}

impl WriteJson for Overage {
    fn write_json(&self, out: &mut Vec<u8>) {
        object!(out, "behavior": self.behavior, "grace": self.grace, "units": self.units);
        end(out);
    }
}

impl WriteJson for Behavior {
    fn write_json(&self, out: &mut Vec<u8>) {
        let name = match self {
            Behavior::Block => "BLOCK",
            Behavior::Allow => "ALLOW",
        };
        Token(name).write_json(out);
    }
}

impl WriteJson for Warning {
    fn write_json(&self, out: &mut Vec<u8>) {
        object!(out, "threshold_pct": self.threshold_pct, "reached": self.reached);
        end(out);
    }
}

impl WriteJson for Period<'_> {
    fn write_json(&self, out: &mut Vec<u8>) {
        let (rule, window) = (self.rule, self.window);
        object!(out, "type": Token(rule.name()));
        if let Some(sub_cycle) = rule.sub_cycle() {
            fields!(out, "sub_cycle": Token(sub_cycle));
        }
        fields!(
            out,
            "unit": rule.every().map(|every| Token(every.unit.name())),
            "interval": rule.every().map(|every| every.interval()),
        );
        self.named().write_fields(out);
        fields!(
            out,
            "start": window.start,
            "end": window.end,
            "reset_at": window.reset_at(),
            "projected": window.projected,
        );
        end(out);
    }
}

impl WriteJson for WindowAnswer<'_> {
    fn write_json(&self, out: &mut Vec<u8>) {
        let role = match self.role {
            Role::Limit => "LIMIT",
            Role::Cap => "CAP",
        };
        object!(out, "type": self.value_type, "role": Token(role), "allowed": self.allowed, "reason": self.reason);
        write_numbers(&self.metering, out);
        if let Some(drawn) = self.drawn {
            fields!(out, "drawn": drawn);
        }
        fields!(
            out,
            "origin": self.origin,
            "subscription_id": self.subscription_id,
            "starts_at": self.starts_at,
        );
        end(out);
    }
}

impl WriteJson for UnmatchedUsage {
    fn write_json(&self, out: &mut Vec<u8>) {
        put(out, "{\"code\":\"NO_EFFECT\",\"path\":\"usage[");
        u64::try_from(self.entry).unwrap_or_default().write_json(out);
        put(out, "]\",\"message\":\"it matches no allowance of this feature\"");
        end(out);
    }
}

impl WriteJson for Freshness {
    fn write_json(&self, out: &mut Vec<u8>) {
        object!(
            out,
            "source": self.source,
            "snapshot_version": self.snapshot_version,
            "generated_at": self.generated_at,
            "age_ms": self.age_ms,
            "stale": self.stale,
            "usage_as_of": self.usage_as_of,
            "usage_exact": self.usage_exact,
        );
        end(out);
    }
}

impl WriteJson for Source {
    fn write_json(&self, out: &mut Vec<u8>) {
        let name = match self {
            Source::Snapshot => "SNAPSHOT",
            Source::Cache => "CACHE",
            Source::Embedded => "EMBEDDED",
            Source::Origin => "ORIGIN",
            Source::Fallback => "FALLBACK",
        };
        Token(name).write_json(out);
    }
}

impl WriteJson for Suggestion<'_> {
    fn write_json(&self, out: &mut Vec<u8>) {
        object!(out, "type": Token(self.kind), "id": self.id, "name": self.name);
        if let Some(quantity) = self.quantity {
            fields!(out, "quantity": quantity);
        }
        if let Some(version_id) = self.version_id {
            fields!(out, "version_id": version_id);
        }
        fields!(out, "reason": self.reason);
        end(out);
    }
}
