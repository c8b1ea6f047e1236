//! What a published version says, and what is kept of an answer to hold it against that.

use mayuse_core::{Decision, Instant, Problem, Question, Reason, Source, Verdict};
use std::collections::BTreeMap;
use std::rc::Rc;

/// A published version: who may use the feature, by id, and whose each alias is.
#[derive(Debug)]
pub struct Truth {
    pub allowed: BTreeMap<String, bool>,
    pub aliases: Rc<BTreeMap<String, String>>,
}

impl Truth {
    pub fn may_use(&self, key: &str) -> bool {
        let of = |id: &str| self.allowed.get(id).copied();
        of(key).or_else(|| of(self.aliases.get(key)?)).unwrap_or_default()
    }
}

/// What is kept of an answer.
#[derive(Clone, Copy, Debug)]
pub struct Kept {
    pub version: u64,
    pub made_at: Option<Instant>,
    pub source: Source,
    pub allowed: bool,
    pub is_known: bool,
    pub reason: Reason,
}

pub fn keep(_: &Question<'_>, decided: Result<Decision<'_>, Problem>) -> Kept {
    let decision = decided.expect("the question is one");
    Kept {
        version: decision.freshness.snapshot_version.unwrap_or_default(),
        made_at: decision.freshness.generated_at,
        source: decision.freshness.source,
        allowed: decision.allowed,
        is_known: decision.decision != Verdict::Indeterminate,
        reason: decision.reason,
    }
}
