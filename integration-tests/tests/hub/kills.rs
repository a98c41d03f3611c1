//! `kill -9` of a hub, of an agent or of the user agent, at each step of a copy: everything ends in bounded time, and no server
//! calls a file whole that was cut.

use super::carried::half;
use super::{Far, copy_within};
use integration_tests::beside::each_beside;
use integration_tests::foreign::own_address;
use integration_tests::hub::Hub;
use integration_tests::site::sample;
use integration_tests::socket;
use rustix::process::Signal;

/// Who is killed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Victim {
    Hub,
    /// The agent beside the source.
    Near,
    /// The agent beside the destination.
    Far,
    UserAgent,
}

/// When: as soon as this has happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Step {
    /// The user agent has a session with the agent beside the destination.
    Session,
    /// That agent carries a control connection.
    Tunnel,
    /// A data connection is joined there.
    Join,
    /// Some of the file is stored.
    Half,
}

const SIZE: usize = 8_000_000;

/// A slow copy through two agents in which somebody is killed. Whatever comes of it, no half of a file is called whole, and
/// neither server keeps a session or a transfer.
fn killed(victim: Victim, step: Step) {
    let data = sample(SIZE);
    let (from, to) = (Far::start(&[("a.bin", &data)]), Far::start(&[]));
    let hub = Hub::start(&own_address().to_string());
    let agents = [from.agent(&hub, "zurich"), to.agent(&hub, "berlin")];
    let run = copy_within("5s", hub.address, &hub).args(["--stall", "5s"]);
    let run = run.args([from.slow_url("a.bin"), to.url("b.bin")]).start();
    match step {
        Step::Session => agents[1].running.logs("session token="),
        Step::Tunnel => agents[1].running.logs(": tunnel "),
        Step::Join => agents[1].running.logs("joined id="),
        Step::Half => half(&to),
    }
    match victim {
        Victim::Hub => &hub.running,
        Victim::Near => &agents[0].running,
        Victim::Far => &agents[1].running,
        Victim::UserAgent => &run.running,
    }
    .signal(Signal::KILL);
    let run = run.end();
    let shown =
        || format!("{victim:?} {step:?}: {run}\n{}\n{}", to.server.running.said(), hub.running.said());
    assert_ne!(run.code(), Some(0), "{}", shown());
    let ends = |server: &integration_tests::site::Server| {
        let said = server.running.said();
        said.matches("session ended").count() >= said.matches("logged in").count()
    };
    socket::until("both servers have ended their sessions", || ends(&from.server) && ends(&to.server));
    let said = to.server.running.said();
    let whole = |line: &&str| line.contains("command=\"STOR\"") && line.contains("whole=true");
    assert_eq!(said.lines().find(whole), None, "{}", shown());
    assert!(!to.server.names().contains(&"b.bin".to_owned()), "{}", shown());
}

#[test]
fn r12_whoever_is_killed_before_a_file_flows_through_agents_nothing_is_left() {
    let cases = [
        (Victim::Hub, Step::Session),
        (Victim::Far, Step::Session),
        (Victim::Near, Step::Tunnel),
        (Victim::UserAgent, Step::Tunnel),
    ];
    each_beside(cases, |(victim, step)| killed(victim, step));
}

#[test]
fn r12_whoever_is_killed_while_a_file_flows_through_agents_no_server_calls_it_whole() {
    let cases = [
        (Victim::Hub, Step::Join),
        (Victim::Near, Step::Half),
        (Victim::Far, Step::Join),
        (Victim::UserAgent, Step::Half),
    ];
    each_beside(cases, |(victim, step)| killed(victim, step));
}
