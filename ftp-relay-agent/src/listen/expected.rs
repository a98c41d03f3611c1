//! Links that tunnels wait for: each is found by the id of its ticket, once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use ftp_io::link::Link;
use ftp_proto::relay::agent::Ticket;
use ftp_proto::relay::link::{Accepted, ticket_id};
use ftp_proto::relay::token::Secret32;
use tokio::sync::mpsc;

use crate::session::Happened;

/// The links that are waited for. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Expected(Arc<Mutex<HashMap<[u8; 16], Waiting>>>);

/// A tunnel that waits.
#[derive(Debug)]
pub struct Waiting {
    secret: Secret32,
    ticket: Ticket,
    session: mpsc::Sender<Happened>,
}

/// Ends the wait when it is dropped.
#[derive(Debug)]
pub struct Expectation {
    all: Expected,
    id: [u8; 16],
}

impl Expected {
    /// Waits for a link that proves `secret`.
    pub fn wait(&self, secret: Secret32, ticket: Ticket, session: mpsc::Sender<Happened>) -> Expectation {
        let id = ticket_id(&secret);
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(id, Waiting { secret, ticket, session });
        Expectation { all: self.clone(), id }
    }

    /// Whose link this is. Only a right proof uses the ticket up.
    pub fn claim(
        &self,
        id: &[u8; 16],
        judge: impl FnOnce(&Secret32) -> Option<Accepted>,
    ) -> Option<(Accepted, Waiting)> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let accepted = judge(&all.get(id)?.secret)?;
        all.remove(id).map(|waiting| (accepted, waiting))
    }
}

impl Waiting {
    /// Hands the link over.
    pub async fn attach(self, link: Link) {
        // A session that has ended wants no link.
        let _ = self.session.send(Happened::Attached { ticket: self.ticket, link: Box::new(link) }).await;
    }
}

impl Drop for Expectation {
    fn drop(&mut self) {
        self.all.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
    }
}
