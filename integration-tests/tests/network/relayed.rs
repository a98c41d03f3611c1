//! Two servers in two subnets that take no foreign host, a relay in a third, the user agent in a fourth.

use super::Servers;
use integration_tests::foreign::{End, Hosts, Kind, Skipped, shown};
use integration_tests::net::{Host, Network};
use integration_tests::or_skip;
use integration_tests::relay::{Agent, Relay};
use integration_tests::site::{Site, sample};
use integration_tests::user::{Run, user};

/// The four hosts.
struct Scene {
    network: Network,
    source: Host,
    target: Host,
    relay: Host,
    user: Host,
}

fn scene() -> Result<Scene, Skipped> {
    let mut network = Network::new()?;
    let [source, target, relay, user] = ["source", "target", "relay", "user"].map(|name| network.host(name));
    Ok(Scene { network, source, target, relay, user })
}

impl Scene {
    fn copy(&self, agent: &Agent, from: &End, to: &End) -> Run {
        let run =
            user().args(["copy", "--json", "--trace", "trace.txt", "--retries", "0", "--timeout", "5s"]);
        let run = run.relay(agent.address, &agent.token_file);
        let run = run.args([from.url("a.bin"), to.url("b.bin")]);
        self.user.run(|| run.run())
    }
}

fn arrived(run: &Run, agent: &Agent, from: &End, to: &End, sent: &[u8]) {
    let shown = shown(run, from, to, &format!("-- relay --\n{}", agent.running.said()));
    assert_eq!(run.code(), Some(0), "{shown}");
    assert!(to.bytes("b.bin") == sent, "the copy differs\n{shown}");
    assert_eq!(to.names(), ["b.bin"], "{shown}");
    assert_eq!(run.summary()["path"], "relay", "{shown}");
}

/// One file between two servers of a kind, which refuse each other.
fn goes(servers: Servers) -> Result<(), Skipped> {
    let scene = scene()?;
    let sent = sample(3_000_003);
    let from = servers.start(0, &scene.source, &[("a.bin", sent.clone())])?;
    let to = servers.start(1, &scene.target, &[])?;
    let relay = Relay::new().at(&scene.relay.ip()).server(&scene.source.ip()).server(&scene.target.ip());
    let agent = scene.relay.run(|| relay.start());
    let run = scene.copy(&agent, &from, &to);
    arrived(&run, &agent, &from, &to, &sent);
    Ok(())
}

const REFUSED: [Hosts; 2] = [Hosts::Refused; 2];

#[test]
fn r42_two_vsftpd_in_two_subnets_exchange_a_file_through_a_relay_in_a_third() {
    or_skip!(goes(Servers::Theirs(Kind::Vsftpd, REFUSED)));
}

#[test]
fn r42_two_proftpd_in_two_subnets_exchange_a_file_through_a_relay_in_a_third() {
    or_skip!(goes(Servers::Theirs(Kind::Proftpd, REFUSED)));
}

/// Ours at both ends: a source of IPv6 alone, a destination of IPv4 alone.
fn crosses_families() -> Result<(), Skipped> {
    let scene = scene()?;
    let at = [&scene.source, &scene.relay, &scene.user].map(|host| scene.network.add_v6(host));
    let [source, relay, user] = at;
    let (source, relay, _) = (source?, relay?, user?);
    let sent = sample(3_000_003);
    let site = Site::new("six").at(&source.to_string()).file("a.bin", &sent);
    let from = End::Ours(Box::new(scene.source.run(|| site.start())));
    let site = Site::new("four").at(&scene.target.ip());
    let to = End::Ours(Box::new(scene.target.run(|| site.start())));
    let allowed = Relay::new().at(&scene.relay.ip()).also(&format!("[{relay}]:0"));
    let allowed = allowed.server(&source.to_string()).server(&scene.target.ip());
    let agent = scene.relay.run(|| allowed.start());
    let run = scene.copy(&agent, &from, &to);
    arrived(&run, &agent, &from, &to, &sent);
    Ok(())
}

#[test]
fn r03_i07_a_source_of_ipv6_and_a_destination_of_ipv4_meet_at_the_relay() {
    or_skip!(crosses_families());
}
