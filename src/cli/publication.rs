//! A snapshot that is being published.

use crate::snapshot::Opened;
use mayuse_core::Packed;

/// The published snapshot.
#[derive(Debug)]
pub struct Publication {
    pub opened: Opened,
    /// The signed manifest.
    pub manifest: Packed,
    pub version: u64,
}
