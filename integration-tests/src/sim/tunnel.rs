//! What the relay and the user agent exchange: the bytes of their link, and the tunnels.

use super::relay::Conn;
use super::world::{Event, World};
use ftp_proto::relay::agent::{Answer, ConnId, JoinEnd, Ticket};
use ftp_proto::relay::message::Code;
use ftp_proto::reply::{Beginning, beginning};
use ftp_proto::transfer::Side;
use std::time::Duration;

impl World {
    /// Bytes leave one end of the link for the other.
    pub(super) fn link_carries(&mut self, bytes: Vec<u8>, arrive: fn(Option<Vec<u8>>) -> Event) {
        let late = self.now + self.random.time(self.scenario.delays.control);
        let Some(relay) = &mut self.relay else { return };
        let link = &mut relay.link;
        if link.dead {
            return;
        }
        let event = arrive(Some(bytes));
        let last = if matches!(event, Event::ToAgent(_)) { &mut link.to_server } else { &mut link.to_user };
        let at = late.max(link.stalled_until).max(*last + Duration::from_nanos(1));
        *last = at;
        self.schedule(at, event);
    }

    /// An answer to a question of the agent comes soon.
    pub(super) fn answer_agent(&mut self, ticket: Ticket, answer: Answer) {
        if let (Answer::Ended { .. }, Some(relay)) = (&answer, &mut self.relay) {
            relay.ending += 1;
        }
        self.schedule_within(self.scenario.delays.answer, Event::AgentAnswer(ticket, answer));
    }

    /// The relay waits for the greeting of a server, which may have come before.
    pub(super) fn relay_awaits_greeting(&mut self, ticket: Ticket, conn: ConnId) {
        let Some(relay) = &mut self.relay else { return };
        if let Some(Conn::Control(side)) = relay.conns.get(&conn).copied() {
            relay.tunnels.at_mut(side).greeting = Some(ticket);
            self.relay_hears_greeting(side);
        }
    }

    /// The relay reads what a server says before the user agent's link attaches.
    pub(super) fn relay_hears_greeting(&mut self, side: Side) {
        let Some(relay) = &mut self.relay else { return };
        let tunnel = relay.tunnels.at_mut(side);
        let answer = match beginning(&tunnel.early) {
            Beginning::Incomplete => return,
            Beginning::Greets => Answer::Greeted,
            Beginning::Refuses(_) => Answer::Failed(Code::Unwelcome, String::new()),
            Beginning::NotFtp => Answer::Failed(Code::NoGreeting, String::new()),
        };
        if let Some(ticket) = tunnel.greeting.take() {
            self.answer_agent(ticket, answer);
        }
    }

    /// A tunnel is over, if it was joined: the agent is told.
    pub(super) fn tunnel_ends(&mut self, side: Side, how: JoinEnd) {
        let Some(relay) = &mut self.relay else { return };
        let tunnel = relay.tunnels.at_mut(side);
        if let Some(ticket) = tunnel.join.take() {
            let (a_to_b, b_to_a) = (tunnel.to_server, tunnel.to_user);
            self.answer_agent(ticket, Answer::Ended { a_to_b, b_to_a, how });
        }
    }
}
