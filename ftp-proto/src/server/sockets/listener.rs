//! One listening data socket and the connections that wait at it, and the data connections that MODE B leaves open between two
//! files (RFC 959 3.4.2, E12).
//!
//! A kept connection serves the direction for which it was opened, and stays proven for that direction. The peer may
//! have begun to send its next file before the command for it has come, so a transfer command that fails closes
//! the connection of its direction: no file may get the bytes of another one.

use super::Each;
use crate::address::Group;
use crate::command::{Direction, Verb};
use crate::fair::{Bounds, Fair};
use crate::policy::{Evidence, Filter, Grant};
use crate::server::ask::{Ask, ConnId, DataTls, Ending, Handshake, Ticket};
use crate::server::outbox::Outbox;
use crate::timer::Moment;
use std::net::SocketAddr;
use std::time::Duration;

/// A listening data socket.
#[derive(Debug)]
pub(crate) struct Listener {
    /// The ticket of [`Ask::Listen`].
    pub(crate) ticket: Ticket,
    /// The port that it listens on.
    pub(crate) port: u16,
    /// The reservation of that port.
    pub(crate) reservation: Reservation,
    /// Whom SOCK named, for each direction that the listener serves.
    pub(crate) filters: Each<Filter>,
    /// The connections that came before a transfer command.
    pub(crate) held: Fair<Group, HeldConnection>,
    /// The last connection on which TLS could not begin before a transfer command. It is closed.
    pub(crate) unsecured: Option<(ConnId, SocketAddr)>,
    /// How many strangers were closed since the last data connection.
    pub(crate) strangers: u32,
    /// Whether CPSV opened it: this server is the TLS client of its connection.
    pub(crate) tls_client: bool,
    /// When it was used last.
    pub(crate) since: Moment,
    /// Later listeners have higher numbers.
    pub(crate) serial: u64,
}

/// The reservation of a listener's port.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Reservation {
    /// The session's own port, which outlives the listener.
    Own(Ticket),
    /// A port that was reserved for this listener alone.
    Apart(Ticket),
}

impl Reservation {
    pub(crate) const fn ticket(self) -> Ticket {
        match self {
            Self::Own(ticket) | Self::Apart(ticket) => ticket,
        }
    }
}

/// A connection that waits for a transfer command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct HeldConnection {
    pub(crate) conn: ConnId,
    pub(crate) from: SocketAddr,
    pub(crate) since: Moment,
    /// How far TLS is on it.
    pub(crate) tls: HeldTls,
}

/// TLS of a connection that waits for a transfer command. Some clients begin it before they send that, and
/// wait for its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum HeldTls {
    /// It is in clear.
    Clear,
    /// The handshake of TLS is under way.
    Securing(Ticket, DataTls),
    /// TLS has begun.
    Secured(DataTls, Handshake),
}

impl Listener {
    /// Whether it listens on the session's own port.
    pub(crate) const fn is_on_own_port(&self) -> bool {
        matches!(self.reservation, Reservation::Own(_))
    }

    /// Takes out the connection that has been held longest.
    pub(crate) fn take_held(&mut self) -> Option<HeldConnection> {
        self.held.take_oldest()
    }

    /// Since when the oldest connection has been held.
    pub(crate) fn held_since(&self) -> Option<Moment> {
        self.held.iter().map(|(_, held)| held.since).min()
    }

    /// Holds a connection until a transfer command needs it. Returns the one that is a stranger instead, if
    /// there is no place for both.
    pub(crate) fn hold(&mut self, bounds: Bounds, held: HeldConnection) -> Option<HeldConnection> {
        match self.held.admit(bounds, Group::of(held.from.ip()), held, |_, _| false) {
            Ok((_, displaced)) => displaced,
            Err(held) => Some(held),
        }
    }

    /// Counts one more stranger.
    pub(crate) const fn count_stranger(&mut self) {
        self.strangers = self.strangers.saturating_add(1);
    }

    /// Stops listening. The held connections are reset: that is never the end of a file.
    pub(crate) fn close(mut self, out: &mut Outbox) {
        out.ask(Ask::Unlisten(self.ticket));
        for held in self.held.take_all() {
            out.reset(held.conn);
        }
        if let Reservation::Apart(ticket) = self.reservation {
            out.ask(Ask::Release(ticket));
        }
    }
}

/// A data connection that has carried a whole file, and stays open.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct ReusedConnection {
    pub(crate) conn: ConnId,
    pub(crate) address: SocketAddr,
    /// The terms on which policy allowed it.
    pub(crate) grant: Grant,
    /// What has shown that its other end takes part.
    pub(crate) evidence: Evidence,
    /// Since when no file uses it.
    pub(crate) since: Moment,
}

/// The data connections that a session keeps: at most one for each direction.
#[derive(Debug, Default)]
pub(crate) struct KeptConnections(Each<Option<ReusedConnection>>);

impl KeptConnections {
    /// Keeps a connection for the next file of `direction`. It takes the place of another one.
    pub(crate) fn keep(&mut self, direction: Direction, kept: ReusedConnection, out: &mut Outbox) {
        self.close(direction, out);
        *self.0.of_mut(direction) = Some(kept);
    }

    /// Takes the connection of `direction` out, if `may` says that it may be used.
    pub(crate) fn take(
        &mut self,
        direction: Direction,
        may: impl FnOnce(&ReusedConnection) -> bool,
    ) -> Option<ReusedConnection> {
        self.0.of_mut(direction).take_if(|kept| may(kept))
    }

    /// The connection of `direction`.
    pub(crate) const fn get(&self, direction: Direction) -> Option<&ReusedConnection> {
        self.0.of(direction).as_ref()
    }

    /// Closes the connection of `direction`.
    pub(crate) fn close(&mut self, direction: Direction, out: &mut Outbox) {
        self.close_if(out, |of, _| of == direction);
    }

    /// Closes both connections. Returns whether there was one.
    pub(crate) fn close_all(&mut self, out: &mut Outbox) -> bool {
        self.close_if(out, |_, _| true)
    }

    /// Closes those that no file has used for `limit`.
    pub(crate) fn close_old(&mut self, now: Moment, limit: Duration, out: &mut Outbox) {
        self.close_if(out, |_, kept| now.since(kept.since) >= limit);
    }

    /// The other end of `conn` has ended it. Returns whether that is a connection which is kept.
    pub(crate) fn lost(&mut self, conn: ConnId, out: &mut Outbox) -> bool {
        self.close_if(out, |_, kept| kept.conn == conn)
    }

    /// Since when the one that has waited longest has not been used.
    pub(crate) fn since(&self) -> Option<Moment> {
        self.0.iter().map(|kept| kept.since).min()
    }

    /// The session has ended, and its driver closes what it holds.
    pub(crate) fn forget(&mut self) {
        *self = Self::default();
    }

    /// Closes, in order, those that are meant: between two files, that is never the end of one.
    fn close_if(&mut self, out: &mut Outbox, meant: impl Fn(Direction, &ReusedConnection) -> bool) -> bool {
        let mut closed = false;
        for direction in Direction::BOTH {
            if let Some(kept) = self.0.of_mut(direction).take_if(|kept| meant(direction, kept)) {
                out.ask(Ask::Drop { conn: kept.conn, how: Ending::Close });
                closed = true;
            }
        }
        closed
    }
}

/// Whether the command closes what is kept, before its reply (B13, extensions "RNDZ"): it says what the next
/// data connection is, or how its bytes travel.
pub(crate) const fn is_closed_by(verb: Verb) -> bool {
    use Verb::{Auth, Byte, Mode, Pinc, Prob, Prot, Rein, Rndz, Sscn, Stru, User};
    use Verb::{Cpsv, Eprt, Epsv, Lstn, Pasv, Port, Sock};
    matches!(verb, Rndz | Pinc | Prot | Sscn | Sock | Port | Eprt | Pasv | Epsv | Cpsv | Lstn)
        || matches!(verb, Prob | Mode | Stru | Byte | User | Rein | Auth)
}
