//! Every small internet: the file takes the most direct path that is open, and no dead path is waited for.

use integration_tests::beside::each_of;
use integration_tests::foreign::Skipped;
use integration_tests::hub::Joined;
use integration_tests::or_skip;
use integration_tests::site::sample;
use integration_tests::topology::{Agents, Lab, TOPOLOGIES, Topology};
use integration_tests::user::{Run, user};
use std::path::Path;

/// A hub that the user may use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Hub {
    /// A relay that both servers reach.
    Relay,
    /// No relay.
    None,
}

/// Our two servers with the settings that they have by themselves, and a copy with those of `ftp-user`.
fn copied(topology: Topology, hub: Hub, more: &[&str]) -> Result<(Lab, Run, Vec<u8>), Skipped> {
    let sent = sample(3_000_003);
    let lab = Lab::new(topology, &sent, |site| site)?;
    let agent = (hub == Hub::Relay).then(|| lab.relay());
    let run = user().args(["copy", "--json", "--trace", "trace.txt"]).args(more);
    let run = agent.iter().fold(run, |run, agent| run.relay(agent.address, &agent.token_file));
    let run = run.args([lab.url(0, "a.bin"), lab.url(1, "b.bin")]);
    let run = lab.user.run(|| run.run());
    Ok((lab, run, sent))
}

fn shown(topology: Topology, lab: &Lab, run: &Run) -> String {
    let trace = String::from_utf8_lossy(&run.bytes("trace.txt")).into_owned();
    let [source, target] = &lab.servers;
    let said = [source.running.said(), target.running.said()].join("\n-- target --\n");
    format!("{}\n{run}\n{trace}\n-- source --\n{said}", topology.name)
}

/// The file arrives over the most direct path, and if there is none, through this hub.
fn arrives(topology: Topology, hub: Hub, through: (&str, &str)) -> Result<(), Skipped> {
    let (lab, run, sent) = copied(topology, hub, &[])?;
    let shown = shown(topology, &lab, &run);
    assert_eq!(run.code(), Some(0), "{shown}");
    let (path, rung) = topology.direct.unwrap_or(through);
    let summary = run.summary();
    assert_eq!((&summary["path"], &summary["rung"]), (&path.into(), &rung.into()), "{shown}");
    assert_eq!(summary["verified"], "sha-256", "{shown}");
    let [_, target] = &lab.servers;
    assert!(target.bytes("b.bin") == sent, "the copy differs\n{shown}");
    assert_eq!(target.names(), ["b.bin"], "{shown}");
    // One round: the candidates ran beside each other, only one of them has moved anything, and nobody
    // has waited for the end of a wait.
    assert_eq!(run.events("file")[0]["attempts"], 1, "{shown}");
    let trace = String::from_utf8_lossy(&run.bytes("trace.txt")).into_owned();
    assert!(!trace.contains("425 No proven data connection"), "{shown}");
    Ok(())
}

/// Through a relay, if there is no direct path.
fn with_and_without_a_relay(topology: Topology) {
    or_skip!(arrives(topology, Hub::None, ("user", "user")));
    or_skip!(arrives(topology, Hub::Relay, ("relay", "relay-source")));
}

/// How often the two agents may be too late for a direct connection: the host may be busy.
const ROUNDS: usize = 10;

/// Why a file goes through the hub, as agents log it, if the host is too busy for the waits of a try.
const LATE: [&str; 2] = ["the hub does not tell where the other agent is", NO_CONNECTION];
/// One was tried.
const NO_CONNECTION: &str = "no direct connection came about";
/// The same from the agent that was called.
const DECIDED: &str = "the other agent has decided so";

/// Why the file went through the hub, in the words of each agent.
fn reasons(agents: &[Joined; 2]) -> Vec<String> {
    let said = agents.each_ref().map(|agent| agent.running.said());
    let reason = |line: &str| line.split_once("through the hub: ").map(|(_, why)| why.trim().to_owned());
    said.iter().flat_map(|said| said.lines().filter_map(reason)).collect()
}

/// Whether nothing but the time was missing for a direct connection.
fn were_late(reasons: &[String]) -> bool {
    let is_late = |why: &String| LATE.contains(&why.as_str());
    reasons.iter().any(is_late) && reasons.iter().all(|why| is_late(why) || why == DECIDED)
}

/// Each server is reached by the agent on its own host alone, and the agents only connect out. They connect directly where the
/// topology permits it.
fn by_agents(topology: Topology) -> Result<(), Skipped> {
    let sent = sample(3_000_003);
    let lab = Lab::new(topology, &sent, |site| site.args(["--foreign", "never"]))?;
    let (hub, mut agents) = lab.hub();
    let [source, target] = &lab.servers;
    for round in 1..=ROUNDS {
        let name = format!("{round}.bin");
        let run =
            user().args(["copy", "--json", "--trace", "trace.txt", "--retries", "0", "--timeout", "30s"]);
        let run = run.args(["--path", "relay"]).relay(hub.address, &hub.token_file);
        let run = run.args([source.url("a.bin"), target.url(&name)]);
        let run = lab.user.run(|| run.run());
        let said = agents.each_ref().map(|agent| agent.running.said()).join("\n-- berlin --\n");
        let shown = format!("{}\n-- zurich --\n{said}", shown(topology, &lab, &run));
        assert_eq!(run.code(), Some(0), "{shown}");
        let summary = run.summary();
        assert_eq!((&summary["path"], &summary["rung"]), (&"relay".into(), &"hub".into()), "{shown}");
        assert_eq!(summary["verified"], "sha-256", "{shown}");
        assert!(target.bytes(&name) == sent, "the copy differs\n{shown}");
        assert_eq!(target.names().len(), round, "{shown}");
        let directly = summary["agents_direct"] == true;
        match topology.agents {
            Agents::ThroughHub => {
                assert!(!directly, "{shown}");
                // Where it is hopeless, nothing is tried.
                assert!(reasons(&agents).iter().all(|why| why != NO_CONNECTION), "{shown}");
                return Ok(());
            }
            Agents::Directly if directly => return Ok(()),
            Agents::Directly if round == ROUNDS => panic!("never directly\n{shown}"),
            Agents::Directly => {
                assert!(were_late(&reasons(&agents)), "not for want of time\n{shown}");
                lab.begin_anew(&mut agents);
            }
        }
    }
    Ok(())
}

/// No hub is reached by both servers: the run says why and leaves nothing behind.
fn has_no_path(topology: Topology) -> Result<(), Skipped> {
    let (lab, run, _) = copied(topology, Hub::None, &["--path", "direct"])?;
    let shown = shown(topology, &lab, &run);
    assert_eq!(run.code(), Some(6), "{shown}");
    let run = run.says("no path between the two servers works");
    assert_eq!(run.summary()["failed"], 1, "{shown}");
    assert_eq!(lab.servers[1].names(), [""; 0], "{shown}");
    Ok(())
}

/// The row of the guide about this small internet.
fn row(topology: Topology) -> String {
    let (alone, with_relay) = match topology.direct {
        Some((_, "dest-listens")) => ("direct, the destination listens", "the same"),
        Some((_, "source-listens")) => ("direct, the source listens", "the same"),
        Some((_, "symmetric")) => ("symmetric", "the same"),
        None => ("through this program", "through the relay"),
        Some(other) => panic!("{other:?}"),
    };
    let agents = match topology.agents {
        Agents::Directly => "from agent to agent",
        Agents::ThroughHub => "from agent to agent, through the hub",
    };
    format!("| `{}` | {alone} | {with_relay} | {agents} |", topology.name)
}

#[test]
fn g02_the_guide_tells_the_path_of_each_small_internet() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/guide/how-a-path-is-chosen.md");
    let text = std::fs::read_to_string(page).unwrap();
    for topology in TOPOLOGIES {
        let row = row(topology);
        assert!(text.lines().any(|line| line == row), "how-a-path-is-chosen.md needs the row\n{row}");
    }
}

#[test]
fn g02_i07_a_file_takes_the_best_path_that_each_small_internet_leaves_open() {
    each_of(&TOPOLOGIES, |topology| with_and_without_a_relay(*topology));
}

#[test]
fn g02_behind_two_nats_without_a_hub_there_is_no_direct_path() {
    for name in ["both-behind-symmetric-nat", "both-behind-mixed-nat"] {
        or_skip!(has_no_path(Topology::named(name)));
    }
}

#[test]
fn r42_i07_by_agents_a_file_passes_every_small_internet() {
    each_of(&TOPOLOGIES, |topology| or_skip!(by_agents(*topology)));
}
