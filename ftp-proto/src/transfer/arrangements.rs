//! How a server and this host open a data connection: which of them listens, and by which command the server is
//! told. Pure: what is known goes in, and the arrangements come out, best first.
//!
//! The server listens first, because a host of a user seldom can be reached. If the server refuses that, or its port
//! cannot be reached, this host listens and the server connects (RFC 959 section 3.2, RFC 2428 section 2, RFC 354).
//! For a server that only a relay reaches, the relay connects and listens in the place of this host.

use super::request::{Opening, Party, Posture};
use crate::address::{Family, SockTarget};
use crate::command::{Command, Direction, Epsv};
use crate::dialect::Dialect;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

/// One arrangement to open a data connection between a server and this host.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Arrangement {
    /// The server listens after this command, and this host connects.
    Passive(Opening),
    /// This host listens, and the server is told where by this command.
    Active(ActiveCommand),
}

impl Arrangement {
    /// The command that prepares the server. `here` is where this host listens, if it does. `None` if this one needs
    /// that and it is not known, or is of another address family.
    pub fn command(self, direction: Direction, here: Option<SocketAddr>) -> Option<Command> {
        match self {
            Self::Passive(Opening::Lstn) => Some(Command::Lstn(direction)),
            Self::Passive(Opening::Pasv) => Some(Command::Pasv),
            Self::Passive(Opening::Epsv) => Some(Command::Epsv(Epsv::Same)),
            Self::Passive(Opening::Symmetric) => None,
            Self::Active(target) => target.command(here?),
        }
    }

    /// What the server does.
    pub const fn posture(self) -> Posture {
        match self {
            Self::Passive(_) => Posture::Passive,
            Self::Active(_) => Posture::Active,
        }
    }
}

/// The command that tells a server where to connect.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ActiveCommand {
    /// PORT (RFC 959), for IPv4.
    Port,
    /// EPRT (RFC 2428).
    Eprt,
    /// SOCK (RFC 354).
    Sock,
}

impl ActiveCommand {
    /// The command itself, if it can carry `at`.
    const fn command(self, at: SocketAddr) -> Option<Command> {
        match (self, at) {
            (Self::Port, SocketAddr::V4(at)) => Some(Command::Port(at)),
            (Self::Port, SocketAddr::V6(_)) => None,
            (Self::Eprt, at) => Some(Command::Eprt(at)),
            (Self::Sock, at) => Some(Command::Sock(SockTarget { host: Some(at.ip()), port: at.port() })),
        }
    }
}

/// Who listens for a server that is to connect.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Listener {
    /// Nobody. Another host carries the control connection, so the server would take this host for a stranger.
    Nobody,
    /// This host listens.
    Here,
    /// The relay that carries the control connection. It connects to the server as well, if that listens.
    Relay,
}

/// What is known of the data connections between a server and this host.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct KnownPostures {
    /// Who listens, if the server is to connect.
    pub listener: Listener,
    /// The posture of the server in which no data connection came about. The other one is tried first.
    pub closed: Option<Posture>,
}

impl Default for KnownPostures {
    /// Nothing is known, and this host may listen.
    fn default() -> Self {
        Self { listener: Listener::Here, closed: None }
    }
}

/// Why an arrangement has failed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Fault {
    /// The server does not take its command. Another command may do.
    Refused,
    /// No connection came about. Other commands of the same posture do not help.
    NoConnection,
}

/// The arrangements that are left for one data connection.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Arrangements {
    known: KnownPostures,
    current: Option<Arrangement>,
    left: VecDeque<Arrangement>,
}

impl Arrangements {
    /// All arrangements with a server, best first, each in the address family of its control connection (I07).
    pub fn new(party: &Party, known: KnownPostures) -> Self {
        let passive = openings(party).into_iter().map(Arrangement::Passive);
        let listens = known.listener != Listener::Nobody;
        let active = targets(party).iter().copied().map(Arrangement::Active).filter(|_| listens);
        let mut left: VecDeque<Arrangement> = passive.chain(active).collect();
        let closed = |arrangement: &Arrangement| Some(arrangement.posture()) == known.closed;
        left.make_contiguous().sort_by_key(closed);
        Self { known, current: left.pop_front(), left }
    }

    /// The arrangement to try now. `None` if none is left.
    pub const fn current(&self) -> Option<Arrangement> {
        self.current
    }

    /// The arrangement after the current one, which has failed.
    pub fn after(&mut self, fault: Fault) -> Option<Arrangement> {
        let failed = self.current.map(Arrangement::posture);
        if fault == Fault::NoConnection {
            self.left.retain(|arrangement| Some(arrangement.posture()) != failed);
        }
        self.current = self.left.pop_front();
        // If the other posture was tried before, both are closed, and the next attempt begins anew.
        if self.current.map(Arrangement::posture) != failed {
            self.known.closed = failed.filter(|_| self.current.is_some());
        }
        self.current
    }

    /// Whether the other posture is left.
    pub fn has_other(&self) -> bool {
        let now = self.current.map(Arrangement::posture);
        self.left.iter().any(|arrangement| Some(arrangement.posture()) != now)
    }

    /// How long to wait until a server that listens is reached, if it may take `limit` at most. The control
    /// connection has shown that packets reach the host; so if the other posture is left, silence soon means that
    /// the port is closed. A relay needs several round trips before it is silent, and says itself what it has found.
    pub fn patience(&self, limit: Duration) -> Duration {
        match self.known.listener {
            Listener::Here if self.has_other() => limit.min(SILENT_PORT),
            Listener::Here | Listener::Relay | Listener::Nobody => limit,
        }
    }

    /// What is known now.
    pub const fn known(&self) -> KnownPostures {
        self.known
    }
}

/// The commands after which a server listens, best first.
pub(super) fn openings(party: &Party) -> VecDeque<Opening> {
    let v4 = Family::of(party.address) == Family::V4;
    let able = &party.capabilities;
    match party.dialect {
        Dialect::Rfc354 if able.lstn => VecDeque::from([Opening::Lstn]),
        Dialect::Rfc354 => VecDeque::from([Opening::Pasv]),
        Dialect::Rfc959 if !v4 => VecDeque::from([Opening::Epsv]),
        // A server without FEAT may know EPSV all the same.
        Dialect::Rfc959 if able.epsv || !able.known => VecDeque::from([Opening::Epsv, Opening::Pasv]),
        Dialect::Rfc959 => VecDeque::from([Opening::Pasv]),
    }
}

/// The commands that tell a server where to connect, best first. Every server knows SOCK or PORT in its dialect.
fn targets(party: &Party) -> &'static [ActiveCommand] {
    let v4 = Family::of(party.address) == Family::V4;
    match party.dialect {
        Dialect::Rfc354 => &[ActiveCommand::Sock],
        Dialect::Rfc959 if !v4 => &[ActiveCommand::Eprt],
        Dialect::Rfc959 if party.capabilities.epsv => &[ActiveCommand::Port, ActiveCommand::Eprt],
        Dialect::Rfc959 => &[ActiveCommand::Port],
    }
}

/// Time for a SYN that is repeated after a second (RFC 6298 section 2), and for its answer.
const SILENT_PORT: Duration = Duration::from_millis(1_500);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Standing;
    use crate::feature::Capabilities;

    fn party(address: &str, dialect: Dialect, able: Capabilities) -> Party {
        let (address, standing) = (address.parse().unwrap(), Standing::default());
        Party { dialect, capabilities: able, address, standing, given: false, leaf: None }
    }

    /// All arrangements, if each one fails with `fault`.
    fn all(party: &Party, known: KnownPostures, fault: Fault) -> Vec<Arrangement> {
        let mut arrangements = Arrangements::new(party, known);
        let mut found = Vec::new();
        let mut next = arrangements.current();
        while let Some(arrangement) = next {
            found.push(arrangement);
            next = arrangements.after(fault);
        }
        found
    }

    #[test]
    fn the_server_listens_first_and_each_dialect_and_family_has_its_commands() {
        use Arrangement::{Active, Passive};
        use Opening::{Epsv, Lstn, Pasv};
        let able = |epsv, lstn, known| Capabilities { epsv, lstn, known, ..Capabilities::default() };
        let check = |address, dialect, able, expect: &[Arrangement]| {
            assert_eq!(all(&party(address, dialect, able), KnownPostures::default(), Fault::Refused), expect);
        };
        let (v4, v6) = ("192.0.2.1", "2001:db8::1");
        let (old, new) = (Dialect::Rfc354, Dialect::Rfc959);
        let [port, eprt, sock] = [ActiveCommand::Port, ActiveCommand::Eprt, ActiveCommand::Sock].map(Active);
        check(v4, new, able(true, false, true), &[Passive(Epsv), Passive(Pasv), port, eprt]);
        check(v4, new, able(false, false, false), &[Passive(Epsv), Passive(Pasv), port]);
        check(v4, new, able(false, false, true), &[Passive(Pasv), port]);
        check(v6, new, able(false, false, true), &[Passive(Epsv), eprt]);
        check(v4, old, able(false, true, true), &[Passive(Lstn), sock]);
        check(v4, old, able(false, false, false), &[Passive(Pasv), sock]);
        check(v6, old, able(false, false, false), &[Passive(Pasv), sock]);
    }

    #[test]
    fn a_closed_posture_is_closed_for_every_command_and_what_is_known_of_it_comes_last() {
        let able = Capabilities { epsv: true, known: true, ..Capabilities::default() };
        let server = party("192.0.2.1", Dialect::Rfc959, able);
        let (epsv, port) = (Arrangement::Passive(Opening::Epsv), Arrangement::Active(ActiveCommand::Port));
        assert_eq!(all(&server, KnownPostures::default(), Fault::NoConnection), [epsv, port]);
        let mut arrangements = Arrangements::new(&server, KnownPostures::default());
        assert_eq!((arrangements.known().closed, arrangements.has_other()), (None, true));
        arrangements.after(Fault::NoConnection);
        assert_eq!((arrangements.known().closed, arrangements.has_other()), (Some(Posture::Passive), false));
        let known = arrangements.known();
        assert_eq!(all(&server, known, Fault::NoConnection), [port, epsv], "the second file");
        // If both have failed, nothing is known any more.
        arrangements.after(Fault::NoConnection);
        assert_eq!((arrangements.current(), arrangements.known()), (None, KnownPostures::default()));
    }

    #[test]
    fn where_another_host_carries_the_control_connection_the_server_listens_or_nobody() {
        let server = party("192.0.2.1", Dialect::Rfc959, Capabilities::default());
        let known = |listener| KnownPostures { listener, closed: None };
        let passive = [Opening::Epsv, Opening::Pasv].map(Arrangement::Passive);
        assert_eq!(all(&server, known(Listener::Nobody), Fault::Refused), passive);
        let limit = Duration::from_secs(20);
        let patience = |listener| Arrangements::new(&server, known(listener)).patience(limit);
        assert_eq!(patience(Listener::Nobody), limit);
        assert_eq!(patience(Listener::Here), SILENT_PORT);
    }

    #[test]
    fn r55_a_relay_listens_where_the_server_does_not_and_is_waited_for() {
        let server = party("192.0.2.1", Dialect::Rfc959, Capabilities::default());
        let known = KnownPostures { listener: Listener::Relay, closed: None };
        let (epsv, port) = (Arrangement::Passive(Opening::Epsv), Arrangement::Active(ActiveCommand::Port));
        assert_eq!(all(&server, known, Fault::NoConnection), [epsv, port]);
        let arrangements = Arrangements::new(&server, known);
        assert!(arrangements.has_other());
        let limit = Duration::from_secs(20);
        assert_eq!(arrangements.patience(limit), limit);
    }
}
