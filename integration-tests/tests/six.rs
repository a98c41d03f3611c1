//! Two servers that are reached by IPv6 and do not list EPSV and EPRT in FEAT.

use integration_tests::peer::{MODERN, Peer};
use integration_tests::user::{Run, copies};

const EXTENDED: &str = "EPSV: listen ; 229 Entering Extended Passive Mode (|||{port}|)\nEPRT: unlisten ; target ; 200 noted\n\
    PASV: 522 use EPSV\nPORT: 522 use EPRT";

/// The rung of a copy between two servers at `::1`, which have these rules first, and both.
fn copy(source: &str, destination: &str) -> (Peer, Peer, Run) {
    let source =
        format!("{source}\nSIZE a.txt: 213 1000\nMLST: 500 no\nCWD a.txt: 550 no directory\n{EXTENDED}");
    let destination = format!(
        "{destination}\nSIZE b.txt: 550 no such file\nMLST: 500 no\nCWD b.txt: 550 no directory\n{EXTENDED}"
    );
    let (from, to) = (Peer::start("::1", &source, MODERN), Peer::start("::1", &destination, MODERN));
    let run =
        copies(&["--json", "--path", "direct", "--retries", "0"], [from.url("a.txt"), to.url("b.txt")]).run();
    (from, to, run)
}

#[test]
fn j01_epsv_and_eprt_are_used_over_ipv6_although_feat_lists_neither() {
    let (from, to, run) = copy("", "");
    assert_eq!(run.exits(0).summary()["rung"], "dest-listens");
    assert_eq!((to.seen_of(&["EPSV"]).len(), from.seen_of(&["EPRT"]).len()), (1, 1));
    for peer in [&from, &to] {
        assert_eq!(peer.seen_of(&["PASV", "PORT"]), [""; 0]);
    }
}

#[test]
fn j01_a_server_without_feat_is_asked_as_well() {
    let (_, _, run) = copy("FEAT: 500 what", "FEAT: 502 what");
    assert_eq!(run.exits(0).summary()["rung"], "dest-listens");
}

#[test]
fn j01_the_end_that_refuses_epsv_or_the_other_one_eprt_connects() {
    for (source, destination) in [("", "EPSV: 500 what"), ("EPRT: 502 not here", "")] {
        let (from, to, run) = copy(source, destination);
        assert_eq!(run.exits(0).summary()["rung"], "source-listens", "{source} {destination}");
        assert_eq!((from.seen_of(&["EPSV"]).len(), to.seen_of(&["EPRT"]).len()), (1, 1));
    }
}

#[test]
fn j01_two_servers_that_know_neither_have_no_direct_path() {
    let neither = "EPSV: 500 what\nEPRT: 500 what";
    let (_, _, run) = copy(neither, neither);
    run.exits(6).says("what");
}
