//! Two agents that meet: one beside the source, one beside the destination. Each joins the data connection of its
//! server with the other agent, and both joins together are one.
//!
//! ```text
//!   destination: Meet(Await S) --Ready--> source: Meet(Call, S) --Ready--> Ready
//!   Flows when both flow; Ended when both have ended
//! ```

use super::Session;
use super::event::JoinEvent;
use ftp_proto::relay::message::{Id, Leg, Meeting, Text};
use ftp_proto::relay::token::Secret32;
use ftp_proto::transfer::Side;
use std::net::SocketAddr;

/// Two agents and their join.
#[derive(Debug)]
pub struct Pair {
    source: Session,
    destination: Session,
    /// The secrets of the joins follow from it.
    seed: Secret32,
    /// How many joins have begun.
    joins: u64,
    join: Join,
}

/// What is known of the current join.
#[derive(Debug, Default)]
struct Join {
    /// What the agent of the source is told once the other one expects it.
    next: Option<(Leg, Meeting)>,
    ids: [Option<Id>; 2],
    /// Where the destination is to connect, once its agent is ready.
    destination_at: Option<SocketAddr>,
    /// The agents have connected directly.
    direct: bool,
    flows: [bool; 2],
    ended: [Option<JoinEvent>; 2],
    over: bool,
}

const fn index(side: Side) -> usize {
    match side {
        Side::Source => 0,
        Side::Destination => 1,
    }
}

fn set<T>(of: &mut [T; 2], side: Side, value: T) {
    if let Some(place) = of.get_mut(index(side)) {
        *place = value;
    }
}

impl Pair {
    /// Creates a pair without a join. `seed` is random.
    pub(super) fn new(source: Session, destination: Session, seed: Secret32) -> Self {
        let join = Join::default();
        Self { source, destination, seed, joins: 0, join }
    }

    pub(super) const fn of(&mut self, side: Side) -> &mut Session {
        match side {
            Side::Source => &mut self.source,
            Side::Destination => &mut self.destination,
        }
    }

    /// The names of both agents.
    pub(super) fn names(&self) -> String {
        format!("{} and {}", self.source.name(), self.destination.name())
    }

    pub(super) fn is_over(&self) -> bool {
        self.source.is_over() || self.destination.is_over()
    }

    /// Whether the agents have connected directly for the last join.
    pub(super) const fn is_direct(&self) -> bool {
        self.join.direct
    }

    pub(super) fn forget_join(&mut self) {
        self.source.forget_join();
        self.destination.forget_join();
        self.join = Join::default();
    }

    /// Begins a join. The hub does not learn the secret with which the agents prove themselves to each other.
    pub(super) fn join(&mut self, source: Leg, destination: Leg) -> Id {
        self.forget_join();
        self.joins += 1;
        let secret = self.seed.of_join(self.joins);
        let agent = Text::of(self.destination.name());
        self.join.next = Some((source, Meeting::Call { agent, secret: secret.clone() }));
        let id = self.destination.meet(Side::Destination, destination, Meeting::Await(secret));
        set(&mut self.join.ids, Side::Destination, Some(id));
        id
    }

    /// Asks for the digest of what comes to the destination.
    pub(super) fn digest(&mut self) {
        if let [_, Some(id)] = self.join.ids {
            self.destination.digest(id);
        }
    }

    /// Resets both data connections.
    pub(super) fn close(&mut self) {
        self.join.next = None;
        let [source, destination] = self.join.ids;
        if let Some(id) = source {
            self.source.close(id);
        }
        if let Some(id) = destination {
            self.destination.close(id);
        }
    }

    /// Asks how many bytes have come to the destination.
    pub(super) fn stat(&mut self) {
        if let [_, Some(id)] = self.join.ids {
            self.destination.stat(id);
        }
    }

    /// Waits for the next event of both joins together. It is cancel-safe.
    pub(super) async fn next(&mut self) -> JoinEvent {
        loop {
            let (side, event) = tokio::select! {
                event = self.source.next() => (Side::Source, event),
                event = self.destination.next() => (Side::Destination, event),
            };
            if let Some(event) = self.heard(side, event) {
                return event;
            }
        }
    }

    /// What an event of one agent means for both.
    fn heard(&mut self, from: Side, event: JoinEvent) -> Option<JoinEvent> {
        if let JoinEvent::Lost(why) = event {
            return Some(JoinEvent::Lost(format!("{}: {why}", self.of(from).name())));
        }
        if self.join.over {
            return None;
        }
        match event {
            JoinEvent::Ready { source, destination } => self.is_ready(from, source, destination),
            // An agent tells of the other one only if it has reached it at an address of its own.
            JoinEvent::Up(side, _) => {
                self.join.direct |= side != from;
                None
            }
            JoinEvent::Flows => {
                set(&mut self.join.flows, from, true);
                (self.join.flows == [true; 2]).then_some(JoinEvent::Flows)
            }
            JoinEvent::Refused { side, code, why, for_now } => {
                self.join.over = true;
                self.close();
                // The other leg is the other agent: neither server is to blame.
                let side = side.filter(|side| *side == from);
                let why = format!("{}: {why}", self.of(from).name());
                Some(JoinEvent::Refused { side, code, why, for_now })
            }
            told @ (JoinEvent::Stranger { .. } | JoinEvent::Digest { .. }) => Some(told),
            JoinEvent::Stat { bytes } => (from == Side::Destination).then_some(JoinEvent::Stat { bytes }),
            ended @ JoinEvent::Ended { .. } => self.has_ended(from, ended),
            JoinEvent::Lost(_) => None,
        }
    }

    fn is_ready(
        &mut self,
        from: Side,
        source: Option<SocketAddr>,
        destination: Option<SocketAddr>,
    ) -> Option<JoinEvent> {
        match from {
            Side::Destination => {
                self.join.destination_at = destination;
                if let Some((leg, meeting)) = self.join.next.take() {
                    let id = self.source.meet(Side::Source, leg, meeting);
                    set(&mut self.join.ids, Side::Source, Some(id));
                }
                None
            }
            Side::Source => Some(JoinEvent::Ready { source, destination: self.join.destination_at }),
        }
    }

    /// One of the two joins has ended. The other one ends as well: in order behind it, or because it is reset. An end
    /// that a server has caused explains more than that of the connection between the agents.
    fn has_ended(&mut self, from: Side, event: JoinEvent) -> Option<JoinEvent> {
        set(&mut self.join.ended, from, Some(event));
        let [source, destination] = &self.join.ended;
        let by_server = |event: &&JoinEvent, of: Side| matches!(event, JoinEvent::Ended { in_order: false, side, .. } if *side == Some(of));
        let of_source = source.as_ref().filter(|event| by_server(event, Side::Source));
        let of_destination = destination.as_ref().filter(|event| by_server(event, Side::Destination));
        let ended = match (of_source.or(of_destination), source, destination) {
            (Some(decisive), ..) => decisive.clone(),
            (None, Some(source), Some(destination)) => {
                let broken = [source, destination].into_iter().find_map(|event| {
                    if let JoinEvent::Ended { bytes, in_order: false, why, .. } = event {
                        Some((*bytes, why.clone()))
                    } else {
                        None
                    }
                });
                match broken {
                    Some((bytes, why)) => JoinEvent::Ended { bytes, in_order: false, side: None, why },
                    None => destination.clone(),
                }
            }
            (None, ..) => return None,
        };
        self.join.over = true;
        if matches!(ended, JoinEvent::Ended { in_order: false, .. }) {
            self.close();
        }
        Some(ended)
    }
}
