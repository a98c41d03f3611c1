//! A port of a relay: a server that only the relay reaches connects there, and the relay joins its connection with one of
//! this host.

use super::arrived::Arrived;
use super::data_failure::DataFailure;
use crate::failure::{Failure, Kind};
use ftp_io::connection::Connection;
use ftp_proto::address::unmapped;
use std::future::pending;
use std::net::{IpAddr, SocketAddr};
use tokio::sync::{Mutex, watch};
use tokio::task::JoinHandle;

/// What the relay has told of such a port.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Seen {
    /// Nothing yet; and nothing where it does not listen, but connects.
    #[default]
    Nothing,
    /// It listens here.
    Listens(SocketAddr),
    /// Somebody has connected there.
    Arrived {
        /// Where it listens.
        at: SocketAddr,
        /// Who has connected.
        from: SocketAddr,
    },
}

impl Seen {
    /// The relay listens at `at`.
    pub const fn listens(&mut self, at: SocketAddr) {
        *self = Self::Listens(at);
    }

    /// Somebody has connected to the port, if there is one.
    pub const fn arrived(&mut self, from: SocketAddr) {
        if let Self::Listens(at) | Self::Arrived { at, .. } = *self {
            *self = Self::Arrived { at, from };
        }
    }

    const fn at(self) -> Option<SocketAddr> {
        match self {
            Self::Nothing => None,
            Self::Listens(at) | Self::Arrived { at, .. } => Some(at),
        }
    }

    const fn from(self) -> Option<SocketAddr> {
        match self {
            Self::Nothing | Self::Listens(_) => None,
            Self::Arrived { from, .. } => Some(from),
        }
    }
}

/// A port at which a relay listens for one server. Dropping it closes the port, unless the server has come.
#[derive(Debug)]
pub struct RelayPort {
    at: SocketAddr,
    seen: watch::Receiver<Seen>,
    state: Mutex<State>,
}

#[derive(Debug)]
enum State {
    /// The server is awaited.
    Awaited(Joining),
    /// Somebody came who cannot be the server. The relay takes one connection only.
    Intruded,
    /// Its connection was taken.
    Taken,
}

/// The task that has the relay join both connections. Dropping it ends that.
#[derive(Debug)]
struct Joining(JoinHandle<Result<Connection, DataFailure>>);

impl Drop for Joining {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl RelayPort {
    /// Runs `join`, which has a relay listen, and waits until `seen` says where. A dropped future ends the join.
    ///
    /// # Errors
    ///
    /// The relay does not listen.
    pub fn open(
        join: impl Future<Output = Result<Connection, DataFailure>> + Send + 'static,
        mut seen: watch::Receiver<Seen>,
    ) -> impl Future<Output = Result<Self, DataFailure>> + Send + 'static {
        let mut joining = Joining(tokio::spawn(join));
        async move {
            let at = seen.wait_for(|seen| seen.at().is_some()).await.ok().and_then(|seen| seen.at());
            match at {
                Some(at) => Ok(Self { at, seen, state: Mutex::new(State::Awaited(joining)) }),
                None => Err(joining.end().await.err().unwrap_or_else(ended)),
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
        let has_come = matches!(*state, State::Awaited(_)) && self.seen.borrow().from().is_some();
        if has_come {
            *state = State::Intruded;
        }
        has_come
    }

    /// Waits for the server. May be dropped without losing anything; nobody comes after it.
    pub(super) async fn accept(&self) -> Result<Arrived, DataFailure> {
        let mut state = self.state.lock().await;
        match &mut *state {
            State::Awaited(joining) => {
                let connection = joining.end().await;
                *state = State::Taken;
                let connection = connection?;
                let untold = || failed("the relay has not told who has connected to it");
                let from = self.seen.borrow().from().ok_or_else(untold)?;
                Ok(Arrived { connection, from })
            }
            State::Intruded => {
                *state = State::Taken;
                let what = "somebody else has connected to the relay before the server was told to";
                let failure = Failure::new(Kind::NoPath, what);
                Err(DataFailure::Path(failure.hint("use ftpes://, which proves who connects")))
            }
            State::Taken => pending().await,
        }
    }
}

impl Joining {
    async fn end(&mut self) -> Result<Connection, DataFailure> {
        (&mut self.0).await.unwrap_or_else(|_| Err(ended()))
    }
}

/// The failure of a join whose task has gone without a word.
fn ended() -> DataFailure {
    failed("the relay has ended the data connection")
}

fn failed(what: &str) -> DataFailure {
    DataFailure::Path(Failure::new(Kind::NoPath, what))
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

#[cfg(test)]
mod tests {
    use super::*;

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
        let (tell, seen) = watch::channel(Seen::Listens(at));
        let port = RelayPort::open(pending(), seen).await.unwrap();
        assert_eq!((port.at(), port.turn_away()), (at, false));
        tell.send_modify(|seen| seen.arrived(from));
        assert!(port.turn_away());
        let failure = port.accept().await.unwrap_err().into_failure();
        assert!(failure.to_string().contains("before the server"), "{failure}");
    }

    #[tokio::test]
    async fn r55_a_relay_that_does_not_listen_says_why() {
        let (tell, seen) = watch::channel(Seen::default());
        let join = async move {
            drop(tell);
            Err(failed("no address"))
        };
        let failure = RelayPort::open(join, seen).await.unwrap_err().into_failure();
        assert_eq!(failure.to_string(), "no address");
    }
}
