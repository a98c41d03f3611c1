//! The user agent's own data connections: it connects to both servers and copies from one to the other.

use super::SIDES;
use super::place::user_address;
use super::scenario::{Obstacle, Sabotage};
use super::wire::{Caller, Listener, Place, Syn};
use super::world::World;
use ftp_proto::server::ask::Ending;
use ftp_proto::transfer::{Input, Side};
use std::net::SocketAddr;

impl World {
    /// The attempt wants a data connection with that server.
    pub(super) fn user_connects(&mut self, side: Side, to: SocketAddr) {
        let from = SocketAddr::new(user_address(&self.scenario), 0);
        let attempt = self.user.outcomes.len();
        self.connect(Syn { by: Caller::User(side, attempt), from, to });
    }

    pub(super) fn user_connected(&mut self, side: Side, attempt: usize, conn: usize) {
        if self.is_current(attempt) {
            *self.user.data.at_mut(side) = Some((conn, 0));
            self.tell_machine(Input::Connected(side));
        } else {
            self.close_end(conn, 0, Ending::Reset);
        }
    }

    pub(super) fn user_not_connected(&mut self, side: Side, attempt: usize) {
        if self.is_current(attempt) {
            self.tell_machine(Input::DataFailed(side, "it cannot be connected".to_owned()));
        }
    }

    /// Whether the user agent may listen for its servers: those behind a relay would take it for a stranger.
    pub(super) fn may_listen(&self) -> bool {
        self.has(Obstacle::Walled) && !self.scenario.relay
    }

    /// The attempt wants that server to connect.
    pub(super) fn user_listens(&mut self, side: Side) {
        if !self.may_listen() {
            return self.violation("the user agent listens where it may not".to_owned());
        }
        self.forget_data(side);
        let port = u16::try_from(61_000 + self.random.below(4_000)).unwrap_or(61_000);
        let mut at = SocketAddr::new(user_address(&self.scenario), port);
        while self.wire.listeners.contains_key(&at) {
            at.set_port(at.port() + 1);
        }
        if self.scenario.sabotage != Some(Sabotage::Deaf) {
            self.wire.listeners.insert(at, Listener::User(side, self.user.outcomes.len()));
            self.strangers_notice(at);
        }
        self.tell_machine(Input::Listening(side, at));
    }

    /// Somebody has come to the user agent's listener. It takes the server, and goes on waiting after anybody else.
    pub(super) fn user_accepts(&mut self, side: Side, attempt: usize, conn: usize, from: SocketAddr) {
        let is_server =
            from.ip() == self.address(side) || self.scenario.sabotage == Some(Sabotage::Credulous);
        if !is_server || !self.is_current(attempt) {
            return self.close_end(conn, 1, Ending::Reset);
        }
        self.wire.stop_listening(|listener| listener == Listener::User(side, attempt));
        *self.user.data.at_mut(side) = Some((conn, 1));
        self.tell_machine(Input::Arrived(side, from));
    }

    /// An earlier data connection with that server, or its listener, is not needed any more.
    fn forget_data(&mut self, side: Side) {
        self.wire.stop_listening(|listener| matches!(listener, Listener::User(of, _) if of == side));
        let place: Option<Place> = self.user.data.at_mut(side).take();
        if let Some((conn, end)) = place {
            self.close_end(conn, end, Ending::Reset);
        }
    }

    /// The attempt wants everything copied.
    pub(super) fn begin_copy(&mut self) {
        self.user.copying = Some(0);
        self.copy_on();
    }

    /// Copies what is there.
    pub(super) fn copy_on(&mut self) {
        let (Some(source), Some(destination)) = (self.user.data.source, self.user.data.destination) else {
            return;
        };
        let Some(before) = self.user.copying else { return };
        let (count, over) = self.pass_on(source, destination);
        let copied = before + count;
        self.user.copying = Some(copied);
        if count > 0 {
            self.tell_machine(Input::Moving);
        }
        let said = match (self.wire.end(destination.0, destination.1).over, over) {
            (Some(_), _) => Input::DataFailed(Side::Destination, "it has broken".to_owned()),
            (None, Some(Ending::Reset)) => Input::DataFailed(Side::Source, "it has broken".to_owned()),
            (None, Some(Ending::Close)) => {
                let skipped = self.scenario.restart.unwrap_or(0);
                let is_all = self.scenario.file.is_some_and(|size| (size - skipped) as u64 == copied);
                Input::Copied { is_all }
            }
            (None, None) => return,
        };
        self.user.copying = None;
        self.tell_machine(said);
    }

    /// The attempt wants the destination's connection closed in order.
    pub(super) fn finish_copy(&mut self) {
        if let Some((conn, end)) = self.user.data.destination.take() {
            self.close_end(conn, end, Ending::Close);
            self.tell_machine(Input::Finished);
        }
    }

    /// What the attempt has of data connections is reset.
    pub(super) fn drop_data(&mut self) {
        self.user.copying = None;
        SIDES.into_iter().for_each(|side| self.forget_data(side));
    }

    pub(super) fn tell_machine(&mut self, input: Input) {
        let now = self.now;
        if let Some(machine) = &mut self.user.machine {
            machine.input(now, input);
        }
    }

    /// Whether the attempt of that number is under way.
    fn is_current(&self, attempt: usize) -> bool {
        self.user.machine.is_some() && self.user.outcomes.len() == attempt
    }
}
