//! `mayuse build`

use crate::compile::{Compiled, compile};
use crate::folder;
use crate::input::{self, CliError};
use crate::keygen;
use crate::style::{self, Progress};
use mayuse_core::{Instant, MAX_VERSION, Policy};
use mayuse_snapshot::{Hash, Manifest, ObjectRef, Policies, SigningKey, SnapshotIndex, cut, is_audience, join};
use serde_json::json;
use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// From what, and where to.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
CATALOG is a catalog document, or lines as `mayuse import` takes them: features, plans and add-ons
before customers and subscriptions. Lines are read as a stream, so there may be millions of them.
Lines without an entity are refused: the document {\"format\": 1} says that an empty catalog is meant.

DIR gets its objects in DIR/o, each under its hash, and then DIR/manifest, which publishes them.
A Worker takes only snapshots whose audience it is: `/v1/snapshot/status` of the Worker says it.

Objects that are there already are not written again. Where they lie in shards is chosen with a
seed: that of --seed, else that of --previous, else one made of the key. The same catalog, key,
version and instant make the same bytes, in whatever order it lists things.

Examples:
  mayuse build demo/catalog.json -o snapshot --key snapshot.key
  zcat dump.gz | MAYUSE_SIGNING_KEY=... mayuse build - -o snapshot --previous snapshot --max-age-ms 86400000

Exit status: 0 built, 2 a bad catalog, question or file.")]
pub struct Args {
    /// Catalog document or lines; - reads standard input
    #[arg(value_name = "CATALOG")]
    catalog: PathBuf,
    /// The folder of the snapshot
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// Key to sign with, as `mayuse keygen -o` writes it; that in MAYUSE_SIGNING_KEY if not given
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Version; one more than that of --previous if not given, else 1
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=MAX_VERSION))]
    version: Option<u64>,
    /// The deployment that may read it, as its /v1/snapshot/status says; that of --previous if not given, else none
    #[arg(long, value_name = "NAME", value_parser = audience)]
    audience: Option<String>,
    /// As of when it is the newest (RFC 3339); now if not given
    #[arg(long, value_name = "INSTANT")]
    at: Option<String>,
    /// What shards are chosen with
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// The folder of the snapshot that it takes the place of; may be DIR
    #[arg(long, value_name = "DIR")]
    previous: Option<PathBuf>,
    /// Write it in one piece too, to ship it with a program
    #[arg(long, value_name = "OUT")]
    file: Option<PathBuf>,
    /// Age in milliseconds from which on readers say that it is stale
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    stale_after_ms: Option<u64>,
    /// Age in milliseconds from which on readers decide nothing from it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    max_age_ms: Option<u64>,
    /// What readers do where they cannot say: ALLOW or DENY
    #[arg(long, value_name = "POLICY", value_parser = ["ALLOW", "DENY"], default_value = "DENY")]
    on_indeterminate: String,
    /// Print the summary as JSON
    #[arg(long)]
    json: bool,
}

/// Parses the name of a deployment.
pub fn audience(text: &str) -> Result<String, String> {
    if is_audience(text) {
        return Ok(text.to_owned());
    }
    Err("expected 1 to 128 visible characters of ASCII, as /v1/snapshot/status of the Worker says them".to_owned())
}

/// Builds the snapshot and prints a summary.
pub fn run(args: &Args) -> Result<bool, CliError> {
    let started = std::time::Instant::now();
    let generated_at = match &args.at {
        Some(text) => {
            Instant::parse(text).map_err(|error| CliError::Usage { message: format!("--at {text}: {error}") })?
        }
        None => input::now(),
    };
    let key = keygen::signing_key(args.key.as_deref())?;
    let before = Before::read(args)?;
    let seed = args.seed.or(before.seed).unwrap_or_else(|| seed_of(&key));
    let compiled = compile(&args.catalog, seed)?;
    let what = input::name(&args.catalog);
    let _ = input::report_problems(&mut io::stderr().lock(), &style::for_stderr(), &what, &compiled.problems);

    let (table, counts) = write_objects(&args.output, compiled)?;
    let policies = Policies {
        on_indeterminate: if args.on_indeterminate == "ALLOW" { Policy::Allow } else { Policy::Deny },
        stale_after_ms: args.stale_after_ms,
        max_age_ms: args.max_age_ms,
    };
    let Before { version, audience, hash: previous, .. } = before;
    let manifest = Manifest { version, audience, generated_at, policies, table, previous };
    let signed = manifest.sign(&key);
    if let Some(path) = &args.file {
        write_file(path, &args.output, &manifest, &signed)?;
    }
    folder::replace(&folder::manifest_path(&args.output), |file| file.write_all(signed.as_bytes()))?;
    report(args, &manifest, Hash::of(signed.as_bytes()), &counts, started.elapsed().as_secs_f64())?;
    Ok(true)
}

/// The previous snapshot.
struct Before {
    version: u64,
    audience: String,
    seed: Option<u64>,
    hash: Option<Hash>,
}

impl Before {
    fn read(args: &Args) -> Result<Before, CliError> {
        let usage = |message| Err(CliError::Usage { message });
        let Some(path) = &args.previous else {
            let version = args.version.unwrap_or(1);
            if let Some((_, held)) = folder::read_manifest(&args.output)?
                && version < held.claims().version
            {
                let (name, held) = (input::name(&args.output), held.claims().version);
                return usage(format!(
                    "{name} holds version {held}, and version {version} would be older: readers never go back. \
                     To go on from it, pass --previous {}",
                    input::quote(&name)
                ));
            }
            let audience = args.audience.clone().unwrap_or_default();
            return Ok(Before { version, audience, seed: None, hash: None });
        };
        let Some((bytes, held)) = folder::read_manifest(path)? else {
            return usage(format!("--previous {}: there is no manifest in it", input::name(path)));
        };
        let held = held.claims();
        let version = args.version.unwrap_or(held.version.saturating_add(1));
        if MAX_VERSION < version {
            return usage(format!("version {MAX_VERSION} is the last one there can be, and --previous has it"));
        }
        if version <= held.version {
            return usage(format!(
                "--version {version}: it must be greater than the {} of --previous, or readers refuse it",
                held.version
            ));
        }
        if let Some(seed) = args.seed.filter(|seed| *seed != held.table.seed) {
            return usage(format!(
                "--seed {seed}: that of --previous is {}, and all would lie elsewhere",
                held.table.seed
            ));
        }
        let audience = args.audience.as_ref().unwrap_or(&held.audience).clone();
        Ok(Before { version, audience, seed: Some(held.table.seed), hash: Some(Hash::of(bytes.as_slice())) })
    }
}

/// Derives the seed from the signing key: stable, and secret, so that nobody can choose ids that fall into one shard.
fn seed_of(key: &SigningKey) -> u64 {
    let hash = Hash::of(format!("mayuse shards {}", key.secret()).as_bytes());
    hash.as_bytes().first_chunk::<8>().map(|bytes| u64::from_le_bytes(*bytes)).unwrap_or_default()
}

/// Counts of the written objects.
#[derive(Debug, Default)]
struct Counts {
    subscriptions: u64,
    objects: u64,
    written: u64,
    bytes_written: u64,
}

/// Writes all missing objects.
fn write_objects(output: &Path, compiled: Compiled) -> Result<(SnapshotIndex, Counts), CliError> {
    folder::make(output)?;
    let subscriptions = compiled.customers.n_subscriptions();
    let mut counts = Counts { subscriptions, ..Counts::default() };
    let total = mayuse_snapshot::bits_for(
        u64::try_from(compiled.customers.n_bytes()).unwrap_or(u64::MAX),
        mayuse_snapshot::SHARD_BYTES,
    );
    let mut written = Vec::new();
    let mut progress = Progress::of("objects", 1_u64.checked_shl(total.into()));
    let table = cut(&compiled.object, &compiled.customers, |part, object| {
        if folder::write_object(output, part, object)? {
            counts.written = counts.written.saturating_add(1);
            written.push(part.hash);
            counts.bytes_written = counts.bytes_written.saturating_add(part.size.into());
        }
        counts.objects = counts.objects.saturating_add(1);
        progress.show(counts.objects, None);
        Ok(())
    });
    let table = table.and_then(|table| {
        // Objects must be on disk before the manifest that names them.
        folder::sync_objects(output, &written).map(|()| table)
    });
    progress.clear();
    Ok((table?, counts))
}

/// Writes the snapshot as one file. Objects are copied one by one to save memory.
fn write_file(path: &Path, output: &Path, manifest: &Manifest, signed: &str) -> Result<(), CliError> {
    folder::replace(path, |file| {
        let mut out = BufWriter::with_capacity(1 << 18, file);
        out.write_all(&join(signed, std::iter::empty()))?;
        for part in std::iter::once(&manifest.table.catalog_object).chain(&manifest.table.shards) {
            out.write_all(&fs::read(folder::object_path(output, part.hash))?)?;
        }
        out.flush()
    })
}

/// The audience of a manifest, if it has one.
pub fn audience_of(manifest: &Manifest) -> Option<&str> {
    Some(manifest.audience.as_str()).filter(|audience| !audience.is_empty())
}

/// The minimum, median and maximum size of shards.
pub fn sizes(shards: &[ObjectRef]) -> [u32; 3] {
    let mut sizes: Vec<u32> = shards.iter().map(|shard| shard.size).collect();
    sizes.sort_unstable();
    let middle = sizes.get(sizes.len() / 2).copied();
    [sizes.first().copied(), middle, sizes.last().copied()].map(Option::unwrap_or_default)
}

fn report(args: &Args, manifest: &Manifest, hash: Hash, counts: &Counts, seconds: f64) -> Result<(), CliError> {
    let table = &manifest.table;
    let [min, median, max] = sizes(&table.shards);
    let n_bytes = table.n_bytes().saturating_add(table.catalog_object.size.into());
    if args.json {
        return input::print_json(&json!({
            "version": manifest.version,
            "audience": audience_of(manifest),
            "generated_at": manifest.generated_at.to_string(),
            "manifest": hash.to_string(),
            "customers": table.n_customers(),
            "subscriptions": counts.subscriptions,
            "shards": {"count": table.shards.len(), "min": min, "median": median, "max": max},
            "catalog_bytes": table.catalog_object.size,
            "bytes": n_bytes,
            "objects_written": counts.written,
            "bytes_written": counts.bytes_written,
            "seconds": (seconds * 1e3).round() / 1e3,
        }));
    }
    let bytes = |n: u64| style::bytes(n as f64);
    let [min, median, max] = [min, median, max].map(|size| bytes(size.into()));
    let rows = [
        ("customers", table.n_customers().to_string()),
        ("subscriptions", counts.subscriptions.to_string()),
        ("shards", format!("{} of {min} to {max}, median {median}", table.shards.len())),
        (
            "bytes",
            format!("{}, of which the catalog object {}", bytes(n_bytes), bytes(table.catalog_object.size.into())),
        ),
        ("written", format!("{} of {} objects, {}", counts.written, counts.objects, bytes(counts.bytes_written))),
        ("audience", audience_of(manifest).unwrap_or("none: no Worker takes it").to_owned()),
        ("version", manifest.version.to_string()),
        ("manifest", hash.to_string()),
        ("seconds", format!("{seconds:.2}")),
    ];
    let rows: Vec<[String; 2]> = rows.into_iter().map(|(name, value)| [name.to_owned(), value]).collect();
    let paint = style::for_stdout();
    input::print(&style::table(["SNAPSHOT", ""], &rows, &paint, |_, _, cell| cell.to_owned()))?;
    input::print(&paint.green(&format!("built version {} in {}", manifest.version, input::name(&args.output))))
}
