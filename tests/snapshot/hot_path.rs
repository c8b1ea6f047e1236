//! A switch is decided from a replica without allocating, like from a catalog.

use crate::counting::allocations;
use crate::cutting::cut;
use mayuse_core::{Question, Reason};
use mayuse_tests::{BENCH_AT, BENCH_BOOLEAN, bench_catalog, bench_customer_id, instant};

#[test]
fn a_switch_is_decided_without_allocating() {
    let document = serde_json::from_str(&bench_catalog(300)).unwrap();
    let (replica, now) = (cut(&document, 3).replica(), instant(BENCH_AT));
    let (mut n_allowed, mut n_denied) = (0, 0);
    let aliases = document["customers"].as_array().unwrap().iter().filter_map(|customer| customer["alias"].as_str());
    let keys = (0..300).map(bench_customer_id).chain(aliases.map(str::to_owned)).chain(["nobody".to_owned()]);
    let keys: Vec<String> = keys.collect();
    assert!(310 < keys.len(), "there are aliases");
    for (customer, code) in keys.iter().flat_map(|key| BENCH_BOOLEAN.map(|code| (key, code))) {
        // The first question on a holding keeps what its rows come to.
        drop(replica.decide(&Question::new(customer, code), now));
        let (n, decided) = allocations(|| replica.decide(&Question::new(customer, code), now));
        let decision = decided.unwrap().unwrap();
        assert_eq!(n, 0, "{customer}, {code}");
        assert!(customer == "nobody" || decision.reason != Reason::CustomerNotFound, "{customer}");
        let counter = if decision.allowed { &mut n_allowed } else { &mut n_denied };
        *counter += 1;
    }
    assert!(500 < n_allowed && 500 < n_denied, "{n_allowed} allowed, {n_denied} denied");
}
