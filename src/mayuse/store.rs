//! Where a follower reads from.

use core::time::Duration;
use std::io;

/// Where a [`Follower`](crate::Follower) reads snapshots from: a folder, a bucket, a Worker.
///
/// A store need not be trusted: the follower verifies every manifest and hashes every object. Each read is told how
/// long it may take; one that fails or takes longer is an error, and the follower answers from what it holds.
///
/// # Example: snapshots in memory
///
/// ```
/// use std::{collections::BTreeMap, io, time::Duration};
///
/// #[derive(Debug, Default)]
/// struct Memory(BTreeMap<String, Vec<u8>>);
///
/// impl mayuse::Store for Memory {
///     fn manifest(&self, _: Duration) -> io::Result<Option<Vec<u8>>> {
///         Ok(self.0.get("manifest").cloned())
///     }
///
///     fn object(&self, name: &str, _: Duration) -> io::Result<Option<Vec<u8>>> {
///         Ok(self.0.get(name).cloned())
///     }
/// }
///
/// let follower = mayuse::Follower::new(Memory::default(), &[], mayuse::Options::default(), mayuse::now);
/// follower.refresh();
/// assert_eq!(follower.status().version, None);
/// ```
pub trait Store {
    /// Reads the manifest, or returns `None` if there is none.
    ///
    /// # Errors
    /// A store that does not answer.
    fn manifest(&self, within: Duration) -> io::Result<Option<Vec<u8>>>;

    /// Reads the object of this name, 64 hexadecimal digits, or returns `None` if there is none.
    ///
    /// # Errors
    /// A store that does not answer.
    fn object(&self, name: &str, within: Duration) -> io::Result<Option<Vec<u8>>>;
}

impl<S: Store + ?Sized> Store for &S {
    fn manifest(&self, within: Duration) -> io::Result<Option<Vec<u8>>> {
        (**self).manifest(within)
    }

    fn object(&self, name: &str, within: Duration) -> io::Result<Option<Vec<u8>>> {
        (**self).object(name, within)
    }
}
