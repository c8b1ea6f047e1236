//! `mayuse inspect`

use crate::answers::Answers;
use crate::build::{audience_of, sizes};
use crate::entitlements;
use crate::input::{self, CliError};
use crate::keygen;
use crate::snapshot::{self, Opened, Trust};
use crate::style::{self, Paint, Progress};
use mayuse_core::{Catalog, CustomerBlock, Instant, Policy};
use mayuse_document::Check;
use mayuse_snapshot::{ObjectRef, PublicKey};
use serde_json::{Value, json};
use std::path::PathBuf;

/// Which snapshot.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
SNAPSHOT is a folder or a file as `mayuse build` writes it, or the URL of a manifest: that of a Worker
(the key is that in MAYUSE_KEY), or one that is served with its objects beside it, as they lie in the folder.
Every object is read and compared with its hash; with --customer, only those that hold that customer.

Examples:
  mayuse inspect snapshot --keys \"$(cat snapshot.key.pub)\"
  mayuse inspect https://mayuse.example.com/v1/snapshot/manifest --customer acme

Exit status: 0 whole, and verified if there were keys, 1 damaged, not verified or not reached, 2 no snapshot.")]
pub struct Args {
    /// Folder, file, or URL of a manifest
    #[arg(value_name = "SNAPSHOT")]
    snapshot: PathBuf,
    /// Public keys, one of which signed it, with blanks between them; those in MAYUSE_SNAPSHOT_KEYS if not given
    #[arg(long, value_name = "KEYS")]
    keys: Option<String>,
    /// Show the entitlements of this customer, by id or alias
    #[arg(long)]
    customer: Option<String>,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

/// Prints the contents of a snapshot, and whether it is complete.
pub fn run(args: &Args) -> Result<bool, CliError> {
    let keys = keygen::public_keys(args.keys.as_deref())?;
    let opened = snapshot::open(&args.snapshot, &keys)?;
    let now = input::now();
    if let Some(customer) = &args.customer {
        return show_customer(args, &opened, customer, now);
    }
    let mut found = Found::default();
    found.look(&opened);
    for problem in &found.problems {
        problem.report();
    }
    if args.json {
        input::print_json(&as_json(&opened, &found, now))?;
    } else {
        print_table(&opened, &found, now)?;
        say_trust(&opened, &keys)?;
    }
    Ok(found.problems.is_empty() && !matches!(opened.trust, Trust::Refused(_)))
}

/// The result of checking every object.
#[derive(Default)]
struct Found {
    /// Features, plans, plan versions and add-ons.
    definitions: Option<[usize; 4]>,
    customers: usize,
    subscriptions: usize,
    problems: Vec<CliError>,
}

impl Found {
    fn look(&mut self, opened: &Opened) {
        let table = &opened.manifest.table;
        let mut progress = Progress::of("shards read", u64::try_from(table.shards.len()).ok());
        let catalog = self.open(opened, &table.catalog_object, Catalog::open);
        self.definitions = catalog.as_ref().map(|catalog| {
            [catalog.feature_codes().count(), catalog.n_plans(), catalog.n_versions(), catalog.n_add_ons()]
        });
        for (part, shard) in table.shards.iter().zip(0..) {
            progress.show(shard, None);
            // Without the catalog object no customer can be opened, but hashes can still be checked.
            let customers = self.open(opened, part, |object| match &catalog {
                Some(catalog) => {
                    CustomerBlock::open(object.clone(), catalog)?.laid_out(table.seed, table.bits).map(Some)
                }
                None => Ok(None),
            });
            let Some(customers) = customers.flatten() else { continue };
            self.customers = self.customers.saturating_add(customers.n_customers());
            self.subscriptions = self.subscriptions.saturating_add(customers.n_subscriptions());
            if usize::try_from(part.n) != Ok(customers.n_customers()) {
                let why = format!("it holds {} customers, and the manifest says {}", customers.n_customers(), part.n);
                self.problems.push(opened.damaged(part.hash, &why));
            }
        }
        progress.clear();
    }

    fn open<T>(
        &mut self,
        opened: &Opened,
        part: &ObjectRef,
        open: impl FnOnce(&mayuse_core::Packed) -> Result<T, mayuse_core::Unreadable>,
    ) -> Option<T> {
        let object = opened.object(part);
        let read =
            object.and_then(|object| open(&object).map_err(|error| opened.damaged(part.hash, &error.to_string())));
        read.map_err(|failure| self.problems.push(failure)).ok()
    }
}

fn show_customer(args: &Args, opened: &Opened, customer: &str, now: Instant) -> Result<bool, CliError> {
    let check = Check::for_all_from_pairs([("customer", customer)].into_iter())
        .map_err(|problems| CliError::Problems { what: "the question".to_owned(), problems })?;
    let answers = Answers::of(opened, customer)?;
    let decisions = entitlements::decide_all(&answers, &check, now)?;
    if args.json {
        let head = head(opened, now);
        let decisions = decisions.iter().map(input::value_of).collect::<Result<Vec<_>, _>>()?;
        input::print_json(&json!({"snapshot": head, "entitlements": decisions}))?;
    } else {
        let paint = style::for_stdout();
        let (manifest, trust) = (&opened.manifest, trust_of(opened));
        input::print(&format!("version {}, {trust}\n", manifest.version))?;
        input::print(&entitlements::table(&decisions, &paint))?;
        say_trust(opened, &[])?;
    }
    Ok(!matches!(opened.trust, Trust::Refused(_)))
}

fn trust_of(opened: &Opened) -> &'static str {
    match opened.trust {
        Trust::Verified => "verified",
        Trust::NotAsked => "NOT VERIFIED",
        Trust::Refused(_) => "REFUSED",
    }
}

/// Warns if the signature is not verified.
fn say_trust(opened: &Opened, keys: &[PublicKey]) -> Result<(), CliError> {
    let paint = style::for_stdout();
    match opened.trust {
        Trust::Verified => input::print(&paint.green("The signature verifies.")),
        Trust::NotAsked => input::print(&paint.yellow(
            "NOT VERIFIED: anybody may have made this. Pass the public key with --keys, or set MAYUSE_SNAPSHOT_KEYS.",
        )),
        Trust::Refused(ref error) => {
            let known: Vec<String> = keys.iter().map(|key| key.id().to_string()).collect();
            let known = if known.is_empty() { String::new() } else { format!(" Known are: {}.", known.join(", ")) };
            input::print(&paint.red(&format!("REFUSED: {error}.{known}")))
        }
    }
}

/// Formats an age in a suitable unit.
fn age(ms: i64) -> String {
    let units = [(86_400_000_i64, "days"), (3_600_000, "hours"), (60_000, "minutes"), (1_000, "seconds")];
    match units.into_iter().find(|(unit, _)| unit.saturating_mul(2) <= ms) {
        Some((unit, name)) => format!("{} {name} old", ms.checked_div(unit).unwrap_or_default()),
        None if ms < 0 => "in the future".to_owned(),
        None => "new".to_owned(),
    }
}

fn age_ms(opened: &Opened, now: Instant) -> i64 {
    now.millis().saturating_sub(opened.manifest.generated_at.millis())
}

fn head(opened: &Opened, now: Instant) -> Value {
    let manifest = &opened.manifest;
    json!({
        "version": manifest.version,
        "audience": audience_of(manifest),
        "generated_at": manifest.generated_at.to_string(),
        "age_ms": age_ms(opened, now),
        "manifest": opened.hash.to_string(),
        "previous": manifest.previous.map(|hash| hash.to_string()),
        "key_id": opened.key.to_string(),
        "signature": trust_of(opened).to_lowercase().replace("not verified", "unverified"),
    })
}

fn policy(opened: &Opened) -> &'static str {
    if opened.manifest.policies.on_indeterminate == Policy::Allow { "ALLOW" } else { "DENY" }
}

fn as_json(opened: &Opened, found: &Found, now: Instant) -> Value {
    let table = &opened.manifest.table;
    let policies = &opened.manifest.policies;
    let [min, median, max] = sizes(&table.shards);
    let mut value = head(opened, now);
    let count = |at: usize| found.definitions.and_then(|counts| counts.get(at).copied());
    let more = json!({
        "policies": {
            "on_indeterminate": policy(opened),
            "stale_after_ms": policies.stale_after_ms,
            "max_age_ms": policies.max_age_ms,
        },
        "features": count(0),
        "plans": count(1),
        "plan_versions": count(2),
        "add_ons": count(3),
        "customers": found.customers,
        "subscriptions": found.subscriptions,
        "catalog": {"object": table.catalog_object.hash.to_string(), "bytes": table.catalog_object.size},
        "shards": {"count": table.shards.len(), "bytes": table.n_bytes(), "min": min, "median": median, "max": max},
        "problems": found.problems.iter().map(CliError::message).collect::<Vec<_>>(),
    });
    if let (Some(value), Value::Object(more)) = (value.as_object_mut(), more) {
        value.extend(more);
    }
    value
}

fn print_table(opened: &Opened, found: &Found, now: Instant) -> Result<(), CliError> {
    let (manifest, table) = (&opened.manifest, &opened.manifest.table);
    let bytes = |n: u64| style::bytes(n as f64);
    let held = |n: usize, thing| style::count(u64::try_from(n).unwrap_or(u64::MAX), thing);
    let limit = |ms: Option<u64>| ms.map_or("never".to_owned(), |ms| format!("after {ms} ms"));
    let [min, median, max] = sizes(&table.shards).map(|size| bytes(size.into()));
    let defined = match found.definitions {
        Some([features, plans, versions, add_ons]) => {
            format!("{features} features, {plans} plans, {versions} plan versions, {add_ons} add-ons")
        }
        None => "cannot be read".to_owned(),
    };
    let rows = [
        ("version", manifest.version.to_string()),
        ("audience", audience_of(manifest).unwrap_or("none: no Worker takes it").to_owned()),
        ("generated at", format!("{}, {}", manifest.generated_at, age(age_ms(opened, now)))),
        ("manifest", opened.hash.to_string()),
        ("previous", manifest.previous.map_or("none".to_owned(), |hash| hash.to_string())),
        ("signed with", format!("key {}, {}", opened.key, trust_of(opened))),
        ("stale", limit(manifest.policies.stale_after_ms)),
        ("expires", limit(manifest.policies.max_age_ms)),
        ("if it cannot say", policy(opened).to_owned()),
        ("defines", defined),
        ("holds", format!("{}, {}", held(found.customers, "customer"), held(found.subscriptions, "subscription"))),
        ("catalog object", bytes(table.catalog_object.size.into())),
        ("shards", format!("{}, {}; of {min} to {max}, median {median}", table.shards.len(), bytes(table.n_bytes()))),
        (
            "objects",
            match found.problems.len() {
                0 => "all as their hashes say".to_owned(),
                n => format!("{n} DAMAGED OR MISSING"),
            },
        ),
    ];
    let rows: Vec<[String; 2]> = rows.into_iter().map(|(name, value)| [name.to_owned(), value]).collect();
    let paint = style::for_stdout();
    let cell = |_: usize, column: usize, cell: &str| mark(&paint, column, cell);
    input::print(&style::table(["SNAPSHOT", &opened.name], &rows, &paint, cell))
}

fn mark(paint: &Paint, column: usize, cell: &str) -> String {
    let is_bad = column == 1 && ["DAMAGED", "NOT VERIFIED", "REFUSED"].iter().any(|word| cell.contains(word));
    if is_bad { paint.red(cell) } else { cell.to_owned() }
}
