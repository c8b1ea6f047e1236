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
        let label = style::for_stderr().yellow("hint");
        // A closed standard error leaves no place to report to.
        let _ = writeln!(
            io::stderr(),
            "{label}: a limit cannot be judged without the usage in its window: pass it with --consumed; --consumed 0 \
             asks as if nothing had been used"
        );
    }
}
