//! What tests look at.

use super::Harness;
use crate::server::ask::Event;

impl Harness {
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
