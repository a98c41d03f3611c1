//! Paths that are dead without a word: the next candidate has started long before the first one gives up.

use ftp_proto::dialect::Dialect::Rfc959;
use integration_tests::foreign::Skipped;
use integration_tests::net::{Host, Network};
use integration_tests::or_skip;
use integration_tests::site::{Server, Site, sample};
use integration_tests::user::{Run, user};

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

/// Nobody is let in anywhere, and no way around is allowed.
fn no_direction() -> Result<(), Skipped> {
    let mut network = Network::new()?;
    let more = ["--path", "user", "--timeout", "3s"];
    let scene = scene(&mut network, [true, true]);
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
