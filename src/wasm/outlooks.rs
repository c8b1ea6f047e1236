//! Outlooks for JavaScript, which keeps them: what a customer may use by its holding, until an instant.

use crate::shards::Shards;
use crate::words::Words;
use mayuse_core::{Bound, CustomerRecord, FeatureIdx, Instant, Outlook};

/// No outlook, and it is worth knowing: only decisions can say what the customer may use.
const ASK: i32 = -1;
/// No outlook: the customer is not known, or a shard is missing.
const UNKNOWN: i32 = -2;

/// Tells the number of the holding of a customer, 0 for nothing; the instant until which its outlook stands; and where
/// its record is in memory, which is another place for each customer.
pub fn outlook(shards: &mut Shards, words: &mut Words, customer: &str, now: Instant) {
    words.clear();
    let told = with(shards, customer, now, |record, outlook| {
        let number =
            outlook.as_ref().and_then(|outlook| outlook.holding().map_or(Some(0), |holding| holding.checked_add(1)));
        words.number(number.and_then(|number| i32::try_from(number).ok()).unwrap_or(ASK));
        words.instant(outlook.and_then(|outlook| outlook.until()));
        words.number(u32::try_from(record.place()).unwrap_or_default());
    });
    if told.is_none() {
        words.number(UNKNOWN);
    }
}

/// Tells the bound of every feature: minus infinity where a use is denied, infinity where it is allowed, NaN where only
/// a decision can say, or the number that the usage must be below.
pub fn bounds(shards: &mut Shards, words: &mut Words, customer: &str, now: Instant) {
    let n_features = shards.replica.catalog().map_or(0, |catalog| catalog.feature_codes().count());
    with(shards, customer, now, |_, outlook| {
        for at in 0..u32::try_from(n_features).unwrap_or_default() {
            let bound = outlook.as_ref().map_or(Bound::Ask, |outlook| outlook.bound(FeatureIdx::from(at)));
            words.number(match bound {
                Bound::Denied => f64::NEG_INFINITY,
                Bound::Allowed => f64::INFINITY,
                Bound::Ask => f64::NAN,
                // A use of one unit after `n` units is within the amount if `n` is below it, for whole numbers.
                Bound::UpTo(amount) => amount.safe_whole().map_or(f64::NAN, |whole| whole as f64),
            });
        }
    });
}

/// Calls `tell` with the outlook of a customer. None for a customer that is not known.
fn with<T>(
    shards: &mut Shards,
    customer: &str,
    now: Instant,
    tell: impl FnOnce(&CustomerRecord<'_>, Option<Outlook<'_, '_>>) -> T,
) -> Option<T> {
    while let Err(missing) = shards.replica.customer(customer) {
        shards.provide(missing).ok()?;
    }
    let record = shards.replica.customer(customer).ok()??;
    let catalog = shards.replica.catalog()?;
    Some(tell(&record, Outlook::of(catalog, &record, now)))
}
