//! Holdings: what a subscription holds, apart from its dates, and what the shared rows come to for its customers.
//!
//! Most customers share few combinations of a plan version, add-ons and their quantities. A catalog resolves the rows
//! on a feature once for each combination that is asked about, and keeps the outcome. It keeps a bounded number of
//! them, never replaces any, and drops all of them with the catalog.

use crate::idx::{FeatureIdx, item};
use crate::kept_window::KeptWindow;
use crate::ladder::Level;
use crate::limits::{Limits, SmallLimit};
use crate::reset::ResetPeriod;
use crate::time::Instant;
use crate::window::Window;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

/// The largest number of holdings that a catalog keeps.
const MAX_HOLDINGS: u32 = 4_095;
/// The largest number of outcomes that a catalog keeps: of all features, for each holding.
const MAX_OUTCOMES: usize = 1 << 17;
/// The number of chains in which holdings are found: a power of two.
const N_CHAINS: usize = 1_024;
/// The largest number of holdings of one chain.
const MAX_CHAIN: usize = 16;
/// The holdings of one page. Pages are made one by one, so that a small catalog takes little memory.
const PAGE: usize = 64;
const N_PAGES: usize = 64;
/// The largest number of words of a key.
const MAX_WORDS: usize = 24;

/// No holdings, in a build without the look-up.
#[cfg(not(feature = "lookup"))]
#[derive(Debug, Default)]
pub(crate) struct Holdings;

#[cfg(not(feature = "lookup"))]
impl Holdings {
    pub fn numbered(&self, _: u32, _: Option<u32>) -> Option<&Holding> {
        None
    }

    pub fn find(&self, _: &Key, _: usize) -> Option<&Holding> {
        None
    }

    pub fn shared(&self, limit: SharedLimit) -> Arc<KeptLimit> {
        Arc::new(KeptLimit::new(limit))
    }
}

/// The holdings that a catalog was asked about.
#[cfg(feature = "lookup")]
#[derive(Debug, Default)]
pub(crate) struct Holdings {
    /// Made when the first question is asked.
    kept: OnceLock<Kept>,
    n_holdings: AtomicU32,
    /// The limits of outcomes, each once.
    limits: OnceLock<Box<LimitNode>>,
}

/// Holdings by number, and in chains by hash.
#[derive(Debug)]
struct Kept {
    pages: Box<[OnceLock<Page>]>,
    chains: Box<[Link]>,
}

type Page = Box<[OnceLock<Box<Holding>>]>;

/// The next holding of a chain: its number and one more. Zero ends the chain.
type Link = AtomicU32;

/// A holding, with the outcomes of its features.
#[derive(Debug)]
pub(crate) struct Holding {
    hash: u64,
    words: Box<[u32]>,
    number: u32,
    era: Option<u32>,
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
    Limit(Arc<KeptLimit>),
}

/// A limit that many questions meet.
#[derive(Debug)]
pub(crate) struct KeptLimit {
    pub limit: SharedLimit,
    pub small: Option<SmallLimit>,
    /// The reset period without the position of its zone.
    pub rule: ResetPeriod,
    /// The window at hand, if it is a calendar window: the one part that is replaced.
    window: KeptWindow,
}

impl KeptLimit {
    fn new(limit: SharedLimit) -> KeptLimit {
        let SharedLimit { limits, .. } = &limit;
        let (small, rule) = (SmallLimit::of(limits), limits.reset_period.with_zone(None));
        KeptLimit { limit, small, rule, window: KeptWindow::default() }
    }

    /// The window that holds `now`. `find` finds it.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub fn window(&self, now: Instant, find: impl FnOnce() -> Window) -> Window {
        match self.limit.limits.reset_period {
            ResetPeriod::Calendar(_) => self.window.at(now, find),
            _ => find(),
        }
    }
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
    /// The era of the catalog. It is one of the words, too.
    era: Option<u32>,
}

impl Key {
    /// A key of the era alone.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub fn of(era: Option<u32>) -> Key {
        let mut key = Key { words: [0; MAX_WORDS], len: 0, hash: 0, era };
        if let Some(era) = era {
            key.push(era);
        }
        key
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
    /// The holding with this number, if it is of this era.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub fn numbered(&self, number: u32, era: Option<u32>) -> Option<&Holding> {
        self.kept.get()?.numbered(number).filter(|holding| holding.era == era)
    }

    /// The holding with this key. None if it is not kept, because the catalog keeps as many as it may.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub fn find(&self, key: &Key, n_features: usize) -> Option<&Holding> {
        let words = key.words()?;
        let Some(kept) = self.kept.get() else { return self.add(key, n_features) };
        let mut link = kept.chains.get(chain_of(key.hash))?;
        while let Some(holding) = kept.at(link) {
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
        let kept = self.kept.get_or_init(Kept::new);
        let mut link = kept.chains.get(chain_of(key.hash))?;
        let mut new = 0;
        for _ in 0..MAX_CHAIN {
            if link.load(Ordering::Acquire) == 0 {
                if new == 0 {
                    let most = MAX_OUTCOMES.checked_div(n_features).map_or(MAX_HOLDINGS, |n| clamped(n, MAX_HOLDINGS));
                    let next = |n: u32| n.checked_add(1).filter(|n| *n <= most);
                    let number = self.n_holdings.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).ok()?;
                    kept.keep(Holding::new(key, words, number, n_features))?;
                    new = number.checked_add(1)?;
                }
                // Another thread may have been faster; the holding then follows that of the other, unless they are equal.
                let _ = link.compare_exchange(0, new, Ordering::AcqRel, Ordering::Acquire);
            }
            let holding = kept.at(link)?;
            if holding.hash == key.hash && *holding.words == *words {
                return Some(holding);
            }
            link = &holding.next;
        }
        None
    }

    /// The limit, as outcomes share it.
    pub fn shared(&self, limit: SharedLimit) -> Arc<KeptLimit> {
        let new = || Arc::new(KeptLimit::new(limit));
        let mut link = &self.limits;
        for _ in 0..MAX_SHARED {
            let node = link.get_or_init(|| Box::new(LimitNode { limit: new(), next: OnceLock::new() }));
            if node.limit.limit == limit {
                return Arc::clone(&node.limit);
            }
            link = &node.next;
        }
        new()
    }
}

/// A list of limits. It is searched once for each outcome that is resolved.
#[derive(Debug)]
struct LimitNode {
    limit: Arc<KeptLimit>,
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

#[cfg(feature = "lookup")]
impl Kept {
    fn new() -> Kept {
        Kept {
            pages: std::iter::repeat_with(OnceLock::new).take(N_PAGES).collect(),
            chains: std::iter::repeat_with(Link::default).take(N_CHAINS).collect(),
        }
    }

    #[cfg_attr(not(feature = "small"), inline(always))]
    fn numbered(&self, number: u32) -> Option<&Holding> {
        let (page, place) = place_of(number);
        self.pages.get(page)?.get()?.get(place)?.get().map(Box::as_ref)
    }

    /// The holding that a link names.
    #[cfg_attr(not(feature = "small"), inline(always))]
    fn at(&self, link: &Link) -> Option<&Holding> {
        self.numbered(link.load(Ordering::Acquire).checked_sub(1)?)
    }

    /// Keeps a holding by its number.
    fn keep(&self, holding: Holding) -> Option<()> {
        let (page, place) = place_of(holding.number);
        let page = self.pages.get(page)?.get_or_init(|| std::iter::repeat_with(OnceLock::new).take(PAGE).collect());
        page.get(place)?.set(Box::new(holding)).ok()
    }
}

/// The page of a holding, and its place there.
#[cfg(feature = "lookup")]
fn place_of(number: u32) -> (usize, usize) {
    let number = usize::try_from(number).unwrap_or(usize::MAX);
    (number.wrapping_div(PAGE), number.wrapping_rem(PAGE))
}

impl Holding {
    #[cfg(feature = "lookup")]
    fn new(key: &Key, words: &[u32], number: u32, n_features: usize) -> Holding {
        let outcomes = std::iter::repeat_with(OnceLock::new).take(n_features).collect();
        Holding { hash: key.hash, words: words.into(), number, era: key.era, outcomes, next: Link::default() }
    }

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
