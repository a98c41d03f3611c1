//! Two servers with their default configuration refuse each other. A hub, and an agent beside each of them, carry their file,
//! in clear, for a user who reaches the hub alone.

use super::matrix::{is_whole, run_all_pairs};
use super::relayed::{files, is_asked_for};
use integration_tests::foreign::{Between, Form, Kind, Skipped, Who, shown};
use integration_tests::or_skip;
use integration_tests::site::PASSWORD;
use integration_tests::user::user;

/// The whole tree arrives through both agents, and whoever reads their logs learns nothing of it.
fn arrives(from: Who, to: Who) -> Result<&'static str, Skipped> {
    let files = files();
    let source = from.start(from.most_closed(), &files)?;
    let target = to.start(to.most_closed(), &[])?;
    let between = Between::start(Form::Agents, &source, &target);
    let is_asked_for = is_asked_for(from, to);
    let path = if is_asked_for { "relay" } else { "auto" };
    let run = user().args(["copy", "-r", "--json", "--trace", "trace.txt", "--no-race", "--retries", "0"]);
    let run = run.args(["--timeout", "20s", "--stall", "20s", "--path", path]).args(between.options());
    let run = run.args(Who::without_tls(&[from, to])).args([source.url("tree"), target.url("")]).run();
    let shown = shown(&run, &source, &target, &format!("-- between --\n{}", between.said()));
    is_whole(&run, (&source, &target), &files, &shown);
    let summary = run.summary();
    assert_eq!((&summary["path"], &summary["rung"]), (&"relay".into(), &"hub".into()), "{shown}");
    assert!(summary["relay"].to_string().contains("agents zurich and berlin"), "{shown}");
    for secret in [PASSWORD, "big.bin", "private name", "tree", "RETR", "USER"] {
        assert!(!between.said().contains(secret), "{secret}\n{shown}");
    }
    Ok(if is_asked_for { "agents, A" } else { "agents" })
}

/// For every change: each of the three at both ends.
#[test]
fn r42_vsftpd_proftpd_and_pure_ftpd_exchange_files_through_agents() {
    let (vsftpd, proftpd, pure_ftpd) =
        (Who::Theirs(Kind::Vsftpd), Who::Theirs(Kind::Proftpd), Who::Theirs(Kind::PureFtpd));
    for (from, to) in [(vsftpd, proftpd), (proftpd, pure_ftpd), (pure_ftpd, vsftpd)] {
        assert_eq!(or_skip!(arrives(from, to)), "agents");
    }
}

#[test]
fn matrix_of_all_pairs_through_agents() {
    run_all_pairs(Some("matrix through agents"), arrives);
}
