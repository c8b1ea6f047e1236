//! From a document to objects, to a manifest, to a replica.

use mayuse_core::{BlockBuilder, Catalog, Decision, Instant, Packed, Problem, SortedRecords, Source, WriteJson};
use mayuse_document::{Document, Tree, add_element};
use mayuse_snapshot::{Manifest, Missing, ObjectRef, Policies, Replica, SigningKey, SnapshotIndex, Unverified};
use serde_json::{Value, json};

pub const SEED: u64 = 0x0123_4567_89ab_cdef;
/// As of when every snapshot here is made, if nothing else is said.
pub const MADE_AT: &str = "2024-06-01T00:00:00Z";

pub fn key() -> SigningKey {
    SigningKey::from_seed(&[7; 32])
}

/// All objects of a document.
#[derive(Clone, Debug)]
pub struct Cut {
    pub catalog_object: Packed,
    pub blocks: Vec<Packed>,
    pub table: SnapshotIndex,
}

/// The catalog object of a document, and what it opens to; or why the document is refused.
pub fn definitions(document: &Value) -> Result<(Packed, Catalog), String> {
    let mut document: Document = serde_json::from_value(document.clone()).map_err(|error| error.to_string())?;
    document.with_zones(mayuse_zones::offsets);
    let (object, catalog, _) = document.pack_definitions().map_err(|problems| problems.to_string())?;
    Ok((object, catalog))
}

pub fn tree(value: &Value) -> Tree<'static> {
    serde_json::from_value(value.clone()).unwrap()
}

/// The customers of a document, in order.
pub fn sorted(catalog: &Catalog, document: &Value, seed: u64) -> Result<SortedRecords, String> {
    let mut pile = BlockBuilder::new(catalog, seed);
    for list in ["customers", "subscriptions"] {
        let none = Vec::new();
        for (n, element) in document[list].as_array().unwrap_or(&none).iter().enumerate() {
            add_element(&mut pile, list, n, &tree(element)).map_err(|problems| problems.to_string())?;
        }
    }
    pile.sorted().map_err(|problems| problems.to_string())
}

/// All objects, with so many bits of shards.
pub fn try_cut(document: &Value, bits: u8) -> Result<Cut, String> {
    let (catalog_object, catalog) = definitions(document)?;
    let sorted = sorted(&catalog, document, SEED)?;
    let (mut blocks, mut shards) = (Vec::new(), Vec::new());
    for shard in 0..1_u64 << bits {
        let (block, n) = sorted.block(bits, shard);
        shards.push(ObjectRef::of(&block, n));
        blocks.push(block);
    }
    let table = SnapshotIndex { seed: SEED, catalog_object: ObjectRef::of(&catalog_object, 0), bits, shards };
    Ok(Cut { catalog_object, blocks, table })
}

/// The same of a document that is known to be good.
pub fn cut(document: &Value, bits: u8) -> Cut {
    try_cut(document, bits).unwrap_or_else(|problem| panic!("{problem}\nin {document:#}"))
}

impl Cut {
    pub fn manifest(&self, version: u64) -> Manifest {
        Manifest {
            version,
            audience: "tests".to_owned(),
            generated_at: Instant::parse(MADE_AT).unwrap(),
            policies: Policies::default(),
            table: self.table.clone(),
            previous: None,
        }
    }

    /// Signed, read back and verified, then taken whole.
    pub fn replica(&self) -> Replica {
        let mut replica = Replica::new(usize::MAX, 0);
        let manifest = published(&self.manifest(1));
        assert_eq!(replica.accept(manifest, Some(&self.catalog_object), Vec::new(), Source::Snapshot), Ok(true));
        for (shard, block) in (0..).zip(&self.blocks) {
            assert_eq!(replica.insert_shard(shard, ObjectRef::of(block, 0).hash, block.clone()), Ok(true));
        }
        replica
    }
}

/// A manifest as a reader has it.
pub fn published(manifest: &Manifest) -> Manifest {
    let bytes = Packed::from(manifest.sign(&key()));
    Unverified::read(&bytes).unwrap().verify(&[key().public()]).unwrap()
}

/// The decision as it is sent; the freshness of one that was not replicated is another.
pub fn shown(decided: Result<Decision<'_>, Problem>) -> Value {
    match decided {
        Ok(decision) => serde_json::from_str(&decision.to_json()).unwrap(),
        Err(problem) => json!({ "error": problem.to_string() }),
    }
}

/// The answer of a replica that holds all it takes.
pub fn shown_by(decided: Result<Result<Decision<'_>, Problem>, Missing>) -> Value {
    shown(decided.unwrap())
}
