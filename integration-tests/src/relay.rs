//! One running ftp-relay-agent, and the session of a user agent at it, step by step.
#![allow(clippy::wildcard_enum_match_arm, reason = "a test waits for one message and skips the others")]

use crate::binary::{Program, Running};
use crate::socket::WATCHDOG;
use ftp_io::clock::Clock;
use ftp_io::connection::Connection;
use ftp_io::link::{self, Link, LinkFailure};
use ftp_proto::relay::frame::{Frame, encode};
use ftp_proto::relay::link::Welcome;
use ftp_proto::relay::message::{
    FromAgent, GrantPurpose, Id, Leg, LegState, Pin, Target, Text, ToAgent, Waits,
};
use ftp_proto::relay::token::{Secret32, Token};
use ftp_proto::relay::user::{self, Failure, Input, Output};
use rustix::process::{Signal, geteuid};
use std::fs::{self, Permissions};
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use tempfile::{NamedTempFile, TempDir};
use tokio::net::TcpSocket;
use tokio::runtime::{Builder, Runtime};

/// What a relay will be.
#[derive(Debug)]
pub struct Relay {
    listen: String,
    also: Vec<String>,
    allow: Vec<String>,
    data_ports: Option<&'static str>,
    program: PathBuf,
    launcher: Option<String>,
    poor: bool,
    policy: Option<String>,
    names: Vec<String>,
}

impl Relay {
    /// A relay at 127.0.0.9 that allows no server, and all data ports of those that it will allow.
    #[expect(clippy::new_without_default, reason = "the address is worth saying")]
    pub fn new() -> Self {
        let (also, allow) = (Vec::new(), Vec::new());
        let program = Program::RelayAgent.path();
        let listen = "127.0.0.9:0".to_owned();
        let data_ports = Some("1024-65535");
        Self {
            listen,
            also,
            allow,
            data_ports,
            program,
            launcher: None,
            poor: false,
            policy: None,
            names: Vec::new(),
        }
    }

    /// At another address.
    pub fn at(mut self, ip: &str) -> Self {
        self.listen = format!("{ip}:0");
        self
    }

    /// An older build of the program, which knows no data ports.
    pub fn program(mut self, path: PathBuf) -> Self {
        (self.program, self.data_ports) = (path, None);
        self
    }

    /// Started by this line of a shell, with the program and its arguments behind it.
    pub fn launcher(mut self, line: &str) -> Self {
        self.launcher = Some(line.to_owned());
        self
    }

    /// As somebody who may do nothing on this machine, with a home where nothing may be written.
    pub const fn poor(mut self) -> Self {
        self.poor = true;
        self
    }

    /// With this policy file.
    pub fn policy(mut self, text: &str) -> Self {
        self.policy = Some(text.to_owned());
        self
    }

    /// With one more token.
    pub fn token(mut self, name: &str) -> Self {
        self.names.push(name.to_owned());
        self
    }

    /// At one more address.
    pub fn also(mut self, address: &str) -> Self {
        self.also.push(address.to_owned());
        self
    }

    /// Without a port that the operator names with `--data-ports`.
    pub const fn without_data_ports(mut self) -> Self {
        self.data_ports = None;
        self
    }

    /// With one more `--allow`.
    pub fn allow(mut self, target: &str) -> Self {
        self.allow.push(target.to_owned());
        self
    }

    /// Servers of that host may be reached, at whatever port they listen.
    pub fn server(self, ip: &str) -> Self {
        self.ports(ip, "21,990/tls,1024-65535")
    }

    /// The same where TLS begins at once.
    pub fn tls_server(self, ip: &str) -> Self {
        self.ports(ip, "21,990/tls,1024-65535/tls")
    }

    fn ports(self, ip: &str, ports: &str) -> Self {
        let host = if ip.contains(':') { format!("[{ip}]") } else { ip.to_owned() };
        self.allow(&format!("{host}:{ports}"))
    }

    /// Starts it with a token of its own and waits until it listens.
    pub fn start(self) -> Agent {
        let directory = tempfile::Builder::new().prefix("ftp-relay-").tempdir().unwrap();
        let token = |name: &str| Token::new(name, None, ftp_io::random::bytes().unwrap()).unwrap();
        let file = directory.path().join("tokens");
        let others: Vec<Token> = self.names.iter().map(|name| token(name)).collect();
        let token = token("test");
        let lines: Vec<String> =
            [&token].into_iter().chain(&others).map(|token| token.line().to_string()).collect();
        write_private(&file, &lines.join("\n"));
        if let Some(policy) = &self.policy {
            fs::write(directory.path().join(POLICY), policy).unwrap();
        }
        let listen = self.listen.clone();
        let (running, address) = self.launch(&listen, directory.path(), &file);
        Agent { directory, token_file: file, token, others, address, running, relay: self }
    }

    fn launch(&self, listen: &str, directory: &Path, token_file: &Path) -> (Running, SocketAddr) {
        let mut command = match &self.launcher {
            None => Program::RelayAgent.command_at(&self.program),
            Some(line) => Program::RelayAgent.command_at(&self.starter(directory, line)),
        };
        if self.poor {
            command = self.without_rights(directory, token_file);
        }
        command.args(["run", "--log-level", "debug", "--listen", listen, "--token-file"]).arg(token_file);
        for address in &self.also {
            command.args(["--listen", address]);
        }
        if self.policy.is_some() {
            command.arg("--config").arg(directory.join(POLICY));
        }
        for target in &self.allow {
            command.args(["--allow", target]);
        }
        if let Some(ports) = &self.data_ports {
            command.args(["--data-ports", ports]);
        }
        let mut running = Running::start("relay", command);
        let address = running.listens(" (relay)");
        (running, address)
    }

    fn starter(&self, directory: &Path, line: &str) -> PathBuf {
        let starter = directory.join("starter");
        fs::write(&starter, format!("#!/bin/sh\n{line} {} \"$@\"\n", self.program.display())).unwrap();
        fs::set_permissions(&starter, Permissions::from_mode(0o755)).unwrap();
        starter
    }

    /// Nobody may look into the directory of the build, so the program is copied.
    fn without_rights(&self, directory: &Path, token_file: &Path) -> Command {
        let (copy, home) = (directory.join("ftp-relay-agent"), directory.join("home"));
        fs::copy(&self.program, &copy).unwrap();
        fs::create_dir(&home).unwrap();
        for (path, mode) in [(directory, 0o755), (&copy, 0o755), (&home, 0o555)] {
            fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
        }
        let mut command = Program::RelayAgent.command_at(&copy);
        command.env_clear().env("HOME", &home).current_dir(&home);
        if geteuid().is_root() {
            chown(token_file, Some(NOBODY), Some(NOBODY)).unwrap();
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    }
}

/// A token that no relay knows.
pub fn wrong_token() -> Token {
    Token::new("test", None, [7; 32]).unwrap()
}

/// A file with a token that no relay knows.
pub fn wrong_token_file() -> NamedTempFile {
    token_file(&wrong_token())
}

/// A file with this token.
pub fn token_file(token: &Token) -> NamedTempFile {
    let file = NamedTempFile::new().unwrap();
    write_private(file.path(), &token.line());
    file
}

/// Writes a file that only its owner may read.
pub fn write_private(path: &Path, text: &str) {
    fs::write(path, format!("{text}\n")).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
}

/// A relay that runs.
#[derive(Debug)]
pub struct Agent {
    directory: TempDir,
    relay: Relay,
    /// Its token file, which a user agent may share.
    pub token_file: PathBuf,
    /// Its token, or the first of several.
    pub token: Token,
    /// The tokens of [`Relay::token`], in their order.
    pub others: Vec<Token>,
    /// Where it listens.
    pub address: SocketAddr,
    /// The process that runs.
    pub running: Running,
}

impl Agent {
    /// Kills it and starts it again at the same address, with the same token.
    pub fn die_and_return(&mut self) {
        self.running.die();
        let listen = self.address.to_string();
        (self.running, _) = self.relay.launch(&listen, self.directory.path(), &self.token_file);
    }

    /// The directory of its files.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The text of a file beside its policy.
    pub fn file(&self, name: &str) -> String {
        fs::read_to_string(self.directory.path().join(name)).unwrap()
    }

    /// Gives it another policy file, and waits until it has read it and says these words in its log.
    pub fn change_policy(&self, text: &str, words: &str) {
        fs::write(self.directory.path().join(POLICY), text).unwrap();
        self.running.signal(Signal::HUP);
        self.running.logs(words);
    }

    /// A user agent's session, from 127.0.0.1.
    pub fn session(&self) -> Session {
        self.session_with(&self.token).unwrap_or_else(|error| panic!("{error}:\n{}", self.running.said()))
    }

    /// The same with any token.
    pub fn session_with(&self, token: &Token) -> Result<Session, LinkFailure> {
        Session::begin(self.address, token)
    }

    /// The connections of its network with this host, in whatever state, as the kernel lists them.
    pub fn connections_with(&self, host: Ipv4Addr) -> Vec<String> {
        let text = fs::read_to_string(format!("/proc/{}/net/tcp", self.running.id())).unwrap();
        let wanted = format!("{:08X}:", u32::from_ne_bytes(host.octets()));
        let of = |line: &&str| line.split_whitespace().nth(2).is_some_and(|peer| peer.starts_with(&wanted));
        text.lines().filter(of).map(str::to_owned).collect()
    }
}

/// A session of a user agent at a relay.
#[derive(Debug)]
pub struct Session {
    runtime: Runtime,
    link: Link,
    user: user::Session,
    clock: Clock,
    address: SocketAddr,
    /// The links of tunnels that are held open.
    tunnels: Vec<Link>,
}

/// A server that greets everybody and says nothing more, until the end of the test.
#[derive(Clone, Copy, Debug)]
pub struct Greeter {
    address: SocketAddr,
}

impl Greeter {
    /// Starts one at this address.
    pub fn start(ip: &str) -> Self {
        Self::saying(ip, b"220 here\r\n")
    }

    /// One that greets with something else.
    pub fn saying(ip: &str, words: &'static [u8]) -> Self {
        let listener = TcpListener::bind((ip, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            let mut kept = Vec::new();
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                // The relay may have gone.
                drop(stream.write_all(words));
                kept.push(stream);
            }
        });
        Self { address }
    }

    /// One that runs already.
    pub const fn at(address: SocketAddr) -> Self {
        Self { address }
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Session {
    /// The session of a token at the relay that listens there.
    pub fn begin(address: SocketAddr, token: &Token) -> Result<Self, LinkFailure> {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let (link, welcome) = runtime.block_on(async {
            let stream = TcpSocket::new_v4().unwrap().connect(address).await?;
            link::session(stream, token.secret()).await
        })?;
        let clock = Clock::start();
        let user = user::Session::new(clock.now(), &welcome, "tests", "integration-tests");
        Ok(Self { runtime, link, user, clock, address, tunnels: Vec::new() })
    }

    /// Opens tunnels to servers of these hosts and holds them, so that data connections with the hosts are
    /// possible.
    pub fn greeted(mut self, hosts: &[&str]) -> Self {
        for host in hosts {
            self.meet(Greeter::start(host));
        }
        self
    }

    /// Opens a tunnel to this server and holds it.
    pub fn meet(&mut self, greeter: Greeter) {
        self.tunnel(&greeter.address.ip().to_string(), greeter.address.port());
        let ticket = self.ticket();
        let address = self.address;
        let link = self.runtime.block_on(async {
            let stream = TcpSocket::new_v4()?.connect(address).await?;
            link::attach(stream, &ticket).await
        });
        self.tunnels.push(link.unwrap());
    }

    /// A grant for data connections with these hosts.
    pub fn grant(&mut self, hosts: &[&str], max_bytes: u64, uses: u8) -> Id {
        let purpose = GrantPurpose::Join(hosts.iter().map(|host| host.parse().unwrap()).collect());
        self.user.grant(self.clock.now(), purpose, max_bytes, LIFE, uses)
    }

    /// A join under a grant.
    pub fn join(&mut self, grant: Id, a: Leg, b: Leg, waits: Waits) -> Id {
        self.user.join(self.clock.now(), grant, [a, b], waits)
    }

    /// A tunnel to a server, with its own grant.
    pub fn tunnel(&mut self, host: &str, port: u16) -> Id {
        let purpose = GrantPurpose::Tunnel(Target { host: Text::of(host), port });
        let now = self.clock.now();
        let grant = self.user.grant(now, purpose, u64::MAX, LIFE, 1);
        self.user.tunnel(now, grant)
    }

    /// Any other message.
    pub fn say(&mut self, message: ToAgent) {
        self.user.send(self.clock.now(), message);
    }

    /// The next thing that the agent says; panics when it says nothing for long.
    pub fn hear(&mut self) -> FromAgent {
        self.said().unwrap_or_else(|why| panic!("the session is over: {why}"))
    }

    /// What the agent says for which `wanted` gives something; everything before is skipped.
    pub fn hear_until<T>(&mut self, wanted: impl Fn(&FromAgent) -> Option<T>) -> T {
        loop {
            let heard = self.hear();
            if let Some(found) = wanted(&heard) {
                return found;
            }
        }
    }

    /// The ticket of a tunnel that is ready.
    pub fn ticket(&mut self) -> Secret32 {
        self.hear_until(|heard| match heard {
            FromAgent::TunnelReady { ticket, .. } => Some(ticket.clone()),
            FromAgent::Refused { .. } => panic!("{heard:?}"),
            _ => None,
        })
    }

    /// The addresses of a join whose legs are ready.
    pub fn ready(&mut self) -> (LegState, LegState) {
        self.hear_until(|heard| match heard {
            FromAgent::JoinReady { a, b, .. } => Some((*a, *b)),
            FromAgent::Refused { .. } => panic!("{heard:?}"),
            _ => None,
        })
    }

    /// The next thing, or why the session is over.
    pub fn said(&mut self) -> Result<FromAgent, Failure> {
        let Self { runtime, link, user, clock, .. } = self;
        let heard = async {
            let mut room = [0; 4096];
            loop {
                match user.poll() {
                    Output::Send(bytes) => link.send(&bytes).await.map_err(|_| Failure::Closed)?,
                    Output::Message(message) => return Ok(message),
                    Output::Ended(failure) => return Err(failure),
                    Output::Wait(deadline) => tokio::select! {
                        read = link.receive(&mut room) => match read {
                            Ok(count @ 1..) => user.input(clock.now(), Input::Bytes(&room[..count])),
                            Ok(0) | Err(_) => user.input(clock.now(), Input::Closed),
                        },
                        () = clock.sleep_until(deadline) => user.input(clock.now(), Input::Timeout),
                    },
                }
            }
        };
        runtime.block_on(async {
            tokio::time::timeout(WATCHDOG, heard).await.expect("the relay says nothing more")
        })
    }

    /// Attaches to a tunnel: sends `bytes`, reads what comes until `count` have come.
    pub fn through(&mut self, ticket: &Secret32, bytes: &[u8], count: usize) -> Result<Vec<u8>, LinkFailure> {
        let address = self.address;
        self.runtime.block_on(async {
            let stream = TcpSocket::new_v4()?.connect(address).await?;
            let mut link = link::attach(stream, ticket).await?;
            link.send(bytes).await?;
            let (mut all, mut room) = (Vec::new(), [0; 512]);
            while all.len() < count {
                match link.receive(&mut room).await? {
                    0 => break,
                    read => all.extend_from_slice(&room[..read]),
                }
            }
            Ok(all)
        })
    }
    /// A tunnel to a server as an address of this host: whoever connects there talks to the server.
    pub fn bridge(&mut self, host: &str, port: u16) -> SocketAddr {
        self.tunnel(host, port);
        let ticket = self.ticket();
        let here = TcpListener::bind("127.0.0.1:0").unwrap();
        let (place, relay) = (here.local_addr().unwrap(), self.address);
        here.set_nonblocking(true).unwrap();
        std::thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let here = tokio::net::TcpListener::from_std(here).unwrap();
                let stream = TcpSocket::new_v4().unwrap().connect(relay).await.unwrap();
                let mut tunnel = Connection::from(link::attach(stream, &ticket).await.unwrap());
                let (mut user, _) = here.accept().await.unwrap();
                // Either end may go first.
                drop(tokio::io::copy_bidirectional(&mut user, &mut tunnel).await);
            });
        });
        place
    }
}

/// Bytes that no session may say.
#[derive(Debug)]
pub struct BadFrame {
    /// What it is.
    pub what: &'static str,
    bytes: Vec<u8>,
    /// What is missing is known only when the connection ends.
    is_cut: bool,
}

impl BadFrame {
    /// The bytes themselves.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether what is missing is known only when the connection ends.
    pub const fn is_cut(&self) -> bool {
        self.is_cut
    }
}

/// What no session may say: frames that are cut, too long, empty, of nobody's type, in the wrong order, or
/// of another protocol.
pub fn bad_frames() -> Vec<BadFrame> {
    let frame = |body: &[u8]| [&u32::try_from(body.len()).unwrap().to_be_bytes(), body].concat();
    let hello = || encode(&Frame { seq: 1, body: ToAgent::Ping { t: 1 } }).unwrap();
    let cut = |what, bytes| BadFrame { what, bytes, is_cut: true };
    let bad = |what, bytes| BadFrame { what, bytes, is_cut: false };
    vec![
        cut("a frame that is cut", [&[0, 0, 0, 100][..], b"abc"].concat()),
        cut("half a length", vec![0, 0]),
        bad("an empty frame", vec![0; 4]),
        bad("a frame that is too long", [&65_537_u32.to_be_bytes()[..], &[0; 64]].concat()),
        bad("the longest length", vec![255; 64]),
        bad("a type that nobody has", frame(&[1, 99, 1, 2, 3])),
        bad("no message", frame(&[255; 1_000])),
        bad("a frame with something behind its message", frame(&[&hello()[4..], b"more"].concat())),
        bad(
            "a number that is not the next one",
            encode(&Frame { seq: 7, body: ToAgent::Ping { t: 1 } }).unwrap(),
        ),
        bad("the same number twice", [hello(), hello()].concat()),
        bad("a request of the web", b"GET / HTTP/1.1\r\nHost: relay\r\n\r\n".to_vec()),
        bad("a command of FTP", b"USER ann\r\n".to_vec()),
    ]
}

/// Connects to `to`, begins a session with `begin`, says these bytes, and waits until that has ended.
pub fn says_and_ends<W>(to: SocketAddr, begin: impl FnOnce(tokio::net::TcpStream) -> W, said: &BadFrame)
where
    W: Future<Output = Result<(Link, Welcome), LinkFailure>>,
{
    says_over(std::net::TcpStream::connect(to).unwrap(), begin, said);
}

/// The same over a connection that stands.
pub fn says_over<W>(
    stream: std::net::TcpStream,
    begin: impl FnOnce(tokio::net::TcpStream) -> W,
    said: &BadFrame,
) where
    W: Future<Output = Result<(Link, Welcome), LinkFailure>>,
{
    stream.set_nonblocking(true).unwrap();
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let saying = async {
        let (mut link, _) = begin(tokio::net::TcpStream::from_std(stream).unwrap()).await.unwrap();
        link.send(&said.bytes).await.unwrap();
        if said.is_cut {
            link.close().await;
        }
        let mut room = [0; 4096];
        while let Ok(1..) = link.receive(&mut room).await {}
    };
    let ended = runtime.block_on(async { tokio::time::timeout(WATCHDOG, saying).await });
    assert!(ended.is_ok(), "{}: its session has not ended", said.what);
}

/// Says these bytes, and nothing before them, over a connection that stands, and waits until that has ended.
pub fn says_to(mut stream: std::net::TcpStream, said: &BadFrame) {
    stream.set_nonblocking(false).unwrap();
    stream.set_read_timeout(Some(WATCHDOG)).unwrap();
    // It may have been reset already.
    drop(stream.write_all(&said.bytes));
    drop(stream.shutdown(std::net::Shutdown::Write));
    let mut room = [0; 4096];
    loop {
        match stream.read(&mut room) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                panic!("{}: it has not ended", said.what)
            }
            Err(_) => return,
        }
    }
}

/// A leg that waits for this host, any port.
pub fn listen(host: &str) -> Leg {
    Leg::Listen(Pin { ip: host.parse::<IpAddr>().unwrap(), port: None })
}

/// The name of a policy file.
const POLICY: &str = "policy.toml";
const LIFE: Duration = Duration::from_secs(600);
/// The user and the group that own nothing.
const NOBODY: u32 = 65_534;
