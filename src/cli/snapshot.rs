//! A snapshot that is read: in a folder, in one file, or from where it is served.

use crate::folder;
use crate::input::{self, CliError};
use crate::server::{Answer, Server};
use crate::style::Progress;
use mayuse_core::{Packed, Source};
use mayuse_snapshot::{
    Hash, KeyId, Manifest, ManifestError, Missing, ObjectRef, PublicKey, Replica, Unverified, contents, is_file,
};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// More than a manifest of a hundred thousand shards takes.
const MAX_MANIFEST: u64 = 16 << 20;

/// No object is larger, whatever a manifest says that nobody has verified.
const MAX_OBJECT: u32 = 64 << 20;

/// Where a Worker has its manifest.
const WORKER: &str = "/v1/snapshot/manifest";

/// Whether a manifest is to be believed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Trust {
    /// One of the keys signed it.
    Verified,
    /// There was no key to verify it with.
    NotAsked,
    /// None of the keys did.
    Refused(ManifestError),
}

/// A snapshot whose manifest was read.
#[derive(Debug)]
pub struct Opened {
    pub name: String,
    pub manifest: Manifest,
    /// The hash of the manifest.
    pub hash: Hash,
    pub key: KeyId,
    pub trust: Trust,
    place: Place,
}

/// Where its objects are.
#[derive(Debug)]
enum Place {
    Folder(PathBuf),
    File(BTreeMap<Hash, Packed>),
    Server { server: Server, objects: &'static str },
}

/// Whether a path is a snapshot, rather than a catalog.
pub fn is_one(path: &Path) -> bool {
    if path.is_dir() || is_url(path) {
        return true;
    }
    let mut head = Vec::new();
    let read = File::open(path).and_then(|file| file.take(3).read_to_end(&mut head));
    path.as_os_str() != "-" && path.is_file() && read.is_ok() && (is_file(&head) || is_manifest(&head))
}

fn is_url(path: &Path) -> bool {
    path.to_str().is_some_and(|path| path.starts_with("http://") || path.starts_with("https://"))
}

fn is_manifest(bytes: &[u8]) -> bool {
    // How it begins says it, and there may be much of it.
    let head = bytes.get(..3).and_then(|head| Packed::new(head.to_vec()));
    head.is_some_and(|head| !matches!(Unverified::read(&head), Err(ManifestError::NotOne)))
}

/// Opens a folder, a file or what a URL leads to, and verifies its manifest if there are keys to do it with.
pub fn open(path: &Path, keys: &[PublicKey]) -> Result<Opened, CliError> {
    let name = input::name(path);
    let wrong = |message: String| CliError::Snapshot { what: name.clone(), message };
    let (bytes, place) = if is_url(path) {
        fetch_manifest(&name)?
    } else if path.is_dir() {
        let found = folder::read_manifest(path)?;
        let none = "there is no manifest in it; `mayuse build` writes it last, so a build may have been cut short";
        let (bytes, _) = found.ok_or_else(|| wrong(none.to_owned()))?;
        (bytes, Place::Folder(path.to_owned()))
    } else {
        let none = "no snapshot: expected the folder of one, one in one file, or a URL";
        let bytes = folder::read(path, none)?;
        if is_manifest(bytes.as_slice()) {
            // The manifest of a folder, by its own name.
            (bytes, Place::Folder(path.parent().unwrap_or(Path::new("")).to_owned()))
        } else if is_file(bytes.as_slice()) {
            let held = contents(&bytes).map_err(|error| wrong(error.to_string()))?;
            let read = Unverified::read(&held.manifest).map_err(|error| wrong(error.to_string()))?;
            // Each is hashed once it is asked for.
            let objects = held.objects(read.claims(), None).map_err(|error| wrong(error.to_string()))?;
            let objects = std::iter::once(objects.0).chain(objects.1);
            let table = &read.claims().table;
            let all = std::iter::once(&table.catalog_object).chain(&table.shards);
            let objects = all.map(|part| part.hash).zip(objects).collect();
            (held.manifest, Place::File(objects))
        } else {
            return Err(wrong(none.to_owned()));
        }
    };
    let read = Unverified::read(&bytes).map_err(|error| wrong(error.to_string()))?;
    let (key, manifest) = (read.key(), read.claims().clone());
    let trust = match keys {
        [] => Trust::NotAsked,
        keys => match read.verify(keys) {
            Ok(_) => Trust::Verified,
            Err(error) => Trust::Refused(error),
        },
    };
    Ok(Opened { name, manifest, hash: Hash::of(bytes.as_slice()), key, trust, place })
}

/// Why a snapshot does not say everything.
const WITHHELD: &str = "the Worker that published it could not make one of its shards, and answers about those \
                        customers itself; GET /readyz of the Worker says why";

/// The parts of a manifest, the catalog object first; a shard that stands in several places once.
pub fn parts(manifest: &Manifest) -> impl Iterator<Item = ObjectRef> {
    std::iter::once(manifest.table.catalog_object).chain(manifest.table.distinct().map(|(_, part)| part))
}

/// The manifest that a URL leads to, and where its objects are: with a Worker, or beside it as in a folder.
fn fetch_manifest(url: &str) -> Result<(Packed, Place), CliError> {
    let url = url.trim_end_matches('/');
    let (server, path, objects) = match (url.strip_suffix(WORKER), url.strip_suffix("/manifest")) {
        (Some(base), _) => (Server::open(base, None)?, WORKER, "/v1/snapshot/objects/"),
        // Whoever serves files has no use for the key of a Worker.
        (None, Some(base)) => (Server::with(base, String::new())?, "/manifest", "/o/"),
        (None, None) => (Server::open(url, None)?, WORKER, "/v1/snapshot/objects/"),
    };
    let bytes = fetch(&server, path, MAX_MANIFEST)?;
    let none = || CliError::Snapshot { what: url.to_owned(), message: ManifestError::NotOne.to_string() };
    Ok((Packed::new(bytes).ok_or_else(none)?, Place::Server { server, objects }))
}

/// Fetches so many bytes at most.
fn fetch(server: &Server, path: &str, limit: u64) -> Result<Vec<u8>, CliError> {
    fetch_if_there(server, path, limit).and_then(|found| found.map_err(|answer| answer.refusal_without_options()))
}

/// The manifest that a Worker has, if it has one.
pub fn manifest_of(server: &Server) -> Result<Option<Vec<u8>>, CliError> {
    match fetch_if_there(server, WORKER, MAX_MANIFEST)? {
        Ok(bytes) => Ok(Some(bytes)),
        Err(answer) if answer.is_missing() => Ok(None),
        Err(answer) => Err(answer.refusal_without_options()),
    }
}

/// The bytes, or the answer that there are none.
fn fetch_if_there(server: &Server, path: &str, limit: u64) -> Result<Result<Vec<u8>, Answer>, CliError> {
    let response = server.get(path, "application/octet-stream").map_err(|error| server.unreachable(&error))?;
    if !response.status().is_success() {
        let asked = format!("GET {}{path}", server.url);
        return Answer::read(response, &asked).map(Err).map_err(|error| server.unreachable(&error));
    }
    let mut bytes = Vec::new();
    let body = response.into_body().into_reader();
    let read = body.take(limit).read_to_end(&mut bytes);
    read.map_err(|error| server.unreachable(&ureq::Error::Io(error)))?;
    Ok(Ok(bytes))
}

impl Opened {
    /// Refuses one that keys were given for and that none of them signed.
    pub fn trusted(self) -> Result<Opened, CliError> {
        match &self.trust {
            Trust::Refused(error) => Err(self.wrong(&error.to_string())),
            Trust::Verified | Trust::NotAsked => Ok(self),
        }
    }

    /// An object, which has the hash that the manifest says.
    pub fn object(&self, part: &ObjectRef) -> Result<Packed, CliError> {
        let none = || self.damaged(part.hash, "it is missing");
        if MAX_OBJECT < part.size {
            return Err(self.damaged(part.hash, "it is larger than there can be"));
        }
        let bytes = match &self.place {
            Place::Folder(folder) => {
                let path = folder::object_path(folder, part.hash);
                let mut bytes = Vec::new();
                let limit = u64::from(part.size).saturating_add(1);
                let read = File::open(&path).and_then(|file| file.take(limit).read_to_end(&mut bytes));
                match read {
                    Ok(_) => bytes,
                    Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(none()),
                    Err(error) => return Err(CliError::Io { what: input::name(&path), error }),
                }
            }
            Place::File(objects) => {
                let object = objects.get(&part.hash).ok_or_else(none)?;
                self.check(part, object.as_slice())?;
                return Ok(object.clone());
            }
            Place::Server { server, objects } => {
                fetch(server, &format!("{objects}{}", part.hash), u64::from(part.size).saturating_add(1))?
            }
        };
        self.check(part, &bytes)?;
        Packed::new(bytes).ok_or_else(|| self.damaged(part.hash, "it is no text in UTF-8"))
    }

    fn check(&self, part: &ObjectRef, bytes: &[u8]) -> Result<(), CliError> {
        if Hash::of(bytes) == part.hash {
            return Ok(());
        }
        let is_size = u64::try_from(bytes.len()).is_ok_and(|n| n == u64::from(part.size));
        let why = if is_size { "it hashes to something else" } else { "it is not as long as the manifest says" };
        Err(self.damaged(part.hash, &format!("it is damaged: {why}")))
    }

    /// What is wrong with an object.
    pub fn damaged(&self, hash: Hash, why: &str) -> CliError {
        self.wrong(&format!("object {hash}: {why}; build or copy the snapshot again"))
    }

    fn wrong(&self, message: &str) -> CliError {
        CliError::Snapshot { what: self.name.clone(), message: message.to_owned() }
    }

    /// A replica of it that holds no shard yet.
    pub fn replica(&self) -> Result<Replica, CliError> {
        let part = &self.manifest.table.catalog_object;
        let object = self.object(part)?;
        let mut replica = Replica::new(usize::MAX, 0);
        let taken = replica.accept(self.manifest.clone(), Some(&object), Vec::new(), Source::Snapshot);
        taken.map_err(|error| self.damaged(part.hash, &error.to_string()))?;
        Ok(replica)
    }

    /// Has a replica hold what it takes to answer about a customer.
    pub fn hold_person(&self, replica: &mut Replica, customer: &str) -> Result<(), CliError> {
        loop {
            match replica.customer(customer) {
                Ok(_) => return Ok(()),
                Err(Missing::Shard(shard, part)) => self.hold(replica, shard, &part)?,
                Err(Missing::Relink(shard)) => replica.relink(shard).map_err(|error| self.wrong(&error.to_string()))?,
                Err(Missing::Origin) => return Err(self.wrong(WITHHELD)),
                Err(Missing::Manifest) => return Err(self.wrong("there is no manifest")),
            }
        }
    }

    /// Has a replica hold a shard.
    pub fn hold(&self, replica: &mut Replica, shard: u64, part: &ObjectRef) -> Result<(), CliError> {
        let object = self.object(part)?;
        replica.insert_shard(shard, part.hash, object).map_err(|error| self.damaged(part.hash, &error.to_string()))?;
        Ok(())
    }

    /// A replica that holds all of it.
    pub fn whole_replica(&self) -> Result<Replica, CliError> {
        let table = &self.manifest.table;
        if !table.is_whole() {
            return Err(self.wrong(WITHHELD));
        }
        let mut replica = self.replica()?;
        let mut progress = Progress::of("shards read", u64::try_from(table.shards.len()).ok());
        let held = table.distinct().try_for_each(|(shard, part)| {
            progress.show(shard, None);
            self.hold(&mut replica, shard, &part)
        });
        progress.clear();
        held.map(|()| replica)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_it_begins_says_what_it_is() {
        let large = "x".repeat(17 << 20);
        assert!(is_manifest(format!("mym{large}").as_bytes()));
        for other in [format!("myf{large}"), large, "my".to_owned(), String::new()] {
            assert!(!is_manifest(other.as_bytes()));
        }
    }
}
