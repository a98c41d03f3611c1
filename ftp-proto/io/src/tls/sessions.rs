//! What can be resumed with one server: the session of TLS 1.2, the tickets of 1.3.

use std::collections::VecDeque;
use std::sync::Mutex;

use crate::lock::Lock;
use rustls::NamedGroup;
use rustls::client::{ClientSessionStore, Tls12ClientSessionValue, Tls13ClientSessionValue};
use rustls::pki_types::ServerName;

/// The sessions with one server; there is one store for each, so the name is ignored.
#[derive(Debug, Default)]
pub(super) struct Sessions(Mutex<Tickets>);

#[derive(Debug, Default)]
struct Tickets {
    group: Option<NamedGroup>,
    /// The session of TLS 1.2; it can be resumed any number of times.
    old: Option<Tls12ClientSessionValue>,
    /// The tickets of TLS 1.3; each is used once.
    tickets: VecDeque<Tls13ClientSessionValue>,
    /// Whether any ticket was given.
    gives_tickets: bool,
}

impl Sessions {
    /// Whether the server has given tickets and none is left.
    pub(super) fn are_used_up(&self) -> bool {
        let all = self.0.locked();
        all.gives_tickets && all.tickets.is_empty() && all.old.is_none()
    }
}

impl ClientSessionStore for Sessions {
    fn set_kx_hint(&self, _: ServerName<'static>, group: NamedGroup) {
        self.0.locked().group = Some(group);
    }

    fn kx_hint(&self, _: &ServerName<'_>) -> Option<NamedGroup> {
        self.0.locked().group
    }

    fn set_tls12_session(&self, _: ServerName<'static>, value: Tls12ClientSessionValue) {
        self.0.locked().old = Some(value);
    }

    fn tls12_session(&self, _: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        self.0.locked().old.clone()
    }

    fn remove_tls12_session(&self, _: &ServerName<'static>) {
        self.0.locked().old = None;
    }

    fn insert_tls13_ticket(&self, _: ServerName<'static>, value: Tls13ClientSessionValue) {
        let mut all = self.0.locked();
        all.gives_tickets = true;
        if all.tickets.len() == MAX_TICKETS {
            all.tickets.pop_front();
        }
        all.tickets.push_back(value);
    }

    fn take_tls13_ticket(&self, _: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        self.0.locked().tickets.pop_back()
    }
}

/// Maximum number of tickets that are kept, more than any server gives at once.
const MAX_TICKETS: usize = 16;
