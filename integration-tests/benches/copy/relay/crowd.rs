//! What a relay keeps in memory for many joins and many user agents, what an agent costs that has nothing to do, and
//! what the hop through a hub costs.

use std::io::{ErrorKind, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use ftp_proto::relay::message::{FromAgent, LegState, Waits};
use integration_tests::hub::Hub;
use integration_tests::relay::{Agent, Greeter, Relay, Session, listen};
use integration_tests::site::{Server, Site};
use integration_tests::socket;
use integration_tests::user::user;

use crate::figures::GIB;
use crate::plan::Plan;
use crate::process::{Cost, cpu_seconds, raise_descriptor_limit, resident_mib};
use crate::report::Report;

/// The name of our relay in the report.
const AGENT: &str = "ftp-relay-agent";
const SOURCE: &str = "127.0.0.2";
const TARGET: &str = "127.0.0.3";
/// Joins at once, and how many of them one session has: a relay grants no more than 64.
const JOINS: usize = 1_000;
const OF_ONE: usize = 50;
/// User agents at once: each has a session, two tunnels and a join.
const AGENTS: usize = 500;
const MINUTE: Duration = Duration::from_secs(60);
/// Joins are blocked by so many threads.
const BLOCKERS: usize = 20;
/// A join that takes nothing for so long is full.
const FULL: Duration = Duration::from_millis(50);

pub(super) fn table(plan: &Plan, report: &mut Report) {
    raise_descriptor_limit();
    joins(report);
    user_agents(report);
    idle(report);
    hop(plan, report);
}

/// A relay whose quotas suffice for one token that does all this.
fn relay() -> Agent {
    let allow = format!("allow = [\"{SOURCE}:21,1024-65535\", \"{TARGET}:21,1024-65535\"]\n");
    let counts = "sessions = 1024\ntunnels = 2048\njoins = 2048\n";
    Relay::new()
        .policy(&format!("{allow}[limits]\n{counts}[[identities]]\nname = \"test\"\n{counts}"))
        .start()
}

fn session(agent: &Agent, greeters: [Greeter; 2]) -> Session {
    let mut session = agent.session();
    greeters.into_iter().for_each(|greeter| session.meet(greeter));
    session
}

/// A join of two listening legs, and both ends of it.
fn joined(session: &mut Session) -> [TcpStream; 2] {
    let grant = session.grant(&[SOURCE, TARGET], u64::MAX, 1);
    session.join(grant, listen(SOURCE), listen(TARGET), Waits::default());
    let (a, b) = session.ready();
    let ends = [(SOURCE, a), (TARGET, b)].map(|(from, at)| {
        let LegState::Listening(at) = at else { panic!("{at:?}") };
        socket::connect(SocketAddr::new(from.parse().unwrap(), 0), at)
    });
    session.hear_until(|heard| matches!(heard, FromAgent::Joined { .. }).then_some(()));
    ends
}

/// Sends until the join takes nothing more: its receiver reads nothing.
fn block(stream: &mut TcpStream) {
    stream.set_write_timeout(Some(FULL)).unwrap();
    let piece = vec![7; 1 << 16];
    loop {
        match stream.write(&piece) {
            Ok(_) => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => return,
            Err(error) => panic!("{error}"),
        }
    }
}

/// Blocks all joins, many at a time: the relay ends a join in which nothing has moved for a minute.
fn block_all(ends: &mut [[TcpStream; 2]]) {
    std::thread::scope(|scope| {
        for some in ends.chunks_mut(JOINS / BLOCKERS) {
            scope.spawn(|| some.iter_mut().for_each(|[source, _]| block(source)));
        }
    });
}

fn row(name: &str, agent: &Agent, report: &mut Report) {
    report.add(name, "MiB", AGENT, resident_mib(agent.running.id()));
}

fn joins(report: &mut Report) {
    let agent = relay();
    let greeters = [SOURCE, TARGET].map(Greeter::start);
    let mut sessions: Vec<Session> = (0..JOINS / OF_ONE).map(|_| session(&agent, greeters)).collect();
    let mut ends: Vec<[TcpStream; 2]> = Vec::new();
    for session in &mut sessions {
        ends.extend((0..OF_ONE).map(|_| joined(session)));
    }
    row("1,000 joins that are silent", &agent, report);
    block_all(&mut ends);
    row("1,000 joins, all of them blocked", &agent, report);
}

fn user_agents(report: &mut Report) {
    let agent = relay();
    let greeters = [SOURCE, TARGET].map(Greeter::start);
    let mut all: Vec<(Session, [TcpStream; 2])> = Vec::new();
    for number in 0..AGENTS {
        let mut session = session(&agent, greeters);
        let mut ends = joined(&mut session);
        if number % 2 == 0 {
            block(&mut ends[0]);
        }
        all.push((session, ends));
    }
    row("500 user agents, half blocked", &agent, report);
}

/// A minute of an agent that has joined a hub, and of the hub.
fn idle(report: &mut Report) {
    let hub = Hub::start("127.0.0.4");
    let agent = hub.join("idle", "127.0.0.5", &[]);
    let ids = [agent.running.id(), hub.running.id()];
    let before = ids.map(cpu_seconds);
    // Nobody says anything for a minute: that is what is measured.
    let (_silent, heard) = mpsc::channel::<()>();
    assert_eq!(heard.recv_timeout(MINUTE), Err(RecvTimeoutError::Timeout));
    let [of_agent, of_hub] = [0, 1].map(|at| cpu_seconds(ids[at]).since(before[at]).total());
    report.add("a minute of an idle agent", "CPU ms", AGENT, of_agent * 1e3);
    report.add("a minute of an idle agent", "CPU ms", "hub", of_hub * 1e3);
}

/// A file between two agents, through the hub: their connection is encrypted from one to the other, also where the
/// servers themselves run TLS. On one host they never connect directly.
fn hop(plan: &Plan, report: &mut Report) {
    for (tls, work) in
        [(false, "through a hub, servers in clear"), (true, "through a hub, servers inside TLS")]
    {
        for (name, cost) in
            ["hub", "agent of the source", "agent of the destination"].iter().zip(hops(plan, tls))
        {
            report.add(work, "CPU s/GiB", name, cost.total());
        }
    }
}

/// What it costs the hub and both agents.
fn hops(plan: &Plan, tls: bool) -> [Cost; 3] {
    let place = plan.place();
    let file = place.path().join("hop.bin");
    plan.write_file(&file);
    let site = |name: &str| {
        let site = Site::new(name).at("127.0.0.2").args(["--foreign", "never"]);
        if tls { site.tls().args(["--require-tls"]) } else { site }
    };
    let (from, to) = (site("from").start(), site("to").at("127.0.0.3").start());
    std::fs::copy(&file, from.path("hop.bin")).unwrap();
    std::fs::remove_file(&file).unwrap();
    let hub = Hub::start("127.0.0.4");
    let agents = [hub.join("zurich", "127.0.0.5", &[SOURCE]), hub.join("berlin", "127.0.0.6", &[TARGET])];
    let ids = [hub.running.id(), agents[0].running.id(), agents[1].running.id()];
    let before = ids.map(cpu_seconds);
    let run = user().args(["copy", "--path", "relay", "--verify", "size"]);
    let run = run.relay(hub.address, &hub.token_file);
    let pins =
        if tls { vec!["--pin".to_owned(), from.pin(), "--pin".to_owned(), to.pin()] } else { Vec::new() };
    let url = |server: &Server| if tls { server.explicit_url("hop.bin") } else { server.url("hop.bin") };
    let run = run.args(pins).args([url(&from), url(&to)]).run();
    assert_eq!(run.code(), Some(0), "{run}");
    let gib = plan.bytes() as f64 / GIB;
    [0, 1, 2].map(|at| cpu_seconds(ids[at]).since(before[at]).over(gib))
}
