//! How many round trips a copy between two of our servers takes: commands that are sent together need one.

use integration_tests::site::{Site, sample};
use integration_tests::user::user;

/// The dialogue with one server: its commands, in bursts that nothing was heard between. Each burst is a round trip.
fn bursts(trace: &str, column: usize) -> Vec<Vec<String>> {
    let mut bursts: Vec<Vec<String>> = Vec::new();
    let mut heard = true;
    for line in trace.lines() {
        let (left, right) = line.split_once(" |").unwrap_or((line, ""));
        let text = if column == 0 { left.get(10..).unwrap_or_default() } else { right };
        match text.trim().split_at_checked(2) {
            Some(("> ", command)) => {
                if heard {
                    bursts.push(Vec::new());
                }
                bursts.last_mut().unwrap().push(command.split(' ').next().unwrap().to_owned());
                heard = false;
            }
            Some(("< ", _)) => heard = true,
            _ => {}
        }
    }
    bursts
}

/// The number of the burst in which a command is sent, from 1.
fn place(bursts: &[Vec<String>], verb: &str) -> usize {
    1 + bursts.iter().position(|burst| burst.iter().any(|sent| sent == verb)).unwrap()
}

#[test]
fn t14_a_login_and_a_copy_take_few_round_trips_at_either_end() {
    let state = tempfile::tempdir().unwrap();
    let state = state.path().to_str().unwrap();
    let source = Site::new("source").at("127.0.0.2").file("a.bin", sample(100_000)).start();
    let target = Site::new("target").at("127.0.0.3").start();
    for name in ["cold.bin", "remembered.bin"] {
        let run = user().args(["copy", "--state", state, "--trace", "trace.txt"]);
        let run = run.args([source.url("a.bin"), target.url(name)]).run().exits(0);
        let trace = String::from_utf8(run.bytes("trace.txt")).unwrap();
        let [from, to] = [0, 1].map(|column| bursts(&trace, column));
        let shown = format!("{name}: {from:?}\n{to:?}\n{trace}");
        // Each server is asked for TLS first. In clear the password waits until it is asked for.
        for end in [&from, &to] {
            let begin = [vec!["AUTH"], vec!["USER"], vec!["PASS", "FEAT", "OPTS"]];
            assert_eq!(end[..3], begin, "{shown}");
        }
        assert!(place(&from, "RETR") <= 7, "{shown}");
        assert!(place(&to, "STOR") <= 7, "{shown}");
        // The source waits for the port of the destination once, and nobody waits for the reply to QUIT.
        assert!(from.len() <= 9, "{shown}");
        assert!(to.len() <= 9, "{shown}");
    }
}

#[test]
fn t14_inside_tls_the_transfer_commands_are_in_the_fifth_round_trip_after_the_handshake() {
    let state = tempfile::tempdir().unwrap();
    let state = state.path().to_str().unwrap();
    let source = Site::new("source").at("127.0.0.2").tls().file("a.bin", sample(100_000)).start();
    let target = Site::new("target").at("127.0.0.3").tls().start();
    for name in ["cold.bin", "remembered.bin"] {
        let run = user().args(["copy", "--state", state, "--trace", "trace.txt"]);
        let run = run.args(["--pin", &source.pin(), "--pin", &target.pin()]);
        let run = run.args([source.implicit_url("a.bin"), target.implicit_url(name)]).run().exits(0);
        let trace = String::from_utf8(run.bytes("trace.txt")).unwrap();
        let [from, to] = [0, 1].map(|column| bursts(&trace, column));
        let shown = format!("{name}: {from:?}\n{to:?}\n{trace}");
        for end in [&from, &to] {
            assert_eq!(end[0], ["USER", "PASS", "PBSZ", "PROT", "FEAT", "OPTS"], "{shown}");
        }
        assert!(place(&from, "RETR") <= 5, "{shown}");
        assert!(place(&to, "STOR") <= 5, "{shown}");
        // Nobody waits for the reply to QUIT.
        assert!(to.len() <= 8, "{shown}");
    }
}
