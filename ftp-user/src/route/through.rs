//! What a transfer through this program needs besides the control sessions: a data connection with each
//! server, and the copy between them. There is no temporary file, and at most one pipe of data waits.

use super::progress::Progress;
use super::sessions::Sessions;
use crate::failure::words;
use ftp_io::copy::{self, Digest, Ended, ForwardEnd, Forwarded, Meters, Unclosed};
use ftp_io::socket;
use ftp_proto::third_party::{Input, Side};
use ftp_proto::timer::Moment;
use std::io;
use std::net::SocketAddr;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// The data connections with both servers.
#[derive(Debug)]
pub(super) struct Through {
    digest: Digest,
    /// The connections that wait for the copy.
    source: Option<TcpStream>,
    destination: Option<TcpStream>,
    /// The destination's connection after the last byte.
    unclosed: Option<Unclosed>,
    /// What is being done with the connections.
    work: JoinSet<Done>,
    meters: Meters,
    /// The SHA-256 of what was copied, if it was computed.
    sha256: Option<String>,
}

/// Something that was done with a data connection.
#[derive(Debug)]
pub(super) enum Done {
    Connected(Side, io::Result<TcpStream>),
    Copied(Forwarded),
    Closed(Ended),
}

impl Through {
    /// No connection yet. `meters` count what is copied.
    pub(super) fn new(digest: Digest, meters: Meters) -> Self {
        Self {
            digest,
            source: None,
            destination: None,
            unclosed: None,
            work: JoinSet::new(),
            meters,
            sha256: None,
        }
    }

    /// What is done next. May be dropped without losing anything. Never returns if nothing is being
    /// done; what was cut returns nothing either.
    pub(super) async fn next(&mut self) -> Done {
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
        let reached = sessions.of(side).reach(at);
        self.work.spawn(async move { Done::Connected(side, reached.await) });
    }

    /// Starts to copy. The destination's connection stays open at the end.
    pub(super) fn copy(&mut self, now: Moment, sessions: &mut Sessions<'_>, progress: &mut Progress) {
        let (Some(source), Some(destination)) = (self.source.take(), self.destination.take()) else { return };
        progress.start(now);
        let (source, destination) = (sessions.source.data(source), sessions.destination.data(destination));
        let (digest, meters) = (self.digest, self.meters.clone());
        self.work
            .spawn(async move { Done::Copied(copy::forward(source, destination, digest, &meters).await) });
    }

    /// Closes the destination's connection in order.
    pub(super) fn finish(&mut self) {
        let Some(unclosed) = self.unclosed.take() else { return };
        let meter = self.meters.given.clone();
        self.work.spawn(async move { Done::Closed(unclosed.close(&meter).await) });
    }

    /// Resets both connections.
    pub(super) fn cut(&mut self) {
        self.unclosed = None;
        // A connection that is dropped before its orderly end is reset.
        self.work.abort_all();
        (self.source, self.destination) = (None, None);
    }

    /// What the attempt is told of something that was done.
    pub(super) fn take(&mut self, done: Done, progress: &mut Progress) -> Option<Input> {
        match done {
            Done::Connected(side, Ok(connection)) => {
                // The connection is also reset if this process is killed before the first byte (E10).
                socket::end_by_reset(&connection);
                match side {
                    Side::Source => self.source = Some(connection),
                    Side::Destination => self.destination = Some(connection),
                }
                Some(Input::Connected(side))
            }
            Done::Connected(side, Err(error)) => Some(Input::DataFailed(side, words(&error))),
            Done::Copied(Forwarded { sha256, end, .. }) => {
                progress.stop();
                match end {
                    ForwardEnd::Whole(unclosed) => {
                        (self.unclosed, self.sha256) = (Some(unclosed), sha256);
                        Some(Input::Copied)
                    }
                    ForwardEnd::Source(error) => Some(Input::DataFailed(Side::Source, words(&error))),
                    ForwardEnd::Destination(error) => {
                        Some(Input::DataFailed(Side::Destination, words(&error)))
                    }
                    ForwardEnd::Stopped => None,
                }
            }
            Done::Closed(Ended::Broken(error)) => Some(Input::DataFailed(Side::Destination, words(&error))),
            Done::Closed(Ended::Whole | Ended::Stopped | Ended::File(_)) => None,
        }
    }

    /// Waits until the destination's connection is closed, although its server has already said that it has
    /// everything. Returns the SHA-256 of what was copied, if it was computed.
    pub(super) async fn close(mut self) -> Option<String> {
        while self.work.join_next().await.is_some() {}
        self.sha256
    }
}
