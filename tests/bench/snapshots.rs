//! A snapshot of the workload, made as a writer makes one: from lines, never held whole.

use mayuse_core::{BlockBuilder, Packed, Problems, SortedRecords};
use mayuse_dialects::Kind;
use mayuse_document::{Document, Tree, add_element};
use mayuse_snapshot::{Manifest, Policies, SigningKey, SnapshotIndex, cut};
use mayuse_tests::{BENCH_AT, instant, workload};
use std::error::Error;
use std::io::{self, Write};

/// The same in every run, and secret to nobody.
pub fn signing_key() -> SigningKey {
    SigningKey::from_seed(&[7; 32])
}

/// Keys are hashed with it; a writer takes a random one.
const SEED: u64 = 0x5eed_5eed_5eed_5eed;

/// A catalog object, and customers in the order of their shards.
pub struct People {
    catalog_object: Packed,
    sorted: SortedRecords,
}

pub fn sorted(n_customers: u32) -> Result<People, Box<dyn Error>> {
    let mut document = Document::default();
    let mut n = 0_usize;
    // Definitions come first.
    lines(0, None, &mut |_, list, tree| {
        match list {
            Some(list) => document.add(list, n, &tree),
            None => settings(&mut document, &tree),
        }
        n = n.saturating_add(1);
        Ok(())
    })?;
    let (catalog_object, catalog, _) = document.pack_definitions()?;
    let mut pile = BlockBuilder::new(&catalog, SEED);
    lines(n_customers, None, &mut |n, list, tree| {
        if let Some(list @ ("customers" | "subscriptions")) = list {
            add_element(&mut pile, list, n, &tree)?;
        }
        Ok(())
    })?;
    Ok(People { catalog_object, sorted: pile.sorted()? })
}

/// A customer and its subscription, after one write.
pub fn changed(n_customers: u32, number: u32) -> Result<(Tree<'static>, Tree<'static>), Box<dyn Error>> {
    let (mut customer, mut subscription) = (None, None);
    let id = workload::customer_id(number);
    lines(n_customers, Some(number), &mut |_, list, tree| {
        match list {
            Some("customers") if text(&tree, "id") == Some(id.as_str()) => customer = Some(tree),
            Some("subscriptions") if text(&tree, "customer_id") == Some(id.as_str()) => subscription = Some(tree),
            _ => {}
        }
        Ok(())
    })?;
    customer.zip(subscription).ok_or_else(|| "there is no such customer".into())
}

/// All objects of a snapshot.
pub struct Built {
    pub table: SnapshotIndex,
}

impl Built {
    pub fn cut(people: People, write: &mut dyn FnMut(String, &[u8]) -> io::Result<()>) -> io::Result<Built> {
        let People { catalog_object, sorted } = people;
        let table = cut(&catalog_object, &sorted, |part, bytes| write(part.hash.to_string(), bytes.as_slice()))?;
        Ok(Built { table })
    }

    pub fn manifest(&self, version: u64) -> Manifest {
        let policies = Policies::default();
        Manifest {
            version,
            audience: String::new(),
            generated_at: instant(BENCH_AT),
            policies,
            table: self.table.clone(),
            previous: None,
        }
    }
}

fn settings(document: &mut Document, tree: &Tree) {
    if let Tree::Object(fields) = tree {
        fields.iter().for_each(|(name, value)| document.set(name, value));
    }
}

fn text<'t>(tree: &'t Tree<'_>, name: &str) -> Option<&'t str> {
    let Tree::Object(fields) = tree else { return None };
    match fields.iter().find(|(field, _)| *field == name) {
        Some((_, Tree::Text(text))) => Some(text),
        _ => None,
    }
}

type Each<'e> = dyn FnMut(usize, Option<&'static str>, Tree<'static>) -> Result<(), Problems> + 'e;

/// Gives each line of the workload: its number, the list it belongs to, and what it says.
fn lines(n_customers: u32, changed: Option<u32>, each: &mut Each<'_>) -> io::Result<()> {
    let mut lines = Lines { text: Vec::new(), n: 0, each };
    workload::write(&mut lines, n_customers, changed)
}

struct Lines<'e> {
    text: Vec<u8>,
    n: usize,
    each: &'e mut Each<'e>,
}

impl Write for Lines<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for byte in bytes {
            if *byte != b'\n' {
                self.text.push(*byte);
                continue;
            }
            let tree: Tree = serde_json::from_slice(&self.text)?;
            let list = text(&tree, "kind").and_then(Kind::parse).map(Kind::list);
            (self.each)(self.n, list, tree).map_err(io::Error::other)?;
            self.text.clear();
            self.n = self.n.saturating_add(1);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
