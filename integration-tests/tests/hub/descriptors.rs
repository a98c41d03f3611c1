//! A hub, and an agent that has joined it, on hosts where no descriptor is free.

use super::carried::half;
use super::{Far, arrived, copy, copy_within};
use integration_tests::foreign::own_address;
use integration_tests::hub::Hub;
use integration_tests::site::sample;
use integration_tests::socket;

#[test]
fn r38_a_hub_and_an_agent_without_a_free_descriptor_let_a_file_end_and_serve_again_when_some_are_free() {
    let data = sample(4_000_000);
    let (from, to) = (Far::start(&[("a.bin", &data)]), Far::start(&[]));
    let hub = Hub::start(&own_address().to_string());
    let agents = [from.agent(&hub, "zurich"), to.agent(&hub, "berlin")];
    let poor = [&hub.running, &agents[0].running, &agents[1].running];
    let run = copy(&hub).args([from.slow_url("a.bin"), to.url("b.bin")]).start();
    half(&to);
    // What flows has its descriptors. Whoever comes now is not served, and waits no longer than its own patience.
    poor.iter().for_each(|running| running.limit_descriptors(3));
    let places = [from.url("a.bin"), to.url("c.bin")];
    let other = copy_within("2s", hub.address, &hub).args(&places).run().fails();
    assert!(!to.server.names().contains(&"c.bin".to_owned()), "{other}");
    hub.running.logs("cannot accept a link");
    let run = run.end().exits(0);
    arrived(&run, &to, "b.bin", &data);
    // The agents still have their sessions, or return to them by themselves.
    poor.iter().for_each(|running| running.limit_descriptors(512));
    socket::until("a file passes the hub again", || copy(&hub).args(&places).run().code() == Some(0));
    assert!(to.server.bytes("c.bin") == data);
}
