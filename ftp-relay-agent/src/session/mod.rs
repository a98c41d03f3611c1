//! One session: a task that owns a machine, its link, and every connection that it has asked for.
//!
//! ```text
//!   bytes, answers, connections, deadlines --> machine --> Send  --> link
//!                    ^                                     Event --> report
//!                    +-------------- tasks <-- perform <-- Ask
//! ```

mod direct;
mod lookups;
mod perform;
mod report;
mod shared;
mod task;
#[cfg(test)]
mod tests;
mod tunnel;

use std::net::SocketAddr;

pub use direct::upgrade;
use ftp_io::link::Link;
use ftp_io::socket::Stream;
use ftp_proto::relay::agent::{Answer, ConnId, Ticket};
use ftp_proto::relay::message::{Code, LegId};
pub use lookups::Lookups;
pub(crate) use lookups::THREADS;
pub use shared::{Holder, OwnSockets, Shared, Tickets};
pub use task::{Accepted, refuse, run};
use tokio::sync::mpsc;
use tunnel::Server;

/// The two ends of a direct connection with another agent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ends {
    /// The address of this end.
    pub local: SocketAddr,
    /// The other agent's end, as this one sees it.
    pub peer: SocketAddr,
}

impl Ends {
    /// This end, then the other one.
    const fn both(self) -> (SocketAddr, SocketAddr) {
        (self.local, self.peer)
    }
}

/// A direct connection with another agent, which has taken the place of the one through the hub.
#[derive(Debug)]
pub struct Direct {
    /// The addresses of its two ends.
    pub ends: Ends,
    /// The connection through the hub. It is not needed any more; the session ends it in order.
    pub left: Box<Link>,
}

/// Takes what the tasks of a session report. The queue has room for many reports from the beginning on, so they are
/// boxed.
type Reports = mpsc::Sender<Box<Event>>;

/// Something that a task of the session reports.
#[derive(Debug)]
enum Event {
    /// An answer to the machine's question.
    Answer(Ticket, Answer),
    /// An outgoing connection was made.
    Connected(Ticket, Server),
    /// Another agent was called and has proven the secret; over a direct connection, if there is one.
    Called(Ticket, Box<Link>, Option<Direct>),
    /// The server of a tunnel has spoken.
    Greeted {
        /// The ticket of the question.
        ticket: Ticket,
        /// The connection with the server.
        conn: ConnId,
        /// The connection itself, and what was read from it; or why the tunnel is refused.
        server: Result<Server, (Code, String)>,
    },
    /// The server of a tunnel that began with TLS has greeted.
    Opened(Ticket),
    /// A listener has accepted a connection.
    Arrived {
        /// The ticket of the listener.
        listener: Ticket,
        /// The new connection.
        stream: Stream,
        /// Its other end.
        from: SocketAddr,
    },
    /// The link of a tunnel has come.
    Attached {
        /// The ticket of the wait for it.
        ticket: Ticket,
        /// The link, after its proof.
        link: Box<Link>,
        /// Says that it is a direct connection with another agent, if it is one.
        direct: Option<Direct>,
    },
    /// Both joined connections were closed in order, and these are the digests of what has passed: from a to b, and from
    /// b to a.
    Digested {
        /// The ticket of the join.
        join: Ticket,
        /// The SHA-256 of each direction.
        sha256: [String; 2],
    },
    /// One of two joined connections was closed in order.
    HalfEof {
        /// The ticket of the join.
        join: Ticket,
        /// The connection that was closed.
        from: LegId,
        /// Bytes that it has brought.
        bytes: u64,
    },
}
