//! What the tasks of a session report to it.

use std::net::SocketAddr;

use ftp_io::link::Link;
use ftp_proto::relay::agent::{Answer, Ticket};
use ftp_proto::relay::message::LegId;
use tokio::net::TcpStream;

/// Something that a task of the session reports.
#[derive(Debug)]
pub(super) enum Event {
    /// An answer to the machine's question.
    Answer(Ticket, Answer),
    /// An outgoing connection was made.
    Connected(Ticket, TcpStream),
    /// A listener has accepted a connection.
    Arrived {
        /// The ticket of the listener.
        listener: Ticket,
        /// The new connection.
        stream: TcpStream,
        /// Its other end.
        from: SocketAddr,
    },
    /// The link of a tunnel has come.
    Attached {
        /// The ticket of the wait for it.
        ticket: Ticket,
        /// The link, after its proof.
        link: Box<Link>,
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
