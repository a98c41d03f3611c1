//! The fault loop: processes are killed at random instants, and no copy that says that it is done is not.
//!
//! ```text
//! FTP_FAULTS=300 FTP_POWER=40 cargo test ... faults -- --nocapture       any number; nothing without it
//! FTP_FAULTS=20 FTP_FAULTS_SEED=4711 cargo test ... faults               the same choices again
//! FTP_DAEMON_FAULTS=500 cargo test ... --features postgres faults          the same for daemons that share a database
//! FTP_SOAK_MINUTES=60 cargo test ... soak -- --nocapture                 a soak: not before this time has passed
//! FTP_SOAK_KEPT=/tmp/soak ...                                             it goes on with the states and samples of the one before
//! ```

use integration_tests::faults::{Plan, Soak, daemons, power, run};
use integration_tests::{or_skip, skip};
use std::path::PathBuf;
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
    let Some(faults) = number("FTP_FAULTS") else {
        skip!("FTP_FAULTS names no number of kills; `.ci/full faults` has 300");
    };
    eprintln!("{:?}", run(Plan { faults, time: Duration::ZERO, seed: seed() }, None));
}

#[test]
fn n8_n9_a_soak_of_everything_leaves_no_descriptor_listener_file_lock_or_session() {
    let Some(minutes) = number("FTP_SOAK_MINUTES") else {
        skip!("FTP_SOAK_MINUTES names no time; `.ci/full soak` has 10 minutes");
    };
    let time = Duration::from_secs(60 * minutes);
    let own = tempfile::tempdir().unwrap();
    let kept = std::env::var_os("FTP_SOAK_KEPT").map_or_else(|| own.path().to_path_buf(), PathBuf::from);
    let plan = Plan { faults: number("FTP_FAULTS").unwrap_or(1), time, seed: seed() };
    eprintln!("{:?}", run(plan, Some(Soak::in_directory(kept))));
}

#[test]
fn n8_what_a_journal_and_a_server_with_sync_call_done_is_there_after_a_power_failure() {
    let Some(faults) = number("FTP_POWER") else {
        skip!("FTP_POWER names no number of power failures; `.ci/full faults` has 40");
    };
    eprintln!("{:?}", or_skip!(power(faults, seed())));
}

#[test]
fn whoever_is_killed_stopped_or_cut_off_the_jobs_of_a_database_end_whole() {
    let Some(faults) = number("FTP_DAEMON_FAULTS") else {
        skip!("FTP_DAEMON_FAULTS names no number of faults; `.ci/full daemons` has 500");
    };
    if !cfg!(feature = "postgres") {
        skip!("this build has no PostgreSQL");
    }
    eprintln!("{:?}", or_skip!(daemons(faults, seed())));
}
