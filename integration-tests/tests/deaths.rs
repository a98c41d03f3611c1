//! A server or a relay dies while candidates race: the file still arrives by another candidate, or the failure names
//! who has died. Nothing stands under the final name that is not whole, and no session is left.

use integration_tests::foreign::own_address;
use integration_tests::peer::{MODERN, Peer};
use integration_tests::relay::{Agent, Relay};
use integration_tests::site::{Server, Site, sample};
use integration_tests::user::{Run, User, user};
use rustix::process::Signal;
use std::thread;

const SOURCE: &str = "SIZE a.bin: 213 1000";
const DESTINATION: &str = "SIZE b.bin: 550 no such file";

/// A copy whose candidates race.
fn copy(args: &[&str]) -> User {
    user().args(["copy", "--json", "--timeout", "5s", "--stall", "3s", "--trace", "trace.txt"]).args(args)
}

fn peer(rules: &str, base: &str) -> Peer {
    Peer::start(&own_address().to_string(), &format!("{rules}\n{base}"), MODERN)
}

/// The whole server at one end dies at this point. The failure names it, and the other end is left.
fn dies(at_source: bool, rule: &str) {
    let (one, two) = if at_source { (rule, "") } else { ("", rule) };
    let (from, to) = (peer(one, SOURCE), peer(two, DESTINATION));
    let run = copy(&["--retries", "0"]).args([from.url("a.bin"), to.url("b.bin")]).run();
    let culprit = if at_source { from.address() } else { to.address() };
    for end in [&from, &to] {
        end.wait_for_the_end_of_all();
        let seen = end.seen();
        assert!(!seen.iter().any(|line| line.starts_with("RNTO")), "{rule}: {seen:#?}\n{run}");
    }
    let run = run.exits(5).says(&culprit.ip().to_string());
    assert!(!run.said.contains("panicked"), "{rule}\n{run}");
}

/// The same at each of these points.
fn dies_at<const N: usize>(points: [(bool, &'static str); N]) {
    let runs = points.map(|(at_source, rule)| (rule, thread::spawn(move || dies(at_source, rule))));
    for (rule, run) in runs {
        assert!(run.join().is_ok(), "{rule}");
    }
}

#[test]
fn h35_a_server_that_dies_in_a_race_before_anything_moves_is_named() {
    dies_at([(true, "RETR: die"), (false, "STOR: die"), (true, "PORT: die"), (false, "PASV: die")]);
}

#[test]
fn h35_a_server_that_dies_after_both_ends_move_is_named() {
    dies_at([
        (true, "RETR: 150 opening ; connection ; data 400 ; die"),
        (false, "STOR: 150 opening ; connection ; die"),
        (true, "RETR: 150 opening ; connection ; data 1000 ; end ; die"),
    ]);
}

#[test]
fn h35_a_killed_destination_is_named_and_leaves_no_session_at_the_source() {
    let script = "SIZE a.bin: 213 1000000\nRETR: 150 opening ; connection ; data 500000 ; await ABOR\n\
        ABOR: reset-data ; 426 aborted ; 226 done";
    for half in [false, true] {
        let wait = "SIZE a.bin: 213 1000000\nRETR: await ABOR";
        let from = peer(if half { script } else { wait }, "");
        let to = Site::new("open").at(&own_address().to_string());
        let to = to.args(["--foreign", "authenticated", "--foreign-networks", "127.0.0.0/8"]);
        let to = to.file("b.bin", "old").start();
        let run = copy(&["--retries", "0", "--path", "direct"]);
        let run = run.args([from.url("a.bin"), to.url("b.bin")]).start();
        from.wait_for("RETR");
        if half {
            to.until_part(1);
        }
        to.running.signal(Signal::KILL);
        let run = run.end();
        from.wait_for_the_end_of_all();
        assert_eq!(to.bytes("b.bin"), b"old", "{run}");
        run.exits(5).says(&to.ip().to_string());
    }
}

#[test]
fn h17_a_loser_whose_server_hangs_up_when_it_is_told_to_stop_does_no_harm() {
    let from = peer("once RETR: await ABOR\nonce ABOR: close", SOURCE);
    let to = peer("", DESTINATION);
    let run = copy(&["--retries", "0", "--path", "direct"]);
    let run = run.args([from.url("a.bin"), to.url("b.bin")]).run().exits(0);
    assert_eq!(run.summary()["rung"], "source-listens", "{run}");
    for end in [&from, &to] {
        end.wait_for_the_end_of_all();
    }
    let renamed = to.seen_of(&["RNTO"]);
    assert_eq!(renamed, ["RNTO b.bin"], "{:#?}", to.seen());
}

/// A source that lets the relay in and nobody else. The first time it sends half of the file, and waits.
const HALF: &str = "SIZE a.bin: 213 1000000\n\
    PORT {relay},*: unlisten ; target ; 200 noted\n\
    PORT: 500 Illegal PORT command\n\
    once RETR: 150 opening ; connection ; data 500000 ; await ABOR\n\
    ABOR: reset-data ; 426 aborted ; 226 done\n\
    RETR: 150 opening ; connection ; data 1000000 ; end ; 226 sent";

struct Scene {
    from: Peer,
    to: Server,
    agents: Vec<Agent>,
}

/// A source, a destination that takes no foreign host, and so many relays.
fn scene(script: &str, relays: usize) -> Scene {
    let to = Site::new("shy").at(&own_address().to_string()).args(["--foreign", "never"]).start();
    let hosts: Vec<String> = (0..relays).map(|_| own_address().to_string()).collect();
    let relay = hosts.first().cloned().unwrap_or_default().replace('.', ",");
    let from = peer(&script.replace("{relay}", &relay), "");
    let start = |host: &String| {
        let relay = Relay::new().at(host).server(&from.address().ip().to_string());
        relay.server(&to.ip().to_string()).start()
    };
    let agents = hosts.iter().map(start).collect();
    Scene { from, to, agents }
}

impl Scene {
    fn copy(&self, args: &[&str]) -> User {
        let run =
            self.agents.iter().fold(copy(args), |run, agent| run.relay(agent.address, &agent.token_file));
        run.args([self.from.url("a.bin"), self.to.url("b.bin")])
    }

    /// The file has arrived, and nothing else is left.
    fn arrived(&self, run: &Run) {
        self.from.wait_for_the_end_of_all();
        assert!(self.to.bytes("b.bin") == sample(1_000_000), "{run}");
        assert_eq!(self.to.names(), ["b.bin"], "{run}");
    }
}

#[test]
fn r12_a_relay_that_is_killed_after_it_has_won_the_race_costs_no_file() {
    let scene = scene(HALF, 1);
    let run = scene.copy(&["--no-resume"]).start();
    scene.agents[0].running.logs("joined");
    scene.to.until_part(500_000);
    scene.agents[0].running.signal(Signal::KILL);
    let run = run.end().exits(0);
    assert_eq!(run.summary()["path"], "user", "{run}");
    scene.arrived(&run);
}

#[test]
fn r12_a_relay_that_is_killed_before_it_joins_leaves_the_race_to_the_others() {
    let script = "SIZE a.bin: 213 1000000\nPORT: 500 Illegal PORT command\n\
        RETR: 150 opening ; connection ; data 1000000 ; end ; 226 sent";
    let scene = scene(script, 2);
    let run = scene.copy(&[]).start();
    scene.agents[0].running.logs(": tunnel ");
    scene.agents[0].running.signal(Signal::KILL);
    let run = run.end().exits(0);
    scene.arrived(&run);
    let dead = scene.agents[0].address.to_string();
    assert_ne!(run.summary()["relay"], dead, "{run}");
}
