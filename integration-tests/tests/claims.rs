//! Servers that say 150 before their data connection stands: what they say is a claim, which is not taken for a win.

use integration_tests::peer::{MODERN, Peer};
use integration_tests::user::{Run, user};

const SOURCE: &str = "SIZE a.txt: 213 1000\nMLST: 500 no\nCWD a.txt: 550 no directory";
const DESTINATION: &str =
    "SIZE b.txt: 550 no such file\nMLST: 500 no\nCWD b.txt: 550 no directory\nCWD: 250 there";

/// Both ends say at once that they have begun, and no data connection ever stands.
const EARLY: &str = "ABOR: 426 stopped ; 226 aborted";

fn peers(source: &str, destination: &str) -> (Peer, Peer) {
    let from = Peer::start("127.0.0.2", &format!("{source}\n{SOURCE}"), MODERN);
    (from, Peer::start("127.0.0.3", &format!("{destination}\n{DESTINATION}"), MODERN))
}

/// A race from server to server, in which no stall clock ends anything.
fn race(from: &Peer, to: &Peer) -> Run {
    let run = user().args(["copy", "--json", "--path", "direct", "--retries", "0", "--stall", "1h"]);
    let run = run.args([from.url("a.txt"), to.url("b.txt")]).run();
    from.wait_for_the_end_of_all();
    to.wait_for_the_end_of_all();
    run
}

#[test]
fn h17_two_servers_that_say_150_too_early_lose_to_the_direction_that_works() {
    let (from, to) = peers(
        &format!("once RETR: 150 opening ; await ABOR\n{EARLY}"),
        &format!("once STOR: 150 opening ; await ABOR\n{EARLY}"),
    );
    let run = race(&from, &to).exits(0);
    assert_eq!(run.summary()["rung"], "source-listens", "{run}");
    assert_eq!(run.events("file")[0]["verified"], "size", "{run}");
    for peer in [&from, &to] {
        assert_eq!(peer.seen_of(&["ABOR"]).len(), 1, "the loser is told so\n{run}");
    }
    let names: Vec<_> = to.seen_of(&["STOR"]);
    assert!(names.len() == 2 && names[0] != names[1], "each candidate has its own name: {names:?}");
    assert_eq!(to.seen_of(&["RNTO"]).len(), 1, "{run}");
}

/// The transfer is slow, so that it takes longer than a claim may stand; `size` is the first answer about the part.
fn slow(size: &str) -> (Peer, Peer, Run) {
    let source = "RETR: 150 opening ; connection ; data 10 ; pause 4000 ; data 10..1000 ; end ; 226 sent";
    let destination = format!(
        "once SIZE *.ftp-user.part: {size}\nSIZE *.ftp-user.part: 213 1000\n\
         STOR: 150 opening ; connection ; drain ; 226 stored"
    );
    let (from, to) = peers(source, &destination);
    let run = race(&from, &to);
    (from, to, run)
}

#[test]
fn h17_a_claim_becomes_certain_when_the_destination_has_received_something() {
    let (from, to, run) = slow("213 10");
    assert_eq!(run.exits(0).summary()["rung"], "dest-listens");
    assert_eq!((from.seen_of(&["RETR"]).len(), to.seen_of(&["STOR"]).len()), (1, 1));
}

#[test]
fn h17_a_claim_that_nobody_can_judge_is_believed() {
    // Other questions about the part are answered when the file is complete.
    let (from, to, run) = slow("550 not yet");
    assert_eq!(run.exits(0).summary()["rung"], "dest-listens");
    assert_eq!((from.seen_of(&["RETR"]).len(), to.seen_of(&["STOR"]).len()), (1, 1));
}

#[test]
fn h17_a_server_that_says_125_or_is_known_to_say_150_late_needs_no_second_session() {
    for (greeting, reply) in [("220 fake ready", "125 open"), ("220 (vsFTPd 3.0.3)", "150 opening")] {
        let stor = format!(
            "greet {greeting}\nSTOR: {reply} ; connection ; drain ; pause 1500 ; 226 stored\n\
             once SIZE b.txt: 550 no such file\nSIZE b.txt: 213 1000"
        );
        let (from, to) = peers("", &stor);
        let run = race(&from, &to).exits(0);
        assert_eq!(run.summary()["rung"], "dest-listens", "{run}");
        let sessions = to.seen().iter().filter(|line| *line == "connected").count();
        assert_eq!(sessions, 1, "nobody asks beside\n{run}");
    }
}
