//! The source of answers: a catalog document or a snapshot.

use crate::input::{self, CliError};
use crate::keygen;
use crate::snapshot::{self, Opened, Trust};
use crate::style;
use mayuse_core::{Catalog, Decision, FullCatalog, Instant, Question, Reason, decide};
use mayuse_snapshot::Replica;
use std::io::{self, Write};
use std::path::Path;

/// A source of decisions.
#[derive(Debug)]
pub enum Answers {
    Document(Box<FullCatalog>),
    Snapshot(Box<Replica>),
}

impl Answers {
    /// Opens a document or a snapshot, to answer about a customer.
    pub fn open(path: &Path, customer: &str) -> Result<Answers, CliError> {
        if !snapshot::is_one(path) {
            return Ok(Answers::Document(Box::new(input::catalog(path)?)));
        }
        let opened = snapshot::open(path, &keygen::public_keys(None)?)?.trusted()?;
        if opened.trust == Trust::NotAsked {
            let label = style::for_stderr().yellow("warning[UNVERIFIED]");
            let hint = "set MAYUSE_SNAPSHOT_KEYS to the public key";
            // A closed standard error leaves no place to report to.
            let _ = writeln!(io::stderr(), "{label} {}: not known who signed it: {hint}", opened.name);
        }
        Answers::of(&opened, customer)
    }

    /// Uses an opened snapshot.
    pub fn of(opened: &Opened, customer: &str) -> Result<Answers, CliError> {
        let mut replica = opened.replica()?;
        opened.hold_person(&mut replica, customer)?;
        Ok(Answers::Snapshot(Box::new(replica)))
    }

    /// The codes of all features.
    pub fn feature_codes(&self) -> impl Iterator<Item = &str> {
        let catalog = match self {
            Answers::Document(catalog) => Some(&catalog.catalog),
            Answers::Snapshot(replica) => replica.catalog(),
        };
        catalog.into_iter().flat_map(Catalog::feature_codes)
    }

    /// Decides a question about the customer of `open`.
    pub fn decide<'c>(&'c self, question: &Question<'c>, now: Instant) -> Result<Decision<'c>, CliError> {
        match self {
            Answers::Document(catalog) => decide(catalog, question, now).map_err(CliError::question),
            Answers::Snapshot(replica) => match replica.decide(question, now) {
                Ok(decision) => decision.map_err(CliError::question),
                Err(_) => {
                    let message = "the customer's shard is not held".to_owned();
                    Err(CliError::Snapshot { what: "the snapshot".to_owned(), message })
                }
            },
        }
    }
}

/// Prints a hint on standard error if a decision lacks the usage to judge a limit.
pub fn hint_at_usage(decisions: &[Decision<'_>]) {
    if decisions.iter().any(|decision| decision.reason == Reason::UsageUnavailable) {
        let has_windows = |decision: &Decision<'_>| !decision.windows.is_empty();
        let each = if decisions.iter().any(has_windows) { ", or the usage of each allowance with --usage" } else { "" };
        hint(&format!(
            "a limit cannot be judged without the usage in its window: pass it with --consumed{each}; --consumed 0 asks \
             as if nothing had been used"
        ));
    }
}

/// Prints a hint on standard error for each entry of the question's usage that matches no allowance.
pub fn hint_at_unmatched(question: &Question<'_>, decision: &Decision<'_>) {
    let mut origins: Vec<&str> = decision.windows.iter().map(|window| window.origin.id()).collect();
    if origins.is_empty() {
        origins.extend(decision.origin.map(|origin| origin.id()));
    }
    let mut quoted: Vec<String> = Vec::new();
    for origin in origins {
        let origin = format!("`{origin}`");
        if !quoted.contains(&origin) {
            quoted.push(origin);
        }
    }
    let there = if quoted.len() == 1 { "there is" } else { "there are" };
    let entries = question.usage.unwrap_or_default();
    for entry in decision.warnings.iter().filter_map(|warning| entries.get(warning.entry)) {
        // An origin that there is does not match by itself if the entry narrows it.
        let narrowed = [
            ("subscription_id", entry.subscription_id.is_some()),
            ("starts_at", entry.starts_at.is_some()),
            ("period", entry.period.is_some()),
        ];
        let narrowed: Vec<&str> =
            narrowed.into_iter().filter_map(|(name, is_given)| is_given.then_some(name)).collect();
        let narrowed = match &*narrowed {
            [] => String::new(),
            names => format!(" and the {} of that entry", names.join(", ")),
        };
        let (feature, origin, all) = (decision.feature.code, &entry.origin, quoted.join(", "));
        hint(&format!("no allowance of `{feature}` has the origin `{origin}`{narrowed}; {there} {all}"));
    }
}

fn hint(text: &str) {
    // A closed standard error leaves no place to report to.
    let _ = writeln!(io::stderr(), "{}: {}", style::for_stderr().yellow("hint"), style::plain(text));
}
