//! An agent at a hub: it joins under its name, is called there, calls other agents, and returns when the hub is lost.
//!
//! ```text
//!   keep: connect -> session -> lost -> wait -> connect ...
//!   session: Called(ticket) -> one more connection -> incoming, as if it had come to a listener
//!            call(agent)    -> Ready(ticket) -> one more connection, for the task that has called
//! ```
//!
//! Each of these connections comes from a port of its own ([`Spot`]), from which the two agents of a call may then
//! connect to each other.

mod keep;
mod session;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::sync::{Arc, Mutex};
use std::{fmt, io};

use ftp_io::lock::Lock;
use ftp_io::socket::Stream;
use ftp_io::socket::{self, Ports, Reserved};
use ftp_proto::address::Parity;
use ftp_proto::relay::hub::SeenAddresses;
use ftp_proto::relay::message::Code;
pub use keep::{Incoming, Joiner, Membership, Settings, start};
use tokio::sync::{mpsc, oneshot, watch};

/// The address of a hub as it was typed. A name is resolved for each connection.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HubAddress {
    /// A name, or an address without brackets.
    host: String,
    port: u16,
}

impl FromStr for HubAddress {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const EXPECTED: &str = "write HOST:PORT, IP:PORT or [IPv6]:PORT";
        let (host, port) = text.rsplit_once(':').ok_or(EXPECTED)?;
        let digits = port.bytes().all(|byte| byte.is_ascii_digit());
        let port: u16 = port.parse().ok().filter(|_| digits).ok_or(EXPECTED)?;
        let bracketed = host.starts_with('[') && host.ends_with(']');
        let letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        let named = !host.is_empty() && host.chars().all(letter);
        let literal = bracketed && text.parse::<SocketAddr>().is_ok();
        if port == 0 || !(named || literal) {
            return Err(EXPECTED);
        }
        Ok(Self { host: host.trim_matches(['[', ']']).to_owned(), port })
    }
}

impl fmt::Display for HubAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

impl HubAddress {
    /// Connects to the first of its addresses that answers.
    ///
    /// # Errors
    ///
    /// The name cannot be resolved or has no address, or none of them answers.
    pub async fn connect(&self) -> io::Result<Stream> {
        self.connect_by(connect).await
    }

    /// The same, where `connect` connects to an address.
    ///
    /// # Errors
    ///
    /// As those of [`Self::connect`].
    pub async fn connect_by(
        &self,
        mut connect: impl AsyncFnMut(SocketAddr) -> io::Result<Stream>,
    ) -> io::Result<Stream> {
        let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        for at in socket::look_up(&self.host, self.port).await?.into_iter().take(MAX_ADDRESSES) {
            match connect(at).await {
                Ok(stream) => return Ok(stream),
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

/// Connects to one address, and has the system notice when the other end has vanished.
async fn connect(at: SocketAddr) -> io::Result<Stream> {
    let stream = socket::connect(anywhere(at), at).await?;
    socket::keepalive(&stream)?;
    Ok(stream)
}

/// Any address of this host in the family of `like`.
const fn anywhere(like: SocketAddr) -> IpAddr {
    match like {
        SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    }
}

/// Addresses of one name that are tried.
const MAX_ADDRESSES: usize = 8;

/// Calls other agents of the hub, and knows where the hub sees this one. Clones share the session.
#[derive(Clone, Debug)]
pub struct Caller {
    requests: mpsc::Sender<Request>,
    seen_as: watch::Receiver<Option<IpAddr>>,
}

/// A call that is wanted.
#[derive(Debug)]
struct Request {
    agent: String,
    answer: oneshot::Sender<Result<Called, Uncalled>>,
}

/// A stream to an agent.
#[derive(Debug)]
pub struct Called {
    /// The connection with the hub, which carries what the agent sends.
    pub stream: Stream,
    /// The port from which it was made, for a direct connection with the agent.
    pub spot: Option<Spot>,
}

/// Why there is no stream to an agent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Uncalled {
    /// The reason for the user agent.
    pub code: Code,
    /// More about it.
    pub text: String,
}

impl Uncalled {
    fn lost() -> Self {
        Self { code: Code::Unreachable, text: "the session with the hub is lost".to_owned() }
    }
}

impl Caller {
    /// A caller, which learns where the hub sees this agent, and what it wants.
    fn new(seen_as: watch::Receiver<Option<IpAddr>>) -> (Self, mpsc::Receiver<Request>) {
        let (requests, wanted) = mpsc::channel(MAX_REQUESTS);
        (Self { requests, seen_as }, wanted)
    }

    /// Where the hub has seen this agent the last time, if that may be an address of its host.
    pub fn seen_as(&self) -> Option<IpAddr> {
        *self.seen_as.borrow()
    }

    /// A stream to an agent, on which nothing is proven yet.
    ///
    /// # Errors
    ///
    /// The hub refuses, the agent does not come, or there is no session with the hub.
    pub async fn call(&self, agent: &str) -> Result<Called, Uncalled> {
        let (answer, answered) = oneshot::channel();
        let request = Request { agent: agent.to_owned(), answer };
        self.requests.try_send(request).map_err(|_| Uncalled::lost())?;
        answered.await.unwrap_or_else(|_| Err(Uncalled::lost()))
    }
}

/// Calls that wait for the session.
const MAX_REQUESTS: usize = 64;

/// A port of this host that the hub has seen. It is reserved for as long as this lives.
#[derive(Debug)]
pub struct Spot {
    /// The port from which the agent has connected.
    pub reserved: Reserved,
    /// The address of the hub.
    pub hub: SocketAddr,
    /// What the hub tells of the two ends.
    pub seen: oneshot::Receiver<SeenAddresses>,
}

/// Who waits for what the hub tells. Clones are the same.
#[derive(Clone, Debug)]
struct Spots {
    ports: Arc<Ports>,
    waiting: Arc<Mutex<HashMap<[u8; 16], oneshot::Sender<SeenAddresses>>>>,
}

impl Spots {
    fn new() -> Self {
        Self { ports: Ports::new(None), waiting: Arc::default() }
    }

    /// Connects to the hub from a port that stays reserved, for the call with this ticket. If there is none, from any
    /// port.
    async fn connect(&self, hub: SocketAddr, ticket: [u8; 16]) -> io::Result<(Stream, Option<Spot>)> {
        let reserved = socket::route(hub.ip()).and_then(|here| self.ports.reserve(here, Parity::Any).ok());
        if let Some(reserved) = reserved {
            let seen = self.wait(ticket);
            match reserved.connect(hub).await {
                Ok(stream) => return Ok((stream, Some(Spot { reserved, hub, seen }))),
                // A connection of another process from this port has not timed out yet.
                Err(error) if is_taken(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok((socket::connect(anywhere(hub), hub).await?, None))
    }

    /// The hub has told where it sees the ends of a call.
    fn told(&self, seen: SeenAddresses) {
        let waits = self.waiting.locked().remove(&seen.ticket);
        if let Some(waits) = waits {
            // Whoever has waited may have given up.
            let _ = waits.send(seen);
        }
    }

    /// How many still wait.
    #[cfg(test)]
    fn waiting(&self) -> usize {
        let waiting = self.waiting.locked();
        waiting.values().filter(|waits| !waits.is_closed()).count()
    }

    fn wait(&self, ticket: [u8; 16]) -> oneshot::Receiver<SeenAddresses> {
        let (sender, seen) = oneshot::channel();
        let mut waiting = self.waiting.locked();
        // Most calls come from user agents, of which the hub tells nothing.
        waiting.retain(|_, waits| !waits.is_closed());
        waiting.insert(ticket, sender);
        seen
    }
}

fn is_taken(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::AddrNotAvailable | io::ErrorKind::AddrInUse)
}
