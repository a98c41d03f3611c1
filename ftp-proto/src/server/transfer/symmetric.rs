//! Symmetric opening (RSYM): both ends listen on the port from which they connect, so that the one whose SYN
//! comes first is accepted, and two SYNs that cross open one connection (RFC 9293 3.5, G02).
//!
//! All attempts of both ends have the same two sockets, so there is never more than one connection between
//! them: whichever way it opened, it is the one.

use crate::policy::{self, Filter};
use crate::server::ask::{Ask, ConnId, Event, Ticket};
use crate::server::context::Context;
use std::net::SocketAddr;

/// The half of a symmetric opening that listens. The other half connects.
#[derive(Debug)]
pub(super) struct SymmetricListener {
    listener: Ticket,
    peer: SocketAddr,
    strangers: u32,
}

impl SymmetricListener {
    /// Asks the driver to listen on a reserved port for `peer` alone.
    pub(super) fn begin(cx: &mut Context, reservation: Ticket, peer: SocketAddr) -> Self {
        let listener = cx.out.ticket();
        cx.out.ask(Ask::Listen { ticket: listener, reservation, connects: true });
        Self { listener, peer, strangers: 0 }
    }

    /// Whether `ticket` is that of the listener.
    pub(super) fn awaits(&self, ticket: Ticket) -> bool {
        self.listener == ticket
    }

    /// Whether a connection that has arrived comes from the peer's own socket.
    pub(super) fn is_peer(&self, cx: &Context, from: SocketAddr) -> bool {
        let (filter, evidence) = (Filter::Socket(self.peer), cx.sockets.evidence());
        cx.decide(&policy::Ask::Arrival { from, filter, evidence }).is_ok()
    }

    /// Closes a stranger at once and counts it (G04).
    pub(super) fn stranger(&mut self, cx: &mut Context, conn: ConnId, from: SocketAddr) {
        cx.out.reset(conn);
        cx.out.event(Event::Stranger { from });
        self.strangers = self.strangers.saturating_add(1);
    }

    /// Stops listening. Returns how many strangers came.
    pub(super) fn end(self, cx: &mut Context) -> u32 {
        cx.out.ask(Ask::Unlisten(self.listener));
        self.strangers
    }
}
