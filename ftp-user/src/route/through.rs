//! What a transfer through this program needs besides the control sessions: a data connection with each
//! server, which either of the two opens, and the copy between them. For a server that only a relay reaches, the relay
//! connects or listens. There is no temporary file, and at most one pipe of data waits.

use super::path::Sessions;
use super::progress::Progress;

use crate::failure::words;
use crate::session::{ArrivedConnection, DataFailure, DataPort};
use crate::world::end_by_reset;
use ftp_io::connection::Connection;
use ftp_io::copy::{self, CopyEnd, Digest, ForwardEnd, Forwarded, Meters, Unclosed};
use ftp_proto::timer::Moment;
use ftp_proto::transfer::{Input, Side};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::task::{AbortHandle, JoinSet};

/// The data connections with both servers.
#[derive(Debug, Default)]
pub(super) struct Through {
    digest: Digest,
    source: Leg,
    destination: Leg,
    /// The destination's connection after the last byte.
    unclosed: Option<Unclosed>,
    /// What is being done with the connections.
    work: JoinSet<DataEvent>,
    meters: Meters,
    /// The SHA-256 of what was copied, if it was computed.
    sha256: Option<String>,
}

/// The data connection with one server.
#[derive(Debug, Default)]
struct Leg {
    /// It waits for the copy.
    stream: Option<Connection>,
    /// The server will connect here when it has its transfer command.
    port: Option<Arc<DataPort>>,
    /// The server has connected here in clear. Somebody else may be at its address, and may have been faster.
    watched: Option<Arc<DataPort>>,
    /// That port is looked at.
    watch: Option<AbortHandle>,
    /// A second connection of the server's address has come.
    is_intruded: bool,
    /// It is being opened.
    opening: Option<AbortHandle>,
    /// The address of the server, if this host has it from the socket.
    peer: Option<SocketAddr>,
    /// Whether this host reaches the server without a proxy and a relay.
    is_direct: bool,
    /// Whether TLS proves who connects.
    runs_tls: bool,
    /// How many times it was begun. What was begun before does not count any more.
    number: u32,
}

impl Leg {
    /// Forgets what there was.
    fn begin_again(&mut self) -> u32 {
        self.stream = None;
        (self.port, self.watched, self.is_intruded) = (None, None, false);
        for task in [self.opening.take(), self.watch.take()].into_iter().flatten() {
            task.abort();
        }
        self.number += 1;
        self.number
    }
}

/// Something that was done with a data connection.
#[derive(Debug)]
pub(super) enum DataEvent {
    /// This program has connected to the server, or could not.
    Connected(Side, u32, Result<Connection, DataFailure>),
    /// This program, or the relay that reaches the server, listens for it, or does not.
    Listens(Side, u32, Result<DataPort, DataFailure>),
    /// The server has connected, or never can.
    Arrived(Side, u32, Result<ArrivedConnection, DataFailure>),
    /// A second connection of the server's address has come.
    Intruded(Side, u32),
    Copied(Forwarded),
    Closed(CopyEnd),
}

impl Through {
    /// No connection yet. `meters` count what is copied.
    pub(super) fn new(digest: Digest, meters: Meters) -> Self {
        Self { digest, meters, ..Self::default() }
    }

    /// What is done next. May be dropped without losing anything. Never returns if nothing is being
    /// done; what was cut returns nothing either.
    pub(super) async fn next(&mut self) -> DataEvent {
        loop {
            match self.work.join_next().await {
                Some(Ok(done)) => return done,
                Some(Err(_)) => {} // it was cut
                None => std::future::pending().await,
            }
        }
    }

    /// Connects to the data port of that side.
    pub(super) fn connect(&mut self, sessions: &mut Sessions<'_>, side: Side, at: SocketAddr) {
        let session = sessions.of(side);
        let (reached, is_direct) = (session.connect_to_data_port(at), session.sees_its_peer());
        let number = self.leg(side).begin_again();
        self.leg(side).is_direct = is_direct;
        let connecting = async move { DataEvent::Connected(side, number, reached.await) };
        self.leg(side).opening = Some(self.work.spawn(connecting));
    }

    /// Listens for the server of that side.
    pub(super) fn listen(&mut self, sessions: &mut Sessions<'_>, side: Side) {
        let session = sessions.of(side);
        let opening = session.data_port();
        let number = self.leg(side).begin_again();
        (self.leg(side).runs_tls, self.leg(side).is_direct) = (session.runs_tls(), session.sees_its_peer());
        let opening = async move { DataEvent::Listens(side, number, opening.await) };
        self.leg(side).opening = Some(self.work.spawn(opening));
    }

    /// The address of that server at its data connection with this host, if that is known.
    pub(super) fn peer(&self, side: Side) -> Option<SocketAddr> {
        side.of([self.source.peer, self.destination.peer])
    }

    /// Lets the server of that side in, which is about to get its transfer command. Who came before is not the server.
    pub(super) fn admit(&mut self, side: Side) {
        let leg = self.leg(side);
        let (Some(port), number) = (leg.port.take(), leg.number) else { return };
        port.turn_away();
        leg.watched = (!leg.runs_tls).then(|| Arc::clone(&port));
        let accepting = async move { DataEvent::Arrived(side, number, port.accept().await) };
        self.leg(side).opening = Some(self.work.spawn(accepting));
    }

    fn leg(&mut self, side: Side) -> &mut Leg {
        side.of([&mut self.source, &mut self.destination])
    }

    /// Starts to copy. The destination's connection stays open at the end.
    pub(super) fn copy(&mut self, now: Moment, sessions: &mut Sessions<'_>, progress: &mut Progress) {
        let (Some(source), Some(destination)) = (self.source.stream.take(), self.destination.stream.take())
        else {
            return;
        };
        progress.start(now);
        let (source, destination) = (sessions.source.data(source), sessions.destination.data(destination));
        let (digest, meters) = (self.digest, self.meters.clone());
        self.work.spawn(async move {
            DataEvent::Copied(copy::forward(source, destination, digest, &meters).await)
        });
    }

    /// Closes the destination's connection in order.
    pub(super) fn finish(&mut self) {
        let Some(unclosed) = self.unclosed.take() else { return };
        let meter = self.meters.given.clone();
        self.work.spawn(async move { DataEvent::Closed(unclosed.close(&meter).await) });
    }

    /// Resets both connections.
    pub(super) fn cut(&mut self) {
        self.unclosed = None;
        // A connection that is dropped before its orderly end is reset. What has just ended brings nothing either.
        self.work = JoinSet::new();
        for leg in [&mut self.source, &mut self.destination] {
            (leg.stream, leg.port, leg.watched) = (None, None, None);
        }
    }

    /// What the attempt is told of something that was done.
    pub(super) fn take(&mut self, done: DataEvent, progress: &mut Progress) -> Option<Input> {
        match done {
            DataEvent::Connected(side, number, _)
            | DataEvent::Listens(side, number, _)
            | DataEvent::Arrived(side, number, _)
            | DataEvent::Intruded(side, number)
                if number != self.leg(side).number =>
            {
                None
            }
            DataEvent::Connected(side, _, Ok(connection)) => {
                self.keep(side, connection);
                Some(Input::Connected(side))
            }
            DataEvent::Listens(side, _, Ok(port)) => {
                let at = port.at();
                self.leg(side).port = Some(Arc::new(port));
                Some(Input::Listening(side, at))
            }
            DataEvent::Arrived(side, number, Ok(ArrivedConnection { connection, from })) => {
                self.keep(side, connection);
                self.watch(side, number);
                Some(Input::Arrived(side, from))
            }
            DataEvent::Connected(side, _, Err(failure))
            | DataEvent::Listens(side, _, Err(failure))
            | DataEvent::Arrived(side, _, Err(failure)) => {
                let words = failure.into_failure().why();
                Some(Input::DataFailed(side, words))
            }
            DataEvent::Intruded(side, _) => {
                self.leg(side).is_intruded = true;
                Some(Input::DataFailed(side, INTRUDED.to_owned()))
            }
            DataEvent::Copied(Forwarded { bytes, sha256, end }) => {
                progress.stop();
                match end {
                    ForwardEnd::Whole(unclosed) => {
                        (self.unclosed, self.sha256) = (Some(unclosed), sha256);
                        Some(Input::Copied { is_all: progress.is_all(bytes) })
                    }
                    ForwardEnd::Source(error) => Some(Input::DataFailed(Side::Source, words(&error))),
                    ForwardEnd::Destination(error) => {
                        Some(Input::DataFailed(Side::Destination, words(&error)))
                    }
                    ForwardEnd::Stopped => None,
                }
            }
            DataEvent::Closed(CopyEnd::Broken(error)) => {
                Some(Input::DataFailed(Side::Destination, words(&error)))
            }
            DataEvent::Closed(CopyEnd::Whole) => Some(Input::Finished),
            DataEvent::Closed(CopyEnd::Stopped | CopyEnd::File(_)) => None,
        }
    }

    /// From here on, another connection of the address of that server means that somebody else is there. Nobody can
    /// tell which of the two is the server's.
    fn watch(&mut self, side: Side, number: u32) {
        let Some(port) = self.leg(side).watched.clone() else { return };
        let watching = async move {
            port.another().await;
            DataEvent::Intruded(side, number)
        };
        let watch = self.work.spawn(watching);
        self.leg(side).watch = Some(watch);
    }

    /// The end at whose address somebody else is, if that was seen.
    pub(super) fn intruded(&mut self) -> Option<Side> {
        Side::BOTH.into_iter().find(|side| self.leg(*side).is_intruded)
    }

    /// Keeps a connection until the copy.
    fn keep(&mut self, side: Side, connection: Connection) {
        // The connection is also reset if this process is killed before the first byte (E10).
        end_by_reset(connection.socket());
        let leg = self.leg(side);
        leg.peer = connection.peer().filter(|_| leg.is_direct);
        (leg.stream, leg.opening) = (Some(connection), None);
    }

    /// Waits until the destination's connection is closed, although its server has already said that it has
    /// everything. Returns the SHA-256 of what was copied, if it was computed. The copy may be somebody else's who is at the
    /// address of a server ([`Self::intruded`]).
    pub(super) async fn close(&mut self) -> Option<String> {
        for side in Side::BOTH {
            if let Some(watch) = self.leg(side).watch.take() {
                watch.abort();
            }
        }
        while let Some(done) = self.work.join_next().await {
            if let Ok(DataEvent::Intruded(side, _)) = done {
                self.leg(side).is_intruded = true;
            }
        }
        for side in Side::BOTH {
            let leg = self.leg(side);
            leg.is_intruded |= leg.watched.as_ref().is_some_and(|port| port.turn_away());
        }
        self.sha256.take()
    }
}

/// What the attempt is told if a second connection of a server's address comes.
const INTRUDED: &str = "two connections came from its address";

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::ErrorKind;
    use tokio::io::AsyncReadExt;
    use tokio::net::{TcpListener, TcpStream};

    /// A connection that has come about for `side`, and the other end of it.
    async fn opened(through: &mut Through, side: Side) -> TcpStream {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let here = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (there, _) = listener.accept().await.unwrap();
        let number = through.leg(side).number;
        let here = here.into();
        end_by_reset(&here);
        let opening = through.work.spawn(async move { DataEvent::Connected(side, number, Ok(here.into())) });
        while !opening.is_finished() {
            tokio::task::yield_now().await;
        }
        there
    }

    async fn brings_nothing(through: &mut Through) {
        tokio::select! {
            biased;
            done = through.next() => panic!("{done:?}"),
            () = tokio::task::yield_now() => {}
        }
        assert!(through.work.is_empty());
        for side in Side::BOTH {
            let Leg { stream, port, watched, .. } = through.leg(side);
            assert!(stream.is_none() && port.is_none() && watched.is_none());
        }
    }

    #[tokio::test]
    async fn a_connection_that_comes_about_while_the_path_is_cut_is_reset() {
        let mut through = Through::new(Digest::Off, Meters::default());
        let mut there = opened(&mut through, Side::Source).await;
        through.cut();
        brings_nothing(&mut through).await;
        assert_eq!(there.read(&mut [0]).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    }

    #[tokio::test]
    async fn a_copy_that_ends_while_the_path_is_cut_is_not_told() {
        let mut through = Through::new(Digest::Off, Meters::default());
        let copied = Forwarded { bytes: 0, sha256: None, end: ForwardEnd::Stopped };
        let copying = through.work.spawn(async move { DataEvent::Copied(copied) });
        while !copying.is_finished() {
            tokio::task::yield_now().await;
        }
        through.cut();
        brings_nothing(&mut through).await;
    }
}
