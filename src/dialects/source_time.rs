//! `source_updated_at`: the instant at which the billing system last changed an entity. A write that states an older
//! instant than the stored one arrives late, and is not applied.

use crate::failure::ApiError;
use crate::kind::Kind;
use crate::request::Request;
use crate::store::{Entity, Store, text};
use mayuse_core::{Code, Instant, Place, Problem, Problems};
use serde_json::Value;

/// The field of an entity, and the parameter of its deletion.
pub(crate) const FIELD: &str = "source_updated_at";

/// The instant that a body states. [`check`] reports one that cannot be read.
pub(crate) fn stated(body: &Value) -> Option<Instant> {
    Instant::parse(text(body, FIELD)).ok()
}

/// The newest instant known of an entity: that of the stored one, or what is remembered of a deleted one.
pub(crate) fn known(
    kind: Kind,
    id: &str,
    stored: Option<&Entity>,
    store: &dyn Store,
) -> Result<Option<Instant>, ApiError> {
    match stored {
        Some(entity) => Ok(stated(&entity.body)),
        None => store.removed(kind, id),
    }
}

/// Whether an instant is older than what is known. Equal instants are a repetition, which is applied.
pub(crate) fn is_stale(stated: Option<Instant>, known: Option<Instant>) -> bool {
    matches!((stated, known), (Some(stated), Some(known)) if stated < known)
}

/// Reports a value that is not an instant. Null is no value.
pub(crate) fn check(body: &Value, place: Place, problems: &mut Problems) {
    let message = match body.get(FIELD) {
        None | Some(Value::Null) => return,
        Some(Value::String(text)) => match Instant::parse(text) {
            Ok(_) => return,
            Err(error) => error.to_string(),
        },
        Some(_) => "expected an instant as a string, such as \"2026-11-21T10:00:00Z\"".to_owned(),
    };
    problems.push(Problem::error(Code::Invalid, place.field(FIELD), message));
}

/// The parameter of a deletion.
///
/// # Errors
/// It is not an instant, or is given twice.
pub(crate) fn parameter(request: &Request<'_>) -> Result<Option<Instant>, ApiError> {
    let Some(text) = request.single_parameter(FIELD)? else { return Ok(None) };
    Instant::parse(&text).map(Some).map_err(|error| ApiError::field(FIELD, error.to_string()))
}
