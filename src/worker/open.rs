//! A request under way: what of it is decided, and what the rest needs.

use crate::checks::{Asked, item, written};
use crate::http::Answer;
use mayuse_core::{Decision, Instant, Problems, Question, Reason, SortedMap, decide_for, too_old};
use mayuse_dialects::Failure;
use mayuse_document::Check;
use mayuse_snapshot::{Needs, Replica};

/// Whether what is held is too old to decide from: the catalogue itself is asked.
pub fn is_refused(decision: &Decision<'_>) -> bool {
    matches!(decision.reason, Reason::SnapshotBehind | Reason::SnapshotExpired)
}

/// What a question needs that cannot be decided yet: nothing that is fetched helps where all of it is
/// too old.
fn need(replica: &Replica, question: &Question<'_>, now: Instant, need: Needs) -> Need {
    let reason = replica.catalog().and_then(|catalog| too_old(catalog, question, now));
    reason.map_or(Need::Replica(need), Need::Newer)
}

/// A request whose questions are answered one by one.
#[derive(Debug)]
pub struct Open<'a> {
    asked: &'a Asked,
    now: Instant,
    /// By the number of the question.
    decided: Vec<Option<Result<Vec<u8>, Problems>>>,
    /// How many features there are, once all of one customer are answered.
    n_features: usize,
    /// By the number of the question: the id that its alias stands for, in the manifest that is held.
    ids: SortedMap<usize, String>,
    ids_of: Option<(u64, Instant)>,
}

/// What keeps a question from being answered.
#[derive(Debug)]
pub enum Need {
    /// A newer snapshot than the one that is held, which is behind or has expired.
    Newer(Reason),
    Replica(Needs),
}

impl<'a> Open<'a> {
    pub fn new(asked: &'a Asked, now: Instant) -> Open<'a> {
        Open { asked, now, decided: Vec::new(), n_features: 0, ids: SortedMap::default(), ids_of: None }
    }

    pub fn n_questions(&self) -> usize {
        match self.asked {
            Asked::Many(checks) => checks.len(),
            Asked::One(_) | Asked::All(_) => 1,
        }
    }

    /// Answers what can be answered now. What the rest needs.
    pub fn step(&mut self, replica: &Replica) -> Vec<Need> {
        let mut needs = Vec::new();
        let held = replica.manifest().map(|manifest| (manifest.version, manifest.generated_at));
        if self.ids_of != held {
            // Somebody else took another one meanwhile, in which an alias may stand for somebody else.
            self.ids = SortedMap::default();
            self.ids_of = held;
        }
        match self.asked {
            Asked::One(check) => self.decide(0, check, replica, &mut needs),
            Asked::Many(checks) => {
                for (n, check) in checks.iter().enumerate() {
                    if let Ok(check) = check {
                        self.decide(n, check, replica, &mut needs);
                    }
                }
            }
            Asked::All(check) if self.decided.is_empty() => match self.decide_all(check, replica) {
                Ok(()) => {}
                Err(need) => needs.push(need),
            },
            Asked::All(_) => {}
        }
        needs
    }

    fn decide(&mut self, n: usize, check: &Check, replica: &Replica, needs: &mut Vec<Need>) {
        if self.decided.get(n).is_some_and(Option::is_some) {
            return;
        }
        let question = check.question();
        let known = self.ids.get(&n).cloned();
        let customer = known.as_deref().unwrap_or(question.customer);
        match replica.decide(&Question { customer, ..question }, self.now) {
            Ok(Ok(decision)) if is_refused(&decision) => needs.push(Need::Newer(decision.reason)),
            Ok(decision) => {
                let decision = decision.map(|decision| written(&decision)).map_err(Problems::from);
                if self.decided.len() <= n {
                    self.decided.resize_with(n.saturating_add(1), || None);
                }
                if let Some(place) = self.decided.get_mut(n) {
                    *place = Some(decision);
                }
            }
            Err(missing) => {
                // Else the shard of the customer may push out that of the alias, and that again the other.
                if let Some(id) = replica.id_of(customer) {
                    self.ids.insert(n, id.to_owned());
                }
                needs.push(need(replica, &question, self.now, missing));
            }
        }
    }

    /// Every feature of one customer, from one version.
    fn decide_all(&mut self, check: &Check, replica: &Replica) -> Result<(), Need> {
        let catalog = replica.catalog().ok_or(Need::Replica(Needs::Manifest))?;
        let known = self.ids.get(&0).cloned();
        let customer = known.as_deref().unwrap_or(check.customer());
        let person = replica.person(customer).map_err(|missing| {
            if let Some(id) = replica.id_of(customer) {
                self.ids.insert(0, id.to_owned());
            }
            need(replica, &check.question(), self.now, missing)
        })?;
        let mut decided = Vec::new();
        for code in catalog.feature_codes() {
            let question = check.question_on(code);
            let decision = decide_for(catalog, person.as_ref(), &question, self.now);
            if let Ok(decision) = &decision
                && is_refused(decision)
            {
                return Err(Need::Newer(decision.reason));
            }
            decided.push(Some(item(decision, code)));
        }
        self.n_features = decided.len();
        self.decided = decided;
        Ok(())
    }

    /// The answer, once nothing is needed any more.
    pub fn answer(mut self) -> Result<Answer, Failure> {
        let asked = self.asked;
        let decided = &mut self.decided;
        asked.answer(self.n_features, |n| decided.get_mut(n).and_then(Option::take).unwrap_or_else(|| Ok(Vec::new())))
    }
}
