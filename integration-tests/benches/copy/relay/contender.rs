//! The relays: how each is started before a sink, with what is usual and best for it.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use ftp_proto::relay::message::{Leg, LegState, Waits};
use integration_tests::binary::{Program, Running};
use integration_tests::foreign::Tool;
use integration_tests::performance::BASELINE;
use integration_tests::relay::{self, Greeter, listen};
use integration_tests::socket;
use tempfile::TempDir;

use super::lab::{End, Lab};
use super::part;
use crate::process::listens;
use crate::report::Report;

/// Something between a source and a sink.
pub(super) enum Contender {
    /// Nothing: the source connects to the sink.
    Direct,
    /// Our agent; each join is one of a real session.
    Agent(Build),
    /// Splices both ways, through pipes of the same size as ours.
    Haproxy(Tool),
    /// Reads and writes 64 KiB.
    Socat(Tool),
    /// `copy_bidirectional`: reads and writes 8 KiB.
    Tokio,
}

/// A build of our agent.
pub(super) enum Build {
    /// The release build of this tree.
    Release,
    /// The program of the baseline, by its path.
    Baseline(PathBuf),
    /// One small file without libraries.
    Static(PathBuf),
}

/// Joins of one session: a relay grants no more than 64, and two are those of its servers.
const OF_ONE: usize = 50;

/// A relay that runs. Dropping it ends it.
pub(super) struct Started {
    pub(super) id: u32,
    /// Where sources connect, one for each join.
    pub(super) entrances: Vec<SocketAddr>,
    /// Its process and what that needs, to be dropped.
    _keep: Box<dyn Send>,
}

impl Contender {
    /// All relays that can be had here, with our agent from the directory `baseline` too. The report
    /// says why a relay is left out.
    pub(super) fn all(baseline: Option<&Path>, report: &mut Report) -> Vec<Self> {
        let mut all = vec![Self::Direct, Self::Agent(Build::Release)];
        let agent = |programs| Self::Agent(Build::Baseline(Program::RelayAgent.path_in(programs)));
        all.extend(baseline.map(agent));
        let haproxy = Tool::debian("haproxy", &["haproxy"], "sbin/haproxy").map(Self::Haproxy);
        let socat = Tool::debian("socat", &["socat"], "bin/socat").map(Self::Socat);
        all.extend(report.found("haproxy", haproxy));
        all.extend(report.found("socat", socat));
        all.push(Self::Tokio);
        all
    }

    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Direct => "no relay",
            Self::Agent(Build::Release) => "ftp-relay-agent",
            Self::Agent(Build::Baseline(_)) => BASELINE,
            Self::Agent(Build::Static(_)) => "static ftp-relay-agent",
            Self::Haproxy(_) => "haproxy",
            Self::Socat(_) => "socat",
            Self::Tokio => "tokio's copy",
        }
    }

    /// One that will relay to `sink`; the number of joins matters only to who makes each by itself.
    pub(super) fn start(&self, lab: &Lab, sink: SocketAddr, joins: usize) -> Option<Started> {
        match self {
            Self::Direct => None,
            Self::Agent(build) => {
                let greeters = [End::Source, End::Sink]
                    .map(|end| lab.on(end, || Greeter::start(&lab.ip(end).to_string())));
                Some(lab.on(End::Relay, || agent(build, lab, sink, (joins, greeters))))
            }
            Self::Haproxy(tool) => {
                Some(lab.on(End::Relay, || haproxy(tool, lab.ip(End::Relay), sink, joins)))
            }
            Self::Socat(tool) => Some(lab.on(End::Relay, || socat(tool, lab.ip(End::Relay), sink, joins))),
            Self::Tokio => Some(lab.on(End::Relay, || {
                let (running, at) = part::tokio_copy(lab.ip(End::Relay), sink);
                Started { id: running.id(), entrances: vec![at; joins], _keep: Box::new(running) }
            })),
        }
    }

    /// Whether one process of it carries several connections.
    pub(super) const fn carries_many(&self) -> bool {
        matches!(self, Self::Agent(_) | Self::Haproxy(_) | Self::Tokio)
    }
}

fn agent(build: &Build, lab: &Lab, sink: SocketAddr, (joins, greeters): (usize, [Greeter; 2])) -> Started {
    let [source, at] = [End::Source, End::Relay].map(|end| lab.ip(end).to_string());
    let to = sink.ip().to_string();
    let agent = relay::Relay::new().at(&at).server(&source).server(&to);
    let agent = match build {
        Build::Release => agent.start(),
        Build::Baseline(program) | Build::Static(program) => agent.program(program.clone()).start(),
    };
    let mut sessions = Vec::new();
    let mut entrances = Vec::new();
    for number in 0..joins {
        if number % OF_ONE == 0 {
            let mut session = agent.session();
            greeters.iter().for_each(|greeter| session.meet(*greeter));
            sessions.push(session);
        }
        let Some(session) = sessions.last_mut() else { break };
        let grant = session.grant(&[&source, &to], u64::MAX, 1);
        session.join(grant, listen(&source), Leg::Dial(sink), Waits::default());
        match session.ready().0 {
            LegState::Listening(at) => entrances.push(at),
            other @ (LegState::Dialing(_) | LegState::Meeting) => panic!("join {number}: {other:?}"),
        }
    }
    Started { id: agent.running.id(), entrances, _keep: Box::new((sessions, agent)) }
}

fn haproxy(tool: &Tool, at: IpAddr, sink: SocketAddr, joins: usize) -> Started {
    let directory = tempfile::Builder::new().prefix("haproxy-").tempdir().unwrap();
    let config = directory.path().join("haproxy.cfg");
    let entrance = SocketAddr::new(at, socket::free_port(&at.to_string()));
    let text = format!(
        "global\n    nbthread 1\n    maxconn 256\n    maxpipes 256\n    tune.pipesize 1048576\n\
         defaults\n    mode tcp\n    timeout connect 5s\n    timeout client 60s\n    timeout server 60s\n    \
         option splice-request\n    option splice-response\n\
         listen relay\n    bind {entrance}\n    server sink {sink}\n"
    );
    fs::write(&config, text).unwrap();
    let mut command = tool.command();
    command.args(["-db", "-f"]).arg(&config);
    process("haproxy", command, entrance, joins, Some(directory))
}

fn socat(tool: &Tool, at: IpAddr, sink: SocketAddr, joins: usize) -> Started {
    let entrance = SocketAddr::new(at, socket::free_port(&at.to_string()));
    let mut command = tool.command();
    // -t: the other way stays open until what it has cost has been read.
    command.args(["-b", "65536", "-t", "60"]);
    command.arg(format!("TCP-LISTEN:{},bind={at},reuseaddr", entrance.port())).arg(format!("TCP:{sink}"));
    process("socat", command, entrance, joins, None)
}

fn process(
    name: &str,
    mut command: Command,
    entrance: SocketAddr,
    joins: usize,
    directory: Option<TempDir>,
) -> Started {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let running = Running::start(name, command);
    let id = running.id();
    socket::until(&format!("{name} listens"), || listens(id, entrance.port()));
    Started { id, entrances: vec![entrance; joins], _keep: Box::new((running, directory)) }
}
