//! The border to `pkg/`: a snapshot that JavaScript fills, and asks questions in numbers.
//!
//! Texts are written into a place in memory whose address is given once, answers are read from another. A thrown value
//! would need a table that JavaScript and the core share, so a problem is an answer.
//!
//! A snapshot is taken in four steps: [`Held::offer`] reads a manifest, [`Held::verify`] says which objects are missing,
//! [`Held::put`] takes each of them, and [`Held::commit`] accepts all at once. JavaScript verifies signatures and hashes
//! in between, because its own functions are faster. A shard is opened when a question first needs it: its bytes are the
//! writer's, as the hash says, which is signed.

use crate::answer::write_problem;
use crate::ask::{EXPLAINS, SUGGESTS, TEXTS, TOLD, amount, decide, has, policy, read, text, whole};
use crate::instant;
use crate::outlooks::{bounds, outlook};
use crate::shards::Shards;
use crate::words::Words;
use mayuse_core::{Catalog, Code, EXPLAIN, Packed, Policy, Problem, Question, Source};
use mayuse_snapshot::{Hash, Manifest, ManifestOrder, ObjectRef, Policies, Replica, Unverified, manifest_range};
use wasm_bindgen::prelude::*;

/// The room for the texts of a question, in bytes. JavaScript refuses longer questions.
const INPUT: usize = 64 * 1024;

/// Whether this engine has traces and suggestions.
#[wasm_bindgen]
pub fn explains() -> bool {
    EXPLAIN
}

/// A snapshot that answers questions, or an empty one.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Held {
    shards: Shards,
    offered: Option<Unverified>,
    verified: Option<Verified>,
    input: Vec<u8>,
    words: Words,
}

/// A manifest that is verified, and the objects that were fetched for it.
#[derive(Debug)]
struct Verified {
    manifest: Manifest,
    catalog_object: Option<Packed>,
    shards: Vec<(u64, Vec<u8>)>,
    /// The digits of the hashes of all missing objects, which JavaScript reads.
    hashes: String,
}

#[wasm_bindgen]
impl Held {
    /// An empty snapshot, whose shards may have so many bytes. A limit that is NaN is none.
    #[wasm_bindgen(constructor)]
    pub fn new(
        max_bytes: f64,
        min_version: f64,
        max_age_ms: f64,
        stale_after_ms: f64,
        denies: bool,
        is_embedded: bool,
    ) -> Held {
        let own = Policies {
            on_indeterminate: if denies { Policy::Deny } else { Policy::Allow },
            stale_after_ms: whole(stale_after_ms),
            max_age_ms: whole(max_age_ms),
        };
        let source = if is_embedded { Source::Embedded } else { Source::Snapshot };
        let max_bytes = whole(max_bytes).and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(usize::MAX);
        let replica = Replica::new(max_bytes, whole(min_version).unwrap_or_default()).with_own(own);
        Held {
            shards: Shards::new(replica, source),
            offered: None,
            verified: None,
            input: vec![0; INPUT],
            words: Words::default(),
        }
    }

    /// The address of the place for texts.
    pub fn input(&self) -> u32 {
        u32::try_from(self.input.as_ptr().addr()).unwrap_or_default()
    }

    /// Where the manifest of a file is, whose first bytes are in the input: the place and the size.
    pub fn range(&mut self, n: u32) -> u32 {
        match manifest_range(text(&self.input, &mut 0, n)) {
            Ok((at, size)) => self.tell(|words| {
                words.number(u32::try_from(at).unwrap_or(u32::MAX));
                words.number(u32::try_from(size).unwrap_or(u32::MAX));
            }),
            Err(error) => self.refuse(error.text()),
        }
    }

    /// Reads a manifest. Tells its version, its time, and the id of the key that it claims to be signed with.
    pub fn offer(&mut self, manifest: Vec<u8>) -> u32 {
        let Some(bytes) = Packed::new(manifest) else { return self.refuse("not a manifest".to_owned()) };
        let read = match Unverified::read(&bytes) {
            Ok(read) => read,
            Err(error) => return self.refuse(error.text()),
        };
        let (version, generated_at, key) = (read.claims().version, read.claims().generated_at, read.key().digits());
        self.offered = Some(read);
        // The objects of a manifest that was not accepted, because another object is missing.
        self.verified = None;
        self.tell(|words| {
            words.whole(Some(version));
            words.instant(Some(generated_at));
            words.text(Some(&key));
        })
    }

    /// Takes the outcome of verifying the offered manifest. The audience is in the input; without one, any will do.
    /// Tells how the manifest compares to the held one (0 newer, 1 the same, 2 older). Of a newer one, it tells whether
    /// it has all customers, the size of all objects in a file, of each object that is missing the place (-1 for the
    /// catalog object), and the place and the size in a file; and where in memory the digits of their hashes stand, and
    /// how many these are. If not `all`, a shard that is not held is not missing.
    pub fn verify(&mut self, is_signed: bool, audience: u32, all: bool) -> u32 {
        let Some(offered) = self.offered.take() else { return self.refuse(String::new()) };
        let audience = text(&self.input, &mut 0, audience);
        let verified = offered.verified(is_signed).and_then(|manifest| {
            if audience.is_empty() { Ok(manifest) } else { manifest.is_for(audience).map(|()| manifest) }
        });
        let manifest = match verified {
            Ok(manifest) => manifest,
            Err(error) => return self.refuse(error.text()),
        };
        let order = self.shards.replica.compare(&manifest);
        self.words.clear();
        self.words.begin(TOLD);
        self.words.number(match order {
            ManifestOrder::Newer => 0,
            ManifestOrder::Same => 1,
            ManifestOrder::Older => 2,
        });
        if order == ManifestOrder::Newer {
            let hashes = self.tell_missing(&manifest, all);
            let verified = Verified { manifest, catalog_object: None, shards: Vec::new(), hashes };
            self.words.number(u32::try_from(verified.hashes.as_ptr().addr()).unwrap_or_default());
            self.words.number(u32::try_from(verified.hashes.len()).unwrap_or_default());
            self.verified = Some(verified);
        }
        self.words.end();
        self.words.address()
    }

    /// Takes an object that is missing, with this place. Its bytes have the hash that was told.
    pub fn put(&mut self, place: f64, object: Vec<u8>) {
        let Some(verified) = &mut self.verified else { return };
        match whole(place) {
            None => verified.catalog_object = Packed::new(object),
            Some(place) => verified.shards.push((place, object)),
        }
    }

    /// Accepts the verified manifest with its objects. Tells whether it was accepted.
    pub fn commit(&mut self) -> u32 {
        let Some(Verified { manifest, catalog_object, shards, .. }) = self.verified.take() else {
            return self.refuse(String::new());
        };
        match self.shards.accept(manifest, catalog_object.as_ref(), shards) {
            Ok(accepted) => self.tell(|words| words.number(accepted)),
            Err(error) => self.refuse(error.text()),
        }
    }

    /// Takes a shard that a question needed. Its bytes have the hash that is in the input. A manifest that was accepted
    /// meanwhile may not name it any more; it is dropped then.
    pub fn insert(&mut self, hash: u32, shard: Vec<u8>) {
        if let Some(hash) = Hash::parse(text(&self.input, &mut 0, hash)) {
            self.shards.insert(hash, &shard);
        }
    }

    /// Whether a question whose shard is not held is answered as it is: INDETERMINATE.
    #[wasm_bindgen(js_name = giveUp)]
    pub fn give_up(&mut self, gives_up: bool) {
        self.shards.gives_up = gives_up;
    }

    /// Whether the snapshot is stale.
    #[wasm_bindgen(js_name = isStale)]
    pub fn is_stale(&self, now: f64) -> bool {
        let catalog = self.shards.replica.catalog();
        let ages = catalog.and_then(|catalog| catalog.snapshot.generated_at.zip(catalog.snapshot.stale_after_ms));
        ages.is_some_and(|(made, after)| {
            let age = instant(now).millis().saturating_sub(made.millis());
            u64::try_from(age).is_ok_and(|age| after <= age)
        })
    }

    /// Tells the outlook of the customer whose name is in the input and has so many bytes; see `outlook`.
    pub fn outlook(&mut self, customer: u32, now: f64) -> u32 {
        let Held { shards, input, words, .. } = self;
        outlook(shards, words, text(input, &mut 0, customer), instant(now));
        words.address()
    }

    /// Tells the bound of every feature for the customer whose name is in the input; see `bounds`.
    pub fn bounds(&mut self, customer: u32, now: f64) -> u32 {
        let Held { shards, input, words, .. } = self;
        words.clear();
        words.begin(TOLD);
        bounds(shards, words, text(input, &mut 0, customer), instant(now));
        words.end();
        words.address()
    }

    /// Tells of every feature where in memory the id, the code and the name are, each with its length. The address of the
    /// id is what stands for the feature in decisions.
    pub fn features(&mut self) -> u32 {
        let Held { shards, words, .. } = self;
        words.clear();
        words.begin(TOLD);
        for (id, code, name) in shards.replica.catalog().into_iter().flat_map(Catalog::feature_names) {
            for text in [id, code, name] {
                words.address_of(text);
                words.number(u32::try_from(text.len()).unwrap_or_default());
            }
        }
        words.end();
        words.address()
    }

    /// The bytes of the shards.
    pub fn bytes(&self) -> f64 {
        self.shards.replica.n_bytes() as f64
    }

    /// Whether a customer may use a feature: 0 no, 1 yes, 2 if [`Held::check`] says more. The input has the names; they
    /// have so many bytes.
    #[wasm_bindgen(js_name = mayUse)]
    pub fn may_use(&mut self, customer: u32, feature: u32, consumed: f64, now: f64) -> u32 {
        let Held { shards, input, .. } = self;
        let mut at = 0;
        let mut question = Question::new(text(input, &mut at, customer), text(input, &mut at, feature));
        question.consumed = amount(consumed);
        loop {
            let missing = match shards.replica.decide(&question, instant(now)) {
                Ok(Ok(decision)) => return decision.allowed.into(),
                Ok(Err(_)) => return 2,
                Err(missing) => missing,
            };
            if shards.provide(missing).is_err() {
                return 2;
            }
        }
    }

    /// Decides a question. The input has the names of the customer and the feature, which have so many bytes, and the
    /// other texts if there are any; see `read`. The parts are flags; see `has`.
    #[expect(clippy::too_many_arguments, reason = "numbers cross the border as they are")]
    pub fn check(
        &mut self,
        customer: u32,
        feature: u32,
        parts: u32,
        consumed: f64,
        on_indeterminate: u32,
        min_version: f64,
        max_age_ms: f64,
        now: f64,
    ) -> u32 {
        let Held { shards, input, words, .. } = self;
        words.clear();
        let mut at = 0;
        let mut question = Question::new(text(input, &mut at, customer), text(input, &mut at, feature));
        question.consumed = amount(consumed);
        question.on_indeterminate = policy(on_indeterminate);
        question.min_version = whole(min_version);
        question.max_age_ms = whole(max_age_ms);
        question.suggest = parts & SUGGESTS != 0;
        question.explain = parts & EXPLAINS != 0;
        let is_read = if parts & TEXTS != 0 { read(&mut question, input, &mut at) } else { Ok(()) };
        match is_read.and_then(|()| has(parts)) {
            Ok(()) => decide(shards, words, &question, instant(now)),
            Err(problem) => write_problem(words, &problem),
        }
        words.address()
    }
}

impl Held {
    /// Tells of a newer manifest. Returns the digits of the hashes of the missing objects, because JavaScript reads texts
    /// among numbers slowly.
    fn tell_missing(&mut self, manifest: &Manifest, all: bool) -> String {
        let Held { shards, words, .. } = self;
        let replica = &shards.replica;
        let table = &manifest.table;
        words.number(table.is_whole());
        words.number(
            table.shards.iter().fold(f64::from(table.catalog_object.size), |sum, part| sum + f64::from(part.size)),
        );
        let mut hashes = String::new();
        let mut n_bytes = 0_usize;
        let mut missing = |place: f64, at: f64, part: &ObjectRef| {
            n_bytes = n_bytes.saturating_add(usize::try_from(part.size).unwrap_or_default());
            words.number(place);
            words.number(at);
            words.number(part.size);
            hashes.push_str(&part.hash.digits());
        };
        if replica.wants_catalog_object(manifest) {
            missing(-1.0, 0.0, &table.catalog_object);
        }
        let wanted = if all { Vec::new() } else { replica.wants(manifest) };
        let mut at = f64::from(table.catalog_object.size);
        let mut before = ObjectRef::WITHHELD.hash;
        for (part, place) in table.shards.iter().zip(0_u32..) {
            let is_first = part.hash != std::mem::replace(&mut before, part.hash) && !part.is_withheld();
            let is_missing = if all {
                is_first && !replica.holds(manifest, place.into(), *part)
            } else {
                wanted.iter().any(|(wanted, _)| *wanted == u64::from(place))
            };
            if is_missing {
                missing(place.into(), at, part);
            }
            at += f64::from(part.size);
        }
        // The memory grows once for all objects, which takes less time than with each of them. The compiler would leave out
        // an allocation that nobody uses.
        let mut room: Vec<u8> = Vec::new();
        if room.try_reserve_exact(n_bytes).is_ok() {
            std::hint::black_box(&room);
        }
        hashes
    }

    fn tell(&mut self, write: impl FnOnce(&mut Words)) -> u32 {
        self.words.clear();
        self.words.begin(TOLD);
        write(&mut self.words);
        self.words.end();
        self.words.address()
    }

    fn refuse(&mut self, why: String) -> u32 {
        self.words.clear();
        write_problem(&mut self.words, &Problem::error(Code::Invalid, String::new(), why));
        self.words.address()
    }
}
