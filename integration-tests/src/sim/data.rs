//! What travels on a data connection.

use super::scenario::{Obstacle, Sabotage, Target};
use super::wire::{Caller, Owner, Place, Syn};
use super::world::{Event, World};
use ftp_proto::relay::agent;
use ftp_proto::relay::message::Code;
use ftp_proto::server::ask::{Answer, Ending};
use ftp_proto::timer::Moment;
use std::time::Duration;

impl World {
    /// A SYN leaves.
    pub(super) fn connect(&mut self, syn: Syn) {
        let data = self.scenario.delays.data;
        let walled = matches!(syn.by, Caller::User(..)) && self.has(Obstacle::Walled);
        let unanswered = self.has(Obstacle::Unanswered) || self.wire.dead || walled;
        let dead_host = self.stands_at(syn.to) == Some(Target::Dead);
        if unanswered || dead_host {
            // What a kernel says in the end.
            let at = self.now + Duration::from_secs(130);
            return self.connect_fails(at, syn.by, "timed out");
        }
        let at = (self.now + self.random.time(data)).max(self.wire.stalled_until);
        self.wire.flying.push(syn);
        self.schedule(at, Event::Syn(syn));
    }

    /// Nobody has answered a SYN, or somebody has refused it: the caller learns it at that moment.
    pub(super) fn connect_fails(&mut self, at: Moment, by: Caller, why: &str) {
        let event = match by {
            Caller::Server(side, ticket) => Event::Answer(side, ticket, Answer::Failed(why.to_owned())),
            Caller::Relay(ticket) => {
                let answer = agent::Answer::Failed(Code::ConnectionRefused, why.to_owned());
                Event::AgentAnswer(ticket, answer)
            }
            Caller::User(side, attempt) => Event::NotConnected(side, attempt),
        };
        self.schedule(at, event);
    }

    /// Passes on what has arrived at one end of a host in the middle to its connection with the other
    /// server. Returns how many bytes these were, and how the sender has ended its connection, if it has.
    pub(super) fn pass_on(&mut self, from: Place, to: Place) -> (u64, Option<Ending>) {
        let this = self.wire.end_mut(from.0, from.1);
        let bytes = Vec::from(std::mem::take(&mut this.inbox));
        let (count, over) = (bytes.len() as u64, this.over);
        self.send_data(to.0, to.1, bytes);
        (count, over)
    }

    /// Bytes leave one end for the other.
    pub(super) fn send_data(&mut self, conn: usize, end: usize, mut bytes: Vec<u8>) {
        if self.scenario.sabotage == Some(Sabotage::LoseByte)
            && self.wire.end(conn, end).moving.is_some()
            && !std::mem::replace(&mut self.wire.lost_byte, true)
        {
            bytes.pop();
        }
        if !bytes.is_empty() {
            if self.scenario.sabotage == Some(Sabotage::WriteTwice) {
                bytes.extend(bytes.clone());
            }
            self.carry_data(conn, 1 - end, Ok(bytes));
        }
    }

    /// One end closes. Bytes that it has not read turn FIN into RST, as TCP has it.
    pub(super) fn close_end(&mut self, conn: usize, end: usize, how: Ending) {
        let keep = self.scenario.sabotage == Some(Sabotage::KeepData);
        let this = self.wire.end_mut(conn, end);
        if keep && matches!(this.owner, Owner::Relay(_) | Owner::User(_)) {
            return;
        }
        if std::mem::replace(&mut this.shut, true) {
            return;
        }
        let unread = !std::mem::take(&mut this.inbox).is_empty();
        this.reading = None;
        let how = if unread { Ending::Reset } else { how };
        self.carry_data(conn, 1 - end, Err(how));
    }

    pub(super) fn carry_data(&mut self, conn: usize, to: usize, what: Result<Vec<u8>, Ending>) {
        if self.wire.dead {
            return;
        }
        let late = (self.now + self.random.time(self.scenario.delays.data)).max(self.wire.stalled_until);
        let end = self.wire.end_mut(conn, to);
        let at = late.max(end.last_arrival + Duration::from_nanos(1));
        end.last_arrival = at;
        self.schedule(at, Event::Data { conn, end: to, what });
        self.segment_passed();
    }

    /// A fault: every open data connection is reset at both ends.
    pub(super) fn reset_data(&mut self) {
        for conn in 0..self.wire.conns.len() {
            for end in 0..2 {
                if !self.wire.end(conn, end).shut {
                    self.schedule(self.now, Event::Data { conn, end, what: Err(Ending::Reset) });
                }
            }
        }
    }
}
