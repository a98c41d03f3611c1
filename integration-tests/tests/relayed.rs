//! The three programs together: ftp-user, ftp-relay-agent and two ftp-servers, each at an address of
//! its own; and what may go wrong between them.

mod hostile;
mod legs;
mod private;
mod unix;

use ftp_proto::dialect::Dialect::{Rfc354, Rfc959};
use integration_tests::foreign::own_address;
use integration_tests::or_skip;
use integration_tests::peer::{MODERN, Peer};
use integration_tests::relay::{Agent, Relay, wrong_token_file};
use integration_tests::site::{PASSWORD, Server, Site, sample};
use integration_tests::socket;
use integration_tests::terminal::at_a_terminal;
use integration_tests::user::{Run, User, job, user};
use rustix::process::Signal;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

/// A site that lets no foreign host in, whatever it proves.
fn never() -> Site {
    Site::new("shy").at(&own_address().to_string()).args(["--foreign", "never"])
}

/// A relay at an address of its own that may reach these.
fn relay_for(hosts: &[&Server]) -> Agent {
    let relay = Relay::new().at(&own_address().to_string());
    hosts.iter().fold(relay, |relay, host| relay.server(&host.ip().to_string())).start()
}

fn copy_with(address: &str, token_file: &Path) -> User {
    user()
        .args(["copy", "--no-race", "--json", "--trace", "trace.txt", "--retries", "0", "--timeout", "10s"])
        .relay(address, token_file)
}

/// `ftp-user copy` that knows the relay, without its places.
fn copy(agent: &Agent) -> User {
    copy_with(&agent.address.to_string(), &agent.token_file)
}

fn went(run: &Run, path: &str, rung: &str) {
    let summary = run.summary();
    assert_eq!((&summary["path"], &summary["rung"]), (&path.into(), &rung.into()), "{run}");
}

fn warned(run: &Run, words: &str) {
    let warnings = run.events("warning");
    assert!(warnings.iter().any(|event| event["message"].to_string().contains(words)), "{words:?}: {run}");
}

#[test]
fn r42_r43_the_three_programs_bring_a_tree_through_the_relay_by_one_session() {
    let big = sample(5_000_003);
    let from = never().file("t/a.bin", &big).file("t/empty", "").file("t/s/two words", "hello").start();
    let to = never().start();
    let agent = relay_for(&[&from, &to]);
    let run = copy(&agent).args(["-r"]).args([from.url("t"), to.url("t")]).run().exits(0);
    went(&run, "relay", "relay-source");
    assert_eq!(to.names(), from.names(), "{run}");
    assert!(to.bytes("t/a.bin") == big, "the bytes differ: {run}");
    assert_eq!((to.bytes("t/empty"), to.bytes("t/s/two words")), (Vec::new(), b"hello".to_vec()), "{run}");
    let summary = run.summary();
    assert_eq!(summary["verified"], "sha-256", "{run}");
    assert_eq!(summary["relay"], agent.address.to_string(), "{run}");
    // Both servers know RNDZ: 64 bytes of proof each time.
    let sent = big.len() as u64 + 5 + 3 * 64;
    assert_eq!(summary["relayed"], sent, "{run}");
    warned(&run, "the data passes the relay");
    let log = agent.running.said();
    assert_eq!((log.matches("session token=").count(), log.matches(": tunnel ").count()), (1, 2), "{log}");
    for secret in [PASSWORD, "ann", "a.bin", "two words", "RETR"] {
        assert!(!log.contains(secret), "the relay's log has {secret:?}: {log}");
    }
}

#[test]
fn r42_both_dialects_and_an_empty_file_pass_the_relay() {
    for (one, two) in [(Rfc354, Rfc354), (Rfc354, Rfc959), (Rfc959, Rfc354)] {
        for content in [sample(300_000), Vec::new()] {
            let (from, to) = (never().file("a.bin", &content).start(), never().start());
            let agent = relay_for(&[&from, &to]);
            let run = copy(&agent).args(["--path", "relay"]);
            let run = run.args([from.url_of(one, "a.bin"), to.url_of(two, "b.bin")]).run().exits(0);
            went(&run, "relay", "relay-source");
            assert!(to.bytes("b.bin") == content, "{run}");
            assert_eq!(to.names(), ["b.bin"], "{run}");
        }
    }
}

#[test]
fn the_last_line_names_the_relay() {
    let (from, to) = (never().file("a.bin", sample(100_000)).start(), never().start());
    let agent = relay_for(&[&from, &to]);
    let run = user()
        .args(["copy", "--no-race"])
        .relay(agent.address, &agent.token_file)
        .args([from.url("a.bin"), to.url("b.bin")])
        .run()
        .exits(0);
    assert!(run.last().starts_with("copied 1 file, 97.66 KiB in "), "{run}");
    assert!(run.last().contains("relay") && run.last().contains(&agent.address.to_string()), "{run}");
    assert!(run.last().ends_with(", verified sha-256"), "{run}");
}

#[test]
fn a_relay_beside_the_destination_is_the_rung_of_the_destination() {
    let (from, to) = (never().file("a.bin", "hello").start(), never().start());
    let agent = relay_for(&[&from, &to]);
    let settings = format!(
        "[[relays]]\nname = \"edge\"\naddress = \"{}\"\ntoken-file = \"{}\"\nnear = [\"{}\"]\n",
        agent.address,
        agent.token_file.display(),
        to.ip()
    );
    let run = user()
        .file("settings.toml", settings)
        .args(["copy", "--no-race", "--json", "--config", "settings.toml"])
        .args([from.url("a.bin"), to.url("b.bin")])
        .run()
        .exits(0);
    went(&run, "relay", "relay-dest");
    assert_eq!(run.summary()["relay"], "edge", "{run}");
    warned(&run, "the data passes the relay edge");
    assert_eq!(to.bytes("b.bin"), b"hello", "{run}");
}

#[test]
fn a_relay_is_not_used_if_a_direct_path_works() {
    let at = || Site::new("proven").at(&own_address().to_string());
    let (from, to) = (at().file("a.bin", "hello").start(), at().start());
    let agent = relay_for(&[&from, &to]);
    let run = copy(&agent).args([from.url("a.bin"), to.url("b.bin")]).run().exits(0);
    went(&run, "direct", "dest-listens");
    assert!(!agent.running.said().contains("tunnel"), "{}", agent.running.said());
}

#[test]
fn r35_a_person_is_asked_for_each_relay_and_without_a_terminal_none_is_used() {
    let (from, to) = (never().file("a.bin", "hello").start(), never().start());
    let agent = relay_for(&[&from, &to]);
    let run =
        copy(&agent).args(["--relay-consent", "ask", &from.url("a.bin"), &to.url("b.bin")]).run().exits(0);
    went(&run, "user", "user");
    warned(&run, "--relay-consent ask needs a terminal, so no relay is used");

    let state = tempfile::tempdir().unwrap();
    let (address, file) = (agent.address, agent.token_file.display());
    let words = format!(
        "copy --relay {address} --relay-token-file {file} --relay-consent ask --path relay '{}' '{}'",
        from.url("a.bin"),
        to.url("c.bin"),
    );
    let (said, code) = or_skip!(at_a_terminal(state.path(), &words, "no\n"));
    assert!(said.contains(&format!("May the data pass the relay {address}")), "{said}");
    assert!(code == Some(6) && said.contains("no relay is permitted"), "{said}");
    assert!(!agent.running.said().contains("tunnel"), "{}", agent.running.said());
    let (said, code) = at_a_terminal(state.path(), &words, "yes\n").unwrap();
    assert!(code == Some(0) && said.contains("relay"), "{said}");
    assert_eq!(to.bytes("c.bin"), b"hello");
}

#[test]
fn r35_where_no_relay_is_permitted_none_is_connected_to() {
    let (from, to) = (never().file("a.bin", "hello").start(), never().start());
    let listener = TcpListener::bind((own_address(), 0)).unwrap();
    listener.set_nonblocking(true).unwrap();
    let file = wrong_token_file();
    let address = listener.local_addr().unwrap().to_string();
    let copy = |path: &str| {
        copy_with(&address, file.path())
            .args(["--relay-consent", "never", "--path", path, &from.url("a.bin"), &to.url("b.bin")])
            .run()
    };
    // Without a direct path there is none; the way around leads through this host and no other.
    copy("direct").exits(6);
    went(&copy("auto").exits(0), "user", "user");
    let accepted = listener.accept().map(|(_, from)| from);
    assert!(accepted.is_err(), "the relay got a connection: {accepted:?}");
}

#[test]
fn r31_a_wrong_token_is_a_matter_of_trust_and_the_relays_log_has_the_reason() {
    let (from, to) = (never().file("a.bin", "hello").start(), never().start());
    let agent = relay_for(&[&from, &to]);
    let file = wrong_token_file();
    for path in ["auto", "relay"] {
        let run = copy_with(&agent.address.to_string(), file.path()).args(["--path", path]);
        let run = run.args([from.url("a.bin"), to.url("b.bin")]).run().exits(11);
        assert_eq!(to.names(), [""; 0], "{run}");
        run.says(&agent.address.to_string()).says("token");
    }
    agent.running.logs("denied: unknown token");
    assert!(!agent.running.said().contains("tunnel"), "{}", agent.running.said());
}

#[test]
fn a_relay_that_cannot_be_reached_is_warned_of_and_passed_over() {
    let (from, to) = (never().file("a.bin", "hello").start(), never().start());
    let agent = relay_for(&[&from, &to]);
    let host = own_address().to_string();
    let nowhere = SocketAddr::new(host.parse().unwrap(), socket::free_port(&host)).to_string();
    let run =
        copy_with(&nowhere, &agent.token_file).args([from.url("a.bin"), to.url("b.bin")]).run().exits(0);
    went(&run, "user", "user");
    warned(&run, &nowhere);
    assert_eq!(to.bytes("b.bin"), b"hello", "{run}");
    let run = copy_with(&nowhere, &agent.token_file).args(["--path", "relay"]);
    let run = run.args([from.url("a.bin"), to.url("c.bin")]).run().fails().says(&nowhere);
    assert!(matches!(run.code(), Some(5 | 6)), "{run}");
    assert_eq!(to.names(), ["b.bin"], "{run}");
}

#[test]
fn a_server_that_the_relay_may_not_reach_is_reported_and_the_next_path_is_tried() {
    let (from, to) = (never().file("a.bin", "hello").start(), never().start());
    for allowed in [vec![&from], vec![&to], vec![]] {
        let agent = relay_for(&allowed);
        let run = copy(&agent).args(["--overwrite", "always"]).args([from.url("a.bin"), to.url("b.bin")]);
        let run = run.run().exits(0);
        went(&run, "user", "user");
        warned(&run, "does not allow");
        assert_eq!(to.bytes("b.bin"), b"hello", "{run}");
        let run = copy(&agent).args(["--path", "relay"]).args([from.url("a.bin"), to.url("c.bin")]).run();
        assert_eq!(to.names(), ["b.bin"], "{run}");
        run.exits(6).says("does not allow").says("--allow");
        agent.running.logs("refused by --allow");
    }
}

/// A source that takes no foreign host. It sends half of the file and waits; told to stop it says that it
/// did.
const HALF: &str = "SIZE a.bin: 213 1000000\n\
    PORT {relay},*: unlisten ; target ; 200 noted\n\
    PORT: 500 Illegal PORT command\n\
    once RETR: 150 opening ; connection ; data 500000\n\
    ABOR: reset-data ; 426 aborted ; 226 done\n\
    RETR: 150 opening ; connection ; data 1000000 ; end ; 226 sent";

/// Starts a copy whose source stops in mid-file, and kills the relay there. The destination takes that for
/// no whole file.
fn killed(script: &str, path: &str, next: &[&str]) -> (Run, Server) {
    let [host, relay] = [own_address(), own_address()].map(|address| address.to_string());
    let to = never().start();
    let from = Peer::start(&host, &script.replace("{relay}", &relay.replace('.', ",")), MODERN);
    let agent = Relay::new().at(&relay).server(&host).server(&to.ip().to_string()).start();
    let run = copy(&agent).args(["--path", path]).args(next).args([from.url("a.bin"), to.url("b.bin")]);
    let run = run.start();
    agent.running.logs("joined");
    to.until_part(500_000);
    agent.running.signal(Signal::KILL);
    let run = run.end();
    let said = to.running.said();
    let whole = |line: &str| line.contains(&format!("peer=\"{relay}:")) && line.contains("whole=true");
    assert!(!said.lines().any(whole), "{said}\n{run}");
    (run, to)
}

#[test]
fn r12_a_relay_that_is_killed_during_a_file_leaves_no_cut_file_and_the_copy_takes_another_path() {
    // There is no next try that could go on there: --retries 0.
    for next in ["--no-resume", "--resume"] {
        let (run, to) = killed(HALF, "auto", &[next]);
        let run = run.exits(0);
        went(&run, "user", "user");
        assert!(to.bytes("b.bin") == sample(1_000_000), "{run}");
        assert_eq!(to.names(), ["b.bin"], "{run}");
        warned(&run, "relay");
    }
}

#[test]
fn r12_without_another_path_a_killed_relay_is_an_error_that_names_it() {
    let active = format!("PASV: 502 not here\n{HALF}");
    for script in [HALF, &active] {
        let (run, to) = killed(script, "relay", &["--no-resume"]);
        let run = run.exits(5);
        socket::until("nothing is left", || to.names().is_empty());
        run.says("the connection to the relay has ended");
    }
}

#[test]
fn r09_a_stranger_at_the_relays_listener_is_reset_and_the_file_arrives() {
    let (host, to) = (own_address().to_string(), never().start());
    let script = "SIZE a.bin: 213 100000\nPASV: 502 not here\n\
        RETR: 150 opening ; until NOOP now ; dial ; data 100000 ; end ; 226 sent";
    let from = Peer::start(&host, script, MODERN);
    let agent =
        Relay::new().at(&own_address().to_string()).server(&host).server(&to.ip().to_string()).start();
    let run = copy(&agent).args(["--path", "relay"]).args([from.url("a.bin"), to.url("b.bin")]).start();
    from.wait_for("RETR");
    let port = from.seen_of(&["PORT"]).pop().unwrap();
    let numbers: Vec<u16> = port["PORT ".len()..].split(',').map(|number| number.parse().unwrap()).collect();
    let listener = SocketAddr::new(agent.address.ip(), numbers[4] << 8 | numbers[5]);
    assert_eq!(
        port["PORT ".len()..].replace(',', ".").find(&agent.address.ip().to_string()),
        Some(0),
        "{port}"
    );
    let stranger = SocketAddr::new(own_address(), 0);
    assert!(socket::is_turned_away(stranger, listener));
    agent.running.logs("the connection of a stranger was reset");
    let mut other = integration_tests::raw::Raw::connect(Rfc959, from.address());
    other.send("NOOP now");
    let run = run.end().exits(0);
    went(&run, "relay", "relay-source");
    assert!(to.bytes("b.bin") == sample(100_000), "{run}");
}

#[test]
fn a_relay_that_was_never_there_is_asked_once_unless_retries_are_given() {
    let (from, to) = (never().file("a.bin", "hello").start(), never().start());
    let agent = relay_for(&[]);
    let nobody = Peer::start("127.0.0.4", "greet close", "");
    let check = |more: &[&str], expect: usize| {
        let before = nobody.seen().len();
        let run = user().args(["copy", "--no-race", "--path", "relay", "--timeout", "5s"]).args(more);
        let run = run.relay(nobody.address(), &agent.token_file);
        let run =
            run.args([from.url("a.bin"), to.url("b.bin")]).run().exits(5).says("no session with the relay");
        let asked = nobody.seen().iter().skip(before).filter(|line| *line == "connected").count();
        assert_eq!(asked, expect, "{more:?}: {run}");
    };
    check(&[], 1);
    check(&["--retries", "1"], 2);
}

#[test]
fn r61_where_a_source_tells_no_digest_the_relay_says_what_it_has_passed_on() {
    let host = own_address().to_string();
    let script = "SIZE a.bin: 213 1000\nRETR: 150 opening ; connection ; data 1000 ; end ; 226 sent";
    let (from, to) = (Peer::start(&host, script, MODERN), never().start());
    let relay = Relay::new().at(&own_address().to_string());
    let agent = relay.server(&host).server(&to.ip().to_string()).start();
    let run = |rule: &str| {
        let run = copy(&agent).args(["--path", "relay", "--overwrite", "always", "--verify", rule]);
        run.args([from.url("a.bin"), to.url("b.bin")]).run().exits(0)
    };
    let asked = run("hash");
    assert_eq!(asked.summary()["verified"], "sha-256", "{asked}");
    assert!(to.bytes("b.bin") == sample(1000), "{asked}");
    warned(&asked, "as the relay tells it");
    // Without being asked a relay looks at nothing.
    let auto = run("auto");
    assert_eq!(auto.summary()["verified"], "size", "{auto}");
}

#[test]
fn r12_what_a_relay_that_was_killed_has_passed_on_is_counted() {
    let (from, to) = (never().file("a.bin", sample(3_000_000)).start(), never().start());
    let mut agent = relay_for(&[&from, &to]);
    let run = user().args(["copy", "--json", "--path", "relay", "--limit", "1MB", "--timeout", "10s"]);
    let run = run.relay(agent.address, &agent.token_file);
    let run = run.args([from.url("a.bin"), to.url("b.bin")]).start();
    to.until_part(1_000_000);
    agent.die_and_return();
    let run = run.end().exits(0);
    assert!(to.bytes("b.bin") == sample(3_000_000), "{run}");
    let relayed = run.summary()["relayed"].as_u64();
    assert!(relayed.is_some_and(|bytes| bytes >= 3_000_000), "a relay that dies tells no last count: {run}");
}

#[test]
fn what_a_file_has_stored_stays_for_resume_if_the_relay_does_not_come_back() {
    let (from, to) = (never().file("a.bin", sample(3_000_000)).start(), never().start());
    let mut agent = relay_for(&[&from, &to]);
    let state = tempfile::tempdir().unwrap();
    let job = || job(state.path()).logins([from.ip(), to.ip()]);
    let run = job().args(["copy", "--path", "relay", "--limit", "1MB", "--retries", "1"]);
    let run = run.args(["--timeout", "10s"]).relay(agent.address, &agent.token_file);
    let run = run.args([from.url("a.bin"), to.url("b.bin")]).start();
    to.until_part(1_000_000);
    agent.running.signal(Signal::KILL);
    let run = run.end().exits(5).says(" retry ");
    let is_large = |part: &PathBuf| std::fs::metadata(part).is_ok_and(|facts| facts.len() > 1_000_000);
    assert!(to.parts().iter().any(is_large), "{:?}\n{run}", to.names());
    agent.die_and_return();
    let resumed = job().args(["resume"]).run().exits(0);
    assert!(to.bytes("b.bin") == sample(3_000_000), "{resumed}");
    assert!(resumed.summary()["relayed"].as_u64().is_some_and(|bytes| bytes < 2_500_000), "{resumed}");
}
