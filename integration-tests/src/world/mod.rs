//! The real programs in one process on a virtual clock: a world of hosts, each with a scheduler of its own, and a network
//! between them. One seed decides everything.
//!
//! The tasks of a program run as they do elsewhere, on one thread. What they ask of the network, of the clock and of chance goes to
//! [`network`](self); files are those of a directory in memory. A program is killed by ending its scheduler.

pub mod daemons;
mod disk;
mod hostile;
pub mod line;
pub mod manners;
mod network;
mod panics;
pub mod plan;
pub mod run;
pub mod shrink;

use crate::sim::random::Random;
use disk::Snapshot;
use ftp_io::link::token_file;
use ftp_io::lock::Lock;
use ftp_io::program::log::LostLines;
use ftp_io::simulated;
use ftp_proto::relay::token::Token;
use ftp_relay_agent::at_hub;
use ftp_relay_agent::cli::serve::{Called, settings};
use ftp_relay_agent::cli::{Verb, join};
use ftp_relay_agent::config::{Config, Options};
use ftp_relay_agent::listen::Server;
use ftp_relay_agent::operate::audit::Audit;
use ftp_relay_agent::operate::metrics::Metrics;
use manners::Disguise;
use network::{Host, Network, RELAY, Stores};
use std::ffi::OsString;
use std::fmt::{self, Debug, Formatter};
use std::fs;
use std::future::{Future, pending};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::task::LocalSet;

/// What the hosts share.
#[derive(Debug)]
struct Shared {
    network: Mutex<Network>,
}

/// A world: its hosts, the programs on them, and the network between them.
#[derive(Debug)]
pub struct World {
    shared: Arc<Shared>,
    programs: Vec<Option<Running>>,
    random: Random,
    /// How long the last rests were in which nothing came.
    rest: Duration,
}

/// A program that runs on a host.
struct Running {
    host: Arc<Host>,
    runtime: Runtime,
    /// Tasks that stay on this thread.
    local: LocalSet,
    /// What its first task does.
    program: Pin<Box<dyn Future<Output = u8>>>,
    /// Its exit status, once it has ended.
    status: Option<u8>,
    /// The directories that it writes.
    writes: Vec<PathBuf>,
    /// Whether it gets no turn.
    is_stopped: bool,
    /// For how long it got none. Its clock has gone on meanwhile.
    missed: Duration,
}

impl Debug for Running {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running")
            .field("host", &self.host)
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

impl Running {
    /// Lets it go on for a while.
    fn go_on(&mut self, time: Duration) {
        let _entered = simulated::enter(Arc::clone(&self.host) as _);
        if self.is_stopped {
            self.missed += time;
        } else if self.status.is_none() {
            let (program, missed) = (&mut self.program, std::mem::take(&mut self.missed));
            let turn = async {
                if missed > Duration::ZERO {
                    tokio::time::advance(missed).await;
                }
                tokio::time::timeout(time, program).await.ok()
            };
            let turn = AssertUnwindSafe(|| self.local.block_on(&self.runtime, turn));
            self.status = catch_unwind(turn).unwrap_or(Some(PANICKED));
        }
    }
}

/// A host of a world.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HostId(usize);

/// The ports of a host to which a stranger connects.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TargetPorts {
    /// That of its server's control connections.
    Control,
    /// All at which it waits for data connections.
    Data,
}

/// A command that the server of a host was sent.
#[derive(Debug)]
struct SentCommand {
    /// The host that has sent it, and over which connection.
    from: HostId,
    connection: u64,
    host: HostId,
    words: String,
}

/// A server: the directory of its files, that of its state, and whether it demands TLS. Without room its user has a quota of one
/// byte. A second account may only read, unless `permits` gives it all rights.
#[derive(Clone, Copy, Debug)]
struct Serving<'a> {
    root: &'a Path,
    state: &'a Path,
    has_room: bool,
    tls: bool,
    permits: bool,
    /// Sessions of an account at the same time; 0 is no limit.
    sessions: u32,
}

impl World {
    /// The world of a seed, without hosts.
    pub fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let latency = Duration::from_millis(1 + random.below(100));
        let network = Mutex::new(Network::new(Random::new(random.bits()), latency));
        Self { shared: Arc::new(Shared { network }), programs: Vec::new(), random, rest: SHORTEST }
    }

    /// What chooses everything that the world does not.
    pub const fn random(&mut self) -> &mut Random {
        &mut self.random
    }

    /// A host of that name, on which nothing runs.
    pub fn host(&mut self, name: &'static str) -> HostId {
        let number = u8::try_from(self.programs.len() + 1).expect("a world has few hosts");
        let address = IpAddr::V4(Ipv4Addr::new(10, 0, 0, number));
        self.programs.push(None);
        HostId(self.shared.network.locked().add(name, address))
    }

    /// Gives the server of a host a disguise.
    fn disguise(&mut self, HostId(index): HostId, disguise: Disguise) {
        self.shared.network.locked().hosts[index].disguise = Arc::new(disguise);
    }

    /// Sets the calendar of a host so much later.
    pub fn set_calendar(&mut self, HostId(index): HostId, seconds: i64) {
        self.shared.network.locked().hosts[index].wrong_by += seconds;
    }

    /// The commands that servers were sent since the last call.
    fn take_commands(&self) -> Vec<SentCommand> {
        std::mem::take(&mut self.shared.network.locked().commands)
    }

    /// Whether the server of a host has said since the last call that everything is on stable storage.
    pub fn take_stable(&self, HostId(index): HostId) -> bool {
        self.shared.network.locked().stable.remove(&index)
    }

    /// From now on a byte takes so long from one host to another one.
    fn set_latency(&self, latency: Duration) {
        self.shared.network.locked().latency = latency;
    }

    /// Says what the stores in directories are for the programs of a host.
    fn set_stores(&self, HostId(index): HostId, stores: Stores) {
        self.shared.network.locked().hosts[index].stores = stores;
    }

    /// Until then nothing arrives at a host or from it, and it arrives late.
    fn stall(&self, HostId(index): HostId, until: Duration) {
        self.shared.network.locked().stall(index, until);
    }

    /// The program of a host gets no turn any more, or it goes on as if it had slept meanwhile.
    fn set_stopped(&mut self, HostId(index): HostId, is_stopped: bool) {
        self.programs[index].iter_mut().for_each(|running| running.is_stopped = is_stopped);
    }

    /// How long a byte takes from one host to another one.
    pub fn latency(&self) -> Duration {
        self.shared.network.locked().latency
    }

    /// The time since the world began.
    pub fn now(&self) -> Duration {
        self.shared.network.locked().now
    }

    /// Starts a program on a host where none runs.
    fn start(
        &mut self,
        HostId(index): HostId,
        writes: &[&Path],
        program: impl Future<Output = u8> + 'static,
    ) {
        assert!(self.programs[index].is_none(), "a program runs there");
        let host = Arc::new(Host { index, shared: Arc::clone(&self.shared) });
        let _entered = simulated::enter(Arc::clone(&host) as _);
        let runtime = Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a scheduler without threads can be made");
        self.programs[index] = Some(Running {
            host,
            runtime,
            local: LocalSet::new(),
            program: Box::pin(program),
            status: None,
            writes: writes.iter().map(|path| (*path).to_owned()).collect(),
            is_stopped: false,
            missed: Duration::ZERO,
        });
    }

    /// Starts a server.
    fn serve(&mut self, host: HostId, serving: Serving<'_>) {
        let Serving { root, state, has_room, tls, permits, sessions } = serving;
        let address = self.address(host);
        let settings = state.join("settings.toml");
        let rights = if permits { "" } else { "rights = [\"list\", \"read\"]\n" };
        let quota = if has_room { "" } else { "quota-bytes = 1\n" };
        let tls = if tls { "require-tls = true\n[tls]\nself-signed = true\n" } else { "" };
        let text = format!(
            "root = \"{}\"\nstate = \"{}\"\nlisten = [\"{address}:21\"]\n{tls}[[users]]\nname = \"ann\"\npassword-hash = \"{HASH}\"\nmax-sessions = {sessions}\n{quota}[[users]]\nname = \"eve\"\npassword-hash = \"{HASH}\"\n{rights}",
            root.display(),
            state.display()
        );
        fs::write(&settings, text).expect("the state directory is there");
        // The settings are in it, so it must be the server's alone.
        fs::set_permissions(state, fs::Permissions::from_mode(0o700)).expect("it is there");
        fs::set_permissions(&settings, fs::Permissions::from_mode(0o600)).expect("the file is there");
        let arguments = vec!["ftp-server".into(), "--config".into(), settings.into()];
        self.start(host, &[root, state], async move {
            let (cli, file) = ftp_server::cli::parse(arguments).expect("the options are right");
            let config = ftp_server::cli::verbs::compile(*cli.options, &file).expect("the options are right");
            let sockets = ftp_server::listen::Sockets::open(&config, Vec::new()).expect("its ports are free");
            let server = ftp_server::listen::Server::start(&config, sockets, Default::default())
                .expect("the directories are there");
            server.look_up().await;
            pending::<()>().await;
            0
        });
    }

    /// Starts a relay agent that serves all hosts of the world, for the token in this file.
    pub fn relay(&mut self, host: HostId, token_file: &Path) {
        let at = self.relay_address(host);
        let Verb::Run(Called { options, .. }) =
            relay_verb(&["run", "--listen", &at, "--allow", EVERY_HOST], token_file)
        else {
            panic!("it is another verb")
        };
        self.start(host, &[], async move {
            let (config, tokens) = read(&options);
            let _server = Server::relay(settings(config, tokens, audit())).expect("its port is free");
            pending().await
        });
    }

    /// Starts a hub for the token in this file.
    pub fn hub(&mut self, host: HostId, token_file: &Path) {
        let at = self.relay_address(host);
        let Verb::Hub(Called { options, .. }) = relay_verb(&["hub", "--listen", &at], token_file) else {
            panic!("it is another verb")
        };
        self.start(host, &[], async move {
            let (config, tokens) = read(&options);
            let _server = Server::hub(settings(config, tokens, audit())).expect("its port is free");
            pending().await
        });
    }

    /// Starts an agent that joins the hub at this address, and serves all hosts of the world.
    pub fn agent(&mut self, host: HostId, hub: &str, token_file: &Path) {
        let words = ["join", hub, "--name", "edge", "--allow", EVERY_HOST];
        let Verb::Join(join::Options { hub, name, called }) = relay_verb(&words, token_file) else {
            panic!("it is another verb")
        };
        self.start(host, &[], async move {
            let (config, tokens) = read(&called.options);
            let audit = audit();
            let token = tokens.first().expect("the file has a token").clone();
            let at_hub = at_hub::Settings { hub, name, token, audit: Arc::clone(&audit) };
            let at_hub::Membership { joiner: _joiner, caller, incoming } =
                at_hub::start(at_hub).expect("random numbers are there");
            let settings = settings(config, tokens, audit);
            let _server = Server::behind_hub(settings, caller, incoming).expect("it has no ports");
            pending().await
        });
    }

    /// Where a relay or a hub listens.
    fn relay_address(&self, host: HostId) -> String {
        format!("{}:{RELAY}", self.address(host))
    }

    fn address(&self, HostId(index): HostId) -> IpAddr {
        self.shared.network.locked().hosts[index].address
    }

    /// Starts a user agent with these words, which keeps its state in `state`, and may write to the directories `writes`. Its home
    /// directory is that of its state.
    pub fn run(&mut self, host: HostId, words: &[String], state: &Path, writes: &[&Path]) {
        self.shared.network.locked().hosts[host.0].home = Some(state.to_owned());
        let mut arguments: Vec<OsString> = vec!["ftp-user".into(), "--state".into(), state.into()];
        arguments.extend(words.iter().map(OsString::from));
        self.start(host, &[&[state], writes].concat(), ftp_user::cli::run(arguments));
    }

    /// Lets the world go on for a moment.
    pub fn step(&mut self) {
        let rest = {
            let network = self.shared.network.locked();
            network.next_due().map_or(self.rest, |due| due.saturating_sub(network.now).max(SHORTEST))
        };
        self.step_for(rest);
    }

    /// Lets the world go on for so long. What a program sends meanwhile is sent at the end.
    fn step_for(&mut self, rest: Duration) {
        let before = self.shared.network.locked().moved;
        self.programs.iter_mut().flatten().for_each(|running| running.go_on(rest));
        let network = &mut *self.shared.network.locked();
        network.now += rest;
        network.schedule();
        network.deliver();
        let is_quiet = network.moved == before && network.next_due().is_none();
        self.rest = if is_quiet { (self.rest * 2).min(LONGEST) } else { SHORTEST };
    }

    /// The exit status of the program of a host that has ended; the host is free then.
    pub fn ended(&mut self, HostId(index): HostId) -> Option<u8> {
        let status = self.programs[index].as_ref()?.status?;
        self.end(index);
        Some(status)
    }

    /// What the programs of a host have written since the last call.
    pub fn said(&mut self, HostId(index): HostId) -> String {
        let said = std::mem::take(&mut self.shared.network.locked().hosts[index].said);
        String::from_utf8_lossy(&said).into_owned()
    }

    /// The program of a host has written this.
    fn print(&self, HostId(index): HostId, text: &str) {
        self.shared.network.locked().hosts[index].said.extend_from_slice(text.as_bytes());
    }

    /// Kills the program of a host. It can do nothing more: what its destructors do to its files is undone.
    pub fn kill(&mut self, HostId(index): HostId) {
        let Some(running) = &self.programs[index] else { return };
        let before = Snapshot::of(&running.writes).expect("its directories can be read");
        // Others write a store that they share.
        let stores = self.shared.network.locked().hosts[index].stores;
        if stores == Stores::Shared {
            self.set_stores(HostId(index), Stores::Away);
        }
        self.end(index);
        self.set_stores(HostId(index), stores);
        before.restore().expect("its directories can be written");
    }

    fn end(&mut self, index: usize) {
        if let Some(Running { host, runtime, local, program, .. }) = self.programs[index].take() {
            let _entered = simulated::enter(host);
            let _within = runtime.enter();
            drop(program);
            drop(local);
            drop(_within);
            drop(runtime);
        }
    }

    /// Somebody at the host `from` connects to ports of another host, and sends a text that may name its data ports.
    pub fn intrude(
        &mut self,
        HostId(index): HostId,
        HostId(from): HostId,
        ports: TargetPorts,
        text: impl Fn(&[SocketAddr]) -> String,
    ) {
        self.shared.network.locked().intrude(index, from, ports, text);
    }

    /// Cuts connections of a host, each with a chance of one in `odds`. With `tells` both ends see a reset; otherwise neither
    /// end hears anything more.
    pub fn cut(&mut self, HostId(index): HostId, tells: bool, odds: u64) {
        let random = &mut self.random;
        self.shared.network.locked().cut(tells, |hosts| hosts.contains(&index) && random.once_in(odds));
    }
}

impl Drop for World {
    fn drop(&mut self) {
        for index in 0..self.programs.len() {
            self.end(index);
        }
    }
}

/// The verb of a relay agent with these words and the file of its token.
fn relay_verb(words: &[&str], token_file: &Path) -> Verb {
    let words = ["ftp-relay-agent"].iter().chain(words).chain(&["--token-file"]).map(OsString::from);
    ftp_relay_agent::cli::parse(words.chain([token_file.into()])).expect("the options are right").verb
}

/// What these options say, and the tokens of their file.
fn read<O: Options>(options: &O) -> (Config, Vec<Token>) {
    let config = Config::read(options, None).expect("the options are right");
    let tokens = token_file::read_users(&config.token_file).expect("the file has a token");
    (config, tokens)
}

/// An audit that writes nothing.
fn audit() -> Arc<Audit> {
    Arc::new(Audit::new(Metrics::new(LostLines::default()), None))
}

/// The network of all hosts of a world.
const EVERY_HOST: &str = "10.0.0.0/8";
/// The password of all accounts: nothing else that is printed has it.
const PASSWORD: &str = "s3cret-of-all";
/// Its hash, as cheap as can be.
const HASH: &str = "$argon2id$v=19$m=8,t=1,p=1$iARm9mF5o6o$jPCiyiBbwS17iE7xQUi1QxOrXeRc6lTCfThoq98mulg";

/// A `.netrc` with the passwords of both servers, of the second one also under its address.
fn logins() -> String {
    ["one", "two", "10.0.0.2"].map(|host| format!("machine {host} login ann password {PASSWORD}\n")).concat()
}

/// The exit status of a program that has panicked.
const PANICKED: u8 = 101;
/// The shortest and the longest moment.
const SHORTEST: Duration = Duration::from_millis(1);
const LONGEST: Duration = Duration::from_secs(1);
