//! One listening data socket, and the connections that wait at it.

use super::gender::Each;
use crate::address::Group;
use crate::fair::{Bounds, Fair};
use crate::policy::Filter;
use crate::server::ask::{Ask, ConnId, DataTls, Handshake, Ticket};
use crate::server::outbox::Outbox;
use crate::timer::Moment;
use std::net::SocketAddr;

/// A listening data socket.
#[derive(Debug)]
pub(in crate::server) struct Listener {
    /// The ticket of [`Ask::Listen`].
    pub(in crate::server) ticket: Ticket,
    /// The port that it listens on.
    pub(in crate::server) port: u16,
    /// The reservation of that port.
    pub(in crate::server) reservation: Reservation,
    /// Whom SOCK named, for each direction that the listener serves.
    pub(in crate::server) filters: Each<Filter>,
    /// The connections that came before a transfer command.
    pub(in crate::server) held: Fair<Group, Held>,
    /// The last connection on which TLS could not begin before a transfer command. It is closed.
    pub(in crate::server) unsecured: Option<(ConnId, SocketAddr)>,
    /// How many strangers were closed since the last data connection.
    pub(in crate::server) strangers: u32,
    /// Whether CPSV opened it: this server is the TLS client of its connection.
    pub(in crate::server) tls_client: bool,
    /// When it was used last.
    pub(in crate::server) since: Moment,
    /// Later listeners have higher numbers.
    pub(in crate::server) serial: u64,
}

/// The reservation of a listener's port.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::server) enum Reservation {
    /// The session's own port, which outlives the listener.
    Own(Ticket),
    /// A port that was reserved for this listener alone.
    Apart(Ticket),
}

impl Reservation {
    pub(in crate::server) const fn ticket(self) -> Ticket {
        match self {
            Self::Own(ticket) | Self::Apart(ticket) => ticket,
        }
    }
}

/// A connection that waits for a transfer command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::server) struct Held {
    pub(in crate::server) conn: ConnId,
    pub(in crate::server) from: SocketAddr,
    pub(in crate::server) since: Moment,
    /// How far TLS is on it.
    pub(in crate::server) tls: HeldTls,
}

/// TLS of a connection that waits for a transfer command. Some clients begin it before they send that, and
/// wait for its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::server) enum HeldTls {
    /// It is in clear.
    Clear,
    /// The handshake of TLS is under way.
    Securing(Ticket, DataTls),
    /// TLS has begun.
    Secured(DataTls, Handshake),
}

impl Listener {
    /// Whether it listens on the session's own port.
    pub(in crate::server) const fn is_on_own_port(&self) -> bool {
        matches!(self.reservation, Reservation::Own(_))
    }

    /// Takes out the connection that has been held longest.
    pub(in crate::server) fn take_held(&mut self) -> Option<Held> {
        self.held.take_oldest()
    }

    /// Since when the oldest connection has been held.
    pub(in crate::server) fn held_since(&self) -> Option<Moment> {
        self.held.iter().map(|(_, held)| held.since).min()
    }

    /// Holds a connection until a transfer command needs it. Returns the one that is a stranger instead, if
    /// there is no place for both.
    pub(in crate::server) fn hold(&mut self, bounds: Bounds, held: Held) -> Option<Held> {
        match self.held.admit(bounds, Group::of(held.from.ip()), held, |_, _| false) {
            Ok((_, displaced)) => displaced,
            Err(held) => Some(held),
        }
    }

    /// Counts one more stranger.
    pub(in crate::server) const fn count_stranger(&mut self) {
        self.strangers = self.strangers.saturating_add(1);
    }

    /// Stops listening. The held connections are reset: that is never the end of a file.
    pub(in crate::server) fn close(mut self, out: &mut Outbox) {
        out.ask(Ask::Unlisten(self.ticket));
        for held in self.held.take_all() {
            out.reset(held.conn);
        }
        if let Reservation::Apart(ticket) = self.reservation {
            out.ask(Ask::Release(ticket));
        }
    }
}
