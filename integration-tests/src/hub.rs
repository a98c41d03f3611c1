//! A running hub, and agents that have joined it.

use crate::binary::{Program, Running};
use crate::relay::write_private;
use crate::socket;
use ftp_io::link::{self, Link, LinkFailure};
use ftp_proto::relay::frame::{Frame, FrameReader, encode};
use ftp_proto::relay::hub::{FromHub, Role, ToHub};
use ftp_proto::relay::message::Text;
use ftp_proto::relay::token::Token;
use rustix::process::Signal;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use tempfile::TempDir;
use tokio::net::TcpStream;

/// A hub that runs. It holds what hubs need of one token.
#[derive(Debug)]
pub struct Hub {
    directory: TempDir,
    /// The token of the agents and the user agent, which the hub does not know.
    pub token: Token,
    /// The file that holds it.
    pub token_file: PathBuf,
    /// The file of the hub.
    pub hub_file: PathBuf,
    /// Where it listens.
    pub address: SocketAddr,
    /// Where it listens too.
    pub also: Vec<SocketAddr>,
    /// The process that runs.
    pub running: Running,
    /// Where its metrics are, if its policy has some.
    pub metrics: Option<SocketAddr>,
}

/// A session with a hub that says what a test wants.
#[derive(Debug)]
pub struct Session {
    link: Link,
    said: u32,
    reader: FrameReader,
}

/// A second hub with the same token.
#[derive(Debug)]
pub struct Second {
    /// Where it listens.
    pub address: SocketAddr,
    /// The process that runs.
    pub running: Running,
}

/// An agent that has joined a hub, or tries to.
#[derive(Debug)]
pub struct Joined {
    arguments: Vec<String>,
    /// The process that runs.
    pub running: Running,
}

/// The words of an agent that joins a hub.
fn arguments(
    hub: SocketAddr,
    token_file: &std::path::Path,
    name: &str,
    ip: &str,
    servers: &[&str],
) -> Vec<String> {
    let token = token_file.to_str().unwrap();
    let mut arguments: Vec<String> =
        ["join", &hub.to_string(), "--name", name, "--token-file", token, "--address", ip]
            .map(str::to_owned)
            .into();
    arguments.extend(["--log-level".to_owned(), "debug".to_owned()]);
    arguments.push("--data-ports=1024-65535".to_owned());
    for server in servers {
        let host = if server.contains(':') { format!("[{server}]") } else { (*server).to_owned() };
        arguments.extend(["--allow".to_owned(), format!("{host}:21,990/tls,1024-65535")]);
    }
    arguments
}

impl Session {
    /// Begins one with the hub's own token.
    pub async fn start(hub: &Hub, role: Role) -> Self {
        Self::start_with(hub, &hub.token, role).await
    }

    /// The same with another token.
    pub async fn start_with(hub: &Hub, token: &Token, role: Role) -> Self {
        Self::begin(hub.address, token, role).await.unwrap()
    }

    /// The same at this address, if the hub takes the token.
    pub async fn begin(hub: SocketAddr, token: &Token, role: Role) -> Result<Self, LinkFailure> {
        let (link, _) = link::hub_session(TcpStream::connect(hub).await?, token).await?;
        let mut session = Self { link, said: 0, reader: FrameReader::new() };
        session.say(vec![ToHub::Introduce { role, build: Text::of("test") }]).await;
        Ok(session)
    }

    /// Says all of it at once.
    pub async fn say(&mut self, messages: Vec<ToHub>) {
        let mut bytes = Vec::new();
        for body in messages {
            self.said += 1;
            bytes.extend(encode(&Frame { seq: self.said, body }).unwrap());
        }
        // The hub may have ended it.
        drop(self.link.send(&bytes).await);
    }

    /// The next message.
    pub async fn hear(&mut self) -> FromHub {
        self.heard().await.expect("the hub has cut the session off")
    }

    /// The next message; `None` once the session has ended.
    pub async fn heard(&mut self) -> Option<FromHub> {
        let mut room = [0; 4_096];
        loop {
            if let Some(Frame { body, .. }) = self.reader.message::<Frame<FromHub>>().unwrap() {
                return Some(body);
            }
            match self.link.receive(&mut room).await {
                Ok(0) | Err(_) => return None,
                Ok(count) => self.reader.push(&room[..count]),
            }
        }
    }
}

impl Hub {
    /// Starts one at this address, with a token of its own.
    pub fn start(ip: &str) -> Self {
        Self::start_with(&[ip], None)
    }

    /// The same with a policy file.
    pub fn with_policy(ip: &str, policy: &str) -> Self {
        Self::start_with(&[ip], Some(policy))
    }

    /// One at several addresses.
    pub fn everywhere(ips: &[&str]) -> Self {
        Self::start_with(ips, None)
    }

    fn start_with(ips: &[&str], policy: Option<&str>) -> Self {
        let directory = tempfile::Builder::new().prefix("ftp-hub-").tempdir().unwrap();
        let token = Token::new("test", None, ftp_io::random::bytes().unwrap()).unwrap();
        let (token_file, hub_file) = (directory.path().join("token"), directory.path().join("hub"));
        write_private(&token_file, &token.line());
        let mut command = Program::RelayAgent.command();
        command.args(["token", "--for-hub"]).arg(&token_file);
        let mut printed = Running::start("token", command);
        let line = printed.line().unwrap();
        write_private(&hub_file, &line);
        if let Some(policy) = policy {
            fs::write(directory.path().join(POLICY), policy).unwrap();
        }
        let any: Vec<SocketAddr> = ips.iter().map(|ip| SocketAddr::new(ip.parse().unwrap(), 0)).collect();
        let (mut running, mut also) = launch(&any, &hub_file);
        let address = also.remove(0);
        let has_metrics = policy.is_some_and(|policy| policy.contains("metrics = "));
        let metrics = has_metrics.then(|| running.listens(" (metrics)"));
        Self { directory, token, token_file, hub_file, address, also, running, metrics }
    }

    /// A second hub at another address, which holds the same token. `start` starts its process.
    pub fn again_at(&self, start: impl FnOnce(Command) -> Running, ip: &str) -> Second {
        let command = command(&[SocketAddr::new(ip.parse().unwrap(), 0)], &self.hub_file);
        let mut running = start(command);
        let address = running.listens(" (hub)");
        Second { address, running }
    }

    /// Gives it another policy file, and waits until it has read it and says these words in its log.
    pub fn change_policy(&self, text: &str, words: &str) {
        fs::write(self.directory.path().join(POLICY), text).unwrap();
        self.running.signal(Signal::HUP);
        self.running.logs(words);
    }

    /// Gives it these tokens, in place of the one that it holds.
    pub fn hold(&self, tokens: &[Token]) {
        let lines: Vec<String> = tokens.iter().map(|token| token.for_hub().line().to_string()).collect();
        write_private(&self.hub_file, &lines.join("\n"));
        self.running.signal(Signal::HUP);
        self.running.logs("the tokens and the policy were read again");
    }

    /// The directory of its files.
    pub fn directory(&self) -> &std::path::Path {
        self.directory.path()
    }

    /// An agent that joins, from an address of its own, and may reach these servers.
    pub fn join(&self, name: &str, ip: &str, servers: &[&str]) -> Joined {
        let joined = self.try_to_join(self.address, name, ip, servers);
        joined.until_joined(1);
        joined
    }

    /// The same, and connects to no data port for others than servers.
    pub fn join_without_data_ports(&self, name: &str, ip: &str, servers: &[&str]) -> Joined {
        let mut arguments = arguments(self.address, &self.token_file, name, ip, servers);
        arguments.retain(|word| !word.starts_with("--data-ports"));
        let joined = Joined { running: start(&arguments), arguments };
        joined.until_joined(1);
        joined
    }

    /// The same at another address; nobody waits until it has joined.
    pub fn try_to_join(&self, hub: SocketAddr, name: &str, ip: &str, servers: &[&str]) -> Joined {
        self.try_to_join_with(hub, &self.token_file, name, ip, servers)
    }

    /// The same with another token file.
    pub fn try_to_join_with(
        &self,
        hub: SocketAddr,
        token_file: &std::path::Path,
        name: &str,
        ip: &str,
        servers: &[&str],
    ) -> Joined {
        let arguments = arguments(hub, token_file, name, ip, servers);
        let running = start(&arguments);
        Joined { arguments, running }
    }

    /// Starts it again at the same address, after it has ended.
    pub fn return_again(&mut self) {
        let at: Vec<SocketAddr> = [self.address].into_iter().chain(self.also.iter().copied()).collect();
        (self.running, _) = launch(&at, &self.hub_file);
    }

    /// Kills it and starts it again at the same address.
    pub fn die_and_return(&mut self) {
        self.running.die();
        self.return_again();
    }
}

impl Joined {
    /// How often it has joined.
    pub fn times_joined(&self) -> usize {
        self.running.said().matches(" joined hub=").count()
    }

    /// Waits until it has joined for the time with this number.
    pub fn until_joined(&self, times: usize) {
        socket::until("the agent has joined", || self.times_joined() >= times);
    }

    /// Returns to the hub at once, if it waits.
    pub fn hurry(&self) {
        self.running.signal(Signal::HUP);
    }

    /// Kills it and starts it again.
    pub fn die_and_return(&mut self) {
        self.running.die();
        self.return_again();
    }

    /// Starts a killed one again.
    pub fn return_again(&mut self) {
        self.running = start(&self.arguments);
    }
}

fn start(arguments: &[String]) -> Running {
    let mut command = Program::RelayAgent.command();
    command.args(arguments);
    Running::start("agent", command)
}

fn launch(at: &[SocketAddr], file: &std::path::Path) -> (Running, Vec<SocketAddr>) {
    let mut running = Running::start("hub", command(at, file));
    let addresses = at.iter().map(|_| running.listens(" (hub)")).collect();
    (running, addresses)
}

fn command(at: &[SocketAddr], file: &std::path::Path) -> Command {
    let mut command = Program::RelayAgent.command();
    command.args(["hub", "--log-level", "debug", "--token-file"]).arg(file);
    for at in at {
        command.args(["--listen", &at.to_string()]);
    }
    let policy = file.with_file_name(POLICY);
    if policy.exists() {
        command.arg("--config").arg(policy);
    }
    command
}

/// The name of a policy file.
const POLICY: &str = "policy.toml";
