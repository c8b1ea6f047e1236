//! Follows a folder that `mayuse build` writes, and says once a second whether a customer may use a feature:
//!
//! `cargo run -p mayuse --example follow -- snapshot "$(cat snapshot.key.pub)" acme sso`

use mayuse::{Error, Folder, Follower, Options, PublicKey, Question};
use std::env;
use std::thread::sleep;
use std::time::Duration;

/// Looks for a newer version if a look is due, and answers.
pub fn answer(follower: &Follower<Folder>, customer: &str, feature: &str) -> Result<String, Error> {
    follower.refresh();
    follower.check(&Question::new(customer, feature), |decision| {
        let version = decision.freshness.snapshot_version.unwrap_or_default();
        format!("version {version}: {} {}", decision.allowed, decision.reason.name())
    })
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [folder, keys, customer, feature] = arguments.as_slice() else {
        return Err("usage: follow FOLDER KEYS CUSTOMER FEATURE".into());
    };
    let keys = PublicKey::parse_list(keys)?;
    let follower = Follower::new(Folder::new(folder), &keys, Options::default(), mayuse::now);
    loop {
        println!("{}", answer(&follower, customer, feature)?);
        sleep(Duration::from_secs(1));
    }
}
