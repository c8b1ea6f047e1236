//! A catalog document.

use crate::error::Error;
use mayuse_core::{Decision, FullCatalog, Instant, Problem, Problems, Question, decide};
use mayuse_document::Document;

/// A catalog document that answers checks. It is neither signed nor versioned: use it in tests, or for a catalog
/// that is part of the program.
///
/// # Example: a document
///
/// ```
/// use mayuse::{Catalog, Instant, Question};
/// let catalog = Catalog::parse(include_str!("../../demo/catalog.json"))?;
/// let now = Instant::parse("2026-11-20")?;
/// assert!(catalog.check(&Question::new("acme", "sso"), now)?.allowed);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Catalog {
    full: FullCatalog,
    warnings: Problems,
}

impl Catalog {
    /// Reads a document.
    ///
    /// # Errors
    /// The problems that make it unusable, each on a line with its place.
    pub fn parse(json: &str) -> Result<Catalog, Error> {
        let mut document = Document::parse(json).map_err(|error| Error::new("INVALID_JSON", error.to_string()))?;
        document.with_zones(mayuse_zones::offsets);
        let (full, warnings) = document.compile()?;
        Ok(Catalog { full, warnings })
    }

    /// The rows of the document that were skipped or that grant nothing, with their places.
    pub fn warnings(&self) -> impl Iterator<Item = String> {
        self.warnings.list.iter().map(Problem::to_string)
    }

    /// Decides whether a customer may use a feature, `now` or at the instant of the question.
    ///
    /// # Errors
    /// A question with an impossible name or amount, or whose amounts and limits have more digits than can be held
    /// exactly.
    pub fn check<'s>(&'s self, question: &Question<'s>, now: Instant) -> Result<Decision<'s>, Error> {
        Ok(decide(&self.full, question, now)?)
    }

    /// Decides about every feature of a customer, in the order of the features' ids.
    ///
    /// # Errors
    /// An impossible name of a customer.
    pub fn entitlements<'s>(&'s self, customer: &'s str, now: Instant) -> Result<Vec<Decision<'s>>, Error> {
        self.features().map(|feature| self.check(&Question::new(customer, feature), now)).collect()
    }

    /// The codes of all features.
    pub fn features(&self) -> impl Iterator<Item = &str> {
        self.full.catalog.feature_codes()
    }
}
