//! A writer that publishes, with everything that may come in between: a short run of the simulation of
//! which `scripts/test.sh` does a million steps; and what is said of its health.

use mayuse_snapshot::{Health, State, health};
use mayuse_tests::simulation::Simulation;

#[test]
fn what_is_published_is_the_catalog_in_that_version() {
    for seed in [1, 3, 5, 30] {
        let mut simulation = Simulation::new(seed);
        simulation.run(4_000);
        assert!(simulation.tally.of("a publication", "") > 50, "seed {seed}: {:?}", simulation.tally);
        assert!(simulation.tally.of("a crash", "after records were changed") > 0);
        assert!(simulation.tally.of("a put that failed", "") > 0);
    }
}

#[test]
fn publishing_is_degraded_after_two_heartbeats() {
    const HEARTBEAT_MS: i64 = 60_000;
    let published = State { version: 7, published_at: 1_000_000, ..State::default() };
    let at = |now: i64, failing: Option<i64>| health(&published, failing, HEARTBEAT_MS, now);
    assert_eq!(at(1_000_000, None), Health::Ok);
    assert_eq!(at(1_000_000 + 2 * HEARTBEAT_MS, None), Health::Ok);
    assert_eq!(at(1_000_001 + 2 * HEARTBEAT_MS, None), Health::Degraded(1_000_000));
    // A shard that was withheld a moment ago is tried again; one that stays so is said.
    assert_eq!(at(1_000_000, Some(999_000)), Health::Ok);
    assert_eq!(at(1_000_000, Some(879_999)), Health::Degraded(879_999));
    // The longest trouble is named.
    assert_eq!(at(1_300_000, Some(879_999)), Health::Degraded(879_999));
    // A clock that went backward says nothing.
    assert_eq!(at(0, Some(879_999)), Health::Ok);
    // Nothing was ever written, and nothing is waited for.
    assert_eq!(health(&State::default(), None, HEARTBEAT_MS, 1 << 40), Health::Ok);
    // It was never published.
    let never = State { version: 1, ..State::default() };
    assert_eq!(health(&never, None, HEARTBEAT_MS, 1 << 40), Health::Degraded(0));
}
