//! Builds, opens and patches a snapshot of the workload, and says what that takes as one line of
//! JSON each. `scripts/bench-snapshot.sh` runs it:
//!
//! - `mayuse-open build CUSTOMERS FOLDER` writes the one-file form and every object;
//! - `mayuse-open open FILE` opens the one-file form, up to the first answer;
//! - `mayuse-open patch FILE SUBSCRIPTION` changes one subscription and makes what is published then.

// forbid(unsafe_code) is impossible here: weighing memory takes an allocator (`weighing`).
#![deny(unsafe_code)]

#[path = "snapshots.rs"]
mod snapshots;
#[path = "weighing.rs"]
mod weighing;

use mayuse_core::{Catalog, Instant, Packed, Problems, Question, SortedSet, Source, key_hash, shard_of};
use mayuse_document::add_element;
use mayuse_snapshot::{Hash, Manifest, Replica, Unverified, open_file, patch};
use mayuse_tests::workload::{customer_id, people, queries};
use mayuse_tests::{BENCH_AT, instant};
use snapshots::{Built, signing_key};
use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant as Clock;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments.as_slice() {
        ["build", n, folder] => n.parse().map_err(Into::into).and_then(|n| build(n, Path::new(folder))),
        ["open", file] => open(Path::new(file)),
        ["patch", file, n] => n.parse().map_err(Into::into).and_then(|n| change(Path::new(file), n)),
        _ => Err("usage: mayuse-open build CUSTOMERS FOLDER | open FILE | patch FILE SUBSCRIPTION".into()),
    };
    match done {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

type Done = Result<serde_json::Value, Box<dyn Error>>;

/// Writes `snapshot.myf`, and each object under its hash.
fn build(n_customers: u32, folder: &Path) -> Done {
    let objects = folder.join("objects");
    fs::create_dir_all(&objects)?;
    let began = Clock::now();
    let people = snapshots::sorted(n_customers)?;
    let sorted_ms = ms(began);
    let built = Built::cut(people, &mut |hash, bytes| fs::write(objects.join(hash), bytes))?;
    let manifest = built.manifest(1).sign(&signing_key());
    let build_ms = ms(began);
    fs::write(folder.join("manifest"), &manifest)?;
    fs::write(folder.join("key"), signing_key().public().to_string())?;
    let table = &built.table;
    let mut parts = Vec::new();
    for part in std::iter::once(&table.catalog_object).chain(&table.shards) {
        parts.push(fs::read(objects.join(part.hash.to_string()))?);
    }
    fs::write(folder.join("snapshot.myf"), mayuse_snapshot::join(&manifest, parts.iter().map(Vec::as_slice)))?;
    let mut sizes: Vec<u32> = table.shards.iter().map(|shard| shard.size).collect();
    sizes.sort_unstable();
    let size = |nth: usize| sizes.get(nth).copied().unwrap_or_default();
    Ok(serde_json::json!({
        "customers": n_customers, "sorted_ms": sorted_ms, "build_ms": build_ms, "peak_bytes": peak_bytes(),
        "catalog_bytes": table.catalog_object.size, "shards": sizes.len(), "shard_bytes": table.n_bytes(),
        "manifest_bytes": manifest.len(),
        "shard_min": size(0), "shard_median": size(sizes.len() / 2), "shard_max": sizes.last(),
    }))
}

/// One opening, in a process that has done nothing else, and then some more. Hashing the objects and
/// verifying the signature are timed by themselves: whoever has the file from a place it trusts
/// leaves out the first, and a Worker verifies before it stores.
fn open(path: &Path) -> Done {
    const AGAIN: usize = 20;
    let bytes = fs::read(path)?;
    let n_file = bytes.len();
    let again = bytes.clone();
    let first = opening(bytes)?;
    let (held, allocations) = (first.held, first.allocations);
    let replica = first.replica;
    let n_customers = replica.customers().map(|(_, people)| people.n_customers()).sum::<usize>();
    let n_wrong = check(&replica, n_customers, instant(BENCH_AT))?;
    drop(replica);
    let mut times = Vec::new();
    for _ in 0..AGAIN {
        times.push(opening(again.clone())?.open_ms);
    }
    times.sort_by(f64::total_cmp);
    let catalog_bytes = first.catalog_bytes;
    let n_beyond = held.saturating_sub(catalog_bytes);
    Ok(serde_json::json!({
        "customers": n_customers, "file_bytes": n_file, "catalog_bytes": catalog_bytes,
        "open_ms": first.open_ms, "again_ms": times.get(AGAIN / 2), "fastest_ms": times.first(),
        "utf8_ms": first.utf8_ms, "take_ms": first.take_ms, "answer_ms": first.answer_ms,
        "hash_ms": first.hash_ms, "signature_ms": first.signature_ms,
        "all_ms": first.open_ms + first.hash_ms + first.signature_ms,
        "held_bytes": held, "held_beyond_catalog": n_beyond, "allocations": allocations,
        "wrong_hashes": first.wrong_hashes, "wrong_answers": n_wrong,
    }))
}

struct Opened {
    replica: Replica,
    open_ms: f64,
    utf8_ms: f64,
    take_ms: f64,
    answer_ms: f64,
    hash_ms: f64,
    signature_ms: f64,
    held: usize,
    allocations: usize,
    catalog_bytes: usize,
    wrong_hashes: usize,
}

fn opening(bytes: Vec<u8>) -> Result<Opened, Box<dyn Error>> {
    let n_file = bytes.len();
    let now = instant(BENCH_AT);
    let mut clock = Clock::now();
    let mut lap = || {
        let ms = ms(clock);
        clock = Clock::now();
        ms
    };
    let (held, allocations) = (weighing::live(), weighing::count());
    lap();
    let file = Packed::new(bytes).ok_or("not even UTF-8")?;
    let utf8_ms = lap();
    // Reads the manifest, verifies it, and cuts the file.
    let (manifest, catalog_object, shards) = open_file(&file, &[signing_key().public()], false, None)?;
    let cut_ms = lap();
    let mut replica = Replica::new(usize::MAX, 0);
    let table = manifest.table.clone();
    let asked = queries(u32::try_from(table.n_customers())?).next().ok_or("nothing is asked")?;
    let customer = customer_id(asked.customer);
    let objects = shards.clone();
    lap();
    replica.accept(manifest, Some(&catalog_object), (0..).zip(shards).collect(), Source::Snapshot)?;
    let take_ms = lap();
    ask(&replica, &customer, asked.feature, asked.usage, now)?;
    let answer_ms = lap();
    let allocations = weighing::count().saturating_sub(allocations);

    lap();
    let parts = std::iter::once(&table.catalog_object).chain(&table.shards);
    let right = parts.zip(std::iter::once(&catalog_object).chain(&objects));
    let wrong_hashes = right.filter(|(part, object)| Hash::of(object.as_slice()) != part.hash).count();
    let hash_ms = lap();
    let unverified = Unverified::read(&published(&file)?)?;
    lap();
    unverified.verify(&[signing_key().public()])?;
    let signature_ms = lap();
    let catalog_bytes = catalog_object.as_slice().len();
    drop((table, objects, file, customer, catalog_object));
    let held = weighing::live().saturating_sub(held).saturating_add(n_file);
    let open_ms = utf8_ms + (cut_ms - signature_ms).max(0.0) + take_ms + answer_ms;
    Ok(Opened {
        replica,
        open_ms,
        utf8_ms,
        take_ms,
        answer_ms,
        hash_ms,
        signature_ms,
        held,
        allocations,
        catalog_bytes,
        wrong_hashes,
    })
}

/// The manifest of a one-file form, as it is published.
fn published(file: &Packed) -> Result<Packed, Box<dyn Error>> {
    let mut reader = mayuse_core::Reader::new(file.as_str());
    reader.take("myf".len());
    reader.number();
    let size = reader.size();
    reader.whole(()).ok_or("too short")?;
    file.part(reader.at(), size).ok_or_else(|| "too short".into())
}

fn ask(replica: &Replica, customer: &str, feature: &str, usage: u32, now: Instant) -> Result<bool, Box<dyn Error>> {
    let question = Question { consumed: Some(usage.into()), ..Question::new(customer, feature) };
    let decision = replica.decide(&question, now).map_err(|needs| format!("{needs:?}"))?;
    Ok(decision.map_err(Problems::from)?.allowed)
}

/// How many of many answers are wrong.
fn check(replica: &Replica, n_customers: usize, now: Instant) -> Result<usize, Box<dyn Error>> {
    let n_customers = u32::try_from(n_customers)?;
    let people: Vec<_> = people(n_customers).collect();
    let mut n_wrong = 0_usize;
    for query in queries(n_customers).take(20_000) {
        let expected = usize::try_from(query.customer).ok().and_then(|at| people.get(at));
        let expected = expected.is_some_and(|person| person.may(query.feature, query.usage));
        let found = ask(replica, &customer_id(query.customer), query.feature, query.usage, now)?;
        n_wrong = n_wrong.saturating_add(usize::from(found != expected));
    }
    Ok(n_wrong)
}

/// Changes one subscription: one shard anew, and the next manifest.
fn change(path: &Path, n: u32) -> Done {
    let file = Packed::new(fs::read(path)?).ok_or("not even UTF-8")?;
    let (manifest, catalog_object, shards) = open_file(&file, &[signing_key().public()], false, None)?;
    let catalog = Catalog::open(&catalog_object)?;
    let table = &manifest.table;
    let customer = customer_id(n);
    let shard = shard_of(key_hash(table.seed, &customer), table.bits);
    let at = usize::try_from(shard)?;
    let old = shards.get(at).ok_or("no such shard")?;
    let (one, other) = snapshots::changed(u32::try_from(table.n_customers())?, n)?;
    let keys = [customer].into_iter().collect::<SortedSet<String>>();

    let mut times = Vec::new();
    let mut made = None;
    for _ in 0..7 {
        let began = Clock::now();
        let patched = patch(&catalog, old, (table.seed, table.bits, shard), &keys, |pile| {
            add_element(pile, "customers", 0, &one)?;
            add_element(pile, "subscriptions", 0, &other)?;
            Ok::<(), mayuse_core::Problems>(())
        })?;
        let mut next: Manifest = manifest.clone();
        next.version = next.version.saturating_add(1);
        if let Some(part) = next.table.shards.get_mut(at) {
            *part = patched.part;
        }
        let signed = next.sign(&signing_key());
        times.push(ms(began));
        made = Some((patched, signed));
    }
    times.sort_by(f64::total_cmp);
    let (patched, signed) = made.ok_or("nothing was made")?;
    let n_shard = patched.block.as_slice().len();
    Ok(serde_json::json!({
        "customers": table.n_customers(), "shards": table.shards.len(), "objects": 2,
        "shard_bytes": n_shard, "manifest_bytes": signed.len(), "bytes": n_shard.saturating_add(signed.len()),
        "differs": patched.part.hash != Hash::of(old.as_slice()),
        "first_ms": times.last(), "ms": times.get(times.len() / 2),
    }))
}

fn ms(since: Clock) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}

/// The most memory that this process ever had, as the system says; none where it does not.
fn peak_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().split(' ').next()?.parse::<u64>().ok()?.checked_mul(1024)
}
