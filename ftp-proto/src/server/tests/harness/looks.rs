//! What tests look at.

use super::Harness;
use crate::server::ask::Event;

impl Harness {
    /// Whether the session speaks the dialect of 1973.
    pub(in super::super) fn is_old(&self) -> bool {
        self.transcript[0].starts_with('3')
    }

    /// The code of the session's dialect, of `1973/today`, or the one that both have.
    pub(in super::super) fn code<'a>(&self, codes: &'a str) -> &'a str {
        let (old, modern) = codes.split_once('/').unwrap_or((codes, codes));
        if self.is_old() { old } else { modern }
    }

    pub(in super::super) fn strangers(&self) -> usize {
        self.events.iter().filter(|event| matches!(event, Event::Stranger { .. })).count()
    }

    /// Whether all reserved ports have been given back.
    pub(in super::super) fn has_no_port(&self) -> bool {
        self.ports_of.is_empty()
    }

    /// A port that is listened on, if there is one.
    pub(in super::super) fn any_port(&self, index: usize) -> Option<u16> {
        self.listeners.values().nth(index % self.listeners.len().max(1)).copied()
    }

    /// Whether a move has not ended.
    pub(in super::super) const fn has_move(&self) -> bool {
        self.moving.is_some()
    }

    pub(in super::super) fn listens(&self, port: u16) -> bool {
        self.listeners.values().any(|open| *open == port)
    }
}
