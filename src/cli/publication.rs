//! A snapshot on its way to readers.

use crate::snapshot::Opened;
use mayuse_core::Packed;

/// What is published.
#[derive(Debug)]
pub struct Publication {
    pub opened: Opened,
    /// The manifest, as it is published.
    pub manifest: Packed,
    pub version: u64,
}
