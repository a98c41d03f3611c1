//! Deaf, late and closing parties: whatever one end does at whatever command, the run ends, the other
//! end's session is released, and nothing stands under the final name.

use integration_tests::beside::each_of;
use integration_tests::peer::{MODERN, OLD, Peer};
use integration_tests::user::{Run, copies, user};

/// What an end does instead of answering.
const FAULTS: [&str; 4] = ["hang", "close", "reset", "silent"];

/// Rules of servers that know SOCK and LSTN beside what every server of today knows.
const SOCKETS: &str = "\
FEAT: 211-Features\\r\\n SIZE\\r\\n SOCK\\r\\n LSTN R;S\\r\\n211 End
LSTN: listen ; 255 SOCK {port}
SOCK: target ; 255 SOCK {sock}
ABOR: 426 aborted ; 226 done
";

const SOURCE: &str = "SIZE a.txt: 213 1000\n";
const DESTINATION: &str = "SIZE b.txt: 550 no such file\n";

fn copy(from: &Peer, to: &Peer) -> Run {
    copies(
        &["--path", "direct", "--retries", "0", "--timeout", "1s", "--stall", "2s"],
        [from.url("a.txt"), to.url("b.txt")],
    )
    .run()
}

/// A copy between servers with these rules. Nothing stands under the final name; whoever was connected has been left or has
/// left.
fn left_in_vain(source: &str, destination: &str) -> (Peer, Peer, Run) {
    let (from, to) = ends(source, destination);
    let run = copy(&from, &to);
    released(&from, &run);
    released(&to, &run);
    (from, to, run)
}

fn ends(source: &str, destination: &str) -> (Peer, Peer) {
    let from = Peer::start("127.0.0.2", &format!("{source}\n{SOURCE}{SOCKETS}"), MODERN);
    (from, Peer::start("127.0.0.3", &format!("{destination}\n{DESTINATION}{SOCKETS}"), MODERN))
}

fn released(peer: &Peer, run: &Run) {
    peer.wait_for_the_end_of_all();
    let seen = peer.seen();
    assert!(!seen.iter().any(|line| line.starts_with("RNTO")), "{seen:#?}\n{run}");
}

/// One faulty end, at one command or with its greeting; the other end is a good one.
fn fault(at_source: bool, bad: &str) {
    let (source, destination) = if at_source { (bad, "") } else { ("", bad) };
    let (_, _, run) = left_in_vain(source, destination);
    let run = run.exits(5).says(if at_source { "127.0.0.2" } else { "127.0.0.3" });
    assert!(!run.said.contains("panicked"), "{bad}\n{run}");
}

#[test]
fn a_faulty_answer_to_any_command() {
    let at_source = ["USER", "FEAT", "TYPE", "SOCK", "RETR"].map(|command| (true, command));
    let at_destination = ["PASS", "FEAT", "TYPE", "LSTN", "SOCK", "STOR"].map(|command| (false, command));
    let commands = at_source.into_iter().chain(at_destination);
    let cases = commands.flat_map(|(at, command)| FAULTS.map(|kind| (at, format!("{command}: {kind}"))));
    each_of(&cases.collect::<Vec<_>>(), |(at_source, bad)| fault(*at_source, bad));
}

#[test]
fn a_faulty_greeting() {
    for (kind, at_source) in [("hang", true), ("close", true), ("reset", false), ("hang", false)] {
        fault(at_source, &format!("greet {kind}"));
    }
}

#[test]
fn an_end_that_falls_silent_after_its_preliminary_reply() {
    for (source, destination) in [
        ("RETR: 150 opening ; hang", ""),
        ("", "STOR: 150 opening ; hang"),
        ("RETR: 150 opening ; close", ""),
        ("", "STOR: 150 opening ; accept ; reset"),
        ("RETR: 150 opening ; dial ; data 500 ; hang", ""),
    ] {
        let (_, _, run) = left_in_vain(source, destination);
        drop(run.exits(5));
    }
}

#[test]
fn one_end_is_done_and_the_other_never_says_so() {
    let (_, _, run) = left_in_vain("", "STOR: 150 opening ; accept ; drain ; hang");
    drop(run.exits(5).says("127.0.0.3"));
}

#[test]
fn an_end_that_is_deaf_to_abor() {
    let (_, to, run) = left_in_vain("RETR: 150 opening\nABOR: hang", "STOR: 553 no");
    to.wait_for("QUIT");
    drop(run.exits(4).says("553 no"));
}

#[test]
fn h20_a_server_that_never_answers_abor_is_waited_for_once_in_a_run() {
    let from = Peer::start(
        "127.0.0.2",
        &format!("RETR: 150 opening\nABOR: silent\nNOOP: silent\nSIZE: 213 1000\n{SOURCE}{SOCKETS}"),
        MODERN,
    );
    let directory =
        "SIZE *.txt: 550 no such file\nMLST: 550 none\nCWD *.txt: 550 no directory\nCWD: 250 there";
    let to = Peer::start("127.0.0.3", &format!("STOR: 553 no\n{directory}\n{SOCKETS}"), MODERN);
    let run = user()
        .args(["copy", "--no-race", "--retries", "0", "--timeout", "1s", "--jobs", "1", "--path", "direct"])
        .args(["a.txt", "b.txt", "c.txt"].map(|name| from.url(name)))
        .args([to.url("d/")])
        .run();
    let asked = (from.seen_of(&["RETR"]).len(), from.seen_of(&["ABOR"]).len());
    assert!(asked.0 >= 3 && asked.1 == 1, "{asked:?}\n{run}");
    drop(run.exits(4).says("553 no"));
}

#[test]
fn replies_that_come_late_but_come() {
    // The replies to RETR wait for the connection, those to STOR for the whole file: no promise was broken.
    let (from, to) = ends(
        "RETR: dial ; data 1000 ; end ; 150 opening ; 226 sent",
        "STOR: accept ; drain ; 150 opening ; 226 stored",
    );
    drop(copy(&from, &to).exits(0));
    assert_eq!(to.seen_of(&["RNTO"]).len(), 1);
}

#[test]
fn final_replies_without_a_preliminary_one() {
    let (from, to) = ends("RETR: dial ; data 1000 ; end ; 226 sent", "STOR: accept ; drain ; 226 stored");
    drop(copy(&from, &to).exits(0));
}

#[test]
fn the_same_in_1973() {
    let old = "HELP: 200-SOCK\\r\\n LSTN R;S\\r\\n SIZE\\r\\n200 end\nABOR: 452 aborted ; 201 done";
    for (source, destination) in
        [("RETR: hang", ""), ("", "APPE: hang\nSTOR: close"), ("SOCK: reset", ""), ("", "LSTN: silent")]
    {
        let from = Peer::start("127.0.0.2", &format!("{source}\nSIZE a.txt: 200 1000\n{old}"), OLD);
        let to = Peer::start("127.0.0.3", &format!("{destination}\nSIZE: 450 no\n{old}"), OLD);
        let run = copy(&from, &to);
        released(&from, &run);
        released(&to, &run);
        drop(run.exits(5));
    }
}
