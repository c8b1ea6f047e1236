//! What a replica holds: a manifest, its catalog, and some of its shards.

use crate::cut::ObjectRef;
use crate::manifest::Manifest;
use mayuse_core::{Catalog, CustomerBlock};
use std::sync::atomic::AtomicU64;

#[derive(Debug)]
pub(crate) struct View {
    pub manifest: Manifest,
    pub catalog: Catalog,
    /// Counts catalog objects: shards opened with an earlier one must be relinked.
    pub generation: u64,
    pub shards: Vec<Option<Shard>>,
    pub n_bytes: usize,
}

#[derive(Debug)]
pub(crate) struct Shard {
    pub customers: Customers,
    pub used: AtomicU64,
}

#[derive(Debug)]
pub(crate) enum Customers {
    /// The bytes of a shard that no question has needed yet.
    Unopened(Vec<u8>),
    /// A shard that is opened, with the number of the catalog object.
    Open(CustomerBlock, u64),
}

impl Shard {
    pub fn n_bytes(&self) -> usize {
        match &self.customers {
            Customers::Unopened(bytes) => bytes.len(),
            Customers::Open(customers, _) => customers.n_bytes_with_marks(),
        }
    }
}

impl View {
    pub fn is_held(&self, place: u64) -> bool {
        at(&self.shards, self.manifest.table.first_place(place)).is_some_and(Option::is_some)
    }

    /// The range of shards here that share hashes with shard `place` of a table with `bits` bits.
    pub fn places_of(&self, place: u64, bits: u8) -> (u64, u64) {
        let here = self.manifest.table.bits;
        if here <= bits {
            let one = place.checked_shr(u32::from(bits.saturating_sub(here))).unwrap_or_default();
            (one, one.saturating_add(1))
        } else {
            let by = u32::from(here.saturating_sub(bits));
            let first = place.checked_shl(by).unwrap_or_default();
            (first, first.saturating_add(1_u64.checked_shl(by).unwrap_or_default()))
        }
    }

    /// The place at which a shard of another table is held here, if any. The hash alone does not identify
    /// a shard: all empty shards are the same object.
    pub fn same_as(&self, part: ObjectRef, place: u64, other: &Manifest) -> Option<u64> {
        let (from, _) = self.places_of(place, other.table.bits);
        let here = self.manifest.table.first_place(from);
        let is_same = at(&self.manifest.table.shards, here).is_some_and(|held| held.hash == part.hash);
        (is_same && at(&self.shards, here).is_some_and(Option::is_some)).then_some(here)
    }

    /// Replaces the manifest and, if it changed, the catalog. Keeps the shards that stay.
    // A snapshot that is opened for the first time does without: an engine compiles what is called.
    #[inline(never)]
    pub fn renew(&mut self, manifest: Manifest, new_catalog: Option<Catalog>) {
        let kept = self.kept(&manifest);
        let mut held = std::mem::take(&mut self.shards);
        self.shards.resize_with(manifest.table.shards.len(), || None);
        for (from, to) in kept {
            if let (Some(from), Some(to)) = (at_mut(&mut held, from), at_mut(&mut self.shards, to)) {
                *to = from.take();
            }
        }
        self.manifest = manifest;
        if let Some(catalog) = new_catalog {
            self.catalog = catalog;
            self.generation = self.generation.saturating_add(1);
        }
    }

    /// The shards that stay when the next manifest is accepted, as old and new place.
    fn kept(&self, next: &Manifest) -> Vec<(u64, u64)> {
        let from = |(place, part): (u64, ObjectRef)| Some((self.same_as(part, place, next)?, place));
        next.table.distinct().filter_map(from).collect()
    }
}

pub(crate) fn at<T>(list: &[T], number: u64) -> Option<&T> {
    list.get(usize::try_from(number).ok()?)
}

pub(crate) fn at_mut<T>(list: &mut [T], number: u64) -> Option<&mut T> {
    list.get_mut(usize::try_from(number).ok()?)
}
