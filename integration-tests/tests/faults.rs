//! The fault loop: processes are killed at random instants, and no copy that says that it is done is not.
//!
//! ```text
//! cargo test -p integration-tests --test all faults                      20 kills
//! FTP_FAULTS=300 cargo test ... faults -- --nocapture                    any number
//! FTP_FAULTS_SEED=4711 cargo test ... faults                             the same choices again
//! FTP_FAULTS_MINUTES=60 cargo test ... faults                            a soak: not before this time has passed
//! ```

use integration_tests::faults::{Plan, power, run};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is no number")))
}

/// The seed that was asked for. By default each run has another one, and prints it.
fn seed() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let seed = number("FTP_FAULTS_SEED").unwrap_or(now);
    eprintln!("FTP_FAULTS_SEED={seed}");
    seed
}

#[test]
fn n8_h35_whoever_is_killed_a_tree_that_is_said_to_be_copied_is_copied() {
    let plan = Plan {
        faults: number("FTP_FAULTS").unwrap_or(20),
        time: Duration::from_secs(60 * number("FTP_FAULTS_MINUTES").unwrap_or(0)),
        seed: seed(),
    };
    eprintln!("{:?}", run(plan));
}

#[test]
fn n8_what_a_journal_and_a_server_with_sync_call_done_is_there_after_a_power_failure() {
    eprintln!("{:?}", power(number("FTP_POWER").unwrap_or(4), seed()));
}
