//! Holdings: what a subscription holds, apart from its dates, and what the shared rows come to for its customers.
//!
//! Most customers share few combinations of a plan version, add-ons and their quantities. A catalog resolves the rows
//! on a feature once for each combination that is asked about, and keeps the outcome. It keeps a bounded number of
//! them, never replaces any, and drops all of them with the catalog.

use crate::idx::{FeatureIdx, item};
use crate::ladder::Level;
use crate::limits::Limits;
use crate::time::Instant;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

/// The largest number of holdings that a catalog keeps.
const MAX_HOLDINGS: u32 = 4_096;
/// The largest number of outcomes that a catalog keeps: of all features, for each holding.
const MAX_OUTCOMES: usize = 1 << 17;
/// The number of chains in which holdings are found: a power of two.
const N_CHAINS: usize = 1_024;
/// The largest number of holdings of one chain.
const MAX_CHAIN: usize = 16;
/// The largest number of words of a key.
const MAX_WORDS: usize = 24;

/// No holdings, in a build without the look-up.
#[cfg(not(feature = "lookup"))]
#[derive(Debug, Default)]
pub(crate) struct Holdings;

#[cfg(not(feature = "lookup"))]
impl Holdings {
    pub fn find(&self, _: &Key, _: usize) -> Option<&Holding> {
        None
    }

    pub fn shared(&self, limit: SharedLimit) -> Arc<SharedLimit> {
        Arc::new(limit)
    }
}

/// The holdings that a catalog was asked about.
#[cfg(feature = "lookup")]
#[derive(Debug, Default)]
pub(crate) struct Holdings {
    /// Made when the first question is asked.
    chains: OnceLock<Box<[Link]>>,
    n_holdings: AtomicU32,
    /// The limits of outcomes, each once.
    limits: OnceLock<Box<LimitNode>>,
}

/// The next holding of a chain, if there is one.
type Link = OnceLock<Box<Holding>>;

/// A holding, with the outcomes of its features.
#[derive(Debug)]
pub(crate) struct Holding {
    hash: u64,
    words: Box<[u32]>,
    number: u32,
    /// By feature, once it is resolved; None if the holding alone does not say what the rows come to.
    outcomes: Box<[OnceLock<Option<Outcome>>]>,
    next: Link,
}

/// What the rows on a feature come to.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub kind: OutcomeKind,
    /// The next instant at which it may change.
    pub change: Option<Instant>,
}

#[derive(Clone, Debug)]
pub(crate) enum OutcomeKind {
    /// No row.
    Absent,
    /// Only rows that do not fit the feature.
    TypeMismatch,
    /// Only disabled rows; the owner of the row that is named.
    Off(SharedOwner),
    /// A switch that is on; the owner of the row that turned it on.
    On(SharedOwner),
    /// One limit without caps, whose windows count from the activation or the billing period.
    Limit(Arc<SharedLimit>),
}

/// A limit and the owner of its row.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct SharedLimit {
    pub owner: SharedOwner,
    pub limits: Limits,
}

/// The owner of a row that reaches many customers: a feature, a plan, a version or an add-on, by its position.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct SharedOwner {
    pub level: Level,
    pub at: u32,
}

/// What tells holdings apart, as words.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key {
    words: [u32; MAX_WORDS],
    len: usize,
    hash: u64,
}

impl Key {
    /// A key without words.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub fn new() -> Key {
        Key { words: [0; MAX_WORDS], len: 0, hash: 0 }
    }

    /// Adds a word. A key with too many words is no key.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub fn push(&mut self, word: u32) {
        if let Some(free) = self.words.get_mut(self.len) {
            *free = word;
        }
        self.len = self.len.wrapping_add(1);
        self.hash = (self.hash.rotate_left(5) ^ u64::from(word)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    /// The words, unless there are too many.
    fn words(&self) -> Option<&[u32]> {
        self.words.get(..self.len)
    }
}

#[cfg(feature = "lookup")]
impl Holdings {
    /// The holding with this key. None if it is not kept, because the catalog keeps as many as it may.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub fn find(&self, key: &Key, n_features: usize) -> Option<&Holding> {
        let words = key.words()?;
        let Some(chains) = self.chains.get() else { return self.add(key, n_features) };
        let mut link = chains.get(chain_of(key.hash))?;
        while let Some(holding) = link.get() {
            if holding.hash == key.hash && *holding.words == *words {
                return Some(holding);
            }
            link = &holding.next;
        }
        self.add(key, n_features)
    }

    #[cold]
    #[inline(never)]
    fn add(&self, key: &Key, n_features: usize) -> Option<&Holding> {
        let words = key.words()?;
        let chains = self.chains.get_or_init(|| std::iter::repeat_with(Link::new).take(N_CHAINS).collect());
        let mut link = chains.get(chain_of(key.hash))?;
        for _ in 0..MAX_CHAIN {
            if let Some(holding) = link.get() {
                if holding.hash == key.hash && *holding.words == *words {
                    return Some(holding);
                }
                link = &holding.next;
                continue;
            }
            let most = MAX_OUTCOMES.checked_div(n_features).map_or(MAX_HOLDINGS, |most| clamped(most, MAX_HOLDINGS));
            let number = self
                .n_holdings
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_add(1).filter(|n| *n <= most));
            let number = number.ok()?;
            let outcomes = std::iter::repeat_with(OnceLock::new).take(n_features).collect();
            let new = Holding { hash: key.hash, words: words.into(), number, outcomes, next: Link::new() };
            // Another thread may have been faster; then this number is not used.
            let _ = link.set(Box::new(new));
            let holding = link.get()?;
            if holding.hash == key.hash && *holding.words == *words {
                return Some(holding);
            }
            link = &holding.next;
        }
        None
    }

    /// The limit, as outcomes share it.
    pub fn shared(&self, limit: SharedLimit) -> Arc<SharedLimit> {
        let mut link = &self.limits;
        for _ in 0..MAX_SHARED {
            let node = link.get_or_init(|| Box::new(LimitNode { limit: Arc::new(limit), next: OnceLock::new() }));
            if *node.limit == limit {
                return Arc::clone(&node.limit);
            }
            link = &node.next;
        }
        Arc::new(limit)
    }
}

/// A list of limits. It is searched once for each outcome that is resolved.
#[derive(Debug)]
struct LimitNode {
    limit: Arc<SharedLimit>,
    next: OnceLock<Box<LimitNode>>,
}

/// The number of limits that are shared; further ones stand alone.
const MAX_SHARED: usize = 256;

fn chain_of(hash: u64) -> usize {
    usize::try_from(hash >> 54).unwrap_or_default()
}

fn clamped(n: usize, most: u32) -> u32 {
    u32::try_from(n).unwrap_or(most).min(most)
}

impl Holding {
    /// The number of the holding in its catalog.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// The outcome for a feature; `resolve` finds it the first time. None if the holding alone does not say.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub fn outcome(&self, at: FeatureIdx, resolve: impl FnOnce() -> Option<Outcome>) -> Option<&Outcome> {
        let kept = item(&self.outcomes, at.0)?;
        match kept.get() {
            Some(outcome) => outcome.as_ref(),
            None => kept.get_or_init(resolve).as_ref(),
        }
    }
}
