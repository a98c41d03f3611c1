//! What the relay and the user agent exchange: the bytes of their link, and the tunnels.

use super::world::{Event, World};
use ftp_proto::relay::agent::{Answer, JoinEnd, Ticket};
use ftp_proto::third_party::Side;
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
        self.schedule_within(self.scenario.delays.answer, Event::AgentAnswer(ticket, answer));
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
