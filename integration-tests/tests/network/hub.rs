//! Two servers behind NAT with no port published, an agent beside each of them, and a hub that everybody reaches.
//! The user reaches neither server.

use integration_tests::foreign::Skipped;
use integration_tests::hub::Hub;
use integration_tests::net::{Host, Network, Ports};
use integration_tests::or_skip;
use integration_tests::site::{Server, Site, sample};
use integration_tests::user::user;

/// A server and the agent's host beside it, behind a router of their own.
struct Far {
    server: Server,
    beside: Host,
}

fn far(network: &mut Network, name: &str, files: &[(&str, &[u8])]) -> Result<Far, Skipped> {
    let mut router = network.nat_with(&format!("{name}-nat"), Ports::Random)?;
    let at = network.host_behind(&mut router, name);
    let beside = network.host_behind(&mut router, &format!("{name}-agent"));
    let site = Site::new(name).at(&at.ip()).args(["--foreign", "never"]);
    let site = files.iter().fold(site, |site, (name, bytes)| site.file(name, bytes));
    let server = at.run(|| site.start());
    Ok(Far { server, beside })
}

fn goes() -> Result<(), Skipped> {
    let mut network = Network::public()?;
    let [home, middle] = ["user", "hub"].map(|name| network.host(name));
    let data = sample(3_000_003);
    let files: [(&str, &[u8]); 1] = [("a.bin", &data)];
    let (from, to) = (far(&mut network, "source", &files)?, far(&mut network, "target", &[])?);
    let mut hub = middle.run(|| Hub::start(&middle.ip()));
    let mut join = |far: &Far, name: &str| {
        let (hub, server) = (&mut hub, far.server.ip().to_string());
        let (host, ip) = (&far.beside, far.beside.ip());
        host.run(move || hub.join(name, &ip, &[&server]))
    };
    let agents = [join(&from, "zurich"), join(&to, "berlin")];
    let run = user().args(["copy", "--json", "--trace", "trace.txt", "--retries", "0", "--timeout", "30s"]);
    let run = run.args(["--path", "relay", "--relay", &hub.address.to_string(), "--relay-token-file"]);
    let run = run.args([&hub.token_file]).args([from.server.url("a.bin"), to.server.url("a.bin")]);
    let run = home.run(|| run.run());
    let shown = || format!("{run}\n{}\n{}", agents[0].running.said(), agents[1].running.said());
    assert_eq!(run.code(), Some(0), "{}", shown());
    assert_eq!(to.server.names(), from.server.names(), "{}", shown());
    assert!(to.server.bytes("a.bin") == data, "{}", shown());
    assert_eq!(run.summary()["verified"], "sha-256", "{}", shown());
    Ok(())
}

#[test]
fn r42_two_servers_that_only_their_agents_reach_exchange_a_file_through_the_hub() {
    or_skip!(goes());
}
