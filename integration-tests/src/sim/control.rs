//! What travels on a control connection.

use super::world::{Event, World};
use ftp_proto::relay::agent::JoinEnd;
use ftp_proto::relay::message;
use ftp_proto::timer::Moment;
use ftp_proto::transfer::Side;

/// Which way it travels.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Toward {
    Server,
    User,
}

impl World {
    /// The user's bytes leave for the server.
    pub(super) fn user_sends(&mut self, side: Side, bytes: Vec<u8>) {
        if !self.links.at(side).user_closed {
            self.carry(side, Toward::Server, bytes);
        }
    }

    /// The server's bytes leave for the user.
    pub(super) fn server_sends(&mut self, side: Side, bytes: Vec<u8>) {
        if self.hosts.at(side).alone.is_some() {
            self.violation("a server talks on although nobody hears it".to_owned());
        }
        self.judge_replies(side, &bytes);
        let bytes = self.lie(side, bytes);
        if let Some(relay) = &mut self.relay
            && !relay.is_gone()
            && relay.tunnels.at(side).join.is_none()
        {
            relay.tunnels.at_mut(side).early.extend(bytes);
            return self.relay_hears_greeting(side);
        }
        if !self.links.at(side).server_closed {
            self.carry(side, Toward::User, bytes);
        }
    }

    /// The user closes.
    pub(super) fn user_closes(&mut self, side: Side) {
        let link = self.links.at_mut(side);
        if !std::mem::replace(&mut link.user_closed, true) {
            self.carry_piece(side, Toward::Server, None);
            self.link_closes(side);
        }
    }

    /// The server closes once everything sent is flushed.
    pub(super) fn server_closes(&mut self, side: Side) {
        let link = self.links.at_mut(side);
        if !std::mem::replace(&mut link.server_closed, true) {
            self.carry_piece(side, Toward::User, None);
            self.link_closes(side);
        }
    }

    /// The user agent closes, and its session is over.
    pub(super) fn hang_up(&mut self, side: Side) {
        let end = self.user.ends.at_mut(side);
        end.over = true;
        end.wake = None;
        end.waiting.clear();
        self.user_closes(side);
    }

    fn link_closes(&mut self, side: Side) {
        if self.links.at(side).is_closed() {
            self.tunnel_ends(side, JoinEnd::Whole);
        }
    }

    /// The connection breaks for both.
    pub(super) fn cut(&mut self, side: Side) {
        let now = self.now;
        let link = self.links.at_mut(side);
        link.harmed = true;
        link.dead = true;
        self.tunnel_ends(side, JoinEnd::Leg(message::LegId::B));
        self.schedule(now, Event::ToServer(side, None));
        self.schedule(now, Event::ToUser(side, None));
    }

    /// Nothing arrives for a time, or never again.
    pub(super) fn stall_control(&mut self, side: Side, until: Option<Moment>) {
        let link = self.links.at_mut(side);
        link.harmed = true;
        match until {
            Some(until) => link.stalled_until = link.stalled_until.max(until),
            None => link.dead = true,
        }
    }

    fn carry(&mut self, side: Side, toward: Toward, bytes: Vec<u8>) {
        self.links.at_mut(side).messages += 1;
        if let Some(relay) = &mut self.relay {
            let tunnel = relay.tunnels.at_mut(side);
            let count = if toward == Toward::Server { &mut tunnel.to_server } else { &mut tunnel.to_user };
            *count += bytes.len() as u64;
        }
        let mut rest = bytes;
        while !rest.is_empty() {
            let whole = !self.random.once_in(8);
            let here = if whole { rest.len() } else { 1 + self.random.length(rest.len() - 1) };
            let later = rest.split_off(here);
            self.carry_piece(side, toward, Some(rest));
            rest = later;
        }
        self.message_passed(side);
    }

    fn carry_piece(&mut self, side: Side, toward: Toward, piece: Option<Vec<u8>>) {
        let late = self.now + self.random.time(self.scenario.delays.control);
        let link = self.links.at_mut(side);
        if link.dead {
            return;
        }
        let last = match toward {
            Toward::Server => &mut link.to_server,
            Toward::User => &mut link.to_user,
        };
        // In order: the next arrives after the last, by a hair.
        let at = late.max(link.stalled_until).max(*last + std::time::Duration::from_nanos(1));
        *last = at;
        let event = match toward {
            Toward::Server => Event::ToServer(side, piece),
            Toward::User => Event::ToUser(side, piece),
        };
        self.schedule(at, event);
    }
}
