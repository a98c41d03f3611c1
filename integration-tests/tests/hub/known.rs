//! Servers that are known by another address than the one at which their agent finds them.

use super::{Far, arrived, copy};
use integration_tests::foreign::own_address;
use integration_tests::hub::Hub;
use integration_tests::site::{Server, Site, sample};
use integration_tests::user::user;
use tokio::net::TcpSocket;

/// The same URL with another host.
fn known_as(server: &Server, host: &str, path: &str) -> String {
    server.url(path).replace(&server.ip().to_string(), host)
}

#[test]
fn r63_an_agent_serves_a_server_under_the_address_by_which_others_know_it() {
    let data = sample(1_000_003);
    let (public, to) = (own_address().to_string(), Far::start(&[]));
    let from = Site::new("inside").at(&own_address().to_string()).file("a.bin", &data);
    let from = from.args(["--foreign", "never", "--public-address", &public]).start();
    let hub = Hub::start(&own_address().to_string());
    let zurich = hub.join("zurich", &own_address().to_string(), &[&format!("{public}={}", from.ip())]);
    let _berlin = to.agent(&hub, "berlin");
    zurich
        .running
        .logs(&format!("serves {public}={}:21,990/tls,1024-65535, at data ports 1024-65535", from.ip()));
    let run = copy(&hub).args([known_as(&from, &public, "a.bin"), to.url("b.bin")]).run().exits(0);
    arrived(&run, &to, "b.bin", &data);
    // Without a copy between servers, this host has the data connections.
    let run = user().args(["copy"]).relay(hub.address, &hub.token_file);
    let run = run.args([known_as(&from, &public, "a.bin").as_str(), "here.bin"]).run().exits(0);
    assert!(run.bytes("here.bin") == data, "{run}");
}

#[test]
fn r63_the_address_at_which_the_hub_sees_an_agent_is_that_of_its_host() {
    let data = sample(300_001);
    let to = Far::start(&[]);
    // The hub sees every agent of this machine at 127.0.0.1. Nobody else listens there at the port of the server.
    let (from, _held) = (0..100)
        .find_map(|_| {
            let site = Site::new("here").at(&own_address().to_string()).file("a.bin", &data);
            let from = site.args(["--foreign", "never", "--public-address", "127.0.0.1"]).start();
            let held = TcpSocket::new_v4().unwrap();
            let at = format!("127.0.0.1:{}", from.address(ftp_proto::dialect::Dialect::Rfc959).port());
            held.bind(at.parse().unwrap()).is_ok().then_some((from, held))
        })
        .expect("a port that nobody has at 127.0.0.1");
    let hub = Hub::start(&own_address().to_string());
    // Another agent, whose host has no server that a rule names, is no nearer to it.
    let _berlin = to.agent(&hub, "berlin");
    let zurich = hub.join("zurich", &own_address().to_string(), &[&from.ip().to_string()]);
    zurich.running.logs("seen_as=127.0.0.1");
    let run = copy(&hub).args([known_as(&from, "127.0.0.1", "a.bin"), to.url("b.bin")]).run().exits(0);
    arrived(&run, &to, "b.bin", &data);
}
