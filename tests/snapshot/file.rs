//! A snapshot in one piece.

use crate::cutting::{Cut, cut, key};
use mayuse_core::{FORMAT, Packed, Writer};
use mayuse_snapshot::{FileError, Hash, ManifestError, SigningKey, join, open_file};
use serde_json::Value;

fn demo() -> Cut {
    let demo: Value = serde_json::from_str(include_str!("../../demo/catalog.json")).unwrap();
    cut(&demo, 2)
}

impl Cut {
    fn file(&self) -> Vec<u8> {
        let objects = [&self.catalog_object].into_iter().chain(&self.blocks).map(Packed::as_slice);
        join(&self.manifest(7).sign(&key()), objects)
    }
}

fn opened(file: Vec<u8>, is_hashed: bool) -> Result<(u64, Vec<String>), FileError> {
    // Not even a text is no snapshot.
    let file = Packed::new(file).ok_or(FileError::NotOne)?;
    let (manifest, catalog_object, shards) = open_file(&file, &[key().public()], is_hashed, Some("tests"))?;
    let objects = [catalog_object].iter().chain(&shards).map(|object| object.as_str().to_owned()).collect();
    Ok((manifest.version, objects))
}

#[test]
fn all_of_it_comes_back() {
    let demo = demo();
    let objects: Vec<String> =
        [&demo.catalog_object].into_iter().chain(&demo.blocks).map(|o| o.as_str().to_owned()).collect();
    for is_hashed in [true, false] {
        assert_eq!(opened(demo.file(), is_hashed), Ok((7, objects.clone())));
    }
}

#[test]
fn every_part_of_it_is_refused() {
    let file = demo().file();
    for end in 0..file.len() {
        assert!(opened(file[..end].to_vec(), false).is_err(), "its first {end} bytes are enough");
    }
    for more in ["\0", "myf"] {
        let longer = [&file, more.as_bytes()].concat();
        assert_eq!(opened(longer, true), Err(FileError::Long));
    }
}

#[test]
fn every_change_of_it_is_refused() {
    let file = demo().file();
    for at in 0..file.len() {
        // One bit each; which one, the place says.
        let mut changed = file.clone();
        changed[at] ^= 1 << (at % 7);
        assert!(opened(changed, true).is_err(), "byte {at} may be changed");
    }
}

#[track_caller]
fn check(file: Vec<u8>, error: FileError, message: &str) {
    let found = opened(file, true).unwrap_err();
    assert_eq!(found, error);
    assert!(found.to_string().contains(message), "{found}");
}

#[test]
fn the_reason_is_said() {
    let demo = demo();
    let manifest = demo.manifest(7).sign(&key());
    let with = |objects: &[&Packed]| join(&manifest, objects.iter().map(|object| object.as_slice()));
    let blocks: Vec<&Packed> = [&demo.catalog_object].into_iter().chain(&demo.blocks).collect();
    let mut swapped = blocks.clone();
    swapped.swap(1, 2);
    assert_ne!(blocks[1].as_str(), blocks[2].as_str());
    let error = opened(with(&swapped), true).unwrap_err();
    assert!(matches!(error, FileError::WrongObject(_) | FileError::Short | FileError::Long), "{error}");
    let mut damaged = demo.file();
    *damaged.last_mut().unwrap() ^= 1;
    let hash = Hash::of(demo.blocks.last().unwrap().as_slice());
    check(damaged, FileError::WrongObject(hash), "hashes to something else");
    check(with(&blocks[..blocks.len() - 1]), FileError::Short, "ends early");
    check(Vec::new(), FileError::NotOne, "not a snapshot file");
    check(b"mym".to_vec(), FileError::NotOne, "not a snapshot file");
    check(b"myf".to_vec(), FileError::Short, "ends early");
    let other = SigningKey::from_seed(&[8; 32]);
    let unknown = ManifestError::UnknownKey(other.public().id());
    check(join(&demo.manifest(7).sign(&other), [].into_iter()), FileError::Manifest(unknown), "not known here");
    let mut newer = Writer("myf".to_owned());
    newer.number(FORMAT + 1);
    check(newer.0.into_bytes(), FileError::Newer(FORMAT + 1), "update it");
    // A manifest that says to be as long as there is memory.
    let mut long = Writer("myf".to_owned());
    long.number(FORMAT);
    long.number(u64::MAX);
    check(long.0.into_bytes(), FileError::Short, "ends early");
}
