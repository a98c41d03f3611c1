//! TLS: a handshake takes time, fails, or shows each end the certificate of the other one and what both
//! have in common (the exporter). No byte is encrypted: what counts is who has shaken hands with whom.

use super::scenario::{Manners, Obstacle, Pin, Sabotage};
use super::wire::{EndTls, Owner, Place};
use super::world::{Event, World};
use ftp_proto::command::Command;
use ftp_proto::server::ask::{Answer, Ask, ConnId, DataTls, Handshake, Ticket, TlsRole};
use ftp_proto::transfer::Side;
use ftp_proto::wire::Fingerprint;

/// The certificate of a server.
pub(super) fn leaf(side: Side) -> Fingerprint {
    match side {
        Side::Source => Fingerprint::of(b"source"),
        Side::Destination => Fingerprint::of(b"destination"),
    }
}

/// The certificate of whoever else speaks TLS.
pub(super) fn leaf_of_stranger() -> Fingerprint {
    Fingerprint::of(b"stranger")
}

impl World {
    /// What the machine of a server asks of TLS.
    pub(super) fn perform_on_tls(&mut self, side: Side, ask: Ask) {
        if self.scenario.tls.is_none() {
            return self.violation("a server without a certificate begins TLS".to_owned());
        }
        if let Ask::Secure { ticket, last } = ask {
            self.secure_control(side, ticket, last);
        } else if let Ask::Clear { ticket, last } = ask {
            self.clear_control(side, ticket, last);
        } else if let Ask::SecureData { ticket, conn, how } = ask {
            self.secure_data(side, ticket, conn, how);
        }
    }

    /// TLS begins on a control connection.
    fn secure_control(&mut self, side: Side, ticket: Ticket, last: Vec<u8>) {
        if !last.is_empty() {
            self.server_sends(side, last);
        }
        let shown = Handshake { leaf: None, resumed: false, exporter: self.random.array() };
        let answer = Event::Answer(side, ticket, Answer::Secured(shown));
        self.schedule_within(self.scenario.delays.control, answer);
    }

    /// TLS ends on a control connection.
    fn clear_control(&mut self, side: Side, ticket: Ticket, last: Vec<u8>) {
        self.server_sends(side, last);
        self.schedule_within(self.scenario.delays.control, Event::Answer(side, ticket, Answer::Cleared));
    }

    /// What the coordinator says about TLS before an attempt: who is its client, and which certificates
    /// there are.
    pub(super) fn agree_on_tls(&mut self) {
        let Some(tls) = self.scenario.tls else { return };
        for side in super::SIDES {
            let pin = match tls.pins.at(side) {
                Pin::None => None,
                Pin::Right => Some(leaf(side.other())),
                Pin::Stranger => Some(leaf_of_stranger()),
            };
            let commands = [Command::Sscn(Some(*tls.clients.at(side))), Command::Pinc(pin)];
            let (now, end) = (self.now, self.user.ends.at_mut(side));
            for command in commands.into_iter().filter(|_| !end.over) {
                end.session.send(now, command, None);
            }
        }
    }

    /// A server begins TLS on a data connection.
    fn secure_data(&mut self, side: Side, ticket: Ticket, conn: ConnId, how: DataTls) {
        let Some((conn, end)) = self.hosts.at(side).conns.get(&conn).copied() else {
            return self.violation("a server begins TLS on a connection that it does not have".to_owned());
        };
        if self.scenario.sabotage == Some(Sabotage::NoHandshake) {
            let shown = self.shown_to((conn, end), how);
            return self.schedule(self.now, Event::Answer(side, ticket, Answer::Secured(shown)));
        }
        self.wire.end_mut(conn, end).tls = EndTls::Begun(ticket, how);
        self.shake_hands(conn);
    }

    /// Goes on with the handshake of a connection: both ends have begun, or one of them cannot.
    pub(super) fn shake_hands(&mut self, conn: usize) {
        if self.has(Obstacle::NoHandshake) {
            return;
        }
        for end in 0..2 {
            let this = self.wire.end(conn, end);
            let EndTls::Begun(_, how) = this.tls else { continue };
            // Whatever has come before the handshake is no part of one.
            if this.over.is_some() || !this.inbox.is_empty() {
                self.handshake_fails((conn, end));
                continue;
            }
            match self.wire.end(conn, 1 - end).owner {
                Owner::Stranger(Manners::Silent) => {}
                Owner::Stranger(Manners::Web) => self.handshake_succeeds((conn, end), how),
                Owner::Stranger(_) => self.handshake_fails((conn, end)),
                Owner::Server(..) => self.shake_hands_with_server((conn, end), how),
                Owner::Relay(_) | Owner::User(_) => {
                    self.violation("TLS with a host that is no server".to_owned());
                }
            }
        }
    }

    fn shake_hands_with_server(&mut self, (conn, end): Place, how: DataTls) {
        match self.wire.end(conn, 1 - end).tls {
            EndTls::Clear => {}
            // Two servers wait for each other until their timers end it.
            EndTls::Begun(_, other) if (how.role, other.role) == (TlsRole::Server, TlsRole::Server) => {}
            EndTls::Begun(_, other) if how.role == other.role => self.handshake_fails((conn, end)),
            EndTls::Begun(_, other) => {
                self.handshake_succeeds((conn, end), how);
                self.handshake_succeeds((conn, 1 - end), other);
            }
            EndTls::Failed => self.handshake_fails((conn, end)),
            EndTls::Private => self.violation("one end of TLS is there and the other is not".to_owned()),
        }
    }

    /// What a server learns of the other end.
    fn shown_to(&self, (conn, end): Place, how: DataTls) -> Handshake {
        let middle = self.has(Obstacle::Intercepted);
        let leaf = match self.wire.end(conn, 1 - end).owner {
            Owner::Server(side, _) if !middle => leaf(side),
            Owner::Server(..) | Owner::Relay(_) | Owner::User(_) | Owner::Stranger(_) => leaf_of_stranger(),
        };
        // A server asks only for a certificate that it compares.
        let leaf = Some(leaf).filter(|_| how.role == TlsRole::Client || how.pinned);
        // Both ends of one connection have the same exporter, and nobody else has it.
        let number = u8::try_from(conn % 250).unwrap_or(0);
        let mut exporter = [number; 32];
        if middle && self.scenario.sabotage != Some(Sabotage::SameExporter) {
            exporter[0] = 250 + u8::try_from(end).unwrap_or(0);
        }
        Handshake { leaf, resumed: false, exporter }
    }

    fn handshake_succeeds(&mut self, (conn, end): Place, how: DataTls) {
        let this = self.wire.end(conn, end);
        let (EndTls::Begun(ticket, _), Owner::Server(side, _)) = (this.tls, this.owner) else { return };
        let shown = self.shown_to((conn, end), how);
        // Without a pin a client verifies the chain and the address.
        let verified = shown.leaf.is_none_or(|shown| shown == leaf(side.other()));
        if how.role == TlsRole::Client && !how.pinned && !verified {
            return self.handshake_fails((conn, end));
        }
        self.wire.end_mut(conn, end).tls = EndTls::Private;
        let answer = Event::Answer(side, ticket, Answer::Secured(shown));
        self.schedule_within(2 * self.scenario.delays.data, answer);
    }

    fn handshake_fails(&mut self, (conn, end): Place) {
        let this = self.wire.end_mut(conn, end);
        let (EndTls::Begun(ticket, _), Owner::Server(side, _)) = (this.tls, this.owner) else { return };
        this.tls = EndTls::Failed;
        let answer = Event::Answer(side, ticket, Answer::Failed("no handshake".to_owned()));
        self.schedule_within(2 * self.scenario.delays.data, answer);
    }
}
