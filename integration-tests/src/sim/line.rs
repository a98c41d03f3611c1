//! The user agent's session with the relay: what it asks for, and what it hears.

use super::SIDES;
use super::relay::side_of;
use super::world::{Event, World};
use ftp_proto::relay::message::{
    Code, End, FromAgent, GrantPurpose, Id, Leg, LegState, Pin, Target, Text, ToAgent, Waits,
};
use ftp_proto::relay::user::{Input, Output};
use ftp_proto::transfer::{self, Junction, Side};
use std::net::SocketAddr;
use std::time::Duration;

/// How long a grant lives: longer than any run.
const LIFE: Duration = Duration::from_secs(4 * 3600);
const CONTROL: u16 = 21;

impl World {
    /// The user agent asks for both tunnels.
    pub(super) fn open_tunnels(&mut self) {
        for side in SIDES {
            let host = Text::of(&self.address(side).to_string());
            let now = self.now;
            let Some(relay) = &mut self.relay else { return };
            let target = Target { host, port: CONTROL };
            let grant = relay.session.grant(now, GrantPurpose::Tunnel(target), u64::MAX, LIFE, 1);
            relay.tunnels.at_mut(side).id = Some(relay.session.tunnel(now, grant));
        }
        self.drain_line();
    }

    pub(super) fn line_input(&mut self, input: Input<'_>) {
        let now = self.now;
        if let Some(relay) = &mut self.relay {
            relay.session.input(now, input);
            self.drain_line();
        }
    }

    /// The attempt wants both data connections joined.
    pub(super) fn join_at_relay(&mut self, source: Junction, destination: Junction) {
        let hosts = SIDES.map(|side| self.address(side));
        let leg = |junction, ip| match junction {
            Junction::Dial(at) => Leg::Dial(at),
            Junction::Listen => Leg::Listen(Pin { ip, port: None }),
        };
        let [at_source, at_destination] = hosts;
        let legs = [leg(source, at_source), leg(destination, at_destination)];
        let now = self.now;
        match self.relay.as_mut().filter(|relay| !relay.over) {
            Some(relay) => {
                let grant = relay.session.grant(now, GrantPurpose::Join(hosts.to_vec()), u64::MAX, LIFE, 1);
                relay.join = Some(relay.session.join(now, grant, legs, Waits::default()));
                self.drain_line();
            }
            None => self.tell_machine(transfer::Input::RelayLost("the session is over".to_owned())),
        }
    }

    /// The attempt wants its data connections reset.
    pub(super) fn cut_at_relay(&mut self) {
        let now = self.now;
        if let Some(relay) = &mut self.relay
            && let Some(id) = relay.join.take()
        {
            relay.session.send(now, ToAgent::Close { id });
            self.drain_line();
        }
    }

    /// The user agent needs the relay no more.
    pub(super) fn leave_relay(&mut self) {
        let now = self.now;
        if let Some(relay) = &mut self.relay {
            relay.session.send(now, ToAgent::Bye);
            self.drain_line();
        }
        if let Some(relay) = &mut self.relay {
            relay.over = true;
        }
    }

    fn drain_line(&mut self) {
        for _ in 0..1_000 {
            let Some(relay) = &mut self.relay else { return };
            match relay.session.poll() {
                Output::Send(bytes) => self.link_carries(bytes, Event::ToAgent),
                Output::Message(message) => self.line_hears(message),
                Output::Ended(failure) => {
                    relay.over = true;
                    relay.link.dead = true;
                    relay.join = None;
                    self.say_both(&format!("-- relay: {failure}"));
                    // The agent sees the link close as well.
                    self.schedule_within(self.scenario.delays.control, Event::ToAgent(None));
                    self.tell_machine(transfer::Input::RelayLost(failure.to_string()));
                }
                Output::Wait(wake) => {
                    relay.session_wake = wake;
                    if wake.is_none() && !relay.over {
                        self.violation("a session with the relay waits without a timer".to_owned());
                    }
                    return;
                }
            }
        }
        self.violation("the session with the relay is never drained".to_owned());
    }

    fn line_hears(&mut self, message: FromAgent) {
        let Some(relay) = &self.relay else { return };
        let join = relay.join;
        let tunnel = |id| SIDES.into_iter().find(|side| relay.tunnels.at(*side).id == Some(id));
        match message {
            FromAgent::TunnelReady { id, ticket, .. } => {
                if let Some(side) = tunnel(id) {
                    self.tunnel_ready(side, id, ticket);
                }
            }
            FromAgent::Refused { id, code, leg, text } => match tunnel(id) {
                Some(side) => self.hang_up(side),
                None if join == Some(id) => self.join_refused(code, leg.map(side_of), code.with(&text)),
                None => {}
            },
            FromAgent::JoinReady { id, a, b } if join == Some(id) => {
                let listens = |state| match state {
                    LegState::Listening(at) => Some(at),
                    LegState::Dialing(_) | LegState::Meeting => None,
                };
                let (source, destination): (Option<SocketAddr>, _) = (listens(a), listens(b));
                self.tell_machine(transfer::Input::RelayReady { source, destination });
            }
            FromAgent::Joined { id } if join == Some(id) => {
                self.tell_machine(transfer::Input::RelayFlowing);
            }
            FromAgent::Ended { id, how, .. } if join == Some(id) => self.join_ended(how),
            FromAgent::Granted { .. }
            | FromAgent::JoinReady { .. }
            | FromAgent::LegUp { .. }
            | FromAgent::Stranger { .. }
            | FromAgent::Joined { .. }
            | FromAgent::HalfEof { .. }
            | FromAgent::Stat { .. }
            | FromAgent::Ended { .. }
            | FromAgent::Pong { .. }
            | FromAgent::Bye { .. }
            | FromAgent::Ext { .. } => {}
        }
    }

    /// The link that carries the control connection attaches.
    fn tunnel_ready(&mut self, side: Side, id: Id, ticket: ftp_proto::relay::token::Secret32) {
        let now = self.now;
        if !self.user.ends.at(side).over {
            return self.schedule_within(self.scenario.delays.control, Event::Attach(side, ticket));
        }
        if let Some(relay) = &mut self.relay {
            relay.session.send(now, ToAgent::Close { id });
        }
    }

    fn join_refused(&mut self, code: Code, side: Option<Side>, why: String) {
        self.forget_join();
        self.tell_machine(match (code, side) {
            (Code::Busy | Code::Draining, _) => transfer::Input::RelayLost(why),
            (_, Some(side)) => transfer::Input::DataFailed(side, why),
            (_, None) => transfer::Input::RelayRefused(why),
        });
    }

    fn join_ended(&mut self, how: End) {
        self.forget_join();
        let why = format!("{how:?}");
        self.tell_machine(match how {
            End::Eof => transfer::Input::RelayPassed,
            End::Reset(leg) => transfer::Input::DataFailed(side_of(leg), why),
            End::Idle
            | End::Stalled
            | End::LimitBytes
            | End::LimitTime
            | End::Revoked
            | End::Shutdown
            | End::NoGreeting => transfer::Input::RelayRefused(why),
        });
    }

    fn forget_join(&mut self) {
        if let Some(relay) = &mut self.relay {
            relay.join = None;
        }
    }

    /// A fault: the link breaks for both.
    pub(super) fn cut_relay(&mut self) {
        let now = self.now;
        if let Some(relay) = &mut self.relay {
            relay.link.harmed = true;
            relay.link.dead = true;
            self.schedule(now, Event::ToAgent(None));
            self.schedule(now, Event::FromAgent(None));
        }
    }

    /// A fault: nothing arrives for a time, or never again.
    pub(super) fn stall_relay(&mut self, time: Option<Duration>) {
        let now = self.now;
        if let Some(relay) = &mut self.relay {
            relay.link.harmed = true;
            match time {
                Some(time) => relay.link.stalled_until = relay.link.stalled_until.max(now + time),
                None => relay.link.dead = true,
            }
        }
    }

    /// What arrives at the user agent's end of the link.
    pub(super) fn line_arrives(&mut self, piece: Option<Vec<u8>>) {
        match piece {
            Some(bytes) => self.line_input(Input::Bytes(&bytes)),
            None => self.line_input(Input::Closed),
        }
    }
}
