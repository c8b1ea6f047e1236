//! Files for `wrangler kv bulk put`: JSON arrays of keys with values.

use crate::folder;
use crate::input::{self, CliError};
use crate::publication::Publication;
use crate::snapshot;
use crate::style::{self, Progress};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use mayuse_snapshot::ObjectRef;
use std::collections::BTreeSet;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// The maximum bytes and keys of a file, below wrangler's limit of a hundred million bytes.
const MAX_BYTES: u64 = 95_000_000;
const MAX_KEYS: usize = 10_000;

/// The maximum size of a value in KV.
const MAX_VALUE: u32 = 25 * 1024 * 1024;

/// The overhead of an entry beside its key and value.
const FRAME: u64 = 64;

/// Writes one or several files, and prints the order in which to put them.
pub fn write(path: &Path, publication: &Publication) -> Result<(), CliError> {
    let opened = &publication.opened;
    if let Some(part) = snapshot::parts(&opened.manifest).find(|part| MAX_VALUE < part.size) {
        return Err(opened.damaged(part.hash, "it is larger than the 25 MiB that KV takes"));
    }
    let files = split(snapshot::parts(&opened.manifest), publication.manifest.as_slice().len());
    let n_files = files.len();
    let total: usize = files.iter().map(Vec::len).sum();
    let mut progress = Progress::of("objects", u64::try_from(total).ok());
    let mut n = 0;
    let mut names = Vec::new();
    for (parts, number) in files.iter().zip(1..) {
        let path = if n_files == 1 { path.to_owned() } else { numbered(path, number) };
        let is_last = number == n_files;
        write_file(&path, parts, is_last.then_some(publication), publication, &mut || {
            n = u64::saturating_add(n, 1);
            progress.show(n, None);
        })?;
        names.push(input::quote(&path.display().to_string()));
    }
    progress.clear();
    let total = total.saturating_add(1);
    let put = |name: &String| format!("  wrangler kv bulk put {name} --binding SNAPSHOTS --remote");
    let commands = names.iter().map(put).collect::<Vec<_>>().join("\n");
    let (files, order) = match n_files {
        1 => ("one file".to_owned(), "Put it with:"),
        n => (format!("{n} files"), "Put them in this order, since the last one publishes:"),
    };
    input::print(&style::for_stdout().green(&format!("wrote {total} keys in {files}")))?;
    input::print(&format!("{order}\n{commands}"))
}

/// Distributes the objects to files, each object once. The last file has room for the manifest.
fn split(parts: impl Iterator<Item = ObjectRef>, manifest_len: usize) -> Vec<Vec<ObjectRef>> {
    let encoded = |n_bytes: u64| n_bytes.div_ceil(3).saturating_mul(4).saturating_add(FRAME);
    // Every file reserves this room, because any of them may be the last.
    let of_manifest = encoded(u64::try_from(manifest_len).unwrap_or(u64::MAX));
    let mut files = Vec::new();
    let mut file = Vec::new();
    let mut n_bytes = of_manifest;
    let mut known = BTreeSet::new();
    for part in parts.filter(|part| known.insert(part.hash)) {
        // The key is `o/` and 64 digits.
        let size = encoded(part.size.into()).saturating_add(66);
        n_bytes = n_bytes.saturating_add(size);
        if MAX_BYTES < n_bytes || MAX_KEYS.saturating_sub(1) <= file.len() {
            n_bytes = of_manifest.saturating_add(size);
            files.push(std::mem::take(&mut file));
        }
        file.push(part);
    }
    files.push(file);
    files
}

/// Numbers a file name: `bulk.json` becomes `bulk-2.json`.
fn numbered(path: &Path, number: usize) -> PathBuf {
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let extension = path.extension().map(|extension| format!(".{}", extension.to_string_lossy())).unwrap_or_default();
    path.with_file_name(format!("{name}-{number}{extension}"))
}

/// Writes one file. The last one contains the manifest.
fn write_file(
    path: &Path,
    parts: &[ObjectRef],
    last: Option<&Publication>,
    publication: &Publication,
    tick: &mut dyn FnMut(),
) -> Result<(), CliError> {
    // An error of an object, not of the output file.
    let mut failed = None;
    let written = folder::replace(path, |file| {
        let mut out = BufWriter::with_capacity(1 << 18, file);
        out.write_all(b"[")?;
        let mut is_first = true;
        for part in parts {
            let object = publication.opened.object(part).map_err(|failure| {
                failed = Some(failure);
                io::Error::other("an object")
            })?;
            entry(&mut out, &mut is_first, &format!("o/{}", part.hash), object.as_slice())?;
            tick();
        }
        if let Some(publication) = last {
            entry(&mut out, &mut is_first, "manifest", publication.manifest.as_slice())?;
        }
        out.write_all(b"\n]\n")?;
        out.flush()
    });
    match failed {
        Some(failure) => Err(failure),
        None => written,
    }
}

fn entry(out: &mut impl Write, is_first: &mut bool, key: &str, value: &[u8]) -> io::Result<()> {
    let comma = if std::mem::take(is_first) { "" } else { "," };
    let value = BASE64_STANDARD.encode(value);
    write!(out, "{comma}\n{{\"key\": \"{key}\", \"value\": \"{value}\", \"base64\": true}}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use mayuse_snapshot::Hash;

    fn parts(n: u32, size: u32) -> Vec<ObjectRef> {
        (0..n).map(|n| ObjectRef { hash: Hash::of(&n.to_le_bytes()), size, n: 0 }).collect()
    }

    #[test]
    fn no_file_is_larger_than_is_taken() {
        for (n, size, n_files) in [(9_999, 1_000, 1), (10_000, 1_000, 2), (1_000, 65_536, 1), (1_100, 65_536, 2)] {
            let parts = parts(n, size);
            let files = split(parts.iter().chain(&parts).copied(), 100_000);
            assert_eq!(files.len(), n_files, "{n} of {size}");
            assert_eq!(files.concat(), parts, "each once, in their order");
            for file in files {
                let bytes: usize = file.iter().map(|part| (part.size as usize).div_ceil(3) * 4 + 120).sum();
                assert!(file.len() < 10_000 && bytes + 140_000 < 95_100_000);
            }
        }
        assert_eq!(numbered(Path::new("out/bulk.json"), 2), Path::new("out/bulk-2.json"));
    }
}
