//! The data sockets of one session, for each direction: where a data connection is awaited, where
//! it is sent to, and who may be at its other end.
//!
//! ```text
//!            LSTN d (direction d)                 PASV, EPSV (both directions)
//!  Active ------------------------> Listen(d) ---------------------------------> Passive
//!    ^                                | ^                                         |  |
//!    |  ACTV PORT EPRT, idle limit    | |     LSTN d: d alone, the other stays    |  |
//!    +--------------------------------+ +-----------------------------------------+  |
//!    +-------------------------------------------------------------------------------+
//!        one data connection or one failure to get it, ACTV PORT EPRT, idle limit, ABOR
//! ```
//!
//! SOCK never changes the state: a listener takes it as filter, a direction without listener as
//! target (RFC 438 d, B24). The port that SOCK, GSOC announced is the session's own until its end:
//! PASV listens on it (D08), active connections come from it (B03, D20).

use super::ask::{Ask, ConnId, Ending, Ticket};
use super::outbox::Outbox;
use crate::command::Direction;
use crate::policy::Filter;
use crate::rendezvous::RendezvousSecret;
use crate::timer::Moment;
use std::net::SocketAddr;
use std::time::Duration;

/// All data sockets of a session.
#[derive(Debug, Default)]
pub(super) struct Sockets {
    ways: Ways,
    /// Whom an active direction connects to.
    pub(super) target: Target,
    /// The port that SOCK or GSOC announced.
    pub(super) own: Option<OwnPort>,
    /// RNDZ: the secret of the next data connection.
    pub(super) rendezvous: Option<RendezvousSecret>,
    listeners_so_far: u64,
}

/// The states of both directions.
#[derive(Debug)]
enum Ways {
    /// No PASV: each direction is active (`None`) or listens by LSTN.
    Apart { send: Option<Listener>, receive: Option<Listener> },
    /// PASV or EPSV, for both directions but one that LSTN has taken since.
    Passive { listener: Listener, except: Option<(Direction, Listener)> },
}

/// Whom an active direction connects to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Target {
    /// Nobody: a transfer command fails at once, the user's own port is never dialled.
    #[default]
    None,
    /// SOCK: from the announced port. Port 0 is a filter only (B11).
    Sock(SocketAddr),
    /// PORT, EPRT: from any port.
    Port(SocketAddr),
}

/// The session's own announced port.
#[derive(Debug)]
pub(super) struct OwnPort {
    /// Its reservation.
    pub(super) ticket: Ticket,
    /// Its number.
    pub(super) port: u16,
    /// Last use.
    pub(super) since: Moment,
}

/// What a listener listens on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Reservation {
    /// The session's own port, which outlives the listener.
    Own(Ticket),
    /// A port of the listener alone.
    Apart(Ticket),
}

/// One listening data socket.
#[derive(Debug)]
pub(super) struct Listener {
    /// The listening.
    pub(super) ticket: Ticket,
    /// Its number.
    pub(super) port: u16,
    /// What it listens on.
    pub(super) reservation: Reservation,
    /// Whom SOCK names.
    pub(super) filter: Filter,
    /// Peers that came before a transfer command, oldest first.
    pub(super) held: Vec<Held>,
    /// Strangers closed since the last data connection.
    pub(super) strangers: u32,
    /// Last use.
    pub(super) since: Moment,
    serial: u64,
}

/// A connection that waits for a transfer command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Held {
    pub(super) conn: ConnId,
    pub(super) from: SocketAddr,
    pub(super) since: Moment,
}

impl Default for Ways {
    fn default() -> Self {
        Self::Apart { send: None, receive: None }
    }
}

impl Reservation {
    pub(super) const fn ticket(self) -> Ticket {
        match self {
            Self::Own(ticket) | Self::Apart(ticket) => ticket,
        }
    }
}

impl Listener {
    /// The one that has been held longest.
    pub(super) fn take_held(&mut self) -> Option<Held> {
        (!self.held.is_empty()).then(|| self.held.remove(0))
    }

    /// Stops listening; whoever is held goes, with a reset: never an end of file.
    fn close(self, out: &mut Outbox) {
        out.ask(Ask::Unlisten(self.ticket));
        for held in self.held {
            out.ask(Ask::Drop { conn: held.conn, how: Ending::Reset });
        }
        if let Reservation::Apart(ticket) = self.reservation {
            out.ask(Ask::Release(ticket));
        }
    }
}

impl Ways {
    /// Takes both directions' own listeners and PASV's out.
    fn into_listeners(self) -> impl Iterator<Item = Listener> {
        let (a, b) = match self {
            Self::Apart { send, receive } => (send, receive),
            Self::Passive { listener, except } => (Some(listener), except.map(|(_, other)| other)),
        };
        a.into_iter().chain(b)
    }

    fn only(direction: Direction, listener: Option<Listener>) -> Self {
        match direction {
            Direction::Send => Self::Apart { send: listener, receive: None },
            Direction::Receive => Self::Apart { send: None, receive: listener },
        }
    }
}

impl Sockets {
    /// The listener that a transfer of `direction` uses; `None` when it is active.
    pub(super) const fn listener(&self, direction: Direction) -> Option<&Listener> {
        match (&self.ways, direction) {
            (Ways::Apart { send, .. }, Direction::Send) => send.as_ref(),
            (Ways::Apart { receive, .. }, Direction::Receive) => receive.as_ref(),
            (Ways::Passive { except: Some((Direction::Send, own)), .. }, Direction::Send)
            | (Ways::Passive { except: Some((Direction::Receive, own)), .. }, Direction::Receive) => {
                Some(own)
            }
            (Ways::Passive { listener, .. }, Direction::Send | Direction::Receive) => Some(listener),
        }
    }

    /// All listeners.
    pub(super) fn listeners(&self) -> impl Iterator<Item = &Listener> {
        let (a, b) = match &self.ways {
            Ways::Apart { send, receive } => (send.as_ref(), receive.as_ref()),
            Ways::Passive { listener, except } => (Some(listener), except.as_ref().map(|(_, other)| other)),
        };
        a.into_iter().chain(b)
    }

    /// All listeners, to change them.
    pub(super) fn listeners_mut(&mut self) -> impl Iterator<Item = &mut Listener> {
        let (a, b) = match &mut self.ways {
            Ways::Apart { send, receive } => (send.as_mut(), receive.as_mut()),
            Ways::Passive { listener, except } => (Some(listener), except.as_mut().map(|(_, other)| other)),
        };
        a.into_iter().chain(b)
    }

    /// The listener of this name.
    pub(super) fn find(&mut self, ticket: Ticket) -> Option<&mut Listener> {
        self.listeners_mut().find(|listener| listener.ticket == ticket)
    }

    /// The listener opened last: the one whose number SOCK shows (B24).
    pub(super) fn newest(&self) -> Option<&Listener> {
        self.listeners().max_by_key(|listener| listener.serial)
    }

    /// Whether a direction has no listener, so that SOCK is its target.
    pub(super) const fn has_active_direction(&self) -> bool {
        matches!(self.ways, Ways::Apart { send: None, .. } | Ways::Apart { receive: None, .. })
    }

    /// A new listener with nobody at it yet.
    pub(super) const fn new_listener(
        &mut self,
        ticket: Ticket,
        port: u16,
        reservation: Reservation,
        filter: Filter,
        now: Moment,
    ) -> Listener {
        self.listeners_so_far += 1;
        let serial = self.listeners_so_far;
        Listener { ticket, port, reservation, filter, held: Vec::new(), strangers: 0, since: now, serial }
    }

    /// LSTN: this direction listens here from now on, its old listener is closed (C19).
    pub(super) fn listen(&mut self, direction: Direction, new: Listener, out: &mut Outbox) {
        let (ways, old) = match (std::mem::take(&mut self.ways), direction) {
            (Ways::Apart { send, receive }, Direction::Send) => {
                (Ways::Apart { send: Some(new), receive }, send)
            }
            (Ways::Apart { send, receive }, Direction::Receive) => {
                (Ways::Apart { send, receive: Some(new) }, receive)
            }
            (Ways::Passive { listener, except: None }, _) => {
                (Ways::Passive { listener, except: Some((direction, new)) }, None)
            }
            (Ways::Passive { listener, except: Some((taken, old)) }, _) if taken == direction => {
                (Ways::Passive { listener, except: Some((direction, new)) }, Some(old))
            }
            // The second LSTN takes the last direction from PASV.
            (Ways::Passive { listener, except: Some((_, other)) }, Direction::Send) => {
                (Ways::Apart { send: Some(new), receive: Some(other) }, Some(listener))
            }
            (Ways::Passive { listener, except: Some((_, other)) }, Direction::Receive) => {
                (Ways::Apart { send: Some(other), receive: Some(new) }, Some(listener))
            }
        };
        self.ways = ways;
        if let Some(old) = old {
            old.close(out);
        }
    }

    /// PASV, EPSV: both directions listen here from now on (C25, D12).
    pub(super) fn passive(&mut self, new: Listener, out: &mut Outbox) {
        self.activate(out);
        self.ways = Ways::Passive { listener: new, except: None };
    }

    /// Both directions are active again.
    pub(super) fn activate(&mut self, out: &mut Outbox) {
        for listener in std::mem::take(&mut self.ways).into_listeners() {
            listener.close(out);
        }
    }

    /// PASV's one transfer is over, or ABOR ends the wait for it (RFC 614.1, D09, D13).
    pub(super) fn end_passive(&mut self, out: &mut Outbox) {
        match std::mem::take(&mut self.ways) {
            Ways::Passive { listener, except } => {
                listener.close(out);
                if let Some((direction, other)) = except {
                    self.ways = Ways::only(direction, Some(other));
                }
            }
            apart @ Ways::Apart { .. } => self.ways = apart,
        }
    }

    /// The port of PASV is the session's own one, which is about to be listened on again.
    pub(super) fn end_passive_on_own(&mut self, out: &mut Outbox) {
        if let Ways::Passive { listener: Listener { reservation: Reservation::Own(_), .. }, .. } = self.ways {
            self.end_passive(out);
        }
    }

    /// A connection was obtained at the listener of `direction`, or will not be: PASV was for this
    /// one, LSTN stays (C21); nobody else at it is let in (E21). Returns how many strangers came.
    pub(super) fn used(&mut self, direction: Direction, now: Moment, out: &mut Outbox) -> u32 {
        let Some(ticket) = self.listener(direction).map(|listener| listener.ticket) else { return 0 };
        let passive = self.is_passive_listener(ticket);
        let Some(listener) = self.find(ticket) else { return 0 };
        listener.since = now;
        for held in listener.held.drain(..) {
            listener.strangers = listener.strangers.saturating_add(1);
            out.ask(Ask::Drop { conn: held.conn, how: Ending::Reset });
        }
        let strangers = std::mem::take(&mut listener.strangers);
        if passive {
            self.end_passive(out);
        }
        strangers
    }

    fn is_passive_listener(&self, ticket: Ticket) -> bool {
        matches!(&self.ways, Ways::Passive { listener, .. } if listener.ticket == ticket)
    }

    /// Today's listener forgets SOCK after one data connection (extensions); PORT stays.
    pub(super) const fn forget_sock(&mut self) {
        if let Target::Sock(_) = self.target {
            self.target = Target::None;
        }
    }

    /// When the first unused allocation is closed (C22): the listeners, and the own port while
    /// nothing stands on it. A PASV whose transfer was refused for its file is as unused as a LSTN.
    pub(super) fn idle_since(&self) -> Option<Moment> {
        let own = self.own.as_ref().filter(|_| self.own_is_unused()).map(|own| own.since);
        self.listeners().map(|listener| listener.since).chain(own).min()
    }

    /// Closes what has been unused for `limit`.
    pub(super) fn close_idle(&mut self, now: Moment, limit: Duration, out: &mut Outbox) {
        let due = |listener: &Listener| now.since(listener.since) >= limit;
        let (a, b) = match &mut self.ways {
            Ways::Apart { send, receive } => (send.take_if(|l| due(l)), receive.take_if(|l| due(l))),
            Ways::Passive { except, .. } => {
                (except.take_if(|(_, other)| due(other)).map(|(_, other)| other), None)
            }
        };
        for listener in a.into_iter().chain(b) {
            listener.close(out);
        }
        if matches!(&self.ways, Ways::Passive { listener, .. } if due(listener)) {
            self.end_passive(out);
        }
        let unused = self.own_is_unused();
        if let Some(own) = self.own.take_if(|own| unused && now.since(own.since) >= limit) {
            out.ask(Ask::Release(own.ticket));
        }
    }

    fn own_is_unused(&self) -> bool {
        let listens = self.listeners().any(|listener| matches!(listener.reservation, Reservation::Own(_)));
        !listens && !matches!(self.target, Target::Sock(_))
    }

    /// USER, REIN: as after the greeting (A22, A23).
    pub(super) fn reset(&mut self, out: &mut Outbox) {
        self.activate(out);
        if let Some(own) = self.own.take() {
            out.ask(Ask::Release(own.ticket));
        }
        *self = Self { listeners_so_far: self.listeners_so_far, ..Self::default() };
    }
}
