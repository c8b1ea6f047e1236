//! The manifest: which objects are the catalog, in which version, as of when, and who says so.
//!
//! Writing it last is what publishes. It is the packed form of its fields, and 128 hexadecimal
//! digits of a signature over all that is before them.

use crate::cut::{ObjectRef, SnapshotIndex};
use crate::hash::{Hash, from_hex, hex};
use crate::keys::{KeyId, PublicKey, SigningKey};
use mayuse_core::{Instant, MAX_VERSION, Packed, Policy, Reader, Writer};
use std::fmt;

const MAGIC: &str = "mym";

/// The format that is written. That before it names no audience.
pub const MANIFEST_FORMAT: u64 = 2;

/// The oldest format that is read.
const OLDEST_FORMAT: u64 = 1;

/// The most characters of an audience.
const MAX_AUDIENCE: usize = 128;

/// More than a hundred thousand shards take.
const MAX_BYTES: usize = 16 * 1024 * 1024;

/// So many digits of a signature.
const SIGNATURE: usize = 128;

/// A snapshot of a catalog.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Manifest {
    /// The version of the catalog; only grows.
    pub version: u64,
    /// The deployment that may read it; empty where it names none.
    pub audience: String,
    /// As of when it is the newest.
    pub generated_at: Instant,
    /// What readers do where they cannot say.
    pub policies: Policies,
    /// Its objects.
    pub table: SnapshotIndex,
    /// The hash of the manifest before it, where there was one.
    pub previous: Option<Hash>,
}

/// What readers do where they cannot say, and until when they can.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Policies {
    /// What an indeterminate answer comes to, where neither question nor feature says.
    pub on_indeterminate: Policy,
    /// The age in milliseconds from which on it is stale.
    pub stale_after_ms: Option<u64>,
    /// The age in milliseconds from which on it may not be used.
    pub max_age_ms: Option<u64>,
}

impl Default for Policies {
    fn default() -> Self {
        Policies { on_indeterminate: Policy::Deny, stale_after_ms: None, max_age_ms: None }
    }
}

impl Policies {
    /// The stricter of these and those that a reader has of its own; a limit that is not set is none.
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

/// Whether a deployment can be called so: up to 128 visible characters of ASCII.
pub fn is_audience(text: &str) -> bool {
    (1..=MAX_AUDIENCE).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

impl Manifest {
    /// Whether it is meant for this deployment.
    ///
    /// # Errors
    /// One that is meant for another, or for nobody in particular.
    pub fn is_for(&self, audience: &str) -> Result<(), ManifestError> {
        if self.audience == audience {
            return Ok(());
        }
        Err(ManifestError::WrongAudience { expected: audience.to_owned(), found: self.audience.clone() })
    }

    /// What is signed, by the key of this name.
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
            // 0 is none; an age of less than a millisecond is no age to set.
            writer.number(limit.unwrap_or_default());
        }
        match self.previous {
            Some(previous) => writer.text(&previous.to_string()),
            None => writer.text(""),
        }
        writer.number(self.table.seed);
        write_part(&mut writer, &self.table.catalog_object);
        writer.number(self.table.bits.into());
        self.table.shards.iter().for_each(|shard| write_part(&mut writer, shard));
        writer.text(&key.to_string());
        writer.0
    }

    /// The manifest as its writer keeps it until it is signed.
    pub fn pack(&self) -> String {
        self.unsigned(KeyId::NOBODY)
    }

    /// Reads what [`Manifest::pack`] wrote.
    pub fn unpack(bytes: &Packed) -> Option<Manifest> {
        let mut reader = Reader::new(bytes.as_str());
        reader.take(MAGIC.len()).filter(|magic| *magic == MAGIC)?;
        reader.number().filter(|format| *format == MANIFEST_FORMAT)?;
        let audience = reader.text()?;
        read(&mut reader, audience).map(|(manifest, _)| manifest)
    }

    /// The manifest with its signature, as it is published.
    pub fn sign(&self, key: &SigningKey) -> String {
        let unsigned = self.unsigned(key.public().id());
        let signature = key.sign(unsigned.as_bytes());
        seal(unsigned, &signature)
    }

    /// The same, with a signature that was made elsewhere of [`Manifest::unsigned`].
    pub fn seal(unsigned: String, signature: &[u8; 64]) -> String {
        seal(unsigned, signature)
    }
}

fn seal(mut unsigned: String, signature: &[u8; 64]) -> String {
    unsigned.push_str(&hex(signature));
    unsigned
}

fn write_part(writer: &mut Writer, part: &ObjectRef) {
    writer.0.push_str(&part.hash.to_string());
    writer.count(part.size);
    writer.count(part.n);
}

fn read_part(reader: &mut Reader<'_>) -> Option<ObjectRef> {
    Some(ObjectRef { hash: Hash::parse(reader.take(64)?)?, size: reader.count()?, n: reader.count()? })
}

/// A manifest that was read and not yet believed.
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
    /// Bytes that are none, that a later program wrote, or that are damaged.
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
            Some(MANIFEST_FORMAT) => reader.text().filter(|text| text.is_empty() || is_audience(text)),
            Some(OLDEST_FORMAT) => Some(""),
            Some(newer) => return Err(ManifestError::Newer(newer)),
            None => return Err(ManifestError::Damaged("it ends early")),
        };
        let audience = audience.ok_or(ManifestError::Damaged("its audience cannot be read"))?;
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

    /// The name of the key it says to be signed with.
    pub fn key(&self) -> KeyId {
        self.key
    }

    /// What is signed.
    pub fn signed(&self) -> &[u8] {
        let all = self.bytes.as_slice();
        all.get(..all.len().saturating_sub(SIGNATURE)).unwrap_or_default()
    }

    /// The same, sharing the bytes.
    pub fn message(&self) -> Packed {
        self.bytes.part(0, self.bytes.as_slice().len().saturating_sub(SIGNATURE)).unwrap_or_default()
    }

    /// The signature.
    pub fn signature(&self) -> &[u8; 64] {
        &self.signature
    }

    /// What it says, unbelieved: to learn whether it is worth verifying.
    pub fn claims(&self) -> &Manifest {
        &self.manifest
    }

    /// Believes it, if one of the keys says so.
    ///
    /// # Errors
    /// A key that is not among them, or that did not sign this.
    pub fn verify(self, keys: &[PublicKey]) -> Result<Manifest, ManifestError> {
        let key = keys.iter().find(|key| key.id() == self.key).ok_or(ManifestError::UnknownKey(self.key))?;
        let is_signed = key.verifies(self.signed(), &self.signature);
        self.verified(is_signed)
    }

    /// The same where the signature was verified elsewhere: shells have faster ways.
    ///
    /// # Errors
    /// A signature that is not one.
    pub fn verified(self, is_signed: bool) -> Result<Manifest, ManifestError> {
        if is_signed { Ok(self.manifest) } else { Err(ManifestError::WrongSignature(self.key)) }
    }
}

fn read(reader: &mut Reader<'_>, audience: &str) -> Option<(Manifest, KeyId)> {
    let (version, generated_at) = (reader.number()?, reader.instant()?);
    let on_indeterminate = match reader.number()? {
        0 => Policy::Deny,
        1 => Policy::Allow,
        _ => return None,
    };
    let mut limit = || reader.number().map(|ms| (ms != 0).then_some(ms));
    let policies = Policies { on_indeterminate, stale_after_ms: limit()?, max_age_ms: limit()? };
    let previous = match reader.text()? {
        "" => None,
        hash => Some(Hash::parse(hash)?),
    };
    let seed = reader.number()?;
    let catalog_object = read_part(reader)?;
    let bits = u8::try_from(reader.number()?).ok().filter(|bits| *bits <= SnapshotIndex::MAX_BITS)?;
    let mut shards = Vec::new();
    for _ in 0..1_u32.checked_shl(bits.into())? {
        shards.push(read_part(reader)?);
    }
    let key = KeyId::parse(reader.text()?)?;
    let table = SnapshotIndex { seed, catalog_object, bits, shards };
    let audience = audience.to_owned();
    Some((Manifest { version, audience, generated_at, policies, table, previous }, key))
}

/// Why a manifest is not one to believe.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ManifestError {
    /// It does not begin as one does.
    NotOne,
    /// A later program wrote it.
    Newer(u64),
    /// Something in it cannot be.
    Damaged(&'static str),
    /// The key it says to be signed with is not known here.
    UnknownKey(KeyId),
    /// That key did not sign this.
    WrongSignature(KeyId),
    /// It is meant for another deployment, or for none in particular, where `found` is empty.
    WrongAudience {
        /// Who reads it.
        expected: String,
        /// Whom it names.
        found: String,
    },
}

impl fmt::Display for ManifestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ManifestError::NotOne => f.write_str("not a manifest"),
            ManifestError::Newer(format) => {
                write!(
                    f,
                    "a manifest of format {format}, and this program reads formats {OLDEST_FORMAT} to {MANIFEST_FORMAT}: update it"
                )
            }
            ManifestError::Damaged(why) => write!(f, "a manifest is damaged: {why}"),
            ManifestError::UnknownKey(key) => {
                write!(f, "the manifest is signed with key {key}, which is not known here")
            }
            ManifestError::WrongSignature(key) => write!(f, "the manifest is not signed by key {key}, as it says"),
            ManifestError::WrongAudience { expected, found } => {
                match found.as_str() {
                    "" => f.write_str("the manifest names no audience")?,
                    found => write!(f, "the manifest is for the audience {found}")?,
                }
                write!(f, ", and here is {expected}: build it with --audience {expected}")
            }
        }
    }
}

impl std::error::Error for ManifestError {}
