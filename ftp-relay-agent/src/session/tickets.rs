//! Tickets of tunnels: a link that proves one belongs to the session that has given it out. Each
//! ticket is good for one link.
//!
//! The secret of a ticket that another agent brings was chosen by a user agent. If it chooses the same secret twice, both
//! wait, and the one that came first gets the first link.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use ftp_io::link::Link;
use ftp_io::lock::Lock;
use ftp_proto::relay::agent::{Answer, Ticket};
use ftp_proto::relay::link::{Accepted, ticket_id};
use ftp_proto::relay::message::Code;
use ftp_proto::relay::token::Secret32;

use super::event::{Direct, Event, Reports};

/// The tickets of all sessions for which no link has come yet. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Tickets(Arc<Mutex<Waiting>>);

/// Who waits for which ticket. Each sum of holders is bounded by the joins and tunnels that the policy allows.
#[derive(Debug, Default)]
struct Waiting {
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

impl Waiting {
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
    use super::*;
    use tokio::sync::mpsc;

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
