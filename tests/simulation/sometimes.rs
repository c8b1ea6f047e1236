//! What has to have happened for a run to have shown anything.

use super::memory::REASONS;

/// Why the origin is asked, and why an answer cannot be given.
const UNKNOWN: &[&str] = &["SNAPSHOT_MISSING", "SNAPSHOT_EXPIRED", "SNAPSHOT_BEHIND", "SNAPSHOT_INVALID"];
const KNOWN: &[&str] = &["ENABLED", "ENTITLEMENT_DISABLED", "NO_ACTIVE_SUBSCRIPTION", "CUSTOMER_NOT_FOUND"];
/// There is only the fact.
const SO: &[&str] = &[""];

/// Each thing, and the reasons for each of which it has to have happened.
pub const SOMETIMES: &[(&str, &[&str])] = &[
    ("a publication", SO),
    ("a whole table", SO),
    ("a table with a shard withheld", SO),
    ("a table amid a split", SO),
    ("a shard withheld since", &REASONS),
    ("a shard that stays withheld", SO),
    ("a customer too large for any shard", SO),
    ("a customer that cannot be packed", SO),
    ("a customer that left", SO),
    ("other definitions", SO),
    ("a catalog that was replaced", SO),
    ("aliases that moved between shards", SO),
    ("aliases that moved inside a shard with more dirty keys than are made anew at once", SO),
    (
        "a crash",
        &[
            "after records were changed",
            "before objects are put",
            "between the put of an object and its record",
            "before a manifest is put",
            "between the put of a manifest and its record",
            "before objects are taken away",
            "between a delete and its record",
            "while there is nothing to do",
        ],
    ),
    (
        "a database that was down",
        &[
            "in a step",
            "when the put of an object was to be recorded",
            "when the put of a manifest was to be recorded",
            "before objects were taken away",
            "when a delete was to be recorded",
        ],
    ),
    ("a clock that jumped", SO),
    ("a put that failed", SO),
    ("a manifest that failed", SO),
    ("a delete", SO),
    ("a delete that failed", SO),
    ("a manifest that a reader took", SO),
    ("a manifest that a reader refused", SO),
    ("a manifest taken without a shard, since what was held was stale", SO),
    ("an older manifest that the store gave", SO),
    ("a manifest that somebody else signed", SO),
    ("a manifest for another deployment", SO),
    ("a manifest that was spoilt", SO),
    ("a manifest that was lost for a while", SO),
    ("a manifest whose read failed", SO),
    ("a signature that could not be checked", SO),
    ("an object that was lost for a while", SO),
    ("an object that was spoilt", SO),
    ("an object under the key of another", SO),
    ("an object whose read failed", SO),
    ("an object that was taken away before a reader came", SO),
    ("a read that was late", SO),
    ("a read that was given up", SO),
    ("a shard that a reader evicted", SO),
    ("a reader that began anew", SO),
    ("a reader's clock that jumped", SO),
    ("an answer from memory", KNOWN),
    ("an answer from the store", KNOWN),
    ("an answer from the snapshot in the bundle", KNOWN),
    ("a question for the origin", UNKNOWN),
    ("an answer that could not be given", UNKNOWN),
    ("a rest in which all readers reach the newest version", SO),
];
