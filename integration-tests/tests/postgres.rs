//! The journal in a PostgreSQL database.

use integration_tests::or_skip;
use integration_tests::postgres::Postgres;
use integration_tests::skip::Skipped;
use std::process::Command;

/// A server, if this run of the tests wants one.
fn server() -> Result<Postgres, Skipped> {
    match std::env::var_os("FTP_POSTGRES") {
        None => Err(Skipped("a database server is used by .ci/full postgres".to_owned())),
        Some(_) => Postgres::start(),
    }
}

#[test]
fn the_tests_of_the_journal_hold_in_a_database_too() {
    let server = or_skip!(server());
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["test", "--locked", "-p", "ftp-user", "--features", "postgres", "--lib", "--", "journal"]);
    cargo.env("FTP_USER_TEST_POSTGRES", server.url("postgres"));
    let status = cargo.status().unwrap();
    assert!(status.success(), "{}", server.log());
}
