//! The hub: agents that can only connect out meet there, and it sees nothing of what they carry.

mod attacks;
mod carried;
mod crowd;
mod descriptors;
mod groups;
mod hostile;
mod kills;
mod known;
mod policy;

use crate::accounts::user as account;
use ftp_proto::dialect::Dialect::Rfc959;
use ftp_proto::relay::token::Token;
use integration_tests::foreign::own_address;
use integration_tests::hub::{Hub, Joined};
use integration_tests::relay::write_private;
use integration_tests::site::{PASSWORD, Server, Site, sample};
use integration_tests::socket;
use integration_tests::user::{Run, User, user};
use rustix::process::Signal;
use std::fs;
use std::net::SocketAddr;

/// A server that takes data connections with the host of its control connection alone, and the address of the agent
/// beside it.
struct Far {
    server: Server,
    near: String,
}

impl Far {
    fn start(files: &[(&str, &[u8])]) -> Self {
        let site = Site::new("far").at(&own_address().to_string()).args(["--foreign", "never"]);
        let site = files.iter().fold(site, |site, (name, bytes)| site.file(name, bytes));
        // Whoever logs in as `slow` gets 2 MB a second.
        let server = site.config(&account("slow", "x", "rate-down = \"2MB\"")).start();
        Self { server, near: own_address().to_string() }
    }

    fn ip(&self) -> String {
        self.server.ip().to_string()
    }

    fn url(&self, path: &str) -> String {
        self.server.url(path)
    }

    /// The same for the user that is slow.
    fn slow_url(&self, path: &str) -> String {
        let address = self.server.address(Rfc959);
        format!("ftp://slow:x@{address}/{path}")
    }

    /// The agent beside it, which reaches nothing else.
    fn agent(&self, hub: &Hub, name: &str) -> Joined {
        hub.join(name, &self.near, &[&self.ip()])
    }
}

/// A run of `ftp-user copy` that knows the hub, without its places.
fn copy_at(address: SocketAddr, hub: &Hub) -> User {
    copy_within("30s", address, hub)
}

/// The same with this time for each reply.
fn copy_within(timeout: &str, address: SocketAddr, hub: &Hub) -> User {
    user()
        .args(["copy", "--json", "--trace", "trace.txt", "--retries", "0", "--timeout", timeout])
        .args(["--path", "relay"])
        .relay(address, &hub.token_file)
}

fn copy(hub: &Hub) -> User {
    copy_at(hub.address, hub)
}

fn arrived(run: &Run, to: &Far, name: &str, bytes: &[u8]) {
    assert!(to.server.bytes(name) == bytes, "{run}");
    let summary = run.summary();
    assert_eq!(summary["verified"], "sha-256", "{run}");
    assert_eq!(summary["path"], "relay", "{run}");
}

#[test]
fn r36_r43_two_servers_that_only_their_own_agents_reach_exchange_files_through_the_hub() {
    let big = sample(5_000_003);
    let files: [(&str, &[u8]); 3] = [("t/a.bin", &big), ("t/empty", b""), ("t/two words", b"hello")];
    let (from, to) = (Far::start(&files), Far::start(&[]));
    let hub = Hub::start(&own_address().to_string());
    let agents = [from.agent(&hub, "zurich"), to.agent(&hub, "berlin")];
    let run = copy(&hub).args(["-r"]).args([from.url("t"), to.url("t")]).run().exits(0);
    arrived(&run, &to, "t/a.bin", &big);
    assert_eq!(to.server.names(), from.server.names(), "{run}");
    let relay = run.summary()["relay"].to_string();
    assert!(relay.contains("agents zurich and berlin"), "{run}");
    let logs = [agents[0].running.said(), agents[1].running.said(), hub.running.said()].concat();
    let token = hub.token.line();
    let secret = token.rsplit('.').next().unwrap();
    for word in [secret, PASSWORD, "a.bin", "two words", "RETR", "STOR"] {
        assert!(!logs.contains(word), "{word}: {logs}");
    }
}

#[test]
fn a_large_file_goes_through_the_hub_over_several_connections() {
    let data = sample(4099).repeat(8200);
    let (from, to) = (Far::start(&[("a.bin", &data)]), Far::start(&[]));
    let hub = Hub::start(&own_address().to_string());
    let _agents = [from.agent(&hub, "zurich"), to.agent(&hub, "berlin")];
    let run = copy(&hub).args(["--streams", "2"]).args([from.url("a.bin"), to.url("a.bin")]).run().exits(0);
    arrived(&run, &to, "a.bin", &data);
    assert_eq!(run.events("file")[0]["streams"], 2, "{run}");
}

#[test]
fn r46_a_detached_copy_goes_on_through_two_agents_when_the_user_agent_has_gone() {
    let data = sample(6_000_000);
    let (from, to) = (Far::start(&[("a.bin", &data)]), Far::start(&[]));
    let hub = Hub::start(&own_address().to_string());
    let _agents = [from.agent(&hub, "zurich"), to.agent(&hub, "berlin")];
    let state = tempfile::tempdir().unwrap();
    let kept = ["--state", state.path().to_str().unwrap()];
    let run = copy(&hub).args(kept).args(["--detach"]);
    let run = run.args([from.slow_url("a.bin"), to.url("b.bin")]).run().exits(0);
    assert_eq!(run.events("detached")[0]["path"], "relay", "{run}");
    assert!(!to.server.names().contains(&"b.bin".to_owned()), "{run}");
    let run = user().login(from.ip(), "slow", "x").logins([to.ip()]).args(kept).args(["--json", "resume"]);
    let run = run.run().exits(0);
    assert!(to.server.bytes("b.bin") == data, "{run}");
    assert_eq!(run.events("file")[0]["verified"], "sha-256", "{run}");
}

#[test]
fn n8_what_is_stored_stays_while_an_agent_or_the_hub_is_away() {
    let data = sample(6_000_000);
    let (from, to) = (Far::start(&[("a.bin", &data)]), Far::start(&[]));
    let mut hub = Hub::start(&own_address().to_string());
    let (zurich, mut berlin) = (from.agent(&hub, "zurich"), to.agent(&hub, "berlin"));
    let state = tempfile::tempdir().unwrap();
    let kept = ["--state", state.path().to_str().unwrap()];
    let run = copy(&hub).args(kept).args([from.slow_url("a.bin"), to.url("b.bin")]).start();
    to.server.until_part(1_000_000);
    let _killed = run.kill();
    let resume =
        || user().login(from.ip(), "slow", "x").logins([to.ip()]).args(kept).args(["--json", "resume"]).run();
    berlin.running.die();
    let run = resume().exits(5);
    assert_eq!(to.server.parts().len(), 1, "{run}");
    hub.running.signal(Signal::KILL);
    hub.running.wait();
    let run = resume().exits(5);
    assert_eq!(to.server.parts().len(), 1, "{run}");
    hub.return_again();
    berlin.return_again();
    berlin.until_joined(1);
    zurich.hurry();
    zurich.until_joined(2);
    let run = resume().exits(0);
    assert!(to.server.bytes("b.bin") == data, "{run}");
    assert_eq!(to.server.parts().len(), 0, "{run}");
}

#[test]
fn one_agent_that_reaches_both_servers_joins_them_alone() {
    let data = sample(300_001);
    let from = Site::new("one").at(&own_address().to_string()).args(["--foreign", "never"]);
    let from = from.file("a.bin", &data).start();
    let to = Site::new("two").at(&own_address().to_string()).args(["--foreign", "never"]).start();
    let hub = Hub::start(&own_address().to_string());
    let _none = hub.join("empty", &own_address().to_string(), &[]);
    let (one, other) = (from.ip().to_string(), to.ip().to_string());
    let _agent = hub.join("both", &own_address().to_string(), &[&one, &other]);
    // What is explained before is what happens then.
    let explained = copy(&hub).args(["--explain"]).args([from.url("a.bin"), to.url("b.bin")]).run().exits(0);
    let paths = explained.events("path");
    assert!(!paths.is_empty() && paths.iter().all(|path| path["rung"] == "hub"), "{explained}");
    let listed = paths[0]["considered"].to_string();
    assert!(listed.contains("\"hub\"") && !listed.contains("relay-source"), "{explained}");
    let run = copy(&hub).args([from.url("a.bin"), to.url("b.bin")]).run().exits(0);
    assert!(to.bytes("b.bin") == data, "{run}");
    assert!(run.summary()["relay"].to_string().contains("(agent both)"), "{run}");
}

#[test]
fn r30_what_an_agent_may_reach_is_decided_by_the_agent_alone() {
    let (from, to) = (Far::start(&[("a.bin", b"hello")]), Far::start(&[]));
    let hub = Hub::start(&own_address().to_string());
    let copy = || copy(&hub).args([from.url("a.bin"), to.url("b.bin")]).run().fails();
    copy().says("no agent of the group of this token has joined the hub");
    let _zurich = from.agent(&hub, "zurich");
    let berlin = hub.join("berlin", &to.near, &[]);
    let run = copy().says("no agent at the hub").says("does not allow that target");
    berlin.running.logs("refused by --allow");
    assert!(to.server.names().is_empty(), "{run}");
    berlin.hurry();
    socket::until("it is still there", || !berlin.running.said().contains("is over"));
}

#[test]
fn of_three_agents_that_do_not_reach_a_server_one_reason_is_told_and_the_others_are_counted() {
    let (from, to) = (Far::start(&[("a.bin", b"hello")]), Far::start(&[]));
    let hub = Hub::start(&own_address().to_string());
    let _agents = ["zurich", "berlin", "geneva"].map(|name| hub.join(name, &to.near, &[]));
    let places = [from.url("a.bin"), to.url("b.bin")];
    let copy = || {
        let run = user().args(["copy", "--retries", "0", "--path", "relay"]);
        run.relay(hub.address, &hub.token_file).args(&places)
    };
    copy().run().fails().says("no agent at the hub").says("2 other agents neither (-v says why)");
    let run = copy().args(["-v"]).run().fails();
    assert!(
        ["zurich", "berlin", "geneva"].iter().all(|name| run.said.contains(&format!("the agent {name} "))),
        "{run}"
    );
}

#[test]
fn r31_whoever_does_not_know_the_token_is_told_nothing_and_an_agent_tries_again() {
    let (from, to) = (Far::start(&[("a.bin", b"hello")]), Far::start(&[]));
    let hub = Hub::start(&own_address().to_string());
    let _agent = from.agent(&hub, "zurich");
    let other = Token::new("other", None, [3; 32]).unwrap();
    let file = hub.directory().join("other");
    write_private(&file, &other.line());
    let places = [from.url("a.bin"), to.url("b.bin")];
    let run = user().args(["copy", "--path", "relay"]).relay(hub.address, &file);
    run.args(&places).run().exits(11).never_says("zurich");
    hub.running.logs("denied: unknown token");

    // The hub learns the token of an agent later: it needs no restart on either side.
    let hub_lines = fs::read_to_string(&hub.hub_file).unwrap();
    write_private(&hub.hub_file, &other.for_hub().line());
    hub.running.signal(Signal::HUP);
    hub.running.logs("its sessions end");
    let late = hub.try_to_join(hub.address, "late", &to.near, &[&to.ip()]);
    late.running.logs("tries again in");
    write_private(&hub.hub_file, hub_lines.trim());
    hub.running.signal(Signal::HUP);
    socket::until("the tokens are read", || {
        hub.running.said().matches("the tokens and the policy were read again").count() == 2
    });
    late.hurry();
    late.until_joined(1);
}

#[test]
fn r45_an_agent_that_was_killed_replaces_its_ghost_at_once() {
    let data = sample(100_003);
    let (from, to) = (Far::start(&[("a.bin", &data)]), Far::start(&[]));
    let hub = Hub::start(&own_address().to_string());
    let _zurich = from.agent(&hub, "zurich");
    let mut berlin = to.agent(&hub, "berlin");
    // A second process with the same name: the first one is told, and does not fight.
    let second = hub.join("berlin", &to.near, &[&to.ip()]);
    hub.running.logs("agent, of another process");
    berlin.running.logs("another agent has joined under this name");
    berlin.running.logs("tries again in");
    drop(second);
    berlin.die_and_return();
    berlin.until_joined(1);
    let run = copy(&hub).args([from.url("a.bin"), to.url("b.bin")]).run().exits(0);
    arrived(&run, &to, "b.bin", &data);
}

#[test]
fn r40_agents_return_to_a_hub_that_was_killed_and_to_one_that_was_stopped() {
    let data = sample(100_003);
    let (from, to) = (Far::start(&[("a.bin", &data)]), Far::start(&[]));
    let mut hub = Hub::start(&own_address().to_string());
    let agents = [from.agent(&hub, "zurich"), to.agent(&hub, "berlin")];
    hub.die_and_return();
    for agent in &agents {
        agent.until_joined(2);
    }
    let run = copy(&hub).args([from.url("a.bin"), to.url("b.bin")]).run().exits(0);
    arrived(&run, &to, "b.bin", &data);
    hub.running.signal(Signal::TERM);
    assert!(hub.running.wait().success());
    agents[0].running.logs("the session with the hub is over: it is stopping");
    hub.return_again();
    for agent in &agents {
        agent.until_joined(3);
    }
    let run = copy(&hub).args([from.url("a.bin"), to.url("c.bin")]).run().exits(0);
    arrived(&run, &to, "c.bin", &data);
}
