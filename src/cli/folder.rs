//! A snapshot in a folder: `manifest`, and its objects in `o`, each under its hash.

use crate::input::{self, CliError};
use mayuse_core::Packed;
use mayuse_snapshot::{Hash, ManifestError, ObjectRef, Unverified};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::thread;

/// The manifest of a folder.
pub fn manifest_path(folder: &Path) -> PathBuf {
    folder.join("manifest")
}

/// An object of a folder.
pub fn object_path(folder: &Path, hash: Hash) -> PathBuf {
    folder.join("o").join(hash.to_string())
}

/// Makes the folder, if it is not there.
pub fn make(folder: &Path) -> Result<(), CliError> {
    let objects = folder.join("o");
    fs::create_dir_all(&objects).map_err(|error| CliError::Io { what: input::name(&objects), error })
}

/// Writes an object, if it is not there, and says whether it was not.
pub fn write_object(folder: &Path, part: &ObjectRef, object: &Packed) -> Result<bool, CliError> {
    let path = object_path(folder, part.hash);
    // One of another size is what a crash of the machine left.
    if fs::metadata(&path).is_ok_and(|found| found.len() == u64::from(part.size)) {
        return Ok(false);
    }
    put(&path, false, |file| file.write_all(object.as_slice()))?;
    Ok(true)
}

/// Sees to it that objects outlast a crash of the machine. Many at a time: then one turn of the disk does for all.
pub fn sync_objects(folder: &Path, hashes: &[Hash]) -> Result<(), CliError> {
    const N_THREADS: usize = 32;
    let sync = |hashes: &[Hash]| {
        hashes.iter().try_for_each(|hash| {
            let path = object_path(folder, *hash);
            let synced = File::open(&path).and_then(|file| file.sync_all());
            synced.map_err(|error| CliError::Io { what: input::name(&path), error })
        })
    };
    thread::scope(|scope| {
        let chunks = hashes.chunks(hashes.len().div_ceil(N_THREADS).max(1));
        let threads: Vec<_> = chunks.map(|hashes| scope.spawn(|| sync(hashes))).collect();
        let broken = || Err(CliError::Io { what: input::name(folder), error: io::Error::other("a thread broke off") });
        threads.into_iter().try_for_each(|thread| thread.join().unwrap_or_else(|_| broken()))
    })
}

/// Fills a file beside the one that is meant, and puts it in its place once it is whole and on the disk.
pub fn replace(path: &Path, fill: impl FnOnce(&mut File) -> io::Result<()>) -> Result<(), CliError> {
    put(path, true, fill)
}

fn put(path: &Path, is_synced: bool, fill: impl FnOnce(&mut File) -> io::Result<()>) -> Result<(), CliError> {
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let written = File::create(&part).and_then(|mut file| {
        fill(&mut file)?;
        if is_synced {
            file.sync_all()?;
        }
        fs::rename(&part, path)
    });
    written.map_err(|error| {
        // Half a file is of no use; if it cannot be removed, its name still says what it is.
        let _ = fs::remove_file(&part);
        CliError::Io { what: input::name(path), error }
    })
}

/// Reads packed bytes.
pub fn read(path: &Path, none: &str) -> Result<Packed, CliError> {
    let what = input::name(path);
    Packed::new(input::read(path)?).ok_or_else(|| CliError::Snapshot { what, message: none.to_owned() })
}

/// The manifest of a folder, unbelieved, if there is one.
pub fn read_manifest(folder: &Path) -> Result<Option<(Packed, Unverified)>, CliError> {
    let path = manifest_path(folder);
    if !path.exists() {
        return Ok(None);
    }
    let bytes = read(&path, &ManifestError::NotOne.to_string())?;
    let manifest = Unverified::read(&bytes)
        .map_err(|error| CliError::Snapshot { what: input::name(&path), message: error.to_string() })?;
    Ok(Some((bytes, manifest)))
}
