//! Replays the response to a repeated request, so that a client can retry after a lost response.

use crate::dialect::Dialect;
use crate::failure::ApiError;
use crate::ids::hex;
use crate::request::{ApiResponse, Request};
use sha2::{Digest, Sha256};

/// The stored response to a request with an idempotency key.
#[derive(Clone, PartialEq, Debug)]
pub struct Recorded {
    /// The fingerprint of the request.
    pub fingerprint: String,
    /// The response.
    pub reply: ApiResponse,
}

/// Whether a request heeds an idempotency key: every `POST`, and a write with a precondition, whose repetition would
/// fail because of its own first success. Other writes may be repeated without a key.
pub fn has_key(request: &Request<'_>) -> bool {
    match request.method {
        "POST" => true,
        "PUT" | "PATCH" | "DELETE" => !request.preconditions.is_empty(),
        _ => false,
    }
}

/// A hash of a request's method, path, dialect, preconditions and body.
pub fn fingerprint(request: &Request<'_>) -> String {
    let dialect = Dialect::of(request.path, request.presented);
    let mut hash = Sha256::new()
        .chain_update(request.method)
        .chain_update([0])
        .chain_update(request.path)
        .chain_update([0])
        .chain_update(dialect.how_to_authenticate())
        .chain_update([0])
        .chain_update(request.body);
    if !request.preconditions.is_empty() {
        for header in [request.preconditions.if_match, request.preconditions.if_none_match] {
            hash = hash.chain_update([0, u8::from(header.is_some())]).chain_update(header.unwrap_or_default());
        }
        hash = hash.chain_update(request.query);
    }
    hex(&hash.finalize())
}

/// The response to a request whose idempotency key was used before.
///
/// # Errors
/// 409 if the key was used for another request.
pub fn replay(recorded: Recorded, fingerprint: &str) -> Result<ApiResponse, ApiError> {
    if recorded.fingerprint == fingerprint {
        return Ok(recorded.reply);
    }
    let message = "the idempotency key was used for another request; a new request takes a new key";
    Err(ApiError::conflict(message))
}
