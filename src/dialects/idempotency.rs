//! The same key and request give the same answer, so that a lost answer can be asked for again.

use crate::dialect::Dialect;
use crate::failure::ApiError;
use crate::ids::hex;
use crate::request::{ApiResponse, Request};
use sha2::{Digest, Sha256};

/// What was answered to a request that came with an idempotency key.
#[derive(Clone, PartialEq, Debug)]
pub struct Recorded {
    /// What was asked.
    pub fingerprint: String,
    /// What was answered.
    pub reply: ApiResponse,
}

/// What tells one request from another: method, path, dialect and body.
pub fn fingerprint(request: &Request<'_>) -> String {
    let dialect = Dialect::of(request.path, request.presented);
    let hash = Sha256::new()
        .chain_update(request.method)
        .chain_update([0])
        .chain_update(request.path)
        .chain_update([0])
        .chain_update(dialect.how_to_authenticate())
        .chain_update([0])
        .chain_update(request.body);
    hex(&hash.finalize())
}

/// The answer to a request whose idempotency key was used before.
///
/// # Errors
/// 409 if it was used for another request.
pub fn replay(recorded: Recorded, fingerprint: &str) -> Result<ApiResponse, ApiError> {
    if recorded.fingerprint == fingerprint {
        return Ok(recorded.reply);
    }
    let message = "the idempotency key was used for another request; a new request takes a new key";
    Err(ApiError::conflict(message))
}
