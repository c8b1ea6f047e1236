//! A look for a newer manifest: reads it, compares it, verifies it, and accepts it together with the
//! changed objects.

use crate::cut::ObjectRef;
use crate::fetched::{Fetched, ObjectError};
use crate::hash::Hash;
use crate::manifest::{Manifest, Unverified};
use crate::reader::{Command, Event, READ_WITHIN_MS, Reader};
use crate::replica::ManifestOrder;
use mayuse_core::{Instant, Packed, Source};

/// How many objects are read at the same time.
pub(crate) const AT_ONCE: usize = 6;

/// How many shards are read before a manifest is accepted, so that questions need not wait for them.
const AHEAD: usize = 60;

/// How long a question waits for a look after the reader was quiet.
const WITHIN_MS: i64 = 500;

/// A look in progress.
#[derive(Debug)]
pub struct Look {
    began: Instant,
    /// The time limit, if a question waits for the look.
    within_ms: Option<i64>,
    waits_for: Awaited,
}

/// The outcome that the next event reports.
#[derive(Debug)]
enum Awaited {
    Begin,
    FallbackSignature(Unverified),
    Manifest,
    Signature(Unverified),
    Objects(Box<Loading>),
}

/// A manifest whose objects are being read.
#[derive(Debug)]
struct Loading {
    manifest: Manifest,
    needs_catalog_object: bool,
    catalog_object: Option<Packed>,
    /// The shards to read before the manifest is accepted.
    wanted: Vec<(u64, ObjectRef)>,
    /// The shards that were read.
    fresh: Vec<(u64, Packed)>,
}

/// Why a look ends without a new manifest.
enum End {
    /// There is no newer manifest.
    Nothing,
    /// The look took too long for the question that waits for it.
    Late,
    /// The store failed, with this error.
    Outage(String),
    /// The manifest or one of its objects is unusable.
    Unusable(String),
}

impl From<String> for End {
    fn from(why: String) -> Self {
        End::Unusable(why)
    }
}

impl From<ObjectError> for End {
    fn from(error: ObjectError) -> Self {
        match error {
            ObjectError::Store(why) => End::Outage(why),
            ObjectError::Absent(_) | ObjectError::Damaged(_) => End::Unusable(error.to_string()),
        }
    }
}

impl Look {
    /// A look that no question waits for.
    pub fn new(now: Instant) -> Look {
        Look { began: now, within_ms: None, waits_for: Awaited::Begin }
    }

    /// A look that a question waits for, with a short time limit.
    pub(crate) fn soon(now: Instant) -> Look {
        Look { within_ms: Some(WITHIN_MS), ..Look::new(now) }
    }

    /// Processes the outcome of the last command and returns the next command.
    pub fn step(&mut self, reader: &mut Reader, event: Event, now: Instant) -> Command {
        match self.advance(reader, event, now) {
            Ok(command) => return command,
            Err(End::Nothing) => reader.end_look(self.began, false),
            Err(End::Late) => reader.postpone_look(now),
            Err(End::Outage(_)) if self.left_ms(now) <= 0 => reader.postpone_look(now),
            Err(End::Outage(why)) => {
                reader.fail(why);
                reader.end_look(self.began, true);
            }
            Err(End::Unusable(why)) => {
                reader.fail(why);
                reader.end_look(self.began, false);
            }
        }
        Command::Done
    }

    fn advance(&mut self, reader: &mut Reader, event: Event, now: Instant) -> Result<Command, End> {
        match (std::mem::replace(&mut self.waits_for, Awaited::Begin), event) {
            (Awaited::Begin, Event::Begin) => {
                reader.begin_look(self.began);
                match reader.check_fallback() {
                    Some((verify, read)) => self.wait_for(Awaited::FallbackSignature(read), verify),
                    None => self.read_manifest(now),
                }
            }
            (Awaited::FallbackSignature(read), Event::Verified(outcome)) => {
                reader.note_fallback(read, outcome);
                self.read_manifest(now)
            }
            (Awaited::Manifest, Event::Read(found)) => {
                let bytes = match found.into_iter().next() {
                    Some(Fetched::Bytes(bytes)) => bytes,
                    Some(Fetched::Failed(why)) => return Err(End::Outage(why)),
                    Some(Fetched::Absent) | None => return Err(End::Nothing),
                };
                let bytes = Packed::new(bytes).ok_or_else(|| "the manifest is not in the packed form".to_owned())?;
                let read = Unverified::read(&bytes).map_err(|error| error.to_string())?;
                match reader.replica().compare(read.claims()) {
                    ManifestOrder::Newer => {}
                    ManifestOrder::Older => {
                        reader.refuse();
                        return Err(End::Nothing);
                    }
                    ManifestOrder::Same => return Err(End::Nothing),
                }
                let verify = reader.verify(&read)?;
                self.wait_for(Awaited::Signature(read), verify)
            }
            (Awaited::Signature(read), Event::Verified(outcome)) => {
                let manifest = reader.verified(read, outcome)?;
                let needs_catalog_object = reader.replica().wants_catalog_object(&manifest);
                let mut wanted = reader.replica().wants(&manifest);
                wanted.truncate(AHEAD);
                let loading =
                    Loading { manifest, needs_catalog_object, catalog_object: None, wanted, fresh: Vec::new() };
                self.load(Box::new(loading), reader, now)
            }
            (Awaited::Objects(mut loading), Event::Read(found)) => {
                loading.add(found, reader, self.began)?;
                self.load(loading, reader, now)
            }
            // The event does not match the last command.
            _ => Err(End::Nothing),
        }
    }

    /// The remaining time, in milliseconds.
    fn left_ms(&self, now: Instant) -> i64 {
        // If the clock went backward, the elapsed time is unknown.
        let past = now.millis().saturating_sub(self.began.millis()).max(0);
        self.within_ms.map_or(READ_WITHIN_MS, |within| within.saturating_sub(past))
    }

    fn read_within(&self, now: Instant) -> Result<u32, End> {
        u32::try_from(self.left_ms(now)).ok().filter(|left| *left != 0).ok_or(End::Late)
    }

    fn wait_for(&mut self, what: Awaited, command: Command) -> Result<Command, End> {
        self.waits_for = what;
        Ok(command)
    }

    fn read_manifest(&mut self, now: Instant) -> Result<Command, End> {
        let within_ms = self.read_within(now)?;
        self.wait_for(Awaited::Manifest, Command::ReadManifest { within_ms })
    }

    /// Reads the next objects of a manifest, or accepts it once they are read.
    fn load(&mut self, loading: Box<Loading>, reader: &mut Reader, now: Instant) -> Result<Command, End> {
        let hashes: Vec<_> = loading.next().collect();
        if hashes.is_empty() {
            let Loading { manifest, catalog_object, fresh, .. } = *loading;
            // Another look may have accepted a manifest meanwhile, so `accept` compares again.
            let taken = reader.replica_mut().accept(manifest, catalog_object.as_ref(), fresh, Source::Snapshot);
            return Err(taken.map_or_else(|error| End::Unusable(error.to_string()), |_| End::Nothing));
        }
        let within_ms = self.read_within(now)?;
        self.wait_for(Awaited::Objects(loading), Command::ReadObjects { hashes, within_ms })
    }
}

impl Loading {
    /// The objects to read next.
    fn next(&self) -> impl Iterator<Item = Hash> + '_ {
        let catalog_object = (self.needs_catalog_object && self.catalog_object.is_none())
            .then_some(self.manifest.table.catalog_object.hash);
        let n = if catalog_object.is_some() { 0 } else { AT_ONCE };
        let shards = self.wanted.iter().skip(self.fresh.len()).take(n);
        catalog_object.into_iter().chain(shards.map(|(_, part)| part.hash))
    }

    fn add(&mut self, found: Vec<Fetched>, reader: &mut Reader, began: Instant) -> Result<(), End> {
        let hashes: Vec<_> = self.next().collect();
        let mut found = found.into_iter();
        for hash in hashes {
            let object = found.next().unwrap_or(Fetched::Absent).object(hash);
            if self.needs_catalog_object && self.catalog_object.is_none() {
                self.catalog_object = Some(object?);
                return Ok(());
            }
            match object {
                Ok(object) => {
                    let place = self.wanted.get(self.fresh.len()).map_or(0, |(place, _)| *place);
                    self.fresh.push((place, object));
                }
                // The object may still arrive, so keep the held snapshot until it is stale. After that, accept
                // the manifest, or one lost object would block all newer versions.
                Err(error @ (ObjectError::Absent(_) | ObjectError::Damaged(_))) if reader.is_stale(began) => {
                    reader.fail(format!("a newer manifest is taken all the same: {error}"));
                    self.wanted.truncate(self.fresh.len());
                    return Ok(());
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}
