//! One real server, one scripted end, the real user agent between them: what the simulator does to a
//! pair of machines, done once to the programs.

use integration_tests::peer::{MODERN, Peer};
use integration_tests::site::{Server, Site, sample};
use integration_tests::socket::listen;
use integration_tests::user::{Run, Started, user};

const OLD: &[u8] = b"what was there before";

/// A source that sends half a file and then nothing, until it is told to stop.
const STALLING: &str = "SIZE a.txt: 213 1000\n\
    RETR: 150 opening ; connection ; data 500\n\
    ABOR: reset-data ; 426 aborted ; 226 done";

/// A real destination that lets scripted sources in: they know no RNDZ.
fn open_target() -> Server {
    Site::new("target")
        .at("127.0.0.3")
        .args(["--foreign", "authenticated", "--foreign-networks", "127.0.0.0/8"])
        .file("b.txt", OLD)
        .start()
}

fn start(from: &str, to: &str, more: &[&str]) -> Started {
    user()
        .args(["copy", "--no-race", "--json", "--path", "direct", "--retries", "0", "--timeout", "3s"])
        .args(more)
        .args([from, to])
        .start()
}

fn copy(from: &str, to: &str) -> Run {
    start(from, to, &["--stall", "3s"]).end()
}

#[test]
fn data_that_stalls_is_given_up_and_the_old_file_stays() {
    let from = Peer::start("127.0.0.2", STALLING, MODERN);
    let to = open_target();
    copy(&from.url("a.txt"), &to.url("b.txt")).exits(5);
    assert_eq!(from.seen_of(&["ABOR"]).len(), from.seen_of(&["RETR"]).len(), "{:?}", from.seen());
    assert_eq!((to.bytes("b.txt"), to.names()), (OLD.to_vec(), vec!["b.txt".to_owned()]));
}

#[test]
fn a_stall_is_seen_where_the_destination_stores_under_a_hidden_name() {
    // At the slowest rate that is waited for, such a file takes days.
    let size = STALLING.replace("213 1000", "213 4000000000");
    let from = Peer::start("127.0.0.2", &size, MODERN);
    let to = Peer::start("127.0.0.3", "SIZE .in..*: 213 500\nSIZE *: 550 no such file", MODERN);
    let run = user()
        .args(["copy", "--no-race", "--json", "--path", "direct", "--retries", "0", "--timeout", "20s"])
        .args(["--stall", "5s", &from.url("a.txt"), &to.url("b.txt")])
        .run();
    run.exits(5).says("nothing moved between the servers for 5 s (stall timer), after 500 bytes");
}

#[test]
fn data_that_is_reset_is_no_whole_file() {
    let from = Peer::start(
        "127.0.0.2",
        "SIZE a.txt: 213 1000\nRETR: 150 opening ; connection ; data 500 ; reset-data ; 226 sent",
        MODERN,
    );
    let to = open_target();
    let run = copy(&from.url("a.txt"), &to.url("b.txt")).fails();
    assert_eq!(run.summary()["ok"], false);
    assert_eq!((to.bytes("b.txt"), to.names()), (OLD.to_vec(), vec!["b.txt".to_owned()]));
}

#[test]
fn h33_an_interrupt_leaves_nothing_of_its_own() {
    let from = Peer::start("127.0.0.2", STALLING, MODERN);
    let to = open_target();
    let run = start(&from.url("a.txt"), &to.url("b.txt"), &["--stall", "60s"]);
    from.wait_for("> 150");
    run.interrupt();
    run.end().exits(10).says("interrupted");
    assert_eq!(from.seen_of(&["ABOR"]), ["ABOR"]);
    assert_eq!((to.bytes("b.txt"), to.names()), (OLD.to_vec(), vec!["b.txt".to_owned()]));
}

#[test]
fn a_destination_without_a_free_port_does_not_listen() {
    // SOCK reserves a port of the same range for the connection that it begins.
    let busy = listen("127.0.0.3", 0);
    let port = busy.local_addr().unwrap().port();
    let from = Site::new("source").file("a.bin", sample(1000)).start();
    let range = format!("{port}-{port}");
    let to = Site::new("target").at("127.0.0.3").args(["--passive-ports", &range]).file("b.txt", OLD).start();
    copy(&from.url("a.bin"), &to.url("b.txt")).exits(6).says("127.0.0.3").says("no data port is free");
    assert_eq!((to.bytes("b.txt"), to.names()), (OLD.to_vec(), vec!["b.txt".to_owned()]));
}

#[test]
fn a_listener_that_cannot_be_reached_lets_the_source_listen() {
    let from = Site::new("source")
        .args(["--foreign", "authenticated", "--foreign-networks", "127.0.0.0/8", "--connect-timeout", "1s"])
        .file("a.bin", sample(1000))
        .start();
    let to = Peer::start(
        "127.0.0.3",
        "once PASV: listen ; 227 Entering Passive Mode ({commas}) ; unlisten\n\
         ABOR: 225 nothing\nSIZE b.txt: 550 no such file",
        MODERN,
    );
    let run = copy(&from.url("a.bin"), &to.url("b.txt")).exits(0);
    assert_eq!(run.summary()["rung"], "source-listens", "{run}");
    assert_eq!(to.seen_of(&["RNTO"]), ["RNTO b.txt"]);
}
