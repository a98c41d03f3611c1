//! A firewall or a server cuts a control connection in the silence of a long transfer, and the transfer goes on: no byte is copied
//! twice, and nothing is called whole that is not.

use integration_tests::beside::each_beside;
use integration_tests::foreign::own_address;
use integration_tests::peer::{MODERN, Peer};
use integration_tests::relay::{Agent, Relay};
use integration_tests::site::sample;
use integration_tests::user::{Run, User, user};
use std::fs;

/// More than the sockets of a data connection hold.
const LARGE: usize = 30_000_000;

/// Servers that go on to the end of the file, with their control connection or without it.
const GOOD_SOURCE: &str =
    "RETR: 150 opening ; connection ; data 500 ; until go ; data 500..1000 ; end ; 226 sent";
const GOOD_DESTINATION: &str = "STOR: 150 opening ; connection ; until go ; drain ; 226 stored";
const CUT_SOURCE: &str = "RETR: 150 opening ; connection ; data 500 ; until go ; cut ; data 500..1000 ; end";
const CUT_DESTINATION: &str = "STOR: 150 opening ; connection ; until go ; cut ; drain";

fn copy() -> User {
    user().args(["copy", "--json", "--no-race", "--stall", "3s", "--retries", "1"])
}

fn source(rules: &str) -> Peer {
    Peer::start("127.0.0.2", &format!("{rules}\nSIZE a.txt: 213 1000\nMDTM: 213 20240422120000"), MODERN)
}

fn destination(rules: &str, sizes: &[&str]) -> Peer {
    let first = sizes.iter().map(|size| format!("once SIZE *.part: 213 {size}\n"));
    let all: String = first.collect();
    let last = sizes.last().unwrap_or(&"0");
    let rules = format!("{rules}\n{all}unrenamed SIZE *.part: 213 {last}\nSIZE: 550 no such file");
    Peer::start("127.0.0.3", &rules, MODERN)
}

/// A copy from server to server. The ends that say `until go` wait until 500 bytes were seen.
fn between(from: &Peer, to: &Peer) -> Run {
    along("direct", None, from, to)
}

fn along(path: &str, relay: Option<&Agent>, from: &Peer, to: &Peer) -> Run {
    let relay = relay.map(|relay| {
        let token = relay.token_file.display().to_string();
        ["--relay".to_owned(), relay.address.to_string(), "--relay-token-file".to_owned(), token]
    });
    let run = copy().args(relay.into_iter().flatten()).args(["--path", path]);
    let run = run.args([from.url("a.txt"), to.url("b.txt")]).start();
    run.wait_for("\"bytes\":500,");
    from.note("go");
    to.note("go");
    run.end()
}

#[test]
fn h35_a_file_whose_control_connection_is_cut_while_it_grows_is_looked_at_until_it_is_whole() {
    each_beside(
        [
            (GOOD_SOURCE, CUT_DESTINATION),
            (CUT_SOURCE, GOOD_DESTINATION),
            (CUT_SOURCE, CUT_DESTINATION),
            (GOOD_SOURCE, "STOR: 150 opening ; connection ; until go ; 421 idle for too long ; cut ; drain"),
        ],
        |(one, two)| {
            let (from, to) = (source(one), destination(two, &["500", "700", "700", "900", "1000"]));
            let run = between(&from, &to).exits(0).says("what is stored is as long as the source");
            assert_eq!((from.seen_of(&["RETR"]).len(), to.seen_of(&["STOR"]).len()), (1, 1), "{run}");
            assert_eq!([from.seen_of(&["ABOR"]), to.seen_of(&["ABOR"])], [[""; 0], [""; 0]], "{run}");
            assert_eq!(run.summary()["verified"], "size", "{run}");
            assert_eq!(to.seen_of(&["RNTO"]), ["RNTO b.txt"], "{run}");
        },
    );
}

#[test]
fn h35_a_file_that_stands_still_or_was_never_seen_to_grow_is_copied_again() {
    let cut_source = "once RETR: 150 opening ; connection ; data 500 ; until go ; cut ; data 500..1000 ; end";
    let cut_destination = "once STOR: 150 opening ; connection ; until go ; cut ; drain";
    // The second one has the length of the source from its first byte.
    each_beside([["500", "700"], ["500", "1001"]], |sizes| {
        let (from, to) = (source(cut_source), destination(cut_destination, &sizes));
        let run = between(&from, &to).never_says("as long as the source");
        assert_eq!(to.seen_of(&["RNTO"]), [""; 0], "{run}");
        assert_eq!(to.seen_of(&["STOR"]).len(), 2, "{run}");
    });
    let whole = "once RETR: 150 opening ; connection ; data 1000 ; until go ; cut ; end";
    let (from, to) = (source(whole), destination(cut_destination, &["1000"]));
    let run = copy().args(["--path", "direct"]).args([from.url("a.txt"), to.url("b.txt")]).start();
    run.wait_for("\"bytes\":1000,");
    from.note("go");
    to.note("go");
    let run = run.end().never_says("as long as the source");
    assert_eq!(to.seen_of(&["STOR"]).len(), 2, "{run}");
}

#[test]
fn h35_an_upload_goes_on_without_its_control_connection() {
    let size = LARGE.to_string();
    for stores in
        ["STOR: 150 opening ; connection ; cut ; drain", "STOR: 150 opening ; connection ; drain ; cut"]
    {
        let to = destination(stores, &["500", "700", &size]);
        let run = copy().file("a.bin", sample(LARGE)).args(["a.bin".to_owned(), to.url("b.bin")]).run();
        let run = run.exits(0).says("what is stored is as long as the source");
        assert_eq!(to.seen_of(&["STOR"]).len(), 1, "{run}");
        assert_eq!(to.seen_of(&["RNTO"]), ["RNTO b.bin"], "{run}");
    }
}

#[test]
fn h35_an_upload_that_was_never_seen_to_grow_or_whose_source_goes_is_stored_again() {
    let cut = "once STOR: 150 opening ; connection ; cut ; drain";
    let whole = "STOR: 150 opening ; connection ; drain ; 226 stored";
    let size = LARGE.to_string();
    // Some servers give a file its length first, and some refuse it after its last byte.
    for (verb, sizes) in [("copy", vec![size.as_str()]), ("move", vec!["500", "700", &size])] {
        let to = destination(&format!("{cut}\n{whole}"), &sizes);
        let run = user().args([verb, "--json", "--stall", "3s", "--retries", "1"]);
        let run = run.file("a.bin", sample(LARGE)).args(["a.bin".to_owned(), to.url("b.bin")]).run();
        let run = run.never_says("as long as the source");
        assert_eq!(to.seen_of(&["STOR"]).len(), 2, "{run}");
    }
}

#[test]
fn h35_a_download_goes_on_without_its_control_connection() {
    for (sends, attempts) in [
        ("RETR: 150 opening ; connection ; data 500 ; cut ; data 500..1000 ; end", 1),
        ("RETR: 150 opening ; connection ; data 1000 ; end ; cut", 1),
        ("once RETR: 150 opening ; connection ; data 999 ; cut ; end", 2),
    ] {
        let from = source(sends);
        let run = copy().args([from.url("a.txt"), "b.txt".to_owned()]).run().exits(0);
        assert_eq!(from.seen_of(&["RETR"]).len(), attempts, "{run}");
        assert!(fs::read(run.home().join("b.txt")).unwrap() == sample(1000), "{run}");
    }
}

#[test]
fn h35_a_file_through_this_host_or_a_relay_goes_on_without_a_control_connection() {
    for path in ["user", "relay"] {
        each_beside(
            [(GOOD_SOURCE, CUT_DESTINATION), (CUT_SOURCE, GOOD_DESTINATION), (CUT_SOURCE, CUT_DESTINATION)],
            |(one, two)| {
                let (from, to) = (source(one), destination(two, &["500", "700", "700", "900", "1000"]));
                let relay =
                    Relay::new().at(&own_address().to_string()).server("127.0.0.2").server("127.0.0.3");
                let run = along(path, Some(&relay.start()), &from, &to);
                let run = run.exits(0).says("what is stored is as long as the source");
                assert_eq!((from.seen_of(&["RETR"]).len(), to.seen_of(&["STOR"]).len()), (1, 1), "{run}");
                assert_eq!(to.seen_of(&["RNTO"]), ["RNTO b.txt"], "{run}");
            },
        );
    }
}

#[test]
fn h35_a_file_of_which_a_host_in_the_middle_has_counted_less_is_never_whole() {
    // The destination gives the file its length first, and says that it has stored it.
    for path in ["user", "relay"] {
        let from = source("RETR: 150 opening ; connection ; data 500 ; until go ; cut ; end");
        let to = destination("STOR: 150 opening ; connection ; drain ; 226 stored", &["1000"]);
        let relay = Relay::new().at(&own_address().to_string()).server("127.0.0.2").server("127.0.0.3");
        let run = along(path, Some(&relay.start()), &from, &to).exits(5);
        assert_eq!(to.seen_of(&["RNTO"]), [""; 0], "{run}");
    }
}

#[test]
fn d5_a_file_of_which_a_host_in_the_middle_has_counted_less_is_not_verified_by_its_size() {
    // Nothing is cut. The destination gives the file its length first.
    for path in ["user", "relay"] {
        let from = source("RETR: 150 opening ; connection ; data 500 ; until go ; end ; 226 sent");
        let to = destination("STOR: 150 opening ; connection ; drain ; 226 stored", &["1000"]);
        let relay = Relay::new().at(&own_address().to_string()).server("127.0.0.2").server("127.0.0.3");
        let run = along(path, Some(&relay.start()), &from, &to)
            .exits(7)
            .says("of which 500 have passed the host in the middle");
        assert_eq!(to.seen_of(&["RNTO"]), [""; 0], "{run}");
    }
}

#[test]
fn h35_a_whole_file_needs_no_second_copy_although_both_control_connections_were_cut() {
    let (from, to) = (source(CUT_SOURCE), destination(CUT_DESTINATION, &["1000"]));
    let run = along("user", None, &from, &to).exits(0).says("what is stored is as long as the source");
    assert_eq!((from.seen_of(&["RETR"]).len(), to.seen_of(&["STOR"]).len()), (1, 1), "{run}");
}
