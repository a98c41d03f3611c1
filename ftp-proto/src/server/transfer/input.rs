//! What can happen to a transfer.

use crate::server::ask::{Answer, ConnId, Ticket};
use crate::server::timer::Timer;
use std::net::SocketAddr;

/// What can happen to a transfer.
#[derive(Debug)]
pub(in crate::server) enum Input<'a> {
    /// The driver has answered a question.
    Answer(Ticket, Answer),
    /// A connection has arrived at the listener that the transfer waits at.
    Arrived { conn: ConnId, from: SocketAddr },
    /// Bytes of a connection that proves itself.
    Data { conn: ConnId, bytes: &'a [u8] },
    /// A connection that proves itself has ended.
    Lost(ConnId),
    /// A timer of the transfer has fired.
    Fired(Timer),
    /// The client has sent STAT.
    Status,
    /// The client has sent ABOR.
    Abort,
    /// The client has ended the control connection.
    HungUp,
    /// The session is over for its client.
    SessionEnds,
    /// Others need the data port that the transfer waits at.
    PortNeeded,
}
