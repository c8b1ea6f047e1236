//! The manifest: the signed list of a snapshot's objects, with version, time and policies.
//!
//! A publisher writes it last; that write publishes the snapshot. A manifest is its packed fields,
//! followed by a signature over them in 128 hexadecimal digits.

use crate::cut::{ObjectRef, SnapshotIndex};
use crate::hash::{Hash, from_hex, hex};
use crate::keys::{KeyId, PublicKey, SigningKey};
use mayuse_core::{Instant, MAX_VERSION, Packed, Policy, Reader, SnapshotMeta, Source, Writer, decimal, joined};
use std::fmt;

const MAGIC: &str = "mym";

/// The format that is written. Format 1 has no audience.
pub const MANIFEST_FORMAT: u64 = 2;

/// The oldest format that is read.
const OLDEST_FORMAT: u64 = 1;

/// The most characters of an audience.
const MAX_AUDIENCE: usize = 128;

/// The maximum size of a manifest: room for more than a hundred thousand shards.
const MAX_BYTES: usize = 16 * 1024 * 1024;

/// The length of a signature in hexadecimal digits.
const SIGNATURE: usize = 128;

/// A snapshot of a catalog.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Manifest {
    /// The version of the catalog; only grows.
    pub version: u64,
    /// The deployment that may read it; empty if not restricted.
    pub audience: String,
    /// The instant at which this version was the newest.
    pub generated_at: Instant,
    /// The policies for readers.
    pub policies: Policies,
    /// Its objects.
    pub table: SnapshotIndex,
    /// The hash of the previous manifest, if any.
    pub previous: Option<Hash>,
}

/// The policy for indeterminate answers, and the age limits of a snapshot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Policies {
    /// The policy for indeterminate answers, unless the question or feature sets its own.
    pub on_indeterminate: Policy,
    /// The age in milliseconds at which a snapshot becomes stale.
    pub stale_after_ms: Option<u64>,
    /// The age in milliseconds at which a snapshot becomes unusable.
    pub max_age_ms: Option<u64>,
}

impl Default for Policies {
    fn default() -> Self {
        Policies { on_indeterminate: Policy::Deny, stale_after_ms: None, max_age_ms: None }
    }
}

impl Policies {
    /// Combines these with the reader's own policies; the stricter value wins. An unset limit is no limit.
    #[must_use]
    pub fn stricter(&self, own: &Policies) -> Policies {
        let least = |a: Option<u64>, b: Option<u64>| a.into_iter().chain(b).min();
        let denies = [self, own].iter().any(|policies| policies.on_indeterminate == Policy::Deny);
        Policies {
            on_indeterminate: if denies { Policy::Deny } else { Policy::Allow },
            stale_after_ms: least(self.stale_after_ms, own.stale_after_ms),
            max_age_ms: least(self.max_age_ms, own.max_age_ms),
        }
    }
}

/// Whether the text is a valid audience: 1 to 128 visible ASCII characters.
pub fn is_audience(text: &str) -> bool {
    (1..=MAX_AUDIENCE).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

impl Manifest {
    /// What answers say of their snapshot, where these policies apply.
    pub(crate) fn meta(&self, policies: &Policies, source: Source) -> SnapshotMeta {
        SnapshotMeta {
            source,
            version: Some(self.version),
            generated_at: Some(self.generated_at),
            stale_after_ms: policies.stale_after_ms,
            max_age_ms: policies.max_age_ms,
            on_indeterminate: policies.on_indeterminate,
        }
    }

    /// Checks that the manifest is for this deployment.
    ///
    /// # Errors
    /// A manifest with another audience, or without an audience.
    pub fn is_for(&self, audience: &str) -> Result<(), ManifestError> {
        if self.audience == audience {
            return Ok(());
        }
        Err(ManifestError::WrongAudience { expected: audience.to_owned(), found: self.audience.clone() })
    }

    /// The text to be signed with this key.
    pub fn unsigned(&self, key: KeyId) -> String {
        let mut writer = Writer::default();
        writer.0.push_str(MAGIC);
        writer.number(MANIFEST_FORMAT);
        writer.text(&self.audience);
        writer.number(self.version);
        writer.instant(self.generated_at);
        let Policies { on_indeterminate, stale_after_ms, max_age_ms } = self.policies;
        writer.number((on_indeterminate == Policy::Allow).into());
        for limit in [stale_after_ms, max_age_ms] {
            // 0 means no limit; a limit of 0 ms cannot be set.
            writer.number(limit.unwrap_or_default());
        }
        match self.previous {
            Some(previous) => writer.text(&previous.digits()),
            None => writer.text(""),
        }
        writer.number(self.table.seed);
        write_part(&mut writer, &self.table.catalog_object);
        writer.number(self.table.bits.into());
        self.table.shards.iter().for_each(|shard| write_part(&mut writer, shard));
        writer.text(&key.digits());
        writer.0
    }

    /// The unsigned manifest, as its writer stores it.
    pub fn pack(&self) -> String {
        self.unsigned(KeyId::NOBODY)
    }

    /// Reads the output of [`Manifest::pack`].
    pub fn unpack(bytes: &Packed) -> Option<Manifest> {
        let mut reader = Reader::new(bytes.as_str());
        if reader.take(MAGIC.len()) != MAGIC || reader.number() != MANIFEST_FORMAT {
            return None;
        }
        let audience = reader.text();
        read(&mut reader, audience).map(|(manifest, _)| manifest)
    }

    /// The manifest with its signature, as it is published.
    pub fn sign(&self, key: &SigningKey) -> String {
        let unsigned = self.unsigned(key.public().id());
        let signature = key.sign(unsigned.as_bytes());
        seal(unsigned, &signature)
    }

    /// Appends a signature, made elsewhere, to the text of [`Manifest::unsigned`].
    pub fn seal(unsigned: String, signature: &[u8; 64]) -> String {
        seal(unsigned, signature)
    }
}

fn seal(mut unsigned: String, signature: &[u8; 64]) -> String {
    unsigned.push_str(&hex(signature));
    unsigned
}

fn write_part(writer: &mut Writer, part: &ObjectRef) {
    writer.0.push_str(&part.hash.digits());
    writer.count(part.size);
    writer.count(part.n);
}

fn read_part(reader: &mut Reader<'_>) -> Option<ObjectRef> {
    Some(ObjectRef { hash: Hash::parse(reader.take(64))?, size: reader.count(), n: reader.count() })
}

/// A manifest whose signature is not verified yet.
#[derive(Debug)]
pub struct Unverified {
    manifest: Manifest,
    key: KeyId,
    signature: [u8; 64],
    bytes: Packed,
}

impl Unverified {
    /// Reads a manifest.
    ///
    /// # Errors
    /// Bytes that are not a manifest, have a newer format, or are damaged.
    pub fn read(bytes: &Packed) -> Result<Unverified, ManifestError> {
        let text = bytes.as_str();
        if MAX_BYTES < text.len() {
            return Err(ManifestError::Damaged("it is larger than there can be"));
        }
        if !text.starts_with(MAGIC) {
            return Err(ManifestError::NotOne);
        }
        let (unsigned, signature) = text
            .len()
            .checked_sub(SIGNATURE)
            .and_then(|at| text.split_at_checked(at))
            .ok_or(ManifestError::Damaged("it ends early"))?;
        let mut reader = Reader::new(unsigned);
        reader.take(MAGIC.len());
        let audience = match reader.number() {
            _ if !reader.is_ok() => return Err(ManifestError::Damaged("it ends early")),
            MANIFEST_FORMAT => reader.text(),
            OLDEST_FORMAT => "",
            newer => return Err(ManifestError::Newer(newer)),
        };
        if !reader.is_ok() || !(audience.is_empty() || is_audience(audience)) {
            return Err(ManifestError::Damaged("its audience cannot be read"));
        }
        let (manifest, key) = read(&mut reader, audience)
            .filter(|_| reader.is_at_end())
            .ok_or(ManifestError::Damaged("a field cannot be read"))?;
        if MAX_VERSION < manifest.version {
            return Err(ManifestError::Damaged("its version is above 9007199254740991, which is the greatest"));
        }
        let mut bytes_of_signature = [0; 64];
        from_hex(signature, &mut bytes_of_signature).ok_or(ManifestError::Damaged("its signature is none"))?;
        Ok(Unverified { manifest, key, signature: bytes_of_signature, bytes: bytes.clone() })
    }

    /// The id of the key that the manifest claims to be signed with.
    pub fn key(&self) -> KeyId {
        self.key
    }

    /// The signed bytes.
    pub fn signed(&self) -> &[u8] {
        let all = self.bytes.as_slice();
        all.get(..all.len().saturating_sub(SIGNATURE)).unwrap_or_default()
    }

    /// The signed bytes, sharing the buffer.
    pub fn message(&self) -> Packed {
        self.bytes.part(0, self.bytes.as_slice().len().saturating_sub(SIGNATURE)).unwrap_or_default()
    }

    /// The signature.
    pub fn signature(&self) -> &[u8; 64] {
        &self.signature
    }

    /// The unverified manifest, to decide whether to verify it.
    pub fn claims(&self) -> &Manifest {
        &self.manifest
    }

    /// Verifies the signature against the given keys.
    ///
    /// # Errors
    /// An unknown key, or a wrong signature.
    pub fn verify(self, keys: &[PublicKey]) -> Result<Manifest, ManifestError> {
        let key = keys.iter().find(|key| key.id() == self.key).ok_or(ManifestError::UnknownKey(self.key))?;
        let is_signed = key.verifies(self.signed(), &self.signature);
        self.verified(is_signed)
    }

    /// Accepts the result of a verification by the shell, which is faster.
    ///
    /// # Errors
    /// A wrong signature.
    pub fn verified(self, is_signed: bool) -> Result<Manifest, ManifestError> {
        if is_signed { Ok(self.manifest) } else { Err(ManifestError::WrongSignature(self.key)) }
    }
}

fn read(reader: &mut Reader<'_>, audience: &str) -> Option<(Manifest, KeyId)> {
    let (version, generated_at) = (reader.number(), reader.instant());
    let on_indeterminate = match reader.number() {
        0 => Policy::Deny,
        1 => Policy::Allow,
        _ => return None,
    };
    let mut limit = || Some(reader.number()).filter(|ms| *ms != 0);
    let policies = Policies { on_indeterminate, stale_after_ms: limit(), max_age_ms: limit() };
    let previous = match reader.text() {
        "" => None,
        hash => Some(Hash::parse(hash)?),
    };
    let seed = reader.number();
    let catalog_object = read_part(reader)?;
    let bits = u8::try_from(reader.number()).ok().filter(|bits| *bits <= SnapshotIndex::MAX_BITS)?;
    let mut shards = Vec::new();
    for _ in 0..1_u32.checked_shl(bits.into())? {
        shards.push(read_part(reader)?);
    }
    let key = KeyId::parse(reader.text())?;
    let table = SnapshotIndex { seed, catalog_object, bits, shards };
    let audience = audience.to_owned();
    reader.whole((Manifest { version, audience, generated_at, policies, table, previous }, key))
}

/// Why a manifest is refused.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ManifestError {
    /// The bytes do not begin like a manifest.
    NotOne,
    /// A later program wrote the manifest.
    Newer(u64),
    /// A field is invalid.
    Damaged(&'static str),
    /// The reader does not know the key.
    UnknownKey(KeyId),
    /// The signature is not from the key.
    WrongSignature(KeyId),
    /// The audience is another deployment, or missing if `found` is empty.
    WrongAudience {
        /// The audience of the reader.
        expected: String,
        /// The audience of the manifest.
        found: String,
    },
}

impl ManifestError {
    /// What `Display` shows.
    pub fn text(&self) -> String {
        match self {
            ManifestError::NotOne => joined(&["not a manifest"]),
            ManifestError::Newer(format) => {
                let [newer, oldest, ours] = [*format, OLDEST_FORMAT, MANIFEST_FORMAT].map(decimal);
                let reads = ", and this program reads formats ";
                joined(&["a manifest of format ", &newer, reads, &oldest, " to ", &ours, ": update it"])
            }
            ManifestError::Damaged(why) => joined(&["a manifest is damaged: ", why]),
            ManifestError::UnknownKey(key) => {
                joined(&["the manifest is signed with key ", &key.digits(), ", which is not known here"])
            }
            ManifestError::WrongSignature(key) => {
                joined(&["the manifest is not signed by key ", &key.digits(), ", as it says"])
            }
            ManifestError::WrongAudience { expected, found } => {
                let is_for = if found.is_empty() { "names no audience" } else { "is for the audience " };
                let here = [", and here is ", expected, ": build it with --audience ", expected];
                joined(&["the manifest ", is_for, found, &joined(&here)])
            }
        }
    }
}

impl fmt::Display for ManifestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

impl std::error::Error for ManifestError {}
