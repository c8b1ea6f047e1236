//! `mayuse diff`

use crate::compile::compile;
use crate::input::{self, CliError};
use crate::keygen;
use crate::snapshot::{self, Opened};
use crate::style::{self, Paint, Progress};
use mayuse_core::{Amount, Instant, Packed, Source};
use mayuse_snapshot::{Change, Difference, Manifest, Policies, Replica, cut, diff, diff_one};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What is compared.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A and B are each a snapshot (a folder, a file, or the URL of a manifest), or a catalog: a document, or
lines. Every customer is asked about every feature, with nothing used yet; but those of shards that are the
same in both are not. How old a snapshot is does not matter here.

Examples:
  mayuse diff demo/catalog.json new.json
  mayuse diff https://mayuse.example.com/v1/snapshot/manifest snapshot --at 2027-01-01T00:00:00Z --limit 100

Exit status: 0 no difference, 1 some, 2 a bad question or file.")]
pub struct Args {
    /// Before
    #[arg(value_name = "A")]
    before: PathBuf,
    /// After
    #[arg(value_name = "B")]
    after: PathBuf,
    /// The instant asked about (RFC 3339); now if not given
    #[arg(long, value_name = "INSTANT")]
    at: Option<String>,
    /// Compare this customer alone, by id or alias
    #[arg(long)]
    customer: Option<String>,
    /// How many differences of each kind to list
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: usize,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

/// Prints the differences.
pub fn run(args: &Args) -> Result<bool, CliError> {
    compare(args).map_err(|failure| match failure {
        // Exit status 1 means that there are differences.
        CliError::Server { .. } => {
            failure.report();
            CliError::Told
        }
        failure => failure,
    })
}

fn compare(args: &Args) -> Result<bool, CliError> {
    let at = match &args.at {
        Some(text) => {
            Instant::parse(text).map_err(|error| CliError::Usage { message: format!("--at {text}: {error}") })?
        }
        None => input::now(),
    };
    if args.before.as_os_str() == "-" && args.after.as_os_str() == "-" {
        return Err(CliError::Usage { message: "A and B cannot both be standard input".to_owned() });
    }
    let (before, after) = (Side::open(&args.before)?, Side::open(&args.after)?);
    // With the same seed, equal shards have equal bytes.
    let seed = [&before, &after].into_iter().find_map(Side::seed).unwrap_or_default();
    let customer = args.customer.as_deref();
    let (mut before, mut after) = (before.replica(seed, customer)?, after.replica(seed, customer)?);
    let mut found = Found { limit: args.limit, ..Found::default() };
    match customer {
        Some(customer) => {
            let is_known = [&before, &after].into_iter().any(|side| matches!(side.customer(customer), Ok(Some(_))));
            if !is_known {
                let message = format!("--customer {customer}: there is no such customer in A or B");
                return Err(CliError::Usage { message });
            }
            diff_one(&before, &after, customer, at, |difference| found.add(&difference));
        }
        None => {
            let total = [&before, &after].map(|side| side.manifest().map_or(0, |held| held.table.n_customers()));
            let mut progress = Progress::of("customers compared", total.into_iter().max());
            let mut n = 0_u64;
            let tick = || {
                n = n.saturating_add(1);
                // Reading the clock for every item would be wasteful.
                if n.trailing_zeros() >= 8 {
                    progress.show(n, None);
                }
            };
            diff(&mut before, &mut after, at, |difference| found.add(&difference), tick);
            progress.clear();
        }
    }
    if args.json {
        found.print_json(at)?
    } else {
        found.print(at)?
    }
    Ok(found.counts.is_empty())
}

/// One side of the comparison.
enum Side {
    Snapshot(Box<Opened>),
    Catalog(PathBuf),
}

impl Side {
    fn open(path: &Path) -> Result<Side, CliError> {
        if !snapshot::is_one(path) {
            return Ok(Side::Catalog(path.to_owned()));
        }
        let mut opened = snapshot::open(path, &keygen::public_keys(None)?)?.trusted()?;
        // Without this, every decision would differ once one snapshot is too old.
        opened.manifest.policies = Policies::default();
        Ok(Side::Snapshot(Box::new(opened)))
    }

    fn seed(&self) -> Option<u64> {
        match self {
            Side::Snapshot(opened) => Some(opened.manifest.table.seed),
            Side::Catalog(_) => None,
        }
    }

    /// Loads a replica of everything, or of one customer.
    fn replica(&self, seed: u64, customer: Option<&str>) -> Result<Replica, CliError> {
        match (self, customer) {
            (Side::Snapshot(opened), None) => opened.whole_replica(),
            (Side::Snapshot(opened), Some(customer)) => {
                let mut replica = opened.replica()?;
                opened.hold_person(&mut replica, customer)?;
                Ok(replica)
            }
            (Side::Catalog(path), _) => built(path, seed),
        }
    }
}

/// Builds a snapshot of a catalog in memory.
fn built(path: &Path, seed: u64) -> Result<Replica, CliError> {
    let wrong = |message: String| CliError::Snapshot { what: input::name(path), message };
    let compiled = compile(path, seed)?;
    let mut objects: Vec<Packed> = Vec::new();
    let mut keep = |object: &Packed| objects.push(object.clone());
    let table = cut(&compiled.object, &compiled.customers, |_, object| {
        keep(object);
        Ok(())
    })?;
    let manifest = Manifest {
        version: 1,
        audience: String::new(),
        generated_at: Instant::EPOCH,
        policies: Policies::default(),
        table,
        previous: None,
    };
    drop(compiled);
    let mut replica = Replica::new(usize::MAX, 0);
    let mut objects = objects.into_iter();
    let catalog_object = objects.next();
    let shards = (0..).zip(objects).collect();
    replica
        .accept(manifest, catalog_object.as_ref(), shards, Source::Snapshot)
        .map_err(|error| wrong(error.to_string()))?;
    Ok(replica)
}

/// The report of one difference.
struct Example {
    before: &'static str,
    after: &'static str,
    limits: (Option<Amount>, Option<Amount>),
}

/// The differences: their number for each feature and kind, and the first of each kind.
#[derive(Default)]
struct Found {
    limit: usize,
    counts: BTreeMap<(String, Change), u64>,
    /// The first differences, ordered by customer and feature so that sharding does not matter.
    first: BTreeMap<Change, BTreeMap<(String, String), Example>>,
}

impl Found {
    fn add(&mut self, difference: &Difference<'_>) {
        let change = difference.change;
        let count = self.counts.entry((difference.feature.to_owned(), change)).or_default();
        *count = count.saturating_add(1);
        let first = self.first.entry(change).or_default();
        let is_full = self.limit <= first.len();
        let key = (difference.customer, difference.feature);
        let is_late =
            first.last_key_value().is_none_or(|((customer, feature), _)| (customer.as_str(), feature.as_str()) < key);
        if is_full && is_late {
            return;
        }
        let example = Example { before: difference.before, after: difference.after, limits: difference.limits };
        first.insert((key.0.to_owned(), key.1.to_owned()), example);
        if self.limit < first.len() {
            first.pop_last();
        }
    }

    fn total(&self, change: Change) -> u64 {
        let counts = self.counts.iter().filter(|((_, found), _)| *found == change);
        counts.fold(0, |sum, (_, count)| sum.saturating_add(*count))
    }

    fn features(&self) -> BTreeMap<&str, [u64; 5]> {
        let mut features: BTreeMap<&str, [u64; 5]> = BTreeMap::new();
        for ((feature, change), count) in &self.counts {
            let row = features.entry(feature).or_default();
            for (cell, of) in row.iter_mut().zip(Change::ALL) {
                if of == *change {
                    *cell = *count;
                }
            }
        }
        features
    }

    fn print_json(&self, at: Instant) -> Result<(), CliError> {
        let mut features = serde_json::Map::new();
        for (feature, counts) in self.features() {
            let counts = Change::ALL.iter().zip(counts).map(|(change, n)| (change.name().to_owned(), n.into()));
            features.insert(feature.to_owned(), Value::Object(counts.collect()));
        }
        let mut changes = serde_json::Map::new();
        for change in Change::ALL {
            let first = self.first.get(&change).into_iter().flatten().map(|((customer, feature), example)| {
                json!({
                    "customer": customer, "feature": feature,
                    "before": {"reason": example.before, "limit": example.limits.0.map(|limit| limit.to_string())},
                    "after": {"reason": example.after, "limit": example.limits.1.map(|limit| limit.to_string())},
                })
            });
            let first: Vec<Value> = first.collect();
            changes.insert(change.name().to_owned(), json!({"count": self.total(change), "first": first}));
        }
        let is_same = self.counts.is_empty();
        input::print_json(&json!({"same": is_same, "at": at.to_string(), "features": features, "changes": changes}))
    }

    fn print(&self, at: Instant) -> Result<(), CliError> {
        let paint = style::for_stdout();
        if self.counts.is_empty() {
            return input::print(&paint.green(&format!("no difference at {at}")));
        }
        let rows: Vec<[String; 6]> = self
            .features()
            .into_iter()
            .map(|(feature, [gained, lost, raised, lowered, altered])| {
                let [a, b, c, d, e] = [gained, lost, raised, lowered, altered].map(|n| n.to_string());
                [feature.to_owned(), a, b, c, d, e]
            })
            .collect();
        let headings = ["FEATURE", "GAINED", "LOST", "RAISED", "LOWERED", "ALTERED"];
        input::print(&style::table(headings, &rows, &paint, |_, column, cell| match (column, cell) {
            (1 | 3, n) if n != "0" => paint.green(cell),
            (2 | 4, n) if n != "0" => paint.red(cell),
            (5, n) if n != "0" => paint.yellow(cell),
            _ => cell.to_owned(),
        }))?;
        for (change, first) in &self.first {
            self.print_first(*change, first, &paint)?;
        }
        Ok(())
    }

    fn print_first(
        &self,
        change: Change,
        first: &BTreeMap<(String, String), Example>,
        paint: &Paint,
    ) -> Result<(), CliError> {
        if first.is_empty() {
            return Ok(());
        }
        let limit = |limit: Option<Amount>| limit.map(|limit| format!(" {limit}")).unwrap_or_default();
        let rows = first.iter().map(|((customer, feature), example)| {
            let before = format!("{}{}", example.before, limit(example.limits.0));
            [
                customer.clone(),
                feature.clone(),
                before,
                "->".to_owned(),
                format!("{}{}", example.after, limit(example.limits.1)),
            ]
        });
        let rows: Vec<[String; 5]> = rows.collect();
        let name = change.name().to_uppercase();
        input::print("")?;
        input::print(&style::table([&name, "FEATURE", "BEFORE", "", "AFTER"], &rows, paint, |_, _, cell| {
            cell.to_owned()
        }))?;
        let shown = u64::try_from(rows.len()).unwrap_or(u64::MAX);
        match self.total(change).saturating_sub(shown) {
            0 => Ok(()),
            more => input::print(&paint.dim(&format!("and {more} more; --limit N lists more"))),
        }
    }
}
