//! The relay agent: its machine is told what happens, and what it asks for is performed.

use super::SIDES;
use super::relay::{Conn, Join};
use super::scenario::{Obstacle, Sabotage};
use super::wire::{Caller, Listener, Owner, Place, Syn};
use super::world::{Event, World};
use ftp_proto::relay::agent::{Answer, Ask, ConnId, Flow, Input, JoinEnd, Output, Route, Ticket};
use ftp_proto::relay::message::{self, Code};
use ftp_proto::relay::token::Secret32;
use ftp_proto::server::ask::Ending;
use ftp_proto::transfer::Side;
use std::net::SocketAddr;

/// The control port of each server.
const CONTROL: u16 = 21;

impl World {
    pub(super) fn agent_input(&mut self, input: Input<'_>) {
        let now = self.now;
        let Some(relay) = self.relay.as_mut().filter(|relay| !relay.is_gone()) else { return };
        relay.agent.input(now, input);
        self.drain_agent();
    }

    /// What arrives at the agent's end of the link.
    pub(super) fn agent_hears(&mut self, piece: Option<Vec<u8>>) {
        match piece {
            Some(bytes) => self.agent_input(Input::Bytes(&bytes)),
            None => self.agent_input(Input::Closed),
        }
    }

    /// An answer reaches the machine. One to a question that was cancelled may come all the same.
    pub(super) fn agent_answer(&mut self, ticket: Ticket, answer: Answer) {
        let Some(relay) = &mut self.relay else { return };
        relay.dialing.remove(&ticket);
        relay.ending -= usize::from(matches!(answer, Answer::Ended { .. }));
        if let Answer::Listening(at) = answer {
            if relay.is_gone() || relay.cancelled.contains(&ticket) {
                return;
            }
            relay.listeners.insert(ticket, at);
            self.wire.listeners.insert(at, Listener::Relay(ticket));
            self.strangers_notice(at);
        }
        self.agent_input(Input::Answer(ticket, answer));
    }

    fn drain_agent(&mut self) {
        for _ in 0..1_000 {
            let Some(relay) = &mut self.relay else { return };
            match relay.agent.poll() {
                Output::Send(bytes) => self.link_carries(bytes, Event::FromAgent),
                Output::More => relay.agent.input(self.now, Input::Next),
                Output::Ask(ask) => self.agent_asks(ask),
                Output::Event(event) => self.say_both(&format!("   relay: {event:?}")),
                Output::Close => {
                    relay.closed = true;
                    return self.close_relay(Ending::Reset);
                }
                Output::Wait(wake) => {
                    let wake = wake.filter(|_| self.scenario.sabotage != Some(Sabotage::NoRelayTimer));
                    relay.agent_wake = wake;
                    // What it has stopped ends with an answer that always comes.
                    if wake.is_none() && relay.ending == 0 {
                        self.violation("the relay agent waits without a timer".to_owned());
                    }
                    return;
                }
            }
        }
        self.violation("the relay agent is never drained".to_owned());
    }

    /// The agent's process dies: the kernel closes its connections in order.
    pub(super) fn relay_dies(&mut self) {
        if let Some(relay) = &mut self.relay {
            relay.crashed = true;
            self.close_relay(Ending::Close);
        }
    }

    /// The agent is told to stop.
    pub(super) fn stop_relay(&mut self) {
        if let Some(relay) = &mut self.relay {
            relay.link.harmed = true;
            self.agent_input(Input::Shutdown);
        }
    }

    /// Everything that the agent has ends, and so does every control connection that it carries.
    fn close_relay(&mut self, how: Ending) {
        self.wire.stop_listening(|listener| matches!(listener, Listener::Relay(_)));
        for (conn, end) in self.wire.open_ends(|owner| matches!(owner, Owner::Relay(_))) {
            self.close_end(conn, end, how);
        }
        for side in SIDES {
            if !self.links.at(side).is_closed() {
                self.cut(side);
            }
        }
        self.schedule_within(self.scenario.delays.control, Event::FromAgent(None));
    }

    fn agent_asks(&mut self, ask: Ask) {
        let Some(relay) = &mut self.relay else { return };
        let here = relay.address;
        match ask {
            Ask::Place { ticket, .. } => self.answer_agent(ticket, Answer::Admitted),
            Ask::Leave(_) => {}
            Ask::Greeting { ticket, conn } => self.relay_awaits_greeting(ticket, conn),
            Ask::Resolve { ticket, host, port } => {
                let ip = host.parse().expect("a target of the simulated user agent is an address");
                self.answer_agent(ticket, Answer::Resolved(vec![SocketAddr::new(ip, port)]));
            }
            Ask::Route { ticket, to } => {
                let route = Route { from: Some(here), is_own: false };
                self.answer_agent(ticket, Answer::Routes(vec![route; to.len()]));
            }
            Ask::Random(ticket) => {
                let secret = Secret32::new(self.random.array());
                self.answer_agent(ticket, Answer::Random(secret));
            }
            Ask::Listen { ticket, at } => {
                let port = relay.new_port();
                let refused = SIDES.into_iter().any(|side| self.lacks_leg(side));
                self.answer_agent(
                    ticket,
                    if refused {
                        Answer::Failed(Code::Internal, "no port".to_owned())
                    } else {
                        Answer::Listening(SocketAddr::new(at, port))
                    },
                );
            }
            Ask::Unlisten(ticket) => {
                relay.cancelled.insert(ticket);
                if self.scenario.sabotage == Some(Sabotage::KeepListener) {
                    return;
                }
                if let Some(at) = relay.listeners.remove(&ticket) {
                    self.wire.stop_listening(|listener| listener == Listener::Relay(ticket));
                    self.say_both(&format!("   relay: listens at {at} no more"));
                }
            }
            Ask::Dial { ticket, from, to, .. } => self.agent_dials(ticket, SocketAddr::new(from, 0), to),
            Ask::Call { ticket, .. } => self.answer_agent(ticket, no_hub()),
            Ask::Cancel(ticket) => relay.cancel(ticket),
            Ask::Reset(conn) => match relay.conns.get(&conn).copied() {
                Some(Conn::Data((conn, end))) => self.close_end(conn, end, Ending::Reset),
                Some(Conn::Control(side)) => self.cut(side),
                None => {}
            },
            Ask::Expect { ticket, secret } => relay.expected.push((ticket, secret)),
            Ask::Unexpect(ticket) => relay.expected.retain(|(expected, _)| *expected != ticket),
            Ask::Join { ticket, a, b, .. } => self.agent_joins(ticket, a, b),
            Ask::Progress { ticket, of } => {
                let flow = self.agent_flow(of);
                self.answer_agent(ticket, Answer::Progress(flow));
            }
            Ask::Stop(join) => match relay.tunnel_of(join) {
                Some(side) => {
                    self.tunnel_ends(side, JoinEnd::Stopped);
                    self.cut(side);
                }
                None => self.end_join(join, JoinEnd::Stopped),
            },
        }
    }

    /// The agent connects to a control port or a data port.
    fn agent_dials(&mut self, ticket: Ticket, from: SocketAddr, to: SocketAddr) {
        let Some(side) = SIDES.into_iter().find(|side| self.address(*side) == to.ip()) else {
            return self.violation(format!("the relay connects to {to}"));
        };
        if to.port() == CONTROL {
            return self.schedule_within(self.scenario.delays.control, Event::ControlSyn(side, ticket));
        }
        if let Some(relay) = &mut self.relay {
            relay.dialing.insert(ticket);
        }
        if self.has(Obstacle::NoLeg(side)) {
            return self.connect_fails(self.now, Caller::Relay(ticket), "no route");
        }
        self.connect(Syn { by: Caller::Relay(ticket), from, to });
    }

    /// The relay cannot listen for that server.
    fn lacks_leg(&self, side: Side) -> bool {
        self.has(Obstacle::NoLeg(side)) && self.scenario.is_active(side)
    }

    /// The relay's SYN reaches a control port: the server greets.
    pub(super) fn control_syn(&mut self, side: Side, ticket: Ticket) {
        let Some(relay) = &mut self.relay else { return };
        if self.hosts.at(side).is_gone() || relay.cancelled.contains(&ticket) {
            return self.connect_fails(self.now, Caller::Relay(ticket), "connection refused");
        }
        let conn = relay.new_conn();
        relay.conns.insert(conn, Conn::Control(side));
        let local = SocketAddr::new(relay.address, 50_000);
        self.greet(side);
        self.answer_agent(ticket, Answer::Connected { conn, local });
    }

    /// The user agent's link for a tunnel attaches, if it is expected.
    pub(super) fn attaches(&mut self, side: Side, secret: &Secret32) {
        let Some(relay) = &mut self.relay else { return };
        let Some(at) = relay.expected.iter().position(|(_, expected)| expected == secret) else {
            return self.cut(side);
        };
        let (ticket, _) = relay.expected.remove(at);
        let conn = relay.new_conn();
        relay.conns.insert(conn, Conn::Control(side));
        self.agent_input(Input::Attached { ticket, conn });
    }

    pub(super) fn new_relay_conn(&mut self) -> Owner {
        let relay = self.relay.as_mut().expect("only a relay has its connections");
        Owner::Relay(relay.new_conn())
    }

    pub(super) fn relay_remembers(&mut self, id: ConnId, place: Place) {
        if let Some(relay) = &mut self.relay {
            relay.conns.insert(id, Conn::Data(place));
        }
    }

    /// The agent is told of a data connection that it has made, unless it has given up.
    pub(super) fn relay_connected(&mut self, ticket: Ticket, conn: ConnId, (data, end): Place) {
        let Some(relay) = &mut self.relay else { return };
        relay.dialing.remove(&ticket);
        if relay.is_gone() || relay.cancelled.contains(&ticket) {
            return self.close_end(data, end, Ending::Reset);
        }
        let local = self.wire.end(data, end).address;
        self.agent_input(Input::Answer(ticket, Answer::Connected { conn, local }));
    }

    fn agent_joins(&mut self, ticket: Ticket, a: ConnId, b: ConnId) {
        let Some(relay) = &mut self.relay else { return };
        match (relay.conns.get(&a).copied(), relay.conns.get(&b).copied()) {
            (Some(Conn::Control(side)), Some(Conn::Control(other))) if side == other => {
                relay.tunnels.at_mut(side).join = Some(ticket);
                let early = std::mem::take(&mut relay.tunnels.at_mut(side).early);
                self.server_sends(side, early);
                if self.links.at(side).is_closed() {
                    self.tunnel_ends(side, JoinEnd::Leg(message::LegId::B));
                }
            }
            (Some(Conn::Data(a)), Some(Conn::Data(b))) => {
                let join = Join { legs: [a, b], passed: [0; 2], ended: [false; 2] };
                relay.joins.insert(ticket, join);
                self.schedule(self.now, Event::Serve { conn: a.0, end: a.1 });
            }
            (one, other) => self.violation(format!("the relay joins {one:?} with {other:?}")),
        }
    }

    /// Something has arrived at a data connection of the relay: it is passed on if it is joined.
    pub(super) fn relay_serves(&mut self, conn: ConnId) {
        let Some(relay) = &self.relay else { return };
        if let Some(Conn::Data(leg)) = relay.conns.get(&conn).copied()
            && let Some(ticket) = relay.join_of(leg)
        {
            self.serve_join(ticket);
        }
    }

    fn serve_join(&mut self, ticket: Ticket) {
        for (from, side) in message::LegId::BOTH.into_iter().enumerate() {
            let join = self.relay.as_ref().and_then(|relay| relay.joins.get(&ticket).copied());
            let Some(Join { legs, .. }) = join else { return };
            let (count, over) = self.pass_on(legs[from], legs[1 - from]);
            let relay = self.relay.as_mut().expect("it has the join");
            let Some(join) = relay.joins.get_mut(&ticket) else { return };
            join.passed[from] += count;
            let bytes = join.passed[from];
            match over {
                Some(Ending::Reset) => return self.end_join(ticket, JoinEnd::Leg(side)),
                Some(Ending::Close) if !std::mem::replace(&mut join.ended[from], true) => {
                    let (conn, end) = legs[1 - from];
                    self.carry_data(conn, 1 - end, Err(Ending::Close));
                    self.agent_input(Input::HalfEof { join: ticket, from: side, bytes });
                }
                Some(Ending::Close) | None => {}
            }
        }
        let join = self.relay.as_ref().and_then(|relay| relay.joins.get(&ticket));
        if join.is_some_and(|join| join.ended == [true; 2]) {
            self.end_join(ticket, JoinEnd::Whole);
        }
    }

    /// A join is over: both its connections end, and the agent is told.
    fn end_join(&mut self, ticket: Ticket, how: JoinEnd) {
        let Some(join) = self.relay.as_mut().and_then(|relay| relay.joins.remove(&ticket)) else { return };
        let ending = if how == JoinEnd::Whole { Ending::Close } else { Ending::Reset };
        for (conn, end) in join.legs {
            self.close_end(conn, end, ending);
        }
        let [a_to_b, b_to_a] = join.passed;
        self.answer_agent(ticket, Answer::Ended { a_to_b, b_to_a, how });
    }

    fn agent_flow(&self, of: Ticket) -> Flow {
        let Some(relay) = &self.relay else { return Flow::default() };
        let [a, b] = match (relay.tunnel_of(of), relay.joins.get(&of)) {
            (Some(side), _) => [relay.tunnels.at(side).to_server, relay.tunnels.at(side).to_user],
            (None, Some(join)) => join.passed,
            (None, None) => [0; 2],
        };
        Flow { taken_a: a, given_b: a, taken_b: b, given_a: b }
    }
}

/// This relay has joined no hub.
fn no_hub() -> Answer {
    Answer::Failed(Code::Unsupported, "no hub".to_owned())
}
