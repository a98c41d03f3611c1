//! What all sessions of a relay use.

use std::collections::{HashMap, HashSet, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use ftp_io::clock::Clock;
use ftp_io::copy::Pipes;
use ftp_io::link::Link;
use ftp_io::lock::Lock;
use ftp_io::socket::{self, Congestion};
use ftp_proto::address::embedded;
use ftp_proto::relay::agent::{Answer, Ticket};
use ftp_proto::relay::link::{Accepted, ticket_id};
use ftp_proto::relay::message::Code;
use ftp_proto::relay::punch::Memory;
use ftp_proto::relay::token::Secret32;

use super::lookups::Lookups;
use super::{Direct, Event, Reports};
use crate::at_hub::Caller;
use crate::operate::audit::Audit;
use crate::policy::Accounts;

/// What all sessions of a relay use.
#[derive(Debug)]
pub struct Shared {
    /// The clock of all machines and delays.
    pub clock: Clock,
    /// The pipes of all joins.
    pub pipes: Pipes,
    /// The tickets of all tunnels.
    pub tickets: Tickets,
    /// The sockets of all sessions.
    pub own: OwnSockets,
    /// Names that are looked up.
    pub lookups: Lookups,
    /// Takes records of what happens.
    pub audit: Arc<Audit>,
    /// What the tokens use.
    pub accounts: Accounts,
    /// Calls other agents, where this one has joined a hub.
    pub caller: Option<Caller>,
    /// What joined connections use; `None` means the choice of the system.
    pub congestion: Option<Congestion>,
    /// The direct connections with other agents that were tried.
    pub direct: Mutex<Memory>,
}

impl Shared {
    /// Nothing is in use yet.
    pub fn new(audit: Arc<Audit>, caller: Option<Caller>, congestion: Option<Congestion>) -> Self {
        let clock = Clock::start();
        Self {
            clock,
            pipes: Pipes::default(),
            tickets: Tickets::default(),
            own: OwnSockets::default(),
            lookups: Lookups::new(clock),
            accounts: Accounts::new(clock),
            caller,
            audit,
            congestion,
            direct: Mutex::default(),
        }
    }
}

/// The sockets that the relay has for its sessions. Its open listeners of data connections are its own, and no token dials
/// them. A connection that it has made itself is no peer of a leg: it comes from an address for which another join may wait.
/// Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct OwnSockets(Arc<Mutex<Sockets>>);

#[derive(Debug, Default)]
struct Sockets {
    /// How many listeners have this port, at any address of this host.
    listeners: HashMap<u16, usize>,
    /// The local addresses of connections that the relay has made.
    dialled: HashSet<SocketAddr>,
}

/// A listener that is open. Dropping it says that it is closed.
#[derive(Debug)]
#[must_use]
pub(super) struct OpenLeg {
    all: OwnSockets,
    port: u16,
}

/// A connection that the relay makes or has made. Dropping it says that it is closed.
#[derive(Debug)]
#[must_use]
pub(super) struct DialledConnection {
    all: OwnSockets,
    local: SocketAddr,
}

impl OwnSockets {
    /// Notes an open listener.
    pub(super) fn open(&self, at: SocketAddr) -> OpenLeg {
        *self.0.locked().listeners.entry(at.port()).or_default() += 1;
        OpenLeg { all: self.clone(), port: at.port() }
    }

    /// Whether a connection to this address may reach a listener.
    pub(super) fn has_leg(&self, to: SocketAddr) -> bool {
        self.0.locked().listeners.contains_key(&to.port()) && socket::is_own(embedded(to.ip()))
    }

    /// Notes a connection that is made from this address.
    pub(super) fn dial(&self, local: SocketAddr) -> DialledConnection {
        let local = plain(local);
        self.0.locked().dialled.insert(local);
        DialledConnection { all: self.clone(), local }
    }

    /// Whether the relay itself has connected from this address.
    pub(super) fn has_dialled(&self, from: SocketAddr) -> bool {
        self.0.locked().dialled.contains(&plain(from))
    }
}

/// The address in its shortest notation.
fn plain(at: SocketAddr) -> SocketAddr {
    SocketAddr::new(embedded(at.ip()), at.port())
}

impl Drop for OpenLeg {
    fn drop(&mut self) {
        let ports = &mut self.all.0.locked().listeners;
        if let Some(count) = ports.get_mut(&self.port) {
            *count -= 1;
            if *count == 0 {
                ports.remove(&self.port);
            }
        }
    }
}

impl Drop for DialledConnection {
    fn drop(&mut self) {
        self.all.0.locked().dialled.remove(&self.local);
    }
}

/// The tickets of all sessions for which no link has come yet. A link that proves one belongs to the session that has given it
/// out. Each ticket is good for one link. Clones are the same.
///
/// The secret of a ticket that another agent brings was chosen by a user agent. If it chooses the same secret twice, both
/// wait, and the one that came first gets the first link.
#[derive(Clone, Debug, Default)]
pub struct Tickets(Arc<Mutex<TicketWaiters>>);

/// Who waits for which ticket. Each sum of holders is bounded by the joins and tunnels that the policy allows.
#[derive(Debug, Default)]
struct TicketWaiters {
    holders: HashMap<[u8; 16], VecDeque<Holder>>,
    last: u64,
}

/// Who waits for the link.
#[derive(Debug)]
pub struct Holder {
    number: u64,
    secret: Secret32,
    ticket: Ticket,
    session: Reports,
}

/// A wait for a link. Dropping it invalidates the ticket.
#[derive(Debug)]
#[must_use]
pub(super) struct Expectation {
    tickets: Tickets,
    id: [u8; 16],
    number: u64,
}

impl Tickets {
    /// Waits for a link that proves `secret`, and reports it to `session` under `ticket`.
    pub(super) fn expect(&self, secret: Secret32, ticket: Ticket, session: Reports) -> Expectation {
        let id = ticket_id(&secret);
        let mut waiting = self.0.locked();
        waiting.last += 1;
        let number = waiting.last;
        waiting.holders.entry(id).or_default().push_back(Holder { number, secret, ticket, session });
        Expectation { tickets: self.clone(), id, number }
    }

    /// The session that waits for the link with the ticket `id`. `judge` checks the proof; only a
    /// right proof uses the ticket up.
    pub fn claim(
        &self,
        id: &[u8; 16],
        judge: impl FnOnce(&Secret32) -> Option<Accepted>,
    ) -> Option<(Accepted, Holder)> {
        let mut waiting = self.0.locked();
        let holders = waiting.holders.get_mut(id)?;
        let accepted = judge(&holders.front()?.secret)?;
        let holder = holders.pop_front();
        waiting.forget_empty(id);
        Some((accepted, holder?))
    }
}

impl TicketWaiters {
    fn forget_empty(&mut self, id: &[u8; 16]) {
        if self.holders.get(id).is_some_and(VecDeque::is_empty) {
            self.holders.remove(id);
        }
    }
}

impl Holder {
    /// What the link has proven.
    pub const fn secret(&self) -> &Secret32 {
        &self.secret
    }

    /// Hands the link over. With `direct` it is a direct connection with another agent.
    pub async fn attach(self, link: Link, direct: Option<Direct>) {
        let attached = Event::Attached { ticket: self.ticket, link: Box::new(link), direct };
        // If the session has ended, the link is dropped.
        let _ = self.session.send(Box::new(attached)).await;
    }

    /// Tells the session that the link was lost, and why: no other one can come.
    pub async fn lost(self, why: &str) {
        let answer = Answer::Failed(Code::NotPaired, why.to_owned());
        // The session may have ended.
        let _ = self.session.send(Box::new(Event::Answer(self.ticket, answer))).await;
    }
}

impl Drop for Expectation {
    fn drop(&mut self) {
        let mut waiting = self.tickets.0.locked();
        if let Some(holders) = waiting.holders.get_mut(&self.id) {
            holders.retain(|holder| holder.number != self.number);
        }
        waiting.forget_empty(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;

    #[test]
    fn r24_an_open_leg_is_known_in_each_notation_of_its_address_and_until_it_is_closed() {
        let legs = OwnSockets::default();
        let (first, second) =
            (legs.open("127.0.0.1:4711".parse().unwrap()), legs.open("[::1]:4711".parse().unwrap()));
        for (to, expect) in [
            ("127.0.0.1:4711", true),
            ("127.9.9.9:4711", true),
            ("[::ffff:127.0.0.1]:4711", true),
            ("[64:ff9b::7f00:1]:4711", true),
            ("127.0.0.1:4712", false),
            ("192.0.2.1:4711", false),
        ] {
            assert_eq!(legs.has_leg(to.parse().unwrap()), expect, "{to}");
        }
        drop(first);
        assert!(legs.has_leg("127.0.0.1:4711".parse().unwrap()));
        drop(second);
        assert!(!legs.has_leg("127.0.0.1:4711".parse().unwrap()) && legs.0.locked().listeners.is_empty());
    }

    #[test]
    fn r24_what_the_relay_has_connected_is_known_in_each_notation_and_until_it_is_closed() {
        let own = OwnSockets::default();
        let dialled = own.dial("192.0.2.1:4711".parse().unwrap());
        for (from, expect) in [
            ("192.0.2.1:4711", true),
            ("[::ffff:192.0.2.1]:4711", true),
            ("192.0.2.1:4712", false),
            ("192.0.2.2:4711", false),
        ] {
            assert_eq!(own.has_dialled(from.parse().unwrap()), expect, "{from}");
        }
        drop(dialled);
        assert!(!own.has_dialled("192.0.2.1:4711".parse().unwrap()));
    }

    fn secret() -> Secret32 {
        Secret32::new([5; 32])
    }

    /// The ticket of the one who gets the next link with the secret.
    fn next(tickets: &Tickets) -> Option<Ticket> {
        let waiting = tickets.0.locked();
        waiting.holders.get(&ticket_id(&secret()))?.front().map(|holder| holder.ticket)
    }

    #[test]
    fn r36_two_who_wait_with_the_same_secret_do_not_displace_each_other() {
        let tickets = Tickets::default();
        let (session, _events) = mpsc::channel(1);
        let first = tickets.expect(secret(), Ticket(1), session.clone());
        let second = tickets.expect(secret(), Ticket(2), session.clone());
        assert_eq!(next(&tickets), Some(Ticket(1)), "the first one still waits");
        drop(second);
        assert_eq!(next(&tickets), Some(Ticket(1)), "it goes on when the second one gives up");
        let third = tickets.expect(secret(), Ticket(3), session);
        drop(first);
        assert_eq!(next(&tickets), Some(Ticket(3)));
        drop(third);
        assert!(tickets.0.locked().holders.is_empty(), "nothing is left");
    }
}
