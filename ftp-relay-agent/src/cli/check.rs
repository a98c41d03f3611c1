//! `check`: one line for everything that works from this host, and what to run here. It stops at the first relay or hub
//! that does not work.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, anyhow};
use ftp_io::clock::Clock;
use ftp_io::link::{self, Link, LinkFailure, OpenedLink, token_file};
use ftp_io::os_error::words;
use ftp_io::socket::{self, Ports, Reserved, Stream};
use ftp_proto::address::Parity;
use ftp_proto::listing::When;
use ftp_proto::relay::conversation::{Conversation, Failure, Input, Output, Received, Sent};
use ftp_proto::relay::hub::{FromHub, Role, ToHub};
use ftp_proto::relay::link::Welcome;
use ftp_proto::relay::message::{Code, FromAgent, Text, ToAgent, VERSIONS};
use ftp_proto::relay::token::{Holder, Token};
use ftp_proto::relay::{at_hub, date, user};
use ftp_proto::reply::{Beginning, beginning};
use tokio::io::AsyncReadExt;
use tokio::net::UnixStream;
use tokio::runtime::Builder;
use tokio::time::timeout;

use super::advice::{Kind, Nat, OutsideView, advice, clocks, what_is_there};
use super::{Exit, print};
use crate::at_hub::HubAddress;
use crate::config::Place;

/// What to check.
#[derive(clap::Args, Debug)]
pub struct Options {
    /// A relay or a hub that this host should reach, HOST:PORT, or unix:/PATH; two of them in a network tell which kind of NAT
    /// there is
    #[arg(value_name = "ADDR")]
    relays: Vec<Place<HubAddress>>,
    /// The token file of this host
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// An FTP server that this host should reach, HOST:PORT, repeatable
    #[arg(long, value_name = "ADDR")]
    server: Vec<HubAddress>,
}

/// Checks everything that was named.
///
/// # Errors
/// The first relay or hub that does not work; else a server that does not.
pub fn check(options: &Options) -> Result<(), Exit> {
    let (low, high) = VERSIONS;
    say(&format!("ok    this program speaks ftp-relay versions {low} to {high}"))?;
    let tokens =
        options.token_file.as_deref().map(token_file::read).transpose().map_err(anyhow::Error::from)?;
    let tokens = tokens.unwrap_or_default();
    for token in &tokens {
        if token.is_expired(Clock::today()) {
            let name = token.name();
            return Err(anyhow!("token {name} has expired; make a new one: ftp-relay-agent token").into());
        }
        say(&format!("ok    token {}, {}", token.name(), holder(token)))?;
    }
    if let (Some(file), [_, ..], true) =
        (&options.token_file, options.relays.as_slice(), tokens.iter().any(Token::is_of_hub))
    {
        let file = file.display();
        return Err(Exit::Usage(anyhow!(
            "{file} is the file of a hub, with which nobody proves himself: name the token file of a user or an agent"
        )));
    }
    let runtime = Builder::new_current_thread().enable_all().build().context("cannot start the scheduler")?;
    let agent = tokens.iter().find(|token| token.is_of_agent());
    if tokens.len() > 1 && agent.is_none() {
        let count = tokens.len();
        say(&format!(
            "warn  the file has {count} tokens, and the first is tried; a user's file has only its own"
        ))?;
    }
    runtime.block_on(reach_all(options, agent.or(tokens.first())))
}

/// Who holds a token, for people.
fn holder(token: &Token) -> String {
    let of = match token.holder() {
        Holder::Anybody => "of a user, or of an agent and its users".to_owned(),
        Holder::UserOf(group) => format!("of a user of the group {group}"),
        Holder::AgentOf(group) => format!("of an agent of the group {group}"),
    };
    if token.is_of_hub() { format!("what a hub has of that {of}") } else { of }
}

async fn reach_all(options: &Options, token: Option<&Token>) -> Result<(), Exit> {
    let (mut found, mut origin) = (Vec::new(), LocalPorts::default());
    for relay in &options.relays {
        found.extend(reach(relay, token, &mut origin).await?);
    }
    let mut unreached = None;
    for server in &options.server {
        match greeted(server).await {
            Ok(()) => say(&format!("ok    the FTP server {server} greets"))?,
            Err(why) => {
                say(&format!("FAIL  the FTP server {server}: {why}"))?;
                unreached.get_or_insert_with(|| anyhow!("the FTP server {server} cannot be used: {why}"));
            }
        }
    }
    let seen: Vec<OutsideView> = found.iter().filter_map(|found| found.seen.clone()).collect();
    if let Some(nat) = Nat::of(&seen) {
        say(&format!("ok    {nat}"))?;
    }
    let reaches = (!options.server.is_empty()).then_some(unreached.is_none());
    for line in advice(&seen, reaches) {
        say(&format!("hint  {line}"))?;
    }
    for ProvenRelay { mut link, .. } in found {
        link.close().await;
    }
    unreached.map_or(Ok(()), |error| Err(error.into()))
}

/// A relay or a hub that has proven itself.
struct ProvenRelay {
    /// What it sees of this host, if there is a network in between.
    seen: Option<OutsideView>,
    /// Stays open: a router may forget the port of a connection that has gone.
    link: Link,
}

/// Ports of this host. Each is used for everybody, so that it shows whether everybody sees the same one.
#[derive(Default)]
struct LocalPorts(Vec<Reserved>);

impl LocalPorts {
    async fn connect(&mut self, to: SocketAddr) -> io::Result<Stream> {
        let here = socket::route(to.ip()).ok_or(io::ErrorKind::NetworkUnreachable)?;
        if !self.0.iter().any(|port| port.local().ip() == here) {
            self.0.push(Ports::new(None).reserve(here, Parity::Any)?);
        }
        let port = self.0.iter().find(|port| port.local().ip() == here);
        port.ok_or(io::ErrorKind::AddrNotAvailable)?.connect(to).await
    }
}

/// Connects to a relay or a hub. Without a token it is not asked anything.
async fn reach(
    relay: &Place<HubAddress>,
    token: Option<&Token>,
    origin: &mut LocalPorts,
) -> Result<Option<ProvenRelay>, Exit> {
    let connecting = async {
        match relay {
            Place::Address(at) => at.connect_by(async |at| origin.connect(at).await).await,
            Place::Unix(path) => UnixStream::connect(path).await.map(Stream::from),
        }
    };
    let stream = timeout(CHECK_TIMEOUT, connecting)
        .await
        .map_err(|_| {
            anyhow!(
                "{relay} does not answer in time: check the firewall between, and the resolver of this host"
            )
        })?
        .with_context(|| format!("cannot connect to {relay}; does it run there?"))?;
    let local =
        stream.tcp().map(tokio::net::TcpStream::local_addr).transpose().context("the connection is gone")?;
    let from = local.map_or_else(String::new, |local| format!(" from {}", local.ip()));
    say(&format!("ok    {relay} can be reached{from}"))?;
    let Some(token) = token else {
        say("skip  nothing more can be checked there without --token-file")?;
        return Ok(None);
    };
    let (kind, mut link, welcome) = match link::open(stream, token).await {
        Ok(OpenedLink::Relay(link, welcome)) => (Kind::Relay, link, welcome),
        Ok(OpenedLink::Hub(link, welcome)) => (Kind::Hub, link, welcome),
        Err(error) if error.is_distrust() => return Err(Exit::Untrusted(anyhow!("{relay}: {error}"))),
        Err(error) => {
            return Err(match (error.stranger(), relay) {
                (Some(stranger), Place::Address(at)) => anyhow!(what_is_there(at, stranger).await),
                (Some(_), Place::Unix(_)) => {
                    anyhow!("{relay} is no relay: name the path of run --listen")
                }
                (None, _) => anyhow!("{relay}: {error}"),
            }
            .into());
        }
    };
    let what = if kind == Kind::Hub { "hub" } else { "relay" };
    say(&format!("ok    {relay} is a {what}, holds token {}, runs {}", token.name(), welcome.build))?;
    if local.is_some() {
        say(&format!("ok    the {what} sees this host as {}", welcome.seen_as.ip()))?;
    }
    let ours = Clock::today();
    if let Some(theirs) = say_what_it_tells(relay, kind, &mut link, &welcome).await? {
        let dated = token.expires().map(|_| token.name());
        say(&clocks(what, theirs, ours, dated.as_slice()))?;
    }
    let seen =
        local.map(|local| OutsideView { by: relay.to_string(), kind, local, outside: welcome.seen_as });
    Ok(Some(ProvenRelay { seen, link }))
}

/// Asks a relay or a hub what it knows, and says which agents a hub has. Returns the date there, if it is told.
async fn say_what_it_tells(
    at: &Place<HubAddress>,
    kind: Kind,
    link: &mut Link,
    welcome: &Welcome,
) -> Result<Option<When>, Exit> {
    let asked = async {
        match kind {
            Kind::Relay => ask_relay(link, welcome).await.map(|date| (None, date)),
            Kind::Hub => ask_hub(link, welcome).await.map(|(names, date)| (Some(names), date)),
        }
    };
    let (names, date) = match timeout(CHECK_TIMEOUT, asked).await {
        Ok(Ok(told)) => told,
        Ok(Err(Unanswered::Denied(why))) => return Err(Exit::Untrusted(anyhow!("{at}: {why}"))),
        Ok(Err(error)) => return Err(anyhow!("{at}: {error}").into()),
        Err(_) => return Err(anyhow!("{at} accepts the token, and does not answer then").into()),
    };
    match names {
        None => {}
        Some(names) if names.is_empty() => {
            say("warn  no agent of the group of this token has joined the hub")?
        }
        Some(names) => say(&format!("ok    agents at the hub: {}", names.join(", ")))?,
    }
    Ok(date)
}

/// Connects to an FTP server and reads its greeting. What it says is judged and not shown.
async fn greeted(server: &HubAddress) -> Result<(), String> {
    let greeting = async {
        let mut stream: Stream = server.connect().await.map_err(|error| words(&error))?;
        let (mut said, mut room) = (Vec::new(), [0; 512]);
        loop {
            let count = stream.read(&mut room).await.map_err(|error| words(&error))?;
            said.extend_from_slice(room.get(..count).unwrap_or_default());
            match beginning(&said) {
                Beginning::Greets => return Ok(()),
                Beginning::Refuses(code) => return Err(format!("it refuses all clients now ({})", code.0)),
                Beginning::NotFtp => return Err("what is there says something else than FTP".to_owned()),
                Beginning::Incomplete if count == 0 => return Err("it closed the connection".to_owned()),
                Beginning::Incomplete => {}
            }
        }
    };
    let late = |_| "it does not greet; where TLS begins at once nothing comes before TLS".to_owned();
    timeout(CHECK_TIMEOUT, greeting).await.map_err(late)?
}

fn say(line: &str) -> Result<(), Exit> {
    print(format!("{line}\n").as_bytes())
}

/// How long a connection, or an answer, may take.
const CHECK_TIMEOUT: Duration = Duration::from_secs(10);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
enum Unanswered {
    /// The connection failed.
    #[error(transparent)]
    Link(#[from] LinkFailure),
    /// The token may do nothing there.
    #[error("{0}")]
    Denied(String),
    /// The session has ended otherwise.
    #[error("{0}")]
    Ended(Failure),
}

/// What a hub has told: the agents of this token, and the date there, if it tells that.
async fn ask_hub(link: &mut Link, welcome: &Welcome) -> Result<(Vec<String>, Option<When>), Unanswered> {
    let clock = Clock::start();
    let role = Role::User { name: Text::of(NAME) };
    let mut session = at_hub::Session::new(clock.now(), welcome, role, BUILD);
    let (name, body) = date::question();
    session.send(clock.now(), ToHub::Ext { name, body });
    session.send(clock.now(), ToHub::Agents);
    let mut told = None;
    // The answers come in the order of the questions.
    let heard = |message: FromHub| {
        if let FromHub::Ext { name, body } = &message {
            told = told.or(date::read(name, body));
        }
        let FromHub::Agents(names) = message else { return None };
        Some((names.into_iter().map(String::from).collect(), told))
    };
    answer(link, clock, session, heard).await
}

/// The date at a relay, if it tells that.
async fn ask_relay(link: &mut Link, welcome: &Welcome) -> Result<Option<When>, Unanswered> {
    let clock = Clock::start();
    let mut session = user::Session::new(clock.now(), welcome, NAME, BUILD);
    let (name, body) = date::question();
    session.send(clock.now(), ToAgent::Ext { name, body });
    let heard = |message: FromAgent| {
        if let FromAgent::Ext { name, body } = &message {
            return Some(date::read(name, body));
        }
        matches!(message, FromAgent::Refused { .. }).then_some(None)
    };
    answer(link, clock, session, heard).await
}

/// Goes on with a session until a message is the answer.
async fn answer<S: Sent, R: Received, T>(
    link: &mut Link,
    clock: Clock,
    mut session: Conversation<S, R>,
    mut heard: impl FnMut(R) -> Option<T>,
) -> Result<T, Unanswered> {
    let mut line = Line { link, unsent: None };
    loop {
        match session.poll() {
            Output::Message(message) => {
                if let Some(answer) = heard(message) {
                    return Ok(answer);
                }
            }
            Output::Send(frame) => line.send(&frame).await,
            Output::Ended(failure) => return Err(failure.into()),
            Output::Wait(_) => {
                let mut room = [0; ROOM];
                let count = line.receive(&mut room).await?;
                let bytes = room.get(..count).unwrap_or_default();
                let input = if bytes.is_empty() { Input::Closed } else { Input::Bytes(bytes) };
                session.input(clock.now(), input);
            }
        }
    }
}

/// The link while a question is asked. Where the other end has closed it, a question cannot be sent; what the other end has said
/// before is heard first, as it tells why.
struct Line<'a> {
    link: &'a mut Link,
    /// Why something was not sent.
    unsent: Option<io::Error>,
}

impl Line<'_> {
    async fn send(&mut self, frame: &[u8]) {
        if self.unsent.is_none() {
            self.unsent = self.link.send(frame).await.err();
        }
    }

    async fn receive(&mut self, room: &mut [u8]) -> Result<usize, LinkFailure> {
        let received = self.link.receive(room).await;
        if !matches!(received, Ok(1..))
            && let Some(unsent) = self.unsent.take()
        {
            return Err(unsent.into());
        }
        received.map_err(LinkFailure::from)
    }
}

impl From<Failure> for Unanswered {
    fn from(failure: Failure) -> Self {
        if let Failure::Bye { code: Code::Denied, text, .. } = &failure {
            return Self::Denied(Code::Denied.with(text));
        }
        Self::Ended(failure)
    }
}

impl From<io::Error> for Unanswered {
    fn from(error: io::Error) -> Self {
        Self::Link(error.into())
    }
}

const NAME: &str = "check";
const BUILD: &str = concat!("ftp-relay-agent ", env!("CARGO_PKG_VERSION"));
/// Bytes that are read at once.
const ROOM: usize = 4096;
