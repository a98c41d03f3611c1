//! The data sockets of one session: for each direction, the listener of a passive end or the target
//! of an active one.
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
//! SOCK never changes the state: a listener takes it as its filter, and a direction without a
//! listener takes it as its target (RFC 438 d, B24). The port that SOCK or GSOC announced belongs to
//! the session until its end: PASV listens on it (D08), and active connections come from it (B03, D20).

pub(crate) mod listener;

use super::ask::{Ask, Ticket};
use super::outbox::Outbox;
use crate::address::Parity;
use crate::command::Direction;
use crate::dialect::Dialect;
use crate::fair::Fair;
use crate::policy::{Evidence, Filter};
use crate::rendezvous::RendezvousSecret;
use crate::timer::Moment;
use listener::{KeptConnections, Listener, Reservation};
use std::net::SocketAddr;
use std::time::Duration;

/// All data sockets of a session.
#[derive(Debug, Default)]
pub(crate) struct Sockets {
    gender: Gender,
    listening: Listeners,
    /// What each direction connects to while it is active.
    pub(crate) targets: Each<Target>,
    /// The port that SOCK or GSOC announced.
    pub(crate) own: Option<OwnPort>,
    /// Whether an active end also listens on the port from which it connects (RSYM).
    pub(crate) symmetric: bool,
    /// The secret that RNDZ gave for the next data connection.
    pub(crate) rendezvous: Option<RendezvousSecret>,
    /// A secret was used up, and no command has named the next data connection since. A client that sends commands
    /// ahead relies on the proof, so a new connection needs a new secret.
    pub(crate) secret_spent: bool,
    /// What MODE B has kept after a file.
    pub(crate) kept: KeptConnections,
    listeners_so_far: u64,
}

/// Where each direction listens.
#[derive(Debug, Default)]
struct Listeners {
    /// By PASV or EPSV: for both directions, except the one that a later LSTN has taken.
    passive: Option<Box<Listener>>,
    /// By LSTN: each direction. One that listens nowhere is active.
    apart: Each<Option<Box<Listener>>>,
}

/// What an active direction connects to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Target {
    /// Nothing: a transfer command fails at once. The client's control port is never the target.
    #[default]
    None,
    /// What SOCK named; connections come from the announced port. Port 0 is only a filter (B11).
    Sock(SocketAddr),
    /// What PORT or EPRT named; connections come from any port.
    Port(SocketAddr),
}

/// The session's own announced port; with strict gender two of them.
#[derive(Debug)]
pub(crate) struct OwnPort {
    /// The reservation of the port.
    pub(crate) ticket: Ticket,
    /// The port's number.
    pub(crate) port: u16,
    /// The reservation of the port with the next number, from which this server sends if gender is
    /// strict.
    pub(crate) sender: Option<Ticket>,
    /// When it was used last.
    pub(crate) since: Moment,
}

impl OwnPort {
    /// The reservation of the port from which this server connects.
    pub(crate) fn reservation(&self, direction: Direction) -> Ticket {
        self.sender.filter(|_| direction == Direction::Send).unwrap_or(self.ticket)
    }

    /// The number of that port.
    pub(crate) fn port_of(&self, direction: Direction) -> u16 {
        if self.reservation(direction) == self.ticket { self.port } else { self.port.saturating_add(1) }
    }

    fn release(self, out: &mut Outbox) {
        for ticket in std::iter::once(self.ticket).chain(self.sender) {
            out.ask(Ask::Release(ticket));
        }
    }
}

impl Sockets {
    /// The sockets of a session that has none yet.
    pub(crate) fn new(gender: Gender) -> Self {
        Self { gender, ..Self::default() }
    }

    /// What will show that the peer of the next data connection takes part in its transfer.
    pub(crate) const fn evidence(&self) -> Evidence {
        if self.rendezvous.is_some() { Evidence::Rendezvous } else { Evidence::None }
    }

    /// The listener that a transfer of `direction` uses; `None` if that direction is active.
    pub(crate) fn listener(&self, direction: Direction) -> Option<&Listener> {
        let Listeners { passive, apart } = &self.listening;
        apart.of(direction).as_deref().or(passive.as_deref())
    }

    /// Returns every listener of the session.
    pub(crate) fn listeners(&self) -> impl Iterator<Item = &Listener> {
        self.listening.passive.iter().chain(self.listening.apart.iter()).map(Box::as_ref)
    }

    /// Every listener, to change it.
    pub(crate) fn listeners_mut(&mut self) -> impl Iterator<Item = &mut Listener> {
        self.listening.passive.iter_mut().chain(self.listening.apart.iter_mut()).map(Box::as_mut)
    }

    /// The listener with this ticket.
    pub(crate) fn find(&mut self, ticket: Ticket) -> Option<&mut Listener> {
        self.listeners_mut().find(|listener| listener.ticket == ticket)
    }

    /// Which peers the listener with this ticket accepts for a transfer of `direction`; none if it does not
    /// serve that direction.
    pub(crate) fn filter(&self, ticket: Ticket, direction: Direction) -> Filter {
        let listener = self.listener(direction).filter(|listener| listener.ticket == ticket);
        listener.map_or(Filter::Nobody, |listener| *listener.filters.of(direction))
    }

    /// Whom the listener with this ticket accepts while it is not known yet which transfer comes: what one
    /// of these lets in may be the peer.
    pub(crate) fn filters(&self, ticket: Ticket) -> Vec<Filter> {
        let serves = |direction: &Direction| self.listener(*direction).is_some_and(|l| l.ticket == ticket);
        let directions = Direction::BOTH.into_iter().filter(serves);
        let mut filters: Vec<Filter> = directions.map(|direction| self.filter(ticket, direction)).collect();
        filters.dedup();
        filters
    }

    /// SOCK named whom the listener of `direction` accepts, if there is one.
    pub(crate) fn set_filter(&mut self, direction: Direction, filter: Filter) {
        let Some(ticket) = self.listener(direction).map(|listener| listener.ticket) else { return };
        if let Some(listener) = self.find(ticket) {
            *listener.filters.of_mut(direction) = filter;
        }
    }

    /// The listener that was opened last; SOCK shows its port (B24).
    pub(crate) fn newest(&self) -> Option<&Listener> {
        self.listeners().max_by_key(|listener| listener.serial)
    }

    /// The directions in which a foreign socket with this number can be used.
    pub(crate) fn directions(&self, foreign: u16) -> impl Iterator<Item = Direction> + use<> {
        self.gender.directions(foreign)
    }

    /// The same among the listeners of the directions in which a foreign socket with this number can be
    /// used.
    pub(crate) fn newest_for(&self, foreign: u16) -> Option<&Listener> {
        let listeners = self.directions(foreign).filter_map(|direction| self.listener(direction));
        listeners.max_by_key(|listener| listener.serial)
    }

    /// A new listener that holds no connection yet.
    pub(crate) fn new_listener(
        &mut self,
        (ticket, port): (Ticket, u16),
        reservation: Reservation,
        filters: Each<Filter>,
        now: Moment,
    ) -> Listener {
        self.listeners_so_far += 1;
        let serial = self.listeners_so_far;
        Listener {
            ticket,
            port,
            reservation,
            filters,
            held: Fair::new(),
            unsecured: None,
            strangers: 0,
            tls_client: false,
            since: now,
            serial,
        }
    }

    /// LSTN: `direction` uses `new` from now on, and its old listener is closed (C19).
    pub(crate) fn listen(&mut self, direction: Direction, new: Listener, out: &mut Outbox) {
        let Listeners { passive, apart } = &mut self.listening;
        let old = apart.of_mut(direction).replace(Box::new(new));
        // The second LSTN takes the last direction from PASV.
        let unused = passive.take_if(|_| apart.iter().count() == 2);
        for listener in old.into_iter().chain(unused) {
            listener.close(out);
        }
    }

    /// PASV or EPSV: both directions use `new` from now on (C25, D12).
    pub(crate) fn passive(&mut self, new: Listener, out: &mut Outbox) {
        self.activate(out);
        self.listening.passive = Some(Box::new(new));
    }

    /// Closes every listener: both directions are active again.
    pub(crate) fn activate(&mut self, out: &mut Outbox) {
        self.end_passive(out);
        for direction in Direction::BOTH {
            if let Some(listener) = self.listening.apart.of_mut(direction).take() {
                listener.close(out);
            }
        }
    }

    /// Closes PASV's listener: it served its one transfer, or ABOR ended the wait (RFC 614.1, D09, D13).
    pub(crate) fn end_passive(&mut self, out: &mut Outbox) {
        if let Some(listener) = self.listening.passive.take() {
            listener.close(out);
        }
    }

    /// Closes PASV's listener if it is on the session's own port, so that the port can be listened on again.
    pub(crate) fn end_passive_on_own(&mut self, out: &mut Outbox) {
        if self.listening.passive.as_ref().is_some_and(|listener| listener.is_on_own_port()) {
            self.end_passive(out);
        }
    }

    /// A transfer of `direction` has got its data connection, or has failed to get one. RNDZ, PASV and
    /// today's SOCK were for this connection only; LSTN stays (C21), and no other connection that waits at it
    /// gets in (E21). Returns how many strangers came.
    ///
    /// SOCK is used up by a failure as well: when a coordinator tries another path, an old SOCK must
    /// not filter its next PASV.
    pub(crate) fn use_up(
        &mut self,
        direction: Direction,
        dialect: Dialect,
        now: Moment,
        out: &mut Outbox,
    ) -> u32 {
        let strangers = self.use_listener_up(direction, now, out);
        self.secret_spent |= self.rendezvous.take().is_some();
        if dialect == Dialect::Rfc959 {
            match self.gender {
                Gender::Off => self.forget_sock(), // B12
                Gender::Strict => self.forget_sock_of(direction),
            }
        }
        let is_unused = self.own_is_unused();
        if let Some(own) = self.own.take_if(|_| self.symmetric && is_unused) {
            // Another connection between the same two sockets would meet what is left of this one: its state at this end,
            // and in the firewalls between.
            own.release(out);
        }
        if let Some(own) = &mut self.own {
            own.since = now;
        }
        strangers
    }

    fn use_listener_up(&mut self, direction: Direction, now: Moment, out: &mut Outbox) -> u32 {
        let Some(ticket) = self.listener(direction).map(|listener| listener.ticket) else { return 0 };
        let passive = self.is_passive(ticket);
        let Some(listener) = self.find(ticket) else { return 0 };
        listener.since = now;
        listener.unsecured = None;
        while let Some(held) = listener.take_held() {
            listener.count_stranger();
            out.reset(held.conn);
        }
        let strangers = std::mem::take(&mut listener.strangers);
        if passive {
            self.end_passive(out);
        }
        strangers
    }

    /// Whether PASV or EPSV has opened the listener with this ticket.
    pub(crate) fn is_passive(&self, ticket: Ticket) -> bool {
        self.listening.passive.as_ref().is_some_and(|listener| listener.ticket == ticket)
    }

    /// Forgets what SOCK named; PORT stays.
    pub(crate) fn forget_sock(&mut self) {
        Direction::BOTH.into_iter().for_each(|direction| self.forget_sock_of(direction));
    }

    const fn forget_sock_of(&mut self, direction: Direction) {
        let target = self.targets.of_mut(direction);
        if let Target::Sock(_) = target {
            *target = Target::None;
        }
    }

    /// Since when the oldest unused socket has been unused (C22): a listener, or the session's own
    /// port while nothing needs it. A PASV whose transfer failed on its file is as unused as a LSTN.
    pub(crate) fn idle_since(&self) -> Option<Moment> {
        let own = self.own.as_ref().filter(|_| self.own_is_unused()).map(|own| own.since);
        self.listeners().map(|listener| listener.since).chain(own).min()
    }

    /// Closes every socket that has been unused for `limit`.
    pub(crate) fn close_idle(&mut self, now: Moment, limit: Duration, out: &mut Outbox) {
        let due = |listener: &Listener| now.since(listener.since) >= limit;
        let Listeners { passive, apart: Each { send, receive } } = &mut self.listening;
        for listener in [send, receive, passive].into_iter().filter_map(|of| of.take_if(|of| due(of))) {
            listener.close(out);
        }
        let unused = self.own_is_unused();
        if let Some(own) = self.own.take_if(|own| unused && now.since(own.since) >= limit) {
            own.release(out);
        }
    }

    fn own_is_unused(&self) -> bool {
        let listens = self.listeners().any(Listener::is_on_own_port);
        let connects = |direction| matches!(self.targets.of(direction), Target::Sock(_));
        !listens && !Direction::BOTH.into_iter().any(connects)
    }

    /// Gives every port back: both directions are active again, and nothing is left of SOCK.
    pub(crate) fn give_ports_up(&mut self, out: &mut Outbox) {
        self.activate(out);
        self.forget_sock();
        if let Some(own) = self.own.take() {
            own.release(out);
        }
    }

    /// USER and REIN: back to the state after the greeting (A22, A23).
    pub(crate) fn reset(&mut self, out: &mut Outbox) {
        self.kept.close_all(out);
        self.activate(out);
        if let Some(own) = self.own.take() {
            own.release(out);
        }
        *self = Self { listeners_so_far: self.listeners_so_far, ..Self::new(self.gender) };
    }
}

/// Whether the number of a socket says in which direction it is used.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Gender {
    /// It does not: one SOCK serves both directions. Nothing on TCP depends on it.
    #[default]
    Off,
    /// It does, as RFC 354 has it: odd sockets send, even ones receive, and SOCK has two values.
    Strict,
}

impl Gender {
    /// The directions, seen from this server, in which a foreign socket can be used. Port 0 is every port of
    /// its host.
    pub(crate) fn directions(self, foreign: u16) -> impl Iterator<Item = Direction> {
        Direction::BOTH.into_iter().filter(move |direction| match (self, direction) {
            (Self::Off, _) => true,
            (Self::Strict, _) if foreign == 0 => true,
            (Self::Strict, Direction::Send) => Parity::Even.allows(foreign),
            (Self::Strict, Direction::Receive) => Parity::Odd.allows(foreign),
        })
    }

    /// The numbers that a socket of this server may have.
    pub(crate) const fn own(self, direction: Direction) -> Parity {
        match (self, direction) {
            (Self::Off, _) => Parity::Any,
            (Self::Strict, Direction::Send) => Parity::Odd,
            (Self::Strict, Direction::Receive) => Parity::Even,
        }
    }
}

/// A value for each direction of the data.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Each<T> {
    send: T,
    receive: T,
}

impl<T> Each<T> {
    /// The value for `direction`.
    pub(crate) const fn of(&self, direction: Direction) -> &T {
        match direction {
            Direction::Send => &self.send,
            Direction::Receive => &self.receive,
        }
    }

    /// The value for `direction`, to change it.
    pub(crate) const fn of_mut(&mut self, direction: Direction) -> &mut T {
        match direction {
            Direction::Send => &mut self.send,
            Direction::Receive => &mut self.receive,
        }
    }
}

impl<T: Copy> Each<T> {
    /// The same value for both directions.
    pub(crate) const fn both(value: T) -> Self {
        Self { send: value, receive: value }
    }
}

impl<T> Each<Option<T>> {
    /// What there is.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.send.iter().chain(&self.receive)
    }

    /// What there is, to change it.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.send.iter_mut().chain(&mut self.receive)
    }
}
