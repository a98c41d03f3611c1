//! Two servers with their default configuration refuse each other; a relay at an address of its own
//! carries their file, for a user agent at a fourth.

use super::matrix::{is_whole, run_all_pairs, run_with_each};
use integration_tests::foreign::{
    DirectPath, End, Foreign, Hosts, Kind, RelayedPair, Skipped, Who, direct_path,
};
use integration_tests::or_skip;
use integration_tests::site::{PASSWORD, sample};
use integration_tests::socket;
use integration_tests::user::Run;
use rustix::process::Signal;
use std::fs;

/// A file of some size, an empty one and a few more.
pub(super) fn files() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("tree/big.bin", sample(5_000_003)),
        ("tree/empty", Vec::new()),
        ("tree/private name.txt", b"lines\r\nand lines\n".to_vec()),
        ("tree/sub/b.bin", sample(70_000)),
    ]
}

/// The whole tree arrives through the relay, by one session and one tunnel to each server.
pub(super) fn arrives(from: Who, to: Who) -> Result<&'static str, Skipped> {
    let files = files();
    let apart = RelayedPair::start(from, to, &files)?;
    let path = if is_asked_for(from, to) { "relay" } else { "auto" };
    let run =
        apart.copy().args(["-r", "--path", path]).args([apart.from.url("tree"), apart.to.url("")]).run();
    let shown = format!("{from:?} -> {to:?}\n{}", apart.shown(&run));
    is_whole(&run, (&apart.from, &apart.to), &files, &shown);
    let sent: u64 = files.iter().map(|(_, bytes)| bytes.len() as u64).sum();
    let summary = run.summary();
    assert_eq!(summary["path"], "relay", "{shown}");
    assert_eq!(summary["rung"], "relay-source", "{shown}");
    let proofs = if (from, to) == (Who::Ours, Who::Ours) { 64 * files.len() as u64 } else { 0 };
    assert_eq!(summary["relayed"], sent + proofs, "{shown}");
    assert_eq!(summary["relay"], apart.agent.address.to_string(), "{shown}");
    if path == "auto" {
        was_refused(&run, &shown);
    }
    let log = apart.agent.running.said();
    assert_eq!(log.matches("session token=").count(), 1, "{shown}");
    assert_eq!(log.matches(": tunnel ").count(), 2, "{shown}");
    for secret in [PASSWORD, "big.bin", "private name", "tree", "RETR", "USER"] {
        assert!(!log.contains(secret), "the relay's log has {secret:?}\n{shown}");
    }
    Ok(if path == "relay" { "relay, A" } else { "relay" })
}

/// Whether `--path relay` has to ask for the relay, because a direct path is open, or because nobody refuses one on
/// which nothing moves: ftp-srv drops a stranger and does not say so, and libunftp waits for its file. Without a race the
/// next path comes only after the time that a slow line would need.
pub(super) fn is_asked_for(from: Who, to: Who) -> bool {
    would_go_direct(from, to) || (from, to) == (Who::Theirs(Kind::FtpSrv), Who::Theirs(Kind::Libunftp))
}

/// Two of ours prove themselves to each other, and some servers refuse nobody.
fn would_go_direct(from: Who, to: Who) -> bool {
    direct_path((from, from.most_closed()), (to, to.most_closed())) != DirectPath::None
}

/// The direct ways were tried first, and the report says what was said to them.
fn was_refused(run: &Run, shown: &str) {
    let reasons: Vec<String> = run.events("path").iter().map(|path| path["why"].to_string()).collect();
    let said = |why: &String| why.contains("before: direct (");
    assert!(reasons.iter().any(said), "{reasons:#?}\n{shown}");
}

#[test]
fn r42_servers_of_other_people() {
    run_with_each(&[Kind::Vsftpd, Kind::Proftpd, Kind::PureFtpd, Kind::Pyftpdlib, Kind::Globus], arrives);
}

/// The relay is killed in mid-file: the receiving server never calls what it has a whole file, and the copy
/// goes another way.
fn survives_the_relay(to: Kind) -> Result<(), Skipped> {
    const SIZE: usize = 6_000_000;
    // Slow enough that the middle of the file lasts.
    let slow = Foreign::vsftpd().extra("anon_max_rate=2000000").file("a.bin", sample(SIZE)).start()?;
    let apart = RelayedPair::around(End::Theirs(Box::new(slow)), Who::Theirs(to).start(Hosts::Refused, &[])?);
    let relay = apart.agent.address.ip().to_string();
    let run =
        apart.copy().args(["--no-resume"]).args([apart.from.url("a.bin"), apart.to.url("b.bin")]).start();
    apart.agent.running.logs("joined");
    let begun = |name: &String| fs::metadata(apart.to.path(name)).is_ok_and(|facts| facts.len() > 0);
    socket::until("the file has begun to arrive", || apart.to.names().iter().any(begun));
    apart.agent.running.signal(Signal::KILL);
    let run = run.end();
    let shown = format!("{to:?}\n{}", apart.shown(&run));
    assert_eq!(run.code(), Some(0), "{shown}");
    assert_eq!(run.summary()["path"], "user", "{shown}");
    assert!(apart.to.bytes("b.bin") == sample(SIZE), "{shown}");
    assert_eq!(apart.to.names(), ["b.bin"], "{shown}");
    if to == Kind::Vsftpd {
        // The only one that logs its replies.
        let said = apart.to.said();
        let relayed = said.lines().filter(|line| line.contains(&format!("Client \"{relay}\"")));
        let replies: Vec<&str> = relayed.skip_while(|line| !line.contains("\"STOR ")).collect();
        let says = |code: &str| replies.iter().any(|line| line.contains(&format!("\"{code} ")));
        assert!(!replies.is_empty() && says("426") && !says("226"), "{shown}");
    }
    Ok(())
}

#[test]
fn r12_vsftpd_never_calls_a_file_whole_whose_relay_was_killed() {
    or_skip!(survives_the_relay(Kind::Vsftpd));
}

#[test]
fn r12_proftpd_and_pure_ftpd_get_the_whole_file_by_another_path_when_the_relay_is_killed() {
    for to in [Kind::Proftpd, Kind::PureFtpd] {
        or_skip!(survives_the_relay(to));
    }
}

/// `FOREIGN_MATRIX=all`: every ordered pair; `FOREIGN_PAGE` names the page that is given the result.
/// `FOREIGN_MATRIX=pyftpdlib`: the cells with that one at either end. Otherwise nothing: the tests above
/// have some kinds.
#[test]
fn matrix_of_all_pairs_through_a_relay() {
    run_all_pairs(Some("matrix of the relay"), arrives);
}
