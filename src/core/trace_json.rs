//! The trace in JSON.

use crate::json::{Token, WriteJson, end, fields, object};
use crate::trace::{After, AfterAllowance, AnchorsUsed, Granted, Step};
use crate::value::NamedCap;

impl WriteJson for Step<'_> {
    fn write_json(&self, out: &mut Vec<u8>) {
        object!(
            out,
            "subscription_id": self.subscription_id,
            "combine": Token(self.combine),
            "origin": self.origin,
            "entitlement_id": self.entitlement_id,
            "created_at": self.created_at,
            "quantity": self.quantity,
        );
        if self.dates != (None, None) {
            fields!(out, "starts_at": self.dates.0, "expires_at": self.dates.1);
        }
        fields!(
            out,
            "value": self.value,
            "effect": Token(self.effect.name()),
            "after": self.after,
            "anchors": self.anchors,
        );
        if let Some(place) = self.draw_order {
            fields!(out, "draw_order": place);
        }
        end(out);
    }
}

impl WriteJson for Granted<'_> {
    fn write_json(&self, out: &mut Vec<u8>) {
        object!(out, "enabled": self.enabled);
        if let Some(limit) = self.limit {
            fields!(out, "limit": limit);
        }
        if let Some(reset_period) = self.reset_period {
            fields!(out, "reset_period": reset_period);
        }
        if let Some(cost) = self.cost {
            fields!(out, "cost": cost);
        }
        write_caps(&self.caps, out);
        if let Some(config) = self.config {
            fields!(out, "value": config);
        }
        end(out);
    }
}

impl WriteJson for After<'_> {
    fn write_json(&self, out: &mut Vec<u8>) {
        object!(out, "enabled": self.enabled);
        if let Some(value) = self.value {
            fields!(out, "value": value);
        }
        if !self.allowances.is_empty() {
            fields!(out, "allowances": *self.allowances);
        }
        end(out);
    }
}

fn write_caps(caps: &[NamedCap<'_>], out: &mut Vec<u8>) {
    if !caps.is_empty() {
        fields!(out, "caps": *caps);
    }
}

impl WriteJson for AfterAllowance<'_> {
    fn write_json(&self, out: &mut Vec<u8>) {
        object!(out, "limit": self.limit, "reset_period": self.reset_period);
        if let Some(cost) = self.cost {
            fields!(out, "cost": cost);
        }
        write_caps(&self.caps, out);
        end(out);
    }
}

impl WriteJson for AnchorsUsed<'_> {
    fn write_json(&self, out: &mut Vec<u8>) {
        object!(
            out,
            "activation": self.activation,
            "billing_start": self.billing_start,
            "billing_end": self.billing_end,
        );
        if let Some((seats, status)) = &self.terms {
            fields!(out, "seats": *seats, "status": *status);
        }
        end(out);
    }
}
