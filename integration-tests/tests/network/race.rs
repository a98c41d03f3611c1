//! Paths that are dead without a word: the next candidate has started long before the first one gives up.

use ftp_proto::dialect::Dialect::Rfc959;
use integration_tests::foreign::Skipped;
use integration_tests::net::{Host, Network};
use integration_tests::or_skip;
use integration_tests::site::{Server, Site, sample};
use integration_tests::socket::until;
use integration_tests::user::{Run, user};
use std::fs;

/// Two of ours and a user, each in a network of its own.
struct Scene {
    servers: [Server; 2],
    user: Host,
    sent: Vec<u8>,
}

/// Both servers have their usual timeouts: a connection that nobody answers is given up after 15 s.
fn scene(network: &mut Network, guarded: [bool; 2]) -> Scene {
    let [one, two, user] = ["source", "target", "user"].map(|name| network.host(name));
    let sent = sample(3_000_003);
    let sites = [Site::new("source").at(&one.ip()).file("a.bin", &sent), Site::new("target").at(&two.ip())];
    let [source, target] = sites;
    let servers = [one.run(|| source.start()), two.run(|| target.start())];
    for ((server, host), guarded) in servers.iter().zip([&one, &two]).zip(guarded) {
        if guarded {
            network.guard(host, server.address(Rfc959).port());
        }
    }
    Scene { servers, user, sent }
}

impl Scene {
    fn copy(&self, name: &str, more: &[&str]) -> Run {
        let run = user().args(["copy", "--json", "--trace", "trace.txt", "--retries", "0"]).args(more);
        let run = run.args([self.servers[0].url("a.bin"), self.servers[1].url(name)]);
        self.user.run(|| run.run())
    }
}

/// The destination's firewall lets nobody in: the source listens.
fn one_direction() -> Result<(), Skipped> {
    let mut network = Network::new()?;
    let state = tempfile::tempdir().unwrap();
    let state = ["--state", state.path().to_str().unwrap()];
    let scene = scene(&mut network, [false, true]);
    let run = scene.copy("b.bin", &state);
    let target = &scene.servers[1];
    let trace = String::from_utf8_lossy(&run.bytes("trace.txt")).into_owned();
    let shown = format!("{run}\n{trace}");
    let run = run.exits(0);
    let summary = run.summary();
    assert_eq!(summary["rung"], "source-listens", "{shown}");
    assert_eq!(summary["verified"], "sha-256", "{shown}");
    let file = &run.events("file")[0];
    assert_eq!(file["attempts"], 1, "only one candidate has moved anything\n{shown}");
    let rungs: Vec<_> = run.events("path").iter().map(|event| event["rung"].clone()).collect();
    assert_eq!(rungs.first(), Some(&"dest-listens".into()), "{shown}");
    assert!(rungs.contains(&"source-listens".into()), "{shown}");
    // The one that started beside the other only probed at first, and the one that lost was told so.
    assert!(trace.contains("PROB S") && trace.contains("PROB R") && trace.contains("ABOR"), "{shown}");
    assert!(!trace.contains("425 No proven data connection"), "nobody waits for the end of a wait\n{shown}");
    assert!(target.bytes("b.bin") == scene.sent, "the copy differs\n{shown}");
    assert_eq!(target.names(), ["b.bin"], "{shown}");
    // The next run begins with the direction that has worked.
    let next = scene.copy("c.bin", &state).exits(0);
    let rungs: Vec<_> = next.events("path").iter().map(|event| event["rung"].clone()).collect();
    assert_eq!(rungs, ["source-listens"], "{next}");
    // What is remembered is told before anything is sent.
    let told = scene.copy("d.bin", &[&state[..], &["--explain"]].concat()).exits(0);
    let considered = told.events("path")[0]["considered"].as_array().unwrap().clone();
    let memory = |rung: &str| considered.iter().find(|one| one["rung"] == rung).unwrap()["memory"].clone();
    assert_eq!(considered[0]["memory"], "it worked less than a minute ago", "{told}");
    assert_eq!(memory("dest-listens"), "nothing arrived there less than a minute ago", "{told}");
    Ok(())
}

#[test]
fn h17_h18_a_direction_that_is_dead_without_a_word_costs_a_head_start_once_and_no_timeout() {
    or_skip!(one_direction());
}

/// Both firewalls let nobody in: both servers listen and connect at the same time.
fn both_guarded() -> Result<(), Skipped> {
    let mut network = Network::new()?;
    let scene = scene(&mut network, [true, true]);
    let run = scene.copy("b.bin", &[]);
    let target = &scene.servers[1];
    let trace = String::from_utf8_lossy(&run.bytes("trace.txt")).into_owned();
    let shown = format!("{run}\n{trace}");
    let run = run.exits(0);
    let summary = run.summary();
    assert_eq!((&summary["path"], &summary["rung"]), (&"symmetric".into(), &"symmetric".into()), "{shown}");
    assert_eq!(summary["verified"], "sha-256", "{shown}");
    assert_eq!(run.events("file")[0]["attempts"], 1, "{shown}");
    assert!(target.bytes("b.bin") == scene.sent, "the copy differs\n{shown}");
    assert_eq!(target.names(), ["b.bin"], "{shown}");
    Ok(())
}

#[test]
fn g02_between_two_firewalls_that_let_nobody_in_both_servers_listen_and_connect() {
    or_skip!(both_guarded());
}

/// Nobody is let in anywhere, not even by the user, and no way around is allowed.
fn no_direction() -> Result<(), Skipped> {
    let mut network = Network::new()?;
    let more = ["--path", "user", "--timeout", "3s"];
    let scene = scene(&mut network, [true, true]);
    network.guard(&scene.user, 9);
    let run = scene.copy("b.bin", &more).fails();
    let target = &scene.servers[1];
    assert_eq!(run.summary()["ok"], false, "{run}");
    assert_eq!(target.names(), [""; 0], "{run}");
    Ok(())
}

#[test]
fn h17_where_no_candidate_works_nothing_is_left_at_the_destination() {
    or_skip!(no_direction());
}

/// Nothing arrives between the two servers while the first file goes through this program, then their network is
/// mended.
fn a_better_path_is_found() -> Result<(), Skipped> {
    let mut network = Network::new()?;
    let [one, two, user_host] = ["source", "target", "user"].map(|name| network.host(name));
    network.part(&one, &two);
    network.part(&two, &one);
    network.slow(&user_host, 1_000);
    let sent = sample(4_000_003);
    let source = Site::new("source").at(&one.ip()).file("a.bin", &sent).file("b.bin", &sent);
    let (source, target) =
        (one.run(|| source.start()), two.run(|| Site::new("target").at(&two.ip()).start()));
    let state = tempfile::tempdir().unwrap();
    let state = state.path().to_str().unwrap();
    let run = user().args(["copy", "--json", "--trace", "trace.txt", "--retries", "0", "--state", state]);
    let run = run.args([source.url("a.bin"), source.url("b.bin"), target.url("")]);
    let run = user_host.run(|| run.start());
    // The first file is on its way.
    let is_long = |name: &String| fs::metadata(target.path(name)).is_ok_and(|file| file.len() > 100_000);
    until("the first file is on its way", || target.names().iter().any(is_long));
    network.join(&one);
    network.join(&two);
    let run = run.end();
    let trace = String::from_utf8_lossy(&run.bytes("trace.txt")).into_owned();
    let shown = format!("{run}\n{trace}");
    let run = run.exits(0);
    let rungs: Vec<_> = run.events("file").iter().map(|event| event["path"].clone()).collect();
    assert_eq!(rungs, ["user", "direct"], "{shown}");
    let warnings = format!("{:?}", run.events("warning"));
    assert!(warnings.contains("works now: its probe succeeded while"), "{shown}");
    for name in ["a.bin", "b.bin"] {
        assert!(target.bytes(name) == sent, "{name} differs\n{shown}");
    }
    assert_eq!(target.names(), ["a.bin", "b.bin"], "{shown}");
    // The next run begins with it.
    let told = user().args(["why", "--json", "--state", state]).run().exits(0);
    assert!(told.said.contains("\"fate\":\"proven\""), "{told}");
    let next = user().args(["copy", "--json", "--state", state, "--overwrite", "always"]);
    let next = next.args([source.url("a.bin"), target.url("c.bin")]);
    let next = user_host.run(|| next.run()).exits(0);
    assert_eq!(next.events("path").len(), 1, "{next}");
    assert_eq!(next.summary()["path"], "direct", "{next}");
    Ok(())
}

#[test]
fn n3_while_this_program_carries_a_file_a_direct_path_is_probed_and_later_files_take_it() {
    or_skip!(a_better_path_is_found());
}
