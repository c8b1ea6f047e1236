//! What the machine provides: its clock and its files. No other module of this crate uses either.

use crate::store::Store;
use core::time::Duration;
use mayuse_core::Instant;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::SystemTime;

/// Reads the machine's clock.
pub fn now() -> Instant {
    let since_1970 = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    i64::try_from(since_1970.as_millis()).ok().and_then(Instant::from_millis).unwrap_or(Instant::MAX)
}

/// A folder that `mayuse build` wrote.
#[derive(Clone, Debug)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// The folder at this path. It is read later, so it need not exist yet; until then, each look of a follower fails
    /// and says so.
    pub fn new(path: impl Into<PathBuf>) -> Folder {
        Folder { path: path.into() }
    }

    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        match fs::read(self.path.join(name)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl Store for Folder {
    fn manifest(&self, _: Duration) -> io::Result<Option<Vec<u8>>> {
        let manifest = self.read("manifest")?;
        // An empty folder waits for its first snapshot; a folder that is not there may be mistyped.
        if manifest.is_none() && !self.path.is_dir() {
            return Err(io::Error::new(io::ErrorKind::NotFound, format!("no folder {}", self.path.display())));
        }
        Ok(manifest)
    }

    fn object(&self, name: &str, _: Duration) -> io::Result<Option<Vec<u8>>> {
        self.read(&format!("o/{name}"))
    }
}
