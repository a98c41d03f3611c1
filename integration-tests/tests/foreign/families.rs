//! The matrix of address families: every host has an address of both, and each server is reached by one of them.

use super::matrix::{Cell, ELSEWHERE, run_all, word};
use crate::network::start_on;
use integration_tests::foreign::{
    End, Hosts, Kind, Page, Protection, Referee, Skipped, Who, say_skipped, shown,
};
use integration_tests::net::{Host, Network};
use integration_tests::site::sample;
use integration_tests::user::user;
use integration_tests::{or_skip, skip};

/// By which family a server is reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Family {
    V4,
    V6,
}

/// One side of the matrix; it lets foreign hosts take part.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Side {
    name: &'static str,
    who: Who,
    family: Family,
}

const fn side(name: &'static str, who: Who, family: Family) -> Side {
    Side { name, who, family }
}

const SIDES: [Side; 10] = [
    side("ftp-server v4", Who::Ours, Family::V4),
    side("vsftpd v4", Who::Theirs(Kind::Vsftpd), Family::V4),
    side("proftpd v4", Who::Theirs(Kind::Proftpd), Family::V4),
    side("pure-ftpd v4", Who::Theirs(Kind::PureFtpd), Family::V4),
    side("pyftpdlib v4", Who::Theirs(Kind::Pyftpdlib), Family::V4),
    side("ftp-server v6", Who::Ours, Family::V6),
    side("vsftpd v6", Who::Theirs(Kind::Vsftpd), Family::V6),
    side("proftpd v6", Who::Theirs(Kind::Proftpd), Family::V6),
    side("pure-ftpd v6", Who::Theirs(Kind::PureFtpd), Family::V6),
    side("pyftpdlib v6", Who::Theirs(Kind::Pyftpdlib), Family::V6),
];

impl Side {
    /// Starts it on a host whose address of IPv6 is `six`.
    fn start(self, host: &Host, six: &str, files: &[(&str, Vec<u8>)]) -> Result<End, Skipped> {
        let ip = if self.family == Family::V4 { host.ip() } else { six.to_owned() };
        start_on(host, &ip, (self.who, Hosts::Allowed), files)
    }
}

/// The file arrives, verified, and ftplib fetches the same; it goes directly where both servers are reached by one
/// family, and through this host where they are not.
fn cell(from: Side, to: Side) -> Result<&'static str, Skipped> {
    let mut network = Network::new()?;
    let [source, target, at] = ["source", "target", "user"].map(|name| network.host(name));
    let mut six = Vec::new();
    for host in [&source, &target, &at] {
        six.push(network.add_v6(host)?.to_string());
    }
    let sent = sample(300_000);
    let from_end = from.start(&source, &six[0], &[("a.bin", sent.clone())])?;
    let to_end = to.start(&target, &six[1], &[])?;
    let run = user().args(["copy", "--json", "--trace", "trace.txt", "--retries", "1", "--timeout", "10s"]);
    let run = run.args([from_end.url("a.bin"), to_end.url("b.bin")]);
    let run = at.run(|| run.run());
    let shown = format!("{} -> {}\n{}", from.name, to.name, shown(&run, &from_end, &to_end, ""));
    assert_eq!(run.code(), Some(0), "{shown}");
    assert!(to_end.bytes("b.bin") == sent, "the copy differs\n{shown}");
    assert_eq!(to_end.names(), ["b.bin"], "{shown}");
    let summary = run.summary();
    assert_ne!(summary["verified"], "none", "{shown}");
    let path = if from.family == to.family { "direct" } else { "user" };
    assert_eq!(summary["path"], path, "{shown}");
    let referee = Referee::of(&to_end, Protection::InClear);
    if let Err(skipped) = at.run(|| referee.fetches(&[("b.bin", sent)])) {
        say_skipped(skipped.0);
    }
    Ok(word(&run))
}

fn named(name: &str) -> Side {
    SIDES.into_iter().find(|side| side.name == name).unwrap()
}

#[test]
fn j01_two_servers_of_ipv6_exchange_a_file() {
    for (from, to) in [("ftp-server v6", "vsftpd v6"), ("vsftpd v6", "ftp-server v6")] {
        assert_eq!(or_skip!(cell(named(from), named(to))), "direct, D");
    }
}

#[test]
fn h10_i07_servers_of_two_families_exchange_a_file_through_this_host() {
    assert_eq!(or_skip!(cell(named("vsftpd v4"), named("ftp-server v6"))), "user");
}

/// `FOREIGN_MATRIX=all`: every ordered pair, except those of IPv4 alone, which the large matrix has.
#[test]
fn matrix_of_families() {
    if std::env::var_os("FOREIGN_MATRIX").is_none_or(|value| value != "all") {
        skip!("FOREIGN_MATRIX is not `all`; `.ci/full matrix-more` runs all pairs");
    }
    let pairs = SIDES.into_iter().flat_map(|from| SIDES.map(|to| (from, to)));
    let is_here = |from: Side, to: Side| from.family == Family::V6 || to.family == Family::V6;
    let cells: Vec<Cell<'_>> = pairs
        .map(|(from, to)| Cell {
            from: from.name,
            to: to.name,
            work: Box::new(move || if is_here(from, to) { cell(from, to) } else { Ok(ELSEWHERE) }),
        })
        .collect();
    let page = Page::named("matrix of families", SIDES.iter().map(|side| side.name.to_owned()).collect());
    run_all(page, &cells);
}
