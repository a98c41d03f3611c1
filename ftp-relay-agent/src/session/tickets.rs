//! Tickets of tunnels: a link that proves one belongs to the session that has given it out. Each
//! ticket is good for one link.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ftp_io::link::Link;
use ftp_proto::relay::agent::Ticket;
use ftp_proto::relay::link::{Accepted, ticket_id};
use ftp_proto::relay::token::Secret32;
use tokio::sync::mpsc;

use super::event::{Ends, Event};

/// The tickets of all sessions for which no link has come yet. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Tickets(Arc<Mutex<HashMap<[u8; 16], Holder>>>);

/// Who waits for the link.
#[derive(Debug)]
pub struct Holder {
    secret: Secret32,
    ticket: Ticket,
    session: mpsc::Sender<Event>,
}

/// A wait for a link. Dropping it invalidates the ticket.
#[derive(Debug)]
#[must_use]
pub(super) struct Expectation {
    tickets: Tickets,
    id: [u8; 16],
}

impl Tickets {
    /// Waits for a link that proves `secret`, and reports it to `session` under `ticket`.
    pub(super) fn expect(
        &self,
        secret: Secret32,
        ticket: Ticket,
        session: mpsc::Sender<Event>,
    ) -> Expectation {
        let id = ticket_id(&secret);
        self.lock().insert(id, Holder { secret, ticket, session });
        Expectation { tickets: self.clone(), id }
    }

    /// The session that waits for the link with the ticket `id`. `judge` checks the proof; only a
    /// right proof uses the ticket up.
    pub fn claim(
        &self,
        id: &[u8; 16],
        judge: impl FnOnce(&Secret32) -> Option<Accepted>,
    ) -> Option<(Accepted, Holder)> {
        let mut tickets = self.lock();
        let accepted = judge(&tickets.get(id)?.secret)?;
        tickets.remove(id).map(|holder| (accepted, holder))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<[u8; 16], Holder>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Holder {
    /// What the link has proven.
    pub const fn secret(&self) -> &Secret32 {
        &self.secret
    }

    /// Hands the link over. `ends` are those of a direct connection with another agent.
    pub async fn attach(self, link: Link, ends: Option<Ends>) {
        // If the session has ended, the link is dropped.
        let _ = self.session.send(Event::Attached { ticket: self.ticket, link: Box::new(link), ends }).await;
    }
}

impl Drop for Expectation {
    fn drop(&mut self) {
        self.tickets.lock().remove(&self.id);
    }
}
