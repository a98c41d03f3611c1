//! Two agents that have met at a hub connect directly wherever the routers before them permit it.

use super::hub::Scene;
use integration_tests::foreign::Skipped;
use integration_tests::net::Ports;
use integration_tests::or_skip;

const KEPT: Option<Ports> = Some(Ports::Kept);
const RANDOM: Option<Ports> = Some(Ports::Random);

/// The agents connect directly.
fn directly(before: [Option<Ports>; 2]) -> Result<(), Skipped> {
    let mut scene = Scene::new(before, |_, _, _| ())?;
    // The report says so, too.
    scene.copies_until_run("connected directly with the other agent", |run| {
        run.summary()["agents_direct"] == true
    });
    scene.agents[1].running.logs("connected directly with the other agent");
    if scene.to.server.names() == ["0.bin"] {
        // Only control connections have passed the hub.
        let said = scene.hub.running.said();
        let mut counts = said.split_whitespace().filter_map(|word| {
            let (_, count) = word.split_once('=').filter(|(name, _)| matches!(*name, "up" | "down"))?;
            count.parse::<u64>().ok()
        });
        assert!(counts.all(|bytes| bytes < 1_000_000), "{}", scene.shown());
    }
    Ok(())
}

#[test]
fn r48_agents_connect_directly_also_behind_nat() {
    for before in [[None; 2], [KEPT; 2], [RANDOM, None], [None, RANDOM]] {
        or_skip!(directly(before));
    }
}

/// What nobody can connect through is not tried: the file goes through the hub at once.
fn through_the_hub(before: [Option<Ports>; 2]) -> Result<(), Skipped> {
    let mut scene = Scene::new(before, |_, _, _| ())?;
    scene.copies_until("through the hub: the routers before the two agents do not permit it");
    assert!(!scene.shown().contains("no direct connection came about"), "{}", scene.shown());
    Ok(())
}

#[test]
fn r48_between_two_symmetric_nats_or_nats_of_two_kinds_nothing_is_tried() {
    for before in [[RANDOM; 2], [RANDOM, KEPT]] {
        or_skip!(through_the_hub(before));
    }
}

/// A hub that takes one agent for somebody else: the other agent is sent to a third host.
fn a_third_host() -> Result<(), Skipped> {
    let mut victim = None;
    let mut scene = Scene::new([KEPT; 2], |network, [_, to], hub| {
        let third = network.host("victim");
        network.mistake(hub, to.outside.unwrap(), &third);
        network.count_connects(&third);
        victim = Some(third);
    })?;
    let victim = victim.unwrap();
    // It is the first try, or one beside it that goes through the hub at once.
    scene.copies_until("direct connection");
    let connects = scene.network.connects(&victim);
    // Ten connections, for each of which the system sends up to two packets within their time.
    let rounds = scene.to.server.names().len() as u64;
    assert!((1..=20 * rounds).contains(&connects), "{connects} packets\n{}", scene.shown());
    Ok(())
}

#[test]
fn r48_a_third_host_that_a_hub_names_gets_a_few_packets_and_the_file_arrives() {
    or_skip!(a_third_host());
}
