//! What travels on a data connection.

use super::scenario::{Obstacle, Sabotage, Target};
use super::wire::Syn;
use super::world::{Event, World};
use ftp_proto::server::ask::{Answer, Ending};
use std::time::Duration;

impl World {
    /// A server's SYN leaves.
    pub(super) fn connect(&mut self, syn: Syn) {
        let data = self.scenario.delays.data;
        // TIME_WAIT on the announced port, now and then: the same port again, later (extensions).
        if self.random.once_in(12) {
            let answer = Answer::Failed("address in use".to_owned());
            return self.schedule(self.now, Event::Answer(syn.side, syn.ticket, answer));
        }
        let unanswered = self.has(Obstacle::Unanswered) || self.wire.dead;
        let dead_host = self.has(Obstacle::Bounce(Target::Dead)) && syn.to == self.stranger_address();
        if unanswered || dead_host {
            // What a kernel says in the end.
            let at = self.now + Duration::from_secs(130);
            let answer = Answer::Failed("timed out".to_owned());
            return self.schedule(at, Event::Answer(syn.side, syn.ticket, answer));
        }
        let at = (self.now + self.random.time(data)).max(self.wire.stalled_until);
        self.schedule(at, Event::Syn(syn));
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
            self.carry_data(conn, 1 - end, Ok(bytes));
        }
    }

    /// One end closes. Bytes that it has not read turn FIN into RST, as TCP has it.
    pub(super) fn close_end(&mut self, conn: usize, end: usize, how: Ending) {
        let this = self.wire.end_mut(conn, end);
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
