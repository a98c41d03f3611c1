//! Small files that move together although their servers refuse each other: over one data connection through a relay, or
//! through this host.

use crate::accounts::user as account;
use integration_tests::foreign::own_address;
use integration_tests::hub::Hub;
use integration_tests::relay::{Agent, Relay};
use integration_tests::site::{Server, Site, is_whole, sample};
use integration_tests::socket::until;
use integration_tests::user::{Run, User, user};
use rustix::process::Signal;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// A site that lets no foreign host in, whatever it proves.
fn never() -> Site {
    Site::new("shy").at(&own_address().to_string()).args(["--foreign", "never"])
}

/// The same with a tree of so many files.
fn tree(site: Site, count: usize, bytes: usize) -> Site {
    (0..count).fold(site, |site, number| {
        site.file(&format!("tree/{}/{number}", number % 3), sample(bytes + number * 7))
    })
}

/// A relay at an address of its own that may reach both.
fn relay_for(from: &Server, to: &Server) -> Agent {
    let relay = Relay::new().at(&own_address().to_string());
    relay.server(&from.ip().to_string()).server(&to.ip().to_string()).start()
}

/// `ftp-user` that keeps its state there.
fn at(state: &TempDir) -> User {
    let trace = trace_of(state);
    let options = ["--json", "--state", state.path().to_str().unwrap(), "--trace", &trace];
    user().args(options)
}

fn trace_of(state: &TempDir) -> String {
    state.path().join("trace").to_str().unwrap().to_owned()
}

fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// Copies the tree by one worker.
fn copy(state: &TempDir) -> User {
    at(state).args(["copy", "-r", "-j", "1", "--no-race", "--timeout", "20s"])
}

/// How many data connections the servers have opened or been told of.
fn connections(trace: &str) -> usize {
    ["> EPSV", "> PASV", "> LSTN", "> PORT", "> EPRT", "> SOCK"]
        .iter()
        .map(|verb| trace.matches(verb).count())
        .sum()
}

/// Checks that the tree has moved together on this path.
fn has_moved_together(state: &TempDir, (from, to): (&Server, &Server), run: &Run, path: &str) {
    is_whole(from, to, run);
    let files = run.events("file");
    let all = from.names().iter().filter(|name| !name.ends_with('/')).count();
    assert_eq!(files.len(), all, "{run}");
    assert!(files.iter().all(|file| file["verified"] == "sha-256" && file["path"] == path), "{run}");
    assert_eq!(run.summary()["path"], path, "{run}");
    let trace = read(trace_of(state));
    let count = |words: &str| trace.matches(words).count();
    assert!(count("> MODE B") >= 2 && count("> MODE B") > count("> MODE S"), "{trace}");
    assert!(connections(&trace) < 60, "{} data connections for {all} files: {trace}", connections(&trace));
    // What a file alone says of itself, none of those that move together does: they are told when they end.
    let told = run.events("progress");
    assert!(told.iter().all(|told| told["source"].as_str().is_some_and(|name| !name.is_empty())), "{run}");
}

#[test]
fn n16_small_files_share_one_connection_through_a_relay() {
    let (from, to) = (tree(never(), 300, 100).start(), never().start());
    let (agent, state) = (relay_for(&from, &to), tempfile::tempdir().unwrap());
    let run = copy(&state)
        .relay(agent.address, &agent.token_file)
        .args([from.url("tree"), to.url("")])
        .run()
        .exits(0);
    has_moved_together(&state, (&from, &to), &run, "relay");
    let log = agent.running.said();
    assert!(log.matches(": joined").count() < 20, "{log}");
    assert_eq!(run.summary()["relay"], agent.address.to_string(), "{run}");
}

#[test]
fn a_move_through_a_relay_whose_names_are_taken_ends_in_order() {
    for free in [&[0, 1, 2][..], &[0, 1, 2, 59]] {
        let from = tree(never(), 60, 100).start();
        let name = |number: usize| format!("tree/{}/{number}", number % 3);
        let taken: Vec<usize> = (0..60).filter(|number| !free.contains(number)).collect();
        let to = taken.iter().fold(never(), |site, number| site.file(&name(*number), "theirs")).start();
        let (agent, state) = (relay_for(&from, &to), tempfile::tempdir().unwrap());
        let words = ["move", "-r", "-j", "1", "--no-race", "--overwrite", "never", "--timeout", "20s"];
        let run = at(&state)
            .args(words)
            .relay(agent.address, &agent.token_file)
            .args([from.url("tree"), to.url("")]);
        let run = run.run().fails().says("exists");
        assert_eq!(run.events("failed").len(), taken.len(), "{run}");
        assert!(taken.iter().all(|number| to.bytes(&name(*number)) == b"theirs"), "{run}");
        // No session was given up.
        let trace = read(trace_of(&state));
        let (_, after) = trace.split_once("> PACK").unwrap();
        assert!(!after.contains("> USER"), "{trace}");
    }
}

#[test]
fn n16_i10_small_files_share_one_connection_through_this_host() {
    let (from, to) = (tree(never(), 300, 100).start(), never().start());
    let state = tempfile::tempdir().unwrap();
    let run = copy(&state).args([from.url("tree"), to.url("")]).run().exits(0);
    has_moved_together(&state, (&from, &to), &run, "user");
}

#[test]
fn n16_inside_tls_small_files_share_one_private_connection_through_this_host() {
    let from = tree(never().tls(), 60, 100).start();
    let to = Site::new("target").at(&own_address().to_string()).tls().args(["--foreign", "never"]).start();
    let state = tempfile::tempdir().unwrap();
    let run = copy(&state).args(["--trust", "new", &from.explicit_url("tree"), &to.implicit_url("")]);
    let run = run.run().exits(0);
    has_moved_together(&state, (&from, &to), &run, "user");
    assert_eq!(run.summary()["protection"], "private", "{run}");
}

#[test]
fn n16_inside_tls_small_files_share_one_private_connection_through_a_relay() {
    let private = || never().tls();
    let (from, to) = (tree(private(), 60, 100).start(), private().start());
    let relay = Relay::new().at(&own_address().to_string());
    let agent = [&from, &to].iter().fold(relay, |relay, end| relay.tls_server(&end.ip().to_string())).start();
    let state = tempfile::tempdir().unwrap();
    let run =
        copy(&state).relay(agent.address, &agent.token_file).args(["--pin", &from.pin(), "--pin", &to.pin()]);
    let run = run.args(["--path", "relay", &from.explicit_url("tree"), &to.explicit_url("")]).run().exits(0);
    has_moved_together(&state, (&from, &to), &run, "relay");
    assert_eq!(run.summary()["protection"], "private", "{run}");
    let trace = read(trace_of(&state));
    assert!(trace.contains("> PINC SHA-256") && !trace.contains("> PROT C"), "{trace}");
}

#[test]
fn n16_small_files_share_one_connection_through_two_agents_that_meet_at_a_hub() {
    let (from, to) = (tree(never(), 60, 100).start(), never().start());
    let hub = Hub::start(&own_address().to_string());
    let _agents = [("zurich", &from), ("berlin", &to)]
        .map(|(name, end)| hub.join(name, &own_address().to_string(), &[&end.ip().to_string()]));
    let state = tempfile::tempdir().unwrap();
    let run = copy(&state).args(["--path", "relay"]).relay(hub.address, &hub.token_file);
    let run = run.args([from.url("tree"), to.url("")]).run().exits(0);
    has_moved_together(&state, (&from, &to), &run, "relay");
    assert!(run.events("file").iter().all(|file| file["rung"] == "hub"), "{run}");
}

#[test]
fn n15_small_files_that_share_a_connection_through_this_host_keep_to_the_limit() {
    let (from, to) = (tree(never(), 60, 10_000).start(), never().start());
    let state = tempfile::tempdir().unwrap();
    let run = copy(&state).args(["--path", "user", "--limit", "250KB", &from.url("tree"), &to.url("")]);
    let run = run.run().exits(0);
    has_moved_together(&state, (&from, &to), &run, "user");
    // More than two seconds at that rate, but for what a bucket keeps for a burst. A limit only makes things slower.
    assert!(run.summary()["seconds"].as_f64() > Some(1.0), "{run}");
}

/// A tree whose copy takes some seconds, because its source is slow, and where it goes.
struct Slow {
    from: Server,
    to: Server,
}

impl Slow {
    fn start() -> Self {
        let site = never().config(&account("eve", "x", "rate-down = \"400KB\""));
        let (from, to) = (tree(site, 120, 20_000).start(), never().start());
        Self { from, to }
    }

    fn user(&self, state: &TempDir) -> User {
        at(state).login(self.from.ip(), "eve", "x").logins([self.to.ip()])
    }

    fn copy(&self, state: &TempDir, agent: &Agent, path: &str) -> User {
        let user = self.user(state).args(["copy", "-r", "-j", "1", "--no-race", "--timeout", "20s"]);
        let url = self.from.url("tree").replace("ann:open%3Asesame@", "eve@");
        user.relay(agent.address, &agent.token_file).args([
            "--path",
            path,
            "--retries",
            "0",
            &url,
            &self.to.url(""),
        ])
    }
}

/// How many files have their names.
fn named(to: &Server) -> usize {
    to.names().iter().filter(|name| !name.ends_with(".part") && !name.ends_with('/')).count()
}

/// Waits until files that move together have their names.
fn until_some_have_moved_together(state: &TempDir, to: &Server) {
    let is_batch = || read(trace_of(state)).contains("> MODE B");
    until("files that move together have their names", || is_batch() && named(to) >= 10);
}

#[test]
fn n8_files_that_share_a_connection_through_a_third_host_go_on_after_a_kill() {
    for path in ["relay", "user"] {
        let slow = Slow::start();
        let (from, to) = (&slow.from, &slow.to);
        let (agent, state) = (relay_for(from, to), tempfile::tempdir().unwrap());
        let run = slow.copy(&state, &agent, path).start();
        until_some_have_moved_together(&state, to);
        let _home = run.kill();
        let before = named(to);
        assert!(before < 120, "{path}: it was over before the kill");
        let run = slow.user(&state).args(["resume"]).run().exits(0);
        is_whole(from, to, &run);
        // What has its name is not sent again, except for what was named just before the end.
        let sent = run.events("file").iter().filter(|file| file["skipped"] == false).count();
        assert!(sent <= 120 - before + 20, "{path}: {sent} files, {before} before: {run}");
    }
}

#[test]
fn r12_a_relay_that_is_killed_under_files_that_share_a_connection_loses_none_of_them() {
    let slow = Slow::start();
    let (from, to) = (&slow.from, &slow.to);
    let (mut agent, state) = (relay_for(from, to), tempfile::tempdir().unwrap());
    let run = slow.copy(&state, &agent, "relay").start();
    until_some_have_moved_together(&state, to);
    agent.running.signal(Signal::KILL);
    let run = run.end().fails();
    let files = run.events("file").len();
    assert!(files <= named(to) && files < 120, "{files} files: {run}");
    agent.die_and_return();
    let run = slow.user(&state).args(["resume"]).run().exits(0);
    is_whole(from, to, &run);
}
