//! Servers with TLS, a relay, servers of other people, and strangers who disturb them.

use super::process::Sockets;
use crate::binary::{Program, Running};
use crate::foreign::{Foreign, ForeignServer, Kind, own_address, say_skipped};
use crate::hub::{Hub, Joined};
use crate::relay::{Agent, Relay};
use crate::sim::random::Random;
use crate::site::{Server, Site, names_below};
use crate::socket::{try_connect, until};
use crate::user::{User, user};
use std::fs;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Who is killed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Victim {
    Coordinator,
    Source,
    Destination,
    Relay,
    Hub,
    /// The agent beside the source, or beside the destination.
    Agent(usize),
    /// The server that works with those of other people.
    Open,
    /// The sessions of one of them.
    Foreign(usize),
}

/// Everything that outlives a run of ftp-user.
#[derive(Debug)]
pub(super) struct World {
    pub(super) source: Server,
    pub(super) destination: Server,
    pub(super) relay: Agent,
    hub: Hub,
    /// The agents that have joined the hub: one reaches the source, the other one the destination.
    agents: [Joined; 2],
    /// One of ours that works with servers of other people.
    pub(super) open: Server,
    /// These, as far as they can be had: one that replaces no file, and in a soak others.
    pub(super) foreign: Vec<ForeignServer>,
    /// What each of ours has open when nobody uses it.
    idle: Vec<Sockets>,
    strangers: Vec<TcpStream>,
    /// The state directories of the servers.
    states: Vec<PathBuf>,
    /// A state directory that the coordinators share.
    pub(super) jobs: PathBuf,
    /// The directory for temporary files of all programs.
    temporary: TempDir,
    /// Whether programs of ours are not killed any more, because somebody watches what they hold.
    pub(super) spares_ours: bool,
}

/// Descriptors that threads of a program keep for the next session: a bounded number.
const KEPT: usize = 32;

/// Where those come from who are not the coordinator: neighbours, so that a ban of theirs is not the coordinator's.
const NEIGHBOURS: [u8; 3] = [127, 0, 0];
/// Where the coordinator comes from.
const OWN: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

impl World {
    /// `kept` has the state directories. `is_wide`: more servers of other people take part.
    pub(super) fn start(kept: &Path, is_wide: bool) -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let mut states = Vec::new();
        let mut site = |name: &str| {
            let state = kept.join(name);
            let site = Site::new(name).at(&own_address().to_string()).tls();
            let site = site.environment("TMPDIR", temporary.path());
            let site = site.args(["--user", EVE, "--state", state.to_str().unwrap()]);
            states.push(state);
            site
        };
        let (source, destination) = (site("source").start(), site("destination").start());
        let open = works_with_others(site("open")).start();
        let others: &[Kind] = if is_wide { &KINDS } else { &[] };
        let foreign =
            [of(Kind::Proftpd).replaces_nothing()].into_iter().chain(others.iter().copied().map(of));
        let foreign = foreign
            .filter_map(|server| server.start().inspect_err(|skipped| say_skipped(&skipped.0)).ok())
            .collect();
        let relay = Relay::new().at(&own_address().to_string()).allow("127.0.0.0/8:1024-65535").start();
        let hub = Hub::start(&own_address().to_string());
        let agents = [("near", &source), ("far", &destination)]
            .map(|(name, server)| hub.join(name, &own_address().to_string(), &[&server.ip().to_string()]));
        let jobs = kept.join("jobs");
        fs::create_dir_all(&jobs).unwrap();
        let (idle, strangers) = (Vec::new(), Vec::new());
        let mut world = Self {
            source,
            destination,
            relay,
            hub,
            agents,
            open,
            foreign,
            idle,
            strangers,
            states,
            jobs,
            temporary,
            spares_ours: false,
        };
        world.idle = world.all().map(|process| Sockets::of(process.running.id())).collect();
        world
    }

    /// A run of the coordinator: with all passwords in `.netrc`, and short patience.
    pub(super) fn user(&self, state: &Path, home: &Path) -> User {
        let ours = [&self.source, &self.destination, &self.open];
        let run = self.foreign.iter().fold(user().logins(ours.map(Server::ip)), |user, server| {
            let (name, password) = server.user();
            user.login(server.address().ip(), name, password)
        });
        let run = run.here(home);
        let run = run.environment("TMPDIR", self.temporary.path().to_str().unwrap());
        let run = run.args(["--state", state.to_str().unwrap(), "--json", "--trust", "new"]);
        run.args(["--timeout", "5s", "--stall", "5s", "--retries", "2"])
    }

    /// The options that name the relay.
    pub(super) fn relay_words(&self) -> [String; 4] {
        let file = self.relay.token_file.to_str().unwrap();
        ["--relay", &self.relay.address.to_string(), "--relay-token-file", file].map(str::to_owned)
    }

    /// The options that name the hub.
    pub(super) fn hub_words(&self) -> [String; 4] {
        let file = self.hub.token_file.to_str().unwrap();
        ["--relay", &self.hub.address.to_string(), "--relay-token-file", file].map(str::to_owned)
    }

    /// Whether nobody kills this one.
    pub(super) const fn is_spared(&self, victim: Victim) -> bool {
        self.spares_ours && !matches!(victim, Victim::Coordinator | Victim::Foreign(_))
    }

    /// Kills a server, the relay, the hub or an agent, which is back at once, or the sessions of a server of other people.
    pub(super) fn kill(&mut self, victim: Victim) {
        match victim {
            Victim::Coordinator => {}
            Victim::Source => self.source.die_and_return(),
            Victim::Destination => self.destination.die_and_return(),
            Victim::Relay => self.relay.die_and_return(),
            Victim::Hub => {
                let times = self.agents.each_ref().map(Joined::times_joined);
                self.hub.die_and_return();
                for (agent, times) in self.agents.iter().zip(times) {
                    agent.hurry();
                    agent.until_joined(times + 1);
                }
            }
            Victim::Agent(at) => {
                self.agents[at].die_and_return();
                self.agents[at].until_joined(1);
            }
            Victim::Open => self.open.die_and_return(),
            Victim::Foreign(at) => self.foreign[at].kill_sessions(),
        }
    }

    /// The processes of our own programs.
    pub(super) fn all(&self) -> impl Iterator<Item = OwnProcess<'_>> {
        let servers = [("source", &self.source), ("destination", &self.destination), ("open", &self.open)];
        let servers = servers.into_iter().map(|(name, server)| OwnProcess {
            name,
            ip: server.ip(),
            running: &server.running,
        });
        let agents = ["agent of the source", "agent of the destination"].into_iter().zip(&self.agents);
        let agents = agents.map(|(name, agent)| OwnProcess { name, ip: OWN, running: &agent.running });
        let between = [
            OwnProcess { name: "relay", ip: self.relay.address.ip(), running: &self.relay.running },
            OwnProcess { name: "hub", ip: self.hub.address.ip(), running: &self.hub.running },
        ];
        servers.chain(between).chain(agents)
    }

    /// Somebody connects to ports where others are expected, and says nothing, or nonsense, or a wrong password.
    pub(super) fn disturb(&mut self, random: &mut Random) {
        for _ in 0..random.below(4) {
            let one = random.length(self.idle.len() - 1);
            let OwnProcess { name, ip, running } = self.all().nth(one).unwrap();
            let doors = &self.idle[one].listens;
            let mut ports = Sockets::of(running.id()).listens;
            // Who works with servers of other people cannot tell a stranger on its data port from one of them.
            ports.retain(|port| name != "open" || doors.contains(port));
            let Some(&port) = ports.get(random.length(ports.len().saturating_sub(1))) else { continue };
            let is_door = doors.contains(&port);
            // The coordinator's own host may try to take a place on a data port, and guesses at no door.
            let from = if is_door || random.once_in(2) { neighbour(random) } else { OWN };
            let speaks_ftp = is_door && !["relay", "hub"].contains(&name);
            let says = match random.below(4) {
                0 => Vec::new(),
                1 => {
                    let length = random.length(200);
                    random.bytes(length)
                }
                2 if speaks_ftp => b"USER ann\r\nPASS wrong\r\nUSER eve\r\nPASS guess\r\n".into(),
                3 if speaks_ftp => what_eve_says(random),
                _ => b"RETR /etc/passwd\r\n".into(),
            };
            // A neighbour who has guessed too often may be turned away.
            if let Ok(mut stranger) = try_connect(SocketAddr::new(from, 0), SocketAddr::new(ip, port)) {
                let _ = stranger.set_nodelay(true);
                let _ = stranger.write_all(&says);
                self.strangers.push(stranger);
            }
        }
    }

    /// Nobody is there any more, and no connection, no listener and no descriptor is left open.
    pub(super) fn falls_silent(&mut self) {
        self.strangers.clear();
        for (OwnProcess { name, running, .. }, idle) in self.all().zip(&self.idle) {
            let process = running.id();
            until(&format!("the {name} has nothing open that nobody uses"), || {
                let now = Sockets::of(process);
                now.connected == idle.connected
                    && now.listens.len() == idle.listens.len()
                    && now.descriptors <= idle.descriptors + KEPT
            });
        }
        for state in &self.states {
            until("no session is left", || self.who(state).is_empty());
        }
    }

    /// Nothing is left of what was done: also no file under way, no temporary file and no lock.
    pub(super) fn is_at_rest(&mut self) {
        self.falls_silent();
        let servers = [&self.source, &self.destination, &self.open];
        let roots = servers.into_iter().map(|server| server.path(""));
        let roots = roots.chain(self.foreign.iter().map(|server| server.path("")));
        let locks = self.jobs.join("jobs");
        for place in roots.chain([self.temporary.path().to_path_buf(), locks]) {
            let left = || if place.exists() { names_below(&place) } else { Vec::new() };
            let shown = place.display().to_string();
            until(&format!("nothing is left in {shown}"), || {
                let left = left();
                if !left.is_empty() {
                    eprintln!("{shown}: {left:?}");
                }
                left.is_empty()
            });
        }
    }

    /// What `ftp-server who` shows of the sessions of one server.
    fn who(&self, state: &Path) -> String {
        let who =
            Program::Server.command().args(["who", "--state", state.to_str().unwrap()]).output().unwrap();
        assert!(who.status.success(), "{who:?}");
        String::from_utf8(who.stdout).unwrap()
    }

    /// An operator, or the user, asks what is going on. That changes nothing.
    pub(super) fn ask(&self, random: &mut Random, home: &Path) {
        let jobs = &self.jobs;
        match random.below(5) {
            0 => drop(self.who(&self.states[random.length(self.states.len() - 1)])),
            1 => drop(self.user(jobs, home).args(["jobs"]).run().exits(0)),
            2 => {
                let run = self.user(jobs, home).args(["why", "last"]).run();
                // There may be no job yet.
                assert!(matches!(run.code(), Some(0 | 3)), "{run}");
            }
            3 => {
                let token = self.relay.token_file.to_str().unwrap();
                let mut check = Program::RelayAgent.command();
                check.args(["check", "--token-file", token, &self.relay.address.to_string()]);
                let check = check.output().unwrap();
                assert!(check.status.success(), "{check:?}");
            }
            _ => drop(self.user(jobs, home).args(["ls", &self.source.url("")]).run().exits(0)),
        }
    }

    /// Where a program of ours keeps its state; none if it keeps none.
    pub(super) fn state_of(&self, name: &str) -> Option<&Path> {
        let at = ["source", "destination", "open"].iter().position(|server| *server == name)?;
        Some(&self.states[at])
    }
}

/// A process of one of our programs, and where it listens.
pub(super) struct OwnProcess<'a> {
    pub(super) name: &'static str,
    ip: IpAddr,
    pub(super) running: &'a Running,
}

/// Another account of the servers, whose owner harms whom he can without touching files.
const EVE: &str = "eve:known";

/// What that account sends at once, without reading a reply.
fn what_eve_says(random: &mut Random) -> Vec<u8> {
    let (name, password) = EVE.split_once(':').unwrap();
    let login = format!("USER {name}\r\nPASS {password}\r\n");
    let commands = (0..random.below(12)).map(|_| {
        random.pick([
            "PASV\r\n",
            "EPSV\r\n",
            "LSTN R\r\n",
            "RNDZ 00\r\n",
            "SOCK 127.9.9.9,9\r\n",
            "PORT 127,9,9,9,0,9\r\n",
            "PORT 127,0,0,1,0,9\r\n",
            "MODE B\r\n",
            "RETR nothing\r\n",
            "MLSD\r\n",
            "REST 99999999999999999999\r\n",
            "SITE COPY nothing nowhere\r\n",
            "STAT -lR\r\n",
            "ABOR\r\n",
            "REIN\r\n",
            "\u{0}\u{1}\r\n",
        ])
    });
    commands.fold(login, |said, command| said + command).into_bytes()
}

/// A server of other people. Each copy chooses whether it takes the offer of TLS.
fn of(kind: Kind) -> Foreign {
    let server = Foreign::new(kind).foreign(kind.most_open());
    if OFFERS_TLS.contains(&kind) { server.offers_tls() } else { server }
}

fn works_with_others(site: Site) -> Site {
    site.args(["--foreign", "authenticated", "--foreign-networks", "127.0.0.0/8"])
}

/// A host of the coordinator's network.
fn neighbour(random: &mut Random) -> IpAddr {
    let [a, b, c] = NEIGHBOURS;
    let d = 100 + u8::try_from(random.below(150)).unwrap_or_default();
    Ipv4Addr::new(a, b, c, d).into()
}

/// More servers of other people in a soak.
const KINDS: [Kind; 4] = [Kind::Vsftpd, Kind::Proftpd, Kind::PureFtpd, Kind::Pyftpdlib];
/// Those that serve both in clear and inside TLS.
const OFFERS_TLS: [Kind; 3] = [Kind::Vsftpd, Kind::Proftpd, Kind::PureFtpd];
