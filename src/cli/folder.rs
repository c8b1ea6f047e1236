//! A snapshot in a folder: the file `manifest`, and objects as `o/<hash>`.

use crate::input::{self, CliError};
use mayuse_core::Packed;
use mayuse_snapshot::{Hash, ManifestError, ObjectRef, Unverified};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::thread;

/// The path of a folder's manifest.
pub fn manifest_path(folder: &Path) -> PathBuf {
    folder.join("manifest")
}

/// The path of an object.
pub fn object_path(folder: &Path, hash: Hash) -> PathBuf {
    folder.join("o").join(hash.to_string())
}

/// Creates the folder, if it is missing.
pub fn make(folder: &Path) -> Result<(), CliError> {
    let objects = folder.join("o");
    fs::create_dir_all(&objects).map_err(|error| CliError::Io { what: input::name(&objects), error })
}

/// Writes an object if it is missing or damaged. Returns whether it was written.
pub fn write_object(folder: &Path, part: &ObjectRef, object: &Packed) -> Result<bool, CliError> {
    let path = object_path(folder, part.hash);
    // A crash of the machine can leave an object with another size, and a disk or a copy can change its bytes.
    let has_size = fs::metadata(&path).is_ok_and(|found| found.len() == u64::from(part.size));
    if has_size && fs::read(&path).is_ok_and(|found| found == object.as_slice()) {
        return Ok(false);
    }
    put(&path, false, |file| file.write_all(object.as_slice()))?;
    Ok(true)
}

/// Flushes objects to disk, so that they survive a crash of the machine. Batches need fewer disk flushes.
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

/// Writes a temporary file, flushes it to disk, and renames it to `path`.
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
        // Half a file is useless. If it cannot be removed, its name shows that it is temporary.
        let _ = fs::remove_file(&part);
        CliError::Io { what: input::name(path), error }
    })
}

/// Reads a packed file.
pub fn read(path: &Path, none: &str) -> Result<Packed, CliError> {
    let what = input::name(path);
    Packed::new(input::read(path)?).ok_or_else(|| CliError::Snapshot { what, message: none.to_owned() })
}

/// Reads the unverified manifest of a folder, if it exists.
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
