//! Snapshot files: a snapshot as one file, for programs that hold all of it, and as the fallback of a Worker.

use crate::cut::ObjectRef;
use crate::hash::Hash;
use crate::keys::PublicKey;
use crate::manifest::{Manifest, ManifestError, Unverified};
use mayuse_core::{FORMAT, OLDEST_FORMAT, Packed, Reader, Writer, decimal, joined};
use std::fmt;

const MAGIC: &str = "myf";

/// Joins a published manifest and the objects of its table, in their order, into a file.
pub fn join<'o>(manifest: &str, objects: impl Iterator<Item = &'o [u8]>) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.0.push_str(MAGIC);
    writer.number(FORMAT);
    writer.text(manifest);
    let mut file = writer.0.into_bytes();
    objects.for_each(|object| file.extend_from_slice(object));
    file
}

/// Whether bytes begin like a snapshot file.
pub fn is_file(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC.as_bytes())
}

/// Opens a file. Returns the verified manifest, the catalog object and the shards, which share the bytes of the file.
///
/// With `is_hashed`, objects are compared with their hashes; without it, the caller has compared the hash of the
/// whole file with a trusted hash. With an `audience`, only snapshots of that deployment are accepted.
///
/// # Errors
/// [`FileError`] for bytes that are not a snapshot file, a refused manifest, and objects that do not match it.
pub fn open_file(
    file: &Packed,
    keys: &[PublicKey],
    is_hashed: bool,
    audience: Option<&str>,
) -> Result<(Manifest, Packed, Vec<Packed>), FileError> {
    let contents = contents(file)?;
    let manifest =
        Unverified::read(&contents.manifest).and_then(|read| read.verify(keys)).map_err(FileError::Manifest)?;
    audience.map_or(Ok(()), |audience| manifest.is_for(audience)).map_err(FileError::Manifest)?;
    let hash = is_hashed.then_some(Hash::of as HashFn);
    let (catalog_object, shards) = contents.objects(&manifest, hash)?;
    Ok((manifest, catalog_object, shards))
}

/// The contents of a file, with an unverified manifest.
#[derive(Clone, Debug)]
pub struct Contents {
    /// The manifest in its published form.
    pub manifest: Packed,
    objects: Packed,
}

/// Splits a file into its manifest and objects.
///
/// # Errors
/// [`FileError`] for bytes that are not a snapshot file of this format, or that end early.
pub fn contents(file: &Packed) -> Result<Contents, FileError> {
    let (from, size) = manifest_range(file.as_str())?;
    let manifest = file.part(from, size).ok_or(FileError::Short)?;
    let at = from.saturating_add(size);
    let objects = file.part(at, file.as_slice().len().saturating_sub(at)).ok_or(FileError::Short)?;
    Ok(Contents { manifest, objects })
}

/// Where in a file its manifest begins, and its size. The first [`FILE_HEAD`] bytes are enough to know it.
///
/// # Errors
/// [`FileError`] for bytes that are not the beginning of a snapshot file of this format.
pub fn manifest_range(file: &str) -> Result<(usize, usize), FileError> {
    let mut reader = Reader::new(file);
    if reader.take(MAGIC.len()) != MAGIC {
        return Err(FileError::NotOne);
    }
    match reader.number() {
        _ if !reader.is_ok() => return Err(FileError::Short),
        OLDEST_FORMAT..=FORMAT => {}
        newer => return Err(FileError::Newer(newer)),
    }
    let size = reader.size();
    reader.whole((reader.at(), size)).ok_or(FileError::Short)
}

/// The size of the beginning of a file that tells where its manifest is: the magic and two numbers.
pub const FILE_HEAD: usize = 32;

/// The hash of objects, such as [`Hash::of`]. A parameter, so that a build that hashes elsewhere does not contain it.
pub type HashFn = fn(&[u8]) -> Hash;

impl Contents {
    /// The catalog object and the shards that a manifest names, compared with their hashes by `hash`. `hash` is None if
    /// the caller has compared them.
    ///
    /// # Errors
    /// [`FileError`] for objects that do not match the manifest, and for a withheld shard.
    pub fn objects(&self, manifest: &Manifest, hash: Option<HashFn>) -> Result<(Packed, Vec<Packed>), FileError> {
        if !manifest.table.is_whole() {
            return Err(FileError::Withheld);
        }
        let mut at = 0_usize;
        let mut next = |part: &ObjectRef| {
            let size = usize::try_from(part.size).unwrap_or(usize::MAX);
            let object = self.objects.part(at, size).ok_or(FileError::Short)?;
            at = at.saturating_add(size);
            if hash.is_some_and(|hash| hash(object.as_slice()) != part.hash) {
                return Err(FileError::WrongObject(part.hash));
            }
            Ok(object)
        };
        let catalog_object = next(&manifest.table.catalog_object)?;
        let mut shards = Vec::new();
        for part in &manifest.table.shards {
            shards.push(next(part)?);
        }
        if at != self.objects.as_slice().len() {
            return Err(FileError::Long);
        }
        Ok((catalog_object, shards))
    }
}

/// Why a snapshot file is refused.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum FileError {
    /// Not a snapshot file: it has another magic.
    NotOne,
    /// A file of another format.
    Newer(u64),
    /// It ends early.
    Short,
    /// It has more bytes than its manifest lists.
    Long,
    /// Its manifest is refused.
    Manifest(ManifestError),
    /// An object does not match its hash.
    WrongObject(Hash),
    /// A shard is withheld.
    Withheld,
}

impl FileError {
    /// What `Display` shows.
    pub fn text(&self) -> String {
        match self {
            FileError::NotOne => joined(&["not a snapshot file"]),
            FileError::Newer(format) => {
                let [newer, oldest, ours] = [*format, OLDEST_FORMAT, FORMAT].map(decimal);
                let reads = ", and this program reads formats ";
                joined(&["a snapshot of format ", &newer, reads, &oldest, " to ", &ours, ": update it"])
            }
            FileError::Short => joined(&["the snapshot file ends early"]),
            FileError::Long => joined(&["the snapshot file holds more than its manifest names"]),
            FileError::Withheld => joined(&["the snapshot lacks a shard that its writer could not make"]),
            FileError::Manifest(error) => error.text(),
            FileError::WrongObject(hash) => {
                joined(&["the object ", &hash.digits(), " is damaged: it hashes to something else"])
            }
        }
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

impl std::error::Error for FileError {}
