//! Data ports for one server, which connects to them: a port of this host, or of the relay that carries the control connection.

use crate::context::Context;
use crate::failure::{Failure, Kind, words};
use crate::world::{OpenPort, Stream, reset};
use ftp_io::connection::Connection;
use ftp_io::link::Link;
use ftp_proto::address::unmapped;
use std::fmt::Debug;
use std::future::pending;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use std::{io, iter};
use tokio::sync::{Mutex, watch};
use tokio::task::JoinSet;

/// A port to which one server connects. Dropping it closes the port.
#[derive(Debug)]
pub enum DataPort {
    /// This host listens.
    Own(OwnPort),
    /// The relay listens, because only that reaches the server.
    Relay(RelayPort),
}

impl DataPort {
    /// Where the server is to connect.
    pub fn at(&self) -> SocketAddr {
        match self {
            Self::Own(own) => own.port.at(),
            Self::Relay(port) => port.at(),
        }
    }

    /// Rejects connections that came before the transfer command: the server connects only after it. This host resets
    /// them and waits on; the port of a relay, which takes one connection only, is given up. Returns whether one has come
    /// from the server's address.
    pub fn turn_away(&self) -> bool {
        match self {
            Self::Own(port) => port.turn_away(),
            Self::Relay(port) => port.turn_away(),
        }
    }

    /// Waits for one more connection of the server's address, and resets it. Never returns if the system cannot
    /// accept connections, or if a relay listens: it resets such connections itself.
    pub async fn another(&self) {
        match self {
            Self::Own(port) => port.another().await,
            Self::Relay(_) => pending().await,
        }
    }

    /// Waits for a connection of the server. A connection of another host is reset, and the wait goes on (I11); how
    /// long is up to the caller.
    ///
    /// # Errors
    ///
    /// The system cannot accept connections, or the relay has none of the server.
    pub async fn accept(&self) -> Result<ArrivedConnection, DataFailure> {
        match self {
            Self::Own(port) => match port.accept().await {
                Ok((stream, from)) => Ok(ArrivedConnection { connection: stream.into(), from }),
                Err(error) => Err(DataFailure::path(words(&error))),
            },
            Self::Relay(port) => port.accept().await,
        }
    }
}

/// A port on which this program listens for one server. Dropping it closes the port.
#[derive(Debug)]
pub struct OwnPort {
    pub(super) port: OpenPort,
    pub(super) peer: IpAddr,
}

impl OwnPort {
    /// Resets what has connected so far, and returns whether any of that came from the server's address. At most
    /// `MOST_WAITING` connections are looked at.
    fn turn_away(&self) -> bool {
        let waiting = iter::from_fn(|| self.port.reset_waiting()).take(MOST_WAITING);
        waiting.fold(false, |found, from| found | (unmapped(from.ip()) == self.peer))
    }

    /// Waits for one more connection of the server's address, and resets it. Never returns if the system cannot
    /// accept connections.
    async fn another(&self) {
        match self.accept().await {
            Ok((stream, _)) => reset(stream),
            Err(_) => pending().await,
        }
    }

    /// Waits for a connection of the server. A connection of another host is reset, and the wait goes on (I11).
    async fn accept(&self) -> io::Result<(Stream, SocketAddr)> {
        loop {
            let (stream, from) = self.port.accept().await?;
            if unmapped(from.ip()) == self.peer {
                return Ok((stream, from));
            }
            reset(stream);
        }
    }
}

/// No listener of this program keeps more connections waiting.
const MOST_WAITING: usize = 4096;

/// What the relay has told of such a port.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct RelayPortState {
    /// Where it listens; `None` before it does, and where it connects.
    at: Option<SocketAddr>,
    /// Who has connected there.
    from: Option<SocketAddr>,
}

impl RelayPortState {
    /// The relay listens at `at`.
    pub const fn listens(&mut self, at: SocketAddr) {
        *self = Self { at: Some(at), from: None };
    }

    /// Somebody has connected to the port, if there is one.
    pub const fn arrived(&mut self, from: SocketAddr) {
        self.from = if self.at.is_some() { Some(from) } else { None };
    }
}

/// A port at which a relay listens for one server. Dropping it closes the port, unless the server has come.
#[derive(Debug)]
pub struct RelayPort {
    at: SocketAddr,
    seen: watch::Receiver<RelayPortState>,
    state: Mutex<State>,
}

#[derive(Debug)]
enum State {
    /// The server is awaited: the task that has the relay join both connections.
    Awaited(JoinSet<Result<Connection, DataFailure>>),
    /// Somebody came who cannot be the server. The relay takes one connection only.
    Intruded,
    /// Its connection was taken.
    Taken,
}

impl RelayPort {
    /// Runs `join`, which has a relay listen, and waits until `seen` says where. A dropped future ends the join.
    ///
    /// # Errors
    ///
    /// The relay does not listen.
    pub fn open(
        join: impl Future<Output = Result<Connection, DataFailure>> + Send + 'static,
        mut seen: watch::Receiver<RelayPortState>,
    ) -> impl Future<Output = Result<Self, DataFailure>> + Send + 'static {
        let mut joining = JoinSet::from_iter([join]);
        async move {
            let at = seen.wait_for(|seen| seen.at.is_some()).await.ok().and_then(|seen| seen.at);
            match at {
                Some(at) => Ok(Self { at, seen, state: Mutex::new(State::Awaited(joining)) }),
                None => Err(end_of(&mut joining).await.err().unwrap_or_else(ended)),
            }
        }
    }

    /// Where the relay listens.
    pub(super) const fn at(&self) -> SocketAddr {
        self.at
    }

    /// Gives up the port if somebody has come before the server was awaited, and returns whether that is so.
    pub(super) fn turn_away(&self) -> bool {
        let Ok(mut state) = self.state.try_lock() else { return false };
        let has_come = matches!(*state, State::Awaited(_)) && self.seen.borrow().from.is_some();
        if has_come {
            *state = State::Intruded;
        }
        has_come
    }

    /// Waits for the server. May be dropped without losing anything; nobody comes after it.
    pub(super) async fn accept(&self) -> Result<ArrivedConnection, DataFailure> {
        let mut state = self.state.lock().await;
        match &mut *state {
            State::Awaited(joining) => {
                let connection = end_of(joining).await;
                *state = State::Taken;
                let connection = connection?;
                let untold = || DataFailure::path("the relay has not told who has connected to it");
                let from = self.seen.borrow().from.ok_or_else(untold)?;
                Ok(ArrivedConnection { connection, from })
            }
            State::Intruded => {
                *state = State::Taken;
                let what = "a stranger came before the server";
                let failure = Failure::new(Kind::NoPath, what);
                Err(DataFailure::Path(failure.hint("use ftpes://, which proves who connects")))
            }
            State::Taken => pending().await,
        }
    }
}

async fn end_of(joining: &mut JoinSet<Result<Connection, DataFailure>>) -> Result<Connection, DataFailure> {
    let joined = joining.join_next().await.and_then(Result::ok);
    joined.unwrap_or_else(|| Err(ended()))
}

/// The failure of a join whose task has gone without a word.
fn ended() -> DataFailure {
    DataFailure::path("the relay has ended the data connection")
}

/// The relay names a place at which it cannot listen for the server.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("it says that it listens at {at}, but the server sees it at {seen}")]
pub struct ListensElsewhere {
    at: SocketAddr,
    seen: IpAddr,
}

/// Checks the place at which a relay says that it listens for a server that sees the relay at `seen`.
///
/// # Errors
///
/// It is another host, or no port: the server would connect to a host that has not asked for it (as with H08).
pub fn check_place(at: SocketAddr, seen: IpAddr) -> Result<(), ListensElsewhere> {
    if unmapped(at.ip()) == seen && at.port() != 0 { Ok(()) } else { Err(ListensElsewhere { at, seen }) }
}

/// A server has connected.
#[derive(Debug)]
pub struct ArrivedConnection {
    /// With this host, or with the relay, which passes its bytes on.
    pub connection: Connection,
    /// From where the server has connected.
    pub from: SocketAddr,
}

/// Why there is no data connection with a server, and whose fault it is.
#[derive(Clone, Debug)]
pub enum DataFailure {
    /// Nobody answers at the port, nobody comes to it, or it cannot be opened. If the other end listens, there may be one.
    Path(Failure),
    /// The relay that reaches the server makes none now, whoever listens.
    Relay(Failure),
}

impl DataFailure {
    /// No connection came about, for this reason.
    pub(super) fn path(what: impl Into<String>) -> Self {
        Self::Path(Failure::new(Kind::NoPath, what))
    }

    /// The failure, where it does not matter whose fault it is.
    pub fn into_failure(self) -> Failure {
        match self {
            Self::Path(failure) | Self::Relay(failure) => failure,
        }
    }
}

/// A tunnel to a server: this program's link with the relay, and who the server talks to.
#[derive(Debug)]
pub struct Tunnel {
    /// The link; its bytes are the server's.
    pub stream: Link,
    /// The relay's end of the connection with the server: what the server sees.
    pub local: SocketAddr,
    /// The address of the server.
    pub peer: SocketAddr,
    /// How long the relay has taken from the request to the server's greeting: the round trips to the relay and from there to
    /// the server.
    pub round_trip: Duration,
    /// Who carries it.
    pub relay: ControlRelay,
}

/// The relay that carries a control connection.
#[derive(Clone, Debug)]
pub struct ControlRelay {
    /// The relay's name.
    pub name: String,
    /// How data connections between this host and the server are made. `None` if this host makes them itself, or there
    /// are none: the file goes to another server.
    pub data: Option<Arc<dyn DataLinks>>,
}

/// Makes data connections with a server that this host does not reach.
pub trait DataLinks: Debug + Send + Sync {
    /// Has the relay connect to a data port of the server, and joins that connection with one of this host.
    fn connect(&self, context: &Context, at: SocketAddr) -> Connecting;

    /// Has the relay listen for the server at `peer`, and joins the connection that comes with one of this host.
    fn listen(&self, context: &Context, peer: IpAddr) -> ListeningPort;
}

/// A data connection that is being made. It may be dropped.
pub type Connecting = Pin<Box<dyn Future<Output = Result<Connection, DataFailure>> + Send>>;

/// A port of a relay that is being opened. It may be dropped.
pub type ListeningPort = Pin<Box<dyn Future<Output = Result<RelayPort, DataFailure>> + Send>>;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::listen;
    use ftp_io::socket;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test]
    async fn i11_only_the_server_gets_in_and_no_stranger_ends_the_wait() {
        let open = listen("127.0.0.1".parse().unwrap()).unwrap();
        let at = open.at();
        let port = OwnPort { port: open, peer: "127.0.0.2".parse().unwrap() };
        let accepted = tokio::spawn(async move { port.accept().await });
        for _ in 0..5 {
            let mut stranger = socket::connect("127.0.0.3".parse().unwrap(), at).await.unwrap();
            assert!(!matches!(stranger.read(&mut [0]).await, Ok(1..)), "it is reset and gets nothing");
        }
        let mut server = socket::connect("127.0.0.2".parse().unwrap(), at).await.unwrap();
        server.write_all(b"x").await.unwrap();
        let (mut stream, _) = accepted.await.unwrap().unwrap();
        let mut byte = [0];
        stream.read_exact(&mut byte).await.unwrap();
        assert_eq!(byte, *b"x");
    }

    #[test]
    fn h08_a_relay_that_would_have_a_server_connect_elsewhere_is_not_believed() {
        let check = |at: &str, seen: &str, believed: bool| {
            let told = check_place(at.parse().unwrap(), seen.parse().unwrap());
            assert_eq!(told.is_ok(), believed, "{at} {seen}: {told:?}");
        };
        check("203.0.113.9:50001", "203.0.113.9", true);
        check("[::ffff:203.0.113.9]:50001", "203.0.113.9", true);
        check("[2001:db8::9]:50001", "2001:db8::9", true);
        for elsewhere in ["203.0.113.10:50001", "0.0.0.0:50001", "127.0.0.1:21", "203.0.113.9:0", "[::]:1"] {
            check(elsewhere, "203.0.113.9", false);
        }
    }

    #[tokio::test]
    async fn r55_who_comes_to_the_relay_before_the_transfer_command_is_not_the_server() {
        let at = "203.0.113.9:50001".parse().unwrap();
        let from = "192.0.2.1:20".parse().unwrap();
        let (tell, seen) = watch::channel(RelayPortState { at: Some(at), from: None });
        let port = RelayPort::open(pending(), seen).await.unwrap();
        assert_eq!((port.at(), port.turn_away()), (at, false));
        tell.send_modify(|seen| seen.arrived(from));
        assert!(port.turn_away());
        let failure = port.accept().await.unwrap_err().into_failure();
        assert!(failure.to_string().contains("before the server"), "{failure}");
    }

    #[tokio::test]
    async fn r55_a_relay_that_does_not_listen_says_why() {
        let (tell, seen) = watch::channel(RelayPortState::default());
        let join = async move {
            drop(tell);
            Err(DataFailure::path("no address"))
        };
        let failure = RelayPort::open(join, seen).await.unwrap_err().into_failure();
        assert_eq!(failure.to_string(), "no address");
    }
}
