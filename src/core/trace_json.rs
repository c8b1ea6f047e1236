//! The trace in JSON.

use crate::json::{Token, WriteJson, end, fields, object};
use crate::trace::{AnchorsUsed, Step};

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
            "after": self.after.as_ref().map(|after| &after.json),
            "anchors": self.anchors,
        );
        if let Some(place) = self.draw_order {
            fields!(out, "draw_order": place);
        }
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
